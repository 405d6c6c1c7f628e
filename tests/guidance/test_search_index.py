"""An index: what is looked at again, what is kept, and what is in it after things went wrong."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch

from tests.helpers import tiny_clip
from vqclip.errors import OutputError
from vqclip.guidance import image_search, perceptor

WIDE = 3


def row_of(name: str, size: int = 1) -> image_search.Rows:
    """A row that tells pictures apart."""
    return numpy.array([len(name), sum(map(ord, name)), size], numpy.float32)


class Looker:
    """Looks at pictures, notes which, and stops where it is told to."""

    def __init__(self, stop: int | None = None, unreadable: Sequence[str] = ()) -> None:
        self.seen: list[str] = []
        self.stop, self.unreadable = stop, unreadable

    def __call__(self, names: Sequence[str]) -> Iterator[tuple[str, image_search.Rows]]:
        for name in names:
            if len(self.seen) == self.stop:
                raise KeyboardInterrupt
            self.seen.append(name)
            if name not in self.unreadable:
                yield name, row_of(name)


def album(count: int) -> list[image_search.Picture]:
    return [image_search.Picture(f"{number:03d}.png", 10 + number, 5) for number in range(count)]


def holds(found: image_search.Index, pictures: Sequence[image_search.Picture]) -> bool:
    """Whether an index holds these pictures, each with its own row."""
    names = [picture.name for picture in pictures]
    rows = numpy.stack([row_of(name) for name in names])
    return found.names == names and bool((found.vectors == rows).all())


def files(place: Path) -> list[str]:
    return sorted(path.suffix for path in place.iterdir() if path.name != ".lock")


def test_only_new_and_changed_pictures_are_looked_at(tmp_path: Path) -> None:
    pictures, looker = album(5), Looker()
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, looker), pictures)
    assert looker.seen == [picture.name for picture in pictures]
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.iterdir())
    looker = Looker()
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, looker), pictures)
    assert looker.seen == []
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.iterdir()) == before
    changed = image_search.Picture(pictures[2].name, pictures[2].size, 6)
    grown = image_search.Picture(pictures[3].name, 99, pictures[3].changed)
    new = image_search.Picture("zebra.png", 1, 1)
    now = [pictures[1], changed, grown, pictures[4], new]  # the first one has vanished
    assert holds(image_search.update_index(tmp_path, now, WIDE, looker), now)
    assert looker.seen == [changed.name, grown.name, new.name]
    assert files(tmp_path) == [".json", ".npy"]


def test_rows_are_mapped_floats_that_numpy_reads(tmp_path: Path) -> None:
    found = image_search.update_index(tmp_path, album(3), WIDE, Looker())
    assert isinstance(found.vectors.base, numpy.memmap) and not found.vectors.flags.writeable
    (file,) = tmp_path.glob("*.npy")
    rows = numpy.load(file)
    assert rows.dtype == numpy.float32 and (rows == found.vectors).all()


def test_what_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_search, "ROWS_PER_PART", 4)
    pictures = album(11)
    with pytest.raises(KeyboardInterrupt):
        image_search.update_index(tmp_path, pictures, WIDE, Looker(stop=10))
    assert files(tmp_path) == [*[".json"] * 3, *[".npy"] * 3]
    looker = Looker()
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, looker), pictures)
    assert looker.seen == ["010.png"]
    assert files(tmp_path) == [".json", ".npy"]


def test_a_process_that_dies_leaves_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill would: nothing after the last part is written, and half a part lies about."""
    monkeypatch.setattr(image_search, "ROWS_PER_PART", 4)
    pictures = album(10)
    image_search.update_index(tmp_path, pictures[:8], WIDE, Looker())
    half = "0123456789abcdef"
    for name in (f"{half}.npy", f"{half}.npy.part", f".{half}.json.01234567.part"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "mine.txt").write_text("not an index's")
    looker = Looker()
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, looker), pictures)
    assert looker.seen == ["008.png", "009.png"]
    assert files(tmp_path) == [".json", ".npy", ".txt"]


