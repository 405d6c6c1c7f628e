"""The files of losses: pictures, masks and predictors, read before any model is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vqclip.config.checking import picture_checks
from vqclip.config.loss_settings import parse_looks
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, PictureError
from vqclip.guidance.losses.aesthetic_heads import AestheticHead, read_aesthetic_head
from vqclip.guidance.losses.style import StylePicture
from vqclip.language.assets import SearchPath
from vqclip.media import images
from vqclip.media.paths import find_images, shorten_name
from vqclip.models.zoo import head_files
from vqclip.tensors import Image

LEAST_DEVIATION = 6 / 255  # of a style picture's brightness, in the channel that varies most


@dataclass(frozen=True, eq=False)
class LossFiles:
    """What losses of a weight read from files.

    Args:
        edge_picture: for edges and ground, [1, 3, H, W].
        edge_mask: [1, 1, H, W]; 0 where edges acts.
        head: rates embeddings.
        styles: the pictures of look, whose shares add up to 1.
        depths: a depth map, [1, 1, H, W]; 1 is nearest.
        depth_model: the folder of a depth model.
    """

    edge_picture: Image | None = None
    edge_mask: Tensor | None = None
    head: AestheticHead | None = None
    styles: tuple[StylePicture, ...] = ()
    depths: Tensor | None = None
    depth_model: Path | None = None


def read_loss_files(
    config: RunConfig, search_path: SearchPath, device: torch.device | str = "cpu"
) -> LossFiles:
    """Read the files that the losses of a run name; the depth model's folder is only named.

    Raises:
        VqclipError: for the first one that is missing or damaged.
    """
    named = picture_checks.loss_files(config)

    def read(key: str) -> Image | None:
        name = named.get(key)
        return None if name is None else _read_one(key, name, search_path).to(device)

    mask, depths = read("losses.edge_mask"), read("losses.depth_of")
    model = named.get("losses.depth_model")
    return LossFiles(
        edge_picture=read("losses.edge_picture"),
        edge_mask=None if mask is None else mask.mean(1, keepdim=True),
        head=_read_head(picture_checks.head_of_run(config), search_path, device),
        styles=tuple(_read_styles(named.get("losses.look_of", ""), search_path, device)),
        depths=None if depths is None else depths.mean(1, keepdim=True),
        depth_model=None if model is None else search_path.find(model),
    )


def _read_head(
    name: str, search_path: SearchPath, device: torch.device | str
) -> AestheticHead | None:
    """Read the head of a run; None for one without."""
    if not name:
        return None
    path = head_files.find_head(name, search_path)
    head_files.verify_head(name, path)
    return read_aesthetic_head(path, device)


def _read_one(key: str, name: str, search_path: SearchPath) -> Image:
    """Read the picture of a setting that has one."""
    found = find_images(name, search_path)
    if len(found) != 1:
        raise ConfigError(
            f"{key} is {shorten_name(name)}, which stands for {len(found)} pictures; name one"
        )
    return images.read_picture(found[0])


def _read_styles(
    text: str, search_path: SearchPath, device: torch.device | str
) -> list[StylePicture]:
    """Read the pictures of a style; those of a folder or a pattern divide its share."""
    styles = []
    for name, share in parse_looks(text) if text else ():
        found = find_images(name, search_path)
        styles += [
            StylePicture(path, _read_style(path).to(device), share / len(found)) for path in found
        ]
    return styles


def _read_style(path: Path) -> Image:
    """Read a picture of a style. One of nearly one colour would outweigh all else by far."""
    found = images.read_picture(path)
    if found.std((0, 2, 3), correction=0).max() < LEAST_DEVIATION:
        raise PictureError(
            f"{path} is nearly of one colour and has no style; name another picture in "
            "losses.look_of, or ask for its colour with losses.colours"
        )
    return found
