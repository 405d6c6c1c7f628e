"""The registry of drawers: from a name to what makes one."""

from __future__ import annotations

from vqclip.drawers.latent import LatentDrawer

DRAWERS = {"latent": LatentDrawer}
