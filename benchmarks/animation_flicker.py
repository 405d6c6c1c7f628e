"""How steady is a film that is drawn over? Beside one each of whose frames begins anew.

The other way is that of the scripts which peers draw over films with: each of the film's frames
is a picture of its own to start from, with the same seed and the same settings, and nothing is
carried. It is measured twice: with as many steps a frame as an animation takes after its first
frame, and with as many as it takes for the first. The first may change the film less, and what
changes less flickers less; the second shows what the same strength of style costs.

The warping error is found along the flow of the film itself, for all of them. Blurred films are
steadier, and so are those that nothing was done to: hence the columns beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from pathlib import Path

import clips
from animation_runs import Given, animate, sheet, watch

from vqclip import presets, session
from vqclip.config import RunConfig
from vqclip.footage import open_footage
from vqclip.record import images
from vqclip.tensors import Image

PROMPT = "a comic book drawing of a temple, bright colours"
CLIP = ("size=128x128", "seed=1", "previews=0")
FRAMES, PATH = 24, 48  # so many of a clip of so many, from its middle: it passes evenly there
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
    """Draw over a clip both ways, measure both, and print a table."""
    clip = given.out / "clip"
    across = clips.pan(clips.photograph(given.photo()), clip, frames=PATH, size=(128, 128))
    for path in [*across[: (PATH - FRAMES) // 2], *across[(PATH + FRAMES) // 2 :]]:
        path.unlink()
    settings = (*CLIP, *given.settings)
    run = animate([PROMPT, f"source.film={clip}", "film.format=frames", *settings], given.out)
    config = presets.load(PROMPT, overrides=[f"source.film={clip}", *settings])
    films = {"the clip": clip, "vqclip animate": run / "frames"}
    later = int(config.motion.steps)
    for steps in (later, config.steps):
        films[f"anew, {steps} steps"] = anew(config, clip, given.out / f"anew-{steps}", steps)
    print(f"{PROMPT!r}, {FRAMES} frames; vqclip animate: {config.steps} steps, then {later} each")
    print(f"{'film':16}  warp error ×1000  {'  '.join(EYES)}  off the clip  detail")
    found = {}
    for name, film in films.items():
        found[name] = each = measured(film, clip)
        scores = "  ".join(f"{each.scores[eye]:{len(eye)}.3f}" for eye in EYES)
        print(
            f"{name:16}  {1000 * each.warped:16.3f}  {scores}  {each.away:12.1f}"
            f"  {each.detail:6.2f}",
            flush=True,
        )
        sheet(film, 3, given.out / f"{name.replace(', ', '-').replace(' ', '-')}.png")
    ours = found["vqclip animate"]
    for name in list(films)[2:]:
        ratio = ours.warped / found[name].warped
        print(f"ours / {name}: ×{ratio:.2f}, {'met' if ratio <= BAR else 'missed'}: {BAR}")


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
        alone = session.build(presets.load(PROMPT, overrides=[*wanted, f"init={frame}"]))
        for _ in alone.play():
            pass
        images.save_png(out / frame.name, alone.final())
    return out


def measured(film: Path, clip: Path) -> Film:
    """Measure the frames in a folder."""
    told, scores = watch(film, clip, PROMPT, EYES)
    drawn, under = list(open_footage(film)), list(open_footage(clip))
    away = [(a - b).abs().mean().item() for a, b in zip(drawn, under, strict=True)]
    return Film(told["warp_error"], scores, 255 * fmean(away), 255 * fmean(map(detail, drawn)))


def detail(image: Image) -> float:
    """How much neighbouring pixels differ: the mean of absolute differences, in [0, 1]."""
    return sum(image.diff(dim=axis).abs().mean().item() for axis in (2, 3)) / 2
