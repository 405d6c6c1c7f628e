"""Subcommands: what each prints and makes."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image as pillow
from PIL.PngImagePlugin import PngInfo

from tests.cli.test_output import plain, terminal
from tests.conftest import VQGAN, Home, Refusal
from vqclip.cli import main, prompt_arguments
from vqclip.config import presets
from vqclip.errors import ConfigError
from vqclip.models.zoo import download, model_files
from vqclip.run.record import provenance

Capture = pytest.CaptureFixture[str]
STRANGE = [
    "a # b",
    r"$\{x\} {",
    'say "hi" it\'s',
    "two\nlines",
    r"C:\x | ratio 16\:9",
    "@home",
    "狐",
]


def drawn(capsys: Capture, *words: str) -> Path:
    """Run quietly; give the picture."""
    capsys.readouterr()
    assert main.main([*words, "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return Path(out.strip())


def test_again_makes_the_same_bytes(home: Home, capsys: Capture) -> None:
    first = drawn(capsys, "a fox | fog:-0.5", *home.words("growth=[{size: 50%, steps: 1}]"))
    second = drawn(capsys, "again", str(first))
    third = drawn(capsys, "again", str(first.parent), "--out", "elsewhere")
    assert [path.parent.name for path in (first, second, third)] == [
        *("0001-a-fox", "0002-a-fox", "0001-a-fox")
    ]
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_again_changes_just_what_it_is_told(home: Home, capsys: Capture) -> None:
    first = drawn(capsys, "a fox", *home.words())
    second = drawn(capsys, "again", str(first), "steps=2", "cutouts.count=3")
    before, after = provenance.read_provenance(first), provenance.read_provenance(second)
    assert before.config["cutouts"] | {"count": 3} == after.config["cutouts"]
    assert before.config | {"steps": 2, "cutouts": after.config["cutouts"]} == after.config
    assert (before.seed, before.prompt, before.models) == (after.seed, after.prompt, after.models)
    third = drawn(capsys, "again", str(first), "prompts=a whale", "seed=9")
    assert (provenance.read_provenance(third).prompt, provenance.read_provenance(third).seed) == (
        "a whale",
        9,
    )


@pytest.mark.parametrize("prompt", STRANGE)
def test_prompts_survive_the_picture(prompt: str, home: Home, capsys: Capture) -> None:
    if prompt == "@home":
        pillow.new("RGB", (9, 9), "teal").save("home.png")
        prompt = "@home.png"
    first = drawn(capsys, prompt, *home.words("steps=1"))
    second = drawn(capsys, "again", str(first))
    assert provenance.read_provenance(second).prompt == prompt
    assert first.read_bytes() == second.read_bytes()


def test_again_says_when_the_models_have_changed(home: Home, capsys: Capture) -> None:
    first = drawn(capsys, "a fox", *home.words("steps=1"))
    notes = provenance.read_provenance(first)
    chunk = PngInfo()
    text = notes.to_json().replace(notes.models[VQGAN], "0" * 64)
    chunk.add_itxt("vqclip", text)
    pillow.new("RGB", (9, 9)).save("other.png", pnginfo=chunk)
    assert main.main(["again", "other.png"]) == 0
    warning = "note: these are not the models that made the picture, so it will differ\n"
    assert warning in capsys.readouterr().err
    assert main.main(["again", str(first)]) == 0
    assert warning not in capsys.readouterr().err


def test_again_refuses_what_it_cannot_replay(home: Home, refused: Refusal) -> None:
    notes = provenance.Provenance({"stepz": 3}, "a fox", 1, {}, {})
    Path("run.json").write_text(notes.to_json())
    assert refused("again", "run.json").startswith("the notes: there is no setting stepz; did")


def test_show_says_what_made_a_picture(home: Home, capsys: Capture) -> None:
    final = drawn(capsys, "a fox", *home.words("seed=3"))
    assert main.main(["show", str(final)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("prompt  a fox\nseed    3\n")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    for line in (
        ["vqgan", VQGAN],
        ["perceptors", str(home.clip)],
        ["cutouts.count", "4"],
        ["film.format", "none"],
        ["steps", "3"],
        [VQGAN, model_files.file_sha256(home.checkpoint)],
        ["torch", version("torch")],
    ):
        assert line in lines
    assert not any(line[:1] == ["cutouts.recipe"] for line in lines)  # that is the default
    assert main.main(["show", str(final.parent), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["event"], shown["prompt"], shown["config"]["steps"]) == (
        *("provenance", "a fox"),
        3,
    )


def test_again_finds_and_compares_the_pictures(
    home: Home, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow.new("RGB", (32, 32), "teal").save("start.png")
    pillow.new("RGB", (32, 32), "gold").save("wish.png")
    first = drawn(capsys, "@wish.png", *home.words("steps=1", "init=start.png"))
    notes = provenance.read_provenance(first)
    assert notes.models["picture wish.png"] == model_files.file_sha256(Path("wish.png"))
    assert notes.models["picture start.png"] == model_files.file_sha256(Path("start.png"))
    assert drawn(capsys, "again", str(first)).read_bytes() == first.read_bytes()
    # Pictures that lie beside the PNG are found from anywhere.
    for name in ("start.png", "wish.png"):
        Path(name).rename(first.parent / name)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for source in (tmp_path / first, (tmp_path / first).parent):
        second = drawn(capsys, "again", str(source))
        assert second.read_bytes() == (tmp_path / first).read_bytes()
    # One nearer is taken, and is another one.
    pillow.new("RGB", (32, 32), "white").save("start.png")
    assert main.main(["again", str(tmp_path / first)]) == 0
    err = capsys.readouterr().err
    assert "note: start.png has changed since; the picture will differ\n" in err
    assert "wish.png has changed" not in err and "not the models" not in err
    (tmp_path / first).with_name("wish.png").unlink()
    assert main.main(["again", str(tmp_path / first)]) == 2
    assert "error: wish.png cannot be read (No such file" in capsys.readouterr().err


def test_show_writes_growth_as_the_help_does(home: Home, capsys: Capture) -> None:
    growth = "growth=[{size: 50%, steps: 1}, {size: 75%, steps: 1}]"
    assert main.main(["show", str(drawn(capsys, "a fox", *home.words(growth)))]) == 0
    assert "50% × 1, 75% × 1\n" in capsys.readouterr().out


def test_show_of_defaults_only(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "run.json"
    path.write_text(provenance.Provenance({"steps": 90}, "a fox", 1, {}, {}).to_json())
    assert main.main(["show", str(path)]) == 0
    assert "settings that differ:\n  none\n" in capsys.readouterr().out


def test_plan_runs_nothing(home: Home, capsys: Capture) -> None:
    assert main.main(["plan", "a fox:2", *home.words()]) == 0
    out = capsys.readouterr().out
    assert "a fox ×2" in out
    assert ["steps", "3"] in [line.split() for line in out.splitlines()]
    assert main.main(["plan", "a fox", "--json", *home.words()]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["event"], plan["config"]["prompts"]) == ("plan", "a fox")
    assert not Path("outputs").exists()


def test_presets_are_listed_with_what_they_do(capsys: Capture) -> None:
    assert main.main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(presets.list_presets())
    assert main.main(["presets", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events == [
        {"event": "preset", "name": name, "about": about}
        for name, about in presets.list_presets().items()
    ]


def test_models_are_listed_imported_and_found(
    home: Home, capsys: Capture, tmp_path: Path
) -> None:
    assert main.main(["models", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["tiny", "own"] in [row[:2] for row in rows]
    assert ["sflckr", "net2net"] in [row[:2] for row in rows]
    assert ["ViT-B-32::openai", "clip", "605", "MB"] in [row[:4] for row in rows]
    assert rows[0] == ["name", "kind", "size", "where", "licence", "about"]
    sflckr = next(row for row in rows if row[:1] == ["sflckr"])
    assert "none stated for the weights" in " ".join(sflckr)
    assert main.main(["models", "list", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(
        list(event) == ["event", "name", "kind", "bytes", "licence", "where", "about"]
        and event["event"] == "model"
        for event in events
    )
    assert ["starter", "clip"] in [[event["name"], event["kind"]] for event in events]
    assert main.main(["models", "where", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "event": "folder",
        "path": str(home.path / "models"),
    }
    assert main.main(["models", "where", "tiny", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["name"], event["where"]) == ("model", "tiny", "cached")
    assert event["path"] == str(home.path / "models/tiny/weights.ckpt")
    assert main.main(["models", "where"]) == 0
    assert capsys.readouterr().out == f"{home.path / 'models'}\n"
    assert main.main(["models", "where", "tiny"]) == 0
    assert capsys.readouterr().out == f"{home.path / 'models/tiny/weights.ckpt'}\n"


def test_importing_a_model(home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQCLIP_HOME", "new")
    files = [str(home.checkpoint), "--config", str(home.config)]
    assert main.main(["models", "import", *files, "--name", "mine"]) == 0
    out, err = capsys.readouterr()
    assert out == "new/models/mine/weights.ckpt\n"
    assert err == "imported as mine: vqgan=mine\n"
    drawn(capsys, "a fox", *home.words("vqgan=mine", "steps=1"))
    assert main.main(["models", "fetch", "mine"]) == 0  # here already
    assert capsys.readouterr().out == "new/models/mine/weights.ckpt\n"
    assert main.main(["models", "import", *files, "--name", "second", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert (event["name"], event["path"]) == ("second", "new/models/second/weights.ckpt")
    assert main.main(["models", "fetch", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["licence"] == "not known to vqclip"


def test_fetching_says_how_large_a_model_is_and_shows_a_bar(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, progress: download.Progress, say: object) -> Path:
        progress(1_000_000, 4_000_000)
        progress(3_000_000, 4_000_000)
        return Path("cache", name)

    monkeypatch.setattr(download, "fetch_model", fetch)
    assert main.main(["models", "fetch", "sflckr"]) == 0
    out, err = capsys.readouterr()
    assert out == "cache/sflckr\n"
    assert err.startswith("sflckr: 4.3 GB, licence: none stated") and len(err.splitlines()) == 1
    stream = terminal(monkeypatch)
    assert main.main(["models", "fetch", "sflckr"]) == 0
    assert "3.0 MB of 4.0 MB" in plain(stream.getvalue())


def test_fetching_a_perceptor(
    home: Home, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("vqclip.models.clip.fetch_clip", fetched.append)
    monkeypatch.setattr(
        "vqclip.models.clip.is_absent", lambda name: model_files.MissingModel(name, 605_000_000)
    )
    assert main.main(["models", "fetch", "ViT-B-32::openai"]) == 0
    assert fetched == ["ViT-B-32::openai"]
    name = "ViT-B-32::openai"
    assert capsys.readouterr().err == f"{name}: 605 MB\n{name} is here: perceptors={name}\n"
    for name, size in (("ViT-B-32::openai", 605_000_000), ("ViT-H-14::other", 605_000_000)):
        assert main.main(["models", "fetch", name, "--json"]) == 0
        event = json.loads(capsys.readouterr().out)
        assert (event["event"], event["name"], event["where"]) == ("model", name, "cached")
        assert (event["kind"], event["bytes"]) == ("clip", size)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch"], "vqclip models fetch needs a name (see vqclip models list)"),
        (["import"], "vqclip models import needs a name (see vqclip models list)"),
        (["import", "x.ckpt"], "write: vqclip models import FILE --config YAML --name NAME"),
        (["where", "tinny"], "no model is called 'tinny'; did you mean 'tiny'"),
        (["fetch", "sflkcr"], "no model to fetch is called 'sflkcr'; did you mean 'sflckr'"),
        (
            ["import", "no.ckpt", "--config", "no.yaml", "--name", "x"],
            "the config no.yaml cannot",
        ),
    ],
)
def test_models_says_what_it_lacks(
    words: list[str], message: str, home: Home, refused: Refusal
) -> None:
    assert refused("models", *words).startswith(message)


def test_settings_are_told_from_the_prompt() -> None:
    words = ["steps=3", "a fox = b", "cutouts.count=2"]
    assert prompt_arguments.split_prompt(words) == ("a fox = b", ["steps=3", "cutouts.count=2"])
    assert prompt_arguments.split_prompt(["1=2", "x=1"]) == ("1=2", ["x=1"])
    assert prompt_arguments.split_prompt([]) == (None, [])
    physics = "E=mc2 on a blackboard"
    assert prompt_arguments.split_prompt([physics, "steps=3"]) == (physics, ["steps=3"])
    assert prompt_arguments.split_prompt(["steps=3", physics]) == (physics, ["steps=3"])
    assert prompt_arguments.split_prompt(["E=mc2"]) == (None, ["E=mc2"])
    for setting in ("style=in oil", "cutouts.count=2 ", "film=a b", "prompts=a fox"):
        assert prompt_arguments.split_prompt([setting]) == (None, [setting])
    # Beside a prompt, it is a setting that was mistyped.
    assert prompt_arguments.split_prompt(["a fox", "stile=in oil"]) == ("a fox", ["stile=in oil"])
    with pytest.raises(ConfigError, match="'a' and 'fox' are separate words"):
        prompt_arguments.split_prompt(["a", "fox", "steps=3"])


def test_diff_says_what_is_not_the_same(home: Home, capsys: Capture) -> None:
    first = drawn(capsys, "a fox", *home.words())
    second = drawn(capsys, "again", str(first), "steps=2", "seed=9", "prompts=a whale")
    assert main.main(["diff", str(first), str(second)]) == 0
    shown = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        ["", str(first), str(second)],
        ["prompt", "a fox", "a whale"],
        ["seed", str(provenance.read_provenance(first).seed), "9"],
        ["setting steps", "3", "2"],
    ]


def test_diff_of_equal_notes(home: Home, capsys: Capture) -> None:
    first = drawn(capsys, "a fox", *home.words())
    second = drawn(capsys, "again", str(first))
    assert main.main(["diff", str(first.parent), str(second)]) == 0
    assert capsys.readouterr().out.startswith("made in the same way")


def test_diff_of_models_versions_and_changes(home: Home, capsys: Capture) -> None:
    run = drawn(capsys, "a fox", *home.words()).parent
    notes = json.loads((run / "run.json").read_text(encoding="utf-8"))
    notes["models"] = {"another": "ab" * 32}
    notes["versions"]["torch"] = "1.0"
    notes["changes"] = [{"step": 1, "settings": {"prompts": "a cat", "losses.edges": 1}}]
    del notes["config"]["steps"]
    Path("other.json").write_text(json.dumps(notes), encoding="utf-8")
    models = provenance.read_provenance(run).models
    assert main.main(["diff", str(run), "other.json", "--json"]) == 0
    event = json.loads(capsys.readouterr().out)
    told = {(each["kind"], each["name"]): each for each in event["differences"]}
    assert told[("setting", "steps")]["second"] == "not noted"
    assert told[("version", "torch")]["second"] == "1.0"
    assert told[("model", "another")]["second"] == "ab" * 32
    assert {name for kind, name in told if kind == "model"} == {*models, "another"}
    assert told[("changes", "changes")]["first"] == []
    assert main.main(["show", "other.json"]) == 0
    told = "changed during the run: up to step 1 it was prompts=a cat, losses.edges=1\n"
    assert told in capsys.readouterr().out
    assert main.main(["diff", str(run), "other.json"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"changes\s+none\s+prompts, losses.edges at step 1\n", out)
    assert re.search(r"model another\s+not noted\s+abababababab\n", out)


def test_diff_with_something_else(home: Home, refused: Refusal) -> None:
    Path("plain.txt").write_text("no picture", encoding="utf-8")
    assert "plain.txt is not a PNG" in refused("diff", "plain.txt", "plain.txt")
