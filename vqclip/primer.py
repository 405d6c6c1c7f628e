"""What does `vqclip invert` do? Learns a word from a few pictures, for prompts to use.

vqclip invert cat1.jpg cat2.jpg cat3.jpg --token my-cat
vqclip "a drawing of <my-cat> in fog"
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip import checks, gallery, layers, pictures, places, words
from vqclip.blackboard import Board, free
from vqclip.config import InversionConfig
from vqclip.drawing import Progress
from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.interrupts import Asked, listening
from vqclip.models import needs, zoo
from vqclip.screen import Screen

if TYPE_CHECKING:
    from vqclip.models.learnt import Learnt
    from vqclip.perceptors import OpenClipPerceptor
    from vqclip.tensors import Image
    from vqclip.tools.inversion import Moment

FEW = 3  # pictures, from which on what they share is told from what one of them shows
MOST = 100
UNFINISHED = ".unfinished"
USED = {
    "object": "a drawing of <{}>",
    "style": "a house in the style of <{}>",
    "negative": "a fox | <{}>:-0.5",
}


def settings(overrides: Sequence[str]) -> InversionConfig:
    """Read `key=value` words; torch is not needed for that.

    Raises:
        ConfigError: for what does not fit.
    """
    pairs = [layers.nest([layers.override(text, InversionConfig)]) for text in overrides]
    merged = layers.merge([("the command line", pair) for pair in pairs], InversionConfig)
    config: InversionConfig = merged
    checks.check_bounds(config)
    if not config.token.strip():
        raise ConfigError("the word has no name yet; give it one: --token my-cat")
    if not config.perceptors or not all(config.perceptors):
        raise ConfigError("perceptors is empty; name at least one, such as perceptors=starter")
    return dataclasses.replace(config, token=words.check_name(config.token.strip()))


def invert(
    photos: Sequence[str], config: InversionConfig, screen: Screen, progress: Progress
) -> Path:
    """Learn a word from pictures, and give its file.

    Args:
        progress: is told when the first step is about to be taken, and of a wish to stop.

    Raises:
        VqclipError: if a picture, a model or the folder cannot be used.
        KeyboardInterrupt: once what there is has been saved, if somebody asked to stop.
    """
    named = [Path(os.path.expanduser(photo)) for photo in photos]
    folders = {path: gallery.below(path) for path in named if path.is_dir()}
    paths = [each for path in named for each in folders.get(path, [path])]
    _require(paths, config)
    if len(paths) < FEW:
        screen.say(
            f"note: of {len(paths)} picture{'s' * (len(paths) > 1)} the word learns all that is "
            f"in them; {FEW} to 10 that share one thing teach that thing"
        )
    if config.steps < config.previews:
        config = dataclasses.replace(config, previews=0)
    import torch

    from vqclip import audience, machine
    from vqclip.record import images

    needs.require("starter", config.perceptors, audience.look)
    device = machine.pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seen = [images.read(path) for path in paths]
    students = list(_students(config, device, screen))
    board = Board(config, screen, seen)
    done: list[Moment] = []
    with listening() as asked:
        for student in students:
            moment = _learn(student, seen, config, board, progress, asked)
            done += [] if moment is None else [moment]
    interrupted = len(done) < len(students) or done[-1].step < config.steps
    progress.signal = asked.signal
    if not done:
        raise KeyboardInterrupt
    learnt = _word(config, paths, students, done)
    file = _keep(Path(config.out), config.token + UNFINISHED * interrupted, learnt)
    progress.folder = file.parent
    if interrupted:
        screen.event("stopped", word=str(file), token=file.stem)
        screen.say(
            f"stopped, and saved as far as it is: prompts may write <{file.stem}>; the same "
            "command learns it from the beginning"
        )
        raise KeyboardInterrupt
    _tell(config, file, learnt, board, screen)
    return file


def _require(paths: Sequence[Path], config: InversionConfig) -> None:
    """Refuse what can be told before torch is imported."""
    if not paths:
        raise PictureError(
            "there is no picture to learn from; name 3 to 10 that share one thing: "
            f"vqclip invert a.jpg b.jpg c.jpg --token {config.token}"
        )
    if len(paths) > MOST:
        raise PictureError(f"{len(paths)} pictures are more than {MOST}; choose the best of them")
    for path in paths:
        pictures.check(path)
    places.require(Path(config.out), "out=")
    for kind in words.KINDS:
        taken = Path(config.out) / f"{config.token}{kind}"
        if os.path.lexists(taken):
            raise OutputError(
                f"{taken} is there already, and vqclip does not overwrite; choose another "
                "--token, or move it away"
            )


def _students(
    config: InversionConfig, device: Any, screen: Screen
) -> Iterator[OpenClipPerceptor]:
    """Load the perceptors, each of another width: a file has one set of vectors for each."""
    from vqclip import audience, machine
    from vqclip.perceptors import load

    widths: dict[int, str] = {}
    for name in config.perceptors:
        screen.say(f"loading the perceptor {name} …")
        perceptor = dataclasses.replace(
            load(
                audience.perceptor_source(name),
                device=device,
                precision=machine.pick_precision(config.precision, device),
            ),
            name=name,
        )
        if perceptor.width in widths:
            raise ConfigError(
                f"{name} and {widths[perceptor.width]} have text towers of one width, "
                f"{perceptor.width}, and a word has one set of vectors for each; learn one word "
                "for each of them"
            )
        widths[perceptor.width] = name
        yield perceptor


def _learn(
    perceptor: OpenClipPerceptor,
    seen: Sequence[Image],
    config: InversionConfig,
    board: Board,
    progress: Progress,
    asked: Asked,
) -> Moment | None:
    """Learn a perceptor's vectors, up to the last step or a wish to stop; None: not one step."""
    import torch

    from vqclip import seeds
    from vqclip.tools import inversion

    if asked:
        return None
    stream = seeds.purpose_seed(config.seed, f"views of {perceptor.name}")
    lesson = inversion.prepare(perceptor, seen, config, stream)
    generator = torch.Generator().manual_seed(
        seeds.purpose_seed(config.seed, f"steps of {perceptor.name}")
    )
    board.begin(perceptor, config.init or lesson.begin)
    last = None
    progress.started = True
    try:
        for last in inversion.learn(perceptor, lesson, config, generator):
            board.show(perceptor, last)
            if asked:
                break
    finally:
        board.close()
    return last


