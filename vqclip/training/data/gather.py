"""Gathering of training archives from public packages.

    python -m vqclip.training.data.gather out=DIR [only=noto,twemoji]

It writes `illustrations-a.zip`…, `illustrations.jsonl`, `photos.zip` and `photos.jsonl`, which
`vqclip.training.data.archives` reads, from the sources in `vqclip.training.data.sources`; with
`only`, from the sources named. Each source's pictures are kept in `DIR/parts`, so that none is
fetched twice; when all are there, that folder may be deleted.
"""

from __future__ import annotations

import json
import string
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image

from vqclip.config import presets
from vqclip.errors import ConfigError, OutputError, PictureError, pick
from vqclip.training.data import readers
from vqclip.training.data.rasterise import (
    SIDE,
    Rasterise,
    cut_squares,
    duplicate_key,
    encode_webp,
    is_blank,
    is_glyph,
    load_resvg,
    render,
    trim_and_centre,
)
from vqclip.training.data.sources import (
    EMOJI_NAMES,
    EMOJI_WORDS,
    SOURCES,
    Fetch,
    FoundPicture,
    Names,
    Reader,
    Source,
    fetch_package,
)

READERS: dict[str, Reader] = {
    "iconify": readers.read_iconify,
    "icons": readers.read_icons,
    "pictures": readers.read_assets,
    "clip art": readers.read_clip_art,
    "catalogue": readers.read_furniture,
    "landscapes": readers.read_landscapes,
}
NAMED = ("iconify", "pictures")  # kinds that ask for the names of emoji
DRAWN = ("iconify", "icons", "clip art")  # kinds that hold SVGs

PER_ARCHIVE = 12_000  # pictures: about 50 MB of illustrations
ROWS = "rows.jsonl"  # the member of a part that describes the others

Record = dict[str, Any]


@dataclass
class GatherOptions:
    """The settings of gathering.

    Args:
        out: the folder that is written to.
        only: names of sources; all of them if empty.
    """

    out: str = "data"
    only: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Tally:
    """The counts of a source or a set: pictures kept, and pictures left out by reason."""

    name: str
    counts: dict[str, int]


def gather(
    out: Path,
    only: Sequence[str] = (),
    *,
    table: dict[str, Source] = SOURCES,
    fetch: Fetch = fetch_package,
    rasterise: Rasterise | None = None,
) -> Iterator[Tally]:
    """Gather training archives: fetch and convert each source not done yet, write the sets.

    Args:
        only: names of sources, all of `table` if empty.
        table: the sources, by name.
        fetch: downloads a package into a folder.
        rasterise: draws SVGs; resvg, if None.

    Yields:
        A Tally for each source that was converted, then one for each set.

    Raises:
        ConfigError: if a name in `only` is no source.
        OutputError: if `out` cannot be written.
        VqclipError: if a program, a package or resvg-py is missing.
    """
    wanted = {pick(table, name, "source").name for name in only} or set(table)
    chosen = [source for source in table.values() if source.name in wanted]
    parts = out / "parts"
    try:
        parts.mkdir(parents=True, exist_ok=True)
        todo = [source for source in chosen if not _part(parts, source).is_file()]
        if rasterise is None:
            rasterise = load_resvg() if any(source.kind in DRAWN for source in todo) else _no_svg
        names: Names = {}
        if any(source.kind in NAMED for source in todo):
            with tempfile.TemporaryDirectory(dir=parts, prefix=".names-") as place:
                folders = Path(place, "base"), Path(place, "words")
                for package, folder in zip((EMOJI_NAMES, EMOJI_WORDS), folders, strict=True):
                    folder.mkdir()
                    fetch(package, folder)
                names = readers.read_emoji_names(*folders)
        for source in todo:
            with tempfile.TemporaryDirectory(dir=parts, prefix=".source-") as place:
                folder = Path(place, "package")
                folder.mkdir()
                fetch(source.package, folder)
                counts = convert(
                    source, READERS[source.kind](folder, names), rasterise, _part(parts, source)
                )
            yield Tally(source.name, counts)
        for group in sorted({source.group for source in chosen}):
            yield Tally(group, merge(out, group, [s for s in chosen if s.group == group]))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error}; choose another out=DIR") from error


def _no_svg(svg: str, side: int) -> Image:
    raise PictureError("a source that should hold no SVG holds one; leave it out")


def _part(parts: Path, source: Source) -> Path:
    """The archive of a source's converted pictures, for its version."""
    return parts / f"{source.name}-{source.package.version.replace(':', '-')}.zip"


