"""`vqclip doctor`: what it says of a machine, and of a step that fails."""

from __future__ import annotations

import configparser
import json
import sys
from pathlib import Path

import pytest

from tests.conftest import Home, Refusal
from vqclip import session
from vqclip.cli import main
from vqclip.cli.commands.machine import doctor, inventory
from vqclip.errors import ModelError

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture
def small(home: Home, monkeypatch: Patch) -> Home:
    """The step is one of the tiny models."""
    words = [word for word in home.words() if not word.startswith("device=")]
    monkeypatch.setattr(doctor, "STEP", tuple(words))
    return home


def facts(capsys: Capture) -> dict[str, str]:
    """What was said on stdout, by name."""
    lines = capsys.readouterr().out.splitlines()
    pairs = [line.split("  ", 1) for line in lines]
    return {name.strip(): value.strip() for name, value in pairs}


def test_it_says_what_is_here_and_takes_a_step(small: Home, capsys: Capture) -> None:
    assert main.main(["doctor", "device=cpu"]) == 0
    said = facts(capsys)
    assert list(said)[:4] == ["vqclip", "python", "system", "torch"]
    assert sys.executable in said["python"]
    assert (said["device=cpu"], said["precision=auto"]) == ("cpu", "fp32")
    for name in ("memory", "ffmpeg", "extras", "models bundled", "models of open_clip"):
        assert said[name]
    assert f"tiny, in {small.path / 'models'}" in said["models cached"]
    assert said["disk for pictures"].endswith("GB free")
    assert said["one step"].startswith("drawn on cpu in fp32, in ")
    assert len(said) < 24  # a screen


def test_scripts_get_an_object_a_line(small: Home, capsys: Capture) -> None:
    assert main.main(["doctor", "device=cpu", "precision=bf16", "--json"]) == 0
    *said, tried = map(json.loads, capsys.readouterr().out.splitlines())
    assert {each["event"] for each in said} == {"fact"}
    assert {"name": "precision=bf16", "value": "bf16, the decoder too", "event": "fact"} in said
    assert (tried["event"], tried["device"], tried["precision"]) == ("tried", "cpu", "bf16")
    assert tried["seconds"] >= 0


def test_what_is_not_installed_is_said_with_how_to_install_it(
    small: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    def find_none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", find_none)
    monkeypatch.setattr(
        inventory, "find_spec", lambda name: None if name in ("cv2", "faiss") else object()
    )
    assert main.main(["doctor", "device=cpu"]) == 0
    said = facts(capsys)
    assert "pip install imageio-ffmpeg" in said["ffmpeg"]
    assert (
        said["extras"]
        == "train, multilingual, depth, wavelets, show, optimisers, sound, slurm, ray, tune, web"
    )
    assert said["no video"] == "pip install 'vqclip[video]' (cv2)"
    assert said["no search"] == "pip install 'vqclip[search]' (faiss)"


def test_every_extra_is_known() -> None:
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).parents[3] / "setup.cfg", encoding="utf-8")
    extras = set(parser["options.extras_require"]) - {"docs", "dev"}
    assert set(inventory.EXTRAS) == extras


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("CUDA error: device-side assert"), "the GPU cannot compute this: CUDA er"),
        (ModelError("the starter is damaged"), "failed: the starter is damaged"),
        (ZeroDivisionError("by nought"), "failed: ZeroDivisionError('by nought')"),
    ],
    ids=["GPU", "model", "bug"],
)
def test_a_step_that_fails_is_told_in_a_sentence(
    small: Home, capsys: Capture, monkeypatch: Patch, error: Exception, told: str
) -> None:
    def build(*_: object) -> None:
        raise error

    monkeypatch.setattr(session, "build_runner", build)
    assert main.main(["doctor", "device=cpu"]) == 1
    out, err = capsys.readouterr()
    assert "ffmpeg" in out and "one step" not in out
    assert "error: one step with device=cpu precision=auto failed: " in err and told in err
    assert "Traceback" not in err


def test_a_device_that_is_not_here_is_told_after_all_else(
    small: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main.main(["doctor", "device=cuda"]) == 1
    out, err = capsys.readouterr()
    assert "disk for models" in out
    assert "failed: device=cuda: torch finds none here (it can use: cpu" in err


def test_torch_that_is_broken_is_told(small: Home, capsys: Capture, monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main.main(["doctor"]) == 1
    out, err = capsys.readouterr()
    assert "python" in out
    assert "torch cannot be imported" in err and "pip install" in err


@pytest.mark.parametrize("word", ["a fox", "steps=3", "perceptors=starter"])
def test_it_takes_a_device_and_a_precision_only(refused: Refusal, word: str) -> None:
    assert "vqclip doctor takes" in refused("doctor", word)


@pytest.mark.starter
def test_the_bundled_models_take_the_step(capsys: Capture) -> None:
    assert main.main(["doctor"]) == 0
    assert "drawn on" in facts(capsys)["one step"]
