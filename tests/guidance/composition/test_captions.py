"""Tests of the captions under which things are drafted."""

from __future__ import annotations

import pytest

from vqclip.guidance.composition.captions import Caption, read_captions, write_caption
from vqclip.language.layout.layout import plan_layout

CAPTIONS = {
    "car": Caption("automobile", frozenset({"police"})),
    "orange": Caption("tangerine"),
    "boat": Caption("old sailboat"),
}


@pytest.mark.parametrize(
    ("prompt", "name", "caption"),
    [
        ("a car", "car", "an automobile"),
        ("a small red car", "car", "a small red automobile"),
        ("the car", "car", "the automobile"),
        ("car", "car", "automobile"),
        ("an orange", "orange", "a tangerine"),
        ("a boat", "boat", "an old sailboat"),
        ("a police car", "car", "a police car"),
        ("a car of stone", "car", "a car of stone"),
        ("a toy car", "toy car", "a toy car"),
        ("a cable car", "car", "a cable car"),
        ("police car", "car", "police car"),
        ("an old boat", "boat", "an old boat"),
        ("cars", "car", "cars"),
        ("a fox", "fox", "a fox"),
        ("", "", ""),
    ],
)
def test_the_noun_gives_way_to_its_caption(prompt: str, name: str, caption: str) -> None:
    assert write_caption(prompt, name, CAPTIONS) == caption


def test_the_starters_captions_are_those_of_its_file() -> None:
    found = read_captions()
    assert found["car"].text == "automobile"
    assert found["kitten"] == found["cat"] == Caption("cat face", frozenset({"black"}))
    assert write_caption("a black cat", "cat") == "a black cat"
    assert write_caption("a white cat", "cat") == "a white cat face"
    for prompt in ("a police car", "a fire truck", "a coffee table", "a rocking chair"):
        assert write_caption(prompt, prompt.split()[-1]) == prompt
    for noun in found:
        layout = plan_layout(f"a rainbow behind a {noun}")
        assert layout is not None
        # The name of a thing is what its caption is looked up by.
        names = {thing.name for thing in layout.things}
        assert noun in names, noun
