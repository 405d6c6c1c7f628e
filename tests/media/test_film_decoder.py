"""The film decoder: facts about films, against how they were made."""

from __future__ import annotations

import os
import subprocess
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as pillow

from tests.helpers.films import BLOCKS, ffmpeg, film, held
from vqclip.errors import PictureError
from vqclip.media.film_decoder import FilmInfo, count_frames, decode_frames, probe_film

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
SOUND = ("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac")


def told(path: Path, **changes: object) -> None:
    assert probe_film(path) == FilmInfo(**({"size": (64, 48), "rate": Fraction(10)} | changes))


def test_the_rate_is_exact_and_sound_is_no_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *SOUND, *X264, rate="30000/1001", seconds="0.5")
    told(path, rate=Fraction(30000, 1001), sound=True)
    assert count_frames(path, probe_film(path), Fraction(30000, 1001)) == 15


def test_turned_films_are_told_as_they_are_seen(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264)
    ffmpeg("-display_rotation", "90", "-i", path, "-c", "copy", tmp_path / "turned.mp4")
    told(tmp_path / "turned.mp4", size=(48, 64))


@pytest.mark.parametrize(("ratio", "size"), [("2/1", (128, 48)), ("1/2", (64, 96))])
def test_pixels_become_square(tmp_path: Path, ratio: str, size: tuple[int, int]) -> None:
    path = film(tmp_path / "a.mp4", "-vf", f"setsar={ratio}", *X264)
    told(path, size=size)
    assert next(decode_frames(path, probe_film(path), Fraction(10))).size == size


def test_a_rate_that_varies_is_told_by_its_mean(tmp_path: Path) -> None:
    moved = "setpts='if(lt(N,5),N,5+4*(N-5))/10/TB'"  # five frames in 0.5 s, five in 2 s
    path = film(tmp_path / "a.mp4", "-vf", moved, "-fps_mode", "vfr", "-bf", "0", *X264)
    assert 3.5 < probe_film(path).rate < 5


@pytest.mark.parametrize("kind", ["mp4", "mov"])
@pytest.mark.parametrize("fps", [None, 10.0, 7.0])
def test_a_rate_that_varies_is_measured_by_the_frames(
    tmp_path: Path, kind: str, fps: float | None
) -> None:
    """With frames out of order, mp4 counts a duration that is shorter than what is shown."""
    moved = "setpts='if(lt(N,5),N,5+4*(N-5))/10/TB'"  # at 0, 0.1 … 0.5, 0.9 … 2.1 seconds
    how = ("-vf", moved, "-fps_mode", "vfr", "-enc_time_base", "1/10", "-bf", "2", *X264)
    path = film(tmp_path / f"a.{kind}", *how)
    told = probe_film(path)
    with av.open(path) as file:
        frames = [frame for frame in file.decode(video=0) if frame.pts is not None]
        lasts = (frames[-1].pts + frames[-1].duration) * (frames[-1].time_base or 0)
    assert told.rate == 10 / lasts
    rate = told.rate if fps is None else Fraction(fps)
    assert count_frames(path, told, rate) / rate == pytest.approx(lasts, abs=0.51 / rate)


def test_a_missing_frame_is_made_up_for(tmp_path: Path) -> None:
    """Of 100 frames, the fiftieth is not there: still 10 a second, and 100 of them."""
    path = tmp_path / "a.mp4"
    film(
        path, "-vf", "select=not(eq(n\\,50))", "-fps_mode", "vfr", "-bf", "0", *X264, seconds="10"
    )
    found = probe_film(path)
    assert found.rate == 10 and shown(path) == count_frames(path, found, found.rate) == 100


def shown(path: Path, fps: float | None = None) -> int:
    """How many frames come, each a picture that was decoded."""
    told = probe_film(path)
    return sum(1 for _ in decode_frames(path, told, told.rate if fps is None else Fraction(fps)))


@pytest.mark.parametrize("fps", [None, 7.0, 25.0])
def test_what_an_edit_hides_is_not_counted(tmp_path: Path, fps: float | None) -> None:
    """Its packets are there, and so are their times."""
    film(tmp_path / "a.mp4", "-g", "100", *X264, seconds="4")
    path = tmp_path / "cut.mp4"
    ffmpeg("-ss", "2", "-i", tmp_path / "a.mp4", "-c", "copy", path)
    rate = Fraction(fps or 10)
    assert (
        count_frames(path, probe_film(path), rate)
        == shown(path, fps)
        == pytest.approx(2 * rate, abs=1)
    )


