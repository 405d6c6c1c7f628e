"""The command score --film.

vqclip score --film film.mp4
vqclip score --film frames/ --source dance.mp4 "a fox"
vqclip score --film outputs/0007-a-fox --source dance.mp4
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli import image_arguments
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console
from vqclip.errors import ConfigError
from vqclip.language.assets import SearchPath
from vqclip.media import paths

if TYPE_CHECKING:
    from vqclip.config.schema import RunConfig
    from vqclip.media.frames.frame_source import Footage
    from vqclip.tensors import Embedding, Image

FLOW = "dis"  # how motion is found unless --flow says otherwise
SEEN = 16  # frames of a film, or a few more, that are held against words


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(CommonOptions):
    """The options of `score`."""

    words: list[str]
    of_film: str | None
    source: str | None
    flow: str


def score(path: str, options: ScoreOptions, screen: Console) -> None:
    """Measure how much a film flickers; with a prompt, say how well its frames fit it.

    Args:
        path: of the film.

    Raises:
        PictureError: if the film or its source cannot be read.
        VqclipError: if nothing can be done.
    """
    words, config = image_arguments.split_words(options.words, "score")
    if len(words) > 1:
        raise ConfigError(
            f"--film takes at most one prompt, in quotes; {len(words)} words were given"
        )
    from vqclip.animation import flicker
    from vqclip.animation.optical_flow import open_flow
    from vqclip.models.device import pick_device

    flow = open_flow(options.flow, device=str(pick_device(config.device)))
    run = _run_of(Path(path))
    film = _opened(path, run)
    source = None if options.source is None else _beside(film, options.source, run, screen)
    means = _fitting(words[0], path, film.count, run, config, screen) if words else []
    with closing(_watched(film, screen)) as frames:  # the bar ends before an error is told
        found = flicker.measure_flicker(frames, flow, source)
    error, shown = found.warping_error, sum(found.shown) / len(found.shown)
    screen.event(
        "film",
        film=path,
        source=options.source,
        flow=options.flow,
        frames=len(found.differences) + 1,
        warp_error=error,
        warp_errors=list(found.warped),
        compared=round(shown, 6),
        difference=found.mean_difference,
        differences=list(found.differences),
        difference_95=found.usual_difference,
        loop=found.loop,
        closes=found.is_loop,
    )
    rows = [
        ("frames", str(len(found.differences) + 1), ""),
        (
            "warp error ×1000",
            "–" if error is None else f"{1000 * error:.3f}",
            f"on the {100 * shown:.0f} % of pixels that neighbouring frames share, by "
            f"{options.flow}",
        ),
        (
            "neighbours",
            _levels(found.mean_difference),
            "mean difference of neighbouring frames, in levels of 255",
        ),
        (
            "neighbours, 95 %",
            _levels(found.usual_difference),
            "the difference that 95 % of them stay below",
        ),
        (
            "last to first",
            _levels(found.loop),
            "the loop closes" if found.is_loop else "the loop does not close",
        ),
    ]
    screen.table([*rows, *means])


def _run_of(film: Path) -> Path | None:
    """The folder of the run that a film is: it, or the one that holds it or its frames."""
    above = film.absolute().parent
    there = (film, above, above.parent) if above.name == "frames" else (film, above)
    return next((folder for folder in there if (folder / paths.RUN).is_file()), None)


def _opened(name: str, run: Path | None, stride: int = 1) -> Footage:
    """Open a film; of a run, its frames, as fast as they play."""
    from vqclip.media.frames.frame_source import open_footage

    if run is None or run == Path(name) or os.path.isfile(name):
        return open_footage(name, stride=stride)
    return open_footage(name, fps=paths.find_source([str(run)]).fps, stride=stride)


def _beside(film: Footage, name: str, run: Path | None, screen: Console) -> Footage:
    """Open what a film was made from, at its size, and with a frame for each of its frames."""
    from vqclip.media.frames.frame_source import open_footage
    from vqclip.run import frame_plan as run_frames
    from vqclip.run.record import provenance

    config = None if run is None else provenance.read_run_settings(run)
    if config is not None and config.source.film:
        # Frames that were drawn, or blended, between others lie between them in the source, too.
        many = max(1, round((film.fps or 0) / run_frames.fps_of(config)))
        config = replace(
            config,
            fps=run_frames.fps_of(config) * many,
            source=replace(config.source, film=name),
        )
        taken = f"source.start={config.source.start:g} source.stride={config.source.stride}"
        if config.source.start or config.source.stride > 1:
            screen.say(f"note: {name} is read as in the run: {taken}")
        return run_frames.open_source(config, 0, film.size, SearchPath.current())
    source = open_footage(name, size=film.size)
    counts, rates = (film.count, source.count), (film.fps, source.fps)
    # A gif rounds its rate: where there are as many frames, they belong together.
    if abs(counts[0] - counts[1]) <= 1:
        return source
    if None in rates or rates[0] == rates[1]:
        return source
    return open_footage(name, size=film.size, fps=film.fps)


def _levels(difference: float) -> str:
    return f"{255 * difference:.2f}"


def _watched(film: Footage, screen: Console) -> Generator[Image, None, None]:
    """Give the frames of a film, with a bar."""
    with screen.bar(film.count, 0, "frame") as bar:
        for frame in film:
            yield frame
            bar.update()


def _fitting(
    prompt: str,
    path: str,
    count: int,
    run: Path | None,
    config: RunConfig,
    screen: Console,
) -> list[tuple[str, str, str]]:
    """Score some frames of a film: the mean cosine of each text and perceptor, as rows."""
    import torch
    from PIL import Image as pillow

    from vqclip.guidance import zero_shot
    from vqclip.media import images

    texts = image_arguments.texts_of(prompt)
    perceptors = image_arguments.load_named_perceptors(config, screen, texts)
    image_arguments.warn_of_length(texts, perceptors, screen)
    stride = max(1, count // SEEN)
    seen: list[list[Embedding]] = [[] for _ in perceptors]
    for frame in _opened(path, run, stride):
        picture = pillow.fromarray(images.to_bytes(frame))
        for perceptor, rows in zip(perceptors, seen, strict=True):
            rows.append(zero_shot.embed_picture(picture, perceptor))
    told = []
    for perceptor, rows in zip(perceptors, seen, strict=True):
        for text in texts:
            cosine = (torch.cat(rows) @ zero_shot.embed_texts([text], perceptor).T).mean().item()
            screen.event(
                "score",
                prompt=text,
                perceptor=perceptor.name,
                cosine=round(cosine, 6),
                seen=len(rows),
            )
            what = f"the mean of {len(rows)} frames with {text!r}, by {perceptor.name}"
            told.append(("cosine", f"{cosine:.3f}", what))
    return told
