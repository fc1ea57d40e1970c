"""A session to take along, from its page: a report in one file, its messages for DevTools, its records as JSON lines. Without sound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from itertools import chain
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store.export.har import har
from store.export.reading import Chosen
from store.export.reading import Reading
from store.export.records import FIELDS_OF
from store.export.records import header
from store.export.records import line
from store.reader import LogReader
from web.body import Body
from web.query import known
from web.reading import Work
from web.rendering import answer
from web.report import report
from web.sound import Find

Record = dict[str, Any]
Make = Callable[[LogReader, Record], Body]


class Downloads:
    """The routes of files below `/api/sessions/{id}`."""

    def __init__(self, find: Find, work: Work) -> None:
        self._find = find
        self._work = work
        self.routes = [
            Route("/api/sessions/{id}/report.html", self.report),
            Route("/api/sessions/{id}/messages.har", self.har),
            Route("/api/sessions/{id}/records.jsonl", self.jsonl),
        ]

    async def report(self, request: Request) -> Response:
        """As `./run.sh export html`."""
        return await self._answer(request, as_report, "html")

    async def har(self, request: Request) -> Response:
        """As `./run.sh export har`."""
        return await self._answer(request, as_har, "har")

    async def jsonl(self, request: Request) -> Response:
        """As `./run.sh export jsonl`, with all tables."""
        return await self._answer(request, as_jsonl, "jsonl")

    async def _answer(self, request: Request, make: Make, end: str) -> Response:
        known(request.query_params, ())
        session = await self._find(request.path_params["id"])
        made = await self._work(make, session)
        headers = {"content-disposition": f'attachment; filename="{session["id"]}.{end}"'}
        return answer(made, _TYPES[end], headers)


def as_report(log: LogReader, session: Record) -> Body:
    """The page; what is read is that of the log, the session as it is now."""
    reading = _reading(log, session)
    return Body.of(piece.encode() for piece in report(session, reading.turns(session), reading.findings(session), datetime.now(UTC)))


def as_har(log: LogReader, session: Record) -> Body:
    """The archive with its one entry."""
    reading = _reading(log, session)
    return Body.of(piece.encode() for piece in har([session], lambda session: reading.frames(session).events()))


def as_jsonl(log: LogReader, session: Record) -> Body:
    """All records of the session."""
    reading = _reading(log, session)
    lines = (line(kind, row) for kind in FIELDS_OF for row in reading.rows(kind))
    return Body.of(piece.encode() for piece in chain([header(tuple(FIELDS_OF))], lines))


def _reading(log: LogReader, session: Record) -> Reading:
    return Reading(log, Chosen((str(session["id"]),)))


_TYPES: Final = {"html": "text/html", "har": "application/json", "jsonl": "application/jsonl"}
