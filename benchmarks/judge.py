"""A judge that no run optimised: it tells which of a hundred prompts a picture shows.

A frozen EfficientNet-Lite2 (`vqclip.training.perceptual`) sees, a small head learns to answer in
the space of the sentence encoder all-MiniLM-L6-v2 (`training.distillation`). It has another
architecture, seed and split than the starter models, shares no weights with them, and vqclip
itself never asks it. The way of measuring, R-precision by a network of one's own, is AttnGAN's
(Xu et al., 2018, https://arxiv.org/abs/1711.10485).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from judge_views import (
    CLASSES,
    LEARNT_BY_STARTERS,
    SEED,
    SIDE,
    See,
    held_out,
    redrawn,
    see_plain,
    see_scenes,
)
from torch import Tensor, nn
from torch.nn import functional

from vqclip.training import distillation, perceptual
from vqclip.training.data import archives

NETWORK, WIDTH, MEANING = "tf_efficientnet_lite2", 1024, 384
STAGES = (1, 2, 3)  # whose means are kept beside the last layer's: it has forgotten colours
SINGLES, PAIRS = 16_000, 6_000  # scenes to learn from
ALIKE = 0.03  # captions that are nearer than this, as 1 - cosine, are one
STEPS, BATCH, RATE = 1_500, 512, 1e-3

Read = Callable[[list[str]], Tensor]


@dataclass(frozen=True)
class Judge:
    """What sees, what answers, and what reads.

    Args:
        see: [N, 3, H, W] in [0, 1] → features [N, F].
        head: features → [N, D].
        read: texts → [N, D], rows of length 1.
    """

    see: See
    head: nn.Module
    read: Read

    @torch.no_grad()
    def scores(self, images: Tensor, texts: list[str]) -> Tensor:
        """Cosines [N, T] between pictures and texts."""
        return self.answer(self.see(images)) @ self.read(texts).float().T

    @torch.no_grad()
    def answer(self, seen: Tensor) -> Tensor:
        """What features say: [N, D], rows of length 1."""
        return functional.normalize(self.head(seen.float()), dim=-1)


def network(bf16: bool) -> See:
    """Load the frozen network.

    Raises:
        ModelError: if the [train] extra is not installed.
    """
    import timm

    model = timm.create_model(NETWORK, pretrained=False, num_classes=0)
    model.load_state_dict(perceptual.efficientnet_weights(NETWORK), strict=False)
    model = model.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def see(images: Tensor) -> Tensor:
        if images.shape[-2:] != (SIDE, SIDE):
            images = functional.interpolate(images, [SIDE, SIDE], mode="bilinear", antialias=True)
        x = (images * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            x = model.bn1(model.conv_stem(x))
            means = []
            for index, stage in enumerate(model.blocks):
                x = stage(x)
                if index in STAGES:
                    means.append(x.float().mean((2, 3)))
            x = model.bn2(model.conv_head(x))
        return torch.cat([*means, x.float().mean((2, 3))], 1)

    return see


def reader(bf16: bool) -> Read:
    """The sentence encoder, which remembers what it read last."""
    known: dict[str, Tensor] = {}

    def read(texts: list[str]) -> Tensor:
        new = sorted({text for text in texts if text not in known})
        if new:
            known.update(zip(new, distillation.embed_sentences(new, bf16).float(), strict=True))
        return torch.stack([known[text] for text in texts])

    return read


def new_head(wide: int, deep: int = MEANING) -> nn.Module:
    """Features [N, wide] → meanings [N, deep]."""
    return nn.Sequential(
        nn.BatchNorm1d(wide),
        nn.Dropout(0.1),
        nn.Linear(wide, WIDTH),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(WIDTH, deep),
    )


def learn(
    seen: Tensor, said: Tensor, meanings: Tensor, steps: int, bf16: bool = False
) -> nn.Module:
    """Train a head to tell, among a batch's captions, which is a picture's.

    Args:
        seen: [N, F] features.
        said: [N, 2], the numbers of each picture's captions; one is drawn each time.
        meanings: [T, D], the captions as the sentence encoder reads them.
    """
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        head = new_head(seen.shape[1], meanings.shape[1])
        scale = nn.Parameter(torch.tensor(3.0))
        optimiser = torch.optim.AdamW([*head.parameters(), scale], weight_decay=0.05)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / 50) * (1 - step / steps)
            chosen = torch.randint(len(seen), [BATCH], generator=generator)
            which = torch.randint(2, [BATCH], generator=generator)
            numbers = said[chosen, which]
            words = meanings[numbers].float()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                answer = head(seen[chosen].float()).float()
            image = functional.normalize(answer, dim=-1)
            logits = scale.exp() * image @ words.T
            # What means nearly the same as a picture's caption is no fault to name.
            wanted = (words @ words.T > 1 - ALIKE).float()
            loss = -(wanted / wanted.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
            loss = loss - (wanted / wanted.sum(0) * logits.log_softmax(0)).sum(0).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                scale.clamp_(0, 4.6)
    return head.eval()


@dataclass(frozen=True)
class Known:
    """What the judge has of the data folder: every drawing's row and its features on white."""

    rows: tuple[archives.Row, ...]
    plain: Tensor


