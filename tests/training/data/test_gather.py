"""Public packages become the archives that the trainings read."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL.Image import Image

from vqclip.errors import ConfigError, OutputError, PictureError, VqclipError
from vqclip.training.data import archives, gather, readers, sources
from vqclip.training.data import rasterise as data_rasterise
from vqclip.training.data.rasterise import (
    cut_squares,
    duplicate_key,
    encode_webp,
    is_blank,
    is_glyph,
    on_white,
    trim_and_centre,
)
from vqclip.training.data.sources import SOURCES, Emoji, Package, Source

ICONS = {
    "fox": {"body": '<rect fill="#f80"/>'},
    "fox-dark": {"body": '<rect fill="#420"/>'},
    "redheart": {"body": '<rect fill="#f00"/>', "width": 32},
    "twin": {"body": '<rect fill="#f80"/>'},
    "void": {"body": ""},
    "torn": {"body": "<torn"},
    "old": {"body": '<rect fill="#00f"/>', "hidden": True},
}
BASE = [
    {"label": "fox", "hexcode": "1F98A", "tags": ["face", "Face"], "group": 3},
    {"label": "red heart", "hexcode": "2764-FE0F", "group": 8},
    {"label": "flag: Chile", "hexcode": "1F1E8-1F1F1", "group": 9},
    {
        **{"label": "raised hand", "hexcode": "270B", "group": 1},
        "skins": [{"label": "raised hand: dark skin tone", "hexcode": "270B-1F3FF"}],
    },
]
FOXES = Source("foxes", "iconify", Package("npm", "@x/foxes", "1.0.0"), "MIT", "permissive", "s")
ASSETS = replace(FOXES, name="assets", kind="pictures", package=Package("npm", "assets", "2.0.0"))
LAND = replace(SOURCES["endless-sky-data"], name="land")


def rasterise(svg: str, side: int) -> Image:
    """Draws one square of the colour that the SVG fills with, in the corner of its page."""
    if "<torn" in svg:
        raise PictureError("torn")
    page = Pillow.new("RGBA", (side, side))
    fill = re.search('fill="(#[0-9a-f]+)"', svg)
    if fill:
        page.paste(Pillow.new("RGBA", (side // 2, side // 2), fill[1]))
        page.paste((90, 90, 90, 255), (2, 2, side // 4, side // 4))
    return page


def encoded(picture: Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image:
    values = numpy.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=numpy.uint8
    )
    return Pillow.fromarray(values)


PACKAGES: dict[str, dict[str, bytes]] = {
    "@x/foxes": {
        "icons.json": json.dumps({"height": 16, "icons": ICONS}).encode(),
        "chars.json": json.dumps({"1f98a": "fox"}).encode(),
    },
    "assets": {
        "assets/1f1e8-1f1f1.webp": encoded(noise(20, 20)),
        "assets/270b.webp": encoded(noise(20, 20, 1)),
        "assets/270b-1f3ff.webp": encoded(noise(20, 20, 2)),
        "assets/ffff.webp": encoded(noise(20, 20, 3)),
    },
    "emojibase-data": {"en/data.json": json.dumps(BASE).encode()},
    "emojilib": {"dist/emoji-en-US.json": json.dumps({"\U0001f98a": ["red_fox"]}).encode()},
}


class Registry:
    """Stands in for npm and apt-get: packs what `PACKAGES` holds, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, words: Sequence[str], folder: Path) -> None:
        self.asked.append(words[-1])
        name = words[-1].rpartition("@")[0]
        if words[:2] != ["npm", "pack"] or name not in PACKAGES:
            raise VqclipError("404")
        with tarfile.open(folder / "it.tgz", "w:gz") as packed:
            for path, content in PACKAGES[name].items():
                member = tarfile.TarInfo(f"package/{path}")
                member.size = len(content)
                packed.addfile(member, io.BytesIO(content))

    def fetch(self, package: Package, folder: Path) -> None:
        sources.fetch_package(package, folder, self.run)


def gathered(out: Path, registry: Registry, *table: Source, only: Sequence[str] = ()) -> dict:
    tallies = gather.gather(
        out, only, table={s.name: s for s in table}, fetch=registry.fetch, rasterise=rasterise
    )
    return {tally.name: tally.counts for tally in tallies}


def records(out: Path, name: str = "illustrations") -> dict[str, dict]:
    lines = (out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["file"]: row for row in map(json.loads, lines)}


