"""What leaves the data folder: things that `log.retention` keeps no longer, at the start and every hour, and what somebody asks to erase.

One thing after the other, so that no two touch the same session. What fails is tried again a minute later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Final

from addons.sounds import Sounds
from addons.tap import Tap
from store.clock import utc_now
from store.errors import StoreError
from store.requests import Requests
from store.requests import fulfil
from store.sweep import sweep
from store.targets import Retention as Keep

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 60.0


class Retention:
    """Sweeps, and carries out what `./run.sh erase` asks for."""

    def __init__(self, tap: Tap, sounds: Sounds) -> None:
        self.tap = tap
        self.sounds = sounds
        self.data = tap.settings.data
        self._requests = Requests(self.data)
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="retention")

    async def drain(self) -> None:
        """Stop; what is not finished is finished after the next start."""
        self.done()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        swept = await _succeeds(self._sweep(every=True))
        await self.sounds.make_leftovers()
        due, asked = time.monotonic() + (SWEEP_SECONDS if swept else AGAIN_SECONDS), 0.0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if time.monotonic() >= asked and not await _succeeds(self._asked()):
                asked = time.monotonic() + AGAIN_SECONDS
            if time.monotonic() >= due:
                swept = await _succeeds(self._sweep(every=not swept))
                due = time.monotonic() + (SWEEP_SECONDS if swept else AGAIN_SECONDS)

    async def _sweep(self, *, every: bool) -> None:
        kept = self.tap.rules.log.retention
        keep = Keep(kept.metadata, kept.content, kept.audio)
        busy, release = self.sounds.busy, self.sounds.release
        done = await sweep(self.tap.log, self.data, keep, utc_now(), busy=busy, release=release, every=every)
        if done is not None:
            logger.info(
                "log.retention: removed the texts of %d session(s), the sound of %d, and %d day(s) as a whole",
                done.contents,
                done.recordings,
                done.days,
            )

    async def _asked(self) -> None:
        for request in self._requests.pending():
            done = await fulfil(self.tap.log, self.data, request, self.sounds.release)
            await asyncio.to_thread(self._requests.done, request, done)
            said = "%s, asked for by %s: erased the texts of %d session(s), the sound of %d"
            logger.info(said, request.id, request.by, done.contents, done.recordings)


async def _succeeds(work: Awaitable[None]) -> bool:
    """Whether it does; the operator's log says why not."""
    try:
        await work
    except (StoreError, OSError) as error:
        logger.error("erasing is tried again in %g s: %s", AGAIN_SECONDS, error)
        return False
    except Exception:
        logger.exception("erasing failed, and is tried again in %g s", AGAIN_SECONDS)
        return False
    return True
