"""A run's folder, and what is in it after each kind of end."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from vqclip.errors import OutputError
from vqclip.media import images
from vqclip.optimisation_loop import Step
from vqclip.run.record import provenance, run_folder, writer
from vqclip.run.record.provenance import Provenance
from vqclip.run.record.writer import RecordOptions

FOX = Provenance({"steps": 4}, "a fox", 7, {"starter": "ab"}, {"torch": "2"})
FINAL = torch.full([1, 3, 4, 4], 0.25)


class Film:
    """Counts, and fails when it is told to."""

    def __init__(self, path: Path, failure: str = "") -> None:
        self.path = path
        self.frames = 0
        self.closed = 0
        self.paused = 0
        self.flushed: list[tuple[int, bool]] = []
        self.failure = failure

    def add(self, frame: Any) -> None:
        assert frame.shape[:2] == (1, 3)
        self.frames += 1

    def flush(self, durable: bool = False) -> None:
        self.flushed.append((self.frames, durable))

    def pause(self) -> None:
        self.paused += 1
        if self.failure:
            raise OutputError(self.failure)

    def close(self) -> None:
        self.closed += 1
        if self.failure:
            raise OutputError(self.failure)


class Source:
    """Steps, some of which may fail; knows whether it was closed."""

    def __init__(self, indices: range, failure: BaseException | None = None) -> None:
        self.closed = False
        self.steps = self._steps(indices, failure)

    def _steps(self, indices: range, failure: BaseException | None) -> Iterator[Step]:
        try:
            for index in indices:
                losses = {"a fox": torch.tensor(index / 4), "fog": torch.tensor(-0.5)}
                yield Step(index, torch.full([1, 3, 4, 4], index / 8), losses)
            if failure is not None:
                raise failure
        finally:
            self.closed = True


def kept(source: Source, place: Path, **options: Any) -> Generator[Step, None, None]:
    every: dict[str, Any] = {"provenance": lambda: FOX, "draw_final": lambda: FINAL, "every": 2}
    return writer.record_steps(source.steps, place, RecordOptions(**(every | options)))


def log_of(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]


def notes_of(place: Path) -> dict[str, Any]:
    found = json.loads((place / "run.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return run_folder.make_run_folder(tmp_path / "outputs", "a fox")


def test_json_is_for_people_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    writer.write_json(path, {"b": "狐", "a": Path("x"), "odd": "\udce9"})
    writer.write_json(path, {"b": "狐", "a": Path("x"), "odd": "\udce9"})
    text = path.read_text(encoding="utf-8")
    assert text == '{\n  "a": "x",\n  "b": "狐",\n  "odd": "\\udce9"\n}\n'
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_complete_run(place: Path) -> None:
    film = Film(place / "film.mp4")
    source = Source(range(4))
    seen = []
    options = {
        "film": film,
        "film_every": 3,
        "command": ["vqclip", "a fox"],
    }
    with closing(kept(source, place, **options)) as steps:
        for step in steps:
            seen.append(step.index)
            assert notes_of(place)["finished"] is None
            assert not (place / "final.png").exists()
            assert log_of(place)[-1]["step"] == step.index, "written before it is passed on"
    assert seen == [0, 1, 2, 3]
    assert sorted(os.listdir(place)) == ["final.png", "log.jsonl", "run.json", "steps"]
    assert sorted(os.listdir(place / "steps")) == ["00000.png", "00002.png"]
    assert images.read_picture(place / "steps" / "00002.png").sub(64 / 255).abs().max() < 1e-6
    assert images.read_picture(place / "final.png").sub(64 / 255).abs().max() < 1e-6
    for path in (place, place / "final.png", place / "steps" / "00000.png"):
        assert provenance.read_provenance(path) == FOX
    assert log_of(place)[2] == {"step": 2, "losses": {"a fox": 0.5, "fog": -0.5}, "total": 0.0}
    assert (film.frames, film.closed, source.closed) == (2, 1, True)
    notes = notes_of(place)
    assert notes["run"] == 1 and notes["command"] == ["vqclip", "a fox"]
    assert notes["seconds"] >= 0 and notes["host"]
    assert notes["started"] <= notes["finished"] and notes["started"].endswith("+00:00")


def test_same_run_same_final_bytes_in_any_folder(tmp_path: Path) -> None:
    data = set()
    for number in range(2):
        place = run_folder.make_run_folder(tmp_path, f"t{number}")
        list(kept(Source(range(2)), place, command=[str(number)]))
        data.add((place / "final.png").read_bytes())
    assert len(data) == 1


def test_zero_is_never(place: Path) -> None:
    film = Film(place / "film.mp4")
    list(kept(Source(range(2)), place, film=film, every=0, film_every=0))
    assert sorted(os.listdir(place)) == ["final.png", "log.jsonl", "run.json"]
    assert (film.frames, film.closed) == (0, 1)


def test_the_log_is_json_even_when_losses_are_not_numbers(place: Path) -> None:
    losses = {"a": torch.tensor(float("nan")), "b": torch.tensor(float("inf"))}
    steps = iter([Step(0, FINAL, losses)])
    list(writer.record_steps(steps, place, RecordOptions(lambda: FOX, lambda: FINAL)))
    assert log_of(place) == [{"step": 0, "losses": {"a": None, "b": None}, "total": None}]


def test_the_final_picture_is_drawn_without_gradients_and_the_consumer_keeps_its_own(
    place: Path,
) -> None:
    states = []

    def draw() -> torch.Tensor:
        states.append(torch.is_grad_enabled())
        return FINAL

    for _ in kept(Source(range(2)), place, draw_final=draw):
        states.append(torch.is_grad_enabled())
    assert states == [True, True, False]


def test_a_consumer_that_leaves_gets_a_film_but_no_final_picture(place: Path) -> None:
    film, source = Film(place / "film.mp4"), Source(range(9))
    with pytest.raises(KeyboardInterrupt), closing(kept(source, place, film=film)) as steps:
        for step in steps:
            if step.index == 2:
                raise KeyboardInterrupt
    assert (film.frames, film.closed, film.paused, source.closed) == (3, 0, 1, True)
    assert not (place / "final.png").exists()
    assert notes_of(place)["finished"] is None and len(log_of(place)) == 3


def test_a_failure_on_the_way_is_the_one_that_is_heard(place: Path) -> None:
    film = Film(place / "film.mp4", "the film is lost")
    source = Source(range(3), RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory") as caught:
        list(kept(source, place, film=film))
    assert caught.value.__notes__ == ["the film is lost"]
    assert film.paused == 1 and source.closed and not (place / "final.png").exists()


def test_who_asks_twice_does_not_wait_for_the_film(place: Path) -> None:
    film, source = Film(place / "film.mp4"), Source(range(3), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(kept(source, place, film=film))
    assert (film.frames, film.closed, film.paused) == (3, 0, 0) and source.closed
    assert notes_of(place)["seconds"] > 0 and not (place / "final.png").exists()


@pytest.mark.parametrize(
    ("every", "left", "saved"),
    [(2, 9, [1, 3, 4]), (2, 3, [1, 3]), (0, 9, [4]), (0, 2, [2]), (1, 1, [0, 1]), (9, 9, [4])],
)
def test_checkpoints_come_in_time_at_the_end_and_when_the_consumer_leaves(
    place: Path, every: int, left: int, saved: list[int]
) -> None:
    seen: list[int] = []
    told: list[int] = []

    film = Film(place / "film.mp4")

    def save() -> None:
        done = len(log_of(place))
        told.append(done - 1)  # what is saved is written down already
        assert film.flushed[-1] == (done, True)
        assert len(os.listdir(place / "steps")) == (done + 1) // 2

    options: dict[str, Any] = {"save": save, "save_every": every, "film": film}
    with closing(kept(Source(range(5)), place, **options)) as steps:
        for step in steps:
            seen.append(step.index)
            if step.index == left:
                break
    assert told == saved
    assert (place / "final.png").exists() == (left == 9)


def test_a_film_that_cannot_be_closed_ends_a_run_without_a_final_picture(place: Path) -> None:
    with pytest.raises(OutputError, match="the film is lost"):
        list(kept(Source(range(2)), place, film=Film(place / "film.mp4", "the film is lost")))
    assert not (place / "final.png").exists()


def test_a_run_goes_on_where_it_was_left(place: Path) -> None:
    with closing(kept(Source(range(9)), place)) as steps:
        for step in steps:
            if step.index == 3:
                break
    first = notes_of(place)
    writer.write_json(place / "run.json", first | {"seconds": 100.0, "started": "2031"})
    with (place / "log.jsonl").open("a") as file:
        file.write('{"step": 1')
    list(kept(Source(range(2, 5)), place, first=2, prepared=30.0))  # for a draft
    assert [line["step"] for line in log_of(place)] == [0, 1, 2, 3, 4]
    notes = notes_of(place)
    assert notes["started"] == "2031" and notes["seconds"] >= 130 and len(notes["resumed"]) == 1
    assert (place / "final.png").exists()


def test_a_complete_run_is_not_overwritten(place: Path) -> None:
    list(kept(Source(range(2)), place))
    before = (place / "run.json").read_bytes()
    source = Source(range(2))
    with pytest.raises(OutputError, match=r"final.png already exists"):
        next(kept(source, place))
    assert (place / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "name"),
    [({"every": 0}, "log.jsonl"), ({}, "run.json")],
)
def test_a_folder_that_goes_away_is_named(
    place: Path, options: dict[str, Any], name: str
) -> None:
    last = name == "run.json"
    with pytest.raises(OutputError, match=f"{name} cannot be written .*moved or deleted"):
        for step in kept(Source(range(3)), place, **options):
            if step.index == (2 if last else 0):
                shutil.rmtree(place)


def test_a_log_that_cannot_be_read_is_named(place: Path) -> None:
    (place / "log.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"log.jsonl cannot be written .Is a directory"):
        list(kept(Source(range(1)), place))
