"""Seeds: whole numbers, and walks between two of them.

A walk is written `FIRST:SECOND:SHARE`, such as 3:8:0.4. What a run begins with then lies between
what it would be with either seed: its noise (`vqclip.tensors`), or the latents of its drafts, are
spherical interpolations of both. All else that is random in the run, such as its cutouts, has the
first seed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal

Seed = int | str  # a whole number, or a walk as text
_WALK = re.compile(r"\s*([0-9]{1,40})\s*:\s*([0-9]{1,40})\s*:\s*([0-9]*\.?[0-9]+|[0-9]+\.)\s*")
_NEAREST = 1e-16  # to a seed that a walk may come without being there; so its text stays short


@dataclass(frozen=True)
class SeedWalk:
    """A place on the way from one seed to another.

    Args:
        first, second: the seeds; equal for a run that has one.
        share: of the second one, in [0, 1].
    """

    first: int
    second: int
    share: float = 0.0

    @property
    def nearer(self) -> int:
        """The nearer seed, for what cannot lie between two; midway, the second one."""
        return self.first if self.share < 0.5 else self.second

    def derive(self, purpose: str) -> SeedWalk:
        """The same place between the seeds of one purpose."""
        first, second = (purpose_seed(seed, purpose) for seed in (self.first, self.second))
        return SeedWalk(first, second, self.share)


def read_seed(seed: Seed) -> SeedWalk:
    """Read a seed.

    Raises:
        ValueError: for a text that is no walk, or whose share is above 1.

    >>> read_seed(3), read_seed("3:8:.4")
    (SeedWalk(first=3, second=3, share=0.0), SeedWalk(first=3, second=8, share=0.4))
    """
    if isinstance(seed, int):
        return SeedWalk(seed, seed)
    found = _read_walk(seed)
    if found is None:
        raise ValueError(f"{seed!r} is no walk between two seeds")
    return found


def _read_walk(text: str) -> SeedWalk | None:
    found = _WALK.fullmatch(text)
    if found is None or (exact := Decimal(found[3])) > 1:
        return None
    share = float(exact)
    if 0 < exact < 1:
        share = min(max(share, _NEAREST), 1 - _NEAREST)
    return SeedWalk(int(found[1]), int(found[2]), share)


def canonical_seed(seed: Seed) -> Seed:
    """A seed as it is noted: a number, also for a walk that has not left its first seed.

    The share of a walk is read back as it is.

    Raises:
        ValueError: see `read_seed`.

    >>> canonical_seed("3:8:.40"), canonical_seed("3:8:0"), canonical_seed("3:8:1.0")
    ('3:8:0.4', 3, '3:8:1')
    """
    if isinstance(seed, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", seed):
        return int(seed)
    walk = read_seed(seed)
    if walk.share == 0 or walk.first == walk.second:
        return walk.first
    share = f"{Decimal(repr(walk.share)):f}"  # the fewest digits, never an exponent
    return f"{walk.first}:{walk.second}:{share.removesuffix('.0')}"


def first_seed(seed: Seed) -> int:
    """The seed of everything random that is not the start."""
    return read_seed(seed).first


def nearer_seed(seed: Seed) -> int:
    """The nearer of the two seeds of a walk; a whole number itself."""
    return read_seed(seed).nearer


def purpose_seed(seed: Seed, purpose: str) -> int:
    """Derive a seed for one purpose, so that a new purpose never changes another's numbers.

    Of a walk, that of the first seed.
    """
    digest = hashlib.sha256(f"{first_seed(seed)}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def is_seed(value: object) -> bool:
    """Whether a value is a whole number or a walk, or None, for a seed that is picked."""
    if not isinstance(value, str):
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    return _read_walk(value) is not None


def describe_misfit(value: object) -> str:
    """Say what a seed must be that is neither a whole number nor a walk."""
    shown = repr(value)[:60]
    if re.fullmatch(r"\s*[0-9]+\s*:\s*[0-9]+\s*(:.*)?", str(value)):
        return (
            f"seed is {shown}; a walk between two seeds is FIRST:SECOND:SHARE, with a share "
            "from 0 to 1, such as 3:8:0.4"
        )
    return (
        f"seed is {shown}; it must be a whole number or null, or a walk between two seeds, "
        "such as 3:8:0.4"
    )
