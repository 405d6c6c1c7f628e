"""From settings to a run: what is built, which random numbers it draws, how it grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow
from torch import Tensor

import vqclip
from tests.conftest import FACTOR, VQGAN, Home
from tests.helpers.building import build, draw_latent
from vqclip import optimisers, session
from vqclip.errors import ConfigError, ModelAbsent, ModelError, PictureError, PromptError
from vqclip.guidance import cutout_recipes
from vqclip.language.prompt_types import Prompt, apply_style
from vqclip.language.prompts import parse_prompts
from vqclip.media import images
from vqclip.models import clip, device
from vqclip.models.zoo import model_files
from vqclip.optimisation_loop import Step
from vqclip.run.record import provenance
from vqclip.run.runner import Runner
from vqclip.tensors import Parameters


def ready(home: Home, prompt: str = "a fox", **settings: Any) -> Runner:
    """A session at 32x32 on the tiny models."""
    return build(vqclip.load(prompt, **home.settings(seed=1) | settings))


def first(run: Runner) -> Step:
    """The first step of a run."""
    steps = run.play()
    with closing(steps):  # type: ignore[type-var]
        return next(steps)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    pillow.linear_gradient("L").convert("RGB").resize((50, 40)).save(path)
    return str(path)


def test_the_lines_that_scripts_are_written_against(home: Home) -> None:
    config = vqclip.load(prompts="a fox", preset="starter", **home.settings(seed=3))
    steps = list(vqclip.play(config))
    assert [step.index for step in steps] == [0, 1, 2]
    assert steps[0].image.shape == (1, 3, 32, 32)
    assert list(steps[0].losses) == ["a fox"]
    assert all(torch.isfinite(step.losses["a fox"]) for step in steps)
    again = list(vqclip.play(config))
    assert all(torch.equal(a.image, b.image) for a, b in zip(steps, again, strict=True))
    assert not list(home.path.parent.glob("outputs"))


def test_public_names_are_those_of_the_package() -> None:
    assert {name: getattr(vqclip, name) for name in vqclip.__all__}["play"] is session.play_config
    with pytest.raises(AttributeError, match="module 'vqclip' has no attribute 'paly'"):
        vqclip.paly  # noqa: B018


def test_another_seed_is_another_picture_and_global_state_is_left_alone(home: Home) -> None:
    runs = ready(home), ready(home, seed=2)
    before = torch.get_rng_state()
    one, two = (list(run.play())[-1] for run in runs)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(one.image, two.image)


def test_without_a_seed_one_is_drawn_and_noted(home: Home) -> None:
    runs = [ready(home, seed=None) for _ in range(2)]
    assert runs[0].seed != runs[1].seed
    notes = runs[0].provenance()
    assert notes.seed == runs[0].seed == notes.config["seed"]
    assert torch.equal(first(runs[0]).image, first(ready(home, seed=notes.seed)).image)


def test_a_seed_may_be_zero(home: Home) -> None:
    assert ready(home, seed=0).seed == 0


@pytest.mark.parametrize(
    "more",
    [
        {"losses": {"smoothness": 1.0, "symmetry": 1.0}},
        {"film": {"format": "mp4"}},
        {"previews": 1},
        {"out": "elsewhere"},
    ],
)
def test_what_is_added_shifts_no_random_numbers(home: Home, more: dict[str, Any]) -> None:
    plain, other = first(ready(home)), first(ready(home, **more))
    assert torch.equal(plain.image, other.image)
    # The same picture in the same squares: the same distance.
    assert torch.equal(plain.losses["a fox"], other.losses["a fox"])


def test_what_draws_nothing_new_shares_its_squares(home: Home, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.symlink_to(home.clip)
    run = ready(home, perceptors=[str(home.clip), str(twin)])
    assert run.perceptors[0].cutter is run.perceptors[1].cutter
    step = first(run)
    names = [f"a fox ({home.clip})", f"a fox ({twin})"]
    assert list(step.losses) == names
    assert torch.equal(step.losses[names[0]], step.losses[names[1]])
    assert torch.equal(step.losses[names[0]], first(ready(home)).losses["a fox"])


def test_provenance_holds_all_that_the_picture_depends_on(home: Home) -> None:
    run = ready(home, "a # b", out="elsewhere")
    notes = run.provenance()
    assert notes.prompt == "a # b"
    assert "out" not in notes.config and "prompts" not in notes.config
    assert notes.config["perceptors"] == [str(home.clip)]
    assert notes.models == {
        VQGAN: model_files.file_sha256(home.checkpoint),
        f"{home.clip} clip": model_files.file_sha256(home.clip / "open_clip_model.safetensors"),
    }
    assert json.loads(notes.to_json())["config"]["cutouts"]["count"] == 4
    config = vqclip.load(base=notes.config | {"prompts": notes.prompt})
    assert config == replace(run.config, out="outputs")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a.safetensors", "open_clip_model.safetensors"], "open_clip_model.safetensors"),
        (["b.bin", "a.pth", "c.txt"], "a.pth"),
        (["a.bin", "b.safetensors"], "b.safetensors"),
        (["open_clip_pytorch_model.safetensors", "a.safetensors"], "open_clip_pytorch_model"),
    ],
)
def test_the_weights_that_are_noted_are_those_that_open_clip_takes(
    names: list[str], chosen: str, tmp_path: Path
) -> None:
    from open_clip import factory

    for name in names:
        (tmp_path / name).touch()
    found = clip.find_weights(tmp_path)
    assert str(found).removeprefix(str(tmp_path) + "/").startswith(chosen)
    assert str(found) == str(factory._find_checkpoint_in_dir(tmp_path))


def test_sizes_are_rounded_and_said(home: Home) -> None:
    run = ready(home, size="35x33")
    assert run.size == (32, 32)
    assert run.notes == [
        f"size 35x33 becomes 32x32: for this VQGAN, each side must be a multiple of {FACTOR} "
        "pixels"
    ]
    assert ready(home).notes == []


def test_long_prompts_are_read_whole(home: Home) -> None:
    said: list[str] = []
    build(vqclip.load("fox " * 150, **home.settings()), said.append)
    assert said[-1].endswith(
        "reads, in tokens: 'fox fox fox fox fox fox fox fox fox fox ' 75 + 75"
    )


def test_a_run_grows_through_its_stages(home: Home) -> None:
    growth = [{"size": "50%", "steps": "2"}, {"size": "24x24", "steps": "2"}]
    run = ready(home, steps=6, growth=growth)
    assert run.stages == [(16, 16, 2), (24, 24, 2), (32, 32, 2)]
    steps = list(run.play())
    assert [step.index for step in steps] == list(range(6))
    assert [step.image.shape[-1] for step in steps] == [16, 16, 24, 24, 32, 32]
    assert run.final_picture().shape == (1, 3, 32, 32)


def test_moments_are_carried_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    carried: list[tuple[Tensor, Tensor]] = []
    carry = optimisers.Scheduled.carry_over

    def watched(self: Any, was: Parameters, now: Parameters, *, resize: bool) -> None:
        old, new = was["latent"], now["latent"]
        before = self.optimiser.state[old]["exp_avg"].clone()
        carry(self, was, now, resize=resize)
        carried.append((before, self.optimiser.state[new]["exp_avg"]))
        assert self.taken == 2
        assert self.optimiser.state[new]["step"] == 2
        assert self.optimiser.param_groups[0]["params"] == [new]

    monkeypatch.setattr(optimisers.Scheduled, "carry_over", watched)
    run = ready(home, steps=4, growth=[{"size": "50%", "steps": "2"}])
    list(run.play())
    ((small, large),) = carried
    assert small.abs().sum() > 0
    assert large.shape[-2:] == (8, 8) and small.shape[-2:] == (4, 4)


def test_a_stage_of_the_same_size_changes_no_shape(home: Home) -> None:
    run = ready(home, steps=4, growth=[{"size": "100%", "steps": "2"}])
    assert [step.image.shape[-1] for step in run.play()] == [32] * 4


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_final_picture_is_that_of_the_average(home: Home, average: float) -> None:
    run = ready(home, optimiser={"average": average, "rate": 0.5, "schedule": "constant"})
    latents = []
    for _ in run.play():
        latents.append(run.drawer.parameters["latent"].detach().clone())
    weights = [average ** (2 - i) if average else float(i == 2) for i in range(3)]
    mean = torch.stack([w * x for w, x in zip(weights, latents, strict=True)]).sum(0)
    wanted = draw_latent(run, mean / sum(weights))
    assert torch.allclose(run.final_picture(), wanted, atol=1e-5)


def test_before_any_step_the_final_picture_is_the_first(home: Home) -> None:
    run = ready(home)
    assert torch.equal(run.final_picture(), first(run).image)


def test_a_run_may_start_from_a_picture(home: Home, photo: str) -> None:
    run = ready(home, init=photo, losses={"init": 2.0})
    image = images.read_picture(photo, size=(32, 32))
    assert torch.equal(run.drawer.parameters["latent"], run.drawer.vqgan.encode(image))
    step = first(run)
    wanted = 2 * (step.image - image).square().mean()
    assert torch.allclose(step.losses["init"], wanted)


@pytest.mark.parametrize("name", ["fractal", "gradient", "uniform", "colour"])
def test_a_run_may_start_from_noise(home: Home, name: str) -> None:
    run = ready(home, init=name, init_colour="teal", losses={"init": 1.0})
    assert run.prepared > 0  # seconds, which count as those of the run
    assert torch.equal(
        run.drawer.parameters["latent"],
        ready(home, init=name, init_colour="teal").drawer.parameters["latent"],
    )
    other = ready(home, init=name, init_colour="white", seed=2)
    assert not torch.equal(run.drawer.parameters["latent"], other.drawer.parameters["latent"])


def test_a_start_picture_is_small_at_the_first_stage(home: Home, photo: str) -> None:
    run = ready(home, init=photo, growth=[{"size": "50%", "steps": "1"}], losses={"init": 1})
    assert run.drawer.parameters["latent"].shape[-2:] == (4, 4)
    assert [step.image.shape[-1] for step in run.play()] == [16, 32, 32]


def test_pictures_may_be_wished_for(home: Home, photo: str) -> None:
    run = ready(home, f"@{photo}:0.5 | a fox", growth=[{"size": "50%", "steps": "1"}])
    losses = [step.losses for step in run.play()]
    assert list(losses[0]) == [photo, "a fox"]
    assert all(0 < loss[photo] < 2.5 for loss in losses)


def test_equal_wishes_are_told_apart_in_the_log(home: Home) -> None:
    assert list(first(ready(home, "a fox | a fox:2 | a fox:-1:-1")).losses) == [
        *("a fox", "a fox 2", "a fox 3")
    ]


def test_a_prompt_may_have_the_name_of_a_loss(home: Home) -> None:
    run = ready(
        home,
        "symmetry | symmetry 2 | edges",
        losses={"symmetry": 1.0, "smoothness": 0.0, "distinct": 0.0},
    )
    assert [each.name for each in run.objectives] == [
        *("symmetry 2", "symmetry 2 2", "edges", "symmetry")
    ]
    assert len(first(run).losses) == 4


def test_a_config_that_was_put_together_by_hand_is_checked(home: Home) -> None:
    run = vqclip.load("a fox", **home.settings())
    with pytest.raises(ConfigError, match=r"^losses.init needs a picture to start f"):
        build(replace(run, losses=replace(run.losses, init=1.0)))


def test_a_picture_of_another_shape_is_noted(home: Home, photo: str, tmp_path: Path) -> None:
    square = str(tmp_path / "square.png")
    pillow.new("RGB", (64, 62)).save(square)
    run = ready(home, f"@{photo} | @{square}", init=photo)
    assert run.notes == [
        f"{photo} is 50x40 and is stretched to 32x32; aspect=5:4 would keep its shape"
    ]
    assert list(run.models)[2:] == [f"picture {photo}", f"picture {square}"]
    assert run.models[f"picture {photo}"] == model_files.file_sha256(Path(photo))


def test_every_aesthetic_loss_has_its_weight(home: Home) -> None:
    names = ["distinct", "smoothness", "saturation", "symmetry", "palette", "edges"]
    options = {"axis": "vertical", "colours": "gold, #123456", "edge_colour": "black"}
    one = first(ready(home, losses={**dict.fromkeys(names, 1.0), **options}))
    two = first(ready(home, losses={**dict.fromkeys(names, -2.0), **options}))
    assert list(one.losses) == ["a fox", *names]
    for name in names:
        assert torch.allclose(two.losses[name], -2 * one.losses[name])


@pytest.mark.parametrize(
    ("style", "bodies"),
    [
        ("", ["a fox", "fog", "x.png"]),
        ("  ", ["a fox", "fog", "x.png"]),
        ("an etching of {}", ["an etching of a fox", "fog", "x.png"]),
        ("in oil", ["a fox, in oil", "fog", "x.png"]),
        (r"\{a\|b\} of {} \{\}", ["{a|b} of a fox {}", "fog", "x.png"]),
        ("{0} {x} %s", ["a fox, {0} {x} %s", "fog", "x.png"]),
    ],
)
def test_a_style_goes_around_what_is_wished_for(style: str, bodies: list[str]) -> None:
    wishes = apply_style(parse_prompts("a fox:2 | fog:-1 | @x.png"), style)
    assert [wish.body for wish in wishes] == bodies
    assert [wish.weight for wish in wishes] == [2, -1, 1]


def test_a_style_leaves_braces_of_a_prompt_alone() -> None:
    assert apply_style((Prompt("a {} b"),), "an etching of {}")[0].body == "an etching of a {} b"


def test_the_device_that_is_named_or_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.pick_device("auto") == torch.device("cpu")
    message = r"device=cuda: torch finds none here \(it can use: cpu\)"
    with pytest.raises(ConfigError, match=message):
        device.pick_device("cuda")
    monkeypatch.setattr(device, "try_device", lambda device: None)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.pick_device("auto").type == "cuda"
    assert device.pick_device("cpu").type == "cpu"


def test_the_precision_that_is_named_or_half_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert device.pick_precision("auto", cpu) == "fp32"
    assert device.pick_precision("bf16", cpu) == "bf16"
    for supported, name in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda x=supported, **_: x)
        assert device.pick_precision("auto", cuda) == name


def test_a_decoder_computes_in_bfloat16_where_the_device_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu, cuda, mps = (torch.device(kind) for kind in ("cpu", "cuda", "mps"))
    assert device.pick_decoder_precision("auto", cpu) == "fp32"
    monkeypatch.setattr(device, "has_bfloat16", lambda: True)
    assert device.pick_decoder_precision("auto", cpu) == "bf16"
    assert device.pick_decoder_precision("auto", mps) == "fp32"
    named = [device.pick_decoder_precision(name, cpu) for name in ("fp32", "fp16", "bf16")]
    assert named == ["fp32", "fp32", "bf16"]
    for supported, name in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda x=supported, **_: x)
        assert device.pick_decoder_precision("auto", cuda) == name


def test_the_decoders_format_is_noted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready(home).provenance().computed == {"device": "cpu", "precision": "fp32"}
    monkeypatch.setattr(device, "has_bfloat16", lambda: True)
    run = ready(home)
    noted = run.provenance().computed
    assert noted == {"device": "cpu", "precision": "fp32", "decoder": "bf16"}
    assert provenance.describe_computation(noted) == "on cpu in fp32, the decoder in bf16"
    assert torch.isfinite(first(run).losses["a fox"])
    no_decoder = ready(home, drawer="pixels", init="random").provenance().computed
    assert no_decoder == {"device": "cpu", "precision": "fp32"}
    in_tiles = ready(home, memory={"tiles": True})
    assert in_tiles.provenance().computed == {"device": "cpu", "precision": "fp32"}
    assert torch.isfinite(first(in_tiles).losses["a fox"])
    both = {"device": "cpu", "precision": "bf16", "decoder": "bf16"}
    assert provenance.describe_computation(both) == "on cpu in bf16, the decoder too"


def test_half_precision_draws_too(home: Home) -> None:
    assert torch.isfinite(first(ready(home, precision="bf16")).losses["a fox"])


def test_settings_reach_torch_and_the_cutter(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    run = ready(home, threads=3, cutouts={"count": 5, "noise": 0.0, "recipe": "disco"})
    assert asked == [3]
    (cutter,) = {perceptor.cutter for perceptor in run.perceptors}
    assert (cutter.count, cutter.size, cutter.recipe.noise) == (5, 32, 0.0)
    assert cutter.recipe == replace(cutout_recipes.RECIPES["disco"], noise=0.0)
    ready(home)
    assert asked == [3]


def test_what_is_done_is_told(home: Home) -> None:
    said: list[str] = []
    build(vqclip.load("a fox", **home.settings()), said.append)
    assert said == [
        "loading the VQGAN tiny …",
        f"loading the perceptor {home.clip} …",
        f"{home.clip} reads, in tokens: 'a fox' 2",
    ]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"vqgan": "tinny"}, ModelError, "no model is called 'tinny'; did you mean 'tiny'"),
        ({"vqgan": "sflckr"}, ModelAbsent, "'vqclip models fetch sflckr'.*--preset starter"),
        ({"init": "foxx"}, PictureError, "init=foxx is neither a picture file nor one of: auto"),
        ({"init": "foxx.png"}, PictureError, "foxx.png cannot be read"),
        ({"losses": {"init": 1}}, ConfigError, "losses.init needs a picture to start from;"),
        ({"losses": {"edges": 1, "edge_colour": "fog"}}, ConfigError, "'fog' is not a colour"),
        ({"size": "16x16", "vqgan": "tiny", "prompts": ""}, PromptError, "the prompt is empty"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(
    home: Home, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    prompt = settings.pop("prompts", "a fox")
    with pytest.raises(error, match=message):
        ready(home, prompt, **settings)


def test_playing_is_lazy(home: Home) -> None:
    steps: Iterator[Step] = vqclip.play(vqclip.load("a fox", **home.settings(vqgan="tinny")))
    with pytest.raises(ModelError, match="no model is called 'tinny'"):
        next(steps)


def test_schedules_that_never_change_change_nothing(home: Home) -> None:
    def drawn(**settings: Any) -> Tensor:
        run = ready(home, **settings)
        for _ in run.play():
            pass
        return run.final_picture()

    prompt = "a fox in(left) | fog:-0.5"
    plain = drawn(
        prompt=prompt,
        losses={"distinct": 0.1, "smoothness": 2},
        cutouts={"count": 4, "noise": 0.1},
        optimiser={"rate": 0.2},
    )
    same = drawn(
        prompt="a fox in(left) | fog:{0: -0.5, 2: -0.5}",
        losses={"distinct": "0: 0.1, 9: 0.1", "smoothness": "2 + 0 * t"},
        cutouts={"count": "4 + 0 * t", "noise": "0: 0.1, 2: 0.1 ease"},
        optimiser={"rate": "0s: 0.2, 9s: 0.2"},
    )
    assert torch.equal(plain, same)


def test_settings_may_change_on_the_way(home: Home) -> None:
    counts = {"count": "0: 2, 2: 6", "noise": "share"}
    run = ready(home, cutouts=counts, losses={"smoothness": "frame"}, steps=3)
    seen = []
    (cutter,) = run.cutters.values()
    for step in run.play():
        seen.append(
            (len(cutter(step.image, step.index).pixels), float(step.losses["smoothness"]))
        )
    assert [count for count, _ in seen] == [2, 4, 6]
    assert seen[0][1] == 0 < seen[1][1] and cutter.count == 6
    notes = run.provenance().config
    assert notes["cutouts"]["count"] == "0: 2, 2: 6" and notes["losses"]["smoothness"] == "frame"
