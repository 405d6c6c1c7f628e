"""Waits of the host for a pretend accelerator: each of them leaves the device idle."""

from __future__ import annotations

import pytest

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main

pytestmark = pytest.mark.pretend
# A step, with a film or without, and a frame of one step that zooms. Fewer are welcome.
MOST = {"step": 1, "frame": 1}


def count_waits(home: Home, *words: str) -> int:
    with pretending() as accelerator:
        assert main.main(["a fox", *home.words("device=cuda", "seed=1", *words)]) == 0
    return accelerator.waits


@pytest.mark.parametrize("film", [[], ["film.format=gif", "film.every=1"]])
def test_a_step_waits_no_more_often_than_it_did(home: Home, film: list[str]) -> None:
    # The first run makes what later ones find.
    _, few, many = (count_waits(home, f"steps={steps}", *film) for steps in (2, 2, 6))
    assert 0 < (many - few) / 4 <= MOST["step"]


def test_a_frame_waits_no_more_often_than_it_did(home: Home) -> None:
    words = ("camera.zoom=1.1", "fps=2", "motion.steps=1", "film.format=gif")
    _, few, many = (count_waits(home, *words, f"frames={count}") for count in (2, 2, 4))
    assert 0 < (many - few) / 2 <= MOST["frame"]
