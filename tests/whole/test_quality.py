"""Does benchmarks/quality.py measure what it says? On shapes, and a judge of random numbers."""

from __future__ import annotations

import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import vqclip
from tests.conftest import Home
from tests.helpers import building
from tests.training import conftest
from vqclip import errors
from vqclip.media import images as media_images
from vqclip.training.data import archives

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    "quality",
    "quality_draw",
    "quality_prompts",
    "judge",
    "judge_views",
    "measures",
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script and what it imports, as `python benchmarks/quality.py` finds them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import quality

    yield quality
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two drawings each of a fox, a cup and a hat, and one of an owl that is share-alike."""
    place = tmp_path / "data"
    place.mkdir()
    names = ("fox", "fox", "cup", "cup", "hat", "hat")
    rows = [conftest.record(f"{i}.webp", captions=[name]) for i, name in enumerate(names)]
    rows.append(conftest.record("6.webp", "share-alike", captions=["owl", "owl, a red hat"]))
    conftest.write(place, "illustrations", rows)
    with zipfile.ZipFile(place / "illustrations-a.zip", "w") as archive:
        for index in range(len(rows)):
            archive.writestr(f"{index}.webp", conftest.webp(conftest.picture(4, index)))
    conftest.write(
        place, "photos", [conftest.record("0.webp", "public-domain", caption="a beach")]
    )
    with zipfile.ZipFile(place / "photos.zip", "w") as archive:
        archive.writestr("0.webp", conftest.webp(conftest.picture(3, 9)))
    return place


def see(images: Tensor) -> Tensor:
    """Sixteen squares' colours, as features."""
    return nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)


def meanings(texts: list[str], bf16: bool = False) -> Tensor:
    """A direction for every text, which nothing but its letters decides."""
    rows = []
    for text in texts:
        generator = torch.Generator().manual_seed(zlib.crc32(text.encode()))
        rows.append(torch.randn(384, generator=generator))
    return nn.functional.normalize(torch.stack(rows), dim=-1)


def test_precision_is_the_share_of_pictures_with_their_prompt_on_top(bench: Any) -> None:
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.3, 0.2, 0.1], [0.5, 0.5, 0.1]])
    right = torch.tensor([0, 1, 2, 0])
    # Ranks 1, 2, 3; the last shares its score with another prompt, which counts against it: 2.
    assert bench.measures.precision(scores, right, 1) == 1 / 4
    assert bench.measures.precision(scores, right, 2) == 3 / 4
    assert bench.measures.precision(scores, right, 3) == 1
    assert bench.measures.precision(torch.zeros(2, 100), torch.tensor([0, 1]), 5) == 0


def test_combinations_are_reported_apart(bench: Any) -> None:
    scores, right = torch.eye(3)[[0, 1, 0]], torch.tensor([0, 1, 2])
    kinds = ["known", "tinted", "pair"]
    found = bench.measures.summary(scores, right, kinds, {"own": [0.1, 0.3], "seconds": []})
    ones = {
        name: found[name]["R@1"] for name in ("all", "known", "combinations", "tinted", "pairs")
    }
    assert ones == {
        **{"all": pytest.approx(2 / 3), "known": 1, "combinations": 0.5},
        **{"tinted": 1, "pairs": 0},
    }
    assert found["own"] == pytest.approx(0.2)
    assert "seconds" not in found
    real = bench.measures.summary(torch.eye(3), right, kinds, {})
    text = bench.measures.table({"variants": {"real": real, "default": found}})
    assert "| default | 3 | 0.67 (0.67) /" in text
    assert text.splitlines()[-1].endswith("| 0.200 | – |")


@pytest.mark.parametrize(("top", "met"), [(0.44, True), (0.43, False)])
def test_the_bars_are_shares_of_what_real_pictures_earn(
    bench: Any, top: float, met: bool
) -> None:
    def rates(one: float, five: float) -> dict[str, Any]:
        return {"all": {"R@1": one, "R@5": five}}

    variants = {"real": rates(0.8, 1.0), "default": rates(top, 0.75), "dream": rates(0.39, 0)}
    assert bench.measures.bars(variants) == {
        "default: top-1 at least 0.55 of c1": met,
        "default: top-5 at least 0.75 of c5": True,
        "default: top-1 at least 0.05 above dream": met,
    }
    more = bench.measures.bars({"real": rates(0.8, 1.0), "random": rates(0.32, 0)})
    assert more == {"random: top-1 at least 0.4 of c1": True}


