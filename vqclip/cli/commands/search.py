"""The command search.

vqclip search photos "a castle in the fog" --top 20 --sheet castles.png
vqclip search photos --image sketch.png --links like-the-sketch
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqclip.cli import image_arguments
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.cli.unquoted_words import quote_text
from vqclip.errors import ConfigError, PictureError
from vqclip.media import files
from vqclip.media import paths as media_paths
from vqclip.run.record.interrupts import catch_interrupts

if TYPE_CHECKING:
    from vqclip.guidance.image_search import Index, Rows
    from vqclip.guidance.perceptor import OpenClipPerceptor
    from vqclip.tensors import Embedding


ACROSS = 5  # pictures in a row of the sheet


Found = tuple[Path, float]


@dataclass(frozen=True, kw_only=True)
class SearchOptions(CommonOptions):
    """The options of `search`."""

    words: list[str]
    image: str | None
    top: str
    sheet: str | None
    links: str | None


def search_images(options: SearchOptions, screen: Console, progress: Progress) -> None:
    """Look at what is new in a folder, and find what fits best.

    Raises:
        KeyboardInterrupt: if somebody asked to stop while pictures were looked at; those that
            were are kept.
        VqclipError: if nothing can be done.
    """
    words, config = image_arguments.split_words(options.words, "search")
    folder, texts, top = _wanted(words, options)
    if len(config.perceptors) > 1:
        raise ConfigError(
            f"perceptors={','.join(config.perceptors)}: a search uses one perceptor, since each "
            "has an index of its own; name one"
        )
    if options.sheet is not None:
        files.require_new_file(Path(options.sheet), "--sheet")
    if options.links is not None:
        files.require_empty_folder(Path(options.links), "--links")
    if media_paths.is_pattern(str(folder)):
        raise PictureError(
            f"{folder} is a pattern, and a search is for a whole folder, whose index lies in it; "
            "name the folder, or look at some of its pictures with vqclip score"
        )
    unread = media_paths.describe_unread([str(folder)])
    paths = media_paths.list_below(folder)
    if not paths:
        none = f"{folder} holds no picture ({media_paths.list_kinds()})"
        raise PictureError("; ".join([none, *unread]))
    for note in unread:
        screen.say(f"note: {note}")
    example = None if options.image is None else media_paths.find_one(options.image)
    (perceptor,) = image_arguments.load_named_perceptors(config, screen, texts)
    from vqclip.guidance import image_search

    query = _query(perceptor, texts, example, screen)
    index = _index(folder, paths, perceptor, query.shape[1], screen, progress)
    if not index.names:
        raise PictureError(f"none of the {len(paths)} pictures in {folder} can be read")
    hits = [
        (folder / index.names[row], score)
        for row, score in image_search.find_nearest(index.vectors, query, top)
    ]
    for path, score in hits:
        screen.event("hit", image=str(path), score=round(score, 6))
    rows = [(str(n), f"{score:.3f}", str(path)) for n, (path, score) in enumerate(hits, start=1)]
    screen.table(rows)
    if options.sheet is not None:
        lay_out(Path(options.sheet), hits)
        screen.say(f"contact sheet: {options.sheet}")
    if options.links is not None:
        link(Path(options.links), hits)
        screen.say(f"links: {options.links}")


def _wanted(words: Sequence[str], options: SearchOptions) -> tuple[Path, list[str], int]:
    """The folder, the text to search for (none: `--image`), and how many hits."""
    if not words:
        raise ConfigError('name a folder and what to find there: vqclip search photos "a castle"')
    if len(words) > 2 and " " in words[-1]:  # which was in quotes
        raise ConfigError(
            f"{words[0]!r} and {words[1]!r} are separate words; the folder's name belongs in "
            f"quotes: {quote_text(' '.join(words[:-1]))}"
        )
    if len(words) > 2:
        raise ConfigError(
            f"{words[1]!r} and {words[2]!r} are separate words; put what to find in quotes: "
            f'"{" ".join(words[1:])}"'
        )
    text = words[1].strip() if len(words) == 2 else None
    if text is None and options.image is None:
        raise ConfigError(
            f'say what to find in {words[0]}: vqclip search {words[0]} "a castle", or --image '
            "PICTURE; to draw the words: vqclip generate search"
        )
    if text is not None and options.image is not None:
        raise ConfigError("a search is for words or for --image, not for both; leave one out")
    if text == "":
        raise ConfigError('there is nothing to find in ""; write some words')
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", options.top):
        raise ConfigError(
            f"--top {options.top}: it must be a whole number, 1 or more, such as 10"
        )
    if options.sheet is not None:
        files.require_sheet_name(options.sheet, "--sheet")
    return Path(os.path.expanduser(words[0])), [] if text is None else [text], int(options.top)


def _query(
    perceptor: OpenClipPerceptor, texts: list[str], image: Path | None, screen: Console
) -> Embedding:
    """What is searched for, as a direction [1, D]."""
    from vqclip.guidance import zero_shot
    from vqclip.media import images

    if image is not None:
        return zero_shot.embed_picture(images.open_rgb(image), perceptor)
    image_arguments.warn_of_length(texts, [perceptor], screen)
    return zero_shot.embed_texts(texts, perceptor)


def _index(
    folder: Path,
    paths: Sequence[Path],
    perceptor: OpenClipPerceptor,
    wide: int,
    screen: Console,
    progress: Progress,
) -> Index:
    """Bring the folder's index up to date, with a bar."""
    from vqclip.guidance import image_search, zero_shot

    place = image_search.index_folder(folder, perceptor)
    screen.say(f"index: {place}")

    def look(names: Sequence[str]) -> Iterator[tuple[str, Rows]]:
        others = "; the others are in the index already" if len(names) < len(paths) else ""
        screen.say(f"looking at {len(names)} of {len(paths)} pictures{others} …")
        with screen.bar(len(names), 0, "picture") as bar, catch_interrupts() as asked:

            def skip(path: Path, error: PictureError) -> None:
                bar.clear()
                screen.say(f"skipped: {error}")
                bar.update()

            for there, (seen,) in zero_shot.embed_files(
                [folder / n for n in names], [perceptor], skip
            ):
                progress.started = True
                for path, row in zip(there, seen.numpy(), strict=True):
                    yield path.relative_to(folder).as_posix(), row
                bar.update(len(there))
                if asked:
                    progress.signal = asked.signal
                    bar.clear()
                    screen.say(
                        "stopped; the index so far is kept, and the same command continues"
                    )
                    raise KeyboardInterrupt

    with image_search.lock_index(place, screen.say):
        return image_search.update_index(
            place, image_search.list_pictures(folder, paths), wide, look
        )


