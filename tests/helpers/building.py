"""Runs that are put together from settings, as a command does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vqclip import session
from vqclip.config.schema import RunConfig
from vqclip.run.preflight import make_request
from vqclip.run.runner import Runner


def build(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
) -> Runner:
    """A session of some settings."""
    return session.build_runner(make_request(config, beside=beside, complete=False), say)
