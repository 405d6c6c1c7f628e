"""Which frame it is at a step."""

from __future__ import annotations

import pytest

from vqclip.errors import ConfigError
from vqclip.language.clock import Clock, Timeline, parse_length
from vqclip.language.schedules import parse_schedule


def test_in_a_picture_every_step_is_a_frame() -> None:
    clock = Clock(40, fps=10.0)
    assert (clock.frames, clock.frame(17), clock.seconds(17)) == (40, 17, 1.7)
    assert clock.curve(parse_schedule("0: 0, 100%: 39"))(17) == 17
    assert clock.curve(2.5)(3) == 2.5


def test_all_steps_of_a_frame_see_its_number() -> None:
    clock = Timeline(3, 2.0, {"beat": [0.0, 1.0, 0.0]}).clock([5, 1, 3])
    assert (clock.steps, clock.starts, clock.frames) == (9, (0, 5, 6), 3)
    assert [clock.frame(step) for step in range(9)] == [0] * 5 + [1] + [2] * 3
    assert [clock.curve(parse_schedule("t"))(step) for step in range(9)] == [0] * 5 + [0.5] + [
        1
    ] * 3
    assert [clock.curve(parse_schedule("beat"))(step) for step in range(9)] == [0] * 5 + [1] + [
        0
    ] * 3


def test_a_timeline_answers_before_steps_are_known() -> None:
    line = Timeline(5, 10.0)
    counts = [round(line.curve(parse_schedule("0: 6, 4: 2"))(frame)) for frame in range(5)]
    assert counts == [6, 5, 4, 3, 2]
    assert line.clock(counts).timeline == line
    assert (line.seconds(3), line.clock(counts).seconds(3)) == (0.3, 0.3)
    early = line.clock(counts, lead=2)
    assert (early.frames, early.lead, early.starts) == (3, 2, (0, 6, 11, 15, 18))


def test_how_far_a_curve_goes() -> None:
    line = Timeline(101, 10.0)
    assert line.value_range(parse_schedule("0: 1, 50%: 8, 100%: -2")) == (-2, 8)
    assert line.value_range(4.0) == (4, 4)
    assert Timeline(10**9).value_range(parse_schedule("share")) == (
        0,
        1,
    )  # at some of them, and the last


def test_what_goes_too_far_is_refused_with_its_frame() -> None:
    line = Timeline(11)
    assert line.checked_curve(parse_schedule("frame"), "x", 0, 10)(3) == 3
    with pytest.raises(
        ConfigError, match="x is 11 at frame 1 of '10 \\+ frame'; it must be 10 or"
    ):
        line.checked_curve(parse_schedule("10 + frame"), "x", 0, 10)
    with pytest.raises(ConfigError, match=r"^x is -1; it must be 0 or more"):
        line.checked_curve(-1.0, "x", 0)


@pytest.mark.parametrize(
    ("steps", "starts"), [(5, (1, 2)), (5, (0, 2, 2)), (5, (0, 5)), (5, (0, 3, 2))]
)
def test_frames_without_steps_are_refused(steps: int, starts: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="each takes at least one"):
        Clock(steps, starts)


def test_a_run_without_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no time; write at least one frame"):
        Timeline(0)
    with pytest.raises(ConfigError, match="has no time"):
        Clock(3, fps=0.0)


def test_lengths_in_frames() -> None:
    line = Timeline(50, 10.0)
    assert [parse_length(text).frames(line) for text in ("24", "24f", "2s", "30%")] == [
        24,
        24,
        20,
        15,
    ]
    assert [parse_length(text).to_text for text in ("24f", "2.0 s", "30 %")] == [
        "24",
        "2s",
        "30%",
    ]


@pytest.mark.parametrize("text", ["", "s", "2m", "-1", "0", "101%", "1e999", "2s 3s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"is not a length; write|is not possible; write frames above 0"
    ):
        parse_length(text)


def test_frames_before_the_first_are_the_last_ones() -> None:
    clock = Clock(12, starts=(0, 4, 6, 8, 10), lead=2)
    assert clock.frames == clock.timeline.frames == 3
    assert [clock.frame(step) for step in range(12)] == [1] * 4 + [2] * 2 + [0, 0, 1, 1, 2, 2]
    rising = clock.curve(parse_schedule("0: 0, 100%: 1"))
    assert [rising(step) for step in (0, 4, 6, 8, 11)] == [0.5, 1, 0, 0.5, 1]
