"""How do models get here? Downloaded from a mirror, or taken in from the user's own files.

Files appear in the cache whole or not at all, with the sha256 that they had beside them, and one
process at a time brings them. Nothing here loads torch, nor looks into the files:
`vqclip.models.vqgan.load` does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from vqclip.errors import ModelAbsent, ModelError, OutputError, suggest
from vqclip.models import zoo
from vqclip.models.catalogue import CHECKPOINTS, Checkpoint
from vqclip.models.download import Refused, download, unpack

Progress = Callable[[int, "int | None"], None]


def fetch(
    name: str,
    progress: Progress = lambda done, total: None,
    say: Callable[[str], None] = lambda words: None,
) -> Path:
    """Download a model from the first of its mirrors that works, and give its weights.

    What was interrupted is taken up again. A model that is here is not downloaded again, nor by
    two processes at once: the second waits for the first. Out of a mirror's `.zip`, which is
    latent-diffusion's way, `model.ckpt` is taken.

    Args:
        progress: called with the bytes that are here, and all of them if the server says so.
        say: is told when there is somebody to wait for.

    Raises:
        ModelError: if the name is unknown, downloads are forbidden ($HF_HUB_OFFLINE), or every
            mirror fails (with each one's reason).
        OutputError: if the files cannot be written.
    """
    if name == "starter" or zoo.weights_in(zoo.place_of(name)) is not None:
        return zoo.find(name).weights
    row = CHECKPOINTS.get(name)
    if row is None:
        names = sorted(CHECKPOINTS)
        raise ModelError(
            f"no model to fetch is called {name!r}{suggest(name, names)} "
            f"(one of: {', '.join(names)})"
        )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ModelAbsent(
            f"the model {name!r} is not on this machine, and HF_HUB_OFFLINE forbids downloads; "
            "unset it, or use the bundled model: --preset starter"
        )
    with alone(name, say):
        here = zoo.weights_in(zoo.place_of(name))  # somebody else may have brought it meanwhile
        return _fetch(name, row, progress) if here is None else here


@contextmanager
def alone(name: str, say: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """See to it that no other process writes a model meanwhile; wait until it is done.

    Raises:
        OutputError: if the cache cannot be written.
    """
    place = zoo.cache_dir() / ".locks" / f"{name}.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another vqclip is busy with {name}; waiting for it")
            lock.acquire()
    except OSError as error:
        raise OutputError(
            f"the folder {zoo.cache_dir()} cannot be written ({error.strerror}); set VQCLIP_HOME "
            "to one that you may write to"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _fetch(name: str, row: Checkpoint, progress: Progress) -> Path:
    """Try the mirrors in order."""
    target = zoo.place_of(name) / "weights.ckpt"
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
        f"--name {name}' takes it in; its YAML is {zoo.HERE / row.config}"
    )


def _check(part: Path, row: Checkpoint) -> str:
    """Check a finished download, delete it if it is not the file, and give its digest."""
    size, digest = part.stat().st_size, zoo.sha256(part)
    reason = None
    if row.sha256 is not None and digest != row.sha256:
        reason = f"its sha256 is {digest}, not {row.sha256}: another or a damaged file"
    # Sizes are known roughly, and ports without the discriminator are smaller.
    elif row.sha256 is None and row.bytes is not None and size < row.bytes / 4:
        reason = f"only {zoo.readable(size)}, where {zoo.readable(row.bytes)} were expected"
    if reason is not None:
        part.unlink()
        raise Refused(reason)
    return digest


def import_(file: Path, config: Path, name: str) -> zoo.Found:
    """Copy a user's checkpoint and its YAML into the cache, under a name.

    The files are not looked into: have `vqclip.models.vqgan.load` try them first.

    Raises:
        ModelError: if the name cannot be used or is taken, or a file is absent.
        OutputError: if the cache cannot be written.
    """
    folder = zoo.place_of(name)
    if name == "starter" or zoo.weights_in(folder) is not None:
        raise ModelError(
            f"there is already a model called {name!r}; choose another --name"
            + ("" if name == "starter" else f", or delete {folder} first")
        )
    for path in (file, config):
        if not path.is_file():
            raise ModelError(f"there is no file {path}; check the path")
    weights = folder / f"weights{file.suffix if file.suffix in zoo.WEIGHTS else '.ckpt'}"
    part = weights.with_name("import.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(config, folder / "config.yaml")
        shutil.copyfile(file, part)
        _record(weights, zoo.sha256(part))
        part.replace(weights)  # last: the model is here when its weights are
    except OSError as error:
        raise OutputError(
            f"{file} cannot be copied to {folder} ({error.strerror}); set VQCLIP_HOME to a "
            "folder that you may write to and that has room"
        ) from error
    finally:
        with suppress(OSError):  # it is gone after a success, and its folder may never have been
            part.unlink()
    return zoo.Found(folder / "config.yaml", weights)


def _record(weights: Path, digest: str) -> None:
    """Note the digest of weights that are about to appear."""
    weights.with_name("weights.sha256").write_text(digest + "\n")
