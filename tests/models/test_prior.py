"""The prior writes what its logits say, in order, and comes back from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Generator, Tensor, nn

from vqclip.errors import ModelError
from vqclip.models.gpt import TransformerShape
from vqclip.models.prior import Prior, cut_blocks, join_blocks, load_prior

WORDS, TEXT_WIDTH, CODES = 3, 5, 7


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def made(cells: int = 4, block: int = 2, seed: int = 0) -> Prior:
    """A prior whose weights are all far from zero, so that every one of them counts."""
    places = WORDS + (cells // block) ** 2
    shape = TransformerShape(CODES, places, n_layer=2, n_head=2, n_embd=16, n_unmasked=WORDS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Prior(shape, WORDS, TEXT_WIDTH, cells, block)
        for name, weight in model.named_parameters():
            nn.init.normal_(weight, std=0.7 if weight.ndim > 1 else 0.1)
            if weight.ndim == 1 and name.endswith("weight"):
                weight.data += 1  # of a norm
    return model.eval().requires_grad_(False)


def asked(model: Prior, count: int, seed: int = 0) -> Tensor:
    return model.prefix(torch.randn(count, WORDS + 2, TEXT_WIDTH, generator=stream(seed)))


def some_codes(model: Prior, count: int, seed: int = 0) -> Tensor:
    return torch.randint(CODES, [count, model.cells, model.cells], generator=stream(seed))


def test_blocks_are_read_row_by_row() -> None:
    grid = torch.arange(16).view(1, 4, 4)
    wanted = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert cut_blocks(grid, 2).tolist() == [wanted]
    assert cut_blocks(grid[:, :2], 2).tolist() == [wanted[:2]]  # wider than high
    assert cut_blocks(grid, 1).tolist() == [[[n] for n in range(16)]]
    assert cut_blocks(grid, 4).tolist() == [[list(range(16))]]


@pytest.mark.parametrize(("cells", "side"), [(1, 1), (2, 2), (6, 1), (6, 2), (6, 3), (6, 6)])
def test_unblocks_undoes_blocks(cells: int, side: int) -> None:
    grid = torch.randint(99, [3, cells, cells], generator=stream())
    parts = cut_blocks(grid, side)
    assert parts.shape == (3, (cells // side) ** 2, side**2)
    assert torch.equal(join_blocks(parts, cells, side), grid)


def test_the_words_beyond_what_it_reads_are_left_out() -> None:
    model = made()
    states = torch.randn(2, WORDS + 2, TEXT_WIDTH, generator=stream())
    got = model.prefix(states)
    assert got.shape == (2, WORDS, 16)
    states[:, WORDS:] = 9
    assert torch.equal(model.prefix(states), got)


@pytest.mark.parametrize(("cells", "block"), [(4, 2), (2, 2), (3, 1)])
def test_a_later_code_never_changes_earlier_logits(cells: int, block: int) -> None:
    model = made(cells, block)
    prefix, codes = asked(model, 1), some_codes(model, 1)
    inside = block**2
    before = model(codes, prefix)
    assert before.shape == (1, (cells // block) ** 2, inside, CODES)
    before = before.flatten(0, 2)  # in the order in which the codes are written
    for place in range(len(before)):
        parts = cut_blocks(codes, block).clone()
        parts[0, place // inside, place % inside] += 1
        parts %= CODES
        after = model(join_blocks(parts, cells, block), prefix).flatten(0, 2)
        assert torch.equal(after[: place + 1], before[: place + 1])
        changed = (after - before).abs().amax(1) > 1e-4
        assert changed[place + 1 :].all()


def test_every_word_is_read_before_the_first_code() -> None:
    model = made()
    codes = some_codes(model, 1)
    states = torch.randn(1, WORDS, TEXT_WIDTH, generator=stream())
    before = model(codes, model.prefix(states))
    for word in range(WORDS):
        other = states.clone()
        other[:, word] *= -1
        changed = (model(codes, model.prefix(other)) - before).abs().amax(-1) > 1e-4
        assert changed.all()


@pytest.mark.parametrize(("cells", "block"), [(4, 2), (2, 2), (3, 1), (6, 3)])
def test_a_dream_is_what_the_logits_say(cells: int, block: int) -> None:
    model = made(cells, block)
    prefix = asked(model, 5)
    codes = model.sample(prefix, generator=stream(), temperature=0)
    assert codes.shape == (5, cells, cells) and codes.dtype == torch.int64
    assert torch.equal(model(codes, prefix).argmax(-1), cut_blocks(codes, block))
    assert len(codes.unique()) > 2 and len(codes.unique(dim=0)) > 1  # not always the same
    alone = model.sample(prefix[3:4], generator=stream(), temperature=0)
    assert torch.equal(alone, codes[3:4])


@pytest.mark.parametrize("guidance", [0.0, 0.5, 3.0, 8.0])
@pytest.mark.parametrize("cells", [2, 4])
def test_guidance_leads_away_from_silence(cells: int, guidance: float) -> None:
    model = made(cells)
    prefix = asked(model, 6)
    codes = model.sample(prefix, generator=stream(), temperature=0, guidance=guidance)
    heard = model(codes, prefix).log_softmax(-1)
    silent = model(codes, model.silence.expand(6, -1, -1)).log_softmax(-1)
    # p(code | words) ^ guidance * p(code) ^ (1 - guidance)
    wanted = (guidance * heard + (1 - guidance) * silent).argmax(-1)
    assert torch.equal(cut_blocks(codes, 2), wanted)
    plain = model.sample(prefix, generator=stream(), temperature=0)
    assert not torch.equal(codes, plain)
    if guidance == 0:
        assert len(codes.unique(dim=0)) == 1


def test_guidance_one_does_without_silence() -> None:
    model = made()
    prefix = asked(model, 3)
    before = model.sample(prefix, generator=stream(1))
    nn.init.constant_(model.silence, torch.nan)
    assert torch.equal(model.sample(prefix, generator=stream(1), guidance=1), before)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_the_same_generator_dreams_the_same(guidance: float) -> None:
    model = made()
    prefix = asked(model, 4)
    before = torch.get_rng_state()

    def dream(seed: int, **how: Any) -> Tensor:
        return model.sample(prefix, generator=stream(seed), guidance=guidance, **how)

    assert torch.equal(dream(1), dream(1)) and not torch.equal(dream(1), dream(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(dream(1, top_p=0.001), dream(2, temperature=0))
    assert not dream(1).requires_grad


def test_dreams_are_as_frequent_as_the_logits_say() -> None:
    model = made(cells=1, block=1)
    prefix = asked(model, 1)
    wanted = (model(torch.zeros(1, 1, 1, dtype=torch.long), prefix)[0, 0, 0] / 2).softmax(-1)
    codes = model.sample(prefix.expand(5000, -1, -1), generator=stream(), temperature=2)
    got = torch.bincount(codes.flatten(), minlength=CODES) / 5000
    torch.testing.assert_close(got, wanted, atol=0.03, rtol=0)


def save(model: Prior, folder: Path) -> Path:
    """As training exports it."""
    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "prior.safetensors")
    (folder / "prior.yaml").write_text(yaml.safe_dump(model.config()))
    return folder


@pytest.mark.parametrize(("cells", "block"), [(4, 2), (3, 1)])
def test_what_was_saved_comes_back(cells: int, block: int, tmp_path: Path) -> None:
    model = made(cells, block).half().float()
    loaded = load_prior(save(model, tmp_path))
    assert loaded.config() == model.config() and loaded.stream.shape == model.stream.shape
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    for key, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor)
    prefix, codes = asked(model, 2), some_codes(model, 2)
    assert torch.equal(loaded(codes, prefix), model(codes, prefix))


def test_a_folder_that_holds_no_prior_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the prior in \S+nowhere cannot be loaded: .*No such"):
        load_prior(tmp_path / "nowhere")
    save(made(), tmp_path)
    weights, config = tmp_path / "prior.safetensors", tmp_path / "prior.yaml"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cannot be loaded: \S"):
        load_prior(tmp_path)
    weights.write_bytes(whole)
    honest = config.read_text()
    config.write_text(honest.replace("n_embd: 16", "n_embd: 32"))
    with pytest.raises(ModelError, match=r"cannot be loaded: Error\(s\) in loading state_dict"):
        load_prior(tmp_path)
    for damaged in ("", "words: [", "words: 3\n", honest + "colour: red\n"):
        config.write_text(damaged)
        with pytest.raises(ModelError, match=r"cannot be loaded: \S"):
            load_prior(tmp_path)
    config.write_text(honest)
    weights.unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded: .*prior\.safetensors"):
        load_prior(tmp_path)
    save(made(), tmp_path)
    assert load_prior(tmp_path).cells == 4
