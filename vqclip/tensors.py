"""Tensor types: names for the tensors that pass between modules, with shapes and ranges.

| name      | shape          | values                                                            |
|-----------|----------------|-------------------------------------------------------------------|
| Image     | [1, 3, H, W]   | sRGB in [0, 1]                                                    |
| Cutouts   | [N, 3, S, S]   | sRGB, in [0, 1] before noise                                      |
| Embedding | [N, D]         | rows of length 1                                                  |
| Latent    | [1, C, h, w]   | unbounded; near a VQGAN's codebook vectors                        |
| Scalar    | []             | a loss                                                            |

These are names for readers, not types that are checked: all of them are `torch.Tensor`.
"""

from __future__ import annotations

from torch import Tensor

Image = Tensor
Cutouts = Tensor
Embedding = Tensor
Latent = Tensor
Scalar = Tensor
