"""`vqclip classify` and `vqclip score` as a shell sees them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image as pillow

from tests.cli.test_output import plain, terminal
from tests.conftest import Home, Refusal
from tests.helpers import tiny_clip
from vqclip.cli import main
from vqclip.cli.commands import classify
from vqclip.errors import ConfigError
from vqclip.guidance import distractors, perceptor, zero_shot
from vqclip.media import images

Capture = pytest.CaptureFixture[str]
LABELS = ["a cat", "a dog", "12:30 train"]


@pytest.fixture
def photos(home: Home) -> Path:
    """Three pictures and one that is none, in a folder."""
    folder = Path("photos")
    folder.mkdir()
    for name, colour in (("b", "red"), ("a", "teal"), ("c", "white")):
        pillow.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
    return folder


def run(capsys: Capture, code: int, *words: str) -> tuple[list[dict[str, object]], str]:
    """Run with --json; its objects, and what was said."""
    capsys.readouterr()
    assert main.main([*words, "--json"]) == code
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def expected(home: Home, path: Path, templates: tuple[str, ...]) -> dict[str, float]:
    eye = perceptor.load_perceptor(str(home.clip))
    seen = zero_shot.embed_picture(images.open_rgb(path), eye)
    shares = zero_shot.build_classifier(eye, LABELS, templates).classify(seen)[0].exp().tolist()
    return dict(zip(LABELS, shares, strict=True))


def test_classify_gives_a_line_for_each_picture(
    home: Home, photos: Path, capsys: Capture
) -> None:
    words = ["classify", str(photos), "--labels", " | ".join(LABELS), f"perceptors={home.clip}"]
    events, _ = run(capsys, 0, *words)
    assert [event["image"] for event in events] == [
        "photos/a.png",
        "photos/b.png",
        "photos/c.png",
    ]
    for event in events:
        assert set(event) == {"event", "image", "labels"} and event["event"] == "picture"
        labels = event["labels"]
        assert isinstance(labels, list)
        shares = [share for _, share in labels]
        assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(
            1, abs=1e-5
        )
        own = expected(home, Path(str(event["image"])), zero_shot.TEMPLATES)
        assert dict(labels) == pytest.approx(own, abs=1e-5)
    Path("labels.txt").write_text("\n".join(["", *LABELS, "  "]), encoding="utf-8-sig")
    Path("forms.txt").write_text("{}\nink of {}\n")
    words[3] = "labels.txt"
    again, _ = run(capsys, 0, *words)
    assert again == events
    for given, templates in (("{}", ("{}",)), ("forms.txt", ("{}", "ink of {}"))):
        (event, *_), _ = run(capsys, 0, *words, "--templates", given)
        own = expected(home, photos / "a.png", templates)
        assert dict(event["labels"]) == pytest.approx(own, abs=1e-5)  # type: ignore[call-overload]


def test_classify_prints_a_table(home: Home, photos: Path, capsys: Capture) -> None:
    labels = " | ".join([*LABELS, "a house"])
    words = ["classify", "photos/a.png", "--labels", labels, f"perceptors={home.clip}", "--quiet"]
    assert main.main(words) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.endswith("  photos/a.png\n")
    assert out.count("%") == classify.SHOWN and len(out.splitlines()) == 1


def test_classify_writes_csv(home: Home, photos: Path, capsys: Capture, refused: Refusal) -> None:
    labels = 'a "cat" | dog, brown | a house'
    words = ["classify", str(photos), "--labels", labels, f"perceptors={home.clip}", "--csv"]
    assert main.main([*words, "-"]) == 0
    out, _ = capsys.readouterr()
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["image", 'a "cat"', "dog, brown", "a house"]
    assert [row[0] for row in rows[1:]] == ["photos/a.png", "photos/b.png", "photos/c.png"]
    assert all(sum(map(float, row[1:])) == pytest.approx(1, abs=1e-5) for row in rows[1:])
    assert main.main([*words, "found.csv"]) == 0
    assert Path("found.csv").read_text() == out
    assert "found.csv already exists" in refused(*words, "found.csv")
    capsys.readouterr()
    assert main.main([*words, "-", "--json"]) == 2
    assert "both write to stdout" in capsys.readouterr().err


def test_several_perceptors_say_how_they_agree(home: Home, photos: Path, capsys: Capture) -> None:
    other = tiny_clip.write(Path("other").absolute(), seed=1)
    both = f"perceptors={home.clip},{other}"
    words = ["classify", "photos/a.png", "--labels", " | ".join(LABELS)]
    (event,), err = run(capsys, 0, *words, both)
    assert f"{home.clip}, {other}: the mean of their log-probabilities" in err
    opinions = []
    for folder in (home.clip, other):
        (one,), _ = run(capsys, 0, *words, f"perceptors={folder}")
        opinions.append(dict(one["labels"]))  # type: ignore[call-overload]
    means = {label: (opinions[0][label] * opinions[1][label]) ** 0.5 for label in LABELS}
    wanted = {label: mean / sum(means.values()) for label, mean in means.items()}
    assert dict(event["labels"]) == pytest.approx(wanted, abs=1e-4)  # type: ignore[call-overload]


def test_score_gives_cosine_and_percentile(home: Home, photos: Path, capsys: Capture) -> None:
    other = tiny_clip.write(Path("other").absolute(), seed=1)
    words = ["score", "photos/b.png", "photos/a.png", "a red fox:2 | fog:-1"]
    events, _ = run(capsys, 0, *words, f"perceptors={home.clip},{other}")
    assert [(e["image"], e["prompt"], e["perceptor"]) for e in events] == [
        (image, prompt, str(name))
        for image in ("photos/b.png", "photos/a.png")
        for prompt in ("a red fox", "fog")
        for name in (home.clip, other)
    ]
    first = events[0]
    assert set(first) == {"event", "image", "prompt", "perceptor", "cosine", "percentile"}
    eye = perceptor.load_perceptor(str(home.clip))
    seen = zero_shot.embed_picture(images.open_rgb("photos/b.png"), eye)
    things = ["a red fox", *distractors.distractors_for("a red fox", distractors.HELD_OUT)]
    own, *others = (eye.embed_text(things) @ seen[0]).tolist()
    assert first["cosine"] == pytest.approx(own, abs=1e-5)
    below = sum(cosine < own for cosine in others)
    assert first["percentile"] == pytest.approx(100 * below / len(others), abs=1)
    capsys.readouterr()
    assert main.main(["score", "photos/a.png", "fog", f"perceptors={home.clip}"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["cosine", "percentile", "perceptor", "prompt", "picture"]
    assert line.split()[2:] == ["%", str(home.clip), "fog", "photos/a.png"]


@pytest.mark.parametrize("name", ["classify", "score"])
def test_a_picture_that_cannot_be_read_stops_no_other(
    home: Home, photos: Path, capsys: Capture, name: str
) -> None:
    (photos / "bad.png").write_bytes(b"no picture")
    words = ["--labels", " | ".join(LABELS)] if name == "classify" else ["a fox"]
    words.append(f"perceptors={home.clip}")
    events, err = run(capsys, 1, name, "photos", "gone.png", "x*.gif", *words)
    pictures = [event["image"] for event in events if event["event"] != "error"]
    assert pictures == ["photos/a.png", "photos/b.png", "photos/c.png"]
    errors = [str(event["message"]) for event in events if event["event"] == "error"]
    assert errors[0] == "no picture matches x*.gif; check the pattern"
    assert "bad.png is not a picture that can be read" in errors[1]
    assert "there is no picture at gone.png" in errors[2]
    assert errors[3] == "3 were skipped (see above); the other pictures are done"
    assert all(f"error: {message}\n" in err for message in errors)
    events, _ = run(capsys, 2, name, "photos/bad.png", *words)
    assert events[-1]["message"] == "none of the pictures can be read"
    events, _ = run(capsys, 2, name, "x*.gif", *words)
    assert [event["event"] for event in events] == ["error"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["classify"], "to draw the word itself: vqclip generate classify"),
        (["classify", "a.png"], "arguments are required: --labels"),
        (["classify", "a.png", "--labels", "a cat"], "one label alone would always be certain"),
        (["classify", "a.png", "--labels", "a | b | a"], "names 'a' twice"),
        (["classify", "a.png", "--labels", "no.txt"], "no.txt cannot be read"),
        (["classify", "a.png", "--labels", "latin.txt"], "latin.txt is not UTF-8 text"),
        (["classify", "a.png", "--labels", "a|b", "--templates", "a drawing"], "hold {} once"),
        (["classify", "a.png", "--labels", "a|b", "--templates", "{} {}"], "hold {} once"),
        (["classify", "a.png", "--labels", "a|b", "--templates", " | "], "--templates is empty"),
        (["classify", "a.png", "--labels", "a|b", "--csv", "a.png"], "a.png already exists"),
        (["classify", "a.png", "--labels", "a|b", "steps=3"], "is a setting for drawing"),
        (["classify", "x*.gif", "--labels", "a|b"], "no picture matches"),
        (["score"], "to draw the word itself: vqclip generate score"),
        (["score", "a.png"], "the prompt comes last"),
        (["score", "a fox"], "the prompt comes last"),
        (["score", "a.png", "a.png"], "the prompt comes last"),
        (["score", "a.png", " "], "the prompt is empty"),
        (["score", "a.png", "@a.png"], "holds no words to score"),
        (["score", "a.png", "a fox:nan"], "is not finite"),
        (["score", "x*.gif", "a fox"], "no picture matches"),
    ],
)
def test_what_cannot_be_done_is_refused(
    home: Home, refused: Refusal, words: list[str], complaint: str
) -> None:
    pillow.new("RGB", (9, 9)).save("a.png")
    Path("latin.txt").write_bytes(b"caf\xe9\nth\xe9")
    assert complaint in refused(*words)


def test_many_pictures_have_a_bar(
    home: Home, photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqclip.cli.image_arguments.FEW", 2)
    words = ["score", "photos", "a fox", f"perceptors={home.clip}"]
    assert main.main([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    stream = terminal(monkeypatch)
    assert main.main(words) == 0
    assert "picture 3/3" in plain(stream.getvalue())


def test_lists_are_read_as_they_are_meant() -> None:
    assert classify.read_labels(" a cat|12:30 train | ") == ["a cat", "12:30 train"]
    assert classify.read_templates(None) == []
    with pytest.raises(ConfigError, match="names 0"):
        classify.read_labels("|")
