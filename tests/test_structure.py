"""What holds for the repository as a whole: its layers, its README, its packaging."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vqclip
from tests import readme
from vqclip import asking, cli, presets
from vqclip.errors import VqclipError
from vqclip.options import parser_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "vqclip"
LONGEST = 320  # lines of a file; one that grows beyond has two responsibilities
PLAIN_WORDS = (
    "errors folders prompts shapes config checks beginnings presets requirements "
    "models.layout models.catalogue models.download "
    "models.zoo models.needs pictures gallery sound screen shelf looking judging finding "
    "commands cli"
)


def files(folder: Path) -> list[Path]:
    """The files below a folder, paths from there, but for what tools leave behind."""
    found = (p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file())
    return [p for p in found if not any(n[0] == "." or n == "__pycache__" for n in p.parts)]


def sources(folder: Path) -> list[Path]:
    return [path for path in files(folder) if path.suffix == ".py"]


def imports(path: Path) -> Iterator[str]:
    """The modules of vqclip that `path`, from vqclip/, imports anywhere, as such paths."""

    def module(dotted: str) -> str | None:
        place = "/".join(dotted.split(".")[1:])
        for found in (f"{place}.py", f"{place}/__init__.py".lstrip("/")):
            if (PACKAGE / found).is_file():
                return found
        return None

    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = ["vqclip", *path.parts[:-1]][: len(path.parts) + 1 - node.level]
            parts = [*(home if node.level else []), *([node.module] if node.module else [])]
            # What is imported is a module itself (`from vqclip import losses`) or in one.
            names = [
                inner if module(inner := ".".join([*parts, alias.name])) else ".".join(parts)
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "vqclip":
                found = module(name)
                assert found is not None, f"{path} imports {name}, which does not exist"
                yield found


def text() -> str:
    return readme.README.read_text(encoding="utf-8")


def test_reading_order_names_every_module_once() -> None:
    order = readme.reading_order(text())
    modules = [p.as_posix() for p in sources(PACKAGE) if p.name != "__init__.py"]
    assert sorted(order) == sorted(modules)


@pytest.mark.parametrize("path", sources(PACKAGE), ids=str)
def test_a_module_imports_only_modules_above_it(path: Path) -> None:
    # The doors of the packages import nothing, so that whoever comes through finds no circle;
    # vqclip's own names come on first use.
    found = sorted({each for each in imports(path) if each != "__init__.py"})
    if path.name == "__init__.py":
        assert found == [] or path == Path("__init__.py"), f"{path} imports {found}"
        return
    order = readme.reading_order(text())
    assert path.as_posix() in order, f'{path} does not stand under "Reading the code"'
    above = order[: order.index(path.as_posix())]
    assert [each for each in found if each not in above] == [], f"{path} reaches below itself"


def test_the_package_imports_nothing_before_it_is_asked() -> None:
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "vqclip" not in ast.unparse(node)


def test_the_finder_of_imports_sees_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        from __future__ import annotations
        import os, vqclip.alpha
        from vqclip import __version__, beta
        from vqclip.inner.gamma import a_name
        from . import delta
        from ..beta import a_name
        if TYPE_CHECKING:
            from vqclip.inner import epsilon
        def function():
            from vqclip import inner
    """
    (tmp_path / "inner").mkdir()
    for name in ("alpha", "beta", "inner/gamma", "inner/delta", "inner/epsilon"):
        (tmp_path / f"{name}.py").touch()
    for name in ("__init__.py", "inner/__init__.py"):
        (tmp_path / name).touch()
    lines = [line.removeprefix(" " * 8) for line in code.splitlines()]
    (tmp_path / "inner" / "this.py").write_text("\n".join(lines))
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert sorted(imports(Path("inner/this.py"))) == [
        *("__init__.py", "alpha.py", "beta.py", "beta.py"),
        *("inner/__init__.py", "inner/delta.py", "inner/epsilon.py", "inner/gamma.py"),
    ]


@pytest.mark.parametrize("path", sources(PACKAGE), ids=str)
def test_files_are_short(path: Path) -> None:
    assert len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_plain_words_do_not_import_torch() -> None:
    modules = ", ".join(f"vqclip.{name}" for name in PLAIN_WORDS.split())
    heavy = ("torch", "open_clip", "kornia", "taming", "torchvision")
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_the_version_is_the_newest_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?v?([\w.+-]+)", changelog, re.MULTILINE)
    assert newest is not None and newest[1] == vqclip.__version__


def test_the_readme_has_command_lines() -> None:
    assert len(readme.command_lines(text())) >= 2


@pytest.mark.parametrize(
    "words", readme.command_lines(text()) if readme.README.is_file() else [], ids=" ".join
)
def test_command_lines_in_the_readme_can_be_typed(words: list[str]) -> None:
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
    name, rest = cli._command(words)
    options = parser_of(name, cli.abouts()).parse_intermixed_args(rest)
    if name in ("generate", "plan"):
        # A run file or a preset of the reader's own is not here to be read.
        own = (".yaml", ".yml")
        options.preset = [p for p in ",".join(options.preset).split(",") if not p.endswith(own)]
        asking.configs(options)
    elif name == "again":
        picture, overrides = asking.parted(options.words)
        assert picture is not None
        presets.load("a fox", overrides=asking.short(options) + overrides)


def test_the_readme_shows_the_settings_as_they_are() -> None:
    assert readme.rewritten(text()) == text(), "run: python -m tests.readme"


def test_the_table_of_settings_is_a_table() -> None:
    lines = readme.settings().splitlines()
    assert lines[1] == "| --- | --- | --- |"
    assert {len(re.split(r"(?<!\\)\|", line)) for line in lines} == {5}
    assert "| `steps` | `200` | how often the latent moves; from a dream: 60 |" in lines
    axis = next(line for line in lines if line.startswith("| `losses.axis`"))
    assert axis.endswith("(horizontal, vertical) |")
    assert any(r"fractal\|gradient" in line for line in lines)


@pytest.mark.parametrize("marks", ["", readme.BEGIN + "\n", f"{readme.END}\n{readme.BEGIN}\n"])
def test_a_readme_without_its_markers_is_refused(marks: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        readme.rewritten(f"# vqclip\n{marks}")


def test_the_readme_is_read_as_it_is_meant() -> None:
    page = (
        "# x\n```sh\nvqclip 'a | b' --seed 7  # seven\npip install vqclip\n"
        "python run.py a \\\n    steps=3\n```\nvqclip not fenced\n"
        "  ```\n  vqclip presets\n  ```\n"
        "\n## Reading the code\n1. `errors.py` — words\n- `models/zoo.py` — models; see `x.py`\n"
        "\n## Next\n- `late.py`\n"
    )
    assert readme.command_lines(page) == [
        *(["a | b", "--seed", "7"], ["a", "steps=3"], ["presets"])
    ]
    assert readme.reading_order(page) == ["errors.py", "models/zoo.py"]


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
    pages = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
    for page in (*pages, "vqclip/models/starter/MODEL_CARD.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert "@@" not in text
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).is_file(), target
