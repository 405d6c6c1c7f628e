"""Frame feedback on a tiny VQGAN with random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conftest import FACTOR, Home
from tests.helpers.building import draw_latent
from tests.helpers.moving import frames, pattern, ready, shown
from vqclip.animation.camera_2d import CameraMove2D
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.animation.motion_sources import CameraMotion2D, FeedbackOptions, SourceFrame
from vqclip.animation.warp import Warp, warp
from vqclip.drawers.latent import slerp_latents
from vqclip.optimisation_loop import View
from vqclip.run.runner import Runner
from vqclip.tensors import Parameters

PAN = {"pan_x": 2 / 32 * FACTOR, "edges": "wrap"}  # two cells of the latent to the right


def first_frame(home: Home, **settings: Any) -> Runner:
    """A session whose first frame is drawn."""
    run = ready(home, **settings)
    for step in run.play():
        if step.shown:
            break
    return run


def moved(home: Home, frame: int = 1, **settings: Any) -> Runner:
    """One that is moved to the second frame."""
    run = first_frame(home, **settings)
    frames(run).start_frame(frame)
    return run


def test_without_a_camera_nothing_is_lost(home: Home) -> None:
    run = moved(home)
    assert run.feedback is not None and run.feedback.last is not None
    # The encoder alone would lose a lot: its weights are random.
    own = run.drawer.vqgan.encode(draw_latent(run, run.feedback.last["latent"]))
    assert not torch.allclose(own, run.feedback.last["latent"], atol=0.1)
    wanted = run.feedback.last["latent"].clamp(run.drawer._low, run.drawer._high)
    assert torch.allclose(run.drawer.parameters["latent"], wanted, atol=1e-5)
    assert run.feedback.target is not None
    drawn = draw_latent(run, run.feedback.last["latent"])
    assert float((run.feedback.target - drawn).abs().max()) <= 0.5 / 255 + 1e-6
    assert bool((run.feedback.seen == 1).all())  # type: ignore[union-attr]


@pytest.mark.parametrize("through", ["picture", "latent"])
def test_a_pan_moves_picture_latent_and_moments_alike(home: Home, through: str) -> None:
    run = first_frame(home, camera=PAN | {"through": through})
    assert (
        run.feedback is not None and run.feedback.last is not None and run._optimiser is not None
    )
    moments = {k: v.clone() for k, v in run._optimiser.state_dict()["moments"].items()}
    drawn = draw_latent(run, run.feedback.last["latent"])
    frames(run).start_frame(1)
    target = run.feedback.target
    assert target is not None
    assert torch.allclose(target, drawn.roll(-2 * FACTOR, -1), atol=0.01)
    for key, value in run._optimiser.state_dict()["moments"].items():
        wanted = moments[key].roll(-2, -1) if value.dim() == 4 else moments[key]
        assert torch.allclose(value, wanted, atol=1e-5), key
    if through == "latent":
        wanted = run.feedback.last["latent"].roll(-2, -1)
        wanted = wanted.clamp(run.drawer._low, run.drawer._high)
        assert torch.allclose(run.drawer.parameters["latent"], wanted, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"motion": {"noise": 0.5}},
        {"motion": {"colours": "rgb"}},
        {"camera": {"edges": "fill"}},
    ],
)
def test_what_is_done_to_the_picture_is_done_to_a_latent_that_moves(
    home: Home, settings: dict[str, Any]
) -> None:
    camera = PAN | {"through": "latent"} | settings.get("camera", {})
    run = first_frame(home, camera=camera, motion=settings.get("motion", {}))
    trip = run.feedback
    assert trip is not None and trip.last is not None
    encode = run.drawer.vqgan.encode
    if "colours" in settings.get("motion", {}):
        trip.reference = torch.linspace(0, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    with torch.no_grad():
        drawn = draw_latent(run, trip.last["latent"]).mul(255).round().div(255)
        way = trip.motion.frame_warp(1, drawn)
        plain = warp(drawn, way, camera["edges"])[0].clamp(0, 1).mul(255).round().div(255)
        latent = warp(
            trip.last["latent"], way, "mirror" if camera["edges"] == "fill" else "wrap"
        )[0]
        frames(run).start_frame(1)
        assert trip.target is not None and not torch.equal(trip.target, plain)
        latent = latent + encode(trip.target) - encode(plain)
    wanted = latent.clamp(run.drawer._low, run.drawer._high)
    assert torch.allclose(run.drawer.parameters["latent"], wanted, atol=1e-5)


@pytest.mark.parametrize("edges", ["wrap", "mirror", "fill", "smear"])
def test_what_no_picture_shows_moves_along(home: Home, edges: str) -> None:
    run = first_frame(home, camera=PAN | {"edges": edges})
    trip = run.feedback
    assert trip is not None and trip.last is not None
    encode = run.drawer.vqgan.encode
    with torch.no_grad():
        last = trip.last["latent"]
        rest = last - encode(draw_latent(run, trip.last["latent"]).mul(255).round().div(255))
        frames(run).start_frame(1)
        assert trip.target is not None
        found = run.drawer.parameters["latent"] - encode(trip.target)
    wanted = rest.roll(-2, -1)  # by two cells; beyond the border is nothing, or all of it again
    if edges == "mirror":
        wanted[..., -2:] = rest[..., [-1, -2]]
    elif edges != "wrap":
        wanted[..., -2:] = 0
    free = (run.drawer.parameters["latent"] > run.drawer._low) & (
        run.drawer.parameters["latent"] < run.drawer._high
    )
    assert free[..., -2:].any() and float(rest[..., :2].abs().max()) > 0.01
    assert torch.allclose(found[free], wanted[free], atol=1e-4)


def test_moments_may_be_forgotten(home: Home) -> None:
    run = moved(home, motion={"moments": False})
    assert run._optimiser is not None
    state = run._optimiser.state_dict()
    assert state["moments"] == {} and state["taken"] == 3


def test_what_comes_into_view_is_grain(home: Home) -> None:
    run = moved(home, camera={"pan_x": 0.25})
    assert run.feedback is not None
    target, seen = run.feedback.target, run.feedback.seen
    assert target is not None and seen is not None
    assert bool((seen[..., :24] == 1).all()) and bool((seen[..., 25:] == 0).all())
    again = moved(home, camera={"pan_x": 0.25}).feedback
    assert again is not None and torch.equal(target, again.target)  # type: ignore[arg-type]
    other = moved(home, camera={"pan_x": 0.25, "edges": "mirror"}).feedback
    assert other is not None and other.target is not None
    assert torch.equal(target[..., :24], other.target[..., :24])
    assert not torch.equal(target[..., 25:], other.target[..., 25:])


def test_noise_brings_in_new_things(home: Home) -> None:
    plain, noisy = (moved(home, motion={"noise": noise}).feedback for noise in (0.0, 0.2))
    assert plain is not None and noisy is not None
    apart = (plain.target - noisy.target).abs()  # type: ignore[operator]
    assert 0.01 < float(apart.mean()) < 0.2


def view(image: Tensor, step: int = 3) -> View:
    return View(image, {}, {}, step)


def test_pixels_are_held_where_they_were_in_view(home: Home) -> None:
    run = moved(home, camera={"pan_x": 0.25})
    assert run.feedback is not None and run.feedback.target is not None
    image = run.feedback.target.clone()
    assert float(run.feedback.hold_loss(view(image))) == 0
    image[..., 26:] = 1 - image[..., 26:]  # nobody saw these
    assert float(run.feedback.hold_loss(view(image))) == 0
    image[..., :12] += 0.1
    # Half of what was in view, by a tenth; a column in between is half seen.
    assert float(run.feedback.hold_loss(view(image))) == pytest.approx(0.01 / 2, rel=0.05)
    mirrored = moved(home, camera={"pan_x": 0.25, "edges": "mirror"}).feedback
    assert mirrored is not None and mirrored.target is not None
    image = mirrored.target + 0.1
    assert float(mirrored.hold_loss(view(image))) == pytest.approx(0.01, rel=0.01)


def test_nothing_is_held_in_the_first_frame(home: Home) -> None:
    steps = list(ready(home, motion={"hold": 50.0}).play())
    held = [float(step.losses["hold"]) for step in steps]
    assert held[:3] == [0] * 3 and all(value > 0 for value in held[4:])


def test_each_frame_is_cut_as_the_second_is(home: Home) -> None:
    def streams(steady: bool) -> list[Tensor]:
        run = first_frame(home, motion={"steady": steady})
        (cutter,) = run.cutters.values()
        found = []
        for frame in (1, 2, 3):
            frames(run).start_frame(frame)
            found.append(cutter.state())
            list(frames(run).take_steps(frame))
            frames(run).finish_frame(frame)
        return found

    one, two, three = streams(True)
    assert torch.equal(one, two) and torch.equal(one, three)
    one, two, three = streams(False)
    assert not torch.equal(one, two) and not torch.equal(two, three)


def test_what_is_shown_is_smooth(home: Home) -> None:
    plain, smooth = (ready(home, motion={"smooth": share}) for share in (0.0, 0.5))
    one, two = shown(plain.play()), shown(smooth.play())
    wanted = one[0]
    assert torch.equal(one[0], two[0])
    for number in (1, 2, 3):
        wanted = one[number].lerp(wanted, 0.5)
        assert torch.allclose(two[number], wanted, atol=1.5 / 255)
    assert torch.equal(smooth.final_picture(), two[-1].mul(255).round().div(255))


def test_what_is_smoothed_moves_along(home: Home) -> None:
    one, two = shown(ready(home, camera=PAN, motion={"smooth": 0.5}, frames=2).play())
    plain = shown(ready(home, camera=PAN, frames=2).play())
    wanted = plain[1].lerp(one.roll(-2 * FACTOR, -1), 0.5)
    assert torch.allclose(two, wanted, atol=0.01)


def test_nothing_is_smoothed_where_something_comes_into_view(home: Home) -> None:
    pan = PAN | {"edges": "fill"}
    plain, smooth = (
        shown(ready(home, camera=pan, motion={"smooth": share}, frames=2).play())[1]
        for share in (0.0, 0.5)
    )
    new = 2 * FACTOR
    assert torch.equal(plain[..., -new:], smooth[..., -new:])
    assert not torch.allclose(plain[..., :-new], smooth[..., :-new], atol=0.02)


@pytest.mark.parametrize("way", ["lab", "rgb", "hsv", "histogram"])
def test_colours_stay_those_of_the_first_frame(home: Home, way: str) -> None:
    run = ready(home, motion={"colours": way, "noise": 0.3}, frames=2)
    first = shown(run.play())[0]
    assert run.feedback is not None and run.feedback.target is not None
    assert torch.equal(run.feedback.reference, first.mul(255).round().div(255))  # type: ignore
    bare = ready(home, motion={"noise": 0.3}, frames=2)
    list(bare.play())
    # Grain comes after the tint: the means alone tell.
    apart = [
        float((each.feedback.target - run.feedback.reference).mean((2, 3)).abs().max())  # type: ignore
        for each in (run, bare)
    ]
    assert apart[0] < 0.06


def film(between: int, loop: bool) -> dict[str, Any]:
    return {"loop": loop, "film": {"format": "none", "between": between, "between_by": "latent"}}


@pytest.mark.parametrize(
    ("between", "loop", "count"), [(1, False, 7), (2, True, 12), (0, True, 4)]
)
def test_frames_lie_between_others(home: Home, between: int, loop: bool, count: int) -> None:
    run = ready(home, **film(between, loop))
    steps = list(run.play())
    pictures = shown(steps)
    assert len(pictures) == count
    plain = shown(ready(home, **film(0, loop)).play())
    for one, two in zip(plain, pictures[:: between + 1], strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("between", [1, 2])
def test_frames_between_are_on_the_arc_of_the_latents(home: Home, between: int) -> None:
    run = ready(home, **film(between, False), frames=2)
    latents = []
    for step in run.play():
        if step.shown:
            assert run.feedback is not None and run.feedback.last is not None
            latents.append(run.feedback.last["latent"].clone())
            pictures = step.shown
    assert len(pictures) == between + 1
    for number, picture in enumerate(pictures, start=1):
        wanted = draw_latent(run, slerp_latents(*latents, number / (between + 1)))
        # Where rounding takes a cell to another code, its neighbourhood differs.
        assert float((picture - wanted).abs().median()) < 1e-3


class Film:
    """A film in which nothing moves, and half of each frame was hidden a frame ago."""

    def __init__(self) -> None:
        self.hidden = torch.zeros(1, 1, 32, 32)
        self.hidden[..., :16] = 1

    def frame_warp(self, frame: int, shown: Tensor) -> Warp:
        return lambda height, width: None

    def source_frame(self, frame: int) -> SourceFrame:
        return SourceFrame(torch.full((1, 3, 32, 32), 0.25), self.hidden)


@pytest.mark.parametrize("blend", [0.0, 0.5, 1.0])
def test_what_a_film_shows_is_neither_held_nor_carried(home: Home, blend: float) -> None:
    run = first_frame(home)
    trip, route = run.feedback, Film()
    assert trip is not None and trip.last is not None
    trip.motion = route  # type: ignore[assignment]
    trip.options = replace(trip.options, blend=lambda frame: blend)
    frames(run).start_frame(1)
    assert trip.seen is not None and trip.target is not None
    assert torch.equal(trip.seen, 1 - route.hidden)
    # What the film had hidden is taken from it, and may become what it likes.
    assert torch.allclose(trip.target[..., :16], torch.tensor(64 / 255))
    image = trip.target.clone()
    image[..., :16] = 1
    assert float(trip.hold_loss(view(image))) == 0
    # What no picture shows goes with what was drawn, as far as that is what is shown.
    encode = run.drawer.vqgan.encode
    with torch.no_grad():
        last = trip.last["latent"]
        rest = last - encode(draw_latent(run, trip.last["latent"]).mul(255).round().div(255))
        wanted = encode(trip.target)
        wanted[..., 4:] += (1 - blend) * rest[..., 4:]
    assert rest.shape[-1] == 8 and float(rest.abs().mean()) > 0.1
    wanted = wanted.clamp(run.drawer._low, run.drawer._high)
    assert torch.allclose(run.drawer.parameters["latent"], wanted, atol=1e-5)


class Mirror:
    """A drawer whose latents are pictures."""

    is_lossy = True
    moves = False

    def draw_parameters(self, parameters: Parameters) -> Tensor:
        return parameters["latent"]

    def encode(self, image: Tensor) -> Parameters:
        return {"latent": image}

    def blend(self, first: Parameters, second: Parameters, share: float) -> Parameters:
        return {"latent": slerp_latents(first["latent"], second["latent"], share)}


@pytest.mark.parametrize("edges", ["wrap", "mirror", "fill", "smear", "black"])
def test_a_frame_between_lies_on_the_way(edges: str) -> None:
    """What goes eight pixels from frame to frame goes two, four and six in between."""
    wide = pattern(width=48)  # of which each frame shows 32 columns
    strip = torch.from_numpy(wide).permute(2, 0, 1)[None] / 255
    before, after = strip[..., :32], strip[..., 8:40]
    if edges == "wrap":
        after = before.roll(-8, -1)
    route = CameraMotion2D(lambda frame: CameraMove2D(pan_x=8 / 32))
    trip = FrameFeedback([0, 1, 2], route, FeedbackOptions(edges=edges, between=3), seed=1)
    drawer: Any = Mirror()
    ends = {"latent": before}, {"latent": after}
    for number, found in enumerate(trip._between(1, drawer, *ends), start=1):
        by = 2 * number
        wanted = before.roll(-by, -1) if edges == "wrap" else strip[..., by : by + 32]
        # Where one frame does not have it, the other one has, but both are taken.
        known = slice(None) if edges == "wrap" else slice(8 - by, 32 - by)
        assert torch.allclose(found[..., known], wanted[..., known], atol=1e-3)
        if edges == "black":  # what is about to leave is no darker for it
            assert float(found[..., : 8 - by].mean()) > 0.8 * float(before.mean())


def test_an_animation_closes(home: Home) -> None:
    run = ready(home, loop=True, frames=8, prompts="a fox ^ a bear")
    steps = list(run.play())
    assert run.feedback is not None and (run.feedback.frames, run.feedback.options.loop) == (
        10,
        2,
    )
    pictures = shown(steps)
    assert len(pictures) == 8 and len(run.feedback.loop_ends) == 2
    # The last is that before the first, which the first came from.
    before = draw_latent(run, run.feedback.loop_ends[-1]["latent"])
    assert torch.allclose(pictures[-1], before, atol=1e-5)
    # The one before is halfway there.
    numbers = [run.clock.frame(step.index) for step in steps if step.shown or step.frame < 2]
    assert numbers == [6, 6, 6, 7, 7, *range(8)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_animations_close(home: Home, count: int) -> None:
    run = ready(home, loop=True, frames=count)
    pictures = shown(run.play())
    assert len(pictures) == count
    assert run.feedback is not None
    before = draw_latent(run, run.feedback.loop_ends[-1]["latent"])
    assert torch.allclose(pictures[-1], before, atol=1e-5)


def test_what_is_kept_has_as_many_levels_as_a_picture(home: Home) -> None:
    run = ready(home, camera={"zoom": 1.05}, motion={"smooth": 0.3, "colours": "rgb"})
    list(run.play())
    assert run.feedback is not None
    state = run.feedback.state()
    other = ready(home)
    assert other.feedback is not None
    other.feedback.restore(state, torch.device("cpu"))
    for name in ("target", "seen", "shown", "reference"):
        assert torch.equal(getattr(run.feedback, name), getattr(other.feedback, name)), name
    assert run.feedback.last is not None and other.feedback.last is not None
    assert torch.equal(run.feedback.last["latent"], other.feedback.last["latent"])
    assert run.feedback.streams.keys() == other.feedback.streams.keys() != set()


def test_what_a_flight_has_passed_is_kept(home: Home) -> None:
    run = ready(home, camera={"depth": "plane", "forward": 0.1, "roll": 5.0})
    list(run.play())
    assert run.feedback is not None
    state = run.feedback.state()
    route = {k.removeprefix("route."): v for k, v in state.items() if k.startswith("route.")}
    assert int(route["frame"]) == 3
    other = ready(home, camera={"depth": "plane", "forward": 0.1, "roll": 5.0}).feedback
    assert other is not None
    other.restore(state, torch.device("cpu"))
    for name, each in other.motion.state().items():
        assert torch.equal(each, route[name])


def test_which_frame_it_is_after_some_steps(home: Home) -> None:
    run = ready(home)
    assert run.feedback is not None
    assert [run.feedback.frame_of_step(done) for done in range(10)] == [
        0,
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
    ]
    assert run.total == 9 and [run.feedback.steps(each)[-1] for each in range(4)] == [2, 4, 6, 8]


def strokes(home: Home, **settings: Any) -> Runner:
    """A session of strokes whose first frame is drawn."""
    draw = {"strokes": 12, "segments": 2}
    return first_frame(home, drawer="strokes", draw=draw, **settings)


def test_strokes_go_with_the_camera(home: Home) -> None:
    run = strokes(home, camera={"zoom": 1.2, "roll": 5.0, "pan_x": 0.1})
    trip, drawer = run.feedback, run.drawer
    assert trip is not None and trip.last is not None and run._optimiser is not None
    before = {k: v.clone() for k, v in run._optimiser.state_dict()["moments"].items()}
    unit, last = 32 / 224, trip.last
    forward = trip.motion.moves(1).matrix(32, 32).inverse()  # type: ignore[attr-defined]
    places = last["points"].double() * unit - 0.5
    ends = torch.cat([places, torch.ones(len(places), 1)], 1) @ forward.T
    wanted = ((ends[:, :2] + 0.5) / unit).float()
    frames(run).start_frame(1)
    points = drawer.parameters["points"]
    there = ((points - wanted).abs() < 1e-2).all(1)
    owner = drawer.paths.owner  # type: ignore[attr-defined]
    went = [bool(there[owner == stroke].all()) for stroke in range(12)]
    assert 4 < sum(went) < 12  # others left
    kept = torch.tensor(went)
    assert torch.allclose(drawer.parameters["widths"][kept], last["widths"][kept] * 1.2)
    # The frame is held to what the moved strokes draw; and what was learnt of them stays.
    assert trip.target is not None
    drawn = drawer.draw().detach().mul(255).round().div(255)
    assert torch.equal(trip.target, drawn)
    assert float(trip.hold_loss(view(drawn))) == 0
    after = run._optimiser.state_dict()["moments"]
    assert all(torch.equal(after[key], each) for key, each in before.items()) and before


def test_strokes_stay_as_they_are_without_a_camera(home: Home) -> None:
    run = strokes(home)
    frames(run).start_frame(1)
    assert run.feedback is not None and run.feedback.last is not None
    for name, value in run.feedback.last.items():
        assert torch.equal(run.drawer.parameters[name], value)


def test_where_strokes_come_back_depends_on_the_seed(home: Home) -> None:
    def points(edges: str = "fill", seed: int = 1) -> Tensor:
        run = strokes(home, camera={"pan_x": 0.3, "edges": edges}, seed=seed)
        drawer: Any = run.drawer
        last = {k: torch.zeros_like(v) + 10 for k, v in run.drawer.parameters.items()}
        assert run.feedback is not None
        run.feedback.last = last  # all of them leave
        frames(run).start_frame(1)
        points = drawer.parameters["points"].detach()
        return points[drawer.paths.first]

    one, two, other = points(), points(), points(seed=2)
    assert torch.equal(one, two) and not torch.equal(one, other)
    # Twice as dense as elsewhere in what comes into view, and no denser.
    assert int((one[:, 0] > 0.6 * 224).sum()) >= 8
    assert float(points("black").max()) < 11  # nothing comes back


def test_strokes_begin_anew_where_a_film_cuts(home: Home) -> None:
    run, route = strokes(home), Film()
    trip = run.feedback
    assert trip is not None and trip.last is not None
    trip.motion = route  # type: ignore[assignment]
    frames(run).start_frame(1)  # half of it is hidden: the strokes stay
    assert torch.equal(run.drawer.parameters["points"], trip.last["points"])
    assert torch.equal(trip.seen, 1 - route.hidden)  # type: ignore[arg-type]
    route.hidden[:] = 1
    frames(run).start_frame(1)
    wanted = run.drawer.encode(route.source_frame(1).image)
    assert torch.equal(run.drawer.parameters["points"], wanted["points"])


def test_strokes_between_frames_are_on_the_way(home: Home) -> None:
    between = {"format": "none", "between": 3, "between_by": "latent"}
    run = strokes(home, camera={"pan_x": 0.25}, film=between)
    trip, drawer = run.feedback, run.drawer
    assert trip is not None and trip.last is not None
    after = {name: value.clone() for name, value in trip.last.items()}
    after["points"] -= torch.tensor([56.0, 0])
    found = trip._between(1, drawer, trip.last, after)
    for number, picture in enumerate(found, start=1):
        moved = {k: v.clone() for k, v in trip.last.items()}
        moved["points"] -= number / 4 * torch.tensor([56.0, 0])
        assert torch.allclose(picture, drawer.draw_parameters(moved), atol=1e-3)
