"""Learning a word, against the formula written again, on a tiny random CLIP."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.test_clip_text_tower import made
from vqclip.errors import ConfigError
from vqclip.guidance import distractors
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.models import tokenizer
from vqclip.training import textual_inversion
from vqclip.training.settings import InversionConfig

SETTINGS = InversionConfig(token="x", steps=12, views=4, vectors=2)


@pytest.fixture(scope="module")
def perceptor() -> OpenClipPerceptor:
    return made("laion")


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, side, 40, generator=generator) for side in (32, 50, 64)]


def learnt(
    perceptor: OpenClipPerceptor, pictures: list[Tensor], settings: InversionConfig
) -> list[textual_inversion.WordProgress]:
    lesson = textual_inversion.prepare_lesson(perceptor, pictures, settings, seed=1)
    return list(
        textual_inversion.learn_word(
            perceptor, lesson, settings, torch.Generator().manual_seed(0)
        )
    )


def test_a_lesson_is_squares_sentences_and_foils(
    perceptor: OpenClipPerceptor, pictures: list[Tensor]
) -> None:
    lesson = textual_inversion.prepare_lesson(perceptor, pictures, SETTINGS, seed=1)
    assert lesson.image_embeddings.shape == (3, 4, 32) and bool(lesson.about.all())
    torch.testing.assert_close(lesson.image_embeddings.norm(dim=2), torch.ones(3, 4))
    whole = F.interpolate(pictures[1], [32, 32], mode="bilinear", antialias=True)
    torch.testing.assert_close(lesson.image_embeddings[1, :1], perceptor.embed_image(whole))
    words = textual_inversion.ordinary_words()
    assert len(set(words)) == len(words) > 200 and {"wolf", "goat", "apple"} < set(words)
    cosines = perceptor.embed_text(words) @ lesson.image_embeddings.mean((0, 1))
    assert lesson.begin == words[int(cosines.argmax())]
    assert lesson.foils.shape == (8, len(words) - textual_inversion.NEAREST, 32)
    # The nearest are no foils; all others are.
    least = cosines.sort(descending=True).values[textual_inversion.NEAREST]
    there = (lesson.foils[0] @ lesson.image_embeddings.mean((0, 1))).max()
    torch.testing.assert_close(there, least)
    assert all(text.count("<slot>") == 1 for text in lesson.sentences)


def test_a_style_is_told_from_other_manners_of_the_same_thing(
    perceptor: OpenClipPerceptor, pictures: list[Tensor]
) -> None:
    lesson = textual_inversion.prepare_lesson(
        perceptor, pictures, replace(SETTINGS, kind="style"), seed=1
    )
    words = textual_inversion.ordinary_words()
    read = perceptor.embed_text(words)
    things = [words[int((each.mean(0) @ read.T).argmax())] for each in lesson.image_embeddings]
    assert len(lesson.sentences) == len(lesson.foils) == 4 * len(set(things))
    for sentence, about, away in zip(lesson.sentences, lesson.about, lesson.foils, strict=True):
        (thing,) = {thing for thing, yes in zip(things, about, strict=True) if yes}
        assert thing in sentence and "<slot>" in sentence and "{}" not in sentence
        torch.testing.assert_close(away[:1], perceptor.embed_text([f"{thing}, photograph"]))
    assert lesson.about.any(1).all() and lesson.about.any(0).all()
    assert lesson.begin in textual_inversion.MANNERS.replace("\n", " ")


def test_the_first_loss_is_the_formula(
    perceptor: OpenClipPerceptor, pictures: list[Tensor]
) -> None:
    # One square of each picture, all sentences: nothing is left to chance but which pictures.
    settings = replace(SETTINGS, views=1, steps=1, distinct=0.3, init="cat")
    one = pictures[:1]
    (moment,) = learnt(perceptor, one, settings)
    lesson = textual_inversion.prepare_lesson(perceptor, one, settings, seed=1)
    seen = lesson.image_embeddings[0, 0]
    texts = [text.replace("<slot>", "cat cat") for text in textual_inversion.OBJECTS]
    read = perceptor.embed_text(texts)
    fit = (read @ seen).mean()
    told = [
        torch.log_softmax(
            distractors.INVERSE_TEMPERATURE
            * torch.cat([(each @ seen)[None], lesson.foils[0] @ seen]),
            0,
        )[0]
        for each in read
    ]
    wanted = 1 - fit - 0.3 * torch.stack(told).mean()
    assert moment.loss == pytest.approx(wanted.item(), abs=1e-4)
    assert moment.fit == pytest.approx(fit.item(), abs=1e-5)


def test_words_come_nearer_to_their_pictures_and_equal_seeds_are_equal(
    perceptor: OpenClipPerceptor, pictures: list[Tensor]
) -> None:
    first, again = (learnt(perceptor, pictures, SETTINGS) for _ in range(2))
    assert [moment.step for moment in first] == list(range(1, 13))
    assert first[-1].fit > first[0].fit + 0.02 and first[-1].loss < first[0].loss
    assert torch.equal(first[-1].vectors, again[-1].vectors)
    assert first[-1].vectors.shape == (2, 32) and not first[-1].vectors.requires_grad
    assert all(weight.grad is None for weight in perceptor.model.parameters())
    taught = perceptor.with_words({"x": first[-1].vectors})
    mean = F.normalize(perceptor.embed_image(whole(pictures)).mean(0), dim=0)
    own = taught.embed_text(["<x>"])[0] @ mean
    begun = textual_inversion.prepare_lesson(perceptor, pictures, SETTINGS, seed=1).begin
    assert own > perceptor.embed_text([begun])[0] @ mean


def whole(pictures: list[Tensor]) -> Tensor:
    return torch.cat(
        [F.interpolate(each, [32, 32], mode="bilinear", antialias=True) for each in pictures]
    )


def test_held_a_word_stays_near_where_it_began(
    perceptor: OpenClipPerceptor, pictures: list[Tensor]
) -> None:
    begun = textual_inversion.initial_vectors(perceptor, "cat", 2)
    moved = []
    for hold in (0.0, 100.0):
        settings = replace(SETTINGS, init="cat", hold=hold)
        moved.append((learnt(perceptor, pictures, settings)[-1].vectors - begun).norm().item())
    assert moved[1] < 0.5 * moved[0]


def test_a_word_begins_as_another_repeated_or_cut(perceptor: OpenClipPerceptor) -> None:
    cat = tokenizer.bare_tokens(perceptor.tokenizer, "cat")
    table = perceptor.model.token_embedding.weight
    assert torch.equal(textual_inversion.initial_vectors(perceptor, "cat", 3), table[cat * 3])
    owls = tokenizer.bare_tokens(perceptor.tokenizer, "two owls")
    assert len(owls) == 2
    assert torch.equal(
        textual_inversion.initial_vectors(perceptor, "two owls", 1), table[owls[:1]]
    )
    with pytest.raises(ConfigError, match=r"init=' ' holds no word to begin with"):
        textual_inversion.initial_vectors(perceptor, " ", 1)


def test_a_word_means_what_it_is_nearest_to(perceptor: OpenClipPerceptor) -> None:
    vectors = textual_inversion.initial_vectors(perceptor, "goat", 1)
    assert textual_inversion.nearest_words(perceptor, vectors)[0] == "goat"
    vectors = textual_inversion.initial_vectors(perceptor, "origami", 1)
    found = textual_inversion.nearest_words(perceptor, vectors, "style")
    assert found[0] in textual_inversion.ordinary_styles() and len(found) == 3


@pytest.mark.parametrize("family", ["siglip", "coca", "xlm-roberta", "mt5"])
@pytest.mark.parametrize("kind", ["object", "style"])
def test_every_family_learns(
    family: str, kind: str, pictures: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings = replace(SETTINGS, kind=kind, init="fox")
    moments = learnt(made(family), pictures, settings)
    assert moments[-1].fit > moments[0].fit
