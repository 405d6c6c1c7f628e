"""Train a small CLIP. Read from top to bottom; run again to continue.

    python -m vqclip.training.clip configs/train/starter_clip.yaml data=DIR out=DIR minutes=150

Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
(https://arxiv.org/abs/2103.00020), on open_clip's own model. Differs, because this CLIP will be
optimised against rather than asked politely:
- after a while every picture is first moved along the gradient that would fool the model, within
  a small distance, and learnt like that: gradients of a network that withstands this draw shapes
  instead of noise (Santurkar et al., 2019, "Image Synthesis with a Single (Robust) Classifier",
  https://arxiv.org/abs/1906.09453);
- a text must also prefer its picture to pictures of nothing: shuffled tiles, double exposures,
  noise, and random codes of a VQGAN;
- its image tower also imitates a teacher that saw ImageNet (`vqclip.training.teacher`): a few
  thousand captions are too few to learn what things look like;
- the same thing in another style is not a mistake: every picture of a caption's concept counts.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vqclip import presets
from vqclip.training import data
from vqclip.training.contrast import attack, contrast
from vqclip.training.runs import restore, save
from vqclip.training.views import nonsense, perturb

MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's own, peers and papers alike
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass
class Recipe:
    """The settings of a training run; `configs/train/*.yaml` holds what differs."""

    data: str = "data"
    out: str = "training/clip"
    vqgan: str = ""
    teacher: str = ""
    begin: str = ""
    licences: list[str] = field(default_factory=lambda: ["permissive", "public-domain"])
    steps: int = 8000
    until: int = 0
    minutes: float = 150.0
    threads: int = 0
    seed: int = 0
    batch: int = 128
    nonsense: int = 32
    size: int = 64
    patch: int = 8
    width: int = 192
    layers: int = 6
    text_width: int = 128
    text_layers: int = 3
    context: int = 32
    embedding: int = 192
    rate: float = 1e-3
    imitate: float = 4.0
    zoom: list[float] = field(default_factory=lambda: [0.5, 1.5])
    tint_share: float = 0.2
    hide: float = 0.4
    attack_from: int = 3000
    attack_rms: float = 0.03
    bf16: bool = True


def architecture(recipe: Recipe) -> dict[str, Any]:
    """The model as an open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": recipe.embedding,
            "vision_cfg": {
                "image_size": recipe.size,
                "layers": recipe.layers,
                "width": recipe.width,
                "head_width": 64,
                "patch_size": recipe.patch,
                "patch_dropout": recipe.hide,
            },
            "text_cfg": {
                "context_length": recipe.context,
                "vocab_size": 49408,
                "width": recipe.text_width,
                "heads": recipe.text_width // 64,
                "layers": recipe.text_layers,
            },
        },
        "preprocess_cfg": {"mean": list(MEAN), "std": list(STD)},
    }


class Batches:
    """Endless pictures [batch, 3, size, size] in [0, 1], captions, and what each shows."""

    def __init__(self, recipe: Recipe, pictures: data.Pictures, photos: data.Pictures) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = data.weights(pictures.rows)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, list[str], list[str], Tensor]:
        """Draw a batch; the last part is each picture's index, or -1 if it was tinted."""
        recipe = self.recipe
        twice = recipe.batch > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, recipe.batch, twice, generator=generator)
        pixels = self.pictures.pixels[chosen]
        tints: list[str | None] = [None] * recipe.batch
        for index in range(recipe.batch):
            if torch.rand(1, generator=generator).item() < recipe.tint_share:
                pick = int(torch.randint(len(data.TINTS), [1], generator=generator))
                tints[index] = data.TINTS[pick]
                pixels[index] = data.tint(pixels[index], data.COLOURS[data.TINTS[pick]])
        zoom = (recipe.zoom[0], recipe.zoom[1])
        images, names = data.compose(pixels, self.photos.pixels, recipe.size, zoom, generator)
        captions, shown = [], []
        for index, row in enumerate(self.pictures.rows[i] for i in chosen.tolist()):
            captions.append(data.caption(row, names[index], tints[index], generator))
            shown.append(f"{tints[index]} {row.concept}")
        plain = torch.tensor([tint is None for tint in tints])
        return images, captions, shown, chosen.where(plain, torch.tensor(-1))


class Model(nn.Module):
    """open_clip's CLIP between pictures in [0, 1] and words."""

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        from open_clip import CLIP, SimpleTokenizer

        cfg = architecture(recipe)["model_cfg"]
        self.clip = CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])
        self.tokenizer = SimpleTokenizer(context_length=recipe.context)

    def look(self, images: Tensor) -> Tensor:
        """[N, 3, S, S] in [0, 1] → [N, D], rows of length 1."""
        return self.clip.encode_image((images - self.mean) / self.std, normalize=True).float()

    def read(self, captions: list[str]) -> Tensor:
        """Texts → [N, D], rows of length 1."""
        tokens = self.tokenizer(captions).to(self.mean.device)
        return self.clip.encode_text(tokens, normalize=True).float()


