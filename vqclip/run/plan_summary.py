"""Estimates of a run: sizes, downloads, memory and time.

`Request -> Estimate`. Operations and memory are counted by `memory_footprint`, on models without
weights; `timing` makes seconds of them. The answers are about right, not right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vqclip.config.checking import picture_checks
from vqclip.config.checking.frame_independence import describe_dependences, list_dependences
from vqclip.config.sizes import plan_stages
from vqclip.config.steps.frame_stretches import cut_frames
from vqclip.config.steps.step_settings import OverlaySteps, finish_steps
from vqclip.models import clip
from vqclip.models.zoo import model_files
from vqclip.run import frame_plan as run_frames
from vqclip.run import memory_footprint
from vqclip.run.memory_footprint import ModelShapes
from vqclip.run.preflight import Request
from vqclip.run.timing import run_times
from vqclip.run.timing.machine_speed import Speed, measure_speed, use_threads
from vqclip.run.timing.run_times import RunTimes


@dataclass(frozen=True)
class Estimate:
    """What a run would need; every number is about.

    Attributes:
        stages: (width, height, steps) of each size that the run passes through, in pixels; of an
            animation, those of its first frame.
        downloads: (name, bytes or None) of each model that is not here.
        device: where it would run.
        memory: bytes at the peak, of the process, or on a GPU of the GPU. None if a model's shape
            is not known here.
        seconds: from the shell to the picture, or None likewise.
        notes: sentences for people.
        frame_plan: how many an animation draws; 0 for a still.
        steps: how many steps they take after the first one.
        length: of its film, in seconds.
        overlays: how often its overlay is laid.
        stretches: how many stretches of frames can be drawn side by side; 0 if none can.
        parallel: whether they are to be.
        dependence: why frames depend on each other, in words; "" if they do not.
        stops: whether it may end before all these steps, and takes less time then.
        times: what `seconds` is made of.
    """

    stages: tuple[tuple[int, int, int], ...]
    downloads: tuple[tuple[str, int | None], ...]
    device: str
    memory: int | None
    seconds: float | None
    notes: tuple[str, ...]
    frames: int = 0
    steps: int = 0
    length: float = 0.0
    overlays: int = 0
    stretches: int = 0
    parallel: bool = False
    dependence: str = ""
    stops: bool = False
    times: RunTimes | None = None


@dataclass(frozen=True)
class SharedCounts:
    """What estimates of several runs have in common, counted and measured once.

    Attributes:
        models: by their names and the device, on the meta device.
        speeds: by device, number formats and threads.
    """

    models: dict[tuple[Any, ...], ModelShapes] = field(default_factory=dict)
    speeds: dict[tuple[Any, ...], Speed] = field(default_factory=dict)

    def find_shapes(self, request: Request) -> ModelShapes:
        """The models of a run without weights; see `memory_footprint.build_shapes`."""
        config, looking = request.config, (request.perceptors, request.parts)
        formats = config.device, config.precision, config.memory.tiles
        key = (request.vqgan, tuple(request.names), *formats)
        if key not in self.models:
            self.models[key] = memory_footprint.build_shapes(config, *looking)
        return replace(self.models[key], perceptors=looking[0], parts=looking[1])

    def find_speed(self, models: ModelShapes, threads: int) -> Speed:
        """How fast the device of a run is."""
        formats = models.device, models.dtype, models.decoder_dtype
        key = (*formats, threads)
        if key not in self.speeds:
            with use_threads(threads):
                self.speeds[key] = measure_speed(*formats)
        return self.speeds[key]


def estimate_cost(request: Request, shared: SharedCounts | None = None) -> Estimate:
    """Work out what a run would need. Loads no weights, asks no network, takes a few seconds.

    Args:
        shared: what earlier estimates have counted; it is added to.

    Raises:
        ConfigError: for a setting that cannot be used, or a perceptor that does not exist.
        ModelError: if there is no such VQGAN, or a folder that holds no perceptor.
    """
    config = request.config
    head = picture_checks.head_of_run(config)
    lacking = model_files.missing_models(request.vqgan, request.names, clip.is_absent, head=head)
    shared = SharedCounts() if shared is None else shared
    models = shared.find_shapes(request)
    stages = plan_stages(config, models.factor)
    finish = finish_steps(config)
    if finish:
        stages.append((*stages[-1][:2], finish))
    drawn, first, more = _frames(request)
    if not first:  # a stretch of an animation, without its beginning
        stages, more = [(*stages[-1][:2], more)], 0
    laid = _count_overlays(request.intervals.overlay, [*(steps for *_, steps in stages), more])
    memory, seconds, times, notes = None, None, None, []
    if models.networks is None:
        names = ", ".join(models.unknown)
        notes.append(f"memory and time are not known: open_clip does not describe {names}")
    else:
        draws, look = memory_footprint.step_costs(
            config, models, memory_footprint.read_memory_policy(config)
        )
        memory = memory_footprint.peak_memory(models, draws, look)
        memory += memory_footprint.CONTEXT if models.device.type == "cuda" else 0
        speed = shared.find_speed(models, config.threads)
        times = run_times.estimate_times(
            *(config, speed, draws, look, memory_footprint.encoding_costs(config, models)),
            sizes=memory_footprint.step_sizes(config, models),
            widening=4 / models.decoder_dtype.itemsize,  # float32 has 4 bytes
        )
        taken = zip(times.steps[-len(stages) :], stages, strict=True)
        seconds = times.start + sum(each * steps for each, (_, _, steps) in taken) + times.end
        seconds += sum(times.between[-len(stages) + 1 :]) if len(stages) > 1 else 0.0
        seconds += times.steps[-1] * more + times.drawing[-1] * drawn * run_times.MOVE
        passed = [*times.drawing[-len(stages) :], times.drawing[-1]]
        seconds += run_times.LAY * sum(s * n for s, n in zip(passed, laid, strict=True))
    return Estimate(
        stages=tuple(stages),
        downloads=tuple((each.name, each.bytes) for each in lacking),
        device=str(models.device),
        memory=memory,
        seconds=seconds,
        times=times,
        notes=tuple(notes),
        frames=drawn,
        steps=more,
        length=config.frames / run_frames.fps_of(config) if config.frames else 0.0,
        overlays=sum(laid),
        parallel=config.motion.parallel,
        stops=config.stop != "off",
        **_plan_stretches(request),
    )


def describe_estimate(estimate: Estimate) -> str:
    """Say an estimate in a few lines, without a newline at the end."""
    sizes = ", ".join(f"{w}x{h} for {n} steps" for w, h, n in estimate.stages)
    here = "nothing, all models are here"
    if estimate.steps:
        sizes += f", then {estimate.steps} steps for {estimate.frames - 1} more frames"
    most = "at most " if estimate.stops else ""
    lines = [f"sizes     {most}{sizes}", f"device    {estimate.device}"]
    if estimate.length:
        lines.insert(1, f"film      {estimate.length:.3g} s, {estimate.frames} frames to draw")
    if estimate.dependence:
        lines.append(f"stretches none: {estimate.dependence}")
    if estimate.stretches:
        told = f"{estimate.stretches} can be drawn side by side"
        more = "" if estimate.parallel else ": motion.parallel=true"
        lines.append(f"stretches {told}{more}")
    if estimate.overlays:
        lines.append(f"overlay   laid {estimate.overlays} times")
    if estimate.downloads:
        here = ", ".join(
            f"{n} ({model_files.format_bytes(size)})" for n, size in estimate.downloads
        )
    lines.append(f"download  {here}")
    for name, _ in estimate.downloads:
        lines.append(f"          {model_files.MissingModel(name, None).command}")
    if estimate.memory is not None:
        whose = "GPU memory" if estimate.device.startswith("cuda") else "memory"
        lines.append(f"needs     about {estimate.memory / 1e9:.1f} GB of {whose}")
    if estimate.seconds is not None:
        lines.append(
            f"takes     {most}about {describe_duration(estimate.seconds)} if nothing else runs "
            "here"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in estimate.notes)])


def _frames(request: Request) -> tuple[int, bool, int]:
    """How many frames are drawn, whether the first is among them, and the others' steps."""
    frame_plan, there = request.frames, request.retake
    if frame_plan is None:
        return 0, True, 0
    starts = (*frame_plan.clock.starts, frame_plan.clock.steps)
    first, until = 0, len(starts) - 1
    if there is not None:
        begins = 0 if there.continues_frame is None else there.first + frame_plan.lead
        first, until = begins, there.until + frame_plan.lead
    steps = starts[until] - starts[first]
    return until - first, first == 0, steps - (request.config.steps if first == 0 else 0)


def _plan_stretches(request: Request) -> dict[str, Any]:
    """How many stretches of frames can be drawn side by side, or why none can."""
    if request.frames is None:
        return {}
    if found := list_dependences(request.config, request.frames.timeline):
        return {"dependence": describe_dependences(found)}
    return {"stretches": len(cut_frames(request.config.frames))}


def _count_overlays(wanted: OverlaySteps | None, counts: Sequence[int]) -> list[int]:
    """How often an overlay is laid in each of several stretches of so many steps."""
    if wanted is None:
        return [0] * len(counts)
    begins, found = 0, []
    for count in counts:
        ends = begins + count
        until = ends if wanted.until is None else min(ends, wanted.until)
        passed = [
            -((wanted.start - end) // wanted.every) if end > wanted.start else 0
            for end in (begins, until)
        ]
        found.append(max(0, passed[1] - passed[0]))
        begins = ends
    return found


def describe_duration(seconds: float) -> str:
    """Say a time roughly.

    >>> describe_duration(48.2), describe_duration(400), describe_duration(9000)
    ('48 s', '7 minutes', '2.5 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
