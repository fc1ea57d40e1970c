"""`usage`: what was used and what it cost, added up by key, model, day, provider or route; from the billing rows of the log."""

from __future__ import annotations

import sys
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from typing import Final

import typer

from cli.billed import Total
from cli.billed import added_up
from cli.billed import read_rows
from cli.errors import Failure
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import print_json
from cli.output import print_table
from cli.spreadsheet import write_csv

_FIELDS: Final = ("sessions", "tokens_in", "tokens_out", "seconds", "messages", "characters", "usd", "unpriced")


class By(StrEnum):
    """What rows are added up by."""

    KEY = "key"
    MODEL = "model"
    DAY = "day"
    PROVIDER = "provider"
    ROUTE = "route"


def usage(
    by: Annotated[By, typer.Option(help="What is added up: key, model, day (UTC), provider or route.")] = By.KEY,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this day on, such as 2026-11-01, or from a time with its zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="To the end of this day, or to a time with its zone.")] = None,
    data: DataFolder = DATA,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV that is safe to open in a spreadsheet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add up what was used and what it cost; live sessions count with what they used so far."""
    if as_csv and as_json:
        raise Failure("VT105", "--csv and --json cannot both be", "choose one")
    first, last = _moment(since), _moment(until, end=True)
    rows = read_rows(data, first, last, datetime.now(UTC))
    groups, total = added_up(rows, by.value), Total.of(rows)
    if as_json:
        found = [{by.value: name, **made.record()} for name, made in groups]
        print_json({"by": by.value, "since": _shown(first), "until": _shown(last), "rows": found, "total": total.record()})
    elif as_csv:
        write_csv(sys.stdout, (by.value, *_FIELDS), ([name, *(made.record()[field] for field in _FIELDS)] for name, made in groups))
    else:
        print_table((by.value, *_HEADS), [_row(name, made) for name, made in [*groups, ("total", total)]], _HEADS)


_HEADS: Final = ("sessions", "tokens in", "tokens out", "time", "messages", "cost")


def _row(name: str, total: Total) -> tuple[object, ...]:
    time = f"{total.seconds:.1f} s" if total.seconds else "-"
    return name, len(total.sessions), total.tokens_in, total.tokens_out, time, total.messages or "-", _cost(total)


def _cost(total: Total) -> str:
    """`+` and how much is missing where some of it has no price."""
    missing = f"+ ({total.unpriced} unpriced)" if total.unpriced else ""
    return "unpriced" if total.unpriced and not total.priced else f"${total.usd:.6f}{missing}"


def _moment(text: str | None, *, end: bool = False) -> datetime | None:
    """A day's first moment, or with `end` the first after it; or a time with its zone. Raises Failure VT105."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _no_time(text) from None
    if len(text) <= len("2026-11-01"):
        return found.replace(tzinfo=UTC) + timedelta(days=end)
    if found.tzinfo is None:
        raise _no_time(text)
    return found.astimezone(UTC)


def _no_time(text: str) -> Failure:
    return Failure("VT105", f"{text!r} is no time", "write a day such as 2026-11-01, or a time such as 2026-11-01T09:00:00Z")


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
