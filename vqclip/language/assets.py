"""The search path for pictures, masks, learnt words and directions; learnt words.

Files are searched for in the working directory, then beside the picture or run that is drawn
again or resumed, then in the folder of the setting `assets`, by default that of the run file or
of the file of prompts. The same goes for files of choices (`vqclip.language.prompt_templates`).

A learnt word is a file in a folder `embeddings/`, or in a folder within: `<my-cat>` is
`embeddings/my-cat.safetensors`, as `vqclip invert` writes it, or `.pt` or `.bin`, as other tools
do. `<my-cat.pt>` names the file itself. Prompts can write names of letters, digits, `_`, `-` and
`.`; a file of another name has to be renamed, and messages say how. Nothing is opened here, so
that a missing word is refused before torch is imported; `vqclip.models.zoo.word_embedding` reads
the files.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from vqclip.errors import ConfigError, PictureError, PromptError, suggest


@dataclass(frozen=True)
class SearchPath:
    """The folders in which a run's files are searched for, in order.

    It is made from a run's settings once, and passed on: no function has one by default, so that
    none can forget where else a file may lie.
    """

    folders: tuple[Path, ...]

    @classmethod
    def current(cls) -> SearchPath:
        """Make the search path of the working directory alone."""
        return cls.from_settings("")

    @classmethod
    def from_settings(cls, assets: str, run: Path | None = None) -> SearchPath:
        """Make the search path of a run.

        Args:
            assets: the setting; "" for none.
            run: the folder of the picture or run that is drawn again or resumed.
        """
        further = [] if run is None else [run]
        further += [Path(os.path.expanduser(assets))] if assets else []
        return cls(tuple(dict.fromkeys((Path(), *further))))

    def find(self, name: str) -> Path:
        """Find a file or folder: the first match, else the path as written.

        Raises:
            PictureError: for a web address, of which a path would be nonsense.
        """
        path = Path(os.path.expanduser(name))
        for folder in self.folders:
            if os.path.exists(folder / path):
                return folder / path
        refuse_address(name)
        return path


ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://\S*", re.IGNORECASE)


def refuse_address(name: str, what: str = "file") -> None:
    """Refuse an address where a file, or `what`, is expected; anything else passes.

    Raises:
        PictureError: that names it as it was written.
    """
    if not ADDRESS.fullmatch(name.strip()):
        return
    kind, _, rest = name.strip().partition("://")
    if what != "file":
        raise PictureError(f"{name} is an address, where {what} on the disk is expected")
    if kind.lower() == "file":
        path = unquote(rest) or "photo.png"
        raise PictureError(f"{name} is an address; write the path of the file: {path}")
    raise PictureError(
        f"{name} is an address, but files are read from the disk; save it there first, and write "
        "the file's name"
    )


def infer_assets(file: Path) -> str:
    """Infer the setting `assets` of a run file: its folder, or "" for the working directory."""
    here = file.parent.resolve() == Path().resolve()
    return "" if here else str(file.parent)


WORD_FOLDER = "embeddings"
WORD_SUFFIXES = (".safetensors", ".pt", ".bin")  # in the order of preference
WORD_MARK = re.compile(r"<([A-Za-z0-9_](?:[\w.-]*\w)?)>")
WORD_NAME = re.compile(r"[A-Za-z0-9_](?:[\w.-]*\w)?")


def find_word_names(text: str) -> list[str]:
    """List the names of the learnt words in a text, each once, in order.

    >>> find_word_names("a photo of <my-cat> and <my-dog>, like <my-cat>")
    ['my-cat', 'my-dog']
    >>> find_word_names("a < b, c> and <3")
    []
    """
    return list(dict.fromkeys(WORD_MARK.findall(text)))


def split_learnt_words(text: str) -> list[tuple[str, bool]]:
    """Split a text into (piece, is the name of a learnt word), in order, none empty.

    >>> split_learnt_words("a photo of <my-cat>, wet")
    [('a photo of ', False), ('my-cat', True), (', wet', False)]
    """
    pieces = WORD_MARK.split(text)
    found = [(piece, index % 2 == 1) for index, piece in enumerate(pieces)]
    return [(piece, named) for piece, named in found if piece]


def check_word_name(name: str) -> str:
    """Check the name of a new word, and return it without angle brackets.

    Raises:
        ConfigError: if it cannot be written between angle brackets, or as a file's name.
    """
    inner = name.removeprefix("<").removesuffix(">")
    if WORD_NAME.fullmatch(inner) is None or len(inner) > 100:
        raise ConfigError(
            f"a word cannot be called {name[:60]!r}; use letters, digits, - and _, such as "
            "my-cat, which prompts then write <my-cat>"
        )
    return inner


def find_word(name: str, folders: Sequence[Path]) -> Path:
    """Find the embedding file of a learnt word.

    Args:
        folders: the folders `embeddings/`, in order.

    Raises:
        PromptError: if there is none, with the nearest name, or if it is in several folders.
    """
    name = _composed(name)
    for folder in folders:
        for path in (folder / name, *(folder / f"{name}{kind}" for kind in WORD_SUFFIXES)):
            if path.suffix in WORD_SUFFIXES and path.is_file():
                return path
        found = [p for p in _word_files(folder) if name in map(_composed, (p.name, p.stem))]
        if len(places := {path.parent for path in found}) > 1 and folder not in places:
            raise PromptError(
                f"the word <{name}> is in {' and in '.join(sorted(map(str, places)))}; rename "
                "one of the files"
            )
        if found:
            kinds = [*WORD_SUFFIXES]
            return min(
                found, key=lambda p: (p.parent != folder, kinds.index(p.suffix.lower()), p)
            )
    there = list_words(folders)
    where = " nor in ".join(str(folder) for folder in folders)
    known = f" (there are: {', '.join(f'<{each}>' for each in there)})" if there else ""
    if others := [path for path in _word_files(*folders) if _needs_name(path)]:
        known += f"; to use {', '.join(repr(path.name) for path in others[:8])}, rename "
        known += "the file" if len(others) == 1 else "the files"
        known += f", as in {propose_word_name(others[0].stem)}{others[0].suffix}"
    raise PromptError(
        f"the word <{name}> has not been learnt: {name}{WORD_SUFFIXES[0]} is not in "
        f"{where}{suggest(name, there)}{known}; learn it from pictures: vqclip invert PHOTOS… "
        f"--token {name}; or write it without < and >"
    )


def list_words(folders: Iterable[Path]) -> list[str]:
    """List the names of the learnt words in folders that prompts can write, sorted."""
    files = _word_files(*folders)
    return sorted({_composed(path.stem) for path in files if not _needs_name(path)})


def lint_word_names(texts: Iterable[str], search_path: SearchPath) -> list[str]:
    """List hints about `<names>` in texts that are files of words, but cannot be written so.

    Args:
        texts: with a null character for each that is literal.
    """
    names = dict.fromkeys(name for text in texts for name in _ANY_NAME.findall(text))
    names = dict.fromkeys(name for name in names if WORD_NAME.fullmatch(name) is None)
    if not names:
        return []
    files = {
        path: path.relative_to(folder)
        for folder in (each / WORD_FOLDER for each in search_path.folders)
        for path in _word_files(folder)
    }
    found = []
    for name in names:
        for path, inner in files.items():
            known = (path.name, path.stem, str(inner), str(inner.with_suffix("")))
            if _composed(name).lower() not in (_composed(each).lower() for each in known):
                continue
            twice = any(each.stem == path.stem for each in files if each.parent != path.parent)
            if twice or _needs_name(path):
                new = propose_word_name(f"{path.parent.name}-{path.stem}" if twice else path.stem)
                mend = f"rename {str(path)!r} to {new + path.suffix!r} and write <{new}>"
            else:
                mend = f"for {path} write <{_composed(path.stem)}>"
            found.append(f"'<{name}>' is only words, since such a name cannot be written; {mend}")
            break
    return found


def propose_word_name(stem: str) -> str:
    """Propose a name that prompts can write, like that of a file.

    >>> propose_word_name("Élan (1)"), propose_word_name("猫")
    ('Elan-1', 'my-word')
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    found = re.sub(r"[^\w.]+", "-", plain).strip("-.")
    return found if WORD_NAME.fullmatch(found) else "my-word"


_ANY_NAME = re.compile(r"<([^<>|^\0\n]{1,200})>")


def _composed(name: str) -> str:  # macOS takes letters and their accents apart
    return unicodedata.normalize("NFC", name)


def _needs_name(path: Path) -> bool:  # that prompts can write
    return WORD_NAME.fullmatch(_composed(path.stem)) is None


def _word_files(*folders: Path) -> list[Path]:
    """List the files of words in folders and the folders within, those of a folder sorted."""
    return [
        path
        for folder in folders
        for path in sorted(
            Path(where, name) for where, _, names in os.walk(folder) for name in names
        )
        if path.suffix.lower() in WORD_SUFFIXES and path.is_file()
    ]


def find_learnt_words(texts: Iterable[str], search_path: SearchPath) -> dict[str, Path]:
    """Find the embedding files of all learnt words in texts: name → file, in order.

    Args:
        search_path: its folders may hold a folder `embeddings/`.

    Raises:
        PromptError: for the first word that is missing.
    """
    names = dict.fromkeys(name for text in texts for name in find_word_names(text))
    inside = [folder / WORD_FOLDER for folder in search_path.folders]
    return {name: find_word(name, inside) for name in names}
