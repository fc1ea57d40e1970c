"""What the log adds up to: findings with their counts, what was used and what it cost, how long people waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import pairwise
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from realtime.latencies import percentile
from store.billed import Total
from store.billed import added_up
from store.billed import read_rows
from store.export.native import native
from store.filters import BOUNDS
from store.filters import FINDING
from store.filters import BadFilter
from store.filters import Filter
from store.filters import moment_of
from store.filters import parsed
from store.query import has_text
from store.reader import LogReader
from web.answers import Refused
from web.query import Page
from web.query import filtered
from web.query import known
from web.query import page as part_of
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded
from web.rendering import render
from web.rendering import whole

Record = dict[str, Any]

COUNTED: Final = 10_000
"""Findings that are counted, the newest."""
PERIODS: Final = ("1d", "7d", "30d", "365d")
BUCKETS_MS: Final = (0, 200, 300, 400, 500, 600, 800, 1_000, 1_500, 2_000, 3_000)
"""Where the bars of the distribution begin; the last has no end."""
_GROUPS: Final = ("key", "model", "day")


class Reports:
    """The pages of findings and of usage, each with its twin."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.routes = [
            Route("/findings", self.findings),
            Route("/findings.json", self.findings_json),
            Route("/usage", self.usage),
            Route("/usage.json", self.usage_json),
        ]

    async def findings(self, request: Request) -> Response:
        """The list; a filter that cannot be understood is shown with what is wrong about it."""
        part, q = _part(request), request.query_params.get("q", "")
        try:
            wanted, wrong = parsed(q, FINDING, datetime.now(UTC)), None
        except BadFilter as error:
            wanted, wrong = None, {"message": str(error), "hint": error.hint}
        return whole(await self._work(findings_page, wanted, part, q, wrong), 400 if wrong else 200)

    async def findings_json(self, request: Request) -> Response:
        """`{findings, q, limit, offset, order, has_more, counts}`, the counts by policy, key and kind."""
        part, q = _part(request), request.query_params.get("q", "")
        return as_json(await self._work(findings_twin, filtered(request.query_params, FINDING), part, q))

    async def usage(self, request: Request) -> Response:
        return whole(await self._work(usage_page, _since(request)))

    async def usage_json(self, request: Request) -> Response:
        """`{since, total, by, latency}`: totals by key, model and day, and the distribution of first audio."""
        return as_json(await self._work(usage_twin, _since(request)))


def findings_page(log: LogReader, wanted: Filter | None, part: Page, q: str, wrong: dict[str, str] | None) -> str:
    """What fits as a page; nothing where nothing can be wanted."""
    found = _found(log, wanted) if wanted is not None else []
    return render(
        "findings.html",
        q=q,
        wrong=wrong,
        page=part,
        findings=found[part.offset : part.offset + part.limit],
        more=len(found) > part.offset + part.limit,
        counts=_counted(found),
        count=len(found),
        most=COUNTED,
        names=(*FINDING, *BOUNDS),
    )


def findings_twin(log: LogReader, wanted: Filter, part: Page, q: str) -> bytes:
    """The same as JSON."""
    found = _found(log, wanted)
    counts = {name: dict(values) for name, values in _counted(found).items()}
    shown = [native(finding) for finding in found[part.offset : part.offset + part.limit]]
    more = len(found) > part.offset + part.limit
    return encoded({"findings": shown, "q": q, **part.record(), "has_more": more, "counts": counts})


def usage_page(log: LogReader, since: str) -> str:
    """What was used since then as a page."""
    return render("usage.html", since=since, periods=PERIODS, **_used(log, since))


def usage_twin(log: LogReader, since: str) -> bytes:
    """The same as JSON."""
    return encoded({"since": since, **_used(log, since)})


def _found(log: LogReader, wanted: Filter) -> list[Record]:
    """What fits, the newest first and at most so many."""
    found = log.findings(since=wanted.since, until=wanted.until, globs=wanted.globs, limit=COUNTED)
    text = (wanted.text or "").casefold()
    return [finding for finding in found if not text or has_text(finding, text)]


def _used(log: LogReader, period: str) -> Record:
    now = datetime.now(UTC)
    begun = moment_of("since", period, now)
    first = datetime(begun.year, begun.month, begun.day, tzinfo=UTC) + timedelta(days=1)
    rows = read_rows(log, first, None, now)
    waits = _waits(log.sessions(since=first, limit=None))
    by = {name: [{"name": group, **total.record()} for group, total in added_up(rows, name)] for name in _GROUPS}
    for name in ("key", "model"):
        by[name] = [{**row, **_summed(waits[name].get(row["name"], []))} for row in by[name]]
    every = [value for values in waits["key"].values() for value in values]
    return {"total": Total.of(rows).record(), "by": by, "latency": {**_summed(every), "buckets": _buckets(every)}}


def _part(request: Request) -> Page:
    known(request.query_params, ("q", "limit", "offset"))
    return part_of(request.query_params, "desc")


def _since(request: Request) -> str:
    known(request.query_params, ("since",))
    since = request.query_params.get("since", PERIODS[1])
    if since not in PERIODS:
        raise Refused(400, f"since is one of {', '.join(PERIODS)}, not {since[:40]!r}", param="since")
    return since


def _counted(findings: list[Record]) -> dict[str, list[tuple[str, int]]]:
    return {name: _counts(findings, field) for name, field in (("policy", "policy"), ("key", "principal"), ("kind", "kind"))}


def _counts(findings: Iterable[Record], field: str) -> list[tuple[str, int]]:
    return Counter(str(finding[field]) for finding in findings if finding.get(field)).most_common(12)


def _waits(sessions: Iterable[Record]) -> dict[str, dict[str, list[float]]]:
    """First audio of the newest turns of each session, by key and by model."""
    found: dict[str, dict[str, list[float]]] = {"key": {}, "model": {}}
    for session in sessions:
        last = (session.get("first_audio") or {}).get("last") or []
        for name, field in (("key", "principal"), ("model", "model")):
            found[name].setdefault(str(session.get(field) or "-"), []).extend(last)
    return found


def _summed(values: list[float]) -> Record:
    ordered = sorted(values)
    return {f"p{percent}": percentile(ordered, percent) if ordered else None for percent in (50, 95)} | {"turns": len(ordered)}


def _buckets(values: list[float]) -> list[Record]:
    edges = [*pairwise(BUCKETS_MS), (BUCKETS_MS[-1], None)]
    return [
        {"from": low, "to": high, "turns": sum(low <= value and (high is None or value < high) for value in values)} for low, high in edges
    ]
