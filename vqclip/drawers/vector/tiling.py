"""Tiling: which strokes meet which tiles of the picture, and which pixels are at their edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vqclip.drawers.vector.flattening import Pieces, flatten_cubics, project_to_pieces

PAIRS_AT_ONCE = 4096  # of strokes and tiles; bounds the memory, and stays in the cache


@dataclass(frozen=True)
class Grid:
    """Square tiles over a picture; those on the right and at the bottom may reach beyond it.

    Args:
        width, height: of the picture, in pixels.
        side: of a tile, in pixels.
    """

    width: int
    height: int
    side: int

    @property
    def columns(self) -> int:
        return -(-self.width // self.side)

    @property
    def rows(self) -> int:
        return -(-self.height // self.side)

    @property
    def radius(self) -> float:
        """From a tile's middle to the middle of its farthest pixel."""
        return (self.side - 1) / 2 * 2**0.5


@dataclass(frozen=True)
class Pairs:
    """Pairs of a stroke and a tile that it meets, by tile, and in a tile the upper stroke first.

    A pixel's flat index is its pair's times the pixels of a tile, and its own in the tile.

    Attributes:
        stroke, tile: [M].
        inside: [M, side²], whether the stroke covers the pixel entirely.
        edge_pixel: [E], flat indices of the pixels at the edge of the pair's stroke; ascending.
        edge_cubic: [E], the curve that is nearest to each.
        edge_t: [E], the curve's parameter there, as far as the pieces tell.
        edge_place: [E, 2], the pixels' middles.
    """

    stroke: Tensor
    tile: Tensor
    inside: Tensor
    edge_pixel: Tensor
    edge_cubic: Tensor
    edge_t: Tensor
    edge_place: Tensor


@dataclass(frozen=True)
class _Meetings:
    """Pieces and the tiles within their reach, by pair; a pair's first one is the nearest's.

    Attributes:
        piece, pair: [Q].
        gap: [Q], from the piece to the tile's middle, in pixels.
    """

    piece: Tensor
    pair: Tensor
    gap: Tensor


def pair_strokes(
    cubics: Tensor, owner: Tensor, radii: Tensor, grid: Grid, soft: float, tolerance: float
) -> Pairs:
    """Find the tiles that strokes meet, and the pixels at the strokes' edges.

    Args:
        cubics: [C, 4, 2], in pixels.
        owner: [C], the stroke of each curve.
        radii: [N], half the strokes' widths, in pixels.
        soft: the width of the soft edge, in pixels.
        tolerance: how far the pieces may be from the curves, in pixels.
    """
    pieces = flatten_cubics(cubics, tolerance)
    stroke = owner[pieces.cubic]
    margin = soft / 2 + tolerance
    reach = radii[stroke] + margin + grid.radius
    piece, tile = _near_tiles(pieces, reach, grid)
    middles = _tile_corners(tile, grid).to(cubics.dtype) + grid.side / 2
    gap = _distance(middles, pieces, piece)
    near = gap <= reach[piece]
    piece, tile, gap = piece[near], tile[near], gap[near]

    strokes = len(radii)
    key, order = (tile * strokes + (strokes - 1 - stroke[piece])).sort(stable=True)
    keys, pair = torch.unique_consecutive(key, return_inverse=True)
    meetings = _Meetings(piece[order], pair, gap[order])
    pair_tile = keys.div(strokes, rounding_mode="floor")
    pair_stroke = strokes - 1 - keys % strokes

    nearest = radii.new_full((len(keys),), torch.inf)
    nearest = nearest.scatter_reduce(0, pair, meetings.gap, "amin")
    whole = nearest + grid.radius + margin < radii[pair_stroke]
    inside = whole[:, None].repeat(1, grid.side**2)
    wanted = ~whole[pair] & (meetings.gap <= nearest[pair] + 2 * grid.radius)
    meetings = _Meetings(meetings.piece[wanted], pair[wanted], meetings.gap[wanted])
    edges = _classify_pixels(
        pieces, meetings, radii[pair_stroke], _tile_corners(pair_tile, grid), inside, margin, grid
    )
    pixel, piece, places = edges
    share = project_to_pieces(places, pieces.start[piece], pieces.edge[piece])
    t = pieces.begin[piece].lerp(pieces.end[piece], share)
    return Pairs(pair_stroke, pair_tile, inside, pixel, pieces.cubic[piece], t, places)


