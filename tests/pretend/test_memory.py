"""Memory of a pretend accelerator: what fits, what runs out, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.media import images
from vqclip.models import memory
from vqclip.run import memory_reduction

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]
NO_ENGINE = "Unable to find an engine to execute this computation"


def test_no_engine_is_lack_of_memory_only_where_memory_is_nearly_full() -> None:
    with pretending(memory=1000):
        assert not memory.is_out_of_memory(RuntimeError(NO_ENGINE))
        held = torch.ones(200, device="cuda")
        assert memory.is_out_of_memory(RuntimeError(NO_ENGINE))
        del held


def test_no_engine_elsewhere_is_told_as_what_it_is(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise RuntimeError(NO_ENGINE)

    monkeypatch.setattr("vqclip.guidance.perceptor.OpenClipPerceptor.embed_image", fail)
    with pretending(capability=(7, 5)):
        assert main.main(["a fox", *home.words("device=cuda")]) == 1
    err = capsys.readouterr().err
    assert "error: the GPU cannot compute this: Unable to find an engine" in err
    assert "precision=fp32" in err and "device=cpu draws without it" in err
    assert "bug in vqclip" not in err


def test_memory_that_runs_out_while_loading_is_told_as_that(home: Home, capsys: Capture) -> None:
    with pretending(memory=10_000):
        labels = ["--labels", "fox | owl"]
        words = ["classify", "a.png", *labels, f"perceptors={home.clip}", "device=cuda"]
        images.save_png(Path("a.png"), torch.rand(1, 3, 32, 32))
        assert main.main(words) == 1
    err = capsys.readouterr().err
    assert "error: not enough memory; close other programs" in err
    assert "damaged" not in err


def test_what_cuda_itself_takes_is_not_counted_twice(home: Home, capsys: Capture) -> None:
    words = ["a fox", *home.words("device=cuda")]
    with pretending(memory=250_000_000) as accelerator:
        assert main.main(words) == 0
        assert accelerator.peak < 250_000_000
    assert "would need" not in capsys.readouterr().err
    with pretending():  # where it has not been taken yet, it counts
        assert main.main(["plan", *words]) == 0
    assert "needs     about 0.5 GB of GPU memory" in capsys.readouterr().out


def test_a_lack_of_memory_before_the_first_step_blames_no_step(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: None)
    with pretending(memory=10_000):
        assert main.main(["a fox", *home.words("device=cuda")]) == 1
    err = capsys.readouterr().err
    assert "error: not enough memory for 32x32; " in err
    assert "cutout at a time" not in err
    assert not Path("outputs").exists()
