"""Every loss of the registry: its formula in numpy, forty steps that lower it, peers' weights.

The tables are walked by the registry's names, so that a loss without its rows fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from vqclip.config.loss_settings import LossSettings
from vqclip.guidance.losses.aesthetic_heads import AestheticHead
from vqclip.guidance.losses.loss_files import LossFiles
from vqclip.guidance.losses.registry import LOSSES, LossInputs, make_loss
from vqclip.guidance.losses.style import StylePicture
from vqclip.importers import run_file
from vqclip.importers.importing import PEERS, import_settings
from vqclip.importers.peers import pixray_losses
from vqclip.models.layers.early_layers import read_layers
from vqclip.models.zoo.catalogue import HEADS
from vqclip.optimisation_loop import View

Array = np.ndarray
ROWS, COLUMNS = 8, 12
WIDTH = 6  # of embeddings
NUMBERS = np.random.default_rng(7)
START, OTHER = (NUMBERS.random((3, ROWS, COLUMNS)) for _ in range(2))
PROJECTION = NUMBERS.standard_normal((3 * 4 * 6, WIDTH))  # of a quarter of the picture
HEAD = NUMBERS.standard_normal(WIDTH)
FILTERS = NUMBERS.standard_normal((5, 3))  # of the first layer of a network
GREY = np.array([0.299, 0.587, 0.114])
RED_AND_TEAL = np.array([[1, 0, 0], [0, 128 / 255, 128 / 255]])


class Tower(nn.Module):
    """A convolutional network of two layers, as timm's EfficientNets are laid out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.blocks = nn.Identity(), nn.ModuleList([nn.Identity(), nn.Identity()])

    def forward(self, pixels: Tensor) -> Tensor:
        """Read pixels, as numpy does below."""
        first = torch.einsum("cd,ndhw->nchw", torch.from_numpy(FILTERS), pixels).relu()
        return self.blocks[1](self.blocks[0](first).square())  # type: ignore[no-any-return]


def tower() -> Any:
    """A perceptor around that network."""
    visual = Tower()
    return SimpleNamespace(
        **{"name": "tower", "size": ROWS // 2, "mean": torch.zeros(1).double()},
        **{"dtype": torch.float64, "weights": Path("tower"), "cutter": None},
        model=SimpleNamespace(visual=visual),
        read_early_layers=lambda pixels, layers: read_layers(visual, pixels, layers),
    )


def to_tensor(picture: Array) -> Tensor:
    return torch.from_numpy(picture)[None].clone()


def look(image: Tensor, step: int = 1) -> View:
    """What losses see of a picture: its quarters as cutouts, and their embeddings."""
    pixels = torch.cat([half for rows in image.chunk(2, 2) for half in rows.chunk(2, 3)])
    rows = pixels.flatten(1) @ torch.from_numpy(PROJECTION)
    embeddings = {"one": nn.functional.normalize(rows, dim=1)}
    cuts: Any = {None: SimpleNamespace(pixels=pixels)}
    return View(image, cuts, embeddings, step)


def embed(x: Array) -> Array:
    """The same embeddings by numpy: [4, D]."""
    middle = x.shape[1] // 2, x.shape[2] // 2
    quarters = [
        x[:, rows, columns].ravel() @ PROJECTION
        for rows in (slice(middle[0]), slice(middle[0], None))
        for columns in (slice(middle[1]), slice(middle[1], None))
    ]
    return np.stack([each / np.linalg.norm(each) for each in quarters])


def stack(x: Array) -> Array:
    """The quarters on top of each other."""
    return np.concatenate([q for h in np.split(x, 2, 1) for q in np.split(h, 2, 2)], 1)


def slopes(x: Array) -> Array:
    down, across = np.gradient(x, axis=(1, 2))
    return np.sqrt((down**2 + across**2).sum(0))


def square_steps(x: Array) -> float:
    steps = [np.square(np.diff(x, axis=axis)).sum() for axis in (1, 2)]
    return float(sum(steps) / x.size)


def colourfulness(x: Array) -> float:
    rg, yb = x[0] - x[1], (x[0] + x[1]) / 2 - x[2]
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def distance_of_colours(x: Array) -> float:
    pixels = x.reshape(3, -1).T
    return float(np.linalg.norm(pixels[:, None] - RED_AND_TEAL, axis=2).min(1).mean())


def border(x: Array) -> float:
    squares = (x - 1) ** 2
    squares[:, 1:-1, 1:-1] = np.nan  # a twentieth of 8 or 12 pixels is less than one
    return float(np.nanmean(squares))


def sides(x: Array, left: int, right: int, top: int, bottom: int) -> float:
    """What pixray adds up: the mean square of each side from white, without corners twice."""
    squares = (x - 1) ** 2
    inner = squares[:, :, left : squares.shape[2] - right]
    parts = squares[:, :, :left], squares[:, :, squares.shape[2] - right :]
    parts += inner[:, :top], inner[:, inner.shape[1] - bottom :]
    return float(sum(part.mean() for part in parts))


def vignette(x: Array, deviation: float, colour: float = 1.0) -> float:
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in x.shape[1:])
    bell = np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * deviation**2))
    return float((np.abs(x - colour) * (1 - bell)).mean())


