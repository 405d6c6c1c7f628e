"""The table of pixray's options, and of clipit's, its forerunner.

Their names and defaults are those of pixray at its last commit (2022-05-29); older names that
settings files still have stand at the foot. Rows without a conversion are written together with
others, in `vqclip.importers.peers.pixray` and `pixray_losses`.
"""

from __future__ import annotations

from vqclip.importers.options import (
    NUMBER,
    NUMBERS,
    PAIR,
    PROMPTS,
    TEXT,
    TEXTS,
    TRUTH,
    WHOLE,
    Kind,
    Option,
    check_rows,
    kept,
    left,
    nearly,
    read_names,
    read_steps,
    same,
)

MARGINS = Kind(NUMBERS.read, "four numbers", 4)
PLACES = Kind(NUMBERS.read, "two numbers", 2)
COLOUR = Kind(NUMBERS.read, "three numbers from 0 to 255", 3)
NAMES = Kind(read_names, "names apart by commas")
STEPS = Kind(read_steps, "a whole number of steps")
OTHER_TOOL = "diffusion is not in vqclip; drawn with a VQGAN"
OUT = "run folders are made in this folder, unless it holds %SEQ%"
NO_TEMPLATES = "vqclip names run folders itself"

DRAWN: tuple[Option, ...] = (
    kept("drawer", "vqgan", "drawer", TEXT, how="see below"),
    kept("prompts p", "", "prompts", PROMPTS, how="signs of vqclip in it are escaped"),
    nearly(
        "spot sp",
        "",
        "prompts",
        PROMPTS,
        "P in(-mask): pixray's CLIP sees black around the part, vqclip's sees the surroundings "
        "and moves the part alone",
    ),
    nearly(
        "spot_off spo",
        "",
        "prompts",
        PROMPTS,
        "P in(mask): pixray's CLIP sees black around the part, vqclip's sees the surroundings "
        "and moves the part alone",
    ),
    kept(
        "spot_file spf",
        "a disc in the middle",
        "prompts",
        TEXT,
        how="where it is white, `spot_off` judges, elsewhere `spot`; without a file, a box in "
        "the middle",
    ),
    kept("labels l", "", "prompts", PROMPTS, how="`label(a fox)`, in the same seven templates"),
    kept(
        "vector_prompts vp",
        "textoff",
        "prompts",
        PROMPTS,
        how="at a tenth of the weight; `moods.json` is `vector(moods.json)`, and has to have a "
        "vector for each CLIP; none and 0 switch it off",
    ),
    kept("image_prompts ip", "", "prompts", PROMPTS),
    kept("image_prompt_weight ipw", "1", "prompts", NUMBER),
    left("image_prompt_shuffle ips", "false", "pictures are always cut like the drawing", TRUTH),
    kept(
        "target_images ti",
        "",
        "prompts",
        PROMPTS,
        how="`like(a.png)`; each has its own weight, where pixray takes the last one's for all",
    ),
    left("image_labels il", "", "closeness to latents of pictures is not taken over", TEXT),
    left("image_label_weight ilw", "1", "it belongs to image_labels", NUMBER),
    kept("iterations i", "by quality", "steps", STEPS),
    kept(
        "save_every se",
        "10",
        "previews",
        TEXT,
        how="a share stays one, unless pixray rounds it down",
    ),
    kept("save_intermediates si", "true", "previews", TRUTH, how="false is 0"),
    left("display_every de", "20", "previews are files in steps/", TEXT),
    left("display_clear dc", "false", "previews are files in steps/", TRUTH),
    kept("overlay_image ovi", "", "overlay.picture", TEXT),
    kept("overlay_every ove", "10 iterations", "overlay.every", TEXT),
    kept("overlay_offset ovo", "0", "overlay.start", TEXT),
    kept("overlay_until ovu", "", "overlay.until", TEXT),
    kept(
        "overlay_alpha ova",
        "its own",
        "overlay.alpha",
        NUMBER,
        how="divided by 255, times its own",
    ),
    kept("quality", "normal", "steps cutouts.count perceptors size", TEXT, how="see below"),
    kept("aspect asp", "widescreen", "size", TEXT, how="see below"),
    kept("ezsize ezs", "", "size", TEXT, how="small is scale 1, medium 2, large 4"),
    kept("scale sca", "", "size", NUMBER, how="times the size at scale 1"),
    kept("size s", "by quality and aspect", "size", PAIR),
    kept("init_image ii", "", "init", TEXT),
    left("init_image_alpha iia", "200", "it acts only in pixray's animations", NUMBER),
    kept(
        "init_noise in",
        "pixels",
        "init",
        TEXT,
        how="pixels is fractal, snow is uniform, none is random",
    ),
    left(
        "animation_dir anim",
        "",
        "pixray's animations draw all frames in turns; vqclip draws one after another: frames=N, "
        "or source.film=CLIP",
        TEXT,
    ),
    left("animation_alpha ana", "128", "it belongs to animation_dir", NUMBER),
    kept("init_weight iw", "0", "losses.latent losses.latent_kind", NUMBER),
    kept(
        "init_weight_dist iwd", "0", "losses.latent losses.latent_kind", NUMBER, how="half of it"
    ),
    kept("init_weight_cos iwc", "0", "losses.latent losses.latent_kind", NUMBER),
    nearly(
        "init_weight_pix iwp",
        "0",
        "losses.init",
        NUMBER,
        "mean squares of differences here, half their mean size there",
    ),
    kept(
        "perceptors",
        "clip",
        "perceptors",
        TEXT,
        how="without SLIP, which open_clip does not have",
    ),
    kept(
        "clip_models m", "by quality", "perceptors", TEXT, how="`ViT-B/32` is `ViT-B-32::openai`"
    ),
    nearly(
        "noise_prompt_seeds nps", "", "prompts", TEXTS, "another random direction, for every CLIP"
    ),
    kept("noise_prompt_weights npw", "", "prompts", TEXTS),
    kept(
        "learning_rate lr",
        "0.2",
        "optimiser.rate",
        NUMBER,
        how="with vqgan and fast_pixel; other drawers have their own",
    ),
    kept(
        "learning_rate_drops lrd",
        "75",
        "optimiser.schedule optimiser.rate",
        TEXTS,
        how="75 is schedule=drop; others are steps of a schedule; never above 100 %",
    ),
    nearly(
        "auto_stop as",
        "false",
        "stop",
        TRUTH,
        "pixray waits for the loss, vqclip for the score of a second CLIP",
        lambda wanted: "plateau" if wanted else "off",
    ),
    kept("num_cuts cuts", "by quality", "cutouts.count", WHOLE, how="times batches"),
    kept("batches bats", "by quality", "cutouts.count", WHOLE, how="times num_cuts"),
    left("cut_power cutp cut_pow", "1", "unused in pixray", NUMBER),
    kept("seed sd", "random", "seed", TEXT, how="of a text, its SHA-512 modulo 2**32"),
    kept("optimiser opt optimizer", "Adam", "optimiser.name", TEXT),
    kept(
        "make_video video vid",
        "false",
        "film.format film.every film.fps",
        TRUTH,
        how="from 10 to 60 frames a second, about 14 seconds",
    ),
    kept("deterministic d", "false", "deterministic", TRUTH, same),
    kept("cuda_device cud", "cuda:0", "device", TEXT, same),
    kept(
        "palette",
        "",
        "losses.colours filters.lookup",
        TEXT,
        how="in hex digits; xkcd names come first, one name alone is a ramp from black",
    ),
    kept("transparent", "false", "draw.alpha", TRUTH),
    kept("transparent_weight transparency", "0", "losses.opacity", NUMBER),
    left("alpha_use_g", "false", "it had no effect in pixray", TRUTH),
    left("alpha_gamma", "4", "it had no effect in pixray", NUMBER),
    left("output", "output.png", f"{NO_TEMPLATES}, and the picture in it is final.png", TEXT),
    nearly("outdir", "outputs/%DATE%_%SEQ%", "out", TEXT, OUT),
    left("config_file", "", "import that file instead", TEXT),
)

