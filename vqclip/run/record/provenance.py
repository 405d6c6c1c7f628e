"""Provenance: the notes inside a PNG about what made it.

It stands in an iTXt chunk named `vqclip` (PNG specification, third edition, section 11.3.3.4)
and at the top level of a run's `run.json`. Nothing in it depends on when or where the run took
place, but for the kind of device that computed it, so that the same run gives the same PNG bytes;
times, host and run number stand in `run.json` only.

The chunk is looked for by hand rather than by Pillow: a picture need not be decoded for its
notes, so `vqclip show` also works on one that is cut short, huge or hostile.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from vqclip import __version__
from vqclip.config import loading
from vqclip.config.checking.seeds import is_seed
from vqclip.config.schema import RunConfig
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import PictureError, PromptError
from vqclip.language.prompts import GRAMMAR
from vqclip.run.record.grammar_v1 import modernise_prompt, modernise_settings, oldest_grammar
from vqclip.run.record.older_settings import modernise_config

CHUNK = "vqclip"
MOST = 4 * 2**20  # bytes of notes that are read: thousands of times what a run writes
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 1_000_000  # a 4 GB file of empty chunks would take minutes to walk
_LIBRARIES = ("torch", "open_clip_torch", "kornia")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Provenance:
    """All that is needed to make a picture again.

    Args:
        config: every setting of the run, as plain JSON values.
        prompt: what was asked for, verbatim.
        seed: what all random numbers of the run came from; a walk between two is text.
        models: name → sha256 of the file, in hexadecimal.
        versions: library → version; see `package_versions`.
        grammar: version of the prompt language that `prompt` is written in.
        changes: what was set otherwise on the way: {"step": n, "settings": {key: before}}.
        layouts: those of its scenes, as `layout_json.layouts_to_values` writes them.
        computed: the device, and the precision of perceptors and decoder (fp32 if not noted).
        stopped: where the judge ended a part of the run early: {"step": n, "of": its last step}.
    """

    config: dict[str, Any]
    prompt: str
    seed: int | str
    models: dict[str, str]
    versions: dict[str, str]
    grammar: int = GRAMMAR
    changes: list[dict[str, Any]] = field(default_factory=list)
    layouts: list[dict[str, Any]] = field(default_factory=list)
    computed: dict[str, str] = field(default_factory=dict)
    stopped: list[dict[str, int]] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting of the run, prompt and seed among them, as plain JSON values.

        Those of older notes are what they are today; see `older_settings`.
        """
        return modernise_config(self.config) | {"prompts": self.prompt, "seed": self.seed}

    def to_json(self) -> str:
        """Write as one line of JSON; equal provenances give equal text.

        Tuples become lists and paths become text, so `read_json` gives back an equal object
        only where there were none.
        """
        values = asdict(self)
        for key in ("layouts", "computed", "stopped"):  # as it was before there were any
            if not values[key]:
                del values[key]
        if self.grammar == GRAMMAR:
            changed = (each.get("settings", {}) for each in self.changes)
            values["grammar"] = oldest_grammar([{"prompts": self.prompt}, self.config, *changed])
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=os.fspath)
        # Bytes of a command line that are no UTF-8 arrive as lone surrogates, which cannot be
        # encoded; JSON can spell them out.
        return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

    def notes(self) -> dict[str, str]:
        """Name → text of the chunks that a PNG is to carry."""
        return {CHUNK: self.to_json()}


