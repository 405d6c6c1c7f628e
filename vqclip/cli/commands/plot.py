"""The command plot.

Each schedule has a panel of its own, with its own heights, above the others: they are told from
each other without colours, and a weight is not flattened by a count. Time is the same for all.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config.sizes import canonical_rate
from vqclip.errors import ConfigError, SoundError
from vqclip.language import schedules
from vqclip.language.clock import Timeline
from vqclip.language.expressions import format_number
from vqclip.language.schedules import FPS
from vqclip.language.units.step_counts import parse_count
from vqclip.media import files

FRAMES = 200  # as steps, where nobody says
MOST = 100_000  # frames: more than anybody can look at
LEAST_WIDE, MOST_WIDE = 40, 160  # characters
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character
SETTING = re.compile(r"[a-z_]+(\.[a-z_]+)+=")  # camera.zoom=…, as it stands in a command
INK, PAPER, FAINT = "#1b3a57", "#ffffff", "#c9d3dc"


@dataclass(frozen=True)
class Panel:
    """A schedule and its values, one a frame."""

    name: str
    values: tuple[float, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """What stands at the foot and at the top; never the same."""
        low, high = min(self.values), max(self.values)
        room = 0.0 if high > low else (abs(high) or 1.0) / 2
        return low - room, high + room


@dataclass(frozen=True, kw_only=True)
class PlotOptions(CommonOptions):
    """The options of `plot`."""

    words: list[str]
    frames: str | None
    steps: str | None
    fps: str | None
    sound: str | None
    out: str | None


def plot_schedules(options: PlotOptions, screen: Console) -> None:
    """Draw schedules: on the terminal, as a picture, or as numbers for a script.

    Raises:
        VqclipError: if a schedule cannot be read or has no value, or the picture not be written.
    """
    line = timeline(options)
    if options.out is not None:
        if Path(options.out).suffix.lower() != ".png":
            raise ConfigError(f"--out is {options.out}; a plot is a PNG: write --out curves.png")
        files.require_new_file(Path(options.out), "--out")
    panels = [panel(text, line) for text in options.words]
    for each in panels:
        screen.event(
            "curve", schedule=each.name, frames=line.frames, fps=line.fps, values=each.values
        )
    if options.out is not None:
        from vqclip.media.files import write_whole

        write_whole(options.out, picture(panels, line))
        screen.event("plot", path=options.out)
        screen.result(options.out, exact=True)
        return
    size = shutil.get_terminal_size((80, 24))
    screen.result(in_braille(panels, line, size.columns, size.lines))


def timeline(options: PlotOptions) -> Timeline:
    """The time that is asked for: so many frames, or, in a picture, steps.

    Raises:
        ConfigError: for a number that cannot be.
        SoundError: if there is no such sound, or it cannot be listened to.
    """
    if options.frames is not None and options.steps is not None:
        raise ConfigError(
            "--frames is for animations and --steps for pictures; write one of them"
        )
    name, unit = ("steps", "i") if options.steps is not None else ("frames", "f")
    given = options.steps or options.frames or str(FRAMES)
    fps = canonical_rate(options.fps if options.fps is not None else FPS)
    if isinstance(fps, str) or not 0 < fps <= 1000:
        raise ConfigError(f"--fps is {options.fps}; write a number above 0, at most 1000")
    length = parse_count(given)
    fits = length is not None and length.unit in ("", unit, "s")
    count = length.settle(0, float(fps)) if length is not None and fits else 0
    if not 1 <= count <= MOST:
        raise ConfigError(
            f"--{name} is {given}; write a whole number from 1 to {MOST}, or seconds, such as 2s"
        )
    line = Timeline(count, float(fps), moves=options.frames is not None)
    if options.sound is None:
        return line
    if options.steps is not None:
        raise ConfigError("--sound needs an animation; write --frames instead of --steps")
    from vqclip.media.audio import features as audio_features

    path = Path(os.path.expanduser(options.sound))
    if not path.is_file():
        raise SoundError(f"--sound is {options.sound}, and there is no such file; check the name")
    heard = audio_features.analyse_audio(path, fps=line.fps, frames=line.frames)
    return replace(line, variables=dict(heard.variables))


def panel(text: str, line: Timeline) -> Panel:
    """A schedule at each frame.

    Raises:
        ConfigError: if it cannot be read, or has no value at some frame.
    """
    text = SETTING.sub("", text.strip())
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    found = schedules.parse_schedule(inner)
    curve = line.curve(found)
    return Panel(
        schedules.schedule_to_text(found), tuple(curve(frame) for frame in range(line.frames))
    )


def in_braille(panels: Sequence[Panel], line: Timeline, columns: int, rows: int) -> str:
    """Draw panels with braille's dots, two across and four down in a character.

    Args:
        columns: characters across.
        rows: down; a panel has three of them at least, so that many are more.
    """
    columns = min(max(columns, LEAST_WIDE), MOST_WIDE)
    high = min(max((rows - 4) // len(panels) - 2, 3), 12)
    labels = [[_short(end) for end in each.ends] for each in panels]
    margin = max(len(label) for pair in labels for label in pair) + 1
    wide = columns - margin - 2
    found: list[str] = []
    for each, (low, top) in zip(panels, labels, strict=True):
        name = each.name if len(each.name) <= columns else f"{each.name[: columns - 1]}…"
        found += [name, *_rows(each, wide, high)]
        first = len(found) - high
        for row in range(high):
            label = top if row == 0 else low if row == high - 1 else ""
            mark = "┤" if label else "│"
            found[first + row] = f"{label:>{margin}}{mark}{found[first + row]}".rstrip()
        found.append("")
    marks = _marks(line, wide)
    axis = "".join("┬" if place in marks else "─" for place in range(wide))
    found[-1] = " " * margin + "└" + axis
    frames = _spread({place: str(frame) for place, frame in marks.items()}, wide - 6)
    found.append(" " * (margin + 1) + frames.ljust(wide - 5) + "frame")
    seconds = {place: f"{_short(line.seconds(frame))}s" for place, frame in marks.items()}
    found.append(" " * (margin + 1) + _spread(seconds, wide))
    return "\n".join(row.rstrip() for row in found)


def picture(panels: Sequence[Panel], line: Timeline, wide: int = 1200, high: int = 300) -> bytes:
    """Draw panels as a PNG, each so many pixels wide and high."""
    from PIL import Image, ImageDraw, ImageFont

    left, right, top, foot = 110, 30, 50, 60
    page = Image.new("RGB", (wide, len(panels) * high + foot), PAPER)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(20)
    across = wide - left - right
    marks = _marks(line, across // 10)
    for number, each in enumerate(panels):
        above, below = number * high + top, (number + 1) * high - 10
        low, most = each.ends
        for frame in marks.values():
            x = left + across * frame / max(1, line.frames - 1)
            draw.line([(x, above), (x, below)], FAINT)
        for share in (0.0, 0.5, 1.0):
            y = below + (above - below) * share
            draw.line([(left, y), (wide - right, y)], FAINT)
            draw.text((left - 10, y), _short(low + (most - low) * share), INK, font, anchor="rm")
        points = [
            (
                left + across * frame / max(1, line.frames - 1),
                below + (above - below) * (value - low) / (most - low),
            )
            for frame, value in enumerate(each.values)
        ]
        draw.line(points if len(points) > 1 else [*points, (wide - right, points[0][1])], INK, 3)
        name = each.name if len(each.name) < 110 else f"{each.name[:109]}…"
        draw.text((left, above - 12), name, INK, font, anchor="ls")
    for frame in marks.values():
        x = left + across * frame / max(1, line.frames - 1)
        told = f"{frame}\n{_short(line.seconds(frame))}s"
        draw.multiline_text((x, page.height - foot + 4), told, INK, font, "ma", align="center")
    draw.text((left - 10, page.height - foot + 4), "frame", INK, font, anchor="ra")
    data = io.BytesIO()
    page.save(data, "PNG")
    return data.getvalue()


def _rows(panel: Panel, wide: int, high: int) -> list[str]:
    """A curve as rows of braille."""
    cells = [[0] * wide for _ in range(high)]
    for x, y in _dots(panel, 2 * wide, 4 * high):
        cells[y // 4][x // 2] |= DOTS[y % 4][x % 2]
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]


def _dots(panel: Panel, wide: int, high: int) -> Iterator[tuple[int, int]]:
    """The dots of a line through the values, each column's without gaps."""
    low, top = panel.ends
    values = panel.values if len(panel.values) > 1 else panel.values * 2
    places = [round(frame * (wide - 1) / (len(values) - 1)) for frame in range(len(values))]
    heights = [round((top - value) / (top - low) * (high - 1)) for value in values]
    for (x, y), (far, deep) in itertools.pairwise(zip(places, heights, strict=True)):
        length = max(far - x, abs(deep - y), 1)
        for step in range(length + 1):
            yield round(x + (far - x) * step / length), round(y + (deep - y) * step / length)


