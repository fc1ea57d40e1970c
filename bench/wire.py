"""WebSocket bytes for a load that must cost less than what it measures: prebuilt frames, and a walker that counts
messages by their headers without touching payloads (RFC 6455 section 5.2).
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Final

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

OnPayload = Callable[[int, bytes], None]


def accept_key(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def unmask(mask: bytes, payload: bytes) -> bytes:
    """XOR with the repeated mask; masking and unmasking are the same."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def _head(opcode: int, size: int, bit: int) -> bytes:
    if size < 126:
        return bytes((0x80 | opcode, bit | size))
    if size < 65_536:
        return bytes((0x80 | opcode, bit | 126)) + size.to_bytes(2, "big")
    return bytes((0x80 | opcode, bit | 127)) + size.to_bytes(8, "big")


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole message masked with a random key of its own."""
    mask = os.urandom(4)
    return _head(opcode, len(payload), 0x80) + mask + unmask(mask, payload)


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    return _head(opcode, len(payload), 0) + payload


class Walker:
    """Follows the frames of one direction.

    Messages of at most `peek` bytes, and control frames, are handed to `on_payload(opcode, payload)`; longer ones are
    only counted, when their last byte has arrived.
    """

    __slots__ = ("_fin", "_left", "_on_payload", "_peek", "_tail", "bytes", "messages")

    def __init__(self, on_payload: OnPayload, peek: int = 0) -> None:
        self._on_payload = on_payload
        self._peek = peek
        self._tail = b""
        self._left = 0
        self._fin = 0
        self.messages = 0
        self.bytes = 0

    def feed(self, data: bytes) -> int:
        """Takes received bytes; returns how many counted messages they completed."""
        self.bytes += len(data)
        before = self.messages
        if self._left:
            if len(data) < self._left:
                self._left -= len(data)
                return 0
            start, self._left = self._left, 0
            self.messages += self._fin
        else:
            start = 0
            if self._tail:
                data, self._tail = self._tail + data, b""
        self._walk(data, start)
        return self.messages - before

    def _walk(self, data: bytes, pos: int) -> None:
        size = len(data)
        while size - pos >= 2:
            first, second = data[pos], data[pos + 1]
            length, body = second & 0x7F, pos + 2
            if length > 125:
                body = pos + (4 if length == 126 else 10)
                length = int.from_bytes(data[pos + 2 : body], "big")
            if second & 0x80:
                body += 4
            end = body + length
            if end > size:
                if body > size or length <= self._peek or first & 8:
                    break
                self._left, self._fin = end - size, first >> 7
                return
            if first & 8 or length <= self._peek:
                payload = data[body:end]
                self._on_payload(first & 0x0F, unmask(data[body - 4 : body], payload) if second & 0x80 else payload)
            else:
                self.messages += first >> 7
            pos = end
        self._tail = data[pos:]
