"""Tokenizers, with learnt words.

A tokenizer knows no learnt words. So a text is tokenized in pieces: the text between learnt words
by the tokenizer, a learnt word as one stand-in token for each of its vectors, which will replace
their embeddings (`vqclip.models.clip_text_tower`). Then the row is completed as the tokenizer
does: start and end tokens, padding, and truncation if it is too long. A text without learnt words
gives the same row as the tokenizer alone.

A sentencepiece tokenizer begins a new word after a learnt one: ", wet" is read as " , wet", like
the same text with a space before the comma.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vqclip.language.assets import split_learnt_words
from vqclip.models.clip_text_tower import Insertion

STAND_IN = "a"  # the token that a vector will replace; any that is not special


@dataclass(frozen=True, eq=False)
class TokenRow:
    """A text as tokens.

    Args:
        tokens: [L], start, end and padding included.
        weights: [L], the weight of each token; 1 is the default.
        inserted: (position, vectors [V, W]) of each learnt word that is not truncated.
        count: the tokens of the whole text, with start and end, without padding.
    """

    tokens: Tensor
    weights: Tensor
    inserted: tuple[tuple[int, Tensor], ...]
    count: int


def tokenise(
    tokenizer: Any,
    pieces: Iterable[tuple[str, float]],
    words: Mapping[str, Tensor],
    length: int,
) -> TokenRow:
    """Tokenize a text with weights and learnt words.

    Args:
        tokenizer: one of open_clip's.
        pieces: the text in order, as (text, weight); ("a fox", 1.0) may be all of it.
        words: learnt words: name → vectors [V, W]. An unknown name in angle brackets is read as
            plain text, without the brackets.
        length: the model's context length, L.
    """
    ids: list[int] = []
    weights: list[float] = []
    positions: list[tuple[int, Tensor]] = []
    for text, weight in pieces:
        for piece, named in split_learnt_words(text):
            if named and piece in words:
                positions.append((len(ids), words[piece]))
                new_ids = bare_tokens(tokenizer, STAND_IN)[:1] * len(words[piece])
            else:
                new_ids = bare_tokens(tokenizer, piece)
            ids += new_ids
            weights += [weight] * len(new_ids)
    before, after = count_special_tokens(tokenizer)
    room = length - before - after
    row = add_special_tokens(tokenizer, ids, length)
    counts = torch.ones(length)
    kept = weights[:room]
    counts[before : before + len(kept)] = torch.tensor(kept)
    inserted = [(at, vectors[: max(room - at, 0)]) for at, vectors in positions]
    return TokenRow(
        tokens=row,
        weights=counts,
        inserted=tuple((before + at, rows) for at, rows in inserted if len(rows)),
        count=before + len(ids) + after,
    )


def batch_insertions(rows: Sequence[TokenRow]) -> list[Insertion]:
    """The insertions of all rows of a batch."""
    return [
        Insertion(index, at, vectors)
        for index, row in enumerate(rows)
        for at, vectors in row.inserted
    ]


def bare_tokens(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text, without start, end and padding."""
    inner = getattr(tokenizer, "tokenizer", None)  # a Hugging Face tokenizer has one
    if inner is None:
        return list(tokenizer.encode(text))
    clean = getattr(tokenizer, "clean_fn", None) or (lambda words: words)
    return list(inner(clean(text), add_special_tokens=False)["input_ids"])


def count_special_tokens(tokenizer: Any) -> tuple[int, int]:
    """The number of special tokens before a text, and after it or its padding."""
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return 1, 1
    if _ends_in_class(tokenizer):
        return 1, 2
    head, tail = _special_tokens(inner)
    return len(head), len(tail)


def add_special_tokens(tokenizer: Any, ids: Sequence[int], length: int) -> Tensor:
    """Complete bare tokens to a row [length], as the tokenizer does."""
    before, after = count_special_tokens(tokenizer)
    kept = list(ids[: length - before - after])
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        row = [tokenizer.sot_token_id, *kept, tokenizer.eot_token_id]
        return _pad(row, length, 0)
    if _ends_in_class(tokenizer):
        row = [inner.bos_token_id, *kept, inner.eos_token_id]
        padded = _pad(row, length - 1, inner.pad_token_id)
        return torch.cat([padded, torch.tensor([inner.cls_token_id])])
    head, tail = _special_tokens(inner)
    row = [*head, *kept, *tail]
    if getattr(tokenizer, "strip_sep_token", False):
        row = [0 if number == inner.sep_token_id else number for number in row]
    return _pad(row, length, inner.pad_token_id)


def _ends_in_class(tokenizer: Any) -> bool:
    return getattr(tokenizer, "tokenizer_mode", "") == "clips"


def _special_tokens(inner: Any) -> tuple[list[int], list[int]]:
    """The special tokens that a Hugging Face tokenizer puts before and after a text."""
    alone = list(inner(STAND_IN, add_special_tokens=False)["input_ids"])
    whole = list(inner(STAND_IN)["input_ids"])
    before = next(i for i in range(len(whole)) if whole[i : i + len(alone)] == alone)
    return whole[:before], whole[before + len(alone) :]


def _pad(row: Sequence[int], length: int, pad: int) -> Tensor:
    return torch.tensor([*row, *[pad] * (length - len(row))], dtype=torch.long)
