"""The optimisation loop, the algorithm of VQGAN+CLIP. Start reading here.

A drawer decodes a latent into a picture; random cutouts are taken of the picture; perceptors
embed the cutouts; losses compare the embeddings with those of the prompts; the gradient flows
back through all of it into the latent. VQGAN-CLIP: Crowson et al., 2022,
https://arxiv.org/abs/2204.08583; the split into parts follows lucid (Olah et al.).

`generate` never prints, saves or reads settings: it yields a `Step` each time, and everything
else (progress bars, films, checkpoints, early stopping) is done by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from vqclip.tensors import Cutouts, Embedding, Image, Scalar


class Drawer(Protocol):
    """A differentiable picture: draws an image from parameters that are optimised."""

    def draw(self) -> Image:
        """Draw the picture as it is now, differentiably in the drawer's parameters: Image."""

    def clamp(self) -> None:
        """Clamp the parameters to their valid range, after a step."""


class Cut(Protocol):
    """The random cutouts of one picture."""

    @property
    def pixels(self) -> Cutouts:
        """The cutouts [N, 3, S, S], noise included."""

    def cut_again(self, picture: Image) -> Cutouts:
        """Take the same cutouts of another picture."""


class Cutter(Protocol):
    """Takes random cutouts of pictures. Hashed by identity, since perceptors may share one."""

    def __call__(self, image: Image, step: int, /) -> Cut:
        """Take the cutouts of a step, by random numbers from the cutter's own generator."""


class Perceptor(Protocol):
    """An image encoder, such as CLIP's: embeds cutouts in a space shared with text."""

    @property
    def name(self) -> str:
        """The perceptor's name in logs; unique within a run."""

    @property
    def cutter(self) -> Cutter:
        """The cutter that makes its cutouts."""

    def embed_image(self, cutouts: Cutouts) -> Embedding:
        """Embed cutouts: [N, 3, S, S] in [0, 1] → [N, D], rows of length 1."""


class Optimiser(Protocol):
    """Updates the parameters of a drawer by their gradients."""

    def zero_grad(self) -> None:
        """Clear the gradients."""

    def step(self) -> None:
        """Update the parameters."""


@dataclass(frozen=True)
class View:
    """The input of a loss: the picture of a step, its cutouts and their embeddings.

    Args:
        image: [1, 3, H, W] in [0, 1].
        cuts: cutter → its cutouts.
        embeddings: name of a perceptor → [N, D], rows of length 1.
        step: the number of the step, from 0.
    """

    image: Image
    cuts: dict[Cutter, Cut]
    embeddings: dict[str, Embedding]
    step: int


Loss = Callable[[View], "Scalar"]
Backward = Callable[[View, "Sequence[Scalar]"], None]  # of a step's weighted losses


@dataclass(frozen=True)
class Objective:
    """A loss with its name in the log and its weight in the sum.

    Args:
        weight: step → weight.
    """

    name: str
    weight: Callable[[int], float]
    loss: Loss


@dataclass(frozen=True)
class Step:
    """The result of one step.

    Args:
        index: the number of the step, from 0.
        image: the picture before the latent was updated, [1, 3, H, W] in [0, 1], detached.
        losses: name of an objective → weighted loss, detached.
        failed: how often the step had failed before, with numbers that were not finite.
        memory_saving: what was done to make it fit into memory, in words.
        frame: the frame of an animation that it belongs to.
        shown: the images that the animation shows of that frame, with the frame's last step.
        known: the losses as numbers, once they are read.
    """

    index: int
    image: Image
    losses: dict[str, Scalar]
    failed: int = 0
    memory_saving: str = ""
    frame: int = 0
    shown: tuple[Image, ...] = ()
    known: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    def read_losses(self, others: Sequence[Scalar] = ()) -> list[float]:
        """Read the losses from the device, and other numbers that lie there with them.

        Returns:
            The other numbers. Waits for the device, once for all of them.
        """
        count = len(self.losses)
        if count + len(others) == 0:
            return []
        first = next(iter([*self.losses.values(), *others]))
        numbers = torch.stack([*self.losses.values(), *(x.to(first.dtype) for x in others)])
        found: list[float] = numbers.tolist()
        self.known.update(zip(self.losses, found[:count], strict=True))
        return found[count:]

    def values(self) -> dict[str, float]:
        """The losses as numbers: name of an objective → weighted loss."""
        if len(self.known) < len(self.losses):
            self.read_losses()
        return self.known

    def total(self) -> float:
        """The sum of the losses."""
        return float(sum(self.values().values()))


def add_up(view: View, losses: Sequence[Scalar]) -> None:
    """Compute the gradients of the sum of a step's weighted losses."""
    torch.stack(list(losses)).sum().backward()


def generate(
    drawer: Drawer,
    perceptors: Sequence[Perceptor],
    objectives: Sequence[Objective],
    optimiser: Optimiser,
    steps: Iterable[int],
    backward: Backward = add_up,
) -> Iterator[Step]:
    """Optimise a drawer's picture, yielding a `Step` after each step.

    Args:
        drawer: the picture.
        perceptors: the image encoders.
        objectives: the weighted losses; their sum is minimised.
        optimiser: of the drawer's parameters.
        steps: the numbers of the steps.
        backward: computes the gradients of the weighted losses.

    Raises:
        ValueError: if two objectives have the same name.
    """
    names = [o.name for o in objectives]
    if len(set(names)) < len(names):
        raise ValueError(f"objectives of the same name: {', '.join(names)}")
    # A shared cutter is called once, in a fixed order, because it draws random numbers.
    cutters = list(dict.fromkeys(p.cutter for p in perceptors))
    for index in steps:
        image = drawer.draw()  # decode
        cuts = {cut: cut(image, index) for cut in cutters}  # cut
        embeddings = {p.name: p.embed_image(cuts[p.cutter].pixels) for p in perceptors}  # look
        view = View(image, cuts, embeddings, index)
        losses = {o.name: o.weight(index) * o.loss(view) for o in objectives}  # judge
        optimiser.zero_grad()
        backward(view, list(losses.values()))  # backward
        optimiser.step()  # step
        drawer.clamp()
        yield Step(index, image.detach(), {name: x.detach() for name, x in losses.items()})
