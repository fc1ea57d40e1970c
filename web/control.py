"""The routes of the control port: sessions live and past, their turns, and the switch that ends one.

Records come as the log has them. Reading the log happens off the event loop, so a long list delays no session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from web.answers import Refused
from web.answers import refused
from web.guard import Guard
from web.query import Filter
from web.query import Record
from web.query import filters
from web.query import page
from web.query import unknown

_PAGING = ("limit", "offset", "order", "token")


class SessionLog(Protocol):
    """The records that the control port reads; both lists in order of time."""

    def sessions(self) -> Sequence[dict[str, Any]]: ...

    def turns(self, session: str) -> Sequence[dict[str, Any]]: ...


Live = Callable[[], list[dict[str, Any]]]
Kill = Callable[[str], bool]


def make_app(log: SessionLog, live: Live, token: str, kill: Kill, *, hosts: Collection[str] = ()) -> Guard:
    """The control port as an ASGI application. `live` and `kill` are called on the event loop; `kill` is False for unknown ids."""
    control = _Control(log, live, kill)
    app = Starlette(
        routes=[
            Route("/healthz", control.health),
            Route("/api/sessions", control.sessions),
            Route("/api/sessions/{id}", control.session),
            Route("/api/sessions/{id}/kill", control.kill, methods=["POST"]),
            Route("/api/logs/sessions/{id}", control.turns),
        ],
        exception_handlers={Refused: _refused, HTTPException: _http_error, Exception: _failed},
    )
    return Guard(app, token=token, hosts=hosts)


class _Control:
    def __init__(self, log: SessionLog, live: Live, kill: Kill) -> None:
        self._log = log
        self._live = live
        self._kill = kill

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def sessions(self, request: Request) -> Response:
        """`{sessions, count, has_more, …}`: count is of all that match."""
        return _listed("sessions", await self._all(), request)

    async def session(self, request: Request) -> Response:
        return JSONResponse(await self._find(request.path_params["id"]))

    async def turns(self, request: Request) -> Response:
        found = await self._find(request.path_params["id"])
        return _listed("turns", await asyncio.to_thread(self._log.turns, found["id"]), request)

    async def kill(self, request: Request) -> Response:
        found = await self._find(request.path_params["id"])
        if not self._kill(found["id"]):
            raise Refused(409, "this session is over", code="session_closed")
        return JSONResponse({"id": found["id"], "killed": True}, 202)

    async def _all(self) -> list[dict[str, Any]]:
        """Every session in order of time; what is live stands as it is now, not as it was logged at its start."""
        live = {record["id"]: {**record, "live": True} for record in self._live()}
        past = [{**record, "live": False} for record in await asyncio.to_thread(self._log.sessions) if record["id"] not in live]
        return sorted([*past, *live.values()], key=lambda record: str(record["started_at"]))

    async def _find(self, session: str) -> dict[str, Any]:
        found = next((record for record in await self._all() if record["id"] == session), None)
        if found is None:
            raise Refused(404, f"no session {session[:80]!r}", code="unknown_session")
        return found


def _listed(name: str, records: Sequence[Record], request: Request) -> Response:
    given = request.query_params
    unknown(given, _PAGING)
    part = page(given)
    conditions = filters(given.items())
    matching = [record for record in records if _fits(record, conditions)]
    shown = part.of(matching)
    paging = {"limit": part.limit, "offset": part.offset, "order": part.order}
    return JSONResponse({name: shown, **paging, "count": len(matching), "has_more": part.offset + len(shown) < len(matching)})


def _fits(record: Record, conditions: Sequence[Filter]) -> bool:
    return all(condition.fits(record) for condition in conditions)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.answer


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, error.detail, headers=error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return refused(500, "the control port failed to answer; the proxy's log says why")
