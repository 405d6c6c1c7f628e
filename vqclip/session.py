"""From settings to objects. Read second, after `generate`.

What the settings say is understood by `agenda`, who looks is loaded by `audience`, and what is
drawn first comes from `starts`; here they are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from vqclip import (
    agenda,
    audience,
    changing,
    compass,
    courses,
    fitting,
    itinerary,
    likenesses,
    objectives,
    pictures,
    reading,
    retakes,
    staging,
    starts,
)
from vqclip.agenda import Agenda
from vqclip.audience import Audience
from vqclip.config import RunConfig
from vqclip.drawers.latent import LatentDrawer
from vqclip.generate import Objective, Step
from vqclip.journey import Session
from vqclip.machine import pick_device, price_of_order
from vqclip.models import learnt, needs, vault, zoo
from vqclip.objectives import Material
from vqclip.seeds import pick_seed, purpose_seed
from vqclip.sizes import final_size, plan_stages
from vqclip.starts import Opening
from vqclip.tensors import Image
from vqclip.voyage import Voyage

Size = tuple[int, int]  # width and height, in pixels


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
    run = agenda.read(config, say, beside, begun=start is not None)
    needs.require(run.config.vqgan, run.names, audience.look)
    device = pick_device(run.config.device)
    if run.config.threads > 0:
        torch.set_num_threads(run.config.threads)
    seed = pick_seed(run.config.seed)
    say(f"loading the VQGAN {run.config.vqgan} …")
    vqgan, digest = vault.load(run.config.vqgan, device)
    stages = plan_stages(run.config, vqgan.factor)
    size = stages[-1][:2]
    notes = list(_notes(run, device, size, vqgan.factor))
    if run.stretch is not None:
        before = retakes.start(run.stretch, size)
        start = before if start is None else start
    thrift = fitting.choose(run.config, device, audience.perceptor_source, notes)
    watching = audience.gather(run, seed, device, thrift, say)
    notes += learnt.unknown(run.taught, {p.name: p.width for p in watching.perceptors})
    masks = likenesses.masks(run.wishes, run.folders)
    opening = Opening(run, masks, size, device, seed, watching.perceptors)
    start = _start(run, opening, start, say)
    latent = starts.latent(start, vqgan, stages[0][:2], purpose_seed(seed, "init"))
    models = {run.config.vqgan: digest} | _digests(run, watching)
    notes += likenesses.stretched(_pictures(run), size, run.folders)
    trip = _voyage(run, opening)
    ready = Session(
        config=run.config,
        seed=seed,
        clock=run.clock,
        drawer=LatentDrawer(vqgan, latent, thrift),
        thrift=thrift,
        perceptors=watching.perceptors,
        cutters=watching.cutters,
        objectives=list(_liked(run, watching, opening, start, trip)),
        stages=stages,
        models=models,
        notes=notes,
        start=start,
        words=run.taught,
        voyage=trip,
        rates=courses.rates(run.config, run.tour) if run.tour is not None else (lambda step: 0.0),
    )
    if run.stretch is not None:
        retakes.begin(ready, run.stretch)
    return ready


def _notes(run: Agenda, device: torch.device, size: Size, factor: int) -> Iterator[str]:
    """Say what does nothing, or costs time, and what the VQGAN's `factor` makes of the size."""
    config = run.config
    yield from staging.idle(config, run.tale.scenes)
    if config.deterministic:
        yield price_of_order(device)
    wanted, found = ("{}x{}".format(*each) for each in (final_size(config), size))
    if found != wanted:
        yield (f"size {wanted} becomes {found}: this VQGAN draws in squares of {factor} pixels")


def _start(
    run: Agenda, opening: Opening, there: Image | None, say: Callable[[str], None]
) -> Image | None:
    """The picture that it starts from, made now unless it is there; None for random codes."""
    if run.dreams:
        say("dreaming …")
    first = opening.picture() if run.fresh else there
    return None if first is None else starts.levels(first, opening.device)


def _voyage(run: Agenda, opening: Opening) -> Voyage | None:
    """Where an animation goes, with the drafts that its scenes take up."""
    if run.tour is None:
        return None
    grain, device = purpose_seed(opening.seed, "grain"), opening.device
    trip = courses.voyage(
        run.config, run.tour, opening.size, grain, device, run.tale, run.folders
    )
    for scene in run.scenes_with_drafts:
        drawn = opening.draft(purpose_seed(opening.seed, f"init {scene}"), scene)
        trip.drafts[scene] = starts.levels(drawn, device)
    return trip


def _liked(
    run: Agenda, watching: Audience, opening: Opening, start: Image | None, trip: Voyage | None
) -> Iterator[Objective]:
    """All that is liked about the picture, or about a frame."""
    config = run.config
    eyes = watching.perceptors
    told = list(
        objectives.against_foils(
            *(run.wishes, eyes, run.tale),
            *(changing.read("losses.distinct", config.losses.distinct), config.style),
            run.weights,
        )
    )
    reserved = [*objectives.names_of(config.losses), *(each.name for each in told)]
    reserved += courses.NAMES if run.tour is not None else ()
    material = Material(
        pictures=likenesses.read(run.wishes, opening.size, opening.device, run.folders),
        masks=opening.masks,
        cutter=watching.region_cutter,
        folders=run.folders,
    )
    liked = [
        *objectives.from_prompts(run.wishes, eyes, run.tale, material, reserved, run.weights),
        *told,
        *objectives.from_losses(config.losses, start, run.clock),
    ]
    if run.tour is None or trip is None:
        yield from liked
        return
    yield from objectives.at_first(liked, config.steps)
    yield from courses.objectives(config, run.tour, trip)


def _digests(run: Agenda, watching: Audience) -> dict[str, str]:
    """The sha256 of every file that the picture depends on, but for the VQGAN's, by its name."""
    config, found = run.config, {}
    if run.stretch is not None:
        found[f"frames {config.retake.of}"] = likenesses.digest(run.stretch.files)
    found |= watching.digests()
    for name, path in reading.files(run.wishes, config.style, run.folders).items():
        found[f"word {name}"] = zoo.sha256(path)
    if run.dreams:
        found["starter prior"] = zoo.sha256(zoo.starter_prior() / "prior.safetensors")
    found |= likenesses.digests(_pictures(run), run.folders)
    for name, files in itinerary.files(config, run.folders).items() if run.tour else ():
        found[name] = likenesses.digest(files)
    return found | {f"direction {n}": compass.digest(each) for n, each in run.directions.items()}


def _pictures(run: Agenda) -> list[str]:
    """The names of the pictures that it reads."""
    config = run.config if run.fresh else replace(run.config, init="random")
    return list(pictures.used(config, run.wishes))
