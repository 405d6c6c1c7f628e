"""Writes tiny models of every architecture that open_clip publishes, as folders from a hub.

Each has `open_clip_config.json` and `open_clip_model.safetensors`; where the published ones bring
a tokenizer of Hugging Face's, its files lie beside them, with a small vocabulary trained here,
and where they read with an encoder of Hugging Face's, the shape of that in `config.json`.
"""

from __future__ import annotations

import atexit
import json
import logging
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from timm.models import register_model
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

DIMENSIONS = 32
SIZE = 32
SPEECH = """
a photo of the red fox runs over snow two owls sit in an old tree and look at fog a castle by
the sea in winter many small boats with white sails one dog sleeps a drawing of my cat on paper
12:30 train, late; rain again! eine rote Katze auf dem Dach un chat noir sur le toit
"""

PLAIN = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "image_size": SIZE}
CLIP_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
SIGLIP_TEXT = {
    "context_length": 24,
    "vocab_size": 300,
    "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "width": 32,
    "heads": 2,
    "layers": 2,
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
    "norm_kwargs": {"eps": 1e-6},
}


def timm(name: str, **more: Any) -> dict[str, Any]:
    """A published tower's settings with a small one of timm's."""
    return {"timm_model_name": name, "timm_model_pretrained": False, "image_size": SIZE} | more


@register_model
def vqclip_tiny_siglip(**options: Any) -> Any:
    """timm's vit_base_patch16_siglip_224, but small."""
    small = {"img_size": SIZE, "patch_size": 8, "embed_dim": DIMENSIONS, "depth": 1}
    kept = {key: options[key] for key in ("num_classes", "global_pool") if key in options}
    return VisionTransformer(**small, num_heads=2, class_token=False, **kept)


@register_model
def vqclip_tiny_eva(**options: Any) -> Any:
    """timm's eva02_base_patch16_clip_224, but small."""
    small = {"img_size": SIZE, "patch_size": 8, "embed_dim": DIMENSIONS, "depth": 1}
    ways = {"qkv_fused": False, "mlp_ratio": 4 * 2 / 3, "swiglu_mlp": True, "scale_mlp": True}
    ways |= {"scale_attn_inner": True, "use_rot_pos_emb": True, "ref_feat_shape": (4, 4)}
    kept = {key: options[key] for key in ("num_classes", "global_pool") if key in options}
    return Eva(**small, num_heads=2, **ways, **kept)


