"""The WebSocket layer: every realtime frame goes through one tunnel, spliced as received or judged by the frame hooks.

Takes the place of mitmproxy's own layer: hooks are called synchronously, bytes are verbatim, an exception never lets a
frame through silently, and a live socket can be closed with a chosen code.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from collections.abc import Generator
from typing import Any
from typing import Final

from mitmproxy import http
from mitmproxy import websocket
from mitmproxy.connection import Connection
from mitmproxy.flow import Error
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketEndHook
from mitmproxy.proxy.layers.websocket import WebsocketMessageHook
from mitmproxy.proxy.layers.websocket import WebSocketMessageInjected
from mitmproxy.proxy.layers.websocket import WebsocketStartHook
from wsproto.frame_protocol import Opcode

from realtime.delay import Delay
from realtime.frame import Frame
from realtime.framing import CLOSE
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.framing import FrameReader
from realtime.framing import encode
from realtime.framing import encode_close
from realtime.leg import LINGER
from realtime.leg import Leg
from realtime.tunnel import Inspect
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

logger = logging.getLogger(__name__)

LINE: Final = "voicetap.line"
"""Key of `flow.metadata`: the flow's `Line`."""
REFUSED: Final = "voicetap.refused"
"""Key of `flow.metadata`: (error event, Close) for a socket that was upgraded only to be refused on it."""

_REFUSED_LIMIT: Final = 1 << 20
"""Bytes of one message that are read of a refused client, to find its answer to the Close behind it."""

Commands = Generator[commands.Command, Any, None]
KILLED: Final = Close(1008, "killed by a script")


class Wake(events.MessageInjected[None]):
    """Something outside the layer queued bytes in the tunnel or ended it."""


class Line:
    """A live WebSocket as addons hold it: its tunnel, its flow, and the way to get queued bytes moving."""

    __slots__ = ("delay", "flow", "inspect", "noted", "opened", "pump", "scripted", "stalled_for", "tunnel")

    def __init__(self, flow: http.HTTPFlow, tunnel: Tunnel, inspect: Inspect, *, scripted: bool) -> None:
        self.flow = flow
        self.tunnel = tunnel
        self.inspect = inspect
        self.scripted = scripted
        """True when a user's script or a mitmproxy interface wants `websocket_message`."""
        self.delay = Delay()
        self.noted: Callable[[Frame, Frame | None], None] = lambda frame, was: None
        """Told that what was found just now is about this message, which may stand in the place of another one."""
        self.pump: Callable[[], None] = lambda: None
        self.stalled_for: Callable[[float], float] = lambda now: 0.0
        """Seconds for which one side has not taken what was written to it."""
        self.opened: Callable[[RelayLayer], None] = lambda layer: None
        """Called once the layer relays; the place to take the transports over."""

    @property
    def killed(self) -> bool:
        """True when a script or an interface called `flow.kill()`, which mitmproxy itself cannot do to a live socket."""
        return self.flow.error is not None and self.flow.error.msg == Error.KILLED_MESSAGE

    def close(self, close: Close, cause: str = "") -> None:
        """End the session with a code of our own on both legs; `cause` as in `Ending`."""
        self.tunnel.close(close, time.monotonic(), cause)
        self.pump()

    def pump_if_due(self) -> None:
        """Get moving what a look at the clock queued or ended."""
        tunnel = self.tunnel
        if tunnel.client.out or tunnel.upstream.out or tunnel.done:
            self.pump()


