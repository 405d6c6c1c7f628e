"""The balance of perceptors, against the sums written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import vqclip
from tests.conftest import Home, Refusal
from tests.helpers import building, tiny_clip
from tests.helpers.killing import kill_run
from vqclip.cli import main
from vqclip.config.checking import setting_checks
from vqclip.drawers.latent import LatentDrawer
from vqclip.optimisation_loop import Objective, View
from vqclip.run.record import provenance
from vqclip.run.runner import Runner
from vqclip.run.steps import gradient_balance
from vqclip.run.steps.gradient_balance import balance_gradients

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def second(models: Home) -> Path:
    """Another CLIP than the one of the home."""
    return tiny_clip.write(models.path / "second", seed=1)


def run_of(home: Home, second: Path, weights: Sequence[str] = ("", ""), **more: object) -> Runner:
    optimiser = {"balance": True, "rate": 0.05} | dict(more.pop("optimiser", {}))  # type: ignore[call-overload]
    perceptors = [f"{home.clip}{weights[0]}", f"{second}{weights[1]}"]
    settings = {"perceptors": perceptors, "optimiser": optimiser, "seed": 1, "init": "fractal"}
    words = str(more.pop("prompts", "a fox"))
    return building.build(
        vqclip.load(words, **home.settings(**settings | {"drawer": "pixels"} | more))
    )


def scaled(run: Runner, name: str, factor: float) -> None:
    """Multiply a perceptor's losses."""

    def larger(loss: Callable[[View], Tensor]) -> Callable[[View], Tensor]:
        return lambda view: factor * loss(view)

    run.objectives = [
        Objective(each.name, each.weight, larger(each.loss)) if name in each.name else each
        for each in run.objectives
    ]


def gradient(run: Runner) -> Tensor:
    """The gradient of a run's parameters at its first step."""
    next(iter(run.play()))
    (parameter,) = run.drawer.parameters.values()
    assert parameter.grad is not None
    return parameter.grad.clone()


def test_a_loss_that_is_a_hundred_times_larger_has_the_same_influence(
    home: Home, second: Path
) -> None:
    plain, loud = (run_of(home, second) for _ in range(2))
    scaled(loud, "second", 100.0)
    first, other = gradient(plain), gradient(loud)
    # The lengths keep their sum, so the step is longer, and in the same direction.
    torch.testing.assert_close(other / other.norm(), first / first.norm(), rtol=1e-3, atol=1e-5)
    sums = [run_of(home, second, optimiser={"balance": False}) for _ in range(2)]
    scaled(sums[1], "second", 100.0)
    first, other = map(gradient, sums)
    assert float((first / first.norm() * other / other.norm()).sum()) < 0.99


def test_each_gradient_gets_the_length_of_its_weight() -> None:
    stream = torch.Generator().manual_seed(1)
    towards = {
        name: scale * torch.randn(1, 3, 4, 5, generator=stream)
        for name, scale in (("a", 1e-6), ("b", 1e-4), ("none", 0.0))
    }
    lengths = {name: float(each.square().sum().sqrt()) for name, each in towards.items()}
    whole = sum(lengths.values())
    wanted = sum(
        towards[name] / lengths[name] * whole * weight / 4.0
        for name, weight in (("a", 3.0), ("b", 1.0))
    )
    found = balance_gradients(towards, {"a": 3.0, "none": 7.0})
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-9)


def test_a_single_gradient_stays_as_it_is() -> None:
    one = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2)
    for towards in ({"a": one}, {"a": one, "b": torch.zeros_like(one)}):
        assert torch.equal(balance_gradients(towards, {"a": 0.3, "b": 2.0}), one)
    nothing = {"a": torch.zeros_like(one), "b": torch.zeros_like(one)}
    assert torch.equal(balance_gradients(nothing, {}), torch.zeros_like(one))


