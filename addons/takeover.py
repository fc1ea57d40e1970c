"""Moves a live socket from mitmproxy's layer stack straight onto its two transports.

After the upgrade every layer between the socket and the tunnel is a pipe (HTTP/1 passthrough) or TLS. Feeding the tunnel
from the transport itself saves the stream reader, a task switch, a lock and some forty generator steps per read, and
gives each direction its own backpressure. mitmproxy keeps its tasks and its clean-up: when a connection ends, its reader
is told so. Where the stack is anything else (a user's script, an upstream proxy), the layer path simply stays.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final
from typing import Protocol
from typing import cast

from mitmproxy.connection import Connection
from mitmproxy.proxy import layers
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.server import ConnectionIO
from OpenSSL import SSL

from addons.relay import Line
from addons.relay import RelayLayer
from realtime.leg import Leg

HIGH_WATER: Final = 256 * 1024
"""Bytes waiting for one side at which the other side is no longer read."""
_READ: Final = 65536
_ATTEMPTS: Final = 200
_RETRY: Final = 0.005


class Codec(Protocol):
    """What lies between a transport and the tunnel."""

    def decrypt(self, data: bytes) -> bytes: ...

    def encrypt(self, data: bytes) -> bytes: ...


class Plain:
    """Nothing lies between."""

    def decrypt(self, data: bytes) -> bytes:
        return data

    def encrypt(self, data: bytes) -> bytes:
        return data


class Tls:
    """A TLS connection that mitmproxy established and verified."""

    def __init__(self, tls: SSL.Connection) -> None:
        self._tls = tls

    def decrypt(self, data: bytes) -> bytes:
        """Raises SSL.Error when the peer broke or closed the TLS session."""
        self._tls.bio_write(data)
        plain = []
        try:
            while True:
                plain.append(self._tls.recv(_READ))
        except SSL.WantReadError:
            return b"".join(plain)
        except SSL.ZeroReturnError:
            if not plain:
                raise
            return b"".join(plain)

    def encrypt(self, data: bytes) -> bytes:
        """Encrypted bytes to send; with nothing to say, what TLS itself has to send."""
        if data:
            self._tls.sendall(data)
        sealed = []
        try:
            while True:
                sealed.append(self._tls.bio_read(_READ))
        except SSL.WantReadError:
            return b"".join(sealed)


_buffer = memoryview(bytearray(256 * 1024))
"""What every transport reads into: one buffer for all, because its bytes are taken out before the next read."""


class LegProtocol(asyncio.BufferedProtocol):
    """One side's transport, wired to the tunnel."""

    def __init__(self, takeover: Takeover, leg: Leg, io: ConnectionIO, codec: Codec) -> None:
        self.takeover = takeover
        self.leg = leg
        self.codec = codec
        self.reader = cast(asyncio.StreamReader, io.reader)
        self.transport = _transport(io)
        self.before = self.transport.get_protocol()
        self.stalled_since: float | None = None
        self.transport.set_protocol(self)
        self.transport.set_write_buffer_limits(high=HIGH_WATER)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        try:
            plain = self.codec.decrypt(bytes(_buffer[:nbytes]))
        except SSL.Error:
            self.takeover.lost(self, "TLS session ended")
        else:
            self.takeover.received(self, plain)

    def eof_received(self) -> bool:
        self.takeover.lost(self, "connection lost")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.takeover.lost(self, "connection lost")
        self.before.connection_lost(exc)

    def pause_writing(self) -> None:
        self.stalled_since = time.monotonic()
        self.takeover.throttle(self, stalled=True)

    def resume_writing(self) -> None:
        self.stalled_since = None
        self.takeover.throttle(self, stalled=False)

    def flush(self) -> None:
        if self.leg.out:
            self.write()
        if self.leg.done:
            self.release()

    def write(self) -> None:
        """Send what the tunnel queued for this side."""
        out = self.leg.out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        if not self.transport.is_closing():
            self.transport.write(self.codec.encrypt(data))

    def release(self) -> None:
        """Let mitmproxy end the connection in its own way; what is still buffered goes out first, if the peer reads."""
        if self.stalled_since is None:
            self.transport.close()
        else:
            self.transport.abort()
        if not self.reader.at_eof():
            self.reader.feed_eof()


