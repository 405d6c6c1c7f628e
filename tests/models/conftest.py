"""Tiny checkpoints in exactly the layout of the published ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from vqclip.models.vqgan import VQGAN, build_vqgan

LIGHTNING = "pytorch_lightning.callbacks.model_checkpoint"


@pytest.fixture(autouse=True)
def one_seed() -> Iterator[None]:
    """Random weights, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def tiny() -> Callable[..., dict[str, Any]]:
    """Make the config of a small VQGAN: factor 4, 12 codes of 8."""

    def config(target: str = "taming.models.vqgan.VQModel", **params: Any) -> dict[str, Any]:
        ddconfig = {
            **{"double_z": False, "z_channels": 8, "resolution": 16, "in_channels": 3},
            **{"out_ch": 3, "ch": 32, "ch_mult": [1, 1, 2], "num_res_blocks": 1},
            **{"attn_resolutions": [4], "dropout": 0.0},
        }
        inner = {"ddconfig": ddconfig, "n_embed": 12, "embed_dim": 8, **params}
        return {"model": {"target": target, "params": inner}}

    return config


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> Callable[[VQGAN, str], dict[str, Any]]:
    """Wrap a model's weights as Lightning saved them in 2021, leftovers included."""

    def wrap(model: VQGAN, prefix: str = "") -> dict[str, Any]:
        module = ModuleType(LIGHTNING)
        callback = type("ModelCheckpoint", (), {"__module__": LIGHTNING})
        module.ModelCheckpoint = callback  # type: ignore[attr-defined]
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, LIGHTNING, module)
        state = {prefix + key: value for key, value in model.state_dict().items()}
        lone = torch.zeros(2)
        losses = {
            "loss.discriminator.main.0.weight": torch.zeros(4, 3, 4, 4),
            "loss.perceptual_loss.lin0.model.1.weight": torch.zeros(1, 4, 1, 1),
            "loss.perceptual_loss.scaling_layer.shift": torch.zeros(1, 3, 1, 1),
        }
        gpt = {"transformer.tok_emb.weight": torch.zeros(5, 5)} if prefix else {}
        settings = OmegaConf.create({"lr": 4.5e-6, "nested": {"betas": [0.5, 0.9]}})
        adam = {"state": {0: {"step": 7, "exp_avg": lone}}, "param_groups": [{"lr": 1e-5}]}
        score = torch.tensor(0.5)
        return {
            "epoch": 11,
            "global_step": 22,
            "pytorch-lightning_version": "1.0.8",
            "callbacks": {
                callback: {"best_model_score": score, "best_model_path": "logs/last.ckpt"}
            },
            "optimizer_states": [adam, adam],
            "lr_schedulers": [],
            "state_dict": {**state, **losses, **gpt},
            "hyper_parameters": {"config": settings, "args": argparse.Namespace(gpus="0,")},
        }

    return wrap


@pytest.fixture
def save(
    tmp_path: Path, lightning: Callable[..., Any]
) -> Callable[..., tuple[Path, Path, VQGAN]]:
    """Write a random model as (YAML, .ckpt); give both paths and the model."""

    def write(config: dict[str, Any], prefix: str = "", **how: Any) -> tuple[Path, Path, VQGAN]:
        model = build_vqgan(config).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        paths = tmp_path / "model.yaml", tmp_path / "last.ckpt"
        paths[0].write_text(yaml.safe_dump(config))
        torch.save(lightning(model, prefix), paths[1], **how)
        return *paths, model

    return write
