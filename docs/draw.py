"""Draw the pictures of the documentation, each by the command that stands with it there.

    python docs/draw.py [NAME …] [out=outputs/docs]

Commands are typed as they stand on the page, with `--seed 1 --size 192x192` after them (films:
`--seed 1 --size 128x128 --frames 24`) unless they say otherwise. Pictures become
docs/pages/images/NAME.webp. What `out` holds already is not drawn again. The first seed is kept,
whatever it brings; prompts are chosen.
"""

from __future__ import annotations

import math
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw

IMAGES = Path(__file__).parent / "pages" / "images"
SHAPES = ("square", "brick", "hexagon", "triangle", "diamond", "knit")
TILES = ("both", "horizontal", "vertical", "brick")
SMALL = {"--seed": "1", "--size": "128x128"}
STILL = {"--seed": "1", "--size": "192x192"}
MOVING = {"--seed": "1", "--size": "128x128", "--frames": "24"}

PICTURES = {
    "house": 'vqclip "a house"',
    "house-rainbow": 'vqclip "a house | a rainbow"',
    "house-more-rainbow": 'vqclip "a house:0.5 | a rainbow"',
    "strawberry-no-red": 'vqclip "a strawberry" --negative "red"',
    "sun-region": 'vqclip "a blue sky | a yellow sun in(top right)"',
    "two-regions": 'vqclip "a green tree in(left) | a red house in(right)"',
    "strawberry": 'vqclip "a strawberry"',
    "strawberry-random": 'vqclip "a strawberry" --init random',
    "house-pixel-poster": 'vqclip "a house" --preset pixel-poster',
    "house-stained-glass": 'vqclip "a house" --preset stained-glass',
    "house-woodcut": 'vqclip "a house" --preset woodcut',
    "house-ink": 'vqclip "a house" --preset ink',
    "house-watercolor": 'vqclip "a house" --preset watercolor',
    "house-neon": 'vqclip "a house" --preset neon',
    "heart-red": 'vqclip "a red heart"',
    "heart-yellow": 'vqclip "a yellow heart"',
    "heart-blue": 'vqclip "a blue heart"',
    "flower": 'vqclip "a red and blue flower"',
    "flower-attention": 'vqclip "a red and (blue:1.8) flower"',
    "sunflower-sketch": 'vqclip "a sunflower" --init sketch.png',
    "rainbow-widescreen": 'vqclip "a rainbow" --preset widescreen',
    "house-symmetry": 'vqclip "a house" losses.symmetry=2',
    "house-palette": 'vqclip "a house" losses.palette=2 "losses.colours=navy, gold, white"',
    "house-strawberry": 'vqclip "a house | @strawberry.png:0.5"',
    "house-like-strawberry": 'vqclip "a house | like(strawberry.png)"',
    "bee": 'vqclip "bee"',
    "bee-label": 'vqclip "label(bee)"',
    "heart-draft": 'vqclip "a red heart" --preset draft --seed 7 --size 128x128',
}
# Rows of pictures of one prompt, each with other settings.
ROWS = {
    "draw-grid": (
        "a red fox",
        ["drawer=pixels", "drawer=pixels draw.grid=16x16", "drawer=pixels draw.coarse=3"],
    ),
    "draw-shape": (
        "a red fox",
        [f"drawer=mosaic draw.coarse=2 draw.shape={shape}" for shape in SHAPES],
    ),
    "draw-shades": (
        "a strawberry",
        [
            "drawer=palette draw.shades=2 draw.palettes=2",
            "drawer=palette draw.shades=8 draw.palettes=1",
            "drawer=palette draw.gamma=0.4",
            "drawer=palette draw.gamma=3",
        ],
    ),
    "draw-colours": (
        "a strawberry",
        [
            "drawer=palette draw.start=random",
            "drawer=palette draw.start=colours draw.colours=navy->gold\\8",
            "drawer=palette draw.start=colours draw.colours=navy->gold\\8 draw.lock=true",
        ],
    ),
    "draw-fourier": (
        "a castle",
        [
            "drawer=fourier",
            "drawer=fourier draw.decay=0.8",
            "drawer=fourier draw.saturation=0.5",
            "drawer=fourier draw.contrast=0.4 init=random",
        ],
    ),
    "draw-wavelets": (
        "a castle",
        [
            "drawer=wavelets",
            "drawer=wavelets draw.wave=haar",
            "drawer=wavelets draw.sharp=0",
            "drawer=wavelets draw.sharp=1",
        ],
    ),
    "draw-strokes": (
        "a red fox",
        [
            "drawer=strokes",
            "drawer=strokes draw.strokes=32",
            "drawer=strokes draw.segments=1",
            "drawer=strokes draw.thinnest=6 draw.thickest=20",
            "drawer=strokes draw.paper=navy init=random",
            "drawer=strokes draw.paper_moves=true init=random",
        ],
    ),
    "draw-lines": (
        "a snowman",
        [
            "drawer=lines",
            "drawer=lines draw.strokes=8",
            "drawer=lines draw.segments=2 draw.strokes=60",
            "drawer=lines draw.thickest=1.5",
            "drawer=lines draw.thinnest=4 draw.thickest=8",
            "drawer=lines draw.paper=white",
        ],
    ),
    "draw-finish": (
        "a red fox",
        [
            "drawer=vqgan",
            "drawer=vqgan,pyramid draw.finish=10%",
            "drawer=vqgan,pyramid draw.finish=90%",
            "drawer=vqgan,pyramid draw.finish_rate=0.2",
            "drawer=vqgan,mosaic draw.shape=hexagon draw.coarse=2",
        ],
    ),
    "draw-alpha": (
        "a strawberry",
        ["drawer=pixels draw.alpha=true", "drawer=strokes draw.alpha=true"],
    ),
    "filters-lookup": (
        "a red fox",
        [
            "filters.lookup=navy->gold\\4",
            "filters.lookup=black->white\\6",
            "filters.lookup=black->white\\6 filters.commit=200",
        ],
    ),
    "overlay": (
        "a green tree",
        [
            "overlay.picture=star.png",
            "overlay.picture=star.png overlay.until=71",
            "overlay.picture=star.png overlay.alpha=0.3",
            "overlay.picture=star.png overlay.every=15 drawer=strokes",
        ],
    ),
    "tile": ("a strawberry", [f"drawer=pyramid tile={each}" for each in TILES]),
}
FILMS = {
    "camera-zoom": 'vqclip animate "a sunflower" camera.zoom=1.03',
    "camera-pan": 'vqclip animate "colourful houses" camera.pan_x=0.02',
    "flight-plane": 'vqclip animate "a field of flowers" camera.depth=plane camera.forward=0.1',
    "stylised": 'vqclip animate "a stained glass window" --preset stylise --source film.mp4',
}
OTHERS = {
    "making": "vqclip film outputs/0001-a-strawberry --format webp",
    "growth": "the previews of strawberry-random, after 25, 100 and 175 steps",
    "dream": 'vqclip dream "a house" --count 16',
    "contact-sheet": "vqclip film film.mp4 --sheet 4",
    "search": 'vqclip search pictures "a heart" --top 5 --sheet hearts.png',
    "sweep": "vqclip sweep looks.yaml",
    "look": 'vqclip "a house" losses.look=1 losses.look_of=strokes.png',
    "walk": "vqclip sweep walk.yaml",
    "vary": "vqclip vary fox/0001-a-red-fox bird/0001-a-blue-bird --count 6",
    "curves": 'vqclip plot "0: 0, 50%: 2 ease" "1 + 0.5 * sin(2 * pi * t)" '
    "--frames 120 --fps 12 --out curves.png",
}

