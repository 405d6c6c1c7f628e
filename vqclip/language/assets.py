"""The search path for pictures, masks, learnt words and named directions.

Pictures, masks, learnt words, directions and files of choices are looked for where you stand,
then beside the picture or run that is made again or goes on, then in the folder `assets`, which
is that of the run file, or of the file of prompts, unless it is set.

A word lies in a folder `embeddings/`, under its name: `embeddings/my-cat.safetensors`, as
`vqclip invert` writes it, or `.pt` or `.bin`, as others do. The folder is looked for where the
user stands and wherever else `vqclip.language.assets` says. `<my-cat.pt>` names the file itself.
What is in the file is the business of `models.zoo.word_embedding`; here nothing is opened, and a
missing word is refused before torch is imported.

`vqclip direction "letters | a caption" "a picture" --name plain` writes the file
`directions/plain.json`: both lists, and the direction itself for each perceptor that was asked.
`vector(plain)` in a prompt goes along it, `vector(plain):-1` away from it. pixray's vector
prompts came from such differences of means, made by its `vectorize.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError, OutputError, PromptError, suggest

HERE = (Path(),)  # where the user stands


def search_path(assets: str = "", run: Path | None = None) -> tuple[Path, ...]:
    """List the folders of a run, in the order in which they are asked.

    Args:
        assets: the setting; "" for none.
        run: the folder of what is made again or goes on.
    """
    further = [] if run is None else [run]
    further += [Path(os.path.expanduser(assets))] if assets else []
    return tuple(dict.fromkeys((*HERE, *further)))


def find_asset(name: str, folders: Sequence[Path] = HERE) -> Path:
    """Find a file or folder; in none of them it is taken from where the user stands.

    So errors name what was written.
    """
    path = Path(os.path.expanduser(name))
    return next((f / path for f in folders if os.path.exists(f / path)), path)


def assets_beside(file: Path) -> str:
    """What `assets` is for a run file: its folder, or "" where that is where the user stands."""
    here = file.parent.resolve() == Path().resolve()
    return "" if here else str(file.parent)


WORD_FOLDER = "embeddings"


WORD_SUFFIXES = (".safetensors", ".pt", ".bin")  # in the order of preference


MARK = re.compile(r"<([A-Za-z0-9_](?:[\w.-]*\w)?)>")


WORD_NAME = re.compile(r"[A-Za-z0-9_](?:[\w.-]*\w)?")


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
    if WORD_NAME.fullmatch(inner) is None or len(inner) > 100:
        raise ConfigError(
            f"a word cannot be called {name[:60]!r}; use letters, digits, - and _, such as "
            "my-cat, which prompts then write <my-cat>"
        )
    return inner


def find_word(name: str, folders: Sequence[Path]) -> Path:
    """Find the file that teaches a word.

    Raises:
        PromptError: if there is none, with the nearest that there is.
    """
    for folder in folders:
        for path in (folder / name, *(folder / f"{name}{kind}" for kind in WORD_SUFFIXES)):
            if path.suffix in WORD_SUFFIXES and path.is_file():
                return path
    there = list_words(folders)
    where = " nor in ".join(str(folder) for folder in folders)
    known = f" (there are: {', '.join(f'<{each}>' for each in there)})" if there else ""
    raise PromptError(
        f"nobody has taught the word <{name}>: {name}{WORD_SUFFIXES[0]} is not in {where}"
        f"{suggest(name, there)}{known}; learn it from pictures: vqclip invert PHOTOS… "
        f"--token {name}; or write it without < and >"
    )


def list_words(folders: Iterable[Path]) -> list[str]:
    """Name the words that lie in folders, in order of the alphabet."""
    found = {
        path.stem
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix in WORD_SUFFIXES and path.is_file()
    }
    return sorted(found)


def used_words(texts: Iterable[str], folders: Sequence[Path] = HERE) -> dict[str, Path]:
    """Find the files of all words that texts ask for: name → file, in order.

    Args:
        folders: in which a folder `embeddings/` is looked for.

    Raises:
        PromptError: for the first that is missing.
    """
    names = dict.fromkeys(name for text in texts for name in named_in(text))
    inside = [folder / WORD_FOLDER for folder in folders]
    return {name: find_word(name, inside) for name in names}


DIRECTION_FOLDER = "directions"  # in one of the folders of `vqclip.language.assets`


DIRECTION_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}")


MOST_BYTES = 2**24


@dataclass(frozen=True)
class Direction:
    """A direction in the space of perceptors.

    Args:
        there: words that have it, or "@" and a picture.
        lacking: words or pictures that lack it.
        vectors: of perceptors, by the sha256 of their weights: numbers, of length 1 together.
    """

    there: tuple[str, ...]
    lacking: tuple[str, ...]
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def in_words(self) -> bool:
        """Whether it is made of words only, so that any perceptor can work it out."""
        return not any(each.startswith("@") for each in (*self.there, *self.lacking))


# Away from lettering, which CLIP's captions bring into pictures; the name is pixray's.
KNOWN = {
    "textoff": Direction(
        there=("a picture", "a drawing", "a photograph", "a painting"),
        lacking=("text", "letters", "a caption", "a watermark", "a signature", "handwriting"),
    ),
}


def find_direction(name: str, folders: Sequence[Path] = HERE) -> Direction:
    """Look a direction up: in `directions/` in one of some folders, or among the known.

    Raises:
        PromptError: if there is none of the name, or its file is none.
    """
    inside = [folder / DIRECTION_FOLDER for folder in folders]
    for folder in inside if DIRECTION_NAME.fullmatch(name) else []:
        path = folder / f"{name}.json"
        if path.is_file():
            return _read(path)
    if name in KNOWN:
        return KNOWN[name]
    there = {path.stem for folder in inside if folder.is_dir() for path in folder.glob("*.json")}
    names = sorted({*KNOWN, *there})
    raise PromptError(
        f"there is no direction {name[:60]!r}{suggest(name[:60], names)} (there are: "
        f"{', '.join(names)}); vqclip direction makes one"
    )


def path_of(name: str) -> Path:
    """Where a new direction goes.

    Raises:
        PromptError: if the name is no name.
        OutputError: if there is one already.
    """
    if DIRECTION_NAME.fullmatch(name) is None:
        raise PromptError(
            f"a direction cannot be called {name[:60]!r}; take letters, digits, - and _"
        )
    path = Path(DIRECTION_FOLDER) / f"{name}.json"
    if os.path.exists(DIRECTION_FOLDER) and not os.path.isdir(DIRECTION_FOLDER):
        raise OutputError(
            f"{DIRECTION_FOLDER} is a file, and directions go into a folder of that name"
        )
    if os.path.lexists(path):
        raise OutputError(f"{path} is there already; take another --name, or move it away")
    return path


def to_json(direction: Direction) -> str:
    """What stands in a direction's file."""
    return json.dumps(asdict(direction), ensure_ascii=False, indent=1) + "\n"


def digest(direction: Direction) -> str:
    """A sha256 of what a direction says, for the notes."""
    return hashlib.sha256(to_json(direction).encode()).hexdigest()


def _read(path: Path) -> Direction:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_BYTES + 1)
        found = json.loads(text) if len(text) <= MOST_BYTES else None
        return _checked(found)
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise PromptError(
            f"{path} cannot be read as a direction ({error}); make it again with vqclip direction"
        ) from error


def _checked(found: Any) -> Direction:
    """Make a direction of what a file holds."""
    there, lacking = (tuple(found[key]) for key in ("there", "lacking"))
    if not (there and lacking and all(isinstance(each, str) for each in (*there, *lacking))):
        raise ValueError("it lacks words")
    vectors = {
        str(key): [float(number) for number in numbers]
        for key, numbers in dict(found.get("vectors", {})).items()
    }
    return Direction(there, lacking, vectors)
