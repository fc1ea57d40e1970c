"""The input gate: the provider answers what the user said once its transcript was checked by the policies.

The provider is kept from answering by itself; the gate asks for the answer in its place, unless the app does. Neither that nor what
else the gate has to say to the provider shows to the app.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from realtime.dialects.fields import obj
from realtime.dialects.fields import text
from realtime.errors import provider_error_event
from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.frame import may_be_json
from realtime.framing import Close
from realtime.gates.act import Act
from realtime.gates.act import Note
from realtime.gates.disguise import Disguise
from realtime.gates.outstanding import Kind
from realtime.gates.outstanding import Outstanding
from realtime.gates.outstanding import Sent
from realtime.gates.outstanding import is_ours
from realtime.gates.settings import BOUNDS
from realtime.gates.settings import Bounds
from realtime.gates.settings import Gates
from realtime.gates.unseen import Unseen
from realtime.gates.waiting import Queue
from realtime.gates.waiting import UserTurn
from realtime.gates.waiting import carries_sound
from realtime.gates.waiting import is_bare
from realtime.jsonedit import replace_value
from realtime.policies.refusal import CODE
from realtime.policies.refusal import FAILED
from realtime.policies.refusal import item_of
from realtime.recent import Recent
from realtime.texts import owner_of

_HEARD: Final = "conversation.item.input_audio_transcription."
_BUSY: Final = "conversation_already_has_active_response"
_REMEMBERED: Final = 64
_AWAITED: Final[dict[str, Kind]] = {
    "session.update": "update",
    "transcription_session.update": "update",
    "input_audio_buffer.commit": "commit",
    "response.create": "create",
}
"""What is confirmed by the provider."""

UNWRITTEN: Final = "no transcript of the user is configured, and no model for it is known here"
FAILED_TO: Final = "the provider could not write down what the user said"
UNCONFIRMED: Final = "the provider did not confirm the end of what the user said"
SOUND: Final = "sound inside an item cannot be checked on this route: append it to the input buffer"
UNCLEAR: Final = "this message cannot be read with certainty"


class InputGate:
    """One for each session. `blocks` says whether what cannot be checked is stopped. Times are monotonic seconds."""

    def __init__(self, gates: Gates, blocks: Callable[[], bool], bounds: Bounds = BOUNDS) -> None:
        self._gates = gates
        self._blocks = blocks
        self._bounds = bounds
        self._sent = Outstanding()
        self._disguise = Disguise(gates, self._sent)
        self._turns: dict[str, UserTurn] = {}
        self._early: Recent[str, str] = Recent(_REMEMBERED)
        """Why the transcript of an item that is not committed yet was stopped, "" where it was not."""
        self._queue = Queue(bounds)
        self._owed = False
        self._refused = ""
        """Why what the app asked for since is not answered."""
        self._passed = False
        self._speaking = False
        self._ours: str | None = None
        """The event id of our own request, then the id of its answer, while nothing else has happened."""
        self._again = False
        """Our own request came while another answer was open."""
        self._unseen = Unseen()

    @property
    def deadline(self) -> float | None:
        """When `due` must be called; None while nothing waits."""
        commits = [sent.at + self._bounds.words for sent in self._sent.of("commit")]
        return min([*commits, *(turn.until for turn in self._turns.values())], default=None)

    @property
    def _waits(self) -> bool:
        return bool(self._turns or self._sent.of("commit"))

    # -- the app --------------------------------------------------------------------------------------------------------

    def from_client(self, frame: Frame, now: float) -> Act:
        """A message of the app, as the policies left it."""
        act = Act()
        if self._disguise.off or frame.type in AUDIO:
            return act
        if _is_unclear(frame) and self._blocks():
            self._refuse(frame, UNCLEAR, "ambiguous_event", act)
        elif carries_sound(frame):
            self._unheard(frame, act)
        if act.drop:
            return act
        asks = frame.type == "response.create"
        if self._queue.waits(frame) or (asks and self._waits):
            self._put_off(frame, act)
        elif asks and self._ours is not None and is_bare(frame):
            act.drop = True
        else:
            act.payload = self._passes(frame, now)
        return act

    def withdrawn(self, frame: Frame) -> None:
        """A message of the app that had passed is not sent after all."""
        if (kind := _AWAITED.get(frame.type)) is not None:
            self._sent.withdrawn(kind)

    def _put_off(self, frame: Frame, act: Act) -> None:
        act.drop = True
        if not self._queue.add(frame):
            self._refuse(frame, "too much waits for the transcript of the user", FAILED, act)

    def _passes(self, frame: Frame, now: float) -> bytes | None:
        """A message of the app goes to the provider; in another form where this says so."""
        cause, payload = frame.head.event_id, None
        match frame.type:
            case "session.update" | "transcription_session.update":
                payload = self._disguise.sends(frame, now)
            case "input_audio_buffer.commit":
                self._ours = None
                self._sent.add(Sent("commit", cause, now))
            case "response.create":
                self._ours = None
                self._sent.add(Sent("create", cause, now, frame.payload))
            case "conversation.item.create":
                self._ours = None
        return None if payload is frame.payload else payload

    def _unheard(self, frame: Frame, act: Act) -> None:
        if self._blocks():
            self._refuse(frame, SOUND, FAILED, act)
        act.notes.append(Note("block" if act.drop else "release", None, "unchecked", SOUND))

    def _refuse(self, frame: Frame, reason: str, code: str, act: Act) -> None:
        act.drop = True
        self._tell(reason, code, frame.head.event_id, act)

    def _tell(self, reason: str, code: str, cause: str | None, act: Act) -> None:
        error = provider_error_event(reason, type="invalid_request_error", code=code, event_id=cause, dialect="openai")
        if error is not None:
            act.client.append(error)

    # -- the provider ---------------------------------------------------------------------------------------------------

    def from_server(self, frame: Frame, stopped: str, now: float) -> Act:
        """A message of the provider, as the policies left it, or as it came where they stopped it, for this reason."""
        act = Act()
        event, kind = frame.event, frame.type
        if event is None or self._disguise.off:
            return act
        if self._unseen.covers(frame):
            act.hide()
        item = item_of(frame)
        if stopped and item is not None:
            self._stop(item, stopped, act)
        match kind:
            case "session.created" | "transcription_session.created":
                self._disguise.opened(frame, now, act)
            case "session.updated" | "transcription_session.updated":
                self._disguise.confirmed(frame, act)
                self._speaking = False
            case "input_audio_buffer.speech_started":
                self._speaking = True
            case "input_audio_buffer.committed" if item is not None:
                self._committed(item, now, act)
            case "input_audio_buffer.cleared":
                self._speaking = False
            case "response.created":
                self._begun(frame, now, act)
            case "response.done":
                self._ended(owner_of(event))
            case "error":
                self._failed(frame, act)
            case _ if kind.startswith(_HEARD) and not stopped:
                self._heard(kind.removeprefix(_HEARD), item, act)
        self._go_on(now, act)
        return act

    def _committed(self, item: str, now: float, act: Act) -> None:
        by_hand = self._sent.answered("commit") is not None
        self._speaking = False
        self._ours = None
        turn = UserTurn(item, self._disguise.automatic and not by_hand, now + self._bounds.words)
        self._turns[item] = turn
        known = self._early.pop(item, None)
        if known is not None:
            self._settle(turn, known, act)
        elif not self._disguise.transcribes:
            self._uncheckable(turn, UNWRITTEN, act)

    def _heard(self, what: str, item: str | None, act: Act) -> None:
        """The transcript of an item, or a piece of it, has passed the policies."""
        turn = self._turns.get(item or "")
        if self._disguise.hides_transcripts:
            act.hide()
        if what == "completed" and turn is not None:
            self._settle(turn, "", act)
        elif what == "completed" and item is not None and item not in self._early:
            self._early[item] = ""
        elif what == "failed" and turn is not None:
            self._uncheckable(turn, FAILED_TO, act)

    def _stop(self, item: str, why: str, act: Act) -> None:
        """The policies stopped what is said of an item."""
        turn = self._turns.get(item)
        if turn is not None:
            self._settle(turn, why, act)
        else:
            self._early[item] = why

    def _settle(self, turn: UserTurn, stopped: str, act: Act) -> None:
        """What the user said was checked, or stopped."""
        self._turns.pop(turn.item, None)
        if not stopped:
            self._passed = True
            self._owed = self._owed or turn.automatic
            return
        self._refused = stopped
        act.notes.append(Note("block", turn.item, "blocked", "what the user said is not answered, and is taken out of the conversation"))
        self._forget(turn, act)

    def _forget(self, turn: UserTurn, act: Act) -> None:
        if turn.item and not self._gates.beside:
            self._unseen.remove(turn.item)
            self._order("delete", {"type": "conversation.item.delete", "item_id": turn.item}, act)

    def _uncheckable(self, turn: UserTurn, why: str, act: Act) -> None:
        self._turns.pop(turn.item, None)
        if not self._blocks():
            act.notes.append(Note("release", turn.item or None, "unchecked", why))
            self._settle(turn, "", act)
            return
        act.notes.append(Note("block", turn.item or None, "unchecked", why))
        self._refused = f"what the user said could not be checked: {why} (gate)"
        self._tell(self._refused, FAILED, None, act)
        self._forget(turn, act)

    def _begun(self, frame: Frame, now: float, act: Act) -> None:
        """An answer begins. One that begins while something is unchecked may be an answer to that: it is broken off, and made later."""
        sent, answer = self._sent.answered("create"), owner_of(frame.event or {})
        if not self._turns or answer is None:
            if sent is not None and sent.ours and self._ours == sent.event_id:
                self._ours = answer
            return
        self._unseen.hide(answer)
        act.hide()
        if self._gates.beside:
            return
        act.notes.append(Note("cancel", None, "too_early", "an answer was begun before what the user said was checked; it is made anew"))
        self._order("cancel", {"type": "response.cancel", "response_id": answer}, act)
        if sent is not None and sent.ours:
            self._owed = True
        elif sent is not None:
            self._queue.add(Frame(True, sent.payload, at=now), first=True)

    def _ended(self, answer: str | None) -> None:
        if self._ours == answer:
            self._ours = None
        if self._again:
            self._again, self._owed = False, True

    def _failed(self, frame: Frame, act: Act) -> None:
        """An error: what it is about never happened. One that our own messages caused is not for the app."""
        error = obj(frame.event or {}, "error")
        cause = text(error, "event_id")
        sent = self._sent.failed(cause)
        if not is_ours(cause):
            return
        if sent is None or sent.kind != "create":
            act.hide()
            if sent is not None and sent.kind == "update" and self._blocks():
                act.close = Close(1008, "the provider cannot be kept from answering by itself (gate)")
        elif text(error, "code") == _BUSY:
            self._again = True
            act.hide()
        else:
            self._ours = None
            act.payload = replace_value(frame.payload, ("error", "event_id"), None)

    # -- going on -------------------------------------------------------------------------------------------------------

    def due(self, now: float) -> Act:
        """The time has come for something."""
        act = Act()
        for turn in [turn for turn in self._turns.values() if turn.until <= now]:
            self._uncheckable(turn, f"its transcript did not come within {self._bounds.words:g} s", act)
        while (commits := self._sent.of("commit")) and commits[0].at + self._bounds.words <= now:
            self._sent.answered("commit")
            self._uncheckable(UserTurn("", False, now), UNCONFIRMED, act)
        self._go_on(now, act)
        return act

    def _go_on(self, now: float, act: Act) -> None:
        """Once nothing is unchecked any more: the answers that are owed, and what waited."""
        if self._waits:
            return
        refused = "" if self._passed else self._refused
        if self._owed and not self._speaking:
            self._owed = False
            if not self._queue.asks and not self._gates.beside:
                self._ours = self._order("create", {"type": "response.create"}, act, now)
        for frame in self._queue.take():
            if frame.type == "response.create" and refused:
                self._tell(refused, CODE, frame.head.event_id, act)
            else:
                act.replay.append(self._passes(frame, now) or frame.payload)
        self._passed, self._refused = False, ""

    def _order(self, kind: str, event: dict[str, str], act: Act, now: float = 0.0) -> str:
        """Say something to the provider; the id under which it does."""
        name = self._sent.name(kind)
        act.upstream.append(json.dumps({**event, "event_id": name}).encode())
        if kind == "create":
            self._sent.add(Sent("create", name, now))
        return name


def _is_unclear(frame: Frame) -> bool:
    """Whether the provider may read something else here than the gate does."""
    if frame.event is not None:
        return frame.flaw is not None
    return frame.text or may_be_json(frame.payload)