class RelayLayer(layers.WebsocketLayer):
    """Feeds the tunnel with what mitmproxy reads and writes what the tunnel queues."""

    line: Line
    reader: FrameReader
    """Of a client that was refused on its open socket."""
    state: Callable[[events.Event], Commands]

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context, flow)
        self.state = self.begin

    def _handle_event(self, event: events.Event) -> Commands:
        """An error of ours ends the session on both sides; mitmproxy would log it and leave them waiting."""
        try:
            yield from self.state(event)
        except Exception:
            logger.exception("the relay failed")
            self.state = self.done
            yield commands.CloseConnection(self.context.client)
            if self.context.server.connected:
                yield commands.CloseConnection(self.context.server)
            yield WebsocketEndHook(self.flow)
            self.flow.live = False

    def begin(self, _: events.Event) -> Commands:
        if REFUSED in self.flow.metadata:
            yield from self.refuse(*self.flow.metadata[REFUSED])
            return
        yield WebsocketStartHook(self.flow)
        self.line = self.flow.metadata[LINE]
        self.state = self.relay
        asyncio.get_running_loop().call_soon(self.line.opened, self)

    def relay(self, event: events.Event) -> Commands:
        tunnel = self.line.tunnel
        now = time.monotonic()
        if isinstance(event, events.DataReceived):
            tunnel.receive(event.connection is self.context.client, event.data, now)
            self.line.delay.add(time.monotonic() - now)
        elif isinstance(event, events.ConnectionClosed):
            tunnel.lost(event.connection is self.context.client, now)
        elif isinstance(event, WebSocketMessageInjected):
            message = event.message
            text = message.type == Opcode.TEXT
            frame = Frame(message.from_client, message.content, text=text, at=now, injected=True, scripted=True)
            tunnel.inject(frame, now)
        if self.line.scripted:
            yield from self.ask_scripts(tunnel)
            tunnel.conclude(tunnel.client, now)
            tunnel.conclude(tunnel.upstream, now)
        yield from self.flush(tunnel)

    def flush(self, tunnel: Tunnel) -> Commands:
        yield from self.flush_leg(tunnel.client, self.context.client)
        yield from self.flush_leg(tunnel.upstream, self.context.server)
        if tunnel.done:
            yield from self.finish(tunnel)

    def flush_leg(self, leg: Leg, connection: Connection) -> Commands:
        if leg.out:
            data = leg.out[0] if len(leg.out) == 1 else b"".join(leg.out)
            leg.out.clear()
            yield commands.SendData(connection, data)
        if leg.done:
            yield commands.CloseConnection(connection)

    def finish(self, tunnel: Tunnel) -> Commands:
        ending, data = tunnel.ending, self.flow.websocket
        assert ending is not None and data is not None
        data.timestamp_end = time.time()
        data.closed_by_client = ending.side == "client"
        data.close_code, data.close_reason = ending.code, ending.reason
        self.state = self.done
        yield WebsocketEndHook(self.flow)
        self.flow.live = False

    def ask_scripts(self, tunnel: Tunnel) -> Commands:
        """Show held messages to `websocket_message` hooks in order, then to ours, as the scripts left them."""
        assert self.flow.websocket is not None
        for held in [*tunnel.client.held, *tunnel.upstream.held]:
            if held.settled or held.asked:
                continue
            held.asked = True
            frame = held.frame
            kind = Opcode.TEXT if frame.text else Opcode.BINARY
            message = websocket.WebSocketMessage(kind, frame.from_client, frame.payload, injected=frame.injected)
            self.flow.websocket.messages.append(message)
            yield WebsocketMessageHook(self.flow)
            del self.flow.websocket.messages[:-1]
            if message.content != frame.payload:
                tunnel.amend(held, message.content)
            tunnel.settle(held, self.judged(held.frame, message.dropped), time.monotonic())

    def judged(self, frame: Frame, dropped: bool) -> Verdict | None:
        """The verdict on a message as the scripts left it; theirs to end the session or drop the message go first."""
        if self.line.killed:
            return Verdict("close", close=KILLED)
        return Verdict("drop") if dropped else self.line.inspect(frame)

    def refuse(self, error: bytes, close: Close) -> Commands:
        yield commands.SendData(self.context.client, encode(TEXT, error) + encode(CLOSE, encode_close(close)))
        yield commands.RequestWakeup(LINGER)
        self.reader = FrameReader(masked=True, limit=_REFUSED_LIMIT)
        self.state = self.refused

    def refused(self, event: events.Event) -> Commands:
        """Read on until the client answers the Close or has had time to: unread bytes would reset the connection under it."""
        if isinstance(event, events.DataReceived) and not any(message.opcode == CLOSE for message in self.reader.feed(event.data)):
            return
        yield commands.CloseConnection(self.context.client)
        self.flow.live = False
        self.state = self.done

    def done(self, _: events.Event) -> Commands:
        yield from ()