def contours(x: Array) -> float:
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8

    def gradients(picture: Array) -> Array:
        padded = np.pad(np.tensordot(GREY, picture, 1), 1, mode="edge")
        views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        return np.stack([(views * each).sum((2, 3)) for each in (kernel, kernel.T)])

    return float(np.mean((gradients(x) - gradients(START)) ** 2))


def angle(a: Array, b: Array) -> float:
    cosine = a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b)
    return float(0.5 * np.arccos(cosine) ** 2)


def likeness(a: Array, b: Array) -> float:
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(a @ b - 0.25 * angle(a, b))


def style(x: Array) -> float:
    def layers(picture: Array) -> list[Array]:
        pixels = picture.reshape(3, -1)
        first = np.maximum(FILTERS @ pixels, 0)
        return [pixels, first, first**2]

    gaps = []
    for mine, wanted in zip(layers(x), layers(OTHER), strict=True):
        spreads = [np.cov(each, bias=True) for each in (mine, wanted)]
        variances = spreads[1].diagonal()
        scale = 1 / np.sqrt(variances + variances.mean())
        means = ((mine.mean(1) - wanted.mean(1)) * scale) ** 2
        spreads = [each * np.outer(scale, scale) for each in spreads]
        off = np.linalg.norm(spreads[0] - spreads[1]) ** 2 / np.linalg.norm(spreads[1]) ** 2
        gaps.append(means.mean() + off)
    return float(np.mean(gaps))


def lightness(image: Tensor) -> Tensor:
    """A depth model for which what is light is near."""
    weights = torch.from_numpy(GREY).to(image)[None, :, None, None]
    return (3 * image * weights).sum(1, keepdim=True) - 7  # whose scale and shift are its own


def depths(x: Array) -> float:
    found = [np.tensordot(GREY, each, 1).ravel() for each in (x, START)]
    return float(1 - np.corrcoef(*found)[0, 1])


# Each loss by numpy, of the picture that is drawn.
FORMULAS: dict[str, Callable[[Array], float]] = {
    "smoothness": square_steps,
    "saturation": lambda x: -colourfulness(x),
    "symmetry": lambda x: float(np.mean((x - x[:, :, ::-1]) ** 2)),
    "palette": distance_of_colours,
    "edges": border,
    "ground": lambda x: float(np.mean((x - 1) ** 2)),
    "vignette": lambda x: vignette(x, 0.3 * ROWS),
    "init": lambda x: float(np.mean((x - START) ** 2)),
    "contours": contours,
    "latent": lambda x: angle(x, START),
    "look": style,
    "depth": depths,
    "agree": lambda x: -likeness(embed(x)[:2].mean(0), embed(x)[2:].mean(0)),
    "change": lambda x: likeness(embed(x).mean(0), embed(OTHER).mean(0)),
    "aesthetic": lambda x: float(np.mean((embed(x) @ HEAD + 8 - 10) ** 2)),
}