def convert(
    source: Source, found: Iterator[FoundPicture], rasterise: Rasterise, part: Path
) -> dict[str, int]:
    """Convert a source's pictures, and write them with their rows to the archive `part`.

    Returns:
        How many pictures are kept, and how many are left out: broken, blank, glyphs or flat.
    """
    counts: Counter[str] = Counter(kept=0)
    rows: list[Record] = []
    aside = part.with_suffix(".part")
    with zipfile.ZipFile(aside, "w") as archive:
        for each in found:
            try:
                made = list(_made(source, each, rasterise, counts))
            except PictureError:
                counts["broken"] += 1
                continue
            for row, encoded in made:
                archive.writestr(_member(row["file"]), encoded)
                rows.append(row)
        counts["kept"] = len(rows)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        archive.writestr(_member(ROWS), lines)
    aside.replace(part)
    return dict(counts)


def _made(
    source: Source, found: FoundPicture, rasterise: Rasterise, counts: Counter[str]
) -> Iterator[tuple[Record, bytes]]:
    """Convert one picture into rows and encoded pictures; none if it is to be left out."""
    picture = render(found.picture, rasterise, source.scale * SIDE)
    # The keys of `archives.Row`, in a readable order; `look` stays in the part.
    rights = {
        "source": str(source.package),
        "licence": found.licence or source.licence,
        "licence_class": source.licence_class,
    }
    if source.group == "photos":
        caption = found.captions[0] if found.captions else ""
        cut = list(cut_squares(picture, found.name))
        counts["flat"] += len(cut) == 0
        for index, (crop, square) in enumerate(cut):
            words = {"caption": caption if crop == "full" else "", "parent_caption": caption}
            notes = {"crop": crop, "style": source.style, **rights, "size": list(picture.size)}
            yield (
                {
                    **words,
                    **notes,
                    "file": f"{source.name}/{found.name}-{index}.webp",
                    "look": duplicate_key(square.convert("RGBA")),
                },
                encode_webp(square),
            )
        return
    picture = trim_and_centre(picture)
    reasons = (("blank", is_blank), ("glyph", is_glyph if source.drop_glyphs else None))
    for reason, test in reasons:
        if test is not None and test(picture):
            counts[reason] += 1
            return
    yield (
        {
            "captions": list(found.captions),
            "tags": list(found.tags),
            "style": source.style,
            "group": found.group,
            **rights,
            "file": f"{source.name}/{found.name}.webp",
            "look": duplicate_key(picture),
        },
        encode_webp(picture),
    )


def _member(name: str) -> zipfile.ZipInfo:
    """An archive member without a date, so that the same pictures give the same archive."""
    return zipfile.ZipInfo(name)


def merge(out: Path, group: str, chosen: Sequence[Source]) -> dict[str, int]:
    """Merge the parts of sources into one set, without near-duplicates.

    Returns:
        How many pictures are kept, how many are duplicates, and in how many archives they are.
    """
    seen: set[str] = set()
    rows: list[Record] = []
    counts: Counter[str] = Counter(kept=0, duplicate=0)
    written: list[Path] = []
    with ExitStack() as opened:
        archive: zipfile.ZipFile | None = None
        for source in chosen:
            with zipfile.ZipFile(_part(out / "parts", source)) as part:
                for row in map(json.loads, part.read(ROWS).decode().splitlines()):
                    names = {row.pop("look"), row["file"]}
                    if names & seen:
                        counts["duplicate"] += 1
                        continue
                    seen |= names
                    if archive is None or len(rows) % PER_ARCHIVE == 0:
                        written.append(out / f"{_archive(group, len(written))}.part")
                        archive = opened.enter_context(zipfile.ZipFile(written[-1], "w"))
                    archive.writestr(_member(row["file"]), part.read(row["file"]))
                    rows.append(row)
    counts["kept"], counts["archives"] = len(rows), len(written)
    for old in out.glob(f"{group}*.zip"):
        old.unlink()
    for path in written:
        path.replace(path.with_suffix(""))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    aside = out / f"{group}.jsonl.part"
    aside.write_text(lines, encoding="utf-8")
    aside.replace(aside.with_suffix(""))
    return dict(counts)


def _archive(group: str, index: int) -> str:
    return "photos.zip" if group == "photos" else f"{group}-{string.ascii_lowercase[index]}.zip"


def main(arguments: list[str]) -> None:
    """Gather by `out=DIR [only=NAME,NAME]`, and print a line of JSON for each source."""
    strange = [word for word in arguments if "=" not in word]
    if strange:
        raise ConfigError(f"{strange[0]!r} is not a setting; write out=DIR [only=NAME,NAME]")
    recipe = presets.read_settings(GatherOptions, None, arguments)
    for tally in gather(Path(recipe.out), recipe.only):
        print(json.dumps({"source": tally.name, **tally.counts}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
