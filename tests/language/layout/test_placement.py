"""Placement: where the things of a sentence go, judged as one would judge a sketch."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.helpers.sentences import sentence
from vqclip.language.layout.layout_types import Layout, Relation, Sentence
from vqclip.language.layout.placement import MOST_OF_A_KIND, list_small_things, place_things
from vqclip.language.prompt_types import Box

SEEDS = range(6)
ASPECTS = (0.5, 1.0, 16 / 9)


def place(things: str, relations: str = "", aspect: float = 1.0, seed: int = 0) -> Layout:
    return place_things(sentence(things, relations), aspect=aspect, seed=seed)


def boxes(layout: Layout, name: str) -> list[Box]:
    return [t.box for t in layout.things if t.name == name]


def box(layout: Layout, name: str) -> Box:
    (found,) = boxes(layout, name)
    return found


def order(layout: Layout) -> list[str]:
    return [t.name for t in layout.things]


def centre(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def bottom(box: Box) -> float:
    return box[1] + box[3]


def covered(a: Box, b: Box) -> float:
    """The share of a that b covers."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(bottom(a), bottom(b)) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down) / (a[2] * a[3])


def contains(outer: Box, inner: Box) -> bool:
    return covered(inner, outer) > 0.999


each_picture = pytest.mark.parametrize(
    ("aspect", "seed"), [(a, s) for a in ASPECTS for s in SEEDS], ids=lambda v: f"{v:.2g}"
)


@each_picture
@pytest.mark.parametrize(
    ("things", "relation"),
    [
        ("cat, chair", "cat on chair"),
        ("cat, bed", "cat on bed"),
        ("bird, elephant", "bird on elephant"),
        ("elephant, ball", "elephant on ball"),
        ("vase, table", "vase on table"),
        ("castle, hill", "castle on hill"),
        ("cow, field", "cow on field"),
        ("dog, rug", "dog on rug"),
        ("man, horse", "man riding horse"),
        ("girl, bicycle", "girl riding bicycle"),
    ],
)
def test_what_is_on_a_thing_touches_it(
    things: str, relation: str, aspect: float, seed: int
) -> None:
    upper, lower = things.split(", ")
    layout = place(things, relation, aspect, seed)
    a, b = box(layout, upper), box(layout, lower)
    assert b[1] < bottom(a) < b[1] + 0.75 * b[3]
    assert b[0] < centre(a)[0] < b[0] + b[2]
    assert order(layout) == [lower, upper]  # the nearer is drawn over the farther


@each_picture
def test_what_is_in_front_is_lower_and_nearer(aspect: float, seed: int) -> None:
    layout = place("dog, house", "dog front house", aspect, seed)
    dog, house = box(layout, "dog"), box(layout, "house")
    assert order(layout) == ["house", "dog"]
    assert bottom(dog) > bottom(house)
    assert covered(dog, house) > 0.3
    assert covered(house, dog) < 0.4


@each_picture
@pytest.mark.parametrize("other", ["tree", "sofa", "house", "rock"])
def test_what_is_behind_is_farther_and_looks_out(other: str, aspect: float, seed: int) -> None:
    layout = place(f"boy, {other}", f"boy behind {other}", aspect, seed)
    boy, thing = box(layout, "boy"), box(layout, other)
    assert order(layout) == ["boy", other]
    assert bottom(boy) < bottom(thing)
    assert 0.05 < covered(boy, thing) < 0.75


@each_picture
def test_a_hat_is_on_the_head(aspect: float, seed: int) -> None:
    layout = place("dog, top hat", "dog wearing top hat", aspect, seed)
    dog, hat = box(layout, "dog"), box(layout, "top hat")
    assert hat[1] < dog[1] < bottom(hat) < dog[1] + dog[3] / 4
    assert abs(centre(hat)[0] - centre(dog)[0]) < 0.02
    assert order(layout) == ["dog", "top hat"]


def test_clothes_are_where_they_are_worn() -> None:
    worn = "hat, glasses, scarf, dress, trousers, shoe"
    heights = []
    for name in worn.split(", "):
        layout = place(f"woman, {name}", f"woman wearing {name}")
        woman = box(layout, "woman")
        heights.append((centre(box(layout, name))[1] - woman[1]) / woman[3])
    assert heights == sorted(heights)
    assert heights[0] < 0 < heights[1] < 0.25
    assert heights[-1] > 0.8


@each_picture
def test_what_is_held_is_at_the_side(aspect: float, seed: int) -> None:
    layout = place("man, cup", "man holding cup", aspect, seed)
    man, cup = box(layout, "man"), box(layout, "cup")
    assert 0 < covered(cup, man) < 0.6
    assert man[1] + man[3] / 4 < centre(cup)[1] < man[1] + man[3] * 3 / 4


