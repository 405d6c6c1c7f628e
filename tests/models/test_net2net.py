"""taming's class-conditional transformers load and write; the others are refused by name."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.transformer.permuter import ZCurve
from taming.modules.vqvae.quantize import VectorQuantizer2
from torch import Generator, Tensor, nn
from torch.nn import functional

from vqclip.errors import ModelError
from vqclip.models import net2net, vqgan, vqgan_config
from vqclip.models.zoo import model_files
from vqclip.models.zoo.catalogue import CHECKPOINTS

CLASSES, CODES, VOCABULARY, BLOCK, WIDTH, HEADS, LAYERS = 7, 12, 14, 16, 16, 2, 2
CELLS = 4
DDCONFIG = {
    **{"double_z": False, "z_channels": 8, "resolution": 16, "in_channels": 3, "out_ch": 3},
    **{"ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": 1, "attn_resolutions": [4]},
    "dropout": 0.0,
}
CONFIG: dict[str, Any] = {
    "model": {
        "base_learning_rate": 4.5e-6,
        "target": "taming.models.cond_transformer.Net2NetTransformer",
        "params": {
            "first_stage_key": "image",
            "cond_stage_key": "class_label",
            "pkeep": 0.9,
            "transformer_config": {
                "target": "taming.modules.transformer.mingpt.GPT",
                "params": {
                    **{"vocab_size": VOCABULARY, "block_size": BLOCK, "n_layer": LAYERS},
                    **{"n_head": HEADS, "n_embd": WIDTH, "embd_pdrop": 0.1, "attn_pdrop": 0.1},
                },
            },
            "first_stage_config": {
                "target": "taming.models.vqgan.VQModel",
                "params": {"embed_dim": 8, "n_embed": CODES, "ddconfig": DDCONFIG},
            },
            "cond_stage_config": {
                "target": "taming.modules.util.Labelator",
                "params": {"n_classes": CLASSES},
            },
        },
    },
    "data": {"target": "main.DataModuleFromConfig"},
}
Write = Callable[..., tuple[Path, Path]]


def transformer_state() -> dict[str, Tensor]:
    """Random weights under minGPT's names, as taming's `transformer.` has them."""
    shapes: dict[str, list[int]] = {
        "tok_emb.weight": [VOCABULARY, WIDTH],
        "pos_emb": [1, BLOCK, WIDTH],
        **{"ln_f.weight": [WIDTH], "ln_f.bias": [WIDTH], "head.weight": [VOCABULARY, WIDTH]},
    }
    for index in range(LAYERS):
        block = f"blocks.{index}."
        linear = {"mlp.0": [4 * WIDTH, WIDTH], "mlp.2": [WIDTH, 4 * WIDTH]}
        linear |= {f"attn.{part}": [WIDTH, WIDTH] for part in ("key", "query", "value", "proj")}
        for name, shape in linear.items():
            shapes |= {f"{block}{name}.weight": shape, f"{block}{name}.bias": shape[:1]}
        for norm in ("ln1", "ln2"):
            shapes |= {f"{block}{norm}.weight": [WIDTH], f"{block}{norm}.bias": [WIDTH]}
    state = {name: 0.5 * torch.randn(shape) for name, shape in shapes.items()}
    state["tok_emb.weight"] *= 4  # what was said last counts
    mask = torch.ones(BLOCK, BLOCK).tril().view(1, 1, BLOCK, BLOCK)
    masks = {f"blocks.{index}.attn.mask": mask for index in range(LAYERS)}
    return {f"transformer.{name}": value for name, value in (state | masks).items()}


def first_stage_state() -> dict[str, Tensor]:
    """The same of a VQModel, put together from taming's own modules."""
    model: Any = nn.Module()
    with contextlib.redirect_stdout(io.StringIO()):
        model.encoder, model.decoder = Encoder(**DDCONFIG), Decoder(**DDCONFIG)
    model.quantize = VectorQuantizer2(CODES, 8, beta=0.25)
    model.quant_conv, model.post_quant_conv = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.2)
    state = model.state_dict(prefix="first_stage_model.")
    return {name: value.detach() for name, value in state.items()}


