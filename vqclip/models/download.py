"""How does a large file come over a net that breaks?

`download` fills a `.part` file from one address, taking up again what an earlier try left. It
says why in `Refused`, so that the caller may try another mirror. `unpack` takes one file out of
an archive that came. Only the standard library.

Source: RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range) and 15.5.17 (416).
"""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqclip.errors import OutputError
from vqclip.models.layout import is_html

BLOCK = 2**18  # bytes between two reports of progress
TRIES = 4  # that may go on where the last one broke, as long as each brings something
TIMEOUT = 30.0  # seconds without an answer


class Refused(Exception):
    """Why one address did not give the file; a mirror's reason, not yet the user's error."""


def download(url: str, part: Path, progress: Callable[[int, int | None], None]) -> Path:
    """Download `url` into `part`, and give `part` once it is complete.

    Args:
        part: where to write. What is there is continued if it came from the same address and the
            server says that it still has the same file, and replaced otherwise. Beside it,
            `PART.from` notes where it came from.
        progress: called with the bytes that are here, and all of them if the server says so.

    Raises:
        Refused: if the server does not answer, answers with a web page, or keeps breaking off.
        OutputError: if the folder cannot be written, or is too full.
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
        before = _here(part, note, url)
        reason: object = "the connection breaks off, and no more comes"
        came: list[int] = []

        def seen(done: int, total: int | None, came: list[int] = came) -> None:
            came[:] = [done]
            progress(done, total)

        try:
            if _once(url, part, note, seen):
                note.unlink()
                return part
        except urllib.error.HTTPError as error:
            if error.code != 416 or not before:
                raise Refused(f"the server answers {error.code} {error.reason}") from error
            if error.headers.get("Content-Range") == f"bytes */{before}":  # all was here
                note.unlink()
                return part
            part.unlink()  # not a beginning of what the server has now
            continue
        except (http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
        if not came:
            raise Refused(f"{reason}")
    kept = "what came is kept: try again" if _here(part, note, url) else "try again"
    raise Refused(f"the connection broke off {TRIES} times; {kept}")


def unpack(part: Path, name: str) -> Path:
    """Put the file `name` that a downloaded zip archive holds in the archive's place.

    Nothing in the archive decides where anything is written.

    Returns:
        `part`.

    Raises:
        Refused: if it is no zip archive, holds no such file, or is damaged; then it is deleted.
        OutputError: if the disk is too full.
    """
    aside = part.with_name(f"unpacked-{part.name}")
    try:
        with zipfile.ZipFile(part) as archive, archive.open(name) as inside:
            _need_room(part.parent, archive.getinfo(name).file_size, 0)
            with aside.open("wb") as file:
                shutil.copyfileobj(inside, file, BLOCK)
        aside.replace(part)
    except KeyError:
        part.unlink()
        raise Refused(f"the archive that came holds no {name}") from None
    # RuntimeError is for a password, or a way of packing that Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        part.unlink()
        raise Refused(f"what came is no zip archive, or a damaged one ({error})") from error
    except OSError as error:
        raise OutputError(f"{aside} cannot be written ({error.strerror})") from error
    finally:
        aside.unlink(missing_ok=True)
    return part


def _here(part: Path, note: Path, url: str) -> int:
    """Count the bytes that an earlier try from the same address left, and that can be gone on.

    Not without a mark of the version: the end of another file might be put behind its beginning.
    """
    from_, _, mark = note.read_text().partition("\n") if note.is_file() else ("", "", "")
    return part.stat().st_size if from_ == url and mark and part.is_file() else 0


def _once(url: str, part: Path, note: Path, progress: Callable[[int, int | None], None]) -> bool:
    """Try once; tell whether the file is complete."""
    here = _here(part, note, url)
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
            _need_room(part.parent, total, here)
            note.write_text(f"{url}\n{mark or noted}")
            done = _copy(answer, part, here, lambda done: progress(done, total))
            return total is None or done == total
    part.unlink()  # the end of another version, from a server that does not heed If-Range
    return _once(url, part, note, progress)


def _copy(answer: Any, part: Path, here: int, progress: Callable[[int], None]) -> int:
    """Write what comes behind the first `here` bytes; give the size in the end."""
    with part.open("ab" if here else "wb") as file:
        while True:
            # read1, so that what came before a break is written before the break is met
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


def _need_room(folder: Path, total: int | None, here: int) -> None:
    """Refuse a download for which the disk has no room, before it starts."""
    free = shutil.disk_usage(folder).free
    if total is not None and total - here > free:
        raise OutputError(
            f"{folder} has {free / 1e9:.1f} GB free, and {(total - here) / 1e9:.1f} GB are to "
            "come; make room, or set VQCLIP_HOME to a folder on another disk"
        )
