"""The training of a small prior, on a tiny VQGAN and a tiny CLIP."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Generator, Tensor
from torch.nn import functional

from tests.helpers import tiny_clip
from tests.training.conftest import CONCEPTS
from vqclip.errors import ConfigError, ModelError, PictureError
from vqclip.guidance import perceptor
from vqclip.models import prior as models_prior
from vqclip.models import vqgan as models_vqgan
from vqclip.models.prior import Prior, cut_blocks
from vqclip.training import encoded_pictures, loop, prior_trainer, settings, vqgan_trainer
from vqclip.training import prior_trainer as training_prior
from vqclip.training.data import archives
from vqclip.training.data.compose import RELATIONS
from vqclip.training.encoded_pictures import EncodedPictures, encode_pictures
from vqclip.training.prior_trainer import TextTower, build_optimisers, build_prior, train
from vqclip.training.settings import PriorRecipe

CODES, FACTOR = 12, 4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a VQGAN of twelve codes, and with a CLIP in `clip`; both know nothing."""
    place = tmp_path_factory.mktemp("models")
    small = settings.VqganRecipe(
        **{"size": 16, "codes": CODES, "code_channels": 8, "width": 32, "z_channels": 8},
        multiples=[1, 1, 1],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = vqgan_trainer.Model(small)
        torch.nn.init.normal_(model.quantize.embedding.weight, std=0.3)
    vqgan_trainer.export(small, model, place)
    tiny_clip.write(place / "clip")
    return place


@pytest.fixture
def recipe(folder: Path, models: Path, tmp_path: Path) -> PriorRecipe:
    return PriorRecipe(
        data=str(folder),
        out=str(tmp_path / "out"),
        vqgan=str(models),
        clip=str(models / "clip"),
        steps=2,
        batch=4,
        cells=2,
        block=2,
        width=32,
        layers=1,
        heads=2,
        words=6,
        dropout=0.0,
        variants=1,
        bf16=False,
    )


@pytest.fixture
def pictures(folder: Path) -> archives.Pictures:
    return archives.read_pictures(folder, "illustrations", side=16, classes=("permissive",))


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def state_of(recipe: PriorRecipe) -> dict[str, Tensor]:
    saved = torch.load(Path(recipe.out) / "checkpoint.pt", weights_only=True)
    return saved["model"]  # type: ignore[no-any-return]


def test_the_reader_gives_states_of_a_frozen_text_tower(models: Path) -> None:
    reader, texts = TextTower(str(models / "clip")), ["a fox", "an owl on a red background"]
    got = reader(texts)
    assert got.shape == (2, tiny_clip.CONTEXT_LENGTH, 32) and not got.requires_grad
    assert torch.equal(got, perceptor.load_perceptor(str(models / "clip")).read_tokens(texts))
    assert not list(reader.parameters())


def test_a_prior_is_built_for_its_vqgan_and_clip(recipe: PriorRecipe, models: Path) -> None:
    seen: list[list[str]] = []

    def reader(texts: list[str]) -> Tensor:
        seen.append(texts)
        return torch.zeros(1, 77, 24)

    model = build_prior(replace(recipe, cells=6, dropout=0.3), reader)  # type: ignore[arg-type]
    assert (model.words, model.text_width, model.cells, model.block) == (6, 24, 6, 2)
    shape = model.stream.shape
    assert (shape.vocab_size, shape.block_size, shape.n_unmasked) == (CODES, 6 + 9, 6)
    assert (shape.n_layer, shape.n_head, shape.n_embd) == (1, 2, 32)
    assert model.stream.drop.p == 0.3 and len(seen) == 1


def test_codes_that_look_alike_begin_alike(
    recipe: PriorRecipe, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = models_vqgan.open_vqgan(models / "vqgan.yaml", models / "vqgan.safetensors")
    found.codebook[3] = found.codebook[7]
    monkeypatch.setattr(models_vqgan, "open_vqgan", lambda *_, **__: found)
    table = build_prior(recipe, lambda texts: torch.zeros(1, 7, 24)).codes.weight  # type: ignore
    tables = table.detach().view(4, CODES, 32)
    assert torch.equal(tables[:, 3], tables[:, 7])
    assert not torch.equal(tables[0], tables[1])
    assert float(tables.std()) == pytest.approx(0.02, rel=0.3)
    # In every table, what is near in the book is near.
    distance = torch.cdist(found.codebook, found.codebook).flatten()
    for each in tables:
        pair = torch.stack([distance, torch.cdist(each, each).flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.8


def test_training_leaves_a_prior_and_goes_on(
    recipe: PriorRecipe, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(recipe.out)
    train(recipe)
    names = {"checkpoint.pt", "codes.pt", "prior.safetensors", "prior.yaml", "samples"}
    assert {path.name for path in out.iterdir()} == names
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2

    reader = TextTower(str(models / "clip"))
    trained = build_prior(recipe, reader)
    trained.load_state_dict(state["model"])
    trained.half().float().eval()  # as it is shipped
    loaded = models_prior.load_prior(out)
    assert loaded.config() == trained.config() == yaml.safe_load((out / "prior.yaml").read_text())
    prefix = loaded.prefix(reader(["a fox", "red apple"]))
    codes = loaded.sample(prefix, generator=stream(), guidance=2.0)
    assert codes.shape == (2, 2, 2) and codes.max() < CODES
    with torch.no_grad():
        torch.testing.assert_close(loaded(codes, prefix), trained(codes, prefix))

    def never(*_: object) -> EncodedPictures:
        raise AssertionError("encoded already")

    monkeypatch.setattr(encoded_pictures, "encode_pictures", never)
    steps: list[int] = []
    rate = loop.learning_rate
    monkeypatch.setattr(
        training_prior,
        "learning_rate",
        lambda recipe, step: (steps.append(step), rate(recipe, step))[1],
    )
    train(replace(recipe, steps=4))
    assert set(steps) == {2, 3}
    after = torch.load(out / "checkpoint.pt", weights_only=True)
    assert after["step"] == 4
    assert after["optimiser"]["state"][0]["step"] == 4  # Adam's moments went on, too
    assert not torch.equal(after["model"]["codes.weight"], state["model"]["codes.weight"])
    train(replace(recipe, steps=9, minutes=0.0))
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 4


def test_a_run_may_end_before_its_plan_does_and_begin_another(
    recipe: PriorRecipe, tmp_path: Path
) -> None:
    train(replace(recipe, steps=5, until=1))
    saved = torch.load(Path(recipe.out) / "checkpoint.pt", weights_only=True)
    assert saved["step"] == 1
    other = replace(recipe, out=str(tmp_path / "other"), steps=0, seed=5)
    train(replace(other, begin=str(Path(recipe.out) / "checkpoint.pt")))
    for key, tensor in saved["model"].items():
        assert torch.equal(state_of(other)[key], tensor)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_silence_stands_in_for_the_words(recipe: PriorRecipe, share: float) -> None:
    train(replace(recipe, steps=1, silent_share=share))
    torch.manual_seed(recipe.seed)
    first = build_prior(recipe, TextTower(recipe.clip))
    state = state_of(recipe)
    kept = torch.allclose(state["silence"], first.silence, rtol=1e-3)  # but for its decay
    assert kept == (share == 0)
    heard = not torch.equal(state["reader.1.bias"], first.reader[1].bias)
    assert heard == (share == 0)


def test_words_and_codes_are_learnt(
    recipe: PriorRecipe, pictures: archives.Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture of one code for each concept is easy, and only the words tell which."""
    codes = torch.arange(6, dtype=torch.int16).view(1, 6, 1, 1).expand(1, 6, 2, 2).contiguous()
    plain: list[list[str | None]] = [[None] * 6]
    monkeypatch.setattr(
        encoded_pictures,
        "encode_pictures",
        lambda *_: EncodedPictures(codes, plain, plain, [[None] * 6]),
    )
    monkeypatch.setattr(training_prior, "learning_rate", lambda *_: 5e-3)
    monkeypatch.setattr(archives.Pictures, "split", lambda self: (self, self.subset([])))
    train(replace(recipe, steps=60, batch=16))
    loaded, reader = models_prior.load_prior(Path(recipe.out)), TextTower(recipe.clip)
    prefix = loaded.prefix(reader(list(CONCEPTS)))
    logits = loaded(codes[0].long(), prefix)
    wanted = cut_blocks(codes[0].long(), 2)
    assert functional.cross_entropy(logits.flatten(0, 2), wanted.flatten()) < 0.7
    dreamt = loaded.sample(prefix, generator=stream(), temperature=0)
    assert (dreamt == codes[0]).float().mean() > 0.7
    unasked = loaded(codes[0].long(), loaded.silence.expand(6, -1, -1))[:, 0, 0].softmax(-1)
    assert unasked.max() < 0.6  # it cannot know the first


def test_styles_are_chosen(recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spy(recipe: PriorRecipe, pictures: archives.Pictures, *_: object) -> EncodedPictures:
        seen.append(len(pictures))
        return encode_pictures(recipe, pictures)

    monkeypatch.setattr(encoded_pictures, "encode_pictures", spy)
    read = archives.read_pictures

    def with_styles(
        folder: Path, name: str, *, side: int, classes: list[str]
    ) -> archives.Pictures:
        found = read(folder, name, side=side, classes=classes)
        rows = [replace(row, style=f"style {index}") for index, row in enumerate(found.rows)]
        return archives.Pictures(tuple(rows), found.pixels)

    monkeypatch.setattr(archives, "read_pictures", with_styles)
    train(replace(recipe, steps=1, styles=["style 1", "style 4"]))
    assert seen == [2]


def test_the_log_has_a_line_for_a_hundred_steps(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextTower, "forward", lambda self, texts: torch.zeros(len(texts), 8, 32))
    train(replace(recipe, steps=101, batch=1))
    assert '{"step": 100, "loss": ' in (Path(recipe.out) / "log.jsonl").read_text()


def test_the_rate_warms_up_and_falls() -> None:
    recipe = PriorRecipe(steps=2000, rate=1.0)
    rates = [loop.learning_rate(recipe, step) for step in range(0, 2500, 50)]
    assert rates[0] == pytest.approx(0.005) and rates[20] == pytest.approx(0.5, abs=1e-3)
    assert max(rates) == rates[4] and rates[40:] == [0.02] * 10


def test_export_is_in_half_precision(recipe: PriorRecipe, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model = build_prior(recipe, TextTower(recipe.clip))
    prior_trainer.export(model, tmp_path)
    stored = load_file(tmp_path / "prior.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert isinstance(models_prior.load_prior(tmp_path), Prior)


def test_an_absent_vqgan_and_absent_styles_are_named(recipe: PriorRecipe, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vqgan=none: there is no none.vqgan.yaml; train it f"):
        train(replace(recipe, vqgan="none"))
    with pytest.raises(PictureError, match=r"styles=oil: no picture is of them \(there are: fl"):
        train(replace(recipe, styles=["oil"]))


@pytest.mark.parametrize("bf16", [False, True])
def test_the_loss_is_of_logits_as_they_come(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch, bf16: bool
) -> None:
    seen: list[torch.dtype] = []
    measure = functional.cross_entropy

    def spy(logits: Tensor, wanted: Tensor) -> Tensor:
        assert len(logits) == len(wanted) == 4 * 2 * 2 and logits.shape[1] == CODES
        seen.append(logits.dtype)
        return measure(logits, wanted)

    monkeypatch.setattr(training_prior.functional, "cross_entropy", spy)
    train(replace(recipe, steps=1, bf16=bf16))
    assert seen == [torch.bfloat16 if bf16 else torch.float32]


def test_what_is_drawn_rarely_and_pairs_reach_the_training(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One concept is of people, who are shut out here, and every picture is of two things."""
    monkeypatch.setattr(prior_trainer, "PEOPLE", re.compile(r"\bfox\b"))
    read = TextTower.forward
    heard: list[str] = []

    def spy(self: TextTower, texts: list[str]) -> Tensor:
        heard.extend(texts)
        return read(self, texts)

    monkeypatch.setattr(TextTower, "forward", spy)
    train(replace(recipe, steps=8, people=0.0, tint_share=0.0, pair_variants=9, sheet_every=0))
    told = heard[1:]  # the first is of `build`
    assert len(told) == 8 * 4 and not any(re.match("(a )?fox", text) for text in told)
    words = "|".join(word for word, _ in RELATIONS)
    assert sum(re.search(f" ({words}) ", text) is not None for text in told) > 16
    monkeypatch.setattr(prior_trainer, "PEOPLE", re.compile(""))
    with pytest.raises(PictureError, match="people=0 leave none of 5 pictures to learn from"):
        train(replace(recipe, people=0.0))


def test_a_sheet_shows_drafts(recipe: PriorRecipe, models: Path) -> None:
    reader = TextTower(str(models / "clip"))
    model = build_prior(recipe, reader).train()
    made = training_prior.draw_sheet(recipe, model, reader)
    assert model.training
    assert made.shape == (3, training_prior.ROWS * 10 + 2, len(training_prior.SHOWN) * 10 + 2)
    assert torch.equal(made, training_prior.draw_sheet(recipe, model, reader))


def test_exported_weights_are_begun_with(recipe: PriorRecipe, tmp_path: Path) -> None:
    train(replace(recipe, steps=1))
    other = replace(recipe, out=str(tmp_path / "other"), steps=0, seed=5, begin=recipe.out)
    train(other)
    for key, tensor in state_of(recipe).items():
        torch.testing.assert_close(state_of(other)[key], tensor, atol=1e-3, rtol=1e-3)
    with pytest.raises(ModelError, match=r"from=starter: .* is \[.*but these settings make it"):
        train(replace(other, begin="starter", out=str(tmp_path / "third")))


def test_muon_takes_the_matrices_of_the_layers(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[list[torch.nn.Parameter]] = []

    class Sign(torch.optim.SGD):
        """A stand-in where torch has no Muon."""

        def __init__(self, found: list[torch.nn.Parameter], **_: object) -> None:
            taken.append(found)
            super().__init__(found, lr=0.1)

    monkeypatch.setattr(torch.optim, "Muon", Sign, raising=False)
    recipe = replace(recipe, optimiser="muon")
    model = build_prior(recipe, TextTower(recipe.clip))
    found = build_optimisers(recipe, model)
    assert list(found) == ["optimiser", "muon"]
    names = {name for name, p in model.named_parameters() if any(p is each for each in taken[0])}
    assert "stream.blocks.0.attn.key.weight" in names and "think.1.weight" in names
    assert not any("codes" in name or "head" in name or "bias" in name for name in names)
    held = [p for each in found.values() for group in each.param_groups for p in group["params"]]
    assert len(held) == len({*map(id, held)}) == len(list(model.parameters()))
    train(recipe)
    state = torch.load(Path(recipe.out) / "checkpoint.pt", weights_only=True)
    assert {"optimiser", "muon"} < set(state)
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigError, match=r"optimiser=muon needs torch 2\.9 or newer"):
        build_optimisers(recipe, model)


def test_what_was_held_out_may_be_learnt(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def spy(recipe: PriorRecipe, pictures: archives.Pictures, *_: object) -> EncodedPictures:
        seen.append(len(pictures))
        return encode_pictures(recipe, pictures)

    monkeypatch.setattr(encoded_pictures, "encode_pictures", spy)
    monkeypatch.setattr(
        archives.Pictures, "split", lambda self: (self.subset([0, 1, 2, 3]), self)
    )
    for held_out in (False, True):
        train(replace(recipe, held_out=held_out, steps=1, sheet_every=0))
    assert seen == [4, 6]


def test_some_codes_are_read_as_others(
    recipe: PriorRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = torch.arange(600).view(6, 10, 10)
    got = training_prior.swap_codes(codes, 0.5, stream())
    shares = (got != codes).float().mean((1, 2))
    assert 0 < shares.mean() < 0.5 and shares.std() > 0.02
    assert set(got.flatten().tolist()) < set(range(600))
    assert torch.equal(training_prior.swap_codes(codes, 0.0, stream()), codes)
    read: list[Tensor] = []
    forward = Prior.forward

    def spy(self: Prior, codes: Tensor, prefix: Tensor) -> Tensor:
        read.append(codes)
        return forward(self, codes, prefix)

    monkeypatch.setattr(Prior, "forward", spy)
    drawn: list[Tensor] = []
    draw = training_prior.draw_batch

    def kept(*arguments: Any) -> tuple[Tensor, list[str]]:
        batch = draw(*arguments)
        drawn.append(batch[0])
        return batch

    monkeypatch.setattr(training_prior, "draw_batch", kept)
    train(replace(recipe, noise=1.0, steps=2, sheet_every=0))
    assert any(not torch.equal(a, b) for a, b in zip(read, drawn, strict=True))
