"""Faults: runs that are killed, and end as if nothing had happened.

    python benchmarks/faults.py [--times N] [--seed N] [--only NAME] [key=value …]

A picture with a film of its making is drawn undisturbed, and so are animations: one with a
camera, one that closes, and one over a film. Then each is begun again and again with the same
seed, and each time killed (SIGKILL, which no process can see coming) at another moment: at a
random one while it draws, by steps and by the time that the undisturbed run took for one, in the
encoding of its film, or while it writes a checkpoint. After each, `vqclip resume` takes it
to its end. A run that ended before it could be killed has survived nothing, and is counted apart.
Counted of the others: runs that went on from a later step than the first, where a checkpoint had
been written, and runs whose picture, film, log and frames are, to the byte, those of the
undisturbed one.

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

VQCLIP = (sys.executable, "-m", "vqclip")
PROMPT = "a red heart"
EVERY = 5
SETTINGS = ("size=64x64", f"checkpoint.every={EVERY}", "film.format=mp4", "seed=1")
KEPT = ("final.png", "film.mp4", "log.jsonl", "frames/*.png")
KINDS = ("at a random moment", "in the closing of the film", "in a checkpoint's write")
PRECAUTIONS = {  # with it, and without
    "a checkpoint every 25 steps": ("checkpoint.every=25", "checkpoint.every=0"),
    "deterministic=true": ("deterministic=true", "deterministic=false"),
}
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
class Kill:
    """A run that was to be killed.

    Args:
        kind: which of KINDS.
        moment: seconds from its start to its end.
        ended: whether it ended by itself before.
        steps: how many it had taken.
    """

    kind: str
    moment: float
    ended: bool
    steps: int


@dataclass(frozen=True)
class Case:
    """A run that was killed: what there was, and what became of it."""

    kill: Kill
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
    whole, loading, drawing = timed(place / "whole", subject.words)
    print(f"undisturbed: {loading:.1f} s until its folder is there, then {drawing:.1f} s")
    each = drawing / subject.steps
    wanted = kept(whole)
    dice = random.Random(seed)
    ended: list[Kill] = []
    cases: list[Case] = []
    for number in range(times):
        kind = KINDS[0] if number % 5 < 3 else KINDS[number % 5 - 2]
        out = place / f"run-{number}"
        kill = killed(out, subject, kind, dice.random(), dice.random() * each)
        if kill.ended:
            ended.append(kill)
        else:
            cases.append(take_up(out, subject, kill, wanted))
        print(f"{number + 1:4} {kill if kill.ended else cases[-1]}", flush=True)
    heads = ("killed", "ended before", "had a checkpoint", "went on from it", "the same bytes")
    print(f"\n{'':28} {'  '.join(heads)}")
    for kind in KINDS:
        some = [case for case in cases if case.kill.kind == kind]
        had = [case for case in some if case.checkpoint]
        numbers = (
            len(some),
            sum(kill.kind == kind for kill in ended),
            len(had),
            sum(case.from_step > 0 for case in had),
            sum(case.equal for case in some),
        )
        row = (f"{number:{len(head)}}" for number, head in zip(numbers, heads, strict=True))
        print(f"{kind:28} {'  '.join(row)}")


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


def timed(out: Path, words: Sequence[str]) -> tuple[Path, float, float]:
    """Draw undisturbed; give the run's folder, and the seconds before it was made and after."""
    began = time.monotonic()
    process = started(out, words)
    while process.poll() is None and not room(out):
        time.sleep(0.005)
    there = time.monotonic()
    process.wait()
    folder = room(out)
    if process.returncode or folder is None:
        raise SystemExit(f"undisturbed, it does not end: {' '.join(command(out, words))}")
    return folder, there - began, time.monotonic() - there


def killed(out: Path, subject: Subject, kind: str, share: float, later: float) -> Kill:
    """Start a run and kill it.

    Args:
        share: of its steps, after which it is killed; counted as they are logged, since a busy
            machine would turn a share of its time into another.
        later: seconds after that, where the moment is random.

    Raises:
        RuntimeError: if it fails by itself.
    """
    began = time.monotonic()
    process = started(out, subject.words)
    seen: dict[str, Callable[[], bool]] = {
        KINDS[0]: lambda: room(out) is not None and taken(out) >= int(share * subject.steps),
        KINDS[1]: lambda: any(out.glob("[0-9]*/.film.*.part.mp4")),
        # Of several writes, the first after so many steps: in most, there is one before it.
        KINDS[2]: lambda: (
            any(out.glob("[0-9]*/.checkpoint*.part"))
            and taken(out) >= share * (subject.steps - EVERY)
        ),
    }
    while process.poll() is None and not seen[kind]():
        time.sleep(0.0005 if kind != KINDS[0] else 0.005)
    if kind == KINDS[0]:
        time.sleep(later)
    process.send_signal(signal.SIGKILL)  # nothing is sent to what has ended
    code = process.wait()
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run failed before it was killed: exit code {code}")
    return Kill(kind, round(time.monotonic() - began, 2), code == 0, taken(out))


def started(out: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A run that says nothing."""
    null = subprocess.DEVNULL
    return subprocess.Popen(command(out, words), stdout=null, stderr=null)


def room(out: Path) -> Path | None:
    """The run's folder in there, if it is made."""
    return next(iter(out.glob("[0-9]*")), None)


def taken(out: Path) -> int:
    """How many steps the run in there has logged."""
    return sum(len(path.read_bytes().splitlines()) for path in out.glob("[0-9]*/log.jsonl"))


def take_up(out: Path, subject: Subject, kill: Kill, wanted: dict[str, bytes]) -> Case:
    """Let a killed run go on, or, where it has no checkpoint yet, begin again."""
    folder = room(out)
    had = folder is not None and (folder / "checkpoint.safetensors").is_file()
    complete = folder is not None and (folder / "final.png").is_file()
    start = subject.steps
    if not complete:
        words = ["resume", str(folder)] if had else [*subject.words, f"out={out}"]
        done = subprocess.run([*VQCLIP, *words, "--json"], capture_output=True, text=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return Case(kill, had, 0, False)
        start = next(each["from_step"] for each in events if each["event"] == "start")
        folder = Path(events[-1]["run"])
    assert folder is not None
    return Case(kill, had, start, kept(folder) == wanted)


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
