"""What ffmpeg says, and what is made of it."""

from __future__ import annotations

import stat
import sys
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vqclip.errors import OutputError
from vqclip.record import ffmpeg

SONG = """
  Duration: 00:03:05.50, start: 0.000000, bitrate: 128 kb/s
  Stream #0:0: Audio: mp3, 44100 Hz, stereo, fltp, 128 kb/s
  Stream #0:1: Video: mjpeg (Baseline), yuvj420p, 300x300, 90k tbr, 90k tbn (attached pic)
"""
FILM = """
  Duration: N/A, start: 0.000000, bitrate: N/A
  Stream #0:0(eng): Video: vp9 (Profile 0), yuv420p(tv), 46x34, 29.97 fps, 29.97 tbr, 1k tbn
      alpha_mode      : 1
"""


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "fake-ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(path))


def test_the_cover_of_a_song_is_no_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, f"cat >&2 <<'END'\n{SONG}\nEND")
    told = ffmpeg.tell(tmp_path / "song.mp3")
    assert (told.video, told.sound, told.seconds) == (None, True, 185.5)


def test_a_film_is_told_from_its_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, f"cat >&2 <<'END'\n{FILM}\nEND")
    told = ffmpeg.tell(tmp_path / "film.webm")
    assert told.video is not None and told.video.startswith("vp9")
    assert told.alpha and not told.sound and told.seconds is None
    assert told.fps == Fraction(30000, 1001)


def test_encoders_are_listed_or_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ffmpeg.encoders()
    assert found is not None and {"libx264", "gif", "aac"} <= found and "=" not in found
    fake(tmp_path, monkeypatch, "exit 1")
    assert ffmpeg.encoders() is None
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "gone"))
    assert ffmpeg.encoders() is None
    with pytest.raises(OutputError, match="ffmpeg does not start"):
        ffmpeg.tell(tmp_path / "film.mp4")


def test_one_that_ends_early_is_heard_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "echo one >&2; echo 'No space left' >&2; exit 3")
    large = (np.zeros((512, 512, 3), np.uint8) for _ in range(50))
    with pytest.raises(OutputError, match=r"^ffmpeg stopped: No space left$"):
        ffmpeg.feed(ffmpeg.command(), large)


@pytest.mark.skipif(sys.platform == "win32", reason="asks for process ids")
def test_what_goes_wrong_while_it_is_fed_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exec sleep 60")

    def broken():  # type: ignore[no-untyped-def]
        yield np.zeros((2, 2, 3), np.uint8)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):  # at once, not in a minute
        ffmpeg.feed(ffmpeg.command(), broken())
