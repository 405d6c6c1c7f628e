"""Files of aesthetic heads: those of the catalogue by their names, others by their paths.

A name of the catalogue always means the head that was fetched, whatever lies in the working
directory; a file of such a name is written `./aesthetic-vit-b-32`. Nothing here imports torch or
opens the files, which `vqclip.guidance.losses.aesthetic_heads` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from vqclip.errors import ConfigError, ModelError, suggest
from vqclip.language.assets import SearchPath
from vqclip.media.paths import shorten_name
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import HEADS, KnownHead
from vqclip.models.zoo.verify import changed_message, check_weights

KEY = "losses.aesthetic_head"


def find_head(name: str, search_path: SearchPath) -> Path:
    """Find the file of a head.

    Args:
        name: of the catalogue, or a path.

    Raises:
        ModelAbsent: if the catalogue's is not on this machine.
        ConfigError: if there is neither a head nor a file of that name.
        PictureError: for a web address.
    """
    if name in HEADS:
        return model_files.find_weights(name)
    path = search_path.find(name)
    if not path.is_file():
        file = unquote(re.split(r"[/\\]", name)[-1])  # LAION's own name of it
        meant = [each for each, row in HEADS.items() if file == _published_as(row)]
        near = f"; did you mean {meant[0]!r}?" if meant else suggest(name[:80], HEADS)
        raise ConfigError(
            f"{KEY}={shorten_name(name)} is neither a file nor one of: {', '.join(HEADS)}{near}"
        )
    return path


def verify_head(name: str, path: Path) -> None:
    """Compare a head of the catalogue with its published checksum; files of one's own pass.

    Raises:
        ModelError: if it is another file.
    """
    if name in HEADS and not (checked := check_weights(name, path)).same:
        raise ModelError(changed_message(checked))


def check_head(name: str, perceptors: Sequence[str], search_path: SearchPath) -> None:
    """Refuse a head that there is not, or that fits no perceptor of a run by its name.

    One of the catalogue need not be on this machine: see `model_files.require_models`.

    Raises:
        ConfigError: with what would fit.
        PictureError: for a web address.
    """
    if name not in HEADS:
        find_head(name, search_path)
    elif not list_fitting(name, perceptors):
        wanted = HEADS[name].perceptor
        others = [head for head in HEADS if list_fitting(head, perceptors, folders=False)]
        raise ConfigError(
            f"{KEY}={name} rates the embeddings of {wanted}, and the run has the perceptors "
            f"{', '.join(perceptors)}; add it: perceptors={','.join([*perceptors, wanted])}"
            + (f"; or take {' or '.join(others)}, made for one of these" if others else "")
        )


def list_fitting(head: str, perceptors: Sequence[str], *, folders: bool = True) -> list[str]:
    """List the perceptors that a head of the catalogue was made for.

    Args:
        folders: whether those in folders of the user's own may be it, if none is by its name.

    >>> list_fitting("aesthetic-vit-b-32", ["ViT-B/32::openai", "ViT-B-16::openai"])
    ['ViT-B/32::openai']
    """
    wanted = HEADS[head].perceptor
    # The same weights, which open_clip has under two names.
    named = [
        each
        for each in perceptors
        if model_files.canonical_name(each).replace("-quickgelu::", "::") == wanted
    ]
    own = [each for each in perceptors if "::" not in each]
    own = [each for each in own if each not in model_files.starter_clips()]
    return named or (own if folders else [])


def _published_as(row: KnownHead) -> str:
    """The file's name where it is published."""
    return unquote(row.mirrors[0].rpartition("/")[2]) if row.mirrors else ""
