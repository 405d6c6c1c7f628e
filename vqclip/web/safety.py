"""The guard before the page: who may ask for what.

It stands before everything that is served, Gradio's own routes included:

- Only this machine's own name is answered, so that a foreign name that points here (DNS
  rebinding) is not; where the page is served to a network, a token takes the place of the name.
- A request that another site's page makes is refused, whatever it asks for.
- Of Gradio's routes only those that the page needs exist. Its files are those that were dropped
  on the page, and nothing else on the disk.
- The browser is told to load nothing from any other host.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "vqclip-token"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
PAGES = ("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt")
FOLDERS = ("/assets/", "/static/", "/studio/")  # of files that belong to the page, and its own
GRADIO = "/gradio_api/"
TAKEN = (  # of Gradio's routes
    *("startup-events", "theme.css", "info", "queue/join", "queue/data", "cancel", "reset"),
    *("run/predict", "upload", "upload_progress", "component_server"),
)
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio's own
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'self'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True)
class Guard:
    """An ASGI application before another one.

    Args:
        application: what answers those that may ask.
        port: the one that is listened to.
        uploads: the folder of what was dropped on the page.
        token: what a visitor has to know; "" if only this machine can ask.
    """

    application: Application
    port: int
    uploads: Path
    token: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in scope["headers"]
        }
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        if refusal := self.find_refusal(scope["method"], scope["path"], headers):
            await _answer(send, 403, refusal)
            return
        if self.token and not self._knows_token(headers):
            if not _same(query.get("token", ""), self.token):
                await _answer(
                    send,
                    401,
                    "this page needs its token: open the address that vqclip web printed",
                )
                return
            await _answer(
                send,
                303,
                "",
                {
                    "location": "/",
                    "set-cookie": f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict",
                },
            )
            return
        if not self.serves(scope["path"]):
            await _answer(send, 404, "there is no such page")
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
                said = {key for key, _ in own} | {b"access-control-allow-origin"}
                kept = [
                    pair for pair in message.get("headers", ()) if pair[0].lower() not in said
                ]
                message = {**message, "headers": [*kept, *own]}
            await send(message)

        await self.application(scope, receive, guarded)

    def find_refusal(self, method: str, path: str, headers: MutableMapping[str, str]) -> str:
        """Why a request is refused because of who makes it; "" if it is not."""
        host = headers.get("host", "").lower()
        names = {f"{name}:{self.port}" for name in LOCAL}
        names |= set(LOCAL) if self.port == 80 else set()
        if not self.token and host not in names:
            return f"this page is not {host[:100]}; open it as http://127.0.0.1:{self.port}"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            return "another site's page may not ask for this"
        site, mode = headers.get("sec-fetch-site", ""), headers.get("sec-fetch-mode", "")
        followed = method == "GET" and mode == "navigate" and path == "/"  # a link to the page
        if site in ("cross-site", "same-site") and not followed:
            return "another site's page may not ask for this"
        return ""

    def serves(self, path: str) -> bool:
        """Whether there is anything behind a path that the page needs."""
        if ".." in path.split("/") or "\0" in path or "\\" in path:
            return False
        if path in PAGES or path.startswith(FOLDERS):
            return True
        if not path.startswith(GRADIO):
            return False
        rest = path.removeprefix(GRADIO)
        if rest.startswith("file="):
            return self._is_upload(rest.removeprefix("file="))
        return rest.rstrip("/") in TAKEN or rest.startswith("heartbeat/")

    def _is_upload(self, path: str) -> bool:
        try:
            return Path(path).resolve().is_relative_to(self.uploads.resolve())
        except (OSError, ValueError, RuntimeError):
            return False

    def _knows_token(self, headers: MutableMapping[str, str]) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ")]
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            given += [value] if name == COOKIE else []
        return any(_same(each, self.token) for each in given)


def make_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def address(host: str, port: int, token: str) -> str:
    """The address of the page, as it is printed."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={quote(token)}" if token else "")


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


async def _answer(
    send: Send, status: int, text: str, headers: MutableMapping[str, str] | None = None
) -> None:
    told = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
    told |= HEADERS | dict(headers or {})
    lines = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": text.encode("utf-8")})
