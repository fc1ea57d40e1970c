"""Serves recorded sessions on loopback, each connection the next one of them, with bounds on how much and how many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLContext
from typing import Final
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.http11 import Response
from websockets.typing import Subprotocol

from cli.player import End
from cli.player import Manner
from cli.player import Player
from cli.player import Say
from cli.playlines import Script
from cli.playlines import plain_path
from cli.playscore import Score
from realtime.errors import close_reason
from realtime.errors import provider_error_event
from realtime.frame import Frame

HOST: Final = "127.0.0.1"
MAX_MESSAGE: Final = 16 << 20
MOST_CONNECTIONS: Final = 64
"""At one time."""
WRITE_SECONDS: Final = 30.0
"""How long an app may leave what it is sent unread."""

_CLOSE_SECONDS: Final = 2.0
_KNOWN_SUBPROTOCOLS: Final = ("realtime", "convai")
_LOST: Final = 1006
_ERROR: Final = "replay_error"
_MISMATCH: Final = "replay_mismatch"


@dataclass(frozen=True, slots=True)
class Played:
    """A connection that is over. `asked` is the model it asked for, `close` the code it ended with, `broken` why it was broken off."""

    session: str
    asked: str | None
    score: Score
    close: int | None
    broken: str | None


class PlayServer:
    """`told` is called at the end of each connection; it is over after so many `times` (None: when it is stopped)."""

    def __init__(self, scripts: Sequence[Script], manner: Manner, times: int | None, told: Callable[[Played], None]) -> None:
        self._scripts = scripts
        self._manner = manner
        self._times = times
        self._told = told
        self._served = [0] * len(scripts)
        self._live = 0
        self._over = asyncio.Event()

    @asynccontextmanager
    async def serving(self, port: int, tls: SSLContext | None = None) -> AsyncIterator[int]:
        """Serve while the block lasts; gives the port. Raises OSError where it cannot be bound."""
        async with serve(
            self._play,
            HOST,
            port,
            ssl=tls,
            process_request=self._receive,
            select_subprotocol=_subprotocol,
            compression=None,
            max_size=MAX_MESSAGE,
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
        ) as server:
            yield next(iter(server.sockets)).getsockname()[1]

    def stop(self) -> None:
        """Let nobody wait for the end any longer."""
        self._over.set()

    async def over(self) -> None:
        """Wait for the last connection."""
        await self._over.wait()

    def _receive(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse what cannot be played to."""
        if not self._fitting(request) or "websocket" not in (request.headers.get("Upgrade") or "").lower():
            paths = " or ".join(dict.fromkeys(script.path for script in self._scripts))
            return _refusal(HTTPStatus.NOT_FOUND, f"this is a replay of a recorded session: it serves WebSockets at {paths}, nothing else")
        if self._full:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{sum(self._served)} connections were let in, {self._live} of them live")
        return None

    @property
    def _full(self) -> bool:
        return self._live >= MOST_CONNECTIONS or (self._times is not None and sum(self._served) >= self._times)

    def _fitting(self, request: Request | None) -> list[int]:
        """The sessions of a path, by their place."""
        path = plain_path(request.path) if request is not None else ""
        return [number for number, script in enumerate(self._scripts) if script.path == path]

    async def _play(self, connection: ServerConnection) -> None:
        if self._full:
            await connection.close(1013, "enough connections were let in")
            return
        number = min(self._fitting(connection.request), key=lambda number: (self._served[number], number))
        script, broken = self._scripts[number], None
        self._served[number] += 1
        self._live += 1
        player = Player(script, self._manner, asyncio.get_running_loop().time())
        try:
            broken = await _Performance(connection, player, script.dialect).run()
        finally:
            self._live -= 1
            self._told(Played(script.session, _model_of(connection), player.end(), connection.close_code, broken))
            if self._times is not None and sum(self._served) >= self._times and not self._live:
                self._over.set()


class _Performance:
    """A player and the socket it plays to."""

    def __init__(self, connection: ServerConnection, player: Player, dialect: str) -> None:
        self._connection = connection
        self._player = player
        self._dialect = dialect
        self._woken = asyncio.Event()
        self._refusal: bytes | None = None
        self._refused: str | None = None

    async def run(self) -> str | None:
        """To its end; returns why it was broken off."""
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(self._hear())
            broken = await self._speak_to_the_end(hearing)
            hearing.cancel()
        return broken

    async def _speak_to_the_end(self, hearing: asyncio.Task[None]) -> str | None:
        try:
            await self._speak(hearing)
        except ConnectionClosed:
            return None
        except TimeoutError:
            self._connection.transport.abort()
            return f"the app read nothing for {WRITE_SECONDS:g} s"
        return None

    async def _hear(self) -> None:
        try:
            async for message in self._connection:
                if self._refused is None:
                    self._take(message)
                    self._woken.set()
        except ConnectionClosed:
            return
        finally:
            self._woken.set()

    def _take(self, message: str | bytes) -> None:
        payload, text = (message.encode(), True) if isinstance(message, str) else (message, False)
        other = self._player.hear(payload, self._now(), text=text)
        if other is not None:
            self._refused = f"not as recorded: {other}"
            cause = Frame(True, payload, text=text).head.event_id
            self._refusal = provider_error_event(self._refused, type=_ERROR, code=_MISMATCH, event_id=cause, dialect=self._dialect)

    async def _speak(self, hearing: asyncio.Task[None]) -> None:
        while not hearing.done():
            if self._refused is not None:
                return await self._refuse(self._refused)
            step = self._player.next(self._now())
            if isinstance(step, Say):
                await self._send(step.payload, text=step.text)
            elif isinstance(step, End) and step.close is not None:
                return await self._end(*step.close)
            else:
                await self._wait(None if isinstance(step, End) else step.until)

    async def _wait(self, until: float | None) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _send(self, payload: bytes, *, text: bool) -> None:
        async with asyncio.timeout(WRITE_SECONDS):
            await self._connection.send(payload, text=text)
        await asyncio.sleep(0)

    async def _refuse(self, why: str) -> None:
        if self._refusal is not None:
            await self._send(self._refusal, text=True)
        await self._connection.close(1008, close_reason(why))

    async def _end(self, code: int, reason: str) -> None:
        """As the recording ended; a code that no Close may carry becomes an end without one, or a plain one."""
        if code == _LOST:
            self._connection.transport.abort()
        else:
            await self._connection.close(1000 if code == 1005 else code, close_reason(reason))

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _model_of(connection: ServerConnection) -> str | None:
    request = connection.request
    return next(iter(parse_qs(urlsplit(request.path).query).get("model", ())), None) if request is not None else None


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """One that means a protocol, never one that carries a key."""
    return next((name for name in offered if name in _KNOWN_SUBPROTOCOLS), None)


def _refusal(status: HTTPStatus, message: str) -> Response:
    body = json.dumps({"error": {"type": _ERROR, "code": "replay", "message": message}}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
