"""The commands classify and score.

vqclip classify photos --labels "a cat | a dog | a person"
vqclip score outputs/0001-a-fox/final.png "a fox"
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqclip.cli import image_arguments
from vqclip.cli.commands import score_film
from vqclip.cli.commands.score_film import FLOW, ScoreOptions
from vqclip.cli.image_arguments import texts_of
from vqclip.cli.options import CommonOptions
from vqclip.cli.output import Console, Progress
from vqclip.errors import ConfigError
from vqclip.media import files

SHOWN = 3  # labels of a picture in the table


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(CommonOptions):
    """The options of `classify`."""

    words: list[str]
    labels: str
    templates: str | None
    csv: str | None


def classify_images(options: ClassifyOptions, screen: Console, progress: Progress) -> None:
    """Say which of some labels is in each picture: a table, objects, or CSV.

    Raises:
        PictureError: at the end, if some pictures could not be read; the others are done.
        VqclipError: if nothing can be done.
    """
    words, config = image_arguments.split_words(options.words, "classify")
    labels, templates = read_labels(options.labels), read_templates(options.templates)
    to_stdout = options.csv == "-"
    if to_stdout and options.json:
        raise ConfigError("--json and --csv - both write to stdout; write --csv FILE")
    if options.csv is not None and not to_stdout:
        files.require_new_file(Path(options.csv), "--csv")
    album = image_arguments.find_images(words, screen)
    perceptors = image_arguments.load_named_perceptors(config, screen, labels)
    from vqclip.guidance import zero_shot

    templates = templates or list(zero_shot.TEMPLATES)
    image_arguments.warn_of_length(labels, perceptors, screen)
    if len(perceptors) > 1:
        names = ", ".join(config.perceptors)
        screen.say(f"{names}: the mean of their log-probabilities")
    judges = [
        zero_shot.build_classifier(perceptor, labels, templates) for perceptor in perceptors
    ]
    found: list[tuple[Path, list[float]]] = []
    for paths, seen in album.embed(perceptors):
        progress.started = True
        opinions = [judge.classify(each) for judge, each in zip(judges, seen, strict=True)]
        rows = zero_shot.combine_predictions(opinions).tolist()
        found += zip(paths, rows, strict=True)
        for path, row in zip(paths, rows, strict=True):
            best = [[label, round(share, 6)] for label, share in rank_labels(labels, row)]
            screen.event("picture", image=str(path), labels=best)
    if options.csv is not None:
        lines = as_csv(labels, found)
        if to_stdout:
            screen.result(lines.removesuffix("\n"), exact=True)
        else:
            files.write_whole(options.csv, lines.encode("utf-8", "surrogateescape"))
            screen.say(f"written: {options.csv}")
    if not to_stdout:
        screen.table(as_table(labels, found))
    album.close()


def score_images(options: ScoreOptions, screen: Console, progress: Progress) -> None:
    """Rate how well words fit each picture, for each perceptor.

    The last word is the prompt; of several parts, each is scored, whatever its weight.

    Raises:
        PictureError: at the end, if some pictures could not be read; the others are done.
        VqclipError: if nothing can be done.
    """
    words, config = image_arguments.split_words(options.words, "score")
    if len(words) < 2 or os.path.isfile(words[-1]):
        raise ConfigError(
            "the prompt comes last, after the pictures: vqclip score final.png "
            '"a red heart"; to draw the word itself: vqclip generate score'
        )
    texts = texts_of(words[-1])
    album = image_arguments.find_images(words[:-1], screen)
    perceptors = image_arguments.load_named_perceptors(config, screen, texts)
    from vqclip.guidance import zero_shot

    image_arguments.warn_of_length(texts, perceptors, screen)
    scales = [
        (text, [zero_shot.build_scorer(text, perceptor) for perceptor in perceptors])
        for text in texts
    ]
    rows = [("cosine", "percentile", "perceptor", "prompt", "picture")]
    for paths, seen in album.embed(perceptors):
        progress.started = True
        for number, path in enumerate(paths):
            for text, each in scales:
                for perceptor, scale, embedding in zip(perceptors, each, seen, strict=True):
                    (found,) = scale.score(embedding[number : number + 1])
                    percent = None if found.percentile is None else round(found.percentile, 2)
                    screen.event(
                        "score",
                        image=str(path),
                        prompt=text,
                        perceptor=perceptor.name,
                        cosine=round(found.cosine, 6),
                        percentile=percent,
                    )
                    shown = "–" if percent is None else f"{percent:.0f} %"
                    rows.append((f"{found.cosine:.3f}", shown, perceptor.name, text, str(path)))
    screen.table(rows, heads=True)
    album.close()


def read_labels(given: str) -> list[str]:
    """Read `--labels`: parted by |, or a text file with one a line.

    Raises:
        ConfigError: if there are fewer than two, or one stands twice.
    """
    labels = _list(given, "--labels")
    if len(labels) < 2:
        raise ConfigError(
            f"--labels names {len(labels)}; one label alone would always be certain: write at "
            'least two, as --labels "a cat | a dog"'
        )
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ConfigError(f"--labels names {twice!r} twice; remove one of them")
    return labels


def read_templates(given: str | None) -> list[str]:
    """Read `--templates`; none given: an empty list.

    Raises:
        ConfigError: if one does not say once where the label goes.
    """
    templates = [] if given is None else _list(given, "--templates")
    if given is not None and not templates:
        raise ConfigError('--templates is empty; for the labels as they are: --templates "{}"')
    for template in templates:
        if template.count("{}") != 1:
            raise ConfigError(
                f"--templates: {template!r} must hold {{}} once, where the label goes, such as "
                '"a drawing of {}"'
            )
    return templates


def rank_labels(labels: Sequence[str], shares: Sequence[float]) -> list[tuple[str, float]]:
    """Labels with their probabilities, best first.

    >>> rank_labels(["a", "b", "c"], [0.2, 0.5, 0.3])
    [('b', 0.5), ('c', 0.3), ('a', 0.2)]
    """
    pairs = zip(labels, shares, strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])


def as_table(
    labels: Sequence[str], found: Sequence[tuple[Path, list[float]]]
) -> list[tuple[str, ...]]:
    """The best labels of each picture, for people."""
    rows: list[tuple[str, ...]] = []
    for path, shares in found:
        best = rank_labels(labels, shares)[:SHOWN]
        cells = [cell for label, share in best for cell in (f"{100 * share:5.1f} %", label)]
        rows.append((*cells, str(path)))
    return rows


def as_csv(labels: Sequence[str], found: Sequence[tuple[Path, list[float]]]) -> str:
    """A line for each picture, a column of probabilities for each label."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["image", *labels])
    for path, shares in found:
        writer.writerow([str(path), *(f"{share:.6f}" for share in shares)])
    return lines.getvalue()


def _list(given: str, option: str) -> list[str]:
    """Words parted by |, or the lines of a text file."""
    if not given.lower().endswith(".txt"):
        return [part.strip() for part in given.split("|") if part.strip()]
    try:
        text = Path(given).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{option}: {given} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"{option}: {given} cannot be read ({error.strerror or error}); check the name, or "
            'write the words themselves, separated by |: "a cat | a dog"'
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def classify(options: ClassifyOptions, screen: Console, progress: Progress) -> None:
    """Find which of your labels fits each picture, by CLIP."""
    classify_images(options, screen, progress)


def score(options: ScoreOptions, screen: Console, progress: Progress) -> None:
    """Rate how well words fit pictures, or how steady a film is."""
    if options.of_film is not None:
        score_film.score(options.of_film, options, screen)
    elif options.source is not None or options.flow != FLOW:
        raise ConfigError("--source and --flow belong to --film: vqclip score --film FILM")
    else:
        score_images(options, screen, progress)
