"""Overlays: what they do to each drawer's parameters, when, and in runs that go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from torch import Tensor

import vqclip
from tests.conftest import Home, Refusal
from tests.helpers import building
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.config.draw_settings import OverlaySettings
from vqclip.config.steps.step_settings import OverlaySteps
from vqclip.drawers.pixels import PixelsDrawer
from vqclip.media.files import CHECKPOINT
from vqclip.optimisation_loop import Objective, View
from vqclip.run import plan_summary
from vqclip.run.record import provenance
from vqclip.run.runner import Runner
from vqclip.run.steps.overlay import Overlay, lay_picture

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
GOLD = (255, 204, 51)


@pytest.fixture
def star(tmp_path: Path) -> str:
    """A picture of 32x32 pixels: gold in the left half, transparent in the right one."""
    picture = pillow.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((*GOLD, 255), (0, 0, 16, 32))
    picture.save(tmp_path / "star.png")
    return "star.png"


def run_of(home: Home, overlay: dict[str, Any], **more: Any) -> Runner:
    settings = {"seed": 1, "init": "fractal", "drawer": "pixels", "overlay": overlay} | more
    return building.build(vqclip.load("a fox", **home.settings(**settings)))


def still(home: Home, overlay: dict[str, Any], **more: Any) -> Runner:
    """A run in which nothing else moves than what overlays change."""
    optimiser = {"rate": 0.0} | more.pop("optimiser", {})
    return run_of(home, overlay, optimiser=optimiser, **more)


def pictures(run: Runner) -> list[Tensor]:
    return [step.image for step in run.play()]


def test_pictures_are_laid_over_one_another_as_porter_and_duff_say() -> None:
    stream = np.random.default_rng(1)
    below, colours = stream.random((1, 4, 3, 5)), stream.random((1, 3, 3, 5))
    share = stream.random((1, 1, 3, 5))
    share[..., 0] = 0.0
    given = [torch.from_numpy(each) for each in (below, colours, share)]
    opaque = lay_picture(given[0][:, :3], given[1], given[2])
    np.testing.assert_allclose(opaque, below[:, :3] * (1 - share) + colours * share)
    found = lay_picture(*given).numpy()
    alpha = share + below[:, 3:] * (1 - share)
    mixed = (colours * share + below[:, :3] * below[:, 3:] * (1 - share)) / alpha
    np.testing.assert_allclose(found, np.concatenate([mixed, alpha], 1), rtol=1e-6)


@pytest.mark.parametrize("every", [1, 3, 10])
@pytest.mark.parametrize("until", [None, 1, 12])
def test_steps_are_pixrays(every: int, until: int | None) -> None:
    for offset in range(every):
        laid = Overlay(torch.zeros(1, 4, 2, 2), every, offset, until, lambda step: 1.0)
        for it in range(40):
            there = it % every == offset and (until is None or it < until)
            assert laid.is_due(it) == there
    unseen = Overlay(torch.zeros(1, 4, 2, 2), 1, 0, None, lambda step: float(step > 3))
    assert [unseen.is_due(step) for step in range(6)] == [False] * 4 + [True] * 2


@pytest.mark.parametrize("until", [None, 4, 15])
def test_the_steps_of_a_plan_are_those_of_a_run(until: int | None) -> None:
    for start in range(4):
        for every in (1, 2, 5):
            steps = OverlaySteps(every, start, until)
            counts = plan_summary._count_overlays(steps, [3, 0, 7, 12])
            laid = Overlay(torch.zeros(1, 4, 2, 2), every, start, until, lambda step: 1.0)
            ranges = (range(3), range(0), range(3, 10), range(10, 22))
            assert counts == [sum(map(laid.is_due, each)) for each in ranges]
    assert plan_summary._count_overlays(None, [9]) == [0]


def test_a_picture_goes_on_from_what_is_laid_over_it(home: Home, star: str) -> None:
    overlay = {"picture": star, "alpha": 0.25, "every": 2, "start": 1, "until": 4}
    plain, *shown = pictures(still(home, overlay, steps=6, optimiser={"average": 0.0}))
    gold = torch.tensor(GOLD)[None, :, None, None] / 255
    wanted = plain.clone()
    for step, image in enumerate(shown, 1):
        if step in (1, 3):
            wanted[..., :16] = wanted[..., :16].lerp(gold, 0.25)
        # The border of the overlay is not blurred at its own size.
        torch.testing.assert_close(image, wanted, rtol=0, atol=1e-5)


def test_a_schedule_of_opacity_lets_it_fade(home: Home, star: str) -> None:
    overlay = {"picture": star, "alpha": "0: 1, 3: 0", "every": 1}
    strong, *_, last = pictures(still(home, overlay, steps=4))
    gold = torch.tensor(GOLD)[None, :, None, None] / 255
    assert (strong[..., :16] - gold).abs().max() < 1e-5
    assert torch.equal(last, strong)  # at 0 nothing is laid


@pytest.mark.parametrize("kind", ["clear", "opaque"])
def test_a_vqgan_loses_nothing_where_the_overlay_is_transparent(home: Home, kind: str) -> None:
    alpha = 0 if kind == "clear" else 255
    pillow.new("RGBA", (32, 32), (*GOLD, alpha)).save("flat.png")
    run = still(home, {"picture": "flat.png", "every": 1}, drawer="vqgan", steps=3)
    run.drawer.clamp()
    begun = run.drawer.parameters["latent"].detach().clone()
    for _ in run.play():
        pass
    found = run.drawer.parameters["latent"].detach()
    if kind == "clear":
        torch.testing.assert_close(found, begun, rtol=1e-4, atol=1e-4)
    else:
        gold = (torch.tensor(GOLD) / 255).view(1, 3, 1, 1).expand(1, 3, 32, 32)
        run.drawer.parameters["latent"].data.copy_(run.drawer.encode(gold)["latent"])
        run.drawer.clamp()
        torch.testing.assert_close(found, run.drawer.parameters["latent"].detach())


def test_a_transparent_picture_becomes_opaque_where_it_is_laid(home: Home, star: str) -> None:
    pillow.new("RGBA", (32, 32), (0, 0, 255, 0)).save("empty.png")
    draw = {"alpha": True, "grid": "32x32"}
    overlay = {"picture": star, "alpha": 0.5, "every": 9}
    run = still(home, overlay, init="empty.png", draw=draw)
    pictures(run)
    found = run.final_picture()
    assert found.shape[1] == 4
    torch.testing.assert_close(
        found[:, 3, :, :16], torch.full((1, 32, 16), 0.5), atol=1e-3, rtol=0
    )
    assert float(found[:, 3, :, 16:].max()) < 1e-3
    gold = (torch.tensor(GOLD) / 255).view(3, 1, 1).expand(3, 32, 16)
    torch.testing.assert_close(found[0, :3, :, :16], gold, atol=0.01, rtol=0)


RUNS: dict[str, dict[str, Any]] = {
    "vqgan": {"drawer": "vqgan"},
    "growth": {"drawer": "vqgan", "growth": [{"size": "50%", "steps": "3"}]},
    "handover": {"drawer": "vqgan,pyramid", "draw": {"finish": "3"}},
    "growth of pixels": {"growth": [{"size": "50%", "steps": "3"}], "draw": {"grid": "8x8"}},
    "growth of strokes": {
        **{"drawer": "strokes", "draw": {"strokes": 12}},
        "growth": [{"size": "50%", "steps": "3"}],
    },
    "tiled": {"drawer": "pixels", "tile": "both"},
    "alpha": {"drawer": "mosaic", "draw": {"alpha": True, "grid": "8x8"}, "init": "fractal"},
    "palette": {"drawer": "palette", "draw": {"grid": "16x16"}},
    "fourier": {"drawer": "fourier"},
    "film": {"drawer": "vqgan", "steps": 3, "frames": 2, "motion": {"steps": 3}},
    "strokes film": {
        **{"drawer": "strokes", "draw": {"strokes": 12}, "steps": 3, "frames": 2},
        "motion": {"steps": 3},
    },
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_two_pieces_equals_one(home: Home, star: str, name: str) -> None:
    overlay = {"picture": star, "alpha": 0.6, "every": 2, "start": 1}

    def built() -> Runner:
        more = {"steps": 6, "optimiser": {"rate": None}} | RUNS[name]
        return run_of(home, overlay, **more)

    whole, second = built(), built()
    for step in whole.play():
        if step.index == (2 if len(name) % 2 else 3):  # just before one, or between two
            state = whole.state()
    second.restore(state)
    assert [step.index for step in second.play()] == list(range(state.done, 6))
    ends = [run.state() for run in (whole, second)]
    assert torch.equal(whole.final_picture(), second.final_picture())
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    for key, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[key]), key
    assert ends[0].averaged == 1


def test_the_average_begins_anew(home: Home, star: str) -> None:
    overlay = {"picture": star, "every": 4, "start": 2}
    run = still(home, overlay, steps=4, optimiser={"average": 0.9})
    *_, last = pictures(run)
    torch.testing.assert_close(run.final_picture(), last, rtol=0, atol=1e-5)
    assert run.state().averaged == 2


def test_a_step_that_is_taken_again_has_its_overlay_once(home: Home, star: str) -> None:
    overlay = {"picture": star, "alpha": 0.5, "every": 9, "start": 2}
    well, ill = (still(home, overlay, steps=4) for _ in range(2))
    left = [1]

    def failing(view: View) -> Tensor:
        if view.step == 2 and left[0] > 0:
            left[0] -= 1
            return view.image.sum() * torch.nan
        return view.image.sum() * 0

    ill.objectives = [*ill.objectives, Objective("strange", lambda step: 1.0, failing)]
    steps = list(ill.play())
    assert [step.failed for step in steps] == [0, 0, 1, 0]
    for image, step in zip(pictures(well), steps, strict=True):
        torch.testing.assert_close(step.image, image, rtol=0, atol=1e-6)


def test_frames_are_held_to_the_picture_with_the_overlay(home: Home, star: str) -> None:
    overlay = {"picture": star, "every": 3, "start": 3, "alpha": 1.0}
    more = {"steps": 3, "frames": 2, "motion": {"steps": 3, "rate": 0.0}}
    run = still(home, overlay, **more)
    frames = [step.shown[-1] for step in run.play() if step.shown]
    gold = torch.tensor(GOLD)[None, :, None, None] / 255
    assert (frames[0][..., :16] - gold).abs().max() > 0.1
    assert all((frame[..., :16] - gold).abs().max() < 1e-2 for frame in frames[1:])
    assert run.feedback is not None and run.feedback.target is not None
    assert (run.feedback.target[..., :16] - gold).abs().max() < 1e-2


def test_what_is_held_leaves_the_overlay_out(star: str) -> None:
    over = torch.cat([torch.ones(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)], 1)
    over[:, 3, :, :2] = 1.0
    laid = Overlay(over, 1, 0, None, lambda step: 1.0)
    held = laid.leave_out(lambda picture: torch.zeros_like(picture))
    found = held(torch.full((1, 3, 4, 4), 0.5))
    assert torch.equal(found[..., :2], torch.full((1, 3, 4, 2), 0.5))
    assert not found[..., 2:].any()


WORDS = ("seed=5", "steps=6", "drawer=pixels", "init=fractal", "checkpoint.every=2")
LAID = ("overlay.picture=star.png", "overlay.every=2", "overlay.start=1", "overlay.alpha=0.5")


def go(*words: str) -> None:
    assert main.main([*words, "--quiet"]) == 0


def contents(place: Path) -> dict[str, bytes]:
    names = ("final.png", "log.jsonl", CHECKPOINT)
    return {name: (place / name).read_bytes() for name in names}


def test_it_is_noted_resumed_and_made_again_to_the_byte(
    home: Home, star: str, monkeypatch: Patch
) -> None:
    words = home.words(*WORDS, *LAID)
    go("a fox", *words)
    place = Path("outputs/0001-a-fox")
    kill_run(monkeypatch, 3, "a fox", "--out", "killed", *words)
    go("resume", "killed/0001-a-fox")
    assert contents(Path("killed/0001-a-fox")) == contents(place)
    go("again", str(place))
    again = Path("outputs/0002-a-fox/final.png")
    assert again.read_bytes() == (place / "final.png").read_bytes()
    notes = provenance.read_provenance(place)
    assert notes.settings["overlay"]["picture"] == star and f"picture {star}" in notes.models
    go("a fox", "--out", "plain", *home.words(*WORDS))
    plain = provenance.read_provenance(Path("plain/0001-a-fox"))
    assert "overlay" not in plain.config
    assert plain.config["optimiser"].keys().isdisjoint({"momentum", "balance"})
    assert Path("plain/0001-a-fox/final.png").read_bytes() != again.read_bytes()


@pytest.mark.parametrize("first", [True, False])
def test_an_overlay_that_changes_in_mid_run_is_made_again(
    home: Home, star: str, monkeypatch: Patch, first: bool
) -> None:
    words = home.words(*WORDS, *(LAID if first else ()))
    kill_run(monkeypatch, 4, "a fox", *words)
    place = Path("outputs/0001-a-fox")
    usual = OverlaySettings()
    other = [f"overlay.picture={usual.picture}"]  # what else is said of it has no effect then
    go("resume", str(place), *(other if first else LAID))
    (change,) = provenance.read_provenance(place).changes
    assert change["step"] == 4 and change["settings"]["overlay.picture"] == (
        star if first else ""
    )
    go("again", str(place))
    again = Path("outputs/0002-a-fox")
    assert (again / "final.png").read_bytes() == (place / "final.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["overlay.picture=none.png"], "none.png cannot be read"),
        (["overlay.picture=*.png"], "overlay.picture is *.png"),
        (["overlay.picture=star.png", "overlay.start=5", "overlay.until=5"], "no step is left"),
        (["overlay.picture=star.png", "overlay.alpha=1.5"], "overlay.alpha is 1.5"),
        (["overlay_image=star.png"], "did you mean overlay.picture=star.png?"),
        (["overlay.from=3"], "did you mean overlay.start=3?"),
        (["overlay_alpha=128"], "did you mean overlay.alpha=…?"),
    ],
)
def test_what_cannot_be_laid_is_refused(
    home: Home, star: str, refused: Refusal, words: list[str], sentence: str
) -> None:
    assert sentence in refused("a fox", *home.words(*words))


def test_what_has_no_effect_is_noted(
    home: Home, star: str, capsys: Capture, refused: Refusal
) -> None:
    assert main.main(["explain", "a fox", *home.words("overlay.every=3")]) == 0
    assert "overlay.every has no effect without overlay.picture" in capsys.readouterr().out
    words = home.words("steps=4", "overlay.picture=star.png", "overlay.start=100%")
    assert main.main(["explain", "a fox", *words]) == 0
    assert "overlay.start is 100% and the run has 4 steps" in capsys.readouterr().out
    words = home.words("overlay.picture=star.png", "overlay.start=5", "overlay.until=3")
    assert "no step is left" in refused("explain", "a fox", *words)


def test_a_drawer_that_cannot_go_on_from_a_picture_is_refused(
    home: Home, star: str, refused: Refusal, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(PixelsDrawer, "encodes", False)
    sentence = refused("a fox", *home.words(*WORDS, *LAID))
    assert "overlay.picture needs a drawer that can go on from a picture, and pixels" in sentence


def test_the_plan_counts_overlays(home: Home, star: str, capsys: Capture) -> None:
    words = home.words("steps=20", *LAID, 'growth=[{"size": "50%", "steps": "5"}]')
    assert main.main(["plan", "a fox", *words]) == 0
    assert "overlay   laid 10 times" in capsys.readouterr().out


def test_what_is_never_laid_or_covers_everything_is_noted(
    home: Home, star: str, capsys: Capture
) -> None:
    pillow.new("RGB", (32, 32)).save("black.png")
    for words, note in (
        (("overlay.picture=star.png", "overlay.start=40"), "so star.png is never laid over it"),
        (("overlay.picture=black.png",), "black.png is opaque and covers all that is drawn"),
    ):
        assert main.main(["explain", "a fox", *home.words(*words)]) == 0
        assert note in capsys.readouterr().out


def test_settings_are_those_of_a_config(home: Home, star: str) -> None:
    run = run_of(home, {"picture": star, "every": 4, "start": 2, "until": 9})
    laid = run.overlay
    assert laid is not None and laid.picture.shape == (1, 4, 32, 32)
    assert (laid.every, laid.start, laid.until) == (4, 2, 9)
    picked: Callable[[int], float] = replace(laid, every=1).alpha
    assert picked(0) == 1.0
    assert run_of(home, {}).overlay is None
