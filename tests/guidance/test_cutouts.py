"""Cutouts against torch's own resizing and flipping, and kornia's own warps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import kornia.augmentation as augment
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vqclip.errors import ConfigError
from vqclip.guidance.cutout_recipes import RECIPES, CutoutRecipe
from vqclip.guidance.cutouts import Cutter

PLAIN = CutoutRecipe(
    overview=1.0,
    fit="squash",
    pooling="bilinear",
    affine=0.0,
    tilt=0.0,
    jitter=0.0,
    noise=0.0,
)


def picture(height: int = 48, width: int = 64, seed: int = 0) -> Tensor:
    """A picture of soft blobs in [0, 1]."""
    stream = torch.Generator().manual_seed(seed)
    rough = torch.rand(1, 3, height // 8, width // 8, generator=stream)
    return F.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)


def sides(cutter: Cutter, draws: int, image: Tensor) -> Tensor:
    """The widths of the cuts, as fractions of the picture's width."""
    widths = [cutter(image).transform.homographies[:, 0, 0] for _ in range(draws)]
    return torch.cat(widths)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("height", "width", "count"), [(48, 64, 4), (16, 24, 1), (130, 50, 3)])
def test_every_recipe_cuts_every_shape(name: str, height: int, width: int, count: int) -> None:
    image = picture(height, width)
    cut = Cutter(32, count=count, recipe=RECIPES[name])(image)
    assert cut.pixels.shape == (count, 3, 32, 32)
    again = cut.cut_again(image)
    assert again.isfinite().all()
    assert float(again.min()) >= 0 and float(again.max()) <= 1 + 1e-5


@pytest.mark.parametrize("name", RECIPES)
def test_again_repeats_everything_but_the_noise(name: str) -> None:
    image = picture()
    cutter = Cutter(16, count=8, recipe=replace(RECIPES[name], noise=0.0), seed=3)
    cut = cutter(image)
    assert torch.equal(cut.cut_again(image), cut.pixels)
    cutter(image)  # later draws do not change an earlier cut
    assert torch.equal(cut.cut_again(image), cut.pixels)
    noisy = Cutter(16, count=8, recipe=replace(RECIPES[name], noise=0.2), seed=3)(image)
    assert torch.equal(noisy.cut_again(image), cut.pixels)
    difference = (noisy.pixels - cut.pixels).std(dim=(1, 2, 3))
    assert float(difference.min()) > 0 and float(difference.max()) < 0.22


def test_again_on_another_size_sees_the_same_places() -> None:
    cut = Cutter(16, count=16, recipe=replace(CutoutRecipe(), noise=0.0, jitter=0.0))(
        picture(64, 64)
    )
    large = F.interpolate(picture(64, 64), scale_factor=4, mode="bilinear")
    assert float((cut.cut_again(large) - cut.pixels).abs().mean()) < 0.02


def test_equal_seeds_and_states_give_equal_cuts() -> None:
    image = picture()
    first, second = (Cutter(16, count=4, recipe=RECIPES["pytti"], seed=7) for _ in range(2))
    assert torch.equal(first(image).pixels, second(image).pixels)
    state = first.state()
    expected = first(image).pixels
    assert not torch.equal(expected, first(image).pixels)
    other = Cutter(16, count=4, recipe=RECIPES["pytti"], seed=8)
    other.restore(state)
    assert torch.equal(other(image).pixels, expected)


