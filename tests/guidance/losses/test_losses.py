"""Losses of borders, slopes, likeness and embeddings, against formulas written again in numpy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vqclip.config.loss_settings import LossSettings, parse_margins
from vqclip.errors import ConfigError, ModelError
from vqclip.guidance.losses import (
    aesthetic_heads,
    borders,
    embedding_losses,
    likeness,
    smoothness,
)
from vqclip.guidance.losses.registry import LossInputs, make_loss
from vqclip.optimisation_loop import Loss, Objective, View
from vqclip.repeats import REPEATS

Array = np.ndarray


def noise(height: int = 6, width: int = 5, seed: int = 0, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, height, width, generator=generator, dtype=torch.float64)


def rows(count: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(count, width, generator=generator, dtype=torch.float64)
    return nn.functional.normalize(found, dim=1)


def look(image: Tensor, embeddings: dict[str, Tensor] | None = None, step: int = 0) -> View:
    return View(image, {}, embeddings or {}, step)


def by_hand_slopes(x: Array, floor: float) -> Array:
    down, across = np.gradient(x, axis=(1, 2))
    return np.sqrt((down**2 + across**2).sum(0) + floor**2)


def by_hand_margins(x: Array, margins: tuple[int, int, int, int], target: Array) -> float:
    left, right, top, bottom = margins
    squares = (x - target) ** 2
    _, height, width = x.shape
    inner = squares[:, :, left : width - right]
    sides = [squares[:, :, :left], squares[:, :, width - right :]]
    sides += [inner[:, :top], inner[:, height - bottom :]]
    return sum(float(side.mean()) for side in sides if side.size) / 4


def by_hand_vignette(x: Array, width: float) -> float:
    _, height, wide = x.shape
    total = 0.0
    for i in range(height):
        for j in range(wide):
            square = (i - (height - 1) / 2) ** 2 + (j - (wide - 1) / 2) ** 2
            total += np.abs(x[:, i, j] - 1).sum() * (1 - math.exp(-square / (2 * width**2)))
    return float(total / x.size)


def by_hand_contours(x: Array, y: Array) -> float:
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8

    def gradients(picture: Array) -> Array:
        grey = np.tensordot([0.299, 0.587, 0.114], picture, 1)
        padded = np.pad(grey, 1, mode="edge")
        views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        return np.stack([(views * each).sum((2, 3)) for each in (kernel, kernel.T)])

    return float(np.mean((gradients(x) - gradients(y)) ** 2))


OTHER = noise(seed=3)
MARGINS = (0.2, 0.4, 0.17, 0.0)  # of 5 columns and 6 rows: 1, 2, 1 and 0 pixels
CASES: dict[str, tuple[Loss, Callable[[Array], float]]] = {
    "slopes": (
        smoothness.smoothness_loss("slopes"),
        lambda x: float(by_hand_slopes(x, 0.08).mean()),
    ),
    "clipped": (
        smoothness.smoothness_loss("clipped"),
        lambda x: float(np.minimum(by_hand_slopes(x, 0.08), 0.5).mean()),
    ),
    "log": (
        smoothness.smoothness_loss("log"),
        lambda x: float(np.log(1 + by_hand_slopes(x, 0.08)).mean()),
    ),
    "margins": (
        borders.margin_loss(MARGINS, "black"),
        lambda x: by_hand_margins(x, (1, 2, 1, 0), np.zeros((3, 1, 1))),
    ),
    "picture": (
        borders.margin_loss(MARGINS, picture=OTHER),
        lambda x: by_hand_margins(x, (1, 2, 1, 0), OTHER[0].numpy()),
    ),
    "mask": (
        borders.masked_edge_loss((noise(seed=1)[:, :1] > 0.5).double(), "black"),
        lambda x: float(np.mean(x**2 * (noise(seed=1)[0, :1].numpy() <= 0.5))),
    ),
    "ground": (borders.ground_loss("white"), lambda x: float(np.mean((x - 1) ** 2))),
    "vignette": (borders.vignette_loss("white", 0.3), lambda x: by_hand_vignette(x, 1.8)),
    "contours": (
        likeness.contour_loss(OTHER),
        lambda x: by_hand_contours(x, OTHER[0].numpy()),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_losses_equal_their_formulas(name: str) -> None:
    loss, by_hand = CASES[name]
    image = noise()
    assert float(loss(look(image))) == pytest.approx(by_hand(image[0].numpy()), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_losses_have_the_gradient_of_finite_differences(name: str) -> None:
    loss, image = CASES[name][0], noise().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(look(x)), (image,))


@pytest.mark.parametrize("name", CASES)
def test_forty_steps_lower_a_loss(name: str) -> None:
    loss, image = CASES[name][0], noise().requires_grad_()
    optimiser, first = torch.optim.Adam([image], lr=0.02), float(loss(look(image.detach())))
    for _ in range(40):
        optimiser.zero_grad()
        loss(look(image)).backward()
        optimiser.step()
    assert float(loss(look(image.detach()))) < 0.8 * first


@pytest.mark.parametrize("kind", ["slopes", "clipped", "log"])
def test_a_flat_picture_gives_no_nan(kind: str) -> None:
    for on in smoothness_places():
        image = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
        view = View(image, {None: SimpleNamespace(pixels=image)}, {}, 0)  # type: ignore[dict-item]
        smoothness.smoothness_loss(kind, on)(view).backward()
        assert image.grad is not None and torch.isfinite(image.grad).all()


def smoothness_places() -> tuple[str, str]:
    return "picture", "cutouts"


def test_smoothness_of_cutouts_is_that_of_all_of_a_size_stacked() -> None:
    small, large = noise(4, 4, 1, count=3), noise(7, 7, 2, count=2)
    cuts: Any = {n: SimpleNamespace(pixels=each) for n, each in enumerate((small, large, large))}
    view = View(noise(), cuts, {}, 0)
    tall = [np.concatenate(list(each.numpy()), 1) for each in (small, large)]
    wanted = sum(float(by_hand_slopes(each, 0).mean()) for each in tall)
    found = smoothness.smoothness_loss("slopes", "cutouts")(view)
    assert float(found) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("tile", ["both", "horizontal", "vertical"])
def test_slopes_of_a_picture_that_tiles_do_not_know_where_it_begins(tile: str) -> None:
    repeat, image = REPEATS[tile], noise(8, 8)
    by = (0 if tile == "horizontal" else 3, 0 if tile == "vertical" else 3)
    slopes = [
        smoothness.measure_slopes(each, repeat).mean() for each in (image, image.roll(by, (2, 3)))
    ]
    assert float(slopes[0]) == pytest.approx(float(slopes[1]), rel=1e-12)


def test_margins_of_four_equal_sides_are_nearly_the_usual_border() -> None:
    view = look(noise(100, 100))
    usual, own = borders.edge_loss()(view), borders.margin_loss(borders.USUAL)(view)
    assert float(own) == pytest.approx(float(usual), rel=0.05)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", (0.05, 0.05, 0.05, 0.05)),
        ("10 20 0 5", (0.1, 0.2, 0.0, 0.05)),
        ("10%, 20%, 0%, 5%", (0.1, 0.2, 0.0, 0.05)),
    ],
)
def test_margins_are_read(text: str, found: tuple[float, ...]) -> None:
    assert parse_margins(text) == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "5 5", "a", "60", "-1", "0", "0 0 0 0", "nan", "1 2 3 4 5"])
def test_margins_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"losses\.edge_margins is '"):
        parse_margins(text)


def by_hand_angle(a: Array, b: Array) -> float:
    cosine = a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b)
    return float(0.5 * np.arccos(cosine) ** 2)


@pytest.mark.parametrize(
    ("kind", "by_hand"),
    [
        ("angle", by_hand_angle),
        ("squares", lambda a, b: float(np.mean((a - b) ** 2) / 2)),
        (
            "cosine",
            lambda a, b: float(1 - a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b)),
        ),
    ],
)
def test_latents_are_held_near_the_start(
    kind: str, by_hand: Callable[[Array, Array], float]
) -> None:
    latent, start = noise(seed=5), noise(seed=6)
    asked: list[tuple[int, int]] = []

    def encode(height: int, width: int) -> Tensor:
        asked.append((height, width))
        return start

    own = {"latent": latent}
    loss = likeness.latent_loss(lambda: own, encode, kind)
    for _ in range(2):
        assert float(loss(look(noise()))) == pytest.approx(
            by_hand(latent.numpy(), start.numpy()), rel=1e-6
        )
    assert asked == [(6, 5)]  # once a size
    own = {"pyramid": latent}
    assert float(loss(look(noise()))) == 0


def by_hand_likeness(a: Array, b: Array) -> float:
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(a @ b - 0.25 * 0.5 * np.arccos(a @ b) ** 2)


def test_agreement_compares_two_halves_of_the_cutouts() -> None:
    seen = {"one": rows(6, 8), "two": rows(4, 5, 1), "lonely": rows(1, 5, 2)}
    found = float(embedding_losses.agreement_loss()(look(noise(), seen)))
    wanted = [
        by_hand_likeness(each[:half].mean(0).numpy(), each[half:].mean(0).numpy())
        for each, half in ((seen["one"], 3), (seen["two"], 2))
    ]
    assert found == pytest.approx(-np.mean(wanted), rel=1e-6)
    assert float(embedding_losses.agreement_loss()(look(noise(), {"a": rows(1, 5)}))) == 0


def test_change_compares_a_step_with_the_one_before() -> None:
    loss = embedding_losses.ChangeLoss()
    seen = [{"one": rows(4, 8, seed)} for seed in range(3)]
    assert float(loss(look(noise(), seen[0], 0))) == 0
    wanted = by_hand_likeness(*(each["one"].mean(0).numpy() for each in seen[:2]))
    for _ in range(2):  # a step that is taken again
        assert float(loss(look(noise(), seen[1], 1))) == pytest.approx(wanted, rel=1e-6)
    other = embedding_losses.ChangeLoss()
    kept = embedding_losses.pack_memories([Objective("change", lambda step: 1.0, loss)])
    assert kept.keys() == {"change.one"}
    embedding_losses.restore_memories(
        [Objective("change", lambda step: 1.0, other)], kept | {"latent": noise()}
    )
    last = look(noise(), seen[2], 2)
    assert float(other(last)) == float(loss(last)) != 0


def head_file(path: Path, *sizes: int, seed: int = 0) -> Path:
    """An aesthetic predictor as LAION's are laid out: V1 of two sizes, V2 of six."""
    torch.manual_seed(seed)
    if len(sizes) == 2:
        torch.save(nn.Linear(*sizes).state_dict(), path)
        return path
    layers: list[nn.Module] = []
    for number, pair in enumerate(itertools.pairwise(sizes)):
        layers += [nn.Linear(*pair)] + [nn.Dropout(0.2)] * (number < 3)
    whole = nn.Sequential(*layers).state_dict()
    torch.save({f"layers.{name}": each for name, each in whole.items()}, path)
    return path


