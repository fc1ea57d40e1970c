"""`export jsonl` and `export csv`: the records of the log, one a line, for programs and for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from typing import Final

import typer
from rich.progress import Progress

from cli.chosen import What
from cli.chosen import chosen
from cli.destination import Force
from cli.destination import Output
from cli.destination import destination
from cli.options import DATA
from cli.options import DataFolder
from cli.output import progress
from cli.records import readable
from cli.spreadsheet import write_csv
from store.export.columns import COLUMNS
from store.export.columns import cells
from store.export.reading import Reading
from store.export.records import Kind
from store.export.records import header
from store.export.records import line
from store.lines import Row
from store.reader import LogReader

_TOLD_EVERY: Final = 500
"""Records after which the progress is told."""


class Table(StrEnum):
    """What there are records of."""

    sessions = "sessions"
    turns = "turns"
    findings = "findings"
    bills = "bills"
    frames = "frames"


_KINDS: Final[dict[Table, Kind]] = {
    Table.sessions: "session",
    Table.turns: "turn",
    Table.findings: "finding",
    Table.bills: "bill",
    Table.frames: "frame",
}
_USUAL: Final = (Table.sessions, Table.turns, Table.findings, Table.bills)


def jsonl(
    what: What = None,
    table: Annotated[
        list[Table] | None,
        typer.Option(help="Only records of this table; may be repeated. All but frames without, the recorded messages (log.frames)."),
    ] = None,
    output: Output = None,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Write records as JSON lines; docs/exports.md and data/export.schema.json describe them."""
    kinds = tuple(_KINDS[name] for name in Table if name in (table or _USUAL))
    reading = Reading(LogReader(data), chosen(data, what or []))
    with progress("exporting") as bar, destination(output, force=force) as file:
        file.write(header(kinds))
        for kind in kinds:
            file.writelines(line(kind, row) for row in _rows(bar, data, reading, kind))


def csv(
    what: What = None,
    table: Annotated[Table, typer.Option(help="Which records; the columns are theirs.")] = Table.sessions,
    output: Output = None,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Write the records of one table as CSV that is safe to open in a spreadsheet."""
    kind = _KINDS[table]
    reading = Reading(LogReader(data), chosen(data, what or []))
    with progress("exporting") as bar, destination(output, force=force) as file:
        write_csv(file, COLUMNS[kind], cells(kind, _rows(bar, data, reading, kind)))


def _rows(bar: Progress, data: Path, reading: Reading, kind: Kind) -> Iterator[Row]:
    """The rows of a kind, with how many there were on the bar. Raises Failure VT102."""
    with readable(data):
        for number, row in enumerate(reading.rows(kind)):
            if number % _TOLD_EVERY == 0:
                bar.update(bar.task_ids[0], description=f"exporting {kind}s: {number:,}")
            yield row
