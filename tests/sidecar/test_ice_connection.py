"""The ICE side of a leg on real sockets: consent, port ranges, the scope on every address, bounded memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioice
import pytest
from aioice import Candidate
from aioice import stun
from litepeer import PASSWORD
from litepeer import UFRAG
from litepeer import LitePeer
from litepeer import lite_peer
from waiting import eventually

from sidecar import ice
from sidecar.addresses import Scope
from sidecar.ice import Connection
from sidecar.ice import NoPort
from sidecar.network import Network

HERE = Network(bind="127.0.0.1")

pytestmark = pytest.mark.usefixtures("nothing_left")


@asynccontextmanager
async def gathered(network: Network = HERE, scope: Scope = "local", *, controlling: bool = True) -> AsyncIterator[Connection]:
    connection = Connection(controlling=controlling, network=network, scope=scope)
    try:
        await connection.gather_candidates()
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def connected(peer: LitePeer) -> AsyncIterator[Connection]:
    async with gathered() as connection:
        connection.remote_is_lite = True
        connection.remote_username, connection.remote_password = UFRAG, PASSWORD
        await connection.add_remote_candidate(peer.candidate)
        await connection.connect()
        yield connection


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consent is asked for every 20 ms, and is gone after 0.3 s."""
    monkeypatch.setattr(ice, "CONSENT_INTERVAL", 0.02)
    monkeypatch.setattr(ice, "CONSENT_SECONDS", 0.3)
    monkeypatch.setattr(stun, "RETRY_RTO", 0.05)
    monkeypatch.setattr(ice, "CONSENT_TRIES", 0)


async def closing(connection: Connection) -> None:
    async with asyncio.timeout(10):
        await connection.get_event()


@pytest.mark.usefixtures("quick")
async def test_a_lite_end_that_ignores_checks_without_use_candidate_keeps_the_connection() -> None:
    async with lite_peer(strict=True) as peer, connected(peer) as connection:
        ignored = peer.ignored
        await eventually(lambda: peer.answered > 40)
        assert peer.ignored == ignored
        assert connection.pair
        assert not connection.consent_lost


@pytest.mark.usefixtures("quick")
async def test_that_end_drops_a_connection_that_asks_as_aioice_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "build_request", aioice.Connection.build_request)
    async with lite_peer(strict=True) as peer, connected(peer) as connection:
        await closing(connection)
        assert connection.consent_lost


@pytest.mark.usefixtures("quick")
async def test_without_an_answer_consent_is_lost() -> None:
    async with lite_peer() as peer, connected(peer) as connection:
        peer.deaf = True
        await closing(connection)
        assert connection.consent_lost
        assert connection.consent_failures > 0
        assert connection.pair is None


@pytest.mark.usefixtures("quick")
async def test_each_datagram_of_the_chosen_address_is_a_sign_of_life() -> None:
    async with lite_peer() as peer, connected(peer) as connection:
        connection.last_heard = 0.0
        await eventually(lambda: connection.last_heard)


async def test_sockets_take_ports_of_the_range_until_there_is_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    network = Network(bind="127.0.0.1", ports=(first, first + 2))
    async with gathered(network) as one, gathered(network) as two, gathered(network) as three:
        ports = {connection.local_candidates[0].port for connection in (one, two, three)}
        assert ports == {first, first + 1, first + 2}
        with pytest.raises(NoPort, match=rf"\({first}, {first + 2}\).*127\.0\.0\.1"):
            async with gathered(network):
                pass
    async with gathered(network):
        """A port of a closed connection is free again."""


async def test_an_address_that_is_not_here_is_no_port() -> None:
    with pytest.raises(NoPort, match=r"192\.0\.2\.77"):
        async with gathered(Network(bind="192.0.2.77")):
            pass


async def test_candidates_outside_the_scope_are_skipped() -> None:
    async with gathered(scope="local") as connection:
        for host in ("10.0.0.1", "8.8.8.8", "169.254.169.254", "127.0.0.1"):
            await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, host, 5000, "host"))
        assert [candidate.host for candidate in connection.remote_candidates] == ["127.0.0.1"]
        assert connection.skipped == 3


