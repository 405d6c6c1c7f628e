"""A config says what to build, or an error says what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vqclip.errors import ModelError
from vqclip.models.vqgan import build_vqgan
from vqclip.models.vqgan_config import NET2NET, describe_layout, read_config


def test_describe_finds_the_first_stage(tiny: Any) -> None:
    inner = describe_layout(tiny("taming.models.vqgan.GumbelVQ", n_embed=5))
    assert (inner.kind, inner.codes, inner.channels, inner.factor) == ("gumbel", 5, 8, 4)
    outer = {"model": {"target": NET2NET, "params": {"first_stage_config": tiny()["model"]}}}
    assert describe_layout(outer) == describe_layout(tiny())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model:\n\ttarget: x\n", "line 2 has a tab, which YAML forbids; put spaces there"),
        ("model: [1, 2\n", "line 2: .*; mend that line"),
        ("a: 1\n", "has no 'model:' section"),
        ("<html><body>404", "is a web page, not a YAML config; save the file itself"),
        ("PK\udcff", "is not text, so not a YAML config; .* in the wrong order"),
    ],
)
def test_configs_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=message):
        read_config(path)


def test_an_absent_config(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the config .*c\.yaml cannot be read \(No such file"):
        read_config(tmp_path / "c.yaml")


def test_a_config_names_no_code_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("model: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ModelError, match=r"could not determine a constructor.*; mend that line"):
        read_config(path)


def change(**ddconfig: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["model"]["params"]["ddconfig"].update(ddconfig)


def without(*path: str) -> Callable[[dict[str, Any]], object]:
    def drop(config: Any) -> None:
        for key in path[:-1]:
            config = config[key]
        del config[path[-1]]

    return drop


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("model", "params"), r"the config has no 'model\.params'; expected"),
        (without("model", "params", "ddconfig"), r"has no 'params\.ddconfig'"),
        (without("model", "params", "n_embed"), r"has no 'params\.n_embed'"),
        (without("model", "params", "ddconfig", "ch_mult"), r"has no 'ddconfig\.ch_mult'"),
        (without("model", "target"), "'target: None' is not a VQGAN that vqclip can build"),
        (
            lambda c: c["model"].update(target="taming.models.vqgan.VQModle"),
            "did you mean 'taming.models.vqgan.VQModel'.*one of: .*GumbelVQ.*Net2NetTransformer",
        ),
        (lambda c: c["model"].update(params=3), r"'model\.params' is 3; expected a section"),
        (
            lambda c: c["model"].update(target=NET2NET),
            r"has no 'model\.params\.first_stage_config'",
        ),
        (change(in_channels=182, out_ch=182), "182 channels in and 182 out.*segmentations"),
        (change(double_z=True), "double_z is true or absent.*'double_z: false'"),
        (change(ch=48), "ddconfig.ch is 48; expected a multiple of 32"),
        (change(num_res_blocks="two"), "ddconfig cannot be built .*; check it"),
    ],
)
def test_configs_that_describe_no_vqgan(tiny: Any, damage: Any, message: str) -> None:
    config = tiny()
    damage(config)
    with pytest.raises(ModelError, match=message):
        build_vqgan(config)
