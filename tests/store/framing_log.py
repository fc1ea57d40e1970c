"""A log with a session whose messages are recorded, for the tests of frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from realtime.frame import Frame
from realtime.secrecy import Secret
from realtime.secrecy import Secrets
from store.framemaker import Crossed
from store.framemaker import FrameMaker
from store.framemaker import Manner
from store.framewriter import FrameWriter
from store.framewriter import Job
from store.framewriter import Recording
from store.log import Log

OPENED = 100.0
FULL = Manner("all", "full")
NO_FORMATS = (None, None)


def event(kind: str, *, from_client: bool = True, at: float = OPENED, **more: Any) -> Crossed:
    """A message that passed as it came."""
    frame = Frame(from_client, json.dumps({"type": kind, **more}).encode(), at=at)
    return Crossed(frame, frame.payload, False)


def numbered(first: int, count: int, **more: Any) -> list[Crossed]:
    return [event("test.message", number=number, at=OPENED + number / 1000, **more) for number in range(first, first + count)]


class Recorded:
    """One session of a log, written through a writer of its own."""

    def __init__(self, log: Log, record: dict[str, Any], *, credential: bytes = b"", **options: Any) -> None:
        log.session_opened(record)
        log.commit()
        self.log = log
        self.id = str(record["id"])
        self.writer = FrameWriter(**options)
        file = log.frame_file(self.id, record["started_at"], "all", "full")
        self.recording = Recording(file, FrameMaker(OPENED, lambda: "openai", Secrets(Secret(credential))))
        self.path = file.path

    def put(self, crossed: Sequence[Crossed], manner: Manner = FULL, *, size: int = 0, last: bool = False) -> bool:
        return self.writer.append(Job(self.recording, crossed, manner, NO_FORMATS, size, last))

    def write(self, *batches: Sequence[Crossed], manner: Manner = FULL) -> None:
        """These batches, and nothing after them."""
        for batch in batches:
            assert self.put(batch, manner)
        self.end()

    def end(self) -> None:
        self.put((), last=True)
        self.writer.stop()
