"""Whatever is typed, written or opened: an answer or a sentence, never a traceback.

    VQCLIP_FUZZ=10000 python -m pytest tests/whole/test_fuzz.py     for a night

Every example that fails is made smaller by hypothesis, and printed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import math
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as pillow

from tests.helpers import hostile
from tests.helpers.films import film
from vqclip.animation import depth_model
from vqclip.cli import image_arguments, main
from vqclip.cli.commands import classify
from vqclip.config import loading, perceptor_spec, presets
from vqclip.config.checking import seeds
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, to_dict
from vqclip.errors import ConfigError, ModelError, PictureError, PromptError, VqclipError
from vqclip.guidance import image_search
from vqclip.language import assets, expressions, lexer, lookalikes, schedules
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.language.palettes import palette_parser
from vqclip.language.prompt_templates import expand_prompt
from vqclip.language.prompt_types import apply_style_to_text
from vqclip.language.prompts import describe_prompts, lint_prompts, parse_prompts, prompts_to_text
from vqclip.media import images
from vqclip.media import paths as media_paths
from vqclip.media.audio import bands
from vqclip.media.frames import frame_source
from vqclip.media.palettes import palette_files
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.run.record import checkpoint, grammar_v1, provenance
from vqclip.run.record.provenance import Provenance
from vqclip.run.resume import ResumePoint
from vqclip.sweep import planned_runs, sweep_file, sweep_folder
from vqclip.sweep.stretches import stretch_folder

fuzzed = settings(
    max_examples=int(os.environ.get("VQCLIP_FUZZ", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SETTINGS = list(describe_settings())
KEYS = [setting.key for setting in SETTINGS]
CHOICES = sorted({choice for setting in SETTINGS for choice in setting.choices})
PIECES = st.sampled_from(list("|:@\\-+.eE0123456789 a狐\n\t\"'#${}[],=%/")) | st.characters()
TEXTS = st.lists(PIECES, max_size=30).map("".join)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from([*CHOICES, "256x256", "50%", "auto", "inf", "1e400", "-0", "0x10", "1_0"])
    | st.sampled_from(["20i", "20f", "2s", "0%", "0s", "2.5 percent", "9 Iterations", "101%"])
    | st.sampled_from(["3:8:0.4", "3:8:0", "3:8:2", "3:8"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*KEYS, *{key.partition(".")[0] for key in KEYS}, "extends"]) | TEXTS


SUMS = (
    *(
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "(",
        ")",
        ",",
        " ",
        "<",
        "==",
        " if ",
        " else ",
        "0",
        "2",
        ".5",
    ),
    *("t", "frame", "low", "pi", "sin(", "min(", "clamp(", "noise(t)", "where(", "9e9", "-1"),
)

# What the prompt language is made of, so that not every example is an error or plain text.
SIGNS = st.sampled_from(
    [
        *("(", ")", "[", "]", "{", "}", "^", "|", ":", "@", "<", ">", '"', "\\", ",", " ", "a"),
        *(" in(top left)", " in(-", " for(b)", " sentence(", "noise(7)", "vector(b)", "<cat>"),
        *(":1.3)", ":{0: 0, 50%: 1 ease}", "2 of ", "{a|b}", ":2", ":-0.5:1", "(a:0.5)", "50%"),
        *("label(", "label(bee)", "like(", "like(a.png)", "vector(a.json)"),
        *(
            " lasting(2s)",
            " lasting(9i)",
            "lasting(",
            ":{1 + sin(t)}",
            ":{0s: (t), 9%: 1 if t < 2 else 3}",
            ":{0i: 1, 9 steps: 2}",
            "t*2",
        ),
    ]
)
ROWS = st.lists(st.floats(-1, 1) | st.floats() | st.integers(), min_size=1, max_size=3)
VECTORS = st.dictionaries(TEXTS, ROWS | st.lists(ROWS, max_size=3), min_size=1, max_size=2)
SPOKEN = st.lists(SIGNS | PIECES, max_size=20).map("".join)


@fuzzed
@given(TEXTS | SPOKEN)
def test_prompts(text: str) -> None:
    """What is read is shown, and what is shown is read: the same wishes, and the same text."""
    for one in expanded(text):
        try:
            understood = parse_prompts(one)
        except PromptError as error:
            assert str(error)
            continue
        shown = prompts_to_text(understood)
        assert parse_prompts(shown) == understood
        assert prompts_to_text(parse_prompts(shown)) == shown
        assert expand_prompt(shown) == [shown]
        assert len(describe_prompts(understood)) == len(understood)
        assert all(lint_prompts(one))
        # What is written anew has no doubtful signs; words of other programs stay words.
        assert lint_prompts(shown) == lookalikes.find_foreign_signs(lexer.lex_text(shown))


@fuzzed
@given(TEXTS | SPOKEN | st.lists(st.sampled_from(["{}", "{", "|", "}", "a", "\\"])).map("".join))
def test_styles(text: str) -> None:
    try:
        found = expand_prompt(text, slot=True)[:20]
    except (PromptError, PictureError) as error:
        assert str(error)
        return
    assert all("a fox" in apply_style_to_text("a fox", each) for each in found)


@fuzzed
@given(VALUES)
def test_prompts_of_yaml(value: Any) -> None:
    try:
        assert isinstance(presets.prompt_text(value), str)
    except (ConfigError, PromptError) as error:
        assert str(error)


def expanded(text: str) -> list[str]:
    """The prompts of a text, or none where it is refused."""
    try:
        return expand_prompt(text)[:20]
    except (PromptError, PictureError) as error:
        assert str(error)
        return []


@fuzzed
@given(TEXTS | SPOKEN)
def test_old_prompts(text: str) -> None:
    try:
        before = grammar_v1.parse_grammar_v1(text)
    except (PromptError, ValueError) as error:
        assert str(error)
        return
    assert parse_prompts(grammar_v1.modernise_prompt(text, 1)) == before


@fuzzed
@given(TEXTS | st.lists(st.sampled_from(SUMS), max_size=30).map("".join))
def test_expressions(text: str) -> None:
    try:
        found = expressions.parse_expression(text)
    except ConfigError as error:
        assert str(error)
        return
    shown = expressions.expression_to_text(found)
    assert (
        expressions.parse_expression(shown) == found
        and expressions.expression_to_text(expressions.parse_expression(shown)) == shown
    )
    with contextlib.suppress(ConfigError):
        low, high = found.bounds
        value = found.evaluate({"t": 1.5, "frame": 3.0, "low": 0.5})
        assert math.isfinite(value) and (low <= value <= high or "." in repr(value))


@fuzzed
@given(
    TEXTS
    | st.lists(st.sampled_from([*"0123456789:,% -.sfi", "hold", "ease", *SUMS])).map("".join)
)
def test_schedules(text: str) -> None:
    try:
        found = schedules.parse_schedule(text)
    except ConfigError as error:
        assert str(error)
        return
    assert schedules.parse_schedule(schedules.schedule_to_text(found)) == found
    with contextlib.suppress(ConfigError):  # unknown names, and 1 / 0
        for steps in (1, 7):
            curve = found.curve(steps, 15.0, {"low": [0.5]})
            assert all(math.isfinite(curve(step)) for step in range(9))


@fuzzed
@given(st.dictionaries(st.sampled_from(["subject", "weight", "negative"]) | TEXTS, VALUES))
def test_structured_prompts(values: dict[str, Any]) -> None:
    try:
        found = parse_prompts(json.dumps(values))
    except PromptError as error:
        assert str(error)
        return
    assert parse_prompts(prompts_to_text(found)) == found


@fuzzed
@given(TEXTS | SPOKEN)
def test_perceptors(text: str) -> None:
    try:
        assert perceptor_spec.parse_perceptor(text).name
    except ConfigError as error:
        assert str(error)


@fuzzed
@given(st.binary(max_size=400) | (VALUES | VECTORS).map(lambda value: json.dumps(value).encode()))
def test_directions(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "directions").mkdir(exist_ok=True)
    (tmp_path / "directions" / "a.json").write_bytes(data)
    here = SearchPath((tmp_path,))
    with contextlib.suppress(PromptError):
        assert direction_files.find_direction("a", here).there
    with contextlib.suppress(PromptError):  # as a path, it may be a vector file, too
        found = direction_files.find_direction("directions/a.json", here)
        for vector in found.vectors.values() if found.of_vector_file else ():
            assert sum(x * x for x in vector) == pytest.approx(1)


@fuzzed
@given(st.lists(TEXTS | st.sampled_from(["<my-cat>", "<", ">", "<a.b>", "<_>"])).map("".join))
def test_learnt_words_in_texts(tmp_path: Path, text: str) -> None:
    pieces = assets.split_learnt_words(text)
    assert "".join(f"<{piece}>" if named else piece for piece, named in pieces) == text
    assert list(dict.fromkeys(p for p, named in pieces if named)) == assets.find_word_names(text)
    for name in assets.find_word_names(text):
        assert assets.check_word_name(name) == name
        with pytest.raises(PromptError, match="has not been learnt"):
            assets.find_word(name, [tmp_path])


@fuzzed
@given(TEXTS | st.sampled_from(["<my-cat>", "my-cat", "..", "a/../b"]))
def test_names_of_learnt_words(tmp_path: Path, text: str) -> None:
    with contextlib.suppress(ConfigError):
        name = assets.check_word_name(text)
        assert assets.find_word_names(f"a <{name}>") == [name]
        assert (tmp_path / f"{name}.pt").parent == tmp_path


def is_settled(found: RunConfig) -> bool:
    """Whether settings survive being written down."""
    notes = to_dict(found)
    return to_dict(loading.load_config(base=notes)) == notes


@fuzzed
@given(st.lists(st.tuples(NAMES, SCALARS | TEXTS), max_size=4))
def test_settings_on_the_command_line(pairs: list[tuple[str, Any]]) -> None:
    with contextlib.suppress(VqclipError):
        assert is_settled(loading.load_config("a fox", overrides=[f"{k}={v}" for k, v in pairs]))


@fuzzed
@given(TEXTS | st.lists(st.sampled_from(["3", "80", ":", ".4", "0", "1", "-", " "])).map("".join))
def test_seeds(text: str) -> None:
    assert not seeds.is_seed(text) or 0 <= seeds.read_seed(text).share <= 1
    with contextlib.suppress(ValueError):
        found = seeds.canonical_seed(text)
        assert seeds.canonical_seed(found) == found and seeds.is_seed(found)


@fuzzed
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_run_files(tmp_path: Path, values: dict[str, Any]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(VqclipError):
        assert is_settled(loading.load_config(file=path))


@fuzzed
@given(st.lists(TEXTS | NAMES.map("{}:".format) | st.just("  - &a [*a, !!python/name:os.x ]")))
def test_run_files_that_are_no_yaml(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    with contextlib.suppress(VqclipError):
        loading.load_config(file=path)


SPANS = st.dictionaries(st.sampled_from(["from", "to", "log", "count"]) | TEXTS, SCALARS)
AXES = st.dictionaries(NAMES | st.just("preset"), st.lists(SCALARS, max_size=3) | SPANS | VALUES)


@fuzzed
@given(
    st.fixed_dictionaries(
        {"axes": AXES | VALUES},
        optional={
            "base": st.dictionaries(NAMES | st.just("preset"), VALUES, max_size=3) | VALUES,
            "by": st.sampled_from(["grid", "zip", "random", "latin", "optuna"]) | SCALARS,
            "count": st.integers(-2, 5) | SCALARS,
            "sample_seed": SCALARS,
        },
    )
)
def test_sweep_files(tmp_path: Path, values: dict[str, Any]) -> None:
    path = tmp_path / "foxes.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(VqclipError):
        found = sweep_file.read_sweep(path)
        assert 1 <= len(found.runs) <= 1000
        for run in planned_runs.plan_runs(replace(found, runs=found.runs[:3]), lambda each: None):
            assert is_settled(run.config) and run.describe() and run.title


@fuzzed
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_tables_of_sweeps(tmp_path: Path, data: bytes) -> None:
    """Somebody may have edited them; a folder's name never leads out of the sweep's."""
    (tmp_path / "table.json").write_bytes(data)
    found, plans = small_sweep()
    (tmp_path / "sweep.yaml").write_text(found.text)
    with contextlib.suppress(VqclipError):
        source, text = sweep_folder.noted_source(tmp_path)
        assert text == found.text and str(source)
        seed = sweep_folder.noted_seed(tmp_path)
        folder = sweep_folder.open_folder(tmp_path, found, plans, seed)
        assert [run.folder.parent for run in folder.runs] == [tmp_path]


@fuzzed
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_tables_of_stretches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """Somebody may have edited them; every frame is in one stretch."""
    opening = ResumePoint(tmp_path, *[None] * 5, (0, 3, 5, 7))  # type: ignore[arg-type]
    monkeypatch.setattr(stretch_folder, "find_resume_point", lambda folder: opening)
    table = tmp_path / "stretches/stretches.json"
    table.parent.mkdir(exist_ok=True)
    rows = b'{"stretches": ' + data + b"}"
    for each in (data, rows):
        table.write_bytes(each)
        with contextlib.suppress(PictureError):
            found = stretch_folder.open_stretches(table.parent)
            numbers = [n for part in found.stretches for n in range(part.first, part.until)]
            assert numbers == [1, 2, 3]


@functools.cache
def small_sweep() -> tuple[sweep_file.Sweep, list[planned_runs.PlannedRun]]:
    text = "axes: {seed: [1]}\nbase: {prompts: a}"
    found = sweep_file.read_sweep(Path("foxes.yaml"), text)
    return found, planned_runs.plan_runs(found, lambda each: None)


@fuzzed
@given(st.lists(TEXTS | st.sampled_from([*main.COMMANDS, *main.FLAGS, "--seed"]), max_size=4))
def test_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """Commands are stubs here: it is the way to them that is looked at."""
    monkeypatch.chdir(tmp_path)
    for name, command in main.COMMANDS.items():
        monkeypatch.setitem(main.COMMANDS, name, replace(command, run=lambda *_: None))
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = main.main(["--quiet", *words])
        except VqclipError:
            assert "--debug" in words
            return
        except SystemExit as leaving:  # --help and --version
            code = leaving.code if isinstance(leaving.code, int) else 1
    assert code in (0, 2), said.getvalue()


def changed(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file with some of its bytes overwritten, left out or put in, and perhaps cut."""
    place = st.integers(0, len(whole))

    def change(edits: list[tuple[int, int, bytes]], end: int) -> bytes:
        data = bytearray(whole)
        for start, gone, new in edits:
            data[start : start + gone] = new
        return bytes(data[:end])

    edit = st.tuples(place, st.integers(0, 8), st.binary(max_size=8))
    return st.builds(change, st.lists(edit, max_size=4), place | st.just(len(whole)))


