"""The documentation: its commands, its pictures, and the site as a whole."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers import films, melody, readme, sweeps, tiny_clip
from vqclip.cli import main
from vqclip.guidance import zero_shot
from vqclip.models.zoo import model_files

HEAVY = ("vqgan=", "perceptors=", "size=", "steps=", "frames=", "length=", "growth=")
HEAVY_OPTIONS = (
    "--quality",
    "--scale",
    "--size",
    "--steps",
    "--frames",
    "--length",
    "--perceptor",
    "--count",
)
LADDER = ("normal", "better", "best", "supreme")  # presets that name models to be fetched
COMMANDS = readme.commands()
LOADED = r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?([^\" >]+)"


def tried(words: list[str]) -> bool:
    """Whether a command is run here: not what wants a net, or hours, or does not end."""
    if words[0] == "models":
        return words[1] in ("list", "where", "verify")
    if words[0] == "web":
        return False
    return words[0] != "train" or words[1:] in ([], ["--help"])


def lightened(words: list[str], home: Home) -> list[str]:
    """The same command on the tiny models, and of few and small steps."""
    name, rest = main._command(words)
    light: list[str] = []
    skip = False
    for word in rest:
        if skip or word in HEAVY_OPTIONS:
            skip = not skip
        elif not word.startswith(HEAVY):
            light.append(word)
    light = [",".join(p for p in w.split(",") if p not in LADDER) or "draft" for w in light]
    # No head of the catalogue rates the tiny perceptor.
    light = [re.sub("^(losses.aesthetic_head=).*", r"\1head.pth", word) for word in light]
    mine = home.words()
    if name == "generate" and not {"--init", "--source"} & {*rest}:
        mine.append("init=random")  # a draft is the starter's, whose words are not tiny
    if name == "animate":
        mine += ["frames=30" if "lasting(2s)" in rest[0] else "frames=3", "motion.steps=1"]
    if name == "again" and "--frames" in rest:
        light += ["--frames", "1:3"]
    if name in ("generate", "animate", "plan") and "looks.yaml" not in rest:
        given = {word.partition("=")[0] for word in light}
        light += [word for word in mine if word.partition("=")[0] not in given]
    if name in ("explain", "direction", "classify", "score", "search") and "--film" not in rest:
        light.append(f"perceptors={home.clip}")
    if name == "invert":
        light += ["--perceptor", str(home.clip), "steps=2", "previews=0"]
    if name == "resume":
        light.append("steps=4")
    if name == "vary":
        light += ["--count", "1"]
    return [name, *light]


RUNNABLE = [words for words in COMMANDS if tried(words) and words[0] != "dream"]


@pytest.fixture
def desk(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A folder that holds all files which the commands of the pages name."""
    for number, name in enumerate(
        (
            "sketch",
            "strawberry",
            "sunset",
            "mask",
            "cat1",
            "cat2",
            "cat3",
            "photos/a",
            "star",
            "photos/b",
            "more/a",
        )
    ):
        for suffix in (".png", ".jpg"):
            file = Path(name + suffix)
            file.parent.mkdir(exist_ok=True)
            pillow.new("RGB", (32, 32), (25 * number, 200, 90)).save(file)
    for folder in ("frames", "clip"):
        Path(folder).mkdir()
        for number in range(3):
            pillow.new("RGB", (32, 32), (90, 80 * number, 9)).save(f"{folder}/{number}.png")
    Path("moods.json").write_text(json.dumps({"clip": [1.0] * tiny_clip.DIMENSIONS}))
    torch.save(torch.nn.Linear(tiny_clip.DIMENSIONS, 1).state_dict(), "head.pth")
    Path("colours.txt").write_text("red\nblue\n")
    Path("prompts.txt").write_text("a fox\nan owl\n")
    Path("fox.json").write_text(json.dumps({"subject": "a fox"}))
    Path("art.yaml").write_text("prompts: a red heart\nextends: draft\nseed: 7\n")
    Path("mine.yaml").write_text("style: ink, {}\n")
    sweeps.write(home, {"prompts": ["a fox", "an owl"], "seed": [1, 2]}, name="looks")
    sweeps.write(home, {"seed": [1, "1:2:0.5"]}, name="walk", base={"prompts": "a fox"})
    search = {"by": "optuna", "count": 2, "base": {"prompts": "a fox"}}
    sweeps.write(home, {"seed": [1, 2]}, name="tune", **search)
    Path("pixray.yaml").write_text("drawer: pixel\nprompts: a fox\n")
    return home


