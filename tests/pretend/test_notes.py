"""Notes of the device and the number format that computed a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.run.record import provenance

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]
GPU = {"device": "cuda (Pretend)", "precision": "bf16", "decoder": "bf16"}
HERE = {"device": "cpu", "precision": "fp32"}


def draw_stills(home: Home) -> tuple[Path, Path]:
    """One by the device that `auto` finds, and one where it finds none."""
    words = [word for word in home.words() if not word.startswith("device=")]
    with pretending():
        assert main.main(["a fox", *words, "seed=1", "checkpoint.every=1"]) == 0
    assert main.main(["a fox", *words, "seed=1"]) == 0
    return Path("outputs/0001-a-fox"), Path("outputs/0002-a-fox")


def test_a_run_says_and_notes_what_computed_it(home: Home, capsys: Capture) -> None:
    on_gpu, on_cpu = draw_stills(home)
    err = capsys.readouterr().err
    assert (
        "seed 1, 32x32, on cuda (Pretend) in bf16, the decoder too, into outputs/0001-a-fox"
        in err
    )
    assert "seed 1, 32x32, on cpu in fp32, into outputs/0002-a-fox" in err
    for folder, computed in ((on_gpu, GPU), (on_cpu, HERE)):
        assert provenance.read_provenance(folder / "final.png").computed == computed
        assert json.loads((folder / "run.json").read_text())["computed"] == computed


def test_diff_and_show_tell_it(home: Home, capsys: Capture) -> None:
    on_gpu, on_cpu = draw_stills(home)
    capsys.readouterr()
    assert main.main(["diff", str(on_gpu), str(on_cpu)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["computed", "device", "cuda", "(Pretend)", "cpu"] in lines
    assert ["computed", "precision", "bf16", "fp32"] in lines
    assert main.main(["show", str(on_gpu)]) == 0
    assert "on cuda (Pretend) in bf16" in capsys.readouterr().out


def test_again_and_resume_say_when_it_is_another(home: Home, capsys: Capture) -> None:
    on_gpu, _ = draw_stills(home)
    capsys.readouterr()
    assert main.main(["again", str(on_gpu)]) == 0
    assert (
        "note: the picture was made on cuda (Pretend) in bf16, the decoder too, and is made "
        "again on cpu in fp32, so it may differ slightly"
    ) in capsys.readouterr().err
    assert main.main(["resume", str(on_gpu), "steps=5"]) == 0
    assert (
        "note: the run began on cuda (Pretend) in bf16, the decoder too; from here on it is "
        "computed on cpu in fp32, and may differ slightly"
    ) in capsys.readouterr().err
    notes = provenance.read_provenance(on_gpu)
    assert notes.computed == HERE
    assert notes.changes[-1]["settings"].items() >= GPU.items()


def test_nothing_is_said_where_it_is_the_same(home: Home, capsys: Capture) -> None:
    _, on_cpu = draw_stills(home)
    capsys.readouterr()
    assert main.main(["again", str(on_cpu)]) == 0
    assert "differ" not in capsys.readouterr().err


def test_notes_of_before_are_read_and_written_as_they_were() -> None:
    old = provenance.Provenance({}, "a fox", 1, {}, {})
    assert "computed" not in old.to_json()
    assert provenance.read_json(old.to_json()).computed == {}
