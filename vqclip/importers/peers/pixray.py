"""pixray, and clipit before it: what their options become together.

Quality, aspect and scale make the size; the drawer decides which learning rate counts; cutouts
of all batches add up. Losses, filters and palettes are in `pixray_losses`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from vqclip.importers.draft import Draft
from vqclip.importers.options import Peer
from vqclip.importers.peers import pixray_drawers, pixray_losses, pixray_prompts, shared
from vqclip.importers.peers.pixray_drawers import SHAPES, SPECTRA, parse_unit, pick_word
from vqclip.importers.peers.pixray_options import OPTIONS, OTHER_TOOL
from vqclip.language.units.step_counts import parse_count


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
    "supreme": Quality(400, 8, 4, 5, ("RN50x4", "RN101", B32, B16), ("RN50x4", "RN101", B16)),
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
STARTS = {"pixels": "fractal", "gradient": "gradient", "snow": "uniform", "none": "random"}


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    quality = pick_word(QUALITIES, draft, "quality", "normal")
    drawer = _write_drawer(draft)
    _write_models(draft, quality, drawer)
    _write_size(draft, quality, drawer)
    steps = _write_steps(draft, quality)
    wide, high = map(int, draft.settings["size"].split("x"))
    pixray_drawers.write_drawer(draft, drawer, steps)
    _write_start(draft, drawer)
    _write_overlay(draft, steps)
    pixray_losses.write_losses(draft, cuts=draft.get("num_cuts", quality.cuts))
    pixray_losses.write_filters(draft)
    pixray_prompts.write_prompts(draft, is_wide=wide > high)
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
        wide, high = (max(step, side - side % step) for side in (wide, high))
    wide, high = max(1, wide), max(1, high)
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
    typed = draft.get("save_every", "10")
    every: int | str = parse_unit(draft, "save_every", typed, steps)
    share = parse_count(typed)
    if share is not None and share.unit == "%" and share.settle(steps, 0) == every:
        every = share.to_text
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
    (42, 4232616145)
    """
    if re.fullmatch(r"-?\d{1,15}", typed):
        return int(typed)
    return int.from_bytes(hashlib.sha512(typed.encode()).digest(), "big") % 2**32


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
    every, offset, until = (
        parse_unit(draft, option, draft.get(option, usual), steps)
        for option, usual in zip(parts[:3], ("10i", "0i", f"{steps}i"), strict=True)
    )
    picture, alpha = draft.get("overlay_image"), draft.get("overlay_alpha", 0.0)
    why = ""
    if offset >= every or until <= offset:
        why = "with these numbers pixray never lays it: at steps i with i % every = offset"
    elif re.search(r"[*?\[]", picture):
        why = "vqclip lays one picture over the drawing, so name one"
    if why:
        for option in ("overlay_image", *parts):
            draft.leave(option, why)
        return
    draft.put("overlay.picture", picture, "overlay_image")
    draft.put("overlay.every", every, "overlay_every")
    if draft.has("overlay_offset"):
        draft.put("overlay.start", offset, "overlay_offset")
    if draft.has("overlay_until"):
        draft.put("overlay.until", until, "overlay_until")
    if alpha:
        share = round(min(1.0, max(0.0, alpha / 255)), 3)
        draft.put("overlay.alpha", share, "overlay_alpha")
        if not picture.lower().endswith((".jpg", ".jpeg")):
            draft.nearly(
                "overlay_alpha", "times the picture's own opacity, which pixray replaces"
            )


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
        if typed and "://" not in typed:
            draft.put("out", typed, option)
        elif typed:
            draft.leave(option, "it is an address, and pictures are written to folders")


PIXRAY = Peer(
    name="pixray",
    title="pixray",
    about="",
    options=OPTIONS,
    write=write,
    scripts=("pixray", "clipit"),
    marks=(
        *("drawer", "quality", "vector_prompts", "custom_loss", "pixel_size", "pixel_type"),
        *("use_pixeldraw", "use_clipdraw", "filters", "target_images", "init_noise_pixels"),
    ),
)
