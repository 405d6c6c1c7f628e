"""The forms: what they stand for on a command line, and the settings of the schema."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("gradio")

from vqclip.config import loading
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError, PromptError, VqclipError
from vqclip.web.markup import cards_to_html, text_to_html
from vqclip.web.tabs import animate_tab, draw_tab, look_tab, settings_panel, words_tab

EMPTY: dict[str, Any] = dict(
    prompt="a fox", negative="", style="", presets="", others=[], drawer="", size=None,
    steps="", seed="", start=None, lines="",
)  # fmt: skip


def words(**more: Any) -> list[str]:
    return draw_tab.list_words(**(EMPTY | more))


def test_an_empty_form_is_a_prompt_with_previews() -> None:
    assert words() == ["prompts=a fox", "previews=5"]
    assert words(lines="previews=2") == ["prompts=a fox", "previews=2"]


def test_a_full_form_is_a_command_line_that_can_be_typed() -> None:
    found = words(
        prompt="<img src=x> 'a' \"b\"\nc", negative="fog", style="an etching of {}",
        presets="brush", others=["square"], drawer="lines", size="64x64", steps="7", seed="3",
        lines="losses.saturation = 0.5\n\ncutouts.count=4",
    )  # fmt: skip
    assert found[-2:] == ["--preset", "brush,square"]
    config = loading.load_config(preset=found[-1], overrides=found[:-2])
    assert config.prompts == "<img src=x> 'a' \"b\"\nc"
    assert (config.size, config.steps, config.seed, config.drawer) == ("64x64", 7, 3, "lines")
    assert (config.losses.saturation, config.cutouts.count) == (0.5, 4)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"prompt": "  "}, "there is no prompt"),
        ({"prompt": "x" * 100_001}, "has 100001 letters"),
        ({"lines": "losses.saturatin=1"}, "no setting losses.saturatin; did you mean"),
        ({"lines": "--debug"}, "is no setting; write key=value"),
        ({"lines": "seed=4", "seed": "3"}, "seed is given twice"),
        ({"lines": "out=/tmp"}, "out is given twice"),
    ],
)
def test_what_cannot_be_drawn_is_said_at_once(more: dict[str, Any], told: str) -> None:
    with pytest.raises(VqclipError, match=told):
        words(**more)


def test_settings_are_found_by_their_names_before_their_help() -> None:
    first = settings_panel.find_settings("saturation")
    assert first[0].key.endswith("saturation") and len(first) >= 2
    assert settings_panel.find_settings("") == []
    inside = settings_panel.find_settings("", "camera")
    assert {each.key.partition(".")[0] for each in inside} == {"camera"}
    keys = {each.key for each in describe_settings()}
    found = {key: settings_panel.find_settings(key) for key in keys}
    named = {key for key in keys if any(each.key == key for each in found[key])}
    assert keys - named == set(settings_panel.OWN)


def test_a_field_shows_help_bounds_and_the_default() -> None:
    setting = settings_panel.find_settings("cutouts.count")[0]
    field = settings_panel.make_field(setting, None)
    assert field.label == "cutouts.count" and field.placeholder == setting.default
    assert "cutouts per step" in field.info and "1 or more" in field.info
    choice = settings_panel.make_field(settings_panel.find_settings("camera.edges")[0], "wrap")
    assert choice.value == "wrap" and ("mirror", "mirror") in choice.choices
    assert settings_panel.describe_bounds("source.blend") == "from 0 to 1"


def test_a_changed_setting_is_a_line_and_the_default_is_none() -> None:
    setting = settings_panel.find_settings("losses.saturation")[0]
    lines = settings_panel.set_line(setting, "0.5", "steps=3\nlosses.saturation=1")
    assert lines == "steps=3\nlosses.saturation=0.5"
    assert settings_panel.set_line(setting, "", lines) == "steps=3"
    assert settings_panel.set_line(setting, setting.default, lines) == "steps=3"
    assert settings_panel.set_line(setting, "a\nb", "") == "losses.saturation=a b"


def test_words_and_looking_are_commands() -> None:
    found, name = words_tab.list_words(["a.png", "b.png"], " my-cat ", "style", "cat", "50")
    assert found == [
        "a.png",
        "b.png",
        "--token=my-cat",
        "--kind=style",
        "--init=cat",
        "--steps=50",
        "--json",
    ]
    assert name == "my-cat"
    with pytest.raises(ConfigError, match="there is no picture"):
        words_tab.list_words(None, "x", "object", "", "")
    with pytest.raises(ConfigError, match="no name yet"):
        words_tab.list_words(["a.png"], " ", "object", "", "")
    assert look_tab.classify_words(["a.png"], "a | b")[-2:] == ["--labels=a | b", "--json"]
    assert look_tab.search_words("--debug", None)[-2:] == ["--", "--debug"]
    with pytest.raises(PromptError, match="nothing to find"):
        look_tab.search_words("", None)
    with pytest.raises(ConfigError, match="not for both"):
        look_tab.search_words("a", "b.png")


def test_an_animation_is_a_command() -> None:
    found = animate_tab.list_words(
        "x", "", "3", "", None, "", True, "a.wav", None, "camera.roll=1"
    )
    assert found == ["length=3", "sound.file=a.wav", "loop=true", "camera.roll=1"]
    assert {"zoom-in", "flight", "story"} <= set(animate_tab.moving_presets())
    assert "brush" not in animate_tab.moving_presets()


def test_hostile_names_become_text() -> None:
    html = cards_to_html("presets", {"<img src=x onerror=alert(1)>": "\"'><script>"})
    assert "<img src=x" not in html and "<script" not in html
    assert text_to_html("<\"'&>") == "&lt;&quot;&#x27;&amp;&gt;"
