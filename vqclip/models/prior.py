"""The prior: from a text embedding to the codes of a picture.

A transformer continues the hidden states of a CLIP's text tower with the codes of a picture, row
by row: the second stage of a VQGAN, conditioned as in DALL·E (Ramesh et al., 2021,
https://arxiv.org/abs/2102.12092). Each position is a block of codes, and a small head writes the
codes of a block one after another (as in RQ-Transformer, Lee et al., 2022,
https://arxiv.org/abs/2203.01941). Blocks of 2 by 2 need a quarter of the positions, which makes
training on a CPU feasible. Drafts are sampled with classifier-free guidance
(Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from vqclip.errors import ModelError
from vqclip.models.gpt import Past, Transformer, TransformerShape, init_weights, sample_code
from vqclip.models.layers.initialisation import NoInitialisation


class Prior(nn.Module):
    """The prior: a transformer from text to the codes of a picture.

    Args:
        shape: of the transformer; `vocab_size` is the number of codes, `block_size` that of
            tokens and blocks together.
        words: the number of text tokens that it reads, start and end included.
        text_width: width of the CLIP's text tower.
        cells: side of the square grid of codes.
        block: side of a block of codes.
        dropout: in training.
    """

    def __init__(
        self,
        shape: TransformerShape,
        words: int,
        text_width: int,
        cells: int,
        block: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.words, self.text_width, self.cells, self.block = words, text_width, cells, block
        width, inside = shape.n_embd, block * block
        self.stream = Transformer(shape, dropout)
        self.reader = nn.Sequential(nn.LayerNorm(text_width), nn.Linear(text_width, width))
        # Replaces the text where there is none, for classifier-free guidance.
        self.silence = nn.Parameter(torch.zeros(1, words, width))
        self.codes = nn.Embedding(inside * shape.vocab_size, width)  # a table for each place
        self.places = nn.Parameter(torch.zeros(inside, width))
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, shape.vocab_size))
        self.apply(init_weights)
        # At exactly zero, every LayerNorm would multiply the gradient by hundreds.
        nn.init.normal_(self.silence, std=0.02)
        nn.init.normal_(self.stream.pos_emb, std=0.02)

    def prefix(self, states: Tensor) -> Tensor:
        """Embed text: hidden states [B, L, text_width] → [B, words, n_embd], L ≥ words."""
        result: Tensor = self.reader(states[:, : self.words])
        return result

    def forward(self, codes: Tensor, prefix: Tensor) -> Tensor:
        """Predict each code from the text and the codes before it.

        Args:
            codes: [B, cells, cells], int64.
            prefix: [B, words, n_embd].

        Returns:
            Logits [B, blocks, codes of a block, vocab_size], in the order of `cut_blocks`.
        """
        embedded = self._embed(cut_blocks(codes, self.block))  # [B, N, K, C]
        x = torch.cat([prefix, embedded.sum(2)[:, :-1]], 1)
        states = self.stream.read(x)[0][:, self.words - 1 :]
        known = embedded.cumsum(2).roll(1, 2)
        known = torch.cat([torch.zeros_like(known[:, :, :1]), known[:, :, 1:]], 2)
        return self._logits(states[:, :, None] + known + self.places)

    @torch.no_grad()
    def sample(
        self,
        prefix: Tensor,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_p: float = 1.0,
        guidance: float = 1.0,
    ) -> Tensor:
        """Sample a draft for each row of `prefix`: codes [B, cells, cells], int64.

        Args:
            prefix: [B, words, n_embd], from `Prior.prefix`.
            generator: the source of random numbers, on the CPU.
            temperature, top_p: see `vqclip.models.gpt.sample_code`.
            guidance: strength of classifier-free guidance; 1 is none.
        """
        count, inside = len(prefix), self.block**2
        x = prefix
        if guidance != 1:
            x = torch.cat([prefix, self.silence.expand(count, -1, -1)])
        twice = len(x) // count
        past: list[Past] | None = None
        written = []
        for _ in range((self.cells // self.block) ** 2):
            states, past = self.stream.read(x, past)
            state = states[:, -1]
            known = torch.zeros_like(state)
            for place in range(inside):
                logits = self._logits(state + known + self.places[place]).float().cpu()
                if guidance != 1:
                    asked, silent = logits.log_softmax(-1).chunk(2)
                    logits = silent + guidance * (asked - silent)
                chosen = sample_code(logits, generator, temperature, 0, top_p).to(prefix.device)
                written.append(chosen)
                known = known + self._table(place)[chosen].repeat(twice, 1)
            x = known[:, None]
        return join_blocks(
            torch.stack(written, 1).view(count, -1, inside), self.cells, self.block
        )

    def config(self) -> dict[str, Any]:
        """The arguments that build this prior, as `prior.yaml` holds them."""
        own = {key: getattr(self, key) for key in ("words", "text_width", "cells", "block")}
        return {"transformer": asdict(self.stream.shape), **own}

    def _embed(self, numbers: Tensor) -> Tensor:
        """Embed the codes of a block, each by the table of its place: [..., K] → [..., K, C]."""
        shift = torch.arange(numbers.shape[-1], device=numbers.device)
        result: Tensor = self.codes(numbers + shift * self.stream.shape.vocab_size)
        return result

    def _table(self, place: int) -> Tensor:
        size = self.stream.shape.vocab_size
        return self.codes.weight[place * size : (place + 1) * size]

    def _logits(self, state: Tensor) -> Tensor:
        result: Tensor = self.head(state + self.think(state))
        return result


def cut_blocks(codes: Tensor, side: int) -> Tensor:
    """Cut grids into blocks, row by row: [B, H, W] → [B, H * W / side², side²]."""
    count, height, width = codes.shape
    cut = codes.view(count, height // side, side, width // side, side)
    return cut.permute(0, 1, 3, 2, 4).reshape(count, -1, side * side)


def join_blocks(parts: Tensor, cells: int, side: int) -> Tensor:
    """Put the blocks of square grids together again: [B, N, side²] → [B, cells, cells]."""
    grid = parts.view(len(parts), cells // side, cells // side, side, side)
    return grid.permute(0, 1, 3, 2, 4).reshape(len(parts), cells, cells)


def load_prior(folder: Path, *, device: torch.device | str = "cpu") -> Prior:
    """Load a prior from `prior.yaml` and `prior.safetensors`, frozen, in float32.

    Raises:
        ModelError: if they are missing, cannot be read, or do not belong together.
    """
    from safetensors.torch import load_file

    try:
        known = yaml.safe_load((folder / "prior.yaml").read_text(encoding="utf-8"))
        state = load_file(folder / "prior.safetensors")
        with torch.device("meta"), NoInitialisation():  # random numbers import torch's compiler
            model = Prior(TransformerShape(**known.pop("transformer")), **known)
        model.load_state_dict({k: v.float() for k, v in state.items()}, assign=True)
    except Exception as error:  # a damaged file may raise nearly anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"the prior in {folder} cannot be loaded: {first}") from error
    return model.eval().requires_grad_(False).to(device)
