"""Checkpoints of trainings, and warm starts.

A checkpoint is {part: its state_dict} with "step", a running "loss", and the states of the random
number generators, so that a training in two pieces equals one in one piece. What does not fit is
refused, with its first mismatch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vqclip.errors import ModelError, OutputError
from vqclip.models.zoo.checkpoint_file import read_checkpoint, unpack_tables

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(
    path: Path,
    parts: Mapping[str, Any],
    *,
    step: int,
    loss: float | None,
    generator: torch.Generator,
) -> None:
    """Write a checkpoint: the state of every part, and of the random numbers.

    Raises:
        OutputError: if it cannot be written.
    """
    random = {"generator": generator.get_state(), "torch": torch.get_rng_state()}
    for kind, device_module in _gpus():
        random[kind] = device_module.get_rng_state()
    state = {name: thing.state_dict() for name, thing in parts.items()}
    write_atomically(state | {"step": step, "loss": loss, "random": random}, path)


def write_atomically(content: Mapping[str, Any], path: Path) -> None:
    """Write a file by `torch.save`, under another name first, and move it into place.

    Raises:
        OutputError: if it cannot be written.
    """
    part = path.with_suffix(".part")
    try:
        torch.save(dict(content), part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer raises the second
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OutputError(f"{path} cannot be written ({first}); is the disk full?") from error


def restore_checkpoint(
    path: Path, parts: Mapping[str, Any], generator: torch.Generator
) -> tuple[int, float | None]:
    """Load a checkpoint into its parts, and set the random numbers.

    Learning rates, and the other options of an optimiser, stay as they are set now.

    Returns:
        How many steps are done, and the running loss.

    Raises:
        ModelError: if it is damaged or does not fit.
    """
    state = read_checkpoint(path)
    remedy = (
        "continue with the settings that it began with, or begin another training with out=FOLDER"
    )
    for name, thing in parts.items():
        if name not in state:
            raise ModelError(f"{path} holds no {name}: it is of another recipe; {remedy}")
        if isinstance(thing, nn.Module):
            load_weights(thing, state[name], f"{path}: {name}", remedy=remedy)
            continue
        now = [{k: v for k, v in g.items() if k != "params"} for g in _groups(thing)]
        try:
            # A copy: the file is mapped into memory, and the next checkpoint takes its place.
            thing.load_state_dict(deepcopy(state[name]))
        except ValueError as error:
            raise ModelError(f"{path}: {name} does not fit ({error}); {remedy}") from error
        for group, own in zip(_groups(thing), now, strict=True):
            group.update(own)
    random = state.get("random")
    if random is None:  # of an older edition
        generator.manual_seed(generator.initial_seed() + int(state["step"]))
    else:
        generator.set_state(random["generator"].clone())
        torch.set_rng_state(random["torch"].clone())
        for kind, device_module in _gpus():
            if kind in random:
                device_module.set_rng_state(random[kind].clone())
    return int(state["step"]), state.get("loss")


def _gpus() -> Iterator[tuple[str, Any]]:
    """The kinds of GPUs that are here, each with torch's module that has its random stream."""
    if torch.cuda.is_available():
        yield "cuda", torch.cuda
    if torch.backends.mps.is_available():
        yield "mps", torch.mps


def _groups(thing: Any) -> list[dict[str, Any]]:
    """The parameter groups of an optimiser; [] for other parts."""
    groups: list[dict[str, Any]] = getattr(thing, "param_groups", [])
    return groups


def read_weights(begin: str, starter: Path, file: str) -> tuple[dict[str, Tensor], str]:
    """Read the weights for a warm start, which `from=` names.

    Args:
        begin: "starter", a checkpoint of a training, exported weights, or the folder of either.
        starter: the folder of the shipped weights.
        file: the name of a file of exported weights.

    Returns:
        The tensors by name, and what messages call their source.

    Raises:
        ModelError: if the file does not exist, or holds no weights.
    """
    path = starter if begin == "starter" else Path(begin)
    if path.is_dir():
        exported = path / file
        path = exported if exported.is_file() else path / CHECKPOINT
    if not path.is_file():
        raise ModelError(
            f"from={begin}: there is no file {path}; name a {CHECKPOINT}, a {file} or the folder "
            "of one, or write from=starter"
        )
    found: Any = read_checkpoint(path)
    if path.suffix != ".safetensors":
        found = found.get("model")
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise ModelError(
            f"from={begin}: {path} is no checkpoint of a training, since it holds no model; name "
            f"a {CHECKPOINT} or a {file}"
        )
    return unpack_tables(dict(found)), f"from={begin}"


def load_weights(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    source: str,
    *,
    remedy: str = "give the settings that these weights were trained with, or other weights",
    own: Collection[str] = (),
) -> None:
    """Load tensors into a model, all of them or none.

    Args:
        source: what messages call the tensors.
        remedy: what messages advise.
        own: names that may be absent; the model keeps its own values for them.

    Raises:
        ModelError: if a tensor is absent, of another shape or unknown; it names the first.
    """
    wanted = model.state_dict()
    for key, tensor in wanted.items():
        if key not in tensors:
            if key in own:
                continue
            raise ModelError(f"{source} lacks {key}, which this model has; {remedy}")
        if tensors[key].shape != tensor.shape:
            raise ModelError(
                f"{source}: {key} is {list(tensors[key].shape)}, but these settings make it "
                f"{list(tensor.shape)}; {remedy}"
            )
    strange = next((key for key in tensors if key not in wanted), None)
    if strange is not None:
        raise ModelError(f"{source} holds {strange}, which this model does not have; {remedy}")
    model.load_state_dict(dict(tensors), strict=False)
