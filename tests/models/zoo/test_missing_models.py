"""Missing models: all are known at once, without torch or the network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest

from vqclip.config import loading, presets
from vqclip.errors import ModelAbsent, ModelError
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import PERCEPTORS
from vqclip.models.zoo.model_files import MissingModel

VQGAN = "imagenet_f16_16384"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is here but two files in place of the starter models."""
    starter = tmp_path / "starter"
    (starter / "clip").mkdir(parents=True)
    for name in ("vqgan.yaml", "vqgan.safetensors", "clip/open_clip_model.safetensors"):
        (starter / name).touch()
    monkeypatch.setattr(model_files, "STARTER_FOLDER", starter)
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def in_cache(home: Path, repository: str, name: str) -> None:
    """Put a file where Hugging Face's client puts it."""
    folder = home / "hub" / f"models--{repository.replace('/', '--')}"
    for part, text in (("refs/main", "abc"), (f"snapshots/abc/{name}", "weights")):
        (folder / part).parent.mkdir(parents=True)
        (folder / part).write_text(text)


def test_nothing_is_lacking(home: Path) -> None:
    assert model_files.missing_models("starter", ["starter", str(home)]) == []
    model_files.require_models("starter", ["starter"])


def test_one_vqgan_is_lacking() -> None:
    with pytest.raises(ModelAbsent, match=rf"the model '{VQGAN}' is not on this machine \(980"):
        model_files.require_models(VQGAN, ["starter"])


def test_one_perceptor_is_lacking() -> None:
    message = (
        r"the perceptor 'ViT-B-32::openai' is not on this machine \(605 MB\); run 'vqclip models "
        "fetch ViT-B-32::openai', or use the bundled one: --preset starter"
    )
    with pytest.raises(ModelAbsent, match=message):
        model_files.require_models("starter", ["starter", "ViT-B/32::OpenAI"])


def test_several_are_named_together() -> None:
    message = (
        r"3 models are not on this machine; run\n  vqclip models fetch imagenet_f16_16384  "
        r"\(980 MB\)\n  vqclip models fetch RN50::openai  \(408 MB\)\n  vqclip models fetch "
        r"Big::net  \(size unknown\)\nor use the bundled ones: --preset starter"
    )
    with pytest.raises(ModelAbsent, match=message):
        model_files.require_models(
            VQGAN, ["RN50::openai", "Big::net"], lambda name: MissingModel(name, None)
        )


def test_others_are_only_asked_about_if_the_catalogue_does_not_know_them() -> None:
    asked: list[str] = []

    def look(name: str) -> None:
        asked.append(name)

    assert model_files.missing_models(
        "starter", ["starter", "RN50::openai", "ViT-L-14::x"], look
    ) == [MissingModel("RN50::openai", 408_000_000)]
    assert asked == ["ViT-L-14::x"]
    assert (
        model_files.missing_models("starter", ["ViT-L-14::x"]) == []
    )  # unless there is nobody to ask


@pytest.mark.parametrize("name", model_files.PERCEPTOR_WEIGHTS)
def test_what_is_in_the_hub_s_cache_is_here(home: Path, name: str) -> None:
    row = PERCEPTORS["RN50::openai"]
    in_cache(home, row.repository, name)
    assert model_files.in_hub_cache(row.repository)
    assert not model_files.in_hub_cache(row.repository, ["other.bin"])
    assert model_files.missing_models("starter", [row.name]) == []


def test_what_nobody_can_fetch_is_another_error(home: Path) -> None:
    with pytest.raises(ModelError, match=r"no model is called 'imagenet'"):
        model_files.require_models("imagenet", ["starter"])
    (home / "starter" / "clip" / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelAbsent, match=r"perceptor starter is not in .* install vqclip again"):
        model_files.require_models("starter", ["starter"])
    (home / "starter" / "vqgan.yaml").unlink()
    with pytest.raises(ModelAbsent, match=r"starter model is not in .* install vqclip again"):
        model_files.require_models("starter", [])


def test_the_catalogue_knows_the_perceptors_of_every_preset() -> None:
    for name in presets.list_presets():
        config = loading.load_config("a fox", name)
        assert {model_files.canonical_name(p) for p in config.perceptors if p != "starter"} <= {
            *PERCEPTORS
        }


def test_a_preset_whose_models_are_absent_is_refused_before_torch(home: Path) -> None:
    code = (
        "import sys; from vqclip.cli.main import main; "
        "code = main(['a fox', '--preset', 'better'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    environment = os.environ | {"VQCLIP_HOME": str(home / "home"), "HF_HOME": str(home / "hf")}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["2", "False"]
    for part in (
        VQGAN,
        "RN50::openai",
        "ViT-B-32::openai",
        "ViT-B-16::openai",
        "--preset starter",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
