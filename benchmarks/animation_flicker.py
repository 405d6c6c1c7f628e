"""The flicker of a film that is drawn over, beside one each of whose frames begins anew.

The other way is that of the scripts which peers draw over films with: each of the film's frames
is a picture of its own to start from, with the same seed and the same settings, and nothing is
carried. It is measured twice: with as many steps a frame as the animation takes after its first
frame, and with three times as many. The first changes the film less, and what changes less
flickers less; the second shows what about the same strength of style costs.

The warping error is found along the flow of the film itself, for all of them. Blurred films are
steadier, and so are those that nothing was done to: hence the columns beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import clips
from animation_runs import Given, animate, sheet, watch

from vqclip import session
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.media import images
from vqclip.media.frames.frame_source import open_footage
from vqclip.run.preflight import make_request
from vqclip.tensors import Image

PRESET = "stylise"
PROMPTS = {  # by the photograph's name in the wheel
    "china.jpg": "a comic book drawing of a temple, bright colours",
    "flower.jpg": "a stained glass window of a flower",
}
CLIP = ("size=128x128", "seed=1", "previews=0")
FRAMES = 24
MORE = 3  # times as many steps for each frame that begins anew
EYES = ("starter", "starter-second")
BAR = 0.5


@dataclass(frozen=True)
class Film:
    """What was measured of a film.

    Args:
        warped: the warping error.
        scores: each perceptor's mean cosine with the prompt.
        away: mean absolute difference from the film that was drawn over, of 255.
        detail: mean absolute difference between neighbouring pixels, of 255.
    """

    warped: float
    scores: dict[str, float]
    away: float
    detail: float


def flicker(given: Given) -> None:
    """Draw over a clip of each photograph both ways, measure both, and print tables."""
    names = PROMPTS if given.photo().suffix == ".whl" else [given.photo().name]
    for name in names:
        prompt = given.words.get("prompt") or PROMPTS.get(name, PROMPTS["china.jpg"])
        steadiness(given, name, prompt, given.out / Path(name).stem)


def steadiness(given: Given, name: str, prompt: str, out: Path) -> None:
    """Draw over one clip both ways."""
    clip = out / "clip"
    count = int(given.words.get("count", FRAMES))
    clips.pan(clips.photograph(given.photo(), name), clip, frames=count, size=(128, 128))
    settings = (f"source.film={clip}", *CLIP, *given.settings)
    run = animate([prompt, "--preset", PRESET, "film.format=frames", *settings], out)
    config = loading.load_config(prompt, PRESET, overrides=settings)
    films = {"the clip": clip, "vqclip animate": run / "frames"}
    later = int(config.motion.steps)
    for steps in (later, MORE * later):
        films[f"anew, {steps} steps"] = anew(config, clip, out / f"anew-{steps}", steps)
    print(
        f"{name}, {prompt!r}, {count} frames; vqclip animate: {config.steps} steps, then {later}"
    )
    print(f"{'film':16}  warp error ×1000  {'  '.join(EYES)}  off the clip  detail")
    found = {}
    for way, film in films.items():
        found[way] = each = measured(film, clip, prompt)
        scores = "  ".join(f"{each.scores[eye]:{len(eye)}.3f}" for eye in EYES)
        print(
            f"{way:16}  {1000 * each.warped:16.3f}  {scores}  {each.away:12.1f}"
            f"  {each.detail:6.2f}",
            flush=True,
        )
        sheet(film, 3, out / f"{way.replace(', ', '-').replace(' ', '-')}.png")
    ours = found["vqclip animate"]
    for way in list(films)[2:]:
        ratio = ours.warped / found[way].warped
        print(f"ours / {way}: ×{ratio:.2f}, {'met' if ratio <= BAR else 'missed'}: {BAR}")


def anew(config: RunConfig, clip: Path, out: Path, steps: int) -> Path:
    """Draw each frame as a picture of its own, that starts from the clip's; give their folder."""
    out.mkdir(parents=True)
    wanted = [
        *(
            *CLIP,
            f"steps={steps}",
            "growth=[]",
            "film.format=none",
            "optimiser.schedule=constant",
        ),
        *(f"optimiser.rate={config.motion.rate}", f"losses.init={config.source.weight}"),
        *(f"losses.{name}={getattr(config.losses, name)}" for name in ("distinct", "smoothness")),
    ]
    for frame in sorted(clip.iterdir()):
        alone = session.build_runner(
            make_request(
                loading.load_config(config.prompts, overrides=[*wanted, f"init={frame}"])
            )
        )
        for _ in alone.play():
            pass
        images.save_png(out / frame.name, alone.final_picture())
    return out


def measured(film: Path, clip: Path, prompt: str) -> Film:
    """Measure the frames in a folder."""
    told, scores = watch(film, clip, prompt, EYES)
    drawn, under = list(open_footage(film)), list(open_footage(clip))
    away = [(a - b).abs().mean().item() for a, b in zip(drawn, under, strict=True)]
    return Film(told["warp_error"], scores, 255 * fmean(away), 255 * fmean(map(detail, drawn)))


def detail(image: Image) -> float:
    """How much neighbouring pixels differ: the mean of absolute differences, in [0, 1]."""
    return sum(image.diff(dim=axis).abs().mean().item() for axis in (2, 3)) / 2
