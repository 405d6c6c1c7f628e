"""The transformer is taming's, to the digit, and writes what its logits say."""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict, replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from vqclip.models.gpt import (
    GPT,
    Transformer,
    TransformerShape,
    init_weights,
    keep_likeliest,
    sample_code,
)

SHAPE = TransformerShape(vocab_size=11, block_size=9, n_layer=2, n_head=2, n_embd=16)
MINGPT = "taming.modules.transformer.mingpt"


@pytest.fixture(scope="module")
def taming() -> Any:
    """taming's module, which asks transformers for a function that it no longer has."""
    stub = ModuleType("transformers")
    stub.top_k_top_p_filtering = None  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "transformers", stub)
        patch.delitem(sys.modules, MINGPT, raising=False)
        module = importlib.import_module(MINGPT)
    sys.modules.pop(MINGPT, None)
    return module


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def made(**changes: Any) -> GPT:
    """A transformer whose weights are all far from zero, so that every one of them counts."""
    model = GPT(replace(SHAPE, **changes)).eval()
    for name, weight in model.named_parameters():
        nn.init.normal_(weight, std=0.7 if weight.ndim > 1 else 0.1)
        if weight.ndim == 1 and name.endswith("weight"):
            weight.data += 1  # of a norm
    model.tok_emb.weight.data *= 3  # what was said last counts most
    return model.requires_grad_(False)


