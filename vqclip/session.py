"""From settings to objects. Read second, after `generate`.

The only place where settings become objects: every other module takes plain arguments.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from vqclip import (
    changing,
    compass,
    courses,
    eyes,
    fitting,
    folders,
    itinerary,
    likenesses,
    objectives,
    pictures,
    prompts,
    reading,
    regions,
    retakes,
    sound,
    squares,
    staging,
    starts,
    story,
)
from vqclip.beginnings import settled
from vqclip.checks import check
from vqclip.config import RunConfig
from vqclip.cutouts import Cutter
from vqclip.drawers.latent import LatentDrawer
from vqclip.errors import ConfigError
from vqclip.generate import Step
from vqclip.journey import REGION, Session
from vqclip.machine import pick_device, pick_precision, price_of_order
from vqclip.models import clips, learnt, needs, vault, zoo
from vqclip.perceptors import OpenClipPerceptor
from vqclip.perceptors import load as load_perceptor
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
        beside: the folder of what is made again or goes on; see `vqclip.folders`.
        start: the picture that the run began with, if it is to go on: it is not made again.

    Raises:
        VqclipError: if a prompt, a setting or a model cannot be used.
    """
    # One put together by hand is none of these yet.
    config = check(settled(config))
    staging.check(config)
    where = folders.of(config.assets, beside)
    staging.require(config, where)
    config = itinerary.counted(config, where)
    wishes = reading.styled(prompts.understood(config.prompts, config.negative), config.style)
    watching = [eyes.parse(entry) for entry in config.perceptors]
    names = [eye.name for eye in watching]
    eyes.check_readers(wishes, names)
    prompts.check_scenes(wishes, config.frames or config.steps)
    stretch = retakes.stretch(config, where)
    new = start is None  # and not a run that goes on
    fresh = new and (stretch is None or stretch.comes_from is None)
    if config.init == "dream" and fresh:
        prompts.wished(wishes)  # refused before a model is loaded
    heard = itinerary.hear(config, where) if config.frames else None
    if heard is not None:
        say(sound.describe(heard))
    tour = itinerary.plan(config, heard.variables if heard else {}) if config.frames else None
    clock = changing.clock_of(config) if tour is None else tour.clock
    tale = story.tell(wishes, clock, config.fade, loop=config.loop)
    # What cannot be at some frame is refused before a model is loaded.
    changing.curves(config, clock)
    for wish in wishes:
        clock.within(wish.weight, f"the weight of {wish.body!r}", -math.inf)
    weights = {
        eye.name: clock.within(eye.weight, f"perceptors: the weight of {eye.name}", 0)
        for eye in watching
    }
    ways = [wish.body for wish in wishes if wish.kind == "vector"]
    directions = {name: compass.find(name, where) for name in ways}
    taught = reading.taught(wishes, config.style, where)
    needs.require(config.vqgan, names, look)
    device = pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seed = pick_seed(config.seed)

    say(f"loading the VQGAN {config.vqgan} …")
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
    if stretch is not None:
        begins = retakes.start(stretch, (width, height))
        start = begins if start is None else start
        models[f"frames {config.retake.of}"] = likenesses.digest(stretch.files)

    thrift = fitting.choose(config, device, perceptor_source, notes)
    perceptors: list[OpenClipPerceptor] = []
    cutters: dict[str, Cutter] = {}
    for eye in watching:
        say(f"loading the perceptor {eye.name} …")
        perceptor = load_perceptor(
            perceptor_source(eye.name),
            device=device,
            precision=pick_precision(config.precision, device),
            contrast=config.cutouts.contrast,
        )
        perceptor = perceptor.with_words(learnt.for_width(taught, perceptor.width))
        # Those of one size that see as many squares see the same ones.
        key = f"{perceptor.size}{'' if eye.squares is None else f' {eye.squares}'}"
        stream = purpose_seed(seed, f"cutouts {key}")
        cutter = squares.cutter(config, clock, cutters, stream, key, perceptor.size, eye.squares)
        perceptors.append(replace(perceptor, name=eye.name, cut=cutter, thrift=thrift))
        models[f"{eye.name} clip"] = zoo.sha256(perceptor.weights)
    notes += learnt.unknown(taught, {p.name: p.width for p in perceptors})
    for line in _read_by(wishes, perceptors):
        say(line)
    for name, path in reading.files(wishes, config.style, where).items():
        models[f"word {name}"] = zoo.sha256(path)

    if config.init == "dream" and fresh:
        say("dreaming …")
        models["starter prior"] = zoo.sha256(zoo.starter_prior() / "prior.safetensors")
    masks = likenesses.masks(wishes, where)
    if fresh:
        stream = purpose_seed(seed, "init")
        shares = tale.shares(0)
        opening = shares.index(max(shares))
        start = starts.picture(
            *(config, wishes, taught, masks, (width, height), stream, device, where, opening)
        )
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
    read = pictures.used(config if fresh else replace(config, init="random"), wishes)
    models |= likenesses.digests(read, where)
    for name, files in itinerary.files(config, where).items() if tour is not None else ():
        models[name] = likenesses.digest(files)
    models |= {f"direction {name}": compass.digest(each) for name, each in directions.items()}
    notes += likenesses.stretched(read, (width, height), where)

    def region_cutter(perceptor: OpenClipPerceptor, number: int) -> Cutter:
        own = next(key for key, cutter in cutters.items() if cutter is perceptor.cut)
        (seen,) = (eye.squares for eye in watching if eye.name == perceptor.name)
        key = f"{own}{REGION}{number}"
        asked = (purpose_seed(seed, f"cutouts {key}"), key, perceptor.size, seen)
        return squares.cutter(config, clock, cutters, *asked, share=regions.count)

    material = objectives.Material(
        pictures=likenesses.read(wishes, (width, height), device, where),
        masks=masks,
        cutter=region_cutter,
        folders=where,
    )
    trip = None
    if tour is not None:
        grain = purpose_seed(seed, "grain")
        trip = courses.voyage(config, tour, (width, height), grain, device, tale, where)
        if new and config.init == "dream" and config.motion.drafts > 0:
            for scene in range(tale.scenes if tale.scenes > 1 else 0):
                stream = purpose_seed(seed, f"init {scene}")
                drawn = starts.draft(
                    config, wishes, taught, masks, (width, height), stream, device, scene
                )
                trip.drafts[scene] = drawn.to(device).mul(255).round().div(255)
    told = list(
        objectives.against_foils(
            *(wishes, perceptors, tale),
            *(changing.read("losses.distinct", config.losses.distinct), config.style, weights),
        )
    )
    reserved = [*objectives.names_of(config.losses), *(each.name for each in told)]
    reserved += courses.NAMES if tour is not None else ()
    liked = [
        *objectives.from_prompts(wishes, perceptors, tale, material, reserved, weights),
        *told,
        *objectives.from_losses(config.losses, start, clock),
    ]
    if tour is not None and trip is not None:
        liked = [
            *objectives.at_first(liked, config.steps),
            *courses.objectives(config, tour, trip),
        ]
    ready = Session(
        config=config,
        seed=seed,
        clock=clock,
        drawer=LatentDrawer(vqgan, latent, thrift),
        thrift=thrift,
        perceptors=perceptors,
        cutters=cutters,
        objectives=liked,
        stages=stages,
        models=models,
        notes=notes,
        start=start,
        words=taught,
        voyage=trip,
        rates=courses.rates(config, tour) if tour is not None else (lambda step: 0.0),
    )
    if stretch is not None:
        retakes.begin(ready, stretch)
    return ready


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


def _read_by(
    wishes: Sequence[prompts.Prompt], perceptors: Sequence[OpenClipPerceptor]
) -> Iterator[str]:
    """Say how many tokens each perceptor reads of each text, and in how many parts."""
    for perceptor in perceptors:
        told = []
        for wish in wishes:
            if wish.kind == "text" and (not wish.only or perceptor.name in wish.only):
                parts = reading.chunks(reading.spoken(wish, perceptor), perceptor)
                tokens = " + ".join(str(part.tokens) for part in parts)
                told.append(f"{wish.body[:40]!r} {tokens}")
        if told:
            yield f"{perceptor.name} reads, in tokens: {', '.join(told)}"
