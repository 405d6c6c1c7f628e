"""pixray, and clipit before it: what their options become together.

Quality, aspect and scale make the size; the drawer decides which learning rate counts; cutouts
of all batches add up. Losses, filters and palettes are in `pixray_losses`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from vqclip.importers.draft import Draft, number_text
from vqclip.importers.options import Peer
from vqclip.importers.peers import pixray_losses, shared
from vqclip.importers.peers.nerdyrodent import OPTIMISERS
from vqclip.importers.peers.pixray_options import OPTIONS, OTHER_TOOL
from vqclip.language.prompt_types import Prompt

Value = TypeVar("Value")
UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*(i|iter|iterations|p|%|percent)?", re.IGNORECASE)


@dataclass(frozen=True)
class Quality:
    """A quality of pixray's: its steps, cutouts, scale and CLIPs.

    Attributes:
        mixed: those of `perceptors=mixed`, without SLIP's.
    """

    steps: int
    cuts: int
    batches: int
    scale: float
    clips: tuple[str, ...]
    mixed: tuple[str, ...]


B32, B16 = "ViT-B-32", "ViT-B-16"
QUALITIES = {
    "draft": Quality(200, 24, 1, 1, (B16,), (B16,)),
    "normal": Quality(250, 30, 1, 2, (B32, B16), (B16,)),
    "better": Quality(300, 36, 1, 3, ("RN50", B32, B16), ("RN50", B16)),
    "best": Quality(350, 12, 2, 4, ("RN50x4", B32, B16), ("RN50x4", B16)),
    "supreme": Quality(
        400, 8, 4, 5, ("RN50x4", "RN101", B32, B16), ("RN50x4", "RN101", B16)
    ),
}
ASPECTS = {"square": (144, 144), "portrait": (128, 160), "widescreen": (192, 108)}
EZSIZES = {"small": 1.0, "medium": 2.0, "large": 4.0}
DRAWERS = {
    "vqgan": "vqgan",
    "pixel": "mosaic",
    "fast_pixel": "pixels",
    "clipdraw": "strokes",
    "line_sketch": "lines",
    "fft": "fourier",
    "vdiff": "vqgan",
    "super_resolution": "vqgan",
}
SPECTRA = {"fft": "fourier", "dwt": "wavelets", "pixel": "pixels"}
STARTS = {"pixels": "fractal", "gradient": "gradient", "snow": "uniform", "none": "random"}
SHAPES = {
    "rect": "square",
    "rectshift": "brick",
    "hex": "hexagon",
    "tri": "triangle",
    "diamond": "diamond",
    "knit": "knit",
}
# Factors of columns and rows, and their remainders by 2, with which both sides end alike.
DENSITIES = {"hexagon": (1.0, 1.414), "triangle": (1.414, 1.0), "diamond": (1.0, 2.0)}
PARITIES = {"brick": (1, 1), "hexagon": (1, 1), "diamond": (1, 1), "triangle": (1, 0)}
DISCS = {True: "33% 20% 34% 60%", False: "26.5% 26.5% 47% 47%"}  # wide pictures, all others


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    quality = pick_word(QUALITIES, draft, "quality", "normal")
    drawer = _write_drawer(draft)
    _write_models(draft, quality, drawer)
    _write_size(draft, quality, drawer)
    steps = _write_steps(draft, quality)
    wide, high = map(int, draft.settings["size"].split("x"))
    if drawer in ("mosaic", "pixels"):
        draft.put("draw.grid", _grid(draft, drawer, wide, high), "pixel_size", "pixel_scale")
    if drawer in ("strokes", "lines"):
        _write_strokes(draft, drawer, high)
    if drawer in ("fourier", "wavelets"):
        _write_spectra(draft, drawer)
    _write_rate(draft, drawer, steps, high)
    _write_start(draft, drawer)
    _write_overlay(draft, steps)
    pixray_losses.write_losses(draft, cuts=draft.get("num_cuts", quality.cuts))
    pixray_losses.write_filters(draft)
    _write_prompts(draft, wide > high)
    _leave_idle(draft, drawer)
    draft.base(
        shared.PLAIN
        | {
            "vqgan": "imagenet_f16_16384",
            "cutouts.recipe": "pixray",
            "cutouts.contrast": "stretch",
            "optimiser.name": "adam",
            "previews": 10,
        }
    )


def pick_word(table: Mapping[str, Value], draft: Draft, option: str, usual: str) -> Value:
    """What an option of several words is in a table.

    Raises:
        ConfigError: if it is none of them.
    """
    typed = str(draft.get(option, usual)).strip().lower()
    if typed not in table:
        raise draft.refuse(option, f"it is one of {', '.join(table)}")
    return table[typed]


def parse_unit(draft: Draft, option: str, text: str, total: int, usual: str = "i") -> int:
    """A number of steps, as pixray writes it: `20`, `20i`, `50%`.

    Args:
        total: what a share is of.
        usual: the unit where none is written, "i" or "%".
    """
    match = UNIT.fullmatch(text.strip())
    if match is None or len(match[1]) > 9:
        raise draft.refuse(option, "it is a number of steps such as 20, or a share: 50%")
    share = (match[2] or usual).lower() in ("p", "%", "percent")
    return int(float(match[1]) * total / 100) if share else int(float(match[1]))


def _write_drawer(draft: Draft) -> str:
    """Write which drawer draws, and return its name here."""
    named = draft.get("drawer")
    drawer = pick_word(DRAWERS, draft, "drawer", "vqgan")
    for old, new in (("use_pixeldraw", "mosaic"), ("use_clipdraw", "strokes")):
        if draft.get(old, False):
            drawer = new if named is None else drawer
            draft.put("drawer", drawer, old)
    if named == "fft":
        drawer = pick_word(SPECTRA, draft, "fft_use", "fft")
        draft.put("drawer", drawer, "fft_use")
    draft.put("drawer", drawer, "drawer")
    if named == "vdiff":
        draft.nearly("drawer", OTHER_TOOL)
    if named == "super_resolution":
        draft.nearly("drawer", "vqclip has no drawer=upscaler yet; drawn with a VQGAN")
    if drawer == "mosaic":
        draft.put("draw.shape", pick_word(SHAPES, draft, "pixel_type", "rect"), "pixel_type")
    if draft.get("transparent", False):
        if drawer == "mosaic":
            draft.put("draw.alpha", True, "transparent")
            if weight := draft.get("transparent_weight", 0.0):
                draft.put("losses.opacity", weight, "transparent_weight")
        else:
            draft.leave("transparent", "only pixray's drawer pixel can be transparent")
    return drawer


def _write_models(draft: Draft, quality: Quality, drawer: str) -> None:
    """Write VQGAN, CLIPs and cutouts."""
    if draft.has("vqgan_model"):
        name, told = shared.vqgan_name(draft.get("vqgan_model"))
        if not name:
            draft.leave("vqgan_model", "vqclip knows no such model; drawn by imagenet_f16_16384")
        elif draft.put("vqgan", name, "vqgan_model") and told:
            draft.nearly("vqgan_model", told)
    family = str(draft.get("perceptors", "clip")).strip().lower()
    if family not in ("clip", "slip", "mixed"):
        raise draft.refuse("perceptors", "it is one of clip, slip, mixed")
    usual = quality.mixed if family == "mixed" else quality.clips
    if family != "clip":
        draft.nearly("perceptors", "open_clip has no SLIP models; the CLIPs of the quality judge")
    names = [f"{each}::openai" for each in usual]
    if draft.has("clip_models"):
        listed = re.split(r"[,\s]+", draft.get("clip_models").strip(" []"))
        names = shared.clip_names(draft, "clip_models", listed, usual)
        draft.put("perceptors", names, "clip_models")
    draft.put("perceptors", names, "quality")
    cuts, batches = draft.get("num_cuts", quality.cuts), draft.get("batches", quality.batches)
    for option, number in (("num_cuts", cuts), ("batches", batches)):
        if number < 1:
            raise draft.refuse(option, "it must be 1 or more")
    draft.put("cutouts.count", cuts * batches, "quality", "num_cuts", "batches")


def _write_size(draft: Draft, quality: Quality, drawer: str) -> None:
    """Write the size: as given, else by scale, easy size or quality, and aspect."""
    scale = draft.get("scale")
    used = ["aspect"]
    if scale is None and draft.has("ezsize"):
        scale = pick_word(EZSIZES, draft, "ezsize", "medium")
        used.append("ezsize")
    elif scale is None:
        scale = quality.scale
        used.append("quality")
    else:
        used.append("scale")
    if draft.has("size"):
        wide, high = draft.get("size")
        for option in ("aspect", "scale", "ezsize"):
            draft.leave(option, "a size is given, and counts")
        used = ["size"]
    else:
        across, down = _aspect(draft)
        wide, high = int(across * scale), int(down * scale)
        if draft.has("scale"):
            draft.leave("ezsize", "a scale is given, and counts")
    if drawer == "vqgan":
        step = 8 if draft.settings.get("vqgan") == "gumbel_f8_8192" else 16
        if "size" in used and (wide % step or high % step):
            draft.nearly("size", f"in whole codes of {step} pixels, as there")
        wide, high = wide - wide % step, high - high % step
    draft.put("size", f"{wide}x{high}", *used)


def _aspect(draft: Draft) -> tuple[float, float]:
    """Width and height at scale 1."""
    if str(draft.get("aspect", "")).strip().lower() != "retain":
        return pick_word(ASPECTS, draft, "aspect", "widescreen")
    from vqclip.errors import PictureError
    from vqclip.media.images import read_head

    try:
        wide, high = read_head(draft.get("init_image", ""))[0]
        return 144, 144 * high / wide
    except (PictureError, OSError, ValueError):
        raise draft.refuse(
            "aspect", "that is the shape of init_image, which cannot be read from this folder"
        ) from None


def _write_steps(draft: Draft, quality: Quality) -> int:
    """Write the number of steps, and what is saved of them; return it."""
    steps = draft.get("iterations", draft.get("max_iterations", quality.steps))
    option = "iterations" if draft.has("iterations") else "max_iterations"
    if steps < 1:
        raise draft.refuse(option, "it must be 1 or more")
    draft.put("steps", steps, "quality", option)
    every = parse_unit(draft, "save_every", draft.get("save_every", "10"), steps)
    if not draft.get("save_intermediates", True):
        draft.put("previews", 0, "save_intermediates")
        draft.leave("save_every", "intermediate pictures are not saved")
    else:
        draft.put("previews", every, "save_every", "save_intermediates")
    if draft.get("make_video", False):
        draft.put("film.format", "mp4", "make_video")
        draft.put("film.every", 1, "make_video")
        draft.put("film.fps", min(60.0, max(10.0, steps / 14)), "make_video")
    if draft.has("seed"):
        typed = draft.get("seed").strip()
        draft.put("seed", seed_of(typed), "seed")
    return steps


def seed_of(typed: str) -> int:
    """The seed that a text stands for: its number, else of the text's SHA-512.

    >>> seed_of("42"), seed_of("fox")
    (42, 2413253253)
    """
    if re.fullmatch(r"-?\d{1,15}", typed):
        return int(typed)
    return int.from_bytes(hashlib.sha512(typed.encode()).digest(), "big") % 2**32


def _grid(draft: Draft, drawer: str, wide: int, high: int) -> str:
    """The columns and rows of cells."""
    shape = draft.settings.get("draw.shape", "square")
    given = draft.get("pixel_size")
    usual = (80, 45) if wide > high else (40, 40) if wide == high else (40, 50)
    counts = given or usual
    if drawer == "mosaic" and given is None and draft.get("pixel_iso_check", True):
        across, down = DENSITIES.get(shape, (1.0, 1.0))
        counts = int(counts[0] * across), int(counts[1] * down)
    scale = draft.get("pixel_scale", 1.0)
    if not 0.01 <= scale <= 100:
        raise draft.refuse("pixel_scale", "it must be a number such as 0.5 or 2")
    counts = int(counts[0] / scale), int(counts[1] / scale)
    parities = PARITIES.get(shape, (None, None)) if drawer == "mosaic" else (None, None)
    fitted = [
        max(1, min(side, count + (parity is not None and count % 2 != parity)))
        for count, side, parity in zip(counts, (wide, high), parities, strict=True)
    ]
    return f"{fitted[0]}x{fitted[1]}"


def _write_strokes(draft: Draft, drawer: str, high: int) -> None:
    """Write strokes; pixray's widths are half widths, in per cent of the height."""
    lines = drawer == "lines"
    draft.put("draw.strokes", draft.get("strokes", 24 if lines else 1024), "strokes")
    thickest = 2 * draft.get("max_stroke_width", 2.0 if lines else 5.0)
    # Of lines, the least half width is a pixel, whatever is said.
    thinnest = 200 / high if lines else 2 * draft.get("min_stroke_width", 1.0)
    draft.put("draw.thickest", thickest, "max_stroke_width")
    draft.put("draw.thinnest", min(thinnest, thickest), "min_stroke_width")
    if lines:
        draft.put("draw.segments", draft.get("stroke_length", 8), "stroke_length")
        draft.put("draw.paper", "#f2eecb")
        if draft.has("allow_paper_color"):
            draft.put("draw.paper_moves", draft.get("allow_paper_color"), "allow_paper_color")
        draft.leave("min_stroke_width", "pixray's line_sketch ignores it: a pixel is the least")
    else:
        draft.put("draw.paper", "white")


