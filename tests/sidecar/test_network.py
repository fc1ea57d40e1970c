"""What the rules say of addresses and servers: where legs bind, what they show, which servers they ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import Candidate
from aioice import stun
from aiortc import RTCCertificate
from waiting import eventually

from sidecar import network
from sidecar.addresses import Scope
from sidecar.ice import Connection
from sidecar.localend import local_transport
from sidecar.network import Network
from sidecar.network import Turn

BEYOND: tuple[Scope, ...] = ("private", "any", "global")


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "get_host_addresses", lambda **_: ["192.0.2.2", "2001:db8::2"])


def test_the_start_line_is_read() -> None:
    read = Network.read(
        {
            "bind": "192.0.2.2",
            "ports": [40000, 40999],
            "public": "203.0.113.7",
            "stun": "stun:stun.example.com",
            "turn": {"url": "turns:turn.example.com:443?transport=tcp", "username": "u", "credential": "c"},
        }
    )
    assert read.ports == (40000, 40999)
    assert read.stun == ("stun.example.com", 3478)
    assert read.turn == Turn("turn.example.com", 443, "u", "c", "tcp", tls=True)


def test_a_start_line_without_options_leaves_all_open() -> None:
    assert Network.read({"bind": None, "ports": None, "public": None, "stun": None, "turn": None}) == Network()


@pytest.mark.usefixtures("interfaces")
def test_a_leg_of_this_machine_binds_loopback_too() -> None:
    assert Network().addresses("local") == ["127.0.0.1", "192.0.2.2", "2001:db8::2"]
    for scope in BEYOND:
        assert Network().addresses(scope) == ["192.0.2.2", "2001:db8::2"]


@pytest.mark.usefixtures("interfaces")
def test_a_named_address_is_the_only_one_unless_it_leads_nowhere() -> None:
    assert Network(bind="127.0.0.1").addresses("local") == ["127.0.0.1"]
    for scope in BEYOND:
        assert Network(bind="192.0.2.2").addresses(scope) == ["192.0.2.2"]
        assert Network(bind="127.0.0.1").addresses(scope) == ["192.0.2.2", "2001:db8::2"]
        assert Network(bind="0.0.0.0").addresses(scope) == ["192.0.2.2", "2001:db8::2"]


def test_without_an_interface_loopback_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "get_host_addresses", lambda **_: [])
    assert Network().addresses("any") == ["127.0.0.1"]


async def test_a_public_address_stands_in_the_place_of_our_own_of_its_family() -> None:
    connection = Connection(controlling=False, network=Network(), scope="private")
    connection._local_candidates = [
        Candidate("1", 1, "udp", 3, "2001:db8::2", 40001, "host"),
        Candidate("2", 1, "udp", 2, "192.0.2.2", 40000, "host"),
        Candidate("3", 1, "udp", 1, "198.51.100.1", 50000, "srflx", "192.0.2.2", 40000),
    ]
    ours = local_transport(connection, RTCCertificate.generateCertificate(), "203.0.113.7")
    assert [(one.split()[4], one.split()[5]) for one in ours.candidates] == [
        ("2001:db8::2", "40001"),
        ("203.0.113.7", "40000"),
        ("198.51.100.1", "50000"),
    ]
    assert (ours.address, ours.port) == ("203.0.113.7", 40000)
    assert [name for name, _ in ours.fingerprints] == ["sha-256"]


class Server(asyncio.DatagramProtocol):
    """Answers STUN binding requests, and as a TURN server gives allocations without asking who it is; `deaf` ends that."""

    deaf = False
    released = 0

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        asked = stun.parse_message(data)
        self.released += asked.message_method == stun.Method.REFRESH
        if self.deaf:
            return
        answer = stun.Message(asked.message_method, stun.Class.RESPONSE, asked.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("198.51.100.1", 50000)
        if asked.message_method in (stun.Method.ALLOCATE, stun.Method.REFRESH):
            answer.attributes["XOR-RELAYED-ADDRESS"] = ("198.51.100.2", 60000)
            answer.attributes["LIFETIME"] = 600
        self._transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def server() -> AsyncIterator[tuple[Server, int]]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        yield made, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def turn(port: int) -> Turn:
    return Turn("127.0.0.1", port, "u", "c", "udp", tls=False)


@asynccontextmanager
async def gathered(settings: Network, scope: Scope) -> AsyncIterator[list[tuple[str, str]]]:
    """(type, address) of the candidates of a connection."""
    connection = Connection(controlling=True, network=settings, scope=scope)
    try:
        await connection.gather_candidates()
        yield [(candidate.type, candidate.host) for candidate in connection.local_candidates if candidate.type != "host"]
    finally:
        await connection.close()


@pytest.mark.usefixtures("nothing_left")
async def test_servers_are_asked_whatever_the_scope_of_the_call() -> None:
    async with server() as (made, port), gathered(Network(stun=("localhost", port), turn=turn(port)), "global") as found:
        assert ("srflx", "198.51.100.1") in found
        assert ("relay", "198.51.100.2") in found
    assert made.released == 1


@pytest.mark.usefixtures("nothing_left")
async def test_a_call_within_this_machine_asks_no_server() -> None:
    async with server() as (_, port), gathered(Network(stun=("127.0.0.1", port), turn=turn(port)), "local") as found:
        assert found == []


@pytest.mark.usefixtures("nothing_left")
async def test_a_turn_server_that_went_away_holds_no_connection_back() -> None:
    async with server() as (made, port):
        async with gathered(Network(turn=turn(port)), "global"):
            made.deaf = True
        await eventually(lambda: made.released)


@pytest.mark.usefixtures("nothing_left")
async def test_servers_that_do_not_answer_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection.get_component_candidates, "__defaults__", (0.2,))
    async with server() as (made, port):
        made.deaf = True
        async with gathered(Network(stun=("127.0.0.1", port), turn=turn(port)), "any") as found:
            assert found == []


@pytest.mark.usefixtures("nothing_left")
async def test_a_server_whose_name_is_unknown_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async with gathered(Network(stun=("nowhere.invalid", 3478)), "any") as found:
        assert found == []
    assert "nowhere.invalid" in caplog.text
