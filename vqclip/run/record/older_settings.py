"""Settings of older notes, as they are meant today."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vqclip.config.draw_settings import FilterSettings

MOTION_RATE = 0.1  # the usual `motion.rate`, before each drawer had its own


def modernise_config(config: dict[str, Any]) -> dict[str, Any]:
    """The noted settings, with what was usual where nothing is noted.

    Where nothing is noted of layouts or filters there were none, and a picture did not tile.
    Stills noted the usual rate of motion, which today's stills are refused.
    """
    old: dict[str, Any] = {"layout": "off", "drawer": "vqgan", "tile": "none"}
    found = old | {"filters": asdict(FilterSettings())} | config
    motion, source = found.get("motion"), found.get("source")
    film = source.get("film") if isinstance(source, dict) else ""
    still = not (found.get("frames") or found.get("length") or film)
    if still and isinstance(motion, dict) and motion.get("rate") == MOTION_RATE:
        found["motion"] = motion | {"rate": None}
    return found
