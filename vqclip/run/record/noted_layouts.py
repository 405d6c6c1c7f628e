"""The layouts in a picture's notes, for runs that make it again or go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import PictureError, PromptError
from vqclip.language.layout.layout_json import read_layouts
from vqclip.language.layout.layout_types import Layout
from vqclip.run.record.provenance import Provenance


def read_noted_layouts(notes: Provenance) -> dict[int, Layout]:
    """The layouts in a picture's notes, by scene.

    Raises:
        PictureError: for layouts that no run can have had.
    """
    try:
        return read_layouts(notes.layouts)
    except PromptError as error:
        raise PictureError(
            f"the metadata holds a layout that cannot be read ({error}); was it edited by hand?"
        ) from error


def find_layouts(notes: Provenance, config: RunConfig) -> Mapping[int, Layout] | None:
    """The layouts in a picture's notes, by scene, if a run with these settings keeps them.

    It does with the same prompts, seed and shape; None if it is to plan its own.

    Args:
        config: the settings of the run, most of them from the notes.

    Raises:
        PictureError: for layouts that no run can have had.
    """
    found, settings = read_noted_layouts(notes), notes.settings
    size, aspect = (str(settings.get(key, getattr(config, key))) for key in ("size", "aspect"))
    then, now = final_size(replace(config, size=size, aspect=aspect)), final_size(config)
    keeps_shape = math.isclose(then[0] / then[1], now[0] / now[1], rel_tol=0.01)
    if not keeps_shape or (notes.prompt, notes.seed) != (config.prompts, config.seed):
        return None
    begins_alike = all(settings.get(key) == getattr(config, key) for key in ("layout", "init"))
    return found if found or begins_alike else None