LOOKS = """\
base: {preset: draft, steps: 60, seed: 1}
axes:
  prompts: ["a red fox", "a sunflower", "a house"]
  preset: ["", pixel-poster, stained-glass, ink]
"""

WALK = """\
base: {prompts: a red fox, size: 128x128}
axes:
  seed: [1, "1:2:0.25", "1:2:0.5", "1:2:0.75", 2]
"""


class Desk:
    """A folder in which the commands are typed, with what they have drawn so far."""

    def __init__(self, out: Path) -> None:
        self.out = out.absolute()
        self.out.mkdir(parents=True, exist_ok=True)
        IMAGES.mkdir(parents=True, exist_ok=True)
        if not (self.out / "sketch.png").is_file():
            sketch().save(self.out / "sketch.png")
        save(Image.open(self.out / "sketch.png"), "sketch")
        star().save(self.out / "star.png")

    def type(self, words: list[str]) -> None:
        """Run a command, given without its first word, there."""
        subprocess.run([sys.executable, "-m", "vqclip", *words], check=True, cwd=self.out)

    def run(self, name: str, command: str, usual: dict[str, str]) -> Path:
        """The run folder of a picture or a film, which is drawn now unless it is there."""
        if not list(self.out.glob(f"{name}/0001-*/final.png")):
            words = shlex.split(command)[1:]
            for option, value in usual.items():
                words += [] if option in words else [option, value]
            self.type([*words, "--quiet", "--out", name])
        return next(self.out.glob(f"{name}/0001-*"))

    def picture(self, name: str) -> None:
        """Draw a still."""
        if name in ("house-strawberry", "house-like-strawberry"):
            red = self.run("strawberry", PICTURES["strawberry"], STILL)
            Image.open(red / "final.png").save(self.out / "strawberry.png")
        save(Image.open(self.run(name, PICTURES[name], STILL) / "final.png"), name)

    def row(self, name: str) -> None:
        """Draw a row of stills: those that may be transparent on squares, and tiles together."""
        prompt, ways = ROWS[name]
        pictures = []
        for number, way in enumerate(ways, 1):
            command = shlex.join(["vqclip", prompt, *way.split()])
            run = self.run(f"{name}-{number}", command, SMALL)
            tiles = run / "tiles.png"
            picture = Image.open(tiles if tiles.exists() else run / "final.png")
            pictures.append(on_squares(picture.resize((128, 128))))
        save(row(pictures), name)

    def film(self, name: str) -> None:
        """Draw an animation."""
        if name == "stylised":
            zoom = self.run("camera-zoom", FILMS["camera-zoom"], MOVING)
            (self.out / "film.mp4").write_bytes((zoom / "film.mp4").read_bytes())
        self.moving(self.run(name, FILMS[name], MOVING), name)

    def moving(self, run: Path, name: str, *more: str) -> None:
        """Put the film of a run among the images, as a WebP."""
        target = IMAGES / f"{name}.webp"
        target.unlink(missing_ok=True)
        self.type(["film", str(run), "--out", str(target), "--quality", "60", "--quiet", *more])

    def other(self, name: str) -> None:
        """Make a picture that is no run's own."""
        if name in ("making", "growth"):
            run = self.run("strawberry-random", PICTURES["strawberry-random"], STILL)
            if name == "making":
                self.moving(run, name, "--size", "128x128", "film.every=4")
            else:
                steps = sorted((run / "steps").glob("*.png"))
                save(row([Image.open(steps[i]) for i in (1, 4, -1)]), name)
        elif name == "dream":
            if not list(self.out.glob("dream/*/")):
                words = shlex.split(OTHERS[name])[1:]
                self.type([*words, "--seed", "1", "--quiet", "--out", "dream"])
            drafts = sorted(self.out.glob("dream/*/draft-*.png"))
            half = len(drafts) // 2
            rows = [row([Image.open(d) for d in some]) for some in (drafts[:half], drafts[half:])]
            save(row(rows, down=True), name)
        elif name == "contact-sheet":
            zoom = self.run("camera-zoom", FILMS["camera-zoom"], MOVING)
            (self.out / "film.mp4").write_bytes((zoom / "film.mp4").read_bytes())
            (self.out / "sheet.png").unlink(missing_ok=True)
            self.type([*shlex.split(OTHERS[name])[1:], "--out", "sheet.png", "--quiet"])
            save(Image.open(self.out / "sheet.png"), name)
        elif name == "search":
            (self.out / "pictures").mkdir(exist_ok=True)
            for each in PICTURES:
                for final in self.out.glob(f"{each}/0001-*/final.png"):
                    Image.open(final).save(self.out / "pictures" / f"{each}.png")
            (self.out / "hearts.png").unlink(missing_ok=True)
            self.type([*shlex.split(OTHERS[name])[1:], "--quiet"])
            save(Image.open(self.out / "hearts.png"), name)
        elif name == "sweep":
            (self.out / "looks.yaml").write_text(LOOKS, encoding="utf-8")
            self.type([*shlex.split(OTHERS[name])[1:], "--quiet"])
            save(Image.open(self.out / "outputs" / "looks" / "sheet.png"), name)
        elif name == "look":
            shown = []
            for style, drawn in (("strokes", strokes()), ("hatching", hatching())):
                drawn.save(self.out / f"{style}.png")
                run = self.run(f"look-{style}", OTHERS[name].replace("strokes", style), STILL)
                shown += [drawn.resize((192, 192)), Image.open(run / "final.png")]
            save(row(shown), name, quality=75)  # fine strokes take many bytes
        elif name == "walk":
            (self.out / "walk.yaml").write_text(WALK, encoding="utf-8")
            self.type([*shlex.split(OTHERS[name])[1:], "--quiet"])
            save(Image.open(self.out / "outputs" / "walk" / "sheet.png"), name)
        elif name == "vary":
            self.run("fox", 'vqclip "a red fox"', STILL)
            self.run("bird", 'vqclip "a blue bird"', STILL)
            self.type([*shlex.split(OTHERS[name])[1:], "--quiet", "--out", "family"])
            save(Image.open(next(self.out.glob("family/*-vary-*/sheet.png"))), name, 80)
        elif name == "curves":
            (self.out / "curves.png").unlink(missing_ok=True)
            self.type(shlex.split(OTHERS[name])[1:])
            save(Image.open(self.out / "curves.png"), name)


