"""What do models need that read with Hugging Face's tools? Those tools, and an encoder's shape.

SigLIP and CLIPA read with a tokenizer of `transformers`; open_clip's multilingual models (XLM-R,
mT5, NLLB) with a whole encoder. A published folder holds the weights of that encoder, and names
its shape by the repository that it was trained from. Without the network such a name says
nothing, so the shapes that open_clip's models name are written down here; another stands in a
`config.json` of Hugging Face's form beside the weights, or is asked for on the hub.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vqclip.errors import ModelError

SHAPE = "config.json"
INSTALL = "pip install 'vqclip[multilingual]'"
_ROBERTA: dict[str, Any] = {
    **{"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "vocab_size": 250002},
    **{"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "intermediate_size": 3072,
}
_MT5: dict[str, Any] = {
    **{"model_type": "mt5", "vocab_size": 250112, "d_model": 768, "d_kv": 64, "d_ff": 2048},
    **{"num_layers": 12, "num_heads": 12, "feed_forward_proj": "gated-gelu"},
    **{"is_encoder_decoder": True, "tie_word_embeddings": False},
    **{"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1},
}
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
_XL = {"d_model": 2048, "d_ff": 5120, "num_layers": 24, "num_heads": 32}
# As the repositories of these names state them.
SHAPES: dict[str, dict[str, Any]] = {
    "roberta-base": _ROBERTA | {"model_type": "roberta", "vocab_size": 50265},
    "xlm-roberta-base": _ROBERTA | {"model_type": "xlm-roberta"},
    "xlm-roberta-large": _ROBERTA
    | {"model_type": "xlm-roberta", **_LARGE, "intermediate_size": 4096},
    "google/mt5-base": _MT5,
    "google/mt5-xl": _MT5 | _XL,
}


def require(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a model that wants `transformers` where that is not installed.

    Args:
        name: the perceptor, for the message.
        settings: the "text_cfg" of its configuration.

    Raises:
        ModelError: that says what to install.
    """
    wants = settings.get("hf_model_name") or settings.get("hf_tokenizer_name")
    if wants and find_spec("transformers") is None:
        raise ModelError(
            f"perceptor {name} reads with tools of Hugging Face's that are not installed; "
            f"install them: {INSTALL} (or choose a perceptor that does without, such as "
            "ViT-B-32::openai)"
        )


@contextmanager
def shaped(settings: Mapping[str, Any], folder: Path | None) -> Iterator[dict[str, Any]]:
    """Bring the shape of a text tower's encoder into reach, for as long as this lasts.

    Args:
        settings: the "text_cfg" of a model.
        folder: where the model lies; None for one that open_clip fetches.

    Yields:
        What has to differ in the settings; nothing for a tower that is not Hugging Face's.

    Raises:
        ModelError: if a `config.json` beside the weights cannot be read.
    """
    name = settings.get("hf_model_name")
    beside = folder / SHAPE if folder is not None else None
    if not name or (name not in SHAPES and (beside is None or not beside.is_file())):
        yield {}
        return
    shape = SHAPES.get(name)
    if beside is not None and beside.is_file():
        shape = _read(beside)
    with tempfile.TemporaryDirectory(prefix="vqclip-") as place:
        (Path(place) / SHAPE).write_text(json.dumps(shape), encoding="utf-8")
        yield {"hf_model_name": place, "hf_model_pretrained": False}


def tokenizer_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a tokenizer is told so that nothing of its folder is run, whatever that asks for."""
    return {"trust_remote_code": False} if settings.get("hf_tokenizer_name") else {}


def _read(path: Path) -> dict[str, Any]:
    """A shape as Hugging Face writes it, without the names of programs that would build it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in found.items() if key != "auto_map"}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}); it states the shape of the text encoder: "
            "download it again"
        ) from error
