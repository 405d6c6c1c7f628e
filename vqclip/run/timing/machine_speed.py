"""The speed of this machine at the work of a run, measured for a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TIMING_SECONDS = 0.15  # seconds for one measurement of speed
LEAST_SECONDS = 0.01  # of work on a GPU that is timed at once: waiting for it takes some, too
MOST_REPEATS = 1024
MOVED = {"cpu": 2**24, "cuda": 2**25, "mps": 2**25}  # numbers; caches hold 2**22 of them


@dataclass(frozen=True)
class Speed:
    """How fast a device is: operations a second, and bytes a second.

    Attributes:
        draw, attend: convolutions and attention of a decoder in a step.
        plain_draw, plain_attend: the same without a gradient, which is always in float32.
        look: products of matrices in perceptors.
        move: bytes read and written.
    """

    draw: float
    look: float
    move: float
    attend: float
    plain_draw: float
    plain_attend: float


def measure_speed(
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    decoder_dtype: torch.dtype = torch.float32,
) -> Speed:
    """Measure how fast a device is now, for about a second. Draws no random numbers.

    Args:
        dtype, decoder_dtype: number formats of perceptors and of a decoder.
    """
    rows = torch.ones(1024, 512, device=device, dtype=dtype)
    columns = torch.ones(512, 512, device=device, dtype=dtype)
    large = torch.ones(MOVED[device.type], device=device)
    other = torch.empty_like(large)
    looking = time_work(lambda: rows @ columns, device)
    moving = time_work(lambda: torch.mul(large, 0.5, out=other), device)
    draw, attend = measure_decoding(device, decoder_dtype)
    plain = (draw, attend)
    if decoder_dtype != torch.float32:
        plain = measure_decoding(device, torch.float32)
    look, move = 2 * rows.numel() * 512 / looking, 8 * large.numel() / moving
    return Speed(draw, look, move, attend, *plain)


def measure_decoding(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """Measure operations a second in convolutions and in attention, as a decoder has them."""
    picture = torch.ones(1, 64, 96, 96, device=device, dtype=dtype)
    kernel = torch.ones(64, 64, 3, 3, device=device, dtype=dtype)
    cells = torch.ones(1, 1, 1024, 128, device=device, dtype=dtype)
    drawing = time_work(lambda: F.conv2d(picture, kernel, padding=1), device)
    attending = time_work(lambda: F.scaled_dot_product_attention(cells, cells, cells), device)
    return 2 * 9 * 64 * picture.numel() / drawing, 4 * 1024 * cells.numel() / attending


def time_work(work: Callable[[], Tensor], device: torch.device) -> float:
    """Time some work: the fastest of as often as fits into TIMING_SECONDS, in seconds.

    The fastest, because what else runs on the machine only ever slows it down.
    """
    times: list[float] = []
    work()
    repeats = 1
    until = time.perf_counter() + TIMING_SECONDS
    while time.perf_counter() < until or len(times) < 3:
        began = time.perf_counter()
        for _ in range(repeats):
            done = work()
        done.flatten()[0].item()  # waits for the device
        taken = time.perf_counter() - began
        if device.type != "cpu" and taken < LEAST_SECONDS and repeats < MOST_REPEATS:
            repeats *= 2
            continue
        times.append(taken / repeats)
    return min(times)


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Compute with as many threads as the run would; 0: as torch chooses."""
    before = torch.get_num_threads()
    torch.set_num_threads(count if count > 0 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
