"""Offers and answers as browsers and OpenAI's endpoint write them: one Opus track and one data channel in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from typing import Literal

from aiortc import RTCDtlsFingerprint
from aiortc import RTCDtlsParameters
from aiortc import RTCIceCandidate
from aiortc import RTCIceParameters
from aiortc.sdp import MediaDescription
from aiortc.sdp import SessionDescription
from aiortc.sdp import candidate_to_sdp

OPUS: Final = 111
"""The payload type of Opus in an offer, as Chromium numbers it."""

MAX_MESSAGE: Final = 262_144
SCTP_PORT: Final = 5_000


@dataclass(frozen=True, slots=True)
class Transport:
    """What one side says about how to reach it."""

    ice: RTCIceParameters
    candidates: tuple[RTCIceCandidate, ...]
    fingerprints: tuple[RTCDtlsFingerprint, ...]

    def dtls(self) -> RTCDtlsParameters:
        return RTCDtlsParameters(fingerprints=list(self.fingerprints))

    def lines(self, setup: str) -> list[str]:
        return [
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{self.ice.usernameFragment}",
            f"a=ice-pwd:{self.ice.password}",
            *(f"a=fingerprint:{mark.algorithm} {mark.value}" for mark in self.fingerprints),
            f"a=setup:{setup}",
            *(f"a=candidate:{candidate_to_sdp(candidate)}" for candidate in self.candidates),
        ]


@dataclass(frozen=True, slots=True)
class Remote:
    """What the other side's description says: its transport, the payload type of Opus, and the mids of audio and channel."""

    transport: Transport
    opus: int
    mids: tuple[str, str]
    sctp_port: int


def describe(own: Transport, setup: Literal["actpass", "active"], ssrc: int, opus: int = OPUS, mids: Sequence[str] = ("0", "1")) -> str:
    """An offer (`actpass`) or an answer (`active`)."""
    audio, channel = mids
    lines = [
        "v=0",
        f"o=- {ssrc} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {audio} {channel}",
        "a=msid-semantic: WMS *",
        *(["a=ice-lite"] if own.ice.iceLite else []),
        f"m=audio 9 UDP/TLS/RTP/SAVPF {opus}",
        *own.lines(setup),
        f"a=mid:{audio}",
        "a=sendrecv",
        "a=msid:bench audio",
        "a=rtcp-mux",
        f"a=rtpmap:{opus} opus/48000/2",
        f"a=fmtp:{opus} minptime=10;useinbandfec=1",
        f"a=ssrc:{ssrc} cname:bench",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        *own.lines(setup),
        f"a=mid:{channel}",
        f"a=sctp-port:{SCTP_PORT}",
        f"a=max-message-size:{MAX_MESSAGE}",
    ]
    return "\r\n".join([*lines, ""])


def _section(description: SessionDescription, kind: str) -> MediaDescription:
    found = next((media for media in description.media if media.kind == kind), None)
    if not found:
        raise ValueError(f"the description has no {kind} section")
    return found


def read(text: str) -> Remote:
    """Raises ValueError where there is no Opus, no data channel or no way to reach the other side."""
    description = SessionDescription.parse(text)
    audio, channel = _section(description, "audio"), _section(description, "application")
    opus = next((codec.payloadType for codec in audio.rtp.codecs if codec.name.lower() == "opus"), None)
    if opus is None or audio.dtls is None or audio.ice is None:
        raise ValueError("the description lacks Opus, a fingerprint or ICE")
    transport = Transport(audio.ice, tuple(audio.ice_candidates), tuple(audio.dtls.fingerprints))
    return Remote(transport, opus, (audio.rtp.muxId, channel.rtp.muxId), channel.sctp_port or SCTP_PORT)
