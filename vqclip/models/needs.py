"""Is everything here that a run needs?

Answered before torch is imported, so that a preset whose models are absent is refused at once,
with all that it lacks in one message: the VQGAN, and the perceptors that the catalogue knows.
About other perceptors only open_clip knows; `vqclip.models.clips.absent` asks it, and is handed
in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.errors import ModelAbsent
from vqclip.models import zoo
from vqclip.models.catalogue import CHECKPOINTS, PERCEPTORS

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # open_clip's order


@dataclass(frozen=True)
class Absent:
    """A model that is known but not on this machine. `bytes`: about, None if unknown."""

    name: str
    bytes: int | None

    @property
    def command(self) -> str:
        """What brings it here."""
        return f"vqclip models fetch {self.name}"


Look = Callable[[str], Absent | None]


def require(vqgan: str, perceptors: Sequence[str], look: Look = lambda name: None) -> None:
    """Refuse to go on without a model: raise one error that names all that are absent.

    Args:
        look: asked about the perceptors that the catalogue does not know.

    Raises:
        ModelAbsent: with the size of each absent model and the command that fetches it.
        ModelError: if there is no VQGAN of that name.
    """
    lacking = absent(vqgan, perceptors, look)
    if not lacking:
        return
    if [each.name for each in lacking] == [vqgan]:
        zoo.find(vqgan)  # says it for one
    if len(lacking) == 1:
        name, size = lacking[0].name, zoo.readable(lacking[0].bytes)
        raise ModelAbsent(
            f"the perceptor {name!r} is not on this machine ({size}); run "
            f"'{lacking[0].command}', or use the bundled one: --preset starter"
        )
    lines = [f"\n  {each.command}  ({zoo.readable(each.bytes)})" for each in lacking]
    raise ModelAbsent(
        f"{len(lacking)} models are not on this machine; run{''.join(lines)}\n"
        "or use the bundled ones: --preset starter"
    )


def absent(vqgan: str, perceptors: Sequence[str], look: Look = lambda name: None) -> list[Absent]:
    """List what a run lacks, the VQGAN first; see `require`.

    Raises:
        ModelError: if there is no VQGAN of that name, or the bundled models are incomplete.
    """
    lacking: list[Absent | None] = []
    try:
        zoo.find(vqgan)
    except ModelAbsent:
        row = CHECKPOINTS[vqgan]
        if vqgan == "starter":  # nothing can be fetched
            raise
        lacking.append(Absent(vqgan, row.bytes))
    lacking += [_perceptor(name, look) for name in perceptors]
    return [each for each in lacking if each is not None]


def tidy(name: str) -> str:
    """Spell `model::weights` as open_clip does, which forgives what OpenAI and others write.

    >>> tidy("ViT-B/32::OpenAI")
    'ViT-B-32::openai'
    """
    model, _, tag = name.partition("::")
    return f"{model.replace('/', '-')}::{tag.lower().replace('-', '_')}"


def in_hub_cache(repository: str, files: Sequence[str] = WEIGHTS) -> bool:
    """Whether Hugging Face's cache holds one of a repository's files; never asks the network."""
    from huggingface_hub import try_to_load_from_cache  # a quarter of a second

    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def _perceptor(name: str, look: Look) -> Absent | None:
    """Tell whether a perceptor is absent."""
    bundled = zoo.starter_clips().get(name)
    if bundled is not None:
        if not any(bundled.glob("*.safetensors")):
            raise ModelAbsent(
                f"the perceptor {name} is not in {bundled}; this installation is incomplete: "
                "install vqclip again"
            )
        return None
    if os.path.isdir(Path(name).expanduser()):
        return None
    row = PERCEPTORS.get(tidy(name))
    if row is None:
        return look(name)
    return None if in_hub_cache(row.repository) else Absent(row.name, row.bytes)
