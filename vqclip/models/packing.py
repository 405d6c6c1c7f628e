"""How do the bundled weights stay small? A table of words keeps only the rows that were learnt.

CLIP's tokenizer has 49,408 tokens, and a small CLIP's table of them outweighs both its towers.
Rows that training never reached carry no meaning and are left out; the others are kept as whole
numbers of one byte with a scale for each row. Reading gives the whole table back: a row that was
left out is zero, a token without a meaning, and any other is off by at most half a step.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STEPS = 127  # of one byte, either side of zero
_VALUES, _SCALES, _ROWS, _COUNT = (
    f".packed_{part}" for part in ("values", "scales", "rows", "count")
)


def pack(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Pack one table, [N, W] of any floating type; what else there is stays as it is.

    Rows of nothing but zeros are left out.
    """
    table = tensors[name].float()
    rows = table.abs().amax(1).nonzero()[:, 0]
    kept = table[rows]
    # The scale is rounded to half precision first, so that the steps count what will be read.
    scales = (kept.abs().amax(1) / _STEPS).half().clamp(min=torch.finfo(torch.half).tiny)
    values = (kept / scales.float()[:, None]).round().clamp(-_STEPS, _STEPS).to(torch.int8)
    packed = {key: tensor for key, tensor in tensors.items() if key != name}
    packed |= {name + _VALUES: values, name + _SCALES: scales}
    return packed | {
        name + _ROWS: rows.to(torch.int32),
        name + _COUNT: torch.tensor([len(table)], dtype=torch.int32),
    }


def unpack(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give back what `pack` packed, in float32; tensors that are not packed stay as they are.

    Raises:
        KeyError: if a part of a packed table is missing.
    """
    whole = {key: tensor for key, tensor in tensors.items() if ".packed_" not in key}
    for key, values in tensors.items():
        if key.endswith(_VALUES):
            name = key.removesuffix(_VALUES)
            scales, rows = tensors[name + _SCALES].float(), tensors[name + _ROWS].long()
            table = torch.zeros(int(tensors[name + _COUNT]), values.shape[1])
            table[rows] = values.float() * scales[:, None]
            whole[name] = table
    return whole
