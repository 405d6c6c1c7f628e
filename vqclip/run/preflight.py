"""Preflight checks: everything that can be refused before torch is loaded.

What they understand is the run's `Request`: settings, prompts, perceptors, scenes, frames. It is
made once, by `make_request`; whatever comes after takes it, and parses and checks nothing again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.config import layout_settings, perceptor_spec, schedule_settings
from vqclip.config.auto_settings import resolve_auto
from vqclip.config.checking import animation_checks, prompt_notes
from vqclip.config.checking.frame_independence import require_independence
from vqclip.config.checking.picture_checks import (
    head_of_run,
    images_of_run,
    inline_palettes,
    loss_files,
    note_idle_walk,
    note_overlay,
    require_images,
)
from vqclip.config.checking.setting_checks import check_settings
from vqclip.config.checking.stop_checks import check_stop, no_judge
from vqclip.config.draw_settings import uses_strokes, uses_vqgan
from vqclip.config.perceptor_spec import PerceptorSpec
from vqclip.config.schema import RunConfig
from vqclip.config.steps.step_settings import Intervals, settle_intervals
from vqclip.errors import VqclipError
from vqclip.guidance import scenes as guidance_scenes
from vqclip.guidance.scenes import SceneTimeline
from vqclip.language import assets, prompts
from vqclip.language import prompt_types as language_prompt
from vqclip.language.assets import SearchPath
from vqclip.language.clock import Clock
from vqclip.language.directions import direction_files
from vqclip.language.directions.direction_files import Direction
from vqclip.language.layout.layout_prompts import add_things
from vqclip.language.layout.layout_types import Layout
from vqclip.language.prompt_types import Prompt, learnt_words_in
from vqclip.language.schedules import Curve
from vqclip.media.paths import MOST_FPS, find_images
from vqclip.models.zoo import head_files, model_files

if TYPE_CHECKING:
    from vqclip.run.frame_plan import FramePlan
    from vqclip.run.retake import Retake


@dataclass(frozen=True)
class PictureParts:
    """How many parts of the picture are looked at on their own.

    Args:
        regions: those that prompts name by hand.
        things: those of layouts.
        in_all_scenes: whether every scene has a layout.
    """

    regions: int = 0
    things: int = 0
    in_all_scenes: bool = False


@dataclass(frozen=True)
class Request:
    """A run as it is to be, with everything in its settings understood and checked.

    Args:
        config: its settings, with nothing left open but the seed.
        search_path: where what they name is looked for.
        parsed_prompts: its prompts, as they were written.
        prompts: the same and then, in each scene, the things of its layout; with the style.
        perceptors: the specs of its perceptors, in the order of the settings.
        weights: how much each of them counts at a step, by name.
        words: the files of the learnt words that the prompts and the style name, by name.
        directions: of vectors, by name.
        clock: which frame it is at a step.
        scenes: which scene it is.
        layouts: of the scenes of which a sentence is planned, by their numbers, from 0.
        frame_plan: the frames of an animation; None for a still.
        retake: the frames of another run that are drawn again; None for a run of its own.
        is_begun: whether it goes on, and has its start picture from a checkpoint.
        intervals: how many steps are between the previews, checkpoints … that it writes.
        notes: what may not be as somebody expects it, for people to read.
    """

    config: RunConfig
    search_path: SearchPath
    parsed_prompts: Sequence[Prompt]
    prompts: Sequence[Prompt]
    perceptors: Sequence[PerceptorSpec]
    weights: Mapping[str, Curve]
    words: Mapping[str, Path]
    directions: Mapping[str, Direction]
    clock: Clock
    scenes: SceneTimeline
    layouts: Mapping[int, Layout]
    intervals: Intervals
    frames: FramePlan | None = None
    retake: Retake | None = None
    is_begun: bool = False
    notes: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names of the perceptors."""
        return [each.name for each in self.perceptors]

    @property
    def vqgan(self) -> str | None:
        """The name of the VQGAN, if it is among the drawers."""
        return self.config.vqgan if uses_vqgan(self.config.drawer) else None

    @property
    def parts(self) -> PictureParts:
        """The parts of the picture that have prompts of their own."""
        by_hand = (each.region for each in self.prompts if each.scene not in self.layouts)
        return PictureParts(
            regions=len({*by_hand} - {None}),
            things=sum(len(layout.things) for layout in self.layouts.values()),
            in_all_scenes=len(self.layouts) == self.scenes.scenes,
        )

    @property
    def starts_anew(self) -> bool:
        """Whether it begins with a picture of its own, and not with one that is there."""
        return not self.is_begun and (self.retake is None or self.retake.continues_frame is None)

    @property
    def starts_from_draft(self) -> bool:
        """Whether that is a draft."""
        return self.starts_anew and self.config.init == "dream"

    @property
    def scenes_with_drafts(self) -> range:
        """The scenes that take up a draft of their own on the way; strokes take up none."""
        config, count = self.config, self.scenes.scenes
        several = self.frames is not None and count > 1 and config.motion.drafts > 0
        wanted = several and config.init == "dream" and not self.is_begun
        wanted = wanted and not uses_strokes(config.drawer)
        return range(count if wanted else 0)


