"""Which pitches are listened to."""

from __future__ import annotations

import pytest

from vqclip.errors import ConfigError
from vqclip.media.audio.bands import parse_bands


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_band(text: str) -> None:
    assert parse_bands(text) == {}


def test_bands_are_read_with_and_without_room_and_thousands() -> None:
    wanted = {"kick": (40, 100), "hats": (6000, 12500), "low": (0, 60.5)}
    assert parse_bands("kick=40-100,hats = 6k - 12.5k Hz , low=0-60.5Hz") == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kick",
            "the band 'kick' cannot be read; write name=lowest-highest in Hz, such as kick=",
        ),
        ("kick=40", "the band 'kick=40' cannot be read"),
        ("kick=40-100,", "the band '' cannot be read"),
        ("kick=-40-100", "the band 'kick=-40-100' cannot be read"),
        ("kick=nan-100", "the band 'kick=nan-100' cannot be read"),
        ("=40-100", "a band cannot be called ''; use letters"),
        ("my kick=40-100", "a band cannot be called 'my kick'"),
        ("2nd=40-100", "a band cannot be called '2nd'; use letters, digits and _, and begin"),
        ("bäss=40-100", "a band cannot be called 'bäss'"),
        ("beat=40-100", "'beat', which means something else in schedules; .* such as beat_band"),
        ("loud=40-100", "'loud', which means something else"),
        ("linear=40-100", "'linear', which means something else"),
        *((f"{word}=40-100", f"'{word}', which means some") for word in ("if", "else", "sin")),
        *((f"{word}=40-100", f"'{word}', which") for word in ("nan", "inf", "NaN", "infinity")),
        ("lerp=40-100", "'lerp', which means something else"),
        ("kick=40-100, kick=50-90", "the band 'kick' is written twice; give one"),
        (
            "kick=100-40",
            "'kick=100-40' must go from a lower to a higher frequency, at most 22050 Hz; write",
        ),
        ("kick=40-40", "must go from a lower to a higher frequency"),
        ("hiss=10k-30k", "at most 22050 Hz"),
    ],
)
def test_what_is_no_band_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_bands(text, taken=("t", "cos"))
