"""The tab Look: pictures are classified, and runs are searched, by the CLIP of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence

import gradio as gr

from vqclip.errors import ConfigError, PromptError, VqclipError
from vqclip.web.markup import block
from vqclip.web.studio import Studio

CLASSIFIED = "(text) => { window.vqclip.watchTool('vq-classified', text); }"
FOUND = "(text) => { window.vqclip.watchTool('vq-found', text); }"


def build(studio: Studio) -> None:
    """Build the tab."""
    with gr.Row(elem_classes="vq-columns"):
        with gr.Column(min_width=340):
            gr.Markdown("### Classify\nWhich of some words fits a picture best?")
            pictures = gr.File(
                label="Pictures",
                file_count="multiple",
                file_types=["image"],
                elem_classes="vq-drop",
                elem_id="vq-looked",
                height=140,
            )
            labels = gr.Textbox(
                label="Labels", placeholder="a cat | a dog | a bicycle", elem_id="vq-labels"
            )
            classify = gr.Button("Classify", variant="primary")
            gr.HTML(block("vq-classified"), js_on_load=None, apply_default_css=False)
        with gr.Column(min_width=340):
            gr.Markdown(
                "### Search\nWhich of your runs looks like these words, or like a picture?"
            )
            query = gr.Textbox(label="Words", placeholder="a castle in fog", elem_id="vq-query")
            like = gr.File(
                label="or a picture",
                file_types=["image"],
                elem_classes="vq-drop",
                type="filepath",
                height=150,
            )
            search = gr.Button("Search my runs", variant="primary")
            gr.HTML(block("vq-found"), js_on_load=None, apply_default_css=False)
    begun = gr.Textbox(visible="hidden")

    def start_classify(given: Sequence[str] | None, text: str) -> str:
        try:
            return _started(studio, "classify", classify_words(given, text), text)
        except VqclipError as error:
            return json.dumps({"error": str(error)})

    def start_search(text: str, picture: str | None) -> str:
        try:
            words = [str(studio.out), *search_words(text, picture)]
            return _started(studio, "search", words, text or "a picture")
        except VqclipError as error:
            return json.dumps({"error": str(error)})

    classify.click(
        start_classify, [pictures, labels], begun, show_progress="hidden", queue=False
    ).then(None, begun, None, js=CLASSIFIED, show_progress="hidden")
    search.click(start_search, [query, like], begun, show_progress="hidden", queue=False).then(
        None, begun, None, js=FOUND, show_progress="hidden"
    )


def classify_words(pictures: Sequence[str] | None, labels: str) -> list[str]:
    """The words after `vqclip classify`.

    Raises:
        VqclipError: if there is nothing to look at, or to tell apart.
    """
    if not pictures:
        raise ConfigError("there is no picture to look at; drop some on the page")
    if not (labels or "").strip():
        raise PromptError('there are no labels; write some: "a cat | a dog"')
    return [*pictures, f"--labels={labels.strip()}", "--json"]


def search_words(text: str, picture: str | None) -> list[str]:
    """The words after `vqclip search FOLDER`.

    Raises:
        VqclipError: if there is nothing to find, or two things.
    """
    words = (text or "").strip()
    if words and picture:
        raise ConfigError("a search is for words or for a picture, not for both; leave one out")
    if not words and not picture:
        raise PromptError("there is nothing to find; write some words, or drop a picture")
    return ["--top=24", "--json", *([f"--image={picture}"] if picture else ["--", words])]


def _started(studio: Studio, kind: str, words: Sequence[str], title: str) -> str:
    return json.dumps({"key": studio.jobs.start_job(kind, words, title).name})
