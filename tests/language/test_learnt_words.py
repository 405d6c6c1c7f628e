"""Names of learnt words in texts, and the files that teach them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.helpers import building
from vqclip import session
from vqclip.cli.main import main
from vqclip.config import loading
from vqclip.config.checking import prompt_notes
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, ModelError, PromptError
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.models import clip_text_tower
from vqclip.models.zoo import model_files, word_embedding
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
    assert ready.models["word my-cat"] == model_files.file_sha256(path)
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


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_word_in_a_folder_within_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "sub/deep.pt", "toy.PT", "sub/toy.pt", "a/two.pt", "b/two.pt")
    assert assets.find_word("deep", [tmp_path]) == tmp_path / "sub" / "deep.pt"
    assert assets.find_word("toy", [tmp_path]) == tmp_path / "toy.PT"
    assert assets.find_word("toy.PT", [tmp_path]) == tmp_path / "toy.PT"
    assert assets.list_words([tmp_path]) == ["deep", "toy", "two"]
    with pytest.raises(PromptError, match=r"<two> is in .*/a and in .*/b; rename one of the"):
        assets.find_word("two", [tmp_path])


@pytest.mark.parametrize(
    ("file", "written", "mend"),
    [
        ("my toy.pt", "<my toy>", "rename 'embeddings/my toy.pt' to 'my-toy.pt' and write"),
        ("toy (1).pt", "<toy (1)>", "rename .* to 'toy-1.pt' and write <toy-1>"),
        ("toy,two.PT", "<toy,two>", "rename .* to 'toy-two.PT' and write <toy-two>"),
        ("toy's & more+.bin", "<toy's & more+>", "rename .* and write <toy-s-more>"),
        ("été.pt", "<été>", "rename .* to 'ete.pt' and write <ete>"),
        ("toy..pt", "<toy.>", "rename .* to 'toy.pt' and write <toy>"),
        ("my toy.pt", "<my toy.pt>", "rename .* and write <my-toy>"),
        ("my toy.pt", "<My Toy>", "rename 'embeddings/my toy.pt' to 'my-toy.pt' and write"),
        ("sub/p\u00e2t\u00e9.pt", "<sub/p\u00e2t\u00e9>", "write <p\u00e2t\u00e9>"),
        ("sub/pa\u0302te\u0301.pt", "<sub/p\u00e2t\u00e9>", "write <p\u00e2t\u00e9>"),
        ("sub/deep.pt", "<sub/deep>", "for embeddings/sub/deep.pt write <deep>"),
    ],
)
def test_a_name_that_prompts_cannot_write_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, written: str, mend: str
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / assets.WORD_FOLDER, file)
    here = SearchPath.current()
    (said,) = prompt_notes.list_prompt_notes(
        RunConfig(prompts=f"a photo of {written}, wet"), here
    )
    assert said.startswith(f"'{written}' is only words, since such a name cannot be written; ")
    assert re.search(mend.replace("+", r"\+"), said)
    assert prompt_notes.list_prompt_notes(RunConfig(prompts=f'a "{written}"'), here) == []
    assert prompt_notes.list_prompt_notes(RunConfig(prompts="a <less known> and <3"), here) == []


def test_a_word_whose_accents_are_apart_in_the_files_name_is_found(tmp_path: Path) -> None:
    touch(tmp_path, "pa\u0302te\u0301.pt")  # as macOS writes it
    (name,) = assets.find_word_names("<p\u00e2t\u00e9>")
    assert assets.find_word(name, [tmp_path]).stem == "pa\u0302te\u0301"
    assert assets.list_words([tmp_path]) == [name]


def test_of_two_words_of_one_name_the_one_is_to_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / assets.WORD_FOLDER, "sub/deep.pt", "sub2/deep.pt")
    here, config = SearchPath.current(), RunConfig(prompts="a <sub2/deep>")
    (said,) = prompt_notes.list_prompt_notes(config, here)
    mend = "rename 'embeddings/sub2/deep.pt' to 'sub2-deep.pt' and write <sub2-deep>"
    assert said.endswith(mend)


def test_what_is_offered_can_be_written(tmp_path: Path) -> None:
    touch(tmp_path, "toy.pt", "my toy.pt", "toy (1).pt", "sub/deep.pt")
    with pytest.raises(
        PromptError, match=r"there are: <deep>, <toy>\); to use 'my toy.pt', 'toy "
    ):
        assets.find_word("nope", [tmp_path])
    for name in assets.list_words([tmp_path]):
        assert assets.find_word_names(f"<{name}>") == [name]


@pytest.mark.parametrize(
    "words",
    [
        ["a <cat>"],
        ["a fox", "negative=<cat>"],
        ["a fox", "style=<cat> {}"],
        ["a fox ^ a <cat>"],
        ["a {<cat>|fox}"],
    ],
)
@pytest.mark.parametrize("command", ["plan", "explain"])
def test_a_word_that_no_perceptor_knows_is_refused_before_a_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    teach(tmp_path, "cat", wide=768)
    assert main([command, *words]) == 2
    said = capsys.readouterr().err
    assert "knows the word <cat>: it was learnt for text encoders of width 768" in said
    assert "starter is 128 wide" in said


def test_of_two_perceptors_the_one_that_reads_letters_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    teach(tmp_path, "cat", wide=768)
    assert main(["plan", "a <cat>", "perceptors=starter,ViT-L-14::openai"]) == 0
    assert "note: starter does not know <cat>, which was learnt for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "wide"),
    [("starter", 128), ("ViT-L-14::openai", 768), ("xlm-roberta-base-ViT-B-32::laion5b", 768)],
)
def test_the_width_of_a_text_tower_is_known_without_weights(name: str, wide: int) -> None:
    name = name.replace("laion5b", "laion5b_s13b_b90k")
    assert clip_text_tower.find_embedding_width(name) == wide


@pytest.mark.parametrize(
    ("prompt", "mend"),
    [
        ("picture.PNG", '--init picture.PNG, to be like it "@picture.PNG"'),
        (" picture.PNG", "to begin with the picture"),
        ("prompts", "a file of prompts, one a line, is called prompts.txt"),
        ("./prompts", "is called prompts.txt"),
        ("notes.md", "is called notes.txt"),
        ("my film.MP4", "source.film='my film.MP4'"),
        ("LIST.TXT", "to draw what is in the file write vqclip LIST.TXT"),
        ("embeddings/toy.PT", "a learnt word is written <toy>"),
    ],
)
def test_a_prompt_that_is_the_name_of_a_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompt: str, mend: str
) -> None:
    monkeypatch.chdir(tmp_path)
    here = SearchPath.current()
    assert prompt_notes.list_prompt_notes(RunConfig(prompts=prompt), here) == []
    touch(tmp_path, prompt.strip())
    (said,) = prompt_notes.list_prompt_notes(RunConfig(prompts=prompt), here)
    assert said.startswith(f"{prompt.strip()!r} is read as words, and is the name of a file here")
    assert mend in said


@pytest.mark.parametrize(
    ("settings", "name", "mend"),
    [
        ({"negative": "LIST.TXT"}, "LIST.TXT", "or {LIST.TXT} for a run with each of its lines"),
        ({"negative": "fog | a.png"}, "a.png", "unlike it, write @a.png"),
        ({"style": "LIST.TXT"}, "LIST.TXT", "or {LIST.TXT} for a run with each of its lines"),
        ({"style": "a.png"}, "a.png", "write words in its place"),
        ({"prompts": "a fox | a.png"}, "a.png", "write @a.png"),
        ({"prompts": "a fox ^ my a.png"}, "my a.png", "write @my a.png"),
        ({"prompts": "a.png:0.5"}, "a.png", "write @a.png"),
        ({"prompts": "a fox | a.mp4 in(left)"}, "a.mp4", "source.film=a.mp4"),
        ({"prompts": "a fox | a.pt"}, "a.pt", "a learnt word is written <a>"),
    ],
)
def test_a_part_that_is_the_name_of_a_file_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    name: str,
    mend: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    here, config = SearchPath.current(), RunConfig(**({"prompts": "a fox"} | settings))  # type: ignore[arg-type]
    assert prompt_notes.list_prompt_notes(config, here) == []
    (tmp_path / name).mkdir()  # a folder may be called like what is drawn
    assert prompt_notes.list_prompt_notes(config, here) == []
    (tmp_path / name).rmdir()
    touch(tmp_path, name)
    (said,) = prompt_notes.list_prompt_notes(config, here)
    assert said.startswith(f"{name!r} is read as words, and is the name of a file here")
    assert mend in said
