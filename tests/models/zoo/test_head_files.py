"""Aesthetic heads are fetched, named by runs, checked and refused; none of LAION's is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from PIL import Image as pillow
from torch import nn

from tests.conftest import VQGAN, Home, Refusal
from tests.helpers import tiny_clip
from vqclip.cli import main
from vqclip.errors import ConfigError, ModelAbsent, ModelError
from vqclip.language.assets import SearchPath
from vqclip.models.zoo import catalogue, download, head_files, model_files
from vqclip.models.zoo.catalogue import CHECKPOINTS, HEADS, PERCEPTORS
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
NAME, OTHER = "aesthetic-vit-b-32", "aesthetic-v2-vit-l-14"
FILE = "sac+logos.pth"  # as V2's, its name has a sign that addresses quote


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def served(home: Home, tmp_path: Path, monkeypatch: Patch) -> Iterator[Path]:
    """A server of a head for the tiny perceptor, which two names stand for: the head's file.

    The cache is the test's own, and empty.
    """
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "cache"))
    file = tmp_path / "served" / FILE
    file.parent.mkdir()
    torch.manual_seed(3)
    torch.save(nn.Linear(tiny_clip.DIMENSIONS, 1).state_dict(), file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(file.parent)))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    mirror = f"http://127.0.0.1:{server.server_port}/{FILE.replace('+', '%2B')}"
    facts = {"sha256": model_files.file_sha256(file), "bytes": file.stat().st_size}
    for name in (NAME, OTHER):
        row: Any = replace(HEADS[name], mirrors=(mirror,), **facts)  # type: ignore[arg-type]
        monkeypatch.setitem(catalogue.HEADS, name, row)
    yield file
    server.shutdown()
    server.server_close()


def words(home: Home, head: str = NAME, *more: str) -> list[str]:
    """A run of no VQGAN that a head rates."""
    named = (
        "drawer=pixels",
        "init=random",
        "seed=5",
        "losses.aesthetic=0.5",
        f"losses.aesthetic_head={head}",
    )
    plain = [each for each in home.words(*named) if not each.startswith("vqgan=")]
    return ["a fox", "--quiet", *plain, *more]


def load_nothing(monkeypatch: Patch) -> None:
    def fail(*args: object, **named: object) -> None:
        pytest.fail("a model was loaded")

    for module in ("vqclip.guidance.perceptor", "vqclip.run.perceptor_set"):
        monkeypatch.setattr(f"{module}.load_perceptor", fail)


def test_every_row_says_where_its_file_is() -> None:
    projects = "LAION-AI/aesthetic-predictor|christophschuhmann/improved-aesthetic-predictor"
    for name, row in HEADS.items():
        assert row.name == name and name not in CHECKPOINTS and row.perceptor in PERCEPTORS
        (mirror,) = row.mirrors
        assert re.fullmatch(rf"https://github\.com/({projects})/raw/main/[\w%-]+\.pth", mirror)
        assert re.fullmatch("[0-9a-f]{64}", row.sha256 or "") and row.bytes
        assert row.licence in ("MIT", "Apache-2.0") and row.perceptor in row.about


def test_a_head_is_fetched_listed_verified_and_removed(served: Path, capsys: Capture) -> None:
    assert main.main(["models", "fetch", NAME]) == 0
    out, err = capsys.readouterr()
    path = model_files.cache_dir() / NAME / "weights.pth"
    assert out == f"{path}\n" and path.read_bytes() == served.read_bytes()
    assert "licence: MIT" in err and f"losses.aesthetic_head={NAME} perceptors=ViT-B-32" in err
    assert main.main(["models", "list", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    named = [event["name"] for event in events]
    assert len(named) == len({*named}) + 1  # "starter" is a VQGAN and a perceptor
    where = {event["name"]: event["where"] for event in events if event["kind"] == "head"}
    assert where == dict.fromkeys(HEADS, "absent") | {NAME: "cached"}
    for action in ("where", "fetch"):
        assert main.main(["models", action, NAME]) == 0
        assert capsys.readouterr().out == f"{path}\n"
    for chosen in ([NAME], []):
        assert main.main(["models", "verify", *chosen]) == 0
        assert f"same     {NAME}  sha256 {HEADS[NAME].sha256}" in capsys.readouterr().out
    path.with_name("weights.sha256").unlink()  # the catalogue knows it
    path.write_bytes(path.read_bytes() + b"\0")
    assert main.main(["models", "verify"]) == 2
    assert f"these weights have changed: {NAME}" in capsys.readouterr().err
    assert main.main(["models", "remove", NAME]) == 0
    assert not path.parent.exists()


def test_another_file_is_not_taken(served: Path) -> None:
    served.write_bytes(served.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelError, match=r"(?s)from its only mirror:.*its sha256 is .*FILE$"):
        download.fetch_model(NAME)
    assert not list((model_files.cache_dir() / NAME).glob("weights*"))


def test_a_run_by_name_is_noted_and_drawn_again(
    served: Path, home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    download.fetch_model(NAME)
    torch.save(nn.Linear(3, 1).state_dict(), NAME)  # a file of that name is another
    assert main.main([*words(home), "--out", "named"]) == 0
    assert main.main([*words(home, str(served)), "--out", "path"]) == 0
    assert main.main([*words(home, NAME, "losses.aesthetic=0"), "--out", "without"]) == 0
    files = [Path(out, "0001-a-fox/final.png") for out in ("named", "path", "without")]
    pixels = [pillow.open(file).tobytes() for file in files]
    assert pixels[0] == pixels[1] != pixels[2]
    run = Path("named/0001-a-fox")
    notes = provenance.read_provenance(run)
    assert notes.models[f"aesthetic {NAME}"] == HEADS[NAME].sha256
    assert notes.config["losses"]["aesthetic_head"] == NAME
    assert main.main(["again", str(run), "--quiet", "--out", "again"]) == 0
    assert Path("again/0001-a-fox/final.png").read_bytes() == files[0].read_bytes()
    capsys.readouterr()
    load_nothing(monkeypatch)
    place = model_files.find_weights(NAME)
    place.write_bytes(place.read_bytes() + b"\0")
    assert main.main(words(home)) == 2
    assert f"is not the file that came as {NAME}" in capsys.readouterr().err
    place.unlink()
    for command in (["again", str(run), "--quiet"], words(home), ["explain", *words(home)]):
        assert main.main(command) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"the aesthetic head '{NAME}' is not on this machine (" in error
        assert f"run 'vqclip models fetch {NAME}', or leave out losses.aesthetic" in error
    assert main.main(["plan", *words(home)]) == 0
    assert f"vqclip models fetch {NAME}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("aesthetic-vit-b32", f"; did you mean '{NAME}'?"),
        (FILE, f"; did you mean '{NAME}'?"),
        ("elsewhere/sa_0_4_vit_l_14_linear.pth", "; did you mean 'aesthetic-vit-l-14'?"),
        ("mine.pth", f"=mine.pth is neither a file nor one of: {NAME}, aesthetic-vit-b-16"),
        ("https://x.org/x.pth", "https://x.org/x.pth is an address"),
    ],
)
def test_what_is_no_head(
    served: Path, home: Home, capsys: Capture, monkeypatch: Patch, typed: str, said: str
) -> None:
    load_nothing(monkeypatch)
    assert main.main(words(home, typed)) == 2
    assert said in capsys.readouterr().err


def test_a_head_needs_the_perceptor_that_it_was_made_for(
    served: Path, refused: Refusal, capsys: Capture
) -> None:
    typed = ("a fox", "losses.aesthetic=1", f"losses.aesthetic_head={NAME}")
    said = refused(*typed)
    assert f"={NAME} rates the embeddings of ViT-B-32::openai, and the run has" in said
    assert "perceptors starter; add it: perceptors=starter,ViT-B-32::openai" in said
    said = refused(*typed, "perceptors=ViT-B-16::openai")
    assert said.strip().endswith("; or take aesthetic-vit-b-16, made for one of these")
    assert main.main([*typed, "perceptors=ViT-B-32::openai", "drawer=pixels"]) == 2
    said = capsys.readouterr().err  # of both at once
    assert f"fetch ViT-B-32::openai  (605 MB)\n  vqclip models fetch {NAME}  (" in said


@pytest.mark.parametrize(
    ("perceptors", "fitting"),
    [
        ("ViT-B-16::openai ViT-B-32::openai", "ViT-B-32::openai"),
        ("ViT-B/32::OpenAI ViT-B-32-quickgelu::openai", None),
        ("ViT-B-32::laion2b_s34b_b79k ViT-B-16::openai starter", ""),
        ("mine ViT-B-16::openai starter-second", "mine"),
        ("mine ViT-B-32::openai", "ViT-B-32::openai"),
    ],
)
def test_fitting_perceptors(perceptors: str, fitting: str | None) -> None:
    wanted = (perceptors if fitting is None else fitting).split()
    assert head_files.list_fitting(NAME, perceptors.split()) == wanted


def test_heads_and_vqgans_are_not_confused(
    served: Path, home: Home, tmp_path: Path, monkeypatch: Patch
) -> None:
    with pytest.raises(ModelError, match=f"no VQGAN but an aesthetic head.*head={NAME}$"):
        model_files.find_vqgan(NAME)
    with pytest.raises(ModelError, match="is the name of an aesthetic head; choose another"):
        download.import_model(home.checkpoint, home.config, NAME)
    with pytest.raises(ConfigError, match=f"={VQGAN} is neither a file nor one of"):
        head_files.find_head(VQGAN, SearchPath.current())
    with pytest.raises(ModelError, match=f"'aesthetc-vit-b-32'; did you mean '{NAME}'"):
        model_files.find_weights("aesthetc-vit-b-32")
    with pytest.raises(ModelError, match=f"no model to fetch.*did you mean '{NAME}'"):
        download.fetch_model("aesthetic-vit-b32")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelAbsent, match=r"unset it, or leave out losses\.aesthetic$"):
        download.fetch_model(NAME)
