"""Sizes, rates and `null` in the spellings that people have for them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow

from vqclip.config import loading
from vqclip.config.sizes import final_size, plan_stages
from vqclip.errors import ConfigError
from vqclip.media.film_encoder import round_rate


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("512", (512, 512)),
        ("512 x 384", (512, 384)),
        ("512X384", (512, 384)),
        ("512 × 384", (512, 384)),
        ("512:384", (512, 384)),
        ("512 384", (512, 384)),
        ("512, 384", (512, 384)),
        ("512*384", (512, 384)),
        ("512px by 384 px", (512, 384)),
        ("[512, 384]", (512, 384)),
        ("(512, 384)", (512, 384)),
        (512, (512, 512)),
        ([256, 192], (256, 192)),
    ],
)
def test_a_size_has_several_spellings(written: Any, size: tuple[int, int]) -> None:
    assert final_size(loading.load_config("a fox", size=written)) == size


def test_a_wide_size_overrides_an_aspect_from_below_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "tall.yaml").write_text("aspect: 1:2\n")
    preset = str(tmp_path / "tall.yaml")
    for written in ("640:320", "640 x 320"):
        config = loading.load_config("a fox", preset, overrides=[f"size={written}"])
        assert final_size(config) == (640, 320)


@pytest.mark.parametrize("written", ["x", "512x", "5 1 2", "0x10", [1], [1, 2, 3], "-3"])
def test_what_is_no_size_is_refused_as_it_was_written(written: Any) -> None:
    with pytest.raises(ConfigError, match="size is ") as error:
        loading.load_config("a fox", size=written)
    assert repr(written) in str(error.value) or written in ("0x10",)


def test_a_stage_of_one_number_stays_its_shorter_side() -> None:
    config = loading.load_config("a fox", growth=[{"size": 64}, {"size": [128, 96]}])
    assert [stage.size for stage in config.growth] == ["64", "128x96"]


def test_a_share_is_of_what_the_run_starts_from(tmp_path: Path) -> None:
    pillow.fromarray(np.zeros((120, 200, 3), np.uint8)).save(tmp_path / "a.png")
    picture = f"init={tmp_path / 'a.png'}"
    assert loading.load_config("a", overrides=["size=50%", picture]).size == "100x60"
    assert loading.load_config("a", overrides=["size=200%", picture]).size == "400x240"
    with pytest.raises(ConfigError, match="size is '50%', a share, but there is no film or"):
        loading.load_config("a", overrides=["size=50%"])
    with pytest.raises(ConfigError, match="size is '0%'; write a percentage"):
        loading.load_config("a", overrides=["size=0%", picture])


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88 fps", Fraction(120000, 1001)),
        ("25p", Fraction(25)),
        ("25.0", Fraction(25)),
        ("12.5", Fraction(25, 2)),
        ("1/1", Fraction(1)),
    ],
)
def test_rates_are_the_fractions_that_they_stand_for(written: str, rate: Fraction) -> None:
    film = loading.load_config("a fox", overrides=[f"film.fps={written}"]).film.fps
    config = loading.load_config("a fox", overrides=[f"fps={written}", "frames=9"])
    assert config.fps is not None
    assert round_rate(film) == round_rate(config.fps) == rate
    # What a run notes of itself gives the same rate.
    noted = loading.load_config("a fox", overrides=[f"film.fps={film!r}"]).film.fps
    assert noted == film


def test_whole_rates_stay_whole_in_notes() -> None:
    assert repr(loading.load_config("a fox").film.fps) == "15"
    assert repr(loading.load_config("a fox", overrides=["film.fps=24"]).film.fps) == "24"


@pytest.mark.parametrize("written", ["abc", "24/0", "true", "24/", "/1001", "-24/1", "1e3p"])
def test_what_is_no_rate_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match=r"film.fps is .*it must be"):
        loading.load_config("a fox", overrides=[f"film.fps={written}"])


@pytest.mark.parametrize("key", ["seed", "film.crf", "fps", "cutouts.noise", "optimiser.rate"])
@pytest.mark.parametrize("none", ["None", "none", "NULL", " null "])
def test_none_is_null_where_null_is_allowed(key: str, none: str) -> None:
    config: Any = loading.load_config("a fox", overrides=[f"{key}={none}"])
    for part in key.split("."):
        config = getattr(config, part)
    assert config is None


def test_none_is_no_number_of_steps() -> None:
    with pytest.raises(ConfigError, match="steps is 'None'; it must be a whole number"):
        loading.load_config("a fox", overrides=["steps=None"])


def test_bricks_have_widths_of_two_halves() -> None:
    config = loading.load_config("a fox", size="100x40", tile="brick", growth=[], vqgan="other")
    assert plan_stages(config, 1)[-1][:2] == (100, 40)
    assert plan_stages(config, 8)[-1][:2] == (96, 40)
    assert plan_stages(config, 16)[-1][:2] == (96, 32)
    grown = loading.load_config("a fox", size="96x32", tile="brick", growth=[{"size": "50%"}])
    assert [each[:2] for each in plan_stages(grown, 16)] == [(32, 16), (96, 32)]
    small = loading.load_config("a fox", size="16x16", tile="brick", growth=[])
    with pytest.raises(ConfigError, match="with tile=brick, it must be 32 pixels wide or more"):
        plan_stages(small, 16)