DRAWERS: tuple[Option, ...] = (
    kept(
        "vqgan_model",
        "imagenet_f16_16384",
        "vqgan",
        TEXT,
        how="openimages_f16_8192 is gumbel_f8_8192, wikiart_* is wikiart_f16_*",
    ),
    left("vqgan_config", "", "pixray ignores it; vqclip models import FILE --config …", TEXT),
    left("vqgan_checkpoint", "", "pixray ignores it; vqclip models import FILE --config …", TEXT),
    left("vdiff_model", "yfcc_2", OTHER_TOOL, TEXT),
    left("vdiff_schedule", "default", OTHER_TOOL, TEXT),
    left("vdiff_skip", "0", OTHER_TOOL, NUMBER),
    kept(
        "pixel_size ps",
        "by shape",
        "draw.grid",
        PAIR,
        how="one more where the shape needs an odd number",
    ),
    kept("pixel_scale psc", "1", "draw.grid", NUMBER, how="divides columns and rows"),
    kept(
        "pixel_type",
        "rect",
        "draw.shape",
        TEXT,
        how="rect is square, rectshift is brick, hex is hexagon, tri is triangle",
    ),
    left("pixel_edge_check", "true", "vqclip's grids always end alike on both sides", TRUTH),
    kept("pixel_iso_check", "true", "draw.grid", TRUTH),
    kept("strokes", "1024 (clipdraw), 24 (line_sketch)", "draw.strokes", WHOLE),
    kept("stroke_length", "8", "draw.segments", WHOLE),
    kept("min_stroke_width", "1", "draw.thinnest", NUMBER, how="twice: they are half widths"),
    kept(
        "max_stroke_width",
        "5 (clipdraw), 2 (line_sketch)",
        "draw.thickest",
        NUMBER,
        how="twice: they are half widths",
    ),
    kept("allow_paper_color", "false", "draw.paper_moves", TRUTH),
    kept("fft_use", "fft", "drawer", TEXT, how="dwt is wavelets, pixel is pixels"),
    kept("fft_decay", "1.5", "draw.decay", NUMBER),
    kept("fft_wave", "coif2", "draw.wave", TEXT),
    kept("fft_sharp", "0.3", "draw.sharp", NUMBER),
    left("fft_colors", "1.5", "ignored in pixray, which takes 1.5", NUMBER),
    kept("fft_lrate", "0.3", "optimiser.rate", NUMBER),
    kept("super_resolution_model", "RealESRGAN_x4plus", "draw.enlarger", TEXT),
)