def some_codes(count: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(SHAPE.vocab_size, [count, length], generator=stream(seed))


@pytest.mark.parametrize("n_unmasked", [0, 4])
def test_names_and_shapes_are_those_of_taming(taming: Any, n_unmasked: int) -> None:
    shape = replace(SHAPE, n_unmasked=n_unmasked)
    theirs = taming.GPT(**asdict(shape)).state_dict()
    masks = {f"blocks.{index}.attn.mask" for index in range(shape.n_layer)}
    wanted = {key: value.shape for key, value in theirs.items() if key not in masks}
    assert masks < set(theirs)
    assert {key: value.shape for key, value in GPT(shape).state_dict().items()} == wanted


@pytest.mark.parametrize("n_unmasked", [0, 1, 4, 9])
@pytest.mark.parametrize("length", [1, 3, 9])
@pytest.mark.parametrize("prefixed", [False, True])
def test_logits_are_those_of_taming(
    taming: Any, n_unmasked: int, length: int, prefixed: bool
) -> None:
    ours = made(n_unmasked=n_unmasked)
    theirs = taming.GPT(**asdict(ours.shape)).eval()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    before = min(4, SHAPE.block_size - length) if prefixed else 0
    prefix = torch.randn(3, before, SHAPE.n_embd, generator=stream()) if prefixed else None
    codes = some_codes(3, length)
    with torch.no_grad():
        wanted = theirs(codes, embeddings=prefix)[0]
    assert wanted.shape == (3, before + length, SHAPE.vocab_size)
    torch.testing.assert_close(ours(codes, prefix), wanted, atol=1e-4, rtol=1e-5)


def test_a_prefix_of_another_precision_is_brought_along() -> None:
    model = made()
    prefix = torch.randn(1, 2, SHAPE.n_embd, generator=stream())
    got = model(some_codes(1, 3), prefix.double())
    assert torch.equal(got, model(some_codes(1, 3), prefix))


def test_reading_on_is_reading_at_once() -> None:
    model = made()
    x = torch.randn(2, 9, SHAPE.n_embd, generator=stream())
    whole, past = model.read(x)
    pieces, before = [], None
    for piece in x.split([4, 1, 1, 3], 1):
        states, before = model.read(piece, before)
        pieces.append(states)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-5, rtol=1e-5)
    assert before is not None and len(before) == SHAPE.n_layer
    for ours, theirs in zip(before, past, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_stream_that_is_too_long_is_refused() -> None:
    model = made()
    with pytest.raises(ValueError, match="10 places are more than 9"):
        model(some_codes(1, 10))
    with pytest.raises(ValueError, match="10 places are more than 9"):
        model(some_codes(1, 7), torch.zeros(1, 3, SHAPE.n_embd))
    _, past = model.read(torch.zeros(1, 9, SHAPE.n_embd))
    with pytest.raises(ValueError, match="10 places are more than 9"):
        model.read(torch.zeros(1, 1, SHAPE.n_embd), past)
    with pytest.raises(ValueError, match="10 places are more than 9"):
        # The last code that is written is never read.
        model.sample(9, some_codes(1, 2), generator=stream())
    assert model.sample(8, some_codes(1, 2), generator=stream()).shape == (1, 8)


@pytest.mark.parametrize(("begun", "n_unmasked"), [(1, 0), (3, 0), (3, 3)])
@pytest.mark.parametrize("allowed", [None, 4])
def test_writing_is_repeated_reading(begun: int, n_unmasked: int, allowed: int | None) -> None:
    model, start = made(n_unmasked=n_unmasked), some_codes(16, begun)
    got = model.sample(6, start, generator=stream(), temperature=0, allowed=allowed)
    codes = start
    for _ in range(6):
        likeliest = model(codes)[:, -1, :allowed].argmax(-1)
        codes = torch.cat([codes, likeliest[:, None]], 1)
    assert torch.equal(got, codes[:, begun:])
    assert len(got.unique()) > 2  # not one code over and over


def test_writing_draws_from_its_generator_only() -> None:
    model, start = made(), some_codes(16, 1)
    before = torch.get_rng_state()
    first, again, other = (model.sample(8, start, generator=stream(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    some = model.sample(8, start, generator=stream(), temperature=5.0, allowed=3)
    assert set(some.flatten().tolist()) == {0, 1, 2}
    assert not some.requires_grad


def often(logits: Tensor, count: int = 20000, **how: Any) -> Tensor:
    """How often each code is picked."""
    picked = sample_code(logits.expand(count, -1), stream(), **how)
    return torch.bincount(picked, minlength=len(logits)) / count


LOGITS = torch.tensor([0.1, 2.0, -1.0, 1.5, 0.0, 0.7])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_flattens_the_odds(temperature: float) -> None:
    wanted = (LOGITS / temperature).softmax(0)
    got = often(LOGITS, temperature=temperature)
    torch.testing.assert_close(got, wanted, atol=0.015, rtol=0)


def test_temperature_zero_takes_the_likeliest_and_draws_nothing() -> None:
    generator = stream()
    rows = torch.randn(50, 7, generator=stream(3))
    assert torch.equal(sample_code(rows, generator, 0, 3, 0.5), rows.argmax(1))
    assert torch.equal(generator.get_state(), stream().get_state())
    assert torch.equal(sample_code(rows, generator, 1e-4), rows.argmax(1))


@pytest.mark.parametrize("top_k", [0, 1, 3, 6, 7])
def test_top_k_keeps_the_k_likeliest(top_k: int) -> None:
    kept = LOGITS.argsort(descending=True)[: top_k or None]
    wanted = torch.zeros(6).scatter(0, kept, LOGITS[kept].softmax(0))
    torch.testing.assert_close(often(LOGITS, top_k=top_k), wanted, atol=0.015, rtol=0)


@pytest.mark.parametrize("top_p", [0.0, 0.01, 0.5, 0.75, 0.95, 1.0])
def test_top_p_keeps_the_fewest_that_have_the_share(top_p: float) -> None:
    shares, order = LOGITS.softmax(0).sort(descending=True)
    fewest = next((n for n in range(1, 7) if shares[:n].sum() >= top_p), 6)
    wanted = torch.zeros(6).scatter(0, order[:fewest], shares[:fewest] / shares[:fewest].sum())
    torch.testing.assert_close(often(LOGITS, top_p=top_p), wanted, atol=0.015, rtol=0)


@pytest.mark.parametrize("codes", [3, 128, 129, 1024])
def test_top_p_keeps_what_a_sort_of_all_codes_keeps(codes: int) -> None:
    """Also where many are equally likely, or more than a few are kept."""
    for number in range(30):
        rows = torch.randn(4, codes, generator=stream(number)) * (number % 6)
        shares = (rows.round() if number % 2 else rows).softmax(-1)
        for top_p in (0.0, 0.5, 0.9, 0.999):
            ordered, order = shares.sort(-1, descending=True)
            kept = ordered.cumsum(-1) - ordered < top_p
            kept[:, 0] = True
            wanted = torch.zeros_like(shares).scatter(-1, order, ordered * kept)
            assert torch.equal(keep_likeliest(shares, top_p), wanted)


def test_each_row_is_picked_by_its_own_odds() -> None:
    rows = torch.full([5, 8], -torch.inf)
    rows[torch.arange(5), torch.tensor([3, 0, 7, 7, 2])] = 0.0
    for how in ({}, {"top_k": 1}, {"top_p": 0.5}):
        assert sample_code(rows, stream(), **how).tolist() == [3, 0, 7, 7, 2]  # type: ignore[arg-type]


def test_a_new_transformer_begins_small() -> None:
    model = GPT(replace(SHAPE, n_embd=64, vocab_size=500))
    for name, weight in model.requires_grad_(False).named_parameters():
        if ".ln" in name or name.startswith("ln_f"):
            assert (weight == (1 if name.endswith("weight") else 0)).all()
        elif name.endswith("bias") or name == "pos_emb":
            assert not weight.any()
        else:
            assert float(weight.std()) == pytest.approx(0.02, rel=0.1)
    norm = nn.LayerNorm(3)
    init_weights(norm)
    assert (norm.weight == 1).all()


def test_dropout_is_for_training_only() -> None:
    stream_of = Transformer(SHAPE, dropout=0.5)
    x = torch.ones(1, 4, SHAPE.n_embd)
    assert not torch.equal(stream_of.read(x)[0], stream_of.read(x)[0])
    stream_of.eval()
    assert torch.equal(stream_of.read(x)[0], stream_of.read(x)[0])
