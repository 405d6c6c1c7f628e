"""The command dream."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli import prompt_arguments
from vqclip.cli.options import PromptOptions, to_overrides
from vqclip.cli.output import Console, Progress
from vqclip.config import layout_settings
from vqclip.config.checking import prompt_notes
from vqclip.config.schema import DreamSettings, RunConfig
from vqclip.errors import ConfigError, ModelAbsent
from vqclip.language import assets, prompt_types, prompts
from vqclip.language.assets import SearchPath
from vqclip.language.prompt_types import learnt_words_in
from vqclip.media import files
from vqclip.models.zoo import model_files

if TYPE_CHECKING:
    from vqclip.tensors import Image


MARGIN = 6  # pixels between the drafts on a sheet


def draw_drafts(config: RunConfig, screen: Console) -> Path:
    """Draw `config.dream.count` drafts into a new run folder, and give the folder.

    It holds `draft-01.png`, the best, and so on, and `sheet.png` with all of them.

    Raises:
        VqclipError: if the prompt holds no words, `dream.prior` cannot be used, or the folder
            cannot be written.
    """
    began = time.monotonic()
    parsed = prompts.parse_with_negative(config.prompts, config.negative)
    prompt_types.draft_text(parsed)
    for line in prompts.describe_prompts(parsed):
        screen.say(f"  {line}")
    for note in [
        *prompt_notes.list_prompt_notes(config, SearchPath.from_settings(config.assets)),
        *_without_regions(parsed),
        *_without_layouts(config, parsed),
    ]:
        screen.say(f"note: {note}")
    _check_prior(config.dream)
    search_path = SearchPath.from_settings(config.assets)
    assets.find_learnt_words([config.style, *learnt_words_in(parsed)], search_path)

    from vqclip.config.checking.seeds import read_seed
    from vqclip.guidance import drafts as guidance_drafts
    from vqclip.guidance import prompt_embedding
    from vqclip.guidance.composition import captions, tints
    from vqclip.media import images
    from vqclip.models import device as models_device
    from vqclip.models.device import open_noise
    from vqclip.models.zoo import word_embedding
    from vqclip.run.record import run_folder

    device = models_device.pick_device(config.device)
    seed = models_device.pick_seed(config.seed)
    dreamer = guidance_drafts.load_draft_model(device, config.dream.prior)
    taught = prompt_embedding.read_learnt_words(parsed, config.style, search_path)
    dreamer = guidance_drafts.teach_words(dreamer, taught)
    for note in word_embedding.unknown_word_notes(
        taught, {j.name: j.width for j in dreamer.perceptors}
    ):
        screen.say(f"note: {note}")
    generator = open_noise(read_seed(seed).derive("init"))
    text = prompt_types.draft_text(prompt_types.apply_style(parsed, config.style))
    choice = dreamer.choose(text)
    if choice is not None:
        screen.event("class", number=choice.number, name=choice.name, named=choice.named)
        how = "" if choice.named else " (names no class; this one is the nearest)"
        screen.say(f"  {text!r} → class {choice.number}, {choice.name}{how}")
    drafted = captions.write_draft_text(text)
    change = tints.tint_drafts(drafted.colour)
    drafts = dreamer.draw_drafts(text, config.dream, generator, drafted.caption, change)
    place = run_folder.make_run_folder(Path(config.out), f"dream {text}", seed)
    for number, draft in enumerate(drafts, start=1):
        name = f"draft-{number:02d}.png"
        images.save_png(place / name, draft.image)
        screen.event("draft", path=str(place / name), score=draft.score)
    images.save_png(place / "sheet.png", lay_sheet([draft.image for draft in drafts]))
    seconds = round(time.monotonic() - began, 1)
    screen.event("done", run=str(place), seed=seed, seconds=seconds)
    size = f" --size {config.size}" * (config.size != RunConfig().size)
    screen.say(
        f"seed {seed}, {len(drafts)} drafts in {seconds:.0f} s; to start a run from one of "
        f"them:\n  vqclip {shlex.quote(config.prompts)} --init {place / 'draft-01.png'}{size}"
    )
    screen.picture(place / "sheet.png")
    return place


def _without_regions(parsed: Sequence[prompt_types.Prompt]) -> Iterator[str]:
    """Say that regions do not show in drafts, where there are some."""
    some = {
        prompts.describe_region(w.region)
        for w in prompt_types.positive_texts(parsed)
        if w.region is not None
    }
    if some:
        yield (
            f"drafts ignore regions ({', '.join(sorted(some))}); a run with init=dream puts a "
            "draft of its own into each region"
        )


def _without_layouts(config: RunConfig, parsed: Sequence[prompt_types.Prompt]) -> Iterator[str]:
    """Say that drafts show a sentence as a whole, where a run would place its things."""
    if layout_settings.plan_layouts(config, parsed):
        yield (
            "drafts are of the sentence as a whole, and so is a run from one of them; a run with "
            "init=dream puts each of its things in its place"
        )


def _check_prior(settings: DreamSettings) -> None:
    """Refuse a prior that is not here, or a setting that it has no use for."""
    if settings.prior == "starter":
        return
    usual = DreamSettings().guidance
    if settings.guidance != usual:
        raise ConfigError(
            f"dream.guidance is {settings.guidance:g}, but dream.prior={settings.prior} reads a "
            f"class, not words, and cannot be guided; leave dream.guidance at {usual:g}"
        )
    try:
        model_files.find_vqgan(settings.prior)
    except ModelAbsent as error:
        raise ModelAbsent(
            f"the model {settings.prior!r} of dream.prior is not on this machine; run "
            f"'vqclip models fetch {settings.prior}', or leave dream.prior at starter"
        ) from error


def lay_sheet(pictures: Sequence[Image], across: int | None = None) -> Image:
    """Lay pictures of one size [1, 3, H, W] on a white sheet, in rows.

    Args:
        across: how many to a row; None: about as many as rows.
    """
    import torch
    from torch.nn import functional

    across = math.ceil(math.sqrt(len(pictures))) if across is None else across
    framed = [functional.pad(p, [0, MARGIN, 0, MARGIN], value=1.0) for p in pictures]
    framed += [torch.ones_like(framed[0])] * (-len(framed) % across)
    rows = [torch.cat(framed[i : i + across], 3) for i in range(0, len(framed), across)]
    return functional.pad(torch.cat(rows, 2), [MARGIN, 0, MARGIN, 0], value=1.0)


@dataclass(frozen=True, kw_only=True)
class DreamOptions(PromptOptions):
    """The options of `dream`."""

    count: str | None
    size: str | None

    def overrides(self) -> list[str]:
        """See `PromptOptions`."""
        given = {"dream.count": self.count, "size": self.size}
        return [*super().overrides(), *to_overrides(given)]


def dream(options: DreamOptions, screen: Console, progress: Progress) -> None:
    """Draw drafts of a prompt in seconds, the best first."""
    for config in prompt_arguments.read_configs(options):
        files.require_folder(Path(config.out))
        draw_drafts(config, screen)
