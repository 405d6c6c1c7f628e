"""Names of other tools lead to the setting of the same meaning; slips, to what was meant."""

import pytest

from vqclip.config import loading
from vqclip.config.checking.suggestions import (
    PEER_NAMES,
    PEER_VALUES,
    suggest_setting,
    suggest_value,
)
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError, suggest

KEYS = [setting.key for setting in describe_settings()]
CHOICES = {setting.key: setting.choices for setting in describe_settings()}


def test_every_entry_leads_to_a_setting_and_no_name_to_two() -> None:
    meant = [meant.partition("=")[0] for meant in PEER_NAMES if " " not in meant]
    assert set(meant) <= set(KEYS)
    names = [name for names in PEER_NAMES.values() for name in names.split()]
    assert sorted(names) == sorted(set(names))
    assert not set(names) & (set(KEYS) - {"prompts"})  # what is here needs no translation


def test_every_value_leads_to_one_that_is_taken() -> None:
    for key, values in PEER_VALUES.items():
        if CHOICES[key]:
            assert set(values) <= set(CHOICES[key]), key


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("iterations=100", "there is no setting iterations; did you mean steps=100?"),
        ("num_cuts=32", "did you mean cutouts.count=32?"),
        ("Learning-Rate=0.1", "did you mean optimiser.rate=0.1?"),
        ("width=512", "did you mean size=512xHEIGHT?"),
        ("init_image=my photo.png", "did you mean init='my photo.png'?"),
        ("frames.parallel=true", "has no parallel; did you mean motion.parallel=true?"),
        ("translation_x=10", "did you mean camera.pan_x=…?"),  # pixels there, widths here
        ("cuda_device=cuda:0", "did you mean device=cuda?"),
        ("text_prompts=a fox", 'the prompt stands by itself: "a fox"'),
        ("device=gpu", "device is 'gpu'; did you mean 'cuda'?"),
        ("device=cuda0", "did you mean 'cuda'?"),
        ("film.format=MP4", "did you mean 'mp4'?"),
        ("film.codec=hevc", "did you mean 'h265'?"),
        ("losses.smothness=3", "did you mean 'losses.smoothness'?"),
    ],
)
def test_what_is_named_otherwise_here_is_named(word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        loading.load_config("a fox", overrides=[word])
    assert hint in str(error.value)


@pytest.mark.parametrize(
    "word",
    ["vdiff_schedule=log", "clip_guidance_scale=5", "losses.foo=3", "skip_steps=3", "version=1"],
)
def test_nothing_is_suggested_where_nothing_means_the_same(word: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no setting {word.partition('=')[0]}$"):
        loading.load_config("a fox", overrides=[word])


@pytest.mark.parametrize(
    ("name", "names", "near"),
    [
        ("stpes", ["steps"], "steps"),
        ("STEPS", ["steps"], "steps"),
        ("--stps", ["--steps"], "--steps"),
        ("perceptros", ["perceptors"], "perceptors"),
        ("iterations", ["--version", "direction"], None),
        ("bag", ["dog", "cat"], None),
        ("", ["", "a"], None),
    ],
)
def test_only_slips_are_near(name: str, names: list[str], near: str | None) -> None:
    assert suggest(name, names) == (f"; did you mean {near!r}?" if near else "")


def test_a_command_with_fewer_settings_gets_those_that_it_has() -> None:
    assert suggest_setting("framerate", "24", ["film.fps"]) == "; did you mean film.fps=24?"
    assert suggest_setting("iterations", "100", ["film.fps"]) == ""
    assert suggest_value("device", "metal", ["cpu"]) == ""
