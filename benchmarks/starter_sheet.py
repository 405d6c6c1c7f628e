"""Draw the README's sheets: ten prompts each, first seed, with the default settings.

    python benchmarks/starter_sheet.py things|sentences [key=value …]

Writes docs/pages/images/starter_sheet.png or sentence_sheet.webp, and says how long each picture
took. Pictures that are no good stay in: the sheets show what the starter models do, not what they
can on a lucky seed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

import vqclip
from vqclip import session
from vqclip.media import images
from vqclip.run.preflight import make_request

THINGS = (
    "red heart",
    "yellow sun",
    "green tree",
    "blue fish",
    "orange pumpkin",
    "snowman",
    "sunflower",
    "strawberry",
    "house",
    "rainbow",
)
SENTENCES = (
    "a red apple on a blue plate",
    "a full moon over a castle",
    "a snowman under a palm tree",
    "a tree next to a house",
    "a dog wearing a top hat",
    "two fish in a bowl",
    "a boat on the sea at sunset",
    "three red balloons",
    "a fox in a forest",
    "a rocket in space",
)
SHEETS = {
    "things": ("starter_sheet.png", THINGS),
    "sentences": ("sentence_sheet.webp", SENTENCES),
}
SEED = 1
SIDE, MARGIN, LINE, ACROSS = 256, 12, 22, 5


def main(prompts: Sequence[str], overrides: list[str], path: Path) -> None:
    """Draw all prompts and lay them out."""
    rows = -(-len(prompts) // ACROSS)
    size = (ACROSS * (SIDE + MARGIN) + MARGIN, rows * (SIDE + LINE + MARGIN) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(prompts):
        began = time.monotonic()
        run = session.build_runner(
            make_request(vqclip.load(prompt, seed=SEED, overrides=overrides))
        )
        for _ in run.play():
            pass
        picture = Image.fromarray(images.to_bytes(run.final_picture())).resize((SIDE, SIDE))
        left = MARGIN + index % ACROSS * (SIDE + MARGIN)
        top = MARGIN + index // ACROSS * (SIDE + LINE + MARGIN)
        sheet.paste(picture, (left, top))
        pen.text((left, top + SIDE + 5), f'"{prompt}" --seed {SEED}', fill="black")
        print(f"{prompt}: {time.monotonic() - began:.0f} s", flush=True)
    sheet.save(path, optimize=True, quality=88)
    print(path)


if __name__ == "__main__":
    images_of_the_docs = Path(__file__).parents[1] / "docs" / "pages" / "images"
    if sys.argv[1:2] not in [[each] for each in SHEETS]:
        sys.exit(f"name the sheet: {' or '.join(SHEETS)}")
    name, wanted = SHEETS[sys.argv[1]]
    main(wanted, sys.argv[2:], images_of_the_docs / name)