def sketch() -> Image.Image:
    """A flower, as somebody might scribble it."""
    page = Image.new("RGB", (192, 192), "white")
    pen = ImageDraw.Draw(page)
    pen.line([(96, 110), (100, 186)], "green", 10)
    pen.ellipse([46, 20, 146, 120], "gold")
    pen.ellipse([76, 50, 116, 90], "saddlebrown")
    return page


def star() -> Image.Image:
    """A golden star at the top right, and nothing around it."""
    page, middle = Image.new("RGBA", (768, 768)), (560, 200)
    angles = [k * math.pi / 5 for k in range(10)]
    tips = [
        (
            middle[0] + length * math.sin(angle),
            middle[1] - length * math.cos(angle),
        )
        for angle, length in zip(angles, [180, 75] * 5, strict=True)
    ]
    ImageDraw.Draw(page).polygon(tips, "#ffcc33")
    return page.resize((384, 384), Image.Resampling.LANCZOS)


def strokes() -> Image.Image:
    """Short strokes of paint that go round."""
    stream, page = random.Random(1), Image.new("RGB", (320, 320), "#142870")
    pen = ImageDraw.Draw(page)
    colours = ("#1e3c96", "#3264be", "#f0d250", "#0f1e50", "#78aad2", "#fae696")
    for _ in range(2600):
        x, y = stream.uniform(0, 320), stream.uniform(0, 320)
        way = math.atan2(y - 150, x - 170) + math.pi / 2 + 0.4 * math.sin(x / 40)
        across, down = (stream.uniform(3, 9) * side for side in (math.cos(way), math.sin(way)))
        ends = [x - across, y - down, x + across, y + down]
        pen.line(ends, stream.choice(colours), stream.choice((2, 3, 4)))
    return page


