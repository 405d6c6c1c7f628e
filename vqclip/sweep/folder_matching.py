"""Folder matching: which run of a sweep a run folder holds, by its notes.

A table may be lost, restored from elsewhere or edited, and people rename folders; the notes in a
run folder say what was drawn there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from vqclip.config.checking.picture_checks import inline_palettes
from vqclip.config.schema import RunConfig
from vqclip.errors import PictureError, VqclipError
from vqclip.language.assets import SearchPath
from vqclip.media.files import CHECKPOINT
from vqclip.run.record import run_folder
from vqclip.run.record.noted_changes import changed_settings, split_changes
from vqclip.run.record.provenance import Provenance, read_provenance
from vqclip.sweep.planned_runs import SETTLED_ELSEWHERE, PlannedRun

SETTLED = (*SETTLED_ELSEWHERE, "memory")  # by the machine on which it was drawn
OF_FILM = ("frames", "fps", "length")  # which a run has from the film that it is drawn over


@dataclass
class FolderIndex:
    """The run folders of a sweep, and what is noted in them; each is read once.

    Args:
        path: of the sweep's folder.
    """

    path: Path
    _notes: dict[str, Provenance | None] = field(default_factory=dict)

    def holds_run(self, name: str) -> bool:
        """Whether a run has left something worth keeping in a folder, or a file is in its place.

        Of a run that was killed before its first checkpoint, notes that can be read are enough:
        nobody knows what else is there.
        """
        folder = self.path / name
        if os.path.lexists(folder) and not folder.is_dir():
            return True
        left = any(os.path.lexists(folder / each) for each in ("final.png", CHECKPOINT))
        return left or self._read(name) is not None

    def holds_another(self, name: str, plan: PlannedRun) -> bool:
        """Whether the notes in a folder are of another run than this one.

        Where there are no notes that can be read, nothing says so.
        """
        notes = self._read(name)
        if notes is None:
            return False
        return not compare_run(notes, plan.config, self.path / name) <= {*SETTLED}

    def find_run(self, plan: PlannedRun, taken: Collection[str]) -> str:
        """The name of a folder that holds a run, by its notes; "" if there is none.

        Of several, the first in which it is the same in everything, or else the first.

        Args:
            taken: names of folders that belong to other runs.
        """
        found = ""
        for name in self._drawn.get((plan.config.seed, plan.config.prompts), ()):
            notes = self._read(name)
            if name in taken or notes is None:
                continue
            differing = compare_run(notes, plan.config, self.path / name)
            if not differing:
                return name
            if differing <= {*SETTLED}:
                found = found or name
        return found

    @cached_property
    def _drawn(self) -> Mapping[tuple[Any, str], list[str]]:
        """The names of all run folders with notes, by seed and prompt."""
        found: dict[tuple[Any, str], list[str]] = {}
        for name in sorted(os.listdir(self.path)) if self.path.is_dir() else ():
            if run_folder.run_number(Path(name)) is None or name.startswith("."):
                continue
            notes = self._read(name)
            if notes is not None:
                found.setdefault((notes.seed, first_settings(notes).prompt), []).append(name)
        return found

    def _read(self, name: str) -> Provenance | None:
        """What is noted in a folder, or else in its picture; None if nothing can be read."""
        if name not in self._notes:
            self._notes[name] = None
            for each in ("run.json", "final.png"):
                try:
                    self._notes[name] = read_provenance(self.path / name / each)
                    break
                except PictureError:
                    continue
        return self._notes[name]


def first_settings(notes: Provenance) -> Provenance:
    """The same notes, with the settings and the prompt as they were before any change."""
    if not notes.changes:
        return notes
    try:
        settings, _ = split_changes(notes)
    except (KeyError, TypeError, ValueError, AttributeError, VqclipError):  # edited by hand
        return notes
    return replace(notes, config=settings, prompt=str(settings.get("prompts", notes.prompt)))


def compare_run(notes: Provenance, config: RunConfig, folder: Path) -> set[str]:
    """The settings, or groups of them, in which a noted run differs from one that is asked for.

    What was changed while it was drawn, or when it went on later, is no difference.

    Args:
        folder: in which files of the run may lie.
    """
    if config.layout == "auto":  # which is noted as it was settled
        config = replace(config, layout=str(notes.settings["layout"]))
    with suppress(VqclipError):  # without its files, it is another one
        config = inline_palettes(config, SearchPath.from_settings(config.assets, folder))
    settled = OF_FILM if config.source.film else ()
    found = changed_settings(first_settings(notes), config)
    return {key.partition(".")[0] for key in found if key not in settled}
