"""Encoding of films: pixel formats, codecs, and dissolves between frames.

    mp4     h264, h265 or av1; the index at the front, so that it plays while it loads
    mov     prores (4444, with alpha), h264 or h265
    webm    vp9 (with alpha) or av1
    gif     one palette of 255 colours, made from all pictures, and transparency
    webp    animated WebP, with alpha

Where there is no alpha, what is transparent is laid on white, as everywhere in vqclip. Equal
pictures give equal bytes on the same machine, as long as ffmpeg stays the same.

It is written by ffmpeg's process, by tests/media/test_encode.py: imageio's PyAV plugin takes no
option of an encoder (test_crf_stands_for_quality, test_prores_is_4444) and no sound
(test_sound_goes_with_the_film), and its Pillow holds all pictures of a gif or a WebP until the
last (test_no_more_than_a_picture_is_held).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vqclip.errors import ConfigError, OutputError, PictureError
from vqclip.media import ffmpeg, pyav
from vqclip.media.paths import FILMS, MOST_FPS

if TYPE_CHECKING:
    from numpy.typing import NDArray


Pixels: TypeAlias = "NDArray[np.uint8]"  # [H, W, 3], or [H, W, 4] with alpha


def to_pixels(pixels: Pixels, keeps: bool, even: bool) -> Pixels:
    """Lay what is transparent on white, unless it is kept; repeat an odd last row and column."""
    if pixels.shape[2] == 4 and not keeps:
        share = pixels[..., 3:].astype(np.uint16)
        over = pixels[..., :3] * share + 255 * (255 - share)
        pixels = ((over + 127) // 255).astype(np.uint8)
    if keeps and pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    odd = (pixels.shape[0] % 2, pixels.shape[1] % 2)
    if even and any(odd):
        pixels = np.pad(pixels, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
    return pixels


def blend_frames(pictures: Iterable[Pixels], between: int) -> Iterator[Pixels]:
    """Lay pictures over each other on the way from one to the next; the last one lasts as long.

    What is transparent has no share in the colours.
    """
    last: Pixels | None = None
    for pixels in pictures:
        for part in range(1, between + 1) if last is not None else ():
            assert last is not None
            yield _mix(last, pixels, part / (between + 1))
        yield pixels
        last = pixels
    if last is not None:
        yield from [last] * between


def _mix(first: Pixels, second: Pixels, share: float) -> Pixels:
    pair = [first.astype(np.float32), second.astype(np.float32)]
    weights = [np.float32(1 - share), np.float32(share)]
    if first.shape[2] == 3:
        mixed = weights[0] * pair[0] + weights[1] * pair[1]
    else:
        heavy = [w * each[..., 3:] for w, each in zip(weights, pair, strict=True)]
        alpha = heavy[0] + heavy[1]
        colour = heavy[0] * pair[0][..., :3] + heavy[1] * pair[1][..., :3]
        mixed = np.dstack([colour / np.maximum(alpha, 1e-6), alpha])
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


Pictures: TypeAlias = Callable[[], Iterator[Pixels]]  # asked for once a pass


@dataclass(frozen=True)
class EncodeOptions:
    """How a film is to be; `resolve_options` completes it.

    Attributes:
        fps: pictures a second, without those in between; `round_rate` makes it of a float.
        quality: 0 (small) to 100 (near lossless).
        codec: a name of vqclip's, or "auto".
        crf: the codec's own number; None: from `quality`.
        between: how many pictures more between every two.
        between_by: "blend" or "flow".
        sound: a file with a sound stream, to go with the film.
        sound_start: the second of it with which the film begins.
        encoder: ffmpeg's name of what encodes.
    """

    fps: Fraction
    quality: int = 80
    codec: str = "auto"
    crf: int | None = None
    between: int = 0
    between_by: str = "blend"
    sound: Path | None = None
    sound_start: float = 0.0
    encoder: str = ""


def round_rate(fps: float) -> Fraction:
    """Round a rate, in frames a second, to a fraction with a denominator of at most 1001.

    It is at least 1/1001. A gif counts in hundredths of a second; see `limit_rate`.

    Raises:
        OutputError: if it is not more than 0 and at most 1000.
    """
    if not 0 < fps <= 1000:
        raise OutputError(f"fps is {fps}; expected more than 0 and at most 1000 frames a second")
    return Fraction(fps).limit_denominator(1001) or Fraction(1, 1001)


@dataclass(frozen=True)
class Codec:
    """What encodes, and what it can hold.

    Attributes:
        encoders: ffmpeg's names, the best first.
        planes: the pixel format, and with alpha, if it has any.
        crf: of quality 0 and 100.
        more: further arguments, for each encoder.
    """

    encoders: tuple[str, ...]
    planes: tuple[str, str | None]
    crf: tuple[float, float] | None = None
    more: tuple[str, ...] = ()


SPEED = {
    "libvpx-vp9": ("-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1"),
    "libsvtav1": ("-preset", "7"),
    "libaom-av1": ("-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    "libx265": ("-x265-params", "log-level=error"),
}


CODECS = {
    # x264 counts from 0 (lossless) to 51; 18 is taken for visually lossless, which is 22 of x265.
    "h264": Codec(("libx264",), ("yuv420p", None), (38, 13)),
    # QuickTime plays h265 by this tag only.
    "h265": Codec(("libx265",), ("yuv420p", None), (42, 17), ("-tag:v", "hvc1")),
    "prores": Codec(
        ("prores_ks",),
        ("yuv444p10le", "yuva444p10le"),
        more=("-profile:v", "4444", "-vendor", "apl0"),
    ),
    # VP9 and AV1 count to 63; 31 is VP9's recommendation for 1080p.
    "vp9": Codec(("libvpx-vp9",), ("yuv420p", "yuva420p"), (55, 24)),
    "av1": Codec(("libsvtav1", "libaom-av1"), ("yuv420p", None), (55, 20)),
    "gif": Codec(("gif",), ("rgb24", "rgba")),
    # bgra leaves the conversion to YUV to libwebp, which does it as browsers undo it.
    "webp": Codec(("libwebp_anim", "libwebp"), ("bgra", "bgra")),
}


SOUNDS = {"mp4": ("aac",), "mov": ("aac",), "webm": ("libopus", "libvorbis")}
EVEN = ("yuv420p", "yuva420p")  # the colour planes have half the sides
SOONER = 60.0  # seconds of a sound that are listened to before it begins
FLOW = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"


def resolve_options(kind: str, look: EncodeOptions) -> EncodeOptions:
    """Choose codec and encoder, and look at the sound, before any picture is made.

    Args:
        kind: such as "mp4".

    Raises:
        ConfigError: if codec and kind do not go together.
        OutputError: if ffmpeg is absent, or lacks an encoder.
        PictureError: if the sound has none.
    """
    codecs = FILMS[kind] or (kind,)
    name = codecs[0] if look.codec == "auto" else look.codec
    if name not in codecs:
        raise ConfigError(f"the codec {name} does not go into {kind}; expected {codecs}")
    there = ffmpeg.list_encoders()
    encoder = _first(CODECS[name].encoders, there)
    if encoder is None:
        instead = next(_possible(there), "film.format=frames")
        raise OutputError(
            f"the ffmpeg at {ffmpeg.find_ffmpeg()} cannot encode {name} (it lacks "
            f"{' and '.join(CODECS[name].encoders)}); write {instead}, or set "
            "$IMAGEIO_FFMPEG_EXE to another ffmpeg"
        )
    if look.sound is not None:
        _check_sound(look.sound, look.sound_start)
    return replace(look, codec=name, encoder=encoder)


def _possible(there: frozenset[str] | None) -> Iterator[str]:
    """The settings that encoders which are there allow."""
    for kind, names in FILMS.items():
        for name in names or (kind,):
            if name in CODECS and _first(CODECS[name].encoders, there):
                usual = name in (*names[:1], kind)
                yield f"film.format={kind}" + ("" if usual else f" film.codec={name}")


def has_alpha(codec: str) -> bool:
    """Whether a codec keeps what is transparent."""
    return CODECS[codec].planes[1] is not None


def encoded_size(size: tuple[int, int], codec: str, alpha: bool) -> tuple[int, int]:
    """The size that a codec gives pictures: most have even sides."""
    opaque, clear = CODECS[codec].planes
    even = (clear if alpha and clear else opaque) in EVEN
    width, height = (side + side % 2 if even else side for side in size)
    return width, height


def limit_rate(kind: str, rate: Fraction) -> Fraction:
    """The rate at which a kind of film shows what is asked for, in frames a second."""
    return min(rate, Fraction(MOST_FPS.get(kind, rate)))


def count_shown(kind: str, look: EncodeOptions, count: int) -> tuple[int, Fraction]:
    """How many frames a film of `count` pictures shows, and how many of them a second."""
    asked = look.fps * ((look.between if count > 1 else 0) + 1)
    every = limit_rate(kind, asked)
    return max(1, round(count / look.fps * every)), every


def describe_rate(kind: str, look: EncodeOptions) -> str | None:
    """Say that a kind of film cannot have so many frames a second; None if it can."""
    asked = look.fps * (look.between + 1)
    said = "frames a second; some are left out, and it lasts as long as it should"
    most = limit_rate(kind, asked)
    return None if most == asked else f"a {kind} shows {most}, not {float(asked):g}, {said}"


def encode_film(
    pictures: Pictures,
    count: int,
    size: tuple[int, int],
    alpha: bool,
    film: Path,
    look: EncodeOptions,
) -> None:
    """Encode pictures; `film` is replaced.

    Args:
        pictures: gives [H, W, 3] uint8, or [H, W, 4] if `alpha`, each time that it is called.
        count: how many.
        size: (width, height).
        look: as `resolve_options` gave it.

    Raises:
        OutputError: if ffmpeg fails.
    """
    codec, kind = CODECS[look.codec], film.suffix.lower().removeprefix(".")
    keeps = alpha and codec.planes[1] is not None
    planes = codec.planes[1] if keeps and codec.planes[1] else codec.planes[0]
    wide, high = encoded_size(size, look.codec, alpha)
    between = look.between if count > 1 else 0
    asked = look.fps * (between + 1)
    frames, every = count_shown(kind, look, count)
    flows = between > 0 and look.between_by == "flow"

    def stream() -> Iterator[Pixels]:
        found: Iterator[Pixels] = (to_pixels(p, keeps, planes in EVEN) for p in pictures())
        found = blend_frames(found, between) if between and not flows else found
        return found if flows or every == asked else _thin_out(found, frames, asked / every)

    read = ffmpeg.raw_input_arguments((wide, high), keeps, look.fps if flows else every)
    rgb = kind in ("gif", "webp")
    filters = [] if rgb and not flows else [TO_709]
    if flows:
        # Nothing comes after the last but one, and too much after what is cloned.
        filters.append("format=yuva444p" if keeps else "format=yuv444p")
        filters += ["tpad=stop=4:stop_mode=clone", f"minterpolate=fps={every}:{FLOW}"]
    if filters:
        filters += [FROM_709, "format=rgba"] if rgb else [f"format={planes}", TAG_709]
    ends = ("-frames:v", str(frames))
    if kind == "gif":
        _encode_gif(stream, read, filters, ends, film)
        return
    how = ["-c:v", look.encoder, "-pix_fmt", planes, *codec.more, *SPEED.get(look.encoder, ())]
    if codec.crf is not None:
        low, high_quality = codec.crf
        crf = round(low + (high_quality - low) * look.quality / 100)
        how += ["-crf", str(look.crf if look.crf is not None else crf)]
    if kind == "webp":
        how += ["-quality", str(look.quality), "-loop", "0", "-f", "webp"]
    if keeps and look.codec == "vp9":
        how += ["-auto-alt-ref", "0"]  # its hidden pictures have no alpha
    if kind in ("mp4", "mov"):
        how += ["-movflags", "+faststart"]
    if filters:
        how += ["-vf", ",".join(filters)]
    sound, mixed = _sound(kind, look, float(count / look.fps))
    tags = () if rgb else BT709
    ffmpeg.feed_pictures(_bitexact([*read, *sound, *tags, *how, *ends, *mixed], film), stream())
    if keeps and kind == "webp":
        _say_alpha(film)


def _thin_out(pictures: Iterable[Pixels], frames: int, stride: Fraction) -> Iterator[Pixels]:
    """Leave pictures out, evenly, until `frames` remain: of `stride` of them one stays."""
    given = 0
    for number, pixels in enumerate(pictures):
        if given < frames and number == int(given * stride):
            yield pixels
            given += 1


def _encode_gif(
    stream: Pictures, read: list[str], filters: list[str], ends: tuple[str, ...], film: Path
) -> None:
    """Two passes: which colours there are, and then the pictures, with the nearest of them."""
    paint = "paletteuse=dither=sierra2_4a:diff_mode=rectangle"
    with tempfile.TemporaryDirectory() as place:
        palette = Path(place, "palette.png")
        find = ["-vf", ",".join([*filters, "palettegen"]), "-update", "1"]
        ffmpeg.feed_pictures(_bitexact([*read, *find], palette), stream())
        before = ",".join(filters) or "null"
        graph = f"[0:v]{before}[x];[x][1:v]{paint}"
        how = ["-f", "png_pipe", "-i", str(palette), "-lavfi", graph, "-loop", "0", *ends]
        ffmpeg.feed_pictures(_bitexact([*read, *how], film), stream())


def _say_alpha(webp: Path) -> None:
    """Set the flag of alpha in the head (VP8X) of a moving WebP.

    libwebp leaves it out where every picture's rectangle is opaque and only the canvas around
    them is not; the canvas is taken for opaque then.
    """
    with webp.open("rb+") as file:
        head = file.read(21)
        if head[12:16] == b"VP8X":
            file.seek(20)
            file.write(bytes([head[20] | 0x10]))


def _bitexact(arguments: Iterable[str], file: Path) -> list[str]:
    """No encoder's version and no random numbers in the container."""
    return ffmpeg.ffmpeg_command(*arguments, "-fflags", "+bitexact", str(file.absolute()))