def test_a_part_that_was_replaced_counts_no_more(tmp_path: Path) -> None:
    """As when a process dies between writing the joined part and clearing the old ones away."""
    pictures = album(3)
    image_search.update_index(tmp_path, pictures, WIDE, Looker())
    (note,) = tmp_path.glob("*.json")
    old = tmp_path / "0123456789abcdef.json"
    old.write_text(note.read_text())
    numpy.save(old.with_suffix(".npy"), numpy.zeros((3, 3), numpy.float32))
    about = json.loads(note.read_text())
    note.write_text(json.dumps(about | {"replaces": [old.stem]}))
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, Looker(stop=0)), pictures)
    assert not old.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda note, rows: note.write_text("{"),
        lambda note, rows: note.write_text("[" * 100_000),
        lambda note, rows: note.write_text('{"version": 1, "replaces": [], "pictures": [[1]]}'),
        lambda note, rows: note.write_text(
            note.read_text().replace('"version": 1', '"version": 2')
        ),
        lambda note, rows: rows.write_bytes(rows.read_bytes()[:-1]),
        lambda note, rows: rows.write_bytes(b""),
        lambda note, rows: rows.unlink(),
        lambda note, rows: numpy.save(rows, numpy.zeros((2, 3), numpy.float32)),
        lambda note, rows: numpy.save(rows, numpy.zeros((3, 4), numpy.float32)),
        lambda note, rows: numpy.save(rows, numpy.zeros((3, 3), numpy.float64)),
        lambda note, rows: numpy.save(rows, numpy.zeros(3, numpy.float32)),
        lambda note, rows: numpy.save(rows, numpy.asfortranarray(numpy.zeros((3, 3), "f4"))),
        lambda note, rows: numpy.save(rows, numpy.array([{}] * 3, object), allow_pickle=True),
    ],
)
def test_a_damaged_part_is_made_again(tmp_path: Path, damage: object) -> None:
    pictures = album(3)
    image_search.update_index(tmp_path, pictures, WIDE, Looker())
    (note,), (rows,) = tmp_path.glob("*.json"), tmp_path.glob("*.npy")
    damage(note, rows)  # type: ignore[operator]
    looker = Looker()
    assert holds(image_search.update_index(tmp_path, pictures, WIDE, looker), pictures)
    assert len(looker.seen) == 3
    assert files(tmp_path) == [".json", ".npy"]


def test_unreadable_pictures_are_not_in_it_and_are_tried_again(tmp_path: Path) -> None:
    pictures = album(3)
    looker = Looker(unreadable=["001.png"])
    found = image_search.update_index(tmp_path, pictures, WIDE, looker)
    assert holds(found, [pictures[0], pictures[2]])
    found = image_search.update_index(tmp_path, pictures, WIDE, looker)
    assert looker.seen[3:] == ["001.png"] and len(found.names) == 2
    found = image_search.update_index(tmp_path / "none", pictures[1:2], WIDE, looker)
    assert found.names == [] and len(found.vectors) == 0


def test_numbers_that_are_none_do_not_stay(tmp_path: Path) -> None:
    rows = iter([("000.png", numpy.array([numpy.nan, 1], numpy.float32))])
    found = image_search.update_index(tmp_path, album(1), 2, lambda names: rows)
    assert found.vectors.tolist() == [[0, 1]]


def test_two_at_once_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_search, "ROWS_PER_PART", 3)
    pictures = album(20)
    told: list[str] = []
    inside, waits = threading.Event(), threading.Event()
    second = Looker()
    results: list[image_search.Index] = []

    def other() -> None:
        inside.wait(10)

        def say(words: str) -> None:
            told.append(words)
            waits.set()

        with image_search.lock_index(tmp_path, say):
            results.append(image_search.update_index(tmp_path, pictures, WIDE, second))

    def slowly(names: Sequence[str]) -> Iterator[tuple[str, image_search.Rows]]:
        for name in names:
            inside.set()
            assert waits.wait(10)
            yield name, row_of(name)

    thread = threading.Thread(target=other)
    thread.start()
    with image_search.lock_index(tmp_path):
        results.append(image_search.update_index(tmp_path, pictures[:15], WIDE, slowly))
    thread.join(10)
    assert told == [f"another vqclip is busy with the index {tmp_path}; waiting for it"]
    assert second.seen == [picture.name for picture in pictures[15:]]
    assert holds(results[0], pictures[:15]) and holds(results[1], pictures)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="index cannot be written"),
        image_search.lock_index(tmp_path / "file" / "index"),
    ):
        pass


def test_where_an_index_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    photos = tmp_path / "photos"
    photos.mkdir()
    one, other = (
        perceptor.load_perceptor(str(tiny_clip.write(tmp_path / f"clip-{seed}", seed)))
        for seed in (0, 1)
    )
    place = image_search.index_folder(photos, one)
    assert place.parent == photos / ".vqclip-search" and not place.exists()
    assert (
        image_search.index_folder(photos, one)
        == place
        != image_search.index_folder(photos, other)
    )
    renamed = replace(one, name="another name")
    assert image_search.index_folder(photos, renamed) != place
    half = replace(one, dtype=torch.bfloat16)
    assert image_search.index_folder(photos, half) != place
    shown = replace(one, mean=one.mean + 0.1)
    assert image_search.index_folder(photos, shown) != place
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    hidden = image_search.index_folder(photos, one)
    assert hidden.parent.parent == tmp_path / "home" / "search" and hidden.name == place.name
    assert image_search.index_folder(tmp_path, one).parent != hidden.parent


def test_pictures_are_noted_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "a.png"
    path.write_bytes(b"12345")
    os.utime(path, ns=(7, 8_000_000_000))
    found = image_search.list_pictures(tmp_path, [path, tmp_path / "gone.png"])
    assert found == [image_search.Picture("sub/a.png", 5, 8_000_000_000)]
