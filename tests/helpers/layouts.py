"""A layout by hand, and a planner that finds it."""

from __future__ import annotations

import pytest

from vqclip.language.layout import layout_prompts
from vqclip.language.layout.layout_types import Layout, Thing

SENTENCE = "a snowman under a palm tree"
PALM = Layout(
    (
        Thing("palm tree", "a palm tree", (0.35, 0.0, 0.65, 1.0)),
        Thing("snowman", "a snowman", (0.0, 0.4, 0.5, 0.6)),
    )
)


def understand_palms(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    """Let sentences with "under" have the layout `PALM`; list what is asked for from then on."""
    asked = []

    def plan(sentence: str, *, aspect: float, seed: int) -> Layout | None:
        asked.append((sentence, aspect, seed))
        return PALM if "under" in sentence else None

    monkeypatch.setattr(layout_prompts, "plan_layout", plan)
    return asked


def plan_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no sentence have a layout."""
    monkeypatch.setattr(layout_prompts, "plan_layout", lambda sentence, **open: None)