async def test_the_end_of_candidates_changes_nothing() -> None:
    async with gathered() as connection:
        await connection.add_remote_candidate(None)
        await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, "127.0.0.1", 5000, "host"))
        assert connection.learned == 1


def check(connection: Connection) -> bytes:
    """A check that the other end would send, with the right name and password."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{connection.local_username}:peer"
    request.attributes["PRIORITY"] = 1
    request.attributes["ICE-CONTROLLING"] = 1
    request.add_message_integrity(connection.local_password.encode())
    return bytes(request)


@asynccontextmanager
async def stranger(connection: Connection) -> AsyncIterator[socket.socket]:
    """A socket of 127.0.0.1 that talks to the connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)
        made.connect(("127.0.0.1", connection.local_candidates[0].port))
        yield made


async def answered(asking: socket.socket, request: bytes) -> bool:
    asking.send(request)
    try:
        async with asyncio.timeout(0.3):
            return bool(await asyncio.get_running_loop().sock_recv(asking, 2000))
    except TimeoutError:
        return False


async def test_a_source_outside_the_scope_gets_no_answer() -> None:
    network = Network(bind="127.0.0.1")
    async with gathered(network, controlling=False) as connection, stranger(connection) as asking:
        assert await answered(asking, check(connection))
        connection.admits._verdicts["127.0.0.1"] = False
        assert not await answered(asking, check(connection))


async def test_media_of_a_source_outside_the_scope_is_not_looked_at() -> None:
    heard: list[bytes] = []
    async with gathered(controlling=False) as connection, stranger(connection) as asking:
        connection.on_media = heard.append
        connection.admits._verdicts["127.0.0.1"] = False
        assert not await answered(asking, b"\x80" * 30)
        assert heard == []


async def test_no_check_leaves_for_an_address_outside_the_scope() -> None:
    async with gathered() as connection, lite_peer() as peer:
        connection.remote_username, connection.remote_password = UFRAG, PASSWORD
        connection.admits._verdicts["127.0.0.1"] = False
        await connection.add_remote_candidate(peer.candidate)
        connection._protocols[0].send_stun(stun.Message(stun.Method.BINDING, stun.Class.REQUEST), ("127.0.0.1", peer.candidate.port))
        await asyncio.sleep(0.05)
        assert (peer.answered, peer.ignored) == (0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x00" * 40,
        b"\x01\x01" + b"\x00" * 18,
        b"\x50" * 30,
        b"\x14" * 30,
        b"\xff" * 30,
        b"\x00\x01\x00\x08!\x12\xa4B" + b"\x00" * 20,
    ],
)
async def test_junk_changes_nothing(data: bytes) -> None:
    async with gathered(controlling=False) as connection, stranger(connection) as asking:
        asking.send(data)
        await asyncio.sleep(0.02)
        assert connection._queue.empty()
        assert await answered(asking, check(connection))


async def test_dtls_waits_in_a_bounded_queue() -> None:
    async with gathered() as connection:
        await connection.add_remote_candidate(Candidate("1", 1, "udp", 1, "127.0.0.1", 5000, "host"))
        for _ in range(1000):
            connection.dtls_received(b"\x16" * 20, ("127.0.0.1", 5000))
        connection.dtls_received(b"\x16" * 20, ("127.0.0.1", 5001))
        assert connection._queue.qsize() == ice.MAX_QUEUED
        while not connection._queue.empty():
            connection._queue.get_nowait()


async def test_few_peer_reflexive_addresses_are_learned() -> None:
    async with gathered(controlling=False) as connection:
        connection.remote_username, connection.remote_password = "peer", PASSWORD
        message = stun.parse_message(check(connection))
        for port in range(2000, 2200):
            connection.check_incoming(message, ("127.0.0.1", port), connection._protocols[0])
        assert connection.learned == ice.MAX_REMOTE


async def test_media_goes_past_the_queue() -> None:
    heard: list[bytes] = []
    async with gathered(controlling=False) as connection, stranger(connection) as asking:
        connection.on_media = heard.append
        asking.send(b"\x80" * 30)
        await eventually(lambda: heard)
        assert heard == [b"\x80" * 30]
        assert connection._queue.empty()
