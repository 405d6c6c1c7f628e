"""Which rows are nearest to a direction? A matrix product, over a file that may be large.

The product reads every row once, so it is as fast as the memory (or, the first time, the disk)
that they lie in. With faiss installed and more than `MANY` rows, `faiss.knn` does the same: it
is exact, reads the rows where they are, and builds nothing. Approximate indexes (IVF, HNSW) would
read fewer rows, but cost minutes of training and miss some hits; there is none here.

faiss: Douze et al., 2024, https://arxiv.org/abs/2401.08281.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vqclip.tensors import Embedding

MANY = 100_000
ROWS = 65_536  # that are multiplied together

Rows = NDArray[numpy.float32]
Hit = tuple[int, float]


def nearest(vectors: Rows, query: Embedding, top: int) -> list[Hit]:
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


def by_product(vectors: Rows, direction: Rows, top: int) -> list[Hit]:
    """`nearest` by a product of some rows at a time, of which the best are kept."""
    kept, numbers = numpy.empty(0, numpy.float32), numpy.empty(0, numpy.int64)
    for first in range(0, len(vectors), ROWS):
        products = vectors[first : first + ROWS] @ direction
        good = numpy.flatnonzero(products >= _floor(products, top))
        kept = numpy.concatenate([kept, products[good]])
        numbers = numpy.concatenate([numbers, good + first])
    best = numpy.lexsort((numbers, -kept))[:top]
    return _hits(numbers[best], kept[best])


def _floor(products: Rows, top: int) -> float:
    """The product that the last of the best `top` has; what equals it is among them, too."""
    count = len(products)
    if count <= top:
        return -numpy.inf
    return float(numpy.partition(products, count - top)[count - top])


def by_faiss(faiss: Any, vectors: Rows, direction: Rows, top: int) -> list[Hit]:
    """`nearest` by faiss: the same rows, but for ties at the end of the list."""
    few = min(top, len(vectors))
    way = faiss.METRIC_INNER_PRODUCT
    products, numbers = faiss.knn(direction[None], vectors, few, metric=way)
    best = numpy.lexsort((numbers[0], -products[0]))
    return _hits(numbers[0][best], products[0][best])


def _hits(numbers: NDArray[numpy.int64], products: Rows) -> list[Hit]:
    return list(zip(numbers.tolist(), products.tolist(), strict=True))


def installed() -> Any | None:
    """The package, if it is installed and works."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss
