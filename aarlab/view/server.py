"""The viewer's server: the page, its program files, the data of run files as JSON, and what its user does to runs.

Run files are opened for reading only, but for instructions of the user, which `aarlab.memory.instructions` writes.
"""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from aarlab.config.errors import ConfigError
from aarlab.graph.structure.structure import DIALS
from aarlab.memory.instructions import InstructionRefused
from aarlab.memory.run_difference import first_difference
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.view.ablation_data import ablation_data, ablation_runs
from aarlab.view.access_guard import AccessGuard
from aarlab.view.conversation_pages import conversation_page, divergences
from aarlab.view.json_text import json_text
from aarlab.view.oversight_panel import NotGiven, instruct, oversight_data
from aarlab.view.program_bundle import STATIC
from aarlab.view.run_data import finding_data, run_data
from aarlab.view.run_measures import run_measures
from aarlab.view.started_commands import NotStarted, StartedCommands, arguments_of, shown_command
from aarlab.view.structure_graphs import compared_structures
from aarlab.view.text_search import search
from aarlab.view.viewed_folder import LOCKED_WAIT_S, NotInFolder, ViewedFolder, reason

_ERRORS = (NotInFolder, ConfigError, KeyError, TypeError, IndexError, ValueError, OSError, sqlite3.Error)
"""Errors of a request, which the page shows as a sentence."""
_MAX_BODY = 500_000
"""Bytes of a request that changes something."""
_POLL_S = 0.5
"""Seconds between looks at the files that a page shows."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a browser needs to be answered."""

    token: str
    cookie: str
    names: tuple[str, ...] = ()
    """Accepted names of this machine, besides `localhost` and numeric addresses."""
    action_token: str | None = None
    """What the page sends with requests that change something; None: the viewer only reads."""

    @classmethod
    def create(cls, port: int, names: tuple[str, ...] = (), *, acts: bool = True) -> "Access":
        """Return new tokens. Browsers send cookies to all ports of a machine, so the cookie is named by the port."""
        action_token = secrets.token_urlsafe(24) if acts else None
        return cls(secrets.token_urlsafe(24), f"aarlab-view-{port}", names, action_token)


def viewer_app(folder: ViewedFolder, access: Access) -> Starlette:
    """Return the app that serves a folder to the browser that has the token."""
    started = StartedCommands(folder)
    data, actions = _data_of(folder, started, access), _actions_of(folder, started)

    def page(request: Request) -> Response:
        token = request.query_params.get("token")
        if token is None:
            return FileResponse(STATIC / "index.html")
        # The token leaves the address bar; the part after # stays.
        response = RedirectResponse("/", 303)
        if secrets.compare_digest(token.encode(), access.token.encode()):
            response.set_cookie(access.cookie, token, httponly=True, samesite="strict")
        return response

    routes = [
        Route("/", page),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/api/updates", _updates(folder)),
        *(Route(f"/api/{name}", _data_route(folder, read)) for name, read in data.items()),
        *(Route(f"/api/{name}", _action_route(folder, act), methods=["POST"]) for name, act in actions.items()),
    ]
    guard = Middleware(
        AccessGuard, token=access.token, cookie=access.cookie, action_token=access.action_token, names=access.names
    )
    return Starlette(routes=routes, middleware=[guard])


Query = dict[str, str]


