"""Two files in the data folder, for the commands that look for a running proxy, readable by their owner only.

`run.json` says where it listens and holds no token; `control.token` is the token of its control port, new with every start.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "run.json"
CONTROL: Final = "control.token"
_EVERY: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that serves. Addresses are `HOST:PORT`; None where that door is off."""

    pid: int
    gateway: str
    intercept: str | None
    control: str


def write_running(data: Path, running: Running, token: str) -> None:
    """Replaces each file in one step."""
    _write(data / CONTROL, token, running.pid)
    _write(data / NAME, json.dumps(asdict(running)), running.pid)


def remove_running(data: Path, pid: int) -> None:
    """Removes the files of this process; a newer proxy's stay."""
    found = _read(data)
    if found is not None and found.pid == pid:
        (data / NAME).unlink(missing_ok=True)
        (data / CONTROL).unlink(missing_ok=True)


def find_running(data: Path) -> Running | None:
    """The proxy that serves this data folder, or None when there is none or its process is gone."""
    found = _read(data)
    return found if found is not None and _alive(found.pid) else None


def read_token(data: Path) -> str | None:
    """The token of the control port; None where no proxy has left one, or it cannot be read."""
    try:
        return (data / CONTROL).read_text() or None
    except OSError:
        return None


def reached(address: str) -> str:
    """Where a listener for every address of this computer is reached from here."""
    host, _, port = address.rpartition(":")
    return f"{_EVERY.get(host, host)}:{port}"


def _write(target: Path, text: str, pid: int) -> None:
    made = target.with_name(f".{target.name}.{pid}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    made.replace(target)


def _read(data: Path) -> Running | None:
    try:
        return Running(**json.loads((data / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
