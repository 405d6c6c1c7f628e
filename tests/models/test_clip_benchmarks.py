"""The benchmark of clips: the clip that it makes."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_window_moves_over_a_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.chdir(tmp_path)
    import clips

    sys.modules.pop("clips")

    # Red grows to the right, green downwards: colours tell where the window was.
    down, right = np.mgrid[0:160, 0:240]
    photo = pillow.fromarray(np.stack([right, down, 0 * down], -1).astype(np.uint8))
    photo.save("photo.png")
    data = io.BytesIO()
    photo.save(data, "PNG")
    with zipfile.ZipFile("any.whl", "w") as wheel:
        wheel.writestr("sklearn/datasets/images/china.jpg", data.getvalue())
    for source, folder in (("photo.png", "a"), ("any.whl", "b")):
        clips.main([f"photo={source}", f"out={folder}", "frames=5", "size=32x24"])
    assert "5 frames in b" in capsys.readouterr().out
    frames = sorted(Path("a").iterdir())
    assert [f.name for f in frames] == [f"{n:05d}.png" for n in range(5)]
    assert all(f.read_bytes() == Path("b", f.name).read_bytes() for f in frames)
    for number, frame in enumerate(frames):
        left, top, end, bottom = clips.window(number / 4, (240, 160), (32, 24))
        assert 0 <= left < end <= 240 and 0 <= top < bottom <= 160
        assert (end - left) / (bottom - top) == pytest.approx(4 / 3)
        pixels = np.asarray(pillow.open(frame)).astype(float)
        assert pixels.shape == (24, 32, 3)
        assert pixels[..., 0].mean() == pytest.approx((left + end) / 2 - 0.5, abs=0.6)
        assert pixels[..., 1].mean() == pytest.approx((top + bottom) / 2 - 0.5, abs=0.6)
    with pytest.raises(SystemExit, match="pip download"):
        clips.main([])
    with pytest.raises(FileExistsError):
        clips.main(["photo=photo.png", "out=a"])
