"""The command web.

vqclip web
vqclip web --port 9000 --out outputs/sketches
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.web import server


@dataclass(frozen=True, kw_only=True)
class WebOptions(CommonOptions):
    """The options of `web`.

    Attributes:
        commands: the names of all commands; what is not among them is not offered on the page.
    """

    port: str | None
    host: str
    out: str | None
    commands: Sequence[str] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument(
        "--port",
        metavar="N",
        help=f"the port; otherwise the first free one from {server.PORT} on",
    )
    parser.add_argument(
        "--host",
        default=server.HOST,
        metavar="H",
        help=f"another address than {server.HOST}, for a network; visitors need a token then, "
        "which is printed",
    )
    parser.add_argument("--out", metavar="DIR", help=f"the folder of runs ({RunConfig().out})")


def web(options: WebOptions, screen: Console, progress: Progress) -> None:
    """Open a page to draw on, and a gallery of runs."""
    given = options.port
    if given is not None and not re.fullmatch(r"[0-9]{1,9}", given):
        raise ConfigError(f"--port {given} is no port; expected a number from 1 to 65535")
    address = server.Address(options.host, None if given is None else int(given))
    if options.out == "":
        raise ConfigError("--out is empty; leave it out, or name a folder")
    out = Path(options.out or RunConfig().out).expanduser()

    def ready(shown: str) -> None:
        progress.started = True
        screen.event("ready", address=shown, out=str(out.absolute()))
        screen.result(shown, exact=True)
        told = "" if address.is_local else "; whoever has this address can draw, and see all runs"
        screen.say(f"the page is at this address, its runs in {out}{told}; Ctrl-C ends it")

    server.serve(address, out, options.commands, ready)
    screen.say("the page is closed; runs that it started go on")
