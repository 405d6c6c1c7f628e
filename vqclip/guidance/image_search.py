"""Image search: an index of embeddings of a folder, and its nearest rows.

An index is a folder of parts, each of two files: `NAME.npy` holds float32 rows [N, D], mapped
into memory and never read whole; `NAME.json` lists the pictures that the rows belong to, and the
older parts that this one replaces. The JSON file is written last, so that a part is complete or
does not count. While pictures are embedded, a part is written every `ROWS_PER_PART` of them; in
the end all parts are merged into one, in the order of the pictures' names. An interrupted update
keeps the parts that it has written.

A row belongs to a picture's path below the folder, its size in bytes and its time of change; a
picture that is changed and keeps size and time goes unnoticed. One process at a time works on an
index; others wait. Each perceptor's index is in a folder named after it and its weights.

The search multiplies every row once, so it is as fast as the memory (or, the first time, the
disk) that holds the rows. With faiss installed and more than `FAISS_FROM` rows, `faiss.knn` does
the same: it is exact, reads the rows where they are, and builds no index of its own. Approximate
indexes (IVF, HNSW) would read fewer rows, but take minutes of training and miss some hits; none
is used here.

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
from vqclip.media.files import make_slug, unwritable_error, write_whole
from vqclip.models.zoo import model_files

if TYPE_CHECKING:
    from vqclip.tensors import Embedding


INDEX_HOME = ".vqclip-search"  # the hidden folder of indexes, in the folder of pictures
ROWS_PER_PART = 500
VERSION = 1  # of the JSON file
FAISS_FROM = 100_000  # rows from which faiss is used
ROWS_AT_ONCE = 65_536  # rows that are multiplied together

# The names of an index's own files, half-written ones included; no other file is ever deleted.
INDEX_FILE = re.compile(r"\.?[0-9a-f]{16}\.(json|npy|npy\.part|json\.[0-9a-f]{8}\.part)")


Rows = NDArray[numpy.float32]  # [N, D], or one row [D]
EmbedPictures = Callable[[Sequence[str]], Iterator[tuple[str, Rows]]]
Hit = tuple[int, float]  # the number of a row, and its product with the query


@dataclass(frozen=True)
class Picture:
    """A picture file in a folder.

    Args:
        name: its path from the folder.
        size: in bytes.
        changed: time of change, in nanoseconds.
    """

    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class Index:
    """An image index: the embeddings of N pictures.

    Args:
        names: paths from the folder.
        vectors: [N, D], rows of length 1.
    """

    names: list[str]
    vectors: Rows


@dataclass(frozen=True)
class _Part:
    name: str
    pictures: list[Picture]
    vectors: Rows


def index_folder(folder: Path, perceptor: OpenClipPerceptor) -> Path:
    """Return the folder of an index, whether or not it exists yet.

    It is in the folder of pictures itself, hidden, if that can be written to; else in the user's
    cache. Its name depends on the perceptor's name, weights (sha256), preprocessing, precision.
    """
    home = folder / INDEX_HOME
    if not os.access(home if home.is_dir() else folder, os.W_OK):
        key = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
        home = (
            model_files.cache_dir().with_name("search")
            / f"{make_slug(folder.resolve().name)}-{key}"
        )
    shown = f"{perceptor.size} {perceptor.interpolation} {perceptor.squash}"
    shown += f" {perceptor.mean.flatten().tolist()} {perceptor.std.flatten().tolist()}"
    precision = perceptor.computation["precision"]
    shown += "" if precision == "fp32" else f" {precision}"  # rows differ in the third decimal
    about = f"{perceptor.name}\n{model_files.file_sha256(perceptor.weights)}\n{shown}"
    return home / f"{make_slug(perceptor.name)}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def list_pictures(folder: Path, paths: Sequence[Path]) -> list[Picture]:
    """Read the size and time of pictures below a folder; files that are gone are left out."""
    found = []
    for path in paths:
        with suppress(OSError):
            about = path.stat()
            name = path.relative_to(folder).as_posix()
            found.append(Picture(name, about.st_size, about.st_mtime_ns))
    return found


@contextmanager
def lock_index(place: Path, say: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """Lock an index against other processes; wait while another one has it.

    Args:
        place: the index's folder, made if it is absent.
        say: is told that there is a wait.

    Raises:
        OutputError: if the folder cannot be written to.
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
        raise unwritable_error(place, error) from error
    try:
        yield
    finally:
        lock.release()