def _write_spectra(draft: Draft, drawer: str) -> None:
    """Write waves and wavelets; pixray draws both at contrast .9 and saturation 1.5."""
    draft.put("draw.contrast", 0.9)
    draft.put("draw.saturation", 1.5)
    if drawer == "fourier":
        draft.put("draw.decay", draft.get("fft_decay", 1.5), "fft_decay")
    else:
        draft.put("draw.wave", draft.get("fft_wave", "coif2"), "fft_wave")
        draft.put("draw.sharp", draft.get("fft_sharp", 0.3), "fft_sharp")


def _write_rate(draft: Draft, drawer: str, steps: int, high: int) -> None:
    """Write the learning rate: of the drawer, with its drops to a tenth."""
    own = {"mosaic": 0.03, "strokes": 224 / high, "lines": 224 / high}  # strokes: a pixel
    if drawer in ("fourier", "wavelets"):
        rate = draft.get("fft_lrate", 0.3)
        draft.put("optimiser.rate", rate, "fft_lrate")
    else:
        rate = own.get(drawer, draft.get("learning_rate", 0.2))
    if drawer in ("vqgan", "pixels"):
        draft.put("optimiser.rate", rate, "learning_rate")
        name = draft.get("optimiser", "Adam").strip().lower()
        draft.put("optimiser.name", name if name in OPTIMISERS else "adam", "optimiser")
        if name not in OPTIMISERS:
            draft.nearly("optimiser", f"vqclip has no {draft.get('optimiser')}; drawn with adam")
        elif name == "adamw":
            draft.nearly("optimiser", "without the weight decay of 0.01 that it has there")
    else:
        for option in ("learning_rate", "optimiser"):
            draft.leave(option, "pixray ignores it with this drawer, which has its own")
    typed = [each for text in draft.get("learning_rate_drops", ["75"]) for each in _words(text)]
    places = [
        parse_unit(draft, "learning_rate_drops", each, steps - 1, "%") + 1 for each in typed
    ]
    drops = sorted({place for place in places if place < steps})
    if [each.rstrip(" %pP") for each in typed] in (["75"], ["75.0"]):
        draft.put("optimiser.schedule", "drop", "learning_rate_drops")
        draft.put("optimiser.rate", float(rate))
        return
    draft.put("optimiser.schedule", "constant", "learning_rate_drops")
    keys = [f"0: {number_text(rate)}"]
    keys += [f"{each}: {rate / 10**(n + 1):.6g} hold" for n, each in enumerate(drops[:12])]
    draft.put(
        "optimiser.rate",
        ", ".join(keys) if drops else float(rate),
        *(["learning_rate_drops"] if drops else []),
    )


