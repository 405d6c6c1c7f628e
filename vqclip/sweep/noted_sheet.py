"""Contact sheets of any runs and pictures: what differs in their notes becomes the axes.

A setting is an axis if it differs, unless it follows from others, as the number of steps does
from the drawer. Two to four axes whose combinations are mostly there make a grid; otherwise, and
where pictures have no notes, the sheet is a page with what differs below each picture.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import ConfigError, PictureError, suggest
from vqclip.media.files import read_object
from vqclip.run.record.provenance import read_provenance
from vqclip.run.record.run_folder import is_stretch
from vqclip.sweep.axes import Axis, value_label
from vqclip.sweep.sheet_picture import Cell, Sheet, Side
from vqclip.sweep.sweep_folder import ASKED, SHEET
from vqclip.sweep.sweep_sheet import split_axes

FIRST = ("prompts", "seed", "style", "drawer", "vqgan", "perceptors")  # as axes
LAST = ("memory", "device", "threads", "precision", "deterministic", "assets", "layout")
LEAST_SHARE = 0.5  # of the places of a grid that are to be filled
MOST_AXES = 4
NOTHING = "not noted"


@dataclass(frozen=True)
class NotedPicture:
    """A picture, with what its notes say.

    Args:
        values: of every setting, by key; none where it has no notes.
        name: what it is called where there are no notes.
        score: of the second judge; None where none is noted.
    """

    path: Path
    values: Mapping[str, Any]
    name: str
    score: float | None = None


def read_pictures(paths: Sequence[Path]) -> list[NotedPicture]:
    """Read the notes of pictures; one without is called by its name."""
    usual = flatten_keys(to_dict(RunConfig()))
    names = [path.name for path in paths]
    found = []
    for path in paths:
        try:
            notes = read_provenance(path)
        except PictureError:
            values: dict[str, Any] = {}
        else:
            values = usual | flatten_keys(notes.settings)
        short = path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        found.append(NotedPicture(path, values, short, _score(path)))
    return found


def is_part_of_a_run(path: Path) -> bool:
    """Whether a picture is a preview or a frame of a run, or the sheet of a sweep.

    So is what is in the run folder of an animation's stretch.
    """
    if is_stretch(path.parent):
        return True
    if path.name == SHEET and (path.parent / ASKED).is_file():
        return True
    return path.parent.name in ("steps", "frames") and (path.parent.parent / "run.json").is_file()


def _score(path: Path) -> float | None:
    if path.name != "final.png":
        return None
    verdict = read_object(path.parent / "run.json").get("verdict")
    score = verdict.get("score") if isinstance(verdict, dict) else None
    return float(score) if isinstance(score, int | float) else None


def check_keys(keys: Sequence[str], option: str) -> None:
    """Refuse a name that is no setting.

    Args:
        option: in which it was given, for the message.

    Raises:
        ConfigError: with the nearest setting.
    """
    known = [each.key for each in describe_settings()]
    for key in (key for key in keys if key not in known):
        hint = suggest(key, known) or f" (such as {option} seed)"
        raise ConfigError(f"{option} {key}: there is no setting {key}{hint}")


def noted_sheet(
    pictures: Sequence[NotedPicture],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    title: str = "",
) -> Sheet:
    """The sheet of some pictures.

    Args:
        rows, columns: settings that go down and across; where there are none, what differs.
    """
    differing = find_axes(pictures)
    if not rows and not columns:
        if _makes_a_grid(pictures, differing):
            down, across = split_axes(differing)
            return _grid(pictures, down, across, title)
        return _page(pictures, differing, title)
    given = [_axis(pictures, key) for key in (*rows, *columns)]
    left = [axis for axis in differing if axis.key not in (*rows, *columns)]
    # What is left tells apart the pictures that would be in one place.
    needed = _needed(pictures, left, given)
    down, across = given[: len(rows)], given[len(rows) :]
    if not _fills(pictures, [*given, *needed]):
        return _grid(pictures, down, across, title, needed)
    if not across and needed:
        across, needed = needed[-1:], needed[:-1]
    return _grid(pictures, [*down, *needed], across, title)


def find_axes(pictures: Sequence[NotedPicture]) -> list[Axis]:
    """The settings in which pictures differ, but for those that follow from others."""
    if not pictures or not all(picture.values for picture in pictures):
        return []
    keys = sorted({key for picture in pictures for key in picture.values}, key=_rank)
    found: dict[tuple[int, ...], Axis] = {}
    for key in keys:
        axis = _axis(pictures, key)
        if len(axis.values) > 1:
            found.setdefault(_order(pictures, axis), axis)  # the first of those that go together
    return _needed(pictures, list(found.values()), [])


def _needed(
    pictures: Sequence[NotedPicture], axes: Sequence[Axis], given: Sequence[Axis]
) -> list[Axis]:
    """Those of some axes that tell pictures apart which the others do not."""
    kept = list(axes)
    for axis in reversed(axes):
        others = [each for each in kept if each is not axis]
        if _count_places(pictures, [*given, *others]) == _count_places(pictures, [*given, *kept]):
            kept = others
    return kept


def _rank(key: str) -> tuple[int, int]:
    """In which order settings are looked at."""
    order = {each.key: index for index, each in enumerate(describe_settings())}
    if key in FIRST:
        return 0, FIRST.index(key)
    return (2 if key.partition(".")[0] in LAST else 1), order.get(key, len(order))


def _axis(pictures: Sequence[NotedPicture], key: str) -> Axis:
    """A setting with the values that it has, numbers in order."""
    values: dict[str, Any] = {}
    for picture in pictures:
        value = picture.values.get(key, NOTHING)
        values.setdefault(_written(value), value)
    found = list(values.values())
    if all(isinstance(each, int | float) for each in found):
        found.sort()
    return Axis(key, tuple(found))


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _index(axis: Axis, picture: NotedPicture) -> int:
    wanted = _written(picture.values.get(axis.key, NOTHING))
    return next(i for i, value in enumerate(axis.values) if _written(value) == wanted)


def _order(pictures: Sequence[NotedPicture], axis: Axis) -> tuple[int, ...]:
    """Which pictures have the same value; the same for settings that go together."""
    places: dict[str, int] = {}
    return tuple(
        places.setdefault(_written(picture.values.get(axis.key)), len(places))
        for picture in pictures
    )


def _count_places(pictures: Sequence[NotedPicture], axes: Sequence[Axis]) -> int:
    return len({tuple(_index(axis, picture) for axis in axes) for picture in pictures})


def _makes_a_grid(pictures: Sequence[NotedPicture], axes: Sequence[Axis]) -> bool:
    if not 2 <= len(axes) <= MOST_AXES or _count_places(pictures, axes) < len(pictures):
        return False
    return _fills(pictures, axes)


def _fills(pictures: Sequence[NotedPicture], axes: Sequence[Axis]) -> bool:
    """Whether pictures fill most of the places of a grid."""
    return len(pictures) >= LEAST_SHARE * math.prod(len(axis.values) for axis in axes)


def _page(pictures: Sequence[NotedPicture], axes: Sequence[Axis], title: str) -> Sheet:
    """Pictures with what differs below each."""
    cells = {}
    for index, picture in enumerate(pictures):
        told = _told(picture, axes) or [picture.name]
        cells[0, index] = Cell(picture.path, [*told, *_told_score(picture)])
    name = f", by {axes[0].key}" if len(axes) == 1 and axes[0].key != "prompts" else ""
    return Sheet(cells, title=title, about=f"{len(pictures)} pictures{name}")


def _told(picture: NotedPicture, axes: Sequence[Axis]) -> list[str]:
    """Values of a picture as captions: the name of a setting only where there are several."""
    found = []
    for axis in axes:
        value = value_label(picture.values.get(axis.key, NOTHING))
        plain = axis.key == "prompts" or len(axes) == 1
        found.append(value if plain else f"{axis.key} {value}")
    return found


def _grid(
    pictures: Sequence[NotedPicture],
    down: Sequence[Axis],
    across: Sequence[Axis],
    title: str,
    told: Sequence[Axis] = (),
) -> Sheet:
    """Pictures in rows and columns.

    Those that are in one place lie below each other, or side by side where no axis goes across.

    Args:
        told: axes whose values stand below the pictures.
    """
    places: dict[tuple[int, int], list[NotedPicture]] = {}
    for picture in pictures:
        place = (_place(down, picture), _place(across, picture))
        places.setdefault(place, []).append(picture)
    most = max(len(some) for some in places.values())
    cells = {}
    for (row, column), some in places.items():
        for index, each in enumerate(some):
            place = (row * most + index, column) if across else (row, index)
            cells[place] = Cell(each.path, [*_told(each, told), *_told_score(each)])
    rows, columns = ([_side(axis) for axis in axes] for axes in (down, across))
    several = Side("", [""] * most)
    if not across:
        columns = [several]
    elif most > 1 or not down:
        rows.append(several)
    return Sheet(cells, rows, columns, title=title, about=f"{len(pictures)} pictures")


def _place(axes: Sequence[Axis], picture: NotedPicture) -> int:
    found = 0
    for axis in axes:
        found = found * len(axis.values) + _index(axis, picture)
    return found


def _side(axis: Axis) -> Side:
    return Side(axis.key, [value_label(value) for value in axis.values])


def _told_score(picture: NotedPicture) -> list[str]:
    return [] if picture.score is None else [f"score {picture.score:.2f}"]
