"""Runs of layouts with all else: animations, retakes, templates, presets, the Python door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import vqclip
from tests.conftest import Home
from tests.helpers.layouts import PALM, SENTENCE, plan_nothing, understand_palms
from vqclip.cli.main import main
from vqclip.config.checking.seeds import read_seed
from vqclip.config.loading import load_configs
from vqclip.guidance import drafts
from vqclip.language.layout.layout_json import layouts_to_values
from vqclip.language.layout.layout_types import Layout
from vqclip.models.model_cache import keep_models
from vqclip.run import init_image
from vqclip.run.preflight import make_request
from vqclip.run.record import provenance

THINGS = {"a palm tree", "a snowman"}


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    understand_palms(monkeypatch)


def losses(run: Path) -> list[dict[str, float]]:
    """What is liked, step by step."""
    return [json.loads(line)["losses"] for line in (run / "log.jsonl").read_text().splitlines()]


def test_the_python_door_draws_layouts(home: Home) -> None:
    steps = list(vqclip.play(vqclip.load(SENTENCE, **home.settings(seed=1))))
    assert {SENTENCE, *THINGS} <= {*steps[0].losses}
    steps = list(vqclip.play(vqclip.load(SENTENCE, layout="off", **home.settings(seed=1))))
    assert not THINGS & {*steps[0].losses}


def test_an_animation_of_scenes_is_drawn_resumed_and_retaken(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = home.words("seed=3", "frames=4", "motion.steps=1", "fade=0")
    words[words.index("film.format=none")] = "film.format=mp4"
    assert main(["animate", f"{SENTENCE} ^ a fox", *words, "--quiet"]) == 0
    run = next(Path("outputs").iterdir())
    first, *_, last = losses(run)
    assert all(first[each] > 0 and last[each] == 0 for each in THINGS)  # its scene is over
    plan_nothing(monkeypatch)
    assert main(["again", str(run), "--frames", "1:3", "--quiet"]) == 0
    assert main(["resume", str(run), "frames=5", "--quiet"]) == 0
    for each in Path("outputs").iterdir():
        assert provenance.read_provenance(each).layouts == layouts_to_values({0: PALM})


def test_the_camera_takes_things_along(home: Home) -> None:
    settings = home.settings(seed=1, frames=3, camera={"zoom": 1.1}, motion={"steps": 1})
    steps = list(vqclip.play(vqclip.load(SENTENCE, **settings)))
    counted = [sum(float(step.losses.get(each, 0)) for each in THINGS) for step in steps]
    assert all(each != 0 for each in counted[:3])
    assert counted[3:] == [0, 0]


def test_each_variant_of_a_template_has_a_layout() -> None:
    found = load_configs("a {snowman|fox} {under|or} a palm tree")
    assert [bool(make_request(each, complete=False).layouts) for each in found] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("preset", ["draft", "ink", "story", "portrait", "supreme,woodcut"])
def test_presets_go_with_layouts(preset: str) -> None:
    (config,) = load_configs(SENTENCE, preset)
    run = make_request(config, complete=False)
    assert run.layouts == {0: PALM}
    bodies = [prompt.body for prompt in run.prompts]
    assert len(bodies) >= 3
    if config.style:
        assert bodies[-1] == config.style.replace("{}", "a snowman")


def test_dream_says_that_it_draws_the_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dream", SENTENCE, "--count", "1", "--seed", "1"]) == 0
    said = "drafts are of the sentence as a whole, and so is a run from one of them"
    assert said in capsys.readouterr().err
    assert main(["dream", "a fox", "--count", "1", "--seed", "1"]) == 0
    assert said not in capsys.readouterr().err


def test_runs_of_one_process_compose_the_same_start_once(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[int] = []

    def compose(layout: Layout, things: object, width: int, height: int, stream: Any) -> Tensor:
        composed.append(1)
        return torch.rand(1, 3, height, width, generator=stream)

    monkeypatch.setattr(init_image.composer, "compose_picture", compose)
    monkeypatch.setattr(init_image.sprites, "draw_all_silhouettes", lambda *_: {})
    none = drafts.DraftModel(None, None, ())  # type: ignore[arg-type]
    monkeypatch.setattr(init_image.guidance_drafts, "load_draft_model", lambda *_, **__: none)
    request = make_request(load_configs(SENTENCE, "draft")[0], complete=False)

    def begin(seed: int, **more: object) -> Tensor:
        run = replace(request, config=replace(request.config, **more))
        walk = read_seed(seed)
        opening = init_image.InitImage(run, (), {}, (32, 32), torch.device("cpu"), walk)
        return opening.draw_draft(walk)

    with keep_models():
        first, other = begin(1).clone(), begin(2)
        begin(1)[:] = 0  # whoever gets it may change it
        assert torch.equal(begin(1, steps=9), first) and not torch.equal(other, first)
        assert len(composed) == 2
        begin(1, dream=replace(request.config.dream, count=4))
        assert len(composed) == 3
    begin(1)
    assert len(composed) == 4
