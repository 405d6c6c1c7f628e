"""How does a run become a film? Frame by frame, while the run goes on.

The name of the file decides of which kind a film is:

    .mp4     H.264, yuv420p, the index at the front so that it plays while it loads
    .webm    VP9, yuv420p
    .gif     one palette of 255 colours, made from all frames
    .webp    animated WebP
    (none)   a folder of numbered PNGs

An mp4 or webm grows as `film.part.mp4` and gets its name when it is closed. ffmpeg sits in a
session of its own, so that Ctrl-C does not reach it, and completes the file when its input ends,
even if that is because vqclip was killed. A gif or webp can only be written once all frames are
there; they wait on the disk, in the folder `film.gif.frames`.

ffmpeg is the one that imageio-ffmpeg brings, or $IMAGEIO_FFMPEG_EXE.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import imageio_ffmpeg
import numpy as np

from vqclip.errors import OutputError, VqclipError, suggest
from vqclip.record import images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vqclip.tensors import Image


class Film(Protocol):
    """Something that takes frames and becomes a film."""

    @property
    def path(self) -> Path:
        """Where the film is once it is closed, provided that it has a frame."""

    def add(self, frame: Image | NDArray[np.uint8]) -> None:
        """Append [1, 3, H, W] in [0, 1] or [H, W, 3] uint8; an OutputError if it cannot be."""

    def close(self) -> None:
        """Complete the film; without a frame, leave nothing. A second call does nothing.

        Raises an OutputError if that cannot be; what there is of the film stays.
        """


@dataclass(frozen=True)
class Look:
    """How a film is to be; see `open_film`."""

    fps: float
    quality: int
    size: tuple[int, int] | None


def open_film(
    path: Path | str,
    *,
    fps: float = 30,
    quality: int = 80,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> Film:
    """Begin a film; its suffix says of which kind (see the top of this module).

    Args:
        fps: frames per second. A gif counts in hundredths of a second, and few players go
            above 50. Without meaning for a folder of PNGs.
        quality: 0 (small) to 100 (near lossless); 80 shows no loss at normal speed. Only mp4,
            webm and webp lose anything to it.
        size: (width, height) in pixels; by default that of the first frame. Other frames are
            resized (bicubic). mp4 and webm get even sides by repeating the last row or column.
        overwrite: replace a film of that name. A folder of PNGs is always continued instead.

    Raises:
        OutputError: if the kind, `fps`, `quality` or `size` cannot be, the film exists, or
            there is no ffmpeg.
    """
    path = Path(path).absolute()
    kind = path.suffix.lower()
    if kind not in FILMS:
        raise OutputError(
            f"{path.name} would be a film of the kind {kind!r}{suggest(kind, FILMS)}; "
            f"expected {', '.join(filter(None, FILMS))}, or no suffix for a folder of pictures"
        )
    if not 0 < fps <= 1000:
        raise OutputError(f"fps is {fps}; expected more than 0 and at most 1000 frames a second")
    if not 0 <= quality <= 100:
        raise OutputError(f"the quality of a film is {quality}; expected 0 to 100")
    if size is not None and min(size) < 1:
        raise OutputError(f"the size of a film is {size[0]}x{size[1]}; expected 1x1 or more")
    try:
        if kind and not overwrite:
            images.refuse_to_replace(path)
        return FILMS[kind](path, Look(float(fps), quality, size))
    except OSError as error:
        raise images.unwritable(path, error) from error


class _Stream:
    """A film that goes to ffmpeg frame by frame."""

    def __init__(self, path: Path, look: Look) -> None:
        self.path = path
        self._part = _part(path)
        self._look, self._size = look, look.size
        self._ffmpeg = _find_ffmpeg()
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False

    def add(self, frame: Image | NDArray[np.uint8]) -> None:
        _refuse_if(self._over, self.path)
        pixels, self._size = images.fit(frame, self._size)
        # 4:2:0 halves the sides of the colour planes, so both must be even.
        odd_height, odd_width = pixels.shape[0] % 2, pixels.shape[1] % 2
        pixels = np.pad(pixels, ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
        try:
            if self._process is None:
                self._process = self._start(pixels.shape[1], pixels.shape[0])
            assert self._process.stdin is not None  # it was asked for
            self._process.stdin.write(pixels.tobytes())
        except OSError as error:
            raise _stopped(self.path, self._end()[1] or str(error)) from error

    def close(self) -> None:
        if self._over or self._process is None:
            return
        code, words = self._end()
        if code != 0:
            raise _stopped(self.path, words)
        try:
            os.replace(self._part, self.path)
        except OSError as error:
            raise images.unwritable(self.path, error) from error

    def _start(self, width: int, height: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                *(self._ffmpeg, "-loglevel", "error", "-y"),
                *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
                *("-framerate", f"{self._look.fps:g}", "-i", "pipe:0"),
                # Untagged video is taken for BT.709 by most players, while ffmpeg would convert
                # to BT.601: the colours would shift. So convert to 709, and say so.
                *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
                *("-colorspace", "bt709", "-color_primaries", "bt709"),
                *("-color_trc", "bt709", "-color_range", "tv"),
                *(*_CODECS[self.path.suffix.lower()](self._look.quality), str(self._part)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _end(self) -> tuple[int, str]:
        """End ffmpeg's input, wait for it, and return its exit code and its last words."""
        self._over = True
        if self._process is None:
            return 0, ""
        _, words = self._process.communicate()
        return self._process.returncode, _last_line(words)