def hatching() -> Image.Image:
    """Red discs on black hatching, as in a woodcut."""
    stream, page = random.Random(1), Image.new("RGB", (300, 300), "#f0e4c8")
    pen = ImageDraw.Draw(page)
    for y in range(0, 600, 6):
        thick = 2 + int(2 * (1 + math.sin(y / 35)))
        pen.line([0, y, 300, y - 300 + 40 * math.sin(y / 20)], "#140f0f", thick)
    for _ in range(30):
        x, y, radius = stream.uniform(0, 300), stream.uniform(0, 300), stream.uniform(8, 30)
        box = [x - radius, y - radius, x + radius, y + radius]
        pen.ellipse(box, "#be281e", "#140f0f", 3)
    return page


def row(pictures: list[Image.Image], down: bool = False) -> Image.Image:
    """Lay pictures side by side, or below each other, each in its own size."""
    wide, high = max(p.width for p in pictures), max(p.height for p in pictures)
    across, deep = (1, len(pictures)) if down else (len(pictures), 1)
    sheet = Image.new("RGB", (across * (wide + 8) - 8, deep * (high + 8) - 8), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture.convert("RGB"), (0, i * (high + 8)) if down else (i * (wide + 8), 0))
    return sheet


def on_squares(picture: Image.Image) -> Image.Image:
    """Lay a picture on the grey squares that stand for what is transparent."""
    ground = Image.new("RGB", picture.size, "white")
    pen = ImageDraw.Draw(ground)
    for top in range(0, picture.height, 8):
        for left in range(top % 16, picture.width, 16):
            pen.rectangle([left, top, left + 7, top + 7], "#cccccc")
    colours = picture.convert("RGBA")
    ground.paste(colours, mask=colours.getchannel("A"))
    return ground


def save(picture: Image.Image, name: str, quality: int = 88) -> None:
    """Put a picture among the images."""
    picture.convert("RGB").save(IMAGES / f"{name}.webp", quality=quality, method=6)


def main(arguments: list[str]) -> None:
    """Draw what is named, or all."""
    given = dict(each.split("=", 1) for each in arguments if "=" in each)
    desk = Desk(Path(given.get("out", "outputs/docs")))
    names = [each for each in arguments if "=" not in each]
    for name in names or [*PICTURES, *ROWS, *FILMS, *OTHERS]:
        began = time.monotonic()
        if name in PICTURES:
            desk.picture(name)
        elif name in ROWS:
            desk.row(name)
        elif name in FILMS:
            desk.film(name)
        else:
            desk.other(name)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
