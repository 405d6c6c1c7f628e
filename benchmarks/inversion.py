"""Recall of words that were learnt from five pictures: others of the same thing are found.

    python benchmarks/inversion.py data=DIR [concepts=20] [drawn=0] [key=value …]

DIR holds the training archives (`python -m vqclip.training.data.gather`). Of the concepts that
the starter models never saw (`Row.held_out`), twenty are taken: the first in order of the
alphabet that at least five hands drew, and eight times or more. Of each, five pictures teach a
word, as `vqclip invert` does with its defaults; the settings of that can be given. The others,
three or more, are hidden among 500 pictures of held-out concepts, and the word `<token>` looks
for them with the starter CLIP. Printed: how often the first picture it finds is one of them
(recall@1), the median place of the first of them, and beside it the same for chance, for the
concept's own name, and for the mean of the five pictures' embeddings, which no word stands for.

Of the first `drawn` concepts, `a drawing of <token>` is drawn, first seed, at 128x128, and laid
beside the five pictures, in docs/pages/images/inversion.png.

A picture that shows the concept under another name counts as wrong: "monkey" among the others of
"speak no evil monkey".
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor

from vqclip import session
from vqclip.cli.commands import invert
from vqclip.config import loading
from vqclip.config.checking import seeds
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.language import assets
from vqclip.media import images
from vqclip.media.contact_sheet import Cell, draw_sheet
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.run.preflight import make_request
from vqclip.training import settings as training_settings
from vqclip.training import textual_inversion
from vqclip.training.data import archives

CONCEPTS, LEARNT, HANDS, GALLERY = 20, 5, 5, 500
SIDE = 128


def main(arguments: list[str]) -> None:
    """Measure, and print a line a concept."""
    own = {"data": "", "concepts": str(CONCEPTS), "drawn": "0"}
    for each in arguments:
        key, _, value = each.partition("=")
        own |= {key: value} if key in own else {}
    if not own["data"]:
        raise SystemExit("give the folder of the archives: data=DIR")
    rest = [each for each in arguments if each.partition("=")[0] not in own]
    settings = invert.inversion_settings(["token=word", *rest])
    classes = ("permissive", "public-domain")
    _, held = archives.read_pictures(
        Path(own["data"]), "illustrations", side=SIDE, classes=classes
    ).split()
    pixels = held.pixels.float() / 255
    pictures = pixels[:, :3] * pixels[:, 3:] + 1 - pixels[:, 3:]  # on white
    perceptor = load_perceptor("starter")
    with torch.no_grad():
        seen = torch.cat([perceptor.embed_image(each) for each in pictures.split(64)])
    concepts = [row.concept for row in held.rows]
    places: dict[str, list[int]] = {"word": [], "name": [], "mean": []}
    chances, rows = [], []
    for concept in chosen(held)[: int(own["concepts"])]:
        began = time.monotonic()
        order = random.Random(concept)
        alike = [i for i, each in enumerate(concepts) if each == concept]
        order.shuffle(alike)
        taught, hidden = alike[:LEARNT], alike[LEARNT:]
        others = [i for i, each in enumerate(concepts) if each != concept]
        order.shuffle(others)
        gallery = seen[hidden + others[: GALLERY - len(hidden)]]
        vectors = learn(perceptor, [pictures[i : i + 1] for i in taught], settings)
        if len(rows) < int(own["drawn"]):
            drawn = draw(WordEmbedding("word", {perceptor.width: vectors}))
            shown = [*(pictures[i : i + 1] for i in taught), drawn]
            cells = [Cell(Pillow.fromarray(images.to_bytes(each))) for each in shown]
            rows.append((concept, cells))
        queries = {
            "word": perceptor.with_words({"word": vectors}).embed_text(["<word>"])[0],
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
    if rows:
        images_of_the_docs = Path(__file__).parents[1] / "docs" / "pages" / "images"
        path = images_of_the_docs / "inversion.png"
        draw_sheet(path, [*["learnt from"] * LEARNT, "a drawing of <word>"], rows, blocks=2)
        print(path)


def chosen(held: archives.Pictures) -> list[str]:
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
    perceptor: OpenClipPerceptor,
    pictures: list[Tensor],
    settings: training_settings.InversionConfig,
) -> Tensor:
    """The vectors of a word, learnt from pictures."""
    lesson = textual_inversion.prepare_lesson(
        perceptor, pictures, settings, seeds.purpose_seed(settings.seed, "views of starter")
    )
    generator = torch.Generator().manual_seed(
        seeds.purpose_seed(settings.seed, "steps of starter")
    )
    *_, last = textual_inversion.learn_word(perceptor, lesson, settings, generator)
    vectors: Tensor = last.vectors
    return vectors


def draw(word: WordEmbedding) -> Tensor:
    """What a run draws of a word: [1, 3, 128, 128] in [0, 1]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / assets.WORD_FOLDER / f"{word.name}.safetensors"
        path.parent.mkdir()
        path.write_bytes(word_embedding.pack_word(word))
        text = f"a drawing of <{word.name}>"
        run = session.build_runner(
            make_request(loading.load_config(text, size="128x128", seed=1, assets=folder))
        )
        for _ in run.play():
            pass
        return run.final_picture()


def first(scores: Tensor, hidden: int) -> int:
    """The place, from 1, of the first of the hidden pictures, which come first in `scores`."""
    order = scores.argsort(descending=True).tolist()
    return min(order.index(i) for i in range(hidden)) + 1


if __name__ == "__main__":
    main(sys.argv[1:])
