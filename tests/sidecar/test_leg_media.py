"""Packets through two real legs with real SRTP: byte for byte, under loss, before the keys, and without them."""

from __future__ import annotations

import asyncio
import random
import socket
from struct import pack
from typing import Any

import pytest
from aiortc import RTCDtlsTransport
from aiortc import RTCPeerConnection
from legcall import Call
from legcall import call
from waiting import eventually

pytestmark = pytest.mark.usefixtures("loopback", "nothing_left")

KIND = 96
"""The payload type that aiortc offers Opus with."""


def transport(end: RTCPeerConnection) -> RTCDtlsTransport:
    return end.getTransceivers()[0].receiver.transport


def sound(number: int, timestamp: int | None = None) -> bytes:
    body = random.Random(number).randbytes(80)
    return pack("!BBHLL", 0x80, KIND, number & 0xFFFF, number * 960 if timestamp is None else timestamp, 0xABCD) + body


class Heard:
    """What reaches an end of the call, as decrypted packets."""

    def __init__(self, end: RTCPeerConnection) -> None:
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        transport(end)._handle_rtp_data = self._take  # type: ignore[method-assign]
        transport(end)._handle_rtcp_data = self._report  # type: ignore[method-assign]

    async def _take(self, data: bytes, arrival_time_ms: int) -> None:
        self.packets.append(data)

    async def _report(self, data: bytes) -> None:
        self.reports.append(data)


async def test_packets_and_reports_arrive_as_they_were_sent() -> None:
    async with call() as made:
        at_provider, at_browser = Heard(made.provider), Heard(made.browser)
        report = pack("!BBHL", 0x80, 201, 1, 0xABCD)
        feedback = pack("!BBHLL", 0x8F, 205, 2, 0xABCD, 0xABCD)
        for number in range(20):
            await transport(made.browser)._send_rtp(sound(number))
            await transport(made.provider)._send_rtp(sound(1000 + number))
        for packet in (report, feedback):
            await transport(made.browser)._send_rtp(packet)
        await eventually(lambda: len(at_provider.packets) == 20 and len(at_browser.packets) == 20 and len(at_provider.reports) >= 2)
        assert at_provider.packets == [sound(number) for number in range(20)]
        assert at_browser.packets == [sound(1000 + number) for number in range(20)]
        assert {report, feedback} <= set(at_provider.reports)
        assert made.exchange.media()["client"]["packets"] == 20


async def test_timestamps_of_discontinuous_sound_stay() -> None:
    async with call() as made:
        at_provider = Heard(made.provider)
        stamps = [0, 960, 20160, 39360, 40320, 50880]
        for number, stamp in enumerate(stamps):
            await transport(made.browser)._send_rtp(sound(number, stamp))
        await eventually(lambda: len(at_provider.packets) == len(stamps))
        assert [int.from_bytes(packet[4:8]) for packet in at_provider.packets] == stamps
        assert made.exchange.media()["client"]["seconds"] == round((50880 + 960) / 48000, 3)


async def test_under_loss_exactly_what_arrives_goes_on() -> None:
    async with call() as made:
        at_provider = Heard(made.provider)
        chosen = made.client.connection.pair
        assert chosen is not None
        receiver, chance, kept = chosen.protocol.datagram_received, random.Random(7), 0

        def lossy(data: bytes | str, addr: tuple[Any, ...]) -> None:
            nonlocal kept
            media = isinstance(data, bytes) and 127 < data[0] < 192
            if not media or chance.random() > 0.1:
                kept += media
                receiver(data, addr)

        chosen.protocol.datagram_received = lossy  # type: ignore[method-assign]
        for number in range(200):
            await transport(made.browser)._send_rtp(sound(number))
            await asyncio.sleep(0)
        await eventually(lambda: kept and len(at_provider.packets) == kept)
        assert kept < 200
        assert len(at_provider.packets) == made.exchange.media()["client"]["packets"] == kept


async def test_the_packets_of_two_peers_are_counted_and_heard() -> None:
    async with call(sound=True) as made:
        await eventually(lambda: made.exchange.media()["upstream"]["seconds"] > 0.5)
        media = made.exchange.media()
        for side in ("client", "upstream"):
            assert media[side]["packets"] > 10
            assert media[side]["first_packet_ms"] > 0
            assert media[side]["dropped"]["srtp"] == 0


async def test_what_has_no_valid_key_is_counted_and_changes_nothing() -> None:
    async with call() as made:
        chosen = made.client.connection.pair
        assert chosen is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for junk in (b"\x80" * 40, b"\x80\xc9" + b"\0" * 60, b"\x80", b"\x80" * 3000):
                stranger.sendto(junk, chosen.local_addr)
        await eventually(lambda: made.client.unauthentic == 4)
        assert made.exchange.media()["client"]["dropped"]["srtp"] == 4
        at_provider = Heard(made.provider)
        await transport(made.browser)._send_rtp(sound(1))
        await eventually(lambda: at_provider.packets)


async def test_packets_before_the_other_leg_is_up_are_dropped_and_counted() -> None:
    async with call(label=None) as made:
        await made.upstream.close("gone")
        await transport(made.browser)._send_rtp(sound(1))
        await eventually(lambda: made.exchange.media()["client"]["dropped"]["early"] == 1)
        assert made.exchange.media()["client"]["packets"] == 0


async def test_a_tap_hears_both_sides() -> None:
    taken: list[tuple[bool, bytes, int]] = []
    async with call(
        tap=lambda from_client, payload, _timestamp, sequence, _arrival: taken.append((from_client, payload, sequence))
    ) as made:
        await transport(made.browser)._send_rtp(sound(1))
        await transport(made.provider)._send_rtp(sound(2))
        await eventually(lambda: len(taken) == 2)
        assert sorted(taken) == [(False, sound(2)[12:], 2), (True, sound(1)[12:], 1)]


async def test_a_tap_that_raises_ends_the_leg_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise OSError("a fault of ours")

    async with call(tap=broken) as made:
        await transport(made.browser)._send_rtp(sound(1))
        await ended(made)
        assert "a fault of ours" in caplog.text


async def ended(made: Call) -> None:
    await made.client.wait_closed()
    assert made.client.ending is not None
    assert made.client.ending.reason == "internal error: OSError"
