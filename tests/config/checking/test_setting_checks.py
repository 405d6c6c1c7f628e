"""Settings that do not fit are refused in words, before torch is needed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.config.test_schema import changed
from vqclip.config.checking.setting_checks import check_settings, describe_misfit
from vqclip.config.loading import load_config
from vqclip.config.schema import RunConfig, Stage
from vqclip.errors import ConfigError
from vqclip.media.paths import CODECS, FILMS


def test_the_defaults_pass_their_own_check() -> None:
    assert check_settings(RunConfig()) == RunConfig()


@pytest.mark.parametrize("key", ["steps", "cutouts.count", "film.fps", "film.every"])
def test_counts_begin_at_one(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is 0(;|, but) it must be 1 or more"):
        check_settings(changed(**{key.replace(".", "__"): 0}))
    check_settings(changed(**{key.replace(".", "__"): 1}))


@pytest.mark.parametrize(
    "key",
    [
        *("seed", "previews", "threads", "film.quality"),
        *("cutouts.noise", "optimiser.rate", "optimiser.average"),
    ],
)
def test_what_may_be_zero_is_never_below(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is -1; it must be 0 or more$"):
        check_settings(changed(**{key.replace(".", "__"): -1}))
    check_settings(changed(**{key.replace(".", "__"): 0}))


@pytest.mark.parametrize(
    ("key", "most"), [("cutouts.noise", 1), ("film.fps", 1000), ("film.quality", 100)]
)
def test_some_settings_end_above(key: str, most: int) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} is {most + 1}; it must be {most} or less$"):
        check_settings(changed(**{key.replace(".", "__"): most + 1}))
    check_settings(changed(**{key.replace(".", "__"): most}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_is_a_number(value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^losses.symmetry is {value}; it must be a number$"):
        check_settings(changed(losses__symmetry=value))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"device": "gpu"},
            r"device is 'gpu'; did you mean 'cuda'\? \(one of: auto, cpu, cuda, mps\)",
        ),
        ({"optimiser__name": "adm"}, "optimiser.name is 'adm'; did you mean 'adam'"),
        ({"perceptors": []}, "perceptors is empty; name at least one"),
        ({"perceptors": [""]}, "perceptors is empty; name at least one"),
        ({"perceptors": ["a", "b", "a"]}, "perceptors names a CLIP model twice: a, b, a"),
        ({"optimiser__average": 1.0}, r"optimiser.average is 1.0; it must be below 1"),
        ({"losses__palette": 1.0}, "losses.palette needs colours, such as losses.colours="),
        ({"style": "{} and {}"}, r"style is '\{\} and \{\}'; it must hold \{\} once"),
        ({"size": "0"}, "size is 0; each side must be 16 pixels or more"),
        ({"size": "7x7"}, "size is 7x7; each side must be 16 pixels or more"),
        ({"size": "-64x64"}, "size is '-64x64'; write width x height"),
        ({"size": "64x16385"}, "size is 64x16385; a side may have 16384 pixels at most"),
        ({"aspect": "wide"}, "aspect is 'wide'; write width:height, such as 4:5"),
        ({"aspect": "969"}, r"aspect is '969'; write .*"),
        ({"aspect": "1:0"}, "aspect is '1:0'; write width:height"),
        ({"aspect": "100:1"}, "aspect is '100:1'; write width:height"),
        ({"growth": [Stage("no", "1")]}, "growth, stage 1: size is 'no'; write width x height"),
        ({"growth": [Stage("8x8", "1")]}, "growth, stage 1: size is 8x8; each side must be 16"),
        (
            {"growth": [Stage("50%", "1"), Stage("0%", "1")]},
            "growth, stage 2: '0%' is not a share; write a percentage, such as 50%",
        ),
        ({"growth": [Stage("x%", "1")]}, "growth, stage 1: 'x%' is not a share"),
        ({"growth": [Stage("200%", "1")]}, "growth, stage 1: '200%' is not a share"),
        ({"growth": [Stage("nan%", "1")]}, "growth, stage 1: 'nan%' is not a share"),
        (
            {"growth": [Stage("50%", "-3")]},
            "growth, stage 1: steps is '-3'; write 60, 40%, or 2s of film",
        ),
        (
            {"growth": [Stage("50%", "²")]},
            "growth, stage 1: steps is '²'; write 60, 40%, or 2s of film",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_settings(changed(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"losses__edge_colour": "golld"},
            "losses.edge_colour: 'golld' is not a colour; did you mean 'gold'.; write a CSS name",
        ),
        ({"losses__colours": "gold, #12"}, "losses.colours: '#12' is not a colour; write a CSS"),
        ({"losses__colours": "gold,"}, "losses.colours: '' is not a colour"),
        ({"init_colour": "rgb(1, 2, 3)"}, "init_colour: 'rgb.1, 2, 3.' is not a colour"),
        ({"init_colour": "#ff000080"}, "init_colour: '#ff000080' is not a colour"),
        (
            {"losses__init": 1.0, "init": "random"},
            "losses.init needs a picture to start from; give one with ini",
        ),
    ],
)
def test_colours_and_starts_are_checked_early(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_settings(changed(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"format": "gif", "codec": "h265"},
            "film.codec is h265, which does not go into film.format=gif; write film.format=mp4 "
            "or mov$",
        ),
        (
            {"format": "webm", "codec": "h264"},
            "film.codec is h264, .* film.format=webm; write film.format=mp4 or mov, or "
            "film.codec=vp9 or av1$",
        ),
        ({"format": "none", "codec": "av1"}, "film.codec is av1, .* write film.format=mp4 or w"),
        ({"codec": "vp8"}, "film.codec is 'vp8'; did you mean 'vp9'"),
        ({"format": "mov", "crf": 9}, "film.crf is 9, but prores has no crf .h264, h265, vp9, a"),
        ({"format": "gif", "crf": 9}, "film.crf is 9, but gif has no crf"),
        ({"crf": 52}, "film.crf is 52; for h264 it must be 51 or less"),
        ({"format": "webm", "crf": 64}, "film.crf is 64; it must be 63 or less"),
        ({"between": 16}, "film.between is 16; it must be 15 or less"),
        ({"between": 1, "format": "frames"}, "film.between is 1, .* write film.format=mp4 or an"),
        ({"between_by": "flaw"}, "film.between_by is 'flaw'; did you mean 'flow'"),
    ],
)
def test_films_that_cannot_be_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_settings(changed(**{f"film__{key}": value for key, value in values.items()}))


def test_films_that_can_be() -> None:
    for kind, codecs in FILMS.items():
        for codec in ("auto", *codecs):
            check_settings(changed(film__format=kind, film__codec=codec))
    check_settings(changed(film__format="webm", film__crf=63))
    assert {codec for codecs in FILMS.values() for codec in codecs} == {*CODECS} - {"auto"}


def test_colours_are_those_that_the_losses_read() -> None:
    from PIL import ImageColor

    from vqclip.guidance.losses.pixel_losses import parse_colours

    for name in [*ImageColor.colormap, "Gold", "#FFF", "#00ff7f"]:
        parse_colours(name)
        check_settings(changed(init_colour=name, losses__colours=f" {name} , {name}"))


def test_the_defaults_are_checked_without_pillow() -> None:
    code = (
        "import sys; from vqclip.config.checking.setting_checks import check_settings; "
        "from vqclip.config.schema import RunConfig;"
        "check_settings(RunConfig(init_colour='#ff0000')); print('PIL' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_what_a_value_should_have_been() -> None:
    assert describe_misfit("steps", 2.5, RunConfig, "steps") == (
        "steps is 2.5; it must be a whole number, such as 200, or seconds of film, such as 2s"
    )
    assert describe_misfit("growth[0]", "x", RunConfig, "growth") == (
        "growth[0] is 'x'; write a list such as [{size: 25%, steps: 60%}]"
    )


def test_bands_of_ones_own_may_be_named() -> None:
    sound = {"file": "a.wav", "bands": "kick=40-100"}
    load_config("a fox", camera={"zoom": "1 + kick * pulse + tempo"}, frames=3, sound=sound)
    with pytest.raises(ConfigError, match=r"uses 'kik', which is not a known name.*'kick'"):
        load_config("a fox", camera={"zoom": "1 + kik"}, frames=3, sound=sound)
    with pytest.raises(ConfigError, match="the band 'kick' cannot be read"):
        load_config("a fox", sound={"bands": "kick"})


def test_latent_pictures_in_between_may_be_kept_as_pictures() -> None:
    film = {"format": "frames", "between": 2}
    load_config("a fox", frames=3, film=film | {"between_by": "latent"})
    with pytest.raises(ConfigError, match="extra frames are made when a film is encoded"):
        load_config("a fox", frames=3, film=film)
