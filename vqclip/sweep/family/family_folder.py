"""The folder of a family: that of a sweep, with a family tree and start pictures.

    outputs/0002-vary-a-fox/  family.json   the parents, their parents, and what was mutated
                              sweep.yaml    the settings of all offspring, as of a sweep
                              sheet.png     the contact sheet, with numbers to choose by
                              0001-a-fox/   a run folder each, with its start picture

The tree is written first, and says all that the rest follows from: so the same command goes on
after it was killed, and draws the same offspring.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from vqclip.config import loading
from vqclip.config.checking.picture_checks import STARTS
from vqclip.config.checking.seeds import nearer_seed
from vqclip.config.draw_settings import uses_vqgan
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import ConfigError
from vqclip.language.prompts import parse_with_negative
from vqclip.media.files import FAMILY, make_slug, read_object, unwritable_error, write_whole
from vqclip.run.record.run_folder import make_run_folder
from vqclip.sweep.family.mutation import GENES, cross_settings, mutate_settings
from vqclip.sweep.family.parents import Parent
from vqclip.sweep.sweep_folder import ASKED, set_aside

MOST = 64  # offspring
LEAST_SIDE = 128  # of a draft, in pixels; of a smaller parent, its own
WALKED = (0.1, 0.4)  # how far the seed of a single parent goes
FEWER, LEAST_STEPS = 3, 20  # a draft takes one step of so many, and not fewer than so many
_SIZES = ("size", "aspect")


@dataclass(frozen=True)
class Family:
    """The offspring that are asked for.

    Args:
        parents: one or two.
        config: what the settings of all of them begin with.
        typed: settings that the user has given: key → value.
        seed: of all that is chosen at random.
        count: how many offspring.
    """

    parents: Sequence[Parent]
    config: RunConfig
    typed: Mapping[str, Any]
    seed: int
    count: int

    @property
    def id(self) -> str:
        """What tells it from other families: its parents, its seed, and what was typed."""
        known = [[each.sha256 for each in self.parents], self.seed, dict(self.typed)]
        text = json.dumps(known, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def starts(self) -> list[Path]:
        """The pictures that offspring start from; none if they begin as their parents did."""
        found = [each.picture for each in self.parents if each.picture is not None]
        return [] if "init" in self.typed or len(found) < len(self.parents) else found


@dataclass(frozen=True)
class Offspring:
    """One of a family.

    Args:
        number: from 1, as on the sheet.
        values: its settings that differ from those of the others, by key.
        mutated: what was changed, by key: before and after.
        crossed: what it has from either parent where they differ, by key.
        start_seed: of its start picture.
    """

    number: int
    values: dict[str, Any]
    mutated: dict[str, list[Any]]
    crossed: dict[str, Any]
    start_seed: int

    @property
    def folder(self) -> str:
        """The name of its run folder."""
        first = parse_with_negative(self.values["prompts"], self.values.get("negative", ""))[0]
        return f"{self.number:04d}-{make_slug(first.body)}"


def plan_family(
    parents: Sequence[Parent], overrides: Sequence[str], seed: int, count: int
) -> Family:
    """Plan the offspring of some parents, as small drafts.

    Args:
        overrides: settings as they are typed, `key=value`.

    Raises:
        ConfigError: for a setting that does not exist, or cannot be used.
    """
    first = parents[0]
    asked = [text.partition("=")[0].strip() for text in overrides]
    base = to_dict(first.config)
    config = loading.load_config(base=base, overrides=overrides)
    if config.frames or config.length or config.source.film:
        raise ConfigError("offspring are still pictures; leave out frames, length and source")
    flat = flatten_keys(to_dict(config))
    typed = {key: flat[key] for key in asked if key in flat}
    typed |= {
        key: value for key, value in flat.items() if key.partition(".")[0] in asked and "." in key
    }
    more: dict[str, Any] = {}
    if not {*_SIZES} & {*asked}:
        more |= {"size": "{}x{}".format(*_draft_size(first)), "aspect": ""}
    if "steps" not in asked and not first.family:
        more["steps"] = max(min(LEAST_STEPS, config.steps), round(config.steps / FEWER))
    if "init" not in asked and all(each.picture for each in parents) and "growth" not in asked:
        more["growth"] = []  # the picture is there already
    if not config.assets:  # what a prompt names may lie beside its picture
        more["assets"] = str(first.folder)
    return Family(parents, replace(config, **more), typed, seed, count)


def _draft_size(parent: Parent) -> tuple[int, int]:
    """Half the size of a parent, at least 128 pixels, and not more than its own."""
    wide, high = parent.size
    scale = min(1.0, max(0.5, LEAST_SIDE / min(wide, high)))
    return round(wide * scale), round(high * scale)


def make_offspring(family: Family) -> list[Offspring]:
    """The offspring of a family; with a larger count, the first ones stay the same."""
    found = []
    parents = [each.config for each in family.parents]
    start = flatten_keys(to_dict(family.config))
    for number in range(1, family.count + 1):
        rng = Random(f"{family.id} {number}")
        seed, start_seed = rng.randrange(2**31), rng.getrandbits(62)
        crossed = cross_settings(parents, rng) if len(parents) > 1 else {}
        crossed = {k: v for k, v in crossed.items() if k not in family.typed}
        changed = mutate_settings(family.config, crossed, family.typed, rng)
        values = crossed | changed
        values.setdefault("prompts", start["prompts"])
        if "seed" not in family.typed:
            given = family.starts or family.config.init not in STARTS
            values["seed"] = seed if given else _walk(family, seed, rng)
        before = start | crossed
        mutated = {
            key: [before[key], value] for key, value in changed.items() if before[key] != value
        }
        told = {
            key: value
            for key, value in crossed.items()
            if any(flatten_keys(to_dict(each))[key] != value for each in parents)
        }
        found.append(Offspring(number, values, mutated, told, start_seed))
    keys = {key for each in found for key in each.values}
    for each in found:  # side by side, every axis has a value of every run
        each.values.update({key: start[key] for key in keys - each.values.keys()})
    for key in keys - {"prompts"}:
        if all(each.values[key] == start[key] for each in found):
            for each in found:
                del each.values[key]
    return found


def _walk(family: Family, seed: int, rng: Random) -> str:
    """A seed between those of both parents, or on the way from that of one to a new one.

    So an offspring that begins at random begins much as its parents did.
    """
    seeds = [nearer_seed(each.notes.seed) for each in family.parents]
    if len(seeds) > 1:
        return f"{seeds[0]}:{seeds[1]}:{rng.uniform(0.2, 0.8):.2f}"
    return f"{seeds[0]}:{seed}:{rng.uniform(*WALKED):.2f}"


def find_family(out: Path, family: Family) -> Path | None:
    """The folder in which a family is drawn already, at least in part."""
    for tree in sorted(out.glob(f"*/{FAMILY}")):
        if read_object(tree).get("id") == family.id:
            return tree.parent
    return None


def write_family(out: Path, family: Family) -> Path:
    """Write what a family's folder needs to be drawn; what is there already stays.

    Returns:
        The folder: a new one, or the one that the same command made before.

    Raises:
        VqclipError: if something cannot be written, or a parent's picture not be read.
    """
    folder = find_family(out, family)
    if folder is None:
        title = parse_with_negative(family.config.prompts, family.config.negative)[0].body
        folder = make_run_folder(out, f"vary {title}")
    noted = read_object(folder / FAMILY).get("offspring")
    count = max(family.count, len(noted) if isinstance(noted, list) else 0)
    family = replace(family, count=count)
    offspring = make_offspring(family)
    _write_json(folder / FAMILY, _tree(folder, family, offspring))
    if family.starts:
        for each in offspring:
            each.values["init"] = _write_start(folder / each.folder, family, each)
    base = to_dict(family.config)
    base["out"] = str(out)
    axes = {key: [each.values[key] for each in offspring] for key in _order(offspring)}
    text = yaml.safe_dump(
        {"base": base, "axes": axes, "by": "zip"}, sort_keys=False, allow_unicode=True
    )
    asked, data = folder / ASKED, text.encode("utf-8", "backslashreplace")
    if asked.is_file() and asked.read_bytes() != data:
        set_aside(asked)
    if not asked.is_file():
        write_whole(asked, data)
    return folder


def _order(offspring: Sequence[Offspring]) -> list[str]:
    """The keys of all values, those first that people look at first."""
    ranks = ["prompts", "seed", *(gene.key for gene in GENES), "style", "negative"]
    keys = {key for each in offspring for key in each.values}
    return sorted(keys, key=lambda key: (ranks.index(key) if key in ranks else 99, key))


def _write_start(folder: Path, family: Family, offspring: Offspring) -> str:
    """Write the start picture of an offspring into its folder; give its name."""
    from vqclip.sweep.family.start_picture import draw_start

    drawn_by = family.config.vqgan if uses_vqgan(family.config.drawer) else None
    known = f"{family.id} {offspring.number} {offspring.start_seed} {drawn_by}"
    name = f"start-{hashlib.sha256(known.encode()).hexdigest()[:8]}.png"
    path = folder / name
    if not path.is_file():
        size, tiles = family.parents[0].size, family.config.tile != "none"
        data = draw_start(family.parents, size, offspring.start_seed, drawn_by, tiles=tiles)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable_error(folder, error) from error
        write_whole(path, data, overwrite=True)
    return name


def _tree(folder: Path, family: Family, offspring: Sequence[Offspring]) -> dict[str, Any]:
    """What `family.json` holds."""
    ancestors: dict[str, Any] = {}
    for parent in family.parents:
        tree = parent.family
        for each in [*tree.get("parents", []), *tree.get("ancestors", [])]:
            if isinstance(each, dict):  # paths start from another folder
                told = {key: value for key, value in each.items() if key != "path"}
                ancestors.setdefault(str(each.get("sha256")), {"parent_of": tree["id"]} | told)
    generations = [int(each.family.get("generation", 0)) for each in family.parents]
    return {
        "id": family.id,
        "generation": max(generations) + 1,
        "seed": family.seed,
        "settings": dict(family.typed),
        "parents": [each.describe(folder) for each in family.parents],
        "ancestors": list(ancestors.values()),
        "offspring": [
            {
                "number": each.number,
                "folder": each.folder,
                "seed": each.values.get("seed", family.config.seed),
                "mutated": each.mutated,
                **({"crossed": each.crossed} if len(family.parents) > 1 else {}),
            }
            for each in offspring
        ],
    }


def _write_json(path: Path, found: Mapping[str, Any]) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False, default=str) + "\n"
    write_whole(path, text.encode("utf-8", "backslashreplace"), overwrite=True)
