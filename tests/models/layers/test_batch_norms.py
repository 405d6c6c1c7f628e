"""Batch norms, folded into convolutions only where they follow them."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from vqclip.guidance.perceptor import load_perceptor
from vqclip.models.layers.batch_norms import fold_batch_norms


def randomise(network: nn.Module) -> nn.Module:
    """Give all numbers of a network random values, as training would."""
    for number, values in enumerate([*network.parameters(), *network.buffers()]):
        if values.is_floating_point():
            stream = torch.Generator().manual_seed(number)
            values.data = torch.rand(values.shape, generator=stream) + 0.5
    return network.requires_grad_(False).eval()


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_norm_after_its_convolution_is_folded(biased: bool, affine: bool, groups: int) -> None:
    network = randomise(
        nn.Sequential(
            nn.Conv2d(4, 8, 3, bias=biased, groups=groups),
            nn.Identity(),
            nn.BatchNorm2d(8, affine=affine),
            nn.ReLU(),
        )
    )
    example, other = torch.rand(1, 4, 6, 6), torch.rand(3, 4, 9, 7)
    expected = network(other)
    assert fold_batch_norms(network, example) == 1
    assert not any(isinstance(each, nn.BatchNorm2d) for each in network.modules())
    assert (network(other) - expected).abs().max() < 1e-5 * expected.abs().max()


class NormFirst(nn.Module):
    """A block that names its convolution first, and applies it last."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)

    def forward(self, given: Tensor) -> Tensor:
        """Norm, then convolve."""
        result: Tensor = self.convolution(self.norm(given))
        return result


def test_a_norm_before_its_convolution_stays() -> None:
    network = randomise(NormFirst())
    weights = {name: each.clone() for name, each in network.state_dict().items()}
    given = torch.rand(2, 4, 6, 6)
    expected = network(given)
    assert fold_batch_norms(network, given[:1]) == 0
    assert torch.equal(network(given), expected)
    assert all(torch.equal(network.state_dict()[name], each) for name, each in weights.items())


@pytest.mark.parametrize(
    "layers",
    [
        {"norm": nn.BatchNorm2d(4)},
        {"convolution": nn.Conv2d(4, 4, 1), "act": nn.ReLU(), "norm": nn.BatchNorm2d(4)},
        {
            "convolution": nn.Conv2d(4, 4, 1),
            "norm": nn.BatchNorm2d(4, track_running_stats=False),
        },
    ],
)
def test_what_has_no_convolution_before_it_or_no_constants_stays(
    layers: dict[str, nn.Module],
) -> None:
    network = nn.Sequential(OrderedDict(layers)).eval()
    assert fold_batch_norms(network, torch.rand(1, 4, 6, 6)) == 0


def test_the_starter_has_no_norm_left_and_sees_the_same() -> None:
    folded, plain = load_perceptor("starter"), load_perceptor("starter", precision="bf16")
    norms = [
        sum(isinstance(each, nn.BatchNorm2d) for each in perceptor.model.visual.modules())
        for perceptor in (folded, plain)
    ]
    assert norms == [0, 49]
    pixels = torch.rand(2, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    seen = [each.embed_image(pixels) for each in (folded, plain)]
    assert torch.cosine_similarity(*seen).min() > 0.99
