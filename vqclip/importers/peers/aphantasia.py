"""aphantasia: the options of clip_fft.py, which draws waves or wavelets."""

from __future__ import annotations

from vqclip.importers.draft import Draft, number_text
from vqclip.importers.options import (
    FLAG,
    NUMBER,
    SIZE,
    TEXT,
    WHOLE,
    Peer,
    check_rows,
    kept,
    left,
    nearly,
    same,
)
from vqclip.importers.peers import shared
from vqclip.language.prompt_types import Prompt

# How much the number of samples shrinks for a model.
FACTORS = {"ViT-B-16": 0.25, "RN50": 0.5, "RN50x4": 0.16, "RN50x16": 0.06, "RN101": 0.33}
OPTIONS = check_rows(
    (
        kept("in_txt t", "", "prompts", TEXT),
        kept("in_txt2 t2", "", "prompts", TEXT, how="at the weight 1"),
        kept("in_txt0 t0", "", "prompts", TEXT, how="at the weight −1"),
        kept("in_img i", "", "prompts", TEXT),
        kept("weight_img wi", "0.5", "prompts", NUMBER),
        left(
            "translate tr",
            "",
            "nothing is sent to a translator; write the prompt in English",
            FLAG,
        ),
        kept("size s", "1280-720", "size", SIZE, how="`1280-720` is 1280x720"),
        nearly("resume r", "", "init", TEXT, "a picture to start from; .pt files are not read"),
        left("save_pt", "", "vqclip resume goes on from checkpoints", FLAG),
        kept("steps", "200", "steps", WHOLE, same),
        kept(
            "samples",
            "200",
            "cutouts.count",
            WHOLE,
            how="fewer for larger models, in_txt2, in_txt0, transform, enforce, sync, dualmod",
        ),
        left("opt_step ops fstep", "1", "a picture is saved every previews=N steps", WHOLE),
        kept("model m", "ViT-B/32", "perceptors cutouts.count", TEXT),
        nearly(
            "dualmod dm",
            "",
            "perceptors cutouts.count",
            WHOLE,
            "two perceptors judge each step, which take turns there",
        ),
        kept("lrate lr learning_rate", "0.05", "optimiser.rate", NUMBER),
        kept("prog p", "false", "optimiser.rate", FLAG, how="it grows to the double"),
        kept(
            "optimizer opt",
            "adam_custom",
            "optimiser.name optimiser.momentum",
            TEXT,
            how="with _custom the momentum is 0",
        ),
        kept("dwt", "false", "drawer", FLAG, how="true is wavelets"),
        kept("wave w", "coif2", "draw.wave", TEXT),
        nearly(
            "align a",
            "uniform",
            "cutouts.recipe",
            TEXT,
            "the recipe crowson: vqclip has no recipe aphantasia yet",
        ),
        nearly(
            "transform tf",
            "fast",
            "cutouts.count",
            TEXT,
            "it counts for the number of cutouts; the recipe crowson transforms nothing",
        ),
        left("macro mm", "0.4", "the recipe crowson has crops of all sizes", NUMBER),
        left(
            "contrast",
            "1.1",
            "it is for saved pictures; the drawing has 1",
            NUMBER,
        ),
        kept("colors", "1.8", "draw.saturation", NUMBER, same),
        kept("decay d", "1.5", "draw.decay", NUMBER),
        left(
            "sharp sh",
            "0",
            "near is losses.smoothness below 0, with losses.smoothness_kind=slopes",
            NUMBER,
        ),
        left("aest", "0", "near is losses.aesthetic, with losses.aesthetic_head", NUMBER),
        kept("enforce e", "0", "losses.agree", NUMBER),
        kept("expand x", "0", "losses.change", NUMBER),
        kept("noise n", "0", "cutouts.noise", NUMBER, same),
        nearly("sync c", "0", "losses.init", NUMBER, "LPIPS there, squares of differences here"),
        nearly("invert", "false", "prompts", FLAG, "all prompts push away"),
        nearly("sim", "mix", "prompts", TEXT, "the spherical distance; mix has the cosine, too"),
        left("out_dir o", "_out", "vqclip names run folders itself: out=FOLDER", TEXT),
        *(left(name, "", "it is about display", TEXT) for name in ("save_freq", "verbose")),
        left("subtract", "", "in_txt0 pushes away", TEXT),
        left("multilang ml", "", "name a multilingual perceptor: vqclip help perceptors", FLAG),
    )
)