def _word(
    config: InversionConfig,
    paths: Sequence[Path],
    students: Sequence[OpenClipPerceptor],
    done: Sequence[Moment],
) -> Learnt:
    """Put together what was learnt, and what made it."""
    from vqclip.models.learnt import Learnt
    from vqclip.record import provenance

    pairs = list(zip(students, done, strict=False))
    notes = {
        "settings": dataclasses.asdict(config),
        "pictures": {path.name: zoo.sha256(path) for path in paths},
        "models": {each.name: zoo.sha256(each.weights) for each, _ in pairs},
        "fit": {each.name: round(moment.fit, 4) for each, moment in pairs},
        "steps": {each.name: moment.step for each, moment in pairs},
        "versions": provenance.versions(),
    }
    return Learnt(config.token, {each.width: moment.vectors for each, moment in pairs}, notes)


def _keep(folder: Path, name: str, word: Learnt) -> Path:
    """Write a word; where a file of its name has come in the meantime, beside that."""
    from vqclip.models import learnt
    from vqclip.record import images

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise images.unwritable(folder, error) from error
    return images.write_whole(free(folder, name, words.KINDS[0]), learnt.packed(word))


def _tell(
    config: InversionConfig, file: Path, word: Learnt, board: Board, screen: Screen
) -> None:
    """Say what came of it, and how it is used."""
    size = file.stat().st_size
    screen.event(
        "done", word=str(file), token=file.stem, fit=word.notes["fit"], sheet=board.sheet_name()
    )
    if board.sheet_name() is not None:
        screen.say(f"your pictures, and drafts of the word: {board.sheet_name()}")
    screen.say(
        f"done: <{file.stem}>, {size / 1e3:.1f} kB; to use it:\n"
        f'  vqclip "{USED[config.kind].format(file.stem)}"'
    )
    screen.result(str(file))
