"""`vqclip train`, through the command line's own function."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow
from torch import Tensor

from tests.conftest import Home, Refusal
from vqclip.cli import main
from vqclip.cli.commands import train as commands_train
from vqclip.media import images
from vqclip.models import vqgan as models_vqgan
from vqclip.models.zoo import model_files
from vqclip.training import checkpoints, recipes, settings
from vqclip.training import vqgan_trainer as training_vqgan

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
# Four steps: codes from the second, the critic from the third.
TINY = (
    *("size=32", "batch=2", "width=32", "multiples=1,1", "codes=12", "code_channels=8"),
    *(
        "sizes=[]",
        "z_channels=8",
        "bf16=false",
        "steps=4",
        "from=",
        "quantise_from=1",
        "revive_every=2",
    ),
    *("discriminate_from=2", "sheet_every=2", "device=cpu", "pictures=own"),
)


@pytest.fixture
def place(home: Home, monkeypatch: Patch, tmp_path: Path) -> Path:
    """An empty zoo, and a folder `own` of five pictures and one that is none."""
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    own = tmp_path / "own"
    (own / "more").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.jpg", "more/c.webp", "d.bmp", "more/e.gif")):
        generator = torch.Generator().manual_seed(index)
        blocks = torch.randint(0, 256, [6, 4, 3], generator=generator, dtype=torch.uint8)
        picture = pillow.fromarray(blocks.numpy()).resize((40 + 9 * index, 60))
        picture.save(own / name)
    (own / "f.png").write_bytes(b"no picture")
    (own / "words.txt").write_text("not looked at")
    return tmp_path


def train(*words: str) -> int:
    return main.main(["train", "own_vqgan", *TINY, *words])


def weights(folder: str) -> dict[str, Tensor]:
    state: dict[str, Any] = torch.load(Path(folder, "checkpoint.pt"), weights_only=True)
    return {f"{name}.{key}": v for name in ("model", "critic") for key, v in state[name].items()}


def same(one: str, other: str) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_folder_of_pictures_becomes_a_vqgan_that_draws(
    place: Path, home: Home, capsys: Capture
) -> None:
    assert train("name=mine") == 0
    out, err = capsys.readouterr()
    assert out == "training/mine\n"
    for line in (
        "5 pictures in own",
        "skipped own/f.png: no picture that can be read",
        "on cpu, from step 0 to 4",
        "samples: training/mine/samples/step-000002.png",
        'listed as mine; to use it: vqclip "a fox" vqgan=mine',
        "done: 4 steps",
    ):
        assert line in err
    folder = Path("training/mine")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint.pt", "samples", "shelved.json", "vqgan.safetensors", "vqgan.yaml")
    ]
    sheets = sorted((folder / "samples").iterdir())
    assert [path.name for path in sheets] == ["step-000002.png", "step-000004.png"]
    assert images.read_picture(sheets[0]).shape == (1, 3, 5 * 34 + 2, 16 * 34 + 2)

    assert main.main(["models", "list"]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("mine "))
    assert "cached" in row and "imported" in row
    found = model_files.find_vqgan("mine")
    model = models_vqgan.open_vqgan(found.config, found.weights)
    assert model.decode(model.lookup(torch.zeros(2, 3, dtype=torch.long))).shape == (1, 3, 4, 6)

    words = [*home.words("vqgan=mine", "steps=1"), "--quiet"]
    assert main.main(["a fox", *words]) == 0
    assert images.read_picture(capsys.readouterr().out.strip()).shape == (1, 3, 32, 32)


def test_two_pieces_equal_one_run_to_the_bit(place: Path) -> None:
    assert train("out=one") == 0
    assert train("out=two", "until=2", "sheet_every=0") == 0  # a sheet changes nothing, either
    assert not same("one", "two")
    assert train("out=two") == 0
    assert same("one", "two")
    files = [Path(out, "vqgan.safetensors").read_bytes() for out in ("one", "two")]
    assert files[0] == files[1]
    assert train("out=other", "seed=1") == 0
    assert not same("one", "other")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_step_saves_and_says_how_to_go_on(
    place: Path, monkeypatch: Patch, capsys: Capture, number: int
) -> None:
    rate = training_vqgan.learning_rate

    def interrupted(recipe: settings.VqganRecipe, step: int) -> float:
        if step == 1:
            os.kill(os.getpid(), number)
        return rate(recipe, step)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(training_vqgan, "learning_rate", interrupted)
        assert train("name=mine") == 130
    assert signal.getsignal(signal.SIGINT) is before
    out, err = capsys.readouterr()
    assert (
        out == ""
        and ("stopped after step 2, and saved; to continue, run the same command again") in err
    )
    assert (
        "vqclip train own_vqgan size=32" in err
        and ("interrupted; what was written so far is in") in err
    )
    assert torch.load("training/mine/checkpoint.pt", weights_only=True)["step"] == 2
    assert not Path("training/mine/vqgan.safetensors").exists()
    assert not (model_files.cache_dir() / "mine").exists()
    assert train("name=mine") == 0
    assert train("out=one") == 0
    assert same("one", "training/mine")


def test_json_tells_what_happens(place: Path, capsys: Capture) -> None:
    assert train("name=mine", "steps=2", "--json") == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == [
        *("skipped", "pictures", "start", "step", "step", "sheet", "checkpoint", "model", "done")
    ]
    assert events[0]["file"] == "own/f.png" and events[1]["count"] == 5
    assert events[2] == {
        **{"event": "start", "out": "training/mine", "device": "cpu", "step": 0, "steps": 2}
    }
    assert [event["step"] for event in events[3:5]] == [1, 2]
    assert all(event["loss"] > 0 and event["seconds"] > 0 for event in events[3:5])
    assert events[4]["left"] == 0 and events[-1]["step"] == 2
    assert events[-2]["name"] == "mine" and Path(events[-2]["path"]).is_file()
    assert "%" not in err


def test_quiet_is_quiet(place: Path, capsys: Capture) -> None:
    assert train("out=here", "steps=1", "--quiet") == 0
    assert capsys.readouterr() == ("here\n", "")


def test_the_log_has_a_line_now_and_then_and_loses_those_that_are_done_again(
    place: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(training_vqgan, "REPORT_EVERY", 1)
    assert train("out=here", "steps=2") == 0
    log = Path("here/log.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all({"step", "loss", "psnr", "codes_in_exam"} == set(line) for line in lines)
    with log.open("a") as file:  # of steps after the checkpoint, before the power went
        file.write('{"step": 3, "loss": 1}\n')
    assert train("out=here", "steps=3") == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3] and lines[2]["loss"] != 1


def test_the_configs_are_listed(place: Path, capsys: Capture) -> None:
    assert main.main(["train"]) == 0
    out = capsys.readouterr().out
    assert re.search("^own_vqgan +A VQGAN that draws in the manner of your pictures", out, re.M)
    assert "vqclip train own_vqgan pictures=FOLDER name=mine" in out
    assert main.main(["train", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == list(recipes.list_recipes())
    assert all(row["event"] == "training" and row["about"].endswith(".") for row in rows)
    with pytest.raises(SystemExit):
        main.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert "  pictures= " in shown and "  from=" in shown
    assert "begin=" not in shown and "vqclip help settings train" in shown
    assert main.main(["help", "settings", "train"]) == 0
    assert "settings of clip and teacher" in capsys.readouterr().out


BAD = [
    (["own_vqgn"], "no training is called 'own_vqgn'; did you mean 'own_vqgan'?"),
    (["a", "fox"], 'to draw the words: vqclip "train a fox"'),
    (["pictures=own"], "pictures=own is a setting, but of which training?"),
    (["absent.yaml"], "absent.yaml cannot be read (No such file or directory); check the name"),
    (["own_vqgan", "picture=own"], "there is no setting picture; did you mean 'pictures'?"),
    (["own_vqgan", "steps=many"], "steps is 'many'; it must be a whole number"),
    (["own_vqgan", "recipe=vqgn"], "no recipe is called 'vqgn'; did you mean 'vqgan'?"),
    (["own_vqgan"], "there is nothing to learn from: data/illustrations.jsonl does not exist"),
    (["own_vqgan", "pictures=none"], "pictures=none: there is no such folder; check the name"),
    (["own_vqgan", "pictures=own", "name=../x"], "name is '../x'; use letters, digits"),
    (["own_vqgan", "pictures=own", "name=starter"], "already a model called 'starter'; choose"),
    (["own_vqgan", "pictures=own", "device=gpu"], "device is 'gpu'; did you mean 'cuda'? (one"),
    (["own_vqgan", "pictures=own", "out=own/a.png"], "choose another out="),
    (["own_vqgan", "pictures=own", "from=no.pt"], "from=no.pt: there is no file no.pt; name a"),
    (["own_vqgan", "pictures=own", "from=own"], "there is no file own/checkpoint.pt"),
    (["own_vqgan", "pictures=own", "from=own/f.png"], "own/f.png is text, not a checkpoint"),
    (["own_vqgan", "pictures=own", "codes=7"], "from=starter: quantize.embedding.weight is [10"),
    (["own_vqgan", "starter_vqgan", "out=x"], "two trainings would write to x"),
    (["starter_prior", "data=own", "threads=1"], "own holds no illustrations.jsonl"),
]


@pytest.mark.parametrize(("words", "complaint"), BAD)
def test_what_cannot_be_trained_is_refused(
    place: Path, refused: Refusal, words: list[str], complaint: str
) -> None:
    assert complaint in refused("train", *words)


def test_a_folder_without_pictures_is_refused(place: Path, refused: Refusal) -> None:
    Path("empty/.hidden").mkdir(parents=True)
    pillow.new("RGB", (9, 9)).save("empty/.hidden/a.png")
    said = refused("train", "own_vqgan", "pictures=empty")
    assert said.startswith("pictures=empty holds no picture to learn from; put some there (png,")
    Path("empty/b.png").touch()
    said = refused("train", "own_vqgan", "pictures=empty")
    assert "pictures=empty holds no picture to learn from; none of 1 could be read" in said


def test_a_name_belongs_to_the_training_that_gave_it(place: Path, refused: Refusal) -> None:
    assert train("name=mine", "steps=1") == 0
    first = model_files.file_sha256(model_files.find_vqgan("mine").weights)
    said = refused("train", "own_vqgan", *TINY, "name=mine", "out=other")
    assert said.startswith("there is already a model called 'mine'; choose another name=, or del")
    assert (
        not Path("other").exists()
        and model_files.file_sha256(model_files.find_vqgan("mine").weights) == first
    )
    assert train("name=mine", "steps=3") == 0  # the same training, a little longer
    assert model_files.file_sha256(model_files.find_vqgan("mine").weights) != first
    Path("training/mine/shelved.json").unlink()
    assert "already a model called 'mine'" in refused("train", "own_vqgan", *TINY, "name=mine")


def test_weights_come_from_three_places(place: Path) -> None:
    assert train("out=first") == 0
    begun = weights("first")
    for number, source in enumerate(("first/checkpoint.pt", "first/vqgan.safetensors", "first")):
        out = f"from-{number}"
        assert train(f"out={out}", f"from={source}", "steps=0", "seed=9") == 0
        now = weights(out)
        for key in (k for k in now if k.startswith("model.")):
            if key.endswith(("usage", "sums")) and number > 0:
                continue  # exported weights do not know how often a code was chosen
            torch.testing.assert_close(now[key], begun[key], atol=1e-3, rtol=1e-3)
        book = now["model.quantize.embedding.weight"]
        if number > 0:
            assert torch.equal(now["model.quantize.sums"], book)
            assert torch.equal(now["model.quantize.usage"], torch.ones(12))
    words = ("pictures=own", "out=shipped", "steps=0", "sheet_every=0", "device=cpu")
    assert main.main(["train", "own_vqgan", *words]) == 0
    shipped = models_vqgan.open_vqgan(
        *(model_files.STARTER_FOLDER / name for name in ("vqgan.yaml", training_vqgan.FILE))
    )
    for key, tensor in shipped.state_dict().items():
        assert torch.equal(weights("shipped")[f"model.{key}"], tensor)


def test_codes_that_came_along_are_not_taken_anew(place: Path) -> None:
    assert train("out=first", "steps=2") == 0
    words = ("from=first/checkpoint.pt", "quantise_from=0", "steps=1", "discriminate_from=9")
    assert train("out=second", *words, "revive_every=9", "rate=0") == 0
    books = [weights(out)["model.quantize.embedding.weight"] for out in ("first", "second")]
    assert (books[0] - books[1]).abs().max() < 0.3 * books[0].std()


def test_what_does_not_fit_is_named(place: Path, refused: Refusal) -> None:
    assert train("out=first", "steps=1") == 0
    words = ("train", "own_vqgan", *TINY)
    said = refused(*words, "out=first", "codes=13")
    assert said.startswith(
        "first/checkpoint.pt: model: quantize.usage is [12], but these settings make it [13]; "
        "continue with the settings that it began with"
    )
    torch.save({"weights": 3}, "odd.pt")
    assert "odd.pt is no checkpoint of a training" in refused(*words, "out=x", "from=odd.pt")
    state = torch.load("first/checkpoint.pt", weights_only=True)
    del state["model"]["quant_conv.bias"]
    torch.save(state, "less.pt")
    said = refused(*words, "out=x", "from=less.pt")
    assert said.startswith("from=less.pt lacks quant_conv.bias, which this model has; give the")
    state["model"] |= {"quant_conv.bias": torch.zeros(8), "eye": torch.zeros(1)}
    torch.save(state, "more.pt")
    assert "more.pt holds eye, which this model does not have" in refused(
        *words, "out=x", "from=more.pt"
    )
    del state["critic"]
    torch.save(state, "first/checkpoint.pt")
    assert "holds eye" in refused(*words, "out=first")
    Path("first/checkpoint.pt").write_bytes(b"PK\x03\x04 cut short")
    assert "first/checkpoint.pt is damaged or cut short" in refused(*words, "out=first")


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_nothing(
    place: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    assert train("out=here", "steps=1") == 0
    kept = Path("here/checkpoint.pt").read_bytes()
    monkeypatch.setattr(
        training_vqgan, "picture_distance", lambda made, real: made.sum() * float("nan")
    )
    assert train("out=here") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "error: the loss is nan at step 1, from which it cannot recover; the last" in said
    assert Path("here/checkpoint.pt").read_bytes() == kept


def test_a_checkpoint_that_cannot_be_written_is_said(
    place: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/7\nand more")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    assert train("out=here") == 1
    said = capsys.readouterr().err
    assert "error: here/checkpoint.pt cannot be written (PytorchStreamWriter failed" in said


def test_several_configs_are_trained_in_the_order_of_their_needs(
    place: Path, monkeypatch: Patch
) -> None:
    names = [name for name in recipes.list_recipes() if name.startswith("starter")]
    order = [
        Path(recipe.out).name
        for recipe in recipes.sort_by_need([recipes.read_recipe(n) for n in names])
    ]
    assert sorted(order) == names
    for first, then in (
        ("starter_vqgan", "starter_clip_2_imagenet"),
        ("starter_clip_1_captions", "starter_clip_1_teacher"),
        ("starter_clip_1_teacher", "starter_clip_2_imagenet"),
        ("starter_clip_2_imagenet", "starter_clip_3_robust"),
        ("starter_clip_3_sentences", "starter_clip_3_robust"),
        ("starter_clip_3_robust", "starter_prior"),
    ):
        assert order.index(first) < order.index(then)
    done: list[str] = []

    def note(recipe: Any, *_: object) -> bool:
        done.append(Path(recipe.out).name)
        return True

    monkeypatch.setattr(commands_train, "_train", note)
    Path("data").mkdir()
    Path("data/illustrations.jsonl").touch()
    assert main.main(["train", *reversed(names), "threads=1"]) == 0
    assert sorted(done) == names and done.index("starter_vqgan") < done.index("starter_prior")


def test_a_setting_is_for_those_trainings_that_have_it(refused: Refusal) -> None:
    both = ["starter_clip_3_sentences", "starter_vqgan"]  # the first takes no steps
    sentences, vqgan = recipes.read_recipes(both, ["steps=3", "from=starter", "data=here"])
    assert (sentences.data, vqgan.data) == ("here", "here")
    assert (vqgan.steps, vqgan.begin) == (3, "starter")
    assert "there is no setting stps" in refused("train", *both, "stps=3")
    # One alone is told.
    assert "there is no setting steps" in refused("train", both[0], "steps=3")


def test_what_follows_waits_where_the_time_was_too_short(place: Path, capsys: Capture) -> None:
    for name in ("first", "second"):
        Path(f"{name}.yaml").write_text("recipe: vqgan\n")
    words = ["train", "first.yaml", "second.yaml", *TINY]
    assert main.main([*words, "minutes=0"]) == 0
    said = capsys.readouterr().err
    assert "its time limit (minutes) is over: 0 of 4 steps" in said
    assert (
        "the trainings after it were not started; to continue, run the same command again" in said
    )
    assert not Path("training/second").exists()
    assert main.main(words) == 0
    assert capsys.readouterr().out == "training/first\ntraining/second\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps: 3\n", "my.yaml does not say what is trained; add a line such as recipe: vqgan"),
        ("", "my.yaml must hold key: value lines, and one of them recipe: vqgan"),
        ("recipe: prior\nsizes: 3\n", "my.yaml: there is no setting sizes"),
        ("recipe: vqgan\nfrom: a\nbegin: b\n", "my.yaml holds both from and begin"),
        ("recipe: vqgan\nsize: 42\n", "size is 42; it must be a multiple of 8"),
        ("recipe: vqgan\nsizes: [64, 42]\n", "sizes is 42; it must be a multiple of 8"),
        ("recipe: vqgan\nsizes: [8]\n", "sizes holds 8; a side is 16 to 1024 pixels"),
        ("recipe: vqgan\nwidth: 40\n", "width is 40; it must be a multiple of 32"),
        ("recipe: vqgan\nmultiples: []\n", "multiples is []; write such as [1, 1, 2, 4]"),
        ("recipe: vqgan\nbatch: 0\n", "batch is 0; it must be 1 or more"),
        ("recipe: vqgan\nmargin: -1\n", "margin is -1; it must be 0 or more"),
        ("recipe: vqgan\nphoto_share: 2\n", "photo_share is 2.0; it must be 1 or less"),
        ("recipe: vqgan\nrate: .nan\n", "rate is nan; it must be a number"),
        ("recipe: vqgan\ncrop: [0.5, 2]\n", "crop is [0.5, 2.0]; write the least and the gr"),
        ("recipe: clip\npatch: 7\n", "size is 64; it must be a multiple of 7"),
        ("recipe: clip\ntext_width: 65\n", "text_width is 65; it must be a multiple of 64"),
        ("recipe: prior\nheads: 3\n", "width is 256; it must be a multiple of 3"),
        ("recipe: sentences\nsteps: 3\n", "my.yaml: there is no setting steps"),
    ],
)
def test_configs_are_read_strictly(
    place: Path, refused: Refusal, text: str, complaint: str
) -> None:
    Path("my.yaml").write_text(text)
    assert complaint in refused("train", "my.yaml")
    Path("my.yaml").write_bytes(b"\xff")
    assert refused("train", "my.yaml") == "my.yaml is not UTF-8 text; save it as UTF-8"


def test_a_config_is_named_or_a_file_and_from_is_begin(place: Path) -> None:
    recipe: Any = recipes.read_recipe("own_vqgan", ["zoom=[0.5, 2]", "name=mine"])
    assert (recipe.begin, recipe.out, recipe.zoom) == ("starter", "training/mine", [0.5, 2.0])
    Path("my.yaml").write_text("recipe: teacher\nfrom: a place\n")
    recipe = recipes.read_recipe("my.yaml", [])
    assert (recipe.recipe, recipe.begin, recipe.out) == ("teacher", "a place", "training/my")
    assert recipes.read_recipe("my.yaml", ["from=starter"]).begin == "starter"  # type: ignore[union-attr]
