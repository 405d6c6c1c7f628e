"""How do codes find their places? A codebook that follows the data, for training only.

`vqclip.models.vqgan` quantises with a codebook that is at rest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Codebook(nn.Module):
    """Vector quantisation whose codes are running means of the latents that chose them."""

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
        # Half precision would confuse neighbours, hence no autocast.
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
        """Replace codes chosen less than `least` times a step by latents of this batch."""
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).float()
        dead = (self.usage < least).nonzero()[:, 0]
        drawn = flat[torch.randint(len(flat), [len(dead)])]
        self.embedding.weight[dead] = drawn
        self.usage[dead] = 1.0
        self.sums[dead] = drawn
        return len(dead)
