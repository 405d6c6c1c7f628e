"""Placement: boxes of the things of a sentence, from sizes, relations and counts.

The relations make trees (`relation_forest`), the trees become blocks (`arrangements`), and here
the blocks are put into the picture: what belongs into the sky above, views behind, everything
else in rows on the ground. Drawers show one thing best if its box is large, so the picture is
filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, sqrt
from random import Random

from vqclip.language.layout.arrangements import Builder
from vqclip.language.layout.blocks import Block, Grid, PlacedThing, Row, fit
from vqclip.language.layout.layout_types import Layout, Mention, Sentence, Setting, Thing
from vqclip.language.layout.relation_forest import SIDES, Node, grow_forest
from vqclip.language.layout.sizes import size_of
from vqclip.language.prompt_types import Box

MOST_OF_A_KIND = 40  # boxes; a larger number is a crowd, drawn as so many
LEAST_SHARE = 0.11  # of the picture's mean side: what is smaller is hardly recognised
_MARGIN = 0.03  # of the picture's mean side, left free at its edges
_LEAST_SIDE = 0.01  # share of the picture that even the smallest box has
_LEVEL = 0.8  # tangent of the steepest line between the centres of things beside each other
_SKY = ("sky", "flying", "hanging")
# Of the free height above things, what they are moved up: on plain ground, in the middle of water
# or space, and on a ground that has a horizon.
_LIFT = {"": 0.5, "underwater": 0.5, "space": 0.5, "sky": 0.5, "room": 0.3}
_OUTDOORS_LIFT = 0.22


def place_things(sentence: Sentence, *, aspect: float, seed: int) -> Layout:
    """Place the things of a sentence.

    Args:
        sentence: its relations may contradict each other or name what is not there: what cannot
            hold is left out.
        aspect: width of the picture by its height.
        seed: settles what the words leave open, such as left or right.

    Returns:
        A box for each thing, within the picture; of more than `MOST_OF_A_KIND` of a mention, for
        so many.
    """
    rng = Random(seed)
    aspect = min(8.0, max(1 / 8, aspect)) if isfinite(aspect) else 1.0
    rows = grow_forest(sentence, MOST_OF_A_KIND, rng)
    builder = Builder([size_of(m.name, m.prompt) for m in sentence.mentions], rng)
    picture = _Picture(sqrt(aspect), 1 / sqrt(aspect), sentence.setting, rng)
    placed = picture.fill([(row, _build_row(builder, row)) for row in rows])
    things = [_to_thing(p, picture.width, picture.height) for p in placed]
    loose = [n.mention for row in rows for n in row if n.count == 1 and not n.dependents]
    _level(things, [p.mention for p in placed], sentence, loose)
    return Layout(tuple(things), sentence.setting, sentence.style)


def list_small_things(layout: Layout, least: float = LEAST_SHARE) -> list[str]:
    """List the names of things whose boxes are smaller than a drawer can show.

    Args:
        layout: as `place_things` returns it.
        least: the smallest mean side, by the picture's mean side.
    """
    small = (t.name for t in layout.things if sqrt(t.box[2] * t.box[3]) < least)
    return list(dict.fromkeys(small))


def _build_row(builder: Builder, row: Sequence[Node]) -> Block:
    blocks = [builder.build(node) for node in row]
    return Row(blocks) if len(blocks) > 1 else blocks[0]


def _to_thing(placed: PlacedThing, width: float, height: float) -> Thing:
    left, top, w, h = placed.box
    left, w = _clip(left / width, w / width)
    top, h = _clip(top / height, h / height)
    mention = placed.mention
    return Thing(mention.name, mention.prompt, (left, top, w, h), placed.part)


def _level(
    things: list[Thing], mentions: list[Mention], sentence: Sentence, loose: list[Mention]
) -> None:
    """Lift what stands too low to be beside its neighbour: a cup beside a cat on a chair.

    Args:
        things: is changed.
        mentions: of each of them.
        sentence: says which are beside each other.
        loose: what may be lifted, since nothing is placed by it.
    """
    for relation in sentence.relations:
        both = relation.subject, *relation.objects[:1]
        beside = relation.kind in SIDES and relation.kind != "with"
        if not beside or len(both) < 2 or max(both) >= len(sentence.mentions):
            continue
        pair = [[i for i, m in enumerate(mentions) if m is sentence.mentions[k]] for k in both]
        if len(pair[0]) != 1 or len(pair[1]) != 1:
            continue
        upper, lower = sorted((pair[0][0], pair[1][0]), key=lambda i: _centre(things[i])[1])
        (x, y), (x2, y2) = _centre(things[upper]), _centre(things[lower])
        rise = y2 - y - _LEVEL * abs(x2 - x)
        if rise > 0 and any(m is mentions[lower] for m in loose):
            left, top, width, height = things[lower].box
            top, height = _clip(top - rise, height)
            things[lower] = replace(things[lower], box=(left, top, width, height))


def _centre(thing: Thing) -> tuple[float, float]:
    left, top, width, height = thing.box
    return left + width / 2, top + height / 2


def _clip(start: float, length: float) -> tuple[float, float]:
    """Keep a stretch within 0 to 1, in ten thousandths, so that the sum never exceeds 1."""
    first = min(max(round(1e4 * start), 0), round(1e4 * (1 - _LEAST_SIDE)))
    last = min(max(round(1e4 * (start + length)), first + round(1e4 * _LEAST_SIDE)), 10000)
    return first / 1e4, (last - first) / 1e4


class _Picture:
    """A picture of area 1 that is filled with blocks."""

    def __init__(self, width: float, height: float, setting: Setting, rng: Random) -> None:
        self.width, self.height = width, height
        self._lift = _LIFT.get(setting.place, _OUTDOORS_LIFT)
        # What is in the sky alone stays above the ground that is painted.
        self._horizon = 1.0 if setting.place in _LIFT else 0.66
        # Around things in a setting, some of it is seen.
        self._top, self._side = (0.12, 0.06) if setting else (0.0, 0.0)
        self._rng = rng

    def fill(self, blocks: list[tuple[Sequence[Node], Block]]) -> list[PlacedThing]:
        """Place all blocks; returns their things from far to near."""
        layers: dict[str, list[Block]] = {"far": [], "sky": [], "flat": [], "ground": []}
        for nodes, block in blocks:
            layers[_layer(nodes)].append(block)
        if not blocks:
            return []
        if len(blocks) == 1 or not layers["ground"]:
            return self._fill_without_ground(layers, _is_wide(blocks[0][0]))
        far, sky, flat, ground = (layers[k] for k in ("far", "sky", "flat", "ground"))
        top = 0.3 if far else 0.0
        bottom = 0.8 if flat else 1.0
        near = self._frame(top, bottom)
        # Under a sky, or with something behind, things stand on the ground; else in the middle.
        lift = 0.12 if far or sky or flat else self._lift
        above: list[PlacedThing] = []
        if sky:
            above, below = self._put_both(sky, ground, near, lift)
        else:
            below = self._put_ground(ground, near, lift)
        placed = self._put_far(far, 0.15 if sky else 0.05, 0.68)
        return placed + above + self._put_far(flat, 0.58, 1.0) + below

    def _fill_without_ground(
        self, layers: dict[str, list[Block]], wide: bool
    ) -> list[PlacedThing]:
        far, sky, flat = layers["far"], layers["sky"], layers["flat"]
        if ground := layers["ground"]:
            frame = self._frame(self._top, 1, self._side, 1 - self._side)
            if wide:
                frame = 0.0, 0.0, self.width, self.height
            return self._put_ground(ground, frame, self._lift)
        if sky and not far and not flat:
            return Grid(sky).place(self._frame(0, self._horizon), self._rng, 0.5)
        placed = self._put_far(far, 0.3 if sky else 0.0, 0.7 if flat else 1.0)
        if sky:
            placed += Grid(sky).place(self._frame(0, 0.5), self._rng, 0.5)
        return placed + self._put_far(flat, 0.5 if sky or far else 0.15, 1.0)

    def _frame(self, top: float, bottom: float, left: float = 0.0, right: float = 1.0) -> Box:
        """A frame between shares of the picture, without the picture's margin."""
        x, y = max(left * self.width, _MARGIN), max(top * self.height, _MARGIN)
        width = min(right * self.width, self.width - _MARGIN) - x
        return x, y, width, min(bottom * self.height, self.height - _MARGIN) - y

    def _put_far(self, blocks: list[Block], top: float, bottom: float) -> list[PlacedThing]:
        if not blocks:
            return []
        y, height = top * self.height, (bottom - top) * self.height
        frame = 0.0, y, self.width, height
        return Grid(blocks).place(frame, self._rng, 1.0)

    def _put_both(
        self, sky: list[Block], ground: list[Block], near: Box, lift: float
    ) -> tuple[list[PlacedThing], list[PlacedThing]]:
        """Put what is in the sky over the ground; one thing in a corner, if it has room there."""
        left, top, width, low = near[0], near[1], near[2], near[1] + near[3]
        if len(sky) == 1:
            share = min(0.48, max(0.36, 0.55 * sky[0].height))
            sides = self._rng.sample((0.0, 0.5, 1.0), 3)
            boxes = [self._corner(sky[0], share, side) for side in sides]
            for start in (0.1, 0.18, 0.26, 0.34):
                y = max(top, start * self.height)
                below = self._put_ground(ground, (left, y, width, low - y), lift)
                for box in boxes:
                    covered = sum(_overlap(p.box, box) for p in below)
                    if covered < 0.08 * box[2] * box[3]:
                        return sky[0].place(box, self._rng, 0.0), below
        band = 0.34 if len(sky) < 4 else 0.42
        grid = Grid(sky, in_one_row=len(sky) < 5)
        y = max(top, (band + 0.01) * self.height)
        below = self._put_ground(ground, (left, y, width, low - y), lift)
        return grid.place(self._frame(0, band), self._rng, 0.5), below

    def _corner(self, block: Block, share: float, side: float) -> Box:
        """The box of a block at the top: at the left for side 0, at the right for side 1."""
        frame = self._frame(0, share, 0.5 * side, 0.5 + 0.5 * side)
        box = fit(block, frame, 0.0)
        return frame[0] + (frame[2] - box[2]) * side, box[1], box[2], box[3]

    def _put_ground(self, blocks: list[Block], frame: Box, lift: float) -> list[PlacedThing]:
        rows = self._best_rows(blocks, frame)
        left, top, width, height = frame
        together = sum(row.height for row in rows)
        placed: list[PlacedThing] = []
        for row in rows:
            h = height * row.height / together
            placed += row.place((left, top, width, h), self._rng, 1.0)
            top += h
        free = min(p.box[1] for p in placed) - frame[1]
        if free > 0 and len(rows) == 1:
            placed = [_move_up(p, free * lift) for p in placed]
        return placed

    def _best_rows(self, blocks: list[Block], frame: Box) -> list[Row]:
        """Share blocks among rows, from far to near, so that they are as large as can be."""
        if self._rng.random() < 0.5:
            blocks = blocks[::-1]
        best, largest = [Row(blocks)], 0.0
        for count in range(1, min(len(blocks), 8) + 1):
            rows = _split(blocks, count)
            across = min(frame[2] / row.width for row in rows)
            down = frame[3] / sum(row.height for row in rows)
            scale = min(across, down * rows[0].stretch) * min(down, across * rows[0].stretch)
            scale *= 1.0 if count == 1 else 0.75 if len(blocks) > 2 else 0.55
            if scale > largest:
                best, largest = rows, scale
        return best


