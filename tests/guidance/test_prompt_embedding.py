"""Embeddings of prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from torch.nn import functional

from tests.helpers import tiny_clip
from vqclip.errors import PromptError
from vqclip.guidance import prompt_embedding
from vqclip.guidance.perceptor import OpenClipPerceptor, load_perceptor
from vqclip.guidance.prompt_embedding import embed_prompt, split_text
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.language.directions.direction_files import Direction
from vqclip.language.prompt_types import Prompt, TextSpan, apply_style, apply_style_to_text
from vqclip.language.prompts import parse_prompts
from vqclip.models import clip_text_tower
from vqclip.models.zoo import model_files

HERE = SearchPath.current()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenClipPerceptor]:
    yield load_perceptor(str(tiny_clip.write(tmp_path_factory.mktemp("clip") / "tiny")))


def wish(text: str) -> Prompt:
    (found,) = parse_prompts(text)
    return found


def test_a_plain_text_is_read_as_the_model_does(tiny: OpenClipPerceptor) -> None:
    assert torch.equal(
        embed_prompt(wish("a red fox"), tiny, HERE), tiny.embed_text(["a red fox"])
    )


def test_attention_of_one_changes_nothing_and_more_does(tiny: OpenClipPerceptor) -> None:
    plain = tiny.embed_text(["a red fox"])
    assert torch.allclose(embed_prompt(wish("a (red:1) fox"), tiny, HERE), plain, atol=1e-6)
    more = embed_prompt(wish("a (red:2) fox"), tiny, HERE)
    assert torch.linalg.vector_norm(more) == pytest.approx(1)
    assert float((more * plain).sum()) < 1 - 1e-6


def test_a_raised_word_counts_more_than_the_text_without_it(tiny: OpenClipPerceptor) -> None:
    """The direction goes on from the text without the word, by attention - 1 of the way."""

    def read(*attention: float) -> torch.Tensor:
        words = ("a ", "red", " fox in a ", "dark", " wood")
        pairs = zip(words, attention, strict=True)
        spelt = tiny.tokenise(list(pairs))
        found = clip_text_tower.encode_text(
            tiny.model, spelt.tokens[None], weights=spelt.weights[None]
        )
        return functional.normalize(found.float(), dim=-1)

    base = read(1, 1.5, 1, 1.2, 1)
    wanted = base + 0.5 * (base - read(1, 0, 1, 1.2, 1)) + 0.2 * (base - read(1, 1.5, 1, 0, 1))
    got = embed_prompt(wish("a (red:1.5) fox in a (dark:1.2) wood"), tiny, HERE)
    torch.testing.assert_close(got, wanted / torch.linalg.vector_norm(wanted))


def test_a_text_that_is_raised_as_a_whole_says_the_same(tiny: OpenClipPerceptor) -> None:
    """There is nothing without it to be told from."""
    got = embed_prompt(wish("(a red fox:1.5)"), tiny, HERE)
    spelt = tiny.tokenise([("a red fox", 1.5)])
    found = clip_text_tower.encode_text(
        tiny.model, spelt.tokens[None], weights=spelt.weights[None]
    )
    torch.testing.assert_close(got, functional.normalize(found.float(), dim=-1))


def test_attention_of_nought_is_as_if_the_word_were_not_heard(tiny: OpenClipPerceptor) -> None:
    """Whatever stands there: only its place in the row remains."""
    red, blue = (embed_prompt(wish(f"a ({word}:0) fox"), tiny, HERE) for word in ("red", "blue"))
    assert torch.allclose(red, blue, atol=1e-4)


def test_a_long_text_is_the_mean_of_its_parts_by_tokens(tiny: OpenClipPerceptor) -> None:
    first, second = "a fox " * 30 + "x.", "a bear " * 20 + "y"
    parts = split_text(wish(f"{first} {second}").spans, tiny)
    assert ["".join(p.text for p in part.pieces).strip() for part in parts] == [first, second]
    assert [part.tokens for part in parts] == [tiny.count_tokens(t) - 2 for t in (first, second)]
    rows = tiny.embed_text([first, second])
    share = torch.tensor([[part.tokens] for part in parts])
    wanted = functional.normalize((rows * share).sum(0, keepdim=True), dim=-1)
    assert torch.allclose(embed_prompt(wish(f"{first} {second}"), tiny, HERE), wanted, atol=1e-6)


def test_parts_end_with_sentences_then_clauses_then_words(tiny: OpenClipPerceptor) -> None:
    def said(text: str) -> list[str]:
        parts = split_text((TextSpan(text),), tiny)
        return ["".join(piece.text for piece in part.pieces).strip() for part in parts]

    sentence, clause = "one " * 39 + "end.", "two " * 38 + "end,"
    assert said(f"{sentence} {sentence}") == [sentence, sentence]
    assert said(f"{clause} {clause} three") == [clause, f"{clause} three"]
    assert said("word " * 100) == [("word " * 75).strip(), ("word " * 25).strip()]
    assert said("short. text, of words") == ["short. text, of words"]


def test_nothing_is_lost_and_nothing_is_too_long(tiny: OpenClipPerceptor) -> None:
    text = "A fox, red as rust; (wet:1.3) and [cold]. " * 12
    pieces = wish(text).spans
    parts = split_text(pieces, tiny)
    assert all(part.tokens <= tiny.token_room for part in parts)
    heard = "".join(piece.text for part in parts for piece in part.pieces)
    assert heard.split() == "".join(piece.text for piece in pieces).split()
    attended = [p.text.strip() for part in parts for p in part.pieces if p.attention == 1.3]
    assert attended == ["wet"] * 12


def test_noise_depends_on_its_seed_alone(tiny: OpenClipPerceptor) -> None:
    seven = embed_prompt(wish("noise(7)"), tiny, HERE)
    torch.manual_seed(5)
    assert torch.equal(seven, embed_prompt(wish("noise(7)"), tiny, HERE))
    assert not torch.equal(seven, embed_prompt(wish("noise(8)"), tiny, HERE))
    assert torch.linalg.vector_norm(seven) == pytest.approx(1)


def test_a_direction_goes_from_what_lacks_it_to_what_has_it(
    tiny: OpenClipPerceptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directions").mkdir()
    path = direction_files.build_direction_path("sunny")
    path.write_text(direction_files.direction_to_json(Direction(("sun", "light"), ("rain",))))
    rows = tiny.embed_text(["sun", "light", "rain"])
    wanted = functional.normalize(rows[:2].mean(0) - rows[2], dim=0)[None]
    assert torch.allclose(embed_prompt(wish("vector(sunny)"), tiny, HERE), wanted, atol=1e-6)
    off = embed_prompt(wish("vector(textoff)"), tiny, HERE)
    assert torch.linalg.vector_norm(off) == pytest.approx(1)


def test_a_direction_of_pictures_is_for_those_it_was_made_for(
    tiny: OpenClipPerceptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directions").mkdir()
    there, lacking, digest = ("@a.png",), ("rain",), model_files.file_sha256(tiny.weights)
    numbers = [0.0] * (tiny_clip.DIMENSIONS - 1) + [2.0]
    path = direction_files.build_direction_path("sunny")
    path.write_text(
        direction_files.direction_to_json(Direction(there, lacking, {digest: numbers}))
    )
    assert embed_prompt(wish("vector(sunny)"), tiny, HERE)[0, -1] == 1
    path.write_text(
        direction_files.direction_to_json(Direction(there, lacking, {"other": numbers}))
    )
    with pytest.raises(PromptError, match=r"was made from pictures, but not for .*make it again"):
        embed_prompt(wish("vector(sunny)"), tiny, HERE)


def test_a_label_is_the_mean_of_the_seven_templates(tiny: OpenClipPerceptor) -> None:
    """Against the published sentences, written out."""
    rows = tiny.embed_text(
        [
            *("itap of a bee.", "a bad photo of the bee.", "a origami bee."),
            *("a photo of the large bee.", "a bee in a video game.", "art of the bee."),
            "a photo of the small bee.",
        ]
    )
    wanted = functional.normalize(rows.mean(0, keepdim=True), dim=-1)
    got = embed_prompt(wish("label(bee)"), tiny, HERE)
    torch.testing.assert_close(got, wanted)
    assert float((got * tiny.embed_text(["bee"])).sum()) < 1 - 1e-4
    plain = wish("label(bee) sentence(A bee.)")  # for perceptors that read sentences alone
    assert torch.equal(embed_prompt(plain, tiny, HERE), got)


def test_words_in_a_label_have_attention_in_each_template(tiny: OpenClipPerceptor) -> None:
    texts = prompt_embedding.list_texts(wish("label((red:1.4) bee)"), tiny)
    assert texts[0] == (TextSpan("itap of a "), TextSpan("red", 1.4), TextSpan(" bee."))
    got = embed_prompt(wish("label((red:1.4) bee)"), tiny, HERE)
    rows = torch.cat([prompt_embedding.embed_pieces(each, tiny) for each in texts])
    torch.testing.assert_close(got, functional.normalize(rows.mean(0, keepdim=True), dim=-1))


def test_a_like_is_the_middle_of_a_picture_as_clip_reads_it(
    tiny: OpenClipPerceptor, tmp_path: Path
) -> None:
    """Against open_clip's own preprocessing of the picture."""
    import open_clip

    noise = np.random.default_rng(1).integers(0, 255, (40, 70, 3), dtype=np.uint8)
    pictures = [tmp_path / "a.png", tmp_path / "b.png"]
    pillow.fromarray(noise).save(pictures[0])
    pillow.fromarray(noise[:, ::-1]).save(pictures[1])
    path = str(tmp_path / "clip")
    tiny_clip.write(Path(path))
    own = open_clip.create_model_and_transforms(f"local-dir:{path}")[2]
    with torch.no_grad():
        rows = tiny.model.encode_image(torch.stack([own(pillow.open(p)) for p in pictures]))
    rows = functional.normalize(rows, dim=-1)
    one = embed_prompt(wish(f"like({pictures[0]})"), tiny, HERE)
    torch.testing.assert_close(one, rows[:1], atol=1e-5, rtol=0)
    both = embed_prompt(wish(f"like({tmp_path}/?.png)"), tiny, HERE)
    wanted = functional.normalize(rows.mean(0, keepdim=True), dim=-1)
    torch.testing.assert_close(both, wanted, atol=1e-5, rtol=0)


