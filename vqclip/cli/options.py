"""Options of commands as values: what the parser read, with types.

Every command has a class of its own, beside its code; those that several commands share are
here. Fields are named as the parser's destinations are, and an option that was not given is None.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vqclip.config.sizes import LADDER_ASPECTS, ladder_size


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """The options of every command.

    Attributes:
        command: the whole command line, `vqclip` included.
    """

    json: bool
    quiet: bool
    debug: bool
    command: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PromptOptions(CommonOptions):
    """The options of commands that take a prompt.

    Attributes:
        words: the prompt or a file, and settings, `key=value`.
        show: whether the finished picture is shown in the terminal.
        named_generate: whether somebody wrote `generate`, which makes the first word a prompt.
    """

    words: list[str]
    preset: list[str]
    seed: str | None
    negative: str | None
    out: str | None
    show: bool = False
    named_generate: bool = False

    def presets(self) -> list[str]:
        """The names of the presets, in the order in which they are applied."""
        return self.preset

    def overrides(self) -> list[str]:
        """The options that are another way to write a setting, as `key=value`."""
        return to_overrides({"negative": self.negative, "seed": self.seed, "out": self.out})


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PromptOptions):
    """The options of `generate`, which the other commands that draw have, too."""

    size: str | None
    steps: str | None
    init: str | None
    film: bool
    draft: bool
    quality: str | None
    aspect: str | None
    scale: str | None

    def overrides(self) -> list[str]:
        """See `PromptOptions`; pixray's words for sizes give a size, unless one is given."""
        size, shape = self.size, self.aspect
        ladder = ladder_size(self.quality, self.aspect, self.scale)
        if ladder is not None:
            size, shape = size or ladder, None
        elif shape in LADDER_ASPECTS:
            width, height = LADDER_ASPECTS[shape]
            shape = f"{width}:{height}"
        given = {"size": size, "aspect": shape, "steps": self.steps, "init": self.init}
        return [*super().overrides(), *to_overrides(given)]

    def presets(self) -> list[str]:
        """See `PromptOptions`."""
        if self.quality is None:
            return self.preset
        # The preset called draft draws on the bundled models.
        own = "pixray-draft" if self.quality == "draft" else self.quality
        return [own, *self.preset]


@dataclass(frozen=True, kw_only=True)
class AnimationOptions(GenerateOptions):
    """The options that are settings of an animation, which `animate` and `plan` have."""

    frames: str | None
    fps: str | None
    length: str | None
    source: str | None
    sound: str | None
    loop: str | None

    def overrides(self) -> list[str]:
        """See `PromptOptions`."""
        given = {
            "fps": self.fps,
            "length": self.length,
            "loop": self.loop,
            "source.film": self.source,
            "sound.file": self.sound,
            frames_key(self.frames): self.frames,
        }
        return [*super().overrides(), *to_overrides(given)]


@dataclass(frozen=True, kw_only=True)
class AnimateOptions(AnimationOptions):
    """The options of `animate`."""

    on: str
    workers: str | None


def frames_key(frames: str | None) -> str:
    """The setting that `--frames` is: how many there are, or, of `A:B`, which are drawn anew."""
    return "retake.frames" if ":" in (frames or "") else "frames"


def to_overrides(given: Mapping[str, str | None]) -> list[str]:
    """Settings as `key=value`, those that are None left out."""
    return [f"{key}={value}" for key, value in given.items() if value is not None]


Options = TypeVar("Options", bound=CommonOptions)


def parse_words(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse the words of a command; what stands behind `--` is no option.

    argparse's own way with `--` stops at options between words.
    """
    end = words.index("--") if "--" in words else len(words)
    # No word that was typed holds a null character, and argparse takes such for no option.
    behind = [f"\0{word}" for word in words[end + 1 :]]
    found = parser.parse_intermixed_args([*words[:end], *behind])
    for key, value in vars(found).items():
        if isinstance(value, list):
            setattr(found, key, [each.removeprefix("\0") for each in value])
        elif isinstance(value, str):
            setattr(found, key, value.removeprefix("\0"))
    return found


def read_options(kind: type[Options], namespace: argparse.Namespace, **more: Any) -> Options:
    """Make a command's options of what its parser read.

    Args:
        more: fields that no parser reads.
    """
    return kind(**vars(namespace), **more)
