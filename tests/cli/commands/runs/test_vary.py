"""Offspring from the command line: the same again, within bounds, and after whatever happened."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image as pillow

from tests.cli.commands.runs.test_sweep import die
from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.cli import main
from vqclip.config.loading import load_config
from vqclip.language.prompts import GRAMMAR, parse_prompts
from vqclip.run.record import provenance
from vqclip.sweep.family import mutation

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
FIRST = Path("outputs/0002-vary-a-fox")


def draw(home: Home, prompt: str = "a fox", *more: str) -> None:
    words = home.words("seed=5", "init=random", "layout=off", "drawer=vqgan", *more)
    assert main.main(["generate", prompt, *words, "--quiet"]) == 0


def vary(*words: str) -> int:
    return main.main(["vary", *words, "--quiet"])


def tree(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "family.json").read_text())
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(models: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The offspring that the tests draw, drawn at one go in another folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQCLIP_HOME", str(models.path))
        patch.chdir(tmp_path_factory.mktemp("whole"))
        patch.setattr("open_clip.get_tokenizer", lambda source: models.tokenizer)
        patch.setattr("vqclip.guidance.zero_shot.judge_available", lambda perceptors: False)
        draw(models)
        assert vary("outputs/0001-a-fox", "--count", "3", "checkpoint.every=1") == 0
        return sweeps.pictures(FIRST)


def test_offspring_are_runs_with_a_sheet_and_a_tree(home: Home, whole: dict[str, bytes]) -> None:
    draw(home)
    parent = Path("outputs/0001-a-fox/final.png")
    before = parent.read_bytes()
    words = (str(parent), "--count", "3", "checkpoint.every=1")  # by its picture: the same
    assert vary(*words) == 0
    assert sweeps.pictures(FIRST) == whole and len({*whole.values()}) == 3
    assert parent.read_bytes() == before
    found = tree(FIRST)
    (told,) = found["parents"]
    assert (told["run"], told["path"]) == ("0001-a-fox", "../0001-a-fox")
    assert told["sha256"] == digest(parent) and found["generation"] == 1
    for row in found["offspring"]:
        notes = provenance.read_provenance(FIRST / row["folder"] / "final.png")
        assert notes.seed == row["seed"]
        assert (FIRST / row["folder"] / notes.config["init"]).is_file()
        for key, (_, after) in row["mutated"].items():
            group, _, name = key.rpartition(".")
            values = notes.config[group] if group else notes.config | {"prompts": notes.prompt}
            assert values[name] == after
    with pillow.open(FIRST / "sheet.png") as sheet:
        assert sheet.width > 4 * 32
    # The same command draws nothing, and more of them only what is missing.
    times = [each.stat().st_mtime_ns for each in sorted(FIRST.glob("*/final.png"))]
    assert vary("outputs/0001-a-fox", "--count", "4", "checkpoint.every=1") == 0
    assert times == [each.stat().st_mtime_ns for each in sorted(FIRST.glob("*/final.png"))][:3]
    assert len(sweeps.pictures(FIRST)) == 4 and len(tree(FIRST)["offspring"]) == 4
    assert (FIRST / "sweep-1.yaml").is_file()  # nothing is overwritten
    # Another seed gives others, in a folder of their own.
    assert vary("outputs/0001-a-fox", "--count", "1", "--seed", "1") == 0
    (other,) = sweeps.pictures(Path("outputs/0003-vary-a-fox")).values()
    assert other not in whole.values()


def test_chosen_ones_have_offspring_and_are_drawn_in_full(home: Home, capsys: Capture) -> None:
    draw(home)
    draw(home, "an owl", "losses.saturation=1")
    pair = ("outputs/0001-a-fox", "outputs/0002-an-owl")
    assert len([*Path("outputs").iterdir()]) == 2
    second = next(Path("outputs").glob("0002-*"))
    assert vary(pair[0], str(second), "--count", "2", "steps=2") == 0
    family = next(Path("outputs").glob("0003-vary-*"))
    found = tree(family)
    assert [each["run"] for each in found["parents"]] == ["0001-a-fox", second.name]
    assert len({*sweeps.pictures(family).values()}) == 2
    assert any(row["crossed"] for row in found["offspring"])
    chosen = found["offspring"][1]["folder"]
    assert vary(f"{family}:2", "--count", "1") == 0
    child = tree(next(Path("outputs").glob("0004-vary-*")))
    assert child["generation"] == 2
    (told,) = child["parents"]
    assert told["sha256"] == digest(family / chosen / "final.png")
    assert told["family"] == found["id"]
    assert {each["sha256"] for each in child["ancestors"]} == {
        each["sha256"] for each in found["parents"]
    }
    with pillow.open(next(Path("outputs").glob("0004-vary-*/*/final.png"))) as picture:
        assert picture.size == (32, 32)  # as small as a draft already
    # In full, also where it was moved to.
    moved = Path("elsewhere")
    (family / chosen).rename(moved)
    assert main.main(["again", str(moved), "size=64x48", "steps=2", "--quiet"]) == 0
    with pillow.open(next(Path("outputs").glob("0005-*/final.png"))) as picture:
        assert picture.size == (64, 48)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills as POSIX does")
def test_killed_in_the_middle_the_same_command_goes_on(
    home: Home, monkeypatch: Patch, whole: dict[str, bytes]
) -> None:
    draw(home)
    words = ["vary", "outputs/0001-a-fox", "--count", "3", "checkpoint.every=1", "--json"]
    child = os.fork()
    if child == 0:
        with monkeypatch.context() as patch:
            die(patch, 2, 1, signal.SIGKILL)
            main.main(words)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert [*sweeps.pictures(FIRST)] == ["0001-a-fox"]
    next(FIRST.glob("0003-*/start-*.png")).unlink()
    assert main.main(words) == 0
    assert sweeps.pictures(FIRST) == whole
    assert not Path("outputs/0003-vary-a-fox").exists()


def test_without_its_picture_a_parent_begins_as_it_did(home: Home) -> None:
    draw(home)
    Path("outputs/0001-a-fox/final.png").unlink()
    assert vary("outputs/0001-a-fox", "--count", "2", "cutouts.count=3") == 0
    assert len({*sweeps.pictures(FIRST).values()}) == 2
    for path in FIRST.glob("*/final.png"):
        notes = provenance.read_provenance(path)
        assert (notes.config["init"], notes.config["cutouts"]["count"]) == ("random", 3)
        assert str(notes.seed).startswith("5:")  # a walk from the parent's seed
    draw(home, "an owl", "seed=6")
    pair = ("outputs/0001-a-fox", str(next(Path("outputs").glob("*-an-owl"))))
    assert vary(*pair, "--count", "1", "steps=1") == 0
    (row,) = tree(next(Path("outputs").glob("0004-*")))["offspring"]
    assert re.fullmatch(r"5:6:0\.[2-8]\d?", row["seed"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["losses.edges=1"], "name a picture to vary: vqclip vary outputs/0001-a-fox"),
        (["a", "b", "c"], "offspring have one or two parents, and these are 3"),
        (["nothing.png"], "nothing.png cannot be read (No such file or directory)"),
        (["here:3"], "here:3 names number 3 of the offspring in here, but there is no"),
        (["made"], "made is a folder of offspring; say which one by its number on the sheet"),
        (["made:9"], "made:9: there are 1 offspring in made"),
        (["made:1"], "made:1 is not drawn yet; vqclip sweep made goes on"),
        (["a", "--count", "0"], "--count 0: write a whole number, from 1 to 64"),
        (["a", "--count", "65"], "--count 65: write a whole number, from 1 to 64"),
        (["a", "--seed", "-1"], "--seed"),
        (["a", "out=b"], "write --out DIR in place of out=DIR"),
        (
            ["moving.json"],
            "moving.json is an animation, and offspring are made of still pictures",
        ),
        (["still.json", "losses.smoothnes=3"], "losses.smoothnes"),
        (["still.json", "frames=3"], "offspring are still pictures; leave out frames"),
        (["plain.png"], "plain.png holds no metadata of vqclip"),
    ],
)
def test_what_has_no_offspring_is_refused(
    home: Home, refused: Refusal, words: list[str], sentence: str
) -> None:
    Path("made").mkdir()
    rows = [{"number": 1, "folder": "0001-a-fox"}]
    Path("made/family.json").write_text(json.dumps({"id": "x", "offspring": rows}))
    pillow.new("RGB", (32, 32)).save("plain.png")
    for name, frames in (("moving", 3), ("still", 0)):
        values: dict[str, Any] = {"config": {"frames": frames}, "prompt": "a fox", "seed": 1}
        values |= {"models": {}, "versions": {}, "computed": {}}
        values["grammar"] = GRAMMAR
        Path(f"{name}.json").write_text(json.dumps(values))
    assert sentence in refused("vary", *words)


def test_settings_stay_within_their_bounds_and_change_signs_nowhere() -> None:
    text = "a fox:4.9 | fog:-0.12 | snow:{0: 1, 9: 2} | sun:0"
    config = load_config("a fox", overrides=["cutouts.count=5", "losses.smoothness=59"])
    for number in range(60):
        found = mutation.mutate_settings(
            config, {"prompts": text}, {"losses.init"}, Random(number)
        )
        assert "losses.init" not in found and "losses.symmetry" not in found  # kept; left out
        assert "losses.shades" not in found and "draw.saturation" not in found  # other drawers'
        for gene in mutation.GENES:
            if gene.key in found:
                assert gene.least <= found[gene.key] <= gene.most
        fox, fog, snow, sun = parse_prompts(found["prompts"])
        assert 0 < float(fox.values[0]) <= 5 and -5 <= float(fog.values[0]) <= -0.1
        assert snow.weight == parse_prompts(text)[2].weight and sun.weight == 0
    palette = load_config("a fox", overrides=["drawer=palette"])
    keys = {
        key for n in range(20) for key in mutation.mutate_settings(palette, {}, (), Random(n))
    }
    assert {"losses.shades", "losses.unlike"} <= keys
