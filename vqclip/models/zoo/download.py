"""Downloads of models, resumable, and the import of one's own files.

`fetch_model` downloads a model of the catalogue from one of its mirrors, `import_model` copies
files of one's own. Files appear in the cache whole or not at all, with their sha256 beside them,
and only one process at a time writes a model. Nothing here imports torch or opens the models,
which `vqclip.models.vqgan.open_vqgan` does.

`download` resumes a `.part` file that an earlier try left. If one address fails it raises
`Refused`, so that the caller may try another mirror. `unpack_archive` extracts one file from a
downloaded archive. All of this uses the standard library alone.

Source: RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range) and 15.5.17 (416).
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vqclip.errors import ModelAbsent, ModelError, OutputError, suggest
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import (
    CHECKPOINTS,
    HEADS,
    Checkpoint,
    PublishedFile,
    find_published,
)
from vqclip.models.zoo.import_hint import WEIGHTS

HTML_STARTS = (b"<!doctype", b"<html")


def is_html(head: bytes) -> bool:
    """Whether a file that begins with `head` is a web page.

    >>> is_html(b"  <!DOCTYPE html>"), is_html(b"PK")
    (True, False)
    """
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(HTML_STARTS)


BLOCK = 2**18  # bytes between two reports of progress
TRIES = 4  # attempts that resume the last one, as long as each brings some bytes
TIMEOUT = 30.0  # seconds without an answer


class Refused(Exception):
    """The reason why one address failed; the caller may try another mirror."""


def download(url: str, part: Path, progress: Callable[[int, int | None], None]) -> Path:
    """Download `url` into the file `part`, resuming an earlier attempt.

    Args:
        part: where to write. A partial file is resumed if it came from the same address and the
            server still has the same file, else replaced. `PART.from` beside it records the
            address.
        progress: called with the bytes so far, and their total if it is known.

    Returns:
        `part`, once it is complete.

    Raises:
        Refused: if the server does not answer, sends a web page, or breaks off each time.
        OutputError: if the folder cannot be written, or the disk is too full.
    """
    note = part.with_name(part.name + ".from")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    except OSError as error:
        raise OutputError(
            f"the folder {part.parent} cannot be written ({error.strerror}); set VQCLIP_HOME to "
            "one that you may write to"
        ) from error
    for _ in range(TRIES):
        before = _resumable_bytes(part, note, url)
        reason: object = "the connection breaks off, and no more comes"
        received: list[int] = []

        def seen(done: int, total: int | None, received: list[int] = received) -> None:
            received[:] = [done]
            progress(done, total)

        try:
            if _attempt(url, part, note, seen):
                note.unlink()
                return part
        except urllib.error.HTTPError as error:
            if error.code != 416 or not before:
                raise Refused(f"the server answers {error.code} {error.reason}") from error
            if error.headers.get("Content-Range") == f"bytes */{before}":  # it was complete
                note.unlink()
                return part
            part.unlink()  # not part of the file that the server has now
            continue
        except (http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
        if not received:
            raise Refused(f"{reason}")
    kept = (
        "the part that was downloaded is kept: try again"
        if _resumable_bytes(part, note, url)
        else "try again"
    )
    raise Refused(f"the connection broke off {TRIES} times; {kept}")


def unpack_archive(part: Path, name: str) -> Path:
    """Replace a downloaded zip archive by the file `name` in it.

    Paths in the archive do not affect where anything is written.

    Returns:
        `part`.

    Raises:
        Refused: if it is no zip archive, holds no such file, or is damaged; then it is deleted.
        OutputError: if the disk is too full.
    """
    aside = part.with_name(f"unpacked-{part.name}")
    try:
        with zipfile.ZipFile(part) as archive, archive.open(name) as inside:
            _check_room(part.parent, archive.getinfo(name).file_size, 0)
            with aside.open("wb") as file:
                shutil.copyfileobj(inside, file, BLOCK)
        aside.replace(part)
    except KeyError:
        part.unlink()
        raise Refused(f"the downloaded archive holds no {name}") from None
    # RuntimeError is for a password, or a way of packing that Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        part.unlink()
        raise Refused(
            f"what was downloaded is not a zip archive, or is damaged ({error})"
        ) from error
    except OSError as error:
        raise OutputError(f"{aside} cannot be written ({error.strerror})") from error
    finally:
        aside.unlink(missing_ok=True)
    return part


def _resumable_bytes(part: Path, note: Path, url: str) -> int:
    """The bytes of an earlier attempt from the same address that can be resumed.

    0 without an ETag or a date, since the rest might come from another version of the file.
    """
    from_, _, mark = note.read_text().partition("\n") if note.is_file() else ("", "", "")
    return part.stat().st_size if from_ == url and mark and part.is_file() else 0


def _attempt(
    url: str, part: Path, note: Path, progress: Callable[[int, int | None], None]
) -> bool:
    """Try once, and return whether the file is complete."""
    here = _resumable_bytes(part, note, url)
    noted = note.read_text().partition("\n")[2] if here else ""
    request = urllib.request.Request(url, headers={"User-Agent": "vqclip"})
    if here:
        request.add_header("Range", f"bytes={here}-")
        request.add_header("If-Range", noted)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise Refused("a web page came instead of the file")
        # A weak ETag ("W/...") may not be used in If-Range.
        tag = answer.headers.get("ETag") or ""
        mark = answer.headers.get("Last-Modified") or "" if tag[:2] in ("", "W/") else tag
        ranged = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
        if answer.status != 206:
            here = 0  # the whole file comes, from its beginning
        elif ranged is None or int(ranged[1]) != here:
            raise Refused("the server answers with another part of the file than asked for")
        if here == 0 or mark in (noted, ""):
            length = answer.headers.get("Content-Length") or ""
            total = here + int(length) if re.fullmatch("[0-9]{1,15}", length) else None
            _check_room(part.parent, total, here)
            note.write_text(f"{url}\n{mark or noted}")
            done = _copy(answer, part, here, lambda done: progress(done, total))
            return total is None or done == total
    part.unlink()  # the end of another version, from a server that does not heed If-Range
    return _attempt(url, part, note, progress)


def _copy(answer: Any, part: Path, here: int, progress: Callable[[int], None]) -> int:
    """Append the answer after the first `here` bytes; return the size in the end."""
    with part.open("ab" if here else "wb") as file:
        while True:
            # read1 returns the bytes that came before a break, so that they are written
            block = answer.read1(BLOCK)
            if not block:
                return here
            if here == 0 and is_html(block):
                raise Refused("a web page came instead of the file")
            try:
                file.write(block)
            except OSError as error:
                raise OutputError(f"{part} cannot be written ({error.strerror})") from error
            here += len(block)
            progress(here)


def _check_room(folder: Path, total: int | None, here: int) -> None:
    """Refuse a download for which the disk has no room, before it starts."""
    free = shutil.disk_usage(folder).free
    if total is not None and total - here > free:
        raise OutputError(
            f"{folder} has {free / 1e9:.1f} GB free, but {(total - here) / 1e9:.1f} GB more are "
            "needed; make room, or set VQCLIP_HOME to a folder on another disk"
        )


Progress = Callable[[int, "int | None"], None]


def fetch_model(
    name: str,
    progress: Progress = lambda done, total: None,
    say: Callable[[str], None] = lambda words: None,
) -> Path:
    """Download a model from the first of its mirrors that works, and return its weights.

    An interrupted download is resumed. A model that is here is not downloaded again, nor by two
    processes at once: the second waits for the first. From a `.zip`, as latent-diffusion
    publishes them, `model.ckpt` is extracted.

    Args:
        progress: called with the bytes so far, and their total if it is known.
        say: called with a message if another process has to be waited for.

    Raises:
        ModelError: if the name is unknown, downloads are forbidden ($HF_HUB_OFFLINE), or every
            mirror fails (with each one's reason).
        OutputError: if the files cannot be written.
    """
    if name == "starter" or model_files.weights_in(model_files.model_folder(name)) is not None:
        return model_files.find_weights(name)
    row = find_published(name)
    if row is None:
        names = sorted({*CHECKPOINTS, *HEADS})
        raise ModelError(
            f"no model to fetch is called {name!r}{suggest(name, names)} "
            f"(one of: {', '.join(names)})"
        )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        instead = "use the bundled model: --preset starter"
        if name in HEADS:
            instead = "leave out losses.aesthetic"
        raise ModelAbsent(
            f"the model {name!r} is not on this machine, and HF_HUB_OFFLINE forbids downloads; "
            f"unset it, or {instead}"
        )
    with locked_model(name, say):
        here = model_files.weights_in(
            model_files.model_folder(name)
        )  # somebody else may have brought it meanwhile
        return _fetch(name, row, progress) if here is None else here


@contextmanager
def locked_model(name: str, say: Callable[[str], None] = lambda words: None) -> Iterator[None]:
    """Lock a model against other processes within the context; wait for the lock if necessary.

    Raises:
        OutputError: if the cache cannot be written.
    """
    place = model_files.cache_dir() / ".locks" / f"{name}.lock"
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
            f"the folder {model_files.cache_dir()} cannot be written ({error.strerror}); set "
            "VQCLIP_HOME to one that you may write to"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _fetch(name: str, row: PublishedFile, progress: Progress) -> Path:
    """Try the mirrors in order."""
    suffix = ".ckpt" if isinstance(row, Checkpoint) else ".pth"
    target = model_files.model_folder(name) / f"weights{suffix}"
    failures = []
    for mirror in row.mirrors:
        try:
            part = download(mirror, target.with_name(f"{target.name}.part"), progress)
            if mirror.endswith(".zip"):
                part = unpack_archive(part, "model.ckpt")
            digest = _check_download(part, row)
        except Refused as reason:
            failures.append(f"\n  {mirror}: {reason}")
            continue
        _write_digest(target, digest)
        part.replace(target)
        return target
    have = "name it instead: losses.aesthetic_head=FILE"
    if isinstance(row, Checkpoint):
        have = (
            f"'vqclip models import FILE --config YAML --name {name}' takes it in; its YAML is "
            f"{model_files.MODELS_FOLDER / row.config}"
        )
    count = len(row.mirrors)
    raise ModelError(
        f"the model {name!r} could not be fetched from "
        f"{f'any of its {count} mirrors' if count > 1 else 'its only mirror'}:"
        f"{''.join(failures)}\nIf you have the file, {have}"
    )


def _check_download(part: Path, row: PublishedFile) -> str:
    """Check a finished download, delete it if it is wrong, and return its sha256.

    Raises:
        Refused: if the sha256 or the size is wrong.
    """
    size, digest = part.stat().st_size, model_files.file_sha256(part)
    reason = None
    if row.sha256 is not None and digest != row.sha256:
        reason = f"its sha256 is {digest}, not {row.sha256}: another or a damaged file"
    # Sizes are approximate, and ports without the discriminator are smaller.
    elif row.sha256 is None and row.bytes is not None and size < row.bytes / 4:
        found, wanted = model_files.format_bytes(size), model_files.format_bytes(row.bytes)
        reason = f"only {found}, where {wanted} were expected"
    if reason is not None:
        part.unlink()
        raise Refused(reason)
    return digest


def import_model(file: Path, config: Path, name: str) -> model_files.ModelFiles:
    """Copy a user's checkpoint and its YAML into the cache, under a name.

    The files are not opened: try them with `vqclip.models.vqgan.open_vqgan` first.

    Raises:
        ModelError: if the name cannot be used or is taken, or a file is absent.
        OutputError: if the cache cannot be written.
    """
    folder = model_files.model_folder(name)
    if name in HEADS:
        raise ModelError(f"{name!r} is the name of an aesthetic head; choose another --name")
    if name == "starter" or model_files.weights_in(folder) is not None:
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
        _write_digest(weights, model_files.file_sha256(part))
        part.replace(weights)  # last, since the weights mark the model as complete
    except OSError as error:
        raise OutputError(
            f"{file} cannot be copied to {folder} ({error.strerror}); set VQCLIP_HOME to a "
            "folder that you may write to and that has room"
        ) from error
    finally:
        with suppress(OSError):  # it is gone after a success, and its folder may never have been
            part.unlink()
    return model_files.ModelFiles(folder / "config.yaml", weights)


def _write_digest(weights: Path, digest: str) -> None:
    """Write the sha256 of weights that are about to be put in place."""
    weights.with_name("weights.sha256").write_text(digest + "\n")