@pytest.mark.parametrize("fps", [None, 12.0, 30.0])
def test_a_rate_that_varies_is_counted_to_the_end(tmp_path: Path, fps: float | None) -> None:
    moved = "setpts='if(lt(N,30),N,30+6*(N-30))/30/TB'"  # a second of 30 fps, then two of 5 fps
    how = ("-vf", moved, "-frames:v", "40", "-fps_mode", "vfr", "-bf", "0", *X264)
    path = film(tmp_path / "a.mp4", *how, rate="30", seconds="3")
    rate = probe_film(path).rate if fps is None else Fraction(fps)
    assert count_frames(path, probe_film(path), rate) == shown(path, fps)
    assert shown(path, fps) / float(rate) == pytest.approx(2.9, abs=0.15)


def test_broadcast_pictures_that_begin_late_stay_in_step_with_the_sound(tmp_path: Path) -> None:
    film(tmp_path / "a.ts", "-c:v", "mpeg2video", "-bf", "0")
    path, late = tmp_path / "late.ts", ("-itsoffset", "1", "-i", tmp_path / "a.ts")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", *late, "-map", "0", "-map", "1", path)
    assert count_frames(path, probe_film(path), Fraction(10)) == pytest.approx(20, abs=1)


def test_pictures_that_begin_late_stay_in_step_with_the_sound(tmp_path: Path) -> None:
    """The first of them stands until it moves."""
    source = "nullsrc=size=8x8:rate=10:duration=1,format=gbrp,geq=r='N*20':g=9:b=200"
    film(tmp_path / "a.mkv", "-pix_fmt", "gbrp", "-c:v", "ffv1", source=source)
    late = ("-itsoffset", "1", "-i", tmp_path / "a.mkv", "-map", "0", "-map", "1", "-c", "copy")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", tmp_path / "a.wav")
    path = tmp_path / "late.mkv"
    ffmpeg("-i", tmp_path / "a.wav", *late, path)
    frames = decode_frames(path, probe_film(path), Fraction(10))
    reds = [each.getpixel((4, 4))[0] for each in frames]  # type: ignore[index]
    assert reds == [0] * 10 + [20 * number for number in range(10)]
    assert count_frames(path, probe_film(path), Fraction(10)) == 20


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_flipbook_is_shown_at_any_rate(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    pages = [pillow.new("RGB", (8, 6), (80 * number, 0, 0)) for number in range(3)]
    times = [100, 300, 100]
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=times, lossless=True)
    told = probe_film(path)
    assert (told.size, told.rate, told.sound, told.alpha) == ((8, 6), 10, False, False)
    for fps, stride, first, wanted in (
        (10, 1, 0, [0, 1, 1, 1, 2]),
        (20, 1, 0, [0, 0, 1, 1, 1, 1, 1, 1, 2, 2]),
        (20, 3, 1, [1, 1, 2]),
        (20, 4, 0, [0, 1, 2]),
        (5, 1, 0, [0, 1, 2]),
    ):
        frames = list(decode_frames(path, told, Fraction(fps), stride=stride, first=first))
        reds = [round(each.getpixel((4, 4))[0] / 80) for each in frames]  # type: ignore[index]
        assert reds == wanted, (fps, stride, first)
        assert len(frames) == -(-count_frames(path, told, Fraction(fps)) // stride) - first


def test_transparent_webm_keeps_what_is_transparent(tmp_path: Path) -> None:
    """ffmpeg's first choice of decoders would not."""
    source = "color=red@0.5:size=64x48:rate=10:duration=1,format=rgba"
    path = film(tmp_path / "a.webm", "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", source=source)
    told(path, alpha=True)
    clear = next(decode_frames(path, probe_film(path), Fraction(10), ground=None))
    assert clear.mode == "RGBA" and clear.getpixel((9, 9))[3] in (127, 128)  # type: ignore[index]
    (pixel, *_) = next(decode_frames(path, probe_film(path), Fraction(10))).getcolors() or [None]
    assert pixel is not None and np.abs(np.subtract(pixel[1], (255, 128, 128))).max() <= 4


def test_large_films_without_a_matrix_are_taken_for_bt709(tmp_path: Path) -> None:
    source = "color=0x20c060:size=64x1280:rate=5:duration=0.2,format=gbrp"
    said = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    convert = ("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p")
    for name, tags in (("silent.mkv", ()), ("said.mkv", said)):
        strip = ("setparams=colorspace=unknown",) if not tags else ()
        filters = ",".join([convert[1], *strip])
        path = film(tmp_path / name, "-vf", filters, "-c:v", "libx264", *tags, source=source)
        found = probe_film(path)
        assert found.matrix == (None if tags else "bt709")
        pixel = next(decode_frames(path, found, Fraction(5))).getpixel((9, 9))
        assert np.abs(np.subtract(pixel, (0x20, 0xC0, 0x60))).max() <= 4  # type: ignore[arg-type]


def test_what_a_still_cover_is_no_film(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", BLOCKS.format(rate=1, seconds=1), tmp_path / "cover.png")
    song = tmp_path / "song.mp4"
    cover = ("-i", tmp_path / "cover.png", "-map", "0", "-map", "1", "-c:v", "mjpeg")
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    ffmpeg(*sound, *cover, "-disposition:v", "attached_pic", song)
    with pytest.raises(PictureError, match=r"song\.mp4 holds no moving picture"):
        probe_film(song)


@pytest.mark.parametrize("data", [b"no film", b"\x00" * 4096, b"#EXTM3U\nhttp://x.test/a\n"])
def test_what_is_no_film_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(
        PictureError, match=r"cannot be read as a film \(ffmpeg: .+\); is it damaged"
    ):
        probe_film(path)


def test_names_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", *X264)
    monkeypatch.chdir(tmp_path)
    for name in ("-y", "http:x", "100%d #?*.mp4", "concat:a|b"):
        os.replace(path, name)
        told(path := Path(name))


def test_a_playlist_fetches_nothing(tmp_path: Path) -> None:
    """The file that it names is there, and would play; a web address it could not open here."""
    film(tmp_path / "a.ts", "-c:v", "mpeg2video")
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:1,\ntcp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(PictureError, match="cannot be read as a film"):
        probe_film(path)


def test_films_are_read_without_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mp4", *X264)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert shown(path) == 10


def test_huge_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", *X264)
    monkeypatch.setattr("vqclip.media.images.LARGEST", 3000)
    with pytest.raises(PictureError, match="frames of 64x48; they may have up to"):
        probe_film(path)


def test_a_damaged_film_gives_what_can_be_decoded(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "-c:v", "ffv1", seconds="3")
    data = bytearray(path.read_bytes())
    data[len(data) // 4 :] = bytes(len(data) - len(data) // 4)
    path.write_bytes(data)
    whole = probe_film(path)
    assert 1 <= sum(1 for _ in decode_frames(path, whole, whole.rate)) < 30


def test_damage_in_the_midst_is_passed_over(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mov", "-c:v", "png")
    assert shown(path) == 10
    spoil(path, range(3, 6))
    assert (
        count_frames(path, probe_film(path), Fraction(10)) == shown(path) == 10
    )  # the third one stands


def spoil(path: Path, numbers: range) -> None:
    """Overwrite the beginning of some packets of a film."""
    with av.open(path) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    with path.open("rb+") as data:
        for number in numbers:
            data.seek(places[number])
            data.write(b"no PNG at all")


def test_when_ffmpeg_gives_up_its_words_are_told(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mov", "-c:v", "png")
    spoil(path, range(3, 10))
    found = probe_film(path)
    frames = decode_frames(path, found, found.rate, stride=4)
    words = r"breaks off after 2 frames \(ffmpeg: Invalid data found when processing input\)"
    assert next(frames).size == (64, 48)
    with pytest.raises(PictureError, match=words):
        next(frames)
    with pytest.raises(PictureError, match=words):
        count_frames(path, found, found.rate)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks which files are open")
def test_who_leaves_early_leaves_no_file_open(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264, seconds="60")
    found = probe_film(path)
    assert not held(path)
    frames = decode_frames(path, found, found.rate)
    next(frames)
    assert held(path)
    frames.close()
    assert not held(path)
    for _ in decode_frames(path, found, found.rate):
        break
    assert not held(path)


def test_a_long_film_is_never_held(tmp_path: Path) -> None:
    """Nor are the frames that fill a gap of a day, each one the same picture."""
    late = "setpts='if(lt(N,5),N,864000+N)/10/TB'"
    path = film(tmp_path / "a.mkv", "-vf", late, "-fps_mode", "vfr", "-c:v", "ffv1")
    assert count_frames(path, probe_film(path), Fraction(10)) == 864010
    frames = decode_frames(path, probe_film(path), Fraction(10))
    tracemalloc.start()
    last = [next(frames) for _ in range(10_000)][-1]
    assert last is next(frames) and tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_broadcast_whose_times_leap_goes_on(tmp_path: Path) -> None:
    film(tmp_path / "a.ts", "-c:v", "mpeg2video")
    data = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "b.ts").write_bytes(data + data)
    path = tmp_path / "b.ts"
    assert shown(path, 10) == count_frames(path, probe_film(path), Fraction(10)) == 20


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        (("-display_rotation", "90"), pillow.Transpose.ROTATE_90),
        (("-display_rotation", "180"), pillow.Transpose.ROTATE_180),
        (("-display_rotation", "270"), pillow.Transpose.ROTATE_270),
        (("-display_hflip",), pillow.Transpose.FLIP_LEFT_RIGHT),
        (("-display_vflip",), pillow.Transpose.FLIP_TOP_BOTTOM),
        (("-display_rotation", "90", "-display_hflip"), pillow.Transpose.TRANSVERSE),
        (("-display_rotation", "90", "-display_vflip"), pillow.Transpose.TRANSPOSE),
    ],
)
def test_films_are_turned_as_they_say(
    tmp_path: Path, turn: tuple[str, ...], wanted: pillow.Transpose
) -> None:
    path = film(tmp_path / "a.mp4", "-c:v", "libx264rgb", "-crf", "0")
    ffmpeg(*turn, "-i", path, "-c", "copy", tmp_path / "turned.mp4")
    (plain, *_), (turned, *_) = (
        decode_frames(each, probe_film(each), Fraction(10))
        for each in (path, tmp_path / "turned.mp4")
    )
    assert turned.tobytes() == plain.transpose(wanted).tobytes()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", X264),
        ("full.mp4", ("-c:v", "libx264", "-pix_fmt", "yuvj420p")),
        ("deep.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("vfr.mkv", ("-vf", "setpts='if(lt(N,9),N,4*N-27)/10/TB'", "-fps_mode", "vfr", *X264)),
        ("old.avi", ("-c:v", "mpeg4", "-bf", "2")),
        ("air.ts", (*SOUND, "-c:v", "mpeg2video")),
    ],
)
@pytest.mark.parametrize("fps", [3, 10, 24])
def test_frames_are_those_of_ffmpegs_own_filter(
    tmp_path: Path, name: str, how: tuple[str, ...], fps: int
) -> None:
    """Which frame comes at what time, and to the last bit of their colours."""
    path = film(tmp_path / name, *how, seconds="2")
    told = probe_film(path)
    exact = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    planes = "rgba" if told.alpha else "rgb24"
    chain = f"fps={fps}:start_time=0,scale=64:48:{exact},format={planes}"
    ends = ("-vf", chain, "-fps_mode", "passthrough", "-f", "rawvideo")
    ffmpeg("-i", path, "-map", "0:V:0", *ends, tmp_path / "wanted")
    found = b"".join(
        each.tobytes() for each in decode_frames(path, told, Fraction(fps), ground=None)
    )
    assert found == (tmp_path / "wanted").read_bytes()
    assert count_frames(path, told, Fraction(fps)) * 64 * 48 * (4 if told.alpha else 3) == len(
        found
    )


def test_times_that_are_damaged_are_no_endless_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mp4", *X264)
    monkeypatch.setattr("vqclip.media.film_decoder.LONGEST", 8)
    with pytest.raises(PictureError, match=r"a\.mp4 would be more than 8 frames long; its times"):
        count_frames(path, probe_film(path), Fraction(10))
