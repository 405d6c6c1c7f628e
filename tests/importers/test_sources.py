"""Files, notebooks, scripts and command lines are read without running any of them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.peers import notebook
from vqclip import importers
from vqclip.errors import ConfigError, VqclipError
from vqclip.importers.importing import PEERS, import_settings
from vqclip.importers.options import LEFT
from vqclip.importers.sources import command_lines, files, python_calls
from vqclip.importers.sources.python_calls import Program

SCRIPTS = [name for peer in PEERS.values() for name in peer.scripts]


def words_of(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.script, each.words) for each in command_lines.find_commands(text, SCRIPTS)]


@pytest.mark.parametrize(
    "text",
    [
        "python generate.py -p 'a b'",
        "!python3 ./VQGAN-CLIP/generate.py -p 'a b'",
        "%run generate.py -p 'a b'",
        "CUDA_VISIBLE_DEVICES=1 /usr/bin/python -u generate.py -p 'a b'",
        "cd VQGAN-CLIP && python generate.py \\\n    -p 'a b' && ls",
        "python generate.py\n  -p 'a b'",
        "#!/bin/sh\n\npython generate.py -p 'a b'; rm -r steps",
    ],
)
def test_a_command_line_is_found_as_people_write_it(text: str) -> None:
    assert words_of(text) == [("generate", ("-p", "a b"))]


def test_several_commands_in_a_file_are_told_of(tmp_path: Path) -> None:
    file = tmp_path / "zoom.sh"
    file.write_text("#!/bin/bash\npython generate.py -p A\npython generate.py -p B\n")
    found = import_settings(str(file))
    assert "prompts: A\n" in found.text
    other = found.report[-1]
    assert (other.key, other.fate) == ("the command '-p B'", LEFT)


def test_words_are_matched_to_options() -> None:
    line = command_lines.CommandLine(
        "pixray",
        ("-s", "64", "48", "--quality=draft", "--seed", "-3", "-d", "-vid", "no", "-lrd", "50"),
    )
    pairs, loose = command_lines.match_words(line, PEERS["pixray"])
    assert pairs == [
        *[("-s", ["64", "48"]), ("--quality", "draft"), ("--seed", "-3"), ("-d", True)],
        *[("-vid", "no"), ("-lrd", ["50"])],
    ]
    assert loose == []


def test_words_that_follow_no_option_and_unknown_options_are_told_of() -> None:
    found = import_settings("python pixray.py fox --prompts P --brightness 1 2 --quality draft")
    told = {entry.key: (entry.fate, entry.value) for entry in found.report}
    assert told["'fox'"] == (LEFT, "")
    assert told["brightness"] == (LEFT, "1 2")


def test_options_alone_are_recognised_by_what_they_are() -> None:
    assert import_settings("--drawer pixel --prompts P").peer is PEERS["pixray"]
    assert import_settings("-zvid -p P").peer is PEERS["nerdyrodent"]


@pytest.mark.parametrize(
    ("settings", "peer"),
    [
        ({"quality": "draft", "prompts": "P"}, "pixray"),
        ({"scenes": "P", "seed": 1}, "pytti"),
        ({"text_prompts": {"0": ["P"]}, "seed": 1}, "disco"),
        ({"animation_prompts": {"0": "P"}, "seed": 1}, "deforum"),
    ],
)
def test_a_file_is_recognised_by_its_options(
    settings: dict[str, Any], peer: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_text(json.dumps(settings))
    assert import_settings(str(file)).peer is PEERS[peer]


CODE = """
import pixray
prompt = "a fox" #@param {type: "string"}
words = prompt + ", ink"
sizes = [64, 48]
n = len(words)
if n > 3:
    sizes = None
