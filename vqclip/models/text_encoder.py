"""Text encoders: from tokens to an embedding, with learnt words and attention.

open_clip's models read tokens in one way only: `encode_text(tokens)`. Two things more are wanted
of them here, and both are done from outside, by hooks that last for one reading, so that nothing
of a tower is written a second time:

- **weights**: a token of weight w is attended to as if it stood there w times. In a softmax, w
  equal terms are one term whose logit is larger by log(w): that much is added to the attention
  towards the token, in every layer, whoever attends. Where a tower ends in the mean of its
  tokens, the token counts w times there too. The token's own state is left as it is, so nothing
  leaves the range that the tower was trained in, as it does where embeddings are multiplied.
- **insertions**: vectors in the place of the embeddings of some tokens, for words that were
  learnt later (textual inversion: Gal et al., 2022, https://arxiv.org/abs/2208.01618). Positions
  are added after, by the tower.

The families: CLIP's own tower (OpenAI, LAION, DataComp, EVA, ConvNeXt), whose parts are
attributes of the model; `TextTransformer`, with or without a causal mask, with or without a class
token at its end (SigLIP, CLIPA, CoCa); and Hugging Face's encoders (XLM-R, mT5, NLLB), for which
`transformers` from version 5 on has to be installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LEAST = 1e-15  # the weight of a token that is not attended to; log(0) would leave some rows empty


@dataclass(frozen=True)
class Insertion:
    """Vectors in the place of the embeddings of a few tokens that follow each other.

    Args:
        row: in which row of the tokens.
        at: the first position that is replaced, counted from the start token, which is 0.
        vectors: [V, W], of the tower's width; positions `at` to `at + V - 1` become these.
    """

    row: int
    at: int
    vectors: Tensor


def encode(
    model: Any,
    tokens: Tensor,
    *,
    weights: Tensor | None = None,
    inserted: Sequence[Insertion] = (),
) -> Tensor:
    """Read rows of tokens, differentiably in what is inserted and in the weights.

    Args:
        model: an open_clip model, in its evaluation mode.
        tokens: [B, L], as the model's tokenizer gives them, start, end and padding included.
        weights: [B, L] of 0 and above, how often each token counts; 1 is as it stands. A token of
            weight 0 is not attended to, unless there is no other to attend to, as for the start
            token in a tower that reads from left to right. Of padding, 1 is as the model does.

    Returns:
        [B, D], what the model's own `encode_text` gives: of most, not of length 1.

    Raises:
        ValueError: if the weights or an insertion do not fit the tokens or the tower.
    """
    if weights is not None and (weights.shape != tokens.shape or bool((weights < 0).any())):
        raise ValueError(f"weights are {list(tokens.shape)}, of 0 and above")
    for each in inserted:
        _check(each, tokens, width(model))
    with ExitStack() as hooks:
        if inserted:
            hooks.enter_context(_inserting(model, inserted))
        if weights is not None:
            hooks.enter_context(_weighing(model, weights.to(tokens.device)))
        read: Tensor = model.encode_text(tokens)
    return read


def settle(model: Any, dtype: torch.dtype) -> None:
    """Mend what open_clip leaves half done when it loads a model in half precision.

    An encoder of Hugging Face's gets back to float32, which mT5 needs and a tower that reads once
    in a run can afford; the parts of CoCa that are parameters by themselves follow their layers.
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


def embed(model: Any, tokens: Tensor) -> Tensor:
    """The embeddings of tokens as they enter the tower, before positions: [...] → [..., W]."""
    embedded: Tensor = _embedding(model)(tokens)
    return embedded


def width(model: Any) -> int:
    """How many numbers the embedding of a token has."""
    return int(_embedding(model).embedding_dim)


def vocabulary(model: Any) -> int:
    """How many tokens the tower has embeddings for."""
    return int(_embedding(model).num_embeddings)


def states(model: Any, tokens: Tensor, inserted: Sequence[Insertion] = ()) -> Tensor:
    """The states of tokens where the tower ends: [B, L] → [B, L, W], float32, padding included.

    They are taken after the last norm, but for a tower with a class token (CoCa), which norms
    that one alone: there they are what its decoder is given.
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
        encode(model, tokens, inserted=inserted)
    finally:
        handle.remove()
    return kept[0][:, : tokens.shape[1]].float()


def _tower(model: Any) -> Any:
    """The part of a model that reads: CLIP's own tower is spread over the model itself."""
    return getattr(model, "text", model)


def _is_hugging_face(tower: Any) -> bool:
    return hasattr(tower, "pooler") and hasattr(tower, "config")


def _has_class_token(tower: Any) -> bool:
    return getattr(tower, "cls_emb", None) is not None


def _embedding(model: Any) -> Any:
    """The table of token embeddings: a module, [...] → [..., W]."""
    tower = _tower(model)
    if _is_hugging_face(tower):
        return tower.transformer.get_input_embeddings()
    return tower.token_embedding


def _check(each: Insertion, tokens: Tensor, wide: int) -> None:
    rows, length = tokens.shape
    if each.vectors.dim() != 2 or each.vectors.shape[1] != wide:
        raise ValueError(f"vectors are [V, {wide}], not {list(each.vectors.shape)}")
    if not (0 <= each.row < rows and 0 <= each.at <= length - len(each.vectors)):
        raise ValueError(
            f"{len(each.vectors)} vectors at {each.at} of row {each.row} are outside of "
            f"{rows} rows of {length} tokens"
        )


@contextmanager
def _inserting(model: Any, inserted: Sequence[Insertion]) -> Iterator[None]:
    """Have the table of embeddings give vectors in the place of some rows of its own."""

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
def _weighing(model: Any, weights: Tensor) -> Iterator[None]:
    """Have every layer add log(weight) to the attention towards each token."""
    tower = _tower(model)
    floored = weights.float().clamp(min=LEAST)
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
    if _has_class_token(tower):  # it comes last, and nobody asked for more of it
        weights = torch.cat([weights, torch.ones_like(weights[:, :1])], 1)
    towards = weights.log().repeat_interleave(heads, 0)[:, None, :]

    def masked(module: Any, given: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = named.get("attn_mask")
        length = towards.shape[2]
        whole = towards.expand(-1, length, -1)
        return given, named | {"attn_mask": whole if mask is None else whole + mask}

    return tower.transformer.register_forward_pre_hook(masked, with_kwargs=True)


def _weigh_hugging_face(tower: Any, weights: Tensor) -> list[Any]:
    """Give the encoder a mask that is finished already, [batch, 1, from, to], and the mean too.

    `transformers` takes a mask of four dimensions as it is, and adds it to the attention.
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
