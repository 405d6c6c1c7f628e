"""The outside world fails: each time a sentence, an exit code, and what there is stays good."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from vqclip.cli import main, output
from vqclip.media import images
from vqclip.media.files import CHECKPOINT
from vqclip.run.record import checkpoint, provenance, run_folder

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
ROOT = Path(__file__).parents[2]
RUN = Path("outputs/0001-a-fox")
WORDS = ("steps=4", "film.format=gif", "checkpoint.every=1", "previews=2", "seed=5")


def require_good(place: Path) -> None:
    """Hold that everything in a run's folder can be read."""
    for path in place.rglob("*.png"):
        assert images.read_picture(path).shape[1] == 3
    for path in place.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    if (place / CHECKPOINT).exists():
        checkpoint.read_run_checkpoint(place)
    for path in place.glob("film.*"):
        if path.is_file():
            pillow.open(path).load()


@pytest.mark.parametrize("writes", range(0, 13, 3))
def test_a_disk_that_fills_up(
    home: Home, capsys: Capture, monkeypatch: Patch, writes: int
) -> None:
    assert main.main(["a fox", "--quiet", "--out", "whole", *home.words(*WORDS)]) == 0
    left, replace = [writes], os.replace

    def full(source: str, target: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert main.main(["a fox", *home.words(*WORDS)]) == 1
    err = capsys.readouterr().err
    assert "cannot be written (No space left on device); free some space on the disk" in err
    assert "Traceback" not in err and "bug in vqclip" not in err
    require_good(RUN)
    assert not list(RUN.rglob("*.part*"))
    if not (RUN / CHECKPOINT).exists():
        return
    assert f"to continue from the last checkpoint: vqclip resume {RUN}" in err
    assert main.main(["resume", str(RUN), "--quiet"]) == 0
    for name in ("final.png", "film.gif"):
        assert (RUN / name).read_bytes() == (Path("whole") / RUN.name / name).read_bytes()


def during(monkeypatch: Patch, step: int, does: Any) -> None:
    """Let something happen while a step is shown."""
    event = output.Console.event

    def hooked(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if name == "step" and values["step"] == step:
            does()

    monkeypatch.setattr(output.Console, "event", hooked)


def test_a_folder_that_is_removed(home: Home, capsys: Capture, monkeypatch: Patch) -> None:
    during(monkeypatch, 1, lambda: shutil.rmtree(RUN))
    assert main.main(["a fox", "--json", *home.words(*WORDS)]) == 1
    err = capsys.readouterr().err
    assert "was its folder moved or deleted? Put it back, or start again" in err
    assert "to continue from" not in err  # there is nothing to continue from


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_place_that_may_not_be_written(
    home: Home, refused: Refusal, monkeypatch: Patch, code: int
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "mkdir", denied)
    said = refused("a fox", *home.words())
    assert f"outputs cannot be written ({os.strerror(code)}); choose a place that you may" in said


@pytest.mark.skipif(os.name == "nt", reason="the script is a shell's")
def test_an_ffmpeg_that_is_killed(
    home: Home, capsys: Capture, monkeypatch: Patch, tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
        assert main.main(["a fox", *home.words(*WORDS, "film.format=mp4")]) == 1
    err = capsys.readouterr().err
    assert "film.mp4 could not be made" in err and "its frames are in" in err
    require_good(RUN)
    assert len(list((RUN / "film.frames").glob("*.png"))) == 4
    assert main.main(["resume", str(RUN), "--quiet"]) == 0
    assert (RUN / "film.mp4").stat().st_size > 500
    assert (RUN / "final.png").is_file()


def claiming(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes that says it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data))
            + kind
            + data
            + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_pictures_that_are_huge_or_broken(home: Home, refused: Refusal, tmp_path: Path) -> None:
    huge = claiming(tmp_path / "huge.png", 40_000, 40_000)
    assert "more than 89 million pixels; make it smaller" in refused(
        "a fox", "--init", str(huge), *home.words()
    )
    cut = tmp_path / "cut.png"
    cut.write_bytes(claiming(cut, 64, 64).read_bytes()[:50])
    words = tmp_path / "words.png"
    words.write_text("no picture")
    for path in (cut, words):
        for asked in (["a fox", "--init", str(path)], [f"a fox | @{path}:0.5"]):
            said = refused(*asked, *home.words())
            assert (
                f"{path} cannot be read (it is damaged or no picture); try another file" in said
            )


def test_a_picture_that_is_40000_pixels_wide_and_a_few_high(home: Home, capsys: Capture) -> None:
    pillow.new("RGB", (40_000, 3), "red").save("wide.png")
    assert main.main(["a fox", "--init", "wide.png", *home.words()]) == 0


@pytest.mark.parametrize("size", ["33x47", "37x16", "640x16"])
def test_odd_sizes(home: Home, capsys: Capture, size: str) -> None:
    assert main.main(["a fox", *home.words("steps=1", "film.format=mp4", f"size={size}")]) == 0
    wide, high = map(int, size.split("x"))
    assert pillow.open(RUN / "final.png").size == (wide - wide % 4, high - high % 4)
    assert (RUN / "film.mp4").stat().st_size > 300


@pytest.mark.parametrize("size", ["0x0", "1x1", "99999x16", "-5x5", "NaNx3", "256x"])
def test_sizes_that_are_none(home: Home, refused: Refusal, size: str) -> None:
    assert refused("a fox", *home.words(f"size={size}")).startswith("size is ")


def test_a_clock_that_goes_backwards(home: Home, capsys: Capture, monkeypatch: Patch) -> None:
    def backwards() -> Iterator[float]:
        now = 1e9
        while True:
            yield (now := now - 5)

    clock = backwards()
    with monkeypatch.context() as patch:
        for name in ("time", "monotonic", "perf_counter"):
            patch.setattr(time, name, lambda: next(clock))
        assert main.main(["a fox", "--json", *home.words(*WORDS)]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert done["event"] == "done" and done["seconds"] >= 0
    assert json.loads((RUN / "run.json").read_text())["seconds"] >= 0


def test_many_runs_that_begin_at_once(tmp_path: Path) -> None:
    found: list[Path] = []

    def begin() -> None:
        found.extend(run_folder.make_run_folder(tmp_path, "a fox") for _ in range(8))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.name[:4] for path in found}) == len(found) == 64


def test_a_run_that_somebody_is_drawing_already(home: Home, capsys: Capture) -> None:
    assert main.main(["a fox", "--quiet", *home.words(*WORDS)]) == 0
    code = (
        "import sys; from pathlib import Path; from vqclip.run.record import run_folder\n"
        f"with run_folder.locked_folder(Path({str(RUN)!r})):\n"
        "    print('in', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == "in\n"
        capsys.readouterr()
        assert main.main(["resume", str(RUN), "steps=6"]) == 2
        assert "another vqclip is drawing into" in capsys.readouterr().err
        other.stdin.write("\n")
        other.stdin.flush()
    assert main.main(["resume", str(RUN), "steps=6", "--quiet"]) == 0


def shell(line: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which $vqclip is the command."""
    python = f"{sys.executable} {ROOT / 'run.py'}"
    return subprocess.run(
        ["bash", "-c", line],
        env=os.environ | {"vqclip": python} | more,
        capture_output=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="wants a shell")
def test_places_to_speak_that_are_closed(home: Home) -> None:
    words = " ".join(f"'{word}'" for word in home.words("steps=2"))
    # Nobody on stderr: what is for people must not end up where the path goes.
    quiet = shell(f"$vqclip 'a fox' {words} 2>&-")
    assert quiet.returncode == 0
    final = Path(quiet.stdout.decode().strip())
    assert provenance.read_provenance(final).prompt == "a fox"
    # A reader who leaves: the run ends, and what there is can be gone on with.
    gone = shell(f"$vqclip 'a fox' {words} --json steps=40 | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert gone.returncode == 1
    assert b"Traceback" not in gone.stderr and b"Exception" not in gone.stderr
    assert json.loads(gone.stdout)["event"] == "start"
    require_good(Path(json.loads(gone.stdout)["run"]))
    closed = shell(f"$vqclip 'a fox' {words} >&-")
    assert closed.returncode == 0 and b"Traceback" not in closed.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="wants a shell")
def test_locales_without_letters(home: Home) -> None:
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    words = " ".join(f"'{word}'" for word in home.words("steps=1"))
    drawn = shell(f"$vqclip '狐 | café:0.5' {words}", **plain)
    assert drawn.returncode == 0, drawn.stderr
    final = Path(os.fsdecode(drawn.stdout).strip())
    assert provenance.read_provenance(final).prompt == "狐 | café:0.5"
    for line in (f"show {final}", "presets", f"plan '狐' {words}"):
        said = shell(f"$vqclip {line}", **plain)
        assert said.returncode == 0, said.stderr
        assert b"Traceback" not in said.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="wants a shell")
@pytest.mark.starter
def test_a_home_that_cannot_be_written() -> None:
    nowhere = {"HOME": "/dev/null/nobody", "XDG_CACHE_HOME": "", "VQCLIP_HOME": ""}
    drawn = shell("cd $(mktemp -d) && $vqclip 'a heart' --preset draft steps=1", **nowhere)
    assert drawn.returncode == 0, drawn.stderr
    listed = shell("$vqclip models list", **nowhere)
    assert listed.returncode == 0
    fetched = shell("$vqclip models fetch sflckr", **nowhere)
    assert fetched.returncode == 2
    assert b"set VQCLIP_HOME to one that you may write to" in fetched.stderr


def test_a_terminal_that_is_closed_ends_the_run_as_ctrl_c_does(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    during(monkeypatch, 1, lambda: os.kill(os.getpid(), signal.SIGHUP))
    assert main.main(["a fox", "--json", *home.words(*WORDS)]) == 128 + signal.SIGHUP
    require_good(RUN)
    assert main.main(["resume", str(RUN), "--quiet"]) == 0
