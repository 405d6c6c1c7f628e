"""The training of a small CLIP."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Generator, Tensor
from torch.nn import functional

from tests.training.conftest import CONCEPTS, picture
from vqclip.errors import ModelError
from vqclip.guidance import perceptor
from vqclip.training import clip, clip_model, distillation, loop, settings, vqgan
from vqclip.training.clip import (
    attack_images,
    contrastive_loss,
    evaluate,
    load_teacher,
    random_decodes,
    train,
)
from vqclip.training.clip_model import Model
from vqclip.training.data import archives
from vqclip.training.data.batches import ClipBatches, make_nonsense, perturb_pictures
from vqclip.training.loop import learning_rate
from vqclip.training.settings import ClipRecipe

SMALL = ClipRecipe(
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
    got = contrastive_loss(image, text, same_as(words), torch.tensor(scale))
    assert float(got) == pytest.approx(loss, rel=1e-5)


def test_contrast_forgives_the_same_thing_and_minds_nonsense() -> None:
    text = unit(3, 8)[[0, 0, 1]]  # two of the same
    image, scale = text.clone(), torch.tensor(50.0)
    right, wrong = same_as("aab"), same_as("abc")
    # Two equal pictures share a text's probability, and that is as good as it gets.
    best = contrastive_loss(image, text, right, scale)
    assert float(best) == pytest.approx(2 / 3 * numpy.log(2), abs=1e-3)
    gradient = torch.autograd.grad(
        contrastive_loss(image.requires_grad_(), text, right, scale), image
    )[0]
    assert gradient[:2].abs().max() < 1e-4
    assert contrastive_loss(torch.cat([image, text[2:]]), text, right, scale) > best + 0.05
    assert contrastive_loss(image[[2, 1, 0]], text, right, scale) > best + 1
    assert contrastive_loss(image, text, wrong, scale).item() == pytest.approx(
        float(best), abs=1e-3
    )


@pytest.mark.parametrize("size", [31, 32])
def test_perturb_stays_in_range_and_changes_most(size: int) -> None:
    images = torch.rand(40, 3, size, size, generator=stream())
    kept, before = images.clone(), torch.get_rng_state()
    got = perturb_pictures(images, stream(1))
    assert got.shape == images.shape and got.min() >= 0 and got.max() <= 1
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), before)
    assert torch.equal(got, perturb_pictures(images, stream(1)))
    away = (got - images).abs().mean((1, 2, 3))
    assert (away > 0.01).float().mean() > 0.9 and away.mean() < 0.25


@pytest.mark.parametrize("count", [0, 1, 6, 32])
@pytest.mark.parametrize("decodes", [0, 5])
def test_nonsense_has_the_shape_and_range_of_pictures(count: int, decodes: int) -> None:
    images = torch.rand(7, 3, 32, 32, generator=stream())
    kept = images.clone()
    of_codes = torch.rand(decodes, 3, 32, 32, generator=stream(1))
    got = make_nonsense(images, of_codes, count, stream(2))
    assert got.shape == (count, 3, 32, 32) and torch.equal(images, kept)
    assert count == 0 or (got.min() >= 0 and got.max() <= 1)
    assert torch.equal(got, make_nonsense(images, of_codes, count, stream(2)))


def test_nonsense_is_of_four_kinds() -> None:
    images = torch.rand(2, 3, 32, 32, generator=stream())
    codes = torch.rand(4, 3, 32, 32, generator=stream(1))
    got = make_nonsense(images, codes, 6, stream(3))

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
    noise = make_nonsense(images, torch.empty(0, 3, 0, 0), 6, stream(3))[3:]
    assert noise.std((1, 2, 3)).min() > 0.05


def test_attack_stays_near_and_raises_the_loss(model: Model) -> None:
    torch.manual_seed(1)
    images = 0.1 + 0.8 * torch.rand(16, 3, 32, 32, generator=stream())
    with torch.no_grad():
        text = model.embed_text([f"{a} {b}" for a in ("red", "blue") for b in "abcdefgh"])
    same = torch.eye(16, dtype=torch.bool)

    def loss(pictures: Tensor) -> float:
        with torch.no_grad():
            return float(
                contrastive_loss(model.embed_image(pictures), text, same, torch.tensor(20.0))
            )

    with torch.no_grad():
        model.clip.logit_scale.fill_(3.0)
    rms = 0.05
    for _ in range(20):
        moved = attack_images(model, images, text, same, rms, contextlib.nullcontext)
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
    for rows in (
        model.embed_image(torch.rand(2, 3, 32, 32)),
        model.embed_text(["a fox", "an owl"]),
    ):
        assert rows.shape == (2, 32) and rows.dtype == torch.float32
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))


def test_batches_say_what_they_show(folder: Path) -> None:
    free = ("permissive",)
    pictures = archives.read_pictures(folder, "illustrations", side=16, classes=free)
    photos = archives.read_pictures(folder, "photos", side=16, classes=free)
    for share in (0.0, 1.0):
        batches = ClipBatches(replace(SMALL, batch=12, tint_share=share), pictures, photos)
        images, captions, shown, *_ = batches.draw(stream())
        assert images.shape == (12, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
        assert len(captions) == len(shown) == 12
        for (words,) in shown:
            tint, _, concept = words.partition(" ") if share else ("", "", words)
            assert concept in (*CONCEPTS, "apple") and tint in (
                archives.TINTS if share else ("",)
            )
        again = batches.draw(stream())
        assert torch.equal(images, again[0]) and captions == again[1]
    assert torch.equal(pictures.pixels[0], picture(4, 0))  # tinting leaves the stored ones alone


def test_the_rate_warms_up_and_falls() -> None:
    recipe = ClipRecipe(steps=2000, rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(0, 2500, 50)]
    assert rates[0] == pytest.approx(0.005) and rates[20] == pytest.approx(0.5, abs=1e-3)
    assert max(rates) == rates[4] and rates[40:] == [0.02] * 10


def test_examine_counts_the_right_concepts(
    folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = archives.read_pictures(folder, "illustrations", side=32, classes=("permissive",))
    right = {concept: index for index, concept in enumerate(CONCEPTS)}

    def embed_image(images: Tensor) -> Tensor:
        rgba = pictures.pixels.float() / 255
        white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
        near = torch.cdist(images.flatten(1), white.flatten(1)).argmin(1)
        return torch.eye(len(CONCEPTS))[near]

    def read(captions: list[str]) -> Tensor:
        order = [right[words] for words in captions]
        return torch.eye(len(CONCEPTS))[[5 if i == 4 else i for i in order]]

    monkeypatch.setattr(model, "embed_image", embed_image)
    monkeypatch.setattr(model, "embed_text", read)
    assert evaluate(model, pictures, "known", SMALL) == {"known": round(5 / 6, 3)}
    assert evaluate(model, pictures.subset([]), "held_out", SMALL) == {}
    assert model.training


def test_training_leaves_a_perceptor_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SMALL, data=str(folder), out=str(tmp_path / "out"))
    out = Path(recipe.out)
    train(recipe)
    names = {"checkpoint.pt", "open_clip_config.json", "packed.safetensors"}
    assert {path.name for path in out.iterdir()} == names
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2

    seen = perceptor.load_perceptor(str(out))
    assert seen.size == 32 and seen.context_length == 16
    trained = Model(replace(recipe, hide=0.0))
    trained.load_state_dict(state["model"])
    trained.half().float().eval()  # as it is shipped
    images = torch.rand(3, 3, 32, 32, generator=stream())
    words = ["a fox", "a turquoise owl on a grey background", "red apple face, symbol"]
    with torch.no_grad():
        look, read = trained.embed_image(images), trained.embed_text(words)
    torch.testing.assert_close(seen.embed_image(images), look, atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.embed_text(words), read, atol=1e-2, rtol=0)  # packed
    table = seen.model.token_embedding.weight
    silent = set(trained.tokenizer.encode("parliament"))
    assert not table[list(silent)].any()
    assert table[trained.tokenizer.encode("fox turquoise")].any(dim=1).all()
    config = json.loads((out / "open_clip_config.json").read_text())
    assert "patch_dropout" not in config["model_cfg"]["vision_cfg"]

    steps: list[int] = []
    rate = loop.learning_rate
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
    pictures = archives.read_pictures(
        folder, "illustrations", side=8, classes=("permissive",)
    ).subset([4, 1])
    assert torch.equal(load_teacher(recipe, model, pictures), targets[[4, 1]])
    assert model.clip.logit_scale.item() == 1.5
    train(recipe)
    weights = torch.load(Path(recipe.out) / "checkpoint.pt", weights_only=True)["model"]
    assert all(weight.isfinite().all() for weight in weights.values())


@pytest.fixture(scope="module")
def lite0() -> dict[str, Tensor]:
    """What stands in for ImageNet's weights; statistics that no batch would have."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
        for key, tensor in state.items():
            if key.endswith(("running_mean", "running_var")):
                tensor.add_(torch.rand(tensor.shape) / 10)
    return {key: tensor for key, tensor in state.items() if not key.startswith("classifier")}


