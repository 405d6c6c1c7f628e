"""The style of a sentence: words at its edges about the whole picture."""

from __future__ import annotations

import re

from vqclip.language.layout.reader.vocabulary import Phrases, Vocabulary, load_vocabulary

TOKEN = re.compile(r"[^\W_]+(?:['’\-/][^\W_]+)*|[,.;:!?&+]")
CONTRACTION = re.compile(r"(?<=\bthat|\bhere)'s\b|(?<=\bwho)'s\b|(?<=\bshe)'s\b|(?<=\bhe)'s\b")
JOINING = frozenset(
    {"a", "an", "the", "of", "in", "with", "and", "by", "very", "as", "on", "some"}
)


def split_words(text: str) -> list[str]:
    """The words and signs of a sentence, in lower case: "A cat; black" → a cat . black"""
    text = CONTRACTION.sub(" is", text.lower().replace("’", "'"))
    words = TOKEN.findall(text)
    return [{"&": "and", "+": "and", ":": ",", ";": "."}.get(word, word) for word in words]


def split_style(words: list[str]) -> tuple[list[str], str]:
    """Take words of style from both ends of a sentence.

    Returns:
        what is left, and the style: "" for none.
    """
    vocabulary = load_vocabulary()
    words, opening = cut_opening(words, vocabulary)
    words, ending = cut_ending(words, vocabulary)
    kept: list[str] = []
    styles = [opening, ending]
    for index, segment in enumerate(split_segments(words)):
        if is_style(segment, vocabulary, first=index == 0):
            styles.append(" ".join(word for word in segment if word not in ",.!?"))
        else:
            kept += segment
    return kept, ", ".join(style for style in styles if style)


def split_segments(words: list[str]) -> list[list[str]]:
    """Parts of a sentence, each but the first with the comma or stop before it."""
    segments: list[list[str]] = [[]]
    for word in words:
        if word in ",.!?" and segments[-1]:
            segments.append([])
        segments[-1].append(word)
    return segments


def cut_opening(words: list[str], vocabulary: Vocabulary) -> tuple[list[str], str]:
    """Cut "there is", "a photo of", "a loose watercolour of" off the begin."""
    styles: list[str] = []
    at = 0
    while at < len(words):
        if found := vocabulary.openings.find(words, at):
            styles.append(found[1])
            at = found[2]
            continue
        end = find_medium(words, at, vocabulary)
        if not end:
            break
        styles.append(" ".join(words[at : end - 1]).removeprefix("a ").removeprefix("an "))
        at = end
    return words[at:], ", ".join(style for style in styles if style)


def find_medium(words: list[str], at: int, vocabulary: Vocabulary) -> int:
    """The index after "a detailed oil painting of", or 0."""
    start = at
    while at < len(words) and at < start + 6:
        found = vocabulary.style.find(words, at)
        if found and found[2] < len(words) and words[found[2]] in ("of", "showing", "depicting"):
            return found[2] + 1
        if found:
            at = found[2]
        elif words[at] in ("a", "an", "the") or not names_something(words, at, vocabulary):
            at += 1
        else:
            break
    return 0


def names_something(words: list[str], at: int, vocabulary: Vocabulary) -> bool:
    """Whether a word is a noun, a verb or a phrase of place, and so no attribute of a medium."""
    if words[at] in vocabulary.adjectives:
        return False
    found = vocabulary.nouns.find(words, at) or vocabulary.prepositions.find(words, at)
    return found is not None or words[at] in vocabulary.verbs or not words[at].isalpha()


def cut_ending(words: list[str], vocabulary: Vocabulary) -> tuple[list[str], str]:
    """Cut "in the style of monet", "in watercolour", "as an oil painting" off the end."""
    for at in range(1, len(words)):
        if words[at : at + 2] == ["style", "of"] or words[at : at + 4] == [
            "in",
            "the",
            "style",
            "of",
        ]:
            return words[:at], " ".join(words[at:])
    for at in range(max(1, len(words) - 5), len(words) - 1):
        if words[at] in ("in", "as") and all_style(words[at + 1 :], vocabulary.style, vocabulary):
            return words[:at], " ".join(words[at:])
    return words, ""


def all_style(words: list[str], style: Phrases[str], vocabulary: Vocabulary) -> bool:
    """Whether words are words of style, with adjectives and small words between them."""
    at, found_one = 0, False
    while at < len(words):
        if found := style.find(words, at):
            at, found_one = found[2], True
        elif words[at] in JOINING or words[at] in vocabulary.adjectives:
            at += 1
        else:
            return False
    return found_one


def is_style(segment: list[str], vocabulary: Vocabulary, *, first: bool) -> bool:
    """Whether a part of a sentence between commas says how the whole looks."""
    words = [word for word in segment if word not in ",.!?"]
    if not words:
        return False
    if all_style(words, vocabulary.style, vocabulary):
        return True
    if first:
        return False
    if words[0] == "by" and not any(word in vocabulary.nouns for word in words):
        return True
    if any(vocabulary.style.find(words, at) for at in range(len(words))):
        names = (vocabulary.nouns.find(words, at) for at in range(len(words)))
        return not any(found and found[1].kind != "setting" for found in names)
    is_sign = set(words) & {"a", "an", "the", "is", "are"} or any(
        word in vocabulary.nouns
        or word in vocabulary.numbers
        or word in vocabulary.prepositions
        or word in vocabulary.verbs
        or vocabulary.find_singular(word)
        for word in words
    )
    return (
        not is_sign
        and len(words) < 6
        and not all(word in vocabulary.adjectives for word in words)
    )
