"""Scenes: which prompt holds at a step, and the transitions between prompts.

Scenes share the run's frames evenly (a picture's steps are its frames), or are as long as they
say. Around the border between two of them there is a cross-fade: `fade` is its length, as a share
of the shorter one's; half of it lies on either side. Directions in a perceptor's space fade along
the shortest arc ("slerp"), Shoemake, 1985, as pytti's interpolation of scenes does with losses.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vqclip.errors import ConfigError
from vqclip.language.clock import Clock, Length
from vqclip.language.expressions import digits
from vqclip.language.prompt import Prompt
from vqclip.language.schedules import Curve

if TYPE_CHECKING:
    from vqclip.tensors import Embedding

    Target = Callable[[int], Embedding]


@dataclass(frozen=True)
class SceneTimeline:
    """How many scenes there are, when, and how long they fade.

    Args:
        clock: of the run.
        fade: in [0, 1], as a share of the shorter of two neighbours; 0 cuts from one to the next.
        lengths: of each scene, None for a share of what the others leave; () for none at all.
            Where all have one and the run goes on, so does the last scene.
        loop: whether the last scene fades into the first, so that a film can begin anew. All of
            that fade lies at the end, since the film begins with the first scene.

    Raises:
        ConfigError: if the lengths are more than the run, or leave nothing for a scene.
    """

    scenes: int
    clock: Clock
    fade: float = 0.0
    lengths: tuple[Length | None, ...] = ()
    loop: bool = False

    def __post_init__(self) -> None:
        if not any(self.lengths):
            return
        said = [each.frames(self.clock.timeline) for each in self.lengths if each is not None]
        left, frames = self.clock.frames - sum(said), self.clock.frames
        if left < -1e-6 * frames or (left < 1e-6 * frames and len(said) < self.scenes):
            written = ", ".join(each.written for each in self.lengths if each is not None)
            raise ConfigError(
                f"the scenes' lengths ({written}) are {digits(round(sum(said), 3))} of the run's "
                f"{frames} frames, {digits(self.clock.fps)} a second"
                + (", and leave none for the others" if left >= -1e-6 * frames else "")
                + "; write shorter ones, or make the run longer"
            )

    def shares(self, step: int) -> list[float]:
        """How much of each scene there is at a step; they add up to 1.

        >>> SceneTimeline(2, Clock(100), fade=0.2).shares(49)
        [0.6, 0.4]
        >>> SceneTimeline(2, Clock(100)).shares(50)
        [0.0, 1.0]
        """
        place = self._place(self.clock.frame(step))
        found = [0.0] * self.scenes
        border, end = round(place), self.scenes
        away = (place - border) * self._stretch(border, int(place))
        if 0 < border < end and abs(away) * 2 < self.fade:
            after = away / self.fade + 0.5
            found[border - 1], found[border] = round(1 - after, 6), round(after, 6)
            return found
        # The fade at the end must not reach back into the one before.
        back = (end - place) * self._stretch(end, end - 1)
        closing = min(self.fade, 1 - self.fade / 2)
        if self.loop and end > 1 and back < closing:
            found[0] = round(1 - back / closing, 6)
            found[end - 1] = round(back / closing, 6)
            return found
        found[min(int(place), end - 1)] = 1.0
        return found

    def _place(self, frame: int) -> float:
        """How far the story is, in scenes."""
        edges = self._edges()
        if not edges:
            return frame / self.clock.frames * self.scenes
        scene = min(bisect_right(edges, frame), self.scenes) - 1
        return scene + (frame - edges[scene]) / (edges[scene + 1] - edges[scene])

    def _stretch(self, border: int, scene: int) -> float:
        """A scene's length in those of the shorter of the two that meet at a border."""
        edges = self._edges()
        if not edges:
            return 1.0
        long = [after - before for before, after in itertools.pairwise(edges)]
        return long[min(scene, self.scenes - 1)] / min(
            long[border - 1], long[border % self.scenes]
        )

    def _edges(self) -> list[float]:
        """The frames at which scenes begin, and the run's end; [] if all are equally long."""
        if not any(self.lengths):
            return []
        frames = self.clock.frames
        said = [None if x is None else x.frames(self.clock.timeline) for x in self.lengths]
        free = said.count(None)
        left = frames - sum(each for each in said if each is not None)
        long = [left / free if each is None else each for each in said]
        return [*itertools.accumulate(long[:-1], initial=0.0), float(frames)]


def scene_timeline(
    wishes: Sequence[Prompt], clock: Clock, fade: float = 0.0, *, loop: bool = False
) -> SceneTimeline:
    """The story of a run's wishes.

    Raises:
        ConfigError: if the lengths of its scenes do not fit into the run.
    """
    scenes = max(wish.scene for wish in wishes) + 1
    said = {wish.scene: wish.lasting for wish in wishes if wish.lasting is not None}
    lengths = tuple(said.get(scene) for scene in range(scenes)) if said else ()
    return SceneTimeline(scenes, clock, fade, lengths, loop)


@dataclass(frozen=True)
class PromptTrack:
    """What stands at the same place in every scene, and so becomes one another.

    Args:
        wishes: of each scene, None where it has none.
    """

    wishes: tuple[Prompt | None, ...]

    @property
    def name(self) -> str:
        """The bodies, in order."""
        return " ^ ".join(wish.body if wish else "" for wish in self.wishes).strip(" ^")


def tracks(wishes: Sequence[Prompt], story: SceneTimeline) -> list[PromptTrack]:
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
    return [PromptTrack(tuple(each)) for each in found.values()]


def weight(lane: PromptTrack, story: SceneTimeline) -> Curve:
    """The weight of a lane at each step."""
    curves = [story.clock.of(wish.weight) if wish else _nothing for wish in lane.wishes]
    if story.scenes == 1:
        return curves[0]
    return lambda step: sum(
        share * each(step)
        for share, each in zip(story.shares(step), curves, strict=True)
        if share > 0
    )


def stop(lane: PromptTrack, story: SceneTimeline) -> Curve:
    """The stop of a lane at each step: that of its scene of which there is most."""
    stops = {scene: wish.rest for scene, wish in enumerate(lane.wishes) if wish}

    def value(step: int) -> float:
        shares = story.shares(step)
        return stops[max(stops, key=lambda scene: shares[scene])]

    return value


def target(
    lane: PromptTrack, story: SceneTimeline, embedded: Sequence[Embedding | None]
) -> Target:
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
    import torch  # here: which scene it is at a step is told without

    cosine = (a * b).sum(-1, keepdim=True).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    near = sine < 1e-4
    first = torch.where(near, 1 - share, ((1 - share) * angle).sin() / sine.clamp(min=1e-4))
    second = torch.where(near, share, (share * angle).sin() / sine.clamp(min=1e-4))
    return torch.nn.functional.normalize(first * a + second * b, dim=-1)


def _nothing(step: int) -> float:
    return 0.0
