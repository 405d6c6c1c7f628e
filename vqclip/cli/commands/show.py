"""The commands show, diff, plan and presets."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli import prompt_arguments
from vqclip.cli.commands.runs import sweep_finder, sweep_plan
from vqclip.cli.options import AnimationOptions, CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.cli.sketches.layout_sketch import LayoutSketches, layout_values
from vqclip.cli.terminal import on_one_line
from vqclip.config import loading
from vqclip.config import presets as config_presets
from vqclip.config.checking import picture_checks
from vqclip.config.layout_settings import layouts_to_text
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings, format_value, to_dict
from vqclip.config.setting_layers import flatten_keys
from vqclip.errors import ConfigError
from vqclip.language import lexer, prompts
from vqclip.language.layout.layout_json import read_layouts
from vqclip.language.layout.layout_prompts import add_things
from vqclip.run.preflight import make_request

if TYPE_CHECKING:
    from vqclip.run.plan_summary import SharedCounts


@dataclass(frozen=True, kw_only=True)
class ShowOptions(CommonOptions):
    """The options of `show`."""

    picture: str


@dataclass(frozen=True, kw_only=True)
class DiffOptions(CommonOptions):
    """The options of `diff`."""

    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class PlanOptions(AnimationOptions):
    """The options of `plan`."""

    all: bool
    sketch: str | None


def show(options: ShowOptions, screen: Console, progress: Progress) -> None:
    """Show what made a picture: prompt, seed, settings, models."""
    from vqclip.run.record import provenance
    from vqclip.run.record.noted_layouts import read_noted_layouts

    notes = provenance.read_provenance(Path(options.picture))
    if options.json:
        screen.event("provenance", **json.loads(notes.to_json()))
        return
    usual = flatten_keys(to_dict(loading.load_config(notes.prompt), everywhere=False))
    defaults, shown = (
        {key: str(format_value(value)) for key, value in lines.items()}
        for lines in (usual, flatten_keys(notes.config))
    )
    changed = [(f"  {key}", value) for key, value in shown.items() if value != defaults.get(key)]
    prompt = on_one_line(notes.prompt)
    head = f"prompt  {prompt}\nseed    {notes.seed}"
    if notes.computed:
        head += f"\ndrawn   {provenance.describe_computation(notes.computed)}"
    if notes.layouts:
        placed = layouts_to_text(notes.prompt, read_noted_layouts(notes))
        head += f"\nlayout  {on_one_line(placed)}"
    screen.result(f"{head}\n\nsettings that differ:")
    screen.table(changed or [("  none",)])
    for change in notes.changes:
        before = ", ".join(
            f"{key}={format_value(value)}" for key, value in change["settings"].items()
        )
        screen.result(f"\nchanged during the run: up to step {change['step']} it was {before}")
    if notes.stopped:
        screen.result(f"\nno further gain after {_side('stopped', notes.stopped)}")
    screen.result("\nmodels (sha256):")
    screen.table([(f"  {k}", v) for k, v in notes.models.items()])
    screen.result("\nversions:")
    screen.table([(f"  {k}", v) for k, v in notes.versions.items()])


def diff(options: DiffOptions, screen: Console, progress: Progress) -> None:
    """Show how two pictures were made differently."""
    from vqclip.run.record import provenance

    pair = [provenance.read_provenance(Path(each)) for each in (options.first, options.second)]
    found = provenance.list_differences(*pair)
    if options.json:
        screen.event("diff", differences=[dataclasses.asdict(each) for each in found])
        return
    if not found:
        screen.result(
            "made in the same way: prompt, seed, settings, models, versions and device are equal"
        )
        return
    rows = [("", options.first, options.second)]
    for each in found:
        name = f"{each.kind} {each.name}" if each.kind != each.name else each.kind
        rows.append((name, _side(each.kind, each.first), _side(each.kind, each.second)))
    screen.table(rows, heads=True)


def plan(options: PlanOptions, screen: Console, progress: Progress) -> None:
    """Show what a run would load and cost, without running it.

    Printed: the prompts as they are understood, the settings that differ from the defaults (with
    `--all` every one), the sizes and steps, the device, what would have to be downloaded, and
    about how much memory and time it would take.
    """
    if (asked := sweep_finder.names_a_sweep(options.words)) is not None:
        if others := [word for word in options.words if word != asked]:
            raise ConfigError(
                f"{asked} is a sweep, whose settings stand in it; leave out {others[0]!r}"
            )
        folder = sweep_finder.find_sweep(Path(asked), options.out, complete=False)
        sweep_plan.tell_plan(folder, screen)
        return
    sketches = LayoutSketches(options.sketch)
    found = prompt_arguments.read_configs(options)
    from vqclip.models.libraries.deferred_imports import defer_imports

    with defer_imports():  # numbers without values ask for torch's compiler, too
        from vqclip.run.plan_summary import SharedCounts

        shared = SharedCounts()
        for config in found:
            _plan(config, options, screen, shared, sketches)
    sketches.write(screen)


def _plan(
    config: RunConfig,
    options: PlanOptions,
    screen: Console,
    shared: SharedCounts,
    sketches: LayoutSketches,
) -> None:
    request = make_request(config, clipped=True, complete=False)
    from vqclip.run import init_image
    from vqclip.run import perceptor_set as run_perceptors
    from vqclip.run import plan_summary as run_estimate

    notes = [
        *request.notes,
        *run_perceptors.check_learnt_words(request),
        *init_image.check_masks(request.prompts, request.search_path),
        *picture_checks.describe_cropped(request.prompts, request.search_path),
    ]
    config, estimate = request.config, run_estimate.estimate_cost(request, shared)
    if options.json:
        told = layout_values(request.layouts) | dataclasses.asdict(estimate)
        screen.event("plan", config=to_dict(config), **told)
        sketches.show(config, request.layouts, screen)
        return
    screen.result(
        "\n".join(
            f"  {on_one_line(line)}" for line in prompts.describe_prompts(request.parsed_prompts)
        )
    )
    for note in notes:
        screen.result(f"note: {note}")
    sketches.show(config, request.layouts, screen)
    every = {
        key: lexer.fold_lines(str(format_value(value)))
        for key, value in flatten_keys(to_dict(config)).items()
    }
    defaults = {each.key: each.default for each in describe_settings()}
    shown = {k: v for k, v in every.items() if options.all or v != defaults[k]}
    how = (
        "settings:" if options.all else "settings that differ from the defaults (others: --all):"
    )
    screen.result(how)
    screen.table([(f"  {key}", value) for key, value in shown.items()])
    screen.result(run_estimate.describe_estimate(estimate))


def presets(options: CommonOptions, screen: Console, progress: Progress) -> None:
    """List the presets."""
    found = config_presets.list_presets()
    for name, about in found.items():
        screen.event("preset", name=name, about=about)
    screen.table(list(found.items()))


def _side(kind: str, value: Any) -> str:
    """One picture's side of a difference, on a line; checksums are cut short."""
    if kind == "changes":  # [{"step": 40, "settings": {"prompts": …}}, …]
        parts = [f"{', '.join(each['settings'])} at step {each['step']}" for each in value]
        return "; ".join(parts) or "none"
    if kind == "layouts":
        return prompts.prompts_to_text(add_things((), read_layouts(value))) or "none"
    if kind == "stopped":  # [{"step": 40, "of": 90}, …]
        return ", ".join(f"step {each['step']} of {each['of']}" for each in value) or "none"
    text = str(format_value(value))
    return text[:12] if kind == "model" else text
