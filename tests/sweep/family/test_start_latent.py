"""Start latents of offspring: the codes of their parents' runs, or those of their pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import FACTOR, VQGAN, Home
from vqclip.cli import main
from vqclip.media import images
from vqclip.models.model_cache import keep_models
from vqclip.models.vqgan import load_vqgan
from vqclip.sweep.family import start_latent, start_picture
from vqclip.sweep.family.parents import Parent, read_parent

SIDE = 32 // FACTOR


def draw(home: Home, prompt: str, seed: int) -> Parent:
    words = home.words(f"seed={seed}", "init=random", "layout=off", "drawer=vqgan")
    assert main.main(["generate", prompt, *words, "--quiet", "--out", f"of-{seed}"]) == 0
    return read_parent(str(next(Path(f"of-{seed}").glob("*"))))


def stream(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean())


def test_the_code_of_a_run_is_that_of_its_picture_and_else_the_picture_is_encoded(
    home: Home,
) -> None:
    vqgan, parent = load_vqgan(VQGAN)[0], draw(home, "a fox", 1)
    assert parent.picture is not None
    picture = images.read_picture(parent.picture)
    kept = start_latent.read_latent(parent, vqgan, SIDE, SIDE)
    assert difference(vqgan.decode(vqgan.quantise(kept)), picture) < 1 / 255
    # Not if somebody has painted over it since.
    painted = images.read_picture(parent.picture)
    painted[..., :8, :8] = 1 - painted[..., :8, :8].round()
    edited = parent.folder / "edited.png"
    images.save_png(edited, painted)
    told = start_latent.read_latent(replace(parent, picture=edited), vqgan, SIDE, SIDE)
    assert torch.equal(told, vqgan.encode(images.read_picture(edited)))
    # Neither at another size, nor of another run, nor damaged, nor absent.
    half = start_latent.read_latent(parent, vqgan, SIDE // 2, SIDE // 2)
    assert half.shape == (1, vqgan.channels, SIDE // 2, SIDE // 2)
    own = vqgan.encode(picture)
    other = draw(home, "an owl", 2)
    checkpoint = parent.folder / "checkpoint.safetensors"
    good = checkpoint.read_bytes()
    for data in ((other.folder / "checkpoint.safetensors").read_bytes(), good[:-9] + b"x" * 9):
        checkpoint.write_bytes(data)
        assert torch.equal(start_latent.read_latent(parent, vqgan, SIDE, SIDE), own)
    checkpoint.unlink()
    assert torch.equal(start_latent.read_latent(parent, vqgan, SIDE, SIDE), own)
    assert not torch.equal(own, kept)


def test_two_latents_are_blended_place_by_place_and_shaken_smoothly(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vqgan = load_vqgan(VQGAN)[0]
    pair = [draw(home, "a fox", 1), draw(home, "an owl", 2)]
    drawn = [start_latent.draw_from_latents(pair, vqgan, (32, 32), stream(s)) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (1, 3, 32, 32) and drawn[0].min() >= 0 and drawn[0].max() <= 1
    ends = [start_latent.read_latent(each, vqgan, SIDE, SIDE) for each in pair]
    shaken = start_latent.shake_latent(ends[0], stream())
    change = (shaken - ends[0]) / ends[0].std((2, 3), keepdim=True)
    assert 0.2 < float(change.abs().mean()) < 2
    assert difference(change[..., 1:], change[..., :-1]) < float(change.abs().mean())
    # Of a blend, each place is nearer to one of both, and both have some.
    monkeypatch.setattr(start_latent, "SHAKEN", 0.0)
    found: list[Tensor] = []
    monkeypatch.setattr(type(vqgan), "quantise", lambda self, z: found.append(z) or z)
    start_latent.draw_from_latents(pair, vqgan, (32, 32), stream())
    gaps = [(found[-1] - end).norm(dim=1) for end in ends]
    first = float((gaps[0] < gaps[1]).float().mean())
    assert 0.05 < first < 0.95


def test_a_start_is_of_the_size_that_is_asked_for_with_a_vqgan_and_without(home: Home) -> None:
    parent = draw(home, "a fox", 1)
    told = {
        start_picture.draw_start([parent], (30, 26), 5, vqgan, tiles=tiles)
        for vqgan, tiles in ((VQGAN, False), (None, False), (VQGAN, True))
    }
    assert len(told) == 3
    for number, data in enumerate(told):
        Path(f"{number}.png").write_bytes(data)
        assert images.read_head(Path(f"{number}.png"))[0] == (30, 26)


def test_the_latent_of_a_parent_is_read_once_for_all_offspring(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, read = [draw(home, "a fox", 1), draw(home, "an owl", 2)], start_latent.read_latent
    found: list[Parent] = []
    wanted = [start_picture.draw_start(pair, (32, 32), seed, VQGAN) for seed in range(3)]
    monkeypatch.setattr(
        start_latent, "read_latent", lambda each, *size: found.append(each) or read(each, *size)
    )
    with keep_models():
        again = [start_picture.draw_start(pair, (32, 32), seed, VQGAN) for seed in range(3)]
        assert again == wanted and found == pair
        # What was painted over meanwhile is read anew.
        assert pair[0].picture is not None
        images.save_png(pair[0].picture, torch.rand(1, 3, 32, 32), overwrite=True)
        assert start_picture.draw_start(pair, (32, 32), 0, VQGAN) != wanted[0]
    assert found == [*pair, pair[0]]
