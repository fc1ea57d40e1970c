"""All calls of a simulator: those under way, those that ring, and those that were."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus
from typing import Final

from simulator.call import Call
from simulator.refusal import Refusal
from simulator.webcall import WebCall

_MOST_CALLS: Final = 200

FULL: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "too_many_calls", f"There are {_MOST_CALLS} calls under way, which is the most.", {"Retry-After": "1"}
)


@dataclass(eq=False, slots=True)
class Ringing:
    """A SIP call that nobody has taken yet, and what became of it."""

    id: str
    rejected_with: int | None = None
    referred_to: str | None = None
    call: Call | None = None
    """The session, once the call was accepted."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waits(self) -> bool:
        """Whether it can still be accepted or rejected."""
        return self.call is None and self.rejected_with is None and not self.hung_up.is_set()


class Calls:
    """`seen` lists WebRTC calls in the order of their offers; with `keep` also those that have ended."""

    def __init__(self, *, keep: bool) -> None:
        self.seen: list[WebCall] = []
        self._keep = keep
        self._live: dict[str, Call] = {}
        self._ringing: dict[str, Ringing] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []

    @property
    def full(self) -> bool:
        """Whether no more calls are taken."""
        return len(self._live) >= _MOST_CALLS

    def find(self, call_id: str) -> Call | None:
        """The call under way with this id."""
        return self._live.get(call_id)

    def ringing(self, call_id: str) -> Ringing | None:
        """The SIP call with this id, taken or not."""
        return self._ringing.get(call_id)

    def ring(self) -> Ringing:
        """A SIP call comes in."""
        call = Ringing(new_call_id())
        self._ringing[call.id] = call
        return call

    def start(self, call: Call) -> None:
        """Lets a call live."""
        self._live[call.id] = call
        if isinstance(call, WebCall):
            self.seen.append(call)
        task = asyncio.get_running_loop().create_task(self._run(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        except Exception as error:
            self._failures.append(error)
        finally:
            del self._live[call.id]
            if not self._keep and isinstance(call, WebCall):
                self.seen.remove(call)

    async def close(self) -> None:
        """Ends all calls and waits for their ends. Raises an ExceptionGroup of everything that went wrong in any of them."""
        for call in self._live.values():
            call.end("the simulator stops")
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._failures:
            raise ExceptionGroup("calls that failed", self._failures)


def new_call_id() -> str:
    """`rtc_…`, as WebRTC and SIP calls have it."""
    return f"rtc_{secrets.token_hex(12)}"


def unknown_call(call_id: str) -> Refusal:
    """What is answered where a call is named that is not there."""
    return Refusal(HTTPStatus.NOT_FOUND, "call_id_not_found", f"There is no call with the id '{call_id[:80]}'.")
