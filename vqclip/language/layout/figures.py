"""Figures: the boxes of their parts, their clothes, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from vqclip.language.layout.blocks import Block, Composite, Grid, Single
from vqclip.language.layout.relation_forest import Node
from vqclip.language.layout.sizes import PartPlace, ThingSize, WornPlace, find_part, find_worn

_TALL = 0.75  # aspect below which a wearer has its head in the uppermost fifth

Dependents = Sequence[tuple[Node, Block]]


def choose_side(rng: Random) -> int:
    return rng.choice((-1, 1))


def anchor_size(whole: Composite) -> tuple[float, float]:
    """Width and height of the anchor."""
    return whole.anchor.box[2:]


def add_parts(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    for node, block in blocks:
        place = find_part(node.mention.name) or PartPlace()
        w, h = place.width * width, place.height * height
        _make_part(block, w, h)
        if node.count > 1:
            spread = max(place.spread, place.width)
            # Wheels stand in one row, many windows in two.
            rows = 1 if place.y > 0.65 or node.count * place.width <= 1.2 * spread else 2
            if isinstance(block, Grid):
                block.in_one_row = rows == 1
            w, h = spread * width, h * rows
        bottom = place.y * height + h / 2
        if place.y > 0.65:  # doors and wheels stand on the ground
            bottom = min(bottom, 0.99 * height)
        whole.add(block, place.x * width, bottom, size=(w, h), part=True, align=0.5)


def _make_part(block: Block, width: float, height: float) -> None:
    """Give parts their size; what is placed by them keeps its own."""
    if isinstance(block, Grid):
        for each in block.blocks:
            _make_part(each, width, height)
        block.reshape(len(block.blocks))
    elif isinstance(block, Composite):
        _make_part(block.anchor.block, width, height)
    elif isinstance(block, Single):
        block.part, block.width, block.height = True, width, height


def add_worn(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    mean = (width * height) ** 0.5
    tall = width < _TALL * height
    for node, block in blocks:
        worn = find_worn(node.mention.name) or WornPlace()
        scale = worn.size * mean / max(block.width / node.count**0.5, block.height)
        if worn.where == "body":
            scale = min(scale, 1.05 * width / block.width)
        h = block.height * scale
        x, y = width / 2, height / 2
        if worn.where == "head":
            y = (0.06 if tall else 0.1) * height - h / 2 + 0.1 * h
        elif worn.where == "hands":
            x += choose_side(rng) * 0.4 * width
            y = 0.55 * height
        elif worn.where == "feet":
            y = height - 0.4 * h
        elif worn.where == "back":
            x += choose_side(rng) * 0.3 * width
            y = 0.42 * height
        else:
            shares = {"eyes": 0.15, "mouth": 0.22, "neck": 0.3, "body": 0.48, "legs": 0.72}
            y = (shares[worn.where] + (0.0 if tall else 0.1)) * height
        whole.add(block, x, y + h / 2, scale=scale, behind=worn.where == "back", align=0.5)


def add_held(whole: Composite, size: ThingSize, blocks: Dependents, rng: Random) -> None:
    width, height = anchor_size(whole)
    side = choose_side(rng)
    for node, block in blocks:
        largest, least = 0.75 * height, 0.34 * height
        side_of = max(block.width, block.height)
        scale = min(largest, max(least, 0.8 * side_of)) / side_of
        w, h = block.width * scale, block.height * scale
        if node.size.place == "flying" and node.size.held:  # a balloon or a kite on its string
            x, bottom = width / 2 + side * (0.4 * width + 0.4 * w), 0.35 * height
        elif node.size.held:
            x, bottom = width / 2 + side * 0.12 * width, 0.16 * height
        else:
            x, bottom = width / 2 + side * (0.5 * width + 0.25 * w), 0.52 * height + h / 2
        whole.add(block, x, min(bottom, height), scale=scale)
        side = -side
