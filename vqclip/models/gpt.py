"""The GPT over codes, in the layout of taming-transformers.

The second stage of Esser et al., 2021, "Taming Transformers" (https://arxiv.org/abs/2012.09841),
which is minGPT's architecture. Names and shapes of the weights are those of the published
`transformer.*` keys, so their files load; the code is not taming's, whose module no longer
imports. Writing keeps keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Past = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Shape:
    """How large a transformer is, in the words of taming's YAML.

    Args:
        vocab_size: how many different codes it writes.
        block_size: how many places a stream has, prefix and codes together.
        n_unmasked: how many of the first places see each other whatever their order.
    """

    vocab_size: int
    block_size: int
    n_layer: int = 12
    n_head: int = 8
    n_embd: int = 256
    n_unmasked: int = 0


class Attention(nn.Module):
    """Every place looks at those before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.key = nn.Linear(shape.n_embd, shape.n_embd)
        self.query = nn.Linear(shape.n_embd, shape.n_embd)
        self.value = nn.Linear(shape.n_embd, shape.n_embd)
        self.proj = nn.Linear(shape.n_embd, shape.n_embd)
        self.heads = shape.n_head

    def forward(
        self, x: Tensor, mask: Tensor | None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """[B, T, C] → [B, T, C], and the keys and values to look back at."""
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        # Written out: on a processor, the way back through torch's fused kernel takes a third of
        # a training step at these lengths, and this a tenth.
        weights = (query * key.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        if mask is not None:
            weights = weights.masked_fill(~mask, -torch.inf)
        seen = weights.softmax(-1).to(value.dtype) @ value
        return self.proj(seen.transpose(1, 2).flatten(2)), (key, value)


class Block(nn.Module):
    """Look around, then think."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(shape.n_embd), nn.LayerNorm(shape.n_embd)
        self.attn = Attention(shape)
        self.mlp = nn.Sequential(
            nn.Linear(shape.n_embd, 4 * shape.n_embd),
            nn.GELU(),
            nn.Linear(4 * shape.n_embd, shape.n_embd),
            nn.Dropout(dropout),
        )
        self.drop = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """[B, T, C] → [B, T, C], and what `Attention` remembers."""
        seen, present = self.attn(self.ln1(x), mask, past)
        x = x + self.drop(seen)
        return x + self.mlp(self.ln2(x)), present


class Stream(nn.Module):
    """Embeddings in a row → what each place makes of those before it."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.pos_emb = nn.Parameter(torch.zeros(1, shape.block_size, shape.n_embd))
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(shape, dropout) for _ in range(shape.n_layer)))
        self.ln_f = nn.LayerNorm(shape.n_embd)

    def read(self, x: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Read on after what was read before.

        Args:
            x: [B, T, n_embd], the new places.
            past: what the last reading gave, or None at the beginning.

        Returns:
            [B, T, n_embd], and what to read on from.

        Raises:
            ValueError: if the stream becomes longer than `block_size`.
        """
        before = 0 if past is None else past[0][0].shape[2]
        length = before + x.shape[1]
        if length > self.shape.block_size:
            raise ValueError(f"{length} places are more than {self.shape.block_size}")
        x = self.drop(x + self.pos_emb[:, before:length])
        mask = self._mask(length, x.device)[before:]
        presents = []
        for index, block in enumerate(self.blocks):
            x, present = block(x, mask, None if past is None else past[index])
            presents.append(present)
        return self.ln_f(x), presents

    def _mask(self, length: int, device: torch.device) -> Tensor:
        """[T, T] bool: who may look at whom."""
        mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        mask[: self.shape.n_unmasked, : self.shape.n_unmasked] = True
        return mask


class GPT(Stream):
    """Codes in a row, perhaps after a prefix of explicit embeddings → what comes next."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__(shape, dropout)
        self.tok_emb = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        self.apply(begin)

    def forward(self, codes: Tensor, prefix: Tensor | None = None) -> Tensor:
        """Say what follows each place.

        Args:
            codes: [B, T] whole numbers below `vocab_size`.
            prefix: [B, P, n_embd], which stands before them, or None.

        Returns:
            Logits [B, P + T, vocab_size].

        Raises:
            ValueError: if the stream is longer than `block_size`.
        """
        x = self.tok_emb(codes)
        if prefix is not None:
            x = torch.cat([prefix.to(x), x], 1)
        return self.head(self.read(x)[0])

    @torch.no_grad()
    def write(
        self,
        count: int,
        start: Tensor,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        allowed: int | None = None,
    ) -> Tensor:
        """Write `count` codes after `start`, one at a time.

        Args:
            start: [B, T] codes to begin with, T at least 1.
            generator: where the random numbers come from; on the processor, wherever the
                transformer is, so that machines agree.
            temperature, top_k, top_p: see `pick`.
            allowed: write the first `allowed` codes only: those of the picture, where the
                vocabulary holds others too.

        Returns:
            [B, count].
        """
        past: list[Past] | None = None
        codes, written = start, []
        for _ in range(count):
            states, past = self.read(self.tok_emb(codes), past)
            last = self.head(states[:, -1])[:, :allowed].float().cpu()
            chosen = pick(last, generator, temperature, top_k, top_p).to(start.device)
            written.append(chosen)
            codes = chosen[:, None]
        return torch.stack(written, 1)


def begin(part: nn.Module) -> None:
    """Give a new transformer's part small random weights, as minGPT does."""
    if isinstance(part, (nn.Linear, nn.Embedding)):
        nn.init.normal_(part.weight, std=0.02)
    if isinstance(part, nn.Linear) and part.bias is not None:
        nn.init.zeros_(part.bias)


def pick(
    logits: Tensor,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Tensor:
    """Draw one code for each row of [B, V] logits: [B].

    Args:
        temperature: 0 takes the likeliest code, 1 samples as often as learnt.
        top_k: sample among the k likeliest only; 0 among all.
        top_p: sample among the likeliest that together have this share (Holtzman et al., 2020,
            "The Curious Case of Neural Text Degeneration", https://arxiv.org/abs/1904.09751).
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    shares = logits.softmax(-1)
    if top_p < 1:
        ordered, order = shares.sort(-1, descending=True)
        # A code stays if those before it do not yet reach the share; the likeliest always does.
        kept = ordered * (ordered.cumsum(-1) - ordered < top_p)
        kept[:, 0] = ordered[:, 0]
        shares = torch.zeros_like(shares).scatter(-1, order, kept)
    return torch.multinomial(shares, 1, generator=generator)[:, 0]
