"""What do the emoji packages hold? Readers of icon sets and of folders of pictures.

Labels and keywords are Unicode's, by code point or, in sets that go by names, by name. Variants
in a skin tone are left out: they are many and alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vqclip.errors import PictureError
from vqclip.training.sources import Emoji, Found, Names

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
