"""Readers of emoji sets, clip art, furniture and photographs.

Emoji get Unicode's labels and keywords, by code point or, in sets without code points, by name.
Variants in a skin tone are left out: they are many and alike.
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
from vqclip.training.data.sources import Emoji, FoundPicture, Names

# emojibase's groups; 2 is for components of emoji, which are no pictures of their own.
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


TAGS, SPOKEN = 12, 4  # the most keywords in the tags, and in the second caption
_SELECTORS = ("FE0E", "FE0F")  # "as text" and "as a picture", which do not change the emoji
_TONE = re.compile(r"-(medium-light|medium-dark|light|medium|dark)(-skin-tone)?$")
_JUNK = (
    (re.compile(r"&(?:amp|quot|apos|lt|gt|#\w+);"), " "),
    (re.compile(r"\S+@\S+|https?://\S+"), " "),
    (re.compile(r"[-_/]+"), " "),
    (re.compile(r"(?<=[a-z])(?=[A-Z])"), " "),
    (re.compile(r"[^A-Za-z0-9À-ÿ',.:&() ]+"), " "),
    (re.compile(r"\s+"), " "),
)


def clean_text(text: str) -> str:
    """Clean the text of a label, a title or a file name.

    >>> clean_text("washing_machine-2")
    'washing machine 2'
    >>> clean_text("BlueWhale, by someone@example.org")
    'Blue Whale, by'
    """
    for pattern, instead in _JUNK:
        text = pattern.sub(instead, text)
    return text.strip(" .,:'")


def remove_repeats(texts: Iterable[str]) -> tuple[str, ...]:
    """Remove empty texts, and repetitions that differ in case only."""
    kept: dict[str, str] = {}
    for text in texts:
        kept.setdefault(text.strip().lower(), text.strip())
    kept.pop("", None)
    return tuple(kept.values())


def code_points(text: str) -> str:
    """Normalise hexadecimal code points: capitals, no leading zeros, no selectors.

    >>> code_points("0023_fe0f_20e3")
    '23-20E3'
    """
    parts = (part.upper().lstrip("0") for part in re.split(r"[-_ ]", text))
    return "-".join(part for part in parts if part and part not in _SELECTORS)


def read_emoji_names(base: Path, keywords: Path) -> Names:
    """Read emojibase's English labels and emojilib's keywords, from their unpacked packages."""
    extra = {
        code_points("-".join(f"{ord(c):X}" for c in emoji)): texts
        for emoji, texts in _json(keywords / "dist" / "emoji-en-US.json").items()
    }
    names: dict[str, Emoji] = {}
    for entry in _json(base / "en" / "data.json"):
        code = code_points(entry["hexcode"])
        every = map(clean_text, [*entry.get("tags", []), *extra.get(code, [])])
        tags = tuple(t for t in remove_repeats(every) if re.fullmatch(r"[A-Za-z' ]{3,24}", t))
        group = GROUPS.get(str(entry.get("group", "")), "")
        names[code] = Emoji(entry["label"], tags, group, toned=False)
        for skin in entry.get("skins", []):
            names[code_points(skin["hexcode"])] = Emoji(skin["label"], tags, group, toned=True)
    return names


def emoji_captions(emoji: Emoji) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The captions and the tags of an emoji.

    >>> emoji_captions(Emoji("flag: Chile", ("CL",), "flag", False))
    (('flag of Chile',), ('flag', 'Chile'))
    >>> emoji_captions(Emoji("fox", ("face", "red fox"), "animal or nature", False))[0]
    ('fox', 'fox, face, red fox')
    """
    if emoji.label.startswith("flag: "):
        land = clean_text(emoji.label.removeprefix("flag: "))
        return (f"flag of {land}",), ("flag", land)
    label = clean_text(emoji.label.replace(":", ","))
    extra = [tag for tag in emoji.tags if tag.lower() not in label.lower()][:TAGS]
    longer = ", ".join([label, *extra[:SPOKEN]])
    return remove_repeats([label, longer]), (label, *extra)