pixray.reset_settings()
pixray.add_settings(drawer="pixel", prompts="nothing")
pixray.add_settings(prompts=words, size=sizes, iterations=n, **{"seed": -1, "scale": 2})
pixray.run(quality=f"{n}")
pixray.run("another")
"""


def test_calls_are_read_as_syntax() -> None:
    first, second = python_calls.find_calls(CODE)
    assert dict(first.pairs) == {
        **{"drawer": "pixel", "prompts": "a fox, ink", "size": Program("sizes")},
        **{"iterations": Program("n"), "seed": -1, "scale": 2, "quality": Program("f'{n}'")},
    }
    assert dict(second.pairs) == {"prompts": "another"}


def test_literals_that_grow_without_end_are_programs() -> None:
    lines = ["a = 'ab'", *["a = a + a"] * 60, "pixray.run(a)"]
    (call,) = python_calls.find_calls("\n".join(lines))
    assert call.pairs == (("prompts", Program("a")),)


def test_a_script_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("art.py").write_text(
        "open('made', 'w')\nimport pixray\npixray.run('P', seed=open('made', 'w'))\n"
    )
    found = import_settings("art.py")
    assert not Path("made").exists()
    told = {entry.key: entry for entry in found.report}
    assert told["seed"].fate == LEFT and "a program computes it" in told["seed"].told


def test_nothing_here_could_run_or_fetch_anything() -> None:
    """No module of the package calls what runs text, begins processes or opens connections."""
    (folder,) = importers.__path__
    called, imported = set[str](), set[str]()
    for path in Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called.add(ast.unparse(node.func))
            if isinstance(node, ast.Import):
                imported |= {each.name.partition(".")[0] for each in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert not {"eval", "exec", "compile", "__import__", "os.system", "yaml.load"} & called
    assert not {"subprocess", "urllib", "requests", "socket", "importlib", "torch"} & imported


def test_a_notebook_without_a_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.ipynb"
    file.write_text(notebook("print('pixray')"))
    with pytest.raises(ConfigError, match="no run of a tool that is known here is found in it"):
        import_settings(str(file))
    file.write_text("{}")
    with pytest.raises(ConfigError, match="it is no notebook: it has no cells"):
        import_settings(str(file))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.yaml", "prompts: &a [x]\nspot: *a\n", "it repeats the part *a by an alias"),
        (
            "a.yaml",
            "prompts: !!python/object/apply:os.system [ls]\n",
            "cannot be read as YAML, l",
        ),
        ("a.yaml", "- a\n- b\n", "it holds no settings"),
        ("a.yaml", "prompts: {a\n", "a.yaml: it cannot be read as YAML, line 2"),
        ("a.yaml", f"prompts: {'[' * 40}{']' * 40}\n", "lists within lists, more than 30 deep"),
        ("a.yaml", f"prompts: {'[' * 90_000}\n", "lists within lists, more than 30 deep"),
        ("a.json", f'{{"a": {"[" * 300_000}', "longer than 200,000 characters"),
        ("a.json", f'{{"prompts": "{"a" * 300_000}"}}', "longer than 200,000 characters"),
        ("a.yaml", f"prompts: {'a|' * 90_000}\n", "it has 90001 prompts; at most 1000 are"),
        ("a.yaml", f"quality: draft\nprompts: {'a' * 20_000}\n", "longer than 10000 characters"),
        (
            "a.yaml",
            "drawer: pixel\n" + "".join(f"k{n}: 1\n" for n in range(600)),
            "more than 500 options",
        ),
        ("a.yaml", "colour: red\n", "are of no tool that is known here"),
        ("a.py", "def f(:\n", "a.py: it cannot be read as Python, line 1"),
        ("a.py", "print('a')\n", "no call of pixray.run"),
        ("a.txt", "python pixray.py -p 'a\n", "has a quote that is not closed"),
        ("a.txt", "\ud800".encode("utf-8", "surrogatepass"), "a.txt is not UTF-8 text"),
        ("a.json", '{"prompts": "\\ud800", "quality": "draft"}', "bytes that are no text"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_sentences(
    name: str, text: str | bytes, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(VqclipError) as refused:
        import_settings(str(file))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("settings.yaml", "there is no file 'settings.yaml'; check its name"),
        ("python dalle.py -p x", "is neither a file nor a command line of a tool that is known"),
    ],
)
def test_what_is_neither_is_refused(typed: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        files.read_source(typed, SCRIPTS)
    assert sentence in str(refused.value)


def test_dates_and_large_numbers_of_yaml_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("quality: draft\nprompts: 2021-99-99\nseed: 0x" + "f" * 5000 + "\n")
    found = import_settings(str(file))
    assert "prompts: 2021-99-99 | vector(textoff):0.1\n" in found.text


def test_pictures_in_a_net_are_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    found = import_settings(
        "pixray.py -p P --init_image https://a.org/b.png -ip http://a.org/c.png"
    )
    told = {entry.key: entry for entry in found.report}
    assert (
        told["init_image"].told.startswith("save the picture") and "init: fractal" in found.text
    )
    assert told["ip"].fate == LEFT
