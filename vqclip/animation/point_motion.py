"""Point motion: where a warp brings points, found from where its pixels come from."""

from __future__ import annotations

import torch
from torch import Tensor

from vqclip.animation.warp import Warp, pixel_grid

ITERATIONS = 30
CLOSE = 1e-3  # pixels; a point nearer to its place is left there
FAR = 1.0  # widths and heights beyond the picture; what came from farther off is not counted


class PointMotion:
    """Where points of the frame before are in the next one: the inverse of its sample grid.

    A warp tells of each pixel where it was. The place that was at a point is found by fixed-point
    iteration, from the affine map that is nearest to the warp; so an affine warp is inverted at
    once, whatever it turns or enlarges. Where the frame before shows a point twice, or not at
    all, as behind something in a flight, the nearest place that is found is taken.

    Args:
        mapping: the warp from the frame before.
        width, height: of the frames, in pixels.

    Attributes:
        scale: how many times things become larger, on the average.
        moves: whether anything moves.
    """

    def __init__(self, mapping: Warp, width: int, height: int) -> None:
        grid = mapping(height, width)
        self.moves = grid is not None
        here = pixel_grid(height, width)
        self._positions = here if grid is None else grid.positions.cpu().double()
        self._turn, self._shift = _fit_affine(here, self._positions)
        self._back = torch.linalg.inv(self._turn)
        self.scale = float(torch.linalg.det(self._back).abs().sqrt())
        known = _near(self._positions)[..., None]
        self._positions = torch.where(known, self._positions, here @ self._turn.T + self._shift)

    def __call__(self, points: Tensor) -> Tensor:
        """Find where points [K, 2] go: x and y in pixels from the picture's upper left corner."""
        wanted = points.detach().cpu().double() - 0.5
        best = place = (wanted - self._shift) @ self._back.T
        least = torch.full_like(wanted[:, 0], torch.inf)
        for _ in range(ITERATIONS):
            gap = wanted - self._origin(place)
            distance = gap.norm(dim=-1)
            nearer = distance < least
            best = torch.where(nearer[:, None], place, best)
            least = torch.where(nearer, distance, least)
            if not bool((least > CLOSE).any()):
                break
            place = place + gap @ self._back.T
        return (best + 0.5).to(points)

    def _origin(self, places: Tensor) -> Tensor:
        """Where places [K, 2] were; beyond the picture, as the pixels at its border tell."""
        height, width = self._positions.shape[:2]
        column, x = _cells(places[:, 0], width)
        row, y = _cells(places[:, 1], height)
        right, down = (column + 1).clamp(max=width - 1), (row + 1).clamp(max=height - 1)
        above = self._positions[row, column].lerp(self._positions[row, right], x[:, None])
        below = self._positions[down, column].lerp(self._positions[down, right], x[:, None])
        return above.lerp(below, y[:, None])


def _cells(places: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The pixels before places along an axis, and the share of the way to the next."""
    before = places.nan_to_num(0.0).clamp(0, max(0, size - 2)).floor()
    return before.long(), places - before


def _near(positions: Tensor) -> Tensor:
    """Which positions [h, w, 2] lie in a picture, or not far beyond it: [h, w]."""
    size = positions.new_tensor([positions.shape[1], positions.shape[0]])
    return ((positions > -FAR * size) & (positions < (1 + FAR) * size)).all(-1)


def _fit_affine(here: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """The affine map from pixels to positions with the least squares: [2, 2] and [2].

    One that cannot be inverted, or that too few positions tell, is taken as no motion.
    """
    near = _near(positions)
    sources = torch.cat([here[near], torch.ones_like(here[near][:, :1])], 1)
    normal = sources.T @ sources
    still = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    if torch.linalg.matrix_rank(normal, hermitian=True) < 3:
        return still
    found = torch.linalg.solve(normal, sources.T @ positions[near])  # [3, 2]
    turn, shift = found[:2].T, found[2]
    return (turn, shift) if float(torch.linalg.det(turn)) > 1e-6 else still
