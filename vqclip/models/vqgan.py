"""The VQGAN: loading it, encoding, quantising and decoding pictures.

A VQGAN is an encoder, a codebook and a decoder. `load_vqgan` loads one by name, `open_vqgan` from
a config in the layout of taming-transformers and its checkpoint; `build_vqgan` makes one that is
yet to be trained.

Esser et al., 2021, https://arxiv.org/abs/2012.09841; the Gumbel kind: Ramesh et al., 2021,
https://arxiv.org/abs/2102.12092. Encoder and Decoder are those of taming-transformers.
Differs: `encode` draws no random numbers and does not quantise (a Gumbel model gives the
likeliest code), so that a picture gives the same latent every time and keeps its residual.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn

from vqclip.errors import ModelError
from vqclip.models import model_cache
from vqclip.models.layers import decoder_layers, padding, tiled_decoding
from vqclip.models.layers.initialisation import NoInitialisation
from vqclip.models.vqgan_config import Layout, describe_layout, read_config
from vqclip.models.zoo import model_files
from vqclip.models.zoo.checkpoint_file import read_checkpoint
from vqclip.models.zoo.verify import changed_message, check_weights, file_stamp
from vqclip.repeats import ONCE, Repeat
from vqclip.tensors import Image, Latent

COPY, NOTE = "light.safetensors", "light.json"  # see `vqclip.models.zoo.verify`


def load_vqgan(name: str, device: torch.device | str = "cpu") -> tuple[VQGAN, str]:
    """Load a VQGAN by its name, and return it with the sha256 of its weights.

    Raises:
        ModelAbsent: if the model is known but not on this machine.
        ModelError: if it cannot be read, or its checksum has changed.
    """
    found = model_files.find_vqgan(name)
    model, digest = model_cache.load_once(
        *(("vqgan", name, str(device)), (found.config, found.weights)),
        lambda: _load_files(name, found, device),
    )
    return model_cache.share_weights(model), digest


def _load_files(
    name: str, found: model_files.ModelFiles, device: torch.device | str
) -> tuple[VQGAN, str]:
    """Load the files of a VQGAN, or the copy of them if there is one."""
    copied_sha256 = _valid_copy(found.weights)
    if copied_sha256 is not None:
        return open_vqgan(
            found.config, found.weights.with_name(COPY), device=device
        ), copied_sha256
    checked = check_weights(name, found.weights)
    if not checked.same:
        raise ModelError(changed_message(checked))
    model = open_vqgan(found.config, found.weights, device=device)
    if (
        model_files.cache_dir() in found.weights.parents
        and found.weights.suffix != ".safetensors"
    ):
        with suppress(OSError):  # a full disk, or one that is only read: next time, then
            _write_copy(model, found.weights, checked.sha256)
    return model, checked.sha256


def _valid_copy(weights: Path) -> str | None:
    """The sha256 of weights if there is a valid, current copy of them; else None."""
    try:
        note: Any = json.loads(weights.with_name(NOTE).read_text(encoding="utf-8"))
        if note["stamp"] == file_stamp(weights) and note["copy"] == model_files.file_sha256(
            weights.with_name(COPY)
        ):
            return str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no copy, or a damaged one: it is written again
    return None


def _write_copy(model: VQGAN, weights: Path, digest: str) -> None:
    """Write the copy, then the note, without which the copy is ignored."""
    from safetensors.torch import save_file

    copy, note = weights.with_name(COPY), weights.with_name(NOTE)
    note.unlink(missing_ok=True)
    aside = copy.with_name(f"{COPY}.part")
    try:
        save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, aside)
        aside.replace(copy)
    finally:
        aside.unlink(missing_ok=True)
    text = json.dumps(
        {"stamp": file_stamp(weights), "sha256": digest, "copy": model_files.file_sha256(copy)}
    )
    part = note.with_name(f"{NOTE}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(note)


FIRST_STAGE = "first_stage_model."

# Distances held at once in the search for the nearest codes: 2**24 floats are 64 MiB.
DISTANCES = 2**24


class _ClampWithGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.range = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,), (grad,) = ctx.saved_tensors, grads
        return grad * (grad * (x - x.clamp(*ctx.range)) >= 0), None, None


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gradient_to: Tensor) -> Tensor:
        ctx.shape = gradient_to.shape
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        return None, grads[0].sum_to_size(ctx.shape)


def clamp_with_grad(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp `x` to [low, high], keeping gradients that lead back into the range.

    A plain clamp has no gradient outside the range, so that values there never return.
    Crowson et al., 2022, https://arxiv.org/abs/2204.08583.

    >>> x = torch.tensor([2.0], requires_grad=True)
    >>> clamp_with_grad(x, 0, 1).sum().backward()
    >>> x.grad
    tensor([1.])
    """
    result: Tensor = _ClampWithGrad.apply(x, low, high)
    return result


