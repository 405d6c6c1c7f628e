"""Where does a film's material come from? Pictures of files, or another film, one at a time.

Whatever the material, it is given out in one size, and nothing but the picture at hand is held:
ten thousand take no more memory than ten.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import Image as pillow
from PIL import ImageOps

from vqclip.errors import PictureError
from vqclip.material import ANIMATIONS
from vqclip.record import ffmpeg, images

if TYPE_CHECKING:
    from numpy.typing import NDArray

JITTER = 10  # milliseconds; a gif counts in tens of them, so that 30 fps are 30, 30, 40 …
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
    pictures: Callable[[], Generator[NDArray[np.uint8], None, None]]
    fps: Fraction | None = None
    others: int = 0
    sound: bool = False


def of_pictures(paths: Sequence[Path], size: tuple[int, int] | None = None) -> Strip:
    """Take pictures of files, in order.

    Args:
        size: (width, height); None: that of the first.

    Raises:
        PictureError: if there are none, or one cannot be read; damage behind its head is only
            noticed when it is asked for.
    """
    if not paths:
        raise PictureError("there are no pictures to make a film of")
    heads = [images.glance(path) for path in paths]
    alpha = any(transparent for _, transparent in heads)
    wanted = size or heads[0][0]

    def pictures() -> Generator[NDArray[np.uint8], None, None]:
        for path in paths:
            yield _fitted(images.open_rgb(path, alpha=alpha), wanted, alpha)

    others = sum(own != wanted for own, _ in heads)
    return Strip(len(paths), wanted, alpha, pictures, others=others)


def of_film(path: Path, size: tuple[int, int] | None = None) -> Strip:
    """Take the pictures of a film, at an even pace: one that stays longer comes more often.

    Raises:
        PictureError: if it is no film that can be read.
    """
    if not path.is_file():
        raise PictureError(f"there is no film at {path}; check the name")
    if path.suffix.lower() in ANIMATIONS:  # not every ffmpeg knows moving WebPs
        return _animation(path, size)
    told = ffmpeg.tell(path)
    if told.video is None:
        raise PictureError(f"{path} is no film that ffmpeg can read; is it damaged or cut short?")
    # The usual decoder of VP9 passes over alpha.
    vp9 = told.alpha and told.video.startswith("vp9")
    decoder = ["-c:v", "libvpx-vp9"] if vp9 else []
    kind = ["-pix_fmt", "rgba" if told.alpha else "rgb24", "-c:v", "pam", "-f", "image2pipe"]
    read = [*decoder, "-i", str(path.absolute()), "-map", "0:v:0", "-vf", f"fps={told.fps}"]
    arguments = ffmpeg.command(*read, *kind, "pipe:1")
    count, own = 0, (0, 0)
    for pixels in _decoded(arguments, path):
        count, own = count + 1, (pixels.shape[1], pixels.shape[0])
    if count == 0:
        raise PictureError(f"{path} has no picture in it; is it damaged or cut short?")

    def pictures() -> Generator[NDArray[np.uint8], None, None]:
        for pixels in _decoded(arguments, path):
            yield _fitted(pillow.fromarray(pixels), size or own, told.alpha)

    others = count if size not in (None, own) else 0
    return Strip(count, size or own, told.alpha, pictures, told.fps, others, told.sound)


def _decoded(arguments: Sequence[str], path: Path) -> Iterator[NDArray[np.uint8]]:
    """The pictures that ffmpeg writes to its stdout, as PAM."""
    with tempfile.TemporaryFile() as said:
        process = ffmpeg.start(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        )
        assert process.stdout is not None
        try:
            while (pixels := _pam(process.stdout)) is not None:
                yield pixels
            if process.wait() != 0:
                said.seek(0)
                raise PictureError(f"{path} cannot be read to its end ({ffmpeg.words(said)})")
        finally:
            ffmpeg.end(process)


def _pam(file: IO[bytes]) -> NDArray[np.uint8] | None:
    """Read a picture of 8 bits in Netpbm's PAM; None at the end."""
    head: dict[bytes, int] = {}
    while (line := file.readline()) != b"ENDHDR\n":
        if not line:
            return None
        key, _, value = line.strip().partition(b" ")
        if value.isdigit():
            head[key] = int(value)
    shape = (head[b"HEIGHT"], head[b"WIDTH"], head[b"DEPTH"])
    data = file.read(shape[0] * shape[1] * shape[2])
    if len(data) < shape[0] * shape[1] * shape[2]:
        return None
    return np.frombuffer(data, np.uint8).reshape(shape)


def _animation(path: Path, size: tuple[int, int] | None) -> Strip:
    """A GIF or a WebP that moves."""
    times, alpha, own = [], False, (0, 0)
    for picture in _turned(path):
        time = round(picture.info.get("duration", 0))
        times.append(time if time > 10 else 100)  # as browsers do
        if picture.has_transparency_data and not alpha:
            alpha = bool(np.asarray(picture.convert("RGBA"))[..., 3].min() < 255)
        own = picture.size
    wanted, least = size or own, min(times)
    fps = Fraction(1000, least)
    if max(times) - least <= JITTER:
        fps = Fraction(1000 * len(times), sum(times))
        least, times = 1, [1] * len(times)

    def pictures() -> Generator[NDArray[np.uint8], None, None]:
        for picture, time in zip(_turned(path), times, strict=True):
            pixels = _fitted(picture, wanted, alpha)
            for _ in range(round(time / least)):
                yield pixels

    count = sum(round(time / least) for time in times)
    return Strip(count, wanted, alpha, pictures, fps, count if wanted != own else 0)


def _turned(path: Path) -> Iterator[pillow.Image]:
    """The pictures of an animation, one after another."""
    with images.opened(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            film.load()
            yield film


def _fitted(picture: pillow.Image, size: tuple[int, int], alpha: bool) -> NDArray[np.uint8]:
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
