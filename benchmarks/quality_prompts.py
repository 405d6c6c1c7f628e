"""The prompts that are measured, and a check that the data does not have their combinations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vqclip.errors import ConfigError
from vqclip.training.data import archives, compose

PROMPTS = Path(__file__).with_suffix(".yaml")
# Words that name nothing; those of the relations are among them.
SMALL = frozenset(["a", "an", "the", "of", "to", "next"]) | {
    word for word, _ in compose.RELATIONS
}


@dataclass(frozen=True)
class Wish:
    """A prompt, and the drawings that would show it."""

    prompt: str
    things: tuple[str, ...]
    tint: str | None = None
    relation: str | None = None

    @property
    def kind(self) -> str:
        """Which of "known", "tinted" and "pair" it is; the last two are combinations."""
        if len(self.things) > 1:
            return "pair"
        return "known" if self.tint is None else "tinted"


def wishes(path: Path = PROMPTS) -> list[Wish]:
    """Read the prompts.

    Raises:
        ConfigError: if a line lacks what it needs, or names a colour or a relation that is none.
    """
    found = []
    relations = [word for word, _ in compose.RELATIONS]
    for row in yaml.safe_load(path.read_text(encoding="utf-8")):
        try:
            wish = Wish(**{**row, "things": tuple(row["things"])})
        except (TypeError, KeyError) as error:
            raise ConfigError(
                f"{path.name}: {row} needs a prompt and things ({error}); mend the line"
            ) from error
        if wish.tint is not None and wish.tint not in archives.COLOURS:
            raise ConfigError(
                f"{path.name}: {wish.prompt}: {wish.tint!r} is not a colour; "
                f"expected one of {', '.join(archives.COLOURS)}"
            )
        if len(wish.things) > 1 and wish.relation not in relations:
            raise ConfigError(
                f"{path.name}: {wish.prompt}: the relation is {wish.relation!r}; "
                f"expected one of {', '.join(relations)}"
            )
        found.append(wish)
    return found


def words(text: str) -> frozenset[str]:
    """The words of a text that name things and colours.

    >>> sorted(words("A cat next to the red key"))
    ['cat', 'key', 'red']
    """
    return frozenset(re.findall(r"[a-z0-9']+", text.lower())) - SMALL


def refuse_known(wished: Iterable[Wish], captions: Iterable[str]) -> None:
    """Check that no caption holds all words of a combination, in whatever order.

    Raises:
        ConfigError: if one does.
    """
    sets = {words(caption): caption for caption in captions}
    for wish in wished:
        if wish.kind == "known":
            continue
        wanted = words(wish.prompt)
        for held, caption in sets.items():
            if wanted <= held:
                raise ConfigError(
                    f"{wish.prompt!r} is no new combination: the caption {caption!r} has its "
                    "words; choose another one in the prompts' file"
                )


def records(
    folder: Path, names: Sequence[str] = ("illustrations", "photos")
) -> list[dict[str, Any]]:
    """The lines of the data folder's tables, of those that are there."""
    found: list[dict[str, Any]] = []
    for name in names:
        table = folder / f"{name}.jsonl"
        if table.is_file():
            found += map(json.loads, table.read_text(encoding="utf-8").splitlines())
    return found


def captions(rows: Iterable[dict[str, Any]]) -> list[str]:
    """All captions in the tables."""
    found: list[str] = []
    for row in rows:
        found += row.get("captions") or [row.get("caption") or row.get("parent_caption") or ""]
    return found
