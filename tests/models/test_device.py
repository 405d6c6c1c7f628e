"""On what is computed, and in which order."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from tests.conftest import Home
from vqclip.cli import main
from vqclip.media import images
from vqclip.models import device

Capture = pytest.CaptureFixture[str]


def flags() -> tuple[bool, ...]:
    cudnn, memory = torch.backends.cudnn, torch.utils.deterministic
    return (
        getattr(memory, "fill_uninitialized_memory"),  # noqa: B009, mypy does not know it
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
    )


def test_algorithms_are_deterministic_within_and_as_before_after() -> None:
    before, show = flags(), warnings.showwarning
    with pytest.raises(ZeroDivisionError), device.use_deterministic(True):
        assert flags() == (False, True, True, True, False)
        raise ZeroDivisionError
    assert flags() == before
    assert warnings.showwarning is show
    with device.use_deterministic(False) as without:
        assert flags() == before
    assert without == []


def test_a_gpu_pays_for_order() -> None:
    assert "is slower on cuda" in device.describe_deterministic_cost(torch.device("cuda"))


def test_what_has_no_such_algorithm_is_named_once() -> None:
    form = "{} does not have a deterministic implementation, but you set 'torch.use_…'"
    with (
        pytest.warns(UserWarning, match="another matter"),
        device.use_deterministic(True) as without,
    ):
        warnings.simplefilter("always")
        for name in ("grid_sampler_2d_backward_cuda", "cumsum_cuda_kernel") * 2:
            warnings.warn(form.format(name), stacklevel=1)
        warnings.warn("another matter", stacklevel=1)
    assert without == ["grid_sampler_2d_backward_cuda", "cumsum_cuda_kernel"]


def test_a_run_says_what_has_none(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = torch.nn.functional.interpolate

    def warning(*words: object, **named: object) -> torch.Tensor:
        if torch.are_deterministic_algorithms_enabled():
            warnings.warn("blur_cuda does not have a deterministic implementation", stacklevel=1)
        return sampled(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.nn.functional, "interpolate", warning)
    pixels = []
    for switch in ("false", "true"):
        growth = "growth=[{size: 50%, steps: 1}]"
        words = home.words(growth, f"deterministic={switch}", "--seed", "3")
        assert main.main(["a fox", *words]) == 0
        out, err = capsys.readouterr()
        assert ("no deterministic blur_cuda here" in err) == (switch == "true")
        assert ("costs no time on a CPU, and changes nothing" in err) == (switch == "true")
        pixels.append(images.read_picture(Path(out.strip())))
    assert torch.equal(*pixels)  # on a processor it is the same picture
    assert not torch.are_deterministic_algorithms_enabled()
