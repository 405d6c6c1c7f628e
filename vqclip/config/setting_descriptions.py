"""Descriptions of settings: names, defaults and help for tables and notes."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from vqclip.config.draw_settings import DrawSettings, FilterSettings, OverlaySettings
from vqclip.config.loss_settings import used_losses
from vqclip.config.schema import FilmSettings, OptimiserSettings, RunConfig

# Settings that change what a run writes, and where, but not what it draws: the provenance
# omits them.
OUTPUT_SETTINGS = ("checkpoint", "out")
LATER = ("momentum", "balance")  # of the optimiser: notes leave them out where they are unused
LATER_OF_RUN = ("stop", "patience")  # likewise, of the run itself
DRAWER_LOSSES = ("opacity", "shades", "unlike")  # that other drawers than the VQGAN have


@dataclass(frozen=True)
class Setting:
    """The description of a setting, as text: key, kind of value, default, help and choices.

    Attributes:
        drawers: those that have it; none where it is not a drawer's.
        units: those that it may have, beside steps or frames; see `setting_fields.step_count`.
    """

    key: str
    kind: str
    default: str
    help: str
    choices: tuple[str, ...]
    drawers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def owned_help(self) -> str:
        """The help, after the drawers that have the setting, if it is theirs."""
        return f"{', '.join(self.drawers)}: {self.help}" if self.drawers else self.help

    @property
    def full_help(self) -> str:
        """The help, with drawers, choices and units, and whether it may be a schedule."""
        taken = "number or schedule" if "schedule" in self.kind else ", ".join(self.choices)
        taken = self.kind if self.units else taken
        return self.owned_help + (f" ({taken})" if taken else "")


def type_hints(schema: Any) -> dict[str, Any]:
    """The types of a schema's fields by their names, evaluated once; not to be changed."""
    return _cached_hints(schema)


@functools.cache
def _cached_hints(schema: type) -> dict[str, Any]:
    return get_type_hints(schema)


@dataclass(frozen=True)
class Kind:
    """The kind of value that a setting takes: its type, and the metadata of its field.

    The type is None where nothing is known.
    """

    hint: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> Any:
        """The schema of a group of settings, or None for a setting."""
        return self.hint if dataclasses.is_dataclass(self.hint) else None

    @property
    def form(self) -> str:
        """The form of the value: see `setting_fields.option`."""
        return str(self.metadata.get("form", ""))

    @property
    def types(self) -> frozenset[Any]:
        """The types that the value may have."""
        parts = get_args(self.hint) if isinstance(self.hint, types.UnionType) else (self.hint,)
        return frozenset(parts)

    @property
    def item(self) -> Kind:
        """The kind of a list's items."""
        inside = get_args(self.hint) if get_origin(self.hint) is list else ()
        return Kind(inside[0]) if inside else Kind()


def kind_of(schema: Any, key: str) -> Kind:
    """The kind of a setting or a group, by its dotted key."""
    found = Kind(schema)
    for part in key.split("."):
        names = {each.name: each for each in dataclasses.fields(found.schema or Nothing)}
        if part not in names:
            return Kind()
        found = Kind(type_hints(found.schema)[part], names[part].metadata)
    return found


@dataclass(frozen=True)
class Nothing:
    """A schema without settings."""


def describe_settings(schema: type = RunConfig, prefix: str = "") -> Iterator[Setting]:
    """Yield the descriptions of all settings in order, nested ones as `group.key`."""
    hints = type_hints(schema)
    for each in dataclasses.fields(schema):
        hint = hints[each.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from describe_settings(hint, f"{prefix}{each.name}.")
            continue
        value = _default(each)
        units = tuple(unit for unit in each.metadata.get("units", ()) if unit in ("%", "s"))
        kind = _kind(hint, _name_text(each.metadata))
        yield Setting(
            key=prefix + each.name,
            kind=f"{', '.join(['whole number', *units[:-1]])} or {units[-1]}" if units else kind,
            default=_format(value),
            help=each.metadata.get("help", ""),
            choices=each.metadata.get("choices", ()),
            drawers=each.metadata.get("drawers", ()),
            units=units,
        )


def list_groups(schema: type = RunConfig) -> dict[str, str]:
    """The groups of settings, `camera.…`, each with what it is about."""
    return {
        each.name: each.metadata.get("help", "")
        for each in dataclasses.fields(schema)
        if dataclasses.is_dataclass(each.default_factory)
    }


def to_dict(config: RunConfig, *, everywhere: bool = True) -> dict[str, Any]:
    """Return the settings as plain dicts and lists, which `load(overrides=...)` accepts.

    Args:
        everywhere: False leaves out settings that do not change the picture: `OUTPUT_SETTINGS`.
    """
    values = dataclasses.asdict(config)
    if not everywhere:
        for key in OUTPUT_SETTINGS:
            del values[key]
    return values


def noted_settings(config: RunConfig) -> dict[str, Any]:
    """The settings that a picture's notes hold.

    Those of drawers, of filters, of overlays, of tiles, of stretches, `LATER` and `LATER_OF_RUN`
    are left out where they are unused: notes stay as they were before there were any.
    """
    values = to_dict(config, everywhere=False)
    if config.drawer == "vqgan" and config.draw == DrawSettings():
        del values["drawer"], values["draw"]
        for name in DRAWER_LOSSES:
            del values["losses"][name]
    values["losses"] = used_losses(values["losses"])
    if config.filters == FilterSettings():
        del values["filters"]
    if config.overlay == OverlaySettings():
        del values["overlay"]
    for name in LATER:
        if values["optimiser"][name] == getattr(OptimiserSettings(), name):
            del values["optimiser"][name]
    for name in LATER_OF_RUN:  # each by itself: one may be changed on the way without the other
        if values[name] == getattr(RunConfig(), name):
            del values[name]
    if config.tile == "none":
        del values["tile"]
    if not config.motion.parallel:
        del values["motion"]["parallel"]
    return values


def _default(each: dataclasses.Field[Any]) -> Any:
    if each.default is not dataclasses.MISSING:
        return each.default
    return each.default_factory() if each.default_factory is not dataclasses.MISSING else None


def _name_text(metadata: Mapping[str, Any]) -> str:
    """The name of the text that a setting takes in place of a number."""
    if metadata.get("form") == "seed":
        return "walk"
    return "schedule" if metadata.get("changing") else "text"


def _kind(hint: Any, text: str = "text") -> str:
    """The kind of value that a type hint allows, in words."""
    if isinstance(hint, types.UnionType):
        parts = [
            part for part in get_args(hint) if part is not int or float not in get_args(hint)
        ]
        kinds = [_kind(part) for part in parts]
        return " or ".join(text if k == "text" else k for k in kinds)
    if get_origin(hint) is list:
        return "list"
    names = {str: "text", int: "whole number", float: "number", types.NoneType: "null"}
    names[bool] = "true or false"
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _format(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if value and dataclasses.is_dataclass(value[0]):
            return ", ".join(" × ".join(dataclasses.astuple(v)) for v in value)
        return ", ".join(map(str, value))
    return str(value)


def encoding_settings(film: FilmSettings) -> dict[str, Any]:
    """The settings of a film that say how it is encoded, as keywords of `EncodeOptions`.

    The rate is not among them, since an animation has its own.
    """
    values = dataclasses.asdict(film)
    return {key: value for key, value in values.items() if key not in ("format", "every", "fps")}


def format_value(value: Any) -> Any:
    """Format a value as `describe_settings` formats defaults."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(
            " × ".join(map(str, v.values())) if isinstance(v, dict) else str(v) for v in value
        )
    return value