def _near_tiles(pieces: Pieces, reach: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Pieces and tiles whose middles lie in a piece's bounding box, widened by its reach."""
    ends = torch.stack([pieces.start, pieces.start + pieces.edge])
    low = ((ends.amin(0) - reach[:, None]) / grid.side - 0.5).ceil()
    high = ((ends.amax(0) + reach[:, None]) / grid.side - 0.5).floor()
    last = low.new_tensor([grid.columns - 1, grid.rows - 1])
    low, high = low.clamp(min=0).minimum(last + 1).long(), high.clamp(min=-1).minimum(last).long()
    spans = (high - low + 1).clamp(min=0)  # [Q, 2]
    number = spans.prod(1)
    piece = torch.arange(len(number), device=number.device).repeat_interleave(number)
    place = torch.arange(len(piece), device=number.device) - (number.cumsum(0) - number)[piece]
    across = spans[piece, 0]
    row = low[piece, 1] + place.div(across, rounding_mode="floor")
    return piece, row * grid.columns + low[piece, 0] + place % across


def _tile_corners(tile: Tensor, grid: Grid) -> Tensor:
    """The upper left corners of tiles, in pixels: [M, 2]."""
    row = tile.div(grid.columns, rounding_mode="floor")
    return torch.stack([tile % grid.columns, row], -1) * grid.side


def _distance(places: Tensor, pieces: Pieces, piece: Tensor) -> Tensor:
    """From places [M, 2] to a piece each, in pixels: [M]."""
    start, edge = pieces.start[piece], pieces.edge[piece]
    share = project_to_pieces(places, start, edge)
    return (places - start - share[:, None] * edge).norm(dim=-1)


def _classify_pixels(
    pieces: Pieces,
    meetings: _Meetings,
    radii: Tensor,
    corners: Tensor,
    inside: Tensor,
    margin: float,
    grid: Grid,
) -> tuple[Tensor, Tensor, Tensor]:
    """Mark the pixels within strokes, in place, and find those at their edges.

    Args:
        radii, corners: [M] and [M, 2], the stroke's and the tile's of each pair.
        inside: [M, side²], filled where a pair has pieces.
        margin: how far from the outline a pixel is at the edge, in pixels.

    Returns:
        The flat index, nearest piece and middle of each pixel at an edge.
    """
    area = grid.side**2
    number = torch.bincount(meetings.pair, minlength=len(radii))
    first = number.cumsum(0) - number
    step = torch.arange(grid.side, device=radii.device) + 0.5
    found_pixels, found_pieces = [], []
    order = number.argsort(descending=True, stable=True)[: int((number > 0).sum())]
    for pairs in order.split(PAIRS_AT_ONCE) if len(order) else ():
        most = int(number[pairs[0]])
        active = (number[pairs, None] > torch.arange(most, device=pairs.device)).sum(0).tolist()
        best = radii.new_full((len(pairs), grid.side, grid.side), torch.inf)
        nearest = torch.zeros_like(best, dtype=torch.int32)
        for rank, count in enumerate(active):
            piece = meetings.piece[first[pairs[:count]] + rank]
            square = _square_distances(pieces, piece, corners[pairs[:count]], step)
            closer = square < best[:count]
            nearest[:count] = torch.where(closer, piece.int()[:, None, None], nearest[:count])
            best[:count] = torch.minimum(square, best[:count])
        distance = best.clamp(min=0).sqrt_().view(len(pairs), area)
        radius = radii[pairs, None]
        inside[pairs] = distance < radius - margin
        row, pixel = ((distance - radius).abs() <= margin).nonzero(as_tuple=True)
        found_pixels.append(pairs[row] * area + pixel)
        found_pieces.append(nearest.view(len(pairs), area)[row, pixel].long())
    none = meetings.pair[:0]
    pixels, order = torch.cat([none, *found_pixels]).sort()
    piece = torch.cat([none, *found_pieces])[order]
    within = pixels % area
    place = torch.stack([within % grid.side, within.div(grid.side, rounding_mode="floor")], -1)
    corner = corners[pixels.div(area, rounding_mode="floor")]
    return pixels, piece, (corner + place).to(radii.dtype) + 0.5


def _square_distances(pieces: Pieces, piece: Tensor, corners: Tensor, step: Tensor) -> Tensor:
    """Squares of the distances from a piece to the pixels of a tile each: [M, side, side]."""
    edge = pieces.edge[piece]
    x, y = ((corners - pieces.start[piece])[:, :, None] + step).unbind(1)  # [M, side] each
    length = edge.square().sum(-1).clamp(min=1e-12)[:, None]
    # With the share u clamped to s, |w - s e|² is |w|² + |e|² s (s - 2 u).
    share = (x * (edge[:, :1] / length))[:, None, :] + (y * (edge[:, 1:] / length))[:, :, None]
    clamped = share.clamp(0, 1)
    square = clamped.sub(share, alpha=2).mul_(clamped).mul_(length[:, :, None])
    return square.add_(x.square()[:, None, :]).add_(y.square()[:, :, None])
