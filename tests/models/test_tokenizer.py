"""Texts in tokens, against what each tokenizer makes of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.helpers import tiny_families
from tests.models.test_clip_text_tower import made
from vqclip.errors import ConfigError
from vqclip.models import tokenizer

LONG = "a red fox runs over snow and two owls sit in an old tree, " * 8


@pytest.fixture(params=[*tiny_families.CONFIGS])
def perceptor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return made(request.param)


@pytest.mark.parametrize("text", ["a red fox", "", "Fog, 12:30 &amp; rain!", LONG])
def test_a_text_without_words_is_the_tokenizers_row(perceptor: Any, text: str) -> None:
    row = perceptor.tokenise([(text, 1.0)])
    assert torch.equal(row.tokens, perceptor.tokenizer([text])[0])
    assert row.inserted == () and torch.equal(row.weights, torch.ones(len(row.tokens)))
    inner = getattr(perceptor.tokenizer, "tokenizer", None)
    if inner is None:
        assert row.count == len(perceptor.tokenizer.encode(text)) + 2
    else:
        assert row.count == len(inner(perceptor.tokenizer.clean_fn(text))["input_ids"])
    assert perceptor.count_tokens(text) == row.count


def test_a_word_is_as_many_tokens_as_it_has_vectors(perceptor: Any) -> None:
    vectors = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    taught = perceptor.with_words({"my-cat": vectors})
    row = taught.tokenise([("a photo of <my-cat> in fog", 1.0)])
    plain = taught.tokenise([("a photo of in fog", 1.0)])
    assert row.count == plain.count + 3
    ((at, inserted),) = row.inserted
    assert torch.equal(inserted, vectors)
    kept = torch.cat([row.tokens[:at], row.tokens[at + 3 :]])
    assert torch.equal(kept, plain.tokens[: len(kept)])
    read = taught.embed_text(["a photo of <my-cat> in fog", "a photo of in fog"])
    assert (read[0] - read[1]).abs().max() > 1e-3
    torch.testing.assert_close(read[1:], perceptor.embed_text(["a photo of in fog"]))
    # The vectors of ordinary tokens, as a word, are read as those tokens.
    tokens = torch.tensor(tokenizer.bare_tokens(perceptor.tokenizer, "red fox"))
    own = perceptor.model.text if hasattr(perceptor.model, "text") else perceptor.model
    table = own.transformer.get_input_embeddings() if hasattr(own, "pooler") else None
    same = perceptor.with_words({"w": (table or own.token_embedding)(tokens).detach()})
    torch.testing.assert_close(
        same.embed_text(["a photo of <w> in fog"]),
        same.embed_text(["a photo of red fox in fog"]),
        atol=1e-5,
        rtol=0,
    )
    torch.testing.assert_close(
        same.read_tokens(["a <w>"]), same.read_tokens(["a red fox"]), atol=1e-5, rtol=0
    )


def test_what_does_not_fit_in_is_cut_off(perceptor: Any) -> None:
    room = perceptor.context_length - sum(tokenizer.count_special_tokens(perceptor.tokenizer))
    taught = perceptor.with_words({"long": torch.randn(room - 1, 32), "w": torch.randn(2, 32)})
    row = taught.tokenise([("<long><w> fox <w>", 1.0)])
    assert [(at - row.inserted[0][0], len(v)) for at, v in row.inserted] == [
        (0, room - 1),
        (room - 1, 1),
    ]
    assert len(row.tokens) == perceptor.context_length < row.count
    ending = perceptor.tokenizer([LONG])[0][-1]
    assert row.tokens[-1] == ending
    assert taught.embed_text(["<long><w> fox <w>"]).isfinite().all()


def test_weights_go_to_the_tokens_of_their_piece(perceptor: Any) -> None:
    taught = perceptor.with_words({"w": torch.randn(2, 32)})
    row = taught.tokenise([("a photo of", 1.0), ("<w>", 2.5), ("in fog", 0.0)])
    assert torch.equal(row.tokens, taught.tokenise([("a photo of <w> in fog", 1.0)]).tokens)
    ((at, _),) = row.inserted
    assert row.weights[at : at + 2].tolist() == [2.5, 2.5]
    fog = len(tokenizer.bare_tokens(perceptor.tokenizer, "in fog"))
    assert row.weights[at + 2 : at + 2 + fog].tolist() == [0.0] * fog
    assert row.weights.sum() == len(row.weights) + 3 - fog


def test_a_word_that_nobody_taught_is_read_without_its_brackets(perceptor: Any) -> None:
    row = perceptor.tokenise([("a <fox> runs", 1.0)])
    assert torch.equal(row.tokens, perceptor.tokenizer(["a fox runs"])[0])


def test_a_tokenizer_that_ends_in_a_class_token() -> None:
    """MobileCLIP2 and its kin: open_clip's mode 'clips'."""

    class Inner:
        bos_token_id, eos_token_id, pad_token_id, cls_token_id = 7, 8, 0, 9

        def __call__(self, texts: Any, **named: Any) -> Any:
            many = [[20 + len(word) for word in text.split()] for text in [*texts]]
            return {"input_ids": many if not isinstance(texts, str) else numbers(texts)}

    def numbers(text: str) -> list[int]:
        return [20 + len(word) for word in text.split()]

    from open_clip.tokenizer import HFTokenizer

    outer = HFTokenizer.__new__(HFTokenizer)
    outer.tokenizer_mode, outer.tokenizer, outer.context_length = "clips", Inner(), 10
    outer.clean_fn = str.strip
    for text in ("a fox", "a b c d e f g h i j k l", ""):
        row = tokenizer.tokenise(outer, [(text, 1.0)], {}, 10)
        assert torch.equal(row.tokens, outer([text])[0])


def test_a_word_of_another_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"<cat> is \[1, 768\], but the text tower.*32 wide"):
        made("laion").with_words({"cat": torch.zeros(1, 768)})
