"""What can be set of an animation? The camera, and what one frame keeps of the last.

Part of the schema that `vqclip.config` puts together.
"""

from __future__ import annotations

from dataclasses import dataclass

from vqclip.fields import changing, option

EDGES = ("fill", "mirror", "wrap", "smear", "black")
PERIODS = ("frame", "second")
THROUGH = ("picture", "latent")
TINTS = ("none", "lab", "rgb", "hsv", "histogram")
MOST_FRAMES = 100_000  # two hours at 12 a second; a checkpoint notes each of them
FITS = ("cover", "contain", "stretch")


@dataclass(frozen=True)
class CameraSettings:
    """How the camera moves from frame to frame; every number may be a schedule."""

    zoom: float | str = changing(1.0, "how much nearer; 1.02: by 2 %, below 1: away")
    pan_x: float | str = changing(0.0, "to the right, in widths of the picture")
    pan_y: float | str = changing(0.0, "down, in heights of the picture")
    roll: float | str = changing(0.0, "degrees clockwise")
    tilt: float | str = changing(0.0, "degrees that the top leans back; in a flight: looks up")
    swing: float | str = changing(
        0.0, "degrees that the right goes back; in a flight: looks right"
    )
    depth: str = option(
        "", "fly through flat|plane|tunnel, a picture or film of depths, or what a model sees"
    )
    forward: float | str = changing(0.0, "flight into the depth; a wall of flat is 1 away")
    right: float | str = changing(0.0, "flight to the right, likewise")
    up: float | str = changing(0.0, "flight upwards, likewise")
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
    """What each frame after the first is given, and what it keeps of the last."""

    steps: int | str = changing(8, "steps of each frame after the first", least=0)
    rate: float | str = changing(0.1, "learning rate of those steps", least=0)
    hold: float | str = changing(3.0, "closeness to the last frame, moved along", least=0)
    smooth: float = option(
        0.0, "share of the last frame, moved along, in what is shown", least=0, most=0.99
    )
    noise: float | str = changing(0.0, "noise on what was moved: brings in new things", least=0)
    drafts: float = option(
        0.5, "how much a new scene takes from a draft of its own", least=0, most=1
    )
    moments: bool = option(True, "the optimiser's memory moves along")
    steady: bool = option(True, "the same cutouts in every frame: less flicker")
    colours: str = option("none", "keep the first frame's colours, by …", TINTS)


@dataclass(frozen=True)
class SourceSettings:
    """A film to draw over."""

    film: str = option("", "a film, a folder or a pattern of pictures to draw over")
    weight: float | str = changing(2.0, "closeness to the film's own frames", least=0)
    blend: float | str = changing(
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
    """A stretch of an animation that is drawn anew: `vqclip again RUN --frames A:B`."""

    of: str = option("", "the run whose other frames stay")
    frames: str = option("", "A:B, the frames from A to B - 1; the first is 0")


@dataclass(frozen=True)
class SoundSettings:
    """Music that schedules may follow."""

    file: str = option("", "a wav, mp3 or other file; schedules know low, mid, high, beat …")
    start: float = option(0.0, "seconds of it to leave out", least=0)
    bands: str = option("", 'bands of your own in hertz: "kick=40-100, hats=6000-12000"')
