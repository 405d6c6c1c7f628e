"""How far do pictures and words agree, and which nearby picture would make them disagree?"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Looker(Protocol):
    """What can be fooled: a CLIP in training."""

    clip: Any

    def look(self, images: Tensor) -> Tensor:
        """[N, 3, S, S] in [0, 1] → [N, D], rows of length 1."""

    def parameters(self) -> Any:
        """The weights."""


def contrast(image: Tensor, text: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy both ways between [B + X, D] pictures and [B, D] texts.

    Args:
        image: rows of length 1; the last X are nonsense, which no text wants.
        same: [B, B] bool, which texts hold for which pictures.
        scale: the inverse temperature.
    """
    wanted = same.float()
    logits = scale * image @ text.T  # [B + X, B]
    known = logits[: len(text)]
    of_image = -(wanted / wanted.sum(1, keepdim=True) * known.log_softmax(1)).sum(1).mean()
    of_text = -(wanted / wanted.sum(0) * logits.log_softmax(0)[: len(text)]).sum(0).mean()
    return (of_image + of_text) / 2


def attack(
    model: Looker, images: Tensor, text: Tensor, same: Tensor, rms: float, autocast: Any
) -> Tensor:
    """Move each picture by up to `rms` a pixel along the gradient that fools the model most.

    One step from a random start, by the picture's own length (L2), as in "Fast is better than
    free" (Wong et al., 2020, https://arxiv.org/abs/2001.03994), which does so by the sign.
    """
    length = (
        rms * images[0].numel() ** 0.5 * torch.rand(len(images), 1, 1, 1, device=images.device)
    )
    start = torch.randn_like(images)
    start = start / start.flatten(1).norm(dim=1)[:, None, None, None] * length * 0.5
    moved = (images + start).clamp(0, 1).requires_grad_()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with autocast():
        seen = model.look(moved)
    loss = contrast(seen, text, same, model.clip.logit_scale.exp())
    gradient = torch.autograd.grad(loss, moved)[0]
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    direction = gradient / (gradient.flatten(1).norm(dim=1)[:, None, None, None] + 1e-12)
    move = start + direction * length
    move = move * (length / move.flatten(1).norm(dim=1)[:, None, None, None]).clamp(max=1)
    return (images + move).clamp(0, 1).detach()
