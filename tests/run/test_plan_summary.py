"""The plan's summary: costs counted on meta, and held against what the processor keeps."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from tests.conftest import FACTOR, VQGAN, Home
from tests.helpers.moving import clip
from vqclip.cli.main import main
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError
from vqclip.models import clip as models_clip
from vqclip.models import cost as models_cost
from vqclip.models import vqgan, vqgan_config
from vqclip.models.memory import MemoryPolicy
from vqclip.models.zoo import checkpoint_file
from vqclip.run import memory_footprint
from vqclip.run import plan_summary as run_estimate
from vqclip.run.preflight import make_request
from vqclip.run.timing import machine_speed, run_times


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for a moment only."""
    monkeypatch.setattr(machine_speed, "TIMING_SECONDS", 0.001)


@pytest.fixture
def nothing_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQCLIP_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


def cost_of(config: RunConfig) -> run_estimate.Estimate:
    return run_estimate.estimate_cost(make_request(config, complete=False))


def tiny_config(home: Home, **more: object) -> RunConfig:
    return loading.load_config("a fox", **home.settings(**more))  # type: ignore[arg-type]


def test_operations_and_what_is_kept_are_counted() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10, 20), nn.GELU()).requires_grad_(False)
        rows = torch.empty(8, 10, requires_grad=True)
    cost = models_cost.count_cost(lambda: model(rows), model)
    # Two operations a weight and row, forwards, and again backwards to the rows.
    assert cost.flops == 2 * (2 * 8 * 10 * 20)
    # GELU keeps what came in. The weights are needed too, but they are there anyway.
    assert cost.kept == 8 * 20 * 4


def really_kept(model: Any, pixels: Tensor) -> int:
    """Count the bytes that autograd keeps on the processor, weights left out."""
    own = {w.data_ptr() for w in (*model.parameters(), *model.buffers())}
    seen: dict[int, int] = {}
    held = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held.append(storage)
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = model.encode_image(pixels)
    result.sum().backward()
    return sum(seen.values())


def test_a_look_keeps_as_much_as_on_the_processor(home: Home) -> None:
    outline = models_clip.build_without_weights(str(home.clip))
    real = (
        models_clip.import_open_clip()
        .create_model(f"local-dir:{home.clip}")
        .eval()
        .requires_grad_(False)
    )
    expected = really_kept(real, torch.zeros(4, 3, 32, 32, requires_grad=True))
    assert models_cost.embed_cost(outline, 4).kept == pytest.approx(expected, rel=0.05)


def test_a_drawing_costs_by_its_area(home: Home) -> None:
    with torch.device("meta"):
        drawer = (
            vqgan.build_vqgan(vqgan_config.read_config(home.config)).requires_grad_(False).eval()
        )
    assert drawer.factor == FACTOR
    small, wide = models_cost.draw_cost(drawer, 96, 96), models_cost.draw_cost(drawer, 192, 96)
    assert models_cost.draw_cost(drawer, 192, 96, work=False).kept == wide.kept
    assert small.flops > 0 and small.kept > 0
    # Every cell of its middle sees every other one, of which nothing is kept; and upsampling has
    # a row and a column more than there are cells.
    assert 1.99 <= wide.flops / small.flops < 2.2
    assert wide.kept / small.kept == pytest.approx(2, rel=0.02)


def test_feature_maps_in_passing_are_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        drawer = (
            vqgan.build_vqgan(vqgan_config.read_config(home.config)).requires_grad_(False).eval()
        )
    largest = 0

    def note(_layer: object, _given: object, result: torch.Tensor) -> None:
        nonlocal largest
        largest = max(largest, result.nbytes)

    for layer in drawer.decoder.modules():
        layer.register_forward_hook(note)
    for policy in (None, MemoryPolicy(recompute=True)):
        counted = models_cost.draw_cost(drawer, 96, 96, policy, work=False).kept
        with monkeypatch.context() as patched:
            patched.setattr(models_cost, "PASSING", 0)
            kept = models_cost.draw_cost(drawer, 96, 96, policy, work=False).kept
        assert kept > 0
        assert counted - kept == int(models_cost.PASSING * largest)


