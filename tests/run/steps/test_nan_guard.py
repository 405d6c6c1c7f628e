"""Numbers that go wrong: a step back, at half the rate, and an end that saves what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import vqclip
from tests.conftest import Home
from tests.helpers import building
from vqclip import session
from vqclip.cli import main
from vqclip.errors import NumbersError
from vqclip.optimisation_loop import Objective, View
from vqclip.run.record import provenance
from vqclip.run.runner import Runner
from vqclip.run.steps.nan_guard import TRIES

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def failing(at: int, times: int, value: float = torch.nan) -> Callable[[View], Tensor]:
    """A loss that is `value` at a step, so often; a small pull otherwise."""
    left = [times]

    def loss(view: View) -> Tensor:
        pull = view.image.square().mean()
        if view.step == at and left[0] > 0:
            left[0] -= 1
            return pull * value
        return pull

    return loss


def exploding(at: int) -> Callable[[View], Tensor]:
    """A loss that is finite, while its gradient is not: the root of 0."""
    left = [1]

    def loss(view: View) -> Tensor:
        if view.step == at and left[0] > 0:
            left[0] -= 1
            return (view.image * 0).sum().sqrt()
        return view.image.square().mean()

    return loss


def with_loss(home: Home, loss: Callable[[View], Tensor], **settings: Any) -> Runner:
    ready = building.build(vqclip.load("a fox", **home.settings(seed=1, steps=5) | settings))
    ready.objectives = [*ready.objectives, Objective("strange", lambda step: 1.0, loss)]
    return ready


@pytest.mark.parametrize("name", ["adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_step_without_numbers_is_taken_again(home: Home, name: str, value: float) -> None:
    ready = with_loss(home, failing(2, 2, value), optimiser={"name": name})
    steps = list(ready.play())
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]
    assert [step.failed for step in steps] == [0, 0, 2, 0, 0]
    assert all(torch.isfinite(loss) for step in steps for loss in step.losses.values())
    assert torch.isfinite(ready.final_picture()).all()
    state = ready.state()
    assert (state.rate_factor, state.moved, state.averaged) == (0.25, 5, 5)
    assert all(torch.isfinite(tensor.float()).all() for tensor in state.tensors.values())


def test_before_it_fails_a_run_is_as_any_other(home: Home) -> None:
    well = [step.image for step in with_loss(home, failing(9, 1)).play()]
    ill = [step.image for step in with_loss(home, failing(2, 1)).play()]
    # Step 2 shows the same latent; the one after it moved more slowly, by other cutouts.
    same = [torch.equal(a, b) for a, b in zip(well, ill, strict=True)]
    assert same == [True, True, True, False, False]


def test_a_gradient_without_numbers_is_seen_too(home: Home) -> None:
    ready = with_loss(home, exploding(3))
    assert [step.failed for step in ready.play()] == [0, 0, 0, 1, 0]
    assert torch.isfinite(ready.final_picture()).all()


def test_a_rate_stays_low_in_a_run_that_goes_on(home: Home) -> None:
    whole = with_loss(home, failing(1, 1))
    pictures = [step.image for step in whole.play()]
    first = with_loss(home, failing(1, 1))
    for step in first.play():
        if step.index == 2:
            break
    second = with_loss(home, failing(1, 0))
    second.restore(first.state())
    assert all(
        torch.equal(step.image, pictures[step.index]) for step in second.play()
    ) and torch.equal(second.final_picture(), whole.final_picture())


def test_it_gives_up_in_the_end(home: Home) -> None:
    ready = with_loss(home, failing(2, TRIES))
    steps = ready.play()
    before = [next(steps), next(steps)]
    with pytest.raises(
        NumbersError,
        match=r"step 2 gives values that are not finite \(the loss of 'strange'\), even at "
        r"0\.03125 of the learning rate; "
        "try another seed, a lower optimiser.rate, smaller weights, or precision=fp32",
    ):
        next(steps)
    assert len(before) == ready.done == 2
    assert torch.isfinite(ready.final_picture()).all()


@pytest.mark.parametrize("times", [1, TRIES])
def test_what_a_run_leaves(home: Home, monkeypatch: Patch, capsys: Capture, times: int) -> None:
    build = session.build_runner

    def strange(*words: Any, **named: Any) -> Runner:
        ready = build(*words, **named)
        ready.objectives.append(Objective("strange", lambda step: 1.0, failing(2, times)))
        return ready

    monkeypatch.setattr(session, "build_runner", strange)
    code = main.main(["a fox", *home.words("steps=4", "film.format=gif")])
    place, err = Path("outputs/0001-a-fox"), capsys.readouterr().err
    log = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    assert (place / "film.gif").is_file()
    assert "Traceback" not in err
    if times == 1:
        assert code == 0
        assert [line.get("failed") for line in log] == [None, None, 1, None]
        assert (
            "step 2 gave values that are not finite at first; the learning rate is lower now"
        ) in err
        assert not (place / "best.png").exists()
    else:
        assert code == 1
        assert [line["step"] for line in log] == [0, 1]
        assert f"the picture of the last good steps is {place / 'best.png'}" in err
        assert provenance.read_provenance(place / "best.png").prompt == "a fox"
        assert not (place / "final.png").exists()