def lay_out(path: Path, hits: Sequence[Found]) -> None:
    """Write a contact sheet of hits, best first.

    Raises:
        OutputError: if it is there already, or cannot be written.
    """
    from vqclip.media import contact_sheet, images

    cells = []
    names = [picture.name for picture, _ in hits]
    for number, (picture, score) in enumerate(hits, start=1):
        name = picture.name
        if names.count(name) > 1:  # final.png of several runs
            name = f"{picture.parent.name}/{name}"
        words = f"{number}: {score:.2f} {name}"
        try:
            cells.append(contact_sheet.Cell(images.open_rgb(picture), words))
        except PictureError:  # it has just vanished
            cells.append(contact_sheet.Cell(None, words))
    rows = [("", cells[i : i + ACROSS]) for i in range(0, len(cells), ACROSS)]
    heads = [""] * min(ACROSS, len(cells))
    contact_sheet.draw_sheet(path, heads, rows, overwrite=False)


def link(folder: Path, hits: Sequence[Found]) -> None:
    """Make links to hits in a folder, numbered best first; copies where there are no links.

    Raises:
        OutputError: if one cannot be made.
    """

    digits = len(str(len(hits)))
    for number, (picture, _) in enumerate(hits, start=1):
        path = folder / f"{number:0{digits}d}-{picture.name[-100:]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.refuse_to_replace(path)
            try:
                path.symlink_to(picture.resolve())
            except (OSError, NotImplementedError):  # a system without links: a copy, then
                files.refuse_to_replace(path)
                shutil.copy2(picture, path)
        except OSError as error:
            raise files.unwritable_error(path, error) from error


def search(options: SearchOptions, screen: Console, progress: Progress) -> None:
    """Find pictures in a folder that fit words or a picture."""
    search_images(options, screen, progress)
