"""Run files and structured prompts as people write them: an answer, or what was written named."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.whole.test_fuzz import CHOICES, KEYS, TEXTS, fuzzed
from vqclip.config import loading
from vqclip.errors import PromptError, SettingsWarning, VqclipError
from vqclip.language import structured
from vqclip.language.json_reader import read_json

GROUPS = sorted({key.partition(".")[0] for key in KEYS if "." in key})
FORMS = ["prompts", "negative", "style"]  # words that are drawn
TEXT_KEYS = [*FORMS, "init", "losses.colours", "aspect"]
PARSER_WORDS = re.compile(
    r"<scalar>|<block|alias|token|node content|simple key|NoneType|datetime|dict|\bstr\b|\bint\b"
)
PIECES = (
    *"@`%*&!?|>[]{},:#'\"-~\\ .“’狐",
    *(": ", " #", " # ", "- ", "fox", "a story", "no", "on", "null", "16:9", "12:30", "1_000"),
    *("0x10", ".5", "1e3", "2020-01-01"),
)
WRITTEN = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
JSON_PIECES = (
    *"{}[],:\"'“”’#\n\\ 1",
    *("//", "/*", "*/", '"subject":', "'Style':", "subject", "True", "null", "-.5", "a fox"),
)
LINES = st.one_of(
    st.tuples(st.sampled_from([*KEYS, *GROUPS, "scenes", "extends", "x"]), WRITTEN).map(
        "{0[0]}: {0[1]}".format
    ),
    st.tuples(st.sampled_from(["- ", "  ", "  - ", "", "  format: "]), WRITTEN).map("".join),
    st.sampled_from(["prompts:", "scenes:", "film:", "losses:", "film.format=gif", "---"]),
)


def load(folder: Path, text: str) -> Any:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SettingsWarning)
        return loading.load_config(file=path)


@fuzzed
@given(st.lists(LINES, max_size=5))
def test_run_files_as_they_are_written(tmp_path: Path, lines: list[str]) -> None:
    try:
        load(tmp_path, "\n".join(lines))
    except VqclipError as error:
        told = str(error).replace(str(tmp_path), "")
        assert not PARSER_WORDS.search(told), told
        if match := re.match(r"/run\.yaml, line (\d+)", told):
            assert 1 <= int(match[1]) <= max(1, len("\n".join(lines).splitlines()))


@fuzzed
@given(st.sampled_from(TEXT_KEYS), WRITTEN)
def test_a_text_is_what_was_written_or_refused(tmp_path: Path, key: str, written: str) -> None:
    """What is drawn without a word is the text of the line; what is advised can be used."""
    line = f"{key}: {written}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SettingsWarning)
            path = tmp_path / "run.yaml"
            path.write_text(line, encoding="utf-8")
            found: Any = loading.load_config(file=path)
    except SettingsWarning as note:
        assert " #" in line and "is a comment in YAML" in str(note)
        return
    except VqclipError as error:
        if match := re.search(r"put the text in quotes: (.*)\Z", str(error), re.DOTALL):
            assert isinstance(yaml.safe_load(match[1]), dict | str)
        return
    for part in key.split("."):
        found = getattr(found, part)
    plain = written.strip()
    if plain[:1] not in ("'", '"', "[", "{", "|", ">", "!", "#", "") and key != "init":
        if key not in FORMS:  # a comment behind a file's name or a ratio is one
            plain = re.split(r"\s+#", plain)[0]
        assert found == plain


@fuzzed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    )
)
def test_json_is_read_as_json(value: Any) -> None:
    assert read_json(json.dumps(value)) == (value, "")
    assert read_json(json.dumps(value, ensure_ascii=False, indent=1)) == (value, "")


@fuzzed
@given(
    st.lists(st.sampled_from(JSON_PIECES) | st.sampled_from(CHOICES), max_size=20).map("".join)
)
def test_almost_json(text: str) -> None:
    for read in (structured.read_structured, structured.read_object):
        try:
            found = read("{" + text)
        except PromptError as error:
            assert str(error)
            if match := re.search(r"\(line (\d+)\)", str(error)):
                assert int(match[1]) <= text.count("\n") + 1
        else:
            assert found is None or isinstance(found, dict)
