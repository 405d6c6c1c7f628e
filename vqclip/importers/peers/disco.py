"""Disco Diffusion and discoart: their prompts and cameras, drawn with a VQGAN.

They draw by diffusion, which vqclip does not: what is kept are words, models, cutouts and moves.
Weights are divided by the sum of a prompt's, as there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vqclip.errors import PromptError
from vqclip.importers.draft import SAVED, Draft, number_text
from vqclip.importers.options import (
    Peer,
    read_number,
    show_value,
)
from vqclip.importers.peers import shared
from vqclip.importers.peers.disco_options import CLIPS, OPTIONS, USUAL
from vqclip.language.prompt_types import Prompt

SLICE = re.compile(r"\s*\[\s*([\d.]+)\s*\]\s*\*\s*(\d{1,4})\s*")
PADDINGS = {"border": "smear", "reflection": "mirror", "zeros": "black"}


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    mode = str(draft.get("animation_mode", "None")).strip().lower()
    known = {"none": "", "2d": "2D", "3d": "3D", "video input": "film"}
    if mode not in known:
        raise draft.refuse("animation_mode", "it is None, 2D, 3D or Video Input")
    wide, high = _write_size(draft)
    steps = draft.get("steps", 250)
    if steps < 1:
        raise draft.refuse("steps", "it must be 1 or more")
    _write_perceptors(draft)
    _write_cutouts(draft)
    draft.put("steps", steps, "steps")
    _write_init(draft)
    frames = 0
    if known[mode]:
        frames = _write_motion(draft, known[mode], steps, (wide, high))
    else:
        leave_moves(draft)
    _write_losses(draft, frames)
    shared.write_seed(draft)
    _write_prompts(draft, frames)
    draft.base(
        shared.PLAIN
        | {
            "drawer": "vqgan",
            "vqgan": "imagenet_f16_16384",
            "cutouts.recipe": "disco",
            "cutouts.contrast": "absolute",
            "optimiser.name": "adam",
            "optimiser.rate": 0.2,
            "optimiser.schedule": "drop",
        }
    )


def _write_size(draft: Draft) -> tuple[int, int]:
    """Write the size, in whole codes."""
    typed = draft.get("width_height")
    wide, high = 1280, 768
    if typed is not None:
        try:
            wide, high = (int(read_number(each)) for each in typed)
        except (TypeError, ValueError):
            raise draft.refuse("width_height", "it is such as [1280, 768]") from None
    wide, high = draft.get("width", wide), draft.get("height", high)
    if min(wide, high) < 16 or max(wide, high) > 16384:
        raise draft.refuse("width", "width and height are 16 to 16384 pixels")
    size = f"{wide - wide % 16}x{high - high % 16}"
    draft.put("size", size, "width", "height", "width_height")
    return wide, high


def _write_perceptors(draft: Draft) -> None:
    """Write the CLIPs, all of one weight."""
    listed = draft.get("clip_models")
    if isinstance(listed, str | list):
        names = re.split(r"[,\s]+", listed) if isinstance(listed, str) else listed
        usual = ("ViT-B-32", "ViT-B-16", "RN50")
        known = shared.clip_names(draft, "clip_models", map(show_value, names), usual)
        draft.put("perceptors", known, "clip_models")
        return
    given = any(draft.has(name) for name in CLIPS)
    chosen = [name for name in CLIPS if draft.get(name, not given and name in USUAL)]
    chosen = chosen or list(USUAL)
    found = [name for each in chosen if (name := shared.clip_name(each))]
    draft.put("perceptors", found, *CLIPS)


def _write_cutouts(draft: Draft) -> None:
    """Write the number of cutouts: overviews and inner cuts of all batches."""
    overview = _levels(draft, "cut_overview", "[12]*400+[4]*600")
    inner = _levels(draft, "cut_innercut", "[4]*400+[12]*600")
    batches = draft.get("cutn_batches", 4)
    if isinstance(batches, str) and SLICE.match(batches):
        batches = _levels(draft, "cutn_batches", "[4]*1000")[0]
        draft.nearly("cutn_batches", "as at the beginning, all the time")
    try:
        batches = int(read_number(batches))
    except (TypeError, ValueError):
        raise draft.refuse("cutn_batches", "it is a whole number") from None
    counts = [
        max(1, min(100_000, round((a + b) * batches)))
        for a, b in zip(overview, inner, strict=False)
    ]
    names = ("cut_overview", "cut_innercut", "cutn_batches")
    keys = [(0, counts[0])]
    keys += [(n, now) for n, now in enumerate(counts) if n and now != counts[n - 1]]
    if len(keys) == 1:
        draft.put("cutouts.count", counts[0], *names)
    elif len(keys) <= 40:
        told = [f"0: {counts[0]}", *(f"{n / 10:g}%: {now} hold" for n, now in keys[1:])]
        draft.put("cutouts.count", ", ".join(told), *names)
    else:
        raise draft.refuse("cut_overview", "it changes more than 40 times")


def _levels(draft: Draft, option: str, usual: str) -> list[float]:
    """The thousand values of a schedule such as `[12]*400+[4]*600`."""
    found: list[float] = []
    for part in str(draft.get(option, usual)).split("+"):
        match = SLICE.fullmatch(part)
        single = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", part)
        if single and not found:
            found = [float(single[1])] * 1000
        elif match and len(match[1]) < 8 and match[1].count(".") < 2 and match[1] != ".":
            found += [float(match[1])] * int(match[2])
        else:
            raise draft.refuse(option, "it is such as [12]*400+[4]*600")
        if len(found) > 20_000:
            raise draft.refuse(option, "it has 1000 values")
    if not found:
        raise draft.refuse(option, "it is such as [12]*400+[4]*600")
    return (found + found[-1:] * 1000)[:1000]


def _write_init(draft: Draft) -> None:
    """Write the start."""
    draft.put("init", "fractal" if draft.get("perlin_init", False) else "random", "perlin_init")
    typed = draft.get("init_image", "").strip()
    if typed and typed.lower() != "none" and not shared.refuse_addresses(draft, "init_image"):
        draft.put("init", typed, "init_image")
        draft.leave("perlin_init", "an init image is given, and counts")


def _write_losses(draft: Draft, frames: int) -> None:
    """Write the losses, relative to the weight of the prompts."""
    scale = draft.get("clip_guidance_scale", 5000)
    if isinstance(scale, str) and SLICE.match(scale):
        scale = _levels(draft, "clip_guidance_scale", "[5000]*1000")[0]
    try:
        scale = read_number(scale)
    except (TypeError, ValueError):
        raise draft.refuse("clip_guidance_scale", "it is a number") from None
    if scale <= 0:
        raise draft.refuse("clip_guidance_scale", "it must be above 0: nothing would be drawn")
    if draft.get("tv_scale", 0.0):
        draft.put("losses.smoothness", 4 * draft.get("tv_scale") / scale, "tv_scale")
    if draft.get("sat_scale", 0.0):
        draft.put("losses.saturation", -draft.get("sat_scale") / scale, "sat_scale")
    if draft.settings.get("init", "random") not in ("random", "fractal"):
        draft.put("losses.init", draft.get("init_scale", 1000.0) / scale, "init_scale")
    else:
        draft.leave("init_scale", "there is no init image")
    if draft.settings.get("frames"):
        option = "video_init_frames_scale" if "source.film" in draft.settings else "frames_scale"
        usual = 15000.0 if option != "frames_scale" else 1500.0
        draft.put("motion.hold", draft.get(option, usual) / scale, option)
    _write_symmetry(draft)


def _write_symmetry(draft: Draft) -> None:
    """Write symmetries, which hold until shares of the run."""
    upright = draft.get("use_vertical_symmetry", False)
    flat = draft.get("use_horizontal_symmetry", False)
    if not (upright or flat):
        draft.leave("transformation_percent", "there is no symmetry")
        return
    typed = draft.get("transformation_percent", [0.09])
    try:
        ends = [read_number(each) for each in (typed if isinstance(typed, list) else [typed])]
        until = max(ends)
    except (TypeError, ValueError):
        raise draft.refuse("transformation_percent", "it is such as [0.09]") from None
    if not 0 < until <= 1:
        raise draft.refuse("transformation_percent", "shares are above 0, and at most 1")
    option = "use_vertical_symmetry" if upright else "use_horizontal_symmetry"
    rise = f"0: 1, {number_text(100 * until)}%: 0 hold"
    draft.put("losses.symmetry", rise, option, "transformation_percent")
    draft.put("losses.axis", "horizontal" if upright else "vertical", option)
    if upright and flat:
        draft.leave("use_horizontal_symmetry", "vqclip mirrors in one direction at a time")


MOVES = (
    *("angle", "zoom", "translation_x", "translation_y", "translation_z"),
    *("rotation_3d_x", "rotation_3d_y", "rotation_3d_z"),
)


def leave_moves(draft: Draft) -> None:
    """Leave out what belongs to animations, in a still."""
    for name in (
        *MOVES,
        *("max_frames", "interp_spline", "fov", "padding_mode", "video_init_path"),
        *("extract_nth_frame", "video_init_flow_warp", "video_init_flow_blend"),
        *("frames_skip_steps", "frames_scale", "video_init_frames_skip_steps"),
        "video_init_frames_scale",
    ):
        draft.leave(name, "it belongs to animations, and animation_mode is None")


def _write_motion(draft: Draft, mode: str, steps: int, size: tuple[int, int]) -> int:
    """Write frames, their steps and the camera; return the number of frames, 0 for a film's."""
    frames = draft.get("max_frames", 10_000)
    draft.base(shared.MOVING)
    draft.settings["film.format"] = "mp4"
    draft.put("fps", 12.0)
    film = mode == "film"
    option = "video_init_frames_skip_steps" if film else "frames_skip_steps"
    for name in ("frames_skip_steps", "video_init_frames_skip_steps"):
        if name != option:
            draft.leave(name, f"it has no effect in animation_mode {draft.get('animation_mode')}")
    other = "frames_scale" if film else "video_init_frames_scale"
    draft.leave(other, f"it has no effect in animation_mode {draft.get('animation_mode')}")
    skip = str(draft.get(option, "70%" if film else "60%")).strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?%?", skip):
        raise draft.refuse(option, "it is a share, such as 60%")
    share = float(skip.removesuffix("%")) / 100
    if not 0 <= share < 1:
        raise draft.refuse(option, "it is a share below 100%")
    draft.put("motion.steps", max(1, round(steps * (1 - share))), option)
    if film:
        return _write_film(draft)
    if frames < 1:
        raise draft.refuse("max_frames", "it must be 1 or more")
    draft.put("frames", frames, "max_frames", "animation_mode")
    for name in ("video_init_path", "extract_nth_frame", "video_init_flow_warp"):
        draft.leave(name, "it belongs to the animation_mode Video Input")
    draft.settings.pop("source.stride", None)
    draft.leave("video_init_flow_blend", "it belongs to the animation_mode Video Input")
    write_camera(draft, mode, size, str(draft.get("interp_spline", "Linear")))
    if str(draft.get("interp_spline", "Linear")).strip().lower() != "linear":
        draft.nearly("interp_spline", "along a smooth curve, vqclip's spline")
    return frames


