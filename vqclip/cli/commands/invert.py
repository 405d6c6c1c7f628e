"""The command invert, with its monitor.

vqclip invert cat1.jpg cat2.jpg cat3.jpg --token my-cat
vqclip "a drawing of <my-cat> in fog"
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli import prompt_arguments
from vqclip.cli.options import CommonOptions, to_overrides
from vqclip.cli.output import Console, Progress
from vqclip.config import setting_layers
from vqclip.config.checking import setting_checks
from vqclip.config.schema import DreamSettings
from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.language import assets
from vqclip.media import files
from vqclip.media import paths as media_paths
from vqclip.models.zoo import model_files
from vqclip.run.record.interrupts import Interrupt, catch_interrupts
from vqclip.training.settings import InversionConfig

if TYPE_CHECKING:
    from vqclip.guidance.drafts import ClassDraftModel, DraftModel
    from vqclip.guidance.perceptor import OpenClipPerceptor
    from vqclip.models.zoo.word_embedding import WordEmbedding
    from vqclip.tensors import Image
    from vqclip.training.textual_inversion import WordProgress


DRAFTS = 4  # on a sheet of previews
SHOWN = {"object": "a <{}>", "style": "a house in the style of <{}>", "negative": "<{}>"}


class InversionMonitor:
    """Where the learning is shown: a bar, the nearest words, and a sheet of drafts."""

    def __init__(
        self,
        config: InversionConfig,
        screen: Console,
        seen: Sequence[Image],
    ) -> None:
        self.config, self.screen, self.seen = config, screen, seen
        self.bar: Any = None
        self.sheet: Path | None = None
        self.dreamer: DraftModel | ClassDraftModel | None = None

    def begin(self, perceptor: OpenClipPerceptor, word: str) -> None:
        """Show that a perceptor begins to learn, and from where."""
        whose = f" for {perceptor.name}" if len(self.config.perceptors) > 1 else ""
        self.screen.event("start", perceptor=perceptor.name, init=word, steps=self.config.steps)
        self.screen.say(f"learning <{self.config.token}>{whose}, from {word!r}")
        self.bar = self.screen.bar(self.config.steps, 0)

    def show(self, perceptor: OpenClipPerceptor, moment: WordProgress) -> None:
        """Show a step, and now and then what the word means by now."""
        self.screen.event("step", step=moment.step, loss=moment.loss, fit=moment.fit)
        self.bar.set_postfix_str(f"cosine {moment.fit:.2f}", False)
        self.bar.update()
        every = self.config.previews
        if every and (moment.step % every == 0 or moment.step == self.config.steps):
            self.bar.clear()
            self._preview(perceptor, moment)
            self.bar.refresh()

    def sheet_name(self) -> str | None:
        """The sheet of drafts, if one was drawn."""
        return None if self.sheet is None else str(self.sheet)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()

    def _preview(self, perceptor: OpenClipPerceptor, moment: WordProgress) -> None:
        from vqclip.training import textual_inversion

        near = textual_inversion.nearest_words(perceptor, moment.vectors, self.config.kind)
        self.screen.event("preview", step=moment.step, nearest=near)
        self.screen.say(f"step {moment.step}: cosine {moment.fit:.2f}; near {', '.join(near)}")
        if perceptor.name == "starter":
            self._draw(moment)

    def _draw(self, moment: WordProgress) -> None:
        """Lay the pictures, and drafts of the word under them, on a sheet."""
        import torch
        from torch.nn import functional

        from vqclip.cli.commands import dream
        from vqclip.guidance import drafts as guidance_drafts
        from vqclip.media import images
        from vqclip.models.zoo.word_embedding import WordEmbedding

        if self.dreamer is None:
            self.dreamer = guidance_drafts.load_draft_model()
        word = WordEmbedding(self.config.token, {moment.vectors.shape[1]: moment.vectors})
        text = SHOWN[self.config.kind].format(self.config.token)
        drafts = guidance_drafts.teach_words(self.dreamer, [word]).draw_drafts(
            text, DreamSettings(count=DRAFTS), torch.Generator().manual_seed(0)
        )
        side = drafts[0].image.shape[-1]
        own = [
            functional.interpolate(each, [side, side], mode="bilinear", antialias=True)
            for each in self.seen[:DRAFTS]
        ]
        drawn = [draft.image.cpu() for draft in drafts]
        blank = [torch.ones_like(drawn[0])] * (DRAFTS - len(own))
        out = Path(self.config.out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.unwritable_error(out, error) from error
        fresh = self.sheet is None
        self.sheet = self.sheet or free_path(out, self.config.token, ".png")
        laid = dream.lay_sheet([*own, *blank, *drawn], across=DRAFTS)
        images.save_png(self.sheet, laid, overwrite=not fresh)


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """The first of NAME, NAME-2, NAME-3 … that is not taken."""
    number = 1
    while True:
        path = folder / f"{name}{f'-{number}' * (number > 1)}{suffix}"
        if not os.path.lexists(path):
            return path
        number += 1


FEW = 3  # pictures, from which on what they share is told from what one of them shows
MOST = 100
UNFINISHED = ".unfinished"
USED = {
    "object": "a drawing of <{}>",
    "style": "a house in the style of <{}>",
    "negative": "a fox | <{}>:-0.5",
}


def inversion_settings(overrides: Sequence[str]) -> InversionConfig:
    """Read `key=value` words; torch is not needed for that.

    Raises:
        ConfigError: for what does not fit.
    """
    pairs = [
        setting_layers.nest_keys([setting_layers.parse_override(text, InversionConfig)])
        for text in overrides
    ]
    merged = setting_layers.merge_layers(
        [("the command line", pair) for pair in pairs], InversionConfig
    )
    config: InversionConfig = merged
    setting_checks.check_bounds(config)
    if not config.token.strip():
        raise ConfigError("the word has no name yet; give it one: --token my-cat")
    if not config.perceptors or not all(config.perceptors):
        raise ConfigError("perceptors is empty; name at least one, such as perceptors=starter")
    return dataclasses.replace(config, token=assets.check_word_name(config.token.strip()))


def learn_word(
    photos: Sequence[str], config: InversionConfig, screen: Console, progress: Progress
) -> Path:
    """Learn a word from pictures, and give its file.

    Args:
        progress: is told when the first step is about to be taken, and of a wish to stop.

    Raises:
        VqclipError: if a picture, a model or the folder cannot be used.
        KeyboardInterrupt: once what there is has been saved, if somebody asked to stop.
    """
    paths, complaints = media_paths.find_pictures(photos)
    if complaints:
        raise PictureError("; ".join(complaints))
    _require(paths, config)
    for note in media_paths.describe_unread(photos):
        screen.say(f"note: {note}")
    if len(paths) < FEW:
        screen.say(
            f"note: from {len(paths)} picture{'s' * (len(paths) > 1)} the word learns "
            f"everything in them; use {FEW} to 10 that have one thing in common to learn that "
            "thing"
        )
    if config.steps < config.previews:
        config = dataclasses.replace(config, previews=0)
    import torch

    from vqclip.media import images
    from vqclip.models import clip
    from vqclip.models import device as models_device

    model_files.require_models("starter", config.perceptors, clip.is_absent)
    device = models_device.pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    seen = [images.read_picture(path) for path in paths]
    students = list(_students(config, device, screen))
    board = InversionMonitor(config, screen, seen)
    done: list[WordProgress] = []
    with catch_interrupts() as asked:
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
            f"stopped, and saved what was learnt so far: prompts can use <{file.stem}>; the "
            "same command starts from the beginning"
        )
        raise KeyboardInterrupt
    _tell(config, file, learnt, board, screen)
    return file


def _require(paths: Sequence[Path], config: InversionConfig) -> None:
    """Refuse what can be told before torch is imported."""
    if not paths:
        raise PictureError(
            "there is no picture to learn from; name 3 to 10 that have one thing in common: "
            f"vqclip invert a.jpg b.jpg c.jpg --token {config.token}"
        )
    if len(paths) > MOST:
        raise PictureError(f"{len(paths)} pictures are more than {MOST}; choose the best of them")
    for path in paths:
        media_paths.check_image(path)
    files.require_folder(Path(config.out), "out=")
    for kind in assets.WORD_SUFFIXES:
        taken = Path(config.out) / f"{config.token}{kind}"
        if os.path.lexists(taken):
            raise OutputError(
                f"{taken} already exists, and vqclip does not overwrite; choose another "
                "--token, or move it away"
            )


def _students(
    config: InversionConfig, device: Any, screen: Console
) -> Iterator[OpenClipPerceptor]:
    """Load the perceptors, each of another width: a file has one set of vectors for each."""
    from vqclip.guidance.perceptor import load_perceptor

    widths: dict[int, str] = {}
    for name in config.perceptors:
        screen.say(f"loading the perceptor {name} …")
        perceptor = load_perceptor(name, device=device, precision=config.precision)
        if perceptor.width in widths:
            raise ConfigError(
                f"{name} and {widths[perceptor.width]} have text encoders of the same width, "
                f"{perceptor.width}, and a word holds only one set of vectors per width; learn "
                "a separate word for each of them"
            )
        widths[perceptor.width] = name
        yield perceptor


def _learn(
    perceptor: OpenClipPerceptor,
    seen: Sequence[Image],
    config: InversionConfig,
    board: InversionMonitor,
    progress: Progress,
    asked: Interrupt,
) -> WordProgress | None:
    """Learn a perceptor's vectors, up to the last step or a wish to stop; None: not one step."""
    import torch

    from vqclip.config.checking.seeds import purpose_seed
    from vqclip.training import textual_inversion

    if asked:
        return None
    stream = purpose_seed(config.seed, f"views of {perceptor.name}")
    lesson = textual_inversion.prepare_lesson(perceptor, seen, config, stream)
    generator = torch.Generator().manual_seed(
        purpose_seed(config.seed, f"steps of {perceptor.name}")
    )
    board.begin(perceptor, config.init or lesson.begin)
    last = None
    progress.started = True
    try:
        for last in textual_inversion.learn_word(perceptor, lesson, config, generator):
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
    done: Sequence[WordProgress],
) -> WordEmbedding:
    """Put together what was learnt, and what made it."""
    from vqclip.models.zoo.word_embedding import WordEmbedding
    from vqclip.run.record import provenance

    pairs = list(zip(students, done, strict=False))
    notes = {
        "settings": dataclasses.asdict(config),
        "pictures": {path.name: model_files.file_sha256(path) for path in paths},
        "models": {each.name: model_files.file_sha256(each.weights) for each, _ in pairs},
        "fit": {each.name: round(moment.fit, 4) for each, moment in pairs},
        "steps": {each.name: moment.step for each, moment in pairs},
        "versions": provenance.package_versions(),
    }
    return WordEmbedding(
        config.token, {each.width: moment.vectors for each, moment in pairs}, notes
    )


