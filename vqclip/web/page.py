"""The page: its tabs, its looks, and how it is mounted.

Everything that it loads comes from this server. Fonts are those of the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from vqclip import __version__
from vqclip.web.markup import text_to_html
from vqclip.web.routes import STATIC
from vqclip.web.studio import Studio
from vqclip.web.tabs import animate_tab, draw_tab, gallery_tab, look_tab, words_tab

FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "sans-serif")
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
HEAD = (
    '<link rel="stylesheet" href="/studio/static/page.css">'
    '<script src="/studio/static/page.js"></script>'
    '<script src="/studio/static/animate.js"></script>'
)
MOST_UPLOADED = "500mb"  # of a picture, a sound or a film that is dropped on the page


def make_page(studio: Studio) -> gr.Blocks:
    """Make the page of a studio."""
    with gr.Blocks(title="vqclip", analytics_enabled=False, fill_width=True) as made:
        place = text_to_html(_place(studio.out))
        gr.HTML(
            f'<header class="vq-top"><b>vqclip</b><span>{text_to_html(__version__)}</span>'
            f'<span class="vq-place" title="the folder of runs">{place}'
            "</span></header>",
            js_on_load=None,
            apply_default_css=False,
        )
        with gr.Tabs():
            with gr.Tab("Draw"):
                draw_tab.build(studio)
            with gr.Tab("Animate") as moving:
                animate_tab.build(studio, moving)
            with gr.Tab("Gallery"):
                gallery_tab.build()
            with gr.Tab("Words"):
                words_tab.build(studio)
            with gr.Tab("Look"):
                look_tab.build(studio)
    return made


def _place(out: Path) -> str:
    """The folder of runs, as somebody here would write it."""
    here = Path.cwd()
    return str(out.relative_to(here)) if out.is_relative_to(here) else str(out)


def mounting() -> dict[str, Any]:
    """How the page is mounted: nothing is shared, recorded, or offered beside it."""
    return {
        "theme": _theme(),
        "head": HEAD,
        "footer_links": [],
        "run_history": False,
        "show_error": False,
        "max_file_size": MOST_UPLOADED,
        "allowed_paths": [],
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "pwa": False,
        "favicon_path": str(STATIC / "favicon.png"),
    }


def _theme() -> Any:
    """Warm greys, so that the colours of a picture are its own, and one colour that acts."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        secondary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        font=FONT,
        font_mono=MONOSPACE,
        radius_size=gr.themes.sizes.radius_md,
    )
    return theme.set(
        body_background_fill="#faf8f5",
        body_background_fill_dark="#1b1917",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#242120",
        background_fill_secondary="#f4f1ec",
        background_fill_secondary_dark="#1f1d1b",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        border_color_primary="#e4ded5",
        border_color_primary_dark="#3a3532",
        input_background_fill="#ffffff",
        input_background_fill_dark="#2a2725",
        input_border_width="1px",
        input_border_color="#ddd6cb",
        input_border_color_dark="#413b37",
        button_primary_background_fill="#c2541c",
        button_primary_background_fill_hover="#a94614",
        button_primary_background_fill_dark="#cf6128",
        button_primary_background_fill_hover_dark="#de7238",
        button_primary_text_color="#ffffff",
    )