def _write_film(draft: Draft) -> int:
    """Write the film that is drawn over."""
    film = draft.get("video_init_path", "").strip()
    if not film or shared.is_address(film):
        raise draft.refuse("video_init_path", "Video Input needs a film on this machine")
    draft.put("source.film", film, "video_init_path", "animation_mode")
    if draft.has("max_frames"):
        draft.put("frames", max(1, draft.get("max_frames")), "max_frames")
    flow = "dis" if draft.get("video_init_flow_warp", True) else "none"
    draft.put("source.flow", flow, "video_init_flow_warp")
    blend = draft.get("video_init_flow_blend", 0.999)
    draft.put("source.blend", min(1.0, max(0.0, 1 - blend)), "video_init_flow_blend")
    draft.settings.pop("init", None)
    for name in (*MOVES, "interp_spline", "fov", "padding_mode"):
        draft.leave(name, "it has no effect over a film")
    for name in ("init_image", "perlin_init"):
        draft.leave(name, "each frame starts from the film's")
    return draft.settings.get("frames", 0)


def write_camera(draft: Draft, mode: str, size: tuple[int, int], spline: str = "Linear") -> None:
    """Write the moves of a camera, from keyframe strings; Deforum has the same.

    Args:
        mode: "2D" or "3D".
        size: of the picture, in pixels.
        spline: how values change between keyframes.
    """
    wide, high = size
    flat: Mapping[str, tuple[str, float]] = {
        "angle": ("camera.roll", -1.0),
        "zoom": ("camera.zoom", 1.0),
        "translation_x": ("camera.pan_x", -1 / wide),
        "translation_y": ("camera.pan_y", -1 / high),
    }
    deep: Mapping[str, tuple[str, float]] = {
        "translation_x": ("camera.right", 1 / 200),
        "translation_y": ("camera.up", 1 / 200),
        "translation_z": ("camera.forward", 1 / 200),
        "rotation_3d_x": ("camera.tilt", 1.0),
        "rotation_3d_y": ("camera.swing", 1.0),
        "rotation_3d_z": ("camera.roll", -1.0),
    }
    moves = flat if mode == "2D" else deep
    for option in MOVES:
        if option not in moves:
            draft.leave(option, f"it has no effect in animation_mode {mode}")
            continue
        if not draft.has(option):
            continue
        text = shared.keyframes(draft, option, draft.get(option), spline)
        if text is not None:
            setting, factor = moves[option]
            draft.put(setting, shared.scaled(text, factor), option)
            if mode == "3D" and option in ("translation_x", "translation_y"):
                draft.nearly(option, "divided by 200, beside a flat wall")
    if mode == "2D":
        draft.put("camera.edges", "wrap")
        draft.leave("fov", "it has no effect in animation_mode 2D")
        draft.leave("padding_mode", "it has no effect in animation_mode 2D, which wraps around")
        return
    draft.put("camera.depth", "flat")
    draft.put("camera.view", draft.get("fov", 40.0), "fov")
    typed = str(draft.get("padding_mode", "border")).strip().lower()
    if typed not in PADDINGS:
        raise draft.refuse("padding_mode", f"it is one of {', '.join(PADDINGS)}")
    draft.put("camera.edges", PADDINGS[typed], "padding_mode")


