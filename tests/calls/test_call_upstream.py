"""Providers that refuse a call or spoil it: what the client is told, and what stands in the record."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import pytest_asyncio
from phone import Phone
from recorded import Shown
from reloading import reloaded
from switchboard import UPSTREAM
from switchboard import Switchboard
from switchboard import code_of
from waiting import eventually
from websockets.datastructures import Headers
from websockets.http11 import Response

from simulator.record import Asked

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left", "slow")]

OUR_CREDENTIAL = "provider openai refused our credential with status {}"
REFUSED = "provider openai refused the request with status {}"
USELESS = "provider openai gave no answer that fits the offer"

REFUSALS = {
    "gpt-sim-refuse-401": (502, "upstream_refused", OUR_CREDENTIAL.format(401), "the provider answered 401"),
    "gpt-sim-refuse-403": (502, "upstream_refused", OUR_CREDENTIAL.format(403), "the provider answered 403"),
    "gpt-sim-echo-401": (502, "upstream_refused", OUR_CREDENTIAL.format(401), "the provider answered 401"),
    "gpt-sim-refuse-429": (429, "rate_limit_exceeded", "Refused by the simulator, as it was asked to.", "the provider answered 429"),
    "gpt-sim-refuse-500": (500, "upstream_refused", REFUSED.format(500), "the provider answered 500"),
    "gpt-sim-html-500": (500, "upstream_refused", REFUSED.format(500), "the provider answered 500"),
    "gpt-sim-redirect": (502, "upstream_refused", REFUSED.format(302), "the provider answered 302"),
    "gpt-sim-not-sdp": (502, "bad_answer", USELESS, "the provider's answer is of no use"),
    "gpt-sim-no-audio": (502, "bad_answer", USELESS, "the provider's answer is of no use"),
    "dead/gpt-realtime": (502, "upstream_unreachable", "provider dead cannot be reached", "the provider did not answer"),
}


@pytest.mark.parametrize("model", REFUSALS)
async def test_a_provider_that_takes_no_call(board: Switchboard, model: str):
    status, code, message, reason = REFUSALS[model]
    phone = Phone()
    answer = await board.offer(await phone.offer(), model=model, name=f"refused by {model}")
    await phone.close()
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (status, code, message)
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    record = await board.record(f"refused by {model}")
    assert record.close == (1006, f"no session: {reason}", "upstream")
    assert (record.session["error"]["status"], record.session["error"]["code"]) == (status, "handshake_failed")
    assert (record.session["transport"], record.session["media"], record.turns) == ("webrtc", None, [])


async def test_a_provider_whose_answer_is_of_no_use_is_told_that_there_is_no_call(board: Switchboard):
    phone = Phone()
    await board.offer(await phone.offer(), model="gpt-sim-no-audio")
    await phone.close()
    await eventually(lambda: board.simulator.calls[-1].reason == "hung up by request")


@dataclass
class Outcome:
    """What became of a call: the caller, who was connected for a while, and the record."""

    phone: Phone
    record: Shown

    @property
    def told(self) -> list[tuple[str, str]]:
        """Codes and messages of the errors that the caller heard."""
        return [(event["error"]["code"], event["error"]["message"]) for event in self.phone.of("error")]


async def outcome(board: Switchboard, model: str, *, asks: bool = True) -> Outcome:
    """A caller who asks for a story, and who waits until the other side ends the call."""
    phone = Phone()
    try:
        await board.dial(phone, model=model, name=f"spoiled by {model}")
        if asks:
            await phone.until("session.created")
            phone.ask("Tell me a story.")
        await phone.over()
        board.told += repr(phone.messages).encode()
        return Outcome(phone, await board.record(f"spoiled by {model}"))
    finally:
        await phone.close()


async def offered(board: Switchboard) -> Shown:
    """A caller who asks for a call and leaves."""
    phone = Phone()
    answer = await board.offer(await phone.offer(), name="never came")
    await phone.close()
    assert answer.status_code == 201
    return await board.record("never came")


HUNG_UP = (1000, "the provider hung up", "upstream")
SPOILED = {
    "gpt-sim-wrong-fingerprint": (
        False,
        (1011, "provider: the DTLS handshake failed, or the certificate is not the one announced", "upstream"),
    ),
    "gpt-sim-unreachable": (False, (1011, "provider: ICE did not connect within 15 s", "upstream")),
    "gpt-sim-vanish": (True, (1011, "nothing from the provider for 7 s", "upstream")),
    "gpt-sim-oversize": (True, (1011, "provider: a data channel message has 300064 bytes, at most 262144 are allowed", "upstream")),
    "gpt-sim-huge-frame": (True, (1011, "provider: unfinished data channel messages of over 1048576 bytes", "upstream")),
    "gpt-sim-end-mid-answer": (True, HUNG_UP),
    "gpt-sim-session-expired": (True, HUNG_UP),
    "gpt-sim-hang-up": (False, HUNG_UP),
    "gpt-sim-close-4000": (False, HUNG_UP),
    "gpt-sim-insufficient-quota": (True, (1008, "the provider's quota is used up", "proxy")),
}
BEFORE_IT_WAS_UP = ("gpt-sim-wrong-fingerprint", "gpt-sim-unreachable")


async def mute(board: Switchboard) -> Shown:
    """A caller who is heard and hears for longer than messages may wait at an end that takes some."""
    async with board.call(model="gpt-sim-no-channel", name="mute", greeted=False) as (phone, _):
        await phone.opened()
        phone.ask("Is anybody there?")
        await phone.met(lambda: phone.heard > 600, "12 seconds of sound")
        assert phone.messages == []
    return await board.record("mute")


@dataclass
class Slow:
    """Calls that take their time, all at the same time."""

    spoiled: dict[str, asyncio.Task[Outcome]]
    unanswered: asyncio.Task[Shown]
    mute: asyncio.Task[Shown]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def slow(board: Switchboard, nothing_left: None) -> AsyncIterator[Slow]:
    begun = asyncio.create_task
    spoiled = {model: begun(outcome(board, model, asks=asks)) for model, (asks, _) in SPOILED.items()}
    found = Slow(spoiled, begun(offered(board)), begun(mute(board)))
    yield found
    await asyncio.wait([*spoiled.values(), found.unanswered, found.mute])


async def test_a_provider_that_closes_its_channel_closes_the_callers(board: Switchboard):
    async with board.call(model="gpt-sim-shut-channel", name="shut") as (phone, _):
        phone.ask("Tell me a story.")
        await phone.met(lambda: phone.closed, "the end of the channel")
        heard = phone.heard
        await phone.met(lambda: phone.heard > heard + 20, "more sound")
        assert phone.connected
    assert (await board.record("shut")).close == (1000, "hung up", "client")


async def test_a_second_channel_of_the_provider_is_refused(board: Switchboard):
    refused = await board.metric("voicetap_sidecar_refused_channels_total")
    async with board.call(model="gpt-sim-second-channel", name="second") as (phone, _):
        phone.ask("Tell me a story.")
        await phone.until("response.done")
        assert phone.channels == []
    record = await board.record("second")
    assert (record.close, [turn["status"] for turn in record.turns]) == ((1000, "hung up", "client"), ["completed"])

    async def counted() -> bool:
        return await board.metric("voicetap_sidecar_refused_channels_total") == refused + 1

    await eventually(counted)


NOISY = {
    "gpt-sim-malformed-json": "invalid JSON",
    "gpt-sim-deep-nesting": "nested too deeply",
    "gpt-sim-duplicate-keys": "duplicate key 'type'",
}


@pytest.mark.parametrize("model", NOISY)
async def test_what_cannot_be_read_passes_and_is_noted(board: Switchboard, model: str):
    async with board.call(model=model, name=model, greeted=False) as (phone, _):
        await phone.until("session.created")
        phone.ask("Tell me a story.")
        await phone.until("response.done")
    record = await board.record(model)
    assert [turn["status"] for turn in record.turns] == ["completed"]
    assert list(record.session["unreadable"]) == [f"upstream: {NOISY[model]}"]


async def test_an_offer_that_names_addresses_on_the_internet(board: Switchboard):
    """Who comes through a loopback gateway is on this machine, and so is its sound: it is found by its own packets alone."""
    phone = Phone()
    try:
        offer = re.sub(r"(?m)^(a=candidate:\S+ 1 udp \d+) \S+", r"\1 203.0.113.7", await phone.offer())
        assert "203.0.113.7" in offer
        answer = await board.offer(offer, name="afar")
        await phone.accept(answer.text)
        await phone.until("session.created")
    finally:
        await phone.close()
    assert (await board.record("afar")).close == (1000, "hung up", "client")


async def test_a_provider_that_never_opens_its_channel_is_heard_all_the_same(slow: Slow):
    record = await slow.mute
    assert (record.close, record.session["frames"]["client"]["frames"]) == ((1000, "hung up", "client"), 2)
    assert record.session["media"]["upstream"]["packets"] > 500


@pytest.mark.parametrize("model", SPOILED)
async def test_a_provider_that_spoils_a_call(slow: Slow, model: str):
    found, (asks, close) = await slow.spoiled[model], SPOILED[model]
    assert found.record.close == close
    if close[0] == 1011 and model not in BEFORE_IT_WAS_UP:
        assert found.told[-1] == ("session_closed", close[1])
    if close[0] == 1008:
        assert found.told == [("insufficient_quota", "You exceeded your current quota."), ("policy_violation", close[1])]
    assert [turn["status"] for turn in found.record.turns if asks] == (
        ["failed" if found.record.session["error"] else "interrupted"] if asks else []
    )
    assert found.record.session["media"]["client"].keys() == found.record.session["media"]["upstream"].keys()


async def test_an_offer_of_somebody_who_never_comes(slow: Slow):
    record = await slow.unanswered
    assert record.close == (1001, "client: ICE did not connect within 15 s", "client")
    assert record.session["media"]["client"]["packets"] == 0


async def test_a_provider_that_does_not_answer_in_time(board: Switchboard):
    phone = Phone()
    async with reloaded(board.proxy, "handshake: 10s", "handshake: 2s"):
        answer = await board.offer(await phone.offer(), model="gpt-sim-no-handshake", name="late")
    await phone.close()
    assert (answer.status_code, code_of(answer)) == (504, "upstream_timeout")
    assert answer.json()["error"]["message"] == "provider openai did not answer within 2 s"
    assert (await board.record("late")).close == (1006, "no session: the provider did not answer", "upstream")


@pytest.mark.parametrize("model", ["gpt-realtime", "aside-1", "brief-1", "gpt-sim-not-sdp"])
async def test_a_provider_that_repeats_our_credential_in_its_answer(board: Switchboard, model: str, monkeypatch: pytest.MonkeyPatch):
    """In a line of the description, as the id of the call, and in a header; the call works all the same."""
    respond = board.simulator._desk.respond

    async def echoing(asked: Asked) -> Response:
        response = await respond(asked)
        response.body = (response.body or b"") + f"a=x-echo:{asked.headers['Authorization']}\r\n".encode()
        response.headers = Headers(
            {"Content-Type": "application/sdp", "Location": f"/v1/realtime/calls/{UPSTREAM}", "X-Echo": asked.headers["Authorization"]}
        )
        response.headers["Content-Length"] = str(len(response.body))
        return response

    phone = Phone()
    with monkeypatch.context() as patch:
        patch.setattr(board.simulator._desk, "respond", echoing)
        answer = await board.offer(await phone.offer(), model=model, name=f"echo {model}")
    assert UPSTREAM not in answer.text + str(answer.headers)
    if model != "gpt-sim-not-sdp":
        assert "a=x-echo:Bearer [redacted by voicetap]" in answer.text
        await phone.accept(answer.text)
        await phone.until("session.created")
    else:
        assert (answer.status_code, code_of(answer)) == (502, "bad_answer")
    await phone.close()
    record = await board.record(f"echo {model}")
    assert record.session["call"]["upstream_id"] is None
    if model == "aside-1":
        assert record.close == (1006, "no session: the events of the call cannot be followed", "upstream")
    assert "Traceback" not in "".join(board.proxy.output)


async def test_a_provider_that_repeats_our_credential(board: Switchboard):
    """Last in this file: nothing of what clients were told, of the log or of any file has it, in any spelling."""
    async with board.call(model="gpt-sim-echo-headers", name="echo") as (phone, _):
        error = (await phone.until("error"))["error"]
        assert "[redacted by voicetap]" in error["message"]
    record = await board.record("echo")
    assert record.session["redacted_credentials"] == 1
    files = [file.read_bytes() for file in board.proxy.data.rglob("*") if file.is_file()]
    worker = board.worker()
    assert worker is not None
    shown = [*worker.cmdline(), json.dumps(worker.environ())]
    kept = b"".join([*files, board.told, "".join([*board.proxy.output, *shown]).encode()])
    for spelling in (UPSTREAM, UPSTREAM[::-1], quote(UPSTREAM, safe=""), b64encode(UPSTREAM.encode()).decode().rstrip("=")):
        assert spelling.encode() not in kept
    assert len(kept) > 100_000
    assert all(asked.headers["Authorization"] == f"Bearer {UPSTREAM}" for asked in board.simulator.requests if asked.path.endswith("calls"))