def straight_through(value: Tensor, gradient_to: Tensor) -> Tensor:
    """Return `value`, and pass its gradient to `gradient_to`: a straight-through estimator.

    Bengio et al., 2013, https://arxiv.org/abs/1308.3432.

    Args:
        value: any shape; gets no gradient itself.
        gradient_to: the same shape, or one that broadcasts to it.
    """
    result: Tensor = _StraightThrough.apply(value, gradient_to)
    return result


class VQGAN(nn.Module):
    """A VQGAN: encoder, codebook and decoder; the names of its weights are taming's.

    Made by `open_vqgan` (frozen) or `build_vqgan` (to be trained).

    Attributes:
        kind: "vq" (nearest code) or "gumbel" (the encoder scores codes).
        factor: pixels per side of a latent cell.
        channels: length of a code.
        margin: codes that are repeated around a picture as it is drawn, and cut off; 0 in
            published models, which are decoded as taming does.
        repeat: how its pictures repeat; see `set_repeat`.
        gradient_dtype: the number format of decoding while a gradient is recorded; what is
            decoded without one, as a finished picture is, or in tiles, is decoded in float32.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        kind, codes, channels = layout.kind, layout.codes, layout.channels
        depth = layout.ddconfig["z_channels"]
        self.kind = kind
        self.factor = layout.factor
        self.channels = channels
        self.margin = layout.margin
        self.repeat = ONCE
        self.gradient_dtype = torch.float32
        with contextlib.redirect_stdout(io.StringIO()):  # taming prints the shape of z
            self.encoder = Encoder(**layout.ddconfig)
            self.decoder = Decoder(**layout.ddconfig)
        decoder_layers.replace_layers(self)
        book = nn.Embedding(codes, channels)
        nn.init.uniform_(book.weight, -1 / codes, 1 / codes)
        self.quantize = nn.ModuleDict({"embedding" if kind == "vq" else "embed": book})
        if kind == "gumbel":
            self.quantize["proj"] = nn.Conv2d(depth, codes, 1)
        self.quant_conv = nn.Conv2d(depth, channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, depth, 1)

    def set_repeat(self, repeat: Repeat) -> None:
        """Decode, and encode, pictures that repeat, from now on."""
        self.repeat = repeat
        padding.set_repeat(self, repeat)

    @property
    def codebook(self) -> Tensor:
        """The codebook, [codes, C]."""
        weight = self.quantize["embedding" if self.kind == "vq" else "embed"].weight
        assert isinstance(weight, Tensor)
        return weight

    def encode(self, image: Image) -> Latent:
        """Encode a picture: the latent before quantisation, or the likeliest codes if Gumbel.

        Args:
            image: [N, 3, H, W] in [0, 1]. Sides that `factor` does not divide are rounded down.

        Returns:
            [N, C, H / factor, W / factor].
        """
        hidden: Tensor = self.quant_conv(self.encoder(image * 2 - 1))
        if self.kind == "vq":
            return hidden
        votes = self.quantize["proj"](hidden)  # [N, codes, h, w]
        return self._embed_codes(votes.argmax(dim=1))

    def quantise(self, latent: Latent) -> Latent:
        """Quantise: every cell becomes its nearest code; gradients pass straight through."""
        return straight_through(self._embed_codes(self.nearest_codes(latent)), latent)

    def lookup(self, indices: Tensor) -> Latent:
        """Look up codes by their numbers: [h, w], int64 → [1, C, h, w]."""
        return self._embed_codes(indices[None])

    def decode(self, latent: Latent) -> Image:
        """Decode a latent, which is not quantised here: [N, C, h, w] → [N, 3, H, W] in [0, 1].

        Colours out of range are clamped, by `clamp_with_grad`.
        """
        recorded = torch.is_grad_enabled() and latent.requires_grad
        if not recorded or self.gradient_dtype == torch.float32:
            return self._decode(self.decoder, latent)
        with torch.autocast(latent.device.type, self.gradient_dtype):
            return self._decode(self.decoder, latent)

    def decode_in_tiles(self, latent: Latent) -> Image:
        """Decode to the same picture with less memory and an approximate gradient.

        See `vqclip.models.layers.tiled_decoding`.
        """
        return self._decode(
            partial(tiled_decoding.draw_in_tiles, self.decoder, repeat=self.repeat), latent
        )

    def _decode(self, draw: Callable[[Tensor], Tensor], latent: Latent) -> Image:
        given = self.post_quant_conv(latent)
        if self.repeat.is_on and self.margin > 0:
            padding.hold_norms(self.decoder, given, self.margin, self.repeat)
        drawn = padding.with_margin(draw, given, self.margin, self.repeat)
        return _to_colours(drawn.to(latent.dtype))

    def codebook_range(self) -> tuple[Tensor, Tensor]:
        """The least and the greatest value of each channel in the codebook: [1, C, 1, 1]."""
        low, high = self.codebook.aminmax(dim=0)
        return low.view(1, -1, 1, 1), high.view(1, -1, 1, 1)

    def random_latent(self, height: int, width: int, generator: torch.Generator) -> Latent:
        """A latent of random codes, [1, C, height, width]; the size is in cells."""
        book = self.codebook
        numbers = torch.randint(
            len(book), (height, width), generator=generator, device=generator.device
        )
        return self.lookup(numbers.to(book.device))

    def _embed_codes(self, indices: Tensor) -> Latent:
        """Look up a batch of codes by number: [N, h, w] → [N, C, h, w]."""
        return nn.functional.embedding(indices, self.codebook).permute(0, 3, 1, 2).contiguous()

    def nearest_codes(self, latent: Latent) -> Tensor:
        """Find the numbers of the nearest codes: [N, C, h, w] → [N, h, w], int64, in chunks.

        The squared distance is |z|² + |c|² - 2zc; |z|² is the same for every code, so it is left
        out. Half precision could pick another code, hence no autocast.
        """
        with torch.no_grad(), torch.autocast(latent.device.type, enabled=False):
            book = self.codebook.float()
            rows = latent.permute(0, 2, 3, 1).reshape(-1, self.channels).float()
            lengths = book.square().sum(dim=1)
            chunks = torch.split(rows, max(1, DISTANCES // len(book)))
            found = [torch.addmm(lengths, chunk, book.T, alpha=-2).argmin(1) for chunk in chunks]
            return torch.cat(found).view(latent.shape[0], *latent.shape[2:])


def _to_colours(drawn: Tensor) -> Image:
    """Convert a decoder's output, about [-1, 1], to colours in [0, 1]."""
    return clamp_with_grad((drawn + 1) / 2, 0, 1)


