"""Independence of frames: animations whose frames take nothing from each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vqclip.config.checking import frame_independence
from vqclip.config.loading import load_config
from vqclip.config.schema import RunConfig
from vqclip.config.steps.frame_stretches import LEAST, MOST, cut_frames
from vqclip.errors import ConfigError
from vqclip.language.clock import Timeline

APART = ("source.film=clip", "source.blend=1", "motion.moments=false", "frames=20")


def load(*more: str) -> RunConfig:
    return load_config("a fox", overrides=[*APART, *more])


def whys(config: RunConfig) -> list[str]:
    found = frame_independence.list_dependences(config, Timeline(config.frames))
    return [each.why for each in found]


@pytest.mark.parametrize(
    "more",
    [
        *((), ("motion.hold=9", "source.weight=0"), ("source.blend=0: 0, 1: 1",)),
        *(("film.between=1", "film.between_by=flow"), ("drawer=pixels",), ("init=random",)),
        ("overlay.picture=a.png", "motion.steps=1 + frame"),
    ],
)
def test_frames_that_begin_with_the_films_own_alone_are_apart(more: tuple[str, ...]) -> None:
    assert whys(load(*more)) == []
    frame_independence.require_independence(load(*more), Timeline(20))


CASES = [
    ("source.blend=0.99", "source.blend=1"),
    ("source.blend=0: 1, 18: 1, 19: 0.5", "source.blend=1"),
    ("motion.moments=true", "motion.moments=false"),
    ("motion.steady=false", "motion.steady=true"),
    ("motion.smooth=0.1", "motion.smooth=0"),
    ("motion.noise=0: 0, 19: 0.1", "motion.noise=0"),
    ("motion.colours=lab", "motion.colours=none"),
    ("losses.change=1", "losses.change=0"),
]


@pytest.mark.parametrize(("setting", "change"), CASES)
def test_what_frames_take_from_each_other_is_told_with_what_to_write(
    setting: str, change: str
) -> None:
    (why,) = whys(load(setting))
    assert why.startswith(setting.partition("=")[0])
    with pytest.raises(ConfigError, match=f"; write {change}, or motion.parallel=false$"):
        frame_independence.require_independence(load(setting), Timeline(20))
    assert whys(load(setting, change)) == []


def test_a_single_frame_depends_on_nothing() -> None:
    assert whys(load("frames=1", "motion.moments=true")) == []


def test_all_of_it_is_told_at_once() -> None:
    config = load(*(setting for setting, _ in CASES[1:]), "film.between=1")
    config = replace(config, film=replace(config.film, between_by="latent"))
    assert len(whys(config)) == len(CASES)
    told = frame_independence.describe_dependences(
        frame_independence.list_dependences(config, Timeline(20))
    )
    assert all(change in told.partition("; write ")[2] for _, change in CASES)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"drawer": "lines"}, "the strokes of drawer=lines move on"),
        ({"source": RunConfig().source}, "without source.film each frame begins with the one"),
    ],
)
def test_what_no_setting_helps_is_told_too(change: dict[str, Any], why: str) -> None:
    config = replace(load(), **change)
    with pytest.raises(ConfigError, match=f"{why}.*; write motion.parallel=false$"):
        frame_independence.require_independence(config, Timeline(20))


def test_stretches_have_all_frames_but_the_first_once() -> None:
    for frames in (2, 5, 6, 200, 257, 258, 999):
        parts = cut_frames(frames)
        assert [n for first, until in parts for n in range(first, until)] == [*range(1, frames)]
        assert len(parts) <= MOST and all(b - a >= LEAST for a, b in parts[:-1])
    assert cut_frames(1) == []