def read_iconify(folder: Path, names: Names) -> Iterator[FoundPicture]:
    """Read a set of emoji of the @iconify-json packages: SVG bodies by name."""
    icons = _json(folder / "icons.json")
    chars = folder / "chars.json"
    codes: dict[str, str] = {}
    for code, name in (_json(chars) if chars.is_file() else {}).items():
        codes.setdefault(name, code_points(code))
    slugs = {re.sub(r"[^a-z0-9]+", "-", e.label.lower()).strip("-"): e for e in names.values()}
    # Some sets write the words of a name without hyphens.
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
            yield FoundPicture(name, *emoji_captions(emoji), emoji.group, _svg(icon, icons))


def _svg(icon: dict[str, Any], icons: dict[str, Any]) -> str:
    """Wrap an icon's body into an SVG; sizes that it does not state are the set's."""
    ordinary = {"left": 0, "top": 0, "width": 16, "height": 16}
    box = " ".join(str(icon.get(k, icons.get(k, value))) for k, value in ordinary.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}">{icon["body"]}</svg>'
    )


def read_icons(folder: Path, _names: Names) -> Iterator[FoundPicture]:
    """Read a set of icons of the @iconify-json packages, captioned by their own names."""
    return read_iconify(folder, {})


def read_assets(folder: Path, names: Names) -> Iterator[FoundPicture]:
    """Read emoji from a folder `assets` of WebP pictures that are named by code points."""
    for path in sorted((folder / "assets").glob("*.webp")):
        emoji = names.get(code_points(path.stem))
        if emoji is not None and not emoji.toned and "skin tone" not in emoji.label:
            yield FoundPicture(path.stem, *emoji_captions(emoji), emoji.group, path.read_bytes())


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PictureError(
            f"{path.name} of the package cannot be read: {error}; has its layout changed?"
        ) from error


# Folders of nearly equal drawings, of which only this share is kept.
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


SERIAL = 6  # a title that so many drawings share is that of a collection


# The catalogues of sweethome3d-furniture that are not under the package's CC-BY-3.0.
FURNITURE_LICENCES = {"BlendSwap-CC-0": "CC0-1.0"}


# Names of files that name the photographer, not what the photograph shows.
PHOTOGRAPHERS = ("bwerner", "dmottl", "loc", "mfield", "myrabella", "nasa", "spfld")


def read_clip_art(folder: Path, _names: Names) -> Iterator[FoundPicture]:
    """Read the clip art of openclipart-svg, captioned by its metadata."""
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
        subjects = remove_repeats(clean_text(s) for s in _all("rdf:li", text))
        subjects = tuple(s for s in subjects if s.lower() not in EMPTY_SUBJECTS)
        of_a_series = shared[title] >= SERIAL and len(re.findall("[a-z]", stem.lower())) > 3
        if len(title) > 2 and not EMPTY_TITLE.search(title) and not of_a_series:
            label = title
        else:
            label = stem if len(stem) > 2 else clean_text(path.parent.name)
        spoken = [s for s in subjects if s.lower() not in label.lower()][:4]
        said = [label, ", ".join([label, *spoken])]
        description = clean_text(next(_all("dc:description", text), ""))
        if 8 < len(description) < 120 and not EMPTY_TITLE.search(description):
            said.append(description)
        tags = remove_repeats([*subjects, *(clean_text(part) for part in path.parent.parts)])
        yield FoundPicture(
            name.removesuffix(".svg"), remove_repeats(said), tags, path.parts[0], text
        )


def _share(name: str) -> float:
    """The share of the drawings in this one's folder that is kept."""
    return next((share for pattern, share in REPETITIVE if pattern.search(name)), 1.0)


def _all(tag: str, text: str) -> Iterator[str]:
    """Find the content of each `tag` in an SVG's metadata."""
    metadata = re.search(r"<metadata.*?</metadata>", text, re.DOTALL)
    if metadata is not None:
        yield from re.findall(rf"<{tag}[^>]*>([^<]*)</{tag}>", metadata[0])


def _title(text: str) -> str:
    return clean_text(next(_all("dc:title", text), ""))


