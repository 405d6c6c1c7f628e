"""Draw the pictures of the page `vqclip web` in the documentation, with a browser.

    python docs/draw_page.py [TAB …] [out=outputs/docs-page]
    python docs/draw_page.py thumbnails [out=outputs/docs-page]

Runs that `out` does not hold yet are drawn first, a minute each on two cores. It needs
`pip install "vqclip[web]"`, playwright, and a Chromium. Pictures become
docs/pages/images/web-TAB.webp. `thumbnails` are the pictures of presets and drawers on the page
itself, in vqclip/web/static.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

IMAGES = Path(__file__).parent / "pages" / "images"
THUMBNAILS = Path(__file__).parents[1] / "vqclip" / "web" / "static" / "thumbnails"
SIDE = 112  # pixels of a thumbnail
PORT = 7987
WIDE, HIGH = 1280, 860
RUNS = (
    ("a strawberry",),
    ("a house", "--preset", "watercolor"),
    ("a red heart",),
    ("a sunflower",),
    ("a red fox", "drawer=strokes"),
    ("a house", "--preset", "ink"),
    ("a rainbow", "aspect=16:9"),
    ("a green tree in(left) | a red house in(right)",),
    ("a blue fish", "--preset", "knitting"),
    ("a pumpkin", "--preset", "pixel-art"),
    ("a house", "--preset", "stained-mosaic"),
    ("a yellow sun", "--preset", "poster"),
    ("a house",),
    ("a house", "--preset", "neon"),
)


def draw_runs(out: Path) -> None:
    """Draw what the gallery shows, as far as it is not there."""
    for words in RUNS[len([*out.glob("*/final.png")]) :]:
        more = ["size=192x192", "seed=1", "film.format=none", f"out={out}", "--quiet"]
        subprocess.run([sys.executable, "-m", "vqclip", "generate", *words, *more], check=True)


def draw_thumbnails(out: Path) -> None:
    """Draw the presets and drawers that the page shows by picture, each where it is absent."""
    for file in sorted(THUMBNAILS.glob("*.webp")):
        kind, name = file.stem.split("-", 1)
        place = out / "thumbnails" / file.stem
        if not [*place.glob("*/final.png")]:
            chosen = ["--preset", name] if kind == "presets" else [f"drawer={name}"]
            words = ["a red fox", *chosen, "size=128x128", "seed=1", "film.format=none"]
            command = [sys.executable, "-m", "vqclip", "generate", *words, "--quiet"]
            subprocess.run([*command, f"out={place}"], check=True)
        with Image.open(next(place.glob("*/final.png"))) as opened:
            image = opened.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        how = Image.Resampling.LANCZOS if image.width >= SIDE else Image.Resampling.NEAREST
        small = ground.convert("RGB").resize((SIDE, SIDE), how)
        small.save(file, quality=72, method=6)


@contextmanager
def opened(out: Path, dark: bool = False) -> Iterator[Any]:
    """A page of a server over some runs."""
    from playwright.sync_api import sync_playwright

    words = ["web", f"--port={PORT}", f"--out={out.name}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "vqclip", *words], cwd=out.parent, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().decode().strip()
        names = ("chromium", "chromium-browser", "google-chrome")
        path = next(filter(None, map(shutil.which, names)), None)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(
                viewport={"width": WIDE, "height": HIGH},
                color_scheme="dark" if dark else "light",
            )
            page.set_default_timeout(120_000)
            page.goto(address)
            page.wait_for_selector("#vq-prompt textarea")
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait()


def keep(page: Any, name: str) -> None:
    """Keep what is seen as a WebP."""
    page.mouse.move(2, 2)
    time.sleep(1)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(IMAGES / f"web-{name}.webp", quality=80, method=6)
    print(f"web-{name}.webp", (IMAGES / f"web-{name}.webp").stat().st_size // 1000, "kB")


def open_tab(page: Any, name: str) -> None:
    """Open a tab."""
    page.click(f"button[role=tab]:has-text('{name}')")
    time.sleep(1)


def show_draw(page: Any, out: Path) -> None:
    """A sentence with its layout, its picture after some steps, and the panel that steers it."""
    for earlier in out.glob("*-a-snowman-under-a-palm-tree"):
        shutil.rmtree(earlier)
    page.fill("#vq-prompt textarea", "a snowman under a palm tree | fog:-0.3")
    page.fill("#vq-seed textarea, #vq-seed input", "1")
    page.click("#vq-draw")
    page.wait_for_selector("#vq-live .vq-stop")
    page.wait_for_function(
        "/step (1[5-9]|[23][0-9]) /.test(document.querySelector('#vq-live .vq-line').textContent)"
    )
    page.wait_for_selector(".vq-steer")
    page.set_viewport_size({"width": WIDE, "height": 1120})
    keep(page, "draw")
    page.click(".vq-stop")
    page.wait_for_selector("#vq-live[data-status=stopped]")


def show_dark(page: Any, out: Path) -> None:
    """Settings that are found by a word, in the dark."""
    page.fill("#vq-prompt textarea", "a red fox")
    page.click("[data-picker=presets][data-name=brush]")
    page.click("button:has-text('Presets')")
    page.click("button:has-text('All settings')")
    page.fill("#vq-find textarea, #vq-find input", "saturation")
    field = page.locator(".vq-setting", has_text="losses.saturation")
    field.locator("textarea, input").first.fill("0.5")
    page.click(".vq-work >> nth=3")
    time.sleep(1)
    keep(page, "settings")


def show_gallery(page: Any, out: Path) -> None:
    """All runs."""
    open_tab(page, "Gallery")
    page.wait_for_selector(".vq-card >> nth=9")
    time.sleep(2)
    keep(page, "gallery")
    page.click(".vq-card:has-text('fox')")
    page.wait_for_selector("#vq-dialog img.vq-large")
    keep(page, "run")


def show_animate(page: Any, out: Path) -> None:
    """Three scenes and a flight over a plain."""
    open_tab(page, "Animate")
    page.fill("#vq-an-prompt textarea", "a field of flowers ^ a red house ^ a starry night")
    lines = "camera.depth=plane\ncamera.y=0.4\ncamera.swing=0.6*sin(t)\n"
    page.fill("#vq-an-lines textarea", lines + "camera.forward=0%: 0.05, 45%: 0.3, 100%: 0.1")
    page.wait_for_selector("#vq-an-key option[value='camera.forward']", state="attached")
    time.sleep(2)
    page.select_option("#vq-an-key", "camera.forward")
    page.set_viewport_size({"width": WIDE, "height": 1010})
    time.sleep(1)
    keep(page, "animate")


def show_words(page: Any, out: Path) -> None:
    """A word that is learnt from three pictures."""
    open_tab(page, "Words")
    for earlier in (out.parent / "embeddings").glob("my-house.*"):
        earlier.unlink()
    pictures = sorted(str(each) for each in out.glob("*-a-house/final.png"))
    page.set_input_files("#vq-pictures input[type=file]", pictures[:4])
    time.sleep(2)
    page.fill("#vq-token textarea, #vq-token input", "my-house")
    page.fill("#vq-word-steps textarea, #vq-word-steps input", "100")
    page.click("button:has-text('Teach it')")
    page.wait_for_selector("#vq-words img.vq-large")
    time.sleep(2)
    keep(page, "words")


def show_look(page: Any, out: Path) -> None:
    """Two pictures are classified, and the runs are searched."""
    open_tab(page, "Look")
    pictures = [
        str(next(out.glob(f"*-{name}/final.png"))) for name in ("a-strawberry", "a-rainbow")
    ]
    page.set_input_files("#vq-looked input[type=file]", pictures)
    time.sleep(2)
    page.fill("#vq-labels textarea, #vq-labels input", "a strawberry | a house | a rainbow")
    page.click("button:has-text('Classify')")
    page.wait_for_selector("#vq-classified .vq-answer >> nth=1")
    page.fill("#vq-query textarea, #vq-query input", "a house")
    page.click("button:has-text('Search my runs')")
    page.wait_for_selector("#vq-found .vq-card >> nth=5")
    time.sleep(2)
    keep(page, "look")


TABS: dict[str, Callable[[Any, Path], None]] = {
    "draw": show_draw,
    "settings": show_dark,
    "animate": show_animate,
    "gallery": show_gallery,
    "words": show_words,
    "look": show_look,
}

if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    out = Path(given.get("out", "outputs/docs-page")).absolute()
    if "thumbnails" in sys.argv[1:]:
        draw_thumbnails(out)
        raise SystemExit
    draw_runs(out)
    for tab in [word for word in sys.argv[1:] if "=" not in word] or TABS:
        with opened(out, dark=tab == "settings") as page:
            TABS[tab](page, out)
