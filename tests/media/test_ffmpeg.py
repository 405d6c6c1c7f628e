"""ffmpeg's messages, and the sentences made of them."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vqclip.errors import ConfigError, OutputError
from vqclip.media import ffmpeg


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "fake-ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(path))


@pytest.mark.parametrize(
    ("platform", "how"),
    [("win32", {"creationflags": 0x200}), ("linux", {"start_new_session": True})],
)
def test_our_ctrl_c_does_not_reach_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, how: dict[str, object]
) -> None:
    given: dict[str, object] = {}

    def popen(arguments: object, **words: object) -> None:
        given.update(words)
        raise OSError("that is enough")

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(ConfigError, match="does not start"):
        ffmpeg.start_process(["ffmpeg"])
    del given["env"]
    assert given == how


def test_encoders_are_listed_or_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ffmpeg.list_encoders()
    assert found is not None and {"libx264", "gif", "aac"} <= found and "=" not in found
    fake(tmp_path, monkeypatch, "exit 1")
    assert ffmpeg.list_encoders() is None
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "gone"))
    assert ffmpeg.list_encoders() is None
    with pytest.raises(ConfigError, match="ffmpeg does not start"):
        ffmpeg.start_process(ffmpeg.ffmpeg_command())


def test_one_that_ends_early_is_heard_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "echo one >&2; echo 'No space left' >&2; exit 3")
    large = (np.zeros((512, 512, 3), np.uint8) for _ in range(50))
    with pytest.raises(OutputError, match=r"^ffmpeg stopped: No space left$"):
        ffmpeg.feed_pictures(ffmpeg.ffmpeg_command(), large)


@pytest.mark.skipif(sys.platform == "win32", reason="uses process ids")
def test_what_goes_wrong_while_it_is_fed_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, "exec sleep 60")

    def broken():  # type: ignore[no-untyped-def]
        yield np.zeros((2, 2, 3), np.uint8)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):  # at once, not in a minute
        ffmpeg.feed_pictures(ffmpeg.ffmpeg_command(), broken())
