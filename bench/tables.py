"""Results to Markdown: each `<!-- bench:NAME -->` … `<!-- /bench:NAME -->` block of a document is replaced by the table of that part.

A part without a result leaves its block as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Final

from bench import bars

Row = Mapping[str, Any]

LABELS: Final = {
    "direct": "no proxy",
    "voicetap": "**voicetap**, all addons, no policy on audio",
    "voicetap-parsed": "**voicetap**, 20 policies on every frame",
    "mitmdump": "stock `mitmdump`",
    "websockets": "bare `websockets` relay",
    "litellm": "LiteLLM proxy",
    "go-frames": "Go relay, frame by frame",
    "go-copy": "Go relay, `io.Copy`",
    "nginx": "nginx",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, the figure behind it and how it is written; a row without that figure shows a dash."""

    head: str
    name: str
    form: str = "{:,.1f}"

    def cell(self, row: Row) -> str:
        value = row.get(self.name)
        return "–" if value is None else self.form.format(value)


def _bursts(figure: str, form: str) -> tuple[Column, ...]:
    kinds = [(way, size) for way in ("down", "up") for size in (2_048, 4_096, 8_192)]
    return tuple(Column(f"{way} {size // 1024} KB", f"{way}_{size}_{figure}", form) for way, size in kinds)


_WHOLE: Final = "{:,.0f}"
_FINE: Final = "{:.2f}"
TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "frames": (Column("CPU µs a frame", "us_per_frame"), Column("frames a second", "frames_per_s", _WHOLE)),
    "bursts": (*_bursts("us_per_frame", "{:,.1f}"),),
    "latency": (
        Column("closed loop p50 ms", "loop_p50_ms", _FINE),
        Column("p99", "loop_p99_ms", _FINE),
        Column("added p50", "loop_p50_ms_added", _FINE),
        Column("added p99", "loop_p99_ms_added", _FINE),
        Column("paced p50 ms", "pace_p50_ms", _FINE),
        Column("p99", "pace_p99_ms", _FINE),
        Column("added p50", "pace_p50_ms_added", _FINE),
        Column("added p99", "pace_p99_ms_added", _FINE),
        Column("CPU µs a paced frame", "pace_us_per_frame", _WHOLE),
    ),
    "paced": (
        Column("sessions", "sessions", _WHOLE),
        Column("p99 added ms", "p99_added_ms"),
        Column("CPU µs a frame", "us_per_frame"),
        Column("share of the core", "core", "{:.0%}"),
    ),
    "setup": (
        Column("p50 ms", "p50_ms", _FINE),
        Column("p99 ms", "p99_ms", _FINE),
        Column("sessions a second", "sessions_per_s", _WHOLE),
        Column("CPU ms each", "cpu_ms", _FINE),
    ),
    "memory": (
        Column("RSS at start MB", "start_mb", _WHOLE),
        Column("after frames", "frames", _WHOLE),
        Column("RSS then MB", "end_mb", _WHOLE),
        Column("growth MB", "growth_mb"),
        Column("over frames", "growth_frames", _WHOLE),
        Column("KB a live session", "live_session_kb", _WHOLE),
    ),
    "log": (
        Column("turns in the log", "records", _WHOLE),
        Column("insert at 100 µs", "insert_early_us"),
        Column("at the last µs", "insert_late_us"),
        Column("acknowledged at 100 ms", "acknowledged_early_ms", _FINE),
        Column("at the last ms", "acknowledged_late_ms", _FINE),
        Column("page of 50 ms", "page_ms"),
        Column("from a fresh reader ms", "cold_page_ms", _WHOLE),
        Column("turns of a session ms", "turns_ms", _WHOLE),
    ),
    "slow": (
        Column("memory held MB", "peak_growth_mb"),
        Column("own uplink, of 100", "uplink_passed", _WHOLE),
        Column("neighbour's echo p99 ms", "neighbour_p99_ms"),
    ),
}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _named(row: Row) -> str:
    label = LABELS.get(row["peer"], row["peer"])
    problem = next((str(row[name]) for name in row if name.endswith("error")), None)
    return f"{label} ({problem[:80]})" if problem else str(label)


def _peers(part: str, rows: Sequence[Row]) -> list[str]:
    columns = TABLES[part]
    head = [_line(["", *(column.head for column in columns)]), _line(["---", *("---:" for _ in columns)])]
    return head + [_line([_named(row), *(column.cell(row) for column in columns)]) for row in rows]


def _profile(_: str, rows: Sequence[Row]) -> list[str]:
    lines = [_line([row["where"], *(_FINE.format(row[name]) for name in ("us_per_frame", "paced_us_per_frame"))]) for row in rows]
    return ["| where | CPU µs a frame, closed loop | CPU µs a frame, 200 paced sessions |", "| --- | ---: | ---: |", *lines]


_SPECIAL: Final[dict[str, Callable[[str, Sequence[Row]], list[str]]]] = {"profile": _profile}


def _footnote(result: Mapping[str, Any]) -> str:
    facts, scale = result["machine"], "quick" if result["quick"] else "full"
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number)
    pinned = "proxy and load on a core each" if facts["pinned"] else "proxy and load share cores"
    machine = f"{facts['at'][:10]}, {facts['cpu']}, {facts['cores']} cores, {pinned}, Python {facts['python']}, {packages}"
    skipped = "".join(f" Not measured: {peer} ({reason[:120]})." for peer, reason in result["skipped"].items())
    return f"<sub>{machine}; {scale} scale.{skipped}</sub>"


def block(result: Mapping[str, Any]) -> str:
    """The Markdown of one part's result, without its markers."""
    part = result["part"]
    return "\n".join([*_SPECIAL.get(part, _peers)(part, result["rows"]), "", _footnote(result)])


def _replaced(text: str, name: str, content: str) -> str:
    mark, made = re.escape(name), f"<!-- bench:{name} -->\n{content}\n<!-- /bench:{name} -->"
    return re.sub(rf"<!-- bench:{mark} -->.*?<!-- /bench:{mark} -->", lambda _: made, text, flags=re.DOTALL)


def rewrite(document: Path, results: Path) -> None:
    """Replaces each marked block of the document for which there is a result, and judges the bars on all of them."""
    text = document.read_text()
    found = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    for part, result in found.items():
        text = _replaced(text, part, block(result))
    document.write_text(_replaced(text, "bars", "\n".join(bars.table(found))))
