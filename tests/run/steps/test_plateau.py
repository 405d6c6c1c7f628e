"""The end by a plateau: what a gain is, and runs that it ends, killed, resumed, made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import vqclip
from tests.conftest import FACTOR, VQGAN, Home
from tests.helpers import building, tiny_clip
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.errors import PictureError
from vqclip.guidance import perceptor
from vqclip.media import images
from vqclip.media.files import CHECKPOINT
from vqclip.models.vqgan import load_vqgan
from vqclip.models.zoo import model_files
from vqclip.run import runner
from vqclip.run.record import provenance
from vqclip.run.runner import Runner
from vqclip.run.steps import plateau
from vqclip.run.steps.plateau import Plateau
from vqclip.sweep.family import start_latent
from vqclip.sweep.family.parents import read_parent

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
GROWTH = '[{"size": "50%", "steps": "9"}]'
WORDS = ("steps=24", f"growth={GROWTH}", "stop=plateau", "patience=5", "checkpoint.every=1")
PLACE = Path("outputs/0001-a-fox")


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small judge."""
    return tiny_clip.write(tmp_path_factory.mktemp("judges") / "second").parent


@pytest.fixture(autouse=True)
def judged(home: Home, monkeypatch: Patch, judges: Path) -> None:
    """The small judge, which looks at every step, and whom only leaps would please."""
    monkeypatch.setattr(model_files, "STARTER_FOLDER", judges)
    monkeypatch.setattr(plateau, "EVERY", 1)
    monkeypatch.setattr(plateau, "LEAST_GAIN", 9.0)


class Killed(BaseException):
    """The end of a process."""


def die(ready: Runner) -> None:
    raise Killed


def go(*words: str) -> None:
    assert main.main([*words, "--quiet"]) == 0


def contents(place: Path) -> dict[str, bytes]:
    names = ("final.png", "log.jsonl", CHECKPOINT)
    found = {name: (place / name).read_bytes() for name in names}
    return found | {p.name: p.read_bytes() for p in (place / "steps").iterdir()}


def drawn_alike(one: dict[str, bytes], two: dict[str, bytes]) -> bool:
    """Whether all but the checkpoint is the same, which knows how often it is written."""
    return {name for name in one if one[name] != two.get(name)} <= {CHECKPOINT}


def logged(place: Path) -> list[int]:
    """The numbers of the steps that were taken."""
    return [json.loads(line)["step"] for line in (place / "log.jsonl").read_text().splitlines()]


def built(home: Home, **settings: Any) -> Runner:
    usual: dict[str, Any] = {"seed": 1, "steps": 12, "stop": "plateau", "patience": 5}
    usual["init"] = "random"
    return building.build(vqclip.load("a fox", **home.settings(**usual | settings)))


