"""The time of a step, beside the loop that everybody copies, and beside the bare models.

    python benchmarks/step.py [models=starter,published] [sizes=256] [cuts=16,32] [perceptors=1]
        [recipe=vqclip] [device=cpu] [precision=fp32] [repeat=9] [out=FILE.json]

In one process and in turn, medians, for each pair of models, size, count of cutouts and number of
perceptors:

    classic   the usual loop; see `classic.py`
    vqclip    a step of a run of random codes by the VQGAN, at one size, with its default losses
    bare      decoder and perceptors as they ship, forwards and backwards, on as many squares; the
              starter's decoder with its margin, which `classic` does not draw

`starter` is the bundled pair, or with perceptors=2 both bundled perceptors; `published` has the
shapes of the ImageNet VQGAN of factor 16 and of CLIP's ViT-B/32, then ViT-B/16 and RN50, with
random weights, which take the same time. `classic` and `bare` decode in float32 in any case, and
embed in the format of the run. On a GPU each turn is waited for.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import classic
import memory
import torch

import vqclip
from vqclip import session
from vqclip.guidance import perceptor as perceptor_module
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.models.vqgan import VQGAN
from vqclip.run.preflight import make_request

PROMPT = "a red fox"
SHAPES = ("ViT-B-32", "ViT-B-16", "RN50")
WARM = 2  # steps that are not counted: the first ones choose their kernels
DEFAULTS = {
    **{"models": "starter,published", "sizes": "256", "cuts": "16,32", "perceptors": "1"},
    **{"recipe": "vqclip", "device": "cpu", "precision": "fp32", "repeat": "9", "out": ""},
}
COLUMNS = ("classic", "vqclip", "bare", "vqclip/bare", "classic/vqclip")


def main(arguments: list[str]) -> None:
    """Measure, print a table, and write it as JSON if a file is named."""
    given = dict(word.split("=", 1) for word in arguments)
    if unknown := set(given) - set(DEFAULTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    asked = DEFAULTS | given
    if "starter" in asked["models"] and set(asked["perceptors"].split(",")) - {"1", "2"}:
        sys.exit("there are two bundled perceptors; with more, write models=published")
    print(" ".join(["$ python", *sys.argv]))
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}, "
        f"{asked['device']}, {asked['precision']}"
    )
    print("\nmilliseconds a step, medians, alternating")
    heads = [f"{name:>{max(10, len(name) + 2)}}" for name in COLUMNS]
    print(f"{'models':10}{'size':>6}{'cuts':>6}{'CLIPs':>7}" + "".join(heads), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        if "published" in asked["models"].split(","):
            os.environ["VQCLIP_HOME"] = place
            memory.shaped(Path(place))
        kinds = [asked[key].split(",") for key in ("models", "sizes", "cuts", "perceptors")]
        for models, size, cuts, count in product(*kinds):
            row = measure(asked, Path(place), models, int(size), int(cuts), int(count))
            cells = [
                f"{row[name]:{len(head)}.{0 if '/' not in name else 2}f}"
                for name, head in zip(COLUMNS, heads, strict=True)
            ]
            print(f"{models:10}{size:>6}{cuts:>6}{count:>7}" + "".join(cells), flush=True)
            rows.append(row)
            write_rows(asked, rows)


def write_rows(asked: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Write what is measured so far as JSON, if a file is named."""
    if asked["out"]:
        machine = {"platform": platform.platform(), "cores": os.cpu_count()}
        machine |= {"torch": torch.__version__}
        found = {"settings": asked, "machine": machine, "rows": rows}
        Path(asked["out"]).write_text(json.dumps(found, indent=1), encoding="utf-8")


def measure(
    asked: dict[str, str], place: Path, models: str, size: int, cuts: int, count: int
) -> dict[str, Any]:
    """A row of the table."""
    repeat = int(asked["repeat"])
    vqgan, names = "starter", ["starter", "starter-second"][:count]
    if models == "published":
        vqgan, names = "coarse", [shaped_clip(place, shape) for shape in SHAPES[:count]]
    settings = [
        *(f"vqgan={vqgan}", f"perceptors=[{','.join(names)}]", f"size={size}x{size}"),
        *("init=random", "drawer=vqgan", "growth=[]", f"steps={WARM + repeat}", "seed=1"),
        *(f"cutouts.count={cuts}", f"cutouts.recipe={asked['recipe']}"),
        *(f"device={asked['device']}", f"precision={asked['precision']}"),
    ]
    ready = session.build_runner(make_request(vqclip.load(PROMPT, overrides=settings)))
    drawn = ready.drawer.vqgan  # type: ignore[attr-defined]
    published = classic.published_vqgan(drawn)
    shipped = load_shipped(ready.perceptors)
    plays = ready.play()
    turns: dict[str, Callable[[], Any]] = {
        "classic": classic.classic_step(published, shipped, PROMPT, (size, size), cuts),
        "vqclip": lambda: next(plays),
        "bare": bare_models(published, shipped, size, cuts),
    }
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(WARM + repeat):
        for name, turn in turns.items():
            times[name].append(clock(turn, drawn.codebook.device))
    row: dict[str, Any] = {name: statistics.median(t[WARM:]) * 1000 for name, t in times.items()}
    row |= {"models": models, "size": size, "cuts": cuts, "perceptors": count}
    row["vqclip/bare"] = row["vqclip"] / row["bare"]
    row["classic/vqclip"] = row["classic"] / row["vqclip"]
    return row


def shaped_clip(place: Path, shape: str) -> str:
    """The folder of a perceptor of a published shape, made when it is first asked for."""
    folder = place / shape
    if not folder.is_dir():
        memory.shape_clip(folder, shape)
    return str(folder)


def load_shipped(perceptors: list[OpenClipPerceptor]) -> list[OpenClipPerceptor]:
    """The same perceptors, with their batch norms as they ship."""
    shipped = []
    with mock.patch.object(perceptor_module, "fold_batch_norms"):
        for each in perceptors:
            asked: dict[str, Any] = {
                "device": each.mean.device,
                "precision": each.computation["precision"],
            }
            shipped.append(load_perceptor(each.name, **asked))
    return shipped


def bare_models(
    vqgan: VQGAN, perceptors: list[OpenClipPerceptor], size: int, cuts: int
) -> Callable[[], None]:
    """Give what sends a latent and squares through the models and back, nothing else."""
    side = size // vqgan.factor
    latent = vqgan.random_latent(side, side, torch.Generator().manual_seed(0)).requires_grad_()
    batches = [
        (each.model, torch.rand(cuts, 3, each.size, each.size).to(each.mean.device, each.dtype))
        for each in perceptors
    ]

    def bare() -> None:
        latent.grad = None
        vqgan.decode(latent).sum().backward()
        for model, pixels in batches:
            model.encode_image(pixels.detach().requires_grad_()).sum().backward()

    return bare


def clock(work: Callable[[], Any], device: torch.device) -> float:
    """Time some work in seconds, waiting for the GPU if there is one."""
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])