def _check_sound(sound: Path, start: float) -> None:
    if not sound.is_file():
        raise PictureError(f"there is no sound at {sound}; check the name")
    seconds = pyav.read_sound(sound)
    if seconds is None:
        raise PictureError(f"{sound} has no sound that ffmpeg can read; expected wav, mp3, …")
    if not 0 <= start < seconds:
        long = f"from 0 to {seconds:g}, its end" if seconds < inf else "from 0 on"
        raise PictureError(
            f"the sound cannot start at second {start:g} of {sound}; choose one {long}"
        )


def _sound(kind: str, look: EncodeOptions, seconds: float) -> tuple[list[str], list[str]]:
    """Arguments that open the sound, and that lay it beside the pictures."""
    if look.sound is None or kind not in SOUNDS:
        return [], []
    encoder = _first(SOUNDS[kind], ffmpeg.list_encoders()) or SOUNDS[kind][0]
    # In a film, ffmpeg goes to a picture, and the sound before the first one would be lost.
    listened = min(look.sound_start, SOONER)
    sought = look.sound_start - listened
    reading = ffmpeg.input_arguments(look.sound, *(("-ss", f"{sought:.6f}") if sought else ()))
    # One channel stays one: spread over two it would be quieter by 3 dB. More become two.
    heard = "aformat=channel_layouts=mono|stereo"
    begun = f"{heard},atrim=start={listened:.6f},asetpts=PTS-{listened:.6f}/TB"
    mixed = ["-map", "0:v", "-map", "1:a:0", "-c:a", encoder, "-b:a", "192k"]
    return reading, [*mixed, "-af", begun, "-flags:a", "+bitexact", "-t", f"{seconds:.6f}"]


def _first(names: Iterable[str], there: frozenset[str] | None) -> str | None:
    """The first encoder that is there; of an ffmpeg that does not say, any may be."""
    return next((name for name in names if there is None or name in there), None)


# Untagged video is taken for BT.709 by most players, while ffmpeg would convert to BT.601: the
# colours would shift. So convert to 709, and say so.
TO_709 = "scale=out_color_matrix=bt709:out_range=tv"
TAG_709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
FROM_709 = "scale=in_color_matrix=bt709:in_range=tv:out_range=pc"
BT709 = (
    *("-colorspace", "bt709", "-color_primaries", "bt709"),
    *("-color_trc", "bt709", "-color_range", "tv"),
)
