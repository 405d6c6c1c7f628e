"""File kinds: what a file is by its first bytes, whatever it is called.

For messages about files that no picture or film can be read from; see `describe_kind`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

OTHERS = ".heic .heif .hif .jxl .psd .psb .svg .xcf .cr2 .cr3 .orf .raf .raw .rw2 .x3f"
# Raw files that begin like TIFF
RAW_SUFFIXES = (".3fr", ".arw", ".dng", ".nef", ".nrw", ".pef", ".srw")
# Pictures that are not read: in folders they are named and passed over.
UNREAD_SUFFIXES = frozenset((*OTHERS.split(), *RAW_SUFFIXES))
EXAMINED = 4096  # bytes
SAVE = "save it as JPEG or PNG"
EXPORT = "export it as PNG"
RAW = ("a camera's raw file", f"develop it, and {SAVE}")
HEIC = ("a HEIC picture", SAVE)
HTML = ("a page of HTML", "download the file itself")
FILM = ("a film", "turn it into pictures: vqclip film FILM --format frames")
POINTER = "not the file itself"

# What a file begins with, as a pattern of bytes → what it is, and what helps.
SIGNATURES: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (rb"\Z", ("an empty file", "copy it or download it again")),
    (
        rb"version https://git-lfs",
        (f"a Git LFS pointer, {POINTER}", "get the picture with git lfs pull"),
    ),
    (
        rb"/annex/objects/",
        (f"a git-annex pointer, {POINTER}", "get the picture with git annex get"),
    ),
    (rb".{4}ftyp(?:hei|hev)", HEIC),
    (rb".{4}ftyp(?:mif1|msf1)(?!.{0,60}avi[fs])", HEIC),
    (rb".{4}ftypcrx ", RAW),
    (rb".{4}ftyp(?!avi[fs]|mif1|msf1)", FILM),
    (rb"\x1aE\xdf\xa3", FILM),
    (rb"RIFF.{4}AVI ", FILM),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", ("a JPEG XL picture", SAVE)),
    (rb"FUJIFILMCCD-RAW|II\*\0.{4}CR|IIR[OS]|IIU\0|MMOR|FOVb|\0MRM", RAW),
    (rb"8BPS", ("a Photoshop file", EXPORT)),
    (rb"gimp xcf", ("a GIMP file", EXPORT)),
    (rb"%PDF-", ("a PDF", EXPORT)),
    (rb"\x76\x2f\x31\x01|#\?RADIANCE", ("a picture of high dynamic range", SAVE)),
    (rb"PK\x03\x04", ("a zip archive", "unpack it first")),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)\b", HTML),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:svg\b|[?!].*<svg\b)", ("an SVG drawing", EXPORT)),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<[?!].*<html\b", HTML),
)


def identify_kind(path: Path | str) -> tuple[str, str] | None:
    """Identify a file of a kind that is known, but no picture that can be read.

    Returns:
        What it is and what helps, such as ("a HEIC picture", "save it as JPEG or PNG"); None if
        it begins like none of these, or cannot be opened.
    """
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(EXAMINED)
    except OSError:
        return None
    found = (kind for start, kind in SIGNATURES if re.match(start, head, re.DOTALL))
    is_raw = head[:4] in (b"II*\0", b"MM\0*") and str(path).lower().endswith(RAW_SUFFIXES)
    return next(found, RAW if is_raw else None)


def describe_kind(path: Path | str) -> str | None:
    """Say what a file is, and what helps: "is a HEIC picture; save it as JPEG or PNG".

    Returns:
        The predicate of a sentence about the file; None as for `identify_kind`.
    """
    kind = identify_kind(path)
    if kind is None:
        return None
    what, remedy = kind
    named = os.path.splitext(path)[1].lower() in UNREAD_SUFFIXES or "pty" in what
    return f"is {what}{'' if named else ', whatever its name says'}; {remedy}"


def describe_passed_over(files: Iterable[Path]) -> list[str]:
    """Say which of many files are pictures of kinds that are not read, by their suffixes.

    Returns:
        A sentence for each kind, such as "passed over a.heic and 2 more (a HEIC picture; save it
        as JPEG or PNG)".
    """
    found: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(set(files)):
        if path.suffix.lower() in UNREAD_SUFFIXES:
            kind = identify_kind(path) or ("of a kind that is not read", SAVE)
            found.setdefault(kind, []).append(path)
    return [
        f"passed over {paths[0]}{f' and {len(paths) - 1} more' * (len(paths) > 1)} "
        f"({what}; {remedy})"
        for (what, remedy), paths in found.items()
    ]
