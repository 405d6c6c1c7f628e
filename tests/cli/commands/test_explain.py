"""help, explain and direction; and prompts that stand for several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image as pillow

from tests.conftest import Home, Refusal
from tests.helpers.readme import examples
from vqclip.cli import main
from vqclip.cli.commands import explain
from vqclip.guidance import prompt_embedding
from vqclip.language import prompts
from vqclip.language.prompt_templates import expand_prompt
from vqclip.models.zoo import word_embedding
from vqclip.models.zoo.word_embedding import WordEmbedding
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("topic", sorted(explain.TOPICS))
def test_every_part_of_the_language_is_explained(topic: str, capsys: Capture) -> None:
    assert main.main(["help", topic]) == 0
    out = capsys.readouterr().out
    assert out.strip() == (explain.TOPICS[topic].__doc__ or "").strip()
    assert " = " in out or topic in ("structured", "drawers")


def test_help_is_about_prompts_where_nothing_is_named(capsys: Capture) -> None:
    assert main.main(["help"]) == 0
    assert 'prompts   = scene { "^" scene }' in capsys.readouterr().out


def test_help_about_nothing_is_refused(refused: Refusal) -> None:
    assert "no help about 'promts'; did you mean 'prompts'" in refused("help", "promts")


def test_the_examples_of_the_grammar_can_be_read() -> None:
    """Every line of the grammar's examples is a prompt that is read and written again."""
    told = (prompts.__doc__ or "").split("\n\n")[2]
    examples = [line.strip().split("   ")[0] for line in told.splitlines()]
    assert len(examples) == 13
    for text in examples:
        assert prompts.parse_prompts(
            prompts.prompts_to_text(prompts.parse_prompts(text))
        ) == prompts.parse_prompts(text)


def test_a_file_that_holds_a_structure_is_a_prompt(home: Home, capsys: Capture) -> None:
    Path("fox.json").write_text('{"subject": "a fox",\n "negative": "fog | mud"}\n')
    assert main.main(["explain", "fox.json", *home.words()]) == 0
    out = capsys.readouterr().out
    assert out.startswith("a fox sentence(A fox.) | fog:-0.5 | mud:-0.5\n")


