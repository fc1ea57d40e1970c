"""Recorded sessions with whatever messages a test wants, and servers that replay them in the test's own process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from test_log_commands import opening
from waiting import eventually
from websockets.asyncio.client import connect

from cli.player import Manner
from cli.playlines import Script
from cli.playserver import Played
from cli.playserver import PlayServer
from realtime.frame import Frame
from realtime.secrecy import Secrets
from store.framemaker import Crossed
from store.framemaker import FrameMaker
from store.framemaker import Manner as Keeping
from store.framewriter import FrameWriter
from store.framewriter import Job
from store.framewriter import Recording
from store.log import Log

ID = "ses_0aaa000001"
OTHER = "ses_0bbb000002"
SAID: list[tuple[bool, Any]] = [
    (False, {"type": "session.created", "session": {"id": "sess_1"}}),
    (True, {"type": "response.create", "event_id": "e1"}),
    (False, {"type": "response.done", "response": {"id": "resp_1"}}),
]
FAST = Manner(pace=0, patience=0.1)
STRICT = Manner(pace=0, strict=True)


def record(
    data: Path, said: Sequence[tuple[bool, Any]] = SAID, *, name: str = ID, keeps: Any = "events", content: Any = "full", **more: Any
) -> str:
    """A session that is over, with these messages: events, texts, or bytes of binary messages."""
    log = Log.open(data)
    kept = {"events": {"keeps": keeps, "count": len(said), "lost": 0, "cut": None}, "dialect": "openai", "kind": "openai"}
    session = opening(name, 30) | kept | {"ended_at": "2026-11-21T09:30:01.000Z"} | more
    log.session_opened(session)
    frames = [Frame(sent, payload_of(event), text=not isinstance(event, bytes), at=at / 10) for at, (sent, event) in enumerate(said)]
    recording = Recording(
        log.frame_file(name, session["started_at"], keeps, content), FrameMaker(0.0, lambda: session["dialect"], Secrets())
    )
    writer = FrameWriter()
    crossed = [Crossed(frame, frame.payload, False) for frame in frames]
    writer.append(Job(recording, crossed, Keeping(keeps, content), (None, None), 0, last=True))
    writer.stop()
    log.close()
    return name


def payload_of(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    return (event if isinstance(event, str) else json.dumps(event)).encode()


class Served:
    def __init__(self, port: int) -> None:
        self.played: list[Played] = []
        self.port = port

    def connect(self, path: str = "/v1/realtime", **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", compression=None, max_size=None, **options)

    async def over(self, count: int = 1) -> Played:
        await eventually(lambda: len(self.played) >= count)
        return self.played[-1]


@asynccontextmanager
async def served(*scripts: Script, manner: Manner = FAST, times: int | None = None) -> AsyncIterator[Served]:
    made = Served(0)
    server = PlayServer(scripts, manner, times, made.played.append)
    async with server.serving(0) as made.port:
        yield made
