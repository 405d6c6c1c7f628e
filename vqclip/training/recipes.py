"""Training recipes: by name, with their settings, and the trainer of each.

A config names, by `recipe:`, one of the schemas of `vqclip.training.settings`, and holds the
settings that differ from its defaults.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.config.setting_descriptions import Kind
from vqclip.config.setting_layers import Layer, merge_layers, nest_keys, parse_override
from vqclip.config.yaml.values import parse_yaml
from vqclip.errors import ConfigError, pick
from vqclip.training import settings
from vqclip.training.settings import SCHEMAS, TrainingRecipe, check_recipe

if TYPE_CHECKING:
    from vqclip.training.loop import Run

FILES = (".yaml", ".yml")  # a config that ends so is a file, not one that comes with vqclip


def is_file(config: str) -> bool:
    """Whether a config is named as a file, and not as one that comes with vqclip."""
    return config.lower().endswith(FILES)


def list_recipes() -> dict[str, str]:
    """List the configs that come with vqclip: name → the first sentence of its comment."""
    found = {}
    for entry in sorted(_folder().iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            comment = re.match(r"(#.*\n)+", entry.read_text(encoding="utf-8"))
            words = " ".join((comment[0] if comment else "").replace("#", " ").split())
            found[entry.name.removesuffix(".yaml")] = re.split(r"(?<=[.]) ", words)[0]
    return found


def read_recipe(config: str, overrides: Sequence[str] = ()) -> TrainingRecipe:
    """Read a training's settings from a config and overrides.

    Args:
        config: a YAML file, or the name of one that comes with vqclip.
        overrides: such as `["steps=10", "from=starter"]`.

    Raises:
        ConfigError: for an unknown name or key, or a value that does not fit, with its place.
    """
    where = config if is_file(config) else f"configs/train/{config}.yaml"
    content = _content(config, where)
    # The schema has to be known before the values are read by it.
    found = re.search(r"^recipe:\s*[\"']?([\w-]+)", content, re.MULTILINE)
    name = found[1] if found else None
    for text in overrides:
        name = text.partition("=")[2] if text.partition("=")[0].strip() == "recipe" else name
    values = parse_yaml(content, where, Kind(SCHEMAS.get(name or "")))
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must hold key: value lines, and one of them recipe: vqgan")
    layers: list[Layer] = [(where, _renamed(values, where))]
    name = values.get("recipe") if name is None else name
    if name is None:
        raise ConfigError(
            f"{where} does not say what is trained; add a line such as recipe: vqgan "
            f"(one of: {', '.join(SCHEMAS)})"
        )
    schema = pick(SCHEMAS, str(name), "recipe")
    for text in overrides:
        pair = nest_keys([parse_override(re.sub(r"^\s*from\s*=", "begin=", text), schema)])
        layers.append(("the command line", pair))
    recipe = merge_layers(layers, schema)
    if not recipe.out:
        own = getattr(recipe, "name", "") or Path(config).stem
        recipe = dataclasses.replace(recipe, out=str(Path("training", own)))
    return check_recipe(recipe)


def read_recipes(names: Sequence[str], overrides: Sequence[str] = ()) -> list[TrainingRecipe]:
    """Read the settings of several trainings; an override is for those that have the setting.

    Raises:
        ConfigError: as for `read_recipe`, and for an override that none of them has.
    """
    if len(names) < 2:
        return [read_recipe(name, overrides) for name in names]
    known = [{field.name for field in dataclasses.fields(read_recipe(name))} for name in names]
    strange = next((t for t in overrides if not any(_key(t) in each for each in known)), None)
    if strange is not None:
        read_recipe(names[0], [strange])  # refuses it, and suggests another
    return [
        read_recipe(name, [text for text in overrides if _key(text) in each])
        for name, each in zip(names, known, strict=True)
    ]


def _key(text: str) -> str:
    """The name of the field that an override sets."""
    key = text.partition("=")[0].strip()
    return "begin" if key == "from" else key


def sort_by_need(recipes: Sequence[Any]) -> list[Any]:
    """Sort recipes so that each follows those it needs, such as a CLIP its teacher."""
    inputs = ("begin", "vqgan", "clip", "teacher", "sentences", "words_of", "prior")
    needs: dict[int, list[int]] = {}
    for number, recipe in enumerate(recipes):
        read_from = [Path(getattr(recipe, key, "")) for key in inputs if getattr(recipe, key, "")]
        needs[number] = [
            other
            for other, maker in enumerate(recipes)
            if other != number and any(p.is_relative_to(maker.out) for p in read_from)
        ]
    return [recipes[number] for number in TopologicalSorter(needs).static_order()]


def _renamed(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Rename `from` to `begin`, the field that it sets."""
    if "from" in values and "begin" in values:
        raise ConfigError(f"{where} holds both from and begin, which are the same; keep from")
    return {"begin" if key == "from" else key: value for key, value in values.items()}


def _content(config: str, where: str) -> str:
    """Read the text of a config."""
    if not is_file(config):
        pick(list_recipes(), config, "training")
    place = Path(config) if config == where else _folder() / f"{config}.yaml"
    try:
        return place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"{where} cannot be read ({error.strerror or error}); check the name of the file"
        ) from error


def _folder() -> Traversable:
    """The folder of the configs: in the installed package, or in a checkout."""
    try:
        return resources.files("vqclip.configs") / "train"
    except ModuleNotFoundError:
        return Path(__file__).parents[2] / "configs" / "train"


def train(
    recipe: TrainingRecipe, listener: settings.EventListener = settings.ignore_event
) -> Run:
    """Train by a recipe; a training whose folder has a checkpoint is continued.

    Args:
        listener: is told of the events "pictures", "skipped", "start", "step", "report", "sheet"
            and "checkpoint".

    Returns:
        The run, with its progress.

    Raises:
        VqclipError: if a model or picture is absent or does not fit, or a file cannot be written.
    """
    module, function = TRAINERS[recipe.recipe]
    trainer: Callable[[Any, settings.EventListener], Run] = getattr(
        import_module(module), function
    )
    return trainer(recipe, listener)


TRAINERS = {  # recipe → module and function; imported on use, since they need torch
    "vqgan": ("vqclip.training.vqgan_trainer", "train"),
    "clip": ("vqclip.training.clip_trainer", "train"),
    "teacher": ("vqclip.training.distillation", "train_teacher"),
    "sentences": ("vqclip.training.distillation", "train_sentences"),
    "prior": ("vqclip.training.prior_trainer", "train"),
}
