"""The palette drawer, against the same picture drawn cell by cell."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.palette import (
    CHOICE,
    COLOURS,
    VALUE,
    PaletteDrawer,
    arrange_palettes,
    sort_shades,
)
from vqclip.errors import ConfigError
from vqclip.language.palettes.palette_parser import parse_sections

LUMA = np.array([0.299, 0.587, 0.114])


def make(lock: bool = False, **options: object) -> PaletteDrawer:
    given = {"shades": 4, "palettes": 3} | options
    drawer = PaletteDrawer(20, 15, 4, 3, lock=lock, **given)  # type: ignore[arg-type]
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(5)))
    return drawer


def gradient_picture(width: int = 20, height: int = 15) -> Tensor:
    """Two hues, light on the left, with a few waves."""
    y, x = torch.meshgrid(
        torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij"
    )
    top = torch.stack([1 - x, 0.4 - 0.4 * x, 0.1 + 0 * x])
    below = torch.stack([0.1 + 0 * x, 0.6 - 0.5 * x, 1 - 0.8 * x])
    wave = 0.05 * torch.sin(9 * x + 5 * y)
    return (torch.where(y < 0.5, top, below) + wave).clamp(0, 1)[None]


def by_hand(parameters: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """What is shown, and the continuous picture whose gradient is used: [3, rows, columns]."""
    value, choice, colours = (parameters[n].detach().numpy() for n in (VALUE, CHOICE, COLOURS))
    ramps = [sorted(ramp.tolist(), key=lambda c: float(np.dot(c, LUMA))) for ramp in colours]
    rows, columns = value.shape[2:]
    shown, smooth = np.zeros([3, rows, columns]), np.zeros([3, rows, columns])
    for y in range(rows):
        for x in range(columns):
            at = float(value[0, 0, y, x]) * (colours.shape[1] - 1)
            wish = choice[0, :, y, x]
            shown[:, y, x] = ramps[int(wish.argmax())][round(at)]
            low = min(int(at), colours.shape[1] - 2)
            for share, ramp in zip(np.exp(wish) / np.exp(wish).sum(), ramps, strict=True):
                between = np.array(ramp[low]) * (1 - at + low) + np.array(ramp[low + 1]) * (
                    at - low
                )
                smooth[:, y, x] += share * between
    return shown, smooth


def test_every_cell_has_a_shade_of_its_palette() -> None:
    drawer = make(random=True)
    drawn = drawer.draw()
    assert drawn.shape == (1, 3, 15, 20)
    shown, _ = by_hand(drawer.parameters)
    wanted = np.repeat(np.repeat(shown, 5, 1), 5, 2)
    assert np.abs(drawn[0].detach().numpy() - wanted).max() < 1e-6


def test_the_gradient_is_half_that_of_a_continuous_picture() -> None:
    drawer = make(random=True)
    weights = torch.rand(1, 3, 15, 20, generator=torch.Generator().manual_seed(2))
    (drawer.draw() * weights).sum().backward()
    cells = weights.unflatten(2, (3, 5)).unflatten(4, (4, 5)).sum((3, 5))[0].numpy()

    def total(parameters: dict[str, Tensor], half_shown: bool) -> float:
        shown, smooth = by_hand(parameters)
        return float(((shown * half_shown + smooth) / 2 * cells).sum())

    for name, places in {
        VALUE: [(0, 0, 1, 2), (0, 0, 2, 3)],
        CHOICE: [(0, 0, 0, 0), (0, 2, 1, 1)],
        COLOURS: [(0, 1, 0), (2, 3, 2)],
    }.items():
        for place in places:
            two = []
            for change in (1e-3, -1e-3):
                moved = {key: each.detach().clone() for key, each in drawer.parameters.items()}
                moved[name][place] += change
                two.append(total(moved, half_shown=name == COLOURS))
            grad = drawer.parameters[name].grad
            assert grad is not None
            assert float(grad[place]) == pytest.approx((two[0] - two[1]) / 2e-3, abs=2e-3)


def test_the_order_in_which_shades_are_kept_does_not_count() -> None:
    drawer = make(random=True)
    turned = {**drawer.parameters, COLOURS: drawer.parameters[COLOURS].flip(1)}
    assert torch.equal(drawer.draw_parameters(turned), drawer.draw())


def test_a_start_without_a_picture() -> None:
    drawer = make(gamma=2.0)
    grey = drawer.parameters[COLOURS]
    assert grey.shape == (3, 4, 3) and torch.allclose(
        grey[1], torch.tensor([0, 1 / 9, 4 / 9, 1])[:, None].expand(4, 3)
    )
    again = drawer.random_parameters(torch.Generator().manual_seed(5))
    other = drawer.random_parameters(torch.Generator().manual_seed(6))
    for name, value in drawer.parameters.items():
        assert torch.equal(value, again[name]) and value.dtype == torch.float32
    assert not torch.equal(other[VALUE], again[VALUE])
    free = make(random=True).parameters[COLOURS].detach()
    assert float(free.std()) > 0.2


def test_an_encoded_picture_is_near_and_the_same_each_time() -> None:
    drawer = PaletteDrawer(96, 80, 24, 20)
    picture = gradient_picture(96, 80)
    found, again = drawer.encode(picture), drawer.encode(picture)
    assert all(torch.equal(found[name], again[name]) for name in found)
    assert drawer.parameters == {}
    cells = functional.adaptive_avg_pool2d(picture, (20, 24))
    drawn = drawer.draw_parameters(found)
    assert float((functional.adaptive_avg_pool2d(drawn, (20, 24)) - cells).abs().mean()) < 0.02
    assert float((drawn - picture).abs().mean()) < 0.06
    drawer.replace(found)
    drawer.clamp()
    assert all(torch.equal(found[name], drawer.parameters[name]) for name in found)
    assert found[VALUE].dtype == found[CHOICE].dtype == found[COLOURS].dtype == torch.float32


def test_a_picture_of_few_colours_is_kept() -> None:
    drawer = PaletteDrawer(16, 8, 16, 8, shades=3, palettes=2)
    picture = torch.zeros(1, 3, 8, 16)
    picture[:, 0, :, 4:] = 1
    picture[:, 2, 4:] = 0.5
    assert torch.allclose(drawer.draw_parameters(drawer.encode(picture)), picture, atol=1e-6)
    flat = torch.full([1, 3, 8, 16], 0.25)
    assert torch.allclose(drawer.draw_parameters(drawer.encode(flat)), flat, atol=1e-6)


def test_given_colours_are_all_that_an_encoded_picture_has() -> None:
    given = torch.tensor([[[0.0, 0, 0.5], [1, 0.8, 0]], [[0, 0, 0], [1, 1, 1]]])
    drawer = make(shades=2, palettes=2, colours=given)
    assert torch.equal(drawer.parameters[COLOURS], given)
    found = drawer.encode(gradient_picture())
    assert torch.equal(found[COLOURS], given)
    cells = functional.adaptive_avg_pool2d(gradient_picture(), (3, 4))[0].flatten(1).T
    nearest = given.flatten(0, 1)[torch.cdist(cells, given.flatten(0, 1)).argmin(1)]
    drawn = functional.adaptive_avg_pool2d(drawer.draw_parameters(found), (3, 4))
    assert torch.allclose(drawn[0].flatten(1).T, nearest, atol=1e-6)


def test_locked_colours_do_not_move() -> None:
    for lock in (True, False):
        drawer = make(lock, random=True)
        before = drawer.parameters[COLOURS].detach().clone()
        groups = [
            {"params": [each], "lr": drawer.rate * drawer.rate_factors.get(name, 1)}
            for name, each in drawer.parameters.items()
        ]
        optimiser = torch.optim.Adam(groups)
        for _ in range(3):
            optimiser.zero_grad()
            drawer.draw().square().mean().backward()
            optimiser.step()
            drawer.clamp()
        assert torch.equal(drawer.parameters[COLOURS], before) == lock
        kept = drawer.encode(gradient_picture())[COLOURS]
        assert torch.equal(kept, before) == lock


def test_parameters_are_clamped() -> None:
    drawer = make()
    with torch.no_grad():
        for each in drawer.parameters.values():
            each.mul_(9).sub_(4)
    drawer.clamp()
    ranges = {n: (p.min().item(), p.max().item()) for n, p in drawer.parameters.items()}
    assert ranges[VALUE] == ranges[COLOURS] == (0, 1)
    assert ranges[CHOICE][0] == 0 and ranges[CHOICE][1] > 1


def test_a_larger_picture_is_drawn_again() -> None:
    drawer = PaletteDrawer(24, 20, 12, 10)
    drawer.replace(drawer.encode(gradient_picture(24, 20)))
    before = drawer.draw().detach()
    drawer.enlarge(48, 40)
    after = drawer.draw().detach()
    assert after.shape == (1, 3, 40, 48)
    small = functional.adaptive_avg_pool2d(after, (20, 24))
    assert float((small - before).abs().mean()) < 0.03


def test_the_shades_loss() -> None:
    drawer = make(random=True, gamma=1.5)
    colours = drawer.parameters[COLOURS].detach().numpy()
    total = 0.0
    for ramp in colours:
        light = sorted(ramp, key=lambda c: float(c @ LUMA))
        for place, colour in enumerate(light):
            total += (math.sqrt(float(colour**2 @ LUMA)) - (place / 3) ** 1.5) ** 2
    assert drawer.shades_loss(drawer.parameters).item() == pytest.approx(total / 12, rel=1e-5)
    grey = make(gamma=1.5)
    loss = grey.shades_loss(grey.parameters)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-9)
    grad = grey.parameters[COLOURS].grad
    assert grad is not None and bool(grad.isfinite().all())


def test_the_unlike_loss() -> None:
    drawer = make()
    wish = drawer.parameters[CHOICE].detach().double().numpy()[0].reshape(3, -1).T  # [N, P]
    share = np.exp(wish) / np.exp(wish).sum(1, keepdims=True)
    pairs = np.corrcoef(share.T)
    np.fill_diagonal(pairs, 0)
    wanted = pairs.mean() + np.mean(1 / (share.std(0) * len(share)))
    assert drawer.unlike_loss(drawer.parameters).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("choice", [torch.ones(1, 3, 3, 4), torch.ones(1, 1, 3, 4)])
def test_the_unlike_loss_of_palettes_that_are_all_alike_is_finite(choice: Tensor) -> None:
    drawer, choice = make(), choice.requires_grad_()
    loss = drawer.unlike_loss({**drawer.parameters, CHOICE: choice})
    loss.backward()
    assert bool(loss.isfinite()) and choice.grad is not None
    assert bool(choice.grad.isfinite().all())


def arranged(text: str, palettes: int, shades: int) -> list[list[list[float]]]:
    found: list[list[list[float]]] = arrange_palettes(
        parse_sections(text), palettes, shades
    ).tolist()
    return found


def test_sections_are_palettes() -> None:
    found = arranged(r"black->red\3; [navy, blue, white]", 3, 3)
    assert found[0] == [[0, 0, 0], [0.5, 0, 0], [1, 0, 0]]
    assert found[1][1] == [0, 0, 1]
    assert found[2] == found[0]


def test_other_colours_are_sorted_by_hue_with_greys_first() -> None:
    found = arranged("#ff0000, #0000ff, 1, (255+0+51), 0", 3, 3)
    white, black, blue = [1, 1, 1], [0, 0, 0], [0, 0, 1]
    assert found[0] == [white, white, black]
    assert found[1][0] == blue and found[1][2] == [1, 0, 0]
    assert found[1][1] == pytest.approx([1, 0, 0.2])
    assert found[2] == found[0]


def test_more_colours_than_there_is_room_for_are_reduced() -> None:
    found = arranged("black->white", 2, 2)
    assert np.shape(found) == (2, 2, 3)
    levels = sorted(colour[0] for ramp in found for colour in ramp)
    assert levels[0] < 0.25 and levels[3] > 0.75 and len(set(levels)) == 4


def test_the_settings() -> None:
    options = replace(
        *(DrawSettings(),),
        grid="6x5",
        shades=3,
        palettes=2,
        gamma=2.0,
        start="colours",
        colours=r"navy->gold\3",
        lock=True,
    )
    drawer = PaletteDrawer.from_settings(30, 25, options)
    assert (drawer.columns, drawer.rows, drawer.palettes, drawer.lock) == (6, 5, 2, True)
    assert drawer.levels.tolist() == [0, 0.25, 1]
    found = drawer.random_parameters(torch.Generator())
    assert found[COLOURS][1, 2].tolist() == pytest.approx([1, 215 / 255, 0])
    assert found[VALUE].shape == (1, 1, 5, 6)
    for colours, complaint in [
        ("", "draw.colours: no colours"),
        ("golld", "draw.colours: 'golld' is not a colour; did you mean 'gold'"),
        ("@a.png", "draw.colours: @a.png is a file"),
    ]:
        with pytest.raises(ConfigError, match=complaint):
            PaletteDrawer.from_settings(30, 25, replace(options, colours=colours))
    plain = PaletteDrawer.from_settings(30, 25, replace(options, start="grey", lock=False))
    assert plain.given is None and plain.rate_factors == {COLOURS: 0.5}


def test_sorting_is_by_brightness() -> None:
    colours = torch.tensor([[[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]])
    assert sort_shades(colours)[0].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
