"""Devices, number formats, determinism and seeds."""

from __future__ import annotations

import os
import re
import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from vqclip.config.checking.seeds import Seed, SeedWalk
from vqclip.errors import ConfigError, SettingsWarning
from vqclip.language.layout.layout_prompts import LAYOUT_SEEDS
from vqclip.tensors import Noise, NoiseWalk

T = TypeVar("T")
GPUS = ("cuda", "mps")  # what "auto" looks for, in this order
_NO_ALGORITHM = re.compile(
    r"(.+?) (?:does not have a deterministic implementation|defaults to a non-deterministic)"
)
_accepted = False  # whether an operation without a deterministic algorithm was met in a step
_OF_GPU = re.compile("CUDA error|cuDNN error|unable to find an engine", re.IGNORECASE)


def pick_seed(seed: Seed | None) -> Seed:
    """Return the given seed, or draw one."""
    return draw_seed() if seed is None else seed


def draw_seed() -> int:
    """Draw a seed in [0, 2**32), with the layout that a run without one has."""
    return secrets.randbelow(2**32 // LAYOUT_SEEDS) * LAYOUT_SEEDS


def open_noise(seed: SeedWalk) -> Noise:
    """Begin the random numbers of a seed; at the ends of a walk, exactly those of that end."""
    first, second = (torch.Generator().manual_seed(each) for each in (seed.first, seed.second))
    if seed.share == 0 or seed.first == seed.second:
        return first
    return second if seed.share == 1 else NoiseWalk(first, second, seed.share)


def upload_tensor(numbers: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy numbers of the CPU to a device, without a wait for what it is doing.

    CUDA reads them when their turn comes, from memory that torch keeps in its place until then.
    MPS may read what is freed by then, so the copy is waited for there.
    """
    if device.type != "cuda" or numbers.device.type != "cpu":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)


def pick_device(name: str, automatic: Sequence[str] = GPUS) -> torch.device:
    """Choose the device: as named; for "auto" CUDA, else Apple's GPU (MPS), else the CPU.

    A GPU that cannot compute, as one that torch was not built for, is passed over by "auto", with
    a warning. Where there are several, "cuda:1" is the second; it becomes CUDA's current one.

    Args:
        automatic: the kinds of GPUs that "auto" may choose, best first.

    Raises:
        ConfigError: if the named device is not available, or cannot compute.
    """
    there = list_kinds()
    if name == "auto":
        for kind in automatic:
            failure = try_device(torch.device(kind)) if kind in there else ""
            if failure is None:
                return torch.device(kind)
            if failure:
                note = f"{kind} is here, but cannot compute ({failure}); the CPU is used"
                warnings.warn(SettingsWarning(note), stacklevel=2)
        return torch.device("cpu")
    device = torch.device(name)
    if device.type not in there:
        found = "none" if name == device.type else "no CUDA"
        usable = ", ".join(there)
        raise ConfigError(f"device={name}: torch finds {found} here (it can use: {usable})")
    if device.index is not None:
        count = torch.cuda.device_count()
        if device.index >= count:
            some = "is 1 GPU" if count == 1 else f"are {count} GPUs"
            names = " and ".join(f"cuda:{number}" for number in range(count))
            raise ConfigError(f"device={name}: there {some} here, {names}")
        torch.cuda.set_device(device)
    failure = try_device(device)
    if failure is not None:
        raise ConfigError(
            f"device={name} cannot compute ({failure}); device=cpu draws without it"
        )
    return device


def list_kinds() -> list[str]:
    """The kinds of devices that torch finds, the best first."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [*(kind for kind in GPUS if found[kind]), "cpu"]


def try_device(device: torch.device) -> str | None:
    """Compute a little on a device, and say what failed, in words; None if nothing did."""
    try:
        (torch.ones(1, device=device) + 1).item()
    except (RuntimeError, AssertionError) as error:
        return _first_line(error)
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def pick_precision(name: str, device: torch.device) -> str:
    """Choose the perceptors' number format: as named; for "auto" half on CUDA, else fp32.

    In bfloat16, their small convolutions are no faster on a processor.
    """
    if name != "auto":
        return name
    if device.type != "cuda":
        return "fp32"
    # Below capability 8.0 torch emulates bfloat16, slowly, and cuDNN has no convolutions in it.
    own = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if own else "fp16"


def pick_decoder_precision(name: str, device: torch.device) -> str:
    """Choose the decoder's number format for a setting of `precision`: "fp32" or "bf16".

    For "auto" bfloat16 where the device computes in it by itself: a step takes .8 times as long
    on such a processor, and the picture differs by as much as it does with another number of
    threads. float16 ends too early for a decoder's feature maps; Apple's GPU was not tried.
    """
    if name != "auto" or device.type == "mps":
        return "bf16" if name == "bf16" and device.type != "mps" else "fp32"
    if device.type == "cuda":
        return "bf16" if pick_precision(name, device) == "bf16" else "fp32"
    return "bf16" if device.type == "cpu" and has_bfloat16() else "fp32"


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself: AVX512-BF16, or Intel's AMX."""
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    found = any(getattr(torch.cpu, each, lambda: False)() for each in tests)
    return found and torch.backends.mkldnn.is_available()


def describe_device(device: torch.device) -> str:
    """Name a device, and on CUDA the GPU: others of that kind give slightly other numbers."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


def describe_failure(error: BaseException) -> str | None:
    """Say what to do about an error of the GPU; None for any other error."""
    message = _first_line(error)
    if not (isinstance(error, RuntimeError) and _OF_GPU.match(message)):
        return None
    advice = "try precision=fp32; device=cpu draws without it"
    return f"the GPU cannot compute this: {message}; {advice}"


def describe_deterministic_cost(device: torch.device) -> str:
    """Describe what `deterministic` costs on a device; measured by benchmarks/faults.py."""
    if device.type == "cpu":
        return (
            "deterministic=true costs no time on a CPU, and changes nothing: the same seed gives "
            "the same picture there anyway"
        )
    return (
        f"deterministic=true is slower on {device.type}: by how much depends on the model and "
        "the driver; compare the seconds in run.json with those of a run without it"
    )


@contextmanager
def use_deterministic(on: bool) -> Iterator[list[str]]:
    """Use torch's deterministic algorithms, within the context, for the whole process.

    Yields:
        A list to which the names of operations without a deterministic algorithm are added, as
        they run.

    https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    global _accepted
    without: list[str] = []
    if not on:
        yield without
        return
    # cuBLAS reads it at the first matrix product, which has to come later.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn, was = torch.backends.cudnn, torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    tuned, chosen = cudnn.benchmark, cudnn.deterministic
    # torch would fill uninitialised memory, in case it is read, which it is not.
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory

    def note(message: Warning | str, *words: Any, **named: Any) -> None:
        found = _NO_ALGORITHM.match(str(message))
        if found is None:
            show(message, *words, **named)
        elif found[1] not in without:
            without.append(found[1])

    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=_NO_ALGORITHM.pattern)
        show = warnings.showwarning
        warnings.showwarning = note
        try:
            torch.use_deterministic_algorithms(True, warn_only=True)
            cudnn.benchmark, cudnn.deterministic = False, True
            memory.fill_uninitialized_memory, _accepted = False, False
            yield without
        finally:
            torch.use_deterministic_algorithms(was, warn_only=only_warned)
            cudnn.benchmark, cudnn.deterministic = tuned, chosen
            memory.fill_uninitialized_memory = filled


def take_strictly(steps: Iterator[T]) -> Iterator[T]:
    """Take steps in torch's strict mode, if algorithms are to be deterministic.

    Only in that mode is attention deterministic; in the other one torch warns, and goes on. An
    operation that has no deterministic algorithm fails in it: see `accept_unsteady`.
    """
    while True:
        strict = torch.are_deterministic_algorithms_enabled() and not _accepted
        if strict:
            torch.use_deterministic_algorithms(True)
        try:
            step = next(steps)
        except StopIteration:
            return
        finally:
            if strict:
                torch.use_deterministic_algorithms(True, warn_only=True)
        yield step


def accept_unsteady(error: BaseException) -> bool:
    """Whether an error is that strict mode has failed; from then on torch only warns.

    The step can be taken again.
    """
    global _accepted
    found = isinstance(error, RuntimeError) and _NO_ALGORITHM.match(str(error)) is not None
    _accepted = _accepted or found
    return found
