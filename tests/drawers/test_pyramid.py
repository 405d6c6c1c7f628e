"""The pyramid drawer: a sum of resolutions."""

from __future__ import annotations

import torch
from torch.nn import functional

from tests.helpers.noise import noise_picture
from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.pyramid import BASE, PyramidDrawer


def started(picture: torch.Tensor) -> PyramidDrawer:
    drawer = PyramidDrawer(picture.shape[-1], picture.shape[-2])
    drawer.replace(drawer.encode(picture))
    return drawer


def test_the_octaves_halve_from_two_pixels_to_eight_cells() -> None:
    drawer = PyramidDrawer.from_settings(64, 37, DrawSettings())
    sizes = {name: each.shape[-2:] for name, each in drawer.encode(noise_picture(64, 37)).items()}
    assert sizes == {
        "base": (37, 64),
        "octave_0002": (19, 32),
        "octave_0004": (10, 16),
        "octave_0008": (5, 8),
    }


def test_a_start_without_a_picture_is_grey() -> None:
    drawer = PyramidDrawer(20, 12)
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    assert torch.allclose(drawer.draw(), torch.full((1, 3, 12, 20), 0.5))


def test_a_cell_of_an_octave_lightens_its_place() -> None:
    drawer = started(torch.full((1, 3, 64, 64), 0.5))
    with torch.no_grad():
        drawer.parameters["octave_0008"][0, 0, 2, 6] = 2
    change = drawer.draw()[0] - 0.5
    assert change[1:].abs().max() < 1e-6
    where = int(change[0].argmax())
    assert 16 <= where // 64 < 24 and 48 <= where % 64 < 56
    assert change[0, 48:].abs().max() < 1e-6


def test_the_order_of_the_parameters_is_nothing_to_the_picture() -> None:
    drawer = started(noise_picture(48, 32))
    parameters = {
        name: torch.randn(value.shape, generator=torch.Generator().manual_seed(2))
        for name, value in drawer.parameters.items()
    }
    turned = dict(reversed(parameters.items()))
    assert torch.equal(drawer.draw_parameters(parameters), drawer.draw_parameters(turned))


def test_the_octaves_are_learnt_and_the_base_is_kept() -> None:
    picture = noise_picture(48, 32)
    drawer = started(picture)
    groups = [
        {"params": [value], "lr": drawer.rate * drawer.rate_factors.get(name, 1)}
        for name, value in drawer.parameters.items()
    ]
    optimiser = torch.optim.Adam(groups)
    before = {name: value.detach().clone() for name, value in drawer.parameters.items()}
    functional.mse_loss(drawer.draw(), picture.flip(-1)).backward()
    optimiser.step()
    for name, value in drawer.parameters.items():
        assert torch.equal(value, before[name]) == (name == BASE)
    after = drawer.draw()
    assert functional.mse_loss(after, picture.flip(-1)) < functional.mse_loss(
        picture, picture.flip(-1)
    )


def test_a_black_picture_can_become_light() -> None:
    drawer = started(torch.zeros(1, 3, 16, 16))
    (-drawer.draw().mean()).backward()
    for value in drawer.parameters.values():
        assert value.grad is not None and (value.grad < 0).any()


def test_it_goes_on_at_another_size() -> None:
    picture = functional.interpolate(noise_picture(6, 4), [32, 48], mode="bicubic").clamp(
        0.05, 0.95
    )
    drawer = started(picture)
    with torch.no_grad():
        drawer.parameters["octave_0004"] += 0.5
    before = drawer.draw()
    drawer.enlarge(96, 64)
    after = functional.interpolate(drawer.draw(), [32, 48], mode="area")
    assert (after - before).abs().mean() < 0.01
    assert drawer.parameters["octave_0008"].shape[-2:] == (8, 12)


def test_it_goes_on_at_a_smaller_size() -> None:
    drawer = started(torch.full((1, 3, 64, 64), 0.5))
    with torch.no_grad():
        drawer.parameters["octave_0008"] += 1
    before = drawer.draw().mean()
    drawer.enlarge(24, 24)  # which has fewer octaves
    assert torch.allclose(drawer.draw(), before.expand(1, 3, 24, 24), atol=1e-5)
