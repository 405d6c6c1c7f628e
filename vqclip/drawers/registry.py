"""The registry of drawers: from a name to its class."""

from __future__ import annotations

from vqclip.drawers.latent import LatentDrawer

DRAWERS = {"latent": LatentDrawer}