def build_vqgan(config: Mapping[str, Any], *, source: str = "the config") -> VQGAN:
    """Build the VQGAN that a config describes, with random weights, ready to be trained.

    Args:
        config: as `read_config` gives it. A Net2Net config gives its first stage.
        source: what to call the config in errors.

    Raises:
        ModelError: if the config is incomplete, or of another kind of model.
    """
    layout = describe_layout(config, source)
    try:
        return VQGAN(layout)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{source}: ddconfig cannot be built ({error}); check it") from error


def open_vqgan(
    config: Path | str, weights: Path | str, *, device: torch.device | str = "cpu"
) -> VQGAN:
    """Load a VQGAN, frozen, in float32, from its YAML and its checkpoint.

    Reads taming's `.ckpt` (plain, Gumbel, first stage of a Net2Net) and `.safetensors`; other
    tensors in the file (losses, transformer, optimiser) are ignored.

    Raises:
        ModelError: if a file cannot be read, or they do not belong together.
    """
    parsed = read_config(config)
    with torch.device("meta"), NoInitialisation():
        model = build_vqgan(parsed, source=str(config))
    state = _vqgan_state(read_checkpoint(weights))
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in state]
    if missing:
        raise ModelError(
            f"{weights} lacks {len(missing)} of the {len(wanted)} tensors that {config} asks for "
            f"({_group_keys(missing)}); use the YAML that was published with this checkpoint"
        )
    for key, expected in wanted.items():
        if state[key].shape != expected.shape:
            raise ModelError(
                f"{weights}: {key} is {list(state[key].shape)}, but {config} asks for "
                f"{list(expected.shape)}: a checkpoint of another architecture. Use the YAML "
                "that was published with it"
            )
    # Copies, because the file may be memory-mapped, and the user may move it.
    own = {key: state[key].to(device, torch.float32, copy=True) for key in wanted}
    model.load_state_dict(own, assign=True)
    return model.requires_grad_(False).eval()


def _group_keys(keys: list[str]) -> str:
    """Group keys by their first part, for messages; a single key is written in full.

    >>> _group_keys(["decoder.conv_in.weight", "decoder.conv_in.bias", "quant_conv.bias"])
    'decoder.* (2 keys), quant_conv.bias'
    """
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.partition(".")[0], []).append(key)
    return ", ".join(
        inside[0] if len(inside) == 1 else f"{part}.* ({len(inside)} keys)"
        for part, inside in groups.items()
    )


def _vqgan_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Find the VQGAN's tensors in a checkpoint, under the names that VQGAN uses."""
    nested = checkpoint.get("state_dict")
    source = nested if isinstance(nested, Mapping) else checkpoint
    tensors = {key: value for key, value in source.items() if isinstance(value, Tensor)}
    inner = {k: v for k, v in tensors.items() if k.startswith(FIRST_STAGE)}
    return {k.removeprefix(FIRST_STAGE): v for k, v in (inner or tensors).items()}
