"""A terminal taken for a while: keys come one by one and unseen, a change of its size is told, and all is as before when the block ends."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_KEY: Final = re.compile(rb"\x1b\[[0-9;?]*[@-~]|\x1bO[@-~]|[\x00-\x7f]")
_NAMES: Final = {b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down", b"\r": "enter", b"\n": "enter", b"\x1b": "escape"}
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
_OFF: Final = b"\x00"


class Keys:
    """Waits for keys, and for `wake` from any thread."""

    def __init__(self) -> None:
        self._stdin = sys.stdin.fileno()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def wake(self) -> None:
        """End the wait; what is not there any more is not woken."""
        try:
            os.write(self._waker, b".")
        except OSError:  # so much waits already, or nobody does any more
            return

    def wait(self, seconds: float | None = None) -> list[str]:
        """The keys that were pressed, none when it was woken or so many seconds are over. Raises EOFError where the terminal is gone."""
        ready, _, _ = select.select([self._stdin, self._woken], [], [], seconds)
        if self._woken in ready:
            os.read(self._woken, 4096)
        return self._pressed() if self._stdin in ready else []

    def _pressed(self) -> list[str]:
        data = os.read(self._stdin, 1024)
        if not data:
            raise EOFError
        return [_NAMES.get(key, key.decode()) for key in _KEY.findall(data)]


@contextmanager
def keys() -> Iterator[Keys]:
    """SIGTERM and SIGHUP end the block too, as SystemExit; Ctrl-Z is off, since it would leave the screen as it is."""
    found = Keys()
    before = termios.tcgetattr(sys.stdin)
    handlers = {number: signal.signal(number, _end) for number in _ENDINGS}
    handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda number, frame: found.wake())
    try:
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        mode = termios.tcgetattr(sys.stdin)
        mode[6][termios.VSUSP] = _OFF
        termios.tcsetattr(sys.stdin, termios.TCSANOW, mode)
        yield found
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
