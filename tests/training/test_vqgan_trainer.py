"""The training of a small VQGAN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.training.conftest import picture, record, write
from vqclip.errors import ConfigError, PictureError
from vqclip.models import vqgan as models_vqgan
from vqclip.training import vqgan_trainer
from vqclip.training.data import archives
from vqclip.training.data.batches import VqganBatches, open_batches, sides_and_counts
from vqclip.training.settings import VqganRecipe, check_recipe
from vqclip.training.vqgan_trainer import (
    Codebook,
    Model,
    draw_sheet,
    edge_differences,
    evaluate,
    learning_rate,
    picture_distance,
    psnr,
    train,
)


@pytest.fixture(autouse=True)
def one_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def recipe(folder: Path, tmp_path: Path) -> VqganRecipe:
    """Three steps, of which the second quantises and the third knows the critic."""
    return VqganRecipe(
        data=str(folder),
        out=str(tmp_path / "out"),
        steps=3,
        batch=2,
        size=32,
        photo_share=0.5,
        quantise_from=1,
        revive_every=2,
        discriminate_from=2,
        codes=12,
        code_channels=8,
        width=32,
        multiples=[1, 1, 2],
        z_channels=8,
        bf16=False,
    )


def latents(*shape: int) -> Tensor:
    return torch.randn(*shape)


def test_codebook_takes_the_nearest_code() -> None:
    book, z = Codebook(20, 6).eval(), latents(2, 6, 5, 3)
    chosen, commitment, indices = book(z)
    flat = z.permute(0, 2, 3, 1).reshape(-1, 6)
    distance = torch.cdist(flat, book.embedding.weight)
    assert torch.equal(indices, distance.argmin(1))
    nearest = book.embedding.weight[indices].view(2, 5, 3, 6).permute(0, 3, 1, 2)
    torch.testing.assert_close(chosen, nearest)
    torch.testing.assert_close(commitment, distance.amin(1).pow(2).mean() / 6)


def test_codebook_is_as_exact_under_autocast() -> None:
    book = Codebook(400, 4).eval()
    with torch.no_grad():  # neighbours that bfloat16 cannot tell apart
        book.embedding.weight.copy_(1 + torch.rand(400, 4) / 10)
    z = 1 + torch.rand(1, 4, 16, 16) / 10
    with torch.autocast("cpu", torch.bfloat16):
        indices = book(z)[2]
    flat = z.permute(0, 2, 3, 1).reshape(-1, 4).double()
    distance = torch.cdist(flat, book.embedding.weight.double())
    away = distance.gather(1, indices[:, None])[:, 0] - distance.amin(1)
    assert away.max() < 1e-3


def test_gradients_pass_the_codebook_and_commitment_pulls_latents_only() -> None:
    book, z = Codebook(20, 6).eval(), latents(1, 6, 2, 2).requires_grad_()
    chosen, commitment, _ = book(z)
    pull = torch.randn_like(chosen)
    (got,) = torch.autograd.grad((chosen * pull).sum(), z, retain_graph=True)
    assert torch.equal(got, pull)
    (got,) = torch.autograd.grad(commitment, z)
    torch.testing.assert_close(got, 2 * (z - chosen).detach() / z.numel())
    assert not book.embedding.weight.requires_grad


def test_running_means_move_codes_to_the_data() -> None:
    book = Codebook(4, 3, decay=0.9)
    centres = torch.tensor([[4.0, 0, 0], [0, 4, 0], [0, 0, 4], [-4, -4, -4]])
    with torch.no_grad():
        book.embedding.weight.copy_(centres / 4)
        book.sums.copy_(centres / 4)
    z = (centres[torch.arange(64) % 4] + 0.1 * torch.randn(64, 3)).T.reshape(1, 3, 8, 8)
    sums = z.reshape(3, 64).T.reshape(16, 4, 3).sum(0)
    _, first, _ = book(z)
    torch.testing.assert_close(book.usage, torch.full([4], 0.9 * 1 + 0.1 * 16))
    torch.testing.assert_close(book.embedding.weight, (0.9 * centres / 4 + 0.1 * sums) / 2.5)
    for _ in range(60):
        _, last, indices = book(z)
    assert last < first / 50  # what is left is the noise
    torch.testing.assert_close(book.embedding.weight, sums / 16, atol=0.02, rtol=0)
    torch.testing.assert_close(book.usage, torch.full([4], 16.0), atol=0.1, rtol=0)
    before = book.embedding.weight.clone()
    book.eval()(z)
    assert torch.equal(book.embedding.weight, before)
    assert torch.equal(indices, torch.arange(64) % 4)


def test_a_code_that_nobody_chose_stays_where_it_was() -> None:
    book = Codebook(3, 2, decay=0.5)
    with torch.no_grad():
        book.embedding.weight.copy_(torch.tensor([[0.0, 0], [9, 9], [-9, 9]]))
        book.sums.copy_(book.embedding.weight)
    for _ in range(40):
        book(torch.full([1, 2, 2, 2], 0.5))
    torch.testing.assert_close(book.embedding.weight[0], torch.tensor([0.5, 0.5]))
    assert torch.equal(book.embedding.weight[1:], torch.tensor([[9.0, 9], [-9, 9]]))


def test_revive_draws_disused_codes_from_the_batch() -> None:
    book, z = Codebook(10, 4), latents(2, 4, 3, 3)
    book.usage[:] = torch.arange(10.0)
    before = book.embedding.weight.clone()
    assert book.revive(z, 3) == 3
    flat = z.permute(0, 2, 3, 1).reshape(-1, 4)
    assert torch.equal(book.embedding.weight[3:], before[3:])
    assert (torch.cdist(book.embedding.weight[:3], flat).amin(1) == 0).all()
    assert torch.equal(book.sums[:3], book.embedding.weight[:3])
    assert torch.equal(book.usage, torch.tensor([1.0, 1, 1, 3, 4, 5, 6, 7, 8, 9]))
    assert book.revive(z, float("inf")) == 10 and book.revive(z, 0) == 0


def test_edges_are_differences_of_neighbours() -> None:
    x = torch.tensor([[1.0, 2, 4], [8, 16, 32], [0, 0, 0]])[None, None]
    right, below = edge_differences(x)[0]
    assert right.tolist() == [[1, 2], [8, 16]] and below.tolist() == [[7, 14], [-8, -16]]


def test_picture_distance_is_zero_for_equals_and_grows() -> None:
    real = torch.rand(2, 3, 32, 32) * 2 - 1
    assert picture_distance(real, real) == 0
    small, large = (picture_distance(real + s * torch.randn_like(real), real) for s in (0.1, 0.4))
    assert 0 < small < large
    # A shift of all colours has no edges: |s| and s², and |s| for each of the two blurs.
    torch.testing.assert_close(picture_distance(real + 0.2, real), torch.tensor(0.64))


def test_decibels_are_of_pictures_between_minus_one_and_one() -> None:
    real = torch.zeros(1, 3, 8, 8)
    assert psnr(real + 0.2, real) == pytest.approx(20)  # a tenth of the range
    assert psnr(real + 9, real + 1) > 100  # clamped


def test_the_rate_warms_up_and_falls() -> None:
    recipe = VqganRecipe(steps=1000, rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01) and rates[500] == pytest.approx(0.5)
    assert max(rates) == rates[99] and rates[-1] == pytest.approx(0.05)


def test_batches_are_illustrations_and_photographs(recipe: VqganRecipe) -> None:
    blank = torch.zeros(1, 4, 8, 8, dtype=torch.uint8)
    rows = (archives.Row("a", ("a fox",), "", "", ""),)
    photos = archives.Pictures(rows, torch.full([1, 3, 16, 16], 51, dtype=torch.uint8))
    batches = VqganBatches(
        replace(recipe, batch=8, photo_share=0.25), archives.Pictures(rows, blank), photos
    )
    images = batches.draw(torch.Generator().manual_seed(0))
    assert images.shape == (8, 3, 32, 32) and images.min() >= -1 and images.max() <= 1
    torch.testing.assert_close(images[:2], torch.full([2, 3, 32, 32], -0.6))
    assert not torch.equal(images[2], images[0])
    again = batches.draw(torch.Generator().manual_seed(0))
    assert torch.equal(images, again)


@pytest.mark.parametrize("own", [False, True])
def test_batches_may_be_of_several_sizes(recipe: VqganRecipe, folder: Path, own: bool) -> None:
    Image.fromarray(picture(3, 1, 300).permute(1, 2, 0).numpy()).save(folder / "mine.png")
    changes = {"pictures": str(folder)} if own else {}
    several = replace(recipe, batch=4, sizes=[16, 32, 64, 256], **changes)
    assert sides_and_counts(several) == [(32, 4), (16, 16), (64, 1), (256, 1)]
    draw, exam = open_batches(several, lambda kind, **words: None)
    generator = torch.Generator().manual_seed(0)
    drawn = [draw(generator) for _ in range(40)]
    assert {(each.shape[-1], len(each)) for each in drawn} == set(sides_and_counts(several))
    assert all(each.shape[1] == 3 and each.shape[2] == each.shape[3] for each in drawn)
    assert all(each.abs().max() < 1.0001 for each in drawn)
    assert exam.shape[2:] == (32, 32)
    alone, _ = open_batches(replace(several, sizes=[]), lambda kind, **words: None)
    assert {alone(generator).shape for _ in range(5)} == {torch.Size([4, 3, 32, 32])}


def test_training_leaves_what_the_ordinary_loader_reads_and_goes_on(
    recipe: VqganRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(recipe.out)
    train(recipe)
    names = {"checkpoint.pt", "samples", "vqgan.safetensors", "vqgan.yaml"}
    assert {path.name for path in out.iterdir()} == names
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["step"] == 3

    trained = Model(recipe)
    trained.load_state_dict(state["model"])
    trained.half().float().eval()  # as it is shipped
    loaded = models_vqgan.open_vqgan(out / "vqgan.yaml", out / "vqgan.safetensors")
    assert loaded.factor == 4 and loaded.channels == 8 and len(loaded.codebook) == 12
    pictures = torch.stack([picture(3, seed, 32) for seed in (1, 2)]) / 255
    with torch.no_grad():
        z = trained.encode(pictures * 2 - 1)
        torch.testing.assert_close(loaded.encode(pictures), z, atol=1e-5, rtol=1e-4)
        codes = trained.quantize(z)[0]
        torch.testing.assert_close(loaded.quantise(z), codes, atol=1e-6, rtol=0)
        made = (trained.decode(codes) / 2 + 0.5).clamp(0, 1)
        torch.testing.assert_close(loaded.decode(codes), made, atol=1e-5, rtol=0)

    steps: list[int] = []
    rate = vqgan_trainer.learning_rate
    monkeypatch.setattr(
        vqgan_trainer,
        "learning_rate",
        lambda recipe, step: (steps.append(step), rate(recipe, step))[1],
    )
    train(replace(recipe, steps=5))
    assert steps == [3, 4]
    after = torch.load(out / "checkpoint.pt", weights_only=True)
    assert after["step"] == 5
    assert after["optimiser"]["state"][0]["step"] == 5  # Adam's moments went on, too
    assert not torch.equal(
        after["model"]["quant_conv.weight"], state["model"]["quant_conv.weight"]
    )
    train(replace(recipe, steps=9, minutes=0.0))
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 5


def test_a_folder_with_nothing_to_hold_out_will_do(recipe: VqganRecipe, folder: Path) -> None:
    write(folder, "illustrations", [record("flat/1.webp", captions=["fox"])])
    train(replace(recipe, steps=1))
    assert (Path(recipe.out) / "vqgan.safetensors").is_file()


def test_no_picture_of_the_licences_is_an_error(recipe: VqganRecipe) -> None:
    with pytest.raises(PictureError, match="of the licence classes gpl; add one to licences="):
        train(replace(recipe, licences=["gpl"]))


@pytest.mark.parametrize("size", [32, 48])
def test_pictures_are_examined_and_laid_on_a_sheet(recipe: VqganRecipe, size: int) -> None:
    model = Model(recipe)
    exam = torch.rand(32, 3, size, size) * 2 - 1
    first, second = evaluate(model, exam[:4], False), evaluate(model, exam[:4], True)
    assert first["codes_in_exam"] == 0 and 0 < first["psnr"] < 20
    assert 1 <= second["codes_in_exam"] <= 12
    before = torch.get_rng_state()
    made = draw_sheet(model, exam, True)
    assert torch.equal(torch.get_rng_state(), before)  # a sheet does not change the training
    assert made.shape == (3, 5 * (size + 2) + 2, 16 * (size + 2) + 2)
    assert made.min() >= 0 and made.max() <= 1 and model.training
    torch.testing.assert_close(made[:, 2 : 2 + size, 2 : 2 + size], exam[0] / 2 + 0.5)
    torch.testing.assert_close(made, draw_sheet(model, exam, True))
    other = draw_sheet(model, exam, False)
    assert torch.equal(other[:, -size:], made[:, -size:])  # random codes are the same ones
    assert not torch.equal(other[:, size:-size], made[:, size:-size])


def test_a_decoder_that_learns_alone_leaves_every_code(
    recipe: VqganRecipe, tmp_path: Path
) -> None:
    train(recipe)
    first, second = Path(recipe.out), tmp_path / "second"
    state = torch.load(first / "checkpoint.pt", weights_only=True)
    state["model"]["quantize.usage"][:6] = 0  # out of use, and to be drawn again anywhere else
    torch.save(state, first / "checkpoint.pt")
    alone = replace(
        recipe,
        out=str(second),
        begin=str(first / "checkpoint.pt"),
        decoder_only=True,
        bf16=True,
        discriminate_from=2,
        revive_every=1,
        sheet_every=2,
    )
    train(alone)
    train(replace(alone, steps=5))  # and goes on
    before, after = (torch.load(o / "checkpoint.pt", weights_only=True) for o in (first, second))
    assert after["step"] == 5
    for key, tensor in before["model"].items():
        moves = key.startswith(("decoder.", "post_quant_conv."))
        assert torch.equal(after["model"][key], tensor) != moves, key
    assert any(key.startswith("quantize.usage") for key in before["model"])

    pictures = torch.stack([picture(3, seed, 32) for seed in range(6)]) / 255
    codes, latents, drawn = [], [], []
    for out in (first, second):
        shown = models_vqgan.open_vqgan(out / "vqgan.yaml", out / "vqgan.safetensors")
        latents.append(shown.encode(pictures))
        codes.append(shown.nearest_codes(latents[-1]))
        drawn.append(shown.decode(shown.lookup(codes[0][0])))
    assert torch.equal(*latents) and torch.equal(*codes)
    assert not torch.equal(*drawn)


def test_the_codes_of_exported_weights_stay_too(recipe: VqganRecipe, tmp_path: Path) -> None:

    train(recipe)
    out = tmp_path / "second"
    train(
        replace(recipe, out=str(out), begin=recipe.out + "/vqgan.safetensors", decoder_only=True)
    )
    before, after = (load_file(Path(o, "vqgan.safetensors")) for o in (recipe.out, out))
    for key, tensor in before.items():
        moves = key.startswith(("decoder.", "post_quant_conv."))
        assert torch.equal(after[key], tensor) or moves, key
    assert not torch.equal(after["decoder.conv_out.weight"], before["decoder.conv_out.weight"])


def test_a_decoder_alone_learns_to_draw(
    recipe: VqganRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(recipe)
    kept = Path(recipe.out) / "begin"
    kept.mkdir(parents=True)
    vqgan_trainer.export(recipe, model, kept)
    exams: list[float] = []
    monkeypatch.setattr(vqgan_trainer, "REPORT_EVERY", 1)
    watch = evaluate
    monkeypatch.setattr(
        vqgan_trainer, "evaluate", lambda *args: (exams.append(watch(*args)["psnr"]), {})[1]
    )
    alone = replace(recipe, begin=str(kept), decoder_only=True, discriminate_from=99, rate=3e-3)
    train(replace(alone, steps=12, batch=4, sheet_every=0))
    assert len(exams) == 12 and exams[-1] > exams[0] + 0.5, exams


def test_codes_to_keep_must_come_from_somewhere(recipe: VqganRecipe) -> None:
    with pytest.raises(ConfigError, match="decoder_only is true, but from= does not say whose"):
        check_recipe(replace(recipe, decoder_only=True))
    alone = replace(recipe, decoder_only=True, begin="starter")
    assert check_recipe(alone) == alone


def test_what_is_kept_may_lie_between_before_and_after(
    recipe: VqganRecipe, tmp_path: Path
) -> None:
    train(recipe)
    kept = Path(recipe.out) / "vqgan.safetensors"
    before, ends = load_file(kept), {}
    for blend in (0.0, 0.25, 1.0):
        out = tmp_path / f"second-{blend}"
        train(replace(recipe, out=str(out), begin=str(kept), blend=blend, rate=1e-2))
        ends[blend] = load_file(out / "vqgan.safetensors")
    for key, tensor in before.items():
        assert torch.equal(ends[0.0][key], tensor)
        wanted = tensor.float().lerp(ends[1.0][key].float(), 0.25)
        torch.testing.assert_close(ends[0.25][key].float(), wanted, atol=2e-3, rtol=2e-3)
    assert any(not torch.equal(ends[1.0][key], tensor) for key, tensor in before.items())
    with pytest.raises(ConfigError, match=r"blend is 0.5, but from= does not say with what"):
        check_recipe(replace(recipe, blend=0.5))
