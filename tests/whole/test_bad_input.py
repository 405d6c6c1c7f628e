"""Bad input through the command line: exit code 2, and a sentence that says what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image as pillow

from tests.conftest import Home, Refusal

Patch = pytest.MonkeyPatch
LONG = "x" * 5000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no prompt; write one: vqclip "),
        ([""], "there is no prompt; write one: vqclip "),
        (["   "], "there is no prompt; write one: vqclip "),
        (["a fox | "], "part 2 of 'a fox | ' is empty; put words there"),
        (["a fox:nan"], "the number nan in the prompt 'a fox:nan' is not finite; write one such"),
        (["a fox:2 | fog:-inf"], "the number -inf in part 2 of .* is not finite"),
        (["a fox", "size=0"], "size is 0; each side must be 16 pixels or more"),
        (["a fox", "--size", "0x0"], "size is 0x0; each side must be 16 pixels or more"),
        (["a fox", "--size", "7x"], "size is '7x'; write width x height in pixels"),
        (["a fox", "--size", "7x7"], "size is 7x7; each side must be 16 pixels or more"),
        (["a fox", "--steps", "-5"], "steps is -5; it must be 1 or more"),
        (["a fox", "steps=0"], "steps is 0, but it must be 1 or more; .*"),
        (["a fox", "seed=-1"], "seed is -1; it must be 0 or more"),
        (["a fox", "stepz=3"], "the command line: there is no setting stepz; did you mean 'st"),
        (["a fox", "cutouts.recipe=diso"], "cutouts.recipe is 'diso'; did you mean 'disco'"),
        (["a fox", "--preset", "drat"], "no preset is called 'drat'; did you mean 'draft'"),
        (["a fox", "--preset", "tab.yaml"], "tab.yaml, line 2: a tab; YAML is"),
        (["a fox", "--preset", "key.yaml"], "key.yaml: there is no setting stepz; did you mean"),
        (["key.yaml"], "key.yaml: there is no setting stepz; did you mean 'steps'"),
        (
            ["fox.yaml"],
            "fox.yaml: subject and appearance belong to a structured prompt, which stan",
        ),
        (["other.json"], "other.json holds no structured prompt: its keys are 'prompt'"),
        (["broken.json"], "broken.json is not valid JSON: the { is not closed; write } at"),
        (["silent.yaml"], "there is no prompt; write one"),
        (["a fox", "init=bad.png"], "bad.png cannot be read .it is damaged or no picture.; try"),
        (["a fox", "--init", "no.png"], "no.png cannot be read .No such file or directory.; try"),
        (["a fox", "--init", "foxx"], "init=foxx is neither a picture file nor one of: auto, "),
        (["a fox", "init=folder.png"], "folder.png cannot be read .Is a directory"),
        (["a fox | @bad.png:0.3"], "bad.png cannot be read .it is damaged or no picture"),
        (["@no.png"], "no.png cannot be read .No such file or directory.; try another file"),
        (
            ["a fox", "--out", "bad.png"],
            "bad.png is not a folder, so no runs can be made in bad.p",
        ),
        (
            ["a fox", "out=bad.png/x/y"],
            "bad.png is not a folder, so no runs can be made in bad.p",
        ),
        (["a fox", "init=fractl"], "init=fractl is neither .*; did you mean 'fractal'"),
        (["a fox", f"init={LONG}"], f"init={LONG[:60]}… is neither a picture file nor one of: a"),
        (["a fox", f"init={LONG}.png"], f"{LONG[:60]}… cannot be read .File name too long.; try"),
        ([f"@{LONG}"], f"{LONG[:60]}… cannot be read .File name too long.; try another file"),
        ([f"@{LONG} {LONG}.png"], f"{LONG[:60]}… cannot be read .File name too long.; try"),
        (["a fox", "--out", LONG], f"{LONG[:60]}… is too long for the name of a folder; choose"),
        (
            ["a fox", "--preset", f"{LONG}.yaml"],
            f"{LONG[:60]}… cannot be read .File name too lon",
        ),
        (["a fox", "--preset", "no.yaml"], "no.yaml cannot be read .No such file or directory.;"),
        (
            ["sillent.yaml"],
            "there is no run file sillent.yaml; did you mean 'silent.yaml'. Or, to draw",
        ),
        (
            ["poster.yml"],
            "there is no run file poster.yml; check .*: vqclip generate poster.yml$",
        ),
        (
            ["plan", "poster.yml"],
            "there is no run file poster.yml; check its name, or to draw these wo",
        ),
        ([f"{LONG}.yaml"], f"there is no run file {LONG}.yaml; check its name"),
        (
            ["a fox", "losses.edge_colour=golld"],
            "losses.edge_colour: 'golld' is not a colour; did",
        ),
        (
            ["a fox", "init=random", "losses.init=1"],
            "losses.init needs a picture to start from; give one with",
        ),
        (
            ["a fox", "film=none"],
            "the command line: film is 'none', .*; did you mean film.format=n",
        ),
        (
            ["a fox", "preset=ink"],
            "the command line: there is no setting preset; .* --preset ink",
        ),
        (
            ["plan", "a fox", "prompts=a dog"],
            "there are two prompts, 'a fox' and 'prompts=a dog'; ",
        ),
        (["a", "fox"], "'a' and 'fox' are separate words; put the prompt in quotes: \"a fox\""),
        (["rain", "fox"], "'rain' and 'fox' are separate words; put the prompt in quotes"),
        (
            ["a fox", "camera.zoom", "1.1"],
            ".*are separate words; write the setting as one word: camera.zoom=1.1",
        ),
        (["a fox", "gif"], '.*"a fox gif", or .*; to set the film\'s format: film.format=gif'),
        (["animat", "a fox"], ".*; if you meant a command: vqclip animate …"),
        (
            ["animate", "a fox", "--camera.zoom=1.1"],
            r"there is no option --camera.zoom; did you mean the setting camera.zoom=1.1\?",
        ),
        (["animate", "a fox", "camera.zom=2"], ".*no setting camera.zom; .* 'camera.zoom'"),
        (["animate", "a fox", "camera.pan=1"], ".*'camera.pan_x' or 'camera.pan_y'"),
        (
            ["a fox", "--sound", "a.wav"],
            "there is no option --sound here; it belongs to vqclip animate",
        ),
        (
            ["animate", "a fox", "--frames", "0"],
            "frames=0 leaves nothing to draw; write frames=60 or length=5",
        ),
        (
            ["animate", "a fox", "length=0.0"],
            "length=0.0 leaves nothing to draw; write frames=60",
        ),
        (
            ["animate", "a fox", "--frames", "4", "--length", "1"],
            "the command line: frames=4 and length=1 both say how long the animation is",
        ),
        (
            ["a fox", "--size", "64x64", "size=96x96"],
            "size is given twice, as 64x64 and as 96x96; leave one of them out",
        ),
        (
            ["animate", "a fox", "--frames", "4.5"],
            "the command line: frames is 4.5; it must be a whole number, such as 60",
        ),
        (["animate", "a fox", "camera.zoom=1,03"], ".*cannot be read at ','; write 1.03"),
        (["a fox", "--sieze", "3x3"], "there is no option --sieze; did you mean '--size'"),
        (
            ["a fox", "--style", "ink"],
            r"there is no option --style; did you mean the setting style=ink\? ",
        ),
        (
            ["dream", "a", "--guidance", "2"],
            "there is no option --guidance; did you mean the set",
        ),
        (
            ["show", "a", "--size", "3"],
            r"there is no option --size \(see vqclip show --help\)",
        ),
        (["a fox", "--zzz"], r"there is no option --zzz \(see vqclip --help\)"),
        (["a fox", "--size"], r"argument --size: expected one argument \(see vqclip --help\)"),
        (["again"], "name the picture to make again: vqclip again outputs/"),
        (["again", "no.png"], "no.png cannot be read .No such file or directory.; check the"),
        (["again", "bad.png"], "bad.png is not a PNG; vqclip's metadata is in the PNGs that it"),
        (
            ["again", "alien.png"],
            "alien.png holds no metadata of vqclip: this picture was not made",
        ),
        (["again", "a", "b"], "'a' and 'b' are separate words"),
        (
            ["show", "alien.png"],
            "alien.png holds no metadata of vqclip: this picture was not made",
        ),
        (["show", "."], r"there is no run.json in \.; expected the folder of a run"),
        (["show"], r"the following arguments are required: PNG \(see vqclip show --help\)"),
        (["show"], r".*; to draw the word itself: vqclip generate show$"),
        (["models"], r".*; to draw the word itself: vqclip generate models$"),
        (["again"], r".*; to draw the word itself: vqclip generate again$"),
        (["show", "a", "--size", "3"], "there is no option --size"),
        (["models", "lst"], "no action of vqclip models is called 'lst'; did you mean 'list'"),
        (["a fox", "vqgan=tinny"], "no model is called 'tinny'"),
        (["a fox", "vqgan=sflckr"], "the model 'sflckr' is not on this machine .4.3 GB.; run 'v"),
    ],
)
def test_bad_input_is_answered_in_words_before_torch_is_needed(
    words: list[str], message: str, refused: Refusal, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path))
    # None in the table of modules makes an import of it fail.
    for name in ("vqclip.session", "vqclip.run.record.writer", "vqclip.media.images"):
        monkeypatch.setitem(sys.modules, name, None)
    Path("tab.yaml").write_text("cutouts:\n\tcount: 3\n")
    Path("key.yaml").write_text("stepz: 3\nprompts: a fox\n")
    Path("fox.yaml").write_text("subject: a fox\nappearance: {fur: red}\nstyle: ink\n")
    Path("other.json").write_text('{"prompt": "a fox", "seed": 3}')
    Path("broken.json").write_text('{"subject": "a fox"\n')
    Path("silent.yaml").write_text("steps: 3\n")
    Path("bad.png").write_text("no picture")
    Path("folder.png").mkdir()
    pillow.new("RGB", (9, 9)).save("alien.png")
    sentence = refused(*words)
    assert re.match(message, sentence), sentence


def test_a_folder_that_may_not_be_written_is_refused(
    home: Home, refused: Refusal, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert refused("a fox", "--out", "mine/x") == ". may not be written to; choose another --out"


def damaged(home: Home, place: Path, monkeypatch: Patch) -> Path:
    """A copy of the home in which the model may be spoilt; gives its weights."""
    shutil.copytree(home.path, place / "spoilt")
    monkeypatch.setenv("VQCLIP_HOME", str(place / "spoilt"))
    weights = place / "spoilt" / "models" / "tiny" / "weights.ckpt"
    weights.with_name("weights.sha256").unlink()  # or it would be told from the file that came
    return weights


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.place}",)


def test_a_truncated_checkpoint(
    home: Home, refused: Refusal, tmp_path: Path, monkeypatch: Patch
) -> None:
    weights = damaged(home, tmp_path, monkeypatch)
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "weights.ckpt is damaged or cut short" in refused("a fox", *home.words())
    shutil.copyfile(weights, "cut.ckpt")
    words = ["models", "import", "cut.ckpt", "--config", str(home.config), "--name", "other"]
    assert "cut.ckpt is damaged or cut short" in refused(*words)


def test_a_checkpoint_of_another_architecture(
    home: Home, refused: Refusal, tmp_path: Path, monkeypatch: Patch
) -> None:
    weights = damaged(home, tmp_path, monkeypatch)
    layout = yaml.safe_load(home.config.read_text())
    layout["model"]["params"]["n_embed"] = 17
    weights.with_name("config.yaml").write_text(yaml.safe_dump(layout))
    message = refused("a fox", *home.words())
    assert "quantize.embedding.weight is [16, 8], but" in message
    assert "a checkpoint of another architecture. Use the YAML that was published" in message
    torch.save({"state_dict": {"visual.proj": torch.zeros(2)}}, weights)
    assert "weights.ckpt lacks " in refused("a fox", *home.words())


def test_a_pickle_that_would_run_code(
    home: Home, refused: Refusal, tmp_path: Path, monkeypatch: Patch
) -> None:
    weights = damaged(home, tmp_path, monkeypatch)
    torch.save({"state_dict": {}, "extra": Hostile(tmp_path / "ran")}, weights)
    assert "would run posix.system when opened" in refused("a fox", *home.words())
    assert not (tmp_path / "ran").exists()


def test_a_perceptor_that_does_not_exist(home: Home, refused: Refusal, tmp_path: Path) -> None:
    assert "holds no open_clip_config.json" in refused("a fox", *home.words("perceptors=."))
    message = refused("a fox", *home.words(f"perceptors={LONG}"))
    assert message.startswith(f"no perceptor is called '{LONG[:60]}'…; write model::weights in")
    message = refused("a fox", *home.words("perceptors=ViT-B-33::openai"))
    assert "no perceptor is called 'ViT-B-33::openai'" in message
