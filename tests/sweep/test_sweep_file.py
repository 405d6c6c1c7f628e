"""Sweep files: what they hold, and what is refused before anything is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home, Refusal
from tests.helpers import sweeps
from vqclip.sweep.planned_runs import give_seed, plan_runs
from vqclip.sweep.sweep_file import is_sweep_file, read_sweep


def planned(text: str, name: str = "foxes.yaml") -> list[Any]:
    Path(name).write_text(text, encoding="utf-8")
    return plan_runs(read_sweep(Path(name)), lambda config: None)


def test_runs_have_the_base_and_their_values(home: Home) -> None:
    runs = planned(
        "base: {preset: draft, steps: 7, losses.smoothness: 3}\n"
        'axes:\n  prompts: ["a fox # 1", "no"]\n  losses: {edges: [0, 1.5]}\n  seed: [1]\n'
    )
    assert [run.config.prompts for run in runs] == ["a fox # 1"] * 2 + ["no"] * 2
    assert [run.config.losses.edges for run in runs] == [0, 1.5, 0, 1.5]
    assert {(r.config.steps, r.config.size, r.config.losses.smoothness) for r in runs} == {
        (7, "128x128", 3)
    }
    assert [run.number for run in runs] == [1, 2, 3, 4] and len({run.id for run in runs}) == 4
    assert runs[1].describe() == "prompts=a fox # 1, losses.edges=1.5, seed=1"


def test_a_preset_is_an_axis_below_the_base(home: Home) -> None:
    Path("mine.yaml").write_text("steps: 9\nsize: 64x64\n")
    runs = planned(
        "base: {extends: draft, size: 96x96, prompts: a fox}\n"
        'axes: {preset: ["", "mine.yaml", "ink"]}\n'
    )
    assert [run.config.steps for run in runs] == [30, 9, 30]
    assert {run.config.size for run in runs} == {"96x96"}
    assert runs[2].config.drawer == "lines" != runs[0].config.drawer


def test_templates_of_the_base_are_axes(home: Home) -> None:
    runs = planned('base: {prompts: "a {red|blue} fox"}\naxes: {seed: {from: 1, to: 2}}\n')
    told = [(run.config.prompts, run.config.seed) for run in runs]
    assert told == [(f"a {colour} fox", s) for colour in ("red", "blue") for s in (1, 2)]
    escaped = planned('base: {prompts: "a \\\\{b\\\\} fox"}\naxes: {seed: [1]}\n')
    assert escaped[0].config.prompts == r"a \{b\} fox"


def test_runs_without_a_seed_get_the_same_one(home: Home) -> None:
    runs = planned("base: {prompts: a fox}\naxes: {steps: [4, 5]}\n")
    assert [run.config.seed for run in give_seed(runs, 700)] == [700, 700]
    assert {run.id for run in runs}.isdisjoint(run.id for run in give_seed(runs, 700))
    kept = planned("base: {prompts: a fox}\naxes: {seed: [3, 4]}\n")
    assert give_seed(kept, 700) == kept


def test_what_a_machine_settles_is_no_other_run(home: Home) -> None:
    pair = [
        planned(f"base: {{prompts: a fox, seed: 1, {each}}}\naxes: {{steps: [4]}}\n")[0].id
        for each in ("threads: 1", "device: cpu", "out: there", "checkpoint.every: 3")
    ]
    assert len(set(pair)) == 1


def test_a_sweep_is_told_from_a_run_file(tmp_path: Path) -> None:
    for text, wanted in (("axes: {seed: [1]}", True), ("prompts: a", False), ("[", False)):
        (tmp_path / "a.yaml").write_text(text)
        assert is_sweep_file(tmp_path / "a.yaml") is wanted


HOSTILE = {
    "axes: {sede: [1]}": "foxes.yaml: axes: there is no setting sede; did you mean 'seed'?",
    "axes: {steps: [many], prompts: [a]}": "foxes.yaml: axes: steps is 'many'; it must be a",
    "axes: {seed: []}": "foxes.yaml: axes: seed has no values",
    "axes: {}": "foxes.yaml: axes must hold settings with their values",
    "axes: [seed]": "foxes.yaml: axes must hold settings with their values",
    "axes: {seed: [1, 2, 1]}": "foxes.yaml: axes: seed has 1 twice; remove one of them",
    "axes: {seed: [1], seed: [2]}": "foxes.yaml, line 1: seed is given twice",
    "axes:\n  losses.edges: [1]\n  losses: {edges: [2]}": "line 3: losses.edges is given twice",
    "axes: {seed: {from: 1, to: 100}, steps: {from: 1, to: 100}, prompts: [a]}": (
        "the grid has 100 x 100 x 1 = 10000 runs; at most 1000 are allowed"
    ),
    "axes: {seed: {from: 1, to: 10000}}": "seed has 10000 values; at most 1000 are allowed",
    "by: random\ncount: 10000\naxes: {seed: {from: 1, to: 99999}}": "count is 10000; write a",
    "axes: {size: [64x64, 64], prompts: [a]}": "runs 1 and 2 are the same (size=64, prompts=a)",
    "axes: {draw.grid: [4x4], prompts: [a]}": (
        "draw.grid is a setting of pixels, mosaic or palette"
    ),
    "axes: {drawer: [pixels, vqgan], prompts: [a]}\nbase: {draw.grid: 4x4}": (
        "this is run 2 of 2, with drawer=vqgan, prompts=a"
    ),
    "axes: {vqgan: [nothere], prompts: [a]}": "no model is called 'nothere'",
    "axes: {preset: [inc], prompts: [a]}": "no preset is called 'inc'; did you mean 'ink'?",
    'axes: {prompts: ["a |"]}': "part 2 of 'a |' is empty",
    "axes: {seed: [1, 2]}": "there is no prompt; write prompts under base or under axes",
    "base: {stepz: 3}\naxes: {seed: [1]}": "there is no setting stepz; did you mean 'steps'?",
    "base: art.yaml\naxes: {seed: [1]}": "base: {extends: FILE.yaml}",
    "base: {preset: ink, extends: ink}\naxes: {seed: [1]}": "base has both preset and extends",
    "seed: 4\naxes: {prompts: [a]}": "seed stands under base or axes; sample_seed is that of",
    "steps: 4\naxes: {prompts: [a]}": "steps is a setting of the runs; write it under base",
    "cuont: 4\naxes: {prompts: [a]}": "a sweep has no cuont; did you mean 'count'?",
    "by: gird\naxes: {prompts: [a]}": "by is 'gird'; did you mean 'grid'?",
    "by: [grid]\naxes: {prompts: [a]}": "foxes.yaml: by is ['grid']",
    "by: 3\naxes: {prompts: [a]}": "foxes.yaml: by is",
    "count: many\nby: random\naxes: {prompts: [a]}": "foxes.yaml: count is 'many'",
    "sample_seed: -1\naxes: {prompts: [a]}": "sample_seed is -1; write a whole number",
    "prompts: a fox": "foxes.yaml has no axes, so it is no sweep",
    "- a fox": "foxes.yaml has no axes, so it is no sweep",
    "": "foxes.yaml has no axes, so it is no sweep",
    "axes: {prompts: [a fox #1]}": "foxes.yaml, line 1: ",
    "axes: {prompts: {a: b}}": "axes: prompts: a range has from, to, log and count, and no a",
    "axes: &a {seed: *a}": "a part that contains itself",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files_are_refused_in_a_sentence(text: str, home: Home, refused: Refusal) -> None:
    Path("foxes.yaml").write_text(text)
    assert HOSTILE[text] in refused("sweep", "foxes.yaml")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fox.yaml"], "there is no sweep file fox.yaml; did you mean 'foxes.yaml'?"),
        (["notes.txt"], "notes.txt is no sweep file; one is called NAME.yaml"),
        (["folder"], "folder is not the folder of a sweep: it has no sweep.yaml"),
        (["foxes.yaml", "--out", "notes.txt"], "notes.txt is not a folder"),
    ],
)
def test_what_is_no_sweep_is_refused(
    words: list[str], sentence: str, home: Home, refused: Refusal
) -> None:
    sweeps.write(home, {"prompts": ["a"]})
    Path("notes.txt").write_text("a fox")
    Path("folder").mkdir()
    assert sentence in refused("sweep", *words)


def test_a_sweep_that_is_drawn_as_a_run_says_how(home: Home, refused: Refusal) -> None:
    sweeps.write(home, {"prompts": ["a"]})
    assert "draw them: vqclip sweep foxes.yaml" in refused("foxes.yaml")
