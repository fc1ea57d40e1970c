"""Reads the remote end's ICE, DTLS and SCTP parameters out of a description.

They come from the first bundled section, each from its media level or else the session level: providers write them at either.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from aioice import Candidate

from sidecar.sdp import DEFAULT_MESSAGE_SIZE
from sidecar.sdp import RemoteTransport
from sidecar.sdp import SdpError
from sidecar.sdp import Section
from sidecar.sdp import attribute_values

MAX_CANDIDATES: Final = 32
"""Of those that a description names; more would only multiply the connectivity checks."""

HASH_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
SETUPS: Final = ("actpass", "active", "passive")
CANDIDATE_TYPES: Final = ("host", "srflx", "relay")


def read_transport(session: tuple[str, ...], live: tuple[Section, ...], default_setup: str) -> RemoteTransport:
    """What the first live section and the session say. Raises SdpError: no_ice, no_fingerprint, bad_fingerprint, bad_sdp."""
    lines = (*live[0].lines, *session)
    channel = next((section for section in live if section.kind == "application"), None)
    ufrag, password = _credentials(lines)
    return RemoteTransport(
        ufrag=ufrag,
        password=password,
        lite="a=ice-lite" in lines,
        fingerprints=_fingerprints(lines),
        setup=_setup(lines, default_setup),
        candidates=tuple(_candidates(live[0]))[:MAX_CANDIDATES],
        has_channel=channel is not None,
        sctp_port=_number(channel, "sctp-port", 5000, 65535),
        max_message_size=_number(channel, "max-message-size", DEFAULT_MESSAGE_SIZE, 2**64),
    )


def _credentials(lines: tuple[str, ...]) -> tuple[str, str]:
    """RFC 8839, 5.4: letters, digits, + and /; 4 to 256 of them for the name, 22 to 256 for the password."""
    found = []
    for name, least in (("ice-ufrag", 4), ("ice-pwd", 22)):
        value = next(attribute_values(lines, name), "")
        if not re.fullmatch(rf"[A-Za-z0-9+/]{{{least},256}}", value):
            seen = f"has {len(value)} characters" if value else "is missing"
            raise SdpError("no_ice", f"a={name} {seen}, allowed are {least} to 256 letters, digits, + and /")
        found.append(value)
    return found[0], found[1]


def _fingerprints(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    given = [tuple(value.split()) for value in attribute_values(lines, "fingerprint")]
    if not given:
        raise SdpError("no_fingerprint", f"a=fingerprint is missing, one with {', '.join(HASH_BYTES)} is needed")
    known = [(name.lower(), value) for name, value in (pair for pair in given if len(pair) == 2) if name.lower() in HASH_BYTES]
    if not known:
        seen = ", ".join(" ".join(pair)[:40] for pair in given)
        raise SdpError("bad_fingerprint", f"a=fingerprint says {seen}, allowed are {', '.join(HASH_BYTES)}")
    for name, value in known:
        if not re.fullmatch(rf"([0-9A-Fa-f]{{2}}:){{{HASH_BYTES[name] - 1}}}[0-9A-Fa-f]{{2}}", value):
            raise SdpError(
                "bad_fingerprint", f"a {name} fingerprint is {HASH_BYTES[name]} bytes in hex with colons, seen is {value[:40]!r}"
            )
    return tuple(dict.fromkeys(known))


def _setup(lines: tuple[str, ...], default: str) -> str:
    value = next(attribute_values(lines, "setup"), default)
    if value not in SETUPS:
        raise SdpError("bad_sdp", f"a=setup:{value[:20]} is not one of {', '.join(SETUPS)}")
    return value


def _candidates(section: Section) -> Iterator[Candidate]:
    """Candidates that a UDP leg can use; TCP, names such as `….local` and what cannot be read are left out."""
    for value in section.values("candidate"):
        with suppress(ValueError):
            candidate = Candidate.from_sdp(value)
            ipaddress.ip_address(candidate.host)
            udp = candidate.component == 1 and candidate.transport.lower() == "udp"
            if udp and candidate.type in CANDIDATE_TYPES and 0 < candidate.port < 65536:
                yield candidate


def _number(section: Section | None, name: str, default: int, most: int) -> int:
    text = next(section.values(name), "") if section else ""
    if not text:
        return default
    if not text.isdigit() or int(text[:20]) > most:
        raise SdpError("bad_sdp", f"a={name}:{text[:20]} is no number up to {most}")
    return int(text)
