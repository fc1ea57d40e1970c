"""The output gate at work in one relayed call: what its delay line in the sidecar is told, in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from typing import Final

from addons.gatekeeper import Gatekeeper
from addons.sidecar import SidecarError
from addons.soundgate import LATE
from addons.soundgate import spoken_in
from realtime.frame import Frame
from realtime.framing import Close
from realtime.gates.call import CallGate
from realtime.gates.call import Order
from realtime.policies import Hit
from realtime.policies import Judgement
from realtime.texts.slot import SPOKEN
from realtime.verdict import Verdict
from store.export.native import Action

logger = logging.getLogger(__name__)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Tells the line of this call something. Raises SidecarError."""

_LOST: Final = Close(1008, "the sound of the call cannot be held (hold)")


class CallSound:
    """Of one call. The line is muted until it is told otherwise."""

    def __init__(self, keeper: Gatekeeper, send: Send) -> None:
        self.keeper = keeper
        self.dialect = keeper.session.dialect.name
        self.gate = CallGate(self.dialect, keeper.session.held)
        self._send = send
        self._orders: deque[Order] = deque()
        self._sending: asyncio.Task[None] | None = None

    def take(self, frame: Frame, judged: Judgement, verdict: Verdict | None) -> Verdict | None:
        """A message that the policies have judged; it goes on as they say."""
        if frame.from_client:
            return verdict
        self.gate.take(frame, frame.at)
        if judged.stopped and (answer := spoken_in(self.dialect, frame)) is not None:
            self._mute(answer[0], "cancel", "blocked", frame.type)
        self._tell(frame.at)
        return verdict

    def told(self, hits: Sequence[Hit]) -> None:
        """Words of the model were changed: the sound would still say them."""
        for hit in hits:
            if hit.action == "redact" and hit.applied and not hit.from_client and hit.kind in SPOKEN:
                self._mute(hit.response_id, "redact", "redacted", hit.event_type)
                self._tell(time.monotonic())

    def due(self, now: float) -> None:
        """The time has come for something."""
        for answer in self.gate.expired(now):
            if not self.keeper.blocks:
                self.gate.free(answer)
                self.keeper.note("release", answer.key, "unchecked", LATE)
                continue
            self.gate.mute(answer.key)
            self.keeper.note("cancel", answer.key, "unchecked", LATE, answer.frame.type)
            stopped = self.keeper.stop(answer.frame, f"{LATE} (hold)")
            self.keeper.tell(stopped.payload, now)
            for event in stopped.reply:
                self.keeper.order(event, now)
        self._tell(now)

    @property
    def deadline(self) -> float | None:
        return self.gate.deadline

    def _mute(self, key: str | None, action: Action, code: str, event_type: str) -> None:
        answer = self.gate.mute(key)
        if answer is not None:
            reason = f"its words were {code}: nothing of its sound is heard any more"
            self.keeper.note(action, answer.key, code, reason, event_type)

    def _tell(self, now: float) -> None:
        self._orders.extend(self.gate.orders(now, self.keeper.held_since))
        for answer, seconds in self.gate.measured:
            self.keeper.waited(answer, seconds)
        self.gate.measured.clear()
        if self._orders and (self._sending is None or self._sending.done()):
            self._sending = asyncio.get_running_loop().create_task(self._flush(), name="sound of a call")

    async def _flush(self) -> None:
        while self._orders:
            try:
                await self._send(asdict(self._orders.popleft()))
            except SidecarError as error:
                if self.keeper.line is not None:
                    logger.warning("%s: its sound could not be let go or stopped: %s", self.keeper.session.id, error)
                    self.keeper.close(_LOST, time.monotonic())
                return
