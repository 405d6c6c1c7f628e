"""Arguments of commands about pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli.output import Console
from vqclip.config import loading
from vqclip.config.schema import RunConfig
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError, ModelAbsent, PictureError, PromptError
from vqclip.language import assets, prompts
from vqclip.language.assets import SearchPath
from vqclip.media import paths as media_paths
from vqclip.models.zoo import model_files

if TYPE_CHECKING:
    from vqclip.guidance.perceptor import OpenClipPerceptor
    from vqclip.tensors import Embedding


def texts_of(prompt: str) -> list[str]:
    """The texts of a prompt, whatever their weights.

    Raises:
        PromptError: if there is none.
    """
    texts = [prompt.body for prompt in prompts.parse_prompts(prompt) if prompt.has_words]
    if not texts:
        raise PromptError(
            f"{prompt!r} holds no words to score; to look for a picture, use vqclip search"
        )
    return list(dict.fromkeys(texts))


TAKEN = (
    "perceptors",
    "device",
    "precision",
    "threads",
)  # settings of a run that looking has, too


SETTING = re.compile(r"([A-Za-z][A-Za-z_]*(?:\.[A-Za-z_]+)*)=")
FEW = 32  # pictures that pass without a bar


def split_words(words: Sequence[str], command: str) -> tuple[list[str], RunConfig]:
    """Part the words of a command into those that stand alone and settings, `key=value`.

    A word is a setting if it looks like one, is no file, and has either the key of a setting or
    no spaces: "E=mc2 on a blackboard" is none.

    Raises:
        ConfigError: for a setting that there is not, or that does not belong to looking.
    """
    known = {setting.key for setting in describe_settings()}
    alone, settings = [], []
    for word in words:
        key = SETTING.match(word)
        spaced = re.search(r"\s", word) is not None
        if key is None or (spaced and key[1] not in known) or os.path.lexists(word):
            alone.append(word)
        elif key[1] in known - set(TAKEN):
            takes = ", ".join(f"{each}=" for each in TAKEN)
            raise ConfigError(
                f"{key[1]}= is a setting for drawing; vqclip {command} takes {takes} and "
                f"options (see vqclip {command} --help)"
            )
        else:
            settings.append(word)
    return alone, loading.load_config(overrides=settings)


def load_named_perceptors(
    config: RunConfig, screen: Console, texts: Sequence[str] = ()
) -> list[OpenClipPerceptor]:
    """Load the perceptors that the settings name.

    Args:
        texts: what they will read; they get the learnt words that stand in it.

    Raises:
        ModelAbsent: if one is not on this machine.
        PromptError: if nobody has taught a word that stands in a text.
        VqclipError: if there is none of that name, or it cannot be used.
    """
    search_path = SearchPath.from_settings(config.assets)
    assets.find_learnt_words(texts, search_path)
    try:
        model_files.require_models("starter", config.perceptors)  # before torch is imported
        import torch

        from vqclip.guidance.perceptor import load_perceptor
        from vqclip.guidance.prompt_embedding import read_learnt_words
        from vqclip.models import clip
        from vqclip.models import device as models_device
        from vqclip.models.zoo import word_embedding

        model_files.require_models("starter", config.perceptors, clip.is_absent)
    except ModelAbsent as error:
        told = str(error).replace("--preset starter", "perceptors=starter")
        raise ModelAbsent(told) from error
    device = models_device.pick_device(config.device)
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    own, found = read_learnt_words((), " ".join(texts), search_path), []
    for name in config.perceptors:
        screen.say(f"loading the perceptor {name} …")
        found.append(load_perceptor(name, device=device, precision=config.precision, words=own))
    for note in word_embedding.unknown_word_notes(
        own, {perceptor.name: perceptor.width for perceptor in found}
    ):
        screen.say(f"note: {note}")
    return found


def warn_of_length(
    texts: Sequence[str], perceptors: Sequence[OpenClipPerceptor], screen: Console
) -> None:
    """Say which texts a perceptor does not read to their end."""
    for perceptor in perceptors:
        for text in texts:
            count = perceptor.count_tokens(text)
            if count > perceptor.context_length:
                screen.say(
                    f"note: {perceptor.name} reads the first {perceptor.context_length - 2} of "
                    f"the {count - 2} tokens of {text[:40]!r}…"
                )


@dataclass
class ImageBatch:
    """The pictures of a command, some of which may turn out not to be readable.

    Attributes:
        failed: how many words and pictures gave no picture; each has been told.
    """

    paths: list[Path]
    screen: Console
    failed: int = 0

    def embed(
        self, perceptors: Sequence[OpenClipPerceptor]
    ) -> Iterator[tuple[list[Path], list[Embedding]]]:
        """Look at them, some at a time, with a bar if they are many; see `guidance.zero_shot`.

        Raises:
            PictureError: if none of them can be read.
        """
        from vqclip.guidance import zero_shot

        some, few = False, len(self.paths) <= FEW
        with nullcontext() if few else self.screen.bar(len(self.paths), 0, "picture") as bar:
            for there, seen in zero_shot.embed_files(self.paths, perceptors, self._skip):
                some = True
                yield there, seen
                if bar is not None:
                    bar.update(len(there))
        if not some:
            raise PictureError("none of the pictures can be read")

    def close(self) -> None:
        """Say at the end what could not be read.

        Raises:
            PictureError: if there is anything to say.
        """
        if self.failed > 0:
            raise PictureError(
                f"{self.failed} {'was' if self.failed == 1 else 'were'} skipped (see above); "
                "the other pictures are done"
            )

    def _skip(self, path: Path, error: PictureError) -> None:
        self.failed += 1
        self.screen.error(str(error))


def find_images(words: Sequence[str], screen: Console) -> ImageBatch:
    """Find the pictures that words name: files, folders and patterns.

    Raises:
        PictureError: if they name none.
    """
    paths, complaints = media_paths.find_pictures(words)
    if not paths:
        raise PictureError("; ".join(complaints) or "there are no pictures to look at; name some")
    if not any(map(os.path.lexists, paths)):
        more = f", nor at {', '.join(map(str, paths[1:3]))}" if len(paths) > 1 else ""
        blanks = " (a name with blanks belongs in quotes)" if more else ""
        raise PictureError(f"there is no picture at {paths[0]}{more}; check the name{blanks}")
    for words_of_one in complaints:
        screen.error(words_of_one)
    for note in media_paths.describe_unread(words):
        screen.say(f"note: {note}")
    return ImageBatch(paths, screen, len(complaints))
