"""Structured prompts, in JSON or YAML.

CLIP's text encoder was trained on captions and tags, and braces and quotes mean nothing to it.
So the structure is translated: most perceptors read a list of keywords, and those whose text
encoder is a language model read a sentence. Both are shown before anything is drawn. To write
them yourself, use the keys `keywords` and `sentence`. The other keys are:

    subject      what there is: text, or a list of it
    appearance   what it looks like: text, a list, or {"hair": "long", "eyes": "green"}
    action       what it does
    setting      where it is; also place, background
    style        how it is drawn: text or a list
    negative     what to avoid, separated by |, with weight -0.5 or that of `negative_weight`
    weight       the weight of the whole prompt

Any other key is a property of the picture, such as {"mood": "calm"}, and is read as its value
and its name: "calm mood".

A structure is the whole prompt: nothing stands before or after it. In a run file it stands
under `prompts:`, without most of the brackets and quotes:

    prompts:
      subject: a fox
      appearance: {fur: red, eyes: green}
      setting: a wood
      style: ink
      negative: fog | lettering

To draw a structured prompt from a JSON file, name the file: vqclip fox.json.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from vqclip.errors import PromptError, suggest
from vqclip.language import json_reader
from vqclip.language.prompt_types import Prompt

NEGATIVE, MOST = -0.5, 1e300  # the default weight of what to avoid; the largest weight
SETTINGS = ("setting", "place", "background")
EXAMPLE = '{"subject": "a fox"}'
KNOWN = ("subject", "appearance", "action", *SETTINGS, "style")
NUMBERS = ("negative_weight", "weight")
OWN = ("keywords", "sentence", "negative", *NUMBERS)
KEYS = (*KNOWN, *OWN)
SENTENCE_KEYS = (
    *KNOWN,
    "keywords",
    "sentence",
)  # one of these makes a mapping a structured prompt
_BLANKS = " \t\r\n\f\v\ufeff"  # with a byte order mark
# An object as far as its first value: its key may stand in any quotes, or in none.
_QUOTES = "\"'“”„‟‘’‚`´«»"
_SPACE = r"(?:\s|//[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*"
_OPENING = re.compile(
    rf"\{{{_SPACE}(?:[{_QUOTES}](?P<key>[^{_QUOTES}]*)[{_QUOTES}]{_SPACE}:"
    rf"|(?P<bare>\w+){_SPACE}:{_SPACE}[{_QUOTES}\[{{])",
    re.DOTALL,
)


def read_structured(text: str) -> Mapping[str, Any] | None:
    """Parse a structured prompt, a JSON object as a whole; None for any other text.

    Raises:
        PromptError: if text follows the structured prompt, or its JSON is broken.
    """
    stripped = text.strip(_BLANKS)
    opening = _OPENING.match(stripped)
    key = (opening["key"] or opening["bare"] or "").lower() if opening else ""
    if not (key in KEYS or (key and suggest(key, KEYS))):
        return _read_strictly(stripped)
    try:
        found, rest = json_reader.read_json(stripped)
    except PromptError as error:
        raise PromptError(
            f"the prompt begins like a structured prompt, but is not valid JSON: {error}; see "
            "vqclip help structured"
        ) from error
    if rest:
        if rest[0] in "}]":
            raise PromptError(f"the structured prompt has {rest[0]} too many at its end")
        raise PromptError(
            f"a structured prompt must be the whole prompt, but {rest[:40]!r} follows it; put "
            'it inside, such as "negative": "fog", or use an option, such as --negative fog'
        )
    return unify_keys(found)


def read_object(text: str) -> Mapping[str, Any]:
    """Parse a text that has to be a structured prompt, such as a file's.

    Raises:
        PromptError: if it is none, with what it lacks.
    """
    if not text.strip(_BLANKS):
        raise PromptError(f"is empty, and must hold a structured prompt, such as {EXAMPLE}")
    try:
        found, rest = json_reader.read_json(text)
    except PromptError as error:
        raise PromptError(f"is not valid JSON: {error}; see vqclip help structured") from error
    if not isinstance(found, dict) or rest:
        shape = "a list" if isinstance(found, list) else "a value"
        what = f"{rest[:40]!r} after the structured prompt" if rest else f"{shape} alone"
        raise PromptError(f"holds {what}, and must hold one object in braces, such as {EXAMPLE}")
    unified = unify_keys(found)
    try:
        refuse_frames(unified)
    except PromptError as error:
        raise PromptError(f"is not one prompt: {error}") from error
    if not any(key in unified for key in SENTENCE_KEYS):
        hint = next((suggest(str(key), KEYS) for key in unified if suggest(str(key), KEYS)), "")
        keys = ", ".join(map(repr, list(unified)[:5])) or "nothing"
        raise PromptError(
            f"holds no structured prompt: its keys are {keys}, and none of "
            f"them is one of {', '.join(SENTENCE_KEYS)}{hint} (see vqclip help structured)"
        )
    return unified


def unify_keys(structure: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a structure in which the keys that are known are written small.

    Raises:
        PromptError: if one is given twice, such as `Subject` and `subject`.

    >>> unify_keys({"Subject": "a fox", "Mood": "calm"})
    {'subject': 'a fox', 'Mood': 'calm'}
    """
    found: dict[Any, Any] = {}
    for key, value in structure.items():
        small = key.lower() if isinstance(key, str) and key.lower() in KEYS else key
        if small in found:
            raise PromptError(f"the structured prompt has {small!r} twice; remove one of them")
        found[small] = value
    return found


