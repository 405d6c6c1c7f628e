"""The wavelets drawer: the transform, its filters and what its settings do."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from tests.helpers.noise import noise_picture
from vqclip.config.draw_settings import DrawSettings
from vqclip.drawers.spectra import wavelet_filters
from vqclip.drawers.spectra.wavelet_filters import ORTHOGONAL, find_filters
from vqclip.drawers.spectra.wavelet_transform import analyse_waves, synthesise_waves
from vqclip.drawers.wavelets import WaveletsDrawer
from vqclip.errors import ConfigError


@pytest.fixture
def pywt() -> Any:
    return pytest.importorskip("pywt", reason="PyWavelets is not installed: vqclip[wavelets]")


@pytest.fixture
def without_pywt(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> Any:
        return None if name == "pywt" else find_spec(name)

    monkeypatch.setattr(wavelet_filters, "find_spec", find)


def values(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, 3, height, width, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("wave", ORTHOGONAL)
@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 9), (3, 2), (1, 5)])
def test_the_analysis_is_the_inverse_of_the_synthesis(
    wave: str, height: int, width: int, without_pywt: None
) -> None:
    before, filters = values(height, width), find_filters(wave)
    for levels in range(4):
        low, details = analyse_waves(before, levels, filters)
        assert len(details) == levels
        after = synthesise_waves(low, details, filters, (height, width))
        assert torch.allclose(after, before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wave", [*ORTHOGONAL, "bior2.2", "rbio3.1", "sym8"])
@pytest.mark.parametrize(("height", "width"), [(16, 24), (37, 50), (3, 2)])
@pytest.mark.filterwarnings("ignore:Level value")
def test_the_transform_has_the_numbers_of_pywavelets(
    wave: str, height: int, width: int, pywt: Any
) -> None:
    before, filters, levels = values(height, width), find_filters(wave), 3
    low, *details = pywt.wavedec2(before[0].numpy(), wave, mode="symmetric", level=levels)
    own_low, own_details = analyse_waves(before, levels, filters)
    assert torch.allclose(own_low[0], torch.tensor(low), rtol=0, atol=1e-12)
    stacked = [torch.stack([torch.tensor(each) for each in one], 1)[None] for one in details]
    for own, theirs in zip(own_details, reversed(stacked), strict=True):
        assert torch.allclose(own, theirs, rtol=0, atol=1e-12)

    for each in (low, *(one for three in details for one in three)):
        each += 1  # so that they are no longer those of any picture
    changed = [detail + 1 for detail in reversed(stacked)]
    theirs = torch.tensor(pywt.waverec2([low, *details], wave, mode="symmetric"))
    own = synthesise_waves(own_low + 1, changed, filters, (height, width))
    assert torch.allclose(own[0], theirs[..., :height, :width], rtol=0, atol=1e-12)


def test_a_wavelet_that_is_not_bundled_needs_pywavelets(without_pywt: None) -> None:
    with pytest.raises(ConfigError) as caught:
        WaveletsDrawer.from_settings(16, 16, DrawSettings(wave="sym8"))
    assert str(caught.value) == (
        "the wavelet 'sym8' needs PyWavelets, which is not installed: pip install "
        "'vqclip[wavelets]'; or use one of: haar, db2, coif2"
    )


def test_a_wavelet_that_does_not_exist_is_refused(pywt: Any) -> None:
    with pytest.raises(ConfigError, match="no wavelet is called 'coif22'; did you mean 'coif2'"):
        find_filters("coif22")


def strength_of_edges(sharp: float) -> float:
    drawer = WaveletsDrawer.from_settings(64, 48, DrawSettings(sharp=sharp))
    drawer.replace(drawer.random_parameters(torch.Generator().manual_seed(1)))
    return float(drawer.draw().detach().diff(dim=-1).abs().mean())


def test_a_sharp_picture_has_finer_texture() -> None:
    assert strength_of_edges(1) > 1.2 * strength_of_edges(0.3) > 1.8 * strength_of_edges(-0.5)


def test_levels_halve_the_picture_down_to_one_pixel() -> None:
    drawer = WaveletsDrawer(40, 33, wave="haar")
    shapes = {
        name: tuple(each.shape) for name, each in drawer.encode(noise_picture(40, 33)).items()
    }
    assert shapes == {
        "low": (1, 3, 2, 2),
        "detail_00": (1, 3, 3, 17, 20),
        "detail_01": (1, 3, 3, 9, 10),
        "detail_02": (1, 3, 3, 5, 5),
        "detail_03": (1, 3, 3, 3, 3),
        "detail_04": (1, 3, 3, 2, 2),
        "gain": (),
        "contrast": (),
    }


def test_one_strength_is_one_wavelet_at_its_place() -> None:
    drawer = WaveletsDrawer(32, 32, wave="haar")
    drawer.replace(drawer.encode(torch.full((1, 3, 32, 32), 0.5)))
    with torch.no_grad():
        drawer.parameters["detail_01"][0, 0, 0, 2, 5] = 1
    picture = drawer.draw()[0, 1]
    changed = (picture - 0.5).abs() > 1e-3
    assert changed[8:12, 20:24].all() and int(changed.sum()) == 16
    assert (picture[8:10, 20:24] > 0.5).all() and (picture[10:12, 20:24] < 0.5).all()
