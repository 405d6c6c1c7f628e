"""The film writer, frame by frame.

The name of the file decides of which kind a film is: .mp4, .mov, .webm, .gif, .webp, or without
a suffix a folder of numbered PNGs. `vqclip.media.film_encoder` says what is in them.

Frames wait on the disk, without loss, in the folder `film.frames`, until the film is closed.
So a run that was interrupted, or killed, goes on with the frames that it had, and its film is the
one that it would have had. A film that can grow does so meanwhile, to be watched: see
`vqclip.media.live_film`.
"""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqclip.errors import OutputError, VqclipError, suggest
from vqclip.media import files, film_encoder, live_film
from vqclip.media.film_encoder import EncodeOptions, Pixels
from vqclip.media.frames import frame_source, frame_writer
from vqclip.media.paths import FILMS

if TYPE_CHECKING:
    from vqclip.tensors import Image

SUFFIXES = (*(f".{kind}" for kind in FILMS if kind not in ("frames", "none")), "")


@dataclass(frozen=True)
class FilmPlan:
    """What goes into a film, and what becomes of what is there already.

    Attributes:
        size: (width, height) in pixels; by default that of the first frame. Other frames are
            resized (bicubic). Most codecs get even sides by repeating the last row or column.
        overwrite: replace a film of that name. A folder of PNGs is always continued instead.
        start: the number of the next frame; those that are there from it on are forgotten. None:
            after the last one.
        grows: whether the film can be watched before it is closed, if its kind allows it.
        folder: where frames wait, and then stay; None: in a folder that goes with the last one.
        tail: frames of another film that follow when the film is closed; see `Film.take`.
    """

    size: tuple[int, int] | None = None
    overwrite: bool = False
    start: int | None = None
    grows: bool = True
    folder: Path | None = None
    tail: Sequence[Path] = ()


class Film:
    """Something that takes frames and becomes a film; made by `open_film`.

    Attributes:
        path: where the film is once it is closed, provided that it has a frame.
        folder: where its frames are.
        count: how many frames it has.
        fps: how many of them a second.
        notes: what the film leaves out, a sentence each; complete once it is closed.
    """

    def __init__(self, path: Path, look: EncodeOptions, plan: FilmPlan) -> None:
        self.path = path
        self._look, self._size, self.fps = look, plan.size, look.fps
        self._kind = path.suffix.lower().removeprefix(".")
        self._grows = plan.grows and path.suffix.lower() in live_film.HOW
        self._live: live_film.LiveFilm | None = None
        self.folder = list_frames(path) if plan.folder is None else plan.folder
        self._stays, self._tail = plan.folder is not None, plan.tail
        self.notes: list[str] = []
        if look.sound is not None and self._kind not in film_encoder.SOUNDS:
            self._note(f"{_called(self._kind)} has no sound; {look.sound} is left out")
        if (said := film_encoder.describe_rate(self._kind, look)) is not None:
            self._note(said)
        self._over = False
        self._first = 0  # number of the first frame that the writer is given
        show = weakref.WeakMethod(self._show)  # in a cycle, a film that is let go would stay
        self._writer = frame_writer.FrameWriter(lambda count: (shown := show()) and shown(count))
        found = {int(p.stem): p for p in self.folder.glob("*.png") if p.stem.isdecimal()}
        self.count = self._first = max(found, default=-1) + 1
        if (start := plan.start) is None:
            return
        lacking = [number for number in range(start) if number not in found]
        if lacking:
            raise OutputError(
                f"{self.folder} lacks {len(lacking)} of the {start} frames that the film had, "
                f"such as {lacking[0]:05d}.png; put them back, or continue without a film: "
                "film.format=none"
            )
        for number in found.keys() - set(range(start)):
            found[number].unlink()  # it is taken again
        self.count = self._first = start

    @property
    def shown(self) -> tuple[int, Fraction]:
        """How many frames the film shows, those in between too, and how many of them a second."""
        return film_encoder.count_shown(self._kind, self._look, self.count)

    def add(self, frame: Image | Pixels) -> None:
        """Append [1, 3, H, W] in [0, 1], or [H, W, 3] uint8, or with alpha [H, W, 4] uint8.

        It is written meanwhile: `flush` waits for it.

        Raises:
            OutputError: if an earlier one could not be written, or the film is closed.
        """
        if self._over:
            raise OutputError(f"{self.path} is closed; no frame can be added to it")
        if self._size is None:
            height, width = frame.shape[:2] if isinstance(frame, np.ndarray) else frame.shape[-2:]
            self._size = int(width), int(height)
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise files.unwritable_error(self.folder, error) from error
        with self._counted():
            path = self.folder / f"{self.count:05d}.png"
            self._writer.add(path, frame, self._size, level=frame_writer.QUICK)
            self.count += 1

    def flush(self, durable: bool = False) -> None:
        """Wait until all frames are written; see `FrameWriter.flush`.

        Raises:
            OutputError: if one cannot be; then the film has those before it.
        """
        with self._counted():
            self._writer.flush(durable)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Where a frame could not be written, count those before it."""
        try:
            yield
        except BaseException:
            self.count = self._first + self._writer.count
            raise

    def _show(self, count: int) -> None:
        """Let the live film go on; called in the writer's thread, which `pause` waits for."""
        if self._live is not None:
            self._live.set_count(self._first + count)
        elif self._grows:
            self._live = live_film.start_live_film(
                self.path, self.folder, self._look.fps, self._first + count
            )
            # Whoever lets go of a film has done with it.
            weakref.finalize(self, self._live.stop).atexit = False

    def take(self, frames: Iterable[Path]) -> None:
        """Append copies of frames that another film has, in files as they are in its folder.

        Raises:
            OutputError: if one cannot be read or written.
        """
        self.flush()
        for path in frames:
            target = self.folder / f"{self.count:05d}.png"
            try:
                self.folder.mkdir(exist_ok=True)
                files.write_whole(target, path.read_bytes())
            except OSError as error:
                raise files.unwritable_error(target, error) from error
            self.count += 1
            self._first += 1

    def pause(self) -> None:
        """Make the film of the frames so far, and keep them: more may come.

        Raises:
            OutputError: if that cannot be; the frames stay.
        """
        self.flush()
        if self._over or not self._kind or self.count == 0:
            return
        if self._live is not None:
            self._live.stop()
            self._live = None
        part = files.temporary_path(self.path)
        try:
            self._encode(part)
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
            if not self._over:
                self.take(self._tail)
                self._tail = ()
            self.pause()
        finally:
            over, self._over = self._over, True
        if not over and self._kind and not self._stays:
            gone = files.temporary_path(
                self.folder
            )  # half a folder would be taken for a whole one
            with suppress(OSError):
                self.folder.rename(gone)
                shutil.rmtree(gone)

    def _encode(self, part: Path) -> None:
        paths = [self.folder / f"{number:05d}.png" for number in range(self.count)]
        found = frame_source.strip_of_pictures(paths)
        if found.alpha and not film_encoder.has_alpha(self._look.codec):
            self._note(
                f"{self._look.codec} in {_called(self._kind)} has no transparency; transparent "
                "parts become white"
            )
        film_encoder.encode_film(
            found.pictures, found.count, found.size, found.alpha, part, self._look
        )

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)


