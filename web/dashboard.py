"""The pages: what a browser shows of the log and of live sessions. Each has a twin in JSON at the same address with `.json`."""

from __future__ import annotations

import asyncio
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store.filters import BOUNDS
from store.filters import SESSION
from store.filters import BadFilter
from store.filters import Filter
from store.filters import parsed
from web.listing import Listing
from web.live import Change
from web.live import Watch
from web.pages import static
from web.query import filtered
from web.query import known
from web.query import page as part_of
from web.reading import Work
from web.rendering import as_json
from web.rendering import page
from web.rendering import render
from web.rendering import whole
from web.sessionlist import fits
from web.sessionlist import sessions_page
from web.sessionlist import sessions_twin
from web.stream import page_events

_ASSETS: Final = Path(__file__).parent / "assets"
_NAMES: Final = (*SESSION, *BOUNDS)


class Dashboard:
    """The list of sessions and what belongs to it. `gateway` gives the URL of that door for a request."""

    def __init__(self, listing: Listing, watch: Watch, gateway: Any, work: Work) -> None:
        self._listing = listing
        self._work = work
        self._watch = watch
        self._gateway = gateway
        self.routes = [
            Route("/", self.sessions),
            Route("/sessions", self.sessions),
            Route("/sessions.json", self.sessions_json),
            Route("/live/sessions", self.rows),
            *(Route(f"/assets/{path.name}", static(path)) for path in sorted(_ASSETS.iterdir())),
        ]

    async def sessions(self, request: Request) -> Response:
        """The list; a filter that cannot be understood is shown with what is wrong about it."""
        part = _part(request)
        q = request.query_params.get("q", "")
        shown: dict[str, Any] = {"q": q, "page": part, "gateway": self._gateway(request), "names": _NAMES, "wrong": None}
        try:
            conditions = _conditions(parsed(q, SESSION, datetime.now(UTC)))
        except BadFilter as error:
            return page(
                "sessions.html", status=400, sessions=[], more=False, **shown | {"wrong": {"message": str(error), "hint": error.hint}}
            )
        return whole(await self._work(sessions_page, self._listing.live, part, conditions, shown))

    async def sessions_json(self, request: Request) -> Response:
        """`{sessions, q, limit, offset, order, has_more}`."""
        part, conditions = _part(request), _conditions(filtered(request.query_params, SESSION))
        return as_json(await self._work(sessions_twin, self._listing.live, part, conditions, request.query_params.get("q", "")))

    async def rows(self, request: Request) -> Response:
        """Sessions as they change, as rows of the list: `{id, html, place}`."""
        known(request.query_params, ("q",))
        conditions = _conditions(filtered(request.query_params, SESSION))
        return page_events(self._watch, lambda kind, session: kind == "session", lambda change: asyncio.to_thread(_row, change, conditions))


def _row(change: Change, conditions: dict[str, Any]) -> dict[str, Any]:
    """`place` is `new` where the session fits, `gone` where it does not, `known` where that hangs on texts that are not looked at here."""
    if not fits(change.record, {**conditions, "text": None}):
        return {"id": change.session, "html": "", "place": "gone"}
    place = "new" if fits(change.record, conditions) else "known"
    return {"id": change.session, "html": render("session_row.html", session=change.record), "place": place}


def _part(request: Request) -> Any:
    known(request.query_params, ("q", "limit", "offset", "order"))
    return part_of(request.query_params, "desc")


def _conditions(wanted: Filter) -> dict[str, Any]:
    return {"globs": wanted.globs, "since": wanted.since, "until": wanted.until, "text": wanted.text}
