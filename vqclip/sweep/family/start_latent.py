"""Start latents of offspring: parents' codes, blended and shaken.

A latent is shaken by smooth noise over all of its channels, so that forms stay, and colours and
strokes become others. Noise of its own for every cell would be coloured grit. A blend has
parts of both latents; between them, it follows the arc from one to the other (slerp).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from vqclip.config.draw_settings import drawer_names
from vqclip.errors import PictureError
from vqclip.media import images
from vqclip.media.files import CHECKPOINT
from vqclip.models.model_cache import load_once
from vqclip.models.vqgan import VQGAN
from vqclip.optimisers import Average
from vqclip.run import resume
from vqclip.sweep.family.parents import Parent
from vqclip.sweep.family.smooth_noise import draw_field, draw_share
from vqclip.tensors import Image, Latent, slerp_latents, unpack_parameters

SHAKEN = 1.0  # times the standard deviation of each channel
CELLS = 4  # of the noise, along a side
SAME = 0.1  # the most that a cell of a picture differs from its own latent, decoded, on average


@torch.no_grad()
def draw_from_latents(
    parents: Sequence[Parent], vqgan: VQGAN, size: tuple[int, int], generator: Generator
) -> Image:
    """The picture of parents' latents, blended and shaken: [1, 3, H, W] in [0, 1].

    Args:
        parents: one or two, with their pictures.
        vqgan: what decodes them, and encodes the pictures of which no codes are kept.
        size: width and height of the picture, about, in pixels.

    Raises:
        PictureError: if a picture cannot be read.
    """
    columns, rows = (max(1, round(side / vqgan.factor)) for side in size)
    found = None
    for parent in parents:
        latent = shake_latent(_read_once(parent, vqgan, rows, columns), generator)
        found = latent if found is None else _blend(found, latent, generator)
    assert found is not None
    return vqgan.decode(vqgan.quantise(found)).clamp(0, 1)


def read_latent(parent: Parent, vqgan: VQGAN, rows: int, columns: int) -> Latent:
    """The latent of a parent: that of its run if it is kept, else that of its picture.

    Returns:
        [1, C, rows, columns].
    """
    kept = _read_kept(parent)
    fits = kept is not None and kept.shape == (1, vqgan.channels, rows, columns)
    if kept is not None and fits and parent.picture is None:
        return kept
    assert parent.picture is not None
    size = columns * vqgan.factor, rows * vqgan.factor
    picture = images.read_picture(parent.picture, size=size)
    if kept is not None and fits and _shows(vqgan, kept, picture):
        return kept
    return vqgan.encode(picture)


def _read_once(parent: Parent, vqgan: VQGAN, rows: int, columns: int) -> Latent:
    """The same, read once for all offspring while models are kept."""
    files = [each for each in (parent.picture, parent.folder / CHECKPOINT) if each is not None]
    # VQGANs that share their weights are one; another one has its weights elsewhere.
    key = "latent", str(parent.folder), str(parent.picture), parent.sha256, rows, columns
    return load_once(
        *((*key, vqgan.codebook.data_ptr()), [each for each in files if each.is_file()]),
        lambda: read_latent(parent, vqgan, rows, columns),
    )


def _shows(vqgan: VQGAN, latent: Latent, picture: Image) -> bool:
    """Whether a latent is that of a picture, and the picture was not changed by hand since."""
    drawn = vqgan.decode(vqgan.quantise(latent)).clamp(0, 1)
    gaps = functional.avg_pool2d((drawn - picture).abs(), vqgan.factor)
    return bool(gaps.max() < SAME)


def shake_latent(latent: Latent, generator: Generator) -> Latent:
    """Shake a latent by smooth noise: [1, C, h, w]."""
    deviation = latent.std((2, 3), keepdim=True, correction=0)
    noise = draw_field(latent.shape[1], latent.shape[-2:], generator, CELLS)
    return latent + SHAKEN * deviation * noise


def _blend(one: Latent, other: Latent, generator: Generator) -> Latent:
    """Blend two latents that take their places by a soft pattern."""
    return slerp_latents(one, other, 1 - draw_share(one.shape[-2:], generator))


def _read_kept(parent: Parent) -> Tensor | None:
    """The latent that the picture of a run was decoded from; None where the run has none.

    It has one if the VQGAN drew to the end, and its last checkpoint is that of this picture.
    """
    if drawer_names(parent.config.drawer)[-1] != "vqgan" or not _holds(parent.folder):
        return None
    try:
        point = resume.find_resume_point(parent.folder)
    except (PictureError, KeyError, TypeError, ValueError):  # of another edition, or damaged
        return None
    ended = {"step": point.state.done, "of": parent.config.steps} in point.notes.stopped[-1:]
    if point.notes != parent.notes or not (ended or point.state.done == parent.config.steps):
        return None
    latent = unpack_parameters("latent", point.state.tensors)
    average = Average(latent, parent.config.optimiser.average)
    sums = unpack_parameters("average", point.state.tensors)
    average.load_state_dict({"sums": sums, "taken": point.state.averaged})
    return average.value()["latent"].float()


def _holds(folder: Path) -> bool:
    return (folder / CHECKPOINT).is_file()
