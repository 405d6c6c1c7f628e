"""Published checkpoints open; nothing that a file asks for is run."""

from __future__ import annotations

import functools
import operator
import os
import pickle
import subprocess
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from vqclip.errors import ModelError
from vqclip.models.zoo.checkpoint_file import read_checkpoint

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


class Asks:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def save(content: Any, path: Path, *, is_zip: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


def replace_pickle(path: Path, program: bytes) -> None:
    """Put another program in the place of a torch archive's own."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, program if name.endswith("data.pkl") else data)


@BOTH
def test_a_lightning_checkpoint_opens_without_lightning(
    tmp_path: Path, tiny: Any, save: Any, is_zip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path, model = save(tiny(), _use_new_zipfile_serialization=is_zip)
    monkeypatch.undo()  # the stand-in modules of the fixture are gone
    content = read_checkpoint(path)
    assert content["epoch"] == 11
    (callback,) = content["callbacks"]
    assert callback.__name__ == "ModelCheckpoint"
    assert callback.__module__ == "vqclip.models.zoo.safe_pickle"
    assert "argparse.Namespace, not loaded" in repr(content["hyper_parameters"]["args"])
    for key, value in model.state_dict().items():
        assert torch.equal(content["state_dict"][key], value)


@BOTH
def test_tensors_of_every_kind(tmp_path: Path, is_zip: bool) -> None:
    base = torch.arange(12.0).view(3, 4)
    content = OrderedDict(
        view=base[1:, ::2],
        parameter=torch.nn.Parameter(base),
        half=base.half(),
        bfloat=base.bfloat16(),
        number=torch.tensor(3),
        dtype=torch.float16,
        size=base.shape,
        raw=b"\x00\xff",
        device=torch.device("cpu"),
        kinds=[{1, 2}, frozenset({3}), complex(1, 2), bytearray(b"x"), slice(1, 2)],
    )
    back = read_checkpoint(save(content, tmp_path / "x.pt", is_zip=is_zip))
    assert back.keys() == content.keys()
    for key, value in content.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(back[key], value) and back[key].dtype == value.dtype
        else:
            assert back[key] == value


def test_safetensors(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    assert torch.equal(read_checkpoint(tmp_path / "x.safetensors")["a"], torch.ones(2))


def test_torchs_own_switch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(ModelError, match="while TORCH_FORCE_WEIGHTS_ONLY_LOAD is set; unset it"):
        read_checkpoint(save({"a": torch.ones(1)}, tmp_path / "x.pt"))


def test_a_compressed_archive_is_read_too(tmp_path: Path) -> None:
    path = save({"a": torch.arange(1000.0)}, tmp_path / "x.pt")
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    assert torch.equal(read_checkpoint(path)["a"], torch.arange(1000.0))


@BOTH
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch MARKER",), "posix.system|nt.system"),
        (eval, ("open('MARKER', 'w')",), "builtins.eval"),
        (exec, ("open('MARKER', 'w')",), "builtins.exec"),
        (open, ("MARKER", "w"), r"(_?io)\.open"),
        (subprocess.Popen, (["touch", "MARKER"],), "subprocess.Popen"),
        (getattr, (Asks(__import__, "os"), "system"), "builtins.(getattr|__import__)"),
        (operator.methodcaller, ("touch",), "operator.methodcaller"),
        (functools.partial, (os.system, "touch MARKER"), "functools.partial"),
        (pickle.loads, (b"cos\nsystem\n(S'touch MARKER'\ntR.",), "_?pickle.loads"),
        (torch.load, ("MARKER",), "torch.serialization.load"),
        (torch.hub.load, ("a/b", "c"), "torch.hub.load"),
        (torch.nn.Linear, (1, 1), "torch.nn.modules.linear.Linear"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_calls_are_refused_by_name_and_not_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_zip: bool,
    function: Any,
    arguments: tuple[Any, ...],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"a": Asks(function, *arguments)}, tmp_path / "x.ckpt", is_zip=is_zip)
    with pytest.raises(ModelError, match=rf"would run ({named}) when opened; .* trust"):
        read_checkpoint(path)
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize(
    "inner",
    [
        b"comegaconf.os\nsystem\n(S'touch MARKER'\ntR",
        b"cpytorch_lightning\nos.system\n(S'touch MARKER'\ntR",
        b"\x8c\x09omegaconf\x8c\x10sys.modules.evil\x93(S'touch MARKER'\ntR(S'x'\ntR",
        b"cargparse\n_os.system\n)\x81}S'x'\nS'y'\nsb",
    ],
)
def test_names_under_a_harmless_family_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"a": torch.ones(1)}, tmp_path / "x.ckpt")
    replace_pickle(path, b"\x80\x02}S'key'\n" + inner + b"s.")
    assert "not loaded" in repr(read_checkpoint(path)["key"])
    assert not (tmp_path / "MARKER").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *[("numpy", "load"), ("numpy.lib.npyio", "load"), ("numpy", "os.system")],
        *[("pathlib", "Path"), ("pathlib", "PosixPath"), ("typing", "get_type_hints")],
        *[("lightning_fabric.utilities.data", "AttributeDict"), ("lightning_utilities", "x")],
    ],
)
def test_names_beyond_the_inert_ones_are_refused(tmp_path: Path, module: str, name: str) -> None:
    path = save({"a": torch.ones(1)}, tmp_path / "x.ckpt")
    replace_pickle(path, b"\x80\x02}S'key'\nc" + f"{module}\n{name}\n".encode() + b"s.")
    with pytest.raises(ModelError, match=rf"would run {module}\.{name} when opened"):
        read_checkpoint(path)


@BOTH
def test_numbers_of_numpy_and_settings_of_omegaconf_are_left_alone(
    tmp_path: Path, is_zip: bool
) -> None:
    rest = {
        "lr_schedulers": [{"_last_lr": [np.float64(1e-5)], "betas": np.arange(3.0)}],
        "hparams": OmegaConf.create({"betas": [0.5, 0.9]}),
    }
    path = save({"a": torch.ones(2), **rest}, tmp_path / "x.ckpt", is_zip=is_zip)
    content = read_checkpoint(path)
    assert torch.equal(content["a"], torch.ones(2))
    assert "multiarray.scalar, not loaded" in repr(content["lr_schedulers"])
    assert "DictConfig, not loaded" in repr(content["hparams"])
    before_numpy_2 = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'x'\ntR"
    replace_pickle(save({}, path), b"\x80\x02}S'key'\n" + before_numpy_2 + b"s.")
    assert "numpy.core.multiarray.scalar, not loaded" in repr(read_checkpoint(path)["key"])


def test_stand_ins_swallow_everything(tmp_path: Path) -> None:
    path = save({"a": torch.ones(1)}, tmp_path / "x.ckpt")
    made = b"comegaconf\nA\n)\x81"
    program = made + b"K\x01K\x02s" + b"(K\x01e" + b"K\x05a" + b"}S'__class__'\nK\x01sb"
    replace_pickle(path, b"\x80\x02}S'key'\n" + program + b"s.")
    found = read_checkpoint(path)["key"]
    assert type(found).__name__ == "A" and vars(found) == {}


def test_writing_on_what_a_pickle_gets_does_not_outlive_it(tmp_path: Path) -> None:
    path = save({"a": torch.ones(1)}, tmp_path / "x.ckpt")
    mark = b"ctorch._utils\n_rebuild_tensor_v2\n(N}S'evil'\nK\x01stb"
    replace_pickle(path, b"\x80\x02}S'key'\n" + mark + b"s.")
    with pytest.raises(ModelError, match="wants attributes for a function, which a checkpoint"):
        read_checkpoint(path)
    assert not hasattr(torch._utils._rebuild_tensor_v2, "evil")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; download it again"),
        (b"\n<!DOCTYPE html><html>Sign in", "is a web page saved under a checkpoint's name"),
        (b"model:\n  target: x\n", "is text, not a checkpoint: .* in the wrong order"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
        (b"\x00\x01\x02\x03\xff", r"begins with the bytes 00 01 02 03; expected"),
        (b"\x80\x02}q\x00", "is damaged or cut short .*; download it again"),
        (b"PK\x03\x04 and no more", "is damaged or cut short .*; download it again"),
    ],
)
def test_files_that_are_no_checkpoints(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=f"(?s){message}"):
        read_checkpoint(path)


@BOTH
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_short(tmp_path: Path, is_zip: bool, share: float) -> None:
    path = save({"a": torch.ones(5000)}, tmp_path / "x.ckpt", is_zip=is_zip)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ModelError, match="is damaged or cut short"):
        read_checkpoint(path)


def test_other_archives_and_kinds(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no checkpoint at .*check the path"):
        read_checkpoint(tmp_path / "absent.ckpt")
    with pytest.raises(ModelError, match="is a folder; give the checkpoint file in it"):
        read_checkpoint(tmp_path)
    damaged = tmp_path / "x.safetensors"
    damaged.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(ModelError, match="is damaged or cut short"):
        read_checkpoint(damaged)
    with tarfile.open(tmp_path / "x.pt", "w") as tar:
        tar.add(damaged, "pickle")
    with pytest.raises(ModelError, match=r"is a tar archive; .* is not read"):
        read_checkpoint(tmp_path / "x.pt")
    with tarfile.open(tmp_path / "y.pt", "w", format=1, encoding="latin1") as tar:  # GNU
        tar.add(damaged, "\x80\x02")
    with pytest.raises(ModelError, match="tar archive under a pickle's first byte"):
        read_checkpoint(tmp_path / "y.pt")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as archive:
        archive.write(damaged, "last.ckpt")
    with pytest.raises(ModelError, match="zip archive but not a torch checkpoint"):
        read_checkpoint(tmp_path / "z.pt")
    with zipfile.ZipFile(tmp_path / "s.pt", "w") as archive:
        for name in ("s/data.pkl", "s/constants.pkl", "s/code/__torch__.py"):
            archive.writestr(name, b"N.")
    with pytest.raises(ModelError, match="TorchScript program, not a checkpoint"):
        read_checkpoint(tmp_path / "s.pt")
    with pytest.raises(ModelError, match=r"holds a list, not a dictionary.*state_dict\(\)"):
        read_checkpoint(save([1, 2], tmp_path / "l.pt"))
