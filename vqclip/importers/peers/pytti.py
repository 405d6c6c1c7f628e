"""pytti: scenes, masks, expressions, its image models and cameras.

Times of its expressions are seconds, as here. Sizes of its pixel models are those of the grid,
and the picture is `pixel_size` times as large.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from vqclip.errors import ConfigError, PromptError
from vqclip.importers.draft import Draft
from vqclip.importers.options import (
    ANYTHING,
    NUMBER,
    TEXT,
    TRUTH,
    WHOLE,
    Option,
    Peer,
    check_rows,
    kept,
    left,
    nearly,
    same,
    show_value,
)
from vqclip.importers.peers import pytti_motion, shared
from vqclip.importers.peers.pytti_motion import evaluate
from vqclip.language.prompt_types import Prompt
from vqclip.language.schedules import Schedule, parse_schedule

MADE = "scenes scene_prefix scene_suffix direct_image_prompts semantic_init_weight"
DISPLAY = "it is about display and files of pytti's"
SHOWN = (
    "file_namespace allow_overwrite base_name overwrite display_every display_scale clear_every "
    "save_every backups backup_every show_graphs approximate_vram_usage use_tensorboard "
    "models_parent_dir device restore resume convert_to_video run_video conf defaults hydra"
)
OPTIONS: tuple[Option, ...] = check_rows(
    (
        kept(
            "scenes",
            "",
            "prompts",
            TEXT,
            how="`||` is `^`, `text:2_l` is `text in(left):2`; weights may be expressions",
        ),
        kept("scene_prefix", "", "prompts", TEXT, how="around each scene"),
        kept("scene_suffix", "", "prompts", TEXT, how="around each scene"),
        kept("direct_image_prompts", "", "prompts", TEXT),
        kept("init_image", "", "init", TEXT),
        kept("direct_init_weight", "", "losses.init", TEXT, how="a tenth of it with VQGAN"),
        nearly(
            "semantic_init_weight",
            "",
            "prompts",
            TEXT,
            "`@start.png`: vqclip cuts the picture anew at each step, pytti once",
        ),
        kept(
            "image_model",
            "Unlimited Palette",
            "drawer",
            TEXT,
            how="Unlimited Palette is pixels, Limited Palette is palette",
        ),
        kept("vqgan_model", "sflckr", "vqgan", TEXT),
        kept(
            "pixel_size",
            "1",
            "size draw.grid",
            WHOLE,
            how="the size is as many times width and height",
        ),
        kept("width", "512", "size draw.grid", WHOLE, how="VQGAN: in whole codes"),
        kept("height", "512", "size draw.grid", WHOLE, how="VQGAN: in whole codes"),
        kept(
            "steps_per_scene",
            "100",
            "frames steps",
            WHOLE,
            how="(scenes × it − pre_animation_steps) / steps_per_frame + 1 frames",
        ),
        kept("steps_per_frame", "50", "motion.steps", WHOLE),
        kept("interpolation_steps", "0", "fade", WHOLE, how="divided by steps_per_scene"),
        kept("pre_animation_steps", "50", "steps", WHOLE, how="of the first frame"),
        kept("learning_rate", "0.1; Gumbel 0.15, pixels 0.02", "optimiser.rate", NUMBER),
        left("reset_lr_each_frame", "true", "vqclip's rate is the same in every frame", TRUTH),
        kept("cutouts", "40", "cutouts.count", WHOLE, same),
        kept("cut_pow", "2", "cutouts.recipe", NUMBER, how="the recipe pytti has 2"),
        kept("cutout_border", "0.25", "cutouts.recipe", NUMBER, how="the recipe pytti has 0.25"),
        kept("border_mode", "clamp", "cutouts.recipe", TEXT, how="the recipe pytti has clamp"),
        kept("smoothing_weight", "0.02", "losses.smoothness", NUMBER, same),
        kept("palette_size", "5", "draw.shades", WHOLE),
        kept("palettes", "20", "draw.palettes", WHOLE),
        kept("gamma", "1", "draw.gamma", NUMBER),
        kept("hdr_weight", "0.01", "losses.shades", NUMBER),
        kept("palette_normalization_weight", "0.2", "losses.unlike", NUMBER),
        kept("random_initial_palette", "false", "draw.start", TRUTH),
        kept(
            "target_palette",
            "",
            "draw.start draw.colours",
            TEXT,
            how="the colours of that picture",
        ),
        kept("lock_palette", "false", "draw.lock", TRUTH),
        left("show_palette", "false", DISPLAY, TRUTH),
        *pytti_motion.OPTIONS,
        kept("frames_per_second", "12", "fps", NUMBER),
        kept("seed", "random", "seed", ANYTHING),
        *(
            kept(f"{name}", "true" if name.startswith("ViTB32") else "false", "perceptors", TRUTH)
            for name in (
                *("ViTB32 ViT_B_32 ViT_B/32", "ViTB16 ViT_B_16 ViT_B/16", "ViTL14 ViT_L/14"),
                *("ViTL14_336px ViT_L/14@336px", "RN50", "RN101", "RN50x4", "RN50x16", "RN50x64"),
            )
        ),
        left("use_mmc", "false", "mmc's models are named one by one here: perceptors", TRUTH),
        left("mmc_models", "", "mmc's models are named one by one here: perceptors"),
        nearly(
            "gradient_accumulation_steps",
            "1",
            "memory.chunk",
            WHOLE,
            "as many cutouts at a time; the picture stays the same",
        ),
        left("stop", "", "steps is fixed"),
        *(left(name, "", DISPLAY) for name in SHOWN.split()),
    )
)


DRAWERS = {"unlimited palette": "pixels", "limited palette": "palette", "vqgan": "vqgan"}


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    model = draft.get("image_model", "Unlimited Palette").strip().lower()
    if model not in DRAWERS:
        raise draft.refuse("image_model", "it is Unlimited Palette, Limited Palette or VQGAN")
    drawer = DRAWERS[model]
    draft.put("drawer", drawer, "image_model")
    _write_perceptors(draft)
    rate = _write_model(draft, drawer)
    wide, high = _write_size(draft, drawer)
    draft.put("optimiser.rate", rate, "learning_rate")
    if drawer == "palette":
        _write_palette(draft)
    _write_init(draft, drawer)
    _write_squares(draft)
    shared.write_seed(draft)
    scenes = _scenes(draft)
    lengths = pytti_motion.write_motion(draft, len(scenes), (wide, high), rate)
    extra = _pictures(draft)
    scenes = [scene + extra for scene in scenes]
    draft.put("prompts", shared.scenes_to_text(scenes, lengths), *MADE.split())
    draft.base(
        shared.PLAIN
        | {
            "losses.smoothness": 0.02,
            "cutouts.count": 40,
            "cutouts.recipe": "pytti",
            "cutouts.contrast": "absolute",
            "optimiser.name": "adam",
            "optimiser.schedule": "constant",
            "optimiser.average": 0.99 if drawer == "vqgan" else 0.0,
            "previews": 50,
        }
    )


def _write_perceptors(draft: Draft) -> None:
    """Write the CLIPs that are switched on; pytti takes their mean."""
    options = [each.name for each in OPTIONS if each.to == "perceptors"]
    chosen = [name for name in options if draft.get(name, name == "ViTB32")]
    names = [name for each in chosen if (name := shared.clip_name(each))]
    if not names:
        raise ConfigError("no CLIP is switched on; write ViTB32: true, or another one")
    share = "" if len(names) == 1 else f":{1 / len(names):.6g}"
    draft.put("perceptors", [f"{name}{share}" for name in names], *options)


def _write_model(draft: Draft, drawer: str) -> float:
    """Write the VQGAN; return the learning rate."""
    if drawer != "vqgan":
        draft.leave("vqgan_model", "it belongs to another image model than the one that draws")
        return float(draft.get("learning_rate", 0.02))
    typed = draft.get("vqgan_model", "sflckr")
    name, told = shared.vqgan_name(typed)
    if not name:
        name = "sflckr"
        draft.leave("vqgan_model", "vqclip knows no such model; drawn by sflckr")
    else:
        draft.put("vqgan", name, "vqgan_model")
        if told:
            draft.nearly("vqgan_model", told)
    draft.settings["vqgan"] = name
    usual = 0.15 if name == "gumbel_f8_8192" else 0.1
    return float(draft.get("learning_rate", usual))


def _write_size(draft: Draft, drawer: str) -> tuple[int, int]:
    """Write size and grid; return width and height of what pytti's motion counts in."""
    wide, high = draft.get("width", 512), draft.get("height", 512)
    factor = draft.get("pixel_size", 1)
    for option, number in (("width", wide), ("height", high), ("pixel_size", factor)):
        if number < 1:
            raise draft.refuse(option, "it must be 1 or more")
    if drawer == "vqgan":
        step = 8 if draft.settings["vqgan"] == "gumbel_f8_8192" else 16
        wide, high = wide * factor, high * factor
        draft.put("size", f"{wide - wide % step}x{high - high % step}", "width", "height")
        draft.leave("pixel_size", "a VQGAN has no cells; the size is as large")
        return wide, high
    draft.put("size", f"{wide * factor}x{high * factor}", "width", "height", "pixel_size")
    draft.put("draw.grid", f"{wide}x{high}", "width", "height")
    return wide, high


