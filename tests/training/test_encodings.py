"""Encoded pictures for prior training: codes of a tiny VQGAN, and their captions."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from tests.training.conftest import CONCEPTS
from vqclip.errors import ModelError, PictureError
from vqclip.models import vqgan as models_vqgan
from vqclip.training import encoded_pictures, settings, vqgan_trainer
from vqclip.training.data import archives, compose
from vqclip.training.encoded_pictures import EncodedPictures, cached_codes, encode_pictures
from vqclip.training.prior_trainer import draw_batch, sampling_weights
from vqclip.training.settings import PriorRecipe as Recipe

CODES = 12
SMALL = settings.VqganRecipe(
    **{"size": 16, "codes": CODES, "code_channels": 8, "width": 32, "z_channels": 8},
    multiples=[1, 1, 1],
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a VQGAN of twelve codes and four pixels a code, which knows nothing."""
    place = tmp_path_factory.mktemp("vqgan")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = vqgan_trainer.Model(SMALL)
        torch.nn.init.normal_(model.quantize.embedding.weight, std=0.3)
    vqgan_trainer.export(SMALL, model, place)
    return place


@pytest.fixture
def recipe(book: Path) -> Recipe:
    return Recipe(vqgan=str(book), batch=4, cells=2, variants=2, pair_variants=1, bf16=False)


@pytest.fixture
def pictures(folder: Path) -> archives.Pictures:
    return archives.read_pictures(folder, "illustrations", side=16, classes=("permissive",))


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def row(concept: str, style: str = "emoji") -> archives.Row:
    return archives.Row("a.webp", (concept,), style, "a package", "MIT")