@pytest.mark.parametrize("prompt", examples())
def test_the_examples_of_the_readme_are_drawn(home: Home, capsys: Capture, prompt: str) -> None:
    for name in ("mask.png", "sketch.png", "photos/a.jpg", "photos/b.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        pillow.new("RGB", (32, 32), "gold").save(name)
    Path("moods.json").write_text(json.dumps({"clip": [1.0] * 32}))
    Path("embeddings").mkdir()
    cat = WordEmbedding("my-cat", {32: torch.ones(2, 32)})
    Path("embeddings/my-cat.safetensors").write_bytes(word_embedding.pack_word(cat))
    assert main.main([prompt, *home.words("steps=3")]) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(made) == (2 if prompt.startswith("a {") else 1)
    for each in made:
        notes = provenance.read_provenance(each)
        assert notes.prompt in expand_prompt(prompt)
    # What was drawn, and how it is told again, mean the same.
    for each in expand_prompt(prompt):
        assert prompts.parse_prompts(
            prompts.prompts_to_text(prompts.parse_prompts(each))
        ) == prompts.parse_prompts(each)


def test_there_are_examples() -> None:
    kinds = {
        wish.kind
        for text in examples()
        for e in expand_prompt(text)
        for wish in prompts.parse_prompts(e)
    }
    assert (
        kinds == {"text", "label", "image", "like", "noise", "vector"} and len(examples()) == 20
    )


def test_explain_says_what_is_read(home: Home, capsys: Capture) -> None:
    text = "a (red:1.4) fox, xylophone | fog:-0.5 ^ a bear"
    assert main.main(["explain", text, *home.words()]) == 0
    out = capsys.readouterr().out
    assert out.startswith(prompts.prompts_to_text(prompts.parse_prompts(text)))
    assert "  scene 1: a (red ×1.4) fox, xylophone ×1\n" in out
    assert "reads, up to 75 tokens at a time:" in out
    assert "'red' ×1.4" in out and "split into pieces: xylophone = xy + lo + phone" in out
    assert not Path("outputs").exists()


def test_explain_shows_the_texts_of_a_label_and_the_pictures_of_a_like(
    home: Home, capsys: Capture
) -> None:
    pillow.new("RGB", (64, 32), "gold").save("hive.png")
    text = "label(bee):2 | like(hive.png):0.5"
    assert main.main(["explain", text, *home.words()]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{text}\n  label bee ×2\n  the whole of picture hive.png ×0.5\n")
    assert "note: hive.png is 64x32, and like( ) sees the middle of it, 32x32; @hive.png" in out
    texts = [template.format("bee") for template in prompt_embedding.LABEL_TEMPLATES]
    assert len(texts) == 7 and all(f" tokens  {each}\n" in f"{out}\n" for each in texts)
    assert main.main(["explain", text, "--json", *home.words()]) == 0
    told = lines(capsys.readouterr().out)
    label, like = [each for each in told if each["event"] == "wish"]
    assert (label["kind"], label["body"], label["pictures"]) == ("label", "bee", [])
    assert (like["kind"], like["pictures"]) == ("like", ["hive.png"])


def test_explain_for_scripts(home: Home, capsys: Capture) -> None:
    assert main.main(["explain", "a fox " * 60, "--json", *home.words()]) == 0
    *_, told = lines(capsys.readouterr().out)
    assert told["event"] == "reading" and told["perceptor"] == str(home.clip)
    assert [part["tokens"] for part in told["parts"]] == [75, 45]  # type: ignore[attr-defined]


def test_explain_wants_directions_that_are_there(home: Home, refused: Refusal) -> None:
    assert "no direction 'textof'; did you mean" in refused("explain", "vector(textof)")


def test_a_direction_is_made_and_used(home: Home, capsys: Capture) -> None:
    pillow.new("RGB", (40, 40), "gold").save("sun.png")
    words = ["direction", "a sunny day | @sun.png", "rain", "--name", "sunny"]
    assert main.main([*words, f"perceptors={home.clip}"]) == 0
    assert capsys.readouterr().out == "directions/sunny.json\n"
    made = json.loads(Path("directions/sunny.json").read_text())
    assert made["there"] == ["a sunny day", "@sun.png"] and made["lacking"] == ["rain"]
    assert [len(each) for each in made["vectors"].values()] == [32]
    assert main.main(["a fox | vector(sunny):0.5", *home.words("steps=1")]) == 0
    notes = provenance.read_provenance(Path(capsys.readouterr().out.strip()))
    assert "direction sunny" in notes.models


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a"], "write two arguments, what has it and what lacks it: vqclip direction"),
        (["a", "b"], "name the direction: vqclip direction A B --name sunny"),
        (["a", "b", "--name", "../x"], r"cannot be called '../x'"),
        (["a:2", "b", "--name", "x"], "is made of words and pictures without weights"),
        (["a", "@nil.png", "--name", "x"], "nil.png cannot be read (No such file or directory)"),
        (["a", "b", "--name", "x", "perceptors=nil"], "nil"),
    ],
)
def test_directions_that_cannot_be_made(
    home: Home, refused: Refusal, words: list[str], message: str
) -> None:
    assert message in refused("direction", *words)


def test_a_template_is_a_run_each(home: Home, capsys: Capture) -> None:
    words = ["a {red|blue} fox", "--json", "seed=3", *home.words("steps=1")]
    assert main.main(words) == 0
    told = lines(capsys.readouterr().out)
    assert [(e["number"], e["of"], e["prompts"]) for e in told if e["event"] == "variant"] == [
        (1, 2, "a red fox"),
        (2, 2, "a blue fox"),
    ]
    done = [Path(str(event["final"])) for event in told if event["event"] == "done"]
    assert [provenance.read_provenance(each).prompt for each in done] == [
        "a red fox",
        "a blue fox",
    ]


def test_a_file_of_prompts_is_a_run_each(home: Home, capsys: Capture) -> None:
    Path("list.txt").write_text("# two\na fox\n\na {hat|cap}\n")
    assert main.main(["list.txt", *home.words("steps=1")]) == 0
    made = sorted(path.name for path in Path("outputs").iterdir() if path.is_dir())
    assert made == ["0001-a-fox", "0002-a-hat", "0003-a-cap"]
    assert "2 of 3:" in capsys.readouterr().err


def test_all_prompts_are_read_before_the_first_is_drawn(home: Home, refused: Refusal) -> None:
    assert "names no part of a picture" in refused("{a|b in(tpo)}", *home.words())


