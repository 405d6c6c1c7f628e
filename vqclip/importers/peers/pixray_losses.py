"""pixray's losses, filters and palettes, at the weights that they have here.

pixray takes most of its losses on the cutouts, once for each size of squares that its CLIPs see.
The conversions are those of the formulas; where the formula itself is another here, the report
says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vqclip.errors import ConfigError, suggest
from vqclip.importers.draft import Draft, number_text
from vqclip.importers.peers import shared
from vqclip.language.palettes import colour_names
from vqclip.language.palettes.palette_parser import parse_palette

NO_PREDICTOR = "without aesthetic, since none of LAION's predictors fits these perceptors"
# LAION's heads by the CLIP that they rate. pixray's own is another training of one for ViT-B/16.
HEADS = {
    "ViT-B-32::openai": "aesthetic-vit-b-32",
    "ViT-B-16::openai": "aesthetic-vit-b-16",
    "ViT-L-14::openai": "aesthetic-vit-l-14",
}
KINDS = {"default": "slopes", "clipped": "clipped", "log": "log"}
TILES = {"": "both", "none": "both", "shift": "brick", "horizontal": "horizontal"}
TILES |= {"vertical": "vertical"}
_COUNT = re.compile(r"\s*\\\s*(\d+)\s*$")
# The settings that each loss becomes: for the documentation, and for the report of the list.
LOSSES: dict[str, str] = {
    "palette": "losses.palette = weight x palette_weight x num_cuts / 10 x R",
    "saturation": "losses.saturation = weight x saturation_weight / 10 x R",
    "symmetry": "losses.symmetry = weight x symmetry_weight",
    "smoothness": "losses.smoothness = weight x smoothness_weight x R",
    "edge": "losses.edges = 4 x weight x edge_color_weight; losses.ground = weight x "
    "edge_color_weight x global_color_weight",
    "aesthetic": "losses.aesthetic = 0.02 x weight, by that of LAION's predictors which fits the "
    "last CLIP",
    "style": "losses.look = weight: vqclip's own, weights differ",
    "gaussian": "losses.vignette = weight x gaussian_weight",
    "resmem": "not taken over",
}


@dataclass(frozen=True)
class Listed:
    """What the weight of a loss depends on.

    Attributes:
        draft: the run file.
        option: that names the loss.
        cuts: cutouts in a batch.
        seen: sizes of squares that the CLIPs see.
    """

    draft: Draft
    option: str
    cuts: int
    seen: int


def write_losses(draft: Draft, cuts: int) -> None:
    """Write the losses of the list `custom_loss`, and the older options of single ones.

    Args:
        cuts: cutouts in a batch.

    Raises:
        ConfigError: if there is no such loss, or one lacks what it needs.
    """
    seen = shared.squares_seen(draft.settings["perceptors"])
    wanted = dict(split_list(draft, "custom_loss", LOSSES))
    told: list[str] = []
    for name, weight in wanted.items():
        told += WRITERS[name](Listed(draft, "custom_loss", cuts, seen), weight)
    for option, name in (
        ("enforce_smoothness", "smoothness"),
        ("enforce_saturation", "saturation"),
    ):
        if draft.has(option):
            more = WRITERS[name](Listed(draft, option, cuts, seen), draft.get(option))
            if more:
                draft.nearly(option, "; ".join(more))
            wanted.setdefault(name, draft.get(option))
    if told:
        found = draft.given["custom_loss"].entry.settings
        (draft.nearly if found else draft.leave)("custom_loss", "; ".join(told))
    _write_older_palette(draft, cuts, seen)
    _leave_idle(draft, wanted)


def split_list(draft: Draft, option: str, known: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Split a list such as "edge, smoothness:0.5" into names and weights."""
    for part in draft.get(option, "").split(","):
        name, numbers = shared.split_weights(part.partition("->")[0].strip())
        name = name.strip().lower()
        if not name or name == "none":
            continue
        if name not in known:
            raise draft.refuse(
                option,
                f"pixray has no {name[:40]!r}{suggest(name, known)} (one of: {', '.join(known)})",
            )
        yield name, numbers[0] if numbers else 1.0


