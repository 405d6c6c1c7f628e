"""The monitor of textual inversion: bar, sheet and previews."""

from __future__ import annotations

from pathlib import Path

from vqclip.cli.commands import invert


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    assert invert.free_path(tmp_path, "cat", ".png") == tmp_path / "cat.png"
    (tmp_path / "cat.png").touch()
    (tmp_path / "cat-2.png").symlink_to(tmp_path / "nowhere")
    assert invert.free_path(tmp_path, "cat", ".png") == tmp_path / "cat-3.png"
    assert invert.free_path(tmp_path, "cat", ".pt") == tmp_path / "cat.pt"
