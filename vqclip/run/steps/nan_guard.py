"""The guard against numbers that are not finite, which takes a failed step again.

A loss or a parameter that is infinite or NaN would stay so for the rest of the run. `NanGuard`
takes such a step again from where it began, at half the rate and with other cutouts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, no_grad

from vqclip.errors import NumbersError
from vqclip.optimisation_loop import Step
from vqclip.optimisers import Scheduled
from vqclip.tensors import Parameters

TRIES = 6  # of one step; the last one at a thirty-second of the rate


class NanGuard:
    """Repeats steps that give infinite numbers or NaN, at half the learning rate.

    Args:
        parameters: what is optimised, by name; restored in place when a step fails.
        optimiser: its learning rate is halved by each failure, permanently.

    Attributes:
        failed: how often the last successful step had failed before.
    """

    def __init__(self, parameters: Parameters, optimiser: Scheduled) -> None:
        self.parameters = parameters
        self.optimiser = optimiser
        self.failed = 0
        self._last_good = True
        self._kept = {name: x.detach().clone() for name, x in parameters.items()}
        self._moves: dict[str, Any] = optimiser.state_dict()

    def retry_steps(self, steps: Iterable[int]) -> Iterator[int]:
        """Yield the numbers of steps, each until it succeeds: the `steps` of `generate`."""
        for step in steps:
            yield step
            while not self._last_good:
                yield step

    def restore_state(self) -> None:
        """Restore parameters, moments and rate to those after the last good step."""
        with no_grad():
            for name, kept in self._kept.items():
                self.parameters[name].copy_(kept)
        self.optimiser.load_state_dict(self._moves)

    def check_step(self, step: Step) -> bool:
        """Check that a step gave finite numbers; if not, restore the state, at half the rate.

        Returns:
            Whether it did.

        Raises:
            NumbersError: if it failed `TRIES` times; the state is restored then, too.
        """
        moves = self.optimiser.state_dict()
        now = {name: x.detach() for name, x in self.parameters.items()}
        wrong = _wrong(step, [*now.values(), *moves["moments"].values()])
        if not wrong:
            self.failed = 0 if self._last_good else self.failed
            self._last_good = True
            self._kept = {name: x.clone() for name, x in now.items()}
            self._moves = moves
            return True
        self.failed = 1 if self._last_good else self.failed + 1
        self._last_good = False
        factor = self.optimiser.rate_factor / 2
        self.restore_state()
        self.optimiser.rate_factor = factor
        if self.failed == TRIES:
            raise NumbersError(
                f"step {step.index} gives values that are not finite ({wrong}), even at "
                f"{factor * 2:g} of the learning rate; try another seed, a lower "
                "optimiser.rate, smaller weights, or precision=fp32"
            )
        return False


def _wrong(step: Step, state: Iterable[Tensor]) -> str:
    """Describe what is not finite after a step; "" if nothing is. Waits for the device, once."""
    finite = [tensor.isfinite().all() for tensor in state]
    device = step.image.device
    flags = step.read_losses([each for each in finite if each.device == device])
    losses = [name for name, loss in step.values().items() if not math.isfinite(loss)]
    if losses:
        return f"the loss of {', '.join(map(repr, losses))}"
    others = (bool(each) for each in finite if each.device != device)
    return "" if all(flags) and all(others) else "the gradient"
