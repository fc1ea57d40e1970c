"""Our own end of a leg, in the words of a description."""

from __future__ import annotations

import copy

from aioice import Candidate
from aiortc import RTCCertificate

from sidecar.ice import Connection
from sidecar.mirror import LocalTransport

FINGERPRINT_HASH = "sha-256"
"""All WebRTC ends know it (RFC 8122, 5)."""


def local_transport(connection: Connection, certificate: RTCCertificate, public: str | None) -> LocalTransport:
    """What a gathered connection and its certificate are reached by; `public` takes the place of our own address of its family."""
    candidates = [_seen_from_outside(candidate, public) for candidate in connection.local_candidates]
    default = next((candidate for candidate in candidates if ":" not in candidate.host), candidates[0])
    return LocalTransport(
        ufrag=connection.local_username,
        password=connection.local_password,
        candidates=tuple(candidate.to_sdp() for candidate in candidates),
        fingerprints=tuple((one.algorithm, one.value) for one in certificate.getFingerprints() if one.algorithm == FINGERPRINT_HASH),
        address=default.host,
        port=default.port,
    )


def _seen_from_outside(candidate: Candidate, public: str | None) -> Candidate:
    if public is None or candidate.type != "host" or (":" in public) != (":" in candidate.host):
        return candidate
    changed = copy.copy(candidate)
    changed.host = public
    return changed