def _layer(nodes: Sequence[Node]) -> str:
    places = {node.size.place for node in nodes}
    if places <= set(_SKY):
        return "sky"
    if _is_wide(nodes) and not nodes[0].dependents:
        return nodes[0].size.place
    return "ground"


def _is_wide(nodes: Sequence[Node]) -> bool:
    return len(nodes) == 1 and nodes[0].size.is_wide


def _split(blocks: list[Block], count: int) -> list[Row]:
    """Split blocks into rows of about the same width, the tallest blocks farthest."""
    if count == 1:
        return [Row(blocks)]
    order = sorted(blocks, key=lambda b: -b.height)
    rows: list[list[Block]] = [[]]
    room = sum(b.width for b in blocks) / count
    used = 0.0
    for index, block in enumerate(order):
        left = len(order) - index
        full = used + block.width / 2 > room * len(rows)
        if rows[-1] and len(rows) < count and (full or left <= count - len(rows)):
            rows.append([])
        rows[-1].append(block)
        used += block.width
    return [Row(row) for row in rows]


def _overlap(a: Box, b: Box) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down)


def _move_up(placed: PlacedThing, distance: float) -> PlacedThing:
    left, top, width, height = placed.box
    return PlacedThing(placed.mention, (left, top - distance, width, height), placed.part)
