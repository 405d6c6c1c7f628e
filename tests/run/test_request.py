"""The request of a run: made once, and refused before a model is loaded if it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from tests.run.test_session import ready
from vqclip import session
from vqclip.cli.main import main
from vqclip.config import loading
from vqclip.config.checking import animation_checks
from vqclip.config.loading import load_config
from vqclip.errors import ConfigError, PromptError
from vqclip.language import prompt_parser, prompts
from vqclip.media.audio import features as audio_features
from vqclip.media.audio.features import AudioFeatures
from vqclip.run.preflight import Request, make_request


def read(prompt: str = "a fox ^ an owl", begun: bool = False, **settings: Any) -> Request:
    return make_request(load_config(prompt, **settings), begun=begun)


def test_a_still_and_an_animation_have_their_clocks() -> None:
    still, film = read(steps=9), read(steps=9, frames=3, motion={"steps": 2})
    assert still.frames is None and still.clock.steps == still.clock.frames == 9
    assert film.frames is not None and film.clock.starts == (0, 9, 11)
    assert still.scenes.scenes == film.scenes.scenes == 2
    styled = read("a fox", style="ink of {}")
    assert [wish.body for wish in styled.prompts] == ["ink of a fox"]
    assert [wish.body for wish in styled.parsed_prompts] == ["a fox"]  # what is shown to people


def test_who_looks_and_how_much_it_counts() -> None:
    run = read(perceptors=["starter:{0: 0, 4: 1}:8", "starter-second"], steps=5)
    assert run.names == ["starter", "starter-second"]
    assert [run.weights["starter"](step) for step in (0, 2, 4)] == [0, 0.5, 1]
    assert run.weights["starter-second"](3) == 1
    assert [each.cutouts for each in run.perceptors] == [8, None]


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
    assert (run.starts_from_draft, list(run.scenes_with_drafts)) == (dreams, list(range(scenes)))
    assert run.starts_anew is not begun


def test_a_draft_needs_words() -> None:
    with pytest.raises(PromptError):
        read("fog:-1", init="dream")
    assert not read("fog:-1", begun=True, init="dream").starts_from_draft


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cutouts": {"noise": "frame"}},
            "cutouts.noise is 2 at frame 2 of 'frame'; it must be 1",
        ),
        ({"cutouts": {"count": "2 - frame"}}, "cutouts.count is 0 at frame 2 of '2 - frame'"),
        (
            {"optimiser": {"rate": "1 / frame"}},
            "optimiser.rate: '1 / frame' is not a finite number at frame 0",
        ),
        ({"losses": {"smoothness": "beat"}}, "losses.smoothness: .*'beat', which needs a sound"),
        ({"prompt": "a fox:{1 + tt}"}, "uses 'tt', which is not a known name"),
        ({"perceptors": ["starter:{0 - t}"]}, "perceptors: the weight of starter is -0.0"),
    ],
)
def test_what_cannot_be_at_some_frame_is_refused_before_models_are_loaded(
    home: Home, settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.models_vqgan, "load_vqgan", None)
    with pytest.raises(ConfigError, match=message):
        ready(home, **settings)


COUNTED = {
    "prompts parsed": (prompt_parser, "parse_part"),  # one for each part of a prompt
    "layers merged": (loading, "merge_layers"),
    "animations checked": (animation_checks, "check_animation"),
    "files of animations checked": (animation_checks, "require_animation_files"),
}


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often something is done, from now on."""
    found = dict.fromkeys(COUNTED, 0)

    def count(what: str, module: Any, name: str) -> None:
        real = getattr(module, name)

        def counting(*words: Any, **named: Any) -> Any:
            found[what] += 1
            return real(*words, **named)

        monkeypatch.setattr(module, name, counting)

    for what, (module, name) in COUNTED.items():
        count(what, module, name)
    return found


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([], ["a fox"]),
        ([], ["animate", "a fox", "frames=2"]),
        (["a fox"], ["again", "outputs/0001-a-fox/final.png", "steps=2"]),
        (["animate", "a fox", "frames=2"], ["again", "outputs/0001-a-fox", "--frames", "1:2"]),
        (["a fox"], ["resume", "outputs/0001-a-fox", "steps=4"]),
        (["animate", "a fox", "frames=2"], ["resume", "outputs/0001-a-fox", "frames=3"]),
        ([], ["plan", "a fox", "init=auto"]),
        ([], ["plan", "a fox", "frames=2"]),
    ],
    ids=" ".join,
)
def test_a_run_is_understood_once(
    home: Home, before: list[str], words: list[str], counts: dict[str, int]
) -> None:
    more = home.words("init=random", "losses.init=0")
    if before:
        assert main([*before, *more, "--quiet"]) == 0
    counts.update(dict.fromkeys(counts, 0))
    prompts.parse_grammar.cache_clear()
    assert main([*words, *([] if before else more), "--quiet"]) == 0
    assert counts == dict.fromkeys(counts, 1)


def test_a_plan_looks_for_a_sound_where_the_run_does(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("librosa")
    Path("music").mkdir()
    Path("music/song.wav").touch()
    heard: list[Path] = []

    def analyse(path: Path, **named: Any) -> AudioFeatures:
        heard.append(path)
        return AudioFeatures("song.wav", 2.0, 0.0, (), 0.0, {"low": [0.5] * named["frames"]})

    monkeypatch.setattr(audio_features, "analyse_audio", analyse)
    words = home.words("assets=music", "frames=2", "sound.file=song.wav", "camera.zoom=1 + low")
    for command in ("plan", "animate"):
        assert main([command, "a fox", *words, "--quiet"]) == 0
    assert heard == [Path("music/song.wav")] * 2


@pytest.mark.parametrize(
    ("prompt", "drawer", "start", "held"),
    [
        ("a fox", "pixels", "dream", True),
        ("a fox", "pixels", "fractal", False),
        ("a fox", "vqgan,pixels", "dream", False),
        ("a fox ^ a cat", "pixels", "dream", False),
        ("a fox | a cat in(left)", "pixels", "dream", False),
    ],
)
def test_the_plain_ground_of_a_single_draft_is_held(
    prompt: str, drawer: str, start: str, held: bool
) -> None:
    assert session.has_plain_ground(read(prompt, drawer=drawer, init=start)) is held
