"""The perceptor: an open_clip model that embeds cutouts and prompts.

A perceptor maps squares of a picture and texts to directions in one space: the smaller the angle
between two of them, the better they fit. It is `Cutouts -> Embedding` and
`list[str] -> Embedding`. Both are done by a model of open_clip; its input size, normalisation,
tokens and precision are handled here.

CLIP: Radford et al., 2021, https://arxiv.org/abs/2103.00020; open_clip: Cherti et al., 2022,
https://arxiv.org/abs/2212.07143.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError, ModelError, pick
from vqclip.guidance.cutouts import Cutter
from vqclip.language.assets import find_word_names
from vqclip.models import clip as models_clip
from vqclip.models import clip_text_tower, model_cache
from vqclip.models import tokenizer as models_tokenizer
from vqclip.models.device import describe_device, pick_precision
from vqclip.models.layers.batch_norms import fold_batch_norms
from vqclip.models.layers.early_layers import read_layers
from vqclip.models.layers.initialisation import NoInitialisation
from vqclip.models.memory import MemoryPolicy, is_out_of_memory
from vqclip.models.zoo.word_embedding import WordEmbedding, fitting_words
from vqclip.tensors import Cutouts, Embedding

_CONTRASTS = ("absolute", "stretch")
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LIFT = 1024.0  # a pixel's gradient is near 1e-6, and fp16 has no number between 0 and 6e-8
_MARGIN = 1e-6  # of contrast; less is taken for a flat colour


@dataclass(frozen=True, eq=False)
class OpenClipPerceptor:
    """A perceptor: an open_clip model with frozen weights. Made by `load_perceptor`.

    Args:
        name: what it is called in logs: the name that it was loaded by.
        size: side of its input squares, in pixels.
        cutter: the cutter that makes its squares.
        context_length: how many tokens it reads, start and end included.
        model, tokenizer: open_clip's.
        mean, std: [1, 3, 1, 1], what the model's training subtracted and divided by.
        dtype: precision of the model's weights.
        interpolation: how pictures of another size are resized: open_clip's own name for it.
        squash: whether they are squashed to a square; if not, the middle is kept.
        weights: the file that the model was read from.
        contrast: "absolute" shows the pixels as they are; "stretch" first spreads the whole batch
            from black to white, as pixray does, so that contrast alone gains nothing.
        memory_policy: the memory policy: how many squares are embedded together.
        words: vectors of learnt words, by name; see `with_words`.
        gate: what cutouts pass before they are embedded; None: nothing.
    """

    name: str
    size: int
    cutter: Cutter
    context_length: int
    model: Any
    tokenizer: Any
    mean: Tensor
    std: Tensor
    dtype: torch.dtype
    interpolation: str
    squash: bool
    weights: Path
    contrast: str
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)
    words: Mapping[str, Tensor] = field(default_factory=dict)
    gate: Callable[[Cutouts], Cutouts] | None = None

    @property
    def inverse_temperature(self) -> float:
        """The model's inverse temperature, by which its training multiplied cosines."""
        return float(self.model.logit_scale.detach().float().exp())

    def embed_image(self, cutouts: Cutouts) -> Embedding:
        """Embed squares of a picture, differentiably in their pixels.

        Args:
            cutouts: [N, 3, H, W] in [0, 1], or a little beyond where noise was added. Those of
                another size than the perceptor's are resized as open_clip's preprocessing does.

        Returns:
            [N, D] float32, rows of length 1.

        Raises:
            ValueError: if `cutouts` is not [N, 3, H, W].
        """
        if cutouts.dim() != 4 or cutouts.shape[1] != 3:
            raise ValueError(f"cutouts are [N, 3, H, W], not {list(cutouts.shape)}")
        cutouts = cutouts if self.gate is None else self.gate(cutouts)
        pixels = self._resized(cutouts.to(self.mean))
        if self.contrast == "stretch":
            low, high = pixels.min(), pixels.max()
            pixels = (pixels - low) / (high - low).clamp(min=_MARGIN)
        pixels, lift = self._prepare(pixels)
        features = lift(self.memory_policy.apply_in_chunks(self.model.encode_image, pixels))
        return F.normalize(features, dim=-1)

    def read_early_layers(self, cutouts: Cutouts, layers: Sequence[Any]) -> list[Tensor]:
        """Read early layers of the image encoder, differentiably in the pixels.

        Args:
            cutouts: [N, 3, H, W] in [0, 1], of a size that the layers take.
            layers: some of those that `vqclip.models.layers.early_layers` finds.

        Returns:
            [N, C, P] float32 of each: C features at P places.
        """
        pixels, lift = self._prepare(cutouts.to(self.mean))
        return [lift(each) for each in read_layers(self.model.visual, pixels, layers)]

    def _prepare(self, pixels: Cutouts) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The input of the image encoder, and what makes float32 of its output.

        In float16, the gradient is larger in between.
        """
        pixels = (pixels - self.mean) / self.std
        lifted = self.dtype == torch.float16 and pixels.requires_grad
        if lifted:
            pixels.register_hook(lambda gradient: gradient / _LIFT)

        def lift(features: Tensor) -> Tensor:
            found = features.float()
            if lifted:
                found.register_hook(lambda gradient: gradient * _LIFT)
            return found

        return pixels.to(self.dtype), lift

    @torch.no_grad()
    def embed_text(self, texts: list[str]) -> Embedding:
        """Embed texts, without a gradient.

        A text of more than `context_length` tokens is cut short; see `count_tokens`. A learnt
        word in it, `<my-cat>`, is read by its vectors; see `with_words`.

        Returns:
            [len(texts), D] float32, rows of length 1.

        Raises:
            ValueError: if `texts` is empty.
        """
        if len(texts) == 0:
            raise ValueError("no texts to embed")
        if any(find_word_names(text) for text in texts):  # which mean something else elsewhere
            return self._embed_text(texts)
        key = ("texts", self.name, str(self.mean.device), self.dtype, *texts)
        kept = model_cache.load_once(key, [self.weights], lambda: self._embed_text(texts))
        return kept.clone()

    def _embed_text(self, texts: list[str]) -> Embedding:
        tokens, inserted = self._token_rows(texts)
        read = clip_text_tower.encode_text(self.model, tokens, inserted=inserted)
        return F.normalize(read.float(), dim=-1)

    @torch.no_grad()
    def read_tokens(self, texts: list[str]) -> Tensor:
        """Return the text tower's state for every token: [len(texts), L, W] float32.

        L is `context_length`, padding included, W the width of the text tower; each state depends
        on the tokens before it.
        """
        tokens, inserted = self._token_rows(texts)
        return clip_text_tower.hidden_states(self.model, tokens, inserted)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text`, start and end included, padding not.

        With more than `context_length`, the model does not read the end of the text. A learnt
        word counts as many tokens as it has vectors.
        """
        return self.tokenise([(text, 1.0)]).count

    def tokenise(self, pieces: list[tuple[str, float]]) -> models_tokenizer.TokenRow:
        """Tokenise a text given as (piece, weight) pairs, learnt words included."""
        return models_tokenizer.tokenise(self.tokenizer, pieces, self.words, self.context_length)

    def with_words(self, words: Mapping[str, Tensor]) -> OpenClipPerceptor:
        """Return the same perceptor with learnt words added.

        Args:
            words: by name, [V, W] each, W being `width`; texts write them as `<name>`.

        Raises:
            ConfigError: if a word is of another width.
        """
        for name, vectors in words.items():
            if vectors.dim() != 2 or vectors.shape[1] != self.width:
                raise ConfigError(
                    f"the word <{name}> is {list(vectors.shape)}, but the text encoder of "
                    f"{self.name} is {self.width} wide; use a word that was learnt with it"
                )
        return replace(self, words={**self.words, **words})

    def with_fitting_words(self, words: Iterable[WordEmbedding]) -> OpenClipPerceptor:
        """Return the same perceptor with those learnt words added that fit its text tower."""
        return self.with_words(fitting_words(words, self.width))

    @property
    def computation(self) -> dict[str, str]:
        """The device and the number format that it computes in, as notes have them."""
        precision = next(name for name, dtype in _DTYPES.items() if dtype == self.dtype)
        return {"device": describe_device(self.mean.device), "precision": precision}

    @property
    def width(self) -> int:
        """The width of the text tower: how many numbers it has for a token."""
        return clip_text_tower.embedding_width(self.model)

    @property
    def embedding_length(self) -> int:
        """How many numbers its embeddings have."""
        return self.embed_text(["a"]).shape[1]

    def _token_rows(self, texts: list[str]) -> tuple[Tensor, list[clip_text_tower.Insertion]]:
        """Tokenise texts: rows of tokens [B, L], and the vectors of learnt words in them."""
        if not any(find_word_names(text) for text in texts):
            return self.tokenizer(texts).to(self.mean.device), []
        rows = [self.tokenise([(text, 1.0)]) for text in texts]
        tokens = torch.stack([row.tokens for row in rows]).to(self.mean.device)
        return tokens, models_tokenizer.batch_insertions(rows)

    @property
    def token_room(self) -> int:
        """How many tokens of a text it reads, start and end left out."""
        return self.context_length - sum(models_tokenizer.count_special_tokens(self.tokenizer))

    @property
    def reads_sentences(self) -> bool:
        """Whether its text tower is a language model, which reads sentences, not keywords."""
        return getattr(self.tokenizer, "tokenizer", None) is not None

    def with_cutter(self, cutter: Cutter) -> OpenClipPerceptor:
        """Return the same perceptor with another cutter, which others may share.

        Raises:
            ConfigError: if the cutter's squares are not of the perceptor's size.
        """
        if cutter.size != self.size:
            raise ConfigError(
                f"perceptor {self.name} sees cutouts of {self.size} pixels, but the cutter "
                f"makes {cutter.size}; make the cutter with size={self.size}"
            )
        return replace(self, cutter=cutter)

    def _resized(self, pixels: Cutouts) -> Cutouts:
        """Resize squares to the perceptor's size, as its training did."""
        height, width = pixels.shape[-2:]
        if height == width == self.size:
            return pixels
        scale = self.size / min(height, width)
        inner = [max(self.size, int(side * scale)) for side in (height, width)]
        to = [self.size, self.size] if self.squash else inner
        mode = self.interpolation if self.interpolation in ("bicubic", "bilinear") else "bicubic"
        resized = F.interpolate(pixels, to, mode=mode, antialias=True).clamp(0, 1)
        top, left = (round((side - self.size) / 2) for side in to)
        return resized[..., top : top + self.size, left : left + self.size]


