"""A path where a model's name is expected leads to the command that takes in what lies there."""

from pathlib import Path

import pytest

from tests.conftest import Refusal
from vqclip.models.zoo.import_hint import explain_path

TAKE_IN = "vqclip models import {0} --config {1} --name {2}, then vqgan={2}"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        *("both/model.ckpt", "both/model.yaml", "both/other.safetensors", "lone.ckpt"),
        *("my model.ckpt", "my model.yaml", "my models/a.ckpt", "my models/a.yaml"),
        *(
            "run 1/checkpoints/last.ckpt",
            "run 1/checkpoints/project.yaml",
            "two/a.pt",
            "two/b.pt",
        ),
        *("ViT-B-32.pt", "words/notes.txt"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("both/model.ckpt", TAKE_IN.format("both/model.ckpt", "both/model.yaml", "model")),
        ("both/model.yaml", TAKE_IN.format("both/model.ckpt", "both/model.yaml", "model")),
        ("both", TAKE_IN.format("both/model.ckpt", "both/model.yaml", "model")),
        (
            "both/other.safetensors",
            "other.safetensors --config YAML --name other,",
        ),
        (
            "run 1/checkpoints/last.ckpt",
            "'run 1/checkpoints/last.ckpt' --config 'run 1/checkpoints/project.yaml' --name chec",
        ),
        ("run 1/checkpoints", "vqgan=checkpoints (if project.yaml is the model's own conf"),
        ("my model.ckpt", TAKE_IN.format("'my model.ckpt'", "'my model.yaml'", "my-model")),
        ("my model.yaml", TAKE_IN.format("'my model.ckpt'", "'my model.yaml'", "my-model")),
        ("my models", TAKE_IN.format("'my models/a.ckpt'", "'my models/a.yaml'", "a")),
        ("no such.ckpt", "there is no no such.ckpt; check the path"),
        ("lone.ckpt", "import lone.ckpt --config YAML --name lone, then vqgan=lone; YAML is the"),
        ("two", "two holds several checkpoints; name one of them: vqgan=two/a.pt"),
        ("both/no.ckpt", "there is no both/no.ckpt; check the path"),
        ("words/", "words/ is there, but no checkpoint"),
    ],
)
def test_what_lies_there_is_taken_in(name: str, told: str, refused: Refusal) -> None:
    assert told in refused("plan", "a fox", f"vqgan={name}")


@pytest.mark.parametrize("name", ["starter", "imagenet_f16_16384", "words", "a\0/b"])
def test_names_are_no_paths(name: str) -> None:
    assert explain_path(name) == ""


def test_perceptors_and_configurations_of_models(refused: Refusal, tmp_path: Path) -> None:
    assert "such as ViT-B-32::openai" in explain_path("ViT-B-32.pt", "perceptors")
    assert explain_path("hf-hub:a/b", "perceptors") == ""
    (tmp_path / "m.yaml").write_text("model: {target: taming.models.vqgan.VQModel}\n")
    for words in (["plan", "m.yaml"], ["plan", "a fox", "--preset", "m.yaml"]):
        assert "import FILE --config m.yaml --name NAME" in refused(*words)
