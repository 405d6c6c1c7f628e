"""Live films, which can be watched while the run goes on.

It writes a film in pieces, a frame each, which plays as far as it goes whenever it is opened, and
after whatever ended the run. It is not the film: when that is closed, it is encoded from all
frames, and takes the place of this one. So nothing here may matter: it runs in a thread of its
own at a low priority, the run waits for it at no time, and whatever goes wrong ends it alone.

That wants a process, not imageio, by tests/media/test_live_film.py: what an encoder holds has to
play after a kill -9 (test_after_a_kill_the_film_plays), and one that dies takes nothing along
(test_an_encoder_that_dies_is_given_up).

A gif's and a WebP's pictures cannot be added to; these films come at the end.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import imageio.v3 as iio

from vqclip.media import ffmpeg, files, film_encoder
from vqclip.media.film_encoder import Pixels, to_pixels

PATIENCE = 1.0  # seconds; a run that takes no longer needs nothing of this
ENOUGH = 5.0  # seconds to wait for a thread whose ffmpeg is dead
_FRAGMENTS = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "20"),
    *("-movflags", "+frag_every_frame+empty_moov+default_base_moof", "-f", "mp4"),
)
_STREAM = (
    *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"),
    *("-crf", "30", "-b:v", "0", "-f", "webm", "-live", "1", "-cluster_time_limit", "1000"),
)
HOW = {".mp4": _FRAGMENTS, ".mov": _FRAGMENTS, ".webm": _STREAM}


@dataclass
class LiveFilm:
    """A film that grows; `start_live_film` begins it.

    Attributes:
        path: where it is to be seen.
        folder: where the numbered frames are, all of one size.
        count: how many there are by now.
        shown: how many of them ffmpeg says are in the film; the last may lack.
        over: whether to end.
    """

    path: Path
    folder: Path
    fps: Fraction
    count: int
    shown: int = 0
    over: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None

    def set_count(self, count: int) -> None:
        """Say that there are so many frames now."""
        with self.news:
            self.count = count
            self.news.notify()

    def stop(self) -> None:
        """End it where it is; what it has shown stays."""
        with self.news:
            self.over = True
            self.news.notify()
            if self.process is not None:
                self.process.kill()
        self.ended.wait(ENOUGH)


def start_live_film(path: Path, folder: Path, fps: Fraction, count: int) -> LiveFilm:
    """Let a film at `path` grow from the frames in `folder`, of which there are `count`.

    A film that is there already is replaced once this one has caught up.
    """
    live = LiveFilm(path, folder, fps, count)
    threading.Thread(target=_work, args=(live,), name="the growing film", daemon=True).start()
    return live


def _work(live: LiveFilm) -> None:
    aside = files.temporary_path(live.path)
    try:
        with live.news:
            live.news.wait_for(lambda: live.over, PATIENCE)
        if not live.over:
            _play(live, aside)
    except Exception:  # whatever it is: the run goes on, and has its film in the end
        pass
    finally:
        if live.process is not None:
            with suppress(Exception):
                ffmpeg.end_process(live.process)
        for each in (aside, live.path):
            with suppress(OSError):
                if each is aside or each.stat().st_size == 0:
                    each.unlink()
        live.ended.set()


def _play(live: LiveFilm, aside: Path) -> None:
    first = _frame(live, 0)
    # Not by its name: who comes after a crash may be writing there by then.
    place = aside if os.path.lexists(live.path) else live.path
    with place.open("xb") as file:
        size = (first.shape[1], first.shape[0])
        arguments = [
            *("-probesize", "32", *ffmpeg.raw_input_arguments(size, False, live.fps)),
            *(
                "-vf",
                f"{film_encoder.TO_709},format=yuv420p,{film_encoder.TAG_709}",
                *film_encoder.BT709,
            ),
            *("-g", str(max(1, round(live.fps))), "-threads", "1"),
            *("-progress", "pipe:2", *HOW[live.path.suffix.lower()]),
            *("-flush_packets", "1", "pipe:1"),
        ]
        process = ffmpeg.start_process(
            ffmpeg.ffmpeg_command(*arguments),
            nice=True,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.PIPE,
        )
    with live.news:
        live.process = process
        if live.over:  # asked for meanwhile
            process.kill()
    threading.Thread(target=_listen, args=(live, process), daemon=True).start()
    assert process.stdin is not None
    done, wanted, hidden = 0, live.count, place is aside
    while True:
        with live.news:
            while not (live.over or live.count > done or (hidden and live.shown >= wanted)):
                live.news.wait()
            if live.over:
                return
        if hidden and live.shown >= wanted:  # and no sooner: what is there may be longer
            os.replace(aside, live.path)
            hidden = False
        if live.count > done:
            process.stdin.write(_frame(live, done).tobytes())
            process.stdin.flush()
            done += 1


def _listen(live: LiveFilm, process: subprocess.Popen[bytes]) -> None:
    """Hear how far ffmpeg has come; its stderr must not fill up either."""
    assert process.stderr is not None
    with suppress(OSError, ValueError):  # closed
        for line in process.stderr:
            if line.startswith(b"frame=") and line[6:].strip().isdigit():
                with live.news:
                    live.shown = int(line[6:])
                    live.news.notify()


def _frame(live: LiveFilm, number: int) -> Pixels:
    # Not by `images.open_rgb`, which touches the filters of warnings, and those are one for all
    # threads.
    pixels = iio.imread(live.folder / f"{number:05d}.png", plugin="pillow")
    return to_pixels(pixels, keeps=False, even=True)