V2 = (12, 9, 8, 7, 5, 1)


@pytest.mark.parametrize("sizes", [(12, 1), V2])
def test_heads_rate_as_torch_computes_them(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = head_file(tmp_path / "head.pth", *sizes)
    head, seen = aesthetic_heads.read_aesthetic_head(path), rows(3, 12)
    state, wanted = torch.load(path), seen.float()
    for name in dict.fromkeys(key.rpartition(".")[0] for key in state):
        dot = f"{name}." if name else ""
        wanted = wanted @ state[f"{dot}weight"].T + state[f"{dot}bias"]
    assert head.width == 12 and len(head.layers) == 1
    assert torch.allclose(head.rate(seen.float()), wanted[:, 0], atol=1e-5)
    loss = embedding_losses.aesthetic_loss(head, "one", 7.0)
    found = loss(look(noise(), {"one": seen.float()}))
    assert float(found) == pytest.approx(float((wanted - 7).square().mean()), rel=1e-5)


def test_a_head_with_relus_keeps_its_layers(tmp_path: Path) -> None:
    path = head_file(tmp_path / "ava+logos-l14-reluMSE.pth", *V2)
    head, seen, state = aesthetic_heads.read_aesthetic_head(path), rows(3, 12), torch.load(path)
    wanted = seen.float()
    for name in aesthetic_heads.V2_LAYERS:
        wanted = wanted @ state[f"{name}.weight"].T + state[f"{name}.bias"]
        wanted = wanted if name == "layers.7" else wanted.relu()
    assert torch.allclose(head.rate(seen.float()), wanted[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.ones(1, 4)},
        {"weight": torch.ones(2, 4), "bias": torch.ones(2)},
        {"weight": torch.ones(4), "bias": torch.ones(1)},
        {"layers.0.weight": torch.ones(1, 4), "layers.0.bias": torch.ones(1)},
        {"other": torch.ones(3)},
    ],
)
def test_other_files_are_no_heads(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="is no aesthetic predictor"):
        aesthetic_heads.read_aesthetic_head(tmp_path / "x.pth")


