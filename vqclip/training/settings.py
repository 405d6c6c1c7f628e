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

from vqclip.config.checking.suggestions import suggest_value
from vqclip.config.schema import PRECISIONS
from vqclip.config.setting_fields import device_option, option, step_count
from vqclip.errors import ConfigError

WORD_KINDS = ("object", "style", "negative")
OPTIMISERS = ("adamw", "muon")


@dataclass(frozen=True)
class InversionConfig:
    """The settings of textual inversion, `vqclip invert`."""

    token: str = option("", "the word to learn, such as my-cat; prompts write <my-cat>")
    kind: str = option("object", "what the pictures have in common, or what to avoid", WORD_KINDS)
    init: str = option(
        "", "an ordinary word to start from; empty: the one nearest to the pictures"
    )
    vectors: int = option(2, "how many tokens the word takes", least=1, most=16)
    perceptors: list[str] = option(
        ["starter"], "the CLIP models whose text encoders learn it, each for itself"
    )
    steps: int = step_count(300, "number of optimisation steps", least=1, units=("i",))
    rate: float = option(0.05, "learning rate, relative to the size of token embeddings", least=0)
    views: int = option(16, "random cutouts of each picture", least=1)
    distinct: float = option(0.1, "weight of being distinct from other words", least=0)
    hold: float = option(0.02, "weight of staying near the word that it starts from", least=0)
    previews: int = step_count(
        100, "show what the word means every N steps; 0: never", units=("i",)
    )
    seed: int = option(0, "the same seed gives the same word on a CPU", least=0)
    device: str = device_option("the device to compute on")
    precision: str = option("fp32", "number format of the perceptors", PRECISIONS)
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    out: str = option("embeddings", "the folder for the word")


class EventListener(Protocol):
    """A listener that is told of a training's events."""

    def __call__(self, name: str, /, **values: Any) -> None:
        """Take an event: its name, and its values, ready for JSON."""


def ignore_event(name: str, /, **values: Any) -> None:
    """Ignore an event: the default listener."""


FREE = ["permissive", "public-domain"]


@dataclass(frozen=True)
class VqganRecipe:
    """The settings of VQGAN training, on the archives or on a folder of the user's pictures."""

    recipe: str = option("vqgan", "what is trained")
    out: str = option("", "the training's folder; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    pictures: str = option(
        "", "a folder or pattern of your own pictures, instead of the archives"
    )
    name: str = option("", "the name under which the finished VQGAN is listed")
    steps: int = option(20000, "number of steps that the learning rate schedule covers", least=0)
    until: int = option(0, "stop at this step; 0: at the last", least=0)
    minutes: float = option(
        150.0, "stop after this many minutes; the same command continues", least=0
    )
    device: str = device_option("the device to compute on; auto: CUDA, or else the CPU")
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    seed: int = option(0, "the same seed gives the same training on a CPU", least=0)
    bf16: bool = option(True, "bfloat16 where that is safe")
    sheet_every: int = option(1000, "a sheet of samples every N steps; 0: none", least=0)
    batch: int = option(16, "pictures a step", least=1)
    size: int = option(64, "side of a picture in pixels", least=16, most=1024)
    sizes: list[int] = option([], "more sides; each batch has one of them")
    rate: float = option(6e-4, "learning rate", least=0)
    zoom: list[float] = option([0.7, 3.0], "side of a cutout, as a share of the picture's")
    crop: list[float] = option([0.4, 1.0], "side of a random crop, as a share of your picture's")
    flips: bool = option(True, "mirror half of your pictures")
    memory: int = option(1000, "megabytes of your pictures to hold in memory", least=0)
    photo_share: float = option(0.15, "share of photographs", least=0, most=1)
    quantise_from: int = option(800, "the step at which quantisation begins", least=0)
    revive_every: int = option(150, "replace unused codes every N steps", least=1)
    discriminate_from: int = option(9000, "the step at which the discriminator joins", least=0)
    perceptual: float = option(
        0.0, "weight of the perceptual loss, by an ImageNet network", least=0
    )
    margin: int = option(0, "codes drawn around a picture and cropped off", least=0, most=8)
    discriminator_weight: float = option(0.3, "weight of the discriminator's loss", least=0)
    decoder_only: bool = option(False, "with from=: keep its codes and train only the decoder")
    blend: float = option(
        1.0, "with from=: share of the trained weights in what is saved", least=0, most=1
    )
    codes: int = option(1024, "number of codes in the codebook", least=1)
    code_channels: int = option(32, "numbers per code", least=1)
    width: int = option(32, "channels of the first layer; a multiple of 32", least=32)
    multiples: list[int] = option(
        [1, 1, 2, 4], "width of each layer, as a multiple; the size is halved between them"
    )
    blocks: int = option(1, "residual blocks per layer", least=1)
    z_channels: int = option(64, "channels before quantisation", least=1)


