"""Animations in stretches: the same bytes as one frame after another, after whatever happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Home, Refusal
from tests.helpers.killing import kill_run
from tests.helpers.moving import clip
from tests.run.test_recording import frames
from tests.run.test_resume import Capture, Patch, go
from vqclip.cli import main
from vqclip.cli.commands.runs import run_drawing, stretches
from vqclip.config.steps.frame_stretches import cut_frames
from vqclip.media import images
from vqclip.run.record import checkpoint, provenance

APART = ("source.blend=1", "motion.moments=false")
SIDE = "motion.parallel=true"
PLACE = Path("outputs/0001-a-fox")


def words(home: Home, *more: str) -> list[str]:
    """Settings of an animation of ten frames over a film, whose frames are apart."""
    clip(Path("clip"), 10)
    film = ("source.film=clip", "source.flow=dis", "motion.steps=2", "seed=5", "film.format=mp4")
    asked = home.words(*film, *APART, "motion.hold=2", "losses.saturation=1", *more)
    # The first frame has other steps than those of stretches, and random numbers of its own.
    return ["animate", "a fox ^ an owl", *asked]


def pixels(place: Path) -> torch.Tensor:
    return images.read_picture(place / "final.png")


def check_same(place: Path, whole: Path) -> None:
    """Whether an animation is what another one is, but for the notes on how it was drawn."""
    assert frames(place) == frames(whole) and len(frames(place)) == 10
    for name in ("film.mp4", "log.jsonl"):
        assert (place / name).read_bytes() == (whole / name).read_bytes()
    assert torch.equal(pixels(place), pixels(whole))
    pair = [checkpoint.read_run_checkpoint(each) for each in (place, whole)]
    assert pair[0].tensors.keys() == pair[1].tensors.keys()
    for key, tensor in pair[0].tensors.items():
        assert torch.equal(tensor, pair[1].tensors[key]), key
    assert {**pair[0].notes, "provenance": 0} == {**pair[1].notes, "provenance": 0}
    notes = [provenance.read_provenance(each / "final.png") for each in (place, whole)]
    told = [(each.kind, each.name) for each in provenance.list_differences(*notes)]
    assert told == [("setting", "motion.parallel")]


def test_stretches_are_the_same_as_one_frame_after_another(home: Home) -> None:
    asked = words(home)
    go(*asked, "--out", "whole")
    go(*asked, SIDE)
    check_same(PLACE, Path("whole/0001-a-fox"))
