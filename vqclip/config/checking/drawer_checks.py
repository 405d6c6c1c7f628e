"""Checks of the drawers of a run, and of settings that are another drawer's."""

from __future__ import annotations

import dataclasses

from vqclip.config.draw_settings import (
    DRAWERS,
    DrawSettings,
    FilterSettings,
    drawer_names,
)
from vqclip.config.loss_settings import LossSettings
from vqclip.config.schema import RunConfig
from vqclip.config.steps.step_settings import finish_steps
from vqclip.errors import ConfigError, suggest


def check_drawers(config: RunConfig) -> None:
    """Check that the drawers exist, and that settings which only some have are theirs.

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
    finish_steps(config)
    if len(names) == 2 and (config.frames or config.source.film):
        raise ConfigError(
            f"drawer is {config.drawer!r}, and an animation has one drawer; write "
            f"drawer={names[0]} or drawer={names[1]}"
        )
    if config.camera.through == "latent" and names != ("vqgan",):
        raise ConfigError(
            f"camera.through=latent moves the latent of a VQGAN, and drawer is {config.drawer}; "
            "write camera.through=picture, or drawer=vqgan"
        )
    for group, values in (("draw", config.draw), ("losses", config.losses)):
        for each in dataclasses.fields(values):
            owners = each.metadata.get("drawers", ())
            changed = getattr(values, each.name) != each.default
            if changed and owners and not {*owners} & {*names}:
                raise ConfigError(
                    f"{group}.{each.name} is a setting of {_either(owners)}, and drawer is "
                    f"{config.drawer}; write drawer={owners[0]}, or leave it out"
                )
    _check_alpha(config)
    _check_tile(config, names)
    if config.filters.commit != FilterSettings().commit and not config.filters.lookup.strip():
        raise ConfigError(
            'filters.commit needs colours, such as filters.lookup="#cc0000, gold"; or leave it '
            "out"
        )
    if len(names) == 1 and config.draw.finish != DrawSettings().finish:
        raise ConfigError(
            "draw.finish is for two drawers, such as drawer=vqgan,pyramid; leave it out"
        )


def _check_alpha(config: RunConfig) -> None:
    """Check that the last drawer can be transparent where that is wanted, and shown."""
    if not config.draw.alpha:
        if config.losses.opacity != LossSettings().opacity:
            raise ConfigError(
                "losses.opacity is for pictures that may be transparent; write draw.alpha=true, "
                "or leave it out"
            )
        return
    last = drawer_names(config.drawer)[-1]
    fields = {each.name: each for each in dataclasses.fields(DrawSettings)}
    owners = fields["alpha"].metadata["drawers"]
    if last not in owners:
        raise ConfigError(
            f"draw.alpha is a setting of {_either(owners)}, and with drawer={config.drawer} the "
            f"picture is finished by {last}; let one of them be the last, or leave it out"
        )
    if config.frames or config.source.film:
        raise ConfigError(
            "draw.alpha is for still pictures, and this is an animation, whose frames are "
            "opaque; leave it out"
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
