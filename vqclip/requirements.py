"""Is everything here that a run names? Told before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vqclip import compass, eyes, folders, pictures, prompts, staging, words
from vqclip.config import RunConfig
from vqclip.errors import VqclipError
from vqclip.models import needs
from vqclip.prompts import Prompt
from vqclip.wishes import learnt_in


def require(config: RunConfig, beside: Path | None = None) -> Sequence[Prompt]:
    """Refuse settings that name what is not here; give the prompts, understood.

    Args:
        beside: the folder of what is made again or goes on; see `vqclip.folders`.

    Raises:
        VqclipError: for a model, picture, learnt word or direction that is absent, a prompt that
            no perceptor, or one that is not in the run, is to read, too many scenes, and an
            animation that does not fit together.
    """
    staging.check(config)
    wishes = prompts.understood(config.prompts, config.negative)
    if config.frames or not config.source.film:  # else how many they are is told by the film
        prompts.check_scenes(
            wishes, config.frames or config.steps, "frames" if config.frames else "steps"
        )
    names = eyes.names(config.perceptors)
    eyes.check_readers(wishes, names)
    needs.require(config.vqgan, names)
    require_files(config, wishes, beside)
    return wishes


def require_files(
    config: RunConfig, wishes: Sequence[Prompt], beside: Path | None = None
) -> None:
    """Refuse settings that name a file which is not here, or cannot be used.

    Raises:
        VqclipError: for the first picture, film, sound, learnt word or direction.
    """
    where = folders.of(config.assets, beside)
    staging.require(config, where)
    pictures.require(config, wishes, where)
    words.used([config.style, *learnt_in(wishes)], where)
    for wish in wishes:
        if wish.kind == "vector":
            compass.find(wish.body, where)


def discreet(
    config: RunConfig, wishes: Sequence[Prompt], beside: Path | None = None
) -> RunConfig:
    """Forget `assets` where nothing in it is needed: notes need not tell where people keep files.

    What is found without it is what is found with it: it comes last.
    """
    without = replace(config, assets="")
    try:
        require_files(without, wishes, beside)
    except VqclipError:
        return config
    return without