def make_request(
    config: RunConfig,
    say: Callable[[str], None] = lambda words: None,
    beside: Path | None = None,
    *,
    begun: bool = False,
    clipped: bool = False,
    complete: bool = True,
    noted: Mapping[int, Layout] | None = None,
    first_steps: int | None = None,
) -> Request:
    """Understand settings, and refuse what cannot be drawn.

    Args:
        say: is told how the prompts are understood, the notes, and what is heard in a sound.
        beside: the folder of what is made again or goes on; see `vqclip.language.assets`.
        begun: whether it goes on, and has its start picture from a checkpoint.
        clipped: whether an animation ends with the film that it is drawn over.
        complete: whether the models have to be here.
        noted: the layouts of the same run, by scene, if they are in a picture's notes.
        first_steps: how many `steps` it had when it began, if it goes on.

    Raises:
        VqclipError: for a prompt, a setting or a file that cannot be used, or is absent.
    """
    config = check_settings(resolve_auto(config))  # one put together by hand is neither yet
    search_path = SearchPath.from_settings(config.assets, beside)
    # What begins with a picture that is there does not look for its own.
    there = begun or animation_checks.continues_another_run(config)
    parsed = _check(config, search_path, starts=not there, complete=complete)
    config = inline_palettes(config, search_path)
    hints = list[str]()
    if config.source.film or config.frames:
        from vqclip.run import frame_plan as run_frames

        if clipped and not config.retake.of:  # else its length and size are settled
            asked, config = config, run_frames.clipped_to_source(config, search_path)
            hints += run_frames.list_hints(asked, config, search_path)
        config = run_frames.with_source_length(config, search_path)
    if config.film.format in MOST_FPS:
        from vqclip.run import frame_plan as run_frames

        hints += run_frames.describe_film_rate(config)
    layouts = layout_settings.plan_layouts(config, parsed, noted)
    hints += layout_settings.describe_layouts(config, parsed, layouts)
    notes = [
        *hints,
        *note_overlay(config, search_path),
        *prompt_notes.list_prompt_notes(config, search_path),
        *note_idle_walk(config),
    ]
    for line in (
        *(f"  {each}" for each in prompts.describe_prompts(parsed)),
        *(f"note: {n}" for n in notes),
    ):
        say(line)
    made = _request(config, search_path, parsed, layouts, notes, begun, say)
    if first_steps is None:
        return made
    return replace(made, intervals=settle_intervals(made.config, made.clock, first_steps))


def _request(
    config: RunConfig,
    search_path: SearchPath,
    written: Sequence[Prompt],
    layouts: Mapping[int, Layout],
    notes: Sequence[str],
    begun: bool,
    say: Callable[[str], None],
) -> Request:
    """Work out what holds at which step of a run that has everything that it names."""
    prompts.check_scenes(written, config.steps, config.frames)
    styled = language_prompt.apply_style(add_things(written, layouts), config.style)
    retake = None
    if config.retake.of:
        from vqclip.run.retake import find_retake

        retake = find_retake(config, search_path)
    frames = _plan_frames(config, search_path, say)
    if config.motion.parallel and frames is not None:
        require_independence(config, frames.timeline)
    clock = schedule_settings.clock_of(config) if frames is None else frames.clock
    scenes = guidance_scenes.make_timeline(styled, clock, config.fade, loop=config.loop)
    schedule_settings.setting_curves(
        config, clock
    )  # refuses what cannot be at some frame, as do the next ones
    for prompt in styled:
        clock.checked_curve(prompt.weight, f"the weight of {prompt.body!r}", -math.inf)
    perceptors = [perceptor_spec.parse_perceptor(entry) for entry in config.perceptors]
    found = Request(
        config=config,
        search_path=search_path,
        parsed_prompts=written,
        prompts=styled,
        perceptors=perceptors,
        weights={
            each.name: clock.checked_curve(
                each.weight, f"perceptors: the weight of {each.name}", 0
            )
            for each in perceptors
        },
        words=assets.find_learnt_words([config.style, *learnt_words_in(written)], search_path),
        directions={
            prompt.body: direction_files.find_direction(prompt.body, search_path)
            for prompt in written
            if prompt.kind == "vector"
        },
        clock=clock,
        scenes=scenes,
        layouts=layouts,
        intervals=settle_intervals(config, clock),
        frames=frames,
        retake=retake,
        is_begun=begun,
        notes=notes,
    )
    if found.starts_from_draft:
        language_prompt.draft_text(styled)  # refuses a draft without words
    return found


