"""Two legs between real peers of aiortc on loopback: coming up, every way to an end, and nothing left behind."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from legcall import HERE
from legcall import call
from legcall import leg
from legcall import peer
from litepeer import PASSWORD
from litepeer import UFRAG
from litepeer import lite_peer
from offered import without
from waiting import eventually

from sidecar import ice
from sidecar.checks import read_answer
from sidecar.checks import read_offer
from sidecar.ice import Connection
from sidecar.leg import Ending
from sidecar.leg import Leg
from sidecar.mirror import LocalTransport
from sidecar.mirror import mirrored
from sidecar.network import Network
from sidecar.sdp import Description
from sidecar.sdp import RemoteTransport

pytestmark = pytest.mark.usefixtures("loopback", "nothing_left")

REMOTE = RemoteTransport(
    ufrag=UFRAG,
    password=PASSWORD,
    lite=False,
    fingerprints=(("sha-256", ":".join(["AB"] * 32)),),
    setup="active",
    candidates=(),
    has_channel=False,
    sctp_port=5000,
    max_message_size=0,
)


def ended(one: Leg) -> Ending:
    assert one.ending is not None
    return one.ending


async def test_a_call_comes_up_and_says_how_long_it_took() -> None:
    async with call() as made:
        await made.open()
        for one in (made.client, made.upstream):
            assert [state for name, state in made.states if name == one.name] == ["gathered", "connecting", "connected"]
            steps = [one.times[step] for step in ("ice_ms", "dtls_ms", "channel_ms")]
            assert all(step is not None and step > 0 for step in steps)
            assert steps == sorted(steps, key=float)  # type: ignore[arg-type]


async def test_a_call_without_a_data_channel_comes_up() -> None:
    async with call(label=None, sound=True) as made:
        await eventually(lambda: made.exchange.media()["client"]["packets"] and made.exchange.media()["upstream"]["packets"])
        assert made.client.times["channel_ms"] is None


async def test_an_offer_without_candidates_connects_by_the_checks_of_the_browser() -> None:
    browser, client = peer(sound=False), leg("client")
    try:
        ours = await client.gather()
        await browser.setLocalDescription(await browser.createOffer())
        offer = read_offer(without(browser.localDescription.sdp, "a=candidate", "a=end-of-candidates"))
        assert offer.transport.candidates == ()
        await answer(browser, client, ours, offer)
        await eventually(lambda: client.state == "connected")
    finally:
        await client.close("over")
        await browser.close()


async def answer(browser: RTCPeerConnection, client: Leg, ours: LocalTransport, offer: Description) -> None:
    """Answers the browser in the words of a provider that is not there, and connects the client leg."""
    provider = peer(sound=False)
    await provider.setRemoteDescription(browser.localDescription)
    await provider.setLocalDescription(await provider.createAnswer())
    text = provider.localDescription.sdp
    await provider.close()
    client.connect(offer.transport, "active")
    await browser.setRemoteDescription(RTCSessionDescription(mirrored(read_answer(text, offer), ours, "active"), "answer"))


@pytest.mark.parametrize("side", ["browser", "provider"])
async def test_an_end_that_hangs_up_ends_its_leg_gracefully(side: str) -> None:
    async with call() as made:
        await made.open()
        theirs, other = (made.client, made.upstream) if side == "browser" else (made.upstream, made.client)
        await getattr(made, side).close()
        await eventually(lambda: theirs.state == "closed")
        await theirs.wait_closed()
        assert ended(theirs) == Ending("hung up", graceful=True)
        assert other.state == "connected"


async def test_our_goodbye_reaches_both_ends_at_once() -> None:
    async with call() as made:
        theirs = await made.open()
        await asyncio.gather(made.client.close("limit reached"), made.upstream.close("limit reached"))
        await eventually(lambda: made.channel and made.channel.readyState == "closed" and theirs.readyState == "closed")
        await eventually(lambda: made.browser.connectionState == "closed")
        assert ended(made.client) == Ending("limit reached", graceful=True)


async def test_a_leg_ends_once_with_its_first_reason() -> None:
    async with call() as made:
        made.client.fail("first")
        made.client.fail("second")
        await asyncio.gather(made.client.close("third"), made.client.close("fourth"))
        assert ended(made.client) == Ending("first", graceful=False)
        assert made.states.count(("client", "closed")) == 1
        assert not made.client.send_packet(b"\x80" * 20, False)


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_leg_can_be_closed_before_it_connects(steps: int) -> None:
    one = leg("client")
    if steps:
        await one.gather()
    await one.close("not needed")
    one.connect(REMOTE, "active")
    assert one.state == "closed"


async def test_a_leg_can_be_closed_while_it_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection.get_component_candidates, "__defaults__", (0.1,))
    async with lite_peer() as server:
        server.deaf = True
        one = Leg("upstream", Network(stun=("127.0.0.1", server.candidate.port)), "any")
        gathering = asyncio.create_task(one.gather())
        await eventually(lambda: server.ignored)
        await one.close("not needed")
        await gathering
    assert one.state == "closed"


async def test_a_leg_can_be_closed_while_it_connects() -> None:
    one = leg("upstream")
    await one.gather()
    async with lite_peer() as dead:
        dead.deaf = True
        one.connect(dataclasses.replace(REMOTE, candidates=(dead.candidate,)), "passive")
        await eventually(lambda: dead.ignored)
        await one.close("given up")
    assert ended(one) == Ending("given up", graceful=True)


async def test_an_end_that_never_answers_fails_when_the_time_is_up() -> None:
    one = leg("upstream", setup_seconds=0.3)
    await one.gather()
    async with lite_peer() as dead:
        dead.deaf = True
        one.connect(dataclasses.replace(REMOTE, candidates=(dead.candidate,)), "passive")
        await one.wait_closed()
    assert ended(one) == Ending("ICE did not connect within 0.3 s", graceful=False)


async def test_an_end_without_dtls_fails_when_the_time_is_up() -> None:
    one = leg("upstream", setup_seconds=0.5)
    await one.gather()
    async with lite_peer() as peer_:
        one.connect(dataclasses.replace(REMOTE, lite=True, candidates=(peer_.candidate,)), "passive")
        await one.wait_closed()
    assert ended(one) == Ending("DTLS did not connect within 0.5 s", graceful=False)


@pytest.mark.parametrize("lite", [True, False])
async def test_candidates_that_are_all_forbidden_fail_the_leg(lite: bool) -> None:
    one = leg("upstream", setup_seconds=0.2)
    await one.gather()
    forbidden = tuple(ice.Candidate("1", 1, "udp", 1, host, 3478, "host") for host in ("169.254.169.254", "10.0.0.1", "8.8.8.8"))
    one.connect(dataclasses.replace(REMOTE, lite=lite, candidates=forbidden), "passive")
    await one.wait_closed()
    assert ended(one) == Ending("no allowed ICE candidate", graceful=False)


async def test_a_certificate_that_was_not_announced_fails_the_leg() -> None:
    one, browser = leg("client"), peer(sound=False)
    ours = await one.gather()
    await browser.setLocalDescription(await browser.createOffer())
    offer = read_offer(browser.localDescription.sdp)
    wrong = dataclasses.replace(offer, transport=dataclasses.replace(offer.transport, fingerprints=REMOTE.fingerprints))
    await answer(browser, one, ours, wrong)
    await one.wait_closed()
    await browser.close()
    assert not ended(one).graceful
    assert "certificate" in ended(one).reason


async def test_no_free_port_closes_the_leg() -> None:
    taken = leg("client")
    port = int((await taken.gather()).candidates[0].split()[5])
    one = Leg("client", dataclasses.replace(HERE, ports=(port, port)), "local")
    with pytest.raises(ice.NoPort):
        await one.gather()
    await one.wait_closed()
    await taken.close("over")
    assert one.state == "closed"


async def test_an_end_that_falls_silent_is_disconnected_and_comes_back() -> None:
    async with call(silence_seconds=0.5) as made:
        chosen = made.client.connection.pair
        assert chosen is not None
        receiver = chosen.protocol.datagram_received
        chosen.protocol.datagram_received = lambda *_: None  # type: ignore[method-assign]
        await eventually(lambda: made.client.state == "disconnected")
        chosen.protocol.datagram_received = receiver  # type: ignore[method-assign]
        await eventually(lambda: made.client.state == "connected")
        assert made.client.ending is None


async def test_an_end_that_is_gone_is_found_by_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "CONSENT_INTERVAL", 0.05)
    monkeypatch.setattr(ice, "CONSENT_SECONDS", 0.6)
    monkeypatch.setattr(ice, "CONSENT_TRIES", 0)
    async with call() as made:
        chosen = made.upstream.connection.pair
        assert chosen is not None
        chosen.protocol.datagram_received = lambda *_: None  # type: ignore[method-assign]
        await made.upstream.wait_closed()
        assert ended(made.upstream) == Ending("no answer to consent checks", graceful=False)


async def test_a_callback_that_raises_ends_the_leg_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    async with call(label=None, sound=True) as made:

        def broken(*_: object) -> None:
            raise RuntimeError("a fault of ours")

        made.client.on_packet = broken
        await made.client.wait_closed()
        assert ended(made.client) == Ending("internal error: RuntimeError", graceful=False)
        assert "a fault of ours" in caplog.text