def is_structured(keys: Iterable[Any]) -> bool:
    """Whether a mapping with these keys may be a structured prompt."""
    return any(isinstance(key, str) and key.lower() in SENTENCE_KEYS for key in keys)


def _read_strictly(text: str) -> Mapping[str, Any] | None:
    """Parse an object whose first key says nothing: it may be a template instead."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return unify_keys(found) if isinstance(found, dict) else None


def refuse_frames(values: Mapping[Any, Any]) -> None:
    """Refuse prompts by frames, `{"0": "a cat", "50": "a dog"}`, as other programs have them.

    Raises:
        PromptError: that shows the scenes of the same prompts.
    """
    if not (values and all(isinstance(each, str) for each in values.values())):
        return
    if not all(re.fullmatch(r"[0-9]{1,9}", str(key)) for key in values):
        return
    frames = sorted((int(key), text) for key, text in values.items())
    parts = [(frame, *_split_options(text)) for frame, text in frames]
    scenes = [
        f"{text} | lasting({after - frame})"
        for (frame, text, _), (after, *_) in pairwise(parts[:3])
    ]
    scenes.append("…" if len(parts) > 3 else parts[-1][1])
    others = list(dict.fromkeys(each for *_, options in parts for each in options))
    left_out = f" (left out: {', '.join(others[:5])})" if others else ""
    raise PromptError(
        "these are prompts by frames, and here scenes follow each other in one prompt, all but "
        f"the last with a length: vqclip animate {shlex.quote(' ^ '.join(scenes))}{left_out}"
    )


def _split_options(text: str) -> tuple[str, list[str]]:
    """Split a prompt of another program into the same as a scene, and options that are none.

    >>> _split_options("a cat --neg blurry, grey --w 512")
    ('a cat | blurry, grey:-1', ['--w 512'])
    """
    shown, *options = re.split(r"(?<!\S)--(?=[A-Za-z])", " ".join(text.split()))
    parts, others = [shown.strip()], list[str]()
    for option in options:
        avoided = re.match(r"(?:neg|no|negative|negative[-_]prompt)(?:[ =:]+(.*)|$)", option)
        if avoided is None:
            others.append(f"--{option.strip()}")
        elif avoided[1] and avoided[1].strip():
            parts.append(f"{avoided[1].strip()}:-1")
    return " | ".join(parts), others


def find_texts(value: Any) -> Iterator[str]:
    """Yield the texts in a structured prompt, at any depth, as they were written.

    >>> list(find_texts({"subject": "a fox", "colors": ["red", "gold"], "weight": 2}))
    ['a fox', 'red', 'gold']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from find_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from find_texts(inner)


def lint_structured(structure: Mapping[str, Any]) -> list[str]:
    """List hints about unknown keys that look like misspelt ones.

    >>> lint_structured({"subject": "a fox", "stlye": "ink"})
    ["'stlye' is read as a property of the picture; did you mean 'style'?"]
    """
    return [
        f"{key!r} is read as a property of the picture{hint}"
        for key in structure
        if key not in KEYS and (hint := suggest(key, KEYS))
    ]


