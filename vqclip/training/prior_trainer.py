"""Prior training.

    vqclip train starter_prior data=DIR vqgan=starter clip=starter

A small version of Ramesh et al., 2021, "Zero-Shot Text-to-Image Generation"
(https://arxiv.org/abs/2102.12092). Differs: the text is given as the states of the starter CLIP's
frozen text tower, so that words which are in no caption are near words of similar meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ConfigError, PictureError
from vqclip.language.layout.sizes import is_noun_of_size
from vqclip.models.gpt import TransformerShape
from vqclip.models.prior import Prior, cut_blocks
from vqclip.models.zoo import model_files
from vqclip.training import loop, settings
from vqclip.training.checkpoints import load_weights, read_weights
from vqclip.training.data import archives
from vqclip.training.encoded_pictures import EncodedPictures, cached_codes, open_drawer
from vqclip.training.loop import learning_rate
from vqclip.training.settings import PriorRecipe
from vqclip.training.settings import PriorRecipe as Recipe

# Clip art is in many styles, and the renders show furniture: few prompts ask for either.
MANNERED = ("clip art", "3d render")

# Emoji show people, in every gesture and job, more often than prompts ask for them.
PEOPLE = re.compile(
    r"\b(man|woman|men|women|person|people|boy|girl|family|couple|kiss|hands?|finger)\b"
)


def sampling_weights(recipe: PriorRecipe, rows: Sequence[archives.Row]) -> Tensor:
    """The sampling weights of rows: those of `archives`, changed for people, clip art, nouns.

    `recipe.common` is for the nouns that sentences name most, which are few among the pictures.

    Raises:
        PictureError: if all weights are 0.
    """
    weights = archives.sampling_weights(rows)
    for index, row in enumerate(rows):
        if row.style in MANNERED:
            weights[index] *= recipe.clip_art
        if PEOPLE.search(row.concept):
            weights[index] *= recipe.people
        if is_noun_of_size(row.concept.removesuffix(" face")):
            weights[index] *= recipe.common
    if not (weights > 0).any():
        raise PictureError(
            f"clip_art={recipe.clip_art:g} and people={recipe.people:g} leave none of "
            f"{len(rows)} pictures to learn from; give more than 0"
        )
    return weights


def draw_batch(
    recipe: PriorRecipe,
    pictures: archives.Pictures,
    learnt: EncodedPictures,
    weights: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """Draw a batch: codes [batch, cells, cells], and captions of what they show.

    Args:
        weights: [N], the sampling weight of each picture; see `sampling_weights`.
    """
    twice = recipe.batch > int((weights > 0).sum())
    chosen = torch.multinomial(weights, recipe.batch, twice, generator=generator)
    variant = torch.randint(len(learnt.codes), [recipe.batch], generator=generator)
    captions = []
    for v, i in zip(variant.tolist(), chosen.tolist(), strict=True):
        row, tint, second = pictures.rows[i], learnt.tints[v][i], learnt.seconds[v][i]
        if second is None:
            captions.append(archives.write_caption(row, learnt.grounds[v][i], tint, generator))
            continue
        word, *names = second[0], archives.row_name(row, tint), second[1]
        if torch.rand(1, generator=generator).item() < 0.5:
            names = [archives.add_article(name) for name in names]
        captions.append(f" {word} ".join(names))
    return learnt.codes[variant, chosen].long(), captions


def swap_codes(codes: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Replace some codes by others of the batch, for the prior to read.

    A prior that has only read codes without a mistake goes by them more than by the text, and
    after the first mistake of its own it draws nothing. It still has to predict the right codes.
    (As schedules of sampling do, Bengio et al., 2015, https://arxiv.org/abs/1506.03099, without
    sampling.)

    Args:
        codes: [B, cells, cells], int64.
        noise: the largest share of a picture's codes; each picture has one of its own up to that.
    """
    if noise <= 0:
        return codes
    share = noise * torch.rand(len(codes), 1, 1, generator=generator)
    swapped = torch.rand(codes.shape, generator=generator) < share
    order = torch.randint(codes.numel(), codes.shape, generator=generator)
    others = codes.flatten()[order.to(codes.device)]
    return torch.where(swapped.to(codes.device), others, codes)


FILE = "prior.safetensors"

# The prompts of the sheets: things that the prior has seen, and two that are in few captions.
SHOWN = (
    *("a red heart", "a fox", "a house", "a blue bird"),
    *("a green tree", "a sailing boat", "a castle", "a slice of melon"),
)
ROWS = 2  # drafts of each


class TextTower(nn.Module):
    """The frozen text tower of an open_clip model."""

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        super().__init__()
        from vqclip.guidance import perceptor

        self.perceptor = perceptor.load_perceptor(name, device=device)

    @torch.no_grad()
    def forward(self, texts: list[str]) -> Tensor:
        """Return the states of texts' tokens: [B, L, text width]."""
        return self.perceptor.read_tokens(texts)


