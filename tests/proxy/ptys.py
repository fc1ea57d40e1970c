"""A command on a pseudo-terminal: the keys that are pressed, and what it draws."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from proxying import ROOT
from waiting import eventually

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Terminal:
    """A program on a pseudo-terminal: what it wrote, and the last screen it drew."""

    def __init__(self, child: subprocess.Popen[bytes], master: int) -> None:
        self.child = child
        self._master = master
        self.written = ""
        os.set_blocking(master, False)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def mode(self) -> list[Any]:
        return termios.tcgetattr(self._master)

    def screen(self) -> list[str]:
        """The lines since the cursor was sent home for the last time."""
        try:
            while chunk := os.read(self._master, 65536):
                self.written += chunk.decode(errors="replace")
        except (BlockingIOError, OSError):
            pass
        return [line.rstrip() for line in _ESCAPES.sub("", self.written.rpartition("\x1b[H")[2]).splitlines()]

    async def shows(self, *words: str) -> list[str]:
        """The screen, once all of these are on it."""
        return await eventually(lambda: lines if all(word in "\n".join(lines := self.screen()) for word in words) else None)

    async def ends(self) -> int:
        code: int | None = await eventually(lambda: (self.screen(), self.child.poll())[1] is not None)
        assert code
        return int(self.child.returncode)


@contextmanager
def on_a_terminal(*words: str, rows: int = 20, columns: int = 160) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "cli", *words]
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_controlled
    )
    try:
        yield Terminal(child, master)
    finally:
        os.close(slave)
        child.kill()
        child.wait()
        os.close(master)


def _controlled() -> None:
    """The pseudo-terminal is the one that the program's keys come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
