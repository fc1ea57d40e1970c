"""The ICE side of a leg: aioice's connection with our own sockets, our own consent clock and a check on every remote address.

A datagram meets, in this order: the scope of the leg, the media path (first byte 128 to 191), STUN, a bounded queue for DTLS.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from typing import Final

import aioice
from aioice import Candidate
from aioice import stun
from aioice.candidate import candidate_foundation
from aioice.candidate import candidate_priority
from aioice.ice import CandidatePair
from aioice.ice import StunProtocol
from aioice.ice import server_reflexive_candidate

from sidecar.addresses import Admission
from sidecar.addresses import Scope
from sidecar.network import Network
from sidecar.servers import Answer
from sidecar.servers import allocation
from sidecar.servers import answers
from sidecar.servers import release
from sidecar.servers import resolved
from sidecar.udp import Socket
from sidecar.udp import bind

MAX_QUEUED: Final = 256
"""DTLS datagrams that wait to be read."""

MAX_REMOTE: Final = 64
"""Remote addresses that a leg learns of."""

SERVER_SECONDS: Final = 2
"""What a STUN or TURN server gets to answer in."""

CONSENT_INTERVAL: Final = 2.0
CONSENT_TRIES: Final = 2
"""Further tries of one consent check: with aioice's delays it waits 3.5 s, so that a slow network does not count as a dead one."""

CONSENT_SECONDS: Final = 30.0
"""Without a valid answer for so long, consent is gone (RFC 7675, 5.1)."""

logger = logging.getLogger(__name__)


class NoPort(OSError):
    """No UDP port could be bound; the message names the range and the addresses."""


class Connection(aioice.Connection):
    """One component, bundled and with RTCP on the same port."""

    def __init__(self, *, controlling: bool, network: Network, scope: Scope) -> None:
        super().__init__(ice_controlling=controlling, local_username=secrets.token_hex(4), local_password=secrets.token_hex(16))
        self.on_media: Callable[[bytes], None] = _ignore
        self.admits = Admission(scope)
        self.last_heard = 0.0
        """Loop time of the last datagram from the chosen remote address."""
        self.skipped = 0
        """Candidates of the other end outside the scope."""
        self.consent_failures = 0
        self.consent_lost = False
        self._network = network
        self._server: tuple[str, int] | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def pair(self) -> CandidatePair | None:
        """The chosen pair, once there is one."""
        return self._nominated.get(1)

    @property
    def learned(self) -> int:
        """Remote candidates, given or peer-reflexive, that may be reached."""
        return len(self._remote_candidates)

    def reaches(self, address: tuple[Any, ...]) -> bool:
        """Whether datagrams may go to and come from there: the scope says so, or it is the STUN server."""
        return self.admits(address[0]) or (address[0], address[1]) == self._server

    def stamp(self, source: tuple[str, int]) -> None:
        """The other end is alive if `source` is its chosen address."""
        pair = self._nominated.get(1)
        if pair is not None and pair.remote_addr == source:
            self.last_heard = self._loop.time()

    def dtls_received(self, data: bytes, source: tuple[str, int]) -> None:
        """Queues DTLS records (first byte 20 to 63, RFC 7983) of a known remote address; all else is dropped."""
        if 19 < data[0] < 64 and self._queue.qsize() < MAX_QUEUED and self._knows(source):
            self._queue.put_nowait((data, 1))

    def data_received(self, data: bytes, component: int) -> None:
        """Only reached by what looks like STUN and is none: dropped."""

    def _knows(self, source: tuple[str, int]) -> bool:
        return any((candidate._network_host, candidate.port) == source for candidate in self._remote_candidates)

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Skips a candidate outside the scope, and the end of candidates, which would forbid peer-reflexive ones."""
        if remote_candidate is None:
            return
        if self.admits(remote_candidate.host):
            await super().add_remote_candidate(remote_candidate)
        else:
            self.skipped += 1

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """An authenticated check; it may teach a new remote address while there are few."""
        if self._knows(addr) or len(self._remote_candidates) < MAX_REMOTE:
            super().check_incoming(message, addr, protocol)

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        """Consent checks towards an ICE-lite end repeat USE-CANDIDATE: such servers stop answering checks without it."""
        return super().build_request(pair, nominate or (self.ice_controlling and self.remote_is_lite and pair.nominated))

    async def query_consent(self) -> None:
        """Asks for consent until no valid answer came for CONSENT_SECONDS, then closes the connection."""
        answered = self._loop.time()
        while self._loop.time() - answered < CONSENT_SECONDS:
            await asyncio.sleep(CONSENT_INTERVAL * (0.8 + 0.4 * random.random()))
            if await self._consents():
                answered = self._loop.time()
            else:
                self.consent_failures += 1
        self.consent_lost = True
        self._query_consent_task = None
        await self.close()

    async def _consents(self) -> bool:
        pair = self.pair
        if pair is None or self.remote_password is None:
            return False
        request = self.build_request(pair, nominate=False)
        with suppress(stun.TransactionError):
            await pair.protocol.request(request, pair.remote_addr, self.remote_password.encode(), retransmissions=CONSENT_TRIES)
            return True
        return False

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = SERVER_SECONDS) -> list[Candidate]:
        """Binds our own addresses, in place of those aioice found, and asks the STUN and TURN servers. Raises NoPort."""
        sockets = [opened for host in self._network.addresses(self.admits.scope) if (opened := await self._open(host)) is not None]
        found = await self._ask_servers([one for one in sockets if ":" not in one.local_candidate.host], timeout)
        self._protocols += [protocol for _, protocol in found if protocol is not None]
        if not self._protocols:
            raise NoPort(f"no UDP port is free in {self._network.ports} on {self._network.addresses(self.admits.scope)}")
        return [*(one.local_candidate for one in sockets), *(candidate for candidate, _ in found)]

    async def _ask_servers(self, sockets: list[Socket], seconds: float) -> list[Answer]:
        stun_server, turn = (None, None) if self.admits.scope == "local" else (self._network.stun, self._network.turn)
        asked: list[Coroutine[Any, Any, Answer]] = []
        if stun_server and sockets and (server := await resolved(stun_server)):
            self._server = server
            asked.extend(server_reflexive_candidate(one, server) for one in sockets)
        if turn:
            asked.append(allocation(turn, lambda: Socket(self)))
        return await answers(asked, seconds)

    async def _open(self, host: str) -> Socket | None:
        """A socket at `host` on a port of the range; None where there is none."""
        bound = bind(host, self._network.ports)
        if bound is None:
            return None
        _, opened = await self._loop.create_datagram_endpoint(lambda: Socket(self), sock=bound)
        port = bound.getsockname()[1]
        preference = 65535 - len(self._protocols)
        priority = candidate_priority(1, "host", preference)
        opened.local_candidate = Candidate(candidate_foundation("host", "udp", host), 1, "udp", priority, host, port, "host")
        self._protocols.append(opened)
        return opened

    async def close(self) -> None:
        """Frees sockets and tasks. A TURN server gets CLOSE_SECONDS to confirm, then its allocation is left to expire."""
        relayed = [protocol for protocol in self._protocols if protocol.local_candidate.type == "relay"]
        self._protocols = [protocol for protocol in self._protocols if protocol not in relayed]
        await super().close()
        await asyncio.gather(*map(release, relayed))


def _ignore(_data: bytes) -> None:
    """What `on_media` is until it is set."""
