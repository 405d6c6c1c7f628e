"""The frame writer: a thread that turns frames into files, in order, while the run goes on.

Encoding a PNG and copying it from a GPU take longer than a step may; here the run waits for
neither, unless `MOST` frames wait already.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqclip.media import files, images

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vqclip.tensors import Image

MOST = 4  # frames that wait, each 3 bytes a pixel; then the run waits, too
QUICK = 1  # zlib's level, for frames: a quarter to a third of the time of its usual one


class FrameWriter:
    """Writes pictures as PNG in a thread, in order.

    A file is there whole or not at all, after a kill, too. It is forced onto the disk by
    `flush(durable=True)` only. Where one cannot be written, those that wait behind it are
    dropped, and a later `add` or `flush` raises the error.

    Args:
        written: called with the number of pictures so far, in the thread, after each.
    """

    def __init__(self, written: Callable[[int], object] = lambda count: None) -> None:
        self.count = 0
        self._written = written
        self._pool = ThreadPoolExecutor(1, "frames")
        self._waiting: deque[Future[None]] = deque()
        self._failed = False
        self._loose: list[Path] = []  # written, and not forced onto the disk

    def add(
        self,
        path: Path,
        frame: Image | NDArray[np.uint8],
        size: tuple[int, int] | None = None,
        *,
        notes: Mapping[str, str] | None = None,
        level: int | None = None,
        overwrite: bool = False,
    ) -> None:
        """Have a picture written.

        Args:
            frame: [1, 3, H, W] in [0, 1], or [H, W, 3] uint8, or the same with opacity. It may
                be changed afterwards.
            size: (width, height) in pixels, to which it is resized (bicubic).
            notes: text chunks of the PNG, by name.
            level: of zlib; None for the usual one.
            overwrite: replace a file of that name.

        Raises:
            OutputError: if an earlier one could not be written; this one is not added then.
            ValueError: for another shape.
        """
        if isinstance(frame, np.ndarray):
            images.check_pixels(frame)
        pixels = frame.copy() if isinstance(frame, np.ndarray) else images.to_levels(frame)
        if not isinstance(pixels, np.ndarray) and not pixels.is_cuda:
            pixels = pixels.cpu().numpy()  # MPS does not bear two threads (pytorch 197805)
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MOST):
            self._finish_first()

        def write() -> None:
            if self._failed:
                return
            try:
                fitted, _ = images.fit_frame(
                    pixels if isinstance(pixels, np.ndarray) else pixels.cpu().numpy(), size
                )
                encoded = images.to_png(fitted, notes, level=level)
                files.write_whole(path, encoded, overwrite=overwrite, durable=False)
            except BaseException:
                self._failed = True
                raise
            self.count += 1
            self._loose.append(path)
            self._written(self.count)

        self._waiting.append(self._pool.submit(write))

    def flush(self, durable: bool = False) -> None:
        """Wait until all are written.

        Args:
            durable: force them onto the disk, too.

        Raises:
            OutputError: if one could not be.
        """
        while self._waiting:
            self._finish_first()
        if durable:
            for path in self._loose:
                with suppress(OSError), path.open("rb+") as file:  # whoever deleted it may
                    os.fsync(file.fileno())
            self._loose.clear()

    def _finish_first(self) -> None:
        try:
            self._waiting.popleft().result()
        except BaseException:
            wait(self._waiting)  # they see that one failed, and are dropped
            self._waiting.clear()
            self._failed = False
            raise
