"""All other settings, made of the schema: found by words, changed, and listed as `key=value`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import gradio as gr

from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import Setting, describe_settings, kind_of, list_groups
from vqclip.errors import ConfigError, suggest

OWN = (
    "prompts",
    "negative",
    "style",
    "drawer",
    "size",
    "steps",
    "seed",
    "out",
)  # fields of the form
MOST = 16  # settings that are shown at a time
_LINE = re.compile(r"([A-Za-z_]+(?:\.[A-Za-z_]+)*)\s*=(.*)", re.DOTALL)


def build() -> Any:
    """Build the panel; returns the text box in which the changed settings stand, a line each."""
    groups = list_groups()
    with gr.Accordion("All settings", open=False):
        with gr.Row():
            text = gr.Textbox(
                label="Find a setting",
                placeholder="colour, camera, film …",
                elem_id="vq-find",
                min_width=160,
            )
            group = gr.Dropdown(
                [
                    ("all groups", ""),
                    *((f"{name}: {told}", name) for name, told in groups.items()),
                ],
                value="",
                label="Group",
                min_width=160,
            )
        lines = gr.Textbox(
            label="Changed settings",
            info="key=value, a line each; the same as on the command line",
            lines=2,
            max_lines=12,
            elem_id="vq-lines",
            elem_classes="vq-mono",
        )

        @gr.render(inputs=[text, group, lines], triggers=[text.change, group.change])
        def show(words: str, name: str, changed: str) -> None:
            found = find_settings(words or "", name or "")
            if not found:
                gr.Markdown("No setting has these words." if words or name else "")
            values = dict(line.split("=", 1) for line in _loose_lines(changed))
            for setting in found[:MOST]:
                field = make_field(setting, values.get(setting.key))
                field.change(
                    partial(set_line, setting),
                    [field, lines],
                    lines,
                    show_progress="hidden",
                    queue=False,
                )
            if len(found) > MOST:
                gr.Markdown(f"… and {len(found) - MOST} more; write another word to find them.")

    return lines


def find_settings(words: str, group: str = "") -> list[Setting]:
    """The settings that have all words in their names or in their help; none without any.

    Args:
        group: the group in which they are looked for, "" for all.
    """
    wanted = words.casefold().split()
    if not wanted and not group:
        return []
    found = []
    for each in _settings().values():
        text = f"{each.key} {each.full_help}".casefold()
        inside = not group or each.key.startswith(f"{group}.")
        if inside and all(word in text for word in wanted):
            found.append(each)
    # Names come before help, as in vqclip help settings.
    return sorted(found, key=lambda each: not all(word in each.key for word in wanted))


def describe_bounds(key: str) -> str:
    """The bounds of a setting, in words; "" where it has none."""
    kind = kind_of(RunConfig, key).metadata
    least, most = kind.get("least", -math.inf), kind.get("most", math.inf)
    if math.isfinite(least) and math.isfinite(most):
        return f"from {least:g} to {most:g}"
    if math.isfinite(least):
        return f"{least:g} or more"
    return f"at most {most:g}" if math.isfinite(most) else ""


def make_field(setting: Setting, value: str | None) -> Any:
    """A field for a setting, with its help and bounds.

    Args:
        value: what it is changed to; None if it is as usual.
    """
    bounds = describe_bounds(setting.key)
    taken = setting.kind if setting.units else ""
    told = "; ".join(part for part in (setting.owned_help, taken, bounds) if part)
    usual = setting.default if setting.default not in ("", "null") else "unset"
    named: dict[str, Any] = {"label": setting.key, "info": told, "elem_classes": "vq-setting"}
    choices = ("true", "false") if setting.kind == "true or false" else setting.choices
    if choices:
        listed = [(f"{usual} (as usual)", ""), *((each, each) for each in choices)]
        return gr.Dropdown(listed, value=value or "", allow_custom_value=True, **named)
    return gr.Textbox(value=value or "", placeholder=usual, max_lines=4, **named)


def set_line(setting: Setting, value: str | None, lines: str) -> str:
    """The lines of changed settings with another value of one of them; empty: as usual."""
    kept = [
        line
        for line in (lines or "").splitlines()
        if line.strip() and line.partition("=")[0].strip() != setting.key
    ]
    text = " ".join(str(value).split("\n")).strip() if value is not None else ""
    if text and text != setting.default:
        kept.append(f"{setting.key}={text}")
    return "\n".join(kept)


def read_lines(lines: str) -> list[str]:
    """The settings in lines `key=value`, as words of a command line.

    Raises:
        ConfigError: for a line that is none, or a key that is no setting's.
    """
    found = []
    for line in (lines or "").splitlines():
        if not line.strip():
            continue
        matched = _LINE.fullmatch(line.strip())
        if matched is None:
            raise ConfigError(f"{line.strip()[:80]!r} is no setting; write key=value")
        key = matched[1]
        if key not in _settings() and key not in OWN and key not in list_groups():
            raise ConfigError(f"there is no setting {key}{suggest(key, _settings())}")
        found.append(f"{key}={matched[2].strip()}")
    return found


def _loose_lines(lines: str) -> Sequence[str]:
    return [line.strip() for line in (lines or "").splitlines() if "=" in line]


@cache
def _settings() -> dict[str, Setting]:
    """The settings that have no field of their own in the form."""
    return {each.key: each for each in describe_settings() if each.key not in OWN}
