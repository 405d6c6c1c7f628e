"""The style and depth losses: what they are content with, what they read, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.conftest import Home
from tests.guidance.losses.test_every_loss import lightness, tower
from vqclip.config.loss_settings import parse_look_layers, parse_looks
from vqclip.errors import ConfigError
from vqclip.guidance.losses import style
from vqclip.guidance.losses.depth import depth_loss
from vqclip.guidance.losses.style import StylePicture, style_loss
from vqclip.guidance.perceptor import load_perceptor
from vqclip.models import model_cache
from vqclip.optimisation_loop import View

ALL = (0, 1, 2, 3, 4)


def noise(height: int = 64, width: int = 64, seed: int = 0) -> Tensor:
    """Coarse blots."""
    stream = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, height // 4, width // 4, generator=stream)
    return F.interpolate(small, (height, width), mode="bicubic").clamp(0, 1)


def stripes() -> Tensor:
    """Red and black stripes."""
    red = torch.tensor([1.0, 0, 0])[None, :, None, None]
    dark = (torch.arange(64) // 4 % 2).float()[None, None, :, None]
    return (red * dark).expand(1, 3, 64, 64)


def look(image: Tensor, step: int = 0) -> View:
    return View(image, {}, {}, step)


def wanted(picture: Tensor, name: str = "style.png", share: float = 1.0) -> StylePicture:
    return StylePicture(Path(name), picture, share)


@pytest.fixture
def starter() -> Any:
    return load_perceptor("starter")


def test_a_style_is_content_with_itself_and_nearly_with_its_parts(starter: Any) -> None:
    loss = style_loss([wanted(noise(96, 96))], [starter], ALL)
    own, part, other = (
        float(loss(look(each, 3))) for each in (noise(96, 96), noise(96, 96)[..., 48:], stripes())
    )
    assert own == 0 and 0 < 3 * part < other


def test_a_picture_takes_on_colours_and_texture(starter: Any) -> None:
    image = noise(seed=4).requires_grad_()
    loss = style_loss([wanted(stripes())], [starter], ALL)
    optimiser = torch.optim.Adam([image], lr=0.04)
    before = float(loss(look(image.detach())))
    for step in range(30):
        optimiser.zero_grad()
        loss(look(image, step)).backward()
        optimiser.step()
        image.data.clamp_(0, 1)
    after = image.detach()
    assert float(loss(look(after))) < before / 5
    means = [each.mean((2, 3)) for each in (noise(seed=4), after, stripes())]
    assert (means[1] - means[2]).abs().max() < (means[0] - means[2]).abs().max() / 3


def test_colours_count_by_layer_0_alone(starter: Any) -> None:
    grey = stripes().mean(1, keepdim=True).expand_as(stripes())
    losses = {
        layers: float(style_loss([wanted(stripes())], [starter], layers)(look(grey)))
        for layers in ((0,), (1, 2, 3, 4))
    }
    assert losses[0,] > 0
    pixels = style.measure_features(stripes().flatten(2))
    by_hand = style.compare_statistics(style.measure_features(grey.flatten(2)), pixels)
    large = F.interpolate(grey, (160, 160), mode="bicubic", antialias=True)
    assert large.shape[-1] == 2 * starter.size
    assert losses[0,] == pytest.approx(float(by_hand), rel=0.2)  # stripes are smoothed a little


def test_vits_are_read_by_windows_that_move(home: Home) -> None:
    vit = load_perceptor(str(home.clip))
    loss = style_loss([wanted(noise())], [vit], ALL)
    found = [float(loss(look(noise(), step))) for step in (0, 1, 2, 1)]
    assert found[0] == 0 and found[1] == found[3] > 0 and found[1] != found[2]
    assert max(found) < float(loss(look(stripes()))) / 3
    cut = style.cut_windows(noise(64, 96), 32)
    assert torch.equal(cut[1], noise(64, 96)[0, :, :32, 32:64]) and len(cut) == 6


def test_convolutional_perceptors_are_preferred(home: Home) -> None:
    vit, pictures = load_perceptor(str(home.clip)), [wanted(noise().double())]
    both = style_loss(pictures, [vit, tower()], ALL)
    alone = style_loss(pictures, [tower()], ALL)
    assert float(both(look(stripes().double(), 2))) == float(alone(look(stripes().double(), 2)))


def test_layers_that_no_perceptor_has_are_refused(home: Home) -> None:
    vit = load_perceptor(str(home.clip))  # of one block
    with pytest.raises(ConfigError, match=r"none of those of losses.look_layers=3 4 can be read"):
        style_loss([wanted(noise())], [vit], (3, 4))
    style_loss([wanted(noise())], [vit], (2, 3, 4))


def test_styles_are_mixed_by_their_shares() -> None:
    one, two = wanted(noise().double()), wanted(stripes().double(), "stripes.png")
    seen = look(noise(seed=9).double())
    apart = [float(style_loss([each], [tower()], ALL)(seen)) for each in (one, two)]
    mixed = [wanted(one.picture, "a.png", 0.75), wanted(two.picture, "b.png", 0.25)]
    found = float(style_loss(mixed, [tower()], ALL)(seen))
    assert found == pytest.approx(0.75 * apart[0] + 0.25 * apart[1], rel=1e-6)


def test_a_style_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    measure = style.measure_features
    monkeypatch.setattr(
        style, "measure_features", lambda each: (calls.append(1), measure(each))[1]
    )
    files = [tmp_path / "style.png", tmp_path / "weights"]
    for file in files:
        file.write_text("x")
    perceptor = tower()
    perceptor.weights = files[1]
    own = StylePicture(files[0], noise().double())
    with model_cache.keep_models():
        for _ in range(2):  # runs of one process
            loss = style_loss([own], [perceptor], (0, 1))
            for step in range(3):
                loss(look(noise(seed=1).double(), step))
    assert len(calls) == 2 + 2 * 3 * 2
    calls.clear()
    loss = style_loss([own], [perceptor], (0, 1))  # a run of a process of its own
    for step in range(3):
        loss(look(noise(seed=1).double(), step))
    assert len(calls) == 2 + 3 * 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.png", [("a.png", 1.0)]),
        ("a.png:3 | b.png", [("a.png", 0.75), ("b.png", 0.25)]),
        ("c:/x/a.png:.5|a b.png:.5", [("c:/x/a.png", 0.5), ("a b.png", 0.5)]),
        ("c:/a.png", [("c:/a.png", 1.0)]),
        ("a.png|a.png", [("a.png", 1.0)]),
    ],
)
def test_pictures_of_a_style_are_parsed(text: str, found: list[tuple[str, float]]) -> None:
    assert parse_looks(text) == found


@pytest.mark.parametrize("text", ["", "|", "a.png|", ":2", "a.png:0", "a.png:-1", "a.png:1e9"])
def test_pictures_of_a_style_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"losses\.look_of is '"):
        parse_looks(text)


def test_layers_are_parsed() -> None:
    assert parse_look_layers("0-4") == ALL
    assert parse_look_layers("3, 1") == (1, 3)
    for text in ("", "5", "3-1", "-1", "a", "0 x", "1-", "٣"):
        with pytest.raises(ConfigError, match=r"losses\.look_layers is '"):
            parse_look_layers(text)


def test_depths_count_neither_by_scale_nor_by_shift() -> None:
    start, shown = noise(seed=1), noise(seed=2)
    asked: list[tuple[int, ...]] = []

    def estimate(image: Tensor) -> Tensor:
        asked.append(tuple(image.shape[-2:]))
        return lightness(image)

    loss = depth_loss(estimate, start)
    for _ in range(2):
        assert float(loss(look(start * 0.5 + 0.1))) == pytest.approx(0, abs=1e-4)
    assert len(asked) == 3  # the start once
    inside_out = float(loss(look(1 - start)))
    assert 1.9 < inside_out <= 2 and float(loss(look(shown))) > 0.5
    by_map = depth_loss(lightness, depths=lightness(start)[..., ::2, ::2] * 4 - 3)
    assert float(by_map(look(start))) < 0.1
    flat = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    depth_loss(lightness, start)(look(flat)).backward()
    assert flat.grad is not None and bool(flat.grad.isfinite().all())
