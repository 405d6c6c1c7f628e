"""Rasterising of drawings into square pictures.

Illustrations are RGBA, 128 x 128 pixels, with straight (not premultiplied) alpha, so that they
can be laid on any background. Photographs are RGB squares of 256 x 256 pixels.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import random
import zlib
from collections.abc import Callable, Iterator

import numpy
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.Image import Image, Resampling

from vqclip.errors import PictureError, VqclipError
from vqclip.media.images import flatten_alpha

SIDE, PHOTO_SIDE = 128, 256
MARGIN = 0.04  # on each side, as a fraction of the picture's
QUALITY = 90  # of the WebP

# Draws an SVG, given its text and the greatest side of its picture in pixels.
Rasterise = Callable[[str, int], Image]


def load_resvg() -> Rasterise:
    """Load resvg, and return a rasteriser of SVGs.

    Raises:
        VqclipError: if resvg-py is not installed.
    """
    try:
        resvg_py = importlib.import_module("resvg_py")
    except ImportError as error:
        raise VqclipError(f"{error}; install it: pip install 'vqclip[train]'") from error

    def rasterise(svg: str, side: int) -> Image:
        # Without a resolution, drawings that are measured in points or millimetres have no size.
        options = {"svg_string": svg, "dpi": 90, "skip_system_fonts": True}
        try:
            drawn = _open(bytes(resvg_py.svg_to_bytes(**options, width=side)))
            if drawn.height > side:
                drawn = _open(bytes(resvg_py.svg_to_bytes(**options, height=side)))
            return drawn
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in Rust is not an Exception
            raise PictureError(f"resvg cannot draw this: {error}; leave it out") from error

    return rasterise


def render(picture: str | bytes, rasterise: Rasterise, side: int = SIDE) -> Image:
    """Draw an SVG's text at `side` pixels, or decode a picture's bytes: RGBA, of any size.

    Raises:
        PictureError: if it can be neither drawn nor decoded.
    """
    if isinstance(picture, bytes):
        return _open(picture)
    return rasterise(picture, side)


def _open(encoded: bytes) -> Image:
    try:
        with Pillow.open(io.BytesIO(encoded)) as stored:
            return stored.convert("RGBA")
    except (OSError, ValueError, Pillow.DecompressionBombError) as error:
        raise PictureError(f"this picture cannot be decoded: {error}; leave it out") from error


def trim_and_centre(picture: Image, side: int = SIDE, margin: float = MARGIN) -> Image:
    """Trim the transparent border of an RGBA picture, resize it and centre it in a square.

    Its proportions are kept. An opaque picture fills the longer side; others get a margin.

    Args:
        side: of the square, in pixels.
        margin: on each side, as a fraction of the square's.
    """
    seen = picture.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox()
    trimmed = picture if seen is None else picture.crop(seen)
    low, _ = trimmed.getchannel("A").getextrema()
    opaque = isinstance(low, int) and low >= 128
    scale = (side if opaque else round(side * (1 - 2 * margin))) / max(trimmed.size)
    size = max(1, round(trimmed.width * scale)), max(1, round(trimmed.height * scale))
    filtering = Resampling.LANCZOS if scale < 1 else Resampling.BICUBIC
    # Premultiplied for the filter, so that transparent pixels lend no colour.
    small = trimmed.convert("RGBa").resize(size, filtering).convert("RGBA")
    centred = Pillow.new("RGBA", (side, side))
    centred.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return centred


def on_white(picture: Image) -> NDArray[numpy.uint8]:
    """Lay an RGBA picture on white: [H, W, 3]."""
    return numpy.asarray(flatten_alpha(picture, "white"))


def is_blank(picture: Image) -> bool:
    """Whether a picture shows hardly anything on white."""
    alpha = numpy.asarray(picture.getchannel("A"))
    return bool(alpha.mean() < 0.01 * 255 or on_white(picture).std() < 4)


def is_glyph(picture: Image) -> bool:
    """Whether a picture is a glyph: hardly any colour, and two tones of grey at the most."""
    pixels = on_white(picture)[numpy.asarray(picture.getchannel("A")) > 128].astype(int)
    if len(pixels) < 50:
        return True
    colourful = pixels.max(1) - pixels.min(1) > 24
    tones, _ = numpy.histogram(pixels.mean(1), bins=16, range=(0, 256))
    return bool(colourful.mean() <= 0.02 and numpy.sort(tones)[-2:].sum() > 0.75 * len(pixels))


def duplicate_key(picture: Image) -> str:
    """A key that near-duplicates share: a hash of 12 x 12 pixels on white, of 16 levels each."""
    tiny = Pillow.fromarray(on_white(picture)).resize((12, 12), Resampling.BOX)
    return hashlib.md5((numpy.asarray(tiny) >> 4).tobytes(), usedforsecurity=False).hexdigest()


def cut_squares(photo: Image, name: str, extra: int = 2) -> Iterator[tuple[str, Image]]:
    """Cut squares of 256 pixels from a photograph: ("full" or "random", RGB picture).

    The middle one is "full"; those at both ends of a long picture, and `extra` of random size and
    place, are "random". The name seeds the random numbers. Flat squares are left out.
    """
    drawn = random.Random(zlib.crc32(name.encode()))
    width, height = photo.size
    whole = min(width, height)
    boxes: list[tuple[str, float, float, int]] = [
        ("full", (width - whole) / 2, (height - whole) / 2, whole)
    ]
    if max(width, height) > 1.6 * whole:
        boxes += [("random", (width - whole) * t, (height - whole) * t, whole) for t in (0, 1)]
    least = min(whole, max(PHOTO_SIDE, whole // 6))
    for _ in range(extra):
        side = round(least * (whole / least) ** drawn.random())
        if width != height or side < whole:
            left, top = drawn.randint(0, width - side), drawn.randint(0, height - side)
            boxes.append(("random", left, top, side))
    rgb = photo.convert("RGB")
    for kind, x, y, size in boxes:
        box = (x, y, x + size, y + size)
        square = rgb.resize((PHOTO_SIDE, PHOTO_SIDE), Resampling.LANCZOS, box=box)
        if not _flat(square):
            yield kind, square


def _flat(square: Image) -> bool:
    pixels = numpy.asarray(square, dtype=float)
    steps = numpy.abs(numpy.diff(pixels.mean(2), axis=1))
    return bool(pixels.std() < 9 or steps.mean() < 0.25)


def encode_webp(picture: Image) -> bytes:
    """Encode a picture as WebP; the colours of fully transparent pixels may change."""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
