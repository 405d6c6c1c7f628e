"""Optimisers, learning-rate schedules, and averages.

An optimiser is `(parameters, lr=...) -> torch.optim.Optimizer`; a schedule is
`step -> factor`, and multiplies the learning rate. `build_optimiser` joins the two. Those that
torch lacks are the library pytorch_optimizer's, which comes with the extra vqclip[optimisers].
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module, metadata
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adagrad, Adam, Adamax, AdamW, Optimizer, RAdam, RMSprop

from vqclip.errors import ConfigError, pick
from vqclip.tensors import Parameters

Factor = Callable[[int], float]  # step → factor of the learning rate
LIBRARY = "pytorch_optimizer"
COUNT = "step"  # in a group of that library's, where torch's have it in the state
GROUP_COUNT = "group_step"  # the same among the moments of `Scheduled.state_dict`


class Scheduled:
    """An optimiser whose learning rate follows a schedule; an `optimisation_loop.Optimiser`.

    It counts its own steps, so that the schedule continues if a run goes on with another range of
    steps, or another frame.

    Args:
        optimiser: any of torch's, with a group for each parameter, which has its `name`; the
            factor multiplies its learning rate.
        factor: step, from 0 → factor.
        rate_factors: name of a parameter → a further factor, 1 unless given.

    Attributes:
        taken: the number of steps taken.
        rate_factor: a further factor, 1 unless steps have failed; see
            `vqclip.run.steps.nan_guard`.
    """

    def __init__(
        self,
        optimiser: Optimizer,
        factor: Factor,
        rate_factors: Mapping[str, float] | None = None,
    ) -> None:
        self.optimiser = optimiser
        self.factor = factor
        self.taken = 0
        self.rate_factor = 1.0
        self._rate = float(optimiser.defaults["lr"])
        self._rate_factors = {} if rate_factors is None else rate_factors

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for parameter in self._parameters():
            parameter.grad = None  # torch's own method imports its compiler first

    def step(self) -> None:
        """Update the parameters, at the learning rate of this step."""
        factor = self.factor(self.taken) * self.rate_factor
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate * factor * self._rate_factors.get(group["name"], 1.0)
        self.optimiser.step()
        self.taken += 1

    def carry_over(self, before: Parameters, after: Parameters, *, resize: bool) -> None:
        """Optimise other parameters from now on, those of a picture that has grown.

        Moments of a grid are resized bilinearly, so that second moments stay positive. Since the
        picture is encoded anew they are only an estimate: Adam's first moments have forgotten it
        after some tens of steps, the second ones, which set how far a step goes, after hundreds.
        Other moments go with a parameter of the same shape, or are dropped.

        Args:
            before: parameters of this optimiser by their names.
            after: those that take their place; nothing is written into them.
            resize: whether they are grids, [1, C, h, w], whose moments are resized.
        """
        for name, old in before.items():
            if (new := after.get(name)) is old:
                continue
            kept = self.optimiser.state.pop(old, {})
            if new is not None and (resize or new.shape == old.shape):
                self.optimiser.state[new] = {k: _resized(v, old, new) for k, v in kept.items()}
        groups = [{"params": [each], "name": name} for name, each in sorted(after.items())]
        self.optimiser.param_groups = [self.optimiser.param_groups[0] | each for each in groups]
        for group in self.optimiser.param_groups:
            if not self.optimiser.state.get(group["params"][0]):
                group.pop(COUNT, None)  # moments that begin anew are counted from 0

    def warp_moments(self, along: Callable[[Tensor], Tensor]) -> None:
        """Warp the moments by `along`, which must keep values that are not negative so."""
        for parameter in self._parameters():
            kept = self.optimiser.state.get(parameter, {})
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    kept[name] = along(value)

    def reset_moments(self) -> None:
        """Reset the moments, but not the schedule."""
        self.optimiser.state.clear()
        for group in self.optimiser.param_groups:
            group.pop(COUNT, None)
        if isinstance(
            self.optimiser, Adagrad
        ):  # torch 2.6 makes its sums with it, and never later
            self.optimiser.state.update(OPTIMISERS["adagrad"](list(self._parameters())).state)

    def state_dict(self) -> dict[str, Any]:
        """Return the state: `moments` (copies, NUMBER.NAME by parameter), `taken` and `slowed`.

        Learning rates and schedule are not in it: they come from the settings.
        """
        moments = {
            f"{number}.{name}": value.clone()
            for number, parameter in enumerate(self._parameters())
            for name, value in self.optimiser.state.get(parameter, {}).items()
        }
        for number, group in enumerate(self.optimiser.param_groups):
            if COUNT in group:
                moments[f"{number}.{GROUP_COUNT}"] = torch.tensor(group[COUNT])
        return {"moments": moments, "taken": self.taken, "slowed": self.rate_factor}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`, keeping this object's learning rates and schedule."""
        for number, group in enumerate(self.optimiser.param_groups):
            (parameter,), mine = group["params"], f"{number}."
            found = {
                key.removeprefix(mine): value.to(
                    parameter.device if value.dim() > 0 else "cpu", copy=True
                )
                for key, value in state["moments"].items()
                if key.startswith(mine)
            }
            counted = found.pop(GROUP_COUNT, None)
            group.pop(COUNT, None)
            if counted is not None:
                group[COUNT] = int(counted)
            self.optimiser.state[parameter] = found
        self.taken, self.rate_factor = state["taken"], state["slowed"]

    def _parameters(self) -> list[Tensor]:
        return [each for group in self.optimiser.param_groups for each in group["params"]]


