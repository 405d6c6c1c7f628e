"""CLIP names that open_clip knows, and whether they are here; no network, no weights."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import open_clip
import pytest
import torch

from tests.conftest import Home
from tests.helpers import building, tiny_clip
from vqclip import session
from vqclip.cli.main import main
from vqclip.config import loading
from vqclip.errors import ConfigError, ModelAbsent
from vqclip.models import clip, cost
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import PERCEPTORS
from vqclip.models.zoo.model_files import MissingModel


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("name", PERCEPTORS)
def test_the_catalogue_agrees_with_open_clip(name: str) -> None:
    row = PERCEPTORS[name]
    model, _, tag = name.partition("::")
    assert model_files.canonical_name(name) == name == row.name
    assert open_clip.get_pretrained_cfg(model, tag)["hf_hub"] == f"{row.repository}/"
    found = clip.is_absent(name)
    assert found is not None
    assert found.bytes == pytest.approx(row.bytes, rel=0.01)


def test_an_outline_has_shapes_and_no_memory(tmp_path: Path, caplog: Any) -> None:
    folder = tiny_clip.write(tmp_path / "tiny")
    model = clip.build_without_weights(str(folder))
    assert model is not None and not caplog.records
    assert {w.device.type for w in model.parameters()} == {"meta"}
    assert not any(w.requires_grad for w in model.parameters())
    side = tiny_clip.IMAGE_SIZE
    pixels = torch.empty(2, 3, side, side, device="meta")
    assert model.encode_image(pixels).shape == (2, tiny_clip.DIMENSIONS)
    assert clip.is_absent(str(folder)) is None
    assert (
        clip.build_without_weights("roberta-ViT-B-32::laion2b_s12b_b32k") is None
    )  # described on a hub


def timm_folder(folder: Path, **vision: Any) -> tuple[Path, dict[str, Any]]:
    """Write a perceptor's folder with a convolutional image tower, all but its weights."""
    config = copy.deepcopy(tiny_clip.CONFIG)
    tower = {"timm_model_name": "test_efficientnet", "timm_model_pretrained": False}
    tower |= {"timm_pool": "avg", "timm_proj": "linear", "image_size": 64}
    config["model_cfg"]["vision_cfg"] = tower | vision
    folder.mkdir()
    (folder / clip.CONFIG).write_text(json.dumps(config))
    (folder / "open_clip_model.safetensors").touch()
    return folder, config["model_cfg"]


def test_a_tower_of_timm_has_an_outline_and_a_cost(tmp_path: Path, caplog: Any) -> None:
    folder, parts = timm_folder(tmp_path / "timm")
    model = clip.build_without_weights(str(folder))
    assert model is not None and not caplog.records
    everything = [*model.parameters(), *model.buffers()]
    assert {w.device.type for w in everything} == {"meta"}
    assert not model.training and not any(w.requires_grad for w in everything)
    real = open_clip.model.CLIP(**parts).eval().requires_grad_(False)
    assert {k: v.shape for k, v in model.state_dict().items()} == {
        k: v.shape for k, v in real.state_dict().items()
    }
    pixels = torch.zeros(3, 3, 64, 64, requires_grad=True)
    wanted = cost.count_cost(lambda: real.encode_image(pixels), real)
    got = cost.embed_cost(model, 3)
    assert got.flops == wanted.flops > 0 and got.kept > 0
    assert got.kept == pytest.approx(wanted.kept, rel=0.1)
    assert cost.embed_cost(model, 6).flops == 2 * got.flops


def test_a_tower_that_timm_would_fetch_has_no_outline(tmp_path: Path) -> None:
    folder, _ = timm_folder(tmp_path / "timm", timm_model_pretrained=True)
    assert clip.build_without_weights(str(folder)) is None


def test_a_known_tower_of_timm_is_outlined() -> None:
    model = clip.build_without_weights("ViT-B-16-SigLIP::webli")
    assert model is not None
    assert sum(w.numel() for w in model.parameters()) == 203_155_970


def test_absent_wherever_open_clip_would_keep_it(tmp_path: Path) -> None:
    # One from the hub by a file's name, one from a release, one of unknown size.
    assert clip.is_absent("ViT-B-32::laion2b_s34b_b79k") == MissingModel(
        "ViT-B-32::laion2b_s34b_b79k", 605_109_252
    )
    release = clip.is_absent("RN50::yfcc15m")
    assert release is not None and release.bytes is not None
    hidden = "roberta-ViT-B-32::laion2b_s12b_b32k"
    assert clip.is_absent(hidden) == MissingModel(hidden, None)
    source = open_clip.get_pretrained_cfg("RN50", "yfcc15m")
    if not source.get("hf_hub"):
        place = tmp_path / ".cache" / "clip" / Path(source["url"]).name
    else:
        repository = source["hf_hub"].rstrip("/").replace("/", "--")
        place = (
            tmp_path
            / "hub"
            / f"models--{repository}"
            / "snapshots/abc"
            / model_files.PERCEPTOR_WEIGHTS[0]
        )
        (place.parents[2] / "refs").mkdir(parents=True)
        (place.parents[2] / "refs/main").write_text("abc")
    place.parent.mkdir(parents=True)
    place.touch()
    assert clip.is_absent("RN50::yfcc15m") is None


def test_unknown_names(tmp_path: Path) -> None:
    for function in (clip.is_absent, clip.build_without_weights, clip.fetch_clip):
        with pytest.raises(ConfigError, match=r"no perceptor is called 'ViT-B-33::openai'"):
            function("ViT-B-33::openai")


def test_a_session_is_refused_before_anything_is_loaded(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    load = lambda *given, **_: loaded.append(given)  # noqa: E731
    monkeypatch.setattr(session.models_vqgan, "load_vqgan", load)
    words = home.words("perceptors=ViT-B-32::openai,ViT-B-16::laion400m_e31")
    config = loading.load_config("a fox", overrides=words)
    with pytest.raises(ModelAbsent, match=r"2 models are not(?s:.)*laion400m_e31  \(598 MB\)"):
        building.build(config)
    assert not loaded


def test_the_command_says_how_large_a_download_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(open_clip, "download_pretrained", lambda *_: "somewhere")
    assert main(["models", "fetch", "RN50::openai"]) == 0
    assert "RN50::openai: 408 MB\nRN50::openai is here" in capsys.readouterr().err


def test_no_file_has_so_long_a_name() -> None:
    with pytest.raises(ConfigError, match=r"no perceptor is called 'x+'…; write model::weights"):
        clip.perceptor_source("x" * 5000)
    assert clip.perceptor_source("a\0b") == "a\0b"