def write(draft: Draft) -> None:
    """Write what several options make together, and what the defaults imply."""
    draft.apply_rows()
    drawer = "wavelets" if draft.get("dwt", False) else "fourier"
    draft.put("drawer", drawer, "dwt")
    wide, high = draft.get("size", (1280, 720))
    draft.put("size", f"{wide}x{high}", "size")
    if drawer == "fourier":
        draft.put("draw.decay", draft.get("decay", 1.5), "decay")
        draft.leave("wave", "it belongs to --dwt")
    else:
        draft.put("draw.wave", draft.get("wave", "coif2"), "wave")
        draft.put("draw.sharp", 0.3)
        draft.leave("decay", "it belongs to the spectrum of waves, without --dwt")
    names = _write_perceptors(draft)
    _write_count(draft, names)
    _write_rate(draft)
    draft.put("init", "random")
    if draft.has("resume") and not shared.refuse_addresses(draft, "resume"):
        if draft.get("resume").lower().endswith((".png", ".jpg", ".jpeg", ".webp")):
            draft.put("init", draft.get("resume"), "resume")
        else:
            draft.leave("resume", "its .pt files are not read; start from a picture")
    _write_losses(draft)
    _write_prompts(draft)
    draft.put("cutouts.recipe", "crowson", "align")
    draft.base(
        shared.PLAIN
        | {
            "steps": 200,
            "draw.contrast": 1.0,
            "draw.saturation": 1.8,
            "cutouts.recipe": "crowson",
            "cutouts.noise": 0.0,
            "cutouts.contrast": "absolute",
            "optimiser.schedule": "constant",
        }
    )


def _write_perceptors(draft: Draft) -> list[str]:
    """Write the CLIP, and a second one for --dualmod; return their names."""
    typed = [draft.get("model", "ViT-B/32")]
    found = shared.clip_names(draft, "model", typed, ["ViT-B-32"])
    if draft.get("dualmod", 0):
        first = found[0].partition("::")[0]
        second = "ViT-B-16" if first == "ViT-B-32" else "ViT-B-32"
        found = [found[0], f"{second}::openai"]
    draft.put("perceptors", found, "model", "dualmod")
    return found


def _write_count(draft: Draft, names: list[str]) -> None:
    """Write the number of cutouts, which other options make smaller."""
    count = draft.get("samples", 200)
    if count < 1:
        raise draft.refuse("samples", "it must be 1 or more")
    count = int(count * FACTORS.get(names[0].partition("::")[0], 1.0))
    used = ["samples", "model"]
    for option, factor, usual in (
        ("transform", 0.95, "fast"),
        ("in_txt2", 0.75, ""),
        ("in_txt0", 0.75, ""),
        ("enforce", 0.5, 0.0),
        ("sync", 0.5, 0.0),
        ("dualmod", 0.23, 0),
    ):
        value = draft.get(option, usual)
        if value and str(value).lower() != "none":
            count = int(count * factor)
            used += [option] if option in ("transform", "dualmod") else []
    draft.put("cutouts.count", max(1, count), *used)


def _write_rate(draft: Draft) -> None:
    """Write the learning rate, which --prog lets grow to the double."""
    rate = draft.get("lrate", 0.05)
    grows = draft.get("prog", False)
    value = f"{number_text(rate)} * (1 + share)" if grows else rate
    draft.put("optimiser.rate", value, "lrate", *(["prog"] if grows else []))
    typed = draft.get("optimizer", "adam_custom").strip().lower()
    if typed.endswith("_custom"):
        draft.put("optimiser.momentum", 0.0, "optimizer")
    shared.write_optimiser(draft, "optimizer", "adam_custom", ending="_custom")


def _write_losses(draft: Draft) -> None:
    """Write the losses that vqclip has."""
    for option, setting in (("enforce", "losses.agree"), ("expand", "losses.change")):
        if draft.get(option, 0.0):
            draft.put(setting, draft.get(option), option)
    if draft.get("sync", 0.0) and draft.settings["init"] != "random":
        draft.put("losses.init", f"{number_text(draft.get('sync'))} * share", "sync")
    elif draft.has("sync"):
        draft.leave("sync", "there is no picture to stay close to")


def _write_prompts(draft: Draft) -> None:
    """Write the subject, the style, what to avoid, and a picture."""
    sign = -1.0 if draft.get("invert", False) else 1.0
    found: list[Prompt] = []
    for option, weight in (("in_txt", 1.0), ("in_txt2", 1.0), ("in_txt0", -1.0)):
        for part in draft.get(option, "").split("|"):
            body, numbers = shared.split_weights(part)
            factor = (numbers[0] if numbers else 1.0) * weight * sign
            found += [each] if (each := shared.make_prompt(body, factor)) else []
    image = draft.get("in_img", "").strip()
    if image and not shared.refuse_addresses(draft, "in_img"):
        picture = shared.picture_prompt(image, draft.get("weight_img", 0.5) * sign)
        found += [picture] if picture else []
    else:
        draft.leave("weight_img", "there is no picture")
    text = shared.scenes_to_text([found])
    draft.put("prompts", text, "in_txt", "in_txt2", "in_txt0", "in_img", "weight_img", "invert")


APHANTASIA = Peer(
    name="aphantasia",
    title="aphantasia",
    about="",
    options=OPTIONS,
    write=write,
    scripts=("clip_fft",),
    marks=("in_txt", "t0", "t2", "in_txt0", "in_txt2", "dwt", "dualmod"),
)