def update_index(
    place: Path, pictures: Sequence[Picture], width: int, look: EmbedPictures
) -> Index:
    """Bring an index up to date, and open it; call it within `lock_index`.

    Args:
        place: its folder.
        pictures: all pictures that belong in it; rows of others are dropped.
        width: D, the length of a row; parts of another width are ignored.
        look: embeds pictures by name: yields (name, row [D] of length 1) for those that can be
            read. If it raises, the rows that it yielded before are kept.

    Raises:
        OutputError: if the index cannot be written.
    """
    parts = _open_parts(place, width)
    if len(parts) == 1 and parts[0].pictures == list(pictures):
        return Index([picture.name for picture in pictures], parts[0].vectors)
    known = {picture for part in parts for picture in part.pictures}
    fresh = {picture.name: picture for picture in pictures if picture not in known}
    if fresh:
        _add_new_pictures(place, fresh, look)
        parts = _open_parts(place, width)
    where = {picture: (part, n) for part in parts for n, picture in enumerate(part.pictures)}
    kept = [picture for picture in pictures if picture in where]
    if kept and (len(parts) > 1 or parts[0].pictures != kept):
        parts = _merge_parts(place, kept, [where[picture] for picture in kept], parts)
    vectors = parts[0].vectors if kept else numpy.empty((0, width), numpy.float32)
    return Index([picture.name for picture in kept], vectors)


def _add_new_pictures(place: Path, fresh: Mapping[str, Picture], look: EmbedPictures) -> None:
    """Embed pictures that have no row yet, and write parts, also when it is interrupted."""
    new: list[tuple[Picture, Rows]] = []
    try:
        for name, row in look(list(fresh)):
            new.append((fresh[name], row))
            if len(new) == ROWS_PER_PART:
                _write_part(place, new)
                new = []
    finally:
        if new:
            _write_part(place, new)


