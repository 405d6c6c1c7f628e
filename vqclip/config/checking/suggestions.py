"""Suggestions for names that vqclip does not have: by meaning first, then by letters.

Artists come from other tools and type what those have. The tables say what it is called here;
where nothing here means the same, a name is in no table, and nothing is suggested for it.
Likeness of letters counts only for slips (`vqclip.errors.suggest`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from shlex import quote

from vqclip.errors import suggest

# What is here → the names that it has in other tools, in small letters with underscores. What is
# here is a setting that takes the same value; text with "=", where the value is written otherwise
# ("{}" is the value that was typed, "…" another one); or, with a blank, a sentence.
PEER_NAMES: dict[str, str] = {
    'the prompt stands by itself: "{}"': "prompt prompts text text_prompt text_prompts p t",
    'a picture is a part of the prompt: "a fox | @{}:0.5"': "image_prompt image_prompts ip",
    'a picture as a whole is a part of the prompt: "a fox | like({}):0.5"': (
        "target_image target_images ti"
    ),
    'a label is a part of the prompt: "label({})"': "label labels",
    "negative": "negative_prompt negative_prompts neg_prompt neg_prompts neg no text_min t0",
    'a direction is a part of the prompt: "a fox | vector(NAME):0.1"': "vector_prompts vp",
    'noise is a part of the prompt: "a fox | noise(SEED):0.1"': "noise_prompt_seeds nps",
    'scenes are parts of the prompt: "a fox ^ an owl"': "change_prompt_every cpe scenes",
    'words around every prompt are the setting style="an etching of {{}}"': "scene_prefix",
    'words around every prompt are the setting style="{{}}, an etching"': "scene_suffix",
    "fade=…": "interpolation_steps",
    "seed": "sd",
    "a run file stands by itself: vqclip {}": "config_file",
    "size": "s resolution res image_size img_size dimensions",
    "size={}xHEIGHT": "width w",
    "size=WIDTHx{}": "height",
    "aspect": "ar aspect_ratio",
    "aspect=…": "asp",
    "steps": (
        "iterations iteration iters iter i max_iterations max_iter n_iter niter num_iterations "
        "num_steps n_steps num_inference_steps sampling_steps ddim_steps steps_per_scene epochs"
    ),
    "stop=plateau": "auto_stop early_stop early_stopping",
    "optimiser.name": "optimizer optimiser optim opt",
    "optimiser.rate": "learning_rate learningrate step_size lr lrate",
    "optimiser.schedule": "lr_schedule lr_scheduler",
    "optimiser.schedule=drop": "learning_rate_drops lrd",
    "optimiser.average": "ema ema_val ema_decay",
    "optimiser.momentum": "momentum beta1",
    "overlay.picture": "overlay_image ovi",
    "overlay.every": "overlay_every ove",
    "overlay.start": "overlay_offset ovo overlay.from",
    "overlay.until": "overlay_until ovu",
    "overlay.alpha=…": "overlay_alpha ova",
    "init": (
        "init_image init_img initial_image input_image start_image image_init ii init_noise in"
    ),
    "init=fractal": "perlin_init",
    "losses.init": "init_weight",
    "losses.init=…": "init_scale direct_init_weight iw",
    "vqgan": "vqgan_model",
    "a checkpoint is imported first: vqclip models import {} --config …": (
        "vqgan_checkpoint vqgan_ckpt checkpoint_path ckpt"
    ),
    "perceptors": "clip_model clip_models perceptor clip",
    "cutouts.count": "num_cuts num_cutouts n_cuts ncuts cutn cuts cutouts samples",
    "cutouts.recipe": "cut_method cutm",
    "cutouts.noise": "noise_fac",
    "memory.chunk=…": "cutn_batches gradient_accumulation_steps bats",
    "losses.smoothness=…": "tv tv_weight tv_scale",
    "losses.smoothness": "smoothing_weight smoothness_weight",
    "losses.saturation=…": "saturation_weight sat_scale",
    "losses.symmetry": "symmetry_weight",
    "losses.palette=…": "palette_weight",
    "losses.colours": "target_palette",
    "losses.edge_colour": "edge_color",
    "losses.ground=…": "global_color_weight",
    "losses.edge_margins": "edge_thickness",
    "losses.edge_picture": "edge_input_image",
    "losses.edge_mask": "edge_mask_image",
    "losses.vignette=…": "gaussian_weight",
    "losses.look=…": "style_weight style_scale",
    "losses.look_of": "style_file style_image style_img",
    "losses.depth=…": "depth_stabilization_weight depth_weight",
    "losses.aesthetic=…": "aesthetic aest",
    "losses.edges=…": "edge_color_weight",
    "out=…": "output o",
    "out": "output_dir output_folder outdir file_namespace",
    "previews": "save_every save_interval se display_every display_freq display_rate save_rate",
    "film.format=mp4": "make_video video vid save_video",
    "frames": "max_frames num_frames n_frames",
    "fps": "frames_per_second framerate frame_rate video_fps ifps",
    "length": "video_length duration seconds vl",
    "motion.steps": "iterations_per_frame steps_per_frame zoom_frequency zse",
    "camera.zoom": "zoom zoom_scale zsc",
    "camera.pan_x=…": "zoom_shift_x zsx shift_x translation_x translate_x",
    "camera.pan_y=…": "zoom_shift_y zsy shift_y translation_y translate_y",
    "camera.forward=…": "translation_z translate_z_3d",
    "camera.roll=…": "angle rotation rotate_2d rotation_3d_z",
    "camera.tilt=…": "rotation_3d_x",
    "camera.swing=…": "rotation_3d_y",
    "camera.view": "fov field_of_view",
    "camera.near": "near_plane",
    "camera.far": "far_plane",
    "camera.edges": "infill_mode padding_mode border_mode",
    "motion.hold=…": "direct_stabilization_weight",
    "motion.parallel": "frames.parallel film.parallel parallel",
    "motion.colours": "color_coherence match_color",
    "source.film": "input_video init_video video_init_path video_path video_style_dir vsd",
    "source.stride": "extract_nth_frame frame_stride",
    "source.blend=…": "flow_blend",
    "sound.file": "input_audio audio music audio_file soundtrack",
    "sound.start": "input_audio_offset",
    "sound.bands=…": "input_audio_filters",
    "film.codec": "video_codec vcodec",
    "film.format": "video_format",
    "device": "cuda_device cud cd",
    "device=cuda": "gpu use_cuda",
    "device=cpu": "cpu no_cuda no_gpu",
    "precision": "dtype",
    "precision=fp16": "half fp16",
    "precision=fp32": "full_precision",
    "deterministic=true": "cudnn_determinism torch_deterministic",
    "threads": "num_threads",
    "dream.guidance": "cfg cfg_scale guidance_scale cond_scale",
    "dream.temperature": "temp",
    "dream.count": "num_candidates",
}
_MEANT = {name: meant for meant, names in PEER_NAMES.items() for name in names.split()}

# Values that other tools have, setting by setting: what is here → what it is there, apart by |.
PEER_VALUES: dict[str, dict[str, str]] = {
    "device": {"cuda": "cuda|gpu|nvidia|rocm|hip", "mps": "metal"},
    "precision": {"fp16": "half|float16|16", "fp32": "full|float32|32|float", "bf16": "bfloat16"},
    "init": {
        "fractal": "perlin|pixels",
        "uniform": "noise|snow",
        "random": "none|codes",
        "colour": "color",
        "dream": "draft",
    },
    "cutouts.recipe": {
        "crowson": "original",
        "vqgan-clip": "latest|nerdyrodent",
        "disco": "dango|discoart",
    },
    "optimiser.schedule": {"constant": "none", "drop": "step", "cosine": "cosine_annealing"},
    "camera.edges": {
        "mirror": "reflect|reflection",
        "smear": "clamp|border|replicate|edge",
        "wrap": "circular",
        "black": "zeros",
        "fill": "inpaint",
    },
    "source.fit": {"cover": "crop|fill", "contain": "pad|letterbox"},
    "motion.colours": {
        "lab": "match frame 0 lab",
        "hsv": "match frame 0 hsv",
        "rgb": "match frame 0 rgb",
    },
    "film.format": {"mp4": "h264", "mov": "prores", "webm": "vp9", "frames": "png"},
    "film.codec": {
        "h264": "x264|libx264|avc",
        "h265": "x265|libx265|hevc",
        "vp9": "libvpx-vp9",
        "av1": "libsvtav1",
        "prores": "prores_ks",
    },
    "film.between_by": {"flow": "interpolate|minterpolate", "blend": "crossfade"},
}


def suggest_setting(
    name: str,
    value: str | None,
    known: Collection[str],
    options: Mapping[str, str] | None = None,
) -> str:
    """Suggest what to write instead of a setting or an option that there is not.

    Args:
        name: as it was typed: "iterations", "--num_cuts".
        value: the value that was typed with it, if any.
        known: the keys of the settings that there are.
        options: those of them that are options where it was typed, each with its option.

    Returns:
        "; did you mean steps=100?", a sentence, or "" where nothing of the same meaning or nearly
        the same letters is known.

    >>> suggest_setting("iterations", "100", ["steps"])
    '; did you mean steps=100?'
    >>> suggest_setting("--iterations", "100", ["steps"], {"steps": "--steps"})
    '; did you mean --steps 100?'
    """
    meant = _MEANT.get(name.lstrip("-").lower().replace("-", "_"), "")
    if " " in meant and "prompts" in known:
        return f"; {meant.format(value or '…')}"
    key, _, form = meant.partition("=")
    if key := _known_key(key, known):
        shown = form or "{}"
        shown = shown.replace("{}", "…" if value is None else convert_value(key, value))
        shown = shown if re.fullmatch(r"[^\s\"'\\`&|<>;()$*?!#~]+", shown) else quote(shown)
        option = (options or {}).get(key)
        return f"; did you mean {f'{option} {shown}' if option else f'{key}={shown}'}?"
    return ""


def suggest_value(key: str, value: str, choices: Iterable[str]) -> str:
    """Suggest one of a setting's choices: by meaning, else by letters; "" if there is none.

    >>> suggest_value("device", "gpu", ["cpu", "cuda"])
    "; did you mean 'cuda'?"
    """
    choices = list(choices)
    meant = convert_value(key, value)
    if meant != value and meant in choices:
        return f"; did you mean {meant!r}?"
    return suggest(value, choices)


def convert_value(key: str, value: str) -> str:
    """Convert a value of another tool to how it is written here; others stay as they are."""
    plain = value.strip().lower()
    if key == "device":
        plain = re.sub(r":[0-9]+$", "", plain)  # cuda:0
    known = PEER_VALUES.get(key, {}).items()
    return next((here for here, there in known if plain in there.split("|")), value)


def _known_key(key: str, known: Collection[str]) -> str:
    """The key itself if it is known, else the only known one that ends like it, else ""."""
    if not key or key in known:
        return key
    ends = [each for each in known if each.rpartition(".")[2] == key.rpartition(".")[2]]
    return ends[0] if len(ends) == 1 else ""
