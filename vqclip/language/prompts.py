r"""The prompt language: parsing, checking and printing prompts.

    prompts   = scene { "^" scene }
    scene     = part { "|" part }
    part      = body { modifier } [ ":" weight [ ":" stop ] ]
    body      = "@" path | call | words
    call      = "label(" words ")" | "like(" path ")" | "noise(" seed ")" | "vector(" name ")"
    words     = { character | "(" words [ ":" number ] ")" | "[" words "]" | "<" name ">" }
    modifier  = " in(" [ "-" ] region ")" | " for(" perceptor { "," perceptor } ")"
              | " sentence(" text ")" | " lasting(" length ")"
    weight    = number | "{" schedule "}"          see vqclip help schedules
    length    = number [ "%" | "s" | "f" | "i" ]   frames, or see vqclip help units
    region    = side [ side ] | percent percent percent percent | mask

    a fox:2 | fog:-0.5:-0.9            twice as much fox; away from fog up to a distance of 0.9
    a (red:1.4) fox in a [dark] wood   more attention to red, less to dark
    a forest | a moon in(top right)    the moon in the upper right quarter
    a fox | @sketch.png:0.3            like a picture, too; @photos/*.jpg: several, in turn
    a fox:{0: 0, 50%: 2 ease}          a weight that rises until the middle of the run
    spring ^ summer ^ autumn           scenes, which fade into each other
    a fox lasting(2s) ^ an owl         two seconds of fox, then owl; lasting(30%), lasting(24)
    label(bee) | like(hive.jpg):0.5    a bee in CLIP's own seven templates; a picture as a whole
    a fox | noise(7):0.2               towards a random direction
    a street | vector(textoff)         away from lettering; see vqclip direction
    a street | vector(moods.json):0.1  along the vectors that a file has for each perceptor
    a fox for(ViT-B-32::openai)        only one of several perceptors reads it
    a photo of <my-cat>                a word that was learnt from pictures; see vqclip invert

Read these rules from top to bottom:

1. A prompt that is one JSON object is a structured prompt (vqclip help structured). In any
   other prompt, templates such as {red|blue} fox are expanded first (vqclip help templates).
2. A backslash before one of | : ( ) [ ] { } ^ @ < > " \ makes that character part of the text,
   and so do double quotes around it, which are then removed. Before any other character a
   backslash is an ordinary one, so `C:\x.png` works as it is. (Two backslashes are read as
   one, so the network path `\\host\x.png` is written `\\\\host\x.png`.) A bracket or a quote
   without its partner is part of the text.
3. `^` separates scenes, `|` their parts. White space around parts, bodies and numbers is
   dropped. A line break parts nothing; it is a space.
4. Numbers are read from the right, at most two, and only when they are numbers: digits with an
   optional sign, point and exponent. One is the weight; of two, the first is the weight and
   the second the stop. So `12:30 train` and `http://a/b` are only text, and so are times
   of day, `a train at 3:00`, and ports, `http://a.org:8080`; but `ratio 16:9` has the weight 9,
   and a note says so. To keep the colon, write `ratio 16\:9`; with its sign, a number is always
   a weight: `9:+30`. `nan`, `inf` and `infinity` are refused. A `{` directly after the weight's
   colon begins a schedule.
5. A modifier stands at the end of its part, after a space, with its bracket directly after its
   name. Anywhere else it is read as words, and a note says so. A mask counts by its opacity if
   any of it is transparent, otherwise by its brightness: white is inside. The length of a
   scene is given once in the scene, after any of its parts or as a part of its own; scenes
   without a length share the rest of the run evenly. For what all scenes have in common, use
   style="an ink drawing of {}".
6. `@` at the beginning makes an image prompt; the path of a picture follows it. Anywhere else
   it is only an "@". A call is the whole body of a part, with its bracket directly after its
   name: `label (old)` and `I like(this)` are words; in "label"(old) the quotes make it so.
   A label is read in seven templates, such as "a photo of the small bee.", whose mean counts.
   `like( )` is likeness to the whole of a picture, as with words; `@` compares part by part.
7. Each `( )` multiplies the attention to the words in it by 1.1, or by a number after a colon
   in it; each `[ ]` divides it by 1.1.

The weight is the strength of a part: 0 has no effect, below 0 pushes away. The stop is a
distance between picture and words, with the sign of the weight. The distance is half the
square of the angle in radians between their embeddings: 0 where they are the same, 1.23 at a
right angle, where they have nothing to do with each other. `sky:1:0.75` no longer pulls once
the distance is below 0.75, so that there is some sky and no more; `text:-1:-0.95` no longer
pushes once it is above 0.95, so that what looks like text goes, and what only hints at it
stays. Without a stop, a prompt that pulls never stops, and one that pushes away stops at a
right angle, -1.23, where nothing in the picture is like it: pushed further, pictures
deteriorate (pytti-book). The order `text:weight:stop` comes from Crowson's notebooks, reading
numbers from the right from pixray, round and square brackets from Stable Diffusion front ends,
and `^` from nerdyrodent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from vqclip.errors import PromptError
from vqclip.language import lookalikes, prompt_parser, schedules, structured
from vqclip.language.expressions import format_number
from vqclip.language.lexer import (
    Chars,
    escape,
    fold_lines,
    lex_text,
    match_brackets,
    split,
    strip,
)
from vqclip.language.prompt_types import KINDS, Prompt, Region, TextSpan
from vqclip.language.schedules import Schedule

GRAMMAR = 4  # version of the grammar; raised when old prompts would change their meaning


def parse_prompts(text: str) -> tuple[Prompt, ...]:
    r"""Parse prompts; the grammar is at the top of this module.

    Raises:
        PromptError: if a part is empty, has numbers or an "@" but no body, or a number that is
            not finite; for a region, a schedule or an attention that is not valid; and for a
            template that was not expanded. The message names the part.

    >>> parse_prompts("a fox:2 | fog:-0.5:-0.9")[1] == Prompt("fog", weight=-0.5, stop=-0.9)
    True
    >>> [(p.text, p.attention) for p in parse_prompts("a (red:1.4) fox")[0].spans]
    [('a ', 1.0), ('red', 1.4), (' fox', 1.0)]
    >>> parse_prompts(r"ratio 16\:9 | @C:\x.png:.3")[1].body
    'C:\\x.png'
    """
    return parse_grammar(text, GRAMMAR)


@lru_cache(maxsize=256)  # who decides init=auto and who draws ask for the same text
def parse_grammar(text: str, grammar: int) -> tuple[Prompt, ...]:
    """Parse prompts by the rules of grammar 2, 3 or 4; see `parse_prompts`.

    In grammar 2, times and ports at the end of a part are weights. In grammars 2 and 3, label( )
    and like( ) are words.
    """
    if not text.strip():
        raise PromptError(
            'the prompt is empty; write what you would like to see, such as "a fox"'
        )
    parsed = structured.read_structured(text)
    if parsed is not None:
        return structured.translate_structured(parsed)
    chars = lex_text(text)
    _refuse_templates(chars, text)
    scenes = _scenes(chars)
    calls = tuple(prompt_parser.CALLS) if grammar > 3 else prompt_parser.OLD_CALLS
    count, number, found = sum(map(len, scenes)), 0, []
    for scene, parts in enumerate(scenes):
        prompts: list[Prompt] = []
        lengths = []
        for raw in map(strip, parts):
            number += 1
            place = f"part {number} of {text!r}" if count > 1 else f"the prompt {text!r}"
            length = prompt_parser.scene_length(raw, place)
            if length is None:
                part = prompt_parser.parse_part(raw, place, grammar > 2, calls)
                prompts.append(replace(part, scene=scene))
            lengths += [
                each for each in (length or prompts[-1].scene_length,) if each is not None
            ]
        if len(lengths) > 1 or not prompts:
            why = "is given twice" if prompts else "stands without words"
            raise PromptError(
                f"{text!r}: the length of scene {scene + 1} {why}; write a fox lasting(2s) once"
            )
        # A length that is a part of its own is kept with the scene's first prompt.
        if lengths and not any(prompt.scene_length for prompt in prompts):
            prompts[0] = replace(prompts[0], scene_length=lengths[0])
        found += prompts
    return tuple(found)


def parse_with_negative(text: str, negative: str = "") -> tuple[Prompt, ...]:
    """Parse prompts and negative prompts; the negative ones hold in every scene.

    Args:
        negative: prompts in the same language, whose weights and stops are negated.

    Raises:
        PromptError: as `parse_prompts`; also if `negative` has scenes.

    >>> prompts_to_text(parse_with_negative("a fox ^ a bear", "fog:0.5"))
    'a fox | fog:-0.5 ^ a bear | fog:-0.5'
    """
    found = list(parse_prompts(text))
    if negative.strip():
        negatives = parse_prompts(negative)
        if any(prompt.scene or prompt.scene_length for prompt in negatives):
            raise PromptError(
                f"negative is {negative!r}; it holds in all scenes, so it cannot have scenes "
                "itself: write | instead of ^"
            )
        scenes = range(max(prompt.scene for prompt in found) + 1)
        found += [
            replace(negate_prompt(prompt), scene=scene)
            for scene in scenes
            for prompt in negatives
        ]
    return tuple(sorted(found, key=lambda prompt: prompt.scene))


def check_scenes(prompts: Iterable[Prompt], steps: int, frames: int = 0) -> None:
    """Refuse more scenes than frames, or than steps of a still: some would never be shown.

    Args:
        steps: of the run, or of each of its frames.
        frames: of an animation; 0 for a still.

    Raises:
        PromptError: with both numbers.
    """
    scenes = max(prompt.scene for prompt in prompts) + 1
    shown, of = (frames, "frames") if frames else (steps, "steps")
    if scenes > shown:
        raise PromptError(
            f"the prompt has {scenes} scenes, and {of} is {shown}, too few to show each; write "
            f"{of}={scenes} or more, or fewer scenes"
        )


def lint_prompts(*several: str) -> list[str]:
    """List hints about signs that may be read in another way than they were meant.

    Such are signs that are read as plain words, those of other programs among them, numbers that
    may be part of the text, line breaks, and misspelt keys.

    Raises:
        PromptError: if a text cannot be read.

    >>> lint_prompts("a moon in(top) shining")
    ['in(top) is read as words, since it does not end its part; put it at the end of the part']
    """
    found = list[str]()
    for text in dict.fromkeys(several):
        structure = structured.read_structured(text) if text.strip() else None
        if structure is not None:
            found += structured.lint_structured(structure)
            structured.translate_structured(structure)  # refuses what cannot be drawn
            found += lookalikes.find_calls(structured.find_texts(structure))
            words = "; ".join(structured.find_texts(structure))
            found += lookalikes.find_foreign_signs([(each, each in "|^[]") for each in words])
            continue
        chars = lex_text(text)
        for part in (part for scene in _scenes(chars) for part in scene):
            found += lookalikes.find_lookalikes(strip(part))
        found += lookalikes.find_foreign_signs(chars)
    return found


def _scenes(chars: Chars) -> list[list[Chars]]:
    """Split lexed text into scenes, and each scene into parts."""
    return [split(scene, "|", outside="{") for scene in split(chars, "^", outside="{")]


def negate_prompt(prompt: Prompt) -> Prompt:
    """Return the prompt with weight and stop negated."""
    stop = prompt.stop if prompt.stop == -math.inf else -prompt.stop
    if not isinstance(prompt.weight, Schedule):
        return replace(prompt, weight=-prompt.weight, stop=stop)
    return replace(prompt, weight=prompt.weight.negated, stop=stop)


def prompts_to_text(prompts: Iterable[Prompt]) -> str:
    r"""Write prompts as one canonical text, which `parse_prompts` reads back.

    >>> prompts_to_text([Prompt("a fox", weight=2), Prompt("16:9", stop=0.75)])
    'a fox:2 | 16\\:9:1:0.75'
    >>> prompts_to_text(parse_prompts("a ((red)) fox in( TOP right ) ^ a bear"))
    'a (red:1.21) fox in(top right) ^ a bear'
    """
    scenes = groupby(prompts, key=lambda prompt: prompt.scene)
    return " ^ ".join(
        " | ".join(prompt_to_text(prompt) for prompt in scene) for _, scene in scenes
    )


def describe_prompts(prompts: Iterable[Prompt]) -> list[str]:
    """Describe prompts, one line each, so that people see what was understood.

    >>> describe_prompts(parse_prompts("a fox:2 | fog:-0.5:-0.9 | @sketch.png:0.3"))
    ['a fox ×2', 'fog ×-0.5 (stops at -0.9)', 'picture sketch.png ×0.3']
    >>> describe_prompts(parse_prompts("a (red:1.4) moon in(top right):{0: 0, 50%: 1}"))
    ['a (red ×1.4) moon, in the top right, ×{0: 0, 50%: 1}']
    """
    prompts = list(prompts)
    several = len({prompt.scene for prompt in prompts}) > 1
    return [
        (f"scene {prompt.scene + 1}: " if several else "") + describe_prompt(prompt)
        for prompt in prompts
    ]


def _refuse_templates(chars: Chars, text: str) -> None:
    """Refuse braces that are not a schedule: templates are expanded before parsing."""
    for start in match_brackets(chars, "{"):
        if start == 0 or chars[start - 1] != (":", False):
            raise PromptError(
                f"the prompt {text!r} is a template for several prompts; expand it "
                r"first (vqclip.expand), or write \{ and \} where braces are meant"
            )


# Whole words that would make a call or a modifier of a bracket after them.
CALL_NAME = re.compile(r"(?<![^\W_])(?:in|for|sentence|lasting|noise|vector|label|like)$")


def prompt_to_text(prompt: Prompt) -> str:
    """Write one prompt as text, leaving out defaults."""
    body = _join_spans(prompt.spans) if prompt.has_words else escape(prompt.body)
    if prompt.kind == "image":
        body = f"@{body}"
    elif prompt.kind != "text":
        body = f"{prompt.kind}({body})"
    if prompt.region is not None:
        body += f" in({'-' * prompt.region.outside}{escape(prompt.region.place)})"
    if prompt.perceptors:
        body += f" for({', '.join(map(escape, prompt.perceptors))})"
    if prompt.sentence:
        body += f" sentence({escape(prompt.sentence)})"
    if prompt.scene_length is not None:
        body += f" lasting({prompt.scene_length.to_text})"
    if prompt.stop != -math.inf:
        return _append_numbers(body, _weight(prompt), format_number(prompt.stop))
    return body if prompt.weight == 1 else _append_numbers(body, _weight(prompt))


def _append_numbers(written: str, *numbers: str) -> str:
    """Append numbers after colons, with a sign where they could be part of the text."""
    before, fields = lex_text(written), [lex_text(each) for each in numbers]
    is_text = any(
        prompt_parser.ends_in_time_or_port([before, *fields[:count]])
        for count in range(1, len(fields) + 1)
    )
    is_image = before[:1] == [("@", False)]
    if not is_image and (is_text or lookalikes.is_doubtful([before, *fields])):
        numbers = (f"+{numbers[0]}", *numbers[1:])
    return ":".join((written, *numbers))


def _join_spans(pieces: Sequence[TextSpan]) -> str:
    """Join the text of spans, quoting a word that a bracket after it would make a call."""
    found = ""
    for piece in pieces:
        text = _span_to_text(piece)
        if text.startswith("(") and (call := CALL_NAME.search(found)):
            found = f'{found[: call.start()]}"{call[0]}"'
        found += text
    return found


def _span_to_text(piece: TextSpan) -> str:
    text = piece.to_text if piece.learnt else escape(piece.text)
    if piece.attention == 1:
        return text
    return f"({_append_numbers(text, format_number(piece.attention))})"


def _weight(prompt: Prompt) -> str:
    if isinstance(prompt.weight, Schedule):
        return f"{{{schedules.schedule_to_text(prompt.weight)}}}"
    return format_number(prompt.weight)


def describe_prompt(prompt: Prompt) -> str:
    """Describe one prompt in a line."""
    words = KINDS[prompt.kind] + "".join(
        p.to_text if p.attention == 1 else f"({p.to_text} ×{format_number(p.attention)})"
        for p in prompt.spans
    )
    if prompt.region is not None:
        words += f", {describe_region(prompt.region)},"
    if prompt.perceptors:
        words += f", for {' and '.join(prompt.perceptors)},"
    if prompt.sentence:
        words += f", or as a sentence: {prompt.sentence!r},"
    if prompt.scene_length is not None:
        words += f", in a scene of {prompt.scene_length.to_text},"
    return fold_lines(f"{words} ×{_weight(prompt)}{_remark(prompt)}")


def describe_region(region: Region) -> str:
    """Describe a region in words, such as "in the top right" or "in the white of mask.png"."""
    place = region.place if "%" in region.place else f"the {region.place}"
    place = f"the white of {region.place}" if region.mask else place
    return f"{'outside' if region.outside else 'in'} {place}"


def _remark(prompt: Prompt) -> str:
    """Remark on the weight and the stop where their effect may surprise."""
    if not any(prompt.values):
        return " (no effect)"
    if prompt.effective_stop == -math.inf:
        return ""
    if prompt.stop == -math.inf:
        return f" (stops at {prompt.effective_stop:.2f}, a right angle)"
    words = f"stops at {format_number(prompt.stop)}"
    # Distances are never negative, so such a stop is reached always or never.
    if prompt.greatest_weight < 0 and prompt.stop >= 0:
        words += ", so at once: with a negative weight, write a negative stop"
    if min(prompt.values) > 0 and prompt.stop <= 0:
        words += ", so never: with a positive weight, write a positive stop"
    return f" ({words})"
