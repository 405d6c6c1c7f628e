"""The settings schema: every setting as a field of a frozen dataclass.

The same fields feed the command line, YAML files, `--help`, the README's table, validation and
the provenance in the picture (`config.setting_descriptions`). Allowed names are literals here,
so that a mistyped one is refused before torch is imported; a test compares them with the
registries. `vqclip.config.loading` reads the values, and `checking.setting_checks` validates
them.
"""

from __future__ import annotations

from dataclasses import dataclass

from vqclip.config.draw_settings import DrawSettings, FilterSettings, OverlaySettings
from vqclip.config.loss_settings import AXES, LossSettings
from vqclip.config.setting_fields import device_option, group, option, schedulable, step_count
from vqclip.media.paths import BETWEENS, CODECS, FILMS

EDGES = ("fill", "mirror", "wrap", "smear", "black")
PERIODS = ("frame", "second")
THROUGH = ("picture", "latent")
TINTS = ("none", "lab", "rgb", "hsv", "histogram")
MOST_STEPS = 1_000_000  # of a still, or of an animation's first frame
LEAST_FPS = 0.01
MOST_FRAMES = 100_000  # two hours at 12 a second; a checkpoint records each of them
FITS = ("cover", "contain", "stretch")


@dataclass(frozen=True)
class CameraSettings:
    """The camera's movement from frame to frame; most numbers may be schedules."""

    zoom: float | str = schedulable(1.0, "zoom factor; 1.02: 2 % closer, below 1: farther away")
    pan_x: float | str = schedulable(0.0, "movement to the right, in picture widths")
    pan_y: float | str = schedulable(0.0, "movement down, in picture heights")
    roll: float | str = schedulable(0.0, "rotation, in degrees clockwise")
    tilt: float | str = schedulable(
        0.0, "degrees by which the top leans back; in a flight, the camera looks up"
    )
    swing: float | str = schedulable(
        0.0, "degrees by which the right side leans back; in a flight, the camera looks right"
    )
    depth: str = option(
        "",
        "what to fly through: flat|plane|tunnel, a depth map (picture or film), or the "
        "folder of a depth model",
    )
    forward: float | str = schedulable(0.0, "flight forward; with depth=flat, the wall is 1 away")
    right: float | str = schedulable(0.0, "flight to the right, in the same units")
    up: float | str = schedulable(0.0, "flight upwards, in the same units")
    view: float = option(60.0, "field of view, in degrees", least=1, most=170)
    near: float = option(1.0, "distance of the nearest points of a depth map", least=0.001)
    far: float = option(20.0, "distance of the farthest points of a depth map", least=0.002)
    x: float = option(
        0.5, "the point that zoom and roll leave in place, in picture widths from the left"
    )
    y: float = option(0.5, "the same point, in picture heights from the top")
    per: str = option(
        "frame",
        "whether zoom, pan, roll, tilt, swing and flight are per frame or per second",
        PERIODS,
    )
    edges: str = option(
        "fill",
        "what appears where new parts come into view; fill: newly drawn, or with tile, the "
        "opposite side",
        EDGES,
    )
    through: str = option("picture", "what the camera moves: the picture or the latent", THROUGH)


@dataclass(frozen=True)
class MotionSettings:
    """The frames after the first: their steps, and what they keep of the frame before."""

    steps: int | str = schedulable(
        8, "optimisation steps for each frame after the first", least=0, units=("i",)
    )
    rate: float | str | None = schedulable(
        None, "learning rate of those steps; null: 0.1, or half of another drawer's", least=0
    )
    hold: float | str = schedulable(
        3.0, "weight of staying close to the warped previous frame", least=0
    )
    smooth: float = option(
        0.0,
        "share of the warped previous frame that is blended into what is shown",
        least=0,
        most=0.99,
    )
    noise: float | str = schedulable(
        0.0, "noise added to the warped frame; brings in new things", least=0
    )
    drafts: float = option(
        0.5, "how much a new scene takes from a draft of its own", least=0, most=1
    )
    moments: bool = option(True, "warp the optimiser's moments along with the frame")
    steady: bool = option(True, "use the same cutouts in every frame; less flicker")
    colours: str = option(
        "none", "how to match every frame's colours to the first frame's", TINTS
    )
    parallel: bool = option(False, "draw stretches of frames side by side, as runs of their own")