def test_a_vector_file_gives_its_numbers_or_is_refused(
    tiny: OpenClipPerceptor, tmp_path: Path
) -> None:
    path = tmp_path / "moods.json"
    path.write_text(json.dumps({tiny.name: [0.0] * (tiny_clip.DIMENSIONS - 1) + [2.0]}))
    assert embed_prompt(wish(f"vector({path})"), tiny, HERE)[0, -1] == 1
    path.write_text(json.dumps({tiny.name: [1.0, 2.0]}))
    with pytest.raises(PromptError, match=f"has 2 numbers .* have {tiny_clip.DIMENSIONS}"):
        embed_prompt(wish(f"vector({path})"), tiny, HERE)


def test_a_sentence_is_for_those_who_read_sentences(tiny: OpenClipPerceptor) -> None:
    fox = wish("fox, red sentence(A red fox.)")
    assert torch.equal(embed_prompt(fox, tiny, HERE), tiny.embed_text(["fox, red"]))


def test_styles_go_around_pieces_and_sentences() -> None:
    wishes = parse_prompts("a (red) fox sentence(A fox) | fog:-1 | @p.png")
    fox, fog, picture = apply_style(wishes, "an etching of {}, dark")
    assert fox.body == "an etching of a red fox, dark"
    assert [piece.text for piece in fox.marked_spans] == [
        *("an etching of ", "a ", "red", " fox", ", dark")
    ]
    assert fox.sentence == "an etching of A fox, dark"
    assert (fog, picture) == wishes[1:]
    assert apply_style(wishes, " ") == wishes
    assert apply_style_to_text("a fox", "in ink") == "a fox, in ink"


