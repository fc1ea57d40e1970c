"""A log to export: two days, sockets and a call, hostile words, recorded messages and sound, findings of sessions and of none."""

from __future__ import annotations

import json
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soundtools import tone
from typer.testing import CliRunner
from typer.testing import Result

from cli.__main__ import app
from realtime.frame import Frame
from realtime.secrecy import Secrets
from store.export.native import FIELDS
from store.framemaker import Crossed
from store.framemaker import FrameMaker
from store.framemaker import Manner
from store.frames import Found
from store.framewriter import FrameWriter
from store.framewriter import Job
from store.framewriter import Recording
from store.log import Log

TALK = "ses_0aaa000001"
CALL = "ses_0bbb000002"
LATER = "ses_0ccc000003"
HOSTILE = '=1+1 <script>document.title="pwned"</script> \x1b[31mred\x1b]0;pwned\x07 \u202egnp.exe \u2028 </pre>"\'><img src=x onerror=1>'
USAGE = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10, "input_audio": 15, "output_audio": 8}
LINE = {"item": "audio_out", "quantity": 8, "unit": "token", "rate": 64.0, "per": 1_000_000, "usd": 0.000512, "model": "gpt-realtime"}
COST = {"usd": 0.00125, "priced": True, "partial": False, "source": "genai-prices", "date": "2026-10-01", "lines": [LINE]}
SOUND = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAA" * 200}
SAID: tuple[tuple[bool, dict[str, Any] | bytes], ...] = (
    (True, {"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": HOSTILE}]}}),
    (True, {"type": "response.create"}),
    (False, SOUND),
    (False, {"type": "error", "error": {"message": "not this one"}}),
    (False, b"\x00\xff" * 50),
)


def opening(name: str, started: str = "2026-11-21T09:30:00.000Z", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "started_at": started,
        "ended_at": None,
        "transport": "websocket",
        "call": None,
        "door": "gateway",
        "principal": "kiosk",
        "route": "rest",
        "provider": "openai",
        "kind": "openai",
        "family": "openai",
        "dialect": "openai",
        "upstream_host": "api.openai.com",
        "grouping": None,
        "traceparent": None,
        "client": {"address": "127.0.0.1", "agent": HOSTILE, "origin": None, "path": "/v1/realtime"},
        "model": "gpt-realtime",
        "upstream_model": "gpt-realtime",
        "turns": 0,
        "usage": {"total_tokens": 0, "input_tokens": 0, "output_tokens": 0},
        "cost": {**COST, "usd": 0.0, "lines": []},
        "error": None,
        "close": None,
        **more,
    }


def turn(name: str, index: int, **more: Any) -> dict[str, Any]:
    return {
        "session": name,
        "index": index,
        "id": f"resp_{index}",
        "trigger": "vad",
        "status": "completed",
        "reason": None,
        "error": None,
        "started_at": f"2026-11-21T09:30:{index % 60:02d}.000Z",
        "ended_at": f"2026-11-21T09:30:{index % 60:02d}.900Z",
        "model": "gpt-realtime",
        "voice": "marin",
        "tools": ["get_weather"],
        "input": HOSTILE,
        "summary": HOSTILE,
        "output": f"answer {index} {HOSTILE}",
        "input_chars": len(HOSTILE),
        "output_chars": len(HOSTILE) + 9,
        "tool_calls": [
            {"call_id": "c", "name": "get_weather", "arguments_chars": 16, "result_chars": 5, "called_ms": 300.0, "result_ms": 12.0}
            | {"arguments": '{"city":"Paris"}', "result": HOSTILE}
        ],
        "usage": USAGE,
        "transcription_usage": None,
        "cost": COST,
        "clocks": {"first_audio": 412.3, "request_to_first_audio": 390.0, "response": 800.0, "since": "speech_stopped"},
        "moments": {"user_began": -900.0, "user_ended": -20.0, "first_output": 380.0, "first_audio": 392.3, "last_audio": 700.0},
        "audio": {"in_seconds": 0.8, "out_seconds": 0.5},
        "interrupted": False,
        "truncated_ms": None,
        "held": None,
        "out_of_band": False,
        "cut": False,
        **more,
    }


def finding(number: int, session: str | None, at: str = "2026-11-21T09:30:01.500Z", **more: Any) -> dict[str, Any]:
    made = dict.fromkeys(FIELDS) | {"id": f"fnd_{number:016x}", "at": at, "kind": "policy", "severity": "high", "action": "redact"}
    return made | {"mode": "enforce", "session": session, "detail": {"reason": HOSTILE}, "policy": "cards", "excerpt": HOSTILE} | more


def bill(session: str) -> dict[str, Any]:
    line = {"item": "audio_out", "unit": "token", "quantity": 8, "price": 64.0, "per": 1_000_000, "source": "list", "date": "2026-10-01"}
    who = {"principal": "kiosk", "route": "rest", "provider": "openai", "model": "gpt-realtime"}
    return {"session": session, "row": 1, "at": "2026-11-21T09:30:05.000Z", **who, **line, "cost": 0.000512, "note": ""}


