"""Optimisers, against torch's own run by hand; schedules; the average."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.optimisers import (
    FROM_LIBRARY,
    LIBRARY,
    OPTIMISERS,
    RATES,
    SCHEDULES,
    WITHOUT_MOMENTUM,
    Average,
    Scheduled,
    build_optimiser,
    optimiser_versions,
    rate_schedule,
)


class ByHand(torch.optim.Optimizer):
    """DiffGrad (Dubey et al., 2019) and AdamP (Heo et al., 2021), from the papers' formulas."""

    def __init__(self, parameters: list[Tensor], lr: float, which: str) -> None:
        super().__init__(parameters, {"lr": lr})
        self.which, self.taken = which, 0
        self.kept = [torch.zeros_like(parameters[0]) for _ in range(3)]

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        (x,), rate = self.param_groups[0]["params"], self.param_groups[0]["lr"]
        first, second, before = self.kept
        self.taken += 1
        first.copy_(0.9 * first + 0.1 * x.grad)
        second.copy_(0.999 * second + 0.001 * x.grad**2)
        rate = rate / (1 - 0.9**self.taken)
        move = first / (second / (1 - 0.999**self.taken)).sqrt().clamp(min=1e-8)
        if self.which == "diffgrad":
            move = move / (1 + (-(before - x.grad).abs()).exp())
        else:
            cosine = (x * x.grad).sum().abs() / (x.norm() * x.grad.norm())
            if cosine < 0.1 / x.numel() ** 0.5:
                move = move - x / x.norm() * (x / x.norm() * move).sum()
        before.copy_(x.grad)
        x.sub_(rate * move)


BY_HAND: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": lambda parameters, lr: torch.optim.AdamW(parameters, lr=lr, weight_decay=0),
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "diffgrad": partial(ByHand, which="diffgrad"),
    "adamp": partial(ByHand, which="adamp"),
}


def parameter() -> Tensor:
    return torch.linspace(-1, 2, 6).reshape(1, 2, 1, 3).clone().requires_grad_()


def slope(x: Tensor) -> Tensor:
    return (x - 0.3).pow(2).sum() + x.sin().sum()


def run(optimiser: Scheduled, x: Tensor, steps: int) -> None:
    for _ in range(steps):
        optimiser.zero_grad()
        slope(x).backward()
        optimiser.step()


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_a_scheduled_optimiser_equals_torch_by_hand(name: str) -> None:
    x, y = parameter(), parameter()
    run(build_optimiser(name, {"x": x}, rate=0.1, factor=rate_schedule("drop", 8)), x, 8)
    by_hand = BY_HAND[name]([y], lr=0.1)
    for step in range(8):
        if step == 6:
            by_hand.param_groups[0]["lr"] = 0.1 * 0.1
        y.grad = None
        slope(y).backward()
        by_hand.step()
    assert torch.equal(x, y) if name not in FROM_LIBRARY else torch.allclose(x, y, atol=1e-5)


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_two_pieces_equal_one_run(name: str) -> None:
    whole, first = parameter(), parameter()
    run(build_optimiser(name, {"x": whole}, factor=rate_schedule("cosine", 7)), whole, 7)
    before = build_optimiser(name, {"x": first}, factor=rate_schedule("cosine", 7))
    run(before, first, 3)
    second = first.detach().clone().requires_grad_()
    after = build_optimiser(name, {"x": second}, factor=rate_schedule("cosine", 7))
    after.load_state_dict(before.state_dict())
    assert after.taken == 3
    run(after, second, 4)
    assert torch.equal(whole, second)


def test_a_resumed_run_takes_the_rate_it_is_given_now() -> None:
    x = parameter()
    before = build_optimiser("adam", {"x": x}, rate=0.1)
    run(before, x, 1)
    after = build_optimiser("adam", {"x": x}, rate=0.02)
    after.load_state_dict(before.state_dict())
    run(after, x, 1)
    assert after.optimiser.param_groups[0]["lr"] == 0.02


def test_every_group_keeps_its_own_rate() -> None:
    x, y = parameter(), parameter()
    groups = [{"params": [x], "name": "x"}, {"params": [y], "name": "y"}]
    inner = torch.optim.SGD(groups, lr=1.0)
    optimiser = Scheduled(inner, lambda step: 0.5**step, {"y": 0.5})
    for rates in ([1.0, 0.5], [0.5, 0.25], [0.25, 0.125]):
        optimiser.step()
        assert [group["lr"] for group in inner.param_groups] == rates


def test_the_default_rates_are_those_of_the_table() -> None:
    assert RATES.keys() == OPTIMISERS.keys() == BY_HAND.keys()
    for name, rate in RATES.items():
        optimiser = build_optimiser(name, {"x": parameter()})
        assert optimiser.optimiser.param_groups[0]["lr"] == rate


