"""Does a run that is killed go on, and end as if nothing had happened?

    python benchmarks/faults.py [--times N] [--seed N] [--only NAME] [key=value …]

A picture with a film of its making is drawn undisturbed, and so are animations: one with a
camera, one that closes, and one over a film. Then each is begun again and again with the same
seed, and each time killed (SIGKILL, which no process can see coming) at another moment: at a
random one, in the encoding of its film, or while it writes a checkpoint. After each, `vqclip
resume` takes it to its end. Counted: runs that went on from a later step than the first, where a
checkpoint had been written, and runs whose picture, film, log and frames are, to the byte, those
of the undisturbed one.

Then what it costs to be safe, each with and without in turn: a checkpoint every 25 steps, and
deterministic=true.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as pillow
from PIL import ImageDraw

VQCLIP = (sys.executable, "-c", "import sys; from vqclip.cli import main; sys.exit(main())")
PROMPT = "a red heart"
EVERY = 5
SETTINGS = ("size=64x64", f"checkpoint.every={EVERY}", "film.format=mp4", "seed=1")
KEPT = ("final.png", "film.mp4", "log.jsonl", "frames/*.png")
KINDS = ("at a random moment", "in the closing of the film", "in a checkpoint's write")
PRECAUTIONS = {  # with it, and without
    "a checkpoint every 25 steps": ("checkpoint.every=25", "checkpoint.every=0"),
    "deterministic=true": ("deterministic=true", "deterministic=false"),
}
LEAST = 0.1  # of a run's time, before which nothing has begun
CLIP = "clip"  # in a subject's words: a film of the benchmark's own


@dataclass(frozen=True)
class Subject:
    """What is killed.

    Args:
        words: the command, and its settings.
        steps: how many it takes.
    """

    words: tuple[str, ...]
    steps: int


FILM = ("animate", PROMPT, "steps=12", "motion.steps=4")
SUBJECTS = {
    "picture": Subject((PROMPT, "steps=40"), 40),
    "camera": Subject((*FILM, "frames=8", "camera.zoom=1.05", "motion.smooth=0.2"), 40),
    "loop": Subject((*FILM, "frames=6", "loop=true", "camera.roll=5"), 36),
    "over a film": Subject((*FILM, "frames=8", f"source.film={CLIP}"), 40),
}


@dataclass(frozen=True)
class Case:
    """A run that was killed: when, what there was, and what became of it."""

    kind: str
    moment: float
    checkpoint: bool
    from_step: int
    equal: bool


def main() -> None:
    """Parse, kill, count, print."""
    parser = argparse.ArgumentParser(description="Kill runs, and see whether they go on.")
    parser.add_argument("settings", nargs="*", metavar="key=value")
    parser.add_argument("--times", type=int, default=50, help="how many runs of each are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="of what is killed")
    parser.add_argument("--pairs", type=int, default=5, help="of runs that are timed")
    options = parser.parse_args()
    print(" ".join(["$ python", *sys.argv]))
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        film(place / CLIP)
        for name in options.only or SUBJECTS:
            told = SUBJECTS[name]
            words = [each.replace(f"={CLIP}", f"={place / CLIP}") for each in told.words]
            subject = Subject((*words, *SETTINGS, *options.settings), told.steps)
            print(f"\n{name}: {' '.join(told.words)}", flush=True)
            (place / name).mkdir()
            faults(place / name, subject, options.times, options.seed)
        cost(place, options.settings, options.pairs)


def film(folder: Path) -> None:
    """Make a film to draw over: a disc goes across squares."""
    folder.mkdir()
    for number in range(8):
        picture = pillow.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 20).convert("RGB")
        pen = ImageDraw.Draw(picture)
        pen.ellipse([4 + 4 * number, 16, 28 + 4 * number, 40], "red")
        picture.save(folder / f"{number}.png")


def faults(place: Path, subject: Subject, times: int, seed: int) -> None:
    """Kill runs, let them go on, and print a table."""
    began = time.monotonic()
    whole = run(place / "whole", subject.words)
    seconds = time.monotonic() - began
    wanted = kept(whole)
    dice = random.Random(seed)
    cases = []
    for number in range(times):
        kind = KINDS[0] if number % 5 < 3 else KINDS[number % 5 - 2]
        out = place / f"run-{number}"
        moment = killed(out, subject, kind, dice.uniform(LEAST, 1.0), seconds)
        cases.append(take_up(out, subject, kind, moment, wanted))
        print(f"{number + 1:4} {cases[-1]}", flush=True)
    print(f"\n{'killed':28} runs  had a checkpoint  went on from it  the same bytes")
    for kind in KINDS:
        some = [case for case in cases if case.kind == kind]
        had = [case for case in some if case.checkpoint]
        late = sum(case.from_step > 0 for case in had)
        equal = sum(case.equal for case in some)
        print(f"{kind:28} {len(some):4}  {len(had):16}  {late:15}  {equal:14}")


def kept(folder: Path) -> dict[str, bytes]:
    """What a run leaves that must not depend on how it came there, by name."""
    found = [path for pattern in KEPT for path in folder.glob(pattern)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def command(out: Path, words: Sequence[str]) -> list[str]:
    """What a shell would start."""
    return [*VQCLIP, *words, f"out={out}", "--json"]


def run(out: Path, words: Sequence[str]) -> Path:
    """Draw undisturbed; give the run's folder."""
    done = subprocess.run(command(out, words), capture_output=True, check=True)
    return Path(json.loads(done.stdout.splitlines()[-1])["run"])