def test_scenes_may_stand_in_a_run_file(home: Home) -> None:
    Path("run.yaml").write_text("scenes: [a fox, {a bear: 2}, [c, d]]\nsteps: 4\n")
    assert main.main(["run.yaml", *home.words("steps=4")]) == 0
    (folder,) = [path for path in Path("outputs").iterdir() if path.is_dir()]
    assert provenance.read_provenance(folder / "final.png").prompt == "a fox ^ a bear:2 ^ c | d"


def test_scenes_that_are_no_list_are_refused(home: Home, refused: Refusal) -> None:
    Path("run.yaml").write_text("scenes: a fox\n")
    assert "scenes must be a list with one prompt for each scene" in refused("run.yaml")
    Path("run.yaml").write_text("scenes: [a fox]\nprompts: b\n")
    assert "replaces prompts" in refused("run.yaml")


def test_what_to_avoid_has_an_option(home: Home, capsys: Capture) -> None:
    assert main.main(["a fox", "--negative", "fog:0.5 | rain", *home.words("steps=1")]) == 0
    out, err = capsys.readouterr()
    assert "fog ×-0.5 (stops at -1.23" in err and "rain ×-1 (stops" in err
    notes = provenance.read_provenance(Path(out.strip()))
    assert (notes.prompt, notes.config["negative"]) == ("a fox", "fog:0.5 | rain")


def test_a_later_variant_that_cannot_be_drawn_stops_the_first(
    home: Home, refused: Refusal
) -> None:
    assert "nil.png" in refused("{a fox|@nil.png}", *home.words())
    assert "is for 'nobody'" in refused("{a fox|a bear for(nobody)}", *home.words())


def test_a_missing_file_of_prompts_is_not_drawn(home: Home, refused: Refusal) -> None:
    Path("prompts.txt").write_text("a fox")
    said = refused("promts.txt", *home.words())
    assert "there is no file of prompts promts.txt; did you mean 'prompts.txt'?" in said


def test_huge_weights_are_refused(home: Home, refused: Refusal) -> None:
    weight = "1" + "0" * 400
    told = '{"subject": "a fox", "weight": %s}' % weight  # noqa: UP031
    assert "it must be a number, such as 1" in refused(told, *home.words())
    Path("run.yaml").write_text(f"prompts: {{a fox: {weight}}}\n")
    assert "it must be a number" in refused("run.yaml", *home.words())


def test_directions_want_a_folder(home: Home, refused: Refusal) -> None:
    Path("directions").write_text("")
    said = refused("direction", "sun", "rain", "--name", "sunny", f"perceptors={home.clip}")
    assert "directions is a file, and directions go into a folder" in said


def test_plan_and_explain_want_what_they_name(home: Home, refused: Refusal) -> None:
    assert "nil.png" in refused("explain", "@nil.png", *home.words())
    assert ("the word <my-cat> has not been learnt") in refused(
        "explain", "<my-cat>", *home.words()
    )
    assert "no direction 'nil'" in refused("plan", "a | vector(nil)", *home.words())


def test_a_template_can_be_planned_before_its_models_are_here(
    home: Home, capsys: Capture
) -> None:
    words = home.words("vqgan=imagenet_f16_16384", "size=64x64")
    assert main.main(["plan", "a {hat|cap}", "--json", *words]) == 0
    told = lines(capsys.readouterr().out)
    assert [len(each["downloads"]) for each in told] == [1, 1]  # type: ignore[arg-type]


def test_explain_for_scripts_tells_every_wish(home: Home, capsys: Capture) -> None:
    Path("photos").mkdir()
    for name in ("mask.png", "photos/b.jpg", "photos/a.jpg"):
        pillow.new("RGB", (32, 32), "white").save(name)
    text = (
        "fox in(mask.png):{0: 1, 2: 2} | fog in(-top left):-1 ^ @photos/*.jpg:0.5:2 "
        "| noise(7) | vector(textoff) | a moon in(top) up"
    )
    assert main.main(["explain", text, "--json", *home.words()]) == 0
    told = lines(capsys.readouterr().out)
    whole, wishes = told[0], [each for each in told if each["event"] == "wish"]
    assert whole["event"] == "understood" and len(whole["notes"]) == 1  # type: ignore[arg-type]
    assert whole["prompt"] == prompts.prompts_to_text(prompts.parse_prompts(text))
    assert [each["kind"] for each in wishes] == [
        *("text", "text", "image", "noise", "vector", "text")
    ]
    assert [each["scene"] for each in wishes] == [1, 1, 2, 2, 2, 2]
    fox, fog, photos, noise, vector, _ = wishes
    assert (fox["weight"], fox["schedule"]) == (None, "0: 1, 2: 2")
    assert fox["region"] == {
        **{"place": "mask.png", "outside": False, "box": None, "mask": "mask.png"}
    }
    assert fog["region"] == {
        **{"place": "top left", "outside": True, "box": [0, 0, 0.5, 0.5], "mask": None}
    }
    assert (fog["weight"], fog["stop"]) == (-1, pytest.approx(-1.2337, abs=1e-4))
    assert photos["pictures"] == ["photos/a.jpg", "photos/b.jpg"]
    assert (photos["weight"], photos["stop"], photos["region"]) == (0.5, 2, None)
    assert (noise["body"], vector["body"], vector["stop"]) == ("7", "textoff", None)


