"""What can be set? All settings, as frozen dataclasses: the one source of defaults and help.

The same fields feed the command line, YAML files, `--help`, the README's table, validation and
the notes in the picture (`describe`, `to_dict`). Allowed names are literals here, so that a
mistyped one is refused before torch is imported; a test holds them equal to the registries.
Where values come from is the business of `vqclip.presets`, whether they fit that of
`vqclip.checks`.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from vqclip.fields import changing, group, option
from vqclip.motion import (
    MOST_FRAMES,
    CameraSettings,
    MotionSettings,
    RetakeSettings,
    SoundSettings,
    SourceSettings,
)

RECIPES = ("vqclip", "crowson", "disco", "pixray", "pytti", "vqgan-clip")
OPTIMISERS = ("adam", "adamw", "radam", "adamax", "adagrad", "rmsprop")
SCHEDULES = ("constant", "drop", "linear", "cosine")
NOISES = ("fractal", "gradient", "uniform", "colour")
# Which codecs a kind of film may have, the usual one first.
FILMS = {
    "mp4": ("h264", "h265", "av1"),
    "mov": ("prores", "h264", "h265"),
    "webm": ("vp9", "av1"),
    "gif": (),
    "webp": (),
    "frames": (),
    "none": (),
}
CODECS = ("auto", "h264", "h265", "prores", "vp9", "av1")
BETWEENS = ("blend", "flow", "latent")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CONTRASTS = ("absolute", "stretch")
AXES = ("horizontal", "vertical")
WORD_KINDS = ("object", "style", "negative")


@dataclass(frozen=True)
class Stage:
    """A part of a run at a smaller size, before `size` itself."""

    size: str = option("50%", "WxH or the shorter side in pixels, or a share of the final size")
    steps: str = option("50%", "how many steps, or a share of all steps")


@dataclass(frozen=True)
class CutoutSettings:
    """How perceptors see the picture."""

    count: int | str = changing(16, "squares a step; time and memory grow with it", least=1)
    recipe: str = option("vqclip", "how squares are cut and shaken", RECIPES)
    noise: float | str | None = changing(
        None, "noise on the squares, in [0, 1]; null: the recipe's", least=0, most=1
    )
    contrast: str = option(
        "absolute", "stretch: perceptors see full contrast (pixray)", CONTRASTS
    )


@dataclass(frozen=True)
class OptimiserSettings:
    """How the latent moves."""

    name: str = option("adam", "which optimiser", OPTIMISERS)
    rate: float | str | None = changing(
        0.3, "learning rate; from a dream: 0.1; null: what suits the optimiser", least=0
    )
    schedule: str = option("drop", "how the rate changes; drop: a tenth at 75 %", SCHEDULES)
    average: float = option(0.9, "memory of the latent's running average; 0: none", least=0)


@dataclass(frozen=True)
class LossSettings:
    """What is liked apart from the prompt: weights, 0 to leave out."""

    distinct: float | str = changing(0.15, "more like the prompt than like ordinary other things")
    smoothness: float | str = changing(10.0, "few differences between neighbours: calm grounds")
    saturation: float | str = changing(0.0, "strong colours; negative: pale ones")
    symmetry: float | str = changing(0.0, "one half mirrors the other")
    axis: str = option("horizontal", "the direction in which symmetry mirrors", AXES)
    palette: float | str = changing(0.0, "only the colours that `colours` names")
    colours: str = option("", 'colours for palette, such as "#cc0000, gold, teal"')
    edges: float | str = changing(0.0, "a border of one colour; from random codes of starter: 3")
    edge_colour: str = option("white", "the border's colour")
    init: float | str = changing(
        0.0, "closeness to the picture that the run starts from; a draft: 3"
    )


@dataclass(frozen=True)
class FilmSettings:
    """The film of the picture's making."""

    format: str = option("mp4", "what kind of film; frames: numbered pictures", tuple(FILMS))
    codec: str = option("auto", "auto: h264 in mp4, prores in mov, vp9 in webm", CODECS)
    fps: int = option(15, "pictures a second", least=1, most=1000)
    every: int = option(1, "a picture every so many steps", least=1)
    quality: int = option(80, "from 0, small, to 100, near lossless", least=0, most=100)
    crf: int | None = option(
        None, "the codec's own number for quality; null: from quality", least=0, most=63
    )
    between: int = option(0, "so many pictures more between every two", least=0, most=15)
    between_by: str = option(
        "blend", "blend: dissolves; flow: what moves, moves on; latent: drawn", BETWEENS
    )


