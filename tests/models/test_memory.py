"""Memory that runs out: the same step again with less of it, and the same picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

import vqclip
from tests.conftest import Home
from tests.helpers import building
from vqclip import session
from vqclip.cli import main
from vqclip.models import vqgan
from vqclip.models.memory import MemoryPolicy, is_out_of_memory
from vqclip.models.zoo import model_files
from vqclip.run import memory_reduction, resume
from vqclip.run.record import provenance
from vqclip.run.runner import Runner

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
LACK = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"


def build(home: Home, **settings: Any) -> Runner:
    settings = {"steps": 3, "cutouts": {"count": 8}} | settings
    return building.build(vqclip.load("a fox", **home.settings(seed=1) | settings))


def gradient(ready: Runner) -> Tensor:
    """Of the first step, in the latent."""
    steps = ready.play()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert ready.drawer.parameters["latent"].grad is not None
    return ready.drawer.parameters["latent"].grad.clone()


def kept(work: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps of what `work` does, weights included."""
    storages = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        work()
    return sum(storages.values())


@pytest.mark.parametrize("contrast", ["absolute", "stretch"])
@pytest.mark.parametrize(
    "memory", [{"chunk": 3}, {"chunk": 1}, {"recompute": True}, {"chunk": 2, "recompute": True}]
)
def test_less_at_a_time_gives_the_same_gradient(
    home: Home, memory: dict[str, Any], contrast: str
) -> None:
    cutouts = {"count": 8, "contrast": contrast}
    whole = gradient(build(home, cutouts=cutouts))
    parts = gradient(build(home, cutouts=cutouts, memory=memory))
    assert whole.abs().max() > 0
    assert (whole - parts).abs().max() < 1e-5 * whole.abs().max()


def test_it_keeps_less(home: Home) -> None:
    ready = build(home)
    perceptor, drawer = ready.perceptors[0], ready.drawer
    squares = torch.rand(8, 3, perceptor.size, perceptor.size, requires_grad=True)
    thrifty = replace(perceptor, memory_policy=MemoryPolicy(chunk=2))
    assert kept(lambda: thrifty.embed_image(squares)) < kept(
        lambda: perceptor.embed_image(squares)
    )
    before = kept(drawer.draw)
    drawer.memory_policy.recompute = True
    assert kept(drawer.draw) < before / 2


def test_the_starter_decoder_keeps_a_fraction() -> None:
    found = model_files.find_vqgan("starter")
    model = vqgan.open_vqgan(found.config, found.weights)
    latent = model.random_latent(8, 8, torch.Generator().manual_seed(1)).requires_grad_()

    def draw(memory_policy: MemoryPolicy) -> Tensor:
        return memory_policy.apply_recomputing(model.decoder, model.decode, latent)

    whole, thrifty = (
        kept(lambda t=t: draw(t)) for t in (MemoryPolicy(), MemoryPolicy(recompute=True))
    )  # type: ignore[misc]
    assert thrifty < whole / 3
    pair = [
        torch.autograd.grad(draw(MemoryPolicy(recompute=way)).sum(), latent)[0] for way in (0, 1)
    ]  # type: ignore[arg-type]
    assert torch.allclose(*pair, rtol=1e-4, atol=1e-6)
    assert not any("forward" in vars(each) for each in model.modules())  # as it was


def test_without_gradients_nothing_is_done_twice() -> None:
    counted: list[int] = []

    def model(rows: Tensor) -> Tensor:
        counted.append(len(rows))
        return rows * 2

    rows = torch.ones(5, 2)
    assert torch.equal(MemoryPolicy(chunk=2).apply_in_chunks(model, rows), rows * 2)
    assert counted == [2, 2, 1]
    MemoryPolicy(chunk=5).apply_in_chunks(model, rows)
    assert counted[3:] == [5]
    layer = nn.Linear(2, 2)
    MemoryPolicy(recompute=True).apply_recomputing(layer, layer, rows)


