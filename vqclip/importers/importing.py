"""From a file or a command line of another tool to a run file and a report.

    typed → `sources.files`: which options, with which values → the tool that they are of
          → `Draft`: settings, and what became of each option → `run_file`

Nothing that is imported is run, and nothing fetched. The tools are listed at the foot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vqclip.errors import ConfigError
from vqclip.importers.draft import Draft, Entry
from vqclip.importers.options import LEFT, Peer
from vqclip.importers.peers.aphantasia import APHANTASIA
from vqclip.importers.peers.deforum import DEFORUM
from vqclip.importers.peers.disco import DISCO
from vqclip.importers.peers.nerdyrodent import NERDYRODENT
from vqclip.importers.peers.pixray import PIXRAY
from vqclip.importers.peers.pytti import PYTTI
from vqclip.importers.run_file import write_run_file
from vqclip.importers.sources import command_lines
from vqclip.importers.sources.files import Source, read_source


@dataclass(frozen=True)
class Imported:
    """What an import makes.

    Attributes:
        peer: the tool whose settings were read.
        text: of the run file.
        report: what became of each option, in the order of the input.
        notes: what else is to be known, in sentences.
    """

    peer: Peer
    text: str
    report: Sequence[Entry]
    notes: Sequence[str]


def import_settings(typed: str) -> Imported:
    """Import the settings of another tool.

    Args:
        typed: the name of a file, or a command line.

    Raises:
        ConfigError, PromptError: if it cannot be read, is of no tool that is known, or holds a
            value that is wrong.
    """
    source = read_source(typed, [name for peer in PEERS.values() for name in peer.scripts])
    peer = recognise_peer(source)
    if source.line is None:
        draft = Draft(peer, source.pairs)
    else:
        pairs, loose = command_lines.match_words(source.line, peer)
        draft = Draft(peer, pairs, prefixes=True, loose=loose)
    peer.write(draft)
    for number, other in enumerate(source.others, 1):
        told = "a run file is one run; import the others by themselves"
        draft.entries[f"{other} ({number})"] = Entry(other, "", LEFT, told)
    report = draft.report()
    notes = [*([peer.about] if peer.about else []), *dict.fromkeys(draft.notes)]
    return Imported(peer, write_run_file(draft, source.origin, report), report, notes)


def recognise_peer(source: Source) -> Peer:
    """Recognise the tool that settings are of: by its program, else by its options.

    Raises:
        ConfigError: if they are of none that is known.
    """
    for peer in PEERS.values():
        if source.script in peer.scripts:
            return peer
    words = source.line.words if source.line is not None else ()
    typed = [key for key, _ in source.pairs]
    typed += [word.partition("=")[0] for word in words if word.startswith("-")]
    scores = {name: _likeness(peer, typed) for name, peer in PEERS.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] <= 0:
        tools = ", ".join(PEERS)
        raise ConfigError(
            f"these settings are of no tool that is known here ({tools}); it would have options "
            "such as prompts, scenes or text_prompts"
        )
    return PEERS[best]


def _likeness(peer: Peer, typed: Sequence[str]) -> float:
    """How much some options look like a tool's: what is its alone counts a hundred times."""
    found = [peer.plain(key) for key in typed if peer.find(key) is not None]
    marks = sum(key in peer.marks for key in found)
    return 100 * marks + len(found) / max(1, len(typed))


PEERS: dict[str, Peer] = {
    each.name: each for each in (PIXRAY, NERDYRODENT, PYTTI, DISCO, DEFORUM, APHANTASIA)
}
