"""Draw the README's sheet: ten prompts, first seed each, with the default settings.

    python benchmarks/starter_sheet.py [key=value …]

Writes docs/pages/images/starter_sheet.png, and says how long each picture took. Pictures that are
no good stay in: the sheet shows what the starter models do, not what they can on a lucky seed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw

import vqclip
from vqclip import session
from vqclip.media import images
from vqclip.run.preflight import make_request

PROMPTS = (
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
SEED = 1
SIDE, MARGIN, LINE, ACROSS = 256, 12, 22, 5


def main(overrides: list[str], path: Path) -> None:
    """Draw all prompts and lay them out."""
    rows = -(-len(PROMPTS) // ACROSS)
    size = (ACROSS * (SIDE + MARGIN) + MARGIN, rows * (SIDE + LINE + MARGIN) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(PROMPTS):
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
    sheet.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    images_of_the_docs = Path(__file__).parents[1] / "docs" / "pages" / "images"
    main(sys.argv[1:], images_of_the_docs / "starter_sheet.png")