def _keep(folder: Path, name: str, word: WordEmbedding) -> Path:
    """Write a word; where a file of its name has come in the meantime, beside that."""
    from vqclip.models.zoo import word_embedding

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable_error(folder, error) from error
    return files.write_whole(
        free_path(folder, name, assets.WORD_SUFFIXES[0]), word_embedding.pack_word(word)
    )


def _tell(
    config: InversionConfig,
    file: Path,
    word: WordEmbedding,
    board: InversionMonitor,
    screen: Console,
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
    screen.result(str(file), exact=True)


@dataclass(frozen=True, kw_only=True)
class InvertOptions(CommonOptions):
    """The options of `invert`."""

    words: list[str]
    token: str | None
    init: str | None
    vectors: str | None
    perceptors: str | None
    kind: str | None
    steps: str | None
    out: str | None

    def overrides(self) -> list[str]:
        """The options that are another way to write a setting, as `key=value`."""
        given = {
            "token": self.token,
            "init": self.init,
            "vectors": self.vectors,
            "perceptors": self.perceptors,
            "kind": self.kind,
            "steps": self.steps,
            "out": self.out,
        }
        return to_overrides(given)


def invert(options: InvertOptions, screen: Console, progress: Progress) -> None:
    """Learn a word of your own from a few pictures: <my-cat>."""
    photos = [
        word
        for word in options.words
        if os.path.exists(word) or not prompt_arguments.OVERRIDE.match(word)
    ]
    overrides = [word for word in options.words if word not in photos]
    config = inversion_settings(options.overrides() + overrides)
    learn_word(photos, config, screen, progress)
