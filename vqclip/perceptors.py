"""How well does a picture fit some words?

A perceptor puts squares of a picture and sentences into one space, as directions: the smaller
the angle, the better they fit. It is `Cutouts -> Embedding` and `list[str] -> Embedding`. Behind
both verbs is a model of open_clip; input size, normalisation, tokens and precision stay in here.

CLIP: Radford et al., 2021, https://arxiv.org/abs/2103.00020; open_clip: Cherti et al., 2022,
https://arxiv.org/abs/2212.07143.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.cutouts import Cutter
from vqclip.errors import ConfigError, ModelAbsent, ModelError, pick, suggest
from vqclip.tensors import Cutouts, Embedding

_CONTRASTS = ("absolute", "stretch")

_CONFIG = "open_clip_config.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LIFT = 1024.0  # what reaches a pixel is near 1e-6, and fp16 has no number between 0 and 6e-8
_MARGIN = 1e-6  # a stretch of less is a flat colour


@dataclass(frozen=True, eq=False)
class OpenClipPerceptor:
    """A model of open_clip as a judge; its weights are frozen. Made by `load`.

    Args:
        name: what it is called in logs: the name that it was loaded by.
        size: side of the squares that it sees, in pixels.
        cut: the cutter that makes its squares.
        context_length: how many tokens it reads, start and end included.
        mean, std: [1, 3, 1, 1], what the model's training subtracted and divided by.
        interpolation: how pictures of another size are resized: open_clip's own word.
        squash: whether they are squashed to a square; if not, the middle is kept.
        contrast: "absolute" shows the pixels as they are; "stretch" first spreads the whole batch
            from black to white, as pixray does, so that contrast earns nothing.
    """

    name: str
    size: int
    cut: Cutter
    context_length: int
    model: Any
    tokenizer: Any
    mean: Tensor
    std: Tensor
    dtype: torch.dtype
    interpolation: str
    squash: bool
    contrast: str

    def embed_image(self, cutouts: Cutouts) -> Embedding:
        """Look at squares, differentiably in their pixels.

        Args:
            cutouts: [N, 3, H, W] in [0, 1], or a little beyond where noise was added. Those of
                another size than the perceptor's are resized as open_clip's preprocessing does.

        Returns:
            [N, D] float32, rows of length 1.

        Raises:
            ValueError: if `cutouts` is not [N, 3, H, W].
        """
        if cutouts.dim() != 4 or cutouts.shape[1] != 3:
            raise ValueError(f"cutouts are [N, 3, H, W], not {list(cutouts.shape)}")
        pixels = self._resized(cutouts.to(self.mean))
        if self.contrast == "stretch":
            low, high = pixels.min(), pixels.max()
            pixels = (pixels - low) / (high - low).clamp(min=_MARGIN)
        pixels = (pixels - self.mean) / self.std
        lifted = self.dtype == torch.float16 and pixels.requires_grad
        if lifted:
            pixels.register_hook(lambda gradient: gradient / _LIFT)
        features = self.model.encode_image(pixels.to(self.dtype)).float()
        if lifted:
            features.register_hook(lambda gradient: gradient * _LIFT)
        return F.normalize(features, dim=-1)

    @torch.no_grad()
    def embed_text(self, texts: list[str]) -> Embedding:
        """Read sentences: [len(texts), D] float32, rows of length 1, without a gradient.

        A sentence of more than `context_length` tokens is cut short; see `count_tokens`.

        Raises:
            ValueError: if `texts` is empty.
        """
        if len(texts) == 0:
            raise ValueError("no texts to embed")
        tokens = self.tokenizer(texts).to(self.mean.device)
        return F.normalize(self.model.encode_text(tokens).float(), dim=-1)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text`, start and end included, padding not.

        More than `context_length` means that the model does not read the end of it.
        """
        inner = getattr(self.tokenizer, "tokenizer", None)  # a Hugging Face tokenizer has one
        if inner is not None:
            return len(inner(self.tokenizer.clean_fn(text))["input_ids"])
        return len(self.tokenizer.encode(text)) + 2

    def through(self, cutter: Cutter) -> OpenClipPerceptor:
        """Return the same perceptor seeing squares of another cutter, perhaps a shared one.

        Raises:
            ConfigError: if the cutter's squares are not of the perceptor's size.
        """
        if cutter.size != self.size:
            raise ConfigError(
                f"perceptor {self.name} sees squares of {self.size} pixels, but the cutter makes "
                f"{cutter.size}; make the cutter with size={self.size}"
            )
        return replace(self, cut=cutter)

    def _resized(self, pixels: Cutouts) -> Cutouts:
        """Bring squares of another size to the perceptor's, as its training did."""
        height, width = pixels.shape[-2:]
        if height == width == self.size:
            return pixels
        scale = self.size / min(height, width)
        inner = [max(self.size, int(side * scale)) for side in (height, width)]
        to = [self.size, self.size] if self.squash else inner
        mode = self.interpolation if self.interpolation in ("bicubic", "bilinear") else "bicubic"
        resized = F.interpolate(pixels, to, mode=mode, antialias=True).clamp(0, 1)
        top, left = (round((side - self.size) / 2) for side in to)
        return resized[..., top : top + self.size, left : left + self.size]


