"""Layers of values: all of them are looked at, and merged as few times as can be."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from vqclip.config.schema import RunConfig
from vqclip.config.setting_layers import Layer, merge_layers
from vqclip.errors import ConfigError
from vqclip.sweep.engines.engine_settings import RaySettings, SlurmSettings
from vqclip.training import settings
from vqclip.training.settings import ClipRecipe, PriorRecipe, VqganRecipe

SCHEMAS = [
    *(RunConfig, RaySettings, SlurmSettings, VqganRecipe, ClipRecipe, PriorRecipe),
    settings.SentencesRecipe,
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_no_layer_speaks_of_is_as_if_it_had_been_merged(schema: Any) -> None:
    """A default of 0 for a setting that is 0.0 once it is merged would change the notes."""
    whole = OmegaConf.to_object(OmegaConf.structured(schema))
    assert repr(merge_layers([], schema)) == repr(whole)


@pytest.mark.parametrize(
    ("layers", "times"),
    [
        ([], 0),
        ([{"steps": 3}, {}, {"cutouts": {"count": 4}}, {"cutouts": {"recipe": "crowson"}}], 1),
        ([{"steps": 3}, {"cutouts": {"count": 4}}, {"steps": 4, "cutouts": {"count": 5}}], 2),
    ],
)
def test_layers_without_a_common_setting_are_merged_together(
    layers: list[dict[str, Any]], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged, merge = list[Any](), OmegaConf.unsafe_merge
    monkeypatch.setattr(
        OmegaConf, "unsafe_merge", lambda *given: merged.append(given) or merge(*given)
    )
    found = merge_layers([("a file", each) for each in layers])
    assert len(merged) == times
    wanted = RunConfig()
    for each in layers:
        cutouts = wanted.cutouts.__class__(**{**vars(wanted.cutouts), **each.get("cutouts", {})})
        wanted = RunConfig(**{**vars(wanted), **each, "cutouts": cutouts})
    assert found == wanted


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([("a", {"fps": "x"}), ("b", {"fps": 3})], "a: fps is 'x'"),
        ([("a", {"steps": 3}), ("b", {"fps": "x"}), ("c", {"steppes": 1})], "b: fps is 'x'"),
        ([("a", {"steppes": 3}), ("b", {"fps": "x"})], "a: there is no setting steppes"),
        ([("a", {"losses": {"edges": 1}}), ("b", {"losses": {"edges": [1]}})], "b: losses.edges"),
    ],
)
def test_the_first_layer_that_does_not_fit_is_named_also_where_another_overrides_it(
    layers: list[Layer], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        merge_layers(layers)
    assert str(error.value).startswith(told)
