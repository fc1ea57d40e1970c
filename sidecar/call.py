"""One call: two legs, its events, its sound on the way through, and exactly one end.

offered → answered → connected ⇄ disconnected → closed(reason)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal
from typing import cast

from sidecar.addresses import Scope
from sidecar.bridge import Bridge
from sidecar.bridge import Cause
from sidecar.bridge import Side
from sidecar.bridge import Tickets
from sidecar.channel import Channel
from sidecar.channel import ChannelSpec
from sidecar.checks import read_answer
from sidecar.checks import read_offer
from sidecar.delayline import DelayLine
from sidecar.leg import Leg
from sidecar.limits import ANSWER_SECONDS
from sidecar.limits import GOODBYE_SECONDS
from sidecar.limits import RECORDING_SECONDS
from sidecar.mirror import LocalTransport
from sidecar.mirror import answering_setup
from sidecar.mirror import mirrored
from sidecar.packets import Exchange
from sidecar.recorder import Recorder
from sidecar.sdp import Codec
from sidecar.sdp import SdpError
from sidecar.settings import Settings
from sidecar.strand import within

logger = logging.getLogger(__name__)

FIGURES_SECONDS: Final = 0.5

State = Literal["offered", "answered", "connected", "disconnected", "closed"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a call is made from. `record`: a folder and the most bytes of each file in it; `hold`: whether the provider's sound waits."""

    id: str
    offer: str
    tickets: Tickets
    client_scope: Scope
    upstream_scope: Scope
    record: tuple[str, int] | None
    hold: bool = False


