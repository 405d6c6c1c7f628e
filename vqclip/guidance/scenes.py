"""Scenes: which prompt holds at a step, and the transitions between prompts.

Scenes share the run's frames evenly (for a picture, each step is a frame), or have the lengths
that are given. Two scenes cross-fade around their border: `fade` is the length of that, as a
share of the shorter scene's; half of it lies on either side. Directions in a perceptor's space
are interpolated along the shortest arc ("slerp", Shoemake, 1985); pytti interpolates losses.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vqclip.errors import ConfigError
from vqclip.language.clock import Clock, Length
from vqclip.language.expressions import format_number
from vqclip.language.prompt_types import Prompt
from vqclip.language.schedules import Curve

if TYPE_CHECKING:
    from vqclip.tensors import Embedding

    Target = Callable[[int], Embedding]


@dataclass(frozen=True)
class SceneTimeline:
    """When each scene of a run begins and ends, and how long the cross-fades are.

    Args:
        scenes: how many there are.
        clock: of the run.
        fade: in [0, 1], as a share of the shorter of two neighbours; 0 cuts from one to the next.
        lengths: of each scene; None for an equal share of what the others leave; () if no scene
            has one. If all have one and the run is longer, the last scene goes on.
        loop: whether the last scene fades into the first, so that a film can loop. All of that
            fade lies at the end, since the film begins with the first scene.

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
            written = ", ".join(each.to_text for each in self.lengths if each is not None)
            raise ConfigError(
                f"the scenes' lengths ({written}) add up to {format_number(round(sum(said), 3))} "
                f"of the run's {frames} frames (at {format_number(self.clock.fps)} a second)"
                + (", which leaves none for the other scenes" if left >= -1e-6 * frames else "")
                + "; write shorter ones, or make the run longer"
            )

    def scene_shares(self, step: int) -> list[float]:
        """The share of each scene at a step; they add up to 1.

        >>> SceneTimeline(2, Clock(100), fade=0.2).scene_shares(49)
        [0.6, 0.4]
        >>> SceneTimeline(2, Clock(100)).scene_shares(50)
        [0.0, 1.0]
        """
        place = self._scenes_passed(self.clock.frame(step))
        found = [0.0] * self.scenes
        border, end = round(place), self.scenes
        away = (place - border) * self._relative_length(border, int(place))
        if 0 < border < end and abs(away) * 2 < self.fade:
            after = away / self.fade + 0.5
            found[border - 1], found[border] = round(1 - after, 6), round(after, 6)
            return found
        # The fade at the end of a loop must not overlap the one before it.
        back = (end - place) * self._relative_length(end, end - 1)
        closing = min(self.fade, 1 - self.fade / 2)
        if self.loop and end > 1 and back < closing:
            found[0] = round(1 - back / closing, 6)
            found[end - 1] = round(back / closing, 6)
            return found
        found[min(int(place), end - 1)] = 1.0
        return found

    def _scenes_passed(self, frame: int) -> float:
        """How many scenes have passed at a frame, with fractions."""
        edges = self._edges()
        if not edges:
            return frame / self.clock.frames * self.scenes
        scene = min(bisect_right(edges, frame), self.scenes) - 1
        return scene + (frame - edges[scene]) / (edges[scene + 1] - edges[scene])

    def _relative_length(self, border: int, scene: int) -> float:
        """A scene's length, divided by that of the shorter of the two scenes at a border."""
        edges = self._edges()
        if not edges:
            return 1.0
        long = [after - before for before, after in itertools.pairwise(edges)]
        return long[min(scene, self.scenes - 1)] / min(
            long[border - 1], long[border % self.scenes]
        )

    def _edges(self) -> list[float]:
        """The frames at which scenes begin, and the run's end; [] if no scene has a length."""
        if not any(self.lengths):
            return []
        frames = self.clock.frames
        said = [None if x is None else x.frames(self.clock.timeline) for x in self.lengths]
        free = said.count(None)
        left = frames - sum(each for each in said if each is not None)
        long = [left / free if each is None else each for each in said]
        return [*itertools.accumulate(long[:-1], initial=0.0), float(frames)]


