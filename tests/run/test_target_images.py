"""Pictures that prompts name, several at a time, and who looks at what."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

import vqclip
from tests.conftest import Home
from tests.helpers.building import build
from vqclip.errors import PictureError
from vqclip.language.assets import SearchPath
from vqclip.language.prompt import draft_text
from vqclip.language.prompts import parse_prompts
from vqclip.media import paths
from vqclip.run import init_image
from vqclip.run.runner import Runner

HERE = SearchPath.current()


def ready(home: Home, prompt: str, **more: object) -> Runner:
    return build(vqclip.load(prompt, seed=1, **home.settings(**more)))


def paint(path: Path, colour: str, size: tuple[int, int] = (32, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pillow.new("RGB", size, colour).save(path)
    return path


def test_a_folder_and_a_pattern_stand_for_their_pictures(home: Home) -> None:
    two = [paint(Path("p/b.png"), "red"), paint(Path("p/a.jpg"), "blue")]
    Path("p/notes.txt").write_text("no picture")
    assert paths.find_images("p", HERE) == sorted(two)
    assert paths.find_images("p/*.png", HERE) == [two[0]]
    assert paths.find_images("nil.png", HERE) == [Path("nil.png")]
    paint(Path("odd [1].png"), "red")
    assert paths.find_images("odd [1].png", HERE) == [Path("odd [1].png")]
    assert paths.find_images("q", SearchPath((Path("p").parent.resolve(),))) == [Path("q")]


def test_names_that_stand_for_no_pictures_are_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").mkdir()
    with pytest.raises(PictureError, match=r"empty holds no pictures; name a picture, or from 1"):
        paths.find_images("empty", HERE)
    with pytest.raises(PictureError, match=r"p/\*\.png holds no pictures"):
        ready(home, "@p/*.png")
    monkeypatch.setattr(paths, "MOST", 1)
    paint(Path("p/a.png"), "red")
    paint(Path("p/b.png"), "red")
    with pytest.raises(PictureError, match="p holds 2 pictures; name a picture, or from 1 to 1"):
        paths.find_images("p", HERE)


def test_several_pictures_are_looked_at_in_turn(home: Home) -> None:
    paint(Path("p/a.png"), "red")
    paint(Path("p/b.png"), "blue")
    both = [step.losses["p"] for step in ready(home, "@p").play()]
    red = [step.losses["p/a.png"] for step in ready(home, "@p/a.png").play()]
    assert torch.equal(both[0], red[0]) and not torch.equal(both[1], red[1])


def test_the_notes_tell_which_pictures_they_were(home: Home) -> None:
    paint(Path("p/a.png"), "red")
    one = init_image.hash_pictures(["p"], HERE)
    assert one == {"picture p": init_image.hash_pictures(["p/a.png"], HERE)["picture p/a.png"]}
    paint(Path("p/b.png"), "blue", (64, 32))
    two = init_image.hash_pictures(["p"], HERE)
    assert two != one
    (note,) = init_image.describe_stretched(["p"], (32, 32), HERE)
    assert note.startswith("p is 64x32 and is stretched to 32x32")
    assert (
        len(
            init_image.read_target_images(
                parse_prompts("@p"), (32, 32), torch.device("cpu"), HERE
            )["p"]
        )
        == 2
    )


def test_a_perceptor_counts_as_much_as_it_weighs(home: Home) -> None:
    whole = next(iter(ready(home, "a fox", losses={"distinct": 0.3}).play()))
    entry = [f"{home.clip}:0.5"]
    half = next(iter(ready(home, "a fox", losses={"distinct": 0.3}, perceptors=entry).play()))
    assert set(half.losses) == set(whole.losses) == {"a fox", "distinct"}
    for name, loss in whole.losses.items():
        assert torch.allclose(half.losses[name], loss / 2)


def test_a_perceptor_may_be_off_for_a_while(home: Home) -> None:
    entry = [f"{home.clip}:{{0: 0, 2: 1 hold}}"]
    found = [
        float(step.losses["a fox"]) for step in ready(home, "a fox", perceptors=entry).play()
    ]
    assert found[:2] == [0, 0] and found[2] > 0


def test_a_perceptor_may_have_its_own_number_of_squares(home: Home) -> None:
    run = ready(home, "a fox", perceptors=[f"{home.clip}:1:2"])
    (perceptor,) = run.perceptors
    assert (perceptor.cutter.count, perceptor.name) == (2, str(home.clip))
    assert list(run.cutters) == ["32 2"]


def test_perceptors_may_read_different_prompts(home: Home, tmp_path: Path) -> None:
    from tests.helpers import tiny_clip

    other = tiny_clip.write(tmp_path / "other", seed=5)
    both = [str(home.clip), str(other)]
    run = ready(home, f"a fox for({home.clip}) | a bear for({other}) | fog:-1", perceptors=both)
    assert [each.name for each in run.objectives] == [
        f"a fox ({home.clip})",
        f"a bear ({other})",
        f"fog ({home.clip})",
        f"fog ({other})",
    ]


def test_scenes_go_from_one_to_the_next(home: Home) -> None:
    run = ready(home, "a fox ^ a bear", steps=4, fade=0.0)
    (wish,) = run.objectives
    assert wish.name == "a fox ^ a bear"
    fox, bear = (ready(home, text, steps=4) for text in ("a fox", "a bear"))
    played, alone = list(run.play()), list(fox.play())
    assert [float(s.losses[wish.name]) for s in played[:2]] == [
        float(s.losses["a fox"]) for s in alone[:2]
    ]
    first = next(iter(bear.play())).losses["a bear"]
    assert played[2].losses[wish.name] != alone[2].losses["a fox"] != first


def test_scenes_are_told_from_other_things_each_for_itself(home: Home) -> None:
    run = ready(home, "a fox ^ a bear", steps=4, fade=0.0, losses={"distinct": 0.5})
    weights = {o.name: [o.weight(step) for step in range(4)] for o in run.objectives}
    assert weights["distinct"] == [0.5, 0.5, 0, 0]
    assert weights["distinct 2"] == [0, 0, 0.5, 0.5]


def test_what_is_wished_for_later_is_told_apart_later(home: Home) -> None:
    prompt = "a fox | a bear:{0: 0, 2: 1 hold}"
    run = ready(home, prompt, steps=4, losses={"distinct": 0.5})
    weights = {o.name: [o.weight(step) for step in range(4)] for o in run.objectives}
    assert weights["distinct"] == [0.5] * 4
    assert weights["distinct, 2"] == [0, 0, 0.5, 0.5]
    assert draft_text(parse_prompts(prompt)) == "a fox"


def test_no_two_objectives_have_one_name(home: Home) -> None:
    run = ready(home, "a fox | distinct 2 ^ a bear", losses={"distinct": 0.5})
    names = [objective.name for objective in run.objectives]
    assert len(set(names)) == len(names)


def test_what_is_transparent_in_a_mask_is_outside_of_the_region(home: Home) -> None:
    shape = pillow.new("RGBA", (32, 32), (255, 255, 255, 0))
    shape.paste((0, 0, 0, 255), (0, 0, 16, 32))
    shape.save("mask.png")
    (where,) = init_image.make_masks(parse_prompts("a fox in(mask.png)"), HERE).values()
    assert where[..., :120].min() == 1 and where[..., 136:].max() == 0
    shape.putalpha(0)
    shape.save("mask.png")
    with pytest.raises(PictureError, match="a mask is white, or opaque, where the region is"):
        init_image.make_masks(parse_prompts("a fox in(mask.png)"), HERE)
