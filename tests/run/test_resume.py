"""Runs that go on: two pieces equal one, whatever ended the first, and what may change."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home, Refusal
from tests.helpers import building
from tests.helpers.killing import kill_run
from vqclip.cli import main, output
from vqclip.config.schema import OPTIMISERS
from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.media.files import CHECKPOINT
from vqclip.models import vqgan
from vqclip.run import runner
from vqclip.run.record import checkpoint, provenance, run_folder

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
GROWTH = '[{"size": "50%", "steps": "3"}, {"size": "75%", "steps": "2"}]'
WORDS = ("steps=8", f"growth={GROWTH}", "film.format=mp4", "checkpoint.every=2", "seed=5")


def go(*words: str) -> None:
    assert main.main([*words, "--quiet"]) == 0


def contents(place: Path) -> dict[str, bytes]:
    """What must be equal: the picture, the film, the previews, and the log."""
    names = ("final.png", "film.mp4", "log.jsonl", CHECKPOINT)
    found = {name: (place / name).read_bytes() for name in names}
    return found | {p.name: p.read_bytes() for p in (place / "steps").iterdir()}


CHANGING = (
    *("optimiser.rate=0.3 + 0.1 * sin(frame)", "cutouts.count=0: 2, 100%: 6"),
    *(
        "cutouts.noise=0: 0, 4: 0.2 hold",
        "losses.smoothness=0s: 1, 0.2s: 9",
        "losses.distinct=share",
    ),
)


@pytest.fixture(scope="module")
def undisturbed() -> dict[tuple[str, ...], dict[str, bytes]]:
    """The contents of runs that nothing ended, by their words, each drawn once."""
    return {}


@pytest.mark.parametrize(("count", "more"), [*((n, ()) for n in range(1, 9)), (5, CHANGING)])
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    home: Home,
    undisturbed: dict[tuple[str, ...], dict[str, bytes]],
    monkeypatch: Patch,
    capsys: Capture,
    count: int,
    more: tuple[str, ...],
) -> None:
    words = home.words(*WORDS, "previews=3", *more)
    if more not in undisturbed:
        go("a fox", "--out", "whole", *words)
        undisturbed[more] = contents(Path("whole/0001-a-fox"))
    kill_run(monkeypatch, count, "a fox", "--out", "pieces", *words)
    place = Path("pieces/0001-a-fox")
    assert not (place / "final.png").exists()
    capsys.readouterr()
    if count == 1:  # there was no checkpoint yet
        assert main.main(["resume", str(place)]) == 2
        assert (
            "pieces/0001-a-fox holds no checkpoint to continue from; to draw it again from the "
            "start: vqclip again pieces/0001-a-fox" in capsys.readouterr().err
        )
        return
    assert main.main(["resume", str(place), "--json"]) == 0
    out, err = capsys.readouterr()
    start = json.loads(out.splitlines()[0])
    assert (start["from_step"], start["steps"]) == (count - count % 2, 8)
    assert f"continuing after step {count - count % 2} of 8" in err
    assert contents(place) == undisturbed[more]
    assert not (place / "film.frames").exists()
    notes = json.loads((place / "run.json").read_text())
    assert len(notes["resumed"]) == 1 and notes["finished"] is not None


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_every_optimiser_goes_on(home: Home, name: str) -> None:
    def built() -> runner.Runner:
        return building.build(
            vqclip.load(
                "a fox",
                **home.settings(
                    seed=1,
                    steps=6,
                    growth=[{"size": "50%", "steps": "2"}],
                    optimiser={"name": name, "rate": None},
                ),
            )
        )

    whole, first = built(), built()
    for _ in whole.play():
        pass
    for step in first.play():
        if step.index == 3:
            break
    second = built()
    second.restore(first.state())
    assert [step.index for step in second.play()] == [4, 5]
    assert torch.equal(whole.final_picture(), second.final_picture())
    ends = [run.state() for run in (whole, second)]
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    for key, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[key]), key


def test_a_run_that_has_not_begun_has_no_state(home: Home) -> None:
    run = building.build(vqclip.load("a fox", **home.settings(seed=1)))
    with pytest.raises(ValueError, match="has no state"):
        run.state()


def test_a_state_of_another_run_does_not_fit(home: Home) -> None:
    run = building.build(vqclip.load("a fox", **home.settings(seed=1)))
    next(run.play())
    state = run.state()
    for change, message in (
        ({"latent": torch.zeros(1, 3, 8, 8)}, "no latent of this VQGAN"),
        ({"cutouts.7": torch.zeros(3)}, "of other perceptors"),
    ):
        with pytest.raises(ConfigError, match=message):
            run.restore(runner.RunnerState(1, state.tensors | change, 1, 1))


def asked(home: Home, monkeypatch: Patch, number: int, *words: str) -> Path:
    """Ask a run to stop after its second step; give its folder."""
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if name == "step" and values["step"] == 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(output.Console, "event", asking)
        assert main.main(["a fox", "--json", *home.words(*WORDS, *words)]) == 128 + number
    return Path("outputs/0001-a-fox")


def test_an_interrupted_run_goes_on_from_its_very_step(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    words = home.words(*WORDS, "checkpoint.every=0")
    go("a fox", "--out", "whole", *words)
    place = asked(home, monkeypatch, signal.SIGINT, "checkpoint.every=0")
    assert (place / "film.mp4").is_file() and not (place / "final.png").exists()
    capsys.readouterr()
    assert main.main(["resume", str(place / "run.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["from_step"] == 2
    assert contents(place) == contents(Path("whole/0001-a-fox"))


def test_a_complete_run_may_be_taken_further(
    home: Home, capsys: Capture, refused: Refusal
) -> None:
    words = home.words("steps=3", "seed=5", "film.format=mp4")
    go("a fox", *words)
    place = Path("outputs/0001-a-fox")
    final, film = ((place / name).read_bytes() for name in ("final.png", "film.mp4"))
    capsys.readouterr()
    assert main.main(["resume", str(place)]) == 2
    message = f"{place} is complete; to continue it: vqclip resume {place} steps=4"
    assert message in capsys.readouterr().err
    assert main.main(["resume", str(place), "steps=5"]) == 0
    err = capsys.readouterr().err
    assert f"the earlier picture is now {place}/final-1.png" in err
    assert (place / "final-1.png").read_bytes() == final
    assert (place / "film.mp4").read_bytes() == film  # nothing is lost
    assert (place / "film-from-00003.mp4").is_file()
    notes = provenance.read_provenance(place / "final.png")
    assert notes.changes == [{"step": 3, "settings": {"steps": 3}}]
    assert notes.config["steps"] == 5
    assert main.main(["again", str(place)]) == 0
    assert "other values of steps up to step 3; so is this one" in capsys.readouterr().err
    again = Path("outputs/0002-a-fox/final.png")
    assert again.read_bytes() == (place / "final.png").read_bytes()


def test_what_changes_on_the_way_is_noted(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    place = asked(home, monkeypatch, signal.SIGTERM)
    assert main.main(["resume", str(place), "prompts=a whale", "losses.edges=1"]) == 0
    notes = provenance.read_provenance(place / "final.png")
    assert notes.prompt == "a whale"
    assert notes.changes == [{"step": 2, "settings": {"prompts": "a fox", "losses.edges": 0.0}}]
    lines = (place / "log.jsonl").read_text().splitlines()
    assert ["a fox" in line for line in lines] == [True] * 2 + [False] * 6


@pytest.mark.parametrize(
    "change",
    [
        *("seed=6", "size=64x64", "vqgan=starter", "growth=[]", "dream.count=3", "film.every=2"),
        *("init=fractal", "optimiser.name=adamax", "optimiser.average=0.5"),
    ],
)
def test_what_the_run_is_cannot_change(
    home: Home, monkeypatch: Patch, capsys: Capture, change: str
) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    before = contents_of(place)
    capsys.readouterr()
    assert main.main(["resume", str(place), change]) == 2
    key = change.partition("=")[0]
    said = (
        f"{key} cannot change in the middle of a run, because what is drawn so far depends on "
        "it. To draw"
    )
    assert said in capsys.readouterr().err
    assert contents_of(place) == before


def contents_of(place: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def test_steps_that_are_taken_stay_taken(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    capsys.readouterr()
    assert main.main(["resume", str(place), "steps=5"]) == 2
    said = f"steps is 5, but {place} has taken 2 of 8; write 6 or more"
    assert said in capsys.readouterr().err
    assert main.main(["resume", str(place), "steps=6"]) == 0
    assert len((place / "log.jsonl").read_text().splitlines()) == 6


def test_what_is_no_run_is_refused(home: Home, refused: Refusal) -> None:
    assert refused("resume") == (
        "name the run to continue: vqclip resume outputs/0001-a-fox; to draw the word itself: "
        "vqclip generate resume"
    )
    Path("empty").mkdir()
    for name in ("gone", "empty"):
        assert refused("resume", name) == (
            f"{name} is not a run; name the folder of a run, such as outputs/0001-a-fox"
        )


def test_a_damaged_checkpoint_is_refused(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    path = place / CHECKPOINT
    whole = path.read_bytes()
    for damaged, message in (
        (whole[: len(whole) // 2], "cannot be read"),
        (b"", "cannot be read"),
        (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "is damaged: its checksum is wrong"),
        (whole.replace(rb"\"form\": 1", rb"\"form\": 9"), "was written by a newer vqclip"),
    ):
        path.write_bytes(damaged)
        capsys.readouterr()
        assert main.main(["resume", str(place)]) == 2
        assert message in capsys.readouterr().err
    path.write_bytes(whole)
    assert main.main(["resume", str(place)]) == 0


def test_another_model_under_the_same_name_is_refused(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    load = vqgan.load_vqgan
    monkeypatch.setattr(vqgan, "load_vqgan", lambda *given: (load(*given)[0], "0" * 64))
    capsys.readouterr()
    assert main.main(["resume", str(place)]) == 2
    assert " is not the file that the run began with" in capsys.readouterr().err


def test_other_versions_are_said(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    today = provenance.package_versions()
    monkeypatch.setattr(provenance, "package_versions", lambda: today | {"torch": "9.9"})
    capsys.readouterr()
    assert main.main(["resume", str(place)]) == 0
    err = capsys.readouterr().err
    assert f"note: the run began with torch {today['torch']} (now 9.9); results may differ" in err


def test_two_at_once_are_one_too_many(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    capsys.readouterr()
    with run_folder.locked_folder(place):
        assert main.main(["resume", str(place)]) == 2
    assert f"another vqclip is drawing into {place}; wait" in capsys.readouterr().err


def film_steps(path: Path) -> int:
    """How many frames a film has."""
    reader = imageio_ffmpeg.count_frames_and_secs(str(path))
    return int(reader[0])


def test_where_frames_are_gone_a_film_of_its_own_follows(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    film = (place / "film.mp4").read_bytes()
    shutil.rmtree(place / "film.frames")
    go("resume", str(place))
    assert (place / "film.mp4").read_bytes() == film
    assert film_steps(place / "film-from-00002.mp4") == 6


def test_a_film_that_was_left_out_for_a_while_loses_nothing(
    home: Home, monkeypatch: Patch
) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    film = (place / "film.mp4").read_bytes()
    stopped(monkeypatch, 3, str(place), "film.format=none")
    go("resume", str(place), "film.format=gif")
    assert (place / "film.mp4").read_bytes() == film
    assert len(list((place / "film.frames").iterdir())) == 2
    assert (place / "film-from-00004.gif").is_file()


def test_a_second_film_goes_on_too(home: Home, monkeypatch: Patch) -> None:
    go("a fox", *home.words("steps=2", "seed=5", "film.format=mp4", "checkpoint.every=1"))
    place = Path("outputs/0001-a-fox")
    stopped(monkeypatch, 3, str(place), "steps=7")
    assert film_steps(place / "film-from-00002.mp4") == 2
    kill_run(monkeypatch, 6, "resume", str(place))
    go("resume", str(place))
    assert film_steps(place / "film-from-00002.mp4") == 5 and film_steps(place / "film.mp4") == 2
    assert not list(place.glob("*.frames"))


def stopped(monkeypatch: Patch, after: int, place: str, *words: str) -> None:
    """Go on with a run, and ask it to stop after a step."""
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if name == "step" and values["step"] == after:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(output.Console, "event", asking)
        assert main.main(["resume", place, "--json", *words]) == 130


def test_what_is_asked_for_on_the_way_outlives_a_kill(home: Home, monkeypatch: Patch) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    kill_run(monkeypatch, 3, "resume", str(place), "prompts=a whale", "checkpoint.every=0")
    go("resume", str(place))
    notes = provenance.read_provenance(place / "final.png")
    assert notes.prompt == "a whale" and len(notes.changes) == 1


def test_a_run_goes_on_in_its_own_folder(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    place = asked(home, monkeypatch, signal.SIGINT)
    capsys.readouterr()
    assert main.main(["resume", str(place), "out=elsewhere"]) == 2
    assert "out is elsewhere, but a run continues in its own folder" in capsys.readouterr().err
    moved = place.rename("moved")
    (moved / ".lock").touch()
    (moved / ".checkpoint.safetensors.1234.part").touch()
    (moved / ".film.1234.part").mkdir()
    go("resume", "moved/")
    assert (moved / "final.png").is_file() and not list(moved.glob(".*"))


@pytest.mark.parametrize("init", ["photo.png", "fractal"])
def test_the_start_is_kept(home: Home, monkeypatch: Patch, capsys: Capture, init: str) -> None:
    pillow.radial_gradient("L").convert("RGB").save("photo.png")
    words = (f"init={init}", "losses.init=2")
    go("a fox", "--out", "whole", *home.words(*WORDS, *words))
    place = asked(home, monkeypatch, signal.SIGINT, *words)
    Path("photo.png").unlink()
    go("resume", str(place))
    assert contents(place) == contents(Path("whole/0001-a-fox"))


def test_fewer_steps_forget_what_was_taken_after_the_checkpoint(
    home: Home, monkeypatch: Patch
) -> None:
    words = home.words("steps=8", "previews=1", "checkpoint.every=4", "film.format=none")
    kill_run(monkeypatch, 6, "a fox", *words)
    place = Path("outputs/0001-a-fox")
    go("resume", str(place), "steps=4")
    assert len((place / "log.jsonl").read_text().splitlines()) == 4
    assert sorted(path.name for path in (place / "steps").iterdir())[-1] == "00003.png"


def test_checkpoints_stay_as_often(home: Home, monkeypatch: Patch) -> None:
    place = asked(home, monkeypatch, signal.SIGINT, "checkpoint.every=1")
    kill_run(monkeypatch, 5, "resume", str(place))
    assert checkpoint.read_run_checkpoint(place).notes["done"] == 5


def test_a_failure_says_how_to_go_on(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    write = checkpoint.write_run_checkpoint

    def full(place: Path, tensors: Any, notes: Any) -> Path:
        if notes["done"] == 4:
            raise OutputError("the disk is full")
        return write(place, tensors, notes)

    monkeypatch.setattr(checkpoint, "write_run_checkpoint", full)
    assert main.main(["a fox", *home.words(*WORDS)]) == 1
    err = capsys.readouterr().err
    assert "error: the disk is full" in err
    assert "to continue from the last checkpoint: vqclip resume outputs/0001-a-fox" in err
    monkeypatch.undo()


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    tensors = {
        "latent": torch.randn(1, 2, 3, 4).transpose(2, 3),
        "step": torch.tensor(3.0),
        "stream": torch.Generator().get_state(),
    }
    checkpoint.write_run_checkpoint(tmp_path, tensors, {"done": 3, "words": "é狐"})
    assert os.listdir(tmp_path) == [CHECKPOINT]
    found = checkpoint.read_run_checkpoint(tmp_path)
    assert found.notes == {"done": 3, "words": "é狐"}
    assert found.tensors.keys() == tensors.keys()
    assert all(torch.equal(found.tensors[key], value) for key, value in tensors.items())
    with pytest.raises(PictureError, match="holds no checkpoint"):
        checkpoint.read_run_checkpoint(tmp_path / "gone")
    with pytest.raises(OutputError, match="cannot be written"):
        checkpoint.write_run_checkpoint(tmp_path / "gone", tensors, {})


def test_all_of_the_language_goes_on(home: Home, monkeypatch: Patch) -> None:
    """Scenes, regions, schedules, pictures in turn, and a perceptor that is off for a while."""
    for number, colour in enumerate(("red", "gold", "teal")):
        Path("p").mkdir(exist_ok=True)
        pillow.new("RGB", (32, 32), colour).save(f"p/{number}.png")
    prompt = "a (fox:2):{0: 1, 100%: 3} | a moon in(top) ^ a bear | a sun in(left) | @p:0.5"
    words = [*home.words(*WORDS, "fade=0.5"), f"perceptors={home.clip}:{{0: 0.5, 50%: 1}}"]
    go(prompt, *words)
    kill_run(monkeypatch, 5, prompt, *words)
    whole, piece = sorted(path for path in Path("outputs").iterdir() if path.is_dir())
    assert not (piece / "final.png").exists()
    go("resume", str(piece))
    assert contents(piece) == contents(whole)


def test_a_prompt_may_get_a_region_on_the_way(home: Home, monkeypatch: Patch) -> None:
    kill_run(monkeypatch, 5, "a fox", *home.words(*WORDS))
    (piece,) = (path for path in Path("outputs").iterdir() if path.is_dir())
    go("resume", str(piece), "prompts=a fox | a moon in(top)")
    assert (piece / "final.png").exists()
    assert provenance.read_provenance(piece / "final.png").changes[0]["settings"] == {
        "prompts": "a fox"
    }


def test_a_run_in_a_folder_of_a_template_goes_on(home: Home, capsys: Capture) -> None:
    go("a fox", *home.words("seed=5", "out=foxes/%PROMPT%-%SEED%_%SEQ%"))
    place = Path("foxes/a-fox-5_01")
    assert (place / "final.png").is_file()
    go("resume", str(place), "steps=5")
    go("again", str(place))
    again = Path("outputs/0001-a-fox/final.png").read_bytes()
    assert again == (place / "final.png").read_bytes()
    assert main.main(["a fox", *home.words("out=%DAT%")]) == 2
    assert "%DAT% stands for nothing; did you mean 'DATE'?" in capsys.readouterr().err
