"""Before a run: does it fit, how would it, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import vqclip
from tests.conftest import Home
from tests.helpers import outlines
from vqclip.cli import main
from vqclip.config.perceptor_spec import PerceptorSpec, parse_perceptor
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import to_dict
from vqclip.errors import ConfigError
from vqclip.models.memory import MemoryPolicy
from vqclip.run import memory_footprint, memory_reduction
from vqclip.run.preflight import PictureParts, make_request

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def known() -> outlines.Known:
    """The outlines that several tests ask for."""
    return {}


@pytest.fixture(autouse=True)
def reused_shapes(known: outlines.Known, monkeypatch: Patch) -> None:
    """Published and bundled models stay as they are; they are counted once."""
    shapes = outlines.reuse_shapes(known, lambda config, perceptors: True)
    monkeypatch.setattr(memory_reduction, "build_shapes", shapes)


def large() -> RunConfig:
    """A run of published models, whose weights need not be here."""
    words = ["perceptors=[ViT-B-32::openai, ViT-B-16::openai]", "size=512x512", "device=cpu"]
    return vqclip.load("a fox", "normal", overrides=[*words, "cutouts.count=32"])


def models(config: RunConfig) -> memory_footprint.Shapes:
    return memory_footprint.build_shapes(config, looking(config), PictureParts())


def looking(config: RunConfig) -> list[PerceptorSpec]:
    return [parse_perceptor(each) for each in config.perceptors]


def chosen(config: RunConfig, notes: list[str]) -> MemoryPolicy:
    request = make_request(config, complete=False)
    return memory_reduction.choose_memory_policy(request, CPU, notes)


def test_thrift_needs_less_each_time() -> None:
    config = large()
    shapes = models(config)
    ways = [
        MemoryPolicy(),
        MemoryPolicy(8),
        MemoryPolicy(1),
        MemoryPolicy(1, recompute=True),
        memory_reduction.MOST,
    ]
    need = [memory_footprint.needed_memory(config, shapes, way) for way in ways]
    assert need == sorted(need, reverse=True) and need[-1] < need[0] / 2
    for way, enough in zip(ways, need, strict=True):
        found = memory_reduction.least_memory_policy(config, shapes, enough)
        assert (
            found is not None and memory_footprint.needed_memory(config, shapes, found) <= enough
        )
        assert (found.recompute, found.tiles) == (way.recompute, way.tiles)
    assert memory_reduction.least_memory_policy(config, shapes, need[-1] - 1) is None
    assert memory_reduction.least_memory_policy(config, shapes, need[0]) == MemoryPolicy()


def test_the_remedies_fit() -> None:
    config = large()
    free = memory_footprint.needed_memory(config, models(config), memory_reduction.MOST) * 3 // 4
    found = memory_reduction.suggest_smaller(config, looking(config), PictureParts())
    assert len(found) == 3 and found[0].startswith("size=")
    for words in found:
        other = vqclip.load("a fox", base=to_dict(config), overrides=words.split())
        assert memory_reduction.least_memory_policy(other, models(other), free) is not None, words


def test_what_is_free_is_known() -> None:
    free = memory_reduction.available_memory(CPU)
    if Path("/proc/meminfo").exists():
        assert free is not None and 1e8 < free < 1e14


def test_small_runs_of_the_bundled_models_are_not_counted(monkeypatch: Patch) -> None:
    def never(*_: object) -> memory_footprint.Shapes:
        raise AssertionError("it was counted")

    monkeypatch.setattr(memory_reduction, "build_shapes", never)
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: 8 * 10**9)
    config = vqclip.load("a fox")
    assert chosen(config, []) == MemoryPolicy()
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: None)  # nobody says
    assert chosen(large(), []) == MemoryPolicy()


@pytest.mark.parametrize("size", ["256x256", "768x512"])
def test_the_quick_answer_is_never_wrong(size: str) -> None:
    both = ["starter", "starter-second"]
    config = vqclip.load("a fox", size=size, cutouts={"count": 40}, perceptors=both)
    need = memory_footprint.needed_memory(config, models(config))
    assert not memory_reduction.fits_surely(config, looking(config), PictureParts(), need)


def test_a_run_that_is_too_large_is_made_to_fit(monkeypatch: Patch) -> None:
    config, notes = large(), list[str]()
    need = memory_footprint.needed_memory(config, models(config))
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: need * 3 // 4)
    found = chosen(config, notes)
    assert found.chunk > 0 and not found.recompute
    assert notes == [
        f"the run would need about {need / 1e9:.1f} GB, and {need * 0.75 / 1e9:.1f} GB are "
        f"free: {found.chunk} cutouts are processed at a time"
    ]


def test_a_run_that_cannot_fit_is_refused_with_what_would(monkeypatch: Patch) -> None:
    config = large()
    most = memory_footprint.needed_memory(config, models(config), memory_reduction.MOST)
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: most * 9 // 10)
    notes: list[str] = []
    found = chosen(config, notes)
    assert (found, len(notes)) == (memory_reduction.MOST, 1)  # the estimate may be wrong
    assert "may need more memory than the" in notes[0]
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: most * 3 // 4)
    with pytest.raises(
        ConfigError,
        match=r"would need about .* are free; it would fit with size=\S+ .*, or .*, or ",
    ):
        chosen(config, [])


def test_a_run_is_refused_before_it_starts(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setattr(memory_reduction, "available_memory", lambda device: 5 * 10**8)
    assert main.main(["a fox", *home.words()]) == 2
    err = capsys.readouterr().err
    assert "no setting here: close other programs" in err
    assert not Path("outputs").exists()


def test_words() -> None:
    assert MemoryPolicy().describe() == "everything is held"
    assert MemoryPolicy(4, recompute=True).describe() == (
        "4 cutouts are processed at a time, and the decoder is computed twice"
    )
    assert MemoryPolicy(7, tiles=True).describe() == (
        "7 cutouts are processed at a time, and the picture is decoded in tiles, which changes "
        "it a little"
    )
    assert memory_reduction.MOST.describe().startswith(
        "1 cutout is processed at a time, and the decoder"
    )
