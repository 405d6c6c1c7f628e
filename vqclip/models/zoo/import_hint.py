"""Paths where a model's name is expected: what lies there, and the command that takes it in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
YAML = (".yaml", ".yml")


def explain_path(name: str, key: str = "vqgan") -> str:
    """Say what is to be done with a path that was given as a model's name.

    Args:
        key: the setting in which it was given.

    Returns:
        A sentence, or "" if it is no path.
    """
    if "\0" in name or not _is_path(name):
        return ""
    path = Path(os.path.expanduser(name))
    there = os.path.lexists(path)
    if key == "perceptors" and there:
        return (
            f"{name} is no folder of a perceptor; write model::weights in open_clip's names, "
            "such as ViT-B-32::openai, or the folder of a model that open_clip saved"
        )
    if key == "perceptors" and not name.lower().endswith(WEIGHTS):
        return ""
    if not there:
        return f"there is no {name}; check the path, or write a model's name (vqclip models list)"
    weights, config = _files_of(path)
    if weights is None and len(_with(path, WEIGHTS)) > 1:
        return (
            f"{name} holds several checkpoints; name one of them: {key}={_with(path, WEIGHTS)[0]}"
        )
    if weights is None:
        return (
            f"{name} is there, but no checkpoint ({', '.join(WEIGHTS)}) lies with it; take one "
            "in: vqclip models import FILE --config YAML --name NAME"
        )
    stem = weights.stem if weights.stem not in ("weights", "last") else weights.parent.name
    own = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).lstrip("_.-") or "mine"
    command = (
        f"vqclip models import {quote(str(weights))} --config "
        f"{'YAML' if config is None else quote(str(config))} --name {own}"
    )
    lacking = ""
    if config is None:
        lacking = "; YAML is the model's own configuration, which does not lie beside it"
    elif config.stem != weights.stem:
        lacking = f" (if {config.name} is the model's own configuration)"
    return (
        f"{name} is no name but a path; take the model in: {command}, then {key}={own}{lacking}"
    )


def _is_path(name: str) -> bool:
    """Whether a name is written like a path, or names a model's file."""
    return (
        "/" in name
        or "\\" in name
        or name.startswith("~")
        or name.lower().endswith((*WEIGHTS, *YAML))
        or (os.path.isdir(name) and any(_with(Path(name), WEIGHTS)))
    )


def _files_of(path: Path) -> tuple[Path | None, Path | None]:
    """The checkpoint and the YAML that belong to a path; None for one that cannot be told."""
    if path.is_dir():
        paired = {each.stem for each in _with(path, YAML)}
        found = [each for each in _with(path, WEIGHTS) if each.stem in paired]
        path = found[0] if len(found) == 1 else path / "…"
    suffix, folder = path.suffix.lower(), path.parent
    checkpoints = _with(folder, WEIGHTS)
    weights = path if suffix in WEIGHTS else _one(path, checkpoints)
    configs = _with(folder, YAML)
    if len(checkpoints) > 1:  # a YAML of another name may belong to any of them
        configs = [each for each in configs if each.stem == (weights or path).stem]
    config = path if suffix in YAML else _one(weights or path, configs)
    return weights, config


def _one(path: Path, there: list[Path]) -> Path | None:
    """The file that is called like another, or else the only one."""
    named = [each for each in there if each.stem == path.stem]
    return named[0] if named else there[0] if len(there) == 1 else None


def _with(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """The files of a folder with one of some suffixes."""
    try:
        return sorted(each for each in folder.iterdir() if each.suffix.lower() in suffixes)
    except OSError:
        return []
