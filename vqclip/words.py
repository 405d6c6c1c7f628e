"""Words of the artist's own: `<my-cat>` in a text, and which file teaches it.

A word lies in a folder `embeddings/`, under its name: `embeddings/my-cat.safetensors`, as
`vqclip invert` writes it, or `.pt` or `.bin`, as others do. The folder is looked for where the
user stands and wherever else `vqclip.folders` says. `<my-cat.pt>` names the file itself.
What is in the file is the business of `vqclip.models.learnt`; here nothing is opened, and a
missing word is refused before torch is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.folders import HERE

FOLDER = "embeddings"
KINDS = (".safetensors", ".pt", ".bin")  # in the order of preference
MARK = re.compile(r"<([A-Za-z0-9_](?:[\w.-]*\w)?)>")
NAME = re.compile(r"[A-Za-z0-9_](?:[\w.-]*\w)?")


def named_in(text: str) -> list[str]:
    """Name the words that a text asks for, each once, in order.

    >>> named_in("a photo of <my-cat> and <my-dog>, like <my-cat>")
    ['my-cat', 'my-dog']
    >>> named_in("a < b, c> and <3")
    []
    """
    return list(dict.fromkeys(MARK.findall(text)))


def parts(text: str) -> list[tuple[str, bool]]:
    """Part a text into (piece, whether it is the name of a word), in order, none empty.

    >>> parts("a photo of <my-cat>, wet")
    [('a photo of ', False), ('my-cat', True), (', wet', False)]
    """
    pieces = MARK.split(text)
    found = [(piece, index % 2 == 1) for index, piece in enumerate(pieces)]
    return [(piece, named) for piece, named in found if piece]


def check_name(name: str) -> str:
    """Return a name that a new word may have.

    Raises:
        ConfigError: if it could not be written between angle brackets, or is no name for a file.
    """
    inner = name.removeprefix("<").removesuffix(">")
    if NAME.fullmatch(inner) is None or len(inner) > 100:
        raise ConfigError(
            f"a word cannot be called {name[:60]!r}; use letters, digits, - and _, such as "
            "my-cat, which prompts then write <my-cat>"
        )
    return inner


def find(name: str, folders: Sequence[Path]) -> Path:
    """Find the file that teaches a word.

    Raises:
        PromptError: if there is none, with the nearest that there is.
    """
    for folder in folders:
        for path in (folder / name, *(folder / f"{name}{kind}" for kind in KINDS)):
            if path.suffix in KINDS and path.is_file():
                return path
    there = listing(folders)
    where = " nor in ".join(str(folder) for folder in folders)
    known = f" (there are: {', '.join(f'<{each}>' for each in there)})" if there else ""
    raise PromptError(
        f"nobody has taught the word <{name}>: {name}{KINDS[0]} is not in {where}"
        f"{suggest(name, there)}{known}; learn it from pictures: vqclip invert PHOTOS… "
        f"--token {name}; or write it without < and >"
    )


def listing(folders: Iterable[Path]) -> list[str]:
    """Name the words that lie in folders, in order of the alphabet."""
    found = {
        path.stem
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix in KINDS and path.is_file()
    }
    return sorted(found)


def used(texts: Iterable[str], folders: Sequence[Path] = HERE) -> dict[str, Path]:
    """Find the files of all words that texts ask for: name → file, in order.

    Args:
        folders: in which a folder `embeddings/` is looked for.

    Raises:
        PromptError: for the first that is missing.
    """
    names = dict.fromkeys(name for text in texts for name in named_in(text))
    inside = [folder / FOLDER for folder in folders]
    return {name: find(name, inside) for name in names}
