"""The scripts that measure classification and search, on data of a few seconds."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import tiny_clip
from tests.training import conftest
from vqclip.errors import ConfigError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The scripts, as `python benchmarks/…` finds them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    before = set(sys.modules)
    import search
    import zero_shot

    yield {"search": search, "zero_shot": zero_shot}
    for name in ("search", "zero_shot", "measures", "quality_prompts", "judge_views"):
        if name not in before:
            sys.modules.pop(name, None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six drawings of five names that nobody learnt from, and one that somebody did."""
    rows = [
        conftest.record(f"{n}.webp", "share-alike", captions=[name], source="npm:openmoji@1")
        for n, name in enumerate(("fox", "owl", "house", "cup", "Fox", "star"))
    ]
    rows.append(conftest.record("6.webp", captions=["fox"], source="npm:twemoji@1"))
    conftest.write(tmp_path, "illustrations", rows)
    with zipfile.ZipFile(tmp_path / "illustrations-a.zip", "w") as archive:
        for n in range(len(rows)):
            archive.writestr(f"{n}.webp", conftest.webp(conftest.picture(4, n)))
    return tmp_path


def test_zero_shot_counts_each_name_once(
    bench: Any, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [tiny_clip.write(data / f"clip-{seed}", seed) for seed in (0, 1)]
    words = [f"data={data}", "names=4", "classes=2", "draws=3"]
    bench["zero_shot"].main([*words, f"perceptors={clips[0]},{clips[1]}"])
    out = capsys.readouterr().out
    assert out.startswith("openmoji: 5 names; 3 draws of 4, 2-way\n")
    assert out.count("  classify: first ") == 3 and out.count("  search: first ") == 2
    shares = [float(number) for number in re.findall(r"\d\.\d{3}", out)]
    assert len(shares) == 3 * 6 + 2 * 4 and all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["source=twemoji"], "the starters learnt from it"),
        (["source=nothing"], "no picture in .* is from there"),
        (["sauce=x"], "not .'sauce'."),
    ],
)
def test_zero_shot_refuses(bench: Any, data: Path, words: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        bench["zero_shot"].main([f"data={data}", *words])


def test_of_perfect_opinions_all_are_right(bench: Any) -> None:
    right = torch.eye(6).log_softmax(1)
    assert bench["zero_shot"].classified(right, 4) == [1, 1, 1]
    wrong = right.roll(1, 0)
    assert bench["zero_shot"].classified(wrong, 4) == [0, 0, 0]


def test_the_search_is_timed_beside_a_product(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bench["search"].main(["vectors=700", "wide=8", "pairs=2"])
    out = capsys.readouterr().out
    assert "$ python benchmarks/search.py vectors=700 wide=8 pairs=2\n" in out
    assert len(re.findall(r"product .* ms, search .* ms.*: ratio ", out)) == 2
    assert "search / product: median " in out
