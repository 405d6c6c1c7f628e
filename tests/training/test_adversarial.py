"""Pictures that are drawn against a CLIP in training, by the method that it is made for."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from tests.training.test_clip_trainer import SMALL as CLIP
from vqclip.guidance.prompt_losses import spherical_distance
from vqclip.training import adversarial, clip_trainer
from vqclip.training.adversarial import AdversarialImage, AdversarialPool
from vqclip.training.clip_model import Model
from vqclip.training.clip_trainer import train
from vqclip.training.data import archives

SMALL = replace(CLIP, hide=0.0, vqgan="starter", forgeries=2, pool=3, forged_bf16=False)


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small latents, begun two at a time, and few pictures that show nothing."""
    monkeypatch.setattr(clip_trainer, "RANDOM_DECODES", 8)
    monkeypatch.setattr(adversarial, "CELLS", 4)
    monkeypatch.setattr(adversarial, "AT_ONCE", 2)


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(SMALL)


def forger(folder: Path, **changes: Any) -> AdversarialPool:
    free = ("permissive",)
    pictures = archives.read_pictures(folder, "illustrations", side=32, classes=free)
    photos = archives.read_pictures(folder, "photos", side=32, classes=free)
    return AdversarialPool(replace(SMALL, **changes), pictures, photos)


def far(made: AdversarialPool, model: Model, each: AdversarialImage) -> float:
    """The angle between a whole forgery and its caption."""
    with torch.no_grad():
        picture = made.vqgan.decode(made.vqgan.quantise(each.latent[None]))
        seen = model.eval().embed_image(torch.nn.functional.interpolate(picture, [32, 32]))
        return float(spherical_distance(seen, model.embed_text([each.caption])))


def test_a_forgery_moves_towards_its_caption(
    folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "LIVES", (1000, 1001))
    monkeypatch.setattr(adversarial, "VIEW", 1.0)
    made = forger(folder)
    made.next_batch(model, stream(), contextlib.nullcontext)
    assert len(made.pool) == 3 and sorted(each.age for each in made.pool) == [0, 1, 1]
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    before = [far(made, model, each) for each in made.pool]
    for number in range(20):
        made.next_batch(model.train(), stream(number), contextlib.nullcontext)
        assert model.training
    after = [far(made, model, each) for each in made.pool]
    assert all(b < a for a, b in zip(before, after, strict=True))
    # It is the forgery that learns, not the CLIP.
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    low, high = made.vqgan.codebook_range()
    for each in made.pool:
        assert (each.latent >= low[0]).all() and (each.latent <= high[0]).all()


def test_a_move_is_one_of_adam(folder: Path, model: Model) -> None:
    made = forger(folder, forgeries=1, pool=1)
    made.pool = [made._next(model, stream())]
    each = made.pool[0]
    latent = torch.nn.Parameter(each.latent.clone())
    adam = torch.optim.Adam([latent], lr=SMALL.forged_rate, eps=1e-12)
    low, high = made.vqgan.codebook_range()
    for number in range(3):
        slope = torch.randn(each.latent.shape, generator=stream(number))
        made.drawer.move(each, slope)
        latent.grad = slope
        adam.step()
        with torch.no_grad():
            latent.clamp_(low[0], high[0])
        torch.testing.assert_close(each.latent, latent.detach())


def test_what_is_shown_is_the_same_part_of_both(folder: Path, model: Model) -> None:
    made = forger(folder, forgeries=3)
    for _ in range(3):
        made.pool.append(made._next(model, stream(len(made.pool))))
    for each in made.pool:  # each as its real thing is
        each.latent = made.vqgan.encode(each.real[None])[0]
        picture = made.vqgan.decode(made.vqgan.quantise(each.latent[None]))[0]
        each.real = picture.detach()
    shown = made.next_batch(model, stream(5), contextlib.nullcontext)
    assert shown.forged.shape == shown.real.shape == (3, 3, 32, 32)
    torch.testing.assert_close(shown.forged, shown.real)
    assert sorted(shown.captions) == sorted(each.caption for each in made.pool)
    assert not shown.forged.requires_grad
    named = {each.caption: frozenset(each.things) for each in made.pool}
    assert shown.things == [named[words] for words in shown.captions]


def test_a_forgery_makes_room_after_its_life(
    folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "LIVES", (2, 3))
    made = forger(folder, forgeries=3)
    ages = []
    for number in range(4):
        made.next_batch(model, stream(number), contextlib.nullcontext)
        ages.append([each.age for each in made.pool])
    assert ages == [[1] * 3, [2] * 3, [1] * 3, [2] * 3]


def test_being_fooled_is_a_running_mean(folder: Path) -> None:
    made = forger(folder)
    text = torch.eye(4)  # two others, then those of the forgeries
    real, fooling = text[2:], text[2:] * 2
    made.update_scores(torch.cat([real, fooling, real]), text)
    assert made.fooled == pytest.approx(0.02)
    made.update_scores(torch.cat([real, torch.stack([fooling[0], -fooling[1]])]), text)
    assert made.fooled == pytest.approx(0.02 + 0.02 * (0.5 - 0.02))