def _write_prompts(draft: Draft, frames: int) -> None:
    """Write prompts, each scene from its frame on."""
    scenes = shared.scenes_by_frame(draft, "text_prompts")
    told: list[str] = []
    starts = [start for start in scenes if start == 0 or (start < frames)]
    for start in set(scenes) - {*starts}:
        told.append(f"without the prompts of frame {start}, which there is not")
    stories = [_prompts_of(draft, scenes[start]) for start in starts]
    pictures = shared.scenes_by_frame(draft, "image_prompts").get(0, [])
    own = [_picture(draft, each) for each in pictures]
    extra = [each for each in own if each is not None]
    if extra and not stories:
        starts, stories = [0], [[]]
    stories = [story + extra for story in stories]
    lengths = shared.lengths_between(starts, frames)
    text = shared.scenes_to_text(stories, lengths if len(stories) > 1 else ())
    draft.put("prompts", text, "text_prompts", *(["image_prompts"] if extra else []))
    if told:
        draft.nearly("text_prompts", "; ".join(told))


def _prompts_of(draft: Draft, texts: list[Any]) -> list[Prompt]:
    """The prompts of a frame: their weights add up to 1."""
    found = []
    for each in texts:
        if isinstance(each, dict):  # of discoart
            text, weight = str(each.get("text", "")), each.get("weight", 1)
            each = f"{text}:{weight}" if isinstance(weight, int | float) else text
        body, numbers = shared.split_weights(show_value(each))
        prompt = shared.make_prompt(body, numbers[0] if numbers else 1.0)
        found += [prompt] if prompt else []
    total = abs(sum(_weight(each) for each in found))
    if found and total < 1e-3:
        raise PromptError(
            "the weights of text_prompts add up to 0, and Disco stops there; change one of them"
        )
    return [Prompt(each.body, round(_weight(each) / total, 6)) for each in found]


def _weight(prompt: Prompt) -> float:
    return prompt.weight if isinstance(prompt.weight, float | int) else 1.0


def _picture(draft: Draft, each: Any) -> Prompt | None:
    path, numbers = shared.split_weights(show_value(each))
    if shared.is_address(path):
        draft.leave("image_prompts", SAVED)
        return None
    return shared.picture_prompt(path, numbers[0] if numbers else 1.0)


ABOUT = "draws by diffusion; this run draws the same prompts with a VQGAN: expect another look"
DISCO = Peer(
    name="disco",
    title="Disco Diffusion and discoart",
    about=f"disco {ABOUT}",
    options=OPTIONS,
    write=write,
    scripts=("disco", "discoart"),
    marks=("text_prompts", "cut_overview", "cut_innercut", "clip_guidance_scale", "cutn_batches"),
)
