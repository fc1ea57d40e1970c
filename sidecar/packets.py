"""The way of packets from one leg to the other: byte for byte, after a filter that keeps a call from being a free encrypted tunnel.

Nothing is decoded, queued or generated: a packet goes on at once or is dropped and counted. Only where a call is held do packets of
the provider wait in a line, and go on as silence where they may not be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any
from typing import Final

from sidecar.delayline import DelayLine
from sidecar.figures import MAX_STREAMS
from sidecar.figures import Figures
from sidecar.figures import Stream
from sidecar.hush import hushed
from sidecar.leg import Leg
from sidecar.rtp import HEADER
from sidecar.rtp import payload
from sidecar.rtp import reports
from sidecar.sdp import Codec

PACKETS_A_SECOND: Final = 150
BYTES_A_SECOND: Final = 37_500
"""300 kbit/s, of what is inside SRTP."""

BURST_SECONDS: Final = 2.0
"""What may come at once after a stall."""

REPORT_INTERVAL: Final = 0.1
"""Seconds between RTCP packets of one side that are looked into; all of them pass."""

Tap = Callable[[bool, bytes, int, int, float], None]
"""Called for each Opus packet that passes: (from the client?, payload, RTP timestamp, sequence number, loop time of arrival)."""


class Bucket:
    """Admits a rate of packets and of bytes; tokens of both fill up over time."""

    __slots__ = ("_at", "_bytes", "_packets")

    def __init__(self) -> None:
        self._packets = PACKETS_A_SECOND * BURST_SECONDS
        self._bytes = BYTES_A_SECOND * BURST_SECONDS
        self._at: float | None = None

    def admits(self, size: int, now: float) -> bool:
        """Whether a packet of `size` bytes may pass at loop time `now`; if so, its tokens are taken."""
        gone = now - self._at if self._at is not None else 0.0
        self._at = now
        self._packets = min(self._packets + gone * PACKETS_A_SECOND, PACKETS_A_SECOND * BURST_SECONDS)
        self._bytes = min(self._bytes + gone * BYTES_A_SECOND, BYTES_A_SECOND * BURST_SECONDS)
        if self._packets < 1 or self._bytes < size:
            return False
        self._packets -= 1
        self._bytes -= size
        return True


class Path:
    """One direction. `packet` is the `on_packet` of the leg that it comes from."""

    def __init__(
        self,
        target: Leg,
        figures: Figures,
        other: Figures,
        codecs: Mapping[int, Codec],
        tap: Callable[..., None] | None,
        line: DelayLine | None = None,
    ) -> None:
        """`figures`: of the side that packets come from, `other`: of the side they go to; `tap`: as Tap, with the side already given."""
        self._target = target
        self._figures = figures
        self._other = other
        self._codecs = codecs
        self._tap = tap
        self._line = line
        self._bucket = Bucket()
        self._looked = 0.0

    def packet(self, packet: bytes, rtcp: bool, arrival: float) -> None:
        """Sends one packet on, or drops and counts it."""
        if not self._bucket.admits(len(packet), arrival):
            self._figures.dropped["rate"] += 1
        elif not rtcp:
            self._sound(packet, arrival)
        elif self._target.send_packet(packet, True) and arrival - self._looked > REPORT_INTERVAL:
            self._looked = arrival
            for report in reports(packet):
                self._figures.reported(report, self._other, arrival)

    def _sound(self, packet: bytes, arrival: float) -> None:
        figures = self._figures
        if len(packet) < HEADER.size:
            figures.dropped["type"] += 1
            return
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        codec = self._codecs.get(kind & 0x7F)
        if codec is None:
            figures.dropped["type"] += 1
            return
        stream = figures.streams.get(ssrc) or self._new_stream(ssrc, codec, timestamp, arrival)
        if stream is None:
            figures.dropped["ssrc"] += 1
        elif self._line is None:
            self._send(packet, codec, stream, timestamp, sequence, arrival)
        else:
            self._line.push(arrival, partial(self._held, packet, codec, stream, timestamp, sequence, arrival))

    def _held(self, packet: bytes, codec: Codec, stream: Stream, timestamp: int, sequence: int, arrival: float, silent: bool) -> None:
        """A packet has waited long enough."""
        made = hushed(packet, codec.name) if silent else packet
        if made is not None:
            self._send(made, codec, stream, timestamp, sequence, arrival)

    def _send(self, packet: bytes, codec: Codec, stream: Stream, timestamp: int, sequence: int, arrival: float) -> None:
        if not self._target.send_packet(packet, False):
            self._figures.dropped["early"] += 1
            return
        self._figures.passed(stream, len(packet), timestamp, arrival)
        if self._tap is not None and codec.name == "opus":
            self._tap(payload(packet), timestamp, sequence, arrival)

    def _new_stream(self, ssrc: int, codec: Codec, timestamp: int, arrival: float) -> Stream | None:
        if len(self._figures.streams) >= MAX_STREAMS:
            return None
        stream = self._figures.streams[ssrc] = Stream(codec.clock, timestamp, arrival)
        return stream


class Exchange:
    """Both directions between the legs of a call."""

    def __init__(self, client: Leg, upstream: Leg, tap: Tap | None = None, line: DelayLine | None = None) -> None:
        """`line`: where packets of the provider wait, None where they do not."""
        self._client = client
        self._upstream = upstream
        self._tap = tap
        self.line = line
        self._began = 0.0
        self._from_client = Figures()
        self._from_upstream = Figures()

    def begin(self, codecs: Mapping[int, Codec], now: float) -> None:
        """Lets packets of these payload types pass (those of the provider's answer), from loop time `now`; call it before `Leg.connect`."""
        self._began = now
        client, upstream = self._from_client, self._from_upstream
        self._client.on_packet = Path(self._upstream, client, upstream, codecs, self._tapping(True)).packet
        self._upstream.on_packet = Path(self._client, upstream, client, codecs, self._tapping(False), self.line).packet

    def media(self) -> dict[str, Any]:
        """{"client": SIDE, "upstream": SIDE, "setup": {"client": TIMES, "upstream": TIMES}}.

        SIDE is `Figures.summary` of the sound from that side, TIMES {"ice_ms", "dtls_ms", "channel_ms"} of that leg.
        """
        return {
            "client": self._side(self._client, self._from_client),
            "upstream": self._side(self._upstream, self._from_upstream),
            "setup": {"client": dict(self._client.times), "upstream": dict(self._upstream.times)},
        }

    def _side(self, leg: Leg, figures: Figures) -> dict[str, Any]:
        side = figures.summary(self._began)
        side["dropped"]["early"] += leg.early
        side["dropped"]["srtp"] = leg.unauthentic
        return side

    def _tapping(self, from_client: bool) -> Callable[..., None] | None:
        tap = self._tap
        if tap is None:
            return None
        return lambda *packet: tap(from_client, *packet)