def load(
    folder: Path, out: Path, *, bf16: bool = False, say: Callable[[str], None] = print
) -> tuple[Judge, Known]:
    """Load the judge from `out`, or train it there on the data of `folder` (ten minutes).

    Raises:
        PictureError: if the folder is needed and cannot be read.
        ModelError: if the [train] extra is not installed.
    """
    see, read = network(bf16), reader(bf16)
    out.mkdir(parents=True, exist_ok=True)
    plain, views, trained = out / "plain.pt", out / "views.pt", out / "head.pt"
    if not (plain.is_file() and views.is_file()):
        say("reading the data")
        pictures = archives.read_pictures(folder, "illustrations", side=SIDE, classes=CLASSES)
        held = held_out(pictures.rows)
        learnt = [i for i in range(len(pictures)) if i not in held]
    if not views.is_file():
        say(f"looking at {SINGLES} scenes of one thing and {PAIRS} of two")
        photos = archives.read_pictures(folder, "photos", side=SIDE, classes=LEARNT_BY_STARTERS)
        generator = torch.Generator().manual_seed(SEED)
        some = see_scenes(
            *(see, redrawn(bf16), pictures, photos, (SINGLES, PAIRS), generator),
            among=learnt,
            side=SIDE,
        )
        torch.save({"seen": some.seen, "said": some.said, "texts": some.texts}, views)
    if not plain.is_file():
        say(f"looking at {len(pictures)} drawings")
        rows = [vars(row) for row in pictures.rows]
        torch.save({"rows": rows, "seen": see_plain(see, pictures)}, plain)
    kept = torch.load(plain, weights_only=True)
    known = Known(tuple(archives.Row(**row) for row in kept["rows"]), kept["seen"])
    if not trained.is_file():
        torch.save(_train(known, torch.load(views, weights_only=True), bf16, say), trained)
    state = torch.load(trained, weights_only=True)
    head = new_head(known.plain.shape[1])
    head.load_state_dict(state)
    return Judge(see, head.eval(), read), known


def _train(
    known: Known, views: dict[str, Any], bf16: bool, say: Callable[[str], None]
) -> dict[str, Tensor]:
    """Put the drawings on white beside the scenes, and train the head on both."""
    held = held_out(known.rows)
    kept = [i for i in range(len(known.rows)) if i not in held]
    texts = list(views["texts"])
    first = len(texts)
    for index in kept:
        texts += [known.rows[index].concept, archives.add_article(known.rows[index].concept)]
    numbers = torch.arange(first, len(texts)).view(-1, 2)
    say(f"reading {len(set(texts))} captions")
    unique = sorted(set(texts))
    place = {text: index for index, text in enumerate(unique)}
    where = torch.tensor([place[text] for text in texts])
    meanings = distillation.embed_sentences(unique, bf16)
    say("training the head")
    head = learn(
        torch.cat([views["seen"], known.plain[kept]]),
        where[torch.cat([views["said"], numbers])],
        meanings,
        STEPS,
        bf16,
    )
    return head.state_dict()
