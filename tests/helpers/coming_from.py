"""The page about settings of other tools, whose tables are those that the importer works with.

    python -m tests.helpers.coming_from

writes the tables anew, into docs/pages/coming-from.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tests.helpers.readme import PAGES
from vqclip.importers.draft import is_known
from vqclip.importers.importing import PEERS
from vqclip.importers.options import KEPT, LEFT, Option, Peer
from vqclip.importers.peers.pixray import ASPECTS, DRAWERS, QUALITIES
from vqclip.importers.peers.pixray_losses import LOSSES

PAGE = PAGES / "coming-from.md"
BEGIN, END = "<!-- options -->", "<!-- /options -->"
HEADS = ("option", "default", "in vqclip", "what differs, or why it is left out")


def tables() -> str:
    """Make the tables of all tools."""
    return "\n".join(f"## {peer.title}\n\n{_parts(peer)}" for peer in PEERS.values())


def rewritten(text: str) -> str:
    """The page with the tables as they should be.

    Raises:
        ValueError: if the two markers do not stand in it once each, in order.
    """
    before, begin, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the page wants {BEGIN} and {END} once each, each on its own line")
    return f"{before}{begin}\n{tables()}\n{end}{after}"


def _parts(peer: Peer) -> str:
    """What a tool's section holds: a sentence if there is one, and its tables."""
    about = peer.about.replace("this run draws", "vqclip draws")
    found = f"{about[:1].upper()}{about[1:]}.\n\n" if about else ""
    found += _table([HEADS, *_rows(peer)])
    if peer.name == "pixray":
        losses = [(_code(name), _formula(told)) for name, told in LOSSES.items()]
        found += _sizes()
        about = (
            "The losses of `custom_loss`. R is how many sizes of squares the CLIPs see: "
            "2 with RN50x4 among them, else 1."
        )
        found += f"\n{about}\n\n" + _table([("loss", "in vqclip"), *losses])
    return found


def _sizes() -> str:
    """The tables of pixray's qualities and drawers."""
    heads = ("quality", "steps", "cutouts × batches", "perceptors", *ASPECTS)
    rows = []
    for name, each in QUALITIES.items():
        sizes = (f"{int(w * each.scale)}x{int(h * each.scale)}" for w, h in ASPECTS.values())
        clips = ", ".join(each.clips)
        rows.append((name, str(each.steps), f"{each.cuts} × {each.batches}", clips, *sizes))
    drawers = [(_code(there), _code(here)) for there, here in DRAWERS.items()]
    about = "Qualities, and the sizes of their aspects; a VQGAN draws whole codes of 16 pixels."
    return f"\n{about}\n\n{_table([heads, *rows])}\nDrawers.\n\n" + _table(
        [("pixray", "drawer"), *drawers]
    )


def _rows(peer: Peer) -> Iterator[tuple[str, ...]]:
    """A row for each option; neighbours that are left out for the same reason share one."""
    for (fate, told), some in groupby(peer.options, lambda each: (each.fate, each.told)):
        options = list(some)
        if fate == LEFT and len(options) > 1:
            yield ", ".join(map(_names, options)), "", "left out", told
            continue
        for each in options:
            yield (_names(each), _code(each.default), _become(each), each.told or each.how)


def _names(option: Option) -> str:
    return ", ".join(map(_code, option.names.split()))


def _become(option: Option) -> str:
    """What an option becomes; settings that are only planned are told of."""
    if option.fate == LEFT:
        return "left out"
    known = [_code(each) for each in option.settings if is_known(each) or "." not in each]
    planned = [_code(each) for each in option.settings if not is_known(each) and "." in each]
    nearly = "" if option.fate == KEPT else "nearly "
    if planned and not known:
        return f"not yet: {', '.join(planned)}"
    return f"{nearly}{', '.join(known)}" + (f"; not yet: {', '.join(planned)}" if planned else "")


def _formula(told: str) -> str:
    """A conversion; of a setting that is only planned, it says so."""
    parts = []
    for part in told.split("; "):
        setting = part.partition(" = ")[0]
        lacks = setting.startswith("losses.") and not is_known(setting)
        parts.append(f"not yet: {part}" if lacks else part)
    return "; ".join(parts)


def _code(words: str) -> str:
    return f"`{words}`" if words else ""


def _table(rows: list[tuple[str, ...]]) -> str:
    written = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    cells = [[cell.replace("|", r"\|") for cell in row] for row in written]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