def _words(text: str) -> list[str]:
    """The numbers of a list, each with its unit."""
    return [each for each in re.split(r"[\s,]+(?=[\d.])", text.strip(" []")) if each]


def _write_start(draft: Draft, drawer: str) -> None:
    """Write what the run starts from."""
    noise = pick_word(STARTS, draft, "init_noise", "pixels")
    own = drawer in ("strokes", "lines", "fourier", "wavelets")  # these begin in their own way
    draft.put("init", "random" if own and not draft.has("init_noise") else noise, "init_noise")
    if draft.has("init_image") and not shared.refuse_addresses(draft, "init_image"):
        draft.put("init", draft.get("init_image"), "init_image")
        draft.leave("init_noise", "pixray ignores it beside an init image, but in animations")
    if draft.get("init_weight_pix", 0.0) and draft.settings["init"] != "random":
        draft.put("losses.init", draft.get("init_weight_pix"), "init_weight_pix")
    elif draft.has("init_weight_pix"):
        draft.leave("init_weight_pix", "there is nothing to stay close to")
    for option, kind, factor in (
        ("init_weight", "angle", 1.0),
        ("init_weight_dist", "squares", 0.5),
        ("init_weight_cos", "cosine", 1.0),
    ):
        if draft.get(option, 0.0) and draft.put(
            "losses.latent", draft.get(option) * factor, option
        ):
            draft.put("losses.latent_kind", kind, option)


