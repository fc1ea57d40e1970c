"""Frames: every rule of the wire, at every way the bytes can be cut."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import PING
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.framing import FrameReader
from realtime.framing import decode_close
from realtime.framing import encode
from realtime.framing import encode_close

MASK = b"\x01\x02\x03\x04"


def reader(masked: bool = False, limit: int = 1000) -> FrameReader:
    return FrameReader(masked=masked, limit=limit)


def read(*chunks: bytes, masked: bool = False, limit: int = 1000) -> tuple[list[tuple[int, bytes]], Close | None]:
    source = reader(masked, limit)
    messages = [message for chunk in chunks for message in source.feed(chunk)]
    return [(m.opcode, m.payload) for m in messages], source.fault


@given(
    st.lists(st.tuples(st.sampled_from((TEXT, BINARY, PING)), st.text(max_size=120)), max_size=6),
    st.booleans(),
    st.lists(st.integers(0, 800), max_size=8),
)
def test_messages_survive_any_cut_of_the_bytes(sent: list[tuple[int, str]], masked: bool, cuts: list[int]) -> None:
    wire = b"".join(encode(opcode, text.encode()[:125], MASK if masked else b"") for opcode, text in sent if _whole(text))
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    chunks = [wire[a:b] for a, b in pairwise(edges)]
    messages, fault = read(*chunks, masked=masked)
    assert fault is None
    assert messages == [(opcode, text.encode()[:125]) for opcode, text in sent if _whole(text)]


def _whole(text: str) -> bool:
    return len(text.encode()) <= 125


@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
@pytest.mark.parametrize("mask", [b"", MASK])
def test_every_length_form_round_trips(length: int, mask: bytes) -> None:
    payload = b"x" * length
    assert read(encode(TEXT, payload, mask), masked=bool(mask), limit=1 << 20) == ([(TEXT, payload)], None)


def test_positions_give_back_the_wire_bytes() -> None:
    first, second = encode(TEXT, b"one", MASK), encode(BINARY, b"two", MASK)
    source = reader(masked=True)
    messages = source.feed(first + second)
    assert [source.chunk[m.start : m.end] for m in messages] == [first, second]


def test_fragments_are_one_message_and_keep_their_wire_bytes() -> None:
    parts = [b"\x01\x02he", b"\x89\x01p", b"\x80\x03llo"]
    source = reader()
    messages = [m for part in parts for m in source.feed(part)]
    assert [(m.opcode, m.payload) for m in messages] == [(PING, b"p"), (TEXT, b"hello")]
    assert messages[1].wire == parts[0] + parts[2]


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"\xc1\x00", 1002),
        (b"\x83\x00", 1002),
        (b"\x8b\x00", 1002),
        (b"\x81\x80\x00\x00\x00\x00", 1002),
        (b"\x80\x00", 1002),
        (b"\x01\x00\x81\x00", 1002),
        (b"\x09\x00", 1002),
        (b"\x89\x7e\x00\x80", 1002),
        (b"\x81\x7e\x00\x10", 1002),
        (b"\x81\x02\xff\xfe", 1007),
        (b"\x01\x01\xe2\x80\x01\x28", 1007),
        (b"\x88\x01\x03", 1002),
        (b"\x88\x02\x03\xec", 1002),
        (b"\x88\x03\x03\xe8\xff", 1007),
    ],
    ids=[
        "reserved bit",
        "unknown data opcode",
        "unknown control opcode",
        "server masks",
        "continuation of nothing",
        "message inside a message",
        "fragmented ping",
        "long ping",
        "length not minimal",
        "not UTF-8",
        "not UTF-8 over fragments",
        "close of one byte",
        "close code 1004",
        "close reason not UTF-8",
    ],
)
def test_violations(wire: bytes, code: int) -> None:
    messages, fault = read(wire)
    assert fault is not None
    assert fault.code == code
    assert messages == []


def test_a_client_must_mask() -> None:
    assert read(encode(TEXT, b"x"), masked=True)[1] == Close(1002, "frame is not masked")


@pytest.mark.parametrize(("size", "passes"), [(999, True), (1000, True), (1001, False)])
def test_the_limit_holds_for_frames_and_for_fragments(size: int, passes: bool) -> None:
    whole = read(encode(TEXT, b"x" * size))
    half = size // 2
    fragments = read(
        b"\x01\x7e" + struct.pack("!H", half) + b"x" * half, b"\x80\x7e" + struct.pack("!H", size - half) + b"x" * (size - half)
    )
    for messages, fault in (whole, fragments):
        assert (fault is None) is passes
        assert (messages == [(TEXT, b"x" * size)]) is passes
        assert fault is None or fault.code == 1009


def test_an_oversize_frame_is_refused_before_its_body_comes() -> None:
    _, fault = read(b"\x81\x7f" + struct.pack("!Q", 1 << 40))
    assert fault == Close(1009, f"message of at least {1 << 40} bytes, at most 1000 are allowed")


def test_endless_empty_fragments_are_refused() -> None:
    _, fault = read(b"\x01\x00" + b"\x00\x00" * 9000)
    assert fault is not None
    assert fault.code == 1009


def test_messages_before_a_violation_count() -> None:
    messages, fault = read(encode(TEXT, b"good") + b"\xf1\x00")
    assert messages == [(TEXT, b"good")]
    assert fault is not None


@pytest.mark.parametrize("close", [Close(1000, "bye"), Close(1005), Close(4999, "ü" * 61)])
def test_close_payloads(close: Close) -> None:
    payload = encode_close(close)
    assert len(payload) <= 125
    assert decode_close(payload) == close
    assert read(encode(CLOSE, payload)) == ([(CLOSE, payload)], None)


def test_a_long_reason_is_cut_at_a_character() -> None:
    assert decode_close(encode_close(Close(1008, "ü" * 100))).reason == "ü" * 61


def test_codes_that_must_not_be_sent_become_1011() -> None:
    assert decode_close(encode_close(Close(1006, "lost"))) == Close(1011, "lost")


@given(st.binary(max_size=300), st.booleans())
def test_hostile_bytes_never_raise(data: bytes, masked: bool) -> None:
    source = reader(masked)
    for position in range(0, len(data), 7):
        source.feed(data[position : position + 7])
