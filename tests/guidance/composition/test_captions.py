"""Tests of the captions under which things are drafted."""

from __future__ import annotations

import pytest

from vqclip.guidance.composition.captions import Caption, read_captions, write_caption
from vqclip.language.layout.layout import plan_layout

CAPTIONS = {
    "car": Caption("automobile", frozenset({"police"})),
    "orange": Caption("tangerine"),
    "boat": Caption("old sailboat"),
    "sailing boat": Caption("sailboat"),
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
    assert write_caption(prompt, CAPTIONS) == caption


def test_the_starters_captions_are_those_of_its_file() -> None:
    found = read_captions()
    assert found["car"].text == "automobile"
    assert found["kitten"] == found["cat"] == Caption("cat face", frozenset({"black"}))
    assert write_caption("a black cat") == "a black cat"
    assert write_caption("a white cat") == "a white cat face"
    assert write_caption("an old fire truck") == "an old fire engine"
    assert write_caption("a full moon") == "a full moon"
    kept = ("a police car", "a fire hose", "a coffee table", "a rocking chair", "a rowing boat")
    for prompt in (*kept, "a cup cake"):
        assert write_caption(prompt) == prompt
    for noun, caption in found.items():
        layout = plan_layout(f"a rainbow behind a {noun}")
        assert layout is not None
        written = [write_caption(thing.prompt) for thing in layout.things]
        assert any(f" {each}".endswith(f" {caption.text}") for each in written), noun
