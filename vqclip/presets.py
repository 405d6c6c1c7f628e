"""Where do settings come from? Presets, run files and overrides, laid over the defaults.

    dataclass defaults ← what suits a draft, if the run starts from one
        ← presets, in order ← run file ← key=value overrides ← the prompt, verbatim

A preset is a YAML file in `configs/`, or any other YAML file; it holds only what differs, and may
say `extends: another`. A prompt goes around `vqclip.layers`, never through it: `a # b` would
become `a`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from vqclip import beginnings, folders, shapes, structured
from vqclip.checks import check
from vqclip.config import RunConfig
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.layers import Layer, merge, nest, override, parse
from vqclip.prompts import parse as read_prompts
from vqclip.templates import MOST, expand

TEXTS = frozenset(("prompts", "negative"))  # what may have one of the `shapes` of YAML
TEMPLATED = ("prompts", "negative", "style")


def load(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    base: Mapping[str, Any] | None = None,
    **settings: Any,
) -> RunConfig:
    """Put a run's settings together.

    Args:
        prompts: what to draw, verbatim; None to take it from `file` or a preset.
        preset: one or more names or files, applied in order; `"normal,ink"` is two.
        file: a run file; like a preset, and may hold `prompts:`.
        overrides: `["steps=10", "cutouts.count=8"]`, or the same as a mapping.
        base: settings to start from instead of the defaults, as `config.to_dict` gives them.
        settings: further overrides: `steps=10`, `cutouts={"count": 8}`.

    Returns:
        The settings, with init=auto decided (`beginnings.settled`).

    Raises:
        ConfigError: for an unknown key or name, a value that does not fit, or a template where
            one text is wanted, with its place.
    """
    layers = _layers(preset, file, overrides, base, settings)
    for where, values in layers if base is None else layers[1:]:
        # Prompts are refused as they are read, unless somebody draws from notes and can be told.
        _refuse_templates(where, values, ("style",) if base is None else TEMPLATED)
    return _load(layers, _wanted(layers) if prompts is None else prompts, base)


def _load(layers: Sequence[Layer], text: str, base: Mapping[str, Any] | None = None) -> RunConfig:
    """Merge layers, with what suits the start below them; the notes are the first, if any."""
    layers = list(layers)
    merged = merge(layers)
    start = beginnings.settled(dataclasses.replace(merged, prompts=text)).init
    suited = beginnings.suited(start, merged.vqgan)
    if base is not None:
        layers[0] = ("the notes", dict(beginnings.kept(base, suited)))
    layers.insert(0, ("what suits the start", suited))
    return check(beginnings.settled(dataclasses.replace(merge(layers), prompts=text, init=start)))


def load_all(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> list[RunConfig]:
    """Put settings together as `load` does, for each run that templates stand for.

    They may stand in the prompt, in `negative` and in `style`; the last one changes fastest.

    Raises:
        ConfigError, PromptError, PictureError: as for `load` and `templates.expand`; also for
            more than 1000 runs.
    """
    layers = _layers(preset, file, overrides)
    merged = merge(layers)
    where = folders.of(merged.assets)
    several = [
        _variants(_wanted(layers) if prompts is None else prompts, where),
        _variants(merged.negative, where, empty=True),
        expand(merged.style, where, slot=True),
    ]
    if math.prod(map(len, several)) > MOST:
        raise PromptError(
            f"the templates of prompt, negative and style stand for "
            f"{math.prod(map(len, several))} runs; at most {MOST} are drawn at a time"
        )
    return [
        _load([*layers, ("the templates", {"negative": negative, "style": style})], text)
        for text, negative, style in itertools.product(*several)
    ]


def _variants(text: str, where: Sequence[Path], empty: bool = False) -> list[str]:
    """Expand a text; of several, each has to be a prompt.

    Args:
        empty: whether there may be nothing in it.
    """
    found = expand(text, where)
    for each in found if len(found) > 1 else []:
        try:
            if each.strip() or not empty:
                read_prompts(each)
        except PromptError as error:
            raise PromptError(
                f"{error} (it is one of the {len(found)} that {text!r} stands for)"
            ) from error
    return found


def _refuse_templates(where: str, values: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Refuse a template where there is one run."""
    for key in keys:
        text = values.get(key)
        found = expand(text, slot=key == "style") if isinstance(text, str) else [text]
        if found != [text]:
            raise ConfigError(
                f"{where}: {key} is {text!r}, a template, which stands for a run each, and this "
                f"is one run; write out which you mean, such as {key}={found[0]!r}, or "
                r"\{ and \} where braces are meant"
            )


