"""Words' files in every layout, made here as their writers make them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.helpers import hostile
from vqclip.errors import ModelError
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding


def rows(count: int = 1, wide: int = 768, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, wide, generator=torch.Generator().manual_seed(seed))


def web_ui(vectors: torch.Tensor) -> dict[str, Any]:
    """What AUTOMATIC1111's web UI saves."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": torch.nn.Parameter(vectors)},
        "name": "anything",
        "step": 5000,
        "sd_checkpoint": "abc",
        "sd_checkpoint_name": None,
    }


def textual_inversion(vectors: torch.Tensor) -> dict[str, Any]:
    """What textual inversion's own program saves, and the state of an optimiser beside it."""
    held = torch.nn.Parameter(vectors)
    return {
        "string_to_token": {"*": torch.tensor(265)},
        "string_to_param": torch.nn.ParameterDict({"*": held}),
        "optimizer": torch.optim.Adam([held]).state_dict(),
    }


LAYOUTS: dict[str, tuple[str, Callable[[torch.Tensor], Any]]] = {
    "web ui": (".pt", web_ui),
    "textual inversion": (".pt", textual_inversion),
    "a tensor alone": (".pt", lambda v: v),
    "in capitals": (".PT", lambda v: {"*": v}),
    "web ui, converted": (".safetensors", lambda v: {"emb_params": v}),
    "diffusers": (".bin", lambda v: {"<cat-toy>": v}),
    "diffusers, safe": (".safetensors", lambda v: {"<cat-toy>": v}),
    "diffusers, several": (
        ".bin",
        lambda v: {"<x>" + (f"_{i}" if i else ""): row.clone() for i, row in enumerate(v)},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("half", [False, True])
def test_every_layout_gives_its_vectors(tmp_path: Path, layout: str, half: bool) -> None:
    suffix, wrap = LAYOUTS[layout]
    vectors = rows(3).half() if half else rows(3)
    path = tmp_path / f"my-cat{suffix}"
    content = wrap(vectors)
    save_file(content, path) if suffix == ".safetensors" else torch.save(content, path)
    word = word_embedding.read_word(path)
    assert word.name == "my-cat" and list(word.vectors) == [768] and word.notes == {}
    assert word.vectors[768].dtype == torch.float32 and not word.vectors[768].requires_grad
    assert torch.equal(word.vectors[768], vectors.float())


def test_one_row_may_come_without_its_second_dimension(tmp_path: Path) -> None:
    torch.save({"<cat-toy>": rows()[0]}, tmp_path / "toy.bin")
    assert word_embedding.read_word(tmp_path / "toy.bin").vectors[768].shape == (1, 768)


def test_a_word_for_two_towers(tmp_path: Path) -> None:
    both = {"clip_l": rows(2), "clip_g": rows(2, 1280)}
    save_file(both, tmp_path / "xl.safetensors")
    word = word_embedding.read_word(tmp_path / "xl.safetensors")
    assert {wide: list(v.shape) for wide, v in word.vectors.items()} == {
        768: [2, 768],
        1280: [2, 1280],
    }
    assert torch.equal(word.vectors[1280], both["clip_g"])
    assert "width 768, such as that of ViT-L-14::openai or text" in word.would_fit()
    assert word_embedding.fitting_words([word], 1280)["xl"] is word.vectors[1280]
    assert word_embedding.fitting_words([word], 1024) == {}


def test_of_several_words_the_name_chooses(tmp_path: Path) -> None:
    content = {"<cat>": rows(seed=1)[0], "<dog>": rows(seed=2)[0]}
    torch.save(content, tmp_path / "dog.bin")
    assert torch.equal(
        word_embedding.read_word(tmp_path / "dog.bin").vectors[768][0], content["<dog>"]
    )
    with pytest.raises(ModelError, match=r"several words \(<cat>, <dog>\); name its file like"):
        word_embedding.read_word(tmp_path / "dog.bin", "zebra")


def test_ours_comes_back_with_its_notes(tmp_path: Path) -> None:
    word = WordEmbedding(
        "cat", {128: rows(2, 128), 768: rows(2)}, {"seed": 1, "pictures": ["ä.png"]}
    )
    (tmp_path / "cat.safetensors").write_bytes(word_embedding.pack_word(word))
    back = word_embedding.read_word(tmp_path / "cat.safetensors")
    assert back.notes == word.notes and set(back.vectors) == {128, 768}
    assert all(torch.equal(back.vectors[wide], word.vectors[wide]) for wide in (128, 768))


@pytest.mark.parametrize("notes", ["[1]", "{", json.dumps("x")])
def test_strange_notes_are_no_notes(tmp_path: Path, notes: str) -> None:
    save_file(
        {"vectors.8": rows(1, 8)}, tmp_path / "x.safetensors", {word_embedding.NOTES: notes}
    )
    assert word_embedding.read_word(tmp_path / "x.safetensors").notes == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "holds no learnt word: it holds no vectors"),
        ({"name": "x"}, "holds no learnt word: it holds no vectors"),
        ({"<x>": torch.zeros(76, 8)}, r"'<x>' in it is \[76, 8\]; expected 1 to 75 rows"),
        ({"<x>": torch.zeros(1, 2, 8)}, r"is \[1, 2, 8\]"),
        ({"<x>": torch.zeros(0, 8)}, r"is \[0, 8\]"),
        ({"<x>": torch.zeros(1, 8, dtype=torch.int64)}, r"is \[1, 8\]; expected"),
        ({"<x>": torch.full([1, 8], torch.nan)}, "values that are not finite numbers"),
        ({"string_to_param": {"*": "x"}}, r"'\*' in it is str"),
        ({"string_to_param": {"*": torch.ones(1, 8), "+": torch.ones(1, 8)}}, "several words"),
        ({"string_to_param": torch.ones(1, 8)}, "keeps its vectors in a Tensor"),
        ({"a": torch.ones(1, 8), "b": torch.ones(1, 8)}, r"several words \(a, b\)"),
        ({"x": torch.ones(1, 8), "x_1": torch.ones(1, 9)}, "several words"),
    ],
)
def test_what_is_no_word_is_refused(
    tmp_path: Path, content: dict[str, Any], complaint: str
) -> None:
    torch.save(content, tmp_path / "x_y.pt")
    with pytest.raises(ModelError, match=complaint):
        word_embedding.read_word(tmp_path / "x_y.pt")


