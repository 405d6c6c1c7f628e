"""Fuzzed sentences as prompts: each has a layout within the picture, or none.

VQCLIP_FUZZ=10000 python -m pytest tests/whole/test_fuzz_sentences.py
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.whole.test_fuzz import TEXTS, fuzzed
from vqclip.cli.sketches.text_sketch import sketch_as_text
from vqclip.config import layout_settings
from vqclip.config.loading import load_config
from vqclip.errors import VqclipError
from vqclip.language.layout.layout import plan_layout
from vqclip.language.layout.layout_json import layouts_to_values, read_layouts
from vqclip.language.layout.layout_types import Layout
from vqclip.language.layout.reader.sentence_reader import read_sentence
from vqclip.language.prompts import parse_prompts, prompts_to_text
from vqclip.run.preflight import make_request

NOUNS = ("cat", "red chair", "palm tree", "tall glass bowl", "fox", "old man", "moon", "zorglub")
PLURALS = ("cats", "boxes", "old men", "wolves", "fish", "zorglubs", "xyloves", "teddy bears")
COUNTS = ("two", "3", "nine", "a pair of", "a few", "many", "several", "a dozen", "12")
JOINTS = (
    *(
        "on",
        "on top of",
        "under",
        "below",
        "above",
        "over",
        "next to",
        "to the left of",
        "inside",
    ),
    *(
        "in front of",
        "behind",
        "around",
        "with",
        "wearing",
        "holding",
        "riding",
        "and",
        "by",
        ",",
    ),
    *("sits on", "is parked next to", "together with", "in", "near", "and, beside it,"),
)
ENDS = (
    *("", ".", " by the sea", " in a forest at night", " at sunset", " in the rain", " in space"),
    *(", watercolour", ", oil on canvas, 8k", " with another one between them", " on it", "!!"),
)
ODD = st.text(st.characters(categories=("L", "M", "N", "P", "S", "Z", "Cf")), max_size=12)
THINGS = (
    st.sampled_from([f"a {noun}" for noun in NOUNS])
    | st.builds("{} {}".format, st.sampled_from(COUNTS), st.sampled_from(PLURALS))
    | st.builds("{} {}".format, st.sampled_from(["a", "the", "two", "no"]), ODD)
)
SENTENCES = st.builds(
    lambda first, more, end: first + "".join(f" {joint} {thing}" for joint, thing in more) + end,
    THINGS,
    st.lists(st.tuples(st.sampled_from(JOINTS), THINGS), max_size=6),
    st.sampled_from(ENDS) | ODD,
)
RUN = load_config("a fox", init="random")


def check_layout(layout: Layout) -> None:
    assert layout.things
    for thing in layout.things:
        left, top, wide, high = thing.box
        assert thing.name.strip() and thing.prompt.strip()
        assert min(left, top) >= 0 and min(wide, high) > 0.009
        assert left + wide <= 1.0001 and top + high <= 1.0001


def check_prompt(text: str, aspect: str = "", seed: int = 0) -> None:
    """What a run makes of a text, as far as it goes without models."""
    said: list[str] = []
    try:
        run = make_request(replace(RUN, prompts=text, aspect=aspect, seed=seed), said.append)
    except VqclipError as error:
        assert str(error)
        return
    for layout in run.layouts.values():
        check_layout(layout)
        assert sketch_as_text(layout).to_text()
    values = layouts_to_values(run.layouts)
    assert read_layouts(json.loads(json.dumps(values))) == run.layouts
    if not run.layouts:
        assert run.prompts == run.parsed_prompts
        return
    # What is shown can be typed, and is the same run.
    shown = layout_settings.layouts_to_text(text, run.layouts)
    assert prompts_to_text(parse_prompts(shown)) == shown
    typed = make_request(replace(RUN, prompts=shown, aspect=aspect, seed=seed))
    assert (typed.layouts, typed.prompts) == (run.layouts, run.prompts)


@fuzzed
@given(SENTENCES, st.sampled_from(["", "16:9", "1:3"]), st.integers(0, 999))
def test_sentences(text: str, aspect: str, seed: int) -> None:
    check_prompt(text, aspect, seed)


@fuzzed
@given(st.lists(SENTENCES | TEXTS, min_size=1, max_size=3), st.sampled_from(["|", "^", " "]))
def test_texts(texts: list[str], joint: str) -> None:
    check_prompt(joint.join(texts))


@fuzzed
@given(SENTENCES, st.floats(0.05, 20), st.integers())
def test_every_thing_is_placed_once_and_in_time(text: str, aspect: float, seed: int) -> None:
    plan_layout("wolves near xyloves")  # the lists are loaded
    taken = []
    for _ in range(2):  # the garbage of thousands of examples may be collected during one
        began = time.process_time()
        layout = plan_layout(text, aspect=aspect, seed=seed)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.05 + 0.001 * len(text.split())
    sentence = read_sentence(text)
    assert (layout is None) == (sentence is None)
    if layout is None or sentence is None:
        return
    check_layout(layout)
    wanted: Counter[str] = Counter()
    for mention in sentence.mentions:
        wanted[mention.name] += mention.count
    assert Counter(thing.name for thing in layout.things) == wanted