def test_how_it_is_tightened() -> None:
    memory_policy, said = MemoryPolicy(), []
    while (words := memory_policy.tighten(30)) is not None:
        said.append(words)
    assert said == [
        "processing 7 of 30 cutouts at a time",
        "processing 1 of 30 cutouts at a time",
        "computing the decoder twice",
        "decoding the picture in tiles, which changes it a little",
    ]
    assert MemoryPolicy(chunk=64).tighten(16) == "processing 4 of 16 cutouts at a time"


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (RuntimeError(LACK), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            True,
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (
            RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
            True,
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling cublas"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_lacks_memory(error: Exception, lacks: bool) -> None:
    assert is_out_of_memory(error) == lacks


def starve(ready: Runner, most: int, from_step: int = 0) -> list[int]:
    """Let the perceptor's model fail for more squares than `most`, once it is that step."""
    (perceptor,) = ready.perceptors
    look, tried = perceptor.model.encode_image, []

    def encode(pixels: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            tried.append(len(pixels))
            if len(pixels) > most and ready.done >= from_step:
                raise RuntimeError(LACK)
        result: Tensor = look(pixels)
        return result

    perceptor.model.encode_image = encode
    return tried


def starve_runs(patch: Patch, most: int, from_step: int) -> None:
    """Do so to every run that is built."""
    real = session.build_runner

    def starving(*words: Any, **named: Any) -> Runner:
        ready = real(*words, **named)
        starve(ready, most, from_step)
        return ready

    patch.setattr(session, "build_runner", starving)


@pytest.mark.parametrize("from_step", [0, 1, 2])
def test_a_step_is_taken_again_with_less(home: Home, from_step: int) -> None:
    whole = list(build(home).play())
    ready = build(home)
    starve(ready, 1, from_step)
    steps = list(ready.play())
    assert [step.index for step in steps] == [0, 1, 2]
    words = "processing 2 of 8 cutouts at a time, then processing 1 of 8 cutouts at a time"
    assert [step.memory_saving for step in steps] == [
        words if i == from_step else "" for i in range(3)
    ]
    for one, other in zip(whole, steps, strict=True):
        assert torch.allclose(one.image, other.image, atol=1e-3)
        assert abs(one.losses["a fox"].item() - other.losses["a fox"].item()) < 1e-4
    assert ready.state().averaged == 3


def test_then_the_decoder_is_worked_out_twice(home: Home) -> None:
    ready = build(home)
    decode = ready.drawer.vqgan.decode

    def starving(latent: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not ready.memory_policy.recompute:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latent)

    ready.drawer.vqgan.decode = starving  # type: ignore[method-assign]
    steps = list(ready.play())
    assert steps[0].memory_saving.endswith(", then computing the decoder twice")
    assert (ready.memory_policy.chunk, ready.memory_policy.recompute) == (1, True)


def test_then_its_gradient_in_tiles(home: Home) -> None:
    ready = build(home)
    decode = ready.drawer.vqgan.decode

    def starving(latent: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latent)

    ready.drawer.vqgan.decode = starving  # type: ignore[method-assign]
    whole, steps = list(build(home).play()), list(ready.play())
    assert steps[0].memory_saving.endswith(
        ", then decoding the picture in tiles, which changes it a little"
    )
    assert ready.memory_policy == MemoryPolicy(1, recompute=True, tiles=True)
    assert torch.allclose(whole[0].image, steps[0].image, atol=1e-5)


def test_tiles_can_be_asked_for(home: Home) -> None:
    asked = build(home, memory={"tiles": True})
    assert asked.drawer.memory_policy.tiles and len(list(asked.play())) == 3
    right, near = gradient(build(home)), gradient(build(home, memory={"tiles": True}))
    assert torch.cosine_similarity(right.flatten(), near.flatten(), dim=0) > 0.5


def test_in_the_end_it_is_said_what_would_fit(
    home: Home, monkeypatch: Patch, capsys: Capture
) -> None:
    starve_runs(monkeypatch, 0, 1)
    assert main.main(["a fox", *home.words("steps=3")]) == 1
    err = capsys.readouterr().err
    assert "error: not enough memory for 32x32, even with one cutout at a time; " in err
    log = Path("outputs/0001-a-fox/log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in log] == [0]


def test_a_run_says_what_it_did(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    starve_runs(monkeypatch, 2, 1)
    assert main.main(["a fox", *home.words("steps=3", "cutouts.count=8")]) == 0
    err = capsys.readouterr().err
    assert "memory ran out at step 1; processing 2 of 8 cutouts at a time from here on" in err
    log = Path("outputs/0001-a-fox/log.jsonl").read_text().splitlines()
    assert ["saved" in json.loads(line) for line in log] == [False, True, False]


def test_what_became_of_it_is_noted(home: Home, monkeypatch: Patch, capsys: Capture) -> None:
    words = home.words("steps=3", "cutouts.count=8", "checkpoint.every=1", "seed=1")
    with monkeypatch.context() as patch:
        starve_runs(patch, 2, 1)
        assert main.main(["a fox", *words]) == 0
    folder = Path("outputs/0001-a-fox")
    changes = [{"step": 1, "settings": {"memory.chunk": 0}}]
    for place in (folder / "final.png", folder / "run.json"):
        notes = provenance.read_provenance(place)
        assert (notes.config["memory"]["chunk"], notes.changes) == (2, changes)
    early = provenance.read_provenance(folder / "steps" / "00000.png")
    assert (early.changes, early.config["memory"]["chunk"]) == ([], 0)
    # It goes on as it had become, and is made again so.
    point = resume.find_resume_point(folder)
    assert resume.resumed_settings(point, ["steps=4"]).memory.chunk == 2
    capsys.readouterr()
    assert main.main(["again", str(folder / "final.png")]) == 0
    assert "was made with other values of memory.chunk up to step 1" in capsys.readouterr().err


def test_so_is_what_was_less_from_the_start(home: Home, monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        memory_reduction,
        "choose_memory_policy",
        lambda *_: MemoryPolicy(2, recompute=True, tiles=True),
    )
    notes = build(home).provenance()
    assert notes.config["memory"] == {"chunk": 2, "recompute": True, "tiles": True}
    assert notes.changes == []


def test_other_errors_go_through(home: Home) -> None:
    ready = build(home)

    def broken(pixels: Tensor) -> Tensor:
        raise RuntimeError("shapes cannot be multiplied")

    ready.perceptors[0].model.encode_image = broken
    with pytest.raises(RuntimeError, match="shapes cannot"):
        next(ready.play())
    assert ready.memory_policy == MemoryPolicy()