def _write_palette(draft: Draft) -> None:
    """Write the limited palette."""
    draft.put("draw.shades", draft.get("palette_size", 5), "palette_size")
    draft.put("draw.palettes", draft.get("palettes", 20), "palettes")
    draft.put("draw.gamma", draft.get("gamma", 1.0), "gamma")
    draft.put("losses.shades", draft.get("hdr_weight", 0.01), "hdr_weight")
    unlike = draft.get("palette_normalization_weight", 0.2)
    draft.put("losses.unlike", unlike, "palette_normalization_weight")
    draft.put("draw.lock", draft.get("lock_palette", False), "lock_palette")
    start = "random" if draft.get("random_initial_palette", False) else "grey"
    draft.put("draw.start", start, "random_initial_palette")
    target = draft.get("target_palette", "").strip()
    if target and not shared.refuse_addresses(draft, "target_palette"):
        count = draft.settings["draw.shades"] * draft.settings["draw.palettes"]
        draft.put("draw.start", "colours", "target_palette")
        draft.put("draw.colours", f"@{target}\\{min(count, 4096)}", "target_palette")


def _write_init(draft: Draft, drawer: str) -> None:
    """Write the start, and how close the picture stays to it."""
    draft.put("init", "random")
    typed = draft.get("init_image", "").strip()
    if typed and not shared.refuse_addresses(draft, "init_image"):
        draft.put("init", typed, "init_image")
    else:
        for option in ("direct_init_weight", "semantic_init_weight"):
            draft.leave(option, "there is no init_image")
    if draft.settings["init"] == "random" or not draft.get("direct_init_weight", "").strip():
        return
    value = pytti_motion.weight_of(draft, "direct_init_weight")
    if value is not None:
        # Of a VQGAN, pytti takes half of the latent's squares, and a tenth of the pixels'.
        factor = 0.1 if drawer == "vqgan" else 1.0
        draft.put("losses.init", shared.scaled(value, factor), "direct_init_weight")
        if drawer == "vqgan":
            draft.nearly("direct_init_weight", "a tenth, of the pixels alone: not of the latent")