def test_packages_become_a_set_that_data_reads(tmp_path: Path) -> None:
    counts = gathered(tmp_path, Registry(), FOXES, ASSETS)
    assert counts == {
        "foxes": {"kept": 3, "blank": 1, "broken": 1},
        "assets": {"kept": 2},
        "illustrations": {"kept": 4, "duplicate": 1, "archives": 1},
    }
    pictures = archives.read_pictures(tmp_path, "illustrations", side=128, classes=["permissive"])
    concepts = {row.file: row.concept for row in pictures.rows}
    assert concepts == {
        "foxes/fox.webp": "fox",
        "foxes/redheart.webp": "red heart",
        "assets/1f1e8-1f1f1.webp": "flag of chile",
        "assets/270b.webp": "raised hand",
    }
    assert records(tmp_path)["foxes/fox.webp"] == {
        "captions": ["fox", "fox, face, red fox"],
        "tags": ["fox", "face", "red fox"],
        "style": "s",
        "group": "animal or nature",
        "source": "npm:@x/foxes@1.0.0",
        "licence": "MIT",
        "licence_class": "permissive",
        "file": "foxes/fox.webp",
    }
    red, green, blue, alpha = pictures.pixels[0, :, 100, 100].tolist()
    assert (alpha, red > 240, 120 < green < 150, blue < 20) == (255, True, True, True)


def test_what_is_done_is_not_fetched_again(tmp_path: Path) -> None:
    registry = Registry()
    gathered(tmp_path, registry, FOXES, ASSETS, only=["foxes"])
    assert registry.asked == ["emojibase-data@17.0.0", "emojilib@4.0.3", "@x/foxes@1.0.0"]
    assert len(records(tmp_path)) == 2
    first = (tmp_path / "illustrations-a.zip").read_bytes()
    registry.asked.clear()
    assert list(gathered(tmp_path, registry, FOXES, only=["foxes"])) == ["illustrations"]
    assert registry.asked == []
    assert (tmp_path / "illustrations-a.zip").read_bytes() == first
    gathered(tmp_path, registry, FOXES, ASSETS)
    assert registry.asked[-1] == "assets@2.0.0" and "@x/foxes@1.0.0" not in registry.asked
    registry.asked.clear()
    newer = replace(FOXES, package=replace(FOXES.package, version="1.0.1"))
    gathered(tmp_path, registry, newer)
    assert "@x/foxes@1.0.1" in registry.asked


def test_a_stopped_source_leaves_nothing_half(tmp_path: Path) -> None:
    gone = replace(ASSETS, name="gone", package=Package("npm", "gone", "1.0.0"))
    with pytest.raises(VqclipError, match=r"gone 1\.0\.0 cannot be had: 404; is there a network"):
        gathered(tmp_path, Registry(), FOXES, gone)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["foxes-1.0.0.zip"]
    assert not (tmp_path / "illustrations.jsonl").exists()


def test_sets_are_split_and_old_archives_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "PER_ARCHIVE", 1)
    gathered(tmp_path, Registry(), FOXES)
    assert sorted(p.name for p in tmp_path.glob("*.zip")) == [
        *("illustrations-a.zip", "illustrations-b.zip")
    ]
    monkeypatch.setattr(gather, "PER_ARCHIVE", 9)
    gathered(tmp_path, Registry(), FOXES)
    assert [p.name for p in tmp_path.glob("*.zip")] == ["illustrations-a.zip"]
    assert (
        len(archives.read_pictures(tmp_path, "illustrations", side=8, classes=["permissive"]))
        == 2
    )


COPYRIGHT = """Format: 1.0

Files: *
Copyright: me
License: GPL-3+

Files: images/land/*
Copyright: Various
License: public-domain
 Donated.

Files:
 images/land/*-a*
 images/land/lava5*
Copyright: you
License: CC-BY-SA-4.0

Files: images/land/beach*
Copyright: Various
License: public-domain
"""


