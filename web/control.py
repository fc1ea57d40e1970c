"""The routes of the control port: sessions live and past, their turns, and the switch that ends one.

Records come as the log has them. Reading the log happens off the event loop, so a long list delays no session.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from addons.breaking import Breaks
from store.errors import StoreError
from store.export.native import native
from store.reader import LogReader
from web.answers import Refused
from web.answers import refused
from web.breakpointpage import BreakpointPage
from web.breakpoints import Breakpoints
from web.dashboard import Dashboard
from web.downloads import Downloads
from web.events import Events
from web.explanation import Explanation
from web.feeds import Feeds
from web.guard import Guard
from web.guard import Note
from web.listing import Listing
from web.listing import Live
from web.live import Watch
from web.logs import Logs
from web.messages import Messages
from web.metrics import Metrics
from web.openapi import openapi
from web.pages import Gateway
from web.pages import call_routes
from web.query import Page
from web.query import finding_filters
from web.query import page
from web.query import session_filters
from web.reading import Readers
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded
from web.rendering import readable
from web.reports import Reports
from web.sessionpage import SessionPage
from web.sound import Sound
from web.state import Active
from web.state import Numbers
from web.state import State
from web.stream import everything
from web.top import Top

Record = dict[str, Any]
Kill = Callable[[str], bool]
KillKey = Callable[[str], list[str]]


def make_app(
    log: LogReader,
    live: Live,
    token: str,
    kill: Kill,
    *,
    kill_key: KillKey,
    note: Note,
    numbers: Numbers,
    rules: Active,
    gateway: str,
    hosts: Collection[str] = (),
    breaks: Breaks | None = None,
    work: Work | None = None,
) -> Guard:
    """The control port as an ASGI application; `gateway` is HOST:PORT of that door, `numbers` what the metrics page shows.

    `live`, `numbers`, `kill` and `kill_key` are called on the event loop; `kill` is False for unknown ids, `kill_key` returns the ids of
    the sessions that it ended. `note` is told of each request that is not let in. What pages read of the log is read by
    `work`, else in processes of their own.
    """
    readers = Readers(log.folder.parent)
    work = work or readers.work
    control = _Control(live, kill, kill_key, work)
    watch = Watch(log, work)

    async def close() -> None:
        watch.close()
        await readers.close()

    app = Starlette(
        routes=[
            Route("/healthz", control.health),
            Route("/metrics", Metrics(numbers).page),
            Route("/api/sessions", control.sessions),
            Route("/api/sessions/{id}", control.session),
            Route("/api/sessions/{id}/kill", control.kill, methods=["POST"]),
            Route("/api/keys/{id}/kill", control.kill_key, methods=["POST"]),
            Route("/api/findings", control.findings),
            *Logs(control.find, work).routes,
            *Sound(log.folder.parent, control.find).routes,
            *Events(log.frames, control.find).routes,
            *Downloads(control.find, work).routes,
            *Breakpoints(breaks, control.find, watch, lambda: rules().limits.message).routes,
            Route("/api/live", partial(everything, watch=watch)),
            Route("/api/openapi.json", openapi),
            *Top(control.listing, work).routes,
            *Dashboard(control.listing, watch, Gateway(gateway).url, work).routes,
            *SessionPage(control.find, watch, work).routes,
            *Messages(control.find, work).routes,
            *Reports(work).routes,
            *Feeds(watch).routes,
            *State(numbers, rules, work).routes,
            *Explanation(control.find, rules, work).routes,
            *BreakpointPage(breaks, control.find, watch).routes,
            *call_routes(gateway),
        ],
        exception_handlers={Refused: _refused, HTTPException: _http_error, StoreError: _unreadable, Exception: _failed},
    )
    return Guard(app, token=token, hosts=hosts, note=note, close=close)


class _Control:
    def __init__(self, live: Live, kill: Kill, kill_key: KillKey, work: Work) -> None:
        self._work = work
        self.listing = Listing(live, work)
        self._kill = kill
        self._kill_key = kill_key

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def sessions(self, request: Request) -> Response:
        """`{sessions, limit, offset, order, has_more}`; each record with `live`. A live one stands as it is now."""
        part = page(request.query_params, "desc")
        conditions = session_filters(request.query_params)
        shown, more = await self.listing.part(part, conditions)
        return JSONResponse({"sessions": shown, **part.record(), "has_more": more})

    async def session(self, request: Request) -> Response:
        return JSONResponse(await self.find(request.path_params["id"]))

    async def findings(self, request: Request) -> Response:
        """`{findings, limit, offset, order, has_more}`."""
        part = page(request.query_params, "desc")
        conditions = finding_filters(request.query_params)
        return as_json(await self._work(some_findings, conditions, part))

    async def kill(self, request: Request) -> Response:
        found = await self.find(request.path_params["id"])
        if not self._kill(found["id"]):
            raise Refused(409, "this session is over", code="session_closed")
        return JSONResponse({"id": found["id"], "killed": True}, 202)

    async def kill_key(self, request: Request) -> Response:
        """`{id, killed}`: the ids of the sessions that are ended; the key itself still works."""
        key = request.path_params["id"]
        return JSONResponse({"id": key, "killed": self._kill_key(key)}, 202)

    async def find(self, session: str) -> Record:
        """The record of a session, live or past. Raises Refused 404."""
        found = await self.listing.find(session)
        if found is None:
            raise Refused(404, f"no session {session[:80]!r}", code="unknown_session")
        return found


def some_findings(log: LogReader, conditions: dict[str, Any], part: Page) -> bytes:
    """Findings that fit, as JSON."""
    found = log.findings(**conditions, limit=part.limit + 1, offset=part.offset, order=part.order)
    shown = [native(finding) for finding in found[: part.limit]]
    return encoded({"findings": shown, **part.record(), "has_more": len(found) > part.limit})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return readable(request.headers, error.answer)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return readable(request.headers, refused(error.status_code, error.detail, headers=error.headers))


async def _unreadable(request: Request, error: Exception) -> Response:
    return readable(request.headers, refused(503, f"the log cannot be read: {error}", code="log_unavailable"))


async def _failed(request: Request, error: Exception) -> Response:
    return readable(request.headers, refused(500, "the control port failed to answer; the proxy's log says why"))
