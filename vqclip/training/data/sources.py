"""Public packages that training pictures come from.

A source is a package, at the version that the shipped weights were trained on, with its licence,
the style that its captions name, and the kind of reader for its layout. A reader is
`(unpacked package, emoji names) -> iterator of FoundPicture`.

Nothing is installed: npm and apt-get only download, from wherever they are configured to.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.errors import VqclipError

# What to install for a program that is missing.
PROGRAMS = {
    "npm": "it comes with Node.js",
    "apt-get": "Debian and its children have it; gather this source there",
    "dpkg": "Debian and its children have it; gather this source there",
}


@dataclass(frozen=True)
class Package:
    """A public package at one version; `manager` is "npm" or "deb"."""

    manager: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.manager}:{self.name}@{self.version}"


@dataclass(frozen=True)
class Source:
    """A source of pictures: a package whose pictures are all of one style.

    Args:
        kind: of its reader.
        licence: of every picture for which the reader finds no other.
        licence_class: such as "permissive".
        style: that captions name.
        group: "illustrations" or "photos".
        drop_glyphs: whether black two-tone glyphs are left out.
        scale: drawings that fill only a part of their page are drawn so many times as large
            before they are trimmed.
    """

    name: str
    kind: str
    package: Package
    licence: str
    licence_class: str
    style: str
    group: str = "illustrations"
    drop_glyphs: bool = False
    scale: int = 1


@dataclass(frozen=True)
class FoundPicture:
    """A picture as it is found in a package.

    Args:
        name: unique in its source; may contain slashes.
        captions: the shortest name first; none if nothing is known.
        picture: an SVG's text, or an encoded picture's bytes.
        licence: its own licence, where the package states one for each file.
    """

    name: str
    captions: tuple[str, ...]
    tags: tuple[str, ...]
    group: str
    picture: str | bytes
    licence: str | None = None


@dataclass(frozen=True)
class Emoji:
    """Unicode's label and keywords of an emoji; `toned` if it is a variant in a skin tone."""

    label: str
    tags: tuple[str, ...]
    group: str
    toned: bool


Names = Mapping[str, Emoji]
Reader = Callable[[Path, Names], Iterator[FoundPicture]]
Run = Callable[[Sequence[str], Path], None]
Fetch = Callable[[Package, Path], None]

EMOJI_NAMES = Package("npm", "emojibase-data", "17.0.0")
EMOJI_WORDS = Package("npm", "emojilib", "4.0.3")


def _icons(name: str, version: str, licence: str, style: str, kind: str = "iconify") -> Source:
    package = Package("npm", f"@iconify-json/{name}", version)
    return Source(name, kind, package, licence, "permissive", style)


def _debian(name: str, version: str, kind: str, licence: str, style: str) -> Source:
    package = Package("deb", name, version)
    group = "photos" if kind == "landscapes" else "illustrations"
    clip_art = kind == "clip art"
    scale = 2 if clip_art else 1
    return Source(name, kind, package, licence, "permissive", style, group, clip_art, scale)


# Of two near-duplicates, the one of the source listed first is kept.
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        _icons("noto", "1.2.9", "Apache-2.0", "emoji"),
        _icons("twemoji", "1.2.5", "CC-BY-4.0", "flat emoji"),
        _icons("fluent-emoji-flat", "1.2.6", "MIT", "flat emoji"),
        _icons("flat-color-icons", "1.2.3", "MIT", "flat icon", kind="icons"),
        _debian(
            *("openclipart-svg", "1:0.18+dfsg-19", "clip art"),
            *("Public Domain (CC PD dedication)", "clip art"),
        ),
        Source(
            *("fluent-emoji-3d", "pictures", Package("npm", "@lobehub/fluent-emoji-3d", "1.1.0")),
            *("MIT", "permissive", "3d emoji"),
        ),
        _icons("noto-v1", "1.2.5", "Apache-2.0", "blob emoji"),
        _icons("fxemoji", "1.2.2", "Apache-2.0", "flat emoji"),
        _icons("emojione", "1.2.3", "CC-BY-4.0", "emoji"),
        _icons("fluent-emoji", "1.2.7", "MIT", "shiny emoji"),
        _debian("sweethome3d-furniture", "1.8-1", "catalogue", "CC-BY-3.0", "3d render"),
        _debian("endless-sky-data", "0.9.8-1.2", "landscapes", "public-domain", "photo"),
    )
}


def run_command(words: Sequence[str], folder: Path) -> None:
    """Run a program in a folder, without showing its output.

    Raises:
        VqclipError: if the program does not exist, or fails; with the end of its output.
    """
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        advice = PROGRAMS.get(words[0], "install it")
        raise VqclipError(f"{words[0]} is not on this machine; {advice}") from error
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise VqclipError(
            f"`{' '.join(words)}` failed with code {done.returncode}: "
            f"{' / '.join(said[-3:]) or 'it said nothing'}"
        )


def fetch_package(package: Package, folder: Path, run: Run = run_command) -> None:
    """Download a package, and unpack its files into `folder`.

    Raises:
        VqclipError: if npm, apt-get or dpkg is missing, if this version of the package cannot be
            downloaded, or if the download is no archive.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as place:
        download = Path(place)
        if package.manager == "npm":
            words = ["npm", "pack", f"{package.name}@{package.version}"]
            _unpack(_download(package, words, "*.tgz", download, run), folder)
        else:
            words = ["apt-get", "download", f"{package.name}={package.version}"]
            archive = _download(package, words, "*.deb", download, run)
            run(["dpkg", "-x", str(archive.resolve()), str(folder.resolve())], download)


def _download(
    package: Package, words: Sequence[str], pattern: str, folder: Path, run: Run
) -> Path:
    wish = f"{package.name} {package.version} cannot be had"
    try:
        run(words, folder)
    except VqclipError as error:
        hint = "is there a network, and a Debian that has this version (apt-get update)?"
        advice = hint if package.manager == "deb" else "is there a network?"
        raise VqclipError(f"{wish}: {error}; {advice}") from error
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise VqclipError(
            f"{wish}: `{' '.join(words)}` left {len(found)} files like {pattern}, not one; "
            "run it by hand to see why"
        )
    return found[0]


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an npm archive, without its top folder."""
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = member.name.partition("/")[2]
                if name and member.isfile():
                    packed.extract(member.replace(name=name), folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise VqclipError(
            f"{archive.name} cannot be unpacked: {error}; run this again to download it again"
        ) from error
