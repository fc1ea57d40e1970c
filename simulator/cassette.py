"""Scripted conversations of any dialect: JSON lines that a server plays to a client, or a client to a server.

The first line names the cassette; then each line is one message of one side, in order. The player waits for what the
other side has to send and compares it: as JSON where the line has an `event`, byte by byte where it has `bytes`.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from simulator.record import Connection

_VERSION: Final = 1
_SHOWN: Final = 200


class Mismatch(Exception):
    """The other side did not play its part; the message says at which line, what was expected and what came."""


class Socket(Protocol):
    """What is needed of a `websockets` connection, of either side."""

    async def send(self, message: str | bytes) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One message, or the close, of one side."""

    number: int
    side: Literal["client", "server"]
    event: Any = None
    payload: bytes | None = None
    binary: bool = False
    close: int | None = None
    reason: str = ""
    after_ms: int = 0

    @property
    def message(self) -> str | bytes:
        """What goes over the wire: `event` as compact JSON, or the bytes."""
        if self.payload is not None:
            return self.payload
        text = json.dumps(self.event, separators=(",", ":"), ensure_ascii=False)
        return text.encode() if self.binary else text


@dataclass(frozen=True, slots=True)
class Cassette:
    """A conversation. `expect` is what its author says of it, for tests; it is never played."""

    name: str
    provider: str
    path: str
    lines: tuple[Line, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)


def load_cassette(path: Path) -> Cassette:
    """Reads a `.jsonl` file. Raises ValueError with the line that is wrong."""
    rows = [(number, _row(path, number, text)) for number, text in enumerate(path.read_text("utf-8").splitlines(), 1) if text.strip()]
    if not rows or rows[0][1].get("cassette") != _VERSION:
        raise ValueError(f'{path}:1: a cassette begins with {{"cassette":{_VERSION},…}}')
    head = rows[0][1]
    lines = tuple(_line(path, number, row) for number, row in rows[1:] if "from" in row)
    expect: dict[str, Any] = next((row["expect"] for _, row in rows[1:] if "expect" in row), {})
    return Cassette(head["name"], head["provider"], head["path"], lines, head.get("query", {}), expect)


def _row(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}:{number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{path}:{number}: not a JSON object")
    return row


def _line(path: Path, number: int, row: dict[str, Any]) -> Line:
    kinds = [kind for kind in ("event", "bytes", "close") if kind in row]
    if row["from"] not in ("client", "server") or len(kinds) != 1:
        raise ValueError(f'{path}:{number}: wants "from" client or server, and one of event, bytes, close')
    payload = b64decode(row["bytes"]) if "bytes" in row else None
    binary = bool(row.get("binary")) or payload is not None
    return Line(number, row["from"], row.get("event"), payload, binary, row.get("close"), row.get("reason", ""), row.get("after_ms", 0))


async def play_client(cassette: Cassette, socket: Socket, *, pace: float = 0.0) -> None:
    """Plays the client's side; the server's messages must come verbatim, in order. Raises Mismatch at the first difference."""
    for line in cassette.lines:
        problem = await (_say(line, socket, pace) if line.side == "client" else _expect_verbatim(line, socket))
        if problem:
            raise Mismatch(f"{cassette.name}, line {line.number}: {problem}")


async def play_server(cassette: Cassette, socket: Socket, seen: Connection, *, pace: float, keep: Callable[[str | bytes], None]) -> None:
    """Plays the server's side; what a client does otherwise is added to `seen.mismatches`. Then waits for the end."""
    for line in cassette.lines:
        if line.side == "server":
            await _say(line, socket, pace)
        elif problem := await _expect(line, socket, keep):
            seen.mismatches.append(f"line {line.number}: {problem}")
    while True:
        extra = await socket.recv()
        keep(extra)
        seen.mismatches.append(f"after the last line came {_shown(extra)}")


async def _say(line: Line, socket: Socket, pace: float) -> str:
    await asyncio.sleep(line.after_ms / 1000 * pace)
    if line.close is not None:
        await socket.close(line.close, line.reason)
    else:
        await socket.send(line.message)
    return ""


async def _expect(line: Line, socket: Socket, keep: Callable[[str | bytes], None]) -> str:
    """What is wrong with the client's next message, "" when nothing is. Equal as JSON is equal."""
    if line.close is not None:
        return await _expect_close(line, socket)
    came = await socket.recv()
    keep(came)
    if line.payload is not None or line.binary != isinstance(came, bytes):
        return "" if came == line.message else f"expected {_shown(line.message)}, got {_shown(came)}"
    try:
        same = json.loads(came) == line.event
    except ValueError:
        same = False
    return "" if same else f"expected {_shown(line.message)}, got {_shown(came)}"


async def _expect_verbatim(line: Line, socket: Socket) -> str:
    if line.close is not None:
        return await _expect_close(line, socket)
    try:
        came = await socket.recv()
    except ConnectionClosed as end:
        return f"expected {_shown(line.message)}, but the connection ended: {end}"
    return "" if came == line.message else f"expected {_shown(line.message)}, got {_shown(came)}"


async def _expect_close(line: Line, socket: Socket) -> str:
    try:
        came = await socket.recv()
    except ConnectionClosed as end:
        seen = (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")
        wanted = (line.close, line.reason)
        return "" if seen == wanted else f"expected close {wanted}, got {seen}"
    return f"expected close {line.close}, got {_shown(came)}"


def _shown(message: str | bytes) -> str:
    text = repr(message)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(message)} long)"