def test_the_global_stream_is_neither_read_nor_moved() -> None:
    image, recipe = picture(), RECIPES["vqgan-clip"]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Cutter(16, count=4, recipe=recipe)(image).pixels
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, Cutter(16, count=4, recipe=recipe)(image).pixels)


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("pooling", ["bilinear", "average"])
def test_the_whole_picture_is_torchs_own_resize(factor: int, pooling: Any) -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    cutter = Cutter(64 // factor, count=2, recipe=replace(PLAIN, pooling=pooling))
    expected = F.adaptive_avg_pool2d(image, 64 // factor)
    if factor == 1 and pooling == "average":  # each pixel is the mean of 2x2 samples around it
        expected = F.avg_pool2d(F.interpolate(image, scale_factor=2, mode="bilinear"), 2)
    ours = cutter(image).pixels
    torch.testing.assert_close(ours, expected.expand_as(ours), atol=1e-5, rtol=0)


def test_enlarging_is_torchs_own_resize() -> None:
    image = picture(24, 40)
    ours = Cutter(64, count=1, recipe=PLAIN)(image).pixels
    expected = F.interpolate(image, (64, 64), mode="bilinear")
    torch.testing.assert_close(
        ours[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-5, rtol=0
    )


def test_average_and_maximum_are_half_and_half() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ours = Cutter(16, count=1, recipe=replace(PLAIN, pooling="average+max"))(image).pixels
    expected = (F.adaptive_avg_pool2d(image, 16) + F.adaptive_max_pool2d(image, 16)) / 2
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_a_flip_is_torchs_own() -> None:
    image = picture(32, 32)
    ours = Cutter(32, count=3, recipe=replace(PLAIN, flip=1.0))(image).pixels
    torch.testing.assert_close(ours, image.flip(-1).expand_as(ours), atol=1e-5, rtol=0)
    half = Cutter(32, count=64, recipe=replace(PLAIN, flip=0.5))(image).pixels
    flipped = ((half - image.flip(-1)).abs().mean(dim=(1, 2, 3)) < 1e-4).sum()
    assert 16 < int(flipped) < 48


@pytest.mark.parametrize(
    ("recipe", "theirs"),
    [
        (
            replace(PLAIN, degrees=30.0, translate=0.1, shear=8.0, affine=1.0),
            lambda: augment.RandomAffine(30.0, translate=(0.1, 0.1), shear=(-8.0, 8.0), p=1.0),
        ),
        (
            replace(PLAIN, perspective=0.5, tilt=1.0),
            lambda: augment.RandomPerspective(0.5, p=1.0),
        ),
    ],
)
def test_warps_are_kornias_own(recipe: CutoutRecipe, theirs: Any) -> None:
    image = picture(64, 64)
    cutter = Cutter(64, count=4, recipe=replace(recipe, edges="black"), seed=5)
    twin = Cutter(64, count=4, recipe=replace(recipe, edges="black"), seed=5)
    cutter_pixels = cutter(image).pixels
    twin._boxes(4, 64, 64)  # the numbers that come before kornia's
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(twin.state())
        expected = theirs()(image.expand(4, -1, -1, -1))
    assert float((cutter_pixels - image).abs().mean()) > 0.02  # something moved
    # Kornia counts from pixel corners to the last pixel in places, hence a fraction of a pixel.
    assert float((cutter_pixels - expected).abs().mean()) < 0.01


def test_power_law_of_the_sides() -> None:
    recipe = replace(PLAIN, overview=0.0, least=0.25, most=0.75, power=2.0)
    drawn = sides(Cutter(8, count=256, recipe=recipe), 16, picture(32, 32)).sort().values
    assert float(drawn[0]) >= 0.25 and float(drawn[-1]) <= 0.75
    quantile = (torch.arange(len(drawn)) + 0.5) / len(drawn)
    expected = 0.25 + quantile**2 * 0.5
    assert float((drawn - expected).abs().max()) < 0.03


def test_area_and_normal_laws_stay_within_their_limits() -> None:
    area = replace(PLAIN, overview=0.0, law="area", least=0.25, most=0.81)
    drawn = sides(Cutter(8, count=256, recipe=area), 4, picture(32, 32))
    assert 0.5 <= float(drawn.min()) < 0.52 and 0.88 < float(drawn.max()) <= 0.9 + 1e-6
    assert float(drawn.square().mean()) == pytest.approx(0.53, abs=0.02)
    normal = replace(PLAIN, overview=0.0, law="normal", least=None, power=2.0)
    drawn = sides(Cutter(16, count=256, recipe=normal), 4, picture(32, 32))
    assert float(drawn.min()) == pytest.approx(0.25)  # half the side, squared
    assert float(drawn.max()) == pytest.approx(1.0)


def corners(cutter: Cutter, image: Tensor) -> Tensor:
    """Where the corners of the cuts lie, [N, 2 corners, x and y], from -1 to 1 in the picture."""
    ends = torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]])
    return (cutter(image).transform.homographies @ ends)[:, :2].transpose(1, 2)


def test_cuts_poke_out_only_if_they_may() -> None:
    image = picture(48, 64)
    held = replace(PLAIN, overview=0.0, least=0.4, most=0.6)
    assert float(corners(Cutter(8, count=128, recipe=held), image).abs().max()) <= 1 + 1e-5
    out = replace(held, border=0.5)
    assert float(corners(Cutter(8, count=128, recipe=out), image).abs().max()) > 1.2
    clamped = corners(Cutter(8, count=128, recipe=replace(out, edges="clamp")), image)
    assert float(clamped.abs().max()) <= 1 + 1e-5
    assert float((clamped.abs() > 1 - 1e-5).float().mean()) > 0.2  # pushed back to the edge


def test_a_share_of_the_cuts_sees_the_whole_picture() -> None:
    reach = corners(Cutter(16, count=16), picture(48, 64))
    assert len(reach) == 16
    still = replace(CutoutRecipe(), affine=0.0, tilt=0.0)
    ends = corners(Cutter(16, count=16, recipe=still), picture(48, 64))
    whole = (ends[:, 0, 0] <= -1 + 1e-5) & (ends[:, 1, 0] >= 1 - 1e-5)
    assert whole.tolist() == [True] * 8 + [False] * 8


