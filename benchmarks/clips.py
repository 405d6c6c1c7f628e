"""A clip to measure with: a window that moves over a photograph.

    pip download --no-deps scikit-learn
    python benchmarks/clips.py photo=scikit_learn-….whl out=DIR [frames=60] [size=192x192]
    python benchmarks/clips.py photo=FILE out=DIR [name=value …]

The photograph is a file, or `china.jpg` (a pagoda by a lake, CC BY) in scikit-learn's wheel;
`name=flower.jpg` is its other one. The window drifts from the left to the right, rises and
sinks, and comes a little nearer, so that no two frames show the same pixels. Each frame is cut
out of the photograph in one resampling; the same arguments give the same PNGs.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from pathlib import Path

from PIL import Image as pillow

MEMBER = "sklearn/datasets/images/{}"
SHARE = 0.55  # of the photograph's shorter side that the window's longer one has at first
FROM, TO = 0.05, 0.55  # of the way from side to side: as far as there is something to see
NEARER = 0.85  # the window's size at the end, in parts of that at the beginning


def photograph(path: Path, name: str = "china.jpg") -> pillow.Image:
    """Open a photograph: a picture file, or `name` in scikit-learn's wheel."""
    if path.suffix != ".whl":
        return pillow.open(path).convert("RGB")
    with zipfile.ZipFile(path) as wheel:
        return pillow.open(io.BytesIO(wheel.read(MEMBER.format(name)))).convert("RGB")


def window(
    share: float, photo: tuple[int, int], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Where the window is: left, top, right, bottom in the photograph's pixels.

    Args:
        share: of the clip that has passed, in [0, 1].
        photo: its (width, height).
        size: that of the frames.
    """
    across = SHARE * min(photo) * NEARER**share
    width, height = (side * across / max(size) for side in size)
    eased = (1 - math.cos(math.pi * share)) / 2  # neither starts nor stops with a jerk
    left = (photo[0] - width) * (FROM + (TO - FROM) * eased)
    top = (photo[1] - height) * (0.5 + 0.25 * math.sin(2 * math.pi * share))
    return left, top, left + width, top + height


def pan(photo: pillow.Image, folder: Path, *, frames: int, size: tuple[int, int]) -> list[Path]:
    """Write the frames, 00000.png and so on, into a new folder."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:05d}.png" for number in range(frames)]
    for number, path in enumerate(paths):
        box = window(number / max(1, frames - 1), photo.size, size)
        photo.resize(size, pillow.Resampling.LANCZOS, box).save(path)
    return paths


def main(arguments: list[str]) -> None:
    """Make the clip, and say where it is."""
    given = dict(each.split("=", 1) for each in arguments)
    if not {"photo", "out"} <= given.keys():
        raise SystemExit(__doc__)
    width, _, height = given.get("size", "192x192").partition("x")
    photo = photograph(Path(given["photo"]), given.get("name", "china.jpg"))
    paths = pan(
        photo,
        Path(given["out"]),
        frames=int(given.get("frames", "60")),
        size=(int(width), int(height)),
    )
    print(f"{len(paths)} frames in {given['out']}")


if __name__ == "__main__":
    main(sys.argv[1:])
