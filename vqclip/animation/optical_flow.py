"""Optical flow between two frames, with occlusions.

A flow from a to b is [1, 2, H, W] in pixels: what a shows at (x, y), b shows at
(x + flow[0, 0, y, x], y + flow[0, 1, y, x]). So `warp(b, flow(a, b))` looks like a; to carry what
was made of the last frame over to the next, ask for the flow from the next to the last.

    dis         dense inverse search: quick, and good for most films (OpenCV; Kroeger et al.,
                2016, https://arxiv.org/abs/1603.03590)
    farneback   polynomial expansion: smoother (OpenCV; Farnebäck, 2003)
    raft        a network, the best of them where its weights are at hand (torchvision; Teed and
                Deng, 2020, https://arxiv.org/abs/2003.12039)
    none        nothing moves

OpenCV is the extra vqclip[video]. RAFT's weights are torchvision's files, never downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.config.animation_checks import WEIGHTS
from vqclip.errors import ConfigError, ModelAbsent, ModelError, pick
from vqclip.media import images
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.tensors import Image

# What each must have of a picture's shorter side, in pixels, and what is good for it: smaller
# ones are enlarged to be looked at, for its good by `MOST` times at most. DIS halves what it is
# given: on a photograph that turned by 2° it was off by 0.07 pixels instead of 0.17 at 64x64, by
# 0.10 instead of 0.21 at 192x192. Farnebäck's was better without.
SIDES = {"dis": (32, 256), "farneback": (32, 32), "raft": (128, 128)}
MOST = 4
PUBLISHED = ("raft_large_C_T_SKHT_V2-ff5fadd5.pth", "raft_small_C_T_V2-01064c6d.pth")


class Flow(Protocol):
    """Two pictures of one size → the flow from the first to the second, on its device."""

    def __call__(self, a: Image, b: Image) -> Tensor:
        """Find where the pixels of a are in b: [1, 2, H, W] in pixels, x before y."""


def open_flow(name: str, *, device: str = "cpu") -> Flow:
    """Make what finds the flow between two pictures.

    Args:
        name: one of `FLOWS`, or a file of RAFT's weights, small or large, as torchvision
            publishes them. "raft" takes them from where torchvision keeps its downloads.
        device: on which RAFT is computed; OpenCV is always on the processor.

    Raises:
        ConfigError: if there is none of that name, or OpenCV is not installed.
        ModelAbsent: if there are no weights for RAFT.
        ModelError: if they are no weights of RAFT.
    """
    if name.lower().endswith(WEIGHTS):
        return _open_raft(device, os.path.expanduser(name))
    return pick(FLOWS, name, "optical flow")(device)


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Fetch for each pixel what `picture` shows where `flow` points: [1, C, H, W] for any C.

    Bicubic; beyond its edges a picture goes on with its outermost pixels. As cubic kernels do,
    it may leave the range of the picture a little beside sharp edges.

    Args:
        picture: [1, C, H, W], where the flow ends.
        flow: [1, 2, H, W] in pixels.
    """
    return _sample(picture, flow, "bicubic")


def occluded(forward: Tensor, backward: Tensor, *, boundaries: bool = False) -> Tensor:
    """Which pixels of a can b not show? Those that do not come back, or leave the picture.

    A pixel that goes to b and back should be where it was. It is taken for hidden if
    |w + w'|² > 0.01 (|w|² + |w'|²) + 0.5, with w its way and w' the way back from where it came
    to (Sundaram et al., 2010, "Dense point trajectories by GPU-accelerated large displacement
    optical flow"; Ruder et al., 2016, https://arxiv.org/abs/1604.08610).

    Args:
        forward: the flow from a to b, [1, 2, H, W] in pixels.
        backward: that from b to a.
        boundaries: take the edges of what moves for hidden, too, as Ruder et al. do, since
            flows are unsure there: |∇u|² + |∇v|² > 0.01 |w|² + 0.002.

    Returns:
        [1, 1, H, W]: 1 where b does not show what a does, else 0.
    """
    there_and_back = _sample(backward, forward, "bilinear")
    missed = (forward + there_and_back).square().sum(1, keepdim=True)
    length = forward.square().sum(1, keepdim=True)
    far = length + there_and_back.square().sum(1, keepdim=True)
    mask = missed > 0.01 * far + 0.5
    if boundaries:
        # Differences between neighbours on both sides, as an image's gradient usually is.
        down, right = torch.gradient(forward, dim=(2, 3))
        steep = (down.square() + right.square()).sum(1, keepdim=True)
        mask |= steep > 0.01 * length + 0.002
    height, width = forward.shape[2:]
    x, y = _places(forward)
    # Half a pixel beyond the outermost centre is still the outermost pixel.
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    return (mask | outside[:, None]).to(forward.dtype)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where a flow points to: x and y, [1, H, W] each, in pixels."""
    height, width = flow.shape[2:]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype)
    return flow[:, 0] + x, flow[:, 1] + y


def _sample(picture: Tensor, flow: Tensor, mode: str) -> Tensor:
    x, y = _places(flow)
    height, width = flow.shape[2:]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(
        picture, grid.to(picture.dtype), mode, padding_mode="border", align_corners=False
    )


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring to (height, width), bicubic; the same size: as it is."""
    if picture.shape[2:] == size:
        return picture
    return F.interpolate(picture, size, mode="bicubic", align_corners=False)


