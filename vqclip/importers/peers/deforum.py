"""Deforum's animations: prompts by frame, keyframe strings of a camera, drawn with a VQGAN."""

from __future__ import annotations

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
)
from vqclip.importers.peers import disco, disco_options, shared
from vqclip.language.prompt_types import Prompt

SAMPLED = (
    "sampler scale ddim_eta dynamic_threshold static_threshold use_init strength "
    "strength_schedule contrast_schedule kernel_schedule sigma_schedule amount_schedule "
    "threshold_schedule diffusion_cadence model_checkpoint clip_skip sampler_schedule "
    "steps_schedule checkpoint"
)
DEPTH = "use_depth_warping midas_weight near_plane far_plane sampling_mode save_depth_maps"
SHOWN = (
    "batch_name n_batch save_settings save_samples display_samples filename_format outdir "
    "seed_behavior make_grid grid_rows resume_from_timestring resume_timestring timestring "
    "interpolate_key_frames interpolate_x_frames overwrite_extracted_frames use_mask_video "
    "video_mask_path mask_file use_mask invert_mask flip_2d_perspective"
)
EDGES = {"wrap": "wrap", "replicate": "smear"}
COHERENCES = {"none": "none", "match frame 0 lab": "lab", "match frame 0 hsv": "hsv"}
COHERENCES |= {"match frame 0 rgb": "rgb"}
OPTIONS: tuple[Option, ...] = check_rows(
    (
        kept(
            "animation_prompts prompts",
            "",
            "prompts",
            ANYTHING,
            how="scenes by their frames; what follows --neg pushes away",
        ),
        nearly(
            "negative_prompts neg_prompts animation_prompts_negative",
            "",
            "negative",
            TEXT,
            "pushes away from it, at the weight 1",
        ),
        kept("W width", "512", "size", WHOLE),
        kept("H height", "512", "size", WHOLE),
        kept("seed", "-1, random", "seed", WHOLE),
        nearly("steps", "50", "steps motion.steps", WHOLE, "of a VQGAN; half of them a frame"),
        kept("animation_mode", "None", "frames", TEXT),
        kept("max_frames", "1000", "frames", WHOLE),
        kept("fps", "12", "fps", NUMBER, same),
        kept("border", "replicate", "camera.edges", TEXT, how="replicate is smear"),
        kept("angle", "0:(0)", "camera.roll", TEXT, how="its negative"),
        kept("zoom", "0:(1.04)", "camera.zoom", TEXT, how="keyframes, as above"),
        kept(
            "translation_x",
            "0:(0)",
            "camera.pan_x camera.right",
            TEXT,
            how="its negative, divided by the width",
        ),
        kept(
            "translation_y",
            "0:(0)",
            "camera.pan_y camera.up",
            TEXT,
            how="its negative, divided by the height",
        ),
        nearly("translation_z", "0:(10)", "camera.forward", TEXT, disco_options.WALL),
        nearly("rotation_3d_x", "0:(0)", "camera.tilt", TEXT, disco_options.OTHER_SIGN),
        nearly("rotation_3d_y", "0:(0)", "camera.swing", TEXT, disco_options.OTHER_SIGN),
        nearly("rotation_3d_z", "0:(0)", "camera.roll", TEXT, disco_options.OTHER_SIGN),
        kept("fov", "40", "camera.view", NUMBER),
        kept("padding_mode", "border", "camera.edges", TEXT),
        nearly(
            "noise_schedule",
            "0:(0.02)",
            "motion.noise",
            TEXT,
            "noise of the warped frame; diffusion takes it away again",
        ),
        kept("color_coherence", "Match Frame 0 LAB", "motion.colours", TEXT),
        kept("init_image", "", "init", TEXT),
        kept("video_init_path", "", "source.film", TEXT),
        kept("extract_nth_frame", "1", "source.stride", WHOLE, same),
        *(left(name, "", disco_options.DIFFUSION) for name in SAMPLED.split()),
        *(left(name, "", "give camera.depth a depth model") for name in DEPTH.split()),
        *(
            left(name, "", disco_options.DISPLAY, TRUTH if name == "use_mask" else ANYTHING)
            for name in SHOWN.split()
        ),
    )
)


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    typed = str(draft.get("animation_mode", "None")).strip().lower()
    modes = {"none": "", "2d": "2D", "3d": "3D", "video input": "film", "interpolation": ""}
    if typed not in modes:
        raise draft.refuse("animation_mode", "it is None, 2D, 3D or Video Input")
    mode = modes[typed]
    wide, high = draft.get("W", 512), draft.get("H", 512)
    steps = draft.get("steps", 50)
    for name, number in (("W", wide), ("H", high), ("steps", steps)):
        if not 1 <= number <= 16384:
            raise draft.refuse(name, "it must be 1 or more, and 16384 at most")
    draft.put("size", f"{wide - wide % 16}x{high - high % 16}", "W", "H")
    draft.put("steps", steps, "steps")
    if draft.get("seed", -1) >= 0:
        draft.put("seed", draft.get("seed"), "seed")
    else:
        draft.nearly("seed", "a random seed, which vqclip records")
    draft.put("init", "random")
    image = draft.get("init_image", "").strip()
    if image and image.lower() != "none" and not shared.refuse_addresses(draft, "init_image"):
        draft.put("init", image, "init_image")
    frames = _write_motion(draft, mode, steps, (wide, high))
    _write_prompts(draft, frames)
    draft.base(
        shared.PLAIN
        | {
            "drawer": "vqgan",
            "vqgan": "imagenet_f16_16384",
            "perceptors": ["ViT-B-32::openai", "ViT-B-16::openai"],
            "cutouts.recipe": "disco",
            "cutouts.count": 32,
            "cutouts.contrast": "absolute",
            "optimiser.name": "adam",
            "optimiser.rate": 0.2,
            "optimiser.schedule": "drop",
        }
    )


