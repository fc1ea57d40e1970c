"""One HTTP request over a connection of its own: to place a call, and to ask the control door."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


async def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: str = "") -> Reply:
    """Raises OSError, and EOFError where the answer ends early."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        payload = body.encode()
        fields = {"Host": f"127.0.0.1:{port}", **headers, "Content-Length": str(len(payload))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + payload)
        status, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        text = (await reader.readexactly(int(found.get("content-length", 0)))).decode()
        return Reply(int(status.split(" ")[1]), found, text)
    finally:
        writer.close()