def _stem(stem: str) -> str:
    """Clean a file's name, without author and number: `barn_owl_john_doe_01` → "barn owl"."""
    if re.search(r"_\d+[a-z]?$|_$|_01", stem):
        stem = re.sub(r"_[a-z]+_[a-z]+_*\d*[a-z]?$", "", stem, flags=re.IGNORECASE)
    return clean_text(re.sub(r"\d+[a-z]?$", "", stem))


def read_furniture(folder: Path, _names: Names) -> Iterator[FoundPicture]:
    """Read the furniture of sweethome3d-furniture: catalogues of models with pictures."""
    shelf = _below(folder, "usr/share/sweethome3d/furniture")
    for path in sorted(shelf.glob("*.sh3f")):
        try:
            with zipfile.ZipFile(path) as catalogue:
                yield from _models(path.stem, catalogue)
        except (zipfile.BadZipFile, KeyError) as error:
            raise PictureError(
                f"{path.name} of the package cannot be read: {error}; has its layout changed?"
            ) from error


def _models(name: str, catalogue: zipfile.ZipFile) -> Iterator[FoundPicture]:
    lines = catalogue.read("PluginFurnitureCatalog.properties").decode("latin-1").splitlines()
    notes = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    members = set(catalogue.namelist())
    for key, value in notes.items():
        icon = value.strip().lstrip("/")
        if not key.startswith("icon#") or icon not in members:
            continue
        number = key.removeprefix("icon#")
        label = re.sub(r" \d+$", "", clean_text(notes.get(f"name#{number}", "")))
        category = clean_text(notes.get(f"category#{number}", ""))
        tags = map(clean_text, notes.get(f"tags#{number}", "").split(","))
        yield FoundPicture(
            f"{name}/{icon.rsplit('.', 1)[0]}",
            remove_repeats([label, f"{label}, {category}"]),
            remove_repeats([label, category, *tags]),
            "furniture",
            catalogue.read(icon),
            FURNITURE_LICENCES.get(name),
        )


def read_landscapes(folder: Path, _names: Names) -> Iterator[FoundPicture]:
    """Read the landscape photographs of endless-sky-data that are in the public domain."""
    copyright_file = _below(folder, "usr/share/doc/endless-sky-data/copyright")
    stanzas = read_licences(copyright_file.read_text(encoding="utf-8"))
    root = _below(folder, "usr/share/games/endless-sky")
    for path in sorted((root / "images" / "land").glob("*.jpg")):
        # By DEP 5 the last pattern that matches decides; but here "fields1*" (free) comes after
        # "*-sfiera*" (share-alike), and matches fields10-sfiera, too. So all must agree.
        if find_licences(path.relative_to(root).as_posix(), stanzas) != {"public-domain"}:
            continue
        what = clean_text(re.sub(r"\d.*", "", path.stem))
        said = () if what in PHOTOGRAPHERS else (f"{what} landscape",)
        yield FoundPicture(path.stem, said, (), "", path.read_bytes())


def read_licences(text: str) -> list[tuple[str, str]]:
    """Read Debian's machine-readable copyright format (DEP 5): (pattern of files, licence).

    >>> read_licences("Files: a/* b/c?\\nCopyright: me\\nLicense: GPL-3+\\n more of it\\n")
    [('a/*', 'GPL-3+'), ('b/c?', 'GPL-3+')]
    """
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w[\w-]*):((?:.|\n[ \t])*)", stanza, re.MULTILINE))
        if "Files" in fields and "License" in fields:
            licence = fields["License"].strip().split("\n")[0].strip()
            found += [(pattern, licence) for pattern in fields["Files"].split()]
    return found


def find_licences(name: str, stanzas: list[tuple[str, str]]) -> set[str]:
    """Find all licences that patterns in a file's own folder state for it.

    >>> stanzas = [("*", "MIT"), ("a/*", "CC0"), ("a/b*", "GPL-3+"), ("a/c*", "MIT")]
    >>> sorted(find_licences("a/b.png", stanzas))
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
