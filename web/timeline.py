"""One session as lanes over its time, from the clocks of its records: who spoke when, what ran, what was found, how long it took.

Seconds since the session began. Where there is sound, its peaks tell more exactly when somebody was heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from typing import Any

from store.cells import first_audio

Record = dict[str, Any]
Span = tuple[float, float]


def timeline(session: Record, turns: Iterable[Record], findings: Iterable[Record], now: datetime) -> Record:
    """`{seconds, live, sound, silenced, turns, findings}`; `sound` is whether it can be played, `silenced` that of the recording."""
    begun = datetime.fromisoformat(session["started_at"])
    ended = datetime.fromisoformat(session["ended_at"]) if session["ended_at"] else now.astimezone(UTC)
    recording = session.get("recording") or {}
    lanes = [_turn(turn, _since(begun, turn["started_at"])) for turn in turns]
    reached = [span[1] for lane in lanes for span in (lane["user"], lane["model"]) if span]
    lasted = (ended - begun).total_seconds()
    return {
        "seconds": round(max([lasted, *reached, recording.get("seconds") or 0.0]), 3),
        "live": session["ended_at"] is None,
        "sound": recording.get("state") == "ready",
        "silenced": recording.get("silenced") or [],
        "turns": lanes,
        "findings": [_finding(finding, begun) for finding in findings],
    }


def shown(session: Record, turns: Iterable[Record], findings: Iterable[Record]) -> list[Record]:
    """Turns with when they began (`at`), what was found in them (`findings`) and the sides whose sound is not kept (`silenced`)."""
    begun = datetime.fromisoformat(session["started_at"])
    found: dict[int, list[Record]] = {}
    for finding in findings:
        found.setdefault(finding["turn"], []).append(finding)
    silent = silenced(session)
    return [
        {
            **turn,
            "at": _since(begun, turn["started_at"]),
            "findings": found.get(turn["index"], []),
            "silenced": silent.get(turn["index"], {}),
        }
        for turn in turns
    ]


def silenced(session: Record) -> dict[int | None, dict[str, list[str]]]:
    """By turn and side, the policies because of which sound is not kept; none where it was not settled that its words may be."""
    found: dict[int | None, dict[str, list[str]]] = {}
    for part in (session.get("recording") or {}).get("silenced") or ():
        found.setdefault(part["turn"], {})[part["side"]] = part["policies"]
    return found


def timed(session: Record, findings: Iterable[Record]) -> list[Record]:
    """Findings with when they were made (`since_start`)."""
    begun = datetime.fromisoformat(session["started_at"])
    return [{**finding, "since_start": _since(begun, finding["at"])} for finding in findings]


def _turn(turn: Record, at: float) -> Record:
    moments = {name: at + value / 1000 for name, value in (turn.get("moments") or {}).items()}
    asked, answered = moments.get("user_ended"), moments.get("first_audio")
    waited = None if asked is None or answered is None else _span(asked, answered)
    return {
        "index": turn["index"],
        "status": turn["status"],
        "at": round(at, 3),
        "user": _user(turn, moments),
        "model": _model(turn, moments, at),
        "spoken": bool((turn.get("audio") or {}).get("out_seconds")),
        "waited": waited,
        "waited_ms": waited and (first_audio(turn) or (waited[1] - waited[0]) * 1000),
        "barged": _rounded(moments.get("barged_in")),
        "tools": [_tool(call, at) for call in turn.get("tool_calls") or ()],
    }


def _user(turn: Record, moments: dict[str, float]) -> Span | None:
    """When the user spoke: as the provider heard it, else as long as there was sound. None for what was written."""
    ended, seconds = moments.get("user_ended"), (turn.get("audio") or {}).get("in_seconds") or 0.0
    if ended is None or (turn.get("clocks") or {}).get("since") not in ("speech_stopped", "commit", "append"):
        return None
    return _span(max(0.0, moments.get("user_began", ended - seconds)), ended)


def _model(turn: Record, moments: dict[str, float], at: float) -> Span | None:
    """When the answer was heard: as a client plays it, up to where it was cut. Of a written one, when it came."""
    begun, heard = moments.get("first_audio"), (turn.get("audio") or {}).get("out_seconds") or 0.0
    if begun is None or not heard:
        begun = moments.get("first_output")
        lasted = (turn.get("clocks") or {}).get("response")
        return None if begun is None or lasted is None else _span(begun, max(begun, at + lasted / 1000))
    if turn.get("truncated_ms") is not None:
        heard = min(heard, turn["truncated_ms"] / 1000)
    end = begun + heard
    return _span(begun, min(end, max(begun, moments["barged_in"])) if "barged_in" in moments else end)


def _tool(call: Record, at: float) -> Record:
    begun = at + (call.get("called_ms") or 0.0) / 1000
    took = call.get("result_ms")
    return {"name": call["name"], "begin": round(begun, 3), "end": None if took is None else round(begun + took / 1000, 3)}


def _finding(finding: Record, begun: datetime) -> Record:
    names = ("id", "kind", "policy", "severity", "action", "mode", "turn")
    return {"at": _since(begun, finding["at"]), **{name: finding.get(name) for name in names}}


def _since(begun: datetime, moment: str) -> float:
    return (datetime.fromisoformat(moment) - begun).total_seconds()


def _span(begin: float, end: float) -> Span:
    return round(begin, 3), round(end, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
