"""The reading of a prompt while somebody types it: parts, weights, and where its things go.

It is what `vqclip explain` and `plan` show, as far as no model is needed: nothing loads torch.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from vqclip.config import layout_settings, loading
from vqclip.config.checking import prompt_notes
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size
from vqclip.errors import VqclipError
from vqclip.language import prompts
from vqclip.language.assets import SearchPath, find_learnt_words
from vqclip.language.layout.layout_types import Layout
from vqclip.language.prompt_types import Prompt, learnt_words_in

MOST = 20_000  # letters that are read as somebody types


def read_prompt(
    text: str, presets: Sequence[str] = (), overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Read a prompt as a run would, for the page.

    Args:
        presets: names of presets.
        overrides: settings, `key=value`.

    Returns:
        "parts": what is drawn, as {"text", "weight", "more"}; "layouts": things as
        {"name", "box"}, for each scene; "notes": sentences; "runs": how many pictures its
        templates stand for; "aspect": width by height; or "error", a sentence.
    """
    if not text.strip():
        return {"parts": [], "layouts": [], "notes": [], "runs": 0}
    if len(text) > MOST:
        return {
            "error": f"the prompt has {len(text)} letters; at most {MOST} are read as you type"
        }
    try:
        configs = loading.load_configs(text, list(presets), overrides=list(overrides))
        config = configs[0]
        parsed = prompts.parse_with_negative(config.prompts, config.negative)
        search_path = SearchPath.from_settings(config.assets)
        find_learnt_words([config.style, *learnt_words_in(parsed)], search_path)
        layouts = layout_settings.plan_layouts(config, parsed)
        notes = [
            *layout_settings.describe_layouts(config, parsed, layouts),
            *prompt_notes.list_prompt_notes(config, search_path),
        ]
    except VqclipError as error:
        return {"error": str(error)}
    width, height = final_size(config)
    return {
        "parts": [_part(each) for each in parsed],
        "layouts": [_layout(each) for each in layouts.values()],
        "notes": notes,
        "runs": len(configs),
        "aspect": width / height,
        "size": f"{width}x{height}",
        "steps": config.steps,
        "frames": _frames(config),
    }


def _part(prompt: Prompt) -> dict[str, Any]:
    """A part of a prompt: what it is, and how much it counts."""
    told = prompts.describe_prompt(prompt)
    found: dict[str, Any] = {"text": told, "weight": None, "scene": prompt.scene}
    weight = prompt.weight
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = float(weight)  # type: ignore[arg-type]
        found["weight"] = number if math.isfinite(number) else None
    return found


def _layout(layout: Layout) -> dict[str, Any]:
    things = [{"name": each.name, "box": list(each.box)} for each in layout.things]
    return {"things": things, "ground": layout.setting.text, "style": layout.style}


def _frames(config: RunConfig) -> int:
    return config.frames or (round(config.length * (config.fps or 12)) if config.length else 0)
