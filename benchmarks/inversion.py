"""How well does a word that was learnt from five pictures find others of the same thing?

    python benchmarks/inversion.py data=DIR [key=value …]

DIR holds the training archives (`python -m vqclip.training.gather`). Of the concepts that the
starter models never saw (`Row.held_out`), twenty are taken: the first in order of the alphabet
that at least five hands drew, and eight times or more. Of each, five pictures teach a word, as
`vqclip invert` does with its defaults; the settings of that can be given. The others, three or
more, are hidden among 500 pictures of held-out concepts, and the word `<token>` looks for them
with the starter CLIP. Printed: how often the first picture it finds is one of them (recall@1),
the median place of the first of them, and beside it the same for chance, for the concept's own
name, and for the mean of the five pictures' embeddings, which no word stands for.

A picture that shows the concept under another name counts as wrong: "monkey" among the others of
"speak no evil monkey".
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip import primer, session
from vqclip.models import zoo
from vqclip.perceptors import OpenClipPerceptor, load
from vqclip.tools import inversion
from vqclip.training import data

CONCEPTS, LEARNT, HANDS, GALLERY = 20, 5, 5, 500
SIDE = 128


def main(arguments: list[str]) -> None:
    """Measure, and print a line a concept."""
    folders = [each.partition("=")[2] for each in arguments if each.startswith("data=")]
    if not folders:
        raise SystemExit("give the folder of the archives: data=DIR")
    rest = [each for each in arguments if not each.startswith("data=")]
    settings = primer.settings(["token=word", *rest])
    classes = ("permissive", "public-domain")
    _, held = data.read(Path(folders[0]), "illustrations", side=SIDE, classes=classes).split()
    pixels = held.pixels.float() / 255
    pictures = pixels[:, :3] * pixels[:, 3:] + 1 - pixels[:, 3:]  # on white
    perceptor = load(str(zoo.starter_clips()["starter"]))
    with torch.no_grad():
        seen = torch.cat([perceptor.embed_image(each) for each in pictures.split(64)])
    concepts = [row.concept for row in held.rows]
    places: dict[str, list[int]] = {"word": [], "name": [], "mean": []}
    chances = []
    for concept in chosen(held):
        began = time.monotonic()
        order = random.Random(concept)
        own = [i for i, each in enumerate(concepts) if each == concept]
        order.shuffle(own)
        taught, hidden = own[:LEARNT], own[LEARNT:]
        others = [i for i, each in enumerate(concepts) if each != concept]
        order.shuffle(others)
        gallery = seen[hidden + others[: GALLERY - len(hidden)]]
        word = learn(perceptor, [pictures[i : i + 1] for i in taught], settings)
        queries = {
            "word": word,
            "name": perceptor.embed_text([concept])[0],
            "mean": F.normalize(seen[taught].mean(0), dim=0),
        }
        for kind, query in queries.items():
            places[kind].append(first(gallery @ query, len(hidden)))
        chances.append(len(hidden) / len(gallery))
        found = ", ".join(f"{kind} {each[-1]}" for kind, each in places.items())
        seconds = time.monotonic() - began
        print(f"{concept}: {len(hidden)} hidden; first at {found}; {seconds:.0f} s", flush=True)
    print(f"\nrecall@1 over {len(chances)} concepts, and the median place:")
    for kind, each in places.items():
        share = sum(place == 1 for place in each) / len(each)
        print(f"  {kind:6} {share:.2f}  {statistics.median(each):g}")
    print(f"  chance {statistics.mean(chances):.3f}")


def chosen(held: data.Pictures) -> list[str]:
    """The concepts: of enough pictures by enough hands, in order of the alphabet."""
    hands: dict[str, list[str]] = {}
    for row in held.rows:
        hands.setdefault(row.concept, []).append(row.source)
    enough = [
        concept
        for concept, sources in sorted(hands.items())
        if len(sources) >= LEARNT + 3 and len(set(sources)) >= HANDS
    ]
    return enough[:CONCEPTS]


def learn(
    perceptor: OpenClipPerceptor, pictures: list[Tensor], settings: primer.InversionConfig
) -> Tensor:
    """The direction of `<word>`, learnt from pictures."""
    lesson = inversion.prepare(
        perceptor, pictures, settings, session.purpose_seed(settings.seed, "views of starter")
    )
    generator = torch.Generator().manual_seed(
        session.purpose_seed(settings.seed, "steps of starter")
    )
    *_, last = inversion.learn(perceptor, lesson, settings, generator)
    taught = perceptor.with_words({"word": last.vectors})
    return taught.embed_text(["<word>"])[0]


def first(scores: Tensor, hidden: int) -> int:
    """The place, from 1, of the first of the hidden pictures, which come first in `scores`."""
    order = scores.argsort(descending=True).tolist()
    return min(order.index(i) for i in range(hidden)) + 1


if __name__ == "__main__":
    main(sys.argv[1:])