def test_an_umbrella_is_held_above() -> None:
    layout = place("woman, umbrella", "woman holding umbrella")
    assert box(layout, "umbrella")[1] < box(layout, "woman")[1] < bottom(box(layout, "umbrella"))


@each_picture
@pytest.mark.parametrize("container", ["bowl", "aquarium", "jar"])
def test_fish_are_within_what_they_are_in(container: str, aspect: float, seed: int) -> None:
    layout = place(f"2 fish, {container}", f"fish inside {container}", aspect, seed)
    first, second = boxes(layout, "fish")
    assert contains(box(layout, container), first)
    assert contains(box(layout, container), second)
    assert covered(first, second) == 0
    assert order(layout)[0] == container


@each_picture
@pytest.mark.parametrize(("things", "container"), [("5 flower", "vase"), ("cat", "box")])
def test_flowers_stick_out_of_a_vase(
    things: str, container: str, aspect: float, seed: int
) -> None:
    name = things.removeprefix("5 ")
    layout = place(f"{things}, {container}", f"{name} inside {container}", aspect, seed)
    vase = box(layout, container)
    for flower in boxes(layout, name):
        assert flower[1] < vase[1]
    assert order(layout)[-1] == container  # it covers the stalks


@each_picture
def test_what_is_larger_than_its_bowl_sticks_out(aspect: float, seed: int) -> None:
    layout = place("cat, bowl", "cat inside bowl", aspect, seed)
    assert box(layout, "cat")[1] < box(layout, "bowl")[1]
    assert order(layout) == ["cat", "bowl"]


@each_picture
def test_what_is_held_below_is_low(aspect: float, seed: int) -> None:
    layout = place("cat, bird", "cat holding bird, bird below cat", aspect, seed)
    cat, bird = box(layout, "cat"), box(layout, "bird")
    assert covered(bird, cat) > 0.5
    assert bottom(bird) > bottom(cat)


@each_picture
def test_what_is_between_is_in_the_middle(aspect: float, seed: int) -> None:
    layout = place("lamp, bed, chair", "lamp between bed & chair", aspect, seed)
    bed, lamp, chair = (centre(box(layout, n))[0] for n in ("bed", "lamp", "chair"))
    assert bed < lamp < chair or chair < lamp < bed
    layout = place("bird, 2 cat", "bird between cat", aspect, seed)
    left, right = (centre(b)[0] for b in boxes(layout, "cat"))
    assert left < centre(box(layout, "bird"))[0] < right


def test_what_is_around_is_on_all_sides() -> None:
    layout = place("4 chair, table", "chair around table")
    table = centre(box(layout, "table"))
    chairs = [centre(b) for b in boxes(layout, "chair")]
    assert Counter(x < table[0] for x, _ in chairs) == {True: 2, False: 2}
    assert order(layout)[0] == "chair" and order(layout)[-1] == "chair"  # behind, and in front
    round_a_fire = "bear around campfire, wolf around campfire, fox around campfire"
    layout = place("bear, wolf, fox, campfire", round_a_fire)
    fire = centre(box(layout, "campfire"))[0]
    sides = [centre(box(layout, name))[0] - fire for name in ("bear", "wolf", "fox")]
    assert min(sides) < -0.2 and max(sides) > 0.2  # one by one, as several of a kind
    fence = place("fence, house", "fence around house")
    assert box(fence, "fence")[2] > box(fence, "house")[2]


@pytest.mark.parametrize("aspect", ASPECTS)
def test_parts_follow_their_thing_and_are_in_place(aspect: float) -> None:
    layout = place("house, door, 2 window, cat", "house part door, house part window", aspect)
    start = order(layout).index("house")
    parts = layout.things[start + 1 : start + 4]
    assert [(t.name, t.part) for t in parts] == [
        ("door", True),
        ("window", True),
        ("window", True),
    ]
    house, door = box(layout, "house"), box(layout, "door")
    assert contains(house, door)
    assert bottom(door) > house[1] + 0.9 * house[3]
    assert all(contains(house, b) for b in boxes(layout, "window"))
    assert centre(boxes(layout, "window")[0])[1] < centre(door)[1]
    assert [t.part for t in layout.things if t.name in ("house", "cat")] == [False, False]


def test_eyes_are_a_pair() -> None:
    layout = place("robot, 3~ eye", "robot part eye")
    robot = box(layout, "robot")
    left, right = boxes(layout, "eye")
    assert left[1] == right[1]
    assert centre(left)[0] + centre(right)[0] == pytest.approx(2 * centre(robot)[0], abs=0.01)
    assert centre(left)[1] < centre(robot)[1]
    assert len(boxes(place("2 robot, 2~ eye", "robot part eye"), "eye")) == 4
    assert len(boxes(place("monster, 3 eye", "monster part eye"), "eye")) == 3  # as it says


