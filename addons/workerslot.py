"""The place of one media worker: keeps a worker running in it, watches its health, and starts the next one after a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Collection
from contextlib import aclosing
from pathlib import Path
from typing import Any
from typing import Final
from typing import Literal

from addons.worker import SidecarError
from addons.workerprocess import WorkerConfig
from addons.workerprocess import WorkerProcess

logger = logging.getLogger(__name__)

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
SOON: Final = 1.0
"""A call waits for a worker that is started again so soon."""
SETTLED_SECONDS: Final = 60.0
"""A worker that served this long had not failed at once: the next waits for the shortest time again."""

POLL_SECONDS: Final = 2.0
MISSES: Final = 3
LAST_WORDS_SECONDS: Final = 1.0

State = Literal["starting", "serving", "waiting", "stopped"]


class WorkerSlot:
    """One worker at a time. `heard` gets each of its events, `lost` the calls that went down with it."""

    def __init__(
        self,
        number: int,
        socket: Path,
        config: Callable[[], WorkerConfig],
        heard: Callable[[dict[str, Any]], None],
        lost: Callable[[Collection[str], str], None],
        changed: Callable[[], None],
    ) -> None:
        self.calls: set[str] = set()
        self.process: WorkerProcess | None = None
        self.failure: str | None = None
        self._number = number
        self._socket = socket
        self._config = config
        self._heard = heard
        self._lost = lost
        self._changed = changed
        self._state: State = "waiting"
        self._tries = 0
        self._restarts = 0
        self._restart_at = 0.0
        self._metrics: dict[str, Any] | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def serves(self) -> bool:
        """Whether it takes calls."""
        return self._state == "serving"

    @property
    def next_try(self) -> int:
        """The number of the worker that starts, or of the next one that will."""
        return self._tries + (self._state != "starting")

    def comes(self, tried: int) -> bool:
        """Whether it is about to take calls, with its worker of this number at the latest."""
        soon = self._state == "starting" or (self._state == "waiting" and self.seconds_to_restart() <= SOON)
        return soon and self.next_try <= tried

    def start(self) -> None:
        """Begin; from now on there is a worker, or one to come."""
        self._task = asyncio.create_task(self._keep(), name=f"media worker {self._number}")

    async def stop(self) -> None:
        """End the worker and its calls, and start no other."""
        self._stopping.set()
        if self._task is None:
            return
        if self.process is not None:
            await self.process.stop()
        elif self._state == "starting":
            self._task.cancel()
        await asyncio.wait([self._task])
        self._turn("stopped")

    def seconds_to_restart(self) -> float:
        """How long until a new worker is started; 0 where one runs or starts."""
        return max(0.0, self._restart_at - asyncio.get_running_loop().time())

    def health(self) -> dict[str, Any]:
        """As in `Sidecar.health`."""
        return {
            "worker": self._number,
            "state": self._state,
            "pid": self.process and self.process.pid,
            "restarts": self._restarts,
            "calls": len(self.calls),
            "failure": self.failure,
            "metrics": self._metrics,
        }

    async def _keep(self) -> None:
        wait = FIRST_WAIT
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            self._tries += 1
            self._turn("starting")
            started = clock()
            self.failure = await self._run()
            if self._stopping.is_set():
                return
            wait = FIRST_WAIT if clock() - started > SETTLED_SECONDS else wait
            logger.error("%s; the next one starts in %g s", self.failure, wait)
            self._restarts += 1
            self._restart_at = clock() + wait
            self._turn("waiting")
            wait = min(2 * wait, LONGEST_WAIT)
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), self.seconds_to_restart())
        except TimeoutError:
            pass

    async def _run(self) -> str:
        """One worker from its start to its end; why it ended."""
        try:
            process = await WorkerProcess.start(self._socket, self._config())
        except SidecarError as error:
            return error.message
        self.process = process
        reason = "the proxy gave the media worker up"
        try:
            reason = await self._watch(process)
        finally:
            process.kill()
            self.process = self._metrics = None
            self._turn("waiting")
            calls, self.calls = self.calls, set()
            self._lost(calls, reason)
            await process.ended()
            await process.release()
        return reason

    async def _watch(self, process: WorkerProcess) -> str:
        """Until the worker ends, hangs, or says no more; which of these. What it said before it ended has been heard then."""
        ended = asyncio.create_task(process.ended())
        heard = asyncio.create_task(self._listen(process))
        polled = asyncio.create_task(self._poll(process))
        try:
            await asyncio.wait({ended, heard, polled}, return_when=asyncio.FIRST_COMPLETED)
            if not polled.done():
                await asyncio.wait({ended, heard}, timeout=LAST_WORDS_SECONDS)
            return next(task.result() for task in (ended, polled, heard) if task.done())
        finally:
            for task in (ended, heard, polled):
                task.cancel()
            await asyncio.wait({ended, heard, polled})

    async def _listen(self, process: WorkerProcess) -> str:
        try:
            async with aclosing(process.client.events()) as events:
                async for event in events:
                    if event["event"] == "hello":
                        self._turn("serving")
                    else:
                        self._heard(event)
        except SidecarError as error:
            return error.message
        return "the media worker ended its events"

    async def _poll(self, process: WorkerProcess) -> str:
        clock = asyncio.get_running_loop().time
        misses = 0
        while misses < MISSES:
            next_poll = clock() + POLL_SECONDS
            try:
                self._metrics = await process.client.metrics(POLL_SECONDS)
                misses = 0
            except SidecarError:
                misses += 1
            await asyncio.sleep(max(0.0, next_poll - clock()))
        return f"the media worker gave no sign of life for {MISSES * POLL_SECONDS:g} s and was killed"

    def _turn(self, state: State) -> None:
        self._state = state
        self._changed()
