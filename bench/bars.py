"""The bars voicetap is held to, judged on the figures of the last run and on nothing else: a bar without figures stays open."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final

from bench.columns import ENDINGS

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""part → peer → figures; of calls the peer is followed by what was measured, and on a ladder by the rung: `voicetap load 25/10`."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`measure` gives the figure, raising KeyError where something it needs was not measured."""

    what: str
    limit: float
    measure: Callable[[Rows], float]
    form: str = "{:,.2f}"
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def cells(self, rows: Rows) -> tuple[str, str, str]:
        """The bar, what was measured, and whether it is met."""
        bound = f"{'at least' if self.at_least else 'at most'} {self.form.format(self.limit)}"
        try:
            value = self.measure(rows)
        except KeyError:
            return f"{self.what}: {bound}", "–", "not measured"
        return f"{self.what}: {bound}", self.form.format(value), "yes" if self.met(value) else "**no**"


def _own(part: str, figure: str) -> Callable[[Rows], float]:
    return lambda rows: float(rows[part]["voicetap"][figure])


def _ratio(part: str, figure: str, other: str, mine: str = "voicetap") -> Callable[[Rows], float]:
    return lambda rows: float(rows[part][mine][figure]) / float(rows[part][other][figure])


def _call(about: str, figure: str, peer: str = "voicetap") -> Callable[[Rows], float]:
    return lambda rows: float(rows["webrtc"][f"{peer} {about}"][figure])


def _carried(rows: Rows) -> float:
    """Calls on the highest rung that were alive at its end."""
    rung = rows["webrtc"]["voicetap load 100/10"]
    return float(rung["calls"] - rung["dead"])


def _transcoding(rows: Rows) -> float:
    """Audio alone: at 25 calls through voicetap, at 3 through the other, which cannot carry many more."""
    return _call("load 25/0", "whole_ms")(rows) / _call("load 3/0", "whole_ms", "aiortc")(rows)


def _grown(figure: str) -> Callable[[Rows], float]:
    return lambda rows: float(rows["soak"]["voicetap"][f"{figure}_last_ms"]) - float(rows["soak"]["voicetap"][f"{figure}_first_ms"])


def _ended(rows: Rows) -> float:
    """The slowest of all ways to end sessions from outside."""
    return max(float(rows["revocation"][f"voicetap {about}"]["p99_ms"]) for about in ENDINGS)


def _policies(figure: str) -> Callable[[Rows], float]:
    """The dearest kind of twenty policies."""
    return lambda rows: max(float(row[figure]) for row in rows["policies"].values())


def _page(about: str, figure: str = "p50_ms") -> Callable[[Rows], float]:
    return lambda rows: float(rows["pages"][f"voicetap {about}"][figure])


def _moved(rows: Rows) -> float:
    """How much later the slowest echoes at the pace of speech come while pages are loaded."""
    return _page("loading", "pace_p99_ms")(rows) - _page("quiet", "pace_p99_ms")(rows)


def _opening(figure: str) -> Callable[[Rows], float]:
    """A call of an hour with the messages that its page asks for last."""
    return lambda rows: _page("call", figure)(rows) + _page("messages", figure)(rows)


def _insert(rows: Rows) -> float:
    return float(rows["log"]["voicetap"]["insert_late_us"]) / float(rows["log"]["voicetap"]["insert_early_us"])