@dataclass(frozen=True)
class SourceSettings:
    """The source film of an animation that draws over one."""

    film: str = option("", "a film, a folder or a pattern of pictures to draw over")
    weight: float | str = schedulable(
        2.0, "weight of staying close to the film's own frames", least=0
    )
    blend: float | str = schedulable(
        0.2,
        "share of the film's own frame that is blended into each frame before its steps",
        least=0,
        most=1,
    )
    flow: str = option(
        "dis",
        "how optical flow is computed: dis, farneback, raft, a file of RAFT weights, or none",
    )
    start: float = option(0.0, "seconds of it to leave out", least=0, form="seconds")
    stride: int = step_count(
        1,
        "use every Nth frame of the film",
        least=1,
        most=MOST_FRAMES,
        units=("f", "s"),
        example=2,
    )
    fit: str = option("cover", "how its frames are fitted to the run's size", FITS)
    sound: bool = option(True, "copy the film's sound")


@dataclass(frozen=True)
class RetakeSettings:
    """A retake of some frames of an animation: `vqclip again RUN --frames A:B`."""

    of: str = option("", "the run whose other frames are kept")
    frames: str = option("", "A:B, the frames from A to B - 1; the first is 0; also 2s:50%")


@dataclass(frozen=True)
class SoundSettings:
    """Sound that schedules may follow."""

    file: str = option("", "a sound file (wav, mp3 …), for schedules with low, beat …")
    start: float = option(0.0, "seconds of it to leave out", least=0, form="seconds")
    bands: str = option(
        "", 'frequency bands of your own, in hertz: "kick=40-100, hats=6000-12000"'
    )


RECIPES = ("vqclip", "crowson", "disco", "pixray", "pytti", "vqgan-clip")
OPTIMISERS = (
    *("adam", "adamw", "radam", "adamax", "adagrad", "rmsprop"),
    *("diffgrad", "adamp"),
)
SCHEDULES = ("constant", "drop", "linear", "cosine")
NOISES = ("fractal", "gradient", "uniform", "colour")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
CONTRASTS = ("absolute", "stretch")
TILES = ("none", "both", *AXES, "brick")
STOPS = ("off", "plateau")


@dataclass(frozen=True)
class Stage:
    """A stage of multi-resolution growth: steps at a smaller size than `size`."""

    size: str = option("50%", "WxH or the shorter side in pixels, or a share of the final size")
    steps: str = step_count("50%", "number of steps, or a share of all steps")