def _plan_frames(
    config: RunConfig, search_path: SearchPath, say: Callable[[str], None]
) -> FramePlan | None:
    """The frames of an animation, and what is heard meanwhile."""
    if not config.frames:
        return None
    from vqclip.media.audio import features as audio_features
    from vqclip.run import frame_plan

    heard = frame_plan.analyse_sound(config, search_path)
    if heard is not None:
        say(audio_features.describe_audio(heard))
    return frame_plan.plan_frames(config, heard.variables if heard else {})


def check_run(config: RunConfig, beside: Path | None = None) -> Sequence[Prompt]:
    """Refuse settings that name what is not here; give the prompts, understood.

    Args:
        beside: the folder of what is made again or goes on; see `vqclip.language.assets`.

    Raises:
        VqclipError: for a model, picture, learnt word or direction that is absent, a prompt that
            no perceptor, or one that is not in the run, is to read, too many scenes, and an
            animation that does not fit together.
    """
    return _check(config, SearchPath.from_settings(config.assets, beside))


def _check(
    config: RunConfig, search_path: SearchPath, *, starts: bool = True, complete: bool = True
) -> Sequence[Prompt]:
    """The same, where it is looked for on a search path.

    Args:
        starts: whether the picture that it starts from has to be there.
        complete: whether the models have to be.
    """
    animation_checks.check_animation(config)
    parsed = prompts.parse_with_negative(config.prompts, config.negative)
    if config.frames or not config.source.film:  # else how many they are is told by the film
        prompts.check_scenes(parsed, config.steps, config.frames)
    names = perceptor_spec.perceptor_names(config.perceptors)
    perceptor_spec.check_readers(parsed, names)
    check_stop(config, parsed)
    if config.stop != "off" and not model_files.has_judge(names):
        raise no_judge(config.stop, model_files.JUDGE, names)
    if head := head_of_run(config):
        head_files.check_head(head, names, search_path)
    if complete:
        wanted = config.vqgan if uses_vqgan(config.drawer) else None
        model_files.require_models(wanted, names, head=head)
    require_files(config if starts else replace(config, init="random"), parsed, search_path)
    return parsed


def require_files(config: RunConfig, parsed: Sequence[Prompt], search_path: SearchPath) -> None:
    """Refuse settings that name a file which is not here, or cannot be used.

    Raises:
        VqclipError: for the first picture, film, sound, learnt word or direction, also for a
            vector file that does not fit the perceptors.
    """
    animation_checks.require_animation_files(config, search_path)
    require_images(config, parsed, search_path)
    assets.find_learnt_words([config.style, *learnt_words_in(parsed)], search_path)
    names = perceptor_spec.perceptor_names(config.perceptors)
    for prompt in parsed:
        if prompt.kind == "vector":
            readers = [name for name in names if name in (prompt.perceptors or names)]
            lengths = {name: model_files.find_embedding_length(name) for name in readers}
            direction_files.check_vectors(prompt.body, search_path, lengths)


def without_unused_assets(request: Request, beside: Path | None = None) -> Request:
    """Forget `assets` where nothing in it is needed: notes need not tell where people keep files.

    What is found without it is what is found with it: it comes last.
    """
    config = request.config
    without = SearchPath.from_settings("", beside)
    try:
        where = [list(_places(request, each)) for each in (request.search_path, without)]
    except VqclipError:
        return request
    if where[0] != where[1]:
        return request
    return replace(request, config=replace(config, assets=""), search_path=without)


def _places(request: Request, search_path: SearchPath) -> Iterator[object]:
    """Where the files lie that a run names."""
    config = request.config
    named = (config.source.film, config.sound.file, config.camera.depth, config.retake.of)
    yield from (search_path.find(name) for name in named if name)
    for name in images_of_run(config, request.parsed_prompts):
        yield find_images(name, search_path)
    if head := head_of_run(config):
        yield head_files.find_head(head, search_path)
    if depths := loss_files(config).get("losses.depth_model"):
        yield search_path.find(depths)
    yield assets.find_learnt_words([f"<{name}>" for name in request.words], search_path)
    yield {name: direction_files.find_direction(name, search_path) for name in request.directions}
