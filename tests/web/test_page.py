"""The page in a browser: drawing, coming back, two tabs, the gallery, and what it asks for."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> 'a' \"fox\" \u202eabc"
STRANGE = "0900-<img src=x onerror=alert(1)>'\""  # the name of a run's folder
SMALL = "init=random\nlayout=off\ngrowth=[]\ncutouts.count=2\nfilm.format=none\ndrawer=pixels"
missing = [name for name in ("gradio", "playwright") if importlib.util.find_spec(name) is None]
found = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


def find_browser() -> str:
    """The path of a Chromium: the machine's, or playwright's own; "" without any."""
    if missing or found:
        return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if os.path.exists(own) else ""


BROWSER = find_browser()
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed"),
    pytest.mark.skipif(not missing and not BROWSER, reason="there is no Chromium here"),
]


# Imports take most of a start. So they are there already, and each server is a fork; what comes
# from it and of it are lines: its number, its address and, at last, its exit status.
LAUNCHER = """
import json, os, sys
from vqclip.web.server import QUIET
os.environ.update(QUIET)
import gradio, uvicorn, vqclip.web.page, vqclip.web.routes, vqclip.web.studio
from vqclip.cli import main
for line in sys.stdin:
    number = os.fork()
    if number == 0:
        os._exit(main.main(json.loads(line)))
    print("number", number, flush=True)
    print("status", os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
"""


@dataclass
class Server:
    """A `vqclip web` in a process of its own, which can be killed, and started again."""

    out: Path
    port: int
    launcher: subprocess.Popen[str]
    asked: list[str] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        found = self.read("address").removesuffix("/")
        assert found == f"http://127.0.0.1:{self.port}"
        return found

    def start(self) -> None:
        assert self.launcher.stdin is not None
        words = ["web", f"--port={self.port}", f"--out={self.out}"]
        print(json.dumps(words), file=self.launcher.stdin, flush=True)
        self.told.clear()

    def read(self, wanted: str) -> str:
        """What the launcher, or the server itself, tells of it."""
        assert self.launcher.stdout is not None
        while wanted not in self.told:
            line = self.launcher.stdout.readline().strip()
            assert line, "it has ended"
            kind, space, value = line.partition(" ")
            self.told[kind if space else "address"] = value if space else line
        return self.told[wanted]

    @property
    def number(self) -> int:
        """The number of its process, when it is ready."""
        assert self.address
        return int(self.read("number"))

    def end(self, how: int) -> int:
        """End it by a signal, and give its exit status."""
        os.kill(self.number, how)
        return int(self.read("status"))

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask for a path as it is written, past all that browsers tidy up."""
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def post(self, path: str, values: Any, **headers: str) -> int:
        told = {"content-type": "application/json"} | headers
        request = urllib.request.Request(
            self.address + path, json.dumps(values).encode(), headers=told
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


def make_run(folder: Path, prompt: str, seed: int) -> None:
    """A run that is done, as far as the gallery knows."""
    from PIL import Image

    from vqclip.language.prompts import GRAMMAR

    notes = {"prompt": prompt, "seed": seed, "grammar": GRAMMAR, "models": {}, "versions": {}}
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(notes | {"config": {"size": "64x64"}}))
    Image.new("RGB", (64, 64), "teal").save(folder / "final.png")


# With `-n`, tests of other modules come between those of this one.
@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "XDG_DATA_HOME": str(place / "data"),  # where the bin is
    }
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        cwd=place,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        running = Server(place / "runs", port, launcher)
        running.start()
        (place / "runs").mkdir()
        for number, name in enumerate((STRANGE, "0901-a-fox", "0902-a-bear")):
            make_run(running.out / name, HOSTILE if name == STRANGE else name[5:], number)
        yield running
        if "status" not in running.told:
            running.end(signal.SIGKILL)


@pytest.fixture(scope="module")  # tests elsewhere begin a loop of their own
def context(server: Server) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        made = browser.new_context(viewport={"width": 1300, "height": 900})
        made.set_default_timeout(60_000)
        made.on("request", lambda request: server.asked.append(request.url))
        yield made
        browser.close()


def open_page(context: Any, server: Server) -> Any:
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_selector("#vq-prompt textarea")
    return page


def type_lines(page: Any, lines: str) -> None:
    if not page.locator("#vq-lines textarea").is_visible():
        page.click("button:has-text('All settings')")
    page.fill("#vq-lines textarea", lines)


