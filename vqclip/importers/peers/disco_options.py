"""The table of Disco Diffusion's options, and of discoart's.

Names and defaults are those of Disco's settings files and of discoart's default.yml. Rows without
a conversion are written together with others, in `vqclip.importers.peers.disco`.
"""

from __future__ import annotations

from vqclip.importers.options import (
    ANYTHING,
    NUMBER,
    TEXT,
    TRUTH,
    WHOLE,
    Option,
    check_rows,
    kept,
    left,
    nearly,
    same,
)

DIFFUSION = "it is about diffusion"
DISPLAY = "it is about display and files"
WALL = "divided by 200, to a flat wall; for depth give camera.depth a depth model"
OTHER_SIGN = "about the same axis; look whether it turns the way you mean"
ALL_ALIKE = "LPIPS there, squares of differences of pixels here"
DIFFUSED = (
    "skip_steps eta clamp_grad clamp_max clip_denoised randomize_class rand_mag fuzzy_prompt "
    "diffusion_model use_secondary_model diffusion_steps diffusion_sampling_mode turbo_mode "
    "turbo_steps turbo_preroll vr_mode vr_eye_angle vr_ipd custom_path use_checkpoint "
    "diffusion_model_config steps_per_checkpoint intermediate_saves intermediates_in_subfolder"
)
SHOWN = (
    "batch_name batch_size display_rate save_rate gif_fps gif_size_ratio image_output "
    "name_docarray skip_event stop_event on_misspelled_token text_clip_on_cpu visualize_cuts "
    "truncate_overlength_prompt resume_run run_to_resume resume_from_frame "
    "retain_overwritten_frames animation_preset video_fps"
)
CLIPS = (
    "ViTB32",
    "ViTB16",
    "ViTL14",
    "ViTL14_336px",
    "RN50",
    "RN101",
    "RN50x4",
    "RN50x16",
    "RN50x64",
)
USUAL = ("ViTB32", "ViTB16", "RN50")
MODELS = tuple(
    kept(name, "true" if name in USUAL else "false", "perceptors", TRUTH) for name in CLIPS
)
OPTIONS: tuple[Option, ...] = check_rows(
    (
        kept(
            "text_prompts",
            "",
            "prompts",
            ANYTHING,
            how="scenes by their frames; weights divided by their sum",
        ),
        kept("image_prompts", "", "prompts", ANYTHING),
        kept("width", "1280", "size", WHOLE),
        kept("height", "768", "size", WHOLE),
        kept("width_height", "[1280, 768]", "size", ANYTHING),
        kept("seed set_seed", "random_seed", "seed", ANYTHING),
        kept("steps", "250", "steps", WHOLE),
        kept("max_frames", "10000", "frames", WHOLE),
        kept("init_image", "", "init", TEXT),
        *MODELS,
        kept("clip_models", "", "perceptors", ANYTHING),
        left("clip_models_schedules", "", "give the perceptor a schedule: NAME:{0: 1, 50%: 0}"),
        kept(
            "cut_overview",
            "[12]*400+[4]*600",
            "cutouts.count",
            TEXT,
            how="(overview + inner) × batches",
        ),
        kept(
            "cut_innercut",
            "[4]*400+[12]*600",
            "cutouts.count",
            TEXT,
            how="(overview + inner) × batches",
        ),
        kept("cutn_batches", "4", "cutouts.count", ANYTHING, how="(overview + inner) × batches"),
        nearly("cut_ic_pow", "1", "cutouts.recipe", ANYTHING, "the recipe disco has 1"),
        nearly(
            "cut_icgray_p",
            "[0.2]*400+[0]*600",
            "cutouts.recipe",
            ANYTHING,
            "the recipe disco has its mean, 0.1 of all",
        ),
        left("cut_schedules_group", "default", "vqclip's recipe disco is the default one"),
        kept("tv_scale", "0", "losses.smoothness", NUMBER, how="4 × it / clip_guidance_scale"),
        nearly(
            "clip_guidance_scale",
            "5000",
            "losses.smoothness losses.init",
            ANYTHING,
            "prompts count 1 here; other weights are divided by it",
        ),
        left("range_scale", "150", "vqclip keeps colours in range by itself", ANYTHING),
        nearly(
            "sat_scale",
            "0",
            "losses.saturation",
            NUMBER,
            "colourfulness of the picture here, what is beyond white and black there",
        ),
        nearly("init_scale", "1000", "losses.init", NUMBER, ALL_ALIKE),
        kept("perlin_init", "false", "init", TRUTH),
        left("perlin_mode", "mixed", "init=fractal has colours", TEXT),
        left("skip_augs", "false", "augmentations are those of the recipe disco", TRUTH),
        kept("animation_mode", "None", "frames", TEXT),
        left("key_frames", "true", "moves are always read as keyframes", TRUTH),
        kept("interp_spline", "Linear", "camera", TEXT, how="Quadratic and Cubic are spline"),
        kept("angle", "", "camera.roll", TEXT, how="its negative"),
        kept("zoom", "", "camera.zoom", TEXT, how="keyframes, as above"),
        kept(
            "translation_x",
            "",
            "camera.pan_x camera.right",
            TEXT,
            how="divided by −width",
        ),
        kept(
            "translation_y",
            "",
            "camera.pan_y camera.up",
            TEXT,
            how="divided by −height",
        ),
        nearly(
            "translation_z",
            "",
            "camera.forward",
            TEXT,
            WALL,
        ),
        nearly("rotation_3d_x", "", "camera.tilt", TEXT, OTHER_SIGN),
        nearly("rotation_3d_y", "", "camera.swing", TEXT, OTHER_SIGN),
        nearly("rotation_3d_z", "", "camera.roll", TEXT, OTHER_SIGN),
        kept("fov", "40", "camera.view", NUMBER),
        left("near_plane near", "200", "there is no depth map; with one it is camera.near"),
        left("far_plane far", "10000", "there is no depth map; with one it is camera.far"),
        kept(
            "padding_mode",
            "border",
            "camera.edges",
            TEXT,
            how="border is smear, reflection is mirror, zeros is black",
        ),
        left("sampling_mode", "bicubic", "vqclip samples in its own way", TEXT),
        left("midas_depth_model", "dpt_large", "give camera.depth a depth model"),
        left("midas_weight", "0.3", "give camera.depth a depth model"),
        kept("video_init_path", "", "source.film", TEXT),
        kept("extract_nth_frame", "2", "source.stride", WHOLE, same),
        left("persistent_frame_output_in_batch_folder", "", DISPLAY),
        kept("video_init_flow_warp", "true", "source.flow", TRUTH),
        nearly(
            "video_init_flow_blend",
            "0.999",
            "source.blend",
            NUMBER,
            "how much of the warped frame there, of the film's frame here",
        ),
        left("video_init_check_consistency", "true", "vqclip looks itself where the flow holds"),
        left("video_init_blend_mode", "optical flow", "vqclip always follows the flow"),
        kept("frames_skip_steps", "60%", "motion.steps", TEXT, how="steps × (1 − it)"),
        nearly("frames_scale", "1500", "motion.hold", NUMBER, ALL_ALIKE),
        kept("video_init_frames_skip_steps", "70%", "motion.steps", TEXT, how="steps × (1 − it)"),
        nearly("video_init_frames_scale", "15000", "motion.hold", NUMBER, ALL_ALIKE),
        nearly(
            "use_vertical_symmetry",
            "false",
            "losses.symmetry losses.axis",
            TRUTH,
            "a loss until then, and no exact mirror",
        ),
        nearly(
            "use_horizontal_symmetry",
            "false",
            "losses.symmetry losses.axis",
            TRUTH,
            "a loss until then, and no exact mirror",
        ),
        kept("transformation_percent", "[0.09]", "losses.symmetry", ANYTHING),
        left("n_batches", "1", "each run is one picture; draw several with vqclip again seed=N"),
        *(left(name, "", DIFFUSION) for name in DIFFUSED.split()),
        *(left(name, "", DISPLAY) for name in SHOWN.split()),
    )
)
