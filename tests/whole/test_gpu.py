"""A still, a film and `again` on an accelerator, where there is one (`pytest -m gpu`)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vqclip.cli import main
from vqclip.media import images

KINDS = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
PRESENT = [name for name, is_there in KINDS.items() if is_there]

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("device", PRESENT)
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_a_still_a_film_and_again(device: str, precision: str, tmp_path: Path) -> None:
    words = ["a red heart", f"device={device}", f"precision={precision}", "steps=6", "size=64x64"]
    assert main.main([*words, "--seed", "1", "--film", "--out", str(tmp_path), "--quiet"]) == 0
    first = tmp_path / "0001-a-red-heart"
    assert (first / "film.mp4").stat().st_size > 500
    assert main.main(["again", str(first / "final.png"), "--out", str(tmp_path), "--quiet"]) == 0
    second = tmp_path / "0002-a-red-heart"
    # Accelerators may add numbers in another order each time; the pictures are alike, not equal.
    difference = images.read_picture(first / "final.png") - images.read_picture(
        second / "final.png"
    )
    assert difference.abs().mean() < 16 / 255


@pytest.mark.parametrize("device", PRESENT)
def test_a_deterministic_run_gives_the_same_picture(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["a red heart", f"device={device}", "steps=6", "size=64x64", "deterministic=true"]
    for _ in range(2):
        assert main.main([*words, "--seed", "1", "--out", str(tmp_path)]) == 0
    unsteady = "torch has no deterministic" in capsys.readouterr().err
    pair = [images.read_picture(path) for path in sorted(tmp_path.glob("*/final.png"))]
    assert unsteady or torch.equal(*pair)


@pytest.mark.parametrize("device", PRESENT)
def test_a_word_is_learnt_and_used(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images.save_png(tmp_path / "a.png", torch.rand(1, 3, 64, 64))
    learn = ["invert", "a.png", "--token", "x", "--steps", "3", "previews=3", f"device={device}"]
    assert main.main([*learn, "--kind", "style", "--quiet"]) == 0
    draw = ["a house in the style of <x>", f"device={device}", "steps=3", "size=64x64"]
    assert main.main([*draw, "film.format=none", "--quiet"]) == 0
