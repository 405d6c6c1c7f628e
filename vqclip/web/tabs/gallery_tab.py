"""The tab Gallery: the runs of the folder.

All of it is made by the page's script, of what `vqclip.web.routes` tells: thousands of runs are
listed a page at a time.
"""

from __future__ import annotations

import gradio as gr

from vqclip.web.markup import block


def build() -> None:
    """Build the tab."""
    gr.HTML(block("vq-gallery"), js_on_load=None, apply_default_css=False)