OPCODES = st.sampled_from(
    [
        *(b"}", b"]", b")", b"(", b"t", b"R", b"s", b"u", b"e", b"a", b"0", b"1", b"2", b"N"),
        *(b"b", b"\x81", b"\x85", b"\x86", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"Q"),
        *(b"q\x01", b"h\x01", b"r\xff\xff\xff\x00", b"\x94", b"K\x01", b"M\xff\xff", b"\x88"),
        hostile.text(b"storage"),
        hostile.text(b"0"),
        hostile.number(2**40),
        hostile.numbers(2, 2),
        hostile.storage(b"0", 4),
        b"cposix\nsystem\n",
        b"cpytorch_lightning.x\nY\n",
        *(
            f"cbuiltins\n{kind}\n".encode()
            for kind in ("set", "dict", "bytearray", "int", "eval")
        ),
        *(f"ctorch._utils\n_rebuild_{kind}\n".encode() for kind in ("tensor_v2", "parameter")),
        b"ccollections\nOrderedDict\n",
        b"ctorch\nSize\n",
    ]
)


def reads(path: Path) -> None:
    """Read a checkpoint and everything in it, or hear why not."""
    try:
        found = read_checkpoint(path)
    except ModelError as error:
        assert str(path) in str(error)
        return
    for value in found.values():
        if isinstance(value, torch.Tensor):
            value.flatten()[:4].tolist()


