"""Automatic settings: the start of a run, and the defaults that suit it."""

from __future__ import annotations

import pytest

from vqclip.config.auto_settings import (
    COMPOSITION_DEFAULTS,
    DRAFT_DEFAULTS,
    NO_DEFAULTS,
    RANDOM_CODES_DEFAULTS,
    defaults_for,
    resolve_auto,
)
from vqclip.config.loading import load_config
from vqclip.config.schema import RunConfig, Stage
from vqclip.config.setting_descriptions import to_dict

GROWN = (("64", "40%"), ("128", "25%"))


@pytest.mark.parametrize(
    ("prompt", "vqgan", "start"),
    [
        ("a fox", "starter", "dream"),
        ("a fox", "mine", "random"),
        ("@x.png | fog:-1", "starter", "random"),
        ("", "starter", "random"),
        (":2", "starter", "random"),
    ],
)
def test_words_for_the_starter_begin_with_a_draft(prompt: str, vqgan: str, start: str) -> None:
    assert resolve_auto(RunConfig(prompts=prompt, vqgan=vqgan)).init == start
    assert resolve_auto(RunConfig(prompts=prompt, vqgan=vqgan, init="fractal")).init == "fractal"


def test_what_suits_a_start() -> None:
    assert defaults_for("dream", "mine") is DRAFT_DEFAULTS
    assert defaults_for("random", "starter") is RANDOM_CODES_DEFAULTS
    assert defaults_for("random", "mine") is defaults_for("x.png", "starter") is NO_DEFAULTS


def test_what_suits_another_drawer() -> None:
    drafted = load_config("a fox", drawer="pixels")
    assert (drafted.init, drafted.steps, drafted.growth, drafted.optimiser.rate) == (
        *("dream", 100, []),
        None,
    )
    assert (drafted.losses.init, drafted.losses.edges) == (0.5, 0)
    plain = load_config("a fox", drawer="pixels", init="random")
    assert (plain.losses.init, plain.losses.edges) == (0, 3)
    photo = load_config("a fox", drawer="pixels", init="fractal")
    assert (photo.losses.init, photo.losses.edges, photo.steps) == (0, 0, 100)
    film = load_config("a fox", drawer="pixels", source={"film": "a.mp4"})
    assert (film.init, film.steps, film.optimiser.rate) == ("source", 40, None)


@pytest.mark.parametrize("vqgan", ["starter", "mine"])
@pytest.mark.parametrize(
    ("drawer", "start"),
    [("strokes", "dream"), ("strokes,lines", "dream"), ("lines", "random")],
)
def test_lines_begin_at_random(drawer: str, start: str, vqgan: str) -> None:
    assert load_config("a fox", drawer=drawer, vqgan=vqgan).init == start
    assert load_config("a fox", drawer=drawer, init="fractal").init == "fractal"


def test_strokes_go_on_from_the_draft_of_another_drawer() -> None:
    assert load_config("a fox", drawer="pixels,strokes", vqgan="mine").init == "dream"
    assert load_config("a fox", drawer="vqgan,strokes").init == "dream"


def test_each_drawer_has_losses_of_its_own() -> None:
    def losses(drawer: str, **settings: object) -> tuple[object, object, object]:
        found = load_config("a fox", drawer=drawer, **settings).losses
        return found.smoothness, found.edges, found.init

    assert losses("lines") == losses("vqgan,lines") == (0, 5, 0)
    assert losses("strokes") == (1, 0, 0.5)
    assert losses("strokes", init="random") == (1, 3, 0)
    assert losses("mosaic") == losses("palette") == (3, 0, 0.5)
    assert losses("pyramid") == (10, 0, 0.5)
    assert losses("lines", losses={"edges": 1}) == (0, 1, 0)


@pytest.mark.parametrize("first", ["lines", "strokes", "pixels", "palette", "vqgan"])
@pytest.mark.parametrize("then", ["lines", "pixels", "vqgan"])
def test_what_suited_a_drawer_goes_with_it(first: str, then: str) -> None:
    own = ["cutouts.count=8", "losses.symmetry=1"]
    drawn = load_config("a fox", overrides=[*own, f"drawer={first}"])
    notes = to_dict(drawn, everywhere=False)
    assert load_config(base=notes) == drawn
    start = ["init=random", f"drawer={then}"]
    assert load_config(base=notes, overrides=start) == load_config(
        "a fox", overrides=[*own, *start]
    )


def test_random_codes_of_the_starter_get_a_border() -> None:
    own = load_config("a fox", init="random")
    assert (own.losses.edges, own.growth) == (3, [Stage(*each) for each in GROWN])
    assert (
        load_config("a fox").losses.edges == load_config("a fox", vqgan="mine").losses.edges == 0
    )
    assert load_config("a fox", init="random", losses={"edges": 0}).losses.edges == 0
    # Pictures that were made before there was one are made again without.
    old = to_dict(load_config("a fox", init="random", losses={"edges": 0}), everywhere=False)
    assert load_config(base=old).losses.edges == 0


def test_what_suited_a_draft_goes_with_it() -> None:
    own = ["cutouts.count=8", "optimiser.rate=0.25"]
    drafted = load_config("a fox", overrides=own)
    notes = to_dict(drafted, everywhere=False)
    assert load_config(base=notes) == drafted
    plain = load_config(base=notes, overrides=["init=random"])
    assert plain == load_config("a fox", overrides=[*own, "init=random"])
    assert plain.losses.edges == 3
    assert plain.losses.init == 0 and plain.growth != [] and plain.steps == 200
    back = load_config(base=to_dict(plain, everywhere=False), overrides=["init=dream"])
    assert back == drafted
    # What was asked for stays, whatever the start.
    longer = to_dict(load_config("a fox", overrides=["steps=80"]), everywhere=False)
    assert load_config(base=longer, overrides=["init=random"]).steps == 80


def test_a_composition_is_drawn_by_the_vqgan_alone_unless_another_drawer_is_named() -> None:
    chosen = load_config("a snowman under a palm tree")
    assert (chosen.drawer, chosen.steps) == ("vqgan", COMPOSITION_DEFAULTS["steps"])
    assert load_config("a snowman").drawer == "vqgan,pyramid"
    assert load_config("a snowman under a palm tree", layout="off").drawer == "vqgan,pyramid"
    typed = load_config("a snowman under a palm tree", drawer="vqgan,pyramid")
    assert (typed.drawer, typed.steps) == ("vqgan,pyramid", 90)


def test_drawn_again_a_composition_and_a_thing_get_the_drawer_that_suits_them() -> None:
    several, one = (to_dict(load_config(p)) for p in ("a cat on a chair", "a cat"))
    now = load_config("a fox", base=several)
    assert (now.drawer, now.steps) == ("vqgan,pyramid", 90)
    now = load_config("a fox on a chair", base=one)
    assert (now.drawer, now.steps) == ("vqgan", 35)
    thing = to_dict(load_config("a cat", drawer="vqgan"))
    assert (thing["drawer"], thing["steps"]) == ("vqgan", 60)
    assert load_config("a cat on a chair", base=thing).steps == 35
    other = load_config("a cat", base=several, init="x.png", aspect="2:1")
    assert (other.drawer, other.steps) == ("vqgan", 200)
    longer = to_dict(load_config("a cat on a chair", steps=70))
    assert load_config("a fox on a chair", base=longer).steps == 70
