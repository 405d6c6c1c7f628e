"""The runner: steps from any point on, and the state that has to be kept.

A run passes through sizes, small ones first. `play` is a generator of steps; between two of them,
`state` tells everything that the rest of the run depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip import optimisers
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.config import schedule_settings
from vqclip.config.schema import MemorySettings, RunConfig
from vqclip.config.setting_descriptions import noted_settings, to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.filtered import FilteredDrawer
from vqclip.errors import ConfigError
from vqclip.guidance.cutouts import Cutter
from vqclip.guidance.losses import embedding_losses
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.language.clock import Clock
from vqclip.language.layout.layout_json import layouts_to_values
from vqclip.language.layout.layout_types import Layout
from vqclip.language.schedules import Curve
from vqclip.models.device import accept_unsteady, take_strictly
from vqclip.models.memory import MemoryPolicy, is_out_of_memory, release_memory
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.optimisation_loop import Objective, Step, add_up, generate
from vqclip.run.record.provenance import Provenance, package_versions
from vqclip.run.steps.frame_runner import FrameRunner
from vqclip.run.steps.gradient_balance import GradientBalance
from vqclip.run.steps.nan_guard import NanGuard
from vqclip.run.steps.overlay import Overlay
from vqclip.run.steps.plateau import Plateau
from vqclip.run.steps.runner_state import RunnerState, find_size, select_tensors
from vqclip.tensors import Image, Parameters, pack_parameters, unpack_parameters

REGION = " region "  # in the name of a region's cutter


@dataclass
class Runner:
    """A run that is ready to start: what draws, what looks, and what is liked.

    Attributes:
        clock: which frame it is at a step.
        filtered: what draws now, as it is shown.
        finish: what draws the last steps instead, and how many; None if nothing does.
        stages: (width, height, steps) of each size of the first drawer, in pixels.
        computed, changes: see `Provenance`.
        cutters: all that cut, those of regions, too; by a name that a checkpoint can keep.
        memory_policy: of drawer and perceptors; tightened when memory runs out.
        start: the picture that it began with, if that was one; of 256 levels.
        prepared: how many seconds that, and the drafts of scenes, took to draw.
        words, layouts: the learnt words of its prompts, and its scenes' layouts by their numbers.
        feedback: where an animation goes; None for a still.
        rates: the learning rate at each step after an animation's first frame.
        overlay: what is laid over the picture every so many steps, if anything is.
        balance: how the perceptors' gradients are added; None: as they are.
        plateau: what ends each part of it where the judge sees no gain, if anything does.
        stopped: where it did; see `Provenance`.
        done: how many steps are taken, those that a plateau passed over among them.
    """

    config: RunConfig
    seed: int | str
    clock: Clock
    filtered: FilteredDrawer
    perceptors: list[OpenClipPerceptor]
    cutters: dict[str, Cutter]
    objectives: list[Objective]
    stages: list[tuple[int, int, int]]
    models: dict[str, str]
    computed: dict[str, str]
    notes: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)
    start: Image | None = None
    prepared: float = 0.0
    words: Sequence[WordEmbedding] = ()
    layouts: Mapping[int, Layout] = field(default_factory=dict)
    feedback: FrameFeedback | None = None
    rates: Callable[[int], float] = lambda step: 0.0
    overlay: Overlay | None = None
    balance: GradientBalance | None = None
    finish: tuple[BaseDrawer, int] | None = None
    plateau: Plateau | None = None
    stopped: list[dict[str, int]] = field(default_factory=list)
    done: int = 0
    _from: RunnerState | None = None
    _average: optimisers.Average | None = None
    _optimiser: optimisers.Scheduled | None = None

    @property
    def drawer(self) -> BaseDrawer:
        """What draws now."""
        return self.filtered.drawer

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the finished picture, in pixels."""
        return self.stages[-1][0], self.stages[-1][1]

    @property
    def total(self) -> int:
        """How many steps the run takes, those of all frames together."""
        if self.feedback is None:
            return self.config.steps
        return self.feedback.frame_starts[self.feedback.end_frame]

    @property
    def is_complete(self) -> bool:
        """Whether no step is left: all are taken, or the judge has ended the last part."""
        ended = self.done >= self.total
        return ended or (self._is_part_over and self.find_stop() == (self.done, self.total))

    @property
    def handover(self) -> int:
        """The number of steps after which the last drawer takes over; all, if there is one."""
        return self.config.steps - (self.finish[1] if self.finish is not None else 0)

    def play(self) -> Iterator[Step]:
        """Run to the last step: from the first one, or from a `restore`."""
        self._optimiser = self._begun()
        if self.feedback is not None:
            yield from FrameRunner(self, self.feedback, self._optimiser).play()
            return
        if self.done <= self.handover:
            yield from self.draw_stages(self._optimiser)
        if self.finish is not None:
            yield from self._finish(*self.finish)

    def _finish(self, drawer: BaseDrawer, steps: int) -> Iterator[Step]:
        """Let the last drawer go on from the picture, with moments and a schedule of its own."""
        resumed = self.done > self.handover
        if not resumed:
            picture = self.filtered.draw_plain(self.averaged_parameters())
            self.filtered.drawer, self._from = drawer, None
            drawer.replace(drawer.encode(picture))
            self._optimiser = self._begun()
        assert self._optimiser is not None
        self._average = self._averaged(resumed)
        yield from self._steps(
            self._optimiser, self._average, range(self.done, self.config.steps)
        )

    def _begun(self) -> optimisers.Scheduled:
        """Make the optimiser of what draws now, or take up the one of a `restore`."""
        config, first = self.config, 0
        if self.finish is not None and self.drawer is self.finish[0]:
            first = self.handover
        rate = self._rate()
        count = (config.steps if first else self.handover) - first
        curve = optimisers.rate_schedule(config.optimiser.schedule, count)

        def pace(step: int) -> float:
            if first + step >= config.steps:
                return self.rates(step)
            return rate(first + step) * curve(step)

        optimiser = optimisers.build_optimiser(
            *(config.optimiser.name, self.drawer.parameters),
            rate=pace,
            rate_factors=self.drawer.rate_factors,
            momentum=config.optimiser.momentum,
        )
        if self._from is not None:
            moments = select_tensors("optimiser.", self._from.tensors)
            optimiser.load_state_dict(
                {"taken": self._from.moved, "slowed": self._from.rate_factor, "moments": moments}
            )
        return optimiser

    def _averaged(self, begun: bool) -> optimisers.Average:
        """Begin a part: an average of the parameters, or take up that of a `restore`."""
        if self.plateau is not None and not begun:
            self.plateau.begin_part()
        average = optimisers.Average(self.drawer.parameters, self.config.optimiser.average)
        if begun and self._from is not None:
            sums = unpack_parameters("average", self._from.tensors)
            average.load_state_dict({"sums": sums, "taken": self._from.averaged})
        return average

    def draw_stages(self, optimiser: optimisers.Scheduled) -> Iterator[Step]:
        """Take the steps of a picture, or of a film's first frame, through all sizes."""
        state, first = self._from, 0
        for width, height, count in self.stages:
            last = first + count
            if self.done >= last < self.handover:  # this size is behind us
                first = last
                continue
            if 0 < first == self.done:
                before = dict(self.drawer.parameters)
                self.drawer.enlarge(width, height)
                now = self.drawer.parameters
                optimiser.carry_over(before, now, resize=self.drawer.is_grid)
            self._average = self._averaged(state is not None and first < state.done <= last)
            yield from self._steps(optimiser, self._average, range(self.done, last))
            if self.done < last < self.config.steps:  # schedules go on as if these were taken
                optimiser.taken += last - self.done
                self.done = last
            first = last

    def take_steps(self, optimiser: optimisers.Scheduled, steps: range) -> Iterator[Step]:
        """Take those steps of a later frame that are left."""
        self._average = self._averaged(steps.start < self.done)
        yield from self._steps(optimiser, self._average, range(self.done, steps.stop))

    def averaged_parameters(self) -> Parameters:
        """The averages of the parameters, if begun; else the parameters."""
        return self.drawer.parameters if self._average is None else self._average.value()

    def _steps(
        self, optimiser: optimisers.Scheduled, average: optimisers.Average, steps: range
    ) -> Iterator[Step]:
        """Take steps at one size; those that fail for want of numbers or memory, again."""
        guard, saved = NanGuard(self.drawer.parameters, optimiser), ""
        streams = [cutter.state() for cutter in self.cutters.values()]
        while steps and not self._is_part_over:
            try:
                numbers = self._lay_overlays(guard.retry_steps(steps), average)
                taken = generate(
                    *(self.filtered, self.perceptors, self.objectives, optimiser),
                    self.filtered.set_grounds(numbers),
                    add_up if self.balance is None else self.balance.backward,
                )
                for step in take_strictly(taken):
                    if not guard.check_step(step):
                        continue
                    average.update()
                    self.done = step.index + 1
                    streams = [cutter.state() for cutter in self.cutters.values()]
                    image = self.filtered.lay_on_white(step.image)
                    self._look_for_plateau(image, steps.stop)
                    yield replace(step, image=image, failed=guard.failed, memory_saving=saved)
                    saved = ""
                    if self._is_part_over:
                        return
                return
            except Exception as error:
                if not accept_unsteady(error):
                    cutouts = max(cutter.count for cutter in self.cutters.values())
                    less = self._tighten(cutouts) if is_out_of_memory(error) else None
                    if less is None:
                        raise
                    saved = f"{saved}, then {less}" if saved else less
            # Out of the handler, since the error holds on to all that filled the memory.
            guard.restore_state()
            for cutter, stream in zip(self.cutters.values(), streams, strict=True):
                cutter.restore(stream)
            if self.balance is not None:
                self.balance.clear()
            release_memory()
            steps = range(self.done, steps.stop)

    @property
    def _is_part_over(self) -> bool:
        """Whether the judge has ended the part that is being drawn."""
        return self.plateau is not None and self.plateau.is_reached

    def _look_for_plateau(self, image: Image, last: int) -> None:
        """Let the judge look at a step's picture if it is time, and note where it ends the part.

        The average, which is shown at last, would have to be drawn for it.

        Args:
            last: how many steps are taken when the part ends by itself.
        """
        if self.plateau is None or not self.plateau.is_due(self.done):
            return
        self.plateau.look(self.done, image)
        if self.plateau.is_reached and self.done < last:
            self.stopped.append({"step": self.done, "of": last})

    def find_stop(self) -> tuple[int, int] | None:
        """Where the judge ended a part last, and where that would have ended; None: nowhere."""
        return (self.stopped[-1]["step"], self.stopped[-1]["of"]) if self.stopped else None

    def _lay_overlays(self, steps: Iterable[int], average: optimisers.Average) -> Iterator[int]:
        """Yield the numbers of steps, after the overlay of those that have one is laid."""
        for step in steps:
            if self.overlay is not None and self.overlay.is_due(step):
                shown = self.overlay.lay_over(self.filtered, step)
                if self.feedback is not None:
                    self.feedback.hold_overlaid(shown)
                average.reset()
            yield step

    def _rate(self) -> Curve:
        """The learning rate at each step, before the schedule of rates."""
        finishes = self.finish is not None and self.drawer is self.finish[0]
        rate = self.config.draw.finish_rate if finishes else self.config.optimiser.rate
        if isinstance(rate, str):
            return schedule_settings.setting_curve(self.config, "optimiser.rate", self.clock)
        number = self.drawer.default_rate(self.config.optimiser.name) if rate is None else rate
        return lambda step: number

    def _tighten(self, cutouts: int) -> str | None:
        """Hold less from now on, and note what was held before; see `Thrift.tighten`."""
        before = flatten_keys(to_dict(self.current_picture(), everywhere=False))
        words = self.memory_policy.tighten(cutouts)
        now = flatten_keys(to_dict(self.current_picture(), everywhere=False))
        other = {key: before[key] for key, value in now.items() if before[key] != value}
        if other and self.done > 0:
            self.changes.append({"step": self.done, "settings": other})
            if self.plateau is not None:  # as when the change is made again
                self.plateau.begin_part()
        return words

    def current_picture(self) -> RunConfig:
        """The settings, memory as it became for want of it."""
        return replace(self.config, memory=MemorySettings(**asdict(self.memory_policy)))

    def final_picture(self) -> Tensor:
        """Draw the picture after the last step: that of the averages, if they are on.

        Of an animation, what was shown last. Where the drawer has alpha, opacity is a fourth
        channel.
        """
        picture = None if self.feedback is None else self.feedback.last_picture()
        if picture is None:
            picture = self.filtered.draw_plain(self.averaged_parameters())
        return self.filtered.filter_picture(picture)

    def export(self, folder: Path) -> None:
        """Write the finished picture of a still as files of other kinds, if there are any."""
        if self.feedback is None:
            self.filtered.export(folder, self.averaged_parameters())

    def state(self) -> RunnerState:
        """Tell where the run stands between two steps.

        Raises:
            ValueError: before the first step.
        """
        if self._average is None or self._optimiser is None or self.done == 0:
            raise ValueError("a run that has not begun has no state")
        average, moves = self._average.state_dict(), self._optimiser.state_dict()
        own = {name: x.detach().clone() for name, x in self.drawer.parameters.items()}
        tensors = pack_parameters("latent", own) | pack_parameters("average", average["sums"])
        tensors |= {f"optimiser.{name}": each for name, each in moves["moments"].items()}
        tensors |= {f"cutouts.{key}": cutter.state() for key, cutter in self.cutters.items()}
        if self.start is not None:
            tensors["start"] = self.start.mul(255).round().to(torch.uint8)
        tensors |= embedding_losses.pack_memories(self.objectives)
        if self.plateau is not None:
            tensors |= self.plateau.state()
        if self.feedback is not None:
            tensors |= {f"voyage.{name}": each for name, each in self.feedback.state().items()}
        return RunnerState(self.done, tensors, average["taken"], moves["taken"], moves["slowed"])

    def restore(self, state: RunnerState) -> None:
        """Let `play` go on from a state that a run of the same drawer, size and models left.

        Raises:
            ConfigError: if the state is of another run.
        """
        device = next(iter(self.drawer.parameters.values())).device
        if self.finish is not None and state.done > self.handover:
            self.filtered.drawer = self.finish[0]
        found = unpack_parameters("latent", state.tensors)
        if not self.drawer.accepts(found):
            raise ConfigError(f"the checkpoint holds no {self.drawer.holds}; was it exchanged?")
        streams = select_tensors("cutouts.", state.tensors)
        own = [{key for key in keys if REGION not in key} for keys in (streams, self.cutters)]
        if own[0] != own[1]:
            raise ConfigError("the checkpoint is of other perceptors; were they exchanged?")
        self.drawer.replace({name: x.to(device) for name, x in found.items()})
        for key, cutter in self.cutters.items():
            if key in streams:  # a new region, of other prompts, has none yet
                cutter.restore(streams[key])
        self.drawer.width, self.drawer.height = find_size(self.stages, state.done)
        embedding_losses.restore_memories(self.objectives, state.tensors)
        if self.plateau is not None:
            self.plateau.restore(state.tensors.get("plateau"))
        if self.feedback is not None:
            self.feedback.restore(select_tensors("voyage.", state.tensors), device)
        self._from, self.done = state, state.done

    def provenance(self) -> Provenance:
        """All that is needed to make the picture again."""
        settings = noted_settings(replace(self.current_picture(), seed=self.seed))
        prompt = settings.pop("prompts")
        if not self.layouts:
            del settings["layout"]  # notes as they were before there were layouts
        more: dict[str, Any] = {"layouts": layouts_to_values(self.layouts)}
        more |= {"changes": self.changes, "computed": self.computed, "stopped": self.stopped}
        versions = package_versions() | optimisers.optimiser_versions(self.config.optimiser.name)
        return Provenance(settings, prompt, self.seed, self.models, versions, **more)