def make(name: str, settings: LossSettings, drawn: Tensor) -> Callable[[View], Tensor]:
    """A loss as a run makes it, of what is drawn; `change` has seen a step before."""
    head = AestheticHead(
        ((torch.from_numpy(HEAD)[None], torch.tensor([8.0], dtype=torch.float64)),)
    )
    style = StylePicture(Path("other.png"), to_tensor(OTHER))
    inputs = LossInputs(
        settings,
        start=to_tensor(START),
        files=LossFiles(head=head, styles=(style,)),
        perceptors=[tower()],
        rated="one",
        estimate_depth=lightness,
        parameters=lambda: {"latent": drawn},
        encode=lambda rows, columns: to_tensor(START),
    )
    loss = make_loss(name, inputs)
    assert loss is not None
    if name == "change":
        loss(look(to_tensor(OTHER), 0))
    return loss


def drawn(seed: int = 1) -> Tensor:
    picture = torch.rand(3, ROWS, COLUMNS, generator=torch.Generator().manual_seed(seed))
    return picture[None].double()


SETTINGS = LossSettings(colours="red, teal")


def test_the_tables_have_every_loss() -> None:
    assert [*FORMULAS] == [*LOSSES] == [*SCALES]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_equals_its_formula(name: str) -> None:
    image = drawn()
    found = make(name, SETTINGS, image)(look(image))
    assert found.shape == ()
    assert float(found) == pytest.approx(FORMULAS[name](image[0].numpy()), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_forty_steps_lower_a_loss(name: str) -> None:
    image = drawn().requires_grad_()
    loss, values = make(name, SETTINGS, image), []
    optimiser = torch.optim.Adam([image], lr=0.02)
    for _ in range(41):
        found = loss(look(image))
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        values.append(float(found.detach()))
    assert values[-1] < values[0] - 0.2 * abs(values[0])


@dataclass(frozen=True)
class Scale:
    """What a loss of a peer's becomes.

    Args:
        typed: the peer's settings: a command line, or the lines of a file.
        there: the peer's loss with its own weight, of a picture, by numpy.
        rows: how high the picture is in the run file; the loss measures a part of it.
    """

    typed: str
    there: Callable[[Array], float]
    rows: int = ROWS


PIXRAY = "pixray.py -p P --drawer pixel --quality normal --custom_loss "  # whose CLIPs see 224
PYTTI = (
    "scenes: A\nanimation_mode: off\nimage_model: Unlimited Palette\nsteps_per_scene: 9\n"
    "pixel_size: 1\nwidth: 64\nheight: 64\nViTB32: true\ninit_image: start.png\n"
)
# A loss that no tool's option becomes says why; look has a formula of its own.
SCALES: dict[str, Scale | str] = {
    "smoothness": Scale(
        f"{PIXRAY}smoothness:2 --smoothness_type clipped",
        lambda x: float(2 * np.minimum(slopes(stack(x)), 0.5).mean()),
    ),
    "saturation": Scale(f"{PIXRAY}saturation:0.5", lambda x: -0.5 / 10 * colourfulness(x)),
    "symmetry": Scale(
        f"{PIXRAY}symmetry:3 --symmetry_weight 2",
        lambda x: float(6 * np.mean((x - x[:, :, ::-1]) ** 2)),
    ),
    "palette": Scale(
        f'{PIXRAY}palette:3 --palette "[#ff0000, #008080]" --num_cuts 4',
        lambda x: 3 / 10 * 4 * distance_of_colours(x),
    ),
    "edges": Scale(
        f"{PIXRAY}edge:2 --edge_margins 25 17 13 26",
        lambda x: 2 * 0.1 * sides(x, 3, 2, 1, 2),
    ),
    "ground": Scale(
        f"{PIXRAY}edge:2 --edge_color_weight 0.5 --global_color_weight 0.2",
        lambda x: float(2 * 0.5 * 0.2 * np.mean((x - 1) ** 2)),
    ),
    "vignette": Scale(
        f"{PIXRAY}gaussian:1.5 --gaussian_std 30 30 --gaussian_color 0 0 0",
        lambda x: 1.5 * vignette(x, 30 * ROWS / 216, 0),
        rows=216,
    ),
    "init": Scale(
        f'{PYTTI}direct_init_weight: "0.5"\n', lambda x: float(0.5 * np.mean((x - START) ** 2))
    ),
    "contours": "pytti's edge stabilisation is of each frame",
    "latent": Scale(
        "pixray.py -p P --init_image start.png --init_weight 2", lambda x: 2 * angle(x, START)
    ),
    "look": "pixray's style is STROTSS by VGG",
    "depth": "pytti's depth stabilisation is of each frame",
    "agree": Scale(
        "clip_fft.py -t A -e 0.8",
        lambda x: -0.8 * likeness(embed(x)[:2].mean(0), embed(x)[2:].mean(0)),
    ),
    "change": Scale(
        "clip_fft.py -t A -x 0.7",
        lambda x: 0.7 * likeness(embed(x).mean(0), embed(OTHER).mean(0)),
    ),
    "aesthetic": Scale(
        f"{PIXRAY}aesthetic:2 --aesthetic_target 7",
        lambda x: float(2 * 0.02 * np.mean((embed(x) @ HEAD + 8 - 7) ** 2)),
    ),
}


def imported(typed: str, folder: Path) -> dict[str, Any]:
    """The losses of the run file that is made of a peer's settings."""
    if "\n" in typed:
        (folder / "settings.yaml").write_text(typed)
        typed = str(folder / "settings.yaml")
    found: dict[str, Any] = yaml.safe_load(import_settings(typed).text)["losses"]
    return found


@pytest.mark.parametrize("name", [each for each in SCALES if isinstance(SCALES[each], Scale)])
def test_an_imported_weight_means_what_it_meant_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_file, "_check", lambda text, draft: None)
    scale, image = SCALES[name], drawn()
    assert isinstance(scale, Scale)
    losses = imported(scale.typed, tmp_path)
    found = losses[name] * float(make(name, LossSettings(**losses), image)(look(image)))
    assert found == pytest.approx(scale.there(image[0].numpy()), rel=1e-3)


