"""Pictures of files as a perceptor sees them.

A run looks at many squares of one picture; here each picture is looked at once, whole, as
open_clip's own preprocessing for evaluation would show it: resized by its shorter side, and the
middle kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from PIL import Image as pillow
from torch import Tensor

from vqclip.errors import PictureError
from vqclip.perceptors import OpenClipPerceptor
from vqclip.record import images
from vqclip.tensors import Embedding

BATCH = 32  # pictures that are looked at together
TEXTS = 256  # that are read together
LONGEST = 8  # a longer side than so many shorter ones is cut to its middle before it is resized
Skip = Callable[[Path, PictureError], None]


def square(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Tensor:
    """Bring an RGB picture to the perceptor's size: [3, S, S] in [0, 1].

    Resized by Pillow, as open_clip does; its result differs a little from that of torch.
    """
    from torchvision.transforms import InterpolationMode, functional

    side = perceptor.size
    if perceptor.squash:
        to = [side, side]
    else:
        to = [side]
        most = LONGEST * min(picture.size)
        if max(picture.size) > most:  # what lies beyond would not be seen, but take memory
            width, height = picture.size
            picture = functional.center_crop(picture, [min(height, most), min(width, most)])
    way = InterpolationMode(perceptor.interpolation)
    resized = functional.center_crop(functional.resize(picture, to, way), [side, side])
    pixels: Tensor = functional.to_tensor(resized)
    return pixels


def see(picture: pillow.Image, perceptor: OpenClipPerceptor) -> Embedding:
    """Look at one RGB picture: [1, D] float32 on the processor, of length 1."""
    return perceptor.embed_image(square(picture, perceptor)[None]).cpu()


def look(
    paths: Sequence[Path], perceptors: Sequence[OpenClipPerceptor], skip: Skip
) -> Iterator[tuple[list[Path], list[Embedding]]]:
    """Look at pictures of files, `BATCH` at a time, each of which is read once.

    Args:
        skip: hears of pictures that cannot be read.

    Yields:
        Those that could be read, and for each perceptor their embeddings [N, D], float32 on the
        processor, rows of length 1.
    """
    for first in range(0, len(paths), BATCH):
        there: list[Path] = []
        squares: list[list[Tensor]] = [[] for _ in perceptors]
        for path in paths[first : first + BATCH]:
            try:
                picture = images.open_rgb(path)
            except PictureError as error:
                skip(path, error)
                continue
            there.append(path)
            for perceptor, seen in zip(perceptors, squares, strict=True):
                seen.append(square(picture, perceptor))
        if there:
            pairs = zip(perceptors, squares, strict=True)
            yield there, [p.embed_image(torch.stack(seen)).cpu() for p, seen in pairs]


def read(texts: Sequence[str], perceptor: OpenClipPerceptor) -> Embedding:
    """Read texts, some at a time: [len(texts), D] float32 on the processor, rows of length 1."""
    parts = [list(texts[first : first + TEXTS]) for first in range(0, len(texts), TEXTS)]
    return torch.cat([perceptor.embed_text(part).cpu() for part in parts])
