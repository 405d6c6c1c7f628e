"""Loading of settings: the order of the layers, and what each refuses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqclip.config import presets
from vqclip.config.loading import load_config, load_configs
from vqclip.config.loss_settings import LossSettings
from vqclip.config.schema import RunConfig, Stage
from vqclip.config.setting_descriptions import to_dict
from vqclip.config.sizes import plan_stages
from vqclip.errors import ConfigError, PromptError, VqclipError
from vqclip.language.prompt_types import Prompt
from vqclip.language.prompts import parse_prompts, parse_with_negative

STRANGE = [
    *("a # b", "${x}", "${oc.env:HOME}", "{", "{}", 'say "hello"', "it's", "two\nlines"),
    *(
        r"C:\x.png",
        r"\${x}",
        "- a",
        "a: b",
        "???",
        "null",
        "off",
        "%",
        "key=value",
        "\ttab",
        "é狐",
    ),
]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a YAML file into the current folder; give its name."""
    monkeypatch.chdir(tmp_path)

    def file(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return file


@pytest.mark.parametrize("name", presets.list_presets())
def test_every_preset_loads_and_says_what_it_is(name: str) -> None:
    run = load_config("a fox", name)
    assert run.prompts == "a fox"
    assert plan_stages(run, 16)
    assert run != load_config("a fox") or name in ("starter", "square")
    assert presets.list_presets()[name].endswith(".")


def test_the_default_is_the_starter_preset() -> None:
    assert load_config("a fox", "starter") == load_config("a fox")


GROWN = [("64", "40%"), ("128", "25%")]  # what suits random codes of the starter


def test_without_anything_there_are_the_defaults() -> None:
    suited = {"growth": [Stage(*GROWN[0]), Stage(*GROWN[1])], "losses": LossSettings(edges=3.0)}
    wanted = RunConfig(init="random", drawer="vqgan", **suited)  # type: ignore[arg-type]
    assert load_config() == wanted


@pytest.mark.parametrize(
    ("prompt", "settings", "start"),
    [
        ("a fox | fog:-1", {}, "dream"),
        ("fog:-1 | @photo.png", {}, "random"),  # no words to make a draft from
        ("", {}, "random"),
        ("a fox", {"vqgan": "mine"}, "random"),
        ("a fox", {"vqgan": "mine", "init": "dream"}, "dream"),
        ("a fox", {"init": "random"}, "random"),
        ("a fox", {"init": "photo.png"}, "photo.png"),
    ],
)
def test_a_run_starts_from_a_draft_where_it_can(
    prompt: str, settings: dict[str, str], start: str
) -> None:
    run, usual = load_config(prompt, **settings), RunConfig()
    from_codes = start == "random" and "vqgan" not in settings
    growth = [Stage(*each) for each in GROWN] if from_codes else usual.growth
    finished = "vqgan" not in settings  # by the pyramid, which takes more steps
    suited = (200, growth, 0.3, 0)
    if start == "dream":
        suited = (90, [], 0.1, 8) if finished else (60, [], 0.1, 3)
    drawer = "vqgan,pyramid" if start == "dream" and finished else "vqgan"
    assert run.drawer == drawer
    assert run.init == start
    assert (run.steps, run.growth, run.optimiser.rate, run.losses.init) == suited


def test_what_suits_a_draft_lies_below_everything_else(write: Any) -> None:
    run = load_config("a fox", write("mine.yaml", "steps: 7"), overrides=["optimiser.rate=0.2"])
    assert (run.init, run.steps, run.growth, run.optimiser.rate) == ("dream", 7, [], 0.2)
    assert load_config(base=dataclasses.asdict(run) | {"steps": 9}).steps == 9
    grown = load_config("a fox", overrides=["growth=[{size: 50%, steps: 1}]"])
    assert grown.growth == [Stage("50%", "1")]


def test_later_layers_win_and_earlier_ones_remain(write: Any) -> None:
    one = write("one.yaml", "steps: 1\nseed: 1\nsize: 32x32\nstyle: one\ncutouts: {count: 1}")
    two = write("two.yaml", "steps: 2\nseed: 2\nsize: 48x48\nlosses: {smoothness: 2}")
    mine = write("mine.yml", "steps: 3\nseed: 3\nprompts: from the file\ncutouts: {noise: 0}")
    run = load_config(
        preset=f"{one}, {two}", file=mine, overrides=["steps=4", "cutouts.recipe=disco"]
    )
    assert (run.steps, run.seed, run.size, run.style) == (4, 3, "48x48", "one")
    assert (run.cutouts.count, run.cutouts.noise, run.cutouts.recipe) == (1, 0, "disco")
    assert run.losses.smoothness == 2
    assert run.prompts == "from the file"
    assert load_config(preset=[two, one]).seed == 1  # the order counts
    run = load_config("mine", file=mine, overrides=["steps=4", "steps=5"], seed=6)
    assert (run.prompts, run.steps, run.seed) == ("mine", 5, 6)


def test_what_is_extended_comes_first(write: Any, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    write("inner/base.yaml", "extends: draft\nsteps: 7\nseed: 1")  # a name, beside…
    write("inner/more.yaml", "extends: [ink, base.yaml]\nseed: 2")  # …files beside the file
    run = load_config("a fox", "inner/more.yaml")
    assert (run.size, run.steps, run.seed) == ("128x128", 7, 2)
    assert run.style == load_config("a fox", "ink").style


def test_overrides_may_be_a_mapping() -> None:
    given_by_user = {"cutouts": {"count": 3}, "cutouts.noise": 0.5, "steps": 9}
    run = load_config("a fox", overrides=given_by_user)
    assert (run.cutouts.count, run.cutouts.noise, run.steps) == (3, 0.5, 9)
    assert given_by_user["cutouts"] == {"count": 3}


def test_overrides_are_read_by_the_kind_of_the_setting() -> None:
    run = load_config(
        overrides=[
            *("size=64x64", "seed=null", "perceptors=a, b", "growth=[{size: 32x32, steps: 4}]"),
            *("losses.colours=#fff, teal", "style=${x} # {}", "init=off", "aspect=16:9"),
        ]
    )
    assert (run.size, run.seed, run.perceptors) == ("64x64", None, ["a", "b"])
    assert run.growth == [Stage("32x32", "4")]
    assert (run.losses.colours, run.style) == ("#fff, teal", "${x} # {}")
    assert (run.init, run.aspect) == ("off", "16:9")
    assert load_config(overrides=["growth="]).growth == []
    assert load_config(overrides=['perceptors=["a,b"]']).perceptors == ["a,b"]


@pytest.mark.parametrize("prompt", STRANGE)
def test_prompts_survive_every_way_in(prompt: str, write: Any) -> None:
    import yaml

    file = write("art.yaml", yaml.safe_dump({"prompts": prompt, "steps": 3}))
    assert load_config(prompt).prompts == prompt
    assert load_config(file=file).prompts == prompt
    assert load_config(overrides=[f"prompts={prompt}"]).prompts == prompt
    assert load_config(overrides={"prompts": prompt}).prompts == prompt
    assert load_config(base=to_dict(load_config(prompt))).prompts == prompt


@settings(max_examples=25, deadline=None)
@given(st.text())
def test_prompts_and_styles_survive_the_notes(text: str) -> None:
    style = text.replace("{}", "")
    run = load_config(text, style=style if style != "???" else "")
    assert run.prompts == text
    assert load_config(base=to_dict(run)) == run


def test_settings_never_look_things_up(monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    run = load_config("a fox", write("a.yaml", "style: ${oc.env:SECRET}\ninit: '${size}'"))
    assert (run.style, run.init) == ("${oc.env:SECRET}", "${size}")


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("prompts: a fox:2 | fog:-0.5", (Prompt("a fox", 2), Prompt("fog", -0.5))),
        ("prompts:\n- a fox:2\n- fog", (Prompt("a fox", 2), Prompt("fog"))),
        ("prompts: {a fox: 2, fog: -0.5}", (Prompt("a fox", 2), Prompt("fog", -0.5))),
        (
            "prompts:\n- 'ratio 16:9': 2\n- a|b: 1\n- '@x.png': 0.3",
            (Prompt("ratio 16:9", 2), Prompt("a|b"), Prompt("x.png", 0.3, kind="image")),
        ),
    ],
)
def test_a_run_file_may_structure_its_prompts(
    text: str, wishes: tuple[Prompt, ...], write: Any
) -> None:
    assert parse_prompts(load_config(file=write("art.yaml", text)).prompts) == wishes


def test_no_prompts_is_an_empty_prompt(write: Any) -> None:
    assert load_config(file=write("art.yaml", "prompts:\nsteps: 3")).prompts == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompts: {a fox: big}", "art.yaml, line 1: a fox has the weight 'big'; it must be"),
        ("prompts: {text: a fox, weight: 2}", "art.yaml, line 1: text has the weight 'a fox'"),
        ("prompts: {a fox: true}", "art.yaml, line 1: a fox has the weight 'true'"),
        ("prompts:\n- {a fox: [2]}", "art.yaml, line 2: a fox has a list as weight; it must"),
        ("stepz: 3", "art.yaml: there is no setting stepz; did you mean 'steps'"),
        (
            "count: 3",
            "art.yaml: there is no setting count; did you mean 'cutouts.count' or 'dream",
        ),
        ("cutouts: {cuont: 3}", "art.yaml: there is no setting cutouts.cuont; did you mean"),
        ("cutouts: 3", "art.yaml: cutouts is '3', but it is a group of .* cutouts.count: 16"),
        (
            "growth: [{siz: 50%}]",
            "art.yaml: there is no setting growth.0..siz; did you mean 'growth.0..size'",
        ),
        (
            "growth: [50%]",
            "art.yaml: growth.0. is '50%'; write a list such as ..size: 25%, steps: 60%..",
        ),
        ("growth: [{size: }]", "art.yaml: growth.0..size is empty; it must be text, such as 50%"),
        ("growth: 5", "art.yaml: growth is '5'; write a list such as"),
        ("steps: many", "art.yaml: steps is 'many'; it must be a whole number, such as 200"),
        ("steps: 10.5", "art.yaml: steps is 10.5; it must be a whole number, such as 200"),
        ("steps: true", "art.yaml: steps is 'true'; it must be a whole number, such as 200"),
        ("steps:", "art.yaml: steps is empty; it must be a whole number, such as 200"),
        ("style:", "art.yaml: style is empty; it must be text$"),
        (
            "seed: x",
            "art.yaml: seed is 'x'; it must be a whole number or null, or a walk between two",
        ),
        ("losses: {edges: x}", "losses.edges: 'x' uses 'x', which is not a known name"),
        (
            "losses: {edges: []}",
            r"art.yaml: losses.edges is \[\]; it must be a number or a sch",
        ),
        ("perceptors: a", r"art.yaml: perceptors is 'a'; it must be a list, such as \[starter\]"),
        ("perceptors: [[a]]", "art.yaml: perceptors is ..'a'..; it must be a list, such as"),
        ("film: none", r"art.yaml: film is 'none', .*; did you mean film.format: none\?"),
        ("preset: ink", r"art.yaml: there is no setting preset; .* \(in a file: extends: ink"),
        ('style: "???"', r"art.yaml: style is '\?\?\?'; write a value, or"),
        ("cutouts:\n\tcount: 3", "art.yaml, line 2: a tab; YAML is indented with"),
        ("steps: 3\nsteps: 4", "art.yaml, line 2: steps is given twice; remove one of them"),
        ("film:\n  fps: 3\n  fps: 4", "art.yaml, line 3: fps is given twice"),
        ("growth: [{size: 50%, size: 40%}]", "art.yaml, line 1: size is given twice"),
        ("prompts: {a fox: 1, a fox: 2}", "art.yaml, line 1: a fox is given twice"),
        ("growth: &a [*a]", "art.yaml, line 1: a part that contains itself; write it out"),
        ("growth: " + "[" * 1000 + "]" * 1000, "art.yaml: lists are nested too deeply"),
        ("extends: {a: 5}", "art.yaml: extends is no name; it must be a preset's name, or a"),
        ("extends:", "art.yaml: extends is empty; it must be a preset's name"),
        ("extends: nromal", "no preset is called 'nromal'; did you mean 'normal'"),
    ],
)
def test_a_run_file_that_cannot_be_used_is_refused_in_words(
    text: str, message: str, write: Any
) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        load_config(file=write("art.yaml", text))


