"""Lengths in seconds of film."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as pillow

from tests.helpers.films import film
from vqclip.config import loading
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.steps.film_seconds import settle_stretch
from vqclip.errors import ConfigError, PictureError


def test_steps_in_seconds_follow_the_last_rate_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("prompts: a fox\nsteps: 4 s\nfilm: {fps: 23.976}\n")
    assert loading.load_config(file=file).steps == 96
    assert loading.load_config(file=file, overrides=["film.fps=10"]).steps == 40
    assert loading.load_config(file=file, overrides=["steps=7"]).steps == 7
    with pytest.raises(
        ConfigError, match=r"run\.yaml: steps is 4s, but this picture has no film"
    ):
        loading.load_config(file=file, overrides=["film.format=none"])


def test_frames_in_seconds_are_a_length() -> None:
    def frames(*words: str) -> int:
        return loading.load_config("a fox", overrides=words).frames

    assert frames("frames=2s") == frames("length=2") == 24
    assert frames("frames=2s", "fps=30") == 60
    assert frames("frames=0", "frames=10f") == 10
    assert (
        loading.load_config(base={"prompts": "a", "frames": 9}, overrides=["frames=1s"]).frames
        == 12
    )


def test_frames_and_strides_of_a_film_are_counted_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "film.avi", "-c:v", "ffv1")  # 10 frames, 10 a second
    (tmp_path / "run.yaml").write_text("prompts: a fox\nsource: {film: film.avi}\n")

    def settled(*words: str) -> tuple[int, int]:
        found = loading.load_config(file=tmp_path / "run.yaml", overrides=words)
        return found.frames, found.source.stride

    assert settled("frames=50%") == (5, 1)
    assert settled("frames=100%", "source.start=.2s") == (8, 1)
    assert settled("frames=100%", "source.stride=.2s") == (5, 2)
    assert settled("frames=100%", "fps=5") == (5, 1)
    assert settled("frames=50%", "frames=3") == (3, 1)
    base = to_dict(loading.load_config(file=tmp_path / "run.yaml", overrides=["frames=50%"]))
    assert base["frames"] == 5
    with pytest.raises(PictureError, match="gone"):
        settled("frames=50%", "source.film=gone.mp4")
    (tmp_path / "pictures").mkdir()
    pillow.new("RGB", (8, 8)).save(tmp_path / "pictures" / "1.png")
    with pytest.raises(ConfigError, match="have no rate of their own; write a whole number"):
        settled("source.stride=2s", "source.film=pictures")
    assert settled("frames=100%", "source.stride=1s") == (1, 10)
    with pytest.raises(
        ConfigError, match=r"stride is 1\.1s, and .*film\.avi is shorter than that"
    ):
        settled("source.stride=1.1s")
    with pytest.raises(
        ConfigError, match="stride is 0s, but it must be 1 or more; write a whole"
    ):
        settled("source.stride=0s")
    with pytest.raises(
        ConfigError, match=r"which leaves .* less than 0\.01 .*; write 1000 or less"
    ):
        settled("frames=50%", "source.stride=1001")
    with pytest.raises(ConfigError, match=r"at 1010 frames a .* with fps=10; write 100 or less"):
        settled("frames=50%", "source.stride=101", "fps=10")
    with pytest.raises(ConfigError, match="stride is 999999999999; it must be 100000 or less"):
        settled("source.stride=999999999999")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "frames=0s",
            "frames is 0s, but it must be 1 or more; write a whole number, such as 60, or",
        ),
        (
            "frames=0%",
            "frames is 0%, but it must be 1 or more; write a whole number, such as 60, or",
        ),
        ("length=0 s", "length is 0s, but it must be more than 0; write seconds, such as 5s"),
        (
            "steps=0s",
            "steps is 0s, but it must be 1 or more; write a whole number, such as 200, or",
        ),
    ],
)
def test_a_share_or_a_time_of_0_is_no_length(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"the command line: {message}"):
        loading.load_config("a fox", overrides=[word])
    plain = loading.load_config("a fox", overrides=["frames=0", "length=0"])
    assert (plain.frames, plain.length) == (0, 0)


@pytest.mark.parametrize(
    ("typed", "stretch"),
    [
        ("6:12", "6:12"),
        ("2s:4s", "24:48"),
        ("0:50%", "0:30"),
        ("10f : 100%", "10:60"),
        ("1i:9", "1i:9"),
        ("2s", "2s"),
        ("a:b", "a:b"),
    ],
)
def test_stretches_are_counted_in_frames(typed: str, stretch: str) -> None:
    assert settle_stretch(typed, 60, 12.0) == stretch
    base = {"prompts": "a fox", "frames": 60, "retake": {"of": "run", "frames": typed}}
    assert loading.load_config(base=base).retake.frames == stretch
