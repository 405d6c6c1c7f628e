"""Train a small prior: words → codes of the starter VQGAN. Run again to continue.

    python -m vqclip.training.prior configs/train/starter_prior.yaml data=DIR out=DIR minutes=150

Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation" (https://arxiv.org/abs/2102.12092), in
small. Differs: the words are the states of the starter CLIP's frozen text tower, so that words
which no caption holds arrive where their like are; and pictures are encoded before, in several
variants of ground, place and colour, because encoding costs more than learning does.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip import presets
from vqclip.models import vqgan
from vqclip.models.gpt import Shape
from vqclip.models.prior import Prior, blocks
from vqclip.training import data, scenes
from vqclip.training.runs import learning_rate, restore, save


@dataclass
class Recipe:
    """The settings of a training run; `configs/train/*.yaml` holds what differs."""

    data: str = "data"
    out: str = "training/prior"
    vqgan: str = "vqclip/models/starter"
    clip: str = "vqclip/models/starter/clip"
    begin: str = ""
    licences: list[str] = field(default_factory=lambda: ["permissive", "public-domain"])
    styles: list[str] = field(default_factory=list)
    steps: int = 10000
    until: int = 0
    minutes: float = 150.0
    threads: int = 0
    seed: int = 0
    batch: int = 128
    cells: int = 16
    block: int = 2
    width: int = 256
    layers: int = 6
    heads: int = 4
    words: int = 20
    dropout: float = 0.1
    rate: float = 1e-3
    silent_share: float = 0.1
    variants: int = 6
    tint_share: float = 0.25
    zoom: list[float] = field(default_factory=lambda: [0.75, 1.0])
    bf16: bool = True


@dataclass(frozen=True)
class Encoded:
    """A picture's codes, and what was made of it."""

    codes: Tensor  # [V, N, cells, cells]
    grounds: list[list[str | None]]
    tints: list[list[str | None]]


@torch.no_grad()
def encode(recipe: Recipe, pictures: data.Pictures) -> Encoded:
    """Lay every picture on `variants` grounds, some in another colour, and give its codes."""
    folder = Path(recipe.vqgan)
    model = vqgan.load(folder / "vqgan.yaml", folder / "vqgan.safetensors")
    side = recipe.cells * model.factor
    zoom = (recipe.zoom[0], recipe.zoom[1])
    nothing = torch.empty(0)  # no photographs as grounds: a draft is better off without
    shape = [recipe.variants, len(pictures), recipe.cells, recipe.cells]
    codes = torch.empty(shape, dtype=torch.int16)
    grounds: list[list[str | None]] = []
    tints: list[list[str | None]] = []
    for variant in range(recipe.variants):
        generator = torch.Generator().manual_seed(recipe.seed + 1000 + variant)
        grounds.append([])
        tints.append([])
        for first in range(0, len(pictures), 128):
            pixels = pictures.pixels[first : first + 128].clone()
            for index in range(len(pixels)):
                tint = None
                if torch.rand(1, generator=generator).item() < recipe.tint_share:
                    tint = data.TINTS[
                        int(torch.randint(len(data.TINTS), [1], generator=generator))
                    ]
                    pixels[index] = data.tint(pixels[index], data.COLOURS[tint])
                tints[-1].append(tint)
            images, names = scenes.compose(pixels, nothing, side, zoom, generator)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
                latent = model.encode(images)
            found = model.nearest(latent.float())
            codes[variant, first : first + len(found)] = found.to(torch.int16)
            grounds[-1] += names
    return Encoded(codes, grounds, tints)