def whole_state() -> dict[str, Tensor]:
    """A checkpoint's tensors, with what taming's training leaves there."""
    loss = {"first_stage_model.loss.discriminator.main.0.weight": torch.zeros(4, 3, 4, 4)}
    return {**transformer_state(), **first_stage_state(), **loss}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write (YAML, .ckpt) of a config and some tensors."""

    def files(config: Any = CONFIG, state: Any = None) -> tuple[Path, Path]:
        paths = tmp_path / "project.yaml", tmp_path / "last.ckpt"
        paths[0].write_text(yaml.safe_dump(config))
        content = {"epoch": 3, "global_step": 9, "optimizer_states": [{"state": {}}]}
        torch.save(content | {"state_dict": whole_state() if state is None else state}, paths[1])
        return paths

    return files


def changed(**params: Any) -> dict[str, Any]:
    """The config with other parameters; None takes one away, `part__name` is an inner one."""
    config = deepcopy(CONFIG)
    for key, value in params.items():
        place = config["model"]["params"]
        part, _, name = key.partition("__")
        if name:
            place, part = place[part]["params"], name
        if value is None:
            del place[part]
        else:
            place[part] = value
    return config


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def slow(state: dict[str, Tensor], tokens: Tensor) -> Tensor:
    """Logits [B, T, V] by the plain formulas, all places at once, from the weights alone."""

    def linear(x: Tensor, name: str) -> Tensor:
        bias = state.get(f"transformer.{name}.bias")
        return functional.linear(x, state[f"transformer.{name}.weight"], bias)

    def norm(x: Tensor, name: str) -> Tensor:
        weight, bias = (state[f"transformer.{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, [WIDTH], weight, bias)

    length = tokens.shape[1]
    x = state["transformer.tok_emb.weight"][tokens] + state["transformer.pos_emb"][:, :length]
    for index in range(LAYERS):
        block = f"blocks.{index}."
        inner = norm(x, f"{block}ln1")
        heads = []
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            key, query, value = (
                linear(inner, f"{block}attn.{name}")[..., part]
                for name in ("key", "query", "value")
            )
            weights = query @ key.transpose(1, 2) / (WIDTH / HEADS) ** 0.5
            ahead = state[f"transformer.{block}attn.mask"][0, 0, :length, :length] == 0
            heads.append(weights.masked_fill(ahead, -torch.inf).softmax(-1) @ value)
        x = x + linear(torch.cat(heads, -1), f"{block}attn.proj")
        middle = functional.gelu(linear(norm(x, f"{block}ln2"), f"{block}mlp.0"))
        x = x + linear(middle, f"{block}mlp.2")
    return linear(norm(x, "ln_f"), "head")


def test_both_stages_come_out_of_one_file(write: Write) -> None:
    state = whole_state()
    config, weights = write(state=state)
    model = net2net.load_net2net(config, weights)
    assert (model.classes, model.cells, model.order) == (CLASSES, CELLS, None)
    ours = {f"transformer.{k}": v for k, v in model.transformer.state_dict().items()}
    ours |= {f"first_stage_model.{k}": v for k, v in model.first_stage.state_dict().items()}
    left = {key for key in state if key.endswith("attn.mask") or ".loss." in key}
    assert set(ours) == set(state) - left
    assert all(torch.equal(ours[key], state[key]) for key in ours)
    for part in (model.transformer, model.first_stage):
        assert not part.training and not any(p.requires_grad for p in part.parameters())


def test_safetensors_in_half_precision_load_in_single(write: Write, tmp_path: Path) -> None:
    state = {key: value.half().contiguous() for key, value in whole_state().items()}
    save_file({key: value.clone() for key, value in state.items()}, tmp_path / "w.safetensors")
    model = net2net.load_net2net(write()[0], tmp_path / "w.safetensors")
    assert model.transformer.head.weight.dtype == torch.float32
    assert torch.equal(model.transformer.head.weight, state["transformer.head.weight"].float())


def test_the_likeliest_codes_are_those_of_a_slow_forward(write: Write) -> None:
    state = whole_state()
    model = net2net.load_net2net(*write(state=state))
    for label in range(CLASSES):
        tokens = torch.tensor([[label]])  # the class precedes the codes, in their embedding
        for _ in range(CELLS**2):
            logits = slow(state, tokens)[:, -1, :CODES]
            tokens = torch.cat([tokens, logits.argmax(-1, keepdim=True)], 1)
        got = model.sample(label, 2, generator=stream(), temperature=0)
        assert torch.equal(got, tokens[:, 1:].view(1, CELLS, CELLS).expand(2, -1, -1))


def test_codes_are_drawn_as_often_as_the_slow_forward_says(write: Write) -> None:
    state = whole_state()
    model = net2net.load_net2net(*write(state=state))
    first = model.sample(3, 4000, generator=stream())[:, 0, 0]
    often = torch.bincount(first, minlength=CODES) / 4000
    wanted = slow(state, torch.tensor([[3]]))[0, -1, :CODES].softmax(-1)
    torch.testing.assert_close(often, wanted, atol=0.03, rtol=0)
    best = wanted.topk(2).indices
    for how in ({"top_k": 2}, {"top_p": float(wanted[best[0]]) + 1e-3}):
        few = model.sample(3, 500, generator=stream(), **how)[:, 0, 0]
        assert set(few.tolist()) == set(best.tolist())


def test_equal_seeds_write_equal_codes_and_classes_differ(write: Write) -> None:
    model = net2net.load_net2net(*write())
    one, again, other, another = (
        model.sample(label, 3, generator=stream(seed))
        for label, seed in ((1, 5), (1, 5), (1, 6), (2, 5))
    )
    assert one.shape == (3, CELLS, CELLS) and torch.equal(one, again)
    assert not torch.equal(one, other) and not torch.equal(one, another)
    assert model.first_stage.lookup(one[0]).shape == (1, 8, CELLS, CELLS)
    assert one.max() < CODES  # never a token that is only a class


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_a_class_that_there_is_not(write: Write, label: int) -> None:
    model = net2net.load_net2net(*write())
    with pytest.raises(ValueError, match=rf"class {label}; there are 7, from 0"):
        model.sample(label, 1, generator=stream())


def test_codes_in_another_order_are_put_in_their_places(write: Write) -> None:
    permuter = ZCurve(CELLS, CELLS)
    state = whole_state()
    plain = net2net.load_net2net(*write(state=state)).sample(0, 2, generator=stream())
    state |= {f"permuter.{key}": value for key, value in permuter.state_dict().items()}
    target = "taming.modules.transformer.permuter.ZCurve"
    config = changed(permuter_config={"target": target, "params": {"H": CELLS, "W": CELLS}})
    got = net2net.load_net2net(*write(config, state)).sample(0, 2, generator=stream())
    wanted = permuter(plain.flatten(1), reverse=True).view(2, CELLS, CELLS)
    assert torch.equal(got, wanted) and not torch.equal(got, plain)
    del state["permuter.backward_shuffle_idx"]
    with pytest.raises(ModelError, match=r"order of taming.*ZCurve, and permuter.*of 16 places"):
        net2net.load_net2net(*write(config, state))
    identity = changed(permuter_config={"target": net2net.IDENTITY})
    assert net2net.load_net2net(*write(identity)).order is None


COORDINATES = {"target": "taming.modules.misc.coord.CoordStage", "params": {"n_embed": 9}}
SEGMENTS = {"target": "taming.models.vqgan.VQSegmentationModel", "params": {"n_labels": 182}}
DEPTHS = {"target": "taming.models.vqgan.VQModel", "params": {}}


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"unconditional": True}, "is unconditional, so words have no effect on it"),
        (
            {"cond_stage_config": "__is_unconditional__"},
            "is unconditional, so words have no effect on it",
        ),
        ({"cond_stage_config": COORDINATES}, "conditioned on coordinates"),
        ({"cond_stage_config": SEGMENTS}, "conditioned on segmentations"),
        ({"cond_stage_config": DEPTHS}, "conditioned on another picture, such as a depth map"),
        ({"cond_stage_config": "__is_first_stage__"}, "conditioned on '__is_first_stage__'"),
        ({"cond_stage_config": {"target": "my.Stage"}}, "conditioned on 'my.Stage'"),
        ({"cond_stage_config": None}, r"does not say \(it has no cond_stage_config\)"),
    ],
)
def test_transformers_that_know_no_classes_are_refused(
    write: Write, params: dict[str, Any], why: str
) -> None:
    with pytest.raises(ModelError, match=rf"project.yaml: its transformer .*{why}.*; vqclip can"):
        net2net.load_net2net(*write(changed(**params), {}))


@pytest.mark.parametrize("name", ["faceshq", "drin", "sflckr"])
def test_published_transformers_of_other_kinds_are_refused(write: Write, name: str) -> None:
    config = model_files.MODELS_FOLDER / CHECKPOINTS[name].config
    with pytest.raises(
        ModelError, match=r"class-conditional transformers \(cond_stage_config: tami"
    ):
        net2net.load_net2net(config, write()[1])


def test_a_vqgan_alone_is_no_transformer(write: Write) -> None:
    config = {"model": CONFIG["model"]["params"]["first_stage_config"]}
    with pytest.raises(
        ModelError, match=r"'target: taming.models.vqgan.VQModel' is not a transfor"
    ):
        net2net.load_net2net(*write(config, {}))


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"cond_stage_config__n_classes": "many"}, r"n_classes 'many'; expected how many"),
        ({"cond_stage_config__n_classes": 0}, r"n_classes 0; expected how many"),
        ({"cond_stage_config__n_classes": 15}, r"15 classes, but .* vocab_size is 14; a class"),
        ({"transformer_config": None}, r"transformer_config is None; expected one of taming"),
        ({"transformer_config": {"target": "x.GPT"}}, r"transformer_config is 'x.GPT'; expected"),
        ({"transformer_config__vocab_size": None}, r"vocab_size None; expected a number"),
        ({"transformer_config__n_layer": "two"}, r"n_layer 'two'; expected a number"),
        ({"transformer_config__n_head": 3}, r"n_embd 16 cannot be divided among 3 heads"),
        ({"transformer_config__block_size": 15}, r"4 by 4 codes is longer .* block_size, 15"),
        ({"transformer_config__n_unmasked": 4}, r"n_unmasked is 4, so that codes look ahead"),
    ],
)
def test_configs_that_contradict_themselves(
    write: Write, params: dict[str, Any], why: str
) -> None:
    with pytest.raises(ModelError, match=rf"project.yaml: .*{why}"):
        net2net.load_net2net(*write(changed(**params), {}))


def test_files_that_do_not_belong_together(write: Write) -> None:
    state = whole_state()
    with pytest.raises(
        ModelError, match=r"transformer.tok_emb.weight is \[14, 16\], but .* \[20,"
    ):
        net2net.load_net2net(*write(changed(transformer_config__vocab_size=20), state))
    lacking = {k: v for k, v in state.items() if k != "transformer.blocks.1.mlp.0.bias"}
    one = (
        r"last.ckpt lacks 1 of the 37 tensors of the .*, such as transformer.blocks.1.mlp.0.bias;"
    )
    with pytest.raises(ModelError, match=one):
        net2net.load_net2net(*write(state=lacking))
    with pytest.raises(ModelError, match=r"lacks 37 of the 37 .* file of a first stage alone"):
        net2net.load_net2net(*write(state=first_stage_state()))
    with pytest.raises(ModelError, match=r"lacks \d+ of the \d+ tensors that .*decoder"):
        net2net.load_net2net(*write(state=transformer_state()))


def test_the_published_one_is_listed_and_described() -> None:
    row = next(row for row in model_files.list_models() if row.name == "cin_transformer")
    assert row.kind == "net2net" and "dream.prior" in row.about
    checkpoint = CHECKPOINTS["cin_transformer"]
    config = vqgan_config.read_config(model_files.MODELS_FOLDER / checkpoint.config)
    assert checkpoint.mirrors[0].endswith("cin_transformer%2Fcheckpoints%2Flast.ckpt")
    with torch.device("meta"):
        first = vqgan.build_vqgan(config)
    params = config["model"]["params"]
    assert tuple(first.codebook.shape) == (16384, 256) and first.factor == 16
    assert params["cond_stage_config"]["params"] == {"n_classes": 1000}
    shape = params["transformer_config"]["params"]
    twelve = 12 * shape["n_layer"] * shape["n_embd"] ** 2
    assert round(twelve / 1e9, 1) == 1.4  # the paper's 1.4 billion, but for the embeddings


def test_an_own_one_is_imported_and_found(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from vqclip.cli import main

    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path / "home"))
    config, weights = map(str, write())
    words = ["models", "import", weights, "--config", config, "--name", "mine"]
    assert main.main(words) == 0
    capsys.readouterr()
    found = model_files.find_vqgan("mine")
    assert net2net.load_net2net(found.config, found.weights).classes == CLASSES


NAMES = (
    ("tench", "Tinca tinca"),
    ("goldfish", "Carassius auratus"),
    ("shark",),
    ("white shark", "man-eater", "great white shark"),
    ("missile launcher", "missile"),
    ("missile",),
    ("sunglass",),
    ("sunglasses", "shades"),
    ("zebra",),
    ("crane",),
    ("crane",),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a goldfish", (1, "goldfish")),
        ("GOLDFISH!", (1, "goldfish")),
        ("a carassius auratus, drawn", (1, "Carassius auratus")),
        ("a shark", (2, "shark")),
        ("a Great White Shark and a tench", (3, "great white shark")),
        ("the man eater", (3, "man-eater")),
        ("a missile", (5, "missile")),  # the one for which it is the first name
        ("sunglasses", (7, "sunglasses")),
        ("two zebras", (8, "zebra")),
        ("a crane", (9, "crane")),
        ("a goldfishing boat", None),
        ("fog", None),
        ("", None),
    ],
)
def test_words_choose_the_class(text: str, wanted: tuple[int, str] | None) -> None:
    assert net2net.find_class(text, NAMES) == wanted


def test_the_names_are_in_the_order_of_tamings_classes() -> None:
    names = net2net.class_names()
    assert len(names) == 1000 and all(all(synonyms) for synonyms in names)
    # As taming's README numbers them.
    assert (names[9][0], names[232][0], names[901][0]) == (
        *("ostrich", "Border collie", "whiskey jug"),
    )
    assert net2net.find_class("an ostrich", names) == (9, "ostrich")
