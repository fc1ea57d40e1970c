"""A recording as a play: what the app has to say and what the server says, in the order in which they crossed.

Of the app's sound only how much there was stands in it: the server's lines that answer sound say how much has to have come before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import Any
from typing import Final

from cli.errors import Failure
from cli.playcall import is_call
from cli.playcall import sounds_after
from cli.playlines import AppLine
from cli.playlines import Script
from cli.playlines import ServerLine
from cli.playlines import plain_path
from cli.playmatch import ids_in
from cli.recording import SERVER
from cli.recording import Message
from cli.recording import Recording
from realtime import dialects
from realtime.elision import without_sound
from realtime.frame import Frame
from realtime.jsonpath import Keys
from realtime.signals import AudioIn
from realtime.signals import InputCommitted
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import ToolResult
from realtime.signals import UserItem
from realtime.texts import SOUND
from store.frames import Event

MOST_BYTES: Final = 512 << 20
"""Of the server's messages of one session, which are kept in memory while it is served."""

_ASKING: Final = (InputCommitted, ResponseRequested, ToolResult, UserItem)
"""With these a client asks for what follows; it need not say anything more."""
_HEARING: Final = (SpeechStarted, SpeechStopped)
_UNLESS_ASKED: Final = (InputCommitted, ResponseStarted, UserItem)
_ANSWERS_UNASKED: Final = frozenset({"gemini"})
"""Dialects whose server may answer speech without a word about having heard it."""
_CONTINUOUS: Final = frozenset({"openai-translation", "openai-live", "vllm"})
"""Dialects in which everything the server says follows the sound as it comes."""
_SPARED: Final = (1011, "upstream connection lost")


def read_event(frame: Frame) -> tuple[str, Any, frozenset[Keys]]:
    """The kind of an app's message, what it says, and where in it sound stands. A message that is no JSON is its own text or bytes."""
    event = frame.event
    if event is None:
        return ("text" if frame.text else "binary"), frame.payload, frozenset()
    without = frozenset(elided.keys for elided in without_sound(frame)[1])
    return frame.type or "+".join(event)[:200], event, without


def script_of(recording: Recording) -> Script:
    """The play of a recording. Raises Failure VT105 for one that is too long, OSError."""
    writer = _Writer(recording.dialect)
    for message in recording.messages(SERVER):
        writer.add(message)
        if writer.size > MOST_BYTES:
            raise Failure("VT105", f"{recording.id} has more than {MOST_BYTES >> 20} MiB of server messages", "it is too long to be served")
    notes = recording.notes()
    if is_call(recording):
        writer.put_sound(recording)
        notes.append(f"a call: its events as a WebSocket session has them, with {writer.sounding} messages of the model's sound")
        notes.append("the app's sound went another way then and is not waited for")
    return Script(
        session=recording.id,
        dialect=recording.dialect,
        kind=str(recording.record.get("kind")),
        path=_path(recording),
        lines=tuple(writer.lines),
        theirs=frozenset(writer.theirs),
        ends=max(writer.lines[-1].at if writer.lines else 0.0, _seconds(recording)),
        close=_close(recording),
        notes=tuple(notes),
    )


def _path(recording: Recording) -> str:
    """Where it was recorded; of a call where its events would be as a WebSocket session."""
    path = plain_path((recording.record.get("client") or {}).get("path") or "")
    return path.removesuffix("/calls") if is_call(recording) else path