def test_an_estimate_reads_no_weights(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(checkpoint_file, "read_checkpoint", refuse)
    monkeypatch.setattr(vqgan, "read_checkpoint", refuse)
    threads = torch.get_num_threads()
    state = torch.random.get_rng_state()
    config = tiny_config(home, threads=1, growth=[{"size": "50%", "steps": "1"}])
    result = cost_of(config)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert result.stages == ((16, 16, 1), (32, 32, 2))
    assert result.downloads == () and result.notes == ()
    assert result.device == "cpu"
    assert result.memory is not None and result.seconds is not None
    assert memory_footprint.BASE < result.memory < memory_footprint.BASE * 1.2
    assert result.seconds > run_times.START
    larger = cost_of(tiny_config(home, size="256x256"))
    assert larger.memory is not None and larger.memory > result.memory


def test_models_that_are_absent_can_be_counted(nothing_here: None) -> None:
    result = cost_of(loading.load_config("a fox", "normal", overrides=["device=cpu"]))
    assert result.downloads == (
        ("imagenet_f16_16384", 980_000_000),
        ("ViT-B-32::openai", 605_000_000),
        ("ViT-B-16::openai", 598_000_000),
    )
    assert result.stages == ((288, 288, 250),)
    assert result.memory is not None and 4e9 < result.memory < 16e9
    words = run_estimate.describe_estimate(result)
    assert "download  imagenet_f16_16384 (980 MB), ViT-B-32::openai (605 MB)" in words
    assert "\n          vqclip models fetch ViT-B-16::openai\n" in words


def test_a_model_of_unknown_shape(home: Home, nothing_here: None) -> None:
    config = loading.load_config(
        "a fox",
        overrides=[
            "vqgan=starter",
            "perceptors=roberta-ViT-B-32::laion2b_s12b_b32k",
            "device=cpu",
        ],
    )
    result = cost_of(config)
    assert result.memory is None and result.seconds is None
    assert result.downloads == (("roberta-ViT-B-32::laion2b_s12b_b32k", None),)
    words = run_estimate.describe_estimate(result)
    assert "note: memory and time are not known: open_clip does not describe roberta-" in words
    assert "about" not in words and words.endswith("roberta-ViT-B-32::laion2b_s12b_b32k")


def test_a_perceptor_in_the_home_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.clip.parent))
    result = cost_of(tiny_config(home, perceptors=["~/clip"]))
    assert result.memory is not None and result.downloads == ()


def test_a_name_that_does_not_exist(home: Home) -> None:
    with pytest.raises(ConfigError, match="no perceptor is called 'ViT-B-33::openai'"):
        cost_of(dataclasses.replace(tiny_config(home), perceptors=["ViT-B-33::openai"]))


def test_in_words() -> None:
    estimate = run_estimate.Estimate(
        ((64, 64, 60), (128, 96, 90)), (), "cpu", 1_340_000_000, 52.4, ()
    )
    assert run_estimate.describe_estimate(estimate) == (
        "sizes     64x64 for 60 steps, 128x96 for 90 steps\n"
        "device    cpu\n"
        "download  nothing, all models are here\n"
        "needs     about 1.3 GB of memory\n"
        "takes     about 52 s if nothing else runs here"
    )
    gpu = dataclasses.replace(estimate, device="cuda:0", seconds=9000.0)
    assert "about 1.3 GB of GPU memory" in run_estimate.describe_estimate(gpu)
    assert "takes     about 2.5 hours" in run_estimate.describe_estimate(gpu)
    assert "about 7 minutes" in run_estimate.describe_estimate(
        dataclasses.replace(estimate, seconds=400.0)
    )


def test_the_speed_of_the_machine_is_measured() -> None:
    speed = machine_speed.measure_speed(torch.device("cpu"))
    assert min(speed.draw, speed.look, speed.move) > 1e6
    assert machine_speed.measure_speed(torch.device("cpu"), torch.bfloat16).look > 1e6


