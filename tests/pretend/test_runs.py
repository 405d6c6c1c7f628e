"""Runs on a pretend accelerator, see `tests.pretend.accelerator`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.media import images
from vqclip.run import memory_reduction

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]
FILM = ("frames=2", "fps=2", "motion.steps=1", "film.format=gif")
KINDS = {
    "still": ("a fox",),
    "growth": ("a fox", "growth=[{size: 50%, steps: 1}]"),
    "colours": ("a fox | a moon:-0.5", "losses.smoothness=1", "losses.distinct=1"),
    "regions": ("a forest | a moon in(10% 5% 77% 73%)", "size=52x52"),
    "memory": ("a fox", "memory={chunk: 1, recompute: true, tiles: true}"),
    "zoom": ("a fox", *FILM, "camera.zoom=1.1"),
    "latents": ("a fox", *FILM, "camera.zoom=1.1", "camera.through=latent"),
    "plane": ("a fox", *FILM, "camera.forward=0.1", "camera.depth=plane"),
    "source": ("a fox", *FILM, "source.film=film", "source.blend=0.5"),
    "clamp": ("a fox", "cutouts.recipe=pytti", "size=101x77"),
    "palette": ("a fox", "drawer=palette", "init=film/0.png"),
    "pixels": ("a fox", "drawer=pixels", "init=random"),
    "fft": ("a fox", "drawer=fourier", "init=random"),
    "strokes": ("a fox", "drawer=strokes", "init=random"),
}


def draw(home: Home, device: str, *words: str, code: int = 0) -> None:
    """Run words on a device with tiny models; precision is the device's own."""
    assert main.main([*home.words(f"device={device}", "steps=2", "seed=1"), *words]) == code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_each_kind_of_run(home: Home, kind: str, device: str) -> None:
    Path("film").mkdir()
    for number in range(2):
        images.save_png(Path(f"film/{number}.png"), torch.full((1, 3, 40, 40), number / 2))
    with pretending(f"{device}:0") as accelerator:
        draw(home, device, *KINDS[kind])
    assert accelerator.peak > 0
    assert len(list(Path("outputs").glob("*/final.png"))) == 1


def test_a_picture_in_fp32_is_that_of_the_cpu(home: Home) -> None:
    with pretending():
        draw(home, "cuda", "a fox", "precision=fp32")
    draw(home, "cpu", "a fox")
    pair = [images.read_picture(path) for path in sorted(Path("outputs").glob("*/final.png"))]
    assert (pair[0] - pair[1]).abs().max() <= 1 / 255 + 1e-6


def test_memory_that_runs_out_is_saved(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: None)
    # Of a smaller picture, weights alone are nearly as much as there is.
    with pretending() as whole:
        draw(home, "cuda", "a fox", "cutouts.count=16", "size=128x128")
    with pretending(memory=whole.peak * 9 // 10):
        draw(home, "cuda", "a fox", "cutouts.count=16", "size=128x128")
    assert "memory ran out at step 0; processing" in capsys.readouterr().err


def test_two_devices_are_not_mixed() -> None:
    with pretending("mps:0"):
        there = torch.ones(3, device="mps")
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, generator=torch.Generator("mps"))
        with pytest.raises(TypeError, match="float64"):
            there.double()
        assert there.sum().item() == 3