def test_a_whole_model_is_refused_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_embedding, "MOST_BYTES", 1000)
    save_file({"w": rows()}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"has 0 MB, and a word.*is it a whole model\?"):
        word_embedding.read_word(tmp_path / "x.safetensors")


def test_hostile_files_are_refused_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = hostile.call(b"os.system", hostile.text(hostile.SHELL))
    for suffix in (".pt", ".bin"):
        path = tmp_path / f"word{suffix}"
        path.write_bytes(hostile.archive(hostile.program(bad)))
        with pytest.raises(ModelError, match=r"would run os\.system when opened"):
            word_embedding.read_word(path)
    assert not (tmp_path / "MARKER").exists()


def test_a_damaged_safe_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="damaged or cut short"):
        word_embedding.read_word(tmp_path / "x.safetensors")


def test_a_file_of_before_torch_1_6_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cat.pt"
    torch.save(textual_inversion(rows(2)), path, _use_new_zipfile_serialization=False)
    assert torch.equal(word_embedding.read_word(path).vectors[768], rows(2))


def test_of_several_words_the_file_s_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b.pt"
    both = {"a": torch.nn.Parameter(rows(1)), "<b>": torch.nn.Parameter(rows(2))}
    torch.save({"string_to_param": torch.nn.ParameterDict(both)}, path)
    assert torch.equal(word_embedding.read_word(path).vectors[768], rows(2))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"lora_te_up.weight": 0, "lora_unet_down.weight": 0}, "a LoRA, which changes"),
        ({"unet.up.lora.up.weight": 0, "b": 0}, "a LoRA"),
        ({"lora_unet_mid.hada_w1_a": 0}, "a LoRA"),
        ({"state_dict": {"x.lora_A.weight": 0}}, "a LoRA"),
        ({320: ({"linear.0.weight": 0},), "layer_structure": [1, 2, 1]}, "a hypernetwork"),
        ({"control_model.time_embed.0.weight": 0}, "a ControlNet"),
        ({"model.diffusion_model.out.0.weight": 0}, "the checkpoint of a whole model"),
        ({"state_dict": {"a": 0}, "epoch": 3}, "the checkpoint of a whole model"),
        ({"state": {}, "param_groups": []}, "the state of an optimiser"),
    ],
)
def test_a_file_of_another_sort_is_called_by_its_name(
    tmp_path: Path, content: dict[Any, Any], kind: str
) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ModelError, match=rf"x\.pt is no learnt word but {kind}"):
        word_embedding.read_word(tmp_path / "x.pt")


def test_a_large_lora_is_told_by_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_embedding, "MOST_BYTES", 1000)
    save_file({"lora_unet_x.lora_up.weight": rows()}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="no learnt word but a LoRA"):
        word_embedding.read_word(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "state",
    [
        b"N",
        b"}" + hostile.text(b"_parameters") + b"Ns",
        hostile.call(b"os.system", hostile.text(hostile.SHELL)),
    ],
    ids=["nothing", "no parameters", "a call"],
)
def test_nothing_of_a_container_is_run(
    tmp_path: Path, state: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = b"ctorch.nn.modules.container\nParameterDict\n)\x81" + state + b"b"
    path = tmp_path / "x.pt"
    path.write_bytes(hostile.archive(hostile.program(made)))
    with pytest.raises(ModelError, match="was not opened"):
        word_embedding.read_word(path)
    assert [each.name for each in tmp_path.iterdir()] == ["x.pt"]
