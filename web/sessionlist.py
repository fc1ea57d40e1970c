"""Sessions live and past as one list, in the order of their start: the log's, with those that run as they stand now.

The first page anybody asks for: what is imported here is what a process that reads the log has to load before it can answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from store.query import Wanted
from store.query import has_text
from store.reader import LogReader
from web.paging import Page
from web.rendering import encoded
from web.rendering import render

Record = dict[str, Any]


def sessions_page(log: LogReader, live: list[Record], part: Page, conditions: dict[str, Any], shown: dict[str, Any]) -> str:
    """The list as a page; `shown` is what else stands on it."""
    sessions, more = listed(log, live, part, conditions)
    return render("sessions.html", sessions=sessions, more=more, **shown)


def sessions_twin(log: LogReader, live: list[Record], part: Page, conditions: dict[str, Any], q: str) -> bytes:
    """The list as JSON."""
    sessions, more = listed(log, live, part, conditions)
    return encoded({"sessions": sessions, "q": q, **part.record(), "has_more": more})


def found_in(log: LogReader, session: str) -> Record | None:
    """The session with an id, to the letter."""
    return log.named(session)


def listed(log: LogReader, now: list[Record], page: Page, conditions: dict[str, Any]) -> tuple[list[Record], bool]:
    """A page of the sessions that fit, and whether there are more; conditions are those of `LogReader.sessions`, `now` those that run."""
    live = {record["id"]: record for record in now}
    running = [record for record in now if fits(record, conditions)]
    unlogged = [record for record in running if log.named(record["id"]) is None] if page.offset else []
    offset = 0 if unlogged else page.offset
    logged = log.sessions(**conditions, limit=page.offset - offset + page.limit + 1, offset=offset, order=page.order)
    if not page.offset:
        unlogged = _unlogged(running, logged, page)
    rows = [live.get(record["id"], record) for record in logged] + unlogged
    rows.sort(key=lambda record: str(record["started_at"]), reverse=page.order == "desc")
    shown = [{**record, "live": record["id"] in live} for record in rows[page.offset - offset :]]
    return shown[: page.limit], len(shown) > page.limit


def _unlogged(running: list[Record], logged: list[Record], page: Page) -> list[Record]:
    """Of sessions that run those that would stand on the first page, and do not: the log does not have them yet."""
    known = {record["id"] for record in logged}
    missing = [record for record in running if record["id"] not in known]
    if len(logged) <= page.limit:
        return missing
    last = str(logged[-1]["started_at"])
    return [record for record in missing if (str(record["started_at"]) > last) == (page.order == "desc")]


def fits(record: Record, conditions: dict[str, Any]) -> bool:
    """Whether a session fits conditions as they are given to the log; of its turns nothing is known here."""
    names: dict[str, str | datetime] = {name: value for name, value in conditions.items() if name != "text"}
    return Wanted(**names).fits(record) and has_text(record, (conditions.get("text") or "").casefold())  # type: ignore[arg-type]
