"""Picture files: reading, writing, and tensors to pictures and back.

Everything that a run writes goes through `write_whole`: into a file of another name beside the
place, and moved there when it is complete. Whoever looks sees the old file or the new one.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import imageio.v3 as iio
import numpy as np
from imageio.core.request import InitializationError
from PIL import Image as pillow
from PIL import UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from vqclip.errors import PictureError
from vqclip.media import colour_profile, file_kinds
from vqclip.media.files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vqclip.tensors import Image


LARGEST = 89_478_485  # pixels; Pillow's own border to what may be a decompression bomb
OPAQUE = 230  # levels of opacity from which on a pixel of a mask counts as opaque
FEW = 0.01  # share of a mask's pixels that do not make it a transparent one
TURNS = {number: pillow.Transpose(turn) for number, turn in enumerate((0, 3, 1, 5, 4, 6, 2), 2)}


class HasNotes(Protocol):
    """What can be written into a picture; see `vqclip.run.record.provenance.Provenance`."""

    def notes(self) -> dict[str, str]:
        """Name → text of the chunks that the PNG is to carry."""


def save_png(
    path: Path | str, image: Image, provenance: HasNotes | None = None, *, overwrite: bool = False
) -> Path:
    """Write `image` as an 8-bit PNG, in which `provenance` stands as iTXt, uncompressed.

    Equal arguments give equal bytes as long as Pillow and its zlib stay the same.

    Args:
        image: [1, 3, H, W] in [0, 1]; with opacity as a fourth channel, [1, 4, H, W].
        overwrite: replace a file of that name, as previews do.

    Returns:
        `path`.

    Raises:
        OutputError: if the file exists and is not to be replaced, or cannot be written.
    """
    notes = {} if provenance is None else provenance.notes()
    return write_whole(path, to_png(to_bytes(image), notes), overwrite=overwrite)


def to_png(
    pixels: NDArray[np.uint8],
    notes: Mapping[str, str] | None = None,
    *,
    optimize: bool = False,
    level: int | None = None,
) -> bytes:
    """Encode [H, W, 3] or [H, W, 4] uint8 as PNG, with `notes` (name → text) as iTXt chunks.

    Args:
        level: of zlib, from 0 to 9; None for the usual one.
    """
    info = PngInfo()
    for name, text in (notes or {}).items():
        info.add_itxt(name, text, zip=False)
    how: dict[str, Any] = {"pnginfo": info, "optimize": optimize, "is_batch": False}
    if level is not None:
        how["compress_level"] = level
    return bytes(iio.imwrite("<bytes>", pixels, plugin="pillow", extension=".png", **how))


def to_bytes(image: Image) -> NDArray[np.uint8]:
    """Turn [1, 3, H, W] in [0, 1] into [H, W, 3] uint8; see `to_levels`.

    Raises:
        ValueError: if the shape is another one.

    >>> import torch
    >>> to_bytes(torch.full([1, 3, 1, 1], 0.5))[0, 0].tolist()
    [128, 128, 128]
    """
    return np.ascontiguousarray(to_levels(image).cpu().numpy())


def to_levels(image: Image) -> Tensor:
    """Turn [1, 3, H, W] in [0, 1] into [H, W, 3] uint8 on its device, without a wait for it.

    Rounded to the nearest of 256 levels. Opacity may be a fourth channel. Values outside [0, 1]
    are clamped, and what is not a number becomes black.

    Raises:
        ValueError: if the shape is another one.
    """
    import torch  # here: films of files are made without

    if image.ndim != 4 or image.shape[:2] not in ((1, 3), (1, 4)):
        raise ValueError(
            f"an image of shape {list(image.shape)}; expected [1, 3, H, W] or [1, 4, H, W]"
        )
    levels = image.detach()[0].float().nan_to_num(0).clamp(0, 1).mul(255).add(0.5).floor()
    return levels.to(torch.uint8).permute(1, 2, 0).contiguous()


def fit_frame(
    frame: Image | NDArray[np.uint8], size: tuple[int, int] | None = None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Turn a frame into [H, W, 3] uint8, resized (bicubic) to `size`, (width, height), if given.

    A frame with alpha, [H, W, 4] uint8, keeps it.

    Returns:
        The pixels, and their (width, height).

    Raises:
        ValueError: if it is neither [1, 3, H, W] nor [H, W, 3] uint8, nor the same with alpha.
    """
    pixels = frame if isinstance(frame, np.ndarray) else to_bytes(frame)
    check_pixels(pixels)
    own = (pixels.shape[1], pixels.shape[0])
    if size is None or size == own:
        return pixels, own
    return np.asarray(pillow.fromarray(pixels).resize(size, pillow.Resampling.BICUBIC)), size


