"""Train a small prior: words → codes of the starter VQGAN. Run again to continue.

    vqclip train starter_prior data=DIR vqgan=starter clip=starter

Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation" (https://arxiv.org/abs/2102.12092), in
small. Differs: the words are the states of the starter CLIP's frozen text tower, so that words
which no caption holds arrive where their like are; and pictures are encoded before, as
`encodings` says.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import PictureError
from vqclip.models import zoo
from vqclip.models.gpt import Shape
from vqclip.models.prior import Prior, blocks
from vqclip.training import data, encodings, runs
from vqclip.training.checkpoints import fit, weights
from vqclip.training.encodings import draw, drawer
from vqclip.training.runs import learning_rate
from vqclip.training.settings import PriorRecipe as Recipe

FILE = "prior.safetensors"
# What the sheets show: what the prior has seen, and two things that few captions hold.
SHOWN = (
    *("a red heart", "a fox", "a house", "a blue bird"),
    *("a green tree", "a sailing boat", "a castle", "a slice of melon"),
)
ROWS = 2  # drafts of each


class Reader(nn.Module):
    """The text tower of an open_clip model, frozen: texts → the states of their tokens."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        super().__init__()
        from vqclip import perceptors

        self.perceptor = perceptors.load(str(folder), device=device)

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """[B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe, tell: runs.Tell = runs.nobody) -> runs.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = runs.prepare(recipe, tell)
    device, generator = run.device, run.generator

    pictures = data.read(
        Path(recipe.data), "illustrations", side=128, classes=recipe.licences
    ).split()[0]
    if recipe.styles:
        chosen = [i for i, row in enumerate(pictures.rows) if row.style in recipe.styles]
        if not chosen:
            known = ", ".join(sorted({row.style for row in pictures.rows}))
            raise PictureError(
                f"styles={','.join(recipe.styles)}: no picture is of them (there are: {known})"
            )
        pictures = pictures.subset(chosen)
    shares = encodings.shares(recipe, pictures.rows)
    learnt = encodings.encoded(recipe, pictures, run.out / "codes.pt", device)

    place = zoo.starter_clip() if recipe.clip == "starter" else Path(recipe.clip)
    reader = Reader(place, device)
    model = build(recipe, reader)
    if recipe.begin and not run.resumed:
        tensors, source = weights(recipe.begin, zoo.starter_prior(), FILE)
        fit(model, tensors, source)
    model = model.to(device)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step)
        codes, captions = draw(recipe, pictures, learnt, shares, generator)
        codes = codes.to(device)
        prefix = model.prefix(reader(captions))
        silent = torch.rand(len(codes), 1, 1, generator=generator) < recipe.silent_share
        prefix = torch.where(silent.to(device), model.silence, prefix)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            logits = model(codes, prefix)
        wanted = blocks(codes, recipe.block)
        # As they come, in bf16: making floats of them first would take a tenth longer.
        loss = functional.cross_entropy(logits.flatten(0, 2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss

    runs.go(
        recipe,
        run,
        {"model": model, "optimiser": optimiser},
        advance,
        report_every=100,
        sheet=lambda: sheet(recipe, model, reader, device),
        sheet_every=recipe.sheet_every,
    )
    if not run.interrupted:
        export(model, run.out)
    return run


@torch.no_grad()
def sheet(
    recipe: Recipe, model: Prior, reader: Reader, device: torch.device | str = "cpu"
) -> Tensor:
    """Drafts of `SHOWN`, side by side, [3, H, W] in [0, 1]; equal weights give equal drafts."""
    from torchvision.utils import make_grid

    model.eval()
    prefix = model.prefix(reader(list(SHOWN))).repeat(ROWS, 1, 1)
    generator = torch.Generator().manual_seed(11)
    codes = model.dream(prefix, generator=generator, top_p=0.95, guidance=3.0)
    model.train()
    book = drawer(recipe, device)
    drafts = torch.cat([book.decode(book.lookup(each)) for each in codes])
    grid: Tensor = make_grid(drafts, nrow=len(SHOWN))
    return grid.cpu()


def build(recipe: Recipe, reader: Reader) -> Prior:
    """A prior that fits the VQGAN's codebook and the CLIP's text tower."""
    book = drawer(recipe).codebook
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


def export(model: Prior, out: Path) -> None:
    """Write prior.yaml and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, out / FILE)
    (out / "prior.yaml").write_text(yaml.safe_dump(model.config(), sort_keys=False))
