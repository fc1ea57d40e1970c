"""The load counts what crosses the wire: frames survive any cutting of the stream, and arrivals meet their departures."""

from __future__ import annotations

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.clock import Line
from bench.clock import quantile
from bench.wire import PING
from bench.wire import Walker
from bench.wire import accept_key
from bench.wire import client_frame
from bench.wire import server_frame

SIZES = st.sampled_from((0, 1, 125, 126, 300, 4_096, 65_535, 65_536))
PAYLOADS = st.lists(SIZES.map(lambda size: bytes(range(256)) * (size // 256) + b"x" * (size % 256)))


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@given(PAYLOADS, st.lists(st.integers(0, 1_000_000), max_size=20), st.booleans())
def test_every_message_is_counted_or_handed_over_however_the_stream_is_cut(payloads: list[bytes], cuts: list[int], masked: bool) -> None:
    seen: list[bytes] = []
    walker = Walker(lambda _, payload: seen.append(payload), peek=200)
    frame = client_frame if masked else server_frame
    stream = b"".join(map(frame, payloads))
    counted = sum(walker.feed(piece) for piece in pieces(stream, cuts))
    assert seen == [payload for payload in payloads if len(payload) <= 200]
    assert counted == walker.messages == len(payloads) - len(seen)
    assert walker.bytes == len(stream)


def test_without_peeking_only_control_frames_are_handed_over() -> None:
    seen: list[tuple[int, bytes]] = []
    walker = Walker(lambda opcode, payload: seen.append((opcode, payload)))
    assert walker.feed(server_frame(b"short") + client_frame(b"beat", PING) + server_frame(b"more")) == 2
    assert seen == [(PING, b"beat")]


def test_a_fragmented_message_counts_once() -> None:
    first = bytes((0x01, 3)) + b"abc"
    last = bytes((0x80, 2)) + b"de"
    assert Walker(lambda *_: None).feed(first + last) == 1


def test_the_accept_key_is_that_of_the_rfc() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_arrivals_are_matched_with_departures_in_order() -> None:
    delays = array("d")
    line = Line(delays)
    line.leave()
    line.leave()
    line.leave()
    line.arrive(2)
    assert line.missing == 1
    assert len(delays) == 2
    assert delays[0] >= delays[1] >= 0


def test_quantiles_are_milliseconds_of_values_that_occurred() -> None:
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.5) == 3.0
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.99) == 100.0
