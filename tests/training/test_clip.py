"""The training of a small CLIP."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional

from tests.training.conftest import CONCEPTS, picture
from vqclip import perceptors
from vqclip.training import clip, data, vqgan
from vqclip.training.clip import (
    Batches,
    Model,
    Recipe,
    attack,
    contrast,
    examine,
    imitation,
    learning_rate,
    nonsense,
    perturb,
    random_decodes,
    train,
)

SMALL = Recipe(
    steps=2,
    batch=4,
    nonsense=6,
    size=32,
    width=64,
    layers=1,
    text_width=64,
    text_layers=1,
    context=16,
    embedding=32,
    attack_from=1,
    bf16=False,
)


@pytest.fixture(scope="module")
def model() -> Model:
    """A model that has learnt nothing; nothing is hidden from it."""
    torch.manual_seed(0)
    return Model(replace(SMALL, hide=0.0))


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def unit(*shape: int, seed: int = 0) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=stream(seed)), dim=-1)


def same_as(words: str) -> Tensor:
    return torch.tensor([[a == b for b in words] for a in words])


@pytest.mark.parametrize("words", ["abcde", "abbca", "aaaaa"])
@pytest.mark.parametrize("extra", [0, 3])
def test_contrast_is_the_formula(words: str, extra: int) -> None:
    image, text, scale = unit(5 + extra, 8), unit(5, 8, seed=1), 7.0
    logits = scale * image.double().numpy() @ text.double().numpy().T
    loss = 0.0
    for i, a in enumerate(words):
        equals = [j for j, b in enumerate(words) if a == b]
        of_image = logits[i] - numpy.log(numpy.exp(logits[i]).sum())
        of_text = logits[:, i] - numpy.log(numpy.exp(logits[:, i]).sum())  # nonsense, too
        loss -= (of_image[equals].mean() + of_text[equals].mean()) / 2 / 5
    got = contrast(image, text, same_as(words), torch.tensor(scale))
    assert float(got) == pytest.approx(loss, rel=1e-5)


def test_contrast_forgives_the_same_thing_and_minds_nonsense() -> None:
    text = unit(3, 8)[[0, 0, 1]]  # two of the same
    image, scale = text.clone(), torch.tensor(50.0)
    right, wrong = same_as("aab"), same_as("abc")
    # Two equal pictures share a text's probability, and that is as good as it gets.
    best = contrast(image, text, right, scale)
    assert float(best) == pytest.approx(2 / 3 * numpy.log(2), abs=1e-3)
    gradient = torch.autograd.grad(contrast(image.requires_grad_(), text, right, scale), image)[0]
    assert gradient[:2].abs().max() < 1e-4
    assert contrast(torch.cat([image, text[2:]]), text, right, scale) > best + 0.05
    assert contrast(image[[2, 1, 0]], text, right, scale) > best + 1
    assert contrast(image, text, wrong, scale).item() == pytest.approx(float(best), abs=1e-3)


@pytest.mark.parametrize("size", [31, 32])
def test_perturb_stays_in_range_and_changes_most(size: int) -> None:
    images = torch.rand(40, 3, size, size, generator=stream())
    kept, before = images.clone(), torch.get_rng_state()
    got = perturb(images, stream(1))
    assert got.shape == images.shape and got.min() >= 0 and got.max() <= 1
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), before)
    assert torch.equal(got, perturb(images, stream(1)))
    away = (got - images).abs().mean((1, 2, 3))
    assert (away > 0.01).float().mean() > 0.9 and away.mean() < 0.25


@pytest.mark.parametrize("count", [0, 1, 6, 32])
@pytest.mark.parametrize("decodes", [0, 5])
def test_nonsense_has_the_shape_and_range_of_pictures(count: int, decodes: int) -> None:
    images = torch.rand(7, 3, 32, 32, generator=stream())
    kept = images.clone()
    of_codes = torch.rand(decodes, 3, 32, 32, generator=stream(1))
    got = nonsense(images, of_codes, count, stream(2))
    assert got.shape == (count, 3, 32, 32) and torch.equal(images, kept)
    assert count == 0 or (got.min() >= 0 and got.max() <= 1)
    assert torch.equal(got, nonsense(images, of_codes, count, stream(2)))


def test_nonsense_is_of_four_kinds() -> None:
    images = torch.rand(2, 3, 32, 32, generator=stream())
    codes = torch.rand(4, 3, 32, 32, generator=stream(1))
    got = nonsense(images, codes, 6, stream(3))

    def values(picture: Tensor) -> Tensor:
        return picture.flatten(1).sort().values

    for tiled in got[:2]:  # the same pixels, moved
        assert any(torch.equal(values(tiled), values(image)) for image in images)
        assert not any(torch.equal(tiled, image) for image in images)
    doubles = [(a + b) / 2 for a in images for b in images]
    assert any(torch.allclose(got[2], double) for double in doubles)
    for decode in got[3:5]:
        assert any(torch.equal(decode, code) for code in codes)
    everything = [*images, *codes]
    assert not any(torch.equal(got[5], each) for each in everything)
    noise = nonsense(images, torch.empty(0, 3, 0, 0), 6, stream(3))[3:]
    assert noise.std((1, 2, 3)).min() > 0.05


def test_attack_stays_near_and_raises_the_loss(model: Model) -> None:
    torch.manual_seed(1)
    images = 0.1 + 0.8 * torch.rand(16, 3, 32, 32, generator=stream())
    with torch.no_grad():
        text = model.read([f"{a} {b}" for a in ("red", "blue") for b in "abcdefgh"])
    same = torch.eye(16, dtype=torch.bool)

    def loss(pictures: Tensor) -> float:
        with torch.no_grad():
            return float(contrast(model.look(pictures), text, same, torch.tensor(20.0)))

    with torch.no_grad():
        model.clip.logit_scale.fill_(3.0)
    rms = 0.05
    for _ in range(20):
        moved = attack(model, images, text, same, rms, contextlib.nullcontext)
        away = (moved - images).pow(2).mean((1, 2, 3)).sqrt()
        assert rms / 2 < away.max() <= rms * 1.0001
    assert moved.min() >= 0 and moved.max() <= 1 and not moved.requires_grad
    noise = torch.randn(images.shape, generator=stream(2))
    noise = noise / noise.pow(2).mean((1, 2, 3), keepdim=True).sqrt() * away[:, None, None, None]
    assert loss(moved) > loss((images + noise).clamp(0, 1)) + 0.01
    assert loss(moved) > loss(images) + 0.01
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_model_gives_directions(model: Model) -> None:
    for rows in (model.look(torch.rand(2, 3, 32, 32)), model.read(["a fox", "an owl"])):
        assert rows.shape == (2, 32) and rows.dtype == torch.float32
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))


def test_batches_say_what_they_show(folder: Path) -> None:
    free = ("permissive",)
    pictures = data.read(folder, "illustrations", side=16, classes=free)
    photos = data.read(folder, "photos", side=16, classes=free)
    for share in (0.0, 1.0):
        batches = Batches(replace(SMALL, batch=12, tint_share=share), pictures, photos)
        images, captions, shown, *_ = batches.draw(stream())
        assert images.shape == (12, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
        assert len(captions) == len(shown) == 12
        for words in shown:
            tint, _, concept = words.partition(" ")
            assert concept in CONCEPTS and tint in (data.TINTS if share else ("None",))
        again = batches.draw(stream())
        assert torch.equal(images, again[0]) and captions == again[1]
    assert torch.equal(pictures.pixels[0], picture(4, 0))  # tinting leaves the stored ones alone


def test_the_rate_warms_up_and_falls() -> None:
    recipe = Recipe(steps=2000, rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(0, 2500, 50)]
    assert rates[0] == pytest.approx(0.005) and rates[20] == pytest.approx(0.5, abs=1e-3)
    assert max(rates) == rates[4] and rates[40:] == [0.02] * 10


def test_examine_counts_the_right_concepts(
    folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = data.read(folder, "illustrations", side=32, classes=("permissive",))
    right = {concept: index for index, concept in enumerate(CONCEPTS)}

    def look(images: Tensor) -> Tensor:
        rgba = pictures.pixels.float() / 255
        white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
        near = torch.cdist(images.flatten(1), white.flatten(1)).argmin(1)
        return torch.eye(len(CONCEPTS))[near]

    def read(captions: list[str]) -> Tensor:
        order = [right[words] for words in captions]
        return torch.eye(len(CONCEPTS))[[5 if i == 4 else i for i in order]]

    monkeypatch.setattr(model, "look", look)
    monkeypatch.setattr(model, "read", read)
    assert examine(model, pictures, "known", SMALL) == {"known": round(5 / 6, 3)}
    assert examine(model, pictures.subset([]), "held_out", SMALL) == {}
    assert model.training


def test_training_leaves_a_perceptor_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SMALL, data=str(folder), out=str(tmp_path / "out"))
    out = Path(recipe.out)
    train(recipe)
    names = {"checkpoint.pt", "open_clip_config.json", "open_clip_model.safetensors"}
    assert {path.name for path in out.iterdir()} == names
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2

    seen = perceptors.load(str(out))
    assert seen.size == 32 and seen.context_length == 16
    trained = Model(replace(recipe, hide=0.0))
    trained.load_state_dict(state["model"])
    trained.half().float().eval()  # as it is shipped
    images = torch.rand(3, 3, 32, 32, generator=stream())
    words = ["a fox", "a turquoise owl on a grey background", "red apple face, symbol"]
    with torch.no_grad():
        look, read = trained.look(images), trained.read(words)
    torch.testing.assert_close(seen.embed_image(images), look, atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.embed_text(words), read, atol=1e-4, rtol=0)
    table = seen.model.token_embedding.weight
    silent = set(trained.tokenizer.encode("parliament"))
    assert not table[list(silent)].any()
    assert table[trained.tokenizer.encode("fox turquoise")].any(dim=1).all()
    config = json.loads((out / "open_clip_config.json").read_text())
    assert "patch_dropout" not in config["model_cfg"]["vision_cfg"]

    steps: list[int] = []
    rate = clip.learning_rate
    monkeypatch.setattr(
        clip, "learning_rate", lambda recipe, step: (steps.append(step), rate(recipe, step))[1]
    )
    train(replace(recipe, steps=3))
    after = torch.load(out / "checkpoint.pt", weights_only=True)
    assert set(steps) == {2} and after["step"] == 3
    assert after["optimiser"]["state"][0]["step"] == 3  # Adam's moments went on, too


def test_training_imitates_a_teacher(folder: Path, tmp_path: Path) -> None:
    files = [f"flat/{index}.webp" for index in range(len(CONCEPTS))]
    targets = unit(len(files), 32)
    taught = {"targets": targets, "files": files, "text": {"clip.logit_scale": torch.tensor(1.5)}}
    torch.save(taught, tmp_path / "teacher.pt")
    # Tinted pictures have no target; a batch of nothing else teaches nothing, and does no harm.
    recipe = replace(
        SMALL,
        data=str(folder),
        out=str(tmp_path / "out"),
        teacher=str(tmp_path / "teacher.pt"),
        tint_share=1.0,
        steps=1,
    )
    model = Model(recipe)
    pictures = data.read(folder, "illustrations", side=8, classes=("permissive",)).subset([4, 1])
    assert torch.equal(imitation(recipe, model, pictures), targets[[4, 1]])
    assert model.clip.logit_scale.item() == 1.5
    train(recipe)
    weights = torch.load(Path(recipe.out) / "checkpoint.pt", weights_only=True)["model"]
    assert all(weight.isfinite().all() for weight in weights.values())


def test_random_decodes_are_pictures_of_the_vqgan(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = vqgan.Recipe(
        **{"size": 32, "codes": 12, "code_channels": 8, "width": 32, "z_channels": 8},
        multiples=[1, 1, 1, 1],
    )
    vqgan.export(small, vqgan.Model(small), tmp_path)
    recipe = replace(SMALL, size=16, vqgan=str(tmp_path))
    got = random_decodes(recipe)
    assert got.shape == (512, 3, 16, 16) and got.min() >= 0 and got.max() <= 1
    assert torch.equal(got, random_decodes(recipe))
    assert 450 < len(got.flatten(1).unique(dim=0)) <= 512  # four cells of twelve codes


def test_the_command_reads_a_config_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Recipe] = []
    monkeypatch.setattr(clip, "train", seen.append)
    config = Path(__file__).parents[2] / "configs/train/starter_clip.yaml"
    clip.main([str(config), "minutes=1.5", "vqgan=some/folder"])
    assert seen[0].minutes == 1.5 and seen[0].vqgan == "some/folder"
    assert seen[0].steps != Recipe().steps