def _write_squares(draft: Draft) -> None:
    """Write how cutouts are made: the recipe pytti has one power, border and mode."""
    draft.put("cutouts.recipe", "pytti", "cut_pow", "cutout_border", "border_mode")
    for option, usual in (("cut_pow", 2.0), ("cutout_border", 0.25), ("border_mode", "clamp")):
        if draft.get(option, usual) != usual:
            draft.nearly(option, f"the recipe pytti has {show_value(usual)}")
    count = draft.get("cutouts", 40)
    parts = draft.get("gradient_accumulation_steps", 1)
    if count < 1 or parts < 1:
        option = "cutouts" if count < 1 else "gradient_accumulation_steps"
        raise draft.refuse(option, "it must be 1 or more")
    if draft.has("gradient_accumulation_steps"):
        draft.put("memory.chunk", math.ceil(count / parts), "gradient_accumulation_steps")


def _scenes(draft: Draft) -> list[list[Prompt]]:
    """The scenes, each with prefix and suffix around it."""
    prefix, suffix = draft.get("scene_prefix", ""), draft.get("scene_suffix", "")
    found, names = [], pytti_motion.variables(draft)
    for scene in draft.get("scenes", "").split("||"):
        if not scene.strip():
            continue
        told: list[str] = []
        parts = f"{prefix}{scene}{suffix}".split("|")
        prompts = [each for part in parts if (each := _prompt(part, told, names)) is not None]
        if told:
            draft.nearly("scenes", "; ".join(dict.fromkeys(told)))
        if prompts:
            found.append(prompts)
    if not found:
        raise PromptError("there are no scenes in it; a picture needs one at least")
    return found


