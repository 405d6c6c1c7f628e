"""The reading of a prompt while somebody types it, and the preview of an animation."""

from __future__ import annotations

import re

import pytest

from vqclip.web.animation_preview import list_scheduled, preview_animation
from vqclip.web.prompt_reading import MOST, read_prompt


def test_parts_weights_and_places_are_told() -> None:
    found = read_prompt("a snowman under a palm tree | fog:-0.3")
    assert [part["weight"] for part in found["parts"]] == [1.0, -0.3]
    names = [thing["name"] for thing in found["layouts"][0]["things"]]
    assert sorted(names) == ["palm tree", "snowman"]
    assert (found["size"], found["runs"]) == ("256x256", 1)


def test_presets_settings_and_templates_count() -> None:
    found = read_prompt("a {red|blue} fox", ["brush"], ["size=64x32", "negative=fog"])
    assert (found["runs"], found["size"], found["aspect"]) == (2, "64x32", 2.0)
    assert found["parts"][-1]["weight"] < 0


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_is_no_mistake(text: str) -> None:
    assert read_prompt(text)["parts"] == []


@pytest.mark.parametrize(
    ("text", "presets", "words", "told"),
    [
        ("a fox | |", [], [], "part 2 of .* is empty"),
        ("a fox", ["brosh"], [], "no preset is called 'brosh'"),
        ("a fox", [], ["stepz=3"], "no setting stepz"),
        ("x" * (MOST + 1), [], [], "at most"),
    ],
)
def test_mistakes_are_sentences(
    text: str, presets: list[str], words: list[str], told: str
) -> None:
    assert re.search(told, read_prompt(text, presets, words)["error"])


@pytest.mark.parametrize(
    "text", ["<img src=x>", "\u202eabc", "\ud800", "\0", "'\"", "(((", "{{{", "a\nb"]
)
def test_whatever_is_typed_is_answered(text: str) -> None:
    assert read_prompt(text).keys() & {"parts", "error"}


def test_an_animation_is_previewed_by_the_clock_of_the_run() -> None:
    found = preview_animation(
        "a red apple ^ a pear", [], ["frames=20", "camera.zoom=0%: 1, 100%: 1.2", "fade=0"]
    )
    assert (found["frames"], found["fps"], found["at"]) == (20, 12.0, [*range(20)])
    zoom = found["curves"]["camera.zoom"]
    assert zoom[0] == 1 and zoom[-1] == pytest.approx(1.2) and zoom == sorted(zoom)
    assert [scene["shares"][0] for scene in found["scenes"]] == [1, 0]
    assert [scene["shares"][-1] for scene in found["scenes"]] == [0, 1]
    assert found["text"]["camera.zoom"] == "0%: 1, 100%: 1.2"


def test_a_long_animation_is_sampled_and_one_without_length_has_some() -> None:
    assert len(preview_animation("a fox", [], ["frames=5000"])["at"]) <= 240
    assert preview_animation("a fox")["frames"] == 60
    assert "camera.zoom" in preview_animation("a fox", [], ["camera.zoom=lots"])["error"]


def test_curves_are_those_of_the_camera_and_of_motion() -> None:
    assert {"camera.zoom", "camera.roll", "motion.hold"} <= set(list_scheduled())