def test_weights_in_a_structure_are_finite(write: Any) -> None:
    with pytest.raises(PromptError, match="the weight nan of 'a fox' must be a finite number"):
        load_config(file=write("art.yaml", "prompts: {a fox: .nan}"))


@pytest.mark.parametrize("text", ["# only a comment\n", "", "---\n"])
def test_an_empty_file_changes_nothing(text: str, write: Any) -> None:
    assert load_config(preset=write("none.yaml", text)) == load_config()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stepz=3", "the command line: there is no setting stepz; did you mean 'steps'"),
        ("cutouts.cuont=3", "the command line: there is no setting cutouts.cuont"),
        (
            "cutouts.count.x=3",
            "the command line: cutouts.count: the schedule's keyframe 'x: 3' cannot be",
        ),
        (
            "cutouts.count=2.5",
            "the command line: cutouts.count is '2.5'; it must be a whole number or a sch",
        ),
        ("cutouts.noise=0: 0, 9: 2", "cutouts.noise, '0: 0, 9: 2', is 2; it must be 1 or less"),
        (
            "optimiser.rate=1 + sinn(t)",
            "the command line: optimiser.rate: .* did you mean 'sin'.*help schedules",
        ),
        ("optimiser.rate=1 + lowe", "optimiser.rate: .* did you mean 'low'"),
        ("cutouts=3", "the command line: cutouts is '3', .* write such as cutouts.count=16"),
        ("steps=", "the command line: steps is empty; it must be a whole number"),
        ("steps=[", r"the command line: steps is '\['; it must be a whole number"),
        ("growth=[", r"growth=, line 1: a bracket is not closed: \["),
        ("steps", "'steps' is not a setting; write key=value, such as steps=100"),
        ("=3", "'=3' is not a setting; write key=value"),
        ("film=none", "the command line: film is 'none', .*; did you mean film.format=none"),
        ("preset=ink", "the command line: there is no setting preset; did you mean --preset ink"),
        ("steps=-5", "steps is -5; it must be 1 or more"),
        (
            "losses.smoothness=nan",
            "the command line: losses.smoothness: the expression 'nan' holds nan, which is",
        ),
    ],
)
def test_an_override_that_cannot_be_used_is_refused_in_words(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        load_config("a fox", overrides=[override])


def test_unknown_arguments_and_notes_are_refused_too() -> None:
    with pytest.raises(ConfigError, match=r"^the arguments: there is no setting stepz; did you"):
        load_config("a fox", stepz=3)
    with pytest.raises(ConfigError, match=r"^the overrides: there is no setting stepz; did you"):
        load_config("a fox", overrides={"stepz": 3})
    with pytest.raises(ConfigError, match=r"^the notes: there is no setting stepz; did you mean"):
        load_config("a fox", base={"stepz": 3})


@pytest.mark.parametrize("door", ["preset", "file"])
def test_circles_are_refused(door: str, write: Any, tmp_path: Path) -> None:
    write("one.yaml", "extends: two.yaml")
    write("two.yaml", f"extends: ../{tmp_path.name}/one.yaml")
    message = "one.yaml extends itself: one.yaml → two.yaml → one.yaml; remove one"
    with pytest.raises(ConfigError, match=message):
        load_config("a fox", **{door: "one.yaml"})
    with pytest.raises(ConfigError, match=r"self.yaml extends itself: self.yaml → self.yaml"):
        load_config("a fox", write("self.yaml", "extends: self.yaml"))


def test_the_same_ancestor_twice_is_no_circle(write: Any) -> None:
    write("base.yaml", "steps: 3")
    write("left.yaml", "extends: base.yaml")
    assert load_config(preset=write("all.yaml", "extends: [left.yaml, base.yaml]")).steps == 3


def test_a_preset_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"no preset is called 'drat'; did you mean 'draft'\? \("
    ):
        load_config("a fox", "drat")
    with pytest.raises(ConfigError, match=r"no preset is called '../configs/draft'"):
        load_config("a fox", "../configs/draft")


