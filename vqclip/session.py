"""From settings to objects. Read second, after `generate`.

The only place where settings become objects: every other module takes plain arguments.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional

from vqclip import dreams, fitting, noise, objectives, pictures, prompts, words
from vqclip.checks import check
from vqclip.config import NOISES, RunConfig
from vqclip.cutouts import RECIPES, Cutter
from vqclip.drawers.latent import LatentDrawer
from vqclip.errors import ConfigError, PictureError
from vqclip.generate import Step
from vqclip.journey import Session
from vqclip.machine import pick_device, pick_precision, price_of_order
from vqclip.models import clips, learnt, needs, vault, zoo
from vqclip.perceptors import OpenClipPerceptor
from vqclip.perceptors import load as load_perceptor
from vqclip.presets import settled
from vqclip.record import images
from vqclip.sizes import final_size, plan_stages
from vqclip.tensors import Image


def play(config: RunConfig) -> Iterator[Step]:
    """Run `config`, yielding a Step at a time; nothing is written.

    Raises:
        VqclipError: if the settings or a model cannot be used.
    """
    yield from build(config).play()


def build(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
    start: Image | None = None,
) -> Session:
    """Turn settings into a session, loading the models.

    Args:
        say: is told what is being done, for people to read.
        beside: a folder in which to look for pictures that are not where their paths say.
        start: the picture that the run began with, if it is to go on: it is not made again.

    Raises:
        VqclipError: if a prompt, a setting or a model cannot be used.
    """
    config = check(settled(config))  # one put together by hand is neither yet
    wishes = styled(prompts.parse(config.prompts), config.style)
    fresh = start is None
    if config.init == "dream" and fresh:
        prompts.wished(wishes)  # refused before a model is loaded
    taught = teach(wishes, beside)
    needs.require(config.vqgan, config.perceptors, look)
    device = pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seed = pick_seed(config.seed)

    say(f"loading the VQGAN {config.vqgan}")
    vqgan, digest = vault.load(config.vqgan, device)
    stages = plan_stages(config, vqgan.factor)
    width, height = stages[-1][:2]
    notes = [price_of_order(device)] if config.deterministic else []
    wanted = "{}x{}".format(*final_size(config))
    if f"{width}x{height}" != wanted:
        notes.append(
            f"size {wanted} becomes {width}x{height}: "
            f"this VQGAN draws in squares of {vqgan.factor} pixels"
        )
    models = {config.vqgan: digest}

    thrift = fitting.choose(config, device, perceptor_source, notes)
    perceptors: list[OpenClipPerceptor] = []
    cutters: dict[int, Cutter] = {}
    for name in config.perceptors:
        say(f"loading the perceptor {name}")
        perceptor = load_perceptor(
            perceptor_source(name),
            device=device,
            precision=pick_precision(config.precision, device),
            contrast=config.cutouts.contrast,
        )
        cutter = cutters.get(perceptor.size)
        if cutter is None:  # perceptors of one size see the same squares
            cutter = cutters[perceptor.size] = _cutter(config, perceptor.size, seed)
        perceptor = perceptor.with_words(learnt.for_width(taught, perceptor.width))
        perceptors.append(replace(perceptor, name=name, cut=cutter, thrift=thrift))
        models[f"{name} clip"] = zoo.sha256(perceptor.weights)
    notes += learnt.unknown(taught, {p.name: p.width for p in perceptors})
    notes += _unread(wishes, perceptors)
    for name, path in words.used(_texts(wishes), beside).items():
        models[f"word {name}"] = zoo.sha256(path)

    if config.init == "dream" and fresh:
        say("dreaming")
        models["starter prior"] = zoo.sha256(zoo.starter_prior() / "prior.safetensors")
    if fresh:
        start = _start(config, wishes, taught, (width, height), seed, device, beside)
    if start is not None:  # to as many levels as a checkpoint keeps
        start = start.to(device).mul(255).round().div(255)
    wide, high, _ = stages[0]
    if start is None:
        generator = torch.Generator().manual_seed(purpose_seed(seed, "init"))
        latent = vqgan.random(high // vqgan.factor, wide // vqgan.factor, generator)
    else:
        with torch.no_grad():
            small = functional.interpolate(start, [high, wide], mode="bilinear", antialias=True)
            latent = vqgan.encode(small)
    seen = {
        wish.body: images.read(pictures.locate(wish.body, beside), size=(width, height)).to(
            device
        )
        for wish in wishes
        if wish.kind == "image"
    }
    for name in pictures.used(config if fresh else replace(config, init="random"), wishes):
        path = pictures.locate(name, beside)
        models[f"picture {name}"] = zoo.sha256(path)
        note = pictures.stretched(name, path, (width, height))
        notes += [] if note is None else [note]
    return Session(
        config=config,
        seed=seed,
        drawer=LatentDrawer(vqgan, latent, thrift),
        thrift=thrift,
        perceptors=perceptors,
        objectives=[
            *objectives.from_prompts(
                wishes, perceptors, seen, reserved=objectives.names_of(config.losses)
            ),
            *objectives.against_foils(
                wishes, perceptors, config.losses.distinct, partial(_around, style=config.style)
            ),
            *objectives.from_losses(config.losses, start),
        ],
        stages=stages,
        models=models,
        notes=notes,
        start=start,
        words=taught,
    )


def teach(wishes: tuple[prompts.Prompt, ...], beside: Path | None = None) -> list[learnt.Learnt]:
    """Read the files of the words that wishes name, as `<my-cat>`.

    Raises:
        PromptError: if a word has no file. ModelError: if its file cannot be read.
    """
    found = words.used(_texts(wishes), beside)
    return [learnt.load(path, name) for name, path in found.items()]


def _texts(wishes: tuple[prompts.Prompt, ...]) -> list[str]:
    return [wish.body for wish in wishes if wish.kind == "text"]


def styled(wishes: tuple[prompts.Prompt, ...], style: str) -> tuple[prompts.Prompt, ...]:
    """Put the words of a style around (or, without {}, after) every text that is wished for.

    What is to be avoided is left alone: nobody means "fog, but not as an etching".
    """
    return tuple(
        replace(wish, body=_around(wish.body, style))
        if wish.kind == "text" and wish.weight > 0
        else wish
        for wish in wishes
    )


def _around(text: str, style: str) -> str:
    if not style.strip():
        return text
    form = style if "{}" in style else f"{{}}, {style}"
    return form.replace("{}", text).strip()


def perceptor_source(name: str) -> str:
    """Where a perceptor comes from: its folder, if the name is one, or the name as it is.

    Raises:
        ConfigError: if the name is longer than the name of a file may be.
    """
    if name in zoo.starter_clips():
        return str(zoo.starter_clips()[name])
    path = os.path.expanduser(name)
    try:
        os.stat(path)
    except ValueError:
        pass  # a null byte: open_clip's names have none either, and it says so
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ConfigError(
                f"no perceptor is called {name[:60]!r}…; write model::weights in open_clip's "
                "names, for example ViT-B-32::openai"
            ) from error
    return path if os.path.isdir(path) else name


def look(name: str) -> needs.Absent | None:
    """Tell whether a perceptor's weights are absent; for `needs`."""
    return clips.absent(perceptor_source(name))


