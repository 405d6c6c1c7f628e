"""Quality of pictures, drawn in several ways from the same seeds, and told by a judge.

    python benchmarks/quality.py data=DIR [out=outputs/quality] [prompts=25] [seed=1] \\
        [variants=real,noise,dream,default,random] [size=128x128] [steps=… or other settings]

Prompts are in quality_prompts.yaml; `prompts=25` draws every fourth of its hundred, and every
picture is told from all hundred. The variants:

    real      drawings that the judge never saw, on soft grounds: what it can know (c1 and c5)
    noise     random codes, decoded
    dream     the best draft, not optimised
    default   the default preset
    random    the same with init=random

and your own, as `calm:losses.smoothness=20;cutouts.count=24`. Other settings hold for all runs.
A prompt has the same seed in all variants, 1000 times `seed` and its number.

Each picture is a file, VARIANT/NN-slug.png in `out`; what is there is not drawn again. At the end
`out` holds report.md, report.json, sheet.png, and nearest.png: each picture of `default` (or of
the first variant that is drawn) beside the nearest picture that the starters learnt from, and
whether it is a copy. The judge is trained once, into `judge=OUT/judge` (a quarter of an hour on
one core); `bf16=true` is three times faster on a processor that has it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import judge as judges
import judge_views
import measures
import quality_prompts
import torch
from PIL import Image as Pillow
from quality_draw import Say, Task, chosen, draw, drawing, files, task
from quality_prompts import Wish
from torch import Tensor

from vqclip.errors import VqclipError
from vqclip.media import contact_sheet, images

LOOK_AT_ONCE = 32


def judged(
    work: Task, wished: Sequence[Wish], name: str, judge: judges.Judge
) -> tuple[dict[str, Any], Tensor]:
    """A variant's figures, and the features of its pictures."""
    numbers, paths = [], []
    for number in chosen(wished, work.prompts):
        there = files(work.out, name, number, wished[number])
        numbers += [number] * len(there)
        paths += there
    seen = torch.cat(
        [
            judge.see(
                torch.cat(
                    [images.read_picture(path) for path in paths[first : first + LOOK_AT_ONCE]]
                )
            )
            for first in range(0, len(paths), LOOK_AT_ONCE)
        ]
    )
    scores = judge.answer(seen) @ judge.read([wish.prompt for wish in wished]).float().T
    notes = [json.loads(p.with_suffix(".json").read_text(encoding="utf-8")) for p in paths]
    extra = {
        key: [note[key] for note in notes if note[key] is not None] for key in ("own", "seconds")
    }
    kinds = [wish.kind for wish in wished]
    found = measures.summary(scores, torch.tensor(numbers), kinds, extra)
    best = scores.argmax(1).tolist()
    found["told"] = [
        {"prompt": wished[n].prompt, "taken for": wished[b].prompt}
        for n, b in zip(numbers, best, strict=True)
    ]
    return found, seen


def training(work: Task, known: judges.Known) -> tuple[measures.Gallery, list[str], list[str]]:
    """What the starters learnt from: the gallery, its files, and the names of what they show."""
    learnt = {
        row["file"]
        for row in quality_prompts.records(work.data, ("illustrations",))
        if row["licence_class"] in judge_views.LEARNT_BY_STARTERS
    }
    some = [i for i, row in enumerate(known.rows) if row.file in learnt and not row.held_out]
    names = [known.rows[i].concept for i in some]
    return measures.gallery(known.plain[some], names), [known.rows[i].file for i in some], names


def on_white(stored: Pillow.Image) -> Pillow.Image:
    """An RGBA picture on white paper."""
    return Pillow.alpha_composite(Pillow.new("RGBA", stored.size, "white"), stored)


