"""What does ffmpeg say of a film, and show of it?

ffmpeg is the one that imageio-ffmpeg brings, or $IMAGEIO_FFMPEG_EXE. It decodes, turns frames as
the file says, makes a varying rate constant and pixels square, and hands the frames over by a
pipe. A film larger than television's used to be that names no colour matrix is taken for BT.709,
as players do. High dynamic range is not mapped to the usual one.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
from PIL import Image as pillow

from vqclip.errors import ConfigError, PictureError
from vqclip.record import images

HARDLY, A_LITTLE = Fraction(6, 1000), 0.02  # what ffmpeg rounds, and what a rate may vary
DULL = re.compile(r"Error opening|Conversion failed|Task finished|Terminating|Last message|^$")


@dataclass(frozen=True)
class Told:
    """What ffmpeg says of a film; see `probe`.

    Args:
        size: (width, height) as it is meant to be seen: turned, with square pixels.
        rate: frames per second that it is meant to have; the mean if it varies much.
        mean: how many there are in a second; `rate` itself if that does not vary.
        frames: how many the file says it has.
        decoder: options that have to stand before the film.
        matrix: the colour matrix to take it for, if it names none that it needs.
    """

    size: tuple[int, int]
    rate: Fraction
    mean: Fraction
    frames: int | None
    sound: bool
    decoder: tuple[str, ...]
    matrix: str | None


def probe(path: Path) -> Told:
    """Ask ffmpeg about a film; its first frame is decoded.

    Raises:
        PictureError: if it is no film, or it cannot be read.
        ConfigError: if there is no ffmpeg.
    """
    one = ("-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "yuv444p", "-f", "yuv4mpegpipe", "-")
    done = subprocess.run([*_ffmpeg(path, "info"), *one], capture_output=True)
    words = done.stderr.decode("utf-8", "replace")
    # The header knows the rate exactly, and the size after the film was turned.
    header = re.match(rb"YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+) \S+ A(\d+):(\d+)", done.stdout)
    if header is None or b"FRAME" not in done.stdout[:200]:
        raise PictureError(_unreadable(path, words))
    width, height, top, bottom, wide, high = (int(each) for each in header.groups())
    streams = re.split(r"\n *Stream #", re.split(r"\n(?:Stream mapping|Output #)", words)[0])[1:]
    videos = (s for s in streams if ": Video: " in s and "(attached pic)" not in s)
    video = next(videos, "")  # a strange title may hide it: then the header has to do
    if wide > high > 0:
        width = round(width * wide / high)
    elif high > wide > 0:
        height = round(height * high / wide)
    if width * height > images.LARGEST:
        raise PictureError(
            f"{path} has frames of {width}x{height}; they may have up to "
            f"{images.LARGEST // 1_000_000} million pixels; make it smaller first"
        )
    rate = mean = Fraction(top, bottom) if top > 0 and bottom > 0 else Fraction(25)
    said = re.search(r" (\d+(?:\.\d+)?)(k?) fps", video)
    if said is not None and float(said[1]) > 0:
        rounded = Fraction(said[1]) * (1000 if said[2] else 1)
        mean = mean if abs(rounded - mean) <= HARDLY + mean / 10_000 else rounded
    # A frame missing here and there varies the mean, but the film is meant to have its rate.
    rate = rate if abs(mean / rate - 1) <= A_LITTLE else mean
    described = video.partition("\n")[0]
    named = re.search(r"bt\d|smpte|fcc|gbr|rgb|bgr|argb|abgr|pal8", described) is not None
    large = max(width, height) >= 1280 or min(width, height) > 576
    coded = re.search(r"Video: (vp[89])\b", described)
    hidden = coded is not None and re.search(r"alpha_mode *: *1", video) is not None
    return Told(
        size=(width, height),
        rate=rate,
        mean=mean,
        frames=_count(path),
        sound=any(": Audio: " in stream for stream in streams),
        # ffmpeg's own decoders of these leave the transparency out.
        decoder=("-c:v", f"libvpx{'-vp9' if coded[1] == 'vp9' else ''}")
        if hidden and coded is not None
        else (),
        matrix="bt709" if not named and large else None,
    )


def _count(path: Path) -> int | None:
    """Count a film's packets, without decoding them; each holds a frame."""
    count = ("-map", "0:V:0", "-c", "copy", "-f", "null", "-progress", "-", os.devnull)
    done = subprocess.run([*_ffmpeg(path), *count], capture_output=True)
    found = re.findall(rb"^frame=\s*(\d+)", done.stdout, re.MULTILINE)
    return int(found[-1]) if found and done.returncode == 0 else None


