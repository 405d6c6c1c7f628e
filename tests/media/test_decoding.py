"""Decoding of files with sound."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from tests.helpers.films import ffmpeg, film
from vqclip.media import pyav

SINE = ("-f", "lavfi", "-i", "sine=duration=1.5")


def test_how_long_a_sound_is(tmp_path: Path) -> None:
    film(tmp_path / "cover.png", "-frames:v", "1")
    cover = ("-i", tmp_path / "cover.png", "-map", "0", "-map", "1", "-c:v", "mjpeg")
    ffmpeg(*SINE, *cover, "-disposition:v", "attached_pic", tmp_path / "song.mp3")
    assert pyav.read_sound(tmp_path / "song.mp3") == pytest.approx(1.5, abs=0.05)
    ffmpeg(*SINE, "-f", "matroska", "-live", "1", tmp_path / "live.mka")
    assert pyav.read_sound(tmp_path / "live.mka") == inf
    film(tmp_path / "silent.mp4")
    assert pyav.read_sound(tmp_path / "silent.mp4") is None
    (tmp_path / "words.txt").write_text("no sound")
    assert pyav.read_sound(tmp_path / "words.txt") is None


def test_titles_in_any_letters_are_no_matter(tmp_path: Path) -> None:
    """ID3 in Latin-1, read as UTF-8."""
    ffmpeg(*SINE, "-metadata", "title=0123456789", tmp_path / "a.mkv")
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(data.replace(b"0123456789", b"012345678\xe4"))
    assert pyav.read_sound(tmp_path / "a.mkv") == pytest.approx(1.5, abs=0.05)
