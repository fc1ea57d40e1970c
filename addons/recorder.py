"""Recorded messages: which sessions are recorded, and what is noted of each message in the moment in which it crosses.

All work on a message is done later and elsewhere (`store.framewriter`). Off (`log.frames: off`, the default) nothing is noted and no
thread runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from addons.rules import lacks_consent
from addons.tap import Generation
from addons.tap import Tap
from realtime.dialects import NAMES
from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.policies.masking import masks
from realtime.policies.masking import redactions
from realtime.policies.speech import guarded
from realtime.session import Session
from realtime.tunnel import Inspect
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict
from store.errors import LogUnavailable
from store.framemaker import Crossed
from store.framemaker import FrameMaker
from store.framemaker import Manner
from store.frames import Found
from store.framewriter import FrameWriter
from store.framewriter import Job
from store.framewriter import Recording
from store.lines import Row

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 1.0
MOST_BYTES: Final = 256 << 20
"""Of one session, as its messages are kept; its record says that there were more."""
_ENVELOPE: Final = 200
"""Bytes that a message counts for besides what is in it."""
_AT_ONCE: Final = 256 << 10
"""Bytes that are handed over without waiting for the next flush."""
_NOTES: Final = 1024
"""Messages whose findings wait for them to cross."""


class Recorder:
    """Notes the messages of one session; `manner` tells how they are kept now. Its state is the session's `events`."""

    def __init__(
        self, session: Session, recording: Recording, writer: FrameWriter, manner: Callable[[], Manner | None], now: Manner
    ) -> None:
        self.session = session
        self.recording = recording
        self._writer = writer
        self._manner_now = manner
        self._manner = now
        self._over = False
        """Whether nothing more is kept."""
        self._state = session.events = {"keeps": self._manner.keeps, "count": 0, "lost": 0, "cut": None}
        self._waiting: list[Crossed] = []
        self._size = 0
        self._kept = 0
        self._lost = 0
        """Messages since the last one that is kept."""
        self._turn = 0
        """The newest turn whose end has crossed."""
        self._found: list[Found] = []
        self._notes: dict[int, tuple[Frame, tuple[Found, ...]]] = {}
        """Findings by the message, which is kept so that no other gets its identity."""

    def inspecting(self, inspect: Inspect) -> Inspect:
        """The same, remembering what is found in each message."""

        def noting(frame: Frame) -> Verdict | None:
            verdict = inspect(frame)
            self.note(frame)
            return verdict

        return noting

    def found(self, row: Row) -> None:
        """A finding about the message that is inspected now, or that comes next."""
        detail = row["detail"]
        applied, why = bool(detail.get("applied", True)), str(detail.get("reason") or "")
        self._found.append(Found(row["id"], row["kind"], row["action"], row["policy"], row["mode"], applied, why))

    def crossed(self, frame: Frame, payload: bytes | None, own: bool) -> None:
        """A message is decided; see `realtime.tunnel.Crossed`."""
        if self._manner_now() is not self._manner:
            self._turn_over(self._manner_now())
        if self._over:
            return
        note = self._notes.pop(id(frame), None) if self._notes else None
        self._waiting.append(Crossed(frame, payload, own, self._turn_of_now(), note[1] if note is not None else (), self._lost))
        self._lost = 0
        size = len(frame.payload) if payload is None or payload is frame.payload else len(frame.payload) + len(payload)
        self._size += size + _ENVELOPE
        self._kept += _ENVELOPE + (0 if self._manner.keeps == "events" and frame.head.type in AUDIO else size)
        if self._kept > MOST_BYTES:
            self.cut("size")
        elif self._size > _AT_ONCE:
            self.hand_over()

    def hand_over(self, *, last: bool = False) -> None:
        """Have written what waits."""
        if not self._waiting and not last:
            return
        crossed, size = self._waiting, self._size
        self._waiting, self._size, self._over = [], 0, self._over or last
        if self.recording.file.erased:
            crossed, self._over, self._state["cut"] = [], True, "erased"
        formats = self.session.audio.format_in, self.session.audio.format_out
        if self._writer.append(Job(self.recording, crossed, self._manner, formats, size, last)):
            self._state["count"] += len(crossed)
        else:
            self._lost += len(crossed) + sum(one.lost for one in crossed)
            self._state["lost"] += len(crossed)

    def flush(self) -> None:
        """The same, unless the disk is still at what was handed over before: the slower it is, the more goes at once."""
        if not self.recording.busy:
            self.hand_over()

    def cut(self, why: str) -> None:
        """Nothing more is kept of this session."""
        self.hand_over()
        self._over, self._state["cut"] = True, self._state["cut"] or why

    def left(self, frames: Iterable[Frame]) -> None:
        """Messages that still waited for a verdict when the session ended."""
        for frame in frames:
            self.crossed(frame, None, False)

    def note(self, frame: Frame, was: Frame | None = None) -> None:
        """What was found is about this message, and so is what was found in the one that it takes the place of."""
        if not self._found and was is None:
            return
        known = self._notes.pop(id(was or frame), None)
        self._notes[id(frame)] = frame, (*(known[1] if known is not None else ()), *self._found)
        self._found.clear()
        if len(self._notes) > _NOTES:
            del self._notes[next(iter(self._notes))]

    def _turn_over(self, manner: Manner | None) -> None:
        """New rules: what crossed before them is kept as the old ones said."""
        if manner is None:
            self.cut("rules")
        else:
            self.hand_over()
            self._manner = manner

    def _turn_of_now(self) -> int | None:
        """The turn that is open, or that ended with this message."""
        newest = self.session.tracker.newest
        if newest is None or (newest.ended and newest.index <= self._turn):
            return None
        if newest.ended:
            self._turn = newest.index
        return newest.index