def read_json(text: str, where: str = "the text") -> Provenance:
    """Read what `to_json` wrote. Keys that it does not know are passed over.

    Args:
        where: what the text was found in, for messages.

    Raises:
        PictureError: if the text is broken, incomplete or from a newer vqclip.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PictureError(
            f"the metadata in {where} is broken ({error}); expected JSON as vqclip writes it. "
            "Try another copy of the picture, or the run.json of its run"
        ) from None
    if not isinstance(found, dict):
        raise PictureError(
            f"the metadata in {where} is a {type(found).__name__}; expected a JSON object with "
            f"the keys {', '.join(field.name for field in fields(Provenance))}"
        )
    older: dict[str, Any] = {"grammar": 1, "changes": [], "layouts": []}
    found = older | {"computed": {}, "stopped": []} | found
    _check("config", found, dict, where)
    _check("prompt", found, str, where)
    if not (isinstance(found.get("seed"), str) and is_seed(found["seed"])):  # it is no walk
        _check("seed", found, int, where, "a whole number or a walk, such as 3:8:0.4")
    _check("grammar", found, int, where)
    _check("changes", found, list, where)
    _check("layouts", found, list, where)
    for each in _check("stopped", found, list, where):
        for key in ("step", "of"):
            _check(key, each if isinstance(each, dict) else {}, int, f"'stopped' of {where}")
    for key in ("models", "versions", "computed"):
        for name in _check(key, found, dict, where):
            _check(name, found[key], str, f"{key!r} of {where}")
    if found["grammar"] > GRAMMAR:
        raise PictureError(
            f"the prompt in {where} is written in grammar {found['grammar']}, and this vqclip "
            f"({__version__}) reads up to {GRAMMAR}; install a newer vqclip"
        )
    return modernise_notes(
        Provenance(**{field.name: found[field.name] for field in fields(Provenance)})
    )


def modernise_notes(notes: Provenance) -> Provenance:
    """The same notes with their prompts in today's grammar, which mean the same as they did.

    Raises:
        PictureError: for a prompt that no run can have had.
    """
    if notes.grammar == GRAMMAR:
        return notes
    try:
        changes = [
            {**each, "settings": modernise_settings(each["settings"], notes.grammar)}
            for each in notes.changes
        ]
        config = modernise_settings(notes.config, notes.grammar)
        prompt = (
            modernise_prompt(notes.prompt, notes.grammar)
            if notes.prompt.strip()
            else notes.prompt
        )
    except (PromptError, KeyError, TypeError, AttributeError) as error:
        raise PictureError(
            f"the metadata holds a prompt that cannot be read ({error}); was it edited by hand?"
        ) from error
    return replace(notes, config=config, prompt=prompt, changes=changes, grammar=GRAMMAR)


def _check(key: str, found: dict[str, Any], kind: type, where: str, wanted: str = "") -> Any:
    """Return `found[key]`, which has to be a `kind`; `wanted` says in words what is allowed."""
    wanted = wanted or _WORDS[kind]
    if key not in found:
        raise PictureError(
            f"the metadata in {where} lacks {key!r} ({wanted}); was it edited by hand?"
        )
    value = found[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PictureError(
            f"{key!r} in {where} is {str(value)[:40]!r}; expected {wanted}. Was the metadata "
            "edited by hand?"
        )
    return value


_WORDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", int: "a whole number"}


def read_provenance(path: Path | str) -> Provenance:
    """Read the provenance of a PNG, a `run.json` or a run's folder.

    Never decodes the picture and never holds more than 4 MB, whatever the file claims.

    Raises:
        PictureError: if there is no such file, or it holds no readable provenance.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "run.json").is_file():
            raise PictureError(
                f"there is no run.json in {path}; expected the folder of a run, like 0007-a-fox"
            )
        path = path / "run.json"
    try:
        with path.open("rb") as file:
            head = file.read(len(_SIGNATURE))
            if head == _SIGNATURE:
                return read_json(_notes(file, path), where=str(path))
            if path.suffix.lower() != ".json":
                raise PictureError(
                    f"{path} is not a PNG; vqclip's metadata is in the PNGs that it writes, in "
                    "run.json and in run folders"
                )
            data = head + file.read(MOST + 1)
    except OSError as error:
        raise PictureError(
            f"{path} cannot be read ({error.strerror or error}); check the name of the file"
        ) from error
    if len(data) > MOST:
        raise PictureError(f"{path} is larger than {MOST // 2**20} MB; so it is not a run.json")
    return read_json(_text(data, path), where=str(path))


def read_run_settings(path: Path | str) -> RunConfig:
    """The settings of the run that a PNG, a `run.json` or a folder is of.

    Raises:
        PictureError: if there is no such file, or it holds no readable provenance.
        ConfigError: if a setting no longer means anything.
    """
    notes = read_provenance(path)
    return loading.load_config(base=notes.settings)