def _write_overlay(draft: Draft, steps: int) -> None:
    """Write the overlay: a picture that is laid over the drawing now and then."""
    parts = ("overlay_every", "overlay_offset", "overlay_until", "overlay_alpha")
    if not draft.has("overlay_image") or shared.refuse_addresses(draft, "overlay_image"):
        for option in parts:
            draft.leave(option, "there is no overlay_image")
        return
    draft.put("overlay.picture", draft.get("overlay_image"), "overlay_image")
    every = parse_unit(draft, "overlay_every", draft.get("overlay_every", "10i"), steps)
    draft.put("overlay.every", every, "overlay_every")
    for option, setting in (("overlay_offset", "overlay.from"), ("overlay_until", "overlay.until")):
        if draft.has(option):
            draft.put(setting, parse_unit(draft, option, draft.get(option), steps), option)
    if draft.get("overlay_alpha", 0.0):
        draft.put("overlay.alpha", round(draft.get("overlay_alpha") / 255, 3), "overlay_alpha")


def _write_prompts(draft: Draft, is_wide: bool) -> None:
    """Write all that is judged by the CLIPs as one prompt."""
    found: list[Prompt] = []
    for option in ("prompts", "labels"):
        for part in draft.get(option, "").split("|"):
            if option == "prompts" and part.strip().startswith("="):
                draft.nearly("prompts", "the = in front of a prompt, a test, is left out")
                part = part.strip()[1:]
            found += [each] if (each := shared.weighted_prompt(part)) else []
    found += _regions(draft, is_wide)
    said = bool(found)
    found += _pictures(draft)
    wanted, noises = bool(found), _noises(draft)
    found += _vectors(draft) + noises
    if wanted:
        draft.put(
            "prompts",
            shared.scenes_to_text([found]),
            *(("prompts", "labels", "spot", "spot_off") if said else ()),
        )
        return
    draft.notes.append(
        'it has no prompt; give it one with the run file as a preset: vqclip "a fox | '
        'vector(textoff):0.1" --preset run.yaml'
    )


