"""Which settings stand below the help of each command?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from vqclip import looking
from vqclip.config import InversionConfig, Setting, describe
from vqclip.screen import table
from vqclip.staging import GROUPS
from vqclip.training.settings import SCHEMAS

GENERAL = ("generate", "plan")  # what takes every setting shows every setting
DREAMT = ("negative", "style", "seed", "out", "device")
TIMED = ("frames", "length", "fps", "loop", "fade", "size", "steps", "seed", "out")


def epilog(name: str, abouts: Mapping[str, str]) -> str | None:
    """What stands below the options in a command's help; None: nothing.

    Args:
        abouts: what each command does, in a line.
    """
    if name in GENERAL:
        commands = table([(f"  {each}", about) for each, about in abouts.items()])
        return "\n".join(["commands:", commands, "", _settings(_all())])
    if name == "train":
        return _recipes()
    if name == "animate":
        return f"{_settings(_taken(name))}\nall others: vqclip --help"
    return _settings(_taken(name)) if name in TAKEN else None


def _all() -> list[Setting]:
    return [each for each in describe() if each.key != "prompts"]


def _taken(name: str) -> Iterable[Setting]:
    settings = describe(InversionConfig) if name == "invert" else _all()
    return [each for each in settings if TAKEN[name](each.key)]


def _settings(settings: Iterable[Setting]) -> str:
    rows = [(f"  {each.key}={each.default}", each.told) for each in settings]
    return "\n".join(["settings (key=value; here with their defaults):", table(rows, {0: 30})])


def _recipes() -> str:
    """The settings of every recipe of `train`."""
    lines = []
    for schema in dict.fromkeys(SCHEMAS.values()):
        names = " and ".join(name for name, each in SCHEMAS.items() if each is schema)
        rows = [
            (f"  {s.key.replace('begin', 'from')}={s.default}", s.help.removeprefix("from=: "))
            for s in describe(schema)
            if s.key != "recipe"
        ]
        lines += [f"settings of {names} (here with their defaults):", table(rows, {0: 30}), ""]
    return "\n".join(lines)


# Which settings a command that takes some of them shows, by their keys.
TAKEN: dict[str, Callable[[str], bool]] = {
    "animate": lambda key: key in TIMED or key.partition(".")[0] in (*GROUPS, "film"),
    "invert": lambda key: True,
    "film": lambda key: key.startswith("film.") and key != "film.every",
    "dream": lambda key: key.startswith("dream.") or key in DREAMT,
    **dict.fromkeys(("classify", "score", "search"), lambda key: key in looking.TAKEN),
}
