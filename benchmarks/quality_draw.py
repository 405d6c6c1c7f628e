"""Draws the pictures that are measured, each once: what is in its place is not drawn again."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import judge_views
import numpy
import torch
from PIL import Image as Pillow
from quality_prompts import Wish
from torch import Tensor

import vqclip
from vqclip import session
from vqclip.config.checking import seeds
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import ConfigError, ModelError, PictureError
from vqclip.guidance import drafts, perceptor
from vqclip.media import files as media_files
from vqclip.media import images
from vqclip.media.files import make_slug
from vqclip.models import vqgan as models_vqgan
from vqclip.models.zoo import model_files
from vqclip.run.preflight import make_request
from vqclip.training.data import archives

VARIANTS = ("real", "noise", "dream", "default", "random")
SETTINGS = {"default": (), "random": ("init=random",), "noise": (), "dream": (), "real": ()}
VIEWS = 4  # real pictures of each prompt
Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """What is to be measured, from the command line."""

    data: Path
    out: Path
    judge: Path
    prompts: int
    variants: tuple[tuple[str, tuple[str, ...]], ...]  # name, settings
    seed: int
    settings: tuple[str, ...]
    bf16: bool


def task(arguments: Sequence[str]) -> Task:
    """Read `key=value…`.

    Raises:
        ConfigError: for what cannot be read, or if there is no data=DIR.
    """
    odd = [word for word in arguments if "=" not in word]
    if odd:
        raise ConfigError(f"{odd[0]!r} is not key=value; write for example data=DIR prompts=25")
    given = dict(word.split("=", 1) for word in arguments)
    place = given.pop("data", "")
    if not (Path(place) / "illustrations.jsonl").is_file() or place == "":
        raise ConfigError(
            f"data={place} holds no illustrations.jsonl; give the data folder that "
            "vqclip.training.data.gather writes, as data=DIR"
        )
    out = Path(given.pop("out", "outputs/quality"))
    numbers = {}
    for key, usual in (("prompts", 25), ("seed", 1)):
        text = given.pop(key, str(usual))
        if not text.isdecimal() or (key == "prompts" and int(text) == 0):
            raise ConfigError(f"{key}={text} must be a whole number; for example {key}={usual}")
        numbers[key] = int(text)
    return Task(
        data=Path(place),
        out=out,
        judge=Path(given.pop("judge", out / "judge")),
        variants=tuple(map(_variant, _parted(given.pop("variants", ",".join(VARIANTS))))),
        bf16=given.pop("bf16", "false") == "true",
        settings=tuple(f"{k}={v}" for k, v in ({"size": "128x128"} | given).items()),
        **numbers,
    )


def _parted(text: str) -> list[str]:
    """Part variants at commas, but not at those of a setting: two:cutouts.count=0: 4, 50%: 16."""
    found: list[str] = []
    for part in text.split(","):
        begins = part.strip() in SETTINGS or re.match(r"\s*[\w-]+:\s*[\w.]+\s*=", part)
        if found and ":" in found[-1] and not begins:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


def _variant(text: str) -> tuple[str, tuple[str, ...]]:
    name, colon, settings = text.strip().partition(":")
    if colon == "" and name not in SETTINGS:
        raise ConfigError(
            f"no variant is called {name!r} (one of: {', '.join(VARIANTS)}); "
            "one of your own is written name:key=value;key=value"
        )
    if not re.fullmatch(r"[\w-]+", name):
        raise ConfigError(f"a variant's name becomes a folder's; {name!r} is not letters only")
    more = tuple(each.strip() for each in settings.split(";") if each.strip())
    return name, (*SETTINGS.get(name, ()), *more)


def chosen(wished: Sequence[Wish], count: int) -> list[int]:
    """The numbers of `count` prompts, evenly among all, so that every kind is there."""
    count = min(count, len(wished))
    return [index * len(wished) // count for index in range(count)]


def seed_of(work: Task, number: int) -> int:
    """A prompt's seed: the same in all variants, and another for each prompt."""
    return work.seed * 1000 + number


def files(out: Path, variant: str, number: int, wish: Wish) -> list[Path]:
    """Where a variant's picture of a prompt is, or its pictures are."""
    name = f"{number:02d}-{make_slug(wish.prompt)}"
    ends = [f"-{view}" for view in range(VIEWS)] if variant == "real" else [""]
    return [out / variant / f"{name}{end}.png" for end in ends]


@dataclass(frozen=True)
class Drawing:
    """A picture [1, 3, H, W] in [0, 1], and the seconds that it took, if it was timed."""

    picture: Tensor
    seconds: float | None


Draw = Callable[[int, Wish], Iterator[Drawing]]


def drawer(
    work: Task, name: str, settings: tuple[str, ...], rows: Sequence[archives.Row]
) -> Draw:
    """Give what draws a variant's pictures of a prompt.

    Args:
        rows: all drawings, from which the judge's split is made.

    Raises:
        ModelError: if a model that the variant needs is absent.
    """

    def config(number: int, wish: Wish) -> RunConfig:
        overrides = [*work.settings, *settings]
        return vqclip.load(wish.prompt, seed=seed_of(work, number), overrides=overrides)

    if name == "real":
        return _real(work, rows)
    if name == "dream":
        dreamer = drafts.load_draft_model()

        def draft(number: int, wish: Wish) -> Iterator[Drawing]:
            began, asked = time.monotonic(), config(number, wish)
            wide, high = final_size(asked)
            stream = torch.Generator().manual_seed(
                seeds.purpose_seed(seed_of(work, number), "init")
            )
            best = dreamer.draw_drafts(wish.prompt, asked.dream, stream)[0]
            laid = drafts.pad_draft(best.image, wide, high)
            yield Drawing(laid, time.monotonic() - began)

        return draft
    if name == "noise":
        return _noise(work, config)

    def run(number: int, wish: Wish) -> Iterator[Drawing]:
        began = time.monotonic()
        ready = session.build_runner(make_request(config(number, wish)))
        for _ in ready.play():
            pass
        yield Drawing(ready.final_picture(), time.monotonic() - began)

    return run


