"""Prompt embeddings: from a prompt to its direction in a perceptor's space.

A text longer than the perceptor's context is not cut off: it is split at the ends of sentences
and clauses, each chunk is embedded by itself, and the directions are averaged by their number of
tokens, as front ends for Stable Diffusion do with chunks of 75. Words with attention weights are
read by `vqclip.models.clip_text_tower`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.nn import functional

from vqclip.errors import PromptError
from vqclip.guidance import zero_shot
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files, vector_files
from vqclip.language.directions.direction_files import Direction
from vqclip.language.prompt_types import Prompt, TextSpan, learnt_words_in
from vqclip.media import images, paths
from vqclip.models import clip_text_tower
from vqclip.models import tokenizer as models_tokenizer
from vqclip.models.zoo import model_files, word_embedding
from vqclip.tensors import Embedding

# Where a long text is split, best first: after sentences, clauses, words, and at last letters.
BORDERS = (r"(?<=[.!?;])\s+|(?<=[。！？；])", r"(?<=,)\s+|(?<=[，、])", r"\s+", r"(?<=.)")
NOTHING = 1e-5  # a difference of embeddings below this is rounding
Pieces = tuple[TextSpan, ...]
# Seven of CLIP's eighty templates for ImageNet, which do nearly as well as all of them: OpenAI's
# notebook "Prompt Engineering for ImageNet". pixray's labels are the mean of the same seven.
LABEL_TEMPLATES = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)


@dataclass(frozen=True)
class Chunk:
    """A part of a text that a perceptor reads whole.

    Args:
        pieces: of text, each with its attention.
        tokens: how many they are, start and end left out.
    """

    pieces: Pieces
    tokens: int


def split_text(pieces: Sequence[TextSpan], perceptor: OpenClipPerceptor) -> list[Chunk]:
    """Split a text into chunks that a perceptor reads whole.

    A text that fits is one chunk. Others are split at the ends of sentences; a sentence that is
    too long, at commas; and what is still too long, between words. Neighbours that fit together
    are one chunk.
    """

    def count(some: Sequence[TextSpan]) -> int:
        return _spelled(some, perceptor).count - sum(
            models_tokenizer.count_special_tokens(perceptor.tokenizer)
        )

    room = perceptor.token_room
    whole = Chunk(tuple(pieces), count(pieces))
    if whole.tokens <= room:
        return [whole]
    found: list[Pieces] = []
    for part in _parts(tuple(pieces), BORDERS, lambda some: count(some) <= room):
        if found and count(together := _joined(found[-1] + part)) <= room:
            found[-1] = together
        else:
            found.append(part)
    return [Chunk(each, count(each)) for each in map(_trimmed, found) if each]


def embed_prompt(
    prompt: Prompt, perceptor: OpenClipPerceptor, search_path: SearchPath
) -> Embedding:
    """Embed any prompt but an image prompt, whose target changes: [1, D], of length 1.

    Args:
        search_path: where the files of directions and pictures are searched for.

    Raises:
        PromptError: if a direction does not exist, or was made for other perceptors.
        PictureError: if the picture of a like( ) cannot be read.
    """
    if prompt.kind == "noise":
        like = perceptor.embed_text(["noise"])
        seed = hashlib.sha256(f"noise prompt {prompt.body}".encode()).digest()
        stream = torch.Generator().manual_seed(int.from_bytes(seed[:8], "big") >> 1)
        return functional.normalize(torch.randn(like.shape, generator=stream), dim=-1).to(like)
    if prompt.kind == "vector":
        return embed_direction(
            direction_files.find_direction(prompt.body, search_path), prompt.body, perceptor
        )
    if prompt.kind == "like":
        return embed_pictures(paths.find_images(prompt.body, search_path), perceptor)
    return embed_text_prompt(prompt, perceptor)


def embed_text_prompt(prompt: Prompt, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed a text prompt or a label, the mean of its templates: [1, D], of length 1."""
    return _mean(
        torch.cat([embed_pieces(each, perceptor) for each in list_texts(prompt, perceptor)])
    )


