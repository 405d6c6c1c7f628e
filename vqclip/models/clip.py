"""CLIP models: which ones open_clip knows, and where their weights and tokenizers are.

A CLIP's name is that of a bundled one, `model::weights` in open_clip's names, or a folder that
holds a model. `fetch_clip` downloads weights, `is_absent` looks for them without the network,
`build_without_weights` builds a model without weights.

SigLIP and CLIPA use a tokenizer of `transformers`; open_clip's multilingual models (XLM-R, mT5,
NLLB) use a whole text encoder of it. A published folder holds the weights of that encoder, but
gives its shape only by the name of a repository. So that no network is needed, the shapes that
open_clip's models name are listed here (`SHAPES`); another is read from a `config.json` beside
the weights, in Hugging Face's form, or asked for on the hub.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ConfigError, ModelAbsent, ModelError, pick, suggest
from vqclip.models.layers.initialisation import NoInitialisation
from vqclip.models.libraries.deferred_imports import pause_collection
from vqclip.models.zoo import model_files
from vqclip.models.zoo.checkpoint_file import unpack_tables
from vqclip.models.zoo.import_hint import explain_path
from vqclip.models.zoo.model_files import MissingModel, canonical_name, in_hub_cache

SHAPE = "config.json"  # the shape of a text encoder, beside the weights
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


def require_tokenizer(name: str, settings: Mapping[str, Any]) -> None:
    """Check that `transformers` is installed if a model needs it.

    Args:
        name: of the perceptor, for the message.
        settings: the "text_cfg" of its configuration.

    Raises:
        ModelError: if it is not installed.
    """
    wants = settings.get("hf_model_name") or settings.get("hf_tokenizer_name")
    if wants and find_spec("transformers") is None:
        raise ModelError(
            f"perceptor {name} needs tools of Hugging Face that are not installed; install "
            f"them: {INSTALL} (or choose a perceptor that works without them, such as "
            "ViT-B-32::openai)"
        )


@contextmanager
def tower_shape(settings: Mapping[str, Any], folder: Path | None) -> Iterator[dict[str, Any]]:
    """Provide the shape of a Hugging Face text encoder as a file, within the context.

    Args:
        settings: the "text_cfg" of a model.
        folder: of the model; None for one that open_clip fetches.

    Yields:
        Changes to the settings, which point to that file; {} if none are needed.

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
        shape = _read_shape(beside)
    with tempfile.TemporaryDirectory(prefix="vqclip-") as place:
        (Path(place) / SHAPE).write_text(json.dumps(shape), encoding="utf-8")
        yield {"hf_model_name": place, "hf_model_pretrained": False}


def tokenizer_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a tokenizer that keep it from running code of its folder."""
    return {"trust_remote_code": False} if settings.get("hf_tokenizer_name") else {}


def _read_shape(path: Path) -> dict[str, Any]:
    """Read a shape in Hugging Face's form, without the names of code that would build it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in found.items() if key != "auto_map"}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}); it states the shape of the text encoder: "
            "download it again"
        ) from error


CONFIG = "open_clip_config.json"
PACKED = "packed.safetensors"  # vqclip's own; see `vqclip.models.zoo.checkpoint_file`
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")


def perceptor_source(name: str) -> str:
    """Where a perceptor comes from: its folder, if the name is one, or the name as it is.

    Raises:
        ConfigError: if the name is longer than the name of a file may be.
    """
    if name in model_files.starter_clips():
        return str(model_files.starter_clips()[name])
    path = os.path.expanduser(name)
    try:
        os.stat(path)
    except ValueError:
        pass  # a null byte: open_clip's names have none either, and it says so
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ConfigError(
                f"no perceptor is called {name[:60]!r}…; write model::weights in open_clip's "
                "names, for example ViT-B-32::openai"
            ) from error
    return path if os.path.isdir(path) else name


def fetch_clip(name: str) -> None:
    """Download the weights of `model::weights` into open_clip's cache, if they are not there.

    Raises:
        ConfigError: if open_clip knows no such name.
        ModelAbsent: if the download fails, as it does without a network.
    """
    clip = import_open_clip()
    download_weights(clip, *split_model_name(clip, name))


def is_absent(name: str) -> MissingModel | None:
    """Look for the weights of a perceptor on this machine, without the network.

    Args:
        name: of the perceptor; a bundled one or a folder is never absent.

    Returns:
        None if they are here; else the model that is missing, with its size.

    Raises:
        ConfigError: if open_clip knows no such name.
    """
    name = perceptor_source(name)
    if Path(name).is_dir():
        return None
    clip = import_open_clip()
    model, tag = split_model_name(clip, name)
    source = clip.get_pretrained_cfg(model, tag)
    repository, _, file = (source.get("hf_hub") or "").rpartition("/")
    if repository:
        here = in_hub_cache(repository, (file,)) if file else in_hub_cache(repository)
    else:
        here = (Path("~/.cache/clip").expanduser() / Path(source["url"]).name).is_file()
    if here:
        return None
    bare = build_without_weights(f"{model}::{tag}")
    return MissingModel(f"{model}::{tag}", None if bare is None else _count_bytes(bare))


def build_without_weights(name: str) -> Any | None:
    """Build a perceptor's model without weights, on the meta device, which takes no memory.

    Args:
        name: of the perceptor.

    Returns:
        The open_clip model, or None if its shape may have to be asked for on a hub.

    Raises:
        ConfigError: if open_clip knows no such name. ModelError: if a folder holds no model.
    """
    name = perceptor_source(name)
    clip = import_open_clip()
    quick = False
    if Path(name).is_dir():
        source = check_folder(Path(name))
        towers = read_settings(Path(name))
    else:
        source, tag = split_model_name(clip, name)
        quick = needs_quick_gelu(clip, source, tag)
        towers = clip.get_model_config(source)
    vision = towers["vision_cfg"]
    fetched = vision.get("timm_model_name") and vision.get("timm_model_pretrained")
    if fetched or towers["text_cfg"].get("hf_model_name"):
        return None
    with torch.device("meta"), NoInitialisation(), silence_warnings():
        options = {"load_weights": False, "device": "meta", "force_quick_gelu": quick}
        model = clip.create_model(source, **options)
    return model.eval().requires_grad_(False)


