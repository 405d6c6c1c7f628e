"""A VQGAN's config: its YAML file, checked.

The published checkpoints come with a YAML of taming-transformers or latent-diffusion. It names
Python classes under `target:`; here those names are looked up in a table, never imported.

Source: the configs of taming-transformers (Esser et al., 2021, https://arxiv.org/abs/2012.09841)
and of latent-diffusion (Rombach et al., 2021, https://arxiv.org/abs/2112.10752).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vqclip.errors import ModelError, suggest
from vqclip.models.zoo.download import is_html

KINDS = {
    "taming.models.vqgan.VQModel": "vq",
    "taming.models.vqgan.GumbelVQ": "gumbel",
    "ldm.models.autoencoder.VQModel": "vq",
    "ldm.models.autoencoder.VQModelInterface": "vq",
}


NET2NET = "taming.models.cond_transformer.Net2NetTransformer"


DDCONFIG = "ch out_ch ch_mult num_res_blocks attn_resolutions in_channels resolution z_channels"
GROUPS = 32  # of taming's GroupNorm: every width is a multiple
MOST_MARGIN = 8


@dataclass(frozen=True)
class Layout:
    """The architecture of a VQGAN: all that `build_vqgan` needs."""

    kind: str  # "vq" or "gumbel"
    ddconfig: Mapping[str, Any]  # of the encoder and the decoder, in taming's names
    codes: int
    channels: int  # length of a code
    margin: int = 0  # codes repeated around a picture as it is drawn, and cut off

    @property
    def factor(self) -> int:
        """Pixels per side of a latent cell."""
        return int(2 ** (len(self.ddconfig["ch_mult"]) - 1))


def read_config(path: Path | str) -> dict[str, Any]:
    """Read a config file in taming's layout, without importing anything that it names.

    Raises:
        ModelError: if the file is absent, a web page, not YAML, or has no "model".
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the config {path} cannot be read ({error.strerror})") from error
    if is_html(raw):
        raise ModelError(f"{path} is a web page, not a YAML config; save the file itself")
    try:
        config = yaml.safe_load(raw.decode())
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path} is not text, so not a YAML config; were the config and the weights given in "
            "the wrong order?"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f", line {mark.line + 1}"
        if b"\t" in raw:
            line = raw[: raw.index(b"\t")].count(b"\n") + 1
            raise ModelError(
                f"{path}, line {line} has a tab, which YAML forbids; put spaces there"
            ) from error
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ModelError(f"{path}{place}: {problem}; mend that line") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        raise ModelError(f"{path} has no 'model:' section; expected a VQGAN's YAML, as taming's")
    return config


def describe_layout(config: Mapping[str, Any], source: str = "the config") -> Layout:
    """Extract the architecture from a config; from a Net2Net's, that of its first stage.

    Args:
        config: as `read_config` gives it.
        source: what to call the config in errors.

    Raises:
        ModelError: if the config lacks something, or describes something else.
    """
    model = _section(config, "model", source, within="")
    target = model.get("target")
    if target == NET2NET:
        params = _section(model, "params", source, within="model.")
        model = _section(params, "first_stage_config", source, within="model.params.")
        target = model.get("target")
    if target not in KINDS:
        known = [*KINDS, NET2NET]
        raise ModelError(
            f"{source}: 'target: {target}' is not a VQGAN that vqclip can "
            f"build{suggest(str(target), known)} (one of: {', '.join(known)})"
        )
    params = _section(model, "params", source, within="model.")
    ddconfig = _section(params, "ddconfig", source, within="params.")
    _require(params, "n_embed embed_dim", source, within="params.")
    _require(ddconfig, DDCONFIG, source, within="ddconfig.")
    if ddconfig["in_channels"] != 3 or ddconfig["out_ch"] != 3:
        raise ModelError(
            f"{source}: {ddconfig['in_channels']} channels in and {ddconfig['out_ch']} out; "
            "expected 3 and 3 (a picture). This is a model of segmentations"
        )
    if ddconfig.get("double_z", True):
        raise ModelError(
            f"{source}: ddconfig.double_z is true or absent, as in an autoencoder without a "
            "codebook; a VQGAN's config says 'double_z: false'"
        )
    if not isinstance(ddconfig["ch"], int) or ddconfig["ch"] % GROUPS:
        raise ModelError(
            f"{source}: ddconfig.ch is {ddconfig['ch']!r}; expected a multiple of {GROUPS}, "
            "because the channels are normalised in that many groups"
        )
    margin = config.get("margin", 0)  # vqclip's own, beside taming's `model`
    if not isinstance(margin, int) or not 0 <= margin <= MOST_MARGIN:
        raise ModelError(
            f"{source}: margin is {margin!r}; expected a number of codes from 0 to {MOST_MARGIN}"
        )
    return Layout(KINDS[target], ddconfig, params["n_embed"], params["embed_dim"], margin)


def _section(mapping: Mapping[str, Any], key: str, source: str, *, within: str) -> dict[str, Any]:
    """Return a section of a config, checked to be a mapping."""
    _require(mapping, key, source, within=within)
    section = mapping[key]
    if not isinstance(section, Mapping):
        raise ModelError(f"{source}: '{within}{key}' is {section!r}; expected a section")
    return dict(section)


def _require(mapping: Mapping[str, Any], keys: str, source: str, *, within: str) -> None:
    """Refuse a config that lacks one of `keys`."""
    for key in keys.split():
        if key not in mapping:
            raise ModelError(
                f"{source} has no '{within}{key}'; expected a VQGAN's YAML, in taming's layout"
            )