def _regions(draft: Draft, is_wide: bool) -> list[Prompt]:
    """The prompts about a part of the picture: of a mask, or of a disc in the middle."""
    place = draft.get("spot_file", "")
    if not place or shared.refuse_addresses(draft, "spot_file"):
        place = DISCS[is_wide]
    found = []
    for option, outside in (("spot", True), ("spot_off", False)):
        for part in draft.get(option, "").split("|"):
            if prompt := shared.weighted_prompt(part):
                found.append(shared.in_region(prompt, place, outside))
    if not found:
        draft.leave("spot_file", "there is no spot prompt")
    return found


def _pictures(draft: Draft) -> list[Prompt]:
    """The prompts that are pictures."""
    found = []
    if draft.has("image_prompts") and not shared.refuse_addresses(draft, "image_prompts"):
        weight = draft.get("image_prompt_weight", 1.0)
        for part in draft.get("image_prompts").split("|"):
            found += [each] if (each := shared.picture_prompt(part, weight)) else []
    else:
        draft.leave("image_prompt_weight", "there are no image prompts")
    if draft.has("target_images") and not shared.refuse_addresses(draft, "target_images"):
        factor = draft.get("target_image_weight", 1.0)
        for part in draft.get("target_images").split("|"):
            path, numbers = shared.split_weights(part)
            weight = (numbers[0] if numbers else 1.0) * factor
            found += [each] if (each := shared.picture_prompt(path, weight)) else []
    else:
        draft.leave("target_image_weight", "there are no target images")
    return found