def killed(out: Path, subject: Subject, kind: str, share: float, seconds: float) -> float:
    """Start a run and kill it after a share of its time, or steps; give the second of it."""
    began = time.monotonic()
    process = subprocess.Popen(
        command(out, subject.words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen: dict[str, Callable[[], bool]] = {
        KINDS[0]: lambda: time.monotonic() - began >= share * seconds,
        KINDS[1]: lambda: any(out.glob("[0-9]*/.film.*.part.mp4")),
        # Of several writes, the first after so many steps: in most, there is one before it.
        KINDS[2]: lambda: (
            any(out.glob("[0-9]*/.checkpoint*.part"))
            and taken(out) >= share * (subject.steps - EVERY)
        ),
    }
    while process.poll() is None and not seen[kind]():
        time.sleep(0.0005 if kind != KINDS[0] else 0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return time.monotonic() - began


def taken(out: Path) -> int:
    """How many steps the run in there has logged."""
    return sum(len(path.read_bytes().splitlines()) for path in out.glob("[0-9]*/log.jsonl"))


def take_up(
    out: Path, subject: Subject, kind: str, moment: float, wanted: dict[str, bytes]
) -> Case:
    """Let a killed run go on, or, where it has no checkpoint yet, begin again."""
    folder = next(iter(out.glob("0*")), None)
    had = folder is not None and (folder / "checkpoint.safetensors").is_file()
    complete = folder is not None and (folder / "final.png").is_file()
    words = ["resume", str(folder)] if had else subject.words
    start = 0
    if not complete:
        line = [*VQCLIP, *words, "--json"]
        line += [] if had else [f"out={out}"]
        done = subprocess.run(line, capture_output=True, text=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return Case(kind, moment, had, 0, False)
        start = next(each["from_step"] for each in events if each["event"] == "start")
        folder = Path(events[-1]["run"])
    assert folder is not None
    return Case(kind, moment, had, subject.steps if complete else start, kept(folder) == wanted)


def cost(place: Path, settings: list[str], pairs: int) -> None:
    """Time the steps of the default run with a precaution and without, in turn."""
    for number, (name, words) in enumerate(PRECAUTIONS.items()):
        ratios = []
        for pair in range(pairs):
            times = {}
            for chosen in words if pair % 2 else words[::-1]:
                out = place / f"cost-{number}-{pair}-{chosen}"
                folder = run(out, [PROMPT, "seed=1", chosen, *settings])
                times[chosen] = json.loads((folder / "run.json").read_text())["seconds"]
            ratios.append(times[words[0]] / times[words[1]])
            print(", ".join(f"{chosen} {times[chosen]:.1f} s" for chosen in words), flush=True)
        if ratios:
            print(f"the cost of {name}: ×{statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
