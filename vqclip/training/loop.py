"""The training loop, in pieces that continue from the last.

`prepare_run` does what every recipe begins with. `run_steps` takes the steps and, between them,
writes the log, sheets of samples, and checkpoints: every few minutes, and on Ctrl-C.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.media.files import unwritable_error, write_whole
from vqclip.media.images import save_png
from vqclip.models.device import pick_device
from vqclip.run.record.interrupts import catch_interrupts
from vqclip.training.checkpoints import CHECKPOINT, restore_checkpoint, save_checkpoint
from vqclip.training.settings import EventListener, ignore_event

SAVE_EVERY = 240.0  # seconds


class RateSettings(Protocol):
    """The settings of a learning rate's schedule."""

    @property
    def rate(self) -> float: ...
    @property
    def steps(self) -> int: ...


class CommonSettings(Protocol):
    """The settings that every recipe has."""

    @property
    def out(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def seed(self) -> int: ...


class StepSettings(CommonSettings, RateSettings, Protocol):
    """The settings of a recipe that takes steps."""

    @property
    def until(self) -> int: ...
    @property
    def minutes(self) -> float: ...


@dataclass
class Run:
    """A piece of a training: its folder, device and random numbers, and its progress.

    Attributes:
        out: the folder that it writes to.
        device: that it computes on.
        generator: of the recipe's random numbers; on the processor.
        listener: is told of events.
        resumed: whether an earlier piece left a checkpoint.
        step: how many steps are done.
        loss: a running mean; None before the first step.
        interrupted: whether it was stopped by Ctrl-C.
    """

    out: Path
    device: torch.device
    generator: torch.Generator
    listener: EventListener
    resumed: bool = False
    step: int = 0
    loss: float | None = None
    interrupted: bool = False


def prepare_run(recipe: CommonSettings, listener: EventListener = ignore_event) -> Run:
    """Prepare a training: choose the device, seed the random numbers, make the folder.

    Raises:
        ConfigError: if the device does not exist.
        OutputError: if the folder cannot be made.
    """
    if recipe.threads > 0:
        torch.set_num_threads(recipe.threads)
    # Apple's GPU only by name, since training on it is untested.
    device = pick_device(recipe.device, automatic=("cuda",))
    out = Path(recipe.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_error(out, error) from error
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    return Run(out, device, generator, listener, (out / CHECKPOINT).exists())


def run_steps(
    recipe: StepSettings,
    run: Run,
    parts: Mapping[str, Any],
    advance: Callable[[int], Tensor],
    *,
    report: Callable[[], Mapping[str, float]] = dict,
    report_every: int = 200,
    sheet: Callable[[], Tensor] | None = None,
    sheet_every: int = 0,
) -> None:
    """Run the training steps until the last step, the time limit or Ctrl-C; leave a checkpoint.

    Args:
        parts: what a checkpoint holds, by name: anything with a state_dict.
        advance: takes the step of a number, and returns its loss.
        report: returns figures for a line of log.jsonl.
        sheet: makes a picture of samples, [3, H, W] in [0, 1]; it must not draw from
            `run.generator`, or a sheet would change the training.

    Raises:
        ModelError: if the checkpoint in the folder belongs to other settings.
        ConfigError: if the loss is no longer finite.
        OutputError: if the checkpoint, the log or a sheet cannot be written.
    """
    path = run.out / CHECKPOINT
    if run.resumed:
        run.step, run.loss = restore_checkpoint(path, parts, run.generator)
        _cut_log(run.out / "log.jsonl", run.step)
    # The learning rate is planned for all `steps`; `until` may end this piece earlier.
    end = min(recipe.steps, recipe.until) if recipe.until > 0 else recipe.steps
    run.listener("start", out=str(run.out), device=run.device.type, step=run.step, steps=end)
    began = saved = time.monotonic()
    deadline, pace, drawn = began + recipe.minutes * 60, 0.0, -1
    with catch_interrupts() as asked:
        while run.step < end and time.monotonic() < deadline and not asked:
            clock = time.monotonic()
            loss = float(advance(run.step).detach())
            if not math.isfinite(loss):
                kept = "the last checkpoint is kept" if path.exists() else "nothing was saved"
                raise ConfigError(
                    f"the loss is {loss} at step {run.step}, from which it cannot recover; "
                    f"{kept}; continue with a lower rate= (it is {recipe.rate:g}) or bf16=false"
                )
            run.step += 1
            run.loss = loss if run.loss is None else 0.98 * run.loss + 0.02 * loss
            now = time.monotonic()
            pace = now - clock if pace == 0 else 0.9 * pace + 0.1 * (now - clock)
            left = min((end - run.step) * pace, max(0.0, deadline - now))
            run.listener(
                "step",
                step=run.step,
                loss=round(run.loss, 4),
                seconds=round(pace, 3),
                left=round(left, 1),
            )
            if run.step % report_every == 0:
                _log(run, report())
            if sheet is not None and sheet_every > 0 and run.step % sheet_every == 0:
                _draw(run, sheet)
                drawn = run.step
            if time.monotonic() - saved > SAVE_EVERY:
                _keep(run, parts)
                saved = time.monotonic()
    run.interrupted = bool(asked)
    _keep(run, parts)
    if sheet is not None and sheet_every > 0 and drawn != run.step and not run.interrupted:
        _draw(run, sheet)


def learning_rate(recipe: RateSettings, step: int) -> float:
    """The learning rate at a step: a warm-up of 200 steps, then half a cosine to a fiftieth."""
    wave = 0.5 + 0.5 * torch.tensor(step / recipe.steps * torch.pi).clamp(max=torch.pi).cos()
    return recipe.rate * min(1.0, step / 200 + 0.005) * max(0.02, wave.item())


def _keep(run: Run, parts: Mapping[str, Any]) -> None:
    path = run.out / CHECKPOINT
    save_checkpoint(path, parts, step=run.step, loss=run.loss, generator=run.generator)
    run.listener("checkpoint", path=str(path), step=run.step)


def _log(run: Run, figures: Mapping[str, float]) -> None:
    line = {"step": run.step, "loss": round(run.loss or 0.0, 4), **figures}
    path = run.out / "log.jsonl"
    try:
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
    except OSError as error:
        raise unwritable_error(path, error) from error
    run.listener("report", **line)


def _cut_log(path: Path, step: int) -> None:
    """Remove the log lines of steps after the checkpoint, which are done again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        if kept != lines:
            write_whole(path, "".join(kept).encode(), overwrite=True)


def _draw(run: Run, sheet: Callable[[], Tensor]) -> None:
    path = run.out / "samples" / f"step-{run.step:06d}.png"
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable_error(path.parent, error) from error
    # A sheet's random numbers must not change the training. Of several GPUs, one is at work.
    devices = {"cpu": [], "cuda": [run.device]}.get(run.device.type)
    with torch.random.fork_rng(devices):
        picture = sheet()
    save_png(path, picture[None], overwrite=True)
    run.listener("sheet", path=str(path), step=run.step)
