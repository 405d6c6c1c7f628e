"""The command completion: scripts by which bash, zsh and fish complete commands.

shtab writes them for commands and options, from the parsers themselves. What it has no words for
is added by `vqclip.cli.completion_shells`: prompts without a command, and settings,
`film.format=mp4`. Commands, options, settings and their choices stand in the script; the presets
and models of this machine are asked for when one is completed (`vqclip completion presets`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vqclip.cli.command_help import as_typed
from vqclip.cli.commands import models
from vqclip.cli.commands.runs import sweep
from vqclip.cli.completion_shells import TEMPLATES
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config import presets
from vqclip.config.setting_descriptions import Setting, describe_settings, list_groups
from vqclip.errors import pick
from vqclip.training import recipes
from vqclip.training.settings import SCHEMAS, InversionConfig

SHELLS = tuple(TEMPLATES)


# What an option takes; those that are not here take what cannot be guessed.
TAKES = {
    **dict.fromkeys(("--init", "--source", "--sound", "--image", "--config", "--csv"), "files"),
    **dict.fromkeys(("--labels", "--templates", "--sheet", "--out", "--links", "--to"), "files"),
    **{
        "--sketch": "files",
        "--film": "files",
        "--preset": "presets",
        "--perceptor": "perceptors",
    },
}


# What the bare words of a command are, where they are no prompts or settings of a run.
WORDS = {
    "invert": "invert",
    "train": "train",
    **dict.fromkeys(("show", "diff", "sweep", "sheet", "vary", "import"), "files"),
    "plot": "",
    "web": "",
}


@dataclass(frozen=True, kw_only=True)
class CompletionOptions(CommonOptions):
    """The options of `completion`.

    Attributes:
        parsers: those of all commands, by name.
    """

    shell: str
    parsers: Mapping[str, argparse.ArgumentParser] = field(default_factory=dict)


def print_completion(options: CompletionOptions, screen: Console) -> None:
    """Print a shell's script, or names of this machine for such a script.

    Raises:
        ConfigError: if there is no script for that shell.
    """
    if options.shell in ("presets", "models", "perceptors", "all"):
        screen.result("\n".join(list_names(options.shell)), exact=True)
        return
    pick(TEMPLATES, options.shell, "shell with completion")
    text = make_script(options.shell, options.parsers)
    screen.event("completion", shell=options.shell, script=text)
    screen.result(text.rstrip("\n"), exact=True)


def list_names(kind: str) -> list[str]:
    """The names on this machine: `presets`, VQGANs (`models`), `perceptors`, or `all` models."""
    if kind == "presets":
        return list(presets.list_presets())
    rows = list(models.rows())
    if kind != "all":
        rows = [row for row in rows if row.where != "absent"]
    if kind == "models":
        rows = [row for row in rows if row.kind not in ("clip", "net2net", "head")]
    elif kind == "perceptors":
        rows = [row for row in rows if row.kind == "clip"]
    return list(dict.fromkeys(row.name for row in rows))


def make_script(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """A shell's script.

    Args:
        parsers: the parsers of all commands by their names.
    """
    import shtab

    own = _filled(TEMPLATES[shell], parsers)
    inside = own if shell != "bash" else ""  # bash's own part takes over at the end
    found: str = shtab.complete(_tree(parsers, shell), shell, preamble=inside)
    # shtab's zsh stops after the first of several words.
    found = found.replace('"(*)::', '"*:').replace('"(*):', '"*:')
    return found if inside else f"{found}\n{own}"


def _tree(parsers: Mapping[str, argparse.ArgumentParser], shell: str) -> argparse.ArgumentParser:
    """One parser with all commands below it, as shtab wants them."""
    root = argparse.ArgumentParser(prog="vqclip", add_help=False)
    for action in parsers["generate"]._actions:
        if action.option_strings:
            root._add_action(action)
    below = root.add_subparsers()
    if shell == "fish":  # the others give the words of no command to generate
        words = root.add_argument("words", nargs="*", help="PROMPT")
        _mark(words, "generate")
    for name, parser in parsers.items():
        about = parser.description or ""
        added = below.add_parser(name, add_help=False, description=about, help=about)
        for action in parser._actions:
            _mark(action, name)
            added._add_action(action)
    return root


def _mark(action: argparse.Action, command: str) -> None:
    """Say what an argument takes, in the ways of shtab: choices, or a function of each shell."""
    option = action.option_strings[-1] if action.option_strings else ""
    kind = ""
    if option == "--format":
        action.choices = _choices("film.format")
    elif option == "--codec":
        action.choices = _choices("film.codec")
    elif option == "--kind":
        action.choices = _choices("kind")
    elif option == "--on":
        action.choices = list(sweep.ENGINES)
    elif option:
        kind = TAKES.get(option, "") if action.nargs != 0 else ""
    elif action.dest == "action":
        action.choices = list(models.ACTIONS)
    elif action.dest == "shell":
        action.choices = list(SHELLS)
    elif action.dest == "topic":
        action.choices = list(_topics())
    elif action.dest == "about":
        action.choices = list(list_groups())
    elif action.dest == "name":
        kind = "all"
    else:
        kind = WORDS.get(command, "run")
    if kind:
        ways = {shell: f"_vqclip_{kind}" for shell in SHELLS}
        ways["fish"] = f"({ways['fish']})"
        action.complete = ways  # type: ignore[attr-defined]


def _topics() -> Iterable[str]:
    from vqclip.cli.commands.explain import TOPICS

    return (*TOPICS, "settings")


def _filled(template: str, parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """A template with the commands, settings and choices of today."""
    training: list[Setting] = []
    for schema in dict.fromkeys(SCHEMAS.values()):
        training += [as_typed(each) for each in describe_settings(schema)]
    run = [each for each in describe_settings() if each.key != "prompts"]
    parts = {
        "COMMANDS": "|".join(parsers),
        "RUN": _keys(run),
        "INVERT": _keys(describe_settings(InversionConfig)),
        "TRAIN": " ".join([*recipes.list_recipes(), _keys(training)]),
    }
    arm = {
        "bash": "    {}) echo {} ;;",
        "zsh": "    ({}) echo {} ;;",
        "fish": "    case {}\n      string split ' ' -- {}",
    }[next(shell for shell, text in TEMPLATES.items() if text is template)]
    values = {key: " ".join(each) for key, each in _values().items()}
    parts["VALUES"] = "\n".join(arm.format(key, f"'{each}'") for key, each in values.items())
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


def _keys(rows: Iterable[Setting]) -> str:
    """Settings as they are typed, each once."""
    return " ".join(dict.fromkeys(f"{each.key}=" for each in rows))


def _values() -> dict[str, tuple[str, ...]]:
    """The choices of all settings that have some; a run's come first."""
    found: dict[str, tuple[str, ...]] = {}
    for schema in (None, InversionConfig, *SCHEMAS.values()):
        for each in describe_settings() if schema is None else describe_settings(schema):
            taken = ("true", "false") if each.kind == "true or false" else each.choices
            if taken:
                found.setdefault(each.key, taken)
    return found


def _choices(key: str) -> list[str]:
    return list(_values()[key])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} {'|'.join(SHELLS)}"
    parser.add_argument("shell", metavar="SHELL", help=f"{', '.join(SHELLS)}: print its script")


def completion(options: CompletionOptions, screen: Console, progress: Progress) -> None:
    """Print a script that lets a shell complete commands by TAB."""
    print_completion(options, screen)
