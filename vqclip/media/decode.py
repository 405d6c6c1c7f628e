"""Decoding of films and animated pictures: what is in them, and their frames at a rate.

Frames are turned as the file says, a varying rate is made constant and pixels square. The first
frame is that of the file's first moment: where pictures begin later than the sound, or an edit
cuts them, they stay in step with it. A film larger than television's used to be that names no
colour matrix is taken for BT.709, as players do. High dynamic range is not mapped to the usual
one. Moving GIFs and WebPs are Pillow's, by imageio.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.media import images, pyav
from vqclip.media.encode import Pixels
from vqclip.media.paths import ANIMATIONS

JITTER = 10  # milliseconds; a gif counts in tens of them, so that 30 fps are 30, 30, 40 …
HURRIED = 10  # no longer than so many milliseconds is no time: browsers show it for 100


@dataclass(frozen=True)
class AnimatedImage:
    """What a GIF or a WebP is.

    Attributes:
        size: (width, height).
        times: how long each of its pictures stays, in seconds.
        rate: pictures a second with which none is left out.
        alpha: whether some are transparent.
    """

    size: tuple[int, int]
    times: tuple[Fraction, ...]
    rate: Fraction
    alpha: bool


def probe_animation(path: Path) -> AnimatedImage:
    """Look through all of its pictures.

    Raises:
        PictureError: if one cannot be read.
    """
    times, alpha, size = [], False, (0, 0)
    for picture, shown in read_pages(path):
        times.append(round(shown) if round(shown) > HURRIED else 100)
        alpha = alpha or bool(picture[..., 3].min() < 255)
        size = (picture.shape[1], picture.shape[0])
    if max(times) - min(times) <= JITTER:
        even = Fraction(sum(times), 1000 * len(times))
        return AnimatedImage(size, (even,) * len(times), 1 / even, alpha)
    exact = tuple(Fraction(time, 1000) for time in times)
    return AnimatedImage(size, exact, Fraction(1000, min(times)), alpha)


def read_pages(path: Path) -> Iterator[tuple[Pixels, float]]:
    """Its pictures, [H, W, 4], and how many milliseconds each says to stay.

    Raises:
        PictureError: at one that cannot be read.
    """
    with images.open_guarded(path) as file, images.open_by_imageio(file) as film:
        for number in range(film.properties(index=...).n_images):
            picture = film.read(index=number, mode="RGBA")
            yield picture, film.metadata(index=number).get("duration", 0)


def page_frames(book: AnimatedImage, rate: Fraction) -> list[int]:
    """In which of the frames of a rate each picture comes, and the number of frames.

    >>> book = AnimatedImage((1, 1), (Fraction(1, 2), Fraction(1)), Fraction(2), False)
    >>> page_frames(book, Fraction(4))
    [0, 2, 6]
    """
    passed, found = Fraction(0), [0]
    for time in book.times:
        passed += time
        found.append(int(passed * rate + Fraction(1, 2)))
    return [*found[:-1], max(1, found[-1])]


A_LITTLE = 0.02  # what a rate may vary
LONGEST = 1_000_000  # frames; times that are damaged may ask for any number
UNNAMED = 2  # the colour matrix of films that name none
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True)
class FilmInfo:
    """What is told of a film; see `probe_film`.

    Attributes:
        size: (width, height) as it is meant to be seen: turned, with square pixels.
        rate: frames per second that it is meant to have; the mean if it varies much.
        alpha: whether some may be transparent.
        matrix: the colour matrix to take it for, if it names none that it needs.
        animation: of a GIF or WebP, its pictures' times.
    """

    size: tuple[int, int]
    rate: Fraction
    sound: bool = False
    alpha: bool = False
    matrix: str | None = None
    animation: AnimatedImage | None = None


def probe_film(path: Path) -> FilmInfo:
    """Look into a film; its first frame is decoded, or, of a GIF or WebP, each.

    Raises:
        PictureError: if it is no film, or it cannot be read.
    """
    if path.suffix.lower() in ANIMATIONS:
        book = probe_animation(path)
        return FilmInfo(size=book.size, rate=book.rate, alpha=book.alpha, animation=book)
    words = "it has no frames"
    try:
        with pyav.open_file(path) as film:
            stream = _pictures(film)
            if stream is None:
                raise PictureError(
                    f"{path} holds no moving picture; expected a film (mp4, mov, webm, gif …)"
                )
            frame, _ = next(pyav.read_frames(film, stream))
            if frame is not None:
                return _film_info(path, film, stream, frame)
    except OSError as error:
        words = str(error)
    raise PictureError(
        f"{path} cannot be read as a film (ffmpeg: {words}); is it damaged, or still being "
        "written? Expected mp4, mov, webm, gif …, or a folder of pictures"
    )


def _pictures(film: InputContainer) -> Any:
    """Its moving pictures, if any; the cover of a song is a picture stream, too, but no film."""
    cover, found = Disposition.attached_pic, film.streams.video
    return next((s for s in found if s.codec_context and not s.disposition & cover), None)


def _film_info(path: Path, film: InputContainer, stream: Any, frame: Any) -> FilmInfo:
    """What a film's stream and its first frame tell."""
    size, wide = (frame.width, frame.height), stream.sample_aspect_ratio or Fraction(1)
    if any(name == "transpose" for name, _ in _turns(frame)):
        size, wide = size[::-1], 1 / wide
    width, height = round(size[0] * max(1, wide)), round(size[1] / min(1, wide))
    if width * height > images.LARGEST:
        raise PictureError(
            f"{path} has frames of {width}x{height}; they may have up to "
            f"{images.LARGEST // 1_000_000} million pixels; make it smaller first"
        )
    large, planes = max(width, height) >= 1280 or min(width, height) > 576, frame.format
    named = frame.colorspace != UNNAMED or planes.is_rgb or planes.has_palette
    rate = stream.guessed_rate or Fraction(25)
    mean = stream.average_rate or rate
    return FilmInfo(
        size=(width, height),
        # A frame missing here and there varies the mean, but the film is meant to have its rate.
        rate=rate if abs(mean / rate - 1) <= A_LITTLE else mean,
        sound=bool(film.streams.audio),
        alpha=planes.has_palette or any(each.is_alpha for each in planes.components),
        matrix="bt709" if large and not named else None,
    )


