"""Animations that take a second, on the tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home
from tests.helpers import building
from vqclip.optimisation_loop import Step
from vqclip.run.runner import Runner
from vqclip.run.steps.frame_runner import FrameRunner


def ready(home: Home, beside: Path | None = None, **settings: Any) -> Runner:
    """A session of 4 frames at 32x32, 3 steps and then 2 each."""
    motion = {"steps": 2} | settings.pop("motion", {})
    usual: dict[str, Any] = {"seed": 1, "frames": 4, "init": "random"}
    prompt = settings.pop("prompts", "a fox")
    config = vqclip.load(prompt, **home.settings(**usual | settings, motion=motion))
    return building.build(config, beside=beside)


def frames(run: Runner) -> FrameRunner:
    """What takes a session that has begun from frame to frame."""
    assert run.feedback is not None and run._optimiser is not None
    return FrameRunner(run, run.feedback, run._optimiser)


def shown(steps: Any) -> list[torch.Tensor]:
    """What is to be seen of some steps."""
    return [picture for step in steps for picture in step.shown]


def halves(whole: Runner, first: Runner, second: Runner, at: int) -> None:
    """A run that is left after a step and taken up again ends as the whole one does."""
    steps: list[Step] = []
    playing = first.play()
    for step in playing:
        steps.append(step)
        if step.index + 1 == at:
            break
    state = first.state()
    playing.close()  # type: ignore[attr-defined]
    second.restore(state)
    steps += second.play()
    wanted = list(whole.play())
    assert [(s.index, s.frame) for s in steps] == [(s.index, s.frame) for s in wanted]
    for one, two in zip(wanted, steps, strict=True):
        assert torch.equal(one.image, two.image), one.index
    for one, two in zip(shown(wanted), shown(steps), strict=True):
        assert torch.equal(one, two)
    assert torch.equal(whole.final_picture(), second.final_picture())
    ends = [run.state().tensors for run in (whole, second)]
    assert ends[0].keys() == ends[1].keys()
    for key, tensor in ends[0].items():
        assert torch.equal(tensor, ends[1][key]), key


def pattern(width: int = 32, height: int = 32, shift: float = 0.0) -> np.ndarray:
    """[H, W, 3] uint8: soft waves, moved to the right."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x - shift) / 3 + c) + np.cos(y / 4 + (x - shift) / 7 * c) for c in range(3)]
    return np.round((np.stack(waves, -1) + 2) / 4 * 255).astype(np.uint8)


def clip(folder: Path, count: int = 6, by: float = 1.5) -> Path:
    """A folder of pictures in which everything goes to the right."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pillow.fromarray(pattern(shift=by * number)).save(folder / f"{number:03d}.png")
    return folder