def _prompt(part: str, told: list[str], names: Mapping[str, str]) -> Prompt | None:
    """A prompt such as `text:weight_mask:stop`, of which weight and stop may be expressions.

    Args:
        told: takes what is left out of it.
        names: the variables of expressions → their names here.
    """
    fields = re.split(r":(?!//)", part.strip())
    body, numbers = fields[0].strip(), fields[1:3]
    if not body:
        return None
    weight_text, _, mask = (numbers[0] if numbers else "1").partition("_")
    picture = re.fullmatch(r"\[(.*)\]", body)
    if picture and shared.is_address(picture[1]):
        told.append(f"without {picture[1][:60]}: save the picture, then write its name")
        return None
    weight = evaluate(weight_text.strip() or "1", told, names)
    stop = evaluate(numbers[1].strip(), told, names) if len(numbers) > 1 else None
    prompt = shared.picture_prompt(picture[1]) if picture else shared.make_prompt(body)
    if prompt is None:
        return None
    if weight is not None:
        prompt = replace(prompt, weight=_amount(weight))
    if stop is not None and (number := parse_schedule(stop)).constant is not None:
        prompt = replace(prompt, stop=number.constant)
    elif stop is not None:
        told.append(f"the stop {numbers[1].strip()[:40]!r} changes, and vqclip's do not")
    return _masked(prompt, mask.strip(), told)


def _amount(text: str) -> float | Schedule:
    """A weight: a number, or a schedule."""
    found = parse_schedule(text)
    return found if found.constant is None else found.constant


SIDES = {"r": "right", "l": "left", "u": "top", "d": "bottom"}


def _masked(prompt: Prompt, mask: str, told: list[str]) -> Prompt:
    """A prompt about a part of the picture: `_l`, `_[mask.png]`, `_[-mask.png]`."""
    file = re.fullmatch(r"\[(-?)(.*)\]", mask)
    try:
        if mask in SIDES:
            return shared.in_region(prompt, SIDES[mask])
        if file and re.search(r"\.(png|jpe?g|webp|bmp|tiff?)$", file[2].strip(), re.IGNORECASE):
            return shared.in_region(prompt, file[2], outside=bool(file[1]))
    except PromptError as error:
        told.append(str(error))
    if mask and mask != "a":
        told.append(f"without the mask _{mask[:40]}: vqclip has sides and pictures as regions")
    return prompt


def _pictures(draft: Draft) -> list[Prompt]:
    """The prompts of pictures, and of the start."""
    found: list[Prompt] = []
    told: list[str] = []
    for part in draft.get("direct_image_prompts", "").split("|"):
        body = part.strip()
        named = re.match(r"\[(.*?)\]|([^:]+)", body)
        if named is None:
            continue
        path, rest = named[1] or named[2], body[named.end() :]
        if prompt := _prompt(f"[{path}]{rest}", told, pytti_motion.variables(draft)):
            found.append(prompt)
    if told:
        draft.nearly("direct_image_prompts", "; ".join(dict.fromkeys(told)))
    if draft.settings.get("init", "random") != "random" and draft.has("semantic_init_weight"):
        value = pytti_motion.weight_of(draft, "semantic_init_weight")
        start = shared.picture_prompt(draft.settings["init"])
        if value is not None and start is not None:
            found.append(replace(start, weight=_amount(value)))
    return found


PYTTI = Peer(
    name="pytti",
    title="pytti",
    about="",
    options=OPTIONS,
    write=write,
    scripts=("pytti", "pytti.workhorse"),
    marks=("scenes", "scene_prefix", "scene_suffix", "steps_per_scene", "image_model"),
)