class Takeover:
    """Both transports of a line."""

    def __init__(self, line: Line, handler: ConnectionHandler, layer: RelayLayer, codecs: tuple[Codec, Codec]) -> None:
        context, tunnel = layer.context, line.tunnel
        self.line = line
        self.handler = handler
        self.client = LegProtocol(self, tunnel.client, handler.transports[context.client], codecs[0])
        self.upstream = LegProtocol(self, tunnel.upstream, handler.transports[context.server], codecs[1])
        line.pump = self.flush
        line.stalled_for = self.stalled_for

    def received(self, side: LegProtocol, data: bytes) -> None:
        now = time.monotonic()
        tunnel = self.line.tunnel
        tunnel.receive(side is self.client, data, now)
        if tunnel.ending is not None or side.leg.out:
            self.flush()
        else:
            other = self.upstream if side is self.client else self.client
            if other.leg.out:
                other.write()
        self.line.delay.add(time.monotonic() - now)

    def lost(self, side: LegProtocol, reason: str) -> None:
        self.line.tunnel.lost(side is self.client, time.monotonic(), reason)
        self.flush()

    def throttle(self, full: LegProtocol, *, stalled: bool) -> None:
        source = (self.upstream if full is self.client else self.client).transport
        if source.is_closing():
            return
        if stalled:
            source.pause_reading()
        else:
            source.resume_reading()

    def flush(self) -> None:
        self.client.flush()
        self.upstream.flush()

    def stalled_for(self, now: float) -> float:
        """Seconds for which one side has not taken what was written to it.

        Keeps mitmproxy's own watchdog quiet, and ours: a side that is not read while the other one stalls is not silent.
        """
        self.handler.timeout_watchdog.register_activity()
        for side, other in ((self.client, self.upstream), (self.upstream, self.client)):
            if other.stalled_since is not None:
                side.leg.heard = now
        return max(now - side.stalled_since if side.stalled_since else 0.0 for side in (self.client, self.upstream))


def attempt(line: Line, layer: RelayLayer, handler: ConnectionHandler, tries: int = 0) -> None:
    """Take both transports over as soon as the layer path is quiet; gives up where the stack is not plain or TLS."""
    if layer.state != layer.relay or line.tunnel.ending is not None or tries > _ATTEMPTS:
        return
    codecs = _codec_of_client(layer), _codec_of_server(layer)
    if codecs[0] is None or codecs[1] is None:
        return
    connections: tuple[Connection, Connection] = (layer.context.client, layer.context.server)
    if not handler._server_event_lock.locked() and all(_is_quiet(handler.transports.get(c)) for c in connections):
        Takeover(line, handler, layer, codecs)  # type: ignore[arg-type]
        return
    asyncio.get_running_loop().call_later(_RETRY if tries > 3 else 0, attempt, line, layer, handler, tries + 1)


def _is_quiet(io: ConnectionIO | None) -> bool:
    """True when nothing is under way in mitmproxy's stream: its task waits for bytes, and none wait to be written."""
    if io is None or not isinstance(io.reader, asyncio.StreamReader):
        return False
    waiter = io.reader._waiter  # type: ignore[attr-defined]
    parked = waiter is not None and not waiter.done()
    return parked and not io.reader._buffer and not _transport(io).get_write_buffer_size()  # type: ignore[attr-defined]


def _codec_of_client(layer: RelayLayer) -> Codec | None:
    found = [outer for outer in layer.context.layers if isinstance(outer, layers.ClientTLSLayer)]
    if len(found) > 1:
        return None
    return _tls(found[0]) if found else Plain()


def _codec_of_server(layer: RelayLayer) -> Codec | None:
    http = next(outer for outer in reversed(layer.context.layers) if isinstance(outer, HttpLayer))
    top = http.connections.get(layer.context.server)
    if isinstance(top, layers.ServerTLSLayer):
        return _tls(top)
    return Plain() if isinstance(top, HttpClient) else None


def _tls(layer: layers.ClientTLSLayer | layers.ServerTLSLayer) -> Codec | None:
    return Tls(layer.tls) if layer.tls is not None else None


def _transport(io: ConnectionIO) -> asyncio.Transport:
    return cast(asyncio.Transport, cast(asyncio.StreamWriter, io.writer).transport)
