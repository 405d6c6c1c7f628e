"""Style losses: texture and colours like those of a picture, by early layers of perceptors.

The method of Gatys, Ecker and Bethge, 2016 (https://arxiv.org/abs/1508.06576), whose network is
VGG; here it is the perceptors that a run has anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.models import model_cache
from vqclip.models.layers.early_layers import find_early_layers
from vqclip.optimisation_loop import Loss, View
from vqclip.tensors import Cutouts, Image, Scalar

SHORT_SIDE = 2  # windows of a perceptor's size along the shorter side of a picture
MOST_WINDOWS = 4  # along the longer one

Statistics = tuple[Tensor, Tensor]  # means [C] and covariances [C, C] of features


@dataclass(frozen=True, eq=False)
class StylePicture:
    """A picture whose style is wanted.

    Args:
        file: where it was read from.
        picture: [1, 3, H, W] in [0, 1].
        share: how much it counts among others; all together 1.
    """

    file: Path
    picture: Image
    share: float = 1.0


def style_loss(
    wanted: Sequence[StylePicture],
    perceptors: Sequence[OpenClipPerceptor],
    layers: Sequence[int] = (0, 1, 2, 3, 4),
) -> Loss:
    """The style loss: how far features of pixels and early layers are from a picture's.

    0 for the picture itself, and 1 to 4 for most others. Features are compared by their means and
    covariances over the whole picture: see `compare_statistics`. The mean over layers, perceptors
    and pictures.

    Args:
        wanted: the pictures of the style.
        perceptors: those whose layers are read: the convolutional ones, whose texture is finer,
            and ViTs where there are no others.
        layers: which: 0 are the colours of pixels, 1 to 4 the early layers.

    Raises:
        ConfigError: if no perceptor has such layers.
    """
    readers = [_Reader(each, layers) for each in perceptors]
    readers = [each for each in readers if each.has_layers]
    readers = [each for each in readers if each.convolutional] or readers
    if not readers:
        names = ", ".join(each.name for each in perceptors)
        raise ConfigError(
            "losses.look reads early layers of perceptors, and none of those of "
            f"losses.look_layers={' '.join(map(str, layers))} can be read of {names}; name the "
            'first ones, such as "0 1", or choose another perceptor'
        )

    def loss(view: View) -> Scalar:
        found = []
        for reader in readers:
            seen = reader.measure(view.image, view.step)
            for each in wanted:
                gaps = map(compare_statistics, seen, reader.recall(each))
                found.append(each.share * torch.stack([*gaps]).mean())
        return torch.stack(found).sum() / len(readers)

    return loss


def measure_features(features: Tensor) -> Statistics:
    """The means [C] and covariances [C, C] of features [N, C, P], over all places."""
    rows = features.transpose(0, 1).flatten(1)  # [C, N * P]
    means = rows.mean(1)
    apart = rows - means[:, None]
    return means, apart @ apart.T / rows.shape[1]


def compare_statistics(found: Statistics, wanted: Statistics) -> Scalar:
    """How far statistics are from those that are wanted.

    Features are divided by a deviation: that of the variance wanted, and of the mean variance of
    all features of the layer, added up, so that features which hardly vary do not count beyond
    all others. Then it is the mean squared difference of means, and the sum of squared
    differences of covariances as a share of the sum of squares of those wanted.
    """
    (means, spread), (own_means, own_spread) = found, wanted
    variances = own_spread.diagonal()
    scale = (variances + variances.mean() + 1e-12).rsqrt()
    off = ((means - own_means) * scale).square().mean()
    both = scale[:, None] * scale[None, :]
    wrong = ((spread - own_spread) * both).square().sum()
    return off + wrong / (own_spread * both).square().sum().clamp(min=1e-12)


def count_windows(height: int, width: int) -> tuple[int, int]:
    """How many windows a picture is high and wide: two along the shorter side."""
    least = min(height, width)
    down, across = (
        min(MOST_WINDOWS, round(SHORT_SIDE * side / least)) for side in (height, width)
    )
    return down, across


def cut_windows(picture: Image, size: int) -> Cutouts:
    """Cut a picture into windows side by side: [1, 3, D * S, A * S] → [D * A, 3, S, S]."""
    down, across = (side // size for side in picture.shape[-2:])
    rows = picture.reshape(3, down, size, across, size)
    return rows.permute(1, 3, 0, 2, 4).reshape(-1, 3, size, size)


class _Reader:
    """Reads the statistics of pictures by the layers of a perceptor."""

    def __init__(self, perceptor: OpenClipPerceptor, numbers: Sequence[int]) -> None:
        self._perceptor, self._numbers = perceptor, tuple(sorted({*numbers}))
        there = find_early_layers(perceptor.model.visual)
        self.convolutional = there.convolutional
        self._layers = [there.layers[n - 1] for n in self._numbers if 0 < n <= len(there.layers)]
        self._known: dict[Path, list[Statistics]] = {}

    @property
    def has_layers(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._layers) or 0 in self._numbers

    def measure(self, picture: Image, step: int = 0) -> list[Statistics]:
        """The statistics of a picture, by layer."""
        size = self._perceptor.size
        seen = picture.to(self._perceptor.mean)
        to = [count * size for count in count_windows(*picture.shape[-2:])]
        if seen.shape[-2:] != (to[0], to[1]):
            seen = F.interpolate(seen, to, mode="bicubic", antialias=True).clamp(0, 1)
        features = [seen.flatten(2)] if 0 in self._numbers else []
        if self._layers:
            if not self.convolutional:
                seen = cut_windows(_shift(seen, size, step), size)
            features += self._perceptor.read_early_layers(seen, self._layers)
        return [measure_features(each) for each in features]

    def recall(self, wanted: StylePicture) -> list[Statistics]:
        """The statistics of a picture of the style, which are read once."""
        if wanted.file not in self._known:
            perceptor, place = self._perceptor, str(self._perceptor.mean.device)
            key = ("style", perceptor.name, place, perceptor.dtype, self._numbers, wanted.file)
            with torch.no_grad():
                self._known[wanted.file] = model_cache.load_once(
                    key,
                    [wanted.file, self._perceptor.weights],
                    lambda: self.measure(wanted.picture),
                )
        return self._known[wanted.file]


def _shift(picture: Image, size: int, step: int) -> Image:
    """Move a picture by less than a window, what leaves it coming in again on the other side.

    By another way at each step, else ViTs' patches would be drawn as a grid; the way follows from
    the number of the step, so that runs go on as they were.
    """
    if step == 0:
        return picture
    stream = torch.Generator().manual_seed(step)
    down, across = torch.randint(size, (2,), generator=stream).tolist()
    return picture.roll((down, across), (2, 3))
