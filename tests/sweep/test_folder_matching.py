"""Folder matching: runs are found again by their notes, and what others drew is left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow
from PIL.PngImagePlugin import PngInfo

from tests.conftest import Home
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.cli.commands.runs import sweep
from vqclip.cli.commands.runs.sweep_finder import find_sweep
from vqclip.config.setting_descriptions import to_dict
from vqclip.run.record.provenance import Provenance
from vqclip.sweep.sweep_folder import SweepFolder, SweepRun

Capture = pytest.CaptureFixture[str]
FOLDER = Path("outputs/foxes")
AXES = {"losses.edges": [0, 2], "optimiser.rate": [0.1, 0.2]}
BASE = {"prompts": "a fox", "steps": 2, "checkpoint.every": 1}


@pytest.fixture(scope="module")
def drawn(models: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of four runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQCLIP_HOME", str(models.path))
        patch.chdir(place := tmp_path_factory.mktemp("matching"))
        patch.setattr("open_clip.get_tokenizer", lambda source: models.tokenizer)
        patch.setattr("vqclip.guidance.zero_shot.judge_available", lambda perceptors: False)
        assert main.main(["sweep", str(ask(models)), "--quiet"]) == 0
        return place / FOLDER


@pytest.fixture
def folder(home: Home, drawn: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(drawn, FOLDER)
    return FOLDER


def ask(home: Home, axes: Any = AXES) -> Path:
    return sweeps.write(home, axes, base=BASE)


def draw(capsys: Capture, path: Path) -> list[int]:
    """Draw what is missing of the sweep; the numbers of the runs that are drawn."""
    capsys.readouterr()
    assert main.main(["sweep", str(path), "--json"]) == 0
    out, said = capsys.readouterr()
    print(said)  # what is said to people
    told = map(json.loads, out.splitlines())
    return [each["number"] for each in told if each["event"] == "run"]


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "table.json").read_text())["runs"]
    for row in found:  # each in the folder that holds it
        notes = json.loads((FOLDER / row["folder"] / "run.json").read_text())
        edges = notes["config"]["losses"].get("edges", 0)
        rate = notes["config"]["optimiser"]["rate"]
        assert row["values"] == {"losses.edges": edges, "optimiser.rate": rate}
    return found


def test_without_a_table_runs_are_found_by_their_notes(
    home: Home, folder: Path, capsys: Capture
) -> None:
    before = sweeps.pictures(folder)
    (folder / "table.json").unlink()
    path = ask(home, {"losses.edges": [2, 0], "optimiser.rate": [0.2, 0.3, 0.1]})
    assert draw(capsys, path) == [2, 5]
    assert before.items() <= sweeps.pictures(folder).items()
    numbers = [int(row["folder"][:4]) for row in rows()]
    assert numbers == [4, 5, 3, 2, 6, 1]


def test_a_folder_that_holds_another_run_is_neither_counted_nor_overwritten(
    home: Home, folder: Path, capsys: Capture
) -> None:
    for lost in (False, True):
        other = folder / "0002-a-fox"
        notes = json.loads((other / "run.json").read_text())
        notes["config"]["cutouts"]["count"] = 7
        (other / "run.json").write_text(json.dumps(notes))
        if lost:
            (folder / "table.json").unlink()
        before = {each: each.read_bytes() for each in other.rglob("*") if each.is_file()}
        assert draw(capsys, ask(home)) == ([] if lost else [2])
        told = f"{other} is of a run that is not asked for; it stays as it is"
        assert (told in capsys.readouterr().out) == (not lost)
        assert {each: each.read_bytes() for each in before} == before
        names = [row["folder"] for row in rows()]
        assert names == ["0001-a-fox", "0005-a-fox", "0003-a-fox", "0004-a-fox"]


def test_what_cannot_be_told_is_left_alone_without_a_table(
    home: Home, folder: Path, capsys: Capture
) -> None:
    (folder / "table.json").unlink()
    (folder / "0003-a-fox" / "run.json").write_text("{")
    (folder / "0003-a-fox" / "final.png").write_bytes(b"mine")
    assert draw(capsys, ask(home)) == [3]
    assert (folder / "0003-a-fox" / "final.png").read_bytes() == b"mine"
    assert [row["folder"][:4] for row in rows()] == ["0001", "0002", "0005", "0004"]


def test_a_run_that_went_on_later_is_still_the_one_that_was_asked_for(
    home: Home, folder: Path, capsys: Capture
) -> None:
    run = folder / "0001-a-fox"
    assert main.main(["resume", str(run), "steps=3", "losses.smoothness=1", "--quiet"]) == 0
    assert len((run / "log.jsonl").read_text().splitlines()) == 3
    for lost in (False, True):
        (folder / "table.json").unlink(missing_ok=lost)
        assert draw(capsys, ask(home)) == []


def test_folders_that_were_exchanged_are_told_apart(
    home: Home, folder: Path, capsys: Capture
) -> None:
    for before, after in (("0001", "x"), ("0002", "0001"), ("x", "0002")):
        (folder / f"{before}-a-fox").rename(folder / f"{after}-a-fox")
    assert draw(capsys, ask(home)) == []
    assert [row["folder"][:4] for row in rows()] == ["0002", "0001", "0003", "0004"]


def lay(run: SweepRun, name: str, *, layouts: bool = False) -> Path:
    """What a finished run leaves, in a folder of this name; nothing is drawn."""
    config = to_dict(run.plan.config, everywhere=False)
    if not layouts:
        del config["layout"]  # as notes have it
    seed = run.plan.config.seed
    assert seed is not None
    text = Provenance(config, run.plan.config.prompts, seed, {}, {}).to_json()
    folder = run.folder.parent / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(text)
    chunks = PngInfo()
    chunks.add_itxt("vqclip", text)
    pillow.new("RGB", (2, 2)).save(folder / "final.png", pnginfo=chunks)
    return folder


def asked(home: Home, axes: Any, **base: Any) -> SweepFolder:
    """A sweep of which nothing is drawn."""
    found = find_sweep(sweeps.write(home, axes, base=BASE | base), None)
    found.begin()
    return found


def write_table(folder: SweepFolder) -> None:
    rows = [{"id": run.plan.id, "folder": run.folder.name} for run in folder.runs]
    (folder.path / "table.json").write_text(json.dumps({"runs": rows}))


def names(folder: SweepFolder) -> list[str]:
    return [run.folder.name for run in folder.runs]


@pytest.mark.parametrize(
    ("prompt", "place"), [("a snowman under a palm tree", 1), ("a snowman", 0)]
)
def test_a_folder_without_a_layout_is_of_auto_only_where_auto_plans_none(
    home: Home, prompt: str, place: int
) -> None:
    both = asked(home, {"layout": ["auto", "off"]}, prompts=prompt, drawer="vqgan")
    lay(both.runs[1], "0007-x")
    assert names(find_sweep(FOLDER, None))[1] == "0007-x"  # that of "off", in any case
    one = asked(home, {"layout": ["auto"]}, prompts=prompt, drawer="vqgan")
    assert (names(one) == ["0007-x"]) == (place == 0)


def test_runs_take_what_is_the_same_in_everything_first(home: Home) -> None:
    found = asked(home, {"memory.tiles": [True, False], "layout": ["off"]})
    lay(found.runs[1], "0001-x")
    assert names(find_sweep(FOLDER, None)) == ["0002-a-fox", "0001-x"]
    other = asked(home, {"memory.tiles": [True]})  # and else one of another machine
    assert names(other) == ["0001-x"]


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("kind", ["empty", "cut", "junk", "folder", "jpeg", "exchanged"])
def test_a_picture_that_is_not_that_of_its_run_is_not_counted(
    home: Home, kind: str, lost: bool
) -> None:
    found = asked(home, AXES)
    for run in found.runs:
        lay(run, run.folder.name)
    assert sweeps.states(found) == ["done"] * 4
    if not lost:
        write_table(found)
    final, other = (FOLDER / f"000{n}-a-fox" / "final.png" for n in (2, 3))
    whole, said = final.read_bytes(), "no whole picture"
    if kind == "exchanged":
        final.write_bytes(other.read_bytes())
        said = "of another run"
    elif kind == "folder":
        final.unlink()
        final.mkdir()
    elif kind == "jpeg":
        pillow.new("RGB", (2, 2)).save(final, format="jpeg")
    else:
        final.write_bytes({"empty": b"", "cut": whole[:-20], "junk": b"mine"}[kind])
    assert sweeps.states(found) == ["done", "to come", "done", "done"]
    again = find_sweep(FOLDER, None)
    assert names(again) == ["0001-a-fox", "0005-a-fox", "0003-a-fox", "0004-a-fox"]
    assert [*again.left] == ["0002-a-fox"] and said in again.left["0002-a-fox"]
    assert "the run gets another folder" in again.left["0002-a-fox"]


def test_a_picture_that_an_editor_saved_without_notes_counts(home: Home) -> None:
    found = asked(home, AXES)
    run = found.runs[0]
    pillow.new("RGB", (3, 3)).save(lay(run, run.folder.name) / "final.png")
    assert sweeps.states(found)[0] == "done" and not find_sweep(FOLDER, None).left


def test_the_only_run_of_a_sweep_is_drawn_again_if_its_picture_is_cut_short(home: Home) -> None:
    found = asked(home, {"losses.edges": [0]})
    (lay(found.runs[0], "0001-a-fox") / "final.png").write_bytes(b"")
    write_table(found)
    assert names(find_sweep(FOLDER, None)) == ["0002-a-fox"]


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_in_place_of_a_folder_stays(home: Home, linked: bool) -> None:
    found = asked(home, {"losses.edges": [0, 2]})
    write_table(found)
    place = FOLDER / "0001-a-fox"
    if linked:
        place.symlink_to("nowhere")
    else:
        place.write_text("mine")
    again = find_sweep(FOLDER, None)
    again.begin()
    assert names(again) == ["0003-a-fox", "0002-a-fox"]
    told = "a link that leads nowhere" if linked else "a file where a run's folder should be"
    assert told in again.left["0001-a-fox"]


@pytest.mark.parametrize("lost", [False, True])
def test_folders_may_have_any_name(home: Home, lost: bool) -> None:
    found = asked(home, {"losses.edges": [0, 2]})
    if not lost:
        write_table(found)
    lay(found.runs[0], "favourite")
    assert names(find_sweep(FOLDER, None))[0] == "favourite"
    lay(found.runs[0], "0005-copy")  # of two, the one with a number
    assert names(find_sweep(FOLDER, None))[0] == "0005-copy"


@pytest.mark.parametrize(
    ("runs", "missing", "said"),
    [
        (1, 1, "1 run, into"),
        (1, 0, "the run is drawn"),
        (2, 1, "2 runs, 1 of them drawn already"),
    ],
)
def test_of_one_run_it_is_told_as_of_one(home: Home, runs: int, missing: int, said: str) -> None:
    found = asked(home, {"losses.edges": [0, 2][:runs]})
    assert sweep._greeting(found, missing).startswith(said)
