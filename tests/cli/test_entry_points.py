"""`python -m vqclip` and `python run.py` are the command."""

from __future__ import annotations

from pathlib import Path

import pytest

import vqclip
from tests.cli.test_main import ROOT, python

DOORS = (["-m", "vqclip"], [str(ROOT / "run.py")])


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_a_door_opens_on_the_command(door: list[str], tmp_path: Path) -> None:
    done = python(*door, "--version", cwd=tmp_path, home=tmp_path)
    assert (done.stdout.strip(), done.returncode) == (f"vqclip {vqclip.__version__}", 0)
    done = python(*door, "a fox", "steps=0", cwd=tmp_path, home=tmp_path)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith("error: steps is 0") and "Traceback" not in done.stderr
