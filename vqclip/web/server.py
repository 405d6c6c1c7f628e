"""The server of the page: its address, its guard, and its loop.

The process imports no torch, ever: models live in the workers (`vqclip.web.jobs`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqclip.errors import ConfigError
from vqclip.media.files import require_folder, unwritable_error

PORT = 7860  # and upwards, if nobody asks for another
TRIED = 20  # ports
HOST = "127.0.0.1"
NEEDED = ("gradio", "uvicorn", "starlette", "send2trash")
# Gradio and what it uses ask these, before they are imported, whether they may call home.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_ALLOWED_PATHS": "",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    Args:
        host: a name or an address of this machine.
        port: 1 to 65535; None for the first free one from `PORT` on.
    """

    host: str = HOST
    port: int | None = None

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ConfigError(f"--port {self.port} is no port; expected a number from 1 to 65535")
        if not self.host.strip():
            raise ConfigError("--host is empty; leave it out, or name an address of this machine")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host.strip("[]") in ("127.0.0.1", "localhost", "::1")

    def listen(self) -> socket.socket:
        """Open the port.

        Raises:
            ConfigError: if it is taken, or the host is none of this machine's.
        """
        tried = range(PORT, PORT + TRIED) if self.port is None else [self.port]
        for port in tried:
            try:
                return _bound(self.host, port)
            except socket.gaierror as error:
                raise ConfigError(
                    f"--host {self.host} is no address of this machine ({error.strerror})"
                ) from error
            except OSError as error:
                reason = error.strerror or str(error)
        if self.port is None:
            raise ConfigError(
                f"no port from {PORT} to {PORT + TRIED - 1} is free ({reason}); name one: "
                "--port 9000"
            )
        raise ConfigError(
            f"{self.host} port {self.port} cannot be used ({reason}); is another vqclip web "
            "running there? Choose another --port"
        )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM
    )[0]
    opened = socket.socket(family, kind)
    try:
        if sys.platform != "win32":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except OSError:
        opened.close()
        raise
    return opened


def require_libraries() -> None:
    """Refuse to begin without the libraries of the extra.

    Raises:
        ConfigError: that says what to install.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the page needs {missing[0]}, which is not installed: pip install 'vqclip[web]'"
        )


def serve(
    address: Address,
    out: Path,
    commands: Collection[str],
    ready: Callable[[str], None],
) -> None:
    """Serve the page until somebody interrupts.

    Args:
        out: the folder of runs.
        commands: the names of vqclip's commands.
        ready: is told the page's address when it can be opened.

    Raises:
        VqclipError: if the libraries, the port or the folder cannot be used.
    """
    require_libraries()
    from vqclip.web import safety
    from vqclip.web.studio import Studio

    require_folder(out)
    listening = address.listen()
    port = listening.getsockname()[1]
    token = "" if address.is_local else safety.make_token()
    studio = Studio(out, commands)
    try:
        studio.uploads.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable_error(studio.uploads, error) from error
    application = make_application(studio, port, token)
    import uvicorn

    settings = uvicorn.Config(
        application,
        log_level="error",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
    ready(safety.address(address.host.strip("[]"), port, token))
    with listening, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def make_application(studio: Any, port: int, token: str = "") -> Any:
    """The page of a studio, with its guard, as an ASGI application.

    Args:
        port: the one that it is served at.
        token: what visitors have to know; "" for this machine alone.
    """
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(studio.uploads)})
    import gradio
    from fastapi import FastAPI

    from vqclip.web import page, routes, safety

    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    application.router.routes.extend(routes.list_routes(studio))
    mounted = gradio.mount_gradio_app(
        application, page.make_page(studio), path="/", **page.mounting()
    )
    return safety.Guard(mounted, port, studio.uploads, token)