def train(recipe: Recipe, listener: settings.EventListener = settings.ignore_event) -> loop.Run:
    """Train from the last checkpoint in `recipe.out`, if there is one, and export at the end."""
    run = loop.prepare_run(recipe, listener)
    device, generator = run.device, run.generator

    pictures = archives.read_pictures(
        Path(recipe.data), "illustrations", side=128, classes=recipe.licences
    )
    if not recipe.held_out:
        pictures = pictures.split()[0]
    if recipe.styles:
        chosen = [i for i, row in enumerate(pictures.rows) if row.style in recipe.styles]
        if not chosen:
            known = ", ".join(sorted({row.style for row in pictures.rows}))
            raise PictureError(
                f"styles={','.join(recipe.styles)}: no picture is of them (there are: {known})"
            )
        pictures = pictures.subset(chosen)
    shares = sampling_weights(recipe, pictures.rows)
    learnt = cached_codes(recipe, pictures, run.out / "codes.pt", device)

    reader = TextTower(recipe.clip, device)
    model = build_prior(recipe, reader)
    if recipe.begin and not run.resumed:
        tensors, source = read_weights(recipe.begin, model_files.starter_prior(), FILE)
        load_weights(model, tensors, source)
    model = model.to(device)
    optimisers = build_optimisers(recipe, model)

    def advance(step: int) -> Tensor:
        for group in (group for each in optimisers.values() for group in each.param_groups):
            group["lr"] = learning_rate(recipe, step)
        codes, captions = draw_batch(recipe, pictures, learnt, shares, generator)
        codes = codes.to(device)
        prefix = model.prefix(reader(captions))
        silent = torch.rand(len(codes), 1, 1, generator=generator) < recipe.silent_share
        prefix = torch.where(silent.to(device), model.silence, prefix)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            logits = model(swap_codes(codes, recipe.noise, generator), prefix)
        wanted = cut_blocks(codes, recipe.block)
        # Logits stay in bf16: converting them to float32 first would take a tenth longer.
        loss = functional.cross_entropy(logits.flatten(0, 2), wanted.flatten())
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for each in optimisers.values():
            each.step()
        return loss

    loop.run_steps(
        recipe,
        run,
        {"model": model, **optimisers},
        advance,
        report_every=100,
        sheet=lambda: draw_sheet(recipe, model, reader, device),
        sheet_every=recipe.sheet_every,
    )
    if not run.interrupted:
        export(model, run.out)
    return run


def build_optimisers(recipe: Recipe, model: Prior) -> dict[str, torch.optim.Optimizer]:
    """Build the optimisers of a prior, by their names in a checkpoint.

    Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) takes the matrices
    inside the layers, and AdamW the embeddings, the head, and what is no matrix. Its steps have
    the size of AdamW's, so that one rate serves both.

    Raises:
        ConfigError: if Muon is asked of a torch that lacks it.
    """
    inner: list[nn.Parameter] = []
    if recipe.optimiser == "muon":
        if not hasattr(torch.optim, "Muon"):
            raise ConfigError(
                f"optimiser=muon needs torch 2.9 or newer, and this is {torch.__version__}; "
                "leave it out for AdamW"
            )
        parts = (model.stream.blocks, model.think, model.reader)
        inner = [p for part in parts for p in part.parameters() if p.ndim == 2]
    known = {id(p) for p in inner}
    others = [p for p in model.parameters() if id(p) not in known]
    adamw = torch.optim.AdamW(
        [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )
    found: dict[str, torch.optim.Optimizer] = {"optimiser": adamw}
    if inner:
        muon: Any = torch.optim.Muon  # type: ignore[attr-defined, unused-ignore]
        found["muon"] = muon(inner, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    return found


@torch.no_grad()
def draw_sheet(
    recipe: Recipe, model: Prior, reader: TextTower, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw drafts of `SHOWN` side by side: [3, H, W] in [0, 1]; equal for equal weights."""
    from torchvision.utils import make_grid

    model.eval()
    prefix = model.prefix(reader(list(SHOWN))).repeat(ROWS, 1, 1)
    generator = torch.Generator().manual_seed(11)
    codes = model.sample(prefix, generator=generator, top_p=0.95, guidance=3.0)
    model.train()
    book = open_drawer(recipe, device)
    drafts = torch.cat([book.decode(book.lookup(each)) for each in codes])
    grid: Tensor = make_grid(drafts, nrow=len(SHOWN))
    return grid.cpu()


def build_prior(recipe: Recipe, reader: TextTower) -> Prior:
    """Build a prior that fits the VQGAN's codebook and the CLIP's text tower."""
    book = open_drawer(recipe).codebook
    shape = TransformerShape(
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
    with torch.no_grad():  # similar codes start with similar embeddings
        alike = torch.randn(recipe.block**2, book.shape[1], recipe.width)
        alike = (book / book.std()) @ alike  # [K, codes, width]
        model.codes.weight.copy_(alike.flatten(0, 1) * 0.02 / book.shape[1] ** 0.5)
    return model


def export(model: Prior, out: Path) -> None:
    """Write the prior: prior.yaml and half-precision safetensors."""
    import yaml
    from safetensors.torch import save_file

    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, out / FILE)
    (out / "prior.yaml").write_text(yaml.safe_dump(model.config(), sort_keys=False))
