"""Losses on embeddings of cutouts: agreement, change, and aesthetic ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.guidance.losses.aesthetic_heads import AestheticHead
from vqclip.optimisation_loop import Loss, Objective, View
from vqclip.tensors import Embedding, Scalar


def measure_likeness(first: Tensor, second: Tensor) -> Scalar:
    """How alike two embeddings are: the cosine less a quarter of half the squared angle.

    aphantasia's "mix". 1 for equal ones.

    Args:
        first, second: [D], of any length.
    """
    first, second = F.normalize(first, dim=0), F.normalize(second, dim=0)
    chord = torch.linalg.vector_norm(first - second)
    angle = (chord / 2).clamp(max=1 - 1e-7).arcsin().square() * 2
    return (first * second).sum() - angle / 4


def agreement_loss() -> Loss:
    """The agreement loss: minus the likeness of two halves of a step's cutouts.

    aphantasia's enforce, which cuts a second time; here the cutouts are halved. The mean over
    perceptors; 0 where a perceptor has one cutout.
    """

    def loss(view: View) -> Scalar:
        halves = [rows.tensor_split(2) for rows in view.embeddings.values() if len(rows) > 1]
        if not halves:
            return view.image.new_zeros(())
        alike = [measure_likeness(a.mean(0), b.mean(0)) for a, b in halves]
        return torch.neg(torch.stack(alike).mean())

    return loss


class ChangeLoss:
    """The change loss: the likeness of a step's embeddings to those of the step before.

    aphantasia's expand. The mean over perceptors; 0 at the first step. What it remembers of the
    steps before is part of a run's state.
    """

    def __init__(self) -> None:
        self._step = -1
        self._before: dict[str, Tensor] = {}
        self._now: dict[str, Tensor] = {}

    def __call__(self, view: View) -> Scalar:
        """The loss of a step, which may be taken again."""
        if view.step != self._step:
            self._step, self._before = view.step, self._now
        means = {name: rows.mean(0) for name, rows in view.embeddings.items()}
        self._now = {name: each.detach() for name, each in means.items()}
        known = [name for name in means if name in self._before]
        if not known:
            return view.image.new_zeros(())
        alike = [measure_likeness(means[n], self._before[n].to(means[n])) for n in known]
        return torch.stack(alike).mean()

    def state(self) -> dict[str, Tensor]:
        """What it remembers of the last step, by perceptor."""
        return {name: each.clone() for name, each in self._now.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up a state."""
        self._now, self._step = dict(state), -1


def aesthetic_loss(head: AestheticHead, perceptor: str, target: float = 10.0) -> Loss:
    """The aesthetic loss: the mean squared difference of cutouts' ratings from a target.

    pixray's aesthetic loss is this times 0.02.

    Args:
        perceptor: the name of the one whose embeddings are rated.
        target: the rating to reach.
    """

    def loss(view: View) -> Scalar:
        rated: Embedding = view.embeddings[perceptor]
        return (head.rate(rated) - target).square().mean()

    return loss


def pack_memories(objectives: Iterable[Objective]) -> dict[str, Tensor]:
    """What losses remember of the steps before, for a checkpoint: "change.PERCEPTOR" → [D]."""
    return {
        f"{each.name}.{key}": value
        for each in objectives
        if isinstance(each.loss, ChangeLoss)
        for key, value in each.loss.state().items()
    }


def restore_memories(objectives: Iterable[Objective], tensors: Mapping[str, Tensor]) -> None:
    """Let losses remember what a checkpoint holds, of all its tensors."""
    for each in objectives:
        if isinstance(each.loss, ChangeLoss):
            begin = f"{each.name}."
            own = {k.removeprefix(begin): v for k, v in tensors.items() if k.startswith(begin)}
            each.loss.restore(own)
