"""The process that makes the products of recorded sound: started when there is something to make, gone when there is not."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import Final

logger = logging.getLogger(__name__)

_ROOT: Final = Path(__file__).resolve().parents[1]
_LONGEST_SECONDS: Final = 600.0
"""For one session; a process that takes longer is ended."""
_LONGEST_ANSWER: Final = 4 << 20

Made = Callable[[str, dict[str, Any]], None]
"""Called with a folder and its `recording`, or `{"state": "failed", "failed": why}`."""


class SoundMaker:
    """One folder after the other, in the order in which they were given."""

    def __init__(self, data: Path, made: Made) -> None:
        self._data = data.resolve()
        self._made = made
        self._folders: asyncio.Queue[str] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, folder: str) -> None:
        """Have the products of a session's folder made."""
        self._folders.put_nowait(folder)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work(), name="sound maker")

    async def finished(self) -> None:
        """Wait until there is nothing to make."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """End what runs; what it has not finished is made after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end_process()

    async def _work(self) -> None:
        while not self._folders.empty():
            folder = self._folders.get_nowait()
            self._made(folder, await self._make(folder))
            if self._folders.empty():
                await self._end_process()
        self._task = None

    async def _make(self, folder: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                found = json.loads(await self._asked(folder))
        except (TimeoutError, OSError, ValueError) as error:
            await self._end_process()
            return {"state": "failed", "failed": f"the sound maker failed: {error or type(error).__name__}"}
        recording: dict[str, Any] = found.get("recording") or {"state": "failed", "failed": found["failed"]}
        return recording

    async def _asked(self, folder: str) -> bytes:
        """The process's answer. Raises OSError, ValueError."""
        process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{folder}\n".encode())
        await process.stdin.drain()
        return await process.stdout.readline()

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "store.soundmaker", str(self._data)),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_ANSWER,
        )
        return self._process

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                async with asyncio.timeout(2.0):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
