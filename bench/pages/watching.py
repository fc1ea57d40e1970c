"""From what happens in a session to what its page is told: the end of one line of server-sent events, read as a browser does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from collections.abc import Collection
from contextlib import asynccontextmanager
from contextlib import suppress
from time import perf_counter
from typing import Any
from typing import Final

from bench.load import Session
from bench.load import Stuck
from bench.pages.stage import Stage
from bench.talk import turn

_PATIENCE: Final = 10.0
_OVER: Final = ("refused", "cut")
"""Events after which there are no others."""


class Onlooker:
    """Reads a stream of events; `seen` are their kind, data and when they came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, float]] = []
        self._more = asyncio.Event()

    async def follow(self, reader: asyncio.StreamReader) -> None:
        """Until the stream ends."""
        kind = ""
        while line := await reader.readline():
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                self.seen.append((kind, json.loads(value), perf_counter()))
                self._more.set()

    async def first(self, kind: str, known: Collection[str] = ()) -> tuple[Any, float]:
        """The first of a kind, of a session that is not known. Raises Stuck."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while True:
                    found = next(((data, at) for one, data, at in self.seen if one == kind and data.get("id") not in known), None)
                    if found is not None:
                        return found
                    if over := [one for one in self.seen if one[0] in _OVER]:
                        raise Stuck(f"{over[0][0]}: {over[0][1]}")
                    self._more.clear()
                    await self._more.wait()
        raise Stuck(f"no {kind} was told within {_PATIENCE:.0f} s")


@asynccontextmanager
async def watching(stage: Stage, path: str) -> AsyncIterator[Onlooker]:
    """Looks on while the block runs, once the stream has begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.control, limit=1 << 22)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{stage.control}", f"Authorization: Bearer {stage.token}", "", ""]
    writer.write("\r\n".join(lines).encode())
    while not (await reader.readline()).startswith(b"retry:"):
        pass
    onlooker = Onlooker()
    task = asyncio.create_task(onlooker.follow(reader))
    try:
        yield onlooker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()


async def told(stage: Stage, times: int) -> tuple[list[float], list[float]]:
    """Seconds from an open session to its row on the list, and from the end of a turn to the turn on the session's page."""
    opened: list[float] = []
    ended: list[float] = []
    async with watching(stage, "/live/sessions") as rows:
        for _ in range(times):
            await _once(stage, rows, opened, ended)
    return opened, ended


async def _once(stage: Stage, rows: Onlooker, opened: list[float], ended: list[float]) -> None:
    known = {row["id"] for kind, row, _ in rows.seen if kind == "session"}
    session = await Session.open(stage.target)
    began = perf_counter()
    row, at = await rows.first("session", known)
    opened.append(at - began)
    await session.named("watched")
    async with watching(stage, f"/live/sessions/{row['id']}") as page:
        await turn(session)
        began = perf_counter()
        _, at = await page.first("turn")
        ended.append(max(0.0, at - began))
    await session.close()