def pick_seed(seed: int | None) -> int:
    """Take the seed that is given, or draw one."""
    return secrets.randbelow(2**32) if seed is None else seed


def purpose_seed(seed: int, purpose: str) -> int:
    """Derive the seed of one purpose, so that a new purpose never shifts another's numbers."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _cutter(config: RunConfig, size: int, seed: int) -> Cutter:
    recipe = RECIPES[config.cutouts.recipe]
    if config.cutouts.noise is not None:
        recipe = replace(recipe, noise=config.cutouts.noise)
    stream = purpose_seed(seed, f"cutouts {size}")
    return Cutter(size, count=config.cutouts.count, recipe=recipe, seed=stream)


def _unread(wishes: tuple[prompts.Prompt, ...], perceptors: list[OpenClipPerceptor]) -> list[str]:
    """What no perceptor will read, because the prompt is too long for it."""
    notes = []
    for perceptor in perceptors:
        for wish in wishes:
            count = perceptor.count_tokens(wish.body) if wish.kind == "text" else 0
            if count > perceptor.context_length:
                notes.append(
                    f"{perceptor.name} reads the first {perceptor.context_length - 2} of the "
                    f"{count - 2} tokens of {wish.body[:40]!r}…; part long prompts with |"
                )
    return notes


def _start(
    config: RunConfig,
    wishes: tuple[prompts.Prompt, ...],
    taught: list[learnt.Learnt],
    size: tuple[int, int],
    seed: int,
    device: torch.device,
    beside: Path | None,
) -> Image | None:
    """The picture that the run starts from, at its final size, or None for random codes."""
    width, height = size
    if config.init == "random":
        return None
    generator = torch.Generator().manual_seed(purpose_seed(seed, "init"))
    if config.init == "dream":
        dreamer = dreams.knowing(dreams.load(device), taught)
        drafts = dreamer.dream(prompts.wished(wishes), config.dream, generator)
        return dreams.laid_out(drafts[0].image, width, height)
    if config.init in NOISES:
        options = {"name": config.init_colour} if config.init == "colour" else {}
        return noise.NOISES[config.init](width, height, generator, **options).to(device)
    path = pictures.locate(config.init, beside)
    if not os.path.exists(path) and path.suffix == "":
        raise PictureError(pictures.no_start(config.init))
    return images.read(path, size=(width, height)).to(device)
