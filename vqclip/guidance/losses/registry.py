"""The registry of losses, by the names of their weights: `losses.NAME`.

The losses of drawers come from the drawers, and distinct from `vqclip.guidance.distractors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from vqclip.config.loss_settings import LossSettings, parse_look_layers, parse_margins
from vqclip.guidance.losses import (
    borders,
    depth,
    embedding_losses,
    likeness,
    pixel_losses,
    style,
)
from vqclip.guidance.losses.loss_files import LossFiles
from vqclip.guidance.losses.smoothness import smoothness_loss
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.optimisation_loop import Loss
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Parameters


@dataclass(frozen=True)
class LossInputs:
    """What losses are made of.

    Args:
        settings: their kinds, colours and widths.
        start: the picture that the run starts from, [1, 3, H, W]; opacity may be a fourth
            channel.
        ground: tells the grey level on which the step's picture lies, where it is transparent.
        repeat: how the picture repeats.
        files: what was read from the files that settings name.
        perceptors: those of the run.
        rated: the name of the perceptor whose embeddings are rated.
        estimate_depth: depths [1, 1, h, w] of a picture, differentiably.
        parameters: gives those of the drawer that draws.
        encode: the start picture's latent, of so many rows and columns.
        drawn: losses of the drawer, by name.
    """

    settings: LossSettings
    start: Tensor | None = None
    ground: Callable[[], float] = lambda: 1.0
    repeat: Repeat = ONCE
    files: LossFiles = LossFiles()
    perceptors: Sequence[OpenClipPerceptor] = ()
    rated: str = ""
    estimate_depth: Callable[[Image], Tensor] | None = None
    parameters: Callable[[], Parameters] = dict
    encode: Callable[[int, int], Tensor] | None = None
    drawn: Mapping[str, Loss] = field(default_factory=dict)

    @property
    def start_picture(self) -> Tensor:
        """The start picture of a loss that needs one; settings without are refused before."""
        if self.start is None:
            raise ValueError("a loss needs the picture that a run starts from, and there is none")
        return self.start


def make_loss(name: str, inputs: LossInputs) -> Loss | None:
    """Make a loss by its name; None for one that is made elsewhere.

    Raises:
        ConfigError: if a colour or a kind cannot be read.
    """
    if name in inputs.drawn:
        return inputs.drawn[name]
    return LOSSES[name](inputs) if name in LOSSES else None


def _smoothness(inputs: LossInputs) -> Loss:
    wanted = inputs.settings
    return smoothness_loss(wanted.smoothness_kind, wanted.smoothness_on, inputs.repeat)


def _edges(inputs: LossInputs) -> Loss:
    """The edge loss: of a mask, of a picture or of other widths; else the usual border."""
    wanted, picture, mask = inputs.settings, inputs.files.edge_picture, inputs.files.edge_mask
    if mask is not None:
        return borders.masked_edge_loss(mask, wanted.edge_colour, picture)
    margins = parse_margins(wanted.edge_margins)
    if picture is None and margins == borders.USUAL:
        return borders.edge_loss(wanted.edge_colour)
    return borders.margin_loss(margins, wanted.edge_colour, picture)


def _latent(inputs: LossInputs) -> Loss:
    if inputs.encode is None:
        raise ValueError("losses.latent needs a drawer with a latent, and there is none")
    return likeness.latent_loss(inputs.parameters, inputs.encode, inputs.settings.latent_kind)


def _look(inputs: LossInputs) -> Loss:
    if not inputs.files.styles:
        raise ValueError("losses.look needs a picture, and none was read")
    layers = parse_look_layers(inputs.settings.look_layers)
    return style.style_loss(inputs.files.styles, inputs.perceptors, layers)


def _depth(inputs: LossInputs) -> Loss:
    if inputs.estimate_depth is None:
        raise ValueError("losses.depth needs a depth model, and none was loaded")
    if inputs.files.depths is not None:
        return depth.depth_loss(inputs.estimate_depth, depths=inputs.files.depths)
    return depth.depth_loss(inputs.estimate_depth, inputs.start_picture)


def _aesthetic(inputs: LossInputs) -> Loss:
    head, target = inputs.files.head, inputs.settings.aesthetic_target
    if head is None:
        raise ValueError("losses.aesthetic needs a head, and none was read")
    return embedding_losses.aesthetic_loss(head, inputs.rated, target)


LOSSES: dict[str, Callable[[LossInputs], Loss]] = {
    "smoothness": _smoothness,
    "saturation": lambda inputs: pixel_losses.saturation_loss(),
    "symmetry": lambda inputs: pixel_losses.symmetry_loss(inputs.settings.axis),
    "palette": lambda inputs: pixel_losses.palette_loss(inputs.settings.colours),
    "edges": _edges,
    "ground": lambda inputs: borders.ground_loss(
        inputs.settings.edge_colour, inputs.files.edge_picture
    ),
    "vignette": lambda inputs: borders.vignette_loss(
        inputs.settings.vignette_colour, inputs.settings.vignette_width
    ),
    "init": lambda inputs: pixel_losses.closeness_loss(
        inputs.start_picture, ground=inputs.ground
    ),
    "contours": lambda inputs: likeness.contour_loss(inputs.start_picture),
    "latent": _latent,
    "look": _look,
    "depth": _depth,
    "agree": lambda inputs: embedding_losses.agreement_loss(),
    "change": lambda inputs: embedding_losses.ChangeLoss(),
    "aesthetic": _aesthetic,
}
