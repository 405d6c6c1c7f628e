"""The page's own routes: states and pictures of runs, and what is done with them, as JSON.

Gradio serves the forms; what changes while one looks comes from here. The address of a picture
holds when it was written, so that a browser keeps it for good.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vqclip.errors import ConfigError, PictureError, VqclipError
from vqclip.web.folder_index import RunFilter
from vqclip.web.jobs import DRAWING
from vqclip.web.prompt_reading import read_prompt
from vqclip.web.run_state import SHOWN, newest_picture
from vqclip.web.studio import Studio
from vqclip.web.thumbnails import read_thumbnail

STATIC = Path(__file__).parent / "static"
PAGE = 60  # runs that the gallery shows at a time
_LONGEST = 1_000_000  # bytes that are read of what a page sends
_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_NEVER = {"cache-control": "no-store"}
Answer = Callable[[Mapping[str, Any]], Any]


def list_routes(studio: Studio) -> list[Route]:
    """The routes of a studio, below `/studio/`."""

    def state(asked: Mapping[str, Any]) -> Any:
        works = studio.list_works()
        key = str(asked.get("watch", ""))
        return {"works": works, "watched": studio.describe_work(key) if key else None}

    def runs(asked: Mapping[str, Any]) -> Any:
        return list_runs(studio, asked)

    def run(asked: Mapping[str, Any]) -> Any:
        return studio.describe_run(str(asked.get("run", "")))

    def compare(asked: Mapping[str, Any]) -> Any:
        first, second = str(asked.get("first", "")), str(asked.get("second", ""))
        return {"first": first, "second": second, "rows": studio.compare_runs(first, second)}

    def parse(asked: Mapping[str, Any]) -> Any:
        presets, words = asked.get("presets", []), asked.get("words", [])
        return read_prompt(
            str(asked.get("prompt", "")), list(map(str, presets)), list(map(str, words))
        )

    def do(asked: Mapping[str, Any]) -> Any:
        words = [str(word) for word in asked.get("words", [])]
        started = studio.perform(str(asked.get("do", "")), str(asked.get("key", "")), words)
        draws = asked.get("do") in DRAWING
        return {"started": started, "queued": draws and studio.is_queued(started)}

    def job(asked: Mapping[str, Any]) -> Any:
        return describe_job(studio, str(asked.get("key", "")))

    async def sheet(request: Request) -> Response:
        found = find_sheet(studio, request.query_params.get("key", ""))
        if found is None:
            return PlainTextResponse("there is no such picture", 404)
        return FileResponse(found, headers=_NEVER, content_disposition_type="inline")

    async def picture(request: Request) -> Response:
        found = await run_in_threadpool(
            find_file, studio, request.query_params.get("run", ""), request.path_params["file"]
        )
        if found is None:
            return PlainTextResponse("there is no such picture", 404)
        kept = _FOREVER if request.query_params.get("v") else _NEVER
        return FileResponse(found, headers=kept, content_disposition_type="inline")

    async def thumbnail(request: Request) -> Response:
        folder = studio.index.find_folder(request.query_params.get("run", ""))
        found = None if folder is None else newest_picture(folder)
        if folder is None or found is None or not _is_inside(found, folder):
            return PlainTextResponse("there is no such picture", 404, _NEVER)
        try:
            data = await run_in_threadpool(read_thumbnail, studio.out, found)
        except VqclipError as error:
            return PlainTextResponse(str(error), 404, _NEVER)
        kept = _FOREVER if request.query_params.get("v") else _NEVER
        return Response(data, media_type="image/webp", headers=kept)

    async def static(request: Request) -> Response:
        name = request.path_params["file"]
        known = {each.relative_to(STATIC).as_posix() for each in STATIC.rglob("*.*")}
        if name not in known:
            return PlainTextResponse("there is no such file", 404)
        return FileResponse(STATIC / name, headers={"cache-control": "no-cache"})

    return [
        Route("/studio/state", _json(state), methods=["GET"]),
        Route("/studio/runs", _json(runs), methods=["GET"]),
        Route("/studio/run", _json(run), methods=["GET"]),
        Route("/studio/compare", _json(compare), methods=["GET"]),
        Route("/studio/job", _json(job), methods=["GET"]),
        Route("/studio/sheet", sheet, methods=["GET"]),
        Route("/studio/parse", _json(parse), methods=["POST"]),
        Route("/studio/do", _json(do), methods=["POST"]),
        Route("/studio/picture/{file:path}", picture, methods=["GET"]),
        Route("/studio/thumbnail", thumbnail, methods=["GET"]),
        Route("/studio/static/{file:path}", static, methods=["GET"]),
    ]


def list_runs(studio: Studio, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the gallery.

    Args:
        asked: "text", "model", "least", "since", "until", "sort", and "from", a number.

    Raises:
        ConfigError: for a value that cannot be read.
    """
    least, start = str(asked.get("least", "")), str(asked.get("from", "0"))
    try:
        number = float(least) if least else None
        first = max(0, int(start))
    except ValueError as error:
        raise ConfigError(f"{error}; expected a number") from error
    wanted = RunFilter(
        text=str(asked.get("text", "")),
        model=str(asked.get("model", "")),
        least=number,
        since=str(asked.get("since", "")),
        until=str(asked.get("until", "")),
        sort=str(asked.get("sort", "newest")),
    )
    every = studio.index.list_runs()
    found = wanted.order(filter(wanted.takes, every))
    shown = []
    for entry in found[first : first + PAGE]:
        folder = studio.index.find_folder(entry.name)
        latest = None if folder is None else newest_picture(folder)
        stamp = 0 if latest is None else latest.stat().st_mtime_ns // 1_000_000
        shown.append(asdict(entry) | {"stamp": stamp})
    models = sorted({entry.model for entry in every})
    return {"total": len(found), "of": len(every), "runs": shown, "models": models, "page": PAGE}


