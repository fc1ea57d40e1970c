"""What must not cross the proxy, in every form in which an honest program may repeat it; found and blanked in bytes and text.

A peer that means to pass a secret on can always disguise it; this is about echoes: error texts, debug headers, logs.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Final
from urllib.parse import quote

REDACTED: Final = b"[redacted by voicetap]"

SHORTEST: Final = 8
"""Bytes of the shortest secret that is looked for: local servers take `none` or `dummy`, which are words of every conversation."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential. `forms` are the spellings to look for, none where it is too short; `escaped` finds it with escapes of JSON."""

    value: bytes = field(default=b"", repr=False)
    forms: tuple[bytes, ...] = field(init=False, repr=False)
    escaped: re.Pattern[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        made = dict.fromkeys(_forms(self.value)) if len(self.value) >= SHORTEST else ()
        object.__setattr__(self, "forms", tuple(made))
        object.__setattr__(self, "escaped", re.compile(b"".join(map(_in_json, self.value))))

    def within(self, data: bytes) -> bool:
        """Whether `data` has it in one of its forms."""
        return self.blanked(data) is not data

    def blanked(self, data: bytes) -> bytes:
        """`data` with a note in the place of each form; `data` itself where there is none."""
        for form in self.forms:
            if form in data:
                data = data.replace(form, REDACTED)
        if self.forms and b"\\" in data and self.escaped.search(data):
            data = self.escaped.sub(REDACTED, data)
        return data

    def blanked_text(self, text: str) -> str:
        """As `blanked`, also of a text with bytes of a header or with half a UTF-16 pair of JSON in it."""
        if not self.forms:
            return text
        try:
            return self._blanked_as(text, "surrogateescape")
        except UnicodeEncodeError:
            return self._blanked_as(text, "surrogatepass")

    def _blanked_as(self, text: str, errors: str) -> str:
        return self.blanked(text.encode(errors=errors)).decode(errors=errors)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not cross: the provider's credential towards the app, the app's key towards the provider."""

    upstream: Secret = field(default_factory=Secret)
    client: Secret = field(default_factory=Secret)


def _forms(secret: bytes) -> Iterator[bytes]:
    """As it is, in a URL, and in base64 behind any number of other bytes."""
    yield secret
    yield quote(secret, safe="").encode()
    for before in range(3):
        encoded = _aligned(secret, before)
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _in_json(byte: int) -> bytes:
    """A byte as JSON may write it: itself, behind a backslash, or by its number."""
    sign = re.escape(bytes((byte,)))
    return rb"(?:\\?%s|\\u00(?i:%02x))" % (sign, byte)


def _aligned(secret: bytes, before: int) -> bytes:
    """The characters that base64 has for the secret behind `before` (modulo 3) bytes, whatever those and the following ones are."""
    bits = 8 * before
    first, last = -(-bits // 6), (bits + 8 * len(secret)) // 6
    return b64encode(bytes(before) + secret)[first:last]