class Reader(nn.Module):
    """The text tower of an open_clip model, frozen: texts → the states of their tokens."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        from vqclip import perceptors

        self.perceptor = perceptors.load(str(folder))

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """[B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe) -> None:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    if recipe.threads > 0:
        torch.set_num_threads(recipe.threads)
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)

    pictures = data.read(
        Path(recipe.data), "illustrations", side=128, classes=recipe.licences
    ).split()[0]
    if recipe.styles:
        chosen = [i for i, row in enumerate(pictures.rows) if row.style in recipe.styles]
        pictures = pictures.subset(chosen)
    cache = out / "codes.pt"
    if cache.exists():
        encoded = Encoded(**torch.load(cache, weights_only=True))
    else:
        encoded = encode(recipe, pictures)
        torch.save(vars(encoded), cache)
    weights = data.weights(pictures.rows)

    reader = Reader(Path(recipe.clip)).to(device)
    model = build(recipe, reader).to(device)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    everything = {"model": model, "optimiser": optimiser}
    if recipe.begin and not (out / "checkpoint.pt").exists():
        model.load_state_dict(torch.load(recipe.begin, weights_only=True)["model"])
    step = restore(out / "checkpoint.pt", everything)
    generator = torch.Generator().manual_seed(recipe.seed + step)
    deadline, saved = time.monotonic() + recipe.minutes * 60, time.monotonic()
    running = 0.0

    end = min(recipe.steps, recipe.until) if recipe.until > 0 else recipe.steps
    while step < end and time.monotonic() < deadline:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        codes, captions = draw(recipe, pictures, encoded, weights, generator)
        codes = codes.to(device)
        prefix = model.prefix(reader(captions).to(device))
        silent = torch.rand(len(codes), 1, 1, generator=generator) < recipe.silent_share
        prefix = torch.where(silent.to(device), model.silence, prefix)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            logits = model(codes, prefix)
        wanted = blocks(codes, recipe.block)
        loss = functional.cross_entropy(logits.float().flatten(0, 2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
        if step % 100 == 0:
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step, "loss": round(running, 3)}) + "\n")
        if time.monotonic() - saved > 240:
            save(out / "checkpoint.pt", everything, step)
            saved = time.monotonic()
    save(out / "checkpoint.pt", everything, step)
    export(recipe, model, out)


def draw(
    recipe: Recipe,
    pictures: data.Pictures,
    encoded: Encoded,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """A batch: codes [batch, cells, cells] and captions that say what they show."""
    twice = recipe.batch > len(weights)
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(encoded.codes), [recipe.batch], generator=generator)
    captions = [
        data.caption(pictures.rows[i], encoded.grounds[v][i], encoded.tints[v][i], generator)
        for v, i in zip(variant.tolist(), chosen.tolist(), strict=True)
    ]
    return encoded.codes[variant, chosen].long(), captions


def build(recipe: Recipe, reader: Reader) -> Prior:
    """A prior that fits the VQGAN's codebook and the CLIP's text tower."""
    folder = Path(recipe.vqgan)
    book = vqgan.load(folder / "vqgan.yaml", folder / "vqgan.safetensors").codebook
    shape = Shape(
        vocab_size=len(book),
        block_size=recipe.words + (recipe.cells // recipe.block) ** 2,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        n_embd=recipe.width,
        n_unmasked=recipe.words,
    )
    text_width = reader(["a"]).shape[-1]
    model = Prior(
        shape, recipe.words, text_width, recipe.cells, recipe.block, dropout=recipe.dropout
    )
    with torch.no_grad():  # codes that look alike begin alike
        alike = torch.randn(recipe.block**2, book.shape[1], recipe.width)
        alike = (book / book.std()) @ alike  # [K, codes, width]
        model.codes.weight.copy_(alike.flatten(0, 1) * 0.02 / book.shape[1] ** 0.5)
    return model


def export(recipe: Recipe, model: Prior, out: Path) -> None:
    """Write prior.yaml and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, out / "prior.safetensors")
    (out / "prior.yaml").write_text(yaml.safe_dump(model.config(), sort_keys=False))


def main(arguments: list[str]) -> None:
    """Read `[CONFIG.yaml] [key=value…]` and train."""
    path = next((Path(a) for a in arguments if a.endswith((".yaml", ".yml"))), None)
    train(presets.read_settings(Recipe, path, [a for a in arguments if "=" in a]))


if __name__ == "__main__":
    main(sys.argv[1:])
