"""The file of a session's messages, beside that of its texts and under the same key: batches of lines, packed and encrypted.

    {"voicetap":"frames","version":1,"session":"ses_1","key":17,"started_at":"…","keeps":"events","content":"redacted"}
    {"batch":1,"first":1,"count":40,"nonce":"<base64>","box":"<base64>"}

A batch is authenticated with its place in the file, so none can be changed, moved, repeated or taken from elsewhere.
"""

from __future__ import annotations

import hmac
import os
import zlib
from binascii import Error
from binascii import a2b_base64
from binascii import b2a_base64
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.cipher import Damaged
from store.contents import ContentFile
from store.keyfile import KeyFile
from store.lines import decoded

VERSION: Final = 1
_NONCE: Final = 12
_LEVEL: Final = 1
_MOST: Final = 256 << 20
"""Bytes of the largest batch that is unpacked."""


class Header(msgspec.Struct):
    """The first line. `keeps` and `content` are `log.frames` and `log.content` of the rules when the session began."""

    voicetap: str
    version: int
    session: str
    key: int
    started_at: str
    keeps: str
    content: str


class Batch(msgspec.Struct):
    """Any other line: the `count` messages from number `first` on."""

    batch: int
    first: int
    count: int
    nonce: str
    box: str

    @property
    def place(self) -> bytes:
        """What is authenticated with it."""
        return b"%d %d %d" % (self.batch, self.first, self.count)


class Numbers(msgspec.Struct):
    """What a batch says of itself in the open."""

    first: int
    count: int


_numbers = msgspec.json.Decoder(Numbers).decode
_header = msgspec.json.Decoder(Header).decode
_batch = msgspec.json.Decoder(Batch).decode
_encode = msgspec.json.Encoder().encode


def header(line: bytes) -> Header:
    """Reads the first line. Raises msgspec.DecodeError."""
    return decoded(_header, line)


def batch(line: bytes) -> Batch:
    """Reads any other line. Raises msgspec.DecodeError."""
    return decoded(_batch, line)


def numbers(line: bytes) -> Numbers:
    """Reads which messages a batch has, and nothing else of it. Raises msgspec.DecodeError."""
    return decoded(_numbers, line)


class FrameCipher:
    """The key of a session's messages, made from the session's own."""

    def __init__(self, key: bytes) -> None:
        self._box = AESGCM(hmac.digest(key, b"voicetap frames", "sha256"))

    def line(self, number: int, first: int, count: int, lines: bytes) -> bytes:
        """The line of a batch."""
        nonce = os.urandom(_NONCE)
        made = Batch(number, first, count, _base64(nonce), "")
        made.box = _base64(self._box.encrypt(nonce, zlib.compress(lines, _LEVEL), made.place))
        return _encode(made) + b"\n"

    def opened(self, found: Batch) -> list[bytes]:
        """The lines of a batch. Raises Damaged."""
        try:
            packed = self._box.decrypt(a2b_base64(found.nonce), a2b_base64(found.box), found.place)
            lines = zlib.decompressobj().decompress(packed, _MOST).splitlines()
        except (InvalidTag, Error, ValueError, zlib.error):
            raise Damaged(f"batch {found.batch} cannot be opened") from None
        if len(lines) != found.count:
            raise Damaged(f"batch {found.batch} has {len(lines)} messages, not {found.count}")
        return lines


class FrameFile(ContentFile):
    """The file as its writer has it, who calls `add` and `end` from one thread."""

    stays_open = True

    def __init__(self, path: Path, keys: KeyFile, number: int, key: bytes, facts: Header) -> None:
        super().__init__(path, keys, facts.session, number)
        self.header = _encode(facts) + b"\n"
        self._cipher = FrameCipher(key)
        self._batches = 0

    def add(self, lines: list[bytes], first: int) -> bytes:
        """The line of the messages from number `first` on, to be appended in this order."""
        self._batches += 1
        return self._cipher.line(self._batches, first, len(lines), b"".join(lines))

    def end(self) -> None:
        """Nothing more will be written."""
        with self._lock:
            self.close()
        self.finished = True


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()
