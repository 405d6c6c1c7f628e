"""The time of a first picture, part by part, and the share of the models.

    python benchmarks/first_picture.py [--repeat N] [key=value …]

First, the whole: `vqclip "a red heart"` with the default settings (and those given), in a process
of its own, timed from outside, from the shell to its end. The parts are timed in that process;
"the rest" is what they leave of the whole: Python's start and end, settings, the command line.
What is imported only when it is first needed is imported at once there, to be told from loading.

Then the step: a run's step beside the bare models on the same batch (the decoder forwards and
backwards, and the perceptor forwards and backwards on as many squares), in turn, in one process,
medians, at each size that the run passes through. The ratio is the price of all else: quantising,
cutting, losses, the optimiser, and the loop.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

PROMPT = "a red heart"
PARTS = ("import", "load", "steps", "write")
WARM = 2  # steps that are not counted: the first ones of a size choose their kernels


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Time a first picture, and its steps.")
    parser.add_argument("settings", nargs="*", metavar="key=value")
    parser.add_argument("--repeat", type=int, default=15, help="steps of each kind and size")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # where to note the parts
    options = parser.parse_args()
    if options.child is not None:
        child(options.settings, Path(options.child))
        return
    print(" ".join(["$ python", *sys.argv]))
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{platform.platform()}, {os.cpu_count()} cores, load before: {load}")
    whole(options.settings)
    steps(options.settings, options.repeat)


def whole(settings: list[str]) -> None:
    """Time one run of the command line from outside, and print what it notes of its parts."""
    with tempfile.TemporaryDirectory() as place:
        notes = Path(place) / "parts.json"
        command = [sys.executable, __file__, "--child", str(notes), *settings, f"out={place}"]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        parts: dict[str, float] = json.loads(notes.read_text())
    print("\nfrom the shell to final.png, in seconds")
    for name in PARTS:
        print(f"  {name:8}{parts[name]:7.1f}")
    print(f"  the rest{seconds - sum(parts.values()):7.1f}")
    print(f"  in all  {seconds:7.1f}")


def child(settings: list[str], notes: Path) -> None:
    """Be the command line, and note how long its parts take."""
    began = time.perf_counter()
    import open_clip  # noqa: F401 (what a run imports late)

    from vqclip import session
    from vqclip.cli import main as cli_main
    from vqclip.media import film_assembly  # noqa: F401 (likewise)
    from vqclip.run import runner
    from vqclip.run.record import writer

    parts = {"import": time.perf_counter() - began, "load": 0.0, "steps": 0.0, "write": 0.0}
    build, keep = session.build_runner, writer.record_steps

    def timed_build(*arguments: Any) -> runner.Runner:
        before = time.perf_counter()
        built = build(*arguments)
        parts["load"] = time.perf_counter() - before
        return built

    def timed_keep(steps: Iterator[Any], *arguments: Any, **options: Any) -> Iterator[Any]:
        before = time.perf_counter()
        yield from keep(clocked(steps), *arguments, **options)
        parts["write"] = time.perf_counter() - before - parts["steps"]

    def clocked(steps: Iterator[Any]) -> Iterator[Any]:
        while True:
            before = time.perf_counter()
            step = next(steps, None)
            parts["steps"] += time.perf_counter() - before
            if step is None:
                return
            yield step

    session.build_runner = timed_build  # type: ignore[assignment]
    writer.record_steps = timed_keep  # type: ignore[assignment]
    code = cli_main.main([PROMPT, "--quiet", *settings])
    notes.write_text(json.dumps(parts))
    raise SystemExit(code)


def steps(settings: list[str], repeat: int) -> None:
    """Time a run's steps beside the bare models', and print both with their ratio."""
    import torch

    from vqclip import session
    from vqclip.config import loading
    from vqclip.run.preflight import make_request

    config = loading.load_config(PROMPT, overrides=[*settings, "seed=0"])
    stages = session.build_runner(make_request(config)).stages
    threads = torch.get_num_threads()
    print(f"\na step, in milliseconds (torch {torch.__version__}, {threads} threads)")
    print(f"  {'size':>10}{'run':>8}{'bare':>8}{'ratio':>8}")
    ours = theirs = 0.0
    for width, height, count in stages:
        only = replace(
            config, size=f"{width}x{height}", aspect="", growth=[], steps=WARM + repeat
        )
        ready = session.build_runner(make_request(only))
        run_step = partial(next, ready.play())
        bare = bare_models(ready, width, height)
        times = [(clock(run_step), clock(bare)) for _ in range(WARM + repeat)][WARM:]
        run, models = (statistics.median(kind) for kind in zip(*times, strict=True))
        row = (
            f"  {f'{width}x{height}':>10}{run * 1000:8.0f}{models * 1000:8.0f}{run / models:8.2f}"
        )
        print(row, flush=True)
        ours, theirs = ours + run * count, theirs + models * count
    print(f"  {'the run':>10}{'':16}{ours / theirs:8.2f}  (each size by its steps)")


def bare_models(ready: Any, width: int, height: int) -> Callable[[], None]:
    """Make the same batch, and give what sends it through the models and back, nothing else."""
    import torch

    vqgan = ready.drawer.vqgan
    latent = torch.zeros_like(ready.drawer.parameters["latent"]).requires_grad_()
    count = ready.config.cutouts.count
    batches = []
    for perceptor in ready.perceptors:
        shape = (count, 3, perceptor.size, perceptor.size)
        pixels = torch.rand(shape).to(perceptor.mean.device, perceptor.dtype)
        batches.append((perceptor.model, pixels.requires_grad_()))

    def bare() -> None:
        latent.grad = None
        vqgan.decode(latent).sum().backward()
        for model, pixels in batches:
            pixels.grad = None
            model.encode_image(pixels).sum().backward()

    assert vqgan.factor * latent.shape[-1] == width and vqgan.factor * latent.shape[-2] == height
    return bare


def clock(work: Callable[[], Any]) -> float:
    """Time some work in seconds, waiting for the GPU if there is one."""
    import torch

    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
