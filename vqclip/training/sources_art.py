"""What do the Debian packages hold? Readers of clip art, furniture and landscapes."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vqclip.errors import PictureError
from vqclip.training.sources import Found, Names
from vqclip.training.sources_emoji import distinct, words

# Folders of near-equal drawings, of which this share is kept.
REPETITIVE = (
    (re.compile(r"(^|/)mimetypes"), 0.0),
    (re.compile(r"/playing_cards"), 0.0),
    (re.compile(r"^(shapes/stars|unsorted/duplicates|buttons|shapes/jigsaw)"), 0.03),
    (re.compile(r"/led/"), 0.2),
)

# Titles and subjects that say nothing about the picture.
EMPTY_TITLE = re.compile(
    r"theme|icon collection|gramastar|unnamed|untitled|^\W*$|new document|clip ?art|created"
    r"|sodipodi|^people$|^card$|openclipart|public domain",
    re.IGNORECASE,
)
EMPTY_SUBJECTS = {
    *("hash", "theme", "unsorted", "icon", "icons", "clipart", "lemon theme icon", "image", "svg")
}
SERIAL = 6  # a title that so many drawings share is a collection's

# The catalogues of sweethome3d-furniture that are not under the package's CC-BY-3.0.
FURNITURE_LICENCES = {"BlendSwap-CC-0": "CC0-1.0"}

# Names of files that say who took the photograph, not what it shows.
PHOTOGRAPHERS = ("bwerner", "dmottl", "loc", "mfield", "myrabella", "nasa", "spfld")


def clip_art(folder: Path, _names: Names) -> Iterator[Found]:
    """Read openclipart-svg: drawings with title, description and subjects in their metadata."""
    root = _below(folder, "usr/share/openclipart/svg")
    drawings = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(root.rglob("*.svg"))
    }
    shared = Counter(_title(text) for text in drawings.values())
    for name, text in drawings.items():
        if zlib.crc32(name.encode()) / 2**32 >= _share(name):
            continue
        path = PurePosixPath(name)
        title, stem = _title(text), _stem(path.stem)
        subjects = distinct(words(s) for s in _all("rdf:li", text))
        subjects = tuple(s for s in subjects if s.lower() not in EMPTY_SUBJECTS)
        of_a_series = shared[title] >= SERIAL and len(re.findall("[a-z]", stem.lower())) > 3
        if len(title) > 2 and not EMPTY_TITLE.search(title) and not of_a_series:
            label = title
        else:
            label = stem if len(stem) > 2 else words(path.parent.name)
        spoken = [s for s in subjects if s.lower() not in label.lower()][:4]
        said = [label, ", ".join([label, *spoken])]
        description = words(next(_all("dc:description", text), ""))
        if 8 < len(description) < 120 and not EMPTY_TITLE.search(description):
            said.append(description)
        tags = distinct([*subjects, *(words(part) for part in path.parent.parts)])
        yield Found(name.removesuffix(".svg"), distinct(said), tags, path.parts[0], text)


def _share(name: str) -> float:
    """Which share of the drawings in this one's folder is kept."""
    return next((share for pattern, share in REPETITIVE if pattern.search(name)), 1.0)


def _all(tag: str, text: str) -> Iterator[str]:
    """Find what stands in each `tag` of an SVG's metadata."""
    metadata = re.search(r"<metadata.*?</metadata>", text, re.DOTALL)
    if metadata is not None:
        yield from re.findall(rf"<{tag}[^>]*>([^<]*)</{tag}>", metadata[0])


def _title(text: str) -> str:
    return words(next(_all("dc:title", text), ""))


def _stem(stem: str) -> str:
    """A file's name in words, without its author and number: `barn_owl_john_doe_01`."""
    if re.search(r"_\d+[a-z]?$|_$|_01", stem):
        stem = re.sub(r"_[a-z]+_[a-z]+_*\d*[a-z]?$", "", stem, flags=re.IGNORECASE)
    return words(re.sub(r"\d+[a-z]?$", "", stem))


