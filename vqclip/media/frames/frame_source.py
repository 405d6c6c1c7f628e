"""Footage: a stream of frames from a film or from pictures, fitted to one size.

Whatever the material, it is given out in one size, and nothing but the picture at hand is held:
ten thousand take no more memory than ten.

Frames stream: one is held at a time, however long the film is. `media.film_decoder` shows a
film's file. Pillow does the rest, for films and pictures alike: what is transparent is laid on a
ground, and the frame is brought to its size (Lanczos). The same file gives the same frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as pillow
from PIL import ImageColor, ImageOps

from vqclip.errors import ConfigError, PictureError, pick
from vqclip.media import film_decoder, images
from vqclip.media import paths as media_paths

if TYPE_CHECKING:
    from vqclip.media.film_encoder import Pixels
    from vqclip.tensors import Image

SHAPES = 0.01  # proportions that differ by no more are stretched


@dataclass(frozen=True)
class Strip:
    """Material of a film.

    Attributes:
        count: how many pictures.
        size: their (width, height).
        alpha: whether some may be transparent.
        pictures: gives them, [H, W, 3] uint8, or [H, W, 4] if `alpha`; may be called again.
        fps: of a film, pictures a second.
        others: how many are of another size, and are fitted to it.
        sound: whether it has sound.
    """

    count: int
    size: tuple[int, int]
    alpha: bool
    pictures: Callable[[], Generator[Pixels, None, None]]
    fps: Fraction | None = None
    others: int = 0
    sound: bool = False


def strip_of_pictures(paths: Sequence[Path], size: tuple[int, int] | None = None) -> Strip:
    """Take pictures of files, in order.

    Args:
        size: (width, height); None: that of the first.

    Raises:
        PictureError: if there are none, or one cannot be read; damage behind its head is only
            noticed when it is asked for.
    """
    if not paths:
        raise PictureError("there are no pictures to make a film of")
    heads = [images.read_head(path) for path in paths]
    alpha = any(transparent for _, transparent in heads)
    wanted = size or heads[0][0]

    def pictures() -> Generator[Pixels, None, None]:
        for path in paths:
            yield _fitted(images.open_rgb(path, alpha=alpha), wanted, alpha)

    others = sum(own != wanted for own, _ in heads)
    return Strip(len(paths), wanted, alpha, pictures, others=others)


def strip_of_film(path: Path, size: tuple[int, int] | None = None) -> Strip:
    """Take the pictures of a film, at an even pace: one that stays longer comes more often.

    Raises:
        PictureError: if it is no film that can be read.
    """
    if not path.is_file():
        raise PictureError(f"there is no film at {path}; check the name")
    told = film_decoder.probe_film(path)
    wanted, count = size or told.size, film_decoder.count_frames(path, told, told.rate)

    def pictures() -> Generator[Pixels, None, None]:
        with closing(film_decoder.decode_frames(path, told, told.rate, ground=None)) as frames:
            for frame in frames:
                yield _fitted(frame, wanted, told.alpha)

    others = count if wanted != told.size else 0
    return Strip(count, wanted, told.alpha, pictures, told.rate, others, told.sound)


def _fitted(picture: pillow.Image, size: tuple[int, int], alpha: bool) -> Pixels:
    """Bring a picture to a size: stretched, if the shape is the same; else with bars."""
    picture = picture.convert("RGBA" if alpha else "RGB")
    if picture.size != size:
        shape, wanted = picture.width / picture.height, size[0] / size[1]
        if abs(shape / wanted - 1) <= SHAPES:
            picture = picture.resize(size, pillow.Resampling.BICUBIC)
        else:
            ground = (0, 0, 0, 0) if alpha else (0, 0, 0)
            picture = ImageOps.pad(picture, size, pillow.Resampling.BICUBIC, color=ground)
    return np.asarray(picture)


PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")  # of a folder or pattern
STILLS = tuple(each for each in PICTURES if each != ".webp")  # a file of these is no film
SLOWEST, FASTEST = 0.001, 1000  # frames per second


@dataclass(frozen=True)
class Footage:
    """Frames in their order; iterating gives each as an Image [1, 3, H, W] in [0, 1].

    Each iteration begins anew. Leaving one early closes the file.

    Attributes:
        path: what was opened: a film, a folder or a pattern.
        size: (width, height) of the frames, in pixels.
        fps: frames per second at which they play as fast as what was opened; None for pictures
            whose rate nobody named.
        sound: the film's file if it has sound, else None.
    """

    path: Path
    size: tuple[int, int]
    fps: float | None
    sound: Path | None
    _count: Callable[[], int]
    _decode: Callable[[], Iterator[pillow.Image]]
    _fit: Fit
    _ground: str

    @cached_property
    def count(self) -> int:
        """How many frames an iteration gives. A film's file is decoded to know that.

        Raises:
            PictureError: if it breaks off.
        """
        return self._count()

    def __iter__(self) -> Generator[Image, None, None]:
        """Give the frames one after another.

        Raises:
            PictureError: at a frame that cannot be read; those before it were given.
        """
        for frame in self._decode():
            yield images.to_tensor(self._fit(frame, self.size, self._ground))


def open_footage(
    path: Path | str,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    stride: int = 1,
    first: int = 0,
    fit: str = "cover",
    ground: str = "white",
) -> Footage:
    """Open a film, a folder of pictures, or a pattern such as `clip/*.png`.

    Pictures come in the order that people number them in: 2.png before 10.png. Those below a
    folder's folders, and hidden ones, are passed over.

    Args:
        path: a film that ffmpeg reads (mp4, mov, webm, gif …), a folder, a pattern, a picture, or
            a run's folder: its frames, or else its film.
        size: (width, height) of the frames, in pixels; None: that of the film, or of the first
            picture.
        fps: frames per second. A film is brought to this rate: frames are left out or repeated.
            None: its own rate, the mean if that varies. For pictures, the rate that they are
            meant to play at; none is left out.
        stride: of so many frames, at `fps`, one is given.
        first: how many of the frames that would be given are passed over, so that a run that
            was interrupted goes on with the frame that it had come to.
        fit: how a frame of another shape gets its size; see `FITS`.
        ground: what transparent pixels are laid on, as a colour that Pillow knows.

    Raises:
        ConfigError: for an argument that cannot be.
        PictureError: if there is no such film, or it cannot be read.
    """
    fitting = pick(FITS, fit, "way to fit a frame")
    _check(size, fps, stride, first, ground)
    name, own_rate = _meant(path)
    fps = fps or own_rate
    if os.path.isfile(name) and not name.lower().endswith(STILLS):
        film = Path(name)
        told = film_decoder.probe_film(film)
        rate = told.rate if fps is None else Fraction(fps).limit_denominator(100_000)
        chosen = {"stride": stride, "first": first}
        return Footage(
            path=Path(path),
            size=size or told.size,
            fps=float(rate / stride),
            sound=film if told.sound else None,
            _count=lambda: film_decoder.count_frames(film, told, rate, **chosen),
            _decode=lambda: film_decoder.decode_frames(film, told, rate, **chosen, ground=ground),
            _fit=fitting,
            _ground=ground,
        )
    paths = _pictures(name, str(path))
    own = images.open_rgb(paths[0], ground).size
    shown = paths[first * stride :: stride]
    return Footage(
        path=Path(path),
        size=size or own,
        fps=None if fps is None else fps / stride,
        sound=None,
        _count=shown.__len__,
        _decode=lambda: (images.open_rgb(each, ground) for each in shown),
        _fit=fitting,
        _ground=ground,
    )


def list_files(path: Path | str) -> list[Path]:
    """The files that a film, a folder or a pattern stands for, in their order.

    Raises:
        PictureError: if there is none.
    """
    return _pictures(_meant(path)[0], str(path))


def check_heads(path: Path | str) -> None:
    """Look into the head of each picture of a folder or pattern, before a run depends on it.

    Raises:
        PictureError: for the first that is none.
    """
    paths = list_files(path)
    for each in paths if len(paths) > 1 else []:
        try:
            images.read_head(each)
        except PictureError as error:
            raise PictureError(f"{error}; repair it, or remove it from {path}") from error


def _meant(path: Path | str) -> tuple[str, float | None]:
    """What a name stands for, and its rate if that is known: of a run, its frames or its film."""
    name = os.path.expanduser(path)
    if not os.path.isfile(os.path.join(name, media_paths.RUN)):
        return name, None
    found = media_paths.find_source([name])
    return (
        (str(found.pictures[0].parent), found.fps) if found.pictures else (str(found.film), None)
    )


Fit = Callable[[pillow.Image, tuple[int, int], str], pillow.Image]


def _cover(frame: pillow.Image, size: tuple[int, int], ground: str) -> pillow.Image:
    return ImageOps.fit(frame, size, pillow.Resampling.LANCZOS)


def _contain(frame: pillow.Image, size: tuple[int, int], ground: str) -> pillow.Image:
    scale = min(size[0] / frame.width, size[1] / frame.height)
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    inner = _stretch(frame, (width, height), ground)
    if inner.size == size:
        return inner
    whole = pillow.new("RGB", size, ground)
    whole.paste(inner, ((size[0] - width) // 2, (size[1] - height) // 2))
    return whole


def _stretch(frame: pillow.Image, size: tuple[int, int], ground: str) -> pillow.Image:
    return frame if frame.size == size else frame.resize(size, pillow.Resampling.LANCZOS)


# Ways to bring a frame to a size: fill it and lose what sticks out on both sides, keep all of the
# frame between bars of the ground's colour, or change its shape.
FITS: dict[str, Fit] = {"cover": _cover, "contain": _contain, "stretch": _stretch}


def _pictures(name: str, given: str) -> list[Path]:
    """The pictures of a folder or a pattern, or the one of that name, in their order."""
    if os.path.isfile(name):
        return [Path(name)]
    if os.path.isdir(name):
        found = media_paths.list_inside(Path(name))
    elif media_paths.is_pattern(name):
        found = media_paths.match_paths(name)
        if not found:
            raise PictureError(f"nothing matches {given}; check the pattern")
    else:
        web = "; download it first" if "://" in given else "; check the name"
        if re.search(r"%0?\d*d", given):
            web = f"; for pictures in a row write {re.sub(r'%0?[0-9]*d', '*', given)!r}"
        raise PictureError(f"there is no film or folder at {given}{web}")
    paths = [each for each in found if each.suffix.lower() in PICTURES and each.is_file()]
    if not paths:
        kinds = ", ".join(each.removeprefix(".") for each in PICTURES)
        none = f"{given} holds no pictures to make a film of ({kinds})"
        raise PictureError("; ".join([none, *media_paths.describe_unread([name])]))
    return media_paths.sort_naturally(paths)


def _check(
    size: tuple[int, int] | None, fps: float | None, stride: int, first: int, ground: str
) -> None:
    """Refuse arguments that cannot be."""
    if size is not None and (min(size) < 1 or size[0] * size[1] > images.LARGEST):
        raise ConfigError(f"frames of {size[0]}x{size[1]} are not possible; expected 1x1 or more")
    if fps is not None and not SLOWEST <= fps <= FASTEST:
        raise ConfigError(f"fps is {fps}; expected {SLOWEST} to {FASTEST} frames a second")
    if stride < 1:
        raise ConfigError(f"stride is {stride}; expected 1 (every frame) or more")
    if first < 0:
        raise ConfigError(f"the first frame is {first}; expected 0 or more")
    try:
        ImageColor.getrgb(ground)
    except ValueError:
        raise ConfigError(f"{ground!r} is not a colour; expected white, #20c0ff, …") from None
