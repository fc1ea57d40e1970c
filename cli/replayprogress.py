"""How far a session has come, told by its signals alone: the same reading of a recorded session and of the one that replays it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import Literal

from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCommitted
from realtime.signals import InputTranscript
from realtime.signals import Playback
from realtime.signals import ProviderError
from realtime.signals import ResponseFinished
from realtime.signals import ResponseRequested
from realtime.signals import ResponseStarted
from realtime.signals import SessionConfig
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import SpeechStopped
from realtime.signals import TextOut
from realtime.signals import ToolCall
from realtime.signals import Truncated

_MOST_ERRORS: Final = 100

Landmark = Literal["greeted", "began", "ended", "played"]
"""What a client's next message may answer to; `played`: the last answer was heard to its end."""


class Progress:
    """The state of one session after the frames it was shown. Answers outside of the conversation count as `outside` alone."""

    def __init__(self, dialect: str) -> None:
        self.started = self.began = self.ended = 0
        """Answers so far: known of, with something to be heard or read, over."""
        self.owing = False
        """Whether the provider heard the end of what was said and has not begun to answer it by itself."""
        self.speaking = False
        self.manual = False
        """Whether answers come only when they are asked for."""
        self.listened = False
        """Whether sound was sent since an answer last began."""
        self.calls: list[ToolCall] = []
        self.transcripts = 0
        self.errors: list[ProviderError] = []
        self.sounds: dict[str | None, float] = {}
        """Seconds of sound that came of each item."""
        self.items: list[str] = []
        """Items with sound, in the order in which they began."""
        self.times: dict[Landmark, float] = {}
        """When each last was."""
        self.tells_speech = False
        """Whether the provider has told of speech that it hears."""
        self.formats = make(dialect).formats
        self._dialect = make(dialect)
        self._asked: list[str | None] = []
        self._silent: set[str | None] = set()
        self._open: set[str | None] = set()
        self._outside: set[str | None] = set()
        self._outside_asked = 0
        self._committed = False

    @property
    def open(self) -> bool:
        """Whether an answer is under way."""
        return bool(self._open)

    @property
    def busy(self) -> bool:
        """Whether an answer is under way or must come without another word of the client."""
        return bool(self._open or self._asked or self.owing)

    @property
    def outside(self) -> bool:
        """Whether an answer outside of the conversation is under way, or was asked for."""
        return bool(self._outside or self._outside_asked)

    @property
    def greeted(self) -> bool:
        """Whether the provider has said anything."""
        return "greeted" in self.times

    def take(self, frame: Frame) -> tuple[Signal, ...]:
        """Take in the next message of either side; its signals."""
        if not frame.from_client:
            self.times.setdefault("greeted", frame.at)
        signals = tuple(self._dialect.signals(frame))
        for signal in signals:
            if (read := _READ.get(type(signal))) is not None:
                read(self, signal, frame)
        return signals

    def landmark(self, at: float) -> tuple[Landmark, float] | None:
        """The last of them before a moment, and when it was."""
        passed = [(when, name) for name, when in self.times.items() if when <= at and (name != "played" or not self._open)]
        return max(passed)[::-1] if passed else None

    def config(self, signal: SessionConfig, frame: Frame) -> None:
        """What the session is configured with; formats and turns are those last said."""
        self.formats = (signal.input_format or self.formats[0], signal.output_format or self.formats[1])
        if signal.manual_turns is not None:
            self.manual = signal.manual_turns or not _answers_itself(frame.event or {})

    def heard(self, signal: AudioIn, frame: Frame) -> None:
        """Sound of the user."""
        self.listened = self.listened or frame.from_client

    def spoke(self, signal: SpeechStarted, frame: Frame) -> None:
        """The provider hears the user."""
        self.speaking = self.tells_speech = True

    def stopped(self, signal: SpeechStopped, frame: Frame) -> None:
        """The provider heard the end of it."""
        self.speaking = False
        self.owing = self.owing or not self.manual

    def committed(self, signal: InputCommitted, frame: Frame) -> None:
        """The user's side is complete: an answer follows by itself where the provider found its end."""
        if not frame.from_client and not self._committed and not self.manual:
            self.owing = True
        self._committed = frame.from_client

    def transcribed(self, signal: InputTranscript, frame: Frame) -> None:
        """Words of the user."""
        self.transcripts += signal.final

    def asked(self, signal: ResponseRequested, frame: Frame) -> None:
        """The client wants an answer."""
        if signal.out_of_band:
            self._outside_asked += 1
        else:
            self._asked.append(signal.event_id)

    def refused(self, signal: ProviderError, frame: Frame) -> None:
        """An error: of a request where it names it, or where it names nothing and no answer is under way."""
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append(signal)
        if signal.event_id in self._asked:
            self._asked.remove(signal.event_id)
        elif signal.event_id is None and self._asked and not self._open:
            self._asked.pop(0)

    def start(self, signal: ResponseStarted, frame: Frame) -> None:
        """An answer begins."""
        if signal.out_of_band or (self._outside_asked and not self._asked and not self.owing):
            self._outside.add(signal.response_id)
            self._outside_asked = max(0, self._outside_asked - 1)
            return
        self.started += 1
        self._open.add(signal.response_id)
        self._silent.add(signal.response_id)
        self._asked[:1] = []
        self.owing = self.listened = False

    def said(self, signal: TextOut, frame: Frame) -> None:
        """Words of an answer."""
        self._begin(signal.response_id, frame.at)

    def sounded(self, signal: AudioOut, frame: Frame) -> None:
        """Sound of an answer."""
        if signal.response_id in self._outside:
            return
        self._begin(signal.response_id, frame.at)
        seconds = (signal.format or self.formats[1]).seconds(signal.size) or 0.0
        if signal.item_id is not None and signal.item_id not in self.sounds:
            self.items.append(signal.item_id)
        self.sounds[signal.item_id] = self.sounds.get(signal.item_id, 0.0) + seconds
        self.times["played"] = max(self.times.get("played", 0.0), frame.at) + seconds

    def called(self, signal: ToolCall, frame: Frame) -> None:
        """A call of a tool."""
        if signal.response_id not in self._outside:
            self._begin(signal.response_id, frame.at)
            self._call(signal)

    def finish(self, signal: ResponseFinished, frame: Frame) -> None:
        """An answer is over."""
        if signal.response_id in self._outside:
            self._outside.discard(signal.response_id)
            return
        self._begin(signal.response_id, frame.at)
        for call in signal.tools:
            self._call(call)
        self._open.discard(signal.response_id)
        self.ended += 1
        self.started, self.began = max(self.started, self.ended), max(self.began, self.ended)
        self.times["ended"] = frame.at
        if signal.status == "cancelled":
            self.times["played"] = frame.at

    def stopped_playing(self, signal: Playback, frame: Frame) -> None:
        """On a call the provider tells when it has played an answer."""
        if not signal.started:
            self.times["played"] = frame.at

    def cut(self, signal: Truncated, frame: Frame) -> None:
        """The client stopped playing."""
        if frame.from_client:
            self.times["played"] = frame.at

    def _call(self, call: ToolCall) -> None:
        if all(known.call_id != call.call_id for known in self.calls):
            self.calls.append(call)

    def _begin(self, response: str | None, at: float) -> None:
        known = response if response in self._silent else next(iter(self._silent), None) if response is None else response
        if known in self._silent:
            self._silent.discard(known)
            self.began += 1
            self.times["began"] = at


def _answers_itself(event: Mapping[str, Any]) -> bool:
    """Whether the provider answers the end of speech, where a configuration says anything of it."""
    session = event.get("session")
    places = (session, ((session or {}).get("audio") or {}).get("input")) if isinstance(session, dict) else ()
    found = [place["turn_detection"] for place in places if isinstance(place, dict) and isinstance(place.get("turn_detection"), dict)]
    return all(detection.get("create_response", True) is not False for detection in found)


_READ: Final[dict[type, Callable[[Progress, Any, Frame], None]]] = {
    SessionConfig: Progress.config,
    AudioIn: Progress.heard,
    SpeechStarted: Progress.spoke,
    SpeechStopped: Progress.stopped,
    InputCommitted: Progress.committed,
    InputTranscript: Progress.transcribed,
    ResponseRequested: Progress.asked,
    ProviderError: Progress.refused,
    ResponseStarted: Progress.start,
    TextOut: Progress.said,
    AudioOut: Progress.sounded,
    ToolCall: Progress.called,
    ResponseFinished: Progress.finish,
    Playback: Progress.stopped_playing,
    Truncated: Progress.cut,
}