def load_perceptor(
    name: str,
    *,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    cut: Cutter | None = None,
    contrast: str = "absolute",
    memory_policy: MemoryPolicy | None = None,
    words: Iterable[WordEmbedding] = (),
) -> OpenClipPerceptor:
    """Load a perceptor by its name: a bundled one, open_clip's name of one, or a folder.

    Weights that are not on this machine yet are downloaded by open_clip; a folder is read without
    the network.

    Args:
        name: "starter", "starter-second", `model::weights` in open_clip's names, such as
            `ViT-B-32::openai`, or a folder that holds `open_clip_config.json` and
            `open_clip_model.safetensors`. The perceptor is called so, too.
        precision: "fp32", or "bf16" or "fp16" for weights of half the size; "auto" chooses by
            the device. Embeddings are float32 in any case.
        cut: makes the squares; None is a new `Cutter` of the model's size, with seed 0.
        contrast: see `OpenClipPerceptor`.
        memory_policy: None embeds all squares together.
        words: learnt words; those that fit the text tower are added.

    Raises:
        ConfigError: for a name, precision or contrast that does not exist.
        ModelAbsent: if the weights are not on this machine and cannot be downloaded.
        ModelError: if the weights are damaged or do not fit, or if open_clip does not work.
    """
    precision = pick_precision(precision, torch.device(device))
    pick(_DTYPES, precision, "precision")
    pick(dict.fromkeys(_CONTRASTS), contrast, "contrast")
    plain = model_cache.load_once(
        ("perceptor", name, str(device), precision),
        _list_files(models_clip.perceptor_source(name)),
        lambda: _load_plain(name, device, precision),
    )
    perceptor = replace(
        plain,
        model=model_cache.share_weights(plain.model),
        cutter=Cutter(plain.size) if cut is None else cut,
        contrast=contrast,
        memory_policy=MemoryPolicy() if memory_policy is None else memory_policy,
    )
    return perceptor.with_cutter(perceptor.cutter).with_fitting_words(words)


