"""The memory that runs take, beside what `vqclip plan` says.

    python benchmarks/memory.py [NAME …]

Each of the settings below is planned, then run for three steps in a process of its own, whose
peak is what the system counted. The published models are not needed: random weights of the same
shapes take the same memory, and are made for the while. It speaks of processors: what a GPU holds
is not part of a process.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

VQCLIP = (sys.executable, "-m", "vqclip")
PROMPT = "a red heart"
SHORT = ("steps=3", "growth=[]", "film.format=none", "device=cpu", "seed=1", "previews=0")
SHAPE = "ViT-B-32"
VQGANS = {"coarse": "imagenet_f16_1024", "fine": "gumbel_f8_8192"}
WORDS = {
    "default": [],
    "large": ["size=512x512"],
    "squares": ["cutouts.count=64", "perceptors=[starter,starter-second]"],
    "twice": ["size=1024x1024", "memory.recompute=true"],
    "tiles": ["size=1024x1024", "memory.tiles=true"],
    "published": ["vqgan=coarse", "perceptors={clip}", "size=256x256", "cutouts.count=32"],
    "fine": ["vqgan=fine", "perceptors={clip}", "size=256x256", "cutouts.count=32"],
    "thrifty": [
        *("vqgan=coarse", "perceptors={clip}", "size=512x512", "cutouts.count=32"),
        *("memory.chunk=4", "memory.recompute=true", "memory.tiles=true"),
    ],
}


def main() -> None:
    """Plan and run each, and print a table."""
    chosen = sys.argv[1:] or list(WORDS)
    print(" ".join(["$ python", *sys.argv]))
    print(f"{platform.platform()}, {os.cpu_count()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as place:
        os.environ["VQCLIP_HOME"] = place
        shaped(Path(place))
        print(f"{'settings':10}  planned  measured")
        for name in chosen:
            words = [each.format(clip=Path(place) / "clip") for each in WORDS[name]]
            line = [*VQCLIP, PROMPT, *SHORT, f"out={Path(place) / 'out'}", *words, "--quiet"]
            planned, measured = plan(words), peak(line)
            off = f"{planned / measured - 1:+.0%}"
            print(
                f"{name:10}  {planned / 1e9:4.2f} GB  {measured / 1e9:5.2f} GB  {off}", flush=True
            )


def shaped(place: Path) -> None:
    """Make models of the published shapes, with random weights."""
    from safetensors.torch import save_file

    from vqclip.models import vqgan, vqgan_config
    from vqclip.models.zoo import download, model_files
    from vqclip.models.zoo.catalogue import CHECKPOINTS

    weights = place / "shaped.safetensors"
    for name, published in VQGANS.items():
        config = model_files.MODELS_FOLDER / CHECKPOINTS[published].config
        save_file(vqgan.build_vqgan(vqgan_config.read_config(config)).state_dict(), weights)
        download.import_model(weights, config, name)
    shape_clip(place / "clip", SHAPE)


def shape_clip(folder: Path, shape: str) -> None:
    """Make a perceptor of a published shape, with random weights."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir()
    model = open_clip.create_model(shape)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    layout = {"model_cfg": open_clip.get_model_config(shape), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(layout))


def plan(words: list[str]) -> int:
    """Bytes that a run is said to need."""
    line = [*VQCLIP, "plan", PROMPT, *SHORT, *words, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1])["memory"])


def peak(line: list[str]) -> int:
    """Bytes that the process of a command, or one that it started, had at its peak."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "THP_"))}
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=plain)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        assert process.stderr is not None
        sys.exit(process.stderr.read().decode())
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
