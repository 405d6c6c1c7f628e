"""The judge's figures against what its own embeddings say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.helpers import tiny_clip
from vqclip.cli import main
from vqclip.guidance import distractors, perceptor, zero_shot
from vqclip.models.zoo import model_files

AVAILABLE = zero_shot.judge_available  # `home` puts another in its place


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> perceptor.OpenClipPerceptor:
    return perceptor.load_perceptor(str(tiny_clip.write(tmp_path_factory.mktemp("clip"))))


@pytest.fixture
def second(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a small judge, which the runs of a test are judged by."""
    monkeypatch.setattr(model_files, "STARTER_FOLDER", tmp_path)
    monkeypatch.setattr(zero_shot, "judge_available", AVAILABLE)
    tiny_clip.write(tmp_path / "second")
    return tmp_path / "second"


def test_the_verdict_counts_the_words_that_fit_better(
    tiny: perceptor.OpenClipPerceptor,
) -> None:
    image = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    verdict = zero_shot.judge_picture(image, "a fox in the fog", tiny)
    seen = tiny.embed_image(image)[0]
    things = distractors.distractors_for("a fox in the fog", distractors.HELD_OUT)
    cosines = [float(tiny.embed_text([word])[0] @ seen) for word in things]
    wanted = float(tiny.embed_text(["a fox in the fog"])[0] @ seen)
    assert verdict.score == pytest.approx(wanted, abs=1e-4)
    assert verdict.better == sum(each > wanted + 1e-6 for each in cosines)
    assert verdict.among == len(set(things)) > 99
    best = things[max(range(len(cosines)), key=cosines.__getitem__)]
    assert zero_shot.judge_picture(image, best, tiny).better == 0


@pytest.mark.parametrize(
    ("better", "words"), [(0, "none fits it better"), (1, "one fits"), (7, "7 fit it better")]
)
def test_the_verdict_in_words(better: int, words: str) -> None:
    said = zero_shot.Verdict("starter-second", 0.25, better, 100).describe()
    assert words in said and "0.25" in said and "did not optimise" in said


def test_who_took_part_does_not_judge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: perceptor.OpenClipPerceptor
) -> None:
    monkeypatch.setattr(model_files, "STARTER_FOLDER", tmp_path)
    assert not zero_shot.judge_available(["starter"])  # it is not there
    tiny_clip.write(tmp_path / "second")
    assert zero_shot.judge_available(["starter"])
    assert not zero_shot.judge_available(["starter", "starter-second"])
    image = torch.full((1, 3, 32, 32), 0.5)
    assert zero_shot.judge_picture(image, "grey").judge == "starter-second"


def test_a_run_ends_with_a_verdict(
    home: Home, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["a fox | fog:-0.5", "--json", *home.words()]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = next(event for event in events if event["event"] == "verdict")
    run = json.loads(next(Path("outputs").glob("*/run.json")).read_bytes())
    assert run["verdict"].items() <= told.items()
    assert run["verdict"]["judge"] == "starter-second" and run["finished"] is not None
    assert -1 <= told["score"] <= 1 and 0 <= told["better"] <= told["among"]
    assert main.main(["a fox", *home.words()]) == 0
    assert "starter-second, which this run did not optimise, gives" in capsys.readouterr().err


def test_no_words_no_verdict(home: Home, second: Path) -> None:
    assert main.main(["fog:-0.5", "--quiet", *home.words()]) == 0
    run = json.loads(next(Path("outputs").glob("*/run.json")).read_bytes())
    assert "verdict" not in run


def test_a_run_that_dies_before_its_verdict_has_one_in_the_end(
    home: Home, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dying(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(zero_shot, "judge_picture", dying)
        with pytest.raises(Killed):
            main.main(["a fox", "--quiet", *home.words()])
    place = Path("outputs/0001-a-fox")
    assert not (place / "final.png").exists()
    assert main.main(["resume", str(place), "--quiet"]) == 0
    assert (place / "final.png").is_file()
    assert json.loads((place / "run.json").read_bytes())["verdict"]["among"] > 99


def test_a_judge_that_cannot_judge_costs_no_picture(
    home: Home, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next(second.glob("*.safetensors")).write_bytes(b"torn")
    assert main.main(["a fox", *home.words()]) == 0
    out, err = capsys.readouterr()
    assert "note: the picture could not be judged: " in err and "torn" not in out
    assert Path(out.strip()).is_file()
    assert "verdict" not in json.loads(Path(out.strip()).with_name("run.json").read_bytes())
