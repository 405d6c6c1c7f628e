"""Text towers of every family, against rows in which a token stands more than once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers import tiny_families
from vqclip.guidance import perceptor as guidance_perceptor
from vqclip.models import clip_text_tower
from vqclip.models.clip_text_tower import Insertion

FAMILIES = list(tiny_families.CONFIGS)
TEXTS = ["a red fox runs over snow", "two owls sit in an old tree", "fog on many boats"]


@cache
def made(family: str) -> guidance_perceptor.OpenClipPerceptor:
    return guidance_perceptor.load_perceptor(str(tiny_families._made(family, 0)))


@pytest.fixture(params=FAMILIES)
def perceptor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return made(request.param)


def rows(perceptor: guidance_perceptor.OpenClipPerceptor) -> Tensor:
    tokens: Tensor = perceptor.tokenizer(TEXTS)
    return tokens


def hooks(model: Any) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@torch.no_grad()
def test_without_wishes_and_with_weights_of_one_it_reads_as_ever(perceptor: Any) -> None:
    tokens = rows(perceptor)
    wanted = perceptor.model.encode_text(tokens)
    assert torch.equal(clip_text_tower.encode_text(perceptor.model, tokens), wanted)
    weighed = clip_text_tower.encode_text(
        perceptor.model, tokens, weights=torch.ones(tokens.shape)
    )
    torch.testing.assert_close(weighed, wanted, atol=1e-5, rtol=0)
    assert hooks(perceptor.model) == 0


@pytest.mark.parametrize("times", [2, 3])
def test_a_weight_is_how_often_a_token_stands_there(perceptor: Any, times: int) -> None:
    tokens = rows(perceptor)
    at = 2
    weights = torch.ones(tokens.shape)
    weights[:, at] = times
    with torch.no_grad():
        got = clip_text_tower.encode_text(perceptor.model, tokens, weights=weights)
        wanted = repeated(perceptor.model, tokens, at, times)
        plain = perceptor.model.encode_text(tokens)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)
    assert (got - plain).abs().max() > 1e-4
    # The fast path that torch takes without a gradient has to agree with the ordinary one.
    slow = clip_text_tower.encode_text(perceptor.model, tokens, weights=weights.requires_grad_())
    torch.testing.assert_close(slow.detach(), got, atol=1e-5, rtol=1e-4)
    assert slow.requires_grad


def repeated(model: Any, tokens: Tensor, at: int, times: int) -> Tensor:
    """Read rows in which the token at `at` really stands several times, at one position."""
    tower = getattr(model, "text", model)
    length = tokens.shape[1]
    index = torch.tensor([i for i in range(length) for _ in range(times if i == at else 1)])
    if hasattr(tower, "pooler"):
        return repeated_by_hugging_face(tower, tokens, index)
    x = tower.token_embedding(tokens)
    mask = tower.attn_mask
    seen = torch.cat([index, torch.tensor([length])]) if hasattr(tower, "_embeds") else index
    if getattr(tower, "cls_emb", None) is not None:
        x, mask = tower._embeds(tokens)
        index = seen
    else:
        x = x + tower.positional_embedding
    if mask is not None:
        mask = mask[..., index, :][..., index]
    x = tower.transformer(x[:, index], attn_mask=mask)
    if getattr(tower, "cls_emb", None) is not None:
        pooled = tower.ln_final(x[:, -1])
    else:
        kind = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
        place = tokens[:, index].argmax(1) if kind == "argmax" else torch.tensor([-1] * len(x))
        pooled = tower.ln_final(x)[range(len(x)), place]
    last = tower.text_projection
    out: Tensor = last(pooled) if isinstance(last, torch.nn.Linear) else pooled @ last
    normed = type(model).__name__ == "CoCa"
    return torch.nn.functional.normalize(out, dim=-1) if normed else out


def repeated_by_hugging_face(tower: Any, tokens: Tensor, index: Tensor) -> Tensor:
    mask = (tokens != tower.config.pad_token_id).long()[:, index]
    more: dict[str, Tensor] = {}
    if tower.config.model_type == "xlm-roberta":
        kept = (tokens != 1).long()
        more["position_ids"] = (kept.cumsum(1) * kept + 1)[:, index]
    with at_their_old_places(tower, tokens.shape[1], index):
        out = tower.transformer(input_ids=tokens[:, index], attention_mask=mask, **more)
    pooled = (out.last_hidden_state * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    read: Tensor = tower.proj(pooled)
    return read


@contextmanager
def at_their_old_places(tower: Any, length: int, index: Tensor) -> Iterator[None]:
    """Have mT5 tell distances between tokens as if none stood there twice."""
    if tower.config.model_type != "mt5":
        yield
        return
    attention = tower.transformer.block[0].layer[0].SelfAttention
    usual = attention.compute_bias

    def bias(*given: Any, **named: Any) -> Tensor:
        whole: Tensor = usual(length, length)
        return whole[:, :, index][..., index]

    attention.compute_bias = bias
    try:
        yield
    finally:
        del attention.compute_bias


@torch.no_grad()
def test_a_weight_of_nought_hides_a_token(perceptor: Any) -> None:
    model, tokens = perceptor.model, rows(perceptor)
    other = tokens.clone()
    other[:, 2] = tokens[:, 1]
    weights = torch.ones(tokens.shape)
    weights[:, 2] = 0
    hidden, same = (
        clip_text_tower.encode_text(model, each, weights=weights) for each in (tokens, other)
    )
    torch.testing.assert_close(hidden, same, atol=1e-5, rtol=1e-4)
    assert (model.encode_text(tokens) - model.encode_text(other)).abs().max() > 1e-4
    nothing = clip_text_tower.encode_text(model, tokens, weights=torch.zeros(tokens.shape))
    assert nothing.isfinite().all()


@torch.no_grad()
def test_weights_work_in_half_the_numbers(perceptor: Any) -> None:
    half = guidance_perceptor.load_perceptor(perceptor.name, precision="bf16")
    tokens = rows(perceptor)
    weights = torch.ones(tokens.shape)
    weights[:, 1:3] = torch.tensor([2.5, 0])
    one, two = (
        clip_text_tower.encode_text(p.model, tokens, weights=weights) for p in (perceptor, half)
    )
    assert torch.cosine_similarity(one, two.float()).min() > 0.999
    pixels = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    one, two = (p.embed_image(pixels) for p in (perceptor, half))
    assert torch.cosine_similarity(one, two).min() > 0.999


def test_vectors_stand_in_for_embeddings_and_learn(perceptor: Any) -> None:
    model, tokens = perceptor.model, rows(perceptor)
    wide = clip_text_tower.embedding_width(model)
    assert wide == 32
    own = clip_text_tower.embed_tokens(model, tokens[0, 1:3])
    assert own.shape == (2, wide)
    masked = tokens.clone()
    masked[0, 1:3] = tokens[1, 1]
    back = clip_text_tower.encode_text(model, masked, inserted=[Insertion(0, 1, own)])
    torch.testing.assert_close(back, model.encode_text(tokens), atol=1e-5, rtol=0)
    vectors = own.detach().clone().requires_grad_()
    pushed = clip_text_tower.encode_text(model, masked, inserted=[Insertion(0, 1, vectors)])
    pushed[0].sum().backward()
    assert vectors.grad is not None and (vectors.grad.abs().amax(1) > 0).all()
    assert hooks(model) == 0


@torch.no_grad()
def test_the_states_of_tokens_are_one_row_a_token(perceptor: Any) -> None:
    states = perceptor.read_tokens(TEXTS)
    assert states.shape == (3, perceptor.context_length, 32) and states.dtype == torch.float32
    tower = getattr(perceptor.model, "text", perceptor.model)
    tokens = rows(perceptor)
    if hasattr(tower, "pooler"):
        mask = (tokens != tower.config.pad_token_id).float()[..., None]
        mean = tower.proj((states * mask).sum(1) / mask.sum(1))
        torch.testing.assert_close(mean, perceptor.model.encode_text(tokens), atol=1e-5, rtol=0)
    elif getattr(tower, "cls_emb", None) is not None:
        torch.testing.assert_close(states, tower(tokens)[1])
    assert hooks(perceptor.model) == 0


def test_what_does_not_fit_is_refused() -> None:
    model = made("laion").model
    tokens = rows(made("laion"))
    with pytest.raises(ValueError, match=r"weights are \[3, 77\], of 0 and above"):
        clip_text_tower.encode_text(model, tokens, weights=torch.ones(3, 76))
    with pytest.raises(ValueError, match=r"of 0 and above"):
        clip_text_tower.encode_text(model, tokens, weights=-torch.ones(tokens.shape))
    with pytest.raises(ValueError, match=r"vectors are \[V, 32\], not \[1, 33\]"):
        clip_text_tower.encode_text(model, tokens, inserted=[Insertion(0, 1, torch.zeros(1, 33))])
    with pytest.raises(ValueError, match=r"2 vectors at 76 of row 0 are outside of 3 rows of 77"):
        clip_text_tower.encode_text(
            model, tokens, inserted=[Insertion(0, 76, torch.zeros(2, 32))]
        )


def test_a_failing_tower_is_left_without_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = made("laion").model, rows(made("laion"))

    def fail(tokens: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model, "encode_text", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        clip_text_tower.encode_text(
            model,
            tokens,
            weights=torch.ones(tokens.shape),
            inserted=[Insertion(0, 1, torch.zeros(1, 32))],
        )
    assert hooks(model) == 0


@pytest.mark.starter
def test_the_packed_starter_is_read_too() -> None:
    from vqclip.models.zoo import model_files

    folder: Path = model_files.starter_clips()["starter"]
    perceptor = guidance_perceptor.load_perceptor(str(folder))
    tokens = perceptor.tokenizer(["a red fox", "a blue fox"])
    weights = torch.ones(tokens.shape)
    weights[:, 2] = 3
    with torch.no_grad():
        got = clip_text_tower.encode_text(perceptor.model, tokens, weights=weights)
        wanted = repeated(perceptor.model, tokens, 2, 3)
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)
        # More red is further from blue.
        plain = perceptor.model.encode_text(tokens)
    closeness = [torch.cosine_similarity(each[0], each[1], dim=0) for each in (got, plain)]
    assert closeness[0] < closeness[1]
