"""Runs that are put together from settings, as a command does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vqclip import session
from vqclip.config.schema import RunConfig
from vqclip.run.preflight import make_request
from vqclip.run.runner import Runner
from vqclip.tensors import Image


def build(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
    start: Image | None = None,
) -> Runner:
    """A session of some settings; with a start picture, one that goes on."""
    request = make_request(config, beside=beside, begun=start is not None)
    return session.build(request, say, start)
