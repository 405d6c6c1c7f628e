"""Deferred imports: when the real module comes, and what a run never imports."""

import gc
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vqclip.models.libraries import deferred_imports
from vqclip.models.libraries.deferred_imports import StandIn, defer_imports, pause_collection

HEAVY = """
class Thing:
    size = 3
    def __init__(self, name="plain"):
        self.name = name

class Other:
    pass
"""


@pytest.fixture
def heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package `heavy`, whose `Thing` is deferred, and that of its module `part`."""
    folder = tmp_path / "heavy"
    folder.mkdir()
    (folder / "__init__.py").write_text(HEAVY)
    (folder / "part.py").write_text("from heavy import Thing as Part\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(deferred_imports.DEFERRED, "heavy", frozenset({"Thing", "Gone"}))
    monkeypatch.setitem(deferred_imports.DEFERRED, "heavy.part", frozenset({"Part"}))
    monkeypatch.setitem(deferred_imports.DEFERRED, "absent_one", frozenset({"Thing"}))
    yield
    for name in ("heavy", "heavy.part"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("heavy")
def test_a_deferred_name_is_looked_up_when_it_is_used():
    with defer_imports():
        import heavy
        from heavy import Gone, Thing
        from heavy.part import Part

        assert isinstance(heavy, StandIn) and isinstance(sys.modules["heavy.part"], StandIn)
    assert not {"heavy", "heavy.part"} & set(sys.modules)
    assert Thing("one").name == "one" and Thing.size == 3
    assert type(sys.modules["heavy"]) is not StandIn
    assert isinstance(Thing(), Part) and not isinstance(3, (Thing, Part))
    assert heavy.Other is sys.modules["heavy"].Other  # the old name of it leads there, too
    with pytest.raises(ImportError, match="heavy has no Gone"):
        Gone()


@pytest.mark.usefixtures("heavy")
def test_any_other_name_imports_the_real_module_at_once():
    with defer_imports():
        from heavy import Other, Thing

        assert Other is sys.modules["heavy"].Other
        import heavy.part

        assert type(heavy.part) is not StandIn and heavy.part.Part is sys.modules["heavy"].Thing
    assert isinstance(Thing(), heavy.Thing) and "heavy.part" in sys.modules


@pytest.mark.usefixtures("heavy")
def test_a_module_in_a_stand_in_is_found(tmp_path: Path):
    (tmp_path / "heavy" / "more.py").write_text("number = 7\n")
    (tmp_path / "heavy" / "__init__.py").write_text(HEAVY + "__version__ = '5'\n")
    with defer_imports():
        import heavy

        assert isinstance(heavy, StandIn)
        from heavy import __version__
        from heavy.more import number

        assert (number, __version__) == (7, "5") and type(sys.modules["heavy"]) is not StandIn
    sys.modules.pop("heavy.more")


@pytest.mark.usefixtures("heavy")
def test_other_threads_import_as_usual():
    found = []

    def work() -> None:
        with defer_imports():  # that of the other thread is open, so this does nothing
            import heavy

            found.append(heavy.Thing)

    for stands in (False, True):
        with defer_imports():
            if stands:
                import heavy  # noqa: F401
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert found.pop() is sys.modules["heavy"].Thing
        del sys.modules["heavy"]


@pytest.mark.usefixtures("heavy")
def test_what_is_there_or_not_installed_is_left_alone():
    with defer_imports():
        with pytest.raises(ImportError):
            import absent_one  # noqa: F401
        with defer_imports():
            pass
        import heavy

        assert isinstance(heavy, StandIn)  # the outer context is still open
    import heavy

    with defer_imports():
        from heavy import Thing
    assert Thing is heavy.Thing and deferred_imports._finder not in sys.meta_path


def test_a_function_is_hidden_from_the_compiler_once_that_is_imported(monkeypatch):
    calls = []

    class Compiler:
        def disable(self, function, **options):
            calls.append(options)
            return lambda *given: ("hidden", function(*given))

    monkeypatch.setattr(deferred_imports, "_import_real", lambda name: Compiler())
    later = deferred_imports._disable_later(lambda x: x + 1, reason="none")
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    assert later(1) == 2 and calls == []
    monkeypatch.setitem(sys.modules, "torch._dynamo", StandIn("torch._dynamo"))
    assert later(1) == 2 and calls == []
    monkeypatch.setitem(sys.modules, "torch._dynamo", Compiler())
    assert later(1) == later(1) == ("hidden", 2) and calls == [{"reason": "none"}]


def test_collection_is_paused_and_goes_on():
    with pause_collection():
        with pause_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize("command", [[], ["plan"]])
def test_a_run_and_its_plan_import_neither_transformers_nor_the_compiler(
    command: list[str], tmp_path: Path
):
    script = (
        "import sys; from vqclip.cli.main import main\n"
        "words = ['a fox', '--preset', 'draft', '--quiet', '--out', sys.argv[1]]\n"
        "words += ['steps=1', 'size=64x64', 'layout=off', 'dream.count=1']\n"
        "code = main([*sys.argv[2:], *words])\n"
        "heavy = {'transformers', 'torch._dynamo', 'torch._inductor', 'scipy'}\n"
        "heavy |= set() if sys.argv[2:] else {'sympy'}  # counting work imports it\n"
        "print(code, 'torch' in sys.modules, sorted(heavy & set(sys.modules)))\n"
        "import gc, torch; print(gc.get_freeze_count() > 0, type(torch._dynamo).__name__)"
    )
    words = [sys.executable, "-c", script, str(tmp_path), *command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-2:] == ["0 True []", f"{not command} module"], (
        done.stdout + done.stderr
    )