def material(words: list[str], home: Home) -> None:
    """Make the films, sounds and runs that a command names."""
    typed = " ".join(words)
    if "song.mp3" in typed:
        melody.save(Path("song.wav"), melody.melody(14.0)).rename("song.mp3")
    for film in ("holiday.mp4", "film.mp4"):
        if film in typed and f"--out {film}" not in typed:
            films.film(Path(film), "-c:v", "libx264", "-pix_fmt", "yuv444p", rate="4")
    for run in dict.fromkeys(re.findall(r"outputs/(\d{4}-[\w-]+)", typed)):
        moving = run == "0004-a-sunflower"
        more = ["frames=4", "motion.steps=1"] if moving else []
        made = ["animate" if moving else "generate", "a fox", *home.words("seed=1", *more)]
        made[made.index("film.format=none")] = "film.format=mp4"
        assert main.main([*made, "--quiet", "--out", "made"]) == 0
        Path("outputs").mkdir(exist_ok=True)
        next(Path("made").glob("0001-*")).rename(Path("outputs") / run)
    for family in dict.fromkeys(re.findall(r"outputs/(\d{4}-vary-[\w-]+)", typed)):
        make_family(Path("outputs") / family)
    if "run.yaml" in typed and "--to" not in words:
        Path("run.yaml").write_text("prompts: a fox\n")
    if "<my-cat>" in typed:
        photos = [f"cat{number}.jpg" for number in (1, 2, 3)]
        learn = ["--token", "my-cat", "--perceptor", str(home.clip), "steps=1", "previews=0"]
        assert main.main(["invert", *photos, *learn]) == 0
    if "vector(sunny)" in typed:
        two = ["a sunny day", "a rainy day", "--name", "sunny", f"perceptors={home.clip}"]
        assert main.main(["direction", *two]) == 0
    if words == ["sweep", "outputs/looks"]:
        assert main.main(["sweep", "looks.yaml", "--quiet"]) == 0
    if words[0] in ("search", "sheet") and "outputs" in words:
        Path("photos").rename("outputs")
    if words[0] == "search" and "pictures" in words:
        Path("photos").rename("pictures")


def make_family(folder: Path) -> None:
    """Make the folder of a run that of a family, in which that run is number 3 and number 5."""
    run = folder.rename("one")
    names = {number: f"{number:04d}-a-red-fox" for number in (3, 5)}
    for name in names.values():
        shutil.copytree(run, folder / name)
    rows = [{"number": number, "folder": name} for number, name in names.items()]
    (folder / "family.json").write_text(json.dumps({"id": "x", "offspring": rows}))


