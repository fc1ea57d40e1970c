"""What becomes of a message: the answer of whoever looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from typing import Literal

from realtime.framing import Close

POLICY: Final = Close(1008)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What shall happen to a message that does not simply pass.

    `drop` it, `replace` its payload, `hold` it and all that follow in its direction until `settle`, or `close` the
    session. `reply` are text messages to its sender; `release` first lets held messages of its direction go. `before` are
    messages of its direction and kind (text or binary) that go ahead of it, whatever becomes of it, and that nobody inspects.

    A `hold` with a `ticket` is that of a gate: no further hook is asked until the gate lets go, under the same ticket.
    """

    action: Literal["pass", "drop", "replace", "hold", "close"]
    payload: bytes = b""
    reply: tuple[bytes, ...] = ()
    close: Close = POLICY
    release: bool = False
    before: tuple[bytes, ...] = ()
    ticket: object | None = None

    def then(self, later: Verdict) -> Verdict:
        """This verdict and one on the message as it left it: a payload that was replaced stays replaced, also while it is held."""
        action, payload = later.action, later.payload
        if self.payload and not payload:
            action, payload = ("replace" if action == "pass" else action), self.payload
        reply, before = self.reply + later.reply, self.before + later.before
        return Verdict(action, payload, reply, later.close, self.release or later.release, before, later.ticket)
