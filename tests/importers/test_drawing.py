"""Imported run files are planned, and draw two steps on tiny models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import VQGAN, Home
from tests.helpers import building, tiny_clip
from tests.helpers.peer_cases import OWN
from tests.helpers.peers import PUBLIC, Case
from vqclip.cli import main
from vqclip.config import loading
from vqclip.importers.importing import import_settings

CASES = [case for case in (*PUBLIC, *OWN) if "prompts" in case.wanted or "P" in case.typed]
PICTURES = ("bee.jpg", "x.jpg", "a.png", "b.png", "mask.png", "m.png", "pic.png", "start.png")
PICTURES += ("me.png", "me.jpg")
SMALL = (
    "size=32x32",
    "steps=2",
    "cutouts.count=2",
    "film.format=none",
    "previews=0",
    "device=cpu",
)


@pytest.fixture
def desk(home: Home) -> Home:
    """A folder with the pictures and films that the cases name."""
    for number, name in enumerate(PICTURES):
        pillow.new("RGB", (32, 32), (20 * number, 200, 90)).save(name)
    numbers = json.dumps({"clip": [1.0] * tiny_clip.DIMENSIONS})
    for name in ("moods.json", "vectors/pixelart.json"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(numbers)
    torch.save(torch.nn.Linear(tiny_clip.DIMENSIONS, 1).state_dict(), "head.pth")
    for folder in ("frames", "clip.mp4", "b"):
        Path(folder).mkdir()
        for number in range(3):
            pillow.new("RGB", (32, 32), (90, 80 * number, 9)).save(f"{folder}/{number}.png")
    return home


def lightened(case: Case, found: str, home: Home) -> list[str]:
    """Settings that make a run small, and name the tiny models."""
    light = [*SMALL, f"vqgan={VQGAN}", f"perceptors={home.clip}"]
    if "draw.grid" in case.wanted or "\n  grid:" in found:
        light.append("draw.grid=8x8")
    if "\n  strokes:" in found:
        light.append("draw.strokes=4")
    if "\nframes:" in found or "\nsource:" in found:
        light += ["frames=3", "motion.steps=1"]
    if "song.mp3" in case.typed:  # to hear it takes seconds
        light += ["sound.file=", "sound.bands=", "sound.start=0", "prompts=A"]
    if "aesthetic_head" in found:
        light.append("losses.aesthetic_head=head.pth")
    if "lasting(" in found:
        light.append("prompts=A ^ B")
    if "\n  flow:" not in found and "\nsource:" in found:
        light.append("source.flow=none")
    return light


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_imported_run_draws_two_steps(
    case: Case, desk: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    found = import_settings(case.place(Path())).text
    Path("run.yaml").write_text(found, encoding="utf-8")
    light = lightened(case, found, desk)
    steps = building.build(loading.load_config(file="run.yaml", overrides=light)).play()
    assert [next(steps).index for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("number", [0, 9, 12])
def test_an_imported_run_can_be_planned(
    number: int, desk: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command takes the file as it stands, but for the models, which are not here."""
    case = CASES[number]
    found = import_settings(case.place(Path())).text
    Path("run.yaml").write_text(found, encoding="utf-8")
    assert main.main(["plan", "run.yaml", f"vqgan={VQGAN}", f"perceptors={desk.clip}"]) == 0
    out, err = capsys.readouterr()
    assert "drawer" in out + err
