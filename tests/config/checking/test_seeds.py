"""Which random numbers are whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vqclip.config.checking import seeds
from vqclip.config.checking.seeds import SeedWalk, purpose_seed
from vqclip.config.checking.setting_checks import check_settings
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.models.device import pick_seed


def test_purposes_have_seeds_of_their_own() -> None:
    found = [purpose_seed(s, p) for s in (0, 1, 2**70) for p in ("init", "cutouts 32", "new")]
    assert len(set(found)) == len(found)
    assert all(0 <= seed < 2**63 for seed in found)
    assert purpose_seed(1, "init") == purpose_seed(1, "init")


def test_a_seed_that_is_given_is_kept() -> None:
    assert (pick_seed(0), pick_seed(2**70), pick_seed("3:8:0.4")) == (0, 2**70, "3:8:0.4")
    drawn = {pick_seed(None) for _ in range(8)}
    assert len(drawn) > 1 and all(0 <= int(seed) < 2**32 for seed in drawn)


def test_a_walk_has_the_first_seed_but_for_its_start() -> None:
    walk = seeds.read_seed("3:8:0.4")
    assert walk == SeedWalk(3, 8, 0.4)
    assert walk.derive("init") == SeedWalk(purpose_seed(3, "init"), purpose_seed(8, "init"), 0.4)
    assert purpose_seed("3:8:0.4", "cutouts 32") == purpose_seed(3, "cutouts 32")
    # What cannot lie between two, such as a layout, has the nearer one.
    assert [seeds.nearer_seed(f"103:208:{share}") for share in (0.4, 0.5, 1)] == [103, 208, 208]


@pytest.mark.parametrize(
    ("typed", "noted"),
    [
        ("3:8:.40", "3:8:0.4"),
        (" 3 : 8 : 1.0 ", "3:8:1"),
        ("3:8:0.00001", "3:8:0.00001"),
        ("3:8:0.9999999", "3:8:0.9999999"),
        # Nearer to a seed than this a walk does not come, so that it is never there.
        (f"3:8:0.{'9' * 40}", "3:8:0.9999999999999999"),
        (f"3:8:0.{'0' * 400}1", "3:8:0.0000000000000001"),
        ("3:8:0", 3),
        ("3:8:0.0", 3),
        ("3:3:0.4", 3),
        ("4", 4),
        ("-1", -1),
        (7, 7),
    ],
)
def test_a_walk_is_noted_in_one_way(typed: seeds.Seed, noted: seeds.Seed) -> None:
    assert seeds.canonical_seed(typed) == seeds.canonical_seed(noted) == noted
    assert isinstance(noted, int) or seeds.read_seed(noted) == seeds.read_seed(typed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "3:8",
        "3:8:1.1",
        "3:8:1.00000000000000000001",
        "3:8:-0.1",
        "3:8:0.4:1",
        "3:8:.",
        "-3:8:0.4",
    ],
)
def test_what_is_no_walk_is_none(text: str) -> None:
    assert not seeds.is_seed(text)
    with pytest.raises(ConfigError, match=r"such as 3:8:0\.4"):
        check_settings(replace(RunConfig(), prompts="a fox", seed=text))
    with pytest.raises(ValueError):
        seeds.read_seed(text)
