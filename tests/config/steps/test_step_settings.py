"""Settings that are numbers of steps: what they take, what they become, and what they refuse."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from vqclip.config import loading
from vqclip.config.checking.animation_checks import check_animation
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, kind_of, to_dict
from vqclip.config.sizes import plan_stages
from vqclip.config.steps.step_settings import OverlaySteps, finish_steps, settle_intervals
from vqclip.errors import ConfigError
from vqclip.language.clock import Clock


def load(*words: str, **settings: Any) -> RunConfig:
    return loading.load_config("a fox", overrides=["layout=off", *words], **settings)


def intervals(*words: str, clock: Clock | None = None) -> tuple[int, int, int]:
    config = load(*words)
    found = settle_intervals(config, clock or Clock(config.steps))
    return found.previews, found.film, found.checkpoint


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("steps=50i", "steps", 50),
        ("steps=50 Iterations", "steps", 50),
        ("steps=10s", "steps", 150),
        ("frames=60f", "frames", 60),
        ("frames=5s", "frames", 60),
        ("length=5s", "frames", 60),
        ("previews=25i", "previews", 25),
        ("previews=025", "previews", 25),
        ("previews=20 percent", "previews", "20%"),
        ("previews=2.50 s", "previews", "2.5s"),
        ("checkpoint.every=2s", "checkpoint.every", "2s"),
        ("film.every=1%", "film.every", "1%"),
        ("draw.finish=20i", "draw.finish", "20"),
        ("draw.finish=1s", "draw.finish", "1s"),
        ("draw.finish=40%", "draw.finish", "40%"),
        ("motion.steps=4i", "motion.steps", 4),
        ("source.stride=2f", "source.stride", 2),
        ("source.start=2s", "source.start", 2.0),
    ],
)
def test_a_unit_makes_a_number_at_once_or_stays(word: str, key: str, value: object) -> None:
    found = to_dict(load(word))
    group, _, name = key.rpartition(".")
    assert (found[group] if group else found)[name] == value
    assert to_dict(loading.load_config(base=found)) == found
    typed = word.partition("=")[2]
    nested = {name: typed} if not group else {group: {name: typed}}
    assert to_dict(loading.load_config("a fox", layout="off", **nested)) == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "steps=0i",
            "steps is 0, but it must be 1 or more; write a whole number, such as 200, or",
        ),
        ("steps=9999999999i", "steps is 9999999999; it must be 1000000 or less"),
        (
            "overlay.every=0% film.format=none",
            "such as 10, or a share, such as 10%",
        ),
        ("previews=20f film.format=none", "such as 25, or a share, such as 10%"),
        ("previews=20f frames=9", "such as 25, or a share, such as 10%"),
        ("steps=50%", "steps is 50%, but there is nothing that it would be a share of; write a "),
        ("steps=20f", "steps is 20f, but steps are counted here, not frames; write a whole "),
        ("steps=2s film.format=none", "steps is 2s, but this picture has no film whose seconds"),
        ("steps=2s frames=9", "steps is 2s, but all steps of an animation's first frame are one"),
        (
            "frames=50%",
            "frames is 50%, but there is no film (source.film) of whose frames it ",
        ),
        ("frames=60i", "frames is 60i, but frames are counted here, not steps; write a whole "),
        ("frames=5s length=3", "frames=5s and length=3 both say how long the animation is"),
        ("previews=2s film.format=none", "write a number of steps, such as 30, or a share: 20%"),
        ("previews=2s frames=9", "previews is 2s, but all steps of an animation's first frame"),
        (
            "previews=20f",
            "previews is 20f, but steps are counted here, not frames; write a whole ",
        ),
        ("previews=101%", "previews is '101%'; it must be a whole number, such as 25, a share, "),
        (
            "film.every=2s",
            "film.every is 2s, but seconds of film are what it makes; write a whole",
        ),
        (
            "film.every=0%",
            "film.every is 0%, but it must be 1 or more; write a whole number, such",
        ),
        ("film.every=10% frames=9", "film.every is 10%, which is for the film of a picture's"),
        ("motion.steps=10%", "motion.steps is 10%, but the steps of all frames are what makes"),
        ("motion.steps=2s", "motion.steps is 2s, but the steps of one frame take no time; write"),
        (
            "source.stride=2s",
            "source.stride is 2s, but there is no film (source.film) whose seconds they",
        ),
        (
            "draw.finish=30s",
            "draw.finish is 30s, 450 of 90 steps; each drawer needs one at least",
        ),
        ("draw.finish=1s film.format=none", "draw.finish is 1s, but this picture has no film"),
        (
            "growth=[{size: 50%, steps: 2f}]",
            "growth, stage 1: steps is '2f'; write 60, 40%, or 2s",
        ),
        ("growth=[{steps: 2s}] frames=9", "growth, stage 1: steps is 2s, but all steps of an"),
    ],
)
def test_a_unit_without_a_meaning_is_refused_with_what_to_write(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_animation(load(*re.split(r" (?=\w+(?:\.\w+)?=)", words)))
    assert message in str(caught.value)


def test_growth_and_the_last_drawer_take_units() -> None:
    run = load(
        *("init=random", "drawer=vqgan", "steps=100", "size=64x64"),
        "growth=[{size: 25%, steps: 10i}, {size: 50%, steps: 1s}, {size: 75%, steps: 20 p}]",
    )
    assert [each.steps for each in run.growth] == ["10", "1s", "20%"]
    assert [count for *_, count in plan_stages(run, 1)] == [10, 15, 20, 55]
    two = load("drawer=vqgan,pyramid", "steps=90", "film.fps=30", "draw.finish=1s")
    assert finish_steps(two) == 30


def test_intervals_of_a_still_are_of_its_steps() -> None:
    assert intervals("steps=90") == (25, 1, 25)
    words = ("steps=90", "previews=20%", "film.every=2%", "checkpoint.every=2s")
    assert intervals(*words) == (18, 2, 30)
    assert intervals("previews=0%", "checkpoint.every=0", "film.every=.1%") == (0, 1, 0)


def test_the_films_pace_stays_as_it_was_when_the_run_began() -> None:
    config = load("steps=400", "previews=20%", "film.every=2%")
    found = settle_intervals(config, Clock(400), first_steps=100)
    assert (found.previews, found.film) == (80, 2)


def test_intervals_of_an_animation_are_of_all_its_steps() -> None:
    # The first frame takes 20 steps, the four after it 5 each: 40 steps at 12 frames a second.
    clock = Clock(40, starts=(0, 20, 25, 30, 35), fps=12.0)
    words = ("steps=20", "frames=5", "previews=50%")
    assert intervals(*words, "checkpoint.every=25%", clock=clock) == (10, 1, 10)
    assert intervals(*words, "checkpoint.every=.25s", clock=clock) == (10, 1, 15)
    alone = Clock(20, starts=(0,), fps=12.0)
    assert intervals("steps=20", "frames=1", "checkpoint.every=1s", clock=alone)[2] == 240


def test_an_overlay_is_laid_by_the_steps_of_all_frames() -> None:
    words = ("overlay.picture=star.png", "overlay.every=10%", "overlay.start=.5s")
    found = settle_intervals(load("steps=40", *words, "overlay.until=50%"), Clock(40))
    assert found.overlay == OverlaySteps(4, 8, 20)
    clock = Clock(40, starts=(0, 20, 25, 30, 35), fps=12.0)
    moved = load("steps=20", "frames=5", *words, "overlay.until=.6s")
    assert settle_intervals(moved, clock).overlay == OverlaySteps(4, 30, 36)
    assert settle_intervals(load(), Clock(40)).overlay is None
    with pytest.raises(ConfigError, match=r"overlay.until is 20% and overlay.start 50%, so no"):
        settle_intervals(
            load("overlay.picture=star.png", "overlay.start=50%", "overlay.until=20%"), Clock(40)
        )


def test_every_number_of_steps_or_frames_takes_a_unit() -> None:
    """Of what has "steps" or "frames" in its help and is a number, or says so here."""
    counted = {"steps", "frames", "previews", "film.every", "checkpoint.every", "motion.steps"}
    counted |= {"draw.finish", "source.stride", "patience"}
    counted |= {"overlay.every", "overlay.start", "overlay.until"}
    with_units = {
        each.key
        for each in describe_settings()
        if "units" in kind_of(RunConfig, each.key).metadata
    }
    assert with_units == counted
    others = {"film.between", "film.fps", "fps"}  # frames between two, and frames a second
    for each in describe_settings():
        said = {"steps", "frames", "frame"} & {*each.help.replace(",", "").split()}
        numbers = kind_of(RunConfig, each.key).types & {int}
        assert not (said and numbers) or each.key in counted | others, each.key


def test_help_says_which_units_are_taken() -> None:
    told = {each.key: each for each in describe_settings()}
    assert told["previews"].kind == "whole number, % or s"
    assert told["film.every"].full_help.endswith("(whole number or %)")
    assert told["source.stride"].kind == "whole number or s"
    assert told["motion.steps"].kind == "whole number or schedule"


def test_plain_numbers_are_noted_as_they_were() -> None:
    found = to_dict(load())
    assert (found["previews"], found["film"]["every"], found["checkpoint"]["every"]) == (
        25,
        1,
        25,
    )
    assert dataclasses.asdict(load())["draw"]["finish"] == "65%"
