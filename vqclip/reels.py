"""Which film does a run make? One of its making, or the animation that it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vqclip import folders, itinerary, retakes
from vqclip.config import RunConfig
from vqclip.record import video
from vqclip.record.video import Film
from vqclip.resume import Point
from vqclip.retakes import Stretch


def begin(
    config: RunConfig, place: Path, size: tuple[int, int], point: Point | None
) -> Film | None:
    """Begin the film, or go on with the one that there is, if it goes up to here."""
    if config.frames:
        where = folders.of(config.assets, place if point else None)
        stretch = retakes.stretch(config, where)
        film = _animation(config, place, size, point, where, stretch)
        if point is None and stretch is not None:
            film.take(stretch.before)
        return film
    if config.film.format == "none":
        return None
    kind = config.film.format
    name, suffix = ("frames", "") if kind == "frames" else ("film", f".{kind}")
    path, frames = place / f"{name}{suffix}", 0
    if point is not None:
        reel, done = point.reel, point.state.done
        stem = name if reel is None else reel.folder.removesuffix(".frames")
        path = place / f"{stem}{suffix}"
        there = video.frames_of(path)
        if (
            reel is not None
            and (reel.folder, reel.done) == (there.name, done)
            and video.holds(there, reel.frames)
        ):
            frames = reel.frames
        else:  # what there is is a film of its own, and so is what follows
            path = place / f"{name}-from-{done:05d}{suffix}"
    return video.open_film(
        path,
        fps=config.film.fps,
        quality=config.film.quality,
        codec=config.film.codec,
        crf=config.film.crf,
        between=config.film.between,
        between_by=config.film.between_by,
        size=size,
        start=frames,
        overwrite=point is not None,
    )


def _animation(
    config: RunConfig,
    place: Path,
    size: tuple[int, int],
    point: Point | None,
    where: Sequence[Path],
    stretch: Stretch | None,
) -> Film:
    """Begin the film of an animation, or go on with it. Its frames stay, in `frames/`."""
    kind = config.film.format
    whole = kind in ("frames", "none")
    latent = config.film.between_by == "latent"  # those are drawn, like any other frame
    sound, start = itinerary.sound_of(config, where)
    return video.open_film(
        place / ("frames" if whole else f"film.{kind}"),
        fps=itinerary.fps_of(config) * (config.film.between + 1 if latent else 1),
        quality=config.film.quality,
        codec=config.film.codec,
        crf=config.film.crf,
        between=0 if latent or whole else config.film.between,
        between_by="blend" if latent else config.film.between_by,
        sound=None if whole else sound,
        sound_start=start,
        size=size,
        start=0 if point is None or point.reel is None else point.reel.frames,
        overwrite=point is not None,
        folder=None if whole else place / "frames",
        tail=() if stretch is None else stretch.after,
    )
