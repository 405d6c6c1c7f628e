"""Files that mean harm: none runs, none fills the memory, each is refused in words."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.hostile import MIB, corpus
from vqclip.errors import ModelError
from vqclip.models.zoo.checkpoint_file import read_checkpoint

SECONDS = 60  # for one file; none takes two


@contextmanager
def no_hanging() -> Iterator[None]:
    """Turn a file that would take for ever into a failure."""

    def late(*_: object) -> None:
        raise AssertionError(f"still reading after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def memory(kind: str) -> int:
    """VmRSS, or VmHWM, the most that it has been; in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"{kind}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
def test_none_runs_none_fills_the_memory_each_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = corpus(tmp_path)
    assert len(files) >= 60
    monkeypatch.chdir(tmp_path)
    refused, opened = {}, []
    for name, path in files.items():
        Path("/proc/self/clear_refs").write_text("5")  # forget the most
        before = memory("VmRSS")
        with no_hanging():
            try:
                opened.append((name, str(read_checkpoint(path))[:60]))
            except ModelError as error:
                refused[name] = str(error)
        grown = memory("VmHWM") - before
        assert grown < 256 * MIB, f"{name}: {grown / MIB:.0f} MiB"
        assert not Path("MARKER").exists(), name
    assert not opened
    remedy = (
        r"trust, as \.safetensors|download it again|unpack it first|as a state_dict"
        r"|save the model's state_dict"
    )
    for name, sentence in refused.items():
        print(f"{name}\n    {sentence}")
        path = files[name]
        assert sentence.startswith(f"{path} "), name
        assert re.search(remedy, sentence), sentence
        assert len(sentence) < 600 + len(str(path)), name
    asked = [sentence for name, sentence in refused.items() if name.startswith("programs: os")]
    assert all(re.search(r"would run (posix|os)\.system when opened", each) for each in asked)
