"""The session builder: from a request to the objects of the loop. Read second.

What the settings say is understood by `run.preflight`, the perceptors are loaded by
`run.perceptor_set`, and what is drawn first comes from `run.init_image`; here they are put
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vqclip.animation import depth_model
from vqclip.animation.frame_feedback import FrameFeedback
from vqclip.config import schedule_settings
from vqclip.config.checking import animation_checks, picture_checks
from vqclip.config.checking.seeds import purpose_seed, read_seed
from vqclip.config.draw_settings import drawer_names, uses_vqgan
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import DRAWER_LOSSES
from vqclip.config.sizes import describe_multiples, final_size, plan_stages
from vqclip.drawers.base import BaseDrawer
from vqclip.drawers.filtered import FilteredDrawer
from vqclip.drawers.latent import LatentDrawer
from vqclip.drawers.registry import DRAWERS, DrawerInputs
from vqclip.guidance import objectives
from vqclip.guidance.composition import thing_prompts
from vqclip.guidance.losses import aesthetic_heads, loss_files, pixel_losses
from vqclip.guidance.losses.loss_files import LossFiles
from vqclip.guidance.losses.registry import LossInputs
from vqclip.guidance.objectives import PromptInputs
from vqclip.guidance.perceptor import OpenClipPerceptor
from vqclip.language.prompt_types import Prompt
from vqclip.media.paths import describe_unread
from vqclip.models import clip
from vqclip.models import vqgan as models_vqgan
from vqclip.models.device import (
    describe_deterministic_cost,
    open_noise,
    pick_decoder_precision,
    pick_device,
    pick_seed,
)
from vqclip.models.memory import MemoryPolicy
from vqclip.models.vqgan import VQGAN
from vqclip.models.zoo import model_files, word_embedding
from vqclip.optimisation_loop import Loss, Objective, Step
from vqclip.repeats import REPEATS
from vqclip.run import animation_setup, init_image, memory_reduction, preflight, resume
from vqclip.run import first_frame as run_start
from vqclip.run.init_image import InitImage
from vqclip.run.perceptor_set import PerceptorSet, load_perceptors
from vqclip.run.preflight import Request
from vqclip.run.resume import ResumePoint
from vqclip.run.runner import Runner
from vqclip.run.steps.gradient_balance import GradientBalance
from vqclip.run.steps.overlay import Overlay
from vqclip.run.steps.plateau import Plateau
from vqclip.tensors import Image

Size = tuple[int, int]  # width and height, in pixels


def play_config(config: RunConfig) -> Iterator[Step]:
    """Run `config`, yielding a Step at a time; nothing is written.

    Raises:
        VqclipError: if the settings or a model cannot be used.
    """
    # `build_runner` names every model that is absent; the request would name those of the
    # catalogue.
    yield from build_runner(preflight.make_request(config, complete=False)).play()


def build_runner(
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
    model_files.require_models(request.vqgan, request.names, clip.is_absent)
    words = [word_embedding.read_word(path, name) for name, path in request.words.items()]
    device = pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seed = pick_seed(config.seed)
    files = loss_files.read_loss_files(config, request.search_path, device)
    vqgan, models = _load_vqgan(request, device, say)
    factor = 1 if vqgan is None else vqgan.factor
    stages = plan_stages(config, factor)
    size = stages[-1][:2]
    notes = list(_notes(request, device, size, factor))
    if request.retake is not None:
        before = run_start.read_first_frame(request.retake, size)
        start = before if start is None else start
    memory_policy = memory_reduction.choose_memory_policy(request, device, notes)
    if vqgan is not None and memory_policy.tiles:
        vqgan.gradient_dtype = torch.float32
    perceptor_set = load_perceptors(request, words, seed, device, memory_policy, say)
    notes += word_embedding.unknown_word_notes(
        words, {p.name: p.width for p in perceptor_set.perceptors}
    )
    weighed = _weigh_prompts(request)
    masks = init_image.make_masks([*request.prompts, *weighed], request.search_path)
    walk = read_seed(seed)
    opening = InitImage(request, words, masks, size, device, walk, perceptor_set.perceptors)
    start = _make_start(request, opening, start, say)
    first, *last = _make_drawers(request, stages, vqgan, memory_policy)
    things = _find_things(request, opening, start)
    keep = _make_keeper(request, start, things)
    where = request.search_path, request.clock, size, device
    overlay = Overlay.from_settings(config, request.intervals.overlay, [first, *last], *where)
    if keep is not None and overlay is not None:
        keep = overlay.leave_out(keep)
    filtered = FilteredDrawer(first, seed, _make_filter(config), keep)
    balance = GradientBalance.from_settings(config, request.weights, filtered)
    if balance is not None:
        watched = [balance.watch(each) for each in perceptor_set.perceptors]
        perceptor_set = replace(perceptor_set, perceptors=watched)
    init_image.start_drawer(first, start, open_noise(walk.derive("init")), device)
    models |= init_image.list_digests(request, perceptor_set.digests())
    plateau = Plateau.from_settings(config, request.parsed_prompts, words, device)
    models |= {} if plateau is None else plateau.digests()
    notes += init_image.describe_stretched(
        init_image.list_stretched(request), size, request.search_path
    )
    notes += picture_checks.describe_cropped(request.prompts, request.search_path)
    notes += init_image.describe_masks(request.prompts, request.search_path)
    notes += describe_unread(
        str(request.search_path.find(n)) for n in init_image.list_pictures(request)
    )
    feedback = _make_feedback(request, opening)
    ready = Runner(
        config=config,
        seed=seed,
        clock=request.clock,
        filtered=filtered,
        finish=(last[0], config.steps - sum(count for *_, count in stages)) if last else None,
        memory_policy=memory_policy,
        perceptors=perceptor_set.perceptors,
        cutters=perceptor_set.cutters,
        objectives=list(
            _make_objectives(
                *(request, perceptor_set, opening, start, things, feedback, filtered, files)
            )
        ),
        stages=stages,
        models=models,
        computed=_describe_computation(perceptor_set.perceptors[0], vqgan),
        notes=notes,
        start=start,
        prepared=opening.stopwatch.seconds,
        words=words,
        layouts=request.layouts,
        feedback=feedback,
        rates=animation_setup.step_rates(config, request.frames, first)
        if request.frames is not None
        else (lambda step: 0.0),
        overlay=overlay,
        balance=balance,
        plateau=plateau,
    )
    if feedback is not None and request.retake is not None:
        run_start.begin_retake(ready, feedback, request.retake)
    if point is not None:
        resume.restore_into(ready, point)
    return ready


def _load_vqgan(
    request: Request, device: torch.device, say: Callable[[str], None]
) -> tuple[VQGAN | None, dict[str, str]]:
    """Load the VQGAN, if there is one among the drawers, and give its sha256 by its name."""
    if request.vqgan is None:
        return None, {}
    say(f"loading the VQGAN {request.vqgan} …")
    vqgan, digest = models_vqgan.load_vqgan(request.vqgan, device)
    if pick_decoder_precision(request.config.precision, device) == "bf16":
        vqgan.gradient_dtype = torch.bfloat16
    return vqgan, {request.vqgan: digest}


def _describe_computation(perceptor: OpenClipPerceptor, vqgan: VQGAN | None) -> dict[str, str]:
    """The device and the number formats that the run computes in, as notes have them."""
    half = vqgan is not None and vqgan.gradient_dtype == torch.bfloat16
    return perceptor.computation | ({"decoder": "bf16"} if half else {})


def _make_drawers(
    request: Request,
    stages: Sequence[tuple[int, int, int]],
    vqgan: VQGAN | None,
    memory_policy: MemoryPolicy,
) -> list[BaseDrawer]:
    """Make the drawers of a run: one for the size at first, and one for the last steps."""
    config = request.config
    return [
        DRAWERS[name](
            DrawerInputs(wide, high, config.draw, vqgan, memory_policy, REPEATS[config.tile])
        )
        for name, (wide, high, _) in zip(
            drawer_names(config.drawer), (stages[0], stages[-1]), strict=False
        )
    ]


def _notes(request: Request, device: torch.device, size: Size, factor: int) -> Iterator[str]:
    """Say what does nothing, or costs time, and what the VQGAN's `factor` makes of the size."""
    config = request.config
    yield from animation_checks.idle_settings(config, request.scenes.scenes)
    if config.deterministic:
        yield describe_deterministic_cost(device)
    wanted, found = ("{}x{}".format(*each) for each in (final_size(config), size))
    if found != wanted:
        yield f"size {wanted} becomes {found}: {describe_multiples(config, factor)}"