@pytest.mark.parametrize(
    ("edges", "above"), [("black", 0.0), ("smear", 0.2), ("mirror", 0.5), ("wrap", 0.8)]
)
def test_what_lies_outside_a_padded_picture(edges: Any, above: float) -> None:
    image = torch.full((1, 3, 32, 64), 0.5)
    image[..., 0, :], image[..., -1, :] = 0.2, 0.2
    image[..., 20:26, :] = 0.8
    cutter = Cutter(64, count=1, recipe=replace(PLAIN, fit="pad", edges=edges))
    # The picture stands in rows 16 to 47; row 6 is ten above it.
    row = cutter(image).pixels[0, 0, 6, 32]
    assert float(row) == pytest.approx(above, abs=0.01)


def test_filling_keeps_the_middle() -> None:
    image = picture(32, 64)
    ours = Cutter(32, count=1, recipe=replace(PLAIN, fit="fill"))(image).pixels
    torch.testing.assert_close(ours, image[..., 16:48], atol=1e-5, rtol=0)


def test_grey_and_erased_cuts() -> None:
    grey = Cutter(16, count=4, recipe=replace(PLAIN, grey=1.0))(picture()).pixels
    torch.testing.assert_close(grey[:, 0], grey[:, 2], atol=1e-5, rtol=0)
    erased = Cutter(16, count=8, recipe=replace(PLAIN, erase=1.0))(picture() * 0.5 + 0.5).pixels
    gone = (erased == 0).float().mean(dim=(1, 2, 3))
    assert float(gone.min()) > 0.05 and float(gone.max()) < 0.5


def test_erasing_is_the_same_in_all_cuts_if_it_is_to_be() -> None:
    white = torch.ones(1, 3, 32, 32)
    for alike in (True, False):
        recipe = replace(PLAIN, erase=0.5, erase_alike=alike)
        cutter = Cutter(16, count=4, recipe=recipe)
        gone = [cutter(white).pixels == 0 for _ in range(16)]
        same = [bool((each == each[:1]).all()) for each in gone]
        assert all(same) if alike else not all(same)
        assert any(bool(each.any()) for each in gone)
    assert [name for name, recipe in RECIPES.items() if recipe.erase_alike] == ["vqgan-clip"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_gradient_reaches_the_whole_picture(name: str) -> None:
    image = picture(72, 96).requires_grad_()
    cutter = Cutter(24, count=16, recipe=RECIPES[name])
    for _ in range(4):
        cutter(image).pixels.mul(1.5).square().sum().backward()
    assert image.grad is not None
    assert float((image.grad.abs().sum(1) > 0).float().mean()) > 0.97


def test_cutters_are_told_apart_by_identity() -> None:
    first, second = Cutter(8), Cutter(8)
    assert first != second and len({first, second}) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": -0.1}, "cutouts: noise is -0.1; it cannot be negative"),
        ({"flip": 1.5}, "cutouts: flip is 1.5; a share or probability is between 0 and 1"),
        ({"edges": "round"}, "cutouts: edges is 'round'; it is one of clamp, mirror, wrap"),
        ({"hue": 0.7}, "cutouts: hue is 0.7; it is at most 0.5"),
        ({"ratio": (2.0, 1.0)}, r"cutouts: ratio is \(2.0, 1.0\); write the least"),
        ({"most": 0.2}, r"cutouts: most is 0.2; it is above 0 and not below least \(0.5\)"),
    ],
)
def test_impossible_recipes_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CutoutRecipe(**settings)


@pytest.mark.parametrize("name", ["size", "count", "seed"])
def test_impossible_cutters_are_refused(name: str) -> None:
    arguments: dict[str, Any] = {"size": 8, name: -1}
    with pytest.raises(ConfigError, match=rf"cutouts: {name} is -1; it must be \d or more"):
        Cutter(**arguments)
    with pytest.raises(ValueError, match=r"a picture is \[1, 3, H, W\], not \[3, 8, 8\]"):
        Cutter(8)(torch.zeros(3, 8, 8))


def test_count_and_noise_may_be_others_at_each_step() -> None:
    image, still = picture(32, 32), replace(RECIPES["vqclip"], noise=0.0)
    cutter = Cutter(
        16,
        count=6,
        recipe=still,
        seed=3,
        counts=lambda step: 2 + step,
        noises=lambda step: step / 4,
    )
    quiet, loud = cutter(image, 0), cutter(image, 4)
    assert (len(quiet.pixels), len(loud.pixels)) == (2, 6)
    assert torch.equal(quiet.pixels, quiet.cut_again(image))
    assert float((loud.pixels - loud.cut_again(image)).std()) > 0.1


def test_a_count_that_stays_the_same_changes_nothing() -> None:
    image = picture(32, 32)
    plain, changing = (
        Cutter(16, count=4, seed=3, **more)
        for more in ({}, {"counts": lambda step: 4, "noises": lambda step: CutoutRecipe().noise})
    )
    for step in range(3):
        assert torch.equal(plain(image, step).pixels, changing(image, step).pixels)
