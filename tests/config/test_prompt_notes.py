"""Tests of notes on prompts."""

from __future__ import annotations

import pytest

from vqclip.config.checking.prompt_notes import list_prompt_notes
from vqclip.config.schema import RunConfig
from vqclip.language.assets import SearchPath


@pytest.mark.parametrize("prompt", ["https://example.com/fox.jpg", " HTTP://example.com/a "])
def test_an_address_alone_is_read_as_words_and_that_is_told(prompt: str) -> None:
    (said,) = list_prompt_notes(RunConfig(prompts=prompt), SearchPath.current())
    assert said.startswith(f"{prompt.strip()!r} is read as words") and "--init photo.jpg" in said


def test_a_label_with_an_article_is_told_of() -> None:
    config = RunConfig(
        prompts="label(a red bee) | label(ant) | label(the)", negative="label(the sea)"
    )
    first, second = list_prompt_notes(config, SearchPath.current())
    assert first == (
        "label(a red bee) is read as 'a photo of the large a red bee.' and the like; without the "
        "article: label(red bee)"
    )
    assert second.startswith("label(the sea) is read as")


def test_an_address_among_words_is_no_matter() -> None:
    config = RunConfig(prompts="a poster of https\\://example.com")
    assert list_prompt_notes(config, SearchPath.current()) == []
