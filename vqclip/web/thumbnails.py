"""Thumbnails of runs, kept on disk as WebP."""

from __future__ import annotations

import contextlib
import io
import threading
from hashlib import sha256
from pathlib import Path

from vqclip.errors import PictureError, VqclipError
from vqclip.media.files import write_whole
from vqclip.web.jobs import FOLDER

SIDE = 256  # pixels of the longer side
_MOST_PIXELS = 100_000_000
_ONE_AT_A_TIME = threading.Semaphore(2)  # decoding takes memory


def read_thumbnail(out: Path, picture: Path) -> bytes:
    """A small WebP of a picture, made at the first time and whenever the picture has changed.

    Args:
        out: the folder of runs, in which thumbnails are kept.

    Raises:
        PictureError: if the picture cannot be read.
    """
    try:
        stamp = picture.stat().st_mtime_ns
    except OSError as error:
        raise PictureError(f"{picture} cannot be read ({error.strerror})") from error
    place = out / FOLDER / "thumbnails"
    stem = sha256(str(picture).encode("utf-8", "surrogatepass")).hexdigest()[:24]
    kept = place / f"{stem}.webp"
    with contextlib.suppress(OSError):
        head, _, data = kept.read_bytes().partition(b"\n")
        if head == str(stamp).encode():
            return data
    with _ONE_AT_A_TIME:
        data = shrink(picture)
    with contextlib.suppress(OSError, VqclipError):  # it is a cache
        place.mkdir(parents=True, exist_ok=True)
        write_whole(kept, f"{stamp}\n".encode() + data, overwrite=True, durable=False)
    return data


def shrink(picture: Path, side: int = SIDE) -> bytes:
    """A WebP of a picture, whose longer side is at most `side` pixels.

    Raises:
        PictureError: if the picture cannot be read.
    """
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise PictureError(f"{picture} is too large for a thumbnail")
            image = opened.convert("RGBA" if "A" in opened.getbands() else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"{picture} cannot be read ({error})") from error
    small = max(image.size) * 2 <= side  # cells of a sprite stay sharp
    image.thumbnail((side, side), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "WEBP", quality=82, method=2)
    return data.getvalue()