def _layers(
    preset: str | Sequence[str],
    file: Path | str | None,
    overrides: Sequence[str] | Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """What lies over the defaults, in order."""
    layers: list[Layer] = [] if base is None else [("the notes", dict(base))]
    names = preset.split(",") if isinstance(preset, str) else list(preset)
    for name in (n.strip() for n in names if n.strip()):
        layers += _preset(name, ())
    if file is not None:
        own = _file(Path(file), ())
        folder = folders.beside(Path(file))
        layers += [("the run file's folder", {"assets": folder} if folder else {}), *own]
    if isinstance(overrides, Mapping):
        layers.append(("the overrides", nest(overrides)))
    else:
        layers += [("the command line", nest([override(text)])) for text in overrides]
    layers.append(("the arguments", dict(settings or {})))
    return [
        (where, values | {key: shapes.text(values[key], key) for key in TEXTS & values.keys()})
        for where, values in _one_length(layers)
    ]


def _one_length(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Let who says how long an animation is in frames forget a length from below, or vice versa.

    And who says a size that is no square, a shape from below.

    Raises:
        ConfigError: if both are said in one place.
    """
    said: dict[str, dict[str, Any]] = {}
    for where, values in layers:
        own: dict[str, Any] = {k: values[k] for k in ("frames", "length") if k in values}
        said.setdefault(where, {}).update(own)
        other: dict[str, Any] = (
            {"length": 0.0} if own.get("frames") else {"frames": 0} if own.get("length") else {}
        )
        sides = str(values.get("size", "")).lower().split("x")
        if len(set(sides)) == 2 and "aspect" not in values:
            other["aspect"] = ""
        yield where, values | other
    for where, both in said.items():
        if both.get("frames") and both.get("length"):
            raise ConfigError(
                f"{where}: frames={both['frames']} and length={both['length']} both say how long "
                "the animation is; leave one of them out"
            )


def _wanted(layers: Sequence[Layer]) -> str:
    """The prompt that the last of some layers brings."""
    found = None
    for _, values in layers:
        found = values.get("prompts", found)
    return shapes.text(found)


def presets() -> dict[str, str]:
    """List the presets that come with vqclip: name → its opening comment."""
    found = {}
    for entry in sorted(_configs().iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            lines = entry.read_text(encoding="utf-8").splitlines()
            comment = [line.lstrip("# ") for line in lines[: _opening(lines)]]
            found[entry.name.removesuffix(".yaml")] = " ".join(comment)
    return found


def read_settings(schema: type, path: Path | None, overrides: Sequence[str]) -> Any:
    """Read another schema than RunConfig (the training recipes) from YAML and overrides.

    Raises:
        ConfigError: as for `load`.
    """
    layers = [] if path is None else [(str(path), _yaml(path))]
    layers += [("the command line", nest([override(text, schema)])) for text in overrides]
    return merge(layers, schema)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        name = str(path) if len(str(path)) <= 200 else f"{str(path)[:60]}…"
        raise ConfigError(
            f"{name} cannot be read ({error.strerror or error}); check the name of the file"
        ) from error
    values = parse(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold key: value lines, not {type(values).__name__}")
    return values


def _file(path: Path, chain: tuple[str, ...]) -> list[Layer]:
    """A YAML file as layers: what it extends, then itself."""
    if str(path.resolve()) in chain:
        shown = " → ".join(Path(each).name for each in (*chain, str(path)))
        raise ConfigError(f'{path} extends itself: {shown}; take one "extends" out')
    values = _yaml(path)
    if said := [key for key in structured.SAYING if key in values and key != "style"]:
        raise ConfigError(
            f"{path}: {' and '.join(said)} belong to a structured prompt, which stands in a run "
            f"file under prompts: such as prompts: {{{said[0]}: …}} (see vqclip help structured)"
        )
    parents = values.pop("extends", [])
    if isinstance(parents, str):  # several, as for --preset
        parents = [each.strip() for each in parents.split(",") if each.strip()]
    if not isinstance(parents, list) or not all(isinstance(name, str) for name in parents):
        raise ConfigError(
            f"{path}: extends is {parents!r}; it must be a preset's name, or a list"
        )
    layers = []
    for parent in parents:
        near = path.parent / parent
        name = str(near) if near.suffix in (".yaml", ".yml") and os.path.isfile(near) else parent
        layers += _preset(name, (*chain, str(path.resolve())))
    if isinstance(values.get("assets"), str) and values["assets"]:
        values["assets"] = str(path.parent / os.path.expanduser(values["assets"]))
    scenes = values.pop("scenes", None)
    if scenes is not None:
        if "prompts" in values or not isinstance(scenes, list) or not scenes:
            raise ConfigError(
                f"{path}: scenes must be a list of prompts, one a scene, and stand there instead "
                "of prompts"
            )
        values["prompts"] = " ^ ".join(shapes.scene(each, str(path)) for each in scenes)
    return [*layers, (str(path), values)]


def _preset(name: str, chain: tuple[str, ...]) -> list[Layer]:
    """A preset by name or path as layers."""
    if name.endswith((".yaml", ".yml")):
        return _file(Path(name), chain)
    with resources.as_file(_configs() / f"{name}.yaml") as path:
        if re.fullmatch(r"[\w-]+", name) and path.is_file():
            return _file(path, chain)
    known = presets()
    raise ConfigError(
        f"no preset is called {name!r}{suggest(name, known)} (one of: {', '.join(known)})"
    )


def _configs() -> Traversable:
    """The presets' folder: of the installed package, or beside it in a checkout (`run.py`)."""
    try:
        return resources.files("vqclip.configs")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "configs"


def _opening(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
