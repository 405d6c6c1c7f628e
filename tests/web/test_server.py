"""The command web: its arguments, its port, and what it needs."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from typing import Any

import pytest

from vqclip.errors import ConfigError
from vqclip.web import server
from vqclip.web.server import Address

Refusal = Callable[..., str]


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "99999999999", "80.5"])
def test_a_port_that_is_none_is_refused(port: str, refused: Refusal) -> None:
    assert f"--port {port} is no port" in refused("web", f"--port={port}")


def test_other_words_and_empty_places_are_refused(refused: Refusal) -> None:
    assert "more than vqclip web takes" in refused("web", "a fox")
    assert "--out is empty" in refused("web", "--out", "")
    assert "--host is empty" in refused("web", "--host", "")
    assert "there is no option --share" in refused("web", "--share")


def test_without_the_extra_it_says_what_to_install(
    refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def absent(name: str, *more: Any) -> Any:
        return None if name == "gradio" else real(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    assert (
        refused("web")
        == "the page needs gradio, which is not installed: pip install 'vqclip[web]'"
    )


def test_a_taken_port_is_said_and_the_next_free_one_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"port {port} cannot be used .*Choose another --port"
        ):
            Address(port=port).listen()
        monkeypatch.setattr(server, "PORT", port)
        with Address().listen() as found:
            assert port < found.getsockname()[1] < port + server.TRIED


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"203\.0\.113\.7 port 9 cannot be used"):
        Address("203.0.113.7", 9).listen()
    with pytest.raises(ConfigError, match="no address of this machine"):
        Address("no such host", 9).listen()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("127.0.0.2", False),
        ("studio.example", False),
    ],
)
def test_only_this_machines_own_addresses_need_no_token(host: str, local: bool) -> None:
    assert Address(host).is_local is local


def test_the_application_takes_no_path_and_calls_nobody() -> None:
    pytest.importorskip("gradio")
    from vqclip.web import page

    told = page.mounting()
    assert told["allowed_paths"] == [] and not told["run_history"] and not told["mcp_server"]
    assert told["ssr_mode"] is False and told["enable_monitoring"] is False
    theme = told["theme"]
    assert theme._stylesheets == [] and "http" not in " ".join(theme._font_css)
    assert "://" not in told["head"]
    for name in ("page.css", "page.js", "animate.js"):
        text = (page.STATIC / name).read_text()
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "innerHTML" not in (page.STATIC / "page.js").read_text()