@dataclass(frozen=True)
class MemorySettings:
    """How much is held at a time. Less on the way when memory runs out, which is slower."""

    chunk: int = option(0, "squares that a perceptor looks at together; 0: all", least=0)
    recompute: bool = option(False, "work the decoder out twice rather than keep it")
    tiles: bool = option(False, "correct large pictures piece by piece; changes them a little")


@dataclass(frozen=True)
class CheckpointSettings:
    """What a run leaves so that it can go on: `vqclip resume`."""

    every: int = option(25, "a checkpoint every so many steps; 0: only when it ends", least=0)


@dataclass(frozen=True)
class DreamSettings:
    """The drafts of init=dream, and of `vqclip dream`."""

    count: int = option(16, "how many drafts are drawn; the best is kept", least=1, most=1024)
    temperature: float = option(0.7, "0: the likeliest; above 1: wilder", least=0, most=10)
    top_p: float = option(0.9, "keep the likeliest codes of this share", least=0.01, most=1)
    guidance: float = option(4.0, "weight of words in starter; 1: as learnt", least=0, most=50)
    prior: str = option("starter", "what writes: starter, or cin_transformer (no guidance)")


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run depends on."""

    prompts: str = option("", 'what to draw: "a fox:2 | fog:-0.5 | @photo.png:0.3"')
    negative: str = option("", 'what to avoid, as prompts: "fog | lettering:0.5"')
    fade: float = option(
        0.3, "how long scenes, a ^ b, fade into each other; 1: always", least=0, most=1
    )
    seed: int | None = option(
        None, "equal seeds give equal pictures; null: drawn, and noted", least=0
    )
    style: str = option(
        "", 'words for every text prompt, {} being the prompt: "an etching of {}"'
    )
    size: str = option("256x256", "width x height in pixels")
    aspect: str = option("", "width:height, such as 16:9, for as many pixels as size has")
    steps: int = option(200, "how often the latent moves; from a dream: 60", least=1)
    growth: list[Stage] = field(
        default_factory=lambda: [Stage("25%", "60%"), Stage("50%", "25%")],
        metadata={
            "help": "smaller sizes to pass through first; from a dream: none; "
            "from random codes of starter: 64 and 128 pixels"
        },
    )
    frames: int = option(
        0, "an animation of so many frames; 0: a still", least=0, most=MOST_FRAMES
    )
    length: float = option(0.0, "an animation of so many seconds, instead of frames", least=0)
    fps: float | None = option(
        None, "frames a second of an animation; null: 12, or as source", least=0.01, most=1000
    )
    loop: bool = option(False, "the animation's last frame flows into the first")
    vqgan: str = option("starter", "which VQGAN draws (vqclip models list)")
    perceptors: list[str] = option(
        ["starter"], "which CLIPs look: NAME, NAME:weight or NAME:weight:squares"
    )
    init: str = option(
        "auto",
        "dream (a draft), random, a picture file, or fractal|gradient|uniform|colour; "
        "auto: dream for the VQGAN starter",
    )
    init_colour: str = option("white", "the colour of init=colour")
    assets: str = option(
        "", "where pictures, words and directions are, too; unset: beside the run file"
    )
    dream: DreamSettings = group(DreamSettings, "the drafts of init=dream")
    cutouts: CutoutSettings = group(CutoutSettings, "how perceptors see the picture")
    optimiser: OptimiserSettings = group(OptimiserSettings, "how the latent moves")
    losses: LossSettings = group(LossSettings, "what is liked apart from the prompt")
    camera: CameraSettings = group(CameraSettings, "how the camera of an animation moves")
    motion: MotionSettings = group(MotionSettings, "what a frame is given and keeps")
    source: SourceSettings = group(SourceSettings, "a film to draw over")
    sound: SoundSettings = group(SoundSettings, "music that schedules follow")
    retake: RetakeSettings = group(RetakeSettings, "a stretch that is drawn anew")
    film: FilmSettings = group(FilmSettings, "the film: of the making, or the animation")
    checkpoint: CheckpointSettings = group(CheckpointSettings, "what a run goes on from")
    memory: MemorySettings = group(MemorySettings, "how much is held at a time")
    previews: int = option(25, "a picture into steps/ every so many steps; 0: none", least=0)
    device: str = option("auto", "where to compute", DEVICES)
    precision: str = option("auto", "number format of the perceptors", PRECISIONS)
    deterministic: bool = option(False, "a GPU adds in the same order each time; slower there")
    threads: int = option(0, "processor threads; 0: as torch chooses", least=0)
    out: str = option("outputs", "the folder in which run folders are made")


@dataclass(frozen=True)
class InversionConfig:
    """How `vqclip invert` learns a word from pictures."""

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


# Settings that change what a run leaves, and where, but not what it draws: the notes lack them.
ELSEWHERE = ("checkpoint", "out")


@dataclass(frozen=True)
class Setting:
    """One line of help: a key, what it may be, its default, and what it does."""

    key: str
    kind: str
    default: str
    help: str
    choices: tuple[str, ...]

    @property
    def told(self) -> str:
        """The help, and what the setting takes where that is not plain."""
        taken = "number or schedule" if "schedule" in self.kind else ", ".join(self.choices)
        return self.help + (f" ({taken})" if taken else "")


def describe(schema: type = RunConfig, prefix: str = "") -> Iterator[Setting]:
    """List all settings in order, nested ones as `group.key`."""
    hints = get_type_hints(schema)
    for each in dataclasses.fields(schema):
        hint = hints[each.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from describe(hint, f"{prefix}{each.name}.")
            continue
        value = _default(each)
        yield Setting(
            key=prefix + each.name,
            kind=_kind(hint, each.metadata.get("changing", False)),
            default=_show(value),
            help=each.metadata.get("help", ""),
            choices=each.metadata.get("choices", ()),
        )


def to_dict(config: RunConfig, *, everywhere: bool = True) -> dict[str, Any]:
    """Give the settings as plain dicts and lists; `load(overrides=...)` takes them back.

    Args:
        everywhere: False leaves out what does not change the picture (`ELSEWHERE`).
    """
    values = dataclasses.asdict(config)
    if not everywhere:
        for key in ELSEWHERE:
            del values[key]
    return values


def _default(each: dataclasses.Field[Any]) -> Any:
    if each.default is not dataclasses.MISSING:
        return each.default
    return each.default_factory() if each.default_factory is not dataclasses.MISSING else None


def _kind(hint: Any, changes: bool = False) -> str:
    """What a value is, in words."""
    if isinstance(hint, types.UnionType):
        kinds = [_kind(part) for part in get_args(hint)]
        return " or ".join("schedule" if changes and k == "text" else k for k in kinds)
    if get_origin(hint) is list:
        return "list"
    names = {str: "text", int: "whole number", float: "number", types.NoneType: "null"}
    names[bool] = "true or false"
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _show(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if value and dataclasses.is_dataclass(value[0]):
            return ", ".join(" × ".join(dataclasses.astuple(v)) for v in value)
        return ", ".join(map(str, value))
    return str(value)
