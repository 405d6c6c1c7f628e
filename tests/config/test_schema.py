"""All settings: their names, bounds and help, and the stages that a run passes through."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from vqclip import optimisers
from vqclip.config import loss_settings, schema, setting_descriptions, setting_fields
from vqclip.config.checking import setting_checks
from vqclip.config.loading import load_config
from vqclip.config.schema import RunConfig, Stage
from vqclip.config.setting_descriptions import DRAWER_LOSSES, Setting, describe_settings
from vqclip.config.sizes import final_size, plan_stages, read_size
from vqclip.guidance import cutout_recipes, perceptor
from vqclip.guidance.losses import likeness, pixel_losses, smoothness
from vqclip.guidance.losses.registry import LOSSES
from vqclip.media import film_assembly, paths
from vqclip.run.start_pictures import noise_images


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
        (schema.RECIPES, cutout_recipes.RECIPES),
        (schema.OPTIMISERS, optimisers.OPTIMISERS),
        (setting_checks.FROM_LIBRARY, optimisers.FROM_LIBRARY),
        ([setting_checks.OPTIMISER_LIBRARY], [optimisers.LIBRARY]),
        (setting_checks.WITHOUT_MOMENTUM, optimisers.WITHOUT_MOMENTUM),
        (schema.SCHEDULES, optimisers.SCHEDULES),
        (schema.NOISES, noise_images.NOISE_IMAGES),
        (schema.AXES, pixel_losses.AXES),
        (loss_settings.SMOOTHNESS_KINDS, ("squares", *smoothness.KINDS)),
        (loss_settings.LATENT_KINDS, likeness.LATENT_KINDS),
        (schema.CONTRASTS, perceptor._CONTRASTS),
        (("auto", *perceptor._DTYPES), schema.PRECISIONS),
    ],
)
def test_allowed_names_are_those_of_the_registries(literals: Any, registry: Any) -> None:
    assert set(literals) == set(registry)


def test_films_are_those_that_can_be_opened() -> None:
    suffixes = {f".{name}" for name in paths.FILMS if name not in ("frames", "none")}
    assert suffixes | {""} == set(film_assembly.SUFFIXES)  # a folder of pictures has no suffix


def test_every_loss_has_a_weight_among_the_settings() -> None:
    own = {"distinct", *LOSSES, *DRAWER_LOSSES}
    scheduled = {
        each.name
        for each in dataclasses.fields(loss_settings.LossSettings)
        if each.metadata.get("changing")
    }
    assert scheduled == own


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
    lines = {line.key: line for line in describe_settings()}
    values = leaves(RunConfig())
    assert list(lines) == list(values)
    for key, value in values.items():
        if not isinstance(value, list):
            shown = {None: "null", True: "true", False: "false"}
            one = value is None or isinstance(value, bool)
            assert lines[key].default == (shown[value] if one else str(value))
        assert lines[key].help and lines[key].kind
    assert lines["perceptors"].default == "starter"
    assert lines["growth"].default == "25% × 60%, 50% × 25%"
    assert lines["optimiser.rate"] == Setting(
        "optimiser.rate",
        "number or schedule or null",
        "0.3",
        "learning rate; init=dream: 0.1; null: the optimiser's own",
        (),
    )
    assert lines["device"].choices == setting_fields.DEVICES
    assert lines["losses.edges"].full_help.endswith("(number or schedule)")
    assert {line.kind for line in lines.values()} == {
        *(
            "text",
            "list",
            "number or null",
            "whole number or walk or null",
            "whole number",
            "whole number or s",
            "whole number or %",
            "whole number, % or s",
            "number",
            "whole number or null",
            "number or schedule",
            "whole number or schedule",
            "number or schedule or null",
            "true or false",
        )
    }


def test_help_describes_other_schemas() -> None:
    assert [line.key for line in describe_settings(Stage)] == ["size", "steps"]


def test_the_default_stages() -> None:
    assert plan_stages(RunConfig(), 8) == [(64, 64, 120), (128, 128, 50), (256, 256, 30)]


def test_sizes_are_rounded_down_to_the_factor_but_never_to_nothing() -> None:
    run = changed(size="100x50", steps=10, growth=[Stage("10%", "2"), Stage("60x40", "3")])
    assert plan_stages(run, 16) == [(16, 16, 2), (48, 32, 3), (96, 48, 5)]


def test_shares_of_steps_are_rounded_to_the_nearest() -> None:
    run = changed(steps=100, growth=[Stage("50%", "29%")])  # 0.29 * 100 is 28.999… in floats
    assert plan_stages(run, 8)[0] == (128, 128, 29)


@pytest.mark.parametrize(
    ("steps", "counts"),
    [(1, [1]), (2, [1, 1]), (3, [2, 1]), (4, [2, 1, 1]), (10, [6, 2, 2])],
)
def test_the_final_size_always_gets_a_step(steps: int, counts: list[int]) -> None:
    stages = plan_stages(changed(steps=steps), 8)
    assert [count for *_, count in stages] == counts
    assert stages[-1][:2] == (256, 256)


def test_growth_that_asks_for_all_steps_leaves_one() -> None:
    run = changed(steps=10, growth=[Stage("50%", "100%"), Stage("50%", "7")])
    assert plan_stages(run, 8) == [(128, 128, 9), (256, 256, 1)]


@pytest.mark.parametrize(
    ("size", "stages"),
    [
        ("256x256", [(64, 64, 40), (128, 128, 25), (256, 256, 35)]),
        ("256x144", [(112, 64, 40), (224, 128, 25), (256, 144, 35)]),
        ("128x128", [(64, 64, 40), (128, 128, 60)]),
        ("80x128", [(64, 96, 40), (80, 128, 60)]),
        ("64x64", [(64, 64, 100)]),
        ("32x64", [(32, 64, 100)]),
    ],
)
def test_the_shorter_side_may_be_named_alone(
    size: str, stages: list[tuple[int, int, int]]
) -> None:
    run = changed(size=size, steps=100, growth=[Stage("64", "40%"), Stage("128", "25%")])
    assert plan_stages(run, 8) == stages
    written = load_config(
        overrides=[f"size={size}", "steps=100", "growth=[{size: 64, steps: 40}]"]
    )
    assert written.growth == [Stage("64", "40")]


def test_stages_of_one_size_are_one() -> None:
    run = changed(steps=100, growth=[Stage("25%", "10"), Stage("64", "20"), Stage("128", "5")])
    assert plan_stages(run, 8) == [(64, 64, 30), (128, 128, 5), (256, 256, 65)]


def test_no_growth_is_one_stage() -> None:
    assert plan_stages(changed(growth=[]), 8) == [(256, 256, 200)]


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("1:1", (256, 256)), ("4:5", (224, 280)), ("16:9", (336, 192)), ("2.35 : 1", (392, 160))],
)
def test_an_aspect_keeps_the_number_of_pixels(aspect: str, size: tuple[int, int]) -> None:
    assert final_size(changed(aspect=aspect), 8) == size
    assert 0.9 < size[0] * size[1] / 256**2 < 1.0001


@pytest.mark.parametrize("text", ["640x480", " 640 X 480 ", "640×480"])
def test_sizes_are_read_as_people_write_them(text: str) -> None:
    assert read_size(text) == (640, 480)


def test_settings_as_plain_values_load_into_the_same_settings() -> None:
    run = changed(
        **{
            "prompts": "a # b",
            "init": "random",
            "drawer": "vqgan",
            "seed": 0,
            "cutouts__noise": 0.0,
            "style": "${x} of {}",
        },
        **{"growth": [Stage("32x32", "2")], "perceptors": ["a", "b"], "out": "elsewhere"},
    )
    values = setting_descriptions.to_dict(run)
    assert load_config(base=values) == run
    without = setting_descriptions.to_dict(run, everywhere=False)
    assert set(values) - set(without) == {"checkpoint", "out"}
    assert load_config(base=without) == dataclasses.replace(run, out="outputs")
