"""Where is looked for what a run names?

Pictures, masks, learnt words, directions and files of choices are looked for where you stand,
then beside the picture or run that is made again or goes on, then in the folder `assets`, which
is that of the run file, or of the file of prompts, unless it is set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

HERE = (Path(),)  # where the user stands


def of(assets: str = "", run: Path | None = None) -> tuple[Path, ...]:
    """List the folders of a run, in the order in which they are asked.

    Args:
        assets: the setting; "" for none.
        run: the folder of what is made again or goes on.
    """
    further = [] if run is None else [run]
    further += [Path(os.path.expanduser(assets))] if assets else []
    return tuple(dict.fromkeys((*HERE, *further)))


def find(name: str, folders: Sequence[Path] = HERE) -> Path:
    """Find a file or folder; in none of them it is taken from where the user stands.

    So errors name what was written.
    """
    path = Path(os.path.expanduser(name))
    return next((f / path for f in folders if os.path.exists(f / path)), path)


def beside(file: Path) -> str:
    """What `assets` is for a run file: its folder, or "" where that is where the user stands."""
    here = file.parent.resolve() == Path().resolve()
    return "" if here else str(file.parent)