class Average:
    """An exponential moving average of parameters, which gives a calmer picture.

    Bias-corrected, so that it is exact from the first update on: after n updates the value is
    sum(decay**(n - i) * x_i) / sum(decay**(n - i)) over i = 1...n. pytti's default decay, .99,
    remembers about the last 100 steps.

    Args:
        parameters: what to average, by name; shapes must not change.
        decay: in [0, 1); 0 keeps only the latest.

    Raises:
        ConfigError: if `decay` is not in [0, 1).
    """

    def __init__(self, parameters: Parameters, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(
                f"the average's decay {decay} must be at least 0 and below 1, such as 0.99"
            )
        self.parameters = parameters
        self.decay = decay
        self.taken = 0
        self._sums = {name: torch.zeros_like(x.detach()) for name, x in parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Add the present values of the parameters to the average."""
        for name, total in self._sums.items():
            total.lerp_(self.parameters[name].detach(), 1 - self.decay)
        self.taken += 1

    def value(self) -> dict[str, Tensor]:
        """The averages, without gradient; before any update, copies of the parameters."""
        if self.taken == 0:
            return {name: x.detach().clone() for name, x in self.parameters.items()}
        return {name: x / (1 - self.decay**self.taken) for name, x in self._sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the state for `load_state_dict`: `sums` by name, and `taken`."""
        return {"sums": {name: x.clone() for name, x in self._sums.items()}, "taken": self.taken}

    def reset(self) -> None:
        """Forget what was averaged: the parameters are another picture's now."""
        self.taken = 0
        for total in self._sums.values():
            total.zero_()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`."""
        self._sums = {name: x.clone() for name, x in state["sums"].items()}
        self.taken = state["taken"]


def build_optimiser(
    name: str,
    parameters: Parameters,
    *,
    rate: float | Factor | None = None,
    factor: Factor | None = None,
    rate_factors: Mapping[str, float] | None = None,
    momentum: float | None = None,
    **options: Any,
) -> Scheduled:
    """Build an optimiser whose learning rate follows a schedule.

    Args:
        name: one of `OPTIMISERS`.
        parameters: the tensors to optimise, by name.
        rate: the learning rate, or a curve of it over steps; None for that of `RATES`. 0 is
            allowed, and changes nothing.
        factor: the schedule, which multiplies the rate; None for a constant one.
        rate_factors: name of a parameter → a factor of the rate, 1 unless given.
        momentum: how much of the last step each step keeps, in [0, 1): the first of two `betas`,
            where an optimiser has those; None for its own.
        options: further arguments of torch's optimiser, such as `weight_decay`.

    Raises:
        ConfigError: if there is no such optimiser, it has no momentum to be set, its library is
            not installed, or the rate is negative or not finite.
    """
    factory = pick(OPTIMISERS, name, "optimiser")
    if momentum is not None:
        options |= _momentum_options(name, momentum)
    schedule = constant_schedule(1) if factor is None else factor
    groups = [{"params": [each], "name": key} for key, each in sorted(parameters.items())]
    if callable(rate):
        moving = rate
        return Scheduled(
            factory(groups, lr=1.0, **options),
            lambda step: moving(step) * schedule(step),
            rate_factors,
        )
    chosen = RATES[name] if rate is None else rate
    if not (math.isfinite(chosen) and chosen >= 0):
        raise ConfigError(
            f"the learning rate {chosen} must be 0 or above; {RATES[name]} suits {name}"
        )
    return Scheduled(factory(groups, lr=chosen, **options), schedule, rate_factors)


def optimiser_versions(name: str) -> dict[str, str]:
    """The version of the library that an optimiser is of, by its name; none for torch's."""
    return {LIBRARY: metadata.version(LIBRARY)} if name in FROM_LIBRARY else {}


def _momentum_options(name: str, momentum: float) -> dict[str, Any]:
    """The arguments of an optimiser that set its momentum."""
    if name in WITHOUT_MOMENTUM:
        raise ConfigError(f"{name} has no momentum, so none can be set")
    return {"momentum": momentum} if name == "rmsprop" else {"betas": (momentum, SECOND_BETA)}


def _from_library(name: str) -> Callable[..., Optimizer]:
    """An optimiser of the library's, which is imported when the first one is made."""

    def make(groups: Any, **options: Any) -> Optimizer:
        try:
            made: Optimizer = getattr(import_module(LIBRARY), name)(groups, **options)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"the optimiser {name.lower()} needs {LIBRARY}, which is not installed: {INSTALL}"
            ) from error
        return made

    return make


def _resized(moment: Any, old: Tensor, new: Tensor) -> Any:
    """A moment of `old` at the size of `new`; what is no moment stays as it is."""
    if not isinstance(moment, Tensor) or moment.shape != old.shape or old.shape == new.shape:
        return moment
    return functional.interpolate(moment, new.shape[-2:], mode="bilinear")


def rate_schedule(name: str, steps: int, **options: float) -> Factor:
    """Build a learning-rate schedule by name, for a run of `steps` steps.

    Raises:
        ConfigError: if there is no such schedule, or an option is outside its range.

    >>> drop = rate_schedule("drop", steps=100)
    >>> drop(74), drop(75)
    (1.0, 0.1)
    """
    return pick(SCHEDULES, name, "learning-rate schedule")(steps, **options)


def constant_schedule(steps: int) -> Factor:
    """Constant schedule: the rate stays as it is."""
    return lambda step: 1.0


def step_schedule(steps: int, at: float = 0.75, factor: float = 0.1) -> Factor:
    """Step schedule: the rate is multiplied by `factor` from the share `at` of the run on.

    pixray's default: a tenth, at 75 %.
    Differs: pixray takes the percentage of one step less.
    """
    _within("at", at)
    _within("factor", factor)
    return lambda step: factor if step >= at * steps else 1.0


def linear_schedule(steps: int, floor: float = 0.0) -> Factor:
    """Linear schedule: from 1 at the first step to `floor` just after the last."""
    _within("floor", floor)
    return lambda step: 1 + (floor - 1) * _progress(step, steps)


def cosine_schedule(steps: int, floor: float = 0.0) -> Factor:
    """Cosine schedule: from 1 to `floor` along half a cosine.

    Loshchilov and Hutter, 2016 (https://arxiv.org/abs/1608.03983), without restarts.
    """
    _within("floor", floor)
    return lambda step: floor + (1 - floor) * (1 + math.cos(math.pi * _progress(step, steps))) / 2


def _progress(step: int, steps: int) -> float:
    """The share of a run that has passed, in [0, 1]; below 1 at the last step."""
    return min(1.0, step / max(1, steps))


def _within(name: str, value: float) -> None:
    """Refuse an option of a schedule that is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ConfigError(f"the schedule's {name} {value} must be between 0 and 1, such as 0.75")


def _without_compiler(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """One of torch's optimisers, whose methods do not import torch's compiler.

    Their decorators hide them from it, and import it for that, which takes as long as the import
    of torch. Nothing is compiled here, so that what they decorate computes the same; but
    `differentiable=True` has no effect, and an optimiser cannot be pickled.
    """
    plain = {
        "add_param_group": inspect.unwrap(kind.add_param_group),
        "step": torch.no_grad()(inspect.unwrap(kind.step)),
    }
    return type(kind.__name__, (kind,), plain)


OPTIMISERS: dict[str, Callable[..., Optimizer]] = {
    "adam": _without_compiler(Adam),
    # torch's default weight decay, 0.01, would pull the latent towards 0, which is no useful
    # picture. Without it AdamW is Adam; it is here for those who pass weight_decay.
    "adamw": partial(_without_compiler(AdamW), weight_decay=0.0),
    "radam": _without_compiler(RAdam),
    "adamax": _without_compiler(Adamax),
    "adagrad": _without_compiler(Adagrad),
    "rmsprop": _without_compiler(RMSprop),
    "diffgrad": _from_library("DiffGrad"),
    "adamp": _from_library("AdamP"),
}
FROM_LIBRARY = ("diffgrad", "adamp")
WITHOUT_MOMENTUM = ("adagrad",)
SECOND_BETA = 0.999  # the usual one of all that have two
INSTALL = "pip install 'vqclip[optimisers]'"


# Starting rates for VQGAN latents, from a comment in nerdyrodent's VQGAN-CLIP, generate.py:766;
# that of AdamP, which is not in it, is Adam's.
RATES: dict[str, float] = {
    "adam": 0.075,
    "adamw": 0.125,
    "radam": 0.125,
    "adamax": 0.125,
    "adagrad": 0.2,
    "rmsprop": 0.02,
    "diffgrad": 0.075,
    "adamp": 0.075,
}


SCHEDULES: dict[str, Callable[..., Factor]] = {
    "constant": constant_schedule,
    "drop": step_schedule,
    "linear": linear_schedule,
    "cosine": cosine_schedule,
}
