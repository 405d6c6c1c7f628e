"""The class-conditional transformers of taming-transformers (Net2Net).

A class-conditional Net2Net transformer writes the codes of its first stage, a VQGAN, one after
another. The number of the class comes before them, as a token of the same embedding table: the
sequence is [class, codes row by row]. `load_net2net` reads a checkpoint in the layout of
taming-transformers, which holds both stages.

Esser et al., 2021, https://arxiv.org/abs/2012.09841; the classes: Russakovsky et al., 2015,
https://arxiv.org/abs/1409.0575. The published layout is that of Net2NetTransformer with a
Labelator; the code is not taming's, whose module can no longer be imported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.models import vqgan
from vqclip.models.gpt import GPT, TransformerShape
from vqclip.models.layers.initialisation import NoInitialisation
from vqclip.models.vqgan_config import NET2NET, describe_layout, read_config
from vqclip.models.zoo.checkpoint_file import read_checkpoint

TRANSFORMER = "transformer."
UNSHUFFLE = "permuter.backward_shuffle_idx"
LABELATOR = "taming.modules.util.Labelator"
MINGPT = "taming.modules.transformer.mingpt.GPT"
IDENTITY = "taming.modules.transformer.permuter.Identity"
UNCONDITIONAL = "__is_unconditional__"
# Last part of the condition stage's target → what such a transformer is conditioned on.
OTHERS = {
    "CoordStage": "coordinates",
    "VQSegmentationModel": "segmentations",
    "VQNoDiscModel": "another picture, such as a depth map",
    "VQModel": "another picture, such as a depth map",
    "SOSProvider": "nothing",
}
SUPPORTED = (
    f"vqclip can use only class-conditional transformers (cond_stage_config: {LABELATOR}), such "
    "as cin_transformer"
)


@dataclass(frozen=True)
class Net2Net:
    """A class-conditional transformer and the VQGAN whose codes it writes; both frozen.

    Args:
        classes: the number of classes.
        cells: side of the square grid of codes.
        order: [cells²], int64: position of each cell's code in the sequence; None if row by row.
    """

    transformer: GPT
    first_stage: vqgan.VQGAN
    classes: int
    cells: int
    order: Tensor | None = None

    def sample(
        self,
        label: int,
        count: int,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> Tensor:
        """Sample the codes of `count` pictures of a class: [count, cells, cells], int64.

        Args:
            label: the number of the class, from 0.
            generator: the source of random numbers, on the CPU.
            temperature, top_k, top_p: see `vqclip.models.gpt.sample_code`.

        Raises:
            ValueError: if `label` is out of range.
        """
        if not 0 <= label < self.classes:
            raise ValueError(f"class {label}; there are {self.classes}, from 0")
        codes = self.transformer.sample(
            self.cells**2,
            torch.full([count, 1], label, device=self.transformer.pos_emb.device),
            generator=generator,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            allowed=len(self.first_stage.codebook),
        )
        if self.order is not None:
            codes = codes[:, self.order.to(codes.device)]
        return codes.view(count, self.cells, self.cells)


def load_net2net(
    config: Path | str, weights: Path | str, *, device: torch.device | str = "cpu"
) -> Net2Net:
    """Load a class-conditional transformer and its first stage, frozen, in float32.

    Args:
        config: its YAML, with transformer, first stage and condition.
        weights: a `.ckpt` or `.safetensors` with `transformer.*` and `first_stage_model.*`.

    Raises:
        ModelError: if a file cannot be read, they do not belong together, or the transformer is
            not class-conditional.
    """
    parsed, source = read_config(config), str(config)
    params = _params(parsed["model"], source)
    classes = _classes(params, source)
    shape = _shape(params, source)
    first = describe_layout(parsed, source)
    cells = int(first.ddconfig["resolution"]) // first.factor
    _check_fit(shape, classes, cells, source)

    content = read_checkpoint(weights)
    nested = content.get("state_dict")
    inside = nested if isinstance(nested, Mapping) else content
    state = {key: value for key, value in inside.items() if isinstance(value, Tensor)}
    first_stage = vqgan.open_vqgan(config, weights, device=device)
    return Net2Net(
        transformer=_transformer(shape, state, str(weights), source).to(device),
        first_stage=first_stage,
        classes=classes,
        cells=cells,
        order=_order(params, state, cells, f"{weights}, by {source},"),
    )


def class_names() -> tuple[tuple[str, ...], ...]:
    """The names of ImageNet's 1000 classes by number, each with its synonyms.

    >>> class_names()[1]
    ('goldfish', 'Carassius auratus')
    """
    from timm.data import ImageNetInfo  # seconds

    known = ImageNetInfo()
    return tuple(
        tuple(known.index_to_description(number).split(", "))
        for number in range(known.num_classes())
    )


def find_class(text: str, names: Sequence[Sequence[str]]) -> tuple[int, str] | None:
    """Find the class with the longest name in a text: (number, name), or None.

    Whole words count, in any case; if there is none, they are compared without a final s, too. Of
    classes that share a name, the one that lists it earlier is taken, then the first.

    >>> find_class("Two golden owls!", [["crane"], ["owl"], ["bird", "golden owl"]])
    (2, 'golden owl')
    """
    for ending in ("", "s"):
        words = _words(text, ending)
        found = [
            (-len(name), place, number, name)
            for number, synonyms in enumerate(names)
            for place, name in enumerate(synonyms)
            if _words(name, ending) in words
        ]
        if found:
            return min(found)[2:]
    return None


def _words(text: str, ending: str) -> str:
    """The words of a text in lower case, without an ending, each between spaces."""
    words = re.findall(r"[^\W_]+", text.lower())
    return " ".join(["", *(word.removesuffix(ending) for word in words), ""])


def _params(model: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The parameters in a Net2Net's config."""
    if model.get("target") != NET2NET:
        raise ModelError(
            f"{source}: 'target: {model.get('target')}' is not a transformer, so it cannot draw "
            f"drafts (expected {NET2NET}); {SUPPORTED}"
        )
    params = model.get("params")
    return dict(params) if isinstance(params, Mapping) else {}


