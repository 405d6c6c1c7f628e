"""`vqclip search` as a shell sees it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from vqclip.cli import main
from vqclip.cli.commands import search
from vqclip.errors import OutputError
from vqclip.guidance import image_search, perceptor, zero_shot
from vqclip.media import images

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
COLOURS = ("red", "teal", "white", "black", "gold", "navy", "pink")


@pytest.fixture
def photos(home: Home) -> Path:
    """Seven pictures, some in a folder of their own."""
    folder = Path("photos")
    (folder / "sub").mkdir(parents=True)
    random = numpy.random.default_rng(0)
    for number, colour in enumerate(COLOURS):
        picture = pillow.new("RGB", (40, 40), colour)
        noise = random.integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
        picture.paste(pillow.fromarray(noise), (number * 4, 5))
        picture.save(folder / ("sub" if number % 2 else "") / f"{colour}.png")
    return folder


def run(capsys: Capture, home: Home, *words: str) -> tuple[list[dict[str, Any]], str]:
    capsys.readouterr()
    assert main.main(["search", *words, "--json", f"perceptors={home.clip}"]) == 0
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_the_best_are_those_of_a_sort(home: Home, photos: Path, capsys: Capture) -> None:
    eye = perceptor.load_perceptor(str(home.clip))
    wanted = eye.embed_text(["a castle"])[0]
    scores = {
        str(path): float(zero_shot.embed_picture(images.open_rgb(path), eye)[0] @ wanted)
        for path in photos.rglob("*.png")
    }
    order = sorted(scores, key=lambda name: -scores[name])
    hits, err = run(capsys, home, "photos", "a castle", "--top", "4")
    assert "looking at 7 of 7 pictures …" in err
    assert f"index: photos/{image_search.INDEX_HOME}/" in err
    assert hits == [
        {"event": "hit", "image": name, "score": pytest.approx(scores[name], abs=1e-5)}
        for name in order[:4]
    ]
    every, err = run(capsys, home, "photos", "a castle")
    assert every[:4] == hits and len(every) == 7 and "looking at" not in err
    assert main.main(["search", "photos", "a castle", f"perceptors={home.clip}", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[-1] for line in out.splitlines()] == order
    assert out.splitlines()[0].split()[:2] == ["1", f"{scores[order[0]]:.3f}"]


def test_only_what_changed_is_looked_at(home: Home, photos: Path, capsys: Capture) -> None:
    run(capsys, home, "photos", "a castle")
    (photos / "red.png").unlink()
    pillow.new("RGB", (5, 5), "blue").save(photos / "gold.png")
    pillow.new("RGB", (5, 5), "blue").save(photos / "blue.png")
    hits, err = run(capsys, home, "photos", "a castle")
    assert "looking at 2 of 7 pictures; the others are in the index already" in err
    names = sorted(Path(hit["image"]).name for hit in hits)
    assert names == sorted(f"{name}.png" for name in {*COLOURS, "blue"} - {"red"})
    assert {hit["score"] for hit in hits if "gold" in hit["image"]} == {
        hit["score"] for hit in hits if "blue" in hit["image"]
    }


def test_a_picture_finds_itself(home: Home, photos: Path, capsys: Capture) -> None:
    hits, _ = run(capsys, home, "photos", "--image", "photos/sub/teal.png", "--top", "1")
    assert hits == [{"event": "hit", "image": "photos/sub/teal.png", "score": pytest.approx(1)}]


def test_another_perceptor_has_another_index(home: Home, photos: Path, capsys: Capture) -> None:
    run(capsys, home, "photos", "a castle")
    place = Path("elsewhere")
    place.symlink_to(home.clip)
    assert main.main(["search", "photos", "a castle", "perceptors=elsewhere", "--quiet"]) == 0
    assert len(list((photos / image_search.INDEX_HOME).iterdir())) == 2


def test_hits_on_a_sheet_and_as_links(
    home: Home, photos: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    words = ["photos", "a castle", "--top", "6"]
    hits, err = run(capsys, home, *words, "--sheet", "new/found.png", "--links", "best")
    assert "contact sheet: new/found.png" in err and "links: best" in err
    with pillow.open("new/found.png") as sheet:
        assert sheet.width > 5 * 128 and sheet.height > 2 * 128
        first = images.open_rgb(hits[0]["image"]).resize((128, 128))
        left, top = next(
            (x, y)
            for y in range(60)
            for x in range(20)
            if sheet.getpixel((x, y)) == first.getpixel((0, 0)) != (255, 255, 255)
        )
        shown = sheet.crop((left, top, left + 128, top + 128))
    assert numpy.abs(numpy.array(shown, int) - numpy.array(first, int)).max() <= 1
    names = [f"{n}-{Path(hit['image']).name}" for n, hit in enumerate(hits, start=1)]
    assert sorted(path.name for path in Path("best").iterdir()) == names
    for name, hit in zip(names, hits, strict=True):
        assert (Path("best") / name).is_symlink()
        assert (Path("best") / name).read_bytes() == Path(hit["image"]).read_bytes()

    def no_links(self: Path, target: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    run(capsys, home, *words, "--links", "copies")
    assert sorted(path.name for path in Path("copies").iterdir()) == names
    assert not any(path.is_symlink() for path in Path("copies").iterdir())


def test_links_take_nothing_away(tmp_path: Path) -> None:
    pillow.new("RGB", (9, 9)).save(tmp_path / "a.png")
    best = tmp_path / "best"
    best.mkdir()
    (best / "1-a.png").write_text("mine")
    with pytest.raises(OutputError, match=r"1-a\.png already exists"):
        search.link(best, [(tmp_path / "a.png", 0.5)])
    assert (best / "1-a.png").read_text() == "mine"
    (tmp_path / "sheet.png").write_text("mine")
    with pytest.raises(OutputError, match=r"sheet\.png already exists"):
        search.lay_out(tmp_path / "sheet.png", [(tmp_path / "a.png", 0.5)])


def test_a_sheet_has_room_for_what_has_vanished(tmp_path: Path) -> None:
    search.lay_out(tmp_path / "sheet.png", [(tmp_path / "gone \udc80.png", 0.5)])
    with pillow.open(tmp_path / "sheet.png") as sheet:
        assert sheet.getpixel((70, 90)) == (211, 211, 211)


def test_damaged_pictures_are_passed_over(home: Home, photos: Path, capsys: Capture) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    hits, err = run(capsys, home, "photos", "a castle")
    assert len(hits) == 7 and "skipped: photos/bad.png is not a picture" in err
    for path in photos.rglob("*.png"):
        path.write_bytes(b"no picture")
    words = ["search", "photos", "a castle", f"perceptors={home.clip}"]
    assert main.main(words) == 2
    assert "none of the 8 pictures in photos can be read" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_looked_at(
    home: Home, photos: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(zero_shot, "PICTURES_AT_ONCE", 2)
    read, seen = images.open_rgb, []

    def reading(path: Path) -> pillow.Image:
        seen.append(path)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return read(path)

    monkeypatch.setattr(images, "open_rgb", reading)
    assert main.main(["search", "photos", "a castle", f"perceptors={home.clip}"]) == 130
    assert "the index so far is kept, and the same command continues" in capsys.readouterr().err
    assert len(seen) == 4
    hits, err = run(capsys, home, "photos", "a castle")
    assert "looking at 3 of 7 pictures" in err and len(hits) == 7


def test_a_folder_that_may_not_be_written_has_its_index_in_the_cache(
    home: Home, photos: Path, capsys: Capture, monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "photos" not in str(path) and allowed(path, mode)
    )
    hits, err = run(capsys, home, "photos", "a castle")
    assert len(hits) == 7 and f"index: {tmp_path}/home/search/photos-" in err
    assert not (photos / image_search.INDEX_HOME).exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["search"], "to draw the word itself: vqclip generate search"),
        (["search", "threads=1"], "name a folder and what to find there"),
        (["search", "photos"], "say what to find in photos"),
        (["search", "photos", "a", "castle"], 'in quotes: "a castle"'),
        (["search", "photos", " "], "nothing to find"),
        (["search", "photos", "a castle", "--image", "a.png"], "not for both"),
        (["search", "photos", "a castle", "--top", "0"], "--top 0: it must be a whole number"),
        (["search", "photos", "a castle", "--top", "9" * 5000], "must be a whole number"),
        (
            ["search", "photos", "a castle", "--sheet", "x.gif"],
            "must end in .png, .jpg, .jpeg or",
        ),
        (["search", "photos", "a castle", "--top", "x"], "--top x: it must be a whole number"),
        (["search", "gone", "a castle"], "gone does not exist; expected a folder"),
        (["search", "photos/red.png", "a castle"], "red.png is a file; expected a folder"),
        (["search", "empty", "a castle"], "empty holds no picture (png, "),
        (["search", "photos", "a castle", "--sheet", "photos/red.png"], "already exists"),
        (["search", "photos", "a castle", "--links", "photos"], "photos is not empty"),
        (
            ["search", "photos", "a castle", "--links", "photos/red.png/x"],
            "red.png is not a folder",
        ),
        (["search", "photos", "a castle", "perceptors=a,b"], "a search uses one perceptor"),
        (["search", "photos", "a castle", "steps=3"], "is a setting for drawing"),
    ],
)
def test_what_cannot_be_done_is_refused(
    photos: Path, refused: Refusal, words: list[str], complaint: str
) -> None:
    Path("empty").mkdir()
    assert complaint in refused(*words)
    assert not (photos / image_search.INDEX_HOME).exists()


def test_a_picture_to_search_for_is_read_first(
    home: Home, photos: Path, refused: Refusal
) -> None:
    words = ["search", "photos", "--image", "gone.png", f"perceptors={home.clip}"]
    assert "there is no picture at gone.png" in refused(*words)
    assert not (photos / image_search.INDEX_HOME).exists()


def test_torch_does_not_remember(home: Home, photos: Path, capsys: Capture) -> None:
    """The same search twice gives the same numbers, to the bit."""
    first, _ = run(capsys, home, "photos", "a castle")
    torch.manual_seed(7)
    assert run(capsys, home, "photos", "a castle")[0] == first
