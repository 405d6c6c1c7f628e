"""Do animations hold what they promise? Measured part by part.

    pip download --no-deps scikit-learn
    python benchmarks/animation.py camera
    python benchmarks/animation.py flicker photo=scikit_learn-….whl [count=24]
    python benchmarks/animation.py loop
    python benchmarks/animation.py memory photo=scikit_learn-….whl [counts=300,3000]
    python benchmarks/animation.py time

    camera   what moves cost a picture, against a pattern that is known everywhere
    flicker  how steady a film is that is drawn over, beside one whose frames begin anew
    loop     whether the last frame of a film that closes leads to its first one
    memory   the peak of a run over a short film, and over a long one
    time     how long five seconds of zoom take, and what they show

Settings, key=value, hold for all runs of a part. With `out=DIR`, frames and contact sheets stay
there.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import animation_camera
import animation_flicker
import clips
import memory
from animation_runs import Given, animate, read, sheet, vqclip, watch

BREATH = "1.03 ** sin(2 * pi * frame / frames)"  # as far in as out: closes exactly
LOOPS = {
    "breathing": ("a red heart", f"camera.zoom={BREATH}"),
    "pan, wrapped": ("a forest", "camera.pan_x=1 / frames", "camera.edges=wrap"),
}
TURN = ("size=128x128", "frames=24", "seed=1", "film.format=frames", "previews=0")
ONE_STEP = ("size=64x64", "steps=1", "motion.steps=1", "seed=1", "previews=0")
ZOOM = ("a castle on a hill", "--preset", "zoom-in", "seed=1")  # 60 frames of 192x192
MINUTES = 6  # that the zoom may take, on two cores


def camera(given: Given) -> None:
    """Resample a pattern, and print what is left of it."""
    print("\n".join(animation_camera.rolls()))
    print("\n".join(animation_camera.zooms()))


def loop(given: Given) -> None:
    """Draw films that close, and the same without, and print how large their last step is."""
    print(f"{'film':14} loop=  last to first  neighbours, 95 %  closes")
    for name, words in LOOPS.items():
        for closing in ("true", "false"):
            out = given.out / f"{name.partition(',')[0]}-{closing}"
            run = animate([*words, *TURN, f"loop={closing}", *given.settings], out)
            found = watch(run / "frames")[0]
            sheet(run, 2, out / "sheet.png")
            last, usual = (255 * found[key] for key in ("loop", "difference_95"))
            print(
                f"{name:14} {closing:5}  {last:13.2f}  {usual:16.2f}  "
                f"{'yes' if found['closes'] else 'no'}",
                flush=True,
            )


def held(given: Given) -> None:
    """Draw over films of several lengths, one step a frame, and print the peaks of memory."""
    counts = [int(count) for count in given.words.get("counts", "300,3000").split(",")]
    photo = clips.photograph(given.photo())
    print("source frames  peak of the process  seconds  a frame")
    peaks = []
    for count in counts:
        clip = given.out / f"clip-{count}"
        clips.pan(photo, clip, frames=count, size=(64, 64))
        film = given.out / f"clip-{count}.mp4"
        vqclip(["film", str(clip), "--fps", "25", "--out", str(film)])
        began = time.monotonic()
        words = ["animate", "a temple", *ONE_STEP, f"source.film={film}", *given.settings]
        out = given.out / f"held-{count}"
        peaks.append(memory.peak([*memory.VQCLIP, *words, f"out={out}", "--quiet"]))
        seconds = time.monotonic() - began
        drawn = len(list(next(out.glob("0*")).glob("frames/*.png")))
        if drawn != count:
            raise SystemExit(f"{drawn} frames were drawn over {count}")
        print(
            f"{count:13}  {peaks[-1] / 1e6:16.0f} MB  {seconds:7.0f}  {seconds / count:.3f} s",
            flush=True,
        )
    print(f"the longest over the shortest: ×{peaks[-1] / peaks[0]:.3f}")


def timed(given: Given) -> None:
    """Draw five seconds of zoom, and print how long that takes, all in."""
    began, before = time.monotonic(), os.times()
    run = animate([*ZOOM, "threads=2", *given.settings], given.out)
    seconds, after = time.monotonic() - began, os.times()
    busy = sum(after[2:4]) - sum(before[2:4])
    frames = len(list((run / "frames").iterdir()))
    own = read(run)["seconds"]
    print(
        f"{frames} frames in {seconds:.0f} s ({busy:.0f} s of processors), all in: "
        f"{seconds / frames:.2f} s a frame; {own / frames:.2f} s without the start; "
        f"{'within' if seconds <= 60 * MINUTES else 'not within'} {MINUTES} minutes"
    )
    sheet(run, 4, given.out / "sheet.png")
    print(json.dumps({k: watch(run / "frames")[0][k] for k in ("warp_error", "difference")}))


PARTS: dict[str, Callable[[Given], None]] = {
    "camera": camera,
    "flicker": animation_flicker.flicker,
    "loop": loop,
    "memory": held,
    "time": timed,
}


def main(arguments: Sequence[str]) -> None:
    """Measure one part."""
    if not arguments or arguments[0] not in PARTS:
        raise SystemExit(__doc__)
    print(" ".join(["$ python", *sys.argv]))
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        PARTS[arguments[0]](Given.read(arguments[1:], Path(place)))


if __name__ == "__main__":
    main(sys.argv[1:])