def _vectors(draft: Draft) -> list[Prompt]:
    """The prompts that are directions, at a tenth of their weights."""
    typed = draft.get("vector_prompts", "textoff")
    if typed.strip().lower() in ("none", "0", ""):
        return []
    found, unknown = [], []
    for part in typed.split("|"):
        name, numbers = shared.split_weights(part)
        if name.strip() == "textoff":
            weight = numbers[0] if numbers else 1.0
            found.append(Prompt("textoff", weight * 0.1, kind="vector"))
        elif name.strip():
            unknown.append(name.strip())
    if unknown:
        told = f"without {', '.join(unknown)[:100]}: make a direction with vqclip direction"
        (draft.nearly if found else draft.leave)("vector_prompts", told)
    return found


def _noises(draft: Draft) -> list[Prompt]:
    """The prompts that are random directions: as many as have a seed and a weight."""
    seeds, weights = (
        [each for text in draft.get(name, []) for each in re.split(r"[\s,]+", text) if each]
        for name in ("noise_prompt_seeds", "noise_prompt_weights")
    )
    found = []
    for seed, weight in zip(seeds, weights, strict=False):
        if not re.fullmatch(r"\d{1,9}", seed, re.ASCII):
            raise draft.refuse("noise_prompt_seeds", "they are whole numbers from 0 on")
        try:
            found.append(Prompt(seed, float(weight), kind="noise"))
        except ValueError:
            raise draft.refuse("noise_prompt_weights", "they are numbers") from None
    if not found:
        for name in ("noise_prompt_seeds", "noise_prompt_weights"):
            draft.leave(name, "a seed counts only together with a weight")
    return found


def _leave_idle(draft: Draft, drawer: str) -> None:
    """Leave out what belongs to other drawers, and what vqclip names itself."""
    owners = {
        "pixel_size pixel_scale": ("mosaic", "pixels"),
        "pixel_type pixel_iso_check": ("mosaic",),
        "strokes max_stroke_width min_stroke_width": ("strokes", "lines"),
        "stroke_length allow_paper_color": ("lines",),
        "fft_lrate": ("fourier", "wavelets"),
        "fft_decay": ("fourier",),
        "fft_wave fft_sharp": ("wavelets",),
        "vqgan_model": ("vqgan",),
    }
    for options, drawers in owners.items():
        if drawer not in drawers:
            for option in options.split():
                draft.leave(option, "it belongs to another drawer than the one that draws")
    if draft.get("drawer") != "fft":
        draft.leave("fft_use", "it belongs to another drawer than the one that draws")
    if draft.has("super_resolution_model"):
        draft.put("draw.enlarger", draft.get("super_resolution_model"), "super_resolution_model")
    for option in ("outdir", "output_dir"):
        typed = draft.get(option, "").strip()
        if "%" in typed:
            draft.leave(option, "vqclip names run folders itself, and has no %DATE% and %SEQ% yet")
        elif typed and "://" not in typed:
            draft.put("out", typed, option)
        elif typed:
            draft.leave(option, "it is an address, and pictures are written to folders")


PIXRAY = Peer(
    name="pixray",
    about="",
    options=OPTIONS,
    write=write,
    scripts=("pixray", "clipit"),
    marks=(
        *("drawer", "quality", "vector_prompts", "custom_loss", "pixel_size", "pixel_type"),
        *("use_pixeldraw", "use_clipdraw", "filters", "target_images", "init_noise_pixels"),
    ),
)
