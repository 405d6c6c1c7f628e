"""Optical flow between two frames, with occlusions.

A flow from a to b is [1, 2, H, W] in pixels: what a shows at (x, y), b shows at
(x + flow[0, 0, y, x], y + flow[0, 1, y, x]). So `warp(b, flow(a, b))` looks like a. To warp the
last frame to the next one, use the flow from the next to the last.

    dis         dense inverse search: quick, and good for most films (OpenCV; Kroeger et al.,
                2016, https://arxiv.org/abs/1603.03590)
    farneback   polynomial expansion: smoother (OpenCV; Farnebäck, 2003)
    raft        a network, the most accurate, if its weights are on this machine (torchvision;
                Teed and Deng, 2020, https://arxiv.org/abs/2003.12039)
    none        no motion

OpenCV comes with the extra vqclip[video]. RAFT's weights are torchvision's files, and are never
downloaded.
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

from vqclip.config.checking.animation_checks import WEIGHTS
from vqclip.errors import ConfigError, ModelAbsent, ModelError, pick
from vqclip.media import images
from vqclip.models.grid_sampling import sample_grid
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.tensors import Image

# The least shorter side of a picture that each method can take, and the side that it works best
# from, in pixels. Smaller pictures are enlarged: to the best side by `MOST` times at most. DIS
# works at half size; on a photograph turned by 2°, enlarging reduced its error from 0.17 pixels
# to 0.07 at 64x64, and from 0.21 to 0.10 at 192x192. Farnebäck's was better without.
SIDES = {"dis": (32, 256), "farneback": (32, 32), "raft": (128, 128)}
MOST = 4
PUBLISHED = ("raft_large_C_T_SKHT_V2-ff5fadd5.pth", "raft_small_C_T_V2-01064c6d.pth")


class Flow(Protocol):
    """A method that finds the optical flow between two pictures of one size."""

    def __call__(self, a: Image, b: Image) -> Tensor:
        """Find the flow from a to b: [1, 2, H, W] in pixels, x before y, on a's device."""


