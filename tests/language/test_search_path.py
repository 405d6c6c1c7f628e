"""The search path: one rule for all that a run names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from vqclip.cli import main
from vqclip.language import assets
from vqclip.language.assets import SearchPath
from vqclip.language.directions import direction_files
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]


def test_the_folders_are_asked_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "home")
    assert SearchPath.current() == SearchPath((Path(),))
    both = SearchPath.from_settings("~/art", Path("run"))
    assert both.folders == (Path(), Path("run"), Path("home/art"))
    assert SearchPath.from_settings("run", Path("run")).folders == (Path(), Path("run"))


def test_what_is_nearer_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "run"
    there.mkdir()
    both = SearchPath.from_settings("run")
    assert both.find("a.png") == Path("a.png")
    (there / "a.png").touch()
    assert both.find("a.png") == Path("run/a.png")
    assert SearchPath.current().find("a.png") == Path("a.png")
    Path("a.png").touch()
    assert both.find("a.png") == Path("a.png")
    monkeypatch.setenv("HOME", str(there))
    assert SearchPath.current().find("~/a.png") == there / "a.png"
    nobody = "~nobody-of-that-name/a.png"
    assert SearchPath.current().find(nobody) == Path(nobody)
    assert both.find("x" * 5000) == Path("x" * 5000)


def test_the_folder_of_a_run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        assets.infer_assets(Path("art.yaml")) == assets.infer_assets(tmp_path / "art.yaml") == ""
    )
    assert assets.infer_assets(Path("looks/art.yaml")) == "looks"


@pytest.fixture
def studio(home: Home) -> Path:
    """A folder `art [1]` with all that a run file can name."""
    place = Path("art [1]")
    (place / "embeddings").mkdir(parents=True)
    (place / "directions").mkdir()
    (place / "photos").mkdir()
    for name in ("start.png", "wish.png", "mask.png", "photos/a.png", "photos/b.png"):
        pillow.new("RGB", (32, 32), "gold").save(place / name)
    cat = WordEmbedding("my-cat", {32: torch.ones(2, 32)})
    (place / "embeddings/my-cat.safetensors").write_bytes(word_embedding.pack_word(cat))
    sunny = direction_files.Direction(("sun",), ("rain",))
    (place / "directions/sunny.json").write_text(direction_files.direction_to_json(sunny))
    (place / "colours.txt").write_text("red\n")
    return place


ALL = "a {colours.txt} <my-cat> in(mask.png) | @wish.png | @photos/*.png:0.5 | vector(sunny):0.2"


def drawn(capsys: Capture, *words: str) -> Path:
    assert main.main(list(words)) == 0
    return Path(capsys.readouterr().out.strip())


def test_all_that_a_run_file_names_may_lie_beside_it(
    home: Home, studio: Path, capsys: Capture
) -> None:
    (studio / "art.yaml").write_text(f"prompts: '{ALL}'\ninit: start.png\nstyle: as <my-cat>\n")
    assert main.main(["plan", str(studio / "art.yaml"), *home.words("seed=1")]) == 0
    assert main.main(["explain", str(studio / "art.yaml"), *home.words("seed=1")]) == 0
    capsys.readouterr()
    first = drawn(capsys, str(studio / "art.yaml"), *home.words("steps=2", "seed=1"))
    notes = provenance.read_provenance(first)
    assert notes.prompt.startswith("a red <my-cat> in(mask.png) | @wish.png")
    assert notes.config["assets"] == str(studio)
    read = {name for name in notes.models if name.startswith(("picture", "word", "direction"))}
    files = ("mask.png", "wish.png", "photos/*.png", "start.png")
    assert read == {f"picture {each}" for each in files} | {"word my-cat", "direction sunny"}
    assert drawn(capsys, "again", str(first)).read_bytes() == first.read_bytes()
    assert drawn(capsys, "resume", str(first.parent), "steps=3") == first
    assert provenance.read_provenance(first).changes[0]["settings"] == {"steps": 2}


def test_a_file_of_prompts_has_its_things_beside_it(
    home: Home, studio: Path, capsys: Capture
) -> None:
    (studio / "list.txt").write_text(f"{ALL}\n")
    first = drawn(capsys, str(studio / "list.txt"), *home.words("steps=1"))
    assert provenance.read_provenance(first).config["assets"] == str(studio)


def test_the_folder_may_be_said(home: Home, studio: Path, capsys: Capture) -> None:
    prompt = ALL.replace("{colours.txt}", "red")
    first = drawn(capsys, prompt, *home.words("steps=1", "seed=1", f"assets={studio}"))
    studio.rename("moved")
    assert main.main(["again", str(first)]) == 2
    assert "mask.png cannot be read" in capsys.readouterr().err
    assert drawn(capsys, "again", str(first), "assets=moved").exists()
    Path("run.yaml").write_text(f"prompts: '{prompt}'\nassets: moved\n")
    assert drawn(capsys, "run.yaml", *home.words("steps=1")).exists()
    Path("deep").mkdir()
    Path("deep/run.yaml").write_text(f"prompts: '{prompt}'\nassets: ../moved\n")
    second = drawn(capsys, "deep/run.yaml", *home.words("steps=1"))
    assert (
        Path(provenance.read_provenance(second).config["assets"]).resolve()
        == Path("moved").resolve()
    )


def test_a_run_that_moves_goes_on_from_where_its_things_are(
    home: Home, studio: Path, capsys: Capture
) -> None:
    words = home.words("steps=2", "seed=1", f"assets={studio}")
    first = drawn(capsys, "a fox | @wish.png", *words)
    studio.rename("moved")
    assert drawn(capsys, "resume", str(first.parent), "steps=3", "assets=moved") == first
    notes = provenance.read_provenance(first)
    assert notes.config["assets"] == "moved" and notes.changes[0]["settings"] == {"steps": 2}


def test_a_preset_may_say_the_folder(home: Home, studio: Path, capsys: Capture) -> None:
    Path("look.yaml").write_text(f"assets: {studio}\n")
    Path("run.yaml").write_text("prompts: '@wish.png'\n")
    Path("list.txt").write_text("@wish.png\n")
    for words in (["@wish.png"], ["run.yaml"], ["list.txt"]):
        assert drawn(capsys, *words, "--preset", "look.yaml", *home.words("steps=1")).exists()


def test_what_is_not_needed_is_not_told(home: Home, studio: Path, capsys: Capture) -> None:
    (studio / "art.yaml").write_text("prompts: a fox\nsteps: 1\n")
    first = drawn(capsys, str(studio / "art.yaml"), *home.words("seed=1", "steps=1"))
    assert provenance.read_provenance(first).config["assets"] == ""


def test_what_lies_nowhere_is_refused(home: Home, studio: Path, refused: Refusal) -> None:
    (studio / "art.yaml").write_text("prompts: 'a fox | <my-dog>'\n")
    said = refused(str(studio / "art.yaml"), *home.words())
    assert f"is not in embeddings nor in {studio}/embeddings (there are: <my-cat>)" in said
    (studio / "art.yaml").write_text("prompts: '@nil.png'\n")
    assert "nil.png cannot be read (No such file" in refused(
        str(studio / "art.yaml"), *home.words()
    )