def test_words_come_in_pieces(tiny: OpenClipPerceptor) -> None:
    assert prompt_embedding.split_word("fox", tiny) == ["fox"]
    assert "".join(prompt_embedding.split_word("xylophone", tiny)) == "xylophone"
    assert prompt_embedding.knows_word("fox", tiny)


@pytest.mark.starter
def test_the_starter_says_what_it_never_learnt() -> None:
    own = load_perceptor(str(model_files.starter_clips()["starter"]))
    assert prompt_embedding.knows_word("fox", own) and not prompt_embedding.knows_word(
        "quokka", own
    )
    word, fox = own.embed_text(["red"]), embed_prompt(wish("a fox with a red hat"), own, HERE)
    more = embed_prompt(wish("a fox with a (red:2) hat"), own, HERE)
    assert float((more * word).sum()) > float((fox * word).sum()) + 0.02


def test_text_without_spaces_is_parted_too(tiny: OpenClipPerceptor) -> None:
    for text in ("狐狸在森林里，很红。" * 20, "x" * 900):
        parts = split_text((TextSpan(text),), tiny)
        assert len(parts) > 1 and all(part.tokens <= tiny.token_room for part in parts)
        assert "".join(piece.text for part in parts for piece in part.pieces) == text


def test_a_direction_that_leads_nowhere_is_refused(tiny: OpenClipPerceptor) -> None:
    rows = tiny.embed_text(["a"])
    with pytest.raises(
        PromptError, match="the two sides of this direction mean the same, so it leads nowhere"
    ):
        prompt_embedding.direction_between(rows, rows)