def test_modifiers_that_are_only_words_are_noted(home: Home, capsys: Capture) -> None:
    note = "note: in(top) is read as words, since it does not end its part; put it at the end"
    words = ["a moon in(top) shining", "negative=b for(x) c", *home.words("steps=1")]
    assert main.main(["explain", *words]) == 0
    assert note in capsys.readouterr().out
    assert main.main(["plan", *words]) == 0
    assert note in capsys.readouterr().out
    assert main.main(words) == 0
    err = capsys.readouterr().err
    assert note in err and "note: for(x) is read as words" in err


def test_templates_of_a_style_are_a_run_each(home: Home, capsys: Capture) -> None:
    words = ["a fox", "--negative", "{fog|rain}", "style={ink|oil} of {}", "--json"]
    assert main.main([*words, *home.words("steps=1")]) == 0
    told = [each for each in lines(capsys.readouterr().out) if each["event"] == "variant"]
    assert [(each["negative"], each["style"]) for each in told] == [
        *(
            ("fog", "ink of {}"),
            ("fog", "oil of {}"),
            ("rain", "ink of {}"),
            ("rain", "oil of {}"),
        )
    ]


def test_made_again_or_gone_on_with_there_is_one_run(home: Home, refused: Refusal) -> None:
    assert main.main(["a fox", *home.words("steps=1", "out=there")]) == 0
    (place,) = (each for each in Path("there").iterdir() if each.is_dir())
    for command in ("again", "resume"):
        said = refused(command, str(place), "negative={fog|rain}", "steps=2")
        assert "negative is '{fog|rain}', a template for several runs" in said
        assert "such as negative='fog'" in said
    assert "prompts is '{a|b}', a template" in refused("again", str(place), "prompts={a|b}")


def test_more_scenes_than_steps_are_refused_everywhere(home: Home, refused: Refusal) -> None:
    words = ["a ^ b ^ c", *home.words("steps=2")]
    for command in ([], ["plan"], ["explain"]):
        assert "has 3 scenes, and steps is 2, too few to show each" in refused(*command, *words)


@pytest.mark.parametrize("command", ["generate", "plan", "explain"])
def test_a_region_is_one_mask(home: Home, refused: Refusal, command: str) -> None:
    said = refused(command, "a fox in(-masks/*.png)", *home.words())
    assert "in(masks/*.png) stands for several pictures, and a region is a single mask" in said
    Path("masks.old").mkdir()
    assert "in(masks.old) is a folder, and" in refused(command, "a in(masks.old)", *home.words())


@pytest.mark.parametrize("command", ["generate", "plan", "explain"])
def test_a_mask_is_looked_at_before_the_run(
    home: Home, refused: Refusal, capsys: Capture, command: str
) -> None:
    pillow.new("RGBA", (8, 8), (255, 255, 255, 0)).save("clear.png")
    assert "in(clear.png) covers nothing of" in refused(command, "a in(clear.png)", *home.words())
    shape = pillow.new("RGBA", (8, 8), "black")
    shape.paste((255, 255, 255, 255), (0, 0, 4, 8))
    shape.putpixel((7, 7), (0, 0, 0, 0))
    shape.save("shape.png")
    capsys.readouterr()
    assert main.main([command, "a fox in(shape.png)", *home.words()]) == 0
    said = capsys.readouterr()
    assert "note: shape.png is partly transparent, so its opacity is" in said.out + said.err


def test_what_is_read_stands_on_a_line(home: Home, capsys: Capture) -> None:
    assert main.main(["explain", "a fox\n(fog\nbank:1.4)", *home.words()]) == 0
    out = capsys.readouterr().out
    assert " tokens  a fox fog bank\n" in out and "'fog bank' ×1.4" in out