CONFIGS: dict[str, dict[str, Any]] = {
    "laion": {"vision_cfg": PLAIN, "text_cfg": CLIP_TEXT},
    "openai": {"vision_cfg": PLAIN, "text_cfg": CLIP_TEXT, "quick_gelu": True},
    "convnext": {
        "vision_cfg": timm("test_convnext", timm_pool="", timm_proj="linear"),
        "text_cfg": CLIP_TEXT,
    },
    "eva": {
        "custom_text": True,
        "vision_cfg": timm("vqclip_tiny_eva", timm_pool="token", timm_proj=None),
        "text_cfg": CLIP_TEXT,
    },
    "siglip": {
        "custom_text": True,
        "init_logit_bias": -10,
        "vision_cfg": timm("vqclip_tiny_siglip", timm_pool="map", timm_proj="none"),
        "text_cfg": SIGLIP_TEXT,
    },
    "siglip2": {
        "custom_text": True,
        "init_logit_bias": -10,
        "vision_cfg": timm("vqclip_tiny_siglip", timm_pool="map", timm_proj="none"),
        "text_cfg": SIGLIP_TEXT | {"act_kwargs": {"approximate": "tanh"}},
    },
    "clipa": {
        "vision_cfg": PLAIN
        | {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
        "text_cfg": {
            **{"context_length": 20, "vocab_size": 300, "width": 32, "heads": 2, "layers": 2},
            **{"hf_tokenizer_name": "bert-base-uncased", "pool_type": "last"},
            **{"tokenizer_kwargs": {"strip_sep_token": True}, "no_causal_mask": True},
        },
    },
    "coca": {
        "custom_text": True,
        "vision_cfg": PLAIN
        | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": CLIP_TEXT | {"context_length": 76, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": CLIP_TEXT | {"context_length": 76, "attn_pooler_heads": 2},
    },
    "xlm-roberta": {
        "vision_cfg": PLAIN,
        "text_cfg": {
            **{"hf_model_name": "xlm-roberta-base", "hf_tokenizer_name": "xlm-roberta-base"},
            **{"hf_pooler_type": "mean_pooler", "context_length": 24},
        },
    },
    "mt5": {
        "vision_cfg": PLAIN,
        "text_cfg": {
            **{"hf_model_name": "google/mt5-base", "hf_tokenizer_name": "google/mt5-base"},
            **{"hf_pooler_type": "mean_pooler", "context_length": 24},
        },
    },
}
ENCODERS: dict[str, dict[str, Any]] = {
    "xlm-roberta": {
        **{"model_type": "xlm-roberta", "vocab_size": 300, "hidden_size": 32, "pad_token_id": 1},
        **{"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
        **{"max_position_embeddings": 40, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        **{"bos_token_id": 0, "eos_token_id": 2},
    },
    "mt5": {
        **{"model_type": "mt5", "vocab_size": 300, "d_model": 32, "d_kv": 16, "d_ff": 48},
        **{"num_layers": 2, "num_heads": 2, "feed_forward_proj": "gated-gelu"},
        **{"is_encoder_decoder": True, "pad_token_id": 0, "eos_token_id": 1},
        **{"decoder_start_token_id": 0, "tie_word_embeddings": False},
    },
}
# What stands at the first numbers of each vocabulary, and what frames a sentence.
SPECIALS = {
    "siglip": (["<unk>", "</s>"], "$A </s>", {"pad_token": "</s>", "eos_token": "</s>"}),
    "siglip2": (["<pad>", "<eos>"], "$A <eos>", {"pad_token": "<pad>", "eos_token": "<eos>"}),
    "clipa": (
        ["[PAD]", "[CLS]", "[SEP]"],
        "[CLS] $A [SEP]",
        {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
    ),
    "xlm-roberta": (
        ["<s>", "<pad>", "</s>"],
        "<s> $A </s>",
        {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>"},
    ),
    "mt5": (["<pad>", "</s>"], "$A </s>", {"pad_token": "<pad>", "eos_token": "</s>"}),
}


def write(folder: Path, family: str, seed: int = 0) -> Path:
    """Write a model of a family into `folder`, which is made; return it."""
    shutil.copytree(_made(family, seed), folder)
    return folder


@cache
def _made(family: str, seed: int) -> Path:
    """Make a family's folder once in a session; whoever wants it copies it."""
    import open_clip
    from safetensors.torch import save_file

    folder = Path(mkdtemp(prefix=f"vqclip-{family}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    parts = {"embed_dim": DIMENSIONS} | json.loads(json.dumps(CONFIGS[family]))
    published = {
        "model_cfg": parts,
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(published))
    if family in ENCODERS:
        (folder / "config.json").write_text(json.dumps(ENCODERS[family]))
    if family in SPECIALS:
        write_tokenizer(folder, *SPECIALS[family])
    built = json.loads(json.dumps(parts))
    if family in ENCODERS:
        built["text_cfg"] |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    custom = built.pop("custom_text", False) or family in ENCODERS
    kind = open_clip.model.CustomTextCLIP if custom else open_clip.model.CLIP
    kind = open_clip.CoCa if "multimodal_cfg" in built else kind
    logging.disable(logging.WARNING)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(**built)
        for name, weight in model.named_parameters():  # larger, so that words make a difference
            if "embed" in name or "shared" in name:
                torch.nn.init.normal_(weight, std=0.5)
    logging.disable(logging.NOTSET)
    weights = {name: weight.clone().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def write_tokenizer(folder: Path, first: list[str], frame: str, names: dict[str, str]) -> None:
    """Train a small sentencepiece-like vocabulary and write it as Hugging Face's tools do."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = tokenizers.Tokenizer(models.BPE(unk_token=None, byte_fallback=False))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=first, show_progress=False, initial_alphabet=[]
    )
    inner.train_from_iterator([" ".join(SPEECH.split())] * 3, trainer)
    marks = [mark for mark in first if mark in frame]
    inner.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=[(mark, inner.token_to_id(mark)) for mark in marks]
    )
    PreTrainedTokenizerFast(tokenizer_object=inner, **names).save_pretrained(folder)
