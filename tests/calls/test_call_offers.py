"""Offers that cannot become a call: each has its status and code, nobody upstream is asked, and nothing is left of it."""

from __future__ import annotations

import json
import re
from itertools import count

import pytest
from phone import Phone
from proxying import OTHER_KEY
from switchboard import CALLS
from switchboard import FORM
from switchboard import Switchboard
from switchboard import code_of
from switchboard import form

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

GOOD = {"type": "realtime", "model": "gpt-realtime"}
_numbers = count()

AUDIO = (
    *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux", "a=sendrecv", "a=rtpmap:111 opus/48000/2"),
    *("a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv", "a=setup:actpass", "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)),
)
OFFER = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", *AUDIO, ""])
VIDEO = OFFER.replace("BUNDLE 0", "BUNDLE 0 1") + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"


async def refused(board: Switchboard, body: str | bytes, **options: str | None) -> tuple[int, str]:
    """Status and code of an offer that must go nowhere, of which nothing may be left."""
    asked, name = len(board.simulator.requests), f"refused-{next(_numbers)}"
    answer = await board.offer(body, name=name, **options)
    assert len(board.simulator.requests) == asked, "the provider was asked"
    assert board.sessions(name) == [], "there is a record"
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
    return answer.status_code, code_of(answer)


WRONG_SDP = {
    "nothing at all": ("", "missing_sdp"),
    "white space": (" \r\n", "missing_sdp"),
    "no text": (b"v=0\r\n\xff\xfe", "bad_sdp"),
    "something else": ("hello", "bad_sdp"),
    "no m-line": (OFFER.partition("m=")[0], "no_audio"),
    "a data channel alone": (
        OFFER.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"),
        "no_audio",
    ),
    "refused sound": (OFFER.replace("m=audio 9", "m=audio 0"), "no_audio"),
    "video": (VIDEO, "video_not_allowed"),
    "plain RTP": (OFFER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "bad_sdp"),
    "no bundle": (OFFER.replace("a=group:BUNDLE 0\r\n", ""), "no_bundle"),
    "a port for RTCP": (OFFER.replace("a=rtcp-mux\r\n", ""), "no_rtcp_mux"),
    "no ICE": (re.sub("a=ice-.*\r\n", "", OFFER), "no_ice"),
    "no fingerprint": (re.sub("a=fingerprint.*\r\n", "", OFFER), "no_fingerprint"),
    "a weak fingerprint": (OFFER.replace("sha-256", "sha-1"), "bad_fingerprint"),
    "65 KiB": (OFFER + "a=x:" + "y" * 65_536, "too_large"),
    "many refused m-lines": (OFFER + "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n" * 100, "too_many_lines"),
}


@pytest.mark.parametrize("what", WRONG_SDP)
async def test_an_offer_without_a_usable_description(board: Switchboard, what: str):
    body, code = WRONG_SDP[what]
    assert await refused(board, body) == (400, code)
    sent = body.encode() if isinstance(body, str) else body
    assert await refused(board, form(("sdp", sent), ("session", json.dumps(GOOD))), model=None, Content_Type=FORM) == (400, code)


WRONG_BODY = {
    "text": ("text/plain", OFFER, 400, "unsupported_content_type"),
    "no type": ("", OFFER, 400, "unsupported_content_type"),
    "JSON": ("application/json", json.dumps({"sdp": OFFER, "session": GOOD}), 400, "unsupported_content_type"),
    "a form of the other kind": ("application/x-www-form-urlencoded", f"sdp={OFFER}", 400, "unsupported_content_type"),
    "no boundary": ("multipart/form-data", form(("sdp", OFFER)), 400, "bad_multipart"),
    "another boundary": ("multipart/form-data; boundary=abc", form(("sdp", OFFER)), 400, "bad_multipart"),
    "an endless boundary": (f"multipart/form-data; boundary={'x' * 5_000}", form(("sdp", OFFER)), 400, "bad_multipart"),
    "no end": (FORM, form(("sdp", OFFER), end=""), 400, "bad_multipart"),
    "an end in the middle": (FORM, form(("sdp", OFFER))[:-30], 400, "bad_multipart"),
    "no parts": (FORM, b"--xyz--\r\n", 400, "missing_sdp"),
    "no offer": (FORM, form(("session", json.dumps(GOOD))), 400, "missing_sdp"),
    "two offers": (FORM, form(("sdp", OFFER), ("sdp", OFFER)), 400, "bad_multipart"),
    "two sessions": (FORM, form(("sdp", OFFER), ("session", json.dumps(GOOD)), ("session", "{}")), 400, "bad_multipart"),
    "too many parts": (FORM, form(("sdp", OFFER), *((f"p{n}", "x") for n in range(20))), 400, "bad_multipart"),
    "no name": (FORM, b"--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--\r\n", 400, "bad_multipart"),
    "no head": (FORM, b"--xyz\r\n\r\nx\r\n--xyz--\r\n", 400, "bad_multipart"),
    "bytes in a head": (FORM, b'--xyz\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--xyz--\r\n', 400, "bad_multipart"),
}


@pytest.mark.parametrize("what", WRONG_BODY)
async def test_a_body_of_another_kind(board: Switchboard, what: str):
    kind, body, status, code = WRONG_BODY[what]
    assert await refused(board, body, Content_Type=kind) == (status, code)


async def test_a_compressed_body(board: Switchboard):
    assert await refused(board, OFFER, Content_Encoding="gzip") == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["calls", "calls/call_0/hangup", "calls/call_0/accept", ""])
async def test_a_body_that_is_too_large(board: Switchboard, path: str):
    assert await refused(board, b"v" * (1 + (1 << 20)), path=f"/v1/realtime/{path}".rstrip("/")) == (413, "body_too_large")


