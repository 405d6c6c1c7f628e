"""Sweeps from the command line: folders, tables, sheets, and going on after whatever happened."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main, output
from vqclip.cli.commands.runs import run_drawing
from vqclip.errors import NumbersError
from vqclip.models import model_cache, vqgan
from vqclip.run.record import provenance, run_folder

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
FOLDER = Path("outputs/foxes")
AXES = {"prompts": ["a fox", "an owl"], "losses.edges": [0, 2]}


def events(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def table() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((FOLDER / "table.json").read_text())["runs"]
    return rows


@pytest.fixture(scope="module")
def whole(models: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pictures of the sweep that the tests draw, drawn at one go in another folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQCLIP_HOME", str(models.path))
        patch.chdir(tmp_path_factory.mktemp("whole"))
        patch.setattr("open_clip.get_tokenizer", lambda source: models.tokenizer)
        patch.setattr("vqclip.guidance.zero_shot.judge_available", lambda perceptors: False)
        assert main.main(["sweep", str(asked(models)), "--quiet"]) == 0
        return sweeps.pictures(FOLDER)


def asked(home: Home) -> Path:
    return sweeps.write(home, AXES, base={"checkpoint.every": 1, "steps": 4})


def test_a_sweep_has_run_folders_a_table_and_a_sheet(home: Home, capsys: Capture) -> None:
    path = asked(home)
    assert main.main(["sweep", str(path), "--json"]) == 0
    told = events(capsys)
    assert told[0] == {"event": "sweep", "folder": str(FOLDER), "runs": 4, "done": 0}
    runs = [each for each in told if each["event"] == "run"]
    assert [each["number"] for each in runs] == [1, 2, 3, 4]
    assert runs[3]["values"] == {"prompts": "an owl", "losses.edges": 2}
    assert told[-1]["event"] == "swept" and told[-1]["done"] == 4
    assert {each.name for each in FOLDER.iterdir() if each.is_file()} >= {
        *("sweep.yaml", "table.json", "table.csv", "sheet.png")
    }
    assert (FOLDER / "sweep.yaml").read_bytes() == path.read_bytes()
    names = ["0001-a-fox", "0002-a-fox", "0003-an-owl", "0004-an-owl"]
    assert [row["folder"] for row in table()] == names
    for row in table():
        notes = provenance.read_provenance(FOLDER / row["folder"] / "final.png")
        log = (FOLDER / row["folder"] / "log.jsonl").read_text().splitlines()
        assert (notes.prompt, notes.seed) == (row["values"]["prompts"], 5)
        assert notes.config["losses"]["edges"] == row["values"]["losses.edges"]
        assert row["state"] == "done" and row["seconds"] > 0
        assert row["losses"] == json.loads(log[-1])["losses"]
    with (FOLDER / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["losses.edges"] for row in written] == ["0", "2"] * 2
    assert [row["folder"] for row in written] == names
    # Its runs are runs like any other.
    assert main.main(["show", str(FOLDER / names[0]), "--json"]) == 0
    assert main.main(["again", str(FOLDER / names[0]), "--quiet"]) == 0
    again = Path("outputs/0001-a-fox/final.png")
    assert again.read_bytes() == (FOLDER / names[0] / "final.png").read_bytes()


def test_models_are_loaded_once_and_pictures_are_those_of_single_runs(
    home: Home, monkeypatch: Patch, whole: dict[str, bytes]
) -> None:
    opened: list[Any] = []
    real = vqgan.open_vqgan
    monkeypatch.setattr(
        vqgan, "open_vqgan", lambda *given, **more: opened.append(given) or real(*given, **more)
    )
    assert main.main(["sweep", str(asked(home)), "--quiet"]) == 0
    assert len(opened) == 1 and sweeps.pictures(FOLDER) == whole
    model_cache.load_once("x", [], lambda: opened.clear())  # nothing is kept afterwards
    assert not model_cache._kept.made
    path = FOLDER / "0004-an-owl"
    alone = [
        *("an owl", *home.words("seed=5", "init=random", "layout=off", "drawer=vqgan")),
        *("losses.edges=2", "checkpoint.every=1"),
    ]
    alone[alone.index("steps=3")] = "steps=4"
    assert main.main(["generate", *alone, "--quiet", "--out", "alone"]) == 0
    assert next(Path("alone").glob("*/final.png")).read_bytes() == whole[path.name]


def test_runs_of_a_sweep_do_not_change_each_other(home: Home) -> None:
    """Whatever one sets on a network is not there in the next one."""
    axes = {"tile": ["none", "both", "horizontal"], "memory.tiles": [True, False]}
    path = sweeps.write(home, axes, base={"prompts": "a fox"})
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    backwards = {key: values[::-1] for key, values in axes.items()}
    other = sweeps.write(home, backwards, name="other", base={"prompts": "a fox"})
    assert main.main(["sweep", str(other), "--quiet"]) == 0
    there, back = (
        list(sweeps.pictures(Path("outputs") / n).values()) for n in ("foxes", "other")
    )
    assert there == back[::-1]


def die(monkeypatch: Patch, number: int, step: int, by: int) -> None:
    """End this process, or ask it to stop, at a step of a run."""
    event, at = output.Console.event, {"run": 0}

    def told(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        at["run"] = values["number"] if name == "run" else at["run"]
        if name == "step" and (at["run"], values["step"]) == (number, step):
            os.kill(os.getpid(), by)

    monkeypatch.setattr(output.Console, "event", told)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills as POSIX does")
def test_killed_in_the_middle_it_ends_with_the_same_pictures(
    home: Home, monkeypatch: Patch, capsys: Capture, whole: dict[str, bytes]
) -> None:
    path = asked(home)
    child = os.fork()
    if child == 0:
        with monkeypatch.context() as patch:
            die(patch, 2, 2, signal.SIGKILL)
            main.main(["sweep", str(path), "--json"])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert [*sweeps.pictures(FOLDER)] == ["0001-a-fox"]
    first = (FOLDER / "0001-a-fox" / "final.png").stat().st_mtime_ns
    capsys.readouterr()
    assert main.main(["sweep", str(path), "--json"]) == 0
    told = events(capsys)
    assert told[0]["done"] == 1
    assert [each["number"] for each in told if each["event"] == "run"] == [2, 3, 4]
    begun = [each["from_step"] for each in told if each["event"] == "start"]
    assert begun == [3, 0, 0]  # the run that was killed goes on
    assert sweeps.pictures(FOLDER) == whole
    assert (FOLDER / "0001-a-fox" / "final.png").stat().st_mtime_ns == first


def test_killed_before_the_first_checkpoint_a_run_begins_anew(
    home: Home, whole: dict[str, bytes]
) -> None:
    path = asked(home)
    dead = FOLDER / "0003-an-owl"
    dead.mkdir(parents=True)
    (dead / "run.json").write_text("{}")
    (dead / "log.jsonl").write_text('{"step": 0')
    (dead / "mine.txt").write_text("a note")
    (FOLDER / "sweep.yaml").write_bytes(path.read_bytes())
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    assert sweeps.pictures(FOLDER) == whole
    assert (dead / "mine.txt").read_text() == "a note"


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_who_asks_to_stop_is_told_how_to_go_on(
    home: Home, monkeypatch: Patch, capsys: Capture, whole: dict[str, bytes], by: int
) -> None:
    with monkeypatch.context() as patch:
        die(patch, 3, 1, by)
        assert main.main(["sweep", str(asked(home)), "--json"]) == 128 + by
    said = capsys.readouterr().err
    assert f"to go on: vqclip sweep {FOLDER}\n" in said and "vqclip resume" not in said
    assert [row["state"] for row in table()] == ["done", "done", "begun", "to come"]
    assert main.main(["sweep", str(FOLDER), "--quiet"]) == 0
    assert sweeps.pictures(FOLDER) == whole
    assert [row["state"] for row in table()] == ["done"] * 4


def test_who_asks_in_the_last_step_of_a_run_gets_no_other(
    home: Home, monkeypatch: Patch, capsys: Capture, whole: dict[str, bytes]
) -> None:
    path = asked(home)
    for number, code in ((1, 130), (4, 0)):
        with monkeypatch.context() as patch:
            die(patch, number, 3, signal.SIGINT)
            assert main.main(["sweep", str(path), "--json"]) == code
        assert len(sweeps.pictures(FOLDER)) == number
        assert (f"to go on: vqclip sweep {FOLDER}\n" in capsys.readouterr().err) == (code != 0)
    assert sweeps.pictures(FOLDER) == whole


def test_a_failed_run_does_not_stop_the_others(
    home: Home, monkeypatch: Patch, capsys: Capture, whole: dict[str, bytes]
) -> None:
    draw = run_drawing.draw_run

    def failing(request: Any, *given: Any, **more: Any) -> None:
        if request.config.prompts == "a fox" and request.config.losses.edges:
            raise NumbersError("step 2 gave values that are not finite")
        draw(request, *given, **more)

    path = asked(home)
    with monkeypatch.context() as patch:
        patch.setattr(run_drawing, "draw_run", failing)
        assert main.main(["sweep", str(path), "--json"]) == 1
    told = events(capsys)
    why = "step 2 gave values that are not finite"
    (failed,) = [each for each in told if each["event"] == "failed"]
    assert (failed["number"], failed["error"]) == (2, why)
    assert told[-1]["event"] == "error" and "1 of 4 runs failed" in told[-1]["message"]
    assert [row["state"] for row in table()] == ["done", "failed", "done", "done"]
    assert table()[1]["error"] == why and why in (FOLDER / "table.csv").read_text()
    assert len(sweeps.pictures(FOLDER)) == 3
    assert main.main(["sweep", str(path), "--quiet"]) == 0  # it is tried again
    assert sweeps.pictures(FOLDER) == whole and table()[1]["error"] == ""


def test_more_values_draw_only_what_is_missing(home: Home, capsys: Capture) -> None:
    path = sweeps.write(home, {"seed": [1, 3]}, base={"prompts": "a fox"})
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    before = path.read_bytes()
    sweeps.write(home, {"seed": [1, 2, 3]}, base={"prompts": "a fox"})
    capsys.readouterr()
    assert main.main(["sweep", str(path), "--json"]) == 0
    assert [e["number"] for e in events(capsys) if e["event"] == "run"] == [2]
    assert [row["folder"] for row in table()] == ["0001-a-fox", "0003-a-fox", "0002-a-fox"]
    assert (FOLDER / "sweep-1.yaml").read_bytes() == before
    # Fewer values leave the folders of the others as they are.
    sweeps.write(home, {"seed": [2]}, base={"prompts": "a fox"})
    assert main.main(["sweep", str(path)]) == 0
    assert f"{FOLDER / '0001-a-fox'} is of a run that is not asked for" in capsys.readouterr().err
    assert len(table()) == 1 and len(sweeps.pictures(FOLDER)) == 3


def test_another_sweep_of_the_same_name_is_refused(home: Home, refused: Refusal) -> None:
    path = sweeps.write(home, {"seed": [1]}, base={"prompts": "a fox", "out": "there"})
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    sweeps.write(home, {"seed": [1]}, base={"prompts": "an owl", "out": "there"})
    assert "there/foxes is the folder of another sweep" in refused("sweep", str(path))
    Path("other/foxes").mkdir(parents=True)
    Path("other/foxes/mine.txt").write_text("a note")
    assert "other/foxes holds other things" in refused("sweep", str(path), "--out", "other")


def test_runs_without_a_seed_keep_the_one_that_was_picked(home: Home) -> None:
    path = sweeps.write(home, {"losses.edges": [0, 1]}, base={"prompts": "a fox", "seed": None})
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    seeds = {row["seed"] for row in table()}
    assert len(seeds) == 1 and None not in seeds
    (FOLDER / "0002-a-fox" / "final.png").unlink()
    (FOLDER / "0002-a-fox" / "checkpoint.safetensors").unlink()
    assert main.main(["sweep", str(path), "--quiet"]) == 0
    assert {row["seed"] for row in table()} == seeds


def test_a_run_that_another_draws_is_left_to_it(home: Home, capsys: Capture) -> None:
    path = asked(home)
    (FOLDER / "0002-a-fox").mkdir(parents=True)
    (FOLDER / "sweep.yaml").write_bytes(path.read_bytes())
    with run_folder.locked_folder(FOLDER / "0002-a-fox"):
        assert main.main(["sweep", str(path)]) == 0
    assert "1 of them is being drawn by another vqclip" in capsys.readouterr().err
    assert [row["state"] for row in table()] == ["done", "to come", "done", "done"]


def test_a_plan_says_how_many_and_what_is_drawn(home: Home, capsys: Capture) -> None:
    path = asked(home)
    assert main.main(["sweep", str(path), "--plan", "--json"]) == 0
    (plan,) = events(capsys)
    assert (plan["runs"], plan["done"], plan["folder"]) == (4, 0, str(FOLDER))
    assert plan["axes"] == AXES and plan["seconds"] > 0 and not Path("outputs").exists()
    assert main.main(["plan", str(path)]) == 0
    said = capsys.readouterr().out
    assert "runs      4 (every combination), 0 of them drawn already" in said
    assert "takes     about" in said and "losses.edges  0 | 2" in said
    assert plan["stops"] is False
    path = sweeps.write(home, AXES, base={"stop": "plateau", "steps": 30})
    assert main.main(["plan", str(path)]) == 0
    assert "takes     at most about" in capsys.readouterr().out


def test_the_sheet_grows_while_runs_end(home: Home, monkeypatch: Patch) -> None:
    seen: list[int] = []
    draw = run_drawing.draw_run

    def looking(*given: Any, **more: Any) -> None:
        with pillow.open(FOLDER / "sheet.png") as sheet:
            colours = sheet.convert("RGB").getcolors(2**24) or []
        seen.append(dict((c, n) for n, c in colours).get((240, 240, 240), 0))
        draw(*given, **more)

    monkeypatch.setattr(run_drawing, "draw_run", looking)
    monkeypatch.setattr("vqclip.sweep.drawing.MOST_SHARE", 0)
    assert main.main(["sweep", str(asked(home)), "--quiet"]) == 0
    assert seen == sorted(seen, reverse=True) and len({*seen}) == 4
