"""What if numbers go wrong? Back to the last good step, and more slowly on from there.

A loss or a latent that is infinite, or no number at all, would stay so for the rest of the run.
The step is taken again from where it began, at half the rate and with other cutouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vqclip.errors import NumbersError
from vqclip.generate import Step
from vqclip.optimisers import Scheduled

TRIES = 6  # of one step; the last one at a thirty-second of the rate


class Guard:
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