def make_timeline(
    prompts: Sequence[Prompt], clock: Clock, fade: float = 0.0, *, loop: bool = False
) -> SceneTimeline:
    """Make the timeline of scenes from a run's prompts.

    Args:
        fade, loop: see `SceneTimeline`.

    Raises:
        ConfigError: if the lengths of its scenes do not fit into the run.
    """
    scenes = max(prompt.scene for prompt in prompts) + 1
    said = {
        prompt.scene: prompt.scene_length for prompt in prompts if prompt.scene_length is not None
    }
    lengths = tuple(said.get(scene) for scene in range(scenes)) if said else ()
    return SceneTimeline(scenes, clock, fade, lengths, loop)


@dataclass(frozen=True)
class PromptTrack:
    """A track: prompts of consecutive scenes, each of which fades into the next.

    Args:
        prompts: one of each scene; None where the scene has none.
    """

    prompts: tuple[Prompt | None, ...]

    @property
    def name(self) -> str:
        """The bodies of the prompts, joined by "^"."""
        return " ^ ".join(prompt.body if prompt else "" for prompt in self.prompts).strip(" ^")


def group_tracks(prompts: Sequence[Prompt], timeline: SceneTimeline) -> list[PromptTrack]:
    """Group prompts into tracks: the first prompt of a kind in each scene, the second, and so on.

    Of one kind are all prompts of one embedding (text, label, noise, direction, like) for the
    same region and the same perceptors, either all positive or all negative. An image prompt only
    joins the same picture.
    """
    found: dict[tuple[object, ...], list[Prompt | None]] = {}
    for scene in range(timeline.scenes):
        counts: dict[tuple[object, ...], int] = {}
        for prompt in (prompt for prompt in prompts if prompt.scene == scene):
            kind = ("image", prompt.body) if prompt.kind == "image" else ("words", "")
            alike = (*kind, prompt.region, prompt.perceptors, min(prompt.values) < 0)
            counts[alike] = counts.get(alike, 0) + 1
            key = (*alike, counts[alike])
            found.setdefault(key, [None] * timeline.scenes)[scene] = prompt
    return [PromptTrack(tuple(each)) for each in found.values()]


def track_weight(track: PromptTrack, timeline: SceneTimeline) -> Curve:
    """The weight of a track at each step: the sum of its prompts', by the shares of scenes."""
    curves = [
        timeline.clock.curve(prompt.weight) if prompt else _zero for prompt in track.prompts
    ]
    if timeline.scenes == 1:
        return curves[0]
    return lambda step: sum(
        share * each(step)
        for share, each in zip(timeline.scene_shares(step), curves, strict=True)
        if share > 0
    )


def track_stop(track: PromptTrack, timeline: SceneTimeline) -> Curve:
    """The stop of a track at each step: that of the scene with the largest share."""
    stops = {scene: prompt.effective_stop for scene, prompt in enumerate(track.prompts) if prompt}

    def value(step: int) -> float:
        shares = timeline.scene_shares(step)
        return stops[max(stops, key=lambda scene: shares[scene])]

    return value


def track_target(
    track: PromptTrack, timeline: SceneTimeline, embedded: Sequence[Embedding | None]
) -> Target:
    """The target embedding of a track at each step, [1, D], of length 1.

    Args:
        embedded: of each scene's prompt, [1, D], of length 1; None where there is no prompt.
    """
    there = [each for each in embedded if each is not None]

    def value(step: int) -> Embedding:
        if len(there) == 1:
            return there[0]
        some = [
            (share, each)
            for share, each in zip(timeline.scene_shares(step), embedded, strict=True)
            if share > 0 and each is not None
        ]
        if len(some) == 2:
            return slerp_embeddings(some[0][1], some[1][1], some[1][0])
        return some[0][1] if some else there[0]  # without a prompt the weight is 0

    return value


def slerp_embeddings(a: Embedding, b: Embedding, share: float) -> Embedding:
    """Interpolate along the shortest arc between rows of length 1 (slerp).

    Opposite directions have no shortest arc; the straight line between them is taken then.
    Unlike the slerp of latents in `vqclip.animation.warp`, which keeps lengths, it gives rows of
    length 1.

    Args:
        a, b: [N, D], rows of length 1.
        share: in [0, 1]; 0 gives `a`, 1 gives `b`.
    """
    import torch  # here: which scene it is at a step is told without

    from vqclip.tensors import slerp_weights

    first, second = slerp_weights((a * b).sum(-1, keepdim=True), share)
    return torch.nn.functional.normalize(first * a + second * b, dim=-1)


def _zero(step: int) -> float:
    return 0.0