def test_the_command(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "a fox:2 | fog:-0.5", *home.words()]) == 0
    words = capsys.readouterr().out
    assert "fog" in words and "takes     about" in words and f"  {VQGAN}\n" in words
    assert main(["plan", "a fox", "--json", *home.words()]) == 0
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "plan" and event["config"]["steps"] == 3
    assert event["stages"] == [[32, 32, 3]] and event["downloads"] == []
    assert event["memory"] > 0 and event["seconds"] > 0
    assert not (home.path / "outputs").exists()


def test_the_steps_of_an_animation_are_those_of_all_frames(home: Home) -> None:
    moving: dict[str, Any] = {"frames": 8, "motion": {"steps": 5}}
    still, film, loop = (
        cost_of(tiny_config(home, init="random", **more))
        for more in ({}, moving | {"fps": 4.0}, moving | {"loop": True})
    )
    assert (still.frames, still.steps, still.length) == (0, 0, 0)
    assert (film.frames, film.steps, film.length) == (8, 35, 2)
    assert (loop.frames, loop.steps) == (10, 45)
    assert film.stages == still.stages
    assert still.seconds is not None and film.seconds is not None
    assert film.seconds > still.seconds
    words = run_estimate.describe_estimate(film)
    assert "sizes     32x32 for 3 steps, then 35 steps for 7 more frames" in words
    assert "film      2 s, 8 frames to draw" in words
    assert "film " not in run_estimate.describe_estimate(still)


def test_a_film_that_is_drawn_over_is_counted(home: Home, capsys: Any) -> None:
    clip(Path("clip"), 7)
    words = home.words("source.film=clip", "source.flow=none", "motion.steps=2", "fps=2")
    assert main(["plan", "a fox", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["frames"], told["steps"], told["length"]) == (7, 12, 3.5)
    assert told["config"]["frames"] == 7


def test_whether_frames_can_be_drawn_side_by_side_is_told(home: Home) -> None:
    clip(Path("clip"), 9)
    film: dict[str, Any] = {
        "source": {"film": "clip", "flow": "none", "blend": 1.0},
        "init": "auto",
    }
    apart = tiny_config(home, **film, motion={"moments": False})
    found = cost_of(apart)
    assert (found.stretches, found.parallel, found.dependence) == (2, False, "")
    told = "stretches 2 can be drawn side by side"
    assert f"{told}: motion.parallel=true\n" in run_estimate.describe_estimate(found)
    side = tiny_config(home, **film, motion={"moments": False, "parallel": True})
    assert f"{told}\n" in run_estimate.describe_estimate(cost_of(side))
    found = cost_of(tiny_config(home, **film))
    assert found.stretches == 0
    why = "motion.moments=true goes on with the optimiser's moments; write motion.moments=false"
    assert f"stretches none: {why}\n" in run_estimate.describe_estimate(found)
    assert "stretches" not in run_estimate.describe_estimate(cost_of(tiny_config(home)))


def test_a_stretch_costs_its_own_frames(home: Home) -> None:
    words = home.words("frames=6", "motion.steps=2", "init=random", "seed=1")
    assert main(["animate", "a fox", *words, "--quiet"]) == 0
    retake = {"of": "outputs/0001-a-fox", "frames": "2:5"}
    more = {"frames": 6, "motion": {"steps": 2}, "init": "random", "retake": retake}
    told = cost_of(tiny_config(home, **more))
    assert (told.frames, told.stages, told.steps) == (3, ((32, 32, 6),), 0)
    more["retake"] = retake | {"frames": "0:5"}
    told = cost_of(tiny_config(home, **more))
    assert (told.frames, told.stages, told.steps) == (5, ((32, 32, 3),), 8)


def test_the_work_of_a_gpu_is_timed_not_the_wait_for_it() -> None:
    done: list[int] = []

    class Answer:
        """What a device gives for the first number, after a wait of a millisecond."""

        def flatten(self) -> list[Answer]:
            return [self]

        def item(self) -> float:
            time.sleep(0.001)
            return 0.0

    def work() -> Any:
        done.append(1)
        return Answer()

    assert machine_speed.time_work(work, torch.device("cpu")) > 0.001
    assert machine_speed.time_work(work, torch.device("cuda")) < 0.0001
    assert len(done) > 1000
