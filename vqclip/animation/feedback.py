"""Frame feedback: how each frame begins with the last one, warped and encoded.

The picture is moved, and so are the optimiser's moments and what is shown; the drawer starts over
from the moved picture. What of the last latent no picture can show, its distance from what the
encoder makes of its own picture, is moved along with it: without a camera nothing is lost, and a
still animation is the same as more steps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.animation import colour_match
from vqclip.animation.frame_motion import BlendBack, FeedbackOptions, FrameMotion, SourceFrame
from vqclip.animation.warp import Warp, inside, part, slerp, warp
from vqclip.generate import View
from vqclip.models.vqgan import VQGAN
from vqclip.optimisers import Scheduled
from vqclip.tensors import Image, Latent, Scalar

FRESH = 0.3  # grain where something comes into view, so that there is something to work on
LEVELS = 255  # what is kept between frames has as many levels as a picture in a file


class VqganDrawer(Protocol):
    """A drawer that decodes a latent by a VQGAN: what frame feedback moves.

    `latent` is [1, C, h, w], the parameter that is optimised.
    """

    vqgan: VQGAN
    latent: nn.Parameter

    def draw_latent(self, latent: Latent) -> Image:
        """Draw a latent: [1, 3, h * factor, w * factor] in [0, 1]."""

    def clamp(self) -> None:
        """Bring the latent back to the range of the codebook."""


@dataclass
class FrameFeedback:
    """An animation on its way.

    Attributes:
        starts: the first step of each frame, and of one after the last.
        back: where only a stretch is drawn.
        target: what the frame began with: [1, 3, H, W] in [0, 1].
        seen: where that was in view a frame ago: [1, 1, H, W] in [0, 1].
        shown: what was last shown.
        last: the latent that was last shown.
        reference: the picture whose colours are kept.
        kept: of an animation that closes, the latents of the frames before the first, and, where
            others are drawn in between, of the first.
        drafts: of scenes, by their number.
        streams: where the cutters' random streams stood when the second frame began.
    """

    starts: Sequence[int]
    route: FrameMotion
    habits: FeedbackOptions
    seed: int
    back: BlendBack | None = None
    target: Image | None = None
    seen: Tensor | None = None
    shown: Image | None = None
    last: Latent | None = None
    reference: Image | None = None
    kept: list[Latent] = field(default_factory=list)
    drafts: dict[int, Image] = field(default_factory=dict)
    streams: dict[str, Tensor] = field(default_factory=dict)
    _ground: tuple[int, SourceFrame | None] = (-1, None)

    @property
    def frames(self) -> int:
        """How many frames are drawn; those before the first one that is shown, too."""
        return len(self.starts) - 1

    @property
    def end(self) -> int:
        """One after the last frame that is drawn."""
        return self.frames if self.back is None else self.back.until

    def final(self) -> Image | None:
        """What is to be seen last; None before anything is."""
        if self.back is not None and self.back.final is not None:
            return self.back.final()
        return self.shown

    def steps(self, frame: int) -> range:
        """The steps of a frame."""
        return range(self.starts[frame], self.starts[frame + 1])

    def frame(self, done: int) -> int:
        """The frame to go on with after so many steps."""
        return bisect_right(self.starts, done) - 1

    @torch.no_grad()
    def move(self, frame: int, drawer: VqganDrawer, optimiser: Scheduled) -> None:
        """Move what was last shown to where it is in `frame`, and let the drawer start there."""
        assert self.last is not None
        habits, last = self.habits, self.last
        drawn = _levels(drawer.draw_latent(last))
        way = self.route.way(frame, drawn)
        moved, seen = warp(drawn, way, habits.edges)
        moved, fresh = moved.clamp(0, 1), 1 - seen
        plain = _levels(moved)
        ground = self.ground(frame)
        share = torch.zeros_like(seen)
        if ground is not None:
            share = torch.maximum(ground.hidden, torch.full_like(seen, habits.blend(frame)))
            moved, fresh = moved + share * (ground.image - moved), fresh * (1 - share)
            seen = seen * (1 - ground.hidden)
        if self.reference is not None and habits.colours != "none":
            moved = colour_match.match_colours(moved, self.reference, habits.colours)
        noise, blank = habits.noise(frame), habits.edges == "fill" and ground is None
        if noise > 0 or blank:
            stream = torch.Generator().manual_seed(self.seed + frame)
            grain = torch.randn(moved.shape, generator=stream).to(moved)
            strength = noise + (FRESH * fresh if blank else 0.0)
            moved = moved + strength * grain
        self.target, self.seen = _levels(moved.clamp(0, 1)), _levels(seen.clamp(0, 1))
        latent = drawer.vqgan.encode(self.target)
        if habits.through == "latent":  # which takes what is done to the picture, and no more
            change = latent - drawer.vqgan.encode(plain)
            latent = warp(last, way, inside(habits.edges))[0] + change
        else:  # as far as it is the last picture, and not the film's own frame, that is shown
            rest = last - drawer.vqgan.encode(drawn)
            kept = functional.interpolate(1 - share, rest.shape[-2:], mode="area")
            latent = latent + kept * warp(rest, way, _known(habits.edges), "linear")[0]
        for scene, taken in habits.arriving(frame).items():
            if scene in self.drafts:
                latent = slerp(latent, drawer.vqgan.encode(self.drafts[scene]), taken)
                self.target = _levels(drawer.draw_latent(latent))
        drawer.latent.copy_(latent)
        drawer.clamp()
        if habits.moments:
            optimiser.move(lambda each: warp(each, way, inside(habits.edges), "linear")[0])
        else:
            optimiser.forget()
        if self.shown is not None and habits.smooth > 0:
            self.shown = _levels(warp(self.shown, way, inside(habits.edges))[0].clamp(0, 1))

    @torch.no_grad()
    def develop(self, frame: int, drawer: VqganDrawer, latent: Latent) -> tuple[Image, ...]:
        """Give what is shown of a frame whose steps are taken.

        Args:
            latent: that of the average of the steps.
        """
        habits = self.habits
        before, self.last = self.last, latent.clone()
        if frame == 0 and habits.colours != "none":
            self.reference = _levels(drawer.draw_latent(latent))
        if habits.between > 0 and frame == habits.loop > 0:
            self.kept.append(self.last)
        if frame < habits.loop:
            self.kept.append(self.last)
        latent = self._closing(frame, latent, drawer)
        image = drawer.draw_latent(latent)
        if self.back is not None and (share := self.back.share(frame)) > 0:
            image = image.lerp(self.back.old(frame), share**2)  # what no latent shows comes last
        if self.shown is not None and habits.smooth > 0:
            image = image + habits.smooth * self._stays(frame, image) * (self.shown - image)
        self.shown = _levels(image)
        if frame < habits.loop:
            return ()
        found = [image]
        if habits.between > 0 and frame > habits.loop and before is not None:
            before = self._closing(frame - 1, before, drawer)
            found = [*self._between(frame, drawer, before, latent), image]
        closes = habits.loop > 0 and frame == self.frames - 1 and self.back is None
        if habits.between > 0 and closes:
            found += self._between(habits.loop, drawer, latent, self.kept[-1])
        if habits.between > 0 and self.back is not None and frame == self.back.until - 1:
            found += self._leading_on(frame, drawer, latent)
        return tuple(found)

    def ground(self, frame: int) -> SourceFrame | None:
        """The film's own frame; the last one that was asked for is kept."""
        if self._ground[0] != frame:
            self._ground = (frame, self.route.ground(frame))
        return self._ground[1]

    def hold(self, view: View) -> Scalar:
        """Want the pixels to stay near what the frame began with, where that was in view."""
        if self.target is None or self.seen is None:
            return view.image.new_zeros(())
        weight = self._stays(self.frame(view.step), view.image)
        gaps = (view.image - self.target).square() * weight
        return gaps.sum() / (3 * weight.sum()).clamp(min=1)

    def follow(self, view: View) -> Scalar:
        """Want the pixels to be near the film's own frame: the mean squared difference.

        In a stage of another size the film's frame comes to it, a pixel the mean of its area.
        """
        ground = self.ground(self.frame(view.step))
        if ground is None:
            return view.image.new_zeros(())
        wanted, size = ground.image, view.image.shape[-2:]
        if wanted.shape[-2:] != size:
            wanted = functional.interpolate(wanted, size, mode="area")
        return functional.mse_loss(view.image, wanted)

    def state(self) -> dict[str, Tensor]:
        """All that the next frames depend on, by name."""
        single = {
            "target": self.target,
            "seen": self.seen,
            "shown": self.shown,
            "reference": self.reference,
        }
        found = {k: _bytes(v) for k, v in single.items() if v is not None}
        if self.last is not None:
            found["last"] = self.last.clone()
        found |= {f"draft.{n:05d}": _bytes(draft) for n, draft in self.drafts.items()}
        found |= {f"kept.{n:05d}": latent.clone() for n, latent in enumerate(self.kept)}
        found |= {f"route.{k}": each for k, each in self.route.state().items()}
        return found | {f"stream.{k}": stream.clone() for k, stream in self.streams.items()}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from a `state`."""
        route = {k: v for k, v in state.items() if k.startswith("route.")}
        self.route.restore({k.removeprefix("route."): v for k, v in route.items()})
        there = {k: v.to(device, copy=True) for k, v in state.items() if k not in route}
        self.target, self.seen, self.shown, self.reference = (
            there[k].float() / LEVELS if k in there else None
            for k in ("target", "seen", "shown", "reference")
        )
        self.last = there.get("last")
        drafts = {k.removeprefix("draft."): v for k, v in there.items() if k.startswith("draft.")}
        self.drafts = {int(k): v.float() / LEVELS for k, v in drafts.items()}
        self.kept = [there[k] for k in sorted(there) if k.startswith("kept.")]
        self.streams = {
            k.removeprefix("stream."): v for k, v in state.items() if k.startswith("stream.")
        }

    def _stays(self, frame: int, image: Image) -> Tensor:
        """Where a frame may be held to what was there: [1, 1, H, W] in [0, 1].

        Not where something comes into view that is to be drawn, or that a film shows.
        """
        filled = self.habits.edges == "fill" or self.ground(frame) is not None
        if self.seen is None or not filled:
            return torch.ones_like(image[:, :1])
        return self.seen

    def _closing(self, frame: int, latent: Latent, drawer: VqganDrawer) -> Latent:
        """What is shown of a frame: the last ones become those before the first, if it closes.

        Those of a stretch become what was there.
        """
        if self.back is not None:
            share = self.back.share(frame)
            if share == 0:
                return latent
            return slerp(latent, drawer.vqgan.encode(self.back.old(frame)), share)
        closing = frame - (self.frames - self.habits.loop)
        if closing < 0 or self.habits.loop == 0:
            return latent
        return slerp(latent, self.kept[closing], (closing + 1) / self.habits.loop)

    def _leading_on(self, frame: int, drawer: VqganDrawer, latent: Latent) -> list[Image]:
        """Draw what lies between the end of a stretch and the frame that stays after it."""
        back = self.back
        if back is None or not back.leads_on:
            return []
        after = drawer.vqgan.encode(back.old(frame + 1))
        return self._between(
            frame + 1 if frame + 1 < self.frames else self.habits.loop, drawer, latent, after
        )

    def _between(
        self, frame: int, drawer: VqganDrawer, before: Latent, after: Latent
    ) -> list[Image]:
        """Draw what lies between two frames: both moved there, and their latents blended."""
        drawn = [drawer.draw_latent(each) for each in (before, after)]
        way = self.route.way(frame, _levels(drawn[0]))
        found = []
        for number in range(1, self.habits.between + 1):
            share = number / (self.habits.between + 1)
            ends = [
                self._moved(drawer, latent, picture, part(way, share_of))
                for latent, picture, share_of in zip(
                    (before, after), drawn, (share, share - 1), strict=True
                )
            ]
            found.append(drawer.draw_latent(slerp(ends[0], ends[1], share)))
        return found

    def _moved(self, drawer: VqganDrawer, latent: Latent, drawn: Image, way: Warp) -> Latent:
        """A latent that is moved as its picture is, with what of it no picture shows."""
        encode, edges = drawer.vqgan.encode, inside(self.habits.edges)
        # What comes into view of one of two frames is in the other: black would darken it.
        around = "mirror" if edges == "black" else edges
        moved = encode(warp(drawn, way, around)[0].clamp(0, 1))
        return moved + warp(latent - encode(drawn), way, _known(edges), "linear")[0]


def _known(edges: str) -> str:
    """What lies beyond the border of what no picture shows: nothing, unless all comes again."""
    return edges if edges in ("wrap", "mirror") else "black"


def _levels(image: Tensor) -> Tensor:
    """Round to as many levels as a checkpoint keeps."""
    return image.mul(LEVELS).round().div(LEVELS)


def _bytes(image: Tensor) -> Tensor:
    return image.mul(LEVELS).round().to(torch.uint8)
