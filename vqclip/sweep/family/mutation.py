"""Mutation and crossing-over: settings and weights of prompts that are a little different.

Only numbers change, and only those that the picture's drawer uses. A loss that is left out, and a
value that is a schedule, stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from vqclip.config.draw_settings import drawer_names
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import kind_of, to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import parse_prompts, prompts_to_text

LIGHTEST, HEAVIEST = 0.1, 5.0  # a prompt's weight, or what it was if that is beyond
CHANCE = 0.6  # that a setting of an offspring changes


@dataclass(frozen=True)
class Gene:
    """A setting that changes from parent to offspring.

    Args:
        spread: of the logarithm of its factor, or of what is added.
        least, most: its bounds, which are within those of the schema.
        adds: whether something is added, in place of a factor.
    """

    key: str
    spread: float
    least: float
    most: float
    adds: bool = False


GENES = (
    Gene("losses.smoothness", 0.8, 0.2, 60),
    Gene("losses.saturation", 0.25, -0.6, 1.0, adds=True),
    Gene("losses.distinct", 0.5, 0.02, 1),
    Gene("losses.init", 0.8, 0.1, 10),
    Gene("losses.symmetry", 0.5, 0.05, 10),
    Gene("losses.shades", 0.5, 0.001, 0.1),
    Gene("losses.unlike", 0.5, 0.02, 2),
    Gene("cutouts.count", 0.35, 4, 64),
    Gene("optimiser.rate", 0.4, 0.01, 1),
    Gene("draw.saturation", 0.3, 0.5, 4),
)
# What an offspring of two has from either of them; all else is the first one's.
CROSSED = (
    *("style", "negative", "losses.smoothness", "losses.saturation", "losses.distinct"),
    *("losses.init", "losses.symmetry", "losses.contours", "cutouts.count", "optimiser.rate"),
)


def cross_settings(parents: Sequence[RunConfig], rng: Random) -> dict[str, Any]:
    """Settings of an offspring that it has from one of its parents: dotted key → value."""
    flat = [flatten_keys(to_dict(config)) for config in parents]
    same_drawer = len({config.drawer for config in parents}) == 1
    found = {}
    for key in CROSSED:
        chosen = rng.choice(flat)[key]
        if key != "optimiser.rate" or same_drawer:  # each drawer has its own
            found[key] = chosen
    return found | {"prompts": _cross_prompts([config.prompts for config in parents], rng)}


def _cross_prompts(texts: Sequence[str], rng: Random) -> str:
    """One parent's prompts, or those of both."""
    together = " | ".join(dict.fromkeys(texts))
    choices = [*texts]
    if len(set(texts)) > 1 and all(len({p.scene for p in parse_prompts(t)}) == 1 for t in texts):
        choices.append(together)
    return rng.choice(choices)


def mutate_settings(
    config: RunConfig, values: Mapping[str, Any], kept: Collection[str], rng: Random
) -> dict[str, Any]:
    """Settings of an offspring that differ a little from those it would have: key → value.

    Args:
        config: of the first parent, for its drawer and what is not among the values.
        values: what the offspring has already.
        kept: keys that do not change.
    """
    flat = flatten_keys(to_dict(config)) | dict(values)
    found: dict[str, Any] = {}
    for gene in GENES:
        drawn, is_changed = rng.gauss(0, 1), rng.random() < CHANCE  # also of those that are kept
        value = flat[gene.key]
        fixed = gene.key in kept or not _is_used(gene.key, config.drawer)
        if fixed or not is_changed or not _is_number(value):
            continue
        if changed := _mutated(gene, value, drawn):
            found[gene.key] = changed
    drawn_weights = Random(rng.getrandbits(64))
    if "prompts" not in kept:
        text = flat["prompts"]
        found["prompts"] = mutate_weights(text, drawn_weights)
    return found


def _mutated(gene: Gene, value: float, drawn: float) -> float | None:
    """A value that has changed, or None if it stays: a loss that is left out."""
    step = gene.spread * max(-2.0, min(2.0, drawn))
    if not gene.adds and value <= 0:
        return None
    bounds = kind_of(RunConfig, gene.key).metadata
    least = max(min(gene.least, value), bounds.get("least", -math.inf))
    most = min(max(gene.most, value), bounds.get("most", math.inf))
    changed = max(least, min(most, value + step if gene.adds else value * math.exp(step)))
    if isinstance(value, int) and gene.key == "cutouts.count":
        return max(1, round(changed))
    return float(f"{changed:.3g}")


def mutate_weights(text: str, rng: Random) -> str:
    """The same prompts with other weights of the same sign.

    A weight that is a schedule, or 0, stays.
    """
    return prompts_to_text(_reweighted(prompt, rng) for prompt in parse_prompts(text))


def _reweighted(prompt: Prompt, rng: Random) -> Prompt:
    step, weight = 0.35 * max(-2.0, min(2.0, rng.gauss(0, 1))), prompt.weight
    if not _is_number(weight) or not weight:
        return prompt
    assert isinstance(weight, int | float)
    strength = abs(weight)
    least, most = min(LIGHTEST, strength), max(HEAVIEST, strength)
    changed = max(least, min(most, strength * math.exp(step)))
    return replace(prompt, weight=math.copysign(float(f"{changed:.2g}"), weight))


def _is_used(key: str, drawer: str) -> bool:
    owners = kind_of(RunConfig, key).metadata.get("drawers", ())
    return not owners or bool({*owners} & {*drawer_names(drawer)})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
