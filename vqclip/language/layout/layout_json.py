"""Layouts in JSON: as plain values for notes and events, and read back from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from vqclip.errors import PromptError
from vqclip.language.layout.layout_types import Layout, Setting, Thing
from vqclip.language.prompt_types import Box


def layouts_to_values(layouts: Mapping[int, Layout]) -> list[dict[str, Any]]:
    """Write layouts as plain values, each with the number of its scene, from 1.

    A setting that is not said is null.
    """
    return [
        {
            "scene": scene + 1,
            "setting": asdict(layout.setting) if layout.setting != Setting() else None,
            "style": layout.style,
            "things": [{**asdict(thing), "box": list(thing.box)} for thing in layout.things],
        }
        for scene, layout in layouts.items()
    ]


def read_layouts(values: Iterable[Any]) -> dict[int, Layout]:
    """Read what `layouts_to_values` wrote. Keys that it does not know are passed over.

    Raises:
        PromptError: for anything else.
    """
    found = {}
    for value in values:
        try:
            found[_read_scene(value["scene"])] = Layout(
                _read_things(value["things"]),
                Setting(**_pick_texts(value["setting"] or {}, Setting)),
                **_pick_texts(value, Layout),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PromptError(
                f"{str(value)[:60]!r} is no layout of a sentence: {type(error).__name__} {error}"
            ) from error
    return found


def _read_scene(value: Any) -> int:
    if not (isinstance(value, int) and value > 0):
        raise ValueError(f"the scene is {value!r}")
    return value - 1


def _read_things(values: Iterable[Any]) -> tuple[Thing, ...]:
    found = tuple(map(_read_thing, values))
    if not found:
        raise ValueError("it has no things")
    return found


def _read_thing(value: Mapping[str, Any]) -> Thing:
    texts = _pick_texts(value, Thing)
    if not all(texts.get(key, "").strip() for key in ("name", "prompt")):
        raise ValueError("a thing lacks its name or its prompt")
    return Thing(**texts, box=_read_box(value["box"]), part=value.get("part") is True)


def _read_box(value: Iterable[Any]) -> Box:
    left, top, wide, high = (float(each) for each in value)
    within = min(left, top) >= 0 and max(left + wide, top + high) <= 1.0001
    if not (within and wide > 0 and high > 0):
        raise ValueError(f"the box {[left, top, wide, high]} is not within the picture")
    return left, top, wide, high


def _pick_texts(value: Mapping[str, Any], schema: type[Any]) -> dict[str, str]:
    """The values that are text, of the fields that are."""
    names = [each.name for each in fields(schema) if each.type == "str"]
    return {name: value[name] for name in names if isinstance(value.get(name), str)}