def test_a_copy_is_nearer_than_two_hands_are_to_each_other(bench: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    things = torch.randn(20, 1, 64, generator=generator)
    drawings = (things + 0.5 * torch.randn(20, 4, 64, generator=generator)).flatten(0, 1)
    names = [f"thing {index // 4}" for index in range(80)]
    gallery = bench.measures.gallery(drawings, names)
    whitened = (drawings - drawings.mean(0)) / drawings.std(0)
    rows = (whitened / whitened.norm(dim=1, keepdim=True)).numpy()
    pairs = sorted(
        float(rows[i] @ rows[j]) for i in range(80) for j in range(i) if names[i] == names[j]
    )
    assert gallery.border == pytest.approx(pairs[int(0.99 * len(pairs))], abs=1e-5)
    again = drawings[5:6] + 0.01
    another = things[1] + 0.5 * torch.randn(1, 64, generator=generator)
    index, cosine = gallery.nearest(torch.cat([again, another]))
    assert index[0] == 5
    assert names[index[1]] == "thing 1"
    assert [gallery.is_copy(near) for near in cosine.tolist()] == [True, False]


def test_without_two_drawings_of_a_name_nothing_is_called_a_copy(bench: Any) -> None:
    gallery = bench.measures.gallery(torch.eye(3), ["a", "b", "c"])
    assert gallery.border == 1.0


def test_a_combination_that_a_caption_has_is_refused(bench: Any) -> None:
    prompts = bench.quality_prompts
    red = prompts.Wish("a red hat", ("hat",), tint="red")
    pair = prompts.Wish("a cup next to an owl", ("cup", "owl"), relation="next to")
    prompts.refuse_known([red, pair], ["hat", "a red cup", "an owl", "reddish hat"])
    prompts.refuse_known([prompts.Wish("a red hat", ("red hat",))], ["red hat"])
    with pytest.raises(errors.ConfigError, match=r"'a red hat' is no new combination: .* 'A hat"):
        prompts.refuse_known([red], ["A hat, Red, with feathers"])
    with pytest.raises(errors.ConfigError, match="'a cup next to an owl' is no new combination"):
        prompts.refuse_known([pair], ["the owl and the cup"])


def test_the_hundred_prompts(bench: Any) -> None:
    wished = bench.quality_prompts.wishes()
    assert len(wished) == len({wish.prompt for wish in wished}) == 100
    assert sum(wish.kind != "known" for wish in wished) >= 40
    some = [wished[number].kind for number in bench.chosen(wished, 25)]
    assert [some.count(kind) for kind in ("known", "tinted", "pair")] == [14, 6, 5]
    for wish in wished:  # the starters have seen drawings of all these things
        rows = [archives.Row("", (thing,), "", "", "") for thing in wish.things]
        assert not any(row.held_out for row in rows), wish


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{prompt: a fox}", "needs a prompt and things"),
        (
            "{prompt: a fox, things: [fox], tints: red}",
            "needs a prompt and things.*mend the line",
        ),
        (
            "{prompt: a mauve fox, things: [fox], tint: mauve}",
            "'mauve' is not a colour; expected",
        ),
        ("{prompt: a fox by a cup, things: [fox, cup], relation: by}", "relation is 'by'; expec"),
    ],
)
def test_prompts_that_cannot_be_read(bench: Any, tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "prompts.yaml"
    file.write_text(f"- {line}\n")
    with pytest.raises(errors.ConfigError, match=message):
        bench.quality_prompts.wishes(file)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=nowhere"], "data=nowhere holds no illustrations.jsonl; give the data folder"),
        (["prompts=25"], "data= holds no illustrations.jsonl"),
        (["data=DATA", "25"], "'25' is not key=value"),
        (["data=DATA", "prompts=none"], "prompts=none must be a whole number"),
        (["data=DATA", "prompts=0"], "prompts=0 must be a whole number"),
        (["data=DATA", "variants=noise,daydream"], "no variant is called 'daydream'"),
        (["data=DATA", "variants=../up:steps=3"], "'../up' is not letters only"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    bench: Any, folder: Path, words: list[str], message: str
) -> None:
    with pytest.raises(errors.ConfigError, match=message):
        bench.task([word.replace("DATA", str(folder)) for word in words])


def test_variants_of_ones_own(bench: Any, folder: Path) -> None:
    text = "variants=random,calm:losses.smoothness=20; steps=3"
    work = bench.task([f"data={folder}", text, "steps=9"])
    assert work.variants == (
        ("random", ("init=random",)),
        ("calm", ("losses.smoothness=20", "steps=3")),
    )
    assert work.settings == ("size=128x128", "steps=9")
    # A setting's own commas part nothing.
    text = "variants=real,two:perceptors=starter,mine;steps=3,default"
    names = [("real", ()), ("two", ("perceptors=starter,mine", "steps=3")), ("default", ())]
    assert list(bench.task([f"data={folder}", text]).variants) == names
    text = "variants=cuts:cutouts.count=0: 4, 50%: 16;steps=3,slow:growth=[{size: 50%, steps: 9}]"
    names = [("cuts", ("cutouts.count=0: 4, 50%: 16", "steps=3"))]
    names += [("slow", ("growth=[{size: 50%, steps: 9}]",))]
    assert list(bench.task([f"data={folder}", text]).variants) == names


def test_some_drawings_of_every_name_are_kept_from_the_judge(bench: Any) -> None:
    rows = [
        archives.Row(f"{i}.webp", (name,), "", "", "")
        for i, name in enumerate(["fox"] * 12 + ["cup"] * 2 + ["hat"])
    ]
    held = bench.judge_views.held_out(rows)
    names = [rows[index].concept for index in held]
    assert (names.count("fox"), names.count("cup"), names.count("hat")) == (2, 1, 0)
    assert held == bench.judge_views.held_out(rows)


def test_real_pictures_are_of_drawings_that_the_judge_never_saw(bench: Any, folder: Path) -> None:
    views = bench.judge_views
    pictures = archives.read_pictures(folder, "illustrations", side=16, classes=views.CLASSES)
    held = views.held_out(pictures.rows)
    pictures.pixels[:] = 0
    for index in held:  # opaque and red, where all others are not there at all
        pictures.pixels[index, [0, 3]] = 255
    generator = torch.Generator().manual_seed(0)
    for things, tint, relation in ((("fox",), None, None), (("cup", "hat"), None, "above")):
        made = views.real(things, tint, relation, pictures, held, generator, 32)
        assert made.shape == (1, 3, 32, 32)
        assert (made[0].permute(1, 2, 0) == torch.tensor([1.0, 0, 0])).all(-1).any()
    blue = views.real(("fox",), "blue", None, pictures, held, generator, 32)[0, :, 16, 16]
    assert blue[2] > blue[0]
    with pytest.raises(errors.PictureError, match="no drawing of 'owl' was kept from the judge"):
        views.real(("owl",), None, None, pictures, held, generator)


def test_the_judge_learns_once(
    bench: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = sys.modules["judge"]
    monkeypatch.setattr(judge, "network", lambda bf16: see)
    monkeypatch.setattr(judge, "redrawn", lambda bf16: lambda images: images)
    monkeypatch.setattr(judge.distillation, "embed_sentences", meanings)
    small = {"SINGLES": 6, "PAIRS": 2, "STEPS": 2, "SIDE": 16, "BATCH": 32, "WIDTH": 64}
    for name, value in small.items():
        monkeypatch.setattr(judge, name, value)
    said: list[str] = []
    out = tmp_path / "judge"
    ours, known = judge.load(folder, out, say=said.append)
    assert said[-1] == "training the head"
    assert len(known.rows) == len(known.plain) == 7
    texts = torch.load(out / "views.pt", weights_only=True)["texts"]
    assert all(any(n in text for n in ("fox", "cup", "hat", "owl")) for text in texts)
    names = ["fox", "cup"]
    again, _ = judge.load(folder, out, say=said.append)
    assert said[-1] == "training the head" and said.count("training the head") == 1
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.scores(pictures, names), ours.scores(pictures, names))


def test_the_head_learns_which_caption_is_whose(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = sys.modules["judge"]
    monkeypatch.setattr(judge, "BATCH", 32)
    monkeypatch.setattr(judge, "WIDTH", 64)
    seen, texts = torch.eye(8), [f"thing {index}" for index in range(8)]
    said = torch.arange(8)[:, None].expand(8, 2)
    head = judge.learn(seen, said, meanings(texts), steps=60)
    ours = judge.Judge(lambda images: images, head, meanings)
    assert ours.scores(seen, texts).argmax(1).tolist() == list(range(8))


@pytest.fixture
def measured(
    bench: Any, folder: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Settings to measure two prompts with tiny models, and a judge that knows nothing."""
    draw, judge = sys.modules["quality_draw"], sys.modules["judge"]
    wished = [
        bench.Wish("a fox", ("fox",)),
        bench.Wish("a cup above a hat", ("cup", "hat"), relation="above"),
    ]
    monkeypatch.setattr(bench.quality_prompts, "wishes", lambda: wished)
    monkeypatch.setattr(draw, "_looker", lambda: lambda picture, prompt: 0.25)
    rows = archives.read_pictures(folder, "illustrations", side=16, classes=["permissive"]).rows
    known = judge.Known(rows, torch.rand(6, 48, generator=torch.Generator().manual_seed(0)))
    head = nn.Linear(48, 384)
    ours = judge.Judge(see, head, meanings)
    monkeypatch.setattr(judge, "load", lambda *arguments, **options: (ours, known))
    # The home's settings are a run's; a list there is as it is on the command line.
    return [f"data={folder}", f"out={tmp_path / 'out'}", "prompts=2", *home.words()]


def test_what_is_drawn_is_not_drawn_again(
    bench: Any, measured: list[str], home: Home, tmp_path: Path
) -> None:
    said: list[str] = []
    out = tmp_path / "out"
    words = [*measured, "variants=real,noise,default,random"]
    bench.main(words, say=said.append)
    report = json.loads((out / "report.json").read_text())
    assert {name: found["pictures"] for name, found in report["variants"].items()} == {
        **{"real": 8, "noise": 2, "default": 2, "random": 2}
    }
    assert report["variants"]["default"]["own"] == 0.25
    assert report["variants"]["default"]["seconds"] > 0
    assert "| default | 2 |" in (out / "report.md").read_text()
    assert report["nearest"]["variant"] == "default"
    for name in ("sheet.png", "nearest.png"):
        with Image.open(out / name) as sheet:
            assert sheet.width > 250
    # Noise is what a run starts from that has not made a step.
    start = building.build(
        vqclip.load("a fox", overrides=[*home.words(), "seed=1000"])
    ).final_picture()
    assert torch.equal(
        media_images.read_picture(out / "noise" / "00-a-fox.png"),
        torch.from_numpy(media_images.to_bytes(start)).permute(2, 0, 1)[None] / 255,
    )

    (out / "random" / "01-a-cup-above-a-hat.png").unlink()
    said.clear()
    bench.main(words, say=said.append)
    assert said[:-1] == ["random: a cup above a hat"]
    assert (
        json.loads((out / "report.json").read_text())["variants"]["real"]
        == (report["variants"]["real"])
    )
    with pytest.raises(
        errors.ConfigError, match="was made with seed 1000, not 2000; give another"
    ):
        bench.main([*words, "seed=2"], say=said.append)


def test_without_a_prior_the_dream_is_left_out(
    bench: Any, measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise errors.ModelError("there is no prior here")

    monkeypatch.setattr(sys.modules["quality_draw"].drafts, "load_draft_model", absent)
    said: list[str] = []
    bench.main([*measured, "variants=noise,dream"], say=said.append)
    assert "dream is left out: there is no prior here" in said
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["variants"]) == ["noise"]
