"""A recorded client's side sent through the gateway to another provider, in its order, each message when it is its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import asynccontextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cli.replaycourse import Course
from cli.replayscript import Step
from realtime.frame import Frame

Told = Callable[[int, str], None]
"""How many messages were sent, and what is waited for."""

CONNECT_SECONDS: Final = 20.0
QUIET_SECONDS: Final = 5.0
"""After so long a provider that has nothing to do has not heard anything to answer."""
_LATE: Final = 0.2
"""Seconds by which a message may be late so that those after it still come at their times."""
_MAX_MESSAGE: Final = 64 << 20
_CHUNK_MS: Final = 100
_STILL: Final = 0.5
"""After so long without a word of the provider an open microphone goes on: it may need more silence to know that the user has ended."""
_FAST: Final = 0.02
"""Seconds between pieces of silence where nothing else takes its time, and for what comes in one go with what was waited for."""
_MOST_SILENCE: Final = 100
"""Pieces of silence for one wait."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where the gateway is and what is said to it. `pace` multiplies the recorded times; `patience` is in seconds."""

    url: str
    headers: Mapping[str, str]
    pace: float
    patience: float


@dataclass(slots=True)
class Outcome:
    """What became of it: messages sent and left out, the first errors of the provider, and why it did not come to its end."""

    sent: int = 0
    skipped: int = 0
    errors: list[str] = field(default_factory=list)
    failed: str | None = None


class Unanswered(Exception):
    """Nothing came for too long; says of what."""


async def send(line: Line, messages: Iterable[tuple[Step, bytes, bool]], end: Step, course: Course, told: Told) -> Outcome:
    """Hold the session to its end. Raises what `websockets` raises where the gateway refuses, OSError."""
    outcome = Outcome()
    async with (
        connect(
            line.url,
            additional_headers=line.headers,
            compression=None,
            max_size=_MAX_MESSAGE,
            proxy=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=2,
            user_agent_header="voicetap-replay",
        ) as socket,
        _listening(socket, course, line) as sender,
    ):
        try:
            await sender.all(messages, end, outcome, told)
        except Unanswered as waited:
            outcome.failed = f"{waited} did not come within {line.patience:g} s"
        except ConnectionClosed as closed:
            outcome.failed = f"the session was closed: {_close(closed)}"
    outcome.errors = [f"{error.code or error.type}: {error.message}" for error in course.live.errors]
    return outcome


@asynccontextmanager
async def _listening(socket: ClientConnection, course: Course, line: Line) -> AsyncIterator[_Sender]:
    sender = _Sender(socket, course, line)
    task = asyncio.create_task(sender.listen())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Sender:
    """Both directions of one session."""

    def __init__(self, socket: ClientConnection, course: Course, line: Line) -> None:
        self._socket = socket
        self._course = course
        self._line = line
        self._clock = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._closed = False
        self._moved = self._last = self._clock()
        """When the provider last said something that counts, and when it was time for the last message."""

    async def listen(self) -> None:
        """Take in what the provider says, until it closes."""
        try:
            async for message in self._socket:
                payload = message.encode() if isinstance(message, str) else message
                signals, answers = self._course.heard(Frame(False, payload, text=isinstance(message, str), at=self._clock()))
                self._moved = self._clock() if signals else self._moved
                for answer in answers:
                    await self._say(answer)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self._closed = True
            self._changed.set()

    async def all(self, messages: Iterable[tuple[Step, bytes, bool]], end: Step, outcome: Outcome, told: Told) -> None:
        """Raises Unanswered, ConnectionClosed."""
        for step, payload, text in messages:
            await self._ready(step, lambda why: told(outcome.sent, why))
            await self._time(step)
            body = self._course.made(step, payload)
            if body is None:
                outcome.skipped += 1
                continue
            await self._say(body, text=text)
            outcome.sent += 1
            told(outcome.sent, "")
        await self._ready(end, lambda why: told(outcome.sent, why))

    async def _ready(self, step: Step, told: Callable[[str], None]) -> None:
        """Until nothing more has to come before this message."""
        self._moved, pieces, waited = max(self._moved, self._clock()), 0, False
        while True:
            for body in self._course.owed(step):
                await self._say(body)
            if (why := self._course.waits(step)) is None:
                if waited and not self._line.pace:  # what comes in one go with it is heard first
                    await asyncio.sleep(_FAST)
                return
            waited = True
            told(why)
            if self._closed:
                await self._socket.recv()  # says why
            still = self._clock() - self._moved > _STILL
            silence = self._course.silence(_CHUNK_MS) if still and pieces < _MOST_SILENCE else None
            if silence is not None:
                pieces += 1
                await self._say(silence)
            await self._change(_FAST if silence is not None and not self._line.pace else _CHUNK_MS / 1000)
            self._past(step, why)

    def _past(self, step: Step, why: str) -> None:
        """What does not come: it is gone on without, where the provider has nothing to do. Raises Unanswered."""
        waited = self._clock() - self._moved
        idle = not self._course.live.busy and not self._course.live.outside and self._course.live.greeted
        if idle and self._course.is_told(step) and waited > min(QUIET_SECONDS, self._line.patience):
            self._course.go_on(step)
        elif waited > self._line.patience:
            raise Unanswered(why)

    async def _time(self, step: Step) -> None:
        """Until the recorded time has passed since what this message followed: another message, or something that came."""
        if not self._line.pace:
            return
        now = self._clock()
        after = self._course.live.times.get(step.after) if step.after is not None else None
        due = self._last + step.gap * self._line.pace if after is None else max(self._last, after + step.lead * self._line.pace)
        while (rest := due - self._clock()) > 0 and not self._closed:
            await self._change(rest)
        self._last = due if now - due < _LATE else now

    async def _change(self, seconds: float) -> None:
        """Until something comes, or so long."""
        self._changed.clear()
        if not self._closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)

    async def _say(self, body: bytes, *, text: bool = True) -> None:
        await self._socket.send(body.decode() if text else body)
        self._course.sent(Frame(True, body, text=text, at=self._clock()))


def _close(closed: ConnectionClosed) -> str:
    return f"{closed.rcvd.code} {closed.rcvd.reason}".strip() if closed.rcvd else "the connection was lost"
