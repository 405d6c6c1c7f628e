"""Retakes: a range of an animation's frames, drawn again.

Its first frame comes from the one before it, as any frame does, though all that is left of that
is a picture. Its last ones turn into what was there, so that the next one follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vqclip.config.checking import animation_checks
from vqclip.config.schema import RunConfig
from vqclip.errors import ConfigError, PictureError
from vqclip.language.assets import SearchPath
from vqclip.run.record import provenance

BACK = 8  # frames in which a stretch comes back to what was there; half of it, if that is less
# What numbers a run's pictures: in a stretch it cannot be other than in the rest.
SAME = ("frames", "fps", "loop", "film.between", "film.between_by")


@dataclass(frozen=True)
class Retake:
    """Frames of a run that are drawn anew, and those that stay.

    Args:
        folder: where the run's frames are.
        first: the first frame that is drawn anew.
        until: the first one after it that stays.
        frames: how many frames the run has.
        between: how many pictures there are between two frames.
        loop: whether the first frame comes after the last.
    """

    folder: Path
    first: int
    until: int
    frames: int
    between: int
    loop: bool

    @property
    def before(self) -> list[Path]:
        """The pictures that stay, up to the stretch."""
        return [self._picture(number) for number in range(self._place(self.first))]

    @property
    def after(self) -> list[Path]:
        """Those that stay, after it; what lies between it and them is drawn anew."""
        leading = self.between if self.joins_again else 0
        return [self._picture(n) for n in range(self._place(self.until) + leading, self._count)]

    @property
    def joins_again(self) -> bool:
        """Whether a frame that stays is seen after the stretch."""
        return self.until < self.frames or self.loop

    @property
    def files(self) -> list[Path]:
        """All pictures of the run."""
        return [self._picture(number) for number in range(self._count)]

    @property
    def continues_frame(self) -> Path | None:
        """What is seen before the stretch, if it is not the beginning."""
        if self.first == 0 and not self.loop:
            return None
        return self.picture(self.first - 1)

    def picture(self, frame: int) -> Path:
        """The picture of a frame, counted from 0; -1 is the last one."""
        return self._picture(frame % self.frames * (self.between + 1))

    def blend_share(self, frame: int) -> float:
        """How much of what was there is in a frame of the stretch."""
        if not self.joins_again:
            return 0.0
        length = min(BACK, (self.until - self.first + 1) // 2)
        return max(0.0, (frame - self.until + length + 1) / (length + 1))

    def _place(self, frame: int) -> int:
        """How many pictures come before a frame and those that lead to it."""
        return (frame - 1) * (self.between + 1) + 1 if frame else 0

    @property
    def _count(self) -> int:
        return self._place(self.frames) + (self.between if self.loop else 0)

    def _picture(self, number: int) -> Path:
        return self.folder / f"{number:05d}.png"


def find_retake(config: RunConfig, search_path: SearchPath) -> Retake | None:
    """Find the stretch that is to be drawn anew, if one is.

    Raises:
        ConfigError: for frames that the run does not have, or settings that it had otherwise.
        PictureError: if there is no such run, or its frames are gone.
    """
    of = config.retake.of
    if not of:
        return None
    folder = search_path.find(of)
    if not (folder / "run.json").is_file():
        raise PictureError(
            f"retake.of is {of}, which is not a run; name the folder of the animation, such as "
            "outputs/0007-a-fox"
        )
    before = provenance.read_provenance(folder).config
    if not before.get("frames"):
        raise ConfigError(f"{of} is a still picture, and has no frames to draw again")
    _same(config, before, of)
    first, until = animation_checks.parse_retake(config.retake.frames) or (0, 0)
    if not 0 <= first < until <= config.frames:
        raise ConfigError(
            f"retake.frames is {config.retake.frames!r}; {of} has {config.frames} frames"
            f"{', not counting those in between' * bool(config.film.between)}, so "
            f"write A:B with A below B and B at most {config.frames}, such as "
            f"{config.frames // 3}:{max(1, config.frames * 2 // 3)}: from A to B - 1"
        )
    between = config.film.between if config.film.between_by == "latent" else 0
    there = Retake(folder / "frames", first, until, config.frames, between, config.loop)
    if between and config.loop and first == 0:
        raise ConfigError(
            f"retake.frames is {config.retake.frames!r}; with loop, the pictures between the "
            "last frame and the first (film.between_by=latent) lead to frame 0 as it was, so it "
            f"has to stay: begin at 1, such as 1:{max(2, until)}"
        )
    gone = [path for path in there.files if not path.is_file()]
    if gone:
        raise PictureError(
            f"{len(gone)} of the frames of {of} are missing, such as {gone[0]}; put them back, "
            f"or complete that run first: vqclip resume {of}"
        )
    return there


def _same(config: RunConfig, before: dict[str, object], of: str) -> None:
    """Refuse settings without which old and new frames do not go together."""
    for key in SAME:
        now: object = config
        then: object = before
        for name in key.split("."):
            now = getattr(now, name)
            then = then.get(name) if isinstance(then, dict) else None
        if now != then:
            raise ConfigError(
                f"{key} is {now}, and was {then} in {of}, of which only some frames are drawn "
                "again; leave it as it was"
            )
