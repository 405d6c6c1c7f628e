"""A download arrives whole, or says why not; checked against a server in a thread."""

from __future__ import annotations

import errno
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from vqclip.errors import OutputError
from vqclip.models.zoo import download as zoo_download
from vqclip.models.zoo.download import Refused, download, unpack_archive

DATA = bytes(range(256)) * 4000  # about 1 MB: several blocks


def nothing(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@contextmanager
def serve(
    whole: bytes = DATA,
    *,
    breaks: list[int] | None = None,
    ranges: bool = True,
    kind: str = "application/octet-stream",
    length: bool = True,
    tag: str = '"one"',
    wrong_part: bool = False,
    lie: str = "",
    stalls: float = 0,
    then: bytes = b"",
    heedless: bool = False,
) -> Iterator[Any]:
    """Serve `data` at any address; at one that is a number, that error.

    Args:
        breaks: bytes sent before each break.
        lie: what to say about the length.
        stalls: seconds for which a break says nothing, before the connection closes.
        then: what is served after the first break instead of `data`.
        heedless: of If-Range.
    """
    log: list[tuple[str, str | None]] = []
    left = list(breaks or [])
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            log.append((self.path, asked))
            if self.path[1:].isdigit():
                return self.send_error(int(self.path[1:]))
            changed = bool(then) and len(log) > 1
            data, etag = (then, '"two"' if tag else "") if changed else (whole, tag)
            fresh = heedless or self.headers.get("If-Range") in (None, etag)
            start = int(asked[6:-1]) if asked and ranges and fresh else 0
            if start >= len(data) > 0 and start:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.end_headers()
                return None
            self.send_response(206 if start else 200)
            if start:
                first = 0 if wrong_part else start
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Type", kind)
            if etag:
                self.send_header("ETag", etag)
            if lie:
                self.send_header("Content-Length", lie)
            elif length:
                self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            end = start + left.pop(0) if left else len(data)
            self.wfile.write(data[start:end])
            if end < len(data) and stalls:
                over.wait(stalls)
            return None

        def log_message(self, *_: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield namedtuple("Served", "url log")(url, log)
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "new" / "weights.ckpt.part"


@pytest.mark.parametrize("length", [True, False])
def test_a_file_arrives_with_progress(part: Path, length: bool) -> None:
    seen: list[tuple[int, int | None]] = []
    with serve(length=length) as served:
        download(f"{served.url}/x", part, lambda done, total: seen.append((done, total)))
    assert part.read_bytes() == DATA
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(DATA), len(DATA) if length else None)
    assert [path.name for path in part.parent.iterdir()] == [part.name]


def test_a_connection_that_breaks_is_taken_up_again(part: Path) -> None:
    with serve(breaks=[1000, 5000]) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA
    assert [asked for _, asked in served.log] == [None, "bytes=1000-", "bytes=6000-"]


def test_a_server_without_ranges_starts_over(part: Path) -> None:
    with serve(breaks=[1000], ranges=False) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA


def test_a_later_run_goes_on_where_the_last_one_stopped(part: Path) -> None:
    with serve(breaks=[1000, 10, 10, 10]) as served:
        url = f"{served.url}/x"
        with pytest.raises(
            Refused, match=("broke off 4 times; the part that was downloaded is kept: try again")
        ):
            download(url, part, nothing)
        download(url, part, nothing)
    assert part.read_bytes() == DATA
    assert served.log[-1] == ("/x", "bytes=1030-")


def test_a_part_of_another_address_or_version_is_not_continued(part: Path) -> None:
    with serve() as served:
        for note in (f"{served.url}/y\n", f'{served.url}/x\n"old"'):
            part.parent.mkdir(exist_ok=True)
            part.write_bytes(b"other")
            part.with_name(part.name + ".from").write_text(note)
            download(f"{served.url}/x", part, nothing)
            assert part.read_bytes() == DATA


@pytest.mark.parametrize("had", [DATA, DATA + b"more"])
def test_a_part_that_is_already_whole_or_too_long(part: Path, had: bytes) -> None:
    with serve() as served:
        part.parent.mkdir()
        part.write_bytes(had)
        part.with_name(part.name + ".from").write_text(f'{served.url}/x\n"one"')
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA


def test_another_part_than_asked_for_is_refused(part: Path) -> None:
    with (
        serve(breaks=[1000], wrong_part=True) as served,
        pytest.raises(Refused, match="another part of the file than asked for"),
    ):
        download(f"{served.url}/x", part, nothing)


def test_a_connection_that_brings_nothing_is_given_up(part: Path) -> None:
    with serve(breaks=[0]) as served, pytest.raises(Refused, match=r"breaks off|[Ii]ncomplete"):
        download(f"{served.url}/x", part, nothing)


def test_a_server_that_stalls_is_asked_again(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo_download, "TIMEOUT", 1.0)
    with serve(breaks=[1000], stalls=20) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA
    assert [asked for _, asked in served.log] == [None, "bytes=1000-"]
    part.unlink()
    with serve(breaks=[0], stalls=20) as served, pytest.raises(Refused, match="timed out"):
        download(f"{served.url}/x", part, nothing)


@pytest.mark.parametrize("tag", ['"one"', ""])
def test_a_file_that_changes_in_mid_download(part: Path, tag: str) -> None:
    """What comes is the new file, and not the old one's beginning with the new one's end."""
    new = bytes(reversed(DATA))
    with serve(breaks=[1000], then=new, tag=tag) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == new


@pytest.mark.parametrize("tag", ['"one"', ""])
def test_a_changed_file_of_a_server_that_does_not_heed_if_range(part: Path, tag: str) -> None:
    new = bytes(reversed(DATA))
    with serve(breaks=[1000], then=new, tag=tag, heedless=True) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == new


def test_a_part_of_a_mirror_does_not_hide_why_the_next_one_fails(part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(DATA[:1000])
    part.with_name(part.name + ".from").write_text('http://127.0.0.1:9/x\n"one"')
    with serve() as served:
        pass
    with pytest.raises(Refused, match="refused"):
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA[:1000]  # the first mirror may come back


@pytest.mark.parametrize("lie", ["many", "-3", "1.5e6", "9" * 40])
def test_lengths_that_are_none(part: Path, lie: str) -> None:
    with serve(lie=lie) as served:
        download(f"{served.url}/x", part, nothing)
    assert part.read_bytes() == DATA


def test_lengths_that_are_lies(part: Path) -> None:
    with serve(lie=str(len(DATA) + 5)) as served:
        download(f"{served.url}/x", part, nothing)  # asked for the rest, it tells the truth
    assert part.read_bytes() == DATA and served.log[1] == ("/x", f"bytes={len(DATA)}-")
    with serve(lie="999999999999999") as served, pytest.raises(OutputError, match="make room"):
        download(f"{served.url}/y", part, nothing)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_web_pages_are_refused(part: Path, kind: str) -> None:
    page = b"<!DOCTYPE html><html>Please sign in</html>"
    with (
        serve(page, kind=kind) as served,
        pytest.raises(Refused, match="a web page came instead of the file"),
    ):
        download(f"{served.url}/x", part, nothing)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (403, "Forbidden"),
        (404, "Not Found"),
        (416, "Range|Requested Range"),
        (500, "Internal"),
        (503, "Serv"),
    ],
)
def test_errors_of_a_server_are_passed_on(part: Path, code: int, said: str) -> None:
    with serve() as served, pytest.raises(Refused, match=f"the server answers {code} ({said})"):
        download(f"{served.url}/{code}", part, nothing)


