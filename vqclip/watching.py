"""What does `vqclip score --film` do? It says how steady a film is, and how well words fit it.

vqclip score --film film.mp4
vqclip score --film frames/ --source dance.mp4 "a fox"
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from vqclip import looking
from vqclip.errors import ConfigError
from vqclip.screen import Screen, table

if TYPE_CHECKING:
    from vqclip.config import RunConfig
    from vqclip.footage import Footage
    from vqclip.tensors import Embedding, Image

FLOW = "dis"  # how motion is found unless --flow says otherwise
SEEN = 16  # frames of a film, or a few more, that are held against words
STRIDE = 12  # of a film of unknown length, each such frame


def score(options: Any, screen: Screen) -> None:
    """Measure how much a film flickers; with a prompt, say how well its frames fit it.

    Raises:
        PictureError: if the film or its source cannot be read.
        VqclipError: if nothing can be done.
    """
    words, config = looking.parted(options.words, "score")
    if len(words) > 1:
        raise ConfigError(
            f"after --film there may be one prompt, in quotes; {len(words)} words were given"
        )
    from vqclip import flicker
    from vqclip.flow import open_flow
    from vqclip.footage import open_footage

    flow = open_flow(options.flow)
    film = open_footage(options.of_film)
    source = None if options.source is None else _beside(film, options.source)
    means = _fitting(words[0], film, config, options, screen) if words else []
    with closing(_watched(film, screen)) as frames:  # the bar ends before an error is told
        found = flicker.measure(frames, flow, source)
    error, shown = found.error, sum(found.shown) / len(found.shown)
    screen.event(
        "film",
        film=options.of_film,
        source=options.source,
        flow=options.flow,
        frames=len(found.differences) + 1,
        warp_error=error,
        warp_errors=list(found.warped),
        compared=round(shown, 6),
        difference=found.difference,
        differences=list(found.differences),
        difference_95=found.usual,
        loop=found.loop,
        closes=found.closes,
    )
    rows = [
        ("frames", str(len(found.differences) + 1), ""),
        (
            "warp error ×1000",
            "–" if error is None else f"{1000 * error:.3f}",
            f"of the {100 * shown:.0f} % of the pixels that neighbours share, by {options.flow}",
        ),
        ("neighbours", _levels(found.difference), "levels of 255 that they differ by"),
        ("neighbours, 95 %", _levels(found.usual), "that so many of them differ by at most"),
        (
            "last to first",
            _levels(found.loop),
            "the loop closes" if found.closes else "the loop does not close",
        ),
    ]
    screen.result(table([*rows, *means]))


def _beside(film: Footage, name: str) -> Footage:
    """Open what a film was made from, at its size, and with a frame for each of its frames."""
    from vqclip.footage import open_footage

    source = open_footage(name, size=film.size)
    counts, rates = (film.count, source.count), (film.fps, source.fps)
    # A gif rounds its rate: where there are as many frames, they belong together.
    if counts[0] is not None and counts[1] is not None and abs(counts[0] - counts[1]) <= 1:
        return source
    if None in rates or rates[0] == rates[1]:
        return source
    return open_footage(name, size=film.size, fps=film.fps)


def _levels(difference: float) -> str:
    return f"{255 * difference:.2f}"


def _watched(film: Footage, screen: Screen) -> Generator[Image, None, None]:
    """Give the frames of a film, with a bar if it is known how many they are."""
    with screen.bar(film.count or 0, 0, "frame") as bar:
        for frame in film:
            yield frame
            bar.update()


def _fitting(
    prompt: str, film: Footage, config: RunConfig, options: Any, screen: Screen
) -> list[tuple[str, str, str]]:
    """Score some frames of a film: the mean cosine of each text and perceptor, as rows."""
    import torch
    from PIL import Image as pillow

    from vqclip import judging
    from vqclip.footage import open_footage
    from vqclip.record import images
    from vqclip.tools import looks

    texts = judging.texts_of(prompt)
    eyes = looking.perceptors(config, screen, texts)
    looking.warn_of_length(texts, eyes, screen)
    stride = STRIDE if film.count is None else max(1, film.count // SEEN)
    seen: list[list[Embedding]] = [[] for _ in eyes]
    for frame in open_footage(options.of_film, stride=stride):
        picture = pillow.fromarray(images.to_bytes(frame))
        for eye, rows in zip(eyes, seen, strict=True):
            rows.append(looks.see(picture, eye))
    told = []
    for eye, rows in zip(eyes, seen, strict=True):
        for text in texts:
            cosine = (torch.cat(rows) @ looks.read([text], eye).T).mean().item()
            screen.event(
                "score", prompt=text, perceptor=eye.name, cosine=round(cosine, 6), seen=len(rows)
            )
            what = f"the mean of {len(rows)} frames with {text!r}, by {eye.name}"
            told.append(("cosine", f"{cosine:.3f}", what))
    return told