def test_each_has_its_own_hat() -> None:
    layout = place("2 man, 2 hat", "man wearing hat")
    assert order(layout) == ["man", "hat", "man", "hat"]
    for man, hat in zip(boxes(layout, "man"), boxes(layout, "hat"), strict=True):
        assert abs(centre(man)[0] - centre(hat)[0]) < 0.02
    layout = place("2 man, 1 hat, 1 feather", "man wearing hat, hat part feather")
    assert order(layout) == ["man", "hat", "feather", "man"]


def test_with_says_what_belongs_together() -> None:
    cake = place("cake, 4 candle", "cake with candle")
    assert all(t.part for t in cake.things[1:])
    vase = place("vase, 3 tulip", "vase with tulip")
    assert boxes(vase, "tulip")[0][1] < box(vase, "vase")[1]
    table = place("table, lamp", "table with lamp")
    assert box(table, "table")[1] < bottom(box(table, "lamp")) < bottom(box(table, "table"))
    dog = place("man, dog", "man with dog")
    assert covered(box(dog, "dog"), box(dog, "man")) == 0


@each_picture
def test_what_is_beside_a_cat_on_a_chair_is_not_far_below(aspect: float, seed: int) -> None:
    layout = place("cat, stool, cup", "cat on stool, cat beside cup", aspect, seed)
    (x, y), (x2, y2) = centre(box(layout, "cat")), centre(box(layout, "cup"))
    assert abs(y2 - y) < abs(x2 - x)


def test_neighbours_on_a_table_are_both_on_it() -> None:
    for relations in (
        "cup beside plate, plate on table",
        "plate on table, cup beside plate",
        "cup on table, plate on table",
    ):
        layout = place("cup, plate, table", relations)
        table = box(layout, "table")
        for name in ("cup", "plate"):
            assert table[1] < bottom(box(layout, name)) < table[1] + table[3] / 2
    layout = place("cat, chair, bicycle", "cat on chair, bicycle beside chair")
    assert bottom(box(layout, "bicycle")) == pytest.approx(bottom(box(layout, "chair")), abs=0.01)


@each_picture
def test_a_chain_of_relations_holds(aspect: float, seed: int) -> None:
    layout = place(
        "cat, chair, table, lamp",
        "cat on chair, chair beside table, table below lamp",
        aspect,
        seed,
    )
    cat, chair, table, lamp = (box(layout, n) for n in ("cat", "chair", "table", "lamp"))
    assert chair[1] < bottom(cat) < bottom(chair)
    assert covered(chair, table) == 0
    assert bottom(lamp) < table[1] + 0.02
    assert table[0] < centre(lamp)[0] < table[0] + table[2]


@each_picture
def test_the_sky_is_above_the_ground(aspect: float, seed: int) -> None:
    layout = place("moon, house, tree", "", aspect, seed)
    moon = box(layout, "moon")
    for name in ("house", "tree"):
        assert centre(moon)[1] < centre(box(layout, name))[1]
        assert covered(moon, box(layout, name)) < 0.1


@each_picture
def test_what_is_above_two_things_has_them_side_by_side(aspect: float, seed: int) -> None:
    layout = place("dog, cat, moon", "moon above dog, moon above cat", aspect, seed)
    dog, cat, moon = (box(layout, name) for name in ("dog", "cat", "moon"))
    assert abs(bottom(dog) - bottom(cat)) < 0.05
    assert max(centre(moon)[1], 0) < min(dog[1], cat[1])


@each_picture
def test_the_sun_alone_stays_above_the_ground(aspect: float, seed: int) -> None:
    layout = place_things(sentence("sun", "", "mountains"), aspect=aspect, seed=seed)
    assert bottom(box(layout, "sun")) < 0.7


@each_picture
def test_views_are_wide_and_behind(aspect: float, seed: int) -> None:
    for relation in ("", "man front mountains", "mountains behind man"):
        layout = place("man, mountains", relation, aspect, seed)
        assert order(layout) == ["mountains", "man"]
        assert box(layout, "mountains")[2] > 0.95
        assert bottom(box(layout, "man")) > bottom(box(layout, "mountains"))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8, 9, 12])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_things_of_a_kind_are_apart_and_alike(count: int, aspect: float) -> None:
    layout = place(f"{count} apple", "", aspect)
    apples = boxes(layout, "apple")
    assert len(apples) == count
    for index, one in enumerate(apples):
        assert all(covered(one, other) < 0.001 for other in apples[:index])
    areas = [b[2] * b[3] for b in apples]
    assert max(areas) < 1.02 * min(areas)
    assert sum(areas) > 0.4  # of the picture