def _marks(line: Timeline, wide: int) -> dict[int, int]:
    """Where an axis of so many characters has marks, and the frames there: round numbers."""
    last = line.frames - 1
    if last == 0:
        return {0: 0}
    least = max(1.0, last * 10 / wide)  # ten characters apart
    base = 10 ** math.floor(math.log10(least))
    step = int(next(base * n for n in (1, 2, 5, 10) if base * n >= least))
    return {round(frame * (wide - 1) / last): frame for frame in range(0, line.frames, step)}


def _spread(labels: dict[int, str], wide: int) -> str:
    """Labels below their places, those left out that would stand in another."""
    row = ""
    for place, label in labels.items():
        if place >= len(row) and place + len(label) <= wide:
            row = row.ljust(place) + label + " "
    return row


def _short(number: float) -> str:
    """A number for an axis."""
    return format_number(float(f"{number:.4g}"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.add_argument(
        "words", nargs="+", metavar="SCHEDULE", help='such as "0: 0, 50%%: 2" "1 + sin(t)"'
    )
    parser.add_argument(
        "--frames", metavar="N", help="frames of an animation, or its seconds: 5s (200)"
    )
    parser.add_argument(
        "--steps", metavar="N", help=("steps of a picture, where each step is a frame")
    )
    parser.add_argument("--fps", metavar="N", help="frames a second (15)")
    parser.add_argument(
        "--sound", metavar="FILE", help=("the sound that low, beat and so on follow")
    )
    parser.add_argument("--out", metavar="FILE.png", help="a picture of the curves")


def plot(options: PlotOptions, screen: Console, progress: Progress) -> None:
    """Plot schedules, in the terminal or as a picture."""
    plot_schedules(options, screen)
