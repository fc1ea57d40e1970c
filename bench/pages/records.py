"""Records of the sizes and with the fields that the proxy writes: sessions, their turns, findings and bills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from random import Random
from typing import Any
from typing import Final

from realtime.billing import rows
from realtime.latencies import percentile
from store.clock import stamp
from store.export.native import FIELDS

Record = dict[str, Any]

KEYS: Final = tuple(f"kiosk-{number}" for number in range(12))
MODELS: Final = ("gpt-realtime", "gpt-realtime-mini", "gemini-live")
SOURCE: Final = {"source": "genai-prices 0.2.3", "date": "2026-11-09"}
RATES: Final = (
    ("text_in", 54, "token", 4.0, 1_000_000),
    ("audio_in", 62, "token", 32.0, 1_000_000),
    ("text_out", 17, "token", 16.0, 1_000_000),
    ("audio_out", 48, "token", 64.0, 1_000_000),
    ("audio_in", 2.25, "second", 0.36, 3_600),
)
"""What a turn uses: item, quantity, unit, US dollars for so many of it."""
KEPT: Final = 32
"""First audio of so many turns stands in the record of a session, the newest."""
_WORDS: Final = [
    "where",
    "is",
    "my",
    "order",
    "and",
    "when",
    "will",
    "it",
    "be",
    "here",
    "you",
    "said",
    "it",
    "would",
    "come",
    "on",
    "tuesday",
    "but",
    "nobody",
    "rang",
    "the",
    "bell",
]
RARE: Final = "chrysanthemum"
"""A word that one turn in a thousand has."""


@dataclass(slots=True)
class Hands:
    """A clock that shows what it is set to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Talk:
    """A session as it goes on: what the proxy would write when it opens, after each turn, and when it closes."""

    def __init__(self, name: str, began: datetime, chance: Random) -> None:
        self.name = name
        self.began = began
        self._chance = chance
        self._waits: list[float] = []
        self._turns = 0
        self._found = 0
        self._who: Record = {"principal": chance.choice(KEYS), "route": "default", "provider": "openai", "model": chance.choice(MODELS)}

    def opening(self) -> Record:
        """The record with which it begins."""
        return {
            "id": self.name,
            "started_at": stamp(self.began),
            "ended_at": None,
            "transport": "websocket",
            "call": None,
            "client_secret": None,
            "door": "gateway",
            **self._who,
            "kind": "openai",
            "family": "realtime",
            "dialect": "openai",
            "upstream_host": "api.openai.com",
            "grouping": None,
            "client": {"address": "127.0.0.1", "agent": "AsyncOpenAI/Python 3.52.0", "origin": None, "path": "/v1/realtime"},
            **self.summary(),
            "close": None,
        }

    def summary(self) -> Record:
        """The fields that are set after each turn."""
        ordered, last = sorted(self._waits), self._waits[-KEPT:]
        return {
            "model": self._who["model"],
            "upstream_model": self._who["model"],
            "provider_model": self._who["model"],
            "provider_session": f"sess_{self.name}",
            "turns": self._turns,
            "usage": _usage(self._turns),
            "cost": _cost(self._turns, str(self._who["model"])),
            "first_audio": {"p50": percentile(ordered, 50), "p95": percentile(ordered, 95), "last": last} if last else None,
            "findings": {"policy": self._found} if self._found else {},
            "media": None,
            "audio": {"in_seconds": 2.25 * self._turns, "out_seconds": 2.4 * self._turns},
            "recording": None,
            "held": None,
            "events": None,
            "error": None,
        }

    def turn(self, at: datetime, lasted: float = 2.6) -> Record:
        """The next turn, answered from `at` on for so many seconds."""
        self._turns += 1
        wait = round(self._chance.lognormvariate(6.1, 0.4), 1)
        self._waits.append(wait)
        said, answer = self._words(14), self._words(30)
        return {
            "session": self.name,
            "index": self._turns,
            "id": f"resp_{self.name}_{self._turns:06d}",
            "trigger": "vad",
            "status": "completed",
            "reason": None,
            "error": None,
            "started_at": stamp(at),
            "ended_at": stamp(at + timedelta(seconds=lasted)),
            "model": self._who["model"],
            "voice": "marin",
            "tools": ["get_weather", "lookup_order"],
            "input_chars": len(said),
            "output_chars": len(answer),
            "tool_calls": [],
            "usage": _usage(1),
            "transcription_usage": None,
            "cost": _cost(1, str(self._who["model"])),
            "clocks": {"first_output": wait, "first_audio": wait, "response": lasted * 1e3, "since": "speech_stopped"},
            "moments": {
                "user_began": -2_400.0,
                "user_ended": -150.0,
                "first_output": wait,
                "first_audio": wait,
                "last_audio": lasted * 1e3,
            },
            "audio": {"in_seconds": 2.25, "out_seconds": 2.4},
            "interrupted": False,
            "truncated_ms": None,
            "held": None,
            "out_of_band": False,
            "cut": False,
            "input": said,
            "summary": said,
            "output": answer,
        }

    def finding(self, number: int, at: datetime) -> Record:
        """Something that a policy found in the newest turn."""
        self._found += 1
        what = {"kind": "policy", "severity": "medium", "action": "redact", "mode": "enforce", "policy": f"policy-{number % 7}"}
        where = {"session": self.name, "turn": self._turns, "direction": "client", "event_type": "response.create", "path": "$.response"}
        more = {"excerpt": "the card number is ████", "detail": {"applied": True, "reason": "card", "sha256": f"{number:064x}"}}
        return dict.fromkeys(FIELDS) | {"id": f"fnd_{number:016x}", "at": stamp(at)} | what | self._who | where | more

    def closing(self, at: datetime) -> Record:
        """The fields that are set when it is over."""
        return {
            "ended_at": stamp(at),
            **self.summary(),
            "close": {"code": 1000, "reason": "", "side": "client"},
            "frames": {"client": {"frames": 46, "bytes": 274_741}, "upstream": {"frames": 104, "bytes": 323_507}},
            "unreadable": {},
            "redacted_credentials": 0,
            "tags": [],
            "errors": [],
            "lost": {},
            "added": {"mean_ms": 0.351, "p99_ms": 3.367, "max_ms": 3.367},
        }

    def bills(self, at: datetime) -> list[Record]:
        """What it cost, line by line."""
        return list(rows({"id": self.name, "started_at": stamp(self.began), **self._who, **self.closing(at)}))

    def _words(self, count: int) -> str:
        words = self._chance.choices(_WORDS, k=count)
        return " ".join([*words, RARE] if self._chance.random() < 0.001 else words)


def _usage(turns: int) -> Record:
    known = {f"{side}_{kind}": number * turns for side, kind, number in (("input", "text", 54), ("input", "audio", 62))}
    known |= {f"{side}_{kind}": number * turns for side, kind, number in (("output", "text", 17), ("output", "audio", 48))}
    return {"total_tokens": 181 * turns, "input_tokens": 116 * turns, "output_tokens": 65 * turns, **known}


def _cost(turns: int, model: str) -> Record:
    made: list[Record] = []
    for item, quantity, unit, rate, per in RATES if turns else ():
        of = {"model": "whisper-1" if unit == "second" else model, **SOURCE}
        used = round(quantity * turns, 6)
        made.append({"item": item, "quantity": used, "unit": unit, "rate": rate, "per": per, "usd": round(used * rate / per, 6), **of})
    return {"usd": round(sum(float(line["usd"]) for line in made), 6), "priced": True, "partial": False, **SOURCE, "lines": made}
