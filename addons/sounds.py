"""Recorded sound: which sessions are listened to, what is made of it when they end, and what an earlier run left.

Off (`log.audio: off`, the default) there is no listener, no thread and no process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import Any
from typing import Final

from addons.listener import LIMIT_BYTES
from addons.listener import Listener
from addons.record import write
from addons.rules import keeps_sound
from addons.rules import lacks_consent
from addons.soundmaker import SoundMaker
from addons.tap import Tap
from addons.worker import Recording
from realtime.policies.speech import Side
from realtime.policies.speech import guarded
from realtime.session import Session
from store import soundfolder
from store.spool import Spool
from store.spool import SpoolWriter

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 0.5
CALL_SECONDS: Final = 10.0
"""How long the media process may take to complete its files after a call."""
DRAIN_SECONDS: Final = 10.0
"""How long a shutdown waits for products; what is not made by then is made after the next start."""
_FINISHED: Final = "finished recording"


class Sounds:
    """The sound of all sessions of this proxy."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.data = tap.settings.data
        self._writer = SpoolWriter()
        self._maker = SoundMaker(self.data, self._made)
        self._listeners: dict[str, Listener] = {}
        self._folders: dict[str, str] = {}
        """Sessions by the folders that are being written or made."""
        self._ended: dict[str, dict[str, Any]] = {}
        """What is known of recordings that are being made, by folder."""
        self._calls: set[str] = set()
        """Folders in which the media process writes."""
        self._erased: set[str] = set()
        """Folders of which nothing is kept any more, although something may still be made of them."""
        self._tasks: set[asyncio.Task[None]] = set()

    def running(self) -> None:
        self._start(self._watch(), "sound watch")

    def listen(self, session: Session) -> None:
        """A session opened: listen to it if the rules say so."""
        if not keeps_sound(self.tap.rules):
            return
        if lacks_consent(self.tap.rules, session):
            session.recording = {"state": "no_consent"}
            return
        folder = self._folder(session)
        spool = Spool(self.data, folder)
        session.listener = self._listeners[session.id] = Listener(
            session, spool, self._writer, LIMIT_BYTES, partial(self._guarded, session)
        )
        session.recording = {"state": "recording", "folder": folder}
        session.listener.hand_over()

    async def for_call(self, session: Session) -> Recording | None:
        """What the media process is to be told about recording a call; None where it is not to be recorded."""
        if not keeps_sound(self.tap.rules) or lacks_consent(self.tap.rules, session):
            return None
        folder = self._folder(session)
        try:
            path = await asyncio.to_thread(soundfolder.make, self.data.resolve(), folder)
        except OSError as error:
            logger.error("%s: its sound cannot be recorded: %s", session.id, error.strerror or error)
            return None
        self._calls.add(folder)
        return Recording(str(path), LIMIT_BYTES)

    def end(self, session: Session) -> None:
        """A session is over: complete its spool, then have its products made."""
        listener = self._listeners.pop(session.id, None)
        if listener is None:
            return
        session.listener = None
        folder = listener.spool.folder
        listener.close()
        session.recording = self._ended[folder] = {"state": "making", "folder": folder, "truncated": listener.truncated}
        then = partial(asyncio.get_running_loop().call_soon_threadsafe, self._closed, listener.spool)
        self._writer.close(listener.spool, then)

    @property
    def busy(self) -> set[str]:
        """Folders that are being written or made."""
        return set(self._folders)

    def release(self, folder: str) -> None:
        """The sound in a folder is erased: nothing is written there any more, nor made of it."""
        session = self._folders.pop(folder, None)
        if session is None:
            return
        self._erased.add(folder)
        self._calls.discard(folder)
        self._ended.pop(folder, None)
        listener = self._listeners.pop(session, None)
        if listener is not None:
            listener.end()
            self._writer.close(listener.spool, lambda: None)
        if (found := self.tap.live.get(session)) is not None:
            found[0].listener, found[0].recording = None, {"state": "erased", "folder": folder}

    async def make_leftovers(self) -> None:
        """Have made what an earlier run left, and remove what belongs to no session."""
        try:
            left = await asyncio.to_thread(soundfolder.leftovers, self.data)
            for folder in await asyncio.to_thread(soundfolder.unclaimed, self.data):
                if folder not in self._folders:
                    await asyncio.to_thread(soundfolder.remove, self.data, folder)
        except OSError as error:
            logger.error("what an earlier run recorded cannot be read: %s: %s", error.filename, error.strerror or error)
            return
        for folder in left:
            if folder not in self._folders:
                self._folders[folder] = folder.rpartition("/")[2]
                self._maker.add(folder)

    async def drain(self) -> None:
        """Wait, not for long, until everything that ended is made."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._ended:
                    await self._maker.finished()
                    await asyncio.sleep(0.02)
        await self._stop()

    def done(self) -> None:
        """The proxy stops: what was gathered is on the disk, the rest is for the next start."""
        for listener in self._listeners.values():
            listener.hand_over()
        self._writer.stop()

    async def _stop(self) -> None:
        for task in self._tasks:
            if task.get_name() != _FINISHED:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._maker.stop()

    def _guarded(self, session: Session) -> frozenset[Side]:
        """In whose words the policies that are in force have a say."""
        return guarded(self.tap.generation.policies, session.dialect.name)

    def _folder(self, session: Session) -> str:
        """Where the sound of a session belongs."""
        folder = soundfolder.relative(session.opening_record()["started_at"], session.id)
        self._folders[folder] = session.id
        return folder

    def _closed(self, spool: Spool) -> None:
        """A spool is complete, or as complete as the disk allowed."""
        if spool.folder in self._erased:
            return
        if spool.failed is not None:
            self._ended[spool.folder]["failed"] = spool.failed
        if spool.folder in self._calls:
            self._calls.discard(spool.folder)
            self._start(self._after_call(spool.folder), "recorded call")
        else:
            self._maker.add(spool.folder)

    async def _after_call(self, folder: str) -> None:
        """The media process completes its files a moment after its call has ended."""
        summary, deadline = self.data / folder / soundfolder.CALL_SUMMARY, time.monotonic() + CALL_SECONDS
        while time.monotonic() < deadline:
            if await asyncio.to_thread(summary.exists):
                break
            await asyncio.sleep(0.1)
        self._maker.add(folder)

    def _made(self, folder: str, found: dict[str, Any]) -> None:
        """A recording is ready, or will not be: its session's record says so, and a recording that is kept needs no spool."""
        if folder in self._erased:
            self._erased.discard(folder)
            return
        known = self._ended.pop(folder, {})
        recording = {**known, **found, "truncated": known.get("truncated", False) or found.get("truncated", False)}
        recording["failed"] = known.get("failed") or found.get("failed")
        session = self._folders.pop(folder, folder.rpartition("/")[2])
        write(self.tap.log.session_changed, session, {"recording": recording})
        if recording["failed"]:
            logger.error("%s: its sound is not complete: %s", session, recording["failed"])
        if recording["state"] != "failed":
            self._start(asyncio.to_thread(soundfolder.finish, self.data, folder), _FINISHED)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            kept = keeps_sound(self.tap.rules)
            for listener in self._listeners.values():
                if kept or listener.truncated:
                    listener.hand_over()
                else:
                    listener.cut("the rules do not allow it any more")

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
