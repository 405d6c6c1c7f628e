"""How does a run become a film? Frame by frame, while the run goes on.

The name of the file decides of which kind a film is:

    .mp4     H.264, yuv420p, the index at the front so that it plays while it loads
    .webm    VP9, yuv420p
    .gif     one palette of 255 colours, made from all frames
    .webp    animated WebP
    (none)   a folder of numbered PNGs

Frames wait on the disk, without loss, in the folder `film.frames`, until the film is closed.
So a run that was interrupted, or killed, goes on with the frames that it had, and its film is the
one that it would have had; a film that grew inside ffmpeg would end with it.

ffmpeg is the one that imageio-ffmpeg brings, or $IMAGEIO_FFMPEG_EXE.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np

from vqclip.errors import OutputError, VqclipError, suggest
from vqclip.record import images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vqclip.tensors import Image


@dataclass(frozen=True)
class Look:
    """How a film is to be; see `open_film`."""

    fps: float
    quality: int
    size: tuple[int, int] | None


Encode = Callable[[Path, Path, Look], None]  # folder of PNGs, film to write, how


class Film:
    """Something that takes frames and becomes a film; made by `open_film`.

    Attributes:
        path: where the film is once it is closed, provided that it has a frame.
        folder: where its frames are.
        count: how many frames it has.
    """

    def __init__(self, path: Path, look: Look, start: int | None = None) -> None:
        self.path = path
        self._look, self._size = look, look.size
        self._encode = FILMS[path.suffix.lower()]
        self.folder = frames_of(path)
        self._over = False
        found = {int(p.stem): p for p in self.folder.glob("*.png") if p.stem.isdecimal()}
        self.count = max(found, default=-1) + 1
        if start is None:
            return
        lacking = [number for number in range(start) if number not in found]
        if lacking:
            raise OutputError(
                f"{self.folder} lacks {len(lacking)} of the {start} frames that the film had, "
                f"such as {lacking[0]:05d}.png; bring them back, or go on without: "
                "film.format=none"
            )
        for number in found.keys() - set(range(start)):
            found[number].unlink()  # it is taken again
        self.count = start

    def add(self, frame: Image | NDArray[np.uint8]) -> None:
        """Append [1, 3, H, W] in [0, 1] or [H, W, 3] uint8.

        Raises:
            OutputError: if it cannot be written, or the film is closed.
        """
        if self._over:
            raise OutputError(f"{self.path} is closed; no frame can be added to it")
        pixels, self._size = images.fit(frame, self._size)
        if self.path.suffix.lower() in EVEN:
            # 4:2:0 halves the sides of the colour planes, so both must be even.
            odd_height, odd_width = pixels.shape[0] % 2, pixels.shape[1] % 2
            pixels = np.pad(pixels, ((0, odd_height), (0, odd_width), (0, 0)), mode="edge")
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise images.unwritable(self.folder, error) from error
        images.write_whole(self.folder / f"{self.count:05d}.png", images.to_png(pixels))
        self.count += 1

    def pause(self) -> None:
        """Make the film of the frames so far, and keep them: more may come.

        Raises:
            OutputError: if that cannot be; the frames stay.
        """
        if self._over or self._encode is None or self.count == 0:
            return
        part = _aside(self.path)
        try:
            self._encode(self.folder, part, self._look)
            with part.open("rb+") as film:
                os.fsync(film.fileno())  # its frames will go, and then there is nothing else
            os.replace(part, self.path)
        except (OSError, VqclipError) as error:
            raise OutputError(
                f"{self.path} could not be made ({error}); its frames are in {self.folder}. "
                "Is the disk full?"
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def close(self) -> None:
        """Complete the film; without a frame, leave nothing. A second call does nothing.

        Raises:
            OutputError: if that cannot be; the frames stay.
        """
        try:
            self.pause()
        finally:
            over, self._over = self._over, True
        if not over and self._encode is not None:
            gone = _aside(self.folder)  # half a folder of frames would be taken for a whole one
            with suppress(OSError):
                self.folder.rename(gone)
                shutil.rmtree(gone)


def frames_of(path: Path) -> Path:
    """Where the frames of a film wait, or are, if it is a folder of pictures."""
    return path.with_name(f"{path.stem}.frames") if path.suffix else path


def holds(folder: Path, count: int) -> bool:
    """Whether the first `count` frames are in a folder of frames."""
    return all((folder / f"{number:05d}.png").is_file() for number in range(count))


def open_film(
    path: Path | str,
    *,
    fps: float = 30,
    quality: int = 80,
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
    start: int | None = None,
) -> Film:
    """Begin a film, or go on with it; its suffix says of which kind (see the top of this module).

    Args:
        fps: frames per second. A gif counts in hundredths of a second, and few players go
            above 50. Without meaning for a folder of PNGs.
        quality: 0 (small) to 100 (near lossless); 80 shows no loss at normal speed. Only mp4,
            webm and webp lose anything to it.
        size: (width, height) in pixels; by default that of the first frame. Other frames are
            resized (bicubic). mp4 and webm get even sides by repeating the last row or column.
        overwrite: replace a film of that name. A folder of PNGs is always continued instead.
        start: the number of the next frame; those that are there from it on are forgotten. None:
            after the last one.

    Raises:
        OutputError: if the kind, `fps`, `quality` or `size` cannot be, the film exists, there is
            no ffmpeg, or a frame before `start` is missing.
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
    if kind:
        _find_ffmpeg()  # better now than after an hour
    try:
        if kind and not overwrite:
            images.refuse_to_replace(path)
        return Film(path, Look(float(fps), quality, size), start)
    except OSError as error:
        raise images.unwritable(path, error) from error


