"""Runs with losses of borders, likeness and embeddings: resumed, made again, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.media.files import CHECKPOINT
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]
LOSSES = (
    *("losses.smoothness=1", "losses.smoothness_kind=log", "losses.smoothness_on=cutouts"),
    *("losses.edges=1", "losses.edge_margins=10 10 0 5", "losses.edge_picture=frame.png"),
    *("losses.ground=0.1", "losses.vignette=0.5", "losses.vignette_colour=navy"),
    *("losses.contours=2", "losses.latent=1", "losses.latent_kind=cosine"),
    *("losses.agree=0.5", "losses.change=0: 0, 3: 1"),
    *("losses.look=0.5", "losses.look_of=frame.png:2 | mask.png", "losses.look_layers=0 1 2"),
)


@pytest.fixture
def words(home: Home) -> list[str]:
    for number, name in enumerate(("frame.png", "start.png", "mask.png")):
        pillow.effect_noise((40, 30), 60 + number).convert("RGB").save(name)
    more = ("seed=5", "steps=6", "checkpoint.every=2", "drawer=vqgan", "init=start.png")
    grown = 'growth=[{"size": "50%", "steps": "2"}]'
    named = [word for word in home.words(*more, *LOSSES) if not word.startswith("growth")]
    return ["a fox", *named, grown]


def contents(place: str) -> dict[str, bytes]:
    return {name: Path(place, name).read_bytes() for name in ("final.png", CHECKPOINT)}


def test_a_killed_run_remembers_what_its_losses_did(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.main([*words, "--quiet", "--out", "whole"]) == 0
    kill_run(monkeypatch, 5, *words, "--quiet", "--out", "pieces")
    assert main.main(["resume", "pieces/0001-a-fox", "--quiet"]) == 0
    assert contents("pieces/0001-a-fox") == contents("whole/0001-a-fox")
    assert main.main(["again", "whole/0001-a-fox", "--quiet", "--out", "again"]) == 0
    again = Path("again/0001-a-fox/final.png").read_bytes()
    assert again == Path("whole/0001-a-fox/final.png").read_bytes()
    log = Path("whole/0001-a-fox/log.jsonl").read_text()
    used = ("edges", "ground", "vignette", "contours", "latent", "look", "agree", "change")
    assert all(f'"{name}": ' in log for name in used)
    notes = provenance.read_provenance(Path("whole/0001-a-fox"))
    assert {"picture frame.png", "picture mask.png"} <= notes.models.keys()
    assert notes.config["losses"]["look_of"] == "frame.png:2 | mask.png"


def test_notes_say_nothing_of_losses_that_are_not_used(home: Home) -> None:
    assert main.main(["a fox", "--quiet", *home.words("seed=1")]) == 0
    noted = provenance.read_provenance(Path("outputs/0001-a-fox")).config["losses"]
    later = {"vignette", "smoothness_kind", "aesthetic_target", "look", "look_layers", "depth"}
    assert later.isdisjoint(noted)
    assert {"smoothness", "edges", "init"} <= noted.keys()


def test_a_predictor_rates_the_perceptor_that_it_fits(home: Home, capsys: Capture) -> None:
    wide = torch.nn.Linear(16, 1)
    for width in (16, 32, 64, 512):
        wide = torch.nn.Linear(width, 1)
        torch.save(wide.state_dict(), f"head{width}.pth")
        words = home.words(
            "seed=1", "losses.aesthetic=1", f"losses.aesthetic_head=head{width}.pth"
        )
        code = main.main(["a fox", "--quiet", *words])
        err = capsys.readouterr().err
        if code == 0:
            break
        assert f"rates embeddings of {width} numbers, and the run's perceptors have others" in err
    else:
        pytest.fail("no head fitted the tiny perceptor")
    (place,) = Path("outputs").glob("*")
    notes = provenance.read_provenance(place)
    assert f"aesthetic head{width}.pth" in notes.models


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "losses.aesthetic=1",
            "losses.aesthetic needs a predictor, since none comes with vqclip",
        ),
        ("losses.contours=1", "losses.contours needs a picture to start from"),
        ("losses.latent=1", "losses.latent needs a picture to start from"),
        ("losses.look=1", "losses.look needs a picture whose style it wants"),
        ("losses.look_layers=7", "losses.look_layers is '7'; write numbers from 0 to 4"),
        ("losses.depth=1", "losses.depth needs a picture to start from"),
        ("losses.edge_margins=60", "losses.edge_margins is '60'; write one number or four"),
        ("losses.vignette_colour=ivry", "losses.vignette_colour"),
        ("losses.smoothness_kind=logs", "did you mean 'log'"),
        ("losses.vignette_width=0", "losses.vignette_width"),
    ],
)
def test_refusals(home: Home, capsys: Capture, setting: str, said: str) -> None:
    assert main.main(["a fox", *home.words("init=random", setting)]) == 2
    assert said in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_files_of_losses_are_missed_before_the_run(home: Home, capsys: Capture) -> None:
    for more in (
        ("losses.edges=1", "losses.edge_picture=nowhere.png"),
        ("losses.edges=1", "losses.edge_mask=nowhere.png"),
        ("losses.aesthetic=1", "losses.aesthetic_head=nowhere.pth"),
        ("losses.look=1", "losses.look_of=nowhere.png:2"),
        ("losses.depth=1", "losses.depth_of=nowhere.png", "losses.depth_model=."),
        ("init=fractal", "losses.depth=1", "losses.depth_model=nowhere.p"),
    ):
        assert main.main(["a fox", *home.words(*more)]) == 2
        assert "nowhere.p" in capsys.readouterr().err
    assert main.main(["a fox", "--quiet", *home.words("losses.edge_picture=nowhere.png")]) == 0


def test_a_latent_is_a_vqgans(home: Home, capsys: Capture) -> None:
    words = home.words("drawer=pixels", "losses.latent=1", "init=fractal")
    assert main.main(["a fox", *words]) == 2
    assert "losses.latent is a setting of vqgan, and drawer is pixels" in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting", ["look_of=cut.jpg", "look_of=flat.png", "edge_mask=cut.jpg", "head=head.pth"]
)
def test_damaged_files_are_found_before_a_model_is_loaded(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    def fail(*args: object, **named: object) -> None:
        pytest.fail("a model was loaded")

    for module in ("vqclip.guidance.perceptor", "vqclip.run.perceptor_set"):
        monkeypatch.setattr(f"{module}.load_perceptor", fail)
    monkeypatch.setattr("vqclip.models.vqgan.load_vqgan", fail)
    pillow.effect_noise((90, 90), 60).convert("RGB").save("whole.jpg")
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:900])
    pillow.effect_noise((90, 90), 4).convert("RGB").save("flat.png")  # nearly of one colour
    torch.save({"other": torch.ones(3)}, "head.pth")
    named = setting.replace("head", "aesthetic_head", 1)
    loss = {"look_of": "look", "edge_mask": "edges"}.get(setting.partition("=")[0], "aesthetic")
    words = home.words("seed=1", f"losses.{loss}=1", f"losses.{named}")
    for command in ("explain", "generate"):
        assert main.main([command, "a fox", *words]) == 2
        assert setting.partition("=")[2] in capsys.readouterr().err


def test_a_style_is_not_called_stretched(home: Home, capsys: Capture) -> None:
    pillow.effect_noise((90, 30), 60).convert("RGB").save("wide.png")
    words = home.words("seed=1", "losses.look=1", "losses.look_of=wide.png")
    assert main.main(["a fox", *words]) == 0
    assert "stretched" not in capsys.readouterr().err


def test_what_losses_read_is_found_among_the_assets(home: Home) -> None:
    Path("mine").mkdir()
    pillow.effect_noise((40, 30), 60).convert("RGB").save("mine/style.png")
    torch.save(torch.nn.Linear(32, 1).state_dict(), "mine/head.pth")
    for out, more in (
        ("style", ("losses.look=1", "losses.look_of=style.png")),
        ("head", ("losses.aesthetic=1", "losses.aesthetic_head=head.pth")),
    ):
        words = home.words("seed=1", "assets=mine", *more)
        assert main.main(["a fox", "--quiet", *words, "--out", out]) == 0
        place = Path(out, "0001-a-fox")
        assert provenance.read_provenance(place).config["assets"] == "mine"
        assert main.main(["again", str(place), "--quiet", "--out", out]) == 0


def test_depths_are_held_by_a_depth_model(home: Home, capsys: Capture) -> None:
    depth = pytest.importorskip("tests.animation.test_depth_model")
    depth.write("dpt", Path("depths"))
    capsys.readouterr()
    pillow.effect_noise((40, 30), 60).convert("RGB").save("map.png")
    for number, more in enumerate((("init=fractal",), ("losses.depth_of=map.png",))):
        words = home.words(
            "seed=1", "steps=2", "losses.depth=1", "losses.depth_model=depths", *more
        )
        out = ("--quiet", "--out", str(number))
        assert main.main(["a fox", *words, *out]) == 0
        place = Path(f"{number}/0001-a-fox")
        assert '"depth": ' in (place / "log.jsonl").read_text()
        assert "depth depths" in provenance.read_provenance(place).models
        before = (place / "final.png").read_bytes()
        assert main.main(["again", str(place), *out]) == 0
        assert Path(f"{number}/0002-a-fox/final.png").read_bytes() == before
