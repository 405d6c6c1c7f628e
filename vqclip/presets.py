"""Where do settings come from? Presets, run files and overrides, laid over the defaults.

    dataclass defaults ← what suits a draft, if the run starts from one
        ← presets, in order ← run file ← key=value overrides ← the prompt, verbatim

A preset is a YAML file in `configs/`, or any other YAML file; it holds only what differs, and may
say `extends: another`. A prompt goes around `vqclip.layers`, never through it: `a # b` would
become `a`.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from vqclip import structured
from vqclip.checks import check
from vqclip.clock import length
from vqclip.config import RunConfig, to_dict
from vqclip.errors import ConfigError, PromptError, suggest
from vqclip.layers import Layer, merge, nest, override, parse
from vqclip.prompts import Prompt, show, texts
from vqclip.prompts import parse as read_prompts
from vqclip.templates import expand

# A draft is a picture already: what begins with it needs a fifth of the way that random codes
# need, in smaller steps, and would lose its outlines in a smaller picture. Held on to, it keeps
# its calm ground.
FROM_A_DRAFT: dict[str, Any] = {
    "steps": 60,
    "growth": [],
    "optimiser": {"rate": 0.1},
    "losses": {"init": 3.0},
}

# Random codes have no composition, and every cutout would like to hold the whole thing: it fills
# the picture and runs over its edges. With a border of one colour it stands whole on plain
# ground, as things do in what the starter learnt from; and then more of the run can go into
# details.
FROM_RANDOM_CODES: dict[str, Any] = {
    "growth": [{"size": "25%", "steps": "45%"}, {"size": "50%", "steps": "20%"}],
    "losses": {"edges": 3.0},
}
FROM_ANYTHING: dict[str, Any] = {}


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
        The settings, with init=auto decided (`settled`).

    Raises:
        ConfigError: for an unknown key or name, or a value that does not fit, with its place.
    """
    layers = _layers(preset, file, overrides, base, settings)
    text = _wanted(layers) if prompts is None else prompts
    merged = merge(layers)
    start = settled(dataclasses.replace(merged, prompts=text)).init
    suited = _suited(start, merged.vqgan)
    if base is not None:
        before = _suited(base.get("init"), base.get("vqgan"))
        if before is not suited:
            kept = _without(_without(base, before), _usual(suited))
            layers[0] = ("the notes", kept)
    layers.insert(0, ("what suits the start", suited))
    return check(dataclasses.replace(merge(layers), prompts=text, init=start))


def _suited(init: Any, vqgan: Any) -> dict[str, Any]:
    """What suits a way to begin, where it is not the defaults."""
    if init == "dream":
        return FROM_A_DRAFT
    return FROM_RANDOM_CODES if (init, vqgan) == ("random", "starter") else FROM_ANYTHING


def load_all(
    prompts: str | None = None,
    preset: str | Sequence[str] = (),
    *,
    file: Path | str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> list[RunConfig]:
    """Put settings together as `load` does, for each prompt that a template stands for.

    Raises:
        ConfigError, PromptError, PictureError: as for `load` and `templates.expand`.
    """
    text = _wanted(_layers(preset, file, overrides)) if prompts is None else prompts
    beside = None if file is None else Path(file).parent
    return [
        load(each, preset, file=file, overrides=overrides)
        for each in (expand(text, beside) if text.strip() else [text])
    ]


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
        layers += _file(Path(file), ())
    if isinstance(overrides, Mapping):
        layers.append(("the overrides", nest(overrides)))
    else:
        layers += [("the command line", nest([override(text)])) for text in overrides]
    return [*layers, ("the arguments", dict(settings or {}))]


def _wanted(layers: Sequence[Layer]) -> str:
    """The prompt that the last of some layers brings."""
    found = None
    for _, values in layers:
        found = values.get("prompts", found)
    return _prompt_text(found)


def _usual(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of these settings."""
    every = to_dict(RunConfig())
    return {
        key: {inner: every[key][inner] for inner in value}
        if isinstance(value, Mapping)
        else every[key]
        for key, value in keys.items()
    }


def _without(notes: Mapping[str, Any], suited: Mapping[str, Any]) -> dict[str, Any]:
    """Notes without the settings that only suited a start which is no longer theirs."""
    kept = {}
    for key, value in notes.items():
        if isinstance(value, Mapping):
            kept[key] = _without(value, suited.get(key, {}))
        elif key not in suited or value != suited[key]:
            kept[key] = value
    return kept


def settled(config: RunConfig) -> RunConfig:
    """Decide what init=auto is: a draft, if the starter VQGAN is to draw words; else random."""
    if config.init != "auto":
        return config
    try:
        words = texts(read_prompts(config.prompts))
    except PromptError:
        words = []  # empty, or unreadable: whoever draws it says so
    start = "dream" if words and config.vqgan == "starter" else "random"
    return dataclasses.replace(config, init=start)


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
    parents = values.pop("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(name, str) for name in parents):
        raise ConfigError(
            f"{path}: extends is {parents!r}; it must be a preset's name, or a list"
        )
    layers = []
    for parent in parents:
        near = path.parent / parent
        name = str(near) if near.suffix in (".yaml", ".yml") and os.path.isfile(near) else parent
        layers += _preset(name, (*chain, str(path.resolve())))
    scenes = values.pop("scenes", None)
    if scenes is not None:
        if "prompts" in values or not isinstance(scenes, list) or not scenes:
            raise ConfigError(
                f"{path}: scenes must be a list of prompts, one a scene, and stand there instead "
                "of prompts"
            )
        values["prompts"] = " ^ ".join(_scene_text(each, path) for each in scenes)
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


def _scene_text(value: Any, path: Path) -> str:
    """A scene as text; `{prompts: a fox, for: 2s}` says how long it takes."""
    if not isinstance(value, Mapping) or "for" not in value or len(value) < 2:
        return _prompt_text(value)
    rest = {key: inner for key, inner in value.items() if key != "for"}
    try:
        lasting = length(str(value["for"]))
    except ConfigError as error:
        raise ConfigError(f"{path}: scenes: for: {error}") from error
    text = _prompt_text(rest["prompts"] if list(rest) == ["prompts"] else rest)
    return f"{text} | lasting({lasting.written})"


def _prompt_text(value: Any) -> str:
    """A prompt as text; from YAML also a list, `{body: weight}` verbatim, or a structure."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        told = any(key in value for key in structured.SAYING)
        if told and not all(map(_is_number, value.values())):
            return show(structured.translate(value))
        return show(_wish(body, weight) for body, weight in value.items())
    if isinstance(value, Sequence):
        return " | ".join(_prompt_text(part) for part in value)
    raise ConfigError(f"prompts is {value!r}; it must be text in quotes, or a list of texts")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wish(body: Any, weight: Any) -> Prompt:
    if not _is_number(weight) or (isinstance(weight, int) and abs(weight) > 10**300):
        raise ConfigError(f"prompts: {body} has the weight {weight!r}; it must be a number")
    text = str(body).strip()
    if text.startswith("@"):
        return Prompt(text[1:].strip(), weight, kind="image")
    return Prompt(text, weight)


def _configs() -> Traversable:
    """The presets' folder: of the installed package, or beside it in a checkout (`run.py`)."""
    try:
        return resources.files("vqclip.configs")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "configs"


def _opening(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
