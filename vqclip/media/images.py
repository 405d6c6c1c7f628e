"""Picture files: reading, writing, and tensors to pictures and back.

Everything that a run writes goes through `write_whole`: into a file of another name beside the
place, and moved there when it is complete. Whoever looks sees the old file or the new one.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from PIL import Image as pillow
from PIL import ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from vqclip.errors import PictureError
from vqclip.media.files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from vqclip.tensors import Image


Found = TypeVar("Found")


LARGEST = 89_478_485  # pixels; Pillow's own border to what may be a decompression bomb


class Noted(Protocol):
    """What can be written into a picture; see `vqclip.run.record.provenance.Provenance`."""

    def notes(self) -> dict[str, str]:
        """Name → text of the chunks that the PNG is to carry."""


def save_png(
    path: Path | str, image: Image, provenance: Noted | None = None, *, overwrite: bool = False
) -> Path:
    """Write `image` as an 8-bit PNG, in which `provenance` stands as iTXt, uncompressed.

    Equal arguments give equal bytes as long as Pillow and its zlib stay the same.

    Args:
        image: [1, 3, H, W] in [0, 1].
        overwrite: replace a file of that name, as previews do.

    Returns:
        `path`.

    Raises:
        OutputError: if the file exists and is not to be replaced, or cannot be written.
    """
    notes = {} if provenance is None else provenance.notes()
    return write_whole(path, to_png(to_bytes(image), notes), overwrite=overwrite)


def to_png(pixels: NDArray[np.uint8], notes: Mapping[str, str] | None = None) -> bytes:
    """Encode [H, W, 3] or [H, W, 4] uint8 as PNG, with `notes` (name → text) as iTXt chunks."""
    info = PngInfo()
    for name, text in (notes or {}).items():
        info.add_itxt(name, text, zip=False)
    buffer = io.BytesIO()
    pillow.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def to_bytes(image: Image) -> NDArray[np.uint8]:
    """Turn [1, 3, H, W] in [0, 1] into [H, W, 3] uint8, rounded to the nearest of 256 levels.

    Values outside [0, 1] are clamped, and what is not a number becomes black.

    Raises:
        ValueError: if the shape is another one.

    >>> import torch
    >>> to_bytes(torch.full([1, 3, 1, 1], 0.5))[0, 0].tolist()
    [128, 128, 128]
    """
    import torch  # here: films of files are made without

    if image.ndim != 4 or image.shape[:2] != (1, 3):
        raise ValueError(f"an image of shape {list(image.shape)}; expected [1, 3, H, W]")
    levels = image.detach()[0].float().nan_to_num(0).clamp(0, 1).mul(255).add(0.5).floor()
    return np.ascontiguousarray(levels.to(torch.uint8).permute(1, 2, 0).cpu().numpy())


def fit(
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
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise ValueError(
            f"a frame of shape {list(pixels.shape)}, {pixels.dtype}; expected [H, W, 3] uint8"
        )
    own = (pixels.shape[1], pixels.shape[0])
    if size is None or size == own:
        return pixels, own
    return np.asarray(pillow.fromarray(pixels).resize(size, pillow.Resampling.BICUBIC)), size


def read_picture(path: Path | str, *, size: tuple[int, int] | None = None) -> Image:
    """Read a picture as it is meant to be seen; see `open_rgb`.

    Args:
        size: (width, height) in pixels, to which the picture is stretched (Lanczos).

    Returns:
        [1, 3, H, W] in [0, 1].

    Raises:
        PictureError: if there is no such picture, or it cannot be read or is too large.
    """
    import torch

    picture = open_rgb(path)
    if size is not None and picture.size != size:
        picture = picture.resize(size, pillow.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))  # [H, W, 3] in [0, 255]
    return pixels.div(255).permute(2, 0, 1)[None].contiguous()


def read_mask(path: Path | str) -> Tensor:
    """Read how much of a mask is there: its opacity, or of an opaque picture the brightness.

    Returns:
        [1, 1, H, W] in [0, 1].

    Raises:
        PictureError: as for `read_picture`.
    """
    mask = _opened(path, lambda each: _opacity(ImageOps.exif_transpose(each)))
    if mask is None:
        return read_picture(path).mean(1, keepdim=True)
    import torch

    return torch.from_numpy(np.array(mask, dtype=np.float32)).div(255)[None, None]


def open_rgb(path: Path | str, ground: str = "white", *, alpha: bool = False) -> pillow.Image:
    """Decode a picture as it is meant to be seen, as Pillow's RGB.

    It is turned as its EXIF orientation says; what is transparent is laid on `ground`, a colour
    that Pillow knows; grey, palette, CMYK and 16-bit pictures become RGB; of an animation, the
    first frame is taken.

    Args:
        alpha: keep what is transparent: RGBA, if anything may be.

    Raises:
        PictureError: if there is no such picture, or it cannot be read or is too large.
    """
    return _opened(path, lambda each: _to_rgb(ImageOps.exif_transpose(each), ground, alpha))


def glance(path: Path | str) -> tuple[tuple[int, int], bool]:
    """Read the head of a picture: its (width, height) as it is meant to be seen, and whether
    something in it may be transparent.

    Raises:
        PictureError: as for `open_rgb`; damage further on is not noticed.
    """

    def head(picture: pillow.Image) -> tuple[tuple[int, int], bool]:
        wide, high = picture.size
        # Of a PNG, its own getexif would decode the whole picture.
        turned = pillow.Image.getexif(picture).get(0x0112, 1) in (5, 6, 7, 8)
        return (high, wide) if turned else (wide, high), bool(picture.has_transparency_data)

    return _opened(path, head)


def _opened(path: Path | str, take: Callable[[pillow.Image], Found]) -> Found:
    """Open a picture, and take something of it."""
    with opened(Path(path)) as picture:
        return take(picture)


@contextmanager
def opened(path: Path) -> Iterator[pillow.Image]:
    """Open a picture; whatever is wrong with it becomes a sentence."""
    if os.path.isdir(path):
        raise PictureError(f"{path} is a folder; expected a picture")
    try:
        with warnings.catch_warnings():
            # Other warnings are about oddities that do not show; this one stops the read.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path) as opened:
                yield opened
    except FileNotFoundError:
        raise PictureError(f"there is no picture at {path}; check the name") from None
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError):
        raise PictureError(
            f"{path} has more than {LARGEST // 1_000_000} million pixels; make it smaller first"
        ) from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{path} is not a picture that can be read; expected PNG, JPEG, WebP, GIF, TIFF, "
            "AVIF or BMP"
        ) from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble on
        raise PictureError(
            f"{path} cannot be read as a picture ({error}); is it damaged or cut short?"
        ) from error


def _to_rgb(picture: pillow.Image, ground: str, alpha: bool = False) -> pillow.Image:
    """Bring any mode of Pillow's to RGB, or, to keep what is transparent, to RGBA."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return pillow.fromarray(_eight_bits(picture)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if alpha:
            return picture
        below = pillow.new("RGBA", picture.size, ground)
        picture = pillow.alpha_composite(below, picture)
    return picture.convert("RGB")


def _opacity(picture: pillow.Image) -> pillow.Image | None:
    """The alpha channel of a picture, if something in it is transparent."""
    if not picture.has_transparency_data:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _eight_bits(picture: pillow.Image) -> NDArray[np.uint8]:
    """Scale wide grey values to bytes; Pillow's own conversion clips them to white."""
    values: NDArray[Any] = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    top = 65535.0
    if not picture.mode.startswith("I;16"):
        # "I" and "F" do not say what their white is: the lowest usual one that holds them all.
        top = next((t for t in (1.0, 255.0, 65535.0) if values.max() <= t), values.max())
    return np.rint(np.clip(values / top, 0, 1) * 255).astype(np.uint8)
