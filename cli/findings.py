"""`findings`: what the proxy found, one by one or counted, as a table for people and in the forms that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated
from typing import Final

import typer

from cli.completion import complete_finding
from cli.errors import Failure
from cli.options import DATA
from cli.options import WORDS
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import print_json
from cli.output import print_table
from cli.records import Record
from cli.records import filter_of
from cli.records import read_findings
from cli.spreadsheet import write_csv
from store.cells import clock
from store.cells import found
from store.counts import FIGURES
from store.counts import counted
from store.counts import fields_of
from store.export import line
from store.export.native import FIELDS
from store.export.native import native
from store.filters import FINDING
from store.query import fitting
from store.query import has_text

_COLUMNS: Final = ("time", "severity", "kind", "action", "key", "session", "what")
_HEADS: Final = {"principal": "key", "event_type": "event"}
_RIGHT: Final = ("hits", "sessions")


class By(StrEnum):
    """What hits are counted by; as in `store.counts`."""

    policy = "policy"
    key = "key"
    kind = "kind"
    severity = "severity"
    action = "action"
    mode = "mode"
    provider = "provider"
    model = "model"
    route = "route"
    session = "session"
    event = "event"
    day = "day"


class Form(StrEnum):
    native = "native"
    ocsf = "ocsf"
    ecs = "ecs"
    csv = "csv"


def findings(
    condition: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT]...",
            autocompletion=complete_finding,
            help=f"Conditions: {', '.join(FINDING)}, which take globs; since and until, a time or how long ago (90m). {WORDS}",
        ),
    ] = None,
    by: Annotated[
        list[By] | None,
        typer.Option(metavar="WHAT", help=f"Count them by {', '.join(By)}; may be repeated. A policy's mode and action belong to it."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most this many, the newest; 0 for all.")] = 0,
    form: Annotated[
        Form | None, typer.Option("--format", help="Print JSON lines in this form, or CSV, the oldest first; see docs/findings.md.")
    ] = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """List what the proxy found, newest first, or count it: policy hits, budgets, revocations, refused requests, limits, leaks, changes."""
    wanted = filter_of(condition or [], FINDING)
    text, within = (wanted.text or "").casefold(), read_findings(data, wanted.since, wanted.until)
    listed = [record for record in within if fitting(record, wanted.globs) and has_text(record, text)]
    listed = listed[-limit:] if limit else listed
    if by:
        _print_counts(listed, by, form, as_json=as_json)
    elif as_json:
        print_json([native(record) for record in reversed(listed)])
    elif form is Form.csv:
        _print_csv(FIELDS, listed)
    elif form is not None:
        sys.stdout.writelines(f"{line(record, form)}\n" for record in listed)
    else:
        print_table(_COLUMNS, [_row(record) for record in reversed(listed)])


def _row(record: Record) -> tuple[object, ...]:
    return (
        clock(record["at"]),
        record["severity"],
        record["kind"],
        record["action"],
        record["principal"] or "-",
        record["session"] or "-",
        found(record),
    )


def _print_counts(listed: list[Record], by: Sequence[By], form: Form | None, *, as_json: bool) -> None:
    """Raises Failure VT105 for a form that findings alone have."""
    rows, fields = counted(listed, by), fields_of(by)
    if as_json:
        print_json({"by": list(by), "rows": rows})
    elif form is Form.csv:
        _print_csv((*fields, *FIGURES), rows)
    elif form is not None:
        raise Failure("VT105", f"counts have no form {form.value}", "leave --by out, or choose --format csv or --json")
    else:
        heads = [_HEADS.get(field, field) for field in fields]
        print_table((*heads, *FIGURES), [_count(row, fields) for row in rows], _RIGHT)


def _count(row: Record, fields: Sequence[str]) -> tuple[object, ...]:
    named = ("-" if row[field] is None else row[field] for field in fields)
    return *named, row["hits"], row["sessions"], clock(row["first"]), clock(row["last"])


def _print_csv(fields: Sequence[str], records: Iterable[Record]) -> None:
    write_csv(sys.stdout, fields, ([record.get(name) for name in fields] for record in records))
