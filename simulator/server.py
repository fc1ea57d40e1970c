"""The simulator on a socket: WebSockets, HTTP and WebRTC on loopback, started in a process of its own or inside a test.

Nothing leaves the machine. Without `require_key` any credential, and none, is accepted.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Final
from typing import Self
from typing import cast
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.http11 import Response
from websockets.typing import Subprotocol

from simulator.addresses import media_addresses
from simulator.call import Call
from simulator.calls import Calls
from simulator.calls import Ringing
from simulator.calls import unknown_call
from simulator.cassette import Cassette
from simulator.cassette import play_server
from simulator.desk import Desk
from simulator.door import MODELS
from simulator.door import WRONG_KEY
from simulator.door import Dialect
from simulator.door import Guard
from simulator.door import Wish
from simulator.door import wish
from simulator.front import Front
from simulator.front import HttpSide
from simulator.house import House
from simulator.house import LocationForm
from simulator.machine import Setup
from simulator.minting import Secrets
from simulator.pump import converse
from simulator.record import Asked
from simulator.record import Connection
from simulator.refusal import Refusal
from simulator.refusal import answer
from simulator.refusal import refused
from simulator.script import Script
from simulator.webcall import WebCall

_MAX_MESSAGE: Final = 16 * 1024 * 1024
_CLOSE_SECONDS: Final = 1.0


class Simulator:
    """`async with Simulator() as sim:` serves until the block ends; `sim.connections` lists what was seen."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        script: Script | None = None,
        pace: float = 1.0,
        require_key: str | None = None,
        dialect: Dialect = "ga",
        cassette: Cassette | None = None,
        record: bool = True,
        location: LocationForm = "path",
    ) -> None:
        """`pace` multiplies every wait: 1.0 is the pace of speech, 0 as fast as can be. `record` keeps all that was asked and said.

        `location` says how new calls are named: OpenAI ends a path with the id, Azure may put it into `?call_id=`.
        """
        self.connections: list[Connection] = []
        self.requests: list[Asked] = []
        """What was asked by other methods than GET."""
        self.secrets = Secrets()
        self._host = host
        self._port = port
        self._script = script or Script()
        self._pace = pace
        self._guard = Guard(require_key, self.secrets)
        self._dialect: Dialect = dialect
        self._cassette = cassette
        self._record = record
        self._run = secrets.token_hex(3)
        self._count = 0
        self._server: Server | None = None
        self._stopping = asyncio.Event()
        self._wishes: WeakKeyDictionary[ServerConnection, tuple[Connection, Wish | Cassette | Call]] = WeakKeyDictionary()
        self._calls = Calls(keep=record)
        self._desk = Desk(
            House(
                script=self._script,
                dialect=dialect,
                guard=self._guard,
                secrets=self.secrets,
                calls=self._calls,
                stopping=self._stopping,
                setup=self._setup,
                addresses=lambda: media_addresses(self._bound[0]),
                location=location,
                keep=record,
            )
        )
        self._http = HttpSide(self._respond)

    @property
    def _bound(self) -> tuple[str, int]:
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return host, port

    @property
    def address(self) -> str:
        """HOST:PORT as bound."""
        host, port = self._bound
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """`ws://HOST:PORT`, without a path."""
        return f"ws://{self.address}"

    @property
    def base_url(self) -> str:
        """`http://HOST:PORT/v1`: what an OpenAI client takes as its base URL."""
        return f"http://{self.address}/v1"

    @property
    def calls(self) -> list[WebCall]:
        """WebRTC calls in the order of their offers, those that have ended too (unless nothing is recorded)."""
        return self._calls.seen

    def ring(self) -> Ringing:
        """A SIP call comes in, as the `realtime.call.incoming` webhook would tell; it has no sound."""
        return self._calls.ring()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            create_connection=cast(type[ServerConnection], partial(Front, self._http)),
            process_request=self._receive_request,
            select_subprotocol=_subprotocol,
            compression=None,
            max_size=_MAX_MESSAGE,
            open_timeout=None,
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.close()
            await self._http.close()
            try:
                await self._calls.close()
            finally:
                await self._server.wait_closed()

    async def _respond(self, asked: Asked) -> Response:
        if self._record:
            self.requests.append(asked)
        return await self._desk.respond(asked)

    async def _receive_request(self, connection: ServerConnection, request: Request) -> Response | None:
        seen = Connection.of(request)
        if self._record:
            self.connections.append(seen)
        response = await self._refusal(connection, seen)
        if response is not None:
            seen.refused = response.status_code
            seen.ended.set()
        return response

    async def _refusal(self, connection: ServerConnection, seen: Connection) -> Response | None:
        if self._cassette is not None:
            self._wishes[connection] = (seen, self._cassette)
            return None
        if not seen.upgrade and seen.path.rstrip("/").endswith("/models"):
            return self._models(seen)
        found = self._call(seen) if "call_id" in seen.query else wish(seen, self._script, self._guard, self._dialect)
        if isinstance(found, Refusal):
            return found.response(seen.headers)
        if isinstance(found, Wish) and not found.misbehaviour.answers:
            await self._stopping.wait()
        self._wishes[connection] = (seen, found)
        return None

    def _call(self, seen: Connection) -> Call | Refusal:
        if not self._guard.admits(seen):
            return refused(WRONG_KEY, HTTPStatus.UNAUTHORIZED)
        call_id = seen.query["call_id"]
        return self._calls.find(call_id) or unknown_call(call_id)

    def _models(self, seen: Connection) -> Response:
        if not self._guard.admits(seen):
            return refused(WRONG_KEY, HTTPStatus.UNAUTHORIZED).response(seen.headers)
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "simulator"} for name in MODELS]
        return answer(HTTPStatus.OK, {"object": "list", "data": listed})

    async def _serve(self, connection: ServerConnection) -> None:
        seen, found = self._wishes.pop(connection)
        keep = seen.messages.append if self._record else _ignore
        code = 1011
        try:
            if isinstance(found, Cassette):
                await play_server(found, connection, seen, pace=self._pace, keep=keep)
            elif isinstance(found, Call):
                await found.attend(connection, keep)
            else:
                await converse(connection, seen, found, self._setup(found), keep)
            code = 1000
        except* ConnectionClosed:
            code = 1000
        finally:
            await connection.close(code)
            seen.close_code, seen.close_reason = connection.close_code, connection.close_reason
            seen.ended.set()

    def _setup(self, found: Wish) -> Setup:
        self._count += 1
        run = f"{self._run}{self._count:03d}"
        return Setup(self._script, found.model, self._pace, time.time(), run, found.config)


def _ignore(message: str | bytes) -> None:
    """Recording is off."""


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """`realtime` where it is offered, else none; never one that carries a key."""
    return Subprotocol("realtime") if "realtime" in offered else None