def test_a_head_wants_a_perceptor_of_its_width(tmp_path: Path) -> None:
    head = aesthetic_heads.read_aesthetic_head(head_file(tmp_path / "head.pth", 512, 1))
    perceptors: Any = [
        SimpleNamespace(name=name, embedding_length=width)
        for name, width in (("A", 512), ("B", 512), ("C", 640))
    ]
    assert aesthetic_heads.find_rated_perceptor(head, perceptors, "head.pth").name == "B"
    with pytest.raises(ConfigError, match=r"of 512 numbers.*others: C \(640\).*ViT-B-32::openai"):
        aesthetic_heads.find_rated_perceptor(head, perceptors[2:], "head.pth")
    own: Any = [SimpleNamespace(name="starter", embedding_length=512)]
    with pytest.raises(ConfigError, match="no head has been trained for starter"):
        aesthetic_heads.find_rated_perceptor(head, own, "head.pth")


def test_a_head_of_the_catalogue_rates_the_perceptor_that_it_was_made_for(tmp_path: Path) -> None:
    head = aesthetic_heads.read_aesthetic_head(head_file(tmp_path / "head.pth", 512, 1))
    names = ("ViT-B-32::openai", "ViT-B-16::openai", "my/folder")
    perceptors: Any = [SimpleNamespace(name=name, embedding_length=512) for name in names]
    for name, rated in (("b-32", names[0]), ("b-16", names[1])):
        found = aesthetic_heads.find_rated_perceptor(head, perceptors, f"aesthetic-vit-{name}")
        assert found.name == rated
    last = aesthetic_heads.find_rated_perceptor(head, perceptors[1:], "aesthetic-vit-b-32")
    assert last.name == "my/folder"  # which may hold any model
    with pytest.raises(ConfigError, match="rates embeddings of 512 numbers"):
        aesthetic_heads.find_rated_perceptor(head, perceptors[1:2], "aesthetic-vit-b-32")


def test_the_registry_takes_losses_of_drawers_and_refuses_what_lacks_its_input() -> None:
    assert make_loss("distinct", LossInputs(LossSettings())) is None
    mine = {"opacity": lambda view: view.image.sum()}
    assert make_loss("opacity", LossInputs(LossSettings(), drawn=mine)) is mine["opacity"]
    for name in ("init", "contours", "latent", "look", "depth", "aesthetic"):
        with pytest.raises(ValueError, match="needs"):
            make_loss(name, LossInputs(LossSettings()))
