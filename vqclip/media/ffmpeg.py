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
            "ffmpeg, which reads and writes films and sounds, is not installed; `pip install "
            "imageio-ffmpeg` installs one, or set $IMAGEIO_FFMPEG_EXE to yours; folders of "
            "pictures need none (film.format=frames)"
        ) from error


def ffmpeg_command(*arguments: str) -> list[str]:
    """A command line that asks nothing and speaks of errors only."""
    return [find_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]


def input_arguments(path: Path, *options: str) -> list[str]:
    """Arguments by which a file is read, and no web address.

    Args:
        options: what has to stand before it.
    """
    # A name such as "-y" or "http:x" is a file's here, and a playlist finds files only.
    return ["-protocol_whitelist", "file,pipe", *options, "-i", f"file:{path.absolute()}"]


def process_group_arguments() -> dict[str, Any]:
    """Arguments of subprocess.Popen by which Ctrl-C in our terminal is not for the process."""
    if sys.platform == "win32":  # knows no sessions
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def start_process(
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
        process = subprocess.Popen(arguments, env=quiet, **process_group_arguments(), **pipes)
    except OSError as error:
        raise ConfigError(
            f"ffmpeg does not start ({error}); set $IMAGEIO_FFMPEG_EXE to one that does"
        ) from error
    if nice and hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


def raw_input_arguments(size: tuple[int, int], alpha: bool, fps: Fraction) -> list[str]:
    """Arguments by which raw pictures of `size`, (width, height), are read from stdin."""
    return [
        *("-f", "rawvideo", "-pix_fmt", "rgba" if alpha else "rgb24"),
        *("-video_size", f"{size[0]}x{size[1]}", "-framerate", str(fps), "-i", "pipe:0"),
    ]


def feed_pictures(arguments: Sequence[str], pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Run ffmpeg to its end over raw pictures.

    Raises:
        ConfigError: if it does not start.
        OutputError: if it fails.
    """
    # A file, since nobody would empty a second pipe meanwhile.
    with tempfile.TemporaryFile() as said:
        process = start_process(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        )
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError):  # its exit code and words tell why
                for pixels in pictures:
                    process.stdin.write(pixels.tobytes())
            with suppress(BrokenPipeError):
                process.stdin.close()
            code = process.wait()
        except BaseException:
            end_process(process)
            raise
        if code != 0:
            raise OutputError(f"ffmpeg stopped: {last_message(said)}")


def last_message(said: IO[bytes]) -> str:
    """The last thing that ffmpeg said into a file which tells something; not its bookkeeping."""
    said.seek(0)
    words = said.read().decode("utf-8", "replace")
    lines = [re.sub(r"^(\[[^]]*\] *)+", "", line).strip() for line in words.splitlines()]
    telling = [line for line in lines if not DULL.search(line)]
    return (telling[-1] if telling else "it said nothing").rstrip(".")[:200]


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill it, if it still runs, and let go of its pipes."""
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()


def list_encoders() -> frozenset[str] | None:
    """The names of the encoders that it has; None if it does not say.

    Raises:
        ConfigError: if there is no ffmpeg.
    """
    arguments = ffmpeg_command("-encoders")
    try:
        done = subprocess.run(
            arguments, capture_output=True, timeout=30, **process_group_arguments()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace")
    found = re.findall(r"^ [VAS][A-Z.]{5} ([\w-]+) ", text, re.MULTILINE)
    return frozenset(found) if done.returncode == 0 and found else None
