"""Commands that look rather than draw, on a pretend accelerator."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import optical_flow

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.media import images

pytestmark = pytest.mark.pretend


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A film of two frames, as a folder."""
    for number in range(2):
        picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(number))
        (tmp_path / "frames").mkdir(exist_ok=True)
        images.save_png(tmp_path / "frames" / f"{number}.png", picture)
    return tmp_path / "frames"


@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize(
    "words",
    [
        ["direction", "sunny | bright", "rainy", "--name", "sunny"],
        ["direction", "@frames/0.png", "@frames/1.png", "--name", "sunny"],
        ["explain", "a fox"],
        ["classify", "frames", "--labels", "fox | owl"],
        ["score", "frames", "a fox"],
        ["search", "frames", "a fox"],
        ["score", "--film", "frames", "--flow", "raft.pth"],
    ],
    ids=" ".join,
)
def test_a_command_computes_on_the_device_that_is_named(
    home: Home, frames: Path, monkeypatch: pytest.MonkeyPatch, device: str, words: list[str]
) -> None:
    monkeypatch.setenv("VQCLIP_HOME", str(Path("own").absolute()))
    torch.save(optical_flow.raft_small(weights=None).state_dict(), "raft.pth")
    with pretending(f"{device}:0") as accelerator:
        assert main.main([*words, f"perceptors={home.clip}", f"device={device}"]) == 0
    assert accelerator.peak > 10_000  # more than what a device is tried with
