"""The command line as a shell sees it: exit codes, streams, and bad input answered in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as pillow

from tests.conftest import Home
from vqclip import optimisation_loop, session
from vqclip.cli import main, output
from vqclip.cli.options import CommonOptions
from vqclip.config import loading
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import ConfigError, OutputError
from vqclip.optimisation_loop import Step
from vqclip.run import runner
from vqclip.run.record import provenance

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def python(*words: str, cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Start a Python as a shell would."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "VQCLIP_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def pixels(path: Path) -> bytes:
    with pillow.open(path) as picture:
        return picture.tobytes()


def test_a_run_prints_its_picture_and_leaves_its_folder(home: Home, capsys: Capture) -> None:
    words = home.words("seed=3", "previews=2", "film.format=gif")
    assert main.main(["a red fox", *words]) == 0
    out, err = capsys.readouterr()
    folder = Path("outputs/0001-a-red-fox")
    assert out == f"{folder}/final.png\n"
    for line in (
        "  a red fox ×1",
        "seed 3, 32x32, on cpu in fp32, into outputs/0001-a-red-fox",
        "done in",
    ):
        assert line in err
    assert sorted(path.name for path in folder.iterdir()) == [
        *("checkpoint.safetensors", "film.gif", "final.png", "log.jsonl", "run.json", "steps")
    ]
    assert [path.name for path in sorted((folder / "steps").iterdir())] == [
        *("00000.png", "00002.png")
    ]
    notes = json.loads((folder / "run.json").read_text())
    assert (notes["prompt"], notes["seed"], notes["config"]["steps"]) == ("a red fox", 3, 3)
    assert notes["command"] == ["vqclip", "a red fox", *words]
    assert provenance.read_provenance(folder / "final.png").seed == 3


def test_a_second_run_has_a_folder_of_its_own(home: Home, capsys: Capture) -> None:
    for number in (1, 2):
        assert main.main(["a fox", "--out", "mine", "--quiet", *home.words("steps=1")]) == 0
        assert capsys.readouterr() == (f"mine/000{number}-a-fox/final.png\n", "")


def test_json_is_one_object_a_line(home: Home, capsys: Capture) -> None:
    words = home.words("seed=3", "film.format=frames")
    assert main.main(["a fox:2 | fog:-0.5", "--json", *words]) == 0
    start, *steps, done = map(json.loads, capsys.readouterr().out.splitlines())
    folder = "outputs/0001-a-fox"
    assert start == {
        **{"event": "start", "run": folder, "from_step": 0, "steps": 3, "seed": 3},
        **{"size": [32, 32], "prompts": "a fox:2 | fog:-0.5"},
        **{"device": "cpu", "precision": "fp32"},
    }
    assert [(step["event"], step["step"]) for step in steps] == [("step", i) for i in range(3)]
    assert all(set(step["losses"]) == {"a fox", "fog"} for step in steps)
    assert done.pop("seconds") >= 0
    film = dict.fromkeys(("film", "frames"), f"{folder}/frames")
    assert done == {"event": "done", "run": folder, "final": f"{folder}/final.png", **film}
    assert len(list(Path(folder, "frames").iterdir())) == 3


def test_json_errors_are_objects_too(home: Home, capsys: Capture) -> None:
    assert main.main(["a fox", "--json", "stepz=3"]) == 2
    out, err = capsys.readouterr()
    (error,) = map(json.loads, out.splitlines())
    assert error["event"] == "error"
    assert err == f"error: {error['message']}\n"
    assert main.main(["--json", "--sieze", "3"]) == 2  # even where the options cannot be read
    assert json.loads(capsys.readouterr().out)["event"] == "error"


def test_nothing_cheap_imports_torch(tmp_path: Path) -> None:
    """In one fresh interpreter, since this one has torch already."""
    pillow.new("RGB", (9, 9)).save(tmp_path / "alien.png")
    script = """
import sys
from vqclip.cli.main import main
for words in (
    ["--help"], ["again", "--help"], ["plan", "--help"], ["--version"], ["presets"],
    ["models", "list"], ["models", "where"], ["a fox", "stepz=3"], ["a fox", "--sieze", "3"],
    ["a fox", "--preset", "normal"], ["a fox", "steps=-1"], ["a", "fox"], [""], ["a:nan"],
    ["show", "alien.png"], ["again", "alien.png"], ["a fox", "--init", "no.png"],
    ["a fox", "--out", "alien.png"], ["@no.png"],
    ["classify", "no*.png", "--labels", "a | b"], ["classify", "alien.png", "--labels", "a"],
    ["score", "alien.png"], ["search", "alien.png", "a fox"], ["search", "gone", "a fox"],
):
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    heavy = [name for name in ("torch", "numpy", "open_clip", "kornia") if name in sys.modules]
    print("CODE", code, words, heavy, file=sys.stderr)
