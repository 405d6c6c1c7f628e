"""The ffmpeg process: finding it, running it, and its errors as sentences.

Pictures go through pipes: no name of one can be mistaken for a pattern or a protocol, nothing is
copied, and an ffmpeg whose vqclip was killed sees its input end, and ends too.

ffmpeg is the one that imageio-ffmpeg brings, or $IMAGEIO_FFMPEG_EXE.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import imageio_ffmpeg

from vqclip.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

NICE = 15  # of those whose work can wait
DULL = re.compile(r"Error opening|Conversion failed|Task finished|Terminating|Last message|^$")


def find_ffmpeg() -> str:
    """The program.

    Raises:
        ConfigError: if there is none.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ConfigError(
            "there is no ffmpeg, by which films and sounds are read and made; `pip install "
            "imageio-ffmpeg` brings one, or let $IMAGEIO_FFMPEG_EXE name yours; folders of "
            "pictures need none (film.format=frames)"
        ) from error


def command(*arguments: str, level: str = "error") -> list[str]:
    """A command line that asks nothing and, at this level, speaks of errors only."""
    return [find_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", level, "-y", *arguments]


def opened(path: Path, *options: str) -> list[str]:
    """Arguments by which a file is read, and no web address.

    Args:
        options: what has to stand before it.
    """
    # A name such as "-y" or "http:x" is a file's here, and a playlist finds files only.
    return ["-protocol_whitelist", "file,pipe", *options, "-i", f"file:{path.absolute()}"]


def apart() -> dict[str, Any]:
    """Arguments of subprocess.Popen by which Ctrl-C in our terminal is not for the process."""
    if sys.platform == "win32":  # knows no sessions
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def start(
    arguments: Sequence[str], *, nice: bool = False, **pipes: Any
) -> subprocess.Popen[bytes]:
    """Begin; Ctrl-C in our terminal is not for it.

    Args:
        nice: let others, such as the run, go first.
        pipes: stdin, stdout and stderr, as subprocess.Popen takes them.

    Raises:
        ConfigError: if it does not start.
    """
    quiet = os.environ | {"SVT_LOG": "1"}  # SVT-AV1 prints greetings past -loglevel
    try:
        process = subprocess.Popen(arguments, env=quiet, **apart(), **pipes)
    except OSError as error:
        raise ConfigError(
            f"ffmpeg does not start ({error}); let $IMAGEIO_FFMPEG_EXE name one that does"
        ) from error
    if nice and hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


def run(
    arguments: Sequence[str], seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Let it run to its end, and give what it wrote and said.

    Raises:
        ConfigError: if it does not start.
        subprocess.TimeoutExpired: if it takes longer than some seconds.
    """
    pipe = subprocess.PIPE
    process = start(arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    try:
        written, said = process.communicate(timeout=seconds)
    except BaseException:
        end(process)
        raise
    return subprocess.CompletedProcess(arguments, process.returncode, written, said)


def raw(size: tuple[int, int], alpha: bool, fps: Fraction) -> list[str]:
    """Arguments by which raw pictures of `size`, (width, height), are read from stdin."""
    return [
        *("-f", "rawvideo", "-pix_fmt", "rgba" if alpha else "rgb24"),
        *("-video_size", f"{size[0]}x{size[1]}", "-framerate", str(fps), "-i", "pipe:0"),
    ]


def feed(arguments: Sequence[str], pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Run ffmpeg to its end over raw pictures.

    Raises:
        ConfigError: if it does not start.
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
            raise OutputError(f"ffmpeg stopped: {last(read(said))}")


def read(said: IO[bytes]) -> str:
    """All that ffmpeg said into a file."""
    said.seek(0)
    return said.read().decode("utf-8", "replace")


def last(words: str) -> str:
    """The last thing that ffmpeg said which tells something, without its bookkeeping."""
    lines = [re.sub(r"^(\[[^]]*\] *)+", "", line).strip() for line in words.splitlines()]
    telling = [line for line in lines if not DULL.search(line)]
    return (telling[-1] if telling else "it said nothing").rstrip(".")[:200]


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, if it still runs, and let go of its pipes."""
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()


def encoders() -> frozenset[str] | None:
    """The names of the encoders that it has; None if it does not say.

    Raises:
        ConfigError: if there is no ffmpeg.
    """
    arguments = command("-encoders")
    try:
        done = run(arguments, seconds=30)
    except (ConfigError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace")
    found = re.findall(r"^ [VAS][A-Z.]{5} ([\w-]+) ", text, re.MULTILINE)
    return frozenset(found) if done.returncode == 0 and found else None


def streams(words: str) -> list[str]:
    """What ffmpeg said of each stream of what it opened."""
    return re.split(r"\n *Stream #", re.split(r"\n(?:Stream mapping|Output #)", words)[0])[1:]


def has_sound(words: str) -> bool:
    """Whether one of those streams is sound."""
    return any(": Audio: " in stream for stream in streams(words))


def sound(path: Path) -> float | None:
    """How many seconds a file with sound has, infinite if it does not say; None: no sound.

    Raises:
        ConfigError: if there is no ffmpeg, or it does not start.
    """
    words = run(command(*opened(path), level="info")).stderr.decode("utf-8", "replace")
    if not has_sound(words):
        return None
    long = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", words)
    return inf if long is None else int(long[1]) * 3600 + int(long[2]) * 60 + float(long[3])