def test_a_crowd_has_an_end() -> None:
    assert len(place("1000 sheep").things) == MOST_OF_A_KIND
    assert len(place("0 sheep").things) == 1


@pytest.mark.parametrize(
    ("things", "relations", "least"),
    [
        ("dog, cat", "", 0.5),
        ("cat, chair", "cat on chair", 0.6),
        ("moon, castle", "moon above castle", 0.4),
        ("house, door", "house part door", 0.75),
        ("2 fish, bowl", "fish inside bowl", 0.7),
        ("mouse, elephant", "mouse beside elephant", 0.45),
        ("snowman, palm tree", "snowman below palm tree", 0.6),
        ("boat, lake, mountains", "boat on lake, mountains behind boat", 0.7),
        ("cat, dog, car, tree, cup, chair, horse, bottle", "", 0.5),
    ],
)
def test_the_picture_is_filled(things: str, relations: str, least: float) -> None:
    steps = [(i + 0.5) / 40 for i in range(40)]
    found = [t.box for t in place(things, relations).things]
    filled = sum(
        any(b[0] < x < b[0] + b[2] and b[1] < y < bottom(b) for b in found)
        for x in steps
        for y in steps
    )
    assert filled / 40**2 >= least


def test_small_things_are_large_enough_to_be_drawn() -> None:
    layout = place("mouse, elephant", "mouse beside elephant")
    mouse, elephant = box(layout, "mouse"), box(layout, "elephant")
    assert (mouse[2] * mouse[3]) ** 0.5 > 0.22
    assert mouse[3] < 0.6 * elephant[3]
    assert list_small_things(layout) == []
    assert list_small_things(place("40 sheep, hill", "sheep on hill")) == ["sheep"]


def test_shapes_suit_their_things() -> None:
    layout = place("palm tree, car")
    palm, car = box(layout, "palm tree"), box(layout, "car")
    assert palm[2] < palm[3]
    assert car[2] > car[3]
    assert palm[3] > car[3]


def test_seeds_settle_what_is_open() -> None:
    sides = set()
    for seed in range(20):
        layout = place("dog, cat", "dog beside cat", seed=seed)
        sides.add(box(layout, "dog")[0] < box(layout, "cat")[0])
        layout = place("dog, cat", "dog left cat", seed=seed)
        assert box(layout, "dog")[0] < box(layout, "cat")[0]
        assert place("3 dog, 2 cat", seed=seed) == place("3 dog, 2 cat", seed=seed)
    assert sides == {True, False}


@pytest.mark.parametrize(
    "relations",
    [
        "cat on dog, dog on cat",
        "cat on cat",
        "cat on dog, dog on bird, bird on cat",
        "cat left dog, dog left bird, bird left cat",
        "cat inside dog, dog part cat",
        "cat between cat & dog",
        "cat between dog & dog",
        "cat between dog & bird, dog between cat & bird, bird between cat & dog",
        "cat on dog, cat below dog, cat beside dog, cat front dog, cat around dog",
        "cat wearing dog, bird wearing dog, dog wearing cat",
        "cat holding dog, bird holding dog, dog on bird, cat between dog & bird",
    ],
)
def test_contradictions_are_placed_somehow(relations: str) -> None:
    for seed in SEEDS:
        layout = place("cat, 2 dog, bird", relations, seed=seed)
        assert Counter(order(layout)) == {"cat": 1, "dog": 2, "bird": 1}


def test_relations_to_nothing_are_left_out() -> None:
    scene = sentence("cat, dog")
    wrong = Relation("on", 7, (0,)), Relation("on", 0, (9,)), Relation("on", 0, ())
    layout = place_things(Sentence(scene.mentions, wrong), aspect=1, seed=0)
    assert layout == place_things(scene, aspect=1, seed=0)
    assert place_things(Sentence(()), aspect=1, seed=0).things == ()


def test_style_and_setting_are_kept() -> None:
    scene = sentence("boat, bird", place="sea")
    assert place_things(scene, aspect=1, seed=0).setting == scene.setting


def test_placing_takes_no_time() -> None:
    scene = sentence(
        "cat, chair, table, lamp, 3 apple, man, hat",
        "cat on chair, chair beside table, table below lamp, apple on table, man wearing hat",
    )
    place_things(scene, aspect=1, seed=0)  # reads the tables
    start = time.process_time()
    for seed in range(50):
        place_things(scene, aspect=1.5, seed=seed)
    assert (time.process_time() - start) / 50 < 0.004