@torch.no_grad()
def embed_pictures(files: Sequence[Path], perceptor: OpenClipPerceptor) -> Embedding:
    """Embed pictures as wholes, and give their mean: [1, D], of length 1.

    Each is resized by its shorter side, and the middle kept, as CLIP's own preprocessing does.

    Raises:
        PictureError: if one cannot be read.
    """
    seen = (zero_shot.preprocess(images.open_rgb(path), perceptor) for path in files)
    return _mean(torch.cat([perceptor.embed_image(pixels[None]) for pixels in seen]))


def _mean(rows: Embedding) -> Embedding:
    """The mean of rows of length 1, [1, D], of length 1; a single row stays as it is."""
    return rows if len(rows) == 1 else functional.normalize(rows.mean(0, keepdim=True), dim=-1)


def embed_direction(direction: Direction, name: str, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed a direction that was made of words or pictures: [1, D], of length 1.

    Args:
        name: for messages.

    Raises:
        PromptError: if it was made of pictures, or is a vector file, for other perceptors.
    """
    if direction.of_vector_file:
        length = perceptor.embedding_length
        vector_files.check_vectors(direction.vectors, name, {perceptor.name: length})
    kept = direction.find_vector(model_files.file_sha256(perceptor.weights), perceptor.name)
    if kept is not None:
        like = perceptor.embed_text(["direction"])
        if len(kept) == like.shape[1]:
            return functional.normalize(torch.tensor([kept]).to(like), dim=-1)
    if not direction.in_words:
        raise PromptError(
            f"vector({name}) was made from pictures, but not for {perceptor.name}; make it "
            f"again with vqclip direction … perceptors={perceptor.name}"
        )
    there, lacking = direction.there, direction.lacking
    return direction_between(
        perceptor.embed_text(list(there)), perceptor.embed_text(list(lacking))
    )


def direction_between(there: Embedding, lacking: Embedding) -> Embedding:
    """The direction from the mean of `lacking` to the mean of `there`: [1, D], of length 1.

    Args:
        there: [N, D], embeddings of what has the quality.
        lacking: [M, D], embeddings of what lacks it.

    Raises:
        PromptError: if both means are the same.
    """
    found = there.mean(0, keepdim=True) - lacking.mean(0)
    if float(torch.linalg.vector_norm(found)) < NOTHING:
        raise PromptError(
            "the two sides of this direction mean the same, so it leads nowhere; write what one "
            "has and the other lacks"
        )
    return functional.normalize(found, dim=-1)


def choose_text(prompt: Prompt, perceptor: OpenClipPerceptor) -> Pieces:
    """The text of a prompt for a perceptor: its sentence if the perceptor reads sentences."""
    return (
        (TextSpan(prompt.sentence),)
        if prompt.sentence and perceptor.reads_sentences
        else prompt.spans
    )


def list_texts(prompt: Prompt, perceptor: OpenClipPerceptor) -> list[Pieces]:
    """The texts of a prompt for a perceptor: one, or a label in each of its templates.

    A sentence that is given for perceptors that read sentences stands in no template.
    """
    pieces = choose_text(prompt, perceptor)
    if prompt.kind != "label" or (prompt.sentence and perceptor.reads_sentences):
        return [pieces]
    found = []
    for template in LABEL_TEMPLATES:
        before, after = template.split("{}")
        found.append(_joined((TextSpan(before), *pieces, TextSpan(after))))
    return found


def embed_pieces(pieces: Pieces, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed a text of any length: [1, D], of length 1."""
    parts = split_text(pieces, perceptor)
    rows = torch.cat([_read(part.pieces, perceptor) for part in parts])
    if len(parts) == 1:
        return rows
    share = torch.tensor([part.tokens for part in parts]).to(rows)
    return functional.normalize((share[:, None] * rows).sum(0, keepdim=True), dim=-1)


def split_word(word: str, perceptor: OpenClipPerceptor) -> list[str]:
    """Split a word into a perceptor's tokens, as text."""
    inner = getattr(perceptor.tokenizer, "tokenizer", None)
    if inner is not None:
        return [str(each).strip("▁Ġ") for each in inner.tokenize(word)]
    tokenizer = perceptor.tokenizer
    return [tokenizer.decoder[each].removesuffix("</w>") for each in tokenizer.encode(word)]


def knows_word(word: str, perceptor: OpenClipPerceptor) -> bool:
    """Whether a perceptor's training has seen all the tokens of a word.

    The bundled perceptors' tables hold zeros for tokens that training never saw.
    """
    tokens = perceptor.tokenizer([word]).to(perceptor.mean.device)
    inside = tokens[:, : perceptor.count_tokens(word)]
    return bool((clip_text_tower.embed_tokens(perceptor.model, inside).abs().sum(-1) > 0).all())


def read_learnt_words(
    prompts: Sequence[Prompt], style: str, search_path: SearchPath
) -> list[word_embedding.WordEmbedding]:
    """Read the learnt words in prompts and their style from their files.

    Raises:
        PromptError: if a word has no file.
        ModelError: if its file cannot be read.
    """
    found = assets.find_learnt_words([style, *learnt_words_in(prompts)], search_path)
    return [word_embedding.read_word(path, name) for name, path in found.items()]


@torch.no_grad()
def _read(pieces: Pieces, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed a text that fits, with attention weights: [1, D] float32, of length 1.

    A token of attention w is read as if it were written w times; see
    `vqclip.models.clip_text_tower`. That alone moves the direction little, since text towers are
    trained to read every word. So for a word of attention w above 1, w - 1 times the difference
    that the word makes, with it minus without it, is added: a guidance like that of Ho and
    Salimans, 2022 (https://arxiv.org/abs/2207.12598), for diffusion models.
    """
    row = _spelled(pieces, perceptor)
    if not row.inserted and all(piece.attention == 1 for piece in pieces):
        return perceptor.embed_text(["".join(piece.to_text for piece in pieces)])
    found = _encoded(row, perceptor)
    raised = [number for number, piece in enumerate(pieces) if piece.attention > 1]
    if len(raised) == len(pieces):  # more attention to the whole text leaves it the same
        return found
    more = torch.zeros_like(found)
    for number in raised:
        silent = replace(pieces[number], attention=0.0)
        less = _encoded(
            _spelled((*pieces[:number], silent, *pieces[number + 1 :]), perceptor), perceptor
        )
        more += (pieces[number].attention - 1) * (found - less)
    return functional.normalize(found + more, dim=-1)


def _encoded(row: models_tokenizer.TokenRow, perceptor: OpenClipPerceptor) -> Embedding:
    """Embed a row of tokens with its weights and learnt words: [1, D] float32, of length 1."""
    place = perceptor.mean.device
    read = clip_text_tower.encode_text(
        perceptor.model,
        row.tokens[None].to(place),
        weights=row.weights[None].to(place),
        inserted=models_tokenizer.batch_insertions([row]),
    )
    return functional.normalize(read.float(), dim=-1)


def _spelled(
    pieces: Sequence[TextSpan], perceptor: OpenClipPerceptor
) -> models_tokenizer.TokenRow:
    return perceptor.tokenise([(piece.to_text, piece.attention) for piece in pieces])


def _parts(
    pieces: Pieces, borders: Sequence[str], fits: Callable[[Pieces], bool]
) -> Iterator[Pieces]:
    """Split a text at the first kind of border, and what is still too long at the next."""
    if not borders or fits(pieces):
        yield pieces
        return
    current: list[TextSpan] = []
    for piece in pieces:
        if piece.learnt:
            current.append(piece)
            continue
        start = 0
        for border in re.finditer(borders[0], piece.text):
            if text := piece.text[start : border.end()]:
                current.append(replace(piece, text=text))
            if current:
                yield from _parts(tuple(current), borders[1:], fits)
            current, start = [], border.end()
        if text := piece.text[start:]:
            current.append(replace(piece, text=text))
    if current:
        yield from _parts(tuple(current), borders[1:], fits)


def _joined(pieces: Pieces) -> Pieces:
    """Join neighbouring pieces of equal attention."""
    found: list[TextSpan] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and not (last.learnt or piece.learnt) and last.attention == piece.attention:
            found[-1] = replace(last, text=last.text + piece.text)
        else:
            found.append(piece)
    return tuple(found)


def _trimmed(pieces: Pieces) -> Pieces:
    """Leave out pieces that are white space only."""
    return tuple(piece for piece in pieces if piece.learnt or piece.text.strip())