def open_flow(name: str, *, device: str = "cpu") -> Flow:
    """Open an optical flow method by its name.

    Args:
        name: one of `FLOWS`, or a file of RAFT's weights, small or large, as torchvision
            publishes them. "raft" finds them where torchvision keeps its downloads.
        device: that RAFT runs on; OpenCV always runs on the processor.

    Raises:
        ConfigError: if there is no such method, or OpenCV is not installed.
        ModelAbsent: if RAFT's weights are not on this machine.
        ModelError: if the file does not hold RAFT's weights.
    """
    if name.lower().endswith(WEIGHTS):
        return _open_raft(device, os.path.expanduser(name))
    return pick(FLOWS, name, "optical flow")(device)


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Warp a picture backwards along a flow: sample it at the positions that the flow points to.

    Bicubic, so that values may leave the picture's range a little beside sharp edges. Beyond the
    border, the outermost pixels are repeated.

    Args:
        picture: [1, C, H, W], the one that the flow leads to.
        flow: [1, 2, H, W] in pixels.

    Returns:
        [1, C, H, W].
    """
    return _sample(picture, flow, "bicubic")


def occlusion_mask(forward: Tensor, backward: Tensor, *, boundaries: bool = False) -> Tensor:
    """The occlusion mask: pixels of a that b does not show, by the forward-backward check.

    Following the flow to b and back should lead to where one began. A pixel counts as occluded if
    |w + w'|² > 0.01 (|w|² + |w'|²) + 0.5, with w the forward flow and w' the backward flow at the
    point that w leads to (Sundaram et al., 2010, "Dense point trajectories by GPU-accelerated
    large displacement optical flow"; Ruder et al., 2016, https://arxiv.org/abs/1604.08610), or if
    it leaves the picture.

    Args:
        forward: the flow from a to b, [1, 2, H, W] in pixels.
        backward: the flow from b to a, the same.
        boundaries: count motion boundaries as occluded, too, as Ruder et al. do, since flows are
            unreliable there: |∇u|² + |∇v|² > 0.01 |w|² + 0.002.

    Returns:
        [1, 1, H, W]: 1 where occluded, else 0.
    """
    there_and_back = _sample(backward, forward, "bilinear")
    missed = (forward + there_and_back).square().sum(1, keepdim=True)
    length = forward.square().sum(1, keepdim=True)
    far = length + there_and_back.square().sum(1, keepdim=True)
    mask = missed > 0.01 * far + 0.5
    if boundaries:
        # Central differences, the usual gradient of an image.
        down, right = torch.gradient(forward, dim=(2, 3))
        steep = (down.square() + right.square()).sum(1, keepdim=True)
        mask |= steep > 0.01 * length + 0.002
    height, width = forward.shape[2:]
    x, y = _places(forward)
    # The outermost pixels reach half a pixel beyond their centres.
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    return (mask | outside[:, None]).to(forward.dtype)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """The positions that a flow points to: x and y, [1, H, W] each, in pixels."""
    height, width = flow.shape[2:]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype)
    return flow[:, 0] + x, flow[:, 1] + y


def _sample(picture: Tensor, flow: Tensor, mode: str) -> Tensor:
    x, y = _places(flow)
    height, width = flow.shape[2:]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return sample_grid(picture, grid.to(picture.dtype), mode, padding="border")


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize to (height, width), bicubic; a picture of that size is returned as it is."""
    if picture.shape[2:] == size:
        return picture
    return F.interpolate(picture, size, mode="bicubic", align_corners=False)


def _enlarged(method: str, a: Image, b: Image, find: Callable[[Image, Image], Tensor]) -> Tensor:
    """Find a flow between pictures enlarged by `SIDES`, to sides that are multiples of 8."""
    height, width = a.shape[2:]
    if a.shape != b.shape:
        raise ValueError(f"pictures of {list(a.shape)} and {list(b.shape)}; expected one size")
    least, good = (side / min(height, width) for side in SIDES[method])
    scale = max(1.0, least, min(good, MOST))
    tall, wide = (-(-round(side * scale) // 8) * 8 for side in (height, width))
    found = find(_resized(a, (tall, wide)), _resized(b, (tall, wide)))
    factors = found.new_tensor([width / wide, height / tall])[None, :, None, None]
    if (tall, wide) != (height, width):
        found = F.interpolate(found, (height, width), mode="bilinear", antialias=True)
    return found * factors


def _nothing(a: Image, b: Image) -> Tensor:
    return a.new_zeros(1, 2, *a.shape[2:])


def _by_opencv(method: str, a: Image, b: Image) -> Tensor:
    cv2 = _opencv()

    def find(a: Image, b: Image) -> Tensor:
        first, second = (cv2.cvtColor(images.to_bytes(x), cv2.COLOR_RGB2GRAY) for x in (a, b))
        with _one_thread(cv2):
            found = METHODS[method](cv2, first, second)  # [H, W, 2]
        return torch.from_numpy(np.ascontiguousarray(found.transpose(2, 0, 1))[None])

    return _enlarged(method, a, b, find).to(a.device, a.dtype)


def _dis(cv2: Any, a: Any, b: Any) -> Any:
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(a, b, None)


def _farneback(cv2: Any, a: Any, b: Any) -> Any:
    # By OpenCV's manual, a neighbourhood of 7 needs a polynomial of that width. The window is
    # wide, because in areas without detail a small one finds no motion.
    scale, levels, window, rounds, neighbours, width = 0.5, 6, 25, 5, 7, 1.5
    how = (scale, levels, window, rounds, neighbours, width, 0)
    return cv2.calcOpticalFlowFarneback(a, b, None, *how)


METHODS: dict[str, Callable[[Any, Any, Any], Any]] = {"dis": _dis, "farneback": _farneback}


@contextmanager
def _one_thread(cv2: Any) -> Iterator[None]:
    """Use one thread: the flow depends on how many threads share a picture."""
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
            "this optical flow is computed by OpenCV, which is not installed: pip install "
            "'vqclip[video]'; or use another flow: raft or none"
        ) from error
    return cv2


def _open_opencv(method: str, device: str) -> Flow:
    _opencv()  # fail now rather than at the second frame
    return partial(_by_opencv, method)


def _open_raft(device: str, weights: Path | str | None = None) -> Flow:
    from torchvision.models import optical_flow

    if weights is None:
        kept = Path(torch.hub.get_dir(), "checkpoints")
        weights = next((kept / name for name in PUBLISHED if (kept / name).is_file()), None)
        if weights is None:
            raise ModelAbsent(
                f"RAFT's weights are not on this machine; put torchvision's {PUBLISHED[0]} (or "
                f"{PUBLISHED[1]}) into {kept}, or write the file's path instead of raft, or use "
                "dis"
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
        raise ModelError(
            f"{weights} begins like RAFT's weights, but does not fit them: {error}"
        ) from error
    model.requires_grad_(False).eval().to(device)
    return partial(_by_raft, model)


def _by_raft(model: Any, a: Image, b: Image) -> Tensor:
    place = next(model.parameters()).device

    def find(a: Image, b: Image) -> Tensor:
        with torch.no_grad():
            last: Tensor = model(2 * a - 1, 2 * b - 1)[-1]  # the last of several refinements
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
