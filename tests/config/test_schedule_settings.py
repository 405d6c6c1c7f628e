"""Settings that may change on the way; most is tested in test_presets.py and test_session.py."""

from __future__ import annotations

import pytest

from vqclip.config import schedule_settings
from vqclip.config.schema import CutoutSettings, OptimiserSettings, RunConfig
from vqclip.errors import ConfigError
from vqclip.language.clock import Timeline

SOUND = RunConfig(steps=11, cutouts=CutoutSettings(count="8 + 8 * beat - frame"))


def test_which_settings_may_change() -> None:
    names = schedule_settings.setting_curves(RunConfig(), schedule_settings.clock_of(RunConfig()))
    assert {"optimiser.rate", "cutouts.count", "losses.distinct", "losses.init"} <= set(names)
    assert "cutouts.noise" not in names  # it is null
    assert names["cutouts.count"](7) == 16


def test_a_second_of_a_picture_has_as_many_steps_as_its_film_has_frames() -> None:
    clock = schedule_settings.clock_of(RunConfig(steps=60))
    config = RunConfig(optimiser=OptimiserSettings(rate="0s: 0, 2s: 1"))
    assert schedule_settings.setting_curve(config, "optimiser.rate", clock)(15) == 0.5


def test_the_most_that_a_setting_comes_to() -> None:
    assert schedule_settings.greatest_value(RunConfig(), "cutouts.count") == 16
    assert (
        schedule_settings.greatest_value(
            RunConfig(cutouts=CutoutSettings("0: 4, 50%: 40")), "cutouts.count"
        )
        == 40
    )
    assert (
        schedule_settings.greatest_value(SOUND, "cutouts.count") == 16
    )  # the loudest is thought of


def test_a_sound_that_is_there_is_heard() -> None:
    clock = Timeline(3, 10.0, {"beat": [0.0, 1.0, 0.5]}).clock([1, 2, 1])
    count = schedule_settings.setting_curve(SOUND, "cutouts.count", clock)
    assert [count(step) for step in range(4)] == [8, 15, 15, 10]
    with pytest.raises(ConfigError, match=r"cutouts.count: .* 'beat', which needs a sound"):
        schedule_settings.setting_curve(SOUND, "cutouts.count", schedule_settings.clock_of(SOUND))


@pytest.mark.parametrize("value", [True, [1], 2.5, "2.5", None])
def test_values_of_another_kind_are_told(value: object) -> None:
    with pytest.raises(ValueError, match=r"cutouts|2.5"):
        schedule_settings.canonical_value("cutouts.count", value, whole=True, optional=False)
