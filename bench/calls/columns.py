"""The tables of WebRTC calls: a heading and columns for each thing that is measured of them."""

from __future__ import annotations

from typing import Final

from bench.columns import FINE
from bench.columns import WHOLE
from bench.columns import Column

_SHARE: Final = "{:.2%}"
CALLS: Final[dict[str, tuple[str, tuple[Column, ...]]]] = {
    "load": (
        "Calls at once, each with 50 packets of Opus a second in both directions:",
        (
            Column("calls", "calls", WHOLE),
            Column("events a second each", "events_per_s", WHOLE),
            Column("CPU ms a call-second", "whole_ms"),
            Column("of it media worker", "media_ms"),
            Column("calls a core", "calls_per_core", WHOLE),
            Column("calls a core of media worker", "calls_per_media_core", WHOLE),
            Column("audio p50 ms", "audio_p50_ms", FINE),
            Column("p99", "audio_p99_ms", FINE),
            Column("added p50", "audio_p50_ms_added", FINE),
            Column("added p99", "audio_p99_ms_added", FINE),
            Column("audio lost", "audio_lost", _SHARE),
            Column("event added p50 ms", "event_p50_ms_added", FINE),
            Column("added p99", "event_p99_ms_added", FINE),
        ),
    ),
    "setup": (
        "Placing a call, one after the other, from the request on; the last column with eight callers at once, hanging up included:",
        (
            Column("answer p50 ms", "answer_p50_ms"),
            Column("connected p50", "connected_p50_ms"),
            Column("p99", "connected_p99_ms"),
            Column("channel open p50", "channel_p50_ms"),
            Column("first event p50", "event_p50_ms"),
            Column("p99", "event_p99_ms"),
            Column("added p50", "event_p50_ms_added"),
            Column("hung up p50", "gone_p50_ms"),
            Column("CPU ms each", "cpu_ms"),
        ),
    ),
    "memory": (
        "Memory of a live call, and what is left after calls that were placed and hung up, eight at once:",
        (
            Column("KB a call", "call_kb", WHOLE),
            Column("of it media worker", "media_call_kb", WHOLE),
            Column("calls placed", "early_calls", WHOLE),
            Column("RSS MB", "early_mb", WHOLE),
            Column("calls placed then", "late_calls", WHOLE),
            Column("RSS MB then", "late_mb", WHOLE),
            Column("growth MB", "growth_mb"),
            Column("more open files", "files_more", WHOLE),
        ),
    ),
    "control": (
        "From an operator's word to the end of both legs:",
        (
            Column("kill p50 ms", "kill_p50_ms", WHOLE),
            Column("slowest", "kill_max_ms", WHOLE),
            Column("key revoked, calls at once", "revoked_calls", WHOLE),
            Column("slowest ms", "revoked_max_ms", WHOLE),
        ),
    ),
}