Encode = Callable[[Path, Path, Look], None]  # folder of PNGs, film to write, how


class _Pictures:
    """Numbered PNGs, continued after the highest: a film, or waiting to be encoded as one."""

    def __init__(self, path: Path, look: Look, encode: Encode | None = None) -> None:
        self.path = path
        self._look, self._size, self._encode = look, look.size, encode
        self._folder = path if encode is None else path.with_name(f"{path.name}.frames")
        found = (int(p.stem) for p in self._folder.glob("*.png") if p.stem.isdecimal())
        self._next = max(found, default=-1) + 1
        self._over = False

    def add(self, frame: Image | NDArray[np.uint8]) -> None:
        _refuse_if(self._over, self.path)
        pixels, self._size = images.fit(frame, self._size)
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise images.unwritable(self._folder, error) from error
        images.write_whole(self._folder / f"{self._next:05d}.png", images.to_png(pixels))
        self._next += 1

    def close(self) -> None:
        over, self._over = self._over, True
        if over or self._encode is None or self._next == 0:
            return
        try:
            self._encode(self._folder, _part(self.path), self._look)
            os.replace(_part(self.path), self.path)
        except (OSError, VqclipError) as error:
            raise OutputError(
                f"{self.path} could not be made ({error}); its frames are in {self._folder}"
            ) from error
        shutil.rmtree(self._folder, ignore_errors=True)


def _encode_gif(folder: Path, film: Path, look: Look) -> None:
    paint = "[0:v][1:v]paletteuse=dither=sierra2_4a:diff_mode=rectangle"
    _encode(folder, film, look, "-vf", "palettegen", "-update", "1", "palette.png")
    _encode(folder, film, look, "-i", "palette.png", "-lavfi", paint, "-loop", "0", str(film))


def _encode_webp(folder: Path, film: Path, look: Look) -> None:
    # bgra leaves the conversion to YUV to libwebp, which does it as browsers undo it.
    how = ("-c:v", "libwebp_anim", "-quality", str(look.quality), "-pix_fmt", "bgra")
    _encode(folder, film, look, *how, "-loop", "0", "-f", "webp", str(film))


def _encode(folder: Path, film: Path, look: Look, *arguments: str) -> None:
    """Run ffmpeg over the numbered PNGs of `folder`."""
    # In the folder of the frames, since a % in a path would be read as a pattern.
    read = ("-framerate", f"{look.fps:g}", "-start_number", "0", "-i", "%05d.png")
    command = [_find_ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *read, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, start_new_session=True)
    if done.returncode != 0:
        raise _stopped(film, _last_line(done.stderr))


def _late(path: Path, look: Look) -> Film:
    _find_ffmpeg()  # better now than after an hour
    return _Pictures(path, look, _encode_gif if path.suffix.lower() == ".gif" else _encode_webp)


def _find_ffmpeg() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError(
            "there is no ffmpeg, which films are made with; `pip install imageio-ffmpeg` brings "
            "one, or let $IMAGEIO_FFMPEG_EXE name yours, or keep a folder of pictures"
        ) from error


def _stopped(path: Path, words: str) -> OutputError:
    return OutputError(
        f"ffmpeg stopped while it wrote {path} ({words or 'it said nothing'}); "
        "the pictures of the run are whole. Is the disk full?"
    )


def _last_line(output: bytes) -> str:
    return output.decode("utf-8", "replace").strip().rpartition("\n")[2].strip()


def _refuse_if(over: bool, path: Path) -> None:
    if over:
        raise OutputError(f"{path} is closed; no frame can be added to it")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.stem}.part{path.suffix}")


def _h264(quality: int) -> Sequence[str]:
    # x264 counts from 0 (lossless) to 51; 18 is taken for visually lossless.
    return ("-c:v", "libx264", "-crf", str(round(38 - quality / 4)), "-movflags", "+faststart")


def _vp9(quality: int) -> Sequence[str]:
    # VP9 counts from 0 to 63; 31 is its recommendation for 1080p, and -b:v 0 lets crf decide.
    speed = ("-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
    return ("-c:v", "libvpx-vp9", "-crf", str(round(55 - quality * 5 / 16)), "-b:v", "0", *speed)


_CODECS: dict[str, Callable[[int], Sequence[str]]] = {".mp4": _h264, ".webm": _vp9}

FILMS: dict[str, Callable[[Path, Look], Film]] = {
    ".mp4": _Stream,
    ".webm": _Stream,
    ".gif": _late,
    ".webp": _late,
    "": _Pictures,
}