@dataclass(frozen=True)
class CutoutSettings:
    """The cutouts that perceptors see."""

    count: int | str = schedulable(
        16, "cutouts per step; more take more time and memory", least=1
    )
    recipe: str = option("vqclip", "how cutouts are cropped and augmented", RECIPES)
    noise: float | str | None = schedulable(
        None, "noise added to the cutouts, in [0, 1]; null: as the recipe says", least=0, most=1
    )
    contrast: str = option(
        "absolute", "contrast of the cutouts; stretch: always full contrast (pixray)", CONTRASTS
    )


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser of the latent, and its learning rate."""

    name: str = option("adam", "which optimiser", OPTIMISERS)
    rate: float | str | None = schedulable(
        0.3, "learning rate; init=dream: 0.1; null: the optimiser's own", least=0
    )
    schedule: str = option(
        "drop", "how the learning rate changes; drop: to a tenth at 75 %", SCHEDULES
    )
    average: float = option(0.9, "decay of the latent's running average; 0: no average", least=0)
    momentum: float | None = option(
        None,
        "how much of the last step each step keeps; null: as the optimiser has it, mostly 0.9",
        least=0,
        most=0.9999,
    )
    balance: bool = option(
        False, "let each of several perceptors pull by its weight, not by the scale of its losses"
    )


@dataclass(frozen=True)
class FilmSettings:
    """The film: of a picture's making, or the animation itself."""

    format: str = option(
        "mp4", "file format of the film; frames: numbered pictures", tuple(FILMS)
    )
    codec: str = option("auto", "auto: h264 in mp4, prores in mov, vp9 in webm", CODECS)
    fps: int | float = option(
        15, "frames a second; 23.976 is read as 24000/1001", least=1, most=1000
    )
    every: int | str = step_count(
        1, "one frame every N steps", least=1, units=("i", "%"), example=2
    )
    quality: int = option(80, "from 0 (small file) to 100 (nearly lossless)", least=0, most=100)
    crf: int | None = option(
        None, "the codec's own quality number; null: derived from film.quality", least=0, most=63
    )
    between: int = option(0, "number of extra frames between every two", least=0, most=15)
    between_by: str = option(
        "blend",
        "how extra frames are made; blend: cross-fades, flow: motion is interpolated, "
        "latent: decoded from codes in between",
        BETWEENS,
    )


@dataclass(frozen=True)
class MemorySettings:
    """Memory use; it is reduced during a run when memory runs out, which is slower."""

    chunk: int = option(0, "cutouts per batch of a perceptor; 0: all together", least=0)
    recompute: bool = option(
        False, "compute the decoder twice instead of keeping its activations"
    )
    tiles: bool = option(False, "decode large pictures in tiles; changes them a little")


@dataclass(frozen=True)
class CheckpointSettings:
    """Checkpoints, from which `vqclip resume` continues a run."""

    every: int | str = step_count(25, "a checkpoint every N steps; 0: only at the end")


