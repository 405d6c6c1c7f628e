"""Markdown that the site reads otherwise than GitHub does: bars inside code, in tables.

GitHub wants `\\|` there, and Python-Markdown shows the backslash; so it is taken away.
"""

from __future__ import annotations

import re
from typing import Any

CODE = re.compile(r"`[^`]*`")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for each page, before it is rendered."""
    lines = markdown.split("\n")
    return "\n".join(_bare(each) if each.lstrip().startswith("|") else each for each in lines)


def _bare(row: str) -> str:
    return CODE.sub(lambda found: found[0].replace(r"\|", "|"), row)
