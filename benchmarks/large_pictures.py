"""Large pictures: seconds a step and memory by size, beside what `vqclip plan` says of them.

    python benchmarks/large_pictures.py [--json FILE] [--plot FILE.svg] [--cpu] [NAME …]

Each picture is planned, then drawn in a process of its own with few steps; a step's time is that
between its event and the one before, the median where there are several. With `--cpu`, seconds
are those of the processor, not those on the clock, so that what else runs here counts less; both
use one thread then. The peak of memory is what the system counted. Names are those of PICTURES;
without names, all but `tiles` are drawn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

VQCLIP = (sys.executable, "-m", "vqclip")
PROMPT = "a castle"
COMMON = ("device=cpu", "seed=1", "layout=off")
CLASSIC = ("--preset", "classic", "steps=2")
DEFAULT = ("steps=6",)  # two by the VQGAN, four by the pyramid
PICTURES = {
    "default-256": (*DEFAULT, "size=256x256"),
    "default-512": (*DEFAULT, "size=512x512"),
    "default-1024": (*DEFAULT, "size=1024x1024"),
    "default-2048": (*DEFAULT, "size=2048x2048"),
    "classic-256": (*CLASSIC, "size=256x256"),
    "classic-512": (*CLASSIC, "size=512x512"),
    "classic-1024": (*CLASSIC, "size=1024x1024"),
    "classic-2048": (*CLASSIC, "size=2048x2048"),
    "tiles": (*CLASSIC, "size=4096x2304", "memory.tiles=true"),
}


@dataclass(frozen=True)
class Measured:
    """What a picture took, and what it was said to take.

    Attributes:
        pixels: of the picture.
        steps: seconds of a step by each drawer, in their order.
        planned_steps: the same as planned.
        seconds, planned_seconds: of the whole run.
        start, between, end: seconds before the first step, between two drawers (0 if there is
            one) and after the last step.
        planned: the parts as planned.
        memory, planned_memory: bytes at the peak.
    """

    name: str
    pixels: int
    steps: list[float]
    planned_steps: list[float]
    seconds: float
    planned_seconds: float
    start: float
    between: float
    end: float
    planned: dict[str, Any]
    memory: int
    planned_memory: int


def main() -> None:
    """Plan and draw each picture, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    print(" ".join(["$ python", *sys.argv]))
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{'picture':13} a step (planned), µs a pixel   run (planned)      GB (planned)")
    found = []
    for name in options.names or [each for each in PICTURES if each != "tiles"]:
        found.append(measure(name, cpu=options.cpu))
        print(describe(found[-1]), flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(each) for each in found], indent=1))
    if options.plot:
        plot(found, options.plot)


def measure(name: str, *, cpu: bool) -> Measured:
    """Plan a picture and draw it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "THP_"))}
    environment |= {"OMP_NUM_THREADS": "1"} if cpu else {}
    words = [PROMPT, *COMMON, *PICTURES[name]]
    line = [*VQCLIP, "plan", *words, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment)
    plan = json.loads(done.stdout.splitlines()[-1])
    with tempfile.TemporaryDirectory() as place:
        line = [*VQCLIP, *words, f"out={place}", "--json"]
        marks, seconds, memory = draw(line, environment, cpu=cpu)
    counts = [count for *_, count in plan["stages"]]
    times, taken, between, first = plan["times"], [], 0.0, 0
    gaps = [later - earlier for earlier, later in itertools.pairwise(marks)]
    for count in counts:
        own = gaps[first : first + count]
        # The first of the second drawer's steps includes what lies between the two.
        usual = statistics.median(own if first == 0 or count == 1 else own[1:])
        between += own[0] - usual if first else 0.0
        taken.append(usual)
        first += count
    width, height, _ = plan["stages"][-1]
    return Measured(
        name,
        width * height,
        taken,
        times["steps"][-len(counts) :],
        seconds,
        plan["seconds"],
        marks[0],
        between,
        seconds - marks[-1],
        times,
        memory,
        plan["memory"],
    )


def draw(
    line: list[str], environment: dict[str, str], *, cpu: bool
) -> tuple[list[float], float, int]:
    """Run a command: when it started and took each step, its seconds, and its peak in bytes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None and process.stderr is not None
    marks = []
    for event in map(json.loads, process.stdout):
        if event["event"] in ("start", "step"):
            now = time.perf_counter() - began
            marks.append(processor_seconds(process.pid) if cpu else now)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(process.stderr.read().decode())
    seconds = usage.ru_utime + usage.ru_stime if cpu else time.perf_counter() - began
    return marks, seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def processor_seconds(process: int) -> float:
    """Seconds of the processor that a process has had (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def describe(each: Measured) -> str:
    """One line of the table."""
    steps = " + ".join(f"{x:.2f}" for x in each.steps)
    planned = " + ".join(f"{x:.2f}" for x in each.planned_steps)
    pixel = " + ".join(f"{x / each.pixels * 1e6:.2f}" for x in each.steps)
    off = each.planned_seconds / each.seconds - 1
    more = each.planned_memory / each.memory - 1
    return (
        f"{each.name:13} {steps} ({planned}) s, {pixel} µs   "
        f"{each.seconds:.0f} ({each.planned_seconds:.0f}) s {off:+.0%}   "
        f"{each.memory / 1e9:.2f} ({each.planned_memory / 1e9:.2f}) GB {more:+.0%}"
    )


def plot(found: list[Measured], path: Path) -> None:
    """Plot seconds a step over pixels on logarithmic axes as SVG: dots measured, rings planned.

    A line of slope 1, cost in proportion to pixels, goes through the first dot of each preset.
    """
    dots = [
        (each.name.split("-")[0], each.pixels, each.steps[0], each.planned_steps[0])
        for each in found
    ]
    low, high = (math.log10(limit(dot[1] for dot in dots)) for limit in (min, max))
    times = [time for dot in dots for time in dot[2:]]
    least, most = math.log10(min(times)) - 0.1, math.log10(max(times)) + 0.1

    def place(pixels: float, seconds: float) -> tuple[float, float]:
        across = (math.log10(pixels) - low) / max(high - low, 1e-9)
        up = (math.log10(seconds) - least) / (most - least)
        return 60 + 420 * across, 280 - 250 * up

    lines: list[str] = []
    seen: set[str] = set()
    for name, pixels, taken, planned in dots:
        colour = {"default": "#1b3a57", "classic": "#b5651d"}.get(name, "#2e7d32")
        (x, y), (_, ring) = place(pixels, taken), place(pixels, planned)
        if name not in seen:
            end = place(10**high, taken * 10**high / pixels)
            lines.append(
                f'<path d="M{x:.1f} {y:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke="{colour}" '
                f'stroke-dasharray="3"/><text x="500" y="{40 + 20 * len(seen)}" '
                f'fill="{colour}">{name}</text>'
            )
            seen.add(name)
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        lines.append(
            f'<circle cx="{x:.1f}" cy="{ring:.1f}" r="7" fill="none" stroke="{colour}"/>'
        )
        lines.append(f'<text x="{x - 20:.0f}" y="300">{pixels / 1e6:.2g} MP</text>')
    for power in range(math.ceil(least), math.floor(most) + 1):
        lines.append(
            f'<text x="5" y="{place(10**low, 10**power)[1]:.0f}">{10.0**power:g} s</text>'
        )
    body = "\n".join(lines)
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 310" font-family="sans-serif" '
        f'font-size="12">\n<rect width="600" height="310" fill="#fff"/>\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    main()
