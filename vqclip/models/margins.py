"""What does a decoder see beyond the border of a picture?

Zeros, as convolutions are padded; and some decoders learn to leave a bright speck in a corner,
which no loss over a whole picture minds, and by which they steer the norms of all that they draw
(in StyleGAN: Karras et al., 2020, https://arxiv.org/abs/1912.04958, section 2). With a margin,
such specks fall beyond the border: the outermost codes are drawn once more around the picture,
and cut off.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional


def drawn(draw: Callable[[Tensor], Tensor], latent: Tensor, margin: int) -> Tensor:
    """Draw a latent with its outermost cells repeated `margin` times, and cut those off.

    Args:
        draw: [N, C, h, w] → [N, 3, H, W].
        latent: [N, C, h, w].
    """
    if margin == 0:
        return draw(latent)
    around = functional.pad(latent, [margin] * 4, mode="replicate")
    picture = draw(around)
    cut = margin * (picture.shape[-1] // around.shape[-1])
    return picture[..., cut:-cut, cut:-cut]