def test_adamw_does_not_shrink_the_latent_unless_asked() -> None:
    x, y = parameter(), parameter()
    for z, options in ((x, {}), (y, {"weight_decay": 0.1})):
        optimiser = build_optimiser("adamw", {"x": z}, **options)
        z.grad = torch.zeros_like(z)
        optimiser.step()
    assert torch.equal(x, parameter())
    assert y.norm() < x.norm()


def test_a_rate_of_zero_is_a_rate() -> None:
    x = parameter()
    run(build_optimiser("adam", {"x": x}, rate=0), x, 2)
    assert torch.equal(x, parameter())


@pytest.mark.parametrize("rate", [-1, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    message = f"the learning rate {rate} must be 0 or above; 0.075 suits adam"
    with pytest.raises(ConfigError, match=message):
        build_optimiser("adam", {"x": parameter()}, rate=rate)


def test_mistyped_names_are_guessed() -> None:
    with pytest.raises(ConfigError, match=r"no optimiser is called 'adm'; did you mean 'adam'\?"):
        build_optimiser("adm", {"x": parameter()})
    message = r"no learning-rate schedule is called 'cosin'; did you mean 'cosine'\?"
    with pytest.raises(ConfigError, match=message):
        rate_schedule("cosin", 10)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("constant", {}, [1, 1, 1, 1, 1, 1]),
        ("drop", {}, [1, 1, 1, 0.1, 0.1, 0.1]),
        ("drop", {"at": 0.5, "factor": 0.2}, [1, 1, 0.2, 0.2, 0.2, 0.2]),
        ("drop", {"at": 0}, [0.1] * 6),
        ("linear", {}, [1, 0.75, 0.5, 0.25, 0, 0]),
        ("linear", {"floor": 0.2}, [1, 0.8, 0.6, 0.4, 0.2, 0.2]),
        ("cosine", {}, [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0, 0]),
        ("cosine", {"floor": 1}, [1] * 6),
    ],
)
def test_schedules(name: str, options: dict[str, Any], expected: list[float]) -> None:
    factor = rate_schedule(name, 4, **options)
    assert [factor(step) for step in range(6)] == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedules_allow_a_run_without_steps(name: str) -> None:
    assert 0 <= rate_schedule(name, 0)(0) <= 1


@pytest.mark.parametrize(
    ("name", "option"),
    [("drop", "at"), ("drop", "factor"), ("linear", "floor"), ("cosine", "floor")],
)
@pytest.mark.parametrize("value", [-0.5, 1.5, math.nan])
def test_options_outside_their_range_are_refused(name: str, option: str, value: float) -> None:
    message = f"the schedule's {option} {value} must be between 0 and 1, such as 0.75"
    with pytest.raises(ConfigError, match=message):
        rate_schedule(name, 10, **{option: value})


def test_the_average_is_the_weighted_mean_of_all_values() -> None:
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    average = Average({"x": x}, decay=0.9)
    values = [torch.tensor([float(i), 1.0], dtype=torch.float64) for i in (3, 1, 4, 1, 5)]
    for count, value in enumerate(values, start=1):
        with torch.no_grad():
            x.copy_(value)
        average.update()
        weights = [0.9 ** (count - i) for i in range(1, count + 1)]
        by_hand = sum(w * v for w, v in zip(weights, values, strict=False)) / sum(weights)
        torch.testing.assert_close(average.value()["x"], by_hand)
    assert not average.value()["x"].requires_grad


def test_the_average_before_any_update_is_the_parameter() -> None:
    x = parameter()
    value = Average({"x": x}).value()["x"]
    assert torch.equal(value, x) and not value.requires_grad
    value.zero_()
    assert torch.equal(x, parameter())


def test_an_average_without_memory_is_the_latest_value() -> None:
    x = parameter()
    average = Average({"x": x}, decay=0)
    average.update()
    with torch.no_grad():
        x.add_(1)
    average.update()
    assert torch.equal(average.value()["x"], x)


def test_an_average_goes_on_from_its_state() -> None:
    x = parameter()
    whole = Average({"x": x})
    whole.update()
    state = whole.state_dict()
    with torch.no_grad():
        x.mul_(3)
    whole.update()
    again = Average({"x": x})
    again.load_state_dict(state)
    again.update()
    assert torch.equal(whole.value()["x"], again.value()["x"])


@pytest.mark.parametrize("decay", [-0.1, 1, math.nan])
def test_a_decay_outside_its_range_is_refused(decay: float) -> None:
    message = f"the average's decay {decay} must be at least 0 and below 1, such as 0.99"
    with pytest.raises(ConfigError, match=message):
        Average({"x": parameter()}, decay)