def test_a_loss_without_a_scale_is_no_peers() -> None:
    become = {each for peer in PEERS.values() for o in peer.options for each in o.settings}
    lacking = {name for name, scale in SCALES.items() if not isinstance(scale, Scale)}
    assert not become & {f"losses.{name}" for name in lacking}


def test_ratings_by_the_last_clip_that_has_a_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_file, "_check", lambda text, draft: None)
    words = f"{PIXRAY}aesthetic:2,style:3 --style_file waves.jpg --aesthetic_target 7"
    for clips, head in (("ViT-B/16,ViT-B/32,RN50", "b-32"), ("ViT-B/32,ViT-L/14", "l-14")):
        report = import_settings(f"{words} --clip_models {clips}")
        told = " ".join(entry.told for entry in report.report)
        assert f"first: vqclip models fetch aesthetic-vit-{head}" in told
        assert "style is vqclip's own loss, whose weights differ" in told
        losses = yaml.safe_load(report.text)["losses"]
        assert (losses["look"], losses["look_of"]) == (3.0, "waves.jpg")
        assert losses["aesthetic_head"] == f"aesthetic-vit-{head}"
    report = import_settings(f"{words} --clip_models RN50")
    told = " ".join(entry.told for entry in report.report)
    assert "add losses.aesthetic=0.04 losses.aesthetic_head=FILE" in told  # 0.02 of it, as there
    assert "aesthetic" not in yaml.safe_load(report.text)["losses"]
    assert all(HEADS[head].perceptor == clip for clip, head in pixray_losses.HEADS.items())
