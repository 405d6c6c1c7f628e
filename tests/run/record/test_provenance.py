"""The notes in a picture: found by hand, refused in words."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqclip.errors import PictureError
from vqclip.media import images
from vqclip.run.record import provenance
from vqclip.run.record.provenance import Provenance

FOX = Provenance(
    config={"steps": 20, "size": [8, 6], "zero": 0, "deep": {"b": 1, "a": None}},
    prompt="a fox:2 | 狐 # ${x}",
    seed=7,
    models={"starter": "ab" * 32},
    versions={"torch": "2.15"},
)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def itxt(text: bytes, *, packed: bool = False, keyword: bytes = b"vqclip") -> bytes:
    flags = b"\1\0" if packed else b"\0\0"
    text = zlib.compress(text) if packed else text
    return chunk(b"iTXt", keyword + b"\0" + flags + b"en\0word\0" + text)


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + chunk(b"IHDR", bytes(13)) + b"".join(chunks) + chunk(b"IEND", b"")


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """An independent reader of PNG."""
    assert data[:8] == SIGNATURE
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 8 : at + 8 + length]
        assert chunk(data[at + 4 : at + 8], body) == data[at : at + 12 + length]
        found.append((data[at + 4 : at + 8], body))
        at += 12 + length
    return found


def test_json_is_stable_and_comes_back() -> None:
    text = FOX.to_json()
    shuffled = replace(FOX, config=dict(reversed(FOX.config.items())))
    assert shuffled.to_json() == text
    assert "狐" in text and "\n" not in text
    assert provenance.read_json(text) == FOX


@settings(database=None, deadline=None)
@given(st.text(), st.integers())
def test_any_prompt_and_seed_come_back(prompt: str, seed: int) -> None:
    given = replace(FOX, prompt=prompt, seed=seed)
    assert provenance.read_json(given.to_json().encode().decode()) == given


def test_bytes_that_are_no_utf8_come_back() -> None:
    odd = replace(FOX, prompt=b"caf\xe9".decode("utf-8", "surrogateescape"))
    assert provenance.read_json(odd.to_json().encode("utf-8").decode()) == odd


def test_paths_become_text() -> None:
    assert json.loads(replace(FOX, config={"init": Path("a.png")}).to_json())["config"] == {
        "init": "a.png"
    }


def test_the_png_carries_it_in_an_itxt_chunk(tmp_path: Path) -> None:
    path = images.save_png(tmp_path / "a.png", torch.rand(1, 3, 6, 8), FOX)
    found = chunks_of(path.read_bytes())
    bodies = [body for kind, body in found if kind == b"iTXt"]
    assert bodies == [b"vqclip\0\0\0\0\0" + FOX.to_json().encode()]
    assert [kind for kind, _ in found].index(b"iTXt") < [k for k, _ in found].index(b"IDAT")
    assert provenance.read_provenance(path) == FOX


def test_it_is_read_from_run_json_and_from_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(FOX.to_json()) | {"host": "x", "seconds": 3}))
    assert provenance.read_provenance(path) == FOX == provenance.read_provenance(str(tmp_path))


def test_it_is_read_from_a_picture_cut_short_and_from_compressed_text(tmp_path: Path) -> None:
    text = FOX.to_json().encode()
    path = tmp_path / "a.png"
    path.write_bytes(png(itxt(b"other", keyword=b"Title"), itxt(text, packed=True))[:-12])
    assert provenance.read_provenance(path) == FOX
    path.write_bytes(png(chunk(b"IDAT", b"x" * 99), itxt(text)))
    assert provenance.read_provenance(path) == FOX


LONG = b" " * (provenance.MOST + 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a", "is not a PNG; vqclip's metadata is in the PNGs"),
        (b"", "is not a PNG"),
        (png(), "was not made by vqclip, or an editor removed its metadata"),
        (SIGNATURE + b"\0\0", "was not made by vqclip"),
        (png(itxt(b"{}", keyword=b"vqclipper")), "was not made by vqclip"),
        (png(itxt(b"{broken")), "is broken \\(Expecting property name"),
        (png(itxt(b"[" * 100_000)), "is broken"),
        (png(itxt(b"[]")), "is a list; expected a JSON object with the keys config, prompt"),
        (png(itxt(b"\xff")), "expected UTF-8 text"),
        (png(itxt(FOX.to_json().encode()))[:80], "is damaged"),
        (png(itxt(FOX.to_json().encode()).replace(b"fox", b"cat")), "is damaged"),
        (png(itxt(LONG)), "longer than 4 MB"),
        (png(itxt(LONG, packed=True)), "longer than 4 MB"),
        (png(chunk(b"iTXt", b"vqclip\0\1\0\0\0rubbish")), "is broken \\(compression 0"),
        (SIGNATURE + b"\xff\xff\xff\xffiTXtvqclip\0", "longer than 4 MB"),
        (SIGNATURE + b"\xff\xff\xff\xffiTXtother", "was not made by vqclip"),
        (SIGNATURE + b"\xff\xff\xff\xffIDAT" + b"x" * 99, "was not made by vqclip"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=message) as caught:
        provenance.read_provenance(path)
    assert str(path) in str(caught.value)


def test_a_walk_through_chunks_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_MOST_CHUNKS", 3)
    path = tmp_path / "a.png"
    path.write_bytes(png(*[chunk(b"IDAT", b"")] * 5, itxt(FOX.to_json().encode())))
    with pytest.raises(PictureError, match="was not made by vqclip"):
        provenance.read_provenance(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "7"}, "'seed' in the text is '7'; expected a whole number"),
        ({"seed": "3:8:9"}, "'seed' .* expected a whole number or a walk, such as 3:8:0.4. Was"),
        ({"seed": True}, "'seed' in the text is 'True'"),
        ({"config": None}, "'config' in the text is 'None'; expected an object"),
        ({"prompt": 3}, "'prompt' in the text is '3'; expected text. Was the metadata edited"),
        ({"prompt": ["a fox"]}, r"'prompt' in the text is \"\['a fox'\]\"; expected text"),
        ({"prompt": {"text": "a fox"}}, "'prompt' in the text is .*; expected text"),
        ({"models": {"a": 1}}, "'a' in 'models' of the text is '1'; expected text"),
        ({"grammar": 5}, "grammar 5, and this vqclip .* reads up to 4; install a newer"),
    ],
)
def test_notes_of_another_shape_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(PictureError, match=message):
        provenance.read_json(json.dumps(json.loads(FOX.to_json()) | change))


def test_notes_that_lack_something_are_refused() -> None:
    kept = {key: value for key, value in json.loads(FOX.to_json()).items() if key != "seed"}
    with pytest.raises(
        PictureError, match=r"lacks 'seed' \(a whole number or a walk, such as 3:8:0.4\)"
    ):
        provenance.read_json(json.dumps(kept))


def test_absent_files_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"no run.json in .*expected the folder of a run"):
        provenance.read_provenance(tmp_path)
    with pytest.raises(PictureError, match=r"b.png cannot be read \(No such file"):
        provenance.read_provenance(tmp_path / "b.png")
    (tmp_path / "run.json").write_bytes(LONG)
    with pytest.raises(PictureError, match="is larger than 4 MB"):
        provenance.read_provenance(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(PictureError, match=re.escape(f"{tmp_path / 'run.json'} is broken")):
        provenance.read_provenance(tmp_path)


def test_versions_are_told_without_an_import() -> None:
    program = (
        "import sys; from vqclip.run.record import provenance as p; print(p.package_versions());"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = provenance.package_versions()
    assert list(found) == ["python", "vqclip", "torch", "open_clip_torch", "kornia"]
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_a_library_that_is_not_there_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_LIBRARIES", ("no-such-library-anywhere",))
    assert provenance.package_versions()["no-such-library-anywhere"] == "absent"
