"""Reads a session description (RFC 8866, RFC 9429): its lines, what is refused in an offer or an answer, and the remote end's transport.

Pure: text in, values out. Every refusal is an SdpError with a stable code that says what was seen and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from aioice import Candidate

MAX_BYTES: Final = 64 * 1024
"""Of a description."""

MAX_SECTIONS: Final = 8
"""m-lines of a description."""

DEFAULT_MESSAGE_SIZE: Final = 65536
"""What a peer takes that names no a=max-message-size (RFC 8841, 6.1)."""

STATIC_CODECS: Final = {0: ("pcmu", 8000), 8: ("pcma", 8000), 9: ("g722", 8000), 13: ("cn", 8000)}
"""Payload types that need no a=rtpmap (RFC 3551, 6)."""


class SdpError(ValueError):
    """A description that is refused: `code` is stable, `message` says what was seen and what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Codec:
    """What a payload type stands for: lower-case encoding name, RTP clock in ticks a second."""

    name: str
    clock: int


@dataclass(frozen=True, slots=True)
class Section:
    """One m-section: its lines as received, without line ends; the first is the m-line."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        """`audio`, `video`, `application`, …"""
        return self.lines[0][2:].split()[0]

    @property
    def port(self) -> int:
        return int(self.lines[0].split()[1].partition("/")[0])

    @property
    def protocol(self) -> str:
        return self.lines[0].split()[2]

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(self.lines[0].split()[3:])

    @property
    def mid(self) -> str:
        return next(self.values("mid"), "")

    @property
    def rejected(self) -> bool:
        """Port 0 means refused, unless the section only waits to be bundled (RFC 9143, 6)."""
        return self.port == 0 and "a=bundle-only" not in self.lines

    def values(self, name: str) -> Iterator[str]:
        """The values of the attribute's lines, in order."""
        return attribute_values(self.lines, name)


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """How to reach the other end, read from the first bundled section and the session level above it."""

    ufrag: str
    password: str
    lite: bool
    fingerprints: tuple[tuple[str, str], ...]
    """(hash name in lower case, value) pairs; only hashes that are supported."""
    setup: str
    """`actpass`, `active` or `passive`, with the default of the standard where the line is missing."""
    candidates: tuple[Candidate, ...]
    """UDP candidates of component 1 with an IP address, at most MAX_CANDIDATES."""
    has_channel: bool
    """Whether a live application section asks for data channels."""
    sctp_port: int
    max_message_size: int
    """Bytes; 0 = any size."""


@dataclass(frozen=True, slots=True)
class Description:
    """A description that passed its checks; `mirror.mirrored` turns it into the one for the other leg."""

    session: tuple[str, ...]
    sections: tuple[Section, ...]
    transport: RemoteTransport
    codecs: Mapping[int, Codec]
    """Payload types of the live audio sections."""


def split(text: str, code: str) -> tuple[tuple[str, ...], tuple[Section, ...]]:
    """The session's lines and the sections of a text. Raises SdpError: `too_large`, `too_many_lines`, or the code given."""
    if len(text.encode()) > MAX_BYTES:
        raise SdpError("too_large", f"the description has {len(text.encode())} bytes, at most {MAX_BYTES} are allowed")
    lines = tuple(line for line in text.replace("\r\n", "\n").split("\n") if line)
    if not lines:
        raise SdpError(code, "the description is empty")
    for line in lines:
        _check_line(line, code)
    if lines[0] != "v=0":
        raise SdpError(code, f"a description starts with v=0, this one with {lines[0][:20]!r}")
    starts = [place for place, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MAX_SECTIONS:
        raise SdpError("too_many_lines", f"the description has {len(starts)} m-lines, at most {MAX_SECTIONS} are allowed")
    sections = tuple(Section(lines[start:end]) for start, end in pairwise([*starts, len(lines)]))
    return lines[: starts[0]] if starts else lines, sections


def _check_line(line: str, code: str) -> None:
    if not re.match(r"[a-z]=", line) or not line.isprintable():
        raise SdpError(code, f"{line[:20]!r} is no line of a description: a letter, an equals sign and text are")
    if line.startswith("m=") and not re.fullmatch(r"m=[a-z]+ \d{1,5}(/\d+)? [A-Za-z/]+( [^ ]+)+ ?", line):
        raise SdpError(code, f"{line[:60]!r} is no m-line: kind, port, protocol and formats are expected")


def attribute_values(lines: tuple[str, ...], name: str) -> Iterator[str]:
    """The values of `a=<name>:` in these lines; an attribute without a value gives an empty one."""
    for line in lines:
        if line == f"a={name}":
            yield ""
        elif line.startswith(f"a={name}:"):
            yield line[len(name) + 3 :].strip()


def bundles(session: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The mids of each BUNDLE group."""
    groups = (value.split() for value in attribute_values(session, "group"))
    return [tuple(group[1:]) for group in groups if group and group[0].upper() == "BUNDLE"]


def audio_codecs(sections: tuple[Section, ...]) -> dict[int, Codec]:
    """Payload type → codec over the live audio sections; a type that nothing names is left out."""
    found: dict[int, Codec] = {}
    for section in sections:
        if section.kind == "audio" and not section.rejected:
            found.update(_codecs(section))
    return found


def _codecs(section: Section) -> dict[int, Codec]:
    named = {kind: Codec(*codec) for kind, codec in STATIC_CODECS.items()}
    for value in section.values("rtpmap"):
        if match := re.match(r"(\d{1,3}) ([^/ ]+)/(\d{1,6})", value):
            named[int(match[1])] = Codec(match[2].lower(), int(match[3]))
    types = (int(number) for number in section.formats if number.isdigit())
    return {number: named[number] for number in types if number in named}