@pytest.mark.parametrize("drawer", ["vqgan", "pixels"])
def test_all_losses_and_regions_are_in_the_sum(
    home: Home, second: Path, drawer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lengths, the gradient is that of the plain sum."""

    def add(towards: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
        return torch.stack(list(towards.values())).sum(0)

    monkeypatch.setattr(gradient_balance, "balance_gradients", add)
    losses = {"smoothness": 1.0, "smoothness_on": "cutouts", "agree": 1.0, "distinct": 0.3}
    losses |= {"init": 1.0, "latent": 0.0 if drawer == "pixels" else 1.0}
    found = [
        gradient(
            run_of(
                *(home, second),
                drawer=drawer,
                prompts="a fox | a boat in(left)",
                losses=losses,
                optimiser={"balance": balance},
            )
        )
        for balance in (True, False)
    ]
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-7)


def test_a_weight_still_counts(home: Home, second: Path) -> None:
    alone, found = [], []
    for weights in (("", ":0"), (":0", ""), ("", ""), (":3", ":1")):
        each = gradient(run_of(home, second, weights, losses={"smoothness": 0}))
        (alone if "0" in "".join(weights) else found).append(each / each.norm())
    first, other = (abs(float((each * alone[0]).sum())) for each in found)
    assert other > first + 0.05


def test_the_decoder_and_each_tower_are_passed_backwards_once(
    home: Home, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(home, second, drawer="vqgan")
    passed: list[str] = []

    def counted(name: str, tensor: Tensor) -> Tensor:
        tensor.register_hook(lambda gradient: passed.append(name))
        return tensor

    assert isinstance(run.drawer, LatentDrawer)
    vqgan, quantise = run.drawer.vqgan, run.drawer.vqgan.quantise
    monkeypatch.setattr(vqgan, "quantise", lambda given: counted("decoder", quantise(given)))
    for each in run.perceptors:
        see = each.model.encode_image
        monkeypatch.setattr(
            each.model,
            "encode_image",
            lambda pixels, see=see, name=each.name: counted(name, see(pixels)),
        )
    next(iter(run.play()))
    assert sorted(passed) == sorted(["decoder", *(each.name for each in run.perceptors)])


def test_one_perceptor_is_not_balanced(home: Home) -> None:
    for out, balance in (("a", "true"), ("b", "false")):
        words = home.words("seed=1", f"optimiser.balance={balance}", "--out", out)
        assert main.main(["a fox", *words]) == 0
    states = [load_file(Path(out, "0001-a-fox/checkpoint.safetensors")) for out in "ab"]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(each, states[1][name]) for name, each in states[0].items())


def test_a_balance_that_is_switched_on_in_mid_run_is_made_again(
    home: Home, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = home.words("seed=1", "steps=4", "checkpoint.every=2", "init=fractal")
    words.append(f"perceptors={home.clip},{second}")
    place, again = Path("outputs/0001-a-fox"), Path("outputs/0002-a-fox")
    kill_run(monkeypatch, 2, "a fox", *words)
    assert main.main(["resume", str(place), "optimiser.balance=true", "--quiet"]) == 0
    (change,) = provenance.read_provenance(place).changes
    assert change == {"step": 2, "settings": {"optimiser.balance": False}}
    assert main.main(["again", str(place), "--quiet"]) == 0
    assert (again / "final.png").read_bytes() == (place / "final.png").read_bytes()
    assert main.main(["a fox", *words, "--quiet"]) == 0
    plain = Path("outputs/0003-a-fox/final.png")
    assert plain.read_bytes() != (place / "final.png").read_bytes()


def test_momentum_cannot_change_in_mid_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    words = home.words("seed=1", "steps=4", "checkpoint.every=2", "init=fractal")
    kill_run(monkeypatch, 2, "a fox", *words, "optimiser.momentum=0.5")
    assert main.main(["resume", "outputs/0001-a-fox", "optimiser.momentum=0.6"]) == 2
    assert "optimiser.momentum cannot change in the middle of a run" in capsys.readouterr().err
    assert main.main(["resume", "outputs/0001-a-fox", "--quiet"]) == 0
    notes = provenance.read_provenance(Path("outputs/0001-a-fox"))
    assert notes.settings["optimiser"]["momentum"] == 0.5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["optimiser.name=adagrad", "optimiser.momentum=0.5"], "but adagrad has none (adam, "),
        (["optimiser.momentum=1"], "optimiser.momentum is 1"),
        (["optimiser.name=adamp"], "install 'vqclip[optimisers]'; or use another one"),
        (["optimiser.name=diffgard"], "did you mean 'diffgrad'?"),
    ],
)
def test_optimisers_that_cannot_be_are_refused(
    home: Home,
    refused: Refusal,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.setattr(setting_checks, "find_spec", lambda name: None)
    assert sentence in refused("a fox", *home.words(*words))


def test_a_step_that_failed_leaves_nothing_behind(home: Home, second: Path) -> None:
    run = run_of(home, second)
    assert run.balance is not None
    steps = run.play()
    next(steps)
    assert run.balance._seen == {}
    run.balance._seen["x"] = [(torch.ones(1), torch.ones(1))]
    run.balance.clear()
    assert run.balance._seen == {}
    assert len(list(steps)) == 2