@fuzzed
@given(st.lists(OPCODES, max_size=24).map(b"".join))
def test_programs(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(hostile.archive(b"\x80\x02}" + body + b"."))
    reads(path)


@fuzzed
@given(changed(hostile.plain()))
def test_changed_archives(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(data)
    reads(path)


@fuzzed
@given(changed(hostile.legacy()))
def test_changed_files_of_the_old_format(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(data)
    reads(path)


@fuzzed
@given(
    changed(hostile.header(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"abcd"))
)
def test_changed_safetensors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    reads(path)


@fuzzed
@given(
    changed(
        word_embedding.pack_word(
            word_embedding.WordEmbedding("x", {4: torch.ones(2, 4)}, {"a": 1})
        )
    )
)
def test_changed_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with contextlib.suppress(ModelError):
        word = word_embedding.read_word(path)
        assert word.vectors and all(rows.isfinite().all() for rows in word.vectors.values())


FOLDERS = st.sampled_from(["config.json", "preprocessor_config.json"])
DEPTHS = st.dictionaries(st.sampled_from(["model_type", "auto_map", "backbone", "x"]), VALUES)


@fuzzed
@given(st.binary(max_size=400) | (VALUES | DEPTHS).map(lambda v: json.dumps(v).encode()), FOLDERS)
def test_folders_of_depth_models(tmp_path: Path, data: bytes, name: str) -> None:
    for each in ("config.json", "preprocessor_config.json"):
        (tmp_path / each).write_text('{"model_type": "dpt"}')
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError):  # there are no weights beside
        depth_model.load_depth_model(tmp_path)


NOTES = Provenance({"steps": 3}, "a fox", 7, {"starter": "ab"}, {"torch": "2"})
PNG = images.to_png(np.zeros((4, 4, 3), np.uint8), NOTES.notes())


@fuzzed
@given(changed(PNG))
def test_changed_pngs(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with contextlib.suppress(PictureError):
        provenance.read_provenance(path)
    with contextlib.suppress(PictureError):
        assert images.read_picture(path).shape[:2] == (1, 3)


@functools.cache
def films() -> list[tuple[str, bytes]]:
    """Small films, and whether they are turned, transparent, or have sound does not matter."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.mp4", "a.gif", "a.mkv"):
            film(Path(folder, name), "-vf", "scale=16:12", seconds="0.4")
        return [(path.name, path.read_bytes()) for path in sorted(Path(folder).iterdir())]


@settings(fuzzed, max_examples=fuzzed.max_examples // 10)  # each asks ffmpeg three times
@given(st.data())
def test_changed_films(tmp_path: Path, data: st.DataObject) -> None:
    name, whole = data.draw(st.sampled_from(films()))
    path = tmp_path / name
    path.write_bytes(data.draw(changed(whole)))
    with contextlib.suppress(PictureError):
        opened = frame_source.open_footage(path, size=(8, 8))
        # A wrong moment may be repaired with any number of frames.
        for frame in itertools.islice(opened, 50):
            assert frame.shape == (1, 3, 8, 8) and frame.isfinite().all()
        assert opened.count >= 0


@fuzzed
@given(st.binary(max_size=40), st.sampled_from([b"", b"vqclip\0", b"vqclip\0\0\0\0\0"]))
def test_notes_in_pngs(tmp_path: Path, text: bytes, key: bytes) -> None:
    """With the right checksum, so that it is the text that is looked at."""
    body = b"iTXt" + key + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path = tmp_path / "x.png"
    path.write_bytes(PNG[:33] + chunk + PNG[33:])
    with contextlib.suppress(PictureError):
        provenance.read_provenance(path)


@fuzzed
@given(st.dictionaries(st.sampled_from(["config", "prompt", "seed", "models", "x"]), VALUES))
def test_notes(values: dict[str, Any]) -> None:
    import json

    with contextlib.suppress(PictureError):
        provenance.read_json(json.dumps(NOTES.__dict__ | values))


@fuzzed
@given(st.data())
def test_changed_checkpoints_of_runs(tmp_path: Path, data: st.DataObject) -> None:
    path = checkpoint.write_run_checkpoint(tmp_path, {"latent": torch.ones(2, 2)}, {"done": 3})
    path.write_bytes(data.draw(changed(path.read_bytes())))
    with contextlib.suppress(PictureError):
        found = checkpoint.read_run_checkpoint(tmp_path)
        assert found.notes == {"done": 3}
        assert torch.equal(found.tensors["latent"], torch.ones(2, 2))


ROWS = b"\x93NUMPY\x01\0" + struct.pack("<H", 118)
ROWS += (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".ljust(117) + b"\n" + bytes(16)
)
WHOSE = b'{"version": 1, "replaces": [], "pictures": [["a.png", 1, 2], ["b.png", 3, 4]]}'


@fuzzed
@given(st.tuples(changed(ROWS), st.just(WHOSE)) | st.tuples(st.just(ROWS), changed(WHOSE)))
def test_changed_indexes(tmp_path: Path, files: tuple[bytes, bytes]) -> None:
    """Whatever is in its files, an index knows its pictures in the end, each by a row."""
    found = opened_index(tmp_path, *files)
    assert (found.names, found.vectors.shape) == (["a.png", "b.png"], (2, 2))


def opened_index(place: Path, rows: bytes, whose: bytes) -> image_search.Index:
    """An index that is opened from these two files; what has to be looked at is ones."""
    for old in place.iterdir():
        old.unlink()
    (place / "0123456789abcdef.npy").write_bytes(rows)
    (place / "0123456789abcdef.json").write_bytes(whose)
    pictures = [image_search.Picture("a.png", 1, 2), image_search.Picture("b.png", 3, 4)]

    def look(names: Sequence[str]) -> Iterator[tuple[str, image_search.Rows]]:
        yield from ((name, np.ones(2, np.float32)) for name in names)

    return image_search.update_index(place, pictures, 2, look)


@fuzzed
@given(TEXTS)
def test_labels_templates_and_prompts_to_score(text: str) -> None:
    for read in (classify.read_labels, classify.read_templates, image_arguments.texts_of):
        with contextlib.suppress(VqclipError):
            assert all(each.strip() for each in read(text))


def test_the_archives_that_are_changed_are_good(tmp_path: Path) -> None:
    for name, data in (("a", hostile.plain()), ("b", hostile.legacy())):
        path = tmp_path / f"{name}.ckpt"
        path.write_bytes(data)
        assert read_checkpoint(path)
    with zipfile.ZipFile(io.BytesIO(hostile.plain())) as archive:
        assert archive.testzip() is None
    assert pillow.open(io.BytesIO(PNG)).size == (4, 4)
    (tmp_path / "index").mkdir()
    assert opened_index(tmp_path / "index", ROWS, WHOSE).vectors.tolist() == [[0, 0], [0, 0]]


BANDED = st.sampled_from(["kick", "=", "-", ",", "40", "100", "6k", " Hz", "low", "beat", "1.5"])


@fuzzed
@given(st.lists(BANDED | PIECES, max_size=12).map("".join))
def test_bands_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        for low, high in bands.parse_bands(text).values():
            assert 0 <= low < high <= bands.HIGHEST


PAINTED = st.sampled_from(
    [
        *("red", "dusty rose", "xkcd:", "mat:", "tab:blue", "#fc0", "0.5", "->", ";", ",", "["),
        *("]", "\\8", "\\", "(255+0+0)", "[1+.8+0]", "@a.png", "@b.gpl", " "),
    ]
)


@fuzzed
@given(st.lists(PAINTED | PIECES, max_size=12).map("".join))
def test_palettes_are_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        for section in palette_parser.parse_palette(text).sections:
            if isinstance(section, tuple):
                assert section and all(0 <= level <= 1 for each in section for level in each)
                shown = palette_parser.write_list(section)
                again = palette_parser.parse_colours(shown)
                assert palette_parser.write_list(again) == shown


@fuzzed
@given(
    changed(b"GIMP Palette\nName: a\nColumns: 2\n# b\n1 2 3 c\n255 0 9\n")
    | changed(bytes(range(256)) * 3 + bytes(4))
    | st.binary(max_size=40),
    st.sampled_from(["x.gpl", "x.act", "x.png"]),
)
def test_changed_palette_files(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    where = SearchPath((tmp_path,))
    with contextlib.suppress(PictureError):
        inlined = palette_files.inline_files(f"@{name}\\3", where)
        assert 1 <= len(palette_parser.parse_colours(inlined)) <= 3
        palette_files.check_files(f"@{name}", where)


@functools.cache
def moving(kind: str) -> bytes:
    """Three frames of noise as a GIF or WebP."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    first, *rest = (pillow.fromarray(pixels) for pixels in noise)
    stream = io.BytesIO()
    first.save(stream, kind.upper(), save_all=True, append_images=rest, duration=50)
    return stream.getvalue()


@fuzzed
@given(
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    st.integers(0, 4000),
    st.sampled_from(["gif", "webp"]),
)
def test_an_animation_with_damage_plays_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    damage: list[tuple[int, int]],
    cut: int,
    kind: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"moving.{kind}"
    data = bytearray(moving(kind))
    for place, value in damage:
        data[place % len(data)] = value
    path.write_bytes(data[: len(data) - cut % len(data)] if cut % 2 else data)
    try:
        found = frame_source.strip_of_film(path)
        if found.size[0] * found.size[1] * found.count < 10_000_000:
            for pixels in found.pictures():
                assert pixels.shape[:2] == found.size[::-1] and pixels.dtype == np.uint8
    except PictureError:
        pass


@fuzzed
@given(st.lists(TEXTS, max_size=3))
def test_names_of_pictures_have_an_order(names: list[str]) -> None:
    paths = [Path(name.replace("\0", "")) for name in names]
    assert sorted(media_paths.sort_naturally(paths)) == sorted(paths)
    assert media_paths.sort_naturally(
        media_paths.sort_naturally(paths)
    ) == media_paths.sort_naturally(paths)