@pytest.fixture
def trunk(
    lite0: dict[str, Tensor], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ClipRecipe:
    """Two steps of a convolutional image tower, the second of them under attack."""
    asked: dict[str, dict[str, Tensor]] = {"tf_efficientnet_lite0": lite0}
    monkeypatch.setattr(clip_model, "efficientnet_weights", asked.__getitem__)
    changes = {"trunk": "tf_efficientnet_lite0", "trunk_rate": 0.25}
    return replace(SMALL, **changes, data=str(folder), out=str(tmp_path / "out"))


def statistics(state: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """What a BatchNorm knows of batches."""
    parts = ("running_mean", "running_var", "num_batches_tracked")
    return {k.removeprefix(prefix): v for k, v in state.items() if k.endswith(parts)}


def test_a_trunk_learns_but_keeps_its_batch_statistics(
    trunk: ClipRecipe, lite0: dict[str, Tensor]
) -> None:
    train(trunk)
    out = Path(trunk.out)
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    prefix = "clip.visual.trunk."
    known, now = statistics(lite0), statistics(state["model"], prefix)
    assert len(known) > 100 and known.keys() == now.keys()
    assert all(torch.equal(now[key], known[key]) for key in known)
    moved = [k for k in lite0 if not torch.equal(state["model"][prefix + k], lite0[k])]
    assert set(moved) == lite0.keys() - known.keys()
    # Matrices and the rest, of the trunk and of everything else, each at its own pace.
    rate = learning_rate(trunk, 1)
    rates = sorted(group["lr"] / rate for group in state["optimiser"]["param_groups"])
    assert rates == pytest.approx([0.25, 0.25, 1, 1])

    seen = perceptor.load_perceptor(str(out))
    assert seen.size == 32 and seen.mean.flatten().tolist() == [0.5] * 3
    trained = Model(trunk)
    trained.load_state_dict(state["model"])
    trained.half().float().eval()  # as it is shipped
    images = torch.rand(3, 3, 32, 32, generator=stream())
    words = ["a fox", "a turquoise owl on a grey background"]
    with torch.no_grad():
        look, read = trained.embed_image(images), trained.embed_text(words)
    torch.testing.assert_close(seen.embed_image(images), look, atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.embed_text(words), read, atol=1e-2, rtol=0)  # packed

    train(replace(trunk, steps=3))
    after = torch.load(out / "checkpoint.pt", weights_only=True)
    now = statistics(after["model"], prefix)
    assert after["step"] == 3 and all(torch.equal(now[key], known[key]) for key in known)


def test_a_trunk_sees_what_timm_would(trunk: ClipRecipe, lite0: dict[str, Tensor]) -> None:
    model = Model(trunk).eval()
    network = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    network.load_state_dict(lite0)
    images = torch.rand(2, 3, 32, 32, generator=stream())
    with torch.no_grad():
        features = model.clip.visual.trunk((images - 0.5) / 0.5)
        torch.testing.assert_close(features, network(images * 2 - 1), atol=1e-5, rtol=1e-4)
        head = model.clip.visual.head(features)
        torch.testing.assert_close(model.embed_image(images), functional.normalize(head, dim=1))
    assert clip_model.normalisation(trunk) == ((0.5,) * 3, (0.5,) * 3)
    assert clip_model.normalisation(SMALL) == (clip_model.MEAN, clip_model.STD)


def test_only_batch_norms_stay_as_they_are_in_training(trunk: ClipRecipe) -> None:
    model = Model(trunk)
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    frozen = {id(inner) for norm in norms for inner in norm.modules()}
    assert len(norms) == 49
    for mode in (True, False, True):
        assert model.train(mode) is model
        for part in model.modules():
            assert part.training == (mode and id(part) not in frozen)


def test_every_weight_is_in_one_group(trunk: ClipRecipe) -> None:
    model = Model(trunk)
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = clip_model.parameter_groups(trunk, model)
    listed = [id(weight) for group in found for weight in group["params"]]
    assert len(listed) == len(set(listed)) == len(names) and set(listed) == set(names)
    for group in found:
        for weight in group["params"]:
            assert group["weight_decay"] == (0.1 if weight.ndim > 1 else 0)
            inside = names[id(weight)].startswith("clip.visual.trunk.")
            assert group["pace"] == (0.25 if inside else 1)
    plain = clip_model.parameter_groups(SMALL, Model(SMALL))
    assert [group["pace"] for group in plain] == [1, 1]


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    texts = [f"{word} of parliament" for word in words]
    book = {"texts": texts, "meanings": unit(len(texts), 384).half()}
    torch.save(book, tmp_path / "sentences.pt")
    return tmp_path / "sentences.pt"


def recited(recipe: ClipRecipe) -> float:
    """How far the model in `out` is from knowing its sentences: 0 knows all, 1 none."""
    model = Model(recipe)
    model.load_state_dict(torch.load(Path(recipe.out) / "checkpoint.pt")["model"])
    book = torch.load(recipe.sentences)
    with torch.no_grad():
        said = model.eval().echo(model.embed_text(book["texts"]))
    return float(1 - functional.cosine_similarity(said, book["meanings"].float()).mean())


def test_the_text_tower_recites(
    folder: Path, tmp_path: Path, sentences: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(
        SMALL,
        data=str(folder),
        out=str(tmp_path / "out"),
        sentences=str(sentences),
        recited=16,
        recite=20.0,
        attack_from=99,
        steps=25,
    )
    train(replace(recipe, steps=0))
    assert recited(recipe) == pytest.approx(1, abs=0.1)
    monkeypatch.setattr(clip, "learning_rate", lambda *_: 3e-3)
    train(recipe)
    assert recited(recipe) < 0.5
    # What only a sentence says is shipped, too; the echo is not.
    seen = perceptor.load_perceptor(recipe.out)
    model = Model(recipe)
    table = seen.model.token_embedding.weight
    assert table[model.tokenizer.encode("parliament fox")].any(dim=1).all()
    assert not table[model.tokenizer.encode("moustache")].any()
    assert not any("echo" in name for name, _ in seen.model.named_parameters())

    # A sentence weighs what the recipe says: of nothing, nothing is learnt.
    silent = replace(recipe, out=str(tmp_path / "silent"), recite=0.0, steps=5)
    train(silent)
    assert recited(silent) > 0.8


def test_a_run_may_begin_from_weights_without_an_echo(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(7)
    weights = Model(SMALL).state_dict()
    old = {name: tensor for name, tensor in weights.items() if "echo" not in name}
    torch.save({"model": old}, tmp_path / "begin.pt")
    out = tmp_path / "out"
    begin = str(tmp_path / "begin.pt")
    train(replace(SMALL, data=str(folder), out=str(out), begin=begin, steps=0))
    now = torch.load(out / "checkpoint.pt", weights_only=True)["model"]
    assert now.keys() == weights.keys()
    assert all(torch.equal(now[name], tensor) for name, tensor in old.items())


def test_random_decodes_are_pictures_of_the_vqgan(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = settings.VqganRecipe(
        **{"size": 32, "codes": 12, "code_channels": 8, "width": 32, "z_channels": 8},
        multiples=[1, 1, 1, 1],
    )
    vqgan.export(small, vqgan.Model(small), tmp_path)
    recipe = replace(SMALL, size=16, vqgan=str(tmp_path))
    got = random_decodes(recipe)
    assert got.shape == (512, 3, 16, 16) and got.min() >= 0 and got.max() <= 1
    assert torch.equal(got, random_decodes(recipe))
    assert 450 < len(got.flatten(1).unique(dim=0)) <= 512  # four cells of twelve codes


def test_a_run_may_begin_with_exported_weights(folder: Path, tmp_path: Path) -> None:
    first = replace(SMALL, data=str(folder), out=str(tmp_path / "first"), steps=1)
    train(first)
    source = Path(first.out, clip_model.FILE)
    then = replace(first, out=str(tmp_path / "then"), begin=str(source), steps=0, seed=9)
    train(then)
    was, now = (torch.load(Path(r.out, "checkpoint.pt"))["model"] for r in (first, then))
    kept = [key for key in was if key not in ("clip.token_embedding.weight", "echo.weight")]
    for key in kept:
        torch.testing.assert_close(now[key], was[key], atol=1e-3, rtol=1e-3)
    with pytest.raises(
        ModelError, match=r"from=.*: clip\.positional_embedding is \[16, 64\], but"
    ):
        train(replace(then, out=str(tmp_path / "third"), context=20))


def test_a_teacher_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    pictures = archives.read_pictures(folder, "illustrations", side=8, classes=("permissive",))
    recipe = replace(SMALL, teacher=str(tmp_path / "teacher.pt"))
    model = Model(recipe)
    files = [row.file for row in pictures.rows]
    taught = {"targets": unit(len(files), 32), "files": files, "text": {}}
    mean = model.mean.clone()
    for change, complaint in (
        ({"text": {"clip.logit_scale": torch.zeros(2)}}, r"clip.logit_scale is \[2\], but these"),
        (
            {"text": {"clip.ear": torch.zeros(2)}},
            "holds clip.ear, which this model does not have",
        ),
        ({"files": files[1:]}, f"does not know {files[0]}; make it again, with the same data="),
    ):
        torch.save(taught | change, recipe.teacher)
        with pytest.raises(ModelError, match=complaint):
            load_teacher(recipe, model, pictures)
    torch.save({"targets": taught["targets"]}, recipe.teacher)
    with pytest.raises(ModelError, match=r"holds no text; give the teacher.pt of recipe: "):
        load_teacher(recipe, model, pictures)
    # What another tower's pictures are brought to is no part of what is taught.
    torch.save(taught | {"text": {"mean": torch.zeros_like(mean)}}, recipe.teacher)
    load_teacher(recipe, model, pictures)
    assert torch.equal(model.mean, mean)


def test_what_is_exported_says_what_the_model_has_seen(folder: Path, tmp_path: Path) -> None:
    pictures = archives.read_pictures(folder, "illustrations", side=8, classes=("permissive",))
    model = Model(SMALL)
    model.mean.fill_(0.25)
    clip_model.export(SMALL, model, pictures, tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    assert config["preprocess_cfg"]["mean"] == [0.25] * 3
    assert config["preprocess_cfg"]["std"] == pytest.approx(clip_model.STD, abs=1e-6)


def test_a_teacher_is_trained_and_imitated(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def features(pictures: archives.Pictures, device: torch.device) -> Tensor:
        asked.append(len(pictures))
        return torch.randn(len(pictures), 7, generator=stream())

    monkeypatch.setattr(distillation, "compute_features", features)
    out = tmp_path / "taught"
    recipe = replace(SMALL, data=str(folder), out=str(out), recipe="teacher", steps=3, batch=8)
    distillation.train_teacher(recipe)
    taught = torch.load(out / "teacher.pt", weights_only=True)
    assert taught["targets"].shape == (6, 32) and len(taught["files"]) == 6
    torch.testing.assert_close(taught["targets"].norm(dim=1), torch.ones(6))
    assert not any("visual" in key for key in taught["text"])
    distillation.train_teacher(replace(recipe, steps=4))
    assert asked == [6]  # the features are kept
    train(
        replace(
            SMALL,
            data=str(folder),
            out=str(tmp_path / "then"),
            steps=1,
            teacher=str(out / "teacher.pt"),
        )
    )
    assert (tmp_path / "then" / clip_model.FILE).is_file()


def test_a_second_one_borrows_the_words_of_the_first(folder: Path, tmp_path: Path) -> None:
    first = replace(SMALL, data=str(folder), out=str(tmp_path / "first"))
    train(first)
    second = replace(first, out=str(tmp_path / "second"), words_of=first.out, seed=1)
    train(second)
    lender, borrower = perceptor.load_perceptor(first.out), perceptor.load_perceptor(second.out)
    words = ["a fox", "red apple face"]
    assert torch.equal(borrower.embed_text(words), lender.embed_text(words))
    images = torch.rand(2, 3, 32, 32, generator=stream())
    assert not torch.allclose(borrower.embed_image(images), lender.embed_image(images), atol=1e-2)
    stored = load_file(Path(second.out) / "packed.safetensors")
    assert stored and all(key.startswith("visual.") for key in stored)
    train(replace(second, steps=3))  # goes on without borrowing again
    assert torch.equal(
        perceptor.load_perceptor(second.out).embed_text(words), lender.embed_text(words)
    )


def test_nothing_to_borrow_is_explained(folder: Path, tmp_path: Path) -> None:
    recipe = replace(SMALL, data=str(folder), out=str(tmp_path / "out"), words_of=str(tmp_path))
    with pytest.raises(ModelError, match=r"there is no file .*checkpoint\.pt; name a"):
        train(recipe)


def test_fixed_words_stay_as_they_are(folder: Path, tmp_path: Path) -> None:
    first = replace(SMALL, data=str(folder), out=str(tmp_path / "first"))
    train(first)
    on = replace(first, out=str(tmp_path / "on"), begin=first.out, words_fixed=True)
    train(replace(on, restyle_share=0.5))
    before, after = perceptor.load_perceptor(first.out), perceptor.load_perceptor(on.out)
    assert torch.equal(after.embed_text(["a fox"]), before.embed_text(["a fox"]))
    images = torch.rand(2, 3, 32, 32, generator=stream())
    assert not torch.equal(after.embed_image(images), before.embed_image(images))
