"""Frame feedback: how each frame begins with the last one, warped and encoded.

The last picture is warped and encoded, and the drawer starts the next frame from that latent. The
optimiser's moments and the average of shown frames are warped, too. Encoding a decoded latent
does not give the same latent; the difference, which no picture shows, is warped along and added.
So without a camera move nothing is lost, and a still animation is the same as more steps.
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
from vqclip.animation.motion_sources import BlendBack, FeedbackOptions, FrameMotion, SourceFrame
from vqclip.animation.warp import Warp, edges_without_fill, scale_warp, slerp_latents, warp
from vqclip.models.vqgan import VQGAN
from vqclip.optimisation_loop import View
from vqclip.optimisers import Scheduled
from vqclip.tensors import Image, Latent, Scalar

FRESH = 0.3  # noise where something comes into view, so that the optimiser has a start
LEVELS = 255  # pictures kept between frames have as many levels as picture files


class VqganDrawer(Protocol):
    """A drawer that decodes a latent by a VQGAN, which frame feedback can warp.

    Args:
        vqgan: encodes and decodes.
        latent: [1, C, h, w], the parameter that is optimised.
    """

    vqgan: VQGAN
    latent: nn.Parameter

    def draw_latent(self, latent: Latent) -> Image:
        """Draw a latent: [1, 3, h * factor, w * factor] in [0, 1]."""

    def clamp(self) -> None:
        """Bring the latent back to the range of the codebook."""


@dataclass
class FrameFeedback:
    """Frame feedback: the state of an animation, and how each frame follows from the last.

    Attributes:
        frame_starts: the first step of each frame, and one after the last step.
        motion: the motion from frame to frame.
        options: what each frame keeps of the last.
        seed: of the noise that frames begin with.
        blend_back: how a stretch that is drawn anew ends; None for a whole animation.
        target: the picture that the frame began with: [1, 3, H, W] in [0, 1].
        seen: where that was in view in the frame before: [1, 1, H, W] in [0, 1].
        shown: the picture that was last shown, [1, 3, H, W] in [0, 1].
        last: the latent of the last frame, [1, C, h, w].
        reference: the picture whose colours are kept, [1, 3, H, W] in [0, 1].
        loop_latents: for a loop, the latents of the frames before the first, and, where frames
            are interpolated, that of the first.
        drafts: number of a scene → its draft.
        streams: the states of the cutters' random streams when the second frame began.
    """

    frame_starts: Sequence[int]
    motion: FrameMotion
    options: FeedbackOptions
    seed: int
    blend_back: BlendBack | None = None
    target: Image | None = None
    seen: Tensor | None = None
    shown: Image | None = None
    last: Latent | None = None
    reference: Image | None = None
    loop_latents: list[Latent] = field(default_factory=list)
    drafts: dict[int, Image] = field(default_factory=dict)
    streams: dict[str, Tensor] = field(default_factory=dict)
    _ground: tuple[int, SourceFrame | None] = (-1, None)

    @property
    def frames(self) -> int:
        """How many frames are drawn, those before the first one shown included."""
        return len(self.frame_starts) - 1

    @property
    def end_frame(self) -> int:
        """The number after that of the last frame drawn."""
        return self.frames if self.blend_back is None else self.blend_back.until

    def last_picture(self) -> Image | None:
        """The last picture of the animation so far; None before the first."""
        if self.blend_back is not None and self.blend_back.final is not None:
            return self.blend_back.final()
        return self.shown

    def steps(self, frame: int) -> range:
        """The steps of a frame."""
        return range(self.frame_starts[frame], self.frame_starts[frame + 1])

    def frame_of_step(self, done: int) -> int:
        """The frame that step number `done`, counted from 0, belongs to."""
        return bisect_right(self.frame_starts, done) - 1

    @torch.no_grad()
    def start_frame(self, frame: int, drawer: VqganDrawer, optimiser: Scheduled) -> None:
        """Warp the last frame to its place in `frame`, and start the drawer from there."""
        assert self.last is not None
        habits, last = self.options, self.last
        drawn = _levels(drawer.draw_latent(last))
        mapping = self.motion.frame_warp(frame, drawn)
        moved, seen = warp(drawn, mapping, habits.edges)
        moved, fresh = moved.clamp(0, 1), 1 - seen
        plain = _levels(moved)
        ground = self.source_frame(frame)
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
        if habits.through == "latent":  # only other changes of the picture, such as noise, count
            change = latent - drawer.vqgan.encode(plain)
            latent = warp(last, mapping, edges_without_fill(habits.edges))[0] + change
        else:  # add the difference where the last picture, not the film's own frame, is shown
            rest = last - drawer.vqgan.encode(drawn)
            kept = functional.interpolate(1 - share, rest.shape[-2:], mode="area")
            latent = latent + kept * warp(rest, mapping, _known(habits.edges), "linear")[0]
        for scene, taken in habits.arriving(frame).items():
            if scene in self.drafts:
                latent = slerp_latents(latent, drawer.vqgan.encode(self.drafts[scene]), taken)
                self.target = _levels(drawer.draw_latent(latent))
        drawer.latent.copy_(latent)
        drawer.clamp()
        if habits.moments:
            optimiser.warp_moments(
                lambda each: warp(each, mapping, edges_without_fill(habits.edges), "linear")[0]
            )
        else:
            optimiser.reset_moments()
        if self.shown is not None and habits.smooth > 0:
            self.shown = _levels(
                warp(self.shown, mapping, edges_without_fill(habits.edges))[0].clamp(0, 1)
            )

    @torch.no_grad()
    def finish_frame(self, frame: int, drawer: VqganDrawer, latent: Latent) -> tuple[Image, ...]:
        """Return the pictures to show after a frame's steps are done: interpolated ones, and it.

        Args:
            latent: [1, C, h, w], the average over the steps.
        """
        habits = self.options
        before, self.last = self.last, latent.clone()
        if frame == 0 and habits.colours != "none":
            self.reference = _levels(drawer.draw_latent(latent))
        if habits.between > 0 and frame == habits.loop > 0:
            self.loop_latents.append(self.last)
        if frame < habits.loop:
            self.loop_latents.append(self.last)
        latent = self._closing(frame, latent, drawer)
        image = drawer.draw_latent(latent)
        if self.blend_back is not None and (share := self.blend_back.share(frame)) > 0:
            # The old picture itself comes late: most of the blend is between latents.
            image = image.lerp(self.blend_back.old_frame(frame), share**2)
        if self.shown is not None and habits.smooth > 0:
            image = image + habits.smooth * self._stays(frame, image) * (self.shown - image)
        self.shown = _levels(image)
        if frame < habits.loop:
            return ()
        found = [image]
        if habits.between > 0 and frame > habits.loop and before is not None:
            before = self._closing(frame - 1, before, drawer)
            found = [*self._between(frame, drawer, before, latent), image]
        closes = habits.loop > 0 and frame == self.frames - 1 and self.blend_back is None
        if habits.between > 0 and closes:
            found += self._between(habits.loop, drawer, latent, self.loop_latents[-1])
        if (
            habits.between > 0
            and self.blend_back is not None
            and frame == self.blend_back.until - 1
        ):
            found += self._leading_on(frame, drawer, latent)
        return tuple(found)

    def source_frame(self, frame: int) -> SourceFrame | None:
        """The film's own frame, if there is a film; the last one asked for is cached."""
        if self._ground[0] != frame:
            self._ground = (frame, self.motion.source_frame(frame))
        return self._ground[1]

    def hold_loss(self, view: View) -> Scalar:
        """The hold loss: mean squared difference from the frame's start, where it was in view."""
        if self.target is None or self.seen is None:
            return view.image.new_zeros(())
        weight = self._stays(self.frame_of_step(view.step), view.image)
        gaps = (view.image - self.target).square() * weight
        return gaps.sum() / (3 * weight.sum()).clamp(min=1)

    def source_loss(self, view: View) -> Scalar:
        """The source loss: the mean squared difference from the film's own frame, in [0, 1].

        For a stage of another size, the film's frame is resized by averaging areas.
        """
        ground = self.source_frame(self.frame_of_step(view.step))
        if ground is None:
            return view.image.new_zeros(())
        wanted, size = ground.image, view.image.shape[-2:]
        if wanted.shape[-2:] != size:
            wanted = functional.interpolate(wanted, size, mode="area")
        return functional.mse_loss(view.image, wanted)

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next frames depend on, by name, for a checkpoint."""
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
        found |= {f"kept.{n:05d}": latent.clone() for n, latent in enumerate(self.loop_latents)}
        found |= {f"route.{k}": each for k, each in self.motion.state().items()}
        return found | {f"stream.{k}": stream.clone() for k, stream in self.streams.items()}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Continue from a state that `state` returned, on a device."""
        route = {k: v for k, v in state.items() if k.startswith("route.")}
        self.motion.restore({k.removeprefix("route."): v for k, v in route.items()})
        there = {k: v.to(device, copy=True) for k, v in state.items() if k not in route}
        self.target, self.seen, self.shown, self.reference = (
            there[k].float() / LEVELS if k in there else None
            for k in ("target", "seen", "shown", "reference")
        )
        self.last = there.get("last")
        drafts = {k.removeprefix("draft."): v for k, v in there.items() if k.startswith("draft.")}
        self.drafts = {int(k): v.float() / LEVELS for k, v in drafts.items()}
        self.loop_latents = [there[k] for k in sorted(there) if k.startswith("kept.")]
        self.streams = {
            k.removeprefix("stream."): v for k, v in state.items() if k.startswith("stream.")
        }

    def _stays(self, frame: int, image: Image) -> Tensor:
        """Where a frame may be held to its start: [1, 1, H, W] in [0, 1].

        Less where something comes into view that is to be drawn, or that a film shows.
        """
        filled = self.options.edges == "fill" or self.source_frame(frame) is not None
        if self.seen is None or not filled:
            return torch.ones_like(image[:, :1])
        return self.seen

    def _closing(self, frame: int, latent: Latent, drawer: VqganDrawer) -> Latent:
        """The latent to show for a frame near the end.

        In a loop, the last frames are blended into those before the first; in a stretch that is
        drawn anew, into the old frames.
        """
        if self.blend_back is not None:
            share = self.blend_back.share(frame)
            if share == 0:
                return latent
            return slerp_latents(
                latent, drawer.vqgan.encode(self.blend_back.old_frame(frame)), share
            )
        closing = frame - (self.frames - self.options.loop)
        if closing < 0 or self.options.loop == 0:
            return latent
        return slerp_latents(
            latent, self.loop_latents[closing], (closing + 1) / self.options.loop
        )

    def _leading_on(self, frame: int, drawer: VqganDrawer, latent: Latent) -> list[Image]:
        """Interpolate between the last frame of a stretch and the old frame after it."""
        back = self.blend_back
        if back is None or not back.continues:
            return []
        after = drawer.vqgan.encode(back.old_frame(frame + 1))
        return self._between(
            frame + 1 if frame + 1 < self.frames else self.options.loop, drawer, latent, after
        )

    def _between(
        self, frame: int, drawer: VqganDrawer, before: Latent, after: Latent
    ) -> list[Image]:
        """Interpolate between two frames: both are warped to there, and their latents blended."""
        drawn = [drawer.draw_latent(each) for each in (before, after)]
        mapping = self.motion.frame_warp(frame, _levels(drawn[0]))
        found = []
        for number in range(1, self.options.between + 1):
            share = number / (self.options.between + 1)
            ends = [
                self._moved(drawer, latent, picture, scale_warp(mapping, share_of))
                for latent, picture, share_of in zip(
                    (before, after), drawn, (share, share - 1), strict=True
                )
            ]
            found.append(drawer.draw_latent(slerp_latents(ends[0], ends[1], share)))
        return found

    def _moved(self, drawer: VqganDrawer, latent: Latent, drawn: Image, mapping: Warp) -> Latent:
        """Warp a latent by its picture; the difference that no picture shows is warped along."""
        encode, edges = drawer.vqgan.encode, edges_without_fill(self.options.edges)
        # What comes into view in one of the frames is shown by the other: black would darken it.
        around = "mirror" if edges == "black" else edges
        moved = encode(warp(drawn, mapping, around)[0].clamp(0, 1))
        return moved + warp(latent - encode(drawn), mapping, _known(edges), "linear")[0]


def _known(edges: str) -> str:
    """The edges for the difference that no picture shows: zero, unless the picture repeats."""
    return edges if edges in ("wrap", "mirror") else "black"


def _levels(image: Tensor) -> Tensor:
    """Round to the levels that a checkpoint keeps."""
    return image.mul(LEVELS).round().div(LEVELS)


def _bytes(image: Tensor) -> Tensor:
    return image.mul(LEVELS).round().to(torch.uint8)