@pytest.mark.parametrize(
    ("scores", "reached"),
    [
        ([], False),
        ([(5, 0.3), (10, 0.3)], False),  # nothing was seen ten steps ago
        ([(5, 0.3), (10, 0.3), (15, 0.3)], True),
        ([(5, 0.3), (10, 0.2), (15, 0.301)], True),  # less than the least gain
        ([(5, 0.3), (10, 0.2), (15, 0.303)], False),
        ([(5, 0.3), (10, 0.303), (15, 0.2)], False),  # the gain is not long ago
        ([(5, 0.3), (10, 0.303), (15, 0.2), (20, 0.25)], True),
        ([(5, 0.1), (10, 0.3), (15, 0.2), (20, 0.29)], True),  # below the best of all before
    ],
)
def test_what_counts_as_a_gain(
    scores: list[tuple[int, float]], reached: bool, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(plateau, "LEAST_GAIN", 0.002)
    judge = perceptor.load_perceptor(str(model_files.starter_clips()["starter-second"]))
    found = Plateau(judge, torch.zeros(1), 10, scores)
    assert found.is_reached == reached
    other = Plateau(judge, torch.zeros(1), 10, [(5, 9.0)])
    other.restore(found.state().get("plateau"))
    assert other.scores == scores


def test_the_score_is_the_cosine_of_the_step_s_picture(home: Home) -> None:
    ready = built(home)
    step = next(ready.play())
    judge = perceptor.load_perceptor("starter-second")
    with torch.no_grad():
        seen = judge.embed_image(step.image)[0]
        wanted = float(judge.embed_text(["a fox"])[0] @ seen)
    assert ready.plateau is not None
    assert ready.plateau.scores == [(1, pytest.approx(wanted, abs=1e-6))]


@pytest.mark.parametrize("drawer", ["vqgan", "pixels", "strokes"])
def test_looking_changes_nothing(home: Home, drawer: str) -> None:
    settings: dict[str, Any] = {"drawer": drawer, "optimiser": {"rate": None}}
    if drawer != "vqgan":
        settings["draw"] = {"alpha": True}
    plain = list(built(home, stop="off", **settings).play())
    ready = built(home, **settings)
    looked = list(ready.play())
    assert (len(plain), len(looked), ready.done) == (12, 6, 6)
    for one, two in zip(plain, looked, strict=False):
        assert torch.equal(one.image, two.image)


def test_every_part_ends_and_the_schedules_go_on_as_if_it_had_not(home: Home) -> None:
    growth = [{"size": "50%", "steps": "9"}]
    rates: list[float] = []
    ready = built(home, steps=24, growth=growth, optimiser={"schedule": "linear", "rate": 1.0})
    for _ in ready.play():
        assert ready._optimiser is not None
        rates.append(float(ready._optimiser.optimiser.param_groups[0]["lr"]))
    assert [round(24 * (1 - rate)) for rate in rates] == [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]
    assert ready.stopped == [{"step": 6, "of": 9}, {"step": 15, "of": 24}]
    assert ready.is_complete and (ready.drawer.width, ready.drawer.height) == (32, 32)


def test_the_last_drawer_has_its_turn(home: Home) -> None:
    ready = built(home, drawer="vqgan,pyramid", steps=24, draw={"finish": "14"})
    drawn = [(step.index, ready.drawer.name) for step in ready.play()]
    assert drawn[:6] == [(step, "vqgan") for step in range(6)]
    assert drawn[6:] == [(step, "pyramid") for step in range(10, 16)]
    assert ready.stopped == [{"step": 6, "of": 10}, {"step": 16, "of": 24}]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run lies that nothing disturbed, once it is drawn."""
    return tmp_path_factory.mktemp("undisturbed") / "whole"


@pytest.fixture
def whole(home: Home, judged: None, undisturbed: Path) -> dict[str, bytes]:
    """What that run leaves: two parts, each ended early. It lies in `whole/`, too."""
    if not undisturbed.exists():
        words = home.words(*WORDS, "seed=5", "previews=3")
        go("a fox", "--out", str(undisturbed), *words)
    shutil.copytree(undisturbed, "whole")
    return contents(Path("whole/0001-a-fox"))


@pytest.mark.parametrize("count", [3, 6, 12, 15])
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    home: Home, whole: dict[str, bytes], monkeypatch: Patch, count: int
) -> None:
    words = home.words(*WORDS, "seed=5", "previews=3")
    if count < 15:
        kill_run(monkeypatch, count, "a fox", *words)
    else:  # after the last checkpoint, before the picture
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Runner, "final_picture", die)
            main.main(["a fox", *words])
    assert not (PLACE / "final.png").exists()
    go("resume", str(PLACE))
    assert contents(PLACE) == whole
    assert logged(PLACE) == [*range(6), *range(9, 15)]


def test_a_change_lets_the_judge_begin_anew_also_if_the_run_is_killed_at_once(
    home: Home, monkeypatch: Patch
) -> None:
    words, other = home.words(*WORDS, "seed=5"), ("losses.smoothness=1", "checkpoint.every=99")
    kill_run(monkeypatch, 4, "a fox", *words)
    shutil.copytree(PLACE, "copied")
    kill_run(monkeypatch, 5, "resume", str(PLACE), *other)  # before its first checkpoint
    go("resume", str(PLACE))
    go("resume", "copied", *other)
    assert logged(PLACE) == [*range(9), *range(9, 15)]
    assert drawn_alike(contents(PLACE), contents(Path("copied")))


def test_it_begins_anew_where_memory_runs_out_as_when_that_is_made_again(
    home: Home, monkeypatch: Patch
) -> None:
    draw, full = runner.generate, [True]

    def failing(*given: Any) -> Any:
        for step in draw(*given):
            if step.index == 4 and full:
                full.clear()
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
            yield step

    monkeypatch.setattr(runner, "generate", failing)
    go("a fox", *home.words(*WORDS, "seed=5"))
    assert not full and logged(PLACE) == [*range(9), *range(9, 15)]
    go("again", str(PLACE), "--out", "other")
    other = Path("other/0001-a-fox")
    assert logged(other) == logged(PLACE)
    assert (other / "final.png").read_bytes() == (PLACE / "final.png").read_bytes()


def test_offspring_have_the_codes_of_a_run_that_it_ended(
    home: Home, whole: dict[str, bytes]
) -> None:
    parent, vqgan = read_parent("whole/0001-a-fox"), load_vqgan(VQGAN)[0]
    assert parent.picture is not None
    encoded = vqgan.encode(images.read_picture(parent.picture))
    kept = start_latent.read_latent(parent, vqgan, 32 // FACTOR, 32 // FACTOR)
    assert kept.shape == encoded.shape and not torch.equal(kept, encoded)


def test_it_is_noted_told_and_made_again(
    home: Home, whole: dict[str, bytes], capsys: Capture
) -> None:
    place = Path("whole/0001-a-fox")
    notes = provenance.read_provenance(place / "final.png")
    assert notes.stopped == [{"step": 6, "of": 9}, {"step": 15, "of": 24}]
    assert notes.config["stop"] == "plateau" and notes.config["patience"] == 5
    assert "starter-second judge" in notes.models
    capsys.readouterr()
    assert main.main(["again", str(place), "--json"]) == 0
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in out.splitlines()]
    ends = [each for each in told if each["event"] == "plateau"]
    assert [(each["step"], each["of"]) for each in ends] == [(6, 9), (15, 24)]
    assert "starter-second sees no gain in 5 steps: on to step 10 after step 6" in err
    assert "starter-second sees no gain in 5 steps: the run ends after step 15" in err
    assert drawn_alike(contents(PLACE), whole)
    assert main.main(["show", str(place)]) == 0
    assert "no further gain after step 6 of 9, step 15 of 24" in capsys.readouterr().out
    capsys.readouterr()
    assert main.main(["again", str(place), "stop=off", "patience=20", "--out", "other"]) == 0
    assert "not the models" not in capsys.readouterr().err
    (other,) = Path("other").iterdir()
    assert logged(other) == [*range(24)]
    assert {"stop", "patience"}.isdisjoint(provenance.read_provenance(other).config)
    assert main.main(["diff", str(place), str(other)]) == 0
    assert "step 6 of 9, step 15 of 24" in capsys.readouterr().out


def test_a_run_that_it_ended_goes_on_when_something_changes(
    home: Home, whole: dict[str, bytes], capsys: Capture
) -> None:
    place = Path("whole/0001-a-fox")
    assert main.main(["resume", str(place)]) == 2
    said = capsys.readouterr().err
    assert "complete: stop=plateau ended it after step 15 of 24" in said and "stop=off" in said
    go("resume", str(place), "losses.smoothness=1")  # with a patience of its own
    assert logged(place)[-1] == 20
    go("resume", str(place), "stop=off")
    assert logged(place) == [*range(6), *range(9, 24)]
    notes = provenance.read_provenance(place)
    assert notes.config.get("stop", "off") == "off" and notes.config["patience"] == 5
    changed = [{"losses.smoothness": 0.0}, {"stop": "plateau"}]
    assert [each["settings"] for each in notes.changes] == changed
    first = contents(place)
    go("again", str(place))
    assert drawn_alike(contents(PLACE), first)


def test_a_checkpoint_keeps_what_the_judge_has_seen(home: Home, whole: dict[str, bytes]) -> None:
    with safe_open(Path("whole/0001-a-fox") / CHECKPOINT, framework="pt") as file:
        rows = file.get_tensor("plateau")
    assert rows[:, 0].tolist() == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frames=3"], "whose number is motion.steps: write stop=off"),
        (["a ^ b"], "would end the run before its later scenes, and the prompt has 2"),
        (["fog:-1 | noise(3)"], "none of them have a positive weight"),
        (["perceptors=starter-second"], "must take no part in the run, and perceptors names it"),
        (["stop=plato"], "stop is 'plato' (one of: off, plateau)"),
        (["patience=2"], "patience is 2; it must be 5 or more"),
    ],
)
def test_refusals(home: Home, refused: Any, words: list[str], told: str) -> None:
    prompt = "a fox" if "=" in words[0] else words.pop()
    assert told in refused(prompt, *home.words("stop=plateau", *words))


def test_it_is_refused_where_there_is_no_judge(
    home: Home, refused: Any, monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model_files, "STARTER_FOLDER", tmp_path / "nowhere")
    assert "which is not in this installation" in refused("a fox", *home.words("stop=plateau"))


def test_notes_that_were_edited_are_refused_in_a_sentence(
    home: Home, whole: dict[str, bytes]
) -> None:
    text = provenance.read_provenance(Path("whole/0001-a-fox")).to_json()
    for odd in ('{"a": 1}', "[5]", '[{"step": 5}]', '[{"step": 5, "of": "6"}]'):
        broken = json.dumps(json.loads(text) | {"stopped": json.loads(odd)})
        with pytest.raises(PictureError, match="edited by hand"):
            provenance.read_json(broken)


def test_a_plan_says_that_it_may_end_early(home: Home, capsys: Capture) -> None:
    assert main.main(["plan", "a fox", *home.words("stop=plateau")]) == 0
    said = capsys.readouterr().out
    assert "sizes     at most 32x32 for 3 steps" in said and "takes     at most about" in said
    assert main.main(["plan", "a fox", *home.words(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stops"] is False
