"""What the log has of turns, over the control port: of all sessions, of one, and the sum of one.

Each turn comes with what its session says of itself (`store.turnlist.OF_SESSION`) and with the findings that were made in it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from store.clock import stamp
from store.query import Wanted
from store.reader import LogReader
from store.turnlist import WantedTurns
from store.turnlist import described
from store.turnlist import turn_list
from web.query import Page
from web.query import log_filters
from web.query import page
from web.query import turn_filters
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded

Record = dict[str, Any]
Find = Callable[[str], Awaitable[Record]]
"""The record of a session. Raises Refused 404."""


class Logs:
    """The routes below `/api/logs`."""

    def __init__(self, find: Find, work: Work) -> None:
        self._find = find
        self._work = work
        self.routes = [
            Route("/api/logs", self.turns),
            Route("/api/logs/sessions/{id}", self.of_session),
            Route("/api/logs/sessions/{id}/summary", self.summary),
        ]

    async def turns(self, request: Request) -> Response:
        """`{logs, limit, offset, order, has_more}`: turns of all sessions."""
        part = page(request.query_params, "desc")
        wanted = wanted_turns(log_filters(request.query_params))
        return as_json(await self._work(all_turns, wanted, part))

    async def of_session(self, request: Request) -> Response:
        """`{turns, count, limit, offset, order, has_more}`; `count` is of all that fit."""
        part = page(request.query_params, "asc")
        wanted = wanted_turns(turn_filters(request.query_params))
        session = await self._find(request.path_params["id"])
        return as_json(await self._work(some_turns, session, wanted, part))

    async def summary(self, request: Request) -> Response:
        """As `summary_of`."""
        return JSONResponse(summary_of(await self._find(request.path_params["id"]), datetime.now(UTC)))


def wanted_turns(given: Mapping[str, Any]) -> WantedTurns:
    """Conditions of a query: those on the session a turn is of, and those on the turn."""
    own = {name: given[name] for name in ("status", "since", "until", "text") if name in given}
    return WantedTurns(session=Wanted(**{name: value for name, value in given.items() if name not in own}), **own)


def all_turns(log: LogReader, wanted: WantedTurns, part: Page) -> bytes:
    """Turns of all sessions, as JSON."""
    found = turn_list(log, wanted, limit=part.limit + 1, offset=part.offset, order=part.order)
    return encoded({"logs": found[: part.limit], **part.record(), "has_more": len(found) > part.limit})


def some_turns(log: LogReader, session: Record, wanted: WantedTurns, part: Page) -> bytes:
    """Turns of a session that fit, as JSON."""
    turns = [turn for turn in log.turns(session["id"]) if wanted.fits(turn) and wanted.says(turn)]
    ordered = turns if part.order == "asc" else turns[::-1]
    shown = described(log, ordered[part.offset : part.offset + part.limit], {session["id"]: session})
    more = part.offset + len(shown) < len(turns)
    return encoded({"turns": shown, "count": len(turns), **part.record(), "has_more": more})


def summary_of(session: Record, now: datetime) -> Record:
    """`{count, total_cost, partial, total_tokens, started_at, latest_at, duration_ms}`.

    `count` is of turns, `total_cost` in dollars, null where nothing used has a price, and `partial` where only some has. While it runs
    `latest_at` is now.
    """
    cost = session.get("cost") or {}
    latest = session.get("ended_at") or stamp(now)
    length = datetime.fromisoformat(latest) - datetime.fromisoformat(session["started_at"])
    return {
        "count": session.get("turns"),
        "total_cost": cost.get("usd"),
        "partial": bool(cost.get("partial")),
        "total_tokens": (session.get("usage") or {}).get("total_tokens"),
        "started_at": session["started_at"],
        "latest_at": latest,
        "duration_ms": round(length.total_seconds() * 1000),
    }
