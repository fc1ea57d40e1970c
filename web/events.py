"""The recorded messages of a session over the control port, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from store.framereader import Frames
from store.framereader import Wanted
from store.frames import row
from web.answers import Refused
from web.query import Page
from web.query import event_filters
from web.query import page

Find = Callable[[str], Awaitable[dict[str, Any]]]
"""The record of a session. Raises Refused 404."""
Read = Callable[[str], Frames | None]
"""The messages of a session, as `LogReader.frames`."""


class Events:
    """The route of recorded messages below `/api/sessions/{id}`."""

    def __init__(self, read: Read, find: Find) -> None:
        self._read = read
        self._find = find
        self.routes = [Route("/api/sessions/{id}/events", self.events)]

    async def events(self, request: Request) -> Response:
        """`{events, recorded, unreadable, limit, offset, order, has_more}`; those of a live session up to about two seconds ago."""
        part = page(request.query_params, "asc")
        wanted = Wanted(**event_filters(request.query_params))
        record = await self._find(request.path_params["id"])
        return JSONResponse(await asyncio.to_thread(self._answer, record, wanted, part))

    def _answer(self, record: dict[str, Any], wanted: Wanted, part: Page) -> dict[str, Any]:
        frames = self._read(record["id"])
        if frames is None or not (frames.readable or record.get("events")):
            raise Refused(404, f"session {record['id']}: {why_not(frames)}", code="no_events")
        found = list(islice(frames.events(wanted, order=part.order, offset=part.offset), part.limit + 1))
        return {
            "events": [row(event) for event in found[: part.limit]],
            "recorded": record.get("events"),
            "unreadable": frames.unreadable,
            **part.record(),
            "has_more": len(found) > part.limit,
        }


def why_not(frames: Frames | None) -> str:
    """Why there are no messages."""
    if frames is not None and frames.erased:
        return "its messages were erased, or log.retention.content is over"
    return "its messages were not recorded; log.frames in rules.yaml says whether they are"
