"""`deterministic=true` on a pretend CUDA: nothing is left to chance, or it is named."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.conftest import Home
from tests.pretend.accelerator import pretending
from vqclip.cli import main
from vqclip.models import device

pytestmark = pytest.mark.pretend
Capture = pytest.CaptureFixture[str]
NO_ALGORITHM = "torch has no deterministic"


@pytest.mark.parametrize("recipe", ["vqclip", "crowson"])
def test_a_run_leaves_nothing_to_chance(home: Home, capsys: Capture, recipe: str) -> None:
    words = home.words("device=cuda", "deterministic=true", f"cutouts.recipe={recipe}")
    with pretending() as accelerator:
        assert main.main(["a fox", *words, "size=101x77"]) == 0
    assert accelerator.peak > 0
    assert NO_ALGORITHM not in capsys.readouterr().err


def test_torch_is_strict_during_the_steps_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = set()
    look = torch.Tensor.backward

    def backward(tensor: torch.Tensor, *args: object, **named: object) -> None:
        modes.add(torch.is_deterministic_algorithms_warn_only_enabled())
        look(tensor, *args, **named)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    assert main.main(["a fox", *home.words("deterministic=true")]) == 0
    assert modes == {False}  # where torch only warns, attention is not deterministic
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_step_without_such_an_algorithm_is_taken_again_and_named(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "vqclip.guidance.cutouts.sample_grid",
        lambda picture, grid, padding: torch.nn.functional.grid_sample(
            picture.expand(len(grid), -1, -1, -1), grid, "bilinear", padding, False
        ),
    )
    with pretending():
        words = home.words("device=cuda", "deterministic=true")
        assert main.main(["a fox", *words]) == 0
    assert f"{NO_ALGORITHM} grid_sampler_2d_backward_cuda here" in capsys.readouterr().err


def test_attention_that_stays_unsteady_is_named() -> None:
    with warnings.catch_warnings(), device.use_deterministic(True) as without:
        for name in ("Flash Attention", "Memory Efficient attention") * 2:
            warnings.warn(
                f"{name} defaults to a non-deterministic algorithm. To explicitly enable "
                "determinism call torch.use_deterministic_algorithms(True, warn_only=False).",
                stacklevel=1,
            )
    assert without == ["Flash Attention", "Memory Efficient attention"]
