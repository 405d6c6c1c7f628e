"""The Fourier drawer: a spectrum of waves."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.noise import noise_picture
from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.fourier import SPECTRUM, FourierDrawer, enlarge_periodic, wave_weights
from vqclip.drawers.spectra.spectral_drawer import CONTRAST


def started(picture: torch.Tensor) -> FourierDrawer:
    drawer = FourierDrawer(picture.shape[-1], picture.shape[-2])
    drawer.replace(drawer.encode(picture))
    return drawer


def strength_of_edges(decay: float) -> float:
    drawer = FourierDrawer.from_settings(64, 48, DrawSettings(decay=decay))
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    return float(drawer.draw().detach().diff(dim=-1).abs().mean())


def test_a_lower_decay_gives_finer_texture() -> None:
    assert strength_of_edges(0.5) > 1.5 * strength_of_edges(1.5) > 2 * strength_of_edges(3)


def test_the_weights_fall_with_frequency_from_four_periods_on() -> None:
    weights = wave_weights(64, 32, 1.5, torch.device("cpu"))
    assert weights.shape == (32, 33)
    assert torch.equal(weights[0, :5], weights[0, :1].expand(5))
    assert float(weights[0, 16] / weights[0, 8]) == pytest.approx(2**-1.5)
    assert float(weights[8, 0]) == pytest.approx(float(weights[0, 16]))  # a quarter of the rate
    assert torch.equal(weights[1], weights[-1])


def test_one_amplitude_is_one_wave() -> None:
    drawer = started(torch.full((1, 3, 16, 24), 0.5))
    with torch.no_grad():
        drawer.parameters[SPECTRUM][0, 0, 0, 3, 0] = 0.3
    picture = drawer.draw()
    turn = 2 * torch.pi * 3 * torch.arange(24) / 24
    wave = (picture[0, 1] - 0.5) / (picture[0, 1, 0, 0] - 0.5)
    assert torch.allclose(wave, turn.cos().expand(16, 24), atol=0.05)


@pytest.mark.parametrize(("old", "new"), [(8, 16), (8, 8), (8, 13), (9, 18), (9, 20), (1, 4)])
def test_waves_are_enlarged_exactly(old: int, new: int) -> None:
    def wave(size: int) -> torch.Tensor:
        x = (torch.arange(size, dtype=torch.float64) + 0.5) / size  # of the centres of pixels
        turns = 2 * torch.pi * torch.arange(1, (old + 1) // 2)[:, None] * x
        return 0.3 + (turns + torch.arange(len(turns))[:, None]).cos().sum(0)

    assert torch.allclose(enlarge_periodic(wave(old)[None], -1, new)[0], wave(new))


@pytest.mark.parametrize(("width", "height"), [(48, 32), (25, 31), (24, 33)])
def test_a_larger_picture_is_the_same_one(width: int, height: int) -> None:
    drawer = started(0.4 + 0.2 * noise_picture(24, 16))
    before, contrast = drawer.draw().detach(), drawer.parameters[CONTRAST].clone()
    size = drawer.parameters[SPECTRUM].norm().item()
    drawer.enlarge(width, height)
    after = drawer.draw().detach()
    assert after.shape == (1, 3, height, width) and (drawer.width, drawer.height) == (
        width,
        height,
    )
    assert drawer.parameters[SPECTRUM].shape == (1, 3, height, width // 2 + 1, 2)
    assert torch.equal(drawer.parameters[CONTRAST], contrast)
    assert drawer.parameters[SPECTRUM].norm().item() == pytest.approx(size, rel=1e-4)
    back = after.logit().nan_to_num()
    for axis, small in ((-2, 16), (-1, 24)):
        back = reduce_periodic(back, axis, small)
    assert torch.allclose(back, before.logit(), atol=0.05)


def reduce_periodic(values: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """Leave out the waves that are too short for a size, and sample at the centres of pixels."""
    spectrum = torch.fft.rfft(values.movedim(axis, -1), norm="forward")
    shift = (1 / size - 1 / values.shape[axis]) / 2
    turns = 2 * torch.pi * shift * torch.arange(size // 2 + 1)
    kept = spectrum[..., : size // 2 + 1] * torch.polar(torch.ones_like(turns), turns)
    if size % 2 == 0 and size < values.shape[axis]:
        kept[..., -1] *= 2
    return torch.fft.irfft(kept, n=size, norm="forward").movedim(-1, axis)


def test_a_picture_that_becomes_lower_is_encoded_anew() -> None:
    drawer = started(torch.full((1, 3, 16, 24), 0.3))
    drawer.enlarge(30, 12)
    assert torch.allclose(drawer.draw(), torch.full((1, 3, 12, 30), 0.3), atol=1e-5)
