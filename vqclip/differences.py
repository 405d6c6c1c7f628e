"""Why are two pictures not the same? Their notes, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vqclip.layers import flat
from vqclip.record.provenance import Provenance

LACKING = "not noted"
KINDS = ("prompt", "seed", "setting", "changes", "model", "version")


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; `LACKING` where a picture's notes do not hold it.

    Args:
        kind: one of `KINDS`.
        name: of the setting, model or library; otherwise as `kind`.
    """

    kind: str
    name: str
    first: Any
    second: Any


def differences(first: Provenance, second: Provenance) -> list[Difference]:
    """Everything in which two provenances differ, in the order of `KINDS`.

    Settings that one of them lacks, since another version wrote it, differ as well. The prompt
    and the seed are not repeated as settings.
    """
    found = [
        Difference(kind, kind, getattr(first, kind), getattr(second, kind))
        for kind in ("prompt", "seed")
        if getattr(first, kind) != getattr(second, kind)
    ]
    settings = [
        {key: value for key, value in flat(each.config).items() if key not in ("prompts", "seed")}
        for each in (first, second)
    ]
    found += _apart("setting", *settings)
    if first.changes != second.changes:
        found.append(Difference("changes", "changes", first.changes, second.changes))
    found += _apart("model", first.models, second.models)
    found += _apart("version", first.versions, second.versions)
    return found


def _apart(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(kind, name, first.get(name, LACKING), second.get(name, LACKING))
        for name in dict.fromkeys((*first, *second))
        if name not in first or name not in second or first[name] != second[name]
    ]
