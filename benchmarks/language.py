"""Does the prompt language do what it says? On the starter models, with fixed seeds.

    python benchmarks/language.py [out=outputs/language] [count=40] [size=128x128] [key=value …]

Prompts are a thing in a colour. Each is drawn plainly first, and counts if the run's own CLIP
then ranks it first among all of them; `count` of those are drawn three times more, with the same
seed:

    attention   the colour's attention raised to 1.5: is the picture's score for the colour,
                by the run's own CLIP, above that of the plain run?
    negative    the colour as a negative prompt of -0.5: is that score below the plain run's?
    region      the thing wished for in a quarter of the picture: does the second CLIP, which no
                run climbs, find it surer in that quarter than in each of the three others?

Pictures are files in `out`; what is there is not drawn again. At the end stand report.json and a
sheet, and the shares with the bars of 90, 95 and 80 %.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image as Pillow
from torch import Tensor

from vqclip import session
from vqclip.config import loading
from vqclip.errors import ConfigError, VqclipError
from vqclip.guidance import distractors, perceptor
from vqclip.media import images
from vqclip.media.contact_sheet import Cell, draw_sheet
from vqclip.run.preflight import make_request

THINGS = [
    "apple",
    "heart",
    "star",
    "balloon",
    "fish",
    "house",
    "mushroom",
    "car",
    "flower",
    "bird",
    "hat",
    "cup",
    "key",
    "leaf",
    "boat",
]
COLOURS = ["red", "blue", "green", "yellow", "purple", "pink", "orange"]
QUARTERS = ("top left", "top right", "bottom left", "bottom right")
ATTENTION, NEGATIVE = 1.5, -0.5
BARS = {"attention": 0.9, "negative": 0.95, "region": 0.8}


@dataclass(frozen=True)
class Case:
    """A thing in a colour, and the quarter in which it is to stand."""

    number: int
    colour: str
    thing: str

    @property
    def text(self) -> str:
        """The prompt."""
        return f"{'an' if self.colour == 'orange' else 'a'} {self.colour} {self.thing}"

    @property
    def quarter(self) -> str:
        """Each in turn."""
        return QUARTERS[self.number % 4]

    def ways(self) -> dict[str, str]:
        """The prompts that are drawn, by their way."""
        return {
            "plain": self.text,
            "attention": self.text.replace(self.colour, f"({self.colour}:{ATTENTION})"),
            "negative": f"{self.text} | {self.colour}:{NEGATIVE}",
            "region": f"{self.text} in({self.quarter})",
        }


def cases() -> list[Case]:
    """All pairs, so mixed that the first ones hold every thing and every colour."""
    count = len(THINGS) * len(COLOURS)
    return [Case(n, COLOURS[n % len(COLOURS)], THINGS[n % len(THINGS)]) for n in range(count)]


def main(arguments: list[str], say: Callable[[str], None] = print) -> dict[str, float]:
    """Draw what is missing, score, report; give the shares."""
    odd = [word for word in arguments if "=" not in word]
    if odd:
        raise ConfigError(f"{odd[0]!r} is not key=value; write for example count=8")
    given = {"size": "128x128"} | dict(word.split("=", 1) for word in arguments)
    out, count = Path(given.pop("out", "outputs/language")), int(given.pop("count", "40"))
    settings = [f"{key}={value}" for key, value in given.items()]
    own, second = (perceptor.load_perceptor(name) for name in ("starter", "starter-second"))
    candidates = cases()
    texts = own.embed_text([case.text for case in candidates])

    def drawn(case: Case, way: str) -> Tensor:
        path = out / f"{case.number:02d}-{way}.png"
        if not path.is_file():
            config = loading.load_config(
                case.ways()[way], overrides=[*settings, f"seed={1000 + case.number}"]
            )
            run = session.build_runner(make_request(config))
            for _ in run.play():
                pass
            path.parent.mkdir(parents=True, exist_ok=True)
            images.save_png(path, run.final_picture())
            say(f"{way}: {case.ways()[way]}")
        return images.read_picture(path)

    chosen: list[Case] = []
    for case in candidates:
        seen = own.embed_image(drawn(case, "plain"))[0]
        if int((seen @ texts.T).argmax()) == case.number:
            chosen.append(case)
        if len(chosen) == count:
            break
    tried = case.number + 1
    say(f"{len(chosen)} of {tried} plain runs are ranked first by the run's own CLIP")

    found: dict[str, list[bool]] = {way: [] for way in BARS}
    rows = []
    for case in chosen:
        word = own.embed_text([case.colour])[0]
        plain, more, less, part = (drawn(case, way) for way in case.ways())
        base = own.embed_image(plain)[0] @ word
        found["attention"].append(bool(own.embed_image(more)[0] @ word > base))
        found["negative"].append(bool(own.embed_image(less)[0] @ word < base))
        sure = torch.stack([_sure(second, _quarter(part, each), case.text) for each in QUARTERS])
        found["region"].append(int(sure.argmax()) == QUARTERS.index(case.quarter))
        names = ("", "attention", "negative", "region")
        marks = ("", *("" if found[way][-1] else "not" for way in BARS))
        paths = [out / f"{case.number:02d}-{way}.png" for way in case.ways()]
        cells = [
            Cell(Pillow.open(path), f"{mark} {name}".strip())
            for path, name, mark in zip(paths, names, marks, strict=True)
        ]
        rows.append((f"{case.text}, {case.quarter}", cells))
    shares = {way: sum(each) / len(each) for way, each in found.items()}
    draw_sheet(out / "sheet.png", ["plain", *BARS], rows, blocks=max(1, len(rows) // 10))
    report = {"prompts": [c.text for c in chosen], "tried": tried, "shares": shares}
    (out / "report.json").write_text(json.dumps(report, indent=1))
    for way, share in shares.items():
        met = "met" if share >= BARS[way] else "missed"
        say(f"{way:10} {share:.1%} of {len(chosen)} (bar {BARS[way]:.0%}: {met})")
    return shares


def _quarter(picture: Tensor, name: str) -> Tensor:
    """A quarter of a picture."""
    down, across = name.split()
    high, wide = picture.shape[-2] // 2, picture.shape[-1] // 2
    rows = slice(0, high) if down == "top" else slice(high, None)
    columns = slice(0, wide) if across == "left" else slice(wide, None)
    return picture[..., rows, columns]


@torch.no_grad()
def _sure(second: perceptor.OpenClipPerceptor, picture: Tensor, text: str) -> Tensor:
    """How surely a picture shows a text, and none of the foils."""
    seen, wanted = second.embed_image(picture), second.embed_text([text])
    return distractors.log_certainty(
        seen, wanted, second.embed_text(distractors.distractors_for(text))
    )[0]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqclipError as error:
        raise SystemExit(f"error: {error}") from error
