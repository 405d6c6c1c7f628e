"""Flows against motions that are known, and what they hide against what was drawn."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor
from torchvision.models import optical_flow

from vqclip.animation import optical_flow as animation_optical_flow
from vqclip.animation.optical_flow import FLOWS, occlusion_mask, open_flow, warp
from vqclip.errors import ConfigError, ModelAbsent, ModelError

BY_OPENCV = ("dis", "farneback")
Motion = tuple[tuple[float, float, float, float], tuple[float, float]]


def texture(x: Tensor, y: Tensor) -> Tensor:
    """A pattern that is known between pixels, too: waves of 7 to 60 pixels, [1, 3, H, W]."""
    random = np.random.default_rng(5)
    waves = torch.zeros(3, *x.shape, dtype=torch.float64)
    for _ in range(40):
        length, angle = 7 * (60 / 7) ** random.random(), 2 * math.pi * random.random()
        along = (x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / length
        waves += (along + 6 * random.random()).sin() * torch.from_numpy(random.random((3, 1, 1)))
    return (0.5 + waves / 20).clamp(0, 1)[None].float()


def moving(size: int, motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, the same after p → A p + t around its middle, and the flow: all by formula."""
    (a, b, c, d), (right, down) = motion
    middle = (size - 1) / 2
    y, x = (v.double() - middle for v in torch.meshgrid(*2 * [torch.arange(size)], indexing="ij"))
    moved_x, moved_y = a * x + b * y + right, c * x + d * y + down
    area = a * d - b * c
    back_x, back_y = x - right, y - down
    from_x, from_y = (d * back_x - b * back_y) / area, (a * back_y - c * back_x) / area
    truth = torch.stack([moved_x - x, moved_y - y])[None].float()
    return texture(x, y), texture(from_x, from_y), truth


def turned(degrees: float, zoom: float = 1) -> tuple[float, float, float, float]:
    angle = math.radians(degrees)
    return (
        *(zoom * math.cos(angle), -zoom * math.sin(angle)),
        *(zoom * math.sin(angle), zoom * math.cos(angle)),
    )


MOTIONS: dict[str, Motion] = {
    "still": (turned(0), (0, 0)),
    "pan": (turned(0), (2.3, -1.6)),
    "roll": (turned(2), (0, 0)),
    "zoom": (turned(0, 1.03), (0, 0)),
}


@pytest.mark.parametrize("size", [32, 64, 200])
@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("name", BY_OPENCV)
def test_motions_are_found(name: str, motion: str, size: int) -> None:
    a, b, truth = moving(size, MOTIONS[motion])
    found = open_flow(name)(a, b)
    assert found.shape == (1, 2, size, size) and found.dtype == torch.float32
    margin = size // 8 + 3
    miss = (found - truth).square().sum(1).sqrt()[0, margin:-margin, margin:-margin]
    assert miss.mean() < 0.5
    if name == "dis":
        assert miss.mean() < 0.2
        # What is fetched from b along the flow is what a shows.
        fetched = (warp(b, found) - a).abs()[..., margin:-margin, margin:-margin]
        assert fetched.mean() < 0.25 * (b - a).abs().mean() + 0.005


@pytest.mark.parametrize("name", [*BY_OPENCV, "none"])
def test_what_is_the_same_does_not_move(name: str) -> None:
    a, _, _ = moving(48, MOTIONS["still"])
    assert open_flow(name)(a, a).abs().max() < 0.05
    assert open_flow("none")(a, 1 - a).eq(0).all()


@pytest.mark.parametrize("name", BY_OPENCV)
@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (33, 47), (2, 9)])
def test_any_shape_and_any_contents_will_do(name: str, shape: tuple[int, int]) -> None:
    found = open_flow(name)(torch.rand(1, 3, *shape), torch.full((1, 3, *shape), math.nan))
    assert found.shape == (1, 2, *shape) and found.isfinite().all()


@pytest.mark.parametrize("name", BY_OPENCV)
def test_bits_do_not_depend_on_threads(name: str) -> None:
    a, b, _ = moving(200, MOTIONS["roll"])
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(open_flow(name)(a, b))
            assert cv2.getNumThreads() == threads, "what others set is left as it was"
    finally:
        cv2.setNumThreads(before)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_pictures_of_two_sizes_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="expected one size"):
        open_flow("dis")(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 33))


def test_warp_fetches_as_scipy_does() -> None:
    """Between pixels by another cubic kernel, so nearly; at whole pixels, exactly."""
    a, _, _ = moving(40, MOTIONS["still"])
    whole = torch.tensor([3.0, -2.0])[None, :, None, None].expand(1, 2, 40, 40)
    wanted = a[..., torch.arange(-2, 38).clamp(0, 39), :][..., torch.arange(3, 43).clamp(0, 39)]
    assert (warp(a, whole) - wanted).abs().max() < 1e-4
    _, _, truth = moving(40, (turned(11, 0.8), (1.7, 0.4)))
    y, x = np.mgrid[:40, :40]
    places = np.stack([y + truth[0, 1].numpy(), x + truth[0, 0].numpy()])
    wanted = torch.from_numpy(ndimage.map_coordinates(a[0, 1].numpy(), places, order=3))
    inside = torch.from_numpy((places > 1).all(0) & (places < 38).all(0))
    assert (warp(a, truth)[0, 1] - wanted).abs()[inside].max() < 0.03
    latent = torch.randn(1, 7, 40, 40).double()
    assert torch.allclose(warp(latent, truth.double() * 0), latent, atol=1e-9)
    assert warp(torch.ones(1, 1, 40, 40), truth).sub(1).abs().max() < 1e-5