"""
    done = python("-c", script, cwd=tmp_path, home=tmp_path)
    codes = [line for line in done.stderr.splitlines() if line.startswith("CODE")]
    assert len(codes) == 24, done.stderr
    assert all(line.endswith("[]") for line in codes), codes
    assert [line.split()[1] for line in codes] == ["0"] * 7 + ["2"] * 17
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", [name for name in main.COMMANDS if name != "generate"])
def test_every_command_has_help_of_its_own(name: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main.main([name, "--help"])
    out = capsys.readouterr().out
    assert f"usage: vqclip {name}" in out
    assert main.COMMANDS[name].about in " ".join(out.split())


def test_help_of_dream_lists_its_settings(capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main.main(["dream", "--help"])
    out = capsys.readouterr().out
    dreamt = [setting for setting in describe_settings() if setting.key.startswith("dream.")]
    assert dreamt and all(f"  {s.key}={s.default} " in out for s in dreamt)
    assert "--size" in out


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        (["a fox"], "generate", ["a fox"]),
        (["generate", "train"], "generate", ["train"]),
        (["train", "own_vqgan"], "train", ["own_vqgan"]),
        (["trains"], "generate", ["trains"]),
        (["classify", "a.png"], "classify", ["a.png"]),
        (["generate", "classify"], "generate", ["classify"]),
        (["--json", "score", "a.png"], "score", ["--json", "a.png"]),
        (["search", "photos"], "search", ["photos"]),
        (["a search"], "generate", ["a search"]),
        (["show", "x.png"], "show", ["x.png"]),
        (["--json", "show", "x.png"], "show", ["--json", "x.png"]),
        (["a fox", "show"], "generate", ["a fox", "show"]),
        (["--out", "plan", "a fox"], "generate", ["--out", "plan", "a fox"]),
        (["--preset", "presets"], "generate", ["--preset", "presets"]),
        ([], "generate", []),
    ],
)
def test_the_first_word_may_be_a_command(words: list[str], name: str, rest: list[str]) -> None:
    assert main._command(words) == (name, rest)


def test_the_name_of_a_command_can_be_drawn(home: Home, capsys: Capture) -> None:
    for word in ("train", "classify", "art.yaml"):
        assert main.main(["generate", word, "--quiet", *home.words("steps=1")]) == 0
        assert capsys.readouterr().out.endswith(f"-{word.replace('.', '-')}/final.png\n")


def test_options_are_other_words_for_settings(home: Home, capsys: Capture) -> None:
    Path("mine.yaml").write_text("losses: {smoothness: 2}")
    pillow.new("RGB", (9, 9), "teal").save("start.png")
    options = ["--size", "48x32", "--steps", "2", "--seed", "5", "--init", "start.png"]
    options += ["--out", "mine", "--preset", "mine.yaml,neon", "--film", "--quiet"]
    taken = ("size", "steps", "film.format", "losses.smoothness")
    words = [w for w in home.words() if w.split("=")[0] not in taken]
    assert main.main([*options, "a fox", *words]) == 0
    folder = Path(capsys.readouterr().out.strip()).parent
    notes = provenance.read_provenance(folder)
    assert folder.parent == Path("mine") and (folder / "film.mp4").is_file()
    assert (notes.seed, notes.config["size"], notes.config["steps"]) == (5, "48x32", 2)
    assert notes.config["init"] == "start.png"
    assert notes.config["losses"]["smoothness"] == 2
    assert notes.config["losses"]["saturation"] == 0.5
    with pillow.open(folder / "final.png") as picture:
        assert picture.size == (48, 32)


def test_a_film_may_be_of_another_kind(home: Home, capsys: Capture) -> None:
    words = [w for w in home.words("steps=1") if not w.startswith("film")]
    assert main.main(["a fox", "--film", "--quiet", *words, "film.format=webp"]) == 0
    assert Path("outputs/0001-a-fox/film.webp").is_file()
    assert not Path("outputs/0001-a-fox/film.mp4").exists()


def test_ten_thousand_characters_are_drawn(home: Home, capsys: Capture) -> None:
    prompt = ("a fox in the fog, " * 600)[:10_000]
    assert main.main([prompt, "--json", *home.words("steps=1")]) == 0
    out, err = capsys.readouterr()
    done = json.loads(out.splitlines()[-1])
    assert done["run"] == "outputs/0001-a-fox-in-the-fog-a-fox-in-the-fog-a-fox"
    assert " + 72 + 72 + " in err  # read in parts, all of it
    assert provenance.read_provenance(Path(done["final"])).prompt == prompt


def generating(monkeypatch: Patch, error: BaseException, frames: Path | None = None) -> None:
    """Let two steps pass, wait until both frames lie in a folder, if one is given, then fail."""
    generate = optimisation_loop.generate

    def broken(*arguments: Any) -> Iterator[Step]:
        for step in generate(*arguments):
            yield step
            if step.index == 1:
                until = time.monotonic() + 30
                while frames and len([*frames.glob("*.png")]) < 2 and time.monotonic() < until:
                    time.sleep(0.01)
                raise error

    monkeypatch.setattr(runner, "generate", broken)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_asks_once_gets_everything_put_away(
    home: Home, capsys: Capture, monkeypatch: Patch, number: int
) -> None:
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        event(self, name, **values)
        if values.get("step") == 0 and name == "step":
            os.kill(os.getpid(), number)

    monkeypatch.setattr(output.Console, "event", asking)
    before = signal.getsignal(number)
    assert main.main(["a fox", "--json", *home.words("film.format=mp4")]) == 128 + number
    assert signal.getsignal(number) is before
    out, err = capsys.readouterr()
    folder = Path("outputs/0001-a-fox")
    *_, stopped, last = map(json.loads, out.splitlines())
    assert stopped == {"event": "stopped", "run": str(folder), "step": 1}
    message = f"interrupted; what was written so far is in {folder}"
    assert last == {"event": "error", "message": message}
    assert f"stopped after step 1 of 3, and saved; to continue: vqclip resume {folder}\n" in err
    assert err.endswith(f"error: {message}\n")
    assert (folder / "film.mp4").stat().st_size > 500
    assert not list(folder.glob("*.part*"))
    assert not (folder / "final.png").exists()
    notes = json.loads((folder / "run.json").read_text())
    assert notes["finished"] is None and notes["seconds"] > 0
    assert len((folder / "log.jsonl").read_text().splitlines()) == 1


def test_who_asks_twice_stops_it_now(home: Home, capsys: Capture, monkeypatch: Patch) -> None:
    folder = Path("outputs/0001-a-fox")
    frames = folder / "film.frames"

    # A busy machine writes frames late, and they are dropped once somebody asks twice.
    generating(monkeypatch, KeyboardInterrupt(), frames)
    assert main.main(["a fox", "--json", *home.words("film.format=mp4")]) == 130
    assert sorted(path.name for path in folder.iterdir()) == [
        *("film.frames", "log.jsonl", "run.json", "steps")
    ]
    assert len(list(frames.iterdir())) == 2


def test_asking_during_the_last_step_changes_nothing(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        if values.get("step") == 2:
            os.kill(os.getpid(), signal.SIGINT)
        event(self, name, **values)

    monkeypatch.setattr(output.Console, "event", asking)
    assert main.main(["a fox", "--json", *home.words()]) == 0
    assert Path("outputs/0001-a-fox/final.png").is_file()


def test_asking_during_the_last_step_of_one_of_several_prompts_begins_no_other(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    event = output.Console.event

    def asking(self: Any, name: str, **values: Any) -> None:
        if values.get("step") == 0:
            os.kill(os.getpid(), signal.SIGINT)
        event(self, name, **values)

    monkeypatch.setattr(output.Console, "event", asking)
    assert main.main(["a {red|blue} fox", "--json", *home.words("steps=1")]) == 130
    assert [each.parent.name for each in Path("outputs").glob("*/final.png")] == [
        "0001-a-red-fox"
    ]
    assert len(list(Path("outputs").iterdir())) == 1
    out, err = capsys.readouterr()
    assert "stopped after 1 of 2\n" in err
    assert [json.loads(line)["event"] for line in out.splitlines()[-2:]] == ["done", "error"]


def test_an_interrupt_while_a_step_is_shown_closes_the_film_too(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    event = output.Console.event

    def interrupted(self: Any, name: str, **values: Any) -> None:
        if values.get("step") == 1:
            raise KeyboardInterrupt
        event(self, name, **values)

    monkeypatch.setattr(output.Console, "event", interrupted)
    assert main.main(["a fox", "--json", *home.words("film.format=gif")]) == 130
    assert Path("outputs/0001-a-fox/film.gif").is_file()
    assert not Path("outputs/0001-a-fox/final.png").exists()


def test_an_interrupt_before_anything_began(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "build_runner", interrupted)
    assert main.main(["a fox", *home.words()]) == 130
    assert capsys.readouterr().err.endswith("\nerror: interrupted\n")
    assert not Path("outputs").exists()


def test_what_fails_after_the_start_is_exit_code_one(
    home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    generating(monkeypatch, OutputError("the disk is full; free some space"))
    assert main.main(["a fox", "--quiet", *home.words()]) == 1
    assert capsys.readouterr() == ("", "error: the disk is full; free some space\n")
    assert not Path("outputs/0001-a-fox/final.png").exists()


OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})
LESS = "error: not enough memory for 32x32; a smaller --size needs less"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA: 2 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 5 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"),
        RuntimeError(
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
        ),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
    ids=lambda error: str(error)[:20],
)
def test_too_little_memory_is_said_in_words(
    error: Exception, home: Home, capsys: Capture, monkeypatch: Patch
) -> None:
    def build(*_: Any) -> None:
        raise error

    monkeypatch.setattr(session, "build_runner", build)
    assert main.main(["a fox", "--quiet", *home.words()]) == 1
    assert capsys.readouterr().err == f"{LESS}\n"


def test_too_little_memory_without_a_run(capsys: Capture, monkeypatch: Patch) -> None:
    def listing(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setitem(main.COMMANDS, "presets", main.Command(listing, CommonOptions))
    assert main.main(["presets"]) == 1
    assert capsys.readouterr().err.startswith("error: not enough memory; close other programs")


def test_a_mistake_of_ours_is_owned(home: Home, capsys: Capture, monkeypatch: Patch) -> None:
    generating(monkeypatch, ZeroDivisionError("by nought"))
    assert main.main(["a fox", "--quiet", *home.words()]) == 1
    assert capsys.readouterr().err == (
        "error: this is a bug in vqclip, not a mistake of yours: ZeroDivisionError: by nought "
        "(run it again with --debug for the details to report)\n"
    )
    with pytest.raises(ZeroDivisionError):
        main.main(["a fox", "--quiet", "--debug", *home.words()])
    with pytest.raises(ConfigError):
        main.main(["a fox", "--debug", "stepz=3"])


def test_a_reader_that_has_gone_is_no_mistake(monkeypatch: Patch) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setitem(main.COMMANDS, "presets", main.Command(gone, CommonOptions))
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # main replaces it; put it back afterwards
    assert main.main(["presets"]) == 1
    sys.stdout.close()


def test_a_run_file_draws_the_pixels_of_its_command_line_through_both_doors(
    home: Home, tmp_path: Path, capsys: Capture
) -> None:
    words = home.words("seed=3", "precision=fp32")
    plain = dict(word.split("=") for word in words)
    lines = [f"{key}: {value}" for key, value in plain.items() if "." not in key]
    lines += ["prompts: a fox:2 | fog:-0.5", "cutouts: {count: 4}", "film: {format: none}"]
    lines += ["losses: {smoothness: 0, distinct: 0}"]
    lines[lines.index(f"perceptors: {home.clip}")] = f"perceptors: [{home.clip}]"
    Path("art.yaml").write_text("\n".join(lines))
    assert main.main(["a fox:2 | fog:-0.5", "--quiet", *words]) == 0
    assert main.main(["art.yaml", "--quiet"]) == 0
    assert main.main(["art.yaml", "--quiet", "seed=4"]) == 0
    one, two, other = (Path(line) for line in capsys.readouterr().out.splitlines())
    assert one.read_bytes() == two.read_bytes()
    assert pixels(other) != pixels(one)
    done = python(str(ROOT / "run.py"), "art.yaml", "--json", cwd=tmp_path, home=home.path)
    assert done.returncode == 0, done.stderr
    final = Path(json.loads(done.stdout.splitlines()[-1])["final"])
    assert pixels(final) == pixels(one)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "10000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_threads_that_wait_leave_the_cores_to_others(
    given: dict[str, str], wanted: str | None, monkeypatch: Patch, capsys: Capture
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "before")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert main.main(["presets"]) == 0  # somebody else's process
    assert os.environ.get("GOMP_SPINCOUNT") == given.get("GOMP_SPINCOUNT")
    monkeypatch.setattr(sys, "argv", ["vqclip", "presets"])
    assert main.main() == 0
    assert os.environ.get("GOMP_SPINCOUNT") == wanted


def test_memory_that_a_draft_lacks_is_not_blamed_on_a_step() -> None:
    progress = output.Progress(config=loading.load_config("a fox", overrides=["init=dream"]))
    assert main._less_memory(progress).endswith(" or init=random needs less")
    progress.started = True
    assert "even with one cutout at a time" in main._less_memory(progress)
    assert "init=random" not in main._less_memory(progress)
