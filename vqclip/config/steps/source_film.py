"""Numbers of frames of a film that is drawn over: `frames=50%`, `source.stride=2s`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.config.schema import LEAST_FPS, MOST_FRAMES
from vqclip.errors import ConfigError
from vqclip.language.units.step_counts import StepCount
from vqclip.media.paths import FPS

if TYPE_CHECKING:
    from vqclip.media.frames.frame_source import Footage


def open_source_film(
    path: Path,
    *,
    fps: float | None,
    stride: int = 1,
    start: float = 0.0,
    frame: int = 0,
    size: tuple[int, int] | None = None,
    fit: str = "cover",
) -> Footage:
    """Open a film to draw over it, from one of the animation's frames on.

    Args:
        fps: of the animation; None: the film's.
        stride, start, fit: the settings `source.…`.
        frame: the animation's, from 0.
        size: as for `frame_source.open_footage`.

    Raises:
        ConfigError: for a stride that asks for more frames a second than are read of a film, or
            leaves fewer than an animation has.
        PictureError: if there is no such film, or it cannot be read.
    """
    # Here and elsewhere in functions: only films need PyAV.
    from vqclip.media.frames.frame_source import FASTEST, open_footage

    if fps is not None and stride > 1 and fps * stride > FASTEST:
        raise ConfigError(
            f"source.stride is {stride}, for which {path} would be read at {fps * stride:g} "
            f"frames a second with fps={fps:g}; write {max(1, int(FASTEST / fps))} or less"
        )
    first = 0
    if start:
        first = round(start * (fps or open_footage(path, stride=stride).fps or FPS))
    rate = None if fps is None else fps * stride
    found = open_footage(path, size=size, fps=rate, stride=stride, first=first + frame, fit=fit)
    if stride > 1 and found.fps is not None and found.fps < LEAST_FPS:
        raise ConfigError(
            f"source.stride is {stride}, which leaves {path} less than {LEAST_FPS:g} frames a "
            f"second; write {max(1, int(found.fps * stride / LEAST_FPS))} or less"
        )
    return found


def settle_frames(
    share: StepCount, path: Path, *, fps: float | None, stride: int, start: float
) -> int:
    """The number of frames of an animation that is a share of the film's.

    Args:
        share: a percentage.
        path: of the film.
        fps, stride, start: as for `open_source_film`.

    Raises:
        ConfigError: if it is more than an animation may have.
        PictureError: if there is no such film, or it cannot be read.
    """
    count = open_source_film(path, fps=fps, stride=stride, start=start).count
    frames = share.settle(count, 0)
    if frames > MOST_FRAMES:
        raise ConfigError(
            f"frames is {share.to_text} of {path}, {frames}, and an animation has at most "
            f"{MOST_FRAMES}; write a smaller share, or a larger source.stride"
        )
    return frames


def settle_stride(seconds: StepCount, path: Path) -> int:
    """Of how many frames of a film one is drawn over, if it is one every so many seconds.

    Raises:
        ConfigError: for pictures, which have no rate, and for more seconds than the film has.
        PictureError: if there is no such film, or it cannot be read.
    """
    rate = open_source_film(path, fps=None).fps
    if rate is None:
        raise ConfigError(
            f"source.stride is {seconds.to_text}, but the pictures of {path} have no rate of "
            "their own; write a whole number, such as 2"
        )
    stride = max(1, seconds.settle(0, rate))
    # Its last frame is looked for, since all would have to be decoded to count them.
    with closing(iter(open_source_film(path, fps=None, frame=stride - 1))) as last:
        if next(last, None) is None:
            raise ConfigError(
                f"source.stride is {seconds.to_text}, and {path} is shorter than that; write "
                "fewer seconds, or a whole number of its frames, such as 2"
            )
    return stride
