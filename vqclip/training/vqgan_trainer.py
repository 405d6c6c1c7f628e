"""VQGAN training, with an EMA codebook.

    vqclip train starter_vqgan data=DIR
    vqclip train own_vqgan pictures=FOLDER name=mine

Esser, Rombach, Ommer, 2021, "Taming Transformers for High-Resolution Image Synthesis"
(https://arxiv.org/abs/2012.09841). Differs:
- the codes are running means (EMA) of their latents (van den Oord et al., 2017, appendix A.1),
  and codes that fall out of use are replaced by latents of the batch: of a codebook trained by
  gradients alone, half dies in a short training;
- quantisation starts late, with a codebook taken from the data: the first steps learn colours;
- with `decoder_only`, codes stay as they are, so that models which have learnt them still work,
  and only the decoder is trained further;
- no LPIPS, since its VGG weights cannot be shipped: the pixels, blurred colours and edges are
  compared instead, and a patch discriminator joins at the end.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.models.layers import padding
from vqclip.models.zoo import model_files
from vqclip.training import loop, settings
from vqclip.training.checkpoints import load_weights, read_weights
from vqclip.training.data.batches import EXAM_PICTURES, open_batches
from vqclip.training.perceptual import Perceptual
from vqclip.training.settings import VqganRecipe as Recipe


class Codebook(nn.Module):
    """Vector quantisation by an EMA codebook: codes are running means of their latents."""

    usage: Tensor
    sums: Tensor

    def __init__(self, codes: int, channels: int, decay: float = 0.99) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)
        self.embedding.weight.requires_grad_(False)
        self.register_buffer("usage", torch.ones(codes))
        self.register_buffer("sums", self.embedding.weight.clone())
        self.decay = decay

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise z [B, C, h, w]: (straight-through codes, commitment loss, indices)."""
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).float()
        codes = self.embedding.weight
        # No autocast: half precision would confuse neighbouring codes.
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            distance = codes.pow(2).sum(1) - 2 * flat @ codes.T  # + |z|², the same for every code
            indices = distance.argmin(1)
            if self.training:
                self._follow(flat, indices)
        chosen = codes[indices]
        commitment = (flat - chosen.detach()).pow(2).mean()
        chosen = flat + (chosen - flat).detach()
        shape = z.shape[0], z.shape[2], z.shape[3], z.shape[1]
        return chosen.view(shape).permute(0, 3, 1, 2), commitment, indices

    @torch.no_grad()
    def _follow(self, flat: Tensor, indices: Tensor) -> None:
        count = torch.bincount(indices, minlength=len(self.usage)).float()
        sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        self.usage.lerp_(count, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        seen = self.usage > 1e-3
        self.embedding.weight[seen] = self.sums[seen] / self.usage[seen, None]

    @torch.no_grad()
    def revive(self, z: Tensor, least: float) -> int:
        """Replace codes that are chosen less than `least` times a step by latents of the batch.

        Args:
            z: [B, C, h, w].

        Returns:
            How many were replaced.
        """
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).float()
        dead = (self.usage < least).nonzero()[:, 0]
        drawn = flat[torch.randint(len(flat), [len(dead)])]
        self.embedding.weight[dead] = drawn
        self.usage[dead] = 1.0
        self.sums[dead] = drawn
        return len(dead)


FILE = "vqgan.safetensors"
REPORT_EVERY = 200  # steps
ACROSS = EXAM_PICTURES // 2  # pictures in a row of a sheet

# The running statistics of the codebook, which are not exported.
USAGE = ("quantize.usage", "quantize.sums")