def load(
    name: str,
    *,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    cut: Cutter | None = None,
    contrast: str = "absolute",
) -> OpenClipPerceptor:
    """Load a perceptor.

    Weights that are not on this machine yet are downloaded by open_clip, except for a folder,
    which is read without the network.

    Args:
        name: `model::weights` in open_clip's names, such as `ViT-B-32::openai`, or a folder
            that holds `open_clip_config.json` and `open_clip_model.safetensors`.
        precision: "fp32", or "bf16" or "fp16" for weights of half the size. Embeddings are
            float32 in any case.
        cut: makes the squares; None is a new `Cutter` of the model's size, with seed 0.
        contrast: see `OpenClipPerceptor`.

    Raises:
        ConfigError: for a name, precision or contrast that does not exist.
        ModelAbsent: if the weights are not on this machine and cannot be downloaded.
        ModelError: if the weights are damaged or do not fit, or if open_clip does not work.
    """
    dtype = pick(_DTYPES, precision, "precision")
    pick(dict.fromkeys(_CONTRASTS), contrast, "contrast")
    clip = _open_clip()
    if Path(name).is_dir():
        source, options = _folder(Path(name)), {}
    else:
        source, tag = _known(clip, name)
        _fetch(clip, source, tag)
        # The architecture's name alone does not say which GELU the weights were trained with.
        quick = bool(clip.get_pretrained_cfg(source, tag).get("quick_gelu"))
        options = {"pretrained": tag, "force_quick_gelu": quick}
    try:
        model = clip.create_model(
            source, device=device, precision=precision, require_pretrained=True, **options
        )
        tokenizer = clip.get_tokenizer(source)
    except Exception as error:  # a damaged file may raise nearly anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"perceptor {name} cannot be loaded: {first}; its weights are damaged or belong to "
            "another configuration: fetch or export them again"
        ) from error
    model.eval().requires_grad_(False)
    seen = model.visual.preprocess_cfg
    size = seen["size"] if isinstance(seen["size"], int) else seen["size"][0]
    mean, std = (
        torch.tensor(seen[key], device=device).view(1, 3, 1, 1) for key in ("mean", "std")
    )
    perceptor = OpenClipPerceptor(
        name=name,
        size=size,
        cut=Cutter(size) if cut is None else cut,
        context_length=int(tokenizer.context_length),
        model=model,
        tokenizer=tokenizer,
        mean=mean,
        std=std,
        dtype=dtype,
        interpolation=seen["interpolation"],
        squash=seen["resize_mode"] == "squash",
        contrast=contrast,
    )
    return perceptor.through(perceptor.cut)


def _open_clip() -> ModuleType:
    """Import open_clip, which takes seconds, only when a perceptor is wanted."""
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:
        if "torchvision::nms" in str(error):
            raise ModelError(
                f"torch and torchvision do not fit together ({error}): they come from different "
                "places; install both together: pip install --force-reinstall torch torchvision"
            ) from error
        raise ModelError(
            f"open_clip cannot be imported ({error}); install it: pip install open_clip_torch"
        ) from error
    return open_clip


def _folder(folder: Path) -> str:
    """Check that a folder holds a model; return open_clip's address of it."""
    if not (folder / _CONFIG).is_file():
        raise ModelError(
            f"the folder {folder} holds no {_CONFIG}; a perceptor's folder holds that and "
            "open_clip_model.safetensors"
        )
    if not any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)):
        raise ModelError(
            f"the folder {folder} holds no weights; put open_clip_model.safetensors beside "
            f"{_CONFIG}"
        )
    return f"local-dir:{folder}"


def _known(clip: ModuleType, name: str) -> tuple[str, str]:
    """Split a name that open_clip knows into model and weights."""
    model, _, tag = name.partition("::")
    model = model.replace("/", "-")  # OpenAI writes ViT-B/32
    tags = {known: known for known in clip.list_pretrained_tags_by_model(model)}
    if not tags:
        near = suggest(f"{model}::{tag}", [f"{m}::{t}" for m, t in clip.list_pretrained()])
        raise ConfigError(
            f"no perceptor is called {name!r}, nor is it a folder{near}; write model::weights in "
            "open_clip's names, for example ViT-B-32::openai"
        )
    if tag == "":
        raise ConfigError(
            f"perceptor {name!r} does not say which weights; write {model}::{next(iter(tags))} "
            f"(or another of: {', '.join(tags)})"
        )
    cleaned = tag.lower().replace("-", "_")  # as open_clip itself forgives
    return model, pick(tags, cleaned if cleaned in tags else tag, f"set of weights for {model}")


def _fetch(clip: ModuleType, model: str, tag: str) -> None:
    """Have open_clip bring the weights into its cache, or say how to do without."""
    try:
        clip.download_pretrained(clip.get_pretrained_cfg(model, tag))
    except Exception as error:  # each hub and each kind of broken network has its own class
        raise ModelAbsent(
            f"the weights of perceptor {model}::{tag}{_bulk(clip, model)} are not on this "
            f"machine and cannot be downloaded; while online, run: vqclip models fetch "
            f'"{model}::{tag}"; or do without them: --preset starter'
        ) from error


def _bulk(clip: ModuleType, model: str) -> str:
    """Say how large a model's weights are, from its shape alone; "" if that needs the network."""
    towers = clip.get_model_config(model)
    outside = towers["text_cfg"].get("hf_model_name"), towers["vision_cfg"].get("timm_model_name")
    if any(outside):  # their shapes are described elsewhere, perhaps on a hub
        return ""
    with torch.device("meta"):
        bare = clip.create_model(model, load_weights=False, device="meta")
    return f" (about {sum(w.numel() for w in bare.parameters()) * 4 / 1e9:.1f} GB)"
