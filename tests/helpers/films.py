"""Films that tests need, made by ffmpeg."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import imageio_ffmpeg

from vqclip.tensors import Image

BLOCKS = "testsrc=size=64x48:rate={rate}:duration={seconds}"  # a number in it counts seconds


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg, which has to succeed."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def film(
    path: Path, *options: str, source: str = "", rate: str = "10", seconds: str = "1"
) -> Path:
    """Make a film of a test card, or of another source of lavfi's; lossless where it can be."""
    card = source or BLOCKS.format(rate=rate, seconds=seconds)
    ffmpeg("-f", "lavfi", "-i", card, *options, path)
    return path


def held(path: Path) -> bool:
    """Whether this process has a file open."""
    found = (Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
    return str(path.absolute()) in [os.readlink(each) for each in found if each.is_symlink()]


def levels(frame: Image, x: int, y: int) -> list[int]:
    """A pixel's red, green and blue, from 0 to 255."""
    return [round(value * 255) for value in frame[0, :, y, x].tolist()]
