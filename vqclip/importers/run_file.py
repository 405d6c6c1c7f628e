"""The run file of an import: its text, checked by vqclip's own loading."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vqclip.config import loading
from vqclip.config.setting_descriptions import describe_settings
from vqclip.config.setting_layers import nest_keys
from vqclip.errors import ConfigError, VqclipError
from vqclip.importers.draft import Draft, Entry
from vqclip.importers.options import KEPT, LEFT, NEARLY

WIDE = 100_000  # columns: a prompt stays on its line


def write_run_file(draft: Draft, origin: str, report: Sequence[Entry]) -> str:
    """Write the run file of a draft.

    Args:
        origin: what it was made from, in words.
        report: of the import, counted in the comment at the head.

    Raises:
        ConfigError: if vqclip itself would refuse it; the message names the option that it is
            made of, where it is known.
    """
    text = f"{_comment(draft.peer.name, origin, report)}\n{_settings(draft.settings)}"
    _check(text, draft)
    return text


def count_fates(report: Sequence[Entry]) -> str:
    """How many options were kept, are nearly the same, and are left out, in words."""
    numbers = {fate: sum(each.fate == fate for each in report) for fate in (KEPT, NEARLY, LEFT)}
    return f"{numbers[KEPT]} kept, {numbers[NEARLY]} nearly, {numbers[LEFT]} left out"


def _comment(tool: str, origin: str, report: Sequence[Entry]) -> str:
    """The comment at the head: from what the file was made."""
    shown = "".join(each if each.isprintable() else "?" for each in origin)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return f"# Made by vqclip import from {shown} ({tool}): {count_fates(report)}."


def _settings(settings: Mapping[str, Any]) -> str:
    """The settings as YAML, in the order in which vqclip lists them."""
    order = {each.key: number for number, each in enumerate(describe_settings())}
    pairs = sorted(settings.items(), key=lambda pair: order[pair[0]])
    nested = nest_keys(pairs)
    written: str = yaml.safe_dump(nested, sort_keys=False, allow_unicode=True, width=WIDE)
    return written


def _check(text: str, draft: Draft) -> None:
    """Check that vqclip loads a run file, and reads in it what was meant.

    Raises:
        ConfigError: if it does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            found = loading.load_config(file=file)
        except VqclipError as error:
            why = str(error).removeprefix(f"{file}: ").removeprefix(f"{file}, ")
            raise ConfigError(
                f"{_cause(draft, why)}the run file would be refused: {why}"
            ) from None
    if found.prompts != draft.settings.get("prompts", ""):
        raise ConfigError("its prompts hold signs that a run file cannot hold; leave them out")


def _cause(draft: Draft, why: str) -> str:
    """The option that a refusal is about, if its setting is named: "iterations is '0'; "."""
    for entry in draft.report():
        if any(why.startswith(f"{setting} ") for setting in entry.settings):
            return f"{entry.key} is {entry.value[:60]!r}; "
    return ""
