"""`vqclip help settings`: every setting, by its group, its key, or words of its help."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

from vqclip.cli.command_help import as_typed, setting_row, settings
from vqclip.cli.output import Console
from vqclip.config.setting_descriptions import Setting, describe_settings, list_groups
from vqclip.errors import ConfigError, suggest
from vqclip.training.settings import SCHEMAS, InversionConfig

LISTED = "settings, as key=value; here with their defaults:"
MORE = (
    ("vqclip help settings camera", "the settings of a group"),
    ("vqclip help settings camera.zoom", "one setting"),
    ("vqclip help settings colour", "the settings with that word in their help"),
    ("vqclip help settings invert", "the settings of vqclip invert (or of vqclip train)"),
)


def show(words: Sequence[str], screen: Console) -> None:
    """Print the settings that words name, or all groups if there are none.

    Raises:
        ConfigError: if there is no such group or setting, and no help has these words.
    """
    found = dict(_found(words))
    for title, rows in found.items():
        for each in rows:
            screen.event("setting", of=title, **dataclasses.asdict(each))
    if len(words) == 1 and words[0] in settings():
        if not screen.json:
            _tell(settings()[words[0]], screen)
        return
    for number, (title, rows) in enumerate(found.items()):
        screen.result("\n" * (number > 0) + title)
        screen.table([_indented(setting_row(each)) for each in rows])
    if not words:
        screen.result("\ngroups of settings:")
        screen.table([_indented((f"{name}.…", about)) for name, about in list_groups().items()])
        screen.result("\nmore:")
        screen.table([_indented(row) for row in MORE])


def _found(words: Sequence[str]) -> Iterator[tuple[str, list[Setting]]]:
    """The settings that words name, below a title for each command that takes them."""
    every, other = list(settings().values()), dict(_others())
    if not words:
        yield LISTED, [each for each in every if "." not in each.key and each.key != "prompts"]
        return
    name = words[0].strip(".…=") if len(words) == 1 else ""
    if name in list_groups():
        yield f"{name}: {list_groups()[name]}", [s for s in every if s.key.startswith(f"{name}.")]
        return
    if name in settings():
        yield LISTED, [settings()[name]]
        return
    commands = ("invert", "train")
    if name in commands:
        yield from ((title, rows) for title, rows in other.items() if name in title)
        return
    hits = {title: _with(words, rows) for title, rows in {LISTED: every, **other}.items()}
    if not any(hits.values()):
        known = [*list_groups(), *settings(), *commands, *_vocabulary(every)]
        raise ConfigError(
            f"no setting has {' '.join(words)!r} in its name or its help"
            f"{suggest(' '.join(words), known)} (all: vqclip help settings)"
        )
    yield from ((title, rows) for title, rows in hits.items() if rows)


def _others() -> Iterator[tuple[str, list[Setting]]]:
    """The settings of the commands that have their own."""
    yield "settings of vqclip invert:", list(describe_settings(InversionConfig))
    for schema in dict.fromkeys(SCHEMAS.values()):
        names = " and ".join(name for name, each in SCHEMAS.items() if each is schema)
        rows = [as_typed(each) for each in describe_settings(schema) if each.key != "recipe"]
        yield f"settings of {names} (vqclip train; here with their defaults):", rows


def _with(words: Sequence[str], rows: Sequence[Setting]) -> list[Setting]:
    """The settings whose keys or helps have all words, each at the beginning of a word."""
    signs = [re.compile(rf"(?<![^\W_]){re.escape(word)}", re.IGNORECASE) for word in words]
    return [
        each
        for each in rows
        if all(sign.search(f"{each.key} {each.full_help}") for sign in signs)
    ]


def _vocabulary(rows: Sequence[Setting]) -> list[str]:
    """The longer words of helps, which somebody may have meant."""
    found = re.findall(r"[^\W\d_]{4,}", " ".join(f"{each.key} {each.full_help}" for each in rows))
    return list(dict.fromkeys(word.lower() for word in found))


def _tell(setting: Setting, screen: Console) -> None:
    """One setting in full."""
    rows: Mapping[str, str] = {
        "default": setting.default or "(empty)",
        "takes": ", ".join(setting.choices) or setting.kind,
        "does": setting.help,
    }
    if setting.drawers:
        rows = {**rows, "drawers": ", ".join(setting.drawers)}
    screen.result(f"{setting.key}={setting.default}")
    screen.table([_indented(row) for row in rows.items()])


def _indented(row: Sequence[str]) -> tuple[str, ...]:
    return f"  {row[0]}", *row[1:]
