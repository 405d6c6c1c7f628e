"""Perceptors against open_clip's own verbs, on a tiny random model, without the network."""

from __future__ import annotations

import builtins
import copy
import json
from pathlib import Path
from typing import Any

import numpy
import open_clip
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.helpers import tiny_clip
from vqclip.errors import ConfigError, ModelAbsent, ModelError
from vqclip.guidance import perceptor as guidance_perceptor
from vqclip.guidance.cutouts import Cutter
from vqclip.models import clip
from vqclip.models.zoo.checkpoint_file import pack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip.write(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> guidance_perceptor.OpenClipPerceptor:
    return guidance_perceptor.load_perceptor(str(folder))


def photograph(width: int, height: int) -> PIL.Image.Image:
    """A smooth picture, so that two ways of resizing it agree."""
    x, y = numpy.meshgrid(numpy.linspace(0, 3, width), numpy.linspace(0, 2, height))
    waves = numpy.stack([numpy.sin(x + y), numpy.cos(x * y), numpy.sin(y - x)], -1)
    return PIL.Image.fromarray((waves * 120 + 127).astype(numpy.uint8))


def as_tensor(picture: PIL.Image.Image) -> Tensor:
    return torch.from_numpy(numpy.array(picture)).permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def their_embedding(folder: Path, picture: PIL.Image.Image) -> Tensor:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    return model.eval().encode_image(preprocess(picture)[None], normalize=True)


@pytest.mark.parametrize(
    ("width", "height", "tolerance"), [(32, 32, 1e-5), (96, 96, 0.01), (90, 64, 0.01)]
)
def test_pictures_are_seen_as_open_clip_sees_them(
    folder: Path,
    tiny: guidance_perceptor.OpenClipPerceptor,
    width: int,
    height: int,
    tolerance: float,
) -> None:
    picture = photograph(width, height)
    ours = tiny.embed_image(as_tensor(picture))
    assert ours.shape == (1, tiny_clip.DIMENSIONS)
    torch.testing.assert_close(ours, their_embedding(folder, picture), atol=tolerance, rtol=0)


def test_words_are_read_as_open_clip_reads_them(
    folder: Path, tiny: guidance_perceptor.OpenClipPerceptor
) -> None:
    texts = ["a red fox", "Fog over the harbour, 1890"]
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    with torch.no_grad():
        theirs = model.encode_text(open_clip.get_tokenizer("ViT-B-32")(texts), normalize=True)
    ours = tiny.embed_text(texts)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert not ours.requires_grad
    with pytest.raises(ValueError, match="no texts to embed"):
        tiny.embed_text([])


def test_what_is_known_about_a_model_comes_from_its_folder(
    folder: Path, tiny: guidance_perceptor.OpenClipPerceptor
) -> None:
    assert tiny.name == str(folder)
    assert tiny.size == tiny.cut.size == tiny_clip.IMAGE_SIZE
    assert tiny.context_length == tiny_clip.CONTEXT_LENGTH
    assert tiny.mean.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert not any(weight.requires_grad for weight in tiny.model.parameters())


def test_tokens_are_counted_with_start_and_end(
    tiny: guidance_perceptor.OpenClipPerceptor,
) -> None:
    assert tiny.count_tokens("") == 2
    assert tiny.count_tokens("a red fox") == 5
    assert tiny.count_tokens("fox " * 100) == 102  # more than are read


def write_variant(folder: Path, **model_cfg: Any) -> Path:
    """Write tests/tiny_clip.py's model with another configuration, and random weights."""
    config = copy.deepcopy(tiny_clip.CONFIG)
    config["model_cfg"] |= model_cfg
    kind = open_clip.model.CustomTextCLIP if "custom_text" in model_cfg else open_clip.model.CLIP
    parts = {key: part for key, part in config["model_cfg"].items() if key != "custom_text"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = kind(**parts)
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


@pytest.mark.parametrize("custom", [False, True])
def test_the_state_of_the_last_token_is_the_embedding(
    folder: Path, tmp_path: Path, custom: bool
) -> None:
    place = write_variant(tmp_path / "custom", custom_text=True) if custom else folder
    perceptor = guidance_perceptor.load_perceptor(str(place))
    tower = getattr(perceptor.model, "text", perceptor.model)
    assert hasattr(perceptor.model, "text") == custom
    texts = ["a red fox", "", "fog over the harbour, 1890", "fox " * 100]
    states = perceptor.read_tokens(texts)
    assert states.shape == (4, tiny_clip.CONTEXT_LENGTH, 32) and states.dtype == torch.float32
    assert not states.requires_grad and len(tower.ln_final._forward_hooks) == 0
    ends = [min(perceptor.count_tokens(text), tiny_clip.CONTEXT_LENGTH) - 1 for text in texts]
    last = torch.nn.functional.normalize(states[range(4), ends] @ tower.text_projection, dim=-1)
    torch.testing.assert_close(last, perceptor.embed_text(texts), atol=1e-5, rtol=0)


def test_the_state_of_a_token_knows_those_before_it(
    tiny: guidance_perceptor.OpenClipPerceptor,
) -> None:
    fox, owl = tiny.read_tokens(["a red fox runs", "a red owl runs"])
    # Start, "a" and "red" are the same; "fox" is not, nor is anything after it.
    torch.testing.assert_close(fox[:3], owl[:3], atol=1e-6, rtol=0)
    assert ((fox - owl)[3:].abs().amax(1) > 1e-3).all()
    half = guidance_perceptor.load_perceptor(tiny.name, precision="bf16").read_tokens(
        ["a red fox runs"]
    )
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half[0], fox).min() > 0.99


def test_a_hook_is_taken_off_when_reading_fails(
    tiny: guidance_perceptor.OpenClipPerceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tokens: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(tiny.model, "encode_text", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        tiny.read_tokens(["a fox"])
    assert len(tiny.model.ln_final._forward_hooks) == 0


def test_convolutions_lie_channels_last_and_see_the_same(tmp_path: Path) -> None:
    tower = {
        "image_size": 32,
        "timm_model_name": "test_efficientnet",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
    }
    place = write_variant(tmp_path / "timm", vision_cfg=tower)
    perceptor = guidance_perceptor.load_perceptor(str(place))
    kernels = [w for w in perceptor.model.visual.trunk.parameters() if w.ndim == 4]
    assert kernels and not perceptor.model.training
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)
    picture = photograph(32, 32)
    pixels = as_tensor(picture).requires_grad_()
    ours = perceptor.embed_image(pixels)
    torch.testing.assert_close(ours, their_embedding(place, picture), atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(ours[0, 0], pixels)
    assert gradient.isfinite().all() and gradient.any()


@pytest.mark.parametrize("contrast", ["absolute", "stretch"])
def test_the_gradient_is_the_slope(folder: Path, contrast: str) -> None:
    perceptor = guidance_perceptor.load_perceptor(str(folder), contrast=contrast)
    stream = torch.Generator().manual_seed(1)
    pixels = torch.rand(2, 3, 32, 32, generator=stream).requires_grad_()
    goal = torch.randn(tiny_clip.DIMENSIONS, generator=stream)
    (perceptor.embed_image(pixels) @ goal).sum().backward()
    assert pixels.grad is not None
    # Stretching has a kink at the darkest and the brightest pixel.
    between = (pixels > 0.1) & (pixels < 0.9)
    strongest = int((pixels.grad.abs() * between).argmax())
    step = torch.zeros(pixels.numel())
    step[strongest] = 0.01
    with torch.no_grad():
        up, down = (
            perceptor.embed_image(pixels + sign * step.view_as(pixels)) @ goal for sign in (1, -1)
        )
    slope = float((up - down).sum()) / 0.02
    assert slope == pytest.approx(float(pixels.grad.flatten()[strongest]), rel=0.05)


def test_stretched_contrast_earns_nothing(folder: Path) -> None:
    perceptor = guidance_perceptor.load_perceptor(str(folder), contrast="stretch")
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    dull = perceptor.embed_image(pixels * 0.3 + 0.2)
    torch.testing.assert_close(dull, perceptor.embed_image(pixels), atol=1e-4, rtol=0)
    assert perceptor.embed_image(torch.full((1, 3, 32, 32), 0.5)).isfinite().all()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_the_weights_give_nearly_the_same(
    folder: Path, tiny: guidance_perceptor.OpenClipPerceptor, precision: str
) -> None:
    half = guidance_perceptor.load_perceptor(str(folder), precision=precision)
    pixels = as_tensor(photograph(32, 32))
    gradients = []
    for perceptor in (half, tiny):
        leaf = pixels.clone().requires_grad_()
        embedding = perceptor.embed_image(leaf)
        assert embedding.dtype == torch.float32
        (embedding[0, 0] * 1e-5).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.flatten())
    assert float((half.embed_image(pixels) * tiny.embed_image(pixels)).sum()) > 0.999
    assert float((half.embed_text(["a fox"]) * tiny.embed_text(["a fox"])).sum()) > 0.999
    assert float(torch.cosine_similarity(gradients[0], gradients[1], dim=0)) > 0.98
    assert float(gradients[0].norm() / gradients[1].norm()) == pytest.approx(1, rel=0.1)


def test_a_cutter_of_another_size_is_refused(tiny: guidance_perceptor.OpenClipPerceptor) -> None:
    shared = Cutter(32, count=1)
    assert tiny.through(shared).cut is shared
    with pytest.raises(ConfigError, match=r"sees cutouts of 32 pixels, but the cutter makes 16"):
        tiny.through(Cutter(16))
    with pytest.raises(ValueError, match=r"cutouts are \[N, 3, H, W\], not \[3, 32, 32\]"):
        tiny.embed_image(torch.zeros(3, 32, 32))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-23::openai", "did you mean 'ViT-B-32::openai'"),
        ("nowhere/at-all", "nor is it a folder"),
        ("ViT-B-32", "does not say which weights; write ViT-B-32::openai"),
        (
            "ViT-B/32::opnai",
            "no set of weights for ViT-B-32 is called 'opnai'; did you mean 'open",
        ),
    ],
)
def test_unknown_names_are_answered_with_near_ones(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        guidance_perceptor.load_perceptor(name)


def test_unknown_words_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no precision is called 'fp8' \(one of: bf16"):
        guidance_perceptor.load_perceptor(str(folder), precision="fp8")
    with pytest.raises(ConfigError, match="no contrast is called 'loud'"):
        guidance_perceptor.load_perceptor(str(folder), contrast="loud")


def test_absent_weights_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> str:
        raise FileNotFoundError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(
        ModelAbsent, match=r"\(about 0\.6 GB\).*models fetch \"ViT-B-32::openai\""
    ):
        guidance_perceptor.load_perceptor("ViT-B-32::openai")
    with pytest.raises(ModelAbsent, match=r"ViT-B-16-SigLIP::webli \(about 0\.8 GB\) are not on"):
        guidance_perceptor.load_perceptor("ViT-B-16-SigLIP::webli")
    # Its text tower is described on a hub.
    with pytest.raises(ModelAbsent, match="roberta-ViT-B-32::laion2b_s12b_b32k are not on this"):
        guidance_perceptor.load_perceptor("roberta-ViT-B-32::laion2b_s12b_b32k")


def test_weights_are_fetched_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def download(source: dict[str, Any]) -> str:
        asked.append(source)
        if len(asked) > 1:
            raise ConnectionError("no route to host")
        return "somewhere"

    monkeypatch.setattr(open_clip, "download_pretrained", download)
    clip.fetch("ViT-B/32::openai")
    assert asked == [open_clip.get_pretrained_cfg("ViT-B-32", "openai")]
    with pytest.raises(
        ModelAbsent,
        match=r"ViT-B-32::openai \(about 0\.6 GB\) are not on this machine and cannot be downl",
    ):
        clip.fetch("ViT-B-32::openai")
    with pytest.raises(ConfigError, match="perceptor 'ViT-B-32' does not say which weights"):
        clip.fetch("ViT-B-32")


def test_known_weights_bring_their_activation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenAI's weights need QuickGELU, which the name ViT-B-32 alone does not give them."""
    asked: dict[str, Any] = {}
    create = open_clip.create_model

    def spy(name: str, **options: Any) -> torch.nn.Module:
        asked.update(options, name=name)
        return create(f"local-dir:{folder}")

    monkeypatch.setattr(open_clip, "download_pretrained", lambda *_: "somewhere")
    monkeypatch.setattr(open_clip, "create_model", spy)
    guidance_perceptor.load_perceptor("ViT-B/32::openai")
    assert (asked["name"], asked["pretrained"], asked["force_quick_gelu"]) == (
        "ViT-B-32",
        "openai",
        True,
    )
    guidance_perceptor.load_perceptor("ViT-B-32::laion2b_s34b_b79k")
    assert asked["force_quick_gelu"] is False


def test_bad_folders_are_explained(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no open_clip_config\.json"):
        guidance_perceptor.load_perceptor(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text(json.dumps(tiny_clip.CONFIG))
    with pytest.raises(ModelError, match="holds no weights"):
        guidance_perceptor.load_perceptor(str(tmp_path))
    whole = (folder / "open_clip_model.safetensors").read_bytes()
    (tmp_path / "open_clip_model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cannot be loaded: .*damaged or belong to another"):
        guidance_perceptor.load_perceptor(str(tmp_path))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("operator torchvision::nms does not exist"), "install both together"),
        (ImportError("No module named 'open_clip'"), "pip install open_clip_torch"),
    ],
)
def test_a_broken_installation_is_explained(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    honest = builtins.__import__

    def broken(name: str, *rest: Any, **more: Any) -> Any:
        if name == "open_clip":
            raise error
        return honest(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ModelError, match=message):
        guidance_perceptor.load_perceptor("ViT-B-32::openai")


def test_a_packed_folder_is_the_same_perceptor(folder: Path, tmp_path: Path) -> None:
    whole = guidance_perceptor.load_perceptor(str(folder))
    packed = guidance_perceptor.load_perceptor(str(write_packed(folder, tmp_path / "packed")))
    assert packed.weights.name == "packed.safetensors"
    pixels = torch.rand(2, 3, 32, 32)
    assert torch.equal(packed.embed_image(pixels), whole.embed_image(pixels))
    likeness = (packed.embed_text(["a red fox"]) * whole.embed_text(["a red fox"])).sum()
    assert likeness > 0.999


def test_a_folder_may_borrow_the_words_of_its_neighbour(folder: Path, tmp_path: Path) -> None:
    lender = guidance_perceptor.load_perceptor(str(write_packed(folder, tmp_path / "lender")))
    other = tiny_clip.write(tmp_path / "other", seed=1)
    eyes = {
        key: tensor
        for key, tensor in load_file(other / "open_clip_model.safetensors").items()
        if key.startswith("visual.")
    }
    borrower = tmp_path / "borrower"
    borrower.mkdir()
    save_file(eyes, borrower / "packed.safetensors")
    config = tiny_clip.CONFIG | {"words_of": "lender"}
    (borrower / "open_clip_config.json").write_text(json.dumps(config))
    both = guidance_perceptor.load_perceptor(str(borrower))
    pixels = torch.rand(2, 3, 32, 32)
    assert torch.equal(both.embed_text(["a fox"]), lender.embed_text(["a fox"]))
    assert torch.equal(
        both.embed_image(pixels),
        guidance_perceptor.load_perceptor(str(other)).embed_image(pixels),
    )
    (tmp_path / "lender" / "packed.safetensors").unlink()
    with pytest.raises(ModelError, match=r"borrower cannot be read: .*install vqclip again"):
        guidance_perceptor.load_perceptor(str(borrower))


def write_packed(folder: Path, place: Path) -> Path:
    """Write a folder's model again with its table of words packed."""
    place.mkdir()
    weights = load_file(folder / "open_clip_model.safetensors")
    save_file(pack(weights, "token_embedding.weight"), place / "packed.safetensors")
    (place / "open_clip_config.json").write_text((folder / "open_clip_config.json").read_text())
    return place