def _write_palette(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    if not draft.has("palette"):
        raise draft.refuse(option, "the loss palette needs a palette; pixray stops there, too")
    weight *= draft.get("palette_weight", 1.0) * given.cuts / 10 * given.seen
    draft.put("losses.palette", weight, option, "palette_weight")
    draft.put("losses.colours", convert_palette(draft, "palette"), "palette")
    return []


def _write_saturation(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    weight *= draft.get("saturation_weight", 1.0) / 10 * given.seen
    draft.put("losses.saturation", weight, option, "saturation_weight")
    return []


def _write_symmetry(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    weight *= draft.get("symmetry_weight", 1.0)
    draft.put("losses.symmetry", weight, option, "symmetry_weight")
    draft.put("losses.axis", "horizontal")
    return []


def _write_smoothness(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    weight *= draft.get("smoothness_weight", 1.0) * given.seen
    names = ("smoothness_type", "enforce_smoothness_type")
    typed = next((draft.get(name) for name in names if draft.has(name)), "default")
    if str(typed).strip().lower() not in KINDS:
        raise draft.refuse(
            next(n for n in names if draft.has(n)), "it is default, clipped or log"
        )
    kind = KINDS[str(typed).strip().lower()]
    draft.put("losses.smoothness", weight, option, "smoothness_weight")
    draft.put("losses.smoothness_kind", kind, *names)
    draft.put("losses.smoothness_on", "cutouts")
    return []


def _write_edge(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    own = weight * draft.get("edge_color_weight", 0.1)
    draft.put("losses.edges", 4 * own, option, "edge_color_weight")
    colour = find_colour(draft, "edge_color", draft.get("edge_color", "white"))
    draft.put("losses.edge_colour", colour, "edge_color")
    if draft.has("edge_margins"):
        margins = " ".join(map(number_text, draft.get("edge_margins")))
        draft.put("losses.edge_margins", margins, "edge_margins")
        draft.leave("edge_thickness", "edge_margins has the width of each side")
    elif draft.has("edge_thickness"):
        thickness = number_text(draft.get("edge_thickness"))
        draft.put("losses.edge_margins", thickness, "edge_thickness")
    ground = own * draft.get("global_color_weight", 0.05)
    draft.put("losses.ground", ground, option, "global_color_weight")
    for name, setting in (
        ("edge_input_image", "losses.edge_picture"),
        ("edge_mask_image", "losses.edge_mask"),
    ):
        if draft.has(name) and not shared.refuse_addresses(draft, name):
            draft.put(setting, draft.get(name), name)
    return []


def _write_aesthetic(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    heads = [HEADS[each] for each in draft.settings["perceptors"] if each in HEADS]
    if not heads:
        value = number_text(0.02 * weight)
        return [f"{NO_PREDICTOR}: add losses.aesthetic={value} losses.aesthetic_head=FILE"]
    draft.put("losses.aesthetic", 0.02 * weight, option)
    draft.put("losses.aesthetic_head", heads[-1], option)
    if draft.has("aesthetic_target"):
        draft.put("losses.aesthetic_target", draft.get("aesthetic_target"), "aesthetic_target")
    return [
        "aesthetic is rated by LAION's predictor, of which pixray's is another training; first: "
        f"vqclip models fetch {heads[-1]}"
    ]


def _write_style(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    if not draft.has("style_file") or shared.refuse_addresses(draft, "style_file"):
        return ["without style, which has no picture"]
    draft.put("losses.look", weight, option)
    draft.put("losses.look_of", draft.get("style_file"), "style_file")
    return ["style is vqclip's own loss, whose weights differ"]


def _write_gaussian(given: Listed, weight: float) -> list[str]:
    draft, option = given.draft, given.option
    weight *= draft.get("gaussian_weight", 1.0)
    draft.put("losses.vignette", weight, option, "gaussian_weight")
    down, across = (draft.get("gaussian_std") if draft.has("gaussian_std") else (40, 40))[:2]
    height = int(str(draft.settings["size"]).partition("x")[2])
    draft.put("losses.vignette_width", round(down / height, 4), "gaussian_std")
    if across != down:
        draft.nearly("gaussian_std", "the first of the two, for both directions")
    if draft.has("gaussian_color"):
        colour = "#" + "".join(f"{int(each):02x}" for each in draft.get("gaussian_color"))
        draft.put("losses.vignette_colour", colour, "gaussian_color")
    return []


def _write_resmem(given: Listed, weight: float) -> list[str]:
    return ["resmem is not taken over"]


WRITERS: dict[str, Callable[[Listed, float], list[str]]] = {
    "palette": _write_palette,
    "saturation": _write_saturation,
    "symmetry": _write_symmetry,
    "smoothness": _write_smoothness,
    "edge": _write_edge,
    "aesthetic": _write_aesthetic,
    "style": _write_style,
    "gaussian": _write_gaussian,
    "resmem": _write_resmem,
}


def _write_older_palette(draft: Draft, cuts: int, seen: int) -> None:
    """Write clipit's palette, whose weight grows from 0."""
    if not draft.has("target_palette"):
        draft.leave("enforce_palette_annealing", "there is no target_palette")
        return
    over = draft.get("enforce_palette_annealing", 5000.0)
    if over <= 0:
        raise draft.refuse("enforce_palette_annealing", "it must be above 0")
    rise = f"{cuts / 10 * seen / over:.6g} * frame"
    draft.put("losses.palette", rise, "target_palette", "enforce_palette_annealing")
    colours = convert_palette(draft, "target_palette")
    draft.put("losses.colours", colours, "target_palette")


def _leave_idle(draft: Draft, wanted: dict[str, float]) -> None:
    """Leave out the options of losses that are not in the list."""
    owners = {
        "palette": "palette_weight",
        "saturation": "saturation_weight",
        "symmetry": "symmetry_weight",
        "smoothness": "smoothness_weight smoothness_type enforce_smoothness_type",
        "edge": "edge_thickness edge_margins edge_color edge_color_weight global_color_weight "
        "edge_input_image edge_mask_image",
        "style": "style_file",
        "aesthetic": "aesthetic_target",
        "gaussian": "gaussian_weight gaussian_std gaussian_color",
    }
    for name, options in owners.items():
        for option in options.split():
            if name not in wanted:
                draft.leave(option, f"the loss {name} is not in custom_loss")
            elif name == "aesthetic" and "losses.aesthetic" not in draft.settings:
                draft.leave(option, NO_PREDICTOR)


def write_filters(draft: Draft) -> None:
    """Write the filters: colours that are the only ones, and tiles.

    Raises:
        ConfigError: if there is no such filter.
    """
    known = {"lookup": "", "tiler": "", "wallpaper": ""}
    wanted = dict(split_list(draft, "filters", known))
    if "lookup" in wanted:
        colours = convert_palette(draft, "palette") if draft.has("palette") else DOTTED
        draft.put("filters.lookup", colours, "filters", "palette")
        beta = draft.get("lookup_beta", 10.0) * wanted["lookup"]
        draft.put("filters.commit", beta, "filters", "lookup_beta")
    else:
        draft.leave("lookup_beta", "the filter lookup is not in filters")
    if "wallpaper" in wanted or "tiler" in wanted:
        typed = str(draft.get("wallpaper_type", "")).strip().lower()
        if typed not in TILES:
            raise draft.refuse("wallpaper_type", "it is shift, horizontal or vertical")
        tile = TILES[typed] if "wallpaper" in wanted else "both"
        draft.put("tile", tile, "filters", "wallpaper_type", "wallpaper_edge_match")
        _fit_tile(draft)
    else:
        for option in ("wallpaper_type", "wallpaper_edge_match"):
            draft.leave(option, "the filter wallpaper is not in filters")
    if draft.has("palette") and not ("lookup" in wanted or "losses.colours" in draft.settings):
        draft.leave("palette", "neither a loss nor a filter uses it")


def _fit_tile(draft: Draft) -> None:
    """Take away what does not go together with tiles here."""
    if draft.settings.get("drawer") == "wavelets":
        draft.settings.pop("tile")
        for option in ("filters", "wallpaper_type", "wallpaper_edge_match"):
            draft.leave(option, "pictures of drawer=wavelets do not tile")
        return
    if draft.settings.get("draw.shape") == "triangle" and draft.settings["tile"] == "brick":
        draft.put("tile", "both", "wallpaper_type")
        draft.nearly("wallpaper_type", "triangles tile both ways, and not in bricks")
    if draft.settings.pop("losses.edges", 0):
        draft.settings["losses.edges"] = 0.0
        draft.nearly("custom_loss", "without edge: a border would be a seam")


DOTTED = (
    "[#000000, #ffffff, #3f2832, #262b44, #5a6988, #8b9bb4, #193c3e, #265c42, #3e8948, #63c74d, "
    "#fee761, #feae34, #f77622, #b86f50, #743f39]"
)


def find_colour(draft: Draft, option: str, typed: str) -> str:
    """A colour as pixray reads it, in hex digits: xkcd's names come first.

    >>> find_colour(None, "edge_color", "red")
    '#e50000'
    """
    bare = typed.strip()
    for name in (f"xkcd:{bare}", bare):
        if (found := colour_names.find_colour(name)) is not None:
            return colour_names.to_hex(found)
    raise draft.refuse(option, f"{bare[:40]!r} is not a colour")


def convert_palette(draft: Draft, option: str) -> str:
    r"""A palette of pixray's as one of vqclip's: in hex digits, and with ramps written out.

    One name alone is a ramp from black, and lists stand in brackets.

    Raises:
        ConfigError: if a colour is not known, or the palette cannot be read.
    """
    sections = []
    for section in draft.get(option).split(";"):
        body = section.strip()
        count = f"\\{match[1]}" if (match := _COUNT.search(body)) else ""
        body = _COUNT.sub("", body).strip()
        if body.startswith(("@", "http")):
            if shared.is_address(body.lstrip("@")):
                raise draft.refuse(
                    option, "save the picture, then write @NAME; nothing is fetched"
                )
            sections.append(f"{body}{count}")
        elif body.startswith("[") and body.endswith("]") and "->" not in body and "+" not in body:
            colours = [find_colour(draft, option, each) for each in body[1:-1].split(",")]
            sections.append(f"[{', '.join(colours)}]{count}")
        else:
            stops = [find_colour(draft, option, each) for each in body.split("->")]
            stops = stops if len(stops) > 1 else ["#000000", *stops]
            sections.append(f"{'->'.join(stops)}{count or chr(92) + '16'}")
    written = "; ".join(sections)
    try:
        parse_palette(written, option)
    except ConfigError as error:
        raise draft.refuse(option, str(error)) from error
    return written