def test_a_rate_may_change_and_is_multiplied_by_the_schedule() -> None:
    x, y = parameter(), parameter()
    rates = [0.1, 0.4, 0.2, 0.3]
    run(
        build_optimiser(
            "rmsprop", {"x": x}, rate=rates.__getitem__, factor=rate_schedule("drop", 4)
        ),
        x,
        4,
    )
    by_hand = torch.optim.RMSprop([y])
    for rate in (0.1, 0.4, 0.2, 0.03):
        by_hand.param_groups[0]["lr"] = rate
        y.grad = None
        slope(y).backward()
        by_hand.step()
    torch.testing.assert_close(x, y)


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_moments_move_along(name: str) -> None:
    x = parameter()
    optimiser = build_optimiser(name, {"x": x})
    run(optimiser, x, 3)
    before = optimiser.state_dict()["moments"]
    optimiser.warp_moments(lambda each: each.roll(1, -1))
    after = optimiser.state_dict()["moments"]
    assert before.keys() == after.keys() and optimiser.taken == 3
    moved = [key for key, value in before.items() if value.shape == x.shape]
    assert moved
    for key, value in before.items():
        wanted = value.roll(1, -1) if key in moved else value
        assert torch.equal(after[key], wanted), key
    run(optimiser, x, 1)


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_moments_are_forgotten_but_not_the_schedule(name: str) -> None:
    x, fresh = parameter(), parameter()
    optimiser = build_optimiser(name, {"x": x}, factor=lambda step: 1.0 if step < 2 else 0.5)
    run(optimiser, x, 2)
    optimiser.reset_moments()
    with torch.no_grad():
        x.copy_(fresh)
    run(optimiser, x, 1)
    other = BY_HAND[name]([fresh], lr=RATES[name] / 2)
    slope(fresh).backward()
    other.step()
    assert optimiser.taken == 3
    assert torch.equal(x, fresh) if name not in FROM_LIBRARY else torch.allclose(x, fresh)


@pytest.mark.parametrize("name", sorted({*OPTIMISERS} - {*WITHOUT_MOMENTUM}))
def test_momentum_is_what_torch_calls_so(name: str) -> None:
    x = parameter()
    optimiser = build_optimiser(name, {"x": x}, rate=0.1, momentum=0.25)
    (group,) = optimiser.optimiser.param_groups
    assert (group["momentum"] if name == "rmsprop" else group["betas"][0]) == 0.25
    if name != "rmsprop":
        assert group["betas"][1] == 0.999
    usual = build_optimiser(name, {"x": x}).optimiser.param_groups[0]
    others = {"lr", "params", "betas", "momentum"}
    assert {k: v for k, v in group.items() if k not in others} == {
        k: v for k, v in usual.items() if k not in others
    }


def test_without_momentum_adam_steps_by_the_last_gradient_alone() -> None:
    x = parameter()
    optimiser = build_optimiser("adam", {"x": x}, rate=0.1, momentum=0.0)
    second = torch.zeros_like(x)
    for step in (1, 2, 3):
        before = x.detach().clone()
        run(optimiser, x, 1)
        assert x.grad is not None
        second = 0.999 * second + 0.001 * x.grad**2
        moved = 0.1 * x.grad / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        torch.testing.assert_close(x.detach(), before - moved)


def test_a_momentum_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="adagrad has no momentum"):
        build_optimiser("adagrad", {"x": parameter()}, momentum=0.5)


@pytest.mark.parametrize("name", FROM_LIBRARY)
def test_a_library_that_is_absent_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, LIBRARY, None)
    with pytest.raises(ConfigError, match=re.escape("pip install 'vqclip[optimisers]'")):
        build_optimiser(name, {"x": parameter()})


@pytest.mark.parametrize("name", FROM_LIBRARY)
@pytest.mark.parametrize("resize", [True, False])
def test_moments_that_begin_anew_are_counted_from_0(name: str, resize: bool) -> None:
    x, other = parameter(), torch.linspace(-1, 1, 12).reshape(1, 2, 2, 3).requires_grad_()
    optimiser = build_optimiser(name, {"x": x}, rate=0.1)
    run(optimiser, x, 5)
    optimiser.carry_over({"x": x}, {"x": other}, resize=resize)
    assert ("0.group_step" in optimiser.state_dict()["moments"]) == resize
    run(optimiser, other, 1)
    assert int(optimiser.state_dict()["moments"]["0.group_step"]) == (6 if resize else 1)
    optimiser.load_state_dict({"moments": {}, "taken": 0, "slowed": 1.0})
    assert optimiser.state_dict()["moments"] == {}


def test_an_average_begins_anew() -> None:
    x = parameter()
    average = Average({"x": x}, 0.5)
    average.update()
    average.reset()
    with torch.no_grad():
        x.add_(1)
    average.update()
    torch.testing.assert_close(average.value()["x"], x.detach())
    assert average.taken == 1


def test_the_version_of_a_library_is_that_of_its_optimisers_alone() -> None:
    assert optimiser_versions("adam") == {}
    assert {*optimiser_versions("adamp")} == {*optimiser_versions("diffgrad")} == {LIBRARY}
