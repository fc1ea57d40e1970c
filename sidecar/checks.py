"""What an offer and an answer must have before a leg is built for them.

An offer is refused with a code of its own for each fault, since its sender can mend it; a provider's answer always with `bad_answer`.
"""

from __future__ import annotations

from typing import Final

from sidecar.sdp import Description
from sidecar.sdp import SdpError
from sidecar.sdp import Section
from sidecar.sdp import audio_codecs
from sidecar.sdp import bundles
from sidecar.sdp import split
from sidecar.transport import read_transport

MEDIA_PROTOCOLS: Final = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"}
CHANNEL_PROTOCOLS: Final = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"}
"""Which of the two stands there says nothing about what is used (RFC 8841, 4.3)."""

KINDS: Final = ("audio", "application")


def read_offer(text: str) -> Description:
    """A browser's offer. Raises SdpError with one of the codes

    bad_sdp, too_large, too_many_lines, no_audio, video_not_allowed, kind_not_allowed, too_many_applications, no_bundle, no_rtcp_mux,
    no_ice, no_fingerprint, bad_fingerprint.
    """
    session, sections = split(text, "bad_sdp")
    live = _live(sections)
    for section in live:
        _check_kind(section)
    if not any(section.kind == "audio" for section in live):
        raise SdpError("no_audio", f"one live audio m-line is needed, the offer has {_seen(sections)}")
    applications = sum(section.kind == "application" for section in live)
    if applications > 1:
        raise SdpError("too_many_applications", f"the offer has {applications} application m-lines, at most 1 is allowed")
    _check_bundle(session, live)
    _check_mux(live)
    return Description(session, sections, read_transport(session, live, default_setup="actpass"), audio_codecs(sections))


def read_answer(text: str, offer: Description) -> Description:
    """A provider's answer to the mirrored form of `offer`. Raises SdpError with the code `bad_answer`."""
    try:
        return _read_answer(text, offer)
    except SdpError as error:
        raise SdpError("bad_answer", f"the provider's answer cannot be used: {error.message}") from error


def _read_answer(text: str, offer: Description) -> Description:
    session, sections = split(text, "bad_answer")
    _check_against(sections, offer.sections)
    live = _live(sections)
    if not any(section.kind == "audio" for section in live):
        raise SdpError("bad_answer", f"it accepts no audio, its m-lines are {_seen(sections)}")
    if len(live) > 1:
        _check_bundle(session, live)
    _check_mux(live)
    transport = read_transport(session, live, default_setup="active")
    if transport.setup == "actpass":
        raise SdpError("bad_answer", "it says a=setup:actpass, an answer chooses active or passive")
    return Description(session, sections, transport, audio_codecs(sections))


def _live(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    return tuple(section for section in sections if not section.rejected)


def _seen(sections: tuple[Section, ...]) -> str:
    named = (f"{section.kind}{' (port 0)' if section.rejected else ''}" for section in sections)
    return ", ".join(named) or "no m-line"


def _check_kind(section: Section) -> None:
    if section.kind == "video":
        raise SdpError("video_not_allowed", "the offer has a live video m-line, only audio and data channels are carried")
    if section.kind not in KINDS:
        raise SdpError("kind_not_allowed", f"the offer has a live {section.kind} m-line, allowed are {' and '.join(KINDS)}")
    protocols = MEDIA_PROTOCOLS if section.kind == "audio" else CHANNEL_PROTOCOLS
    if section.protocol not in protocols:
        raise SdpError("bad_sdp", f"an {section.kind} m-line says {section.protocol}, allowed are {', '.join(sorted(protocols))}")


def _check_bundle(session: tuple[str, ...], live: tuple[Section, ...]) -> None:
    mids = [section.mid for section in live]
    if not all(mids) or len(set(mids)) < len(mids):
        raise SdpError("no_bundle", f"every live m-line needs an a=mid of its own, seen are {mids}")
    if not any(set(mids) <= set(group) for group in bundles(session)):
        raise SdpError("no_bundle", f"one a=group:BUNDLE has to name all live m-lines ({' '.join(mids)}), seen is {bundles(session)}")


def _check_mux(live: tuple[Section, ...]) -> None:
    for section in live:
        if section.kind == "audio" and "a=rtcp-mux" not in section.lines:
            raise SdpError("no_rtcp_mux", f"the audio m-line {section.mid} has no a=rtcp-mux, RTP and RTCP share one port here")


def _check_against(answered: tuple[Section, ...], offered: tuple[Section, ...]) -> None:
    if len(answered) != len(offered):
        raise SdpError("bad_answer", f"it has {len(answered)} m-lines, the offer {len(offered)}")
    for theirs, ours in zip(answered, offered, strict=True):
        if theirs.kind != ours.kind or (theirs.mid and theirs.mid != ours.mid):
            raise SdpError("bad_answer", f"it has {theirs.kind} {theirs.mid!r} where the offer has {ours.kind} {ours.mid!r}")
        if ours.rejected and not theirs.rejected:
            raise SdpError("bad_answer", f"it accepts the {ours.kind} m-line that the offer refuses")
