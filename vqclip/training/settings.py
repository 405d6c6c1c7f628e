"""Settings of trainings: a schema for each recipe.

`from` is a keyword of Python, so the field that `from=` sets is called `begin`. Nothing here
imports torch, so that a mistyped key is reported at once.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol, TypeAlias

from vqclip.config.schema import DEVICES, PRECISIONS, option
from vqclip.errors import ConfigError, suggest

WORD_KINDS = ("object", "style", "negative")


@dataclass(frozen=True)
class InversionConfig:
    """The settings of textual inversion, `vqclip invert`."""

    token: str = option("", "the word to learn, such as my-cat; prompts write <my-cat>")
    kind: str = option("object", "what the pictures share, or what to keep off", WORD_KINDS)
    init: str = option(
        "", "an ordinary word to begin with; empty: the one nearest to the pictures"
    )
    vectors: int = option(2, "how many tokens the word takes", least=1, most=16)
    perceptors: list[str] = option(["starter"], "whose text towers learn it, each for itself")
    steps: int = option(300, "how often the vectors move", least=1)
    rate: float = option(0.05, "learning rate, as a share of a token's numbers", least=0)
    views: int = option(16, "random squares of each picture", least=1)
    distinct: float = option(0.1, "weight of being told from other words", least=0)
    hold: float = option(0.02, "weight of staying near the word that it begins with", least=0)
    previews: int = option(
        100, "say and draw what it means every so many steps; 0: never", least=0
    )
    seed: int = option(0, "equal seeds give equal words on a processor", least=0)
    device: str = option("auto", "where to compute", DEVICES)
    precision: str = option("fp32", "number format of the perceptors", PRECISIONS)
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    out: str = option("embeddings", "the folder for the word")


class EventListener(Protocol):
    """A listener that is told of a training's events."""

    def __call__(self, name: str, /, **values: Any) -> None:
        """Take an event: its name, and its values, ready for JSON."""


def ignore_event(name: str, /, **values: Any) -> None:
    """Ignore an event: the default listener."""


DEVICES = ("auto", "cpu", "cuda", "mps")
FREE = ["permissive", "public-domain"]


