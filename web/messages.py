"""The recorded messages of a session as its page lists them: pieces of one thing in one row; each can be opened on its own."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from store.folding import Folded
from store.folding import folded
from store.framereader import Frames
from store.frames import row
from web.answers import Refused
from web.events import Read
from web.events import why_not
from web.query import known
from web.sound import Find

MOST_ROWS: Final = 50_000
_WORDS: Final = 160
_MOST_DIGITS: Final = 18


class Messages:
    """The routes of messages below a session's page."""

    def __init__(self, read: Read, find: Find) -> None:
        self._read = read
        self._find = find
        self.routes = [
            Route("/sessions/{id}/messages.json", self.list),
            Route("/sessions/{id}/messages/{n}.json", self.one),
        ]

    async def list(self, request: Request) -> Response:
        """`{rows, more}`; a row is `[n, count, at, gap, from, type, size, words, outcome, findings, turn]`, times in ms.

        `fold=no` folds nothing. `gap` is since the row before; `more` where there are more rows than a page can hold.
        """
        known(request.query_params, ("fold",))
        frames = await self._of(request)
        most = 1 if request.query_params.get("fold") == "no" else None
        found = await asyncio.to_thread(lambda: list(islice(folded(frames.events(), most=most), MOST_ROWS + 1)))
        rows, before = [], 0
        for one in found[:MOST_ROWS]:
            rows.append(_row(one, one.first.at - before))
            before = one.last.at
        return JSONResponse({"rows": rows, "more": len(found) > MOST_ROWS})

    async def one(self, request: Request) -> Response:
        """The message with a number, with all its fields."""
        frames = await self._of(request)
        number = request.path_params["n"]
        known_number = number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS
        event = await asyncio.to_thread(frames.event, int(number)) if known_number else None
        if event is None:
            raise Refused(404, f"there is no message {number[:40]!r}", code="unknown_message")
        return JSONResponse(row(event))

    async def _of(self, request: Request) -> Frames:
        record = await self._find(request.path_params["id"])
        frames = await asyncio.to_thread(self._read, record["id"])
        if frames is None or not (frames.readable or record.get("events")):
            raise Refused(404, f"session {record['id']}: {why_not(frames)}", code="no_events")
        return frames


def _row(found: Folded, gap: int) -> list[Any]:
    first = found.first
    told = [{"kind": one.kind, "policy": one.policy, "action": one.action} for one in first.findings]
    words = found.text[:_WORDS]
    return [
        first.n,
        found.count,
        first.at // 1_000,
        gap // 1_000,
        first.from_,
        first.type,
        found.size,
        words,
        first.outcome,
        told,
        first.turn,
    ]
