"""Which models are there, where are their files, and how do they get here?

`catalogue.CHECKPOINTS` is the table. `find` gives the two files of a model, `fetch` downloads
them, `import_` takes in files of the user's own, `listing` says what is where. A model lies in
`cache_dir()/NAME`: `weights.*`, its digest `weights.sha256`, and `config.yaml` if imported.
Files appear whole or not at all. Nothing here loads torch, nor looks into the files:
`vqclip.models.vqgan.load` does.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

from vqclip.errors import ModelAbsent, ModelError, OutputError, suggest
from vqclip.models.catalogue import CHECKPOINTS, Checkpoint
from vqclip.models.download import Refused, download, unpack

__all__ = [
    *("CHECKPOINTS", "Checkpoint", "Found", "Row", "cache_dir", "fetch", "find", "import_"),
    *("listing", "readable", "sha256", "starter_clip", "starter_clips", "starter_prior"),
]
WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
HERE = Path(__file__).parent
STARTER = HERE / "starter"
Progress = Callable[[int, "int | None"], None]


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
    folder = _folder(name)
    if name == "starter":
        found = Found(STARTER / "vqgan.yaml", STARTER / "vqgan.safetensors")
        if not (found.config.is_file() and found.weights.is_file()):
            raise ModelAbsent(
                f"the starter model is not in {STARTER}; this installation is incomplete: "
                "install vqclip again"
            )
        return found
    weights = _weights(folder)
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


def fetch(name: str, progress: Progress = lambda done, total: None) -> Path:
    """Download a model from the first of its mirrors that works, and give its weights.

    What was interrupted is taken up again. A model that is here is not downloaded again. Out of
    a mirror's `.zip`, which is latent-diffusion's way, `model.ckpt` is taken.

    Args:
        progress: called with the bytes that are here, and all of them if the server says so.

    Raises:
        ModelError: if the name is unknown, or every mirror fails (with each one's reason).
        OutputError: if the files cannot be written.
    """
    if name == "starter" or _weights(_folder(name)) is not None:
        return find(name).weights
    row = CHECKPOINTS.get(name)
    if row is None:
        names = sorted(CHECKPOINTS)
        raise ModelError(
            f"no model to fetch is called {name!r}{suggest(name, names)} "
            f"(one of: {', '.join(names)})"
        )
    target = _folder(name) / "weights.ckpt"
    failures = []
    for mirror in row.mirrors:
        try:
            part = download(mirror, target.with_name("weights.ckpt.part"), progress)
            if mirror.endswith(".zip"):
                part = unpack(part, "model.ckpt")
            digest = _check(part, row)
        except Refused as reason:
            failures.append(f"\n  {mirror}: {reason}")
            continue
        _record(target, digest)
        part.replace(target)
        return target
    raise ModelError(
        f"the model {name!r} could not be fetched from any of its {len(row.mirrors)} mirrors:"
        f"{''.join(failures)}\nIf you have the file, 'vqclip models import FILE --config YAML "
        f"--name {name}' takes it in; its YAML is {HERE / row.config}"
    )


def _check(part: Path, row: Checkpoint) -> str:
    """Check a finished download, delete it if it is not the file, and give its digest."""
    size, digest = part.stat().st_size, sha256(part)
    reason = None
    if row.sha256 is not None and digest != row.sha256:
        reason = f"its sha256 is {digest}, not {row.sha256}: another or a damaged file"
    # Sizes are known roughly, and ports without the discriminator are smaller.
    elif row.sha256 is None and row.bytes is not None and size < row.bytes / 4:
        reason = f"only {readable(size)}, where {readable(row.bytes)} were expected"
    if reason is not None:
        part.unlink()
        raise Refused(reason)
    return digest


def import_(file: Path, config: Path, name: str) -> Found:
    """Copy a user's checkpoint and its YAML into the cache, under a name.

    The files are not looked into: have `vqclip.models.vqgan.load` try them first.

    Raises:
        ModelError: if the name cannot be used or is taken, or a file is absent.
        OutputError: if the cache cannot be written.
    """
    folder = _folder(name)
    if name == "starter" or _weights(folder) is not None:
        raise ModelError(
            f"there is already a model called {name!r}; choose another --name"
            + ("" if name == "starter" else f", or delete {folder} first")
        )
    for path in (file, config):
        if not path.is_file():
            raise ModelError(f"there is no file {path}; check the path")
    weights = folder / f"weights{file.suffix if file.suffix in WEIGHTS else '.ckpt'}"
    part = weights.with_name("import.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(config, folder / "config.yaml")
        shutil.copyfile(file, part)
        _record(weights, sha256(part))
        part.replace(weights)  # last: the model is here when its weights are
    except OSError as error:
        raise OutputError(
            f"{file} cannot be copied to {folder} ({error.strerror}); set VQCLIP_HOME to a "
            "folder that you may write to and that has room"
        ) from error
    finally:
        with suppress(OSError):  # it is gone after a success, and its folder may never have been
            part.unlink()
    return Found(folder / "config.yaml", weights)


def listing() -> list[Row]:
    """List the known and the imported models; bytes are exact for those that are here."""
    rows = []
    for name in [*CHECKPOINTS, *_imported()]:
        row = CHECKPOINTS.get(name)
        weights = STARTER / "vqgan.safetensors" if name == "starter" else _weights(_folder(name))
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


def _folder(name: str) -> Path:
    """Give a model's folder, once its name cannot lead out of the cache."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise ModelError(
            f"{name!r} cannot be a model's name; use letters, digits, '_', '-' and '.', and "
            "begin with a letter or a digit"
        )
    return cache_dir() / name


def _weights(folder: Path) -> Path | None:
    """Give the finished weights in a folder, if they are there."""
    found = sorted(folder.glob("weights.*"))
    return next((p for p in found if p.suffix not in (".part", ".sha256", ".from")), None)


def _imported() -> list[str]:
    """Name the models in the cache that the table does not know."""
    folders = sorted(cache_dir().glob("*/"))
    return [f.name for f in folders if f.name not in CHECKPOINTS and _weights(f) is not None]


def _record(weights: Path, digest: str) -> None:
    """Note the digest of weights that are about to appear."""
    weights.with_name("weights.sha256").write_text(digest + "\n")