@pytest.mark.parametrize("bf16", [False, True])
def test_pictures_become_the_codes_that_the_vqgan_gives_them(
    recipe: Recipe,
    book: Path,
    pictures: archives.Pictures,
    monkeypatch: pytest.MonkeyPatch,
    bf16: bool,
) -> None:
    many = pictures.subset([index % 6 for index in range(34)])  # more than fit in one go
    kept, made = many.pixels.clone(), list[Tensor]()
    encoder = models_vqgan.VQGAN.encode

    def spy(self: models_vqgan.VQGAN, images: Tensor) -> Tensor:
        made.append(images)
        return encoder(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(models_vqgan.VQGAN, "encode", spy)
        got = encode_pictures(replace(recipe, bf16=bf16), many)
    assert got.codes.shape == (3, 34, 2, 2) and got.codes.dtype == torch.int16
    assert torch.equal(many.pixels, kept)
    assert [images.shape for images in made] == 3 * [(16, 3, 8, 8), (16, 3, 8, 8), (2, 3, 8, 8)]
    model = models_vqgan.open_vqgan(book / "vqgan.yaml", book / "vqgan.safetensors")
    latents = model.encode(torch.cat(made))
    rows = latents.permute(0, 2, 3, 1).reshape(-1, 1, model.channels)
    distance = torch.cdist(rows, model.codebook)[:, 0].view(3, 34, 2, 2, CODES)
    chosen = distance.gather(-1, got.codes.long()[..., None])[..., 0]
    slack = 0.1 if bf16 else 1e-4
    assert (chosen <= distance.amin(-1) + slack).all()
    assert len(got.codes.unique()) > 1 and not torch.equal(got.codes[0], got.codes[1])
    again = encode_pictures(replace(recipe, bf16=bf16), many)
    assert torch.equal(again.codes, got.codes) and again.seconds == got.seconds
    for names, tints in zip(got.grounds, got.tints, strict=True):
        assert len(names) == len(tints) == 34
        assert {None, "white"} < set(names) <= {None, *archives.COLOURS}
        assert None in tints and {*tints} <= {None, *archives.TINTS}


def test_things_stand_still_in_the_middle(
    recipe: Recipe, pictures: archives.Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[tuple[Tensor, Tensor, Tensor]] = []
    lay = compose.lay_cutouts

    def spy(pixels: Tensor, under: Tensor, *where: Tensor) -> Tensor:
        laid.append((where[0], where[1], where[2]))
        return lay(pixels, under, *where)

    monkeypatch.setattr(compose, "lay_cutouts", spy)
    encode_pictures(replace(recipe, scale=0.8, pair_variants=0), pictures)
    assert len(laid) == 2
    for scale, shift, flip in laid:
        torch.testing.assert_close(scale, torch.full([6], 0.8))
        assert torch.equal(shift, torch.zeros(6, 2)) and torch.equal(flip, torch.ones(6))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_as_many_are_tinted_as_asked(
    recipe: Recipe, pictures: archives.Pictures, share: float
) -> None:
    got = encode_pictures(replace(recipe, tint_share=share, variants=3), pictures)
    assert len(got.codes) == len(got.grounds) == len(got.tints) == len(got.seconds) == 4
    assert all((tint in archives.TINTS) == (share == 1) for tints in got.tints for tint in tints)
    names = [second[1] for second in got.seconds[3] if second is not None]
    assert len(names) == 6
    if share == 0:
        assert set(names) <= set(CONCEPTS)
    else:
        assert all(name.split()[0] in archives.TINTS for name in names)
        assert {name.split()[-1] for name in names} <= {name.split()[-1] for name in CONCEPTS}


def test_in_the_last_variants_another_thing_is_there(
    recipe: Recipe, pictures: archives.Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[tuple[str, str]] = []
    pairs = compose.lay_pairs

    def spy(
        first: Tensor, second: Tensor, under: Tensor, generator: Generator
    ) -> tuple[Tensor, list[str]]:
        images, words = pairs(first, second, under, generator)
        assert torch.equal(first, pictures.pixels)
        for thing, word in zip(second, words, strict=True):
            index = [torch.equal(thing, each) for each in pictures.pixels].index(True)
            laid.append((word, CONCEPTS[index]))
        return images, words

    monkeypatch.setattr(compose, "lay_pairs", spy)
    got = encode_pictures(replace(recipe, pair_variants=12, tint_share=0.0), pictures)
    assert laid == [second for told in got.seconds[2:] for second in told]
    assert got.seconds[:2] == [[None] * 6] * 2
    met: set[str] = set()
    for told in got.seconds[2:]:
        assert len(told) == 6
        for index, second in enumerate(told):
            assert second is not None
            word, name = second
            assert word in {word for word, _ in compose.RELATIONS}
            assert name in CONCEPTS and name != CONCEPTS[index]
            met.add(name)
    assert met == set(CONCEPTS)
    assert not torch.equal(got.codes[2], got.codes[3])


def test_no_pairs_are_made_where_none_are_asked_for(
    recipe: Recipe, pictures: archives.Pictures
) -> None:
    with_pairs = encode_pictures(recipe, pictures)
    without = encode_pictures(replace(recipe, pair_variants=0), pictures)
    assert without.codes.shape == (2, 6, 2, 2)
    assert torch.equal(without.codes, with_pairs.codes[:2])
    assert without.seconds == [[None] * 6] * 2
    more = encode_pictures(replace(recipe, variants=4), pictures)
    assert torch.equal(more.codes[4], with_pairs.codes[2])
    assert more.seconds[4] == with_pairs.seconds[2]


def test_plain_variants_are_alike_and_change_no_others(
    recipe: Recipe, pictures: archives.Pictures
) -> None:
    calm = replace(recipe, tint_share=0.0)
    before, got = (encode_pictures(replace(calm, plain_variants=n), pictures) for n in (0, 2))
    assert got.codes.shape == (5, 6, 2, 2)
    assert torch.equal(got.codes[:3], before.codes) and got.grounds[:3] == before.grounds
    assert torch.equal(got.codes[3], got.codes[4])
    assert got.seconds[3:] == [[None] * 6] * 2 and {*got.grounds[3]} <= {"white", "blue"}
    tinted = encode_pictures(replace(recipe, tint_share=0.5, plain_variants=2), pictures)
    assert tinted.tints[3] != tinted.tints[4]


def test_a_single_picture_stands_beside_itself(
    recipe: Recipe, pictures: archives.Pictures
) -> None:
    got = encode_pictures(replace(recipe, tint_share=0.0), pictures.subset([1]))
    assert got.seconds[2][0] is not None and got.seconds[2][0][1] == "fox"


def test_a_batch_has_the_captions_of_its_codes(
    recipe: Recipe, pictures: archives.Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(row: archives.Row, ground: str | None, tint: str | None, generator: Generator) -> str:
        return f"{row.concept}, {ground}, {tint}"

    monkeypatch.setattr(archives, "write_caption", say)
    codes = torch.arange(18, dtype=torch.int16).view(3, 6, 1, 1).expand(3, 6, 2, 2)
    names: list[list[str | None]] = [[f"{v}{i}" for i in range(6)] for v in "ghi"]
    tints: list[list[str | None]] = [[None, "red"] * 3, [*archives.TINTS[:5], None], ["blue"] * 6]
    alone: list[tuple[str, str] | None] = [None] * 6
    above: list[tuple[str, str] | None] = [("above", f"old thing {i}") for i in range(6)]
    weights = torch.tensor([1.0, 1, 0, 1, 1, 1])
    learnt = EncodedPictures(codes, names, tints, [alone, alone, above])
    got, said = draw_batch(replace(recipe, batch=90), pictures, learnt, weights, stream())
    assert got.shape == (90, 2, 2) and got.dtype == torch.int64
    articles: list[bool] = []
    for number, words in zip(got[:, 0, 0].tolist(), said, strict=True):
        variant, index = divmod(number, 6)
        if variant < 2:
            assert words == f"{CONCEPTS[index]}, {'gh'[variant]}{index}, {tints[variant][index]}"
            continue
        plain = f"blue {CONCEPTS[index]} above old thing {index}"
        assert words in (plain, "a " + plain.replace("above old", "above an old"))
        articles.append(words != plain)
    assert set(got.flatten().tolist()) == set(range(18)) - {2, 8, 14}
    assert 0.2 < sum(articles) / len(articles) < 0.8
    again = draw_batch(replace(recipe, batch=90), pictures, learnt, weights, stream())
    assert torch.equal(got, again[0]) and said == again[1]


def test_no_picture_is_twice_in_a_batch_unless_it_must_be(
    recipe: Recipe, pictures: archives.Pictures
) -> None:
    codes = torch.arange(6, dtype=torch.int16).view(1, 6, 1, 1)
    learnt = EncodedPictures(codes, [[None] * 6], [[None] * 6], [[None] * 6])
    weights = torch.tensor([1.0, 1, 0, 1, 1, 1])
    got, _ = draw_batch(replace(recipe, batch=5), pictures, learnt, weights, stream())
    assert sorted(got.flatten().tolist()) == [0, 1, 3, 4, 5]
    got, _ = draw_batch(replace(recipe, batch=6), pictures, learnt, weights, stream())
    assert len(got) == 6 and 2 not in got


def test_people_clip_art_and_renders_are_drawn_less(recipe: Recipe) -> None:
    rows = [
        row("fox"),
        row("fox", "clip art"),
        row("chair", "3d render"),
        row("chair", "3d emoji"),
        row("man dancing"),
        row("raised hands", "clip art"),
        row("flag: isle of man"),
        *[row(word) for word in ("handbag", "mango", "womanly", "snowman", "peoples")],
        *[row(f"a {word} there") for word in ("men", "girl", "family", "kiss", "hand", "finger")],
    ]
    got = sampling_weights(replace(recipe, clip_art=0.5, people=0.25), rows)
    expected = [1, 0.5, 0.5, 1, 0.25, 0.125, 0.025, *[1] * 5, *[0.25] * 6]
    torch.testing.assert_close(got, torch.tensor(expected))
    assert torch.equal(
        sampling_weights(replace(recipe, clip_art=1, people=1), rows),
        archives.sampling_weights(rows),
    )
    assert sampling_weights(Recipe(), rows[1:5]).tolist() == pytest.approx([0.3, 0.3, 1, 0.4])
    complaint = re.escape(
        "clip_art=0 and people=0.4 leave none of 2 pictures to learn from; give more than 0"
    )
    with pytest.raises(PictureError, match=complaint):
        sampling_weights(replace(recipe, clip_art=0.0), rows[1:3])


def test_nouns_of_the_layouts_table_are_drawn_more(recipe: Recipe) -> None:
    rows = [row(word) for word in ("owl", "Owl", "dog face", "owl in a tree", "zymurgy", "kiss")]
    usual = sampling_weights(recipe, rows)
    more = sampling_weights(replace(recipe, common=5), rows)
    torch.testing.assert_close(more / usual, torch.tensor([5.0, 5, 5, 1, 1, 1]))


def test_codes_are_kept_for_what_they_were_made_of(
    recipe: Recipe, pictures: archives.Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def spy(recipe: Recipe, pictures: archives.Pictures, *_: object) -> EncodedPictures:
        made.append(len(pictures))
        return encode_pictures(recipe, pictures)

    monkeypatch.setattr(encoded_pictures, "encode_pictures", spy)
    cache = tmp_path / "codes.pt"
    first, again = (cached_codes(recipe, pictures, cache) for _ in range(2))
    assert made == [6] and torch.equal(first.codes, again.codes)
    for part in ("grounds", "tints", "seconds"):
        assert getattr(first, part) == getattr(again, part)
    assert not list(tmp_path.glob("*.part"))
    for changed in (
        {"seed": 1},
        {"variants": 1},
        {"pair_variants": 0},
        {"plain_variants": 1},
        {"scale": 0.7},
        {"tint_share": 0.0},
        {"styles": ["flat icon"]},
    ):
        made.clear()
        cached_codes(replace(recipe, **changed), pictures, cache)  # type: ignore[arg-type]
        cached_codes(recipe, pictures, cache)
        assert made == [6, 6], changed
    made.pop()
    cached_codes(replace(recipe, clip_art=1.0, people=1.0, batch=9), pictures, cache)
    assert made == [6]  # how often they are drawn does not matter to the codes
    cached_codes(recipe, pictures.subset([0, 1]), cache)
    assert made[1:] == [2]
    cached_codes(recipe, pictures, cache)
    renamed = archives.Pictures(
        tuple(replace(row, captions=("a new name",)) for row in pictures.rows), pictures.pixels
    )
    assert "a new name" in str(cached_codes(recipe, renamed, cache).seconds)
    torch.save(vars(first), cache)  # of an older edition: nobody knows of what
    cached_codes(recipe, pictures, cache)
    cache.write_bytes(b"cut short")
    cached_codes(recipe, pictures, cache)
    assert made[2:] == [6] * 4
    other = tmp_path / "other"
    other.mkdir()
    for name in ("vqgan.yaml", "vqgan.safetensors"):
        (other / name).write_bytes(Path(recipe.vqgan, name).read_bytes())
    cached_codes(replace(recipe, vqgan=str(other)), pictures, cache)
    assert len(made) == 6  # the same VQGAN, elsewhere
    vqgan_trainer.export(SMALL, vqgan_trainer.Model(SMALL), other)
    cached_codes(replace(recipe, vqgan=str(other)), pictures, cache)
    assert len(made) == 7


def test_an_absent_vqgan_is_named(recipe: Recipe, pictures: archives.Pictures) -> None:
    with pytest.raises(ModelError, match=r"vqgan=none: there is no none.vqgan.yaml; train it f"):
        cached_codes(replace(recipe, vqgan="none"), pictures, Path("codes.pt"))
