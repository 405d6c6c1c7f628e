"""The session builder: from a request to the objects of the loop. Read second.

What the settings say is understood by `run.preflight`, the perceptors are loaded by
`run.perceptors`, and what is drawn first comes from `run.init_image`; here they are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from vqclip.animation.feedback import FrameFeedback
from vqclip.config import animation_checks, scheduled
from vqclip.config.schema import RunConfig
from vqclip.config.sizes import final_size, plan_stages
from vqclip.drawers.registry import DRAWERS
from vqclip.generate import Objective, Step
from vqclip.guidance import objectives
from vqclip.guidance.objectives import PromptInputs
from vqclip.language import assets
from vqclip.models import clip
from vqclip.models import vqgan as models_vqgan
from vqclip.models.device import pick_device, pick_seed, price_of_order, purpose_seed
from vqclip.models.zoo import registry, word_embedding
from vqclip.run import frames, init_image, memory_fit, motion, perceptors, preflight, resume
from vqclip.run import start as run_start
from vqclip.run.init_image import InitImage
from vqclip.run.perceptors import PerceptorSet
from vqclip.run.preflight import Request
from vqclip.run.resume import ResumePoint
from vqclip.run.runner import Runner
from vqclip.tensors import Image

Size = tuple[int, int]  # width and height, in pixels


def play(config: RunConfig) -> Iterator[Step]:
    """Run `config`, yielding a Step at a time; nothing is written.

    Raises:
        VqclipError: if the settings or a model cannot be used.
    """
    # `build` names every model that is absent; the request would name those of the catalogue.
    yield from build(preflight.make_request(config, complete=False)).play()


def build(
    request: Request,
    say: Callable[[str], None] = lambda words: None,
    point: ResumePoint | None = None,
) -> Runner:
    """Turn a request into a session, loading the models; the only place that makes one.

    Args:
        say: is told what is being done, for people to read.
        point: where the run stopped, if it is to go on; the request has to be that of the run.

    Raises:
        VqclipError: if a model, or a file that the request names, cannot be used.
    """
    start = None if point is None else resume.read_start_picture(point)
    config = request.config
    registry.require_models(config.vqgan, request.names, clip.absent)
    words = [word_embedding.read_word(path, name) for name, path in request.words.items()]
    device = pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seed = pick_seed(config.seed)
    say(f"loading the VQGAN {config.vqgan} …")
    vqgan, digest = models_vqgan.load_vqgan(config.vqgan, device)
    stages = plan_stages(config, vqgan.factor)
    size = stages[-1][:2]
    notes = list(_notes(request, device, size, vqgan.factor))
    if request.retake is not None:
        before = run_start.read_first_frame(request.retake, size)
        start = before if start is None else start
    memory_policy = memory_fit.choose(request, device, notes)
    watching = perceptors.load_perceptors(request, words, seed, device, memory_policy, say)
    notes += word_embedding.unknown_words(words, {p.name: p.width for p in watching.perceptors})
    masks = init_image.masks(request.wishes, request.search_path)
    opening = InitImage(request, words, masks, size, device, seed, watching.perceptors)
    start = _start(request, opening, start, say)
    latent = init_image.latent(start, vqgan, stages[0][:2], purpose_seed(seed, "init"))
    models = {config.vqgan: digest} | _digests(request, watching)
    notes += init_image.stretched(_pictures(request), size, request.search_path)
    trip = _voyage(request, opening)
    ready = Runner(
        config=config,
        seed=seed,
        clock=request.clock,
        drawer=DRAWERS["latent"](vqgan, latent, memory_policy),
        memory_policy=memory_policy,
        perceptors=watching.perceptors,
        cutters=watching.cutters,
        objectives=list(_liked(request, watching, opening, start, trip)),
        stages=stages,
        models=models,
        notes=notes,
        start=start,
        words=words,
        voyage=trip,
        rates=motion.step_rates(config, request.frames)
        if request.frames is not None
        else (lambda step: 0.0),
    )
    if trip is not None and request.retake is not None:
        run_start.begin_retake(ready, trip, request.retake)
    if point is not None:
        resume.restore_into(ready, point)
    return ready


def _notes(request: Request, device: torch.device, size: Size, factor: int) -> Iterator[str]:
    """Say what does nothing, or costs time, and what the VQGAN's `factor` makes of the size."""
    config = request.config
    yield from animation_checks.idle_settings(config, request.scenes.scenes)
    if config.deterministic:
        yield price_of_order(device)
    wanted, found = ("{}x{}".format(*each) for each in (final_size(config), size))
    if found != wanted:
        yield (
            f"size {wanted} becomes {found}: for this VQGAN, each side must be a multiple of "
            f"{factor} pixels"
        )


