"""The rasteriser: Bézier strokes as pixels, differentiable in points, widths and colours.

What Li et al. do (diffvg, 2020, https://doi.org/10.1145/3414685.3417871), in PyTorch alone. A
plan, made without gradient, says which pixels are inside a stroke, and which are at its edge and
to which place of which curve they are nearest. With gradient, then, the distance of those at the
edge is taken to that place, which moves with the curve's points; where on the curve the nearest
place is does not matter to first order, as there the distance is least.

Differs: edges are softened over the distance to the curve, not by samples within the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vqclip.drawers.vector.flattening import bernstein_weights, refine_nearest
from vqclip.drawers.vector.tiling import Grid, Pairs, pair_strokes

SOFT = 1.0  # width of the soft edge, in pixels: as sharp as pixels can show
TOLERANCE = 0.1  # of the flattened curves, in pixels; tells where two parts of a stroke are near
MOST_OPAQUE = 1 - 1e-6  # what is below a stroke never vanishes, so that its logarithm is finite
TILES_AT_ONCE = 256


@dataclass(frozen=True)
class Plan:
    """What there is to be drawn where; good as long as no point and no width changes.

    Attributes:
        grid: the tiles.
        pairs: the strokes over them.
        weights: [E, 4], of the nearest curve's points, at the place nearest to each edge pixel.
    """

    grid: Grid
    pairs: Pairs
    weights: Tensor


@torch.no_grad()
def plan_strokes(
    cubics: Tensor, owner: Tensor, radii: Tensor, width: int, height: int, tile: int = 8
) -> Plan:
    """Plan how strokes are drawn.

    Args:
        cubics: [C, 4, 2], x and y of the points of each curve, in pixels.
        owner: [C], the stroke of each curve.
        radii: [N], half the strokes' widths, in pixels.
        width, height: of the picture, in pixels.
        tile: the side of a tile, in pixels; what is drawn does not depend on it.
    """
    grid = Grid(width, height, tile)
    pairs = pair_strokes(cubics, owner, radii, grid, SOFT, TOLERANCE)
    nearest = refine_nearest(cubics[pairs.edge_cubic], pairs.edge_place, pairs.edge_t)
    return Plan(grid, pairs, bernstein_weights(nearest))


def paint_strokes(
    plan: Plan, cubics: Tensor, radii: Tensor, colours: Tensor
) -> tuple[Tensor, Tensor]:
    """Paint strokes, the first at the bottom, differentiably.

    Args:
        plan: that of the same curves and widths.
        cubics: [C, 4, 2], in pixels.
        radii: [N], half the widths, in pixels.
        colours: [N, 4], red, green, blue and alpha in [0, 1].

    Returns:
        Colours times opacity, [1, 3, H, W], and opacity, [1, 1, H, W], both in [0, 1].
    """
    pairs, grid = plan.pairs, plan.grid
    opacity = _coverage(plan, cubics, radii) * colours[pairs.stroke, 3:] * MOST_OPAQUE
    # The last rows are for what is not there.
    opacity = torch.cat([opacity, opacity.new_zeros(1, opacity.shape[1])])
    colour = torch.cat([colours[pairs.stroke, :3], colours.new_zeros(1, 3)])
    tiles = grid.rows * grid.columns
    number = torch.bincount(pairs.tile, minlength=tiles)
    first = number.cumsum(0) - number
    order = number.argsort(descending=True, stable=True)  # tiles of like numbers together
    painted, clear = [], []
    for some in order.split(TILES_AT_ONCE):
        rank = torch.arange(int(number[some[0]]), device=some.device)
        there = rank < number[some, None]
        index = torch.where(there, first[some, None] + rank, len(pairs.stroke))  # [G, M]
        layers = opacity[index]  # [G, M, side²], from the uppermost
        logs = torch.log1p(-layers)
        total = logs.cumsum(1)
        weights = layers * (total - logs).exp()
        painted.append(torch.einsum("gmk,gmc->gck", weights, colour[index]))
        clear.append(logs.sum(1, keepdim=True).exp())
    both = torch.cat([torch.cat(painted), torch.cat(clear)], 1)[order.argsort()]
    both = both.view(grid.rows, grid.columns, 4, grid.side, grid.side)
    both = both.permute(2, 0, 3, 1, 4).reshape(1, 4, grid.rows * grid.side, -1)
    both = both[..., : grid.height, : grid.width]
    return both[:, :3], 1 - both[:, 3:]


def _coverage(plan: Plan, cubics: Tensor, radii: Tensor) -> Tensor:
    """How much of each pixel each stroke of its tile covers: [M, side²] in [0, 1]."""
    pairs, area = plan.pairs, plan.grid.side**2
    places = (plan.weights[..., None] * cubics[pairs.edge_cubic]).sum(1)
    distance = ((places - pairs.edge_place).square().sum(-1) + 1e-8).sqrt()
    radius = radii[pairs.stroke[pairs.edge_pixel.div(area, rounding_mode="floor")]]
    # A stroke that is thinner than the soft edge has two edges within the pixel.
    covered = _ramp(radius - distance) - _ramp(-radius - distance)
    flat = pairs.inside.to(radii.dtype).flatten()
    return flat.index_copy(0, pairs.edge_pixel, covered).view(-1, area)


def _ramp(depth: Tensor) -> Tensor:
    """How far a place is within an edge, from its depth in pixels: in [0, 1]."""
    return (depth / SOFT + 0.5).clamp(0, 1)