def _enlarged(way: str, a: Image, b: Image, find: Callable[[Image, Image], Tensor]) -> Tensor:
    """Find a flow between pictures enlarged as `SIDES` says, with sides that 8 divides."""
    height, width = a.shape[2:]
    if a.shape != b.shape:
        raise ValueError(f"pictures of {list(a.shape)} and {list(b.shape)}; expected one size")
    least, good = (side / min(height, width) for side in SIDES[way])
    scale = max(1.0, least, min(good, MOST))
    tall, wide = (-(-round(side * scale) // 8) * 8 for side in (height, width))
    found = find(_resized(a, (tall, wide)), _resized(b, (tall, wide)))
    factors = found.new_tensor([width / wide, height / tall])[None, :, None, None]
    if (tall, wide) != (height, width):
        found = F.interpolate(found, (height, width), mode="bilinear", antialias=True)
    return found * factors


def _nothing(a: Image, b: Image) -> Tensor:
    return a.new_zeros(1, 2, *a.shape[2:])


def _by_opencv(way: str, a: Image, b: Image) -> Tensor:
    cv2 = _opencv()

    def find(a: Image, b: Image) -> Tensor:
        first, second = (cv2.cvtColor(images.to_bytes(x), cv2.COLOR_RGB2GRAY) for x in (a, b))
        with _one_thread(cv2):
            found = WAYS[way](cv2, first, second)  # [H, W, 2]
        return torch.from_numpy(np.ascontiguousarray(found.transpose(2, 0, 1))[None])

    return _enlarged(way, a, b, find).to(a.device, a.dtype)


def _dis(cv2: Any, a: Any, b: Any) -> Any:
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(a, b, None)


def _farneback(cv2: Any, a: Any, b: Any) -> Any:
    # A neighbourhood of 7 wants a polynomial of that width, as OpenCV's manual has it; a wide
    # window, since where nothing is to be seen it says that nothing moves.
    scale, levels, window, rounds, neighbours, width = 0.5, 6, 25, 5, 7, 1.5
    how = (scale, levels, window, rounds, neighbours, width, 0)
    return cv2.calcOpticalFlowFarneback(a, b, None, *how)


WAYS: dict[str, Callable[[Any, Any, Any], Any]] = {"dis": _dis, "farneback": _farneback}


@contextmanager
def _one_thread(cv2: Any) -> Iterator[None]:
    """Several threads part a picture among them, and their number would be seen in the flow."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            "this optical flow is computed by OpenCV, which is not installed: "
            "pip install 'vqclip[video]'; or take another flow: raft or none"
        ) from error
    return cv2


def _open_opencv(way: str, device: str) -> Flow:
    _opencv()  # better now than at the second frame
    return partial(_by_opencv, way)


def _open_raft(device: str, weights: Path | str | None = None) -> Flow:
    from torchvision.models import optical_flow

    if weights is None:
        kept = Path(torch.hub.get_dir(), "checkpoints")
        weights = next((kept / name for name in PUBLISHED if (kept / name).is_file()), None)
        if weights is None:
            raise ModelAbsent(
                f"RAFT's weights are not on this machine; put torchvision's {PUBLISHED[0]} (or "
                f"{PUBLISHED[1]}) into {kept}, or name the file instead of raft, or take dis"
            )
    state = read_checkpoint(weights)
    first = state.get("feature_encoder.convnormrelu.0.weight")
    if first is None or not isinstance(first, Tensor):
        raise ModelError(
            f"{weights} holds no RAFT as torchvision publishes it; expected a file such as "
            f"{PUBLISHED[0]}"
        )
    build = optical_flow.raft_large if len(first) == 64 else optical_flow.raft_small
    with torch.random.fork_rng(devices=[]):  # numbers that the weights replace
        model = build(weights=None, progress=False)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{weights} is not the RAFT that it begins like: {error}") from error
    model.requires_grad_(False).eval().to(device)
    return partial(_by_raft, model)


def _by_raft(model: Any, a: Image, b: Image) -> Tensor:
    place = next(model.parameters()).device

    def find(a: Image, b: Image) -> Tensor:
        with torch.no_grad():
            last: Tensor = model(2 * a - 1, 2 * b - 1)[-1]  # of guesses that grow better
        return last

    first, second = (x.detach().to(place, torch.float32) for x in (a, b))
    return _enlarged("raft", first, second, find).to(a.device, a.dtype)


def _open_nothing(device: str) -> Flow:
    return _nothing


FLOWS: dict[str, Callable[[str], Flow]] = {
    "dis": partial(_open_opencv, "dis"),
    "farneback": partial(_open_opencv, "farneback"),
    "raft": _open_raft,
    "none": _open_nothing,
}
