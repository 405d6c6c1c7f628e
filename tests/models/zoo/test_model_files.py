"""Models are found, fetched, imported and listed; nothing here needs the net or torch."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from vqclip.errors import ModelAbsent, ModelError, OutputError
from vqclip.models.zoo import catalogue, download, import_hint, model_files
from vqclip.models.zoo.catalogue import BUNDLED

NAME = "gumbel_f8_8192"
DATA = b"PK\x03\x04" + bytes(5000)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A server of `good.ckpt`, `page.ckpt` and `bad.ckpt`; gives its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "good.ckpt").write_bytes(DATA)
    (folder / "bad.ckpt").write_bytes(DATA[:-1] + b"!")
    (folder / "page.ckpt").write_bytes(b"<html>quota exceeded</html>")

    def handler(*parts: Any) -> Quiet:
        return Quiet(*parts, directory=str(folder))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put other mirrors in the place of a row's own."""

    def use(*urls: str, **facts: Any) -> None:
        row = replace(
            catalogue.CHECKPOINTS[NAME], mirrors=urls, **{"bytes": None, "sha256": None, **facts}
        )
        monkeypatch.setitem(catalogue.CHECKPOINTS, NAME, row)

    return use


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A user's checkpoint and its YAML."""
    weights, config = tmp_path / "mine.pth", tmp_path / "mine.yaml"
    weights.write_bytes(DATA)
    config.write_text("model: {}\n")
    return weights, config