def _open_parts(place: Path, width: int) -> list[_Part]:
    """Open the parts that count; delete those that are half-written, damaged or replaced."""
    found: dict[str, _Part] = {}
    replaced: set[str] = set()
    for note in sorted(place.glob("*.json")):
        try:
            about = json.loads(note.read_text(encoding="utf-8"))
            pictures = [Picture(str(n), int(s), int(t)) for n, s, t in about["pictures"]]
            mapped = numpy.load(note.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
            vectors = numpy.asarray(mapped)
            fits = vectors.shape == (len(pictures), width) and len(pictures) > 0
            plain = vectors.dtype == numpy.float32 and vectors.flags.c_contiguous
            if about["version"] == VERSION and fits and plain:
                found[note.stem] = _Part(note.stem, pictures, vectors)
                replaced |= set(about["replaces"])
        except Exception:  # a damaged file may raise nearly anything
            continue  # its pictures are embedded again
    for path in place.glob("*"):
        alive = path.stem in found and path.stem not in replaced
        if INDEX_FILE.fullmatch(path.name) and not alive:
            with suppress(OSError):  # Windows keeps a file that somebody has mapped
                path.unlink()
    return [part for name, part in found.items() if name not in replaced]


def _write_part(place: Path, new: Sequence[tuple[Picture, Rows]]) -> None:
    """Write a part of pictures that have just been embedded."""
    rows = numpy.nan_to_num(numpy.stack([row for _, row in new]))
    name = secrets.token_hex(8)
    _write_rows(place / f"{name}.npy", rows.shape, [rows])
    _write_note(place / f"{name}.json", [picture for picture, _ in new], [])


def _merge_parts(
    place: Path,
    kept: Sequence[Picture],
    rows: Sequence[tuple[_Part, int]],
    parts: Sequence[_Part],
) -> list[_Part]:
    """Merge parts into one, some rows at a time; the old parts are deleted."""
    name = secrets.token_hex(8)

    def pieces() -> Iterator[Rows]:
        for first in range(0, len(rows), ROWS_PER_PART):
            some = rows[first : first + ROWS_PER_PART]
            yield numpy.stack([part.vectors[row] for part, row in some])

    width = parts[0].vectors.shape[1]
    _write_rows(place / f"{name}.npy", (len(rows), width), pieces())
    _write_note(place / f"{name}.json", kept, [part.name for part in parts])
    return _open_parts(place, width)


def _write_rows(path: Path, shape: tuple[int, ...], pieces: Iterable[Rows]) -> None:
    """Write rows in numpy's format to a file aside, and move it into place."""
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
        raise unwritable_error(path, error) from error


def _write_note(path: Path, pictures: Sequence[Picture], replaces: Sequence[str]) -> None:
    rows = [[picture.name, picture.size, picture.changed] for picture in pictures]
    about = {"version": VERSION, "replaces": list(replaces), "pictures": rows}
    write_whole(path, json.dumps(about).encode())


def find_nearest(vectors: Rows, query: Embedding, top: int) -> list[Hit]:
    """Find the rows with the greatest inner product, best first; equal ones by number.

    Args:
        vectors: [N, D], in memory or mapped from a file; rows of length 1 give cosines.
        query: [D] or [1, D].
        top: how many rows to find.

    Returns:
        (number of the row, product) pairs: `top` of them, or N if that is less.
    """
    faiss = import_faiss() if len(vectors) > FAISS_FROM else None
    direction = query.detach().float().cpu().flatten().numpy()
    if faiss is not None:
        return search_by_faiss(faiss, vectors, direction, top)
    return search_by_product(vectors, direction, top)


def search_by_product(vectors: Rows, direction: Rows, top: int) -> list[Hit]:
    """Do the work of `find_nearest` by matrix products of `ROWS_AT_ONCE` rows."""
    kept, numbers = numpy.empty(0, numpy.float32), numpy.empty(0, numpy.int64)
    for first in range(0, len(vectors), ROWS_AT_ONCE):
        products = vectors[first : first + ROWS_AT_ONCE] @ direction
        good = numpy.flatnonzero(products >= _floor(products, top))
        kept = numpy.concatenate([kept, products[good]])
        numbers = numpy.concatenate([numbers, good + first])
    best = numpy.lexsort((numbers, -kept))[:top]
    return _hits(numbers[best], kept[best])


def _floor(products: Rows, top: int) -> float:
    """The `top`-th greatest product; minus infinity if there are no more than `top`."""
    count = len(products)
    if count <= top:
        return -numpy.inf
    return float(numpy.partition(products, count - top)[count - top])


def search_by_faiss(faiss: Any, vectors: Rows, direction: Rows, top: int) -> list[Hit]:
    """Do the work of `find_nearest` by faiss: the same rows, but for ties at the list's end."""
    count = min(top, len(vectors))
    way = faiss.METRIC_INNER_PRODUCT
    products, numbers = faiss.knn(direction[None], vectors, count, metric=way)
    best = numpy.lexsort((numbers[0], -products[0]))
    return _hits(numbers[0][best], products[0][best])


def _hits(numbers: NDArray[numpy.int64], products: Rows) -> list[Hit]:
    return list(zip(numbers.tolist(), products.tolist(), strict=True))


def import_faiss() -> Any | None:
    """Import faiss; None if it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss
