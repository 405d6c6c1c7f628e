"""The plan of a sweep: how many runs, what is drawn already, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vqclip.cli.output import Console
from vqclip.cli.terminal import on_one_line
from vqclip.models.zoo.model_files import format_bytes
from vqclip.run.preflight import make_request
from vqclip.sweep.axes import value_label
from vqclip.sweep.sweep_folder import SweepFolder

MOST_SHOWN = 12  # values of an axis


@dataclass(frozen=True)
class SweepEstimate:
    """What the runs that are missing need; every number is about.

    Args:
        seconds: of all; None if a model's shape is not known here.
        memory: bytes of the one that needs most; None likewise.
        downloads: (name, bytes or None) of each model that is not here.
        notes: sentences for people.
        stops: whether some of them may end before all their steps.
    """

    seconds: float | None
    memory: int | None
    downloads: Sequence[tuple[str, int | None]]
    notes: Sequence[str]
    stops: bool = False


def estimate_sweep(folder: SweepFolder) -> SweepEstimate:
    """Work out what the missing runs need.

    Raises:
        VqclipError: if one of them cannot be drawn.
    """
    from vqclip.run import plan_summary
    from vqclip.run.timing import run_times

    shared = plan_summary.SharedCounts()
    found = [
        plan_summary.estimate_cost(
            make_request(plan.config, clipped=True, complete=False), shared
        )
        for plan in [*(run.plan for run in folder.missing), *folder.unchosen]
    ]
    known = [each.seconds for each in found if each.seconds is not None]
    seconds: float | None = None
    if len(known) == len(found):  # models are loaded once
        start = run_times.START if known else 0.0
        seconds = start + sum(max(0.0, each - start) for each in known)
    return SweepEstimate(
        seconds=seconds,
        memory=max((each.memory for each in found if each.memory is not None), default=None),
        downloads=list(dict.fromkeys(pair for each in found for pair in each.downloads)),
        notes=list(dict.fromkeys(note for each in found for note in each.notes)),
        stops=any(each.stops for each in found),
    )


def tell_plan(folder: SweepFolder, screen: Console) -> None:
    """Say what a sweep would draw, and how long it would take."""
    from vqclip.models.libraries.deferred_imports import defer_imports

    with defer_imports():
        estimate = estimate_sweep(folder)
    runs, missing = folder.total, len(folder.missing) + len(folder.unchosen)
    screen.event(
        "plan",
        folder=str(folder.path),
        by=folder.sweep.by,
        axes={axis.key: list(axis.values) for axis in folder.sweep.axes},
        runs=runs,
        done=runs - missing,
        seconds=estimate.seconds,
        memory=estimate.memory,
        stops=estimate.stops,
        downloads=[list(each) for each in estimate.downloads],
    )
    rows = [("", "values")]
    for axis in folder.sweep.axes:
        rows.append((axis.key, on_one_line(_describe_values(axis.values))))
        if axis.span is not None:
            low, high = (f"{each:g}" for each in (axis.span.low, axis.span.high))
            rows[-1] = (axis.key, f"from {low} to {high}{', log' * axis.span.log}")
    screen.table(rows, heads=True)
    by = {
        "grid": "every combination",
        "zip": "values side by side",
        "optuna": "searched by their scores; bad ones are stopped early",
    }
    how = by.get(folder.sweep.by, folder.sweep.by)
    lines = [f"runs      {runs} ({how}), {runs - missing} of them drawn already"]
    lines.append(f"folder    {folder.path}")
    for name, size in estimate.downloads:
        lines.append(f"download  {name} ({format_bytes(size)}): vqclip models fetch {name}")
    if estimate.memory is not None:
        lines.append(f"needs     about {estimate.memory / 1e9:.1f} GB of memory at a time")
    if estimate.seconds is not None and missing:
        from vqclip.run.plan_summary import describe_duration

        told = describe_duration(estimate.seconds)
        most = "at most " if estimate.stops else ""
        lines.append(f"takes     {most}about {told} if nothing else runs here")
    if missing == 0:
        lines.append("takes     no time: all runs are drawn")
    screen.result("\n".join([*lines, *(f"note: {note}" for note in estimate.notes)]))


def _describe_values(values: Sequence[object]) -> str:
    shown = [value_label(value) for value in values[:MOST_SHOWN]]
    more = len(values) - len(shown)
    return " | ".join([*shown, *([f"and {more} more"] if more else [])])
