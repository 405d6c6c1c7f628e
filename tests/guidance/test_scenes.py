"""Scenes and how they become one another."""

from __future__ import annotations

import pytest
import torch

from vqclip.errors import ConfigError
from vqclip.guidance import scenes
from vqclip.guidance.scenes import PromptTrack, SceneTimeline, slerp_embeddings
from vqclip.language.clock import Clock, Timeline
from vqclip.language.prompts import parse_prompts


def unit(*numbers: float) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor([numbers], dtype=torch.float32), dim=-1)


def test_scenes_share_the_steps_evenly() -> None:
    timeline = SceneTimeline(3, Clock(90))
    assert [max(range(3), key=timeline.scene_shares(step).__getitem__) for step in range(90)] == [
        *[0] * 30,
        *[1] * 30,
        *[2] * 30,
    ]


@pytest.mark.parametrize("fade", [0.0, 0.1, 0.5, 1.0])
def test_shares_add_up_and_change_slowly(fade: float) -> None:
    timeline = SceneTimeline(4, Clock(200), fade)
    shares = torch.tensor([timeline.scene_shares(step) for step in range(200)])
    assert torch.allclose(shares.sum(1), torch.ones(200))
    assert shares.min() >= 0
    if fade > 0:  # a scene of 50 steps fades within fade * 50 of them
        assert float((shares[1:] - shares[:-1]).abs().max()) <= 1 / (fade * 50) + 1e-6
    assert shares[0].tolist() == [1, 0, 0, 0] and shares[-1].tolist() == [0, 0, 0, 1]


def test_one_scene_is_whole() -> None:
    assert SceneTimeline(1, Clock(10), 0.5).scene_shares(9) == [1.0]


def test_slerp_goes_along_the_arc_at_an_even_pace() -> None:
    a, b = unit(1, 0, 0), unit(0, 1, 0)
    for share in (0.0, 0.25, 0.5, 1.0):
        angle = torch.tensor(share * torch.pi / 2)
        wanted = torch.stack([angle.cos(), angle.sin(), torch.zeros(())])[None]
        assert torch.allclose(slerp_embeddings(a, b, share), wanted, atol=1e-5)
    assert torch.allclose(slerp_embeddings(a, a, 0.3), a)
    assert torch.isfinite(slerp_embeddings(a, -a, 0.3)).all()


def test_what_stands_at_the_same_place_becomes_one_another() -> None:
    wishes = parse_prompts("a | b in(top) | @p.png ^ c | @p.png:2 | d in(top) | e")
    lanes = scenes.group_tracks(wishes, SceneTimeline(2, Clock(10)))
    assert [lane.name for lane in lanes] == ["a ^ c", "b ^ d", "p.png ^ p.png", "e"]


def test_weights_fade_with_their_scenes() -> None:
    timeline = SceneTimeline(2, Clock(100), fade=0.4)
    (both,) = scenes.group_tracks(parse_prompts("a:2 ^ b:4"), timeline)
    assert [scenes.track_weight(both, timeline)(step) for step in (0, 50, 99)] == [2, 3, 4]
    (_, alone) = scenes.group_tracks(parse_prompts("a | b:4 ^ c"), timeline)
    assert [scenes.track_weight(alone, timeline)(step) for step in (0, 50, 99)] == [4, 2, 0]


def test_a_weight_may_be_a_schedule() -> None:
    timeline = SceneTimeline(1, Clock(101))
    (lane,) = scenes.group_tracks(parse_prompts("a:{0: 0, 50%: 2}"), timeline)
    assert [scenes.track_weight(lane, timeline)(step) for step in (0, 25, 50, 100)] == [
        0,
        1,
        2,
        2,
    ]


def test_stops_are_those_of_the_scene_of_which_there_is_most() -> None:
    timeline = SceneTimeline(2, Clock(100), fade=1.0)
    (lane,) = scenes.group_tracks(parse_prompts("a:1:0.5 ^ b:1:0.25"), timeline)
    assert [scenes.track_stop(lane, timeline)(step) for step in (0, 99)] == [0.5, 0.25]