def _list_files(source: str) -> list[Path]:
    """The files of a perceptor in a folder; open_clip's own do not change."""
    folder = Path(source)
    lenders = folder.parent.glob(f"*/{models_clip.PACKED}")  # of text towers
    return sorted({*filter(Path.is_file, folder.glob("*")), *lenders}) if folder.is_dir() else []


def _load_plain(name: str, device: torch.device | str, precision: str) -> OpenClipPerceptor:
    """Load a perceptor by its name, with the defaults of `load_perceptor`."""
    dtype = _DTYPES[precision]
    clip = models_clip.import_open_clip()
    packed = None
    options: dict[str, Any] = {"precision": precision, "require_pretrained": True}
    found = models_clip.perceptor_source(name)
    place = Path(found) if Path(found).is_dir() else None
    if place is not None:
        source = models_clip.check_folder(place)
        text = models_clip.read_settings(place)["text_cfg"]
        models_clip.require_tokenizer(found, text)
        packed = models_clip.read_packed_weights(place)
        weights = models_clip.find_weights(place)
    else:
        source, tag = models_clip.split_model_name(clip, found)
        text = clip.get_model_config(source)["text_cfg"]
        models_clip.require_tokenizer(found, text)
        weights = models_clip.download_weights(clip, source, tag)
        quick = models_clip.needs_quick_gelu(clip, source, tag)
        options |= {"pretrained": tag, "force_quick_gelu": quick}
    try:
        if packed is None:
            with models_clip.tower_shape(text, place) as shape:
                options |= {"text_cfg": text | shape} if shape else {}
                # The weights of a folder have to be complete; open_clip's own are left to it.
                with NoInitialisation() if place is not None else nullcontext():
                    model = clip.create_model(source, device=device, **options)
        else:
            with NoInitialisation(), models_clip.silence_warnings():
                model = clip.create_model(
                    source, device=device, precision=precision, load_weights=False
                )
            model.load_state_dict(packed)
        tokenizer = clip.get_tokenizer(source, **models_clip.tokenizer_options(text))
    except Exception as error:  # a damaged file may raise nearly anything
        if is_out_of_memory(error):
            raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"perceptor {found} cannot be loaded: {first}; its weights are damaged or belong to "
            "another configuration: fetch or export them again"
        ) from error
    model.eval().requires_grad_(False)
    clip_text_tower.convert_precision(model, dtype)
    seen = model.visual.preprocess_cfg
    size = seen["size"] if isinstance(seen["size"], int) else seen["size"][0]
    if dtype == torch.float32:  # in half precision, folded weights would be rounded twice
        stream = torch.Generator().manual_seed(0)
        example = torch.rand(1, 3, size, size, generator=stream)
        fold_batch_norms(model.visual, example.to(device))
    if hasattr(model.visual, "trunk") and torch.device(device).type == "cpu":
        # Half the time there. On CUDA, cuDNN takes depthwise ones, not in bfloat16 on older GPUs.
        model.visual.to(memory_format=torch.channels_last)
    mean, std = (
        torch.tensor(seen[key], device=device).view(1, 3, 1, 1) for key in ("mean", "std")
    )
    return OpenClipPerceptor(
        name=name,
        size=size,
        cutter=Cutter(size),
        context_length=int(tokenizer.context_length),
        model=model,
        tokenizer=tokenizer,
        mean=mean,
        std=std,
        dtype=dtype,
        interpolation=seen["interpolation"],
        squash=seen["resize_mode"] == "squash",
        weights=weights,
        contrast=_CONTRASTS[0],
    )
