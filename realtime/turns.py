"""Turns of a session, from signals alone: each answer becomes one record and ends once, whatever arrives in which order.

    response requested, or started by the provider ──► open ── output, tool calls ──► finished with its status
                                                        └──── session closes ───────► interrupted (499, 502)
    a transcript, a tool result or a truncation that comes later amends the record

Everything is bounded; what a bound pushed out is counted in `lost` and never raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from typing import ClassVar
from typing import Final

from realtime import signals
from realtime.errors import turn_error
from realtime.gates.delays import Held
from realtime.inputs import Input
from realtime.playing import Playing
from realtime.recent import Recent
from realtime.requests import Request
from realtime.requests import Requests
from realtime.settings import Settings
from realtime.signals import Signal
from realtime.toolcalls import ToolCalls
from realtime.turn import Key
from realtime.turn import Status
from realtime.turn import Trigger
from realtime.turn import Turn
from realtime.turn import wall_time
from realtime.turnbook import TurnBook
from realtime.turntext import TEXT_LIMIT
from realtime.turntext import name
from realtime.userside import UserSide

MAX_SPEAKING: Final = 16
MAX_ERRORS: Final = 64

Handler = Callable[["TurnTracker", Any, bool, float], None]


class TurnTracker:
    """The turns of one session.

    `offset` turns the monotonic times of `apply` into Unix time; `text_limit` is the bytes of text kept a turn.
    """

    __slots__ = ("_book", "_offset", "_playing", "_requests", "_settings", "_speaking", "_tools", "_user", "closed", "errors")
    _handlers: ClassVar[dict[type, Handler]]

    def __init__(self, session: str, *, offset: float = 0.0, text_limit: int = TEXT_LIMIT) -> None:
        self.errors: deque[dict[str, Any]] = deque(maxlen=MAX_ERRORS)
        """The provider's newest errors, for the session's record; `turn` is the index of the turn each fell into."""
        self.closed = False
        self._settings = Settings()
        self._user = UserSide(text_limit)
        self._requests = Requests()
        self._tools = ToolCalls()
        self._book = TurnBook(session, offset, text_limit)
        self._offset = offset
        self._speaking: Recent[str, Turn] = Recent(MAX_SPEAKING)
        """Whose answer the newest output items are."""
        self._playing = Playing()

    def apply(self, signal: Signal, *, from_client: bool, at: float) -> None:
        """Take one signal in. `at` is the monotonic time of its message in seconds."""
        if not self.closed:
            self._handlers[type(signal)](self, signal, from_client, at)

    def changed(self) -> list[Turn]:
        """Turns that ended or were amended since the last call, in the order in which they began."""
        return self._book.changed()

    def close(self, reason: str, at: float) -> None:
        """The session is over: open turns end as interrupted, and what has not been transcribed never will be.

        `reason` is `client_closed` (499), `upstream_closed` (502) or a word of the proxy's own (503).
        """
        if self.closed:
            return
        self.closed = True
        self._book.touch(self._playing.close(at))
        for turn in list(self._book.open.values()):
            self._book.interrupt(turn, reason, at, self._user)
        for request in self._requests.unanswered():
            self._unstarted(request, at, reason)
        self._book.touch(self._user.inputs.give_up())

    @property
    def lost(self) -> dict[str, int]:
        """How much each bound pushed out; `tool_results` are those that answer no known call."""
        return {
            "inputs": self._user.inputs.dropped,
            "requests": self._requests.dropped,
            "responses": self._book.pushed_out,
            "tool_calls": self._tools.dropped,
            "tool_results": self._tools.unlinked,
        }

    @property
    def count(self) -> int:
        """Turns that have begun."""
        return self._book.count

    @property
    def state(self) -> str | None:
        """Who has the word, as far as the provider tells: the user is `speaking`, or the model `answering`."""
        return "speaking" if self._user.speaking else "answering" if self._book.answering else None

    @property
    def newest(self) -> Turn | None:
        """The turn that began last, open or ended."""
        return self._book.newest

    @property
    def has_turns(self) -> bool:
        """False for translation and Live sessions."""
        return self._settings.has_turns

    @property
    def open_turns(self) -> int:
        """Turns that have begun and not ended."""
        return len(self._book.open)

    def waited(self, response_id: str | None, seconds: float) -> None:
        """Sound of this answer (None: of the open one) has waited so long for its words."""
        turn = self._book.open.get(_id(response_id)) or (self._book.conversing() if response_id is None else None)
        if turn is not None:
            turn.held = Held(seconds, seconds) if turn.held is None else turn.held.then(seconds)

    # -- the session ----------------------------------------------------------------------------------------------------

    def _configured(self, signal: signals.SessionConfig, _from_client: bool, _at: float) -> None:
        self._settings.apply(signal)
        if signal.input_format is not None:
            self._user.heard.switch(signal.input_format)

    def _errored(self, signal: signals.ProviderError, _from_client: bool, at: float) -> None:
        turn = self._book.conversing()
        request = self._requests.refused(signal, busy=turn is not None)
        if request is not None and not request.beside:
            request.inputs += self._taken(request.out_of_band)
            request.error = signal
            turn = self._unstarted(request, at, "refused")
        elif turn is None and signal.event_id is None and (doubted := self._requests.doubt(signal)) is not None:
            doubted.inputs += self._taken(doubted.out_of_band)
        where = {"at": wall_time(at, self._offset), "event_id": _id(signal.event_id), "turn": turn and turn.index}
        self.errors.append({**where, **turn_error(signal).record()})

    def _ignored(self, _signal: Any, _from_client: bool, _at: float) -> None:
        """Usage of the session, sound thrown away and the provider's goodbye are no part of a turn."""

    # -- the user's side ------------------------------------------------------------------------------------------------

    def _audio_in(self, signal: signals.AudioIn, _from_client: bool, at: float) -> None:
        user = self._user
        heard = user.heard
        if signal.format is not None and signal.format is not heard.format:
            heard.switch(signal.format)
        heard.size += signal.size
        user.appended = at

    def _speech_started(self, signal: signals.SpeechStarted, _from_client: bool, at: float) -> None:
        playing_on = [turn for turn in self._playing.now if turn.ended]
        for turn in (*self._book.open.values(), *playing_on):
            if turn.conversing:
                turn.interrupt(at)
                self._book.touch([turn])
        if self._settings.has_turns:
            self._user.speech_started(_id(signal.item_id), at)

    def _speech_stopped(self, signal: signals.SpeechStopped, _from_client: bool, at: float) -> None:
        self._user.speech_stopped(_id(signal.item_id), at)

    def _committed(self, signal: signals.InputCommitted, from_client: bool, at: float) -> None:
        if self._settings.has_turns:
            item = self._user.commit(_id(signal.item_id), at, from_client=from_client)
            if item is not None:
                self._transcribing(item, at)

    def _wrote(self, signal: signals.UserItem, from_client: bool, at: float) -> None:
        if not self._settings.has_turns:
            return
        if from_client:
            self._user.wrote = at
        item = self._user.inputs.write(_id(signal.item_id), signal.text, spoken=signal.spoken, from_client=from_client)
        if item is not None and item.turn is not None:
            self._book.touch([item.turn])

    def _transcript(self, signal: signals.InputTranscript, _from_client: bool, at: float) -> None:
        item = self._user.inputs.speak(_id(signal.item_id)) if self._settings.has_turns else None
        if item is None:
            return
        turn = self._transcribing(item, at)
        item.hear(signal)
        if turn is not None:
            self._transcribed(turn, signal, at)
        elif item.turn is not None and item.turn.ended:
            self._book.touch([item.turn])
            self._user.inputs.settle(item)

    def _transcribing(self, item: Input, at: float) -> Turn | None:
        """In a transcription session every spoken item is a turn, which begins when the item is complete."""
        if self._settings.kind != "transcription":
            return None
        if item.turn is None:
            self._user.inputs.take(item)
            self._book.begin(item, at, "transcription", [item], settings=self._settings, user=self._user)
        return item.turn if item.turn is not None and not item.turn.ended else None

    def _transcribed(self, turn: Turn, signal: signals.InputTranscript, at: float) -> None:
        if signal.text:
            turn.clocks.first_output = turn.clocks.first_output or at
        if signal.final or signal.failed:
            turn.usage = turn.transcription or None
            turn.error = turn_error(signal.error) if signal.failed else None
            self._end(turn, "failed" if signal.failed else "completed", None, at)

    # -- the model's side -----------------------------------------------------------------------------------------------

    def _requested(self, signal: signals.ResponseRequested, _from_client: bool, at: float) -> None:
        for request in self._requests.doubtful():
            self._unstarted(request, at, "refused")
        beside = not signal.out_of_band and self._book.conversing() is not None
        self._requests.add(Request(_id(signal.event_id), signal.model, at, signal.out_of_band, beside))

    def _started(self, signal: signals.ResponseStarted, _from_client: bool, at: float) -> None:
        key = _id(signal.response_id)
        paused = self._book.open.get(None) if key is None else None
        if paused is not None and paused.paused and (paused.unanswered or self._user.inputs.waiting):
            self._end(paused, "completed", None, at)
        if self._settings.has_turns and key not in self._book.open and key not in self._book.ended:
            self._answer(key, at, out_of_band=signal.out_of_band)

    def _audio_out(self, signal: signals.AudioOut, _from_client: bool, at: float) -> None:
        turn = self._book.open.get(signal.response_id) or self._answering(signal.response_id, at)
        if turn is None:
            return
        clocks = turn.clocks
        if clocks.first_audio is None or turn.paused:
            clocks.first_audio = clocks.first_audio or at
            self._output(turn, at)
        clocks.last_audio = at
        spoke = turn.spoke
        if signal.format is not None and signal.format is not spoke.format:
            spoke.switch(signal.format)
        spoke.size += signal.size
        if signal.item_id is not None and signal.item_id not in self._speaking:
            self._speaking[name(signal.item_id)] = turn

    def _playback(self, signal: signals.Playback, _from_client: bool, at: float) -> None:
        """The sound of an answer starts or ends; it may play on when the answer is done."""
        turn = self._playing.take(signal, at)
        if turn is not None:
            self._book.touch([turn])

    def _text_out(self, signal: signals.TextOut, _from_client: bool, at: float) -> None:
        turn = self._answering(signal.response_id, at)
        if turn is None:
            return
        self._output(turn, at)
        item = _id(signal.item_id)
        if item is not None:
            self._speaking[item] = turn
        turn.answer.add(signal.text, (item, signal.kind), final=signal.final, replace=signal.replace)

    def _output(self, turn: Turn, at: float) -> None:
        turn.paused = False
        turn.clocks.first_output = turn.clocks.first_output or at

    def _called(self, signal: signals.ToolCall, _from_client: bool, at: float) -> None:
        turn = self._answering(signal.response_id, at)
        if turn is not None:
            self._tools.called(turn, signal, at)

    def _tool_answered(self, signal: signals.ToolResult, _from_client: bool, at: float) -> None:
        turn = self._tools.answered(signal, at) if self._settings.has_turns else None
        if turn is not None:
            self._user.results += 1
            self._user.wrote = at
            self._book.touch([turn])

    def _finished(self, signal: signals.ResponseFinished, _from_client: bool, at: float) -> None:
        turn = self._finishing(signal, at)
        if turn is None:
            return
        turn.bill(signal.usage)
        turn.model = signal.model or turn.model
        for call in signal.tools:
            self._tools.called(turn, call, at)
        if signal.text:
            turn.clocks.first_output = turn.clocks.first_output or at
            turn.answer.complete(signal.text)
        if signal.continues:
            turn.paused = True
        elif not (signal.status == "completed" and turn.paused and turn.unanswered):
            turn.error = turn_error(signal.error) if signal.error or signal.status == "failed" else None
            turn.interrupted = turn.interrupted or signal.reason == "turn_detected"
            self._end(turn, signal.status, signal.reason, at)

    def _finishing(self, signal: signals.ResponseFinished, at: float) -> Turn | None:
        """The turn that a finish is about. One without an id that finds nothing open adds to the turn that just ended."""
        key = _id(signal.response_id)
        last = self._book.last
        if key is not None or self._book.conversing() is not None or last is None or last.id is not None or last.clocks.started is None:
            return self._answering(key, at)
        if signal.usage is not None:
            last.bill(signal.usage)
            self._book.touch([last])
        return None

    def _truncated(self, signal: signals.Truncated, _from_client: bool, at: float) -> None:
        item = _id(signal.item_id)
        turn = self._book.conversing() or self._book.last if item is None else self._speaking.get(item)
        if turn is not None:
            turn.interrupt(at)
            turn.truncated_ms = signal.audio_end_ms
            self._book.touch([turn])

    # -- turns ----------------------------------------------------------------------------------------------------------

    def _answering(self, response_id: str | None, at: float) -> Turn | None:
        """The open turn of an answer; begins one when the start of the answer was not seen."""
        key = _id(response_id)
        turn = self._book.open.get(key) or (self._book.conversing() if key is None else None)
        if turn is not None or key in self._book.ended or not self._settings.has_turns:
            return turn
        return self._answer(key, at, out_of_band=False)

    def _answer(self, key: str | None, at: float, *, out_of_band: bool) -> Turn:
        request = self._requests.started(out_of_band=out_of_band)
        inputs = [*(request.inputs if request else ()), *self._taken(out_of_band)]
        turn = self._respond(key, at, request, inputs, out_of_band=out_of_band)
        turn.clocks.started = at
        self._playing.add(turn)
        return turn

    def _unstarted(self, request: Request, at: float, reason: str) -> Turn:
        """A request that got no answer is a turn all the same: failed with the provider's error, or interrupted."""
        inputs = request.inputs if request.error else [*request.inputs, *self._taken(request.out_of_band)]
        turn = self._respond(request, at, request, inputs, out_of_band=request.out_of_band)
        if request.error is None:
            self._book.interrupt(turn, reason, at, self._user)
        else:
            turn.error = turn_error(request.error)
            self._end(turn, "failed", "refused", at)
        return turn

    def _taken(self, out_of_band: bool) -> list[Input]:
        """What the user said up to now; an out-of-band answer takes nothing of it."""
        return [] if out_of_band else self._user.inputs.consume()

    def _respond(self, key: Key, at: float, request: Request | None, inputs: list[Input], *, out_of_band: bool) -> Turn:
        """Begin the turn of an answer and tell what triggered it."""
        typed = bool(inputs) and not any(item.spoken for item in inputs)
        trigger: Trigger = "client" if request is not None or typed else "vad"
        if self._user.results and not inputs and not out_of_band:
            trigger = "tool"
        return self._book.begin(
            key, at, trigger, inputs, settings=self._settings, user=self._user, request=request, out_of_band=out_of_band
        )

    def _end(self, turn: Turn, status: Status, reason: str | None, at: float) -> None:
        self._book.end(turn, status, reason, at, self._user)


def _id(text: str | None) -> str | None:
    return None if text is None else name(text)


TurnTracker._handlers = {
    signals.SessionConfig: TurnTracker._configured,
    signals.AudioIn: TurnTracker._audio_in,
    signals.AudioOut: TurnTracker._audio_out,
    signals.Playback: TurnTracker._playback,
    signals.UserItem: TurnTracker._wrote,
    signals.SpeechStarted: TurnTracker._speech_started,
    signals.SpeechStopped: TurnTracker._speech_stopped,
    signals.InputCommitted: TurnTracker._committed,
    signals.InputCleared: TurnTracker._ignored,
    signals.InputTranscript: TurnTracker._transcript,
    signals.ResponseRequested: TurnTracker._requested,
    signals.ResponseStarted: TurnTracker._started,
    signals.TextOut: TurnTracker._text_out,
    signals.ToolCall: TurnTracker._called,
    signals.ToolResult: TurnTracker._tool_answered,
    signals.ResponseFinished: TurnTracker._finished,
    signals.UsageReport: TurnTracker._ignored,
    signals.ProviderError: TurnTracker._errored,
    signals.Truncated: TurnTracker._truncated,
    signals.SessionEnded: TurnTracker._ignored,
}
