"""What a caller hears: a track of 20 ms frames in real time, the sound of answers where there is any, silence between.

Sound may come faster than it is played. Every answer is played to its end, or cut at once; both are told.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from fractions import Fraction
from typing import Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from realtime.audio import PCM16_24K

_FRAME_SECONDS: Final = 0.02
_FRAME_BYTES: Final = int(_FRAME_SECONDS * PCM16_24K.rate) * 2
_LATE_SECONDS: Final = 0.2
"""A voice that is later than this does not hurry to catch up."""

_MOST_BYTES: Final = 600 * PCM16_24K.rate * 2
"""Ten minutes of sound may wait; what comes on top is lost."""


@dataclass(eq=False, slots=True)
class Playback:
    """The sound of one answer: PCM16 at 24 kHz, and how many bytes of it were played."""

    response_id: str | None
    item_id: str
    sound: bytearray = field(default_factory=bytearray)
    played: int = 0
    whole: bool = False
    """Nothing will be added."""

    @property
    def played_ms(self) -> int:
        """What the caller got of it so far."""
        return self.played * 1000 // (PCM16_24K.rate * 2)

    def take(self, size: int) -> bytes:
        """The next `size` bytes, or what there is."""
        piece = bytes(self.sound[self.played : self.played + size])
        self.played += len(piece)
        return piece


class Voice(MediaStreamTrack):
    """`began` and `ended` are called as the sound of an answer starts and when all of it was played."""

    kind = "audio"

    def __init__(self, began: Callable[[Playback], None], ended: Callable[[Playback], None]) -> None:
        super().__init__()
        self.seconds = 0.0
        """Sound played so far, silence not counted."""
        self._began = began
        self._ended = ended
        self._queue: deque[Playback] = deque()
        self._clock = asyncio.get_running_loop().time
        self._due: float | None = None
        self._position = 0

    def add(self, response_id: str | None, item_id: str, sound: bytes) -> None:
        """More of an answer; what belongs to none has no `response_id`."""
        if sum(len(each.sound) - each.played for each in self._queue) > _MOST_BYTES:
            return
        if not self._queue or self._queue[-1].response_id != response_id:
            self._queue.append(Playback(response_id, item_id))
        self._queue[-1].sound += sound

    def finish(self, response_id: str) -> None:
        """An answer has all its sound."""
        for each in self._queue:
            each.whole = each.whole or each.response_id == response_id
        self._leave_ended()

    def clear(self) -> list[Playback]:
        """Forgets what was not played yet; what had begun of it is returned."""
        begun = [each for each in self._queue if each.played]
        self._queue.clear()
        return begun

    async def recv(self) -> AudioFrame:
        """The next frame, when its time has come; raises MediaStreamError once the track was stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._wait()
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME_BYTES // 2)
        frame.planes[0].update(self._next().ljust(_FRAME_BYTES, b"\0"))
        frame.pts = self._position
        frame.sample_rate = PCM16_24K.rate
        frame.time_base = Fraction(1, PCM16_24K.rate)
        self._position += frame.samples
        return frame

    async def _wait(self) -> None:
        now = self._clock()
        if self._due is None or now > self._due + _LATE_SECONDS:
            self._due = now
        await asyncio.sleep(max(0.0, self._due - now))
        self._due += _FRAME_SECONDS

    def _next(self) -> bytes:
        taken = b""
        while self._queue and len(taken) < _FRAME_BYTES:
            head = self._queue[0]
            starts = not head.played and bool(head.sound)
            taken += head.take(_FRAME_BYTES - len(taken))
            if starts:
                self._began(head)
            if not self._leave_ended():
                break
        self.seconds += len(taken) / (PCM16_24K.rate * 2)
        return taken

    def _leave_ended(self) -> bool:
        """Takes the first answer out if it was played to its end; so is sound without an answer as soon as another waits."""
        if not self._queue:
            return False
        head = self._queue[0]
        done = head.whole or (head.response_id is None and len(self._queue) > 1)
        if not done or head.played < len(head.sound):
            return False
        self._queue.popleft()
        self._ended(head)
        return True
