"""Perceptors come from the hub that the environment names, into the folder that it names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

NAME = "ViT-B-32::laion2b_s34b_b79k"
DATA = b"weights of a perceptor" * 100
VQCLIP = "import sys; from vqclip.cli.main import main; sys.exit(main())"


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub that has every safetensors file, and nothing else; and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            if not self.path.endswith(".safetensors"):
                return self.send_error(404)
            self.send_response(200)
            self.send_header("ETag", '"one"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            return None

        def do_GET(self) -> None:
            self.do_HEAD()
            if self.path.endswith(".safetensors"):
                self.wfile.write(DATA)

        def log_message(self, *_: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def fetch(place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    hub = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    own = {
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "HF_HOME": str(place / "hf"),
        "VQCLIP_HOME": str(place / "home"),
    }
    return subprocess.run(
        [sys.executable, "-c", VQCLIP, "models", "fetch", NAME],
        capture_output=True,
        text=True,
        env=hub | own | environment,
        timeout=100,
    )


def test_the_endpoint_and_the_home_are_respected(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = hub
    done = fetch(tmp_path, HF_ENDPOINT=address)
    assert done.returncode == 0, done.stderr
    (arrived,) = (tmp_path / "hf" / "hub").rglob("*.safetensors")
    assert arrived.read_bytes() == DATA
    before = len(asked)
    assert any(path.startswith("/laion/CLIP-ViT-B-32") for path in asked)
    # Offline, what is here is enough, and nobody is asked.
    again = fetch(tmp_path, HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert len(asked) == before


def test_offline_and_absent_is_a_sentence(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = hub
    done = fetch(tmp_path, HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert done.returncode in (1, 2) and asked == []
    assert "error: " in done.stderr and "Traceback" not in done.stderr
