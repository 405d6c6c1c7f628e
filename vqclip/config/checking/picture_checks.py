"""Checks of the pictures that a run reads: its prompts', masks and its start."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from vqclip.config.checking.seeds import first_seed
from vqclip.config.checking.suggestions import suggest_value
from vqclip.config.schema import NOISES, RunConfig
from vqclip.errors import ConfigError, PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.prompt_types import Prompt
from vqclip.media.palettes.palette_files import check_files, inline_files
from vqclip.media.paths import PATTERN, check_image, check_images, shorten_name

STARTS = ("auto", "dream", "random", "source", *NOISES)  # what `init` may be instead of a picture


def images_of_run(config: RunConfig, wanted: Iterable[Prompt]) -> list[str]:
    """Name the pictures that a run reads: those of the prompt, then the one it starts from.

    A name may stand for several: see `files`.
    """
    names = []
    for prompt in wanted:
        names += [prompt.body] if prompt.kind == "image" else []
        names += [prompt.region.mask] if prompt.region is not None and prompt.region.mask else []
    named = loss_files(config)
    names += [named[key] for key in ("losses.edge_picture", "losses.edge_mask") if key in named]
    return list(dict.fromkeys([*names, *([] if config.init in STARTS else [config.init])]))


def note_idle_walk(config: RunConfig) -> Iterator[str]:
    """Note that a walk between two seeds has no effect; `init` is resolved."""
    starts = {"source": "the first frame of its film", "colour": "a flat colour"}
    given = config.init not in STARTS or config.init in starts
    if isinstance(config.seed, str) and given:
        first = starts.get(config.init, shorten_name(config.init))
        yield (
            f"seed={config.seed} is here the same as seed={first_seed(config.seed)}: only what "
            f"is drawn at random lies between two seeds, and this run starts from {first}"
        )


def loss_files(config: RunConfig) -> dict[str, str]:
    """The files that losses of a weight read: setting → name."""
    losses, found = config.losses, {}
    if losses.edges or losses.ground:
        found["losses.edge_picture"] = losses.edge_picture
    if losses.edges:
        found["losses.edge_mask"] = losses.edge_mask
    if losses.aesthetic:
        found["losses.aesthetic_head"] = losses.aesthetic_head
    return {key: name for key, name in found.items() if name.strip()}


def require_images(config: RunConfig, parsed: Iterable[Prompt], search_path: SearchPath) -> None:
    """Refuse to go on with a picture, or a file of a palette, that cannot be opened.

    Raises:
        PictureError: for the first one, with the reason.
    """
    parsed = list(parsed)
    named = images_of_run(config, parsed)
    for prompt in parsed:
        if prompt.region is not None and prompt.region.mask is not None:
            _check_mask(prompt.region.mask, search_path)
    for name in named:
        path = search_path.find(name)
        if name == config.init and not os.path.isfile(path) and path.suffix == "":
            raise PictureError(no_start(name))
        if name == config.init and PATTERN.search(name) and not os.path.exists(path):
            raise PictureError(
                f"init is {shorten_name(name)}, and there is no file of that name; a run starts "
                "from one picture, so name that one"
            )
        if name == config.init:
            check_image(path)
        else:
            check_images(name, search_path)
    head = loss_files(config).get("losses.aesthetic_head")
    if head and not search_path.find(head).is_file():
        raise ConfigError(
            f"losses.aesthetic_head is {shorten_name(head)}, and there is no file of that name; "
            "LAION's predictors are at github.com/LAION-AI/aesthetic-predictor: download one, "
            "such as sa_0_4_vit_b_32_linear.pth"
        )
    for key, text in palettes_of_run(config):
        check_files(text, search_path, key)


def _check_mask(name: str, search_path: SearchPath) -> None:
    """Refuse a mask that is not one picture."""
    path = search_path.find(name)
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
        f"{', '.join(STARTS)}{suggest_value('init', name[:80], STARTS)}"
    )


def palettes_of_run(config: RunConfig) -> list[tuple[str, str]]:
    """The settings of a run that are palettes, and are not empty, with their values."""
    found = [
        ("losses.colours", config.losses.colours),
        ("draw.colours", config.draw.colours),
        ("filters.lookup", config.filters.lookup),
    ]
    return [(key, text) for key, text in found if text.strip()]


def inline_palettes(config: RunConfig, search_path: SearchPath) -> RunConfig:
    """Write the colours of pictures and palette files into the settings that name them.

    So the notes hold them, and the run can be drawn again without the files.

    Raises:
        VqclipError: for a file that cannot be read.
    """
    for key, text in palettes_of_run(config):
        group, _, name = key.partition(".")
        values = replace(getattr(config, group), **{name: inline_files(text, search_path, key)})
        config = replace(config, **{group: values})
    return config
