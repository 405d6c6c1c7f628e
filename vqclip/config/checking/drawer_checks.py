"""Checks of the drawers of a run, and of settings that are another drawer's."""

from __future__ import annotations

import dataclasses

from vqclip.config.draw_settings import DRAWERS, DrawSettings, drawer_names, finish_steps
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, suggest


def check_drawers(config: RunConfig) -> None:
    """Check that the drawers exist, and that the settings `draw.…` are theirs.

    Raises:
        ConfigError: for the first that is not; a setting of another drawer is refused with the
            name of the one that has it.
    """
    names = drawer_names(config.drawer)
    if names == ("auto",):
        names = ("vqgan",)
    for name in names:
        if name not in DRAWERS:
            raise ConfigError(
                f"drawer is {config.drawer!r}; no drawer is called {name!r}"
                f"{suggest(name, DRAWERS)} (one of: {', '.join(DRAWERS)})"
            )
    if len(names) > 2:
        raise ConfigError(f"drawer is {config.drawer!r}; two drawers are the most that a run has")
    if len(set(names)) < len(names):
        raise ConfigError(f"drawer is {config.drawer!r}; the same drawer twice is one drawer")
    finish_steps(config.drawer, config.draw.finish, config.steps)
    if len(names) == 2 and (config.frames or config.source.film):
        raise ConfigError(
            f"drawer is {config.drawer!r}, and an animation has one drawer; write "
            f"drawer={names[0]} or drawer={names[1]}"
        )
    for each in dataclasses.fields(DrawSettings):
        owners = each.metadata.get("drawers", ())
        changed = getattr(config.draw, each.name) != each.default
        if changed and owners and not {*owners} & {*names}:
            raise ConfigError(
                f"draw.{each.name} is a setting of {_either(owners)}, and drawer is "
                f"{config.drawer}; write drawer={owners[0]}, or leave it out"
            )
    _check_tile(config, names)
    if len(names) == 1 and config.draw.finish != DrawSettings().finish:
        raise ConfigError(
            "draw.finish is for two drawers, such as drawer=vqgan,pyramid; leave it out"
        )


def _check_tile(config: RunConfig, names: tuple[str, ...]) -> None:
    """Check that what is drawn can tile.

    Raises:
        ConfigError: for the first that cannot.
    """
    tile = f"tile is {config.tile}, and "
    if config.tile == "none":
        return
    if "wavelets" in names:
        raise ConfigError(
            f"{tile}the pictures of drawer=wavelets do not tile; write drawer=fourier, or leave "
            "out tile"
        )
    if config.tile == "brick" and config.draw.shape == "triangle" and "mosaic" in names:
        raise ConfigError(
            f"{tile}draw.shape=triangle does not close up in bricks; write tile=both, or another "
            "shape"
        )
    if config.losses.edges != 0:
        raise ConfigError(f"{tile}losses.edges draws a border, which is a seam; leave one out")
    if config.source.film:
        raise ConfigError(f"{tile}the frames of source.film do not tile; leave one of them out")


def _either(names: tuple[str, ...]) -> str:
    """Names in words: "mosaic, pixels or palette"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
