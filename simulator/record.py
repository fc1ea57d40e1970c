"""What the simulator saw of each client: for tests, and for looking at what an app really sends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from dataclasses import field
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request


@dataclass(eq=False, slots=True)
class Arrival:
    """The head of a request."""

    target: str
    """Path and query as sent."""
    headers: Headers

    @property
    def path(self) -> str:
        """The path alone, undecoded."""
        return urlsplit(f"http://sim{self.target}").path

    @property
    def query(self) -> dict[str, str]:
        """The query, decoded; of repeated names the last."""
        return dict(parse_qsl(urlsplit(f"http://sim{self.target}").query, keep_blank_values=True))

    @property
    def subprotocols(self) -> list[str]:
        """What the client offered, in order."""
        return [name.strip() for line in self.headers.get_all("Sec-WebSocket-Protocol") for name in line.split(",")]

    @property
    def upgrade(self) -> bool:
        """Whether a WebSocket was asked for."""
        return any("websocket" in value.lower() for value in self.headers.get_all("Upgrade"))


@dataclass(eq=False, slots=True)
class Asked(Arrival):
    """A request that is no GET, as it came, and the status of its answer (None while there is none)."""

    method: str
    body: bytes
    status: int | None = None


@dataclass(eq=False, slots=True)
class Connection(Arrival):
    """One GET, and the WebSocket session that came of it, if any."""

    messages: list[str | bytes] = field(default_factory=list)
    """Every message of the client, text as str, binary as bytes; empty when recording is off."""
    refused: int | None = None
    """The HTTP status of an answer that is no upgrade."""
    close_code: int | None = None
    """What the closing handshake ended with: 1006 when there was none."""
    close_reason: str | None = None
    mismatches: list[str] = field(default_factory=list)
    """Where a client differed from the cassette."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, request: Request) -> Connection:
        """A connection that has just asked."""
        return cls(request.path, request.headers)
