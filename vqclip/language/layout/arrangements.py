"""Arrangements: the boxes of a thing and of what is placed by it, for each kind of relation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from vqclip.language.layout.blocks import Block, Composite, Grid, Single
from vqclip.language.layout.figures import (
    Dependents,
    add_held,
    add_parts,
    add_worn,
    anchor_size,
    choose_side,
)
from vqclip.language.layout.relation_forest import Node
from vqclip.language.layout.sizes import STRETCH, ThingSize

SOFTNESS = 0.3  # exponent of real sizes: a mouse beside an elephant is drawn in 1:2.4
LEAST = 0.42  # of the largest thing's mean side
_LOW = 3  # times the height of what looks over it, at most


class Builder:
    """Builds the blocks of trees.

    Args:
        sizes: of all things of the sentence, which are compared.
        rng: settles what the words leave open.
    """

    def __init__(self, sizes: Sequence[ThingSize], rng: Random) -> None:
        sides = (size.mean_side for size in sizes if not size.is_wide)
        self._largest, self._rng = max(sides, default=1.0), rng

    def build(self, node: Node) -> Block:
        """Build the block of a thing with all that is placed by it."""
        if node.count > 1:
            anchor: Block = Grid([self.build(copy) for copy in node.copies()])
            dependents = node.dependents_together()
        else:
            anchor, dependents = self._single(node), node.dependents
        if not dependents:
            return anchor
        whole = Composite(anchor)
        for kind, arrange in _ARRANGEMENTS.items():
            blocks = [(n, self.build(n)) for k, n in dependents if k == kind]
            if blocks:
                arrange(whole, node.size, blocks, self._rng)
        return whole

    def _single(self, node: Node) -> Single:
        size = node.size
        mean = min(1.0, max(LEAST, (size.mean_side / self._largest) ** SOFTNESS))
        if size.is_wide:
            mean = 1.1
        width, height = mean * size.aspect**0.5, mean / size.aspect**0.5
        return Single(node.mention, width, height, size.stretch)


def _add_behind(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    side = choose_side(rng)
    for node, block in blocks:
        if node.size.is_wide:
            size_behind = max(1.6 * width, block.width), max(0.95 * height, block.height)
            whole.add(block, width / 2, 0.72 * height, size=size_behind, behind=True)
            continue
        low = width >= 0.9 * block.width and size.height < _LOW * node.size.height
        if low or not size.solid:  # it looks over it, as over a sofa
            x = side * 0.2 * max(0.0, width - 0.6 * block.width)
            bottom = min(0.75 * height, 0.42 * block.height)
        elif node.size.place == "sky":  # it rises over it
            x, bottom = side * 0.28 * width, min(0.75 * height, 0.45 * block.height)
        elif block.width > 1.4 * width:
            x, bottom = side * 0.2 * block.width, min(0.75 * height, 0.9 * block.height)
        else:  # it looks out at the side
            x, bottom = side * 0.48 * width, 0.88 * height
        whole.add(block, width / 2 + x, bottom, behind=True)
        side = -side


def _add_inside(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    if size.is_wide or size.inside == "among":
        _add_among(whole, size, blocks, rng)
        return
    count = sum(n.count for n, _ in blocks)
    together = sum(b.width for _, b in blocks)
    highest = max(b.height for _, b in blocks)
    width, height = anchor_size(whole)
    larger = any(n.size.mean_side > size.mean_side for n, _ in blocks)
    if size.inside == "out" or (size.inside == "dish" and larger):
        whole.widen(0.9 * min(together, 1.6 * width), height)
        width, height = anchor_size(whole)
        if count > 2 and len(blocks) == 1:  # a bunch
            bunch = 1.7 * width, 1.1 * max(height, 0.8 * width)
            whole.add(blocks[0][1], width / 2, 0.3 * height, size=bunch, behind=True)
            return
        scale = min(1.0, 1.2 * width / together)
        x = width / 2 - together * scale / 2
        for _, block in blocks:
            w, h = block.width * scale, block.height * scale
            bottom = min(0.42 * height, 0.45 * h)
            whole.add(block, x + w / 2, bottom, scale=scale, behind=True)
            x += w
        return
    places = {"high": (0.5, 0.66, 0.66, 0.6), "low": (0.5, 0.97, 0.6, 0.55)}
    x, y, w, h = places.get(size.inside, (0.5, 0.88, 0.8, 0.66))
    # The container is drawn as large as what is in it needs.
    grow = min(
        1.9 if count == 1 else 2.2, max(1.0, together / (w * width), highest / (h * height))
    )
    whole.widen(width * grow, height * grow)
    width, height = anchor_size(whole)
    w, h = w * width, h * height
    left = x * width - w / 2
    for _, block in blocks:
        box = w * block.width / together, h * min(1.0, block.height / highest)
        align = 0.5 if size.inside not in ("high", "low") else 1.0
        whole.add(block, left + box[0] / 2, y * height, size=box, align=align)
        left += box[0]


def _add_among(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    """Stand things on a wide ground, or before a wide view."""
    _spread_grids(blocks, whole.width)
    together = sum(b.width for _, b in blocks)
    highest = max(b.height for _, b in blocks)
    width, height = anchor_size(whole)
    if sum(n.count for n, _ in blocks) > 4:  # a herd fills it
        x, w = 0.04 * width, 0.92 * width / together
        low, h = (0.96, 0.7) if size.place == "far" else (0.9, 1.0)
        for _, block in blocks:
            share = block.width * w
            whole.add(block, x + share / 2, low * height, size=(share, h * height), fits=True)
            x += share
        return
    if size.place == "far":
        whole.widen(max(width, 1.35 * together), max(height, 1.1 * highest))
        width, height = anchor_size(whole)
        bottom = 1.06 * height
    else:
        whole.widen(max(width * 0.9, 1.25 * together), min(height, 0.55 * highest))
        width, height = anchor_size(whole)
        bottom = 0.55 * height
    _line_up(whole, blocks, width, bottom, 1.0, rng)


def _spread_grids(blocks: Dependents, width: float) -> None:
    """Let groups be about as wide as what they are placed by."""
    for _, block in blocks:
        if isinstance(block, Grid):
            block.spread(width / len(blocks))


def _line_up(
    whole: Composite,
    blocks: Dependents,
    width: float,
    bottom: float,
    scale: float,
    rng: Random,
    *,
    floats: bool = False,
) -> None:
    """Put blocks side by side over the middle of the anchor."""
    together = sum(b.width for _, b in blocks) * scale
    room = max(0.0, 0.92 * width - together)
    gap = room / (len(blocks) + 1) if len(blocks) > 1 else 0.0
    x = width / 2 - (together + gap * (len(blocks) - 1)) / 2
    x += rng.uniform(-0.12, 0.12) * (room - gap * (len(blocks) - 1))
    for _, block in blocks:
        w = block.width * scale
        whole.add(block, x + w / 2, bottom, scale=scale, floats=floats)
        x += w + gap


def _add_on(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    if size.place == "flat" and size.is_wide:
        _add_among(whole, size, blocks, rng)
        return
    for _, block in blocks:
        if isinstance(block, Grid) and len(block.blocks) <= 5:
            block.in_one_row = True
            block.reshape(len(block.blocks))
    width, height = anchor_size(whole)
    together = sum(b.width for _, b in blocks)
    count = sum(n.count for n, _ in blocks)
    if size.place == "sky":  # on a planet
        whole.widen(1.5 * together, 1.5 * together)
        width, height = anchor_size(whole)
    if together > width and count > 1:
        whole.widen(min(together / 1.05, STRETCH * 1.25 * width), height)
        width, height = anchor_size(whole)
    if size.place == "far" and count > 4:
        _add_among(whole, size, blocks, rng)
        return
    scale = min(1.0, max(0.55, (1.15 if count > 1 else 1.9) * width / together))
    bottom = _resting_height(blocks, scale, height, size.depth)
    _line_up(whole, blocks, width, bottom, scale, rng)


def _resting_height(blocks: Dependents, scale: float, height: float, depth: float) -> float:
    """Return how far below the upper edge of another things rest, their centres above its own."""
    lowest = min(b.height for _, b in blocks) * scale
    return min(depth * height, 0.4 * height + lowest / 2)


def _add_rider(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    together = sum(b.width for _, b in blocks)
    scale = min(1.0, max(0.5, 0.9 * width / together))
    depth = size.depth if size.aspect > 2 else max(size.depth, 0.4)
    bottom = _resting_height(blocks, scale, height, depth)
    _line_up(whole, blocks, width, bottom, scale, rng)


def _add_under(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    together = sum(b.width for _, b in blocks)
    highest = max(b.height for _, b in blocks)
    whole.widen(min(1.2 * together, 1.4 * width), min(highest / 0.6, 1.3 * height))
    width, height = anchor_size(whole)
    scale = min(1.0, max(0.5, min(0.95 * width / together, 0.7 * height / highest)))
    shift = choose_side(rng) * 0.1 * width if size.under == "side" and len(blocks) == 1 else 0.0
    x = width / 2 + shift - together * scale / 2
    for _, block in blocks:
        whole.add(block, x + block.width * scale / 2, 1.05 * height, scale=scale)
        x += block.width * scale


def _add_around(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    if len(blocks) > 1 and all(node.count == 1 for node, _ in blocks):
        blocks = [(Node(blocks[0][0].mention, len(blocks)), Grid([block for _, block in blocks]))]
    for node, block in blocks:
        if node.count == 1:  # a fence, or a wreath
            ring = max(1.35 * width, block.width), max(0.42 * height, 0.6 * block.height)
            whole.add(block, width / 2, 1.1 * height, size=ring)
            continue
        singles = block.blocks if isinstance(block, Grid) else [block]
        fitting = min(0.6 * width / singles[0].width, 0.8 * height / singles[0].height)
        scale = min(1.0, max(0.75, fitting))
        for place in _ring(len(singles)):
            single = singles[place[0]]
            w, h = single.width * scale, single.height * scale
            x = width / 2 + place[1] * (0.5 * width + 0.45 * w)
            bottom = 0.62 * height + place[2] * 0.36 * height + 0.5 * h
            whole.add(single, x, bottom, scale=scale, behind=place[2] < 0)


def _ring(count: int) -> list[tuple[int, float, float]]:
    """Places around a thing as (index, x, y), each from -1 to 1, y down: first left and right."""
    if count <= 3:
        return [(0, -1.0, 0.0), (1, 1.0, 0.0), (2, 0.0, -1.0)][:count]
    halves = (count + 1) // 2, count // 2
    ring: list[tuple[int, float, float]] = []
    for sign, half in zip((-1, 1), halves, strict=True):
        for i in range(half):
            y = -0.75 + 1.75 * (i + 0.5) / half
            ring.append((len(ring), sign * (1 - 0.35 * abs(y)), y))
    return ring


def _add_front(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    if size.place == "sky":  # seen against a large moon
        largest = 1.1 * max(max(b.width, b.height) for _, b in blocks)
        whole.widen(largest, largest)
        width, height = anchor_size(whole)
    side = choose_side(rng)
    for _, block in blocks:
        scale = min(1.0, 1.3 * height / block.height)
        w, h = block.width * scale, block.height * scale
        if size.place == "sky":
            whole.add(block, width / 2, 1.05 * height)
            continue
        covered = min(1.0, w / width) * min(1.0, h / height)
        x = side * width * (0.16 + 0.4 * min(1.0, max(0.0, covered - 0.25) / 0.4))
        whole.add(block, width / 2 + x, height + 0.14 * h, scale=scale)
        side = -side


def _add_shore(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    """Put a water or a road before what is beside it."""
    for _, block in blocks:
        wide = max(block.width, 1.25 * whole.width)
        height = max(0.4 * whole.height, 0.45 * block.height)
        x, low = (whole.left + whole.right) / 2, whole.top + whole.height
        whole.add(block, x, low + 0.85 * height, size=(wide, height), behind=True)


def _add_above(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, _ = anchor_size(whole)
    wide = max(whole.width, width)
    _spread_grids(blocks, 1.1 * wide)
    together = sum(b.width for _, b in blocks)
    scale = min(1.0, max(0.5, 1.3 * wide / together))
    top = whole.top
    if len(blocks) > 1:
        _line_up(whole, blocks, width, top - 0.04, scale, rng, floats=True)
        return
    node, block = blocks[0]
    if node.size.is_wide:
        whole.add(
            block, (whole.left + whole.right) / 2, top + 0.1 * block.height,
            size=(max(0.7 * block.width, whole.width), block.height), behind=True, floats=True,
        )  # fmt: skip
        return
    aside, gap = 0.0, 0.03
    if node.size.place in ("sky", "flying"):
        # Beside the top of what is below, where boxes have empty corners.
        aside, gap = 0.18 * wide * choose_side(rng), -0.08 * block.height
        scale *= 1.15 if node.count == 1 else 1.0
    whole.add(block, width / 2 + aside, top - gap, scale=scale, floats=True)


_ARRANGEMENTS: dict[str, Callable[[Composite, ThingSize, Dependents, Random], None]] = {
    # Containers and supports fit their own size first; parts and clothes follow it.
    "inside": _add_inside,
    "on": _add_on,
    "under": _add_under,
    "part": add_parts,
    "wearing": add_worn,
    "holding": add_held,
    "riding": _add_rider,
    "behind": _add_behind,
    "around": _add_around,
    "front": _add_front,
    "above": _add_above,
    "shore": _add_shore,
}
