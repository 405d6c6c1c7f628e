"""The table of a sweep: what each run has, had and came to, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqclip.media.files import read_object, write_whole
from vqclip.sweep.axes import value_label
from vqclip.sweep.sweep_folder import BROKEN, CSV, PRUNED, TABLE, SweepFolder, SweepRun

LAST_BYTES = 2**16  # of a log, in which its last line is looked for


@dataclass(frozen=True)
class Result:
    """What a run has come to.

    Args:
        state: done, failed, pruned, begun or to come.
        seed: that it was drawn with; None before it began.
        score: of the second judge, -1 to 1; of a run that was pruned, its last one; None where
            nobody judged it.
        better: how many other things fit the picture better, for the judge.
        losses: those of its last step, by name, as they count.
        seconds: that it has taken, its draft included; None before it began.
        error: why it failed.
    """

    state: str
    seed: int | str | None = None
    score: float | None = None
    better: int | None = None
    losses: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float | None = None
    error: str = ""


def read_result(run: SweepRun) -> Result:
    """Read what a run has come to from its folder."""
    notes = read_object(run.folder / "run.json")
    verdict = notes.get("verdict")
    verdict = verdict if isinstance(verdict, dict) else {}
    losses = read_last_step(run.folder / "log.jsonl").get("losses")
    seed = notes.get("seed", run.plan.config.seed)
    state, score = run.state, _number(verdict.get("score"))
    if state == PRUNED and (marks := run.marks):
        score = marks[max(marks)]
    return Result(
        state=state,
        seed=seed if isinstance(seed, int | str) else None,
        score=score,
        better=verdict["better"] if isinstance(verdict.get("better"), int) else None,
        losses={str(k): _number(v) for k, v in losses.items()}
        if isinstance(losses, dict)
        else {},
        seconds=_number(notes.get("seconds")),
        error=run.error if state == BROKEN else "",
    )


def read_last_step(log: Path) -> dict[str, Any]:
    """The last whole line of a run's log; {} where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LAST_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue  # cut short by a kill
        if isinstance(found, dict):
            return found
    return {}


def write_tables(folder: SweepFolder, results: Sequence[Result]) -> None:
    """Write table.json and table.csv.

    Args:
        results: of the runs, in their order.

    Raises:
        OutputError: if they cannot be written.
    """
    rows = [_row(run, result) for run, result in zip(folder.runs, results, strict=True)]
    about: dict[str, Any] = {
        "file": str(folder.sweep.path.absolute()),
        "by": folder.sweep.by,
        "axes": [axis.key for axis in folder.sweep.axes],
        "runs": rows,
    }
    if folder.seed is not None:
        about["seed"] = folder.seed
    told = json.dumps(about, indent=1, ensure_ascii=False, default=str) + "\n"
    # A lone surrogate, a byte of a prompt that is no UTF-8, becomes what JSON writes for it.
    data = told.encode("utf-8", "backslashreplace")
    write_whole(folder.path / TABLE, data, overwrite=True)
    text = _as_csv([axis.key for axis in folder.sweep.axes], rows)
    write_whole(folder.path / CSV, text.encode("utf-8", "backslashreplace"), overwrite=True)


def _row(run: SweepRun, result: Result) -> dict[str, Any]:
    return {
        "number": run.plan.number,
        "id": run.plan.id,
        "values": dict(run.plan.values),
        "seed": result.seed,
        "folder": run.folder.name,
        "state": result.state,
        "score": result.score,
        "better": result.better,
        "losses": dict(result.losses),
        "loss": _total(result.losses),
        "seconds": result.seconds,
        "error": result.error,
    }


def _as_csv(axes: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows for a spreadsheet: a column for each axis and each loss."""
    losses = list(dict.fromkeys(name for row in rows for name in row["losses"]))
    seeds = [] if "seed" in axes else ["seed"]
    plain = ["folder", "state", "score", "better", "loss"]
    heads = ["number", *axes, *seeds, *plain, *(f"loss {name}" for name in losses)]
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    sheet.writerow([*heads, "seconds", "error"])
    for row in rows:
        values = {key: value_label(value) for key, value in row["values"].items()}
        cells = [row["number"], *(values.get(key, "") for key in axes)]
        cells += [row[key] for key in (*seeds, *plain)]
        cells += [row["losses"].get(name) for name in losses]
        sheet.writerow([_cell(each) for each in (*cells, row["seconds"], row["error"])])
    return written.getvalue()


def _cell(value: Any) -> Any:
    """What stands in a cell: nothing for None, and of a number six digits."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def _total(losses: Mapping[str, float | None]) -> float | None:
    found = [each for each in losses.values() if each is not None]
    return round(sum(found), 6) if found and len(found) == len(losses) else None


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if fits and math.isfinite(value) else None
