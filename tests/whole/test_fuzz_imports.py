"""Settings of other tools, damaged in every way: an answer or a sentence, and nothing is run.

VQCLIP_FUZZ=10000 python -m pytest tests/whole/test_fuzz_imports.py     for a night
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.peer_cases import OWN
from tests.helpers.peers import PUBLIC, Case
from tests.whole.test_fuzz import PIECES, SPOKEN, SUMS, TEXTS, VALUES, fuzzed
from vqclip.errors import ConfigError, VqclipError
from vqclip.importers import importing, run_file
from vqclip.importers.importing import PEERS, import_settings
from vqclip.importers.options import LEFT
from vqclip.language import schedules
from vqclip.language.peers import keyframes, python_expressions

CASES = [*PUBLIC, *OWN]
NAMES = sorted({name for peer in PEERS.values() for name in peer.by_name})
MEANT = st.sampled_from(
    [
        *("P", "A | B:2:-1", "A ^ B", "A || B:sin(t)_l", "0:(1.05), 50:(1.02)", "0: (t/max_f)"),
        *("[12]*400+[4]*600", "60%", "20i", "red->blue\\4", "edge, smoothness:0.5", "a.png"),
        *("__import__('os').system('touch made')", "(lambda: open('made', 'w'))()", "${PATH}"),
        *("!!python/object/apply:os.system ['touch made']", "`touch made`", "$(touch made)"),
        *("2D", "3D", "Video Source", "VQGAN", "better", "pixel", "fft", "http://a.b/c.png"),
        *(["64", "48"], [1, 2, 3, 4], {"0": ["A:2", "B"]}, {"0": "A"}, True, 3, -1, 0.5, 1e9),
    ]
)
SETTINGS = st.dictionaries(st.sampled_from(NAMES) | TEXTS, MEANT | VALUES, max_size=6)
WORDS = st.sampled_from([*(f"-{name}" for name in NAMES), *(f"--{name}=" for name in NAMES)])
LINES = st.lists(WORDS | MEANT.map(str) | TEXTS | SPOKEN, max_size=8)
PROGRAMS = st.sampled_from(
    ["python pixray.py", "generate.py", "!python clip_fft.py", "%run x.py"]
)


@pytest.fixture(autouse=True)
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process begins, and what programs in settings would make is not there."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was run")

    monkeypatch.chdir(tmp_path)
    for owner, name in ((os, "system"), (subprocess, "Popen"), (os, "fork"), (os, "execv")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    check = run_file._check  # one in six is loaded, which takes ten times as long as the rest
    monkeypatch.setattr(
        run_file, "_check", lambda text, draft: len(text) % 6 or check(text, draft)
    )
    yield
    assert not (tmp_path / "made").exists()


def understood(typed: str) -> None:
    """Import something: a run file and a report that names each option once, or a sentence."""
    try:
        found = import_settings(typed)
    except VqclipError as error:
        assert str(error)
        return
    keys = [entry.key for entry in found.report]
    assert len(found.text) > 100 and all(keys)
    assert all(entry.told for entry in found.report if entry.fate == LEFT)


def altered(text: str) -> st.SearchStrategy[str]:
    """A text with some of its letters overwritten, left out or put in."""
    place = st.integers(0, len(text))
    edit = st.tuples(place, st.integers(0, 6), st.lists(PIECES, max_size=6).map("".join) | TEXTS)

    def change(edits: list[tuple[int, int, str]]) -> str:
        whole = text
        for start, gone, new in edits:
            whole = whole[:start] + new + whole[start + gone :]
        return whole

    return st.builds(change, st.lists(edit, min_size=1, max_size=3))


@fuzzed
@given(st.data())
def test_changed_settings_of_other_tools(tmp_path: Path, data: st.DataObject) -> None:
    """The cases, files and command lines, with changes."""
    case: Case = data.draw(st.sampled_from(CASES))
    text = data.draw(altered(case.typed))
    if not case.file:
        understood(text)
        return
    file = tmp_path / case.file
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    understood(str(file))


@fuzzed
@given(SETTINGS, st.sampled_from(["a.yaml", "a.txt", "a.json"]))
def test_settings_of_other_tools(tmp_path: Path, values: dict[str, Any], name: str) -> None:
    as_json = name != "a.yaml"
    with contextlib.suppress(TypeError, ValueError, yaml.YAMLError):
        text = json.dumps(values) if as_json else yaml.safe_dump(values, allow_unicode=True)
        file = tmp_path / name
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        understood(str(file))


@fuzzed
@given(PROGRAMS, LINES)
def test_command_lines_of_other_tools(program: str, words: list[str]) -> None:
    understood(f"{program} {' '.join(words)}")


@fuzzed
@given(SETTINGS, st.lists(MEANT.map(str) | TEXTS, max_size=3))
def test_scripts(tmp_path: Path, values: dict[str, Any], more: list[str]) -> None:
    """Calls, with programs between and within them."""
    pairs = ", ".join(f"{key}={value!r}" for key, value in values.items() if key.isidentifier())
    code = f"import pixray\n{chr(10).join(more)}\npixray.run('P', {pairs})\n"
    file = tmp_path / "art.py"
    file.write_text(code, encoding="utf-8", errors="surrogatepass")
    understood(str(file))


@fuzzed
@given(
    TEXTS
    | st.lists(st.sampled_from(["0:", "(", ")", ", ", "50", "max_f", ":", '"', *SUMS])).map(
        "".join
    )
)
def test_keyframes(text: str) -> None:
    """What is rewritten is a schedule, and no text hangs."""
    with contextlib.suppress(ConfigError):
        found = keyframes.rewrite_keyframes(text)
        assert schedules.schedule_to_text(schedules.parse_schedule(found))
    with contextlib.suppress(ConfigError):
        python_expressions.rewrite_expression(text, {"t": "t"})


def test_the_tools_are_all_fuzzed() -> None:
    assert importing.PEERS is PEERS and len(PEERS) == 6
