"""Waits of the host for a pretend accelerator: each of them leaves the device idle."""

from __future__ import annotations

import pytest

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main

pytestmark = pytest.mark.pretend


def count_waits(home: Home, *words: str) -> int:
    with pretending() as accelerator:
        assert main.main(["a fox", *home.words("device=cuda", "seed=1", *words)]) == 0
    return accelerator.waits


@pytest.mark.parametrize("film", [[], ["film.format=gif", "film.every=1"]])
def test_a_step_waits_no_more_often_than_it_did(home: Home, film: list[str]) -> None:
    # The first run makes what later ones find.
    _, few, many = (count_waits(home, f"steps={steps}", *film) for steps in (1, 1, 5))
    assert 0 < (many - few) / 4 <= 1


@pytest.mark.parametrize(
    ("move", "most"),
    [
        (("camera.zoom=1.1",), 1),
        (("camera.forward=0.1", "camera.depth=plane"), 1),
        (("camera.forward=0.1", "camera.depth=tunnel"), 1),
        (("camera.zoom=1.1", "camera.through=latent", "motion.smooth=0.5"), 1),
        (("camera.zoom=1.1", "drawer=pixels", "init=random"), 2),
    ],
)
def test_a_frame_waits_no_more_often_than_it_did(
    home: Home, move: tuple[str, ...], most: int
) -> None:
    words = (*move, "fps=2", "steps=1", "motion.steps=1", "film.format=gif")
    _, few, many = (count_waits(home, *words, f"frames={count}") for count in (2, 2, 4))
    assert 0 < (many - few) / 2 <= most
