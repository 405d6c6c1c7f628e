"""Seconds to the score that the loop that everybody copies has after 300 steps.

    python benchmarks/time_to_score.py [prompts=8] [steps=300] [every=5] [size=256x256] [cuts=16]
        [seed=1] [judge=DIR] [data=DIR] [bf16=true] [out=FILE.json] [key=value …]

Both draw the same prompts with the starter models, in turn, in one process:

    classic   the usual loop from random codes; see `classic.py`
    vqclip    the default preset, with the settings given

The score is a cosine between picture and prompt. Without judge=DIR, `starter-second` gives it.
Neither optimises that one, but vqclip asks it which of its drafts is the best, and with
stop=plateau where to stop. With judge=DIR, it is that of the network of `judge.py`, which takes
no part in anything; if DIR does not hold it, it is trained there on data=DIR, as `quality.py`
does. Of it, "right" tells, too, how often it finds a picture's prompt among all hundred.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import classic
import judge as judges
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
    **{"seed": "1", "out": "", "judge": "", "data": "", "bf16": "false"},
}


@dataclass(frozen=True)
class Verdict:
    """What a judge says of a picture.

    Args:
        score: the cosine with its prompt.
        right: whether the prompt is the likeliest of all; None: the judge was not asked.
    """

    score: float
    right: bool | None = None


Ask = Callable[[Tensor], Verdict]  # about a picture, [1, 3, H, W] in [0, 1]


@dataclass(frozen=True)
class Curve:
    """Scores of one picture while it was made: [(seconds, verdict)], in order of time."""

    verdicts: list[tuple[float, Verdict]]

    @property
    def points(self) -> list[tuple[float, float]]:
        """The same as [(seconds, cosine)]."""
        return [(at, verdict.score) for at, verdict in self.verdicts]

    def score_at(self, seconds: float) -> float | None:
        """The last score by then, or None if nothing was drawn yet."""
        known = [score for at, score in self.points if at <= seconds]
        return known[-1] if known else None

    def seconds_to(self, score: float) -> float | None:
        """The seconds to the first picture with at least this score, or None."""
        return next((at for at, found in self.points if found >= score), None)


def perceptor_judge(prompt: str, perceptor: OpenClipPerceptor) -> Ask:
    """A CLIP as the judge of a prompt; it is asked outside the clocks, as any judge."""
    text = perceptor.embed_text([prompt])[0]

    @torch.no_grad()
    def ask(picture: Tensor) -> Verdict:
        return Verdict(float(perceptor.embed_image(picture.clamp(0, 1))[0] @ text))

    return ask


def trained_judge(prompt: str, judge: judges.Judge, prompts: list[str]) -> Ask:
    """The network that no run asks as the judge of a prompt, which is one of `prompts`."""
    own = prompts.index(prompt)

    def ask(picture: Tensor) -> Verdict:
        scores = judge.scores(picture.clamp(0, 1), prompts)[0]
        return Verdict(float(scores[own]), int(scores.argmax()) == own)

    return ask


def load_judge(own: dict[str, str], prompts: list[str]) -> Callable[[str], Ask]:
    """What gives the judge of a prompt."""
    if not own["judge"]:
        perceptor = load_perceptor(JUDGE)
        return lambda prompt: perceptor_judge(prompt, perceptor)
    found, _ = judges.load(Path(own["data"]), Path(own["judge"]), bf16=own["bf16"] == "true")
    return lambda prompt: trained_judge(prompt, found, prompts)


def main(arguments: list[str]) -> None:
    """Draw, judge, print, and write JSON if a file is named."""
    given = dict(word.split("=", 1) for word in arguments)
    own = DEFAULTS | {key: given.pop(key) for key in DEFAULTS if key in given}
    settings = [f"{key}={value}" for key, value in given.items()]
    print(" ".join(["$ python", *sys.argv]))
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print(f"{'prompt':28}{'classic':>18}{'vqclip to it':>14}{'ratio':>8}{'vqclip at end':>20}")
    prompts = [wish.prompt for wish in quality_prompts.wishes()]
    count = int(own["prompts"])
    curves: list[tuple[Curve, Curve]] = []
    rows = []
    with keep_models():
        judge_of = load_judge(own, prompts)
        drawn(prompts[0], own, [*settings, "steps=2"], judge_of(prompts[0]))
        for index in range(count):
            prompt = prompts[index * len(prompts) // count]
            usual = classic_score(prompt, own, judge_of(prompt))
            curve = drawn(prompt, own, settings, judge_of(prompt))
            ((seconds, score),) = usual.points
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
            rows.append({"prompt": prompt, "classic": usual.points[0], "vqclip": curve.points})
    whole = summarise(curves)
    print("\n" + "\n".join(f"{key}: {value}" for key, value in whole.items()))
    if own["out"]:
        found = {"settings": {**own, "given": settings}, "prompts": rows, "all": whole}
        Path(own["out"]).write_text(json.dumps(found, indent=1), encoding="utf-8")


def summarise(curves: Sequence[tuple[Curve, Curve]]) -> dict[str, Any]:
    """Figures over all prompts; the mean scores' curve counts, not the luckiest prompt's.

    Args:
        curves: of each prompt, that of classic, which has one point, and that of vqclip.
    """
    seconds = statistics.mean(usual.points[-1][0] for usual, _ in curves)
    score = statistics.mean(usual.points[-1][1] for usual, _ in curves)
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
    found["vqclip, seconds at the end"] = round(
        statistics.mean(curve.points[-1][0] for _, curve in curves), 1
    )
    ends = [(usual.verdicts[-1][1], curve.verdicts[-1][1]) for usual, curve in curves]
    if all(usual.right is not None for usual, _ in ends):
        for name, side in (("classic", 0), ("vqclip", 1)):
            count = sum(bool(pair[side].right) for pair in ends)
            found[f"{name}, right at the end"] = f"{count} of {len(ends)}"
    found["prompts that reach it"] = sum(
        curve.seconds_to(usual.points[-1][1]) is not None for usual, curve in curves
    )
    return found


def classic_score(prompt: str, own: dict[str, str], judge: Ask) -> Curve:
    """The seconds of the usual loop, and the score of its picture: a curve of one point."""
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
    return Curve([(time.perf_counter() - began, judge(picture))])


def config(prompt: str, own: dict[str, str], settings: list[str]) -> RunConfig:
    """The settings of a run of a prompt."""
    given = [f"size={own['size']}", *settings]
    return vqclip.load(prompt, seed=int(own["seed"]), overrides=given)


def drawn(prompt: str, own: dict[str, str], settings: list[str], judge: Ask) -> Curve:
    """The curve of a run, its clock stopped while the picture is judged."""
    asked = config(prompt, own, settings)
    points = []
    began = time.perf_counter()
    ready = session.build_runner(make_request(asked))
    spent = time.perf_counter() - began
    plays = ready.play()
    while True:
        began = time.perf_counter()
        step = next(plays, None)
        spent += time.perf_counter() - began
        if step is None or (step.index + 1) % int(own["every"]) == 0:
            points.append((spent, judge(ready.final_picture())))
        if step is None:
            return Curve(points)


if __name__ == "__main__":
    main(sys.argv[1:])
