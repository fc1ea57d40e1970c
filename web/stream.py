"""Server-sent events: what happens, as it happens, for pages and for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.responses import StreamingResponse

from store.clock import stamp
from store.clock import utc_now
from store.errors import StoreError
from web.live import Change
from web.live import Kind
from web.live import Onlooker
from web.live import TooMany
from web.live import Watch
from web.query import known

BEAT_SECONDS: Final = 15.0
"""A comment that often, so that a reader that is gone is noticed."""

_PAUSING: Final = ("paused", "resumed")

Shape = Callable[[Change], Awaitable[object]]
"""What is sent of a change, as JSON; None for nothing."""


def events(watch: Watch, wants: Callable[[Kind, str | None], bool], shape: Shape) -> Response:
    """An answer that goes on until its reader leaves, is too slow, or the port closes."""
    return StreamingResponse(_events(watch, wants, shape), media_type="text/event-stream")


def page_events(watch: Watch, wants: Callable[[Kind, str | None], bool], shape: Shape) -> Response:
    """As `events`, for a page: all that is paused as `standing`, `{now, paused}`, and each change to it, besides what the page wants."""

    async def shaped(change: Change) -> object:
        return change.record if change.kind in _PAUSING else await shape(change)

    def wanted(kind: Kind, session: str | None) -> bool:
        return kind in _PAUSING or wants(kind, session)

    return StreamingResponse(_events(watch, wanted, shaped, standing=True), media_type="text/event-stream")


async def _events(watch: Watch, wants: Callable[[Kind, str | None], bool], shape: Shape, *, standing: bool = False) -> AsyncIterator[str]:
    try:
        async with watch.joined(wants) as onlooker:
            yield "retry: 1000\n\n"
            if standing:
                yield _event("standing", {"now": stamp(utc_now()), "paused": watch.paused()})
            async for text in _told(onlooker, shape):
                yield text
    except TooMany:
        yield _event("refused", {"message": "as many look on as may; close another page"})
    except (StoreError, OSError) as error:
        yield _event("refused", {"message": f"the log cannot be read: {error}"})


async def _told(onlooker: Onlooker, shape: Shape) -> AsyncIterator[str]:
    while True:
        try:
            change = await asyncio.wait_for(onlooker.waiting.get(), BEAT_SECONDS)
        except TimeoutError:
            yield ": still here\n\n"
            continue
        if change is None:
            yield _event("cut", {})
            return
        made = await shape(change)
        if made is not None:
            yield _event(change.kind, made)


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


async def everything(request: Request, watch: Watch) -> Response:
    """`GET /api/live`: sessions, turns and findings as their records, or those of one session."""
    known(request.query_params, ("session_id",))
    only = request.query_params.get("session_id")
    return events(watch, lambda kind, session: only in (None, session), _record)


async def _record(change: Change) -> object:
    return change.record