def test_landscapes_are_those_in_the_public_domain(tmp_path: Path) -> None:
    def fetch(package: Package, folder: Path) -> None:
        land = folder / "usr/share/games/endless-sky/images/land"
        notes = folder / "usr/share/doc/endless-sky-data"
        land.mkdir(parents=True)
        notes.mkdir(parents=True)
        (notes / "copyright").write_text(COPYRIGHT)
        for index, name in enumerate(["beach10", "beach2-ab", "lava5", "nasa1"]):
            noise(720, 360, index).save(land / f"{name}.jpg")

    tallies = list(gather.gather(tmp_path, table={"land": LAND}, fetch=fetch))
    assert [tally.counts["kept"] for tally in tallies] == [10, 10]
    rows = records(tmp_path, "photos")
    assert {row["parent_caption"] for row in rows.values()} == {"beach landscape", ""}
    assert {row["licence"] for row in rows.values()} == {"public-domain"}
    row = rows["land/beach10-0.webp"]
    assert (row["caption"], row["crop"], row["size"]) == ("beach landscape", "full", [720, 360])
    assert len(archives.read_pictures(tmp_path, "photos", side=32, classes=["permissive"])) == 10


def test_clip_art_is_called_by_its_metadata(tmp_path: Path) -> None:
    root = tmp_path / "usr/share/openclipart/svg"

    def drawing(place: str, title: str, subject: str = "", said: str = "") -> None:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(
            f"<svg><metadata><dc:title>{title}</dc:title><dc:description>{said}</dc:description>"
            f"<rdf:li>{subject}</rdf:li></metadata><dc:title>no</dc:title></svg>"
        )

    drawing("animals/a.svg", "Barn Owl", "bird", "An owl in a barn")
    drawing("animals/red_fox_jane_doe_01.svg", "Untitled", "clipart")
    drawing("tools/x.svg", "", "")
    drawing("food/playing_cards/ace.svg", "Ace")
    for index in range(6):
        drawing(f"food/berry{index}.svg", "My fruits")
    found = {f.name: f for f in readers.read_clip_art(tmp_path, {})}
    assert found["animals/a"].captions == ("Barn Owl", "Barn Owl, bird", "An owl in a barn")
    assert found["animals/a"].tags == ("bird", "animals")
    assert found["animals/red_fox_jane_doe_01"].captions == ("red fox",)
    assert found["tools/x"].captions == ("tools",)
    assert found["food/berry3"].captions == ("berry",)
    assert "food/playing_cards/ace" not in found


def test_furniture_stands_in_catalogues(tmp_path: Path) -> None:
    shelf = tmp_path / "usr/share/sweethome3d/furniture"
    shelf.mkdir(parents=True)
    notes = "# a=b\nname#1=Chair 2\ncategory#1=Office\ntags#1=Seat, Wood\nicon#1=/c/chair.png\n"
    for name in ("BlendSwap-CC-0", "Scopia"):
        with zipfile.ZipFile(shelf / f"{name}.sh3f", "w") as catalogue:
            catalogue.writestr("PluginFurnitureCatalog.properties", notes + "icon#2=/gone.png\n")
            catalogue.writestr("c/chair.png", b"png")
    free, other = readers.read_furniture(tmp_path, {})
    assert (free.name, free.licence) == ("BlendSwap-CC-0/c/chair", "CC0-1.0")
    assert (other.licence, other.captions) == (None, ("Chair", "Chair, Office"))
    assert other.tags == ("Chair", "Office", "Seat", "Wood")
    (shelf / "torn.sh3f").write_bytes(b"torn")
    with pytest.raises(PictureError, match=r"torn\.sh3f of the package cannot be read"):
        list(readers.read_furniture(tmp_path, {}))


@pytest.mark.parametrize("reader", [readers.read_clip_art, readers.read_landscapes])
def test_another_layout_is_named(tmp_path: Path, reader: sources.Reader) -> None:
    if reader is readers.read_clip_art:
        with pytest.raises(
            PictureError, match="has no usr/share/openclipart/svg; has its layout"
        ):
            list(reader(tmp_path, {}))
    else:
        with pytest.raises(PictureError, match=r"has no usr/share/doc/.*copyright"):
            list(reader(tmp_path, {}))
    with pytest.raises(PictureError, match=r"icons\.json of the package cannot be read"):
        list(readers.read_icons(tmp_path, {}))


def test_icons_that_are_no_emoji_keep_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "icons.json").write_text(json.dumps({"icons": {"add-image": {"body": ""}}}))
    (found,) = readers.read_icons(tmp_path, {"1": Emoji("add image", ("no",), "no", False)})
    assert (found.captions, found.tags, found.group) == (("add image",), ("add image",), "")
    assert 'viewBox="0 0 16 16"' in str(found.picture)


