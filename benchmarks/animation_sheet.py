"""Draw the documentation's sheet of animations: a film of each preset, first seed each.

    python benchmarks/animation_sheet.py [out=outputs/animation-sheet] [frames=36] [key=value …]

Each is drawn by the command that stands beside it, at the preset's own settings but for its
length and the settings that are given here; `stylise` is drawn over the film of `zoom-in`, and
`music` follows a few seconds of a tune that tests/helpers/melody.py makes. What is in `out` is
not drawn again. Writes docs/pages/images/animation_sheet.webp, eight frames of each, evenly
spread, and three of the films as small animated WebP. The seed is the first; prompts are
chosen to suit the presets, those of `drift` and `music` after looking at three each.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from vqclip.cli import main as cli_main
from vqclip.media.contact_sheet import Cell, draw_sheet

SEED = 1
ACROSS = 8
FILMS = {
    "zoom-in": "a coral reef with fish",
    "drift": "colourful houses",
    "flight": "a field of flowers",
    "story": "a red apple ^ a yellow pear ^ a blue bird",
    "breathing-loop": "a sunflower",
    "stylise": "a stained glass window",
    "music": "tropical fish",
}
MOVING = ("zoom-in", "story", "breathing-loop")


def main(arguments: list[str]) -> None:
    """Draw the films that lack, and lay them out."""
    given = dict(each.split("=", 1) for each in arguments)
    out = Path(given.pop("out", "outputs/animation-sheet"))
    frames = given.pop("frames", "36")
    out.mkdir(parents=True, exist_ok=True)
    song = out / "song.wav"
    if not song.is_file():
        tune = [sys.executable, "-m", "tests.helpers.melody", str(song.absolute()), "8"]
        subprocess.run(tune, cwd=Path(__file__).parent.parent, check=True)
    rows = []
    for name, prompt in FILMS.items():
        command = ["animate", prompt, "--preset", name, "--seed", str(SEED)]
        caption = f'vqclip animate "{prompt}" --preset {name} --seed {SEED}'
        if name == "stylise":
            film = _run(out, "zoom-in") / "film.mp4"
            command += ["--source", str(film)]
            caption += f" --source {film.name}  (of the first row)"
        if name == "music":
            command += ["--sound", str(song)]
            caption += f" --sound {song.name}"
        began = time.monotonic()
        if not (_run(out, name) / "final.png").is_file():
            settings = [f"frames={frames}", *(f"{k}={v}" for k, v in given.items())]
            if cli_main.main([*command, "--out", str(out / name), "--quiet", *settings]) != 0:
                raise SystemExit(f"{name} could not be drawn")
            print(f"{name}: {time.monotonic() - began:.0f} s for {frames} frames", flush=True)
        shown = sorted((_run(out, name) / "frames").glob("*.png"))
        picked = [shown[round(i * (len(shown) - 1) / (ACROSS - 1))] for i in range(ACROSS)]
        cells = [Cell(Image.open(path), f"frame {int(path.stem)}") for path in picked]
        rows.append((caption, cells))
    here = Path(__file__).parents[1] / "docs" / "pages" / "images"
    draw_sheet(out / "sheet.png", [""] * ACROSS, rows)
    laid = here / "animation_sheet.webp"
    Image.open(out / "sheet.png").save(laid, quality=85, method=6)
    for name in MOVING:
        target = here / f"animation_{name}.webp"
        target.unlink(missing_ok=True)
        words = ["film", str(_run(out, name)), "--out", str(target), "--size", "128x128"]
        if cli_main.main([*words, "--quality", "60", "--quiet"]) != 0:
            raise SystemExit(f"{target} could not be written")
    print(laid)


def _run(out: Path, name: str) -> Path:
    """The folder of a film's run, which is the first in its own folder."""
    return next(iter(sorted((out / name).glob("0001-*"))), out / name / "0001-none")


if __name__ == "__main__":
    main(sys.argv[1:])
