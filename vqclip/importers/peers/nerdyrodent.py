"""VQGAN-CLIP of nerdyrodent: the options of generate.py.

It takes one step more than `-i` says. A zoom makes a picture every `-zse` steps, encodes it
zoomed, and begins a new optimiser on it; the first one is the start, before any step.
"""

from __future__ import annotations

from vqclip.importers.draft import Draft
from vqclip.importers.options import (
    FLAG,
    NUMBER,
    PAIR,
    TEXT,
    TEXTS,
    WHOLE,
    Peer,
    check_rows,
    kept,
    left,
    nearly,
    same,
)
from vqclip.importers.peers import shared
from vqclip.importers.peers.shared import MOST_SCENES
from vqclip.language.prompt_types import Prompt

MADE = ("prompts", "image_prompts", "noise_prompt_seeds", "noise_prompt_weights")
STARTS = {"pixels": "uniform", "gradient": "gradient", "none": "random"}
OPTIONS = check_rows(
    (
        kept(
            "prompts p",
            "",
            "prompts",
            TEXT,
            how="all behind the last two colons are numbers: `12:30` has the weight 30",
        ),
        nearly(
            "image_prompts ip",
            "",
            "prompts",
            TEXT,
            "vqclip cuts the picture anew at each step; there it is cut once",
        ),
        kept("iterations i", "500", "steps", WHOLE, how="one more, as there"),
        kept("save_every se", "50", "previews", WHOLE, same),
        kept("size s", "512 512", "size", PAIR, how="in whole codes of 16 pixels"),
        kept("init_image ii", "", "init", TEXT),
        kept("init_noise in", "", "init", TEXT, how="pixels is uniform, None is random"),
        left(
            "init_weight iw",
            "0",
            "it pulls the latent towards 0, not towards the start; near is losses.init, which "
            "holds on to the start picture",
            NUMBER,
        ),
        kept(
            "clip_model m", "ViT-B/32", "perceptors", TEXT, how="`ViT-B/32` is `ViT-B-32::openai`"
        ),
        kept("vqgan_config conf", "checkpoints/vqgan_imagenet_f16_16384.yaml", "vqgan", TEXT),
        kept(
            "vqgan_checkpoint ckpt",
            "checkpoints/vqgan_imagenet_f16_16384.ckpt",
            "vqgan",
            TEXT,
            how="`vqgan_imagenet_f16_16384.ckpt` is `imagenet_f16_16384`",
        ),
        nearly("noise_prompt_seeds nps", "", "prompts", TEXTS, "another random direction each"),
        kept("noise_prompt_weights npw", "", "prompts", TEXTS),
        kept("learning_rate lr step_size", "0.1", "optimiser.rate", NUMBER, same),
        kept(
            "cut_method cutm",
            "latest",
            "cutouts.recipe",
            TEXT,
            how="latest is vqgan-clip, original is crowson",
        ),
        kept("num_cuts cuts", "32", "cutouts.count", WHOLE, same),
        left("cut_power cutp cut_pow", "1", "the recipe latest does not use it", NUMBER),
        kept("seed sd", "", "seed", WHOLE, same),
        kept("optimiser opt optimizer", "Adam", "optimiser.name", TEXT),
        left("output o", "output.png", "vqclip names run folders itself: out=FOLDER", TEXT),
        kept("make_video video vid", "", "film.format film.fps", FLAG),
        kept(
            "make_zoom_video zoom_video zvid",
            "",
            "frames motion.steps motion.rate",
            FLAG,
            how="a picture every zoom_frequency steps, and the first before any",
        ),
        left("zoom_start zs", "0", "vqclip's camera moves from the first frame on", WHOLE),
        kept("zoom_frequency zse zoom_save_every", "10", "motion.steps", WHOLE),
        kept("zoom_scale zsc", "0.99", "camera.zoom", NUMBER),
        kept(
            "zoom_shift_x zsx",
            "0",
            "camera.pan_x",
            NUMBER,
            how="its negative, divided by the width",
        ),
        kept(
            "zoom_shift_y zsy",
            "0",
            "camera.pan_y",
            NUMBER,
            how="its negative, divided by the height",
        ),
        kept(
            "change_prompt_every cpe prompt_frequency",
            "0",
            "prompts",
            WHOLE,
            how="scenes are written out, with their lengths, as often as they return",
        ),
        kept(
            "video_length vl",
            "10",
            "fps film.fps",
            NUMBER,
            how="pictures divided by seconds, from 10 to 60 a second",
        ),
        nearly(
            "output_video_fps ofps",
            "0",
            "film.between",
            NUMBER,
            "frames are put in between by film.between_by=flow, a whole number of them",
        ),
        kept("input_video_fps ifps", "15", "fps film.fps", NUMBER),
        kept("deterministic d", "", "deterministic", FLAG, same),
        left(
            "augments aug",
            "Af Pe Ji Er",
            "augmentations are those of the recipe vqgan-clip: Af, Pe, Ji and Er",
            TEXTS,
        ),
        nearly(
            "video_style_dir vsd",
            "",
            "source.film",
            TEXT,
            "each frame is drawn over that of the film; the number of frames is the film's",
        ),
        kept("cuda_device cd", "cuda:0", "device", TEXT, same),
    )
)


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    draft.base(
        shared.PLAIN
        | {
            "drawer": "vqgan",
            "vqgan": "imagenet_f16_16384",
            "perceptors": ["ViT-B-32::openai"],
            "size": "512x512",
            "cutouts.count": 32,
            "cutouts.recipe": "vqgan-clip",
            "cutouts.contrast": "absolute",
            "optimiser.name": "adam",
            "optimiser.rate": 0.1,
            "optimiser.schedule": "constant",
            "previews": 50,
        }
    )
    steps = draft.get("iterations", 500)
    if steps < 1:
        raise draft.refuse("iterations", "it must be 1 or more")
    _write_models(draft)
    _write_start(draft)
    if draft.get("make_zoom_video", False):
        pictures = _write_zoom(draft, steps)
    else:
        pictures = 0
        draft.put("steps", steps + 1, "iterations")
        for name in ("zoom_frequency", "zoom_scale", "zoom_shift_x", "zoom_shift_y"):
            draft.leave(name, "it is for -zvid, which is not given")
    _write_film(draft, steps, pictures)
    _write_prompts(draft, steps, pictures)