def name_of(words: list[str]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("words", RUNNABLE, ids=name_of)
def test_a_command_of_the_pages_runs(
    words: list[str],
    desk: Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "tune.yaml" in words:
        pytest.importorskip("optuna")
        verdict = zero_shot.Verdict(zero_shot.JUDGE, 0.2, 0, 1)
        monkeypatch.setattr(zero_shot, "judge_available", lambda names: True)
        monkeypatch.setattr(zero_shot, "judge_picture", lambda *_, **__: verdict)
    if "stop=plateau" in words:  # the bundled judge reads with another vocabulary
        judges = tiny_clip.write(desk.path / "judges" / "second").parent
        monkeypatch.setattr(model_files, "STARTER_FOLDER", judges)
    if "music" in words or "--sound" in words:
        pytest.importorskip("librosa")
    if {"--source", "--film"} & set(words) or "film.between_by=flow" in words:
        pytest.importorskip("cv2")
    material(words, desk)
    typed = words if words[0].startswith("-") else lightened(words, desk)
    try:
        code = main.main(typed)
    except SystemExit as done:  # of --help
        code = int(done.code or 0)
    out, err = capsys.readouterr()
    if words[0] == "steer":  # the run that the page speaks of is not being drawn here
        assert (code, "nobody is drawing" in err) == (2, True), err
        return
    assert code == 0, f"{typed}\n{err}"
    assert out or typed[0] in ("models", "train")


@pytest.mark.starter
@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "dream"], ids=name_of)
def test_the_drafts_of_the_pages_are_drawn(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(["dream", words[1], "--count", "2", "--quiet"]) == 0


def test_nearly_all_commands_are_tried() -> None:
    left = [words for words in COMMANDS if not tried(words)]
    assert {words[0] for words in left} == {"models", "train", "web"}
    assert len(COMMANDS) - len(left) >= 80


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    """docs/draw.py, which draws the pictures."""
    found = importlib.util.spec_from_file_location("draw", readme.PAGES.parent / "draw.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_what_was_typed_stands_on_the_page_of_its_picture(drawing: ModuleType) -> None:
    commands = drawing.PICTURES | drawing.FILMS
    pages = [page.read_text(encoding="utf-8").replace(r"\|", "|") for page in readme.pages()]
    for name, command in commands.items():
        typed = re.sub(r"^vqclip (animate )?| --size 128x128$", "", command)
        showing = [page for page in pages if f"images/{name}.webp" in page]
        assert showing, f"no page shows {name}"
        assert any(typed in page or name == "heart-draft" for page in showing), command


def test_every_image_is_shown_and_small() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in readme.pages())
    images = sorted((readme.PAGES / "images").iterdir())
    assert [each.name for each in images if f"images/{each.name}" not in pages] == []
    assert sum(each.stat().st_size for each in images) < 6_000_000
    assert max(each.stat().st_size for each in images) < 1_000_000


def test_what_the_theme_fetches_is_here(tmp_path: Path) -> None:
    """The strict build, and that no page of it loads anything from elsewhere."""
    for name in ("material", "mkdocstrings_handlers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'vqclip[docs]'")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    config = readme.PAGES.parent / "mkdocs.yml"
    done = subprocess.run(
        [*words, "-f", str(config), "-d", str(tmp_path / "site")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(readme.pages()) - 1
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(LOADED, html)
        assert [each for each in loaded if re.match(r"(?:https?:)?//", each)] == [], page
    shutil.rmtree(tmp_path / "site")


def quoted() -> str:
    """The page of troubleshooting as one line, with what it quotes as it is printed."""
    text = (readme.PAGES / "troubleshooting.md").read_text(encoding="utf-8")
    plain = re.sub(r"\s*\n(?:> )?", " ", text).replace("&lt;", "<").replace("&gt;", ">")
    return re.sub(r" +", " ", plain)


FILES = {
    "a.yaml": "prompts: a fox: red\n",
    "b.yaml": "prompts: house #3\n",
    "d.yaml": "prompts: a fox # red\n\tsteps: 3\n",
    "f.yaml": "prompts: a fox\ncamera: off\n",
    "clip.mp4": "no film",
}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a", "fox"], "'a' and 'fox' are separate words; put the prompt in quotes: \"a fox\""),
        (
            ["a fox|"],
            "part 2 of 'a fox|' is empty; put words there, or remove a \"|\"",
        ),
        (["a.yaml"], "a.yaml, line 1: ':' before a space has a meaning in YAML; put the"),
        (["b.yaml"], "b.yaml, line 1: '#' after a space begins a comment in YAML; put the"),
        (["d.yaml"], "d.yaml, line 2: a tab; YAML is indented with spaces"),
        (["f.yaml"], "f.yaml: camera is 'off', but it is a group of settings; leave it out"),
        (["a fox", "stepz=3"], "there is no setting stepz; did you mean 'steps'?"),
        (["a fox", "--seed", "1", "seed=2"], "seed is given twice, as 1 and as 2"),
        (["<my-cat>"], "the word <my-cat> has not been learnt: my-cat.safetensors is not in"),
        (["a fox | vector(sunny)"], "there is no direction 'sunny' (there are: textoff)"),
        (["a fox", "vqgan=mine"], "no model is called 'mine'"),
        (["a fox", "film.codec=prores"], "film.codec is prores, which does not go into"),
        (["animate", "a fox", "--source", "clip.mp4"], "clip.mp4 cannot be read as a film"),
        (
            ["animate", "a fox", "--frames", "60", "--length", "5"],
            "frames=60 and length=5 both say how long the animation is; leave one of them out",
        ),
        (["a fox", "--init", "nothere.png"], "nothere.png cannot be read (No such file"),
        (["show", "0.png"], "0.png holds no metadata of vqclip"),
        (["resume", "outputs/0001-a-fox"], "outputs/0001-a-fox is not a run; name the folder of"),
        (["a fox", "--size", "9x16"], "size is 9x16; each side must be 16 pixels or more"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_an_error_that_the_page_explains_is_printed_like_that(
    words: list[str],
    sentence: str,
    refused: Refusal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    pillow.new("RGB", (32, 32), "gold").save("0.png")
    if "--source" in words:
        pytest.importorskip("cv2")
    assert sentence in refused(*words)
    assert sentence in quoted()