def translate_structured(structure: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """Translate a structured prompt into prompts: a positive one, then the negative ones.

    Raises:
        PromptError: if there is nothing to draw in it, or a value that is neither text nor
            a number, nor a list or an object of those.

    >>> prompt = {"subject": "a fox", "appearance": {"fur": "red"}, "negative": "fog"}
    >>> fox, fog = translate_structured(prompt)
    >>> fox.body, fox.sentence
    ('a fox, red fur', 'A fox with red fur.')
    >>> fog.body, fog.weight
    ('fog', -0.5)
    """
    structure = unify_keys(structure)
    for key, value in structure.items():
        if key not in NUMBERS:
            _check(key, value)
    keywords = _joined(structure, "keywords") or ", ".join(_keywords(structure))
    sentence = _joined(structure, "sentence") or _sentence(structure)
    refuse_frames(structure)
    if not (keywords or sentence):
        raise PromptError(
            'the structured prompt says nothing to draw; give it a subject: {"subject": "a fox"}'
        )
    found = [
        Prompt(
            keywords or sentence,
            _number(structure, "weight", 1.0),
            sentence="" if sentence == keywords else sentence,
        )
    ]
    avoided = [
        part.strip()
        for each in _phrases(structure.get("negative"))
        for part in each.split("|")
        if part.strip()
    ]
    weight = _number(structure, "negative_weight", NEGATIVE)
    return (*found, *(Prompt(each, weight) for each in avoided))


def _keywords(structure: Mapping[str, Any]) -> Iterator[str]:
    """Yield keywords: subject to setting, then other properties, then the style."""
    for key in KNOWN[:-1]:
        yield from _phrases(structure.get(key))
    for key, value in structure.items():
        if key not in KEYS:
            yield from (f"{each} {_spaced(key)}" for each in _phrases(value))
    yield from _phrases(structure.get("style"))


def _sentence(structure: Mapping[str, Any]) -> str:
    """Write the structured prompt as an English sentence; "" if there is nothing in it."""
    words = _enumerated(_phrases(structure.get("subject"))) or "a picture"
    appearance = _enumerated(_phrases(structure.get("appearance")))
    words += f" with {appearance}" if appearance else ""
    action = _enumerated(_phrases(structure.get("action")))
    words += f", {action}" if action else ""
    for key in SETTINGS:
        for place in _phrases(structure.get(key)):
            words += f", {_with_preposition(place)}"
    for key, value in structure.items():
        if key not in KEYS:
            words += "".join(f", {each} {_spaced(key)}" for each in _phrases(value))
    style = _enumerated(_phrases(structure.get("style")))
    words += f", in the style of {style}" if style else ""
    if words == "a picture":
        return ""
    return f"{words[0].upper()}{words[1:]}."


def write_plain_sentence(structure: Mapping[str, Any]) -> str:
    """Write what a structured prompt shows as plain words without its appearance, for a layout.

    >>> write_plain_sentence({"subject": "a cat", "action": "on a chair", "setting": "a garden"})
    'a cat on a chair in a garden'
    """
    words = [_enumerated(_phrases(structure.get(key))) for key in ("subject", "action")]
    for key in SETTINGS:
        words += map(_with_preposition, _phrases(structure.get(key)))
    style = _enumerated(_phrases(structure.get("style")))
    said = " ".join(filter(None, words))
    if not said:
        return _joined(structure, "sentence") or _joined(structure, "keywords")
    return f"{said}, {style}" if style else said


def _with_preposition(place: str) -> str:
    return place if place.split()[0].lower() in _PREPOSITIONS else f"in {place}"


_PREPOSITIONS = frozenset(
    (
        "above",
        "at",
        "before",
        "behind",
        "beside",
        "by",
        "in",
        "inside",
        "near",
        "on",
        "over",
        "under",
    )
)


def _phrases(value: Any) -> list[str]:
    """List the phrases in a value; in an object, each key follows its value: "red fur"."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [
            f"{each} {_spaced(key)}" for key, inner in value.items() for each in _phrases(inner)
        ]
    if isinstance(value, list | tuple):
        return [each for inner in value for each in _phrases(inner)]
    text = " ".join(str(value).split())
    return [text] if text else []


def _enumerated(phrases: Sequence[str]) -> str:
    """Join phrases as in an English sentence: a, b and c."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _spaced(key: Any) -> str:
    return " ".join(str(key).replace("_", " ").split())


def _joined(structure: Mapping[str, Any], key: str) -> str:
    return ", ".join(_phrases(structure.get(key)))


def _number(structure: Mapping[str, Any], key: str, default: float) -> float:
    value = structure.get(key, default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= MOST:
        raise PromptError(
            f"the structured prompt's {key} is {value!r}; it must be a number, such as "
            f"{default:g}"
        )
    return float(value)


def _check(key: str, value: Any, depth: int = 0) -> None:
    """Refuse values that are neither text nor numbers, nor lists or objects of those."""
    if depth > 8:
        raise PromptError(f"the structured prompt's {key!r} is nested too deeply; flatten it")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _check(f"{key}.{name}", inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(key, inner, depth + 1)
    elif isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
        raise PromptError(
            f"the structured prompt's {key} is {value!r}; write words there, or leave it out"
        )
