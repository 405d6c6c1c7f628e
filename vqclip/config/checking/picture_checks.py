"""Checks of the pictures that a run reads: its prompts', masks and its start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

from vqclip.config.checking.depth_checks import check_depth_model
from vqclip.config.checking.seeds import first_seed
from vqclip.config.checking.suggestions import suggest_value
from vqclip.config.loss_settings import parse_looks
from vqclip.config.schema import NOISES, RunConfig
from vqclip.config.steps.step_settings import settle_overlay
from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock
from vqclip.language.prompt_types import Prompt
from vqclip.media.palettes.palette_files import check_files, inline_files
from vqclip.media.paths import (
    PATTERN,
    SLACK,
    check_image,
    check_images,
    find_images,
    read_size,
    shorten_name,
)

PICTURES = ("losses.edge_picture", "losses.edge_mask", "losses.depth_of")  # of losses, one each
STARTS = ("auto", "dream", "random", "source", *NOISES)  # what `init` may be instead of a picture


def images_of_run(
    config: RunConfig, wanted: Iterable[Prompt], *, fitted: bool = False
) -> list[str]:
    """Name the pictures that a run reads: those of the prompt, then the one it starts from.

    A name may stand for several: see `vqclip.media.paths.find_images`.

    Args:
        fitted: without those of a style, which are not stretched to the run's size.
    """
    names = []
    for prompt in wanted:
        names += [prompt.body] if prompt.has_pictures else []
        names += [prompt.region.mask] if prompt.region is not None and prompt.region.mask else []
    named = loss_files(config)
    names += [named[key] for key in PICTURES if key in named]
    if "losses.look_of" in named and not fitted:
        names += [name for name, _ in parse_looks(named["losses.look_of"])]
    names += [config.overlay.picture] if config.overlay.picture.strip() else []
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
    """The files and folders that losses of a weight read: setting → name, or names with weights.

    Those of `losses.look_of` are read by `parse_looks`.
    """
    losses, found = config.losses, {}
    if losses.edges or losses.ground:
        found["losses.edge_picture"] = losses.edge_picture
    if losses.edges:
        found["losses.edge_mask"] = losses.edge_mask
    if losses.aesthetic:
        found["losses.aesthetic_head"] = losses.aesthetic_head
    if losses.look:
        found["losses.look_of"] = losses.look_of
    if losses.depth:
        found["losses.depth_of"] = losses.depth_of
        found["losses.depth_model"] = losses.depth_model
    return {key: name for key, name in found.items() if name.strip()}


def head_of_run(config: RunConfig) -> str:
    """The aesthetic head that a run uses, by its name or path; "" for none."""
    return loss_files(config).get("losses.aesthetic_head", "").strip()


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
        if prompt.kind == "like":
            _check_like(prompt.body, search_path)
    for name in named:
        path = search_path.find(name)
        if name == config.init and not os.path.isfile(path) and path.suffix == "":
            raise PictureError(no_start(name))
        if name == config.init and PATTERN.search(name) and not os.path.exists(path):
            raise PictureError(
                f"init is {shorten_name(name)}, and there is no file of that name; a run starts "
                "from one picture, so name that one"
            )
        if name == config.overlay.picture and PATTERN.search(name) and not os.path.exists(path):
            raise PictureError(
                f"overlay.picture is {shorten_name(name)}, and there is no file of that name; a "
                "run has one overlay, so name that one"
            )
        if name in (config.init, config.overlay.picture):
            check_image(path)
        else:
            check_images(name, search_path)
    if depths := loss_files(config).get("losses.depth_model"):
        check_depth_model(search_path.find(depths), " (or leave out losses.depth)")
    for key, text in palettes_of_run(config):
        check_files(text, search_path, key)


def note_overlay(config: RunConfig, search_path: SearchPath) -> Iterator[str]:
    """Note that an overlay is never laid, or leaves nothing of the drawing to be seen."""
    wanted = config.overlay
    if not wanted.picture.strip():
        yield from (
            f"overlay.{each.name} has no effect without overlay.picture, such as star.png"
            for each in fields(wanted)
            if getattr(wanted, each.name) != each.default
        )
        return
    name, path = shorten_name(wanted.picture), search_path.find(wanted.picture)
    moves = bool(config.frames or config.length or config.source.film)
    steps = None if moves else settle_overlay(config, Clock(config.steps))
    if steps is not None and steps.start >= config.steps:
        yield (
            f"overlay.start is {wanted.start} and the run has {config.steps} steps, so {name} is "
            "never laid over it"
        )
    elif wanted.alpha == 1 and _is_opaque(path):
        yield (
            f"{name} is opaque and covers all that is drawn; to see through it write "
            "overlay.alpha=0.5, or cut out what is to stay free"
        )


def _is_opaque(path: Path) -> bool:
    """Whether a picture that can be opened has nothing that says what is transparent."""
    from PIL import Image as pillow

    with pillow.open(path) as picture:
        return picture.mode[-1] not in "Aa" and "transparency" not in picture.info


def _check_like(name: str, search_path: SearchPath) -> None:
    """Refuse a like( ) that names no pictures; with nothing of its name, words may be meant."""
    path = search_path.find(name)
    if os.path.exists(path) or PATTERN.search(name):
        find_images(name, search_path, "like(photos/*.jpg)")
        return
    shown, weight = shorten_name(name), re.fullmatch(r"(.+):([+-]?[0-9.]+)", name)
    if weight is not None and os.path.exists(search_path.find(weight[1])):
        mend = f"the weight stands behind the bracket: like({weight[1]}):{weight[2]}"
    else:
        mend = f'name a picture, such as like(photo.jpg); for the words write "like" ({shown})'
    raise PictureError(f"like({shown}): there is no picture {shown}; {mend}")


def describe_cropped(wanted: Iterable[Prompt], search_path: SearchPath) -> list[str]:
    """Say of each like( ) what of its picture is seen, if that is not nearly all.

    Of several pictures, of the first that is cut.
    """
    found = []
    for name in dict.fromkeys(each.body for each in wanted if each.kind == "like"):
        for path in find_images(name, search_path):
            width, height = read_size(path)
            side = min(width, height)
            if max(width, height) > SLACK * side:
                found.append(
                    f"{name} is {width}x{height}, and like( ) sees the middle of it, "
                    f"{side}x{side}; @{name} sees all of it"
                )
                break
    return found


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
