"""The command import: run file, report, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import Refusal
from tests.helpers import coming_from
from vqclip.cli import main

LINE = "python generate.py -p 'a fox' -i 80 -cutm updated -iw 1 -augg 3 -aug Af"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_run_file_is_printed_and_the_report_is_for_people(capsys: Capture) -> None:
    assert main.main(["import", LINE]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("# Made by vqclip import from a command line (nerdyrodent): 2 kept, 1 ")
    assert yaml.safe_load(out)["steps"] == 81
    assert err.splitlines() == [
        "kept (2):",
        "  p a fox → prompts",
        "  i 80 → steps=81",
        "nearly the same (1):",
        "  cutm updated → cutouts.recipe=vqgan-clip: the nearest to updated is vqgan-clip, its "
        "latest",
        "left out (3):",
        "  aug [Af]: augmentations are those of the recipe vqgan-clip: Af, Pe, Ji and Er",
        "  iw 1: it pulls the latent towards 0, not towards the start; near is losses.init, "
        "which holds on to the start picture",
        "  augg 3: nerdyrodent has no such option; did you mean aug?",
    ]


def test_options_left_out_for_the_same_reason_share_a_line(capsys: Capture) -> None:
    Path("a.txt").write_text(json.dumps({"text_prompts": ["P"], "eta": 0.8, "clamp_max": 0.05}))
    assert main.main(["import", "a.txt"]) == 0
    err = capsys.readouterr().err
    assert "  eta 0.8, clamp_max 0.05: it is about diffusion" in err
    assert err.startswith("note: disco draws by diffusion; this run draws the same prompts with")


def test_the_run_file_goes_where_it_is_to_go(capsys: Capture, refused: Refusal) -> None:
    assert main.main(["import", LINE, "--to", "run.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "run.yaml\n" and err.splitlines()[0] == "kept (2):"
    before = Path("run.yaml").read_bytes()
    assert yaml.safe_load(before)["prompts"] == "a fox"
    assert "run.yaml already exists, and vqclip does not overwrite" in refused(
        "import", LINE, "--to", "run.yaml"
    )
    assert Path("run.yaml").read_bytes() == before
    assert "a run file is such as --to run.yaml" in refused("import", LINE, "--to", "run.txt")


def test_scripts_get_an_event_for_each_option(capsys: Capture) -> None:
    assert main.main(["import", LINE, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        *("kept", "kept", "nearly", "left", "left", "left", "imported")
    ]
    assert events[1] == {
        **{"event": "kept", "option": "i", "value": "80", "settings": {"steps": 81}}
    }
    assert events[-1]["tool"] == "nerdyrodent" and "steps: 81" in events[-1]["run"]
    assert main.main(["import", LINE, "--json", "--to", "run.yaml"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"event": "imported", "tool": "nerdyrodent", "file": "run.yaml"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "vqclip import takes one file, or one command line in quotes"),
        (
            ["python", "generate.py"],
            "vqclip import takes one file, or one command line in quotes",
        ),
        (["nothing.yaml"], "there is no file 'nothing.yaml'"),
        (["python generate.py -p P -i 0"], "i is '0'; it must be 1 or more"),
        (["python generate.py -p P:x"], "stands where the weight is, and is no number"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    words: list[str], sentence: str, refused: Refusal
) -> None:
    assert sentence in refused("import", *words)


def test_the_page_shows_the_options_as_the_importer_knows_them() -> None:
    text = coming_from.PAGE.read_text(encoding="utf-8")
    assert coming_from.rewritten(text) == text, "run: python -m tests.helpers.coming_from"


@pytest.mark.parametrize("marks", ["", coming_from.BEGIN + "\n"])
def test_a_page_without_its_markers_is_refused(marks: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        coming_from.rewritten(f"# x\n{marks}")
