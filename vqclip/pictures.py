"""Which pictures does a run start from or look towards, and can they be used?

Answered before torch is imported; `vqclip.record.images.read` decodes them later. A picture is
named as the user wrote it: so it stands in the notes, in the log, and in messages.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from math import gcd
from pathlib import Path

from vqclip.config import NOISES, RunConfig
from vqclip.errors import PictureError, suggest
from vqclip.prompts import Prompt

STARTS = ("auto", "dream", "random", *NOISES)  # what `init` may be instead of a picture
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height change places
_SLACK = 1.05  # how far shapes may differ before it shows


def used(config: RunConfig, wishes: Iterable[Prompt]) -> list[str]:
    """Name the pictures that a run reads: those of the prompt, then the one it starts from."""
    names = [wish.body for wish in wishes if wish.kind == "image"]
    return list(dict.fromkeys([*names, *([] if config.init in STARTS else [config.init])]))


def locate(name: str, beside: Path | None = None) -> Path:
    """Find a picture from where the user stands, or else in the folder `beside`.

    Gives the first of the two if the picture is in neither, so that errors name that.
    """
    path = Path(os.path.expanduser(name))
    if beside is not None and not os.path.exists(path) and os.path.isfile(beside / path):
        return beside / path
    return path


def require(config: RunConfig, wishes: Iterable[Prompt], beside: Path | None = None) -> None:
    """Refuse to go on with a picture that cannot be opened.

    Raises:
        PictureError: for the first one, with the reason.
    """
    for name in used(config, wishes):
        path = locate(name, beside)
        if name == config.init and not os.path.isfile(path) and path.suffix == "":
            raise PictureError(no_start(name))
        check(path)


def no_start(name: str) -> str:
    """Say that `init` is neither a picture nor the name of a start."""
    return (
        f"init={_short(name)} is neither a picture file nor one of: "
        f"{', '.join(STARTS)}{suggest(name[:80], STARTS)}"
    )


def stretched(name: str, path: Path, size: tuple[int, int]) -> str | None:
    """Say that a picture of another shape than the run's is stretched; None if it hardly is.

    Args:
        size: (width, height) of the finished picture, in pixels.
    """
    width, height = _size(path)
    ratio = width * size[1] / (height * size[0])
    if 1 / _SLACK <= ratio <= _SLACK:
        return None
    part = gcd(width, height)
    # Beyond 20 to 1 no aspect is taken.
    wide = 0.05 <= width / height <= 20
    remedy = f"; aspect={width // part}:{height // part} would keep its shape" if wide else ""
    return f"{name} is {width}x{height} and is stretched to {size[0]}x{size[1]}{remedy}"


def check(path: Path) -> None:
    """Refuse a file that is no picture, or one of too many pixels.

    Raises:
        PictureError: with the reason.
    """
    from PIL import Image as pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path) as picture:
                picture.verify()
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError):
        most = (pillow.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PictureError(
            f"{path} has more than {most} million pixels; make it smaller first"
        ) from None
    except Exception as error:  # decoders raise whatever they stumble on
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise PictureError(
            f"{_short(str(path))} cannot be read ({reason}); try another file"
        ) from error


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, in pixels."""
    from PIL import Image as pillow

    with pillow.open(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(_ORIENTATION, 1) >= 5
    return (height, width) if turned else (width, height)


def _short(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:60]}…"
