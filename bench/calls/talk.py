"""The events of a call: turns of four seconds with ten events a second, of the size and order in which a provider sends them.

Every event carries a number in its `event_id`, so that each one is timed by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Final

from bench import events

PER_SECOND: Final = 10
TURN: Final = 40
"""Events in one turn."""

_START: Final = '{"event_id":"event_'
_DIGITS: Final = slice(len(_START), len(_START) + 20)
_responses = count(1)


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a turn: whether the caller says it, and its text without the leading event id."""

    up: bool
    rest: str


def _rest(event: bytes) -> str:
    """Its text after the opening brace, without an id."""
    fields = json.loads(event)
    fields.pop("event_id", None)
    return events.text(fields).decode()[1:]


def _client(kind: str, **fields: object) -> Line:
    return Line(True, _rest(events.text({"type": kind, **fields})))


@cache
def turn() -> tuple[Line, ...]:
    """What is said in one turn: a question, and an answer whose words come one after the other."""
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "When will my parcel reach me?"}]}
    created, done = (Line(False, _rest(event)) for event in (events.response_created(), events.response_done()))
    words = [Line(False, _rest(events.transcript_delta(index))) for index in range(TURN - 5)]
    words.insert(TURN // 2, _client("input_audio_buffer.clear"))
    return _client("conversation.item.create", item=question), _client("response.create"), created, *words, done


def numbered(number: int, rest: str, response: str) -> str:
    """The text of one event."""
    return f'{_START}{number:020d}",{rest}'.replace(events.RESPONSE, response)


def number(text: str) -> int | None:
    """The number of an event that `numbered` made; None for any other."""
    digits = text[_DIGITS]
    return int(digits) if text.startswith(_START) and digits.isdecimal() else None


def response() -> str:
    """A response id that was never used before."""
    return f"resp_{next(_responses):020d}"