def test_files_that_cannot_be_read(write: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^none.yaml cannot be read \(No such file or directory\); check"
    ):
        load_config(preset="none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match=r"bytes.yaml is not UTF-8 text; save it as UTF-8"):
        load_config(preset="bytes.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(
        ConfigError, match=r"^folder.yaml cannot be read \(Is a directory\); check the name"
    ):
        load_config(file="folder.yaml")
    with pytest.raises(
        ConfigError, match=r"^x{60}… cannot be read \(File name too long\); check"
    ):
        load_config(preset="x" * 5000 + ".yaml")


def test_values_of_the_wrong_kind_from_python_are_refused_in_words() -> None:
    match = r"^the arguments: size is \(64, 64, 3\); it must be text, such as 256x256$"
    with pytest.raises(ConfigError, match=match):
        load_config("a fox", size=(64, 64, 3))
    assert load_config("a fox", growth=[Stage("50%", "2")]).growth == [Stage("50%", "2")]


@dataclass(frozen=True)
class Inner:
    width: int = 1


@dataclass(frozen=True)
class Recipe:
    steps: int = 5
    name: str = "plain"
    inner: Inner = field(default_factory=Inner)


def test_other_schemas_are_read_the_same_way(write: Any) -> None:
    path = Path(write("recipe.yaml", "steps: 6\ninner: {width: 2}"))
    assert presets.read_settings(Recipe, path, ["name=a # b"]) == Recipe(6, "a # b", Inner(2))
    assert presets.read_settings(Recipe, None, []) == Recipe()


def test_a_file_that_is_installed_elsewhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has its presets in `vqclip.configs`; a checkout has them beside it."""
    from importlib import resources

    def absent(package: str) -> Any:
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(resources, "files", absent)
    assert {"starter", "draft", "normal"} <= set(presets.list_presets())


def test_a_run_file_extends_several_presets_as_the_option_names_them(write: Any) -> None:
    file = write("art.yaml", "prompts: a fox\nextends: draft, ink")
    assert dataclasses.replace(load_config(file=file), assets="") == load_config(
        "a fox", "draft,ink"
    )


@pytest.mark.parametrize(
    ("yaml", "wanted"),
    [
        ("negative: fog:0.5", "fog:0.5"),
        ("negative: [fog, 'rain:2']", "fog | rain:2"),
        ("negative: {fog: 0.5, rain: 2}", "fog:0.5 | rain:2"),
        ("negative: {subject: a fox, style: ink}", "a fox, ink sentence(A fox, in the style of"),
        ("negative:", ""),
    ],
)
def test_what_to_avoid_has_the_shapes_of_prompts(yaml: str, wanted: str, write: Any) -> None:
    file = write("art.yaml", f"prompts: a bear\n{yaml}")
    for found in (
        load_config(file=file),
        *load_configs(file=file),
        load_config(preset=str(file)),
    ):
        assert found.negative.startswith(wanted) and bool(found.negative) == bool(wanted)
        assert parse_with_negative(found.prompts, found.negative)
    assert load_config("a bear", negative=["fog", "rain"]).negative == "fog | rain"


def test_what_to_avoid_is_refused_by_its_line(write: Any) -> None:
    with pytest.raises(ConfigError, match=r"^art.yaml, line 1: fog has the weight 'big'"):
        load_config(file=write("art.yaml", "negative: {fog: big}"))


def test_templates_stand_in_what_to_avoid_and_in_a_style() -> None:
    words = ["negative={fog|}", "style={ink of {}|{} in oil}"]
    found = load_configs("a {fox|bear}", overrides=words)
    assert [(each.prompts, each.negative, each.style) for each in found] == [
        (prompt, negative, style)
        for prompt in ("a fox", "a bear")
        for negative in ("fog", "")
        for style in ("ink of {}", "{} in oil")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["{a|b|}"],
            r"the prompt is empty; .* \(it is one of the 3 that '\{a\|b\|\}' stands for",
        ),
        (["{a|} | fog"], r"part 1 of ' \| fog' is empty; .*one of the 2 that '\{a\|\} \| fog'"),
        (["a", "negative=b | {c|}"], r"part 2 of 'b \| ' is empty.*2 that 'b \| \{c\|\}' stands"),
        (
            ["{a|b}" * 6, "negative={c|d}", "style=" + "{e|f}" * 4],
            "style make 2048 runs; at m",
        ),
        (["a", "style={nil.txt} {}"], "the prompts in nil.txt cannot be read"),
    ],
)
def test_templates_that_stand_for_no_runs_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(VqclipError, match=message):
        load_configs(words[0], overrides=words[1:])


@pytest.mark.parametrize("key", ["prompts", "negative", "style"])
def test_one_run_takes_no_templates(key: str) -> None:
    base = to_dict(RunConfig(prompts="a fox", style="{old|older} {}", init="random"))
    message = (
        rf"^the command line: {key} is '\{{red\|blue\}} ink', a template for several runs, "
        rf"but this is one run; write out the one you mean, such as {key}='red ink', or "
    )
    with pytest.raises(ConfigError, match=message):
        load_config(base=base, overrides=[f"{key}={{red|blue}} ink"])
    assert (
        load_config(base=base).style == "{old|older} {}"
    )  # what is noted is no template any more
    literal = rf"\{{red|blue\}} {key}"
    assert getattr(load_config(base=base, overrides=[f"{key}={literal}"]), key) == literal


def test_one_run_takes_no_template_of_a_style() -> None:
    with pytest.raises(ConfigError, match=r"^the arguments: style is '\{ink\|oil\}', a template"):
        load_config("a fox", style="{ink|oil}")


def test_scenes_in_a_run_file_may_have_lengths(tmp_path: Path) -> None:
    path = tmp_path / "art.yaml"
    path.write_text(
        "scenes:\n- {prompts: a fox, for: 2s}\n- {an owl: 2, fog: -1, for: 24}\n"
        "- [a bear, a bee]\n"
        "- {subject: a hen, appearance: {fur: red}, for: 30%}\n"
    )
    found = load_config(file=path).prompts
    assert found.startswith(
        "a fox | lasting(2s) ^ an owl:2 | fog:-1 | lasting(24) ^ a bear | a bee"
    )
    lengths = {
        wish.scene: wish.scene_length for wish in parse_prompts(found) if wish.scene_length
    }
    assert {scene: each.to_text for scene, each in lengths.items()} == {
        0: "2s",
        1: "24",
        3: "30%",
    }
    path.write_text("scenes: [{prompts: a fox, for: ages}, a bear]")
    with pytest.raises(
        ConfigError, match=r"art.yaml: scenes: for: 'ages' is not a length; write fr"
    ):
        load_config(file=path)


def test_settings_that_may_change_are_kept_in_canonical_words(tmp_path: Path) -> None:
    path = tmp_path / "art.yaml"
    path.write_text(
        "prompts: a fox\noptimiser: {rate: {0: 0.3, 75%: .03 hold}}\ncutouts: {noise: null}"
    )
    found = load_config(file=path, overrides=["losses.edges=1+t", "cutouts.count={0:4,9:  8}"])
    assert (found.optimiser.rate, found.cutouts.noise) == ("0: 0.3, 75%: 0.03 hold", None)
    assert (found.losses.edges, found.cutouts.count) == ("1 + t", "0: 4, 9: 8")
    plain = load_config("a fox", overrides=["cutouts.count=8.0", "optimiser.rate=1e-1"])
    assert (plain.cutouts.count, plain.optimiser.rate) == (8, 0.1)
    assert isinstance(plain.cutouts.count, int)
    nothing = load_config("a fox", overrides=["optimiser.rate=null", "cutouts.noise="])
    assert (nothing.optimiser.rate, nothing.cutouts.noise) == (None, None)


def test_who_speaks_last_says_how_long_an_animation_is(tmp_path: Path) -> None:
    def long(**given: Any) -> int:
        return load_config("a fox", **given).frames

    music = {"preset": "music"}  # which says length: 10
    assert (long(**music), long(**music, frames=9), long(**music, length=1.0)) == (120, 9, 12)
    assert long(preset="zoom-in", overrides=["length=2"]) == 24
    assert long(preset="zoom-in,music") == 120 and long(preset="music,zoom-in") == 60
    base = to_dict(load_config("a fox", frames=30))
    assert long(base=base, overrides=["length=1"]) == 12
    assert long(base=base) == 30
    own = tmp_path / "own.yaml"
    own.write_text("extends: music\nframes: 7")
    assert long(file=own) == 7
    for both in ({"overrides": ["frames=9", "length=2"]}, {"frames": 9, "length": 2.0}):
        with pytest.raises(
            ConfigError, match=r"frames=9 and length=2\S* both say how long .* out"
        ):
            long(**both)


def test_what_was_loaded_before_leaves_no_trace() -> None:
    """The defaults are prepared once; each load takes a copy of them, also one that fails."""
    before = load_config("a fox")
    changed = load_config("a fox", overrides=["steps=3", "cutouts.count=9", "growth=[]"])
    changed.perceptors.append("mine")
    with pytest.raises(ConfigError):
        load_config("a fox", overrides=["steps=5", "cutouts.count=four"])
    assert load_config("a fox") == before != changed
