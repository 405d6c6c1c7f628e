"""The registry of losses, by the names of their weights: `losses.NAME`.

The losses of drawers come from the drawers, and distinct from `vqclip.guidance.distractors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vqclip.config.loss_settings import LossSettings, parse_margins
from vqclip.guidance.losses import borders, embedding_losses, likeness, pixel_losses
from vqclip.guidance.losses.aesthetic_heads import AestheticHead
from vqclip.guidance.losses.smoothness import smoothness_loss
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
        edge_picture: for edges and ground in place of a colour, [1, 3, H, W].
        edge_mask: 0 where edges acts, [1, 1, H, W].
        head: rates embeddings, and the name of the perceptor whose they are.
        parameters: gives those of the drawer that draws.
        encode: the start picture's latent, of so many rows and columns.
        drawn: losses of the drawer, by name.
    """

    settings: LossSettings
    start: Tensor | None = None
    ground: Callable[[], float] = lambda: 1.0
    repeat: Repeat = ONCE
    edge_picture: Image | None = None
    edge_mask: Tensor | None = None
    head: tuple[AestheticHead, str] | None = None
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
    wanted, picture = inputs.settings, inputs.edge_picture
    if inputs.edge_mask is not None:
        return borders.masked_edge_loss(inputs.edge_mask, wanted.edge_colour, picture)
    margins = parse_margins(wanted.edge_margins)
    if picture is None and margins == borders.USUAL:
        return borders.edge_loss(wanted.edge_colour)
    return borders.margin_loss(margins, wanted.edge_colour, picture)


def _latent(inputs: LossInputs) -> Loss:
    if inputs.encode is None:
        raise ValueError("losses.latent needs a drawer with a latent, and there is none")
    return likeness.latent_loss(inputs.parameters, inputs.encode, inputs.settings.latent_kind)


def _aesthetic(inputs: LossInputs) -> Loss:
    if inputs.head is None:
        raise ValueError("losses.aesthetic needs a head, and none was read")
    head, perceptor = inputs.head
    return embedding_losses.aesthetic_loss(head, perceptor, inputs.settings.aesthetic_target)


LOSSES: dict[str, Callable[[LossInputs], Loss]] = {
    "smoothness": _smoothness,
    "saturation": lambda inputs: pixel_losses.saturation_loss(),
    "symmetry": lambda inputs: pixel_losses.symmetry_loss(inputs.settings.axis),
    "palette": lambda inputs: pixel_losses.palette_loss(inputs.settings.colours),
    "edges": _edges,
    "ground": lambda inputs: borders.ground_loss(
        inputs.settings.edge_colour, inputs.edge_picture
    ),
    "vignette": lambda inputs: borders.vignette_loss(
        inputs.settings.vignette_colour, inputs.settings.vignette_width
    ),
    "init": lambda inputs: pixel_losses.closeness_loss(
        inputs.start_picture, ground=inputs.ground
    ),
    "contours": lambda inputs: likeness.contour_loss(inputs.start_picture),
    "latent": _latent,
    "agree": lambda inputs: embedding_losses.agreement_loss(),
    "change": lambda inputs: embedding_losses.ChangeLoss(),
    "aesthetic": _aesthetic,
}
