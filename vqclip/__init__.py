"""vqclip: pictures and films from words, by VQGAN and CLIP.

    import vqclip

    config = vqclip.load(prompts="a red hot-air balloon over the sea", steps=100)
    for step in vqclip.play(config):
        print(step.index, step.total())

Nothing is imported until it is used, so that `vqclip --help` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqclip.config.loading import load_config as load
    from vqclip.config.schema import RunConfig
    from vqclip.errors import VqclipError
    from vqclip.language.prompt_templates import expand_prompt as expand
    from vqclip.session import play_config as play

__version__ = "0.1.0"
__all__ = ["RunConfig", "VqclipError", "__version__", "expand", "load", "play"]

_HOMES = {
    "RunConfig": ("vqclip.config.schema", "RunConfig"),
    "VqclipError": ("vqclip.errors", "VqclipError"),
    "expand": ("vqclip.language.prompt_templates", "expand_prompt"),
    "load": ("vqclip.config.loading", "load_config"),
    "play": ("vqclip.session", "play_config"),
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vqclip' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
