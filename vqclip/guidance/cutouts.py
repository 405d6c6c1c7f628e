"""Cutouts: random crops of the picture, augmented and resized.

A cutter is `Image -> Cut`: random squares of the picture, each at its own place, size and angle,
so that a texture that fits the prompt at one scale only does not win. Crowson et al., 2022
(https://arxiv.org/abs/2204.08583).

Crop, flip, affine and perspective of a square are one homography, a 3x3 matrix. All squares are
sampled by one `grid_sample` per scale, and the matrices are kept, so that another picture can be
cut in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import kornia.augmentation as augment
import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance.cutout_recipes import CutoutRecipe, Edges, Pooling
from vqclip.models.device import upload_tensor
from vqclip.models.grid_sampling import halve, sample_grid
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Cutouts, Image

_PADDING = {"clamp": "border", "smear": "border", "mirror": "reflection", "black": "zeros"}
_NORMAL = (0.8, 0.3)  # mean and deviation of pytti's side lengths
_ERASED = (0.1, 0.4)  # share of a square that erasing takes: nerdyrodent
_HORIZON = 0.05  # beyond a strong perspective's horizon, points would come back mirrored
_EARLY = 0.3  # the halved picture is sampled from so many octaves before the exact power of two


@dataclass(frozen=True, eq=False)
class Transform:
    """The geometry and colour changes of one set of cutouts, to apply to any picture.

    Args:
        size: side of the squares, in pixels.
        homographies: [N, 3, 3] float32 on the CPU: from a position in the square to that in the
            picture, both from -1 (the outer edge of the first pixel) to 1, x before y.
        edges: what lies outside the picture; see `CutoutRecipe`.
        pooling: how samples become pixels; see `CutoutRecipe`.
        colours: jitter, grey and erasing, each with the parameters that were drawn for it.
        repeat: how the picture repeats; where it does, what lies outside is the opposite side.
    """

    size: int
    homographies: Tensor
    edges: Edges
    pooling: Pooling
    colours: tuple[tuple[augment.AugmentationBase2D, dict[str, Tensor]], ...]
    repeat: Repeat = ONCE

    def __call__(self, picture: Image) -> Cutouts:
        """Cut a picture of any size, differentiably; draws no random numbers.

        Args:
            picture: [1, 3, H, W] in [0, 1]. Positions are fractions of its sides.

        Returns:
            [N, 3, size, size] in [0, 1].

        Raises:
            ValueError: if `picture` is not [1, 3, H, W].
        """
        if picture.dim() != 4 or picture.shape[:2] != (1, 3):
            raise ValueError(f"a picture is [1, 3, H, W], not {list(picture.shape)}")
        pixels = self._warp(picture)
        if self.pooling != "bilinear":
            mean = F.avg_pool2d(pixels, 2)
            both = self.pooling == "average+max"
            pixels = (mean + F.max_pool2d(pixels, 2)) / 2 if both else mean
        for augmentation, params in self.colours:
            pixels = augmentation(pixels, params=params)
        return pixels

    def _warp(self, picture: Image) -> Cutouts:
        """Sample all squares, each from the picture halved as often as its scale asks for."""
        side = self.size * (1 if self.pooling == "bilinear" else 2)
        height, width = picture.shape[-2:]
        h = self.homographies
        # Area of the picture, in its pixels, under the square's middle pixel.
        area = (torch.linalg.det(h) / h[:, 2, 2] ** 3).abs() * (width * height / side**2)
        levels = (area.log2() / 2 + _EARLY).floor().clamp(min=0).int().tolist()
        pieces: list[Tensor] = []
        order: list[int] = []
        source = picture if picture.dtype == torch.float64 else picture.float()
        for level in range(max(levels) + 1):
            if level > 0:  # halving first is the low-pass filter that a plain warp lacks
                source = halve(source)
            chosen = [index for index, wanted in enumerate(levels) if wanted == level]
            if chosen:
                pieces.append(self._sample(source, h[chosen], side))
                order.extend(chosen)
        if len(pieces) == 1:
            return pieces[0]
        back = upload_tensor(torch.tensor(order).argsort(), picture.device)
        return torch.cat(pieces).index_select(0, back)

    def _sample(self, source: Image, homographies: Tensor, side: int) -> Cutouts:
        """Sample squares of `side` pixels from the picture at one level of halving."""
        middles = (
            torch.arange(side, device=source.device, dtype=source.dtype) * 2 + 1
        ) / side - 1
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        placed = upload_tensor(homographies.to(source.dtype), source.device)
        h = placed[..., None, None]  # [N, 3, 3, 1, 1]
        across, down, depth = (h[:, i, 0] * x + h[:, i, 1] * y + h[:, i, 2] for i in range(3))
        grid = torch.stack([across, down], -1) / depth.clamp(min=_HORIZON)[..., None]
        if self.repeat.is_on:
            source, grid = _wrap(source, grid, self.repeat)
        elif self.edges == "wrap":  # the half pixel at the seam is not blended
            grid = (grid + 1).remainder(2) - 1
        padding = _PADDING.get(self.edges, "border")
        return sample_grid(source, grid, padding=padding)


def _wrap(source: Image, grid: Tensor, repeat: Repeat) -> tuple[Image, Tensor]:
    """Bring positions into a picture that repeats, with a margin for those at its seams.

    Args:
        source: the picture, [1, 3, H, W].
        grid: positions from -1 to 1, [..., 2], x before y.

    Returns:
        The picture with a pixel more around it where it repeats, and the positions in it.
    """
    places, whole = list(grid.unbind(-1)), repeat.as_grid(source)
    if repeat.shifted:  # the picture is the upper half
        places[1] = (places[1] - 1) / 2
    sides = (whole.shape[-1], whole.shape[-2])
    for axis, repeats in enumerate((repeat.across, repeat.down)):
        if repeats:
            inside = (places[axis] + 1).remainder(2) - 1
            places[axis] = inside * (sides[axis] / (sides[axis] + 2))
    plain = Repeat(repeat.across, repeat.down)
    return plain.pad(whole, plain.margins(1)), torch.stack(places, -1)


@dataclass(frozen=True, eq=False)
class Cut:
    """Random squares of one picture, with the transform that made them.

    Args:
        pixels: [N, 3, S, S], in [0, 1] before noise.
    """

    pixels: Cutouts
    transform: Transform

    def cut_again(self, picture: Image) -> Cutouts:
        """Cut another picture, of any size, at the same places and angles, in the same colours.

        Returns:
            [N, 3, S, S] in [0, 1], without noise: noise blurs how the picture in the making is
            judged, while a target picture is better seen clearly.
        """
        return self.transform(picture)


class Cutter:
    """A cutter: makes random squares of a picture, for perceptors, which take small squares.

    Hashed by identity: perceptors that share a cutter see the same squares.

    Differs: crop, flip, affine and perspective are one resampling, so that squares are sharper
    than after four in a row; low-pass filtering is halving the picture, then bilinear; and
    "average+max" pools 2x2 samples of each pixel, not all the pixels under it.

    Args:
        size: side of the squares, in pixels.
        count: squares per call; the greatest number, where `counts` changes it. Memory and time
            grow in proportion.
        recipe: how to cut; see `RECIPES`.
        seed: start of the cutter's own random stream, from 0 to 2**63 - 1.
        counts: step → squares, from 1 to `count`; None for `count` at every step.
        noises: step → noise; None for the recipe's own at every step.
        repeat: how the picture repeats; where it does, no place in it is preferred, and squares
            lie anywhere, over its seams, too.

    Raises:
        ConfigError: if `size` or `count` is below 1, or `seed` is negative.
    """

    def __init__(
        self,
        size: int,
        *,
        count: int = 32,
        recipe: CutoutRecipe | None = None,
        seed: int = 0,
        counts: Callable[[int], int] | None = None,
        noises: Callable[[int], float] | None = None,
        repeat: Repeat = ONCE,
    ) -> None:
        for name, value, least in (("size", size, 1), ("count", count, 1), ("seed", seed, 0)):
            if value < least:
                raise ConfigError(f"cutouts: {name} is {value}; it must be {least} or more")
        self.size = size
        self.count = count
        self.recipe = CutoutRecipe() if recipe is None else recipe
        self._counts, self._noises, self._repeat = counts, noises, repeat
        self._stream = torch.Generator().manual_seed(seed)
        self._warps = _warps(self.recipe)
        self._colours = _colours(self.recipe)

    def __call__(self, image: Image, step: int = 0) -> Cut:
        """Cut a picture, differentiably, with the count and noise of a step.

        Draws from the cutter's own random stream only; the global one is left as it was. Equal
        states give equal cutouts.

        Args:
            image: [1, 3, H, W] in [0, 1].

        Returns:
            A Cut; its pixels are [count, 3, size, size], in [0, 1] before noise, so up to about
            3 * noise outside it.

        Raises:
            ValueError: if `image` is not [1, 3, H, W].
        """
        count = self.count if self._counts is None else self._counts(step)
        noise = self.recipe.noise if self._noises is None else self._noises(step)
        transform = self._draw(count, *image.shape[-2:])
        pixels = transform(image)
        return Cut(pixels + self._noise(pixels, noise) if noise > 0 else pixels, transform)

    def state(self) -> Tensor:
        """Return the state of the random stream, as bytes for a checkpoint."""
        return self._stream.get_state()

    def restore(self, state: Tensor) -> None:
        """Set the random stream to a state that `state` returned."""
        self._stream.set_state(state.cpu())

    def _draw(self, count: int, height: int, width: int) -> Transform:
        """Draw the geometry and the colours of one set of cutouts."""
        shape = (count, 3, self.size, self.size)
        boxes = self._boxes(count, height, width)
        with _swapped(self._stream):
            warps = [(warp, warp.forward_parameters(shape)) for warp in self._warps]
            colours = [(colour, colour.forward_parameters(shape)) for colour in self._colours]
        moves = torch.eye(3).repeat(count, 1, 1)
        for warp, params in warps:
            move = warp.compute_transformation(torch.empty(count, 1, 1, 1), params, warp.flags)
            applies = params["batch_prob"].view(-1, 1, 1) > 0.5
            moves = torch.where(applies, move @ moves, moves)
        # Kornia's matrices map the picture to the square, in pixels from the first one's middle;
        # sampling needs the inverse, in positions from -1 to 1.
        half = self.size / 2
        pixel = torch.tensor([[half, 0, half - 0.5], [0, half, half - 0.5], [0, 0, 1]])
        back = boxes @ pixel.inverse() @ moves.inverse() @ pixel
        back = back / back[:, 2:, 2:]
        recipe = self.recipe
        how = (recipe.edges, recipe.pooling, tuple(colours), self._repeat)
        return Transform(self.size, back, *how)

    def _boxes(self, count: int, height: int, width: int) -> Tensor:
        """Draw the boxes of the cutouts: [N, 3, 3], from the square to the picture."""
        recipe, stream = self.recipe, self._stream
        whole = round(recipe.overview * count)
        picture = torch.tensor([float(width), float(height)])
        crops = count - whole
        sides = self._sides(crops, float(picture.min()))
        low, high = torch.tensor(recipe.ratio).log().tolist()
        ratio = (low + (high - low) * torch.rand(crops, generator=stream)).exp().sqrt()
        extent = torch.stack([sides * ratio, sides / ratio], -1)  # [N, 2] pixels, x before y
        if recipe.most <= 1:  # the ratio alone must not make a cutout larger than the picture
            extent = torch.minimum(extent, picture)
        slack = (picture - extent).clamp(min=0)  # a cutout larger than the picture is centred
        reach = slack + 2 * recipe.border * extent
        offset = (torch.rand(crops, 2, generator=stream) - 0.5) * reach  # of the middles
        if recipe.edges == "clamp":
            offset = torch.minimum(torch.maximum(offset, -slack / 2), slack / 2)
        fits = {"squash": picture, "pad": picture.max(), "fill": picture.min()}
        extent = torch.cat([fits[recipe.fit].expand(whole, 2), extent]) / picture
        offset = torch.cat([torch.zeros(whole, 2), offset])
        if self._repeat.is_on:
            anywhere = (torch.rand(count, 2, generator=stream) - 0.5) * picture
            repeats = torch.tensor([self._repeat.across, self._repeat.down])
            offset = torch.where(repeats, anywhere, offset)
        offset = offset / picture * 2
        boxes = torch.diag_embed(torch.cat([extent, torch.ones(count, 1)], -1))
        boxes[:, :2, 2] = offset
        return boxes

    def _sides(self, crops: int, shorter: float) -> Tensor:
        """Draw the sides of the cutouts, in pixels of the picture."""
        recipe, stream = self.recipe, self._stream
        most = recipe.most
        least = min(self.size / shorter, most) if recipe.least is None else recipe.least
        if recipe.law == "normal":
            mean, deviation = _NORMAL
            v = torch.randn(crops, generator=stream) * deviation + mean
            return most * v.clamp(least / most, 1) ** recipe.power * shorter
        sides = least + torch.rand(crops, generator=stream) ** recipe.power * (most - least)
        return (sides.sqrt() if recipe.law == "area" else sides) * shorter

    def _noise(self, pixels: Cutouts, most: float) -> Tensor:
        """Draw noise on the pixels' device, seeded from the stream, so that one state is kept."""
        seed = int(torch.randint(2**62, (), generator=self._stream))
        there = torch.Generator(pixels.device).manual_seed(seed)
        like: dict[str, Any] = {
            "device": pixels.device,
            "dtype": pixels.dtype,
            "generator": there,
        }
        deviation = torch.rand(len(pixels), 1, 1, 1, **like) * most
        return deviation * torch.randn(pixels.shape, **like)