@given(
    *(st.integers(1, 90), st.integers(1, 90), st.integers(0, 40), st.integers(0, 40)),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.sampled_from([60, 128, 255]),
)
@settings(max_examples=60, deadline=None)
def test_what_can_be_seen_is_centred_in_its_own_colour(
    width: int, height: int, left: int, top: int, colour: tuple[int, int, int], alpha: int
) -> None:
    page = Pillow.new("RGBA", (150, 150))
    page.paste((*colour, alpha), (left, top, left + width, top + height))
    page.putpixel((left, top), (0, 0, 0, 0 if width * height > 1 else alpha))
    done = numpy.asarray(trim_and_centre(page))
    assert done.shape == (128, 128, 4)
    rows, columns = (numpy.flatnonzero(done[..., 3].max(axis)) for axis in (1, 0))
    for first, last in ((rows[0], rows[-1]), (columns[0], columns[-1])):
        assert abs((first + last) - 127) <= 3
    # What is solid in the middle keeps its colour, however thin: nothing has darkened it.
    solid = done[64, 64]
    if min(width, height) > 4:
        scale = 255 / alpha  # colours are stored in steps of the alpha on the way
        assert numpy.abs(solid[:3].astype(int) - colour).max() <= 1 + scale
        sides = (rows[-1] - rows[0], columns[-1] - columns[0])
        assert 114 <= max(sides) <= 128


def test_an_opaque_picture_fills_the_side_and_an_empty_one_stays_empty() -> None:
    assert trim_and_centre(noise(40, 40).convert("RGBA")).getchannel("A").getextrema() == (
        255,
        255,
    )
    assert trim_and_centre(Pillow.new("RGBA", (9, 9))).getchannel("A").getextrema() == (0, 0)


def test_soft_edges_lend_no_black() -> None:
    page = Pillow.new("RGBA", (64, 64))
    page.paste((255, 0, 0, 255), (20, 20, 43, 43))
    done = numpy.asarray(trim_and_centre(page.resize((500, 500), Pillow.Resampling.BILINEAR)))
    soft = done[(done[..., 3] > 20) & (done[..., 3] < 250)]
    assert len(soft) > 0 and soft[:, 0].min() > 230 and soft[:, 1].max() < 12


def test_blanks_and_glyphs_are_known() -> None:
    empty, disc = Pillow.new("RGBA", (128, 128)), Pillow.new("RGBA", (128, 128))
    assert is_blank(empty) and is_glyph(empty)
    assert is_blank(Pillow.new("RGBA", (128, 128), "white"))
    disc.paste("black", (30, 30, 90, 90))
    assert is_glyph(disc) and not is_blank(disc)
    disc.paste("red", (30, 30, 50, 50))
    assert not is_glyph(disc)
    shaded = noise(128, 128).convert("L").convert("RGBA")
    assert not is_glyph(shaded) and not is_blank(shaded)


def test_near_duplicates_share_a_look() -> None:
    picture = trim_and_centre(rasterise('fill="#f80"', 128))
    assert duplicate_key(picture) == duplicate_key(picture.copy())
    nudged = picture.copy()
    nudged.putpixel((64, 64), (250, 130, 6, 255))
    assert duplicate_key(nudged) == duplicate_key(picture)
    assert duplicate_key(picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)) != duplicate_key(
        picture
    )


def test_squares_repeat_and_leave_flat_ones_out() -> None:
    first, again = (list(cut_squares(noise(720, 360), "beach")) for _ in range(2))
    assert [kind for kind, _ in first] == ["full", "random", "random", "random", "random"]
    assert [s.tobytes() for _, s in first] == [s.tobytes() for _, s in again]
    assert {s.size for _, s in first} == {(256, 256)}
    assert list(cut_squares(Pillow.new("RGB", (300, 300), "grey"), "fog")) == []
    assert [kind for kind, _ in cut_squares(noise(256, 256), "small")] == ["full"]


def test_webp_keeps_alpha_and_nearly_the_colours() -> None:
    picture = trim_and_centre(rasterise('fill="#f80"', 256))
    with Pillow.open(io.BytesIO(encode_webp(picture))) as stored:
        back = stored.convert("RGBA")
        assert back.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
        far = on_white(back).astype(int) - on_white(picture)
    assert numpy.abs(far).mean() < 4


