"""Flicker of films whose flicker is known."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from vqclip.animation.flicker import Flicker, measure_flicker
from vqclip.animation.optical_flow import occlusion_mask, open_flow, warp
from vqclip.errors import PictureError

Still = open_flow("none")


def frames(count: int, size: int = 16, seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(1, 3, size, size, generator=random) for _ in range(count)]


def by(shift: float) -> object:
    """A flow that is the same everywhere, and back."""
    steps = iter(range(1000))

    def flow(a: Tensor, b: Tensor) -> Tensor:
        sign = 1 if next(steps) % 2 == 0 else -1
        field = torch.zeros(1, 2, *a.shape[2:])
        field[:, 0] = sign * shift
        return field

    return flow


def test_without_motion_it_is_the_mean_square() -> None:
    film = frames(5)
    found = measure_flicker(film, Still)
    pairs = [(a.double().numpy(), b.double().numpy()) for a, b in pairwise(film)]
    assert found.warped == pytest.approx([np.square(a - b).mean() for a, b in pairs], rel=1e-4)
    assert found.differences == pytest.approx([np.abs(a - b).mean() for a, b in pairs])
    assert found.loop == pytest.approx(np.abs(film[4].numpy() - film[0].numpy()).mean())
    assert found.shown == (1, 1, 1, 1)
    assert found.warping_error == pytest.approx(np.mean(found.warped))  # type: ignore[arg-type]
    assert found.mean_difference == pytest.approx(np.mean(found.differences))


def test_a_film_that_only_pans_has_no_error() -> None:
    wide = torch.rand(1, 3, 16, 60, generator=torch.Generator().manual_seed(1))
    film = [wide[..., 2 * n : 2 * n + 24] for n in range(9)]
    found = measure_flicker(film, by(-2))  # type: ignore[arg-type]
    assert found.warping_error == pytest.approx(0, abs=1e-9) and found.mean_difference > 0.2
    # Two of 24 columns have left the picture.
    assert found.shown == pytest.approx([22 / 24] * 8)
    assert measure_flicker(film, by(2)).warping_error > 0.1  # type: ignore[arg-type, operator]


def test_the_formula_over_what_both_show() -> None:
    film, source = frames(2, 40), frames(2, 40, seed=1)
    smooth = torch.nn.functional.avg_pool2d(torch.cat(source), 9, 1, 4)
    source = list(smooth.split(1))
    flow = open_flow("farneback")
    forward, backward = flow(*source), flow(*reversed(source))
    mask = (1 - occlusion_mask(forward, backward, boundaries=True))[0, 0].double().numpy()
    fetched = warp(film[1], forward).clamp(0, 1)[0].double().numpy()
    squares = np.square(film[0][0].double().numpy() - fetched).sum(0)  # |V - V'|²
    found = measure_flicker(film, flow, source)
    assert 0 < mask.mean() < 1 and found.shown == pytest.approx([mask.mean()])
    assert found.warped[0] == pytest.approx((mask * squares).sum() / mask.sum() / 3, rel=1e-4)


def test_noise_is_measured_and_a_source_tells_the_motion() -> None:
    """The same pan with noise on it: by the clean film's motion, the noise's variance, twice."""
    random = torch.Generator().manual_seed(2)
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 30, generator=random), (96, 240), mode="bicubic"
    ).clamp(0.2, 0.8)
    clean = [smooth[..., 3 * n : 3 * n + 96] for n in range(6)]
    noisy = [f + 0.05 * torch.randn(f.shape, generator=random) for f in clean]
    steady, unsteady = (
        measure_flicker(clean, open_flow("dis")),
        measure_flicker(noisy, open_flow("dis"), clean),
    )
    assert steady.warping_error is not None and unsteady.warping_error is not None
    assert steady.warping_error < 1e-4 < unsteady.warping_error
    assert unsteady.warping_error == pytest.approx(2 * 0.05**2, rel=0.3)


def test_nothing_shared_is_no_error() -> None:
    found = measure_flicker(frames(3), by(500))  # type: ignore[arg-type]
    assert found.warped == (None, None) and found.warping_error is None and found.shown == (0, 0)


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 60])
def test_the_percentile_is_numpys(count: int) -> None:
    values = np.random.default_rng(count).random(count).tolist()
    found = Flicker((None,) * count, (0.0,) * count, tuple(values), 0.5)
    assert found.usual_difference == pytest.approx(np.percentile(values, 95))
    assert found.is_loop == (np.percentile(values, 95) >= 0.5)


def test_a_loop_closes_if_its_end_is_like_its_other_steps() -> None:
    def shade(at: float) -> Tensor:
        return torch.full((1, 3, 4, 4), 0.5 + 0.4 * math.sin(2 * math.pi * at))

    assert measure_flicker([shade(n / 12) for n in range(12)], Still).is_loop
    assert not measure_flicker([shade(n / 48) for n in range(12)], Still).is_loop


def test_few_frames_are_held() -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def film() -> Iterator[Tensor]:
        nonlocal most
        for number in range(30):
            frame = torch.full((1, 3, 8, 8), number / 30)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    measure_flicker(film(), Still, film())
    assert most <= 2 * 3 + 2


def test_who_reads_frames_is_closed_when_something_is_wrong() -> None:
    closed: list[str] = []

    def film(name: str, count: int) -> Iterator[Tensor]:
        try:
            yield from frames(count)
        finally:
            closed.append(name)

    with pytest.raises(PictureError, match="the source ends after 2 frames, before the film"):
        measure_flicker(film("film", 4), Still, film("source", 2))
    assert closed == ["source", "film"]
    assert len(measure_flicker(film("film", 2), Still, film("source", 9)).differences) == 1
    for count in (0, 1):
        with pytest.raises(PictureError, match="measuring flicker needs two or more"):
            measure_flicker(frames(count), Still)
    with pytest.raises(ValueError, match="frames of"):
        measure_flicker(frames(2), Still, frames(2, 8))
