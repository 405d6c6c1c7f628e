"""The time of a search among stored vectors, beside a plain matrix product.

    python benchmarks/search.py [vectors=100000] [wide=192] [top=10] [pairs=15]

An index of random directions is written as `vqclip search` writes one, and opened: mapped from
its file. Then the search (`guidance.image_search`) and numpy's product of the same vectors in
memory with the same query take turns; both are asked for a new query each time. Printed: both
times of each pair, and their ratio. With faiss installed, its search is timed in turn, too.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy
import torch

from vqclip.guidance import image_search

USUAL = {"vectors": 100_000, "wide": 192, "top": 10, "pairs": 15}
REPEATS = 10  # of each, in a pair


def directions(count: int, wide: int) -> image_search.Rows:
    """Random rows of length 1."""
    rows = numpy.random.default_rng(1).standard_normal((count, wide), dtype=numpy.float32)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def seconds(work: Callable[[image_search.Rows], object], queries: image_search.Rows) -> float:
    """The mean time of one query."""
    began = time.perf_counter()
    for query in queries:
        work(query)
    return (time.perf_counter() - began) / len(queries)


def main(arguments: Sequence[str]) -> None:
    """Write, open, take turns, print."""
    given = USUAL | {key: int(value) for key, _, value in (w.partition("=") for w in arguments)}
    count, wide, top = given["vectors"], given["wide"], given["top"]
    rows = directions(count, wide)
    print(f"$ python benchmarks/search.py {' '.join(arguments)}".rstrip())
    print(f"{platform.machine()}, numpy {numpy.__version__}, {torch.get_num_threads()} thread(s)")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        pictures = [image_search.Picture(f"{n:07d}.png", 1, 1) for n in range(count)]

        def look(names: Sequence[str]) -> Iterator[tuple[str, image_search.Rows]]:
            yield from zip(names, rows, strict=True)

        began = time.perf_counter()
        image_search.update_index(place, pictures, wide, look)
        written = time.perf_counter()
        found = image_search.update_index(place, pictures, wide, look)
        opened = time.perf_counter()
        print(
            f"{count} rows of {wide}: written in {written - began:.1f} s beside the looking, "
            f"opened in {opened - written:.2f} s"
        )
        ways: dict[str, Callable[[image_search.Rows], object]] = {
            "product": lambda query: rows @ query,
            "search": lambda query: image_search.search_by_product(found.vectors, query, top),
        }
        faiss = image_search.import_faiss()
        if faiss is not None:
            ways["faiss"] = lambda query: image_search.search_by_faiss(
                faiss, found.vectors, query, top
            )
        queries = directions(REPEATS * (given["pairs"] + 1), wide)
        times: list[dict[str, float]] = []
        for pair in range(given["pairs"] + 1):
            some = queries[pair * REPEATS : (pair + 1) * REPEATS]
            times.append({name: seconds(work, some) for name, work in ways.items()})
        for each in times[1:]:  # the first one warms up
            shown = (f"{name} {1000 * taken:.2f} ms" for name, taken in each.items())
            ratio = each["search"] / each["product"]
            print(f"  {', '.join(shown)}: ratio {ratio:.2f}")
        for name in list(ways)[1:]:
            ratios = sorted(each[name] / each["product"] for each in times[1:])
            print(
                f"{name} / product: median {statistics.median(ratios):.2f}, "
                f"from {ratios[0]:.2f} to {ratios[-1]:.2f}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