def package_versions() -> dict[str, str]:
    """Name → version of Python and of the libraries that decide what a picture looks like.

    Imports none of them. A library that is not installed is "absent".
    """
    found = {"python": platform.python_version(), "vqclip": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = _installed(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@functools.cache
def _installed(library: str) -> str:
    """The version of a library, read from its metadata once, not for every picture."""
    return version(library)


def _notes(file: BinaryIO, path: Path) -> str:
    """Find our chunk in an open PNG, the signature of which has been read."""
    for kind, length in _chunks(file):
        if kind != b"iTXt":
            file.seek(length + 4, os.SEEK_CUR)
            continue
        if length > MOST:
            # Only the keyword is looked at: another program's chunk may be as long as it likes.
            keyword = file.read(len(CHUNK) + 1)
            if keyword == CHUNK.encode() + b"\0":
                raise _too_long(path)
            file.seek(length + 4 - len(keyword), os.SEEK_CUR)
            continue
        body, checksum = file.read(length), file.read(4)
        if not body.startswith(CHUNK.encode() + b"\0"):
            continue
        if checksum != struct.pack(">I", zlib.crc32(kind + body)):
            raise PictureError(
                f"the metadata in {path} is damaged (its checksum is wrong, or the file is cut "
                "short); try another copy of the picture, or the run.json of its run"
            )
        return _text(_unpack(body, path), path)
    raise PictureError(
        f"{path} holds no metadata of vqclip: this picture was not made by vqclip, or an editor "
        "removed its metadata. Give the run's folder or its run.json instead"
    )


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield type and length of each chunk, with the file at its first byte."""
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8 or header[4:] == b"IEND":
            return
        yield header[4:], int.from_bytes(header[:4], "big")


def _unpack(body: bytes, path: Path) -> bytes:
    """Return the text of an iTXt chunk, unpacked to no more than the limit."""
    compressed, method = body[len(CHUNK) + 1 : len(CHUNK) + 3].ljust(2, b"\0")
    text = body[len(CHUNK) + 3 :].split(b"\0", 2)[-1]  # after the language and its keyword
    if not compressed:
        return text
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(text, MOST + 1)
    except zlib.error as error:
        raise PictureError(
            f"the metadata in {path} is broken (compression {method}: {error}); try another "
            "copy of the picture, or the run.json of its run"
        ) from None
    if len(text) > MOST:
        raise _too_long(path)
    return text


def _too_long(path: Path) -> PictureError:
    return PictureError(
        f"the metadata in {path} is longer than {MOST // 2**20} MB; vqclip never writes as "
        "much, so it is not read"
    )


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PictureError(
            f"the metadata in {path} is broken ({error}); expected UTF-8 text. Try another copy "
            "of the picture"
        ) from None


def describe_computation(computed: Mapping[str, str]) -> str:
    """Say where and how it was computed: "on cuda (Tesla T4) in fp16"."""
    known = " in ".join(value for key, value in computed.items() if key != "decoder")
    decoder = computed.get("decoder", "")
    told = "too" if decoder == computed.get("precision") else f"in {decoder}"
    return f"on {known}, the decoder {told}" if decoder else f"on {known}"


LACKING = "not noted"
KINDS = (
    *("prompt", "seed", "setting", "layouts", "changes"),
    *("stopped", "model", "version", "computed"),
)


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; `LACKING` where a picture's notes do not hold it.

    Args:
        kind: one of `KINDS`.
        name: of the setting, model or library; otherwise as `kind`.
    """

    kind: str
    name: str
    first: Any
    second: Any


def list_differences(first: Provenance, second: Provenance) -> list[Difference]:
    """Everything in which two provenances differ, in the order of `KINDS`.

    Settings that one of them lacks, since another version wrote it, differ as well. The prompt
    and the seed are not repeated as settings.
    """
    found = [
        Difference(kind, kind, getattr(first, kind), getattr(second, kind))
        for kind in ("prompt", "seed")
        if getattr(first, kind) != getattr(second, kind)
    ]
    settings = [
        {
            key: value
            for key, value in flatten_keys(each.config).items()
            if key not in ("prompts", "seed")
        }
        for each in (first, second)
    ]
    found += _apart("setting", *settings)
    found += [
        Difference(kind, kind, getattr(first, kind), getattr(second, kind))
        for kind in ("layouts", "changes", "stopped")
        if getattr(first, kind) != getattr(second, kind)
    ]
    found += _apart("model", first.models, second.models)
    found += _apart("version", first.versions, second.versions)
    found += _apart("computed", first.computed, second.computed)
    return found


def _apart(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(kind, name, first.get(name, LACKING), second.get(name, LACKING))
        for name in dict.fromkeys((*first, *second))
        if name not in first or name not in second or first[name] != second[name]
    ]
