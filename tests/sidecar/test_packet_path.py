"""The way of packets without a network: what passes, what is dropped and why, and the figures of it."""

from __future__ import annotations

from struct import pack
from typing import Any
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import rtp
from sidecar.leg import Leg
from sidecar.packets import Exchange
from sidecar.packets import Tap
from sidecar.sdp import Codec

OPUS = {111: Codec("opus", 48000), 0: Codec("pcmu", 8000)}
FRAME = 960
"""Ticks of 20 ms of Opus."""


class FakeLeg:
    """Keeps what is sent to it; `up` False makes it refuse."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.up = True
        self.early = 0
        self.unauthentic = 0
        self.times = {"ice_ms": 1.0, "dtls_ms": 2.0, "channel_ms": None}
        self.on_packet: Any = None

    def send_packet(self, packet: bytes, rtcp: bool) -> bool:
        if self.up:
            self.sent.append(packet)
        return self.up


class Talk:
    """Two fake legs and the exchange between them."""

    def __init__(self, tap: Tap | None = None, began: float = 100.0) -> None:
        self.client, self.upstream = FakeLeg(), FakeLeg()
        self.exchange = Exchange(cast(Leg, self.client), cast(Leg, self.upstream), tap)
        self.exchange.begin(OPUS, began)

    def side(self, name: str = "client") -> dict[str, Any]:
        return cast(dict[str, Any], self.exchange.media()[name])


def sound(sequence: int = 0, timestamp: int = 0, *, ssrc: int = 1, kind: int = 111, body: bytes = b"\xfcsound") -> bytes:
    return pack("!BBHLL", 0x80, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + body


def sender_report(ssrc: int, ntp: int, *blocks: bytes) -> bytes:
    return pack("!BBHLQLLL", 0x80 | len(blocks), 200, 6 + 6 * len(blocks), ssrc, ntp, 0, 0, 0) + b"".join(blocks)


def receiver_report(ssrc: int, *blocks: bytes) -> bytes:
    return pack("!BBHL", 0x80 | len(blocks), 201, 1 + 6 * len(blocks), ssrc) + b"".join(blocks)


def block(ssrc: int, *, lost: int = 0, jitter: int = 0, last: int = 0, delay: float = 0) -> bytes:
    return pack("!LLLLLL", ssrc, lost & 0xFFFFFF, 0, jitter, last, int(delay * 65536))


def test_packets_pass_byte_for_byte_both_ways() -> None:
    talk = Talk()
    there = [sound(number, number * FRAME) for number in range(5)]
    back = [sound(number, number * FRAME, ssrc=9) for number in range(3)] + [receiver_report(9, block(1))]
    for packet in there:
        talk.client.on_packet(packet, False, 100.0)
    for packet in back:
        talk.upstream.on_packet(packet, packet[1] == 201, 100.0)
    assert talk.upstream.sent == there
    assert talk.client.sent == back


def test_sound_is_counted_by_its_timestamps() -> None:
    talk = Talk()
    for number in range(50):
        talk.client.on_packet(sound(number, 5000 + number * FRAME), False, 100.25 + number / 50)
    side = talk.side()
    assert (side["packets"], side["bytes"], side["seconds"], side["first_packet_ms"]) == (50, 50 * 18, 1.0, 250.0)
    assert talk.side("upstream") | {"dropped": {}} == {
        "packets": 0,
        "bytes": 0,
        "seconds": 0,
        "lost": None,
        "jitter_ms": None,
        "rtt_ms": None,
        "first_packet_ms": None,
        "dropped": {},
    }


def test_silence_that_is_not_sent_counts_as_time() -> None:
    talk = Talk()
    ticks = 0
    for number in range(10):
        talk.client.on_packet(sound(number, ticks), False, 100 + ticks / 48000)
        ticks += 19200 if number % 2 else FRAME
    assert talk.upstream.sent[2] == sound(2, 20160)
    assert talk.side()["seconds"] == round((5 * FRAME + 4 * 19200 + FRAME) / 48000, 3)


def test_timestamps_run_over_their_end() -> None:
    talk = Talk()
    for number in range(50):
        talk.client.on_packet(sound(number, 0xFFFFFFFF - 10 * FRAME + number * FRAME), False, 100 + number / 50)
    assert talk.side()["seconds"] == 1.0


@pytest.mark.parametrize("order", [[0, 2, 1, 3], [0, 1, 1, 2, 3], [0, 3, 3]])
def test_order_and_copies_do_not_change_the_length(order: list[int]) -> None:
    talk = Talk()
    for number in order:
        talk.client.on_packet(sound(number, number * FRAME), False, 100.0)
    assert talk.side()["seconds"] >= 3 * FRAME / 48000
    assert talk.side()["seconds"] <= 0.12


def test_timestamps_that_jump_are_no_sound() -> None:
    talk = Talk()
    talk.client.on_packet(sound(0, 0), False, 100.0)
    talk.client.on_packet(sound(1, 0x40000000), False, 100.02)
    talk.client.on_packet(sound(2, 0x40000000 + FRAME), False, 100.04)
    assert talk.side()["seconds"] == 0.04


def test_each_ssrc_counts_by_itself_and_a_fifth_is_dropped() -> None:
    talk = Talk()
    for ssrc in range(1, 6):
        talk.client.on_packet(sound(0, 0, ssrc=ssrc), False, 100.0)
        talk.client.on_packet(sound(1, FRAME, ssrc=ssrc), False, 100.02)
    assert talk.side()["seconds"] == 0.16
    assert talk.side()["dropped"]["ssrc"] == 2


@pytest.mark.parametrize("packet", [sound(kind=96), sound(kind=63), b"\x80\x6f", b""])
def test_what_was_not_negotiated_is_dropped(packet: bytes) -> None:
    talk = Talk()
    talk.client.on_packet(packet, False, 100.0)
    assert talk.upstream.sent == []
    assert talk.side()["dropped"]["type"] == 1


def test_early_packets_are_dropped_and_counted() -> None:
    talk = Talk()
    talk.upstream.up = False
    talk.client.early, talk.client.unauthentic = 3, 4
    talk.client.on_packet(sound(), False, 100.0)
    assert talk.side()["dropped"] == {"early": 4, "type": 0, "rate": 0, "ssrc": 0, "srtp": 4}
    assert talk.side()["first_packet_ms"] is None
    talk.upstream.up = True
    talk.client.on_packet(sound(1, FRAME), False, 100.5)
    assert talk.side()["first_packet_ms"] == 500.0


def test_a_side_may_send_150_packets_a_second_with_bursts_of_two_seconds() -> None:
    talk = Talk()
    for number in range(400):
        talk.client.on_packet(sound(number, number * FRAME), False, 100.0)
    assert (talk.side()["packets"], talk.side()["dropped"]["rate"]) == (300, 100)
    for number in range(200):
        talk.client.on_packet(sound(number), False, 101.0)
    assert (talk.side()["packets"], talk.side()["dropped"]["rate"]) == (450, 150)
    for number in range(1500):
        talk.upstream.on_packet(sound(number, ssrc=2), False, 100 + number / 50)
    assert talk.side("upstream")["dropped"]["rate"] == 0


def test_a_side_may_send_300_kilobits_a_second() -> None:
    talk = Talk()
    for number in range(100):
        talk.client.on_packet(sound(number, body=b"x" * 1238), False, 100.0)
    assert talk.side()["packets"] == 60


def test_reports_are_subject_to_the_same_rate() -> None:
    talk = Talk()
    for _ in range(400):
        talk.client.on_packet(receiver_report(1), True, 100.0)
    assert len(talk.upstream.sent) == 300


def test_loss_and_jitter_are_what_the_other_end_reports() -> None:
    talk = Talk()
    talk.client.on_packet(sound(ssrc=7), False, 100.0)
    talk.upstream.on_packet(receiver_report(9, block(7, lost=3, jitter=480), block(1234, lost=99)), True, 101.0)
    assert (talk.side()["lost"], talk.side()["jitter_ms"]) == (3, 10.0)
    talk.upstream.on_packet(sender_report(9, 0, block(7, lost=-1, jitter=960)), True, 102.0)
    assert (talk.side()["lost"], talk.side()["jitter_ms"]) == (-1, 20.0)


def test_the_round_trip_is_between_here_and_the_reporting_side() -> None:
    talk = Talk()
    talk.client.on_packet(sound(ssrc=7), False, 100.0)
    talk.client.on_packet(sender_report(7, 0x1122_33445566_7788), True, 101.0)
    talk.upstream.on_packet(receiver_report(9, block(7, last=0x33445566, delay=0.5)), True, 101.54)
    assert talk.side("upstream")["rtt_ms"] == 40.0
    assert talk.side("client")["rtt_ms"] is None


def test_reports_of_an_unknown_sender_report_measure_nothing() -> None:
    talk = Talk()
    talk.client.on_packet(sound(ssrc=7), False, 100.0)
    talk.upstream.on_packet(receiver_report(9, block(7, last=0x33445566), block(7, last=0)), True, 101.0)
    assert talk.side("upstream")["rtt_ms"] is None


def test_few_reports_are_looked_into_and_all_pass() -> None:
    talk = Talk()
    talk.client.on_packet(sound(ssrc=7), False, 100.0)
    for number in range(10):
        talk.upstream.on_packet(receiver_report(9, block(7, lost=number)), True, 101 + number / 1000)
    assert len(talk.client.sent) == 10
    assert talk.side()["lost"] == 0


def test_a_tap_gets_the_opus_packets_that_pass() -> None:
    taken: list[tuple[bool, bytes, int, int, float]] = []
    talk = Talk(lambda *packet: taken.append(packet))
    talk.client.on_packet(sound(5, 4800, body=b"one"), False, 100.0)
    talk.client.on_packet(sound(6, kind=0, body=b"not opus"), False, 100.0)
    talk.client.on_packet(sound(7, kind=50), False, 100.0)
    talk.upstream.on_packet(sound(65535, 0xFFFFFFFF, ssrc=3, body=b"two"), False, 101.0)
    assert taken == [(True, b"one", 4800, 5, 100.0), (False, b"two", 0xFFFFFFFF, 65535, 101.0)]


def test_a_payload_is_what_stands_between_header_and_padding() -> None:
    contributing = pack("!LL", 1, 2)
    extension = pack("!HH", 0xBEDE, 2) + b"8 bytes."
    assert rtp.payload(sound(body=b"plain")) == b"plain"
    packet = bytearray(sound(body=contributing + extension + b"inside" + b"\0\0\3"))
    packet[0] = 0x80 | 0x20 | 0x10 | 2
    assert rtp.payload(bytes(packet)) == b"inside"


@given(st.binary(max_size=200))
def test_whatever_a_report_holds_it_is_read_or_left(data: bytes) -> None:
    talk = Talk()
    talk.client.on_packet(sound(ssrc=7), False, 100.0)
    talk.upstream.on_packet(data, True, 101.0)
    talk.upstream.on_packet(b"\x81\xc9" + data, True, 102.0)
    assert talk.client.sent == [data, b"\x81\xc9" + data]


@given(st.binary(max_size=100), st.integers(0, 63))
def test_whatever_a_header_says_a_payload_is_part_of_the_packet(body: bytes, flags: int) -> None:
    packet = bytes((0x80 | flags,)) + sound(body=body)[1:]
    assert rtp.payload(packet) in packet


def test_the_set_up_of_both_legs_is_among_the_figures() -> None:
    times = {"ice_ms": 1.0, "dtls_ms": 2.0, "channel_ms": None}
    assert Talk().exchange.media()["setup"] == {"client": times, "upstream": times}
