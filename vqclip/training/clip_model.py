"""The small CLIP model.

The image tower is a small ViT, or a convolutional network of timm's with ImageNet weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vqclip.models import clip_text_tower
from vqclip.models.clip import PACKED
from vqclip.models.zoo import model_files
from vqclip.models.zoo.checkpoint_file import pack_table
from vqclip.training.data import archives
from vqclip.training.perceptual import efficientnet_weights
from vqclip.training.settings import ClipRecipe as Recipe

FILE = PACKED

MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, which most CLIPs use
STD = (0.26862954, 0.26130258, 0.27577711)


def architecture(recipe: Recipe) -> dict[str, Any]:
    """The model's architecture, in the form of open_clip_config.json."""
    if recipe.trunk:
        vision: dict[str, Any] = {
            "image_size": recipe.size,
            "timm_model_name": recipe.trunk,
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
        }
    else:
        vision = {
            "image_size": recipe.size,
            "layers": recipe.layers,
            "width": recipe.width,
            "head_width": 64,
            "patch_size": recipe.patch,
            "patch_dropout": recipe.hide,
        }
    mean, std = normalisation(recipe)
    return {
        "model_cfg": {
            "embed_dim": recipe.embedding,
            "vision_cfg": vision,
            "text_cfg": {
                "context_length": recipe.context,
                "vocab_size": 49408,
                "width": recipe.text_width,
                "heads": recipe.text_width // 64,
                "layers": recipe.text_layers,
            },
        },
        "preprocess_cfg": {"mean": list(mean), "std": list(std)},
    }


def normalisation(recipe: Recipe) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation of colours by which pictures are normalised, three each."""
    return ((0.5,) * 3, (0.5,) * 3) if recipe.trunk else (MEAN, STD)


class Model(nn.Module):
    """The CLIP in training: open_clip's model, with normalisation and tokeniser."""

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        from open_clip import CLIP, SimpleTokenizer

        cfg = architecture(recipe)["model_cfg"]
        self.clip = CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
        mean, std = normalisation(recipe)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.memory = torch.contiguous_format
        if recipe.trunk:
            self.memory = torch.channels_last  # twice as fast for convolutions on a CPU
            self.clip.visual.to(memory_format=self.memory)
            pretrained = efficientnet_weights(recipe.trunk)
            self.clip.visual.trunk.load_state_dict(pretrained, strict=False)
        self.tokenizer = SimpleTokenizer(context_length=recipe.context)
        # From this CLIP's space to a sentence encoder's; not a part of what is exported.
        self.echo = nn.Linear(recipe.embedding, 384, bias=False)

    def embed_image(self, images: Tensor) -> Tensor:
        """Embed pictures: [N, 3, S, S] in [0, 1] → [N, D], rows of length 1."""
        images = ((images - self.mean) / self.std).contiguous(memory_format=self.memory)
        return self.clip.encode_image(images, normalize=True).float()

    def embed_text(self, captions: list[str]) -> Tensor:
        """Embed texts: [N, D], rows of length 1."""
        tokens = self.tokenizer(captions).to(self.mean.device)
        return self.clip.encode_text(tokens, normalize=True).float()

    def text_states(self, captions: list[str]) -> Tensor:
        """Return the text tower's states for every token of texts: [N, L, text_width]."""
        return clip_text_tower.hidden_states(
            self.clip, self.tokenizer(captions).to(self.mean.device)
        )

    def train(self, mode: bool = True) -> Model:
        """Set training mode, but keep ImageNet's batch statistics, which attacks would spoil."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self


def parameter_groups(recipe: Recipe, model: Model) -> list[dict[str, Any]]:
    """The parameter groups: matrices have weight decay, a pretrained trunk a lower rate."""
    parts: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, weight in model.named_parameters():
        parts.setdefault((".trunk." in name, weight.ndim > 1), []).append(weight)
    return [
        {
            "params": weights,
            "weight_decay": 0.1 if matrix else 0.0,
            "pace": recipe.trunk_rate if trunk else 1.0,
        }
        for (trunk, matrix), weights in parts.items()
    ]


def words_folder(recipe: Recipe) -> Path:
    """The folder of the CLIP whose text tower is used (`words_of`)."""
    return model_files.starter_clip() if recipe.words_of == "starter" else Path(recipe.words_of)


def export(recipe: Recipe, model: Model, pictures: archives.Pictures, out: Path) -> None:
    """Write open_clip's configuration and half-precision weights, the table of tokens packed.

    Tokens that are in no caption or sentence never moved from their random start. Their rows are
    set to zero: no meaning rather than a random one. With `words_of`, the text tower is not
    written, and the configuration names the CLIP that has it.
    """
    from safetensors.torch import save_file

    words = [c.lower() for row in pictures.rows for c in row.captions]
    words += [row.style for row in pictures.rows] + list(archives.COLOURS)
    words += ["a an of on background"]
    if recipe.sentences:
        words += torch.load(recipe.sentences, weights_only=True)["texts"]
    used = torch.unique(torch.cat([model.tokenizer(w).flatten() for w in words]))
    table = model.clip.token_embedding.weight.detach()
    kept = torch.zeros_like(table)
    kept[used] = table[used]
    tensors = {k: v.half().contiguous() for k, v in model.clip.state_dict().items()}
    tensors["token_embedding.weight"] = kept.half()
    config = architecture(recipe)
    if recipe.words_of:
        config["words_of"] = words_folder(recipe).name
        tensors = {k: v for k, v in tensors.items() if k.startswith("visual.")}
    else:
        tensors = pack_table(tensors, "token_embedding.weight")
    save_file(tensors, out / FILE)
    # The normalisation that the model was trained with, whichever recipe it began with.
    seen = {"mean": model.mean.flatten().tolist(), "std": model.std.flatten().tolist()}
    config["preprocess_cfg"] = {key: [round(v, 8) for v in seen[key]] for key in seen}
    config["model_cfg"]["vision_cfg"].pop("patch_dropout", None)  # for training only
    text = json.dumps(config, indent=2)
    (out / "open_clip_config.json").write_text(text + "\n")
