"""Image search: an index of embeddings of a folder, and its nearest rows.

An index is a folder of parts; a part is two files: `NAME.npy`, float32 rows [N, D], mapped into
memory and never read whole, and `NAME.json`, which says whose rows they are and which older parts
it replaces. The second is written last, so that a part is there whole or not at all. While
pictures are looked at, a part is added every `EVERY` of them; in the end all parts become one, in
the order of the pictures' names. What was interrupted has kept its parts.

Rows are known by the picture's path below the folder, its size in bytes and its time of change:
whoever changes a picture and sets back its clock is believed. One process at a time works on an
index; others wait. A perceptor's index lies in a folder named after it and its weights.

The product reads every row once, so it is as fast as the memory (or, the first time, the disk)
that they lie in. With faiss installed and more than `MANY` rows, `faiss.knn` does the same: it
is exact, reads the rows where they are, and builds nothing. Approximate indexes (IVF, HNSW) would
read fewer rows, but cost minutes of training and miss some hits; there is none here.

faiss: Douze et al., 2024, https://arxiv.org/abs/2401.08281.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.media.files import slug, unwritable, write_whole
from vqclip.models.zoo import registry

if TYPE_CHECKING:
    from vqclip.tensors import Embedding


HIDDEN = ".vqclip-search"


EVERY = 500  # pictures, after which a part is written


VERSION = 1


# What an index writes, half-written files too; nothing else in its folder is ever deleted.
OURS = re.compile(r"\.?[0-9a-f]{16}\.(json|npy|npy\.part|json\.[0-9a-f]{8}\.part)")


Rows = NDArray[numpy.float32]


Look = Callable[[Sequence[str]], Iterator[tuple[str, Rows]]]


@dataclass(frozen=True)
class Picture:
    """A picture in a folder: its path from there, its size in bytes, and when it was changed."""

    name: str
    size: int
    changed: int  # in nanoseconds


@dataclass(frozen=True)
class Index:
    """Rows [N, D] of N pictures; `names` are paths from the folder."""

    names: list[str]
    vectors: Rows


@dataclass(frozen=True)
class _Part:
    name: str
    pictures: list[Picture]
    vectors: Rows


def place_of(folder: Path, perceptor: OpenClipPerceptor) -> Path:
    """Say where the index of a folder is, or will be.

    In the folder itself, hidden, if it can be written to; else in the user's cache. Below that,
    what tells perceptors apart: name, sha256 of the weights, and how they want to be shown
    pictures.
    """
    home = folder / HIDDEN
    if not os.access(home if home.is_dir() else folder, os.W_OK):
        key = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        home = registry.cache_dir().with_name("search") / f"{slug(folder.resolve().name)}-{key}"
    shown = f"{perceptor.size} {perceptor.interpolation} {perceptor.squash}"
    shown += f" {perceptor.mean.flatten().tolist()} {perceptor.std.flatten().tolist()}"
    about = f"{perceptor.name}\n{registry.sha256(perceptor.weights)}\n{shown}"
    return home / f"{slug(perceptor.name)}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def pictures_of(folder: Path, paths: Sequence[Path]) -> list[Picture]:
    """Note pictures below a folder as they are now; one that has just vanished is left out."""
    found = []
    for path in paths:
        with suppress(OSError):
            about = path.stat()
            name = path.relative_to(folder).as_posix()
            found.append(Picture(name, about.st_size, about.st_mtime_ns))
    return found


@contextmanager
def alone(place: Path, say: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """See to it that no other process works on an index; wait until it is done.

    Raises:
        OutputError: if the place cannot be written.
    """
    lock = FileLock(place / ".lock")
    try:
        place.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another vqclip is busy with the index {place}; waiting for it")
            lock.acquire()
    except OSError as error:
        raise unwritable(place, error) from error
    try:
        yield
    finally:
        lock.release()


def update(place: Path, pictures: Sequence[Picture], wide: int, look: Look) -> Index:
    """Bring an index up to date, and open it. Be `alone`.

    Args:
        place: its folder.
        pictures: all that are to be in it; others are dropped.
        wide: how many numbers a row has; rows of other widths do not count.
        look: given names of pictures, yields (name, row [D] of length 1) of those that can be
            read. If it raises, what it yielded before is kept.

    Raises:
        OutputError: if the index cannot be written.
    """
    parts = _parts(place, wide)
    if len(parts) == 1 and parts[0].pictures == list(pictures):
        return Index([picture.name for picture in pictures], parts[0].vectors)
    known = {picture for part in parts for picture in part.pictures}
    fresh = {picture.name: picture for picture in pictures if picture not in known}
    if fresh:
        _look_at(place, fresh, look)
        parts = _parts(place, wide)
    where = {picture: (part, n) for part in parts for n, picture in enumerate(part.pictures)}
    kept = [picture for picture in pictures if picture in where]
    if kept and (len(parts) > 1 or parts[0].pictures != kept):
        parts = _join(place, kept, [where[picture] for picture in kept], parts)
    vectors = parts[0].vectors if kept else numpy.empty((0, wide), numpy.float32)
    return Index([picture.name for picture in kept], vectors)


def _look_at(place: Path, fresh: Mapping[str, Picture], look: Look) -> None:
    """Add parts of pictures that have no row yet, whatever interrupts it."""
    new: list[tuple[Picture, Rows]] = []
    try:
        for name, row in look(list(fresh)):
            new.append((fresh[name], row))
            if len(new) == EVERY:
                _add(place, new)
                new = []
    finally:
        if new:
            _add(place, new)


def _parts(place: Path, wide: int) -> list[_Part]:
    """Open the parts that count, and clear away what does not: half-written, or replaced."""
    found: dict[str, _Part] = {}
    replaced: set[str] = set()
    for note in sorted(place.glob("*.json")):
        try:
            about = json.loads(note.read_text(encoding="utf-8"))
            pictures = [Picture(str(n), int(s), int(t)) for n, s, t in about["pictures"]]
            mapped = numpy.load(note.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
            vectors = numpy.asarray(mapped)
            fits = vectors.shape == (len(pictures), wide) and len(pictures) > 0
            plain = vectors.dtype == numpy.float32 and vectors.flags.c_contiguous
            if about["version"] == VERSION and fits and plain:
                found[note.stem] = _Part(note.stem, pictures, vectors)
                replaced |= set(about["replaces"])
        except Exception:  # a damaged file may raise nearly anything
            continue  # its pictures are looked at again
    for path in place.glob("*"):
        alive = path.stem in found and path.stem not in replaced
        if OURS.fullmatch(path.name) and not alive:
            with suppress(OSError):  # Windows keeps a file that somebody has mapped
                path.unlink()
    return [part for name, part in found.items() if name not in replaced]


def _add(place: Path, new: Sequence[tuple[Picture, Rows]]) -> None:
    """Write a part of pictures that have just been looked at."""
    rows = numpy.nan_to_num(numpy.stack([row for _, row in new]))
    name = secrets.token_hex(8)
    _write_rows(place / f"{name}.npy", rows.shape, [rows])
    _write_note(place / f"{name}.json", [picture for picture, _ in new], [])


def _join(
    place: Path,
    kept: Sequence[Picture],
    rows: Sequence[tuple[_Part, int]],
    parts: Sequence[_Part],
) -> list[_Part]:
    """Make one part of several, some rows at a time; then the old ones may go."""
    name = secrets.token_hex(8)

    def pieces() -> Iterator[Rows]:
        for first in range(0, len(rows), EVERY):
            some = rows[first : first + EVERY]
            yield numpy.stack([part.vectors[row] for part, row in some])

    wide = parts[0].vectors.shape[1]
    _write_rows(place / f"{name}.npy", (len(rows), wide), pieces())
    _write_note(place / f"{name}.json", kept, [part.name for part in parts])
    return _parts(place, wide)


def _write_rows(path: Path, shape: tuple[int, ...], pieces: Iterable[Rows]) -> None:
    """Write rows as numpy does, aside, and move them into place."""
    aside = path.with_suffix(".npy.part")
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    try:
        with aside.open("xb") as file:
            numpy.lib.format.write_array_header_1_0(file, header)
            for piece in pieces:
                file.write(numpy.ascontiguousarray(piece, "<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def _write_note(path: Path, pictures: Sequence[Picture], replaces: Sequence[str]) -> None:
    rows = [[picture.name, picture.size, picture.changed] for picture in pictures]
    about = {"version": VERSION, "replaces": list(replaces), "pictures": rows}
    write_whole(path, json.dumps(about).encode())


MANY = 100_000


ROWS = 65_536  # that are multiplied together


RowArray = NDArray[numpy.float32]


Hit = tuple[int, float]


def nearest(vectors: RowArray, query: Embedding, top: int) -> list[Hit]:
    """Find the `top` rows with the greatest inner product, best first; equal ones by number.

    Args:
        vectors: [N, D], in memory or mapped from a file; rows of length 1 give cosines.
        query: [D] or [1, D].

    Returns:
        (row, product) pairs: `top` of them, or N if that is less.
    """
    faiss = installed() if len(vectors) > MANY else None
    direction = query.detach().float().cpu().flatten().numpy()
    if faiss is not None:
        return by_faiss(faiss, vectors, direction, top)
    return by_product(vectors, direction, top)


def by_product(vectors: RowArray, direction: RowArray, top: int) -> list[Hit]:
    """`nearest` by a product of some rows at a time, of which the best are kept."""
    kept, numbers = numpy.empty(0, numpy.float32), numpy.empty(0, numpy.int64)
    for first in range(0, len(vectors), ROWS):
        products = vectors[first : first + ROWS] @ direction
        good = numpy.flatnonzero(products >= _floor(products, top))
        kept = numpy.concatenate([kept, products[good]])
        numbers = numpy.concatenate([numbers, good + first])
    best = numpy.lexsort((numbers, -kept))[:top]
    return _hits(numbers[best], kept[best])


def _floor(products: RowArray, top: int) -> float:
    """The product that the last of the best `top` has; what equals it is among them, too."""
    count = len(products)
    if count <= top:
        return -numpy.inf
    return float(numpy.partition(products, count - top)[count - top])


def by_faiss(faiss: Any, vectors: RowArray, direction: RowArray, top: int) -> list[Hit]:
    """`nearest` by faiss: the same rows, but for ties at the end of the list."""
    few = min(top, len(vectors))
    way = faiss.METRIC_INNER_PRODUCT
    products, numbers = faiss.knn(direction[None], vectors, few, metric=way)
    best = numpy.lexsort((numbers[0], -products[0]))
    return _hits(numbers[0][best], products[0][best])


def _hits(numbers: NDArray[numpy.int64], products: RowArray) -> list[Hit]:
    return list(zip(numbers.tolist(), products.tolist(), strict=True))


def installed() -> Any | None:
    """The package, if it is installed and works."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss
