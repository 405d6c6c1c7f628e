"""Values of YAML as they were written, by what the schema expects.

YAML reads `no` as false, `16:9` as 969 and `2020-01-01` as a date. Here the parser only finds the
nodes; what a scalar is depends on the setting that it is for: where text is expected, the text is
what was written. What YAML would drop or change in silence is refused, with its line.
"""

from __future__ import annotations

import math
import re
import types
import warnings
from collections.abc import Iterator
from typing import Any

from vqclip.config.setting_descriptions import Kind, kind_of
from vqclip.config.yaml.errors import describe_error, quote_line, refuse_unquoted
from vqclip.errors import ConfigError, SettingsWarning
from vqclip.language import structured
from vqclip.language.expressions import NUMBER

NULLS = ("~", "null", "Null", "NULL")
MOST_NODES = 100_000  # with all that aliases repeat
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in [
        "str",
        "int",
        "float",
        "bool",
        "null",
        "timestamp",
        "value",
        "merge",
        "map",
        "seq",
    ]
)
_SCENES = Kind(str, {"form": "scenes"})
_PROMPT_FORMS = ("prompts", "scenes")  # which may be lists or mappings
_TRUTHS = {
    **dict.fromkeys(("yes", "true", "on"), True),
    **dict.fromkeys(("no", "false", "off"), False),
}
_WHOLE = re.compile(r"[+-]?\d+")
_BASED = re.compile(r"[+-]?0(x[0-9a-f]+|b[01]+|o[0-7]+)", re.IGNORECASE)
_INFINITE = re.compile(r"([+-]?)\.(inf|nan)", re.IGNORECASE)
_TIME = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")


def parse_yaml(text: str, where: str, kind: Kind | None = None) -> Any:
    """Parse YAML into dictionaries, lists and scalars; dotted keys of settings are nested.

    Args:
        where: what it was read from, for messages.
        kind: what is expected; by default nothing, and all scalars are texts.

    Raises:
        ConfigError: if it is not valid, has a key twice, or a text that needs quotes, with its
            line.
    """
    import yaml

    kind = kind or Kind()
    loader: Any = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_nodes(node, where, set())
        return _Reader(text, where, loader).value(node, kind)
    except RecursionError as error:
        raise ConfigError(f"{where}: lists are nested too deeply to be settings") from error
    except yaml.YAMLError as error:
        raise ConfigError(describe_error(text, where, error, kind)) from error
    finally:
        if loader is not None:
            loader.dispose()


def parse_scalar(text: str, kind: Kind) -> Any:
    """Convert a scalar as it was written to what a setting expects.

    Returns:
        The number, truth value or None that it stands for; else the text itself.

    >>> parse_scalar("no", Kind(str)), parse_scalar("no", Kind(bool))
    ('no', False)
    >>> parse_scalar("0123", Kind(int)), parse_scalar("1e3", Kind(int))
    (123, 1000)
    >>> parse_scalar("1:30", Kind(float, {"form": "seconds"}))
    90.0
    """
    stripped = text.strip()
    wanted = kind.types
    if types.NoneType in wanted and stripped in ("", *NULLS):
        return None
    if bool in wanted and stripped.lower() in _TRUTHS:
        return _TRUTHS[stripped.lower()]
    scheduled = str in wanted and kind.form != "seed"
    if not wanted & {int, float} or (scheduled and NUMBER.fullmatch(stripped)):
        return text
    number = parse_number(stripped, whole=float not in wanted)
    if number is None and kind.form == "seconds" and (time := _TIME.fullmatch(stripped)):
        hours, minutes, seconds = (float(each or 0) for each in time.groups())
        return hours * 3600 + minutes * 60 + seconds
    return text if number is None else number


def parse_number(text: str, *, whole: bool = False) -> float | None:
    """Convert a number as it was written, or return None; zeros at its head do not matter.

    Args:
        whole: whether `1e3` is to be the whole number 1000.
    """
    plain = re.sub(r"(?<=[0-9a-fA-F])_(?=[0-9a-fA-F])", "", text)
    try:
        if _WHOLE.fullmatch(plain):
            return int(plain)
        if _BASED.fullmatch(plain):
            return int(plain, 0)
        if match := _INFINITE.fullmatch(plain):
            return float(match[1] + match[2])
        number = float(plain) if NUMBER.fullmatch(plain) else math.nan
    except ValueError:  # thousands of digits
        return None
    if not math.isfinite(number):
        return None
    return int(number) if whole and "e" in plain.lower() and number.is_integer() else number


