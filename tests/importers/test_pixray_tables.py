"""pixray's tables: sizes, grids, palettes, units and learning rates, number by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image as pillow

from vqclip.errors import VqclipError
from vqclip.importers import run_file
from vqclip.importers.importing import import_settings
from vqclip.importers.peers import shared
from vqclip.language.palettes.colour_names import to_hex
from vqclip.language.palettes.palette_parser import parse_colours


@pytest.fixture(autouse=True)
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is loaded in the cases; here it is looked at."""
    monkeypatch.setattr(run_file, "_check", lambda text, draft: None)


def settings(options: str) -> dict[str, Any]:
    """The settings of a command line of pixray's."""
    found: dict[str, Any] = yaml.safe_load(import_settings(f"pixray.py -p P {options}").text)
    return found


@pytest.mark.parametrize(
    ("options", "size"),
    [
        *[("--quality draft", "192x96"), ("--quality normal", "384x208")],
        *[("--quality better", "576x320"), ("--quality best", "768x432")],
        *[("--quality supreme", "960x528"), ("--aspect square", "288x288")],
        *[("--aspect portrait", "256x320"), ("--quality supreme --aspect portrait", "640x800")],
        *[("--scale 2.5 --drawer pixel", "480x270"), ("--scale 3.5 --drawer pixel", "672x378")],
        *[("--scale 2.5 --aspect square --drawer pixel", "360x360")],
        *[("--scale 2.5 --aspect portrait --drawer pixel", "320x400")],
        *[("--ezsize large --quality draft --drawer pixel", "768x432")],
        *[("--ezsize large --scale 1 --drawer pixel", "192x108")],
        *[("--size 100 50", "96x48"), ("--size 100 50 --drawer fft", "100x50")],
        *[("--size 100 52 --vqgan_model openimages_f16_8192", "96x48")],
    ],
)
def test_sizes(options: str, size: str) -> None:
    assert settings(options)["size"] == size


def test_auto_stop() -> None:
    assert settings("--auto_stop yes")["stop"] == "plateau"
    assert settings("--auto_stop no")["stop"] == "off"


def test_a_size_that_retains_the_shape_of_the_start(tmp_path: Path) -> None:
    picture = tmp_path / "start.png"
    pillow.new("RGB", (200, 100)).save(picture)
    found = settings(f"--drawer pixel --aspect retain --init_image {picture}")
    assert found["size"] == "288x144"
    with pytest.raises(VqclipError, match="the shape of init_image, which cannot be read"):
        settings("--aspect retain")


@pytest.mark.parametrize(
    ("kind", "wide", "square", "tall"),
    [
        ("rect", "80x45", "40x40", "40x50"),
        ("rectshift", "81x45", "41x41", "41x51"),
        ("hex", "81x63", "41x57", "41x71"),
        ("tri", "113x46", "57x40", "57x50"),
        ("diamond", "81x91", "41x81", "41x101"),
        ("knit", "80x45", "40x40", "40x50"),
    ],
)
def test_grids(kind: str, wide: str, square: str, tall: str) -> None:
    for aspect, grid in (("widescreen", wide), ("square", square), ("portrait", tall)):
        found = settings(f"--drawer pixel --pixel_type {kind} --aspect {aspect}")
        assert found["draw"]["grid"] == grid, aspect


@pytest.mark.parametrize(
    ("options", "grid"),
    [
        ("--pixel_size 40 40 --pixel_type hex", "41x41"),
        ("--pixel_type hex --pixel_iso_check no", "81x45"),
        ("--pixel_size 64 32 --pixel_scale 4", "16x8"),
        ("--pixel_size 999 999 --quality draft", "192x108"),  # as many as pixels
    ],
)
def test_grids_that_are_given(options: str, grid: str) -> None:
    assert settings(f"--drawer pixel {options}")["draw"]["grid"] == grid


@pytest.mark.parametrize(
    ("palette", "colours"),
    [
        ("red\\4", "#000000 #4c0000 #990000 #e50000"),
        ("black->red->white\\5", "#000000 #720000 #e50000 #f28080 #ffffff"),
        ("[black,red,#ff0000]\\5", "#000000 #720000 #e50000 #f20000 #ff0000"),
        ("[black,red,#ff0000]", "#000000 #e50000 #ff0000"),
        (
            "neon green->neon blue->neon pink\\12",
            "#0cff0c #0bf838 #09f164 #08ea91 #06e3bd #05dce9 #1bc5f6 #489ee3 #7677d1 #a350bf "
            "#d128ac #fe019a",
        ),
        ("(255+204+0)->[0+.2+1]\\2", "#ffcc00 #0033ff"),
        ("pixel_green->mat:red\\2", "#70ff87 #ff0000"),
    ],
)
def test_palettes_have_the_colours_of_pixray(palette: str, colours: str) -> None:
    found = settings(f"--custom_loss palette --palette '{palette}'")["losses"]["colours"]
    assert [to_hex(each) for each in parse_colours(found)] == colours.split()


@pytest.mark.parametrize(
    ("palette", "count"), [("red;blue;yellow", 48), ("red\\8;blue->yellow\\8", 16), ("red", 16)]
)
def test_a_name_alone_is_a_ramp_from_black(palette: str, count: int) -> None:
    found = settings(f"--filters lookup --palette '{palette}'")["filters"]["lookup"]
    assert len(parse_colours(found)) == count