def nearest(
    work: Task, wished: Sequence[Wish], name: str, seen: Tensor, known: judges.Known
) -> dict[str, Any]:
    """Lay a variant's pictures beside the nearest of training's; say which are copies."""
    gallery, file_names, concepts = training(work, known)
    index, cosine = gallery.nearest(seen)
    rows, copies = [], []
    numbers = chosen(wished, work.prompts)
    for number, place, near in zip(numbers, index.tolist(), cosine.tolist(), strict=True):
        wish = wished[number]
        path = files(work.out, name, number, wish)[0]
        is_copy = gallery.is_copy(near)
        copies += [wish.prompt] if is_copy else []
        cells = [
            contact_sheet.Cell(Pillow.open(path), "a copy" if is_copy else ""),
            contact_sheet.Cell(
                on_white(drawing(work.data, file_names[place])), f"{near:.2f} {concepts[place]}"
            ),
        ]
        rows.append((wish.prompt, cells))
    contact_sheet.draw_sheet(
        work.out / "nearest.png", [name, "nearest"], rows, blocks=max(1, len(rows) // 8)
    )
    return {
        "variant": name,
        "border": gallery.border,
        "copies": copies,
        "cosines": cosine.tolist(),
    }


def measure(
    work: Task,
    wished: Sequence[Wish],
    judge: judges.Judge,
    known: judges.Known,
    names: Sequence[str],
) -> dict[str, Any]:
    """Write report.json, report.md and both sheets of the variants that are drawn."""
    report: dict[str, Any] = {"prompts": len(chosen(wished, work.prompts)), "seed": work.seed}
    report |= {"among": len(wished), "settings": list(work.settings), "variants": {}}
    seen = {}
    for name in names:
        report["variants"][name], seen[name] = judged(work, wished, name, judge)
    report["bars"] = measures.bars(report["variants"])
    drawn = [name for name in names if name != "real"]
    if drawn:
        shown = "default" if "default" in drawn else drawn[0]
        report["nearest"] = nearest(work, wished, shown, seen[shown], known)
    rows = []
    for number in chosen(wished, work.prompts):
        paths = [files(work.out, name, number, wished[number])[0] for name in names]
        told = [_taken(report["variants"][name], wished[number]) for name in names]
        cells = [contact_sheet.Cell(Pillow.open(p), t) for p, t in zip(paths, told, strict=True)]
        rows.append((wished[number].prompt, cells))
    contact_sheet.draw_sheet(work.out / "sheet.png", names, rows, blocks=max(1, len(rows) // 12))
    (work.out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    (work.out / "report.md").write_text(in_words(report), encoding="utf-8")
    return report


def _taken(found: dict[str, Any], wish: Wish) -> str:
    taken = next(t["taken for"] for t in found["told"] if t["prompt"] == wish.prompt)
    return "right" if taken == wish.prompt else f"“{taken}”"


def in_words(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        f"{report['prompts']} prompts, seed {report['seed']}, {' '.join(report['settings'])}.",
        f"Each picture is told from all {report['among']} prompts: R@1 / R@5, and in brackets",
        "the share of what real pictures reach. The seconds of runs hold the loading of models.",
        "",
        measures.table(report),
        "",
    ]
    lines += [f"- {'met' if met else 'missed'}: {bar}" for bar, met in report["bars"].items()]
    if "nearest" in report:
        near = report["nearest"]
        lines.append(
            f"- {len(near['copies'])} of {report['prompts']} pictures of {near['variant']} are "
            f"copies of a training picture (cosine above {near['border']:.2f})"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str], say: Say = print) -> None:
    """Check, draw what is missing, judge, report."""
    work = task(arguments)
    wished = quality_prompts.wishes()
    quality_prompts.refuse_known(
        wished, quality_prompts.captions(quality_prompts.records(work.data))
    )
    work.out.mkdir(parents=True, exist_ok=True)
    judge, known = judges.load(work.data, work.judge, bf16=work.bf16, say=say)
    names = draw(work, wished, known.rows, say)
    measure(work, wished, judge, known, names)
    say((work.out / "report.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqclipError as error:
        raise SystemExit(f"error: {error}") from error