def _warps(recipe: CutoutRecipe) -> list[Any]:
    """The kornia augmentations that move pixels; only their matrices are used."""
    warps: list[Any] = []
    if recipe.flip > 0:
        warps.append(augment.RandomHorizontalFlip(p=recipe.flip))
    if recipe.affine > 0 and max(recipe.degrees, recipe.translate, recipe.shear) > 0:
        shear = None if recipe.shear == 0 else (-recipe.shear, recipe.shear)
        shift = None if recipe.translate == 0 else (recipe.translate, recipe.translate)
        warps.append(
            augment.RandomAffine(recipe.degrees, translate=shift, shear=shear, p=recipe.affine)
        )
    if recipe.tilt > 0 and recipe.perspective > 0:
        warps.append(augment.RandomPerspective(recipe.perspective, p=recipe.tilt))
    return warps


def _colours(recipe: CutoutRecipe) -> list[Any]:
    """The kornia augmentations that change colours, in the order in which they are applied."""
    ranges = (recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    colours: list[Any] = []
    if recipe.jitter > 0 and max(ranges) > 0:
        colours.append(augment.ColorJitter(*ranges, p=recipe.jitter))
    if recipe.grey > 0:
        colours.append(augment.RandomGrayscale(p=recipe.grey))
    if recipe.erase > 0:
        alike = recipe.erase_alike
        colours.append(augment.RandomErasing(_ERASED, p=recipe.erase, same_on_batch=alike))
    return colours


@contextmanager
def _swapped(stream: torch.Generator) -> Iterator[None]:
    """Let kornia, which takes no generator, draw from `stream` instead of the global state."""
    outside = torch.get_rng_state()
    torch.set_rng_state(stream.get_state())
    try:
        yield
    finally:
        stream.set_state(torch.get_rng_state())
        torch.set_rng_state(outside)
