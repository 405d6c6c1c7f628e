"""Train a small VQGAN. Read from top to bottom; run again to continue.

    python -m vqclip.training.vqgan configs/train/starter_vqgan.yaml data=DIR out=DIR minutes=150

Esser, Rombach, Ommer, 2021, "Taming Transformers for High-Resolution Image Synthesis"
(https://arxiv.org/abs/2012.09841). Differs:
- the codebook follows running means of its latents (van den Oord et al., 2017, appendix A.1), and
  codes that fall out of use are drawn again from the batch: half of a codebook that is moved by
  gradients alone dies in a short training;
- quantisation starts late, from a codebook taken from the data: the first steps are about colour;
- no LPIPS, whose VGG weights are not ours to ship: the picture, its blurred colours and its edges
  are compared instead, and a patch discriminator joins at the end.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip import presets
from vqclip.training import data, scenes
from vqclip.training.codebook import Codebook
from vqclip.training.runs import restore, save


@dataclass
class Recipe:
    """The settings of a training run; `configs/train/*.yaml` holds what differs."""

    data: str = "data"
    out: str = "training/vqgan"
    licences: list[str] = field(default_factory=lambda: ["permissive", "public-domain"])
    steps: int = 20000
    until: int = 0
    minutes: float = 150.0
    threads: int = 0
    seed: int = 0
    batch: int = 16
    size: int = 64
    rate: float = 6e-4
    zoom: list[float] = field(default_factory=lambda: [0.7, 3.0])
    photo_share: float = 0.15
    quantise_from: int = 800
    revive_every: int = 150
    discriminate_from: int = 9000
    discriminator_weight: float = 0.3
    codes: int = 1024
    code_channels: int = 32
    width: int = 32
    multiples: list[int] = field(default_factory=lambda: [1, 1, 2, 4])
    blocks: int = 1
    z_channels: int = 64
    bf16: bool = True


def architecture(recipe: Recipe) -> dict[str, Any]:
    """The model in taming's YAML layout, as the ordinary loader reads it."""
    return {
        "model": {
            "target": "taming.models.vqgan.VQModel",
            "params": {
                "embed_dim": recipe.code_channels,
                "n_embed": recipe.codes,
                "ddconfig": {
                    "double_z": False,
                    "z_channels": recipe.z_channels,
                    "resolution": recipe.size,
                    "in_channels": 3,
                    "out_ch": 3,
                    "ch": recipe.width,
                    "ch_mult": list(recipe.multiples),
                    "num_res_blocks": recipe.blocks,
                    "attn_resolutions": [],
                    "dropout": 0.0,
                },
            },
        }
    }


