"""The routes of the control port: sessions live and past, their turns, and the switch that ends one.

Records come as the log has them. Reading the log happens off the event loop, so a long list delays no session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Collection
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from addons.figures import Snapshot
from store.errors import StoreError
from store.export.native import native
from store.query import Order
from store.query import Wanted
from store.query import has_text
from web.answers import Refused
from web.answers import refused
from web.guard import Guard
from web.guard import Note
from web.metrics import Metrics
from web.pages import call_routes
from web.query import finding_filters
from web.query import page
from web.query import session_filters
from web.query import turn_filters
from web.sound import Sound

Record = dict[str, Any]
Live = Callable[[], list[Record]]
Kill = Callable[[str], bool]
KillKey = Callable[[str], list[str]]
Numbers = Callable[[], Snapshot]


class SessionLog(Protocol):
    """The part of `LogReader` that the control port uses."""

    folder: Path

    def sessions(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        status: str | None = None,
        session_id: str | None = None,
        grouping: str | None = None,
        text: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        order: Order = "desc",
    ) -> list[Record]: ...

    def session(self, session: str) -> Record | None: ...

    def turns(self, session: str) -> list[Record]: ...

    def findings(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        route: str | None = None,
        session_id: str | None = None,
        kind: str | None = None,
        policy: str | None = None,
        action: str | None = None,
        mode: str | None = None,
        severity: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        order: Order = "desc",
    ) -> list[Record]: ...


def make_app(
    log: SessionLog,
    live: Live,
    token: str,
    kill: Kill,
    *,
    kill_key: KillKey,
    note: Note,
    numbers: Numbers,
    gateway: str,
    hosts: Collection[str] = (),
) -> Guard:
    """The control port as an ASGI application; `gateway` is HOST:PORT of that door, `numbers` what the metrics page shows.

    `live`, `numbers`, `kill` and `kill_key` are called on the event loop; `kill` is False for unknown ids, `kill_key` returns the ids of
    the sessions that it ended. `note` is told of each request that is not let in.
    """
    control = _Control(log, live, kill, kill_key)
    app = Starlette(
        routes=[
            Route("/healthz", control.health),
            Route("/metrics", Metrics(numbers).page),
            Route("/api/sessions", control.sessions),
            Route("/api/sessions/{id}", control.session),
            Route("/api/sessions/{id}/kill", control.kill, methods=["POST"]),
            Route("/api/keys/{id}/kill", control.kill_key, methods=["POST"]),
            Route("/api/logs/sessions/{id}", control.turns),
            Route("/api/findings", control.findings),
            *Sound(log.folder.parent, control.find).routes,
            *call_routes(gateway),
        ],
        exception_handlers={Refused: _refused, HTTPException: _http_error, StoreError: _unreadable, Exception: _failed},
    )
    return Guard(app, token=token, hosts=hosts, note=note)


class _Control:
    def __init__(self, log: SessionLog, live: Live, kill: Kill, kill_key: KillKey) -> None:
        self._log = log
        self._live = live
        self._kill = kill
        self._kill_key = kill_key

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def sessions(self, request: Request) -> Response:
        """`{sessions, limit, offset, order, has_more}`; each record with `live`. A live one stands as it is now."""
        part = page(request.query_params, "desc")
        conditions = session_filters(request.query_params)
        live = {record["id"]: record for record in self._live()}
        reach = part.offset + part.limit + 1
        logged = await asyncio.to_thread(self._log.sessions, **conditions, limit=reach, order=part.order)
        rows = [live.get(record["id"], record) for record in logged] + await self._unlogged(live, conditions)
        rows.sort(key=lambda record: str(record["started_at"]), reverse=part.order == "desc")
        shown = [{**record, "live": record["id"] in live} for record in rows[part.offset : reach]]
        return JSONResponse({"sessions": shown[: part.limit], **part.record(), "has_more": len(shown) > part.limit})

    async def session(self, request: Request) -> Response:
        return JSONResponse(await self.find(request.path_params["id"]))

    async def turns(self, request: Request) -> Response:
        """`{turns, count, limit, offset, order, has_more}`; `count` is of all that fit."""
        part = page(request.query_params, "asc")
        conditions = turn_filters(request.query_params)
        found = await self.find(request.path_params["id"])
        turns = [turn for turn in await asyncio.to_thread(self._log.turns, found["id"]) if _fits(turn, **conditions)]
        ordered = turns if part.order == "asc" else turns[::-1]
        shown = list(islice(ordered, part.offset, part.offset + part.limit))
        more = part.offset + len(shown) < len(turns)
        return JSONResponse({"turns": shown, "count": len(turns), **part.record(), "has_more": more})

    async def findings(self, request: Request) -> Response:
        """`{findings, limit, offset, order, has_more}`."""
        part = page(request.query_params, "desc")
        conditions = finding_filters(request.query_params)
        found = await asyncio.to_thread(self._log.findings, **conditions, limit=part.limit + 1, offset=part.offset, order=part.order)
        shown = [native(finding) for finding in found[: part.limit]]
        return JSONResponse({"findings": shown, **part.record(), "has_more": len(found) > part.limit})

    async def kill(self, request: Request) -> Response:
        found = await self.find(request.path_params["id"])
        if not self._kill(found["id"]):
            raise Refused(409, "this session is over", code="session_closed")
        return JSONResponse({"id": found["id"], "killed": True}, 202)

    async def kill_key(self, request: Request) -> Response:
        """`{id, killed}`: the ids of the sessions that are ended; the key itself still works."""
        key = request.path_params["id"]
        return JSONResponse({"id": key, "killed": self._kill_key(key)}, 202)

    async def _unlogged(self, live: dict[str, Record], conditions: dict[str, Any]) -> list[Record]:
        """Live sessions that fit and are not in the log, because it keeps no records or cannot be written."""
        names = {name: value for name, value in conditions.items() if name != "text"}
        text = conditions.get("text", "").casefold()
        fitting = [record for record in live.values() if Wanted(**names).fits(record) and has_text(record, text)]
        logged = await asyncio.to_thread(lambda: [self._log.session(record["id"]) for record in fitting])
        return [record for record, found in zip(fitting, logged, strict=True) if found is None]

    async def find(self, session: str) -> Record:
        """The record of a session, live or past. Raises Refused 404."""
        live = next((record for record in self._live() if record["id"] == session), None)
        if live is not None:
            return {**live, "live": True}
        found = await asyncio.to_thread(self._log.session, session)
        if found is None or found["id"] != session:
            raise Refused(404, f"no session {session[:80]!r}", code="unknown_session")
        return {**found, "live": False}


def _fits(
    turn: Record, status: str | None = None, since: datetime | None = None, until: datetime | None = None, text: str | None = None
) -> bool:
    started = datetime.fromisoformat(turn["started_at"])
    return (
        (status is None or turn["status"] == status)
        and (since is None or started >= since)
        and (until is None or started < until)
        and (text is None or has_text(turn, text.casefold()))
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, error.detail, headers=error.headers)


async def _unreadable(request: Request, error: Exception) -> Response:
    return refused(503, f"the log cannot be read: {error}", code="log_unavailable")


async def _failed(request: Request, error: Exception) -> Response:
    return refused(500, "the control port failed to answer; the proxy's log says why")
