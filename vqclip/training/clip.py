"""Train a small CLIP. Read from top to bottom; run again to continue.

    python -m vqclip.training.clip CONFIG.yaml data=DIR out=DIR minutes=150

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(https://arxiv.org/abs/2103.00020), on open_clip's own model. Differs, because this CLIP will be
optimised against rather than asked politely:
- after a while every picture is first moved along the gradient that would fool the model, within
  a small distance, and learnt like that: gradients of a network that withstands this draw shapes
  instead of noise (Santurkar et al., 2019, "Image Synthesis with a Single (Robust) Classifier",
  https://arxiv.org/abs/1906.09453);
- a text must also prefer its picture to pictures of nothing: shuffled tiles, double exposures,
  noise, and random codes of a VQGAN;
- its image tower begins with ImageNet weights, or imitates a teacher that has them
  (`vqclip.training.teacher`): a few thousand captions are too few to learn what things look like;
- its text tower recites what a sentence encoder makes of many words, so that those which no
  caption holds find their places (`vqclip.training.sentences`);
- the same thing in another style is not a mistake: every picture of a caption's concept counts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vqclip import presets
from vqclip.training import data
from vqclip.training.batches import Batches
from vqclip.training.contrast import attack, contrast
from vqclip.training.runs import learning_rate, restore, save
from vqclip.training.towers import Model, Recipe, export, groups
from vqclip.training.views import nonsense, perturb


def imitation(recipe: Recipe, model: Model, pictures: data.Pictures) -> Tensor:
    """Read the teacher's file: its text tower goes into `model`; returns targets [N, D]."""
    taught = torch.load(recipe.teacher, weights_only=True)
    model.load_state_dict(taught["text"], strict=False)
    row_of = {file: index for index, file in enumerate(taught["files"])}
    return taught["targets"][[row_of[row.file] for row in pictures.rows]]