WRONG_SESSION = {
    "nothing": ("", "bad_session"),
    "no JSON": ("{model", "bad_session"),
    "a list": ("[]", "bad_session"),
    "a text": ('"gpt-realtime"', "bad_session"),
    "null": ("null", "bad_session"),
    "another encoding": (json.dumps(GOOD).encode("utf-16"), "bad_session"),
    "a mark before it": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "bad_session"),
    "too deep": ("[" * 100_000 + "]" * 100_000, "bad_session"),
    "no model": ("{}", "missing_model"),
    "a model that is no text": ('{"model": 5}', "missing_model"),
    "a model of spaces": ('{"model": "  "}', "missing_model"),
    "half a character": ('{"model": "\\ud800"}', "unknown_model"),
    "a model of nobody": ('{"model": "llama"}', "unknown_model"),
    "a provider that is none": ('{"model": "nobody/gpt-realtime"}', "unknown_provider"),
}


@pytest.mark.parametrize("what", WRONG_SESSION)
async def test_a_session_that_is_none(board: Switchboard, what: str):
    session, code = WRONG_SESSION[what]
    assert await refused(board, form(("sdp", OFFER), ("session", session)), model=None, Content_Type=FORM) == (400, code)


async def test_no_model(board: Switchboard):
    assert await refused(board, OFFER, model=None) == (400, "missing_model")
    assert await refused(board, OFFER, model="") == (400, "missing_model")
    assert await refused(board, OFFER, model="llama") == (400, "unknown_model")
    assert await refused(board, OFFER, path="/nobody/v1/realtime/calls") == (404, "unknown_provider")
    assert await refused(board, OFFER, path="/v1/realtime", model=None) == (400, "missing_model")


def narrow(session: str) -> bytes:
    return form(("sdp", OFFER), ("session", session))


FORBIDDEN = {
    "the model": '{"model": "gpt-4o-realtime"}',
    "the model, escaped": '{"mod\\u0065l": "gpt-4o-realtime"}',
    "the model with its provider": '{"model": "openai/gpt-4o-realtime"}',
    "the transcription": '{"model": "gpt-realtime", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}',
    "the beta's transcription": '{"model": "gpt-realtime", "input_audio_transcription": {"model": "gpt-4o-transcribe"}}',
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_a_model_that_the_key_may_not_use(board: Switchboard, what: str):
    body = narrow(FORBIDDEN[what])
    assert await refused(board, body, model=None, key=OTHER_KEY, Content_Type=FORM) == (403, "model_not_allowed")
    assert await refused(board, body, model="gpt-realtime", key=OTHER_KEY, Content_Type=FORM) == (403, "model_not_allowed")
    assert await refused(board, OFFER, model="gpt-4o-realtime", key=OTHER_KEY) == (403, "model_not_allowed")


AMBIGUOUS = {
    "twice": '{"model": "gpt-4o-realtime", "model": "gpt-realtime"}',
    "twice below": '{"model": "gpt-realtime", "audio": {"input": {"transcription": {"model": "gpt-4o", "model": "whisper-1"}}}}',
    "too deep": '{"model": "gpt-realtime", "x": ' + "[" * 70 + "]" * 70 + "}",
}


@pytest.mark.parametrize("what", AMBIGUOUS)
async def test_a_session_that_may_be_read_in_two_ways(board: Switchboard, what: str):
    assert await refused(board, narrow(AMBIGUOUS[what]), model=None, key=OTHER_KEY, Content_Type=FORM) == (400, "ambiguous_event")


OTHER = json.dumps({"type": "realtime", "model": "gpt-4o-realtime", "q": "=22"})


@pytest.mark.parametrize(
    ("name", "head", "data"),
    [
        ('x\\"; name=\\"session', "", OTHER),
        ('x"; filename="y\\"; name=\\"session', "", OTHER),
        ("session", "Content-Transfer-Encoding: quoted-printable\r\n", json.dumps(GOOD)),
        ("session", 'Content-Disposition: form-data; name="x"\r\n', json.dumps(GOOD)),
        ("session", "Content-Type: application/json; charset=utf-16\r\n", json.dumps(GOOD)),
    ],
)
async def test_a_part_reaches_the_provider_as_it_was_read_here(board: Switchboard, name: str, head: str, data: str):
    """Whatever the provider's parser makes of a part's head, it finds no other session than the one that was judged."""
    phone = Phone()
    parts = [("sdp", await phone.offer())] if name == "session" else [("sdp", await phone.offer()), ("session", json.dumps(GOOD))]
    crafted = f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n{head}\r\n{data}\r\n--xyz--\r\n'
    answer = await board.offer(form(*parts, end=crafted), model=None, key=OTHER_KEY, Content_Type=FORM)
    assert answer.status_code == 201, answer.text
    await phone.accept(answer.text)
    await phone.until("session.created")
    await phone.close()
    sent = board.simulator.requests[-1].body.decode()
    heads = re.findall(r"(?m)^Content-\S+: .*(?=\r$)", sent)
    assert [found for found in heads if re.search(r'\bname="session"', found)] == ['Content-Disposition: form-data; name="session"']
    assert "Content-Transfer-Encoding" not in sent
    assert "charset" not in sent


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
@pytest.mark.parametrize("path", [CALLS, f"{CALLS}/call_0/hangup", f"{CALLS}/rtc_0/accept"])
async def test_another_method(board: Switchboard, method: str, path: str):
    asked = len(board.simulator.requests) + len(board.simulator.connections)
    headers = {"Authorization": f"Bearer {OTHER_KEY}"}
    answer = await board.http.request(method, board.proxy.url(path, "http"), headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert len(board.simulator.requests) + len(board.simulator.connections) == asked
