"""A film that grows: it plays after a kill, and nothing hangs on it."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from tests.media.test_film_assembly import opened
from vqclip.media import live_film
from vqclip.media.film_assembly import Film
from vqclip.media.frames import frame_source

GROWING = """
import sys, numpy
from fractions import Fraction
from vqclip.media import live_film
from vqclip.media.film_encoder import EncodeOptions
from vqclip.media.film_assembly import FilmPlan, open_film
live_film.PATIENCE = 0
film = open_film(sys.argv[1], EncodeOptions(Fraction(10)), FilmPlan())
for number in range(40):
    film.add(numpy.full((16, 32, 3), 5 * number, numpy.uint8))
print("there", flush=True)
sys.stdin.read()
"""
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def at_once(monkeypatch: Patch) -> None:
    monkeypatch.setattr(live_film, "PATIENCE", 0)


def until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that comes when it comes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def filled(path: Path, count: int, first: int = 0, **how: object) -> Film:
    film = opened(path, fps=10, **how)
    for number in range(first, first + count):
        film.add(np.full((16, 32, 3), 5 * number, np.uint8))
    film.flush()
    return film


def levels(path: Path) -> list[float]:
    """The grey of each picture that plays."""
    try:
        return [float(pixels.mean()) for pixels in frame_source.strip_of_film(path).pictures()]
    except Exception:
        return []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
@pytest.mark.parametrize("kind", ["mp4", "mov", "webm"])
@pytest.mark.parametrize("both", [False, True])
def test_after_a_kill_the_film_plays(tmp_path: Path, kind: str, both: bool) -> None:
    path = tmp_path / f"film.{kind}"
    process = subprocess.Popen(
        [sys.executable, "-c", GROWING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"there\n"
    until(lambda: len(levels(path)) >= 30)
    encoders = children(process.pid)
    assert len(encoders) == 1
    if both:
        os.kill(encoders[0], signal.SIGKILL)
    process.kill()
    process.communicate()
    until(lambda: not any(os.path.exists(f"/proc/{each}/exe") for each in encoders))
    found = levels(path)
    assert 30 <= len(found) <= 40
    assert np.abs(np.subtract(found, [5 * n for n in range(len(found))])).max() < 4
    assert len(list((tmp_path / "film.frames").iterdir())) == 40  # and nothing is lost
    assert not list(tmp_path.glob(".*"))


def children(process: int) -> list[int]:
    """The processes that one has started."""
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True)
    pairs = (line.split() for line in listed.stdout.splitlines())
    return [int(own) for parent, own in pairs if int(parent) == process]


def test_a_closed_film_is_what_it_would_have_been(tmp_path: Path) -> None:
    whole = filled(tmp_path / "whole.mp4", 8, grows=False)
    whole.close()
    film = filled(tmp_path / "film.mp4", 5)
    until(lambda: len(levels(film.path)) >= 3)
    film.pause()  # of what there is, the true one
    assert len(levels(film.path)) == 5
    for number in range(5, 8):
        film.add(np.full((16, 32, 3), 5 * number, np.uint8))
    film.close()
    assert film.path.read_bytes() == whole.path.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "whole.mp4"]


def test_a_film_that_is_there_stays_until_this_one_has_caught_up(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    filled(path, 6, grows=False).pause()
    film = filled(path, 2, first=6, overwrite=True, start=6)
    seen: set[int] = set()
    until(lambda: seen.add(len(levels(path))) or max(seen) >= 7)  # type: ignore[func-returns-value]
    assert min(seen) >= 6  # at no time was there less
    assert not list(tmp_path.glob(".*"))
    film.close()
    assert len(levels(path)) == 8


@pytest.mark.parametrize("script", ["exit 1", "exec >&-; cat >/dev/null; exit 1", "kill -9 $$"])
def test_an_encoder_that_dies_is_given_up(
    tmp_path: Path, monkeypatch: Patch, script: str
) -> None:
    broken = tmp_path / "fake-ffmpeg"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    true = imageio_ffmpeg.get_ffmpeg_exe()
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(broken))
    place = tmp_path / "run"
    place.mkdir()
    film = filled(place / "film.mp4", 3)
    time.sleep(0.1)
    film.add(np.zeros((16, 32, 3), np.uint8))
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: true)
    film.close()
    assert os.listdir(place) == ["film.mp4"] and len(levels(film.path)) == 4


def test_frames_that_go_away_end_it_alone(tmp_path: Path) -> None:
    film = filled(tmp_path / "film.mp4", 2)
    until(lambda: levels(film.path))
    growing = film._live
    assert growing is not None
    shutil.rmtree(film.folder)
    growing.set_count(9)
    until(growing.ended.is_set)
    assert growing.process is not None and growing.process.poll() is not None


def test_a_film_that_is_let_go_of_ends_its_encoder(tmp_path: Path) -> None:
    film = filled(tmp_path / "film.webm", 2)
    growing = film._live
    assert growing is not None
    until(lambda: growing.process)
    del film
    until(growing.ended.is_set)


def test_a_short_run_starts_no_second_encoder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(live_film, "PATIENCE", 600)
    film = filled(tmp_path / "film.mp4", 2)
    growing = film._live
    film.close()
    assert growing is not None and growing.ended.is_set() and growing.process is None


@pytest.mark.parametrize("kind", [".gif", ".webp", ""])
def test_kinds_that_cannot_grow_come_at_the_end(tmp_path: Path, kind: str) -> None:
    assert filled(tmp_path / f"film{kind}", 2)._live is None