def imitation(recipe: Recipe, model: Model, pictures: data.Pictures) -> Tensor:
    """Read the teacher's file: its text tower goes into `model`; returns targets [N, D]."""
    taught = torch.load(recipe.teacher, weights_only=True)
    model.load_state_dict(taught["text"], strict=False)
    row_of = {file: index for index, file in enumerate(taught["files"])}
    return taught["targets"][[row_of[row.file] for row in pictures.rows]]


def learning_rate(recipe: Recipe, step: int) -> float:
    """A warm-up, then half a cosine down to a fiftieth."""
    wave = 0.5 + 0.5 * torch.tensor(step / recipe.steps * torch.pi).clamp(max=torch.pi).cos()
    return recipe.rate * min(1.0, step / 200 + 0.005) * max(0.02, wave.item())


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
    pictures, held = data.read(folder, "illustrations", side=64, classes=recipe.licences).split()
    photos = data.read(folder, "photos", side=128, classes=recipe.licences)
    batches = Batches(recipe, pictures, photos)

    model = Model(recipe).to(device)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    everything = {"model": model, "optimiser": optimiser}
    targets = torch.zeros(len(pictures), recipe.embedding)
    if recipe.begin and not (out / "checkpoint.pt").exists():
        model.load_state_dict(torch.load(recipe.begin, weights_only=True)["model"])
    if recipe.teacher:
        targets = imitation(recipe, model, pictures)
    step = restore(out / "checkpoint.pt", everything)
    generator = torch.Generator().manual_seed(recipe.seed + step)
    decodes = random_decodes(recipe) if recipe.vqgan else torch.empty(0, 3, 0, 0)
    deadline, saved = time.monotonic() + recipe.minutes * 60, time.monotonic()
    running = 0.0

    # The rate is planned for all `steps`; `until` ends the run before, for what comes next.
    end = min(recipe.steps, recipe.until) if recipe.until > 0 else recipe.steps
    while step < end and time.monotonic() < deadline:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        images, captions, shown, chosen = batches.draw(generator)
        same = torch.tensor([[a == b for b in shown] for a in shown], device=device)
        images = perturb(images, generator)
        empty = nonsense(images, decodes, recipe.nonsense, generator).to(device)
        images = images.to(device)
        # Hiding patches makes early steps cheap (Li et al., 2022, FLIP, arXiv 2212.00794).
        model.clip.visual.patch_dropout.prob = recipe.hide if step < recipe.attack_from else 0.0
        if step >= recipe.attack_from:
            with torch.no_grad(), autocast():
                text = model.read(captions)
            # Stronger with time: an untrained model that is fooled learns nothing.
            rms = recipe.attack_rms * min(1.0, (step - recipe.attack_from + 1) / 500)
            images = attack(model, images, text, same, rms, autocast)
        with autocast():
            image, text = model.look(torch.cat([images, empty])), model.read(captions)
        loss = contrast(image, text, same, model.clip.logit_scale.exp())
        if recipe.teacher:
            untinted = chosen >= 0
            wanted = targets[chosen[untinted]].to(device)
            likeness = (image[: len(images)][untinted.to(device)] * wanted).sum(1)
            loss = loss + recipe.imitate * (1 - likeness).sum() / max(1, len(likeness))
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


def export(recipe: Recipe, model: Model, pictures: data.Pictures, out: Path) -> None:
    """Write what open_clip reads: open_clip_config.json and half-precision safetensors.

    Tokens that no caption holds never moved from their random start; they are set to zero, which
    reads as a word without a meaning rather than one with a random meaning, and packs to nothing.
    """
    from safetensors.torch import save_file

    words = [c.lower() for row in pictures.rows for c in row.captions]
    words += [row.style for row in pictures.rows] + list(data.COLOURS)
    words += ["a an of on background"]
    used = torch.unique(torch.cat([model.tokenizer(w).flatten() for w in words]))
    table = model.clip.token_embedding.weight.detach()
    kept = torch.zeros_like(table)
    kept[used] = table[used]
    tensors = {k: v.half().contiguous() for k, v in model.clip.state_dict().items()}
    tensors["token_embedding.weight"] = kept.half()
    save_file(tensors, out / "open_clip_model.safetensors")
    config = architecture(recipe)
    del config["model_cfg"]["vision_cfg"]["patch_dropout"]  # a matter of training only
    text = json.dumps(config, indent=2)
    (out / "open_clip_config.json").write_text(text + "\n")


def main(arguments: list[str]) -> None:
    """Read `[CONFIG.yaml] [key=value…]` and train."""
    path = next((Path(a) for a in arguments if a.endswith((".yaml", ".yml"))), None)
    train(presets.read_settings(Recipe, path, [a for a in arguments if "=" in a]))


if __name__ == "__main__":
    main(sys.argv[1:])
