"""The device that is chosen, where there are none, several, or one that fails."""

from __future__ import annotations

import pytest

from tests.conftest import Home, Refusal
from tests.pretend.accelerator import pretending
from vqclip.cli import main

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel er"


def without_device(home: Home) -> list[str]:
    return [word for word in home.words() if not word.startswith("device=")]


def test_auto_passes_over_a_gpu_that_cannot_compute(home: Home, capsys: Capture) -> None:
    with pretending(failure=NO_KERNEL):
        assert main.main(["a fox", *without_device(home)]) == 0
    err = capsys.readouterr().err
    assert err.count("note: cuda is here, but cannot compute (CUDA error: no kernel image") == 1
    assert "on cpu in fp32" in err


def test_a_gpu_that_is_named_and_cannot_compute_is_refused(home: Home, refused: Refusal) -> None:
    with pretending(failure=NO_KERNEL):
        sentence = refused("a fox", *without_device(home), "device=cuda")
    assert sentence.startswith("device=cuda cannot compute (CUDA error: no kernel image")
    assert sentence.endswith("device=cpu draws without it")


def test_a_gpu_that_fails_on_the_way_is_no_bug(home: Home, capsys: Capture) -> None:
    with pretending() as accelerator:
        words = home.words("device=cuda", "previews=1")

        def fail(*args: object, **named: object) -> None:
            accelerator.failure = "CUDA error: an illegal memory access was encountered\nCompile"

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("vqclip.run.record.writer._preview", fail)
            assert main.main(["a fox", *words]) == 1
    err = capsys.readouterr().err
    assert "the GPU cannot compute this: CUDA error: an illegal memory access was encou" in err
    assert "device=cpu draws without it" in err and "bug in vqclip" not in err


def test_the_second_gpu_can_be_named(home: Home, capsys: Capture, refused: Refusal) -> None:
    with pretending("cuda:1", count=2) as accelerator:
        assert main.main(["a fox", *without_device(home), "device=cuda:1"]) == 0
        assert accelerator.peak > 0
    assert "on cuda (Pretend)" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_refused(home: Home, refused: Refusal) -> None:
    with pretending(count=2):
        sentence = refused("a fox", *without_device(home), "device=cuda:2")
        assert sentence == "device=cuda:2: there are 2 GPUs here, cuda:0 and cuda:1"
        assert "one of: auto, cpu, cuda, mps" in refused("a fox", "device=cuda:x")
    sentence = refused("a fox", *without_device(home), "device=cuda:1")
    assert sentence == "device=cuda:1: torch finds no CUDA here (it can use: cpu)"
