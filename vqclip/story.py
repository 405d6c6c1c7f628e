"""Which scene is it at a step, and how does one become the next?

Scenes share the run's frames evenly (a picture's steps are its frames). Around the border
between two of them there is a cross-fade: `fade` is its length, as a share of a scene's; half of
it lies on either side. Directions in a perceptor's space fade along the shortest arc ("slerp"),
Shoemake, 1985, as pytti's interpolation of scenes does it with losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from vqclip.clock import Clock
from vqclip.schedules import Curve
from vqclip.tensors import Embedding
from vqclip.wishes import Prompt

Target = Callable[[int], Embedding]


@dataclass(frozen=True)
class Story:
    """How many scenes there are, when, and how long they fade.

    Args:
        clock: of the run.
        fade: in [0, 1]; 0 cuts from one scene to the next.
    """

    scenes: int
    clock: Clock
    fade: float = 0.0

    def shares(self, step: int) -> list[float]:
        """How much of each scene there is at a step; they add up to 1.

        >>> Story(2, Clock(100), fade=0.2).shares(49), Story(2, Clock(100)).shares(50)
        ([0.6, 0.4], [0.0, 1.0])
        """
        place = self.clock.frame(step) / self.clock.frames * self.scenes  # in scenes
        found = [0.0] * self.scenes
        border = round(place)
        inside = 0 < border < self.scenes and abs(place - border) * 2 < self.fade
        if not inside:
            found[min(int(place), self.scenes - 1)] = 1.0
            return found
        after = (place - border) / self.fade + 0.5
        found[border - 1], found[border] = round(1 - after, 6), round(after, 6)
        return found


@dataclass(frozen=True)
class Lane:
    """What stands at the same place in every scene, and so becomes one another.

    Args:
        wishes: of each scene, None where it has none.
    """

    wishes: tuple[Prompt | None, ...]

    @property
    def name(self) -> str:
        """The bodies, in order."""
        return " ^ ".join(wish.body if wish else "" for wish in self.wishes).strip(" ^")


def lanes(wishes: Sequence[Prompt], story: Story) -> list[Lane]:
    """Put together what fades into each other: of each scene its first wish of a kind, and so on.

    Of a kind are words, noise and directions that are meant for the same part of the picture
    and the same perceptors, and are all wished for, or all avoided. Pictures only fade in and
    out.
    """
    found: dict[tuple[object, ...], list[Prompt | None]] = {}
    for scene in range(story.scenes):
        counts: dict[tuple[object, ...], int] = {}
        for wish in (wish for wish in wishes if wish.scene == scene):
            kind = ("image", wish.body) if wish.kind == "image" else ("words", "")
            alike = (*kind, wish.region, wish.only, min(wish.values) < 0)
            counts[alike] = counts.get(alike, 0) + 1
            key = (*alike, counts[alike])
            found.setdefault(key, [None] * story.scenes)[scene] = wish
    return [Lane(tuple(each)) for each in found.values()]


def weight(lane: Lane, story: Story) -> Curve:
    """The weight of a lane at each step."""
    curves = [story.clock.of(wish.weight) if wish else _nothing for wish in lane.wishes]
    if story.scenes == 1:
        return curves[0]
    return lambda step: sum(
        share * each(step)
        for share, each in zip(story.shares(step), curves, strict=True)
        if share > 0
    )


def stop(lane: Lane, story: Story) -> Curve:
    """The stop of a lane at each step: that of its scene of which there is most."""
    stops = {scene: wish.rest for scene, wish in enumerate(lane.wishes) if wish}

    def value(step: int) -> float:
        shares = story.shares(step)
        return stops[max(stops, key=lambda scene: shares[scene])]

    return value


def target(lane: Lane, story: Story, embedded: Sequence[Embedding | None]) -> Target:
    """Where a lane wants to go at each step.

    Args:
        embedded: of each scene, [1, D], rows of length 1; None where the lane has no wish.
    """
    there = [each for each in embedded if each is not None]

    def value(step: int) -> Embedding:
        if len(there) == 1:
            return there[0]
        some = [
            (share, each)
            for share, each in zip(story.shares(step), embedded, strict=True)
            if share > 0 and each is not None
        ]
        if len(some) == 2:
            return slerp(some[0][1], some[1][1], some[1][0])
        return some[0][1] if some else there[0]  # without a wish the weight is 0

    return value


def slerp(a: Embedding, b: Embedding, share: float) -> Embedding:
    """Go along the shortest arc between rows of length 1: 0 gives `a`, 1 gives `b`.

    Opposite directions have no shortest arc; the straight line between them is taken then.
    """
    cosine = (a * b).sum(-1, keepdim=True).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    near = sine < 1e-4
    first = torch.where(near, 1 - share, ((1 - share) * angle).sin() / sine.clamp(min=1e-4))
    second = torch.where(near, share, (share * angle).sin() / sine.clamp(min=1e-4))
    return torch.nn.functional.normalize(first * a + second * b, dim=-1)


def _nothing(step: int) -> float:
    return 0.0
