"""Write down which tensors, of which shapes, the published checkpoints hold.

    python tests/models/make_layouts.py

The lists come from taming's own modules, put together as its VQModel and GumbelVQ do, and
latent-diffusion's VQModel (those classes themselves no longer import), on the meta device, so
without any weights. They are what `vqclip.models` is held against; the configs that it bundles
are not used here.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.vqvae.quantize import GumbelQuantize, VectorQuantizer2
from torch import nn

F16 = {"ch_mult": (1, 1, 2, 2, 4), "attn_resolutions": [16]}
F8 = {"ch_mult": (1, 1, 2, 4), "attn_resolutions": [32]}
LATENT_DIFFUSION_F8 = {"ch_mult": (1, 2, 2, 4), "attn_resolutions": [32]}
COMMON = {
    **{"double_z": False, "resolution": 256, "in_channels": 3},
    **{"out_ch": 3, "ch": 128, "num_res_blocks": 2, "dropout": 0.0},
}


def taming_layout(
    ddconfig: dict, quantiser: nn.Module, prefix: str = "", depth: int = 256
) -> list[str]:
    """One line per tensor: its name, and its sizes joined by x."""
    model = nn.Module()
    model.encoder = Encoder(**COMMON, **ddconfig, z_channels=depth)
    model.decoder = Decoder(**COMMON, **ddconfig, z_channels=depth)
    model.quantize = quantiser
    model.quant_conv = nn.Conv2d(depth, depth, 1)
    model.post_quant_conv = nn.Conv2d(depth, depth, 1)
    state = model.state_dict(prefix=prefix)
    return [f"{key} {'x'.join(map(str, value.shape))}" for key, value in state.items()]


def layouts() -> dict[str, list[str]]:
    """Every published layout, by name."""
    with torch.device("meta"), contextlib.redirect_stdout(io.StringIO()):
        return {
            "f16_16384": taming_layout(F16, VectorQuantizer2(16384, 256, 0.25)),
            "f16_1024": taming_layout(F16, VectorQuantizer2(1024, 256, 0.25)),
            "gumbel_f8_8192": taming_layout(F8, GumbelQuantize(256, 256, 8192)),
            **{
                f"f8_{codes}_4": taming_layout(
                    LATENT_DIFFUSION_F8, VectorQuantizer2(codes, 4, 0.25), depth=4
                )
                for codes in (16384, 256)
            },
            "net2net_f16_1024": taming_layout(
                F16, VectorQuantizer2(1024, 256, 0.25), prefix="first_stage_model."
            ),
        }


if __name__ == "__main__":
    for name, lines in layouts().items():
        (Path(__file__).parent / "layouts" / f"{name}.txt").write_text("\n".join(lines) + "\n")
