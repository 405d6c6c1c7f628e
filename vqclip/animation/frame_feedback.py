"""Frame feedback: how each frame begins with the last one, warped and encoded, or moved.

The last picture is warped and encoded, and the drawer starts the next frame from that latent. The
optimiser's moments and the average of shown frames are warped, too. Encoding a decoded latent
does not give the same latent; the difference, which no picture shows, is warped along and added.
So without a camera move nothing is lost, and a still animation is the same as more steps. Strokes
are not encoded: their points move with the camera.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.animation import colour_match, frame_parameters
from vqclip.animation.frame_parameters import FrameDrawer, WarpedPictures
from vqclip.animation.motion_sources import BlendBack, FeedbackOptions, FrameMotion, SourceFrame
from vqclip.animation.warp import Warp, edges_without_fill, scale_warp, warp
from vqclip.models.device import upload_tensor
from vqclip.optimisation_loop import View
from vqclip.optimisers import Scheduled
from vqclip.tensors import Image, Parameters, Scalar, pack_parameters, unpack_parameters

CUT = 0.5  # of a film's frame that the one before could not show: another shot begins
FRESH = 0.3  # noise where something comes into view, so that the optimiser has a start
LEVELS = 255  # pictures kept between frames have as many levels as picture files


@dataclass
class FrameFeedback:
    """Frame feedback: the state of an animation, and how each frame follows from the last.

    Attributes:
        frame_starts: the first step of each frame, and one after the last step.
        motion: the motion from frame to frame.
        options: what each frame keeps of the last.
        seed: of the noise that frames begin with.
        blend_back: how a stretch that is drawn anew ends; None for a whole animation.
        until: the number after that of the last frame of a stretch that is drawn beside others;
            None for all frames.
        target: the picture that the frame began with: [1, 3, H, W] in [0, 1].
        seen: where that was in view in the frame before: [1, 1, H, W] in [0, 1].
        shown: the picture that was last shown, [1, 3, H, W] in [0, 1].
        last: the parameters of the last frame.
        reference: the picture whose colours are kept, [1, 3, H, W] in [0, 1].
        loop_ends: for a loop, the parameters of the frames before the first, and, where frames
            are interpolated, those of the first.
        drafts: number of a scene → its draft.
        streams: the states of the cutters' random streams when the second frame began.
    """

    frame_starts: Sequence[int]
    motion: FrameMotion
    options: FeedbackOptions
    seed: int
    blend_back: BlendBack | None = None
    until: int | None = None
    target: Image | None = None
    seen: Tensor | None = None
    shown: Image | None = None
    last: Parameters | None = None
    reference: Image | None = None
    loop_ends: list[Parameters] = field(default_factory=list)
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
        if self.blend_back is not None:
            return self.blend_back.until
        return self.frames if self.until is None else self.until

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
    def start_frame(self, frame: int, drawer: FrameDrawer, optimiser: Scheduled) -> None:
        """Warp or move the last frame to its place in `frame`, and start the drawer there."""
        assert self.last is not None
        habits = self.options
        drawn = _levels(drawer.draw_parameters(self.last))
        mapping = self.motion.frame_warp(frame, drawn)
        start = self._move if drawer.moves else self._warp
        drawer.replace(start(frame, drawer, self.last, drawn, mapping))
        drawer.clamp()
        if habits.moments and drawer.is_grid:
            optimiser.warp_moments(
                lambda each: warp(each, mapping, edges_without_fill(habits.edges), "linear")[0]
            )
        elif not (habits.moments and drawer.moves):  # strokes keep theirs: a camera turns little
            optimiser.reset_moments()
        if self.shown is not None and habits.smooth > 0:
            self.shown = _levels(
                warp(self.shown, mapping, edges_without_fill(habits.edges))[0].clamp(0, 1)
            )

    def _move(
        self, frame: int, drawer: FrameDrawer, last: Parameters, drawn: Image, mapping: Warp
    ) -> Parameters:
        """Move the last frame's parameters; where a film cuts to another shot, encode that."""
        seen, ground = warp(drawn, mapping, "black", "linear")[1], self.source_frame(frame)
        if ground is not None:
            seen = seen * (1 - ground.hidden)
        if ground is not None and float(ground.hidden.mean()) > CUT:
            parameters = drawer.encode(ground.image)
        else:
            stream = torch.Generator().manual_seed(self.seed + frame)
            fresh = None if self.options.edges == "black" else 1 - seen
            parameters = frame_parameters.move(drawer, last, drawn, mapping, fresh, stream)
        self.target = _levels(drawer.draw_parameters(parameters))
        self.seen = _levels(seen.clamp(0, 1))
        return parameters

    def _warp(
        self, frame: int, drawer: FrameDrawer, last: Parameters, drawn: Image, mapping: Warp
    ) -> Parameters:
        """Warp the last frame's picture, change it as the options say, and encode it."""
        habits = self.options
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
            grain = torch.randn(moved.shape, generator=stream).to(moved.dtype)
            grain = upload_tensor(grain, moved.device)
            strength = noise + (FRESH * fresh if blank else 0.0)
            moved = moved + strength * grain
        self.target, self.seen = _levels(moved.clamp(0, 1)), _levels(seen.clamp(0, 1))
        pictures = WarpedPictures(drawn, plain, self.target, share)
        parameters = frame_parameters.encode(
            drawer, last, pictures, mapping, habits.edges, habits.through
        )
        for scene, taken in habits.arriving(frame).items():
            if scene in self.drafts:
                parameters = drawer.blend(parameters, drawer.encode(self.drafts[scene]), taken)
                self.target = _levels(drawer.draw_parameters(parameters))
        return parameters

    def hold_overlaid(self, picture: Image) -> None:
        """Hold the frame to its picture with an overlay from now on, not to its start."""
        if self.target is not None:
            self.target = _levels(picture)

    @torch.no_grad()
    def finish_frame(
        self, frame: int, drawer: FrameDrawer, parameters: Parameters
    ) -> tuple[Image, ...]:
        """Return the pictures to show after a frame's steps are done: interpolated ones, and it.

        Args:
            parameters: the averages over the steps.
        """
        habits = self.options
        before, self.last = self.last, {k: x.detach().clone() for k, x in parameters.items()}
        if frame == 0 and habits.colours != "none":
            self.reference = _levels(drawer.draw_parameters(parameters))
        if habits.between > 0 and frame == habits.loop > 0:
            self.loop_ends.append(self.last)
        if frame < habits.loop:
            self.loop_ends.append(self.last)
        parameters = self._closing(frame, parameters, drawer)
        image = drawer.draw_parameters(parameters)
        if self.blend_back is not None and (share := self.blend_back.share(frame)) > 0:
            # The old picture itself comes late: most of the blend is between parameters, where
            # there are parameters that draw it well.
            late = share if drawer.moves else share**2
            image = image.lerp(self.blend_back.old_frame(frame), late)
        if self.shown is not None and habits.smooth > 0:
            image = image + habits.smooth * self._stays(frame, image) * (self.shown - image)
        self.shown = _levels(image)
        if frame < habits.loop:
            return ()
        found = [image]
        if habits.between > 0 and frame > habits.loop and before is not None:
            before = self._closing(frame - 1, before, drawer)
            found = [*self._between(frame, drawer, before, parameters), image]
        closes = habits.loop > 0 and frame == self.frames - 1 and self.blend_back is None
        if habits.between > 0 and closes:
            found += self._between(habits.loop, drawer, parameters, self.loop_ends[-1])
        if (
            habits.between > 0
            and self.blend_back is not None
            and frame == self.blend_back.until - 1
        ):
            found += self._leading_on(frame, drawer, parameters)
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
            found |= pack_parameters("last", {k: x.clone() for k, x in self.last.items()})
        found |= {f"draft.{n:05d}": _bytes(draft) for n, draft in self.drafts.items()}
        for number, end in enumerate(self.loop_ends):
            found |= pack_parameters(f"kept.{number:05d}", end)
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
        self.last = unpack_parameters("last", there) or None
        drafts = {k.removeprefix("draft."): v for k, v in there.items() if k.startswith("draft.")}
        self.drafts = {int(k): v.float() / LEVELS for k, v in drafts.items()}
        numbers = sorted({k.split(".")[1] for k in there if k.startswith("kept.")})
        self.loop_ends = [unpack_parameters(f"kept.{number}", there) for number in numbers]
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

    def _closing(self, frame: int, own: Parameters, drawer: FrameDrawer) -> Parameters:
        """The parameters to show for a frame near the end.

        In a loop, the last frames are blended into those before the first; in a stretch that is
        drawn anew, into the old frames.
        """
        if self.blend_back is not None:
            share = self.blend_back.share(frame)
            if share == 0 or drawer.moves:
                return own
            return drawer.blend(own, drawer.encode(self.blend_back.old_frame(frame)), share)
        closing = frame - (self.frames - self.options.loop)
        if closing < 0 or self.options.loop == 0:
            return own
        return drawer.blend(own, self.loop_ends[closing], (closing + 1) / self.options.loop)

    def _leading_on(self, frame: int, drawer: FrameDrawer, own: Parameters) -> list[Image]:
        """Interpolate between the last frame of a stretch and the old frame after it."""
        back = self.blend_back
        if back is None or not back.continues:
            return []
        old, following = back.old_frame(frame + 1), frame + 1
        if following == self.frames:
            following = self.options.loop
        if not drawer.moves:
            return self._between(following, drawer, own, drawer.encode(old))
        # Strokes that are found for a picture draw it roughly, so the pictures are blended.
        assert self.shown is not None
        mapping, around = self.motion.frame_warp(following, self.shown), "mirror"
        shares = [n / (self.options.between + 1) for n in range(1, self.options.between + 1)]
        return [
            warp(self.shown, scale_warp(mapping, share), around)[0]
            .lerp(warp(old, scale_warp(mapping, share - 1), around)[0], share)
            .clamp(0, 1)
            for share in shares
        ]

    def _between(
        self, frame: int, drawer: FrameDrawer, before: Parameters, after: Parameters
    ) -> list[Image]:
        """Interpolate between two frames: both are warped to there, and blended."""
        drawn = [drawer.draw_parameters(each) for each in (before, after)]
        mapping = self.motion.frame_warp(frame, _levels(drawn[0]))
        found = []
        for number in range(1, self.options.between + 1):
            share = number / (self.options.between + 1)
            ends = [
                frame_parameters.between(
                    drawer, end, picture, scale_warp(mapping, share_of), self.options.edges
                )
                for end, picture, share_of in zip(
                    (before, after), drawn, (share, share - 1), strict=True
                )
            ]
            found.append(drawer.draw_parameters(drawer.blend(ends[0], ends[1], share)))
        return found


def _levels(image: Tensor) -> Tensor:
    """Round to the levels that a checkpoint keeps."""
    return image.mul(LEVELS).round().div(LEVELS)


def _bytes(image: Tensor) -> Tensor:
    return image.mul(LEVELS).round().to(torch.uint8)
