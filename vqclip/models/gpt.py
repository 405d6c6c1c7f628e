"""The GPT over codes, in the layout of taming-transformers.

The second stage of Esser et al., 2021, "Taming Transformers" (https://arxiv.org/abs/2012.09841),
which is minGPT's architecture. Names and shapes of the weights are those of the published
`transformer.*` keys, so that their files load; the code is not taming's, whose module can no
longer be imported. Sampling caches keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

AMONG = 128  # of the likeliest codes, those that have most of the share are looked for at first
Past = tuple[Tensor, Tensor]  # cached keys and values of a layer, [B, heads, T, C / heads]


@dataclass(frozen=True)
class TransformerShape:
    """The size of a transformer, in the names of taming's YAML.

    Args:
        vocab_size: number of different codes.
        block_size: greatest length of a sequence, prefix and codes together.
        n_layer: number of layers.
        n_head: number of attention heads.
        n_embd: width, C.
        n_unmasked: number of first positions that attend to each other in both directions.
    """

    vocab_size: int
    block_size: int
    n_layer: int = 12
    n_head: int = 8
    n_embd: int = 256
    n_unmasked: int = 0


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.key = nn.Linear(shape.n_embd, shape.n_embd)
        self.query = nn.Linear(shape.n_embd, shape.n_embd)
        self.value = nn.Linear(shape.n_embd, shape.n_embd)
        self.proj = nn.Linear(shape.n_embd, shape.n_embd)
        self.heads = shape.n_head

    def forward(
        self, x: Tensor, mask: Tensor | None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """Attend: [B, T, C] → [B, T, C], and the keys and values to cache.

        Args:
            mask: [T, all positions] bool, True where a position may attend; None for all.
            past: the cached keys and values of earlier positions.
        """
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        # Written out: on a CPU, the backward pass of torch's fused kernel takes a third of a
        # training step at these lengths, and this a tenth.
        weights = (query * key.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        if mask is not None:
            weights = weights.masked_fill(~mask, -torch.inf)
        seen = weights.softmax(-1).to(value.dtype) @ value
        return self.proj(seen.transpose(1, 2).flatten(2)), (key, value)


class Block(nn.Module):
    """A transformer layer: attention, then an MLP, with pre-norms and residuals."""

    def __init__(self, shape: TransformerShape, dropout: float) -> None:
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
        """Apply the layer: [B, T, C] → [B, T, C], and the keys and values to cache."""
        seen, present = self.attn(self.ln1(x), mask, past)
        x = x + self.drop(seen)
        return x + self.mlp(self.ln2(x)), present


class Transformer(nn.Module):
    """A causal transformer over embeddings, without input and output layers."""

    def __init__(self, shape: TransformerShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.pos_emb = nn.Parameter(torch.zeros(1, shape.block_size, shape.n_embd))
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(shape, dropout) for _ in range(shape.n_layer)))
        self.ln_f = nn.LayerNorm(shape.n_embd)

    def read(self, x: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Process the next positions of a sequence.

        Args:
            x: [B, T, n_embd], the new positions.
            past: the cache of the last call, or None at the beginning.

        Returns:
            Hidden states [B, T, n_embd], and the cache for the next call.

        Raises:
            ValueError: if the sequence becomes longer than `block_size`.
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
        """The mask [T, T], True where a position (row) may attend to another (column)."""
        mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()
        mask[: self.shape.n_unmasked, : self.shape.n_unmasked] = True
        return mask


class GPT(Transformer):
    """A GPT over codes, with an optional prefix of embeddings."""

    def __init__(self, shape: TransformerShape, dropout: float = 0.0) -> None:
        super().__init__(shape, dropout)
        self.tok_emb = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.head = nn.Linear(shape.n_embd, shape.vocab_size, bias=False)
        self.apply(init_weights)

    def forward(self, codes: Tensor, prefix: Tensor | None = None) -> Tensor:
        """Predict the code after each position.

        Args:
            codes: [B, T], int64, below `vocab_size`.
            prefix: [B, P, n_embd], embeddings before the codes, or None.

        Returns:
            Logits [B, P + T, vocab_size].

        Raises:
            ValueError: if the sequence is longer than `block_size`.
        """
        x = self.tok_emb(codes)
        if prefix is not None:
            x = torch.cat([prefix.to(x), x], 1)
        return self.head(self.read(x)[0])

    @torch.no_grad()
    def sample(
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
        """Sample `count` codes after `start`, one at a time.

        Args:
            start: [B, T], the first codes, T at least 1.
            generator: the source of random numbers, on the CPU, so that all devices draw the
                same.
            temperature, top_k, top_p: see `sample_code`.
            allowed: sample only codes below this number: those of pictures, if the vocabulary
                holds others, too.

        Returns:
            Codes [B, count], int64.
        """
        past: list[Past] | None = None
        codes, written = start, []
        for _ in range(count):
            states, past = self.read(self.tok_emb(codes), past)
            last = self.head(states[:, -1])[:, :allowed].float().cpu()
            chosen = sample_code(last, generator, temperature, top_k, top_p).to(start.device)
            written.append(chosen)
            codes = chosen[:, None]
        return torch.stack(written, 1)


def init_weights(part: nn.Module) -> None:
    """Initialise a module's weights as minGPT does: normal, of standard deviation 0.02."""
    if isinstance(part, (nn.Linear, nn.Embedding)):
        nn.init.normal_(part.weight, std=0.02)
    if isinstance(part, nn.Linear) and part.bias is not None:
        nn.init.zeros_(part.bias)


def sample_code(
    logits: Tensor,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Tensor:
    """Sample a code for each row of logits: [B, V] → [B].

    Args:
        generator: the source of random numbers.
        temperature: 0 takes the likeliest code, 1 samples from the learnt distribution.
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
        shares = keep_likeliest(shares, top_p)
    return torch.multinomial(shares, 1, generator=generator)[:, 0]


def keep_likeliest(shares: Tensor, top_p: float) -> Tensor:
    """Set the shares [B, V] to 0 that are not among the likeliest which have `top_p` together."""
    # A few of them mostly do, and to sort them all takes as long as the rest of a step.
    some = shares.topk(min(AMONG, shares.shape[-1])).values
    # A code stays if those before it do not yet reach the share; the likeliest always does.
    count = (some.cumsum(-1) - some < top_p).sum(-1, keepdim=True).clamp(min=1)
    kept = shares >= some.gather(-1, count - 1)
    enough = bool((count < some.shape[-1]).all())
    if enough and torch.equal(kept.sum(-1, keepdim=True), count):  # no two are alike at the end
        return shares * kept
    ordered, order = shares.sort(-1, descending=True)
    kept = ordered.cumsum(-1) - ordered < top_p
    kept[:, 0] = True
    return torch.zeros_like(shares).scatter(-1, order, ordered * kept)
