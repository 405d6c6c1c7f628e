"""Scores against the cosines of single words."""

from __future__ import annotations

import pytest
import torch

from tests.helpers import tiny_clip
from vqclip.guidance import distractors, perceptor, zero_shot


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> perceptor.OpenClipPerceptor:
    return perceptor.load_perceptor(str(tiny_clip.write(tmp_path_factory.mktemp("clip"))))


def test_the_percentile_counts_the_words_that_fit_less_well(
    tiny: perceptor.OpenClipPerceptor,
) -> None:
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = tiny.embed_image(images)
    text = "a fox in the fog"
    things = distractors.distractors_for(text, distractors.HELD_OUT)
    assert "fox" not in things and len(things) > 99
    words = torch.cat([tiny.embed_text([each]) for each in [text, *things]])
    for row, found in zip(seen, zero_shot.build_scorer(text, tiny).score(seen), strict=True):
        own, *others = (words @ row).tolist()
        assert found.cosine == pytest.approx(own, abs=1e-5)
        below = sum(other < own for other in others)
        assert found.percentile == pytest.approx(100 * below / len(things), abs=1)


def test_the_best_and_the_worst_word_are_at_the_ends(
    tiny: perceptor.OpenClipPerceptor,
) -> None:
    seen = tiny.embed_image(torch.full((1, 3, 32, 32), 0.3))
    things = distractors.distractors_for("", distractors.HELD_OUT)
    cosines = (tiny.embed_text(things) @ seen[0]).tolist()
    for pick, percent in ((max, 100.0), (min, 0.0)):
        word = things[cosines.index(pick(cosines))]
        (found,) = zero_shot.build_scorer(word, tiny).score(seen)
        assert found.percentile == percent


def test_words_that_name_everything_have_no_percentile(
    tiny: perceptor.OpenClipPerceptor,
) -> None:
    (found,) = zero_shot.build_scorer(distractors.HELD_OUT, tiny).score(
        tiny.embed_image(torch.zeros(1, 3, 32, 32))
    )
    assert found.percentile is None and -1 <= found.cosine <= 1
