"""Runs that are put together from settings, as a command does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vqclip import session
from vqclip.config.schema import RunConfig
from vqclip.run.preflight import make_request
from vqclip.run.runner import Runner
from vqclip.tensors import Image, Latent


def build(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
) -> Runner:
    """A session of some settings."""
    return session.build_runner(make_request(config, beside=beside, complete=False), say)


def draw_latent(run: Runner, latent: Latent) -> Image:
    """The picture that a session's VQGAN draws of a latent."""
    return run.drawer.draw_parameters({"latent": latent})
