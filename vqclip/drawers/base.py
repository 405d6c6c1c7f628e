"""The base of all drawers: named parameters, and the picture that they draw.

A drawer is asked for a picture at every step of the optimisation loop. Everything else that a
run does with it (resume, growth, animation, running averages) is done with its parameters, by
name: they are read, averaged, kept in checkpoints and replaced.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from vqclip.models.vqgan import clamp_with_grad
from vqclip.optimisers import RATES
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Noise, Parameters, Scalar


class BaseDrawer(ABC):
    """A drawer: named parameters, and the picture that they draw.

    Args:
        width, height: of the picture, in pixels; multiples of `multiple`.
        repeat: how the picture repeats.

    Attributes:
        name: by which it is chosen.
        rate: its learning rate with Adam, unless one is set.
        rate_factors: for a parameter, the factor of the learning rate; 1 unless given.
        is_grid: whether its parameters are grids that lie over the picture, so that moments may
            be resized and warped with it: [1, C, rows, columns].
        is_lossy: whether a picture that is drawn and encoded gives other parameters.
        moves: whether it has `move`, by which its parameters go with a camera.
        encodes: whether it can start from a picture.
        exports: suffixes of the files that `export` writes, such as ".svg".
        multiple: the sides of the picture are multiples of it.
        parameters: the tensors that are optimised.
        has_alpha: whether the picture may be transparent, see `draw_layers`.
        ground: the grey level in [0, 1] on which a transparent picture is drawn; None: white.
    """

    name: ClassVar[str]
    rate: ClassVar[float]
    rate_factors: Mapping[str, float] = MappingProxyType({})
    is_grid: ClassVar[bool] = False
    is_lossy: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    encodes: ClassVar[bool] = True
    exports: ClassVar[tuple[str, ...]] = ()

    def __init__(self, width: int, height: int, multiple: int = 1, repeat: Repeat = ONCE) -> None:
        self.width, self.height, self.multiple = width, height, multiple
        self.repeat = repeat
        self.parameters: dict[str, nn.Parameter] = {}
        self.has_alpha = False
        self.ground: float | None = None

    @property
    def losses(self) -> Mapping[str, Callable[[Parameters], Scalar]]:
        """Losses of its own on its parameters, by the names of their settings `losses.…`."""
        return {}

    @property
    def holds(self) -> str:
        """What its parameters are, in words."""
        return f"picture of the drawer {self.name}"

    def default_rate(self, optimiser: str) -> float:
        """The learning rate with an optimiser, as that of Adam is to those of others."""
        return self.rate * RATES[optimiser] / RATES["adam"]

    def accepts(self, parameters: Parameters) -> bool:
        """Whether parameters, of a checkpoint, may be its own; their sizes may differ."""
        own = self.parameters
        if not own:
            return bool(parameters)
        alike = (x.dim() == own[name].dim() for name, x in parameters.items() if name in own)
        return set(parameters) == set(own) and all(alike)

    @abstractmethod
    def draw_parameters(self, parameters: Parameters) -> Image:
        """Draw given parameters, such as a running average: [1, 3, H, W] in [0, 1].

        Differentiable in the parameters. Draws no random numbers.
        """

    @abstractmethod
    def random_parameters(self, generator: Noise) -> dict[str, Tensor]:
        """Parameters to start from where there is no picture.

        Args:
            generator: on the processor; equal states give equal parameters.
        """

    @abstractmethod
    def encode(self, picture: Image) -> dict[str, Tensor]:
        """Find parameters that draw a picture, or one that is near to it.

        Changes nothing in the drawer; equal pictures give equal parameters.

        Args:
            picture: [1, 3, H, W] in [0, 1], of the drawer's size; where the drawer has alpha,
                opacity may be a fourth channel.
        """

    def draw_layers(self, parameters: Parameters) -> tuple[Image, Tensor]:
        """Draw given parameters without a ground, differentiably.

        Returns:
            Colours times opacity, [1, 3, H, W], and opacity, [1, 1, H, W], both in [0, 1]; opaque
            unless the drawer has alpha.
        """
        picture = self.draw_parameters(parameters)
        return picture, torch.ones_like(picture[:, :1])

    @torch.no_grad()
    def draw_rgba(self, parameters: Parameters) -> Tensor:
        """Draw given parameters as colours and opacity, as files have them: [1, 4, H, W]."""
        return divide_by_alpha(*self.draw_layers(parameters))

    def lay_on_ground(self, colours: Image, alpha: Tensor) -> Image:
        """Lay colours times opacity on the ground, as `draw_layers` gives them: [1, 3, H, W]."""
        ground = 1.0 if self.ground is None else self.ground
        return clamp_with_grad(colours + (1 - alpha) * ground, 0, 1)

    def draw(self) -> Image:
        """Draw the picture as it is now, differentiably: [1, 3, H, W] in [0, 1]."""
        return self.draw_parameters(self.parameters)

    def clamp(self) -> None:
        """Clamp the parameters to their valid range, after a step, if they have one."""
        return

    @torch.no_grad()
    def replace(self, parameters: Parameters) -> None:
        """Go on from copies of other parameters; those of another shape become new ones."""
        for name, value in parameters.items():
            own = self.parameters.get(name)
            if own is not None and own.shape == value.shape:
                own.copy_(value)
            else:
                self.parameters[name] = nn.Parameter(value.detach().clone())

    @torch.no_grad()
    def enlarge(self, width: int, height: int) -> None:
        """Continue at another size, in pixels: the picture is drawn, resized and encoded."""
        image = self.repeat.resize(self.draw(), [height, width], "bicubic")
        self.width, self.height = width, height
        self.replace(self.encode(image.clamp(0, 1)))

    def blend(self, first: Parameters, second: Parameters, share: float) -> dict[str, Tensor]:
        """Blend two sets of parameters of one shape; `share` in [0, 1] is that of the second."""
        return {name: value.lerp(second[name], share) for name, value in first.items()}

    def move(
        self,
        parameters: Parameters,
        follow: Callable[[Tensor], Tensor],
        scale: float,
        fresh: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Move parameters with a camera, where `moves`.

        Args:
            follow: where the camera brings points [K, 2], x and y in pixels.
            scale: by which it enlarges what it shows.
            fresh: how much of each pixel comes into view, [1, 1, h, w] in [0, 1], of any size;
                None leaves it empty.
            generator: on the processor; it is needed with `fresh`.

        Raises:
            ValueError: if the drawer's parameters cannot be moved.
        """
        raise ValueError(f"the drawer {self.name} does not move its parameters")

    def filter_colours(
        self, parameters: Parameters, colour_filter: Callable[[Tensor], Tensor]
    ) -> Parameters:
        """Filter the colours of given parameters for `export`; those without colours stay.

        Args:
            colour_filter: changes colours in [0, 1]; their dimension 1 is of 3.
        """
        return parameters

    def export(self, path: Path, parameters: Parameters) -> None:
        """Write the picture of given parameters as a file of another kind, over what was there.

        Args:
            path: has a suffix of `exports`.

        Raises:
            ValueError: if the drawer has no such kind.
            OutputError: if it cannot be written.
        """
        raise ValueError(f"the drawer {self.name} writes no {path.suffix} files")


def divide_by_alpha(colours: Tensor, alpha: Tensor) -> Tensor:
    """Divide colours by the opacity that they were multiplied by; black where there is none.

    Args:
        colours: [N, 3, …].
        alpha: [N, 1, …].

    Returns:
        [N, 4, …] in [0, 1]: the colours, and opacity.
    """
    return torch.cat([(colours / alpha.clamp(min=1e-6)).clamp(0, 1), alpha], 1)
