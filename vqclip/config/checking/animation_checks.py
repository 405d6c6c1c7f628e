"""Checks of animation settings that need no model.

They run before torch is imported, so that mistakes are reported at once.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from vqclip.config.draw_settings import drawer_names, uses_strokes
from vqclip.config.schema import FilmSettings, MotionSettings, RunConfig
from vqclip.errors import ConfigError, PictureError, SoundError, suggest
from vqclip.language.assets import SearchPath
from vqclip.media.paths import match_paths

TERRAINS = ("flat", "plane", "tunnel")  # depths that need no file
OPENCV = ("dis", "farneback")  # flows that OpenCV finds
FLOWS = (*OPENCV, "raft", "none")
WEIGHTS = (".pth", ".pt", ".safetensors")  # a flow that ends so is a file
MOVES_2D = ("zoom", "pan_x", "pan_y")  # moves of the 2D camera
MOVES_3D = ("forward", "right", "up")  # moves of the 3D camera
GROUPS = ("camera", "motion", "source", "sound", "retake")  # of animations alone
WARPED = {  # group → settings of how pictures are warped and encoded, which strokes are not
    "camera": ("edges", "through"),
    "motion": ("noise", "colours", "drafts"),
    "source": ("blend",),
}
MOVES = (*MOVES_2D, "roll", "tilt", "swing", *MOVES_3D)


def check_animation(config: RunConfig) -> None:
    """Check that settings of an animation go together, and that a still has none of them.

    Raises:
        ConfigError: for the first of them.
    """
    if config.init == "source" and not config.source.film:
        raise ConfigError("init=source needs a film to draw over; write source.film=clip.mp4")
    if not (config.frames or config.length or config.source.film):
        _check_still(config)
        return
    if config.film.fps != FilmSettings().fps:
        raise ConfigError(
            f"film.fps is {config.film.fps:g}, which is for the film of a picture's making; for "
            f"an animation, write fps={config.film.fps:g}"
        )
    if config.film.every != 1:
        raise ConfigError(
            f"film.every is {config.film.every}, which is for the film of a picture's making; "
            "an animation shows every frame: leave it out, or write fewer frames"
        )
    if config.film.between and config.film.between_by == "latent" and config.motion.smooth:
        raise ConfigError(
            "motion.smooth and film.between_by=latent do not go together; leave one of them "
            "out, or write film.between_by=flow"
        )
    if config.sound.file == "":
        for key in _changed_keys(config, "sound"):
            raise ConfigError(f"{key} is set, but there is no sound; write sound.file=music.mp3")
    if config.source.film:
        _check_source(config)
    else:
        for key in _changed_keys(config, "source"):
            raise ConfigError(
                f"{key} is set, but there is no film to draw over; write source.film=clip.mp4"
            )
    _check_camera(config)
    if bool(config.retake.of) != bool(config.retake.frames):
        raise ConfigError(
            "retake.of (a run) and retake.frames (its frames to draw again) go together; write: "
            "vqclip again outputs/0007-a-fox --frames 40:60"
        )


def idle_settings(config: RunConfig, scenes: int) -> Iterator[str]:
    """Yield notes about animation settings that are set but have no effect.

    Args:
        scenes: the number of scenes in the prompts.
    """
    if not config.frames:
        return
    if uses_strokes(config.drawer):
        yield from _idle_for_strokes(config)
    drafts = config.motion.drafts
    if not uses_strokes(config.drawer) and drafts not in (0, MotionSettings().drafts):
        meaning = f"motion.drafts={drafts:g} is what new scenes take from drafts of their own"
        if scenes == 1:
            yield f"{meaning}, but there is only one scene; write several: a fox ^ an owl"
        elif config.init != "dream":
            yield f"{meaning}, but with init={config.init} there are no drafts"
    if config.film.between_by == "latent" and not config.film.between:
        yield "film.between_by=latent has no effect without film.between=1 or more"
    if not config.source.film:
        yield from _idle_camera(config)


def camera_moves(config: RunConfig) -> bool:
    """Whether a run is an animation whose camera moves."""
    moves = {f"camera.{each}" for each in MOVES}
    return config.frames > 0 and not moves.isdisjoint(_changed_keys(config, "camera"))


def _idle_for_strokes(config: RunConfig) -> Iterator[str]:
    """Yield notes about changes of warped pictures, which strokes do not make."""
    kept = {"camera.edges"} if config.camera.edges == "black" else set()
    found = [
        f"{group}.{name}"
        for group, names in WARPED.items()
        for name in names
        if f"{group}.{name}" in {*_changed_keys(config, group)} - kept
    ]
    if found:
        verb = "has" if len(found) == 1 else "have"
        yield (
            f"{', '.join(found)} {verb} no effect with drawer={drawer_names(config.drawer)[0]}, "
            "whose strokes move from frame to frame and are not drawn anew"
        )


def _idle_camera(config: RunConfig) -> Iterator[str]:
    """Yield notes about camera settings that have no effect."""
    depth, moving = config.camera.depth, {*_changed_keys(config, "camera")}
    changes = {  # setting of the 2D camera → the moves that it affects
        "view": ("tilt", "swing"),
        "x": ("zoom", "roll"),
        "y": ("zoom", "roll"),
        "per": MOVES,
    }
    for key in sorted(moving):
        name = key.partition(".")[2]
        needed = changes.get(name, ())
        if needed and not depth and not any(f"camera.{each}" in moving for each in needed):
            some = " or ".join(f"camera.{each}" for each in needed[:2])
            yield f"{key} has no effect here; it needs {some}"
        if name == "far" and not depth:
            yield f"{key} has no effect on a flat picture; it needs camera.depth"
        if name == "near" and depth in ("", *TERRAINS):
            yield f"{key} has no effect here; it needs a depth map (camera.depth)"
    if depth and not moving & {f"camera.{each}" for each in (*MOVES_3D, "roll", "tilt", "swing")}:
        yield f"camera.depth={depth}, but the camera stands still; write camera.forward=0.05"


def require_animation_files(config: RunConfig, search_path: SearchPath) -> None:
    """Check that the files of an animation exist, and that the packages to read them do.

    Raises:
        ConfigError: for a package that is not installed, with the command that installs it.
        PictureError: for a film or a depth picture that does not exist.
        SoundError: for a sound that does not exist.
    """
    source, depth = config.source, config.camera.depth
    measured = depth if depth not in TERRAINS else ""
    missing = [
        name
        for name in (source.film, measured)
        if name and not match_paths(str(search_path.find(name)))
    ]
    if source.film:
        if source.film in missing:
            raise PictureError(
                f"source.film is {source.film}, but no such film, folder or pattern is found "
                f"from {os.getcwd()}; check the name, or write the full path: source.film=…"
            )
        if source.flow in OPENCV:
            _require_package("cv2", f"source.flow={source.flow}", "video", "source.flow=none")
        elif source.flow not in FLOWS and not os.path.isfile(os.path.expanduser(source.flow)):
            raise PictureError(
                f"source.flow is {source.flow}, but there is no such file; check the name"
            )
    if config.sound.file:
        if not os.path.isfile(search_path.find(config.sound.file)):
            raise SoundError(
                f"sound.file is {config.sound.file}, but no such file is found from "
                f"{os.getcwd()}; check the name, or write the full path: sound.file=…"
            )
        _require_package("librosa", "analysing sound.file", "sound", "no sound.file")
    if measured:
        if measured in missing:
            raise PictureError(
                f"camera.depth is {depth}, which is neither {', '.join(TERRAINS)} nor a depth "
                f"map or depth model that can be found{suggest(depth, TERRAINS)}"
            )
        if (search_path.find(depth) / "config.json").is_file():
            _require_package("transformers", "a depth model", "depth", "camera.depth=plane")


def parse_retake(text: str) -> tuple[int, int] | None:
    """Parse `retake.frames`: the first frame of the retake, and the one after its last.

    None if the text is not A:B.

    >>> parse_retake("40 : 60")
    (40, 60)
    """
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*:\s*([0-9]{1,9})\s*", text)
    return (int(found[1]), int(found[2])) if found else None


def continues_another_run(config: RunConfig) -> bool:
    """Whether a retake starts from a frame that is kept, the one before its first.

    In an animation that loops, the last frame comes before the first.
    """
    read = parse_retake(config.retake.frames) if config.retake.of else None
    return read is not None and (read[0] > 0 or config.loop)


def _check_still(config: RunConfig) -> None:
    """Refuse settings that only an animation has."""
    groups = [key for group in GROUPS for key in _changed_keys(config, group)]
    alone = [key for key in ("loop", "fps") if getattr(config, key) not in (False, None)]
    latent = ["film.between_by"] if config.film.between_by == "latent" else []
    for key in [*groups, *alone, *latent]:
        pace = "; the film of a picture's making has film.fps" if key == "fps" else ""
        raise ConfigError(
            f"{key} is for animations, but this is a still picture; write frames=60, or begin "
            f"with: vqclip animate{pace}"
        )


def _check_source(config: RunConfig) -> None:
    """Refuse settings that cannot be combined with a source film."""
    flow = config.source.flow
    if flow not in FLOWS and not flow.lower().endswith(WEIGHTS):
        raise ConfigError(
            f"source.flow is {flow!r}{suggest(flow, FLOWS)}; write one of {', '.join(FLOWS)}, or "
            f"a file of RAFT's weights ({', '.join(WEIGHTS)})"
        )
    if config.loop:
        raise ConfigError(
            "loop=true does not go with source.film, whose end is given; leave one of them out"
        )
    if config.camera.through == "latent":
        raise ConfigError("camera.through=latent does not go with source.film; leave it out")
    for key in _changed_keys(config, "camera"):
        if key != "camera.edges":
            raise ConfigError(
                f"{key} is set, but with source.film, things move as in that film; leave out "
                "the camera, or source.film"
            )


def _check_camera(config: RunConfig) -> None:
    """Refuse moves that the 2D camera, or the 3D camera, does not have."""
    camera = config.camera
    if not 0 < camera.near < camera.far:
        raise ConfigError(
            f"camera.near is {camera.near:g} and camera.far {camera.far:g}; the far must be "
            "farther away, such as 1 and 20"
        )
    for key in _changed_keys(config, "camera"):
        name = key.partition(".")[2]
        if camera.depth and name in MOVES_2D:
            raise ConfigError(
                f"{key} works on a flat picture only; with camera.depth={camera.depth} the "
                "camera flies: write camera.forward=0.05, camera.right or camera.up"
            )
        if not camera.depth and name in MOVES_3D:
            raise ConfigError(
                f"{key} is for flights and needs something to fly through: camera.depth=plane, "
                f"or {', '.join(TERRAINS)}, a depth map …; for a flat picture, use camera.zoom, "
                "camera.pan_x and camera.pan_y"
            )


def _changed_keys(config: RunConfig, group: str) -> Iterator[str]:
    """Yield the keys of a group's settings that differ from their defaults."""
    values: Any = getattr(config, group)
    usual = type(values)()
    for each in dataclasses.fields(values):
        if getattr(values, each.name) != getattr(usual, each.name):
            yield f"{group}.{each.name}"


def _require_package(module: str, what: str, extra: str, instead: str) -> None:
    if find_spec(module) is None:
        raise ConfigError(
            f"{what} needs {module}, which is not installed: pip install 'vqclip[{extra}]'; or "
            f"use {instead}"
        )
