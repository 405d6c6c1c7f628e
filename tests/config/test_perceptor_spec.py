"""Perceptor specs: names, weights and numbers of cutouts."""

from __future__ import annotations

import pytest

from vqclip.config import loading
from vqclip.config.perceptor_spec import PerceptorSpec, parse_perceptor, perceptor_names
from vqclip.errors import ConfigError
from vqclip.language.schedules import parse_schedule as schedule


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("starter", PerceptorSpec("starter")),
        ("ViT-B-32::openai", PerceptorSpec("ViT-B-32::openai")),
        ("ViT-B-32::openai:0.5", PerceptorSpec("ViT-B-32::openai", 0.5)),
        ("ViT-B-32::openai:0.5:8", PerceptorSpec("ViT-B-32::openai", 0.5, 8)),
        (r"C:\clips\mine:2", PerceptorSpec(r"C:\clips\mine", 2)),
        ("starter:{0: 0, 50%: 1 hold}", PerceptorSpec("starter", schedule("0: 0, 50%: 1 hold"))),
        ("starter:{0: 1}:8", PerceptorSpec("starter", schedule("0: 1"), 8)),
        ("starter:0", PerceptorSpec("starter", 0)),
    ],
)
def test_parse(text: str, wanted: PerceptorSpec) -> None:
    assert parse_perceptor(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "starter:x",
            "'starter:x' gives starter the weight 'x', which is not a number; write one",
        ),
        (":0.5", "':0.5' has no name; write one, such as starter:0.5"),
        (
            "starter:-1",
            r"starter has the weight -1; it must be 0 or more. .*fog:-0.5 for\(starter\)",
        ),
        ("starter:{0: 1, 9: -1}", "starter has the weight -1"),
        ("starter:{0: 1 +}", r"starter: the schedule's keyframe '0: 1 \+' cannot be read"),
        (
            "starter:1:0",
            "starter has 0 as its number of cutouts; write a whole number, such as 16",
        ),
        ("starter:1:2.5", "starter has 2.5 as its number of cutouts"),
        ("starter:1e999", "starter has the weight inf"),
        ("starter:nan", "'starter:nan' ends in nan, which is not a number.*such as starter:0.5"),
        ("a::b:1:-Infinity", "'a::b:1:-Infinity' ends in -Infinity, which is not a number"),
        (
            "starter:{0: 1",
            r"'starter:\{0: 1' has a schedule without its closing brace, .*: 1\}:8",
        ),
        (
            "starter: {0: 1}x",
            "has a schedule without its closing brace, or something else after it",
        ),
        ("starter:{0: 1}:8:9", "then at most a number of cutouts"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_perceptor(text)


def test_a_perceptor_is_named_once() -> None:
    assert perceptor_names(["a:2", "b::c:0.5:3"]) == ["a", "b::c"]
    with pytest.raises(
        ConfigError, match="perceptors names a CLIP model twice: starter, starter"
    ):
        loading.load_config("a fox", perceptors=["starter", "starter:0.5"])


def test_an_open_schedule_is_refused_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"'starter:\{0: 0' has a schedule without its"):
        loading.load_config("a fox", overrides=["perceptors=starter:{0: 0, 50%: 1"])


def test_the_commas_of_a_schedule_part_no_perceptors() -> None:
    found = loading.load_config("a fox", overrides=["perceptors=starter:{0: 0, 50%: 1}, b::c:2"])
    assert found.perceptors == ["starter:{0: 0, 50%: 1}", "b::c:2"]