def _aside(path: Path) -> Path:
    """A name beside, which nobody else has: ffmpeg may outlive a vqclip that was killed."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")


def _encode_mp4(folder: Path, film: Path, look: Look) -> None:
    # x264 counts from 0 (lossless) to 51; 18 is taken for visually lossless.
    how = ("-c:v", "libx264", "-crf", str(round(38 - look.quality / 4)))
    _encode(folder, film, look, *BT709, *how, "-movflags", "+faststart", str(film))


def _encode_webm(folder: Path, film: Path, look: Look) -> None:
    # VP9 counts from 0 to 63; 31 is its recommendation for 1080p, and -b:v 0 lets crf decide.
    how = ("-c:v", "libvpx-vp9", "-crf", str(round(55 - look.quality * 5 / 16)), "-b:v", "0")
    speed = ("-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
    _encode(folder, film, look, *BT709, *how, *speed, str(film))


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
    # bitexact: no encoder's version and no random numbers in the container.
    before = [_find_ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *read]
    command = [*before, *arguments[:-1], "-fflags", "+bitexact", arguments[-1]]
    done = subprocess.run(command, cwd=folder, capture_output=True, start_new_session=True)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2].strip()
        raise OutputError(f"ffmpeg stopped: {words or 'it said nothing'}")


def _find_ffmpeg() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError(
            "there is no ffmpeg, which films are made with; `pip install imageio-ffmpeg` brings "
            "one, or let $IMAGEIO_FFMPEG_EXE name yours, or keep a folder of pictures"
        ) from error


# Untagged video is taken for BT.709 by most players, while ffmpeg would convert to BT.601: the
# colours would shift. So convert to 709, and say so.
BT709 = (
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
    *("-colorspace", "bt709", "-color_primaries", "bt709"),
    *("-color_trc", "bt709", "-color_range", "tv"),
)
EVEN = (".mp4", ".webm")  # kinds that want even sides
FILMS: dict[str, Encode | None] = {
    ".mp4": _encode_mp4,
    ".webm": _encode_webm,
    ".gif": _encode_gif,
    ".webp": _encode_webp,
    "": None,
}
