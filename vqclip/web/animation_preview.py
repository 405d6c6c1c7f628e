"""The preview of an animation before anything is drawn: its curves, scenes, camera and sound.

Values are those that a run would have, computed by the same clock; nothing loads torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vqclip.config import loading, schedule_settings
from vqclip.config.schema import CameraSettings, MotionSettings, RunConfig
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import VqclipError
from vqclip.language import prompts
from vqclip.language.clock import Clock, Timeline
from vqclip.language.schedules import Schedule
from vqclip.run.preflight import Request, make_request

SAMPLES = 240  # frames of which values are shown
FRAMES = 60  # of an animation of which nobody says how long it is
HEARD = ("loud", "pulse", "low", "high")  # of a sound, those that are shown


def preview_animation(
    text: str, presets: Sequence[str] = (), overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Compute what an animation's settings mean at its frames.

    Args:
        text: the prompt.
        presets: names of presets.
        overrides: settings, `key=value`.

    Returns:
        "frames", "fps", "at" (the frames of all values); "curves": key → values; "text": key →
        the setting as it is written; "scenes": the words of each, with its "shares"; "sound":
        what is heard → values; "camera": how it moves; or "error", a sentence.
    """
    try:
        config = loading.load_configs(text, list(presets), overrides=list(overrides))[0]
        if not config.frames and not config.length and not config.source.film:
            config = loading.load_configs(
                text, list(presets), overrides=[*overrides, f"frames={FRAMES}"]
            )[0]
        request = make_request(config, clipped=True, complete=False)
        return _preview(request)
    except VqclipError as error:
        return {"error": str(error)}


def list_scheduled() -> dict[str, str]:
    """The settings of an animation that are drawn as curves: key → help."""
    known = {each.key: each for each in describe_settings()}
    groups = {"camera": CameraSettings, "motion": MotionSettings}
    return {
        (key := f"{group}.{each.name}"): known[key].full_help
        for group, schema in groups.items()
        for each in schedule_settings.scheduled_fields(schema)
    }


def _preview(request: Request) -> dict[str, Any]:
    config, clock = request.config, request.clock
    line = clock.timeline
    stride = max(1, -(-line.frames // SAMPLES))
    at = [*range(0, line.frames, stride)]
    curves, written = {}, {}
    for key in list_scheduled():
        group, name = key.split(".")
        value = getattr(getattr(config, group), name)
        if value is None:
            continue
        curve = line.curve(schedule_settings.read_scheduled(key, value))
        curves[key] = [curve(frame) for frame in at]
        written[key] = str(value)
    return {
        "frames": line.frames,
        "fps": line.fps,
        "at": at,
        "curves": curves,
        "text": written,
        "weights": _weights(request, line, at),
        "scenes": _scenes(request, clock, at),
        "sound": _sound(line, at),
        "camera": _camera(config),
        "notes": list(request.notes),
    }


def _weights(request: Request, line: Timeline, at: Sequence[int]) -> dict[str, list[float]]:
    """The weights of prompts that change, by what is drawn."""
    found = {}
    for prompt in request.parsed_prompts:
        if isinstance(prompt.weight, Schedule):
            curve = line.curve(prompt.weight)
            found[prompt.body] = [curve(frame) for frame in at]
    return found


def _scenes(request: Request, clock: Clock, at: Sequence[int]) -> list[dict[str, Any]]:
    """The scenes, with their shares of the picture at frames; none where there is only one."""
    timeline = request.scenes
    if timeline.scenes < 2:
        return []
    steps = [clock.starts[clock.lead + frame] if clock.starts else frame for frame in at]
    shares = [timeline.scene_shares(step) for step in steps]
    return [
        {
            "text": prompts.prompts_to_text(
                each for each in request.parsed_prompts if each.scene == number
            ),
            "shares": [row[number] for row in shares],
        }
        for number in range(timeline.scenes)
    ]


def _sound(line: Timeline, at: Sequence[int]) -> dict[str, list[float]]:
    variables: Mapping[str, Sequence[float]] = line.variables
    return {
        name: [float(values[frame]) if frame < len(values) else 0.0 for frame in at]
        for name, values in variables.items()
        if name in HEARD
    }


def _camera(config: RunConfig) -> dict[str, Any]:
    camera = config.camera
    return {
        "depth": camera.depth,
        "per": camera.per,
        "view": camera.view,
        "x": camera.x,
        "y": camera.y,
        "size": config.size,
    }