def furniture(folder: Path, _names: Names) -> Iterator[Found]:
    """Read sweethome3d-furniture: catalogues of models, each with a picture and a category."""
    shelf = _below(folder, "usr/share/sweethome3d/furniture")
    for path in sorted(shelf.glob("*.sh3f")):
        try:
            with zipfile.ZipFile(path) as catalogue:
                yield from _models(path.stem, catalogue)
        except (zipfile.BadZipFile, KeyError) as error:
            raise PictureError(
                f"{path.name} of the package cannot be read: {error}; has its layout changed?"
            ) from error


def _models(name: str, catalogue: zipfile.ZipFile) -> Iterator[Found]:
    lines = catalogue.read("PluginFurnitureCatalog.properties").decode("latin-1").splitlines()
    notes = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    members = set(catalogue.namelist())
    for key, value in notes.items():
        icon = value.strip().lstrip("/")
        if not key.startswith("icon#") or icon not in members:
            continue
        number = key.removeprefix("icon#")
        label = re.sub(r" \d+$", "", words(notes.get(f"name#{number}", "")))
        category = words(notes.get(f"category#{number}", ""))
        tags = map(words, notes.get(f"tags#{number}", "").split(","))
        yield Found(
            f"{name}/{icon.rsplit('.', 1)[0]}",
            distinct([label, f"{label}, {category}"]),
            distinct([label, category, *tags]),
            "furniture",
            catalogue.read(icon),
            FURNITURE_LICENCES.get(name),
        )


def landscapes(folder: Path, _names: Names) -> Iterator[Found]:
    """Read endless-sky-data: landscapes that its copyright file puts in the public domain."""
    copyright_file = _below(folder, "usr/share/doc/endless-sky-data/copyright")
    stanzas = licences(copyright_file.read_text(encoding="utf-8"))
    root = _below(folder, "usr/share/games/endless-sky")
    for path in sorted((root / "images" / "land").glob("*.jpg")):
        # Of the patterns that match, the last should hold; but here "fields1*" (free) comes after
        # "*-sfiera*" (share-alike) and matches fields10-sfiera too. So all must agree.
        if licences_of(path.relative_to(root).as_posix(), stanzas) != {"public-domain"}:
            continue
        what = words(re.sub(r"\d.*", "", path.stem))
        said = () if what in PHOTOGRAPHERS else (f"{what} landscape",)
        yield Found(path.stem, said, (), "", path.read_bytes())


def licences(text: str) -> list[tuple[str, str]]:
    """Read Debian's machine-readable copyright format (DEP 5): (pattern of files, licence).

    >>> licences("Files: a/* b/c?\\nCopyright: me\\nLicense: GPL-3+\\n more of it\\n")
    [('a/*', 'GPL-3+'), ('b/c?', 'GPL-3+')]
    """
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w[\w-]*):((?:.|\n[ \t])*)", stanza, re.MULTILINE))
        if "Files" in fields and "License" in fields:
            licence = fields["License"].strip().split("\n")[0].strip()
            found += [(pattern, licence) for pattern in fields["Files"].split()]
    return found


def licences_of(name: str, stanzas: list[tuple[str, str]]) -> set[str]:
    """Find every licence that is stated for a file by a pattern in its own folder.

    >>> stanzas = [("*", "MIT"), ("a/*", "CC0"), ("a/b*", "GPL-3+"), ("a/c*", "MIT")]
    >>> sorted(licences_of("a/b.png", stanzas))
    ['CC0', 'GPL-3+']
    """
    folder = name.rpartition("/")[0] + "/"
    return {
        licence
        for pattern, licence in stanzas
        if pattern.startswith(folder) and fnmatchcase(name, pattern)
    }


def _below(folder: Path, place: str) -> Path:
    if not (folder / place).exists():
        raise PictureError(f"the package has no {place}; has its layout changed?")
    return folder / place
