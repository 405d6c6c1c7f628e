"""The command film.

vqclip film outputs/0007-a-fox --format webm --fps 24
vqclip film "frames/*.png" --sound song.mp3 --between 1 --out film.mp4
vqclip film film.mp4 --sheet 10
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqclip.cli.command_help import option_help
from vqclip.cli.options import CommonOptions, to_overrides
from vqclip.cli.output import Console, Progress
from vqclip.config import loading
from vqclip.config.checking.suggestions import suggest_setting
from vqclip.config.schema import FilmSettings
from vqclip.config.setting_descriptions import describe_settings, encoding_settings
from vqclip.config.sizes import read_size, size_from_share
from vqclip.errors import ConfigError, PictureError, VqclipError, suggest
from vqclip.media import files
from vqclip.media.paths import FILMS, Source, describe_unread, find_source

if TYPE_CHECKING:
    from vqclip.media.film_encoder import EncodeOptions, Pixels
    from vqclip.media.frames.frame_source import Strip


MOST = 1000  # pictures on a sheet
KINDS = tuple(kind for kind in FILMS if kind not in ("frames", "none"))


@dataclass(frozen=True, kw_only=True)
class FilmOptions(CommonOptions):
    """The options of `film`."""

    words: list[str]
    format: str | None
    fps: str | None
    size: str | None
    codec: str | None
    crf: str | None
    quality: str | None
    between: str | None
    sound: str | None
    sound_start: str | None
    sheet: str | None
    out: str | None

    def overrides(self) -> list[str]:
        """The options that are another way to write a setting, as `key=value`."""
        given = {
            "film.format": self.format,
            "film.fps": self.fps,
            "film.codec": self.codec,
            "film.crf": self.crf,
            "film.quality": self.quality,
            "film.between": self.between,
        }
        return to_overrides(given)


def make_film(options: FilmOptions, screen: Console, progress: Progress) -> None:
    """Make a film, or a contact sheet, of what the words name.

    Raises:
        VqclipError: if nothing can be made; nothing is left then.
    """
    alone, given = _parted(options)
    if not alone:
        raise ConfigError(
            "name what the film is to be made of, such as outputs/0007-a-fox, a folder of "
            "pictures, pictures, or a film; to draw the word itself: vqclip generate film"
        )
    settings, said = _settings(given, options)
    every = None if options.sheet is None else _number("--sheet", options.sheet)
    start = _seconds(options.sound_start)
    source = find_source(alone)
    for note in describe_unread(alone) if source.run is None else []:
        screen.say(f"note: {note}")
    size = None if options.size is None else _size(options.size, source)
    out = _place(options, source, settings)
    began = time.monotonic()
    from vqclip.media import film_encoder
    from vqclip.media.frames import frame_source

    if source.film is None:
        material = frame_source.strip_of_pictures(source.pictures, size)
    else:
        material = frame_source.strip_of_film(source.film, size)
    wide, high = material.size
    many = "pictures" if material.count != 1 else "picture"
    screen.say(f"{material.count} {many} of {wide}x{high} from {source.name}")
    if material.others and size is None:
        screen.say(f"note: pictures of another size, fitted to {wide}x{high}: {material.others}")
    own = material.fps or Fraction(source.fps or settings.fps).limit_denominator(100_000)
    # Who says both means how fast it plays in the end, with what lies in between.
    rate = (
        film_encoder.round_rate(settings.fps) / (settings.between + 1) if "fps" in said else own
    )
    if options.sound is not None and (every is not None or settings.format == "frames"):
        screen.say(f"note: a folder of pictures has no sound; {options.sound} is left out")
    if every is not None:
        _sheet(material, every, rate, out, screen)
    elif settings.format == "frames":
        _unroll(material, out, screen)
    else:
        if options.sound is not None:
            sound: Path | None = Path(os.path.expanduser(options.sound))
        else:
            sound, begins = _sound_of(source, material, screen)
            start += begins
            if sound is not None and rate != own:
                screen.say(
                    "note: the film's sound is left out, since it does not fit another fps"
                )
                sound = None
        _film(material, settings, (rate, sound, start), out, screen)
    seconds = round(max(0.0, time.monotonic() - began), 1)
    screen.event("done", film=str(out), frames=material.count, seconds=seconds)
    screen.result(str(out), exact=True)


def _size(text: str, source: Source) -> tuple[int, int]:
    """The size of a film, `--size`: in pixels, or a share of what it is made of."""
    if text.strip().endswith("%"):
        from vqclip.media.frames import frame_source

        if source.film is not None:
            strip = frame_source.strip_of_film(source.film)
        else:
            strip = frame_source.strip_of_pictures(source.pictures)
        text = size_from_share(text, strip.size)
    return read_size(text, 1, "--size")


def _parted(options: FilmOptions) -> tuple[list[str], list[str]]:
    """The words that stand alone, and the settings of a film among them, `film.fps=24`."""
    known = [each.key for each in describe_settings() if each.key.startswith("film.")]
    alone, settings = [], []
    for word in options.words:
        key = re.match(r"([a-z_]+(?:\.[a-z_]+)*)=", word)
        if key is None or os.path.lexists(word):
            alone.append(word)
        elif key[1] not in known:
            raise ConfigError(
                f"{key[1]}= is not a setting of films{_meant(key[1], word, known)} (one of: "
                f"{', '.join(known)})"
            )
        else:
            settings.append(word)
    return alone, [*settings, *options.overrides()]


def _meant(key: str, word: str, known: list[str]) -> str:
    """Suggest a setting of a film in place of one that there is not."""
    value = word.partition("=")[2]
    return suggest_setting(key, value, known) or suggest(key, known)


def _settings(given: list[str], options: FilmOptions) -> tuple[FilmSettings, set[str]]:
    """The film's settings, and which of them were said; the name of --out says the format."""
    said = {text.partition("=")[0].removeprefix("film.") for text in given}
    names_a_film = options.out is not None and options.sheet is None
    kind = Path(options.out or "").suffix.lower().removeprefix(".")
    if names_a_film and "format" not in said:
        if kind and kind not in KINDS:
            raise ConfigError(
                f"--out {options.out}: there is no film format .{kind}{suggest(kind, KINDS)}; "
                f"expected .{', .'.join(KINDS)}, or no suffix for a folder of frames"
            )
        given = [*given, f"film.format={kind or 'frames'}"]
    settings = loading.load_config("a film", overrides=given).film
    if settings.format == "none":
        raise ConfigError(f"film.format is none; name a film format, such as {KINDS[0]}")
    if "between_by" in said and settings.between_by == "latent":
        raise ConfigError(
            "film.between_by=latent needs the latents of a run, which finished pictures do not "
            "have; write film.between_by=blend or flow, or use it with vqclip animate"
        )
    if names_a_film and (kind or "frames") != settings.format:
        how = "have no suffix" if settings.format == "frames" else f"end in .{settings.format}"
        raise ConfigError(
            f"--out {options.out} and film.format={settings.format} do not go together; the "
            f"name must {how}"
        )
    return settings, said


