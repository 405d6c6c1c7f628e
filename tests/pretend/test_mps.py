"""Apple's GPU: what it lacks, and what a pretended one sees of it."""

from __future__ import annotations

import pytest

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main

pytestmark = pytest.mark.pretend


def test_a_copy_is_waited_for_where_its_source_may_be_freed_before(home: Home) -> None:
    kinds = {}
    for device in ("cuda", "mps"):
        with pretending(f"{device}:0") as accelerator:
            assert main.main(["a fox", *home.words(f"device={device}")]) == 0
        kinds[device] = {event.kind for event in accelerator.events if "cutouts" in event.line}
    assert "queued upload" in kinds["cuda"]
    assert "queued upload" not in kinds["mps"] and "upload" in kinds["mps"]
