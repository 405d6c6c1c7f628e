"""The drawers that add up waves or resolutions: what they have in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.helpers.noise import noise_picture
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.fourier import FourierDrawer
from vqclip.drawers.pyramid import PyramidDrawer
from vqclip.drawers.spectra.spectral_drawer import CONTRAST, GAIN, SpectralDrawer
from vqclip.drawers.wavelets import WaveletsDrawer

WAVES = (FourierDrawer, WaveletsDrawer)
SIZES = [(48, 32), (33, 57), (16, 17), (7, 2), (1, 1)]


def started(kind: type[BaseDrawer], picture: Tensor) -> BaseDrawer:
    drawer = kind(picture.shape[-1], picture.shape[-2])
    drawer.replace(drawer.encode(picture))
    return drawer


def random(kind: type[SpectralDrawer], width: int, height: int) -> SpectralDrawer:
    drawer = kind(width, height)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    return drawer


def channels(drawer: SpectralDrawer, picture: Tensor) -> Tensor:
    """The decorrelated channels of a picture that has neither black nor white."""
    unbounded = ((picture.detach() + 0.01) / 1.02).logit()
    return torch.einsum("rc,bchw->brhw", torch.linalg.inv(drawer._matrix), unbounded)


@pytest.mark.parametrize("kind", [PyramidDrawer, *WAVES])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_picture_comes_back_as_it_was(kind: type[BaseDrawer], width: int, height: int) -> None:
    for picture in (noise_picture(width, height), torch.full((1, 3, height, width), 0.2)):
        drawer = started(kind, picture)
        assert drawer.draw().shape == picture.shape
        assert (drawer.draw() - picture).abs().max() < 1e-5
        assert all(value.dtype == torch.float32 for value in drawer.parameters.values())


@pytest.mark.parametrize("kind", [PyramidDrawer, *WAVES])
def test_a_black_picture_can_become_light(kind: type[BaseDrawer]) -> None:
    drawer = started(kind, torch.zeros(1, 3, 48, 48))
    learnt = [name for name in drawer.parameters if drawer.rate_factors.get(name, 1) > 0]
    groups = [{"params": [drawer.parameters[name]]} for name in learnt]
    optimiser = torch.optim.Adam(groups, lr=drawer.rate)
    for _ in range(60):
        optimiser.zero_grad()
        (-drawer.draw().mean()).backward()
        optimiser.step()
    assert drawer.draw().mean() > 1e-3


@pytest.mark.parametrize("kind", WAVES)
@pytest.mark.parametrize("contrast", [0.7, 1.5])
def test_a_random_picture_has_the_contrast_that_is_set(
    kind: type[SpectralDrawer], contrast: float
) -> None:
    drawer = kind(48, 32, contrast=contrast)
    first, again, other = (
        drawer.random_parameters(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    drawer.replace(first)
    deviation = channels(drawer, drawer.draw()).std(correction=0)
    assert float(deviation) == pytest.approx(contrast, rel=0.01)
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert name in (GAIN, CONTRAST) or not torch.equal(value, other[name])


@pytest.mark.parametrize("kind", WAVES)
def test_stronger_waves_do_not_raise_the_contrast(kind: type[SpectralDrawer]) -> None:
    drawer = random(kind, 48, 32)
    before = drawer.draw()
    with torch.no_grad():
        for name, value in drawer.parameters.items():
            if name not in (GAIN, CONTRAST):
                value *= 3
    assert torch.allclose(drawer.draw(), before, atol=1e-5)


@pytest.mark.parametrize("kind", WAVES)
def test_a_start_pictures_contrast_is_the_limit(kind: type[SpectralDrawer]) -> None:
    strong = started(kind, noise_picture(48, 32))
    assert strong.parameters[CONTRAST] > 2
    faint = started(kind, 0.5 + 0.01 * noise_picture(48, 32))
    assert faint.parameters[CONTRAST] == 1  # may become as strong as one without a start
    with torch.no_grad():
        for name, value in faint.parameters.items():
            if name not in (GAIN, CONTRAST):
                value *= 1e4
    deviation = channels(faint, faint.draw()).std(correction=0)
    assert float(deviation) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("kind", WAVES)
def test_saturation_is_the_strength_of_colours(kind: type[SpectralDrawer]) -> None:
    spreads = []
    for saturation in (0.5, 1.0, 2.0):
        drawer = kind(32, 32, saturation=saturation)
        drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
        spreads.append(float(drawer.draw().detach().std(dim=1).mean()))
    assert spreads[0] * 1.5 < spreads[1] and spreads[1] * 1.2 < spreads[2]


@pytest.mark.parametrize("kind", WAVES)
@pytest.mark.parametrize("contrast", [0, 0.3, 3])
def test_a_first_step_changes_a_start_picture_by_little(
    kind: type[SpectralDrawer], contrast: float
) -> None:
    picture = 0.5 + contrast * (noise_picture(48, 32) - 0.5) / 5
    drawer = started(kind, picture)
    generator = torch.Generator().manual_seed(2)
    for name, value in drawer.parameters.items():  # a step of Adam at the drawer's rate
        signs = torch.randn(value.shape, generator=generator).sign()
        value.data += drawer.rate * drawer.rate_factors.get(name, 1) * signs
    change = channels(drawer, drawer.draw()) - channels(drawer, picture)
    expected = 0.05 * drawer.parameters[CONTRAST].item()
    assert change.std().item() == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("kind", WAVES)
def test_a_blend_is_one_of_pictures_whatever_their_gains(kind: type[SpectralDrawer]) -> None:
    drawer = kind(24, 16)
    pictures = [0.3 + 0.4 * noise_picture(24, 16, seed) for seed in (1, 2)]
    first, second = (drawer.encode(picture) for picture in pictures)
    scaled = {
        name: value * {GAIN: 0.1, CONTRAST: 1}.get(name, 10) for name, value in second.items()
    }
    for share, picture in ((0, pictures[0]), (1, pictures[1])):
        assert torch.allclose(
            drawer.draw_parameters(drawer.blend(first, scaled, share)), picture, atol=1e-5
        )
    half = channels(drawer, drawer.draw_parameters(drawer.blend(first, scaled, 0.5)))
    mean = (channels(drawer, pictures[0]) + channels(drawer, pictures[1])) / 2
    assert torch.allclose(half, mean, atol=1e-4)