def _place(options: FilmOptions, source: Source, settings: FilmSettings) -> Path:
    """Where the result goes: as asked for, or beside what it is made of, under a free name."""
    stem, suffix = source.home.name, f".{settings.format}"
    if options.sheet is not None:
        stem, suffix = "sheet", ".png"
        if options.out is not None:
            files.require_sheet_name(options.out, "--out")
    elif settings.format == "frames":
        stem, suffix = f"{stem}-frames", ""
    if options.out is not None:
        out = Path(os.path.expanduser(options.out))
    else:
        out, number = source.home.with_name(files.fit_name(stem, suffix)), 2
        while os.path.lexists(out):
            out, number = out.with_name(files.fit_name(stem, f"-{number}{suffix}")), number + 1
    files.require_new_file(out, "--out")
    return out


def _film(
    material: Strip,
    settings: FilmSettings,
    heard: tuple[Fraction, Path | None, float],
    out: Path,
    screen: Console,
) -> None:
    """Encode, at so many pictures a second, with a sound from some second on."""
    from vqclip.media import film_encoder

    rate, sound, start = heard
    if sound is not None and settings.format not in film_encoder.SOUNDS:
        screen.say(f"note: {settings.format} has no sound; {sound} is left out")
        sound = None
    how = film_encoder.EncodeOptions(
        rate, sound=sound, sound_start=start, **encoding_settings(settings)
    )
    look = film_encoder.resolve_options(settings.format, how)
    wide, high = film_encoder.encoded_size(material.size, look.codec, material.alpha)
    if (wide, high) != material.size:
        screen.say(f"note: {look.codec} needs even sides, so the film is {wide}x{high}")
    if material.alpha and not film_encoder.has_alpha(look.codec):
        screen.say(f"note: {look.codec} has no transparency; transparent parts become white")
    if (said := film_encoder.describe_rate(settings.format, look)) is not None:
        screen.say(f"note: {said}")
    screen.event(
        "start",
        film=str(out),
        frames=material.count,
        size=list(material.size),
        fps=round(
            float(film_encoder.limit_rate(settings.format, rate * (settings.between + 1))), 3
        ),
        codec=look.codec,
    )
    _encode(material, look, out, screen)


