"""Listens to one session and gathers its sound for the spool. On the event loop it only notes; the disk is the writer's.

Marks tell what the sound belongs to:

    {"opened"}                    Unix time of the session's beginning, the first entry
    {"turn", "began", "user"}     a turn began; the user's side of it reaches from and to these seconds, or is null
    {"truncate", "ms"}            the client played so much of an item
    {"cancel"}                    the answer of this turn was broken off
    {"playback", "turn"}          on a call: the provider begins (true) or ends to send an answer's sound
    {"cut"}, {"skipped"}          why the recording ends; an encoding that cannot be stored
    {"guarded"}                   policies have a say in the words of this side: kept is only what is settled
    {"silenced", "side", "policy"}  words of this side of a turn (0: of none) did not cross as they were said
    {"settled", "side"}           this side of a turn was heard out, transcribed, and crossed; 0: all of the side
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import Final

from realtime.audio import AudioFormat
from realtime.policies.speech import Side
from realtime.policies.trace import Trace
from realtime.recent import Recent
from realtime.session import Session
from realtime.settling import Part
from realtime.settling import Settling
from realtime.settling import Stopped
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import InputCleared
from realtime.signals import InputTranscript
from realtime.signals import Playback
from realtime.signals import ResponseFinished
from realtime.signals import ResponseStarted
from realtime.signals import Signal
from realtime.signals import SpeechStarted
from realtime.signals import TextOut
from realtime.signals import Truncated
from realtime.turn import Turn
from store.spool import MODEL
from store.spool import USER
from store.spool import Entry
from store.spool import Spool
from store.spool import SpoolWriter
from store.spool import mark

LIMIT_BYTES: Final = 512 << 20
"""Sound kept of one session: an hour and a half of both sides in PCM16 at 24 kHz."""
LIMIT_SECONDS: Final = 7_200.0
LEAD_SECONDS: Final = 1.0
"""How long before the provider heard speech it can have begun."""

_HAND_OVER_BYTES: Final = 256 << 10
_ANSWERS: Final = 64
_LONGEST_MS: Final = 1 << 31
_SPOKEN: Final = frozenset({"speech_stopped", "commit", "append"})

_Answer = tuple[str | None, str | None]
"""Response id and item id."""


class Listener:
    """Called with every signal of a session and the monotonic time of its message, after the session has taken it in.

    `guards` tells in whose words policies have a say now.
    """

    def __init__(
        self, session: Session, spool: Spool, writer: SpoolWriter, limit: int, guards: Callable[[], frozenset[Side]] = frozenset
    ) -> None:
        self.spool = spool
        self.truncated = False
        self._session = session
        self._writer = writer
        self._limit = limit
        self._entries: list[Entry] = [mark(0.0, opened=session.opened + session.offset, session=session.id)]
        self._size = 0
        self._kept = 0
        self._last: Turn | None = None
        self._taken = -1.0
        """Up to when the user's sound belongs to turns."""
        self._spoke: float | None = None
        self._turns: Recent[str | None, int] = Recent(_ANSWERS)
        self._items: Recent[_Answer, tuple[int, int]] = Recent(_ANSWERS)
        """Of each answer's item: the turn, and the number under which it is stored."""
        self._item = 0
        self._skipped: set[str] = set()
        self._guards = guards
        self._guarded: frozenset[Side] = frozenset()
        self._settling = Settling()

    def __call__(self, signal: Signal, at: float) -> None:
        at -= self._session.opened
        kind = type(signal)
        if self.truncated and kind in (AudioIn, AudioOut):
            return
        if kind is AudioIn:
            self._sound(USER, signal, signal.format or self._session.audio.format_in, at, 0, 0)  # type: ignore[union-attr,arg-type]
            return
        if self._session.tracker.newest is not self._last:
            self._began(at)
        if kind is AudioOut:
            answer = signal.response_id, signal.item_id  # type: ignore[union-attr]
            turn, item = self._items.get(answer) or self._number(answer)
            self._sound(MODEL, signal, signal.format or self._session.audio.format_out, at, turn, item)  # type: ignore[union-attr,arg-type]
        else:
            self._noted(signal, at)

    def hand_over(self) -> None:
        """Give what was gathered to the writer; the recording ends where that has too much to do."""
        self._guard(self._guards())
        entries, size = self._entries, self._size
        self._entries, self._size = [], 0
        if self.spool.failed is not None:
            self.truncated = True
        elif entries and not self._writer.append(self.spool, entries, size):
            self._cut("the disk is too slow")

    def cut(self, reason: str) -> None:
        """Keep nothing from here on."""
        self._cut(reason)
        self.hand_over()

    def silence(self, trace: Trace) -> None:
        """As in `Hearing`."""
        self._silence(self._settling.stopped(trace))
        self._guard(frozenset(self._settling.silenced))

    def close(self) -> None:
        """The session is over."""
        self._silence(self._settling.turnless())
        self._settle(self._settling.closed(has_turns=self._session.tracker.has_turns))
        self.hand_over()

    def end(self) -> None:
        """Keep nothing any more, also not what was gathered."""
        self.truncated = True
        self.spool.failed = "erased"
        self._entries.clear()

    def _sound(self, kind: int, signal: AudioIn | AudioOut, form: AudioFormat | None, at: float, turn: int, item: int) -> None:
        size = signal.size
        if not size:
            return
        if form is None or form.encoding == "other":
            self._skip("other" if form is None else form.encoding, at)
            return
        self._kept += size
        if self._kept > self._limit or at > LIMIT_SECONDS:
            self._cut("the recording has reached its limit")
            return
        self._entries.append((kind, at, signal.data, form, turn, item))
        self._size += size
        if self._size >= _HAND_OVER_BYTES:
            self.hand_over()

    def _cut(self, reason: str) -> None:
        self.truncated = True
        self._entries.append(mark(0.0, cut=reason))

    def _skip(self, encoding: str, at: float) -> None:
        if encoding not in self._skipped:
            self._skipped.add(encoding)
            self._mark(at, skipped=encoding)

    def _mark(self, at: float, **facts: Any) -> None:
        self._entries.append(mark(at, **facts))

    def _began(self, at: float) -> None:
        """A turn began: what the user has said until then is its."""
        turn = self._last = self._session.tracker.newest
        assert turn is not None
        clocks, user = turn.clocks, None
        if clocks.ended_speaking is not None and clocks.since in _SPOKEN:
            end = clocks.ended_speaking - self._session.opened
            begin = self._taken if self._spoke is None else max(self._taken, self._spoke - LEAD_SECONDS)
            user = (begin, end)
            self._taken, self._spoke = end, None
        self._mark(at, turn=turn.index, began=at, user=user)
        self._silence(self._settling.began(turn))

    def _guard(self, sides: frozenset[Side]) -> None:
        """Stands before all sound that is not on the disk yet."""
        self._entries[:0] = [mark(0.0, guarded=side) for side in sorted(sides - self._guarded)]
        self._guarded |= sides

    def _silence(self, stopped: Iterable[Stopped]) -> None:
        for part, policy in stopped:
            self._mark(0.0, silenced=part.turn, side=part.side, policy=policy)

    def _settle(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._mark(0.0, settled=part.turn, side=part.side)

    def _number(self, answer: _Answer) -> tuple[int, int]:
        """A new item of an answer."""
        newest = self._session.tracker.newest
        self._item += 1
        turn = self._turns.get(answer[0]) or (newest.index if newest is not None and not newest.ended else 0)
        self._items[answer] = turn, self._item
        return turn, self._item

    def _noted(self, signal: Signal, at: float) -> None:
        match signal:
            case ResponseStarted():
                newest = self._session.tracker.newest
                self._turns[signal.response_id] = newest.index if newest is not None else 0
                self._items.pop((None, None), None)
            case ResponseFinished():
                if signal.status == "cancelled":
                    self._mark(at, cancel=self._turns.get(signal.response_id, 0))
                self._settle(self._settling.settled())
            case TextOut():
                self._settling.said("model", signal.item_id, self._turns.get(signal.response_id, 0))
            case InputTranscript():
                self._settling.said("user")
                self._settle(self._settling.settled() if signal.final or signal.failed else ())
            case Truncated() if (item := self._truncated(signal.item_id)) is not None:
                self._mark(at, truncate=item, ms=min(max(0, signal.audio_end_ms), _LONGEST_MS))
            case Playback():
                self._mark(at, playback=signal.started, turn=self._turns.get(signal.response_id, 0))
            case InputCleared():
                self._taken = at
            case SpeechStarted() if self._spoke is None:
                self._spoke = at

    def _truncated(self, item_id: str | None) -> int | None:
        """The number of an item; of the newest where the client does not name one."""
        return next((item for (_, known), (_, item) in reversed(self._items.items()) if item_id in (None, known)), None)
