"""Zero-shot classification against open_clip's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy
import open_clip
import pytest
import torch
from PIL import Image as pillow
from torch import Tensor

from tests.helpers import tiny_clip
from vqclip.guidance import perceptor, zero_shot
from vqclip.models.zoo import model_files

LABELS = ["a cat", "a dog in the fog", "12:30 train"]
TEMPLATES = ["{}", "a drawing of {}", "{} on a red ground"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> perceptor.OpenClipPerceptor:
    return perceptor.load_perceptor(str(tiny_clip.write(tmp_path_factory.mktemp("clip"))))


def photographs() -> list[pillow.Image]:
    """Random pictures: of the size that is seen, wider, higher, smaller."""
    random = numpy.random.default_rng(0)
    sizes = ((32, 32), (90, 64), (50, 170), (20, 13))
    return [
        pillow.fromarray(random.integers(0, 256, (high, wide, 3), dtype=numpy.uint8))
        for wide, high in sizes
    ]


@torch.no_grad()
def their_logits(
    eye: perceptor.OpenClipPerceptor, pictures: Sequence[pillow.Image], labels: Sequence[str]
) -> Tensor:
    """By open_clip's transform, classifier and scale, from pictures and labels to logits."""
    model = eye.model
    settings = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(settings, is_train=False)
    weights = open_clip.build_zero_shot_classifier(model, eye.tokenizer, labels, TEMPLATES, 2)
    seen = model.encode_image(torch.stack([transform(p) for p in pictures]), normalize=True)
    return model.logit_scale.exp() * seen @ weights


def our_judgement(
    eye: perceptor.OpenClipPerceptor, pictures: Sequence[pillow.Image], labels: Sequence[str]
) -> Tensor:
    seen = torch.cat([zero_shot.embed_picture(picture, eye) for picture in pictures])
    return zero_shot.build_classifier(eye, labels, TEMPLATES).classify(seen)


def test_probabilities_are_open_clips(tiny: perceptor.OpenClipPerceptor) -> None:
    pictures = photographs()
    theirs = their_logits(tiny, pictures, LABELS)
    ours = our_judgement(tiny, pictures, LABELS)
    assert ours.shape == (4, 3)
    torch.testing.assert_close(ours, theirs.log_softmax(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.exp(), theirs.softmax(1), atol=1e-4, rtol=0)
    assert theirs.softmax(1).std() > 0.01  # which an answer of one third each would not meet
    learnt = zero_shot.build_classifier(tiny, LABELS, TEMPLATES)
    seen = torch.cat([zero_shot.embed_picture(picture, tiny) for picture in pictures])
    logits = learnt.inverse_temperature * seen @ learnt.directions.T
    torch.testing.assert_close(logits, theirs, atol=1e-4, rtol=0)


@pytest.mark.starter
@pytest.mark.parametrize("name", ["starter", "starter-second"])
def test_the_starters_probabilities_are_open_clips(name: str) -> None:
    eye = perceptor.load_perceptor(str(model_files.starter_clips()[name]))
    pictures = photographs()
    theirs = their_logits(eye, pictures, LABELS).softmax(1)
    ours = our_judgement(eye, pictures, LABELS).exp()
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    assert eye.inverse_temperature == pytest.approx(22.5, abs=0.1)


def test_several_perceptors_agree_by_the_mean_of_logarithms() -> None:
    one = torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    two = torch.tensor([[0.1, 0.8, 0.1], [0.9, 0.05, 0.05]])
    together = zero_shot.combine_predictions([one.log(), two.log()])
    means = numpy.sqrt(one.numpy() * two.numpy())
    assert together.numpy() == pytest.approx(means / means.sum(1, keepdims=True))
    torch.testing.assert_close(zero_shot.combine_predictions([one.log()]), one)


def test_nothing_to_tell_apart_is_refused(tiny: perceptor.OpenClipPerceptor) -> None:
    with pytest.raises(ValueError, match="labels and templates"):
        zero_shot.build_classifier(tiny, [])
    with pytest.raises(ValueError, match="labels and templates"):
        zero_shot.build_classifier(tiny, LABELS, [])


def test_the_templates_that_come_with_it_say_where_the_label_goes() -> None:
    assert all(template.count("{}") == 1 for template in zero_shot.TEMPLATES)
    assert len(set(zero_shot.TEMPLATES)) == len(zero_shot.TEMPLATES)


def test_many_texts_are_read_some_at_a_time(
    tiny: perceptor.OpenClipPerceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"thing {number}" for number in range(7)]
    whole = zero_shot.embed_texts(texts, tiny)
    monkeypatch.setattr(zero_shot, "TEXTS_AT_ONCE", 3)
    torch.testing.assert_close(zero_shot.embed_texts(texts, tiny), whole)


def test_damaged_pictures_are_told_and_the_others_seen(
    tiny: perceptor.OpenClipPerceptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, picture in enumerate(photographs()):
        picture.save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    told: list[str] = []
    monkeypatch.setattr(zero_shot, "PICTURES_AT_ONCE", 2)
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    parts = list(
        zero_shot.embed_files(paths, [tiny, tiny], lambda p, e: told.append(f"{p.name}: {e}"))
    )
    assert [[p.name for p in there] for there, _ in parts] == [["0.png"], ["2.png", "3.png"]]
    for there, (one, two) in parts:
        own = torch.cat([zero_shot.embed_picture(pillow.open(path), tiny) for path in there])
        torch.testing.assert_close(one, own)
        torch.testing.assert_close(two, own)
    (words,) = told
    assert words.startswith("1.png: ") and "not a picture that can be read" in words


def test_a_strip_costs_no_more_than_its_middle(tiny: perceptor.OpenClipPerceptor) -> None:
    strip = pillow.new("RGB", (200_000, 1), "red")
    strip.paste("blue", (99_990, 0, 100_010, 1))
    square = zero_shot.preprocess(strip, tiny)
    assert square.shape == (3, 32, 32)
    assert square[2].min() == 1 and square[0].max() == 0
