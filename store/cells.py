"""How values of records read in tables and lines: times, durations, costs, ends. Unknown stays unknown, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Final

SLOW_MS: Final = 1_200.0
"""A first audio that comes later is shown as slow."""

_SIDES: Final = {"client": "from the client", "upstream": "from the provider"}

_STATES: Final = {
    "recording": "being recorded",
    "making": "being made ready",
    "empty": "there was none",
    "failed": "could not be stored",
    "erased": "erased, or kept no longer",
    "no_consent": "not recorded, since its client did not say that it may be",
}


def moment(text: str) -> datetime:
    """An ISO 8601 time of a record."""
    return datetime.fromisoformat(text)


def clock(text: str | None) -> str:
    """Local date and time to the second."""
    return "-" if text is None else f"{moment(text).astimezone():%Y-%m-%d %H:%M:%S}"


def duration(record: Mapping[str, Any], now: datetime | None = None) -> str:
    """How long a session lasted, or lasts until now."""
    ended = record.get("ended_at")
    end = moment(ended) if ended else now or datetime.now(UTC)
    seconds = max(0.0, (end - moment(record["started_at"])).total_seconds())
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d} min"


def cost(found: Mapping[str, Any] | None) -> str:
    """US dollars; `unpriced` where no price is known, `+` where a part is missing."""
    if not found or found.get("usd") is None:
        return "unpriced" if found else "-"
    return f"${found['usd']:.6f}{'+' if found.get('partial') else ''}"


def ending(record: Mapping[str, Any]) -> str:
    """Close code, side and reason, or `open`."""
    close = record.get("close")
    if not close:
        return "open" if record.get("ended_at") is None else "ended"
    parts = (str(close.get("code")), f"by {close['side']}" if close.get("side") else "", close.get("reason") or "")
    return " ".join(part for part in parts if part)


def latency(value: float | None) -> str:
    """Whole milliseconds."""
    return "-" if value is None else f"{value:.0f} ms"


def first_audio(turn: Mapping[str, Any]) -> float | None:
    """Milliseconds from the end of what the user said to the first sound of the answer."""
    found: float | None = (turn.get("clocks") or {}).get("first_audio")
    return found


def slowest(turns: Iterable[Mapping[str, Any]]) -> int | None:
    """The index of the turn whose first audio took longest; none where fewer than two had any."""
    waited = [(value, -int(turn["index"])) for turn in turns if (value := first_audio(turn)) is not None]
    return -max(waited)[1] if len(waited) > 1 else None


def held(found: Mapping[str, Any]) -> str:
    """What holding sound cost."""
    mean, most = (latency(found["first_ms"][name]) for name in ("mean", "max"))
    first = f"{found['answers']} answers, their first sound by {mean} ({most} at most)"
    dropped = f", {found['dropped']} messages of sound dropped" if found["dropped"] else ""
    return f"{first}, any sound by {latency(found['longest_ms'])} at most{dropped}"


def recorded(found: Mapping[str, Any]) -> str:
    """Whether there is sound of a session, how much of it, and where: paths are below the data folder."""
    if (state := found["state"]) != "ready":
        reason = f": {found['failed']}" if found.get("failed") else ""
        return f"{_STATES.get(state, state)}{reason}"
    short = f" (not complete: {found['failed']})" if found["failed"] else " (cut short)" if found["truncated"] else ""
    turns = f", turns {', '.join(map(str, found['turns']))}" if found["turns"] else ""
    silent = f"; not kept: {', '.join(map(_silenced, found['silenced']))}" if found.get("silenced") else ""
    return f"{found['seconds']:.1f} s{short} in {found['stereo']}{turns}{silent}"


def _silenced(part: Mapping[str, Any]) -> str:
    """A side of a turn whose sound is not kept, and why."""
    where = f"the {part['side']} in turn {part['turn']}" if part["turn"] is not None else f"the {part['side']} outside of turns"
    return f"{where} ({', '.join(part['policies']) or 'words not settled'})"


def tokens(usage: Mapping[str, Any] | None) -> str:
    """Tokens in and out, with what they are made of."""
    if not usage:
        return "no usage"
    made = f"{usage.get('input_tokens', 0)} in, {usage.get('output_tokens', 0)} out"
    parts = [f"{name} {value:g}" for name, value in usage.items() if name not in ("total_tokens", "input_tokens", "output_tokens")]
    return f"{made} ({', '.join(parts)})" if parts else made


def media(found: Mapping[str, Any]) -> Iterator[str]:
    """What the sound of a call was like, from each side a line; what nobody measured is left out."""
    for side, name in _SIDES.items():
        figures, setup = found[side], found["setup"].get(side) or {}
        times = {
            "connected in": setup.get("dtls_ms"),
            "first packet after": figures["first_packet_ms"],
            "jitter": figures["jitter_ms"],
            "round trip": figures["rtt_ms"],
        }
        lost = [] if figures["lost"] is None else [f"{figures['lost']} lost"]
        known = [f"{what} {value:g} ms" for what, value in times.items() if value is not None]
        yield ", ".join([f"{name} {figures['seconds']:.1f} s in {figures['packets']} packets", *lost, *known])


def found(finding: Mapping[str, Any]) -> str:
    """What a finding is about: policy, mode, place, excerpt and reason, as far as there are any."""
    detail = finding.get("detail") or {}
    excerpt = finding.get("excerpt")
    place = " ".join(part for part in (finding.get("event_type"), finding.get("path")) if part)
    parts = (
        finding.get("policy"),
        "only watched" if finding.get("mode") == "monitor" else "",
        place,
        f"“{excerpt}”" if excerpt else "",
        detail.get("reason"),
        f"from {detail['address']}" if detail.get("address") else "",
    )
    return ", ".join(str(part) for part in parts if part)
