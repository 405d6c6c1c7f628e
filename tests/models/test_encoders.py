"""Models that read with Hugging Face's tools: their shapes, and every family in a run."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import open_clip
import pytest
import torch

from tests.conftest import Home, Refusal
from tests.helpers import building, tiny_families
from vqclip.config import loading
from vqclip.errors import ModelError
from vqclip.guidance import perceptor as guidance_perceptor
from vqclip.models import clip


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize("family", tiny_families.CONFIGS)
def test_every_family_draws(
    family: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("open_clip.get_tokenizer", usual_tokenizer)
    folder = tiny_families.write(tmp_path / family, family)
    words = [w for w in home.words("seed=1", "steps=2") if not w.startswith("perceptors=")]
    config = loading.load_config(
        "a red fox | fog:-0.5", overrides=[*words, f"perceptors={folder}"]
    )
    run = building.build(config)
    steps = list(run.play())
    assert len(steps) == 2 and steps[0].total() != steps[1].total()
    perceptor = run.perceptors[0]
    assert perceptor.count_tokens("a red fox runs") > perceptor.count_tokens("a red fox") > 3
    assert not any(note for note in run.notes if "tokens of" in note)


usual_tokenizer = open_clip.get_tokenizer


@pytest.mark.parametrize("family", ["xlm-roberta", "mt5", "siglip", "coca"])
def test_a_folder_is_read_as_open_clip_reads_it(family: str, tmp_path: Path) -> None:
    folder = tiny_families.write(tmp_path / family, family)
    if family in tiny_families.ENCODERS:  # open_clip itself would ask the hub for the shape
        config = json.loads((folder / "open_clip_config.json").read_text())
        config["model_cfg"]["text_cfg"]["hf_model_name"] = str(folder)
        (tmp_path / "theirs").mkdir()
        for path in folder.iterdir():
            (tmp_path / "theirs" / path.name).symlink_to(path)
        (tmp_path / "theirs" / "open_clip_config.json").unlink()
        (tmp_path / "theirs" / "open_clip_config.json").write_text(json.dumps(config))
        source = f"local-dir:{tmp_path / 'theirs'}"
    else:
        source = f"local-dir:{folder}"
    model = open_clip.create_model(source).eval()
    texts = ["a red fox", "eine rote Katze"]
    with torch.no_grad():
        tokens = open_clip.get_tokenizer(source)(texts)
        theirs = torch.nn.functional.normalize(model.encode_text(tokens), dim=-1)
    torch.testing.assert_close(
        guidance_perceptor.load_perceptor(str(folder)).embed_text(texts), theirs
    )


# Millions of parameters that open_clip's profile of its models states for the text towers.
PUBLISHED = {
    "roberta-ViT-B-32": 124.87,
    "xlm-roberta-base-ViT-B-32": 278.27,
    "xlm-roberta-large-ViT-H-14": 560.94,
    "mt5-base-ViT-B-32": 277.86,
    "mt5-xl-ViT-H-14": 1675.0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_shapes_that_are_known_have_the_published_size(name: str) -> None:
    parts = open_clip.get_model_config(name)
    with clip.tower_shape(parts["text_cfg"], None) as shape, torch.device("meta"):
        assert set(shape) == {"hf_model_name", "hf_model_pretrained"}
        tower = open_clip.model._build_text_tower(parts["embed_dim"], parts["text_cfg"] | shape)
    assert not Path(shape["hf_model_name"]).exists()
    count = sum(weight.numel() for weight in tower.parameters())
    assert count / 1e6 == pytest.approx(PUBLISHED[name], rel=0.005)


def test_a_tower_of_its_own_needs_no_shape() -> None:
    with clip.tower_shape({"width": 32}, None) as shape:
        assert shape == {}
    with clip.tower_shape({"hf_model_name": "somebody/something"}, None) as shape:
        assert shape == {}  # the hub knows


def test_a_broken_shape_is_refused(tmp_path: Path) -> None:
    folder = tiny_families.write(tmp_path / "xlm", "xlm-roberta")
    (folder / clip.SHAPE).write_text("{")
    with pytest.raises(ModelError, match=r"config\.json cannot be read .*shape of the text enc"):
        guidance_perceptor.load_perceptor(str(folder))


@pytest.mark.parametrize("family", ["siglip", "xlm-roberta"])
def test_a_folder_cannot_have_its_own_programs_run(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = tiny_families.write(tmp_path / "bad", family)
    (folder / "evil.py").write_text("open('MARKER', 'w')\nclass Evil: pass\n")
    names = {"AutoTokenizer": [None, "evil.Evil"], "AutoConfig": "evil.Evil"}
    for file in ("tokenizer_config.json", "config.json"):
        if (folder / file).is_file():
            content = json.loads((folder / file).read_text()) | {"auto_map": names}
            if file == "tokenizer_config.json":
                content["tokenizer_class"] = "Evil"
            (folder / file).write_text(json.dumps(content))
    config = json.loads((folder / "open_clip_config.json").read_text())
    asked = {"trust_remote_code": True}
    config["model_cfg"]["text_cfg"].setdefault("tokenizer_kwargs", {}).update(asked)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    # Whether the rest of it can be used is up to transformers.
    with contextlib.suppress(ModelError):
        guidance_perceptor.load_perceptor(str(folder)).embed_text(["a fox"])
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize("family", ["siglip", "xlm-roberta"])
def test_without_transformers_a_sentence_says_what_to_install(
    family: str, home: Home, tmp_path: Path, refused: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_families.write(tmp_path / family, family)
    monkeypatch.setattr(clip, "find_spec", lambda name: None)
    said = refused("a fox", *home.words()[:1], f"perceptors={folder}", "init=random")
    assert "not installed; install them: pip install 'vqclip[multilingual]'" in said
    assert guidance_perceptor.load_perceptor(str(home.clip)).size == 32  # others do without


def test_a_folder_without_a_text_tower_is_refused(home: Home, tmp_path: Path) -> None:
    folder = tiny_families.write(tmp_path / "x", "laion")
    for text in ("{}", '{"model_cfg": {}}', "[", '{"model_cfg": 3}', "[" * 100_000):
        (folder / "open_clip_config.json").write_text(text)
        for read in (guidance_perceptor.load_perceptor, clip.build_without_weights):
            with pytest.raises(ModelError, match=r"is no configuration of open_clip's"):
                read(str(folder))
