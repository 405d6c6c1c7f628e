"""The time of a step of the drawer of strokes, forwards and backwards.

    python benchmarks/strokes.py

Random strokes are drawn, and a loss is taken back to their points, widths and colours; times are
the best of five. Nothing else should run meanwhile. CLIP's own time comes on top in a run.
"""

from __future__ import annotations

import os
import platform
import time

import torch

from vqclip.drawers.strokes import StrokesDrawer
from vqclip.drawers.vector.rasteriser import plan_strokes

TIMES = 5
CASES = ((256, 224, 224), (1024, 384, 208), (256, 768, 432), (4096, 768, 432))


def main() -> None:
    """Print a table, a row for each number of strokes and size."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print("strokes  size     strokes in tiles  edge pixels  forwards  backwards")
    for strokes, width, height in CASES:
        drawer = StrokesDrawer(width, height, strokes=strokes)
        drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
        pairs, edges = sizes(drawer)
        forwards, backwards = (
            min(each) for each in zip(*map(step, [drawer] * TIMES), strict=True)
        )
        print(
            f"{strokes:7}  {width}x{height}  {pairs:16}  {edges:11}"
            f"  {forwards:6.3f} s  {backwards:7.3f} s"
        )


def sizes(drawer: StrokesDrawer) -> tuple[int, int]:
    """How many pairs of a stroke and a tile there are, and how many pixels at edges."""
    scale = drawer.height / drawer.canvas[1]
    cubics = drawer.parameters["points"].detach()[drawer.paths.cubics] * scale
    radii = drawer.parameters["widths"].detach() * scale
    plan = plan_strokes(cubics, drawer.paths.cubic_owner, radii, drawer.width, drawer.height)
    return len(plan.pairs.stroke), len(plan.weights)


def step(drawer: StrokesDrawer) -> tuple[float, float]:
    """Draw forwards and backwards: the seconds that each takes."""
    begin = time.perf_counter()
    loss = drawer.draw().square().mean()
    middle = time.perf_counter()
    loss.backward()
    return middle - begin, time.perf_counter() - middle


if __name__ == "__main__":
    main()
