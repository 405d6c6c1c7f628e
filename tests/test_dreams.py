"""Drafts: ranked, repeatable, and a start for runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Generator

from tests.conftest import VQGAN, Home, Refusal
from vqclip import cli, dreams, load, prompts, session
from vqclip.config import DreamSettings
from vqclip.errors import PromptError
from vqclip.models import vqgan, zoo
from vqclip.models.gpt import Shape
from vqclip.models.prior import Prior
from vqclip.perceptors import load as load_perceptor
from vqclip.record import images
from vqclip.sketchbook import MARGIN, sheet

SETTINGS = DreamSettings(count=5)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def dreamer(home: Home) -> dreams.Dreamer:
    """A dreamer of tiny models; it knows nothing, but knows it firmly."""
    shape = Shape(16, 5 + 4, n_layer=1, n_head=2, n_embd=16, n_unmasked=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prior = Prior(shape, words=5, text_width=32, cells=4)
        for weight in prior.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    found = zoo.find(VQGAN)
    return dreams.Dreamer(
        prior.eval().requires_grad_(False),
        vqgan.load(found.config, found.weights),
        load_perceptor(str(home.clip)),
    )


@pytest.fixture
def bundled(
    dreamer: dreams.Dreamer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dreams.Dreamer:
    """The same in the place of the bundled one."""
    (tmp_path / "prior").mkdir()
    (tmp_path / "prior" / "prior.safetensors").write_bytes(b"weights")
    monkeypatch.setattr("vqclip.dreams.load", lambda device: dreamer)
    monkeypatch.setattr("vqclip.models.zoo.starter_prior", lambda: tmp_path / "prior")
    return dreamer


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_drafts_are_ranked_by_what_the_judge_sees(dreamer: dreams.Dreamer) -> None:
    drafts = dreamer.dream("a fox", SETTINGS, stream())
    assert len(drafts) == 5 and drafts == sorted(drafts, key=lambda d: -d.score)
    text = dreamer.judge.embed_text(["a fox"])
    for draft in drafts:
        assert draft.image.shape == (1, 3, 16, 16)
        assert draft.image.min() >= 0 and draft.image.max() <= 1
        seen = dreamer.judge.embed_image(draft.image)
        assert draft.score == pytest.approx(float(seen @ text.T), abs=1e-5)
    assert len({draft.score for draft in drafts}) == 5


def test_a_draft_is_the_picture_of_codes_that_the_prior_wrote(dreamer: dreams.Dreamer) -> None:
    (draft,) = dreamer.dream("a fox", replace(SETTINGS, count=1), stream(3))
    prefix = dreamer.prior.prefix(dreamer.judge.read_tokens(["a fox"]))
    codes = dreamer.prior.dream(prefix, generator=stream(3), top_p=0.95, guidance=3.0)
    wanted = dreamer.drawer.decode(dreamer.drawer.lookup(codes[0]))
    torch.testing.assert_close(draft.image, wanted)


def test_equal_seeds_give_equal_drafts_and_words_count(dreamer: dreams.Dreamer) -> None:
    first, again, other, words = (
        torch.cat([d.image for d in dreamer.dream(text, SETTINGS, stream(seed))])
        for text, seed in (("a fox", 1), ("a fox", 1), ("a fox", 2), ("a blue whale", 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, words)


def test_many_drafts_are_written_some_at_a_time(
    dreamer: dreams.Dreamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dreams, "AT_ONCE", 2)
    assert len(dreamer.dream("a fox", SETTINGS, stream())) == 5


@pytest.mark.parametrize(("width", "height"), [(32, 32), (48, 32), (32, 57)])
def test_a_draft_is_laid_in_the_middle_and_goes_on(width: int, height: int) -> None:
    draft = torch.rand(1, 3, 16, 16, generator=stream())
    got = dreams.laid_out(draft, width, height)
    assert got.shape == (1, 3, height, width)
    left, top = (width - 32) // 2, (height - 32) // 2
    middle = dreams.laid_out(draft, 32, 32)
    assert torch.equal(got[..., top : top + 32, left : left + 32], middle)
    assert torch.equal(got[..., :left], got[..., left : left + 1].expand(-1, -1, -1, left))
    assert got.min() >= 0 and got.max() <= 1


def test_what_is_wished_for_in_words_is_drafted() -> None:
    wishes = prompts.parse("a fox:0.5 | a red moon:2 | fog:-1 | @a.png:9 | snow:0")
    assert prompts.wished(wishes) == "a red moon, a fox"
    with pytest.raises(PromptError, match=r"made from words.*init=random"):
        prompts.wished(prompts.parse("@a.png | fog:-1"))


def test_a_run_starts_from_its_best_draft(home: Home, bundled: dreams.Dreamer) -> None:
    config = load("a fox", overrides=home.words("init=dream", "seed=4", "dream.count=3"))
    run = session.build(config)
    generator = stream(session.purpose_seed(4, "init"))
    best = bundled.dream("a fox", config.dream, generator)[0].image
    start = dreams.laid_out(best, 32, 32)
    torch.testing.assert_close(run.drawer.latent, bundled.drawer.encode(start))
    assert run.models["starter prior"] == zoo.sha256(zoo.starter_prior() / "prior.safetensors")
    assert "starter prior" not in session.build(load("a fox", overrides=home.words())).models


def test_closeness_to_the_draft_may_be_liked(home: Home, bundled: dreams.Dreamer) -> None:
    words = home.words("init=dream", "losses.init=1")
    (first, *_) = session.build(load("a fox", overrides=words)).play()
    assert first.losses["init"].isfinite()


def test_a_dream_without_words_is_refused(home: Home, refused: Refusal) -> None:
    images.save_png(Path("a.png"), torch.rand(1, 3, 32, 32))
    for words in (["@a.png", *home.words("init=dream")], ["dream", "@a.png", *home.words()]):
        assert "a draft is made from words" in refused(*words)


def test_dream_leaves_drafts_and_a_sheet(
    home: Home, bundled: dreams.Dreamer, capsys: Capture
) -> None:
    words = ["dream", "a fox | fog:-1", "--count", "4", "--seed", "7", *home.words()]
    assert cli.main(words) == 0
    out, err = capsys.readouterr()
    place = Path("outputs/0001-dream-a-fox")
    assert out.strip() == str(place / "sheet.png")
    assert f'vqclip "a fox" --init {place / "draft-01.png"}' in err and "seed 7" in err
    assert sorted(p.name for p in place.iterdir()) == [
        *(f"draft-0{n}.png" for n in range(1, 5)),
        "sheet.png",
    ]
    config = load("a fox", overrides=home.words("dream.count=4"))
    best = bundled.dream("a fox", config.dream, stream(session.purpose_seed(7, "init")))[0]
    assert torch.equal(
        images.read(place / "draft-01.png"),
        torch.from_numpy(images.to_bytes(best.image)).permute(2, 0, 1)[None] / 255,
    )


def test_dream_tells_scripts(home: Home, bundled: dreams.Dreamer, capsys: Capture) -> None:
    assert cli.main(["dream", "a fox", "--json", "dream.count=2", *home.words()]) == 0
    first, second, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["event"], second["event"], done["event"]) == ("draft", "draft", "done")
    assert first["score"] >= second["score"] and Path(first["path"]).is_file()
    assert done["seed"] >= 0


@pytest.mark.parametrize(
    ("count", "across", "down"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3)]
)
def test_a_sheet_holds_every_picture(count: int, across: int, down: int) -> None:
    pictures = [torch.full([1, 3, 8, 10], (n + 1) / 20) for n in range(count)]
    got = sheet(pictures)
    assert got.shape == (1, 3, down * (8 + MARGIN) + MARGIN, across * (10 + MARGIN) + MARGIN)
    for n, picture in enumerate(pictures):
        top = MARGIN + n // across * (8 + MARGIN)
        left = MARGIN + n % across * (10 + MARGIN)
        assert torch.equal(got[..., top : top + 8, left : left + 10], picture)
    assert (got == 1).all(1).sum() == got[0, 0].numel() - count * 80