@dataclass(frozen=True)
class DreamSettings:
    """Drafts drawn by a prior: those of init=dream, and of `vqclip dream`."""

    count: int = option(16, "how many drafts to draw; the best is kept", least=1, most=1024)
    temperature: float = option(
        0.5, "sampling temperature; 0: the likeliest codes, above 1: wilder", least=0, most=10
    )
    top_p: float = option(
        0.9,
        "nucleus sampling: choose among the likeliest codes, up to this share of probability",
        least=0.01,
        most=1,
    )
    guidance: float = option(
        2.0, "classifier-free guidance of the starter prior; 1: none", least=0, most=50
    )
    prior: str = option(
        "starter", "which prior draws: starter, or cin_transformer (without guidance)"
    )


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run."""

    prompts: str = option(
        "", 'what to draw: "a fox:2 | fog:-0.5 | @photo.png:0.3"', form="prompts"
    )
    negative: str = option("", 'what to avoid, as prompts: "fog | lettering:0.5"', form="prompts")
    fade: float = option(
        0.3,
        "how long scenes (a ^ b) fade into each other, as a share of a scene; 1: all the time",
        least=0,
        most=1,
    )
    seed: int | str | None = option(
        None,
        "the same seed gives the same picture; 3:8:0.4: 0.4 of the way from 3 to 8; null: "
        "random, and recorded",
        least=0,
        form="seed",
    )
    style: str = option(
        "", 'words around every text prompt; {} is the prompt: "an etching of {}"', form="words"
    )
    layout: str = option(
        "auto", "auto: the things of a sentence get places; off: they do not", ("auto", "off")
    )
    size: str = option("256x256", "width x height in pixels; one number: a square", form="size")
    aspect: str = option("", "width:height, such as 16:9, with as many pixels as size has")
    tile: str = option(
        "none",
        "directions in which the picture tiles without a seam; brick: every other row is shifted "
        "by half a tile",
        TILES,
    )
    steps: int = step_count(
        200,
        "number of steps; from a draft 90, by a VQGAN 60, a composition 35",
        least=1,
        most=MOST_STEPS,
        units=("i", "s"),
    )
    growth: list[Stage] = option(
        [Stage("25%", "60%"), Stage("50%", "25%")],
        "smaller sizes to draw at first; with init=dream: none; with init=random and "
        "vqgan=starter: 64 and 128 pixels",
    )
    stop: str = option("off", "plateau: end where a second CLIP sees no gain", STOPS)
    patience: int = step_count(20, "stop=plateau: steps without a gain that end it", 5, units="i")
    frames: int = step_count(
        0,
        "number of frames of an animation; 0: a still picture",
        most=MOST_FRAMES,
        units=("f", "%", "s"),
    )
    length: float = option(
        0.0, "length of an animation in seconds, instead of frames", least=0, form="seconds"
    )
    fps: float | None = option(
        None,
        "frames a second of an animation; null: 12, or the source's",
        least=LEAST_FPS,
        most=1000,
    )
    loop: bool = option(False, "make the animation's last frame lead back to the first")
    drawer: str = option(
        "auto",
        "what draws (vqclip help drawers); of two, the last one finishes; auto: vqgan,pyramid "
        "for one thing from a draft with vqgan=starter, else vqgan",
    )
    vqgan: str = option("starter", "which VQGAN draws (vqclip models list)")
    perceptors: list[str] = option(
        ["starter"], "which CLIP models to use: NAME, NAME:weight or NAME:weight:cutouts"
    )
    init: str = option(
        "auto",
        "dream (a draft), random, a picture file, or fractal|gradient|uniform|colour; auto: "
        "dream with vqgan=starter, unless it tiles",
    )
    init_colour: str = option("white", "the colour of init=colour")
    assets: str = option(
        "",
        "another folder to search for pictures, learnt words and directions; unset: the run "
        "file's folder",
    )
    draw: DrawSettings = group(DrawSettings, "how a drawer draws")
    filters: FilterSettings = group(FilterSettings, "what changes the picture that is drawn")
    overlay: OverlaySettings = group(OverlaySettings, "a picture that is laid over the drawing")
    dream: DreamSettings = group(DreamSettings, "the drafts of init=dream")
    cutouts: CutoutSettings = group(
        CutoutSettings, "how the picture is cut up for the perceptors"
    )
    optimiser: OptimiserSettings = group(OptimiserSettings, "how the latent is optimised")
    losses: LossSettings = group(
        LossSettings, "what else the picture should be like, apart from the prompt"
    )
    camera: CameraSettings = group(CameraSettings, "how the camera of an animation moves")
    motion: MotionSettings = group(MotionSettings, "how each frame is made from the one before")
    source: SourceSettings = group(SourceSettings, "a film to draw over")
    sound: SoundSettings = group(SoundSettings, "sound that schedules can follow")
    retake: RetakeSettings = group(RetakeSettings, "frames of an animation that are drawn again")
    film: FilmSettings = group(
        FilmSettings, "the film of the picture's making, or the animation itself"
    )
    checkpoint: CheckpointSettings = group(
        CheckpointSettings, "checkpoints, from which a run can resume"
    )
    memory: MemorySettings = group(MemorySettings, "how to use less memory")
    previews: int | str = step_count(25, "a preview in steps/ every N steps; 0: none")
    device: str = device_option("the device to use, also cuda:1")
    precision: str = option("auto", "number format of perceptors and decoder", PRECISIONS)
    deterministic: bool = option(
        False, "on a GPU, add numbers in the same order each time; slower"
    )
    threads: int = option(0, "processor threads; 0: torch chooses", least=0)
    out: str = option(
        "outputs", "the folder for run folders; may hold %DATE%, %SEED%, %PROMPT%, %SEQ%"
    )
