"""Folder matching: which run of a sweep a run folder holds, by its notes.

A table may be lost, restored from elsewhere or edited, and people rename folders; the notes in a
run folder say what was drawn there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from vqclip.config.checking.picture_checks import inline_palettes
from vqclip.config.layout_settings import plan_layouts
from vqclip.config.schema import RunConfig
from vqclip.errors import PictureError, VqclipError
from vqclip.language.assets import SearchPath
from vqclip.language.prompts import parse_with_negative
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

    def describe(self, name: str) -> str:
        """Say why a folder that no run has is not counted."""
        if not (self.path / name).is_dir():
            return find_fault(self.path / name)
        known = self._read(name) is not None
        return "is of a run that is not asked for" if known else "has no notes that can be read"

    def fits(self, name: str, plan: PlannedRun, *, exact: bool) -> bool:
        """Whether a folder holds a run, by its notes.

        Where something is left that has no notes that can be read, nothing says that it is of
        another run.

        Args:
            exact: it is the same in everything; else what a machine settles may differ, and a
                layout of which there is none.
        """
        notes = self._read(name)
        if notes is None:
            return self.holds_run(name)
        differing = compare_run(notes, plan.config, self.path / name)
        if exact or not differing:
            return not differing
        differing -= {*SETTLED}
        return not differing or (differing == {"layout"} and _plans_nothing(plan.config))

    def find_run(self, plan: PlannedRun, taken: Collection[str], *, exact: bool) -> str:
        """The name of the first folder that holds a run, by its notes; "" if there is none.

        Args:
            taken: names of folders that belong to other runs.
            exact: as in `fits`.
        """
        for name in self._drawn.get((plan.config.seed, plan.config.prompts), ()):
            if name not in taken and self.fits(name, plan, exact=exact):
                return name
        return ""

    @cached_property
    def _drawn(self) -> Mapping[tuple[Any, str], list[str]]:
        """The names of run folders with notes, by seed and prompt; those with numbers first."""
        found: dict[tuple[Any, str], list[str]] = {}
        names = sorted(os.listdir(self.path)) if self.path.is_dir() else []
        for name in sorted(names, key=lambda each: run_folder.run_number(Path(each)) is None):
            if name.startswith(".") or not (self.path / name).is_dir():
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
    with suppress(VqclipError):  # without its files, it is another one
        config = inline_palettes(config, SearchPath.from_settings(config.assets, folder))
    settled = OF_FILM if config.source.film else ()
    found = changed_settings(first_settings(notes), config)
    return {key.partition(".")[0] for key in found if key not in settled}


def _plans_nothing(config: RunConfig) -> bool:
    """Whether a run may have a layout, and has none: then notes say that it was off."""
    if config.layout != "auto":
        return False
    try:
        prompts = parse_with_negative(config.prompts, config.negative)
        return not plan_layouts(config, prompts)
    except VqclipError:
        return False


def find_fault(folder: Path) -> str:
    """Say why nothing in a place can count as a run; "" if it can, or nothing is there.

    A picture in which nothing is noted, since an editor saved it, counts.
    """
    if not folder.is_dir():
        is_file = folder.exists()
        told = (
            "is a file where a run's folder should be"
            if is_file
            else "is a link that leads nowhere"
        )
        return told if os.path.lexists(folder) else ""
    final, noted = folder / "final.png", folder / "run.json"
    if not os.path.lexists(final):
        return ""
    return _find_picture_fault(final, noted, (_stamp(final), _stamp(noted)))


@lru_cache(maxsize=4096)
def _find_picture_fault(final: Path, noted: Path, stamps: object) -> str:
    """Say why a picture is none, or not that of its run; read anew where a stamp is another."""
    if not is_whole_picture(final):
        return "has a final.png that is no whole picture"
    with suppress(PictureError):
        if read_provenance(final).settings != read_provenance(noted).settings:
            return "has the final.png of another run"
    return ""


def is_whole_picture(path: Path) -> bool:
    """Whether a file is a PNG, from its first chunk to its last one; it is not decoded."""
    from PIL import Image as pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)  # large, and ours
            with pillow.open(path, formats=["PNG"]) as picture:
                picture.verify()
    except Exception:  # decoders raise whatever they stumble on
        return False
    return True


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None if there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns
