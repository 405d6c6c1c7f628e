"""The algorithm. Start reading here.

A drawer turns a latent into a picture; the picture is cut into random squares; perceptors turn
the squares into embeddings; losses say how far those are from what was asked for; the gradient
flows back through all of it into the latent. VQGAN-CLIP: Crowson et al., 2022,
https://arxiv.org/abs/2204.08583; the split into parts follows lucid (Olah et al.).

`generate` never prints, saves or reads settings: it yields a `Step`, and everything else (bars,
films, checkpoints, early stopping) is done by whoever consumes the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from vqclip.tensors import Cutouts, Embedding, Image, Scalar


class Drawer(Protocol):
    """What is optimised: something that can draw a picture, and that a gradient can improve."""

    def draw(self) -> Image:
        """Draw the picture as it is now, differentiably in the drawer's parameters."""

    def clamp(self) -> None:
        """Bring the parameters back to where they mean something, after a step."""


class Cut(Protocol):
    """Random squares of one picture."""

    @property
    def pixels(self) -> Cutouts:
        """The squares, noise included."""

    def again(self, picture: Image) -> Cutouts:
        """Cut another picture in exactly the same way."""


class Cutter(Protocol):
    """Takes random squares of a picture. Hashed by identity: perceptors may share one."""

    def __call__(self, image: Image, step: int, /) -> Cut:
        """Cut `image` as it is done at a step, drawing from the cutter's own random stream."""


class Perceptor(Protocol):
    """A judge: sees squares, and gives each a direction in a space that it shares with words."""

    @property
    def name(self) -> str:
        """What the perceptor is called in logs; unique within a run."""

    @property
    def cut(self) -> Cutter:
        """The cutter that makes its squares."""

    def embed_image(self, cutouts: Cutouts) -> Embedding:
        """Look at the squares: [N, 3, size, size] in [0, 1] → [N, D], rows of length 1."""


class Optimiser(Protocol):
    """Moves the parameters of a drawer along their gradient."""

    def zero_grad(self) -> None:
        """Forget the last gradient."""

    def step(self) -> None:
        """Move."""


@dataclass(frozen=True)
class View:
    """All that a loss may look at."""

    image: Image
    cuts: dict[Cutter, Cut]
    embeddings: dict[str, Embedding]
    step: int


Loss = Callable[[View], "Scalar"]


@dataclass(frozen=True)
class Objective:
    """A loss with its place in the sum and in the log; `weight` is a curve over steps."""

    name: str
    weight: Callable[[int], float]
    loss: Loss


@dataclass(frozen=True)
class Step:
    """What happened in one step. `image` is what was judged, before the latent moved.

    `failed` is how often it had been taken before, without giving numbers, and `saved` what was
    done to make it fit into memory, in words; both are for whoever plays a session. `frame` is
    the frame of an animation that it is for, and `shown` what is to be seen of that frame, with
    its last step.
    """

    index: int
    image: Image
    losses: dict[str, Scalar]
    failed: int = 0
    saved: str = ""
    frame: int = 0
    shown: tuple[Image, ...] = ()

    def total(self) -> float:
        """The sum that was minimised. Waits for the device."""
        return float(sum(loss.item() for loss in self.losses.values()))


def generate(
    drawer: Drawer,
    perceptors: Sequence[Perceptor],
    objectives: Sequence[Objective],
    optimiser: Optimiser,
    steps: Iterable[int],
) -> Iterator[Step]:
    """Improve the drawer's picture once per step, yielding a Step each time.

    Raises:
        ValueError: if two objectives have the same name: one would hide the other.
    """
    names = [o.name for o in objectives]
    if len(set(names)) < len(names):
        raise ValueError(f"objectives of the same name: {', '.join(names)}")
    # Shared cutters cut once, in a fixed order, because cutting draws random numbers.
    cutters = list(dict.fromkeys(p.cut for p in perceptors))
    for index in steps:
        image = drawer.draw()  # decode
        cuts = {cut: cut(image, index) for cut in cutters}  # cut
        embeddings = {p.name: p.embed_image(cuts[p.cut].pixels) for p in perceptors}  # look
        view = View(image, cuts, embeddings, index)
        losses = {o.name: o.weight(index) * o.loss(view) for o in objectives}  # judge
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # backward
        optimiser.step()  # step
        drawer.clamp()
        yield Step(index, image.detach(), {name: x.detach() for name, x in losses.items()})
