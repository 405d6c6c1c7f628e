"""Layouts as the settings of a run want them, and what the run draws of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.helpers.layouts import PALM, SENTENCE, understand_palms
from vqclip.config.loading import load_config
from vqclip.errors import ConfigError
from vqclip.language.layout.layout_types import Layout, Thing
from vqclip.models.device import pick_seed
from vqclip.run.preflight import PictureParts, Request, make_request

PLACES = "a palm tree in(35% 0% 65% 100%) | a snowman in(0% 40% 50% 60%)"


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    return understand_palms(monkeypatch)


def read(prompt: str = SENTENCE, noted: Any = None, **settings: Any) -> Request:
    return make_request(load_config(prompt, **settings), noted=noted)


def test_a_sentence_is_drawn_with_its_things_in_their_places() -> None:
    run = read(style="ink of {}", negative="fog")
    assert run.layouts == {0: PALM}
    assert [(each.body, each.region and each.region.place) for each in run.prompts] == [
        (f"ink of {SENTENCE}", None),
        ("fog", None),
        ("ink of a palm tree", "35% 0% 65% 100%"),
        ("ink of a snowman", "0% 40% 50% 60%"),
    ]
    assert [each.body for each in run.parsed_prompts] == [SENTENCE, "fog"]
    assert run.parts == PictureParts(things=2, in_all_scenes=True)
    assert read("a fox in(top) ^ a under b").parts == PictureParts(regions=1, things=2)
    assert run.notes == [f"the sentence is drawn as: {SENTENCE} | {PLACES}"]


def test_what_is_shown_can_be_typed_and_is_drawn_alike() -> None:
    typed = read(f"{SENTENCE} | {PLACES}")
    assert (typed.layouts, typed.prompts) == ({0: PALM}, read().prompts)
    assert typed.notes == []
    moved = read(f"{SENTENCE} | a snowman in(50% 40% 50% 60%) | fog:-1", style="ink")
    assert [each.box for each in moved.layouts[0].things] == [(0.5, 0.4, 0.5, 0.6)]
    assert [each.body for each in moved.prompts] == [f"{SENTENCE}, ink", "a snowman, ink", "fog"]


def test_the_shape_and_the_seed_of_a_run_are_those_of_its_layout(
    planned: list[tuple[str, float, int]],
) -> None:
    for settings in ({}, {"size": "320x160", "seed": 4205}, {"aspect": "1:2", "seed": 300}):
        read(**settings)
    assert [round(aspect, 1) for _, aspect, _ in dict.fromkeys(planned)] == [1, 2, 0.5]
    assert [seed for *_, seed in dict.fromkeys(planned)] == [0, 5, 0]
    read(seed=pick_seed(None))
    assert planned[-1] == planned[0]


def test_pictures_and_films_have_a_layout_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pillow.new("RGB", (32, 32)).save("start.png")
    assert not read(init="start.png").layouts
    assert not read(layout="off").layouts
    Path("film").mkdir()
    pillow.new("RGB", (32, 32)).save("film/1.png")
    assert not read(source={"film": "film"}).layouts
    for start in ("dream", "random", "fractal"):
        assert read(init=start).layouts


def test_the_layout_that_is_noted_holds() -> None:
    noted = {0: Layout(PALM.things[:1])}
    assert read(noted=noted).layouts == noted
    assert read(noted={}).layouts == {}
    assert read(noted=noted, layout="off").layouts == {}


def test_where_the_camera_moves_it_is_said_that_things_move_with_it() -> None:
    said = "the camera moves, so things are held in their places in the first frame only"
    for camera, notes in (({"zoom": 1.02}, [said]), ({"edges": "wrap"}, []), ({}, [])):
        assert read(frames=3, camera=camera).notes[1:] == notes


def test_what_is_too_small_to_be_seen_is_told() -> None:
    fly = Thing("fly", "a fly", (0.5, 0.5, 0.05, 0.2))
    (_, said) = read(noted={0: Layout((*PALM.things, fly, fly))}).notes
    assert said == "smaller than a tenth of the picture, and hardly to be seen: fly"


def test_scenes_have_layouts_of_their_own() -> None:
    run = read(f"a fox ^ {SENTENCE} ^ {SENTENCE} | a moon in(top)", frames=6)
    assert list(run.layouts) == [1]
    assert [each.scene for each in run.prompts] == [0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("prompt", "unread"),
    [
        ("un chat sur une chaise", ["un chat sur une chaise"]),
        (
            "ein Hund unter dem Baum ^ a fox ^ a b between c",
            ["ein Hund unter dem Baum", "a b between c"],
        ),
        ("雪だるまとヤシの木", ["雪だるまとヤシの木"]),
        ("un chat sur une chaise | a moon in(top)", []),
        ("un chat sur une chaise:2", []),
        (f"{SENTENCE} | un chat sur une chaise", []),
        ("a portrait of a lady in blue, oil on canvas", []),
        ("love between us", []),
        ("狐", []),
    ],
)
def test_what_looks_like_several_things_and_is_not_understood_is_told(
    prompt: str, unread: list[str]
) -> None:
    notes = [each for each in read(prompt).notes if "is not understood" in each]
    assert [note.split("'")[1] for note in notes] == unread
    assert not any("not understood" in each for each in read(prompt, layout="off").notes)


@pytest.mark.parametrize(
    ("structure", "sentence"),
    [
        (
            '{"subject": "a snowman", "action": "under a palm tree", "place": "a beach"}',
            "a snowman under a palm tree in a beach",
        ),
        (
            '{"subject": ["a cat", "a dog"], "setting": "on a bed", "style": "ink"}',
            "a cat and a dog on a bed, ink",
        ),
        ('{"sentence": "A snowman under a palm tree."}', "A snowman under a palm tree."),
        ('{"keywords": ["snowman", "palm"], "mood": "calm"}', "snowman, palm"),
    ],
)
def test_a_structured_prompt_says_its_parts(
    planned: list[tuple[str, float, int]], structure: str, sentence: str
) -> None:
    read(structure)
    assert {each for each, *_ in planned} == {sentence}


def test_the_setting_is_auto_or_off(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("layout: off\n")
    assert load_config("a fox", file=file).layout == "off"
    with pytest.raises(ConfigError, match=r"layout is 'on' \(one of: auto, off\)"):
        load_config("a fox", layout="on")
