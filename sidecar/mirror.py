"""Turns the description of one leg into that of the other: only transport lines change.

Order of sections, mid, msid, ssrc, extmap, rtpmap and refused sections stay as they are, so that both legs share payload types,
extension ids, SSRCs, sequence numbers and timestamps, and packets can pass byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sidecar.sdp import Description
from sidecar.sdp import Section

MAX_MESSAGE_SIZE: Final = 262144
"""Bytes of a data channel message that a leg takes, and so the most that it advertises."""

SCTP_PORT: Final = 5000

TRANSPORT: Final = re.compile(
    r"c=|a=(?:ice-[a-z]+|candidate|remote-candidates|end-of-candidates|fingerprint|tls-id|setup|rtcp|sctp-port|max-message-size)(?::|$)"
)
"""Lines that describe how to reach an end. (`a=rtcp-mux`, `a=rtcp-fb` and `a=rtcp-rsize` are none.)"""


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our end of a leg, as its description says it."""

    ufrag: str
    password: str
    candidates: tuple[str, ...]
    """Values of a=candidate lines, the first being the default one."""
    fingerprints: tuple[tuple[str, str], ...]
    """(hash name, value) pairs."""
    address: str
    """Of the default candidate; `0.0.0.0` with port 9 where there is none (RFC 9429, 4.1.20)."""
    port: int


def mirrored(source: Description, ours: LocalTransport, setup: str) -> str:
    """`source` with our transport in place of its own.

    `setup` is actpass for an offer, active or passive for an answer. The message size is that of the source, at most MAX_MESSAGE_SIZE,
    since what one leg takes the other has to be able to pass on.
    """
    lines = [_session_line(line) for line in source.session if line.startswith("c=") or not TRANSPORT.match(line)]
    size = min(source.transport.max_message_size or MAX_MESSAGE_SIZE, MAX_MESSAGE_SIZE)
    for section in source.sections:
        lines.extend(section.lines if section.rejected else _section(section, ours, setup, size))
    return "\r\n".join(lines) + "\r\n"


def answering_setup(offered: str) -> str:
    """What an answer says to an offer's a=setup: we are the DTLS client unless the offer wants to be (RFC 8842, 5.3)."""
    return "passive" if offered == "active" else "active"


def _session_line(line: str) -> str:
    """A session's connection line stays, without its address: refused sections may lean on it."""
    return "c=IN IP4 0.0.0.0" if line.startswith("c=") else line


def _section(section: Section, ours: LocalTransport, setup: str, size: int) -> list[str]:
    kept = [line for line in section.lines[1:] if not TRANSPORT.match(line)]
    titles = [line for line in kept if line.startswith("i=")]
    bandwidth = [line for line in kept if line[0] in "bk"]
    attributes = [line for line in kept if line[0] not in "ibk"]
    family = "IP6" if ":" in ours.address else "IP4"
    channel = [f"a=sctp-port:{SCTP_PORT}", f"a=max-message-size:{size}"] if section.kind == "application" else []
    return [
        _media_line(section, ours.port),
        *titles,
        f"c=IN {family} {ours.address}",
        *bandwidth,
        *(f"a=candidate:{candidate}" for candidate in ours.candidates),
        f"a=ice-ufrag:{ours.ufrag}",
        f"a=ice-pwd:{ours.password}",
        *(f"a=fingerprint:{name} {value}" for name, value in ours.fingerprints),
        f"a=setup:{setup}",
        *attributes,
        *channel,
    ]


def _media_line(section: Section, port: int) -> str:
    """The m-line with our port; 0 stays, it says that the section waits to be bundled."""
    kind, _, rest = section.lines[0].split(" ", 2)
    return f"{kind} {port if section.port else 0} {rest}"