def _write_motion(draft: Draft, mode: str, steps: int, size: tuple[int, int]) -> int:
    """Write frames and the camera; return the number of frames, 0 for a still."""
    others = ("max_frames", "fps", "border", "noise_schedule", "color_coherence", "fov")
    if not mode:
        for name in (
            *disco.MOVES,
            *others,
            "padding_mode",
            "video_init_path",
            "extract_nth_frame",
        ):
            draft.leave(name, "it belongs to animations, and there is none")
        for name in ("fps", "source.stride"):
            draft.settings.pop(name, None)
        return 0
    draft.base(shared.MOVING | {"motion.hold": 0.3, "fps": 12.0})
    draft.settings["film.format"] = "mp4"
    draft.put("motion.steps", max(1, steps // 2), "steps")
    frames = draft.get("max_frames", 1000)
    if frames < 1:
        raise draft.refuse("max_frames", "it must be 1 or more")
    draft.put("frames", frames, "max_frames", "animation_mode")
    _write_colours(draft)
    if mode == "film":
        film = draft.get("video_init_path", "").strip()
        if not film or shared.is_address(film):
            raise draft.refuse("video_init_path", "Video Input needs a film on this machine")
        draft.put("source.film", film, "video_init_path", "animation_mode")
        draft.settings.pop("init", None)
        draft.leave("init_image", "each frame starts from the film's")
        for name in (*disco.MOVES, "border", "fov", "padding_mode"):
            draft.leave(name, "it has no effect over a film")
        return int(frames)
    for name in ("video_init_path", "extract_nth_frame"):
        draft.leave(name, "it belongs to the animation_mode Video Input")
    draft.settings.pop("source.stride", None)
    disco.write_camera(draft, mode, size)
    border = str(draft.get("border", "replicate")).strip().lower()
    if border not in EDGES:
        raise draft.refuse("border", "it is wrap or replicate")
    if mode == "2D":
        draft.put("camera.edges", EDGES[border], "border")
    else:
        draft.leave("border", "it has no effect in animation_mode 3D")
    return int(frames)


def _write_colours(draft: Draft) -> None:
    """Write the noise and the colours of frames."""
    if draft.has("noise_schedule"):
        text = shared.keyframes(draft, "noise_schedule", draft.get("noise_schedule"))
        if text is not None:
            draft.put("motion.noise", shared.scaled(text, 1.0), "noise_schedule")
    typed = str(draft.get("color_coherence", "Match Frame 0 LAB")).strip().lower()
    if typed not in COHERENCES:
        draft.leave("color_coherence", "vqclip has no such match: motion.colours")
    else:
        draft.put("motion.colours", COHERENCES[typed], "color_coherence")


def _write_prompts(draft: Draft, frames: int) -> None:
    """Write prompts, each scene from its frame on; scenes fade into each other."""
    found = shared.scenes_by_frame(draft, "animation_prompts")
    starts = [start for start in found if start == 0 or start < frames]
    stories: list[list[Prompt]] = []
    told: list[str] = []
    for start in starts:
        texts = [str(each).partition("--neg") for each in found[start]]
        prompts = [shared.weighted_prompt(text) for text, _, _ in texts]
        prompts += [shared.weighted_prompt(f"{away}:-1") for _, _, away in texts if away.strip()]
        stories.append([each for each in prompts if each is not None])
    for start in set(found) - {*starts}:
        told.append(f"without the prompts of frame {start}, which there is not")
    lengths = shared.lengths_between(starts, frames)
    text = shared.scenes_to_text(stories, lengths if len(stories) > 1 else ())
    draft.put("prompts", text, "animation_prompts")
    draft.put("fade", 1.0 if len(stories) > 1 else 0.0)
    if told:
        draft.nearly("animation_prompts", "; ".join(told))
    away = shared.make_prompt(draft.get("negative_prompts", ""))
    if away is not None:
        draft.put("negative", shared.scenes_to_text([[away]]), "negative_prompts")


DEFORUM = Peer(
    name="deforum",
    title="Deforum",
    about=f"deforum {disco.ABOUT}",
    options=OPTIONS,
    write=write,
    scripts=("deforum",),
    marks=("animation_prompts", "color_coherence", "noise_schedule", "strength_schedule"),
)