def test_listing_models_does_not_load_torch() -> None:
    code = (
        "import sys, vqclip.models.zoo.model_files as z; "
        "z.list_models(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert model_files.cache_dir() == home / "models"
    monkeypatch.delenv("VQCLIP_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert model_files.cache_dir() == home / "xdg" / "vqclip" / "models"
    usual = Path.home() / ".cache" / "vqclip" / "models"
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert model_files.cache_dir() == usual
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert model_files.cache_dir() == usual


def test_every_row_is_complete() -> None:
    for name, row in catalogue.CHECKPOINTS.items():
        assert row.name == name and row.licence and row.about
        assert row.kind in ("vq", "gumbel", "net2net")
        assert name == "starter" or row.mirrors
        assert name == "starter" or (model_files.MODELS_FOLDER / row.config).is_file()


def never(done: int, total: int | None) -> None:
    raise AssertionError("no bar is drawn for a name that is wrong")


def test_absent_models(home: Path) -> None:
    with pytest.raises(
        ModelAbsent,
        match=r"'imagenet_f16_16384' is not on this machine \(980 MB\); run 'vqclip models fetch "
        "imagenet_f16_16384', or use the bundled one: --preset starter",
    ):
        model_files.find_vqgan("imagenet_f16_16384")
    with pytest.raises(
        ModelError, match="'imagenet_f16_1638'; did you mean 'imagenet_f16_16384'"
    ):
        model_files.find_vqgan("imagenet_f16_1638")
    for name, message in (
        ("wikiar", "no model to fetch is called 'wikiar'"),
        ("../x", "cannot be a model's name; use letters"),
    ):
        with pytest.raises(ModelError, match=message):
            download.fetch_model(name, never)
    for name in ("", ".hidden", "a b"):
        with pytest.raises(ModelError, match="cannot be a model's name; use letters"):
            model_files.find_vqgan(name)
    for name in ("../x", "a/b"):
        with pytest.raises(ModelError, match=f"^there is no {name}; check the path"):
            model_files.find_vqgan(name)
    assert not home.exists()


def test_the_bundled_weights_are_the_listed_ones_and_small() -> None:
    files = [path for path in model_files.STARTER_FOLDER.rglob("*") if path.is_file()]
    weights = {
        p.relative_to(model_files.STARTER_FOLDER).as_posix(): p
        for p in files
        if p.suffix in import_hint.WEIGHTS
    }
    assert {name: model_files.file_sha256(path) for name, path in weights.items()} == BUNDLED
    assert sum(path.stat().st_size for path in files) <= 40_000_000
    assert weights["second/packed.safetensors"].stat().st_size <= 8_000_000


def test_the_starter_is_found_where_it_is_bundled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        model_files.STARTER_FOLDER == model_files.MODELS_FOLDER / "starter"
        and model_files.starter_clip() == model_files.STARTER_FOLDER / "clip"
    )
    monkeypatch.setattr(model_files, "STARTER_FOLDER", tmp_path)
    with pytest.raises(
        ModelAbsent, match="this installation is incomplete: install vqclip again"
    ):
        download.fetch_model("starter")
    assert model_files.list_models()[0].where == "absent"
    for name in ("vqgan.yaml", "vqgan.safetensors"):
        (tmp_path / name).write_bytes(DATA)
    found = model_files.find_vqgan("starter")
    assert found == model_files.ModelFiles(
        tmp_path / "vqgan.yaml", tmp_path / "vqgan.safetensors"
    )
    assert download.fetch_model("starter") == found.weights
    row = model_files.list_models()[0]
    assert (row.name, row.bytes, row.where) == ("starter", len(DATA), "bundled")


def test_fetch_takes_the_first_mirror_that_works(mirrors: Any, served: str, home: Path) -> None:
    mirrors(f"{served}/absent.ckpt", f"{served}/page.ckpt", f"{served}/good.ckpt")
    seen = []
    path = download.fetch_model(NAME, lambda done, total: seen.append((done, total)))
    assert path == home / "models" / NAME / "weights.ckpt" and path.read_bytes() == DATA
    assert seen == [(len(DATA), len(DATA))]
    assert model_files.find_vqgan(NAME) == model_files.ModelFiles(
        model_files.MODELS_FOLDER / "configs" / f"{NAME}.yaml", path
    )
    assert {p.name for p in path.parent.iterdir()} == {"weights.ckpt", "weights.sha256"}
    row = next(row for row in model_files.list_models() if row.name == NAME)
    assert (row.where, row.bytes, row.kind) == ("cached", len(DATA), "gumbel")
    mirrors()  # what is here is not fetched again
    assert download.fetch_model(NAME) == path


def test_fetch_lists_every_mirror_that_failed(mirrors: Any, served: str, home: Path) -> None:
    mirrors(f"{served}/absent.ckpt", f"{served}/page.ckpt")
    with pytest.raises(
        ModelError,
        match=r"(?s)from any of its 2 mirrors:\n  \S+/absent.ckpt: the server answers 404 .*"
        r"\n  \S+/page.ckpt: a web page came instead of the file\nIf you have the file, "
        rf"'vqclip models import FILE --config YAML --name {NAME}'.*{NAME}\.yaml",
    ):
        download.fetch_model(NAME)
    with pytest.raises(ModelAbsent):
        model_files.find_vqgan(NAME)


def test_fetch_checks_digest_and_size(mirrors: Any, served: str) -> None:
    good = sha256(DATA).hexdigest()
    mirrors(f"{served}/bad.ckpt", sha256=good)
    with pytest.raises(ModelError, match=rf"its sha256 is \w+, not {good}: another or a damaged"):
        download.fetch_model(NAME)
    assert not list((model_files.cache_dir() / NAME).glob("*.part"))
    mirrors(f"{served}/good.ckpt", bytes=1_000_000)
    with pytest.raises(ModelError, match="only 5 kB, where 1 MB were expected"):
        download.fetch_model(NAME)
    mirrors(f"{served}/bad.ckpt", f"{served}/good.ckpt", sha256=good)
    assert download.fetch_model(NAME).read_bytes() == DATA
    assert (model_files.cache_dir() / NAME / "weights.sha256").read_text() == f"{good}\n"


def test_fetch_takes_the_checkpoint_out_of_an_archive(
    mirrors: Any, served: str, tmp_path: Path
) -> None:
    for name, inside in (("good", "model.ckpt"), ("other", "../../model.ckpt")):
        with zipfile.ZipFile(tmp_path / "served" / f"{name}.zip", "w") as archive:
            archive.writestr("../../evil", b"")
            archive.writestr(inside, DATA)
    good = sha256(DATA).hexdigest()
    mirrors(f"{served}/other.zip", f"{served}/good.zip", sha256=good)
    path = download.fetch_model(NAME)
    assert path.read_bytes() == DATA and path == model_files.find_vqgan(NAME).weights
    assert {p.name for p in path.parent.iterdir()} == {"weights.ckpt", "weights.sha256"}
    assert not list(tmp_path.rglob("evil"))


def test_import_and_list(own: tuple[Path, Path]) -> None:
    found = download.import_model(*own, "mine")
    assert found == model_files.find_vqgan("mine") and found.weights.name == "weights.pth"
    assert found.weights.read_bytes() == DATA and found.config.read_text() == "model: {}\n"
    row = model_files.list_models()[-1]
    assert (row.name, row.kind, row.bytes, row.where) == ("mine", "own", len(DATA), "cached")
    noted = found.weights.with_name("weights.sha256").read_text()
    assert noted == sha256(DATA).hexdigest() + "\n"


def test_a_known_model_may_be_imported_when_its_mirrors_are_gone(own: tuple[Path, Path]) -> None:
    assert download.import_model(*own, NAME) == model_files.find_vqgan(NAME)
    assert model_files.find_vqgan(NAME).config.name == "config.yaml"


def test_import_refuses_what_it_would_overwrite_or_cannot_find(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    download.import_model(*own, "mine")
    with pytest.raises(
        ModelError,
        match=r"already a model called 'mine'; choose another --name, or delete "
        rf"{re.escape(str(model_files.cache_dir() / 'mine'))} first",
    ):
        download.import_model(*own, "mine")
    with pytest.raises(ModelError, match="already a model called 'starter'; choose another"):
        download.import_model(*own, "starter")
    with pytest.raises(ModelError, match=r"there is no file .*gone\.ckpt; check the path"):
        download.import_model(tmp_path / "gone.ckpt", own[1], "other")
    with pytest.raises(ModelError, match="cannot be a model's name"):
        download.import_model(*own, "../other")


def test_import_into_a_place_that_cannot_be_written(
    own: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be copied to .*; set VQCLIP_HOME"):
        download.import_model(*own, "mine")
