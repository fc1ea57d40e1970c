"""The recorded messages of a session as its page lists them: pieces of one thing in one row; each can be opened on its own."""

from __future__ import annotations

from itertools import islice
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store.folding import Folded
from store.folding import folded
from store.frames import row
from store.reader import LogReader
from web.answers import Refused
from web.body import Body
from web.events import why_not
from web.query import known
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded
from web.sound import Find

MOST_ROWS: Final = 50_000
_WORDS: Final = 160
_MOST_DIGITS: Final = 18


class Messages:
    """The routes of messages below a session's page."""

    def __init__(self, find: Find, work: Work) -> None:
        self._work = work
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
        record = await self._find(request.path_params["id"])
        most = 1 if request.query_params.get("fold") == "no" else None
        return _answer(record, await self._work(rows, record["id"], bool(record.get("events")), most))

    async def one(self, request: Request) -> Response:
        """The message with a number, with all its fields."""
        number = request.path_params["n"]
        record = await self._find(request.path_params["id"])
        known_number = number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS
        found = await self._work(message, record["id"], bool(record.get("events")), int(number) if known_number else 0)
        if found is None:
            raise Refused(404, f"there is no message {number[:40]!r}", code="unknown_message")
        return _answer(record, found)


def _answer(record: dict[str, Any], found: bytes | Body | str) -> Response:
    """What was read, or why it was not."""
    if isinstance(found, str):
        raise Refused(404, f"session {record['id']}: {found}", code="no_events")
    return as_json(found)


def rows(log: LogReader, session: str, recorded: bool, most: int | None) -> Body | str:
    """The list as JSON, at most so many messages in a row; or why there is none."""
    frames = log.frames(session)
    if frames is None or not (frames.readable or recorded):
        return why_not(frames)
    made, before = [], 0
    found = folded(frames.events(), most=most)
    for one in islice(found, MOST_ROWS):
        made.append(_row(one, one.first.at - before))
        before = one.last.at
    return Body.of([encoded({"rows": made, "more": next(found, None) is not None})])


def message(log: LogReader, session: str, recorded: bool, number: int) -> bytes | str | None:
    """A message as JSON; or why there are none, None where only this one is not there."""
    frames = log.frames(session)
    if frames is None or not (frames.readable or recorded):
        return why_not(frames)
    event = frames.event(number)
    return None if event is None else encoded(row(event))


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
