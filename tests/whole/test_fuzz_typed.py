"""Fuzzing of what is typed: options, pieces of names, sizes, rates, titles and addresses.

VQCLIP_FUZZ=10000 python -m pytest tests/whole/test_fuzz_typed.py     for a night
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.whole.test_fuzz import KEYS, TEXTS, fuzzed
from vqclip.cli import main, terminal
from vqclip.cli.option_hints import value_after
from vqclip.cli.unquoted_words import explain_words, find_split_name
from vqclip.config import loading
from vqclip.config.checking.suggestions import PEER_NAMES, suggest_setting
from vqclip.config.loss_settings import parse_look_layers, parse_looks
from vqclip.config.sizes import canonical_rate, canonical_size, final_size, plan_stages
from vqclip.config.steps.step_settings import finish_steps, settle_intervals
from vqclip.errors import ConfigError, VqclipError
from vqclip.language import assets
from vqclip.language.clock import Clock
from vqclip.language.units.step_counts import UNITS
from vqclip.media import files
from vqclip.media.film_encoder import round_rate
from vqclip.models.zoo.import_hint import explain_path

NAMES = st.sampled_from(" ".join(PEER_NAMES.values()).split()) | st.sampled_from(KEYS) | TEXTS
PARTS = st.sampled_from(
    ["--init", "--out", "--steps", "init=", "@", "my", "photo.png", "a fox", "an owl", "run.yaml"]
)
WORDS = st.lists(PARTS | NAMES | TEXTS, max_size=7)
DIGITS = st.sampled_from(list("0123456789 x×X:*,[]()%/.pfs-")) | st.characters()
NUMBERS = st.lists(DIGITS, max_size=12).map("".join) | st.integers() | st.floats()


@pytest.fixture(scope="module", autouse=True)
def empty_folder() -> object:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("my photo.png").touch()
        yield
        os.chdir(before)


@fuzzed
@given(NAMES, TEXTS | st.none())
def test_a_suggested_setting_is_one_that_there_is(name: str, value: str | None) -> None:
    hint = suggest_setting(name, value, KEYS, {"steps": "--steps"})
    found = re.match(r"; did you mean ([\w.]+)=", hint)
    assert found is None or found[1] in KEYS
    if value and found and " " not in value and "…" not in hint and not hint.count("="):
        assert value in hint


@fuzzed
@given(st.sampled_from(["plan", "animate", "score", "show", "film", "again"]), WORDS)
def test_wrong_words_are_answered_in_a_sentence(command: str, words: list[str]) -> None:
    # What has no meaning to argparse: nothing gets as far as a model.
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main.main([command, *words, "--nonsense-option"])
        except SystemExit as stopped:  # --help, --version
            code = int(stopped.code or 0)
    assert code in (0, 2)
    assert "this is a bug" not in said.getvalue()
    assert terminal.show_controls(said.getvalue()) == said.getvalue()


COUNTED = st.sampled_from(
    [
        *("steps", "frames", "previews", "film.every", "checkpoint.every", "draw.finish"),
        *("motion.steps", "source.stride", "length", "growth"),
    ]
)
UNITS_TYPED = st.builds(
    "{}{}{}".format,
    st.integers(0, 200) | st.floats(0, 120) | st.sampled_from(["", "1e3", "-1", "9" * 20, "007"]),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from([*UNITS, "", "I", "Percent", "x", "ii", "%%"]) | TEXTS,
)
KINDS = st.sampled_from(["", "frames=4", "film.format=none", "drawer=vqgan,pixels", "steps=1"])


@settings(fuzzed, max_examples=int(os.environ.get("VQCLIP_FUZZ", "30")))  # settings are slow
@given(COUNTED, UNITS_TYPED, KINDS)
def test_numbers_of_steps_are_settled_or_refused(key: str, typed: str, more: str) -> None:
    value = json.dumps([{"size": "50%", "steps": typed}]) if key == "growth" else typed
    words = ["layout=off", *([more] if more else []), f"{key}={value}"]
    try:
        config = loading.load_config("a fox", overrides=words)
    except ConfigError as error:
        assert len(str(error)) < 600
        return
    assert sum(count for *_, count in plan_stages(config, 1)) <= config.steps
    assert 0 <= finish_steps(config) < config.steps or config.steps == 1
    # Each frame of an animation takes a step, but the first, which takes the rest.
    starts = (0, *range(config.steps, config.steps + config.frames - 1)) if config.frames else ()
    clock = Clock(config.steps + max(0, config.frames - 1), starts, fps=12.0)
    found = settle_intervals(config, clock)
    assert found.previews >= 0 and found.film >= 1 and found.checkpoint >= 0


@fuzzed
@given(WORDS.filter(lambda words: len(words) > 1))
def test_advice_about_words_repeats_what_was_typed(words: list[str]) -> None:
    advice = explain_words(words, words)
    assert any(word in advice or repr(word) in advice for word in words)
    value_after(words[0], words)
    name = find_split_name(words)
    assert name is None or "photo.png" in name


@fuzzed
@given(NUMBERS)
def test_sizes_are_read_or_refused(text: object) -> None:
    size = canonical_size(text)
    assert text != text or canonical_size(size) == size
    try:
        width, height = final_size(loading.load_config("a fox", size=text))
    except ConfigError as error:
        assert "size" in str(error)
    else:
        assert 16 <= width <= 16384
        assert 16 <= height <= 16384


@fuzzed
@given(NUMBERS)
def test_rates_are_read_or_refused(text: object) -> None:
    rate = canonical_rate(text)
    if isinstance(rate, int | float) and 1 <= rate <= 1000:
        assert canonical_rate(rate) == rate
        assert abs(float(round_rate(rate)) - rate) < 0.001
    try:
        film = loading.load_config("a fox", film={"fps": text}).film
    except ConfigError as error:
        assert "film.fps" in str(error)
    else:
        assert 1 <= film.fps <= 1000


@fuzzed
@given(st.text(max_size=200) | TEXTS)
def test_a_title_is_a_name_that_every_system_takes(title: str) -> None:
    name = files.make_slug(title)
    assert 0 < len(name.encode()) <= 130
    assert not re.search(r'[<>:"/\\|?*\s\x00-\x1f\x7f]', name)
    assert not name.startswith((".", "-"))
    assert not name.endswith((".", "-"))
    assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)", name)
    assert unicodedata.category(name[0])[0] != "M"
    assert files.make_slug(name) == name or len(name.encode()) > 100


@fuzzed
@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_nothing_reaches_a_terminal_that_it_would_obey(text: str) -> None:
    shown = terminal.on_one_line(text)
    assert all(unicodedata.category(each) not in ("Cc", "Cs", "Zl", "Zp") for each in shown)
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )
    assert terminal.on_one_line(shown) == shown
    json.dumps(text)


@fuzzed
@given(
    TEXTS | st.sampled_from(["https://a.b/c.png", "file://", "s3://x", "~", "a/b.ckpt"]), TEXTS
)
def test_paths_and_addresses(name: str, message: str) -> None:
    explain_path(name)
    explain_path(name + ".ckpt", "perceptors")
    with contextlib.suppress(VqclipError):
        assets.refuse_address(name)
        main.refuse_mangled_address([name, f"init={name}"], message)


LISTED = st.lists(st.sampled_from(["a.png", ":2", ":0", ":", "|", " ", "1e9"]) | TEXTS)


@fuzzed
@given(LISTED.map("".join))
def test_pictures_of_a_style(text: str) -> None:
    """The shares add up to 1, and what is written with them is read in the same way."""
    with contextlib.suppress(ConfigError):
        found = parse_looks(text)
        assert sum(share for _, share in found) == pytest.approx(1)
        if all(share > 1e-9 for _, share in found):
            shown = "|".join(f"{name}:{share:.17f}" for name, share in found)
            assert [name for name, _ in parse_looks(shown)] == [name for name, _ in found]


@fuzzed
@given(st.lists(st.sampled_from(list("0123456789-, ٣x"))).map("".join) | TEXTS)
def test_layers_of_a_style(text: str) -> None:
    with contextlib.suppress(ConfigError):
        found = parse_look_layers(text)
        assert found and {*found} <= {*range(5)} and [*found] == sorted({*found})
