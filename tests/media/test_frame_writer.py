"""Tests of the thread that writes frames."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from vqclip.errors import OutputError
from vqclip.media import files, images
from vqclip.media.frames import frame_writer
from vqclip.media.frames.frame_writer import FrameWriter


def grey(level: int) -> torch.Tensor:
    return torch.full((1, 3, 4, 6), level / 255)


def level_of(path: Path) -> int:
    return int(np.asarray(pillow.open(path)).mean())


def test_pictures_are_written_in_order_with_size_and_notes(tmp_path: Path) -> None:
    counts: list[int] = []
    writer = FrameWriter(counts.append)
    for number in range(7):
        writer.add(tmp_path / f"{number}.png", grey(number), (12, 8), notes={"n": str(number)})
    writer.flush()
    assert counts == list(range(1, 8)) and writer.count == 7
    for number in range(7):
        with pillow.open(tmp_path / f"{number}.png") as found:
            assert (found.size, found.info["n"]) == ((12, 8), str(number))
        assert level_of(tmp_path / f"{number}.png") == number


def test_a_picture_is_that_of_when_it_was_added(tmp_path: Path) -> None:
    writer, pixels, image = FrameWriter(), np.zeros((4, 6, 3), np.uint8), grey(0)
    writer.add(tmp_path / "array.png", pixels)
    writer.add(tmp_path / "tensor.png", image)
    pixels[:] = 255
    image[:] = 1
    writer.flush()
    assert level_of(tmp_path / "array.png") == level_of(tmp_path / "tensor.png") == 0


def test_a_frame_is_encoded_quickly_and_holds_the_same_pixels(tmp_path: Path) -> None:
    image = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(1)).round(decimals=1)
    writer = FrameWriter()
    writer.add(tmp_path / "quick.png", image, level=frame_writer.QUICK)
    writer.add(tmp_path / "usual.png", image)
    writer.flush()
    assert (tmp_path / "usual.png").read_bytes() == images.to_png(images.to_bytes(image))
    quick = np.asarray(pillow.open(tmp_path / "quick.png"))
    assert np.array_equal(quick, images.to_bytes(image))


def test_the_run_waits_where_too_many_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, write = threading.Event(), files.write_whole

    def wait(*given: object, **more: object) -> Path:
        assert go_on.wait(30)
        return write(*given, **more)

    monkeypatch.setattr(files, "write_whole", wait)
    writer = FrameWriter()
    for number in range(frame_writer.MOST):
        writer.add(tmp_path / f"{number}.png", grey(0))
    late = threading.Thread(target=writer.add, args=(tmp_path / "late.png", grey(0)))
    late.start()
    late.join(0.2)
    assert late.is_alive() and not any(tmp_path.iterdir())
    go_on.set()
    late.join(30)
    writer.flush()
    assert len(list(tmp_path.iterdir())) == frame_writer.MOST + 1


def test_after_one_that_cannot_be_written_there_are_no_more(tmp_path: Path) -> None:
    writer = FrameWriter()
    writer.add(tmp_path / "0.png", grey(0))
    writer.add(tmp_path / "gone" / "1.png", grey(1))
    with pytest.raises(OutputError, match=r"gone/1\.png cannot be written"):
        writer.add(tmp_path / "2.png", grey(2))
        writer.flush()  # where the error was not known by then
    writer.flush()
    assert writer.count == 1 and [p.name for p in tmp_path.iterdir()] == ["0.png"]
    writer.add(tmp_path / "1.png", grey(1))
    writer.flush()
    assert writer.count == 2 and level_of(tmp_path / "1.png") == 1


def test_what_is_to_last_is_forced_onto_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: forced.append(os.fstat(number).st_ino))
    writer = FrameWriter()
    for number in range(3):
        writer.add(tmp_path / f"{number}.png", grey(0))
    writer.flush()
    assert forced == []
    (tmp_path / "1.png").unlink()
    writer.flush(durable=True)
    assert forced == [(tmp_path / f"{number}.png").stat().st_ino for number in (0, 2)]
    writer.flush(durable=True)
    assert len(forced) == 2


def test_nothing_is_replaced_unless_told(tmp_path: Path) -> None:
    writer = FrameWriter()
    for overwrite in (True, True):
        writer.add(tmp_path / "0.png", grey(9), overwrite=overwrite)
    writer.add(tmp_path / "0.png", grey(0))
    with pytest.raises(OutputError, match="already exists"):
        writer.flush()
    assert level_of(tmp_path / "0.png") == 9


def test_other_shapes_are_mistakes_of_ours(tmp_path: Path) -> None:
    for frame in (np.zeros((4, 4), np.uint8), torch.zeros(3, 4, 4)):
        with pytest.raises(ValueError, match="expected"):
            FrameWriter().add(tmp_path / "a.png", frame)
