"""Which models are there, and where are their files?

`catalogue.CHECKPOINTS` is the table. `find` gives the two files of a model, `listing` says what
is where. A model lies in `cache_dir()/NAME`: `weights.*`, its digest `weights.sha256`, and
`config.yaml` if imported; `arrivals` brings them. Nothing here loads torch, nor looks into the
files: `vqclip.models.vqgan.load` does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

from vqclip.errors import ModelAbsent, ModelError, suggest
from vqclip.models.catalogue import CHECKPOINTS

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
HERE = Path(__file__).parent
STARTER = HERE / "starter"


@dataclass(frozen=True)
class Found:
    """The two files of a model on this machine."""

    config: Path
    weights: Path


@dataclass(frozen=True)
class Row:
    """A line of `listing`. `where` is "bundled", "cached" or "absent"; `bytes` may be about."""

    name: str
    kind: str
    bytes: int | None
    licence: str
    where: str
    about: str


def cache_dir() -> Path:
    """Give the folder of downloaded and imported models; it need not exist.

    $VQCLIP_HOME/models, else $XDG_CACHE_HOME/vqclip/models, else ~/.cache/vqclip/models.
    """
    home = os.environ.get("VQCLIP_HOME")
    if home:
        return Path(home).expanduser() / "models"
    # XDG says that a relative path there is to be ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "vqclip" / "models"


def starter_clip() -> Path:
    """Give the folder of the bundled open_clip model (config and weights)."""
    return STARTER / "clip"


def starter_clips() -> dict[str, Path]:
    """Name the bundled CLIPs, and give the folder of each."""
    return {"starter": starter_clip(), "starter-second": STARTER / "second"}


def starter_prior() -> Path:
    """Give the folder of the bundled prior (config and weights)."""
    return STARTER / "prior"


def find(name: str) -> Found:
    """Find the files of a model that is on this machine.

    Raises:
        ModelAbsent: if the model is known but not here.
        ModelError: if nothing is known by that name.
    """
    row = CHECKPOINTS.get(name)
    folder = place_of(name)
    if name == "starter":
        found = Found(STARTER / "vqgan.yaml", STARTER / "vqgan.safetensors")
        if not (found.config.is_file() and found.weights.is_file()):
            raise ModelAbsent(
                f"the starter model is not in {STARTER}; this installation is incomplete: "
                "install vqclip again"
            )
        return found
    weights = weights_in(folder)
    config = folder / "config.yaml"
    if row is not None and not config.is_file():
        config = HERE / row.config
    if weights is not None and config.is_file():
        return Found(config, weights)
    if row is None:
        names = sorted({*CHECKPOINTS, *_imported()})
        raise ModelError(
            f"no model is called {name!r}{suggest(name, names)} (one of: {', '.join(names)}); "
            "your own files come in by 'vqclip models import FILE --config YAML --name NAME'"
        )
    raise ModelAbsent(
        f"the model {name!r} is not on this machine ({readable(row.bytes)}); run "
        f"'vqclip models fetch {name}', or use the bundled one: --preset starter"
    )


def listing() -> list[Row]:
    """List the known and the imported models; bytes are exact for those that are here."""
    rows = []
    for name in [*CHECKPOINTS, *_imported()]:
        row = CHECKPOINTS.get(name)
        weights = (
            STARTER / "vqgan.safetensors" if name == "starter" else weights_in(place_of(name))
        )
        here = weights is not None and weights.is_file()
        size = None if row is None else row.bytes
        if weights is not None and here:
            size = weights.stat().st_size
        where = "absent" if not here else "bundled" if name == "starter" else "cached"
        if row is None:
            rows.append(Row(name, "own", size, "yours to know", where, "imported"))
        else:
            rows.append(Row(name, row.kind, size, row.licence, where, row.about))
    return rows


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal, reading a mebibyte at a time."""
    digest = new_sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def readable(size: int | None) -> str:
    """Say a number of bytes as a person would.

    >>> readable(980_000_000), readable(4_260_000_000), readable(None)
    ('980 MB', '4.3 GB', 'size unknown')
    """
    if size is None:
        return "size unknown"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if unit == 10**9 else f"{size / unit:.0f} {name}"
    return f"{size} bytes"


def place_of(name: str) -> Path:
    """Give a model's folder, once its name cannot lead out of the cache."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise ModelError(
            f"{name!r} cannot be a model's name; use letters, digits, '_', '-' and '.', and "
            "begin with a letter or a digit"
        )
    return cache_dir() / name


def weights_in(folder: Path) -> Path | None:
    """Give the finished weights in a folder, if they are there."""
    found = sorted(folder.glob("weights.*"))
    return next((p for p in found if p.suffix not in (".part", ".sha256", ".from")), None)


def _imported() -> list[str]:
    """Name the models in the cache that the table does not know."""
    folders = sorted(cache_dir().glob("*/"))
    return [f.name for f in folders if f.name not in CHECKPOINTS and weights_in(f) is not None]