def test_what_fades_out_keeps_its_stop() -> None:
    timeline = SceneTimeline(2, Clock(100), fade=0.4)
    fog = next(
        lane
        for lane in scenes.group_tracks(parse_prompts("a | fog:-1 ^ b"), timeline)
        if lane.name == "fog"
    )
    assert {scenes.track_stop(fog, timeline)(step) for step in range(100)} == {-(torch.pi**2) / 8}


def test_what_is_avoided_never_becomes_what_is_wished_for() -> None:
    wishes = parse_prompts("fog:-1 | a fox ^ a bear | fog:-1 | a hen")
    names = [lane.name for lane in scenes.group_tracks(wishes, SceneTimeline(2, Clock(10)))]
    assert names == ["fog ^ fog", "a fox ^ a bear", "a hen"]


def test_targets_go_from_one_to_the_other() -> None:
    timeline = SceneTimeline(2, Clock(100), fade=0.4)
    a, b = unit(1, 0), unit(0, 1)
    lane = PromptTrack(parse_prompts("a ^ b"))
    aim = scenes.track_target(lane, timeline, [a, b])
    assert torch.equal(aim(0), a) and torch.equal(aim(99), b)
    assert torch.allclose(aim(50), unit(1, 1))
    assert torch.equal(scenes.track_target(lane, timeline, [a, None])(99), a)


def most(timeline: SceneTimeline) -> str:
    """Of which scene there is most, frame by frame."""
    shares = (timeline.scene_shares(step) for step in range(timeline.clock.steps))
    return "".join(str(max(range(timeline.scenes), key=each.__getitem__)) for each in shares)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a lasting(2) ^ b ^ c", "0011112222"),
        ("a ^ b lasting(0.5s) ^ c lasting(30%)", "0011111222"),
        ("a lasting(30%) ^ b lasting(2)", "0001111111"),  # the last one goes on
        ("a lasting(1s)", "0000000000"),
    ],
)
def test_scenes_may_be_as_long_as_they_say(text: str, wanted: str) -> None:
    assert most(scenes.make_timeline(parse_prompts(text), Clock(10, fps=10.0))) == wanted


def test_lengths_are_those_of_frames_not_of_steps() -> None:
    clock = Timeline(4).clock([6, 1, 1, 2])
    assert most(scenes.make_timeline(parse_prompts("a lasting(2) ^ b"), clock)) == "0000000111"


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("fade", [0.0, 0.3, 1.0])
def test_long_and_short_scenes_fade_as_slowly_as_the_shorter_allows(
    fade: float, loop: bool
) -> None:
    wishes = parse_prompts("a lasting(20) ^ b ^ c lasting(40)")
    shares = torch.tensor(
        [
            scenes.make_timeline(wishes, Clock(200), fade, loop=loop).scene_shares(step)
            for step in range(200)
        ]
    )
    assert torch.allclose(shares.sum(1), torch.ones(200)) and shares.min() >= 0
    if fade > 0:
        changes = (shares[1:] - shares[:-1]).abs().amax(1)
        assert float(changes[:40].max()) <= 1 / (fade * 20) + 1e-5
        assert float(changes[60:170].max()) <= 1 / (fade * 40) + 1e-5
    assert shares[0].tolist() == [1, 0, 0]


def test_a_loop_ends_where_it_begins() -> None:
    timeline = SceneTimeline(3, Clock(300), fade=0.4, loop=True)
    assert timeline.scene_shares(0) == [1, 0, 0] and timeline.scene_shares(250) == [0, 0, 1]
    assert timeline.scene_shares(280) == [0.5, 0, 0.5]  # the last 40 frames are a fade
    assert timeline.scene_shares(299)[0] > 0.97
    assert SceneTimeline(1, Clock(9), fade=0.4, loop=True).scene_shares(8) == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a lasting(8) ^ b lasting(0.3s)",
            r"lengths \(8, 0.3s\) add up to 11 of the run's 10 frames",
        ),
        (
            "a lasting(100%) ^ b",
            "add up to 10 of the run's 10 .*, which leaves none for the other scenes; write",
        ),
    ],
)
def test_scenes_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scenes.make_timeline(parse_prompts(text), Clock(10, fps=10.0))
