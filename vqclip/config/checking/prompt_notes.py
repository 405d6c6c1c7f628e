"""Notes on prompts that may be read in another way than they were meant."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
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
        *_note_names(config),
        *_note_labels(config),
    ]


def _note_names(config: RunConfig) -> Iterator[str]:
    """Note what of the prompts, what to avoid and the style is an address or a file's name."""
    whole, style = config.prompts.strip(), config.style.strip()
    yield from _note_name(whole, _mend_prompt)
    parts = prompts.parse_with_negative(config.prompts, config.negative)
    bodies = dict.fromkeys(each.body.strip() for each in parts if each.has_words)
    for body in bodies:
        if body != whole:
            yield from _note_name(body, _mend_part)
    if style not in bodies:
        yield from _note_name(style, _mend_style)


def _note_labels(config: RunConfig) -> Iterator[str]:
    """Note labels with an article, which their templates have already."""
    parts = prompts.parse_with_negative(config.prompts, config.negative)
    for body in dict.fromkeys(each.body for each in parts if each.kind == "label"):
        body = lexer.fold_lines(body)
        article, _, thing = body.partition(" ")
        if article.lower() in ("a", "an", "the") and thing.strip():
            yield (
                f"label({body}) is read as 'a photo of the large {body}.' and the like; without "
                f"the article: label({thing.strip()})"
            )


def _note_name(name: str, mend: Callable[[str], str]) -> Iterator[str]:
    """Note that words are an address or a file's name, and what to write for the file."""
    if re.fullmatch(r"https?://\S+", name, re.IGNORECASE):
        yield (
            f"{name!r} is read as words; for the picture there, save it and write the file's "
            'name: --init photo.jpg to begin with it, "@photo.jpg" to be like it'
        )
    elif len(name) <= 1000 and "\0" not in name and os.path.isfile(os.path.expanduser(name)):
        yield f"{name!r} is read as words, and is the name of a file here; {mend(name)}"


def _mend_prompt(name: str) -> str:
    """Write what a whole prompt that is a file's name may be meant for."""
    path, quoted = Path(name), shlex.quote(name)
    if path.suffix.lower() in GALLERY_SUFFIXES:
        return f'to begin with the picture write --init {quoted}, to be like it "@{name}"'
    if path.suffix.lower() in (".txt", ".json", ".yaml", ".yml"):
        return f"to draw what is in the file write vqclip {quoted}"
    if path.suffix.lower() in (*FILM_SUFFIXES, *assets.WORD_SUFFIXES):
        return _mend_part(name)
    return f"a file of prompts, one a line, is called {shlex.quote(f'{path.stem}.txt')}"


def _mend_part(name: str) -> str:
    """Write what a part of a prompt that is a file's name may be meant for."""
    path = Path(name)
    kind = path.suffix.lower()
    if kind in GALLERY_SUFFIXES:
        return f"to be like the picture, or unlike it, write @{name}"
    if kind in FILM_SUFFIXES:
        return (
            f'to draw over the film write vqclip animate "a fox" source.film={shlex.quote(name)}'
        )
    if kind in assets.WORD_SUFFIXES:
        return f"a learnt word is written <{assets.propose_word_name(path.stem)}>"
    return _mend_style(name)


def _mend_style(name: str) -> str:
    """Write what words that are a file's name may be meant for, where only words can stand."""
    if Path(name).suffix.lower() == ".txt":
        return f"write the words in it, or {{{name}}} for a run with each of its lines"
    return "write words in its place"
