"""Preflight checks: everything that can be refused before torch is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from vqclip.config import animation_checks, perceptor_spec
from vqclip.config.schema import NOISES, RunConfig
from vqclip.errors import PictureError, VqclipError, suggest
from vqclip.language import assets, prompts
from vqclip.language.assets import HERE, find_asset
from vqclip.language.prompt import Prompt, learnt_words_in
from vqclip.media.paths import PATTERN, check_image, check_images, shorten_name
from vqclip.models.zoo import registry

STARTS = ("auto", "dream", "random", "source", *NOISES)  # what `init` may be instead of a picture


def images_of_run(config: RunConfig, wishes: Iterable[Prompt]) -> list[str]:
    """Name the pictures that a run reads: those of the prompt, then the one it starts from.

    A name may stand for several: see `files`.
    """
    names = []
    for wish in wishes:
        names += [wish.body] if wish.kind == "image" else []
        names += [wish.region.mask] if wish.region is not None and wish.region.mask else []
    return list(dict.fromkeys([*names, *([] if config.init in STARTS else [config.init])]))


def require_images(
    config: RunConfig, wishes: Iterable[Prompt], folders: Sequence[Path] = HERE
) -> None:
    """Refuse to go on with a picture that cannot be opened.

    Raises:
        PictureError: for the first one, with the reason.
    """
    wishes = list(wishes)
    for wish in wishes:
        if wish.region is not None and wish.region.mask is not None:
            _check_mask(wish.region.mask, folders)
    for name in images_of_run(config, wishes):
        path = find_asset(name, folders)
        if name == config.init and not os.path.isfile(path) and path.suffix == "":
            raise PictureError(no_start(name))
        if name == config.init:
            check_image(path)
        else:
            check_images(name, folders)


def _check_mask(name: str, folders: Sequence[Path]) -> None:
    """Refuse a mask that is not one picture."""
    path = find_asset(name, folders)
    if os.path.isdir(path) or (PATTERN.search(name) and not os.path.exists(path)):
        many = "is a folder" if os.path.isdir(path) else "stands for several pictures"
        raise PictureError(
            f"in({shorten_name(name)}) {many}, and a region is a single mask; name one picture, "
            "such as in(mask.png)"
        )


def no_start(name: str) -> str:
    """Say that `init` is neither a picture nor the name of a start."""
    return (
        f"init={shorten_name(name)} is neither a picture file nor one of: "
        f"{', '.join(STARTS)}{suggest(name[:80], STARTS)}"
    )


def check_run(config: RunConfig, beside: Path | None = None) -> Sequence[Prompt]:
    """Refuse settings that name what is not here; give the prompts, understood.

    Args:
        beside: the folder of what is made again or goes on; see `vqclip.language.assets`.

    Raises:
        VqclipError: for a model, picture, learnt word or direction that is absent, a prompt that
            no perceptor, or one that is not in the run, is to read, too many scenes, and an
            animation that does not fit together.
    """
    animation_checks.check_animation(config)
    wishes = prompts.parse_all(config.prompts, config.negative)
    if config.frames or not config.source.film:  # else how many they are is told by the film
        prompts.check_scenes(
            wishes, config.frames or config.steps, "frames" if config.frames else "steps"
        )
    names = perceptor_spec.perceptor_names(config.perceptors)
    perceptor_spec.check_readers(wishes, names)
    registry.require_models(config.vqgan, names)
    require_files(config, wishes, beside)
    return wishes


def require_files(
    config: RunConfig, wishes: Sequence[Prompt], beside: Path | None = None
) -> None:
    """Refuse settings that name a file which is not here, or cannot be used.

    Raises:
        VqclipError: for the first picture, film, sound, learnt word or direction.
    """
    where = assets.search_path(config.assets, beside)
    animation_checks.require_animation_files(config, where)
    require_images(config, wishes, where)
    assets.used_words([config.style, *learnt_words_in(wishes)], where)
    for wish in wishes:
        if wish.kind == "vector":
            assets.find_direction(wish.body, where)


def without_unused_assets(
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