@dataclass(frozen=True)
class VqganRecipe:
    """The settings of VQGAN training, on the archives or on a folder of the user's pictures."""

    recipe: str = option("vqgan", "what is trained")
    out: str = option("", "where the training lies; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    pictures: str = option("", "a folder of your own pictures, instead of the archives")
    name: str = option("", "the name under which the VQGAN is listed in the end")
    steps: int = option(20000, "how many steps the rate is planned for", least=0)
    until: int = option(0, "end at this step; 0: at the last", least=0)
    minutes: float = option(150.0, "end after so long; the same command goes on", least=0)
    device: str = option("auto", "where to compute; auto: CUDA, or else the processor", DEVICES)
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    seed: int = option(0, "equal seeds give equal trainings on a processor", least=0)
    bf16: bool = option(True, "half precision where that is safe")
    sheet_every: int = option(1000, "a sheet of samples every so many steps; 0: none", least=0)
    batch: int = option(16, "pictures a step", least=1)
    size: int = option(64, "side of a picture in pixels", least=16, most=1024)
    sizes: list[int] = option([], "further sides; each batch has one of them all")
    rate: float = option(6e-4, "learning rate", least=0)
    zoom: list[float] = option([0.7, 3.0], "side of a cut-out, as a share of the picture's")
    crop: list[float] = option([0.4, 1.0], "side of a square, as a share of your picture's")
    flips: bool = option(True, "mirror half of your pictures")
    memory: int = option(1000, "megabytes of your pictures held at once", least=0)
    photo_share: float = option(0.15, "share of photographs", least=0, most=1)
    quantise_from: int = option(800, "the step at which codes take over", least=0)
    revive_every: int = option(150, "replace codes out of use every so many steps", least=1)
    discriminate_from: int = option(9000, "the step at which the critic joins", least=0)
    perceptual: float = option(0.0, "weight of what an ImageNet network sees", least=0)
    margin: int = option(0, "codes drawn around a picture, and cut off", least=0, most=8)
    discriminator_weight: float = option(0.3, "how much the critic counts", least=0)
    decoder_only: bool = option(False, "from=: its codes stay, and only the decoder learns")
    blend: float = option(1.0, "from=: share of what is learnt in what is kept", least=0, most=1)
    codes: int = option(1024, "size of the codebook", least=1)
    code_channels: int = option(32, "numbers a code", least=1)
    width: int = option(32, "channels of the first layer; a multiple of 32", least=32)
    multiples: list[int] = option([1, 1, 2, 4], "width of each layer; halved in size between")
    blocks: int = option(1, "residual blocks a layer", least=1)
    z_channels: int = option(64, "channels before the codes", least=1)


@dataclass(frozen=True)
class ClipRecipe:
    """The settings of CLIP training, and of its teacher's."""

    recipe: str = option("clip", "what is trained: clip or teacher")
    out: str = option("", "where the training lies; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    vqgan: str = option("", "a VQGAN's folder, or starter, for pictures of random codes")
    teacher: str = option("", "the teacher.pt to imitate")
    sentences: str = option("", "the sentences.pt to recite")
    steps: int = option(8000, "how many steps the rate is planned for", least=0)
    until: int = option(0, "end at this step; 0: at the last", least=0)
    minutes: float = option(150.0, "end after so long; the same command goes on", least=0)
    device: str = option("auto", "where to compute; auto: CUDA, or else the processor", DEVICES)
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    seed: int = option(0, "equal seeds give equal trainings on a processor", least=0)
    bf16: bool = option(True, "half precision where that is safe")
    batch: int = option(128, "pictures a step", least=1)
    nonsense: int = option(32, "pictures of nothing a step", least=0)
    trunk: str = option("", "timm's image tower with ImageNet weights; empty: a small ViT")
    size: int = option(64, "side of a picture in pixels", least=16, most=1024)
    patch: int = option(8, "ViT: side of a patch", least=1)
    width: int = option(192, "ViT: channels; a multiple of 64", least=64)
    layers: int = option(6, "ViT: layers", least=1)
    text_width: int = option(128, "channels of the text tower; a multiple of 64", least=64)
    text_layers: int = option(3, "layers of the text tower", least=1)
    context: int = option(32, "tokens a text", least=3)
    embedding: int = option(192, "numbers of an embedding", least=1)
    rate: float = option(1e-3, "learning rate", least=0)
    trunk_rate: float = option(1.0, "the trunk's rate, as a share of the others'", least=0)
    imitate: float = option(4.0, "how much the teacher counts", least=0)
    recite: float = option(4.0, "how much the sentences count", least=0)
    recited: int = option(128, "sentences a step", least=1)
    zoom: list[float] = option([0.5, 1.5], "side of a cut-out, as a share of the picture's")
    tint_share: float = option(0.2, "share drawn again in another colour", least=0, most=1)
    pair_share: float = option(0.0, "share with two things", least=0, most=1)
    restyle_share: float = option(0.0, "share as from another hand", least=0, most=1)
    words_fixed: bool = option(False, "leave the text tower as it is")
    words_of: str = option("", "borrow the text tower of this CLIP's folder, or of starter")
    hide: float = option(0.4, "ViT: share of patches hidden at first", least=0, most=0.99)
    attack_from: int = option(3000, "the step at which attacks begin", least=0)
    attack_rms: float = option(0.03, "how far an attack moves a picture", least=0)
    forgeries: int = option(0, "pictures a step that are drawn against the CLIP itself", least=0)
    pool: int = option(64, "forgeries in the making", least=1)
    prior: str = option("", "forgeries: the folder of the prior whose drafts half start from")
    forged_rate: float = option(0.1, "learning rate of a forgery's latent", least=0)
    forged_growth: bool = option(
        False, "forgeries from random codes start small, and grow as a run does"
    )
    forged_bf16: bool = option(True, "forgeries in half precision")


@dataclass(frozen=True)
class SentencesRecipe:
    """The settings of sentence embeddings, which are computed without training."""

    recipe: str = option("sentences", "what is made")
    out: str = option("", "where sentences.pt is written; empty: training/NAME")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to take captions from")
    captions: int = option(40_000, "how many captions are drawn", least=1)
    phrases: int = option(60_000, "how many phrases are made of CLIP's words", least=1)
    device: str = option("auto", "where to compute; auto: CUDA, or else the processor", DEVICES)
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    seed: int = option(0, "equal seeds give equal texts", least=0)
    bf16: bool = option(True, "half precision where that is safe")


@dataclass(frozen=True)
class PriorRecipe:
    """The settings of prior training."""

    recipe: str = option("prior", "what is trained")
    out: str = option("", "where the training lies; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    vqgan: str = option("starter", "the VQGAN's folder, or starter")
    clip: str = option("starter", "the CLIP's folder, or starter")
    styles: list[str] = option([], "learn from these styles only; empty: from all")
    steps: int = option(10000, "how many steps the rate is planned for", least=0)
    until: int = option(0, "end at this step; 0: at the last", least=0)
    minutes: float = option(150.0, "end after so long; the same command goes on", least=0)
    device: str = option("auto", "where to compute; auto: CUDA, or else the processor", DEVICES)
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    seed: int = option(0, "equal seeds give equal trainings on a processor", least=0)
    bf16: bool = option(True, "half precision where that is safe")
    sheet_every: int = option(500, "a sheet of drafts every so many steps; 0: none", least=0)
    batch: int = option(128, "pictures a step", least=1)
    cells: int = option(16, "side of the grid of codes", least=1)
    block: int = option(2, "side of a block of codes", least=1)
    width: int = option(256, "channels", least=1)
    layers: int = option(6, "layers", least=1)
    heads: int = option(4, "heads of a layer", least=1)
    words: int = option(20, "tokens that are read", least=1)
    dropout: float = option(0.1, "share of signals left out", least=0, most=0.99)
    rate: float = option(1e-3, "learning rate", least=0)
    silent_share: float = option(0.1, "share without words", least=0, most=1)
    variants: int = option(6, "how often a picture is encoded, each time otherwise", least=1)
    tint_share: float = option(0.25, "share drawn again in another colour", least=0, most=1)
    pair_variants: int = option(1, "further encodings, with a second thing each", least=0)
    scale: float = option(0.92, "side of a cut-out, as a share of the picture's", least=0.1)
    clip_art: float = option(0.3, "how often clip art and 3d renders are drawn", least=0)
    people: float = option(0.4, "how often people and their hands are drawn", least=0)


Recipe: TypeAlias = VqganRecipe | ClipRecipe | SentencesRecipe | PriorRecipe


def check_recipe(recipe: Any) -> Any:
    """Check the values of a recipe, and return it.

    Raises:
        ConfigError: that names the first value that does not fit.
    """
    for each in dataclasses.fields(recipe):
        key, value, bounds = each.name, getattr(recipe, each.name), each.metadata
        if bounds["choices"] and value not in bounds["choices"]:
            raise ConfigError(
                f"{key} is {value!r}{suggest(str(value), bounds['choices'])} "
                f"(one of: {', '.join(bounds['choices'])})"
            )
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(f"{key} is {value}; it must be a number")
        if isinstance(value, int | float) and value < bounds["least"]:
            raise ConfigError(f"{key} is {value}; it must be {bounds['least']:g} or more")
        if isinstance(value, int | float) and value > bounds["most"]:
            raise ConfigError(f"{key} is {value}; it must be {bounds['most']:g} or less")
        if key in ("zoom", "crop"):
            most = 1.0 if key == "crop" else float("inf")
            if len(value) != 2 or not 0 < value[0] <= value[1] <= most:
                shares = "[0.5, 1]" if key == "crop" else "[0.5, 1.5]"
                raise ConfigError(
                    f"{key} is {value}; write the least and the greatest share: {shares}"
                )
    name = getattr(recipe, "name", "")
    if name and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise ConfigError(
            f"name is {name!r}; use letters, digits, '_', '-' and '.', and begin with a letter "
            "or a digit"
        )
    if isinstance(recipe, VqganRecipe):
        if not recipe.multiples or min(recipe.multiples) < 1:
            raise ConfigError(f"multiples is {recipe.multiples}; write such as [1, 1, 2, 4]")
        for key, side in [("size", recipe.size), *(("sizes", side) for side in recipe.sizes)]:
            _divides(key, side, 2 ** (len(recipe.multiples) - 1))
            if not 16 <= side <= 1024:
                raise ConfigError(f"{key} holds {side}; a side is 16 to 1024 pixels")
        _divides("width", recipe.width, 32)
        if recipe.blend < 1 and not recipe.begin:
            raise ConfigError(
                f"blend is {recipe.blend:g}, but from= does not say with what; give it, such as "
                "from=starter"
            )
        if recipe.decoder_only and not recipe.begin:
            raise ConfigError(
                "decoder_only is true, but from= does not say whose codes to keep; give it, such "
                "as from=starter"
            )
    elif isinstance(recipe, ClipRecipe):
        _divides("text_width", recipe.text_width, 64)
        if not recipe.trunk:
            _divides("width", recipe.width, 64)
            _divides("size", recipe.size, recipe.patch)
    elif isinstance(recipe, PriorRecipe):
        _divides("cells", recipe.cells, recipe.block)
        _divides("width", recipe.width, recipe.heads)
    return recipe


def _divides(key: str, value: int, by: int) -> None:
    if value % by != 0:
        raise ConfigError(f"{key} is {value}; it must be a multiple of {by}")


SCHEMAS: dict[str, type] = {
    "vqgan": VqganRecipe,
    "clip": ClipRecipe,
    "teacher": ClipRecipe,
    "sentences": SentencesRecipe,
    "prior": PriorRecipe,
}
