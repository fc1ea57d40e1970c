"""`sessions`: the sessions of the log, newest first, whether the proxy runs, is down or was killed."""

from __future__ import annotations

from typing import Annotated
from typing import Any

import typer

from cli.options import DATA
from cli.options import WORDS
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import print_json
from cli.output import print_table
from cli.records import filter_of
from cli.records import read_sessions
from store.cells import clock
from store.cells import cost
from store.cells import duration
from store.cells import ending

_COLUMNS = ("session", "started", "lasted", "key", "route", "provider/model", "turns", "tokens", "cost", "end")
_RIGHT = ("lasted", "turns", "tokens", "cost")


def sessions(
    condition: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT]...",
            help="Conditions: key, provider, model, route, session, transport, door, grouping, status (live, failed, ended), "
            f"which take globs; since and until, a time or how long ago (90m). {WORDS}",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most this many, the newest; 0 for all.")] = 0,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """List the sessions of the log, newest first."""
    found = read_sessions(data, limit or None, filter_of(condition or []))
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [_row(record) for record in found], _RIGHT)


def _row(record: dict[str, Any]) -> tuple[object, ...]:
    return (
        record["id"],
        clock(record["started_at"]),
        duration(record),
        record["principal"],
        record["route"] or "-",
        f"{record['provider']}/{record['model'] or '?'}",
        record["turns"],
        record["usage"]["total_tokens"],
        cost(record["cost"]),
        ending(record),
    )