@pytest.mark.parametrize(
    ("typed", "every"),
    [
        ("20", 20),
        ("20i", 20),
        ("20 iterations", 20),
        ("50%", "50%"),
        ("2.5 percent", "2.5%"),
        ("9P", "9%"),
        ("0.3%", 0),  # pixray's number, where a share would be another one here
        ("1.3%", 2),
    ],
)
def test_units(typed: str, every: object) -> None:
    found = settings(f"-i 200i --save_every '{typed}'")
    assert (found["steps"], found["previews"]) == (200, every)


def test_a_share_that_pixray_rounds_down_becomes_its_number() -> None:
    assert settings("-i 35 --save_every 50%")["previews"] == 17


@pytest.mark.parametrize(
    ("options", "schedule", "rate"),
    [
        ("", "drop", 0.2),
        ("-lrd 75", "drop", 0.2),
        ("-lrd 75%", "drop", 0.2),
        ("-lrd 200", "constant", 0.2),
        ("-lrd 20i -i 100 -lr .5", "constant", "0: 0.5, 21: 0.05 hold"),
        ("-lrd 90 50 -i 101", "constant", "0: 0.2, 51: 0.02 hold, 91: 0.002 hold"),
        ("--drawer fast_pixel", "drop", 0.2),
        ("--drawer pixel", "drop", 0.03),
        ("--drawer fft", "drop", 0.3),
        ("--drawer clipdraw --size 224 224", "drop", 1.0),
    ],
)
def test_learning_rates(options: str, schedule: str, rate: object) -> None:
    found = settings(options)["optimiser"]
    assert (found["schedule"], found["rate"]) == (schedule, rate)


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (["ViT-B-32::openai", "ViT-B-16::openai", "RN50::openai"], 1),
        (["RN50x4::openai", "ViT-B-32::openai"], 2),
        (["RN50x4::openai", "RN50x16::openai", "ViT-L-14-336::openai", "RN101::openai"], 4),
    ],
)
def test_losses_count_once_for_each_size_of_squares(names: list[str], seen: int) -> None:
    assert shared.squares_seen(names) == seen


@pytest.mark.parametrize(
    ("options", "losses"),
    [
        ("edge:4", {"edges": 1.6}),
        (
            "edge --edge_color_weight .5 --edge_color red",
            {"edges": 2.0, "edge_colour": "#e50000"},
        ),
        ("palette --palette red", {"palette": 3.0}),
        ("palette --palette red -cuts 2 --palette_weight 3", {"palette": 0.6}),
        ("saturation:.5", {"saturation": 0.05}),
        ("symmetry:2", {"symmetry": 2.0}),
    ],
)
def test_losses_weigh_as_much_as_there(options: str, losses: dict[str, object]) -> None:
    found = settings(f"--custom_loss {options}")["losses"]
    assert {key: found[key] for key in losses} == losses


@pytest.mark.parametrize(
    ("typed", "name", "told"),
    [
        ("imagenet_f16_16384", "imagenet_f16_16384", False),
        ("imagenet_f16_16384m", "imagenet_f16_16384", True),
        ("openimages_f16_8192", "gumbel_f8_8192", False),
        ("wikiart_16384m2", "wikiart_f16_16384", True),
        ("wikiart_1024", "wikiart_f16_1024", False),
        ("checkpoints/vqgan_imagenet_f16_1024.yaml", "imagenet_f16_1024", False),
        ("sflckr", "sflckr", False),
        ("coco", "", False),
    ],
)
def test_names_of_vqgans(typed: str, name: str, told: bool) -> None:
    found, difference = shared.vqgan_name(typed)
    assert (found, bool(difference)) == (name, told)


@pytest.mark.parametrize(
    ("options", "overlay"),
    [
        ("", {"picture": "a.png", "every": 10}),
        (
            "-ove 20i -ovo 5 -ovu '50%' -ova 51",
            {"picture": "a.png", "every": 20, "start": 5, "until": 100, "alpha": 0.2},
        ),
        ("-ove 5% -ova 0", {"picture": "a.png", "every": 10}),
        ("-ova 300", {"picture": "a.png", "every": 10, "alpha": 1.0}),
        *((never, None) for never in ("-ove 0", "-ovo 10", "-ovu 0", "-ovo 5 -ovu 5")),
    ],
)
def test_overlays(options: str, overlay: dict[str, object] | None) -> None:
    assert settings(f"-i 200 -ovi a.png {options}").get("overlay") == overlay
    assert "overlay" not in settings(f"-i 200 {options}")


@pytest.mark.parametrize("picture", ["*.png", "a?.png", "http://x.org/a.png"])
def test_overlays_of_several_pictures_and_of_addresses_are_left_out(picture: str) -> None:
    assert "overlay" not in settings(f"-ovi '{picture}' -ova 20")


@pytest.mark.parametrize(
    ("typed", "name"),
    [("DiffGrad", "diffgrad"), ("AdamP", "adamp"), ("Adamax", "adamax"), ("MADGRAD", "adam")],
)
def test_optimisers(typed: str, name: str) -> None:
    found = import_settings(f"pixray.py -p P -opt {typed} --drawer vqgan")
    assert yaml.safe_load(found.text)["optimiser"]["name"] == name
    told = [note for note in found.notes if "pip install 'vqclip[optimisers]'" in note]
    assert len(told) == (name in ("diffgrad", "adamp"))


def test_a_size_below_one_code_is_one_code() -> None:
    assert settings("--drawer vqgan --size 3 3")["size"] == "16x16"
