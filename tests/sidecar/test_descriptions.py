"""An offer is checked and mirrored: only transport lines change, whatever else stands there passes as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offered import OURS
from offered import chromium_offer
from offered import lines_of
from offered import openai_answer
from offered import without

from sidecar.checks import read_answer
from sidecar.checks import read_offer
from sidecar.mirror import answering_setup
from sidecar.mirror import mirrored
from sidecar.sdp import Codec
from sidecar.sdp import SdpError

TRANSPORT = ("c=", "a=candidate", "a=ice-", "a=fingerprint", "a=setup", "a=rtcp:", "a=sctp-port", "a=max-message-size", "m=")

VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
AUDIO_LINE = "m=audio 41427 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126"
FINGERPRINT = next(line for line in chromium_offer().split("\r\n") if line.startswith("a=fingerprint"))


def refused(text: str) -> SdpError:
    with pytest.raises(SdpError) as caught:
        read_offer(text)
    return caught.value


def test_an_offer_of_a_browser_is_read() -> None:
    offer = read_offer(chromium_offer())
    transport = offer.transport
    assert (transport.ufrag, transport.password, transport.setup, transport.lite) == ("C37A", "xpntD4DLqqprPvdCACAzakVd", "actpass", False)
    assert [(candidate.host, candidate.port) for candidate in transport.candidates] == [("192.0.2.10", 41427), ("2001:db8::10", 44049)]
    assert (transport.has_channel, transport.sctp_port, transport.max_message_size) == (True, 5000, 262144)
    assert transport.fingerprints == (("sha-256", FINGERPRINT.split()[1]),)
    assert offer.codecs[111] == Codec("opus", 48000)
    assert offer.codecs[0] == Codec("pcmu", 8000)


def test_only_transport_lines_of_an_offer_change() -> None:
    text = mirrored(read_offer(chromium_offer()), OURS, "actpass")
    assert lines_of(text, None) == lines_of(chromium_offer(), None)
    for place in (0, 1):
        before, after = lines_of(chromium_offer(), place), lines_of(text, place)
        assert [line for line in after if not line.startswith(TRANSPORT)] == [line for line in before if not line.startswith(TRANSPORT)]


def test_our_transport_stands_in_each_live_section() -> None:
    text = mirrored(read_offer(chromium_offer()), OURS, "actpass")
    for place, media in enumerate((AUDIO_LINE.replace("41427", "40000"), "m=application 40000 UDP/DTLS/SCTP webrtc-datachannel")):
        lines = lines_of(text, place)
        assert lines[:2] == [media, "c=IN IP4 127.0.0.1"]
        assert [line for line in lines if line.startswith("a=candidate")] == [f"a=candidate:{one}" for one in OURS.candidates]
        assert [line for line in lines if line.startswith("a=ice")] == ["a=ice-ufrag:ours", f"a=ice-pwd:{OURS.password}"]
        assert [line for line in lines if line.startswith(("a=fingerprint", "a=setup"))] == [
            f"a=fingerprint:sha-256 {OURS.fingerprints[0][1]}",
            "a=setup:actpass",
        ]
    assert "a=sctp-port:5000" in lines_of(text, 1)
    assert "C37A" not in text
    assert "192.0.2.10" not in text


def test_what_we_write_can_be_read_again() -> None:
    offer = read_offer(chromium_offer())
    again = read_offer(mirrored(offer, OURS, "actpass"))
    assert (again.transport.ufrag, again.transport.fingerprints) == (OURS.ufrag, OURS.fingerprints)
    assert again.codecs == offer.codecs


def test_the_end_of_candidates_is_never_passed_on() -> None:
    text = chromium_offer().replace("a=ice-options:trickle", "a=ice-options:trickle\r\na=end-of-candidates")
    assert "end-of-candidates" not in mirrored(read_offer(text), OURS, "actpass")


@pytest.mark.parametrize(("named", "passed"), [("100000", 100000), ("262144", 262144), ("1073741823", 262144), ("0", 262144)])
def test_the_message_size_is_that_of_the_other_leg_within_our_own(named: str, passed: int) -> None:
    text = chromium_offer().replace("a=max-message-size:262144", f"a=max-message-size:{named}")
    assert f"a=max-message-size:{passed}" in mirrored(read_offer(text), OURS, "actpass").split("\r\n")


def test_a_peer_that_names_no_message_size_takes_64_kib() -> None:
    text = mirrored(read_offer(without(chromium_offer(), "a=max-message-size")), OURS, "actpass")
    assert "a=max-message-size:65536" in text


def test_a_refused_section_stays_as_it_is() -> None:
    refusal = VIDEO.replace("video 9", "video 0")
    text = mirrored(read_offer(chromium_offer() + refusal), OURS, "actpass")
    assert text.endswith(refusal)


def test_a_section_that_waits_to_be_bundled_keeps_port_0() -> None:
    text = chromium_offer().replace("m=application 38375", "m=application 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only")
    section = lines_of(mirrored(read_offer(text), OURS, "actpass"), 1)
    assert section[0].startswith("m=application 0 ")
    assert "a=ice-ufrag:ours" in section


def test_a_connection_line_of_the_session_loses_its_address() -> None:
    text = chromium_offer().replace("t=0 0\r\n", "c=IN IP4 198.51.100.7\r\nt=0 0\r\n")
    mirror = mirrored(read_offer(text), OURS, "actpass")
    assert "198.51.100.7" not in mirror
    assert "c=IN IP4 0.0.0.0" in lines_of(mirror, None)


def test_titles_and_bandwidth_keep_their_order() -> None:
    text = chromium_offer().replace(f"{AUDIO_LINE}\r\nc=IN IP4 192.0.2.10", f"{AUDIO_LINE}\r\ni=voice\r\nc=IN IP4 192.0.2.10\r\nb=AS:64")
    assert lines_of(mirrored(read_offer(text), OURS, "actpass"), 0)[1:4] == ["i=voice", "c=IN IP4 127.0.0.1", "b=AS:64"]


def test_candidates_that_cannot_be_used_are_left_out() -> None:
    unusable = (
        "a=candidate:1 1 udp 2122194687 4f1e4a7c-0000-4000-8000-000000000000.local 41427 typ host",
        "a=candidate:1 2 udp 2122194687 192.0.2.10 41428 typ host",
        "a=candidate:1 1 udp 2122194687 192.0.2.10 0 typ host",
        "a=candidate:1 1 udp 2122194687 192.0.2.10 41427 typ prflx",
        "a=candidate:nonsense",
    )
    text = without(chromium_offer(), "a=candidate").replace("a=mid:0", "\r\n".join((*unusable, "a=mid:0")))
    assert read_offer(text).transport.candidates == ()


def test_candidates_beyond_a_bound_are_left_out() -> None:
    many = "\r\n".join(f"a=candidate:{port} 1 udp 1 192.0.2.10 {port} typ host" for port in range(1000, 1100))
    text = without(chromium_offer(), "a=candidate").replace("a=mid:0", f"{many}\r\na=mid:0")
    assert len(read_offer(text).transport.candidates) == 32


@pytest.mark.parametrize(
    ("text", "code", "seen"),
    [
        ("", "bad_sdp", "is empty"),
        ('{"type": "offer"}', "bad_sdp", "no line of a description"),
        ("a=v\r\nv=0\r\n", "bad_sdp", "starts with v=0"),
        ("v=0\r\nm=audio nine\r\n", "bad_sdp", "no m-line"),
        ("v=0\r\n" + "a=x\r\n" * 20000, "too_large", "at most 65536"),
        ("v=0\r\n" + VIDEO * 9, "too_many_lines", "9 m-lines, at most 8"),
        ("v=0\r\n", "no_audio", "no m-line"),
        (chromium_offer().replace("m=audio 41427", "m=audio 0"), "no_audio", "audio (port 0), application"),
        (chromium_offer() + VIDEO, "video_not_allowed", "live video"),
        (chromium_offer() + "m=text 9 RTP/AVP 98\r\na=mid:2\r\n", "kind_not_allowed", "live text"),
        (chromium_offer() + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n", "too_many_applications", "2 application"),
        (chromium_offer().replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "bad_sdp", "RTP/AVP"),
        (without(chromium_offer(), "a=group"), "no_bundle", "seen is []"),
        (chromium_offer().replace("BUNDLE 0 1", "BUNDLE 0"), "no_bundle", "('0',)"),
        (without(chromium_offer(), "a=mid"), "no_bundle", "a=mid of its own"),
        (without(chromium_offer(), "a=rtcp-mux"), "no_rtcp_mux", "a=rtcp-mux"),
        (without(chromium_offer(), "a=ice-ufrag"), "no_ice", "a=ice-ufrag is missing"),
        (chromium_offer().replace("a=ice-pwd:xpntD4DLqqprPvdCACAzakVd", "a=ice-pwd:short"), "no_ice", "has 5 characters"),
        (without(chromium_offer(), "a=fingerprint"), "no_fingerprint", "is missing"),
        (chromium_offer().replace("sha-256", "sha-1"), "bad_fingerprint", "sha-1"),
        (chromium_offer().replace(FINGERPRINT, FINGERPRINT[:-3]), "bad_fingerprint", "32 bytes"),
        (chromium_offer().replace("a=setup:actpass", "a=setup:holdconn"), "bad_sdp", "holdconn"),
        (chromium_offer().replace("a=sctp-port:5000", "a=sctp-port:70000"), "bad_sdp", "70000"),
        (chromium_offer().replace("s=-", "s=\0"), "bad_sdp", "no line"),
    ],
)
def test_a_bad_offer_is_refused_with_its_reason(text: str, code: str, seen: str) -> None:
    error = refused(text)
    assert error.code == code
    assert seen in error.message


@given(st.text(max_size=200), st.integers(0, 2200))
def test_whatever_stands_in_an_offer_it_is_read_or_refused(junk: str, place: int) -> None:
    text = chromium_offer()
    try:
        mirrored(read_offer(text[:place] + junk + text[place:]), OURS, "actpass")
    except SdpError as error:
        assert error.code
        assert error.message


def test_an_answer_of_openai_is_read() -> None:
    answer = read_answer(openai_answer(), read_offer(chromium_offer()))
    transport = answer.transport
    assert transport.lite
    assert (transport.ufrag, transport.setup) == ("dQ/7vB0x+3k", "active")
    assert transport.fingerprints[0][1].startswith("1F:5B")
    assert [(candidate.host, candidate.port) for candidate in transport.candidates] == [
        (f"203.0.113.{last}", 3478) for last in (11, 12, 13)
    ]
    assert transport.max_message_size == 1073741823
    assert set(answer.codecs) == {111, 9, 0, 8}


def test_only_transport_lines_of_an_answer_change() -> None:
    answer = read_answer(openai_answer(), read_offer(chromium_offer()))
    text = mirrored(answer, OURS, "active")
    assert "a=ice-lite" not in text
    assert "203.0.113" not in text
    assert "1F:5B" not in text
    assert "a=max-message-size:262144" in text
    for place in (0, 1):
        before, after = lines_of(openai_answer(), place), lines_of(text, place)
        assert [line for line in after if not line.startswith(TRANSPORT)] == [line for line in before if not line.startswith(TRANSPORT)]
        assert "a=setup:active" in after


@pytest.mark.parametrize(("offered", "ours"), [("actpass", "active"), ("active", "passive"), ("passive", "active")])
def test_our_answer_takes_the_dtls_role_that_the_offer_leaves(offered: str, ours: str) -> None:
    assert answering_setup(offered) == ours


def test_an_answer_without_a_setup_line_means_active() -> None:
    assert read_answer(without(openai_answer(), "a=setup"), read_offer(chromium_offer())).transport.setup == "active"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "is empty"),
        ("<html>", "no line of a description"),
        ("v=0\r\n", "0 m-lines, the offer 2"),
        (openai_answer().replace("m=audio 9", "m=audio 0"), "accepts no audio"),
        (openai_answer().replace("a=setup:active", "a=setup:actpass"), "actpass"),
        (openai_answer().replace("a=mid:1", "a=mid:7"), "'7' where the offer has application '1'"),
        (openai_answer().replace("m=application", "m=text"), "text '1' where"),
        (without(openai_answer(), "a=group"), "BUNDLE"),
        (without(openai_answer(), "a=ice-pwd"), "a=ice-pwd is missing"),
        (openai_answer().replace("sha-256", "md5"), "md5"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(text: str, seen: str) -> None:
    with pytest.raises(SdpError) as caught:
        read_answer(text, read_offer(chromium_offer()))
    assert caught.value.code == "bad_answer"
    assert seen in caught.value.message


def test_an_answer_cannot_accept_what_the_offer_refused() -> None:
    offer = read_offer(chromium_offer() + VIDEO.replace("video 9", "video 0"))
    with pytest.raises(SdpError, match="accepts the video m-line"):
        read_answer(openai_answer() + VIDEO, offer)
