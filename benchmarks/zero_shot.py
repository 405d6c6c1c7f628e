"""Zero-shot accuracy of the starters on pictures of a style that they never learnt from.

    python benchmarks/zero_shot.py data=DIR [source=openmoji] [perceptors=starter,starter-second]
        [names=500] [classes=25] [draws=5] [seed=1]

OpenMoji's drawings are under a share-alike licence, so that no starter was trained on one; most
of their names the starters know, from other hands. Each name counts once, with the first drawing
that bears it, on white. The figures are means of draws of `names` names:

    classify    the picture's own name comes first (and among the first five) of all drawn names,
                and first of `classes` of them, as `vqclip classify` tells them; in brackets with
                --templates "{}"
    search      the picture that bears a name is the first, and among the first five, that
                `vqclip search` finds for it, among the drawn pictures and among all of the style

Chance is one in as many as there are. Averaging opinions is what classify does with several
perceptors. A few minutes on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import measures
import quality_prompts
import torch
from judge_views import LEARNT_BY_STARTERS, on_white
from PIL import Image as Pillow
from torch import Tensor

from vqclip.errors import ConfigError, VqclipError
from vqclip.guidance import perceptor, zero_shot
from vqclip.training.data import archives

USUAL = {
    **{"source": "openmoji", "perceptors": "starter,starter-second", "names": "500"},
    **{"classes": "25", "draws": "5", "seed": "1"},
}


def pictures(folder: Path, source: str) -> tuple[list[str], list[Pillow.Image]]:
    """The style's names, and a picture of each on white.

    Raises:
        ConfigError: if there is no such style, or the starters learnt from it.
    """
    classes = {
        row["licence_class"]
        for row in quality_prompts.records(folder, ("illustrations",))
        if source in row["source"]
    }
    if not classes:
        raise ConfigError(f"source={source}: no picture in {folder} is from there")
    if classes & set(LEARNT_BY_STARTERS):
        raise ConfigError(f"source={source}: the starters learnt from it; choose another")
    found = archives.read_pictures(folder, "illustrations", side=128, classes=classes)
    first: dict[str, int] = {}
    for index, row in enumerate(found.rows):
        if source in row.source and row.concept:
            first.setdefault(row.concept, index)
    white = on_white(found.pixels[list(first.values())]).mul(255).round().byte()
    return list(first), [Pillow.fromarray(p.permute(1, 2, 0).numpy()) for p in white]


def see(drawn: Sequence[Pillow.Image], eye: perceptor.OpenClipPerceptor) -> Tensor:
    """Embed all pictures: [N, D]."""
    squares = [zero_shot.preprocess(picture, eye) for picture in drawn]
    parts = [
        squares[i : i + zero_shot.PICTURES_AT_ONCE]
        for i in range(0, len(squares), zero_shot.PICTURES_AT_ONCE)
    ]
    return torch.cat([eye.embed_image(torch.stack(part)) for part in parts])


def classified(logs: Tensor, classes: int) -> list[float]:
    """First of all, first five of all, and first of `classes`: of [N, N] log-probabilities."""
    count = len(logs)
    found = [measures.precision(logs, torch.arange(count), k) for k in (1, 5)]
    groups = torch.arange(count - count % classes).view(-1, classes)
    few = [
        measures.precision(logs[group][:, group], torch.arange(classes), 1) for group in groups
    ]
    return [*found, sum(few) / len(few)]


def main(arguments: Sequence[str]) -> None:
    """Look at everything once, then draw and count."""
    given = USUAL | dict(word.partition("=")[::2] for word in arguments)
    strange = sorted(given.keys() - {*USUAL, "data"})
    if strange or "data" not in given:
        raise ConfigError(f"write data=DIR and any of {', '.join(USUAL)}; not {strange}")
    names, drawn = pictures(Path(given["data"]), given["source"])
    count, classes = min(int(given["names"]), len(names)), int(given["classes"])
    generator = torch.Generator().manual_seed(int(given["seed"]))
    draws = [
        torch.randperm(len(names), generator=generator)[:count]
        for _ in range(int(given["draws"]))
    ]
    print(f"{given['source']}: {len(names)} names; {len(draws)} draws of {count}, {classes}-way")
    opinions = []
    for name in given["perceptors"].split(","):
        eye = perceptor.load_perceptor(name)
        seen = see(drawn, eye)
        ways = {"usual": zero_shot.TEMPLATES, "none": ("{}",)}
        opinions.append(
            {k: zero_shot.build_classifier(eye, names, v).classify(seen) for k, v in ways.items()}
        )
        words = zero_shot.embed_texts(names, eye)
        found = []
        for some in draws:
            among = torch.arange(count)
            found.append(
                [
                    *(measures.precision(words[some] @ seen[some].T, among, k) for k in (1, 5)),
                    *(measures.precision(words[some] @ seen.T, some, k) for k in (1, 5)),
                ]
            )
        tell(name, [opinions[-1]], draws, classes)
        one, five, one_of_all, five_of_all = torch.tensor(found).mean(0).tolist()
        print(
            f"  search: first {one:.3f}, first five {five:.3f} among {count}; "
            f"{one_of_all:.3f} and {five_of_all:.3f} among {len(names)}",
            flush=True,
        )
    if len(opinions) > 1:
        tell("together", opinions, draws, classes)


def tell(
    name: str, opinions: Sequence[dict[str, Tensor]], draws: Sequence[Tensor], classes: int
) -> None:
    """Print what perceptors make of each draw's labels, with templates and without."""
    means = {}
    for way in ("usual", "none"):
        found = []
        for some in draws:
            each = [opinion[way][some][:, some].log_softmax(1) for opinion in opinions]
            found.append(classified(zero_shot.combine_predictions(each).log(), classes))
        means[way] = torch.tensor(found).mean(0).tolist()
    words = (
        f"{what} {usual:.3f} ({none:.3f})"
        for what, usual, none in zip(
            ("first", "first five", f"first of {classes}"), *means.values(), strict=True
        )
    )
    print(f"{name}\n  classify: {', '.join(words)}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VqclipError as error:
        raise SystemExit(f"error: {error}") from error
