"""Does benchmarks/animation.py measure what it says? On patterns, and with nothing drawn."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    "animation",
    "animation_camera",
    "animation_flicker",
    "animation_runs",
    "clips",
    "memory",
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script and what it imports, as `python benchmarks/animation.py` finds them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import animation

    yield animation
    for name in MODULES:
        sys.modules.pop(name, None)


def test_no_wave_of_the_pattern_is_finer_than_said(bench: Any) -> None:
    camera = bench.animation_camera
    image = camera.pattern(camera.middles(), 8)[0, 0].numpy()
    assert image.shape == (camera.SIDE, camera.SIDE)
    assert 0 <= image.min() < 0.35 and 0.65 < image.max() <= 1
    window = np.hanning(camera.SIDE)
    power = np.abs(np.fft.fft2((image - image.mean()) * window * window[:, None])) ** 2
    pace = np.hypot(*np.meshgrid(*[np.fft.fftfreq(camera.SIDE)] * 2))
    assert power[pace > 1 / 8 + 2 / camera.SIDE].sum() < 1e-4 * power.sum()
    assert power[(pace > 1 / 10) & (pace < 1 / 7)].sum() > 0.05 * power.sum()


def test_only_the_disc_counts(bench: Any) -> None:
    camera = bench.animation_camera
    image = camera.pattern(camera.middles(), 8)
    spoilt = image.clone()
    spoilt[..., :20, :20] = 0
    assert camera.psnr(spoilt, image) == 160
    assert camera.fine(spoilt) == camera.fine(image)
    assert camera.psnr(image + 0.01, image) == pytest.approx(40)
    waves = (2 * math.pi / 16 * camera.middles()[..., 0]).sin()[None, None]
    slope = math.sin(2 * math.pi / 16)  # of central differences
    assert camera.fine(waves) == pytest.approx(slope**2 / 2, rel=0.01)


def test_detail_is_what_neighbours_differ_by(bench: Any) -> None:
    ramp = torch.arange(8.0).div(10).expand(1, 3, 4, 8)
    assert bench.animation_flicker.detail(ramp) == pytest.approx(0.05)


def test_what_is_given_is_parted(bench: Any, tmp_path: Path) -> None:
    given = bench.Given.read(["photo=a.png", "size=64x64", "camera.zoom=frame == 3"], tmp_path)
    assert given.photo() == Path("a.png")
    assert given.settings == ("size=64x64", "camera.zoom=frame == 3")
    assert given.out == tmp_path
    assert bench.Given.read(["out=b"], tmp_path).out == Path("b")
    with pytest.raises(SystemExit, match="name a photograph: photo=FILE"):
        bench.Given.read([], tmp_path).photo()
    with pytest.raises(SystemExit, match="'64x64' is not key=value"):
        bench.Given.read(["64x64"], tmp_path)
    with pytest.raises(SystemExit, match="python benchmarks/animation"):
        bench.main(["nothing"])