def _make_start(
    request: Request, opening: InitImage, there: Image | None, say: Callable[[str], None]
) -> Image | None:
    """The picture that it starts from, made now unless it is there; None for random codes."""
    if request.starts_from_draft:
        say("dreaming …")
    with opening.stopwatch:
        first = opening.draw_picture() if request.starts_anew else there
    return None if first is None else init_image.quantise_levels(first, opening.device)


def _make_feedback(request: Request, opening: InitImage) -> FrameFeedback | None:
    """Where an animation goes, with the drafts that its scenes take up."""
    if request.frames is None:
        return None
    grain, device = purpose_seed(opening.seed.first, "grain"), opening.device
    feedback = animation_setup.build_feedback(
        *(request.config, request.frames, opening.size, grain, device),
        *(request.scenes, request.search_path),
    )
    for scene in request.scenes_with_drafts:
        with opening.stopwatch:
            drawn = opening.draw_draft(opening.seed.derive(f"init {scene}"), scene)
        feedback.drafts[scene] = init_image.quantise_levels(drawn, device)
    return feedback


def _make_objectives(
    request: Request,
    perceptor_set: PerceptorSet,
    opening: InitImage,
    start: Image | None,
    things: Tensor | None,
    feedback: FrameFeedback | None,
    filtered: FilteredDrawer,
    files: LossFiles,
) -> Iterator[Objective]:
    """All that is liked about the picture, or about a frame."""
    config = request.config
    perceptors = perceptor_set.perceptors
    prompts = _weigh_prompts(request)
    told = list(
        objectives.make_distractor_objectives(
            *([p for p in prompts if p.scene not in request.layouts], perceptors, request.scenes),
            *(
                schedule_settings.read_scheduled("losses.distinct", config.losses.distinct),
                config.style,
            ),
            request.weights,
        )
    )
    reserved = [*objectives.list_weighted_losses(config.losses), *(each.name for each in told)]
    reserved += animation_setup.NAMES if request.frames is not None else ()
    reserved += ("commit",) if config.filters.lookup.strip() else ()
    material = PromptInputs(
        pictures=init_image.read_target_images(
            prompts, opening.size, opening.device, request.search_path
        ),
        masks=opening.masks,
        cutter=perceptor_set.region_cutter,
        search_path=request.search_path,
        planned=thing_prompts.list_planned_regions(prompts, request.layouts),
    )
    found = [
        *objectives.make_prompt_objectives(
            prompts, perceptors, request.scenes, material, reserved, request.weights
        ),
        *told,
        *objectives.make_loss_objectives(
            _loss_inputs(request, perceptors, opening.device, start, filtered, files),
            request.clock,
        ),
    ]
    if config.filters.lookup.strip():
        weight = schedule_settings.setting_curve(config, "filters.commit", request.clock)
        commit = filtered.filter_loss(pixel_losses.commitment_loss)
        found.append(Objective("commit", weight, commit))
    if start is not None and things is not None:
        found = thing_prompts.hold_ground(found, start, things, filtered.read_ground)
    if request.frames is None or feedback is None:
        yield from found
        return
    yield from objectives.limit_init_loss(found, config.steps, config.losses)
    yield from animation_setup.frame_objectives(config, request.frames, feedback)