class Call:
    """Made by `Calls`. `tell` hears its events, `over` that it is over and everything is freed."""

    def __init__(self, ask: Ask, settings: Settings, tell: Callable[[dict[str, Any]], None], over: Callable[[Call], None]) -> None:
        """Raises SdpError for an offer that is refused. Needs a running event loop."""
        self.id = ask.id
        self.state: State = "offered"
        self.cause: Cause | None = None
        self.opened = time.time()
        self._offer = read_offer(ask.offer)
        self._settings = settings
        self._tell = tell
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._legs: dict[Side, Leg] = {
            "client": self._leg("client", ask.client_scope),
            "upstream": self._leg("upstream", ask.upstream_scope),
        }
        self._client_end: LocalTransport | None = None
        self._record = ask.record
        self._line = DelayLine(self._loop) if ask.hold else None
        self._recorder: Recorder | None = None
        self._exchange: Exchange | None = None
        self._told: dict[str, Any] | None = None
        """The figures that were told last."""
        self.bridge = Bridge(ask.id, settings.gateway, ask.tickets, self._open_channel, self.end, settings.events)
        self._timer: asyncio.TimerHandle | None = None
        """Ends the call when it stays as it is for too long."""
        self._figures_timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        """Set whenever the state of a leg changes."""

    async def offer(self) -> str:
        """Set up both legs; the offer for the provider. Raises ice.NoPort; the call is to be ended then."""
        gathered = await asyncio.gather(self._legs["client"].gather(), self._legs["upstream"].gather(), return_exceptions=True)
        for one in gathered:
            if isinstance(one, BaseException):
                raise one
        self._client_end, ours = cast(tuple[LocalTransport, LocalTransport], tuple(gathered))
        self._after(ANSWER_SECONDS, f"the provider did not answer within {ANSWER_SECONDS:g} s")
        return mirrored(self._offer, ours, "actpass")

    def answer(self, text: str) -> str:
        """Start both legs and the events; the answer for the client. Raises SdpError for an answer of no use, which ends the call."""
        assert self._client_end is not None
        try:
            answer = read_answer(text, self._offer)
        except SdpError as error:
            self.end(Cause("worker", error.message))
            raise
        setup = answering_setup(self._offer.transport.setup)
        self._rest()
        self._turn("answered")
        self._exchange = self._sound(answer.codecs)
        self._legs["client"].connect(self._offer.transport, setup)
        self._legs["upstream"].connect(answer.transport, answering_setup(answer.transport.setup))
        self.bridge.start()
        return mirrored(answer, self._client_end, setup)

    @property
    def line(self) -> DelayLine | None:
        """Where the provider's sound waits; None where it does not."""
        return self._line

    def end(self, cause: Cause) -> None:
        """End the call; only the first cause counts."""
        if self.cause is None:
            self.cause = cause
            self._rest()
            self._ending = self._loop.create_task(self._close(cause), name=f"end of {self.id}")

    async def ended(self) -> None:
        """Wait for the end of a call that is being ended."""
        if self._ending is not None:
            await asyncio.wait([self._ending])

    def record(self) -> dict[str, Any]:
        """The call as it stands."""
        return {
            "id": self.id,
            "state": self.state,
            "reason": self.cause and self.cause.reason,
            "seconds": round(time.time() - self.opened, 1),
            "legs": {name: leg.state for name, leg in self._legs.items()},
            "events": self.bridge.figures(),
            "media": self.media(),
        }

    def media(self) -> dict[str, Any] | None:
        """As `Exchange.media`; None before the answer."""
        return self._exchange.media() if self._exchange else None

    def _leg(self, name: Side, scope: Scope) -> Leg:
        settings = self._settings
        leg = Leg(name, settings.network, scope, setup_seconds=settings.setup_seconds, silence_seconds=settings.silence_seconds)
        leg.on_state = lambda state: self._leg_changed(leg)
        leg.on_channel = lambda channel: self.bridge.channel(name, channel)
        return leg

    def _sound(self, codecs: Mapping[int, Codec]) -> Exchange:
        """Let sound pass, and write it down where that is wanted."""
        if self._record is not None:
            folder, limit = self._record
            self._recorder = Recorder(Path(folder), limit)
        made = Exchange(self._legs["client"], self._legs["upstream"], self._recorder.packet if self._recorder else None, self._line)
        made.begin(codecs, self._loop.time())
        self._figures_timer = self._loop.call_later(FIGURES_SECONDS, self._tell_again)
        return made

    def _tell_again(self) -> None:
        self._figures_timer = self._loop.call_later(FIGURES_SECONDS, self._tell_again)
        self._tell_figures()

    def _tell_figures(self) -> None:
        """Where they changed."""
        media = self.media()
        if media != self._told:
            self._told = media
            self._tell({"call": self.id, "event": "media", "media": media})

    def _open_channel(self, side: Side, spec: ChannelSpec) -> Channel:
        return self._legs[side].open_channel(spec)

    def _leg_changed(self, leg: Leg) -> None:
        self._moved.set()
        if leg.ending is not None:
            self.end(_cause_of(leg))
        if self.cause is not None:
            return
        states = {leg.state for leg in self._legs.values()}
        if "disconnected" in states:
            self._disconnected(leg.name)
        elif states == {"connected"}:
            self._rest()
            self._turn("connected")

    def _disconnected(self, side: Side) -> None:
        if self.state == "connected":
            grace, silence = self._settings.grace_seconds, self._settings.silence_seconds
            self._turn("disconnected", f"nothing from the {_WHO[side]} for {silence:g} s")
            self._after(grace, f"nothing from the {_WHO[side]} for {silence + grace:g} s", side)

    def _after(self, seconds: float, reason: str, side: Literal["client", "upstream", "worker"] = "worker") -> None:
        self._rest()
        if self.cause is None:
            self._timer = self._loop.call_later(seconds, self.end, Cause(side, reason, graceful=False))

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self, state: State, reason: str | None = None) -> None:
        if state != self.state and self.state != "closed":
            self.state = state
            self._tell({"call": self.id, "event": "state", "state": state, "reason": reason})

    async def _settled(self) -> None:
        """A leg that is about to be up is waited for: only then can its other end be told that the call is over."""
        while any(leg.state == "connecting" for leg in self._legs.values()):
            self._moved.clear()
            await self._moved.wait()

    async def _close(self, cause: Cause) -> None:
        try:
            await self.bridge.close(cause)
            await within(GOODBYE_SECONDS, self._settled())
            await asyncio.gather(*(leg.close(cause.reason) for leg in self._legs.values()), self.bridge.release())
            if self._recorder is not None:
                await within(RECORDING_SECONDS, self._recorder.close())
        except Exception:
            logger.exception("call %s did not end cleanly", self.id)
        if self._line is not None:
            self._line.close()
        if self._figures_timer is not None:
            self._figures_timer.cancel()
            self._tell_figures()
        self._turn("closed", cause.reason)
        self._over(self)


_WHO = {"client": "client", "upstream": "provider"}


def _cause_of(leg: Leg) -> Cause:
    """What the end of a leg means for the call."""
    assert leg.ending is not None
    reason, graceful = leg.ending.reason, leg.ending.graceful
    if graceful:
        return Cause(leg.name, "hung up" if leg.name == "client" else "the provider hung up")
    return Cause(leg.name, f"{_WHO[leg.name]}: {reason}", graceful=False)