LIKED: tuple[Option, ...] = (
    kept(
        "filters",
        "",
        "filters.lookup filters.commit tile",
        NAMES,
        how="lookup; wallpaper and tiler are tile",
    ),
    kept("lookup_beta", "10", "filters.commit", NUMBER),
    kept("wallpaper_type", "both directions", "tile", TEXT, how="shift is brick"),
    nearly(
        "wallpaper_edge_match",
        "0",
        "tile",
        WHOLE,
        "vqclip's tiles meet exactly, and the picture keeps its size",
    ),
    kept("custom_loss losses", "", "losses", NAMES, how="see below"),
    kept("palette_weight", "1", "losses.palette", NUMBER),
    kept("saturation_weight", "1", "losses.saturation", NUMBER),
    kept("symmetry_weight", "1", "losses.symmetry", NUMBER),
    kept("smoothness_weight", "1", "losses.smoothness", NUMBER),
    kept("smoothness_type", "default", "losses.smoothness_kind", TEXT),
    left("smoothness_gaussian_kernel", "0", "vqclip does not blur before it measures", NUMBER),
    left("smoothness_gaussian_std", "1", "vqclip does not blur before it measures", NUMBER),
    left("smoothness_spacing", "1", "vqclip measures at neighbouring pixels", NUMBER),
    left("smoothness_edge_order", "1", "vqclip measures at neighbouring pixels", NUMBER),
    kept("edge_thickness", "5", "losses.edges", NUMBER),
    kept("edge_margins", "", "losses.edge_margins", MARGINS),
    kept("edge_color", "white", "losses.edge_colour", TEXT),
    kept("edge_color_weight", "0.1", "losses.edges", NUMBER),
    kept("global_color_weight", "0.05", "losses.ground", NUMBER),
    kept("edge_input_image", "", "losses.edge_picture", TEXT),
    kept("edge_mask_image", "", "losses.edge_mask", TEXT),
    kept("style_file", "", "losses.look_of", TEXT),
    left("styleloss_content_weight", "32", "it belongs to the loss style", NUMBER),
    left("styleloss_ospace", "uniform", "it belongs to the loss style", TEXT),
    left("styleloss_skip", "100", "it belongs to the loss style", NUMBER),
    left("styleloss_every", "1", "it belongs to the loss style", NUMBER),
    kept("aesthetic_target", "10", "losses.aesthetic_target", NUMBER),
    kept("gaussian_weight", "1", "losses.vignette", NUMBER),
    kept("gaussian_std", "40 40", "losses.vignette_width", PLACES),
    kept("gaussian_color", "255 255 255", "losses.vignette_colour", COLOUR),
)

OLDER: tuple[Option, ...] = (
    kept("use_pixeldraw", "false", "drawer", TRUTH, how="true is mosaic"),
    kept("use_clipdraw", "false", "drawer", TRUTH, how="true is strokes"),
    left("do_mono", "false", "near is losses.saturation below 0", TRUTH),
    kept("target_palette", "", "losses.colours losses.palette", TEXT),
    kept(
        "enforce_palette_annealing",
        "5000",
        "losses.palette",
        NUMBER,
        how="the weight grows from 0 by the step, divided by this",
    ),
    kept("enforce_smoothness smoothness", "", "losses.smoothness", NUMBER),
    kept("enforce_smoothness_type", "default", "losses.smoothness_kind", TEXT),
    kept("enforce_saturation saturation", "", "losses.saturation", NUMBER),
    kept("target_image_weight", "1", "prompts", NUMBER),
    left("target_weight_pix", "0", "closeness of pixels to a target picture is not taken over"),
    left("output_name", "", f"{NO_TEMPLATES}, and the picture in it is final.png", TEXT),
    nearly("output_dir", "", "out", TEXT, OUT),
    kept("max_iterations", "", "steps", STEPS),
    left("display_freq", "20", "previews are files in steps/", TEXT),
)

OPTIONS = check_rows((*DRAWN, *DRAWERS, *LIKED, *OLDER))
