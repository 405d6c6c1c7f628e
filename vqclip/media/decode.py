"""Decoding of films and animated pictures: what is in them, and their frames at a rate.

ffmpeg decodes, turns frames as the file says, makes a varying rate constant and pixels square,
and hands the frames over by a pipe. The first frame is that of the file's first moment: where
pictures begin later than the sound, or an edit cuts them, they stay in step with it. A film
larger than television's used to be that names no colour matrix is taken for BT.709, as players
do. High dynamic range is not mapped to the usual one. Moving GIFs and WebPs are Pillow's.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as pillow

from vqclip.errors import PictureError
from vqclip.media import ffmpeg, images
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


def look(path: Path) -> AnimatedImage:
    """Look through all of its pictures.

    Raises:
        PictureError: if one cannot be read.
    """
    times, alpha, size = [], False, (0, 0)
    for picture in pages(path):
        time = round(picture.info.get("duration", 0))
        times.append(time if time > HURRIED else 100)
        if picture.has_transparency_data and not alpha:
            alpha = bool(np.asarray(picture.convert("RGBA"))[..., 3].min() < 255)
        size = picture.size
    if max(times) - min(times) <= JITTER:
        even = Fraction(sum(times), 1000 * len(times))
        return AnimatedImage(size, (even,) * len(times), 1 / even, alpha)
    exact = tuple(Fraction(time, 1000) for time in times)
    return AnimatedImage(size, exact, Fraction(1000, min(times)), alpha)


def pages(path: Path) -> Iterator[pillow.Image]:
    """Its pictures, one after another.

    Raises:
        PictureError: at one that cannot be read.
    """
    with images.opened(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            film.load()
            yield film


def slots(book: AnimatedImage, rate: Fraction) -> list[int]:
    """In which of the frames of a rate each picture comes, and the number of frames.

    >>> book = AnimatedImage((1, 1), (Fraction(1, 2), Fraction(1)), Fraction(2), False)
    >>> slots(book, Fraction(4))
    [0, 2, 6]
    """
    passed, found = Fraction(0), [0]
    for time in book.times:
        passed += time
        found.append(int(passed * rate + Fraction(1, 2)))
    return [*found[:-1], max(1, found[-1])]


HARDLY, A_LITTLE = Fraction(6, 1000), 0.02  # what ffmpeg rounds, and what a rate may vary


LONGEST = 1_000_000  # frames; times that are damaged may ask for any number


MATRICES = re.compile(r"bt\d|smpte|fcc|gbr|rgb|bgr|argb|abgr|pal8")  # or none is needed


PLANES = re.compile(r"\b(yuva\d|rgba|bgra|argb|abgr|gbrap|ya8|ya16|ayuv|vuya|pal8)")  # alpha


@dataclass(frozen=True)
class FilmInfo:
    """What is told of a film; see `probe_film`.

    Attributes:
        size: (width, height) as it is meant to be seen: turned, with square pixels.
        rate: frames per second that it is meant to have; the mean if it varies much.
        alpha: whether some may be transparent.
        decoder: options that have to stand before the film.
        matrix: the colour matrix to take it for, if it names none that it needs.
        book: of a GIF or WebP, its pictures' times.
    """

    size: tuple[int, int]
    rate: Fraction
    sound: bool = False
    alpha: bool = False
    decoder: tuple[str, ...] = ()
    matrix: str | None = None
    book: AnimatedImage | None = None


def probe_film(path: Path) -> FilmInfo:
    """Look into a film; its first frame is decoded, or, of a GIF or WebP, each.

    Raises:
        PictureError: if it is no film, or it cannot be read.
        ConfigError: if there is no ffmpeg.
    """
    if path.suffix.lower() in ANIMATIONS:
        book = look(path)
        return FilmInfo(size=book.size, rate=book.rate, alpha=book.alpha, book=book)
    one = ("-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "yuv444p", "-f", "yuv4mpegpipe", "-")
    done = ffmpeg.run(ffmpeg.command(*ffmpeg.opened(path), *one, level="info"))
    words = done.stderr.decode("utf-8", "replace")
    # The header knows the rate exactly, and the size after the film was turned.
    header = re.match(rb"YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+) \S+ A(\d+):(\d+)", done.stdout)
    if header is None or b"FRAME" not in done.stdout[:200]:
        raise PictureError(_unreadable(path, words))
    width, height, top, bottom, wide, high = (int(each) for each in header.groups())
    # A cover of a song is a picture stream, too, but no film.
    pictures = (each for each in ffmpeg.streams(words) if ": Video: " in each)
    video = next((each for each in pictures if "(attached pic)" not in each), "")
    if wide > high > 0:
        width = round(width * wide / high)
    elif high > wide > 0:
        height = round(height * high / wide)
    if width * height > images.LARGEST:
        raise PictureError(
            f"{path} has frames of {width}x{height}; they may have up to "
            f"{images.LARGEST // 1_000_000} million pixels; make it smaller first"
        )
    described = video.partition("\n")[0]
    large = max(width, height) >= 1280 or min(width, height) > 576
    coded = re.search(r"Video: (vp[89])\b", described)
    hidden = coded is not None and re.search(r"alpha_mode *: *1", video) is not None
    return FilmInfo(
        size=(width, height),
        rate=_rate(Fraction(top, bottom) if top > 0 and bottom > 0 else Fraction(25), described),
        sound=ffmpeg.has_sound(words),
        # A strange title may hide what is said of the film; then anything may be.
        alpha=hidden or not video or PLANES.search(described) is not None,
        # ffmpeg's own decoders of these leave the transparency out.
        decoder=("-c:v", f"libvpx{'-vp9' if coded[1] == 'vp9' else ''}")
        if hidden and coded is not None
        else (),
        matrix="bt709" if MATRICES.search(described) is None and large else None,
    )


def _rate(rate: Fraction, described: str) -> Fraction:
    """The rate that a film is meant to have, by what its header and ffmpeg's words say."""
    mean, said = rate, re.search(r" (\d+(?:\.\d+)?)(k?) fps", described)
    if said is not None and float(said[1]) > 0:
        rounded = Fraction(said[1]) * (1000 if said[2] else 1)
        mean = mean if abs(rounded - mean) <= HARDLY + mean / 10_000 else rounded
    # A frame missing here and there varies the mean, but the film is meant to have its rate.
    return rate if abs(mean / rate - 1) <= A_LITTLE else mean


