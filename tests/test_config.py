"""All settings: their names, bounds and help, and the stages that a run passes through."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from vqclip import config, cutouts, losses, noise, optimisers, perceptors
from vqclip.config import RunConfig, Setting, Stage, check, describe, plan_stages, read_size
from vqclip.errors import ConfigError
from vqclip.presets import load
from vqclip.record import video


def changed(**values: Any) -> RunConfig:
    """The defaults with other values; `cutouts__count=3` reaches into a group."""
    run = RunConfig()
    for key, value in values.items():
        group, _, name = key.rpartition("__")
        if group:
            part = dataclasses.replace(getattr(run, group), **{name: value})
            run = dataclasses.replace(run, **{group: part})
        else:
            run = dataclasses.replace(run, **{key: value})
    return run


@pytest.mark.parametrize(
    ("literals", "registry"),
    [
        (config.RECIPES, cutouts.RECIPES),
        (config.OPTIMISERS, optimisers.OPTIMISERS),
        (config.SCHEDULES, optimisers.SCHEDULES),
        (config.NOISES, noise.NOISES),
        (config.AXES, losses.AXES),
        (config.CONTRASTS, perceptors._CONTRASTS),
        (("auto", *perceptors._DTYPES), config.PRECISIONS),
    ],
)
def test_allowed_names_are_those_of_the_registries(literals: Any, registry: Any) -> None:
    assert set(literals) == set(registry)


def test_films_are_those_that_can_be_opened() -> None:
    suffixes = {f".{name}" for name in config.FILMS if name not in ("frames", "none")}
    assert suffixes | {""} == set(video.FILMS)  # a folder of pictures has no suffix


def test_every_loss_has_a_weight_among_the_settings() -> None:
    fields = {each.name for each in dataclasses.fields(config.LossSettings)}
    assert fields - {"axis", "colours", "edge_colour"} == set(losses.LOSSES)


def leaves(part: Any, prefix: str = "") -> dict[str, Any]:
    """Every setting of an instance, by its whole name."""
    found: dict[str, Any] = {}
    for each in dataclasses.fields(part):
        value = getattr(part, each.name)
        if dataclasses.is_dataclass(value):
            found |= leaves(value, f"{prefix}{each.name}.")
        else:
            found[prefix + each.name] = value
    return found


def test_help_covers_every_setting_with_its_default() -> None:
    lines = {line.key: line for line in describe()}
    values = leaves(RunConfig())
    assert list(lines) == list(values)
    for key, value in values.items():
        if not isinstance(value, list):
            assert lines[key].default == ("null" if value is None else str(value))
        assert lines[key].help and lines[key].kind
    assert lines["perceptors"].default == "starter"
    assert lines["growth"].default == "25% × 40%, 50% × 35%"
    assert lines["optimiser.rate"] == Setting(
        "optimiser.rate",
        "number or null",
        "null",
        "learning rate; null: what suits the optimiser",
        (),
    )
    assert lines["device"].choices == config.DEVICES
    assert {line.kind for line in lines.values()} == {
        *("text", "list", "whole number", "number", "whole number or null", "number or null")
    }


def test_help_describes_other_schemas() -> None:
    assert [line.key for line in describe(Stage)] == ["size", "steps"]


def test_the_defaults_pass_their_own_check() -> None:
    assert check(RunConfig()) == RunConfig()


@pytest.mark.parametrize("key", ["steps", "cutouts.count", "film.fps", "film.every"])
def test_counts_begin_at_one(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is 0; it must be 1 or more$"):
        check(changed(**{key.replace(".", "__"): 0}))
    check(changed(**{key.replace(".", "__"): 1}))


@pytest.mark.parametrize(
    "key",
    [
        *("seed", "previews", "threads", "film.quality"),
        *("cutouts.noise", "optimiser.rate", "optimiser.average"),
    ],
)
def test_what_may_be_zero_is_never_below(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is -1; it must be 0 or more$"):
        check(changed(**{key.replace(".", "__"): -1}))
    check(changed(**{key.replace(".", "__"): 0}))


@pytest.mark.parametrize(
    ("key", "most"), [("cutouts.noise", 1), ("film.fps", 1000), ("film.quality", 100)]
)
def test_some_settings_end_above(key: str, most: int) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is {most + 1}; it must be {most} or less$"):
        check(changed(**{key.replace(".", "__"): most + 1}))
    check(changed(**{key.replace(".", "__"): most}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_is_a_number(value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^losses.symmetry is {value}; it must be a number$"):
        check(changed(losses__symmetry=value))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"device": "gpu"},
            r"device is 'gpu'; did you mean 'cpu'\? \(one of: auto, cpu, cuda, mps\)",
        ),
        ({"optimiser__name": "adm"}, "optimiser.name is 'adm'; did you mean 'adam'"),
        ({"perceptors": []}, "perceptors is empty; name at least one"),
        ({"perceptors": [""]}, "perceptors is empty; name at least one"),
        ({"perceptors": ["a", "b", "a"]}, "perceptors names one twice: a, b, a"),
        ({"optimiser__average": 1.0}, r"optimiser.average is 1.0; it must be below 1"),
        ({"losses__palette": 1.0}, "losses.palette needs colours, such as losses.colours="),
        ({"style": "{} and {}"}, r"style is '\{\} and \{\}'; \{\} stands once"),
        ({"size": "0"}, "size is '0'; write width x height in pixels, such as 256x256"),
        ({"size": "7x7"}, "size is 7x7; each side must be 16 pixels or more"),
        ({"size": "-64x64"}, "size is '-64x64'; write width x height"),
        ({"size": "64x16385"}, "size is 64x16385; a side may have 16384 pixels at most"),
        ({"aspect": "wide"}, "aspect is 'wide'; write width:height, such as 4:5"),
        ({"aspect": "969"}, r"aspect is '969'; write .* \(in YAML: \"4:5\"\)"),
        ({"aspect": "1:0"}, "aspect is '1:0'; write width:height"),
        ({"aspect": "100:1"}, "aspect is '100:1'; write width:height"),
        ({"growth": [Stage("no", "1")]}, "growth, stage 1: size is 'no'; write width x height"),
        ({"growth": [Stage("8x8", "1")]}, "growth, stage 1: size is 8x8; each side must be 16"),
        (
            {"growth": [Stage("50%", "1"), Stage("0%", "1")]},
            "growth, stage 2: '0%' is no share; write a percentage, such as 50%",
        ),
        ({"growth": [Stage("x%", "1")]}, "growth, stage 1: 'x%' is no share"),
        ({"growth": [Stage("200%", "1")]}, "growth, stage 1: '200%' is no share"),
        ({"growth": [Stage("nan%", "1")]}, "growth, stage 1: 'nan%' is no share"),
        (
            {"growth": [Stage("50%", "-3")]},
            "growth, stage 1: steps is '-3'; write 60, or 40%",
        ),
        ({"growth": [Stage("50%", "²")]}, "growth, stage 1: steps is '²'; write 60, or 40%"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        check(changed(**values))


def test_the_default_stages() -> None:
    assert plan_stages(RunConfig(), 8) == [(64, 64, 60), (128, 128, 52), (256, 256, 38)]


def test_sizes_are_rounded_down_to_the_factor_but_never_to_nothing() -> None:
    run = changed(size="100x50", steps=10, growth=[Stage("10%", "2"), Stage("60x40", "3")])
    assert plan_stages(run, 16) == [(16, 16, 2), (48, 32, 3), (96, 48, 5)]


def test_shares_of_steps_are_rounded_to_the_nearest() -> None:
    run = changed(steps=100, growth=[Stage("50%", "29%")])  # 0.29 * 100 is 28.999… in floats
    assert plan_stages(run, 8)[0] == (128, 128, 29)


@pytest.mark.parametrize(
    ("steps", "counts"),
    [(1, [1]), (2, [1, 1]), (3, [1, 1, 1]), (4, [2, 1, 1]), (10, [4, 4, 2])],
)
def test_the_final_size_always_gets_a_step(steps: int, counts: list[int]) -> None:
    stages = plan_stages(changed(steps=steps), 8)
    assert [count for *_, count in stages] == counts
    assert stages[-1][:2] == (256, 256)


def test_growth_that_asks_for_all_steps_leaves_one() -> None:
    run = changed(steps=10, growth=[Stage("50%", "100%"), Stage("50%", "7")])
    assert plan_stages(run, 8) == [(128, 128, 9), (256, 256, 1)]


def test_no_growth_is_one_stage() -> None:
    assert plan_stages(changed(growth=[]), 8) == [(256, 256, 150)]


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("1:1", (256, 256)), ("4:5", (224, 280)), ("16:9", (336, 192)), ("2.35 : 1", (392, 160))],
)
def test_an_aspect_keeps_the_number_of_pixels(aspect: str, size: tuple[int, int]) -> None:
    assert config.final_size(changed(aspect=aspect), 8) == size
    assert 0.9 < size[0] * size[1] / 256**2 < 1.0001


@pytest.mark.parametrize("text", ["640x480", " 640 X 480 ", "640×480"])
def test_sizes_are_read_as_people_write_them(text: str) -> None:
    assert read_size(text) == (640, 480)


def test_settings_as_plain_values_load_into_the_same_settings() -> None:
    run = changed(
        **{"prompts": "a # b", "seed": 0, "cutouts__noise": 0.0, "style": "${x} of {}"},
        **{"growth": [Stage("32x32", "2")], "perceptors": ["a", "b"], "out": "elsewhere"},
    )
    values = config.to_dict(run)
    assert load(base=values) == run
    without = config.to_dict(run, everywhere=False)
    assert set(values) - set(without) == {"out"}
    assert load(base=without) == dataclasses.replace(run, out="outputs")
