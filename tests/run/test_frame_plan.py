"""Which frames an animation has, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow

from tests.helpers.films import film
from tests.helpers.melody import melody, save
from tests.helpers.moving import clip
from vqclip.config import loading
from vqclip.config.auto_settings import resolve_auto
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, PictureError, SoundError
from vqclip.language.assets import SearchPath
from vqclip.run import frame_plan as run_frames

HERE = SearchPath.current()


@pytest.fixture(autouse=True)
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(**settings: Any) -> RunConfig:
    return resolve_auto(loading.load_config("a fox", **{"init": "random", "steps": 5} | settings))


def test_the_first_frame_has_the_steps_of_a_picture() -> None:
    frame_plan = run_frames.plan_frames(load(frames=4, motion={"steps": 3}))
    assert (frame_plan.clock.starts, frame_plan.clock.steps, frame_plan.lead) == (
        (0, 5, 8, 11),
        14,
        0,
    )
    assert (frame_plan.timeline.frames, frame_plan.timeline.fps) == (4, 12.0)


def test_steps_follow_a_schedule_by_the_frame() -> None:
    frame_plan = run_frames.plan_frames(load(frames=5, motion={"steps": "1: 1, 4: 4"}))
    assert frame_plan.clock.starts == (0, 5, 6, 8, 11) and frame_plan.clock.steps == 15
    with pytest.raises(ConfigError, match=r"motion.steps is 0 at frame 4 .* 1 or more"):
        run_frames.plan_frames(load(frames=5, motion={"steps": "4 - frame"}))


def test_an_animation_that_closes_begins_earlier() -> None:
    frame_plan = run_frames.plan_frames(load(frames=8, loop=True, motion={"steps": 2}))
    assert (frame_plan.lead, frame_plan.clock.lead, len(frame_plan.clock.starts)) == (2, 2, 10)
    assert [frame_plan.film(frame) for frame in range(10)] == [6, 7, 0, 1, 2, 3, 4, 5, 6, 7]
    assert run_frames.lead_frames(load(frames=2000, loop=True)) == 24
    assert run_frames.lead_frames(load(frames=1, loop=True)) == 1


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ({"length": 2.0}, 24),
        ({"length": 2.0, "fps": 5.0}, 10),
        ({"length": 0.01}, 1),
        ({"length": 100_000 / 12}, 100_000),
        ({"length": 2.0, "loop": True}, 24),
    ],
)
def test_a_length_is_so_many_frames(settings: dict[str, Any], frames: int) -> None:
    config = load(**settings)
    assert (config.frames, config.length) == (frames, 0)


@pytest.mark.parametrize("length", [8334.0, 1e300, float("inf")])
def test_an_animation_has_an_end(length: float) -> None:
    with pytest.raises(ConfigError, match=r"length is .* write 8333.33 or less"):
        load(length=length)
    with pytest.raises(ConfigError, match="frames is 100001; it must be 100000 or less"):
        load(frames=100_001)
    assert run_frames.plan_frames(load(frames=100_000)).clock.steps == 5 + 8 * 99_999


def test_a_film_that_is_drawn_over_says_how_long_it_is() -> None:
    film(Path("clip.mkv"), rate="10", seconds="1")
    config = run_frames.with_source_length(load(source={"film": "clip.mkv"}), HERE)
    assert (config.frames, config.fps) == (10, 10.0)
    config = run_frames.with_source_length(load(source={"film": "clip.mkv", "stride": 3}), HERE)
    assert (config.frames, config.fps) == (4, pytest.approx(10 / 3))
    config = run_frames.with_source_length(load(source={"film": "clip.mkv", "start": 0.4}), HERE)
    assert (config.frames, config.fps) == (6, 10.0)
    config = run_frames.with_source_length(load(source={"film": "clip.mkv"}, fps=5.0), HERE)
    assert (config.frames, config.fps) == (5, 5.0)
    config = run_frames.with_source_length(load(source={"film": "clip.mkv"}, length=0.5), HERE)
    assert (config.frames, config.length) == (5, 0)
    assert run_frames.with_source_length(config, HERE) == config
    named = load(source={"film": "clip.mkv"}, frames=3, fps=8.0)
    assert run_frames.with_source_length(named, HERE) == named


def test_pictures_in_a_row_have_the_usual_pace() -> None:
    clip(Path("row"), 7)
    config = run_frames.with_source_length(load(source={"film": "row", "stride": 2}), HERE)
    assert (config.frames, config.fps) == (4, 12.0)


def test_no_new_animation_is_longer_than_its_film() -> None:
    film(Path("clip.mkv"), rate="10", seconds="1")
    source = {"film": "clip.mkv"}
    assert (
        run_frames.clipped_to_source(load(source=source, frames=10, fps=10.0), HERE).frames == 10
    )
    over = load(source=source, frames=11, fps=10.0)
    assert run_frames.clipped_to_source(over, HERE).frames == 10
    assert (
        run_frames.with_source_length(over, HERE) == over
    )  # of a run that goes on, the last frame stays
    late = run_frames.clipped_to_source(
        load(source=source | {"start": 0.4}, frames=9, fps=10.0), HERE
    )
    assert late.frames == 6
    assert run_frames.clipped_to_source(load(source=source, length=1.5), HERE).frames == 10
    assert run_frames.clipped_to_source(load(source=source), HERE).frames == 10


def test_a_picture_that_is_none_is_found_before_the_run() -> None:
    clip(Path("row"), 4)
    Path("row", "00002.png").write_text("no picture")
    with pytest.raises(PictureError, match=r"00002.png is not a picture .* remove it from row$"):
        run_frames.clipped_to_source(load(source={"film": "row"}, frames=2), HERE)


def test_a_film_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    film(Path("clip.mkv"), rate="10", seconds="1")
    monkeypatch.setattr(run_frames, "MOST_FRAMES", 9)
    with pytest.raises(ConfigError, match=r"clip.mkv has 10 frames from here on.*at most 9"):
        run_frames.with_source_length(load(source={"film": "clip.mkv"}), HERE)
    config = load(source={"film": "clip.mkv", "stride": 2})
    assert run_frames.with_source_length(config, HERE).frames == 5


def test_a_film_that_is_over_or_absent_is_refused() -> None:
    clip(Path("row"), 3)
    with pytest.raises(
        PictureError, match="row is no longer than the 9 seconds that are left out"
    ):
        run_frames.with_source_length(load(source={"film": "row", "start": 9.0}), HERE)
    for name in ("row", "clip.mkv"):  # however many frames are asked for
        film(Path("clip.mkv"))
        ended = load(source={"film": name, "start": 9.0}, frames=4, fps=10.0)
        with pytest.raises(PictureError, match=f"{name} is no longer than the 9 seconds"):
            run_frames.clipped_to_source(ended, HERE)
    with pytest.raises(PictureError, match="there is no film or folder at nil"):
        run_frames.with_source_length(load(source={"film": "nil"}), HERE)


def test_frames_come_from_where_they_are_asked_for() -> None:
    folder = Path("row")
    folder.mkdir()
    for number in range(12):
        pillow.new("RGB", (8, 8), (20 * number, 0, 0)).save(folder / f"{number}.png")
    config = load(source={"film": "row", "stride": 2, "start": 0.25}, fps=12.0, frames=3)
    found = run_frames.open_source(config, 1, (8, 8), HERE)
    # A quarter of a second is three of every second picture; then one more.
    assert [round(float(f[0, 0].mean()) * 255) for f in found] == [160, 200]


def test_a_film_of_many_frames_is_thinned_out() -> None:
    film(Path("clip.mkv"), rate="12", seconds="1")
    every = run_frames.open_source(load(source={"film": "clip.mkv"}), 0, None, HERE)
    wanted = list(every)
    config = run_frames.with_source_length(load(source={"film": "clip.mkv", "stride": 3}), HERE)
    assert (config.frames, config.fps) == (4, 4.0)  # of the animation; the film has three times
    found = list(run_frames.open_source(config, 1, None, HERE))
    assert len(wanted) == 12 and len(found) == 3
    for one, two in zip(found, wanted[3::3], strict=True):
        assert torch.equal(one, two)


def test_files_that_are_read_are_listed() -> None:
    clip(Path("row"), 2)
    Path("song.wav").touch()
    config = load(
        source={"film": "row", "flow": "raft.pth"}, sound={"file": "song.wav"}, frames=2
    )
    assert run_frames.list_source_files(config, HERE) == {
        "film row": [Path("row/000.png"), Path("row/001.png")],
        "flow raft.pth": [Path("raft.pth")],
        "sound song.wav": [Path("song.wav")],
    }
    assert run_frames.list_source_files(load(camera={"depth": "tunnel"}, frames=2), HERE) == {}
    flight = load(camera={"depth": "row/001.png"}, frames=2)
    assert run_frames.list_source_files(flight, HERE) == {
        "depth row/001.png": [Path("row/001.png")]
    }


def test_what_is_heard() -> None:
    film(Path("mute.mkv"))
    tone = ("-f", "lavfi", "-i", "sine=duration=1", "-shortest")
    film(Path("loud.mkv"), *tone)
    assert run_frames.find_sound(load(frames=2), HERE) == (None, 0)
    assert run_frames.find_sound(load(source={"film": "mute.mkv"}), HERE) == (None, 0)
    loud = {"film": "loud.mkv", "start": 0.3}
    assert run_frames.find_sound(load(source=loud), HERE) == (Path("loud.mkv"), 0.3)
    assert run_frames.find_sound(load(source=loud | {"sound": False}), HERE) == (None, 0)
    music = load(source=loud, sound={"file": "song.wav", "start": 2.0})
    assert run_frames.find_sound(music, HERE) == (Path("song.wav"), 2.0)


def test_music_moves_what_follows_it() -> None:
    save(Path("song.wav"), melody(2.0))
    config = load(
        frames=12,
        sound={"file": "song.wav", "bands": "kick=40-100"},
        motion={"steps": "1 + pulse"},
    )
    heard = run_frames.analyse_sound(config, HERE)
    assert heard is not None
    assert {"kick", "low", "mid", "high", "beat", "pulse"} <= heard.variables.keys()
    assert all(len(values) == 12 for values in heard.variables.values())
    frame_plan = run_frames.plan_frames(config, heard.variables)
    counts = [
        b - a for a, b in zip(frame_plan.clock.starts, frame_plan.clock.starts[1:], strict=False)
    ]
    assert counts[1:] == [round(1 + pulse) for pulse in heard.variables["pulse"][1:-1]]
    assert {1, 2} <= set(counts[1:])
    assert run_frames.analyse_sound(load(frames=2), HERE) is None
    with pytest.raises(SoundError, match="should start at 5 s"):
        run_frames.analyse_sound(load(frames=2, sound={"file": "song.wav", "start": 5.0}), HERE)
    with pytest.raises(ConfigError, match="'share', which means something else"):
        run_frames.analyse_sound(
            load(frames=2, sound={"file": "song.wav", "bands": "share=1-2"}), HERE
        )
