"""The settings schema: every setting as a field of a frozen dataclass.

The same fields feed the command line, YAML files, `--help`, the README's table, validation and
the provenance in the picture (`vqclip.config.describe`). Allowed names are literals here, so that
a mistyped one is refused before torch is imported; a test compares them with the registries.
`vqclip.config.loading` reads the values, `vqclip.config.checks` validates them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from vqclip.media.paths import BETWEENS, CODECS, FILMS


def option(
    default: Any, help: str, choices: Sequence[str] = (), least: float = -inf, most: float = inf
) -> Any:
    """A setting: a dataclass field with its help, the names allowed, and its bounds."""
    metadata = {"help": help, "choices": tuple(choices), "least": least, "most": most}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def schedulable(default: float | None, help: str, least: float = -inf, most: float = inf) -> Any:
    """A setting that may be a schedule: a number, or a schedule as text."""
    metadata = {"help": help, "choices": (), "least": least, "most": most, "changing": True}
    return field(default=default, metadata=metadata)


def group(schema: type, help: str) -> Any:
    """A group of settings, as a field that holds another schema."""
    return field(default_factory=schema, metadata={"help": help})


EDGES = ("fill", "mirror", "wrap", "smear", "black")
PERIODS = ("frame", "second")
THROUGH = ("picture", "latent")
TINTS = ("none", "lab", "rgb", "hsv", "histogram")
MOST_FRAMES = 100_000  # two hours at 12 a second; a checkpoint records each of them
FITS = ("cover", "contain", "stretch")


@dataclass(frozen=True)
class CameraSettings:
    """The camera's movement from frame to frame; most numbers may be schedules."""

    zoom: float | str = schedulable(1.0, "how much nearer; 1.02: by 2 %, below 1: away")
    pan_x: float | str = schedulable(0.0, "to the right, in widths of the picture")
    pan_y: float | str = schedulable(0.0, "down, in heights of the picture")
    roll: float | str = schedulable(0.0, "degrees clockwise")
    tilt: float | str = schedulable(0.0, "degrees that the top leans back; in a flight: looks up")
    swing: float | str = schedulable(
        0.0, "degrees that the right goes back; in a flight: looks right"
    )
    depth: str = option(
        "", "fly through flat|plane|tunnel, a picture or film of depths, or what a model sees"
    )
    forward: float | str = schedulable(0.0, "flight into the depth; a wall of flat is 1 away")
    right: float | str = schedulable(0.0, "flight to the right, likewise")
    up: float | str = schedulable(0.0, "flight upwards, likewise")
    view: float = option(60.0, "how wide it sees, in degrees", least=1, most=170)
    near: float = option(1.0, "how far away the nearest is, in a depth picture", least=0.001)
    far: float = option(20.0, "how far away the farthest is", least=0.002)
    x: float = option(0.5, "the point that zoom and roll keep, in widths")
    y: float = option(0.5, "likewise, in heights")
    per: str = option("frame", "zoom, pan, roll, tilt, swing and flight are per …", PERIODS)
    edges: str = option("fill", "what comes into view; fill: drawn anew", EDGES)
    through: str = option("picture", "what moves: the picture or the latent", THROUGH)


@dataclass(frozen=True)
class MotionSettings:
    """The frames after the first: their steps, and what they keep of the frame before."""

    steps: int | str = schedulable(8, "steps of each frame after the first", least=0)
    rate: float | str = schedulable(0.1, "learning rate of those steps", least=0)
    hold: float | str = schedulable(3.0, "closeness to the last frame, moved along", least=0)
    smooth: float = option(
        0.0, "share of the last frame, moved along, in what is shown", least=0, most=0.99
    )
    noise: float | str = schedulable(
        0.0, "noise on what was moved: brings in new things", least=0
    )
    drafts: float = option(
        0.5, "how much a new scene takes from a draft of its own", least=0, most=1
    )
    moments: bool = option(True, "the optimiser's memory moves along")
    steady: bool = option(True, "the same cutouts in every frame: less flicker")
    colours: str = option("none", "keep the first frame's colours, by …", TINTS)


@dataclass(frozen=True)
class SourceSettings:
    """The source film of an animation that draws over one."""

    film: str = option("", "a film, a folder or a pattern of pictures to draw over")
    weight: float | str = schedulable(2.0, "closeness to the film's own frames", least=0)
    blend: float | str = schedulable(
        0.2, "share of the film's own frame that each begins with", least=0, most=1
    )
    flow: str = option(
        "dis", "how its movement is found: dis, farneback, raft, a file of RAFT's, or none"
    )
    start: float = option(0.0, "seconds of it to leave out", least=0)
    stride: int = option(1, "every so many of its frames", least=1)
    fit: str = option("cover", "how it comes to the run's size", FITS)
    sound: bool = option(True, "the film's sound is copied")