def write(data: Path, *, content: Any = "full", keeps: Any = "all") -> None:
    """The whole log; messages of the first session are kept as told."""
    log = Log.open(data)
    recorded = {"keeps": keeps, "count": len(SAID), "lost": 0, "cut": None}
    log.session_opened(opening(TALK, events=recorded))
    log.turn_written(turn(TALK, 1, status="interrupted", output="half an ans"))
    log.session_opened(
        opening(
            CALL,
            "2026-11-21T09:40:00.000Z",
            transport="webrtc",
            call={"id": "rtc_1", "upstream_id": "rtc_up", "mode": "relay"},
            principal="lab",
        )
    )
    log.turn_written(turn(CALL, 1, started_at="2026-11-21T09:40:01.000Z", ended_at="2026-11-21T09:40:02.000Z"))
    log.turn_written(turn(TALK, 2, interrupted=True, status="cancelled", reason="turn_detected"))
    log.turn_written(turn(TALK, 1))
    log.finding(finding(1, TALK, turn=1, principal="kiosk", event_type="conversation.item.create"))
    log.finding(finding(2, None, kind="refusal", action="refuse", policy=None, excerpt=None, severity="low"))
    log.billed(bill(TALK))
    closing = {"turns": 2, "usage": USAGE, "cost": COST, "first_audio": {"p50": 412.3, "p95": 412.3, "last": [412.3, 412.3]}}
    closing |= {"close": {"code": 1000, "reason": HOSTILE, "side": "client"}, "ended_at": "2026-11-21T09:30:05.000Z"}
    log.session_closed(TALK, closing | {"recording": record_sound(data)})
    log.session_opened(opening(LATER, "2026-11-22T10:00:00.000Z", close={"code": 1011, "reason": "gone", "side": "upstream"}))
    log.turn_written(turn(LATER, 1, started_at="2026-11-22T10:00:01.000Z", ended_at="2026-11-22T10:00:02.000Z", tool_calls=[]))
    log.session_closed(LATER, {"ended_at": "2026-11-22T10:00:05.000Z"})
    _write_frames(log, content, keeps)
    log.close()


def record_sound(data: Path) -> dict[str, Any]:
    """Sound of the first session: 5 s in stereo, and both sides of two turns."""
    folder = data / "audio" / "2026-11-21" / TALK
    folder.mkdir(parents=True, mode=0o700)
    left, right = tone(440, 5.0, 8_000), tone(880, 5.0, 8_000)
    both = array("h", bytes(4 * len(left)))
    both[::2], both[1::2] = left, right
    _wav(folder / "stereo.wav", both, 2)
    for number in (1, 2):
        _wav(folder / f"{number}-user.wav", left[:4_000], 1)
        _wav(folder / f"{number}-model.wav", right[: 2_000 * number], 1)
    spans = [
        {"turn": number, "user": [number - 1.0, number - 0.5], "model": [number + 0.4, number + 0.9], "cut": number == 2}
        for number in (1, 2)
    ]
    flat = {"min": [-100] * 250, "max": [100] * 250}
    (folder / "peaks.json").write_text(json.dumps({"seconds": 5.0, "bucket_seconds": 0.02, "user": flat, "model": flat, "turns": spans}))
    place = f"audio/2026-11-21/{TALK}"
    facts = {"stereo": f"{place}/stereo.wav", "peaks": f"{place}/peaks.json", "turns": [1, 2], "seconds": 5.0, "truncated": False}
    return {"state": "ready", "folder": place, **facts, "failed": None, "skipped": []}


def _wav(path: Path, samples: array[int], channels: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, 8_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def _write_frames(log: Log, content: Any, keeps: Any) -> None:
    crossed = [_crossed(number, *said) for number, said in enumerate(SAID)]
    file = log.frame_file(TALK, "2026-11-21T09:30:00.000Z", keeps, content)
    writer, recording = FrameWriter(), Recording(file, FrameMaker(0.0, lambda: "openai", Secrets()))
    writer.append(Job(recording, crossed, Manner(keeps, content), (None, None), 0, last=True))
    writer.stop()


def _crossed(number: int, from_client: bool, said: dict[str, Any] | bytes) -> Crossed:
    text = isinstance(said, dict)
    payload = json.dumps(said).encode() if isinstance(said, dict) else said
    frame = Frame(from_client, payload, text=text, at=number / 10)
    if number == 1:
        return Crossed(frame, b'{"type":"response.create","changed":true}', False, 1, (Found("fnd_1", "policy", "redact", "cards"),))
    return Crossed(frame, None if number == 3 else payload, False, 1)


def run(data: Path, *words: str) -> Result:
    """The command line in this process; what it prints in bytes."""
    return CliRunner().invoke(app, [*words, "--data", str(data)])


def lines(data: Path, *words: str) -> Sequence[dict[str, Any]]:
    """What `export jsonl` printed, apart from its first line."""
    result = run(data, "export", "jsonl", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()][1:]
