"""A call of an hour with all that can be kept of it: 520 turns, both sides' sound, every message; written as the proxy writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from itertools import batched
from itertools import groupby
from math import sin
from pathlib import Path
from random import Random
from typing import Any
from typing import Final

from bench.pages.records import Hands
from bench.pages.records import Talk
from realtime.audio import AudioFormat
from store import soundfolder
from store.clock import stamp
from store.frames import Direction
from store.frames import Event
from store.frames import Sound
from store.frames import encoded
from store.log import Log
from store.soundmaker import make
from store.spool import MODEL
from store.spool import USER
from store.spool import Entry
from store.spool import Spool
from store.spool import mark

NAME: Final = "ses_call"
TURNS: Final = 520
SECONDS: Final = 3_600.0
_TURN: Final = SECONDS / TURNS
_SPEAKS: Final = 3.0
_ANSWERS: Final = 3.0
"""Seconds of a turn in which the user and the model speak; the model `_WAITS` after the user."""
_WAITS: Final = 0.5
_PIECE: Final = 0.1
_FORM: Final = AudioFormat("pcmu", 8_000)
_VOICE: Final = bytes(0x80 | int(48 + 40 * sin(number / 3)) for number in range(int(_PIECE * _FORM.rate)))
_FLUSH_US: Final = 1_000_000
"""Microseconds of messages in a batch."""
_AT_ONCE: Final = 200
"""Batches that are put on the disk together, to save time here."""


def record(data: Path, ended: datetime) -> int:
    """Write the call, which ended then; returns how many messages are kept of it."""
    talk = Talk(NAME, ended - timedelta(seconds=SECONDS), Random(5))
    hands = Hands(talk.began)
    log = Log.open(data, clock=hands)
    try:
        log.session_opened(talk.opening())
        events = list(_events())
        _write_messages(log, talk, events)
        for number in range(TURNS):
            at = talk.began + timedelta(seconds=number * _TURN + _SPEAKS + _WAITS)
            hands.now = at
            log.turn_written(talk.turn(at, _ANSWERS))
            log.session_changed(talk.name, talk.summary())
        hands.now = ended
        kept = {"keeps": "events", "count": len(events), "lost": 0, "cut": None}
        log.session_closed(talk.name, {**talk.closing(ended), "events": kept, "recording": _sound(data, talk)})
        log.commit()
    finally:
        log.close()
    return len(events)


def _sound(data: Path, talk: Talk) -> dict[str, Any]:
    folder = soundfolder.relative(stamp(talk.began), talk.name)
    spool = Spool(data, folder)
    spool.append([mark(0.0, opened=talk.began.timestamp(), session=talk.name)])
    for number in range(TURNS):
        spool.append(list(_heard(number + 1, number * _TURN)))
    spool.close()
    made = make(data, folder)
    soundfolder.finish(data, folder)
    return made


def _heard(turn: int, begin: float) -> Iterator[Entry]:
    """The sound of a turn: what the user said, then the answer."""
    for piece in range(int(_SPEAKS / _PIECE)):
        yield USER, begin + (piece + 1) * _PIECE, _VOICE, _FORM, 0, 0
    answered = begin + _SPEAKS + _WAITS
    yield mark(answered, turn=turn, began=answered, user=(begin, begin + _SPEAKS))
    for piece in range(int(_ANSWERS / _PIECE)):
        yield MODEL, answered + piece * _PIECE, _VOICE, _FORM, turn, turn


def _events() -> Iterator[Event]:
    """The messages of all turns: appends, what the provider says of them, deltas of sound and of words."""
    number = 0
    for turn in range(TURNS):
        for at, direction, kind, payload, size in _crossed(turn):
            number += 1
            elided = [Sound(["audio" if direction == "client" else "delta"], 4_268, "pcmu/8000")] if size else []
            moment = round((turn * _TURN + at) * 1e6)
            yield Event(number, moment, direction, kind, len(payload) + size, turn=turn + 1, payload=payload, elided=elided)


def _crossed(turn: int) -> Iterator[tuple[float, Direction, str, str, int]]:
    """Seconds in the turn, direction, type, payload without sound, and the size of that."""
    ids = f'"response_id":"resp_{turn:06d}","item_id":"item_{turn:06d}","output_index":0,"content_index":0'
    for piece in range(int(_SPEAKS / _PIECE)):
        yield (piece + 1) * _PIECE, "client", *_message("input_audio_buffer.append", '"audio":""'), 4_268
    for kind in ("speech_stopped", "committed"):
        yield _SPEAKS, "server", *_message(f"input_audio_buffer.{kind}", f'"item_id":"item_{turn:06d}"'), 0
    began = _SPEAKS + _WAITS
    yield began, "server", *_message("response.created", f'"response":{{"id":"resp_{turn:06d}","status":"in_progress"}}'), 0
    for piece in range(int(_ANSWERS / _PIECE)):
        yield began + piece * _PIECE / 2, "server", *_message("response.output_audio.delta", f'{ids},"delta":""'), 4_268
        if piece % 2:
            yield began + piece * _PIECE / 2, "server", *_message("response.output_audio_transcript.delta", f'{ids},"delta":" word"'), 0
    yield began + _ANSWERS / 2, "server", *_message("response.done", f'"response":{{"id":"resp_{turn:06d}","status":"completed"}}'), 0


def _message(kind: str, rest: str) -> tuple[str, str]:
    return kind, f'{{"type":"{kind}","event_id":"event_0123456789",{rest}}}'


def _write_messages(log: Log, talk: Talk, events: list[Event]) -> None:
    """In batches as they come about, those of a second in each."""
    file = log.frame_file(talk.name, stamp(talk.began), "events", "redacted")
    seconds = groupby(events, key=lambda event: event.at // _FLUSH_US)
    made = [file.add([encoded(one) for one in batch], batch[0].n) for batch in (list(found) for _, found in seconds)]
    for part in batched(made, _AT_ONCE):
        file.append(b"".join(part))
    file.end()
