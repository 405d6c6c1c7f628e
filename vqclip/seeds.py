"""Which random numbers are whose? A seed for the run, and from it one for each purpose."""

from __future__ import annotations

import hashlib
import secrets


def pick_seed(seed: int | None) -> int:
    """Take the seed that is given, or draw one."""
    return secrets.randbelow(2**32) if seed is None else seed


def purpose_seed(seed: int, purpose: str) -> int:
    """Derive the seed of one purpose, so that a new purpose never shifts another's numbers."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