def test_half_may_start_from_drafts(folder: Path) -> None:
    made = forger(
        folder, prior="starter", text_width=128, text_layers=3, context=32, embedding=192
    )
    assert made.cells == 16  # the prior's
    model = Model(made.recipe)
    one, two = made._prepare(model, stream())
    generator = stream()
    _, captions, _, _ = made.batches.draw(generator)
    lives = [made.drawer.stages(False, generator) for _ in captions]
    random = [made.vqgan.random_latent(16, 16, generator)[0] for _ in range(2)]
    assert made.prior is not None
    prefix = made.prior.prefix(model.text_states(captions[:1]))
    written = made.prior.sample(prefix, generator=generator, guidance=adversarial.GUIDANCE)
    assert torch.equal(one.latent, made.vqgan.lookup(written[0])[0])
    assert torch.equal(two.latent, random[1])
    assert [each.stages for each in (one, two)] == lives
    sheet = replace_pool(made, [one, two]).sheet()
    assert sheet.shape == (3, 2 * 128, 2 * 128)
    torch.testing.assert_close(sheet[:, :128, :128], one.real)


def replace_pool(made: AdversarialPool, pool: list[AdversarialImage]) -> AdversarialPool:
    made.pool = pool
    return made


def test_those_from_random_codes_may_grow_as_a_run_does(
    folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "GROWING", (20, 21))
    monkeypatch.setattr(adversarial, "VIEW", 1.0)
    made = forger(folder, forgeries=2, pool=2, forged_growth=True)
    sides = []
    for number in range(20):
        shown = made.next_batch(model, stream(number), contextlib.nullcontext)
        sides.append([each.latent.shape[-1] for each in made.pool])
        for each in made.pool:  # beside the real thing, drawn as large
            small = torch.nn.functional.interpolate(
                each.original[None], [each.real.shape[-1]] * 2, mode="bilinear", antialias=True
            )
            codes = made.vqgan.quantise(made.vqgan.encode(small.clamp(0, 1)))
            torch.testing.assert_close(made.vqgan.decode(codes)[0], each.real)
            assert each.real.shape[-1] == each.latent.shape[-1] * made.vqgan.factor
            assert each.moments.shape[1:] == each.latent.shape and each.moments[1].min() >= 0
        assert shown.forged.shape == shown.real.shape == (2, 3, 32, 32)
    # The growth of a run's defaults: 60 % of it at a quarter of the side, 25 % at half.
    assert sides == [[1, 1]] * 12 + [[2, 2]] * 5 + [[4, 4]] * 3
    assert made.sheet().shape == (3, 2 * 32, 2 * 32)


def test_growth_keeps_the_picture(folder: Path) -> None:
    made = forger(folder, forged_growth=True)
    each = replace_pool(made, [made._next(Model(SMALL), stream())]).pool[0]
    each.latent = made.vqgan.encode(each.real[None])[0]
    each.age = each.total_moves - 1
    before = made.drawer.decode([each.latent])[0]
    made.drawer.grow(each)
    after = torch.nn.functional.interpolate(
        made.drawer.decode([each.latent])[0][None], before.shape[-2:], mode="area"
    )[0]
    assert each.side == 32 and (before - after).abs().mean() < 0.08


@pytest.mark.parametrize("growth", [False, True])
def test_a_training_with_forgeries_goes_on_as_if_never_stopped(
    folder: Path, tmp_path: Path, growth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "GROWING", (2, 3))  # a size each move

    def weights(name: str, *ends: int) -> dict[str, Tensor]:
        recipe = replace(
            SMALL, data=str(folder), out=str(tmp_path / name), steps=3, forged_growth=growth
        )
        for end in ends:
            train(replace(recipe, until=end))
        state: dict[str, Any] = torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        assert len(state["forgeries"]["pool"]) == 3
        found: dict[str, Tensor] = state["model"]
        return found

    whole, pieces = weights("whole", 3), weights("pieces", 1, 3)
    assert all(torch.equal(value, pieces[key]) for key, value in whole.items())
    without = replace(
        SMALL, data=str(folder), out=str(tmp_path / "none"), steps=3, forgeries=0, vqgan=""
    )
    train(without)
    other = torch.load(tmp_path / "none" / "checkpoint.pt", weights_only=True)
    assert "forgeries" not in other
    assert any(not torch.equal(other["model"][key], value) for key, value in whole.items())


def test_the_real_thing_wins_over_its_forgery(folder: Path, tmp_path: Path) -> None:
    """What the loss is for: with time, a forgery pleases less than the real thing."""
    from vqclip.training.clip_trainer import contrastive_loss

    text = torch.eye(2)
    near = torch.nn.functional.normalize(text + 0.1, dim=1)
    scale = torch.tensor(20.0)
    same = torch.eye(2, dtype=torch.bool)
    forged = near.clone().requires_grad_()
    loss = contrastive_loss(torch.cat([near, forged]), text, same, scale)
    push = torch.autograd.grad(loss, forged)[0]
    assert ((push * text).sum(1) > 0).all()  # descending takes a forgery away from its text