def _start(
    request: Request, opening: InitImage, there: Image | None, say: Callable[[str], None]
) -> Image | None:
    """The picture that it starts from, made now unless it is there; None for random codes."""
    if request.dreams:
        say("dreaming …")
    first = opening.picture() if request.fresh else there
    return None if first is None else init_image.levels(first, opening.device)


def _voyage(request: Request, opening: InitImage) -> FrameFeedback | None:
    """Where an animation goes, with the drafts that its scenes take up."""
    if request.frames is None:
        return None
    grain, device = purpose_seed(opening.seed, "grain"), opening.device
    trip = motion.build_feedback(
        *(request.config, request.frames, opening.size, grain, device),
        *(request.scenes, request.search_path),
    )
    for scene in request.scenes_with_drafts:
        drawn = opening.draft(purpose_seed(opening.seed, f"init {scene}"), scene)
        trip.drafts[scene] = init_image.levels(drawn, device)
    return trip


def _liked(
    request: Request,
    watching: PerceptorSet,
    opening: InitImage,
    start: Image | None,
    trip: FrameFeedback | None,
) -> Iterator[Objective]:
    """All that is liked about the picture, or about a frame."""
    config = request.config
    eyes = watching.perceptors
    told = list(
        objectives.against_foils(
            *(request.wishes, eyes, request.scenes),
            *(scheduled.read_scheduled("losses.distinct", config.losses.distinct), config.style),
            request.weights,
        )
    )
    reserved = [*objectives.names_of(config.losses), *(each.name for each in told)]
    reserved += motion.NAMES if request.frames is not None else ()
    material = PromptInputs(
        pictures=init_image.read_target_images(
            request.wishes, opening.size, opening.device, request.search_path
        ),
        masks=opening.masks,
        cutter=watching.region_cutter,
        search_path=request.search_path,
    )
    liked = [
        *objectives.from_prompts(
            request.wishes, eyes, request.scenes, material, reserved, request.weights
        ),
        *told,
        *objectives.from_losses(config.losses, start, request.clock),
    ]
    if request.frames is None or trip is None:
        yield from liked
        return
    yield from objectives.at_first(liked, config.steps)
    yield from motion.frame_objectives(config, request.frames, trip)


def _digests(request: Request, watching: PerceptorSet) -> dict[str, str]:
    """The sha256 of every file that the picture depends on, but for the VQGAN's, by its name."""
    config, found = request.config, {}
    if request.retake is not None:
        found[f"frames {config.retake.of}"] = init_image.digest(request.retake.files)
    found |= watching.digests()
    for name, path in request.words.items():
        found[f"word {name}"] = registry.sha256(path)
    if request.dreams:
        found["starter prior"] = registry.sha256(registry.starter_prior() / "prior.safetensors")
    found |= init_image.digests(_pictures(request), request.search_path)
    if request.frames is not None:
        read = frames.source_files(config, request.search_path)
        found |= {name: init_image.digest(files) for name, files in read.items()}
    return found | {
        f"direction {n}": assets.hash_direction(each) for n, each in request.directions.items()
    }


def _pictures(request: Request) -> list[str]:
    """The names of the pictures that it reads."""
    config = request.config if request.fresh else replace(request.config, init="random")
    return list(preflight.images_of_run(config, request.wishes))