def _classes(params: Mapping[str, Any], source: str) -> int:
    """The number of classes of a class-conditional transformer; others are refused."""
    stage = params.get("cond_stage_config")
    target = stage.get("target") if isinstance(stage, Mapping) else stage
    if params.get("unconditional") or target == UNCONDITIONAL:
        raise ModelError(
            f"{source}: its transformer is unconditional, so words have no effect on it; "
            f"{SUPPORTED}"
        )
    if target != LABELATOR:
        what = OTHERS.get(str(target).rpartition(".")[2], f"{target!r}")
        if target is None:
            what = "what the config does not say (it has no cond_stage_config)"
        raise ModelError(f"{source}: its transformer is conditioned on {what}; {SUPPORTED}")
    assert isinstance(stage, Mapping)
    classes = (stage.get("params") or {}).get("n_classes")
    if not isinstance(classes, int) or classes < 1:
        raise ModelError(
            f"{source}: cond_stage_config has n_classes {classes!r}; expected how many classes "
            "there are, such as 1000"
        )
    return classes


def _shape(params: Mapping[str, Any], source: str) -> TransformerShape:
    """Read the size of the transformer, without what only training needs."""
    config = params.get("transformer_config")
    if not isinstance(config, Mapping) or config.get("target") != MINGPT:
        shown = config.get("target") if isinstance(config, Mapping) else config
        raise ModelError(f"{source}: transformer_config is {shown!r}; expected one of {MINGPT}")
    inner = config.get("params") or {}
    sizes = {
        each.name: inner[each.name] for each in fields(TransformerShape) if each.name in inner
    }
    lacking = [name for name in ("vocab_size", "block_size") if name not in sizes]
    wrong = [name for name, size in sizes.items() if not isinstance(size, int) or size < 0]
    if lacking or wrong:
        name = (lacking + wrong)[0]
        raise ModelError(
            f"{source}: transformer_config has {name} {sizes.get(name)!r}; expected a number"
        )
    shape = TransformerShape(**sizes)
    if 0 in (shape.n_head, shape.n_embd) or shape.n_embd % shape.n_head:
        raise ModelError(
            f"{source}: n_embd {shape.n_embd} cannot be divided among {shape.n_head} heads"
        )
    return shape


def _check_fit(shape: TransformerShape, classes: int, cells: int, source: str) -> None:
    """Refuse sizes that contradict each other."""
    if classes > shape.vocab_size:
        raise ModelError(
            f"{source}: {classes} classes, but the transformer's vocab_size is "
            f"{shape.vocab_size}; a class is one of its tokens"
        )
    # The last code is written, but never read.
    if cells**2 > shape.block_size:
        raise ModelError(
            f"{source}: a grid of {cells} by {cells} codes is longer than the transformer's "
            f"block_size, {shape.block_size}"
        )
    if shape.n_unmasked > 1:
        raise ModelError(
            f"{source}: n_unmasked is {shape.n_unmasked}, so that codes look ahead; a class is "
            "one token, so expected 0 or 1"
        )


def _transformer(
    shape: TransformerShape, state: Mapping[str, Tensor], weights: str, source: str
) -> GPT:
    """Build the transformer from `transformer.*`, ignoring its stored masks."""
    # A billion random numbers would only be replaced, and on meta they import torch's compiler.
    with torch.device("meta"), NoInitialisation():
        model = GPT(shape)
    wanted = model.state_dict()
    missing = [key for key in wanted if TRANSFORMER + key not in state]
    if missing:
        whole = " (is it the file of a first stage alone?)" if len(missing) == len(wanted) else ""
        raise ModelError(
            f"{weights} lacks {len(missing)} of the {len(wanted)} tensors of the transformer of "
            f"{source}, such as {TRANSFORMER}{missing[0]}{whole}; use files that were published "
            "together"
        )
    for key, expected in wanted.items():
        if state[TRANSFORMER + key].shape != expected.shape:
            raise ModelError(
                f"{weights}: {TRANSFORMER}{key} is {list(state[TRANSFORMER + key].shape)}, but "
                f"{source} asks for {list(expected.shape)}; use files that were published "
                "together"
            )
    # Copies, because the file may be memory-mapped, and the user may move it.
    own = {key: state[TRANSFORMER + key].to(torch.float32, copy=True) for key in wanted}
    model.load_state_dict(own, assign=True)
    return model.eval().requires_grad_(False)


def _order(
    params: Mapping[str, Any], state: Mapping[str, Tensor], cells: int, source: str
) -> Tensor | None:
    """The order in which the transformer writes the codes, from the checkpoint."""
    config = params.get("permuter_config") or {"target": IDENTITY}
    target = config.get("target") if isinstance(config, Mapping) else config
    if target == IDENTITY:
        return None
    order = state.get(UNSHUFFLE)
    if order is None or sorted(order.flatten().tolist()) != list(range(cells**2)):
        raise ModelError(
            f"{source} wants the codes in the order of {target}, and {UNSHUFFLE} is not an order "
            f"of {cells**2} places; use files that were published together"
        )
    return order.flatten().to(torch.int64, copy=True)