def test_proxies_are_respected(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    # The standard library reads the environment at its first download only.
    monkeypatch.setattr("urllib.request._opener", None)
    with serve() as served:
        monkeypatch.setenv("http_proxy", served.url)
        download("http://weights.invalid/x", part, nothing)
    assert part.read_bytes() == DATA
    assert served.log == [("http://weights.invalid/x", None)]


def test_an_absent_server(part: Path) -> None:
    with serve() as served:
        pass
    with pytest.raises(Refused, match="refused"):
        download(f"{served.url}/x", part, nothing)


def test_a_place_that_cannot_be_written_or_is_full(
    tmp_path: Path, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written .*; set VQCLIP_HOME"):
        download("http://127.0.0.1:9/x", tmp_path / "file" / "sub" / "x.part", nothing)
    usage = namedtuple("usage", "free")(10_000)
    monkeypatch.setattr(zoo_download.shutil, "disk_usage", lambda _: usage)
    with serve() as served, pytest.raises(OutputError, match=r"0.0 GB free.*make room, or set"):
        download(f"{served.url}/x", part, nothing)


def packed(part: Path, names: dict[str, bytes]) -> Path:
    part.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return part


def test_one_file_of_an_archive_takes_its_place(part: Path) -> None:
    packed(part, {"config.yaml": b"x", "/etc/model.ckpt": b"x", "model.ckpt": DATA})
    assert unpack_archive(part, "model.ckpt") == part and part.read_bytes() == DATA
    assert list(part.parent.iterdir()) == [part]


def test_archives_that_are_none_or_damaged_are_refused_and_deleted(part: Path) -> None:
    whole = packed(part, {"model.ckpt": DATA}).read_bytes()
    turned = bytes([whole[2000] ^ 255])
    for data in (b"no archive", whole[:-30], whole[:2000] + turned + whole[2001:]):
        part.write_bytes(data)
        with pytest.raises(
            Refused, match="what was downloaded is not a zip archive, or is damaged"
        ):
            unpack_archive(part, "model.ckpt")
        assert list(part.parent.iterdir()) == []
    with pytest.raises(Refused, match=r"the downloaded archive holds no model\.ckpt"):
        unpack_archive(packed(part, {"../model.ckpt": DATA}), "model.ckpt")
    assert list(part.parent.iterdir()) == []


def test_an_archive_that_would_not_fit_stays_packed(
    part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(part, {"model.ckpt": DATA})
    usage = namedtuple("usage", "free")(10_000)
    monkeypatch.setattr(zoo_download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"0.0 GB free.*make room, or set"):
        unpack_archive(part, "model.ckpt")
    monkeypatch.undo()
    monkeypatch.setattr(zoo_download.shutil, "copyfileobj", full)
    with pytest.raises(OutputError, match=r"unpacked-\S+ cannot be written \(No space left"):
        unpack_archive(part, "model.ckpt")
    assert list(part.parent.iterdir()) == [part]


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
