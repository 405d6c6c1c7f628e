"""Tokenizers, with learnt words.

A tokenizer knows no such word. So a text is spelled in pieces: what stands between the words by
the tokenizer, a word as so many tokens as it has vectors, whose embeddings the vectors will
replace (`models.text_encoder`). Then the row gets what the tokenizer puts around any text: its
start and end, its padding, and its cut where it is too long. A text without such words is spelled
by the tokenizer alone, to the same row.

A piece after a word begins a word of its own for a sentencepiece tokenizer: ", wet" is there
" , wet", which is how the same text would be read with a blank before the comma.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vqclip.language.assets import split_learnt_words
from vqclip.models.text_encoder import Insertion

STAND_IN = "a"  # what is written where a vector will stand; any token that is not special


@dataclass(frozen=True, eq=False)
class Row:
    """A text as tokens.

    Args:
        tokens: [L], start, end and padding included.
        weights: [L], how much each token counts; 1 where nobody asked.
        inserted: (position, vectors [V, W]) of each learnt word that is not cut off.
        count: how many tokens the text has in full, start and end included, padding not.
    """

    tokens: Tensor
    weights: Tensor
    inserted: tuple[tuple[int, Tensor], ...]
    count: int


def spell(
    tokenizer: Any,
    pieces: Iterable[tuple[str, float]],
    words: Mapping[str, Tensor],
    length: int,
) -> Row:
    """Write a text in tokens.

    Args:
        tokenizer: one of open_clip's.
        pieces: the text in order, each piece with its weight; ("a fox", 1.0) is a whole text.
        words: the learnt ones, by name: [V, W]. A name in angle brackets that is not among them
            is read as it stands, without the brackets.
        length: how many tokens the model reads, L.
    """
    numbers: list[int] = []
    weights: list[float] = []
    places: list[tuple[int, Tensor]] = []
    for text, weight in pieces:
        for piece, named in split_learnt_words(text):
            if named and piece in words:
                places.append((len(numbers), words[piece]))
                added = bare(tokenizer, STAND_IN)[:1] * len(words[piece])
            else:
                added = bare(tokenizer, piece)
            numbers += added
            weights += [weight] * len(added)
    before, after = frame(tokenizer)
    room = length - before - after
    row = framed(tokenizer, numbers, length)
    counts = torch.ones(length)
    kept = weights[:room]
    counts[before : before + len(kept)] = torch.tensor(kept)
    inserted = [(at, vectors[: max(room - at, 0)]) for at, vectors in places]
    return Row(
        tokens=row,
        weights=counts,
        inserted=tuple((before + at, rows) for at, rows in inserted if len(rows)),
        count=before + len(numbers) + after,
    )


def insertions(rows: Sequence[Row]) -> list[Insertion]:
    """What is inserted into the rows of a batch."""
    return [
        Insertion(index, at, vectors)
        for index, row in enumerate(rows)
        for at, vectors in row.inserted
    ]


def bare(tokenizer: Any, text: str) -> list[int]:
    """A text's tokens without start and end."""
    inner = getattr(tokenizer, "tokenizer", None)  # a Hugging Face tokenizer has one
    if inner is None:
        return list(tokenizer.encode(text))
    clean = getattr(tokenizer, "clean_fn", None) or (lambda words: words)
    return list(inner(clean(text), add_special_tokens=False)["input_ids"])


def frame(tokenizer: Any) -> tuple[int, int]:
    """How many tokens the tokenizer puts before and after a text, and after its padding."""
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return 1, 1
    if _ends_in_class(tokenizer):
        return 1, 2
    head, tail = _marks(inner)
    return len(head), len(tail)


def framed(tokenizer: Any, numbers: Sequence[int], length: int) -> Tensor:
    """Make a whole row [length] of bare tokens, as the tokenizer does of a text."""
    before, after = frame(tokenizer)
    kept = list(numbers[: length - before - after])
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        row = [tokenizer.sot_token_id, *kept, tokenizer.eot_token_id]
        return _padded(row, length, 0)
    if _ends_in_class(tokenizer):
        row = [inner.bos_token_id, *kept, inner.eos_token_id]
        padded = _padded(row, length - 1, inner.pad_token_id)
        return torch.cat([padded, torch.tensor([inner.cls_token_id])])
    head, tail = _marks(inner)
    row = [*head, *kept, *tail]
    if getattr(tokenizer, "strip_sep_token", False):
        row = [0 if number == inner.sep_token_id else number for number in row]
    return _padded(row, length, inner.pad_token_id)


def _ends_in_class(tokenizer: Any) -> bool:
    return getattr(tokenizer, "tokenizer_mode", "") == "clips"


def _marks(inner: Any) -> tuple[list[int], list[int]]:
    """What a Hugging Face tokenizer puts before and after a text."""
    alone = list(inner(STAND_IN, add_special_tokens=False)["input_ids"])
    whole = list(inner(STAND_IN)["input_ids"])
    before = next(i for i in range(len(whole)) if whole[i : i + len(alone)] == alone)
    return whole[:before], whole[before + len(alone) :]


def _padded(row: Sequence[int], length: int, pad: int) -> Tensor:
    return torch.tensor([*row, *[pad] * (length - len(row))], dtype=torch.long)