def _write_models(draft: Draft) -> None:
    """Write models, cutouts and the optimiser."""
    if draft.has("clip_model"):
        names = shared.clip_names(draft, "clip_model", [draft.get("clip_model")], ["ViT-B-32"])
        draft.put("perceptors", names, "clip_model")
    for option in ("vqgan_config", "vqgan_checkpoint"):
        name, told = shared.vqgan_name(draft.get(option, ""))
        if name:
            draft.put("vqgan", name, option)
            if told:
                draft.nearly(option, told)
        else:
            draft.leave(
                option,
                "import the model first: vqclip models import FILE --config …, then vqgan=NAME",
            )
    recipe = draft.get("cut_method", "latest")
    draft.put("cutouts.recipe", "crowson" if recipe == "original" else "vqgan-clip", "cut_method")
    if recipe not in ("latest", "original"):
        draft.nearly("cut_method", f"the nearest to {recipe} is vqgan-clip, its latest")
    shared.write_optimiser(draft, "optimiser")


def _write_start(draft: Draft) -> None:
    """Write size and start."""
    wide, high = draft.get("size", (512, 512))
    draft.put("size", f"{wide - wide % 16}x{high - high % 16}", "size")
    if wide % 16 or high % 16:
        draft.nearly("size", "in whole codes of 16 pixels, as there")
    noise = str(draft.get("init_noise", "none")).strip().lower()
    if noise not in STARTS:
        raise draft.refuse("init_noise", "it is pixels, gradient or None")
    draft.put("init", STARTS[noise], "init_noise")
    if draft.has("init_image") and not shared.refuse_addresses(draft, "init_image"):
        draft.put("init", draft.get("init_image"), "init_image")
        draft.leave("init_noise", "an init image is given, and counts")
    if draft.has("video_style_dir"):
        draft.put("source.film", draft.get("video_style_dir"), "video_style_dir")
        draft.settings.pop("init", None)
        for name in ("init_image", "init_noise"):
            draft.leave(name, "each frame starts from the film's")
        steps = draft.get("iterations", 500) + 1
        draft.base(shared.MOVING | {"source.weight": 0.0, "source.flow": "none"})
        draft.settings |= {"source.blend": 1.0, "motion.steps": steps, "film.format": "mp4"}
        draft.put("motion.rate", draft.get("learning_rate", 0.1))


