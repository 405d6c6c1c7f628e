"""The text tower of a CLIP: tokens to an embedding, with learnt words and weights of words.

open_clip's models have one method for text: `encode_text(tokens)`. Two things are added here, by
hooks that last for one call, so that no text tower is written a second time:

- **weights**: a token of weight w is attended to as if it stood there w times. In a softmax, w
  equal terms are one term whose logit is larger by log(w): that much is added to the attention
  towards the token, in every layer. If the tower ends in the mean of its tokens, the token counts
  w times there, too. The token's own state is not changed, so nothing leaves the range that the
  tower was trained in, as it would if embeddings were multiplied.
- **insertions**: vectors in the place of the embeddings of some tokens, for words that were
  learnt later (textual inversion: Gal et al., 2022, https://arxiv.org/abs/2208.01618). The tower
  adds positions afterwards.

The families: CLIP's own tower (OpenAI, LAION, DataComp, EVA, ConvNeXt), whose parts are
attributes of the model; `TextTransformer`, with or without a causal mask, with or without a class
token at its end (SigLIP, CLIPA, CoCa); and Hugging Face's encoders (XLM-R, mT5, NLLB), for which
`transformers` from version 5 on has to be installed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.models import clip

LEAST_WEIGHT = 1e-15  # used for weight 0: with log(0), some rows would attend to nothing


@dataclass(frozen=True)
class Insertion:
    """Vectors that replace the embeddings of consecutive tokens.

    Args:
        row: the row of the batch.
        at: the first position that is replaced; the start token is at 0.
        vectors: [V, W], W being the tower's width; they replace positions `at` to `at + V - 1`.
    """

    row: int
    at: int
    vectors: Tensor


def encode_text(
    model: Any,
    tokens: Tensor,
    *,
    weights: Tensor | None = None,
    inserted: Sequence[Insertion] = (),
) -> Tensor:
    """Encode rows of tokens, differentiably in the insertions and the weights.

    Args:
        model: an open_clip model, in evaluation mode.
        tokens: [B, L], as the model's tokenizer gives them, start, end and padding included.
        weights: [B, L], 0 or above; 1 is the model's own. A token of weight 0 is not attended to,
            unless there is no other, as for the start token in a causal tower.
        inserted: vectors that replace token embeddings.

    Returns:
        Embeddings [B, D], as of `encode_text`; with most models not of length 1.

    Raises:
        ValueError: if the weights or an insertion do not fit the tokens or the tower.
    """
    if weights is not None and (weights.shape != tokens.shape or bool((weights < 0).any())):
        raise ValueError(f"weights are {list(tokens.shape)}, of 0 and above")
    for each in inserted:
        _check_insertion(each, tokens, embedding_width(model))
    with ExitStack() as hooks:
        if inserted:
            hooks.enter_context(_inserted(model, inserted))
        if weights is not None:
            hooks.enter_context(_weighted(model, weights.to(tokens.device)))
        read: Tensor = model.encode_text(tokens)
    return read


def convert_precision(model: Any, dtype: torch.dtype) -> None:
    """Complete open_clip's conversion of a model to half precision.

    A Hugging Face encoder goes back to float32, which mT5 needs, and which costs little since the
    tower runs once. Parameters of CoCa that belong to no layer are converted like their layers.
    """
    if dtype == torch.float32:
        return
    tower = _tower(model)
    if _is_hugging_face(tower):
        tower.float()
    elif _has_class_token(tower):
        tower.cls_emb.data = tower.cls_emb.data.to(dtype)
    pooler = getattr(model.visual, "attn_pool", None)
    if pooler is not None:
        pooler.query.data = pooler.query.data.to(dtype)


def embed_tokens(model: Any, tokens: Tensor) -> Tensor:
    """Embed tokens by the tower's table, without positions: [...] → [..., W]."""
    embedded: Tensor = _embedding(model)(tokens)
    return embedded


def embedding_width(model: Any) -> int:
    """The width W of token embeddings."""
    return int(_embedding(model).embedding_dim)


def find_embedding_width(name: str) -> int | None:
    """Find the width W of a perceptor's token embeddings, without its weights.

    Args:
        name: of the perceptor.

    Returns:
        The width, or None if it would have to be asked for on a hub.

    Raises:
        ConfigError: if open_clip knows no such name. ModelError: if a folder holds no model.
    """
    source = clip.perceptor_source(name)
    if os.path.isdir(source):
        text = clip.read_settings(Path(source))["text_cfg"]
    else:
        known = clip.import_open_clip()
        text = known.get_model_config(clip.split_model_name(known, source)[0])["text_cfg"]
    if not text.get("hf_model_name"):
        return _whole(text.get("width", 512))  # open_clip's default
    with clip.tower_shape(text, Path(source) if os.path.isdir(source) else None) as changes:
        if not changes:
            return None
        shape = json.loads(Path(changes["hf_model_name"], clip.SHAPE).read_text(encoding="utf-8"))
    return _whole(shape.get("hidden_size", shape.get("d_model")))


