"""Which squares does a perceptor see, and from where do their random numbers come?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vqclip import changing
from vqclip.clock import Clock
from vqclip.config import RunConfig
from vqclip.cutouts import RECIPES, Cutter


def cutter(
    config: RunConfig,
    clock: Clock,
    there: dict[str, Cutter],
    seed: int,
    key: str,
    size: int,
    squares: int | None,
    share: Callable[[int], int] = int,
) -> Cutter:
    """Find or make the cutter of a name, from the settings.

    Args:
        there: those that were made, by name.
        seed: of its random stream.
        squares: how many, None for what `cutouts.count` says.
        share: how many it gets where there are so many.
    """
    if key in there:
        return there[key]
    recipe = RECIPES[config.cutouts.recipe]
    count = config.cutouts.count if squares is None else squares
    counts = noises = None
    if isinstance(count, str):
        curve = changing.curve(config, "cutouts.count", clock)
        most = clock.timeline.extent(changing.read("cutouts.count", count))[1]
        count, counts = round(most), lambda step: share(round(curve(step)))
    if isinstance(config.cutouts.noise, str):
        noises = changing.curve(config, "cutouts.noise", clock)
    elif config.cutouts.noise is not None:
        recipe = replace(recipe, noise=config.cutouts.noise)
    there[key] = Cutter(
        size, count=share(count), recipe=recipe, seed=seed, counts=counts, noises=noises
    )
    return there[key]