def _write_zoom(draft: Draft, steps: int) -> int:
    """Write the camera of a zoom.

    Returns:
        How many pictures it makes.
    """
    every = draft.get("zoom_frequency", 10)
    if every < 1:
        raise draft.refuse("zoom_frequency", "it must be 1 or more")
    pictures = steps // every + 1
    wide, high = map(int, draft.settings["size"].split("x"))
    draft.settings |= shared.MOVING | {"camera.edges": "wrap", "steps": 1}
    draft.put("frames", pictures, "make_zoom_video", "iterations")
    draft.put("motion.steps", every, "zoom_frequency")
    draft.put("motion.rate", draft.get("learning_rate", 0.1), "learning_rate")
    draft.put("camera.zoom", draft.get("zoom_scale", 0.99), "zoom_scale")
    for name, setting, side in (
        ("zoom_shift_x", "camera.pan_x", wide),
        ("zoom_shift_y", "camera.pan_y", high),
    ):
        if draft.get(name, 0.0):
            draft.put(setting, -draft.get(name) / side, name)
    if draft.get("zoom_scale", 0.99) < 1:
        draft.nearly("zoom_scale", "what comes into view is black there, and wraps around here")
    return pictures


def _write_film(draft: Draft, steps: int, pictures: int) -> None:
    """Write the film of a zoom, or of a picture's making."""
    length = draft.get("video_length", 10.0)
    if length <= 0:
        raise draft.refuse("video_length", "it must be above 0 seconds")
    shown = pictures - 1 if pictures else steps
    moving = pictures > 0 or draft.has("video_style_dir")
    making = draft.get("make_video", False)
    wanted = draft.get("output_video_fps", 0.0)
    rate = min(60.0, max(10.0, shown / length))
    if wanted > 9:
        rate = draft.get("input_video_fps", 15.0)
        between = min(15, max(0, round(wanted / max(rate, 1.0)) - 1))
        draft.put("film.between", between, "output_video_fps")
        draft.put("film.between_by", "flow" if between else "blend")
        draft.leave("video_length", "-ofps says how fast the film plays")
    else:
        draft.leave("output_video_fps", "9 or less leaves the film as it is")
        draft.leave("input_video_fps", "it is for -ofps, which is not given")
    if moving:
        draft.put("fps", rate, "video_length", "input_video_fps")
        draft.say("make_video", "nearly", "the film is that of the animation")
    elif making:
        draft.put("film.format", "mp4", "make_video")
        draft.put("film.fps", rate, "video_length", "input_video_fps")
    else:
        for name in ("video_length", "output_video_fps", "input_video_fps"):
            draft.leave(name, "it is for -vid and -zvid, which are not given")
        draft.settings.pop("film.between", None)
        draft.settings.pop("film.between_by", None)


def _write_prompts(draft: Draft, steps: int, pictures: int) -> None:
    """Write scenes, pictures and noise as prompts."""
    stories = [
        [found for part in scene.split("|") if (found := shared.strict_prompt(part))]
        for scene in draft.get("prompts", "").split("^")
    ]
    common = [*_pictures(draft), *shared.noise_prompts(draft)]
    every = draft.get("change_prompt_every", 0)
    if every <= 0 or len(stories) < 2:
        if len(stories) > 1:
            draft.nearly(
                "prompts", "only the first scene: without -cpe the others are never drawn"
            )
        draft.put("prompts", shared.scenes_to_text([stories[0] + common]), *MADE)
        return
    # The scene of step j is j // every, and the list begins anew at its end.
    turns = steps // every + 1
    if turns > MOST_SCENES:
        raise draft.refuse("change_prompt_every", f"that makes {turns} scenes; 200 are the most")
    scenes = [stories[turn % len(stories)] + common for turn in range(turns)]
    last = steps - every * (turns - 1) + 1
    per = draft.get("zoom_frequency", 10) if pictures else 1
    lengths = [every / per] * (turns - 1) + [(last - 1) // per + 1 if pictures else last]
    if pictures:
        lengths[-1] = pictures - sum(lengths[:-1])
    draft.put("prompts", shared.scenes_to_text(scenes, lengths), "change_prompt_every", *MADE)
    if lengths[-1] <= 1:
        what = "frame" if pictures else "step"
        draft.nearly("change_prompt_every", f"the last scene gets one {what} only, as there")


def _pictures(draft: Draft) -> list[Prompt]:
    """The prompts that are pictures: "a.png | b.png:0.5"."""
    if not draft.has("image_prompts") or shared.refuse_addresses(draft, "image_prompts"):
        return []
    found = []
    for part in draft.get("image_prompts").split("|"):
        path, numbers = shared.split_weights(part)
        weight = numbers[0] if numbers else 1.0
        if prompt := shared.picture_prompt(path, weight):
            found.append(prompt)
    return found


NERDYRODENT = Peer(
    name="nerdyrodent",
    title="nerdyrodent's VQGAN-CLIP",
    about="",
    options=OPTIONS,
    write=write,
    scripts=("generate",),
    marks=("zvid", "cpe", "cutm", "zse", "zsc", "vsd", "make_zoom_video", "change_prompt_every"),
)