def count(path: Path, told: FilmInfo, rate: Fraction) -> int:
    """How many frames `decode_frames` gives at a rate, with none passed over; all are decoded.

    Raises:
        PictureError: if the film breaks off.
    """
    if told.book is not None:
        return slots(told.book, rate)[-1]
    ends = ("-frames:v", str(LONGEST), "-f", "null", "-progress", "-", "-")
    chain = ("-vf", _paced(rate), "-fps_mode", "passthrough")
    read = (*ffmpeg.opened(path, *told.decoder), "-map", "0:V:0")
    done = ffmpeg.run(ffmpeg.command(*read, *chain, *ends))
    numbers = re.findall(rb"^frame=\s*(\d+)", done.stdout, re.MULTILINE)
    found = int(numbers[-1]) if numbers else 0
    if done.returncode != 0:
        raise _broken(path, found, done.stderr.decode("utf-8", "replace"))
    if found >= LONGEST:
        raise PictureError(
            f"{path} would be more than {LONGEST:,} frames long; its times "
            "are damaged, or the rate is too high"
        )
    return found


def decode_frames(
    path: Path,
    told: FilmInfo,
    rate: Fraction,
    *,
    stride: int = 1,
    first: int = 0,
    ground: str | None = "white",
) -> Generator[pillow.Image, None, None]:
    """Decode a film, frame by frame; leaving early ends its ffmpeg.

    Args:
        rate: frames per second to bring it to.
        stride: of so many frames, at that rate, one is given.
        first: how many of those that would be given are passed over.
        ground: what transparent pixels are laid on, as a colour that Pillow knows; None: they
            stay transparent.

    Yields:
        frames of the size that was told, in RGB, or without a ground in RGBA, if it has alpha.

    Raises:
        PictureError: if ffmpeg gives up; what it could decode was given.
    """
    shown = _leafed if told.book is not None else _decoded
    with closing(shown(path, told, rate, stride, first * stride)) as frames:
        for frame in frames:
            yield frame if ground is None else _opaque(frame, ground)