def draw(page: Any, prompt: str, steps: int) -> None:
    page.fill("#vq-prompt textarea", prompt)
    page.fill("#vq-size input", "32x32")
    page.fill("#vq-steps textarea, #vq-steps input", str(steps))
    type_lines(page, SMALL)
    page.click("#vq-draw")


def steer(page: Any, lines: str, prompt: str = "") -> None:
    if prompt:
        page.fill(".vq-steer-prompt", prompt)
    page.fill(".vq-steer-lines", lines)
    page.click(".vq-steer .vq-change")


def source(page: Any) -> str:
    return str(page.get_attribute("#vq-live img.vq-picture", "src") or "")


def test_what_is_typed_is_read_as_text_and_mistakes_are_told(
    context: Any, server: Server
) -> None:
    page = open_page(context, server)
    page.fill("#vq-prompt textarea", "a snowman under a palm tree")
    page.wait_for_selector("#vq-parse .vq-sketch text >> nth=1")
    page.fill("#vq-prompt textarea", "a <i x=1>cat</i x> | fog:-0.5")
    page.wait_for_selector("#vq-parse li:has-text('a <i x=1>cat</i x> ×1')")
    assert page.locator("#vq-parse .vq-parts span > i[x]").count() == 0
    assert page.locator("#vq-parse li[data-sign=minus]").count() == 1
    page.fill("#vq-prompt textarea", "a <my-cat> in snow")
    page.wait_for_selector("#vq-parse .vq-wrong:has-text('<my-cat> has not been learnt')")
    page.fill("#vq-prompt textarea", "a fox | |")
    page.wait_for_selector("#vq-parse .vq-wrong:has-text('is empty')")
    draw(page, "a fox", 0)
    page.wait_for_selector("#vq-live[data-status=failed]")
    assert "steps is 0" in page.inner_text("#vq-live .vq-error")
    page.fill("#vq-prompt textarea", "")
    page.click("#vq-draw")
    page.wait_for_selector("#vq-say:has-text('there is no prompt')")
    page.close()


@pytest.mark.starter
def test_a_run_is_drawn_steered_and_neither_closing_nor_a_killed_server_loses_it(
    context: Any, server: Server
) -> None:
    page = open_page(context, server)
    draw(page, HOSTILE, 9000)
    page.wait_for_selector("#vq-live[data-status=drawing] img.vq-picture[src*='-img-src-x-']")
    first = source(page)
    page.wait_for_function(
        "first => !document.querySelector('#vq-live img.vq-picture').src.endsWith(first)",
        arg=first,
    )
    assert page.inner_text("#vq-live .vq-title") == HOSTILE
    page.wait_for_selector("#vq-live .vq-curve")
    assert page.title() == "vqclip"
    page.click(".vq-pause:has-text('Pause')")  # or it takes a core from all that follows
    page.wait_for_selector("#vq-live[data-status=paused]")
    page.close()
    page, other = open_page(context, server), open_page(context, server)
    for each in (page, other):
        each.wait_for_function(
            "text => document.querySelector('#vq-prompt textarea').value === text", arg=HOSTILE
        )
        each.wait_for_selector("#vq-live[data-status=paused] .vq-stop")
        assert each.inner_text("#vq-live .vq-title") == HOSTILE
    steer(page, "losses.smoothness=2 optimiser.rate=0.2", prompt=HOSTILE + " | fog:0.5")
    page.wait_for_selector(".vq-steer .vq-note:has-text('Changed from step')")
    other.wait_for_selector(".vq-changes li:has-text('optimiser.rate = 0.2')")
    assert other.locator(".vq-changes img").count() == 0
    steer(page, "seed=5")
    page.wait_for_selector(".vq-steer .vq-wrong:has-text('seed cannot change in the middle')")
    server.end(signal.SIGKILL)
    page.wait_for_selector("#vq-live[data-status=lost]")
    server.start()
    assert server.address  # it is ready again
    page.reload()
    page.wait_for_selector("#vq-live[data-status=paused]")
    assert page.inner_text(".vq-steer-state").startswith("paused after step")
    page.click(".vq-pause:has-text('Continue')")
    page.wait_for_selector("#vq-live[data-status=drawing]")
    draw(page, "a bear", 9000)
    page.click(".vq-chip:has-text('a bear') .vq-withdraw")
    page.wait_for_selector(".vq-queue", state="hidden")
    page.click("#vq-live[data-status=drawing] .vq-stop")
    other.wait_for_selector("#vq-live[data-status=stopped]")
    (run,) = (each for each in server.out.glob("*-img-src-x-*") if each.is_dir())
    notes = json.loads((run / "run.json").read_text())
    assert notes["prompt"] == HOSTILE + " | fog:0.5"
    (change,) = notes["changes"]
    assert change["settings"]["prompts"] == HOSTILE and "optimiser.rate" in change["settings"]
    assert not [*server.out.glob("*-a-bear/log.jsonl")]
    assert (run / "checkpoint.safetensors").is_file() and not (run / "final.png").exists()
    other.click("#vq-live .vq-resume")  # that it goes on is tested where the command is
    other.wait_for_selector("#vq-live[data-status=waiting] .vq-stop")
    other.click("#vq-live .vq-stop")
    page.wait_for_selector("#vq-live[data-status=stopped] .vq-resume")
    page.close()
    other.close()


