"""Notes on prompts that may be read in another way than they were meant."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from vqclip.config.schema import RunConfig
from vqclip.language import assets, lexer, lookalikes, prompts
from vqclip.language.assets import SearchPath
from vqclip.media.paths import FILM_SUFFIXES, GALLERY_SUFFIXES


def list_prompt_notes(config: RunConfig, search_path: SearchPath) -> list[str]:
    """List what of the prompts may be read in another way than it was meant.

    Raises:
        PromptError: if a prompt cannot be read.
    """
    texts = (config.prompts, config.negative)
    signs = [lookalikes.show_signs(lexer.lex_text(text)) for text in texts]
    return [
        *prompts.lint_prompts(*texts),
        *assets.lint_word_names([*signs, config.style], search_path),
        *_note_name(config.prompts.strip()),
    ]


def _note_name(prompt: str) -> Iterator[str]:
    """Note that a prompt is an address or a file's name, and what to write for the file."""
    if re.fullmatch(r"https?://\S+", prompt, re.IGNORECASE):
        yield (
            f"{prompt!r} is read as words; for the picture there, save it and write the file's "
            'name: --init photo.jpg to begin with it, "@photo.jpg" to be like it'
        )
        return
    path = Path(os.path.expanduser(prompt))
    kind = path.suffix.lower()
    if len(prompt) > 1000 or "\0" in prompt or not os.path.isfile(path):
        return
    name = shlex.quote(prompt)
    if kind in GALLERY_SUFFIXES:
        mend = f'to begin with the picture write --init {name}, to be like it "@{prompt}"'
    elif kind in FILM_SUFFIXES:
        mend = f'to draw over the film write vqclip animate "a fox" source.film={name}'
    elif kind in assets.WORD_SUFFIXES:
        mend = f"a learnt word is written <{assets.propose_word_name(path.stem)}>"
    elif kind in (".txt", ".json", ".yaml", ".yml"):
        mend = f"to draw what is in the file write vqclip {name}"
    else:
        mend = f"a file of prompts, one a line, is called {shlex.quote(f'{path.stem}.txt')}"
    yield f"{prompt!r} is read as words, and is the name of a file here; {mend}"
