"""Which random numbers are whose."""

from __future__ import annotations

from vqclip.models.device import pick_seed, purpose_seed


def test_purposes_have_seeds_of_their_own() -> None:
    seeds = [purpose_seed(s, p) for s in (0, 1, 2**70) for p in ("init", "cutouts 32", "new")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert purpose_seed(1, "init") == purpose_seed(1, "init")


def test_a_seed_that_is_given_is_kept() -> None:
    assert (pick_seed(0), pick_seed(2**70)) == (0, 2**70)
    drawn = {pick_seed(None) for _ in range(8)}
    assert len(drawn) > 1 and all(0 <= seed < 2**32 for seed in drawn)
