"""What of each kind of record stands in the columns of a table; what is a structure of its own is left to JSON lines."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Final

from realtime.usage import NAMES
from store.export.native import FIELDS
from store.export.records import FIELDS_OF
from store.export.records import Kind
from store.lines import Row


def _columns(*groups: str) -> tuple[str, ...]:
    return tuple(" ".join(groups).split())


_USAGE: Final = " ".join(f"usage.{name}" for name in NAMES)
_COST: Final = "cost.usd cost.priced cost.source cost.date"

COLUMNS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "session": _columns(
        "id started_at ended_at transport door principal route provider model upstream_model provider_model grouping turns",
        _USAGE,
        _COST,
        "first_audio.p50 first_audio.p95 audio.in_seconds audio.out_seconds recording.state events.count",
        "error.code error.message close.code close.side close.reason client.address client.agent",
    ),
    "turn": _columns(
        "session index id trigger status reason started_at ended_at model voice input output input_chars output_chars",
        _USAGE,
        _COST,
        "clocks.first_audio clocks.first_output clocks.request_to_first_audio clocks.response clocks.barge_in_to_last_audio clocks.since",
        "audio.in_seconds audio.out_seconds interrupted truncated_ms out_of_band cut error.code error.message",
    ),
    "finding": FIELDS,
    "bill": tuple(field.name for field in FIELDS_OF["bill"]),
    "frame": _columns("session n at from by outcome opcode type size turn masked lost payload"),
}
"""The columns of each kind; a dot leads into a structure."""


def cells(kind: Kind, rows: Iterable[Row]) -> Iterator[list[Any]]:
    """The values of each row, in the order of the columns; None for what it does not have."""
    ways = [column.split(".") for column in COLUMNS[kind]]
    return ([_value(row, way) for way in ways] for row in rows)


def _value(row: Any, way: list[str]) -> Any:
    for name in way:
        row = row.get(name) if isinstance(row, dict) else None
    return row