class Model(nn.Module):
    """A VQModel under taming's key names."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        from taming.modules.diffusionmodules.model import Decoder, Encoder

        parts = architecture(recipe)["model"]["params"]["ddconfig"]
        with contextlib.redirect_stdout(io.StringIO()):  # taming prints the shape of z
            self.encoder, self.decoder = Encoder(**parts), Decoder(**parts)
        self.quantize = Codebook(recipe.codes, recipe.code_channels)
        self.quant_conv = nn.Conv2d(recipe.z_channels, recipe.code_channels, 1)
        self.post_quant_conv = nn.Conv2d(recipe.code_channels, recipe.z_channels, 1)

    def encode(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] in [-1, 1] → latents before quantisation."""
        return self.quant_conv(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Latents → [B, 3, H, W], about [-1, 1]."""
        return self.decoder(self.post_quant_conv(z))


def edges(x: Tensor) -> Tensor:
    """Differences to the right and to below, both [B, C, H-1, W-1], as one tensor."""
    here = x[..., :-1, :-1]
    return torch.cat([x[..., :-1, 1:] - here, x[..., 1:, :-1] - here], 1)


def picture_distance(made: Tensor, real: Tensor) -> Tensor:
    """Pixels, blurred colours at two scales, and edges. Zero for equal pictures."""
    loss = (made - real).abs().mean() + (made - real).pow(2).mean()
    for factor in (4, 16):
        loss = loss + functional.l1_loss(
            functional.avg_pool2d(made, factor), functional.avg_pool2d(real, factor)
        )
    return loss + 2 * functional.l1_loss(edges(made), edges(real))


class Batches:
    """Endless pictures [batch, 3, size, size] in [-1, 1]."""

    def __init__(self, recipe: Recipe, pictures: data.Pictures, photos: data.Pictures) -> None:
        self.recipe, self.pictures, self.photos = recipe, pictures, photos
        self.weights = data.weights(pictures.rows)

    def draw(self, generator: torch.Generator) -> Tensor:
        recipe = self.recipe
        twice = recipe.batch > len(self.weights)  # only a small folder repeats itself in a batch
        chosen = torch.multinomial(self.weights, recipe.batch, twice, generator=generator)
        zoom = (recipe.zoom[0], recipe.zoom[1])
        pixels = self.pictures.pixels[chosen]
        images, _ = scenes.compose(pixels, self.photos.pixels, recipe.size, zoom, generator)
        for index in range(round(recipe.batch * recipe.photo_share)):
            pick = int(torch.randint(len(self.photos), [1], generator=generator))
            images[index] = scenes.crop(self.photos.pixels[pick], recipe.size, generator)
        return images * 2 - 1


def decibels(made: Tensor, real: Tensor) -> float:
    """Peak signal-to-noise ratio of pictures in [-1, 1]."""
    error = (made.clamp(-1, 1) - real).pow(2).mean() / 4
    return float(-10 * error.log10())


def learning_rate(recipe: Recipe, step: int) -> float:
    """A short warm-up, then a straight line down to a twentieth."""
    return recipe.rate * min(1.0, step / 100 + 0.01) * max(0.05, 1 - step / recipe.steps)


def train(recipe: Recipe) -> None:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    if recipe.threads > 0:
        torch.set_num_threads(recipe.threads)
    out = Path(recipe.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)

    folder = Path(recipe.data)
    pictures, held = data.read(folder, "illustrations", side=128, classes=recipe.licences).split()
    photos = data.read(folder, "photos", side=128, classes=recipe.licences)
    batches = Batches(recipe, pictures, photos)
    judge = torch.Generator().manual_seed(7)
    examined = held if len(held) > 0 else pictures  # a small folder may have none to hold out
    exam = torch.cat([Batches(recipe, examined, photos).draw(judge) for _ in range(4)]).to(device)

    from taming.modules.discriminator.model import NLayerDiscriminator

    model = Model(recipe).to(device)
    critic = NLayerDiscriminator(ndf=32, n_layers=2).to(device)
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], betas=(0.9, 0.99), weight_decay=0.01
    )
    critic_optimiser = torch.optim.AdamW(critic.parameters(), lr=2e-4, betas=(0.5, 0.9))
    everything = {
        "model": model,
        "critic": critic,
        "optimiser": optimiser,
        "critic_optimiser": critic_optimiser,
    }
    step = restore(out / "checkpoint.pt", everything)
    generator = torch.Generator().manual_seed(recipe.seed + step)
    deadline, saved = time.monotonic() + recipe.minutes * 60, time.monotonic()

    # The rate is planned for all `steps`; `until` ends the run before, for what comes next.
    end = min(recipe.steps, recipe.until) if recipe.until > 0 else recipe.steps
    while step < end and time.monotonic() < deadline:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        real = batches.draw(generator).to(device)
        quantised = step >= recipe.quantise_from
        adversarial = step >= recipe.discriminate_from
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            z = model.encode(real)
            if step == recipe.quantise_from:
                model.quantize.revive(z.detach(), float("inf"))
            commitment = torch.zeros((), device=device)
            if quantised:
                z, commitment, _ = model.quantize(z)
            made = model.decode(z)
        made = made.float()
        loss = picture_distance(made, real) + 0.25 * commitment
        if adversarial:
            fooled = -critic(made).mean()
            last = model.decoder.conv_out.weight
            # Esser et al., equation 7: the critic pulls as hard as the pictures do.
            ours = torch.autograd.grad(loss, last, retain_graph=True)[0].norm()
            theirs = torch.autograd.grad(fooled, last, retain_graph=True)[0].norm()
            balance = (ours / (theirs + 1e-4)).clamp(0, 10).detach()
            loss = loss + recipe.discriminator_weight * balance * fooled
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step >= recipe.discriminate_from - 500:  # the critic learns a little ahead
            judged = functional.relu(1 - critic(real)).mean()
            judged = judged + functional.relu(1 + critic(made.detach())).mean()
            critic_optimiser.zero_grad()
            judged.backward()
            critic_optimiser.step()
        if quantised and step % recipe.revive_every == 0:
            with torch.no_grad():
                model.quantize.revive(model.encode(real), 0.01)
        step += 1

        if step % 200 == 0:
            report(out, model, exam, step, quantised)
        if time.monotonic() - saved > 240:
            save(out / "checkpoint.pt", everything, step)
            saved = time.monotonic()
    save(out / "checkpoint.pt", everything, step)
    export(recipe, model, out)


@torch.no_grad()
def report(out: Path, model: Model, exam: Tensor, step: int, quantised: bool) -> None:
    """Add a line to log.jsonl, and now and then a sheet: real, rebuilt, random codes."""
    model.eval()
    z = model.encode(exam)
    used = 0
    if quantised:
        z, _, indices = model.quantize(z)
        used = len(indices.unique())
    made = model.decode(z)
    line = {"step": step, "psnr": round(decibels(made, exam), 2), "codes_in_exam": used}
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    if step % 1000 == 0:
        from torchvision.utils import save_image

        codes = model.quantize.embedding.weight
        random = codes[torch.randint(len(codes), [16, *z.shape[2:]])]
        decoded = model.decode(random.permute(0, 3, 1, 2))
        sheet = torch.cat([exam[:16], made[:16], exam[16:32], made[16:32], decoded])
        save_image(sheet.clamp(-1, 1) / 2 + 0.5, out / f"sheet-{step:06d}.png", nrow=16)
    model.train()


def export(recipe: Recipe, model: Model, out: Path) -> None:
    """Write what the ordinary loader reads: taming's YAML and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    skip = ("quantize.usage", "quantize.sums")
    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items() if k not in skip}
    save_file(tensors, out / "vqgan.safetensors")
    (out / "vqgan.yaml").write_text(yaml.safe_dump(architecture(recipe), sort_keys=False))


def main(arguments: list[str]) -> None:
    """Read `[CONFIG.yaml] [key=value…]` and train."""
    path = next((Path(a) for a in arguments if a.endswith((".yaml", ".yml"))), None)
    train(presets.read_settings(Recipe, path, [a for a in arguments if "=" in a]))


if __name__ == "__main__":
    main(sys.argv[1:])