def square(left: int, top: int, shift: int = 0) -> Tensor:
    """A square of 24 pixels of another texture on a still ground of 96."""
    y, x = (v.double() for v in torch.meshgrid(*2 * [torch.arange(96)], indexing="ij"))
    picture = texture(x, y)
    patch = texture(x[:24, :24] + 500, y[:24, :24] + 900)
    picture[..., top : top + 24, left : left + 24] = patch
    return picture


def test_what_a_square_comes_to_cover_is_hidden() -> None:
    a, b = square(30, 36), square(38, 36)
    find = open_flow("dis")
    forward, backward = find(a, b), find(b, a)
    mask = occlusion_mask(forward, backward)[0, 0].bool()
    covered = torch.zeros(96, 96, dtype=torch.bool)
    covered[36:60, 54:62] = True  # ground in a, beneath the square in b
    away = F.max_pool2d(covered[None, None].float(), 9, 1, 4)[0, 0] == 0
    assert mask[covered].float().mean() > 0.7
    assert mask[away].float().mean() < 0.05
    uncovered = torch.zeros(96, 96, dtype=torch.bool)
    uncovered[36:60, 30:38] = True  # seen from b
    assert occlusion_mask(backward, forward)[0, 0].bool()[uncovered].float().mean() > 0.7
    more = occlusion_mask(forward, backward, boundaries=True)[0, 0].bool()
    assert bool((more | ~mask).all()) and more.sum() > mask.sum()


def test_hidden_is_what_the_formulas_say() -> None:
    """Sundaram et al. and Ruder et al., written again pixel by pixel."""
    random = torch.Generator().manual_seed(3)
    coarse = torch.randn(2, 2, 4, 4, generator=random)
    forward, noise = F.interpolate(coarse, (20, 24), mode="bicubic").mul(1.5).split(1)
    backward = -forward + 0.5 * noise
    wanted = {False: torch.zeros(20, 24), True: torch.zeros(20, 24)}
    u, v = forward[0].numpy()
    steep = sum(np.square(each) for w in (u, v) for each in np.gradient(w))
    for y in range(20):
        for x in range(24):
            there = [y + v[y, x], x + u[y, x]]
            back = [
                ndimage.map_coordinates(w, np.array([there]).T, order=1, mode="nearest")[0]
                for w in backward[0].numpy()
            ]
            length, far = u[y, x] ** 2 + v[y, x] ** 2, back[0] ** 2 + back[1] ** 2
            missed = (u[y, x] + back[0]) ** 2 + (v[y, x] + back[1]) ** 2
            hidden = missed > 0.01 * (length + far) + 0.5
            hidden |= not (-0.5 <= there[0] <= 19.5 and -0.5 <= there[1] <= 23.5)
            wanted[False][y, x] = float(hidden)
            wanted[True][y, x] = float(hidden or steep[y, x] > 0.01 * length + 0.002)
    for boundaries, mask in wanted.items():
        assert 0.05 < mask.mean() < 1
        assert torch.equal(occlusion_mask(forward, backward, boundaries=boundaries)[0, 0], mask)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAFT as torchvision publishes it, small, with random weights."""
    path = tmp_path_factory.mktemp("raft") / animation_optical_flow.PUBLISHED[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(optical_flow.raft_small(weights=None).state_dict(), path)
    return path


def test_raft_is_torchvisions(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = optical_flow.raft_small(weights=None).eval()
    model.load_state_dict(torch.load(small, weights_only=True))
    a, b, _ = moving(136, MOTIONS["pan"])
    state = torch.get_rng_state()
    found = open_flow(str(small))(a, b)
    assert torch.equal(torch.get_rng_state(), state), "a run's numbers are its own"
    with torch.no_grad():
        assert torch.allclose(found, model(2 * a - 1, 2 * b - 1)[-1], atol=1e-4)
    # Smaller ones are enlarged; what is found is in their own pixels.
    few = open_flow(str(small))(a[..., :40, :61], b[..., :40, :61])
    assert few.shape == (1, 2, 40, 61) and few.isfinite().all() and not few.requires_grad
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(small.parent.parent / "hub"))
    with pytest.raises(ModelAbsent, match=r"put torchvision's raft_large_C_T_SKHT_V2.*\.pth"):
        open_flow("raft")
    kept = small.parent.parent / "hub" / "checkpoints"
    kept.mkdir(parents=True)
    (kept / small.name).write_bytes(small.read_bytes())
    assert torch.equal(open_flow("raft")(a, b), found)


def test_the_large_raft_is_known_by_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "any.pth"
    torch.save(optical_flow.raft_large(weights=None).state_dict(), path)
    found = open_flow(str(path))
    assert sum(p.numel() for p in found.args[0].parameters()) > 5e6  # type: ignore[attr-defined]


def test_what_is_no_raft_is_refused(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"a\.pth holds no RAFT as torchvision publishes it"):
        open_flow(str(path))
    state = torch.load(small, weights_only=True)
    torch.save(dict(list(state.items())[:9]), path)
    with pytest.raises(ModelError, match=r"a\.pth begins like RAFT's weights, but"):
        open_flow(str(path))
    with pytest.raises(ModelError, match="there is no checkpoint"):
        open_flow("gone.pth")


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    for name in BY_OPENCV:
        with pytest.raises(ConfigError, match=r"pip install 'vqclip\[video\]'"):
            open_flow(name)
    assert open_flow("none")(torch.rand(1, 3, 2, 2), torch.rand(1, 3, 2, 2)).eq(0).all()


def test_a_flow_that_there_is_not_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"no optical flow is called 'diss'; did you mean 'dis'"
    ):
        open_flow("diss")
    assert set(FLOWS) == {"dis", "farneback", "raft", "none"}
