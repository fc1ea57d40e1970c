"""The control port's listener: its own socket and token, in the proxy's process but reachable through neither door."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Final
from typing import Protocol

import uvicorn

from addons.breaking import Breaks
from addons.doors import host_and_port
from addons.figures import Snapshot
from addons.floods import Refused
from addons.tap import Tap
from addons.unattended import BY_HAND
from addons.unattended import Unattended
from rules.model import Rules
from store.reader import LogReader

STOP_SECONDS: Final = 5
"""How long an open request may take when the port closes; what is not read by then is cut."""


class _Server(uvicorn.Server):
    """Signals are the proxy's, not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


Live = Callable[[], list[dict[str, Any]]]
Kill = Callable[[str], bool]
KillKey = Callable[[str], list[str]]
Note = Callable[[Refused], None]
Numbers = Callable[[], Snapshot]


class MakeApp(Protocol):
    """Makes what answers on the control port: an ASGI application over the log, the live sessions and what ends one.

    Its `close()` ends the answers that go on without an end.
    """

    def __call__(
        self,
        log: LogReader,
        live: Live,
        token: str,
        kill: Kill,
        *,
        kill_key: KillKey,
        note: Note,
        numbers: Numbers,
        rules: Callable[[], Rules],
        gateway: str,
        hosts: tuple[str, ...],
        breaks: Breaks,
    ) -> Any: ...


class Control:
    """Started after the doors listen; `token` is new with every start."""

    def __init__(self, tap: Tap, live: Live, numbers: Numbers, unattended: Unattended, breaks: Breaks, make_app: MakeApp) -> None:
        self.tap = tap
        self.live = live
        self.numbers = numbers
        self.unattended = unattended
        self.breaks = breaks
        self.make_app = make_app
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        self._app: Any = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where it is to listen; its port may be 0."""
        return self.tap.settings.control or str(self.tap.rules.listen.control)

    @property
    def origins(self) -> frozenset[str]:
        """What a browser calls the pages of this port, once it listens."""
        host = host_and_port(self.address)[0]
        names = {f"[{host}]" if ":" in host else host, "localhost"}
        return frozenset(f"http://{name}:{self.port}" for name in names)

    async def start(self, gateway: str) -> str:
        """Listen; returns HOST:PORT. `gateway` is where that door listens. Raises OSError when the address cannot be had."""
        host, port = host_and_port(self.address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        log = self.tap.log.reader
        self._app = app = self.make_app(
            log,
            self.live,
            self.token,
            self.kill,
            kill_key=self.kill_key,
            note=self.tap.refusals.note,
            numbers=self.numbers,
            rules=lambda: self.tap.rules,
            gateway=gateway,
            hosts=(host,),
            breaks=self.breaks,
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            loop="none",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]), name="control port")
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def kill(self, session: str) -> bool:
        """End a live session by hand, a call that goes on elsewhere too; False where there is none of that id."""
        found = self.tap.live.get(session)
        if found is None:
            return self.unattended.kill(session)
        found[1].close(BY_HAND, "kill")
        return True

    def kill_key(self, key: str) -> list[str]:
        """End all live sessions and calls of a key by hand, those of its ephemeral keys too; returns their ids."""
        found = [session.id for session, _ in self.tap.live.values() if session.principal == key]
        return [*(session for session in found if self.kill(session)), *self.unattended.kill_key(key)]

    async def stop(self) -> None:
        """Finish open requests and close the listener."""
        if self._server is not None and self._task is not None:
            await self._app.close()
            self._server.should_exit = True
            await self._task