def _data_of(folder: ViewedFolder, started: StartedCommands, access: Access) -> dict[str, Callable[[Query], Any]]:
    """Return the functions that read data, by the name of their request."""

    def of_run(read: Callable[[RunReader, Query], Any]) -> Callable[[Query], Any]:
        def read_file(query: Query) -> Any:
            with RunReader.open(folder.run_path(query["file"]), wait_s=LOCKED_WAIT_S) as file:
                return read(file, query)

        return read_file

    def divergences_of(file: RunReader, query: Query) -> Any:
        with RunReader.open(folder.run_path(query["other"]), wait_s=LOCKED_WAIT_S) as other:
            return {"divergences": divergences(file, other)}

    def difference(file: RunReader, query: Query) -> Any:
        with RunReader.open(folder.run_path(query["other"]), wait_s=LOCKED_WAIT_S) as other:
            return {"step": first_difference(file, query["agent"], other, query["other_agent"])}

    def structure_of(name: str) -> Any:
        with RunReader.open(folder.run_path(name), wait_s=LOCKED_WAIT_S) as file:
            return file.info().scenario.get("structure", {})

    return {
        "runs": lambda query: folder.contents(int(query["newest"]) if "newest" in query else None),
        "run": of_run(lambda file, query: run_data(file, int(query.get("after", 0)))),
        "measures": of_run(lambda file, query: run_measures(file)),
        "finding": of_run(lambda file, query: finding_data(file, query["id"])),
        "conversation": of_run(lambda file, query: conversation_page(file, query["agent"], int(query.get("first", 0)))),
        "difference": of_run(difference),
        "divergences": of_run(divergences_of),
        "ablation": lambda query: ablation_data(folder, query["folder"]),
        "ablation_runs": lambda query: ablation_runs(folder, query["folder"]),
        "structures": lambda query: compared_structures(structure_of(query["file"]), structure_of(query["other"])),
        "search": lambda query: search(
            folder, query["text"], query.get("file", ""), query.get("after", ""), int(query.get("found", 0))
        ),
        "session": lambda query: {"action_token": access.action_token},
        "dials": lambda query: [
            {"name": dial.name, "claim": dial.claim, "values": dict(dial.values)} for dial in DIALS
        ],
        "oversight": of_run(lambda file, query: oversight_data(file)),
        "command": lambda query: {"command": shown_command(arguments_of(folder, json.loads(query["request"])))},
        "started": lambda query: started.rows(),
    }


def _actions_of(folder: ViewedFolder, started: StartedCommands) -> dict[str, Callable[[Any], Any]]:
    """Return the functions that change something, by the name of their request."""
    return {
        "start": started.start,
        "instruct": lambda request: instruct(folder.run_path(str(request["file"])), request),
    }


def _data_route(folder: ViewedFolder, read: Callable[[Query], Any]) -> Callable[[Request], Response]:
    """Return the endpoint of a function from the parameters of a request to JSON. It runs in a thread."""

    def endpoint(request: Request) -> Response:
        query = dict(request.query_params)
        try:
            return json_response(read(query))
        except _ERRORS as error:
            return json_response({"problem": _sentence(error, folder, query)}, _status(error))

    return endpoint


def _action_route(folder: ViewedFolder, act: Callable[[Any], Any]) -> Callable[[Request], Any]:
    """Return the endpoint of a function that changes something, from the JSON of a request to JSON."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        if len(body) > _MAX_BODY:
            return json_response({"problem": "The request is too long."}, 413)
        return await run_in_threadpool(answer, body)

    def answer(body: bytes) -> Response:
        query: Query = {}
        try:
            request = json.loads(body)
            query = {"file": str(request["file"])}
            return json_response(act(request))
        except _ERRORS as error:
            return json_response({"problem": _sentence(error, folder, query)}, _status(error))

    return endpoint


def _sentence(error: Exception, folder: ViewedFolder, query: Query) -> str:
    if isinstance(error, NotInFolder | NotStarted | NotGiven):
        return str(error)
    if isinstance(error, InstructionRefused):
        return f"The run does not take this: {error}. Possible: {error.expected}."
    if isinstance(error, ConfigError):
        return "; ".join(fault.problem for fault in error.faults)
    if isinstance(error, SchemaError | OSError | sqlite3.Error):
        return reason(error, folder.root / query.get("file", ""))
    return f"The request cannot be answered ({type(error).__name__}: {error})."


def _status(error: Exception) -> int:
    return 404 if isinstance(error, NotInFolder | FileNotFoundError) else 422


def json_response(value: Any, status: int = 200) -> Response:
    """Return an answer with JSON."""
    return Response(json_text(value), status, media_type="application/json")


def _updates(folder: ViewedFolder) -> Callable[[Request], Any]:
    """Return the endpoint that sends an event at once, and whenever the folder, or one of its files, has changed."""

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(_changes(folder, request), media_type="text/event-stream")

    return endpoint


async def _changes(folder: ViewedFolder, request: Request) -> AsyncIterator[str]:
    before = await run_in_threadpool(folder.signature)
    # What changed between the first answers and this connection is read again.
    yield "retry: 2000\ndata: changed\n\n"
    while not await request.is_disconnected():
        await asyncio.sleep(_POLL_S)
        now = await run_in_threadpool(folder.signature)
        yield "data: changed\n\n" if now != before else ": nothing new\n\n"
        before = now