def test_the_gallery_lists_compares_and_deletes_to_the_bin(context: Any, server: Server) -> None:
    total = len(
        [*server.out.glob("*/run.json")]
    )  # those that other tests have drawn are here, too
    page = open_page(context, server)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button[role=tab]:has-text('Gallery')")
    page.wait_for_selector(f".vq-card >> nth={total - 1}")
    assert page.inner_text(".vq-count") == f"{total} runs"
    page.fill("input[name=text]", "0900")
    page.wait_for_selector(f".vq-count:has-text('1 of {total} runs')")
    page.click(".vq-card")
    page.wait_for_selector("#vq-dialog img.vq-large")
    assert page.inner_text("#vq-dialog h2") == STRANGE
    assert page.inner_text("#vq-dialog .vq-prompt") == HOSTILE
    assert page.locator("#vq-dialog img[src=x]").count() == 0
    page.keyboard.press("Escape")
    page.fill("input[name=text]", "")
    page.wait_for_selector(f".vq-card >> nth={total - 1}")
    page.locator("[data-run^='0901'] .vq-mark").check(force=True)
    page.locator("[data-run^='0902'] .vq-mark").check(force=True)
    page.click("[data-do=compare]")
    page.wait_for_selector("#vq-dialog table tr:has-text('seed')")
    page.keyboard.press("Escape")
    page.fill("input[name=text]", "0900")
    page.wait_for_selector(f".vq-count:has-text('1 of {total} runs')")
    page.click(".vq-card")
    page.click("#vq-dialog .vq-trash")
    page.wait_for_selector(f".vq-count:has-text('0 of {total - 1} runs')")
    assert not (server.out / STRANGE).exists()
    (binned,) = (server.out.parent / "data" / "Trash" / "files").iterdir()
    assert (binned / "run.json").is_file()
    assert page.title() == "vqclip"
    page.close()


def test_offspring_are_chosen_by_their_numbers_and_varied_again(
    context: Any, server: Server
) -> None:
    family = server.out / "0800-vary-a-fox"
    family.mkdir()
    names = ["0001-a-fox", "0002-<i>a fox", "0003-gone"]
    for number, name in enumerate(names[:2]):
        make_run(family / name, f"a fox {number + 1}", number)
    rows = [{"number": n, "folder": name} for n, name in enumerate(names, 1)]
    (family / "family.json").write_text(json.dumps({"id": "x", "offspring": rows}))
    page, sent = open_page(context, server), list[Any]()
    page.route(
        "**/studio/do",
        lambda route: (sent.append(route.request.post_data_json), route.fulfill(json={})),
    )
    page.evaluate("window.vqclip.follow('0800-vary-a-fox/0001-a-fox')")
    page.wait_for_selector("#vq-live .vq-title:has-text('a fox 1')")
    assert page.locator(".vq-number").all_inner_texts() == ["1", "2", "3"]
    assert page.locator(".vq-number:disabled").all_inner_texts() == ["3"]
    page.click(".vq-number:has-text('2')")
    page.wait_for_selector("#vq-live .vq-title:has-text('a fox 2')")
    page.wait_for_selector(".vq-number[data-shown=yes]:has-text('2')")
    page.click("#vq-live .vq-vary")
    page.wait_for_function("document.querySelector('.vq-vary').disabled")
    assert sent == [{"do": "vary", "key": f"0800-vary-a-fox/{names[1]}"}]
    page.click(".vq-number:has-text('1')")
    page.wait_for_selector("#vq-live .vq-title:has-text('a fox 1')")
    page.close()
    shutil.rmtree(family)


def test_settings_are_found_by_words_and_become_lines(context: Any, server: Server) -> None:
    page = open_page(context, server)
    page.click("button:has-text('All settings')")
    page.fill("#vq-find textarea, #vq-find input", "strong colours")
    box = page.locator(".vq-setting", has_text="losses.saturation").locator("textarea, input")
    box.first.fill("0.5")
    page.wait_for_function(
        "document.querySelector('#vq-lines textarea').value.split('\\n')"
        ".includes('losses.saturation=0.5')"  # others may be there from another visit
    )
    page.close()


