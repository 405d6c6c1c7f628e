"""HTML of the page: text that is safe to show, and cards to choose among by picture."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from vqclip.web.routes import STATIC

THUMBNAILS = STATIC / "thumbnails"


def text_to_html(text: str) -> str:
    """Text as HTML that shows it, whatever is in it; also within quotes."""
    return html.escape(text, quote=True)


def cards_to_html(picker: str, choices: Mapping[str, str]) -> str:
    """Cards with pictures, which the page's script lets one choose.

    Args:
        picker: what is chosen: "presets" or "drawer".
        choices: names, each with what it is about.
    """
    cards = [_card(picker, name, about) for name, about in choices.items()]
    return f'<div class="vq-cards" role="group">{"".join(cards)}</div>'


def has_picture(picker: str, name: str) -> bool:
    """Whether there is a picture of a choice."""
    return (THUMBNAILS / f"{picker}-{name}.webp").is_file()


def block(name: str, lines: Iterable[str] = ()) -> str:
    """An empty place that the page's script fills, with what it says until then."""
    told = "".join(f"<p>{text_to_html(line)}</p>" for line in lines)
    return f'<div id="{text_to_html(name)}">{told}</div>'


def _card(picker: str, name: str, about: str) -> str:
    shown, told, kind = text_to_html(name), text_to_html(about), text_to_html(picker)
    source = f"/studio/static/thumbnails/{kind}-{shown}.webp"
    picture = f'<img src="{source}" alt="" loading="lazy">' if has_picture(picker, name) else ""
    return (
        f'<button type="button" class="vq-choice" data-picker="{kind}" data-name="{shown}" '
        f'title="{told}" aria-pressed="false">{picture}<span>{shown}</span></button>'
    )
