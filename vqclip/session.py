"""The session builder: from settings to the objects of the loop. Read second.

What the settings say is understood by `agenda`, who looks is loaded by `audience`, and what is
drawn first comes from `starts`; here they are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from vqclip.animation.feedback import FrameFeedback
from vqclip.config import animation_checks, scheduled
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size, plan_stages
from vqclip.drawers.registry import DRAWERS
from vqclip.generate import Objective, Step
from vqclip.guidance import objectives, prompt_embedding
from vqclip.guidance.objectives import PromptInputs
from vqclip.language import assets
from vqclip.models import vqgan as models_vqgan
from vqclip.models.device import pick_device, pick_seed, price_of_order, purpose_seed
from vqclip.models.zoo import registry, word_embedding
from vqclip.run import frames, init_image, memory_fit, motion, perceptors, plan, preflight, retake
from vqclip.run.init_image import InitImage
from vqclip.run.perceptors import PerceptorSet
from vqclip.run.plan import RunPlan
from vqclip.run.runner import Runner
from vqclip.tensors import Image

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
) -> Runner:
    """Turn settings into a session, loading the models.

    Args:
        say: is told what is being done, for people to read.
        beside: the folder of what is made again or goes on; see `vqclip.language.assets`.
        start: the picture that the run began with, if it is to go on: it is not made again.

    Raises:
        VqclipError: if a prompt, a setting or a model cannot be used.
    """
    run = plan.make_plan(config, say, beside, begun=start is not None)
    registry.require_models(run.config.vqgan, run.names, perceptors.look)
    device = pick_device(run.config.device)
    if run.config.threads > 0:
        torch.set_num_threads(run.config.threads)
    seed = pick_seed(run.config.seed)
    say(f"loading the VQGAN {run.config.vqgan} …")
    vqgan, digest = models_vqgan.load_vqgan(run.config.vqgan, device)
    stages = plan_stages(run.config, vqgan.factor)
    size = stages[-1][:2]
    notes = list(_notes(run, device, size, vqgan.factor))
    if run.stretch is not None:
        before = retake.read_first_frame(run.stretch, size)
        start = before if start is None else start
    thrift = memory_fit.choose(run.config, device, perceptors.perceptor_source, notes)
    watching = perceptors.load_perceptors(run, seed, device, thrift, say)
    notes += word_embedding.unknown_words(
        run.taught, {p.name: p.width for p in watching.perceptors}
    )
    masks = init_image.masks(run.wishes, run.folders)
    opening = InitImage(run, masks, size, device, seed, watching.perceptors)
    start = _start(run, opening, start, say)
    latent = init_image.latent(start, vqgan, stages[0][:2], purpose_seed(seed, "init"))
    models = {run.config.vqgan: digest} | _digests(run, watching)
    notes += init_image.stretched(_pictures(run), size, run.folders)
    trip = _voyage(run, opening)
    ready = Runner(
        config=run.config,
        seed=seed,
        clock=run.clock,
        drawer=DRAWERS["latent"](vqgan, latent, thrift),
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
        rates=motion.step_rates(run.config, run.tour)
        if run.tour is not None
        else (lambda step: 0.0),
    )
    if run.stretch is not None:
        retake.begin_retake(ready, run.stretch)
    return ready


def _notes(run: RunPlan, device: torch.device, size: Size, factor: int) -> Iterator[str]:
    """Say what does nothing, or costs time, and what the VQGAN's `factor` makes of the size."""
    config = run.config
    yield from animation_checks.idle_settings(config, run.tale.scenes)
    if config.deterministic:
        yield price_of_order(device)
    wanted, found = ("{}x{}".format(*each) for each in (final_size(config), size))
    if found != wanted:
        yield (f"size {wanted} becomes {found}: this VQGAN draws in squares of {factor} pixels")


def _start(
    run: RunPlan, opening: InitImage, there: Image | None, say: Callable[[str], None]
) -> Image | None:
    """The picture that it starts from, made now unless it is there; None for random codes."""
    if run.dreams:
        say("dreaming …")
    first = opening.picture() if run.fresh else there
    return None if first is None else init_image.levels(first, opening.device)


def _voyage(run: RunPlan, opening: InitImage) -> FrameFeedback | None:
    """Where an animation goes, with the drafts that its scenes take up."""
    if run.tour is None:
        return None
    grain, device = purpose_seed(opening.seed, "grain"), opening.device
    trip = motion.build_feedback(
        run.config, run.tour, opening.size, grain, device, run.tale, run.folders
    )
    for scene in run.scenes_with_drafts:
        drawn = opening.draft(purpose_seed(opening.seed, f"init {scene}"), scene)
        trip.drafts[scene] = init_image.levels(drawn, device)
    return trip


def _liked(
    run: RunPlan,
    watching: PerceptorSet,
    opening: InitImage,
    start: Image | None,
    trip: FrameFeedback | None,
) -> Iterator[Objective]:
    """All that is liked about the picture, or about a frame."""
    config = run.config
    eyes = watching.perceptors
    told = list(
        objectives.against_foils(
            *(run.wishes, eyes, run.tale),
            *(scheduled.read_scheduled("losses.distinct", config.losses.distinct), config.style),
            run.weights,
        )
    )
    reserved = [*objectives.names_of(config.losses), *(each.name for each in told)]
    reserved += motion.NAMES if run.tour is not None else ()
    material = PromptInputs(
        pictures=init_image.read_target_images(
            run.wishes, opening.size, opening.device, run.folders
        ),
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
    yield from motion.frame_objectives(config, run.tour, trip)


def _digests(run: RunPlan, watching: PerceptorSet) -> dict[str, str]:
    """The sha256 of every file that the picture depends on, but for the VQGAN's, by its name."""
    config, found = run.config, {}
    if run.stretch is not None:
        found[f"frames {config.retake.of}"] = init_image.digest(run.stretch.files)
    found |= watching.digests()
    for name, path in prompt_embedding.files(run.wishes, config.style, run.folders).items():
        found[f"word {name}"] = registry.sha256(path)
    if run.dreams:
        found["starter prior"] = registry.sha256(registry.starter_prior() / "prior.safetensors")
    found |= init_image.digests(_pictures(run), run.folders)
    for name, files in frames.source_files(config, run.folders).items() if run.tour else ():
        found[name] = init_image.digest(files)
    return found | {f"direction {n}": assets.digest(each) for n, each in run.directions.items()}


def _pictures(run: RunPlan) -> list[str]:
    """The names of the pictures that it reads."""
    config = run.config if run.fresh else replace(run.config, init="random")
    return list(preflight.images_of_run(config, run.wishes))