def project(
    path: Path,
    told: Told,
    rate: Fraction,
    *,
    stride: int = 1,
    first: int = 0,
    ground: str = "white",
) -> Generator[pillow.Image, None, None]:
    """Decode a film, frame by frame; leaving early ends its ffmpeg.

    Args:
        rate: frames per second to bring it to.
        stride: of so many frames, at that rate, one is given.
        first: how many of those that would be given are passed over.
        ground: what transparent pixels are laid on, as a colour that Pillow knows.

    Yields:
        RGB frames of the size that was told.

    Raises:
        PictureError: if ffmpeg gives up; what it could decode was given.
    """
    width, height = told.size
    skip = first * stride
    chosen = f"select=gte(n\\,{skip})*not(mod(n-{skip}\\,{stride}))" if skip or stride > 1 else ""
    matrix = f":in_color_matrix={told.matrix}" if told.matrix else ""
    exact = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    # Frames that are not wanted are left out before anything is made of them.
    filters = [f"fps={rate}", chosen, f"scale={width}:{height}:{exact}{matrix}", "format=rgba"]
    raw = ("-fps_mode", "passthrough", "-f", "rawvideo", "-")
    command = [*_ffmpeg(path, before=told.decoder), "-map", "0:V:0"]
    command += ["-vf", ",".join(filter(None, filters)), *raw]
    given, size = skip, width * height * 4
    with tempfile.TemporaryFile() as words:  # a pipe that nobody reads would fill up
        # A session of its own: Ctrl-C is ours to hear, and ends it below.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            while len(pixels := process.stdout.read(size)) == size:
                yield _opaque(pillow.frombuffer("RGBA", told.size, pixels), ground)
                given, skip = skip + 1, skip + stride
            if process.wait() != 0:
                words.seek(0)
                said = _last(words.read().decode("utf-8", "replace"))
                raise PictureError(
                    f"{path} breaks off after {given} frames ({said}); is the file whole? To "
                    "mend it: ffmpeg -i FILM -c:v libx264 -crf 12 NEW.mp4"
                )
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _opaque(frame: pillow.Image, ground: str) -> pillow.Image:
    """Lay an RGBA frame on the ground."""
    if frame.getchannel("A").getextrema() == (255, 255):
        return frame.convert("RGB")
    return pillow.alpha_composite(pillow.new("RGBA", frame.size, ground), frame).convert("RGB")


def _ffmpeg(path: Path, level: str = "error", before: tuple[str, ...] = ()) -> list[str]:
    """The beginning of a command that reads a film, and no web address."""
    try:
        program = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ConfigError(
            "there is no ffmpeg, which films are read with; `pip install imageio-ffmpeg` brings "
            "one, or let $IMAGEIO_FFMPEG_EXE name yours, or give a folder of pictures"
        ) from error
    # A name such as "-y" or "http:x" is a file's here, and a playlist finds files only.
    there = ("-protocol_whitelist", "file", *before, "-i", f"file:{path.absolute()}")
    return [program, "-nostdin", "-hide_banner", "-loglevel", level, *there]


def _unreadable(path: Path, words: str) -> str:
    """Say why a film cannot be read, from what ffmpeg said."""
    if "matches no streams" in words:
        return f"{path} holds no moving picture; expected a film (mp4, mov, webm, gif …)"
    return (
        f"{path} cannot be read as a film ({_last(words)}); is it damaged, or still being "
        "written? Expected mp4, mov, webm, gif …, or a folder of pictures"
    )


def _last(words: str) -> str:
    """The last thing that ffmpeg said which tells something, without its bookkeeping."""
    lines = [re.sub(r"^(\[[^]]*\] *)+", "", line).strip() for line in words.splitlines()]
    telling = [line for line in lines if not DULL.search(line)]
    return (telling[-1] if telling else "ffmpeg said nothing").rstrip(".")[:200]
