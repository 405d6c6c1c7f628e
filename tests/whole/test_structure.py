"""The structure of the repository: modules, pages and packaging."""

from __future__ import annotations

import ast
import configparser
import dataclasses
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import vqclip
from tests.helpers import readme
from vqclip.cli import main, prompt_arguments
from vqclip.cli.options import read_options
from vqclip.cli.parser import parser_of
from vqclip.config import loading
from vqclip.config.setting_descriptions import describe_settings
from vqclip.errors import VqclipError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vqclip"
LONGEST = 400  # lines of a file; one that grows beyond has two responsibilities
MOST_MODULES = 13  # of a folder
PLAIN_WORDS = (  # modules that `--help`, the presets and all refusals before a run need
    "errors language.assets language.prompts config.presets config.schema "
    "config.setting_descriptions config.checking.setting_checks config.auto_settings "
    "config.loading run.preflight run.frame_plan run.retake models.vqgan_config "
    "models.zoo.catalogue models.zoo.download models.zoo.model_files media.paths "
    "media.audio.features cli.output cli.image_arguments cli.parser cli.main "
    "cli.commands.classify cli.commands.search cli.commands.models cli.commands.show "
    "web.server web.studio web.prompt_reading web.animation_preview"
)


def files(folder: Path) -> list[Path]:
    """The files below a folder, paths from there, but for what tools leave behind."""
    found = (p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file())
    return [p for p in found if not any(n[0] == "." or n == "__pycache__" for n in p.parts)]


def sources(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix == ".py"]


def text() -> str:
    return readme.README.read_text(encoding="utf-8")


def settings() -> str:
    return readme.SETTINGS.read_text(encoding="utf-8")


def test_the_package_imports_nothing_before_it_is_asked() -> None:
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "vqclip" not in ast.unparse(node)


@pytest.mark.parametrize("path", sources(PACKAGE), ids=str)
def test_files_are_short(path: Path) -> None:
    assert len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) <= LONGEST


def folders_of_modules() -> list[Path]:
    return sorted({path.parent for path in sources(PACKAGE)})


@pytest.mark.parametrize("folder", folders_of_modules(), ids=str)
def test_a_package_has_a_map_of_its_modules(folder: Path) -> None:
    here = [path for path in sources(PACKAGE) if path.parent == folder]
    names = {path.stem for path in here} - {"__init__", "__main__"}
    assert len(names) <= MOST_MODULES
    if folder == Path("."):
        packages = {p.parts[0] for p in sources(PACKAGE) if len(p.parts) > 1}
        assert len(here) <= 9 and len(packages) <= 13  # eleven, the command line and the page
        return
    tree = ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8"))
    assert len(tree.body) == 1, f"{folder}/__init__.py holds more than its docstring"
    docstring = ast.get_docstring(tree) or ""
    listed = re.findall(r"^    (\w+)  ", docstring, re.MULTILINE)
    assert sorted(listed) == sorted(names)
    door = re.search(r"^Begin with `(\w+)`", docstring, re.MULTILINE)
    assert door is not None and door[1] in names


def test_the_median_module_is_neither_scrap_nor_wall() -> None:
    modules = [PACKAGE / path for path in sources(PACKAGE) if path.name != "__init__.py"]
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in modules]
    assert 80 <= statistics.median(lines) <= 250


def test_plain_words_do_not_import_torch() -> None:
    modules = ", ".join(f"vqclip.{name}" for name in PLAIN_WORDS.split())
    heavy = ("torch", "open_clip", "kornia", "taming", "torchvision", "av", "imageio")
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_the_version_is_the_newest_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?v?([\w.+-]+)", changelog, re.MULTILINE)
    assert newest is not None and newest[1] == vqclip.__version__


def test_the_readme_has_command_lines() -> None:
    assert len(readme.command_lines(text())) >= 2


@pytest.mark.parametrize("words", readme.commands(), ids=" ".join)
def test_command_lines_of_the_readme_and_the_documentation_can_be_typed(words: list[str]) -> None:
    try:
        understand(words)
    except SystemExit as done:  # of --help and --version
        assert done.code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["a fox", "--stepz", "3"], "no option --stepz; did you mean '--steps'"),
        (["a fox", "--preset", "inc"], "no preset is called 'inc'"),
        (["a fox", "stepz=3"], "no setting stepz"),
        (["a fox", "steps=0"], "steps is 0"),
        (["a", "fox"], "put the prompt in quotes"),
        (["again", "final.png", "stepz=3"], "no setting stepz"),
        (["models", "lift"], "no action of vqclip models is called 'lift'"),
    ],
)
def test_command_lines_that_cannot_be_typed_are_found(words: list[str], complaint: str) -> None:
    with pytest.raises(VqclipError, match=re.escape(complaint)):
        understand(words)


def understand(words: list[str]) -> None:
    """Read a command line as far as it goes without a model or a picture."""
    name, rest = main._command(words)
    namespace = parser_of(name, main.abouts()).parse_intermixed_args(rest)
    options = read_options(main.COMMANDS[name].options, namespace)
    if name in ("generate", "plan", "animate"):
        # A run file or a preset of the reader's own is not here to be read.
        own = (".yaml", ".yml")
        preset = [p for p in ",".join(options.preset).split(",") if not p.endswith(own)]
        options = dataclasses.replace(options, preset=preset)
        if not any(word.endswith((*own, ".txt", ".json")) for word in rest):
            prompt_arguments.read_configs(options)
    elif name == "again":
        picture, overrides = prompt_arguments.split_prompt(options.words)
        assert picture is not None
        loading.load_config("a fox", overrides=options.overrides() + overrides)


