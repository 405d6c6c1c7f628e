"""Names of learnt words in texts, and the files that teach them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.helpers import building
from vqclip import session
from vqclip.cli.main import main
from vqclip.config import loading
from vqclip.errors import ConfigError, ModelError, PromptError
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.models.zoo import registry, word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding


def teach(place: Path, name: str = "my-cat", wide: int = 32, seed: int = 0) -> Path:
    """Write a word of two random vectors into `place`/embeddings."""
    generator = torch.Generator().manual_seed(seed)
    path = place / assets.WORD_FOLDER / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    word = WordEmbedding(name, {wide: torch.randn(2, wide, generator=generator)})
    path.write_bytes(word_embedding.pack_word(word))
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a photo of <my-cat>", ["my-cat"]),
        ("<a><b.c> and <a>", ["a", "b.c"]),
        ("1 < 2, 3 > 2; <3; < my-cat >; <>; <-x>; <a b>", []),
    ],
)
def test_names_stand_in_angle_brackets(text: str, names: list[str]) -> None:
    assert assets.find_word_names(text) == names
    assert (
        "".join(f"<{p}>" if named else p for p, named in assets.split_learnt_words(text)) == text
    )


@pytest.mark.parametrize("name", ["my cat", "", "a/b", "../x", "-x", "<x", "x" * 101, "a:b"])
def test_a_name_that_could_not_be_written_is_refused(name: str) -> None:
    if name == "<x":  # half of the brackets is no harm
        assert assets.check_word_name(name) == "x"
        return
    with pytest.raises(ConfigError, match=r"a word cannot be called .*such as my-cat"):
        assets.check_word_name(name)


def test_files_are_found_by_name_nearest_first(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    for path in (second / "cat.safetensors", second / "cat.pt", first / "dog.bin"):
        path.touch()
    assert assets.find_word("cat", [first, second]) == second / "cat.safetensors"
    assert assets.find_word("cat.pt", [first, second]) == second / "cat.pt"
    assert assets.find_word("dog", [first, second]) == first / "dog.bin"
    assert assets.list_words([first, second]) == ["cat", "dog"]
    (first / "cat.pt").touch()
    assert assets.find_word("cat", [first, second]) == first / "cat.pt"


def test_a_missing_word_is_refused_with_the_nearest(tmp_path: Path) -> None:
    teach(tmp_path)
    folder = tmp_path / assets.WORD_FOLDER
    with pytest.raises(
        PromptError, match=r"the word <my-cta> has not been learnt.*did you mean 'my-cat'"
    ):
        assets.find_word("my-cta", [folder])
    with pytest.raises(PromptError, match=r"there are: <my-cat>.*vqclip invert PHOTOS"):
        assets.find_word("zebra", [folder])
    with pytest.raises(PromptError, match=r"is not in embeddings nor in .*embeddings"):
        assets.find_learnt_words(["a <zebra>"], SearchPath((Path(), tmp_path)))


def test_a_run_with_a_missing_word_is_refused_before_a_model_loads(
    home: Home, monkeypatch: pytest.MonkeyPatch, refused: object
) -> None:
    loaded: list[object] = []
    load = lambda *given, **_: loaded.append(given)  # noqa: E731
    monkeypatch.setattr(session.models_vqgan, "load_vqgan", load)
    said = refused("a photo of <my-cat>", *home.words())  # type: ignore[operator]
    assert "the word <my-cat> has not been learnt" in said
    said = refused("a fox", *home.words("style=in the style of <ink>"))  # type: ignore[operator]
    assert "the word <ink> has not been learnt" in said and not loaded


def test_a_run_reads_its_words_and_notes_their_files(home: Home, tmp_path: Path) -> None:
    path = teach(tmp_path)
    ready = building.build(
        loading.load_config("a photo of <my-cat>", overrides=home.words("seed=1"))
    )
    assert ready.models["word my-cat"] == registry.file_sha256(path)
    perceptor = ready.perceptors[0]
    taught = perceptor.embed_text(["a photo of <my-cat>"])
    assert perceptor.count_tokens("a photo of <my-cat>") == 2 + 3 + 2
    path.unlink()
    teach(tmp_path, seed=1)
    other = building.build(
        loading.load_config("a photo of <my-cat>", overrides=home.words("seed=1"))
    )
    assert other.models["word my-cat"] != ready.models["word my-cat"]
    assert (other.perceptors[0].embed_text(["a photo of <my-cat>"]) - taught).abs().max() > 1e-3


def test_a_word_that_no_perceptor_fits_is_refused(home: Home, tmp_path: Path) -> None:
    teach(tmp_path, wide=768)
    with pytest.raises(ModelError, match=r"<my-cat>.*width 768.*ViT-L-14::openai.*is 32 wide"):
        building.build(loading.load_config("<my-cat>", overrides=home.words()))


def test_where_one_of_two_fits_the_other_is_named() -> None:
    word = WordEmbedding("cat", {32: torch.zeros(1, 32)})
    (note,) = word_embedding.unknown_word_notes([word], {"one": 32, "two": 48})
    assert note == (
        "two does not know <cat>, which was learnt for text encoders of width 32; it reads the "
        "name as ordinary words"
    )


def test_made_again_a_picture_tells_that_its_word_has_changed(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teach(tmp_path)
    assert main(["<my-cat> in fog", "--json", *home.words("seed=3")]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert main(["again", last["final"]]) == 0
    assert "has changed" not in capsys.readouterr().err
    (tmp_path / assets.WORD_FOLDER / "my-cat.safetensors").unlink()
    teach(tmp_path, seed=1)
    assert main(["again", last["final"]]) == 0
    assert "the word <my-cat> has changed since; the picture will differ" in (
        capsys.readouterr().err
    )
