"""Which pictures does a run start from or look towards, and can they be used?

Answered before torch is imported; `vqclip.record.images.read` decodes them later. A picture is
named as the user wrote it: so it stands in the notes, in the log, and in messages.
"""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from math import gcd
from pathlib import Path

from vqclip.config import NOISES, RunConfig
from vqclip.errors import PictureError, suggest
from vqclip.folders import HERE, find
from vqclip.prompts import Prompt

STARTS = ("auto", "dream", "random", "source", *NOISES)  # what `init` may be instead of a picture
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, width and height change places
SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
PATTERN = re.compile(r"[*?\[]")
MOST = 256  # pictures of a name; all are held in memory
_SLACK = 1.05  # how far shapes may differ before it shows


def used(config: RunConfig, wishes: Iterable[Prompt]) -> list[str]:
    """Name the pictures that a run reads: those of the prompt, then the one it starts from.

    A name may stand for several: see `files`.
    """
    names = []
    for wish in wishes:
        names += [wish.body] if wish.kind == "image" else []
        names += [wish.region.mask] if wish.region is not None and wish.region.mask else []
    return list(dict.fromkeys([*names, *([] if config.init in STARTS else [config.init])]))


def files(name: str, folders: Sequence[Path] = HERE) -> list[Path]:
    """The pictures that a name stands for: itself, those in a folder, or those of a pattern.

    They are in the order of their names. A name that is none of these stands for itself, so that
    errors name it.

    Raises:
        PictureError: for a folder or a pattern without pictures, or with more than 256.
    """
    path = find(name, folders)
    if os.path.isfile(path) or not (os.path.isdir(path) or PATTERN.search(name)):
        return [path]
    if os.path.isdir(path):
        found = [each for each in path.iterdir() if each.is_file()]
    else:
        own = os.path.expanduser(name)
        matches = (glob.glob(os.path.join(glob.escape(str(f)), own)) for f in folders)
        found = [Path(each) for each in next(filter(None, matches), []) if os.path.isfile(each)]
    pictures = sorted(each for each in found if each.suffix.lower() in SUFFIXES)
    if not 1 <= len(pictures) <= MOST:
        many = "no pictures" if not pictures else f"{len(pictures)} pictures"
        raise PictureError(
            f"{_short(name)} holds {many}; name a picture, or from 1 to {MOST} of them, such as "
            f"@photos/*.jpg (of the kinds {' '.join(sorted(SUFFIXES))})"
        )
    return pictures


def require(config: RunConfig, wishes: Iterable[Prompt], folders: Sequence[Path] = HERE) -> None:
    """Refuse to go on with a picture that cannot be opened.

    Raises:
        PictureError: for the first one, with the reason.
    """
    wishes = list(wishes)
    for wish in wishes:
        if wish.region is not None and wish.region.mask is not None:
            _check_mask(wish.region.mask, folders)
    for name in used(config, wishes):
        path = find(name, folders)
        if name == config.init and not os.path.isfile(path) and path.suffix == "":
            raise PictureError(no_start(name))
        if name == config.init:
            check(path)
        else:
            check_all(name, folders)


def check_all(name: str, folders: Sequence[Path] = HERE) -> None:
    """Refuse a name whose pictures cannot be opened; see `files`.

    Raises:
        PictureError: for the first one, with the reason.
    """
    for each in files(name, folders):
        check(each)


def _check_mask(name: str, folders: Sequence[Path]) -> None:
    """Refuse a mask that is not one picture."""
    path = find(name, folders)
    if os.path.isdir(path) or (PATTERN.search(name) and not os.path.exists(path)):
        many = "is a folder" if os.path.isdir(path) else "stands for several pictures"
        raise PictureError(
            f"in({_short(name)}) {many}, and a region is a single mask; name one picture, such "
            "as in(mask.png)"
        )


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
