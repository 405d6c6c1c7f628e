"""Depth models, from folders in the layout in which they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vqclip.animation import depth_model
from vqclip.config.checking import depth_checks
from vqclip.errors import ModelError

transformers = pytest.importorskip("transformers")


def picture(height: int = 40, width: int = 56) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))


def write(kind: str, folder: Path, **more: Any) -> Path:
    """A tiny model with random weights, as it would be published."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == "dpt":
            config = transformers.DPTConfig(
                **{"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2},
                **{
                    "intermediate_size": 16,
                    "image_size": 32,
                    "patch_size": 8,
                    "is_hybrid": False,
                },
                **{"backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 8, 8]},
                **{"fusion_hidden_size": 8, "reassemble_factors": [4, 2, 1, 0.5]},
                **{"use_auxiliary_head": False, **more},
            )
            model = transformers.DPTForDepthEstimation(config)
            processor = transformers.DPTImageProcessor(size={"height": 32, "width": 32})
        else:
            backbone = transformers.Dinov2Config(
                **{"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2},
                **{"mlp_ratio": 1, "image_size": 28, "patch_size": 14},
                **{"out_features": ["stage1", "stage2", "stage3", "stage4"]},
                **{"reshape_hidden_states": False, "apply_layernorm": True},
            )
            config = transformers.DepthAnythingConfig(
                backbone_config=backbone,
                **{"reassemble_hidden_size": 16, "patch_size": 14, "fusion_hidden_size": 8},
                **{"neck_hidden_sizes": [8, 8, 8, 8], "head_hidden_size": 8, **more},
            )
            model = transformers.DepthAnythingForDepthEstimation(config)
            processor = transformers.DPTImageProcessor(
                size={"height": 28, "width": 28}, ensure_multiple_of=14, keep_aspect_ratio=True
            )
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    kinds = ("dpt", "depth_anything")
    return {kind: write(kind, tmp_path_factory.mktemp(kind)) for kind in kinds}


@pytest.fixture
def folder(published: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    for path in published["dpt"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def spoil(path: Path, **more: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


@pytest.mark.parametrize("kind", ["dpt", "depth_anything"])
def test_a_published_folder_tells_near_from_far(kind: str, published: dict[str, Path]) -> None:
    values = depth_model.load_depth_model(published[kind])(picture())
    assert values.shape == (40, 56) and values.dtype == torch.float32
    assert float(values.min()) == 0 and float(values.max()) == 1
    assert torch.equal(values, depth_model.load_depth_model(published[kind])(picture()))
    pipe = transformers.pipeline(
        "depth-estimation", model=str(published[kind]), local_files_only=True
    )
    from PIL import Image

    pixels = (picture()[0] * 255).round().byte().permute(1, 2, 0).numpy()
    wanted = pipe(Image.fromarray(pixels))["predicted_depth"]
    pair = torch.stack([values.flatten(), wanted.float().flatten()])
    assert float(torch.corrcoef(pair)[0, 1]) > 0.98


@pytest.mark.parametrize("kind", ["dpt", "depth_anything"])
def test_an_estimate_has_the_gradient_of_the_picture(
    kind: str, published: dict[str, Path]
) -> None:
    model = depth_model.load_depth_model(published[kind])
    seen = torch.nn.functional.interpolate(picture(5, 7), (40, 56), mode="bicubic").clamp(0, 1)
    seen.requires_grad_()
    found = model.estimate(seen)
    size = list(seen.shape[-2:])
    large = torch.nn.functional.interpolate(found.detach(), size, mode="bilinear")[0, 0]
    pair = torch.stack([large.flatten(), model(seen).flatten()])
    assert float(torch.corrcoef(pair)[0, 1]) > 0.97
    found.square().sum().backward()
    assert seen.grad is not None and bool(seen.grad.isfinite().all()) and bool(seen.grad.any())


def test_distances_are_turned_round(tmp_path: Path, published: dict[str, Path]) -> None:
    inverse = depth_model.load_depth_model(published["depth_anything"])(picture())
    metric = write("depth_anything", tmp_path, depth_estimation_type="metric", max_depth=20)
    values = depth_model.load_depth_model(metric)(picture())
    # The same weights, read as distances.
    assert float(torch.corrcoef(torch.stack([inverse.flatten(), values.flatten()]))[0, 1]) < 0


def test_a_picture_of_one_depth_is_no_division_by_zero() -> None:
    class Even(torch.nn.Linear):
        def forward(self, pixel_values: Tensor) -> Any:
            return transformers.modeling_outputs.DepthEstimatorOutput(
                predicted_depth=torch.full((1, 8, 8), self.level)
            )

    even = Even(1, 1)
    model = depth_model.DepthModel(even, lambda **_: {"pixel_values": torch.zeros(1)}, False)
    even.level = 3.0  # type: ignore[assignment]
    assert torch.equal(model(picture()), torch.zeros(40, 56))
    even.level = float("nan")  # type: ignore[assignment]
    with pytest.raises(ModelError, match="gives numbers that are not finite; try another one"):
        model(picture())


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_programs_in_a_folder_are_refused(folder: Path, name: str) -> None:
    (folder / "own.py").write_text("raise SystemExit('run')")
    spoil(folder / name, auto_map={"AutoModelForDepthEstimation": "own.Model"})
    with pytest.raises(ModelError, match=r"brings code of its own .* never runs; choose"):
        depth_model.load_depth_model(folder)


def test_without_transformers_the_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth_checks, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"install it: pip install 'vqclip\[depth\]'"):
        depth_model.load_depth_model(folder)


def test_folders_that_are_no_depth_model_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"cannot be read .No such file.*folder of a depth model"
    ):
        depth_model.load_depth_model(tmp_path / "nowhere")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"holds no \*.safetensors; download the weights"):
        depth_model.load_depth_model(folder)
    spoil(folder / "config.json", backbone="a/repository", backbone_config=None)
    with pytest.raises(
        ModelError, match="needs a part from elsewhere, 'a/repository', which vqclip"
    ):
        depth_model.load_depth_model(folder)
    spoil(folder / "config.json", model_type="bert")
    with pytest.raises(
        ModelError, match=("of type 'bert', which does not estimate depth; use one of: dep")
    ):
        depth_model.load_depth_model(folder)
    for words in ("{", "[1]", '"x"', "[" * 100_000):
        (folder / "config.json").write_text(words)
        with pytest.raises(ModelError, match="name the folder of a depth model"):
            depth_model.load_depth_model(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks weights, such as .*; download it again"):
        depth_model.load_depth_model(folder)
    (folder / "model.safetensors").write_bytes(b"nothing of use" * 9)
    with pytest.raises(ModelError, match=r"cannot be read .*; download it again"):
        depth_model.load_depth_model(folder)


def test_a_lack_of_memory_is_not_told_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **named: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1")

    write("dpt", tmp_path)
    monkeypatch.setattr(transformers.AutoModelForDepthEstimation, "from_pretrained", fail)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        depth_model.load_depth_model(tmp_path)
