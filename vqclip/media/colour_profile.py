"""Colour profiles: the colours of a picture as its file describes them, converted to sRGB.

A file may carry an ICC profile; a PNG without one may carry `gAMA` and `cHRM` chunks. What is
damaged, or belongs to another kind of pixels, is passed over, and so is what describes sRGB.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image as pillow
from PIL import ImageCms

GREY = ("1", "L", "LA", "La", "I", "F")  # modes of Pillow's; those of 16 bits begin with I
SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's pixels → their mode
SRGB_GAMMA = 1 / 2.2  # as gAMA tells it
# x and y of sRGB's white, red, green and blue, in the order of cHRM
SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
CLOSE = 0.005  # chunks that differ from sRGB by no more mean sRGB
# Bradford's responses of the eye, in which one white is adapted to another
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def convert_to_srgb(picture: pillow.Image, mode: str, told: Mapping[Any, Any]) -> pillow.Image:
    """Convert a picture to sRGB; one of whose colours nothing is told stays as it is.

    Args:
        picture: in RGB, RGBA or CMYK; its pixels as they are in the file.
        mode: Pillow's mode of the file itself; of a grey one, `picture` has three equal channels.
        told: Pillow's `info` of the file.

    Returns:
        RGB or RGBA, with the opacity that it had.
    """
    profile = told.get("icc_profile")
    plain = picture.convert("RGB") if picture.mode == "RGBA" else picture
    seen = _apply_profile(plain, mode, profile) if profile else _apply_chunks(plain, told)
    if seen is None:
        return picture.convert("RGB") if picture.mode == "CMYK" else picture
    if picture.mode == "RGBA":
        seen.putalpha(picture.getchannel("A"))
    return seen


def _apply_profile(picture: pillow.Image, mode: str, profile: bytes) -> pillow.Image | None:
    """Convert by an ICC profile; None if that cannot be used."""
    try:
        pixels, transform = _build_transform(profile)
        if pixels == "L" and mode.startswith(GREY):
            picture = picture.getchannel("R")
        return ImageCms.applyTransform(picture, transform) if picture.mode == pixels else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError, ImportError):
        return None


@lru_cache(maxsize=4)
def _build_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform]:
    """The mode of the pixels that a profile describes, and how they become sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    pixels = SPACES[source.profile.xcolor_space.strip()]
    target = ImageCms.createProfile("sRGB")
    return pixels, ImageCms.buildTransform(source, target, pixels, "RGB")


def _apply_chunks(picture: pillow.Image, told: Mapping[Any, Any]) -> pillow.Image | None:
    """Convert by a PNG's gamma and chromaticities; None if they are absent, or those of sRGB."""
    gamma, points = told.get("gamma"), told.get("chromaticity", SRGB_CHROMATICITIES)
    if "srgb" in told or picture.mode != "RGB" or not gamma or not 0.01 <= gamma <= 100:
        return None
    matrix = None if _is_close(points, SRGB_CHROMATICITIES) else _build_matrix(points)
    usual, levels = abs(gamma / SRGB_GAMMA - 1) <= CLOSE, np.arange(256) / 255
    if matrix is None and usual:
        return None
    levels = _decode_srgb(levels) if usual else levels ** (1 / gamma)
    if matrix is None:
        return picture.point(_encode_srgb(levels).tolist() * 3)
    light = levels.astype(np.float32)[np.asarray(picture)] @ matrix.T.astype(np.float32)
    return pillow.fromarray(_encode_srgb(light))


def _decode_srgb(levels: Any) -> Any:
    """Decode levels of sRGB in [0, 1] to linear light."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _encode_srgb(light: Any) -> Any:
    """Encode linear light in [0, 1], clipped to it, as levels of sRGB, uint8."""
    light = np.clip(light, 0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(levels * 255).astype(np.uint8)


def _is_close(points: Sequence[float], others: Sequence[float]) -> bool:
    return len(points) == len(others) and bool(np.allclose(points, others, rtol=0, atol=CLOSE))


def _build_matrix(points: Sequence[float]) -> Any:
    """The matrix [3, 3] from a PNG's linear red, green and blue to sRGB's; None for nonsense."""
    try:
        own, white = _to_xyz(points)
        wanted, target = _to_xyz(SRGB_CHROMATICITIES)
        scale = np.diag((BRADFORD @ target) / (BRADFORD @ white))
        matrix = np.linalg.inv(wanted) @ np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ own
    except (ValueError, np.linalg.LinAlgError):
        return None
    return matrix if np.isfinite(matrix).all() else None


def _to_xyz(points: Sequence[float]) -> tuple[Any, Any]:
    """The matrix [3, 3] from linear red, green and blue to XYZ, and the XYZ of white."""
    xy = np.array(points, dtype=np.float64).reshape(4, 2)
    if xy[:, 1].min() <= 0:
        raise ValueError("a colour without brightness")
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]])
    white, colours = xyz[:, 0], xyz[:, 1:]
    return colours * np.linalg.solve(colours, white), white
