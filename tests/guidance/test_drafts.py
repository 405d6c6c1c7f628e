"""Drafts: ranked, repeatable, and a start for runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Generator

from tests.conftest import VQGAN, Home, Refusal
from tests.helpers import building, tiny_clip
from vqclip.cli import main
from vqclip.cli.commands.dream import MARGIN, lay_sheet
from vqclip.config.checking.seeds import SeedWalk, purpose_seed
from vqclip.config.loading import load_config
from vqclip.config.schema import DreamSettings
from vqclip.errors import ModelAbsent, ModelError, PromptError
from vqclip.guidance import distractors
from vqclip.guidance import drafts as guidance_drafts
from vqclip.guidance.perceptor import load_perceptor
from vqclip.language import prompt_types, prompts
from vqclip.media import images
from vqclip.models import net2net, vqgan
from vqclip.models.device import open_noise
from vqclip.models.gpt import GPT, TransformerShape
from vqclip.models.memory import MemoryPolicy
from vqclip.models.prior import Prior
from vqclip.models.zoo import download, model_files

SETTINGS = DreamSettings(count=5, temperature=0.7, guidance=4.0)
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def dreamer(home: Home, tmp_path: Path) -> guidance_drafts.DraftModel:
    """A dreamer of tiny models, with two judges; it knows nothing, but knows it firmly."""
    shape = TransformerShape(16, 5 + 4, n_layer=1, n_head=2, n_embd=16, n_unmasked=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prior = Prior(shape, words=5, text_width=32, cells=4)
        for weight in prior.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    found = model_files.find_vqgan(VQGAN)
    return guidance_drafts.DraftModel(
        prior.eval().requires_grad_(False),
        vqgan.open_vqgan(found.config, found.weights),
        (load_perceptor(str(home.clip)), load_perceptor(str(tiny_clip.write(tmp_path / "2nd")))),
    )


@pytest.fixture
def bundled(
    dreamer: guidance_drafts.DraftModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> guidance_drafts.DraftModel:
    """The same in the place of the bundled one."""
    (tmp_path / "prior").mkdir()
    (tmp_path / "prior" / "prior.safetensors").write_bytes(b"weights")
    monkeypatch.setattr("vqclip.guidance.drafts.load_draft_model", lambda *_, **__: dreamer)
    monkeypatch.setattr("vqclip.models.zoo.model_files.starter_prior", lambda: tmp_path / "prior")
    return dreamer


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def test_drafts_are_ranked_by_what_the_judges_see(dreamer: guidance_drafts.DraftModel) -> None:
    drafts = dreamer.draw_drafts("a fox", SETTINGS, stream())
    assert len(drafts) == 5 and drafts == sorted(drafts, key=lambda d: -d.score)
    words = ["a fox", *distractors.distractors_for("a fox")]
    for draft in drafts:
        assert draft.image.shape == (1, 3, 16, 16)
        assert draft.image.min() >= 0 and draft.image.max() <= 1
        one, two = (
            distractors.INVERSE_TEMPERATURE
            * judge.embed_image(draft.image)
            @ judge.embed_text(words).T
            for judge in dreamer.perceptors
        )
        sure = one.softmax(1)[0, 0] * two.softmax(1)[0, 0]
        assert draft.score == pytest.approx(float(sure.sqrt()), abs=1e-6)
    assert len({draft.score for draft in drafts}) == 5


def test_a_draft_is_the_picture_of_codes_that_the_prior_wrote(
    dreamer: guidance_drafts.DraftModel,
) -> None:
    (draft,) = dreamer.draw_drafts("a fox", replace(SETTINGS, count=1), stream(3))
    prefix = dreamer.prior.prefix(dreamer.perceptors[0].read_tokens(["a fox"]))
    how = {key: getattr(SETTINGS, key) for key in ("temperature", "top_p", "guidance")}
    codes = dreamer.prior.sample(prefix, generator=stream(3), **how)
    wanted = dreamer.drawer.decode(dreamer.drawer.lookup(codes[0]))
    torch.testing.assert_close(draft.image, wanted)


def test_drafts_are_changed_before_they_are_ranked(dreamer: guidance_drafts.DraftModel) -> None:
    settings = replace(SETTINGS, count=2)
    plain = dreamer.draw_drafts("a fox", settings, stream(3))
    changed = dreamer.draw_drafts(
        "a blue fox", settings, stream(3), "a fox", lambda pictures: 1 - pictures
    )
    words = ["a blue fox", *distractors.distractors_for("a blue fox")]
    for draft in changed:
        (same,) = (each for each in plain if torch.equal(draft.image, 1 - each.image))
        assert torch.equal(draft.latent, same.latent)
        sure = 1.0
        for judge in dreamer.perceptors:
            told = judge.embed_image(draft.image) @ judge.embed_text(words).T
            sure *= float((distractors.INVERSE_TEMPERATURE * told).softmax(1)[0, 0])
        assert draft.score == pytest.approx(sure**0.5, abs=1e-6)


def test_equal_seeds_give_equal_drafts_and_words_count(
    dreamer: guidance_drafts.DraftModel,
) -> None:
    first, again, other, words = (
        torch.cat([d.image for d in dreamer.draw_drafts(text, SETTINGS, stream(seed))])
        for text, seed in (("a fox", 1), ("a fox", 1), ("a fox", 2), ("a blue whale", 1))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, words)


def test_many_drafts_are_written_some_at_a_time(
    dreamer: guidance_drafts.DraftModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guidance_drafts, "AT_ONCE", 2)
    assert len(dreamer.draw_drafts("a fox", SETTINGS, stream())) == 5


@pytest.mark.parametrize(("width", "height"), [(32, 32), (48, 32), (32, 57)])
def test_a_draft_is_laid_in_the_middle_and_goes_on(width: int, height: int) -> None:
    draft = torch.rand(1, 3, 16, 16, generator=stream())
    got = guidance_drafts.pad_draft(draft, width, height)
    assert got.shape == (1, 3, height, width)
    left, top = (width - 32) // 2, (height - 32) // 2
    middle = guidance_drafts.pad_draft(draft, 32, 32)
    assert torch.equal(got[..., top : top + 32, left : left + 32], middle)
    assert torch.equal(got[..., :left], got[..., left : left + 1].expand(-1, -1, -1, left))
    assert got.min() >= 0 and got.max() <= 1


def test_what_is_wished_for_in_words_is_drafted() -> None:
    wishes = prompts.parse_prompts("a fox:0.5 | a red moon:2 | fog:-1 | @a.png:9 | snow:0")
    assert prompt_types.draft_text(wishes) == "a red moon, a fox"
    with pytest.raises(PromptError, match=r"drawn from words.*init=random"):
        prompt_types.draft_text(prompts.parse_prompts("@a.png | fog:-1"))


def test_a_run_starts_from_its_best_draft(
    home: Home, bundled: guidance_drafts.DraftModel
) -> None:
    config = load_config("a fox", overrides=home.words("init=dream", "seed=4", "dream.count=3"))
    run = building.build(config)
    generator = stream(purpose_seed(4, "init"))
    best = bundled.draw_drafts("a fox", config.dream, generator)[0].image
    start = guidance_drafts.pad_draft(best, 32, 32).mul(255).round().div(255)
    torch.testing.assert_close(run.drawer.parameters["latent"], bundled.drawer.encode(start))
    assert run.models["starter prior"] == model_files.file_sha256(
        model_files.starter_prior() / "prior.safetensors"
    )
    assert (
        "starter prior" not in building.build(load_config("a fox", overrides=home.words())).models
    )


def test_closeness_to_the_draft_may_be_liked(
    home: Home, bundled: guidance_drafts.DraftModel
) -> None:
    words = home.words("init=dream", "losses.init=1")
    (first, *_) = building.build(load_config("a fox", overrides=words)).play()
    assert first.losses["init"].isfinite()


def test_a_dream_without_words_is_refused(home: Home, refused: Refusal) -> None:
    images.save_png(Path("a.png"), torch.rand(1, 3, 32, 32))
    for words in (["@a.png", *home.words("init=dream")], ["dream", "@a.png", *home.words()]):
        assert "a draft is drawn from words" in refused(*words)


def test_dream_leaves_drafts_and_a_sheet(
    home: Home, bundled: guidance_drafts.DraftModel, capsys: Capture
) -> None:
    words = ["dream", "a fox | fog:-1", "--count", "4", "--seed", "7", *home.words()]
    words += ["--size", "32x32"]
    assert main.main(words) == 0
    out, err = capsys.readouterr()
    place = Path("outputs/0001-dream-a-fox")
    assert out.strip() == str(place / "sheet.png")
    assert (
        f"vqclip 'a fox | fog:-1' --init {place / 'draft-01.png'} --size 32x32" in err
        and "seed 7" in err
    )
    assert sorted(p.name for p in place.iterdir()) == [
        *(f"draft-0{n}.png" for n in range(1, 5)),
        "sheet.png",
    ]
    config = load_config("a fox", overrides=home.words("dream.count=4"))
    best = bundled.draw_drafts("a fox", config.dream, stream(purpose_seed(7, "init")))[0]
    assert torch.equal(
        images.read_picture(place / "draft-01.png"),
        torch.from_numpy(images.to_bytes(best.image)).permute(2, 0, 1)[None] / 255,
    )


def test_dream_says_that_regions_do_not_show(
    home: Home, bundled: guidance_drafts.DraftModel, capsys: Capture
) -> None:
    text = "a fox | a moon in(top right) | a hat in(-left) | fog in(bottom):-1 | b in(top) c"
    assert main.main(["dream", text, "--count", "1", *home.words()]) == 0
    err = capsys.readouterr().err
    assert (
        "note: drafts ignore regions (in the top right, outside the left); a run with "
        "init=dream puts a draft of its own into each region\n"
    ) in err
    assert "note: in(top) is read as words, since it does not end its part" in err
    assert main.main(["dream", "a fox", "--count", "1", *home.words()]) == 0
    assert "note: a draft" not in capsys.readouterr().err


def test_dream_tells_scripts(
    home: Home, bundled: guidance_drafts.DraftModel, capsys: Capture
) -> None:
    assert main.main(["dream", "a fox", "--json", "dream.count=2", *home.words()]) == 0
    first, second, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["event"], second["event"], done["event"]) == ("draft", "draft", "done")
    assert first["score"] >= second["score"] and Path(first["path"]).is_file()
    assert done["seed"] >= 0


@pytest.mark.parametrize(
    ("count", "across", "down"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3)]
)
def test_a_sheet_holds_every_picture(count: int, across: int, down: int) -> None:
    pictures = [torch.full([1, 3, 8, 10], (n + 1) / 20) for n in range(count)]
    got = lay_sheet(pictures)
    assert got.shape == (1, 3, down * (8 + MARGIN) + MARGIN, across * (10 + MARGIN) + MARGIN)
    for n, picture in enumerate(pictures):
        top = MARGIN + n // across * (8 + MARGIN)
        left = MARGIN + n % across * (10 + MARGIN)
        assert torch.equal(got[..., top : top + 8, left : left + 10], picture)
    assert (got == 1).all(1).sum() == got[0, 0].numel() - count * 80


def write_transformer(home: Home, place: Path, classes: int = 1000) -> tuple[Path, Path]:
    """A class-conditional transformer over the tiny VQGAN: its YAML and .ckpt, as taming's."""
    sizes = {"vocab_size": 1000, "block_size": 64, "n_layer": 1, "n_head": 2, "n_embd": 16}
    mingpt = {"target": "taming.modules.transformer.mingpt.GPT", "params": sizes}
    labels = {"target": "taming.modules.util.Labelator", "params": {"n_classes": classes}}
    params = {
        "first_stage_config": yaml.safe_load(home.config.read_text())["model"],
        "transformer_config": mingpt,
        "cond_stage_config": labels,
    }
    target = "taming.models.cond_transformer.Net2NetTransformer"
    state = torch.load(home.checkpoint)["state_dict"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = GPT(TransformerShape(**sizes))
        for weight in transformer.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    whole = {f"first_stage_model.{key}": value for key, value in state.items()}
    whole |= {f"transformer.{key}": value for key, value in transformer.state_dict().items()}
    paths = place / "classes.yaml", place / "classes.ckpt"
    paths[0].write_text(yaml.safe_dump({"model": {"target": target, "params": params}}))
    torch.save({"global_step": 5, "state_dict": whole}, paths[1])
    return paths


def test_between_two_seeds_changed_drafts_are_those_of_blended_codes(
    dreamer: guidance_drafts.DraftModel,
) -> None:
    noise = open_noise(SeedWalk(3, 8, 0.02))
    drafts = dreamer.draw_drafts("a fox", SETTINGS, noise, "a fox", lambda pictures: 1 - pictures)
    for draft in drafts:
        assert torch.equal(draft.image, 1 - dreamer.drawer.decode(draft.latent))


def test_between_two_seeds_drafts_of_both_are_blended_best_with_best(
    dreamer: guidance_drafts.DraftModel,
) -> None:
    ends = [dreamer.draw_drafts("a fox", SETTINGS, stream(seed)) for seed in (3, 8)]
    ways = [
        dreamer.draw_drafts("a fox", SETTINGS, open_noise(SeedWalk(3, 8, share)))
        for share in (0, 0.02, 0.98, 1)
    ]
    for found, end in ((ways[0], ends[0]), (ways[3], ends[1])):
        assert all(torch.equal(a.image, b.image) for a, b in zip(found, end, strict=True))
    # A small step leads to nearly the same codes, which sampled ones would not be.
    for found, end in ((ways[1], ends[0]), (ways[2], ends[1])):
        assert all(torch.equal(a.latent, b.latent) for a, b in zip(found, end, strict=True))
    middle = dreamer.draw_drafts("a fox", SETTINGS, open_noise(SeedWalk(3, 8, 0.5)))
    assert [each.score for each in middle] == sorted((e.score for e in middle), reverse=True)
    for draft, *pair in zip(middle, *ends, strict=True):
        assert not any(torch.equal(draft.latent, each.latent) for each in pair)


@pytest.fixture
def classes(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a class-conditional model, imported as a user does; the judge is tiny too."""
    config, weights = write_transformer(home, tmp_path)
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "vqclip.models.zoo.model_files.starter_clips", lambda: {"starter": home.clip}
    )
    words = ["models", "import", str(weights), "--config", str(config), "--name", "classes"]
    assert main.main(words) == 0
    return "classes"


def test_a_class_is_drafted_and_ranked(classes: str) -> None:
    dreamer = guidance_drafts.load_draft_model(prior=classes)
    assert isinstance(dreamer, guidance_drafts.ClassDraftModel)
    drafts = dreamer.draw_drafts("a goldfish", SETTINGS, stream())
    assert len(drafts) == 5 and drafts == sorted(drafts, key=lambda d: -d.score)
    how = {"temperature": SETTINGS.temperature, "top_p": SETTINGS.top_p}
    codes = dreamer.model.sample(1, 5, generator=stream(), **how)
    drawer = dreamer.model.first_stage
    wanted = torch.cat([drawer.decode(drawer.lookup(each)) for each in codes])
    assert wanted.shape == (5, 3, 32, 32)
    words = ["a goldfish", *distractors.distractors_for("a goldfish")]
    (judge,) = dreamer.perceptors
    seen = judge.embed_image(wanted) @ judge.embed_text(words).T
    scores = (distractors.INVERSE_TEMPERATURE * seen).softmax(1)[:, 0]
    order = scores.argsort(descending=True)
    torch.testing.assert_close(torch.cat([d.image for d in drafts]), wanted[order])
    torch.testing.assert_close(torch.tensor([d.score for d in drafts]), scores[order])


def test_many_drafts_of_a_class_are_written_some_at_a_time(
    classes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guidance_drafts, "CLASSES_AT_ONCE", 2)
    dreamer = guidance_drafts.load_draft_model(prior=classes)
    first, again, other, words = (
        torch.cat([d.image for d in dreamer.draw_drafts(text, SETTINGS, stream(seed))])
        for text, seed in (("ostrich", 1), ("ostrich", 1), ("ostrich", 2), ("zebra", 1))
    )
    assert len(first) == 5 and torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, words)


def test_words_that_name_no_class_take_the_nearest(classes: str) -> None:
    dreamer = guidance_drafts.load_draft_model(prior=classes)
    assert dreamer.choose("two goldfish") == guidance_drafts.Choice(1, "goldfish", named=True)
    names = [synonyms[0] for synonyms in net2net.class_names()]
    (judge,) = dreamer.perceptors
    text = judge.embed_text(["fog over hills"])
    nearest = max(range(1000), key=lambda n: float(judge.embed_text([names[n]]) @ text.T))
    wanted = guidance_drafts.Choice(nearest, names[nearest], named=False)
    assert dreamer.choose("fog over hills") == wanted


def test_dream_says_which_class_it_took(classes: str, home: Home, capsys: Capture) -> None:
    words = ["dream.prior=classes", "dream.count=3", "seed=7", *home.words()]
    capsys.readouterr()
    assert main.main(["dream", "a goldfish | fog:-1", *words]) == 0
    out, err = capsys.readouterr()
    assert "'a goldfish' → class 1, goldfish\n" in err
    place = Path("outputs/0001-dream-a-goldfish")
    assert out.strip() == str(place / "sheet.png")
    assert len(list(place.glob("draft-*.png"))) == 3
    dreamer = guidance_drafts.load_draft_model(prior="classes")
    settings = DreamSettings(count=3, prior="classes")
    drafts = dreamer.draw_drafts("a goldfish", settings, stream(purpose_seed(7, "init")))
    assert torch.equal(
        images.read_picture(place / "draft-01.png"),
        torch.from_numpy(images.to_bytes(drafts[0].image)).permute(2, 0, 1)[None] / 255,
    )
    assert main.main(["dream", "fog over hills", *words]) == 0
    assert "(names no class; this one is the nearest)" in capsys.readouterr().err
    assert main.main(["dream", "zebra", "--json", *words]) == 0
    first, *_, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"event": "class", "number": 340, "name": "zebra", "named": True}
    assert done["event"] == "done"


def test_a_class_cannot_be_guided(classes: str, home: Home, refused: Refusal) -> None:
    words = ["dream", "a goldfish", "dream.prior=classes", *home.words()]
    said = refused(*words, "dream.guidance=3")
    assert "dream.guidance is 3, but dream.prior=classes reads a class" in said
    assert said.endswith("leave dream.guidance at 2")


def test_a_run_starts_from_the_starters_drafts_only(
    home: Home, bundled: guidance_drafts.DraftModel, refused: Refusal
) -> None:
    said = refused("a fox", *home.words("init=dream", "dream.prior=cin_transformer"))
    assert "dream.prior=cin_transformer works with 'vqclip dream'" in said
    assert "init=dream needs dream.prior=starter" in said
    assert bundled.choose("a goldfish") is None


def test_priors_that_cannot_be_used(classes: str, home: Home, refused: Refusal) -> None:
    def prior(name: str) -> str:
        return refused("dream", "a fox", f"dream.prior={name}", *home.words())

    assert "'cin_transformer' of dream.prior is not on this machine" in prior("cin_transformer")
    assert "'vqclip models fetch cin_transformer', or leave dream" in prior("cin_transformer")
    assert "no model is called 'clases'; did you mean 'classes'?" in prior("clases")
    download.import_model(home.checkpoint, home.config, "plain")
    assert "is not a transformer, so it cannot draw drafts" in prior("plain")
    with pytest.raises(ModelAbsent, match="'faceshq' is not on this machine"):
        guidance_drafts.load_draft_model(prior="faceshq")


def test_classes_without_names_are_refused(classes: str, home: Home, tmp_path: Path) -> None:
    config, weights = write_transformer(home, tmp_path, classes=10)
    download.import_model(weights, config, "ten")
    with pytest.raises(ModelError, match=r"'ten' has 10 classes, whose names .* ImageNet's 1000"):
        guidance_drafts.load_draft_model(prior="ten")


def test_what_is_loaded_already_is_not_loaded_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"starter": home.clip, "starter-second": tiny_clip.write(home.path / "2nd")}
    monkeypatch.setattr("vqclip.models.zoo.model_files.starter_clips", lambda: folders)
    monkeypatch.setattr("vqclip.models.prior.load_prior", lambda *given, **_: None)
    words = {"my-cat": torch.zeros(1, 32)}
    one = load_perceptor(str(home.clip), contrast="stretch").with_words(words)
    one = replace(one, memory_policy=MemoryPolicy(chunk=1))
    half = load_perceptor(str(home.clip), precision="bf16")
    fresh, shared, again = (
        guidance_drafts.load_draft_model(loaded=given) for given in ([], [one], [half])
    )
    assert shared.perceptors[0].model is one.model
    assert again.perceptors[0].model is not half.model
    pictures = torch.rand(2, 3, 40, 40, generator=stream())
    for mine, other in zip(shared.perceptors, fresh.perceptors, strict=True):
        assert mine.model is not other.model
        assert (mine.contrast, mine.memory_policy, mine.words) == ("absolute", MemoryPolicy(), {})
        assert torch.equal(mine.embed_image(pictures), other.embed_image(pictures))
        assert torch.equal(mine.embed_text(["a fox"]), other.embed_text(["a fox"]))
