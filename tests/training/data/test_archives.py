"""Archives of training pictures."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from tests.training.conftest import CONCEPTS, picture, record, webp, write
from vqclip.errors import PictureError
from vqclip.training.data import archives
from vqclip.training.data.archives import COLOURS, TINTS, Row, tint_picture, write_caption
from vqclip.training.data.compose import compose, crop_photo, draw_grounds

FREE = ("permissive", "public-domain")
NO_PHOTOS = torch.empty(0, 3, 8, 8, dtype=torch.uint8)


def stream(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def row(*captions: str, style: str = "flat icon") -> Row:
    return Row("a.webp", captions, style, "a package", "MIT")


def luminance(rgb: Tensor) -> Tensor:
    return (rgb * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)


def test_read_gives_rows_and_the_very_pixels(folder: Path) -> None:
    pictures = archives.read_pictures(folder, "illustrations", side=16, classes=FREE)
    assert len(pictures) == len(CONCEPTS) == len(pictures.pixels)
    assert pictures.pixels.dtype == torch.uint8
    for index, concept in enumerate(CONCEPTS):
        assert torch.equal(pictures.pixels[index], picture(4, index))
        assert pictures.rows[index].concept == concept
        assert pictures.rows[index].captions[0] == concept.title()
    photos = archives.read_pictures(folder, "photos", side=8, classes=FREE)
    assert photos.pixels.shape == (2, 3, 8, 8)
    assert [r.captions for r in photos.rows] == [("a beach",), ("a wood",)]
    corners = torch.stack([picture(3, seed)[:, 0, 0] for seed in (90, 91)])
    assert torch.equal(photos.pixels[:, :, 0, 0], corners)


def test_only_the_licence_classes_asked_for_are_read(folder: Path) -> None:
    def count(name: str, *classes: str) -> int:
        return len(archives.read_pictures(folder, name, side=8, classes=classes))

    assert count("illustrations", "permissive") == 6
    assert count("illustrations", "share-alike") == 1
    assert count("illustrations", "permissive", "share-alike") == 7
    assert count("photos", "public-domain") == 1


def test_read_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"holds no photos\.jsonl; give the data folder with"):
        archives.read_pictures(tmp_path, "photos", side=8, classes=FREE)
    none = (
        r"photos\.jsonl names no picture of the licence classes cc-by, gpl; add one to licences="
    )
    with pytest.raises(PictureError, match=none):
        archives.read_pictures(folder, "photos", side=8, classes=("gpl", "cc-by"))
    (folder / "illustrations-1.zip").unlink()
    lacks = r"illustrations\.jsonl names flat/1\.webp, which is in none of its archives"
    with pytest.raises(PictureError, match=lacks):
        archives.read_pictures(folder, "illustrations", side=8, classes=FREE)


@pytest.mark.parametrize("damage", [b"not a picture", webp(picture(3, 0))[:20], b""])
def test_a_picture_that_cannot_be_decoded_is_named(folder: Path, damage: bytes) -> None:
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("0.webp", damage)
    with pytest.raises(PictureError, match=r"0\.webp in the archive cannot be decoded: "):
        archives.read_pictures(folder, "photos", side=8, classes=FREE)


def test_a_damaged_archive_is_named(folder: Path) -> None:
    path = folder / "photos.zip"
    whole = path.read_bytes()
    middle = whole.index(b"VP8L") + 8
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(PictureError, match=r"0\.webp in the archive cannot be decoded: Bad CRC"):
        archives.read_pictures(folder, "photos", side=8, classes=FREE)
    path.write_bytes(whole[:-30])
    with pytest.raises(PictureError, match=r"photos\.zip cannot be opened: .*; copy it again"):
        archives.read_pictures(folder, "photos", side=8, classes=FREE)


def test_captions_are_cleaned(folder: Path) -> None:
    words = ["Owl (B and W)", "owl, HASH(0x5f3), bird, hash(0x12ab)", " , "]
    write(folder, "illustrations", [record("flat/0.webp", captions=words)])
    (read,) = archives.read_pictures(folder, "illustrations", side=8, classes=FREE).rows
    assert read.captions == ("Owl", "owl, bird")


def test_split_keeps_all_styles_of_a_concept_together() -> None:
    rows = tuple(row(name, style=style) for name in CONCEPTS for style in ("flat", "line"))
    pixels = torch.arange(len(rows), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 4, 2, 2)
    kept, held = archives.Pictures(rows, pixels).split()
    assert {r.concept for r in held.rows} == {"star"} and len(held) == 2
    assert {r.concept for r in kept.rows} == set(CONCEPTS) - {"star"} and len(kept) == 10
    for part in (kept, held):
        assert [rows[i] for i in part.pixels[:, 0, 0, 0].tolist()] == list(part.rows)
    assert row("STAR").held_out and row("star", "a star").held_out


def test_one_name_in_twenty_is_held_out() -> None:
    held = sum(row(f"thing {n}").held_out for n in range(4000))
    assert 150 < held < 250


def test_flags_and_buttons_are_drawn_less_often() -> None:
    names = ("Flag: Chad", "a fox", "ok button", "waving hand: dark skin tone", "three o'clock")
    want = torch.tensor([0.1, 1.0, 0.25, 0.25, 0.25])
    assert torch.equal(archives.sampling_weights([row(name) for name in names]), want)
    assert torch.equal(archives.sampling_weights([row("buttonhole flag")]), torch.ones(1))


def bands(side: int = 32) -> Tensor:
    """An opaque uint8 [4, side, side]: four bands across, and the left half darker."""
    rgb = torch.tensor([[200, 40, 40], [40, 200, 40], [40, 40, 200], [220, 220, 40]]).T
    rgb = rgb.repeat_interleave(side // 4, 1)[:, :, None].expand(3, side, side).clone()
    rgb[:, :, : side // 2] //= 2
    return torch.cat([rgb, torch.full([1, side, side], 255)]).to(torch.uint8)


def test_an_opaque_picture_at_its_own_size_comes_back() -> None:
    pixels = bands()
    images, _ = compose(pixels.expand(16, -1, -1, -1), NO_PHOTOS, 32, (1.0, 1.0), stream())
    # It slides by up to 0.8 pixels, so what lies two pixels from an edge is what it was.
    inner = torch.tensor([i for i in range(32) if i % 8 in (2, 3, 4, 5)])
    columns = torch.tensor([i for i in range(3, 29) if not 13 < i < 18])
    sides = []
    for image in images:
        seen = (image * 255)[:, inner][:, :, columns]
        likely = [side[:3, inner][:, :, columns].float() for side in (pixels, pixels.flip(2))]
        away = [float((seen - side).abs().max()) for side in likely]
        assert min(away) < 0.01
        sides.append(away.index(min(away)))
    assert set(sides) == {0, 1}  # mirrored half of the time


def test_what_is_transparent_shows_the_ground_alone() -> None:
    empty = torch.full([6, 4, 16, 16], 255, dtype=torch.uint8)
    empty[:, 3] = 0
    photos = torch.stack([picture(3, 1), picture(3, 2)])
    images, names = compose(empty, photos, 24, (0.5, 2.0), stream(3))
    other = 255 - empty  # another colour, opaque
    other[:, 3] = 0
    again, same = compose(other, photos, 24, (0.5, 2.0), stream(3))
    assert torch.equal(images, again) and names == same
    for image, name in zip(images, names, strict=True):
        if name is not None:
            assert torch.equal(image, image[:, :1, :1].expand_as(image))
            assert (image[:, 0, 0] - torch.tensor(COLOURS[name])).abs().max() <= 0.0601


def test_half_transparent_is_half_of_each() -> None:
    def middle(alpha: int) -> Tensor:
        pixels = torch.full([1, 4, 16, 16], 255, dtype=torch.uint8)
        pixels[:, 3] = alpha
        return compose(pixels, NO_PHOTOS, 16, (1.0, 1.0), stream(1))[0][0, :, 4:12, 4:12]

    share = 51 / 255
    want = share * middle(255) + (1 - share) * middle(0)
    torch.testing.assert_close(middle(51), want, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("zoom", "area"), [(0.5, 0.25), (0.75, 0.5625), (2.0, 1.0)])
def test_zoom_is_the_cut_outs_side_as_a_share_of_the_pictures(zoom: float, area: float) -> None:
    pixels = torch.full([40, 4, 32, 32], 255, dtype=torch.uint8)
    with_it = compose(pixels, NO_PHOTOS, 32, (zoom, zoom), stream())[0]
    pixels[:, 3] = 0
    without = compose(pixels, NO_PHOTOS, 32, (zoom, zoom), stream())[0]
    pixels[:, :3], pixels[:, 3] = 0, 255
    black = compose(pixels, NO_PHOTOS, 32, (zoom, zoom), stream())[0]
    seen = (with_it - black).mean()  # 1 where the cut-out lies
    assert abs(float(seen) - area) < 0.06
    assert (without >= black - 1e-6).all() and (without <= with_it + 1e-6).all()


def test_compose_draws_from_its_generator_alone() -> None:
    pixels = torch.stack([picture(4, s) for s in range(8)])
    photos = picture(3, 5)[None]
    before = torch.get_rng_state()
    (a, words), (b, same), (c, _) = (
        compose(pixels, photos, 20, (0.5, 1.5), stream(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, b) and words == same and not torch.equal(a, c)
    assert a.shape == (8, 3, 20, 20) and a.min() >= 0 and a.max() <= 1
    assert torch.equal(pixels[3], picture(4, 3))  # the stored ones are left alone


def test_grounds_are_of_three_kinds() -> None:
    photos = torch.randint(0, 256, [2, 3, 16, 16], generator=stream(), dtype=torch.uint8)
    out, names = draw_grounds(600, photos, 12, stream())
    assert out.shape == (600, 3, 12, 12) and out.min() >= 0 and out.max() <= 1
    plain = [name for name in names if name is not None]
    assert 0.52 < len(plain) / 600 < 0.68
    assert 0.28 < plain.count("white") / len(plain) < 0.5
    assert set(plain) == set(COLOURS)
    varied = out[[name is None for name in names]]
    along, across = (varied.diff(dim=d).abs().amax((1, 2, 3)) for d in (2, 3))
    gradients = ((along < 1e-6) | (across < 1e-6)).float().mean()
    assert 0.35 < gradients < 0.65
    steps = varied[across < 1e-6][:, :, :, 0].diff(dim=2)
    torch.testing.assert_close(steps, steps[..., :1].expand_as(steps), atol=1e-5, rtol=0)


def test_without_photographs_grounds_are_gradients() -> None:
    out, names = draw_grounds(60, NO_PHOTOS, 8, stream())
    varied = out[[name is None for name in names]]
    along, across = (varied.diff(dim=d).abs().amax((1, 2, 3)) for d in (2, 3))
    assert len(varied) > 10 and (torch.minimum(along, across) < 1e-6).all()


def test_crop_takes_a_square_from_inside() -> None:
    ramp = torch.arange(40, dtype=torch.uint8).expand(3, 40, 40)
    spans = []
    for seed in range(40):
        got = crop_photo(ramp, 10, stream(seed))
        assert got.shape == (3, 10, 10)
        assert got.min() >= 0 and got.max() <= 39 / 255 + 1e-6
        assert (got.diff(dim=2) > 0).all() and got.diff(dim=1).abs().max() < 1e-6
        spans.append(float(got[0, 0, -1] - got[0, 0, 0]) * 255)
    assert 7 < min(spans) < 14 and 26 < max(spans) < 39  # from a quarter of 40 pixels upwards
    assert torch.equal(crop_photo(ramp, 10, stream(1)), crop_photo(ramp, 10, stream(1)))


@pytest.mark.parametrize("name", TINTS)
def test_tint_keeps_alpha_and_the_order_of_light(name: str) -> None:
    pixels = torch.randint(0, 256, [4, 16, 16], generator=stream(), dtype=torch.uint8)
    pixels[3] = torch.where(pixels[3] > 60, 255, 0)
    got = tint_picture(pixels, COLOURS[name])
    assert got.dtype == torch.uint8 and torch.equal(got[3], pixels[3])
    before, after = luminance(pixels[:3].float()).flatten(), luminance(got[:3].float()).flatten()
    assert (after[before.argsort()].diff() >= -1e-3).all()
    assert after.max() - after.min() > 30
    mean = got[:3, pixels[3] > 0].float().mean(1)
    want = torch.tensor(COLOURS[name])
    assert torch.cosine_similarity(mean, want, dim=0) > 0.97


def test_tint_of_nothing_is_nothing() -> None:
    empty = torch.zeros(4, 8, 8, dtype=torch.uint8)
    assert torch.equal(tint_picture(empty, COLOURS["red"]), empty)
    flat = torch.full([4, 8, 8], 255, dtype=torch.uint8)
    assert tint_picture(flat, COLOURS["red"])[:3].float().std((1, 2)).max() == 0


def test_captions_vary_and_hold_what_is_shown() -> None:
    apple = row("Red Apple", "Red Apple face, fruit, food")
    generator = stream()
    said = [write_caption(apple, "teal", None, generator) for _ in range(400)]
    assert all("red apple" in words or "fruit" in words or "food" in words for words in said)
    parts = "a red apple|a fruit| on a teal background|flat icon of |red apple face, food"
    for part in parts.split("|"):
        assert any(part in words for words in said), part
    assert "red apple" in said
    assert 0.7 < sum("red apple" in words for words in said) / 400 < 0.99
    assert 0.12 < sum(" on a teal background" in words for words in said) / 400 < 0.28
    assert not any("background" in write_caption(apple, None, None, generator) for _ in range(50))


def test_captions_of_tinted_things_name_the_new_colour_alone() -> None:
    apple = row("Red Apple", "Red Apple face, fruit, food")
    generator = stream()
    for _ in range(100):
        words = write_caption(apple, None, "blue", generator)
        assert "blue apple" in words and "red" not in words


def test_captions_use_the_right_article() -> None:
    generator = stream()
    owls = {write_caption(row("owl"), None, None, generator) for _ in range(100)}
    assert owls == {"owl", "an owl", "flat icon of owl", "flat icon of an owl"}
    foxes = {write_caption(row("fox"), "pink", None, generator) for _ in range(200)}
    assert any(re.fullmatch("a fox on a pink background", words) for words in foxes)
    assert not any("an fox" in words for words in foxes)