def check_pixels(pixels: NDArray[np.uint8]) -> None:
    """Raise a ValueError for what is not [H, W, C] uint8."""
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise ValueError(
            f"a frame of shape {list(pixels.shape)}, {pixels.dtype}; expected [H, W, 3] uint8"
        )


def read_picture(
    path: Path | str, *, size: tuple[int, int] | None = None, alpha: bool = False
) -> Tensor:
    """Read a picture as it is meant to be seen; see `open_rgb`.

    Args:
        size: (width, height) in pixels, to which the picture is stretched (Lanczos).
        alpha: keep what is transparent.

    Returns:
        [1, 3, H, W] in [0, 1]; with opacity, if it is kept and there is any, [1, 4, H, W].

    Raises:
        PictureError: if there is no such picture, or it cannot be read or is too large.
    """
    picture = open_rgb(path, alpha=alpha)
    if size is not None and picture.size != size:
        picture = picture.resize(size, pillow.Resampling.LANCZOS)
    return to_tensor(picture)


def to_tensor(picture: pillow.Image) -> Tensor:
    """Turn a picture of Pillow's into [1, channels, H, W] in [0, 1]."""
    import torch

    pixels = torch.from_numpy(np.array(picture, dtype=np.float32, ndmin=3))  # to 255
    return pixels.reshape(*picture.size[::-1], -1).div_(255).permute(2, 0, 1)[None].contiguous()


def read_mask(path: Path | str) -> Tensor:
    """Read how much of a mask is there: its opacity, or of an opaque picture the brightness.

    A picture in which fewer than one pixel in a hundred is transparent counts as opaque; those
    pixels are laid on black, outside.

    Returns:
        [1, 1, H, W] in [0, 1].

    Raises:
        PictureError: as for `read_picture`.
    """
    seen = _seen(path)
    if _is_opacity_meant(seen):
        return to_tensor(seen.getchannel("A"))
    return to_tensor(flatten_alpha(seen, "black")).mean(1, keepdim=True)


def describe_mask(path: Path | str) -> str | None:
    """Say that a mask is read by its opacity, if its brightness shows a shape as well.

    Returns:
        A sentence about the mask, without its name; None if there is nothing to say.

    Raises:
        PictureError: as for `read_picture`.
    """
    seen = _seen(path)
    if not _is_opacity_meant(seen):
        return None
    opaque = np.asarray(seen.getchannel("A")) >= OPAQUE
    grey = np.asarray(seen.convert("RGB").convert("L"))[opaque]
    if grey.size == 0 or np.subtract(*np.percentile(grey, (90, 10))) < 128:
        return None
    return (
        "is partly transparent, so its opacity is the region, and its brightness counts for "
        "nothing; to use the brightness, save it without transparency"
    )


def _is_opacity_meant(mask: pillow.Image) -> bool:
    if mask.mode != "RGBA":
        return False
    return bool((np.asarray(mask.getchannel("A")) < OPAQUE).mean() >= FEW)


def open_rgb(path: Path | str, ground: str = "white", *, alpha: bool = False) -> pillow.Image:
    """Decode a picture as it is meant to be seen, as Pillow's RGB.

    It is turned as its EXIF orientation says, and its colours become sRGB; what is transparent
    is laid on `ground`, a colour that Pillow knows; grey, palette, CMYK and 16-bit pictures
    become RGB; of an animation, the first frame is taken.

    Args:
        alpha: keep what is transparent: RGBA, if anything may be.

    Raises:
        PictureError: if there is no such picture, or it cannot be read or is too large.
    """
    picture = _seen(path)
    return picture if alpha else flatten_alpha(picture, ground)