def _leafed(
    path: Path, told: FilmInfo, rate: Fraction, stride: int, skip: int
) -> Generator[pillow.Image, None, None]:
    """The pictures of a GIF or a WebP, each as often as it is shown."""
    assert told.book is not None
    places = slots(told.book, rate)
    spans = zip(pages(path), places[:-1], places[1:], strict=True)
    for page, begins, ends in spans:
        wanted = range(skip + -(-max(0, begins - skip) // stride) * stride, ends, stride)
        if wanted:
            picture = page.convert("RGBA" if told.alpha else "RGB")
            yield from (picture for _ in wanted)


def _decoded(
    path: Path, told: FilmInfo, rate: Fraction, stride: int, skip: int
) -> Generator[pillow.Image, None, None]:
    """What ffmpeg gives."""
    (width, height), mode = told.size, "RGBA" if told.alpha else "RGB"
    chosen = f"select=gte(n\\,{skip})*not(mod(n-{skip}\\,{stride}))" if skip or stride > 1 else ""
    matrix = f":in_color_matrix={told.matrix}" if told.matrix else ""
    exact = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    planes = "format=rgba" if told.alpha else "format=rgb24"
    # Frames that are not wanted are left out before anything is made of them.
    filters = [_paced(rate), chosen, f"scale={width}:{height}:{exact}{matrix}", planes]
    read = (*ffmpeg.opened(path, *told.decoder), "-map", "0:V:0")
    chain = ("-vf", ",".join(filter(None, filters)), "-fps_mode", "passthrough")
    given, size = skip, width * height * len(mode)
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would fill up
        process = ffmpeg.start(
            ffmpeg.command(*read, *chain, "-f", "rawvideo", "-"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert process.stdout is not None
        try:
            while len(pixels := process.stdout.read(size)) == size:
                yield pillow.frombuffer(mode, told.size, pixels, "raw", mode, 0, 1)
                given, skip = skip + 1, skip + stride
            if process.wait() != 0:
                raise _broken(path, given, ffmpeg.read(said))
        finally:
            ffmpeg.end(process)


def _paced(rate: Fraction) -> str:
    """The filter that brings a film to a rate, from the file's first moment on."""
    return f"fps={rate}:start_time=0"


def _opaque(frame: pillow.Image, ground: str) -> pillow.Image:
    """Lay an RGBA frame on the ground."""
    if frame.mode == "RGB" or frame.getchannel("A").getextrema() == (255, 255):
        return frame.convert("RGB")
    return pillow.alpha_composite(pillow.new("RGBA", frame.size, ground), frame).convert("RGB")


def _unreadable(path: Path, words: str) -> str:
    """Say why a film cannot be read, from what ffmpeg said."""
    if "matches no streams" in words:
        return f"{path} holds no moving picture; expected a film (mp4, mov, webm, gif …)"
    return (
        f"{path} cannot be read as a film (ffmpeg: {ffmpeg.last(words)}); is it damaged, or "
        "still being written? Expected mp4, mov, webm, gif …, or a folder of pictures"
    )


def _broken(path: Path, given: int, words: str) -> PictureError:
    """Say that a film breaks off after so many frames."""
    return PictureError(
        f"{path} breaks off after {given} frames (ffmpeg: {ffmpeg.last(words)}); is the file "
        "whole? To mend it: ffmpeg -i FILM -c:v libx264 -crf 12 NEW.mp4"
    )
