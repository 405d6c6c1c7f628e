"""The guard before the page: hosts, origins, tokens, and what is served at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vqclip.web.safety import POLICY, Guard, address, make_token

PORT = 7999
OWN = {"host": f"127.0.0.1:{PORT}"}


@dataclass
class Page:
    """What stands behind the guard, and notes what comes through."""

    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        headers = [(b"content-type", b"text/html"), (b"Access-Control-Allow-Origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"page"})


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: str


def visit(
    path: str = "/",
    headers: dict[str, str] = OWN,
    *,
    method: str = "GET",
    token: str = "",
    query: str = "",
    uploads: Path = Path("/nowhere"),
) -> Reply:
    """Ask the guard of a page for a path."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    page = Page()
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode("latin-1")) for key, value in headers.items()],
    }
    asyncio.run(Guard(page, PORT, uploads, token)(scope, receive, send))
    start, body = sent
    told = {key.decode().lower(): value.decode() for key, value in start["headers"]}
    assert bool(page.paths) == (start["status"] == 200)
    return Reply(start["status"], told, body["body"].decode())


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_this_machine_is_answered_under_its_own_names(name: str) -> None:
    assert visit(headers={"host": f"{name}:{PORT}"}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:80",
        "",
        "127.0.0.1.evil.example:7999",
    ],
)
def test_a_foreign_name_that_points_here_is_refused(host: str) -> None:
    assert visit(headers={"host": host}).status == 403
    assert visit(headers={}).status == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1:1", ""],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_origin_is_refused_whatever_it_asks_for(origin: str, method: str) -> None:
    assert visit("/studio/do", OWN | {"origin": origin}, method=method).status == 403


def test_the_own_origin_is_answered_and_no_other_is_told_that_it_may_read() -> None:
    found = visit("/studio/do", OWN | {"origin": f"http://127.0.0.1:{PORT}"}, method="POST")
    assert found.status == 200
    assert "access-control-allow-origin" not in found.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_follow_a_link_to_the_page_and_embed_nothing(site: str) -> None:
    link = OWN | {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert visit("/", link).status == 200
    assert visit("/studio/picture/final.png", link).status == 403
    assert visit("/", link, method="POST").status == 403
    assert visit("/studio/thumbnail", OWN | {"sec-fetch-site": site}).status == 403
    assert visit("/studio/thumbnail", OWN | {"sec-fetch-site": "same-origin"}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/file=/uploads/../etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/proxy=https://evil.example",
        "/gradio_api/stream/x",
        "/gradio_api/vibe-code",
        "/gradio_api/run-history/connect",
        "/monitoring",
        "/docs",
        "/openapi.json",
        "/static/../../secret",
        "/studio/picture/..\\secret",
        "/nothing",
    ],
)
def test_what_the_page_does_not_need_is_not_served(path: str, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    assert visit(path, uploads=tmp_path / "uploads").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/assets/index.js",
        "/static/x.css",
        "/studio/state",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/gradio_api/heartbeat/abc",
    ],
)
def test_what_the_page_needs_is_served(path: str) -> None:
    assert visit(path).status == 200


def test_only_files_that_were_dropped_on_the_page_are_served(tmp_path: Path) -> None:
    uploads, secret = tmp_path / "uploads", tmp_path / "secret.png"
    uploads.mkdir()
    secret.write_bytes(b"")
    (uploads / "own.png").write_bytes(b"")
    (uploads / "link.png").symlink_to(secret)
    statuses = [
        visit(f"/gradio_api/file={path}", uploads=uploads).status
        for path in (uploads / "own.png", uploads / "link.png", secret)
    ]
    assert statuses == [200, 404, 404]


def test_the_browser_is_told_to_load_nothing_from_elsewhere() -> None:
    for found in (visit(), visit("/nothing"), visit(headers={})):
        assert found.headers["content-security-policy"] == POLICY
        assert found.headers["x-frame-options"] == "DENY"
        assert found.headers["x-content-type-options"] == "nosniff"
    assert "http" not in POLICY and "*" not in POLICY


def test_a_network_needs_the_token_and_keeps_it_in_a_cookie() -> None:
    token, host = make_token(), {"host": "studio.example:80"}
    assert visit(headers=host, token=token).status == 401
    assert visit(headers=host, token=token, query="token=wrong").status == 401
    shown = visit(headers=host, token=token, query=f"token={token}")
    assert (shown.status, shown.headers["location"]) == (303, "/")
    cookie = shown.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    kept = host | {"cookie": f"other=1; {cookie.split(';')[0]}"}
    assert visit(headers=kept, token=token).status == 200
    assert visit(headers=host | {"authorization": f"Bearer {token}"}, token=token).status == 200
    evil = kept | {"origin": "http://evil.example"}
    assert visit("/studio/do", evil, token=token, method="POST").status == 403


def test_tokens_differ_and_stand_in_the_address() -> None:
    assert make_token() != make_token() and len(make_token()) >= 32
    assert address("127.0.0.1", 7860, "") == "http://127.0.0.1:7860/"
    assert address("::1", 80, "a-b") == "http://[::1]:80/?token=a-b"


def test_there_are_no_websockets() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/", "headers": []}
    asyncio.run(Guard(Page(), PORT, Path("/nowhere"))(scope, None, send))  # type: ignore[arg-type]
    assert sent == ["websocket.close"]
