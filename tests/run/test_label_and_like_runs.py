"""Whole runs with labels, pictures as wholes and vector files, on tiny models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home, Refusal
from tests.helpers import tiny_clip
from tests.helpers.building import build
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.config import loading
from vqclip.errors import PromptError
from vqclip.language.prompts import parse_prompts
from vqclip.run.preflight import make_request
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]
PROMPT = "label(bee):2 | like(hive.png) in(top):0.5 | vector(moods.json):0.1"


def prepare(home: Home) -> None:
    """The files that the prompts name."""
    levels = np.random.default_rng(3).integers(0, 255, (20, 48, 3), dtype=np.uint8)
    pillow.fromarray(levels).save("hive.png")
    numbers = np.random.default_rng(4).normal(size=(2, tiny_clip.DIMENSIONS)).tolist()
    Path("moods.json").write_text(json.dumps({"clip": numbers}))


def draw(prompt: str, home: Home, *more: str, out: str = "outputs") -> Path:
    words = [prompt, "--quiet", "--out", out, *home.words("seed=5", *more)]
    assert main.main(words) == 0
    return max(Path(out).glob("*/final.png"))


def levels_of(path: Path) -> bytes:
    return pillow.open(path).convert("RGB").tobytes()


def test_each_of_them_moves_the_picture(home: Home) -> None:
    prepare(home)
    run = build(vqclip.load(PROMPT, seed=1, **home.settings()))
    steps = [*run.play()]
    assert [*steps[0].losses] == ["bee", "hive.png", "moods.json"]
    assert {"picture hive.png", "direction moods.json"} <= {*run.models}
    (cropped,) = (note for note in run.notes if "hive.png" in note)
    assert cropped == (
        "hive.png is 48x20, and like( ) sees the middle of it, 20x20; @hive.png sees all of it"
    )
    for text in ("label(bee):2", PROMPT.replace("label(bee)", "bee"), PROMPT.replace("0.5", "0")):
        other = [*build(vqclip.load(text, seed=1, **home.settings())).play()]
        assert not torch.equal(other[-1].image, steps[-1].image)


def test_a_run_goes_on_and_is_drawn_again_to_the_byte(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    prepare(home)
    whole = draw(PROMPT, home, "steps=4", "checkpoint.every=1", out="whole")
    words = home.words("seed=5", "steps=4", "checkpoint.every=1")
    kill_run(monkeypatch, 2, PROMPT, "--out", "pieces", *words)
    (place,) = Path("pieces").iterdir()
    assert main.main(["resume", str(place), "--quiet"]) == 0
    assert (place / "final.png").read_bytes() == whole.read_bytes()
    capsys.readouterr()
    assert main.main(["again", str(whole), "--json", "--out", "anew"]) == 0
    (anew,) = Path("anew").glob("*/final.png")
    assert anew.read_bytes() == whole.read_bytes()
    assert json.loads(pillow.open(anew).text["vqclip"])["grammar"] == 4  # type: ignore[attr-defined]


def test_a_picture_that_changed_is_told_of(home: Home, capsys: Capture) -> None:
    prepare(home)
    first = draw(PROMPT, home)
    pillow.new("RGB", (9, 9), "red").save("hive.png")
    Path("moods.json").write_text(json.dumps({"clip": [1.0] * tiny_clip.DIMENSIONS}))
    assert main.main(["again", str(first)]) == 0
    told = capsys.readouterr().err
    assert "hive.png" in told and "moods.json" in told


def test_words_of_an_older_picture_stay_words(home: Home) -> None:
    """A text that is a label today is drawn as the words that it was, with the same bytes."""
    first = draw('"label"(bee)', home)  # what grammar 3 made of label(bee)
    notes = json.loads((first.parent / "run.json").read_text())
    assert notes["grammar"] == 3
    notes["prompt"] = "label(bee)"
    Path("old.json").write_text(json.dumps(notes))
    assert provenance.read_provenance(Path("old.json")).prompt == '"label"(bee:1.1)'
    assert main.main(["again", "old.json", "--quiet", "--out", "anew"]) == 0
    (anew,) = Path("anew").glob("*/final.png")
    assert levels_of(anew) == levels_of(first)
    assert levels_of(draw("label(bee)", home)) != levels_of(first)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("like(no.png)", r"like(no.png): there is no picture no.png; name a picture"),
        ("like(hive.png:2)", "the weight stands behind the bracket: like(hive.png):2"),
        ("like(moods.json)", "moods.json"),
        ("like()", "like( ) is empty; write a picture, such as like(photo.jpg)"),
        ("label( )", "label( ) is empty; write what it names, such as label(bee)"),
        ("vector(no.json)", "vector(no.json) names a file that is not there"),
        ("vector(other.json)", "has no vector for"),
        ("vector(short.json)", f"its embeddings have {tiny_clip.DIMENSIONS}"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_a_model_loads(
    home: Home, refused: Refusal, monkeypatch: pytest.MonkeyPatch, prompt: str, message: str
) -> None:
    prepare(home)
    Path("other.json").write_text('{"RN50": [1, 2]}')
    Path("short.json").write_text('{"clip": [1, 2]}')
    monkeypatch.setattr("vqclip.session.build_runner", lambda *given: pytest.fail("it loads"))
    assert message in refused(prompt, *home.words())
    assert not Path("outputs").exists()


def test_only_those_who_follow_a_vector_file_need_a_vector(home: Home) -> None:
    prepare(home)
    both = [str(home.clip), "starter"]
    one = f"a fox | vector(moods.json) for({home.clip})"
    assert make_request(loading.load_config(one, perceptors=both)).directions
    with pytest.raises(PromptError, match="no vector for starter; it has one for clip"):
        make_request(loading.load_config("a fox | vector(moods.json)", perceptors=both))


def test_they_go_with_scenes_schedules_templates_and_styles(home: Home) -> None:
    prepare(home)
    text = "label({bee|fox}):{0: 0, 1: 1} ^ like(hive.png) lasting(50%)"
    bee, fox = loading.load_configs(text, overrides=["style={}, ink", *home.words()])
    assert [parse_prompts(each.prompts)[0].body for each in (bee, fox)] == ["bee", "fox"]
    request = make_request(bee)
    assert [each.body for each in request.prompts] == ["bee, ink", "hive.png"]
    run = build(bee)
    steps = [*run.play()]
    assert [*steps[0].losses] == ["bee, ink ^ hive.png"]  # one fades into the other
    layout = make_request(loading.load_config("a cat on a chair | label(bee)", init="dream"))
    assert len(layout.layouts) == 1 and any(p.kind == "label" for p in layout.prompts)


def test_a_list_in_a_run_file_may_hold_them(home: Home) -> None:
    prepare(home)
    Path("run.yaml").write_text("prompts:\n- label(bee): 2\n- like(hive.png)\n- noise(7): 0.1\n")
    (config,) = loading.load_each([None], file=Path("run.yaml"), overrides=[])
    assert config.prompts == "label(bee):2 | like(hive.png) | noise(7):0.1"
