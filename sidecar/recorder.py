"""Records a call: the Opus packets of both sides into `client.ogg` and `upstream.ogg`, on a thread, bounded, without decoding.

Nothing here ever raises into the call: a disk that refuses ends the recording and is told in `recording.json`, which is
written last, so its presence says that the files are complete.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import Final

from sidecar.ogg import OggOpus
from sidecar.track import Packet
from sidecar.track import Track

logger = logging.getLogger(__name__)

SUMMARY: Final = "recording.json"
_BATCH_SECONDS: Final = 0.5
_MOST_WAITING: Final = 3_000
"""Packets of a call that may wait for the disk: half a minute of both sides."""

Clock = Callable[[], float]


class _Side:
    """The file of one side, made with its first packet."""

    def __init__(self, path: Path, limit: int, serial: int) -> None:
        self.failed: str | None = None
        self.started: float | None = None
        self.lost = False
        """True once packets were left out because the disk was too slow."""
        self._path = path
        self._limit = limit
        self._serial = serial
        self._file: BinaryIO | None = None
        self._ogg: OggOpus | None = None
        self._track: Track | None = None

    def add(self, packets: list[Packet], offset: float) -> None:
        if self.failed is None and packets:
            self._trying(lambda: self._write(packets, offset))

    def close(self) -> None:
        if self._track is not None and self._ogg is not None and self.failed is None:
            self._track.close()
            self._trying(self._ogg.close)
        if self._file is not None:
            self._trying(self._file.close)

    def record(self) -> dict[str, Any]:
        """`{started, truncated, failed}`; `started` is the Unix time of the first packet, None where there was none."""
        truncated = self.lost or (self._track is not None and self._track.truncated)
        return {"started": self.started, "truncated": truncated, "failed": self.failed}

    def _write(self, packets: list[Packet], offset: float) -> None:
        if self._file is None or self._track is None:
            self._file = _new_file(self._path)
            self._ogg = OggOpus(self._file.write, self._serial)
            self._track = Track(self._ogg, self._limit)
            self.started = packets[0].arrival + offset
        for packet in packets:
            self._track.add(packet)
        self._file.flush()

    def _trying(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self.failed = error.strerror or str(error)
            logger.error("the sound of a call is not recorded any more: %s", self.failed)


class Recorder:
    """One call. `packet` is for the hot path; `close` waits until the files are complete. `folder` has to exist.

    Each file has at most `limit` bytes.
    """

    def __init__(self, folder: Path, limit: int, *, clock: Clock = time.monotonic, wall: Clock = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._offset = wall() - clock()
        self._sides = {True: _Side(folder / "client.ogg", limit, 1), False: _Side(folder / "upstream.ogg", limit, 2)}
        self._pending: list[tuple[bool, Packet]] = []
        self._since = 0.0
        self._taken = 0
        self._written = 0
        self._closed = False
        self._queue: queue.SimpleQueue[list[tuple[bool, Packet]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="call recorder", daemon=True)
        self._thread.start()

    def packet(self, from_client: bool, payload: bytes, timestamp: int, sequence: int, arrival: float) -> None:
        """A packet of Opus alone crossed (no RED, no comfort noise). `arrival` is of the same clock as `time.monotonic`."""
        if self._closed:
            return
        if self._taken - self._written >= _MOST_WAITING:
            self._sides[from_client].lost = True
            return
        if not self._pending:
            self._since = arrival
        self._pending.append((from_client, Packet(payload, timestamp, sequence, arrival)))
        self._taken += 1
        if arrival - self._since >= _BATCH_SECONDS:
            self._hand_over()

    async def close(self) -> None:
        """The call is over: write what waits and `recording.json`. May be called again."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        self._queue.put(self._pending)
        self._pending = []

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            for from_client, side in self._sides.items():
                side.add([packet for which, packet in batch if which == from_client], self._offset)
            self._written += len(batch)
        for side in self._sides.values():
            side.close()
        try:
            with _new_file(self._folder / SUMMARY) as file:
                file.write(json.dumps({"client": self._sides[True].record(), "upstream": self._sides[False].record()}).encode())
        except OSError as error:
            logger.error("the recording of a call cannot be completed: %s", error.strerror or error)


def _new_file(path: Path) -> BinaryIO:
    """A file that was not there before, for its owner alone; a link in its place is an error. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return open(os.open(path, flags, 0o600), "wb")
