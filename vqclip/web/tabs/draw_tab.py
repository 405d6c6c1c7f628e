"""The tab Draw: a prompt, how it is read, presets and drawers, and what is being drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

from vqclip.config import presets as config_presets
from vqclip.errors import ConfigError, PromptError, VqclipError
from vqclip.web.markup import block, cards_to_html, has_picture
from vqclip.web.studio import Studio
from vqclip.web.tabs import settings_panel

SIZES = ("128x128", "192x192", "256x256", "256x192", "192x256", "384x384", "512x512")
PREVIEWS = 5  # steps from one picture on the page to the next
LONGEST = 100_000  # letters of a prompt; a command line takes no more
DRAWERS = {  # what each is good for, as vqclip help drawers tells at length
    "vqgan": "things and scenes in the manner of pictures that a VQGAN learnt from",
    "pyramid": "fine detail at all resolutions, without a network",
    "pixels": "square cells, as in old games",
    "mosaic": "cells of another shape: brick, hexagon, triangle, diamond, knit",
    "palette": "few colours, which are learnt with the picture",
    "fourier": "waves: dreamlike texture",
    "wavelets": "more local waves",
    "strokes": "coloured brush strokes, which scale to any size",
    "lines": "a few long black lines, as a pen draws them",
}
STARTED = "(text) => window.vqclip.started(text)"


def build(studio: Studio) -> None:
    """Build the tab."""
    with gr.Row(elem_classes="vq-columns"):
        with gr.Column(scale=5, min_width=340, elem_classes="vq-form"):
            prompt = gr.Textbox(
                label="Prompt",
                placeholder="a red fox under a birch tree | fog:-0.3",
                lines=3,
                max_lines=10,
                elem_id="vq-prompt",
                autofocus=True,
            )
            gr.HTML(block("vq-parse"), js_on_load=None, apply_default_css=False)
            go = gr.Button("Draw", variant="primary", elem_id="vq-draw", size="lg")
            with gr.Row():
                size = gr.Dropdown(
                    SIZES,
                    value=None,
                    label="Size",
                    allow_custom_value=True,
                    elem_id="vq-size",
                    min_width=110,
                )
                steps = gr.Textbox(
                    label="Steps", placeholder="as usual", elem_id="vq-steps", min_width=90
                )
                seed = gr.Textbox(
                    label="Seed", placeholder="random", elem_id="vq-seed", min_width=90
                )
            known = config_presets.list_presets()
            pictured = {
                name: told for name, told in known.items() if has_picture("presets", name)
            }
            with gr.Accordion("Presets", open=True):
                gr.HTML(
                    cards_to_html("presets", pictured), js_on_load=None, apply_default_css=False
                )
                others = gr.Dropdown(
                    [
                        (f"{name}: {told}", name)
                        for name, told in known.items()
                        if name not in pictured
                    ],
                    multiselect=True,
                    label="Other presets",
                    elem_id="vq-others",
                )
            with gr.Accordion("Drawers", open=False):
                gr.HTML(
                    cards_to_html("drawer", DRAWERS), js_on_load=None, apply_default_css=False
                )
            with gr.Accordion("Avoid, style, start picture", open=False):
                negative = gr.Textbox(
                    label="Avoid", placeholder="fog | lettering:0.5", elem_id="vq-negative"
                )
                style = gr.Textbox(
                    label="Style", placeholder="an etching of {}", elem_id="vq-style"
                )
                start = gr.File(
                    label="Begin with a picture",
                    file_types=["image"],
                    elem_classes="vq-drop",
                    type="filepath",
                    height=150,
                )
            lines = settings_panel.build()
            presets = gr.Textbox(visible="hidden", elem_id="vq-presets-value")
            drawer = gr.Textbox(visible="hidden", elem_id="vq-drawer-value")
            begun = gr.Textbox(visible="hidden", elem_id="vq-begun")
        with gr.Column(scale=7, min_width=380, elem_classes="vq-stand"):
            gr.HTML(
                block("vq-live"),
                js_on_load=None,
                apply_default_css=False,
                elem_classes="vq-sticky",
            )
            gr.HTML(block("vq-works"), js_on_load=None, apply_default_css=False)

    def draw(*values: Any) -> str:
        try:
            words = list_words(*values)
            name = studio.start_run(words, str(values[0])).name
            return json.dumps({"key": name, "queued": studio.is_queued(name)})
        except VqclipError as error:
            return json.dumps({"error": str(error)})

    form = [prompt, negative, style, presets, others, drawer, size, steps, seed, start, lines]
    go.click(draw, form, begun, show_progress="hidden", queue=False).then(
        None, begun, None, js=STARTED, show_progress="hidden"
    )


def list_words(
    prompt: str,
    negative: str,
    style: str,
    presets: str,
    others: Sequence[str],
    drawer: str,
    size: str | None,
    steps: str,
    seed: str,
    start: str | None,
    lines: str,
) -> list[str]:
    """The words of the command line that a form stands for, after `vqclip generate`.

    Args:
        presets: names of presets that are chosen by picture, with commas.
        others: those that are chosen from the list.
        start: the file of the picture to begin with.
        lines: other settings, `key=value`, a line each.

    Raises:
        VqclipError: if it can be told here that they are none.
    """
    if not (prompt or "").strip():
        raise PromptError("there is no prompt; write what you want to see")
    if len(prompt) > LONGEST:
        raise PromptError(
            f"the prompt has {len(prompt)} letters; at most {LONGEST} can be drawn from here"
        )
    given = {
        "negative": negative,
        "style": style,
        "drawer": drawer,
        "size": size,
        "steps": steps,
        "seed": seed,
        "init": start,
    }
    words = [f"prompts={prompt}"]
    words += [
        f"{key}={str(value).strip()}" for key, value in given.items() if value not in (None, "")
    ]
    more = settings_panel.read_lines(lines)
    for key in (line.partition("=")[0] for line in more):
        if given.get(key) not in (None, "") or key in ("prompts", "out"):
            raise ConfigError(f"{key} is given twice, above and among the other settings")
    words += more
    if not any(line.startswith("previews=") for line in more):
        words.append(f"previews={PREVIEWS}")
    names = [*filter(None, (presets or "").split(",")), *(others or ())]
    return [*words, *(["--preset", ",".join(names)] if names else [])]
