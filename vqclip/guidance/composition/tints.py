"""Tints: things recoloured, with their details.

A small prior that learnt recoloured pictures draws "a blue fish" as an outline filled with blue.
It draws "a fish" with eyes and fins, which keep their colours here: the colour that most of the
thing has becomes the one that is asked for, lighter and darker where it was.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from torch import Tensor

from vqclip.guidance.composition.silhouettes import clear_ground
from vqclip.guidance.drafts import Change
from vqclip.language.palettes.colour_names import RGB
from vqclip.tensors import Image

HUES = 36  # that the thing's own is sought among
NEAR = math.cos(math.radians(35))  # so near hues are the thing's own,
FAR = math.cos(math.radians(60))  # and so far ones another's
COLOURFUL = 0.35  # of a thing must have a colour for it not to be grey, or white, or black
BODY = 0.45  # of a thing must be recoloured; if not, it is of many colours, and all are
CONTRAST = 0.75  # of the thing's own differences in lightness are kept
DARKEST, LIGHTEST = 15.0, 93.0  # of a colour asked for, in Lab
DARK = 30.0  # in Lab: a thing of a darker colour gets light details
LIGHT = (88.0, 0.0, 8.0)  # these, in Lab
PALE = 90.0  # in Lab: a thing of a lighter colour is lost on a white ground, and gets another
SKY = (0.72, 0.83, 0.94)  # this one, which the prior gives to white things
LEAVES = 0.4  # of a thing of many colours may be green and stay so, as the stem of a flower
SMALL = 0.01  # of the picture: what is smaller is no thing


def tint_drafts(colour: RGB | None) -> Change | None:
    """Return what recolours drafts, or None without a colour."""
    return None if colour is None else partial(tint_things, colour=colour)


@torch.no_grad()
def tint_things(pictures: Image, colour: RGB) -> Image:
    """Recolour the thing of each picture, and leave its details and its ground.

    Args:
        pictures: [N, 3, S, S] in [0, 1], each of a thing on a plain ground.
        colour: that most of the thing is to have; for a pale one the ground becomes blue.

    Returns:
        [N, 3, S, S] in [0, 1]; one in which nothing differs from the ground stays as it is.
    """
    wanted = rgb_to_lab(torch.tensor(colour).to(pictures).view(1, 3, 1, 1))[0]
    wanted[0].clamp_(DARKEST, LIGHTEST)
    cleared = clear_ground(pictures)
    pixels, opacity = cleared[:, :3], cleared[:, 3:]
    things = zip(rgb_to_lab(pixels), opacity[:, 0] > 0.5, strict=True)
    tinted = lab_to_rgb(torch.stack([_tint(*each, wanted) for each in things]))
    # An edge is thing and ground at once, and only the thing's part changes.
    ground = pictures - opacity * pixels
    if wanted[0] > PALE:
        blue = torch.tensor(SKY).to(pictures)[:, None, None]
        found = (opacity > 0.5).float().mean((1, 2, 3), keepdim=True) >= SMALL
        ground = torch.where(found, (1 - opacity) * blue, ground)
    return (ground + opacity * tinted.clamp(0, 1)).clamp(0, 1)


def _tint(lab: Tensor, inside: Tensor, wanted: Tensor) -> Tensor:
    """Recolour a thing, [3, S, S] in Lab, that lies where [S, S] is True."""
    if inside.float().mean() < SMALL:
        return lab
    lightness = lab[0]
    share = _find_body(lab, inside)
    body = inside & (share > 0.5)
    middle = lightness[body if body.any() else inside].median()
    shaded = (wanted[0] + CONTRAST * (lightness - middle)).clamp(3, 98)
    # The nearer to black or white, the less colour.
    colour = (1 - (shaded - wanted[0]).abs() / 80).clamp(0.3, 1)
    tinted = lab + share * (torch.cat([shaded[None], wanted[1:] * colour]) - lab)
    if wanted[0] < DARK:  # dark eyes would be lost on a dark thing, and become light ones
        detail = _ramp(middle - lightness, 20, 40)
        tinted = tinted + detail * (torch.tensor(LIGHT).to(lab)[:, None, None] - tinted)
    return tinted


def _find_body(lab: Tensor, inside: Tensor) -> Tensor:
    """How much each pixel has the colour of most of the thing, [S, S] in [0, 1]."""
    lightness, chroma = lab[0], torch.hypot(lab[1], lab[2])
    coloured = _ramp(chroma, 8, 20) * inside
    if coloured.sum() > COLOURFUL * inside.sum():
        hue = torch.atan2(lab[2], lab[1])
        every = torch.arange(HUES).to(hue) * (2 * math.pi / HUES)
        near = torch.cos(hue - every[:, None, None]) > NEAR
        own = every[(near * coloured * chroma).sum((1, 2)).argmax()]
        share = _ramp(torch.cos(hue - own), FAR, NEAR) * _ramp(chroma, 6, 18)
    else:
        share = 1 - _ramp(chroma, 12, 25)
        grey = inside & (share > 0.5)
        middle = lightness[grey if grey.any() else inside].median()
        share = share * _ramp(lightness / middle.clamp(min=1.0), 0.35, 0.65)
    if (share * inside).sum() < BODY * inside.sum():
        bright = _ramp(lightness, 88, 96) * (1 - _ramp(chroma, 6, 12))
        leaves = _ramp(-lab[1], 8, 20) * inside
        if leaves.sum() > LEAVES * inside.sum():
            leaves = torch.zeros_like(leaves)
        share = _ramp(lightness, 15, 35) * (1 - 0.8 * bright) * (1 - leaves)
    return share


def _ramp(values: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between them."""
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)
