"""Checks of `stop`: whether a judge can tell where a run is to end."""

from __future__ import annotations

from collections.abc import Sequence

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.language.prompt_types import Prompt, positive_texts


def check_stop(config: RunConfig, parsed: Sequence[Prompt]) -> None:
    """Refuse `stop=plateau` where no score could tell when it is enough.

    Raises:
        ConfigError: for an animation, a prompt of several scenes, or one without words.
    """
    if config.stop == "off":
        return
    if config.frames or config.length or config.source.film:
        raise ConfigError(
            f"stop={config.stop} ends a still picture early; the frames of an animation take a "
            "few steps each, whose number is motion.steps: write stop=off"
        )
    scenes = len({prompt.scene for prompt in parsed})
    if scenes > 1:
        raise ConfigError(
            f"stop={config.stop} would end the run before its later scenes, and the prompt has "
            f"{scenes}; write stop=off, or draw each scene as a picture of its own"
        )
    if not positive_texts(parsed):
        raise ConfigError(
            f"stop={config.stop} compares the picture with the words of the prompt, and none of "
            "them have a positive weight; add some, or write stop=off"
        )


def no_judge(stop: str, judge: str, perceptors: Sequence[str]) -> ConfigError:
    """The refusal of a run whose judge takes part in it, or is not installed."""
    if judge in perceptors:
        return ConfigError(
            f"stop={stop} asks {judge}, which must take no part in the run, and perceptors names "
            "it; leave it out of perceptors, or write stop=off"
        )
    return ConfigError(
        f"stop={stop} asks {judge}, which is not in this installation: install vqclip again, or "
        "write stop=off"
    )
