"""Sessions as an HTTP archive (HAR 1.2) with `_webSocketMessages`, the form of Chrome's DevTools; written piece by piece.

An archive shows what the app sent and received. A message that was changed or stopped here, or was made here, says so in its `_voicetap`.
Source: http://www.softwareishard.com/blog/har-12-spec/, and what DevTools exports and imports. Members that begin with `_` are our own.
"""

from __future__ import annotations

import json
from base64 import b64decode
from base64 import b64encode
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from typing import Final

from realtime.elision import without_sound
from realtime.frame import Frame
from store.frames import Event
from store.lines import Row

VERSION: Final = "1.2"
_OPCODES: Final = {"text": 1, "binary": 2}
_HEAD: Final = {"version": VERSION, "creator": {"name": "voicetap", "version": "1"}, "pages": []}
_NOTED: Final = ("id", "door", "principal", "route", "provider", "model", "transport", "call", "grouping", "events", "close")
"""What of a session's record stands in its entry."""


def har(sessions: Iterable[Row], messages: Callable[[Row], Iterable[Event]], *, sound: bool = False) -> Iterator[str]:
    """The pieces of an archive with one entry a session; `sound` puts in what was recorded of it."""
    yield f'{{"log":{_json(_HEAD)[:-1]},"entries":['
    for number, session in enumerate(sessions):
        yield f'{"," if number else ""}\n{_json(entry(session))[:-1]},"_webSocketMessages":['
        begun = datetime.fromisoformat(session["started_at"]).timestamp()
        for place, event in enumerate(messages(session)):
            yield f"{',' if place else ''}\n{_json(message(event, begun, sound=sound))}"
        yield "]}"
    yield "]}}\n"


def entry(session: Row) -> Row:
    """A session without its messages: the request that opened it, and what answered. Headers are those that are on record."""
    path = str((session.get("client") or {}).get("path") or "/")
    is_call = session.get("transport") == "webrtc"
    lasted = _milliseconds(session)
    scheme = "https" if is_call else "wss"
    made: Row = {
        "startedDateTime": session["started_at"],
        "time": lasted,
        "request": {
            "method": "POST" if is_call else "GET",
            "url": f"{scheme}://{session.get('upstream_host') or 'unknown.invalid'}{path}",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _headers(session, upgrade=not is_call),
            "queryString": [],
            "headersSize": -1,
            "bodySize": -1,
        },
        "response": _response(session, is_call=is_call),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": lasted},
        "_resourceType": "websocket",
        "_voicetap": {name: session.get(name) for name in _NOTED},
    }
    return made | ({"_transport": "webrtc"} if is_call else {})


def message(event: Event, begun: float, *, sound: bool = False) -> Row:
    """A message; `begun` is when its session did, in seconds since 1970."""
    shown, is_elided = (_data(event), False) if sound else _without_sound(event)
    return {
        "type": "send" if event.from_ == "client" else "receive",
        "time": round(begun + event.at / 1e6, 6),
        "opcode": _OPCODES[event.opcode],
        "data": shown,
        "_voicetap": _note(event, is_elided=is_elided or bool(event.elided)),
    }


def _note(event: Event, *, is_elided: bool) -> Row:
    """What became of a message. Members that are always there come first, those that tell something special follow."""
    made: Row = {"n": event.n, "event": event.type, "size": event.size}
    made |= {"changed": event.outcome == "changed", "dropped": event.outcome == "dropped", "by": event.by}
    more: dict[str, Any] = {
        "added": event.outcome in ("added", "told"),
        "elided": is_elided,
        "masked": event.masked,
        "missing": event.payload is None and event.data is None and not event.elided,
        "lost_before": event.lost,
        "findings": [{"policy": found.policy, "action": found.action, "applied": found.applied} for found in event.findings],
    }
    return made | {name: value for name, value in more.items() if value}


def _data(event: Event) -> str:
    """Text as it is; of a binary message base64, also where it was kept as text."""
    if event.opcode == "text":
        return event.payload if event.payload is not None else b64decode(event.data or "").decode(errors="replace")
    return event.data or b64encode((event.payload or "").encode()).decode()


def _without_sound(event: Event) -> tuple[str, bool]:
    """The same without the sound that was recorded, and whether there was any."""
    payload = (event.payload or "").encode() or b64decode(event.data or "")
    left, elided = without_sound(Frame(event.from_ == "client", payload, text=event.opcode == "text"))
    if not payload or not elided:
        return _data(event), False
    return (left.decode(errors="replace") if event.opcode == "text" else b64encode(left).decode()), True


def _response(session: Row, *, is_call: bool) -> Row:
    """101, or 201 for a call; what the caller was told where the provider refused."""
    error = session.get("error") or {}
    failed = error.get("code") == "handshake_failed" and error.get("status")
    status, text = (failed, "") if failed else (201, "Created") if is_call else (101, "Switching Protocols")
    return {
        "status": status,
        "statusText": text,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [] if failed or is_call else [_pair("Upgrade", "websocket"), _pair("Connection", "Upgrade")],
        "content": {"size": 0, "mimeType": "x-unknown"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _headers(session: Row, *, upgrade: bool) -> list[Row]:
    client = session.get("client") or {}
    known = {"User-Agent": client.get("agent"), "Origin": client.get("origin")}
    known |= {"Upgrade": "websocket", "Connection": "Upgrade"} if upgrade else {}
    return [_pair(name, value) for name, value in known.items() if value]


def _pair(name: str, value: str) -> Row:
    return {"name": name, "value": value}


def _milliseconds(session: Row) -> float:
    """How long it lasted; 0 while it runs."""
    ended = session.get("ended_at") or session["started_at"]
    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(session["started_at"])).total_seconds() * 1000, 3)


def _json(value: Row) -> str:
    return json.dumps(value, separators=(",", ":"))