def list_frames(path: Path) -> Path:
    """Where the frames of a film wait, or are, if it is a folder of pictures."""
    return path.with_name(f"{path.stem}.frames") if path.suffix else path


def has_frames(folder: Path, count: int) -> bool:
    """Whether the first `count` frames are in a folder of frames, none of them empty."""
    paths = [folder / f"{number:05d}.png" for number in range(count)]
    return all(path.is_file() and path.stat().st_size > 0 for path in paths)


def open_film(path: Path | str, options: EncodeOptions, plan: FilmPlan) -> Film:
    """Begin a film, or go on with it; its suffix says of which kind (see the top of this module).

    Args:
        options: how it is encoded. What a kind has no use for, it leaves out.
        plan: what goes into it.

    Raises:
        OutputError: if the kind, `quality` or `size` cannot be, the film exists, there is no
            ffmpeg, or it lacks an encoder, or a frame before `start` is missing.
        ConfigError: if kind and codec do not go together.
        PictureError: if the sound cannot be used.
    """
    path = Path(path).absolute()
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise OutputError(
            f"{path.name} has the suffix {kind!r}, which is not a film "
            f"format{suggest(kind, SUFFIXES)}; expected {', '.join(filter(None, SUFFIXES))}, or "
            "no suffix for a folder of pictures"
        )
    if not 0 <= options.quality <= 100:
        raise OutputError(f"the quality of a film is {options.quality}; expected 0 to 100")
    if plan.size is not None and min(plan.size) < 1:
        width, height = plan.size
        raise OutputError(f"the size of a film is {width}x{height}; expected 1x1 or more")
    if kind:  # better now than after an hour
        options = film_encoder.resolve_options(kind.removeprefix("."), options)
    try:
        if kind and not plan.overwrite:
            files.refuse_to_replace(path)
        return Film(path, options, plan)
    except OSError as error:
        raise files.unwritable_error(path, error) from error


def _called(kind: str) -> str:
    return f"an {kind}" if kind == "mp4" else f"a {kind}" if kind else "a folder of pictures"
