"""What a run wants, and when; what cannot be is refused before a model is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Home
from tests.run.test_session import ready
from vqclip import session
from vqclip.config.loading import load
from vqclip.errors import ConfigError, PromptError
from vqclip.run import plan
from vqclip.run.plan import RunPlan


def read(prompt: str = "a fox ^ an owl", begun: bool = False, **settings: Any) -> RunPlan:
    return plan.make_plan(load(prompt, **settings), begun=begun)


def test_a_still_and_an_animation_have_their_clocks() -> None:
    still, film = read(steps=9), read(steps=9, frames=3, motion={"steps": 2})
    assert still.tour is None and still.clock.steps == still.clock.frames == 9
    assert film.tour is not None and film.clock.starts == (0, 9, 11)
    assert still.tale.scenes == film.tale.scenes == 2
    assert [wish.body for wish in read("a fox", style="ink of {}").wishes] == ["ink of a fox"]


def test_who_looks_and_how_much_it_counts() -> None:
    run = read(perceptors=["starter:{0: 0, 4: 1}:8", "starter-second"], steps=5)
    assert run.names == ["starter", "starter-second"]
    assert [run.weights["starter"](step) for step in (0, 2, 4)] == [0, 0.5, 1]
    assert run.weights["starter-second"](3) == 1
    assert [eye.squares for eye in run.eyes] == [8, None]


@pytest.mark.parametrize(
    ("settings", "begun", "dreams", "scenes"),
    [
        ({}, False, True, 0),
        ({"frames": 4}, False, True, 2),
        ({"frames": 4}, True, False, 0),
        ({"frames": 4, "init": "random"}, False, False, 0),
        ({"frames": 4, "motion": {"drafts": 0.0}}, False, True, 0),
        ({"frames": 4, "prompts": "a fox"}, False, True, 0),
    ],
)
def test_who_begins_with_a_draft(
    settings: dict[str, Any], begun: bool, dreams: bool, scenes: int
) -> None:
    text = settings.pop("prompts", "a fox ^ an owl")
    run = read(text, begun, **settings)
    assert (run.dreams, list(run.scenes_with_drafts)) == (dreams, list(range(scenes)))
    assert run.fresh is not begun


def test_a_draft_needs_words() -> None:
    with pytest.raises(PromptError):
        read("fog:-1", init="dream")
    assert not read("fog:-1", begun=True, init="dream").dreams


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cutouts": {"noise": "frame"}},
            "cutouts.noise is 2 at frame 2 of 'frame'; it must be 1",
        ),
        ({"cutouts": {"count": "2 - frame"}}, "cutouts.count is 0 at frame 2 of '2 - frame'"),
        ({"optimiser": {"rate": "1 / frame"}}, "optimiser.rate: '1 / frame' is no .* at frame 0"),
        ({"losses": {"smoothness": "beat"}}, "losses.smoothness: .*'beat', which a sound brings"),
        ({"prompt": "a fox:{1 + tt}"}, "asks for 'tt', which nothing here is called"),
        ({"perceptors": ["starter:{0 - t}"]}, "perceptors: the weight of starter is -0.0"),
    ],
)
def test_what_cannot_be_at_some_frame_is_refused_before_models_are_loaded(
    home: Home, settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.models_vqgan, "load_vqgan", None)
    with pytest.raises(ConfigError, match=message):
        ready(home, **settings)
