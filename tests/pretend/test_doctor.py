"""`vqclip doctor` on a pretend accelerator."""

from __future__ import annotations

import pytest

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.cli.commands.machine import doctor

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def small(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is one of the tiny models."""
    words = [word for word in home.words() if not word.startswith("device=")]
    monkeypatch.setattr(doctor, "STEP", tuple(words))


def said(capsys: Capture) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_gpus_are_told_with_capability_and_memory(capsys: Capture) -> None:
    with pretending(capability=(7, 5), memory=3 * 10**9, count=2):
        assert main.main(["doctor"]) == 0
    lines = said(capsys)
    for number in range(2):
        told = f"cuda:{number} Pretend, capability 7.5, 3.0 of 3.0 GB free"
        assert told in lines
    assert "device=auto cuda (Pretend)" in lines and "precision=auto fp16" in lines
    assert "one step drawn on cuda (Pretend) in fp16, in" in " ".join(lines)


def test_a_decoder_in_bfloat16_is_told(capsys: Capture) -> None:
    with pretending():
        assert main.main(["doctor"]) == 0
    lines = said(capsys)
    assert "precision=auto bf16, the decoder too" in lines
    assert "one step drawn on cuda (Pretend) in bf16, the decoder too, in" in " ".join(lines)


def test_apples_gpu_is_told(capsys: Capture) -> None:
    with pretending("mps:0", memory=5 * 10**9):
        assert main.main(["doctor"]) == 0
    lines = said(capsys)
    assert "mps Apple's GPU, 5.0 GB for it" in lines
    assert "device=auto mps" in lines and "memory 5.0 GB for a run" in lines


def test_a_gpu_that_cannot_compute_is_told(capsys: Capture) -> None:
    with pretending(failure="CUDA error: no kernel image is available"):
        assert main.main(["doctor", "device=cuda"]) == 1
    out, err = capsys.readouterr()
    assert "cannot compute (CUDA error: no kernel image is available)" in out
    assert "disk for models" in out
    assert "error: one step with device=cuda precision=auto failed: " in err
