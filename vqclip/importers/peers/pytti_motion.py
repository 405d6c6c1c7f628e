"""pytti's animations: cameras, films to draw over, sound, and expressions over time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from vqclip.errors import ConfigError
from vqclip.importers.draft import Draft, number_text
from vqclip.importers.options import (
    ANYTHING,
    NUMBER,
    TEXT,
    TRUTH,
    WHOLE,
    Option,
    kept,
    left,
    nearly,
)
from vqclip.importers.peers import shared
from vqclip.language.expressions import NUMBER as DIGITS
from vqclip.language.expressions import format_number
from vqclip.language.peers.python_expressions import rewrite_expression
from vqclip.language.schedules import parse_schedule, schedule_to_text
from vqclip.media.audio.bands import NAME

MODES = {"off": "", "false": "", "2d": "2D", "3d": "3D", "video source": "film"}
EDGES = ("wrap", "mirror", "black", "smear")
DEPTH = "to a flat wall at a distance of 1: pytti estimates depths, in units of its own"
OPTIONS: tuple[Option, ...] = (
    kept("animation_mode", "off", "frames", TEXT),
    kept(
        "translate_x",
        "",
        "camera.pan_x camera.right",
        TEXT,
        how="its negative, divided by the width",
    ),
    kept("translate_y", "", "camera.pan_y camera.up", TEXT, how="divided by the height"),
    nearly("translate_z_3d", "", "camera.forward", TEXT, DEPTH),
    nearly(
        "rotate_3d",
        "[1, 0, 0, 0]",
        "camera.tilt camera.swing camera.roll",
        ANYTHING,
        "a quaternion as three angles, about the picture's own axes",
    ),
    kept("rotate_2d", "", "camera.roll", TEXT, how="its negative"),
    kept("zoom_x_2d", "", "camera.zoom", TEXT, how="width / (width − it)"),
    kept("zoom_y_2d", "", "camera.zoom", TEXT),
    left("sampling_mode", "bicubic", "vqclip samples in its own way", TEXT),
    kept("infill_mode", "wrap", "camera.edges", TEXT),
    kept("field_of_view", "60", "camera.view", NUMBER),
    left("near_plane", "1", "there is no depth map; with one it is camera.near", NUMBER),
    left("far_plane", "10000", "there is no depth map; with one it is camera.far", NUMBER),
    left("lock_camera", "true", "vqclip's camera moves from where the last frame left it", TRUTH),
    kept("input_audio", "", "sound.file", TEXT),
    kept("input_audio_offset", "0", "sound.start", NUMBER),
    kept(
        "input_audio_filters",
        "",
        "sound.bands",
        ANYTHING,
        how="name=centre − width/2 … centre + width/2",
    ),
    kept("direct_stabilization_weight", "", "motion.hold", TEXT),
    left(
        "semantic_stabilization_weight",
        "",
        "vqclip holds on to the frame before by its pixels: motion.hold",
        TEXT,
    ),
    left(
        "depth_stabilization_weight",
        "",
        "the depths of each frame are not kept; losses.depth keeps those of the start or of a "
        "depth map",
        TEXT,
    ),
    left(
        "edge_stabilization_weight",
        "",
        "vqclip keeps the contours of the start alone, by losses.contours, and not of each frame",
        TEXT,
    ),
    nearly(
        "flow_stabilization_weight",
        "",
        "source.flow",
        TEXT,
        "vqclip's frames follow the film's flow, which is not weighed",
    ),
    kept("video_path", "", "source.film", TEXT),
    kept("frame_stride", "1", "source.stride", WHOLE),
    kept("reencode_each_frame", "true", "source.blend", TRUTH, how="true is 1"),
    left("flow_long_term_samples", "1", "vqclip compares each frame with the last", WHOLE),
)


def evaluate(text: str, told: list[str], names: Mapping[str, str]) -> str | None:
    """An expression of pytti's as a schedule, a number where it is one.

    Args:
        told: takes why it cannot be.
        names: its variables → their names here.

    Returns:
        None if it cannot be.
    """
    bare = text.strip()
    try:
        if DIGITS.fullmatch(bare) and math.isfinite(float(bare)):
            return format_number(float(bare))
        return schedule_to_text(parse_schedule(rewrite_expression(bare, names)))
    except ConfigError as error:
        told.append(str(error))
        return None


def variables(draft: Draft) -> dict[str, str]:
    """The variables of expressions: the time, and the bands of the sound."""
    return {"t": "t"} | {name: name for name, _ in _bands(draft)}


def weight_of(draft: Draft, option: str) -> str | None:
    """The weight of an option such as "1_mask", as a schedule; None, told, if there is none."""
    told: list[str] = []
    weight, _, mask = draft.get(option, "").partition("_")
    value = evaluate(weight or "1", told, variables(draft))
    if value is None:
        draft.leave(option, told[0])
    elif mask.strip():
        draft.nearly(option, f"without the mask _{mask.strip()[:40]}")
    return value


def write_motion(
    draft: Draft, scenes: int, size: tuple[int, int], rate: float
) -> Sequence[float]:
    """Write an animation, or a still of all scenes.

    Args:
        scenes: how many there are.
        size: width and height that moves are counted in.
        rate: of learning.

    Returns:
        The length of each scene in frames; () for a still.
    """
    typed = draft.get("animation_mode", "off").strip().lower()
    if typed not in MODES:
        raise draft.refuse("animation_mode", "it is off, 2D, 3D or Video Source")
    mode = MODES[typed]
    numbers = {
        name: draft.get(name, usual)
        for name, usual in (("steps_per_scene", 100), ("steps_per_frame", 50))
    }
    for name, number in numbers.items():
        if number < 1:
            raise draft.refuse(name, "it must be 1 or more")
    per_scene, per_frame = numbers.values()
    before, fading = draft.get("pre_animation_steps", 50), draft.get("interpolation_steps", 0)
    draft.put("fade", min(1.0, max(0.0, fading / per_scene)), "interpolation_steps")
    if not mode:
        draft.put("steps", scenes * per_scene, "steps_per_scene")
        _leave_moves(draft)
        return ()
    frames = max(1, (scenes * per_scene - before) // per_frame + 1)
    draft.base(shared.MOVING | {"camera.edges": "wrap"})
    draft.settings["film.format"] = "mp4"
    draft.put("frames", frames, "steps_per_scene", "animation_mode")
    draft.put("steps", max(1, before), "pre_animation_steps")
    draft.put("motion.steps", per_frame, "steps_per_frame")
    draft.put("motion.rate", rate)
    draft.put("fps", draft.get("frames_per_second", 12.0), "frames_per_second")
    _write_sound(draft)
    _write_film(draft, mode)
    _write_camera(draft, mode, size)
    _write_stabilisers(draft, mode)
    lengths = [per_scene / per_frame] * (scenes - 1)
    last = frames - sum(lengths)
    return [*lengths, last] if scenes > 1 and last > 0 else ()


def _leave_moves(draft: Draft) -> None:
    """Leave out what belongs to animations, in a still."""
    names = [each.name for each in OPTIONS if each.name != "animation_mode"]
    names += ["steps_per_frame", "pre_animation_steps", "frames_per_second"]
    for name in names:
        draft.leave(name, "it belongs to animations, and animation_mode is off")


def _moved(draft: Draft, option: str) -> str | None:
    """The value of a move, as a schedule; None if there is none."""
    if not draft.has(option) or not draft.get(option).strip():
        return None
    told: list[str] = []
    found = evaluate(draft.get(option), told, variables(draft))
    if found is None:
        draft.leave(option, told[0])
    return None if found in (None, "0") else found


def _write_camera(draft: Draft, mode: str, size: tuple[int, int]) -> None:
    """Write how the camera moves, in shares of the picture."""
    typed = str(draft.get("infill_mode", "wrap")).strip().lower()
    if typed not in EDGES:
        raise draft.refuse("infill_mode", f"it is one of {', '.join(EDGES)}")
    draft.put("camera.edges", typed, "infill_mode")
    flat = ("rotate_2d", "zoom_x_2d", "zoom_y_2d")
    deep = ("translate_z_3d", "rotate_3d", "field_of_view")
    for name in (*(() if mode == "2D" else flat), *(() if mode == "3D" else deep)):
        draft.leave(name, f"it has no effect in animation_mode {draft.get('animation_mode')}")
    if mode == "film":
        for name in ("translate_x", "translate_y", "infill_mode"):
            draft.leave(name, "vqclip's frames follow the film")
        draft.settings.pop("camera.edges", None)
        return
    wide, high = size
    sideways = ("camera.pan_x", "camera.pan_y") if mode == "2D" else ("camera.right", "camera.up")
    for option, setting, factor in (
        ("translate_x", sideways[0], -1 / wide if mode == "2D" else 1 / wide),
        ("translate_y", sideways[1], 1 / high),
        *((("rotate_2d", "camera.roll", -1.0),) if mode == "2D" else ()),
        *((("translate_z_3d", "camera.forward", 1 / wide),) if mode == "3D" else ()),
    ):
        if (value := _moved(draft, option)) is not None:
            draft.put(setting, shared.scaled(value, factor), option)
            if mode == "3D":
                draft.nearly(option, DEPTH)
    if mode == "2D":
        _write_zoom(draft, wide, high)
    else:
        draft.put("camera.depth", "flat")
        if draft.has("field_of_view"):
            draft.put("camera.view", draft.get("field_of_view"), "field_of_view")
        _write_turns(draft)


def _write_zoom(draft: Draft, wide: int, high: int) -> None:
    """Write the zoom, which pytti counts in pixels, across and down apart."""
    across, down = _moved(draft, "zoom_x_2d"), _moved(draft, "zoom_y_2d")
    chosen, side = (across, wide) if across is not None else (down, high)
    if chosen is None:
        return
    if DIGITS.fullmatch(chosen):
        if float(chosen) >= side:
            raise draft.refuse("zoom_x_2d", "it must be less than the picture's width, in pixels")
        draft.put("camera.zoom", side / (side - float(chosen)), "zoom_x_2d", "zoom_y_2d")
    else:
        draft.put("camera.zoom", f"{side} / ({side} - ({chosen}))", "zoom_x_2d", "zoom_y_2d")
    numbers = [each for each in (across, down) if each and DIGITS.fullmatch(each)]
    alike = len(numbers) == 2 and math.isclose(float(numbers[0]) / wide, float(numbers[1]) / high)
    if not alike:
        draft.nearly("zoom_y_2d", "vqclip zooms alike across and down, as much as zoom_x_2d says")


def _write_turns(draft: Draft) -> None:
    """Write a quaternion [w, x, y, z] as angles in degrees."""
    typed = draft.get("rotate_3d")
    if typed is None:
        return
    parts = re.split(r"[\s,]+", typed.strip(" []")) if isinstance(typed, str) else typed
    try:
        w, x, y, z = (float(each) for each in parts)
    except (TypeError, ValueError):
        draft.leave("rotate_3d", "vqclip has angles, and this quaternion changes")
        return
    angles = [math.degrees(2 * math.atan2(each, w)) for each in (x, y, z)]
    if not all(map(math.isfinite, angles)):
        raise draft.refuse("rotate_3d", "it is four numbers, such as [1, 0, 0, 0]")
    for setting, angle in zip(("tilt", "swing", "roll"), angles, strict=True):
        if abs(angle) > 1e-9:
            draft.put(f"camera.{setting}", angle, "rotate_3d")


def _write_film(draft: Draft, mode: str) -> None:
    """Write the film that is drawn over."""
    names = ("video_path", "frame_stride", "reencode_each_frame", "flow_stabilization_weight")
    if mode != "film":
        for name in (*names, "flow_long_term_samples"):
            draft.leave(name, "it belongs to the animation_mode Video Source")
        return
    film = draft.get("video_path", "").strip()
    if not film or shared.is_address(film):
        raise draft.refuse("video_path", "Video Source needs a film on this machine")
    draft.put("source.film", film, "video_path", "animation_mode")
    draft.put("source.stride", draft.get("frame_stride", 1), "frame_stride")
    again = draft.get("reencode_each_frame", True)
    draft.put("source.blend", 1.0 if again else 0.0, "reencode_each_frame")
    draft.put("source.weight", 0.0)
    draft.settings.pop("init", None)
    draft.leave("init_image", "each frame starts from the film's")


def _write_stabilisers(draft: Draft, mode: str) -> None:
    """Write what each frame keeps of the one before."""
    option = "direct_stabilization_weight"
    if draft.get(option, "").strip():
        value = weight_of(draft, option)
        if value is not None:
            draft.put("motion.hold", shared.scaled(value, 1.0), option)


def _write_sound(draft: Draft) -> None:
    """Write the sound that expressions follow, and its bands."""
    if not draft.get("input_audio", "").strip() or shared.refuse_addresses(draft, "input_audio"):
        for name in ("input_audio_offset", "input_audio_filters"):
            draft.leave(name, "there is no input_audio")
        return
    draft.put("sound.file", draft.get("input_audio"), "input_audio")
    if draft.has("input_audio_offset"):
        draft.put("sound.start", draft.get("input_audio_offset"), "input_audio_offset")
    if bands := _bands(draft):
        told = ", ".join(f"{name}={edges}" for name, edges in bands)
        draft.put("sound.bands", told, "input_audio_filters")


def _bands(draft: Draft) -> list[tuple[str, str]]:
    """The bands of the sound: name and edges in hertz.

    Raises:
        ConfigError: if one has no name, or a frequency that is none.
    """
    typed = draft.get("input_audio_filters")
    found = []
    for each in typed if isinstance(typed, list) else []:
        try:
            name, middle, width = (
                str(each["variable_name"]),
                float(each["f_center"]),
                float(each["f_width"]),
            )
            if not (NAME.fullmatch(name) and 0 < middle < 1e6 and 0 < width < 1e6):
                raise ValueError(name)
        except (KeyError, TypeError, ValueError):
            raise draft.refuse(
                "input_audio_filters",
                "each has variable_name, f_center and f_width, in hertz",
            ) from None
        low, high = max(1.0, middle - width / 2), middle + width / 2
        found.append((name, f"{number_text(low)}-{number_text(high)}"))
    return found