def _loss_inputs(
    request: Request,
    perceptors: Sequence[OpenClipPerceptor],
    device: torch.device,
    start: Image | None,
    filtered: FilteredDrawer,
    files: LossFiles,
) -> LossInputs:
    """What the losses beside the prompts are made of."""
    config, drawer = request.config, filtered.drawer
    rated, encode, estimate = "", None, None
    if files.head is not None:
        name = config.losses.aesthetic_head.strip()
        rated = aesthetic_heads.find_rated_perceptor(files.head, perceptors, name).name
    if files.depth_model is not None:
        estimate = depth_model.load_depth_model(files.depth_model, device).estimate
    if isinstance(drawer, LatentDrawer) and start is not None:
        encode = partial(init_image.encode_start, drawer, start)
    return LossInputs(
        *(config.losses, start, filtered.read_ground, REPEATS[config.tile], files, perceptors),
        rated=rated,
        estimate_depth=estimate,
        parameters=lambda: filtered.drawer.parameters,
        encode=encode,
        drawn=_drawer_losses(filtered),
    )


def _find_things(request: Request, opening: InitImage, start: Image | None) -> Tensor | None:
    """Where the start picture shows things, if there are layouts, or a plain ground to keep."""
    if start is None or not (request.layouts or has_plain_ground(request)):
        return None
    return thing_prompts.find_things(start, request.layouts, opening.find_things(start))


def _make_keeper(
    request: Request, start: Image | None, things: Tensor | None
) -> Callable[[Image], Image] | None:
    """What keeps the ground, in a still that the VQGAN or the pyramid draws from drafts."""
    config = request.config
    smooth = config.drawer in ("vqgan", "pyramid")
    drafted = config.init == "dream" and smooth and config.frames == 0
    if start is None or things is None or not drafted:
        return None
    if "init" not in objectives.list_weighted_losses(config.losses):
        return None
    boxes = things
    if request.layouts:
        boxes = thing_prompts.find_insides(request.layouts, *start.shape[-2:]).to(start)
    return partial(thing_prompts.keep_ground, start=start, things=things, boxes=boxes)


def has_plain_ground(request: Request) -> bool:
    """Whether a run starts from a single draft, whose plain ground another drawer would soil.

    A VQGAN paints plain grounds as it has learnt them.
    """
    config = request.config
    single = request.scenes.scenes == 1 and all(p.region is None for p in request.prompts)
    return config.init == "dream" and single and not uses_vqgan(config.drawer)


def _make_filter(config: RunConfig) -> Callable[[Tensor], Tensor] | None:
    """What changes the colours of the picture before anybody looks at it, if anything does."""
    if not config.filters.lookup.strip():
        return None
    colours = pixel_losses.parse_colours(config.filters.lookup)
    return partial(pixel_losses.snap_to_palette, colours=colours)


def _drawer_losses(filtered: FilteredDrawer) -> dict[str, Loss]:
    """The losses of drawers, by name."""
    own = {name: filtered.own_loss(name) for name in DRAWER_LOSSES}
    return own | {"opacity": filtered.opacity_loss}


def _weigh_prompts(request: Request) -> list[Prompt]:
    """The prompts of a run as they count, where sentences have layouts."""
    moving = animation_checks.camera_moves(request.config)
    return thing_prompts.weigh_prompts(request.prompts, request.layouts, moving=moving)
