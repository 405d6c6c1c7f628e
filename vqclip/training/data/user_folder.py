"""The user's own pictures, from a folder.

At the start only the headers are read. A picture is decoded and made small when it is first
drawn, and kept as bytes while there is room; later pictures are read again each time, so that
20,000 photographs neither fill the memory nor delay the first step. A picture that cannot be read
is reported once, and skipped.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from vqclip.errors import PictureError
from vqclip.media import colour_profile, images
from vqclip.media.file_kinds import UNREAD_SUFFIXES, describe_kind
from vqclip.media.paths import GALLERY_SUFFIXES, is_pattern, list_kinds, match_paths

KEPT = 3  # the most squares across a picture's shorter side: room for crops
LONGEST = 8  # if the longer side is more shorter sides than this, the middle is cut out
EXAMINED = 20  # of enough pictures, one in so many is kept for evaluation
Skip = Callable[[Path, str], None]


def find_pictures(word: str, skip: Skip) -> list[Path]:
    """List the pictures in a folder and below it, or of a pattern, in the order of their names.

    Hidden files and folders are skipped. `skip` is called with each picture whose header cannot
    be read, or whose kind is not read, and the reason.

    Raises:
        PictureError: if there is no such folder, or no picture in it.
    """
    found, refused = [], 0
    for path in _list_pictures(word):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Pillow.DecompressionBombWarning)
                Pillow.open(path).close()
            found.append(path)
        except Exception as error:  # readers of damaged files raise whatever they stumble on
            refused += 1
            skip(path, _reason(path, error))
    if not found:
        read = f"; none of {refused} could be read" if refused > 0 else ""
        raise PictureError(
            f"pictures={word} holds no picture to learn from{read}; "
            f"put some there ({list_kinds()})"
        )
    return found


def _list_pictures(word: str) -> list[Path]:
    """List the files that are called like pictures, also those whose kinds are not read."""
    folder, suffixes = Path(os.path.expanduser(word)), (*GALLERY_SUFFIXES, *UNREAD_SUFFIXES)
    if is_pattern(word):
        paths = sorted(match_paths(word))
        if not paths:
            raise PictureError(f"pictures={word}: nothing matches it; check the pattern")
    elif folder.is_dir():
        paths = [folder]
    else:
        raise PictureError(f"pictures={word}: there is no such folder; check the name")
    found = []
    for each in paths:
        found += [each] if each.is_file() else []
        for place, inner, names in os.walk(each):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            found += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
    return [path for path in found if path.suffix.lower() in suffixes]


def split_paths(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Split into (to learn from, to evaluate with); if there are few, both are all of them."""
    if len(paths) < 2 * EXAMINED:
        return paths, paths
    held = paths[::EXAMINED]
    return [path for index, path in enumerate(paths) if index % EXAMINED > 0], held


def read_small(path: Path, size: int) -> Tensor:
    """Read a picture, and make it small: uint8 [3, H, W].

    It is rotated by its EXIF orientation, and its colours become sRGB; transparent parts are
    laid on white; of an animation the first frame is taken. The shorter side is at least `size`
    and at most 3 `size` pixels.

    Raises:
        PictureError: if it cannot be read.
    """
    most = KEPT * size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(path) as opened:
                opened.draft(None, (most, most))  # a JPEG need not be decoded in full
                turned = ImageOps.exif_transpose(opened)
                mode, told = turned.mode, opened.info
                if mode.startswith("I") or mode == "F":  # more than eight bits
                    turned, told = images.open_rgb(path), {}
                elif turned.has_transparency_data:
                    turned = turned.convert("RGBA")
                elif mode != "CMYK":
                    turned = turned.convert("RGB")
                seen = colour_profile.convert_to_srgb(turned, mode, told)
                picture = images.flatten_alpha(seen, "white")
    except Exception as error:  # readers of damaged files raise whatever they stumble on
        raise PictureError(f"{path}: {_reason(path, error)}") from error
    width, height = picture.size
    short = min(width, height)
    wide, high = min(width, LONGEST * short), min(height, LONGEST * short)
    left, top = (width - wide) // 2, (height - high) // 2
    scale = min(max(short, size), most) / short
    if scale != 1:
        picture = picture.resize(
            (max(size, round(wide * scale)), max(size, round(high * scale))),
            Pillow.Resampling.LANCZOS if scale < 1 else Pillow.Resampling.BICUBIC,
            (left, top, left + wide, top + high),
        )
    else:
        picture = picture.crop((left, top, left + wide, top + high))
    return torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).contiguous()


class RandomSquares:
    """Random squares of the user's pictures.

    Args:
        paths: of the pictures.
        size: side of a square in pixels.
        crop: the least and the greatest side of a square, as a share of the picture's shorter
            side; the logarithm is drawn uniformly. Squares are not enlarged, unless the picture
            itself is smaller.
        flips: whether half of them are mirrored.
        room: bytes of pictures to keep in memory.
        skip: called with pictures that turn out to be damaged.
    """

    def __init__(
        self,
        paths: list[Path],
        *,
        size: int,
        crop: tuple[float, float],
        flips: bool,
        room: int,
        skip: Skip,
    ) -> None:
        self.paths, self.size, self.crop, self.flips = paths, size, crop, flips
        self.room, self.skip = room, skip
        self.held: dict[int, Tensor] = {}
        self.broken: set[int] = set()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw [count, 3, size, size] in [-1, 1].

        Raises:
            PictureError: if none of the pictures can be read.
        """
        return torch.stack([self._square(generator) for _ in range(count)])

    def _square(self, generator: torch.Generator) -> Tensor:
        pixels = self._any(generator)
        u = torch.rand(4, generator=generator).tolist()
        _, height, width = pixels.shape
        low, high = self.crop
        side = round(min(height, width) * low * (high / low) ** u[0])
        side = max(side, self.size)
        top, left = int(u[1] * (height - side + 1)), int(u[2] * (width - side + 1))
        square = pixels[:, top : top + side, left : left + side].float()
        if side != self.size:
            square = functional.interpolate(
                square[None], [self.size, self.size], mode="bilinear", antialias=True
            )[0]
        if self.flips and u[3] < 0.5:
            square = square.flip(2)
        return square / 127.5 - 1

    def _any(self, generator: torch.Generator) -> Tensor:
        """Draw a random picture; a damaged one is skipped, the same way each time."""
        while len(self.broken) < len(self.paths):
            index = int(torch.randint(len(self.paths), [1], generator=generator))
            if index in self.broken:
                continue
            if index in self.held:
                return self.held[index]
            try:
                pixels = read_small(self.paths[index], self.size)
            except PictureError as error:
                self.broken.add(index)
                self.skip(self.paths[index], str(error).removeprefix(f"{self.paths[index]}: "))
                continue
            if pixels.numel() <= self.room:
                self.room -= pixels.numel()
                self.held[index] = pixels
            return pixels
        raise PictureError(
            f"none of the {len(self.paths)} pictures could be read; are they damaged?"
        )


def _reason(path: Path, error: Exception) -> str:
    if kind := describe_kind(path):
        return kind
    if isinstance(error, UnidentifiedImageError):
        return "no picture that can be read"
    if isinstance(error, Pillow.DecompressionBombWarning | Pillow.DecompressionBombError):
        return f"more than {images.LARGEST // 1_000_000} million pixels; make it smaller"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