def flatten_alpha(picture: pillow.Image, ground: str) -> pillow.Image:
    """Lay what is transparent of an RGBA picture on the ground."""
    if picture.mode == "RGB":
        return picture
    below = pillow.new("RGBA", picture.size, ground)
    return pillow.alpha_composite(below, picture).convert("RGB")


def _seen(path: Path | str) -> pillow.Image:
    """Decode a picture, turned, in sRGB: as RGBA if something may be transparent, else as RGB."""
    with open_guarded(path) as file, open_by_imageio(file) as picture:
        told, palette = picture.metadata(index=0), picture.properties(index=0).shape[2:] == (4,)
        mode, deep = told["mode"], told["mode"].startswith(("I", "F"))
        clear = "transparency" in told or mode[-1] in "Aa" or (mode == "P" and palette)
        inks = mode == "CMYK" and told.get("icc_profile") is not None
        wanted = None if deep else "RGBA" if clear else "CMYK" if inks else "RGB"
        pixels = picture.read(index=0, mode=wanted)
        # Asked for afterwards: a TIFF is turned when it is decoded.
        turn = TURNS.get(picture.metadata(index=0, exclude_applied=False).get("Orientation"))
    pixels = np.stack([_eight_bits(pixels)] * 3, -1) if deep else pixels
    if inks:
        seen = pillow.frombytes("CMYK", pixels.shape[1::-1], pixels.tobytes())
    else:
        seen = pillow.fromarray(pixels)
    seen = colour_profile.convert_to_srgb(seen, mode, told)
    return seen if turn is None else seen.transpose(turn)


def read_head(path: Path | str) -> tuple[tuple[int, int], bool]:
    """Read the head of a picture: its (width, height) as it is meant to be seen, and whether
    something in it may be transparent.

    Raises:
        PictureError: as for `open_rgb`; damage further on is not noticed.
    """
    # Not by imageio, whose metadata decode the whole PNG: see test_a_glance_decodes_nothing.
    with open_guarded(path) as file, pillow.open(file) as picture:
        size = picture.size
        turned = pillow.Image.getexif(picture).get(0x0112, 1) in (5, 6, 7, 8)
        return size[::-1] if turned else size, bool(picture.has_transparency_data)


@contextmanager
def open_guarded(path: Path | str) -> Iterator[BinaryIO]:
    """Open a picture's file; whatever is wrong with it becomes a sentence."""
    if os.path.isdir(path):
        raise PictureError(f"{path} is a folder; expected a picture")
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            # Other warnings are about oddities that do not show; this one stops the read.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            yield file
    except FileNotFoundError:
        raise PictureError(f"there is no picture at {path}; check the name") from None
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError):
        raise PictureError(
            f"{path} has more than {LARGEST // 1_000_000} million pixels; make it smaller first"
        ) from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble on
        if kind := file_kinds.describe_kind(path):
            raise PictureError(f"{path} {kind}") from None
        if not isinstance(error, UnidentifiedImageError | InitializationError):
            raise PictureError(
                f"{path} cannot be read as a picture ({error}); is it damaged or cut short?"
            ) from error
        raise PictureError(
            f"{path} is not a picture that can be read; expected PNG, JPEG, WebP, GIF, TIFF, "
            "AVIF or BMP"
        ) from None


def open_by_imageio(file: BinaryIO) -> Any:
    """Open a picture or an animation by imageio; what Pillow raises comes as it was."""
    try:
        return iio.imopen(file, "r", plugin="pillow")
    except OSError as error:
        raise error.__cause__ or error from None


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale wide grey values to bytes; Pillow's own conversion clips them to white."""
    values, top = np.nan_to_num(pixels.astype(np.float64)), 65535.0
    if pixels.dtype.kind != "u":
        # Signed ones and floats do not say what their white is: the lowest usual one that holds.
        top = next((t for t in (1.0, 255.0, 65535.0) if values.max() <= t), values.max())
    return np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
