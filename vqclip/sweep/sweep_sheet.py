"""The contact sheet of a sweep: its grid with labelled axes, or a page of captions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vqclip.media.files import FAMILY, read_object
from vqclip.sweep.axes import Axis, value_label
from vqclip.sweep.sheet_picture import Cell, Sheet, Side
from vqclip.sweep.sweep_folder import BEGUN, BROKEN, DONE, PRUNED, SweepFolder, SweepRun
from vqclip.sweep.table import Result

MOST_ACROSS = 10  # columns, beyond which the longer axis goes down


def sweep_sheet(folder: SweepFolder, results: Sequence[Result]) -> Sheet:
    """The sheet of a sweep as it stands.

    A grid of two axes has the first one down and the second one across, or the longer one down;
    of three and more, the first ones go down and the last one or two across. Other sweeps are a
    page, in which each picture has its values below.
    """
    if family := read_object(folder.path / FAMILY):
        return family_sheet(folder, results, family)
    axes = folder.sweep.axes
    cells = {}
    is_grid = folder.sweep.by == "grid" and len(axes) > 1
    down, across = split_axes(axes) if is_grid else ((), ())
    for index, (run, result) in enumerate(zip(folder.runs, results, strict=True)):
        if is_grid:
            place = (_place(down, run.plan.values), _place(across, run.plan.values))
            cells[place] = _cell(run, result, [])
        else:
            cells[0, index] = _cell(run, result, _told(run, axes))
    done = sum(result.state == DONE for result in results)
    failed = sum(result.state == BROKEN for result in results)
    pruned = sum(result.state == PRUNED for result in results)
    about = f"{done} of {folder.total} drawn" if done < folder.total else f"{done} runs"
    about += f", {pruned} pruned" if pruned else ""
    about += f", {failed} failed" if failed else ""
    return Sheet(
        cells,
        [_side(axis) for axis in down],
        [_side(axis) for axis in across],
        title=folder.path.name,
        about=", ".join([about, *_common(folder)]),
    )


def family_sheet(
    folder: SweepFolder, results: Sequence[Result], family: Mapping[str, Any]
) -> Sheet:
    """The sheet of a family: the parents, and the offspring with numbers to choose by.

    Args:
        family: what the family tree holds.
    """
    cells = []
    for each in _list_objects(family, "parents"):
        name, picture = str(each.get("run", "")), str(each.get("picture") or "final.png")
        path = folder.path / str(each.get("path", "")) / picture
        cells.append(Cell(path if path.is_file() else None, ["parent", name]))
    mutated = {
        each.get("number"): each.get("mutated") for each in _list_objects(family, "offspring")
    }
    for run, result in zip(folder.runs, results, strict=True):
        changes = mutated.get(run.plan.number)
        told = list(_changes(changes)) if isinstance(changes, dict) else []
        cell = _cell(run, result, told)
        cells.append(replace(cell, number=str(run.plan.number)))
    done = sum(result.state == DONE for result in results)
    about = f"offspring {done} of {len(results)} drawn" if done < len(results) else ""
    about = about or f"{done} offspring; generation {family.get('generation', 1)}"
    return Sheet(
        {(0, index): cell for index, cell in enumerate(cells)},
        title=folder.path.name,
        about=", ".join([about, *_common(folder)]),
    )


def _list_objects(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = found.get(key)
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []


def _changes(mutated: Mapping[str, Any]) -> Iterator[str]:
    """What was mutated, in short: `smoothness 10 to 14`."""
    for key, pair in mutated.items():
        before, after = pair if isinstance(pair, list) and len(pair) == 2 else ("", pair)
        if key == "prompts":
            yield value_label(after)
        else:
            name = key.removeprefix("losses.")
            yield f"{name} {value_label(before)} to {value_label(after)}"


def split_axes(axes: Sequence[Axis]) -> tuple[Sequence[Axis], Sequence[Axis]]:
    """The axes that go down, and those that go across."""
    if len(axes) == 2 and len(axes[1].values) > MOST_ACROSS >= len(axes[0].values):
        return axes[1:], axes[:1]
    across = 1 if len(axes) < 4 else 2
    return axes[:-across], axes[-across:]


def _place(axes: Sequence[Axis], values: Mapping[str, Any]) -> int:
    """Which row or column some values are in."""
    found = 0
    for axis in axes:
        found = found * len(axis.values) + axis.values.index(values[axis.key])
    return found


def _side(axis: Axis) -> Side:
    return Side(axis.key, [value_label(value) for value in axis.values])


def _told(run: SweepRun, axes: Sequence[Axis]) -> list[str]:
    """The values of a run as captions: the name of an axis only where there are several."""
    values = run.plan.values
    if len(axes) == 1:
        return [value_label(values[axes[0].key])]
    return [
        value_label(values[axis.key])
        if axis.key in ("prompts", "preset")
        else f"{axis.key} {value_label(values[axis.key])}"
        for axis in axes
    ]


def _cell(run: SweepRun, result: Result, told: Sequence[str]) -> Cell:
    score = [] if result.score is None else [f"score {result.score:.2f}"]
    if result.state == DONE:
        return Cell(run.folder / "final.png", [*told, *score])
    if result.state == PRUNED:
        return Cell(run.folder / run.pruned, [*told, ", ".join(["pruned", *score])])
    if result.state == BROKEN:
        return Cell(None, told, f"failed: {result.error}")
    return Cell(None, [*told, "begun" if result.state == BEGUN else "to come"])


def _common(folder: SweepFolder) -> list[str]:
    """What all runs have in common, of what people ask first."""
    configs = [run.plan.config for run in folder.runs]
    axes = {axis.key for axis in folder.sweep.axes}
    found = []
    for key in ("prompts", "size", "steps", "seed"):
        values = {json.dumps(getattr(config, key), default=str) for config in configs}
        if key not in axes and len(values) == 1:
            value = value_label(getattr(configs[0], key))
            found.append(f'"{value}"' if key == "prompts" else f"{key} {value}")
    return found
