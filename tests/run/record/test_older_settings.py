"""Settings of older notes."""

from __future__ import annotations

from typing import Any

import pytest

from vqclip.config.checking.animation_checks import check_animation
from vqclip.config.loading import load_config
from vqclip.run.record.older_settings import modernise_config
from vqclip.run.record.provenance import Provenance


def test_a_still_that_noted_the_usual_rate_of_motion_is_drawn_again() -> None:
    motion = {"rate": 0.1, "hold": 3.0}
    noted: dict[str, Any] = {"motion": motion, "frames": 0, "source": {"film": ""}}
    notes = Provenance(config=noted, prompt="a fox", seed=1, models={}, versions={})
    found = load_config(base=notes.settings)
    check_animation(found)
    assert found.motion.rate is None and found.layout == "off"


@pytest.mark.parametrize("moves", [{"frames": 9}, {"length": 2.0}, {"source": {"film": "a.mp4"}}])
def test_an_animation_keeps_the_rate_that_it_noted(moves: dict[str, Any]) -> None:
    assert modernise_config({"motion": {"rate": 0.1}, **moves})["motion"] == {"rate": 0.1}


@pytest.mark.parametrize("odd", [{"motion": 3}, {"motion": {"rate": "x"}}, {"source": 3}, {}])
def test_what_was_edited_by_hand_stays(odd: dict[str, Any]) -> None:
    assert modernise_config(odd).items() >= odd.items()
