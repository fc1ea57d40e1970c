"""The events of a call on their way through the proxy: browser's channel → proxy → provider's channel, and back.

Towards the proxy there are two WebSockets: one that this worker opens, which is the client of the session, and one that the proxy
dials, which is its provider. Nothing passes from one channel to the other but through the proxy.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Literal

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidHandshake
from websockets.exceptions import InvalidStatus

from sidecar.channel import Channel
from sidecar.channel import ChannelError
from sidecar.channel import ChannelSpec
from sidecar.limits import DELIVERY_SECONDS
from sidecar.limits import MESSAGE_BYTES
from sidecar.limits import OPEN_SECONDS
from sidecar.limits import PASSAGE_SECONDS
from sidecar.pace import Pace
from sidecar.strand import Strand
from sidecar.strand import within

logger = logging.getLogger(__name__)

Side = Literal["client", "upstream"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a call ends. `by` is the leg that ended, the proxy (it closed the events session) or this worker (it was told to)."""

    by: Literal["client", "upstream", "proxy", "worker"]
    reason: str
    graceful: bool = True


@dataclass(frozen=True, slots=True)
class Tickets:
    """What opens the two WebSockets of a call, each once."""

    client: str
    upstream: str


class Bridge:
    """The events of one call. `open_channel` opens a channel on a leg, `end` ends the call, `events` is as in `Settings`."""

    def __init__(
        self,
        call: str,
        gateway: str,
        tickets: Tickets,
        open_channel: Callable[[Side, ChannelSpec], Channel],
        end: Callable[[Cause], None],
        events: tuple[int, float],
    ) -> None:
        self.refused_channels = 0
        self._call = call
        self._gateway = gateway
        self._tickets = tickets
        self._open_channel = open_channel
        self._end = end
        self._client = Strand("client", lambda reason: end(Cause("client", reason, graceful=False)), Pace(*events))
        self._upstream = Strand("provider", lambda reason: end(Cause("upstream", reason, graceful=False)), Pace(*events))
        self._task: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._dialled = False

    def start(self) -> None:
        """Open the session at the proxy."""
        self._task = asyncio.create_task(self._run(), name=f"events of {self._call}")

    def channel(self, side: Side, channel: Channel) -> None:
        """A leg's other end opened a data channel: the first is mirrored on the other leg, any other is refused."""
        if self._client.channel is not None:
            self.refused_channels += 1
            channel.close()
            return
        own, other = (self._client, self._upstream) if side == "client" else (self._upstream, self._client)
        own.join(channel)
        try:
            other.join(self._open_channel("upstream" if side == "client" else "client", channel.spec))
        except ChannelError as error:
            self._end(Cause(side, f"the data channel cannot be passed on: {error.message}", graceful=False))
            return
        self._follow_the_providers()

    def admits(self, ticket: str) -> bool:
        """Whether a ticket opens the provider's side; it does so once."""
        if self._dialled or not hmac.compare_digest(ticket.encode(), self._tickets.upstream.encode()):
            return False
        self._dialled = True
        return True

    async def dialled(self, socket: ServerConnection) -> None:
        """The proxy's WebSocket towards the provider, until it has closed."""
        await self._upstream.carry(socket)
        await within(DELIVERY_SECONDS, self._client.socket_gone.wait())
        self._end(Cause("proxy", socket.close_reason or "the proxy closed the provider's side of the events session"))

    async def close(self, cause: Cause) -> None:
        """Close the session as the call ends, and let each side have what the other said last. Takes a few seconds at most."""
        code = {"client": (1001, 1000), "upstream": (1011, 1000), "worker": (1001, 1000), "proxy": (1001, 1000)}[cause.by][cause.graceful]
        first, second = (self._upstream, self._client) if cause.by == "upstream" else (self._client, self._upstream)
        ended = first if cause.by in ("client", "upstream") else None
        await within(DELIVERY_SECONDS, self._joined(first))
        await first.say_goodbye(code, cause.reason)
        if second.socket is not None:
            await within(DELIVERY_SECONDS, second.socket_gone.wait())
        await asyncio.gather(*(strand.deliver() for strand in (self._client, self._upstream) if strand is not ended))

    async def release(self) -> None:
        """Free what is left: sockets and tasks."""
        await asyncio.gather(self._client.release(), self._upstream.release())
        for task in (self._task, self._following):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    def figures(self) -> dict[str, Any]:
        """What passed, by side."""
        return {"client": self._client.figures(), "upstream": self._upstream.figures(), "refused_channels": self.refused_channels}

    async def _joined(self, strand: Strand) -> None:
        """A session that is about to be opened is waited for: only through it does the proxy learn how the call ended."""
        if self._task is None:
            return
        arrived = asyncio.create_task(strand.arrived.wait())
        try:
            await asyncio.wait({arrived, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()

    def _follow_the_providers(self) -> None:
        """A provider that closes its channel closes the browser's; the other way round the call's events go on to the proxy."""
        assert self._upstream.channel is not None

        def closed() -> None:
            self._upstream.to_channel.discard()
            self._following = asyncio.create_task(self._close_the_browsers())

        self._upstream.channel.on_close = closed

    async def _close_the_browsers(self) -> None:
        """After what the provider said last, which is still on its way through the proxy."""
        await within(DELIVERY_SECONDS, self._upstream.to_proxy.empty())
        await asyncio.sleep(PASSAGE_SECONDS)
        await self._client.deliver()
        if self._client.channel is not None:
            self._client.channel.close()

    async def _run(self) -> None:
        try:
            async with connect(
                f"ws://{self._gateway}/v1/realtime?call_id={self._call}",
                additional_headers={"Authorization": f"Bearer {self._tickets.client}"},
                compression=None,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=DELIVERY_SECONDS,
                ping_interval=None,
                max_size=MESSAGE_BYTES,
                user_agent_header=None,
            ) as socket:
                await self._client.carry(socket)
                reason = socket.close_reason or f"the events session was closed with {socket.close_code}"
        except InvalidStatus as error:
            reason = f"the proxy refused the events session with {error.response.status_code}"
        except (OSError, TimeoutError, InvalidHandshake) as error:
            reason = f"the proxy cannot be reached for the events session ({type(error).__name__})"
        self._end(Cause("proxy", reason))