class _Reader:
    """Reads the nodes of a text by what is expected of them."""

    def __init__(self, text: str, where: str, loader: Any) -> None:
        self.text, self.where, self.loader = text, where, loader
        self.lines = text.splitlines()
        self.nodes_left = MOST_NODES

    def value(self, node: Any, kind: Kind) -> Any:
        """The value of a node."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise ConfigError(f"{self.where}: it is too long to be settings")
        if node.tag not in _CORE_TAGS:
            self.refuse(node, "'!' at the beginning has a meaning in YAML")
        if node.id == "scalar":
            return self.scalar(node, kind)
        if kind.form == "axes" and node.id == "mapping":
            return self.axes(node, {})
        if kind.form in _PROMPT_FORMS:
            return self.prompt(node, kind)
        if kind.form == "size" and node.id == "sequence":
            return [self.value(each, Kind(int)) for each in node.value]
        if kind.hint is str and kind.metadata and node.flow_style:
            sign = self.text[node.start_mark.index]
            self.refuse(node, f"{sign!r} at the beginning has a meaning in YAML")
        if node.id == "sequence":
            return [self.value(each, kind.item) for each in node.value]
        if kind.schema is not None:
            return self.group(node, kind.schema)
        return {self.key(key): self.value(inner, Kind()) for key, inner in self.pairs(node)}

    def pairs(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """The pairs of a mapping, with what it merges (`<<: *base`)."""
        self.loader.flatten_mapping(node)
        # What is merged stands first, so that a mapping's own values replace it.
        yield from {(key.id, str(key.value)): (key, inner) for key, inner in node.value}.values()

    def key(self, node: Any) -> str:
        """The text of a key."""
        if node.id != "scalar":
            self.refuse(node, "a bracket at the beginning has a meaning in YAML", whole=True)
        return str(node.value)

    def group(self, node: Any, schema: Any) -> dict[str, Any]:
        """A mapping of settings: `film.format: gif` is the same as `film: {format: gif}`."""
        from vqclip.config.schema import RunConfig

        found: dict[str, Any] = {}
        for key_node, inner in self.pairs(node):
            key = self.key(key_node)
            first, *rest = key.split(".")
            kind = kind_of(schema, key)
            if key == "scenes" and schema is RunConfig:
                kind = _SCENES
            if kind.schema is not None and inner.id == "scalar" and self.is_empty(inner):
                found.setdefault(key, {})
                continue
            value = self.value(inner, kind)
            if not rest or kind_of(schema, first).schema is None:
                nested = {key: value}
            else:
                nested = _nested(key, value)
            if clash := _merge(found, nested):
                line = key_node.start_mark.line + 1
                raise ConfigError(
                    f"{self.where}, line {line}: {clash} is given twice; remove one of them"
                )
        return found

    def axes(self, node: Any, found: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        """Settings by their dotted keys, each with a list of values, a range or one value."""
        from vqclip.config.schema import RunConfig

        for key_node, inner in self.pairs(node):
            key = prefix + self.key(key_node)
            kind = kind_of(RunConfig, key)
            if key in found:
                line = key_node.start_mark.line + 1
                raise ConfigError(
                    f"{self.where}, line {line}: {key} is given twice; remove one of them"
                )
            if kind.schema is not None and inner.id == "mapping":
                self.axes(inner, found, f"{key}.")
            elif inner.id == "mapping":
                ways = {"log": Kind(bool), "count": Kind(int)}
                pairs = ((self.key(name), each) for name, each in self.pairs(inner))
                found[key] = {n: self.value(each, ways.get(n, Kind(float))) for n, each in pairs}
            elif inner.id == "sequence":
                found[key] = [self.value(each, kind) for each in inner.value]
            else:
                found[key] = self.value(inner, kind)
        return found

    def scalar(self, node: Any, kind: Kind) -> Any:
        """A scalar, as it was written; None if nothing was."""
        text = str(node.value)
        if node.style is not None:
            return text
        for_text = kind.hint is str or kind.form in _PROMPT_FORMS
        if for_text:
            self.check_comment(node, kind)
            sign = self.text[node.start_mark.index : node.start_mark.index + 1]
            if sign == "&" and not text.startswith("&"):
                self.check_anchor(node)
        if text == "":
            return None
        if for_text and text in NULLS:
            line = node.start_mark.line
            raise ConfigError(
                f"{self.where}, line {line + 1}: {text} stands for nothing in YAML; write "
                f'"{text}" in quotes if it is the text, or leave the line out'
            )
        return parse_scalar(text, kind)

    def is_empty(self, node: Any) -> bool:
        """Whether nothing was written at all."""
        return node.id == "scalar" and node.style is None and node.value == ""

    def check_anchor(self, node: Any) -> None:
        """Refuse a text whose first word is the name of an anchor that nothing uses."""
        name = re.match(r"&([\w-]+)", self.text[node.start_mark.index :])
        if name is None or f"*{name[1]}" not in self.text:
            self.refuse(node, "'&' at the beginning has a meaning in YAML")

    def check_comment(self, node: Any, kind: Kind) -> None:
        """Refuse a text that `#` cuts off; a comment behind words is only remarked on."""
        rest = self.text[node.end_mark.index :].splitlines()[:1]
        match = re.match(r"[ \t]+(#.*)", rest[0]) if rest else None
        if match is None:
            return
        why = "'#' after a space begins a comment in YAML"
        if re.match(r"#\w", match[1]):
            self.refuse(node, why)
        if kind.form and kind.form != "device":  # no device has a name that goes on
            line = node.end_mark.line
            warnings.warn(
                f"{self.where}, line {line + 1}: {match[1].strip()!r} is a comment in YAML; if "
                f"it belongs to the text, use quotes: {quote_line(self.lines[line])}",
                SettingsWarning,
                stacklevel=2,
            )

    def prompt(self, node: Any, kind: Kind) -> Any:
        """A list of prompts, prompts with weights, a structured prompt, or a list of scenes."""
        if node.id == "sequence":
            return [self.value(each, kind) for each in node.value]
        pairs = {self.key(key): inner for key, inner in self.pairs(node)}
        if kind.form == "scenes" and "for" in pairs:
            length = {"for": self.value(pairs.pop("for"), Kind())}
            if list(pairs) == ["prompts"]:
                return {"prompts": self.value(pairs["prompts"], kind)} | length
        else:
            length = {}
        weights = {
            key: parse_number(inner.value)
            for key, inner in pairs.items()
            if inner.id == "scalar" and inner.style is None
        }
        if structured.is_structured(pairs) and None in (weights.get(key) for key in pairs):
            return {
                key: weights[key]
                if key in structured.NUMBERS and weights.get(key) is not None
                else self.words(inner)
                for key, inner in pairs.items()
            } | length
        is_scene = kind.form == "scenes" and weights.get("prompts", 0) is None
        for key, inner in pairs.items():
            if is_scene and key != "prompts":
                raise ConfigError(
                    f"{self.where}, line {inner.start_mark.line + 1}: a scene has prompts and "
                    f"for, its length, and no {key}; a length is written for: 2s"
                )
        for key, inner in pairs.items():
            if weights.get(key) is None:
                self.refuse_weight(node, key, inner)
        return weights | length

    def words(self, node: Any) -> Any:
        """A value of a structured prompt: texts, lists and mappings of them."""
        if node.id == "scalar":
            if node.value in NULLS and node.style is None:
                return None
            return self.value(node, Kind(str, {"form": "words"}))
        if node.id == "sequence":
            return [self.words(each) for each in node.value]
        return {self.key(key): self.words(inner) for key, inner in self.pairs(node)}

    def refuse_weight(self, mapping: Any, key: str, node: Any) -> None:
        """Refuse a mapping that gives a prompt no weight: often a text that needs quotes."""
        start = mapping.start_mark
        if self.is_empty(node) and mapping.flow_style:
            sign = self.text[start.index]
            self.refuse(mapping, f"{sign!r} at the beginning has a meaning in YAML")
        written = f"the weight {node.value!r}" if node.id == "scalar" else "a list as weight"
        written = "no weight" if self.is_empty(node) else written
        line = node.start_mark.line
        one = node.id == "scalar" and not mapping.flow_style and line == node.end_mark.line
        advice = ""
        if one and line < len(self.lines):
            quoted = quote_line(self.lines[line], whole=True)
            advice = f"; if the colon belongs to the prompt, put it in quotes: {quoted}"
        raise ConfigError(
            f"{self.where}, line {line + 1}: {key} has {written}; it must be a number{advice}"
        )

    def refuse(self, node: Any, why: str, *, whole: bool = False) -> None:
        """Refuse a text that needs quotes."""
        number = node.start_mark.line
        one = number == node.end_mark.line and number < len(self.lines)
        line = self.lines[number] if one else ""
        refuse_unquoted(self.where, line, number, why, whole=whole)


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    found: dict[str, Any] = value
    return found


def _merge(into: dict[str, Any], values: dict[str, Any], prefix: str = "") -> str:
    """Merge nested settings, and return the key of one that is there already, or ""."""
    for key, value in values.items():
        if key not in into:
            into[key] = value
        elif not (isinstance(into[key], dict) and isinstance(value, dict)):
            return prefix + key
        elif clash := _merge(into[key], value, f"{prefix}{key}."):
            return clash
    return ""


def _check_nodes(node: Any, where: str, checked: set[int], above: tuple[int, ...] = ()) -> None:
    """Refuse what YAML allows but nobody means: duplicate keys, and nodes within themselves."""
    if isinstance(node.value, str):
        return
    place = f"{where}, line {node.start_mark.line + 1}"
    if id(node) in above:
        raise ConfigError(f"{place}: a part that contains itself; write it out")
    if id(node) in checked:  # an alias
        return
    checked.add(id(node))
    keys = [pair[0] for pair in node.value] if node.id == "mapping" else []
    seen: set[str] = set()
    for key in keys:
        name = key.value if isinstance(key.value, str) else ""
        if name in seen:
            line = key.start_mark.line + 1
            raise ConfigError(f"{where}, line {line}: {name} is given twice; remove one of them")
        seen |= {name} - {"", "<<"}
    for child in node.value:
        _check_nodes(child[1] if keys else child, where, checked, (*above, id(node)))