def test_resvg_draws_or_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Resvg:
        @staticmethod
        def svg_to_bytes(svg_string: str, width: int = 0, height: int = 0, **_: object) -> bytes:
            if svg_string == "torn":
                raise BaseException("panic")
            if svg_string == "stop":
                raise KeyboardInterrupt
            size = (width, 2 * width) if width else (height // 2, height)
            return encoded(Pillow.new("RGBA", size))

    monkeypatch.setitem(sys.modules, "resvg_py", Resvg)
    draw = data_rasterise.load_resvg()
    assert draw("tall", 128).size == (64, 128)
    with pytest.raises(PictureError, match="resvg cannot draw this: panic"):
        draw("torn", 128)
    with pytest.raises(KeyboardInterrupt):
        draw("stop", 128)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(VqclipError, match=r"pip install 'vqclip\[train\]'"):
        data_rasterise.load_resvg()
    with pytest.raises(PictureError, match="cannot be decoded"):
        data_rasterise.render(b"torn", rasterise)


def test_missing_programs_and_packages_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(VqclipError, match="no-such-program is not on this machine; install it"):
        sources.run_command(["no-such-program"], tmp_path)
    code = "import sys; sys.exit('E: no such version')"
    with pytest.raises(VqclipError, match="failed with code 1: E: no such version"):
        sources.run_command([sys.executable, "-c", code], tmp_path)
    with pytest.raises(VqclipError, match="it said nothing"):
        sources.run_command([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)

    def missing(words: Sequence[str], folder: Path) -> None:
        sources.run_command([f"no-{words[0]}"], folder)

    debian = SOURCES["openclipart-svg"].package
    with pytest.raises(VqclipError, match=r"cannot be had: .*\(apt-get update\)\?"):
        sources.fetch_package(debian, tmp_path, missing)
    with pytest.raises(VqclipError, match=r"left 0 files like \*\.tgz, not one"):
        sources.fetch_package(FOXES.package, tmp_path, lambda words, folder: None)

    def torn(words: Sequence[str], folder: Path) -> None:
        (folder / "it.tgz").write_bytes(b"torn")

    with pytest.raises(VqclipError, match=r"it\.tgz cannot be unpacked"):
        sources.fetch_package(FOXES.package, tmp_path, torn)


@pytest.mark.parametrize("program", ["npm", "apt-get", "dpkg"])
def test_programs_that_are_needed_have_advice(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VqclipError, match=re.escape(sources.PROGRAMS[program])):
        sources.run_command([program], tmp_path)


def test_debian_packages_are_unpacked_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Sequence[str]] = []

    def run(words: Sequence[str], folder: Path) -> None:
        ran.append(words)
        if words[0] == "apt-get":
            (folder / "art_1.deb").touch()
        else:  # it runs in another folder
            assert Path(words[2]).is_absolute() and Path(words[2]).is_file()

    monkeypatch.chdir(tmp_path)
    sources.fetch_package(Package("deb", "art", "1:2-3"), Path("package"), run)
    assert ran[0] == ["apt-get", "download", "art=1:2-3"]
    assert [ran[1][1], ran[1][-1]] == ["-x", str(tmp_path / "package")]


def test_the_command_line_is_checked(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="no source is called 'twemojy'; did you mean 'twemoji'"
    ):
        gather.main([f"out={tmp_path}", "only=noto,twemojy"])
    with pytest.raises(ConfigError, match="'noto' is not a setting; write out=DIR"):
        gather.main(["noto"])
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        gather.main([f"out={tmp_path / 'file'}", "only=noto"])


def test_main_reports_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gathered(tmp_path, Registry(), FOXES)
    noto = SOURCES["noto"]
    done = tmp_path / "parts" / f"noto-{noto.package.version}.zip"
    shutil.copy(tmp_path / "parts" / "foxes-1.0.0.zip", done)
    gather.main([f"out={tmp_path}", "only=noto"])
    assert json.loads(capsys.readouterr().out) == {
        **{"source": "illustrations", "kept": 2, "duplicate": 1, "archives": 1}
    }


def test_every_source_can_be_read_and_is_free() -> None:
    assert {source.kind for source in SOURCES.values()} == set(gather.READERS)
    assert {source.licence_class for source in SOURCES.values()} == {"permissive"}
    assert not any("SA" in source.licence for source in SOURCES.values())
