"""How a figure is headed and written, and the columns of each part's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final

Row = Mapping[str, Any]


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


WHOLE: Final = "{:,.0f}"
ENDINGS: Final = {
    "revoked": "`keys revoke`",
    "revoked ephemeral": "`keys revoke`, sessions of its ephemeral keys",
    "killed": "`kill --key`",
    "forbidden": "new rules that forbid the model",
}
PAGES: Final = {
    "first": "the first page, 50 of all sessions",
    "far": "a page far down",
    "filter": "sessions of one key",
    "search": "a rare word in all that was said",
    "call": "a call of an hour: page, timeline, peaks",
    "messages": "its messages",
    "longest": "the longest session: page",
    "timeline": "its timeline",
    "turns": "200 more of its turns",
    "twin": "all of it as JSON",
    "export": "all of it as JSON lines",
    "usage": "usage of 30 days",
    "findings": "findings",
    "rules": "rules, with hits of 7 days",
    "top": "what `top` asks for",
    "opened": "from an open session to its row",
    "ended": "from the end of a turn to the turn on its page",
    "sessions": "`sessions --json`, the whole command",
    "tail": "`tail`, the whole command",
    "top once": "`top --once`, the whole command",
}
"""What is measured of pages and commands that read the log."""
BESIDE: Final = {
    "quiet": "no page is loaded",
    "loading": "page and timeline of the longest session, again and again",
    "loading all": "all of it as JSON, again and again",
}
"""What goes on beside a session whose round trips are measured."""
FINE: Final = "{:.2f}"
TIMED: Final = (
    Column("first time ms", "first_ms", WHOLE),
    Column("p50 ms", "p50_ms", WHOLE),
    Column("slowest ms", "max_ms", WHOLE),
)
TRIPS: Final = (
    Column("closed loop p50 ms", "loop_p50_ms", FINE),
    Column("p99", "loop_p99_ms", FINE),
    Column("paced p50 ms", "pace_p50_ms", FINE),
    Column("p99", "pace_p99_ms", FINE),
    Column("pages loaded", "pages", WHOLE),
)
ENDED: Final = (
    Column("sessions", "sessions", WHOLE),
    Column("times", "times", WHOLE),
    Column("p50 ms", "p50_ms", WHOLE),
    Column("p99 ms", "p99_ms", WHOLE),
    Column("slowest ms", "max_ms", WHOLE),
)
TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "frames": (Column("CPU µs a frame", "us_per_frame"), Column("frames a second", "frames_per_s", WHOLE)),
    "bursts": (*_bursts("us_per_frame", "{:,.1f}"),),
    "latency": (
        Column("closed loop p50 ms", "loop_p50_ms", FINE),
        Column("p99", "loop_p99_ms", FINE),
        Column("added p50", "loop_p50_ms_added", FINE),
        Column("added p99", "loop_p99_ms_added", FINE),
        Column("paced p50 ms", "pace_p50_ms", FINE),
        Column("p99", "pace_p99_ms", FINE),
        Column("added p50", "pace_p50_ms_added", FINE),
        Column("added p99", "pace_p99_ms_added", FINE),
        Column("CPU µs a paced frame", "pace_us_per_frame", WHOLE),
    ),
    "paced": (
        Column("sessions", "sessions", WHOLE),
        Column("p99 added ms", "p99_added_ms"),
        Column("CPU µs a frame", "us_per_frame"),
        Column("share of the core", "core", "{:.0%}"),
    ),
    "setup": (
        Column("p50 ms", "p50_ms", FINE),
        Column("p99 ms", "p99_ms", FINE),
        Column("sessions a second", "sessions_per_s", WHOLE),
        Column("CPU ms each", "cpu_ms", FINE),
    ),
    "memory": (
        Column("RSS at start MB", "start_mb", WHOLE),
        Column("after frames", "frames", WHOLE),
        Column("RSS then MB", "end_mb", WHOLE),
        Column("growth MB", "growth_mb"),
        Column("over frames", "growth_frames", WHOLE),
        Column("KB a live session", "live_session_kb", WHOLE),
    ),
    "log": (
        Column("turns in the log", "records", WHOLE),
        Column("insert at 100 µs", "insert_early_us"),
        Column("at the last µs", "insert_late_us"),
        Column("acknowledged at 100 ms", "acknowledged_early_ms", FINE),
        Column("at the last ms", "acknowledged_late_ms", FINE),
        Column("page of 50 ms", "page_ms"),
        Column("from a fresh reader ms", "cold_page_ms", WHOLE),
        Column("turns of a session ms", "turns_ms", WHOLE),
    ),
    "policies": (
        Column("added to an append, CPU µs", "append_added_us", FINE),
        Column("to an event with words", "text_added_us"),
        Column("words arrive after p50 ms", "text_p50_ms", FINE),
        Column("p99", "text_p99_ms", FINE),
        Column("sound beside them p50 ms", "audio_p50_ms", FINE),
        Column("p99", "audio_p99_ms", FINE),
    ),
    "slow": (
        Column("memory held MB", "peak_growth_mb"),
        Column("own uplink, of 100", "uplink_passed", WHOLE),
        Column("neighbour's echo p99 ms", "neighbour_p99_ms"),
    ),
    "soak": (
        Column("minutes", "minutes", WHOLE),
        Column("calls", "calls", WHOLE),
        Column("set up and hung up meanwhile", "passed", WHOLE),
        Column("failed or lost", "failures", WHOLE),
        Column("audio p50 ms, first third", "audio_p50_first_ms", FINE),
        Column("last third", "audio_p50_last_ms", FINE),
        Column("p99 ms, first third", "audio_p99_first_ms", FINE),
        Column("last third", "audio_p99_last_ms", FINE),
        Column("audio lost", "audio_lost", "{:.4%}"),
        Column("RSS growth MB", "growth_mb"),
        Column("of it media worker", "media_growth_mb"),
        Column("more files", "files_more", WHOLE),
        Column("more threads", "threads_more", WHOLE),
    ),
}
