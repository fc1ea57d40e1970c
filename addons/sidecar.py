"""The media sidecar as the proxy sees it: started with the first call, watched, restarted, its calls told when it is gone."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Final

from addons.worker import OfferedCall
from addons.worker import Recording
from addons.worker import Scope
from addons.worker import SidecarError
from addons.workerprocess import WorkerConfig
from addons.workerprocess import worker_config
from addons.workerslot import WorkerSlot
from store.files import private_folder

__all__ = ["OfferedCall", "Recording", "Scope", "Sidecar", "SidecarError", "WorkerConfig", "worker_config"]

logger = logging.getLogger(__name__)

OnEvent = Callable[[str, dict[str, Any]], None]
"""Call id and event: `{"call", "event": "state" | "media", …}` as the worker sends it. Runs on the event loop."""

OnLost = Callable[[Collection[str], str], None]
"""Ids of the calls that ended with their worker, and why."""

LONGEST_SOCKET_PATH: Final = 100
"""A unix socket's path has 104 bytes on some systems, 108 on others."""


class Sidecar:
    """Workers for the calls of one proxy; every method runs on its event loop."""

    def __init__(self, config: Callable[[], WorkerConfig], on_event: OnEvent, on_lost: OnLost) -> None:
        self._config = config
        self._on_event = on_event
        self._on_lost = on_lost
        self._slots: list[WorkerSlot] = []
        self._homes: dict[str, WorkerSlot] = {}
        """Which worker has a call."""
        self._changed = asyncio.Event()
        """Set, and replaced, whenever a worker's state changes."""
        self._folder: Path | None = None
        self._temporary = False
        self._stopping = False

    async def offer(self, call: OfferedCall) -> str:
        """The mirrored offer for the provider, from the worker with the fewest calls that takes it.

        Raises SidecarError: 400 for the offer, 409 for a known id, 501 where WebRTC is off, 503 with `retry_after` while none can.
        """
        self._start()
        await self._until_one_serves()
        refused = self._down()
        for slot in sorted(self._slots, key=lambda slot: len(slot.calls)):
            if slot.process is None or not slot.serves:
                continue
            self._house(call.id, slot)
            try:
                return await slot.process.client.offer(call)
            except SidecarError as error:
                self._forget(call.id)
                if error.status != 503:
                    raise
                refused = error
            except BaseException:
                self._forget(call.id)
                raise
        raise refused

    async def answer(self, call_id: str, sdp: str) -> str:
        """The mirrored answer for the client.

        Raises SidecarError: 502 for an answer that is of no use or a call that has ended, 503 when the worker does not answer.
        """
        process = self._home(call_id).process
        assert process is not None
        return await process.client.answer(call_id, sdp)

    async def sound(self, call_id: str, order: Mapping[str, Any]) -> None:
        """What becomes of the provider's sound of a held call. Raises SidecarError, 502 for a call that has ended."""
        process = self._home(call_id).process
        assert process is not None
        await process.client.sound(call_id, order)

    async def drop(self, call_id: str, reason: str) -> None:
        """End a call gracefully; nothing for one that is not known. Its `closed` event follows."""
        slot = self._homes.get(call_id)
        if slot is None or slot.process is None:
            return
        try:
            await slot.process.client.drop(call_id, reason)
        except SidecarError as error:
            logger.warning("call %s could not be ended: %s", call_id, error)

    def events_address(self, call_id: str) -> tuple[str, int]:
        """Host and port of the events server that has this call. Raises SidecarError 502 for a call that has ended."""
        process = self._home(call_id).process
        assert process is not None
        return process.events

    async def stop(self) -> None:
        """End every call and every worker; the calls' last events come before this returns."""
        self._stopping = True
        await asyncio.gather(*(slot.stop() for slot in self._slots))
        if self._folder is not None and self._temporary:
            shutil.rmtree(self._folder)
        self._folder = None

    def health(self) -> list[dict[str, Any]]:
        """One mapping per worker: `worker`, `state`, `pid`, `restarts`, `calls`, `failure` (the last one), `metrics` (the worker's own)."""
        return [slot.health() for slot in self._slots]

    def _start(self) -> None:
        """Start the workers, once. Raises SidecarError where there are to be none."""
        if self._stopping:
            raise SidecarError(503, "shutting_down", "the proxy is shutting down", 1)
        if self._slots:
            return
        config = self._config()
        if config.workers == 0:
            raise SidecarError(501, "webrtc_off", "WebRTC is off; set webrtc.workers in rules.yaml to 1 or more")
        folder = self._private(config.data)
        for number in range(min(config.workers, os.cpu_count() or 1)):
            self._slots.append(WorkerSlot(number, folder / f"{number}.sock", self._config, self._heard, self._lose, self._notify))
        for slot in self._slots:
            slot.start()

    def _private(self, data: Path) -> Path:
        """A folder for sockets that only this user can enter, and whose path is short enough. Raises SidecarError."""
        folder = data.absolute() / "sidecar"
        self._temporary = len(os.fsencode(folder / "00.sock")) > LONGEST_SOCKET_PATH
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="voicetap-")) if self._temporary else private_folder(folder)
        except OSError as error:
            raise SidecarError(503, "sidecar_unavailable", f"there is no place for its sockets: {error.strerror or error}", 1) from None
        return self._folder

    async def _until_one_serves(self) -> None:
        """Wait for the next worker of each slot where that comes soon; one that does not start is not waited for again."""
        tries = [(slot, slot.next_try) for slot in self._slots]
        while not any(slot.serves for slot in self._slots) and any(slot.comes(tried) for slot, tried in tries):
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _down(self) -> SidecarError:
        wait = min(slot.seconds_to_restart() for slot in self._slots)
        said = next((slot.failure for slot in self._slots if slot.failure), "no media worker runs")
        return SidecarError(503, "sidecar_unavailable", said, max(1, math.ceil(wait)))

    def _home(self, call: str) -> WorkerSlot:
        if call not in self._homes:
            raise SidecarError(502, "unknown_call", "the call has ended")
        return self._homes[call]

    def _house(self, call: str, slot: WorkerSlot) -> None:
        if call in self._homes:
            raise SidecarError(409, "call_exists", f"call {call} exists already")
        self._homes[call] = slot
        slot.calls.add(call)

    def _forget(self, call: str) -> None:
        if slot := self._homes.pop(call, None):
            slot.calls.discard(call)

    def _heard(self, event: dict[str, Any]) -> None:
        """Pass an event on; those of calls that were refused are nobody's."""
        call = event.get("call")
        if not isinstance(call, str) or call not in self._homes:
            return
        if event.get("state") == "closed":
            self._forget(call)
        try:
            self._on_event(call, event)
        except Exception:
            logger.exception("an event of call %s was not taken in", call)

    def _lose(self, calls: Collection[str], reason: str) -> None:
        """The worker of these calls is gone."""
        for call in calls:
            del self._homes[call]
        if calls:
            self._on_lost(calls, reason)