def _sound_of(source: Source, material: Strip, screen: Console) -> tuple[Path | None, float]:
    """What a film sounds like, or a run, and from which second on."""
    if material.sound:
        return source.film, 0.0
    if source.run is None:
        return None, 0.0
    from vqclip.language.assets import SearchPath
    from vqclip.media import film_encoder, pyav
    from vqclip.run import frame_plan
    from vqclip.run.record import provenance

    try:
        config = provenance.read_run_settings(source.run)
        film = source.run / f"film.{config.film.format}"
        if not config.frames:
            return None, 0.0
        if config.film.format in film_encoder.SOUNDS and film.is_file() and pyav.read_sound(film):
            return film, 0.0
        sound, start = frame_plan.find_sound(
            config, SearchPath.from_settings(config.assets, source.run)
        )
        if sound is not None and not sound.is_file():
            raise PictureError(f"there is no sound at {sound}")
    except VqclipError as error:
        screen.say(f"note: the run's sound is left out; {error}")
        return None, 0.0
    return sound, start


def _encode(material: Strip, look: EncodeOptions, out: Path, screen: Console) -> None:
    """Encode aside, and put it in its place. The pictures of a gif pass twice."""
    from vqclip.media import film_encoder

    part, passes = files.temporary_path(out), 2 if look.codec == "gif" else 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with screen.bar(material.count * passes, 0, "frame") as bar:
            film_encoder.encode_film(
                lambda: _watched(material, bar),
                material.count,
                material.size,
                material.alpha,
                part,
                look,
            )
        files.refuse_to_replace(out)
        os.replace(part, out)
    except OSError as error:
        raise files.unwritable_error(out, error) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _unroll(material: Strip, out: Path, screen: Console) -> None:
    """Write a folder of numbered PNGs."""
    from vqclip.media import images

    part = files.temporary_path(out)
    try:
        part.mkdir(parents=True)
        with screen.bar(material.count, 0, "frame") as bar:
            for number, pixels in enumerate(_watched(material, bar)):
                files.write_whole(part / f"{number:05d}.png", images.to_png(pixels))
        files.refuse_to_replace(out)
        os.replace(part, out)
    except OSError as error:
        raise files.unwritable_error(out, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sheet(material: Strip, every: int, rate: Fraction, out: Path, screen: Console) -> None:
    """Lay out every so-many-th picture, each with its number and time."""
    from vqclip.media import contact_sheet

    many = -(-material.count // every)
    if many > MOST:
        raise ConfigError(
            f"--sheet {every} would put {many} pictures on a sheet, which has room for {MOST}; "
            f"write --sheet {-(-material.count // MOST)} or more"
        )
    with screen.bar(material.count, 0, "frame") as bar:
        contact_sheet.draw_film_sheet(out, _watched(material, bar), every, fps=float(rate))


def _watched(material: Strip, bar: Any) -> Iterator[Pixels]:
    with closing(material.pictures()) as pictures:
        for pixels in pictures:
            yield pixels
            bar.update()


def _number(option: str, text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise ConfigError(f"{option} {text}: it must be a whole number, 1 or more, such as 10")
    return int(text)


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise ConfigError(f"--sound-start {text}: write seconds, such as 12.5")
    return float(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command to its parser."""
    parser.usage = f"{parser.prog} RUN | FOLDER | PICTURE … | FILM  [--option …] [key=value …]"
    parser.add_argument(
        "words", nargs="*", metavar="FRAMES", help="a run, a folder, pictures, '*.png', a film"
    )
    parser.add_argument("--format", metavar="KIND", help="mp4, mov, webm, gif, webp or frames")
    parser.add_argument("--fps", metavar="N", help="frames a second; a film keeps its own")
    parser.add_argument(
        "--size", metavar="WxH", help=("size of the film; otherwise the first picture's")
    )
    parser.add_argument("--codec", metavar="NAME", help=option_help("film.codec"))
    parser.add_argument("--crf", metavar="N", help=option_help("film.crf"))
    parser.add_argument("--quality", metavar="N", help=option_help("film.quality"))
    parser.add_argument("--between", metavar="N", help=option_help("film.between"))
    parser.add_argument(
        "--sound", metavar="FILE", help=("the sound to add: a song, or another film")
    )
    parser.add_argument(
        "--sound-start", metavar="SECONDS", help=("where in the sound the film begins")
    )
    parser.add_argument(
        "--sheet", metavar="N", help=("a contact sheet of every Nth picture instead")
    )
    parser.add_argument(
        "--out", metavar="FILE", help=("such as film.webm; the suffix sets the format")
    )


def film(options: FilmOptions, screen: Console, progress: Progress) -> None:
    """Make a film or a contact sheet from a run or pictures."""
    make_film(options, screen, progress)
