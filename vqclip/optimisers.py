"""Optimisers, learning-rate schedules, the averaged latent, and recovery from NaN.

An optimiser is `(parameters, lr=...) -> torch.optim.Optimizer`; a schedule is
`step -> factor`, and multiplies the learning rate. `build_optimiser` joins the two.

A loss or a latent that is infinite, or no number at all, would stay so for the rest of the run.
The step is taken again from where it began, at half the rate and with other cutouts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adagrad, Adam, Adamax, AdamW, Optimizer, RAdam, RMSprop

from vqclip.errors import ConfigError, NumbersError, pick
from vqclip.generate import Step

Factor = Callable[[int], float]


class Scheduled:
    """An optimiser whose learning rate follows a schedule; what `generate` calls optimiser.

    It counts its own steps, so that a run which goes on with another range of steps, or another
    frame, goes on along the same curve.

    Args:
        optimiser: any of torch's. Its learning rates at this moment are those that the factor
            multiplies.
        factor: step, counted from 0, to factor.

    Attributes:
        slowed: a further factor, 1 unless something went wrong.
    """

    def __init__(self, optimiser: Optimizer, factor: Factor) -> None:
        self.optimiser = optimiser
        self.factor = factor
        self.taken = 0
        self.slowed = 1.0
        self._rates = [float(group["lr"]) for group in optimiser.param_groups]

    def zero_grad(self) -> None:
        """Forget the last gradient."""
        self.optimiser.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move, at the rate of this step."""
        factor = self.factor(self.taken) * self.slowed
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self.optimiser.step()
        self.taken += 1

    def carry(self, old: Tensor, new: Tensor) -> None:
        """Move `new`, the latent `old` at another size, from here on; its moments go with it.

        Moments are resized bilinearly, so that second moments stay positive. They belong to
        `old`, resized, which `new` need not be: `LatentDrawer.enlarge` encodes the picture anew.
        Then they are an estimate, which the next steps correct.

        Args:
            old: [1, C, h, w], a parameter of this optimiser.
            new: [1, C, h', w'], which takes its place; nothing is written into it.
        """
        for group in self.optimiser.param_groups:
            group["params"] = [new if each is old else each for each in group["params"]]
        self.optimiser.state[new] = {
            name: functional.interpolate(value, new.shape[-2:], mode="bilinear")
            if isinstance(value, Tensor) and value.shape == old.shape
            else value
            for name, value in self.optimiser.state.pop(old, {}).items()
        }

    def move(self, along: Callable[[Tensor], Tensor]) -> None:
        """Move the moments along with what they are moments of.

        Args:
            along: takes those of a parameter's shape to where they belong now; what is not
                negative must stay so.
        """
        for parameter in self._parameters():
            kept = self.optimiser.state.get(parameter, {})
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    kept[name] = along(value)

    def forget(self) -> None:
        """Begin without moments, at the place of the schedule where it stands."""
        self.optimiser.state.clear()
        if isinstance(
            self.optimiser, Adagrad
        ):  # torch 2.6 makes its sums with it, and never later
            self.optimiser.state.update(Adagrad(list(self._parameters())).state)

    def state_dict(self) -> dict[str, Any]:
        """Return `moments`, copies named NUMBER.NAME by parameter, `taken`, and `slowed`.

        Rates and schedule are not in it: they are made from settings.
        """
        moments = {
            f"{number}.{name}": value.clone()
            for number, parameter in enumerate(self._parameters())
            for name, value in self.optimiser.state.get(parameter, {}).items()
        }
        return {"moments": moments, "taken": self.taken, "slowed": self.slowed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, at the rate and on the schedule that this object was made with."""
        for number, parameter in enumerate(self._parameters()):
            mine = f"{number}."
            self.optimiser.state[parameter] = {
                key.removeprefix(mine): value.to(
                    parameter.device if value.dim() > 0 else "cpu", copy=True
                )
                for key, value in state["moments"].items()
                if key.startswith(mine)
            }
        self.taken, self.slowed = state["taken"], state["slowed"]

    def _parameters(self) -> list[Tensor]:
        return [each for group in self.optimiser.param_groups for each in group["params"]]


class Average:
    """An exponential moving average of a parameter: a calmer picture than the last one.

    Bias-corrected, so that it is exact from the first update on: after n updates the value is
    sum(decay**(n - i) * x_i) / sum(decay**(n - i)) over i = 1...n. pytti's default decay, .99,
    remembers about the last 100 steps.

    Args:
        parameter: what is averaged; `update` reads it anew each time. Its shape must not change.
        decay: in [0, 1); 0 keeps only the latest.

    Raises:
        ConfigError: if `decay` is not in [0, 1).
    """

    def __init__(self, parameter: Tensor, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(
                f"the average's decay {decay} must be at least 0 and below 1, such as 0.99"
            )
        self.parameter = parameter
        self.decay = decay
        self.taken = 0
        self._sum = torch.zeros_like(parameter, requires_grad=False)

    def update(self) -> None:
        """Take the parameter as it is now into the average."""
        with torch.no_grad():
            self._sum.lerp_(self.parameter.detach(), 1 - self.decay)
        self.taken += 1

    def value(self) -> Tensor:
        """Return the average, without gradient; before any update, a copy of the parameter."""
        if self.taken == 0:
            return self.parameter.detach().clone()
        return self._sum / (1 - self.decay**self.taken)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on."""
        return {"sum": self._sum.clone(), "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self._sum.copy_(state["sum"])
        self.taken = state["taken"]


def build_optimiser(
    name: str,
    parameters: Iterable[Tensor],
    *,
    rate: float | Factor | None = None,
    factor: Factor | None = None,
    **options: Any,
) -> Scheduled:
    """Make an optimiser that follows a schedule.

    Args:
        name: one of `OPTIMISERS`.
        parameters: what it moves.
        rate: learning rate, or one for each step; None for that of `RATES`. 0 is allowed and
            moves nothing.
        factor: the schedule, which multiplies it; None for a constant one.
        options: what else torch's optimiser takes, such as `betas`.

    Raises:
        ConfigError: if there is no such optimiser, or the rate is negative or not finite.
    """
    factory = pick(OPTIMISERS, name, "optimiser")
    follow = constant(1) if factor is None else factor
    if callable(rate):
        moving = rate
        return Scheduled(
            factory(list(parameters), lr=1.0, **options), lambda step: moving(step) * follow(step)
        )
    chosen = RATES[name] if rate is None else rate
    if not (math.isfinite(chosen) and chosen >= 0):
        raise ConfigError(
            f"the learning rate {chosen} must be 0 or above; {RATES[name]} suits {name}"
        )
    optimiser = factory(list(parameters), lr=chosen, **options)
    return Scheduled(optimiser, follow)


def rate_schedule(name: str, steps: int, **options: float) -> Factor:
    """Make the schedule called `name` for a run of `steps` steps.

    Raises:
        ConfigError: if there is no such schedule, or an option is outside its range.

    >>> drop = rate_schedule("drop", steps=100)
    >>> drop(74), drop(75)
    (1.0, 0.1)
    """
    return pick(SCHEDULES, name, "learning-rate schedule")(steps, **options)


def constant(steps: int) -> Factor:
    """Keep the rate."""
    return lambda step: 1.0


def drop(steps: int, at: float = 0.75, factor: float = 0.1) -> Factor:
    """Multiply the rate by `factor` from the fraction `at` of the run on: details settle.

    pixray's default: a tenth, at 75 %.
    Differs: pixray takes the percentage of one step less.
    """
    _within("at", at)
    _within("factor", factor)
    return lambda step: factor if step >= at * steps else 1.0


def linear(steps: int, floor: float = 0.0) -> Factor:
    """Fall from 1 at the first step towards `floor`, which is reached just after the last."""
    _within("floor", floor)
    return lambda step: 1 + (floor - 1) * _progress(step, steps)


def cosine(steps: int, floor: float = 0.0) -> Factor:
    """Fall from 1 to `floor` along half a cosine: slowly, fast, slowly.

    Loshchilov and Hutter, 2016 (https://arxiv.org/abs/1608.03983), without restarts.
    """
    _within("floor", floor)
    return lambda step: floor + (1 - floor) * (1 + math.cos(math.pi * _progress(step, steps))) / 2


def _progress(step: int, steps: int) -> float:
    """Return how far a run is, in [0, 1]; the last step of a run is not yet at 1, so it moves."""
    return min(1.0, step / max(1, steps))


def _within(name: str, value: float) -> None:
    """Refuse an option of a schedule that is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ConfigError(f"the schedule's {name} {value} must be between 0 and 1, such as 0.75")


OPTIMISERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    # torch's default weight decay, 0.01, would pull the latent towards 0, which is no picture in
    # particular. Without it AdamW is Adam; it is here for those who pass weight_decay.
    "adamw": partial(AdamW, weight_decay=0.0),
    "radam": RAdam,
    "adamax": Adamax,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
}


# Starting rates for VQGAN latents, from a comment in nerdyrodent's VQGAN-CLIP, generate.py:766.
RATES: dict[str, float] = {
    "adam": 0.075,
    "adamw": 0.125,
    "radam": 0.125,
    "adamax": 0.125,
    "adagrad": 0.2,
    "rmsprop": 0.02,
}


SCHEDULES: dict[str, Callable[..., Factor]] = {
    "constant": constant,
    "drop": drop,
    "linear": linear,
    "cosine": cosine,
}


TRIES = 6  # of one step; the last one at a thirty-second of the rate


class NanGuard:
    """Watches the steps of one size, between `generate` and whoever consumes them.

    Args:
        latent: what the optimiser moves; written back in place when a step failed.
        optimiser: is slowed down by each failure, for good.

    Attributes:
        failed: how often the step that passed last had failed before.
    """

    def __init__(self, latent: nn.Parameter, optimiser: Scheduled) -> None:
        self.latent = latent
        self.optimiser = optimiser
        self.failed = 0
        self._good = True
        self._latent = latent.detach().clone()
        self._moves: dict[str, Any] = optimiser.state_dict()

    def again(self, steps: Iterable[int]) -> Iterator[int]:
        """Hand on the numbers of steps, each as often as it takes."""
        for step in steps:
            yield step
            while not self._good:
                yield step

    def back(self) -> None:
        """Put latent, moments and rate back to where the last good step left them."""
        with torch.no_grad():
            self.latent.copy_(self._latent)
        self.optimiser.load_state_dict(self._moves)

    def passed(self, step: Step) -> bool:
        """Tell whether a step gave numbers; if not, all is as before it, but for the rate.

        Raises:
            NumbersError: if it failed as often as it is tried. All is as before it then, too.
        """
        moves = self.optimiser.state_dict()
        wrong = _wrong(step, self.latent.detach(), moves["moments"].values())
        if not wrong:
            self.failed = 0 if self._good else self.failed
            self._good = True
            self._latent.copy_(self.latent.detach())
            self._moves = moves
            return True
        self.failed = 1 if self._good else self.failed + 1
        self._good = False
        slowed = self.optimiser.slowed / 2
        self.back()
        self.optimiser.slowed = slowed
        if self.failed == TRIES:
            raise NumbersError(
                f"step {step.index} gives no numbers ({wrong}), even at {slowed * 2:g} of the "
                "rate; try another seed, a lower optimiser.rate, smaller weights, or "
                "precision=fp32"
            )
        return False


def _wrong(step: Step, latent: Tensor, moments: Iterable[Tensor]) -> str:
    """What is no number, or not finite, after a step; empty if nothing is."""
    if _finite([*step.losses.values(), latent, *moments]):
        return ""
    losses = [name for name, loss in step.losses.items() if not _finite([loss])]
    return f"the loss of {', '.join(map(repr, losses))}" if losses else "the gradient"


def _finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all numbers are finite. Waits for the device once."""
    each = [tensor.isfinite().all() for tensor in tensors]
    devices = {one.device for one in each}
    return all(bool(torch.stack([o for o in each if o.device == d]).all()) for d in devices)
