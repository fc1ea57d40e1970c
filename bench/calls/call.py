"""A whole call: the caller's leg, the provider's leg behind whatever lies between them, and what crosses in each direction."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from functools import partial
from itertools import count
from time import perf_counter
from typing import Final

from bench import events
from bench.calls import talk
from bench.calls.ask import ask
from bench.calls.leg import SETUP
from bench.calls.leg import Leg
from bench.calls.leg import Lost
from bench.calls.provider import Provider
from bench.calls.sdp import read
from bench.calls.sound import CYCLE
from bench.calls.stream import Sound
from bench.calls.stream import Stream
from bench.calls.target import CallTarget
from bench.load import Refused

_names = count(1)


BUSY: Final = 503
_PATIENCE: Final = 20
"""Times that a relay may ask a caller to come back."""


class Busy(Refused):
    """The relay takes no call just now; `after` seconds it may."""

    def __init__(self, text: str, after: float) -> None:
        super().__init__(text)
        self.after = after


class Call:
    """Open until `close`. `setup` has the milliseconds from the request to answer, connection, open channel and first event."""

    def __init__(self, caller: Leg, provider: Leg, *, recoded: bool, setup: dict[str, float], location: str) -> None:
        self.caller = caller
        self.provider = provider
        self.setup = setup
        self.location = location
        self.audio = tuple((Sound(CYCLE) if recoded else Stream()) for _ in range(2))
        """Up and down."""
        self.events = (Stream(), Stream())
        self._said = 0
        self._response = talk.response()
        provider.listen(self.audio[0])
        caller.listen(self.audio[1])
        provider.on_event = partial(self._heard, self.events[0])
        caller.on_event = partial(self._heard, self.events[1])

    @classmethod
    async def open(cls, target: CallTarget, provider: Provider) -> Call:
        """Places a call and waits until its provider has heard from it. Raises Busy, Refused, Lost or OSError."""
        caller, name = Leg(offering=True), f"call-{next(_names)}"
        try:
            return await cls._open(caller, name, target, provider)
        except BaseException:
            await caller.stop()
            raise

    @classmethod
    async def _open(cls, caller: Leg, name: str, target: CallTarget, provider: Provider) -> Call:
        offer, expected = await caller.describe("actpass"), provider.expect(name)
        first = asyncio.Event()
        caller.on_event = lambda _: first.set()
        began = perf_counter()
        reply = await ask(target.port, "POST", target.path, {"Content-Type": "application/sdp", **target.headers}, offer)
        if reply.status == BUSY:
            raise Busy(reply.body[:300], float(reply.headers.get("retry-after", 1)))
        if reply.status != 201:
            raise Refused(f"{reply.status} {reply.body[:300]}")
        caller.moments["answer"] = perf_counter()
        await caller.connect(read(reply.body))
        try:
            async with asyncio.timeout(SETUP):
                await first.wait()
                caller.say(events.session_update(name).decode())
                leg = await expected
        except TimeoutError:
            raise Lost(f"no event of the provider {SETUP:.0f} s after the call was connected") from None
        setup = {name: (moment - began) * 1_000 for name, moment in caller.moments.items()}
        return cls(caller, leg, recoded=target.recodes, setup=setup, location=reply.headers.get("location", ""))

    @property
    def alive(self) -> bool:
        return not (self.caller.over.is_set() or self.provider.over.is_set())

    def voices(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """What has to be done fifty times a second: one packet of the caller, one of the provider."""
        return partial(self.caller.speak, self.audio[0]), partial(self.provider.speak, self.audio[1])

    def say(self) -> None:
        """Says the next event of the conversation, whose ever it is."""
        number, self._said = self._said, self._said + 1
        line = talk.turn()[number % talk.TURN]
        if number % talk.TURN == 0:
            self._response = talk.response()
        speaker, stream = (self.caller, self.events[0]) if line.up else (self.provider, self.events[1])
        stream.leave(number)
        speaker.say(talk.numbered(number, line.rest, self._response))

    def _heard(self, stream: Stream, text: str) -> None:
        if (number := talk.number(text)) is not None:
            stream.arrive(number, len(text))

    def begin(self, audio: array[float], said: array[float]) -> None:
        """Counts from here on, into arrays of delays that calls share."""
        for stream in self.audio:
            stream.begin(audio)
        for stream in self.events:
            stream.begin(said)

    def end(self) -> None:
        for stream in (*self.audio, *self.events):
            stream.end()

    async def close(self) -> None:
        """The caller hangs up."""
        await self.caller.stop()


async def opened(target: CallTarget, provider: Provider) -> tuple[Call, int]:
    """A call, and how often the caller had to come back for it. Raises as `Call.open`, Busy only after many tries."""
    for tries in range(_PATIENCE):
        try:
            return await Call.open(target, provider), tries
        except Busy as error:
            await asyncio.sleep(error.after)
    return await Call.open(target, provider), _PATIENCE
