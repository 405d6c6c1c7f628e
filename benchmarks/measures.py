"""Measures of pictures that were drawn: ranks among prompts, and nearness to training's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# What may be called a copy is nearer to a training picture than all but this share of two hands'
# drawings of the same thing are to each other.
USUAL = 0.99


def precision(scores: Tensor, right: Tensor, k: int) -> float:
    """R-precision: the share of pictures among whose `k` best prompts is their own.

    Xu et al., 2018, https://arxiv.org/abs/1711.10485. An equal score counts against a picture, so
    that a judge which says the same of everything earns nothing.

    Args:
        scores: [N, P] between pictures and prompts.
        right: [N], the number of each picture's prompt.
    """
    own = scores.gather(1, right[:, None])
    return float(((scores >= own).sum(1) <= k).float().mean())


def summary(
    scores: Tensor, right: Tensor, kinds: Sequence[str], extra: dict[str, list[float]]
) -> dict[str, Any]:
    """Put a variant's figures together: all of it, and each kind of prompt apart.

    Args:
        kinds: of each prompt: "known", "tinted" or "pair"; the last two are combinations.
        extra: further figures of the pictures, whose means are given.
    """
    kind = [kinds[index] for index in right.tolist()]
    groups = {
        "all": [True] * len(kind),
        "known": [each == "known" for each in kind],
        "combinations": [each != "known" for each in kind],
        "tinted": [each == "tinted" for each in kind],
        "pairs": [each == "pair" for each in kind],
    }
    found: dict[str, Any] = {"pictures": len(kind)}
    for name, members in groups.items():
        chosen = torch.tensor(members, dtype=torch.bool)
        if chosen.any():
            some, its = scores[chosen], right[chosen]
            found[name] = {"R@1": precision(some, its, 1), "R@5": precision(some, its, 5)}
    for name, values in extra.items():
        if values:
            found[name] = sum(values) / len(values)
    return found


def table(report: dict[str, Any]) -> str:
    """Write the variants' figures as a Markdown table; shares of c1 and c5 in brackets."""
    groups = ("all", "known", "combinations", "tinted", "pairs")
    heads = ["variant", "pictures", *groups, "own score", "seconds"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    ceiling = report["variants"].get("real", {})
    for name, found in report["variants"].items():
        cells = [name, str(found["pictures"])]
        for group in groups:
            cells.append("–" if group not in found else _of(found[group], ceiling.get(group)))
        cells.append(f"{found['own']:.3f}" if "own" in found else "–")
        cells.append(f"{found['seconds']:.1f}" if "seconds" in found else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _of(found: dict[str, float], ceiling: dict[str, float] | None) -> str:
    """Say R@1 and R@5, and how much that is of what real pictures earn."""
    parts = []
    for key in ("R@1", "R@5"):
        most = None if ceiling is None else ceiling[key]
        share = "" if most is None or most == 0 else f" ({found[key] / most:.2f})"
        parts.append(f"{found[key]:.2f}{share}")
    return " / ".join(parts)


def bars(variants: dict[str, Any]) -> dict[str, bool]:
    """Say which of the aims are reached, as far as the variants that they need are there."""
    here = {name: (found["all"]["R@1"], found["all"]["R@5"]) for name, found in variants.items()}
    aims = (  # whose, R@1 or R@5, at least this share of whose, and this much more
        ("default: top-1 at least 0.55 of c1", "default", 0, 0.55, "real", 0.0),
        ("default: top-5 at least 0.75 of c5", "default", 1, 0.75, "real", 0.0),
        ("random: top-1 at least 0.4 of c1", "random", 0, 0.4, "real", 0.0),
        ("default: top-1 at least 0.05 above dream", "default", 0, 1.0, "dream", 0.05),
    )
    return {
        words: here[whose][k] >= share * here[other][k] + more - 1e-9
        for words, whose, k, share, other, more in aims
        if whose in here and other in here
    }


@dataclass(frozen=True)
class Gallery:
    """Training pictures by features in which each dimension counts alike.

    Args:
        seen: [N, F], rows of length 1.
        mean, spread: [F], of all drawings' features.
        border: the cosine above which a picture is called a copy.
    """

    seen: Tensor
    mean: Tensor
    spread: Tensor
    border: float

    def nearest(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """For each of [M, F] features: the number of the nearest picture, and the cosine."""
        cosine, index = (self._direction(features) @ self.seen.T).max(1)
        return index, cosine

    def is_copy(self, cosine: float) -> bool:
        """Whether a picture that is so near to one of training's is called a copy of it."""
        return cosine > self.border

    def _direction(self, features: Tensor) -> Tensor:
        return direction(features, self.mean, self.spread)


def direction(features: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Features as directions from the mean."""
    return functional.normalize((features.float() - mean) / spread, dim=-1)


def gallery(features: Tensor, names: Sequence[str]) -> Gallery:
    """Hang up training pictures, and learn from them what is too near to be chance.

    Args:
        features: [N, F].
        names: what each shows; two pictures of one name are drawings of the same thing.
    """
    features = features.float()
    mean, spread = features.mean(0), features.std(0).clamp(min=1e-6)
    seen = direction(features, mean, spread)
    named: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        named[name].append(index)
    near = torch.cat([*_between(seen, named.values()), torch.zeros(0)])
    border = 1.0 if len(near) == 0 else float(_quantile(near, USUAL))
    return Gallery(seen, mean, spread, border)


def _between(seen: Tensor, groups: Iterable[Sequence[int]]) -> list[Tensor]:
    """Cosines between all different pictures of a group, for every group."""
    found = []
    for members in groups:
        if len(members) > 1:
            cosines = seen[list(members)] @ seen[list(members)].T
            upper = torch.triu_indices(len(members), len(members), 1)
            found.append(cosines[upper[0], upper[1]])
    return found


def _quantile(values: Tensor, share: float) -> Tensor:
    """torch.quantile takes no more than 16 million values; sorting takes any number."""
    ordered = values.sort().values
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
