"""RFC 6455 frames, bytes in and messages out, with every limit of the wire enforced here.

Messages keep their position in the received bytes, so that whoever relays them can forward exactly what came:
a client's frame stays legal upstream with the client's own mask.
"""

from __future__ import annotations

import struct
from typing import Final
from typing import NamedTuple

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without a compiler: the same function in Python
    from websockets.utils import apply_mask

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

MAX_FRAGMENTS: Final = 8192
"""Most frames one message may be cut into; more closes with 1009."""

_U16 = struct.Struct("!H")
_U64 = struct.Struct("!Q")
_SENDABLE: Final = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))


class Close(NamedTuple):
    """A close code and its reason; 1005 stands for a Close frame without a code."""

    code: int
    reason: str = ""


class Message(NamedTuple):
    """One complete message or control frame.

    `start`/`end` locate its wire bytes in the chunk that `feed` just read; `wire` holds them instead where they
    came in several pieces (fragments, or parts of earlier reads).
    """

    opcode: int
    payload: bytes
    start: int
    end: int
    wire: bytes | None


class FrameReader:
    """Frames of one side. `masked` says whether this side must mask (clients must, servers must not)."""

    __slots__ = ("_fragments", "_need", "_opcode", "_pending", "_size", "_wire", "chunk", "fault", "limit", "masked")

    def __init__(self, *, masked: bool, limit: int) -> None:
        self.masked = masked
        self.limit = limit
        self.chunk = b""
        """The bytes that the positions of the last `feed` refer to."""
        self.fault: Close | None = None
        """The protocol violation this side committed; nothing is read after it."""
        self._pending = bytearray()
        self._need = 2
        self._opcode = 0
        self._size = 0
        self._fragments: list[bytes] = []
        self._wire: list[bytes] = []

    def feed(self, data: bytes) -> list[Message]:
        """Read bytes; returns what they completed. A violation sets `fault`, what came before it is still returned."""
        if self.fault is not None:
            return []
        if self._pending:
            self._pending += data
            if len(self._pending) < self._need:
                return []
            data = bytes(self._pending)
            self._pending = bytearray()
        self.chunk = data
        messages: list[Message] = []
        position = 0
        while (end := self._plain(data, position, messages) or self._frame(data, position, messages)) is not None:
            position = end
        if self.fault is None and position < len(data):
            self._pending += memoryview(data)[position:] if position else data
        return messages

    def _plain(self, data: bytes, start: int, messages: list[Message]) -> int:
        """Nearly every frame: whole, unfragmented ASCII text of 126 to 65535 bytes. Returns its end, or 0 for any other."""
        body = start + (8 if self.masked else 4)
        if len(data) < body or data[start] != 0x81 or data[start + 1] != (254 if self.masked else 126) or self._opcode:
            return 0
        length = data[start + 2] << 8 | data[start + 3]
        end = body + length
        if length < 126 or length > self.limit or len(data) < end:
            return 0
        payload = apply_mask(data[body:end], data[body - 4 : body]) if self.masked else data[body:end]
        if not payload.isascii():
            return 0
        messages.append(Message(TEXT, payload, start, end, None))
        return end

    def _frame(self, data: bytes, start: int, messages: list[Message]) -> int | None:
        """Read one frame at `start`; returns where it ends, or None when it is incomplete or a violation."""
        have = len(data) - start
        if have < 2:
            self._need = 2
            return None
        first = data[start]
        second = data[start + 1]
        length = second & 0x7F
        head = 2
        if length > 125:
            head = 4 if length == 126 else 10
            if have < head:
                self._need = head
                return None
            length, minimum = (
                (_U16.unpack_from(data, start + 2)[0], 126) if length == 126 else (_U64.unpack_from(data, start + 2)[0], 65536)
            )
            if length < minimum:
                self._violation(1002, "length is not encoded minimally")
                return None
        if self._refused(first, second >> 7, length):
            return None
        if self.masked:
            head += 4
        if have < head + length:
            self._need = head + length
            return None
        body = start + head
        end = body + length
        payload = apply_mask(data[body:end], data[body - 4 : body]) if self.masked else data[body:end]
        if first == 0x81 or first == 0x82:
            if first == 0x81 and not payload.isascii() and not _is_utf8(payload):
                self._violation(1007, "text is not UTF-8")
                return None
            messages.append(Message(first & 0x0F, payload, start, end, None))
        elif first & 0x08:
            messages.append(Message(first & 0x0F, payload, start, end, None))
            if first & 0x0F == CLOSE and (code := _close_flaw(payload)) is not None:
                messages.pop()
                self._violation(code, "invalid close frame")
                return None
        elif not self._fragment(first, payload, data[start:end], messages):
            return None
        return end

    def _refused(self, first: int, masked: int, length: int) -> bool:
        """Check a frame's head before its body is awaited, so that a forbidden frame is never buffered."""
        opcode = first & 0x0F
        if first & 0x70:
            self._violation(1002, "reserved bits are set")
        elif masked != self.masked:
            self._violation(1002, "frame is not masked" if self.masked else "frame is masked")
        elif opcode & 0x08:
            if opcode > PONG:
                self._violation(1002, f"unknown opcode {opcode}")
            elif length > 125 or not first & 0x80:
                self._violation(1002, "control frame is too long or fragmented")
        elif opcode > BINARY:
            self._violation(1002, f"unknown opcode {opcode}")
        elif bool(opcode) == bool(self._opcode):
            self._violation(1002, "message begun inside another" if opcode else "continuation of nothing")
        elif length + self._size > self.limit:
            self._violation(1009, f"message of at least {length + self._size} bytes, at most {self.limit} are allowed")
        return self.fault is not None

    def _fragment(self, first: int, payload: bytes, wire: bytes, messages: list[Message]) -> bool:
        self._opcode = self._opcode or first & 0x0F
        self._size += len(payload)
        self._fragments.append(payload)
        self._wire.append(wire)
        if len(self._fragments) > MAX_FRAGMENTS:
            self._violation(1009, f"message in more than {MAX_FRAGMENTS} fragments")
        elif first & 0x80:
            whole = b"".join(self._fragments)
            if self._opcode == TEXT and not _is_utf8(whole):
                self._violation(1007, "text is not UTF-8")
            else:
                messages.append(Message(self._opcode, whole, -1, -1, b"".join(self._wire)))
            self._opcode = self._size = 0
            self._fragments.clear()
            self._wire.clear()
        return self.fault is None

    def _violation(self, code: int, reason: str) -> None:
        self.fault = Close(code, reason)


def encode(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One unfragmented frame; `mask` is four bytes towards a server and empty towards a client."""
    bit = 0x80 if mask else 0
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, bit | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, bit | 126)) + _U16.pack(length)
    else:
        head = bytes((0x80 | opcode, bit | 127)) + _U64.pack(length)
    return head + mask + apply_mask(payload, mask) if mask else head + payload


def encode_close(close: Close) -> bytes:
    """The payload of a Close frame: empty for 1005, else the code and at most 123 bytes of whole characters."""
    if close.code not in _SENDABLE:
        return b"" if close.code == 1005 else encode_close(Close(1011, close.reason))
    return _U16.pack(close.code) + close.reason.encode(errors="replace")[:123].decode(errors="ignore").encode()


def decode_close(payload: bytes) -> Close:
    """What a valid Close payload says."""
    return Close(_U16.unpack_from(payload)[0], payload[2:].decode()) if payload else Close(1005)


def _close_flaw(payload: bytes) -> int | None:
    if not payload:
        return None
    if len(payload) == 1 or _U16.unpack_from(payload)[0] not in _SENDABLE:
        return 1002
    return None if _is_utf8(payload[2:]) else 1007


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
