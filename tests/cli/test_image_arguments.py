"""Words → settings and pictures, for the commands that look."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from tests.language.test_learnt_words import teach
from vqclip.cli import image_arguments
from vqclip.cli.output import Console
from vqclip.errors import ConfigError, ModelAbsent, PictureError, PromptError
from vqclip.guidance import zero_shot
from vqclip.guidance.perceptor import load_perceptor
from vqclip.guidance.prompt_embedding import embed_prompt
from vqclip.language.assets import SearchPath
from vqclip.language.prompts import parse_prompts

HERE = SearchPath.current()

Capture = pytest.CaptureFixture[str]


def test_settings_are_told_from_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("perceptors=x.png").touch()
    words = ["a.png", "perceptors=one,two", "E=mc2 on a board", "perceptors=x.png", "threads=2"]
    alone, config = image_arguments.split_words(words, "score")
    assert alone == ["a.png", "E=mc2 on a board", "perceptors=x.png"]
    assert (config.perceptors, config.threads) == (["one", "two"], 2)
    assert image_arguments.split_words(["a.png"], "score")[1].perceptors == ["starter"]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("steps=3", "steps= is a setting for drawing; vqclip score takes perceptors=, device=, "),
        ("perceptor=x", "no setting perceptor; did you mean perceptors=x"),
        ("perceptors=", "perceptors is empty"),
        ("perceptors=a,a", "perceptors names a CLIP model twice"),
        ("device=gpu", "device is 'gpu'"),
        ("threads=-1", "threads is -1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(word: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        image_arguments.split_words([word], "score")


def test_perceptors_are_loaded_by_their_names(home: Home, capsys: Capture) -> None:
    _, config = image_arguments.split_words(
        [f"perceptors={home.clip}", "device=cpu", "precision=bf16", "threads=1"], "score"
    )
    (eye,) = image_arguments.load_named_perceptors(config, Console())
    assert (eye.name, str(eye.dtype)) == (str(home.clip), "torch.bfloat16")
    assert f"loading the perceptor {home.clip}" in capsys.readouterr().err
    image_arguments.warn_of_length(["short", "long " * 90], [eye], Console())
    err = capsys.readouterr().err
    assert "reads the first 75 of the 90 tokens of 'long long" in err and "short" not in err


def test_a_perceptor_that_is_not_here_is_named_with_a_way_out(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    _, config = image_arguments.split_words(["perceptors=ViT-B-32::openai"], "score")
    with pytest.raises(ModelAbsent, match=r"fetch ViT-B-32::openai.*: perceptors=starter$"):
        image_arguments.load_named_perceptors(config, Console())


def test_an_album_tells_what_is_not_there(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.png").touch()
    album = image_arguments.find_images([str(tmp_path), str(tmp_path / "x*.png")], Console())
    assert [path.name for path in album.paths] == ["a.png"] and album.failed == 1
    assert "error: no picture matches" in capsys.readouterr().err
    with pytest.raises(PictureError, match="1 was skipped"):
        album.close()
    image_arguments.ImageBatch([], Console()).close()
    with pytest.raises(PictureError, match="no picture matches"):
        image_arguments.find_images([str(tmp_path / "x*.png")], Console())
    with pytest.raises(PictureError, match="no pictures to look at"):
        image_arguments.find_images([], Console())


def test_learnt_words_are_read_by_whoever_looks(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    width = load_perceptor(str(home.clip)).width
    teach(tmp_path, "one", width)
    _, config = image_arguments.split_words([f"perceptors={home.clip}", "device=cpu"], "score")
    text = "a drawing of <one>"
    (plain,), (eye,) = (
        image_arguments.load_named_perceptors(config, Console(), each) for each in ((), (text,))
    )
    got = zero_shot.embed_texts([text, "a fox"], eye)
    wanted = embed_prompt(parse_prompts(text)[0], eye, HERE)
    torch.testing.assert_close(got[:1], wanted)
    assert not torch.allclose(got[0], zero_shot.embed_texts([text], plain)[0], atol=1e-3)
    torch.testing.assert_close(got[1:], zero_shot.embed_texts(["a fox"], plain))


def test_a_word_that_nobody_taught_is_refused_before_a_model_is_loaded(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    _, config = image_arguments.split_words([f"perceptors={home.clip}"], "score")
    with pytest.raises(PromptError, match="the word <nil> has not been learnt"):
        image_arguments.load_named_perceptors(config, Console(), ["a <nil>"])
    assert "loading" not in capsys.readouterr().err


def test_pictures_that_are_all_absent_are_refused_at_once() -> None:
    with pytest.raises(PictureError, match=r"at nil.png, nor at nothing.png; check"):
        image_arguments.find_images(["nil.png", "nothing.png"], Console())