class Recorders:
    """The messages of all sessions of this proxy."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._writer = FrameWriter()
        self._recorders: dict[str, Recorder] = {}
        self._generation: Generation | None = None
        self._manner: Manner | None = None
        self._soundless: Manner | None = None
        """The same without sound."""
        self._task: asyncio.Task[None] | None = None
        tap.findings.told.append(self._found)

    def running(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="recorders")

    def begin(self, session: Session) -> Recorder | None:
        """A session opens: record it if the rules say so."""
        if (manner := self.manner(session)) is None:
            return None
        started_at = session.opening_record()["started_at"]
        try:
            file = self.tap.log.frame_file(session.id, started_at, manner.keeps, manner.content)
        except LogUnavailable as error:
            logger.error("%s: its messages are not recorded: %s", session.id, error)
            return None
        maker = FrameMaker(session.opened, lambda: session.dialect.name, session.secrets)
        made = self._recorders[session.id] = Recorder(session, Recording(file, maker), self._writer, partial(self.manner, session), manner)
        return made

    def manner(self, session: Session) -> Manner | None:
        """How its messages are kept under the rules in force, one object for each generation; None where they are not."""
        if self.tap.generation is not self._generation:
            self._generation = self.tap.generation
            self._manner = manner_of(self._generation)
            self._soundless = None if self._manner is None else replace(self._manner, keeps="events")
        return self._soundless if lacks_consent(self.tap.rules, session) else self._manner

    def end(self, session: Session, tunnel: Tunnel) -> None:
        """A session is over."""
        recorder = self._recorders.pop(session.id, None)
        if recorder is not None:
            recorder.left(held.frame for leg in (tunnel.client, tunnel.upstream) for held in leg.held)
            recorder.hand_over(last=True)

    async def drain(self) -> None:
        """Wait until everything is written."""
        await asyncio.to_thread(self._writer.stop)

    def done(self) -> None:
        """The proxy stops."""
        if self._task is not None:
            self._task.cancel()
        self._writer.stop()

    def _found(self, session: Session, row: Row) -> None:
        recorder = self._recorders.get(session.id)
        if recorder is not None:
            recorder.found(row)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            for recorder in list(self._recorders.values()):
                recorder.flush()


def manner_of(generation: Generation) -> Manner | None:
    """How messages are kept under these rules; None where they are not. No sound while policies have a say in what is spoken."""
    log = generation.rules.log
    if log.frames == "off" or log.content == "none":
        return None
    heard = log.frames == "all" and not any(guarded(generation.policies, dialect) for dialect in NAMES)
    masked = masks if log.content == "redacted" else redactions
    return Manner("all" if heard else "events", log.content, masked(generation.policies))
