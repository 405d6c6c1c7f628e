"""The balance of perceptors: their gradients, brought to lengths by weight.

The losses of two perceptors differ in scale, and so do their gradients: the sum follows the
steeper one. Balanced, each perceptor pulls the picture as strongly as its weight says, whatever
the scale of its losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vqclip.config.schema import RunConfig
from vqclip.drawers.filtered import FilteredDrawer
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.optimisation_loop import View
from vqclip.tensors import Cutouts, Image, Parameters, Scalar


class GradientBalance:
    """The balance of a run's perceptors, in place of the plain sum of their gradients.

    Let g be the gradient of the picture that comes through a perceptor, |g| its length (the root
    of the sum of its squares over all pixels and colours), and w the perceptor's weight. Each g
    is brought to the length w * (sum of |g|) / (sum of w), where the sums are over the perceptors
    whose gradient is not zero. So the lengths keep their sum, and their ratios are those of the
    weights. Losses that look at the picture itself are added as they are.

    The towers, the cutters and the decoder are each passed backwards once, as in a plain sum;
    only the cutters that perceptors share are passed once for each of them.

    Args:
        weights: perceptor's name → weight at each step; 1 where there is none.
        parameters: the drawer's parameters, as they are now.
    """

    def __init__(
        self,
        weights: Mapping[str, Callable[[int], float]],
        parameters: Callable[[], Parameters],
    ) -> None:
        self._weights, self._parameters = weights, parameters
        self._seen: dict[str, list[tuple[Tensor, Tensor]]] = {}

    @classmethod
    def from_settings(
        cls,
        config: RunConfig,
        weights: Mapping[str, Callable[[int], float]],
        filtered: FilteredDrawer,
    ) -> GradientBalance | None:
        """The balance of a run's perceptors; None if it is off, or there is only one of them."""
        if not config.optimiser.balance or len(config.perceptors) < 2:
            return None
        return cls(weights, lambda: filtered.drawer.parameters)

    def watch(self, perceptor: OpenClipPerceptor) -> OpenClipPerceptor:
        """Return the same perceptor, whose gradients stop at its cutouts until `backward`."""
        return replace(perceptor, gate=partial(self._stop, perceptor.name))

    def clear(self) -> None:
        """Forget the cutouts of a step that was not finished."""
        self._seen.clear()

    def backward(self, view: View, losses: Sequence[Scalar]) -> None:
        """Compute the gradients of a step's weighted losses: `backward` of the loop."""
        seen = dict(self._seen)
        self._seen.clear()
        losses = [each for each in losses if each.requires_grad]
        pairs = [(name, cutouts, stop) for name, all in seen.items() for cutouts, stop in all]
        stops = [stop for _, _, stop in pairs]
        found = torch.autograd.grad(losses, stops, retain_graph=True, allow_unused=True)
        pulls: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for (name, cutouts, _), gradient in zip(pairs, found, strict=True):
            if gradient is not None:
                pulls.setdefault(name, []).append((cutouts, gradient))
        towards = {name: _pull_back(each, view.image) for name, each in pulls.items()}
        roots = [view.image, *losses] if towards else losses
        gradients = [balance_gradients(towards, self._shares(view.step))] if towards else []
        torch.autograd.backward(
            roots,
            [*gradients, *map(torch.ones_like, losses)],
            inputs=list(self._parameters().values()),
        )

    def _stop(self, name: str, cutouts: Cutouts) -> Cutouts:
        """Let cutouts through without their graph, which `backward` joins on again."""
        if not (torch.is_grad_enabled() and cutouts.requires_grad):
            return cutouts
        stop = cutouts.detach().requires_grad_()
        self._seen.setdefault(name, []).append((cutouts, stop))
        return stop

    def _shares(self, step: int) -> dict[str, float]:
        return {name: weight(step) for name, weight in self._weights.items()}


def balance_gradients(towards: Mapping[str, Image], weights: Mapping[str, float]) -> Image:
    """The sum of gradients that are brought to lengths by weight; see `GradientBalance`.

    Args:
        towards: perceptor's name → gradient [1, 3, H, W]; not empty.
        weights: perceptor's name → weight, 0 or more; 1 where there is none.

    Returns:
        [1, 3, H, W]. If fewer than two of them are not zero, their plain sum.
    """
    gradients = torch.stack(list(towards.values()))
    shares = gradients.new_tensor([weights.get(name, 1.0) for name in towards])
    lengths = gradients.flatten(1).norm(dim=1)
    pulling = lengths > 0
    total = (shares * pulling).sum()
    factors = shares * lengths.sum() / (total * lengths)
    even = (pulling.sum() > 1) & (total > 0)
    factors = torch.where(even & pulling, factors, torch.ones_like(factors))
    return (gradients * factors.view(-1, *[1] * (gradients.dim() - 1))).sum(0)


def _pull_back(pulls: Sequence[tuple[Tensor, Tensor]], image: Image) -> Image:
    """Bring the gradients of cutouts back to the picture that they were cut from."""
    cutouts, gradients = zip(*pulls, strict=True)
    (found,) = torch.autograd.grad(cutouts, image, gradients, retain_graph=True)
    return found
