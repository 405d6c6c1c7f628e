"""What only looks like a sign of the language."""

from __future__ import annotations

from vqclip import slips
from vqclip.letters import read


def test_slips_of_one_part() -> None:
    assert slips.strays(read("@a in(top) b")) == []
    (said,) = slips.strays(read("a fox in (top left)"))
    assert said.endswith("for a region write in(top left)")
