"""Models are what they were, open lightly, and go when they are told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

import vqclip
from tests.conftest import VQGAN, Home, Refusal
from tests.helpers import building
from vqclip.cli import main
from vqclip.errors import ModelAbsent, ModelError, OutputError
from vqclip.models import vqgan
from vqclip.models.zoo import download, model_files, verify
from vqclip.models.zoo.catalogue import BUNDLED

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
NAME = "mine"


@pytest.fixture
def mine(home: Home, tmp_path: Path, monkeypatch: Patch) -> Path:
    """The tiny VQGAN in a cache of the test's own: its weights."""
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    return download.import_model(home.checkpoint, home.config, NAME).weights


def opened(monkeypatch: Patch) -> list[str]:
    """Note which files VQGANs are loaded from."""
    names: list[str] = []
    real = vqgan.open_vqgan

    def load(config: Path, weights: Path, **named: object) -> vqgan.VQGAN:
        names.append(Path(weights).name)
        return real(config, weights, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(vqgan, "open_vqgan", load)
    return names


def test_a_light_copy_serves_after_the_first_load(mine: Path, monkeypatch: Patch) -> None:
    names = opened(monkeypatch)
    pair = [vqgan.load_vqgan(NAME) for _ in range(2)]
    assert names == ["weights.ckpt", "light.safetensors"]
    assert pair[0][1] == pair[1][1] == model_files.file_sha256(mine)
    states = [model.state_dict() for model, _ in pair]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert model_files.find_vqgan(NAME).weights == mine  # not taken for the weights
    assert not list(mine.parent.glob("*.part"))


def test_a_copy_that_is_damaged_or_out_of_date_is_made_again(
    mine: Path, monkeypatch: Patch
) -> None:
    vqgan.load_vqgan(NAME)
    copy, note = mine.with_name(vqgan.COPY), mine.with_name(vqgan.NOTE)
    good = copy.read_bytes()
    for spoil in (
        lambda: copy.write_bytes(good[:-1] + b"!"),
        lambda: copy.unlink(),
        lambda: note.write_text("{"),
        lambda: note.write_text("[]"),
        lambda: os.utime(mine, ns=(1, 1)),
    ):
        spoil()
        names = opened(monkeypatch)
        vqgan.load_vqgan(NAME)
        vqgan.load_vqgan(NAME)
        assert names == ["weights.ckpt", "light.safetensors"]
        assert copy.read_bytes() == good
        monkeypatch.undo()
        monkeypatch.setenv("VQCLIP_HOME", str(mine.parents[2]))


def test_a_cache_that_is_full_still_serves(mine: Path, monkeypatch: Patch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    model, digest = vqgan.load_vqgan(NAME)
    assert model.factor == 4 and digest == model_files.file_sha256(mine)
    assert {p.name for p in mine.parent.iterdir()} == {
        *("weights.ckpt", "weights.sha256", "config.yaml")
    }


def test_weights_that_were_exchanged_are_refused(mine: Path, refused: Refusal) -> None:
    mine.write_bytes(mine.read_bytes() + b"\0")
    with pytest.raises(
        ModelError, match=r"is not the file that came as mine .*models remove mine"
    ):
        vqgan.load_vqgan(NAME)


def test_runs_note_the_same_digest_from_both(mine: Path, home: Home) -> None:
    config = vqclip.load("a fox", **home.settings() | {"vqgan": NAME})
    first, second = (building.build(config).models[NAME] for _ in range(2))
    assert first == second == model_files.file_sha256(mine)
    assert mine.with_name(vqgan.COPY).is_file()


def test_verify(mine: Path, capsys: Capture) -> None:
    assert main.main(["models", "verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"same     {NAME}  sha256 {model_files.file_sha256(mine)}" in lines
    assert {line.split()[1] for line in lines} == {"starter", NAME}
    assert len(lines) == 1 + len(BUNDLED)  # the bundled ones, and this one
    mine.with_name("weights.sha256").unlink()
    assert main.main(["models", "verify", NAME]) == 0
    assert capsys.readouterr().out.startswith("unknown  mine")
    mine.with_name("weights.sha256").write_text("00\n")
    assert main.main(["models", "verify", NAME, "--json"]) == 2
    out, err = capsys.readouterr()
    first = json.loads(out.splitlines()[0])
    assert (first["event"], first["noted"], first["file"]) == ("verified", "00", str(mine))
    assert "these weights have changed: mine" in err and "vqclip models remove NAME" in err


def test_verify_and_remove_what_is_not_there(mine: Path, refused: Refusal) -> None:
    for action in ("verify", "remove"):
        assert "no model is called 'mime'; did you mean 'mine'?" in refused(
            "models", action, "mime"
        )
        assert "is not on this machine" in refused("models", action, "sflckr")
    assert "models remove needs a name" in refused("models", "remove")
    assert "are removed when it is uninstalled" in refused("models", "remove", "starter")
    assert "'hf cache delete'" in refused("models", "remove", "ViT-B-32::openai")


def test_remove(mine: Path, capsys: Capture) -> None:
    size = sum(file.stat().st_size for file in mine.parent.iterdir())
    assert main.main(["models", "remove", NAME]) == 0
    assert f"removed mine: {model_files.format_bytes(size)} freed" in capsys.readouterr().err
    assert not mine.parent.exists()
    with pytest.raises(ModelError, match="no model is called 'mine'"):
        model_files.find_vqgan(NAME)


def test_what_cannot_be_removed(mine: Path, monkeypatch: Patch) -> None:
    def denied(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(verify.shutil, "rmtree", denied)
    with pytest.raises(OutputError, match=r"cannot be deleted \(Permission denied\)"):
        verify.remove_model(NAME)


@pytest.mark.parametrize("word", ["1", "true", "YES"])
def test_offline_is_offline(mine: Path, monkeypatch: Patch, word: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    with pytest.raises(ModelAbsent, match="HF_HUB_OFFLINE forbids downloads; unset it, or use"):
        download.fetch_model("sflckr")
    assert download.fetch_model(NAME) == mine  # what is here may be used


def test_a_second_process_waits_for_the_first(mine: Path, monkeypatch: Patch) -> None:
    """The first one brings the model while the second waits, and the second takes it."""
    code = (
        "import sys, time; from vqclip.models.zoo import download\n"
        "with download.locked_model('gumbel_f8_8192'):\n"
        "    print('busy', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin and first.stdout and first.stdout.readline() == "busy\n"
        said: list[str] = []
        found: list[Path] = []

        def second() -> None:
            found.append(download.fetch_model("gumbel_f8_8192", say=said.append))

        def never(*_: object) -> Path:
            raise AssertionError("it was downloaded twice")

        monkeypatch.setattr(download, "download", never)
        waiting = threading.Thread(target=second)
        waiting.start()
        while not said:
            time.sleep(0.01)
        place = model_files.model_folder("gumbel_f8_8192")
        place.mkdir()
        (place / "weights.ckpt").write_bytes(b"x")
        first.stdin.write("\n")
        first.stdin.flush()
        waiting.join(30)
    assert found == [place / "weights.ckpt"]
    assert said == ["another vqclip is busy with gumbel_f8_8192; waiting for it"]


def test_a_cache_that_cannot_be_locked(tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be written .*; set VQCLIP_HOME to one that"):
        download.fetch_model("sflckr")


def test_a_vqgan_of_the_cache_is_read_by_the_command_line(
    mine: Path, home: Home, capsys: Capture
) -> None:
    words = [word for word in home.words() if not word.startswith("vqgan=")]
    assert VQGAN in " ".join(home.words())
    assert main.main(["a fox", *words, f"vqgan={NAME}"]) == 0
    mine.write_bytes(b"\x80\x02}.")
    assert main.main(["a fox", *words, f"vqgan={NAME}"]) == 2
    assert "is not the file that came as mine" in capsys.readouterr().err
