"""The tab Animate: an animation's prompt and settings, previewed before anything is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import gradio as gr

from vqclip.config import loading
from vqclip.config import presets as config_presets
from vqclip.config.schema import RunConfig
from vqclip.errors import PromptError, VqclipError
from vqclip.web.animation_preview import preview_animation
from vqclip.web.markup import block
from vqclip.web.studio import Studio
from vqclip.web.tabs import settings_panel
from vqclip.web.tabs.draw_tab import PREVIEWS, SIZES

PREVIEWED = "(text) => window.vqclip.animate(text)"
STARTED = "(text) => window.vqclip.started(text, true)"
EXAMPLE = "a coral reef with fish"  # previewed while nothing is written


def build(studio: Studio, tab: Any) -> None:
    """Build the tab.

    Args:
        tab: the tab that it stands in; the preview begins when it is opened.
    """
    with gr.Row(elem_classes="vq-columns"):
        with gr.Column(scale=5, min_width=340, elem_classes="vq-form"):
            prompt = gr.Textbox(
                label="Prompt",
                info="^ stands between scenes",
                placeholder="a red apple ^ a yellow pear | lasting(2s) ^ a blue bird",
                lines=3,
                max_lines=10,
                elem_id="vq-an-prompt",
            )
            go = gr.Button("Animate", variant="primary", size="lg", elem_id="vq-animate")
            known = config_presets.list_presets()
            preset = gr.Dropdown(
                [("none", ""), *((f"{name}: {known[name]}", name) for name in moving_presets())],
                value="",
                label="Preset",
            )
            with gr.Row():
                length = gr.Textbox(label="Length", placeholder="seconds", min_width=90)
                fps = gr.Textbox(label="Frames/s", placeholder="12", min_width=90)
                size = gr.Dropdown(
                    SIZES, value=None, label="Size", allow_custom_value=True, min_width=110
                )
                seed = gr.Textbox(label="Seed", placeholder="random", min_width=90)
            loop = gr.Checkbox(label="Let the last frame lead back to the first")
            with gr.Row():
                sound = gr.File(
                    label="Sound",
                    file_types=["audio"],
                    type="filepath",
                    height=150,
                    elem_classes="vq-drop",
                )
                film = gr.File(
                    label="A film to draw over",
                    file_types=["video"],
                    type="filepath",
                    height=150,
                    elem_classes="vq-drop",
                )
            lines = gr.Textbox(
                label="Changed settings",
                info="key=value, a line each; curves are written here, too",
                lines=3,
                max_lines=12,
                elem_id="vq-an-lines",
                elem_classes="vq-mono",
            )
            seen = gr.Textbox(visible="hidden")
            begun = gr.Textbox(visible="hidden")
        with gr.Column(scale=7, min_width=380, elem_classes="vq-stand"):
            for place in ("vq-cubes", "vq-timeline", "vq-curve", "vq-an-wrong"):
                gr.HTML(block(place), js_on_load=None, apply_default_css=False)
    form = [prompt, preset, length, fps, size, seed, loop, sound, film, lines]

    def look(*values: Any) -> str:
        try:
            words = list_words(*values)
        except VqclipError as error:
            return json.dumps({"error": str(error)})
        text = (values[0] or "").strip() or EXAMPLE
        return json.dumps(preview_animation(text, [values[1]] if values[1] else [], words))

    def start(*values: Any) -> str:
        try:
            if not (values[0] or "").strip():
                raise PromptError("there is no prompt; write what you want to see")
            preset_words = ["--preset", values[1]] if values[1] else []
            words = [f"prompts={values[0]}", *list_words(*values), f"previews={PREVIEWS}"]
            if (
                not values[1]
                and not values[2]
                and not any(
                    word.startswith(("frames=", "length=", "source.film=")) for word in words
                )
            ):
                words.append("frames=60")
            job = studio.jobs.start_job(
                "animate",
                [*words, *preset_words, "--json", "--out", str(studio.out)],
                str(values[0]),
            )
            return json.dumps({"key": job.name, "queued": studio.is_queued(job.name)})
        except VqclipError as error:
            return json.dumps({"error": str(error)})

    # One listener of all of them: answers of several would come in any order.
    gr.on(
        [*(each.change for each in form), tab.select],
        look,
        form,
        seen,
        show_progress="hidden",
        queue=False,
        trigger_mode="always_last",
    ).then(None, seen, None, js=PREVIEWED, show_progress="hidden")
    go.click(start, form, begun, show_progress="hidden", queue=False).then(
        None, begun, None, js=STARTED, show_progress="hidden"
    )


@cache
def moving_presets() -> Sequence[str]:
    """The presets of animations, by name."""
    found = []
    for name in config_presets.list_presets():
        config = loading.load_config("a house", name)
        if config.frames or config.length or config.camera != RunConfig().camera:
            found.append(name)
    return found


def list_words(
    prompt: str,
    preset: str,
    length: str,
    fps: str,
    size: str | None,
    seed: str,
    loop: bool,
    sound: str | None,
    film: str | None,
    lines: str,
) -> list[str]:
    """The settings that a form stands for, without its prompt and preset.

    Raises:
        ConfigError: for a line that is no setting.
    """
    given = {
        "length": length,
        "fps": fps,
        "size": size,
        "seed": seed,
        "sound.file": sound,
        "source.film": film,
        "loop": "true" if loop else "",
    }
    words = [f"{key}={str(value).strip()}" for key, value in given.items() if value]
    return [*words, *settings_panel.read_lines(lines)]
