"""Tests of placing silhouettes and of composing the picture of a layout."""

from __future__ import annotations

import pytest
import torch

from vqclip.guidance.composition import placing, scenery
from vqclip.guidance.composition.composer import compose_picture, find_things
from vqclip.guidance.composition.silhouettes import Silhouette
from vqclip.language.layout.layout_types import Layout, Setting, Thing

RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.2, 0.9)


def block(colour: tuple[float, float, float], width: int = 40, height: int = 40) -> Silhouette:
    """A rectangle of one colour, its left half somewhat darker."""
    pixels = torch.tensor(colour)[None, :, None, None].expand(1, 3, height, width).clone()
    pixels[..., : width // 2] *= 0.8
    return Silhouette(pixels, torch.ones(1, 1, height, width), 1.0)


def compose(layout: Layout, seed: int = 7, **silhouettes: Silhouette) -> torch.Tensor:
    found = {name: [each] for name, each in silhouettes.items()}
    return compose_picture(layout, found, 100, 100, torch.Generator().manual_seed(seed))


def test_a_shape_is_fitted_into_its_box_and_stretched_a_little() -> None:
    assert placing.fit_box(1.0, (0, 0, 100, 100), standing=True) == (0, 0, 100, 100)
    left, top, wide, high = placing.fit_box(1.0, (0, 0, 100, 50), standing=True)
    assert (top, high) == (0, 50) and wide == pytest.approx(62.5) and left == pytest.approx(18.75)
    left, top, wide, high = placing.fit_box(2.0, (0, 0, 50, 100), standing=True)
    assert wide == 50 and high == pytest.approx(31.25) and top + high == pytest.approx(100)
    hanging = placing.fit_box(2.0, (0, 0, 50, 100), standing=False)
    assert hanging[1] + hanging[3] / 2 == pytest.approx(50)


def test_nearer_things_cover_farther_ones() -> None:
    far = Thing("chair", "red", (0.1, 0.1, 0.8, 0.8))
    near = Thing("cat", "blue", (0.3, 0.3, 0.6, 0.65))
    picture = compose(Layout((far, near)), red=block(RED), blue=block(BLUE))
    assert picture[0, 2, 60, 60] > picture[0, 0, 60, 60]
    swapped = compose(Layout((near, far)), red=block(RED), blue=block(BLUE))
    assert swapped[0, 0, 60, 60] > swapped[0, 2, 60, 60]


def test_things_of_one_prompt_are_drawn_once_and_mirrored() -> None:
    first = Thing("apple", "red", (0.05, 0.3, 0.4, 0.4))
    second = Thing("apple", "red", (0.55, 0.3, 0.4, 0.4))
    picture = compose(Layout((first, second)), red=block(RED))
    assert picture[0, 0, 50, 12] < picture[0, 0, 50, 38]
    assert picture[0, 0, 50, 62] > picture[0, 0, 50, 88]


def test_what_is_on_a_thing_is_moved_until_it_touches() -> None:
    cat = Thing("cat", "a cat", (0.3, 0.0, 0.4, 0.4))
    chair = Thing("chair", "a chair", (0.2, 0.4, 0.6, 0.6))
    flat = block(RED, 60, 20)  # lies at the bottom of its box, far below the cat
    places = placing.place_things([chair, cat], [flat, block(BLUE)], 100, 100)
    assert places[1].on == 0 and not places[1].is_standing
    assert places[1].bottom == pytest.approx(places[0].box[1], abs=4)
    apart = placing.place_things(
        [chair, Thing("cat", "a cat", (0.3, 0.0, 0.4, 0.3))], [flat, block(BLUE)], 100, 100
    )
    assert apart[1].on is None
    moon = Thing("full moon", "a full moon", (0.3, 0.0, 0.4, 0.4))
    assert placing.place_things([chair, moon], [flat, block(BLUE)], 100, 100)[1].on is None


def test_a_part_follows_the_thing_that_it_belongs_to() -> None:
    house = Thing("house", "a house", (0.0, 0.0, 1.0, 1.0))
    door = Thing("door", "a door", (0.4, 0.5, 0.2, 0.4), part=True)
    narrow = block(BLUE, 20, 60)
    places = placing.place_things([house, door], [narrow, block(RED, 20, 40)], 100, 100)
    left, top, wide, high = places[0].box
    assert places[1].host == 0
    assert left < places[1].box[0] and places[1].box[0] + places[1].box[2] < left + wide
    assert top < places[1].box[1] and places[1].bottom <= top + high


def test_what_names_the_ground_is_painted() -> None:
    layout = Layout(
        (
            Thing("mountain", "a mountain", (0.0, 0.6, 0.5, 0.4)),
            Thing("sun", "a setting sun", (0.4, 0.0, 0.5, 0.5)),
            Thing("boat", "a boat", (0.3, 0.5, 0.4, 0.4)),
        ),
        Setting("mountains", "sunset"),
    )
    assert scenery.settle_setting(layout)[1] == (True, True, False)
    assert [thing.prompt for thing in scenery.list_kinds(layout)] == ["a boat"]


@pytest.mark.parametrize("place", ["lake", "sea", "beach"])
def test_mountains_beside_water_are_painted_behind_it(place: str) -> None:
    mountain = Thing("mountain", "a mountain", (0.0, 0.6, 0.5, 0.4))
    beside = Layout((mountain,), Setting(place, text=f"a mountain behind a {place}"))
    assert scenery.settle_setting(beside)[1] == (True,)
    alone = Layout((), Setting(place, text=f"a {place}"))
    pictures = compose(beside), compose(alone)
    change = (pictures[0] - pictures[1]).abs().amax((0, 1))
    assert (change[:60] > 0.1).float().mean() > 0.1  # peaks in the sky
    # The water before them is as without them, but for its strokes, whose places are random.
    water = [picture[..., 62:68, :].median(3).values for picture in pictures]
    assert (water[0] - water[1]).abs().max() < 0.02
    # Named elsewhere, it is no part of the ground.
    assert scenery.settle_setting(Layout((mountain,), Setting(place)))[1] == (False,)


def test_a_house_by_the_sea_stands_ashore_and_a_boat_does_not() -> None:
    house, boat = (Thing(n, n, (0.3, 0.3, 0.5, 0.5)) for n in ("house", "sailboat"))
    assert scenery.settle_setting(Layout((house,), Setting("sea")))[0].place == "beach"
    assert scenery.settle_setting(Layout((boat,), Setting("sea")))[0].place == "sea"


def test_equal_seeds_compose_equal_pictures() -> None:
    layout = Layout(
        (Thing("boat", "red", (0.2, 0.4, 0.4, 0.4)),), Setting("sea", "night", "rain")
    )
    assert torch.equal(compose(layout, red=block(RED)), compose(layout, red=block(RED)))
    other = compose(layout, seed=8, red=block(RED))
    assert not torch.equal(compose(layout, red=block(RED)), other)


def test_things_are_found_on_a_painted_ground() -> None:
    boat = Thing("boat", "red", (0.3, 0.3, 0.4, 0.4))
    layout = Layout((boat,), setting=Setting(place="sea", time="night"))
    composed = compose(layout, red=block(RED))
    things = find_things(composed, layout, torch.Generator().manual_seed(7))
    assert things is not None and things.shape == (1, 1, 100, 100)
    assert things[0, 0, 50, 50] == 1
    beside = [things[0, 0, y, x] for y, x in ((10, 10), (50, 10), (50, 90), (95, 50))]
    assert max(beside) < 0.01
    plain = Layout((boat,))
    assert find_things(compose(plain, red=block(RED)), plain, torch.Generator()) is None
