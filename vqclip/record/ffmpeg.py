"""How is ffmpeg talked to? Raw pictures through a pipe, and a sentence where it fails.

Everything goes through pipes: no name of a picture can be mistaken for a pattern or a protocol,
nothing is copied, and an ffmpeg whose vqclip was killed sees its input end, and ends too.

ffmpeg is the one that imageio-ffmpeg brings, or $IMAGEIO_FFMPEG_EXE.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import imageio_ffmpeg

from vqclip.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NICE = 15  # of those whose work can wait


@dataclass(frozen=True)
class Told:
    """What ffmpeg says of a file.

    Attributes:
        video: the line about its first picture stream; None if it has none.
        alpha: whether that holds transparency.
        fps: frames a second.
        sound: whether there is a sound stream.
        seconds: how long it is, as far as its head says.
    """

    video: str | None
    alpha: bool
    fps: Fraction
    sound: bool
    seconds: float | None


def find() -> str:
    """The program.

    Raises:
        OutputError: if there is none.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError(
            "there is no ffmpeg, which films are made with; `pip install imageio-ffmpeg` brings "
            "one, or let $IMAGEIO_FFMPEG_EXE name yours, or keep a folder of pictures"
        ) from error


def command(*arguments: str) -> list[str]:
    """A command line that asks nothing and speaks of errors only."""
    return [find(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]


def start(
    arguments: Sequence[str], *, nice: bool = False, **pipes: Any
) -> subprocess.Popen[bytes]:
    """Begin; Ctrl-C in our terminal is not for it.

    Args:
        nice: let others, such as the run, go first.
        pipes: stdin, stdout and stderr, as subprocess.Popen takes them.
    """
    quiet = os.environ | {"SVT_LOG": "1"}  # SVT-AV1 prints greetings past -loglevel
    process = subprocess.Popen(arguments, start_new_session=True, env=quiet, **pipes)
    if nice and hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


def raw(size: tuple[int, int], alpha: bool, fps: Fraction) -> list[str]:
    """Arguments by which raw pictures of `size`, (width, height), are read from stdin."""
    return [
        *("-f", "rawvideo", "-pix_fmt", "rgba" if alpha else "rgb24"),
        *("-video_size", f"{size[0]}x{size[1]}", "-framerate", str(fps), "-i", "pipe:0"),
    ]


def feed(arguments: Sequence[str], pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Run ffmpeg to its end over raw pictures.

    Raises:
        OutputError: if it fails.
    """
    # A file, since nobody would empty a second pipe meanwhile.
    with tempfile.TemporaryFile() as said:
        process = start(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError):  # its exit code and words tell why
                for pixels in pictures:
                    process.stdin.write(pixels.tobytes())
            with suppress(BrokenPipeError):
                process.stdin.close()
            code = process.wait()
        except BaseException:
            end(process)
            raise
        if code != 0:
            said.seek(0)
            raise OutputError(f"ffmpeg stopped: {words(said)}")


def words(said: IO[bytes]) -> str:
    """The last line that ffmpeg said: what it stumbled on."""
    text = said.read().decode("utf-8", "replace").strip()
    return text.rpartition("\n")[2].strip() or "it said nothing"


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, if it still runs, and let go of its pipes."""
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()


def encoders() -> frozenset[str] | None:
    """The names of the encoders that it has; None if it does not say."""
    try:
        done = subprocess.run(
            command("-encoders"), stdin=subprocess.DEVNULL, capture_output=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace")
    found = re.findall(r"^ [VAS][A-Z.]{5} ([\w-]+) ", text, re.MULTILINE)
    return frozenset(found) if done.returncode == 0 and found else None


def tell(path: Path) -> Told:
    """Ask what is in a file; nothing, where it cannot be read.

    Raises:
        OutputError: if there is no ffmpeg, or it does not start.
    """
    ask = [find(), "-nostdin", "-hide_banner", "-i", str(path.absolute())]
    try:
        done = subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        raise OutputError(f"ffmpeg does not start ({error})") from error
    text = done.stderr.decode("utf-8", "replace")
    # A cover of a song is a picture stream, too, but no film.
    lines = re.findall(r"Stream #0:\d+.*?: Video: (.*)", text)
    video = next((line for line in lines if "(attached pic)" not in line), None)
    rate = re.search(r"([\d.]+)(k?) (?:fps|tbr)", video or "")
    long = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", text)
    planes = re.search(r"\b(yuva\d|rgba|bgra|argb|abgr|gbrap|ya8|ya16|pal8)", video or "")
    return Told(
        video=video,
        alpha=planes is not None or re.search(r"alpha_mode\s*: 1", text) is not None,
        fps=_rate(float(rate[1]) * (1000 if rate[2] else 1)) if rate else Fraction(25),
        sound="Audio: " in text,
        seconds=None
        if long is None
        else int(long[1]) * 3600 + int(long[2]) * 60 + float(long[3]),
    )


def _rate(fps: float) -> Fraction:
    """Television's rates are told rounded: 29.97 is 30000/1001.

    >>> _rate(23.98), _rate(12.5)
    (Fraction(24000, 1001), Fraction(25, 2))
    """
    near = Fraction(round(fps) * 1000, 1001)
    rounded = fps != round(fps) and abs(fps - float(near)) < 0.006
    return near if rounded else Fraction(fps).limit_denominator(1001)
