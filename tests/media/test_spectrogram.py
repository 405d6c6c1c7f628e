"""A file's sound, summed over its pitches."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from tests.helpers import melody
from vqclip.errors import ConfigError, SoundError
from vqclip.media import audio_analysis
from vqclip.media.audio_analysis import HOP, RATE, WINDOW, share, sums

ALL = np.ones((1, WINDOW // 2 + 1))


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", *arguments]
    subprocess.run([str(each) for each in command], check=True)


def power(path: Path) -> np.ndarray:
    """[hops]: mean squares around each hop."""
    return sums(path, ALL)[0][:, 0]


def test_sums_are_those_of_an_independent_spectrogram(tmp_path: Path) -> None:
    sound = melody.melody(7.0)  # more than one block
    weights = np.stack([share(0, 300), share(1000, 5000)])
    found, seconds = sums(melody.save(tmp_path / "a.wav", sound), weights)
    assert seconds == 7 and len(found) == 1 + len(sound) // HOP
    padded = np.pad(np.round(sound * 32767) / 32768, WINDOW // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    for hop in (0, 1, 300, 515, 516, len(found) - 1):
        spectre = np.abs(np.fft.fft(padded[hop * HOP :][:WINDOW] * window)) ** 2
        wanted = weights @ spectre[: WINDOW // 2 + 1] * 2 / WINDOW / (window**2).sum()
        assert found[hop] == pytest.approx(wanted, rel=1e-4, abs=1e-9)


def test_a_sine_has_half_the_square_of_its_amplitude(tmp_path: Path) -> None:
    found = power(melody.save(tmp_path / "a.wav", melody.tone(1000, 1.0, level=0.5)))
    assert found[10:-10] == pytest.approx(0.125, rel=0.01)


def test_shares_of_neighbours_add_up() -> None:
    parts = share(0, 60) + share(60, 61.5) + share(61.5, 30000)
    assert parts[1:] == pytest.approx(1)
    assert share(50, 60).sum() * RATE / WINDOW == pytest.approx(10)


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_are_the_same_sound(
    tmp_path: Path, rate: int, channels: int
) -> None:
    sound = np.repeat(melody.tone(500, 0.5, rate=rate)[:, None], channels, axis=1)
    found = power(melody.save(tmp_path / "a.wav", sound, rate=rate))
    assert len(found) == pytest.approx(1 + RATE // 2 // HOP, abs=1)
    assert found[8:-8] == pytest.approx(0.125, rel=0.02)


@pytest.mark.parametrize("length", [1, 511, 512, 513, 2048, 4410])
def test_short_sounds(tmp_path: Path, length: int) -> None:
    found, seconds = sums(melody.save(tmp_path / "a.wav", np.full(length, 0.5)), ALL)
    assert (len(found), seconds) == (1 + length // HOP, length / RATE)
    assert np.isfinite(found).all() and found[0] > 0


def test_numbers_that_are_none_are_silence(tmp_path: Path) -> None:
    sound = melody.tone(500, 0.5).astype("<f4")
    sound[[100, 5000, 5001]] = np.nan, np.inf, -np.inf
    (tmp_path / "a.raw").write_bytes(sound.tobytes())
    raw = ("-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", tmp_path / "a.raw")
    ffmpeg(*raw, "-c:a", "pcm_f32le", tmp_path / "a.wav")
    assert np.isfinite(power(tmp_path / "a.wav")).all()


@pytest.mark.parametrize("name", ["a:b.wav", "-a.wav", "%d.wav", "狐 'a'.wav"])
def test_odd_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    melody.save(tmp_path / name, melody.tone(500, 0.2))
    monkeypatch.chdir(tmp_path)
    assert sums(Path(name), ALL)[1] == 0.2


def test_sound_that_begins_late_in_a_film_begins_late(tmp_path: Path) -> None:
    sound = melody.save(tmp_path / "a.wav", melody.tone(1000, 1.0))
    film = ("-f", "lavfi", "-i", "color=red:32x32:d=2:r=10", "-itsoffset", "0.5", "-i", sound)
    ffmpeg(*film, "-c:a", "pcm_s16le", tmp_path / "film.mkv")
    found, seconds = sums(tmp_path / "film.mkv", ALL)
    assert seconds == pytest.approx(1.5, abs=0.01)
    loud = found[:, 0] > 0.06
    assert np.argmax(loud) * HOP / RATE == pytest.approx(0.5, abs=0.015)


def test_a_song_ends_where_its_file_says(tmp_path: Path) -> None:
    """Its last packet holds more."""
    sound = melody.save(tmp_path / "a.wav", melody.tone(1000, 1.0))
    ffmpeg("-i", sound, "-c:a", "aac", tmp_path / "a.m4a")
    assert sums(tmp_path / "a.m4a", ALL)[1] == 1


def test_a_damaged_end_leaves_the_beginning(tmp_path: Path) -> None:
    ffmpeg("-i", melody.save(tmp_path / "a.wav", melody.melody(4.0)), tmp_path / "a.mp3")
    whole = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    found, seconds = sums(tmp_path / "half.mp3", ALL)
    assert 1.5 < seconds < 2.5 and found.max() > 0.01


def complaint(path: Path) -> str:
    with pytest.raises(SoundError) as error:
        sums(path, ALL)
    return str(error.value)


def test_what_is_no_sound_is_said(tmp_path: Path) -> None:
    assert "none.wav is no file; name a sound" in complaint(tmp_path / "none.wav")
    assert "is a folder; name a sound, such as music.mp3" in complaint(tmp_path)
    for content in (b"", b"not music at all" * 100, b"RIFF\xff\xff\xff\xffWAVEfmt "):
        (tmp_path / "odd.wav").write_bytes(content)
        assert "odd.wav cannot be read as sound (ffmpeg: " in complaint(tmp_path / "odd.wav")
    silent = melody.save(tmp_path / "zero.wav", np.zeros(0))
    assert "zero.wav holds no sound: it has 0 seconds" in complaint(silent)
    ffmpeg("-f", "lavfi", "-i", "color=red:32x32:d=1:r=5", tmp_path / "mute.mp4")
    assert "mute.mp4 has no sound in it; name a sound" in complaint(tmp_path / "mute.mp4")


def test_a_playlist_fetches_nothing(tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/a.ts"
        (tmp_path / "a.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n"
        )
        complaint(tmp_path / "a.m3u8")
        server.shutdown()
    assert asked == []


def test_no_ffmpeg_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", absent)
    sound = melody.save(tmp_path / "a.wav", np.zeros(9))
    with pytest.raises(
        ConfigError, match=r"ffmpeg, which reads and writes films and sounds, is not .*`pip"
    ):
        sums(sound, ALL)


def test_who_stops_listening_leaves_no_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    def interrupted(*_: object, **__: object) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(audio_analysis.np, "nan_to_num", interrupted)
    sound = melody.save(tmp_path / "a.wav", np.zeros(RATE * 60))
    with pytest.raises(KeyboardInterrupt):
        sums(sound, ALL)
    assert started[0].returncode is not None and started[0].returncode != 0
