"""Early layers of the image encoders that open_clip builds."""

from __future__ import annotations

import logging
from typing import Any

import open_clip
import pytest
import torch
from torch import nn

from tests.helpers.tiny_families import CONFIGS
from vqclip.models.layers.early_layers import EarlyLayers, find_early_layers, read_layers

RESNET = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 64, "head_width": 16}
EFFICIENT = {"timm_model_name": "efficientnet_lite0", "timm_model_pretrained": False}
TOWERS: dict[str, dict[str, Any]] = {
    "resnet": RESNET,
    "efficientnet": EFFICIENT | {"timm_pool": "avg", "timm_proj": "linear", "image_size": 64},
    **{name: CONFIGS[name]["vision_cfg"] for name in ("openai", "convnext", "eva", "siglip")},
    "coca": CONFIGS["coca"]["vision_cfg"],
}
SHAPES = {  # features and places of each layer
    "resnet": [(8, 256), (32, 256), (64, 64), (128, 16)],
    "efficientnet": [(16, 1024), (24, 256), (40, 64), (80, 16)],
    "openai": [(32, 16), (32, 16)],
    "coca": [(32, 16), (32, 16)],
    "eva": [(32, 16), (32, 16)],
    "siglip": [(32, 16), (32, 16)],
}


def tower(name: str) -> Any:
    logging.disable(logging.WARNING)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = open_clip.model._build_vision_tower(32, TOWERS[name])
    logging.disable(logging.NOTSET)
    return made.eval()


@pytest.mark.parametrize("name", TOWERS)
def test_layers_are_read_with_a_gradient(name: str) -> None:
    visual = tower(name)
    size = TOWERS[name]["image_size"]
    found = find_early_layers(visual)
    pixels = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    pixels.requires_grad_()
    read = read_layers(visual, pixels, found.layers)
    assert found.convolutional == (name in ("resnet", "efficientnet", "convnext"))
    assert len(read) == len(found.layers) >= 2
    assert [tuple(each.shape[1:]) for each in read] == SHAPES.get(
        name, [tuple(each.shape[1:]) for each in read]
    )
    (gradient,) = torch.autograd.grad(read[-1].square().sum(), pixels)
    assert bool(gradient.any())
    assert all(not layer._forward_hooks for layer in visual.modules())
    alone = read_layers(visual, pixels, found.layers[1:2])
    assert len(alone) == 1 and torch.equal(alone[0], read[1])
    if found.convolutional:
        wide = read_layers(visual, torch.rand(1, 3, size, 2 * size), found.layers)
        assert wide[0].shape[2] == 2 * read[0].shape[2]


def test_what_follows_the_last_layer_is_not_computed() -> None:
    visual, computed = tower("resnet"), list[str]()
    visual.layer2.register_forward_hook(lambda *_: computed.append("layer2"))
    visual.layer4.register_forward_hook(lambda *_: computed.append("layer4"))
    read_layers(visual, torch.rand(1, 3, 64, 64), find_early_layers(visual).layers[:2])
    assert computed == []


def test_tokens_are_patches_without_that_of_the_whole_picture() -> None:
    visual = tower("openai")
    layers = find_early_layers(visual).layers
    pixels = torch.rand(2, 3, 32, 32)
    patches, block = read_layers(visual, pixels, layers)
    assert torch.equal(patches, visual.conv1(pixels).flatten(2))
    tokens = visual.transformer.resblocks[0]
    whole: list[torch.Tensor] = []
    hook = tokens.register_forward_hook(lambda layer, given, made: whole.append(made))
    visual(pixels)
    hook.remove()
    assert torch.equal(block, whole[0][:, 1:].transpose(1, 2))


def test_a_network_of_another_kind_has_none() -> None:
    found = find_early_layers(nn.Sequential(nn.Conv2d(3, 4, 3)))
    assert isinstance(found, EarlyLayers) and not found.layers