def _whole(number: Any) -> int | None:
    return number if isinstance(number, int) else None


def hidden_states(model: Any, tokens: Tensor, inserted: Sequence[Insertion] = ()) -> Tensor:
    """The last hidden states of tokens: [B, L] → [B, L, W], float32, padding included.

    They are taken after the last norm. A tower with a class token (CoCa) norms that one alone:
    its states are those that its decoder is given.
    """
    tower = _tower(model)
    kept: list[Tensor] = []
    if _is_hugging_face(tower):
        part = tower.transformer
    else:
        part = tower.transformer if _has_class_token(tower) else tower.ln_final

    def keep(module: Any, given: Any, made: Any) -> None:
        kept.append(made if isinstance(made, Tensor) else made.last_hidden_state)

    handle = part.register_forward_hook(keep)
    try:
        encode_text(model, tokens, inserted=inserted)
    finally:
        handle.remove()
    return kept[0][:, : tokens.shape[1]].float()


def _tower(model: Any) -> Any:
    """The text tower of a model; in CLIP's own, its parts are attributes of the model."""
    return getattr(model, "text", model)


def _is_hugging_face(tower: Any) -> bool:
    return hasattr(tower, "pooler") and hasattr(tower, "config")


def _has_class_token(tower: Any) -> bool:
    return getattr(tower, "cls_emb", None) is not None


def _embedding(model: Any) -> Any:
    """The module of token embeddings, [...] → [..., W]."""
    tower = _tower(model)
    if _is_hugging_face(tower):
        return tower.transformer.get_input_embeddings()
    return tower.token_embedding


def _check_insertion(each: Insertion, tokens: Tensor, wide: int) -> None:
    rows, length = tokens.shape
    if each.vectors.dim() != 2 or each.vectors.shape[1] != wide:
        raise ValueError(f"vectors are [V, {wide}], not {list(each.vectors.shape)}")
    if not (0 <= each.row < rows and 0 <= each.at <= length - len(each.vectors)):
        raise ValueError(
            f"{len(each.vectors)} vectors at {each.at} of row {each.row} are outside of "
            f"{rows} rows of {length} tokens"
        )


@contextmanager
def _inserted(model: Any, inserted: Sequence[Insertion]) -> Iterator[None]:
    """Replace outputs of the token embedding by the inserted vectors, within the context."""

    def replaced(module: Any, given: Any, made: Tensor) -> Tensor:
        for each in inserted:
            places = torch.arange(each.at, each.at + len(each.vectors), device=made.device)
            rows = torch.full_like(places, each.row)
            made = made.index_put((rows, places), each.vectors.to(made))
        return made

    handle = _embedding(model).register_forward_hook(replaced)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _weighted(model: Any, weights: Tensor) -> Iterator[None]:
    """Add log(weight) to the attention towards each token in all layers, within the context."""
    tower = _tower(model)
    floored = weights.float().clamp(min=LEAST_WEIGHT)
    if _is_hugging_face(tower):
        handles = _weigh_hugging_face(tower, floored)
    else:
        handles = [_weigh_open_clip(tower, floored)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _weigh_open_clip(tower: Any, weights: Tensor) -> Any:
    """Add to the mask that all layers of a `Transformer` share: [batch · heads, from, to]."""
    heads = tower.transformer.resblocks[0].attn.num_heads
    if _has_class_token(tower):  # it comes last; its weight is 1
        weights = torch.cat([weights, torch.ones_like(weights[:, :1])], 1)
    towards = weights.log().repeat_interleave(heads, 0)[:, None, :]

    def masked(module: Any, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = named.get("attn_mask")
        length = towards.shape[2]
        whole = towards.expand(-1, length, -1)
        return given, named | {"attn_mask": whole if mask is None else whole + mask}

    return tower.transformer.register_forward_pre_hook(masked, with_kwargs=True)


def _weigh_hugging_face(tower: Any, weights: Tensor) -> list[Any]:
    """Give the encoder a complete mask, [batch, 1, from, to], and weigh the mean, too.

    `transformers` adds a mask of four dimensions to the attention as it is.
    """

    def masked(module: Any, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        numbers = _embedding_dtype(tower)
        lowest = torch.finfo(numbers).min
        padded = named["attention_mask"] == 0
        towards = weights.log().to(numbers).masked_fill(padded, lowest)
        length = towards.shape[1]
        whole = towards[:, None, None, :].expand(-1, 1, length, -1)
        return given, named | {"attention_mask": whole}

    def averaged(module: Any, given: Any) -> Any:
        made, mask = given
        return made, mask * weights

    handles = [tower.transformer.register_forward_pre_hook(masked, with_kwargs=True)]
    if type(tower.pooler).__name__ == "MeanPooler":
        handles.append(tower.pooler.register_forward_pre_hook(averaged))
    return handles


def _embedding_dtype(tower: Any) -> torch.dtype:
    found: torch.dtype = tower.transformer.get_input_embeddings().weight.dtype
    return found
