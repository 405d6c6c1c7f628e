"""The outlines of models, by which memory is estimated: made and counted once for many runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from vqclip.config.draw_settings import uses_vqgan
from vqclip.config.perceptor_spec import PerceptorSpec
from vqclip.config.schema import RunConfig
from vqclip.models.zoo import model_files
from vqclip.run import memory_footprint
from vqclip.run.memory_footprint import ModelShapes
from vqclip.run.preflight import PictureParts

Known = dict[tuple[Any, ...], ModelShapes]


def reuse_shapes(
    known: Known, is_steady: Callable[[RunConfig, Sequence[PerceptorSpec]], bool]
) -> Callable[..., ModelShapes]:
    """Make a `build_shapes` that keeps what it made, and with it what was counted.

    Counting takes longer than a whole run of the tiny models, and the outcome is always the same.

    Args:
        known: where they are kept.
        is_steady: whether the files of these models stay as they are.
    """
    make = memory_footprint.build_shapes

    def shapes(
        config: RunConfig,
        perceptors: Sequence[PerceptorSpec],
        parts: PictureParts,
    ) -> ModelShapes:
        if not is_steady(config, perceptors):
            return make(config, perceptors, parts)
        key = (
            *(os.environ.get("VQCLIP_HOME"), config.vqgan, config.device, config.precision),
            *(model_files.STARTER_FOLDER, repr(list(perceptors)), parts),
            uses_vqgan(config.drawer),
        )
        if key not in known:
            known[key] = make(config, perceptors, parts)
        return known[key]

    return shapes