def count_frames(
    path: Path, told: FilmInfo, rate: Fraction, *, stride: int = 1, first: int = 0
) -> int:
    """How many frames `decode_frames` gives; all are decoded, even those that it passes over.

    Raises:
        PictureError: if the film breaks off.
    """
    found = 0
    for _, _, found in _spans(path, told, rate):
        if found >= LONGEST:
            raise PictureError(
                f"{path} would be more than {LONGEST:,} frames long; its times "
                "are damaged, or the rate is too high"
            )
    return max(0, -(-found // stride) - first)


def decode_frames(
    path: Path,
    told: FilmInfo,
    rate: Fraction,
    *,
    stride: int = 1,
    first: int = 0,
    ground: str | None = "white",
) -> Generator[pillow.Image, None, None]:
    """Decode a film, frame by frame; leaving early closes it.

    Args:
        rate: frames per second to bring it to.
        stride: of so many frames, at that rate, one is given.
        first: how many of those that would be given are passed over.
        ground: what transparent pixels are laid on, as a colour that Pillow knows; None: they
            stay transparent.

    Yields:
        frames of the size that was told, in RGB, or without a ground in RGBA, if it has alpha.

    Raises:
        PictureError: if it breaks off; what could be decoded was given.
    """
    skip, graphs = first * stride, dict[Any, Graph]()
    with closing(_spans(path, told, rate)) as spans:
        for shot, begins, ends in spans:
            wanted = range(skip + -(-max(0, begins - skip) // stride) * stride, ends, stride)
            if wanted:  # and only then something is made of it
                picture = _to_picture(shot, told, graphs)
                picture = picture if ground is None else images.flatten_alpha(picture, ground)
                yield from (picture for _ in wanted)


def _spans(
    path: Path, told: FilmInfo, rate: Fraction
) -> Generator[tuple[Any, int, int], None, None]:
    """What is decoded, and from which frame of a rate up to which it is shown."""
    if told.animation is not None:
        places = page_frames(told.animation, rate)
        for (page, _), begins, ends in zip(
            read_pages(path), places[:-1], places[1:], strict=True
        ):
            yield page, begins, ends
        return
    shown, held = 0, None
    try:
        with pyav.open_file(path) as film:
            for frame, time in pyav.read_frames(film, _pictures(film)):
                until = int(max(time * rate, Fraction(0)) + Fraction(1, 2))
                if held is not None and until > shown:
                    yield held, shown, until
                    shown = until
                held = frame
    except OSError as error:
        raise PictureError(
            f"{path} breaks off after {shown} frames (ffmpeg: {error}); is the file complete? "
            "To repair it: ffmpeg -i FILM -c:v libx264 -crf 12 NEW.mp4"
        ) from error


def _to_picture(shot: Any, told: FilmInfo, graphs: dict[Any, Graph]) -> pillow.Image:
    """Make a picture of what was decoded: turned, scaled and in RGB or RGBA, by ffmpeg's filters.

    Args:
        graphs: keeps them; a film may change what it is in its midst.
    """
    if told.animation is not None:
        return pillow.fromarray(shot if told.alpha else shot[..., :3])
    kind = (shot.width, shot.height, shot.format.name, shot.colorspace, shot.color_range)
    if kind not in graphs:
        graphs.clear()
        graphs[kind] = Graph()
        source = "video_size={}x{}:pix_fmt={}:colorspace={:d}:range={:d}:time_base=1/1"
        matrix = f":in_color_matrix={told.matrix}" if told.matrix else ""
        filters = [
            ("buffer", source.format(*kind)),
            *_turns(shot),
            ("scale", f"{told.size[0]}:{told.size[1]}:{EXACT}{matrix}"),
            ("format", "rgba" if told.alpha else "rgb24"),
            ("buffersink", None),
        ]
        nodes = [graphs[kind].add(name, how) for name, how in filters]
        graphs[kind].link_nodes(*nodes).configure()
    graphs[kind].push(shot)
    return pillow.fromarray(graphs[kind].vpull().to_ndarray())


def _turns(frame: Any) -> Iterator[tuple[str, str | None]]:
    """The filters that turn a frame as its file says."""
    said = frame.side_data.get("DISPLAYMATRIX")
    if said is None:
        return
    across, _, _, down, along = struct.unpack_from("5i", bytes(said))
    angle = -frame.rotation % 360
    if angle == 90:
        yield "transpose", "cclock_flip" if down > 0 else "clock"
    elif angle == 270:
        yield "transpose", "clock_flip" if down < 0 else "cclock"
    elif angle in (0, 180):
        yield from [("hflip", None)] * (across < 0) + [("vflip", None)] * (along < 0)
    else:
        yield "rotate", f"{angle}*PI/180"
