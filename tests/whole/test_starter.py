"""Whole runs through the real command line, on the models that come with vqclip."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as pillow
from PIL import ImageDraw

import vqclip
from tests.helpers import building, readme
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.media import images
from vqclip.models.zoo import model_files
from vqclip.run.record import provenance

pytestmark = pytest.mark.starter

ROOT = Path(__file__).parents[2]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Start `python run.py` as a shell would."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_prompt_in_the_shell_ends_with_a_picture_and_a_film(tmp_path: Path) -> None:
    words = ["steps=6", "precision=fp32", "--size", "64x64", "--seed", "3"]
    done = run("a red heart", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    final = tmp_path / done.stdout.strip()
    assert final == tmp_path / "outputs" / "0001-a-red-heart" / "final.png"
    assert images.read_picture(final).shape == (1, 3, 64, 64)
    assert (final.parent / "film.mp4").stat().st_size > 500
    log = [json.loads(line) for line in (final.parent / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(6))
    notes = provenance.read_provenance(final)
    assert notes.seed == 3
    assert notes.prompt == "a red heart"
    assert notes.models["starter"] == model_files.file_sha256(
        model_files.find_vqgan("starter").weights
    )

    # Made again from the picture alone, the same bytes.
    assert main.main(["again", str(final), "--out", str(tmp_path / "again"), "--quiet"]) == 0
    copy = tmp_path / "again" / "0001-a-red-heart" / "final.png"
    assert copy.read_bytes() == final.read_bytes()


@pytest.mark.parametrize(
    ("first", "then"), [("a cat", "a cat on a chair"), ("a cat on a chair", "a cat")]
)
def test_resumed_with_another_kind_of_prompt_a_run_keeps_its_drawer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    words = ("size=64x64", "dream.count=1", "steps=6", "seed=1", "checkpoint.every=1")
    kill_run(monkeypatch, 2, first, *words, "film.format=none", "--out", str(tmp_path), "--quiet")
    (folder,) = tmp_path.iterdir()
    drawer = provenance.read_provenance(folder).settings["drawer"]
    assert main.main(["resume", str(folder), f"prompts={then}", "--quiet"]) == 0
    notes = provenance.read_provenance(folder / "final.png")
    assert (notes.prompt, notes.settings["drawer"], notes.settings["steps"]) == (then, drawer, 6)


def test_the_loss_falls_and_the_wish_shows() -> None:
    """Forty steps towards red end redder than forty towards green, and nearer to the prompt."""
    means = {}
    for colour in ("red", "green"):
        # From noise: a draft is near the wish from the start, and has little way to go.
        words = f"a {colour} heart"
        config = vqclip.load(words, seed=1, size="64x64", steps=40, growth=[], init="random")
        run = building.build(config)
        totals = [step.total() for step in run.play()]
        assert sum(totals[-5:]) < 0.9 * sum(totals[:5])
        means[colour] = run.final_picture().mean((0, 2, 3))
    redness = {name: float(mean[0] - mean[1]) for name, mean in means.items()}
    assert redness["red"] > redness["green"] + 0.1


def test_the_shipped_weights_are_small_and_carry_their_card() -> None:
    files = [path for path in model_files.STARTER_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40_000_000
    assert {"LICENSE", "MODEL_CARD.md"} <= {path.name for path in files}


def test_the_committed_run_file_draws_its_command_line_through_both_doors(tmp_path: Path) -> None:
    file = str(ROOT / "benchmarks" / "art.yaml")
    words = ["seed=7", "size=64x64", "steps=12", "growth=[]", "film.format=none"]
    plain = "precision=fp32"  # in these tests, a processor passes for one without bfloat16
    one = run(file, plain, cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    finals = [tmp_path / one.stdout.strip()]
    for name, more in (("file", [file]), ("line", ["a snowman:2 | fog:-0.5", *words])):
        assert main.main([*more, plain, "--quiet", "--out", str(tmp_path / name)]) == 0
        finals += (tmp_path / name).glob("*/final.png")
    first, second, third = (image_bytes(path) for path in finals)
    assert first == second == third


def image_bytes(path: Path) -> bytes:
    return bytes(images.to_bytes(images.read_picture(path)))


def test_what_the_documentation_says_about_looking_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command lines as they stand there, on drawings of a heart and of stripes."""
    monkeypatch.chdir(tmp_path)
    final = Path("outputs/0001-a-red-heart/final.png")
    for folder in (final.parent, Path("photos")):
        folder.mkdir(parents=True)
    heart = pillow.new("RGB", (128, 128), "white")
    pen = ImageDraw.Draw(heart)
    pen.pieslice([18, 18, 68, 78], 180, 360, "red")
    pen.pieslice([60, 18, 110, 78], 180, 360, "red")
    pen.polygon([(18, 47), (110, 47), (64, 112)], "red")
    heart.save(final)
    heart.save("photos/heart.png")
    stripes = pillow.new("RGB", (90, 128), "white")
    for top in range(0, 128, 16):
        ImageDraw.Draw(stripes).rectangle([0, top, 90, top + 7], "navy")
    stripes.save("photos/stripes.webp")
    lines = readme.command_lines((readme.PAGES / "looking.md").read_text(encoding="utf-8"))
    found = {}
    for words in lines[:4]:
        if words[0] in ("classify", "score", "search") and "--film" not in words:
            capsys.readouterr()
            assert main.main([*words, "--json"]) == 0
            out = capsys.readouterr().out
            found[words[0]] = [json.loads(line) for line in out.splitlines()]
    assert [len(found[name]) for name in ("classify", "score", "search")] == [2, 1, 2]
    assert found["score"][0]["percentile"] > 90
    assert images.read_picture("castles.png").shape[2] > 128
    for words in (
        ["search", "photos", "a red heart"],
        ["search", "photos", "--image", str(final)],
    ):
        assert main.main([*words, "--quiet", "--top", "1"]) == 0
        assert capsys.readouterr().out.endswith("photos/heart.png\n")
    assert main.main(["classify", "photos", "--labels", "a heart | a flag", "--quiet"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.split("%")[1].split("  ")[1] == "a heart" and first.endswith("photos/heart.png")