def test_the_documentation_shows_the_settings_as_they_are() -> None:
    assert readme.rewritten(settings()) == settings(), "run: python -m tests.helpers.readme"


def test_the_tables_of_settings_are_tables() -> None:
    told = readme.settings().splitlines()
    lines = [line for line in told if line.startswith("|")]
    assert lines[1] == "| --- | --- | --- | --- |"
    assert {len(re.split(r"(?<!\\)\|", line)) for line in lines} == {6}
    steps = (
        "| `steps` | `200` | number of steps; from a draft 90, by a VQGAN 60, a composition 35 | "
        "[whole number or s](#units) |"
    )
    assert steps in lines
    axis = next(line for line in lines if line.startswith("| `losses.axis`"))
    assert axis.endswith("| `horizontal`, `vertical` |")
    assert any(r"fractal\|gradient" in line for line in lines)


def test_every_setting_has_a_row_of_its_own_below_its_group() -> None:
    group, found = "", []
    for line in readme.settings().splitlines():
        group = line.removeprefix("## ") if line.startswith("## ") else group
        if row := re.match(r"\| `([\w.]+)` \|", line):
            found.append(row[1])
            assert row[1].startswith(f"{group}.") or (group, "." in row[1]) == (
                readme.PLAIN,
                False,
            )
    assert sorted(found) == sorted(each.key for each in describe_settings())


@pytest.mark.parametrize("marks", ["", readme.BEGIN + "\n", f"{readme.END}\n{readme.BEGIN}\n"])
def test_a_page_without_its_markers_is_refused(marks: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        readme.rewritten(f"# vqclip\n{marks}")


def test_the_readme_is_read_as_it_is_meant() -> None:
    page = (
        "# x\n```sh\nvqclip 'a | b' --seed 7  # seven\npip install vqclip\n"
        "python run.py a \\\n    steps=3\n```\nvqclip not fenced\n"
        "  ```\n  vqclip presets\n  ```\n"
    )
    assert readme.command_lines(page) == [
        *(["a | b", "--seed", "7"], ["a", "steps=3"], ["presets"])
    ]


@pytest.fixture
def packaging() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def home(package: str, packaging: configparser.ConfigParser) -> Path:
    """The folder of a package, which `package_dir` may put elsewhere."""
    moved = dict(
        re.split(r"\s*=\s*", line)
        for line in packaging["options"]["package_dir"].strip().splitlines()
    )
    return ROOT / moved.get(package, package.replace(".", "/"))


def test_all_packages_are_packaged(packaging: configparser.ConfigParser) -> None:
    folders = {Path("vqclip", path).parent for path in sources(PACKAGE)}
    listed = packaging["options"]["packages"].split()
    assert sorted(listed) == sorted([*(".".join(f.parts) for f in folders), "vqclip.configs"])
    for folder in folders:
        assert (ROOT / folder / "__init__.py").is_file(), f"{folder} has no __init__.py"
    assert home("vqclip.configs", packaging) == ROOT / "configs"


def test_all_data_files_are_packaged(packaging: configparser.ConfigParser) -> None:
    wanted = {
        folder / path
        for folder in (PACKAGE, ROOT / "configs")
        for path in files(folder)
        if path.suffix != ".py"
    }
    packed: set[Path] = set()
    for package, patterns in packaging["options.package_data"].items():
        for pattern in patterns.split():
            found = {p for p in home(package, packaging).glob(pattern) if p.is_file()}
            assert found, f"package_data of {package}: {pattern} matches nothing"
            packed |= found
    assert wanted - packed == set(), "not covered by package_data in setup.cfg"


def test_no_placeholder_is_left_and_every_picture_is_there() -> None:
    card = PACKAGE / "models" / "starter" / "MODEL_CARD.md"
    pages = [*readme.pages(), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", card]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "@@" not in text, page
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
            assert page.parent.joinpath(target).is_file(), f"{page}: {target}"
        for target in re.findall(r"(?<!!)\[[^]]*\]\(([^)#:]+)[^):]*\)", text):
            assert page.parent.joinpath(target).is_file(), f"{page}: {target}"


def defaults_of_search_paths(source: str) -> list[str]:
    """The parameters and fields whose type is a search path and that have a default."""
    found: list[tuple[str, ast.expr | None]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
            found += [(ast.unparse(f.target), f.annotation) for f in fields if f.value]
        if isinstance(node, ast.arguments):
            given = [*node.posonlyargs, *node.args]
            given = given[len(given) - len(node.defaults) :]
            given += [a for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d]
            found += [(each.arg, each.annotation) for each in given]
    return [name for name, hint in found if hint and "SearchPath" in ast.unparse(hint)]


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b: SearchPath = HERE): ...",
        "def f(a, *, b: 'assets.SearchPath | None' = None): ...",
        "class A:\n    b: SearchPath = HERE",
    ],
)
def test_a_default_of_a_search_path_is_noticed(source: str) -> None:
    assert defaults_of_search_paths(source) == ["b"]


@pytest.mark.parametrize("path", sources(PACKAGE), ids=str)
def test_no_search_path_can_be_forgotten(path: Path) -> None:
    assert defaults_of_search_paths((PACKAGE / path).read_text(encoding="utf-8")) == []
