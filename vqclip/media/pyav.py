"""PyAV: containers and streams of a film, decoded frame by frame.

imageio's PyAV plugin does not do, by tests/media/test_decode.py: it takes ffmpeg's first choice
of decoders (test_transparent_webm_keeps_what_is_transparent) and a cover for a film
(test_what_a_still_cover_is_no_film), ends at the first damage
(test_damage_in_the_midst_is_passed_over), and gives frames without their times
(test_a_rate_that_varies_is_counted_to_the_end).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

CLEAR = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # ffmpeg's own leave transparency out
DISCONTINUOUS = 0x200  # libavformat's AVFMT_TS_DISCONT: a broadcast's times
BACK, JUMP = -0.1, 10  # seconds; when they leap further, it goes on where it was
LATE = 0.1  # seconds; a broadcast whose pictures begin later than its sound by less is in step


@contextmanager
def open_file(path: Path) -> Iterator[InputContainer]:
    """Open a film or a sound; no web address.

    Raises:
        OSError: if that, or what is done with it, fails; its words are ffmpeg's.
    """
    # A name such as "-y" or "http:x" is a file's here, and a playlist finds files only.
    name, only = f"file:{path.absolute()}", {"protocol_whitelist": "file,pipe"}
    old: Any = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    try:
        with av.open(name, options=only, **old) as file:
            yield file
    except av.FFmpegError as error:
        raise OSError(error.strerror) from error


def read_frames(file: InputContainer, stream: Any) -> Iterator[tuple[Any, Fraction]]:
    """Decode a stream; what is damaged is passed over.

    Yields:
        frames, and when each begins, in seconds from the file's first moment; then None, and when
        the last one ends.

    Raises:
        av.FFmpegError: at the end, if most of it was damaged.
    """
    codec, tick = stream.codec_context, stream.time_base
    if stream.metadata.get("alpha_mode") == "1":
        codec = av.CodecContext.create(CLEAR.get(codec.codec.canonical_name, codec.name), "r")
    leaps = bool(file.format.flags & DISCONTINUOUS)
    start = round(Fraction(file.start_time or 0, av.time_base) / tick)
    late = 0.0 if stream.start_time is None else float((stream.start_time - start) * tick)
    if leaps and not LATE < late <= JUMP:  # a broadcast may tell a time of before a leap
        start += round(late / tick)
    time, over, given, broken = Fraction(0), Fraction(0), 0, 0
    for packet in _packets(file, stream):
        try:
            found = codec.decode(packet)
        except av.FFmpegError as error:
            broken, damage = broken + 1, error
            continue
        for frame in found:
            stamp, last = frame.dts if frame.pts is None else frame.pts, time
            time = over if stamp is None else (stamp - start) * tick
            if leaps and given and not BACK <= time - last <= JUMP:
                start, time = start + round((time - over) / tick), over
            given, lasts = given + 1, frame.duration * tick
            if frame.duration <= 1:  # made up
                lasts = max(time - last, 0) or 1 / (stream.guessed_rate or Fraction(25))
            over = time + lasts
            yield frame, time
    if broken > 2 * given:
        raise damage
    yield None, over


def measure_rate(path: Path, index: int) -> Fraction | None:
    """Measure the mean rate of a film's stream by the times of its packets; none is decoded.

    The stream's own mean divides by a duration that mp4 counts in decoding order: where the rate
    varies and frames are reordered, they are shown for another time.

    Returns:
        frames per second; None for a film whose times may leap, or are not told.

    Raises:
        OSError: if the film cannot be opened.
    """
    count, begin, end = 0, inf, -inf
    with open_file(path) as file:
        stream = file.streams[index]
        for packet in _packets(file, stream):
            if packet is None or packet.is_discard:
                continue
            if packet.pts is None or file.format.flags & DISCONTINUOUS:
                return None
            count, begin = count + 1, min(begin, packet.pts)
            end = max(end, packet.pts + (packet.duration or 0))
        lasts = Fraction(end - begin if count else 0) * (stream.time_base or Fraction(0))
    return (count / lasts).limit_denominator(100_000) if lasts > 0 else None


def _packets(file: InputContainer, stream: Any) -> Iterator[Any]:
    """The packets of a stream, as far as the file goes, and None as the last one."""
    with suppress(av.FFmpegError):
        yield from (packet for packet in file.demux(stream) if packet.size)
    yield None


def read_sound(path: Path) -> float | None:
    """How many seconds a file with sound has, infinite if it does not say; None: no sound."""
    with suppress(OSError), open_file(path) as file:
        if file.streams.audio:
            return inf if file.duration is None else file.duration / av.time_base
    return None
