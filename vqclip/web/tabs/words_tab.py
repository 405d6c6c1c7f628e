"""The tab Words: a word that is learnt from pictures, by `vqclip invert`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, VqclipError
from vqclip.language import assets
from vqclip.training.settings import WORD_KINDS, InversionConfig
from vqclip.web.markup import block
from vqclip.web.studio import Studio

SHOWN = "(text) => { window.vqclip.watchTool('vq-words', text); }"


def build(studio: Studio) -> None:
    """Build the tab."""
    with gr.Row(elem_classes="vq-columns"):
        with gr.Column(scale=5, min_width=340, elem_classes="vq-form"):
            gr.Markdown(
                "Teach a word from 3 to 10 pictures of one thing, or in one style. "
                "Prompts then use it in angle brackets: `a drawing of <my-cat>`."
            )
            pictures = gr.File(
                label="Pictures",
                file_count="multiple",
                file_types=["image"],
                elem_classes="vq-drop",
                elem_id="vq-pictures",
                height=180,
            )
            with gr.Row():
                token = gr.Textbox(label="Name", placeholder="my-cat", elem_id="vq-token")
                kind = gr.Dropdown(list(WORD_KINDS), value="object", label="What they share")
            with gr.Row():
                word = gr.Textbox(
                    label="An ordinary word to start from", placeholder="the nearest"
                )
                steps = gr.Textbox(
                    label="Steps",
                    placeholder=str(InversionConfig().steps),
                    elem_id="vq-word-steps",
                )
            teach = gr.Button("Teach it", variant="primary")
            begun = gr.Textbox(visible="hidden")
        with gr.Column(scale=7, min_width=380):
            gr.HTML(block("vq-words", [_known()]), js_on_load=None, apply_default_css=False)

    def learn(*values: object) -> str:
        try:
            words, name = list_words(*values)  # type: ignore[arg-type]
            return json.dumps({"key": studio.jobs.start_job("invert", words, f"<{name}>").name})
        except VqclipError as error:
            return json.dumps({"error": str(error)})

    teach.click(
        learn, [pictures, token, kind, word, steps], begun, show_progress="hidden", queue=False
    ).then(None, begun, None, js=SHOWN, show_progress="hidden")


def list_words(
    pictures: Sequence[str] | None, token: str, kind: str, word: str, steps: str
) -> tuple[list[str], str]:
    """The words after `vqclip invert`, and the name of the word.

    Raises:
        ConfigError: if there is nothing to learn, or nothing to call it.
    """
    if not pictures:
        raise ConfigError("there is no picture to learn from; drop 3 to 10 on the page")
    name = (token or "").strip()
    if not name:
        raise ConfigError("the word has no name yet; give it one, such as my-cat")
    words = [*pictures, f"--token={name}", f"--kind={kind}"]
    words += [f"--init={word.strip()}"] * bool((word or "").strip())
    words += [f"--steps={steps.strip()}"] * bool((steps or "").strip())
    return [*words, "--json"], name


def _known() -> str:
    """The words that prompts can use, in a sentence."""
    path = assets.SearchPath.from_settings(RunConfig().assets)
    found = assets.list_words(Path(each) / "embeddings" for each in path.folders)
    if not found:
        return "No word has been learnt yet."
    return "Words that are known: " + ", ".join(f"<{each}>" for each in found)
