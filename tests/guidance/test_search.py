"""The nearest rows against a sort of all of them."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch

from vqclip.guidance import image_search


def directions(count: int, wide: int = 16) -> image_search.Rows:
    rows = numpy.random.default_rng(0).standard_normal((count, wide), dtype=numpy.float32)
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("rows", [7, 100, 1000])
@pytest.mark.parametrize("top", [1, 10, 5000])
def test_the_nearest_are_those_of_a_sort(
    rows: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_search, "ROWS_AT_ONCE", rows)
    vectors = directions(333)
    query = torch.from_numpy(directions(334)[-1:])
    hits = image_search.find_nearest(vectors, query, top)
    products = (vectors.astype(numpy.float64) @ query[0].numpy()).tolist()
    wanted = sorted(range(333), key=lambda row: -products[row])[:top]
    assert [row for row, _ in hits] == wanted
    assert [score for _, score in hits] == pytest.approx([products[n] for n in wanted], abs=1e-6)


def test_equal_rows_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_search, "ROWS_AT_ONCE", 4)
    vectors = numpy.ones((10, 2), numpy.float32)
    vectors[6] = 2
    hits = image_search.find_nearest(vectors, torch.ones(2), 4)
    assert hits == [(6, 4.0), (0, 2.0), (1, 2.0), (2, 2.0)]


def test_no_rows_no_hits() -> None:
    assert image_search.find_nearest(numpy.empty((0, 4), numpy.float32), torch.ones(4), 3) == []


class Faiss:
    """Stands in for the package, and counts how often it is asked."""

    METRIC_INNER_PRODUCT = 0
    asked = 0

    def knn(self, query: image_search.Rows, rows: image_search.Rows, k: int, metric: int) -> Any:
        self.asked += 1
        products = query @ rows.T
        best = numpy.argsort(-products, axis=1)[:, :k]
        return numpy.take_along_axis(products, best, 1), best


def test_faiss_is_asked_about_many_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    faiss = Faiss()
    monkeypatch.setattr(image_search, "import_faiss", lambda: faiss)
    monkeypatch.setattr(image_search, "FAISS_FROM", 300)
    vectors, query = directions(301), torch.from_numpy(directions(302)[-1])
    plain = image_search.search_by_product(vectors, query.numpy(), 10)
    assert [row for row, _ in image_search.find_nearest(vectors[:300], query, 10)]
    assert faiss.asked == 0
    hits = image_search.find_nearest(vectors, query, 10)
    assert faiss.asked == 1
    assert [row for row, _ in hits] == [row for row, _ in plain]


def test_without_faiss_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr(image_search, "FAISS_FROM", 3)
    assert image_search.import_faiss() is None
    assert (
        image_search.find_nearest(directions(9), torch.from_numpy(directions(9)[4]), 1)[0][0] == 4
    )


@pytest.mark.parametrize("top", [1, 10, 400])
def test_faiss_finds_the_same(top: int) -> None:
    faiss = pytest.importorskip("faiss")
    vectors, query = directions(333, 64), directions(334, 64)[-1]
    plain = image_search.search_by_product(vectors, query, top)
    theirs = image_search.search_by_faiss(faiss, vectors, query, top)
    assert [row for row, _ in theirs] == [row for row, _ in plain]
    assert [s for _, s in theirs] == pytest.approx([s for _, s in plain], abs=1e-5)