def train(recipe: Recipe) -> None:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    if recipe.threads > 0:
        torch.set_num_threads(recipe.threads)
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)

    def autocast() -> Any:
        return torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16)

    folder = Path(recipe.data)
    pictures, held = data.read(
        folder, "illustrations", side=max(64, recipe.size), classes=recipe.licences
    ).split()
    photos = data.read(folder, "photos", side=128, classes=recipe.licences)
    batches = Batches(recipe, pictures, photos)

    model = Model(recipe).to(device).train()
    optimiser = torch.optim.AdamW(groups(recipe, model), betas=(0.9, 0.98))
    everything = {"model": model, "optimiser": optimiser}
    targets = torch.zeros(len(pictures), recipe.embedding)
    if recipe.begin and not (out / "checkpoint.pt").exists():
        model.load_state_dict(torch.load(recipe.begin, weights_only=True)["model"], strict=False)
    if recipe.teacher:
        targets = imitation(recipe, model, pictures)
    step = restore(out / "checkpoint.pt", everything)
    generator = torch.Generator().manual_seed(recipe.seed + step)
    book = torch.load(recipe.sentences, weights_only=True) if recipe.sentences else None
    decodes = random_decodes(recipe) if recipe.vqgan else torch.empty(0, 3, 0, 0)
    deadline, saved = time.monotonic() + recipe.minutes * 60, time.monotonic()
    running = 0.0

    # The rate is planned for all `steps`; `until` ends the run before, for what comes next.
    end = min(recipe.steps, recipe.until) if recipe.until > 0 else recipe.steps
    while step < end and time.monotonic() < deadline:
        for group in optimiser.param_groups:
            group["lr"] = group["pace"] * learning_rate(recipe, step)
        images, captions, shown, chosen = batches.draw(generator)
        # A text also holds for a picture that shows something else besides.
        same = torch.tensor([[text <= here for text in shown] for here in shown], device=device)
        images = perturb(images, generator)
        empty = nonsense(images, decodes, recipe.nonsense, generator).to(device)
        images = images.to(device)
        # Hiding patches makes early steps cheap (Li et al., 2022, FLIP, arXiv 2212.00794).
        if not recipe.trunk:
            hidden = recipe.hide if step < recipe.attack_from else 0.0
            model.clip.visual.patch_dropout.prob = hidden
        if step >= recipe.attack_from:
            with torch.no_grad(), autocast():
                text = model.read(captions)
            # Stronger with time: an untrained model that is fooled learns nothing.
            rms = recipe.attack_rms * min(1.0, (step - recipe.attack_from + 1) / 500)
            images = attack(model, images, text, same, rms, autocast)
        with autocast():
            image = model.look(torch.cat([images, empty]))
            with torch.set_grad_enabled(not recipe.words_fixed):
                text = model.read(captions)
        loss = contrast(image, text, same, model.clip.logit_scale.exp())
        if recipe.teacher:
            untinted = chosen >= 0
            wanted = targets[chosen[untinted]].to(device)
            likeness = (image[: len(images)][untinted.to(device)] * wanted).sum(1)
            loss = loss + recipe.imitate * (1 - likeness).sum() / max(1, len(likeness))
        if book is not None:
            picked = torch.randint(len(book["texts"]), [recipe.recited], generator=generator)
            with autocast():
                spoken = model.echo(model.read([book["texts"][i] for i in picked.tolist()]))
            wanted = book["meanings"][picked].to(device).float()
            loss = (
                loss
                + recipe.recite * (1 - nn.functional.cosine_similarity(spoken, wanted)).mean()
            )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.clip.logit_scale.clamp_(0, 4.0)  # e⁴ is about 55
        step += 1
        running = 0.98 * running + 0.02 * loss.item() if running else loss.item()

        if step % 250 == 0:
            line = {"step": step, "loss": round(running, 3)}
            line |= examine(model, pictures, "known", recipe)
            line |= examine(model, held, "held_out", recipe)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if time.monotonic() - saved > 240:
            save(out / "checkpoint.pt", everything, step)
            saved = time.monotonic()
    save(out / "checkpoint.pt", everything, step)
    export(recipe, model, pictures, out)


@torch.no_grad()
def examine(model: Model, pictures: data.Pictures, name: str, recipe: Recipe) -> dict[str, float]:
    """How often the right one of up to 256 concepts comes first, for its picture on white."""
    if len(pictures) == 0:
        return {}
    model.eval()
    first = {row.concept: i for i, row in reversed(list(enumerate(pictures.rows)))}
    order = torch.randperm(len(first), generator=torch.Generator().manual_seed(5))[:256]
    concepts = [list(first)[i] for i in order.tolist()]
    rgba = pictures.pixels[[first[c] for c in concepts]].float() / 255
    white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
    image = model.look(white.to(model.mean.device))
    best = (image @ model.read(concepts).T).argmax(1).cpu()
    model.train()
    return {name: round(float((best == torch.arange(len(concepts))).float().mean()), 3)}


@torch.no_grad()
def random_decodes(recipe: Recipe) -> Tensor:
    """512 pictures of random codes of the VQGAN in the folder `recipe.vqgan`."""
    from vqclip.models import vqgan

    folder = Path(recipe.vqgan)
    model = vqgan.load(folder / "vqgan.yaml", folder / "vqgan.safetensors")
    generator = torch.Generator().manual_seed(recipe.seed)
    side = recipe.size // model.factor
    return torch.cat([model.decode(model.random(side, side, generator)) for _ in range(512)])


def main(arguments: list[str]) -> None:
    """Read `[CONFIG.yaml] [key=value…]` and train."""
    path = next((Path(a) for a in arguments if a.endswith((".yaml", ".yml"))), None)
    train(presets.read_settings(Recipe, path, [a for a in arguments if "=" in a]))


if __name__ == "__main__":
    main(sys.argv[1:])
