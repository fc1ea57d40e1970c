"""What the gates of one session do to the world around it: let go, break off, say something of their own, and put it on record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from addons.policing import Policing
from addons.relay import Line
from addons.tap import Tap
from realtime.frame import Frame
from realtime.framing import Close
from realtime.gates.settings import BOUNDS
from realtime.session import Session
from realtime.verdict import Verdict
from store.export.native import Action


class Gatekeeper:
    """Of one session, for as long as it is live. `show` lets the hooks that only read see a message that goes on late."""

    def __init__(self, tap: Tap, policing: Policing, session: Session, show: Callable[[Session, Frame], None]) -> None:
        self.session = session
        self._tap = tap
        self._policing = policing
        self._show = show
        self._replayed: deque[bytes] = deque(maxlen=BOUNDS.messages)
        """Messages that had been judged already, and go on."""

    @property
    def line(self) -> Line | None:
        """The socket of the session; None once it is over."""
        found = self._tap.live.get(self.session.id)
        return found[1] if found is not None else None

    @property
    def blocks(self) -> bool:
        """Whether what cannot be checked is stopped; `start --monitor` stops nothing."""
        return self._tap.rules.on_error == "block" and not self._tap.settings.monitor

    @property
    def held_since(self) -> float | None:
        """When the oldest words of the model came that the policies hold."""
        return self._policing.held_since(self.session)

    def stop(self, frame: Frame, why: str) -> Verdict:
        """Break off the answer that a message is part of; the verdict on that message."""
        return self._policing.stop(self.session, frame, why)

    def crossed(self, frame: Frame) -> None:
        """A message goes on that had to wait."""
        self._show(self.session, frame)

    def waited(self, answer: str | None, seconds: float) -> None:
        """Sound of an answer waited so long before it went on."""
        self.session.tracker.waited(answer, seconds)

    def redeem(self, ticket: object, verdict: Verdict | None, now: float) -> None:
        """Decide a message of the provider that waits under this ticket."""
        if (line := self.line) is not None:
            line.tunnel.redeem(False, ticket, verdict, now)

    def tell(self, event: bytes, now: float) -> None:
        """Say something to the app."""
        if (line := self.line) is not None:
            line.tunnel.say(line.tunnel.client, event, now)

    def order(self, event: bytes, now: float) -> None:
        """Say something to the provider."""
        if (line := self.line) is not None:
            line.tunnel.say(line.tunnel.upstream, event, now)

    def replay(self, payload: bytes, now: float) -> None:
        """Relay a message of the app that had to wait; it comes by here once more, see `is_replayed`."""
        if (line := self.line) is not None:
            self._replayed.append(payload)
            line.tunnel.inject(Frame(True, payload, at=now, injected=True), now)

    def is_replayed(self, frame: Frame) -> bool:
        """Whether a message is one that goes on, having been judged already; it may have waited behind others once more."""
        if not (frame.injected and frame.payload in self._replayed):
            return False
        self._replayed.remove(frame.payload)
        return True

    def close(self, close: Close, now: float) -> None:
        """End the session."""
        if (line := self.line) is not None:
            line.tunnel.close(close, now)
            line.pump_if_due()

    def note(self, action: Action, name: str | None, code: str, reason: str, event_type: str = "", *, from_client: bool = False) -> None:
        """Put a decision on record; `name` is the answer or item that it is about."""
        detail = {"code": code, "reason": reason, "item_id" if from_client else "response_id": name}
        kept = {key: value for key, value in detail.items() if value is not None}
        self._tap.findings.record(self.session, "gate", action, from_client=from_client, event_type=event_type, detail=kept)