def architecture(recipe: Recipe) -> dict[str, Any]:
    """The model's architecture in taming's YAML layout, as `vqclip.models.vqgan` reads it."""
    beside = {"margin": recipe.margin} if recipe.margin > 0 else {}
    return beside | {
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
    """The VQGAN in training, with taming's names of weights."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        from taming.modules.diffusionmodules.model import Decoder, Encoder

        self.margin = recipe.margin

        parts = architecture(recipe)["model"]["params"]["ddconfig"]
        with contextlib.redirect_stdout(io.StringIO()):  # taming prints the shape of z
            self.encoder, self.decoder = Encoder(**parts), Decoder(**parts)
        self.quantize = Codebook(recipe.codes, recipe.code_channels)
        self.quant_conv = nn.Conv2d(recipe.z_channels, recipe.code_channels, 1)
        self.post_quant_conv = nn.Conv2d(recipe.code_channels, recipe.z_channels, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Encode pictures [B, 3, H, W] in [-1, 1]: [B, C, h, w], before quantisation."""
        return self.quant_conv(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents [B, C, h, w]: [B, 3, H, W], about [-1, 1]."""
        return padding.with_margin(self.decoder, self.post_quant_conv(z), self.margin)


def edge_differences(x: Tensor) -> Tensor:
    """Differences from the right and lower neighbours: [B, C, H, W] → [B, 2 C, H-1, W-1]."""
    here = x[..., :-1, :-1]
    return torch.cat([x[..., :-1, 1:] - here, x[..., 1:, :-1] - here], 1)


def picture_distance(made: Tensor, real: Tensor) -> Tensor:
    """The reconstruction loss: pixels, blurred colours at two scales, and edges; 0 if equal."""
    loss = (made - real).abs().mean() + (made - real).pow(2).mean()
    for factor in (4, 16):
        loss = loss + functional.l1_loss(
            functional.avg_pool2d(made, factor), functional.avg_pool2d(real, factor)
        )
    return loss + 2 * functional.l1_loss(edge_differences(made), edge_differences(real))


def psnr(made: Tensor, real: Tensor) -> float:
    """The peak signal-to-noise ratio of pictures in [-1, 1], in decibels."""
    error = (made.clamp(-1, 1) - real).pow(2).mean() / 4
    return float(-10 * error.log10())


def learning_rate(recipe: Recipe, step: int) -> float:
    """The learning rate at a step: a warm-up of 100 steps, then a line down to a twentieth."""
    return recipe.rate * min(1.0, step / 100 + 0.01) * max(0.05, 1 - step / recipe.steps)


def load_start_weights(recipe: Recipe, model: Model) -> None:
    """Load the weights that `from=` names.

    Raises:
        ModelError: if they do not exist, or do not fit.
    """
    tensors, source = read_weights(recipe.begin, model_files.STARTER_FOLDER, FILE)
    load_weights(model, tensors, source, own=USAGE)
    if USAGE[0] not in tensors:  # as if every code had been chosen once
        model.quantize.sums.copy_(model.quantize.embedding.weight)


def freeze_codes(model: Model) -> None:
    """Freeze the encoder and the codebook, so that only the decoder learns."""
    for part in (model.encoder, model.quant_conv, model.quantize):
        part.requires_grad_(False)


@torch.no_grad()
def encode_quantised(model: Model, pictures: Tensor) -> Tensor:
    """Encode and quantise pictures [B, 3, H, W] in [-1, 1] by a frozen codebook: [B, C, h, w]."""
    model.quantize.eval()  # in training mode the codes would move
    z: Tensor = model.quantize(model.encode(pictures))[0]
    return z


def train(recipe: Recipe, listener: settings.EventListener = settings.ignore_event) -> loop.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = loop.prepare_run(recipe, listener)
    device = run.device
    draw, exam = open_batches(recipe, listener)
    exam = exam.to(device)

    from taming.modules.discriminator.model import NLayerDiscriminator

    model = Model(recipe)
    if recipe.begin and not run.resumed:
        load_start_weights(recipe, model)
    if recipe.decoder_only:
        freeze_codes(model)
    model = model.to(device)
    critic = NLayerDiscriminator(ndf=32, n_layers=2).to(device)
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], betas=(0.9, 0.99), weight_decay=0.01
    )
    critic_optimiser = torch.optim.AdamW(critic.parameters(), lr=2e-4, betas=(0.5, 0.9))
    parts = {
        "model": model,
        "critic": critic,
        "optimiser": optimiser,
        "critic_optimiser": critic_optimiser,
    }
    likeness = Perceptual().to(device) if recipe.perceptual > 0 else None
    # Weights of a warm start bring their codes, which are not taken from the data again.
    quantise_from = 0 if recipe.begin else recipe.quantise_from

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        real = draw(run.generator).to(device)
        quantised = step >= quantise_from
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            commitment = torch.zeros((), device=device)
            z = encode_quantised(model, real) if recipe.decoder_only else model.encode(real)
            if step == quantise_from and not recipe.begin:
                model.quantize.revive(z.detach(), float("inf"))
            if quantised and not recipe.decoder_only:
                z, commitment, _ = model.quantize(z)
            made = model.decode(z)
            alike = likeness(made, real) if likeness is not None else made.new_zeros(())
        made = made.float()
        loss = picture_distance(made, real) + 0.25 * commitment + recipe.perceptual * alike
        if step >= recipe.discriminate_from:
            fooled = -critic(made).mean()
            last = model.decoder.conv_out.weight
            # Esser et al., equation 7: both losses get gradients of equal length.
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
        if quantised and not recipe.decoder_only and step % recipe.revive_every == 0:
            with torch.no_grad():
                model.quantize.revive(model.encode(real), 0.01)
        return loss

    loop.run_steps(
        recipe,
        run,
        parts,
        advance,
        report=lambda: evaluate(model, exam, run.step > quantise_from),
        report_every=REPORT_EVERY,
        sheet=lambda: draw_sheet(model, exam[:EXAM_PICTURES], run.step > quantise_from),
        sheet_every=recipe.sheet_every,
    )
    if not run.interrupted:
        export(recipe, model, run.out)
    return run


@torch.no_grad()
def evaluate(model: Model, exam: Tensor, quantised: bool) -> dict[str, float]:
    """The PSNR of reconstructed pictures [N, 3, S, S] in [-1, 1], and how many codes they use."""
    made, used = reconstruct(model, exam, quantised)
    return {"psnr": round(psnr(made, exam), 2), "codes_in_exam": used}


@torch.no_grad()
def reconstruct(model: Model, pictures: Tensor, quantised: bool) -> tuple[Tensor, int]:
    """Encode and decode pictures: (reconstructions, how many different codes they use)."""
    model.eval()
    z, used = model.encode(pictures), 0
    if quantised:
        z, _, indices = model.quantize(z)
        used = len(indices.unique())
    made = model.decode(z)
    model.train()
    return made, used


@torch.no_grad()
def draw_sheet(model: Model, exam: Tensor, quantised: bool) -> Tensor:
    """Draw a sheet: originals, reconstructions and random codes: [3, H, W] in [0, 1]."""
    from torchvision.utils import make_grid

    made, _ = reconstruct(model, exam, quantised)
    codes = model.quantize.embedding.weight
    cells = [size // 2 ** (model.decoder.num_resolutions - 1) for size in exam.shape[2:]]
    generator = torch.Generator().manual_seed(11)
    picked = torch.randint(len(codes), [ACROSS, *cells], generator=generator)
    model.eval()
    decoded = model.decode(codes[picked.to(codes.device)].permute(0, 3, 1, 2))
    model.train()
    pairs = zip(exam.split(ACROSS), made.split(ACROSS), strict=True)
    rows = [row for pair in pairs for row in pair]
    grid: Tensor = make_grid(torch.cat([*rows, decoded]), nrow=ACROSS)
    return (grid.clamp(-1, 1) / 2 + 0.5).cpu()


def export(recipe: Recipe, model: Model, out: Path) -> None:
    """Write the VQGAN: taming's YAML and half-precision safetensors.

    With `blend`, the weights are interpolated between those at the start and at the end of the
    training, which may be better than either (Wortsman et al., 2021, "Robust fine-tuning of
    zero-shot models", https://arxiv.org/abs/2109.01903).
    """
    import yaml
    from safetensors.torch import save_file

    learnt = {k: v.cpu() for k, v in model.state_dict().items() if k not in USAGE}
    if recipe.blend < 1:
        before = read_weights(recipe.begin, model_files.STARTER_FOLDER, FILE)[0]
        learnt = {k: before[k].float().lerp(v.float(), recipe.blend) for k, v in learnt.items()}
    save_file({k: v.half().contiguous() for k, v in learnt.items()}, out / FILE)
    (out / "vqgan.yaml").write_text(yaml.safe_dump(architecture(recipe), sort_keys=False))
