"""Readers of emoji sets, clip art, furniture and photographs.

Labels and keywords are Unicode's, by code point or, in sets that go by names, by name. Variants
in a skin tone are left out: they are many and alike.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from vqclip.errors import PictureError
from vqclip.training.data.sources import Emoji, Found, Names

# emojibase's numbers; 2 is for parts of emoji, which are no pictures of their own.
GROUPS = {
    "0": "smiley",
    "1": "people",
    "3": "animal or nature",
    "4": "food",
    "5": "place or travel",
    "6": "activity",
    "7": "object",
    "8": "symbol",
    "9": "flag",
}


# At most so many keywords in the tags, and so many of those in the second caption.
TAGS, SPOKEN = 12, 4


_SELECTORS = ("FE0E", "FE0F")  # as text, as a picture: they name no other emoji


_TONE = re.compile(r"-(medium-light|medium-dark|light|medium|dark)(-skin-tone)?$")


_JUNK = (
    (re.compile(r"&(?:amp|quot|apos|lt|gt|#\w+);"), " "),
    (re.compile(r"\S+@\S+|https?://\S+"), " "),
    (re.compile(r"[-_/]+"), " "),
    (re.compile(r"(?<=[a-z])(?=[A-Z])"), " "),
    (re.compile(r"[^A-Za-z0-9À-ÿ',.:&() ]+"), " "),
    (re.compile(r"\s+"), " "),
)


def words(text: str) -> str:
    """Turn a label, a title or a file name into words.

    >>> words("washing_machine-2")
    'washing machine 2'
    >>> words("BlueWhale, by someone@example.org")
    'Blue Whale, by'
    """
    for pattern, instead in _JUNK:
        text = pattern.sub(instead, text)
    return text.strip(" .,:'")


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Keep the first of those that differ in case only, and nothing empty."""
    kept: dict[str, str] = {}
    for text in texts:
        kept.setdefault(text.strip().lower(), text.strip())
    kept.pop("", None)
    return tuple(kept.values())


def code_points(text: str) -> str:
    """Write hexadecimal code points in one way: capitals, no leading zeros, no selectors.

    >>> code_points("0023_fe0f_20e3")
    '23-20E3'
    """
    parts = (part.upper().lstrip("0") for part in re.split(r"[-_ ]", text))
    return "-".join(part for part in parts if part and part not in _SELECTORS)


def emoji_names(base: Path, keywords: Path) -> Names:
    """Read emojibase's English labels and emojilib's keywords, from their unpacked packages."""
    extra = {
        code_points("-".join(f"{ord(c):X}" for c in emoji)): texts
        for emoji, texts in _json(keywords / "dist" / "emoji-en-US.json").items()
    }
    names: dict[str, Emoji] = {}
    for entry in _json(base / "en" / "data.json"):
        code = code_points(entry["hexcode"])
        every = map(words, [*entry.get("tags", []), *extra.get(code, [])])
        tags = tuple(t for t in distinct(every) if re.fullmatch(r"[A-Za-z' ]{3,24}", t))
        group = GROUPS.get(str(entry.get("group", "")), "")
        names[code] = Emoji(entry["label"], tags, group, toned=False)
        for skin in entry.get("skins", []):
            names[code_points(skin["hexcode"])] = Emoji(skin["label"], tags, group, toned=True)
    return names


def captions(emoji: Emoji) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say an emoji in words: (captions, tags).

    >>> captions(Emoji("flag: Chile", ("CL",), "flag", False))
    (('flag of Chile',), ('flag', 'Chile'))
    >>> captions(Emoji("fox", ("face", "red fox"), "animal or nature", False))[0]
    ('fox', 'fox, face, red fox')
    """
    if emoji.label.startswith("flag: "):
        land = words(emoji.label.removeprefix("flag: "))
        return (f"flag of {land}",), ("flag", land)
    label = words(emoji.label.replace(":", ","))
    extra = [tag for tag in emoji.tags if tag.lower() not in label.lower()][:TAGS]
    longer = ", ".join([label, *extra[:SPOKEN]])
    return distinct([label, longer]), (label, *extra)


def iconify(folder: Path, names: Names) -> Iterator[Found]:
    """Read a set of the @iconify-json packages: SVG bodies by name, with their boxes."""
    icons = _json(folder / "icons.json")
    chars = folder / "chars.json"
    codes: dict[str, str] = {}
    for code, name in (_json(chars) if chars.is_file() else {}).items():
        codes.setdefault(name, code_points(code))
    slugs = {re.sub(r"[^a-z0-9]+", "-", e.label.lower()).strip("-"): e for e in names.values()}
    # Some sets run the words of a name together.
    joined = {slug.replace("-", ""): emoji for slug, emoji in slugs.items()}
    for name, icon in icons["icons"].items():
        if icon.get("hidden"):
            continue
        emoji = names.get(codes.get(name, ""))
        if (
            emoji is None
            and _TONE.sub("", name) != name
            and _TONE.sub("", name) in icons["icons"]
        ):
            continue
        if emoji is None:
            emoji = slugs.get(name) or joined.get(name.replace("-", ""))
        if emoji is None:
            emoji = Emoji(name.replace("-", " "), (), "", toned=False)
        if not emoji.toned and "skin tone" not in emoji.label:
            yield Found(name, *captions(emoji), emoji.group, _svg(icon, icons))


def _svg(icon: dict[str, Any], icons: dict[str, Any]) -> str:
    """Wrap an icon's body in its box; what it does not state, the set does."""
    ordinary = {"left": 0, "top": 0, "width": 16, "height": 16}
    box = " ".join(str(icon.get(k, icons.get(k, value))) for k, value in ordinary.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}">{icon["body"]}</svg>'
    )


def icons(folder: Path, _names: Names) -> Iterator[Found]:
    """Read a set of @iconify-json that is not of emoji: its own names are all that is known."""
    return iconify(folder, {})


def pictures(folder: Path, names: Names) -> Iterator[Found]:
    """Read a folder `assets` of pictures that are named by code points."""
    for path in sorted((folder / "assets").glob("*.webp")):
        emoji = names.get(code_points(path.stem))
        if emoji is not None and not emoji.toned and "skin tone" not in emoji.label:
            yield Found(path.stem, *captions(emoji), emoji.group, path.read_bytes())


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PictureError(
            f"{path.name} of the package cannot be read: {error}; has its layout changed?"
        ) from error


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
