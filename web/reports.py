"""What the log adds up to: findings with their counts, what was used and what it cost, how long people waited."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import chain
from itertools import pairwise
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from realtime.latencies import percentile
from store.billed import Total
from store.daysum import GROUPS
from store.daysum import DaySum
from store.daysum import joined
from store.daysum import sums
from store.export.native import native
from store.filters import BOUNDS
from store.filters import FINDING
from store.filters import BadFilter
from store.filters import Filter
from store.filters import moment_of
from store.filters import parsed
from store.glances import Found
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
        findings=_shown(log, found, part),
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
    shown = [native(finding) for finding in _shown(log, found, part)]
    more = len(found) > part.offset + part.limit
    return encoded({"findings": shown, "q": q, **part.record(), "has_more": more, "counts": counts})


def usage_page(log: LogReader, since: str) -> str:
    """What was used since then as a page."""
    return render("usage.html", since=since, periods=PERIODS, **_used(log, since))


def usage_twin(log: LogReader, since: str) -> bytes:
    """The same as JSON."""
    return encoded({"since": since, **_used(log, since)})


def _found(log: LogReader, wanted: Filter) -> list[Found]:
    """What fits, the newest first and at most so many. Only where words are looked for records are read as a whole."""
    found = log.glances(since=wanted.since, until=wanted.until, globs=wanted.globs, limit=COUNTED)
    if not wanted.text:
        return found
    text = wanted.text.casefold()
    return [one for one, finding in zip(found, log.found(found), strict=True) if has_text(finding, text)]


def _shown(log: LogReader, found: list[Found], part: Page) -> list[Record]:
    return log.found(found[part.offset : part.offset + part.limit])


def _used(log: LogReader, period: str) -> Record:
    now = datetime.now(UTC)
    begun = moment_of("since", period, now)
    first = datetime(begun.year, begun.month, begun.day, tzinfo=UTC) + timedelta(days=1)
    days = sums(log, first, now)
    by = {name: _rows(joined(day.by[name] for day in days.values()), _waits(days.values(), number)) for number, name in enumerate(GROUPS)}
    by["day"] = [{"name": name, **day.total.record()} for name, day in sorted(days.items()) if day.total.sessions or day.total.others]
    every = sorted(chain.from_iterable(waits for day in days.values() for waits in day.waits.values()))
    total = Total.joined(day.total for day in days.values())
    return {"total": total.record(), "by": by, "latency": {**_summed(every), "buckets": _buckets(every)}}


def _rows(totals: dict[str, Total], waits: dict[str, list[float]]) -> list[Record]:
    """The dearest first."""
    ordered = sorted(totals.items(), key=lambda group: (-group[1].usd, group[0]))
    return [{"name": name, **total.record(), **_summed(sorted(waits.get(name, [])))} for name, total in ordered]


def _part(request: Request) -> Page:
    known(request.query_params, ("q", "limit", "offset"))
    return part_of(request.query_params, "desc")


def _since(request: Request) -> str:
    known(request.query_params, ("since",))
    since = request.query_params.get("since", PERIODS[1])
    if since not in PERIODS:
        raise Refused(400, f"since is one of {', '.join(PERIODS)}, not {since[:40]!r}", param="since")
    return since


def _counted(findings: list[Found]) -> dict[str, list[tuple[str, int]]]:
    return {name: _counts(findings, field) for name, field in (("policy", "policy"), ("key", "principal"), ("kind", "kind"))}


def _counts(findings: Iterable[Found], field: str) -> list[tuple[str, int]]:
    values = (finding.glance.get(field) for finding in findings)
    return Counter(str(value) for value in values if value).most_common(12)


def _waits(days: Iterable[DaySum], number: int) -> dict[str, list[float]]:
    """First audio of the newest turns of each session, by key or by model."""
    found: dict[str, list[float]] = {}
    for day in days:
        for names, waits in day.waits.items():
            found.setdefault(names[number], []).extend(waits)
    return found


def _summed(ordered: list[float]) -> Record:
    return {f"p{percent}": percentile(ordered, percent) if ordered else None for percent in (50, 95)} | {"turns": len(ordered)}


def _buckets(ordered: list[float]) -> list[Record]:
    places = [bisect_left(ordered, edge) for edge in BUCKETS_MS] + [len(ordered)]
    edges = [*pairwise(BUCKETS_MS), (BUCKETS_MS[-1], None)]
    return [{"from": low, "to": high, "turns": end - begin} for (low, high), (begin, end) in zip(edges, pairwise(places), strict=True)]