def _noise(work: Task, config: Callable[[int, Wish], RunConfig]) -> Draw:
    """What decodes the codes that a run with init=random and growth=[] starts from."""

    @cache
    def load(name: str) -> models_vqgan.VQGAN:
        found = model_files.find_vqgan(name)
        return models_vqgan.open_vqgan(found.config, found.weights)

    def decode(number: int, wish: Wish) -> Iterator[Drawing]:
        asked = config(number, wish)
        vqgan = load(asked.vqgan)
        began = time.monotonic()
        (wide, high), factor = final_size(asked), vqgan.factor
        stream = torch.Generator().manual_seed(seeds.purpose_seed(seed_of(work, number), "init"))
        with torch.no_grad():
            picture = vqgan.decode(vqgan.random_latent(high // factor, wide // factor, stream))
        yield Drawing(picture, time.monotonic() - began)

    return decode


def drawing(folder: Path, file: str) -> Pillow.Image:
    """One drawing of the data folder, RGBA.

    Raises:
        PictureError: if none of its archives has it.
    """
    for path in sorted(folder.glob("illustrations*.zip")):
        with zipfile.ZipFile(path) as archive:
            if file in archive.namelist():
                return Pillow.open(io.BytesIO(archive.read(file))).convert("RGBA")
    raise PictureError(
        f"no archive in {folder} has {file}, which the judge was trained on; "
        "give the folder that it was trained on, or another judge=DIR"
    )


def _real(work: Task, rows: Sequence[archives.Row]) -> Draw:
    """What lays out drawings that the judge never saw. Only those that are needed are read."""
    held = [rows[index] for index in sorted(judge_views.held_out(rows))]
    side = judge_views.SIDE

    def lay(number: int, wish: Wish) -> Iterator[Drawing]:
        some = tuple(row for row in held if row.concept in wish.things)
        pixels = torch.empty(len(some), 4, side, side, dtype=torch.uint8)
        for index, row in enumerate(some):
            stored = drawing(work.data, row.file).resize((side, side), Pillow.Resampling.LANCZOS)
            pixels[index] = torch.from_numpy(numpy.array(stored)).permute(2, 0, 1)
        stream = torch.Generator().manual_seed(seed_of(work, number))
        pictures, every = archives.Pictures(some, pixels), frozenset(range(len(some)))
        for _ in range(VIEWS):
            made = judge_views.real(
                *(wish.things, wish.tint, wish.relation, pictures, every, stream)
            )
            yield Drawing(made, None)

    return lay


def draw(work: Task, wished: Sequence[Wish], rows: Sequence[archives.Row], say: Say) -> list[str]:
    """Draw what is not there yet, and name the variants that there are pictures of.

    Args:
        rows: all drawings, from which the judge's split is made.

    Raises:
        ConfigError: if `out` holds pictures that were made with other settings.
    """
    done = []
    look = _looker()
    for name, settings in work.variants:
        made: Draw | None = None
        try:
            for number in chosen(wished, work.prompts):
                wish = wished[number]
                paths = files(work.out, name, number, wish)
                how: dict[str, Any] = {"prompt": wish.prompt, "seed": seed_of(work, number)}
                if name != "real":
                    how["settings"] = [*work.settings, *settings]
                if all(path.is_file() for path in paths):
                    _same(paths[0], how)
                    continue
                made = drawer(work, name, settings, rows) if made is None else made
                for path, drawing in zip(paths, made(number, wish), strict=True):
                    own = look(drawing.picture, wish.prompt)
                    note = {**how, "own": own, "seconds": drawing.seconds}
                    text = json.dumps(note, ensure_ascii=False).encode()
                    path.parent.mkdir(parents=True, exist_ok=True)
                    # The picture comes last: where it is, its note is too.
                    media_files.write_whole(path.with_suffix(".json"), text, overwrite=True)
                    images.save_png(path, drawing.picture, overwrite=True)
                    say(f"{name}: {wish.prompt}")
        except ModelError as error:
            if name != "dream":
                raise
            say(f"dream is left out: {error}")
            continue
        done.append(name)
    return done


def _same(path: Path, how: dict[str, Any]) -> None:
    note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for key, value in how.items():
        if note.get(key) != value:
            raise ConfigError(
                f"{path} was made with {key} {note.get(key)}, not {value}; "
                "give another out=DIR, or delete its folder"
            )


def _looker() -> Callable[[Tensor, str], float]:
    """The starter perceptor's cosine between a whole picture and a prompt."""

    @cache
    def load() -> perceptor.OpenClipPerceptor:
        return perceptor.load_perceptor("starter")

    def look(picture: Tensor, prompt: str) -> float:
        with torch.no_grad():
            return float(load().embed_image(picture)[0] @ load().embed_text([prompt])[0])

    return look
