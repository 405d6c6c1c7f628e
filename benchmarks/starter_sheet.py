"""Draw the README's sheets: ten things, ten sentences, and five things by each drawer.

    python benchmarks/starter_sheet.py things|sentences|drawers [key=value …]

Writes starter_sheet.png, sentence_sheet.webp or drawer_sheet.webp into docs/pages/images, and
says how long each picture took. Each picture is kept in outputs/sheets, and not drawn again.
The first seed is kept, whatever it brings: the sheets show what the starter models do, not what
they can on a lucky seed.
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
DRAWN = ("a sailing boat", "a red fox", "a snowman", "a strawberry", "a castle")
DRAWERS = (
    "drawer=vqgan",
    "drawer=pyramid",
    "--preset pixel-art",
    "--preset hexagons",
    "--preset limited-palette",
    "--preset dreamscape",
    "drawer=wavelets",
    "--preset brush",
    "--preset ink-sketch",
)
SHEETS = {
    "things": ("starter_sheet.png", [(prompt, "") for prompt in THINGS]),
    "sentences": ("sentence_sheet.webp", [(prompt, "") for prompt in SENTENCES]),
    "drawers": ("drawer_sheet.webp", [(prompt, way) for way in DRAWERS for prompt in DRAWN]),
}
KEPT = Path("outputs") / "sheets"
SEED = 1
SIDE, MARGIN, LINE, ACROSS = 256, 12, 22, 5


def draw_picture(prompt: str, way: str, overrides: Sequence[str]) -> Image.Image:
    """Draw a prompt by a preset or a drawer, as one would on the command line."""
    words = [way] if "=" in way else []
    preset = way.split()[1:]
    config = vqclip.load(prompt, preset, seed=SEED, overrides=[*words, *overrides])
    run = session.build_runner(make_request(config))
    for _ in run.play():
        pass
    return Image.fromarray(images.to_bytes(run.final_picture()))


def main(wanted: Sequence[tuple[str, str]], overrides: Sequence[str], path: Path) -> None:
    """Draw all pictures and lay them out."""
    rows = -(-len(wanted) // ACROSS)
    size = (ACROSS * (SIDE + MARGIN) + MARGIN, rows * (SIDE + LINE + MARGIN) + MARGIN)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    KEPT.mkdir(parents=True, exist_ok=True)
    for index, (prompt, way) in enumerate(wanted):
        began = time.monotonic()
        kept = KEPT / f"{path.stem}-{index + 1:02d}-{prompt.replace(' ', '-')}.png"
        if not kept.exists():
            draw_picture(prompt, way, overrides).save(kept)
        picture = Image.open(kept).resize((SIDE, SIDE))
        left = MARGIN + index % ACROSS * (SIDE + MARGIN)
        top = MARGIN + index // ACROSS * (SIDE + LINE + MARGIN)
        sheet.paste(picture, (left, top))
        pen.text((left, top + SIDE + 5), f'"{prompt}" {way or "--seed 1"}', fill="black")
        print(f"{prompt} {way}: {time.monotonic() - began:.0f} s", flush=True)
    sheet.save(path, optimize=True, quality=88)
    print(path)


if __name__ == "__main__":
    images_of_the_docs = Path(__file__).parents[1] / "docs" / "pages" / "images"
    if sys.argv[1:2] not in [[each] for each in SHEETS]:
        sys.exit(f"name the sheet: {' or '.join(SHEETS)}")
    name, pictures = SHEETS[sys.argv[1]]
    main(pictures, sys.argv[2:], images_of_the_docs / name)