def _seconds(recording: Recording) -> float:
    began, ended = recording.record["started_at"], recording.record["ended_at"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds() if ended else 0.0


def _close(recording: Recording) -> tuple[int, str] | None:
    """What the app was told; where a provider was lost it was told so by the proxy."""
    close = recording.record.get("close") or {"side": "client"}
    if close["side"] == "client":
        return None
    lost = (close["side"], close["code"]) == ("upstream", 1006) or str(close["reason"]).endswith("(from the upstream)")
    return _SPARED if lost else (close["code"], close["reason"])


@dataclass(slots=True)
class _Writer:
    """Writes the lines one after the other; its dialect has to see each message in its order."""

    dialect: str
    lines: list[ServerLine | AppLine] = field(default_factory=list)
    theirs: set[str] = field(default_factory=set)
    size: int = 0
    sounding: int = 0
    """Messages of sound that were put in."""
    _turns: dict[int, int] = field(default_factory=dict)
    _ours: set[str] = field(default_factory=set)
    _heard: int = 0
    _since: float = 0.0
    _asked: bool = False
    _reader: dialects.Dialect = field(init=False)

    def __post_init__(self) -> None:
        self._reader = dialects.make(self.dialect)

    def add(self, message: Message) -> None:
        """The next message of the recording."""
        event, at = message.event, message.event.at / 1e6
        frame = Frame(message.from_client, message.payload or b"", text=message.text, at=at)
        signals = self._reader.signals(frame) if message.payload is not None and event.outcome != "dropped" else ()
        if not message.from_client:
            if message.payload is not None and event.outcome != "dropped":
                self._of_server(frame, event, signals)
        elif is_sound(signals):
            self._heard += sum(sizes(signals))
            self._since = at
        elif _is_apps(event):
            self._asked = self._asked or any(isinstance(signal, _ASKING) for signal in signals)
            self.lines.append(self._of_app(message, frame))

    def put_sound(self, recording: Recording) -> None:
        """Put in what went another way on a call. Raises OSError."""
        made: list[ServerLine | AppLine] = []
        sounds = sounds_after(self.lines, self._turns, recording)
        for line in self.lines:
            found = sounds.get(line.number, ())
            made += [line, *(ServerLine(line.number, line.at, Frame(False, sound).type, True, sound) for sound in found)]
            self.sounding += len(found)
            self.size += sum(map(len, found))
        self.lines = made

    def _of_app(self, message: Message, frame: Frame) -> AppLine:
        event = message.event
        kind, said, without = read_event(frame)
        if isinstance(said, dict):
            self._ours |= {value for _, value in ids_in(said)} - self.theirs
        if message.payload is None or event.outcome == "changed" or event.masked:
            return AppLine(event.n, frame.at, event.was.type if event.was else event.type or kind)
        return AppLine(event.n, frame.at, kind, said, without)

    def _of_server(self, frame: Frame, event: Event, signals: Sequence[Signal]) -> None:
        if event.type not in SOUND and frame.event is not None:
            self.theirs |= {value for _, value in ids_in(frame.event)} - self._ours
        answers = any(isinstance(signal, ResponseStarted) for signal in signals)
        heard = self._heard if self._follows_sound(signals) else 0
        self.lines.append(ServerLine(event.n, frame.at, event.type, frame.text, frame.payload, heard, self._since, answers))
        self.size += len(frame.payload)
        if event.turn is not None:
            self._turns[event.n] = event.turn
        if answers:
            self._asked = False

    def _follows_sound(self, signals: Sequence[Signal]) -> bool:
        if self.dialect in _CONTINUOUS:
            return True
        unasked = _UNLESS_ASKED if self.dialect in _ANSWERS_UNASKED else (InputCommitted,)
        return any(isinstance(signal, _HEARING) or (isinstance(signal, unasked) and not self._asked) for signal in signals)


def is_sound(signals: Sequence[Signal]) -> bool:
    """Whether a message of the app is nothing but sound."""
    return bool(signals) and all(isinstance(signal, AudioIn) for signal in signals)


def sizes(signals: Sequence[Signal]) -> Iterator[int]:
    """Bytes of sound in a message."""
    return (signal.size for signal in signals if isinstance(signal, AudioIn))


def _is_apps(event: Event) -> bool:
    """Whether the app sent it, whatever became of it."""
    return event.outcome == "changed" or (event.outcome in ("passed", "dropped") and event.by != "proxy")