@dataclass(frozen=True)
class RetakeSettings:
    """A retake of some frames of an animation: `vqclip again RUN --frames A:B`."""

    of: str = option("", "the run whose other frames stay")
    frames: str = option("", "A:B, the frames from A to B - 1; the first is 0")


@dataclass(frozen=True)
class SoundSettings:
    """Sound that schedules may follow."""

    file: str = option("", "a wav, mp3 or other file; schedules know low, mid, high, beat …")
    start: float = option(0.0, "seconds of it to leave out", least=0)
    bands: str = option("", 'bands of your own in hertz: "kick=40-100, hats=6000-12000"')


RECIPES = ("vqclip", "crowson", "disco", "pixray", "pytti", "vqgan-clip")
OPTIMISERS = ("adam", "adamw", "radam", "adamax", "adagrad", "rmsprop")
SCHEDULES = ("constant", "drop", "linear", "cosine")
NOISES = ("fractal", "gradient", "uniform", "colour")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CONTRASTS = ("absolute", "stretch")
AXES = ("horizontal", "vertical")


@dataclass(frozen=True)
class Stage:
    """A stage of multi-resolution growth: steps at a smaller size than `size`."""

    size: str = option("50%", "WxH or the shorter side in pixels, or a share of the final size")
    steps: str = option("50%", "how many steps, or a share of all steps")


@dataclass(frozen=True)
class CutoutSettings:
    """The cutouts that perceptors see."""

    count: int | str = schedulable(16, "squares a step; time and memory grow with it", least=1)
    recipe: str = option("vqclip", "how squares are cut and shaken", RECIPES)
    noise: float | str | None = schedulable(
        None, "noise on the squares, in [0, 1]; null: the recipe's", least=0, most=1
    )
    contrast: str = option(
        "absolute", "stretch: perceptors see full contrast (pixray)", CONTRASTS
    )


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser of the latent, and its learning rate."""

    name: str = option("adam", "which optimiser", OPTIMISERS)
    rate: float | str | None = schedulable(
        0.3, "learning rate; from a dream: 0.1; null: what suits the optimiser", least=0
    )
    schedule: str = option("drop", "how the rate changes; drop: a tenth at 75 %", SCHEDULES)
    average: float = option(0.9, "memory of the latent's running average; 0: none", least=0)


@dataclass(frozen=True)
class LossSettings:
    """Weights of the losses other than the prompts'; 0 leaves a loss out."""

    distinct: float | str = schedulable(
        0.15, "more like the prompt than like ordinary other things"
    )
    smoothness: float | str = schedulable(
        10.0, "few differences between neighbours: calm grounds"
    )
    saturation: float | str = schedulable(0.0, "strong colours; negative: pale ones")
    symmetry: float | str = schedulable(0.0, "one half mirrors the other")
    axis: str = option("horizontal", "the direction in which symmetry mirrors", AXES)
    palette: float | str = schedulable(0.0, "only the colours that `colours` names")
    colours: str = option("", 'colours for palette, such as "#cc0000, gold, teal"')
    edges: float | str = schedulable(
        0.0, "a border of one colour; from random codes of starter: 3"
    )
    edge_colour: str = option("white", "the border's colour")
    init: float | str = schedulable(
        0.0, "closeness to the picture that the run starts from; a draft: 3"
    )


@dataclass(frozen=True)
class FilmSettings:
    """The film: of a picture's making, or the animation itself."""

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
    """Memory use; it is reduced during a run when memory runs out, which is slower."""

    chunk: int = option(0, "squares that a perceptor looks at together; 0: all", least=0)
    recompute: bool = option(False, "work the decoder out twice rather than keep it")
    tiles: bool = option(False, "correct large pictures piece by piece; changes them a little")


@dataclass(frozen=True)
class CheckpointSettings:
    """Checkpoints, from which `vqclip resume` continues a run."""

    every: int = option(25, "a checkpoint every so many steps; 0: only when it ends", least=0)


@dataclass(frozen=True)
class DreamSettings:
    """Drafts drawn by a prior: those of init=dream, and of `vqclip dream`."""

    count: int = option(16, "how many drafts are drawn; the best is kept", least=1, most=1024)
    temperature: float = option(0.7, "0: the likeliest; above 1: wilder", least=0, most=10)
    top_p: float = option(0.9, "keep the likeliest codes of this share", least=0.01, most=1)
    guidance: float = option(4.0, "weight of words in starter; 1: as learnt", least=0, most=50)
    prior: str = option("starter", "what writes: starter, or cin_transformer (no guidance)")


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run."""

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
