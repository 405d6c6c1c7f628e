"""The frame loop: what is asked of whom, and when."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from vqclip.frame_loop import animate
from vqclip.optimisation_loop import Step


class Fake:
    """Notes what it is asked for; each frame takes as many steps as its number, at least one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start_frame(self, frame: int) -> None:
        self.asked.append(f"move {frame}")

    def take_steps(self, frame: int) -> Iterator[Step]:
        for number in range(max(1, frame)):
            self.asked.append(f"step {frame}.{number}")
            yield Step(10 * frame + number, torch.zeros(1), {})

    def finish_frame(self, frame: int) -> tuple[torch.Tensor, ...]:
        self.asked.append(f"develop {frame}")
        return (torch.full((1,), frame),)

    def last_step(self, frame: int) -> int:
        return 10 * frame + max(1, frame) - 1


def test_each_frame_is_moved_refined_and_shown() -> None:
    fake = Fake()
    steps = list(animate(fake, range(3)))
    assert fake.asked == [
        *("step 0.0", "develop 0", "move 1", "step 1.0", "develop 1"),
        *("move 2", "step 2.0", "step 2.1", "develop 2"),
    ]
    assert [(s.index, s.frame, len(s.shown)) for s in steps] == [
        *((0, 0, 1), (10, 1, 1), (20, 2, 0), (21, 2, 1))
    ]


def test_a_frame_that_was_begun_is_not_moved_again() -> None:
    fake = Fake()
    list(animate(fake, range(1, 3), begun=True))
    assert [each for each in fake.asked if "move" in each] == ["move 2"]
