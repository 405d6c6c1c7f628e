"""Whatever stands in a prompt or in a folder of words: an answer or a sentence that names it.

VQCLIP_FUZZ=10000 python -m pytest tests/whole/test_fuzz_words.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.whole.test_fuzz import TEXTS, fuzzed
from vqclip.config.checking import prompt_notes
from vqclip.config.schema import RunConfig
from vqclip.errors import ModelError, PromptError
from vqclip.language import assets, lookalikes
from vqclip.language.assets import SearchPath
from vqclip.language.lexer import lex_text
from vqclip.language.prompts import (
    describe_prompts,
    lint_prompts,
    parse_grammar,
    parse_prompts,
    prompts_to_text,
)
from vqclip.models.zoo import word_embedding
from vqclip.run.record import grammar_v1

TIMED = st.sampled_from(
    [
        *(
            "3",
            "00",
            "30",
            "9",
            "16",
            "8080",
            ":",
            ":",
            " ",
            ".",
            "-",
            "+",
            "a fox",
            "(",
            ")",
            "|",
        ),
        *(
            "http://example.com",
            "localhost",
            "C",
            "\\:",
            '"',
            "0.5",
            "{0: 1}",
            "in(top)",
            "@",
            "^",
        ),
        *("\n", "\r\n", "\u2028", "--neg ", "--ar ", "AND", "[a:b:0.5]", "__c__", "<lora:a:1>"),
        *("embedding:a", "[a|b]", "::", ", ", "label(", "like(", "I like("),
    ]
)
SPOKEN = st.lists(TIMED, max_size=12).map("".join)


@fuzzed
@given(SPOKEN | TEXTS)
def test_numbers_and_colons(text: str) -> None:
    """What is read is written with the same meaning and without doubt, on one line for people."""
    try:
        understood = parse_prompts(text)
    except PromptError as error:
        assert str(error)
        return
    shown = prompts_to_text(understood)
    assert parse_prompts(shown) == understood
    assert all(len(line.splitlines()) == 1 for line in describe_prompts(understood))
    assert all(len(note.splitlines()) == 1 for note in lint_prompts(text))
    assert lint_prompts(shown) == lookalikes.find_foreign_signs(lex_text(shown))


@fuzzed
@given(SPOKEN | TEXTS, st.sampled_from([2, 3]))
def test_prompts_of_older_grammars(text: str, grammar: int) -> None:
    try:
        before = parse_grammar(text, grammar)
    except PromptError as error:
        assert str(error)
        return
    assert parse_prompts(grammar_v1.modernise_prompt(text, grammar)) == before
    if grammar == 3 and grammar_v1.oldest_grammar([{"prompts": text}]) == 3:
        assert parse_prompts(text) == before


NAMES = (st.lists(st.sampled_from([*"ab.-_ ()+,'&é猫", "/", ".pt", ".PT"])) | TEXTS).map(
    lambda parts: "".join(parts)
)


@fuzzed
@given(NAMES)
def test_every_file_of_a_word_can_be_asked_for_or_is_told(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """A file is found by its name, or a note about `<name>` says how to name it."""
    root = tmp_path_factory.mktemp("words")
    folder = root / assets.WORD_FOLDER
    path = Path(f"{folder}/{name}.pt")
    if ".." in path.parts or len(name) > 60 or any(each in name for each in '\0<>|^\\"\n'):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except (OSError, UnicodeEncodeError):
        return
    if path.suffix != ".pt" or path.is_dir() or folder not in path.parents:
        return
    try:
        notes = prompt_notes.list_prompt_notes(
            RunConfig(prompts=f"a <{path.stem}>"), SearchPath((root,))
        )
    except PromptError:
        return
    if assets.find_word_names(f"<{path.stem}>") == [path.stem]:
        assert assets.find_word(path.stem, [folder]) == path
        assert path.stem in assets.list_words([folder])
    elif "".join(path.stem.split()):
        assert any("is only words, since such a name" in note for note in notes), notes
    new = assets.propose_word_name(path.stem)
    assert assets.find_word_names(f"<{new}>") == [new]


KEYS = st.sampled_from(
    ["*", "<a>", "a_1", "lora_up", "clip_l", "string_to_param", "state_dict", 3]
)
SHAPES = st.sampled_from([[2], [2, 4], [0]])
HELD = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | SHAPES.map(torch.ones),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=4,
)


@fuzzed
@given(HELD)
def test_files_of_words_hold_vectors_or_are_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.pt"
    torch.save(content, path)
    try:
        assert word_embedding.read_word(path).vectors
    except ModelError as error:
        assert str(path) in str(error)