@dataclass(frozen=True)
class ClipRecipe:
    """The settings of CLIP training, and of its teacher's."""

    recipe: str = option("clip", "what is trained: clip or teacher")
    out: str = option("", "the training's folder; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    vqgan: str = option("", "a VQGAN's folder, or starter, which makes pictures of random codes")
    teacher: str = option("", "the teacher.pt to imitate")
    sentences: str = option("", "the sentences.pt whose embeddings to imitate")
    steps: int = option(8000, "number of steps that the learning rate schedule covers", least=0)
    until: int = option(0, "stop at this step; 0: at the last", least=0)
    minutes: float = option(
        150.0, "stop after this many minutes; the same command continues", least=0
    )
    device: str = device_option("the device to compute on; auto: CUDA, or else the CPU")
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    seed: int = option(0, "the same seed gives the same training on a CPU", least=0)
    bf16: bool = option(True, "bfloat16 where that is safe")
    batch: int = option(128, "pictures a step", least=1)
    nonsense: int = option(32, "pictures without a subject, per step", least=0)
    trunk: str = option(
        "", "a timm model with ImageNet weights as image encoder; empty: a small ViT"
    )
    size: int = option(64, "side of a picture in pixels", least=16, most=1024)
    patch: int = option(8, "ViT: side of a patch in pixels", least=1)
    width: int = option(192, "ViT: channels; a multiple of 64", least=64)
    layers: int = option(6, "ViT: layers", least=1)
    text_width: int = option(128, "channels of the text encoder; a multiple of 64", least=64)
    text_layers: int = option(3, "layers of the text encoder", least=1)
    context: int = option(32, "tokens per text", least=3)
    embedding: int = option(192, "numbers per embedding", least=1)
    rate: float = option(1e-3, "learning rate", least=0)
    trunk_rate: float = option(
        1.0, "the trunk's learning rate, as a share of the others'", least=0
    )
    imitate: float = option(4.0, "weight of imitating the teacher", least=0)
    recite: float = option(4.0, "weight of imitating the sentence embeddings", least=0)
    recited: int = option(128, "sentences per step", least=1)
    zoom: list[float] = option([0.5, 1.5], "side of a cutout, as a share of the picture's")
    tint_share: float = option(0.2, "share of pictures recoloured", least=0, most=1)
    pair_share: float = option(0.0, "share of pictures with two things", least=0, most=1)
    restyle_share: float = option(
        0.0, "share of pictures redrawn in another style", least=0, most=1
    )
    words_fixed: bool = option(False, "do not train the text encoder")
    words_of: str = option("", "take the text encoder from this CLIP's folder, or from starter")
    hide: float = option(0.4, "ViT: share of patches hidden at first", least=0, most=0.99)
    attack_from: int = option(3000, "the step at which adversarial attacks begin", least=0)
    attack_rms: float = option(0.03, "how far an attack changes a picture, as RMS", least=0)
    forgeries: int = option(
        0, "adversarial pictures per step, optimised against this CLIP itself", least=0
    )
    pool: int = option(64, "adversarial pictures in progress", least=1)
    prior: str = option(
        "", "the prior's folder; half of the adversarial pictures start from its drafts"
    )
    forged_rate: float = option(0.1, "learning rate of an adversarial picture's latent", least=0)
    forged_growth: bool = option(
        False, "adversarial pictures from random codes start small and grow, as in a run"
    )
    forged_bf16: bool = option(True, "adversarial pictures in bfloat16")


@dataclass(frozen=True)
class SentencesRecipe:
    """The settings of sentence embeddings, which are computed without training."""

    recipe: str = option("sentences", "what is made")
    out: str = option("", "where sentences.pt is written; empty: training/NAME")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to take captions from")
    captions: int = option(40_000, "how many captions to choose at random", least=1)
    phrases: int = option(60_000, "how many phrases to make from CLIP's words", least=1)
    device: str = device_option("the device to compute on; auto: CUDA, or else the CPU")
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    seed: int = option(0, "the same seed gives the same texts", least=0)
    bf16: bool = option(True, "bfloat16 where that is safe")


@dataclass(frozen=True)
class PriorRecipe:
    """The settings of prior training."""

    recipe: str = option("prior", "what is trained")
    out: str = option("", "the training's folder; empty: training/NAME")
    begin: str = option("", "from=: a checkpoint.pt, exported weights, or starter")
    data: str = option("data", "the folder of the archives")
    licences: list[str] = option(FREE, "licence classes to learn from")
    vqgan: str = option("starter", "the VQGAN's folder, or starter")
    clip: str = option("starter", "the CLIP's folder, or starter")
    styles: list[str] = option([], "learn from these styles only; empty: from all")
    steps: int = option(10000, "number of steps that the learning rate schedule covers", least=0)
    until: int = option(0, "stop at this step; 0: at the last", least=0)
    minutes: float = option(
        150.0, "stop after this many minutes; the same command continues", least=0
    )
    device: str = device_option("the device to compute on; auto: CUDA, or else the CPU")
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    seed: int = option(0, "the same seed gives the same training on a CPU", least=0)
    bf16: bool = option(True, "bfloat16 where that is safe")
    sheet_every: int = option(500, "a sheet of drafts every N steps; 0: none", least=0)
    batch: int = option(128, "pictures a step", least=1)
    cells: int = option(16, "side of the grid of codes", least=1)
    block: int = option(2, "side of a block of codes", least=1)
    width: int = option(256, "channels", least=1)
    layers: int = option(6, "layers", least=1)
    heads: int = option(4, "attention heads per layer", least=1)
    words: int = option(20, "number of tokens that are read", least=1)
    dropout: float = option(0.1, "dropout probability", least=0, most=0.99)
    rate: float = option(1e-3, "learning rate", least=0)
    optimiser: str = option(
        "adamw", "adamw, or muon for the layers' matrices (needs torch 2.9)", OPTIMISERS
    )
    silent_share: float = option(0.1, "share of pictures without a text", least=0, most=1)
    variants: int = option(
        6, "how many encodings of each picture, each augmented differently", least=1
    )
    tint_share: float = option(0.25, "share of pictures recoloured", least=0, most=1)
    pair_variants: int = option(1, "extra encodings, each with a second thing added", least=0)
    plain_variants: int = option(0, "extra encodings, each on a plain ground", least=0)
    noise: float = option(
        0.0, "largest share of a picture's codes that are read as others", least=0, most=1
    )
    scale: float = option(0.92, "side of a cutout, as a share of the picture's", least=0.1)
    clip_art: float = option(0.3, "how often clip art and 3D renders are chosen", least=0)
    people: float = option(0.4, "how often people and their hands are chosen", least=0)
    common: float = option(1.0, "how often what the table of sizes names is chosen", least=0)
    held_out: bool = option(False, "learn the concepts, too, that the CLIPs never saw")


TrainingRecipe: TypeAlias = VqganRecipe | ClipRecipe | SentencesRecipe | PriorRecipe


def check_recipe(recipe: Any) -> Any:
    """Check the values of a recipe, and return it.

    Raises:
        ConfigError: that names the first value that does not fit.
    """
    for each in dataclasses.fields(recipe):
        key, value, bounds = each.name, getattr(recipe, each.name), each.metadata
        if bounds["choices"] and value not in bounds["choices"]:
            raise ConfigError(
                f"{key} is {value!r}{suggest_value(key, str(value), bounds['choices'])} "
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
