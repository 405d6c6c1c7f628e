"""Before a run: does it fit, how would it, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import vqclip
from tests.conftest import Home
from vqclip import audience, cli, fitting, footprint
from vqclip.config import RunConfig
from vqclip.errors import ConfigError
from vqclip.thrift import Thrift

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
CPU = torch.device("cpu")


def large() -> RunConfig:
    """A run of published models, whose weights need not be here."""
    words = ["perceptors=[ViT-B-32::openai, ViT-B-16::openai]", "size=512x512", "device=cpu"]
    return vqclip.load("a fox", "normal", overrides=[*words, "cutouts.count=32"])


def models(config: RunConfig) -> footprint.Shapes:
    return footprint.shapes(config, audience.perceptor_source)


def test_thrift_needs_less_each_time() -> None:
    config = large()
    shapes = models(config)
    ways = [Thrift(), Thrift(8), Thrift(1), Thrift(1, recompute=True), fitting.MOST]
    need = [footprint.needed(config, shapes, way) for way in ways]
    assert need == sorted(need, reverse=True) and need[-1] < need[0] / 2
    for way, enough in zip(ways, need, strict=True):
        found = fitting.least(config, shapes, enough)
        assert found is not None and footprint.needed(config, shapes, found) <= enough
        assert (found.recompute, found.tiles) == (way.recompute, way.tiles)
    assert fitting.least(config, shapes, need[-1] - 1) is None
    assert fitting.least(config, shapes, need[0]) == Thrift()


def test_chunks_go_forward_twice_and_call_each_layer_again() -> None:
    config = vqclip.load("a fox", size="64x64", device="cpu", init="random", growth=[])
    shapes = models(config)
    assert shapes.judges is not None
    layers = len([m for m in shapes.judges[0].visual.modules() if not list(m.children())])
    whole, some, single = (footprint.costs(config, shapes, Thrift(n))[1] for n in (0, 4, 1))
    assert some.flops == single.flops == pytest.approx(1.5 * whole.flops, rel=1e-6)
    assert (whole.calls, some.calls, single.calls) == (0, 3 * 3 * layers, 15 * 3 * layers)
    assert single.kept < some.kept < whole.kept


def test_the_remedies_fit() -> None:
    config = large()
    free = footprint.needed(config, models(config), fitting.MOST) * 3 // 4
    found = fitting.shrunk(config, audience.perceptor_source)
    assert len(found) == 3 and found[0].startswith("size=")
    for words in found:
        other = vqclip.load("a fox", base=vqclip.config.to_dict(config), overrides=words.split())
        assert fitting.least(other, models(other), free) is not None, words


def test_what_is_free_is_known() -> None:
    free = fitting.room(CPU)
    if Path("/proc/meminfo").exists():
        assert free is not None and 1e8 < free < 1e14


def test_small_runs_of_the_bundled_models_are_not_counted(monkeypatch: Patch) -> None:
    def never(*_: object) -> footprint.Shapes:
        raise AssertionError("it was counted")

    monkeypatch.setattr(footprint, "shapes", never)
    monkeypatch.setattr(fitting, "room", lambda device: 8 * 10**9)
    config = vqclip.load("a fox")
    assert fitting.choose(config, CPU, audience.perceptor_source, []) == Thrift()
    monkeypatch.setattr(fitting, "room", lambda device: None)  # nobody says
    assert fitting.choose(large(), CPU, audience.perceptor_source, []) == Thrift()


@pytest.mark.parametrize("size", ["256x256", "768x512"])
def test_the_quick_answer_is_never_wrong(size: str) -> None:
    both = ["starter", "starter-second"]
    config = vqclip.load("a fox", size=size, cutouts={"count": 40}, perceptors=both)
    need = footprint.needed(config, models(config))
    assert not fitting.fits_surely(config, need)


def test_a_run_that_is_too_large_is_made_to_fit(monkeypatch: Patch) -> None:
    config, notes = large(), list[str]()
    need = footprint.needed(config, models(config))
    monkeypatch.setattr(fitting, "room", lambda device: need * 3 // 4)
    found = fitting.choose(config, CPU, audience.perceptor_source, notes)
    assert found.chunk > 0 and not found.recompute
    assert notes == [
        f"the run would need about {need / 1e9:.1f} GB, and {need * 0.75 / 1e9:.1f} GB are free: "
        f"{found.chunk} squares are looked at together"
    ]


def test_a_run_that_cannot_fit_is_refused_with_what_would(monkeypatch: Patch) -> None:
    config = large()
    most = footprint.needed(config, models(config), fitting.MOST)
    monkeypatch.setattr(fitting, "room", lambda device: most * 9 // 10)
    notes: list[str] = []
    found = fitting.choose(config, CPU, audience.perceptor_source, notes)
    assert (found, len(notes)) == (fitting.MOST, 1)  # the estimate may be wrong
    assert "may need more memory than the" in notes[0]
    monkeypatch.setattr(fitting, "room", lambda device: most * 3 // 4)
    with pytest.raises(
        ConfigError,
        match=r"would need about .* are free; it would fit with size=\S+ .*, or .*, or ",
    ):
        fitting.choose(config, CPU, audience.perceptor_source, [])


def test_a_run_is_refused_before_it_starts(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setattr(fitting, "room", lambda device: 5 * 10**8)
    assert cli.main(["a fox", *home.words()]) == 2
    err = capsys.readouterr().err
    assert "no setting here: close other programs" in err
    assert not Path("outputs").exists()


def test_words() -> None:
    assert Thrift().in_words() == "everything is held"
    assert Thrift(4, recompute=True).in_words() == (
        "4 squares are looked at together, and the decoder is worked out twice"
    )
    assert Thrift(7, tiles=True).in_words() == (
        "7 squares are looked at together, and the picture is corrected piece by piece, which "
        "changes it a little"
    )
    assert fitting.MOST.in_words().startswith("1 square is looked at together, and the decoder")
