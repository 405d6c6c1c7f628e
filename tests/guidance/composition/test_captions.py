"""Tests of the captions under which things are drafted."""

from __future__ import annotations

import pytest

from vqclip.guidance.composition.captions import (
    Caption,
    read_captions,
    write_draft_text,
)
from vqclip.language.layout.layout import plan_layout
from vqclip.language.palettes.plain_colours import PLAIN_COLOURS

CAPTIONS = {
    "car": Caption("automobile", unless=frozenset({"police"})),
    "orange": Caption("tangerine"),
    "boat": Caption("old sailboat"),
    "sailing boat": Caption("sailboat"),
    "black bird": Caption("raven"),
    "red fox": Caption("fox"),
    "barn": Caption("house", "red"),
    "crow": Caption("black bird"),
}


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ("a car", "an automobile"),
        ("a small red car", "a small red automobile"),
        ("the car", "the automobile"),
        ("car", "automobile"),
        ("an orange", "a tangerine"),
        ("a boat", "an old sailboat"),
        ("a sailing boat", "a sailboat"),
        ("an old sailing boat", "an old sailboat"),
        ("sailing boat", "sailboat"),
        ("a sailing boat at sea", "a sailing boat at sea"),
        ("a police car", "a police car"),
        ("a car of stone", "a car of stone"),
        ("a painting of a car", "a painting of a car"),
        ("a toy car", "a toy car"),
        ("a cable car", "a cable car"),
        ("police car", "police car"),
        ("an old boat", "an old boat"),
        ("cars", "cars"),
        ("a fox", "a fox"),
        ("the", "the"),
        ("", ""),
        ("  ", "  "),
    ],
)
def test_the_noun_gives_way_to_its_caption(prompt: str, caption: str) -> None:
    assert write_draft_text(prompt, CAPTIONS).text == caption


@pytest.mark.parametrize(
    ("prompt", "text", "caption", "colour"),
    [
        ("a blue car", "a blue automobile", "an automobile", "blue"),
        ("an old red car", "an old red automobile", "an old automobile", "red"),
        ("a red old car", "a red old automobile", "an old automobile", "red"),
        ("the grey car", "the grey automobile", "the automobile", "grey"),
        ("gray fox", "gray fox", "fox", "grey"),
        ("a blue teddy bear", "a blue teddy bear", "a teddy bear", "blue"),
        (
            "a blue car, watercolour",
            "a blue automobile, watercolour",
            "an automobile, watercolour",
            "blue",
        ),
        ("a car, watercolour", "an automobile, watercolour", "an automobile, watercolour", None),
        ("a blue car, a red fox", "a blue car, a red fox", "a blue car, a red fox", None),
        ("a blue fox on a car", "a blue fox on a car", "a blue fox on a car", None),
        ("a blue fox in snow", "a blue fox in snow", "a blue fox in snow", None),
        ("a blue fox sketch", "a blue fox sketch", "a blue fox sketch", None),
        ("blue fox, red sky", "blue fox, red sky", "blue fox, red sky", None),
        ("a red and white ball", "a red and white ball", "a red and white ball", None),
        ("a blue orange", "a blue tangerine", "a tangerine", "blue"),
        ("a barn", "a red house", "a house", "red"),
        ("an old barn", "an old red house", "an old house", "red"),
        ("a blue barn", "a blue house", "a house", "blue"),
        ("a red barn", "a red house", "a house", "red"),
        ("a crow", "a black bird", "a black bird", None),
        ("a black crow", "a black bird", "a black bird", None),
        ("a white crow", "a white bird", "a black bird", "white"),
        ("A Red Car", "a red automobile", "an automobile", "red"),
        ("a red car.", "a red automobile", "an automobile", "red"),
        ("red car", "red automobile", "automobile", "red"),
        ("a red fox", "a fox", "a fox", None),
        ("a navy car", "a navy automobile", "an automobile", "navy"),
        ("an orange", "a tangerine", "a tangerine", None),
        ("orange", "tangerine", "tangerine", None),
        ("a blue", "a blue", "a blue", None),
        ("a black bird", "a raven", "a raven", None),
        ("", "", "", None),
    ],
)
def test_a_colour_is_taken_out_of_what_the_prior_reads(
    prompt: str, text: str, caption: str, colour: str | None
) -> None:
    found = write_draft_text(prompt, CAPTIONS)
    assert (found.text, found.caption) == (text, caption)
    assert found.colour == (colour and PLAIN_COLOURS[colour])


def test_a_shade_goes_with_its_colour() -> None:
    dark, plain, light = (
        write_draft_text(f"a small {shade}blue car", CAPTIONS)
        for shade in ("dark ", "", "light ")
    )
    assert dark.text == "a small dark blue automobile"
    assert {each.caption for each in (dark, plain, light)} == {"a small automobile"}
    assert dark.colour and plain.colour and light.colour
    for one, two, three in zip(dark.colour, plain.colour, light.colour, strict=True):
        assert one < two < three
    found = write_draft_text("a dark red fox", CAPTIONS)  # not as foxes are
    assert (found.text, found.caption) == ("a dark red fox", "a fox")
    assert found.colour is not None and found.colour < PLAIN_COLOURS["red"]


def test_a_style_goes_around_both_texts() -> None:
    found = write_draft_text("a blue car", CAPTIONS).apply_style("ink drawing of {}")
    assert found.text == "ink drawing of a blue automobile"
    assert found.caption == "ink drawing of an automobile"
    assert found.colour == PLAIN_COLOURS["blue"]


def test_the_starters_captions_are_those_of_its_file() -> None:
    found = read_captions()
    assert found["car"].text == "automobile"
    assert found["kitten"] == found["cat"] == Caption("cat face")
    assert found["panther"] == Caption("leopard", "black")

    def write(prompt: str) -> str:
        return write_draft_text(prompt).text

    assert write("a black cat") == "a black cat face"
    assert write("an old fire truck") == "an old fire engine"
    assert write("a full moon") == "a full moon"
    kept = ("a police car", "a fire hose", "a coffee table", "a rocking chair", "a rowing boat")
    for prompt in (*kept, "a cup cake"):
        assert write(prompt) == prompt
    for noun, caption in found.items():
        layout = plan_layout(f"a rainbow behind a {noun}")
        assert layout is not None
        written = [write(thing.prompt) for thing in layout.things]
        assert any(f" {each}".endswith(f" {caption.text}") for each in written), noun