def describe_job(studio: Studio, key: str) -> dict[str, Any]:
    """What a command that draws no run has said by now.

    Raises:
        PictureError: if there is no such job.
    """
    job = studio.jobs.find_job(key)
    if job is None:
        raise PictureError(f"there is no job {key[:100]!r}")
    state = studio.jobs.read_job_state(job)
    events = [each for each in studio.jobs.read_events(job) if each["event"] != "start"][-200:]
    start = state.events.get("start")
    events = [*([dict(start)] if start else []), *events]
    for each in events:
        if each["event"] == "hit":
            each |= dict(zip(("run", "file"), _in_run(studio, str(each["image"])), strict=True))
    pictures = [str(each["image"]) for each in events if each["event"] == "picture"]
    sheet = find_sheet(studio, key)
    return {
        "alive": state.alive,
        "error": state.error,
        "events": events,
        "pictures": pictures,
        "sheet": "" if sheet is None else str(sheet.stat().st_mtime_ns),
        "said": [line for line in state.said.splitlines() if line.strip()][-40:],
    }


def find_sheet(studio: Studio, key: str) -> Path | None:
    """The sheet of drafts that the command of a job has made, if it has."""
    job = studio.jobs.find_job(key)
    if job is None or job.kind != "invert":
        return None
    made = studio.jobs.read_job_state(job).events.get("done", {}).get("sheet")
    path = Path(str(made)) if made else None
    return path if path is not None and path.suffix == ".png" and path.is_file() else None


def _in_run(studio: Studio, image: str) -> tuple[str, str]:
    """The run that a picture is of, and its place in it; "" for another picture."""
    path = Path(image).absolute()
    for depth in (2, 1):
        with contextlib.suppress(ValueError):
            parts = path.relative_to(studio.out).parts
            name = "/".join(parts[:depth])
            if len(parts) > depth and studio.index.find_folder(name):
                return name, "/".join(parts[depth:])
    return "", ""


def find_file(studio: Studio, run: str, name: str) -> Path | None:
    """A picture or a film in a run's folder; None for anything else.

    What leads out of the folder, also by a link, is nothing.
    """
    folder = studio.index.find_folder(run)
    parts = name.split("/")
    if folder is None or len(parts) > 2 or any(not part or part[0] == "." for part in parts):
        return None
    if "\0" in name or "\\" in name or Path(name).suffix.lower() not in SHOWN:
        return None
    path = folder.joinpath(*parts)
    return path if _is_inside(path, folder) and path.is_file() else None


def _is_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _json(answer: Answer) -> Callable[[Request], Any]:
    """A route that answers with JSON; a mistake of the visitor's with its sentence."""

    async def route(request: Request) -> Response:
        asked: Mapping[str, Any] = request.query_params
        if request.method == "POST":
            # A form of another site's cannot send this type without asking before.
            if request.headers.get("content-type", "").split(";")[0] != "application/json":
                return JSONResponse({"error": "expected JSON"}, 415)
            data = bytearray()
            async for piece in request.stream():
                data += piece
                if len(data) > _LONGEST:
                    return JSONResponse({"error": "this is too much to read"}, 413)
            try:
                asked = json.loads(data)
            except (ValueError, RecursionError):
                return JSONResponse({"error": "this is no JSON"}, 400)
            if not isinstance(asked, dict):
                return JSONResponse({"error": "expected a JSON object"}, 400)
        try:
            found = await run_in_threadpool(answer, asked)
        except VqclipError as error:
            return JSONResponse({"error": str(error)}, 400, _NEVER)
        except (OSError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400, _NEVER)
        text = json.dumps(
            found, allow_nan=False
        ).encode()  # ASCII: lone surrogates are spelled out
        return Response(text, media_type="application/json", headers=_NEVER)

    return route
