"""Recording of a run: its steps into a folder, its film and its notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vqclip.config.setting_descriptions import encoding_settings
from vqclip.media import film_assembly as media_film
from vqclip.media.film_assembly import Film, FilmPlan
from vqclip.media.film_encoder import EncodeOptions, round_rate
from vqclip.run import frame_plan as run_frames
from vqclip.run.preflight import Request
from vqclip.run.resume import ResumePoint


def begin_film(
    request: Request, place: Path, size: tuple[int, int], point: ResumePoint | None
) -> Film | None:
    """Begin the film, or go on with the one that there is, if it goes up to here."""
    config = request.config
    if config.frames:
        film = _animation(request, place, size, point)
        if point is None and request.retake is not None:
            film.take(request.retake.before)
        return film
    if config.film.format == "none":
        return None
    kind = config.film.format
    name, suffix = ("frames", "") if kind == "frames" else ("film", f".{kind}")
    path, frames = place / f"{name}{suffix}", 0
    if point is not None:
        film_progress, done = point.film, point.state.done
        stem = name if film_progress is None else film_progress.folder.removesuffix(".frames")
        path = place / f"{stem}{suffix}"
        there = media_film.list_frames(path)
        if (
            film_progress is not None
            and (film_progress.folder, film_progress.done) == (there.name, done)
            and media_film.has_frames(there, film_progress.frames)
        ):
            frames = film_progress.frames
        else:  # what there is is a film of its own, and so is what follows
            path = place / f"{name}-from-{done:05d}{suffix}"
    return media_film.open_film(
        path,
        EncodeOptions(round_rate(config.film.fps), **encoding_settings(config.film)),
        FilmPlan(size=size, start=frames, overwrite=point is not None),
    )


def _animation(
    request: Request, place: Path, size: tuple[int, int], point: ResumePoint | None
) -> Film:
    """Begin the film of an animation, or go on with it. Its frames stay, in `frames/`."""
    config, stretch = request.config, request.retake
    # Of a stretch that is drawn beside others only frames are wanted.
    kind = config.film.format if point is None or point.until is None else "none"
    whole = kind in ("frames", "none")
    latent = config.film.between_by == "latent"  # those are drawn, like any other frame
    sound, start = run_frames.find_sound(config, request.search_path)
    rate = run_frames.fps_of(config) * (config.film.between + 1 if latent else 1)
    options = EncodeOptions(
        round_rate(rate),
        sound=None if whole else sound,
        sound_start=start,
        **encoding_settings(config.film),
    )
    if latent:
        options = replace(options, between=0, between_by="blend")
    elif whole:
        options = replace(options, between=0)
    plan = FilmPlan(
        size=size,
        start=0 if point is None or point.film is None else point.film.frames,
        overwrite=point is not None,
        folder=None if whole else place / "frames",
        tail=() if stretch is None else stretch.after,
    )
    return media_film.open_film(place / ("frames" if whole else f"film.{kind}"), options, plan)