BARS: Final = (
    Bar("CPU a frame, as a share of stock `mitmdump`", 0.10, _ratio("frames", "us_per_frame", "mitmdump"), "{:.3f}"),
    Bar("CPU a frame, as a share of the `websockets` relay", 1.0, _ratio("frames", "us_per_frame", "websockets")),
    Bar("CPU a frame with 20 policies, as a share of LiteLLM", 1.0, _ratio("frames", "us_per_frame", "litellm", "voicetap-parsed")),
    Bar("added round trip p50, ms", 0.4, _own("latency", "loop_p50_ms_added")),
    Bar("added round trip p99, ms", 1.0, _own("latency", "loop_p99_ms_added")),
    Bar("paced sessions on a core, times stock `mitmdump`", 8.0, _ratio("paced", "sessions", "mitmdump"), "{:.1f}", at_least=True),
    Bar("growth over the frames of the memory table, MB", 20.0, _own("memory", "growth_mb"), "{:.1f}"),
    Bar("an insert at the last record of the log, times one at record 100", 1.5, _insert),
    Bar("page of 50 from the full log, ms", 100.0, _own("log", "page_ms"), "{:.1f}"),
    Bar("first page, the process that reads started by it, ms", 300.0, _page("first", "first_ms"), "{:,.0f}"),
    Bar("first page, asked for again, ms", 300.0, _page("first"), "{:,.0f}"),
    Bar("opening a call of an hour for the first time, its messages included, ms", 1_000.0, _opening("first_ms"), "{:,.0f}"),
    Bar("usage of 30 days, asked for again, ms", 300.0, _page("usage"), "{:,.0f}"),
    Bar("from an open session to its row, slowest, ms", 500.0, _page("opened", "max_ms"), "{:,.0f}"),
    Bar("from the end of a turn to its page, slowest, ms", 500.0, _page("ended", "max_ms"), "{:,.0f}"),
    Bar("later p99 of paced echoes while pages of the longest session are loaded, ms", 1.0, _moved),
    Bar("a live session, KB", 300.0, _own("memory", "live_session_kb"), "{:.0f}"),
    Bar("from a command to the end of both legs of 100 sessions, p99 of the slowest command, ms", 1_000.0, _ended, "{:,.0f}"),
    Bar("CPU that 20 policies on words add to an audio append, µs", 10.0, _policies("append_added_us"), "{:.1f}"),
    Bar("CPU that 20 policies on words add to an event with words, µs", 200.0, _policies("text_added_us"), "{:.0f}"),
    Bar("WebRTC: media worker's CPU a call-second at 25 calls, audio alone, ms", 8.0, _call("load 25/0", "media_ms")),
    Bar("WebRTC: proxy and worker together, as a share of a relay that transcodes", 0.05, _transcoding, "{:.3f}"),
    Bar("WebRTC: added one-way audio delay p50 at 25 calls, ms", 1.0, _call("load 25/10", "audio_p50_ms_added")),
    Bar("WebRTC: calls alive in one worker", 100.0, _carried, "{:.0f}", at_least=True),
    Bar("WebRTC: share of audio lost at 100 calls", 0.001, _call("load 100/10", "audio_lost"), "{:.4f}"),
    Bar("WebRTC: from a kill to the end of both legs, slowest, ms", 1_000.0, _call("control", "kill_max_ms"), "{:,.0f}"),
    Bar("WebRTC: from the revoking of a key to the end of its calls, ms", 1_000.0, _call("control", "revoked_max_ms"), "{:,.0f}"),
    Bar("WebRTC soak: calls lost or refused", 0.0, _own("soak", "failures"), "{:.0f}"),
    Bar("WebRTC soak: drift of the audio delay p50, ms", 0.2, _grown("audio_p50")),
    Bar("WebRTC soak: growth of memory, MB", 20.0, _own("soak", "growth_mb"), "{:.1f}"),
)


def _key(row: Mapping[str, Any]) -> str:
    rung = f"{row['calls']:.0f}/{row['events_per_s']:.0f}" if "events_per_s" in row else ""
    return " ".join(word for word in (row["peer"], row.get("about", ""), rung) if word)


def table(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Markdown lines; takes the results by part."""
    rows = {part: {_key(row): row for row in result["rows"] if "peer" in row} for part, result in results.items()}
    return ["| bar | measured | met |", "| --- | ---: | --- |", *("| " + " | ".join(bar.cells(rows)) + " |" for bar in BARS)]
