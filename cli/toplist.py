"""The list of `top`: its columns, the orders it can be in, and what fits into a width. Sessions that run stand first in every order."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from cli.plain import plain
from store.cells import cost
from store.cells import duration
from store.cells import ending
from store.cells import latency

Record = dict[str, Any]

_LONGEST: Final = 32
"""Signs of a cell."""
_GAP: Final = 2
_TRANSPORTS: Final = {"websocket": "WS", "webrtc": "RTC"}
_STYLES: Final = {"speaking": "cyan", "answering": "magenta", "open": "green"}


class Sort(StrEnum):
    """What the list is ordered by."""

    AGE = "age"
    KEY = "key"
    MODEL = "model"
    TURNS = "turns"
    AUDIO = "audio"
    TOKENS = "tokens"
    COST = "cost"
    FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` says how long it stays where there is little room: 0 goes last."""

    name: str
    cell: Callable[[Record], str]
    rank: int
    right: bool = False
    sort: Sort | None = None


def state(record: Record) -> str:
    """Who has the word in a session that runs, else how it ended."""
    return str(record.get("state") or "open") if record["live"] else ending(record)


def _audio(record: Record) -> str:
    waited = record.get("first_audio")
    return f"{latency(waited['p50'])} / {latency(waited['last'][-1])}" if waited else "-"


def _findings(record: Record) -> str:
    found = record.get("findings") or {}
    return ", ".join(kind if count == 1 else f"{kind} {count}" for kind, count in found.items()) or "-"


COLUMNS: Final = (
    Column("session", lambda record: str(record["id"]), 9),
    Column("age", duration, 3, right=True, sort=Sort.AGE),
    Column("key", lambda record: str(record["principal"]), 0, sort=Sort.KEY),
    Column("provider/model", lambda record: f"{record['provider']}/{record['model'] or '?'}", 2, sort=Sort.MODEL),
    Column("over", lambda record: _TRANSPORTS.get(record["transport"], "-"), 8),
    Column("turns", lambda record: str(record["turns"]), 5, right=True, sort=Sort.TURNS),
    Column("first audio p50 / last", _audio, 4, right=True, sort=Sort.AUDIO),
    Column("tokens", lambda record: str(record["usage"]["total_tokens"]), 7, right=True, sort=Sort.TOKENS),
    Column("cost", lambda record: cost(record["cost"]), 3, right=True, sort=Sort.COST),
    Column("findings", _findings, 6, sort=Sort.FINDINGS),
    Column("state", state, 1),
)

_ORDERS: Final[dict[Sort, Callable[[Record], Any]]] = {
    Sort.AGE: lambda record: 0,
    Sort.KEY: lambda record: str(record["principal"]),
    Sort.MODEL: lambda record: (str(record["provider"]), str(record["model"] or "")),
    Sort.TURNS: lambda record: -record["turns"],
    Sort.AUDIO: lambda record: -((record.get("first_audio") or {}).get("p50") or 0.0),
    Sort.TOKENS: lambda record: -record["usage"]["total_tokens"],
    Sort.COST: lambda record: -((record["cost"] or {}).get("usd") or 0.0),
    Sort.FINDINGS: lambda record: -sum((record.get("findings") or {}).values()),
}


def ordered(sessions: Sequence[Record], by: Sort) -> list[Record]:
    """Those that run first, each part in its order; the newest first among equals."""
    newest = sorted(sessions, key=lambda record: str(record["started_at"]), reverse=True)
    return sorted(newest, key=lambda record: (not record["live"], _ORDERS[by](record)))


def table(sessions: Sequence[Record], by: Sort, width: int | None = None, selected: int | None = None) -> Table:
    """Columns that do not fit into the width are left out; the one that it is ordered by is underlined."""
    rows = [[plain(column.cell(record), _LONGEST) for column in COLUMNS] for record in sessions]
    shown = _fitting(rows, width)
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column in (COLUMNS[index] for index in shown):
        head = Text(column.name, style="underline" if column.sort == by else "")
        made.add_column(head, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis")
    for number, (record, row) in enumerate(zip(sessions, rows, strict=True)):
        style = "reverse" if number == selected else "" if record["live"] else "dim"
        made.add_row(*(_cell(COLUMNS[index], record, row[index]) for index in shown), style=style)
    return made


def totals(found: Record) -> str:
    """The figures of the day in one line."""
    audio = found["first_audio"]
    waits = f"p50 {latency(audio['p50'])}, p95 {latency(audio['p95'])}" if audio else "-"
    return f"{found['open']} open, today {cost(found['cost'])}, first audio {waits}"


def _fitting(rows: list[list[str]], width: int | None) -> list[int]:
    """Which columns there is room for."""
    widths = [max(map(cell_len, (column.name, *(row[index] for row in rows)))) + _GAP for index, column in enumerate(COLUMNS)]
    shown = list(range(len(COLUMNS)))
    while width is not None and len(shown) > 1 and sum(widths[index] for index in shown) - _GAP > width:
        shown.remove(max(shown, key=lambda index: COLUMNS[index].rank))
    return shown


def _cell(column: Column, record: Record, shown: str) -> Text:
    return Text(shown, style=_STYLES.get(shown, "") if column.cell is state and record["live"] else "")