@contextmanager
def silence_warnings() -> Iterator[None]:
    """Silence open_clip's warning that a model is built without weights."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def import_open_clip() -> ModuleType:
    """Import open_clip, when it is needed.

    Raises:
        ModelError: if the import fails.
    """
    try:
        with pause_collection():
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


def check_folder(path: Path) -> str:
    """Check that a folder holds a model, and return its name for open_clip.

    Raises:
        ModelError: if it holds none.
    """
    if not (path / CONFIG).is_file():
        raise ModelError(
            f"the folder {path} holds no {CONFIG}; a perceptor's folder holds that and "
            "open_clip_model.safetensors"
        )
    find_weights(path)
    return f"local-dir:{path}"


def read_settings(path: Path) -> dict[str, Any]:
    """Read the configuration of the model in a folder, with its "text_cfg" and "vision_cfg".

    Raises:
        ModelError: if it cannot be read, or lacks one of them.
    """
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        return {**config["model_cfg"]} | {
            part: dict(config["model_cfg"][part]) for part in ("text_cfg", "vision_cfg")
        }
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path / CONFIG} is no configuration of open_clip's ({error}); it has model_cfg "
            "with text_cfg and vision_cfg in it: download or export it again"
        ) from error


def split_model_name(clip: ModuleType, name: str) -> tuple[str, str]:
    """Split `model::weights` into the two names, checked and spelt as open_clip does.

    Raises:
        ConfigError: if open_clip knows no such name.
    """
    model, _, tag = name.partition("::")
    model = model.replace("/", "-")  # OpenAI writes ViT-B/32
    tags = {known: known for known in clip.list_pretrained_tags_by_model(model)}
    if not tags and (told := explain_path(name, "perceptors")):
        raise ConfigError(told)
    if not tags:
        near = suggest(name, model_files.starter_clips()) or suggest(
            f"{model}::{tag}", [f"{m}::{t}" for m, t in clip.list_pretrained()]
        )
        raise ConfigError(
            f"no perceptor is called {name!r}, nor is it a folder{near}; write model::weights in "
            "open_clip's names, for example ViT-B-32::openai"
        )
    if tag == "":
        raise ConfigError(
            f"perceptor {name!r} does not say which weights; write {model}::{next(iter(tags))} "
            f"(or another of: {', '.join(tags)})"
        )
    cleaned = canonical_name(name).partition("::")[2]
    return model, pick(tags, cleaned if cleaned in tags else tag, f"set of weights for {model}")


def read_packed_weights(path: Path) -> dict[str, Tensor] | None:
    """Read the packed weights of a folder; None if it has none.

    If the configuration has `"words_of": FOLDER`, the text tower is that of FOLDER, which lies
    beside this one.

    Raises:
        ModelError: if they cannot be read.
    """
    from safetensors.torch import load_file

    if not (path / PACKED).is_file():
        return None
    try:
        state = unpack_tables(load_file(path / PACKED))
        lender = json.loads((path / CONFIG).read_text(encoding="utf-8")).get("words_of")
        if lender is not None:
            words = unpack_tables(load_file(path.parent / str(lender) / PACKED))
            state = {k: v for k, v in words.items() if not k.startswith("visual.")} | state
    except Exception as error:  # a damaged file may raise nearly anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the perceptor in {path} cannot be read: {first}; if it came with vqclip, install "
            "vqclip again"
        ) from error
    return state


def find_weights(path: Path) -> Path:
    """The file of weights in a folder, by the same preference as open_clip's.

    Raises:
        ModelError: if there is none.
    """
    if (path / PACKED).is_file():
        return path / PACKED
    usual = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
    found = [file for pattern in _WEIGHTS for file in path.glob(pattern)]
    order = [(f.name not in usual, f.suffix != ".safetensors", f) for f in found]
    if not order:
        raise ModelError(
            f"the folder {path} holds no weights; put open_clip_model.safetensors beside {CONFIG}"
        )
    return min(order)[-1]


def download_weights(clip: ModuleType, model: str, tag: str) -> Path:
    """Have open_clip download weights into its cache, and return their path.

    Raises:
        ModelAbsent: if the download fails.
    """
    try:
        return Path(clip.download_pretrained(clip.get_pretrained_cfg(model, tag)))
    except Exception as error:  # each hub and each kind of broken network has its own class
        raise ModelAbsent(
            f"the weights of perceptor {model}::{tag}{_size_note(model, tag)} are not on this "
            "machine and cannot be downloaded; while online, run: vqclip models fetch "
            f'"{model}::{tag}"; or use the bundled ones: --preset starter'
        ) from error


def needs_quick_gelu(clip: ModuleType, model: str, tag: str) -> bool:
    """Whether weights were trained with QuickGELU, which the model's name does not tell."""
    return bool(clip.get_pretrained_cfg(model, tag).get("quick_gelu"))


def _size_note(model: str, tag: str) -> str:
    """The size of a model's weights, for a message; "" if it cannot be known offline."""
    bare = build_without_weights(f"{model}::{tag}")
    return "" if bare is None else f" (about {_count_bytes(bare) / 1e9:.1f} GB)"


def _count_bytes(model: Any) -> int:
    """The bytes of a model's weights as published: four for each."""
    return sum(int(weight.numel()) for weight in model.parameters()) * 4
