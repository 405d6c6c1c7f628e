"""Steered runs: a change in mid-run equals a stop and a resume, and is made again to the byte."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Home
from tests.helpers.killing import kill_run
from vqclip.cli import main, output
from vqclip.cli.commands.runs.steered_run import SteeredRun
from vqclip.config.loading import load_config
from vqclip.config.loss_settings import LATER
from vqclip.config.setting_descriptions import noted_settings
from vqclip.media.files import CHECKPOINT
from vqclip.run.record import noted_changes, provenance, steering
from vqclip.run.record.steering import SteeringReply, SteeringRequest

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
WORDS = ("steps=8", "seed=5", "checkpoint.every=3", "previews=2", "film.format=mp4")
CHANGES: dict[str, Any] = {"losses.edges": 2.0, "prompts": "a whale"}
PLACE = Path("outputs/0001-a-fox")


def contents(place: Path) -> dict[str, bytes]:
    """What must be equal: the picture, the film, the previews, the log and the checkpoint."""
    names = ("final.png", "film.mp4", "log.jsonl", CHECKPOINT)
    found = {name: (place / name).read_bytes() for name in names}
    return found | {p.name: p.read_bytes() for p in (place / "steps").iterdir()}


def drawn_alike(place: Path, other: dict[str, bytes]) -> bool:
    """Whether all but the checkpoint is the same, which knows how often it is written."""
    mine = contents(place)
    return {key for key in mine if mine[key] != other.get(key)} <= {CHECKPOINT}


def after_step(patch: Patch, index: int, do: Callable[[], object]) -> None:
    """Do something once when a step has been taken and told of."""
    event, done = output.Console.event, []

    def telling(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if name == "step" and values["step"] == index and not done:
            done.append(True)
            do()

    patch.setattr(output.Console, "event", telling)


def ask(kind: str, settings: dict[str, Any] | None = None) -> Path:
    return steering.write_request(PLACE, SteeringRequest(kind, settings or {}))


def draw(home: Home, *words: str) -> int:
    return main.main(["a fox", "--json", *home.words(*WORDS, *words)])


def go(*words: str) -> None:
    assert main.main([*words, "--quiet"]) == 0


@pytest.fixture
def steered(home: Home, monkeypatch: Patch) -> dict[str, bytes]:
    """A run of which two settings change after four steps."""
    with monkeypatch.context() as patch:
        after_step(patch, 3, lambda: ask("change", CHANGES))
        assert draw(home) == 0
    return contents(PLACE)


def test_a_change_equals_a_stop_and_a_resume(
    home: Home, steered: dict[str, bytes], monkeypatch: Patch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    PLACE.rename("outputs/steered")
    with monkeypatch.context() as patch:
        after_step(patch, 3, stop)
        assert draw(home) == 130
    go("resume", str(PLACE), *(f"{key}={value}" for key, value in CHANGES.items()))
    assert contents(PLACE) == steered
    notes = provenance.read_provenance(PLACE)
    assert notes.changes == [{"step": 4, "settings": {"prompts": "a fox", "losses.edges": 0.0}}]


def test_it_is_made_again_to_the_byte(
    home: Home, steered: dict[str, bytes], capsys: Capture
) -> None:
    assert main.main(["again", str(PLACE)]) == 0
    said = capsys.readouterr().err
    assert "other values of losses.edges, prompts up to step 4; so is this one" in said
    assert "from step 5 on: losses.edges=2.0, prompts=a whale" in said
    (place,) = Path("outputs").glob("0002-*")
    assert drawn_alike(place, steered)
    assert not (place / steering.FOLDER).exists()


def test_again_with_a_setting_of_its_own_keeps_the_other_changes(
    home: Home, steered: dict[str, bytes]
) -> None:
    go("again", str(PLACE), "prompts=a bee")
    (place,) = Path("outputs").glob("0002-*")
    notes = provenance.read_provenance(place)
    assert notes.prompt == "a bee"
    assert notes.changes == [{"step": 4, "settings": {"losses.edges": 0.0}}]


@pytest.mark.parametrize("count", [3, 5, 7])
def test_made_again_killed_and_resumed(
    home: Home, steered: dict[str, bytes], monkeypatch: Patch, count: int
) -> None:
    kill_run(monkeypatch, count, "again", str(PLACE), "checkpoint.every=1")
    (place,) = Path("outputs").glob("0002-*")
    assert not (place / "final.png").exists()
    go("resume", str(place))
    assert drawn_alike(place, steered)


def test_killed_between_the_stop_and_the_change(
    home: Home, steered: dict[str, bytes], monkeypatch: Patch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(SteeredRun, "_change", die)
        main.main(["again", str(PLACE)])
    (place,) = Path("outputs").glob("0002-*")
    go("resume", str(place))
    assert drawn_alike(place, steered)


def test_a_run_that_waits_goes_on_as_if_it_had_not(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    go("a fox", "--out", "whole", *home.words(*WORDS))
    begun = []

    def pause() -> None:
        path = ask("pause")
        begun.append(threading.Thread(target=lambda: go_on(path)))
        begun[0].start()

    def go_on(path: Path) -> None:
        while path.exists():
            time.sleep(0.01)
        assert (PLACE / CHECKPOINT).exists()
        ask("keep")
        ask("continue")

    capsys.readouterr()
    with monkeypatch.context() as patch:
        after_step(patch, 3, pause)
        assert draw(home) == 0
    begun[0].join()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [each["event"] for each in told if each["event"] != "step"]
    assert names[:3] == ["start", "paused", "kept"] and names[-1] == "done"
    assert [each["step"] for each in told if each["event"] == "step"] == list(range(8))
    assert contents(PLACE) == contents(Path("whole/0001-a-fox"))
    kept = provenance.read_provenance(PLACE / "kept/00004.png")
    assert kept.prompt == "a fox"


def test_what_cannot_be_used_is_refused_and_the_run_goes_on(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    go("a fox", "--out", "whole", *home.words(*WORDS))
    asked: list[Path] = []
    with monkeypatch.context() as patch:
        wish = {"prompts": "@nothing.png"}
        after_step(patch, 3, lambda: asked.append(ask("change", wish)))
        assert draw(home) == 0
    assert "note: the change after step 4 is left out: " in capsys.readouterr().err
    reply = SteeringReply(**json.loads(asked[0].with_suffix(".reply").read_text()))
    assert reply.step == 4 and "nothing.png" in reply.refused
    assert contents(PLACE) == contents(Path("whole/0001-a-fox"))


def test_files_that_are_no_requests_change_nothing(home: Home, monkeypatch: Patch) -> None:
    go("a fox", "--out", "whole", *home.words(*WORDS))
    junk = ("", "[]", "{", '{"kind": "change"}', '{"kind": "dance", "settings": {}}', "[" * 9**5)
    odd = '{"kind": "pause", "settings": {}, "step": "1"}'

    def litter() -> None:
        folder = PLACE / steering.FOLDER
        folder.mkdir()
        for number, text in enumerate((*junk, odd)):
            (folder / f"{number}.json").write_text(text)
        (folder / "9.json").mkdir()

    with monkeypatch.context() as patch:
        after_step(patch, 3, litter)
        assert draw(home) == 0
    assert contents(PLACE) == contents(Path("whole/0001-a-fox"))


def test_a_request_after_the_last_step_is_too_late(home: Home, monkeypatch: Patch) -> None:
    asked: list[Path] = []
    with monkeypatch.context() as patch:
        after_step(patch, 7, lambda: asked.append(ask("change", CHANGES)))
        assert draw(home) == 0
    reply = json.loads(asked[0].with_suffix(".reply").read_text())
    assert reply == {"step": 8, "refused": "the run had come to its end", "kept": ""}
    assert provenance.read_provenance(PLACE).changes == []


def test_an_animation_is_steered_and_made_again(home: Home, monkeypatch: Patch) -> None:
    words = ("steps=3", "motion.steps=2", "camera.zoom=1.1", "previews=0")
    with monkeypatch.context() as patch:
        change = {"camera.zoom": 0.8, "losses.edges": 2.0}
        after_step(patch, 4, lambda: ask("change", change))
        words = ("animate", "a fox", "--json", *home.words(*WORDS, *words, "frames=4"))
        assert main.main([*words]) == 0
    assert provenance.read_provenance(PLACE).changes[0]["step"] == 5
    go("again", str(PLACE))
    frames = sorted((PLACE / "frames").iterdir())
    again = sorted(Path("outputs/0002-a-fox/frames").iterdir())
    assert len(frames) == 4
    assert [each.read_bytes() for each in again] == [each.read_bytes() for each in frames]


@pytest.mark.parametrize("key", LATER)
def test_settings_that_notes_leave_out_are_noted_when_they_change(key: str) -> None:
    values: dict[str, Any] = {"smoothness_kind": "log", "smoothness_on": "cutouts"}
    values |= {"edge_margins": "9", "latent_kind": "cosine", "vignette_colour": "navy"}
    values |= {"edge_picture": "a.png", "edge_mask": "a.png", "aesthetic_head": "a.pth"}
    values |= {"look_of": "a.png:2", "look_layers": "1", "depth_of": "a.png", "depth_model": "a"}
    value = values.get(key, 2.0)
    first = load_config("a fox", overrides=["init=fractal", "drawer=vqgan", "seed=1"])
    second = replace(first, losses=replace(first.losses, **{key: value}))
    for one, two in ((first, second), (second, first)):
        notes = [
            provenance.Provenance(noted_settings(each), "a fox", 1, {}, {}) for each in (one, two)
        ]
        before = {f"losses.{key}": getattr(one.losses, key)}
        assert noted_changes.changed_settings(notes[0], two) == before
        changed = replace(notes[1], changes=[{"step": 3, "settings": before}])
        settings, (change,) = noted_changes.split_changes(changed)
        assert change.settings == {f"losses.{key}": getattr(two.losses, key)}
        assert settings["losses"][key] == getattr(one.losses, key)


def test_a_loss_is_steered_and_made_again(home: Home, monkeypatch: Patch) -> None:
    with monkeypatch.context() as patch:
        after_step(patch, 3, lambda: ask("change", {"losses.change": 3.0}))
        assert draw(home) == 0
    first = contents(PLACE)
    go("again", str(PLACE))
    assert drawn_alike(Path("outputs/0002-a-fox"), first)
    assert provenance.read_provenance(PLACE).changes[0]["settings"] == {"losses.change": 0.0}


@pytest.mark.parametrize(
    "settings",
    [
        *({"base": 1}, {"overrides": ["x"]}, {"prompts": 5}, {"prompts": {"a": 1}}),
        *({"losses": 5}, {"assets": 5}, {"steps": 10**30}, {"losses.edges": {"a": 1}}),
    ],
)
def test_requests_that_make_no_sense_are_answered(
    home: Home, monkeypatch: Patch, settings: dict[str, Any]
) -> None:
    asked: list[Path] = []
    with monkeypatch.context() as patch:
        after_step(patch, 3, lambda: asked.append(ask("change", settings)))
        assert draw(home) == 0
    assert not asked[0].exists()
    assert json.loads(asked[0].with_suffix(".reply").read_text())["refused"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_holds_nobody_up(home: Home, monkeypatch: Patch) -> None:
    def litter() -> None:
        (PLACE / steering.FOLDER).mkdir()
        os.mkfifo(PLACE / steering.FOLDER / "0.json")

    with monkeypatch.context() as patch:
        after_step(patch, 3, litter)
        assert draw(home) == 0


def test_what_was_kept_stays(home: Home, monkeypatch: Patch) -> None:
    def twice() -> None:
        ask("keep")
        ask("keep")

    with monkeypatch.context() as patch:
        after_step(patch, 3, twice)
        assert draw(home) == 0
    assert {each.name for each in (PLACE / "kept").iterdir()} == {"00004.png", "00004-2.png"}