def test_a_curve_is_edited_by_points(context: Any, server: Server) -> None:
    page = open_page(context, server)
    page.click("button[role=tab]:has-text('Animate')")
    page.fill("#vq-an-prompt textarea", "a <i x=1>red apple ^ a pear")
    page.wait_for_selector("#vq-timeline polygon >> nth=1")
    assert "red apple" in page.inner_text("#vq-timeline")
    assert page.locator("#vq-timeline i[x]").count() == 0
    assert page.locator("#vq-cubes canvas").count() == 1
    place = page.locator("#vq-curve .vq-editor").bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] * 0.25)
    page.wait_for_function(
        "/^camera.zoom=0%: 1, 50%: 1.0[0-9]+, 100%: 1$/.test("
        "document.querySelector('#vq-an-lines textarea').value)"
    )
    page.wait_for_selector("#vq-curve .vq-point >> nth=2")
    page.fill("#vq-an-lines textarea", "camera.zoom=lots")
    page.wait_for_selector("#vq-an-wrong .vq-wrong:has-text('camera.zoom')")
    page.close()


def test_a_dropped_file_with_a_hostile_name_is_text(context: Any, server: Server) -> None:
    from PIL import Image

    place = server.out.parent / "<img src=x onerror=\"document.title='owned'\">.png"
    Image.new("RGB", (9, 9), "teal").save(place)
    page = open_page(context, server)
    page.click("button[role=tab]:has-text('Words')")
    page.set_input_files("#vq-pictures input[type=file]", str(place))
    page.wait_for_selector("#vq-pictures .file-preview")
    page.click("button:has-text('Teach it')")
    page.wait_for_selector("#vq-words .vq-wrong:has-text('the word has no name yet')")
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "vqclip"
    page.close()


def test_every_request_goes_to_the_own_server(context: Any, server: Server) -> None:
    page = open_page(context, server)
    for tab in ("Animate", "Gallery", "Words", "Look", "Draw"):
        page.click(f"button[role=tab]:has-text('{tab}')")
        page.wait_for_timeout(300)
    page.close()
    assert len(server.asked) > 100
    strange = [
        url for url in server.asked if not url.startswith((server.address, "data:", "blob:"))
    ]
    assert strange == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../etc/passwd",
        "/file=/etc/passwd",
        "/studio/picture/final.png?run=../..",
        "/studio/picture/..%2f..%2fsecret.png?run={run}",
        "/studio/picture/../../secret.png?run={run}",
        "/studio/picture/run.json?run={run}",
        "/studio/picture/link.png?run={run}",
        "/studio/picture/%2fetc%2fpasswd?run={run}",
        "/studio/static/../page.py",
        "/studio/static/%2e%2e%2fpage.py",
    ],
)
def test_paths_outside_are_not_served(path: str, server: Server) -> None:
    run = server.out / "0901-a-fox"
    secret = server.out.parent / "secret.png"
    secret.write_bytes(b"secret")
    with contextlib.suppress(FileExistsError):
        (run / "link.png").symlink_to(secret)
    from urllib.parse import quote

    status, body = server.get(path.format(run=quote(run.name)))
    assert status in (403, 404) and b"secret" not in body and b"root:" not in body
    assert server.get(f"/studio/picture/final.png?run={quote(run.name)}")[0] == 200


def test_another_origin_or_host_is_refused(server: Server) -> None:
    order = {"do": "stop", "key": "0001"}
    assert server.post("/studio/do", order, origin="http://evil.example") == 403
    assert server.post("/studio/do", order, **{"content-type": "text/plain"}) == 415
    assert server.post("/studio/do", order) == 400  # there is no such run
    assert server.get("/", host="evil.example")[0] == 403
    assert server.get("/studio/state", origin="null")[0] == 403
    assert server.post("/gradio_api/queue/join", {}, origin="http://evil.example") == 403


def test_the_idle_server_has_no_torch_and_little_memory(server: Server) -> None:
    status = Path(f"/proc/{server.number}/status")
    if not status.exists():
        pytest.skip("there is no /proc here")
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmRSS"))
    assert int(line.split()[1]) < 400_000
    assert "torch" not in Path(f"/proc/{server.number}/maps").read_text()


def test_an_interrupt_ends_the_server_and_nothing_else(server: Server) -> None:
    assert server.end(signal.SIGINT) == 0
