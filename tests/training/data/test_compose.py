"""Two things in one picture: where the words say, and apart."""

from __future__ import annotations

import torch
from torch import Generator

from vqclip.training.data.archives import COLOURS
from vqclip.training.data.compose import (
    PALE_BLUE,
    RELATIONS,
    draw_calm_grounds,
    draw_plain_grounds,
    lay_pairs,
)


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def blot(red: int, blue: int) -> torch.Tensor:
    """A disc of one colour, more of it to the left, so that mirroring shows: [1, 4, 16, 16]."""
    picture = torch.zeros(1, 4, 16, 16, dtype=torch.uint8)
    picture[:, 0, 3:13, 2:13], picture[:, 2, 3:13, 2:13] = red, blue
    picture[:, 3, 3:13, 2:13] = 255
    return picture


def middle(share: torch.Tensor) -> torch.Tensor:
    """[B, S, S] weights → [B, 2], the middle of them: right and down, in [-1, 1]."""
    along = torch.linspace(-1, 1, share.shape[-1])
    total = share.sum((1, 2))
    return (
        torch.stack([(share * along).sum((1, 2)), (share * along[:, None]).sum((1, 2))], 1)
        / (total[:, None])
    )


def test_things_are_where_the_words_say() -> None:
    count = 200
    first, second = blot(255, 0).expand(count, -1, -1, -1), blot(0, 255).expand(count, -1, -1, -1)
    images, words = lay_pairs(first, second, torch.zeros(count, 3, 32, 32), stream())
    assert images.shape == (count, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    assert set(words) == {word for word, _ in RELATIONS}
    apart = middle(images[:, 0]) - middle(images[:, 2])
    for word, (right, down) in zip(words, apart.tolist(), strict=True):
        if word in ("above", "over"):
            assert down < -0.6
        elif word in ("below", "under"):
            assert down > 0.6
        else:
            assert abs(right) > 0.6 and abs(down) < 0.4
    left = [
        right < 0 for word, (right, _) in zip(words, apart.tolist(), strict=True) if "a" in word
    ]
    assert any(left) and not all(left)


def test_pairs_draw_from_their_generator_alone() -> None:
    grounds = torch.rand(4, 3, 24, 24, generator=stream(1))
    kept, before = grounds.clone(), torch.get_rng_state()
    things = [blot(200, 50).expand(4, -1, -1, -1), blot(20, 90).expand(4, -1, -1, -1)]
    first, again, other = (lay_pairs(*things, grounds, stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0])
    assert torch.equal(grounds, kept) and torch.equal(torch.get_rng_state(), before)


def test_calm_grounds_are_white_a_paler_colour_or_a_pale_gradient() -> None:
    images, names = draw_calm_grounds(400, 4, stream())
    assert images.shape == (400, 3, 4, 4) and images.min() >= 0 and images.max() <= 1
    assert set(names) == {None, *COLOURS}
    gradients = 0
    for image, name in zip(images, names, strict=True):
        assert torch.equal(image, image[:, :, :1].expand_as(image))  # nothing changes across
        if name is None:
            gradients += 1
            assert image.min() >= 0.5
            steps = image[:, 1:, 0] - image[:, :-1, 0]
            torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), atol=1e-5, rtol=0)
            continue
        shade = image[:, 0, 0]
        assert torch.equal(image, shade[:, None, None].expand_as(image))
        if name == "white":
            assert shade.min() >= 0.94
            continue
        pure = torch.tensor(COLOURS[name])
        paler = (shade - pure) / (1 - pure)
        assert paler.min() >= -1e-5 and paler.max() <= 0.6
        torch.testing.assert_close(paler, paler[:1].expand(3), atol=1e-4, rtol=0)
    assert 55 < gradients < 105
    colours = sum(name not in (None, "white") for name in names)
    assert 115 < colours < 180 and 130 < names.count("white") < 210  # some colours are white


def test_calm_grounds_draw_from_their_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (draw_calm_grounds(6, 4, stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert draw_calm_grounds(0, 4, stream())[1] == []


def test_a_plain_ground_is_white_but_under_what_is_white_at_its_rim() -> None:
    dark, light = blot(200, 200), blot(255, 255)
    light[:, 1, 3:13, 2:13] = 255
    outlined = torch.nn.functional.interpolate(light.float(), 64).to(torch.uint8)
    inside = outlined[:, :, 20:44, 16:44].clone()
    outlined[:, :3], outlined[:, :, 20:44, 16:44] = 0, inside
    small = [torch.nn.functional.interpolate(each.float(), 64) for each in (dark, light)]
    pixels = torch.cat([*(each.to(torch.uint8) for each in small), outlined])
    grounds, names = draw_plain_grounds(pixels, 8)
    assert names == ["white", "blue", "white"] and grounds.shape == (3, 3, 8, 8)
    assert (grounds[0] == 1).all() and (grounds[2] == 1).all()
    torch.testing.assert_close(grounds[1, :, 2, 5], torch.tensor(PALE_BLUE))
