"""`vqclip invert`, from the shell, on the tiny models."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Home, Refusal
from vqclip.cli import main
from vqclip.cli.commands import invert as commands_invert
from vqclip.errors import ConfigError
from vqclip.media import images
from vqclip.models.zoo import model_files, word_embedding
from vqclip.training import textual_inversion
from vqclip.training.settings import InversionConfig


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    names = [f"cat{number}.png" for number in range(3)]
    for name in names:
        images.save_png(tmp_path / name, torch.rand(1, 3, 40, 48, generator=generator))
    return names


def invert(home: Home, photos: list[str], *more: str) -> list[str]:
    return [
        *("invert", *photos, "--token", "my-cat", "--steps", "4", f"perceptors={home.clip}"),
        *("views=2", "device=cpu", *more),
    ]


def test_a_word_is_learnt_saved_and_used(
    home: Home, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(invert(home, photos, "--vectors", "2", "previews=2", "--init", "cat")) == 0
    out, err = capsys.readouterr()
    path = Path(out.strip())
    assert path == Path("embeddings/my-cat.safetensors") and path.stat().st_size < 4096
    assert "learning <my-cat>, from 'cat'" in err and "step 2: cosine" in err and "; near " in err
    assert 'vqclip "a drawing of <my-cat>"' in err
    word = word_embedding.read_word(path)
    assert word.vectors[32].shape == (2, 32)
    assert word.notes["pictures"] == {
        name: model_files.file_sha256(Path(name)) for name in photos
    }
    assert word.notes["settings"]["init"] == "cat" and word.notes["steps"] == {str(home.clip): 4}
    assert set(word.notes) == {"settings", "pictures", "models", "fit", "steps", "versions"}
    assert [each.name for each in Path("embeddings").iterdir()] == ["my-cat.safetensors"]
    assert main.main(["a photo of <my-cat>", "--quiet", *home.words()]) == 0


def test_a_script_is_told_what_happens(
    home: Home, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(invert(home, photos, "--json", "previews=4")) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [each["event"] for each in events]
    assert kinds == ["start", *["step"] * 4, "preview", "done"]
    assert events[-1]["word"] == "embeddings/my-cat.safetensors"
    assert len(events[5]["nearest"]) == 3 and events[4]["fit"] == pytest.approx(
        next(iter(events[-1]["fit"].values())), abs=1e-4
    )


def test_what_is_there_is_never_replaced(home: Home, photos: list[str], refused: Refusal) -> None:
    Path("embeddings").mkdir()
    mine = Path("embeddings/my-cat.pt")
    mine.write_bytes(b"mine")
    said = refused(*invert(home, photos))
    assert "embeddings/my-cat.pt already exists" in said and "another --token" in said
    assert mine.read_bytes() == b"mine"


def test_a_file_that_comes_in_the_meantime_stays(
    home: Home,
    photos: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def learn(*given: Any) -> Any:
        yield from usual(*given)
        Path("embeddings").mkdir()
        Path("embeddings/my-cat.safetensors").write_bytes(b"theirs")

    usual = textual_inversion.learn_word
    monkeypatch.setattr(textual_inversion, "learn_word", learn)
    assert main.main(invert(home, photos)) == 0
    assert capsys.readouterr().out.strip() == "embeddings/my-cat-2.safetensors"
    assert Path("embeddings/my-cat.safetensors").read_bytes() == b"theirs"


def test_interrupted_it_saves_what_there_is_under_a_name_that_says_so(
    home: Home,
    photos: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def learn(*given: Any) -> Any:
        for moment in usual(*given):
            if moment.step == 2:
                signal.raise_signal(signal.SIGINT)
            yield moment

    usual = textual_inversion.learn_word
    monkeypatch.setattr(textual_inversion, "learn_word", learn)
    assert main.main(invert(home, photos)) == 130
    err = capsys.readouterr().err
    assert "prompts can use <my-cat.unfinished>" in err and "Traceback" not in err
    word = word_embedding.read_word(Path("embeddings/my-cat.unfinished.safetensors"))
    assert word.notes["steps"] == {str(home.clip): 2}
    monkeypatch.undo()
    assert not Path("embeddings/my-cat.safetensors").exists()


def test_interrupted_before_the_first_step_there_is_nothing_to_save(
    home: Home, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        commands_invert, "_learn", lambda *given: signal.raise_signal(signal.SIGINT)
    )
    assert main.main(invert(home, photos)) == 130
    assert not Path("embeddings").exists()


def test_a_folder_stands_for_its_pictures(home: Home, photos: list[str]) -> None:
    Path("album").mkdir()
    for photo in photos:
        Path(photo).rename(Path("album") / Path(photo).name)
    assert main.main(invert(home, ["album"])) == 0
    word = word_embedding.read_word(Path("embeddings/my-cat.safetensors"))
    assert len(word.notes["pictures"]) == len(photos)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--token", "x"], "there is no picture to learn from; name 3 to 10"),
        (["cat0.png"], "the word has no name yet; give it one: --token my-cat"),
        (["cat0.png", "--token", "my cat"], "a word cannot be called 'my cat'"),
        (["cat0.png", "--token", "x", "--kind", "objekt"], "did you mean 'object'"),
        (["cat0.png", "--token", "x", "--vectors", "0"], "vectors is 0; it must be 1 or more"),
        (["cat0.png", "--token", "x", "step=3"], "no setting step; did you mean 'steps'"),
        (["dog*.png", "--token", "x"], "no picture matches dog*.png; check the pattern"),
        (["cat0.png", "dog*.png", "--token", "x"], "no picture matches dog*.png; check the pa"),
        (["dog.png", "--token", "x"], "dog.png cannot be read (No such file or directory)"),
        (["cat0.png", "--token", "x", "perceptors="], "perceptors is empty"),
        (
            [*(f"cat{n}.png" for n in range(101)), "--token", "x"],
            "101 pictures are more than 100",
        ),
        (
            ["cat0.png", "--token", "x", "--perceptor", "ViT-B-32:openai"],
            "no perceptor is called",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    home: Home, photos: list[str], refused: Refusal, words: list[str], complaint: str
) -> None:
    assert complaint in refused("invert", *words)
    assert not Path("embeddings").exists()


def test_settings_are_checked_before_torch_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from vqclip.cli.main import main; code = main(sys.argv[1:]); "
        "print(code, 'torch' in sys.modules)"
    )
    words = ["invert", "nothing.png", "--token", "x"]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == "2 False", done.stderr


def test_few_pictures_are_remarked_upon(
    home: Home, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(invert(home, photos[:1], "--kind", "negative")) == 0
    err = capsys.readouterr().err
    assert "note: from 1 picture the word learns everything in them" in err
    assert 'vqclip "a fox | <my-cat>:-0.5"' in err


def test_two_towers_of_one_width_are_refused(
    home: Home, photos: list[str], tmp_path: Path, refused: Refusal
) -> None:
    twin = tmp_path / "twin"
    twin.symlink_to(home.clip)
    said = refused(*invert(home, photos, f"perceptors={home.clip},{twin}"))
    assert "have text encoders of the same width, 32" in said


def test_a_word_has_an_equals_sign_only_in_its_pictures_name(
    home: Home, photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a=b.png").write_bytes(Path(photos[0]).read_bytes())
    assert main.main(invert(home, ["a=b.png", *photos[1:]])) == 0
    assert (
        "a=b.png"
        in word_embedding.read_word(Path("embeddings/my-cat.safetensors")).notes["pictures"]
    )


def test_help_lists_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["invert", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "--token NAME" in shown and "views=16" in shown and "(object, style, negative)" in shown
    )


def test_defaults_are_what_the_schema_says() -> None:
    with pytest.raises(ConfigError, match="has no name"):
        commands_invert.inversion_settings([])
    assert commands_invert.inversion_settings(["token=<x>"]) == InversionConfig(token="x")


@pytest.mark.starter
def test_the_starter_draws_a_sheet_of_what_it_learnt(
    photos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["invert", *photos, "--token", "noise", "--steps", "2", "previews=1", "views=2"]
    Path("embeddings").mkdir()
    Path("embeddings/noise.png").write_bytes(b"mine")
    assert main.main([*words, "device=cpu"]) == 0
    assert Path("embeddings/noise.png").read_bytes() == b"mine"
    sheet = images.read_picture(Path("embeddings/noise-2.png"))
    assert sheet.shape[3] > sheet.shape[2] > 64
    assert main.main(["dream", "a <noise>", "--count", "2", "--quiet"]) == 0
