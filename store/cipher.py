"""The file of a session's content: its texts one a line, encrypted with the session's own key and known by their commitments.

    {"voicetap":"content","version":1,"session":"sess_1","key":17}
    {"commit":"<64 hex>","box":"<base64>"}

`key` is a number in `content.keys`. From that key come two: one makes the commitment of a text (HMAC-SHA256), which is also what the
nonce of its box is made of (AES-256-GCM), so that a text is written once however often it is recorded.
"""

from __future__ import annotations

import hmac
from binascii import Error
from binascii import a2b_base64
from binascii import b2a_base64
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.lines import decoded

VERSION: Final = 1
_NONCE: Final = 12


class Entry(msgspec.Struct):
    """A line. The first one has `session` and `key`, every other one `commit` and `box`."""

    voicetap: str = ""
    version: int = 0
    session: str = ""
    key: int = -1
    commit: str = ""
    box: str = ""


_entry = msgspec.json.Decoder(Entry).decode
_header = msgspec.json.Encoder().encode


class Damaged(ValueError):
    """A text cannot be opened, or is not the one that was committed to."""


def entry(line: bytes) -> Entry:
    """Reads a line. Raises msgspec.DecodeError."""
    return decoded(_entry, line)


def header(session: str, number: int) -> bytes:
    """The first line of a file."""
    return _header({"voicetap": "content", "version": VERSION, "session": session, "key": number}) + b"\n"


class Cipher:
    """Both keys of a session."""

    def __init__(self, key: bytes) -> None:
        self._commitment = hmac.new(hmac.digest(key, b"voicetap commitment", "sha256"), digestmod="sha256")
        self._box = AESGCM(hmac.digest(key, b"voicetap box", "sha256"))

    def commit(self, text: bytes) -> bytes:
        """The commitment of a text."""
        made = self._commitment.copy()
        made.update(text)
        return made.digest()

    def line(self, commit: bytes, text: bytes) -> bytes:
        """The line that holds a text."""
        box = b2a_base64(self._box.encrypt(commit[:_NONCE], text, commit), newline=False)
        return b'{"commit":"%b","box":"%b"}\n' % (commit.hex().encode(), box)

    def opened(self, found: Entry) -> str:
        """The text of a line. Raises Damaged."""
        made = self.unsealed(found)
        if not hmac.compare_digest(self.commit(made.encode()), bytes.fromhex(found.commit)):
            raise Damaged("it is not the text that was committed to")
        return made

    def unsealed(self, found: Entry) -> str:
        """The text of a line, whether it is the one that was committed to or not. Raises Damaged."""
        try:
            commit = bytes.fromhex(found.commit)
            return self._box.decrypt(commit[:_NONCE], a2b_base64(found.box), commit).decode()
        except (InvalidTag, Error, ValueError):
            raise Damaged("it cannot be opened") from None
