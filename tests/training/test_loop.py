"""Pieces of a training, on a model of one number."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vqclip.errors import ConfigError, ModelError, OutputError
from vqclip.training import checkpoints, loop, settings


@dataclass(frozen=True)
class Settings:
    out: str
    rate: float = 0.1
    steps: int = 6
    until: int = 0
    minutes: float = 1.0
    device: str = "cpu"
    threads: int = 0
    seed: int = 3


def train(
    recipe: Settings, tell: settings.EventListener = settings.ignore_event
) -> tuple[loop.Run, nn.Linear]:
    """Learn from random numbers of both streams, with moments."""
    run = loop.prepare_run(recipe, tell)
    model = nn.Linear(3, 1)
    optimiser = torch.optim.AdamW([{"params": model.parameters(), "pace": recipe.rate * 2}])

    def advance(step: int) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = group["pace"]
        x = torch.randn(4, 3, generator=run.generator) + torch.randn(4, 3)
        loss: Tensor = model(x).pow(2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    loop.run_steps(recipe, run, {"model": model, "optimiser": optimiser}, advance)
    return run, model


@pytest.fixture
def recipe(tmp_path: Path) -> Settings:
    return Settings(str(tmp_path / "deep" / "out"))


def test_pieces_equal_one_run(recipe: Settings, tmp_path: Path) -> None:
    run, whole = train(replace(recipe, out=str(tmp_path / "whole")))
    assert (run.step, run.resumed, run.interrupted) == (6, False, False)
    for until in (1, 4, 4, 0):
        run, model = train(replace(recipe, until=until))
    assert run.resumed and run.step == 6
    assert torch.equal(model.weight, whole.weight) and torch.equal(model.bias, whole.bias)
    run, model = train(replace(recipe, minutes=0, steps=9))
    assert run.step == 6 and torch.equal(model.weight, whole.weight)


def test_a_checkpoint_of_an_older_edition_is_gone_on_from(recipe: Settings) -> None:
    train(replace(recipe, until=2))
    path = Path(recipe.out) / checkpoints.CHECKPOINT
    state = torch.load(path, weights_only=True)
    assert set(state) == {"model", "optimiser", "step", "loss", "random"}
    torch.save({key: state[key] for key in ("model", "optimiser", "step")}, path)
    run, _ = train(replace(recipe, until=2))
    assert run.step == 2 and run.generator.initial_seed() == recipe.seed + 2
    assert train(recipe)[0].step == 6


def test_rates_are_those_of_today(recipe: Settings) -> None:
    train(replace(recipe, until=2))
    path = Path(recipe.out) / checkpoints.CHECKPOINT
    train(replace(recipe, rate=0.3))
    (group,) = torch.load(path, weights_only=True)["optimiser"]["param_groups"]
    assert group["pace"] == group["lr"] == 0.6


def test_an_optimiser_of_other_groups_does_not_fit(recipe: Settings) -> None:
    train(replace(recipe, until=2))
    path = Path(recipe.out) / checkpoints.CHECKPOINT
    parts = {"optimiser": torch.optim.AdamW([nn.Parameter(torch.zeros(3))])}
    with pytest.raises(
        ModelError, match=r"checkpoint.pt: optimiser does not fit \(.*; continue w"
    ):
        checkpoints.restore_checkpoint(path, parts, torch.Generator())
    with pytest.raises(ModelError, match="holds no critic: it is of another recipe"):
        checkpoints.restore_checkpoint(path, {"critic": nn.Linear(1, 1)}, torch.Generator())


def test_events_are_told_and_a_checkpoint_is_kept_now_and_then(
    recipe: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    train(replace(recipe, steps=2), lambda name, /, **_: heard.append(name))
    assert heard == ["start", "step", "step", "checkpoint"]
    monkeypatch.setattr(loop, "SAVE_EVERY", -1.0)
    heard.clear()
    train(replace(recipe, steps=4), lambda name, /, **_: heard.append(name))
    assert heard == ["start", *("step", "checkpoint") * 2, "checkpoint"]


def test_other_threads_train_too(recipe: Settings) -> None:
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(train(recipe)[0].step))
    thread.start()
    thread.join()
    assert done == [6]


def test_what_cannot_be_prepared_is_refused(
    recipe: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loop.prepare_run(replace(recipe, device="auto")).device.type == "cpu"
    with pytest.raises(ConfigError, match="device=cuda: torch finds none here"):
        loop.prepare_run(replace(recipe, device="cuda"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/out cannot be written"):
        loop.prepare_run(replace(recipe, out=str(tmp_path / "file" / "out")))


def test_fit_takes_all_or_nothing() -> None:
    model = nn.Linear(3, 2)
    kept = model.weight.clone()
    whole = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    for tensors, complaint in (
        ({"weight": whole["weight"]}, "here lacks bias, which this model has; give the settings"),
        (whole | {"bias": torch.ones(3)}, r"here: bias is \[3\], but these settings make it \[2"),
        (whole | {"eye": torch.ones(1)}, "here holds eye, which this model does not have"),
    ):
        with pytest.raises(ModelError, match=complaint):
            checkpoints.load_weights(model, tensors, "here")
        assert torch.equal(model.weight, kept)
    checkpoints.load_weights(model, {"weight": whole["weight"]}, "here", own=("bias",))
    assert (model.weight == 1).all() and not (model.bias == 1).any()
