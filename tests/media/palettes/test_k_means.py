"""k-means: centres of points."""

from __future__ import annotations

import numpy as np
import pytest

from vqclip.media.palettes import k_means
from vqclip.media.palettes.k_means import find_centres, label_points, move_centres


def test_the_centres_are_the_means_of_their_points() -> None:
    points = np.random.default_rng(2).random([500, 3])
    centres = find_centres(points, 7, steps=500)
    labels = label_points(points, centres)
    for index, centre in enumerate(centres):
        assert centre == pytest.approx(points[labels == index].mean(0))
    far = np.square(points[:, None] - centres).sum(2)
    assert np.array_equal(labels, far.argmin(1))


def test_weights_count_as_repeated_points() -> None:
    points = np.array([[0.0], [1.0], [10.0]])
    weights = np.array([3.0, 1.0, 2.0])
    start = np.array([[0.0], [9.0]])
    assert move_centres(points, start, weights).tolist() == [[0.25], [10.0]]
    repeated = np.repeat(points, [3, 1, 2], 0)
    assert move_centres(repeated, start).tolist() == [[0.25], [10.0]]


def test_fewer_points_than_centres() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    centres = find_centres(points, 4)
    assert {tuple(each) for each in centres.tolist()} == {(0.0, 0.0), (1.0, 1.0)}


def test_a_centre_without_points_stays() -> None:
    assert move_centres(np.array([[1.0]]), np.array([[2.0], [9.0]])).tolist() == [[1.0], [9.0]]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(3).random([101, 3])
    whole = find_centres(points, 5)
    monkeypatch.setattr(k_means, "CHUNK", 60)
    assert np.array_equal(find_centres(points, 5), whole)
