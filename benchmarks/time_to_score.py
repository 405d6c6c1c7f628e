"""Seconds to the score that the loop that everybody copies has after 300 steps.

    python benchmarks/time_to_score.py [prompts=8] [steps=300] [every=5] [size=256x256] [cuts=16]
        [seed=1] [out=FILE.json] [key=value …]

Both draw the same prompts with the starter models, in turn, in one process:

    classic   the usual loop from random codes; see `classic.py`
    vqclip    the default preset, with the settings given

`starter-second` gives the cosine between picture and prompt. Neither optimises it, but vqclip
asks it, too, which of its drafts is the best; with init=random it takes no part in either.
The clocks run while the picture is made: drafts, steps and finish, without imports, loading, and
judging. Of classic the picture after `steps` steps counts; of vqclip the first picture, of those
after every `every` steps and at the end, that is judged as well, and the mean over all prompts.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import classic
import quality_prompts
import step as step_module
import torch
from torch import Tensor

import vqclip
from vqclip import session
from vqclip.config.schema import RunConfig
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.guidance.zero_shot import JUDGE
from vqclip.models.model_cache import keep_models
from vqclip.run.preflight import make_request

DEFAULTS = {
    **{"prompts": "8", "steps": "300", "every": "5", "size": "256x256", "cuts": "16"},
    **{"seed": "1", "out": ""},
}


@dataclass(frozen=True)
class Curve:
    """Scores of one picture while it was made: [(seconds, cosine)], in order of time."""

    points: list[tuple[float, float]]

    def score_at(self, seconds: float) -> float | None:
        """The last score by then, or None if nothing was drawn yet."""
        known = [score for at, score in self.points if at <= seconds]
        return known[-1] if known else None

    def seconds_to(self, score: float) -> float | None:
        """The seconds to the first picture with at least this score, or None."""
        return next((at for at, found in self.points if found >= score), None)


class Judge:
    """What scores a picture by a prompt, and is asked outside the clocks."""

    def __init__(self, prompt: str, perceptor: OpenClipPerceptor) -> None:
        self.perceptor, self.text = perceptor, perceptor.embed_text([prompt])[0]

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> float:
        """The cosine between a picture [1, 3, H, W] and the prompt."""
        return float(self.perceptor.embed_image(picture.clamp(0, 1))[0] @ self.text)


def main(arguments: list[str]) -> None:
    """Draw, judge, print, and write JSON if a file is named."""
    given = dict(word.split("=", 1) for word in arguments)
    own = DEFAULTS | {key: given.pop(key) for key in DEFAULTS if key in given}
    settings = [f"{key}={value}" for key, value in given.items()]
    print(" ".join(["$ python", *sys.argv]))
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print(f"{'prompt':28}{'classic':>18}{'vqclip to it':>14}{'ratio':>8}{'vqclip at end':>20}")
    wishes = quality_prompts.wishes()
    count = int(own["prompts"])
    curves, rows = [], []
    with keep_models():
        judge = load_perceptor(JUDGE)
        drawn(wishes[0].prompt, own, [*settings, "steps=2"], Judge(wishes[0].prompt, judge))
        for index in range(count):
            prompt = wishes[index * len(wishes) // count].prompt
            usual = classic_score(prompt, own, Judge(prompt, judge))
            curve = drawn(prompt, own, settings, Judge(prompt, judge))
            seconds, score = usual
            reached, (end, last) = curve.seconds_to(score), curve.points[-1]
            told = (
                f"{reached:12.1f} s{reached / seconds:8.2f}"
                if reached
                else f"{'never':>14}{'':8}"
            )
            print(
                f"{prompt:28}{seconds:8.1f} s{score:8.3f}{told}{end:10.1f} s{last:8.3f}",
                flush=True,
            )
            curves.append((usual, curve))
            rows.append({"prompt": prompt, "classic": usual, "vqclip": curve.points})
    whole = summarise(curves)
    print("\n" + "\n".join(f"{key}: {value}" for key, value in whole.items()))
    if own["out"]:
        found = {"settings": {**own, "given": settings}, "prompts": rows, "all": whole}
        Path(own["out"]).write_text(json.dumps(found, indent=1), encoding="utf-8")


def summarise(curves: Sequence[tuple[tuple[float, float], Curve]]) -> dict[str, Any]:
    """Figures over all prompts; the mean scores' curve counts, not the luckiest prompt's."""
    seconds = statistics.mean(usual[0] for usual, _ in curves)
    score = statistics.mean(usual[1] for usual, _ in curves)
    found: dict[str, Any] = {
        "classic, seconds": round(seconds, 1),
        "classic, score": round(score, 3),
    }
    for at in sorted(at for _, curve in curves for at, _ in curve.points):
        scores = [known for _, curve in curves if (known := curve.score_at(at)) is not None]
        if len(scores) == len(curves) and statistics.mean(scores) >= score:
            found |= {"vqclip, seconds to it": round(at, 1), "ratio": round(at / seconds, 3)}
            break
    found["vqclip, score at the end"] = round(
        statistics.mean(curve.points[-1][1] for _, curve in curves), 3
    )
    found["prompts that reach it"] = sum(
        curve.seconds_to(usual[1]) is not None for usual, curve in curves
    )
    return found


def classic_score(prompt: str, own: dict[str, str], judge: Judge) -> tuple[float, float]:
    """The seconds of the usual loop, and the score of its picture."""
    asked = config(prompt, own, ["drawer=vqgan", "init=random"])
    ready = session.build_runner(make_request(asked))
    vqgan = classic.published_vqgan(ready.drawer.vqgan)  # type: ignore[attr-defined]
    torch.manual_seed(int(own["seed"]))
    width, height = (int(side) for side in own["size"].split("x"))
    shipped = step_module.load_shipped(ready.perceptors)
    step = classic.classic_step(vqgan, shipped, prompt, (width, height), int(own["cuts"]))
    began = time.perf_counter()
    for _ in range(int(own["steps"]) + 1):  # a step returns the picture before it
        picture = step()
    return time.perf_counter() - began, judge(picture)


def config(prompt: str, own: dict[str, str], settings: list[str]) -> RunConfig:
    """The settings of a run of a prompt."""
    given = [f"size={own['size']}", *settings]
    return vqclip.load(prompt, seed=int(own["seed"]), overrides=given)


def drawn(prompt: str, own: dict[str, str], settings: list[str], judge: Judge) -> Curve:
    """The curve of a run, its clock stopped while the picture is judged."""
    asked = config(prompt, own, settings)
    points = []
    began = time.perf_counter()
    ready = session.build_runner(make_request(asked))
    spent, last = time.perf_counter() - began, ready.total
    plays = ready.play()
    for number in range(1, last + 1):
        began = time.perf_counter()
        more = next(plays, None)
        spent += time.perf_counter() - began
        if number % int(own["every"]) == 0 or number == last:
            points.append((spent, judge(ready.final_picture())))
        if more is None:
            break
    return Curve(points)


if __name__ == "__main__":
    main(sys.argv[1:])
